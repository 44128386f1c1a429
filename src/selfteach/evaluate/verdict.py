"""The verdict: one ladder for every method.

    nothing to learn   nothing was trained, because the base already does it
    not learned        something was there to learn, but nothing could be trained
    not enough prompts chance explains the gain, but it is large, or the prompts are very few; the
                       sentence says if other answers are degraded
    not learned        the gain is no more than chance
    not learned        other answers are degraded ("not learned cleanly")
    not enough prompts something speaks against it, and too few prompts decide whether it is chance
    just prompt it     the base with the material in its prompt does as well, and degrades no more
    partly taught      it is better than before, but not as often as the method asks for
    taught             everything else

The verdict is the first that applies.

"Not examined" is a separate word: there was nothing to measure on. A method describes its
measurements in its own words; this module alone chooses the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from selfteach.records import Measure

Word = Literal[
    "nothing to learn",
    "not learned",
    "just prompt it",
    "not enough prompts",
    "partly taught",
    "taught",
    "not examined",
]
MAX_DEGRADED = 0.1
"""The share of degraded answers above which the material is not learned cleanly."""
MIN_PROMPTS = 60
"""Prompts from which on the middle of an interval above 0 decides that something is harmed."""
MIN_GAIN_PROMPTS = 10
"""Prompts from which on a gain that chance explains is none; with fewer nothing can be told."""
MIN_ANY_PROMPTS = 5
"""Prompts with fewer of which nothing can be told, not even that nothing was learned."""
LARGE_GAIN = 0.1
"""So large a gain that chance explains shows that the prompts are too few, not that it is none."""
TIE = 1e-9
"""Differences of shares below it are rounding: a tuned model that is as good as the prompt."""
NO_MORE_THAN_CHANCE = "no more than chance explains"


@dataclass(frozen=True)
class Evidence:
    """Hold the evidence for a verdict.

    Attributes:
        gain: tuned minus base, paired, greater is better; None if nothing was trained.
        over_prompt: tuned minus prompted base, or minus what is enough of it; None if no prompt
            can hold the material.
        start: how the base does, as a clause: "the base keeps the rule in 40 % of its answers".
        change: what changed, as a clause.
        prompted: how the prompted base does, as a clause.
        not_trained: the reason if nothing was trained.
        could_not_train: whether there was something to teach, although nothing could be trained.
        objection: the reason to reject the tuned model in spite of its gain, or "".
        undecided: what may speak against it, but the prompts are too few to tell, or "".
        too_few: that too few prompts show the gain, or "".
        partial: what is missing for "taught" in spite of the gain, or "".
        prompt_objection: the same as `objection` for the prompted base.
        closing: the words after "Taught: " and the change, for instance "; other answers are
            intact".
        counted: what `n` of the gain counts.
        worse: the words after "which is" if the gain is below zero by more than chance.
    """

    gain: Measure | None
    over_prompt: Measure | None
    start: str
    change: str
    prompted: str = ""
    not_trained: str = ""
    could_not_train: bool = False
    objection: str = ""
    undecided: str = ""
    too_few: str = ""
    partial: str = ""
    prompt_objection: str = ""
    closing: str = ""
    counted: str = "prompt"
    worse: str = NO_MORE_THAN_CHANCE


def is_certain(harm: Measure, limit: float) -> bool:
    """Return whether a harm above a limit counts: there are MIN_PROMPTS prompts and the interval is
    above 0, or the whole interval is above the limit.
    """
    return harm.low > (0.0 if harm.n >= MIN_PROMPTS else limit)


def sort_harms(
    measured: Iterable[tuple[str, Measure]], limit: float
) -> tuple[list[str], list[str]]:
    """Return what speaks against an arm, and what too few prompts leave open (`is_certain`): a
    sentence for each harm above a limit.

    Args:
        measured: what happens to the prompts that are harmed, and how many more they are.
    """
    certain: list[str] = []
    uncertain: list[str] = []
    for what, harm in measured:
        if harm.value > limit:
            finding = f"{100 * harm.value:.0f} % more of {harm.n} {what}"
            (certain if is_certain(harm, limit) else uncertain).append(finding)
    return certain, uncertain


def is_open_gain(gain: Measure) -> bool:
    """Return whether chance explains a gain, but the prompts are too few to call it none.

    With fewer than MIN_ANY_PROMPTS every gain is open.
    """
    is_telling = gain.n >= MIN_GAIN_PROMPTS and gain.value < LARGE_GAIN
    is_gain = gain.low <= 0 < gain.value
    return gain.n < MIN_ANY_PROMPTS or (is_gain and not is_telling)


class Verdict(NamedTuple):
    """Hold a verdict.

    Attributes:
        sentence: the word with its reason.
        harm: whether harm decides: `certain`, or `possible` with too few prompts to tell; "" where
            it does not. It is `certain`, too, where the prompts are too few to tell the gain, and
            enough to tell the harm.
    """

    word: Word
    sentence: str
    harm: Literal["", "possible", "certain"] = ""


def reach_verdict(evidence: Evidence) -> dict[str, str]:
    """Return the verdict as exam.json holds it."""
    return choose_verdict(evidence)._asdict()


def make_not_examined(reason: str) -> dict[str, str]:
    """Return the verdict of a run without any measurement."""
    return Verdict("not examined", f"Not examined: {reason}.")._asdict()


def choose_verdict(evidence: Evidence) -> Verdict:
    """Return the highest verdict that the evidence supports."""
    change = evidence.change
    if evidence.gain is None:
        because = f"{evidence.start}."
        if evidence.not_trained:
            because = f"{evidence.start}, and {evidence.not_trained}."
        if evidence.could_not_train:
            return Verdict("not learned", f"Not learned: {because}")
        return Verdict("nothing to learn", f"Nothing to learn: {because}")
    if is_open_gain(evidence.gain):
        counted = evidence.counted
        asked = f"one {counted}" if evidence.gain.n == 1 else f"{evidence.gain.n} {counted}s"
        sentence = f"Not enough prompts to tell: {change}, on {asked}"
        if evidence.objection:
            sentence = f"{sentence}, and {evidence.objection}."
            return Verdict("not enough prompts", sentence, "certain")
        return Verdict("not enough prompts", f"{sentence}.")
    if evidence.gain.low <= 0:
        chance = evidence.worse if evidence.gain.high < 0 else NO_MORE_THAN_CHANCE
        return Verdict("not learned", f"Not learned: {change}, which is {chance}.")
    if evidence.objection:
        sentence = f"Not learned cleanly: {change}, but {evidence.objection}."
        return Verdict("not learned", sentence, "certain")
    if doubts := " and ".join(filter(None, (evidence.undecided, evidence.too_few))):
        sentence = f"Not enough prompts to tell: {change}, but {doubts}."
        return Verdict("not enough prompts", sentence, "possible" if evidence.undecided else "")
    as_good = evidence.over_prompt is not None and evidence.over_prompt.value < TIE
    if as_good and not evidence.prompt_objection:
        return Verdict("just prompt it", f"Just prompt it: {evidence.prompted}.")
    if evidence.partial:
        return Verdict("partly taught", f"Partly taught: {change}, {evidence.partial}.")
    return Verdict("taught", f"Taught: {change}{evidence.closing}.")
