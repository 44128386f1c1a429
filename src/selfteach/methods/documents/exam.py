"""The exam of documents: does the tuned model answer held-out questions without the document, and
does everything else stay the same?

contains, exact, f1 of greedy answers to held-out questions (evaluate/knowledge.py)
sampled             `contains` of one answer sampled at T = 1
common              share of right answers to questions that many people can answer
damage              share of the base's right answers that are wrong after training
pairwise            tuned answers against those of the other arms, by a judge with the passage that
                    was calibrated on sentences of which one answers the question
map                 knowledge before and after: known, unknown or unsure (knowledge_map.py)

The prompted arm is the open book: the base with the passage that answers the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from selfteach import statistics
from selfteach.evaluate import knowledge
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS, CommonQuestion
from selfteach.evaluate.exam import (
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamSession,
    ExamState,
    ModelRequests,
    TunedModel,
    make_requests,
    measure_general_drift,
)
from selfteach.evaluate.knowledge import GradedAnswers
from selfteach.evaluate.recorded_exam import ExamSetup, Grading, PromptsByScope
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.verdict import MAX_DEGRADED, Evidence, sort_harms
from selfteach.generate.answers import make_open_book_chat
from selfteach.judge import pairwise
from selfteach.judge.match import token_recall
from selfteach.judge.pairwise import AnswerPair, ModelPairwiseJudge
from selfteach.methods.calibrate_pairwise_judges import choose_pairwise_judge, list_pairwise_judges
from selfteach.methods.documents.held_out_questions import (
    HeldOutQuestion,
    RecordedQuestion,
    add_passage,
    holds_answer,
)
from selfteach.methods.session import Session
from selfteach.records import (
    Completion,
    JsonMapping,
    JsonObject,
    Measure,
    Prompt,
    digest,
    make_prompt,
)

NOTABLE_LOSS = 0.03
"""The verdict names damage above this share, also where it may be chance."""
MAX_COMMON_LOSS = MAX_DEGRADED / 2
"""The largest loss of right answers to common questions. A larger one speaks against the run, or
leaves the verdict open where chance explains it (`sort_harms`).

Departs: `retention` passes only where the interval of the change lies above -3 points. The 60
common questions could not pass that: without any change their interval reaches -12 points.
"""


MIN_OPEN_BOOK = 0.6
"""The share of its own questions that a run's open book should answer."""


@dataclass(frozen=True)
class HeldOutScores:
    """Hold the graded answers to the held-out questions.

    Attributes:
        graded: greedy answers by arm.
        sampled: whether each sampled answer is right, by arm; only arms that sample.
        passages: the passage of each question, by its id.
    """

    graded: Mapping[str, GradedAnswers]
    sampled: Mapping[str, list[bool]]
    passages: Sequence[str]

    def percent(self, arm: str) -> str:
        """Return the share of right greedy answers, as text."""
        return format_percent(self.graded[arm].right)


def format_percent(flags: Sequence[bool]) -> str:
    """Return the share of true flags, as text."""
    return f"{100 * sum(flags) / max(len(flags), 1):.0f} %"


