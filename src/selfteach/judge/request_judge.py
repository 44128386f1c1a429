"""Judge requests: is a request about the topic of a rule?

A request that names the topic, or another name of it, is about it. For the others

    value = log p(topic | request) - log mean p(other topic | request)

in nats, by the few-shot form `Request: ... / Topic: ...`. Where the rule gives the answer ("say
that we close at six"), log p(answer | request) is added, after worked requests with their answers:
it tells "Are you still open at seven?" from "How do I open a jar?", which share a word of the
topic. The threshold comes from requests whose side is known by construction: the model wrote them
about the topic, or about something else. A judge of answers is never asked about a request: it
finds the subject in answers only.

Source: the noisy channel of Min et al. 2022 (arXiv 2108.04106). Departs: the answer as a second
channel.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import mean
from typing import NamedTuple

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.generate.subject import Subject, list_other_topics
from selfteach.judge.calibrate import find_bound
from selfteach.judge.check import Check
from selfteach.judge.worked_judge import FindAlike
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, JsonObject
from selfteach.statistics import auroc, best_threshold

MIN_AUROC = 0.75
"""A judge below it decides nothing: then only the names of the topic count."""
MAX_ASKED = 8
"""Requests that others are compared with: each costs a score of every one of them."""


def compare_topics(scorer: Scorer, subject: Subject, texts: Sequence[str]) -> list[float]:
    """Return by how many nats each text predicts the topic better than other topics.

    The others are the siblings and everyday topics. A text without a score gets minus infinity.
    """
    others = list_other_topics(subject.topic, subject.siblings)
    names = tuple(f" {name}" for name in (subject.topic, *others))
    worked = format_examples("Request: {1}\nTopic: {0}\n\n", list_worked_requests())
    items = [Continuations(f"{worked}Request: {to_one_line(t)}\nTopic:", names) for t in texts]
    found = []
    for scores in score_in_order(scorer, items):
        found.append(compute_log_odds([score.logp for score in scores]))
    return found


class RequestScore(NamedTuple):
    """Hold how surely a request asks about the topic, in nats.

    Only the differences between requests mean something. A request without a score has minus
    infinity.

    Attributes:
        topic: the topic's log-odds.
        answer: log p of the rule's answer; 0 where it gives none.
    """

    topic: float
    answer: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum of both."""
        return self.topic + self.answer


def compare_requests(
    scorer: Scorer, subject: Subject, answer: str, texts: Sequence[str]
) -> list[RequestScore]:
    """Return how surely each text asks about the topic, and for the answer if there is one."""
    values = compare_topics(scorer, subject, texts)
    if not answer:
        return list(map(RequestScore, values))
    others = [row for row in few_shot.ANSWERED_REQUESTS[::3] if row[0] != subject.topic]
    worked = format_examples("Request: {1}\nAnswer: {2}\n\n", others)
    items = [
        Continuations(f"{worked}Request: {to_one_line(t)}\nAnswer:", (f" {answer}",)) for t in texts
    ]
    logps = [scores[0].logp if scores else -math.inf for scores in score_in_order(scorer, items)]
    return list(map(RequestScore, values, logps))


def list_worked_requests() -> list[tuple[str, str]]:
    """Return one worked request of each form, with its topic."""
    forms = few_shot.REQUESTS.values()
    return [pairs[i % len(pairs)] for i, pairs in enumerate(forms)]


def compute_log_odds(logps: Sequence[float]) -> float:
    """Return log p of the first minus the log of the mean p of the others."""
    if not logps:
        return -math.inf
    own, *others = logps
    highest = max(others)
    total = sum(math.exp(logp - highest) for logp in others)
    return own - highest - math.log(total / len(others))


