"""Reading examples: datasets that somebody else made, in the forms that trainers share.

A row is one of these; other keys are left alone.
  prompt, chosen, rejected                 preferences; `rejected` may be absent, and `prompt` where
  `chosen` is a whole conversation prompt, completion                       lists of messages; or
  texts, which are trained as they stand, without a chat template (as in TRL)
  messages: [{role, content}]              every turn of the assistant is an example, with the turns
      before it as its prompt
  conversations: [{from, value}]           ShareGPT, likewise
  instruction, input, output               Alpaca
  our own examples.jsonl                   with its ids, kinds, scores and sources
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.rows import convert_rows
from selfteach.materials.tasks import read_conversation, read_task
from selfteach.records import Example, Prompt, digest, make_prompt, parse_messages, prompt_to_json
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text

PLAIN = "plain_text"
"""What `source` says of an example whose prompt is a text that goes on, and no turn of a
conversation.
"""
DEFAULT_KIND = "lesson"
"""The kind of an example whose row names none."""
KEYS = (
    "prompt",
    "chosen",
    "rejected",
    "completion",
    "messages",
    "conversations",
    "instruction",
    "input",
    "output",
)
FORMS = (
    "prompt, chosen (and rejected); prompt, completion; messages; conversations; or "
    "instruction, input, output"
)
REPEATED = "repeats another row"


@dataclass
class Examples:
    """What a file holds. `outcomes` says of every row what became of it; `cleaned_rows` where unsafe
    characters were replaced.
    """

    examples: list[Example] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)


def read_examples(path: Path, *, skip: bool = False, max_bad_share: float = 0.1) -> Examples:
    """Reads a file of examples; a row that repeats another one is left out.

    Args:
        skip: leave bad rows out (they are among the fates) where their share is at most `most_bad`.

    Raises:
        DataError: a bad row and not `skip`, too many of them, or no example at all.
    """
    found, known = Examples(), dict[str, Example]()

    def take(row: Mapping[str, Any], where: str) -> None:
        read = [e for e in read_example(row, where) if known.get(e.id) != e]
        if clash := next((e.id for e in read if e.id in known), None):
            raise DataError(f'the id "{clash}" stands twice', where=where)
        known.update({e.id: e for e in read})
        found.outcomes[where] = (
            Outcome(where, "accepted") if read else Outcome(where, "dropped", REPEATED)
        )

    _, bad = convert_rows(path, take, found.cleaned_rows, skip=skip, max_bad_share=max_bad_share)
    found.outcomes |= bad
    found.examples = list(known.values())
    if not found.examples:
        raise DataError(
            f"there is no example in it ({len(bad)} bad rows).",
            where=str(path),
            cure=f"A row is {FORMS}.",
        )
    return found


def read_example(row: Mapping[str, Any], where: str) -> list[Example]:
    """The examples of one row.

    Raises:
        DataError: it is of no known form, or a part of it is empty.
    """
    if "conversations" in row or "messages" in row:
        return list(_read_turns(row, where))
    if "chosen" in row:
        return [
            _make_example(row, _read_prompt(row, where), row["chosen"], row.get("rejected"), where)
        ]
    if "prompt" in row and "completion" in row:
        plain = isinstance(row["prompt"], str) and isinstance(row["completion"], str)
        return [
            _make_example(
                row,
                clean_text(row["prompt"]) if plain else parse_messages(row["prompt"], where),
                row["completion"],
                None,
                where,
            )
        ]
    if "instruction" in row:
        task = read_task(row, where)
        asked = [
            (f"{task.instruction}\n\n{case.input}" if case.input else task.instruction, case.output)
            for case in task.instances
        ]
        return [
            _make_example(row, make_prompt(text), answer, None, where, f"#{n}" if n else "")
            for n, (text, answer) in enumerate(asked)
        ]
    odd = next((key for key in row if key not in KEYS), "")
    raise DataError(
        "holds no example.",
        where=where,
        cure=did_you_mean(odd, KEYS) if odd else f"A row is {FORMS}.",
    )


def _read_turns(row: Mapping[str, Any], where: str) -> Iterator[Example]:
    """One example for each turn of the assistant that answers something."""
    turns = tuple(read_conversation(row, where))
    answers = [
        i
        for i, turn in enumerate(turns)
        if turn.role == "assistant" and any(t.role == "user" for t in turns[:i])
    ]
    if not answers:
        raise DataError("has no question that is followed by its answer.", where=where)
    for number, i in enumerate(answers):
        yield _make_example(
            row, turns[:i], turns[i].content, None, where, f"#{number}" if number else ""
        )


def _read_prompt(row: Mapping[str, Any], where: str) -> Prompt:
    """The prompt of a preference; where none is named it is what comes before the last turn of the
    chosen conversation. A text is a turn of the user's, but for our own rows that were trained as
    text."""
    if isinstance(row.get("prompt"), str) and _get_mapping(row, "source").get(PLAIN):
        return clean_text(row["prompt"])
    if row.get("prompt") is not None:
        return parse_messages(row["prompt"], where)
    turns = parse_messages(row["chosen"], where)[:-1]
    if not turns:
        raise DataError('has no "prompt".', where=where)
    return turns


def _make_example(
    row: Mapping[str, Any], prompt: Prompt, chosen: Any, rejected: Any, where: str, part: str = ""
) -> Example:
    """An example, with what the row says about it beside its texts.

    Raises:
        DataError: an empty prompt or answer, a prompt that ends with an answer, or two answers that
        are one.
    """
    made = Example.from_json(
        {
            "id": "",
            "kind": row.get("kind") or DEFAULT_KIND,
            "prompt": prompt_to_json(prompt),
            "chosen": chosen,
            "rejected": rejected,
            "scores": _get_mapping(row, "scores"),
            "source": _get_mapping(row, "source")
            | ({PLAIN: True} if isinstance(prompt, str) else {}),
        },
        where,
    )
    asked = (
        made.prompt
        if isinstance(made.prompt, str)
        else ""
        if made.prompt[-1].role == "assistant"
        else made.prompt[-1].content
    )
    if not asked.strip():
        raise DataError("the prompt does not end with a question.", where=where)
    if not made.chosen.strip() or (made.rejected is not None and not made.rejected.strip()):
        raise DataError("an answer is empty.", where=where)
    if made.chosen == made.rejected:
        raise DataError("the chosen answer and the rejected one are the same.", where=where)
    id = (
        str(row["id"]) + part
        if row.get("id") is not None
        else digest([prompt_to_json(made.prompt), made.chosen, made.rejected])
    )
    return Example(id, made.kind, made.prompt, made.chosen, made.rejected, made.scores, made.source)


def _get_mapping(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A column of ours; other people's of the same name may hold anything."""
    return dict(row[key]) if isinstance(row.get(key), dict) else {}
