"""Marks of the exam of documents, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfteach.evaluate.knowledge import attempts, damage, mark, measures, verdict
from selfteach.records import Draw, Measure


def draws(*texts: str) -> list[Draw]:
    return [Draw(str(n), text, "stop", len(text.split())) for n, text in enumerate(texts)]


GOLDS = [("Rankine",), ("1712", "about 1712"), ("Newcomen",), ("steam",)]


def test_marks_by_hand() -> None:
    """Right: the first and the third. F1 of "the Rankine cycle" against "Rankine": 2 * 1 / (2 + 1)."""
    found = mark(draws("the Rankine cycle", "In 1812.", "Newcomen", "I don't know."), GOLDS)
    assert found.right == [True, False, True, False]
    assert found.f1[0] == pytest.approx(2 / 3)
    assert found.attempted == [True, True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ...",
        "I do not know.",
        "I'm sorry, but I cannot say.",
        "It is not mentioned in the text.",
    ],
)
def test_declining_is_no_attempt(text: str) -> None:
    assert not attempts(text)


@pytest.mark.parametrize("text", ["Rankine.", "Nobody knew it before Newcomen."])
def test_answering_is_one(text: str) -> None:
    assert attempts(text)


def test_measures_by_hand() -> None:
    """Base 0 of 4, open book 3 of 4, taught 2 of 4: recovery (2 - 0) / (3 - 0) = 2/3; wrong when
    attempted 1 of 3.
    """
    marked = {
        "base": mark(draws("x", "x", "x", "x"), GOLDS),
        "prompted": mark(draws("Rankine", "1712", "Newcomen", "x"), GOLDS),
        "taught": mark(draws("Rankine", "1812", "Newcomen", "I don't know."), GOLDS),
    }
    found = measures(marked, 0)
    assert [found["contains"][arm].value for arm in marked] == [0, 0.75, 0.5]
    assert found["recovery"].value == pytest.approx(2 / 3)
    assert found["wrong_when_attempted"]["taught"].value == pytest.approx(1 / 3)
    assert found["gain"].value == 0.5


def test_damage_counts_what_was_right_alone() -> None:
    assert damage([True, True, False, True], [True, False, True, True]).value == pytest.approx(
        1 / 3
    )
    assert damage([False], [True]).n == 0


def test_the_verdict_says_what_was_harmed() -> None:
    marked = {
        arm: mark(draws(*["Rankine"] * 4), [("Rankine",)] * 4)
        for arm in ("base", "prompted", "taught")
    }
    gain, none, lost = (
        Measure(0.5, 0.2, 0.8, 4),
        Measure(0.0, -0.1, 0.1, 4),
        Measure(0.3, 0.2, 0.4, 60),
    )

    def said(
        gain: Measure = gain, common: Measure = none, damage: Measure = none, general: float = 0.0
    ) -> dict[str, str]:
        return verdict(marked, gain, common, damage, general)

    assert said()["word"] == "taught"
    assert said()["sentence"].endswith("what was known before is unharmed.")
    some = said(damage=replace(none, value=0.21))
    assert some["word"] == "taught"
    assert some["sentence"].endswith(
        "of what the base answered rightly 21 % is answered wrongly now."
    ), "what was gained does not hide it"
    assert said(damage=replace(none, n=0))["sentence"].endswith(
        "the base knew nothing else that was asked."
    )
    assert (
        said(gain=none)["word"]
        == said(common=lost)["word"]
        == said(general=0.2)["word"]
        == "not learned"
    )
    assert verdict({"base": marked["base"]}, None, None, None, 0.0)["word"] == "nothing to learn"