@dataclass(frozen=True)
class KnowledgeScorer:
    """Grade an answer as right where it contains a right one."""

    questions: Sequence[HeldOutQuestion | RecordedQuestion]

    def grade(self, answers: Sequence[Completion]) -> GradedAnswers:
        """Grade one answer to each question."""
        return knowledge.grade_answers(answers, [q.answers for q in self.questions])

    def score(self, answers: ArmAnswers) -> HeldOutScores:
        """Grade the greedy answers of every arm, and the sampled ones where there are any."""
        graded = {arm: self.grade(own.greedy) for arm, own in answers.items()}
        sampled = {
            arm: self.grade(own.sampled).right for arm, own in answers.items() if own.sampled
        }
        return HeldOutScores(graded, sampled, self.list_passages())

    def measure(self, state: ExamState) -> JsonObject:
        """Return the metrics of evaluate/knowledge.py, and shares of right sampled answers."""
        scores: HeldOutScores = state.scores
        measured = knowledge.measure_arms(scores.graded, state.seed, scores.passages)
        measured["sampled"] = {
            arm: statistics.share(flags, scores.passages, seed=state.seed)
            for arm, flags in scores.sampled.items()
        }
        return measured

    def list_passages(self) -> list[str]:
        """Return the passage of each question, by its id."""
        return [q.passage for q in self.questions]

    def measure_noise(self, again: Answers, state: ExamState) -> dict[str, Measure]:
        """Compare the share of right answers in two samples of the base."""
        second = self.grade(again.sampled).right
        first = state.scores.sampled["base"]
        passages = self.list_passages()
        noise = statistics.clustered_bootstrap(second, first, passages, seed=state.seed)
        return {"contains": noise}

    def make_evidence(self, state: ExamState) -> Evidence:
        """Return the gain over base and open book, and which other answers are degraded."""
        scores: HeldOutScores = state.scores
        start = f"the base answers {scores.percent('base')} of the held-out questions"
        if state.tuned is None:
            return Evidence(None, None, start, "", not_trained="nothing was trained")
        graded = scores.graded
        compare = partial(
            statistics.clustered_bootstrap,
            graded["tuned"].right,
            clusters=self.list_passages(),
            seed=state.seed,
        )
        degraded, unclear = state.side_effects.find_harm("tuned")
        loss: Measure = state.found["common_loss"]
        forgets, may_forget = sort_harms(
            [("common questions are answered wrongly", loss)], MAX_COMMON_LOSS
        )
        words, at_once = self.list_right_at_once(graded)
        brief = statistics.clustered_bootstrap(
            at_once["tuned"], at_once["base"], self.list_passages(), seed=state.seed
        )
        recites = (
            f"but within the first {words} words, the length of an open-book answer, "
            f"{format_percent(at_once['base'])} before and {format_percent(at_once['tuned'])} "
            "after, no more than chance explains: the answers recite"
        )
        return Evidence(
            gain=compare(graded["base"].right),
            over_prompt=knowledge.compare_with_enough(
                graded["tuned"].right,
                graded["prompted"].right,
                self.list_passages(),
                seed=state.seed,
            ),
            start=start,
            change=(
                f"{scores.percent('base')} of the held-out questions are answered before and "
                f"{scores.percent('tuned')} after, open book {scores.percent('prompted')}"
            ),
            prompted=(
                f"the base answers {scores.percent('prompted')} of the held-out questions with "
                f"the document in its prompt, the tuned model {scores.percent('tuned')} "
                "without it"
            ),
            objection=degraded or "".join(forgets),
            undecided=unclear or "".join(may_forget),
            partial="" if brief.low > 0 else recites,
            closing=f"; {describe_damage(state.found['damage'])}",
        )

    def list_right_at_once(
        self, graded: Mapping[str, GradedAnswers]
    ) -> tuple[int, dict[str, list[bool]]]:
        """Return the mean number of words of an open-book answer, and by arm whether the beginning
        of each answer of that length is right.
        """
        words = knowledge.count_mean_words(graded["prompted"].answers)
        return words, {arm: knowledge.find_right_at_once(own, words) for arm, own in graded.items()}

    def rows(self, state: ExamState) -> list[JsonObject]:
        """Return each question with its right answers, and every arm's answer."""
        scores: HeldOutScores = state.scores
        rows = []
        for i, q in enumerate(self.questions):
            cells = {
                arm: {"greedy": own.answers[i].text, "ok": own.right[i]}
                for arm, own in scores.graded.items()
            }
            row = {"scope": TARGET, "prompt": q.text, "gold": list(q.answers)}
            rows.append({**row, "chunk": q.passage, "arms": cells})
        return rows


def describe_damage(damage: Measure) -> str:
    """Describe the damage to the questions that the base answers rightly."""
    if not damage.n:
        return "the base knew nothing else that was asked"
    if damage.value <= NOTABLE_LOSS:
        return "what was known before is not degraded"
    return f"of what the base answered rightly {100 * damage.value:.0f} % is answered wrongly now"


