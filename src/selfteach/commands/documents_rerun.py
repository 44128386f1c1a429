"""`selfteach select` and `selfteach forget-source`: a run of documents once more, with other
thresholds or without a document. What the first run drew and scored is taken over, so that nothing
is asked twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import print_json
from selfteach.commands.teach import teach
from selfteach.config import DocumentsConfig as Settings
from selfteach.config import ResolvedConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.listing import to_one_line
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, split_document_sentences
from selfteach.materials.documents.listed import Span, told, words_in
from selfteach.methods.documents.material import read_noted, read_whole
from selfteach.methods.method import Material
from selfteach.run import finished
from selfteach.run.finished import PATHS
from selfteach.run.finished import open_ledger as opened
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import Run, make_slug
from selfteach.select.knowledge import count_states, decide_state, find_most_contradictory

CHANGEABLE_KEYS = ("select.tau_label", "select.tau_knowledge", "select.filter_pairs")
ADOPTED_STAGES = ("ask", "ask back", "answer", "answer blind", "ask general", "keep")
"""What is taken over. The exam is sat again: its answers are partly those of the model that was
taught before.
"""
GENERAL_STAGES = ("ask general", "keep")
MIN_WORDS = 4
"""A shorter sentence may stand in any text, so that its words do not tell where a request came
from.
"""


def change_thresholds(
    folder: Path, sets: Sequence[str], out: Path | None, *, as_json: bool, debug: bool = False
) -> None:
    """Says what other thresholds would learn; with `out`, teaches so.

    Raises:
        UsageError: the run is none of documents, has measured nothing yet, or something else than
        thresholds is to be changed.
        DataError: with `out`, the documents are not those of the run any more.
    """
    if wrong := [item for item in sets if item.split("=")[0].strip() not in CHANGEABLE_KEYS]:
        raise UsageError(
            f'"{wrong[0]}" is no threshold.',
            where="--set",
            cure=f"Can be changed: {', '.join(CHANGEABLE_KEYS)}.",
        )
    rows = read_note(folder, "knowledge")
    resolved = resolve(Settings, folder / finished.CONFIG_FILE, sets)
    if rows is None:
        raise UsageError(
            "has measured nothing yet.",
            where=str(folder),
            cure="Let the run come to its training first.",
        )
    if out is not None:
        rerun(
            folder,
            resolved,
            read_noted(read_note(folder, PATHS)),
            out,
            as_json=as_json,
            debug=debug,
        )
        return
    stated = count_selection(rows, resolved.config)
    if as_json:
        print_json(stated)
        return
    for key in ("pairs", "known", "unknown", "unsure", "no_label"):
        print(f"{key.replace('_', ' ')}: {stated[key]}")
    print(
        "size against tau_knowledge: "
        + ", ".join(f"{p['tau']:g} {p['unknown']}" for p in stated["sizes"])
    )


def count_selection(rows: Sequence[dict[str, Any]], config: Settings) -> dict[str, Any]:
    """The counts of each state, and of pairs, at these thresholds; from the stored scores alone.
    Without a draw that contradicts the label there is nothing to reject: such a question gives no
    pair."""
    tau_label, tau = config.select.tau_label, config.select.tau_knowledge
    whole = [row for row in rows if not row["fault"]]
    scored = [KnowledgeScores.from_json(row["scores"]) for row in whole]
    states = [decide_state(s, tau_label, tau) for s in scored]
    curve = [
        {"tau": p.tau_knowledge, "unknown": p.unknown} for p in count_states(scored, tau_label)
    ]
    counts = {name: states.count(name) for name in ("known", "unknown", "unsure")}
    chosen = [found == "unknown" or not config.select.filter_pairs for found in states]
    pairs = sum(
        one and find_most_contradictory(read_answered(row), s) is not None
        for one, row, s in zip(chosen, whole, scored, strict=True)
    )
    return {
        "tau_label": tau_label,
        "tau_knowledge": tau,
        "pairs": pairs,
        **counts,
        "no_label": len(rows) - len(whole),
        "sizes": curve,
    }


def read_answered(row: Mapping[str, Any]) -> LabelledQuestion:
    """A stored question with its label and its draws; of its piece only the place."""
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
    """Teaches again without one document, which need not be there any more.

    Raises:
        UsageError: the run has no such document, or several.
        DataError: the other documents are not those of the run any more.
    """
    sources = read_note(folder, PATHS)
    resolved = resolve(Settings, folder / finished.CONFIG_FILE)
    gone = find_document(source, list_learned_documents(folder), folder)
    left = read_noted(sources, forget=gone.id, missing=True)
    target = out or folder.with_name(f"{folder.resolve().name}-without-{make_slug(source)}")
    whole = read_whole(sources)
    rerun(folder, resolved, left, target, forgotten=gone, whole=whole, as_json=as_json, debug=debug)


def find_document(source: str, known: Sequence[LearnedDocument], folder: Path) -> LearnedDocument:
    """The document of this id or source, else the only one of this title.

    Raises:
        UsageError: there is none, or there are several.
    """
    exact = [d for d in known if source in (d.id, d.source)]
    found = exact or [d for d in known if d.title == source]
    if not found:
        there = ", ".join(d.source for d in known[:8])
        raise UsageError(
            f'there is no document "{source}" in this run.',
            where=str(folder),
            cure=f"There are: {there}.",
        )
    if len(found) > 1:
        names = ", ".join(d.id if exact else d.source for d in found[:8])
        raise UsageError(
            f'"{source}" may be any of {len(found)} documents.',
            where=str(folder),
            cure=f"Give one of: {names}.",
        )
    return found[0]


@dataclass(frozen=True)
class LearnedDocument:
    """A document as a run remembers it. `text`: its pieces, as they were asked about; "" where the
    run did not come to its map.
    """

    id: str
    source: str
    title: str
    text: str


def list_learned_documents(folder: Path) -> list[LearnedDocument]:
    """The documents that a run learned from, by its own record, in the order of their sources."""
    ledger = opened(folder)
    try:
        rows = [(fate.id, fate.body or {}) for _, fate in ledger.read_outcomes("read", "accepted")]
    finally:
        ledger.close()
    exam = finished.read_exam(folder) if (folder / finished.EXAM_FILE).is_file() else {}
    texts = {
        told["document"]: "\n\n".join(chunk["text"] for chunk in told["chunks"])
        for told in exam.get("map") or []
    }
    found = [
        LearnedDocument(id, str(body.get("file")), str(body.get("title")), texts.get(id, ""))
        for id, body in rows
    ]
    return sorted(found, key=lambda d: d.source)


def rerun(
    folder: Path,
    resolved: ResolvedConfig,
    material: Material,
    out: Path,
    *,
    forgotten: LearnedDocument | None = None,
    whole: Sequence[Document] = (),
    as_json: bool,
    debug: bool,
) -> None:
    """A new run that knows what the old one was answered, but for what has to do with a document
    that is `gone`. Where its pieces are not known any more, only what was asked about no document
    is taken over.

    Raises:
        DataError: the documents are not those of the run any more.
    """
    now = material.value.reading.documents
    check_unchanged([d for d in list_learned_documents(folder) if d != forgotten], now)
    before = opened(folder)
    stages = ADOPTED_STAGES if forgotten is None or forgotten.text else GENERAL_STAGES
    try:
        first = before.get_note("identity")["material"]
        alone = (
            [d.title for d in list_learned_documents(folder)].count(forgotten.title) == 1
            if forgotten
            else False
        )
        forbidden = (
            [
                *list_long_sentences(forgotten, whole),
                *list_request_beginnings(forgotten, whole, alone),
                *list_questions(before, {forgotten.id}),
            ]
            if forgotten
            else []
        )
        identity = dict(material.identity)
        if "from" in first:
            identity["from"] = first["from"]

        def take_over(run: Run) -> None:
            run.ledger.copy_answers(
                before,
                stages,
                lambda body: (
                    not any(part in text for text in walk_texts(body) for part in forbidden)
                ),
            )

        options = TeachOptions(out=out, as_json=as_json, debug=debug)
        teach(
            "documents",
            replace(material, name="documents", identity=identity),
            resolved,
            options,
            take_over,
        )
    finally:
        before.close()


def check_unchanged(known: Sequence[LearnedDocument], now: Sequence[Document]) -> None:
    """Looks whether the documents are those that a run learned from.

    Raises:
        DataError: one is not there any more, has changed, or is new.
    """
    before, there = {d.id for d in known}, {d.id for d in now}
    cure = "begin a new run with what is there."
    if lost := [d.source for d in known if d.id not in there]:
        raise DataError(
            "is a document of this run that is not there any more, or has changed.",
            where=lost[0],
            cure=f"Bring it back, or {cure}",
        )
    if new := [d.source for d in now if d.id not in before]:
        raise DataError(
            "is no document of this run, and would be taught too.",
            where=new[0],
            cure=f"Take it away, or {cure}",
        )


def list_long_sentences(forgotten: LearnedDocument, whole: Sequence[Document]) -> list[str]:
    """The sentences of a document that are long enough to be its own."""
    return [text for text in list_sentences(forgotten, whole) if words_in(text) >= MIN_WORDS]


def list_request_beginnings(
    forgotten: LearnedDocument, whole: Sequence[Document], alone: bool
) -> list[str]:
    """How requests about a document begin, where it is `alone` with its title; how those about one
    of its short sentences do, anyway.
    """
    title = to_one_line(forgotten.title)
    short = [text for text in list_sentences(forgotten, whole) if words_in(text) < MIN_WORDS]
    beginnings = (
        [f"Topic: {title} Fact: ", f"Here is a text about {title}, between two lines of dashes."]
        if alone
        else []
    )
    return [
        *beginnings,
        *(
            f"{label} {text}"
            for label in (f"Topic: {title} Fact:", "One sentence of it is:")
            for text in short
        ),
    ]


def list_sentences(forgotten: LearnedDocument, whole: Sequence[Document]) -> list[str]:
    """The sentences of a document, on one line each, as requests hold them: after what leads them,
    and without it; from its pieces, which may cut a sentence, and from its whole text, where that
    is still in the files."""
    same = [document for document in whole if document.id == forgotten.id]
    found = (
        told(d.text, span)
        for d in (Document(forgotten.source, forgotten.title, forgotten.text), *same)
        for s in split_document_sentences(d)
        for span in (s, Span(s.start, s.end))
    )
    return list(dict.fromkeys(found))


def list_questions(ledger: Ledger, documents: set[str]) -> list[str]:
    """The questions that were asked about documents, kept or not."""
    rows = ledger.read_outcomes("ask")
    return [
        f.body["question"]
        for _, f in rows
        if f.body and f.body.get("document") in documents and f.body["question"].strip()
    ]


def walk_texts(body: Any) -> Iterator[str]:
    """Every text in a JSON value, on one line."""
    if isinstance(body, str):
        yield " ".join(body.split())
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from walk_texts(part)


def read_note(folder: Path, key: str) -> Any:
    """A note of a run of documents; None where it has not come to it.

    Raises:
        UsageError: it is a run of something else.
    """
    ledger = opened(folder)
    try:
        identity, found = ledger.get_note("identity") or {}, ledger.get_note(key)
    finally:
        ledger.close()
    if identity.get("kind") != "documents":
        raise UsageError(
            "is no run of documents.",
            where=str(folder),
            cure="Give the folder of one that `selfteach documents` made.",
        )
    return found
