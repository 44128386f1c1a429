"""The packed form of rows: one sequence without padding, in which every row is a path of a small tree.

What all prompts begin with (a chat template's header, a system message) stands once; then each row's own prompt, then its answers,
each of which sees the shared beginning, its prompt and itself. So nothing is padded and nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from selfteach.train.batch import Row


@dataclass(frozen=True, slots=True)
class Strips:
    """How attention cuts the sequence into strips: first the shared beginning, if there is one, then each row's own tokens.

    Shapes: S strips of at most L tokens, P shared tokens. queries (S, L) and keys (S, P+L): places in the sequence, padded with 0;
    strip, offset (T,): where each token is among the strips; padding: flat places of the padded queries; allowed (S, L, P+L).
    """

    queries: Tensor
    keys: Tensor
    strip: Tensor
    offset: Tensor
    padding: Tensor
    allowed: Tensor
    shared: int
    made: dict[object, Tensor] = field(default_factory=dict)

    def gather(self, places: Tensor, heads: int) -> Tensor:
        """Flat indices into (T * heads) rows that bring them into the order (S, heads, tokens)."""
        return (places[:, None, :] * heads + torch.arange(heads, device=places.device)[None, :, None]).flatten()

    def queries_of(self, heads: int) -> Tensor:
        """Indices that gather queries: (S * heads * L,)."""
        return self._once(("queries", heads), lambda: self.gather(self.queries, heads))

    def keys_of(self, groups: int) -> Tensor:
        """Indices that gather keys and values: (S * groups * (P+L),)."""
        return self._once(("keys", groups), lambda: self.gather(self.keys, groups))

    def back(self, heads: int, width: int, skip: int = 0) -> Tensor:
        """The inverse of a gather: for each (T, heads) the place in (S, heads, width) rows, the first `skip` columns left out."""
        return self._once(
            ("back", heads, width, skip),
            lambda: (
                (self.strip[:, None] * heads + torch.arange(heads, device=self.strip.device)) * width + skip + self.offset[:, None]
            ).flatten(),
        )

    def padded_of(self, heads: int) -> Tensor:
        """Flat places of padded queries among (S, heads, L) rows."""
        longest = self.queries.shape[1]

        def make() -> Tensor:
            strip, offset = self.padding // longest, self.padding % longest
            return ((strip[:, None] * heads + torch.arange(heads, device=strip.device)) * longest + offset[:, None]).flatten()

        return self._once(("padded", heads), make)

    def bias(self, heads: int, groups: int, dtype: torch.dtype) -> Tensor:
        """0 where a query may look and -inf elsewhere, for each head: (S * groups, heads/groups * L, P+L)."""

        def make() -> Tensor:
            strips, longest, width = self.allowed.shape
            bias = torch.zeros(self.allowed.shape, dtype=dtype, device=self.allowed.device).masked_fill_(~self.allowed, float("-inf"))
            return bias[:, None].expand(strips, heads, longest, width).reshape(strips * groups, -1, width)

        return self._once(("bias", heads, groups, dtype), make)

    def _once(self, key: object, make: object) -> Tensor:
        if key not in self.made:
            self.made[key] = make()  # type: ignore[operator]
        return self.made[key]


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows as the model sees them.

    Shapes: ids, positions (1, T); states, targets, row, side, place (N,): for each answer token where the state is that predicts it
    (shifted by one), the token, its row in this batch, whether it is of the chosen (0) or the rejected (1) answer, its place in it.
    """

    rows: tuple[Row, ...]
    ids: Tensor
    positions: Tensor
    states: Tensor
    targets: Tensor
    row: Tensor
    side: Tensor
    place: Tensor
    strips: Strips


def shared_prefix(rows: Sequence[Row]) -> int:
    """How many tokens all prompts begin with; each keeps at least one of its own, and one row shares with nobody."""
    if len(rows) == 1:
        return 0
    return _common([row.prompt for row in rows])


def _common(prompts: Sequence[tuple[int, ...]]) -> int:
    low, high = min(prompts), max(prompts)  # all others lie between these two
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return min(same, min(map(len, prompts)) - 1)


def pack(rows: Sequence[Row], device: torch.device | str = "cpu") -> Packed:
    """Packs rows."""
    shared = shared_prefix(rows)
    ids, positions = list(rows[0].prompt[:shared]), list(range(shared))
    answers: list[tuple[int, int, int, int, int]] = []  # state, target, row, side, place
    for r, row in enumerate(rows):
        ids += row.prompt[shared:]
        positions += range(shared, len(row.prompt))
        last = len(ids) - 1
        for side, answer in enumerate(row.answers):
            first = len(ids)
            answers += [(last if t == 0 else first + t - 1, token, r, side, t) for t, token in enumerate(answer)]
            ids += answer
            positions += range(len(row.prompt), len(row.prompt) + len(answer))
    columns = torch.tensor(answers, dtype=torch.long, device=device).t().contiguous()
    to = lambda values: torch.tensor(values, dtype=torch.long, device=device)
    return Packed(tuple(rows), to(ids)[None], to(positions)[None], *columns.unbind(), strips=_strips(rows, shared, device))


def _strips(rows: Sequence[Row], shared: int, device: torch.device | str) -> Strips:
    lengths = [shared] * bool(shared) + [row.length - shared for row in rows]
    longest, count = max(lengths), len(lengths)
    queries = torch.zeros(count, longest, dtype=torch.long)
    own = torch.ones(longest, longest, dtype=torch.bool).tril().repeat(count, 1, 1)
    start = 0
    for s, length in enumerate(lengths):
        queries[s, :length] = torch.arange(start, start + length)
        start += length
    for s, row in enumerate(rows, start=count - len(rows)):
        end = after = len(row.prompt) - shared
        for answer in row.answers:
            own[s, end : end + len(answer), after:end] = False  # an answer does not see the answers before it
            end += len(answer)
    before = torch.ones(count, longest, shared, dtype=torch.bool)
    before[: count - len(rows)] = False  # the shared beginning is its own strip
    size = torch.tensor(lengths)
    strip = torch.repeat_interleave(torch.arange(count), size)
    offset = torch.cat([torch.arange(length) for length in lengths])
    padding = (torch.arange(longest)[None] >= size[:, None]).flatten().nonzero()[:, 0]
    keys = torch.cat([torch.arange(shared)[None].expand(count, -1), queries], 1)
    allowed = torch.cat([before, own], 2)
    return Strips(*(t.to(device) for t in (queries, keys, strip, offset, padding, allowed)), shared=shared)