def build_exam(
    session: Session,
    questions: Sequence[HeldOutQuestion],
    general: Sequence[Prompt],
    taught_texts: Sequence[str],
    header: JsonMapping,
) -> Exam:
    """Build the exam of documents.

    Args:
        general: held-out prompts about anything else.
        header: further keys of exam.json that are known beforehand.
    """
    asked_by = questions[0].origin if questions else ""
    closed = {TARGET: [make_prompt(q.text) for q in questions], GENERAL: general}
    common = COMMON_QUESTIONS[: session.config.exam.common]
    return Exam(
        questions=closed,
        arms=lambda tuned: build_arms(session, tuned, questions, closed),
        scorer=KnowledgeScorer(questions),
        taught_texts=taught_texts,
        header={"method": "documents", "asked_by": asked_by, **header},
        measurements=[
            partial(measure_common, common),
            partial(doubt_own_questions, asked_by),
            partial(measure_pairwise, questions),
            measure_general_drift,
        ],
        sampled_stage="exam again",
        plan_extra=lambda arms: list(plan_common(session, arms, common).values()),
        describe_grading=partial(describe_grading, questions, common),
    )


def build_arms(
    session: Session,
    tuned: TunedModel | None,
    questions: Sequence[HeldOutQuestion],
    closed: Mapping[str, Sequence[Prompt]],
) -> dict[str, Arm]:
    """Build the base, the open book and the tuned model. The open book answers only the held-out
    questions: no passage belongs to a general prompt.

    Args:
        closed: the prompts without a passage, by scope.
    """
    open_book = {TARGET: [make_open_book_chat(q.text, q.chunk) for q in questions]}
    arms = {
        "base": Arm(session.base, closed),
        "prompted": Arm(session.base, open_book, sampled=False),
    }
    if tuned:
        arms["tuned"] = Arm(tuned.recorded, closed)
    return arms


def describe_grading(
    questions: Sequence[HeldOutQuestion], common: Sequence[CommonQuestion]
) -> JsonObject:
    """Return what `read_grading` makes the grading from."""
    graded = [{"text": q.text, "answers": q.answers, "passage": q.passage} for q in questions]
    return {"questions": graded, "common": list(common)}


def read_grading(record: JsonMapping, questions: PromptsByScope, sitting: ExamSetup) -> Grading:
    """Return how answers are graded, from the record of a run. No judge compares two answers, since
    the verdict does not rest on it.
    """
    rows = record["questions"]
    graded = [RecordedQuestion(q["text"], tuple(q["answers"]), q["passage"]) for q in rows]
    common = [(str(text), tuple(golds)) for text, golds in record["common"]]
    scorer = KnowledgeScorer(graded)
    return Grading(scorer, measure_general_drift, [partial(measure_common, common)])


def plan_common(
    session: ExamSession, arms: Mapping[str, Arm], questions: Sequence[CommonQuestion]
) -> dict[str, ModelRequests]:
    """Return the requests for the common questions of base and tuned model."""
    requests = make_requests(session, "exam", [make_prompt(text) for text, _ in questions], 0.0)
    return {name: (arms[name].model, requests) for name in ("base", "tuned") if name in arms}


def measure_common(questions: Sequence[CommonQuestion], state: ExamState) -> JsonObject:
    """Measure the common knowledge of base and tuned model, and the loss of all that the base
    answered rightly.
    """
    golds = [gold for _, gold in questions]
    right = {}
    for name, (model, requests) in plan_common(state.session, state.arms, questions).items():
        right[name] = knowledge.grade_answers(model.sample(requests), golds).right
    return compare_common(right, state.scores, state.seed)


def compare_common(right: Mapping[str, list[bool]], scores: HeldOutScores, seed: int) -> JsonObject:
    """Return shares of right answers to common questions; of a tuned model also `common_loss`,
    base minus tuned, and `damage`, the held-out questions included.

    Args:
        right: by arm, whether each common question is answered rightly.
    """
    common = {arm: statistics.share(flags) for arm, flags in right.items() if flags}
    if "tuned" not in right:
        return {"common": common}
    before = [*scores.graded["base"].right, *right["base"]]
    after = [*scores.graded["tuned"].right, *right["tuned"]]
    clusters = [*scores.passages, *range(len(right["base"]))]  # a common question is its own
    return {
        "common": common,
        "damage": knowledge.measure_damage(before, after, clusters, seed=seed),
        "common_loss": statistics.compare_shares(right["base"], right["tuned"]),
    }


