"""Decide which requests are in scope (step 3): a judge of requests, never one of answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, compress
from statistics import median

import numpy as np

from selfteach.errors import DataError, UsageError
from selfteach.evaluate.scopes import TARGET
from selfteach.generate.ask import ASKED, TWIN, GeneratedPrompt
from selfteach.generate.subject import Subject, list_alternatives
from selfteach.judge.check import Check, parse_check
from selfteach.judge.request_judge import (
    RequestJudge,
    calibrate_request_judge,
    compare_requests,
)
from selfteach.judge.worked_judge import learn_worked_requests
from selfteach.materials.rules.inflection import list_verb_forms, to_singular
from selfteach.materials.rules.scopes.closed_questions import is_closed_question
from selfteach.materials.rules.scopes.message_kinds import (
    CLOSED_QUESTION,
    is_message_kind,
    list_talk_words,
)
from selfteach.materials.rules.scopes.situation import is_topical_text, name_written_topic
from selfteach.methods.feedback.understand_rule import WHEN_CURE
from selfteach.methods.feedback.worked_prompts import list_worked_sides
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import get_subject_check, make_topic_detector
from selfteach.select.other_names import quote

WRONG_SIDE = "is on the other side of the condition"
OTHER_NAME = "names the subject by another name"
MAX_CALIBRATED = 80
"""Requests of each side on which the judge of requests is calibrated."""
MIN_ELSEWHERE = 20
"""Requests about something else, for a threshold; with fewer only the topic's name counts."""
ELSEWHERE_QUANTILE = 0.98
"""The share of requests about something else that a request without the topic's name must beat. At
.95 a third of the lessons of "Use bullet points in recipes." were about something else ("How can I
make my own craft?").
"""
DOUBT_QUANTILE = 0.9
"""The share that a request about a word of the topic's name may beat and still be about something
else: "How many hours has a day?" beside opening hours. "Do you open on Sundays?" beats more.
"""
KIND_QUANTILE = 0.75
"""The same share for a request that names a frequent kind of the topic. At .98 nearly all requests
about "internet" were beside "wifi"; without a bound "How does the internet work?" is about it.
"""

ANSWER_QUANTILE = 0.95
"""The share of requests about something else that the rule's answer must fit less, where a request
names neither the topic nor a kind. Without it 40 of 75 such lessons about opening hours were about
something else ("Do you have a shop with a window?").
"""


