"""Reading tasks: an instruction with worked instances, in the forms that people already have.

A row is one of these; other keys are left alone.
  instruction, instances: [{input, output}], is_classification     Self-Instruct's seed_tasks.jsonl
  instruction, input, output                                       Alpaca
  conversations: [{from, value}]                                   ShareGPT; the first exchange
      counts
  messages: [{role, content}]                                      the first exchange counts
  prompt, completion                                               texts, or lists of messages

Source: Self-Instruct (arXiv 2212.10560), data/seed_tasks.jsonl of yizhongw/self-instruct, for the
form. The tasks beside this file are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.rows import convert_rows
from selfteach.records import Message, digest, parse_messages
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Outcome

OWN_SEEDS = Path(__file__).with_name("seed_tasks.jsonl")
"""The tasks that come with the package."""
KEYS = (
    "instruction",
    "instances",
    "input",
    "output",
    "conversations",
    "messages",
    "prompt",
    "completion",
    "is_classification",
)
FORMS = (
    "instruction with instances; instruction, input, output; conversations; messages; or "
    "prompt, completion"
)
NO_INPUT = frozenset({"<noinput>", "<no input>", "noinput", "no input", "none", "n/a"})
"""What stands for "this task needs no input": Alpaca's word, and what models write in its place."""
SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}


@dataclass(frozen=True, slots=True)
class Instance:
    """One worked case of a task. The input is empty where the instruction says everything."""

    input: str
    output: str

    @property
    def text(self) -> str:
        """Both as one text, for comparing."""
        return f"{self.input}\n{self.output}".strip()


@dataclass(frozen=True, slots=True)
class Task:
    """An instruction with its instances. `classification` is None where nobody said whether the
    output is one of a few labels.
    """

    where: str
    instruction: str
    instances: tuple[Instance, ...] = ()
    classification: bool | None = None

    @property
    def id(self) -> str:
        """The hash of the instruction."""
        return digest(["task", self.instruction])

    def to_json(self) -> dict[str, Any]:
        """The row, in Self-Instruct's form."""
        cases = [{"input": case.input, "output": case.output} for case in self.instances]
        return {
            "id": self.id,
            "instruction": self.instruction,
            "instances": cases,
            "is_classification": self.classification,
        }


@dataclass
class Tasks:
    """What a person brought: `seeds` to invent from, `test` to be examined on. `outcomes` says of
    every row what became of it.
    """

    seeds: list[Task] = field(default_factory=list)
    test: list[Task] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)


def read_tasks(path: Path = OWN_SEEDS, *, skip: bool = False, max_bad_share: float = 0.1) -> Tasks:
    """Reads a file of tasks; instances of one and the same instruction become one task.

    Args:
        skip: leave bad rows out (they are among the fates) where their share is at most `most_bad`.

    Raises:
        DataError: a bad row and not `skip`, too many of them, or no task at all.
    """
    found = Tasks()
    read, bad = convert_rows(
        path, read_task, found.cleaned_rows, skip=skip, max_bad_share=max_bad_share
    )
    found.outcomes |= bad
    found.seeds = list(_join_tasks(read, found.outcomes))
    if not found.seeds:
        raise DataError(
            f"there is no task in it ({len(bad)} bad rows).",
            where=str(path),
            cure=f"A row is {FORMS}.",
        )
    return found


def _join_tasks(read: Sequence[Task], fates: dict[str, Outcome]) -> Iterator[Task]:
    """One task for each instruction, with all its different instances."""
    groups: dict[str, list[Task]] = {}
    for task in read:
        groups.setdefault(task.instruction, []).append(task)
    for first, *more in groups.values():
        fates[first.where] = Outcome(first.where, "accepted")
        cases = dict.fromkeys(first.instances)
        for task in more:
            new = [case for case in task.instances if case not in cases]
            cases |= dict.fromkeys(new)
            reason = "" if new else "repeats another row"
            fates[task.where] = Outcome(
                task.where,
                "accepted" if new else "dropped",
                reason,
                {"instruction": task.instruction},
            )
        said = next(
            (task.classification for task in (first, *more) if task.classification is not None),
            None,
        )
        yield Task(first.where, first.instruction, tuple(cases), said)


