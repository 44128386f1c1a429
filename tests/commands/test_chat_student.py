"""`selfteach chat --student`: what is said is a job, and what answers follows the lessons."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_chat_commands import Echo

from lesson_runs import script, write_run
from selfteach import cli
from selfteach.commands import chat, chat_student
from selfteach.commands.answer import AnswerOptions
from selfteach.commands.screen import Screen
from selfteach.records import Completion, Request
from selfteach.run.display import SilentDisplay
from selfteach.students.folder import open_student, read_student
from selfteach.students.jobs import Job, JobBook, make_rule_job
from selfteach.students.lessons import add_lesson, begin_state


class IdleRunner:
    """Work on no job."""

    def __init__(self, book: JobBook, **_: object) -> None:
        pass

    def start(self) -> None:
        """Begin nothing."""

    def close(self) -> None:
        """End nothing."""


@pytest.fixture
def anna(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "a", "Do not a.")
    with open_student(tmp_path / "anna", partial(begin_state, run)) as opened:
        add_lesson(opened, run, script())
    return tmp_path / "anna"


def talk(
    anna: Path, monkeypatch: pytest.MonkeyPatch, *lines: str, config: str = ""
) -> tuple[str, list[Path | None]]:
    """Return what a conversation prints on stderr, and which models were opened for it."""
    opened: list[Path | None] = []

    def open_model(options: AnswerOptions, screen: Screen) -> Any:
        opened.append(options.run)
        return Echo()

    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    monkeypatch.setattr(chat_student, "open_model", open_model)
    monkeypatch.setattr(chat_student, "JobRunner", IdleRunner)
    err = io.StringIO()
    screen = Screen(io.StringIO(), err, SilentDisplay())
    options = AnswerOptions()
    with chat_student.open_taught_student(str(anna), options, screen, config) as taught:
        chat._converse(taught.sampler, options, screen, taught)
    return err.getvalue(), opened


def test_what_is_said_about_the_last_answer_is_taught(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, opened = talk(
        anna,
        monkeypatch,
        "/teach shorter, please",
        "What is rain?",
        "/teach shorter, please",
        "/edit Water.",
        "/rule Answer in one sentence.",
        "/lessons",
    )
    assert "there is no answer yet" in said
    assert '"shorter, please" will be taught' in said
    assert '"Water." is kept: 1 of 8 edits' in said
    assert "on  do-not-a: Do not a." in said
    assert opened == [anna]
    kinds = [job.kind for job in JobBook(anna).list_jobs()]
    assert kinds == ["criticism", "edit", "rule"]
    (row,) = JobBook(anna).list_jobs()[0].material
    assert row["answer"] == "You said: What is rain?"


def test_an_answer_at_its_token_limit_is_taught_as_one_that_was_cut(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Echo.stream

    def cut_rain(self: Echo, requests: Sequence[Request]) -> Iterator[Completion]:
        for completion in stream(self, requests):
            yield replace(completion, finish="length" if "rain" in completion.text else "stop")

    monkeypatch.setattr(Echo, "stream", cut_rain)
    talk(anna, monkeypatch, "What is rain?", "/edit Water.", "What is snow?", "/edit Ice.")
    rows = [job.material[0] for job in JobBook(anna).list_jobs()]
    assert [row.get("cut") for row in rows] == [True, None]


def test_undo_ends_a_job_and_then_takes_the_last_lesson_back(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, opened = talk(anna, monkeypatch, "/rule Be brief.", "/undo", "/undo", "/undo", "/lessons")
    assert '"Be brief." is taken back' in said
    assert '"do-not-a" is taken back' in said
    assert "there is nothing to take back" in said
    assert "no lessons yet" in said
    assert read_student(anna).lessons == ()
    assert opened == [anna, None], "then the base answers"


def test_the_base_of_a_new_student_is_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, opened = talk(tmp_path / "new", monkeypatch, "/lessons")
    assert "no lessons yet" in said
    assert opened == [None]
    assert read_student(tmp_path / "new").fingerprint == Echo().fingerprint


def test_a_rule_is_checked_at_once_and_has_the_settings_of_the_chat(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _ = talk(anna, monkeypatch, "/rule Be kind.", "/rule Be brief.", config="quick")
    assert '"Be kind." names a manner, and no program can check a manner.' in said
    assert "/rule End emails with a thank you." in said
    assert "--" not in said
    (job,) = JobBook(anna).list_jobs()
    assert (job.title, job.settings) == ("Be brief.", "quick")


def test_settings_without_a_student_or_that_nobody_has_are_refused(
    anna: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["chat", "--config", "quick"]) == 2
    assert "Give --student NAME" in capsys.readouterr().err
    assert cli.run_command(["chat", "--student", f"{anna}/", "--config", "quik"]) == 2
    assert 'Did you mean "quick"?' in capsys.readouterr().err


def refuse(anna: Path, rule: str, worse: Sequence[str]) -> Job:
    """Record a rule that the gate refused."""
    book = JobBook(anna)
    job = book.add(make_rule_job(rule))
    message = f'"{rule}" was not added: it is lost.'
    return book.update(job.id, state="refused", message=message, worse=worse)


def test_the_lesson_that_was_refused_last_can_be_accepted(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (refuse(anna, f"Do not {name}.", ["do-not-a"]) for name in "bc")
    said, _ = talk(anna, monkeypatch, "/lessons", "/accept", "/accept later", "/accept instead")
    assert "it is lost. /accept adds it all the same. /accept instead switches do-not-a off" in said
    assert '"Do not c." will be added' in said
    assert "/accept 'later' is not understood" in said
    accepted = [JobBook(anna).find(job.id) for job in (first, second)]
    assert [job.state for job in accepted] == ["waiting", "waiting"]
    assert [job.instead_of for job in accepted] == [["do-not-a"], []]
    commands = [JobBook(anna).make_command(job) for job in accepted]
    assert ["--accept" in words for words in commands] == [False, True]


def test_what_cannot_be_accepted_says_so(anna: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = talk(anna, monkeypatch, "/accept")
    assert "no lesson was refused" in said
    job = refuse(anna, "Do not b.", [])
    said, _ = talk(anna, monkeypatch, "/accept instead")
    assert "weakens no lesson" in said
    assert "Type /accept." in said
    assert JobBook(anna).find(job.id).state == "refused"


def test_a_lesson_that_another_program_adds_answers_at_once(
    anna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "b", "Do not b.", seed=1)
    screen = Screen(io.StringIO(), io.StringIO(), SilentDisplay())
    opened: list[Path | None] = []
    monkeypatch.setattr(
        chat_student, "open_model", lambda options, screen: opened.append(options.run) or Echo()
    )
    taught = chat_student.TaughtStudent(anna, AnswerOptions(), screen, JobBook(anna))
    taught.follow_jobs()
    assert len(opened) == 1
    with open_student(anna) as student:
        add_lesson(student, run, script())
    taught.follow_jobs()
    assert len(opened) == 2


@pytest.mark.parametrize("option", ["--run", "--adapter"])
def test_a_student_beside_another_model_is_refused_by_the_name_of_its_option(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["chat", "--student", "anna", option, "x"]) == 2
    assert f"--student and {option} exclude each other." in capfd.readouterr().err
