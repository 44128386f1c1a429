"""Corrections that people wrote of held-out answers, with likelihoods that can be worked out by
hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripted import Scripted
from selfteach.evaluate.held_out_corrections import (
    MIN_PROMPTS,
    HeldOutAmounts,
    HeldOutCorrection,
    measure_held_out_amounts,
)
from selfteach.evaluate.verdict import reach_verdict
from selfteach.models.recorded import Recorded
from selfteach.records import Message, Prompt, make_prompt
from selfteach.run.ledger import Ledger

BETTER = [-0.4] * 8
EVEN = [0.1, -0.1] * 4
WORSE = [0.5] * 8


def model(folder: Path, colour_nats: float) -> Recorded:
    """A model whose words cost a nat each, but for "colour"."""

    def logp(prompt: Prompt, text: str) -> float:
        return sum(colour_nats if word == "colour" else -1.0 for word in text.split())

    scripted = Scripted(lambda request: "", logp, "m")
    return Recorded(Ledger(folder / "run.db"), scripted, scripted)


def test_the_amount_is_a_mean_by_token_of_each_answer(tmp_path: Path) -> None:
    """-1 a token against (-1 - 1 - 4) / 3 = -2; a correction that only adds words of the same
    likelihood costs nothing.
    """
    pairs = [
        HeldOutCorrection(make_prompt("Q?"), "a color here", "a colour here"),
        HeldOutCorrection(make_prompt("Q?"), "a b", "a b c d e"),
    ]
    prompts = [pair.prompt for pair in pairs]
    assert measure_held_out_amounts(model(tmp_path, -4.0), prompts, pairs) == pytest.approx(
        [1.0, 0.0]
    )
    likes = tmp_path / "likes"
    likes.mkdir()
    assert measure_held_out_amounts(model(likes, -0.4), prompts, pairs) == pytest.approx(
        [-0.2, 0.0]
    )


def test_the_amount_is_of_the_prompt_that_the_model_sees(tmp_path: Path) -> None:
    seen: list[str] = []

    def logp(prompt: Prompt, text: str) -> float:
        seen.append(" ".join(turn.content for turn in prompt))  # type: ignore[union-attr]
        return 0.0

    scripted = Scripted(lambda request: "", logp, "m")
    recorded = Recorded(Ledger(tmp_path / "run.db"), scripted, scripted)
    prompt = (Message("user", "Tea?"), Message("assistant", "A drink."), *make_prompt("Q?"))
    measure_held_out_amounts(recorded, [prompt], [HeldOutCorrection(make_prompt("Q?"), "a", "b")])
    assert set(seen) == {"Tea? A drink. Q?"}


def test_the_numbers_of_each_arm() -> None:
    found = HeldOutAmounts({"base": WORSE, "prompted": EVEN, "tuned": BETTER}).measures(0)
    assert {name: m.value for name, m in found["amount_held_out"].items()} == pytest.approx(
        {"base": 0.5, "prompted": 0.0, "tuned": -0.4}
    )
    assert {name: m.value for name, m in found["preferred"].items()} == {
        "base": 0.0,
        "prompted": 0.5,
        "tuned": 1.0,
    }
    assert HeldOutAmounts({"base": [], "tuned": []}).measures(0) == {
        "amount_held_out": {},
        "preferred": {},
    }


@pytest.mark.parametrize(
    ("base", "prompted", "tuned", "word"),
    [
        (WORSE, EVEN, BETTER, "taught"),
        (WORSE, BETTER, EVEN, "just prompt it"),
        (EVEN, EVEN, EVEN, "not learned"),
        (EVEN, EVEN, WORSE, "not learned"),
    ],
)
def test_they_carry_the_verdict(
    base: list[float], prompted: list[float], tuned: list[float], word: str
) -> None:
    evidence = HeldOutAmounts({"base": base, "prompted": prompted, "tuned": tuned}).evidence(0)
    assert evidence
    assert reach_verdict(evidence)["word"] == word


def test_the_sentence_names_both_numbers() -> None:
    evidence = HeldOutAmounts({"base": WORSE, "prompted": EVEN, "tuned": BETTER}).evidence(0)
    assert evidence
    assert reach_verdict(evidence)["sentence"] == (
        "Taught: of 8 held-out corrections 0 % are preferred to what they correct "
        "before and 100 % after, at an amount of "
        "correction of 0.50 and -0.40 nats a token (shown corrections in the prompt: "
        "50 %, 0.00 nats)."
    )


def test_the_corrections_of_one_prompt_are_one_unit() -> None:
    """Five corrections of one prompt are one answer of chance, and of five prompts they are five.

    By prompt the base needs (.5 + .1) / 2 = .3, .3, .3, ... and the tuned model .1.
    """
    base = [0.5, 0.1] * MIN_PROMPTS
    amounts = {"base": base, "prompted": base, "tuned": [-0.1, 0.3] * MIN_PROMPTS}
    one = HeldOutAmounts(amounts, ["Q?"] * len(base))
    assert (one.enough, one.gains(0), one.evidence(0)) == (False, {}, None)
    assert one.measures(0)["amount_held_out"] == {}, "one prompt has no interval"
    preferred = one.measures(0)["preferred"]["tuned"]
    assert (preferred.value, preferred.n) == (0.5, 1)
    assert preferred.high - preferred.low > 0.5
    several = HeldOutAmounts(amounts, [i // 2 for i in range(len(base))])
    gain = several.gains(0)["base"]
    assert (gain.n, gain.value) == (MIN_PROMPTS, pytest.approx(0.2))
    evidence = several.evidence(0)
    assert evidence
    assert "of 10 held-out corrections of 5 prompts 0 % are" in str(reach_verdict(evidence))


def test_the_interval_covers_where_a_prompt_has_several_corrections() -> None:
    """A difference that is the prompt's own, and no true effect: about 95 of 100 intervals hold 0;
    with each correction as a unit of its own 57 did.
    """
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        effect = np.repeat(rng.normal(0, 0.3, 12), 5) + rng.normal(0, 0.1, 60)
        found = HeldOutAmounts(
            {"base": list(effect), "tuned": [0.0] * 60}, [i // 5 for i in range(60)]
        )
        gain = found.gains(trial)["base"]
        held += gain.low <= 0 <= gain.high
    assert held >= 85


def test_few_prompts_and_no_training_allow_no_conclusion() -> None:
    few = {
        name: [value] * (MIN_PROMPTS - 1)
        for name, value in (("base", 1.0), ("prompted", 1.0), ("tuned", -1.0))
    }
    assert HeldOutAmounts(few).evidence(0) is None
    assert HeldOutAmounts(few).gains(0) == {}
    enough = {name: [*found, found[0]] for name, found in few.items()}
    assert HeldOutAmounts(enough).gains(0).keys() == {"base", "prompted"}
    alone = HeldOutAmounts({"base": WORSE, "prompted": EVEN}).evidence(0)
    assert alone
    assert alone.gain is None
    assert alone.start == ("of 8 held-out corrections the base prefers 0 % to what they correct")
