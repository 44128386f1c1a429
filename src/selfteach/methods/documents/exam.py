"""The exam of documents: are held-out questions answered without the document, and is nothing else
changed?

contains, f1        of greedy answers to held-out questions (evaluate/knowledge.py)
drawn               `contains` of one answer sampled at T = 1
common              right answers to questions that many people can answer
damage              of all that the base answered rightly, the share that is not right any more
pairwise            tuned answers against the base's, judged by the base with the passage
map                 what the model knows before and after: known, unknown or unsure

The prompted arm is the open book: the base with the passage that answers the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from selfteach import statistics
from selfteach.evaluate import knowledge
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.evaluate.exam import (
    GENERAL,
    TARGET,
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamState,
    TunedModel,
    answer,
    measure_general_drift,
)
from selfteach.evaluate.knowledge import GradedAnswers
from selfteach.evaluate.verdict import MAX_HARMED, Evidence
from selfteach.generate.answers import LabelledQuestion, make_open_book_chat
from selfteach.generate.questions import Question
from selfteach.generate.spans import find_answer_spans, replace_answer
from selfteach.generate.study import GAP, GAPS
from selfteach.judge import pairwise
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.judge.match import contains_answer, token_recall
from selfteach.judge.pairwise import AnswerPair, ModelPairwiseJudge
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.session import Session
from selfteach.records import Measure, Prompt, digest, make_prompt
from selfteach.select.knowledge import decide_state, find_label_fault

NOTABLE_LOSS = 0.03
"""The damage above which the verdict names it, also where it may be chance."""
MAX_COMMON_LOSS = MAX_HARMED / 2
"""The loss of right answers to common questions that must not be certain."""


# Held-out questions


@dataclass(frozen=True)
class HeldOutQuestion:
    """A held-out question with its right answers.

    Attributes:
        chunk: the piece of a document that answers it.
        origin: who wrote it, in words.
    """

    text: str
    answers: tuple[str, ...]
    chunk: Chunk
    origin: str


def make_people_questions(
    chunks: Sequence[Chunk], asked: Sequence[PeopleQuestion]
) -> list[HeldOutQuestion]:
    """Return people's questions, each with the chunk of its document that fits best; a question
    without a known document may be about any.
    """
    found = []
    for q in asked:
        own = [chunk for chunk in chunks if chunk.document.id == q.document] or chunks
        best = max(own, key=partial(rate_chunk, q))
        found.append(HeldOutQuestion(q.text, q.answers, best, "people"))
    return found


def rate_chunk(q: PeopleQuestion, chunk: Chunk) -> tuple[bool, float]:
    """Return whether a chunk holds an answer, and the share of the question's words in it."""
    holds_answer = any(contains_answer(chunk.passage, text) for text in q.answers)
    return holds_answer, token_recall(q.text, chunk.passage)


def count_held_out(count: int, share: float) -> int:
    """Return how many of `count` are set aside: at least one, and not all."""
    return min(max(1, round(share * count)), count - 1)


def make_gap_questions(chunks: Sequence[Chunk], share: float, seed: int) -> list[HeldOutQuestion]:
    """Return a share of the sentences, each with a gap in place of an answer; none where fewer
    than two sentences offer an answer.

    The sentence itself would be marked right with this answer: not with the "Angleterre" of
    "d'Angleterre".
    """
    offers: dict[tuple[str, int], tuple[Chunk, str, str]] = {}
    for chunk in chunks:
        for i in chunk.find_informative_sentences():
            text = chunk.words(i)
            names = (
                name for name in find_answer_spans(text, chunk.title) if contains_answer(text, name)
            )
            if name := next(names, ""):
                offers[chunk.id, i] = (chunk, text, name)
    if len(offers) < 2:
        return []
    places = sorted(offers, key=lambda place: digest([seed, *place]))
    found = []
    for place in places[: count_held_out(len(places), share)]:
        chunk, text, name = offers[place]
        asked = GAPS[0].format(title=chunk.title, text=replace_answer(text, name, GAP))
        found.append(HeldOutQuestion(asked, (name,), chunk, "gaps in its sentences"))
    return found