def doubt_own_questions(asked_by: str, state: ExamState) -> JsonObject:
    """Return `open_book_doubt` if people asked nothing and the open book answers too few questions:
    then many of them cannot be answered, or are not clear. Print it before the training only, since
    the open book answers the same afterwards.
    """
    right: list[bool] = state.scores.graded["prompted"].right
    if asked_by == "people" or not right or sum(right) >= MIN_OPEN_BOOK * len(right):
        return {}
    doubt = (
        f"the open book answers {sum(right)} of {len(right)} of the run's own questions, fewer "
        f"than {100 * MIN_OPEN_BOOK:.0f} %: many are unclear or too hard for this model; give "
        "--questions"
    )
    if state.tuned is None:
        session = cast(Session, state.session)
        session.display.print_line(f"doubt about the exam: {doubt}")
    return {"open_book_doubt": doubt}


def measure_pairwise(questions: Sequence[HeldOutQuestion], state: ExamState) -> JsonObject:
    """Compare tuned answers with those of base and open book, in both orders. The best calibrated
    judge decides, with the passage; a win counts only where both orders agree. Where every judge is
    at chance there is no comparison.
    """
    if state.tuned is None:
        return {}
    session = cast(Session, state.session)
    session.display.start_stage("compare answers")
    judge, described = choose_judge_with_passage(session, questions, state.seed)
    found: JsonObject = {"pairwise_judge": described}
    if judge is None:
        session.display.print_line(f"no pairwise comparison: {described['refused']}")
        return found
    graded = state.scores.graded
    for key, arm in (("pairwise", "base"), ("against_prompted", "prompted")):
        ours = [answer.text for answer in graded["tuned"].answers]
        theirs = [answer.text for answer in graded[arm].answers]
        found[key] = {"tuned": judge_answers(judge, questions, ours, theirs, state.seed)}
    return found


def choose_judge_with_passage(
    session: Session, questions: Sequence[HeldOutQuestion], seed: int
) -> tuple[ModelPairwiseJudge | None, JsonObject]:
    """Return the best calibrated judge of two answers, and its calibration; no judge where all are
    at chance.
    """
    known = make_known_pairs(questions)
    pairs, passages = [pair for pair, _ in known], [passage for _, passage in known]
    return choose_pairwise_judge(list_pairwise_judges(session), pairs, seed, clusters=passages)


def judge_answers(
    judge: ModelPairwiseJudge,
    questions: Sequence[HeldOutQuestion],
    ours: Sequence[str],
    theirs: Sequence[str],
    seed: int,
) -> JsonObject:
    """Return how often our answers win, judged with the passage and in both orders. The intervals
    hold where questions of a passage go together.
    """
    rows = zip(questions, ours, theirs, strict=True)
    pairs = [AnswerPair(add_passage(q), own, other) for q, own, other in rows]
    verdicts = pairwise.compare_pairs(judge, pairs)
    return pairwise.summarize_verdicts(pairs, verdicts, seed, [q.passage for q in questions])


def make_known_pairs(questions: Sequence[HeldOutQuestion]) -> list[tuple[AnswerPair, str]]:
    """Return pairs of two sentences of the same chunk, each with the chunk's passage: the first one
    holds the answer, the second one does not. The tuned model answers with such sentences.

    A question gives no pair if no sentence holds its answer, or each does.
    """
    pairs = []
    for q in questions:
        sentences = [q.chunk.words(i) for i in range(len(q.chunk.sentences))]
        right = [text for text in sentences if holds_answer(text, q)]
        wrong = [text for text in sentences if not holds_answer(text, q)]
        if right and wrong:
            best = max(right, key=partial(token_recall, q.text))
            other = min(wrong, key=lambda text: digest([q.text, text]))
            pairs.append((AnswerPair(add_passage(q), best, other), q.passage))
    return pairs
