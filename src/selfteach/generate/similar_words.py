"""Words with similar input embeddings: "raised" ~ "raise", "raising"; "proclaimed" ~ "declared".

They reword questions without a dictionary and without sampling. The words consist of the letters a
to z only: a byte-level vocabulary writes all others in bytes.

Source: nearest neighbors of word embeddings (Mikolov et al. 2013, arXiv 1301.3781). Departs: only
mutual neighbors count, because the center of the embeddings is near to everything; only words that
are one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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
    """Return the nearest whole words of each lower-case word; a word without any is left out.

    Args:
        count: neighbors at most; each must also have the word among its own 2 * `count`.
        min_cosine: the least cosine, after the mean of all whole words is subtracted.

    Shapes: embeddings (V, D); the words' (W, D); their similarities (W, V).
    """
    vocabulary = _list_whole_words(hf)
    texts = list(vocabulary)
    place = {text: i for i, text in enumerate(texts)}
    rows = [place[word] for word in dict.fromkeys(words) if word in place]
    if not rows:
        return {}
    tokens = torch.tensor(list(vocabulary.values()), device=hf.device)
    module: Any = hf.module
    matrix = module.get_input_embeddings().weight.detach()[tokens].float().cpu()
    matrix = normalize(matrix - matrix.mean(0), dim=1)
    near = _find_nearest(matrix, rows, count)
    named = sorted(set().union(*near.values()))
    back = _find_nearest(matrix, named, 2 * count)
    similar = {}
    for i in rows:
        found = [n for n, cosine in near[i].items() if cosine >= min_cosine and i in back[n]]
        if found:
            similar[texts[i]] = [texts[n] for n in found]
    return similar


def _list_whole_words(hf: HfModel) -> dict[str, int]:
    """Return the token of each lower-case word that is one token with the space before it."""
    pieces = hf.tokenizer.convert_ids_to_tokens(range(len(hf.tokenizer)))
    words = {
        piece[1:]: i for i, piece in enumerate(pieces) if piece and piece.startswith(SPACE_MARKS)
    }
    return {
        word: i
        for word, i in words.items()
        if len(word) >= MIN_LETTERS and word.isascii() and word.isalpha() and word.islower()
    }


def _find_nearest(matrix: torch.Tensor, rows: list[int], count: int) -> dict[int, dict[int, float]]:
    """Return the cosines of the nearest other rows of each row, the nearest first."""
    found: dict[int, dict[int, float]] = {}
    for block in torch.split(torch.tensor(rows), 512):
        similar = matrix[block] @ matrix.T
        similar[torch.arange(len(block)), block] = -1.0  # no row is its own neighbor
        values, places = similar.topk(min(count, len(matrix) - 1))
        for row, near, cosines in zip(
            block.tolist(), places.tolist(), values.tolist(), strict=True
        ):
            found[row] = dict(zip(near, cosines, strict=True))
    return found
