"""Reading corrections: what a model answered and what it should have said, and criticisms, which say only what was wrong.

A row is one of these; other keys are left alone.
  prompt, answer, correction     the answer may be missing: then the model's own is drawn
  chosen, rejected [, prompt]    as TRL has them: texts, or lists of messages
  messages                       the last turn is the edited one; what it was before stands in its `original`, or in the row's `answer`
  prompt, answer, feedback       a criticism: "too long, and no emoji"
A correction that is equal to its answer is an approval, which becomes an anchor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.materials.rows import read_each, read_rows
from selfteach.records import BadLine, Message, clean, digest, messages, question
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Fate

KEYS = ("prompt", "answer", "correction", "feedback", "chosen", "rejected", "messages")
FORMS = "prompt, answer, correction; prompt, answer, feedback; prompt, chosen, rejected; or messages"
Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One row of the material. `answer` is None where it has to be drawn; `correction` is None in a criticism."""

    where: str
    prompt: Turns
    answer: str | None = None
    correction: str | None = None
    feedback: str = ""

    @property
    def id(self) -> str:
        """The hash of what it says; not of where it stands."""
        return digest(["edit", [[m.role, m.content] for m in self.prompt], self.answer, self.correction, self.feedback])

    @property
    def unchanged(self) -> bool:
        """Whether the correction leaves the answer as it is."""
        return self.answer is not None and self.answer == self.correction

    def json(self) -> dict[str, Any]:
        """For the ledger: the words, and where they stand."""
        return {"where": self.where, "prompt": question(self.prompt), "answer": self.answer, "correction": self.correction,
                "feedback": self.feedback}  # fmt: skip


@dataclass
class Corrections:
    """What a person brought. `fates` says of every row what became of it."""

    edits: list[Edit] = field(default_factory=list)
    approved: list[Edit] = field(default_factory=list)
    criticisms: list[Edit] = field(default_factory=list)
    prompts: list[Turns] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    mended: list[BadLine] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that say something."""
        return len(self.edits) + len(self.approved) + len(self.criticisms)

    def by_feedback(self) -> list[list[Edit]]:
        """The criticisms, those in the same words together."""
        found: dict[str, list[Edit]] = {}
        for edit in self.criticisms:
            found.setdefault(" ".join(edit.feedback.lower().split()), []).append(edit)
        return list(found.values())


def read_corrections(path: Path, *, skip: bool = False, most_bad: float = 0.1) -> Corrections:
    """Reads a file of corrections and criticisms.

    Args:
        skip: leave bad rows out (they are among the fates) where their share is at most `most_bad`.

    Raises:
        DataError: a bad row and not `skip`, too many of them, or no row that says anything.
    """
    found = Corrections()
    read, bad = read_each(path, read_edit, found.mended, skip=skip, most_bad=most_bad)
    found.fates |= bad
    for edit in _agreeing(read, found.fates):
        found.fates[edit.where] = Fate(edit.where, "accepted")
        (found.criticisms if edit.correction is None else found.approved if edit.unchanged else found.edits).append(edit)
    if not found.rows:
        what = f"there is no correction in it ({len(bad)} bad rows)." if bad else "is empty."
        raise DataError(what, where=str(path), cure=f"A row is {FORMS}.")
    return found


def read_edit(row: Mapping[str, Any], where: str) -> Edit:
    """One row.

    Raises:
        DataError: it is of no known form, or a part of it is empty.
    """
    if "messages" in row:
        return _edited_turn(row, where)
    if "chosen" in row or "rejected" in row:
        return _pair(row, where)
    if not ("correction" in row or "feedback" in row):
        odd = next((key for key in row if key not in KEYS), "")
        raise DataError(
            "has neither a correction nor a feedback.", where=where, cure=did_you_mean(odd, KEYS) if odd else f"A row is {FORMS}."
        )
    prompt = _turns(row.get("prompt"), where)
    answer = _text(row, "answer", where)
    if feedback := _text(row, "feedback", where):
        if correction := _text(row, "correction", where):
            return Edit(where, prompt, answer, correction, feedback)
        if answer is None:
            raise DataError('"answer" is empty: a criticism needs the answer that it criticises.', where=where)
        return Edit(where, prompt, answer, None, feedback)
    return Edit(where, prompt, answer, _needed(row, "correction", where))


def _edited_turn(row: Mapping[str, Any], where: str) -> Edit:
    turns = messages(row["messages"], where)
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise DataError("the last of its messages is not the assistant's.", where=where, cure="End with the edited answer.")
    raw = row["messages"][-1]
    answer = _text(raw, "original", where) or _text(row, "answer", where)
    prompt = _turns([vars_of(turn) for turn in turns[:-1]], where)
    if (feedback := _text(row, "feedback", where)) and answer is None:  # not edited: what is criticised is the turn itself
        return Edit(where, prompt, _needed({"answer": turns[-1].content}, "answer", where), None, feedback)
    return Edit(where, prompt, answer, _needed({"correction": turns[-1].content}, "correction", where), feedback or "")


def vars_of(turn: Message) -> dict[str, str]:
    """A message as JSON."""
    return {"role": turn.role, "content": turn.content}


def _pair(row: Mapping[str, Any], where: str) -> Edit:
    """TRL's preference forms: with an explicit prompt, or conversations that begin alike."""
    sides = {side: row.get(side) for side in ("chosen", "rejected")}
    if row.get("prompt") is not None:
        chosen, rejected = (_last(value, side, where) for side, value in sides.items())
        return Edit(where, _turns(row["prompt"], where), rejected, chosen)
    if not all(isinstance(value, list) for value in sides.values()):
        raise DataError("has no prompt.", where=where, cure='Give "prompt", or write chosen and rejected as whole conversations.')
    good, poor = (messages(value, where) for value in sides.values())
    if good[:-1] != poor[:-1]:
        raise DataError("chosen and rejected are answers to different conversations.", where=where)
    chosen, rejected = (_last(value, side, where) for side, value in sides.items())
    return Edit(where, _turns([vars_of(turn) for turn in good[:-1]], where), rejected, chosen)


