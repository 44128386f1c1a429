"""The overlap filter: a text is kept when no kept text before it exceeds the threshold in ROUGE-L
F1. Exact, for millions of texts.

Source: Self-Instruct (arXiv 2212.10560, section 2.2), where each new instruction is compared with
all kept ones. `overlap.Overlap` does the same for a few thousand texts and finds the nearest
whatever its likeness; this one finds only what exceeds the threshold.

1. A text equal to a kept one, word for word, is dropped at once.
2. A block of texts is compared with the pool of all that was kept before the block.
3. The block is decided leaf by leaf: compared with what the block has kept so far, then within
itself, from first to last. So a text meets kept ones alone, as if one came after the other, and
nothing depends on the sizes of block and leaf or on the threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from selfteach.dedup.pool import EncodedTexts, OverlapPairs, TextEncoder, TextPool
from selfteach.dedup.rouge import WORD_SPLITTERS, SplitWords, to_exact_fraction

BLOCK, LEAF = 8192, 1024


@dataclass(frozen=True, slots=True)
class SimilarText:
    """The kept text most like a dropped one, the earliest of several: its number among all texts
    seen, and their ROUGE-L F1.
    """

    number: int
    similarity: float


class OverlapFilter:
    """Decides texts in the order in which they come; remembers the kept ones. Texts are numbered
    from 0 as they are seen.

    Args:
        threshold: a text is dropped where its ROUGE-L F1 with a kept one is above this; at 1
            nothing is.
        words: what cuts texts into words, see `rouge.WORDS`.
        workers: threads; by default one for each core. The result does not depend on them.
    """

    def __init__(
        self,
        threshold: float = 0.7,
        words: SplitWords = WORD_SPLITTERS["rouge"],
        workers: int | None = None,
    ) -> None:
        self._threshold, self._words = to_exact_fraction(threshold), words
        self._threads = ThreadPoolExecutor(workers or _count_cores())
        self._coder = TextEncoder()
        self._pool = TextPool(self._threshold, self._threads)
        self._first: dict[str, int] = {}
        self._seen = 0

    def __enter__(self) -> OverlapFilter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def add(self, texts: Sequence[str]) -> None:
        """Keeps texts whatever they are like."""
        self._remember(self._rows(texts))

    def decide(self, texts: Sequence[str]) -> list[SimilarText | None]:
        """For each text None where it is kept, or what it is like where it is dropped."""
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
        verdicts: dict[int, SimilarText] = {}
        unlike_itself = self._threshold < 1
        equal = [
            self._first.get(coded) if unlike_itself and isinstance(coded, str) else None
            for coded in block.coded
        ]
        for number, twin in zip(block.number.tolist(), equal, strict=True):
            if twin is not None:
                verdicts[number] = SimilarText(twin, 1.0)  # 1
        rest = block.take(np.array([twin is None for twin in equal], bool))
        nearest = _NearestKept()
        nearest.note(self._pool.search(rest))  # 2
        kept = self._leaves(rest, nearest)  # 3
        self._remember(kept)
        verdicts |= nearest.found
        return [verdicts.get(number) for number in block.number.tolist()]

    def _leaves(self, rows: EncodedTexts, nearest: _NearestKept) -> EncodedTexts:
        local, kept = TextPool(self._threshold, self._threads), [rows.take(slice(0, 0))]
        for start in range(0, len(rows), LEAF):
            leaf = rows.take(slice(start, start + LEAF))
            nearest.note(local.search(leaf))
            within = TextPool(self._threshold)
            within.add(leaf)
            nearest.finish_stage(within.search(leaf))
            kept.append(
                leaf.take(
                    np.array([number not in nearest.found for number in leaf.number.tolist()], bool)
                )
            )
            local.add(kept[-1])
        return EncodedTexts.join(kept)


class _NearestKept:
    """The nearest kept text of each dropped one."""

    def __init__(self) -> None:
        self.found: dict[int, SimilarText] = {}

    def note(self, pairs: OverlapPairs) -> None:
        """Takes in pairs whose second text is kept."""
        for number, other, similarity in _iterate_pairs(pairs):
            self._note(number, other, similarity)

    def finish_stage(self, pairs: OverlapPairs) -> None:
        """Takes in pairs of undecided texts, from first to last: a pair counts where its first text
        turned out to be kept.
        """
        for number, other, similarity in sorted(_iterate_pairs(pairs)):
            if other < number and other not in self.found:
                self._note(number, other, similarity)

    def _note(self, number: int, other: int, similarity: float) -> None:
        best = self.found.get(number)
        if best is None or (-similarity, other) < (-best.similarity, best.number):
            self.found[number] = SimilarText(other, similarity)


def _iterate_pairs(pairs: OverlapPairs) -> Iterable[tuple[int, int, float]]:
    return zip(
        pairs.asked.tolist(),
        pairs.found.tolist(),
        (2 * pairs.common / pairs.total).tolist(),
        strict=True,
    )


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
