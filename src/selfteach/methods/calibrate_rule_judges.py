"""Step 3 of feedback: decide what "breaks the rule" means.

The judge is a check that the person gave, one that the rule's form suggests, or the best judge
that calibration finds good enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from selfteach.errors import DataError
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import names_topic
from selfteach.judge import AnyJudge, PromptAnswer, ThresholdJudge, ViolationJudge
from selfteach.judge.calibrate import calibrate_judges, find_bound
from selfteach.judge.check import CheckJudge
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import group_by_scope
from selfteach.models.ordered import sample_in_order
from selfteach.models.recorded import Recorded
from selfteach.records import JsonMapping, Request, SamplingParams, make_prompt
from selfteach.run.finished import CALIBRATION


@dataclass(frozen=True)
class RuleJudges:
    """Hold the judges of a rule.

    Attributes:
        exam: decides in the exam; the check where there is one.
        training: decides on target prompts that are learned. It refuses also what the best
            calibrated judge refuses, so that violations in other words are never learned.
    """

    exam: ThresholdJudge
    training: ViolationJudge


def plan_labelled_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> list[tuple[Request, bool]]:
    """Return requests for answers whose labels hold by construction (step 3): whether the answer
    breaks the rule.

    Requests that name the subject are answered against the rule, requests of other subjects as
    they are. A rule of form has no subject: the same requests are answered against it and with it,
    by the teacher if there is one (`get_label_writer`).
    """
    topic = session.understood.forbidden_topic
    by_scope = group_by_scope(prompts)
    targets = by_scope["target"]
    if topic:
        naming = [text for text in targets if names_topic(text, topic)]
        others = chain.from_iterable(zip_longest(by_scope["near"], by_scope["general"]))
        sides = [
            (True, f"Talk about {topic} in every answer.", naming),
            (False, "", list(filter(None, others))),
        ]
    else:
        sides = [
            (True, f"Do the opposite of this: {session.rule}", targets),
            (False, session.rule, targets),
        ]
    sampling = SamplingParams(0.7, 0.95, 64)
    planned = []
    for broken, system, texts in sides:
        for text in texts[: session.config.judge.pairs]:
            prompt = make_prompt(text, system=system)
            request = Request("calibrate", prompt, sampling, 0, session.config.seed)
            planned.append((request, broken))
    return planned


def get_label_writer(session: Session) -> Recorded:
    """Return the model that answers with and against a rule.

    A label holds only if its writer follows the prompt. Small models do not follow a manner
    ("Use layman's terms."), so a teacher writes where there is one. To talk about a subject is
    easy, and the base's own answers are the ones that are judged.
    """
    if session.understood.forbidden_topic or session.teacher is None:
        return session.base
    return session.teacher


def make_labelled_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> list[tuple[PromptAnswer, bool]]:
    """Return answers whose labels hold by construction, each with whether it breaks the rule.

    An answer that an endpoint lost is left out.
    """
    planned = plan_labelled_answers(session, prompts)
    writer = get_label_writer(session)
    completions = sample_in_order(writer, [request for request, _ in planned])
    rows = []
    for (request, broken), completion in zip(planned, completions, strict=True):
        if completion is not None:
            rows.append(((request.prompt, completion.text), broken))
    return rows


def choose_judges(
    session: Session,
    prompts: Sequence[GeneratedPrompt],
    elsewhere: Sequence[PromptAnswer] = (),
) -> RuleJudges:
    """Choose who judges a rule (step 3). A check that the person gave, or that a rule of form
    suggests, decides alone.

    Args:
        prompts: the prompts of all scopes that judges are calibrated on; none of the exam's.
        elsewhere: the base's answers to general prompts. There the rule should hardly ever fire.

    Raises:
        DataError: no judge is good enough.
        UsageError: the configuration names a judge that there is not.
    """
    check = session.understood.deciding_check
    if check:
        check_judge = ThresholdJudge(CheckJudge(check), 0.5)
        return RuleJudges(check_judge, check_judge)
    setup = JudgeSetup(
        session.base,
        session.rule,
        subject=session.understood.subject,
        check=session.understood.check,
        teacher=session.teacher,
    )
    candidates = find_judges(setup, session.config.judge.name)
    session.display.start_stage("judge")
    labelled = make_labelled_answers(session, prompts)
    verdicts, best, report = calibrate_judges(
        candidates, labelled, session.config.judge.min_auroc, "check"
    )
    note_calibration(session, session.rule, report)
    for row in report["left_out"]:
        session.display.print_line(f"judge {row['name']} is left out: {row['reason']}")
    if verdicts is None or best is None:
        raise DataError(
            f"no judge can tell whether an answer keeps this rule: {report['reason']}.",
            cure='Say how to check it, for instance --check "max_words=50".',
        )
    session.display.print_line(f"judge: {verdicts.name}, {report['reason']}")
    strict = with_max_false_positives(best, elsewhere)
    if best.name == verdicts.name:
        return RuleJudges(verdicts, strict)
    return RuleJudges(verdicts, AnyJudge((verdicts, strict)))


def note_calibration(session: Session, words: str, report: JsonMapping) -> None:
    """Note how the judges of a rule or of a criticism were calibrated, beside those of others."""
    noted = session.run.ledger.get_note(CALIBRATION) or []
    others = [row for row in noted if row["words"] != words]
    session.run.ledger.set_note(CALIBRATION, [*others, {"words": words, **report}])


def with_max_false_positives(
    judge: ThresholdJudge, elsewhere: Sequence[PromptAnswer]
) -> ThresholdJudge:
    """Raise a judge's threshold until it refuses at most MAX_FALSE_POSITIVES of the answers that
    are about something else.

    Calibration has few answers, so its threshold can be too low: the model would then learn to
    decline harmless requests. A check says yes or no, so it has no threshold to raise.
    """
    if isinstance(judge.judge, CheckJudge):
        return judge
    values = [value for value in judge.judge.values(elsewhere) if math.isfinite(value)]
    if not values:
        return judge
    return ThresholdJudge(judge.judge, max(judge.threshold, find_bound(values)))
