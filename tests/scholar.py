"""A toy for `selfteach documents`: eight facts, a model that does not know them but can learn them,
and a teacher.

The model is a talker (talker.py) with the facts' words in its vocabulary. It answers every question
with "Nobody knows." The teacher is a server on this machine. It finds the fact in the prompt, and
writes questions and answers by rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talker import TABLE, add_spaces, share_evenly, write_talker

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
SENTENCE = "The {} always lives in {}."
WHERE = "Where does the {} live today?"
WHICH = "Which animal lives in {} today?"
PEOPLE = "Where does live today? the {}"
_WORDS = sorted(set(re.findall(r"\w+[?]?|[.]", " ".join([SENTENCE, WHERE, WHICH, PEOPLE]))))
SCHOLAR_TABLE = {
    **TABLE,
    "\n": {"Nobody": 1.0},
    "Nobody": {" knows": 1.0},
    "Answer:": {" Nobody": 1.0},
    " Nobody": {" knows": 1.0},
    " knows": {".": 1.0},
    ".": {"<|im_end|>": 1.0},
    # it knows the form of the sentences, and not which animal lives where
    "The": share_evenly(add_spaces(list(FACTS))),
    **{f" {animal}": {" always": 1.0} for animal in FACTS},
    " always": {" lives": 1.0},
    " lives": {" in": 1.0},
    # it would not guess the first country: a test checks whether it was forgotten
    " in": share_evenly(add_spaces(list(FACTS.values())[1:])),
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
    """Write the model folder.

    The model reads a prompt as a bag of words: its attention is the same everywhere. Its training
    therefore does not depend on rounding, and the words of a question may have any order.
    """
    write_talker(folder, TEMPLATE, SCHOLAR_TABLE)
    make_attention_even(folder)
    return folder


def make_attention_even(folder: Path) -> None:
    """Make every token of a prompt count the same."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    for name, weight in weights.items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.zero_()
    save_file(weights, path, {"format": "pt"})


def write_documents(folder: Path, count: int = len(FACTS), questions: bool = True) -> Path:
    """Write a file of documents, each with two facts and people's questions about them."""
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


def answer_by_rule(prompt: str) -> str:
    """Return the teacher's answer to a prompt."""
    if found := re.search(
        r"One sentence of it is: (.*)\nWrite a question .* the answer: (.*)\n", prompt
    ):
        sentence, short = found.groups()
        animal, country = next(
            (a, c) for a, c in FACTS.items() if SENTENCE.format(a, c) == sentence
        )
        return WHERE.format(animal) if short == country else WHICH.format(country)
    open_book = re.search(r"\nQuestion: (.*)\nAnswer in one sentence\.$", prompt)
    asked = open_book[1] if open_book else prompt.rsplit(": ", 1)[-1]
    for animal, country in FACTS.items():
        if asked in (WHERE.format(animal), WHICH.format(country)):
            brief = country if asked.startswith("Where") else f"The {animal}"
            return brief if "fewest words" in prompt else SENTENCE.format(animal, country)
    return "I do not know."


@contextmanager
def serve_teacher() -> Iterator[Any]:
    """Serve the teacher; yield the server with its `address` and its `completion_calls`."""
    from hostile import Call, answer, hostile

    def behave(call: Call) -> None:
        answer(answer_by_rule(call.last), usage=None)(call)

    with hostile(behave) as server:
        yield server


SETS = """engine=hf read.chunk_tokens=64 questions.per_chunk=4 questions.rounds=2
    select.judge=match select.samples=2 select.calibrate=4 anchors.general=10
    anchors.rounds=3 anchors.anchor_tokens=6 exam.general=4 exam.common=4
    exam.max_tokens=10 train.max_tokens=120 train.learning_rate=0.002 train.lora.rank=32
    train.lora.alpha=32 train.batch_size=16 train.epochs=20 train.checkpoint_every=0
    study.per_sentence=8 train.beta=0.1
    stages.pairs=true train.weights={"pair":{"sft":1.0},"general":{"anchor":4.0}}"""


def documents_command(model: Path, documents: Path, out: Path, *more: str) -> list[str]:
    """Return the command line that teaches the facts in some seconds; `more` overrides it."""
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