def make_own_questions(questions: Sequence[Question]) -> list[HeldOutQuestion]:
    """Return the model's own questions about sentences that were set aside."""
    return [HeldOutQuestion(q.text, (q.short,), q.chunk, "the model") for q in questions]


def has_room(session: Session, q: HeldOutQuestion) -> bool:
    """Return whether the context holds all that the exam asks about a question: the open book with
    its answer, and the passage with two answers to compare.
    """
    encode = session.model.encode
    answer_tokens: int = session.config.exam.max_tokens
    duel = ModelPairwiseJudge(session.base).asked(add_passage(q), "", "")
    open_book = len(encode(make_open_book_chat(q.text, q.chunk))) + answer_tokens
    compared = len(encode(duel)) + 2 * answer_tokens
    return max(open_book, compared) <= session.model.context_tokens


def add_passage(q: HeldOutQuestion) -> Prompt:
    """Return the question after the passage that answers it."""
    return make_prompt(f"{q.chunk.passage} {q.text}")


# Scores


@dataclass(frozen=True)
class HeldOutScores:
    """The answers to the held-out questions, graded.

    Attributes:
        graded: greedy answers by arm.
        sampled: by arm that samples, whether each sampled answer is right.
    """

    graded: Mapping[str, GradedAnswers]
    sampled: Mapping[str, list[bool]]

    def percent(self, arm: str) -> str:
        """Return the share of right greedy answers, as text."""
        right = self.graded[arm].right
        return f"{100 * sum(right) / max(len(right), 1):.0f} %"


@dataclass(frozen=True)
class KnowledgeScorer:
    """Scores answers by whether they contain a right one."""

    quiz: Sequence[HeldOutQuestion]

    @property
    def golds(self) -> list[tuple[str, ...]]:
        """The right answers to each question."""
        return [q.answers for q in self.quiz]

    def score(self, answers: ArmAnswers) -> HeldOutScores:
        """Grade the greedy answers of every arm, and those sampled ones that there are."""
        graded = {
            arm: knowledge.grade_answers(own.greedy, self.golds) for arm, own in answers.items()
        }
        sampled = {}
        for arm, own in answers.items():
            if own.sampled:
                sampled[arm] = knowledge.grade_answers(own.sampled, self.golds).right
        return HeldOutScores(graded, sampled)

    def measure(self, state: ExamState) -> dict[str, Any]:
        """Return the metrics of evaluate/knowledge.py, and shares of right sampled answers."""
        scores: HeldOutScores = state.scores
        sampled = {arm: statistics.share(flags) for arm, flags in scores.sampled.items()}
        return {**knowledge.measure_arms(scores.graded, state.seed), "sampled": sampled}

    def measure_noise(self, again: Answers, state: ExamState) -> dict[str, Measure]:
        """Compare the share of right answers in two samples of the base."""
        second = knowledge.grade_answers(again.sampled, self.golds).right
        first = state.scores.sampled["base"]
        return {"contains": statistics.paired_bootstrap(second, first, seed=state.seed)}

    def weigh(self, state: ExamState) -> Evidence:
        """Return the gain over base and open book, and the harm to other answers."""
        scores: HeldOutScores = state.scores
        start = f"the base answers {scores.percent('base')} of the held-out questions"
        if state.tuned is None:
            return Evidence(None, None, start, "", not_trained="nothing was trained")
        right = {arm: graded.right for arm, graded in scores.graded.items()}
        compare = partial(statistics.paired_bootstrap, right["taught"], seed=state.seed)
        return Evidence(
            gain=compare(right["base"]),
            over_prompt=compare(right["prompted"]),
            start=start,
            change=(
                f"{scores.percent('base')} of the held-out questions are answered before and "
                f"{scores.percent('taught')} after, open book {scores.percent('prompted')}"
            ),
            prompted=(
                f"the base answers {scores.percent('prompted')} of the held-out questions with "
                f"the document in its prompt, the taught model {scores.percent('taught')} "
                "without it"
            ),
            harm="answers to other questions are harmed" if self.does_harm(state) else "",
            taught=f"; {describe_damage(state.found['damage'])}",
        )

    def does_harm(self, state: ExamState) -> bool:
        """Return whether too many general answers are harmed, or common questions are lost for
        certain.
        """
        if state.side_effects.harmed_scopes("taught"):
            return True
        lost: Measure = state.found["common_loss"]
        return lost.low > MAX_COMMON_LOSS

    def rows(self, state: ExamState) -> list[dict[str, Any]]:
        """Return each question with its right answers, and every arm's answer."""
        scores: HeldOutScores = state.scores
        rows = []
        for i, q in enumerate(self.quiz):
            cells = {
                arm: {"greedy": own.answers[i].text, "broken": not own.right[i]}
                for arm, own in scores.graded.items()
            }
            row = {"scope": TARGET, "prompt": q.text, "gold": list(q.answers)}
            rows.append({**row, "chunk": q.chunk.id, "arms": cells})
        return rows