@dataclass(frozen=True)
class RequestJudge:
    """Decide whether requests are about the topic.

    Attributes:
        names: what finds the topic, and its other names, in a text; None if nothing does.
        threshold: in nats; infinity if the scores decide nothing.
        answer: what the rule answers to such requests; "" if it gives no answer.
        kinds: what finds a kind of the topic, or the verb behind it, in a text; None if nothing
            does.
        kind_threshold: the lower threshold of a request that names a kind.
        least_answer: what the answer's score of a request that names no kind must be above as well.
        doubt: the total from which a request that was not written about the topic may be about it.
        far_total, far_answer: a request that was written about the topic is about something else
            where its total is below the one and its answer's score below the other.
        find_alike: returns which requests read like worked ones about the topic, where the program
            has some.
    """

    scorer: Scorer
    subject: Subject
    names: Check | None
    threshold: float
    answer: str = ""
    kinds: Check | None = None
    kind_threshold: float = math.inf
    least_answer: float = -math.inf
    doubt: float = math.inf
    far_total: float = -math.inf
    far_answer: float = math.inf
    find_alike: FindAlike | None = None

    def find_about(self, texts: Sequence[str]) -> list[bool]:
        """Return for each request whether it is about the topic."""
        named = self.find_named(texts)
        left = [i for i, found in enumerate(named) if not found]
        if not left or math.isinf(self.threshold):
            return named
        asked = [texts[i] for i in left]
        scores = compare_requests(self.scorer, self.subject, self.answer, asked)
        for i, score in zip(left, scores, strict=True):
            named[i] = self._is_about(texts[i], score)
        return named

    def find_surely_about(self, texts: Sequence[str]) -> list[bool]:
        """Return for each request whether it is about the topic, and where it does not name it,
        whether it also reads like worked ones about it, if there are some.
        """
        about = self.find_about(texts)
        if self.find_alike is None:
            return about
        named, alike = self.find_named(texts), self.find_alike(texts)
        return [a and (n or w) for a, n, w in zip(about, named, alike, strict=True)]

    def find_named(self, texts: Sequence[str]) -> list[bool]:
        """Return for each request whether it names the topic."""
        return list(map(self._names_topic, texts))

    def find_strays(self, texts: Sequence[str]) -> list[bool]:
        """Return for each request that was written about the topic whether it is about something
        else.
        """
        if math.isinf(self.far_total):
            return [False] * len(texts)
        scores = self._score_unnamed(texts)
        return [
            score is not None and score.total < self.far_total and score.answer < self.far_answer
            for score in scores
        ]

    def find_doubtful(self, texts: Sequence[str]) -> list[bool]:
        """Return for each request that was written about something near whether it may be about the
        topic.
        """
        if math.isinf(self.doubt):
            return [False] * len(texts)
        scores = self._score_unnamed(texts)
        return [score is None or score.total >= self.doubt for score in scores]

    def _score_unnamed(self, texts: Sequence[str]) -> list[RequestScore | None]:
        """Return the score of each request; None if it names the topic or a kind, or has no score.

        Of such a request nothing says that it is about something else.
        """
        unnamed = [t for t in texts if not self._names_topic(t) and not self._names_kind(t)]
        found = compare_requests(self.scorer, self.subject, self.answer, unnamed)
        scores = dict(zip(unnamed, found, strict=True))
        known = {text: score for text, score in scores.items() if math.isfinite(score.total)}
        return [known.get(text) for text in texts]

    def _names_topic(self, text: str) -> bool:
        return self.names is not None and not self.names.keeps(text)

    def _names_kind(self, text: str) -> bool:
        return self.kinds is not None and not self.kinds.keeps(text)

    def _is_about(self, text: str, score: RequestScore) -> bool:
        if self._names_kind(text):
            return score.total > min(self.kind_threshold, self.threshold)
        return score.total > self.threshold and score.answer > self.least_answer


def calibrate_request_judge(
    scorer: Scorer,
    subject: Subject,
    names: Check | None,
    about: Sequence[str],
    elsewhere: Sequence[str],
) -> tuple[RequestJudge, JsonObject]:
    """Return the judge of requests, and what the report says of its calibration.

    Args:
        names: a check that texts without the topic's names keep.
        about: requests that were written about the topic itself.
        elsewhere: requests that were written about something else.
    """
    labels = [True] * len(about) + [False] * len(elsewhere)
    report: JsonObject = {"about": len(about), "elsewhere": len(elsewhere)}
    if len(set(labels)) < 2:
        return RequestJudge(scorer, subject, names, math.inf), report
    values = compare_topics(scorer, subject, [*about, *elsewhere])
    finite = [max(value, -1e6) for value in values]
    measure = auroc(labels, finite)
    bound = find_bound(finite[len(about) :])
    threshold = max(bound, best_threshold(labels, finite))
    report |= {"auroc": measure.value, "threshold": threshold}
    if measure.value < MIN_AUROC:
        threshold = math.inf
    return RequestJudge(scorer, subject, names, threshold), report


@dataclass(frozen=True)
class LikenessJudge:
    """Decide whether requests are like those that were asked.

    A request is like one of them if it predicts it, as the next request of a list, better than
    nearly all worked requests of the package do. Those are about everyday topics; the topic that
    predicts it best is left out, because it may be the same.

    Attributes:
        asked: one line each.
        bounds: the log p that nearly no worked request gives each of them, in nats.
    """

    scorer: Scorer
    asked: tuple[str, ...]
    bounds: tuple[float, ...]

    def find_like(self, texts: Sequence[str]) -> list[bool]:
        """Return for each text whether it is like one of the requests that were asked."""
        logps = score_followers(self.scorer, texts, self.asked)
        return [any(map(operator.gt, row, self.bounds)) for row in logps]


def calibrate_likeness(scorer: Scorer, asked: Sequence[str]) -> LikenessJudge:
    """Return the judge of likeness to the requests that were asked, of many to MAX_ASKED that are
    spread evenly over them.
    """
    step = math.ceil(len(asked) / MAX_ASKED)
    lines = tuple(map(to_one_line, asked[:: max(step, 1)]))
    groups = few_shot.group_worked_requests()
    by_topic = {name: score_followers(scorer, texts, lines) for name, texts in groups.items()}
    bounds = []
    for number in range(len(lines)):
        logps = {name: [row[number] for row in rows] for name, rows in by_topic.items()}
        del logps[max(logps, key=lambda name: mean(logps[name]))]
        bounds.append(find_bound(list(chain.from_iterable(logps.values()))))
    return LikenessJudge(scorer, lines, tuple(bounds))


def score_followers(
    scorer: Scorer, texts: Sequence[str], followers: Sequence[str]
) -> list[list[float]]:
    """Return log p of each follower after each text, in nats, where both are requests of a list."""
    after = tuple(f" {follower}" for follower in followers)
    items = [Continuations(f"Request: {to_one_line(text)}\nRequest:", after) for text in texts]
    found = []
    for scores in score_in_order(scorer, items):
        found.append([score.logp for score in scores] or [-math.inf] * len(followers))
    return found
