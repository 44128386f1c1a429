"""`selfteach select` and `selfteach forget-source`: teach a run of documents again.

The new run has other thresholds, or one document less. It takes over the samples and scores of the
first run, so no request is sent twice outside the exam.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import print_json
from selfteach.commands.teach import teach
from selfteach.config import DocumentsConfig as Settings
from selfteach.config import ResolvedConfig
from selfteach.errors import DataError, UsageError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.listing import to_one_line
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, split_document_sentences
from selfteach.materials.documents.listed import Span, count_words, format_sentence
from selfteach.methods.documents.read_documents import read_noted, read_whole
from selfteach.methods.input_sources import identify_same_earlier_adapter
from selfteach.methods.method import Material
from selfteach.records import JsonMapping, JsonObject
from selfteach.run import finished
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import IDENTITY, Run, make_slug, read_notes
from selfteach.select.knowledge import count_states, decide_state, find_most_contradictory

CHANGEABLE_KEYS = ("select.tau_label", "select.tau_knowledge", "select.filter_pairs")
GENERAL_STAGES = ("ask general", "keep")
WRITTEN_STAGES = ("rewrite", "strategy", "notes")
ADOPTED_STAGES = ("ask", "ask back", "answer", "answer blind", *WRITTEN_STAGES, *GENERAL_STAGES)
"""The stages whose answers are taken over. The exam runs again, because the tuned model of the
first run gave some of its answers.
"""
MIN_WORDS = 4
"""A shorter sentence can occur in any text, so it does not show where a request came from."""


def change_thresholds(
    folder: Path, sets: Sequence[str], out: Path | None, *, as_json: bool, debug: bool = False
) -> None:
    """Print what other thresholds would learn; with `out`, teach with them.

    Raises:
        UsageError: the run is not one of documents, has measured nothing yet, or another setting
            is to be changed.
        DataError: with `out`, the documents have changed since the run.
    """
    wrong = [item for item in sets if item.split("=")[0].strip() not in CHANGEABLE_KEYS]
    if wrong:
        raise UsageError(
            f'"{wrong[0]}" is no threshold.',
            where="--set",
            cure=f"Can be changed: {', '.join(CHANGEABLE_KEYS)}.",
        )
    rows = read_note(folder, "knowledge")
    resolved = finished.resolve_settings(folder, Settings, sets)
    if rows is None:
        raise UsageError(
            "has measured nothing yet.",
            where=str(folder),
            cure="Let the run reach its training first.",
        )
    if out is not None:
        material = read_noted(read_note(folder, finished.PATHS))
        rerun(folder, resolved, material, TeachOptions(out=out, as_json=as_json, debug=debug))
        return
    counts = count_selection(rows, resolved.config)
    if as_json:
        print_json(counts)
        return
    for key in ("pairs", "known", "unknown", "unsure", "no_label"):
        print(f"{key.replace('_', ' ')}: {counts[key]}")
    sizes = ", ".join(f"{size['tau']:g} {size['unknown']}" for size in counts["sizes"])
    print(f"size against tau_knowledge: {sizes}")


def count_selection(rows: Sequence[JsonObject], config: Settings) -> JsonObject:
    """Count the questions of each state, and the pairs, at these thresholds.

    The stored scores are enough. A question gives no pair if no sample contradicts its label,
    because then there is nothing to reject.
    """
    tau_label = config.select.tau_label
    tau = config.select.tau_knowledge
    whole = [row for row in rows if not row["fault"]]
    scored = [KnowledgeScores.from_json(row["scores"]) for row in whole]
    states = [decide_state(scores, tau_label, tau) for scores in scored]
    pairs = 0
    for state, row, scores in zip(states, whole, scored, strict=True):
        if state == "unknown" or not config.select.filter_pairs:
            pairs += find_most_contradictory(read_answered(row), scores) is not None
    return {
        "tau_label": tau_label,
        "tau_knowledge": tau,
        "pairs": pairs,
        **{name: states.count(name) for name in ("known", "unknown", "unsure")},
        "no_label": len(rows) - len(whole),
        "sizes": [
            {"tau": point.tau_knowledge, "unknown": point.unknown}
            for point in count_states(scored, tau_label)
        ],
    }


def read_answered(row: JsonMapping) -> LabelledQuestion:
    """Return a stored question with its label and its samples; its chunk has no text."""
    chunk = Chunk(Document(row["file"], row["title"], ""), Span(row["start"], row["end"]), ())
    return LabelledQuestion(
        Question(row["question"], row["short"], chunk, None),
        row["label"],
        tuple(row["informed"]),
        tuple(row["blind"]),
    )


def forget_source(
    folder: Path, source: str, out: Path | None, *, as_json: bool, debug: bool = False
) -> None:
    """Teach again without one document, which may be absent by now. People's questions about it
    are left out of the exam (`find_questions_about`).

    Raises:
        UsageError: the run has no such document, or several.
        DataError: the other documents have changed since the run.
    """
    sources = read_note(folder, finished.PATHS)
    resolved = finished.resolve_settings(folder, Settings)
    gone = find_document(source, list_learned_documents(folder), folder)
    texts = [Document(gone.source, gone.title, gone.text)] if gone.text else []
    left = read_noted(sources, forget=gone.id, texts=texts, missing=True)
    place = folder.resolve() if folder.name in ("", "..") else folder
    target = out or place.with_name(f"{place.name}-without-{make_slug(source)}")
    options = TeachOptions(out=target, as_json=as_json, debug=debug)
    rerun(folder, resolved, left, options, forgotten=gone, whole=read_whole(sources))


def find_document(source: str, known: Sequence[LearnedDocument], folder: Path) -> LearnedDocument:
    """Return the document of this id or source, else the only one of this title.

    Raises:
        UsageError: there is none, or there are several.
    """
    exact = [document for document in known if source in (document.id, document.source)]
    found = exact or [document for document in known if document.title == source]
    if not found:
        raise UsageError(
            f'there is no document "{source}" in this run.',
            where=str(folder),
            cure=f"There are: {', '.join(document.source for document in known[:8])}.",
        )
    if len(found) > 1:
        names = ", ".join(document.id if exact else document.source for document in found[:8])
        raise UsageError(
            f'"{source}" may be any of {len(found)} documents.',
            where=str(folder),
            cure=f"Give one of: {names}.",
        )
    return found[0]


@dataclass(frozen=True)
class LearnedDocument:
    """Represent a document as a run remembers it.

    Attributes:
        text: its chunks, as the requests held them; "" if the run did not reach its map.
    """

    id: str
    source: str
    title: str
    text: str


def list_learned_documents(folder: Path) -> list[LearnedDocument]:
    """Return the documents that a run learned from, in the order of their sources."""
    with closing(finished.open_ledger(folder)) as ledger:
        outcomes = [outcome for _, outcome in ledger.read_outcomes("read", "accepted")]
    exam = finished.read_exam(folder) if (folder / finished.EXAM_FILE).is_file() else {}
    texts = {}
    for document in exam.get("map") or []:
        chunks = [chunk["text"] for chunk in document["chunks"]]
        texts[document["document"]] = "\n\n".join(chunks)
    found = []
    for outcome in outcomes:
        body = outcome.body or {}
        text = texts.get(outcome.id, "")
        found.append(
            LearnedDocument(outcome.id, str(body.get("file")), str(body.get("title")), text)
        )
    return sorted(found, key=lambda document: document.source)


def rerun(
    folder: Path,
    resolved: ResolvedConfig,
    material: Material,
    options: TeachOptions,
    *,
    forgotten: LearnedDocument | None = None,
    whole: Sequence[Document] = (),
) -> None:
    """Teach in a new run that takes over the answers of the old one.

    It takes over no answer about a forgotten document. If the chunks of that document are not known
    any more, it takes over only the answers that concern no document.

    Args:
        whole: the documents of the files in full, as far as they are there.

    Raises:
        DataError: the documents, or the adapter that the run continues, have changed since.
    """
    learned = list_learned_documents(folder)
    kept = [document for document in learned if document != forgotten]
    check_unchanged(kept, material.value.reading.documents)
    stages = ADOPTED_STAGES if forgotten is None or forgotten.text else GENERAL_STAGES
    with closing(finished.open_ledger(folder)) as before:
        forbidden: list[str] = []
        if forgotten:
            forbidden = list_forbidden_texts(before, forgotten, whole, learned)
        first = before.get_note(IDENTITY)["material"]
        identity = {**material.identity, **identify_same_earlier_adapter(first, folder)}

        def is_allowed(body: Any) -> bool:
            return not any(part in text for text in iterate_texts(body) for part in forbidden)

        def take_over(run: Run) -> None:
            run.ledger.copy_answers(before, stages, is_allowed)

        found = replace(material, name="documents", identity=identity)
        teach("documents", found, resolved, options, before=take_over)


def list_forbidden_texts(
    ledger: Ledger,
    forgotten: LearnedDocument,
    whole: Sequence[Document],
    learned: Sequence[LearnedDocument],
) -> list[str]:
    """Return texts that show that a request concerns the forgotten document: its long sentences,
    its questions, and the beginnings of requests about it and about its short sentences.

    The title identifies requests about a document only if no other document has this title.
    """
    title = to_one_line(forgotten.title)
    found = list_questions(ledger, forgotten.id)
    if [document.title for document in learned].count(forgotten.title) == 1:
        found.append(f"Topic: {title} Fact: ")
        found.append(f"Here is a text about {title}, between two lines of dashes.")
    for text in list_sentences(forgotten, whole):
        if count_words(text) >= MIN_WORDS:
            found.append(text)
        else:
            found += [f"Topic: {title} Fact: {text}", f"One sentence of it is: {text}"]
    return found


def check_unchanged(known: Sequence[LearnedDocument], now: Sequence[Document]) -> None:
    """Refuse documents that are not those that a run learned from.

    Raises:
        DataError: a document is absent, has changed, or is new.
    """
    before = {document.id for document in known}
    there = {document.id for document in now}
    cure = "start a new run with what is there."
    lost = [document.source for document in known if document.id not in there]
    if lost:
        raise DataError(
            "is a document of this run that is not there any more, or has changed; an earlier "
            "version of selfteach may have read it otherwise.",
            where=lost[0],
            cure=f"Bring it back, or {cure}",
        )
    new = [document.source for document in now if document.id not in before]
    if new:
        raise DataError(
            "is no document of this run, and would be taught too.",
            where=new[0],
            cure=f"Take it away, or {cure}",
        )


def list_sentences(forgotten: LearnedDocument, whole: Sequence[Document]) -> list[str]:
    """Return the sentences of a document, each on one line, as requests hold them.

    A sentence appears with and without its lead-in, and with the title in its place, which leads
    the rows of tables: the chunks do not tell which they are. The sentences come from the chunks,
    which may cut a sentence, and from the whole text if it is still in the files.
    """
    same = [document for document in whole if document.id == forgotten.id]
    chunks = Document(forgotten.source, forgotten.title, forgotten.text)
    found = []
    for document in (chunks, *same):
        for sentence in split_document_sentences(document):
            found.append(format_sentence(document.text, sentence))
            for head in ("", document.title) if sentence.head else ("",):
                bare = Span(sentence.start, sentence.end, head)
                found.append(format_sentence(document.text, bare))
    return list(dict.fromkeys(found))


def list_questions(ledger: Ledger, document: str) -> list[str]:
    """Return the questions about a document, accepted or dropped, of every stage."""
    bodies = (outcome.body or {} for _, outcome in ledger.read_outcomes())
    return [
        body["question"]
        for body in bodies
        if body.get("document") == document and body.get("question", "").strip()
    ]


def iterate_texts(body: Any) -> Iterator[str]:
    """Yield every text in a JSON value, on one line."""
    if isinstance(body, str):
        yield " ".join(body.split())
    elif isinstance(body, dict):
        yield from iterate_texts(list(body.values()))
    elif isinstance(body, list):
        for part in body:
            yield from iterate_texts(part)


def read_note(folder: Path, key: str) -> Any:
    """Return a note of a run of documents; None if the run has not written it yet.

    Raises:
        UsageError: the run is one of another material.
    """
    identity, found = read_notes(finished.check_readable(folder), IDENTITY, key)
    if identity is None or identity["kind"] != "documents":
        raise UsageError(
            "is no run of documents.",
            where=str(folder),
            cure="Give the folder of one that `selfteach documents` made.",
        )
    return found
