"""Read examples: datasets of other people, in the common forms of trainers.

A row is one of these; other keys are ignored, but a row without a pair whose `label` is false is
refused: it is KTO's bad answer.
  prompt, chosen, rejected                 preferences; `rejected` may be absent, and `prompt` if
                                           `chosen` is a whole conversation. They may have
                                           `messages` too
  prompt, completion                       lists of messages; or texts, which are trained without
                                           a chat template: the model's end of turn follows them,
                                           and spellings of control tokens in them are characters
  an answer of several messages            the last one is the answer. Those before it begin with
                                           the prompt or go on after it
  messages: [{role, content}]              every turn of the assistant after one of the user is an
                                           example, and the turns before it are its prompt; not a
                                           turn with "weight": 0
  conversations: [{from, value}]           ShareGPT, likewise
  instruction, input, output               Alpaca
  our own examples.jsonl                   with its ids, kinds, roles, scores and sources
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.columns import is_empty
from selfteach.materials.row_forms import (
    add_leading_turns,
    drop_unfilled,
    find_unweighted,
    is_whole_pair,
    read_conversation,
    read_pair_prompt,
    refuse_bad_label,
)
from selfteach.materials.rows import convert_rows, suggest_form
from selfteach.materials.tasks import read_task
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    Message,
    Prompt,
    digest,
    make_prompt,
    parse_messages,
    prompt_to_json,
)
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text, format_count

PLAIN = "plain_text"
"""The key in `source` of an example whose prompt is a plain text that the model continues."""
DEFAULT_KIND = "example"
"""The kind of an example whose row has none."""
DEFAULT_HELD_KIND = "kept"
"""The same of an example that holds the base in place."""
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
    """Hold the examples of a file.

    `outcomes` has the outcome of every row by its place, and `cleaned_rows` the places where unsafe
    characters were replaced.
    """

    examples: list[Example] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)


def read_examples(path: Path, *, skip: bool = False, max_bad_share: float = 0.1) -> Examples:
    """Read a file of examples. A row that repeats another one is left out.

    Rows without ids repeat each other if their prompt, their answers and their kind are equal. With
    another kind they are two examples.

    An example says in its source which row it is from, unless the row has a source of its own.

    Args:
        skip: leave bad rows out if their share is at most `max_bad_share`; they have outcomes.

    Raises:
        DataError: a row is bad and not `skip`, too many rows are bad, or no row is left.
    """
    found = Examples()
    known: dict[str, Example] = {}
    places: dict[str, str] = {}
    labels: Counter[str] = Counter()

    def add_row(row: JsonMapping, where: str) -> Outcome:
        found = read_example(row, where)
        if is_empty(row.get("id")):
            found = [_identify_by_content(example, known) for example in found]
        new = {example.id: example for example in found if known.get(example.id) != example}
        if (clash := next((id for id in new if id in known), None)) is not None:
            raise DataError(f'the id "{clash}" stands twice', where=where)
        known.update(new)
        label = row.get("label")
        if not (label is None or isinstance(label, bool) or is_whole_pair(row)):
            labels[str(label)] += 1
        if "source" not in row:
            places.update(dict.fromkeys(new, where))
        return Outcome(where, "accepted") if new else Outcome(where, "dropped", REPEATED)

    read, bad = convert_rows(
        path, add_row, found.cleaned_rows, skip=skip, max_bad_share=max_bad_share, forms=FORMS
    )
    if set(labels) == {"0", "1"}:
        raise DataError(
            f'the "label" of {format_count(labels["0"], "rows")} is 0, and 1 of the others, as bad '
            "and good answers have it: the bad ones would be learned.",
            where=path,
            cure='Remove the bad ones, or the column "label" if it says something else.',
        )
    found.outcomes = {outcome.id: outcome for outcome in read} | bad
    found.examples = [_add_place(example, places.get(example.id)) for example in known.values()]
    return found


def _identify_by_content(example: Example, known: Mapping[str, Example]) -> Example:
    """Return the known example that a row without an id repeats; else the example itself, with a
    hash of its kind too where another example has the hash of its prompt and answers.
    """
    with_kind = replace(example, id=digest([*_get_content(example), example.kind]))
    for named in (example, with_kind):
        before = known.get(named.id)
        if before is None:
            return named
        if before == replace(named, scores=before.scores, source=before.source):
            return before
    return with_kind


def _get_content(example: Example) -> list[Any]:
    """Return the prompt and the answers, whose hash is the id of an example without one."""
    return [prompt_to_json(example.prompt), example.chosen, example.rejected]


def _add_place(example: Example, where: str | None) -> Example:
    return replace(example, source={**example.source, "from": where}) if where else example


def read_example(row: JsonMapping, where: str) -> list[Example]:
    """Read the examples of one row.

    Raises:
        DataError: the row has no known form, or a part of it is empty.
    """
    return [
        _make_example(row, where, prompt, chosen, rejected, f"#{number}" if number else "")
        for number, (prompt, chosen, rejected) in enumerate(_split_row(row, where))
    ]


def _split_row(given: JsonMapping, where: str) -> Iterator[tuple[Prompt, Any, Any]]:
    """Yield (prompt, chosen, rejected) of each example of a row."""
    row = drop_unfilled(given)
    refuse_bad_label(row, where)
    if is_whole_pair(row):
        yield _read_prompt(row, where), row["chosen"], row["rejected"]
    elif "conversations" in row or "messages" in row:
        turns = tuple(read_conversation(row, where))
        yield from _split_turns(turns, find_unweighted(row), where)
    elif "chosen" in row:
        yield _read_prompt(row, where), row["chosen"], row.get("rejected")
    elif "prompt" in row and "completion" in row:
        prompt = row["prompt"]
        if isinstance(prompt, str) and isinstance(row["completion"], str):
            yield clean_text(prompt), row["completion"], None
        else:
            turns = parse_messages(prompt, where)
            turns = add_leading_turns(turns, row["completion"], "completion", where)
            yield turns, row["completion"], None
    elif "instruction" in row:
        task = read_task(row, where, exact=True)
        for case in task.instances:
            text = f"{task.instruction}\n\n{case.input}" if case.input else task.instruction
            yield make_prompt(text), case.output, None
    else:
        raise DataError("holds no example.", where=where, cure=suggest_form(row, KEYS, FORMS))


def _split_turns(
    turns: tuple[Message, ...], unweighted: Collection[int], where: str
) -> Iterator[tuple[Prompt, str, None]]:
    """Yield each turn of the assistant that follows one of the user, with the turns before it, but
    for the unweighted ones. A turn that goes on from another one of the assistant answers nothing.
    """
    roles = [turn.role for turn in turns]
    answers = [
        place for place, pair in enumerate(pairwise(roles), 1) if pair == ("user", "assistant")
    ]
    if not answers:
        raise DataError("has no question that is followed by its answer.", where=where)
    learned = [place for place in answers if place not in unweighted]
    if not learned:
        raise DataError('all of its answers have the "weight" 0.', where=where)
    for place in learned:
        yield turns[:place], turns[place].content, None


def _read_prompt(row: JsonMapping, where: str) -> Prompt:
    """Read the prompt of a preference. A text is a turn of the user, except in our own rows that
    were trained as plain text.

    Raises:
        DataError: as `read_pair_prompt`.
    """
    if isinstance(row.get("prompt"), str) and _get_mapping(row, "source").get(PLAIN):
        return clean_text(row["prompt"])
    return read_pair_prompt(row, where)


def _make_example(
    row: JsonMapping, where: str, prompt: Prompt, chosen: Any, rejected: Any, part: str
) -> Example:
    """Return an example with the kind, role, scores and source of its row.

    Raises:
        DataError: the prompt or an answer is empty, the prompt does not end with the user's
            turn, or both answers are the same.
    """
    source = _get_mapping(row, "source")
    if isinstance(prompt, str):
        source[PLAIN] = True
    if not isinstance(source.get("cut"), list):  # a source of other people may say something else
        source.pop("cut", None)
    # A column of this name in a file of other people may say something else.
    role = row.get("role") if row.get("role") in ("learn", "hold") else None
    made = Example.from_json(
        {
            "id": "",
            "kind": row.get("kind") or (DEFAULT_HELD_KIND if role == "hold" else DEFAULT_KIND),
            "role": role,
            "prompt": prompt_to_json(prompt),
            "chosen": chosen,
            "rejected": rejected,
            "scores": _get_mapping(row, "scores"),
            "source": source,
        },
        where,
    )
    last = made.turns[-1]
    if last.role != "user" or not last.content.strip():
        raise DataError("the prompt does not end with a question of the user.", where=where)
    if not made.chosen.strip() or (made.rejected is not None and not made.rejected.strip()):
        raise DataError("an answer is empty.", where=where)
    if made.chosen == made.rejected:
        raise DataError("the chosen answer and the rejected one are the same.", where=where)
    if not is_empty(row.get("id")):
        return replace(made, id=f"{row['id']}{part}")
    return replace(made, id=digest(_get_content(made)))


def _get_mapping(row: JsonMapping, key: str) -> JsonObject:
    """Return one of our columns; {} if it is no mapping, as in a file of other people."""
    return dict(row[key]) if isinstance(row.get(key), dict) else {}
