"""The readers of users' files, and of files that a command reads back, and damage for them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from documents import write_docx, write_pdf
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from safetensors.torch import save

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import fixture

from selfteach.commands.answer import read_prompt_rows
from selfteach.config import FeedbackConfig, load_yaml, resolve
from selfteach.errors import SelfteachError
from selfteach.files import read_jsonl
from selfteach.materials.corrections import read_corrections, read_prompts
from selfteach.materials.documents import child, questions
from selfteach.materials.documents.markup import read_html, read_markdown
from selfteach.materials.documents.read import ReadDocuments, read_documents
from selfteach.materials.examples import read_examples
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.tasks import read_tasks
from selfteach.methods import estimate_cost
from selfteach.methods.earlier_exam import list_entries
from selfteach.methods.lesson_record import read_lesson_record
from selfteach.models.check_safety import check_adapter, check_model_folder
from selfteach.models.hf import HfModel
from selfteach.models.kept_engine import read_facts
from selfteach.models.load_adapter import load_adapter
from selfteach.models.load_tokenizer import load_chat_tokenizer
from selfteach.models.lora_layers import read_lora_layers
from selfteach.models.memory_account import PipelineMemory
from selfteach.models.remote.http_client import EndpointConnection
from selfteach.models.remote.retry import RequestRefused, TransientError
from selfteach.models.remote.teacher_program import _parse_reply
from selfteach.records import Example, Measure
from selfteach.report.card import make_adapter_card
from selfteach.report.page import write_report
from selfteach.run.finished import read_base_name, read_exam
from selfteach.run.ledger import Ledger
from selfteach.run.progress import read_status
from selfteach.run.verify import verify_run
from selfteach.serve import presence
from selfteach.students.exam_models import ExamSource
from selfteach.students.folder import DATABASE_FILE, read_student
from selfteach.students.job_runner import read_lesson_name
from selfteach.students.jobs import Job, JobBook, list_open_jobs
from selfteach.students.sit_again import read_recorded_exam
from selfteach.students.state import Cell, Lesson, StudentState
from selfteach.train.checkpoint import read_newest_checkpoint, write_checkpoint
from selfteach.train.metrics_file import MetricsFile
from talker import write_talker
from tiny_tokenizer import CHATML, tiny_tokenizer

MAX_INPUT_S = 5.0
"""Processor time that one input may take."""


@dataclass(frozen=True)
class Reader:
    """A file that is read: its name, what may stand in it, how it is read, and how many inputs
    `make test-all` tries.
    """

    file: str
    good: bytes
    read: Callable[[Path], object]
    inputs: int = 10_000


def as_lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


EDIT = {"prompt": "Tea?", "answer": "A color.", "correction": "A colour.", "messages": []}
TASK = {"instruction": "Add.", "input": "1 1", "output": "2", "instances": [{"output": "2"}]}
PAIR = {"prompt": "Tea?", "completion": "Yes.", "chosen": "Yes.", "rejected": "No.", "kind": "x"}
TALK = {"messages": [{"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "No."}]}
ASK = {"messages": TALK["messages"][:1]}
ASKED = {"question": "Who?", "answer": "Ann.", "answers": ["Ann."], "document": "1", "id": "1"}
EXAM = fixture.make_exam()
EXAMPLE = {"id": "1", "kind": "x", "prompt": "Tea?", "chosen": TALK["messages"][1:], "source": {}}
REPLY = {
    "model": "m",
    "usage": {"completion_tokens": 1, "prompt_tokens": 3},
    "choices": [
        {
            "message": {"content": "Tea."},
            "finish_reason": "stop",
            "logprobs": {"content": [{"top_logprobs": [{"token": "Tea", "logprob": -0.5}]}]},
        }
    ],
}
SERVER = {"pid": 1, "started_s": 1.0, "address": "x", "models": ["base"], "student": ""}
MEMORY = json.dumps(vars(PipelineMemory(1, 2, 3, 4, 5, 6, 7, True))).encode()
LORA_SETTINGS = json.dumps(
    {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}
).encode()
TENSORS_FILE = "adapter_model.safetensors"
SIDES = {"A": torch.zeros(1, 4), "B": torch.zeros(4, 1)}
LORA_TENSORS = save({f"base_model.model.q_proj.lora_{side}.weight": SIDES[side] for side in SIDES})
CHECKPOINT = (lambda: {"w": torch.zeros(2)}, dict, lambda: {"torch": torch.zeros(8)})


def skip_bad(read: Callable[..., object]) -> Callable[[Path], object]:
    """Leave bad rows out, so that more of the reader runs."""
    return partial(read, skip=True, max_bad_share=1.0)


def read_text(read: Callable[[str], object], path: Path) -> object:
    return read(path.read_bytes().decode("utf-8", "replace"))


def read_checkpoints(path: Path) -> object:
    write_checkpoint(path.parent / "checkpoints", "mine", 2, CHECKPOINT, {})
    damaged = path.parent / "checkpoints" / "step-000002" / path.name
    damaged.write_bytes(path.read_bytes())
    return read_newest_checkpoint(path.parent / "checkpoints", "mine", lambda *event: None)


def read_back(read: Callable[[Path], object], path: Path) -> object:
    """Read a file of a run folder that has a ledger."""
    if not (path.parent / "run.db").exists():
        Ledger(path.parent / "run.db").close()
    return read(path.parent)


def read_cost(path: Path) -> object:
    """Read what a run took, as `exam` does and as the report does."""
    (path.parent / "exam.json").write_text(json.dumps(EXAM))
    write_report(path.parent)
    return read_back(read_exam, path)


def read_earlier(path: Path) -> object:
    """Read the exam of a run that another one continues."""
    (path.parent / "config.yaml").write_text("exam:\n  max_tokens: 5\n")
    return list_entries(path.parent)


def make_lesson() -> bytes:
    """Return the record of a lesson, with an exam of each kind of judge and teacher."""
    cases = json.loads((Path(__file__).parents[1] / "methods/exams_format_1.json").read_text())
    exam = cases[-2]["record"]
    exam["questions"]["target"] = exam["questions"]["target"][:8]
    training = {"objectives": {"correction": {"sft": 1.0}}, "settings": {}}
    return json.dumps({"base": "1", "tuned": "2", "exam": exam, "training": training}).encode()


def read_lesson(path: Path) -> object:
    """Read the record of a lesson, and the exam in it."""
    record: Any = read_back(read_lesson_record, path)
    source = ExamSource("x", "corrections", path.parent, path.parent)
    base: Any = SimpleNamespace(
        model=None, base=None, open_teacher=None, config=SimpleNamespace(seed=0)
    )
    return read_recorded_exam(source, record, base)


def open_ledger(path: Path) -> None:
    for tail in ("-wal", "-shm"):
        path.with_name(path.name + tail).unlink(missing_ok=True)
    Ledger(path).close()


def read_reply(path: Path) -> object:
    """Read the body of a server's answer, and what it says of log-probabilities."""
    connection = EndpointConnection("http://localhost:1/v1", "", 1.0, 1 << 20)
    with contextlib.suppress(TransientError, RequestRefused):
        return connection.parse_reply(
            connection._parse_object(path.read_bytes()), may_be_empty=True
        )
    return None


