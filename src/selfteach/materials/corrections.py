"""Read corrections (an answer and what it should have been) and criticisms (only what was wrong).

A row is one of these; other keys are ignored.
  prompt, answer, correction     without an answer, the model's own is sampled
  chosen, rejected [, prompt]    as in TRL: texts, or lists of messages; `messages` that repeat the
                                 chosen answer are ignored
  messages                       the last turn is the edited one; its former text is in its
                                 `original`, or in the row's `answer`. Beside `correction`, or
                                 `chosen` and `rejected`, they are the conversation before it
  prompt, answer, feedback       a criticism: "too long, and no emoji". With `quote`, or as
                                 "the quoted words": too formal, or "the quoted words" is too
                                 formal, it is about these words alone
Beside an answer that stopped before its end, a true `cut` says so: an edit that keeps this end then
teaches no end of turn.
The filled parts decide the form. Their names may be in upper or lower case. A correction that is
equal to its answer is an approval, which becomes an anchor; with a feedback it is a criticism.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import regex

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.columns import Columns, rename_columns
from selfteach.materials.criticism import is_praise, normalize_criticism, says_nothing
from selfteach.materials.quoted_criticism import split_quoted_criticism
from selfteach.materials.row_forms import (
    find_unweighted,
    is_whole_pair,
    read_pair_prompt,
    refuse_bad_label,
)
from selfteach.materials.rows import (
    MAX_NAME_CHARS,
    MAX_NAMES,
    convert_rows,
    join_outcomes,
    read_prompt_lines,
    read_required_text,
    read_rows,
    read_text,
    suggest_form,
)
from selfteach.records import (
    JsonMapping,
    JsonObject,
    Message,
    Turns,
    digest,
    get_user_text,
    parse_messages,
)
from selfteach.run.ledger import Outcome
from selfteach.text import UNSPACED, shorten_text

KEYS = ("prompt", "answer", "correction", "feedback", "quote", "chosen", "rejected", "messages")
FORMS = (
    "prompt, answer, correction; prompt, answer, feedback; prompt, chosen, rejected; or messages"
)
COLUMNS_HINT = " Other names: --columns correction=NAME,prompt=NAME."
MAX_NAMED = 3
Answer = tuple[Turns, str | None]
"""A prompt and an answer to it."""
_EDGE = rf"(?:(?<!\w)|(?!\w)|(?<={UNSPACED})|(?={UNSPACED}))"
"""A place that is not inside a word."""
CONTRADICTED = "contradicts another row"
REPEATED = "repeats another row"


@dataclass(frozen=True, slots=True)
class Edit:
    """Hold one row of the material.

    `answer` is None if the model's own has to be sampled. `correction` is None in a criticism.
    `cut` tells whether the answer stopped at its token limit. `quote` are the words of the answer
    that a criticism is about, "" for the whole answer.
    """

    where: str
    prompt: Turns
    answer: str | None = None
    correction: str | None = None
    feedback: str = ""
    cut: bool = False
    quote: str = ""

    @property
    def id(self) -> str:
        """Return the hash of the content, without the place."""
        turns = [[message.role, message.content] for message in self.prompt]
        content = ["edit", turns, self.answer, self.correction, self.feedback]
        return digest([*content, self.quote] if self.quote else content)

    @property
    def unchanged(self) -> bool:
        """Tell whether the correction leaves the answer as it is."""
        return self.answer is not None and self.answer == self.correction

    def to_json(self) -> JsonObject:
        """Return the texts and the place, for the ledger."""
        quote = {"quote": self.quote} if self.quote else {}
        return {
            "where": self.where,
            "prompt": get_user_text(self.prompt),
            "answer": self.answer,
            "correction": self.correction,
            "feedback": self.feedback,
            **quote,
        }


@dataclass
class Corrections:
    """Hold the material of a person. `outcomes` has the outcome of every row by its place."""

    edits: list[Edit] = field(default_factory=list)
    approved: list[Edit] = field(default_factory=list)
    criticisms: list[Edit] = field(default_factory=list)
    prompts: list[Turns] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return the number of corrections, approvals and criticisms."""
        return len(self.edits) + len(self.approved) + len(self.criticisms)

    def group_by_feedback(self, check: str = "") -> list[list[Edit]]:
        """Return the criticisms in groups that demand the same.

        Args:
            check: a check that stands for all of them, so that they are one group.
        """
        found: dict[str, list[Edit]] = {}
        for edit in self.criticisms:
            found.setdefault(check or normalize_criticism(edit.feedback), []).append(edit)
        return list(found.values())

    def describe_conflicts(self) -> list[str]:
        """Return lines about rows that do not agree with each other."""
        lines = []
        lost = [row.id for row in self.outcomes.values() if row.reason == CONTRADICTED]
        if lost:
            where = ", ".join(lost[:MAX_NAMED]) + ", ..." * (len(lost) > MAX_NAMED)
            lines.append(
                f"rows left out, because later rows contradict them: {len(lost)} ({where})"
            )
        texts: dict[Turns, set[str | None]] = {}
        for edit in self.edits:
            texts.setdefault(edit.prompt, set()).add(edit.correction)
        if several := sum(len(found) > 1 for found in texts.values()):
            lines.append(
                f"prompts with more than one correction, all of which are learned: {several}"
            )
        return lines


