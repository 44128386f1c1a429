"""Step 6 of documents: what the model knows before and after, by document, chunk and question."""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.evaluate.exam import TunedModel, answer
from selfteach.evaluate.scopes import TARGET
from selfteach.generate.answers import LabelledQuestion
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.judge.match import contains_answer
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.session import Session
from selfteach.records import JsonMapping, JsonObject, make_prompt
from selfteach.select.knowledge import decide_state, find_label_fault


def make_knowledge_map(
    session: Session,
    tuned: TunedModel,
    chunks: Sequence[Chunk],
    answered: Sequence[LabelledQuestion],
    scored: Sequence[KnowledgeScores],
    answers: Sequence[JsonMapping],
) -> list[JsonObject]:
    """Return the documents with their chunks, and the chunks with their questions: the state of
    each before and after training (step 6).

    A learned question is known where the answer of the model contains the label's words, before
    and after alike; an unsure label is unsure in both. `selected` is the judge's state of it at
    selection, which is another measure. A held-out question is known where its answer is right.

    Args:
        answered, scored: the learned questions, in the same order.
        answers: the rows of exam.json.
    """
    select = session.config.select
    prompts = [make_prompt(a.question.text) for a in answered]
    session.display.start_stage("knowledge map", 2 * len(prompts))
    before = answer(session, session.base, "exam", prompts, 0.0)
    after = answer(session, tuned.recorded, "exam", prompts, 0.0)
    rows: dict[str, list[JsonObject]] = {chunk.id: [] for chunk in chunks}
    for a, scores, base, own in zip(answered, scored, before, after, strict=True):
        state = "unsure"
        if not find_label_fault(a):
            state = decide_state(scores, select.tau_label, select.tau_knowledge)
        rows[a.question.chunk.id].append(describe_learned(a, state, base.text, own.text))
    for row in answers:
        if row["scope"] == TARGET:
            rows[row["chunk"]].append(describe_held_out(row))
    found: dict[str, JsonObject] = {}
    for chunk in chunks:
        document = chunk.document
        top = {"document": document.id, "title": document.title, "file": document.source}
        entry = found.setdefault(document.id, {**top, "chunks": []})
        entry["chunks"].append({"text": chunk.text, "questions": rows[chunk.id]})
    return list(found.values())


def describe_learned(answered: LabelledQuestion, state: str, base: str, tuned: str) -> JsonObject:
    """Return the map's row of a question to learn from.

    Args:
        state: the judge's, at selection.
        base, tuned: the answers of both models.
    """
    short = answered.question.short
    before, after = (_find_state(text, short) for text in (base, tuned))
    return {
        "question": answered.question.text,
        "label": answered.best,
        "answer": short,
        "held_out": False,
        "selected": state,
        "before": "unsure" if state == "unsure" else before,
        "after": "unsure" if state == "unsure" else after,
        "base": base,
        "tuned": tuned,
    }


def _find_state(text: str, short: str) -> str:
    return "known" if contains_answer(text, short) else "unknown"


def describe_held_out(row: JsonMapping) -> JsonObject:
    """Return the map's row of a held-out question, from its row in exam.json."""
    base = row["arms"]["base"]
    tuned = row["arms"]["tuned"]
    return {
        "question": row["prompt"],
        "label": "",
        "answer": " / ".join(row["gold"]),
        "held_out": True,
        "before": "known" if base["ok"] else "unknown",
        "after": "known" if tuned["ok"] else "unknown",
        "base": base["greedy"],
        "tuned": tuned["greedy"],
    }