def describe_damage(damage: Measure) -> str:
    """Say what became of the questions that the base answers rightly."""
    if not damage.n:
        return "the base knew nothing else that was asked"
    if damage.value <= NOTABLE_LOSS:
        return "what was known before is unharmed"
    return f"of what the base answered rightly {100 * damage.value:.0f} % is answered wrongly now"


# The exam


def build_exam(
    session: Session,
    quiz: Sequence[HeldOutQuestion],
    general: Sequence[Prompt],
    taught_texts: Sequence[str],
    header: Mapping[str, Any],
) -> Exam:
    """Build the exam of documents.

    Args:
        general: held-out prompts about anything else.
        header: further keys of exam.json that are known beforehand.
    """
    asked_by = quiz[0].origin if quiz else ""
    return Exam(
        questions={TARGET: [make_prompt(q.text) for q in quiz], GENERAL: general},
        arms=lambda tuned: build_arms(session, tuned, quiz, general),
        scorer=KnowledgeScorer(quiz),
        taught_texts=taught_texts,
        header={"method": "documents", "asked_by": asked_by, **header},
        measurements=[measure_common, partial(measure_pairwise, quiz), measure_general_drift],
        sampled_stage="exam again",
    )


def build_arms(
    session: Session,
    tuned: TunedModel | None,
    quiz: Sequence[HeldOutQuestion],
    general: Sequence[Prompt],
) -> dict[str, Arm]:
    """Build the base, the open book and the tuned model. The open book answers the held-out
    questions alone: no passage belongs to a general prompt.
    """
    closed = {TARGET: [make_prompt(q.text) for q in quiz], GENERAL: general}
    open_book = {TARGET: [make_open_book_chat(q.text, q.chunk) for q in quiz]}
    arms = {
        "base": Arm(session.base, closed),
        "prompted": Arm(session.base, open_book, sampled=False),
    }
    if tuned:
        arms["taught"] = Arm(tuned.recorded, closed)
    return arms


def measure_common(state: ExamState) -> dict[str, Any]:
    """Measure what base and tuned model know that many people know, and what was lost of all that
    the base answered rightly.
    """
    asked = COMMON_QUESTIONS[: state.session.config.exam.common]
    prompts = [make_prompt(text) for text, _ in asked]
    golds = [gold for _, gold in asked]
    arms = [arm for arm in ("base", "taught") if arm in state.arms]
    state.session.display.start_stage("exam common", len(asked) * len(arms))
    right = {}
    for arm in arms:
        draws = answer(state.session, state.arms[arm].model, "exam", prompts, 0.0)
        right[arm] = knowledge.grade_answers(draws, golds).right
    return compare_common(right, state.scores, state.seed)


def compare_common(
    right: Mapping[str, list[bool]], scores: HeldOutScores, seed: int
) -> dict[str, Any]:
    """Return shares of right answers to common questions; of a tuned model also `common_loss`,
    base minus tuned, and `damage`, the held-out questions included.

    Args:
        right: by arm, whether each common question is answered rightly.
    """
    found: dict[str, Any] = {
        "common": {arm: statistics.share(flags) for arm, flags in right.items() if flags}
    }
    if "taught" in right:
        before = [*scores.graded["base"].right, *right["base"]]
        after = [*scores.graded["taught"].right, *right["taught"]]
        found["damage"] = knowledge.measure_damage(before, after)
        loss = statistics.paired_bootstrap(right["base"], right["taught"], seed=seed)
        found["common_loss"] = loss
    return found