def read_corrections(
    path: Path, *, skip: bool = False, max_bad_share: float = 0.1, columns: Columns | None = None
) -> Corrections:
    """Read a file of corrections and criticisms.

    Args:
        skip: leave bad rows out if their share is at most `max_bad_share`; they have outcomes.
        columns: our names by the names of the file.

    Raises:
        DataError: a row is bad and not `skip`, too many rows are bad, or no row is left.
    """
    found = Corrections()
    read, found.outcomes = convert_rows(
        path,
        lambda row, where: read_edit(row, where, columns),
        found.cleaned_rows,
        skip=skip,
        max_bad_share=max_bad_share,
        forms=FORMS,
    )
    for edit in _drop_conflicts(read, found.outcomes):
        found.outcomes[edit.where] = Outcome(edit.where, "accepted")
        if edit.correction is None:
            found.criticisms.append(edit)
        elif edit.unchanged:
            found.approved.append(edit)
        else:
            found.edits.append(edit)
    return found


def read_edit(row: JsonMapping, where: str, columns: Columns | None = None) -> Edit:
    """Read one row. Its filled parts decide its form.

    Raises:
        DataError: the row has no known form, or a part of it is empty.
    """
    found = rename_columns(row, where, columns)
    is_pair = all(isinstance(found.get(side), str | list) for side in ("chosen", "rejected"))
    if found.get("messages") is not None and not is_whole_pair(found):
        return _read_pair_of_turn(found, where) if is_pair else _read_edited_turn(found, where)
    if "chosen" in found or "rejected" in found:
        return _read_pair(found, where)
    if "correction" not in found and "feedback" not in found:
        raise _make_empty_row_error(row, where, columns or {})
    if "prompt" not in found:
        _refuse_absent_columns(row, where, columns or {})
    prompt = _read_prompt(found.get("prompt"), where)
    answer = read_text(found, "answer", where)
    feedback = _read_feedback(found, where)
    if is_praise(feedback) and answer is not None:
        feedback = ""
        found = {"correction": answer} | {key: one for key, one in found.items() if one is not None}
    read_correction = read_text if feedback else read_required_text
    correction = read_correction(found, "correction", where)
    if correction is None and answer is None:
        raise DataError(
            '"answer" is empty: a criticism needs the answer that it criticizes.', where=where
        )
    quote = read_text(found, "quote", where) or ""
    cut = answer is not None and found.get("cut") is True
    if feedback and correction == answer:
        correction = None  # what is criticized is not approved, though nobody rewrote it
    if correction is not None or answer is None:
        return Edit(where, prompt, answer, correction, feedback, cut)
    feedback, quote = _read_quote(feedback, quote, answer, where)
    return Edit(where, prompt, answer, correction, feedback, cut, quote)


