"""Reading corrections: what a model answered and what it should have said, and criticisms, which
say only what was wrong.

A row is one of these; other keys are left alone.
  prompt, answer, correction     the answer may be missing: then the model's own is drawn
  chosen, rejected [, prompt]    as TRL has them: texts, or lists of messages
  messages                       the last turn is the edited one; what it was before stands in its
  `original`, or in the row's `answer` prompt, answer, feedback       a criticism: "too long, and no
  emoji"
What counts is which parts are filled; their names may be written large or small. A correction that
is equal to its answer is an approval, which becomes an anchor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.disk import open_file
from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.columns import Columns, rename_columns
from selfteach.materials.criticism import normalize_criticism
from selfteach.materials.rows import convert_rows, read_rows
from selfteach.records import Message, digest, get_user_text, parse_messages
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text

KEYS = ("prompt", "answer", "correction", "feedback", "chosen", "rejected", "messages")
FORMS = (
    "prompt, answer, correction; prompt, answer, feedback; prompt, chosen, rejected; or messages"
)
COLUMNS_HINT = " Other names: --columns correction=NAME,prompt=NAME."
MAX_NAMED = 3
CONTRADICTED, REPEATED = "contradicts another row", "repeats another row"
Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One row of the material. `answer` is None where it has to be drawn; `correction` is None in a
    criticism. `cut`: the answer stopped at its token limit."""

    where: str
    prompt: Turns
    answer: str | None = None
    correction: str | None = None
    feedback: str = ""
    cut: bool = False

    @property
    def id(self) -> str:
        """The hash of what it says; not of where it stands."""
        return digest(
            [
                "edit",
                [[m.role, m.content] for m in self.prompt],
                self.answer,
                self.correction,
                self.feedback,
            ]
        )

    @property
    def unchanged(self) -> bool:
        """Whether the correction leaves the answer as it is."""
        return self.answer is not None and self.answer == self.correction

    def to_json(self) -> dict[str, Any]:
        """For the ledger: the words, and where they stand."""
        return {
            "where": self.where,
            "prompt": get_user_text(self.prompt),
            "answer": self.answer,
            "correction": self.correction,
            "feedback": self.feedback,
        }


