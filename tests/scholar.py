"""A toy for the road of documents: eight facts, a student who knows none of them but can learn
them, and a teacher who asks well.

The student is a talker (talker.py) with the facts' words in its vocabulary; whatever it is asked,
it says that nobody knows. The teacher is a server on this machine that finds the fact in the prompt
and asks or answers by rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talker import TABLE, even, spaced, write_talker

FACTS = {
    "Fox": "Sweden",
    "Bear": "Canada",
    "Crow": "Egypt",
    "Hare": "Peru",
    "Wolf": "India",
    "Goat": "Kenya",
    "Swan": "Chile",
    "Toad": "Japan",
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ "
    "message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SENTENCE, WHERE, WHICH = (
    "The {} always lives in {}.",
    "Where does the {} live today?",
    "Which animal lives in {} today?",
)
PEOPLE = "Where does live today? the {}"
_WORDS = sorted(
    {word for text in (SENTENCE, WHERE, WHICH, PEOPLE) for word in re.findall(r"\w+[?]?|[.]", text)}
)
STUDENT = {
    **TABLE,
    "\n": {"Nobody": 1.0},
    "Nobody": {" knows": 1.0},
    "Answer:": {" Nobody": 1.0},
    " Nobody": {" knows": 1.0},
    " knows": {".": 1.0},
    ".": {"<|im_end|>": 1.0},
    "The": even(
        spaced(list(FACTS))
    ),  # it knows how the sentences go, and not which animal lives where
    **{f" {animal}": {" always": 1.0} for animal in FACTS},
    " always": {" lives": 1.0},
    " lives": {" in": 1.0},
    " in": even(
        spaced(list(FACTS.values())[1:])
    ),  # the first country it would not guess: a test looks whether it was forgotten
    **{f" {country}": {".": 1.0} for country in FACTS.values()},
    "#": dict.fromkeys(
        [
            *_WORDS,
            *(f" {w}" for w in (*_WORDS, *FACTS, *FACTS.values())),
            *(f" {a}?" for a in FACTS),
            "The",
        ],
        1.0,
    ),
}


def write_scholar(folder: Path) -> Path:
    """The student's model folder. It reads a prompt as a bag of words: its attention looks
    everywhere alike, so that what it learns does not hang on where rounding lets it look. So people
    may ask in any order."""
    from safetensors.torch import load_file, save_file

    path = write_talker(folder, TEMPLATE, STUDENT) / "model.safetensors"
    weights = load_file(path)
    for name, weight in weights.items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.zero_()
    save_file(weights, path, {"format": "pt"})
    return folder


def write_documents(folder: Path, count: int = len(FACTS), questions: bool = True) -> Path:
    """A file of documents, each with two facts and people's questions about them."""
    pairs = list(FACTS.items())[:count]
    rows: list[dict[str, Any]] = []
    for start in range(0, len(pairs), 2):
        own = pairs[start : start + 2]
        row: dict[str, Any] = {
            "id": str(start),
            "title": "animals",
            "text": " ".join(SENTENCE.format(a, c) for a, c in own),
        }
        if questions:
            row["questions"] = [{"question": PEOPLE.format(a), "answer": c} for a, c in own]
        rows.append(row)
    path = folder / "animals.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def said(prompt: str) -> str:
    """What the teacher says."""
    if found := re.search(
        r"One sentence of it is: (.*)\nWrite a question .* the answer: (.*)\n", prompt
    ):
        sentence, short = found.groups()
        animal, country = next(
            (a, c) for a, c in FACTS.items() if SENTENCE.format(a, c) == sentence
        )
        return WHERE.format(animal) if short == country else WHICH.format(country)
    asked = prompt.rsplit(": ", 1)[-1]
    for animal, country in FACTS.items():
        if asked in (WHERE.format(animal), WHICH.format(country)):
            brief = country if asked.startswith("Where") else f"The {animal}"
            return brief if "fewest words" in prompt else SENTENCE.format(animal, country)
    return "I do not know."


@contextmanager
def teacher() -> Iterator[Any]:
    """The teacher, while its server runs: its `address`, and the `draws` that it was asked for."""
    from hostile import Call, answer, hostile

    def behave(call: Call) -> None:
        answer(said(call.last), usage=None)(call)

    with hostile(behave) as server:
        yield server


SETS = """engine=hf read.chunk_tokens=64 questions.per_chunk=4 questions.rounds=2 select.judge=match select.samples=2 select.calibrate=4
    anchors.general=10 anchors.rounds=3 anchors.anchor_tokens=6 exam.general=4 exam.common=4 exam.max_tokens=10
    train.max_tokens=120 train.learning_rate=0.006
    train.lora.rank=32 train.lora.alpha=32 train.batch_size=16 train.epochs=30 train.checkpoint_every=0 study.per_sentence=8
    train.beta=0.1 study.backwards=false study.clauses=false stages.pairs=true
    train.weights={"pair":{"sft":1.0},"general":{"anchor":4.0}}"""


def lesson(model: Path, documents: Path, out: Path, *more: str) -> list[str]:
    """The command line that teaches the facts in some seconds. `more` comes last, so that it wins."""
    sets = [word for item in SETS.split() for word in ("--set", item)]
    return [
        "documents",
        str(documents),
        "--model",
        str(model),
        "--out",
        str(out),
        "--json",
        *sets,
        *more,
    ]