def read_program_lines(path: Path) -> object:
    """Read what a teacher's program prints."""
    lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    return [_parse_reply(line) for line in lines]


def read_note_of_engine(path: Path) -> object:
    """Read what is noted beside an engine's file; a damaged note is as good as none."""
    path.with_suffix(".gguf").write_bytes(b"weights")
    found = read_facts(path.with_suffix(".gguf"))
    return found and (int(found["context_tokens"]), set(found["end_ids"]))


def read_model_folder(path: Path) -> object:
    """Read the settings of a model's folder, as every command does before it loads the model."""
    (path.parent / "model.safetensors").write_bytes(b"")
    return check_model_folder(path.parent)


def read_adapter_settings(path: Path) -> object:
    """Read the settings of an adapter, and the base that it names."""
    (path.parent / "adapter_model.safetensors").write_bytes(b"")
    (path.parent / "selfteach.json").write_bytes(path.read_bytes())
    return check_adapter(path.parent, "1"), make_adapter_card(path.parent, path.parent, "Tea.")


def read_steps(path: Path) -> object:
    curve = MetricsFile(path)
    curve.truncate(path.stat().st_size)
    return curve.read()


def read_jobs(path: Path) -> object:
    """Read what is noted of the jobs of a student: one of them is as it should be."""
    book = open_job_book(path.parent)
    with closing(sqlite3.connect(path.parent / DATABASE_FILE)) as db, db:
        text = path.read_bytes().decode("utf-8", "replace")
        db.execute("INSERT OR REPLACE INTO jobs (id, body) VALUES ('2', ?)", (text,))
    return list_open_jobs(path.parent), book.list_jobs(), book.find("2")


