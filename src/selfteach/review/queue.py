"""Answers that wait for a person, and what became of them: a stage of the ledger, so it survives
kill -9 and power loss.

    ids = put(run, rows)                      # rows {"prompt", "answer"}; putting the same ones
    again changes nothing if waiting(run):                          # a person works in the page or
    in the terminal: save, accept, skip, undo
        serve(run.ledger, ...)
    edits = corrections(run, ids)             # rows {"id", "prompt", "answer", "correction",
    "cut"}, in the order in which they were put

There is no other state: a decision carries its number, so the last one can be taken back, after a
restart too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from selfteach.errors import DataError, UsageError
from selfteach.records import Message, clean, digest
from selfteach.run.folder import Run
from selfteach.run.ledger import Fate, Ledger

STAGE = "review"
EDITED, UNCHANGED, SKIPPED = "edited", "accepted as it is", "skipped in review"
Book = Run | Ledger
"""What holds the queue: an open run, or its ledger."""


class Correction(TypedDict):
    """A finished edit. `correction` equals `answer` where the person accepted it as it is: an
    anchor. `cut`: the answer stopped at its token limit."""

    id: str
    prompt: Any
    answer: str
    correction: str
    cut: bool


class NotWaiting(UsageError):
    """The answer was decided already, here or in another place, or was never put."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer that waits. `draft` is an edit that was begun, or the edit that was taken back;
    empty where there is none. `cut`: it stopped at its token limit, so that what is missing at its
    end is no fault of it."""

    id: str
    prompt: Any
    answer: str
    draft: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of the queue; `total` is their sum."""

    waiting: int
    edited: int
    unchanged: int
    skipped: int

    @property
    def total(self) -> int:
        """All answers that were put."""
        return self.waiting + self.edited + self.unchanged + self.skipped

    @property
    def done(self) -> int:
        """Answers with a decision."""
        return self.total - self.waiting


