"""The overlap filter keeps a text if no earlier kept text exceeds the threshold in ROUGE-L F1.

Source: Self-Instruct (arXiv 2212.10560, section 2.2), where each new instruction is compared with
all kept ones. The filter is exact, for millions of texts. `overlap.OverlapIndex` does the same for
a few thousand texts and finds the nearest text at any similarity; the filter finds only texts above
the threshold.

1. A text equal to a kept one, word for word, is dropped at once.
2. A block of texts is compared with the pool of all texts kept before the block.
3. The block is decided leaf by leaf: each leaf is compared with the kept texts of the block so far,
then with itself, from first to last. So each text is compared with kept texts only, as in a
sequential loop, and the result does not depend on the sizes of block and leaf or on the threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from selfteach.dedup.pool import EncodedTexts, Ints, TextEncoder, TextPool
from selfteach.dedup.rouge import WORD_SPLITTERS, SplitWords, to_exact_fraction
from selfteach.run.processes import get_cores

BLOCK = 8192
LEAF = 1024


@dataclass(frozen=True, slots=True)
class SimilarText:
    """Hold the kept text most similar to a dropped one, the earliest of several.

    `number` counts all texts seen; `similarity` is ROUGE-L F1.
    """

    number: int
    similarity: float


class OverlapFilter:
    """Decide texts in order, and remember the kept ones. Texts are numbered from 0.

    Args:
        threshold: a text is dropped if its ROUGE-L F1 with a kept one is above this; at 1 none is.
        words: splits texts into words, see `rouge.WORD_SPLITTERS`.
        workers: threads; by default one for each core. The result does not depend on them.
    """

    def __init__(
        self,
        threshold: float = 0.7,
        words: SplitWords = WORD_SPLITTERS["rouge"],
        workers: int | None = None,
    ) -> None:
        self._threshold = to_exact_fraction(threshold)
        self._words = words
        self._threads = ThreadPoolExecutor(workers or len(get_cores()))
        self._coder = TextEncoder()
        self._pool = TextPool(self._threshold, self._threads)
        self._first: dict[str, int] = {}
        self._seen = 0

    def __enter__(self) -> OverlapFilter:
        return self

    def __exit__(self, *fault: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def add(self, texts: Sequence[str]) -> None:
        """Keep texts, whether they are new or not."""
        self._remember(self._rows(texts))

    def decide(self, texts: Sequence[str]) -> list[SimilarText | None]:
        """Return None for each kept text, and the most similar kept text for each dropped one."""
        decided: list[SimilarText | None] = []
        for start in range(0, len(texts), BLOCK):
            decided += self._decide(self._rows(texts[start : start + BLOCK]))
        return decided

    def _rows(self, texts: Sequence[str]) -> EncodedTexts:
        self._seen += len(texts)
        return self._coder.rows([self._words(text) for text in texts], self._seen - len(texts))

    def _remember(self, kept: EncodedTexts) -> None:
        self._pool.add(kept)
        for number, coded in zip(kept.number.tolist(), kept.coded, strict=True):
            if coded and isinstance(coded, str):
                self._first.setdefault(coded, number)

    def _decide(self, block: EncodedTexts) -> list[SimilarText | None]:
        nearest = _NearestKept()
        if self._threshold < 1:
            for number, coded in zip(block.number.tolist(), block.coded, strict=True):
                if isinstance(coded, str) and coded in self._first:
                    nearest.found[number] = SimilarText(self._first[coded], 1.0)  # 1
        rest = nearest.drop_found(block)
        nearest.add(self._pool.search(rest))  # 2
        self._remember(self._decide_leaves(rest, nearest))  # 3
        return [nearest.found.get(number) for number in block.number.tolist()]

    def _decide_leaves(self, rows: EncodedTexts, nearest: _NearestKept) -> EncodedTexts:
        local = TextPool(self._threshold, self._threads)
        kept = [rows.take(slice(0, 0))]
        for start in range(0, len(rows), LEAF):
            leaf = rows.take(slice(start, start + LEAF))
            nearest.add(local.search(leaf))
            within = TextPool(self._threshold)
            within.add(leaf)
            nearest.add_undecided(within.search(leaf))
            kept.append(nearest.drop_found(leaf))
            local.add(kept[-1])
        return EncodedTexts.join(kept)


class _NearestKept:
    """Hold the nearest kept text of each dropped one."""

    def __init__(self) -> None:
        self.found: dict[int, SimilarText] = {}

    def drop_found(self, rows: EncodedTexts) -> EncodedTexts:
        """Return the texts without the dropped ones."""
        return rows.take(np.array([n not in self.found for n in rows.number.tolist()], bool))

    def add(self, pairs: Ints) -> None:
        """Add pairs with a kept second text."""
        for number, other, similarity in _iterate_pairs(pairs):
            self._add(number, other, similarity)

    def add_undecided(self, pairs: Ints) -> None:
        """Add pairs of undecided texts, from first to last, if the earlier text is kept."""
        for number, other, similarity in sorted(_iterate_pairs(pairs)):
            if other < number and other not in self.found:
                self._add(number, other, similarity)

    def _add(self, number: int, other: int, similarity: float) -> None:
        best = self.found.get(number)
        if best is None or (-similarity, other) < (-best.similarity, best.number):
            self.found[number] = SimilarText(other, similarity)


def _iterate_pairs(pairs: Ints) -> Iterator[tuple[int, int, float]]:
    for number, other, common, total in pairs.tolist():
        yield number, other, 2 * common / total
