"""Words that a model treats alike, read off its input embeddings: "raised" ~ "raise", "raising";
"proclaimed" ~ "declared".

For questions in other words than a text's own, without a dictionary and without drawing. Words of
the letters a to z only: a byte-level vocabulary writes all others in bytes.

Source: nearest neighbours of word embeddings (Mikolov et al. 2013, arXiv 1301.3781). Departs: only
neighbours that choose each other, because the centre of the embeddings is near to everything; only
words that are one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel

SPACE_MARKS = ("Ġ", "▁")
"""How byte-level and sentencepiece vocabularies write the space before a word."""
MIN_LETTERS = 3


@torch.inference_mode()
def find_similar_words(
    hf: HfModel, words: Iterable[str], count: int = 4, min_cosine: float = 0.4
) -> dict[str, list[str]]:
    """For each lower-case word its nearest whole words, the nearest first; a word without any is
    left out.

    Args:
        count: neighbours at most; each must also have the word among its own 2 * `count`.
        least: the least cosine, after the mean of all whole words is taken away.

    Shapes: embeddings (V, D); the words' (W, D); their similarities (W, V).
    """
    vocabulary = _list_whole_words(hf)
    asked = [vocabulary[word] for word in dict.fromkeys(words) if word in vocabulary]
    if not asked:
        return {}
    texts = list(vocabulary)
    places = torch.tensor([vocabulary[text] for text in texts])
    weight: torch.Tensor = hf.module.get_input_embeddings().weight  # type: ignore[assignment, operator]
    matrix = weight.detach()[places.to(hf.device)].float().cpu()
    matrix = normalize(matrix - matrix.mean(0), dim=1)
    place = {int(token): i for i, token in enumerate(places)}
    rows = [place[token] for token in asked]
    near = _find_nearest(matrix, rows, count)
    back = {
        n: {m for m, _ in found}
        for n, found in _find_nearest(
            matrix, sorted({n for f in near.values() for n, _ in f}), 2 * count
        ).items()
    }
    kept = {
        texts[i]: [texts[n] for n, cosine in near[i] if cosine >= min_cosine and i in back[n]]
        for i in rows
    }
    return {word: others for word, others in kept.items() if others}


def _list_whole_words(hf: HfModel) -> dict[str, int]:
    """Lower-case words that are one token with the space before them."""
    pieces = hf.tokenizer.convert_ids_to_tokens(range(len(hf.tokenizer)))
    words = {
        piece[1:]: i for i, piece in enumerate(pieces) if piece and piece.startswith(SPACE_MARKS)
    }
    return {
        word: i
        for word, i in words.items()
        if len(word) >= MIN_LETTERS and word.isascii() and word.isalpha() and word.islower()
    }


def _find_nearest(
    matrix: torch.Tensor, rows: list[int], count: int
) -> dict[int, list[tuple[int, float]]]:
    found: dict[int, list[tuple[int, float]]] = {}
    for block in torch.split(torch.tensor(rows), 512):
        similar = matrix[block] @ matrix.T
        similar[torch.arange(len(block)), block] = -1.0  # nobody is his own neighbour
        values, places = similar.topk(min(count, len(matrix) - 1))
        pairs = zip(block.tolist(), places.tolist(), values.tolist(), strict=True)
        found |= {row: list(zip(near, cosines, strict=True)) for row, near, cosines in pairs}
    return found
