"""The `inverse` judge: which rule does this reply break? A noisy channel read backwards.

value = log p(rule | reply) - mean over other rules r' of log p(r' | reply), in nats; the few-shot
form is `Reply: ... / Broken rule: ...`. A small model that cannot say whether a reply breaks a rule
can still say which rule it would be. The other rules are the same sentence with the topic
exchanged, so that wording cancels; a rule without a topic is compared with unrelated ones.

Source: the direction of Min et al. 2022 (noisy channel prompting, arXiv 2108.04106).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from selfteach.generate import few_shot
from selfteach.generate.ask import Subject
from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.records import Continuations

MAX_WORDS = 80


class InverseJudge:
    """Values answers by how well they predict the rule."""

    name = "inverse"

    def __init__(self, scorer: Scorer, rule: str, subject: Subject) -> None:
        self._scorer = scorer
        rules = tuple(f" {r}" for r in (rule, *list_other_rules(rule, subject)))
        self._start = find_common_words(rules)
        self._ends = tuple(rule.removeprefix(self._start) for rule in rules)
        self._worked = "".join(
            f"Reply: {reply}\nBroken rule: {broken}\n\n"
            for reply, broken in few_shot.RULE_VIOLATIONS
        )

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return the judge of a rule; a criticism cannot be compared with other criticisms."""
        if setup.form != "rule":
            return []
        return [cls(setup.scorer, setup.words, setup.subject)]

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Nats by which the reply predicts the rule better than it predicts the other rules. Reads
        the first MAX_WORDS words.
        """
        items = [
            Continuations(
                (
                    f"{self._worked}Reply: {' '.join(answer.split()[:MAX_WORDS])}\nBroken "
                    f"rule:{self._start}"
                ),
                self._ends,
            )
            for _, answer in pairs
        ]
        found = dict(self._scorer.stream_scores(items))
        scores = [[p.logp for p in found[item.id(self._scorer.fingerprint)]] for item in items]
        return [own - sum(rest) / len(rest) for own, *rest in scores]


def list_other_rules(rule: str, subject: Subject) -> tuple[str, ...]:
    """The rules that a rule is compared with."""
    if not subject.topic:
        return few_shot.UNRELATED_RULES
    start = rule.lower().index(subject.topic.lower())
    before, after = rule[:start], rule[start + len(subject.topic) :]
    everyday = [topic for topic, _ in few_shot.SIBLINGS]
    own = subject.topic.lower()
    return tuple(
        dict.fromkeys(
            before + topic + after
            for topic in [*subject.siblings[:3], *everyday[:4]]
            if topic.lower() != own
        )
    )


def find_common_words(texts: Sequence[str]) -> str:
    """The whole words that all texts begin with. Their probability is the same for all, so they
    need to be computed only once.
    """
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False))
    return "".join(letter for letter, *_ in letters).rpartition(" ")[0]
