"""A student's folder: the sum of its lessons, what a person sees, and what is written again."""

from __future__ import annotations

import json
import shlex
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import lesson_runs
from lesson_runs import LAYER, hash_adapter, make_cell, script, write_lora, write_run
from selfteach import cli, files
from selfteach import open_student as open_from_python
from selfteach.config import FeedbackConfig, TrainConfig, resolve
from selfteach.errors import IntegrityError, UsageError
from selfteach.run import finished
from selfteach.run.run_folder import open_run
from selfteach.run.student_adapter import quote_student
from selfteach.students.folder import (
    StudentFolder,
    choose_base,
    find_student_folder,
    is_student,
    list_students,
    open_student,
    read_student,
)
from selfteach.students.gate import LessonRefused
from selfteach.students.lessons import (
    add_lesson,
    begin_state,
    check_before_run,
    choose_name,
    sit_exams,
)
from selfteach.students.state import Cell, StudentState
from selfteach.students.take_back import remove_lesson, switch_lessons
from selfteach.train.adapters.join_loras import explain_why_not_joined

pytestmark = pytest.mark.long

TENSORS = "adapter/adapter_model.safetensors"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three finished runs of three rules."""
    folder = tmp_path_factory.mktemp("runs")
    return [write_run(folder / name, f"Do not {name}.", seed) for seed, name in enumerate("abc")]


def teach(student: Path, runs: list[Path], **more: object) -> list[str]:
    """Add runs to a student that may be new; return its lessons."""
    for run in runs:
        with open_student(student, partial(begin_state, run)) as opened:
            add_lesson(opened, run, script(), **more)  # type: ignore[arg-type]
    return [lesson.name for lesson in read_student(student).lessons]


def compute_change(adapter: Path) -> torch.Tensor:
    """Return s B A of the layer."""
    tensors = load_file(adapter / "adapter_model.safetensors")
    config = json.loads((adapter / "adapter_config.json").read_text())
    product = tensors[f"{LAYER}.lora_B.weight"] @ tensors[f"{LAYER}.lora_A.weight"]
    return product * config["lora_alpha"] / config["r"]


def test_the_adapter_is_the_exact_sum_of_the_lessons(tmp_path: Path, runs: list[Path]) -> None:
    student = tmp_path / "anna"
    assert teach(student, runs) == ["do-not-a", "do-not-b", "do-not-c"]
    config = json.loads((student / "adapter/adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 6
    total = sum(compute_change(run / "adapter") for run in runs)
    assert torch.allclose(compute_change(student / "adapter"), total, atol=1e-5)


def test_a_removed_lesson_leaves_the_same_bits_as_if_never_taught(
    tmp_path: Path, runs: list[Path]
) -> None:
    with_three = tmp_path / "three"
    never = tmp_path / "never"
    teach(with_three, runs)
    teach(never, [runs[0], runs[2]])
    with open_student(with_three) as opened:
        remove_lesson(opened, "do-not-b")
    files = {path.name for path in (never / "adapter").iterdir()}
    assert files == {path.name for path in (with_three / "adapter").iterdir()}
    for name in files:
        left = (with_three / "adapter" / name).read_bytes()
        assert left == (never / "adapter" / name).read_bytes(), name
    assert not (with_three / "lessons/do-not-b").exists()


def test_one_lesson_is_the_adapter_of_its_run_and_no_lesson_is_none(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:1])
    assert (student / TENSORS).read_bytes() == (runs[0] / TENSORS).read_bytes()
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-a")
    assert not (student / "adapter").exists()


def test_off_and_on_give_the_same_bits_back(tmp_path: Path, runs: list[Path]) -> None:
    student = tmp_path / "anna"
    teach(student, runs)
    before = hash_adapter(student)
    with open_student(student) as opened:
        switch_lessons(opened, ["do-not-a", "do-not-b"], on=False)
        assert (student / TENSORS).read_bytes() == (runs[2] / TENSORS).read_bytes()
        switch_lessons(opened, ["do-not-b", "do-not-a"], on=True)
    assert hash_adapter(student) == before


def test_a_file_of_another_program_among_the_lessons_stays(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:1])
    (student / "lessons/.DS_Store").write_bytes(b"macOS")
    (student / "lessons/leftover").mkdir()
    with open_student(student) as opened:
        assert opened.state.find_lesson("do-not-a")
    assert {path.name for path in (student / "lessons").iterdir()} == {".DS_Store", "do-not-a"}


def test_the_same_run_twice_is_one_lesson(tmp_path: Path, runs: list[Path]) -> None:
    assert teach(tmp_path / "anna", [runs[0], runs[1], runs[0]]) == ["do-not-a", "do-not-b"]


def test_a_finished_run_becomes_a_lesson_from_the_command_line(
    tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    student = tmp_path / "anna"
    command = ["student", "add", f"{student}/"]
    assert cli.run_command([*command, str(runs[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lesson"] == "do-not-a"
    assert (student / TENSORS).read_bytes() == (runs[0] / TENSORS).read_bytes()
    assert cli.run_command([*command, str(runs[0])]) == 0, "it is a lesson already"
    open_from_python(student).add(runs[0])
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a"]


def test_what_is_not_done_for_a_lesson_that_is_there_already_is_said(
    tmp_path: Path, runs: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:2])
    command = ["student", "add", str(student), str(runs[1])]
    assert cli.run_command([*command, "--instead-of", "do-not-a"]) == 0
    cure = f"selfteach student off {student} do-not-a"
    assert cure in " ".join(capfd.readouterr().err.split())
    assert cli.run_command(cure.split()[1:]) == 0
    assert cli.run_command([*command, "--instead-of", "do-not-a"]) == 0
    assert "is a lesson already" not in capfd.readouterr().err, "there is nothing to be done"
    assert cli.run_command(["student", "off", str(student), "do-not-b"]) == 0
    assert cli.run_command(command) == 0
    cure = f"selfteach student on {student} do-not-b"
    assert cure in " ".join(capfd.readouterr().err.split())
    assert cli.run_command(cure.split()[1:]) == 0


def test_python_warns_of_what_is_not_done_for_a_lesson_that_is_there_already(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:2])
    opened = open_from_python(student)
    with pytest.warns(UserWarning, match="do-not-a stays on") as caught:
        opened.add(runs[1], instead_of=["do-not-a"])
    assert [Path(warned.filename) for warned in caught] == [Path(__file__)]
    opened.switch("do-not-b", on=False)
    with pytest.warns(UserWarning, match="is a lesson already, and is off"):
        opened.add(runs[1])


@pytest.mark.parametrize("command", ["exam", "report", "verify", "review", "soft-prompt"])
def test_a_student_in_the_place_of_a_run_is_named(
    command: str, tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """`report` wrote an empty page of a run over that of the student."""
    student = tmp_path / "anna"
    teach(student, runs[:1])
    page = (student / "report.html").read_bytes()
    assert cli.run_command([command, str(student)]) == 2
    assert f"{student}: is a student, not a run." in capsys.readouterr().err
    assert (student / "report.html").read_bytes() == page


@pytest.mark.parametrize("new", [True, False])
def test_no_run_takes_the_place_of_a_student(new: bool, tmp_path: Path, runs: list[Path]) -> None:
    """With --new the student's folder was renamed as that of an old run."""
    student = tmp_path / "anna"
    teach(student, runs[:1])
    with pytest.raises(UsageError, match="is a student, not a run"):
        open_run(student, "x", "feedback", resolve(FeedbackConfig), {"rule": "x"}, new=new)
    assert [path.name for path in tmp_path.iterdir()] == ["anna"]


