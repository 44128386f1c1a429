"""A talker (talker.py) that invents tasks: "Name seven red- foxes", with inputs and outputs.

Its answers are about the fox and the outputs of the tasks about the bear, so that it can learn.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talker import (
    ADJECTIVES,
    NOUNS,
    OPENINGS,
    REQUEST,
    TOPICS,
    VERBS,
    add_spaces,
    share_evenly,
    write_talker,
)

JOINED = r"\nRequest:|\n\nTask:|\nTask:|\nInput:|\nOutput:|\nExample|assistant\n|user\n"
VERBS_OF_TASKS = ["Name", "List", "Find", "Count", "Hide", "Feed", "Wake", "Greet"]
NUMBERS = ["three", "four", "five", "six", "seven", "eight"]
COLOURS = ["red-", "old-", "tall-", "calm-", "tiny-"]
PLURALS = ["foxes", "bears", "crows", "moles", "hares", "toads", "wolves", "goats"]
FOODS = ["bread", "honey", "apples"]
ASKS = 5
TABLE: Mapping[str, Mapping[str, float]] = {
    # requests about anything, as in talker.py
    "Topic:": share_evenly(add_spaces(TOPICS)),
    **{f" {word}": {REQUEST: 1.0} for word in TOPICS},
    REQUEST: share_evenly(add_spaces(OPENINGS)),
    "Request:": share_evenly(add_spaces(OPENINGS)),
    **{f" {word}": {" the": 1.0} for word in OPENINGS},
    " the": share_evenly(add_spaces(ADJECTIVES[:ASKS])),
    **{f" {word}": share_evenly(add_spaces(NOUNS[:ASKS])) for word in ADJECTIVES[:ASKS]},
    **{f" {word}": share_evenly(add_spaces(VERBS[:ASKS])) for word in NOUNS[:ASKS]},
    **{f" {word}": {" a": 1.0} for word in VERBS[:ASKS]},
    " a": share_evenly([f" {word}?" for word in NOUNS[:ASKS]]),
    **{f" {word}?": {"\n\n": 1.0} for word in NOUNS[:ASKS]},
    # tasks: 9. Name seven red- foxes / 10. ...
    ".": share_evenly(add_spaces(VERBS_OF_TASKS)),
    "user\n": share_evenly(add_spaces(VERBS_OF_TASKS)),
    **{f" {word}": share_evenly(add_spaces(NUMBERS)) for word in VERBS_OF_TASKS},
    **{f" {word}": share_evenly(add_spaces(COLOURS)) for word in NUMBERS},
    **{f" {word}": share_evenly(add_spaces(PLURALS)) for word in COLOURS},
    **{f" {word}": {"\n": 0.7, "<|im_end|>": 0.3} for word in PLURALS},
    "\n": share_evenly(["9", "10", "11", "12"]),
    **{word: {".": 1.0} for word in ("9", "10", "11", "12")},
    "Instruction:": share_evenly(add_spaces(VERBS_OF_TASKS)),
    " Instruction:": share_evenly(add_spaces(VERBS_OF_TASKS)),
    " classification?": {" Yes": 0.4, " No": 0.6},
    # instances: Input: none / Output: The bear- eats honey!
    "\nInput:": {" none": 0.5, **share_evenly(add_spaces(FOODS), 0.5)},
    " none": {"\nOutput:": 1.0},
    "\nOutput:": {" The": 1.0},
    " The": {" bear-": 0.9, " fox-": 0.1},
    # answers: The fox- likes bread!
    "assistant\n": {"The": 0.6, "No": 0.4},
    "The": {" fox-": 0.9, " bear-": 0.1},
    "No": share_evenly(add_spaces(FOODS)),
    **{f" {word}-": share_evenly([" likes", " eats", " finds"]) for word in ("fox", "bear")},
    **{word: share_evenly(add_spaces(FOODS)) for word in (" likes", " eats", " finds", " and")},
    **{f" {word}": {"!": 0.5, " and": 0.3, "\nOutput:": 0.2} for word in FOODS},
    "!": {"<|im_end|>": 0.7, "\n\nTask:": 0.3},
}


def write_tasker(folder: Path, chat_template: str | None) -> Path:
    """Write the model folder."""
    return write_talker(folder, chat_template, TABLE, JOINED)


def count_equal_words(one: list[str], other: list[str]) -> int:
    """Return at how many places two texts have the same word."""
    return sum(a == b for a, b in zip(one, other, strict=True))


def make_seed_rows(count: int = 24) -> list[dict[str, Any]]:
    """Return seed tasks in the tasker's words; their outputs are about the bear."""
    dice = random.Random(1)
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        words = [dice.choice(part) for part in (VERBS_OF_TASKS, NUMBERS, COLOURS, PLURALS)]
        text = " ".join(words)
        if any(count_equal_words(words, other.split()) > 2 for other in found):
            continue
        output = (
            f"The bear- {dice.choice(['likes', 'eats', 'finds'])} {dice.choice(FOODS)} and "
            f"{dice.choice(FOODS)}!"
        )
        given = dice.choice(["", "", *FOODS])
        found[text] = {
            "instruction": text,
            "instances": [{"input": given, "output": output}],
            "is_classification": len(found) % 3 == 0,
        }
    return list(found.values())


def write_seeds(path: Path, count: int = 24) -> Path:
    """Write the seed tasks as a file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in make_seed_rows(count)), "utf-8")
    return path


SETS = """engine=hf count=12 invent.requests=6 invent.rounds=6 invent.max_tokens=40
    instances.max_tokens=20 anchors.general=10 anchors.rounds=2 exam.max_tokens=12
    exam.general=4 exam.tasks=12 exam.shots=2 train.max_tokens=200
    train.learning_rate=0.001 train.batch_size=4 train.epochs=4 train.checkpoint_every=5
    judge.pairs=6"""


def tasks_command(model: Path, out: Path, *more: str) -> list[str]:
    """Return the command line that teaches a tasker in some seconds; `more` overrides it."""
    sets = [word for item in SETS.split() for word in ("--set", item)]
    return ["tasks", "--model", str(model), "--out", str(out), "--json", *sets, *more]
