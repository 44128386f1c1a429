"""The tokens that a correction changed, by the alignment of the two answers' tokens."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Levenshtein

EditMask = tuple[bool, ...]


def mark_edited_tokens(chosen: Sequence[int], rejected: Sequence[int]) -> tuple[EditMask, EditMask]:
    """Mark the tokens of the correction, and of the answer that it corrects, that belong to an
    edit.

    An edit is a stretch between two stretches that the answers share in a shortest alignment. If
    words were only added or only removed, the edit is empty on one side. The next token on that
    side then belongs to the edit, because there the answers begin to differ. A correction that ends
    earlier therefore trains its end of turn. Only the first of the removed tokens belongs to the
    edit: the others follow from it, and each of them would become unlikely everywhere.

    Shapes: (T',), (T,) token ids -> (T',), (T,). Both are all false if the answers are equal.
    """
    flags = [False] * len(chosen), [False] * len(rejected)
    for kept, dropped in _iterate_edits(chosen, rejected):
        _mark_stretch(flags[0], kept)
        _mark_stretch(flags[1], dropped if kept else dropped[:1])
    return tuple(flags[0]), tuple(flags[1])


def mark_replaced_tokens(chosen: Sequence[int], rejected: Sequence[int]) -> EditMask:
    """Mark every token of an answer that its correction replaces or removes, and the token before
    which it adds words.

    `mark_edited_tokens` chooses what is trained, so it marks only the first of the removed tokens.

    Shapes: (T',), (T,) token ids -> (T,). All false if the answers are equal.
    """
    flags = [False] * len(rejected)
    for _, dropped in _iterate_edits(chosen, rejected):
        _mark_stretch(flags, dropped)
    return tuple(flags)


def _mark_stretch(flags: list[bool], stretch: range) -> None:
    """Mark the tokens of a stretch; in place of an empty one, the next token if there is one."""
    stop = max(stretch.stop, stretch.start + 1)
    for place in range(stretch.start, min(stop, len(flags))):
        flags[place] = True


def _iterate_edits(chosen: Sequence[int], rejected: Sequence[int]) -> Iterator[tuple[range, range]]:
    """Yield the range of each edit in both answers. Adjacent replacements, insertions and deletions
    are one edit.
    """
    steps = Levenshtein.opcodes(rejected, chosen)
    for is_equal, group in itertools.groupby(steps, key=lambda step: step.tag == "equal"):
        if not is_equal:
            edits = list(group)
            first = edits[0]
            last = edits[-1]
            yield range(first.dest_start, last.dest_end), range(first.src_start, last.src_end)
