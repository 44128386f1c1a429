"""Which tokens a correction changed, by the alignment of the two answers' tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Levenshtein

EditMask = tuple[bool, ...]


def mark_edited_tokens(chosen: Sequence[int], rejected: Sequence[int]) -> tuple[EditMask, EditMask]:
    """For each token of the correction, and of the answer that it corrects, whether it belongs to
    an edit.

    An edit is a stretch between two stretches that the answers share in a shortest alignment. Where
    it is empty on one side (words were only added, or only taken away), the token that stands there
    instead belongs to it: the place where the two answers part. So a correction that ends earlier
    teaches its end of turn. Of what was only taken away the first token belongs to it: the rest
    follows from that, and to make each of its words unlikely would teach against them everywhere.

    Shapes: (T',), (T,) token ids -> (T',), (T,). Both are all false where the answers are equal.
    """
    flags = [False] * len(chosen), [False] * len(rejected)
    for kept, dropped in _iterate_edits(chosen, rejected):
        dropped = dropped if kept else dropped[:1]
        for side, stretch in zip(flags, (kept, dropped), strict=True):
            stop = max(
                stretch.stop, stretch.start + 1
            )  # an empty stretch takes in the token that stands there instead
            for place in range(stretch.start, min(stop, len(side))):
                side[place] = True
    return tuple(flags[0]), tuple(flags[1])


def _iterate_edits(chosen: Sequence[int], rejected: Sequence[int]) -> Iterator[tuple[range, range]]:
    """The places of each edit in both answers: replacements, insertions and deletions that touch
    are one.
    """
    now: tuple[range, range] | None = None
    for step in Levenshtein.opcodes(rejected, chosen):
        if step.tag == "equal":
            if now:
                yield now
            now = None
            continue
        here = range(step.dest_start, step.dest_end), range(step.src_start, step.src_end)
        now = (
            (range(now[0].start, here[0].stop), range(now[1].start, here[1].stop)) if now else here
        )
    if now:
        yield now