def _read_feedback(row: JsonMapping, where: str) -> str:
    """Return what is said about an answer; "" where that says nothing: "n/a"."""
    feedback = read_text(row, "feedback", where) or ""
    return "" if says_nothing(feedback) else feedback


def _read_quote(feedback: str, quote: str, answer: str, where: str) -> tuple[str, str]:
    """Return the words of a criticism, and the words of the answer that it is about, or "".

    Quoted words that are not in the answer belong to the criticism (`split_quoted_criticism`).

    Raises:
        DataError: the column `quote` has words that the answer does not have, or the answer has the
            quoted words twice.
    """
    inside = None if quote else split_quoted_criticism(feedback)
    if inside:
        quote = inside.quote
    places = find_quoted_places(quote, answer) if quote else []
    if inside and not (places or inside.is_label):
        quote = quote.rstrip(" .,;:!?")  # a mark of the criticism's own: "Dear Sir," is too stiff
        places = find_quoted_places(quote, answer)
    if len(places) > 1:
        raise DataError(
            f'its answer has the quoted words "{shorten_text(quote)}" {len(places)} times.',
            where=where,
            cure="Quote more of the words around the part that is meant.",
        )
    if places:
        start, end = places[0]
        return inside.words if inside else feedback, answer[start:end]
    if quote and not inside:
        raise DataError(
            '"quote" is not a part of its answer.',
            where=where,
            cure="Copy it from the answer, in whole words.",
        )
    return feedback, ""


def find_quoted_places(quote: str, answer: str) -> list[tuple[int, int]]:
    """Return the start and end of each place of quoted words in an answer, as whole words: "art",
    but not in "Start". Scripts without spaces have no whole words.
    """
    words = r"\s+".join(map(re.escape, quote.split()))
    return [found.span() for found in regex.finditer(f"{_EDGE}{words}{_EDGE}", answer) if words]


def _refuse_absent_columns(row: JsonMapping, where: str, columns: Columns) -> None:
    own = [key.strip().casefold() for key in row]
    if gone := next((name for name in columns if name not in own), ""):
        shown = ", ".join(name[:MAX_NAME_CHARS] for name in own[:MAX_NAMES])
        cure = f'--columns names "{gone}". Its columns are {shown}.'
        raise DataError("lacks a column that is named.", where=where, cure=cure)


def _make_empty_row_error(row: JsonMapping, where: str, columns: Columns) -> DataError:
    """Return the error of a row that has neither a correction nor a feedback."""
    own = [key.strip().casefold() for key in row]
    names = [columns.get(name, name) for name in own]
    if "correction" in names:
        return DataError('"correction" is empty.', where=where)
    _refuse_absent_columns(row, where, columns)
    cure = suggest_form(own, {*KEYS, *columns}, FORMS)
    if not set(names) <= set(KEYS):
        cure += COLUMNS_HINT
    return DataError("has neither a correction nor a feedback.", where=where, cure=cure)


def _read_pair_of_turn(row: JsonMapping, where: str) -> Edit:
    """Read a conversation beside the better and the worse answer to its last question."""
    turns = parse_messages(row["messages"], where)
    if turns and turns[-1].role == "assistant":
        turns, last = turns[:-1], turns[-1]
        answers = [_read_last_answer(row.get(side), side, where) for side in ("chosen", "rejected")]
        if last.content.strip() not in answers:
            raise DataError(
                "its messages end with another answer than chosen and rejected.",
                where=where,
                cure="End them with the question, or give the correction alone.",
            )
    return _read_pair({**row, "prompt": _to_rows(turns)}, where)


