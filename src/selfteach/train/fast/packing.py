"""The packed form of rows: one sequence without padding, in which every row is a path of a small
tree.

What all prompts begin with (a chat template's header, a system message) stands once; then each
row's own prompt, then its answers, each of which sees the shared beginning, its prompt and itself.
So nothing is padded and nothing is computed twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from selfteach.models.hooks import TokenPositions
from selfteach.train.batch import TrainingRow


@dataclass(frozen=True, slots=True)
class Strips:
    """Neighbouring rows of about the same length, as attention sees them: S strips of at most L
    tokens in the places start..stop of the sequence, which also see the first P tokens (the shared
    beginning).

    Shapes: queries (S, L) places counted from `start`; keys (S, W) places in the sequence, W >= P+L
    a multiple of 32; strip, offset (stop-start,): which strip a token is of, and where in it;
    padding: flat places of the padded queries; allowed (S, L, W).
    """

    start: int
    stop: int
    shared: int
    queries: Tensor
    keys: Tensor
    strip: Tensor
    offset: Tensor
    padding: Tensor
    allowed: Tensor
    made: dict[object, Tensor] = field(default_factory=dict)

    def queries_of(self, heads: int) -> Tensor:
        """Gathers (tokens * heads) rows into the order (S, heads, L)."""
        return self._get_or_make(("queries", heads), lambda: _expand_by_head(self.queries, heads))

    def keys_of(self, groups: int) -> Tensor:
        """Gathers (T * groups) rows into the order (S, groups, W)."""
        return self._get_or_make(("keys", groups), lambda: _expand_by_head(self.keys, groups))

    def back(self, heads: int, width: int, skip: int = 0) -> Tensor:
        """The inverse of a gather: for each (token, head) its place among (S, heads, width) rows,
        of which `skip` stand before.
        """
        return self._get_or_make(
            ("back", heads, width, skip),
            lambda: _make_gather_index(self.strip, self.offset + skip, heads, width),
        )

    def padded_of(self, heads: int) -> Tensor:
        """Places of padded queries among (S, heads, L) rows."""
        longest = self.queries.shape[1]
        return self._get_or_make(
            ("padded", heads),
            lambda: _make_gather_index(
                self.padding // longest, self.padding % longest, heads, longest
            ),
        )

    def bias(self, heads: int, groups: int, dtype: torch.dtype) -> Tensor:
        """0 where a query may look and -inf elsewhere, for each head: (S * groups, heads/groups *
        L, W).
        """
        return self._get_or_make(
            ("bias", heads, groups, dtype), lambda: _make_bias(self.allowed, heads, groups, dtype)
        )

    def _get_or_make(self, key: object, make: Callable[[], Tensor]) -> Tensor:
        """All layers ask for the same."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


def _expand_by_head(places: Tensor, heads: int) -> Tensor:
    return (
        places[:, None, :] * heads + torch.arange(heads, device=places.device)[None, :, None]
    ).flatten()


def _make_gather_index(strip: Tensor, offset: Tensor, heads: int, width: int) -> Tensor:
    return (
        (strip[:, None] * heads + torch.arange(heads, device=strip.device)) * width
        + offset[:, None]
    ).flatten()