def read_database_of_jobs(path: Path) -> object:
    return list_open_jobs(path.parent), JobBook(path.parent).list_jobs()


def open_job_book(student: Path) -> JobBook:
    (student / DATABASE_FILE).touch()
    return JobBook(student)


def read_server_note(path: Path) -> object:
    """Read what a server wrote of itself, as `status` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presence, "get_cache_folder", lambda: path.parents[1])
        return presence.list_servers()


def read_kept_memory(path: Path) -> object:
    """Read the memory that an earlier command counted; a damaged note is as good as none."""
    return estimate_cost.read_kept_memory(path)


def read_adapter_of_a_model(path: Path) -> object:
    """Put a LoRA on a model, as `answer` does, and read its layers, as a server does."""
    folder, module = path.parent, torch.nn.ModuleDict({"q_proj": torch.nn.Linear(4, 4)})
    for name, good in (("adapter_config.json", LORA_SETTINGS), (TENSORS_FILE, LORA_TENSORS)):
        if not (folder / name).exists():
            (folder / name).write_bytes(good)
    with contextlib.suppress(SelfteachError):
        read_lora_layers(module, folder)
    return load_adapter(torch.nn.ModuleDict({"q_proj": torch.nn.Linear(4, 4)}), folder)


def read_tokenizer(path: Path) -> object:
    """Load a model's tokenizer of which one file is damaged."""
    folder = path.parent
    if not (folder / "config.json").exists():
        (folder / "config.json").write_text('{"model_type": "llama"}')
        (folder / "model.safetensors").write_bytes(b"")
        tiny = tiny_tokenizer()
        damaged = path.read_bytes()
        tiny.save_pretrained(folder)
        path.write_bytes(damaged)
    return load_chat_tokenizer(str(folder))


def read_weights(path: Path) -> object:
    """Load a model with any weights."""
    folder = path.parent
    if not (folder / "config.json").exists():
        damaged = path.read_bytes()
        write_talker(folder, CHATML)
        path.write_bytes(damaged)
    return HfModel.load(folder, dtype="float32", device="cpu")


def read_in_process(kind: str, path: Path) -> object:
    """Parse a document where a child would: it may raise anything but what ends the parent."""
    with contextlib.suppress(Exception):
        return child._parse_file(kind, path)
    return None


def make_document(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "file"))
        return Path(folder, "file").read_bytes()


def note_of_engine() -> bytes:
    facts = {"format": 1, "bytes": 7, "context_tokens": 5, "end_ids": [1, 2]}
    return json.dumps(facts | {"sha256": hashlib.sha256(b"weights").hexdigest()}).encode()


def make_student() -> bytes:
    """Return the state of a student with a lesson and its exam."""
    lesson = Lesson("tea", "feedback", "Tea.", "1" * 8, "2" * 8, "runs/tea")
    measure = Measure(0.5, 0.4, 0.6, 10)
    cell = Cell("kept", measure, measure, None, 0.1)
    state = StudentState("base", "1", (lesson,)).record("add tea", {"tea": cell})
    return json.dumps(state.to_json()).encode()


def make_jobs() -> bytes:
    """Return the database of a student with a job."""
    with tempfile.TemporaryDirectory() as folder:
        open_job_book(Path(folder)).add(Job("job-0123456789ab", "rule", "Tea.", "waiting"))
        return Path(folder, DATABASE_FILE).read_bytes()


def make_tokenizer(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        tiny_tokenizer().save_pretrained(folder)
        return Path(folder, name).read_bytes()


def make_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder, "run.db"))
        ledger.record_answers([("1", {"text": "x"})])
        ledger.close()
        return Path(folder, "run.db").read_bytes()


