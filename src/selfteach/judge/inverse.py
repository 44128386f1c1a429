"""The `inverse` judge: which rule does this reply break? A noisy channel in reverse.

value = log p(rule | reply) - mean over other rules r' of log p(r' | reply), in nats; the few-shot
form is `Reply: ... / Broken rule: ...`. A small model that cannot say whether a reply breaks a rule
can still say which rule it would be. The other rules are the same sentence with another
topic, so that wording cancels; a rule without a topic is compared with unrelated ones.

Source: the direction of Min et al. 2022 (noisy channel prompting, arXiv 2108.04106).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from os.path import commonprefix

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples
from selfteach.generate.subject import Subject
from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, JsonMapping, JsonObject, LogProb

MAX_WORDS = 80
"""Words of a reply that are read."""


class InverseJudge:
    """Score answers by how well they predict the rule.

    An answer without a score counts as broken (infinity).
    """

    name = "inverse"

    def __init__(self, scorer: Scorer, rule: str, subject: Subject) -> None:
        self._scorer = scorer
        rules = tuple(f" {r}" for r in (rule, *list_other_rules(rule, subject)))
        self._start = find_common_words(rules)
        self._ends = tuple(rule.removeprefix(self._start) for rule in rules)
        template = "Reply: {}\nBroken rule: {}\n\n"
        self._worked = format_examples(template, few_shot.RULE_VIOLATIONS)

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return the judge of a rule; a criticism cannot be compared with other criticisms."""
        if setup.form != "rule":
            return []
        return [cls(setup.scorer, setup.words, setup.subject)]

    def describe(self) -> JsonObject:
        """Return the rule, the others and the worked examples as they are asked, for a record."""
        return {"start": self._start, "ends": list(self._ends), "worked": self._worked}

    @classmethod
    def from_record(cls, record: JsonMapping, scorer: Scorer, open_teacher: object) -> Judge:
        """Return the judge of a record: it asks as it did, not as a new one does."""
        judge = cls(scorer, "", Subject(""))
        judge._start = str(record["start"])
        judge._ends = tuple(map(str, record["ends"]))
        judge._worked = str(record["worked"])
        return judge

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Return by how many nats the reply predicts the rule better than the other rules.

        Only the first MAX_WORDS words of the reply count.
        """
        replies = [" ".join(answer.split()[:MAX_WORDS]) for _, answer in pairs]
        items = []
        for reply in dict.fromkeys(replies):
            prompt = f"{self._worked}Reply: {reply}\nBroken rule:{self._start}"
            items.append(Continuations(prompt, self._ends))
        scores = map(compare_rules, score_in_order(self._scorer, items))
        value_of = dict(zip(dict.fromkeys(replies), scores, strict=True))
        return [value_of[reply] for reply in replies]


def compare_rules(scores: Sequence[LogProb]) -> float:
    """Return by how many nats the first rule is more likely than the others; infinity where there
    is no score.
    """
    if not scores:
        return math.inf
    own, *others = scores
    return own.logp - sum(other.logp for other in others) / len(others)


def list_other_rules(rule: str, subject: Subject) -> tuple[str, ...]:
    """Return the rules to compare a rule with."""
    named = find_topic(rule, subject.topic)
    if not subject.topic or not subject.forbidden or not named:
        return few_shot.UNRELATED_RULES
    before, after = rule[: named.start()], rule[named.end() :]
    everyday = [topic for topic, _ in few_shot.SIBLINGS]
    own = subject.topic.lower()
    return tuple(
        dict.fromkeys(
            before + topic + after
            for topic in [*subject.siblings[:3], *everyday[:4]]
            if topic.lower() != own
        )
    )


def find_topic(rule: str, topic: str) -> re.Match[str] | None:
    """Return where a rule names its topic: as whole words, or else where a word begins with it
    ("elephants"), or else anywhere, as in scripts without spaces. "Do not explain AI" names it at
    the end.
    """
    word = re.escape(topic)
    patterns = (rf"(?<!\w){word}(?!\w)", rf"(?<!\w){word}", word)
    return next(filter(None, (re.search(one, rule, re.I) for one in patterns)), None)


def find_common_words(texts: Sequence[str]) -> str:
    """Return the whole words with which all texts begin.

    Their probability is the same for all, so they need to be computed only once.
    """
    return commonprefix(texts).rpartition(" ")[0]  # noqa: RUF071 (letters, not paths)
