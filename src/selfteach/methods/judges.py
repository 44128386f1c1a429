"""Step 4 of feedback: who decides what "breaks the rule" means. A check that the person gave, one
that the rule's form suggests, or the best judge that calibration finds good enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import AnyJudge, PromptAnswer, ThresholdJudge, ViolationJudge
from selfteach.judge.calibrate import calibrate_judges
from selfteach.judge.check import CheckJudge
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.materials.rule import Rule, suggest_check
from selfteach.methods.prompts import SCOPES
from selfteach.methods.session import Session
from selfteach.records import Prompt, Request, SamplingParams, make_prompt
from selfteach.registry import did_you_mean

MAX_FALSE_POSITIVES = 0.05


@dataclass(frozen=True)
class RuleJudges:
    """`exam` decides: the check where there is one. While lessons on target prompts are made,
    `lessons` is asked: it also objects to what the best calibrated judge objects to, so that a
    breach in other words is no lesson, and teaches one."""

    exam: ThresholdJudge
    lessons: ViolationJudge


def make_labelled_answers(
    session: Session, asked: Sequence[GeneratedPrompt]
) -> list[tuple[tuple[Prompt, str], bool]]:
    """Step 4: answers whose labels hold by construction: to requests that name the subject, drawn
    against the rule; and to requests of other subjects. A rule of form has no subject: there the
    same requests are answered against the rule and with it."""
    n, topic = session.config.judge.pairs, session.subject.topic
    found = {scope: [a for a in asked if a.scope == scope] for scope in SCOPES}
    if topic:
        naming = [a for a in found["target"] if topic.lower().rstrip("s") in a.text.lower()]
        others = [a for pair in zip_longest(found["near"], found["general"]) for a in pair if a]
        sides = [(True, f"Talk about {topic} in every answer.", naming), (False, "", others)]
    else:
        sides = [
            (True, f"Do the opposite of this: {session.rule}", found["target"]),
            (False, session.rule, found["target"]),
        ]
    rows = []
    for broken, system, own in sides:
        requests = [
            Request(
                "calibrate",
                make_prompt(a.text, system=system),
                SamplingParams(0.7, 0.95, 64),
                0,
                session.config.seed,
            )
            for a in own[:n]
        ]
        answers = {draw.id: draw.text for draw in session.base.stream(requests)}
        rows += [((r.prompt, answers[r.id(session.base.fingerprint)]), broken) for r in requests]
    return rows


def choose_judges(
    session: Session,
    rule: Rule,
    asked: Sequence[GeneratedPrompt],
    elsewhere: Sequence[PromptAnswer] = (),
) -> RuleJudges:
    """Step 4. A check that the person gave, or that a rule of form suggests, is asked alone.

    Args:
        asked: the requests that judges are calibrated on, of all scopes; none of the exam's.
        elsewhere: the base's answers to general prompts. There the rule should hardly ever fire.
    """
    if session.config.check:
        return _make_check_judges(session.config.check)
    suggested = suggest_check(rule)
    if suggested and not session.subject.topic:
        session.display.print_line(f'recognised: the check is "{suggested}"')
        return _make_check_judges(suggested)
    setup = JudgeSetup(
        session.base,
        session.rule,
        subject=session.subject,
        check=suggested or "",
        teacher=session.teacher,
    )
    candidates = find_judges(setup)
    if (name := session.config.judge.name) != "auto":
        known = {candidate.name: candidate for candidate in candidates}
        if name not in known:
            raise UsageError(
                f'there is no judge "{name}" for this rule.',
                where="judge.name",
                cure=did_you_mean(name, known),
            )
        candidates = [known[name]]
    session.display.start_stage("judge")
    verdicts, best, report = calibrate_judges(
        candidates, make_labelled_answers(session, asked), session.config.judge.min_auroc, "check"
    )
    session.run.ledger.set_note("calibration", report)
    for row in report["left_out"]:
        session.display.print_line(f"judge {row['name']} is left out: {row['reason']}")
    if verdicts is None or best is None:
        raise DataError(
            f"no judge can tell whether an answer keeps this rule: {report['reason']}.",
            cure='Say how to check it, for instance --check "max_words=50".',
        )
    session.display.print_line(f"judge: {verdicts.name}, {report['reason']}")
    wary = with_max_false_positives(best, elsewhere)
    return RuleJudges(verdicts, wary if best.name == verdicts.name else AnyJudge((verdicts, wary)))


def with_max_false_positives(
    judge: ThresholdJudge, elsewhere: Sequence[PromptAnswer]
) -> ThresholdJudge:
    """The same judge, its threshold raised until it objects to no more than FALSE_ALARMS of the
    answers that are about something else.

    The few answers that it was calibrated on leave the threshold loose, and a loose one would teach
    the model to decline what is harmless.
    """
    values = sorted(value for value in judge.judge.values(elsewhere) if math.isfinite(value))
    bound = (
        values[int((1 - MAX_FALSE_POSITIVES) * (len(values) - 1))] if values else judge.threshold
    )
    return ThresholdJudge(judge.judge, max(judge.threshold, bound))


def _make_check_judges(check: str) -> RuleJudges:
    verdicts = ThresholdJudge(CheckJudge(check), 0.5)
    return RuleJudges(verdicts, verdicts)
