"""Where each token of an answer begins in its text, while the answer grows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from selfteach.models.hf import HfModel
from selfteach.models.pending import decode_answer
from selfteach.text import REPLACEMENT

WINDOW_TOKENS = 16
"""The tokens that are decoded again with each new one. A token's text depends on its neighbors: the
bytes of a character may stand in several, and the first may lose its blank."""


class TokenPlaces:
    """Hold where the tokens of one answer begin in its text.

    A token that completes a character begins where that character does. The token that ends an
    answer has no place, and neither has any behind it.

    Each token is decoded with at most twice WINDOW_TOKENS others, so that an answer takes time in
    proportion to its length.

    Args:
        begun: the token ids of the answer that the prompt begins.
    """

    def __init__(self, hf: HfModel, begun: Sequence[int] = ()) -> None:
        self._hf = hf
        self._begun = begun
        self._places: list[int] = []
        self._next = 0  # where the next token begins
        self._num_read = 0
        self._has_ended = False
        self._first = 0  # the first token that is still decoded
        self._before = 0  # where it begins, as its neighbors read it

    def __getitem__(self, number: int) -> int:
        return self._places[number]

    def read(self, ids: Sequence[int]) -> None:
        """Read the tokens of an answer that are new.

        Args:
            ids: all its tokens so far.
        """
        while self._num_read < len(ids) and not self._has_ended:
            if ids[self._num_read] in self._hf.end_ids:
                self._has_ended = True
                return
            self._places.append(self._next)
            self._num_read += 1
            self._next = max(self._next, self._find_end(ids))

    def find_between(self, start: int, end: int) -> range:
        """Return the numbers of the tokens that begin at `start` or behind it, and before `end`."""
        return range(bisect_left(self._places, start), bisect_left(self._places, end))

    def _find_end(self, ids: Sequence[int]) -> int:
        """Return the length of the text of the tokens read, without an unfinished character."""
        window = ids[self._first : self._num_read]
        known = decode_answer(self._hf, window, () if self._first else self._begun)
        end = self._before + len(known.rstrip(REPLACEMENT))
        if self._num_read - self._first >= 2 * WINDOW_TOKENS:
            self._move_window(ids, known, end)
        return end

    def _move_window(self, ids: Sequence[int], known: str, end: int) -> None:
        """Decode fewer tokens from here on, unless the text ends in an unfinished character."""
        first = self._num_read - WINDOW_TOKENS
        later = self._hf.decode(ids[first : self._num_read])
        if not known.endswith(REPLACEMENT) and not later.endswith(REPLACEMENT):
            self._first = first
            self._before = end - len(later)
