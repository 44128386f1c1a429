"""Study data that the model writes itself: two forms, off unless `study` asks for them.

    rewritten   a question -> its sentence, rewritten by the model so that it answers the question.
                Kept only if the answer's words are still in it
    strategies  the model names a way to study a chunk ("List the dates in order."), then studies by
                it. The strategy with the title -> what it wrote. Kept only if most of its words are
                the chunk's

Source: rewrites that answer a question, Synthetic Mixed Training (arXiv 2603.23562); strategies
chosen for each document, Active Reading (arXiv 2508.09494).
Departs: a rewrite is of one sentence, and checked; a strategy is one line. Each check only finds
what is lost or added by its words. A small model gets worked examples, and loses facts often: what
is dropped is counted (stages `rewritten` and `strategies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfteach.dedup.overlap import split_written_words
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.generate.few_shot_facts import format_facts
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.generate.questions import Question, fence_text
from selfteach.judge.match import contains_answer, token_recall
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.documents.amounts import NOTES_TOKENS, STRATEGIES_PER_CHUNK, STRATEGY_TOKENS
from selfteach.methods.session import Session
from selfteach.models.ordered import sample_in_order
from selfteach.records import (
    GREEDY,
    Completion,
    Example,
    Prompt,
    Request,
    SamplingParams,
    digest,
    make_prompt,
)
from selfteach.text import clean_text

REWRITE_TOKENS = 64
STRATEGY_WORDS = range(3, 31)
MIN_NOTES_WORDS = 8
MIN_GROUNDED = 0.6
"""The share of the words of notes that must be words of the chunk, its title or the strategy."""
LOST = "no answer came"
CUT = "cut off"
SAME = "the sentence itself"
WITHOUT_ANSWER = "the answer's words are lost"
NO_STRATEGY = "no strategy of 3 to 30 words"
NO_NOTES = "empty, too short, or looping"
INVENTED = "too many words that are not the document's"
WORKED_STRATEGIES = (
    (
        "Honey bees",
        "A colony has one queen, who may live for five years. Workers that hatch in summer die "
        "after about six weeks.",
        "Compare the members of the colony by how long they live.",
        "The queen of a honey bee colony may live for five years. Workers that hatch in summer "
        "live about six weeks. So a queen lives far longer than a worker.",
    ),
    (
        "Aldmoor Bridge",
        "Aldmoor Bridge was opened in 1868. It is made of cast iron and is 212 metres long.",
        "Ask and answer one short question about each fact.",
        "When was Aldmoor Bridge opened? In 1868. What is Aldmoor Bridge made of? Cast iron. How "
        "long is Aldmoor Bridge? 212 metres.",
    ),
    (
        "Paper",
        "The art of making paper came to Europe through the Arab cities of Spain, where the first "
        "mill was built at Xativa.",
        "Retell what happened, step by step.",
        "First the art of making paper came to the Arab cities of Spain. There the first mill was "
        "built, at Xativa. So the art of making paper came to Europe.",
    ),
)
"""(title, text, strategy, what is written by it)."""


def make_rewrite_prompt(question: Question, instructed: bool = False) -> Prompt:
    """Return the request for a sentence rewritten so that it answers a question."""
    title, text = to_one_line(question.chunk.title), to_one_line(question.text)
    if instructed:
        return make_prompt(
            f"{fence_text(title, question.evidence)}\nRewrite this sentence so that it answers the "
            f"question: {text}\nKeep all that it says, add nothing, and name what it is about. "
            "Write the sentence alone."
        )
    shown = format_facts(
        "Topic: {topic}\nFact: {sentence}\nQuestion: {question}\nFact as an answer: {statement}\n\n"
    )
    return f"{shown}Topic: {title}\nFact: {question.evidence}\nQuestion: {text}\nFact as an answer:"


def find_rewrite_fault(question: Question, completion: Completion | None, text: str) -> str:
    """Return why a rewritten sentence is not learned, or ""."""
    if completion is None:
        return LOST
    if completion.finish != "stop":
        return CUT
    if not contains_answer(text, question.short):
        return WITHOUT_ANSWER
    return SAME if text == question.evidence else ""


def write_rewrites(session: Session, questions: Sequence[Question]) -> dict[str, str]:
    """Return the rewritten sentence of each question for which a usable one came, by its id."""
    asked = [q for q in questions if q.sentence is not None and q.short]
    sampling = replace(GREEDY, max_tokens=REWRITE_TOKENS, stop=("\n",))
    instructed = session.teacher is not None
    requests = [
        Request("rewrite", make_rewrite_prompt(q, instructed), sampling, 0, session.config.seed)
        for q in asked
    ]
    found = {}
    completions = sample_in_order(session.teacher or session.base, requests)
    with session.run.ledger.open_funnel("rewritten") as funnel:
        for question, completion in zip(asked, completions, strict=True):
            text = to_one_line(clean_text(completion.text)) if completion else ""
            fault = find_rewrite_fault(question, completion, text)
            body = {"question": question.text, "last": text}
            id = digest(["rewritten", question.id])
            funnel.decide(id, fault, body, failed=fault == LOST)
            if not fault:
                found[question.id] = text
    return found


@dataclass(frozen=True)
class ChunkStudy:
    """Hold a chunk, a strategy for it, and what the model wrote by it."""

    chunk: Chunk
    strategy: str
    notes: str = ""

    def to_example(self) -> Example:
        """Return the row of study data: the strategy with the title, and what was written."""
        prompt = f"Tell what you know about {to_one_line(self.chunk.title)}. {self.strategy}"
        source = {**self.chunk.describe_source(), "form": "strategies"}
        id = digest(["study", "strategies", self.chunk.id, self.strategy, self.notes])
        return Example(id, "study", make_prompt(prompt), self.notes, None, {}, source)


def make_strategy_prompt(chunk: Chunk, instructed: bool = False) -> Prompt:
    """Return the request for a study strategy that suits a chunk."""
    if instructed:
        return make_prompt(
            f"{fence_text(chunk.title, chunk.passage)}\nName one way to study this text that suits "
            "what it says, as an instruction in one sentence. Write the instruction alone."
        )
    shown = format_examples(
        "Title: {}\nText: {}\nStudy task: {}\n\n", (row[:3] for row in WORKED_STRATEGIES)
    )
    return f"{shown}{format_chunk(chunk)}\nStudy task:"


def make_notes_prompt(study: ChunkStudy, instructed: bool = False) -> Prompt:
    """Return the request for what is written by a strategy."""
    chunk = study.chunk
    if instructed:
        return make_prompt(
            f"{fence_text(chunk.title, chunk.passage)}\n{study.strategy}\nUse only what the text "
            "says, in whole sentences that make sense without it. Write one paragraph."
        )
    shown = format_examples("Title: {}\nText: {}\nStudy task: {}\nNotes: {}\n\n", WORKED_STRATEGIES)
    return f"{shown}{format_chunk(chunk)}\nStudy task: {study.strategy}\nNotes:"


def format_chunk(chunk: Chunk) -> str:
    """Return the title and the passage, each on one line."""
    return f"Title: {to_one_line(chunk.title)}\nText: {to_one_line(chunk.passage)}"


def find_strategy_fault(completion: Completion | None, text: str) -> str:
    """Return why a strategy is not used, or ""."""
    if completion is None:
        return LOST
    if completion.finish != "stop":
        return CUT
    return "" if len(split_written_words(text)) in STRATEGY_WORDS else NO_STRATEGY


def find_notes_fault(study: ChunkStudy, completion: Completion | None) -> str:
    """Return why what was written by a strategy is not learned, or ""."""
    if completion is None:
        return LOST
    if completion.finish != "stop":
        return CUT
    text = study.notes
    written = split_written_words(text)
    if is_empty(text) or is_looping(text) or len(written) < MIN_NOTES_WORDS:
        return NO_NOTES
    words = set(written)
    known = f"{study.chunk.passage} {study.chunk.title} {study.strategy}"
    return INVENTED if token_recall(" ".join(sorted(words)), known) < MIN_GROUNDED else ""


def write_by_strategies(session: Session, chunks: Sequence[Chunk]) -> list[Example]:
    """Return a row for each chunk and each strategy that the model named for it and kept to."""
    model = session.teacher or session.base
    instructed = session.teacher is not None
    seed = session.config.seed
    sampling = SamplingParams(0.7, 0.95, STRATEGY_TOKENS, ("\n",))
    places = [(chunk, k) for chunk in chunks for k in range(STRATEGIES_PER_CHUNK)]
    requests = [
        Request("strategy", make_strategy_prompt(chunk, instructed), sampling, k, seed)
        for chunk, k in places
    ]
    studies: dict[str, ChunkStudy] = {}
    with session.run.ledger.open_funnel("strategies") as funnel:
        named = sample_in_order(model, requests)
        for (chunk, k), completion in zip(places, named, strict=True):
            text = to_one_line(clean_text(completion.text)) if completion else ""
            id = digest(["strategy", chunk.id, k])
            fault = find_strategy_fault(completion, text)
            if not fault and any(s.chunk is chunk and s.strategy == text for s in studies.values()):
                fault = "repeats another"
            if fault:
                body = {"file": chunk.document.source, "last": text}
                funnel.decide(id, fault, body, failed=fault == LOST)
            else:
                studies[id] = ChunkStudy(chunk, text)
        stop = () if instructed else ("\n",)
        sampling = replace(GREEDY, max_tokens=NOTES_TOKENS, stop=stop)
        requests = [
            Request("notes", make_notes_prompt(study, instructed), sampling, 0, seed)
            for study in studies.values()
        ]
        rows = []
        written = sample_in_order(model, requests)
        for (id, study), completion in zip(studies.items(), written, strict=True):
            notes = to_one_line(clean_text(completion.text)) if completion else ""
            made = ChunkStudy(study.chunk, study.strategy, notes)
            fault = find_notes_fault(made, completion)
            body = {"file": study.chunk.document.source, "last": notes}
            funnel.decide(id, fault, body, failed=fault == LOST)
            if not fault:
                rows.append(made.to_example())
    return rows