def test_a_student_is_exported_whichever_option_names_it(
    tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:2])
    files = []
    for option in ("--run", "--student"):
        words = ["export", option, f"{student}/", "--to", "inspect", "--json", "--out"]
        assert cli.run_command([*words, str(tmp_path / option)]) == 0
        files.append(json.loads(capsys.readouterr().out)["files"])
    assert [Path(file).parts[0] for file in files[0]] == ["do-not-a"] * 2 + ["do-not-b"] * 2
    assert len(files[1]) == len(files[0])


def test_what_a_folder_holds_beside_the_run_is_not_copied(tmp_path: Path, runs: list[Path]) -> None:
    names = ["checkpoints", "compare", "damaged", "engine", "gguf", ".hidden"]
    for name in names:
        (runs[0] / name).mkdir()
        (runs[0] / name / "large.bin").touch()
    teach(tmp_path / "anna", runs[:1])
    lesson = tmp_path / "anna/lessons/do-not-a"
    assert (lesson / "exam.json").exists()
    assert not [name for name in names if (lesson / name).exists()]


def test_a_lesson_of_one_student_becomes_one_of_another(tmp_path: Path, runs: list[Path]) -> None:
    teach(tmp_path / "anna", runs[:1])
    teach(tmp_path / "bob", [tmp_path / "anna/lessons/do-not-a"])
    assert hash_adapter(tmp_path / "bob") == hash_adapter(tmp_path / "anna")


