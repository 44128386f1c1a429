"""Selection of invented tasks and of their instances; every refusal has a counted reason.

Source: Self-Instruct (arXiv 2212.10560, 2.2 and `bootstrap_instructions.py`,
`prepare_for_finetuning.py`).
Departs: the blacklist is a setting; a task in another script can be accepted; an instance is
also refused if its input or its output is similar to a kept one, each by itself. Small models write
fragments and loops. So a text that repeats a sentence, or that contains no request, is refused too,
and so is an output that repeats its instruction (docs/log/). More wordings than "Write a program"
count as a program.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from selfteach.config import FilterConfig
from selfteach.dedup.overlap import OverlapIndex, rouge_l, split_words
from selfteach.materials.tasks import Instance
from selfteach.text import count_words

CUT = "cut off"
LIKE_TASK = "like another task"
LIKE_EXAM = "like an input of the exam"
MORE_THAN_ASKED = "more than were asked for"
TOO_SHORT = "too short"
TOO_LONG = "too long"
BLACKLISTED = "on the blacklist"
PUNCTUATION = "begins with punctuation"
SCRIPT = "begins with a letter beyond ASCII"
PROGRAM = "asks to write a program"
REPEATS_ITSELF = "repeats itself"
NOTHING_ASKED = "asks for nothing"
ECHO = "input equals output"
EMPTY = "empty output"
COLON = "ends with a colon"
TWO_OUTPUTS = "same input, two outputs"
REPEATED = "repeats an instance"
LIKE_INSTANCE = "like another instance"
LIKE_INPUT = "input like another input"
LIKE_OUTPUT = "output like another output"
OverlapRule = Literal["each", "both"]
REPEATS_INSTRUCTION = "output repeats the instruction"
MIN_COMPARED_WORDS = 8
"""Words from which on an output is compared by itself: "yes" is right for many tasks."""
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
    """Return why an instruction is no usable task, or ""; `NoveltyFilter` checks similarity."""
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
    """Return whether the text repeats a sentence of at least three words."""
    sentences = [
        " ".join(words)
        for sentence in _SENTENCE.split(text)
        if len(words := split_words(sentence)) > 2
    ]
    return len(set(sentences)) < len(sentences)


def has_no_request(text: str) -> bool:
    """Return whether every sentence begins like a statement, and no word requests anything.

    An example is "A princess and a knight". This is a rule for English.
    It refuses none of the 427 instructions of Self-Instruct's people.
    """
    return all(
        _STATES.match(sentence) for sentence in _SENTENCE.split(text.strip())
    ) and not _ASKS.search(text)


def find_blacklisted_word(text: str, words: Sequence[str]) -> str:
    """Return the first listed word that stands in the text as a whole word, or in the plural."""
    return next(
        (
            word
            for word in words
            if re.search(rf"(?<!\w){re.escape(word)}(?:s|es)?(?!\w)", text, re.I)
        ),
        "",
    )


def is_compared(text: str) -> bool:
    """Return whether a text has enough words to be compared by itself."""
    return len(split_words(text)) >= MIN_COMPARED_WORDS


@dataclass(frozen=True, slots=True)
class TaskSimilarity:
    """Hold the nearest kept texts with their ROUGE-L F1, and the mean over all kept ones."""

    most_similar: tuple[tuple[str, float], ...]
    mean: float

    @property
    def nearest(self) -> float:
        """Return the greatest similarity; 0 without kept texts."""
        return self.most_similar[0][1] if self.most_similar else 0.0


def limit_overlap(threshold: float) -> float:
    """Return the overlap above which two texts are too much alike. Equal ones always are."""
    return min(threshold, 1 - 2 * ROUNDING) + ROUNDING


class NoveltyFilter:
    """Hold the kept instructions.

    A text is new if its overlap with every kept one is at most the threshold, and it is not equal
    to one.
    """

    def __init__(self, texts: Sequence[str], threshold: float, shown: int = 10) -> None:
        self._pool = OverlapIndex(texts)
        self._limit = limit_overlap(threshold)
        self._shown = shown

    def decide(self, texts: Sequence[str]) -> list[tuple[bool, TaskSimilarity]]:
        """Return for each text whether it is new, and its similarity to the kept ones.

        A new text is kept before the next is compared.

        Shapes: overlap with the pool (N, pool), among the texts (N, N).
        """
        against = self._pool.matrix(texts)
        among = OverlapIndex(texts).matrix(texts)
        known = list(self._pool.texts)
        kept: list[int] = []
        found = []
        for i in range(len(texts)):
            row = np.concatenate([against[i], among[i, kept]])
            first = np.argsort(-row, kind="stable")[: self._shown]
            names = [known[j] if j < len(known) else texts[kept[j - len(known)]] for j in first]
            alike = tuple(
                (name, round(float(row[j]), 6)) for name, j in zip(names, first, strict=True)
            )
            near = TaskSimilarity(alike, round(float(row.mean()), 6) if row.size else 0.0)
            new = bool(row.max(initial=0.0) <= self._limit)
            if new:
                kept.append(i)
            found.append((new, near))
        for i in kept:
            self._pool.add(texts[i])
        return found


class InstanceFilter:
    """Hold the kept instances of all tasks.

    Args:
        threshold: the greatest overlap with a kept instance (ROUGE-L); an equal one is always
            dropped.
        rule: `each` drops an instance whose input or whose output overlaps more, `both` only one
            whose input and output overlap more with the same instance.
    """

    def __init__(self, threshold: float, rule: OverlapRule = "each") -> None:
        self._limit = limit_overlap(threshold)
        self._rule = rule
        self._inputs = OverlapIndex()
        self._outputs = OverlapIndex()
        self._known: set[tuple[str, str, str]] = set()

    def hold_out(self, case: Instance) -> None:
        """Keep an instance of the exam, so that no other is like it. A short input tells nothing:
        "5" is an input of many tasks that have nothing else in common.
        """
        self._inputs.add(case.input if is_compared(case.input) else "")
        self._outputs.add(case.output)

    def filter_instances(
        self, instruction: str, found: Sequence[Instance], max_instances: int
    ) -> list[tuple[Instance, str]]:
        """Return each instance of a task with the reason to drop it, or "".

        At most `max_instances` without a reason are kept.
        """
        faults = {case: self._find_form_fault(instruction, case) for case in found}
        outputs: dict[str, set[str]] = {}
        for case, fault in faults.items():
            if not fault:
                outputs.setdefault(case.input, set()).add(case.output)
        judged: list[tuple[Instance, str]] = []
        for case in found:
            full = sum(not reason for _, reason in judged) >= max_instances
            reason = faults[case] or self._find_repeat(
                instruction, case, len(outputs[case.input]) > 1
            )
            if not reason and full:
                reason = MORE_THAN_ASKED
            if not reason:
                self._known.add((instruction, case.input, case.output))
                self._inputs.add(case.input)
                self._outputs.add(case.output)
            judged.append((case, reason))
        return judged

    def _find_form_fault(self, instruction: str, case: Instance) -> str:
        """Return what is wrong with an instance by itself, or ""."""
        faults = {
            EMPTY: not case.output.strip(),
            ECHO: bool(case.input) and case.input == case.output,
            COLON: case.input.rstrip().endswith((":", "："))
            or case.output.rstrip().endswith((":", "：")),
            REPEATS_INSTRUCTION: rouge_l(instruction, case.output) > self._limit,
        }
        return next((reason for reason, found in faults.items() if found), "")

    def _find_repeat(self, instruction: str, case: Instance, disputed: bool) -> str:
        """Return what is wrong with a usable instance beside others, or "".

        Args:
            disputed: whether another usable instance has the same input and another output.
        """
        if case.input and disputed:
            return TWO_OUTPUTS
        if (instruction, case.input, case.output) in self._known:
            return REPEATED
        return self._find_overlap(case)

    def _find_overlap(self, case: Instance) -> str:
        """Return what of an instance overlaps too much with a kept one, or ""."""
        if self._rule == "both":
            return LIKE_INSTANCE if self._overlaps_in_both(case) else ""
        if case.input and self._overlaps(case.input, self._inputs):
            return LIKE_INPUT
        long = is_compared(case.output)
        return LIKE_OUTPUT if long and self._overlaps(case.output, self._outputs) else ""

    def _overlaps(self, text: str, kept: OverlapIndex) -> bool:
        near = kept.nearest(text, self._limit)  # much faster with a bound
        return near.similarity > self._limit

    def _overlaps_in_both(self, case: Instance) -> bool:
        """Return whether one kept instance overlaps with both the input and the output.

        Without an input, the outputs decide.
        """
        if not self._outputs.texts or (not case.input and not is_compared(case.output)):
            return False
        outputs = self._outputs.matrix([case.output])[0]
        bare = np.array([0.0 if text else 1.0 for text in self._inputs.texts])
        inputs = self._inputs.matrix([case.input])[0] if case.input else bare
        return bool(((inputs > self._limit) & (outputs > self._limit)).any())