def _make_bias(allowed: Tensor, heads: int, groups: int, dtype: torch.dtype) -> Tensor:
    count, longest, width = allowed.shape
    bias = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(
        ~allowed, float("-inf")
    )
    return bias[:, None].expand(count, heads, longest, width).reshape(count * groups, -1, width)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Rows as the model sees them.

    Shapes: ids, positions (1, T); states, targets, row, side, place (N,): for each answer token
    where the state is that predicts it (shifted by one), the token, its row in this batch, whether
    it is of the chosen (0) or the rejected (1) answer, its place in it.
    `lead`: tokens that the adapter puts before every sequence; they and the shared beginning stand
    once, `num_shared_tokens` tokens in all.
    """

    rows: tuple[TrainingRow, ...]
    ids: Tensor
    positions: Tensor
    states: Tensor
    targets: Tensor
    row: Tensor
    side: Tensor
    place: Tensor
    strips: tuple[Strips, ...]
    lead: int = 0
    num_shared_tokens: int = 0

    def places(self) -> TokenPositions:
        """Where each token stands in its own sequence: for adapters to which that matters."""
        lengths = [min(len(row.prompt) for row in self.rows)] * self.num_shared_tokens
        for row in self.rows:
            lengths += [len(row.prompt)] * (row.length - self.num_shared_tokens + self.lead)
        return TokenPositions(
            self.positions - self.lead, torch.tensor(lengths, device=self.ids.device)[None]
        )


def count_shared_prefix(rows: Sequence[TrainingRow], tail: int = 1) -> int:
    """How many tokens all prompts begin with; each keeps at least `num_edited_suffix_tokens` of its
    own, and one row shares with nobody.
    """
    if len(rows) == 1:
        return 0
    return _count_common([row.prompt for row in rows], tail)


def _count_common(prompts: Sequence[tuple[int, ...]], tail: int) -> int:
    low, high = min(prompts), max(prompts)  # all others lie between these two
    same = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b),
        min(len(low), len(high)),
    )
    return max(0, min(same, min(map(len, prompts)) - tail))


def pack_rows(
    rows: Sequence[TrainingRow],
    device: torch.device | str = "cpu",
    num_virtual_tokens: int = 0,
    num_edited_suffix_tokens: int = 1,
) -> PackedBatch:
    """Packs rows.

    Args:
        lead: places before everything for the tokens of a soft prompt.
        tail: how many of a prompt's last tokens an adapter treats apart: they are never shared.
    """

    def to(values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    shared = count_shared_prefix(rows, num_edited_suffix_tokens)
    ids = [0] * num_virtual_tokens + list(rows[0].prompt[:shared])
    positions = list(range(num_virtual_tokens + shared))
    answers: list[tuple[int, int, int, int, int]] = []  # state, target, row, side, place
    for r, row in enumerate(rows):
        ids += row.prompt[shared:]
        positions += range(num_virtual_tokens + shared, num_virtual_tokens + len(row.prompt))
        last = len(ids) - 1
        for side, answer in enumerate(row.answers):
            first = len(ids)
            answers += [
                (last if t == 0 else first + t - 1, token, r, side, t)
                for t, token in enumerate(answer)
            ]
            ids += answer
            positions += range(
                num_virtual_tokens + len(row.prompt),
                num_virtual_tokens + len(row.prompt) + len(answer),
            )
    columns = (to(column) for column in zip(*answers, strict=True))
    states, targets, owner, side_of, place = columns
    strips = _group_strips(rows, shared, num_virtual_tokens, device)
    ids_of = to(ids)[None]
    positions_of = to(positions)[None]
    return PackedBatch(
        tuple(rows),
        ids_of,
        positions_of,
        states,
        targets,
        owner,
        side_of,
        place,
        strips,
        num_virtual_tokens,
        num_virtual_tokens + shared,
    )


def _group_strips(
    rows: Sequence[TrainingRow], shared: int, lead: int, device: torch.device | str
) -> tuple[Strips, ...]:
    """The shared beginning alone, then the rows in groups whose keys fit the same width."""
    start = beginning = lead + shared
    found = [_make_strips([beginning], [()], 0, 0, device)] if beginning else []
    for _, group in itertools.groupby(rows, key=lambda row: _round_up_width(lead + row.length)):
        members = list(group)
        answers = [(len(row.prompt) - shared, *map(len, row.answers)) for row in members]
        found.append(
            _make_strips(
                [row.length - shared for row in members], answers, start, beginning, device
            )
        )
        start = found[-1].stop
    return tuple(found)


def _round_up_width(tokens: int) -> int:
    """Round up: softmax over bf16 rows is twice as fast when their width is a multiple of a vector
    register.
    """
    return -(-tokens // 32) * 32


def _make_strips(
    lengths: list[int],
    answers: Sequence[Sequence[int]],
    start: int,
    shared: int,
    device: torch.device | str,
) -> Strips:
    """One group. `answers` holds for each strip the tokens of its prompt, then those of each
    answer.
    """
    longest = max(lengths)
    count = len(lengths)
    size = torch.tensor(lengths)
    strip = torch.repeat_interleave(torch.arange(count), size)
    offset = torch.cat([torch.arange(length) for length in lengths])
    queries = torch.zeros(count, longest, dtype=torch.long)
    queries[strip, offset] = torch.arange(len(strip))
    width = _round_up_width(shared + longest)
    keys = torch.zeros(count, width, dtype=torch.long)
    keys[:, :shared] = torch.arange(shared)
    keys[:, shared : shared + longest] = queries + start
    allowed = torch.zeros(count, longest, width, dtype=torch.bool)
    allowed[:, :, :shared] = True
    allowed[:, :, shared : shared + longest] = torch.ones(longest, longest, dtype=torch.bool).tril()
    for s, parts in enumerate(answers):
        end = sum(parts[:1])
        for length in parts[1:]:  # an answer does not see the answers before it
            allowed[s, end : end + length, shared + sum(parts[:1]) : shared + end] = False
            end += length
    padding = (torch.arange(longest)[None] >= size[:, None]).flatten().nonzero()[:, 0]
    queries, keys, strip, offset, padding, allowed = (
        t.to(device) for t in (queries, keys, strip, offset, padding, allowed)
    )
    return Strips(start, start + len(strip), shared, queries, keys, strip, offset, padding, allowed)