@dataclass
class Corrections:
    """What a person brought. `outcomes` says of every row what became of it."""

    edits: list[Edit] = field(default_factory=list)
    approved: list[Edit] = field(default_factory=list)
    criticisms: list[Edit] = field(default_factory=list)
    prompts: list[Turns] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that say something."""
        return len(self.edits) + len(self.approved) + len(self.criticisms)

    def group_by_feedback(self, check: str = "") -> list[list[Edit]]:
        """The criticisms, those together that ask for the same: all of them where one `check`
        stands for them.
        """
        found: dict[str, list[Edit]] = {}
        for edit in self.criticisms:
            found.setdefault(check or normalize_criticism(edit.feedback), []).append(edit)
        return list(found.values())

    def describe_conflicts(self) -> list[str]:
        """What a person should know of rows that do not agree."""
        lost = [fate.id for fate in self.outcomes.values() if fate.reason == CONTRADICTED]
        texts: dict[Turns, set[str]] = {}
        for edit in self.edits:
            texts.setdefault(edit.prompt, set()).add(edit.correction or "")
        several = sum(len(found) > 1 for found in texts.values())
        where = ", ".join(lost[:MAX_NAMED]) + ", ..." * (len(lost) > MAX_NAMED)
        left = [f"rows left out, because later rows contradict them: {len(lost)} ({where})"] * bool(
            lost
        )
        return left + [
            f"prompts with more than one correction, all of which are learned: {several}"
        ] * bool(several)


def read_corrections(
    path: Path, *, skip: bool = False, max_bad_share: float = 0.1, columns: Columns | None = None
) -> Corrections:
    """Reads a file of corrections and criticisms.

    Args:
        columns: our names of parts that the file calls otherwise.
        skip: leave bad rows out (they are among the fates) where their share is at most `most_bad`.

    Raises:
        DataError: a bad row and not `skip`, too many of them, or no row that says anything.
    """
    found = Corrections()
    read, bad = convert_rows(
        path,
        lambda row, where: read_edit(row, where, columns),
        found.cleaned_rows,
        skip=skip,
        max_bad_share=max_bad_share,
    )
    found.outcomes |= bad
    for edit in _drop_conflicts(read, found.outcomes):
        found.outcomes[edit.where] = Outcome(edit.where, "accepted")
        (
            found.criticisms
            if edit.correction is None
            else found.approved
            if edit.unchanged
            else found.edits
        ).append(edit)
    if not found.rows:
        what = f"there is no correction in it ({len(bad)} bad rows)." if bad else "is empty."
        raise DataError(what, where=str(path), cure=f"A row is {FORMS}.")
    return found


def read_edit(row: Mapping[str, Any], where: str, columns: Columns | None = None) -> Edit:
    """One row, by what is filled in it.

    Raises:
        DataError: it is of no known form, or a part of it is empty.
    """
    found = rename_columns(row, where, columns)
    if "messages" in found:
        return _read_edited_turn(found, where)
    if "chosen" in found or "rejected" in found:
        return _read_pair(found, where)
    if not ("correction" in found or "feedback" in found):
        raise _make_empty_row_error(row, where, columns or {})
    prompt = _read_turns(found.get("prompt"), where)
    answer = _read_text(found, "answer", where)
    if feedback := _read_text(found, "feedback", where):
        if correction := _read_text(found, "correction", where):
            return Edit(where, prompt, answer, correction, feedback)
        if answer is None:
            raise DataError(
                '"answer" is empty: a criticism needs the answer that it criticises.', where=where
            )
        return Edit(where, prompt, answer, None, feedback)
    return Edit(where, prompt, answer, _read_required_text(found, "correction", where))


def _make_empty_row_error(row: Mapping[str, Any], where: str, columns: Columns) -> DataError:
    """What is wrong with a row that has neither a correction nor a feedback."""
    names = [columns.get(key.strip().casefold(), key.strip().casefold()) for key in row]
    if "correction" in names:
        return DataError('"correction" is empty.', where=where)
    odd = next((name for name in names if name not in KEYS), "")
    cure = did_you_mean(odd, KEYS) if odd else f"A row is {FORMS}."
    return DataError(
        "has neither a correction nor a feedback.",
        where=where,
        cure=cure + (COLUMNS_HINT if cure.startswith("Known") else ""),
    )


def _read_edited_turn(row: Mapping[str, Any], where: str) -> Edit:
    turns = parse_messages(row["messages"], where)
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise DataError(
            "the last of its messages is not the assistant's.",
            where=where,
            cure="End with the edited answer.",
        )
    raw = row["messages"][-1]
    answer = _read_text(raw, "original", where) or _read_text(row, "answer", where)
    prompt = _read_turns([message_to_json(turn) for turn in turns[:-1]], where)
    if (
        feedback := _read_text(row, "feedback", where)
    ) and answer is None:  # not edited: what is criticised is the turn itself
        return Edit(
            where,
            prompt,
            _read_required_text({"answer": turns[-1].content}, "answer", where),
            None,
            feedback,
        )
    return Edit(
        where,
        prompt,
        answer,
        _read_required_text({"correction": turns[-1].content}, "correction", where),
        feedback or "",
    )


def message_to_json(turn: Message) -> dict[str, str]:
    """A message as JSON."""
    return {"role": turn.role, "content": turn.content}


def _read_pair(row: Mapping[str, Any], where: str) -> Edit:
    """TRL's preference forms: with an explicit prompt, or conversations that begin alike."""
    sides = {side: row.get(side) for side in ("chosen", "rejected")}
    if row.get("prompt") is not None:
        chosen, rejected = (_read_last_answer(value, side, where) for side, value in sides.items())
        return Edit(where, _read_turns(row["prompt"], where), rejected, chosen)
    if not all(isinstance(value, list) for value in sides.values()):
        raise DataError(
            "has no prompt.",
            where=where,
            cure='Give "prompt", or write chosen and rejected as whole conversations.',
        )
    good, poor = (parse_messages(value, where) for value in sides.values())
    if good[:-1] != poor[:-1]:
        raise DataError("chosen and rejected are answers to different conversations.", where=where)
    chosen, rejected = (_read_last_answer(value, side, where) for side, value in sides.items())
    return Edit(
        where, _read_turns([message_to_json(turn) for turn in good[:-1]], where), rejected, chosen
    )


def _read_last_answer(value: Any, side: str, where: str) -> str:
    """The words of an answer: a text, or messages that end with the assistant's."""
    if isinstance(value, list) and value:
        last = parse_messages(value, where)[-1]
        value = last.content if last.role == "assistant" else ""
    return _read_required_text({side: value}, side, where)


def _read_turns(value: Any, where: str) -> Turns:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError('"prompt" is empty.', where=where)
    found = parse_messages(value, where)
    if found[-1].role != "user" or not found[-1].content.strip():
        raise DataError("its prompt does not end with words of the user.", where=where)
    return found


