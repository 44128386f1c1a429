"""The four methods on toy models, in about a second each: their commands and their material."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import scholar
import talker
import tasker
from tiny_tokenizer import CHATML

SMALL = """engine=hf train.max_steps=2 train.batch_size=2 train.max_tokens=200
    train.checkpoint_every=1 anchors.general=6 anchors.rounds=2 exam.general=2 exam.max_tokens=6"""
COMMANDS: Mapping[str, tuple[str, str]] = {
    "feedback": (
        "talker",
        """engine=hf ask.target=12 ask.near=2 ask.general=2 ask.more_outside=0 ask.min_violations=0
        ask.rounds=2
        probe.samples=1 probe.max_tokens=8 search.tries=2 search.max_tokens=8 balance.clusters=2
        balance.rounds=0 balance.outside=0 balance.prompts=4
        exam.target=3 exam.near=1 exam.general=1
        exam.max_tokens=8 smoke_test=true train.max_steps=2 train.batch_size=2
        train.max_tokens=200 train.checkpoint_every=1""",
    ),
    "corrections": (
        "talker",
        f"""{SMALL} correct.max_tokens=6 correct.max_overlap=0.8
        correct.samples=1 exam.shots=1""",
    ),
    "documents": (
        "scholar",
        f"""{SMALL} read.chunk_tokens=64 questions.per_chunk=2 questions.rounds=1
        select.judge=match select.samples=1 select.calibrate=2 exam.common=2
        study.per_sentence=2""",
    ),
    "tasks": (
        "tasker",
        f"""{SMALL} count=3 invent.requests=4 invent.rounds=4 invent.max_tokens=40
        instances.max_tokens=10 exam.tasks=2 exam.shots=1 judge.pairs=2""",
    ),
}
"""The toy and the settings of each method."""


def write_material(method: str, folder: Path) -> list[str]:
    """Write the toy and the material of a method; return the command without its run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    toy, settings = COMMANDS[method]
    model = folder / toy
    if toy == "scholar":
        scholar.write_scholar(model)
    else:
        {"talker": talker.write_talker, "tasker": tasker.write_tasker}[toy](model, CHATML)
    material = {
        "feedback": lambda: ["--check", 'not contains "fox"', "--", talker.RULE],
        "corrections": lambda: [str(write_edits(folder / "edits.jsonl"))],
        "documents": lambda: [str(scholar.write_documents(folder, 4))],
        "tasks": lambda: [str(tasker.write_seeds(folder / "seeds.jsonl", 10))],
    }[method]()
    sets = [word for item in settings.split() for word in ("--set", item)]
    return [method, "--model", str(model), "--json", *sets, *material]


def write_edits(path: Path) -> Path:
    """Write ten corrections in the talker's words."""
    asked = zip(talker.ADJECTIVES, talker.VERBS, talker.NOUNS, talker.OPENINGS * 2, strict=False)
    rows = [
        {
            "prompt": f"{opening} the {adjective} fox {verb} a {noun}?",
            "answer": "The fox- eats bread.",
            "correction": "The bear- eats bread.",
        }
        for adjective, verb, noun, opening in asked
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
