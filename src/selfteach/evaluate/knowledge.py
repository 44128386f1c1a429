"""What is known without the document: held-out questions answered by the base, by the base with the
document in its prompt, and after.

    contains    the answer holds one of the right answers, as whole words; f1: SQuAD's token-F1
    against the best of them attempted   the answer does not decline; wrong_when_attempted: of
    those, the share without a right answer recovery    (taught - base) / (open book - base)
    damage      of the questions that the base answers rightly, the share that the taught model does
    not

Source: SQuAD (Rajpurkar et al. 2016) for f1; Self-Learning-llm (arXiv 2406.11275) for the arms.
Departs: `contains` is kind to long answers, so their length stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfteach import statistics
from selfteach.evaluate.metrics import best_over
from selfteach.evaluate.sanity import empty
from selfteach.records import Draw, Measure

LEAST_HARM = 0.1
NOTABLE_LOSS = 0.03
"""More of the common questions than this is said, also where it may be chance."""
_DECLINES = re.compile(
    r"\b(?:I (?:do not|don['’]t|cannot|can['’]t) "
    r"(?:know|say|answer|find|recall|provide)|I['’]?m (?:not sure|sorry|unable)|"
    r"I am (?:not sure|sorry|unable)|(?:is|are) not (?:known|mentioned|given|stated)|no "
    r"information)\b",
    re.I,
)


@dataclass(frozen=True)
class Marked:
    """One arm's answers to questions with known answers, marked. In the order of the questions."""

    draws: Sequence[Draw]
    right: list[bool]
    f1: list[float]
    attempted: list[bool]


def mark(draws: Sequence[Draw], golds: Sequence[Sequence[str]]) -> Marked:
    """Holds each answer against its right ones."""
    rows = list(zip(draws, golds, strict=True))
    return Marked(
        draws,
        [bool(best_over(gold, d.text, "contains")) for d, gold in rows],
        [best_over(gold, d.text) for d, gold in rows],
        [attempts(d.text) for d in draws],
    )


def attempts(answer: str) -> bool:
    """Whether an answer answers: it is neither empty nor says that it cannot."""
    return not empty(answer) and not _DECLINES.search(answer)


def measures(marked: Mapping[str, Marked], seed: int) -> dict[str, Any]:
    """The numbers of each arm, with 95 % intervals by question; and the recovery, where the open
    book helps.
    """
    found: dict[str, Any] = {
        "contains": {arm: statistics.share(m.right) for arm, m in marked.items()},
        "f1": {
            arm: statistics.mean(m.f1, seed=seed, limits=(0.0, 1.0)) for arm, m in marked.items()
        },
        "wrong_when_attempted": {
            arm: statistics.share(
                [not r for r, tried in zip(m.right, m.attempted, strict=True) if tried]
            )
            for arm, m in marked.items()
        },
        "length_tokens": {
            arm: statistics.mean([d.tokens for d in m.draws], seed=seed)
            for arm, m in marked.items()
        },
    }
    if "taught" in marked:
        arms = [marked[arm].right for arm in ("taught", "prompted", "base")]
        found["recovery"] = statistics.recovery(*arms, seed=seed)
        found["gain"] = statistics.paired_bootstrap(
            marked["taught"].right, marked["base"].right, seed=seed
        )
    return found


def damage(before: Sequence[bool], after: Sequence[bool]) -> Measure:
    """Of what was answered rightly before, the share that is not any more."""
    return statistics.share([not now for was, now in zip(before, after, strict=True) if was])


def verdict(
    marked: Mapping[str, Marked],
    gain: Measure | None,
    common: Measure | None,
    lost: Measure | None,
    general: float,
) -> dict[str, str]:
    """One word and one plain sentence.

    Args:
        gain: taught minus base, paired; None where nothing was trained.
        common: the loss on questions that many people can answer, base minus taught.
        lost: `damage`, of what the base answered rightly.
        general: share of the general answers that are harmed.
    """
    said = {arm: f"{100 * sum(m.right) / max(len(m.right), 1):.0f} %" for arm, m in marked.items()}
    start = f"the base answers {said['base']} of the held-out questions"
    if gain is None or "taught" not in marked:
        return {
            "word": "nothing to learn",
            "sentence": f"Nothing to learn: {start}, and nothing was trained.",
        }
    change = (
        f"{said['base']} of the held-out questions are answered before and {said['taught']} "
        f"after, open book {said['prompted']}"
    )
    if gain.low <= 0:
        return {
            "word": "not learned",
            "sentence": f"Not learned: {change}; that is no more than chance explains.",
        }
    if general > LEAST_HARM or (common is not None and common.low > LEAST_HARM / 2):
        return {
            "word": "not learned",
            "sentence": f"Not learned cleanly: {change}, but answers to other questions are harmed.",
        }
    if lost is None or not lost.n:
        kept = "the base knew nothing else that was asked"
    elif lost.value <= NOTABLE_LOSS:
        kept = "what was known before is unharmed"
    else:
        kept = f"of what the base answered rightly {100 * lost.value:.0f} % is answered wrongly now"
    return {"word": "taught", "sentence": f"Taught: {change}; {kept}."}