def test_a_run_without_an_exam_or_without_success_is_no_lesson(
    tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["student", "add", f"{tmp_path}/anna"]
    assert cli.run_command([*command, str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    poor = write_run(tmp_path / "poor", "Do not d.", 3, "not learned")
    assert cli.run_command([*command, str(poor)]) == 1
    assert "--accept adds it" in capsys.readouterr().err
    assert cli.run_command([*command, str(poor), "--accept"]) == 0


def test_a_copied_student_needs_nothing_else(tmp_path: Path, runs: list[Path]) -> None:
    teach(tmp_path / "anna", runs[:2])
    shutil.copytree(tmp_path / "anna", tmp_path / "copy")
    shutil.rmtree(tmp_path / "anna")
    with open_student(tmp_path / "copy") as opened:
        assert opened.restore() == []
        assert sit_exams(opened, script()).keys() == {"do-not-a", "do-not-b"}


def test_a_lesson_that_weakens_another_one_is_refused_with_what_to_type(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:1])
    before = hash_adapter(student)
    with open_student(student) as opened:
        bad = script({"do-not-a": make_cell(2)})
        with pytest.raises(LessonRefused, match='"do-not-b" was not added: "do-not-a" is') as found:
            add_lesson(opened, runs[1], bad)
        assert found.value.worse == ["do-not-a"]
        assert "the same command with --instead-of do-not-a" in str(found.value)
        described = found.value.describe()
        assert described["worse"] == ["do-not-a"]
        assert "--" not in described["what"]
        assert "--accept" in str(found.value)
        assert found.value.exit_code == 1
    assert hash_adapter(student) == before
    assert not (student / "lessons/do-not-b").exists() or not read_student(student).lessons[1:]
    with open_student(student) as opened:
        add_lesson(opened, runs[1], bad, accept=True)
    sitting = read_student(student).sittings[-1]
    assert sitting.cells["do-not-a"].state in ("weakened", "lost")


def test_a_new_lesson_is_not_blamed_for_what_was_weak_before(
    tmp_path: Path, runs: list[Path]
) -> None:
    """b weakens a, and is taken back after c came: nobody has examined a beside c alone."""
    student = tmp_path / "anna"
    weak = script({"do-not-a": make_cell(4)})
    fourth = write_run(tmp_path / "d", "Do not d.", seed=3)
    teach(student, runs[:1])
    with open_student(student) as opened:
        for run in runs[1:]:
            add_lesson(opened, run, weak, accept=True)
        remove_lesson(opened, "do-not-b")
        assert opened.state.find_sitting() is None
        worse = script({"do-not-a": make_cell(3)})
        examined: list[StudentState] = []

        def examine(folder: StudentFolder, state: StudentState) -> dict[str, Cell]:
            examined.append(state)
            return (worse if len(examined) == 1 else weak)(folder, state)

        with pytest.raises(LessonRefused, match='"do-not-a" is weakened'):
            add_lesson(opened, fourth, examine)
        assert [len(state.lessons) for state in examined] == [3, 2], "with it, and without it"
        assert add_lesson(opened, fourth, weak).name == "do-not-d"


def test_the_new_lesson_may_count_instead_of_the_old_one(tmp_path: Path, runs: list[Path]) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:1])
    with open_student(student) as opened:
        add_lesson(opened, runs[1], script(), instead_of=["do-not-a"])
    state = read_student(student)
    assert [lesson.on for lesson in state.lessons] == [False, True]
    assert state.sittings[-1].change == "added do-not-b, do-not-a off"
    assert (student / TENSORS).read_bytes() == (runs[1] / TENSORS).read_bytes()


def test_a_student_that_was_there_stays_without_its_first_lesson(tmp_path: Path) -> None:
    student = tmp_path / "anna"
    run = write_run(tmp_path / "run", word="not learned")
    with open_student(student, partial(begin_state, run)):
        pass
    with pytest.raises(LessonRefused):
        teach(student, [run])
    assert read_student(student).lessons == ()


