"""Keep the answers that wait for a person, and the decisions on them.

The queue is a stage of the ledger, so it survives kill -9 and power loss. A round of review:

    ids = add_answers(ledger, rows)          # rows {"prompt", "answer"}; known rows are not added
    if list_waiting(ledger):                 # a person decides in the page or in the terminal
        serve_review(ledger, ...)
    edits = list_corrections(ledger, ids)    # rows {"id", "prompt", "answer", "correction", "cut"}

There is no other state. A decision carries its number, so the last one can be undone, also after
a restart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from selfteach.errors import DataError, UsageError
from selfteach.records import JsonMapping, JsonObject, Message, digest, parse_messages
from selfteach.run.ledger import Ledger, Outcome, OutcomeState
from selfteach.text import clean_text, unify_line_ends

STAGE = "review"
EDITED = "edited"
UNCHANGED = "accepted as it is"
SKIPPED = "skipped in review"


class ReviewedCorrection(TypedDict):
    """Hold a finished edit.

    `correction` equals `answer` if the person accepted the answer as it is: an anchor. `cut` tells
    whether the answer stopped at its token limit.
    """

    id: str
    prompt: Any
    answer: str
    correction: str
    cut: bool


class NotWaitingError(UsageError):
    """Report that an answer has a decision already, or is not in the queue."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """Hold one answer that waits.

    `draft` is an edit that is not finished or was undone; "" for none. `cut` tells whether the
    answer stopped at its token limit, so that its missing end is no mistake.
    """

    id: str
    prompt: Any
    answer: str
    draft: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """Count the answers of the queue. `total` is the sum of all four counts."""

    waiting: int
    edited: int
    unchanged: int
    skipped: int

    @property
    def total(self) -> int:
        """Return the number of all answers in the queue."""
        return self.waiting + self.done

    @property
    def done(self) -> int:
        """Return the number of answers with a decision."""
        return self.edited + self.unchanged + self.skipped


@dataclass(frozen=True, slots=True)
class _Entry:
    """Hold an outcome of the queue with its body, which is never empty."""

    id: str
    state: OutcomeState
    reason: str
    body: JsonMapping

    @property
    def turn(self) -> int:
        """Return the number of the decision; 0 if there is none."""
        return int(self.body.get("turn", 0))

    def copy_body(self, *dropped: str) -> JsonObject:
        """Return the body without some keys."""
        return {key: value for key, value in self.body.items() if key not in dropped}


def add_answers(ledger: Ledger, rows: Iterable[JsonMapping]) -> list[str]:
    """Add answers at the end of the queue.

    An answer that is in the queue stays as it is, decided or not. So the same command again asks
    nothing twice, and an answer that a later round repeats needs no second review.

    Args:
        rows: {"prompt", "answer"[, "cut"]}; a prompt is a text, messages, or a list of {"role",
            "content"}. Other keys are not kept.

    Returns:
        the id of each row, in order; equal rows have equal ids.

    Raises:
        DataError: a row has no prompt or no answer, or its prompt has another form.
    """
    known = {entry.id for entry in _list_entries(ledger)}
    ids = []
    added = []
    for number, row in enumerate(rows, start=1):
        prompt = _to_prompt_json(row.get("prompt"), f"row {number}")
        answer = row.get("answer")
        if not prompt or not isinstance(answer, str):
            raise DataError(
                "an answer to be reviewed needs a prompt and an answer.", where=f"row {number}"
            )
        answer = _clean_text(answer)
        id = digest([STAGE, prompt, answer])
        ids.append(id)
        if id not in known:
            known.add(id)
            cut = row.get("cut") is True
            body = {"place": len(known), "prompt": prompt, "answer": answer, "cut": cut}
            added.append(Outcome(id, "pending", "", body))
    ledger.record_outcomes(STAGE, added)
    return ids


def list_waiting(ledger: Ledger) -> list[ReviewItem]:
    """Return the answers without a decision, in the order of the queue."""
    return [_make_item(entry) for entry in _list_entries(ledger, "pending")]


def read_item(ledger: Ledger, id: str) -> ReviewItem:
    """Return an answer that waits, as it is now.

    Raises:
        NotWaitingError: the answer has a decision already.
    """
    return _make_item(_find_waiting(ledger, id))


def list_corrections(
    ledger: Ledger, ids: Collection[str] | None = None
) -> list[ReviewedCorrection]:
    """Return the finished edits, in the order of the queue, without skipped answers.

    Args:
        ids: only these, for example what `add_answers` returned for one round.
    """
    return [
        ReviewedCorrection(
            id=entry.id,
            prompt=entry.body["prompt"],
            answer=entry.body["answer"],
            correction=entry.body["correction"],
            cut=entry.body.get("cut", False),
        )
        for entry in _list_entries(ledger, "accepted")
        if ids is None or entry.id in ids
    ]


def count_progress(ledger: Ledger) -> ReviewProgress:
    """Count the answers that wait, were edited, accepted as they are, or skipped."""
    reasons = [entry.reason for entry in _list_entries(ledger)]
    return ReviewProgress(*map(reasons.count, ("", EDITED, UNCHANGED, SKIPPED)))


def save_correction(ledger: Ledger, id: str, correction: str) -> None:
    """Record a person's correction of an answer. It is on disk when this returns.

    White space at the end is not part of an edit.

    Raises:
        DataError: the correction is empty.
        NotWaitingError: the answer has a decision already.
    """
    text = _clean_text(correction).rstrip()
    if not text:
        raise DataError("the correction is empty.", cure="Skip an answer that has no good form.")
    entry = _find_waiting(ledger, id)
    reason, answer = EDITED, entry.body["answer"]
    if text == answer.rstrip():
        reason, text = UNCHANGED, answer
    _decide(ledger, id, "accepted", reason, entry.copy_body("draft") | {"correction": text})


def accept_answer(ledger: Ledger, id: str) -> None:
    """Record that an answer is good as it is.

    Raises:
        DataError: the answer has no words.
        NotWaitingError: the answer has a decision already.
    """
    body = _find_waiting(ledger, id).body
    if not body["answer"].strip():
        raise DataError("the answer is empty.", cure="Write one, or skip it.")
    _decide(ledger, id, "accepted", UNCHANGED, {**body, "correction": body["answer"]})


def skip_answer(ledger: Ledger, id: str) -> None:
    """Leave an answer out of the training. `undo_decision` and `requeue_skipped` reverse this.

    Raises:
        NotWaitingError: the answer has a decision already.
    """
    _decide(ledger, id, "dropped", SKIPPED, _find_waiting(ledger, id).body)


def save_draft(ledger: Ledger, id: str, text: str) -> None:
    """Record an edit that is not finished, so that a crash does not lose it.

    The answer itself is no edit: it clears the draft.

    Raises:
        NotWaitingError: the answer has a decision already.
    """
    body = {**_find_waiting(ledger, id).body, "draft": _clean_text(text)}
    if body["draft"].rstrip() == body["answer"].rstrip():
        del body["draft"]
    ledger.record_outcomes(STAGE, [Outcome(id, "pending", "", body)])


def undo_decision(ledger: Ledger) -> ReviewItem | None:
    """Undo the last decision and keep its edit as a draft. Return None if there is no decision.

    Each further call undoes the decision before.
    """
    last = max(_list_entries(ledger), key=lambda entry: entry.turn, default=None)
    if last is None or not last.turn:
        return None
    _requeue(ledger, [last])
    return read_item(ledger, last.id)


def requeue_skipped(ledger: Ledger) -> int:
    """Put all skipped answers back into the queue. Return their number."""
    skipped = _list_entries(ledger, "dropped")
    _requeue(ledger, skipped)
    return len(skipped)


def _list_entries(ledger: Ledger, state: str = "") -> list[_Entry]:
    found = (
        _Entry(outcome.id, outcome.state, outcome.reason, outcome.body or {})
        for _, outcome in ledger.read_outcomes(STAGE, state)
    )
    return sorted(found, key=lambda entry: entry.body["place"])


def _make_item(entry: _Entry) -> ReviewItem:
    body = entry.body
    draft, cut = body.get("draft", ""), body.get("cut", False)
    return ReviewItem(entry.id, body["prompt"], body["answer"], draft, cut)


def _find_waiting(ledger: Ledger, id: str) -> _Entry:
    for entry in _list_entries(ledger, "pending"):
        if entry.id == id:
            return entry
    raise NotWaitingError(
        "this answer does not wait any more.",
        cure="Go on with the next one, or take the last decision back.",
    )


def _decide(ledger: Ledger, id: str, state: OutcomeState, reason: str, body: JsonMapping) -> None:
    turn = 1 + max(entry.turn for entry in _list_entries(ledger))
    ledger.record_outcomes(STAGE, [Outcome(id, state, reason, {**body, "turn": turn})])


def _requeue(ledger: Ledger, entries: Iterable[_Entry]) -> None:
    rows = []
    for entry in entries:
        body = entry.copy_body("turn", "correction")
        if entry.reason == EDITED:
            body["draft"] = entry.body["correction"]
        rows.append(Outcome(entry.id, "pending", "", body))
    ledger.record_outcomes(STAGE, rows)


def _to_prompt_json(value: Any, where: str) -> Any:
    """Return a prompt as JSON: a text, or a list of {"role", "content"}; an empty one as it is.

    Raises:
        DataError: it has another form.
    """
    if not value:
        return value
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list | tuple):
        value = [asdict(turn) if isinstance(turn, Message) else turn for turn in value]
    turns = parse_messages(value, where)
    return [{"role": turn.role, "content": _clean_text(turn.content)} for turn in turns]


def _clean_text(value: str) -> str:
    """Return a text made safe, with one kind of line end.

    An untouched text field of the page then equals its answer.
    """
    return clean_text(unify_line_ends(value))
