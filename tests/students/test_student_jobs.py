"""Jobs of a student: what was said, the process that teaches it, and how it ended."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from job_programs import PROGRAM, let_go, wait_until
from lesson_runs import script, write_run
from selfteach import cli
from selfteach.errors import DataError, IntegrityError, ResourceError, UsageError
from selfteach.records import Message
from selfteach.students import job_runner, jobs
from selfteach.students.folder import open_student
from selfteach.students.job_runner import JobRunner
from selfteach.students.jobs import (
    EDITS_PER_LESSON,
    Job,
    JobBook,
    make_criticism_job,
    make_edit_job,
    make_exam_job,
    make_export_job,
    make_rule_job,
    split_conversation,
)
from selfteach.students.lessons import add_lesson
from selfteach.students.state import Lesson, StudentState
from selfteach.students.take_back import remove_lesson

PROMPT = (Message("user", "What is rain?"),)
ANSWER = "Water that falls from clouds."


@pytest.fixture
def book(tmp_path: Path) -> JobBook:
    with open_student(tmp_path / "anna", lambda: StudentState("tiny", "0" * 64)):
        pass
    return JobBook(tmp_path / "anna")


@pytest.fixture
def runner(book: JobBook) -> Iterator[JobRunner]:
    runner = JobRunner(book, program=PROGRAM)
    runner.start()
    yield runner
    runner.close()


def end(book: JobBook, how: str) -> None:
    let_go(book.student, how)


def wait_for_state(book: JobBook, job: Job, state: str) -> Job:
    wait_until(lambda: book.find(job.id).state == state)
    return book.find(job.id)


def test_a_refused_lesson_says_why_and_can_be_accepted(
    book: JobBook, runner: JobRunner, lesson: str
) -> None:
    job = book.add(make_rule_job("Do not b."))
    end(book, "refused")
    found = wait_for_state(book, job, "refused")
    assert found.message == '"b" was not added: it is lost.'
    assert found.worse == ["do-not-a"]
    with pytest.raises(UsageError, match="does not weaken 'x'; it weakens: do-not-a"):
        book.accept(job.id, ["x"])
    book.accept(job.id)
    assert wait_for_state(book, job, "added").lesson == "do-not-b"
    with pytest.raises(UsageError, match="was not refused: it is added"):
        book.accept(job.id)


@pytest.fixture
def lesson(book: JobBook, tmp_path: Path) -> str:
    """A lesson of the student."""
    with open_student(book.student) as student:
        add_lesson(student, write_run(tmp_path / "a", "Do not a."), script())
    return "do-not-a"


def test_a_refused_lesson_may_count_instead_of_what_it_weakens(
    book: JobBook, runner: JobRunner, lesson: str
) -> None:
    job = book.add(make_rule_job("Do not b."))
    end(book, "refused")
    wait_for_state(book, job, "refused")
    runner.close()
    words = book.make_command(book.accept(job.id, ["do-not-a"]))
    assert words[words.index("--instead-of") + 1] == "do-not-a"
    assert words.index("--instead-of") < words.index("--")
    assert "--accept" not in words, "the gate decides about all others"
    book.update(job.id, state="refused", worse=[])  # for the drift, say
    words = book.make_command(book.accept(job.id))
    assert words[words.index("--instead-of") + 1] == "do-not-a", "it stays what was chosen"
    assert "--accept" in words


def test_a_refused_lesson_counts_instead_of_no_lesson_that_was_taken_back(
    book: JobBook, runner: JobRunner, lesson: str
) -> None:
    """The command would refuse it, and a job that failed cannot be accepted any more."""
    job = book.add(make_rule_job("Do not b."))
    end(book, "refused")
    wait_for_state(book, job, "refused")
    book.update(job.id, instead_of=[lesson])  # it was chosen before, and the job refused again
    with open_student(book.student) as student:
        remove_lesson(student, lesson)
    assert book.find(job.id).worse == [], "nobody is told to choose it"
    with pytest.raises(UsageError, match="does not weaken 'do-not-a'; it weakens: none"):
        book.accept(job.id, [lesson])
    assert book.find(job.id).state == "refused"
    assert book.accept(job.id).instead_of == []
    wait_for_state(book, job, "added")


def test_a_run_that_has_nothing_to_add_cannot_be_accepted(book: JobBook, runner: JobRunner) -> None:
    job = book.add(make_rule_job("Do not b."))
    end(book, "nothing to add")
    assert wait_for_state(book, job, "failed").message == "there is nothing to add."
    with pytest.raises(UsageError, match="was not refused: it is failed"):
        book.accept(job.id)


def test_a_running_job_is_cancelled_and_the_next_one_begins(
    book: JobBook, runner: JobRunner
) -> None:
    first, second = (book.add(make_rule_job(f"Do not {name}.")) for name in "bc")
    wait_for_state(book, first, "running")
    assert book.find(second.id).state == "waiting"
    book.cancel(first.id)
    wait_for_state(book, first, "cancelled")
    wait_for_state(book, second, "running")


def test_a_stopped_job_resumes_with_the_same_command(book: JobBook, runner: JobRunner) -> None:
    job = book.add(make_rule_job("Do not b."))
    words = book.make_command(wait_for_state(book, job, "running"))
    runner.close()
    stopped = book.find(job.id)
    assert (stopped.state, stopped.attempts) == ("waiting", 0)
    assert book.make_command(stopped) == words
    end(book, "added")
    again = JobRunner(book, program=PROGRAM)
    again.start()
    wait_for_state(book, job, "added")
    again.close()


def test_a_job_of_a_killed_process_waits_again(book: JobBook) -> None:
    job = book.add(make_rule_job("Do not b."))
    assert book.take_next() == book.find(job.id)  # and then the process is killed
    assert book.find(job.id).state == "running"
    end(book, "added")
    runner = JobRunner(book, program=PROGRAM)
    runner.start()
    wait_for_state(book, job, "added")
    runner.close()


def test_of_two_runners_one_works_and_the_other_takes_over(
    book: JobBook, runner: JobRunner
) -> None:
    job = book.add(make_rule_job("Do not b."))
    wait_for_state(book, job, "running")
    other = JobRunner(book, program=PROGRAM)
    other.start()
    end(book, "added")
    wait_for_state(book, job, "added")
    runner.close()
    assert wait_for_state(book, book.add(make_rule_job("Do not c.")), "added").lesson
    other.close()


def test_a_fault_that_nobody_expects_does_not_end_the_work(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "IDLE_S", 0.01)
    said: list[str] = []
    runner = JobRunner(book, program=PROGRAM, say=said.append)
    with monkeypatch.context() as patch:
        patch.setattr(book, "put_back_running", lambda: 1 / 0)
        runner.start()
        wait_until(lambda: said)
    job = book.add(make_rule_job("Do not b."))
    end(book, "added")
    wait_for_state(book, job, "added")
    runner.close()
    assert said == ["the jobs wait: ZeroDivisionError: division by zero"]


def test_a_process_that_ends_without_a_message_is_named(book: JobBook, runner: JobRunner) -> None:
    job = book.add(make_rule_job("Do not b."))
    end(book, "something else")
    assert "its process ended with 1; see " in wait_for_state(book, job, "failed").message


def test_a_message_behind_the_torn_line_of_a_killed_process_is_read(
    book: JobBook, tmp_path: Path
) -> None:
    """The student is busy, so the job waits; without the message it would have failed."""
    program = tmp_path / "busy.py"
    line = f"selfteach: is {job_runner.IN_USE} 7."
    program.write_text(f"import sys\nprint({line!r}, file=sys.stderr)\nsys.exit(2)\n")
    book.add(make_rule_job("Do not b."))
    job = book.take_next()
    assert job is not None
    book.find_folder(job).mkdir(parents=True)
    (book.find_folder(job) / jobs.LOG_FILE).write_text("selfteach: half a li")
    ended = JobRunner(book, program=(sys.executable, str(program))).run(job)
    assert (ended.state, ended.message) == ("waiting", "is in use by process 7.")


def test_edits_are_collected_until_they_are_enough_for_a_lesson(book: JobBook) -> None:
    made = []
    for number in range(EDITS_PER_LESSON):
        prompt = (Message("user", f"What is rain {number}?"),)
        made.append(book.add(make_edit_job(prompt, ANSWER, "Water.")))
    assert {job.state for job in made[:-1]} == {"collected"}
    assert made[0].message == f"1 of {EDITS_PER_LESSON} edits; then they are taught together"
    (joined,) = [job for job in book.list_jobs() if job.is_open]
    assert (joined.kind, joined.state) == ("edits", "waiting")
    rows = [json.loads(line) for line in book.find_material(joined).open()]
    assert [row["correction"] for row in rows] == ["Water."] * EDITS_PER_LESSON


def test_edits_of_a_job_that_failed_are_taught_with_the_next_one(
    book: JobBook, runner: JobRunner
) -> None:
    """The disk was full, say: nobody writes eight edits twice."""

    def edit(number: int) -> Job:
        prompt = (Message("user", f"What is rain {number}?"),)
        return book.add(make_edit_job(prompt, ANSWER, f"Water {number}."))

    edits = [edit(number) for number in range(EDITS_PER_LESSON - 1)]
    first = edit(EDITS_PER_LESSON)
    end(book, "the disk is full")
    wait_for_state(book, first, "failed")
    kept = [book.find(job.id) for job in edits]
    assert {job.state for job in kept} == {"collected"}
    assert kept[0].message == f"{first.id} failed; the next edit begins anew with all of them"
    (book.student / "go").unlink()
    book.cancel(kept[0].id)
    second = edit(EDITS_PER_LESSON + 1)
    assert second.kind == "edits"
    corrections = [row["correction"] for row in second.material]
    numbers = [*range(1, EDITS_PER_LESSON - 1), EDITS_PER_LESSON, EDITS_PER_LESSON + 1]
    assert corrections == [f"Water {number}." for number in numbers]
    end(book, "added")
    wait_for_state(book, second, "added")
    assert {book.find(job.id).state for job in edits} == {"cancelled"}


def test_edits_of_a_job_that_is_cancelled_are_not_said_to_be_taught(book: JobBook) -> None:
    for number in range(EDITS_PER_LESSON):
        prompt = (Message("user", f"What is rain {number}?"),)
        joined = book.add(make_edit_job(prompt, ANSWER, "Water."))
    book.cancel(joined.id)
    edits = [job for job in book.list_jobs() if job.kind == "edit"]
    assert {job.state for job in edits} == {"cancelled"}, "the next edit does not take them along"
    assert {job.message for job in edits} == {f"in {joined.id}, with other edits"}


def test_edits_of_a_job_whose_files_are_links_are_collected_again(
    book: JobBook, tmp_path: Path
) -> None:
    for number in range(EDITS_PER_LESSON):
        prompt = (Message("user", f"What is rain {number}?"),)
        joined = book.add(make_edit_job(prompt, ANSWER, "Water."))
    (book.find_folder(joined) / jobs.LOG_FILE).symlink_to(tmp_path / "log")
    taken = book.take_next()
    assert taken is not None
    assert taken.kind == "edits"
    assert JobRunner(book, program=PROGRAM).run(taken).state == "failed"
    edits = [job for job in book.list_jobs() if job.kind == "edit"]
    assert {job.state for job in edits} == {"collected"}


def test_edits_that_come_at_once_are_each_taught_once(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one is slow between what it knows of the others and its own record."""
    begin = threading.Barrier(2 * EDITS_PER_LESSON)
    write = JobBook.write_material

    def write_slowly(self: JobBook, job: Job) -> None:
        time.sleep(0.02)
        write(self, job)

    monkeypatch.setattr(JobBook, "write_material", write_slowly)

    def add(number: int) -> None:
        prompt = (Message("user", f"What is {number}?"),)
        job = make_edit_job(prompt, "A number.", f"The number {number}.")
        begin.wait()
        book.add(job)

    with ThreadPoolExecutor(2 * EDITS_PER_LESSON) as clients:
        list(clients.map(add, range(2 * EDITS_PER_LESSON)))
    joined = [job for job in book.list_jobs() if job.kind == "edits"]
    assert [len(job.material) for job in joined] == [EDITS_PER_LESSON] * 2
    taught = {row["correction"] for job in joined for row in job.material}
    assert len(taught) == 2 * EDITS_PER_LESSON