@pytest.mark.parametrize("begun", ["the folder", "a job"])
def test_what_others_began_stays_without_the_first_lesson(tmp_path: Path, begun: str) -> None:
    student = tmp_path / "anna"
    run = write_run(tmp_path / "run", word="not learned")
    if begun == "the folder":
        student.mkdir()
        (student / "student.db.backup").write_text("mine")

    def begin() -> StudentState:
        if begun == "a job":
            (student / "jobs").mkdir()
        return begin_state(run)

    with pytest.raises(LessonRefused), open_student(student, begin) as opened:
        add_lesson(opened, run, script())
    assert student.is_dir()


def test_a_new_student_stays_where_its_exams_were_interrupted(
    tmp_path: Path, runs: list[Path]
) -> None:
    def examine(student: StudentFolder, state: StudentState) -> dict[str, Cell]:
        raise KeyboardInterrupt

    student = tmp_path / "anna"
    with (
        pytest.raises(KeyboardInterrupt),
        open_student(student, partial(begin_state, runs[0])) as opened,
    ):
        add_lesson(opened, runs[0], examine)
    assert is_student(student)


def test_a_new_student_is_written_without_a_notice(tmp_path: Path, runs: list[Path]) -> None:
    said: list[str] = []
    with open_student(tmp_path / "anna", partial(begin_state, runs[0]), said.append) as opened:
        add_lesson(opened, runs[0], script())
    assert said == []


@pytest.mark.parametrize(
    ("word", "harm"),
    [
        ("not learned", ""),
        ("nothing to learn", ""),
        ("not examined", ""),
        ("not enough prompts", "certain"),
    ],
)
def test_what_is_not_learned_or_certainly_harms_is_not_added(
    tmp_path: Path, word: str, harm: str
) -> None:
    run = write_run(tmp_path / "run", word=word, harm=harm)
    with pytest.raises(LessonRefused, match=word.capitalize()):
        teach(tmp_path / "anna", [run])
    assert not (tmp_path / "anna").exists(), "the student is as before"
    assert teach(tmp_path / "anna", [run], accept=True) == ["do-not-hum"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("partly taught", ["do-not-hum is added as it is. Partly taught: for a test."]),
        ("not enough prompts", ["do-not-hum is added as it is. Not enough prompts: for a test."]),
        ("just prompt it", []),
        ("taught", []),
    ],
)
def test_what_is_learned_in_part_is_added_with_one_note(
    tmp_path: Path, word: str, says: list[str]
) -> None:
    run = write_run(tmp_path / "run", word=word)
    notes: list[str] = []
    with open_student(tmp_path / "anna", partial(begin_state, run)) as student:
        add_lesson(student, run, script(), say=notes.append)
    assert [lesson.name for lesson in read_student(tmp_path / "anna").lessons] == ["do-not-hum"]
    assert notes == ["adding the lesson: the exams of all lessons are sat", *says]


def test_a_run_that_cannot_be_a_lesson_is_refused_before_anything_is_said_or_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", word="not learned")
    material = ({"kind": "train", "material": {}}, None)
    with monkeypatch.context() as trained:
        trained.setattr(finished, "find_material", lambda folder: material)
        assert cli.run_command(["student", "add", "bob", str(run)]) == 2
        said = capsys.readouterr().err
        assert "a run of `train` has no exam that can be sat again" in said
        assert "adding the lesson" not in said
        assert not Path("students").exists()
    assert cli.run_command(["student", "add", "bob", str(run)]) != 0
    said = capsys.readouterr().err
    assert "was not added" in said
    assert "adding the lesson" not in said


def test_a_run_of_another_base_is_refused(tmp_path: Path, runs: list[Path]) -> None:
    other = write_run(tmp_path / "run", base="1" * 64)
    teach(tmp_path / "anna", runs[:1])
    with pytest.raises(UsageError, match="was taught to another base"):
        teach(tmp_path / "anna", [other], accept=True)


class Settings:
    """What the check before a run reads."""

    def __init__(self, model: str = "tiny", adapter: str = "lora") -> None:
        self.model = model
        self.train = TrainConfig(adapter=adapter)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("train", Settings(), "no exam that can be sat again"),
        ("feedback", Settings(adapter="reft"), "cannot be stacked"),
        ("feedback", Settings(model="other"), "the student's base is tiny, not other"),
    ],
)
def test_a_run_that_could_be_no_lesson_is_refused_before_it_costs_anything(
    tmp_path: Path, runs: list[Path], kind: str, settings: Settings, words: str
) -> None:
    teach(tmp_path / "anna", runs[:1])
    check_before_run(tmp_path / "anna", "feedback", Settings())
    with pytest.raises(UsageError, match=words):
        check_before_run(tmp_path / "anna", kind, settings)


