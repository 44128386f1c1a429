"""Words of two spellings: each is wrong in one variety, and its other spelling is right there."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.spelling import (
    SPELLINGS,
    VARIETIES,
    is_spelled,
    load_respellings,
    respell,
)

PAIRS = [
    ("The colors of our favorite theater.", "The colours of our favourite theatre."),
    ("He traveled and analyzed it.", "He travelled and analysed it."),
    ("Organizations apologize; DEFENSE!", "Organisations apologise; DEFENCE!"),
    ("Gray is fulfilling, skillfully centered.", "Grey is fulfilling, skilfully centred."),
]


@pytest.mark.parametrize(("american", "british"), PAIRS)
def test_a_text_is_respelled_both_ways(american: str, british: str) -> None:
    assert respell("british", american) == british
    assert respell("american", british) == american


@pytest.mark.parametrize("variety", VARIETIES)
def test_no_respelling_is_wrong_in_its_variety(variety: str) -> None:
    wrong = load_respellings(variety)
    assert len(wrong) > 1000
    assert not set(wrong) & set(wrong.values())


@pytest.mark.parametrize("text", ["A check on programs and practice.", "Analyses of meters.", "Çà"])
def test_words_of_both_varieties_are_right(text: str) -> None:
    assert is_spelled("british", text)
    assert is_spelled("american", text)


def test_the_table_names_no_word_twice() -> None:
    rows: dict[str, list[str]] = {}
    endings = ""
    for line in SPELLINGS.read_text("utf-8").splitlines():
        if line.startswith("endings:"):
            endings = line
        elif line and not line.startswith("#"):
            rows.setdefault(endings, []).append(line.split()[0])
    assert all(len(set(words)) == len(words) for words in rows.values())