def _last(value: Any, side: str, where: str) -> str:
    """The words of an answer: a text, or messages that end with the assistant's."""
    if isinstance(value, list) and value:
        last = messages(value, where)[-1]
        value = last.content if last.role == "assistant" else ""
    return _needed({side: value}, side, where)


def _turns(value: Any, where: str) -> Turns:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError('"prompt" is empty.', where=where)
    found = messages(value, where)
    if found[-1].role != "user" or not found[-1].content.strip():
        raise DataError("its prompt does not end with words of the user.", where=where)
    return found


def _text(row: Mapping[str, Any], key: str, where: str) -> str | None:
    """A text of the row; None where there is none or it is blank."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f'"{key}" is not a text but {str(value)[:40]!r}.', where=where)
    return clean(value).strip() or None if value else None


def _needed(row: Mapping[str, Any], key: str, where: str) -> str:
    found = _text(row, key, where)
    if found is None:
        raise DataError(f'"{key}" is empty.', where=where)
    return found


def _agreeing(edits: Sequence[Edit], fates: dict[str, Fate]) -> Iterator[Edit]:
    """The edits without repeats and without those that contradict an earlier one; both are named with the place of the other row.

    A contradiction: two corrections of one answer, or a correction that is itself corrected into what it replaced.
    """
    seen: dict[str, str] = {}
    ways: dict[tuple[Turns, str | None], Edit] = {}
    for edit in edits:
        reason = ""
        if other := seen.get(edit.id):
            reason = f"the same as {other}"
        elif edit.correction is not None:
            before, back = ways.get((edit.prompt, edit.answer)), ways.get((edit.prompt, edit.correction))
            if before:
                reason = f"another correction of the same answer as in {before.where}"
            elif back and edit.answer is not None and back.correction == edit.answer:
                reason = f"takes back the correction of {back.where}"
        if reason:
            kind = "repeats another row" if reason.startswith("the same") else "contradicts another row"
            fates[edit.where] = Fate(edit.where, "dropped", kind, edit.json() | {"fault": reason})
            continue
        seen[edit.id] = edit.where
        if edit.correction is not None:
            ways[(edit.prompt, edit.answer)] = edit
        yield edit


def read_prompts(path: Path, *, skip: bool = False, most_bad: float = 0.1) -> Corrections:
    """Prompts alone, whose answers somebody will correct: `{"prompt": ...}` or `{"messages": ...}` rows, or a .txt, one a line.

    Raises:
        DataError: as `read_corrections`.
    """
    found, seen = Corrections(), dict[Turns, str]()
    rows = _lines if path.suffix == ".txt" else read_rows
    read, found.fates = read_each(
        path, lambda row, where: (where, _turns(row.get("messages", row.get("prompt")), where)), found.mended,
        skip=skip, most_bad=most_bad, rows=rows,
    )  # fmt: skip
    for where, prompt in read:
        if other := seen.get(prompt):
            found.fates[where] = Fate(where, "dropped", "repeats another row", {"fault": f"the same as {other}"})
            continue
        seen[prompt] = where
        found.fates[where] = Fate(where, "accepted")
        found.prompts.append(prompt)
    if not found.prompts:
        raise DataError("there is no prompt in it.", where=str(path), cure='Write {"prompt": "..."} a line.')
    return found


def _lines(path: Path, bad: list[BadLine], mended: list[BadLine]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a text file, each as a row with a prompt."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as fault:
        raise DataError(f"cannot be read ({fault.strerror}).", where=str(path), cure="Check the path.") from fault
    except UnicodeDecodeError:
        raise DataError("not UTF-8.", where=str(path), cure="Convert it, for instance with `iconv -f latin1 -t utf-8`.") from None
    for n, line in enumerate(text.splitlines(), 1):
        if (safe := clean(line)) != line:
            mended.append(BadLine(f"{path.name}:{n}", "unsafe characters replaced"))
        if safe.strip():
            yield f"{path.name}:{n}", {"prompt": safe}


def joined(parts: Sequence[Corrections]) -> Corrections:
    """Several files as one material. The same prompt in the edits and among the prompts stays once."""
    whole = Corrections()
    for part in parts:
        whole.edits += part.edits
        whole.approved += part.approved
        whole.criticisms += part.criticisms
        whole.prompts += [p for p in part.prompts if p not in whole.prompts]
        whole.fates |= part.fates
        whole.mended += part.mended
    return whole
