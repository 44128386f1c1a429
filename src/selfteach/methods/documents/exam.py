"""The exam of documents: held-out questions, questions that were known before, general prompts; and
the knowledge map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from selfteach import statistics
from selfteach.evaluate import exam as shared
from selfteach.evaluate import knowledge as paper
from selfteach.evaluate.common import COMMON
from selfteach.evaluate.corrections import Arm, answer
from selfteach.evaluate.sanity import by_arm
from selfteach.generate.question import Question
from selfteach.generate.respond import Answered, open_chat
from selfteach.generate.spans import replaced, spans
from selfteach.generate.study import GAP, GAPS
from selfteach.judge.contradiction import Scored
from selfteach.judge.match import contains_answer, token_recall
from selfteach.judge.pairwise import Duel, Preference, compare
from selfteach.judge.pairwise import measures as duels_measures
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.general_answers import general_rows, general_sheets
from selfteach.methods.runner import Taught, drifted, proof
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Draw, Example, Measure, Prompt, Sampling, digest, user
from selfteach.select.knowledge import label_fault, state
from selfteach.select.overlap import Overlap


@dataclass(frozen=True)
class Quiz:
    """A question of the exam with its right answers, and the chunk that holds them. `origin`:
    people, or the model itself.
    """

    text: str
    answers: tuple[str, ...]
    chunk: Chunk
    origin: str


def people_quiz(chunks: Sequence[Chunk], asked: Sequence[PeopleQuestion]) -> list[Quiz]:
    """People's questions, each with the chunk of its document (where it is known) that holds an
    answer and most of its words.
    """
    found = []
    for q in asked:
        own = [c for c in chunks if c.document.id == q.document] or chunks

        def fit(chunk: Chunk, q: PeopleQuestion = q) -> tuple[bool, float]:
            return any(contains_answer(chunk.passage, a) for a in q.answers), token_recall(
                q.text, chunk.passage
            )

        found.append(Quiz(q.text, q.answers, max(own, key=fit), "people"))
    return found


def share_of(count: int, share: float) -> int:
    """How many of `count` are set aside: at least one, and not all."""
    return min(max(1, round(share * count)), count - 1)


def gap_quiz(chunks: Sequence[Chunk], share: float, seed: int) -> list[Quiz]:
    """A share of the sentences, each with a gap where an answer stood; none where fewer than two
    sentences offer an answer.

    The answer is one that the sentence itself would be marked right with: not the "Angleterre" of
    "d'Angleterre".
    """
    found = ((c, i, c.words(i)) for c in chunks for i in c.telling())
    offers = {
        (c.id, i): (c, text, name)
        for c, i, text in found
        if (
            name := next((name for name in spans(text, c.title) if contains_answer(text, name)), "")
        )
    }
    where = sorted(offers, key=lambda place: digest([seed, *place]))
    if len(where) < 2:
        return []
    return [
        Quiz(
            GAPS[0].format(title=c.title, text=replaced(text, name, GAP)),
            (name,),
            c,
            "gaps in its sentences",
        )
        for c, text, name in (offers[place] for place in where[: share_of(len(where), share)])
    ]


def own_quiz(questions: Sequence[Question]) -> list[Quiz]:
    """The model's own questions about sentences that were set aside."""
    return [Quiz(q.text, (q.short,), q.chunk, "the model") for q in questions]


def examine(
    session: Session,
    taught: Taught | None,
    quiz: Sequence[Quiz],
    general: Sequence[Example],
    lessons: Sequence[str],
) -> dict[str, Any]:
    """The exam as exam.json holds it.

    Args:
        general: prompts about anything else, held out.
        lessons: what was taught; an answer to anything else that says it is harmed.
    """
    config, seed = session.config.exam, session.config.seed
    common = COMMON[: config.common]
    models = {"base": session.base} | ({"taught": taught.model} if taught else {})
    golds = [q.answers for q in quiz]
    session.display.stage("exam", len(quiz) * (len(models) + 1) + len(common) * len(models))
    closed: list[Prompt] = [user(q.text) for q in quiz]
    marked = {
        arm: paper.mark(_answers(session, model, closed), golds) for arm, model in models.items()
    }
    marked["prompted"] = paper.mark(
        _answers(session, session.base, [open_chat(q.text, q.chunk) for q in quiz]), golds
    )
    marked = {arm: marked[arm] for arm in ("base", "prompted", "taught") if arm in marked}
    known = {
        arm: paper.mark(
            _answers(session, m, [user(q) for q, _ in common]), [gold for _, gold in common]
        )
        for arm, m in models.items()
    }
    drawn, noise = _drawn(session, models, closed, golds)
    arms = {arm: Arm(arm, model) for arm, model in models.items()}
    beside = general_sheets(session, arms, [e.turns for e in general][: config.general])
    said = Overlap(dict.fromkeys(lessons))
    unharmed = {
        arm: shared.unharmed(sheet, beside["base"], said)[0] for arm, sheet in beside.items()
    }
    there = bool(beside["base"].questions)
    found: dict[str, Any] = {
        "method": "documents",
        "rehearsal": session.config.rehearsal,
        "asked_by": quiz[0].origin if quiz else "",
        **paper.measures(marked, seed),
        "common": {arm: statistics.share(m.right) for arm, m in known.items() if m.right},
        "general": {arm: statistics.share(flags) for arm, flags in unharmed.items() if flags},
        "drawn": {arm: statistics.share(flags) for arm, flags in drawn.items()},
        "noise_floor": {"contains": noise},
        "sanity": by_arm({arm: m.draws for arm, m in marked.items()}, seed=seed),
        "base_proof": proof(session),
        "answers": [*_side_by_side(quiz, marked), *general_rows(beside, unharmed)],
    }
    lost: Measure | None = None
    damage: Measure | None = None
    if taught:
        before, after = ([*marked[arm].right, *known[arm].right] for arm in ("base", "taught"))
        damage = paper.damage(before, after)
        lost = statistics.paired_bootstrap(known["base"].right, known["taught"].right, seed=seed)
        found |= {
            "damage": damage,
            "common_loss": lost,
            "pairwise": _pairwise(session, quiz, marked),
        }
        if there:
            leak = statistics.paired_bootstrap(unharmed["base"], unharmed["taught"], seed=seed)
            found |= {"leakage": {"general": leak}, "drift": drifted(session, taught.hf, beside)}
    harmed = 1 - sum(unharmed["taught"]) / len(unharmed["taught"]) if taught and there else 0.0
    found["verdict"] = paper.verdict(marked, found.get("gain"), lost, damage, harmed)
    written: dict[str, Any] = shared.as_json(found)
    return written