def read_task(row: Mapping[str, Any], where: str) -> Task:
    """One row.

    Raises:
        DataError: it is of no known form, or a part of it is empty.
    """
    if "instances" in row:
        return Task(
            where,
            _read_text(row, "instruction", where),
            tuple(_read_instances(row["instances"], where)),
            _read_flag(row, where),
        )
    if "instruction" in row:
        case = Instance(_read_input(row, where), _read_text(row, "output", where))
        return Task(where, _read_text(row, "instruction", where), (case,), _read_flag(row, where))
    if "conversations" in row or "messages" in row:
        return _read_exchange(read_conversation(row, where), where)
    if "prompt" in row and "completion" in row:
        asked, answered = (
            parse_messages(row["prompt"], where),
            parse_messages(row["completion"], where),
        )
        return _read_exchange([*asked, Message("assistant", answered[-1].content)], where)
    odd = next((key for key in row if key not in KEYS), "")
    raise DataError(
        "holds no task.", where=where, cure=did_you_mean(odd, KEYS) if odd else f"A row is {FORMS}."
    )


def _read_exchange(turns: Sequence[Message], where: str) -> Task:
    """The first question with its answer. A system message is the instruction then, and the
    question its input.
    """
    system = next((m.content.strip() for m in turns if m.role == "system"), "")
    at = next((i for i, m in enumerate(turns) if m.role == "user"), len(turns))
    answer = next((m.content.strip() for m in turns[at + 1 : at + 2] if m.role == "assistant"), "")
    asked = turns[at].content.strip() if at < len(turns) else ""
    if not asked or not answer:
        raise DataError("has no question that is followed by its answer.", where=where)
    return Task(where, system or asked, (Instance(asked if system else "", answer),))


def read_conversation(row: Mapping[str, Any], where: str) -> Sequence[Message]:
    """The turns of a row of `parse_messages` or of ShareGPT's `conversations`.

    Raises:
        DataError: they are none.
    """
    if "messages" in row:
        return parse_messages(row["messages"], where)
    turns = row["conversations"] if isinstance(row["conversations"], list) else []
    named = [
        {"role": SPEAKERS.get(str(t.get("from"))), "content": t.get("value")}
        for t in turns
        if isinstance(t, dict)
    ]
    return parse_messages(named, where)


def _read_instances(value: Any, where: str) -> Iterator[Instance]:
    if not isinstance(value, list) or not value:
        raise DataError(
            '"instances" is no list of cases.',
            where=where,
            cure='Write [{"input": "...", "output": "..."}].',
        )
    for case in value:
        if not isinstance(case, dict):
            raise DataError(
                '"instances" holds something other than {"input", "output"}.', where=where
            )
        yield Instance(_read_input(case, where), _read_text(case, "output", where))


def is_no_input(text: str) -> bool:
    """Whether a text says that there is no input."""
    return text.strip().strip(".").lower() in NO_INPUT


def _read_input(row: Mapping[str, Any], where: str) -> str:
    value = row.get("input")
    if value is not None and not isinstance(value, str):
        raise DataError('"input" is no text.', where=where)
    return "" if not value or is_no_input(value) else value.strip()


def _read_flag(row: Mapping[str, Any], where: str) -> bool | None:
    value = row.get("is_classification")
    if value is None or isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise DataError('"is_classification" is neither true nor false.', where=where)


def _read_text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f'"{key}" is empty.', where=where, cure="Give it, or remove the row.")
    return value.strip()


def list_classifications(tasks: Iterable[Task]) -> list[tuple[str, bool]]:
    """(instruction, whether it is a classification) of the tasks of which somebody said it."""
    return [
        (task.instruction, task.classification) for task in tasks if task.classification is not None
    ]
