"""Measure the overlap filter against rouge_score in one process: rows per second, and the time that
rouge_score would take for the same pairs.

python -m bench.overlap [--rows 52000] [--real FILE.jsonl ...] [--largest 1000000 --plot
docs/overlap.svg]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rouge_score.rouge_scorer import RougeScorer

from bench.prompt_files import read_all_prompts
from selfteach.dedup.filter import BLOCK, OverlapFilter
from selfteach.dedup.overlap import rouge_l
from selfteach.files import write_text
from selfteach.report.drawing import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
TEMPLATES = (
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
    """Return the hand-written prompts of the bench, and the instructions of JSONL files."""
    found = read_all_prompts()
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            found.append(json.loads(line)["instruction"])
    return found


class InstructionWriter:
    """Write instructions as a model writes thousands of them: recurring templates, words by Zipf's
    law, and edits of earlier instructions.
    """

    def __init__(self, known: Sequence[str], seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._known = list(known)
        self._nouns: dict[int, str] = {}

    def next(self) -> str:
        """Return a filled template (45 %), plain Zipfian text (15 %), or an edit of a real or an
        earlier instruction (40 %).
        """
        rng = self._random
        kind = rng.random()
        if kind < 0.45:
            text = self._fill_template()
        elif kind < 0.6:
            text = " ".join(self._choose_noun() for _ in range(rng.randint(4, 30)))
        else:
            text = self._edit(rng.choice(self._known))
        if rng.random() < 0.2:
            self._known.append(text)
        return text

    def _choose_noun(self) -> str:
        # the most common noun is one word in eighteen, as in English
        rank = int(10 * self._random.paretovariate(0.6)) % 2_000_003
        if rank not in self._nouns:
            own = random.Random(rank)
            self._nouns[rank] = "".join(own.choice(SYLLABLES) for _ in range(own.randint(1, 3)))
        return self._nouns[rank]

    def _fill_template(self) -> str:
        rng = self._random
        parts = rng.choice(TEMPLATES).split()
        if rng.random() < 0.5:
            parts += ["for", "a", "{n}"]
        choosers: dict[str, Callable[[], str]] = {
            "{v}": lambda: rng.choice(VERBS),
            "{n}": self._choose_noun,
            "{c}": lambda: str(rng.randint(2, 12)),
        }
        return " ".join(choosers[part]() if part in choosers else part for part in parts)

    def _edit(self, text: str) -> str:
        words = text.split()
        rng = self._random
        for _ in range(rng.randint(1, len(words) + 1)):
            place = rng.randrange(len(words) + 1)
            inserted = [self._choose_noun() for _ in range(rng.randint(0, 2))]
            words[place : place + rng.randint(0, 2)] = inserted
        return " ".join(words)


def make_worst_case(rows: int, seed: int = 0) -> list[str]:
    """Return the worst case: texts of 12 words, all of them among the same 60 common words."""
    rng = random.Random(seed)
    endings = ("an", "en", "in", "on", "un", "ar", "er", "ir", "or", "ur")
    words = [f"{start}{ending}" for start in "bdgklm" for ending in endings]
    return [" ".join(rng.choices(words, k=12)) for _ in range(rows)]


def measure_ours(texts: Sequence[str], workers: int | None = None) -> dict[str, Any]:
    """Return the seconds of the filter on texts against themselves, and the number of pairs.

    The pairs are each text with every kept one before it.
    """
    kept = 0
    pairs = 0
    started = time.monotonic()
    cpu_started = time.process_time()
    with OverlapFilter(workers=workers) as overlap_filter:
        for start in range(0, len(texts), BLOCK):
            for verdict in overlap_filter.decide(texts[start : start + BLOCK]):
                pairs += kept
                kept += verdict is None
    seconds = time.monotonic() - started
    cpu = time.process_time() - cpu_started
    return {
        "rows": len(texts),
        "kept": kept,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "pairs": pairs,
    }


def measure_theirs(texts: Sequence[str], pairs: int = PAIRS, seed: int = 0) -> float:
    """Return the pairs per CPU second of rouge_score on random pairs of the same texts.

    Raises:
        AssertionError: a score of rouge_score is not ours.
    """
    rng = random.Random(seed)
    scorer = RougeScorer(["rougeL"])
    sampled = [(rng.choice(texts), rng.choice(texts)) for _ in range(pairs)]
    started = time.process_time()
    scores = [scorer.score(one, other)["rougeL"].fmeasure for one, other in sampled]
    cpu = time.process_time() - started
    for score, pair in zip(scores, sampled, strict=True):
        assert abs(score - rouge_l(*pair)) < 1e-12, pair
    return pairs / cpu


def measure_ratio(texts: Sequence[str], reference: float) -> dict[str, Any]:
    """Return our figures with the ratio to rouge_score."""
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
        curves = [axes.loglog(rows, seconds, "o-")[0] for seconds in lines.values()]
        axes.set_xticks(rows, [f"{number:,}" for number in rows])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.10g} s")
        axes.grid(axis="y", alpha=0.3)
        return list(zip(curves, lines, strict=True))

    return draw(paint, "Seconds against rows, both logarithmic", width=8.5)


def main(
    rows: int = 52_000, real_files: Sequence[Path] = (), largest: int = 0, plot: Path | None = None
) -> None:
    """Measure and print the figures.

    Args:
        rows: how many instructions are compared with each other.
        real_files: JSONL files with instructions, to be edited.
        largest: above 0, measure the growth from 1,000 rows to this number.
        plot: where to write the figure of the growth.
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
    worst = measure_ratio(make_worst_case(rows), reference)
    print(json.dumps({"overlap, all of one length, common words": worst}), flush=True)
    if plot:
        write_text(plot, draw_figure(measured, reference))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--real", type=Path, nargs="*", default=(), dest="real_files")
    parser.add_argument("--largest", type=int, default=0, help="1000000 takes long")
    parser.add_argument("--plot", type=Path)
    main(**vars(parser.parse_args()))
