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
from selfteach.records import Message, digest
from selfteach.run.ledger import Ledger, Outcome
from selfteach.run.run_folder import Run
from selfteach.text import clean_text

STAGE = "review"
EDITED, UNCHANGED, SKIPPED = "edited", "accepted as it is", "skipped in review"
QueueStore = Run | Ledger
"""What holds the queue: an open run, or its ledger."""


class ReviewedCorrection(TypedDict):
    """A finished edit. `correction` equals `answer` where the person accepted it as it is: an
    anchor. `cut`: the answer stopped at its token limit."""

    id: str
    prompt: Any
    answer: str
    correction: str
    cut: bool


class NotWaitingError(UsageError):
    """The answer was decided already, here or in another place, or was never put."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One answer that waits. `save_draft` is an edit that was begun, or the edit that was taken back;
    empty where there is none. `cut`: it stopped at its token limit, so that what is missing at its
    end is no fault of it."""

    id: str
    prompt: Any
    answer: str
    draft: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ReviewProgress:
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


def add_answers(store: QueueStore, rows: Iterable[Mapping[str, Any]]) -> list[str]:
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
    ledger, known = _get_ledger(store), {fate.id for fate in _list_outcomes(store)}
    ids, fresh = [], []
    for number, row in enumerate(rows, start=1):
        prompt, answer = _to_prompt_json(row.get("prompt")), row.get("answer")
        if not prompt or not isinstance(answer, str):
            raise DataError(
                "an answer to be reviewed needs a prompt and an answer.", where=f"row {number}"
            )
        answer = _clean_text(answer)
        ids.append(id := digest([STAGE, prompt, answer]))
        if id not in known:
            known.add(id)
            fresh.append(
                Outcome(
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
    ledger.record_outcomes(STAGE, fresh)
    return ids


def list_waiting(store: QueueStore) -> list[ReviewItem]:
    """The answers without a decision, in the order in which they were put."""
    return [_make_item(fate) for fate in _list_outcomes(store) if fate.state == "pending"]


def list_corrections(
    store: QueueStore, ids: Collection[str] | None = None
) -> list[ReviewedCorrection]:
    """The finished edits, in the order in which their answers were put; skipped answers are left
    out.

    Args:
        ids: only these, for instance what `add_answers` returned for one round.
    """
    chosen = None if ids is None else set(ids)
    found = [
        (fate.id, fate.body or {})
        for fate in _list_outcomes(store)
        if fate.state == "accepted" and (chosen is None or fate.id in chosen)
    ]
    return [
        ReviewedCorrection(
            id=id,
            prompt=body["prompt"],
            answer=body["answer"],
            correction=body["correction"],
            cut=body.get("cut", False),
        )
        for id, body in found
    ]


def count_progress(store: QueueStore) -> ReviewProgress:
    """How many wait, were edited, accepted as they are, skipped."""
    reasons = [fate.reason for fate in _list_outcomes(store)]
    return ReviewProgress(
        reasons.count(""), reasons.count(EDITED), reasons.count(UNCHANGED), reasons.count(SKIPPED)
    )


def save_correction(store: QueueStore, id: str, correction: str) -> None:
    """Records what the person made of an answer. On disk when this returns.

    White space at the end, which nobody sees, is not part of an edit.

    Raises:
        DataError: nothing is left of the answer.
        NotWaiting: it has a decision already.
    """
    text = _clean_text(correction).rstrip()
    if not text:
        raise DataError("the correction is empty.", cure="Skip an answer that has no good form.")
    body = _get_waiting_body(store, id)
    if text == body["answer"].rstrip():
        _decide(store, id, "accepted", UNCHANGED, {**body, "correction": body["answer"]})
    else:
        _decide(store, id, "accepted", EDITED, {**body, "correction": text})


def accept_answer(store: QueueStore, id: str) -> None:
    """Records that an answer is good as it is.

    Raises:
        DataError: there are no words in it.
        NotWaiting: it has a decision already.
    """
    body = _get_waiting_body(store, id)
    if not body["answer"].strip():
        raise DataError("the answer is empty.", cure="Write one, or skip it.")
    _decide(store, id, "accepted", UNCHANGED, {**body, "correction": body["answer"]})


def skip_answer(store: QueueStore, id: str) -> None:
    """Leaves an answer out; nothing is learned from it. `undo_decision` and `requeue_skipped` bring it back.

    Raises:
        NotWaiting: it has a decision already.
    """
    _decide(store, id, "dropped", SKIPPED, _get_waiting_body(store, id))


def save_draft(store: QueueStore, id: str, text: str) -> None:
    """Keeps an edit that is not finished, so that a crash does not take it.

    Raises:
        NotWaiting: the answer has a decision already.
    """
    body = _get_waiting_body(store, id)
    _get_ledger(store).record_outcomes(
        STAGE, [Outcome(id, "pending", "", {**body, "draft": _clean_text(text)})]
    )


def undo_decision(store: QueueStore) -> ReviewItem | None:
    """Takes the last decision back, its edit kept as a draft; None where there is nothing to take
    back. Repeated, it goes further back.
    """
    decided = [fate for fate in _list_outcomes(store) if fate.state != "pending"]
    if not decided:
        return None
    last = max(decided, key=_get_decision_number)
    _reopen(store, [last])
    return next(item for item in list_waiting(store) if item.id == last.id)


def requeue_skipped(store: QueueStore) -> int:
    """Puts all skipped answers back into the queue; returns how many."""
    skipped = [fate for fate in _list_outcomes(store) if fate.reason == SKIPPED]
    _reopen(store, skipped)
    return len(skipped)


def _get_ledger(store: QueueStore) -> Ledger:
    return store if isinstance(store, Ledger) else store.ledger


def _list_outcomes(store: QueueStore) -> list[Outcome]:
    return sorted(
        (fate for _, fate in _get_ledger(store).read_outcomes(STAGE)),
        key=lambda fate: (fate.body or {})["place"],
    )


def _get_decision_number(fate: Outcome) -> int:
    return int((fate.body or {}).get("turn", 0))


def _make_item(fate: Outcome) -> ReviewItem:
    body = fate.body or {}
    return ReviewItem(
        fate.id, body["prompt"], body["answer"], body.get("draft", ""), body.get("cut", False)
    )


def _get_waiting_body(store: QueueStore, id: str) -> dict[str, Any]:
    for _, fate in _get_ledger(store).read_outcomes(STAGE, "pending"):
        if fate.id == id:
            return {key: value for key, value in (fate.body or {}).items() if key != "draft"}
    raise NotWaitingError(
        "this answer does not wait any more.",
        cure="Go on with the next one, or take the last decision back.",
    )


def _decide(store: QueueStore, id: str, state: Any, reason: str, body: Mapping[str, Any]) -> None:
    turn = 1 + max((_get_decision_number(fate) for fate in _list_outcomes(store)), default=0)
    _get_ledger(store).record_outcomes(STAGE, [Outcome(id, state, reason, {**body, "turn": turn})])


def _reopen(store: QueueStore, outcomes: Iterable[Outcome]) -> None:
    rows = []
    for fate in outcomes:
        body = {
            key: value
            for key, value in (fate.body or {}).items()
            if key not in ("turn", "correction")
        }
        if fate.reason == EDITED:
            body["draft"] = (fate.body or {})["correction"]
        rows.append(Outcome(fate.id, "pending", "", body))
    _get_ledger(store).record_outcomes(STAGE, rows)


def _to_prompt_json(value: Any) -> Any:
    """A prompt as JSON: a text, or a list of {"role", "content"}."""
    if isinstance(value, str):
        return _clean_text(value)
    turns = [asdict(turn) if isinstance(turn, Message) else turn for turn in value or ()]
    return [{"role": str(turn["role"]), "content": _clean_text(turn["content"])} for turn in turns]


def _clean_text(value: str) -> str:
    """A text as it is kept: made safe, with one kind of line end, so that an untouched text field
    equals its answer.
    """
    return clean_text(value.replace("\r\n", "\n").replace("\r", "\n"))
