"""Find why an answer that keeps the rule is still no example (step 5)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from statistics import mean

from selfteach.dedup.overlap import split_written_words
from selfteach.evaluate.sanity import is_looping
from selfteach.generate.ask import SIMILAR
from selfteach.judge import PromptAnswer
from selfteach.judge.check import Check, Condition, JoinedChecks, WholeCheck
from selfteach.judge.decline import is_decline
from selfteach.judge.occasion import names_occasion
from selfteach.judge.stray_answers import find_stray_answers
from selfteach.judge.word_edits import replace_words
from selfteach.methods.feedback.probe import ProbedPrompt
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import get_check
from selfteach.models.ordered import score_in_order
from selfteach.models.tokens import TOO_LONG_WITH_TEXT
from selfteach.records import Continuations, LogProb, get_user_text, make_prompt

NO_DECLINE = "does not decline"
NEEDLESS_DECLINE = "declines where an answer is possible"
TELLS_NOTHING = "says nothing of what the message is about"
STRAY_ANSWER = "fits another request better"
SAMPLED = ("own", "ruled")
"""The strategies whose answers must be as fluent as the base's."""
UNSCORED = ("given", "decline")
"""The strategies whose answers the base did not write."""
OWN_REQUEST_FIRST = (*SAMPLED, "brief")
"""The strategies whose answers must fit their own request best."""
MIN_NAMED = 0.25
"""The least share of the base's messages that name their occasion, for examples to need it."""
MIN_WORDS = 3
"""The least words of an answer, where the rule's check leaves room for more."""
FLUENCY_QUANTILE = 0.2
"""The share of the base's own answers that may be less fluent than an example."""
MIN_FLUENCY_ANSWERS = 20
"""Answers of the base from which on this share tells; with fewer only the settings' bound counts.
"""


def find_faults(
    session: Session,
    pairs: Sequence[PromptAnswer],
    strategies: Sequence[str],
    min_token_logp: float,
    others: Sequence[str],
    occasions: Mapping[str, str],
) -> list[str]:
    """Return why answers that keep the rule are no answers, or "".

    They are too short, loop, do not fit into the context, are less fluent than the base's own
    answers, say nothing of the request, or fit another request better than their own.

    Args:
        min_token_logp: the least fluency of answers that the base samples, in nats per token.
            Repaired ones, brief ones and a teacher's need search.min_token_logp only; declines and
            the answer that the rule gives need none.
        others: other prompts, which an answer must not fit better.
        occasions: what a message is about, by request.
    """
    check = get_check(session.understood)
    statement = session.understood.statement
    may_decline = not session.understood.forbidden_topic and is_decline(statement)
    rows = list(zip(pairs, strategies, strict=True))
    scored = [pair for pair, strategy in rows if pair[1].strip() and strategy not in UNSCORED]
    items = [Continuations(prompt, (text,), end=True) for prompt, text in scored]
    scores = dict(zip(scored, score_in_order(session.base, items), strict=True))
    reasons = []
    for pair, strategy in rows:
        least = float(session.config.search.min_token_logp)
        if strategy in SAMPLED:
            least = min_token_logp
        occasion = occasions.get(get_user_text(pair[0]), "")
        score = scores.get(pair, ())
        reason = find_fault(
            pair[1], strategy, score, least, occasion, check, may_decline=may_decline
        )
        reasons.append(reason)
    left = [i for i, (_, way) in enumerate(rows) if not reasons[i] and way in OWN_REQUEST_FIRST]
    strays = find_stray_answers(session.base, [pairs[i] for i in left], others)
    for i in compress(left, strays):
        reasons[i] = STRAY_ANSWER
    return reasons


def find_fault(
    answer: str,
    strategy: str,
    score: Sequence[LogProb],
    least: float,
    occasion: str,
    check: Check | None = None,
    *,
    may_decline: bool = False,
) -> str:
    """Return why one answer is none, or "", without a look at other requests.

    Args:
        score: of the answer; empty where it does not fit into the context.
        least: the least fluency, in nats per token.
        occasion: what a message is about, or "".
        check: the rule's, which the answer keeps.
        may_decline: whether what the rule says reads like a decline: "We cannot advise you.".
    """
    if strategy == "given":
        return ""
    if strategy == "decline":
        return "" if is_decline(answer) else NO_DECLINE
    if is_too_short(answer, check):
        return "too short"
    if is_looping(answer):
        return "loops"
    if not score:
        return TOO_LONG_WITH_TEXT
    if score[0].token_logp < least:
        return "makes no sense"
    if strategy != "teacher" and not may_decline and is_decline(answer):
        return NEEDLESS_DECLINE
    return "" if names_occasion(answer, occasion) else TELLS_NOTHING


