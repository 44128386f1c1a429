"""The packed form of rows: one sequence without padding, in which every row is a path of a small
tree.

The common beginning of all prompts (a chat template's header, a system message) comes once. Then
comes each row's own prompt, then its answers. An answer attends to the shared beginning, its prompt
and itself. Nothing is padded and nothing is computed twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from selfteach.models.hook_adapter import TokenPositions
from selfteach.models.tokens import count_shared_prefix
from selfteach.train.encode_and_batch import TrainingRow

LEAST_WIDTH = 256
"""Keys of the narrowest strips on an accelerator, where many small kernels cost more than
padding."""


@dataclass(frozen=True, slots=True)
class Strips:
    """Hold neighboring rows of about the same length for attention: S strips of at most L tokens,
    in the positions start..stop of the sequence. They also attend to the first P tokens (the shared
    beginning).

    Shapes: queries (S, L) positions counted from `start`; keys (S, W) positions in the sequence, W
    >= P+L a multiple of 32; strip, offset (stop-start,): each token's strip and its position in it;
    padding: flat positions of the padded queries; allowed (S, L, W); places (S, L): the position of
    each query in its own sequence, `last` is the greatest.
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
    places: Tensor
    last: int
    made: dict[object, Tensor] = field(default_factory=dict)

    def queries_of(self, heads: int) -> Tensor:
        """Return the index that gathers (tokens * heads) rows into the order (S, heads, L)."""
        return self._get_or_make(("queries", heads), lambda: _expand_by_head(self.queries, heads))

    def keys_of(self, groups: int) -> Tensor:
        """Return the index that gathers (T * groups) rows into the order (S, groups, W)."""
        return self._get_or_make(("keys", groups), lambda: _expand_by_head(self.keys, groups))

    def back(self, heads: int, width: int, skip: int = 0) -> Tensor:
        """Return the inverse of a gather: for each (token, head) its position among (S, heads,
        width) rows, after the first `skip` of each width.
        """
        return self._get_or_make(
            ("back", heads, width, skip),
            lambda: _make_gather_index(self.strip, self.offset + skip, heads, width),
        )

    def padded_of(self, heads: int) -> Tensor:
        """Return the positions of padded queries among (S, heads, L) rows."""
        longest = self.queries.shape[1]
        strip = self.padding // longest
        offset = self.padding % longest
        return self._get_or_make(
            ("padded", heads), lambda: _make_gather_index(strip, offset, heads, longest)
        )

    def visible(self, window: int) -> Tensor:
        """Return the keys that a query may attend to, (S, L, W): of the last `window` tokens, or of
        all for 0.
        """
        if not window or window > self.last:
            return self.allowed
        return self._get_or_make(("visible", window), lambda: self._limit_to_window(window))

    def _limit_to_window(self, window: int) -> Tensor:
        longest = self.places.shape[1]
        keys = torch.zeros_like(self.keys)
        keys[:, : self.shared] = torch.arange(self.shared, device=keys.device)
        keys[:, self.shared : self.shared + longest] = self.places
        return self.allowed & (self.places[:, :, None] - keys[:, None, :] < window)

    def bias(self, heads: int, groups: int, dtype: torch.dtype, window: int = 0) -> Tensor:
        """Return 0 for the keys that a query may attend to and -inf for others, for each head: (S *
        groups, heads/groups * L, W).
        """
        visible = self.visible(window)
        return self._get_or_make(
            ("bias", heads, groups, dtype, window if visible is not self.allowed else 0),
            lambda: _make_bias(visible, heads, groups, dtype),
        )

    def _get_or_make(self, key: object, make: Callable[[], Tensor]) -> Tensor:
        """Return an index that all layers share."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


def _expand_by_head(places: Tensor, heads: int) -> Tensor:
    head = torch.arange(heads, device=places.device)[None, :, None]
    return (places[:, None, :] * heads + head).flatten()


def _make_gather_index(strip: Tensor, offset: Tensor, heads: int, width: int) -> Tensor:
    head = torch.arange(heads, device=strip.device)
    return ((strip[:, None] * heads + head) * width + offset[:, None]).flatten()


def _make_bias(allowed: Tensor, heads: int, groups: int, dtype: torch.dtype) -> Tensor:
    count, longest, width = allowed.shape
    bias = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(
        ~allowed, float("-inf")
    )
    return bias[:, None].expand(count, heads, longest, width).reshape(count * groups, -1, width)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Hold rows as one sequence.

    Shapes: ids, positions (1, T); states, targets, row, side, place (N,): for each answer token the
    position of the state that predicts it (shifted by one), the token, its row in this batch,
    whether it is of the chosen (0) or the rejected (1) answer, its position in the answer.
    `num_virtual_tokens`: tokens that the adapter puts before every sequence. They and the shared
    beginning come once, `num_shared_tokens` tokens in all.
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
    num_virtual_tokens: int = 0
    num_shared_tokens: int = 0

    def places(self) -> TokenPositions:
        """Return each token's position in its own sequence, for adapters that need it."""
        virtual = self.num_virtual_tokens
        lengths = [min(len(row.prompt) for row in self.rows)] * self.num_shared_tokens
        for row in self.rows:
            lengths += [len(row.prompt)] * (row.length - self.num_shared_tokens + virtual)
        prompts = torch.tensor(lengths, device=self.ids.device)[None]
        return TokenPositions(self.positions - virtual, prompts)


