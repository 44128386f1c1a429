"""Measures of a set of invented tasks: distance to the seeds, diversity, length and balance.

Source: Self-Instruct (arXiv 2212.10560, 2.4, figures 2 to 5).
Departs: verb and noun are found by a rule (the first word, and the last word of the noun phrase
that follows it), not by a parser.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from selfteach.dedup.overlap import OverlapIndex, split_words, split_written_words
from selfteach.materials.tasks import Task
from selfteach.records import JsonObject

BINS = 10
NUM_SHOWN = 50
MAX_TWINS = 12
MAX_VERBS = 20
MAX_NOUNS = 4
MIN_TWIN_OVERLAP = 0.4
_BLOCK = 256
_BEFORE = frozenset(
    """
    a an the this that these those my your his her its our their some any each every all both
    following given next two three four five six ten one me us him them list short brief
    simple new good
    """.split()  # noqa: SIM905
)
_AFTER = frozenset(
    """
    of for to in on at by with from about into that which who whose when where while if so and
    or but as than is are was were be can could using between through without within under
    over after before during against do does did will would should has have had not
    """.split()  # noqa: SIM905
)

_LEAD = re.compile(
    r"(?:(?:please|(?:can|could|would) you|you (?:need|have|are asked) to|you(?: are|'re| will "
    r"be)|(?:i )?(?:want|need) you to|help me(?: to)?|in (?:your opinion|this task)),?\s+)+",
    re.I,
)


def inspect_tasks(tasks: Sequence[Task], seeds: Sequence[str], seed: int = 0) -> JsonObject:
    """Return all measures and a sample of the tasks, as JSON."""
    texts = [task.instruction for task in tasks]
    near = [value for value, _ in find_nearest_seeds(texts, seeds)]
    cases = [case for task in tasks for case in task.instances]
    chance = random.Random(f"inspection {seed}")
    shown = chance.sample(list(tasks), min(NUM_SHOWN, len(tasks)))
    return {
        "tasks": len(tasks),
        "instances": len(cases),
        "seeds": len(seeds),
        "nearest_seed": {
            "histogram": count_shares_in_bins(near),
            "mean": sum(near) / len(near) if near else 0.0,
        },
        "verbs": count_verbs(texts),
        "diversity": measure_diversity(texts),
        "lengths": {
            "instruction": summarize_lengths(texts),
            "input": summarize_lengths([c.input for c in cases if c.input]),
            "output": summarize_lengths([c.output for c in cases]),
        },
        "labels": {
            "classification": sum(t.classification is True for t in tasks),
            "other": sum(t.classification is False for t in tasks),
            "with_input": sum(bool(c.input) for c in cases),
            "without_input": sum(not c.input for c in cases),
        },
        "twins": find_twins(texts, seeds),
        "read": [task.to_json() for task in shown],
    }


def find_nearest_seeds(texts: Sequence[str], seeds: Sequence[str]) -> list[tuple[float, str]]:
    """Return the greatest ROUGE-L F1 of each text to a seed, and that seed."""
    pool = OverlapIndex(seeds)
    found = []
    for start in range(0, len(texts), _BLOCK):
        alike = pool.matrix(texts[start : start + _BLOCK])
        found += [
            (float(row.max(initial=0.0)), seeds[int(row.argmax())] if row.size else "")
            for row in alike
        ]
    return found


def count_shares_in_bins(shares: Sequence[float]) -> list[int]:
    """Count values in [0, 1] in BINS bins of equal width."""
    counts, _ = np.histogram(np.asarray(shares, dtype=np.float64), BINS, (0.0, 1.0))
    return [int(n) for n in counts]


def summarize_lengths(texts: Sequence[str]) -> JsonObject:
    """Return quartiles of the words of a text, and counts in at most BINS bins from 1 word on. A
    letter of a script without spaces is a word.

    The bins of `width` words reach up to the 95th percentile; the last one also holds longer texts.
    """
    words = np.array([len(split_written_words(text)) for text in texts] or [0], np.int64)
    low, middle, high, most = (float(q) for q in np.quantile(words, [0.25, 0.5, 0.75, 0.95]))
    width = max(1, math.ceil(most / BINS))
    counts = np.bincount(np.minimum((words[words > 0] - 1) // width, BINS - 1))
    return {
        "histogram": counts.tolist(),
        "width": width,
        "bins": BINS,
        "quartiles": [low, middle, high],
        "n": len(texts),
    }


def find_verb_noun(text: str) -> tuple[str, str]:
    """Return the verb of an instruction and the last word of the noun phrase after it, or "".

    The verb is the first word after "please", "you are" and the like. "Write a short friendly
    message that ..." gives ("write", "message"). This is a rule for English, with errors.
    """
    first = re.split(r"[.!?;:]\s|\n", _LEAD.sub("", text.strip()), maxsplit=1)[0]
    words = [word.strip("\"'()[],.?!;:") for word in re.split(r"\s+|(?<=,)", first.lower())]
    words = [word for word in words if word]
    if not words:
        return "", ""
    phrase: list[str] = []
    for word in words[1:]:
        if word in _AFTER or (phrase and word in _BEFORE):
            break
        if word not in _BEFORE:
            phrase.append(word)
    return words[0], phrase[-1] if phrase and len(phrase) <= 5 else ""


def count_verbs(texts: Sequence[str]) -> list[JsonObject]:
    """Return the most frequent verbs, each with its most frequent nouns."""
    pairs = [find_verb_noun(text) for text in texts]
    counts = Counter(verb for verb, _ in pairs if verb)
    found = []
    for verb, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_VERBS]:
        nouns = Counter(noun for v, noun in pairs if v == verb and noun)
        top = sorted(nouns.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_NOUNS]
        found.append({"verb": verb, "count": count, "nouns": [list(pair) for pair in top]})
    return found


def measure_diversity(texts: Sequence[str]) -> dict[str, float]:
    """Return the number of different verbs and pairs, the entropy in nats, and distinct-2.

    Distinct-2 is the number of different pairs of words over the number of all pairs.
    """
    pairs = Counter(pair for text in texts if (pair := find_verb_noun(text))[0])
    total = pairs.total()
    entropy = -sum(n / total * math.log(n / total) for n in pairs.values()) if total else 0.0
    grams = [gram for text in texts for gram in pairwise(split_words(text))]
    return {
        "verbs": len({verb for verb, _ in pairs}),
        "pairs": len(pairs),
        "entropy_nats": entropy,
        "distinct_2": len(set(grams)) / len(grams) if grams else 0.0,
    }


def find_twins(texts: Sequence[str], seeds: Sequence[str]) -> list[JsonObject]:
    """Return the most similar pairs of a task and an earlier one (or a seed)."""
    everything = OverlapIndex([*seeds, *texts])
    first = len(seeds)
    best: list[tuple[float, int, int]] = []
    least = 0.0
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        alike = everything.matrix(block, cutoff=max(least, MIN_TWIN_OVERLAP))
        own = np.arange(first + start, first + start + len(block))
        alike[np.arange(len(everything)) >= own[:, None]] = 0.0  # the text itself, and later ones
        rows, columns = np.nonzero(alike > least)
        order = np.argsort(-alike[rows, columns], kind="stable")[:MAX_TWINS]
        for row, column in zip(rows[order], columns[order], strict=True):
            best.append((-float(alike[row, column]), start + int(row), int(column)))
        best = sorted(best)[:MAX_TWINS]
        if len(best) == MAX_TWINS:
            least = -best[-1][0]  # a later pair must be more similar
    return [
        {
            "text": texts[i],
            "like": everything.texts[j],
            "of": "seed" if j < first else "task",
            "similarity": round(-value, 4),
        }
        for value, i, j in best
    ]
