"""The material of a lesson: what is copied into the student's folder."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lesson_runs import script, write_run
from selfteach.run import finished
from selfteach.run.ledger import Ledger
from selfteach.students import material
from selfteach.students.folder import open_student
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.material import keep_material, read_sources


@pytest.fixture
def wiki(tmp_path: Path) -> Path:
    (tmp_path / "wiki/deep").mkdir(parents=True)
    (tmp_path / "wiki/mill.txt").write_text("The mill.")
    (tmp_path / "wiki/deep/oven.txt").write_text("The oven.")
    return tmp_path / "wiki"


def keep(wiki: Path, lesson: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a folder of documents, and return the files of the copy."""
    monkeypatch.setattr(material, "find_material", lambda run: ({}, {"paths": [str(wiki)]}))
    lesson.mkdir(parents=True)
    keep_material(Path("run"), lesson)
    sources = read_sources(lesson)
    assert sources is not None
    copy = Path(sources["paths"][0])
    assert copy.name == wiki.name
    return sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())


def test_links_that_lead_out_and_pipes_are_not_copied(
    wiki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.txt").write_text("The key is 1234.")
    (wiki / "link.txt").symlink_to(tmp_path / "secret/key.txt")
    (wiki / "up").symlink_to(tmp_path / "secret")
    (wiki / "loop").symlink_to(wiki)
    (wiki / "gone.txt").symlink_to("nowhere")
    (wiki / "own.txt").symlink_to("mill.txt")
    os.mkfifo(wiki / "pipe.txt")
    found = keep(wiki, tmp_path / "lesson", monkeypatch)
    assert found == ["deep/oven.txt", "mill.txt", "own.txt"]


def test_a_student_among_its_documents_is_not_copied_into_itself(
    wiki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`selfteach documents . --student anna` puts students/anna into the folder of documents."""
    earlier = wiki / "students/anna/lessons/rivers"
    earlier.mkdir(parents=True)
    (earlier / "report.html").write_text("The report.")
    (wiki / "students/anna/student.db").touch()
    found = keep(wiki, wiki / "students/anna/.place.new", monkeypatch)
    assert found == ["deep/oven.txt", "mill.txt"]


def test_a_lesson_of_one_student_becomes_one_of_another_with_its_material(
    wiki: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", "Do not a.")
    with closing(Ledger(run / "run.db")) as ledger:
        ledger.set_note(finished.PATHS, {"paths": [str(wiki)]})
    for student, source in (("anna", run), ("bob", tmp_path / "anna/lessons/do-not-a")):
        with open_student(tmp_path / student, partial(begin_state, source)) as opened:
            add_lesson(opened, source, script())
        shutil.rmtree(wiki, ignore_errors=True)
    sources = read_sources(tmp_path / "bob/lessons/do-not-a")
    assert sources is not None
    assert (Path(sources["paths"][0]) / "mill.txt").read_text() == "The mill."
    assert Path(sources["paths"][0]).is_relative_to(tmp_path / "bob")


def test_material_in_folders_of_any_name_goes_from_student_to_student(
    wiki: Path, tmp_path: Path
) -> None:
    names = ("checkpoints", "compare", "damaged", "engine", "gguf")
    run = write_run(tmp_path / "run", "Do not a.")
    for name in names:
        (wiki / name).mkdir()
        (wiki / name / "page.txt").write_text(name)
        (run / name).mkdir()
        (run / name / "large.bin").touch()
    with closing(Ledger(run / "run.db")) as ledger:
        ledger.set_note(finished.PATHS, {"paths": [str(wiki)]})
    for student, source in (("anna", run), ("bob", tmp_path / "anna/lessons/do-not-a")):
        with open_student(tmp_path / student, partial(begin_state, source)) as opened:
            add_lesson(opened, source, script())
    lesson = tmp_path / "bob/lessons/do-not-a"
    assert not [name for name in names if (lesson / name).exists()]
    sources = read_sources(lesson)
    assert sources is not None
    assert [(Path(sources["paths"][0]) / name / "page.txt").read_text() for name in names] == [
        *names
    ]
