"""Where tokens begin in their text: as decoding every beginning anew finds it, in linear time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from selfteach.models.hf import HfModel
from selfteach.serve.token_places import TokenPlaces
from selfteach.text import REPLACEMENT

TEXTS = (
    "Tell me about music. ",
    "こんにちは世界",
    "é ü ß ",
    "👩‍👩‍👧 🎂",
    "a\ufffdb",
    "\n\n",
    "\ufeff",
)


def find_places_anew(hf: HfModel, ids: Sequence[int], length: int) -> list[int]:
    """Return where the tokens begin that do so before `length`; each beginning is decoded anew."""
    places: list[int] = []
    start = 0
    for end, token in enumerate(ids, start=1):
        if token in hf.end_ids or start >= length:
            break
        places.append(start)
        start = len(hf.decode(list(ids[:end])).rstrip(REPLACEMENT))
    return places


def write_random_answer(hf: HfModel, seed: int) -> list[int]:
    """Return tokens of texts with characters of several bytes, among some that fit nowhere."""
    dice = random.Random(seed)
    ids: list[int] = []
    while len(ids) < 300:
        ids += hf.encode_answer(dice.choice(TEXTS), end=False)
        if dice.random() < 0.2:
            ids += [dice.randrange(len(hf.tokenizer)) for _ in range(dice.randrange(6))]
    return [*(id for id in ids if id not in hf.end_ids), min(hf.end_ids)]


@pytest.mark.parametrize("seed", range(12))
def test_places_are_those_of_decoding_each_beginning(tiny_hf: HfModel, seed: int) -> None:
    ids = write_random_answer(tiny_hf, seed)
    text = tiny_hf.decode(ids).rstrip(REPLACEMENT)
    places = TokenPlaces(tiny_hf)
    dice = random.Random(seed)
    known = shown = 0
    found = []
    while known < len(ids):
        known += dice.randrange(1, 9)
        places.read(ids[:known])
        so_far = tiny_hf.decode(ids[:known]).rstrip(REPLACEMENT)
        end = dice.randrange(shown, max(shown, len(so_far)) + 1)
        found += [places[i] for i in places.find_between(shown, end)]
        shown = end
    found += [places[i] for i in places.find_between(shown, len(text))]
    expected = find_places_anew(tiny_hf, ids, len(text))
    assert len(expected) > 200
    assert found == expected


def test_blanks_that_a_tokenizer_takes_from_the_first_token_are_counted() -> None:
    """As tokenizers of SentencePiece do."""

    class Blanks:
        end_ids: frozenset[int] = frozenset()

        def decode(self, ids: Sequence[int]) -> str:
            return "".join(f" {id % 10}" for id in ids).removeprefix(" ")

    model: Any = Blanks()
    ids = list(range(200))
    places = TokenPlaces(model)
    places.read(ids)
    assert [places[i] for i in places.find_between(0, 1000)] == find_places_anew(model, ids, 1000)
    places = TokenPlaces(model, begun=[7])
    places.read(ids)
    continued = [places[i] for i in places.find_between(0, 1000)]
    assert continued == list(range(0, 400, 2)), "a blank and a digit each"


def test_the_decoded_tokens_grow_with_the_answer(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of four times the tokens needs four times the work: 64 times in cubic time."""
    decode = tiny_hf.decode
    counted = [0]

    def count(ids: Sequence[int]) -> str:
        counted[0] += len(ids)
        return decode(ids)

    monkeypatch.setattr(tiny_hf, "decode", count)
    work = []
    for length in (200, 800):
        ids = tiny_hf.encode_answer("The elephant is 大きい. " * length, end=False)[:length]
        counted[0] = 0
        places = TokenPlaces(tiny_hf)
        for known in range(1, length + 1):
            places.read(ids[:known])
        work.append(counted[0])
    assert work[1] < 5 * work[0]
