"""`selfteach student`, and what a person is asked where a lesson weakens another one."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from lesson_runs import make_cell, script, write_run
from selfteach import cli
from selfteach.commands import student as body
from selfteach.records import Measure
from selfteach.report.student_card import make_student_card
from selfteach.serve.presence import announce_server, list_servers
from selfteach.students.folder import DATABASE_FILE, describe_student, open_student, read_student
from selfteach.students.gate import LessonRefused
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.state import Lesson, StudentState
from selfteach.students.take_back import switch_lessons

pytestmark = pytest.mark.long


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student of one lesson below students/; the run of another one is in b/."""
    monkeypatch.chdir(tmp_path)
    runs = [write_run(tmp_path / name, f"Do not {name}.", seed) for seed, name in enumerate("ab")]
    student = Path("students/anna")
    with open_student(student, partial(begin_state, runs[0])) as opened:
        add_lesson(opened, runs[0], script())
    return student


def print_of(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command prints on stdout, or on stderr where it fails."""
    capsys.readouterr()
    assert cli.run_command(list(words)) == code
    shown = capsys.readouterr()
    return shown.err if code else shown.out


def test_status_shows_the_open_jobs_of_a_student(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "jobs" not in print_of(capsys, "status")
    book = JobBook(anna)
    waiting = book.add(make_rule_job("Do not b."))
    book.update(book.add(make_rule_job("Do not c.")).id, state="added")
    assert ", jobs waiting: 1" in print_of(capsys, "status")
    (row,) = json.loads(print_of(capsys, "status", "--json"))
    assert [job["id"] for job in row["jobs"]] == [waiting.id]
    assert f"job {waiting.id} is waiting: Do not b." in print_of(capsys, "student", "show", "anna")


def test_jobs_of_a_copied_student_are_named_and_confirmed(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = JobBook(anna).add(make_rule_job("Do not b."))
    assert "came with the folder" not in print_of(capsys, "student", "show", "anna")
    shutil.copytree(anna, anna.with_name("copy"))
    shown = print_of(capsys, "student", "show", "copy")
    assert "1 job came with the folder and not from here; `selfteach student confirm" in shown
    wrong = print_of(capsys, "student", "confirm", "copy", "job-x", code=2)
    assert "'job-x' is no job that waits to be confirmed. `selfteach student show" in wrong
    confirmed = print_of(capsys, "student", "confirm", "copy", job.id)
    assert confirmed == f"job {job.id} is confirmed: Do not b.\n"
    assert "came with the folder" not in print_of(capsys, "student", "show", "copy")
    assert print_of(capsys, "student", "confirm", "copy") == "no job waits to be confirmed\n"
    assert json.loads(print_of(capsys, "student", "confirm", "copy", "--json")) == []


def test_status_shows_the_servers_that_run(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    with announce_server("http://127.0.0.1:8000", str(anna)) as announce:
        announce(["base", "anna"])
        shown = print_of(capsys, "status")
        assert f"http://127.0.0.1:8000 (process {os.getpid()}): base, anna" in shown
        (own,) = (tmp_path / "cache/servers").iterdir()
        facts = json.loads(own.read_text())
        stale = own.with_name("1.json")  # its number belongs to another process today
        stale.write_text(json.dumps({**facts, "pid": 1, "started_s": 0.0}))
        own.with_name("2.json").write_text("torn")
        assert [server["pid"] for server in list_servers()] == [os.getpid()]
        assert not stale.exists()
    assert list_servers() == []
    assert "http://" not in print_of(capsys, "status")


def test_show_list_and_status_name_the_lessons(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("student", "show", "anna"), ("status", str(anna))):
        shown = print_of(capsys, *words)
        assert "1 lesson, 1 on, base tiny" in shown
        assert re.search(r"on +do-not-a +kept 100 % +Do not a\.", shown)
    for words in (("student", "list"), ("status",), ("status", "students")):
        assert "students/anna: 1 lesson, 1 on" in print_of(capsys, *words)
    (found,) = json.loads(print_of(capsys, "status", "--json"))
    assert found["lessons"][0]["name"] == "do-not-a"


def test_a_damaged_student_hides_no_other(anna: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = anna.with_name("broken")
    broken.mkdir()
    (broken / DATABASE_FILE).write_bytes(b"no database" * 1000)
    shown = print_of(capsys, "student", "list")
    assert "students/anna: 1 lesson, 1 on" in shown
    assert re.search(r"damaged: .*students/broken", shown)
    whole, damaged = json.loads(print_of(capsys, "student", "list", "--json"))
    assert len(whole["lessons"]) == 1
    assert set(damaged) == {"student", "fault"}


def test_the_name_of_a_student_alone_shows_it(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_of(capsys, "student", "anna") == print_of(capsys, "student", "show", "anna")
    shown = print_of(capsys, "student", "bob", code=2)
    assert "no student has this name" in shown
    assert "--student bob" in shown
    assert "No such command 'shwo'" in print_of(capsys, "student", "shwo", "anna", code=2)


def read_row(shown: str, title: str, lesson: str) -> dict[str, str]:
    """Return the cells of a lesson by the headers of the printed table with this title."""
    lines = shown[shown.index(title) :].splitlines()
    header = next(line for line in lines[1:] if line.strip())
    row = next(line for line in lines[1:] if line.split()[:1] == [lesson])
    names = re.split(r"\s{2,}", header.strip())
    places = [*(header.index(name) for name in names), len(row)]
    cells = [row[start:end].strip() for start, end in pairwise(places)]
    return dict(zip(names, cells, strict=True))


SIDE = {
    "needless_alone": Measure(0.1, 0.0, 0.3, 20),
    "needless": Measure(0.25, 0.1, 0.4, 20),
    "near_alone": Measure(1.0, 0.9, 1.0, 20),
    "near": Measure(0.95, 0.8, 1.0, 20),
}


def test_a_stop_after_a_removal_says_what_goes_on(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: script())
    print_of(capsys, "student", "add", "anna", "b")

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("selfteach.commands.student.sit_all", stop)
    shown = print_of(capsys, "student", "remove", "anna", "do-not-b", "--exam", code=130)
    assert "stopped; do-not-b is removed. `selfteach student exam anna` sits" in shown
    monkeypatch.setattr(StudentState, "list_carriers", lambda *given: [find_lesson(anna)])
    monkeypatch.setattr("selfteach.commands.student.retrain_carriers", stop)
    print_of(capsys, "student", "add", "anna", "b")
    shown = print_of(capsys, "student", "remove", "anna", "do-not-b-2", "--retrain", code=130)
    assert "is removed. `selfteach student retrain anna do-not-a` trains again" in shown


def find_lesson(student: Path) -> Lesson:
    """The first lesson of a student."""
    return read_student(student).lessons[0]


def test_the_exams_shown_are_those_of_the_lessons_that_are_on(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those after the second lesson are of another model once that lesson is off."""
    cells = {"do-not-a": make_cell(7)}
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: script(cells))
    print_of(capsys, "student", "add", "anna", "b", "--accept")
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-b"], on=False)
        found = describe_student(anna, opened.state)
    assert (found["exams"]["number"], found["exams"]["change"]) == (1, "added do-not-a")
    assert "exams after 1. added do-not-a" in print_of(capsys, "student", "show", "anna")
    card = make_student_card(found, "", "")
    assert "score 100 %" in card
    assert "# A model with 1 lesson\n" in card
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-b"], on=True)
        switch_lessons(opened, ["do-not-a"], on=False)
        found = describe_student(anna, opened.state)
    assert found["exams"] is None
    shown = print_of(capsys, "student", "show", "anna")
    assert "exams after" not in shown
    assert "not examined since the last change" in shown
    assert "Its exam was not sat among the others." in make_student_card(found, "", "")


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("Qwen/Qwen3-0.6B", ["base_model: Qwen/Qwen3-0.6B", "`Qwen/Qwen3-0.6B`."]),
        ("embedded", ["license: ", "weights packed to four bits"]),
        ("/home/ann/mine", ["## Base\n\na model in a local folder."]),
    ],
)
def test_the_card_of_a_student_names_its_base(base: str, words: list[str], anna: Path) -> None:
    found = describe_student(anna, read_student(anna)) | {"base": base}
    card = make_student_card(found, "", "")
    assert all(word in card for word in words)
    assert "ann/mine" not in card