def _to_rows(turns: Sequence[Message]) -> list[JsonObject]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _read_edited_turn(row: JsonMapping, where: str) -> Edit:
    """Read a conversation whose last turn is the edited one, or is what a column corrects."""
    *turns, last = parse_messages(row["messages"], where)
    is_edited = not {"correction", "feedback"} & row.keys()
    if is_edited:
        refuse_bad_label(row, where)
    if is_edited and last.role == "assistant" and len(turns) in find_unweighted(row):
        raise DataError(
            'the last of its messages has the "weight" 0, which marks a bad answer.',
            where=where,
            cure="End with the edited answer, or remove the row.",
        )
    correction = read_text(row, "correction", where)
    if last.role == "user" and ("correction" in row or "feedback" in row):
        plain = {key: value for key, value in row.items() if key != "messages"}
        return read_edit({**plain, "prompt": _to_rows([*turns, last])}, where)
    if not turns or last.role != "assistant":
        raise DataError(
            "the last of its messages is not the assistant's.",
            where=where,
            cure="End with the edited answer.",
        )
    original = read_text(row["messages"][-1], "original", where) or read_text(row, "answer", where)
    if correction not in (None, last.content.strip()):
        if original not in (None, last.content.strip()):
            raise DataError(
                "has two corrections: the last of its messages, and another text.",
                where=where,
                cure='Remove "correction", or the former text of the last message.',
            )
        prompt = _check_prompt(tuple(turns), where)
        feedback = _read_feedback(row, where)
        return Edit(where, prompt, last.content.strip() or None, correction, feedback)
    prompt = _check_prompt(tuple(turns), where)
    feedback = _read_feedback(row, where)
    if is_praise(feedback):
        answer = read_required_text({"answer": last.content}, "answer", where)
        return Edit(where, prompt, original or answer, answer)
    if feedback and original in (None, last.content.strip()):
        # nothing is edited: the criticism is about the turn itself
        answer = read_required_text({"answer": last.content}, "answer", where)
        quote = read_text(row, "quote", where) or ""
        feedback, quote = _read_quote(feedback, quote, answer, where)
        return Edit(where, prompt, answer, None, feedback, quote=quote)
    edited = read_required_text({"correction": last.content}, "correction", where)
    return Edit(where, prompt, original, edited, feedback)


def _read_pair(row: JsonMapping, where: str) -> Edit:
    """Read a preference of TRL: with an explicit prompt, or conversations that begin alike."""
    turns = _check_prompt(read_pair_prompt(row, where), where)
    correction = _read_last_answer(row.get("chosen"), "chosen", where)
    answer = _read_last_answer(row.get("rejected"), "rejected", where)
    return Edit(where, turns, answer, correction)


def _read_last_answer(value: Any, side: str, where: str) -> str:
    """Return the words of an answer: a text, or messages that end with the assistant's."""
    if isinstance(value, list) and value:
        last = parse_messages(value, where)[-1]
        value = last.content if last.role == "assistant" else ""
    return read_required_text({side: value}, side, where)


def _read_prompt(value: Any, where: str) -> Turns:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError('"prompt" is empty.', where=where)
    return _check_prompt(parse_messages(value, where), where)


def _check_prompt(turns: Turns, where: str) -> Turns:
    if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
        raise DataError("its prompt does not end with words of the user.", where=where)
    return turns


def _drop_conflicts(edits: Sequence[Edit], outcomes: dict[str, Outcome]) -> list[Edit]:
    """Return the edits without repeats and without those that a later one contradicts.

    The last decision of a person is the one that counts. Both kinds get an outcome with the place
    of the other row. A contradiction is one of three:

    - two corrections of one answer
    - a correction that later ones change back to the answer that it replaced
    - an approval and a criticism of one answer
    """
    places: dict[str, str] = {}
    later: dict[Answer, Edit] = {}
    criticised: dict[Answer, Edit] = {}
    ends: dict[Answer, tuple[Answer, Edit]] = {}
    found: list[Edit] = []
    for edit in reversed(edits):
        if conflict := _find_conflict(edit, places, later, criticised, ends):
            reason, fault = conflict
            body = edit.to_json() | {"fault": fault}
            outcomes[edit.where] = Outcome(edit.where, "dropped", reason, body)
            continue
        places[edit.id] = edit.where
        if edit.correction is None:
            criticised.setdefault((edit.prompt, edit.answer), edit)
        else:
            later[(edit.prompt, edit.answer)] = edit
            if not edit.unchanged:
                ends[(edit.prompt, edit.answer)] = (edit.prompt, edit.correction), edit
        found.append(edit)
    return found[::-1]