def test_the_page_shows_the_matrix_and_no_text_is_active(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "<script>alert(1)</script> Do not hum.")
    student = tmp_path / "anna"
    (name,) = teach(student, [run])
    page = (student / "report.html").read_text()
    assert f"1. added {name}" in page
    assert "<b>kept</b>" in page
    assert "<script>" not in page
    assert 'http-equiv="Content-Security-Policy" content="default-src' in page


def test_names_are_short_whole_words_and_never_taken(tmp_path: Path, runs: list[Path]) -> None:
    teach(tmp_path / "anna", runs[:1])
    state = read_student(tmp_path / "anna")
    assert choose_name(state, "Do not a!") == "do-not-a-2"
    assert choose_name(state, "Answer every question in at most ten words") == (
        "answer-every-question-in-at"
    )


@pytest.mark.parametrize("name", ["../anna", "", ".hidden", "a b", "-x", "a\0b"])
def test_a_name_is_no_path(name: str) -> None:
    if "/" in name:
        assert find_student_folder(name) == Path(name)
    else:
        with pytest.raises(UsageError, match="no name of a student"):
            find_student_folder(name)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("./carl", "./carl"),
        ("carl", "./carl"),
        ("students/carl", "students/carl"),
        ("/home/carl", "/home/carl"),
        ("Carl's student", "'./Carl'\"'\"'s student'"),
        (".", "./."),
    ],
)
def test_a_command_names_the_folder_of_a_student(path: str, word: str) -> None:
    """A word without a slash is a name below students/."""
    assert quote_student(Path(path)) == word
    (typed,) = shlex.split(word)
    assert find_student_folder(typed) == Path(path)


