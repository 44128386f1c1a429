"""Encoding of examples as rows of tokens, and grouping of rows into batches and micro-batches."""

from __future__ import annotations

import itertools
import random
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from selfteach.errors import DataError
from selfteach.records import LEARN, Example, ExampleRole, ObjectiveWeights
from selfteach.train.edit_mask import mark_edited_tokens

if TYPE_CHECKING:  # it needs torch, which a dry run does without
    from selfteach.train.objectives.objective import Objective

CHOSEN = 0
REJECTED = 1
SIDES = ("chosen", "rejected")
FORBIDDEN = "forbidden"
"""The key of an example's source with the characters of the rejected answer at which a forbidden
word begins.
"""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """Hold one example as tokens. `answers`: the chosen answer, then the rejected one if an
    objective needs it; each ends with EOS.

    `sampled`: the answer is a sample of the tuned model. `edited`: flags of the tokens that the
    correction changed, if an objective needs them. `forbidden`: flags of the rejected answer's
    tokens with which a forbidden word begins, if an objective needs them. `dataset`: the dataset of
    the example, if there are several. `role`: whether the row is learned or holds the base in
    place.
    """

    number: int
    id: str
    kind: str
    prompt: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    weights: Mapping[str, float]
    sampled: bool = False
    edited: tuple[tuple[bool, ...], ...] = ()
    forbidden: tuple[bool, ...] = ()
    dataset: str = ""
    role: ExampleRole = LEARN

    @property
    def length(self) -> int:
        """Return the number of tokens that the model computes for this row."""
        return len(self.prompt) + sum(map(len, self.answers))

    @property
    def tokens(self) -> int:
        """Return the number of trained answer tokens."""
        return sum(map(len, self.answers))


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Hold rows, the counts of those that were too long (cut or dropped), and why examples are no
    rows, by id: the reason of each one that was dropped as too long, and the fault of the others.
    """

    rows: list[TrainingRow]
    overlong: dict[str, int] = field(default_factory=dict)
    refused: dict[str, DataError] = field(default_factory=dict)
    too_long: dict[str, str] = field(default_factory=dict)


def encode_examples(
    model: Any,
    examples: Sequence[Example],
    weights: ObjectiveWeights,
    objectives: Mapping[str, Objective],
    max_tokens: int,
    overlong: str,
    check: Callable[[TrainingRow, Example], object] = lambda row, example: None,
) -> EncodedRows:
    """Encode each example that has an objective, with what its objectives need: the rejected answer
    and masks.

    An example is left out if it trains no token, lacks the rejected answer of a pair, is a
    correction that changes no token, has a prompt that the chat template refuses, or fails `check`.

    Args:
        overlong: the treatment of a row whose prompt and longest answer exceed `max_tokens`: `drop`
            leaves it out, `cut` shortens its answers (which then have no EOS). A prompt that leaves
            no room is always dropped, and so is a correction whose edits are cut.
        check: raises a DataError for a row that an objective cannot train on.

    Raises:
        DataError: nothing is left, or most examples of a kind are left out.
    """
    rows: list[TrainingRow] = []
    counts: Counter[str] = Counter()
    refused: dict[str, DataError] = {}
    too_long: dict[str, str] = {}
    pairs = {name for name, objective in objectives.items() if objective.needs_rejected()}
    for example in examples:
        wanted = {name: w for name, w in weights.get(example.kind, {}).items() if w}
        if not wanted:
            continue
        try:
            row = encode_example(model, len(rows), example, wanted, not pairs.isdisjoint(wanted))
            if any(objectives[name].edits for name in wanted):
                row = with_edit_mask(row, example)
            if any(objectives[name].forbidding for name in wanted):
                row = with_forbidden_mask(row, model, example)
            fitting, done = truncate_or_drop(row, max_tokens, overlong, pairs)
            if fitting:
                check(fitting, example)
        except DataError as fault:
            refused[example.id] = fault
            continue
        if done:
            counts[done] += 1
        if fitting:
            rows.append(fitting)
        else:
            too_long[example.id] = describe_too_long(max_tokens)
    require_most_of_each_kind(examples, rows, refused)
    if not rows:
        kinds = ", ".join(sorted({e.kind for e in examples})) or "none"
        raise DataError(
            (
                f"nothing to train on: {len(examples)} examples (kinds: {kinds}), "
                f"{counts['drop']} longer than {max_tokens} tokens."
            ),
            cure="Give train.weights for these kinds, or raise train.max_tokens.",
        )
    return EncodedRows(rows, counts, refused, too_long)


def require_most_of_each_kind(
    examples: Sequence[Example], rows: Sequence[TrainingRow], refused: Mapping[str, DataError]
) -> None:
    """Check that no kind of example lost most of its rows to faults: its objectives do not suit it.

    Raises:
        DataError: the first fault of such a kind.
    """
    kept = Counter(row.kind for row in rows)
    lost = Counter(example.kind for example in examples if example.id in refused)
    for example in examples:
        if example.id in refused and lost[example.kind] > kept[example.kind]:
            raise refused[example.id]


def encode_example(
    model: Any, number: int, example: Example, weights: Mapping[str, float], pair: bool
) -> TrainingRow:
    """Return the tokens of one example. An answer named in `source["cut"]` stopped at its token
    limit, so it has no end of turn to learn.

    Raises:
        DataError: naming the row.
    """
    where = example.place
    texts = [example.chosen]
    if pair and example.rejected is None:
        raise DataError(
            "has no rejected answer, which an objective of its kind needs.",
            where=where,
            cure="Give one, or change train.weights.",
        )
    if pair and example.rejected is not None:
        texts.append(example.rejected)
    prompt = tuple(model.encode(example.prompt))
    cut = example.source.get("cut", ())
    answers = tuple(
        tuple(model.encode_answer(text, end=side not in cut, after=example.prompt))
        for side, text in zip(SIDES, texts, strict=False)
    )
    if not prompt or not all(text.strip() for text in texts) or not all(answers):
        raise DataError(
            "trains no token: its prompt or its answer is empty.",
            where=where,
            cure="Remove the row or give it an answer.",
        )
    return TrainingRow(
        number,
        example.id,
        example.kind,
        prompt,
        answers,
        weights,
        dataset=str(example.source.get("dataset", "")),
        role=example.role or LEARN,
    )


def with_edit_mask(row: TrainingRow, example: Example) -> TrainingRow:
    """Return the row with the tokens that its correction changed.

    Raises:
        DataError: it changes none.
    """
    chosen, rejected = row.answers
    if chosen == rejected:
        raise DataError(
            "the correction changes no token, so it trains nothing.",
            where=example.place,
            cure="Remove the row, or make it an anchor: an answer that is right as it is.",
        )
    return replace(row, edited=mark_edited_tokens(chosen, rejected))


def with_forbidden_mask(row: TrainingRow, model: Any, example: Example) -> TrainingRow:
    """Return the row with the tokens of its rejected answer with which a forbidden word begins.

    A token stands where the text of the tokens before it ends.

    Raises:
        DataError: the example does not say where.
    """
    starts = example.source.get(FORBIDDEN)
    if not isinstance(starts, list) or not all(
        isinstance(start, int) and 0 <= start < len(example.rejected or "") for start in starts
    ):
        raise DataError(
            "does not say where a forbidden word begins, which an objective of its kind needs.",
            where=example.place,
            cure=f"Give source.{FORBIDDEN}: a list of characters of the rejected answer.",
        )
    tokens = row.answers[1]
    flags = [False] * len(tokens)
    ends = [len(model.decode(tokens[: n + 1])) for n in range(len(tokens))]
    ends = list(accumulate(reversed(ends), min))[::-1]  # each byte of half a sign may be one more
    for start in starts:
        flags[min(bisect(ends, start), len(tokens) - 1)] = True
    return replace(row, forbidden=tuple(flags))


def truncate_or_drop(
    row: TrainingRow, max_tokens: int, overlong: str, pairs: Set[str] = frozenset()
) -> tuple[TrainingRow | None, str]:
    """Return the row that is trained, if any, and its treatment: "" for none, "cut" or "drop".

    Args:
        pairs: the objectives that compare two answers.
    """
    if max(map(len, row.answers)) + len(row.prompt) <= max_tokens:
        return row, ""
    shorter = _truncate(row, max_tokens - len(row.prompt), pairs) if overlong == "cut" else None
    return shorter, "cut" if shorter else "drop"


def describe_too_long(max_tokens: int) -> str:
    """Return the reason for which a row that is too long is dropped."""
    return f"longer than {max_tokens} tokens"


def _truncate(row: TrainingRow, room: int, pairs: Set[str]) -> TrainingRow | None:
    """Return the row with answers of at most `room` tokens; None if it would train nothing.

    Two answers that became one have nothing to compare: such a row is left to its other objectives.
    """
    if room <= 0:
        return None
    answers = tuple(answer[:room] for answer in row.answers)
    if len(answers) == 2 and answers[0] == answers[1]:
        alone = {name: weight for name, weight in row.weights.items() if name not in pairs}
        if row.edited or not alone:
            return None
        return replace(row, answers=answers[:1], weights=alone, forbidden=())
    return replace(
        row,
        answers=answers,
        edited=tuple(flags[:room] for flags in row.edited),
        forbidden=row.forbidden[:room],
    )


def shuffle_into_batches(
    rows: Sequence[TrainingRow], batch_size: int, seed: int, epoch: int
) -> list[list[TrainingRow]]:
    """Return the batches of one epoch, shuffled from the seed. Datasets and kinds are spread
    evenly, so that every step has nearly the same mixture.

    The sizes of batches differ by one row at most, because a small last batch would change the
    weights as much as a full one on less evidence.
    """
    dice = random.Random(f"{seed}/{epoch}")
    places: list[tuple[float, TrainingRow]] = []
    for sort in sorted({(row.dataset, row.kind) for row in rows}):
        group = [row for row in rows if (row.dataset, row.kind) == sort]
        dice.shuffle(group)
        start = dice.random()
        places += [((i + start) / len(group), row) for i, row in enumerate(group)]
    dealt = [row for _, row in sorted(places, key=lambda place: (place[0], place[1].number))]
    steps = -(-len(dealt) // batch_size)
    edges = [len(dealt) * i // steps for i in range(steps + 1)]
    return [dealt[i:j] for i, j in itertools.pairwise(edges)]


def split_micro_batches(rows: Sequence[TrainingRow], token_budget: int) -> list[list[TrainingRow]]:
    """Group rows of like length, each group within the budget of computed tokens. A longer row is a
    group of its own.
    """
    groups: list[list[TrainingRow]] = []
    total = 0
    for row in sorted(rows, key=lambda row: (row.length, row.number)):
        if not groups or total + row.length > token_budget:
            groups.append([])
            total = 0
        groups[-1].append(row)
        total += row.length
    return groups