def _find_conflict(
    edit: Edit,
    places: Mapping[str, str],
    later: Mapping[Answer, Edit],
    criticised: Mapping[Answer, Edit],
    ends: dict[Answer, tuple[Answer, Edit]],
) -> tuple[str, str] | None:
    """Return the reason and the fault of an edit that a later one repeats or contradicts.

    Args:
        places: the place of each later row by its id.
        later: the later correction of each answer.
        criticised: a later criticism of each answer.
        ends: an answer further on for each corrected one, and the row that leads to it.
    """
    if edit.id in places:
        return REPEATED, f"the same as {places[edit.id]}"
    other = later.get((edit.prompt, edit.answer))
    if edit.correction is None:
        if other and other.unchanged:
            return CONTRADICTED, f"{other.where} approves of the answer"
        return None
    if edit.unchanged and (critic := criticised.get((edit.prompt, edit.answer))):
        return CONTRADICTED, f"{critic.where} criticizes the answer"
    if other:
        return CONTRADICTED, f"{other.where} corrects the same answer in another way"
    end, last = _follow_corrections((edit.prompt, edit.correction), ends)
    if last and end == (edit.prompt, edit.answer):
        return CONTRADICTED, f"{last.where} takes it back"
    return None


def _follow_corrections(
    answer: Answer, ends: dict[Answer, tuple[Answer, Edit]]
) -> tuple[Answer, Edit | None]:
    """Return what later rows make of an answer in the end, and the last of these rows.

    No circle is ever added to `ends`. The answers on the way lead straight to the end afterwards,
    so that long chains of corrections cost little.
    """
    passed = []
    last = None
    while answer in ends:
        passed.append(answer)
        answer, last = ends[answer]
    if last is not None:
        ends.update(dict.fromkeys(passed, (answer, last)))
    return answer, last


def read_prompts(
    path: Path, *, skip: bool = False, max_bad_share: float = 0.1, columns: Columns | None = None
) -> Corrections:
    """Read prompts alone, whose answers a person will correct.

    The file has rows {"prompt": ...} or {"messages": ...}, or is a .txt with one prompt a line.

    Raises:
        DataError: as `read_corrections`.
    """
    found = Corrections()

    def read_prompt(row: JsonMapping, where: str) -> tuple[str, Turns]:
        filled = rename_columns(row, where, columns)
        return where, _read_prompt(filled.get("messages", filled.get("prompt")), where)

    read, found.outcomes = convert_rows(
        path,
        read_prompt,
        found.cleaned_rows,
        skip=skip,
        max_bad_share=max_bad_share,
        forms='{"prompt": "..."}',
        rows=read_prompt_lines if path.suffix.lower() == ".txt" else read_rows,
    )
    places: dict[Turns, str] = {}
    for where, prompt in read:
        if prompt in places:
            fault = {"fault": f"the same as {places[prompt]}"}
            found.outcomes[where] = Outcome(where, "dropped", REPEATED, fault)
        else:
            places[prompt] = where
            found.outcomes[where] = Outcome(where, "accepted")
    found.prompts = list(places)
    return found


def join_corrections(parts: Mapping[str, Corrections]) -> Corrections:
    """Return several files as one material. A prompt that several files have is in it once.

    Args:
        parts: by what the file is called in places, where several files have the same name.
    """
    whole = Corrections()
    for name, part in parts.items():
        whole.edits += part.edits
        whole.approved += part.approved
        whole.criticisms += part.criticisms
        whole.prompts += part.prompts
        whole.outcomes = join_outcomes(whole.outcomes, part.outcomes, name)
        whole.cleaned_rows += part.cleaned_rows
    whole.prompts = list(dict.fromkeys(whole.prompts))
    return whole
