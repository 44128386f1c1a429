"""The overlap filter against rouge_score, in one run: rows a second, and what comparing the same
pairs with rouge_score would take.

python -m bench.overlap [--rows 52000] [--real FILE.jsonl ...] [--largest 1000000 --plot
docs/overlap.svg]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rouge_score.rouge_scorer import RougeScorer

from selfteach.dedup.filter import BLOCK, OverlapFilter
from selfteach.dedup.overlap import rouge_l
from selfteach.files import write_text
from selfteach.report.drawing import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROMPTS = Path(__file__).parent / "prompts"
PAIRS = 4000
GROWTH = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
VERBS = (
    "write",
    "list",
    "explain",
    "describe",
    "compare",
    "summarize",
    "rewrite",
    "translate",
    "classify",
    "suggest",
    "create",
    "name",
)
SHAPES = (
    "{v} a {n} about {n} {n}",
    "{v} {c} ways to {n} a {n} without {n}",
    "what is the {n} of {n} in {n} ?",
    "given a {n} , {v} its {n} and {n}",
    "{v} the following {n} as {n} or {n}",
    "{v} a short {n} in which a {n} meets a {n} and they {n}",
    "how do I {n} my {n} when the {n} is {n} ?",
    "{v} the {n} between {n} and {n} , then {v} {c} {n} of each",
    "you are given {c} {n} ; {v} the one with the most {n}",
    (
        "in this task , you will be given a {n} from a {n} and you need to {v} whether the "
        "{n} is {n} or {n}"
    ),
)
SYLLABLES = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "ar", "en", "ol")]


def read_instructions(files: Sequence[Path] = ()) -> list[str]:
    """The hand-written prompts of the bench, and the instructions of given files."""
    found = [
        line
        for file in sorted(PROMPTS.glob("*.txt"))
        for line in file.read_text("utf-8").splitlines()
        if line.strip()
    ]
    return found + [
        json.loads(line)["instruction"]
        for file in files
        for line in file.read_text("utf-8").splitlines()
    ]


class InstructionWriter:
    """Instructions as a model would write thousands of them: shapes that recur, words by Zipf's
    law, and edits of what is there already.
    """

    def __init__(self, known: Sequence[str], seed: int = 0) -> None:
        self._random, self._known = random.Random(seed), list(known)
        self._nouns: dict[int, str] = {}

    def next(self) -> str:
        """45 % a shape with words, 15 % plain Zipfian text, 40 % an edit of a real instruction or
        of an earlier one.
        """
        draw, turn = self._random, self._random.random()
        if turn < 0.45:
            text = self._shape()
        elif turn < 0.6:
            text = " ".join(self._noun() for _ in range(draw.randint(4, 30)))
        else:
            text = self._edit(draw.choice(self._known))
        if draw.random() < 0.2:
            self._known.append(text)
        return text

    def _noun(self) -> str:
        rank = (
            int(10 * self._random.paretovariate(0.6)) % 2_000_003
        )  # the commonest is one word in eighteen, as in English
        if rank not in self._nouns:
            own = random.Random(rank)
            self._nouns[rank] = "".join(own.choice(SYLLABLES) for _ in range(own.randint(1, 3)))
        return self._nouns[rank]

    def _shape(self) -> str:
        draw = self._random
        parts = draw.choice(SHAPES).split() + (["for", "a", "{n}"] if draw.random() < 0.5 else [])
        words = {
            "{v}": lambda: draw.choice(VERBS),
            "{n}": self._noun,
            "{c}": lambda: str(draw.randint(2, 12)),
        }
        return " ".join(words[part]() if part in words else part for part in parts)

    def _edit(self, text: str) -> str:
        words, draw = text.split(), self._random
        for _ in range(draw.randint(1, len(words) + 1)):
            place = draw.randrange(len(words) + 1)
            words[place : place + draw.randint(0, 2)] = [
                self._noun() for _ in range(draw.randint(0, 2))
            ]
        return " ".join(words)


def make_worst_case(rows: int, seed: int = 0) -> list[str]:
    """The worst case: every text of 12 words, all of them among the same 60 common words."""
    draw = random.Random(seed)
    words = [
        f"{a}{b}"
        for a in "bdgklm"
        for b in ("an", "en", "in", "on", "un", "ar", "er", "ir", "or", "ur")
    ]
    return [" ".join(draw.choices(words, k=12)) for _ in range(rows)]


def measure_ours(texts: Sequence[str], workers: int | None = None) -> dict[str, Any]:
    """Seconds of the filter on texts against themselves, and how many pairs that decides: each text
    with every kept one before it.
    """
    kept, pairs, started, began = 0, 0, time.monotonic(), time.process_time()
    with OverlapFilter(workers=workers) as sieve:
        for start in range(0, len(texts), BLOCK):
            for verdict in sieve.decide(texts[start : start + BLOCK]):
                pairs += kept
                kept += verdict is None
    seconds, cpu = time.monotonic() - started, time.process_time() - began
    return {
        "rows": len(texts),
        "kept": kept,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "pairs": pairs,
    }


def measure_theirs(texts: Sequence[str], pairs: int = PAIRS, seed: int = 0) -> float:
    """Pairs a CPU second of rouge_score on random pairs of the same texts; each of its scores must
    be ours.
    """
    draw, scorer = random.Random(seed), RougeScorer(["rougeL"])
    drawn = [(draw.choice(texts), draw.choice(texts)) for _ in range(pairs)]
    began = time.process_time()
    scores = [scorer.score(one, other)["rougeL"].fmeasure for one, other in drawn]
    cpu = time.process_time() - began
    assert all(
        abs(score - rouge_l(*pair)) < 1e-12 for score, pair in zip(scores, drawn, strict=True)
    )
    return pairs / cpu


def measure_ratio(texts: Sequence[str], reference: float) -> dict[str, Any]:
    """Our figures with the ratio to rouge_score."""
    found = measure_ours(texts)
    pace = found["pairs"] / found["cpu_seconds"]
    return {
        **found,
        "pairs a cpu second": round(pace),
        "ratio to rouge_score": round(pace / reference),
        "peak_mb": _get_peak_mb(),
    }


def _get_peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def draw_figure(measured: Sequence[dict[str, Any]], reference: float) -> str:
    """Return the growth as SVG: CPU seconds of the filter, and of rouge_score on the same pairs."""
    rows = [row["rows"] for row in measured]
    lines = {
        "the filter": [row["cpu_seconds"] for row in measured],
        "rouge_score, from its pairs a second": [row["pairs"] / reference for row in measured],
    }

    def paint(axes: Axes) -> list[tuple[Any, str]]:
        drawn = [axes.loglog(rows, seconds, "o-")[0] for seconds in lines.values()]
        axes.set_xticks(rows, [f"{number:,}" for number in rows])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.10g} s")
        axes.grid(axis="y", alpha=0.3)
        return list(zip(drawn, lines, strict=True))

    return draw(paint, "Seconds against rows, both logarithmic", width=8.5)


def main(
    rows: int = 52_000, real_files: Sequence[Path] = (), largest: int = 0, plot: Path | None = None
) -> None:
    """Measures and prints; `largest` above 0 measures the growth from 1,000 rows to so many, and
    `plot` draws it.
    """
    writer = InstructionWriter(read_instructions(real_files))
    sizes = sorted({rows, *(size for size in GROWTH if size <= largest)})
    texts = [writer.next() for _ in range(sizes[-1])]
    reference = measure_theirs(texts)
    print(json.dumps({"rouge_score, pairs a cpu second": round(reference)}), flush=True)
    measured = []
    for size in sizes:
        measured.append(measure_ratio(texts[:size], reference))
        print(json.dumps({"overlap, instructions": measured[-1]}), flush=True)
    print(
        json.dumps(
            {
                "overlap, all of one length, common words": measure_ratio(
                    make_worst_case(rows), reference
                )
            }
        ),
        flush=True,
    )
    if plot:
        write_text(plot, draw_figure(measured, reference))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--real", type=Path, nargs="*", default=(), dest="real_files")
    parser.add_argument("--largest", type=int, default=0, help="1000000 takes long")
    parser.add_argument("--plot", type=Path)
    main(**vars(parser.parse_args()))
