"""Log-probabilities of the answers of examples, for a dev part or what a comparison holds out."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Example, LogProb


@dataclass(frozen=True)
class ExampleScores:
    """Hold the log-probabilities of the answers of examples under one model.

    Attributes:
        chosen: of each example's answer.
        rejected: of the rejected answers, by the place of their examples.
    """

    chosen: list[LogProb]
    rejected: dict[int, LogProb]

    @property
    def nats(self) -> list[float]:
        """Return the loss of each answer, in nats."""
        return [-logp.logp for logp in self.chosen]

    @property
    def preferred(self) -> list[bool]:
        """Return whether the chosen answer of each pair is more likely, by token."""
        return [
            self.chosen[place].token_logp > other.token_logp
            for place, other in self.rejected.items()
        ]


def score_examples(
    model: Recorded, examples: Sequence[Example], kinds: Set[str] | None = None
) -> ExampleScores:
    """Score the chosen answers, and the rejected ones of pairs.

    Args:
        kinds: of the pairs whose rejected answers are scored; None for all.
    """
    paired = [
        place
        for place, example in enumerate(examples)
        if example.rejected is not None and (kinds is None or example.kind in kinds)
    ]
    items = [make_continuation(example, "chosen") for example in examples]
    items += [make_continuation(examples[place], "rejected") for place in paired]
    logps = [logp for (logp,) in model.score(items)]
    rejected = logps[len(examples) :]
    return ExampleScores(logps[: len(examples)], dict(zip(paired, rejected, strict=True)))


def make_continuation(example: Example, side: Literal["chosen", "rejected"]) -> Continuations:
    """Return one answer of an example for scoring. An answer that was cut has no end of turn."""
    text: str = getattr(example, side)
    return Continuations(example.prompt, (text,), end=side not in example.source.get("cut", ()))


def explain_misfit(model: Recorded, example: Example) -> str:
    """Return why a model cannot score the answers of an example, or ""."""
    chosen = model.explain_misfit(make_continuation(example, "chosen"))
    if chosen or example.rejected is None:
        return chosen
    return model.explain_misfit(make_continuation(example, "rejected"))
