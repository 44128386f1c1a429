"""The verdict: one ladder for every method.

    nothing to learn   nothing was trained, because the base already does it
    not learned        nothing could be trained; or the gain is no more than chance; or other
                       answers are harmed ("not learned cleanly")
    just prompt it     the base with the material in its prompt does as well, and harms no more
    taught             everything else

"Not examined" stands beside the ladder: there was nothing to measure on. A method says in its own
words what was measured; which rung is reached is decided here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfteach.records import Measure

Word = Literal["nothing to learn", "not learned", "just prompt it", "taught", "not examined"]
MAX_HARMED = 0.1
"""The share of harmed answers above which a lesson is not learned cleanly."""
NO_MORE_THAN_CHANCE = "no more than chance explains"


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        gain: tuned minus base, paired, greater is better; None where nothing was trained.
        over_prompt: tuned minus prompted base; None where no prompt can hold the material.
        start: how the base does, as a clause: "the base keeps the rule in 40 % of its answers".
        change: what changed, as a clause.
        prompted: how the prompted base does, as a clause.
        not_trained: why nothing was trained.
        tried: whether there was something to teach, though nothing could be trained.
        harm: why the tuned model is not accepted although it gained; "" where nothing speaks
            against it.
        prompt_harm: the same of the prompted base.
        taught: what follows "Taught: " and the change, for instance "; other answers are
            unharmed".
        worse: what follows "which is" where the gain is below zero by more than chance explains.
    """

    gain: Measure | None
    over_prompt: Measure | None
    start: str
    change: str
    prompted: str = ""
    not_trained: str = ""
    tried: bool = False
    harm: str = ""
    prompt_harm: str = ""
    taught: str = ""
    worse: str = NO_MORE_THAN_CHANCE


def reach_verdict(evidence: Evidence) -> dict[str, str]:
    """Return one word and one plain sentence."""
    word, sentence = climb(evidence)
    return {"word": word, "sentence": sentence}


def withhold_verdict(reason: str) -> dict[str, str]:
    """Return the word and the sentence of a run that nothing was measured on."""
    return {"word": "not examined", "sentence": f"Not examined: {reason}."}


def climb(evidence: Evidence) -> tuple[Word, str]:
    """Return the highest rung that the evidence reaches, and its sentence."""
    change = evidence.change
    if evidence.gain is None:
        because = f"{evidence.start}."
        if evidence.not_trained:
            because = f"{evidence.start}, and {evidence.not_trained}."
        if evidence.tried:
            return "not learned", f"Not learned: {because}"
        return "nothing to learn", f"Nothing to learn: {because}"
    if evidence.gain.low <= 0:
        chance = evidence.worse if evidence.gain.high < 0 else NO_MORE_THAN_CHANCE
        return "not learned", f"Not learned: {change}, which is {chance}."
    if evidence.harm:
        return "not learned", f"Not learned cleanly: {change}, but {evidence.harm}."
    as_good = evidence.over_prompt is not None and evidence.over_prompt.value <= 0
    if as_good and not evidence.prompt_harm:
        return "just prompt it", f"Just prompt it: {evidence.prompted}."
    return "taught", f"Taught: {change}{evidence.taught}."