def choose_request_judge(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> RequestJudge | None:
    """Calibrate the judge of requests (step 3); a rule without a topic needs none.

    Where a rule holds for a topic, a score alone lets in what the model wrote beside the topic:
    see `make_asked_judge`.
    """
    subject = session.understood.subject
    if not subject.topic:
        return None
    if not session.understood.forbidden_topic:
        apart = [p.text for p in prompts if p.scope != TARGET and not may_be_asked(p, subject)]
        return make_asked_judge(session, apart)
    names = (subject.topic, *list_alternatives(subject.topic))
    own = [p.text for p in prompts if p.scope == TARGET and p.subject in names]
    others = [p.text for p in prompts if p.scope != TARGET]
    judge, report = calibrate_request_judge(
        session.base,
        subject,
        get_subject_check(session.understood),
        own[:MAX_CALIBRATED],
        others[:MAX_CALIBRATED],
    )
    session.run.ledger.set_note("request_judge", report)
    return judge


def make_asked_judge(session: Session, elsewhere: Sequence[str]) -> RequestJudge:
    """Return the judge of requests that ask about a topic.

    A request that names the topic is about it. Any other one must predict the topic, and the answer
    where the rule gives one, better than nearly all requests about something else do: "Until when
    are you open?", and not "I cannot open my door.". A request that names a kind of the topic, or
    the verb behind it ("park" of parking), must predict it better than most of them do. Of a kind
    of message the words decide alone. Where there are worked requests about the topic, a request
    without its name must read like them, too, to be in scope.

    Args:
        elsewhere: the requests that were written about something else.
    """
    subject = session.understood.subject
    answer = session.understood.answer
    names = make_topic_check(subject)
    outside = [text for text in elsewhere if names.keeps(text)]
    if len(outside) < MIN_ELSEWHERE or is_message_kind(subject.topic):
        return RequestJudge(session.base, subject, names, math.inf)
    scores = compare_requests(session.base, subject, answer, outside)
    totals = [score.total for score in scores]
    threshold, doubt, kind_threshold = (
        float(np.quantile(totals, share, method="higher"))
        for share in (ELSEWHERE_QUANTILE, DOUBT_QUANTILE, KIND_QUANTILE)
    )
    kinds = [*list_name_forms(subject.kinds), *list_verb_forms(subject.topic)]
    worked, others = list_worked_sides(session)
    judge = RequestJudge(
        session.base,
        subject,
        names,
        threshold,
        answer,
        kinds=make_absence_check(kinds) if kinds else None,
        kind_threshold=kind_threshold,
        doubt=doubt,
        find_alike=learn_worked_requests(worked, others) if worked else None,
    )
    if not answer:
        return replace(judge, far_total=median(totals))
    answers = [score.answer for score in scores]
    least = float(np.quantile(answers, ANSWER_QUANTILE, method="higher"))
    return replace(judge, least_answer=least, far_total=kind_threshold, far_answer=median(answers))


class NoClosedQuestion:
    """Test that a text is no question which wants a yes or a no."""

    def keeps(self, answer: str) -> bool:
        """Return whether the text is none."""
        return not is_closed_question(answer)


def make_topic_check(subject: Subject) -> Check:
    """Return the check that texts without the topic's name keep.

    A word that the model lists with the topic may be its name, spelled otherwise: "Wi-Fi" of wifi.
    """
    if subject.topic == CLOSED_QUESTION:
        return NoClosedQuestion()
    if is_message_kind(subject.topic):
        return make_absence_check(list_talk_words(subject.topic))
    names = list_alternatives(subject.topic)
    letters = set(map(join_letters, names))
    names += [word for word in subject.words if join_letters(word) in letters]
    return make_absence_check(list_name_forms(names))


def join_letters(name: str) -> str:
    """Return a name in small letters without spaces and hyphens."""
    return re.sub("[ -]", "", name.lower())


def list_name_forms(names: Sequence[str]) -> list[str]:
    """Return the names and their singulars, also with other marks between their parts: "check-in"
    as "check in" and "checkin".
    """
    spelled = [form for name in names for form in (name, to_singular(name))]
    return [
        form
        for name in spelled
        for form in (name, name.replace("-", " "), name.replace("-", ""), name.replace(" ", "-"))
    ]


def make_absence_check(names: Sequence[str]) -> Check:
    """Return the check that texts without any of the names keep."""
    conditions = [f'contains "{quote(name)}"' for name in dict.fromkeys(names)]
    return parse_check(f"not ({' or '.join(conditions)})")


def keep_prompts_in_scope(
    session: Session, parts: Mapping[str, list[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Drop prompts on the wrong side of a rule that holds where a topic comes up, and prompts
    beside a forbidden subject that name it by another name (step 3).

    Raises:
        DataError: no request meets the condition.
        UsageError: an objective is to be chosen on dev, and no request to try it on is left there.
    """
    if session.understood.forbidden_topic:
        kept = drop_naming(session, parts)
    elif session.request_judge is None:
        kept = dict(parts)
    else:
        kept = drop_wrong_side(session, parts, session.request_judge)
    check_dev_part(session, kept["dev"])
    return kept


def check_dev_part(session: Session, dev: Sequence[GeneratedPrompt]) -> None:
    """Check that dev has a request to try the objectives on, where one is to be chosen.

    Raises:
        UsageError: it has none.
    """
    if session.config.train.objective != "auto" or any(p.scope == TARGET for p in dev):
        return
    raise UsageError(
        "no request to try the objectives on is in the dev part.",
        where="train.objective=auto",
        cure=(
            "Ask for more with --set ask.target=N or ask.dev_share=S, or name one: "
            "--set train.objective=sft+dpo."
        ),
    )


def drop_wrong_side(
    session: Session, parts: Mapping[str, list[GeneratedPrompt]], judge: RequestJudge
) -> dict[str, list[GeneratedPrompt]]:
    """Return the parts without the prompts on the wrong side of a condition. A neighbor about a
    word of the topic's name must not even be doubtful.

    A prompt that was written about the topic and is surely about something else becomes a neighbor:
    "How do I open the door?" beside opening hours. It is the kind that people ask, and that takes
    the rule's effect without need.

    Raises:
        DataError: no training prompt, or no exam prompt, meets the condition.
    """
    kept: dict[str, list[GeneratedPrompt]] = {}
    ids = [prompt.id for own in parts.values() for prompt in own]
    with session.run.ledger.open_funnel("scope", ids) as funnel:
        for name, own in parts.items():
            strays = judge.find_strays([prompt.text for prompt in own])
            placed = [
                replace(prompt, scope="near") if may_stray(prompt) and strayed else prompt
                for prompt, strayed in zip(own, strays, strict=True)
            ]
            kept[name] = []
            sure = judge.find_surely_about([prompt.text for prompt in placed])
            insiders = find_insiders(judge, placed)
            for prompt, inside, surely in zip(placed, insiders, sure, strict=True):
                right = is_on_right_side(prompt, inside=inside, surely=surely)
                funnel.decide(prompt.id, "" if right else WRONG_SIDE, {"text": prompt.text})
                kept[name] += [prompt] if right else []
    for name in ("train", "test"):
        if not any(prompt.scope == TARGET for prompt in kept[name]):
            topic = session.understood.subject.topic
            raise DataError(
                f'the model wrote no requests that meet the condition "{topic}".',
                cure=WHEN_CURE,
            )
    return kept


def is_on_right_side(prompt: GeneratedPrompt, *, inside: bool, surely: bool) -> bool:
    """Return whether a prompt has the scope that it was written for.

    A worked request in scope always has. With a kind in the place of the topic's name ("internet"
    for wifi) a prompt need not read like the worked ones, which hold few kinds.

    Args:
        inside: whether it is, or may be, about the topic.
        surely: whether it surely is.
    """
    if prompt.scope != TARGET:
        return not inside
    if prompt.form == ASKED:
        return True
    return inside if prompt.form == TWIN else surely


def drop_naming(
    session: Session, parts: Mapping[str, list[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Return the parts without the prompts outside the scope that name the forbidden subject.

    Its other names were found after the prompts were written.
    """
    names_subject = make_topic_detector(session.understood)
    if names_subject is None:
        return dict(parts)
    outside = [p for p in chain.from_iterable(parts.values()) if p.scope != TARGET]
    naming = [names_subject(prompt.text) for prompt in outside]
    record_scope(session, outside, naming, OTHER_NAME)
    dropped = {prompt.id for prompt in compress(outside, naming)}
    kept: dict[str, list[GeneratedPrompt]] = {}
    for name, own in parts.items():
        kept[name] = [prompt for prompt in own if prompt.id not in dropped]
    return kept


def record_scope(
    session: Session, prompts: Sequence[GeneratedPrompt], wrong: Sequence[bool], reason: str
) -> None:
    """Record which prompts are dropped for a reason of the scope."""
    with session.run.ledger.open_funnel("scope", [prompt.id for prompt in prompts]) as funnel:
        for prompt, is_wrong in zip(prompts, wrong, strict=True):
            funnel.decide(prompt.id, reason if is_wrong else "", {"text": prompt.text})


def drop_strays(session: Session, prompts: Sequence[GeneratedPrompt]) -> list[GeneratedPrompt]:
    """Return the prompts that meet the condition of a rule, of prompts that are like such ones.

    The model writes them by continuing a list, and may leave the topic or write to somebody else.
    """
    situation = session.understood.situation
    judge = session.request_judge
    if situation is None:
        return list(prompts)
    if situation.kind == "writing":
        missing = [make_absence_check(situation.names)]
        if topic := name_written_topic(situation):
            words = [topic, *session.understood.subject.words]
            missing.append(make_absence_check(list_name_forms(words)))
        inside = [not any(one.keeps(prompt.text) for one in missing) for prompt in prompts]
    elif is_topical_text(situation):
        names_genre = make_absence_check(list_name_forms([situation.genre]))
        inside = [not names_genre.keeps(prompt.text) for prompt in prompts]
    elif judge is not None:
        inside = judge.find_surely_about([prompt.text for prompt in prompts])
    else:
        return list(prompts)
    record_scope(session, prompts, [not one for one in inside], WRONG_SIDE)
    return list(compress(prompts, inside))


def may_stray(prompt: GeneratedPrompt) -> bool:
    """Return whether the model wrote a prompt about the topic, which it may have left."""
    return prompt.scope == TARGET and prompt.form != ASKED


def may_be_asked(prompt: GeneratedPrompt, subject: Subject) -> bool:
    """Return whether a neighbor may be about the topic after all: it is about a word of its name,
    or it is a worked request, whose own topic may be another name of it.
    """
    return prompt.form == ASKED or prompt.subject in subject.name_words


def find_insiders(judge: RequestJudge, prompts: Sequence[GeneratedPrompt]) -> list[bool]:
    """Return for each prompt whether it meets the condition of a rule, or may meet it though it was
    written about a word of the topic's name.

    A doubtful worked request stays: its topic is another one, and the neighbors that are hardest to
    tell from requests in scope teach most ("How do I send this lamp back?" beside delivery).
    """
    texts = [prompt.text for prompt in prompts]
    words = judge.subject.name_words
    return [
        about or (doubtful and prompt.scope != TARGET and prompt.subject in words)
        for prompt, about, doubtful in zip(
            prompts, judge.find_about(texts), judge.find_doubtful(texts), strict=True
        )
    ]


def drop_insiders(session: Session, prompts: Sequence[GeneratedPrompt]) -> list[GeneratedPrompt]:
    """Return the prompts that are outside the condition of a rule, of prompts written as such."""
    judge = session.request_judge
    if judge is None or session.understood.forbidden_topic:
        return list(prompts)
    inside = find_insiders(judge, prompts)
    record_scope(session, prompts, inside, WRONG_SIDE)
    return [prompt for prompt, is_inside in zip(prompts, inside, strict=True) if not is_inside]


def find_about_subject(session: Session, prompts: Sequence[GeneratedPrompt]) -> set[str]:
    """Return the ids of prompts that are about a forbidden subject."""
    judge = session.request_judge
    if judge is None or not session.understood.forbidden_topic:
        return set()
    about = judge.find_about([prompt.text for prompt in prompts])
    return {prompt.id for prompt in compress(prompts, about)}


def find_naming_subject(session: Session, prompts: Sequence[GeneratedPrompt]) -> set[str]:
    """Return the ids of prompts that name a forbidden subject.

    Without a check nothing tells a name, and those count that are about the subject.
    """
    names_subject = make_topic_detector(session.understood)
    if names_subject is None:
        return find_about_subject(session, prompts)
    return {prompt.id for prompt in prompts if names_subject(prompt.text)}
