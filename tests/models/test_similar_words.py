"""Words that a model treats alike: neighbors that choose each other, and only words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from selfteach.generate.similar_words import find_similar_words
from selfteach.models.hf import HfModel

PIECES = {
    "Ġraise": (1.0, 0.1),
    "Ġraised": (1.0, 0.0),
    "Ġhut": (-1.0, 0.2),
    "Ġhouse": (-1.0, 0.0),
    "Ġthe": (0.3, -1.0),
    "raiser": (1.0, 0.05),
}


class Pieces:
    """A tokenizer as far as it is asked here."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.pieces)

    def convert_ids_to_tokens(self, ids: range) -> list[str]:
        return [self.pieces[i] for i in ids]


def model(pieces: dict[str, tuple[float, float]]) -> SimpleNamespace:
    embedding = SimpleNamespace(weight=torch.tensor(list(pieces.values())))
    module = SimpleNamespace(get_input_embeddings=lambda: embedding)
    return SimpleNamespace(
        tokenizer=Pieces(list(pieces)), module=module, device=torch.device("cpu")
    )


def test_the_nearest_whole_word_is_alike_and_a_piece_of_one_is_not() -> None:
    found = find_similar_words(model(PIECES), ["raised", "house", "unknown"], count=1)  # type: ignore[arg-type]
    assert found == {"raised": ["raise"], "house": ["hut"]}


def test_a_word_that_is_near_to_nothing_has_none() -> None:
    assert "the" not in find_similar_words(model(PIECES), ["the"])  # type: ignore[arg-type]


def test_a_neighbour_must_choose_the_word_too() -> None:
    crowd = {f"Ġcrowd{c}": (1.0, n / 100) for n, c in enumerate("abcdef")}
    pieces = {"Ġfar": (1.0, 0.9), "Ġother": (-1.0, 0.0), **crowd}
    found = find_similar_words(model(pieces), ["far", "crowda"], count=1, min_cosine=0.0)  # type: ignore[arg-type]
    assert "far" not in found
    assert found["crowda"] == ["crowdb"]


def test_a_real_tokenizer_yields_words_of_its_own(tiny_hf) -> None:  # type: ignore[no-untyped-def]
    found = find_similar_words(tiny_hf, ["elephant", "rule", "music", "xyzzy"], min_cosine=-1.0)
    words = {piece[1:] for piece in tiny_hf.tokenizer.get_vocab() if piece.startswith("Ġ")}
    assert "xyzzy" not in found
    assert all(set(others) <= words - {word} for word, others in found.items())


@pytest.mark.slow
def test_the_embedded_model_knows_inflections(embedded) -> None:  # type: ignore[no-untyped-def]
    found = find_similar_words(HfModel.load(str(embedded)), ["raised", "proclaimed"])
    assert "raise" in found["raised"]
    assert "declared" in found["proclaimed"]