READERS = {
    "lines": Reader("rows.jsonl", as_lines(EDIT), lambda path: list(read_jsonl(path))),
    "corrections": Reader("rows.jsonl", as_lines(EDIT, EDIT | TALK), skip_bad(read_corrections)),
    "corrections as JSON": Reader(
        "rows.json", json.dumps([EDIT]).encode(), skip_bad(read_corrections)
    ),
    "corrections as CSV": Reader(
        "rows.csv", b"prompt,answer,correction\na,b,c\n", read_corrections
    ),
    "prompts": Reader("rows.jsonl", as_lines(EDIT, ASK), skip_bad(read_prompts)),
    "prompts as text": Reader("rows.txt", b"Tea?\nCake?\n", skip_bad(read_prompts)),
    "tasks": Reader("rows.jsonl", as_lines(TASK, TALK), skip_bad(read_tasks)),
    "examples": Reader("rows.jsonl", as_lines(PAIR, TALK), skip_bad(read_examples)),
    "questions": Reader(
        "rows.jsonl", as_lines(ASKED), lambda path: questions.read_questions(path, ReadDocuments())
    ),
    "rule": Reader("rule.txt", b"Do not talk about foxes.", partial(read_text, read_rule)),
    "HTML": Reader(
        "a.html", b"<h1>Tea</h1><table><tr><td>a</table>", partial(read_text, read_html)
    ),
    "Markdown": Reader(
        "a.md", b"# Tea\n\n* a\n* b\n\n|a|b|\n|-|-|\n", partial(read_text, read_markdown)
    ),
    "YAML": Reader("a.yaml", b"train:\n  epochs: 2\nseed: 1\n", load_yaml),
    "configuration": Reader(
        "a.yaml", b"train:\n  epochs: 2\nseed: 1\n", lambda path: resolve(FeedbackConfig, path)
    ),
    "manifest of a run": Reader(
        "manifest.json", b'{"command": "x", "exports": {}}', partial(read_back, read_status)
    ),
    "sums of a run": Reader(
        "manifest.json", b'{"command": "x", "exports": {}}', partial(read_back, verify_run)
    ),
    "exam": Reader("exam.json", json.dumps(EXAM).encode(), partial(read_back, read_exam)),
    "cost": Reader("cost.json", b'{"seconds": 1.0, "stages": {"load": 1.0}}', read_cost, 1000),
    "report": Reader(
        "exam.json", json.dumps(EXAM).encode(), partial(read_back, write_report), 1000
    ),
    "curve": Reader(
        "metrics.jsonl", as_lines({"step": 1, "loss": 1.0}), partial(read_back, write_report), 1000
    ),
    "checkpoint": Reader("manifest.json", b'{"identity": "mine", "sha256": {}}', read_checkpoints),
    "ledger": Reader("run.db", make_ledger(), open_ledger),
    "documents as rows": Reader(
        "a.jsonl", as_lines({"text": "Tea.", "title": "x"}), lambda path: read_documents([path])
    ),
    "documents as text": Reader("a.txt", b"Tea\n\nIs green.", lambda path: read_documents([path])),
    "prompts of answer": Reader("a.jsonl", as_lines({"id": "1", "prompt": "x"}), read_prompt_rows),
    "lines of answer": Reader("a.txt", b"Tea?\nCake?\n", read_prompt_rows),
    "examples of a run": Reader(
        "examples.jsonl",
        as_lines(EXAMPLE),
        lambda path: [Example.from_json(row, where) for where, row in read_jsonl(path)],
    ),
    "base of a run": Reader("config.yaml", b"model: x\n", partial(read_back, read_base_name)),
    "earlier exam": Reader("exam.json", json.dumps(EXAM).encode(), read_earlier),
    "steps of a training": Reader("metrics.jsonl", as_lines({"step": 1, "loss": 1.0}), read_steps),
    "student": Reader("student.json", make_student(), lambda path: read_student(path.parent)),
    "record of a lesson": Reader("lesson.json", make_lesson(), read_lesson, 1000),
    "result of a job": Reader("out.json", b'{"student": {"lesson": "a"}}', read_lesson_name),
    "note of an engine": Reader("a.json", note_of_engine(), read_note_of_engine),
    "model": Reader("config.json", b'{"num_hidden_layers": 2, "x": {"y": []}}', read_model_folder),
    "adapter": Reader(
        "adapter_config.json",
        b'{"peft_type": "LORA", "r": 1, "base_fingerprint": "1"}',
        read_adapter_settings,
    ),
    "job of a student": Reader(
        "job.json",
        json.dumps(vars(Job("job-0123456789ab", "rule", "x", "waiting"))).encode(),
        read_jobs,
    ),
    "jobs of a student": Reader(DATABASE_FILE, make_jobs(), read_database_of_jobs),
    "note of a server": Reader("servers/1.json", json.dumps(SERVER).encode(), read_server_note),
    "memory of a run": Reader("memory.json", MEMORY, read_kept_memory),
    "tensors of an adapter": Reader(TENSORS_FILE, LORA_TENSORS, read_adapter_of_a_model),
    "settings of an adapter": Reader(
        "adapter_config.json", LORA_SETTINGS, read_adapter_of_a_model, 1000
    ),
    "tokenizer": Reader("tokenizer.json", make_tokenizer("tokenizer.json"), read_tokenizer, 1000),
    "settings of a tokenizer": Reader(
        "tokenizer_config.json", make_tokenizer("tokenizer_config.json"), read_tokenizer, 1000
    ),
    "weights": Reader("model.safetensors", save({"x": torch.zeros(2, 2)}), read_weights, 1000),
    "PDF": Reader(
        "a.pdf",
        make_document(lambda path: write_pdf(path, ["Tea is green."])),
        partial(read_in_process, "pdf"),
    ),
    "DOCX": Reader(
        "a.docx",
        make_document(lambda path: write_docx(path, "Tea is green.", "Tea")),
        partial(read_in_process, "docx"),
    ),
    "reply of a server": Reader("reply.json", json.dumps(REPLY).encode(), read_reply),
    "lines of a program": Reader("out.jsonl", as_lines({"correction": "x"}), read_program_lines),
}

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["\ud800", "\0", "<|im_end|>", "x" * 300, "1e400"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def damage(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw a file near a good one: a value of another shape, changed bytes, or any bytes."""
    forms = ["value", "bytes", "cut", "any"]
    if good[:1] not in b"{[":  # a binary file: most damage is inside
        forms = ["bytes", "bytes", "cut", "any"]
    form = draw(st.sampled_from(forms))
    if form == "any":
        return draw(st.binary(max_size=200))
    if form == "cut":
        return good[: draw(st.integers(0, len(good)))]
    if form == "value":
        rows = parse_rows(good)
        if not rows:
            return json.dumps(draw(VALUES)).encode()
        row = draw(st.sampled_from(rows))
        put_elsewhere(draw, row)
        return b"\n".join(json.dumps(row).encode() for row in rows)
    place = draw(st.integers(0, len(good)))
    end = place + draw(st.integers(0, 8))
    return good[:place] + draw(st.binary(min_size=1, max_size=8)) + good[end:]


def parse_rows(good: bytes) -> list[Any]:
    """Return the JSON value of a file, or those of its lines; [] if it is not JSON."""
    for parts in ([good], good.splitlines()):
        with contextlib.suppress(ValueError):
            return [json.loads(part) for part in parts]
    return []


def put_elsewhere(draw: st.DrawFn, row: Any) -> None:
    """Replace a value at any depth of a row."""
    while True:
        keys = list(row) if isinstance(row, dict) else list(range(len(row)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        inside = row[key]
        if isinstance(inside, dict | list) and inside and draw(st.booleans()):
            row = inside
            continue
        row[key] = draw(VALUES)
        return


def try_inputs(reader: Reader, folder: Path, inputs: int, number: int = 0) -> dict[str, Any]:
    """Damage a reader's file many times: each is read, or refused with an error of selfteach.

    Args:
        number: the seed of what is drawn.

    Returns:
        How many inputs were read, how many were refused, and the processor time of the slowest.

    Raises:
        Exception: of any other kind, from the smallest input that was found to raise it.
    """
    path = folder / reader.file
    path.parent.mkdir(exist_ok=True)
    counts = {"read": 0, "refused": 0, "slowest_s": 0.0}

    @seed(number)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damage(reader.good))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        start = time.process_time()
        try:
            reader.read(path)
            counts["read"] += 1
        except SelfteachError:
            counts["refused"] += 1
        seconds = time.process_time() - start
        counts["slowest_s"] = max(counts["slowest_s"], round(seconds, 3))
        assert seconds < MAX_INPUT_S

    check()
    return counts