@pytest.mark.parametrize(
    ("path", "word"),
    [("students/anna", "anna"), ("anna", "./anna"), ("work/anna", "work/anna")],
)
def test_the_commands_of_the_page_find_the_student(
    path: str, word: str, tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    teach(Path(path), runs[:1])
    page = Path(path, "report.html").read_text()
    assert f"<code>selfteach student show {word}</code>" in page
    assert find_student_folder(word) == Path(path)
    with open_student(Path(path)) as opened:
        opened.commit(opened.state.switch(["do-not-a"], on=False), "off")
    page = Path(path, "report.html").read_text()
    assert f"<code>selfteach student exam {word}</code>" in page


def test_what_is_not_done_is_said_with_the_path_of_a_student_beside(
    tmp_path: Path,
    runs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    teach(Path("carl"), runs[:1])
    assert cli.run_command(["student", "off", "./carl", "do-not-a"]) == 0
    assert cli.run_command(["student", "add", "./carl", str(runs[0])]) == 0
    assert "`selfteach student on ./carl do-not-a`" in " ".join(capfd.readouterr().err.split())


def test_students_are_listed_and_a_missing_one_names_them(
    tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    teach(find_student_folder("anna"), runs[:1])
    assert list_students() == [Path("students/anna")]
    with pytest.raises(UsageError, match=r"students/bob: is no student\. Known: anna"):
        read_student(find_student_folder("bob"))


def test_a_folder_with_other_files_becomes_no_student(tmp_path: Path, runs: list[Path]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files and no student"):
        teach(tmp_path, runs[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_student_whose_first_process_died_at_once_is_begun_again(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    student.mkdir()
    (student / "run.lock").write_text("1\n")
    assert teach(student, runs[:1]) == ["do-not-a"]
    shutil.rmtree(student)
    student.mkdir()
    (student / "student.db").write_bytes(b"")
    assert teach(student, runs[:1]) == ["do-not-a"]


def test_a_student_whose_creation_fails_leaves_its_name_free(
    tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    anna = find_student_folder("anna")

    def fail() -> StudentState:
        raise UsageError("there is no such model.")

    with pytest.raises(UsageError, match="no such model"), open_student(anna, fail):
        pass
    assert not is_student(anna)
    assert list_students() == []
    assert choose_base(anna, "other") == "other"
    assert teach(anna, runs[:1]) == ["do-not-a"]
    (anna / "student.db").write_bytes(b"no database" * 500)
    assert is_student(anna), "a damaged one is named by what reads it"


def test_a_deleted_page_is_written_again(tmp_path: Path, runs: list[Path]) -> None:
    teach(tmp_path / "anna", runs[:1])
    (tmp_path / "anna/report.html").unlink()
    with open_student(tmp_path / "anna"):
        pass
    assert (tmp_path / "anna/report.html").exists()


def test_a_damaged_database_names_the_copy_that_is_read_instead(
    tmp_path: Path, runs: list[Path]
) -> None:
    student = tmp_path / "anna"
    teach(student, runs[:2])
    before = read_student(student)
    (student / "student.db").write_bytes(b"no database" * 500)
    with pytest.raises(IntegrityError, match=r"Remove student\.db"):
        read_student(student)
    (student / "student.db").unlink()
    assert read_student(student) == before
    with open_student(student) as opened:
        assert opened.state == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_rslora": True}, "use_rslora"),
        ({"alpha_pattern": {"q_proj": 24}}, "alpha_pattern"),
        ({"r": 8, "rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"use_dora": True}, "use_dora"),
    ],
)
def test_an_adapter_that_is_no_plain_lora_is_no_lesson(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    """Its tensors and one factor for all would give another sum."""
    run = write_run(tmp_path / "run", "Do not a.")
    place = run / "adapter/adapter_config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | settings))
    assert words in explain_why_not_joined(run / "adapter")
    assert explain_why_not_joined(write_run(tmp_path / "b") / "adapter") == ""


def test_a_known_run_with_other_weights_or_another_base_is_named(
    tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(tmp_path / "anna", runs[:1])
    other = write_run(tmp_path / "other", "Do not a.", 0, base="f" * 64)
    monkeypatch.setattr(lesson_runs, "write_lora", partial(write_other_lora, 77))
    again = write_run(tmp_path / "again", "Do not a.", 0)
    said: list[str] = []
    with open_student(tmp_path / "anna") as opened:
        with pytest.raises(UsageError, match="was taught to another base"):
            add_lesson(opened, other, script())
        add_lesson(opened, again, script(), say=said.append)
        assert "with other weights" in said[0]
        assert f"`selfteach student remove {tmp_path}/anna do-not-a`" in said[0]
        add_lesson(opened, runs[0], script(), say=said.append)
        assert len(said) == 1


def write_other_lora(other: int, folder: Path, seed: int, **more: str) -> None:
    write_lora(folder, other, **more)  # type: ignore[arg-type]


def test_a_base_in_a_relative_folder_is_found_from_any_folder(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny, tmp_path / "models/tiny")
    whole = str(tmp_path / "models/tiny")
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", "Do not a.", model="./models/tiny")
    teach(tmp_path / "anna", [run])
    assert read_student(tmp_path / "anna").base == whole
    for name in ("./models/tiny", "models/tiny/", whole, None):
        assert choose_base(tmp_path / "anna", name) == whole
    assert choose_base(tmp_path / "new", "models/tiny") == whole
    monkeypatch.chdir("/")
    assert choose_base(tmp_path / "anna", whole) == whole
    with pytest.raises(UsageError, match="the student's base is"):
        choose_base(tmp_path / "anna", "./models/tiny")


def test_the_name_of_a_removed_lesson_is_not_given_again(tmp_path: Path, runs: list[Path]) -> None:
    """Its exams stay in the history, under its name."""
    teach(tmp_path / "anna", runs[:2])
    with open_student(tmp_path / "anna") as opened:
        remove_lesson(opened, "do-not-b")
        assert add_lesson(opened, runs[1], script()).name == "do-not-b-2"
    matrix = open_from_python(tmp_path / "anna").describe()["matrix"]
    assert [column["removed"] for column in matrix] == [[], ["do-not-b"], []]


def test_a_folder_is_on_the_disk_with_its_names_before_a_state_names_it(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power loss the database would name a lesson of which nothing is there."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    anna = tmp_path / "anna"
    commit = StudentFolder.commit

    def check(student: StudentFolder, state: StudentState, change: str) -> None:
        if state.lessons:
            scratch = anna / ".place.new"
            assert {scratch, scratch / "adapter", anna, anna / "lessons"} <= set(synced)
        commit(student, state, change)

    monkeypatch.setattr(StudentFolder, "commit", check)
    assert teach(anna, runs[:1]) == ["do-not-a"]