def _read_text(row: Mapping[str, Any], key: str, where: str) -> str | None:
    """A text of the row; None where there is none or it is blank."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f'"{key}" is not a text but {str(value)[:40]!r}.', where=where)
    return clean_text(value).strip() or None if value else None


def _read_required_text(row: Mapping[str, Any], key: str, where: str) -> str:
    found = _read_text(row, key, where)
    if found is None:
        raise DataError(f'"{key}" is empty.', where=where)
    return found


def _drop_conflicts(edits: Sequence[Edit], fates: dict[str, Outcome]) -> list[Edit]:
    """The edits without repeats and without those that a later one contradicts: who decides again
    means the last decision. Both are named with the place of the other row.

    A contradiction: two corrections of one answer, or a correction that others lead back to the
    answer that it replaced.
    """
    seen: dict[str, str] = {}
    ways: dict[tuple[Turns, str | None], Edit] = {}
    found: list[Edit] = []
    for edit in reversed(edits):
        kind = reason = ""
        if other := seen.get(edit.id):
            kind, reason = REPEATED, f"the same as {other}"
        elif edit.correction is not None:
            if later := ways.get((edit.prompt, edit.answer)):
                kind, reason = (
                    CONTRADICTED,
                    f"{later.where} corrects the same answer in another way",
                )
            elif back := _find_reversal(edit, ways):
                kind, reason = CONTRADICTED, f"{back.where} takes it back"
        if reason:
            fates[edit.where] = Outcome(
                edit.where, "dropped", kind, edit.to_json() | {"fault": reason}
            )
            continue
        seen[edit.id] = edit.where
        if edit.correction is not None:
            ways[(edit.prompt, edit.answer)] = edit
        found.append(edit)
    return found[::-1]


def _find_reversal(edit: Edit, ways: Mapping[tuple[Turns, str | None], Edit]) -> Edit | None:
    """The later row that leads from the edit's correction, if need be over others, back to its
    answer.
    """
    step = (
        None if edit.answer is None or edit.unchanged else ways.get((edit.prompt, edit.correction))
    )
    for _ in ways:
        if step is None or step.correction == edit.answer:
            break
        step = ways.get((edit.prompt, step.correction))
    return step if step and step.correction == edit.answer else None


def read_prompts(
    path: Path, *, skip: bool = False, max_bad_share: float = 0.1, columns: Columns | None = None
) -> Corrections:
    """Prompts alone, whose answers somebody will correct: `{"prompt": ...}` or `{"messages": ...}`
    rows, or a .txt, one a line.

    Raises:
        DataError: as `read_corrections`.
    """
    found, seen = Corrections(), dict[Turns, str]()
    rows = _read_lines if path.suffix == ".txt" else read_rows

    def asked(row: Mapping[str, Any], where: str) -> tuple[str, Turns]:
        filled = rename_columns(row, where, columns)
        return where, _read_turns(filled.get("messages", filled.get("prompt")), where)

    read, found.outcomes = convert_rows(
        path, asked, found.cleaned_rows, skip=skip, max_bad_share=max_bad_share, rows=rows
    )
    for where, prompt in read:
        if other := seen.get(prompt):
            found.outcomes[where] = Outcome(
                where, "dropped", REPEATED, {"fault": f"the same as {other}"}
            )
            continue
        seen[prompt] = where
        found.outcomes[where] = Outcome(where, "accepted")
        found.prompts.append(prompt)
    if not found.prompts:
        raise DataError(
            "there is no prompt in it.", where=str(path), cure='Write {"prompt": "..."} a line.'
        )
    return found


def _read_lines(
    path: Path, bad: list[BadLine], mended: list[BadLine]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a text file, each as a row with a prompt."""
    with open_file(path) as handle:
        data = handle.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            "not UTF-8.",
            where=str(path),
            cure="Convert it, for instance with `iconv -f latin1 -t utf-8`.",
        ) from None
    for n, line in enumerate(text.splitlines(), 1):
        if (safe := clean_text(line)) != line:
            mended.append(BadLine(f"{path.name}:{n}", "unsafe characters replaced"))
        if safe.strip():
            yield f"{path.name}:{n}", {"prompt": safe}


def join_corrections(parts: Sequence[Corrections]) -> Corrections:
    """Several files as one material. The same prompt in the edits and among the prompts stays once."""
    whole = Corrections()
    for part in parts:
        whole.edits += part.edits
        whole.approved += part.approved
        whole.criticisms += part.criticisms
        whole.prompts += [p for p in part.prompts if p not in whole.prompts]
        whole.outcomes |= part.outcomes
        whole.cleaned_rows += part.cleaned_rows
    return whole