def pack_rows(
    rows: Sequence[TrainingRow],
    device: torch.device | str = "cpu",
    num_virtual_tokens: int = 0,
    num_edited_suffix_tokens: int = 1,
) -> PackedBatch:
    """Pack rows into one sequence.

    Args:
        num_virtual_tokens: positions before everything for the tokens of a soft prompt.
        num_edited_suffix_tokens: the number of a prompt's last tokens that an adapter treats
            differently: they are never shared.
    """

    def to(values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    shared = 0
    if len(rows) > 1:
        shared = count_shared_prefix([row.prompt for row in rows], num_edited_suffix_tokens)
    beginning = num_virtual_tokens + shared
    ids = [0] * num_virtual_tokens + list(rows[0].prompt[:shared])
    positions = list(range(beginning))
    answers: list[tuple[int, int, int, int, int]] = []  # state, target, row, side, place
    for r, row in enumerate(rows):
        ids += row.prompt[shared:]
        end = num_virtual_tokens + len(row.prompt)
        positions += range(beginning, end)
        last = len(ids) - 1
        for side, answer in enumerate(row.answers):
            first = len(ids)
            for t, token in enumerate(answer):
                answers.append((first + t - 1 if t else last, token, r, side, t))
            ids += answer
            positions += range(end, end + len(answer))
    states, targets, owner, sides, place = map(to, zip(*answers, strict=True))
    return PackedBatch(
        tuple(rows),
        to(ids)[None],
        to(positions)[None],
        states,
        targets,
        owner,
        sides,
        place,
        _group_strips(rows, shared, num_virtual_tokens, device),
        num_virtual_tokens,
        beginning,
    )


def _group_strips(
    rows: Sequence[TrainingRow], shared: int, num_virtual: int, device: torch.device | str
) -> tuple[Strips, ...]:
    """Return the shared beginning alone, then the rows in groups whose keys fit the same width."""
    start = beginning = num_virtual + shared
    found = [_make_strips([beginning], [()], 0, 0, device)] if beginning else []
    for _, group in itertools.groupby(
        rows, key=lambda row: _choose_group_width(num_virtual + row.length, device)
    ):
        members = list(group)
        lengths = [row.length - shared for row in members]
        answers = [(len(row.prompt) - shared, *map(len, row.answers)) for row in members]
        found.append(_make_strips(lengths, answers, start, beginning, device))
        start = found[-1].stop
    return tuple(found)


def _choose_group_width(tokens: int, device: torch.device | str) -> int:
    """Return the width of the group that a row of so many tokens belongs to: on an accelerator a
    power of two, so that there are few groups.
    """
    if torch.device(device).type == "cpu":
        return _round_up_width(tokens)
    return max(LEAST_WIDTH, 1 << (tokens - 1).bit_length())


def _round_up_width(tokens: int) -> int:
    """Round up to a multiple of a vector register, which makes softmax over bf16 rows twice as
    fast.
    """
    return -(-tokens // 32) * 32


def _make_strips(
    lengths: list[int],
    answers: Sequence[Sequence[int]],
    start: int,
    shared: int,
    device: torch.device | str,
) -> Strips:
    """Return one group. `answers`: for each strip the number of its prompt's tokens, then of each
    answer's.
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
    places = (shared + torch.arange(longest)).repeat(count, 1)
    for s, parts in enumerate(answers):
        prompt = end = sum(parts[:1])
        for length in parts[1:]:  # an answer does not attend to the answers before it
            allowed[s, end : end + length, shared + prompt : shared + end] = False
            places[s, end : end + length] = shared + prompt + torch.arange(length)
            end += length
    last = int(places.max())
    padding = (torch.arange(longest)[None] >= size[:, None]).flatten().nonzero()[:, 0]
    queries, keys, strip, offset, padding, allowed, places = (
        t.to(device) for t in (queries, keys, strip, offset, padding, allowed, places)
    )
    return Strips(
        start,
        start + len(strip),
        shared,
        queries,
        keys,
        strip,
        offset,
        padding,
        allowed,
        places,
        last,
    )
