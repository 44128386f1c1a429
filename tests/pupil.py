"""A toy that learns from all four kinds of material: it answers requests and invents tasks as the
tasker does, and has the words of the scholar's facts.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import scholar
import tasker
from talker import ADJECTIVES, NOUNS, OPENINGS, VERBS, feedback_command, write_talker

EDITOR = """
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"id": row["id"], "correction": row["answer"].replace("fox-", "bear-")}))
"""
CORRECTION_SETS = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 correct.samples=1
    anchors.general=10 anchors.rounds=3 exam.max_tokens=14 exam.general=4 exam.shots=2
    train.max_tokens=200 train.learning_rate=0.003 train.batch_size=4 train.epochs=3"""
RULES = {"fox": "Do not talk about the fox.", "honey": "Do not mention honey."}


def write_pupil(folder: Path, chat_template: str | None) -> Path:
    """Write the model folder. As the scholar, it reads a prompt as a bag of words."""
    table = {**tasker.TABLE, "#": scholar.SCHOLAR_TABLE["#"]}
    write_talker(folder, chat_template, table, tasker.JOINED)
    scholar.make_attention_even(folder)
    return folder


def make_questions(count: int) -> list[str]:
    """Return different questions in the pupil's words."""
    dice = random.Random(0)
    found: dict[str, None] = {}
    while len(found) < count:
        words = [dice.choice(part) for part in (OPENINGS, ADJECTIVES, NOUNS, VERBS, NOUNS)]
        opening, adjective, noun, verb, other = words
        found[f"{opening} the {adjective} {noun} {verb} a {other}?"] = None
    return list(found)


def list_commands(model: Path, folder: Path, teacher: str, *more: str) -> dict[str, list[str]]:
    """Return a command line for each lesson, by its name.

    Args:
        folder: receives the material and the runs.
        teacher: the address of the scholar's teacher.
        more: options of every command.
    """
    found = {}
    for word, rule in RULES.items():
        check = f'not contains "{word}"'
        found[word] = feedback_command(model, folder / word, *more, rule=rule, check=check)
    editor = folder / "editor.py"
    editor.write_text(EDITOR)
    prompts = folder / "prompts.jsonl"
    rows = [json.dumps({"prompt": question}) for question in make_questions(40)]
    prompts.write_text("\n".join(rows))
    sets = [word for item in CORRECTION_SETS.split() for word in ("--set", item)]
    out = ["--model", str(model), "--out", str(folder / "corrections"), "--json"]
    asked = ["--prompts", str(prompts), "--teacher", f"cmd:{sys.executable} {editor}"]
    found["corrections"] = ["corrections", *out, *sets, *asked, *more]
    documents = scholar.write_documents(folder)
    found["documents"] = scholar.documents_command(
        model, documents, folder / "documents", "--teacher", teacher, *more
    )
    seeds = tasker.write_seeds(folder / "seeds.jsonl")
    found["tasks"] = [*tasker.tasks_command(model, folder / "tasks", *more), str(seeds)]
    return found
