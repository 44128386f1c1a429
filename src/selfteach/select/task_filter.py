"""Which invented tasks, and which of their instances, are kept; every refusal has a reason that is
counted.

Source: Self-Instruct (arXiv 2212.10560, 2.2 and `bootstrap_instructions.py`,
`prepare_for_finetuning.py`).
Departs: the blacklist is a setting; a task in another script can be let in; an instance is also
refused where it is like another one. Small models go on with fragments and loops, so a text that
says one sentence twice, or states something and asks for nothing, is refused too, and so is an
output that repeats its instruction (docs/log/); and a program is asked for in more words than
"Write a program".
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfteach.config import FilterConfig
from selfteach.dedup.overlap import OverlapIndex, rouge_l, split_words
from selfteach.judge.conditions import count_words
from selfteach.materials.tasks import Instance

CUT, LIKE_TASK, MORE_THAN_ASKED = "cut off", "like another task", "more than were asked for"
TOO_SHORT, TOO_LONG, BLACKLISTED = "too short", "too long", "on the blacklist"
PUNCTUATION, SCRIPT, PROGRAM = (
    "begins with punctuation",
    "begins with a letter beyond ASCII",
    "asks to write a program",
)
REPEATS_ITSELF, NOTHING_ASKED = "repeats itself", "asks for nothing"
ECHO, EMPTY, COLON, TWO_OUTPUTS, REPEATED, LIKE_INSTANCE, REPEATS_INSTRUCTION = (
    "input equals output",
    "empty output",
    "ends with a colon",
    "same input, two outputs",
    "repeats an instance",
    "like another instance",
    "output repeats the instruction",
)
MIN_COMPARED_WORDS = 8
"""An output without an input is compared with others from so many words on: "yes" is the right
answer to many tasks.
"""
ROUNDING = 1e-9
_PROGRAM = re.compile(
    (
        r"(?:please |you (?:need|have|are asked) to )?write (?:\w+ "
        r"){0,3}(?:program|code|script|function)\b"
    ),
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_STATES = re.compile(r"(?:an?|the|i|he|she|it|they|we|my|his|her|its|our|their|there)\b", re.I)
_ASKS = re.compile(
    r"[?:]|\b(?:you|your|please|let's|help|need to|(?:should|must|needs? to|ha(?:s|ve) to) be)\b",
    re.I,
)


def find_instruction_fault(text: str, config: FilterConfig, *, cut: bool = False) -> str:
    """Why an instruction is no usable task, or "". What it is like is looked at by `NoveltyFilter`."""
    words = count_words(text)
    faults = {
        CUT: cut,
        TOO_SHORT: words < config.min_words,
        TOO_LONG: words > config.max_words,
        BLACKLISTED: bool(find_blacklisted_word(text, config.blacklist)),
        PROGRAM: text.lower().startswith("write a program") or bool(_PROGRAM.match(text)),
        PUNCTUATION: text[:1] in string.punctuation,
        SCRIPT: not config.any_script and not text[:1].isascii(),
        REPEATS_ITSELF: is_repetitive(text),
        NOTHING_ASKED: has_no_request(text),
    }
    return next((reason for reason, found in faults.items() if found), "")


def is_repetitive(text: str) -> bool:
    """Whether a sentence of at least three words stands in the text again."""
    said = [
        " ".join(words)
        for sentence in _SENTENCE.split(text)
        if len(words := split_words(sentence)) > 2
    ]
    return len(set(said)) < len(said)


def has_no_request(text: str) -> bool:
    """Whether every sentence begins with an article or a pronoun and no word asks for anything: "A
    princess and a knight".

    A rule for English. It refuses none of the 427 instructions of Self-Instruct's people.
    """
    return all(
        _STATES.match(sentence) for sentence in _SENTENCE.split(text.strip())
    ) and not _ASKS.search(text)


def find_blacklisted_word(text: str, words: Sequence[str]) -> str:
    """The first word of the list that stands in the text as a word of its own, or in the plural."""
    return next(
        (
            word
            for word in words
            if re.search(rf"(?<!\w){re.escape(word)}(?:s|es)?(?!\w)", text, re.I)
        ),
        "",
    )


@dataclass(frozen=True, slots=True)
class TaskSimilarity:
    """What a text is like: the nearest kept texts with their ROUGE-L F1, the greatest first, and
    the mean over all kept ones.
    """

    most_similar: tuple[tuple[str, float], ...]
    mean: float

    @property
    def nearest(self) -> float:
        """The greatest similarity; 0 where nothing was kept."""
        return self.most_similar[0][1] if self.most_similar else 0.0


class NoveltyFilter:
    """The kept instructions. A text is new where its overlap with every kept one is at most the
    threshold.
    """

    def __init__(self, texts: Sequence[str], threshold: float, shown: int = 10) -> None:
        self._pool, self._threshold, self._shown = OverlapIndex(texts), threshold, shown

    def decide(self, texts: Sequence[str]) -> list[tuple[bool, TaskSimilarity]]:
        """For each text whether it is new, and what it is like; a new one is kept before the next
        is looked at.

        Shapes: overlap with the pool (N, pool), among the texts (N, N).
        """
        against, among = self._pool.matrix(texts), OverlapIndex(texts).matrix(texts)
        known, kept = list(self._pool.texts), list[int]()
        found = []
        for i in range(len(texts)):
            row = np.concatenate([against[i], among[i, kept]])
            first = np.argsort(-row, kind="stable")[: self._shown]
            names = [known[j] if j < len(known) else texts[kept[j - len(known)]] for j in first]
            alike = tuple(
                (name, round(float(row[j]), 6)) for name, j in zip(names, first, strict=True)
            )
            near = TaskSimilarity(alike, round(float(row.mean()), 6) if row.size else 0.0)
            new = bool(row.max(initial=0.0) <= self._threshold + ROUNDING)
            if new:
                kept.append(i)
            found.append((new, near))
        for i in kept:
            self._pool.add(texts[i])
        return found


class InstanceFilter:
    """The kept instances of all tasks."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._inputs, self._outputs = OverlapIndex(), OverlapIndex()
        self._known: set[tuple[str, str, str]] = set()

    def filter_instances(
        self, instruction: str, found: Sequence[Instance], max_instances: int
    ) -> list[tuple[Instance, str]]:
        """Each instance of a task with the reason to drop it, or ""; those without, at most `most`,
        are kept.
        """
        outputs: dict[str, set[str]] = {}
        for case in found:
            outputs.setdefault(case.input, set()).add(case.output)
        told: list[tuple[Instance, str]] = []
        for case in found:
            full = sum(not reason for _, reason in told) >= max_instances
            reason = self._fault(instruction, case, len(outputs[case.input]) > 1) or (
                MORE_THAN_ASKED if full else ""
            )
            if not reason:
                self._known.add((instruction, case.input, case.output))
                self._inputs.add(case.input)
                self._outputs.add(case.output)
            told.append((case, reason))
        return told

    def _fault(self, instruction: str, case: Instance, disputed: bool) -> str:
        faults = {
            EMPTY: not case.output.strip(),
            ECHO: bool(case.input) and case.input == case.output,
            COLON: case.input.rstrip().endswith((":", "："))
            or case.output.rstrip().endswith((":", "：")),
            TWO_OUTPUTS: bool(case.input) and disputed,
            REPEATED: (instruction, case.input, case.output) in self._known,
            REPEATS_INSTRUCTION: rouge_l(instruction, case.output) > self._threshold + ROUNDING,
        }
        reason = next((reason for reason, found in faults.items() if found), "")
        return reason or (LIKE_INSTANCE if self._alike(case) else "")

    def _alike(self, case: Instance) -> bool:
        """Whether one kept instance overlaps with both its input and its output. Where there is no
        input, the outputs decide.
        """
        if not self._outputs.texts or (
            not case.input and len(split_words(case.output)) < MIN_COMPARED_WORDS
        ):
            return False
        outputs = self._outputs.matrix([case.output])[0]
        bare = np.array([0.0 if text else 1.0 for text in self._inputs.texts])
        inputs = self._inputs.matrix([case.input])[0] if case.input else bare
        return bool(
            ((inputs > self._threshold + ROUNDING) & (outputs > self._threshold + ROUNDING)).any()
        )