def test_each_exam_has_a_header_an_interval_and_the_side_effects(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is refused here. Of 8 answers all are kept; `do-not-b` has no such measures."""
    cells = {"do-not-a": replace(make_cell(8), **SIDE)}
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: script(cells))
    shown = print_of(capsys, "student", "add", "anna", "b")
    assert "2  added do-not-b" in shown
    row = read_row(shown, "exams after 2. added do-not-b", "do-not-a")
    assert row.pop("score").startswith("100 % [")
    assert row.pop("points below alone").startswith("0 [")
    assert row == {
        "lesson": "do-not-a",
        "exam": "kept",
        "needless effects": "10 -> 25 %",
        "near not degraded": "100 -> 95 %",
        "drift, nats": "0.010",
        "verdict": "taught",
    }
    assert read_row(shown, "exams after 2. added do-not-b", "do-not-b")["needless effects"] == "–"
    page = (anna / "report.html").read_text()
    assert "needless effects: 10\u202f% → 25\u202f%" in page
    assert "near answers not degraded: 100\u202f% → 95\u202f%" in page


def test_a_refused_lesson_prints_the_same_table(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = script({"do-not-a": replace(make_cell(4), **SIDE)})
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: bad)
    capsys.readouterr()
    assert cli.run_command(["student", "add", "anna", "b"]) == 1
    row = read_row(capsys.readouterr().out, "exams with do-not-b, which is refused", "do-not-a")
    assert row["exam"] == "weakened"
    assert row["points below alone"].startswith("50 [")
    assert row["needless effects"] == "10 -> 25 %"
    assert cli.run_command(["student", "add", "anna", "b", "--json"]) == 1
    refused = json.loads(capsys.readouterr().out)["refused"]
    assert (refused["lesson"], refused["worse"]) == ("do-not-b", ["do-not-a"])
    assert refused["cells"]["do-not-a"]["state"] == "weakened"


def test_off_on_and_remove(anna: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(print_of(capsys, "student", "off", "anna", "do-not-a", "--json"))
    assert found["lessons"][0]["on"] is False
    assert found["adapter"] is None
    print_of(capsys, "student", "on", "anna", "do-not-a")
    assert (anna / "adapter").exists()
    assert 'Did you mean "do-not-a"?' in print_of(
        capsys, "student", "remove", "anna", "do-not-aa", code=2
    )
    print_of(capsys, "student", "remove", "anna", "do-not-a")
    assert read_student(anna).lessons == ()
    assert "no lesson is on" in print_of(capsys, "student", "exam", "anna", code=2)
    assert "fewer than two lessons are on" in print_of(
        capsys, "student", "consolidate", "anna", code=2
    )


def test_accept_without_a_student_is_refused(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = print_of(capsys, "feedback", "Do not hum.", "--accept", "--dry-run", code=2)
    assert "--accept needs --student" in shown


def test_a_student_and_an_earlier_run_exclude_each_other(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("feedback", "Do not hum.", "--student", "bob", "--from", "a", "--dry-run")
    assert "--from and --student exclude each other" in print_of(capsys, *words, code=2)


def test_a_lesson_counts_instead_of_another_one_on_the_command_line(
    anna: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = script({"do-not-a": make_cell(2)})
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: bad)
    refused = print_of(capsys, "student", "add", "anna", "b", code=1)
    assert "The new one: the same command with --instead-of do-not-a." in refused
    words = ("student", "add", "anna", "b", "--instead-of")
    assert 'there is no lesson "x"' in print_of(capsys, *words, "x", code=2)
    assert len(read_student(anna).lessons) == 1
    print_of(capsys, *words, "do-not-a")
    assert [lesson.on for lesson in read_student(anna).lessons] == [False, True]


@pytest.mark.parametrize(
    ("student", "words"),
    [((), "--instead-of needs --student"), (("--student", "anna"), 'there is no lesson "x"')],
)
def test_a_lesson_that_is_not_there_is_found_before_anything_is_taught(
    anna: Path, capsys: pytest.CaptureFixture[str], student: tuple[str, ...], words: str
) -> None:
    said = ("feedback", "Do not hum.", "--instead-of", "x", "--dry-run")
    assert words in print_of(capsys, *said, *student, code=2)


class Terminal(io.StringIO):
    """Typed words."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "choice"),
    [("n\n", "new"), ("what?\nboth\n", "both"), ("o\n", None), ("", None)],
)
def test_in_a_terminal_the_person_decides_which_lesson_counts(
    anna: Path, monkeypatch: pytest.MonkeyPatch, typed: str, choice: str | None
) -> None:
    bad = script({"do-not-a": make_cell(2)})
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: bad)
    add = partial(body.add_lesson, str(anna.resolve()), Path("b"), "b", as_json=True, debug=False)
    if choice is None:
        with pytest.raises(LessonRefused):
            add(accept=False)
        assert len(read_student(anna).lessons) == 1
        return
    assert add(accept=False)["lesson"] == "b"
    assert [lesson.on for lesson in read_student(anna).lessons] == [choice == "both", True]


def test_the_gate_decides_about_all_others_where_the_new_lesson_counts(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It weakens the first lesson, and drifts too far besides: "new" settles the former alone."""
    bad = script({"do-not-a": make_cell(2), "b": make_cell(8, drift=0.04)})
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: bad)
    name = str(anna.resolve())
    add = partial(body.add_lesson, name, Path("b"), "b", as_json=True, debug=False)
    with pytest.raises(LessonRefused, match=r"drift is 0\.040 nats") as refused:
        add(accept=False)
    assert refused.value.worse == []
    assert "with --instead-of do-not-a --accept adds it" in str(refused.value)
    assert len(read_student(anna).lessons) == 1
    add(accept=True, instead_of=["do-not-a"])
    assert [lesson.on for lesson in read_student(anna).lessons] == [False, True]


def test_without_a_terminal_nobody_is_asked(anna: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    refusal = LessonRefused("x", where="", cure="", lesson="b", worse=["a"])
    assert body.ask_which_counts(refusal) is None