def test_edits_of_one_prompt_are_not_enough(book: JobBook) -> None:
    for number in range(EDITS_PER_LESSON):
        last = book.add(make_edit_job(PROMPT, ANSWER, f"Water {number}."))
    assert (last.state, last.message[:4]) == ("collected", "1 of")


@pytest.mark.parametrize("cut", [True, False])
def test_an_answer_that_was_cut_is_read_as_one(book: JobBook, cut: bool) -> None:
    from selfteach.materials.corrections import read_corrections

    for number in range(EDITS_PER_LESSON):
        prompt = (Message("user", f"What is rain {number}?"),)
        joined = book.add(make_edit_job(prompt, "Water that falls", "Rain that falls", cut=cut))
    found = read_corrections(book.find_material(joined))
    assert [edit.cut for edit in found.edits] == [cut] * EDITS_PER_LESSON
    job = book.add(make_criticism_job(PROMPT, "Water that falls", "shorter, please", cut=cut))
    (criticism,) = read_corrections(book.find_material(job)).criticisms
    assert criticism.cut == cut


def test_a_criticism_is_a_file_that_the_command_reads(book: JobBook) -> None:
    from selfteach.materials.corrections import read_corrections

    job = book.add(make_criticism_job(PROMPT, ANSWER, "shorter, please"))
    words = book.make_command(job)
    assert words[0] == "corrections"
    assert words[1].endswith("/shorter-please.jsonl")
    (edit,) = read_corrections(Path(words[1])).criticisms
    assert (edit.prompt, edit.answer, edit.feedback) == (PROMPT, ANSWER, "shorter, please")