def _answers(session: Session, model: Recorded, prompts: Sequence[Prompt]) -> list[Draw]:
    limit = replace(GREEDY, max_tokens=session.config.exam.max_tokens)
    return answer(model, "exam", prompts, limit, session.config.seed, session.display.advance)


def _drawn(
    session: Session,
    models: Mapping[str, Recorded],
    closed: Sequence[Prompt],
    golds: Sequence[Sequence[str]],
) -> tuple[dict[str, list[bool]], Measure]:
    """Which questions each model answers in one draw at T = 1; and the base against itself, in a
    second draw.
    """
    sampling, seed = Sampling(1.0, 1.0, session.config.exam.max_tokens), session.config.seed
    session.display.stage("exam again", (len(models) + 1) * len(closed))

    def right(model: Recorded, seed: int) -> list[bool]:
        return paper.mark(
            answer(model, "exam again", closed, sampling, seed, session.display.advance), golds
        ).right

    once = {arm: right(model, seed) for arm, model in models.items()}
    return once, statistics.paired_bootstrap(right(session.base, seed + 1), once["base"], seed=seed)


def _pairwise(
    session: Session, quiz: Sequence[Quiz], marked: Mapping[str, paper.Marked]
) -> dict[str, Any]:
    """Taught against base, judged by the base with the document in the prompt, in both orders; a
    win only where both agree.
    """
    judge = Preference(session.base)
    texts = [[d.text for d in marked[arm].draws] for arm in ("taught", "base")]
    duels = [Duel(_with_passage(q), a, b) for q, a, b in zip(quiz, *texts, strict=True)]
    return duels_measures(duels, compare(judge, duels), session.config.seed)


def _with_passage(q: Quiz) -> Prompt:
    return user(f"{q.chunk.passage} {q.text}")


def roomy(session: Session, q: Quiz) -> bool:
    """Whether the model's context holds all that the exam asks about a question: the open book with
    its answer, two answers to compare.
    """
    encode, most = session.model.encode, session.config.exam.max_tokens
    duel = Preference(session.base).asked(_with_passage(q), "", "")
    needed: int = max(len(encode(open_chat(q.text, q.chunk))) + most, len(encode(duel)) + 2 * most)
    return needed <= session.model.context_tokens


def _side_by_side(quiz: Sequence[Quiz], marked: Mapping[str, paper.Marked]) -> list[dict[str, Any]]:
    return [
        {
            "scope": "target",
            "prompt": q.text,
            "gold": list(q.answers),
            "chunk": q.chunk.id,
            "arms": {
                arm: {"greedy": m.draws[i].text, "broken": not m.right[i]}
                for arm, m in marked.items()
            },
        }
        for i, q in enumerate(quiz)
    ]


def known_map(
    session: Session,
    taught: Taught,
    chunks: Sequence[Chunk],
    answered: Sequence[Answered],
    scored: Sequence[Scored],
    answers: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Step 6: documents with their chunks with their questions; each with its state before and
    after, and the answers.

    A question that was learned: before is what the selection said; after, the same judge's word is
    replaced by the plainest one, whether the taught model's answer holds the label's words. An
    unsure label stays unsure. A held-out question is known where its answer is right.
    """
    config = session.config.select
    asked: list[Prompt] = [user(a.question.text) for a in answered]
    session.display.stage("map", 2 * len(asked))
    before, after = (_answers(session, model, asked) for model in (session.base, taught.model))
    rows: dict[str, list[dict[str, Any]]] = {c.id: [] for c in chunks}
    for a, s, b, t in zip(answered, scored, before, after, strict=True):
        first = "unsure" if label_fault(a) else state(s, config.tau_label, config.tau_knowledge)
        then = (
            "unsure"
            if first == "unsure"
            else "known"
            if contains_answer(t.text, a.question.short)
            else "unknown"
        )
        rows[a.question.chunk.id].append(
            {
                "question": a.question.text,
                "label": a.best,
                "answer": a.question.short,
                "held_out": False,
                "before": first,
                "after": then,
                "base": b.text,
                "taught": t.text,
            }
        )
    for row in answers:
        if row["scope"] == "target":
            arms = row["arms"]
            first, then = (
                "unknown" if arms[arm]["broken"] else "known" for arm in ("base", "taught")
            )
            rows[row["chunk"]].append(
                {
                    "question": row["prompt"],
                    "label": "",
                    "answer": " / ".join(row["gold"]),
                    "held_out": True,
                    "before": first,
                    "after": then,
                    "base": arms["base"]["greedy"],
                    "taught": arms["taught"]["greedy"],
                }
            )
    return [
        {
            "document": of[0].document.id,
            "title": of[0].title,
            "file": of[0].document.source,
            "chunks": [{"text": c.text, "questions": rows[c.id]} for c in of],
        }
        for of in (list(group) for _, group in groupby(chunks, key=lambda c: c.document.id))
    ]
