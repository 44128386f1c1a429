"""Finished runs without a training, and students whose exams are scripted.

A run has what a lesson needs of it: a ledger, settings, a LoRA in PEFT's form, an exam, examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from selfteach.config import FeedbackConfig, resolve
from selfteach.models.check_safety import compute_fingerprint
from selfteach.records import JsonObject
from selfteach.run.run_folder import Run, open_run
from selfteach.students.beside import list_seen
from selfteach.students.examine import Examine
from selfteach.students.folder import StudentFolder, open_student
from selfteach.students.gate import ExamScores, compare_exams
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.state import Beside, Cell, Lesson, StudentState
from selfteach.train.adapters.adapter import make_peft_lora_config, write_adapter_folder

BASE = "0" * 64
LAYER = "base_model.model.model.layers.0.self_attn.q_proj"
SIZE = 64
QUESTIONS = 8


def write_lora(
    folder: Path, seed: int, rank: int = 2, alpha: float = 6.0, base: str = BASE
) -> None:
    """Write a random LoRA of one layer of the tiny model."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        f"{LAYER}.lora_A.weight": torch.randn(rank, SIZE, generator=generator),
        f"{LAYER}.lora_B.weight": torch.randn(SIZE, rank, generator=generator),
    }
    about = {"base": "tiny", "base_fingerprint": base}
    settings = make_peft_lora_config(rank, alpha, ["layers.0.self_attn.q_proj"], about)
    write_adapter_folder(folder, tensors, settings, about)


def write_run(
    folder: Path,
    rule: str = "Do not hum.",
    seed: int = 0,
    word: str = "taught",
    harm: str = "",
    base: str = BASE,
    model: str = "tiny",
    engine: str = "auto",
    examples: Sequence[JsonObject] = (),
) -> Path:
    """Write a finished run of a rule; with another seed it has another adapter."""
    options = {"model": model, "seed": seed, "engine": engine}
    resolved = resolve(FeedbackConfig, options=options)
    cells = {"base": {"greedy": "hm", "ok": False}, "tuned": {"greedy": "no", "ok": True}}
    rows = [{"scope": "target", "prompt": f"{rule} {n}", "arms": cells} for n in range(QUESTIONS)]
    with open_run(folder, rule, "feedback", resolved, {"rule": rule}) as run:
        run.bind("base", base)
        write_lora(folder / "made", seed, base=base)
        run.export_copy("adapter", folder / "made")
        run.export_jsonl("examples.jsonl", examples)
        run.export_json(
            "exam.json",
            {
                "method": "feedback",
                "answers": rows,
                "verdict": {
                    "word": word,
                    "sentence": f"{word.capitalize()}: for a test.",
                    "harm": harm,
                },
                "drift": {"kl_nats": {"value": 0.01, "low": 0.0, "high": 0.02, "n": 4}},
            },
        )
        run.ledger.set_note("result", {"run": str(folder), "adapter": "x", "report": "x"})
    return folder


def write_beside(
    student: StudentFolder, others: StudentState, lesson: Lesson, **ignored: object
) -> Lesson:
    """Stand for `train_beside`: another random LoRA, whose place tells beside how many it is."""
    place = f"beside/{lesson.name}-{len(others.list_on())}/adapter"
    with student.place_folder(place) as folder:
        write_lora(folder, seed=40 + len(others.list_on()), base=others.fingerprint)
    adapter_sum = hash_file(student.path / place / "adapter_model.safetensors")
    seen = list_seen(lesson, others.list_on())
    return replace(lesson, beside=Beside(place, adapter_sum, seen))


def write_together(
    student: StudentFolder, lessons: object, run: Run, display: object, **ignored: object
) -> Path:
    """Stand for `train_together`: a random LoRA, without a training."""
    write_lora(run.path / "made", seed=50)
    return run.path / "made"


def make_cell(right: int, drift: float = 0.01) -> Cell:
    """Return the cell of a lesson that keeps `right` of QUESTIONS answers; alone it keeps all."""
    base = [0.0] * QUESTIONS
    alone = ExamScores(base, [1.0] * QUESTIONS, "taught", 0.01)
    answers = [1.0] * right + [0.0] * (QUESTIONS - right)
    word = "taught" if right > 2 else "not learned"
    return compare_exams(alone, ExamScores(base, answers, word, drift))


def script(cells: Mapping[str, Cell] | None = None) -> Examine:
    """Return an examination with these cells; every other lesson keeps all."""

    def examine(student: StudentFolder, state: StudentState) -> dict[str, Cell]:
        with student.compose(state):
            pass
        names = [lesson.name for lesson in state.list_on()]
        return {name: (cells or {}).get(name, make_cell(QUESTIONS)) for name in names}

    return examine


def hash_file(path: Path) -> str:
    """Return the checksum of a file; "" without it."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def hash_adapter(student: Path) -> str:
    """Return the checksum of a student's tensors."""
    return hash_file(student / "adapter" / "adapter_model.safetensors")


def write_student(model: Path, folder: Path, engine: str = "auto") -> Path:
    """Write a student `anna` with one lesson, and return its folder."""
    base = compute_fingerprint(model)
    run = write_run(folder / "a", "Do not a.", base=base, model=str(model), engine=engine)
    with open_student(folder / "anna", partial(begin_state, run)) as opened:
        add_lesson(opened, run, script())
    return folder / "anna"