def measure_pairwise(quiz: Sequence[HeldOutQuestion], state: ExamState) -> dict[str, Any]:
    """Compare tuned answers with the base's, in both orders; the base with the passage judges, and
    a win counts only where both orders agree.
    """
    if state.tuned is None:
        return {}
    graded = state.scores.graded
    rows = zip(quiz, graded["taught"].answers, graded["base"].answers, strict=True)
    duels = [AnswerPair(add_passage(q), ours.text, theirs.text) for q, ours, theirs in rows]
    verdicts = pairwise.compare_pairs(ModelPairwiseJudge(state.session.base), duels)
    return {"pairwise": pairwise.summarize_verdicts(duels, verdicts, state.seed)}


# The knowledge map


def make_knowledge_map(
    session: Session,
    tuned: TunedModel,
    chunks: Sequence[Chunk],
    answered: Sequence[LabelledQuestion],
    scored: Sequence[KnowledgeScores],
    answers: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return the documents with their chunks with their questions, each with its state before and
    after (step 6).

    Of a learned question, `before` is the word of the selection, and `after` says whether the tuned
    answer holds the label's words; an unsure label stays unsure. A held-out question is known where
    its answer is right.

    Args:
        answered, scored: the learned questions, in one order.
        answers: the rows of exam.json.
    """
    prompts = [make_prompt(a.question.text) for a in answered]
    session.display.start_stage("map", 2 * len(prompts))
    before = answer(session, session.base, "exam", prompts, 0.0)
    after = answer(session, tuned.recorded, "exam", prompts, 0.0)
    rows: dict[str, list[dict[str, Any]]] = {chunk.id: [] for chunk in chunks}
    for a, scores, base, own in zip(answered, scored, before, after, strict=True):
        first = decide_first_state(session, a, scores)
        learned = describe_learned(a, first, base.text, own.text)
        rows[a.question.chunk.id].append(learned)
    for row in answers:
        if row["scope"] == TARGET:
            rows[row["chunk"]].append(describe_held_out(row))
    found = []
    for _, group in groupby(chunks, key=lambda chunk: chunk.document.id):
        own_chunks = list(group)
        document = own_chunks[0].document
        found.append(
            {
                "document": document.id,
                "title": document.title,
                "file": document.source,
                "chunks": [{"text": c.text, "questions": rows[c.id]} for c in own_chunks],
            }
        )
    return found


def decide_first_state(
    session: Session, answered: LabelledQuestion, scores: KnowledgeScores
) -> str:
    """Return what the selection said of a question."""
    config = session.config.select
    if find_label_fault(answered):
        return "unsure"
    return decide_state(scores, config.tau_label, config.tau_knowledge)


def describe_learned(
    answered: LabelledQuestion, before: str, base: str, tuned: str
) -> dict[str, Any]:
    """Return the row of a question that was learned from.

    Args:
        base, tuned: the answers of both models.
    """
    short = answered.question.short
    after = "known" if contains_answer(tuned, short) else "unknown"
    return {
        "question": answered.question.text,
        "label": answered.best,
        "answer": short,
        "held_out": False,
        "before": before,
        "after": "unsure" if before == "unsure" else after,
        "base": base,
        "taught": tuned,
    }


def describe_held_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a held-out question, from its row in exam.json."""
    base = row["arms"]["base"]
    tuned = row["arms"]["taught"]
    return {
        "question": row["prompt"],
        "label": "",
        "answer": " / ".join(row["gold"]),
        "held_out": True,
        "before": "unknown" if base["broken"] else "known",
        "after": "unknown" if tuned["broken"] else "known",
        "base": base["greedy"],
        "taught": tuned["greedy"],
    }
