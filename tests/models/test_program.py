"""A program as teacher: what it receives, what is believed of it, and how it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from selfteach.errors import EndpointError, UsageError
from selfteach.models.remote import teacher_program
from selfteach.models.remote.teacher_program import BAD_LINE, Program
from selfteach.records import Message, Request, SamplingParams, digest

ASKED = [
    Request(
        "correct",
        (
            Message("user", "Tea?"),
            Message("assistant", f"A color {n}; $(touch owned)\n\u2028"),
            *more,
        ),
        SamplingParams(0.0),
        0,
    )
    for n, more in enumerate([(), (Message("user", "too long"),)])
]


def program(folder: Path, body: str) -> Program:
    (folder / "teacher.py").write_text(
        "import json, sys\nrows = [json.loads(line) for line in sys.stdin]\n" + body
    )
    return Program(f"cmd:{sys.executable} {folder / 'teacher.py'}")


def test_it_sees_question_answer_and_criticism_and_answers_in_any_order(tmp_path: Path) -> None:
    teacher = program(
        tmp_path,
        "for r in reversed(rows): print(json.dumps({'id': r['id'], 'correction': json.dumps(r)}))",
    )
    found = {completion.id: json.loads(completion.text) for completion in teacher.stream(ASKED)}
    received = [found[request.id(teacher.fingerprint)] for request in ASKED]
    assert [row["prompt"] for row in received] == [[{"role": "user", "content": "Tea?"}]] * 2
    assert [row["answer"].split(";")[0] for row in received] == ["A color 0", "A color 1"]
    assert [row["feedback"] for row in received] == ["", "too long"]
    assert not (tmp_path / "owned").exists()
    assert teacher.failures == []


def test_a_word_longer_than_any_file_name_is_only_a_word(tmp_path: Path) -> None:
    short = program(tmp_path, "")
    long = Program(f"{short.name} {'x' * 5000}")
    assert long.fingerprint != short.fingerprint


def test_files_that_its_command_names_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def count(parts: object) -> str:
        made.append(parts)
        return digest(parts)

    monkeypatch.setattr(teacher_program, "digest", count)
    teacher = program(
        tmp_path,
        "for r in rows: print(json.dumps({'id': r['id'], 'correction': 'x'}))",
    )
    assert len(list(teacher.stream(ASKED))) == len(ASKED)
    assert len(made) == 1


def test_a_mark_of_the_byte_order_before_the_first_line_is_left_out(tmp_path: Path) -> None:
    teacher = program(
        tmp_path,
        "sys.stdout.reconfigure(encoding='utf-8-sig')\n"
        "for r in rows: print(json.dumps({'id': r['id'], 'correction': 'x'}))",
    )
    assert [completion.text for completion in teacher.stream(ASKED)] == ["x", "x"]
    assert teacher.failures == []


def test_what_it_leaves_out_is_a_failure_and_what_nobody_asked_is_ignored(tmp_path: Path) -> None:
    teacher = program(
        tmp_path,
        (
            "print(json.dumps({'id': rows[0]['id'], 'correction': 'A\\u0000B'})); "
            'print(\'{"id": 1, "correction": "x"}\')'
        ),
    )
    assert [completion.text for completion in teacher.stream(ASKED)] == ["A\ufffdB"]
    assert [reason for _, reason in teacher.failures] == ["the program gave no answer"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('Hello!')", "wrote 'Hello!"),
        ("print('[1]')", "which is no"),
        ('print(\'{"id": "a"}\')', "which is no"),
        ("print('x' * (1 << 21))", "which is no"),
        ("while True: print('Loading')", "wrote 'Loading"),
        ("sys.exit('it broke')", "exit code 1: it broke"),
        (
            "sys.stderr.buffer.write(b'working\\n' * 9000 + b'kein Schl\\xfcssel'); sys.exit(3)",
            "exit code 3: kein Schl\ufffdssel",
        ),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9: it wrote no error"),
    ],
)
def test_its_faults_are_reported_with_its_name(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(EndpointError, match="cmd:") as fault:
        list(program(tmp_path, body).stream(ASKED))
    assert why in str(fault.value)


def test_a_line_that_is_no_answer_costs_one_answer_and_is_reported(tmp_path: Path) -> None:
    reported: list[tuple[str, int]] = []
    teacher = program(
        tmp_path,
        "print('x' * (1 << 21))\n"
        "print(json.dumps({'id': rows[0]['id'], 'correction': None}))\n"
        "print(json.dumps({'id': rows[1]['id'], 'correction': 'B'}))",
    )
    teacher = Program(teacher.name, lambda kind, body: reported.append((kind, body["number"])))
    (found,) = teacher.stream(ASKED)
    ids = [request.id(teacher.fingerprint) for request in ASKED]
    assert (found.id, found.text) == (ids[1], "B")
    assert teacher.failures == [(ids[0], "the program gave no answer")]
    assert reported == [(BAD_LINE, 1), (BAD_LINE, 2)]


@pytest.mark.parametrize("command", ["cmd:", "cmd:/no/such/program", "cmd:'open"])
def test_a_command_that_cannot_run_is_refused_at_once(command: str) -> None:
    with pytest.raises(UsageError, match="--teacher"):
        Program(command)


def test_another_program_text_is_another_teacher(tmp_path: Path) -> None:
    before = program(tmp_path, "pass").fingerprint
    assert program(tmp_path, "pass").fingerprint == before
    assert program(tmp_path, "pass  # other").fingerprint != before
