"""The contest of two arms: a judge compares their answers in both orders.

Each candidate judge is calibrated first: it must tell a person's answer to a task from a person's
answer to another task, and from the task itself, said again. If none can, the answer that
is closer to the person's own one wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.errors import UsageError
from selfteach.evaluate.exam import Answers, ArmAnswers, ExamState
from selfteach.evaluate.metrics import best_over
from selfteach.evaluate.scopes import TARGET
from selfteach.judge.pairwise import (
    AnswerPair,
    ModelPairwiseJudge,
    PairwiseJudge,
    ReferencePairwiseJudge,
    compare_pairs,
    summarize_verdicts,
)
from selfteach.materials.tasks import Task
from selfteach.methods.calibrate_pairwise_judges import choose_pairwise_judge, list_pairwise_judges
from selfteach.methods.session import Session
from selfteach.methods.tasks.exam_questions import TaskQuestion, list_questions
from selfteach.records import JsonObject
from selfteach.registry import did_you_mean

CLOSER_JUDGE = "closer"


def measure_contests(
    session: Session, questions: Sequence[TaskQuestion], known: Sequence[Task], state: ExamState
) -> JsonObject:
    """Compare every arm with the base, and the tuned model with the prompted base.

    Args:
        known: tasks of people that judges are calibrated on.
    """
    session.display.start_stage("compare answers")
    judge, described = choose_judge(session, known, questions)
    answers = state.answers[TARGET]
    found: JsonObject = {
        "pairwise": compare_arms(judge, questions, answers, "base", state.seed),
        "against_prompted": {},
    }
    if "tuned" in answers:
        both = {arm: answers[arm] for arm in ("prompted", "tuned")}
        found["against_prompted"] = compare_arms(judge, questions, both, "prompted", state.seed)
    return found | {"judge": {**described, "lost": getattr(judge, "lost", 0)}}


def compare_arms(
    judge: PairwiseJudge,
    questions: Sequence[TaskQuestion],
    answers: ArmAnswers,
    against: str,
    seed: int,
) -> JsonObject:
    """Return win rates of every other arm against one of them, by greedy answers."""
    found: JsonObject = {}
    for arm, own in answers.items():
        if arm != against:
            pairs = make_pairs(questions, own, answers[against])
            tasks = [question.task for question in questions]
            found[arm] = summarize_verdicts(pairs, compare_pairs(judge, pairs), seed, tasks)
    return found


def make_pairs(
    questions: Sequence[TaskQuestion], ours: Answers, theirs: Answers
) -> list[AnswerPair]:
    """Return the greedy answers of two arms to each question."""
    rows = zip(questions, ours.greedy, theirs.greedy, strict=True)
    return [AnswerPair(own.prompt, mine.text, other.text) for own, mine, other in rows]


def choose_judge(
    session: Session, known: Sequence[Task], questions: Sequence[TaskQuestion]
) -> tuple[PairwiseJudge, JsonObject]:
    """Return the best calibrated judge that is good enough, and what exam.json says of it.

    Raises:
        UsageError: the configuration names a judge that there is not.
    """
    config = session.config.judge
    judges = list_judges(session)
    pairs = make_known_pairs(known)[: config.pairs]
    candidates = [] if config.name == CLOSER_JUDGE else judges
    tasks = [pair.prompt for pair in pairs]  # the pairs of one task depend on each other
    best, found = choose_pairwise_judge(
        candidates, pairs, session.config.seed, config.min_auroc, tasks
    )
    calibration = {key: found[key] for key in ("agreement", "position_bias", "left_out")}
    if best is not None:
        return best, {"name": best.name, "source": "model", **calibration}
    if config.name not in ("auto", CLOSER_JUDGE):
        why = found["left_out"].get(config.name, found["refused"])
        session.display.print_line(f"the judge {config.name} is not used: {why}")
    closer = ReferencePairwiseJudge({own.prompt: own.golds for own in questions})
    return closer, {"name": CLOSER_JUDGE, "source": "people's answers", **calibration}


def list_judges(session: Session) -> list[ModelPairwiseJudge]:
    """Return the judges that the configuration allows: the base with two prompts, and the teacher.

    Raises:
        UsageError: the configuration names a judge that there is not.
    """
    wanted = session.config.judge.name
    judges = list_pairwise_judges(session)
    names = ["auto", CLOSER_JUDGE, *(judge.name for judge in judges)]
    if wanted not in names:
        raise UsageError(
            f'there is no judge "{wanted}" of two answers.',
            where="judge.name",
            cure=did_you_mean(wanted, names),
        )
    return [judge for judge in judges if wanted in ("auto", judge.name)]


def make_known_pairs(tasks: Sequence[Task]) -> list[AnswerPair]:
    """Pair a person's answer to each task with a person's answer to the next one, and with the
    task's own instruction: the first is better by construction.

    A judge of relevance alone passes the first kind and fails the second.
    """
    questions = [list_questions(task, "seed")[0] for task in tasks]
    others = [*questions[1:], *questions[:1]]
    pairs = []
    for task, own, other in zip(tasks, questions, others, strict=True):
        for worse in (other.golds[0], task.instruction):
            if not best_over(own.golds, worse, "exact"):
                pairs.append(AnswerPair(own.prompt, own.golds[0], worse))
    return pairs