def is_too_short(answer: str, check: Check | None) -> bool:
    """Return whether an answer has fewer than MIN_WORDS words, though a longer one would keep the
    check as well, and it is none of those between which the check lets choose.

    In scripts without spaces each character counts as a word.
    """
    if len(split_written_words(answer)) >= MIN_WORDS:
        return False
    if not answer.strip() or check is None:
        return True
    return any(map(check.keeps, lengthen(answer))) and not is_choice(answer, check)


def lengthen(answer: str) -> list[str]:
    """Return an answer with MIN_WORDS more words: its first word in front, or its last one behind.

    They are its own words, so that a longer answer has the same language and the same marks.
    """
    first, last = answer.split()[0], answer.split()[-1]
    word = last.rstrip(".!?")
    return [
        " ".join([*[first] * MIN_WORDS, answer]),
        answer.rstrip().removesuffix(last) + " ".join([*[word] * MIN_WORDS, last]),
    ]


def is_choice(answer: str, check: Check) -> bool:
    """Return whether an answer is one of several beginnings of which a check asks for one: "Yes."
    where it is `starts "Yes" or starts "No"`.
    """
    if isinstance(check, WholeCheck):
        return is_choice(answer, check.check)
    if not isinstance(check, JoinedChecks):
        return False
    if check.word == "and":
        return any(is_choice(answer, part) for part in check.checks)
    starts = [one for one in check.checks if isinstance(one, Condition) and one.name == "starts"]
    texts = [one.value.casefold() for one in starts]
    return len(starts) == len(check.checks) and answer.strip(" .!").casefold() in texts


def measure_fluency(session: Session, probed: Sequence[ProbedPrompt]) -> dict[str, float]:
    """Return the fluency of the base's own answers in nats per token, by the id of the answer."""
    pairs = [(p.prompt.text, one) for p in probed for one in p.completions if one.text.strip()]
    items = [
        Continuations(make_prompt(text), (one.text,), end=one.finish == "stop")
        for text, one in pairs
    ]
    scores = score_in_order(session.base, items)
    found = {one.id: -math.inf for p in probed for one in p.completions}
    found |= {one.id: s[0].token_logp for (_, one), s in zip(pairs, scores, strict=True) if s}
    return found


def find_least_fluency(session: Session, fluency: Mapping[str, float]) -> float:
    """Return the low quantile of the fluency of the base's own answers.

    It is the settings' bound if there are too few answers.
    """
    least = float(session.config.search.min_token_logp)
    known = sorted(value for value in fluency.values() if math.isfinite(value))
    if len(known) < MIN_FLUENCY_ANSWERS:
        return least
    return max(least, known[int(FLUENCY_QUANTILE * len(known))])


def is_about_messages(session: Session) -> bool:
    """Return whether a rule holds for messages that are to be written."""
    situation = session.understood.situation
    return situation is not None and situation.kind == "writing"


def find_occasions(session: Session, probed: Collection[ProbedPrompt]) -> dict[str, str]:
    """Return what each message is about, by request.

    It is empty unless the rule is about messages, and the base's own messages are about their
    occasions often enough to ask that of an example.
    """
    if not is_about_messages(session):
        return {}
    replacements = session.understood.replacements
    built = [p for p in probed if p.prompt.form != SIMILAR]  # the others have no occasion
    occasions = {p.prompt.text: widen_occasion(p.prompt.subject, replacements) for p in built}
    named = [names_occasion(one.text, p.prompt.subject) for p in built for one in p.violations]
    return occasions if named and mean(named) >= MIN_NAMED else {}


def widen_occasion(occasion: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Return what a message is about, also in the words that the rule writes for others: "we miss
    our customers we miss our guests".
    """
    replaced = replace_words(occasion, replacements)
    return occasion if replaced == occasion else f"{occasion} {replaced}"