def put(book: Book, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Puts answers into the queue, behind those that are there.

    An answer that is there already stays as it is, decided or not: so a command that is run again
    asks nothing twice, and an answer that comes back in a later round needs no second look.

    Args:
        rows: {"prompt", "answer"[, "cut"]}; a prompt is a text, messages, or a list of {"role",
            "content"}. Other keys are not kept.

    Returns:
        the id of each row, in order; equal rows have equal ids.

    Raises:
        DataError: a row without a prompt or an answer.
    """
    ledger, known = _ledger(book), {fate.id for fate in _fates(book)}
    ids, fresh = [], []
    for number, row in enumerate(rows, start=1):
        prompt, answer = _prompt(row.get("prompt")), row.get("answer")
        if not prompt or not isinstance(answer, str):
            raise DataError(
                "an answer to be reviewed needs a prompt and an answer.", where=f"row {number}"
            )
        answer = _text(answer)
        ids.append(id := digest([STAGE, prompt, answer]))
        if id not in known:
            known.add(id)
            fresh.append(
                Fate(
                    id,
                    "pending",
                    "",
                    {
                        "place": len(known),
                        "prompt": prompt,
                        "answer": answer,
                        "cut": row.get("cut") is True,
                    },
                )
            )
    ledger.place(STAGE, fresh)
    return ids


def waiting(book: Book) -> list[Item]:
    """The answers without a decision, in the order in which they were put."""
    return [_item(fate) for fate in _fates(book) if fate.state == "pending"]


def corrections(book: Book, ids: Collection[str] | None = None) -> list[Correction]:
    """The finished edits, in the order in which their answers were put; skipped answers are left
    out.

    Args:
        ids: only these, for instance what `put` returned for one round.
    """
    chosen = None if ids is None else set(ids)
    found = [
        (fate.id, fate.body or {})
        for fate in _fates(book)
        if fate.state == "accepted" and (chosen is None or fate.id in chosen)
    ]
    return [
        Correction(
            id=id,
            prompt=body["prompt"],
            answer=body["answer"],
            correction=body["correction"],
            cut=body.get("cut", False),
        )
        for id, body in found
    ]


def progress(book: Book) -> Progress:
    """How many wait, were edited, accepted as they are, skipped."""
    reasons = [fate.reason for fate in _fates(book)]
    return Progress(
        reasons.count(""), reasons.count(EDITED), reasons.count(UNCHANGED), reasons.count(SKIPPED)
    )


def save(book: Book, id: str, correction: str) -> None:
    """Records what the person made of an answer. On disk when this returns.

    White space at the end, which nobody sees, is not part of an edit.

    Raises:
        DataError: nothing is left of the answer.
        NotWaiting: it has a decision already.
    """
    text = _text(correction).rstrip()
    if not text:
        raise DataError("the correction is empty.", cure="Skip an answer that has no good form.")
    body = _waiting_body(book, id)
    if text == body["answer"].rstrip():
        _decide(book, id, "accepted", UNCHANGED, {**body, "correction": body["answer"]})
    else:
        _decide(book, id, "accepted", EDITED, {**body, "correction": text})


def accept(book: Book, id: str) -> None:
    """Records that an answer is good as it is.

    Raises:
        DataError: there are no words in it.
        NotWaiting: it has a decision already.
    """
    body = _waiting_body(book, id)
    if not body["answer"].strip():
        raise DataError("the answer is empty.", cure="Write one, or skip it.")
    _decide(book, id, "accepted", UNCHANGED, {**body, "correction": body["answer"]})


def skip(book: Book, id: str) -> None:
    """Leaves an answer out; nothing is learned from it. `undo` and `again` bring it back.

    Raises:
        NotWaiting: it has a decision already.
    """
    _decide(book, id, "dropped", SKIPPED, _waiting_body(book, id))


def draft(book: Book, id: str, text: str) -> None:
    """Keeps an edit that is not finished, so that a crash does not take it.

    Raises:
        NotWaiting: the answer has a decision already.
    """
    body = _waiting_body(book, id)
    _ledger(book).place(STAGE, [Fate(id, "pending", "", {**body, "draft": _text(text)})])


def undo(book: Book) -> Item | None:
    """Takes the last decision back, its edit kept as a draft; None where there is nothing to take
    back. Repeated, it goes further back.
    """
    decided = [fate for fate in _fates(book) if fate.state != "pending"]
    if not decided:
        return None
    last = max(decided, key=_turn)
    _reopen(book, [last])
    return next(item for item in waiting(book) if item.id == last.id)


def again(book: Book) -> int:
    """Puts all skipped answers back into the queue; returns how many."""
    skipped = [fate for fate in _fates(book) if fate.reason == SKIPPED]
    _reopen(book, skipped)
    return len(skipped)


def _ledger(book: Book) -> Ledger:
    return book if isinstance(book, Ledger) else book.ledger


def _fates(book: Book) -> list[Fate]:
    return sorted(
        (fate for _, fate in _ledger(book).candidates(STAGE)),
        key=lambda fate: (fate.body or {})["place"],
    )


def _turn(fate: Fate) -> int:
    return int((fate.body or {}).get("turn", 0))


def _item(fate: Fate) -> Item:
    body = fate.body or {}
    return Item(
        fate.id, body["prompt"], body["answer"], body.get("draft", ""), body.get("cut", False)
    )


def _waiting_body(book: Book, id: str) -> dict[str, Any]:
    for _, fate in _ledger(book).candidates(STAGE, "pending"):
        if fate.id == id:
            return {key: value for key, value in (fate.body or {}).items() if key != "draft"}
    raise NotWaiting(
        "this answer does not wait any more.",
        cure="Go on with the next one, or take the last decision back.",
    )


def _decide(book: Book, id: str, state: Any, reason: str, body: Mapping[str, Any]) -> None:
    turn = 1 + max((_turn(fate) for fate in _fates(book)), default=0)
    _ledger(book).place(STAGE, [Fate(id, state, reason, {**body, "turn": turn})])


def _reopen(book: Book, fates: Iterable[Fate]) -> None:
    rows = []
    for fate in fates:
        body = {
            key: value
            for key, value in (fate.body or {}).items()
            if key not in ("turn", "correction")
        }
        if fate.reason == EDITED:
            body["draft"] = (fate.body or {})["correction"]
        rows.append(Fate(fate.id, "pending", "", body))
    _ledger(book).place(STAGE, rows)


def _prompt(value: Any) -> Any:
    """A prompt as JSON: a text, or a list of {"role", "content"}."""
    if isinstance(value, str):
        return _text(value)
    turns = [asdict(turn) if isinstance(turn, Message) else turn for turn in value or ()]
    return [{"role": str(turn["role"]), "content": _text(turn["content"])} for turn in turns]


def _text(value: str) -> str:
    """A text as it is kept: made safe, with one kind of line end, so that an untouched text field
    equals its answer.
    """
    return clean(value.replace("\r\n", "\n").replace("\r", "\n"))