def test_a_file_of_settings_is_found_from_any_folder(
    book: JobBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [make_rule_job("Do not b.", settings) for settings in ("own.yaml", "quick", "")]
    assert [job.settings for job in asked] == [str(tmp_path / "own.yaml"), "quick", ""]


def test_a_rule_that_looks_like_an_option_is_text(book: JobBook) -> None:
    words = book.make_command(make_rule_job("--accept"))
    assert words[-2:] == ["--", "--accept"]
    assert "--accept" not in words[:-2]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: make_rule_job("  "), "rule is empty"),
        (lambda: make_rule_job("a" * 30_000), "rule is longer than 20,000 characters"),
        (lambda: make_edit_job(PROMPT, ANSWER, ANSWER), "changes nothing"),
        (lambda: make_edit_job(PROMPT, "Wet.\nCold.", "Wet.\r\nCold.\r\n"), "changes nothing"),
        (lambda: make_edit_job(PROMPT, "", "Water."), "answer is empty"),
        (lambda: make_criticism_job((), ANSWER, "shorter"), "must be the user's"),
        (lambda: split_conversation(PROMPT), "there is no answer yet"),
    ],
    ids=range(7),
)
def test_feedback_that_says_nothing_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        make()


def test_a_flooded_queue_of_jobs_refuses(book: JobBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_OPEN_JOBS", 2)
    for name in "bc":
        book.add(make_rule_job(f"Do not {name}."))
    with pytest.raises(ResourceError, match="2 jobs are open already"):
        book.add(make_rule_job("Do not d."))
    assert len(book.list_jobs()) == 2


STOPPED = """
import sys
from pathlib import Path
from selfteach.students.folder import open_student
from selfteach.students.state import Lesson
words = sys.argv
with open_student(Path(words[words.index("--student") + 1])) as student:
    run = words[words.index("--out") + 1]
    lesson = Lesson("do-not-b", "feedback", "Do not b.", "1" * 64, "2" * 64, run, on=False)
    student.commit(student.state.add(lesson), "added do-not-b")
print("selfteach: stopped.", file=sys.stderr)
sys.exit(130)
"""
"""A process that is stopped behind the change."""


def test_a_job_that_is_stopped_behind_the_change_is_added(book: JobBook) -> None:
    book.add(make_rule_job("Do not b."))
    job = book.take_next()
    assert job is not None
    ended = JobRunner(book, program=(sys.executable, "-c", STOPPED)).run(job)
    assert (ended.state, ended.lesson, ended.message) == ("added", "do-not-b", "stopped.")


def test_a_job_that_is_killed_behind_the_change_is_added(book: JobBook) -> None:
    job = book.add(make_rule_job("Do not b."))
    book.update(job.id, state="running", cancel=True)
    run = str((book.find_folder(job) / jobs.RUN_FOLDER).resolve())
    lesson = Lesson("do-not-b", "feedback", "Do not b.", "1" * 64, "2" * 64, run, on=False)
    with open_student(book.student) as student:
        student.commit(student.state.add(lesson), "added do-not-b")
    book.put_back_running()
    assert (book.find(job.id).state, book.find(job.id).lesson) == ("added", "do-not-b")


def test_a_rule_that_is_known_and_off_says_how_it_is_switched_on(
    book: JobBook, runner: JobRunner
) -> None:
    lesson = Lesson("do-not-b", "feedback", "Do not b.", "1" * 64, "2" * 64, "x", on=False)
    with open_student(book.student) as student:
        student.commit(student.state.add(lesson), "added do-not-b")
    job = book.add(make_rule_job("Do not b."))
    end(book, "added")
    ended = wait_for_state(book, job, "added")
    assert f"`selfteach student on {book.student} do-not-b` switches it on" in ended.message


def test_a_job_whose_lesson_was_removed_ends_with_the_next_runner(book: JobBook) -> None:
    """A process was killed between the removal and its mark."""
    job = book.add(make_rule_job("Do not b."))
    book.update(job.id, state="added", lesson="do-not-b")
    runner = JobRunner(book, program=PROGRAM)
    runner.start()
    wait_for_state(book, job, "removed")
    runner.close()


def insert_foreign(book: JobBook, job: Job) -> None:
    """Put a job into the database as a stranger does whose student is copied."""
    with closing(sqlite3.connect(book.student / "student.db")) as db, db:
        row = (job.id, json.dumps(asdict(job)))
        db.execute("INSERT INTO jobs (id, body) VALUES (?, ?)", row)


CRITICISM = make_criticism_job(PROMPT, ANSWER, "shorter")
EXPORT = make_export_job("gguf", "f16", exam=True)


@pytest.mark.parametrize(
    ("job", "place"),
    [
        (replace(make_rule_job("Tea."), id="../../precious"), "id"),
        (replace(make_rule_job("Tea."), id="job-0123456789abc"), "id"),
        (replace(make_rule_job("Tea."), options=["--set", "teacher=x"]), "options"),
        (replace(CRITICISM, kind="edits", settings="anna/s.yaml"), "settings"),
        (replace(CRITICISM, settings="/tmp/s.yaml"), "settings"),
        (replace(make_exam_job(), settings="quick"), "settings"),
        (replace(EXPORT, options=["--to", "hub:stranger/loot", "--public"]), "options"),
        (replace(EXPORT, options=["--to", "hub:a/b", "--quant", "f16"]), "options"),
        (replace(EXPORT, options=[*EXPORT.options, "--public"]), "options"),
        (replace(EXPORT, options=[]), "options"),
    ],
)
def test_a_job_that_selfteach_does_not_write_is_refused(
    book: JobBook, job: Job, place: str
) -> None:
    """Whoever opens a student that was copied from elsewhere works on its jobs at once."""
    insert_foreign(book, job)
    with pytest.raises(IntegrityError, match=rf"not as it was written \({place}\)"):
        book.take_next()


def copy_student(book: JobBook) -> JobBook:
    """Copy a student's folder with the times of its files, as an archive does."""
    return JobBook(shutil.copytree(book.student, book.student.with_name("copy")))


def test_what_waits_in_a_copied_student_is_taught_once_it_is_confirmed(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "IDLE_S", 0.01)
    first, second = (book.add(make_rule_job(f"Do not {name}.")) for name in "bc")
    copy = copy_student(book)
    let_go(copy.student, "added")
    said: list[str] = []
    runner = JobRunner(copy, program=PROGRAM, say=said.append)
    runner.start()
    own = copy.add(make_rule_job("Do not d."))
    wait_for_state(copy, own, "added")
    words = f"`selfteach student confirm {copy.student}` lets"
    assert said == [f"2 jobs came with the folder and not from here; {words} them begin"]
    waiting = copy.find(first.id)
    assert (waiting.state, waiting.attempts) == ("waiting", 0)
    assert waiting.message == f"it came with the folder; {words} it begin"
    assert [job.id for job in copy.confirm([second.id])] == [second.id]
    wait_for_state(copy, second, "added")
    assert copy.find(first.id).state == "waiting"
    with pytest.raises(UsageError, match="is no job that waits to be confirmed"):
        copy.confirm([second.id])
    copy.confirm()
    wait_for_state(copy, first, "added")
    runner.close()


def test_a_job_that_ran_when_its_student_was_copied_waits_as_well(book: JobBook) -> None:
    book.add(make_rule_job("Do not b."))
    assert book.take_next() is not None
    copy = copy_student(book)
    copy.put_back_running()
    assert copy.take_next() is None


def test_a_student_that_is_moved_goes_on_with_its_jobs(book: JobBook) -> None:
    job = book.add(make_rule_job("Do not b."))
    moved = JobBook(book.student.rename(book.student.with_name("moved")))
    assert moved.list_foreign() == []
    taken = moved.take_next()
    assert taken is not None
    assert taken.id == job.id


def test_a_refused_lesson_of_a_copied_student_that_is_accepted_is_confirmed(book: JobBook) -> None:
    job = book.add(make_rule_job("Do not b."))
    book.update(job.id, state="refused")
    copy = copy_student(book)
    copy.accept(job.id)
    assert copy.take_next() is not None


def test_edits_of_a_copied_student_are_not_taught_with_own_ones(book: JobBook) -> None:
    def edit(where: JobBook, number: int) -> Job:
        prompt = (Message("user", f"What is rain {number}?"),)
        return where.add(make_edit_job(prompt, ANSWER, f"Water {number}."))

    for number in range(EDITS_PER_LESSON - 1):
        edit(book, number)
    copy = copy_student(book)
    last = edit(copy, EDITS_PER_LESSON)
    assert last.message.startswith(f"1 of {EDITS_PER_LESSON} edits")
    assert len(copy.confirm()) == EDITS_PER_LESSON - 1
    assert edit(copy, EDITS_PER_LESSON + 1).kind == "edits"


def test_every_job_that_selfteach_writes_is_read_back(book: JobBook, tmp_path: Path) -> None:
    made = [CRITICISM, EXPORT, make_exam_job(), make_rule_job("Tea.", str(tmp_path / "own.yaml"))]
    made.append(make_export_job("lora-gguf", "q8_0", exam=False))
    for job in made:
        book.add(job)
    assert [job.id for job in book.list_jobs()] == [job.id for job in made]


@pytest.mark.parametrize("place", ["anna/own.yaml", "own.yaml"])
def test_settings_that_came_with_a_student_are_not_used_and_the_next_job_begins(
    book: JobBook, tmp_path: Path, place: str
) -> None:
    """They may name a program, or a server that the prompts go to."""
    whole = str(tmp_path / place) if place.startswith("anna") else place
    job = replace(make_rule_job("Tea."), settings=whole)
    insert_foreign(book, job)
    book.confirm()
    other = book.add(make_rule_job("Do not b."))
    let_go(book.student, "added")
    runner = JobRunner(book, program=PROGRAM)
    runner.start()
    ended = wait_for_state(book, job, "failed")
    assert "names settings of the student's own folder" in ended.message
    wait_for_state(book, other, "added")
    runner.close()


def test_settings_with_a_program_as_teacher_teach_no_rule(
    book: JobBook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text("teacher: cmd:touch ran\nprobe: {}\n")
    job = make_rule_job("Do not b.", str(tmp_path / "own.yaml"))
    assert cli.run_command(book.make_command(job)) == 2
    assert "a program (cmd:)" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["", jobs.LOG_FILE, jobs.RESULT_FILE, jobs.RUN_FOLDER])
def test_a_job_does_not_write_where_a_link_leads(book: JobBook, tmp_path: Path, name: str) -> None:
    job = book.add(make_rule_job("Do not b."))
    precious = tmp_path / "precious"
    precious.mkdir()
    link = book.find_folder(job) / name if name else book.find_folder(job)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(precious if name in ("", jobs.RUN_FOLDER) else precious / "file")
    let_go(book.student, "added")
    taken = book.take_next()
    assert taken is not None
    ended = JobRunner(book, program=PROGRAM).run(taken)
    assert (ended.state, "is a link" in ended.message) == ("failed", True)
    assert list(precious.iterdir()) == []


def test_jobs_that_wait_because_of_a_link_say_so(
    book: JobBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of the jobs refuses it, and nobody holds that lock."""
    monkeypatch.setattr(job_runner, "IDLE_S", 0.01)
    job = book.add(make_rule_job("Do not b."))
    link = book.student / jobs.JOBS_FOLDER / "other"
    link.symlink_to(tmp_path)
    said: list[str] = []
    runner = JobRunner(book, program=PROGRAM, say=said.append)
    runner.start()
    wait_until(lambda: said)
    assert "the jobs wait: " in said[0]
    assert "is a link" in said[0]
    link.unlink()
    end(book, "added")
    wait_for_state(book, job, "added")
    runner.close()
    assert len(said) == 1
