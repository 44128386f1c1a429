"""Mistakes are named before a model's libraries load, and leave nothing behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.commands import teach
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.evaluate import suites
from selfteach.run.run_folder import open_run

RUN_COMMANDS = """
import json, sys
from selfteach import cli
from selfteach.commands import teach
for arguments in json.loads(sys.argv[1]):
    code = cli.run_command(arguments)
    heavy = {"torch", "transformers", "lm_eval", "openvino_genai"} & set(sys.modules)
    print(code, sorted(heavy), file=sys.stderr, flush=True)
"""


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """A folder with as much of a finished run as `benchmark` looks at first."""
    adapter = tmp_path / "run" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    (tmp_path / "run" / "config.yaml").write_text("model: embedded\n")
    return tmp_path / "run"


def test_mistakes_are_named_before_a_model_s_libraries_load(taught: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {n}.", "completion": f"{n}"} for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    commands = [
        ["compare", "--run", str(taught), "--adapters", "lorra"],
        ["benchmark", "--run", str(taught), "--tasks", "glu3_nowhere"],
        ["train", "rows.jsonl", "--dry-run"],
        ["feedback", "Hum a tune.", "--model", "nobody/absent"],
        ["feedback", "Hum a tune.", "--teacher", "nobody/absent"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN_COMMANDS, json.dumps(commands)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    codes = re.findall(r"^(\d+) \[(.*)\]$", done.stderr, re.M)
    assert codes == [("2", ""), ("2", ""), ("0", ""), ("2", ""), ("2", "")], done.stderr
    assert 'Did you mean "lora"?' in done.stderr
    assert 'lm-eval has no task "glu3_nowhere"' in done.stderr
    assert 'there is no model "nobody/absent" here' in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_task_of_lm_eval_passes() -> None:
    suites.refuse_unknown_tasks(["piqa", "my/own/task.yaml"])
    with pytest.raises(UsageError, match="Did you mean hellaswag"):
        suites.refuse_unknown_tasks(["hellaswagg"])


def test_a_suite_that_lm_eval_has_too_is_named_once() -> None:
    cure = suites.name_nearest("mmluu", [*suites.SUITES, "mmlu", "piqa"])
    assert cure == "Did you mean mmlu?"


@pytest.mark.long
def test_an_unknown_task_is_named_soon_though_the_disk_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 4 ms a file 15,000 files one after another take a minute."""

    def read_slowly(file: Path) -> str:
        time.sleep(0.004)
        return file.name

    monkeypatch.setattr(suites, "read_file", read_slowly)
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"For instance: glue, .*`lm-eval ls tasks` lists all"):
        suites.refuse_unknown_tasks(["nosuch"])
    assert time.monotonic() - start < 20
    start = time.monotonic()
    suites.refuse_unknown_tasks(["piqa"])
    assert time.monotonic() - start < 5, "the files that have its name are read first"


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_recorded_nothing_is_removed_where_it_cannot_begin(
    there: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    run = open_run(folder, "x", "feedback", resolve(FeedbackConfig), {"rule": "Hum a tune."})
    if there:
        run.ledger.record_requests("probe", [("1", {"prompt": "Hum?"})])
    with pytest.raises(UsageError), run:
        raise UsageError("there is no such model.")
    assert folder.exists() == there


def test_a_run_that_a_defect_or_data_ended_stays(tmp_path: Path) -> None:
    """Its log tells what happened."""
    folder = tmp_path / "run"
    with (
        pytest.raises(DataError),
        open_run(folder, "x", "feedback", resolve(FeedbackConfig), {"rule": "Hum a tune."}),
    ):
        raise DataError("too little.")
    assert (folder / "run.db").exists()


@pytest.mark.parametrize("command", [["feedback", "Hum a tune."], ["compare", "--run", "absent"]])
def test_a_method_in_several_processes_is_refused_in_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert cli.run_command(command) == 2
    said = capfd.readouterr().err
    assert f"{command[0]} runs in one process, and 2 were launched. Start it without" in said
    assert said.count("\n") == 1
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as ended:
        cli.run_command(command)
    assert ended.value.code == 2
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere/"], 'there is no model "nowhere/"'),
        (["--teacher", "nowhere/"], 'there is no model "nowhere/"'),
        (["--out", "full"], "full: holds other files and no run (note.txt)."),
        (["--out", "full/note.txt"], "full/note.txt: is a file, not a folder."),
        (["--out", "full/note.txt/a"], "full/note.txt/a: cannot be used (Not a directory)."),
        (["--out", "/proc/a/run"], "/proc/a/run: cannot be used (No such file or directory)."),
    ],
)
def test_a_dry_run_names_what_cannot_be_there_before_it_measures(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teach, "estimate", lambda *given: pytest.fail("it measured"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("Mine.")
    assert cli.run_command(["feedback", "Do not talk about tea.", *options, "--dry-run"]) == 2
    assert message in capfd.readouterr().err


def test_a_dry_run_says_that_nothing_can_be_written_below_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teach, "estimate", lambda *given: {})
    command = ["feedback", "Do not talk about tea.", "--dry-run"]
    assert cli.run_command([*command, "--out", "new/run"]) == cli.run_command(command) == 0
    assert not list(tmp_path.iterdir()), "it makes nothing"
    (tmp_path / "runs").write_text("A file.")
    assert cli.run_command(command) == 2
    assert "runs: cannot be used (Not a directory)." in capfd.readouterr().err


def test_a_dry_run_of_a_new_run_tells_of_no_run_that_would_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teach, "estimate", lambda *given: {})
    monkeypatch.setattr(teach, "find_standing_run", lambda *given: tmp_path / "old")
    monkeypatch.setattr(teach, "read_notes", lambda *given: [True])
    command = ["feedback", "Do not talk about tea.", "--dry-run"]
    assert cli.run_command(command) == cli.run_command([*command, "--new"]) == 0
    assert capfd.readouterr().out.count("finished; the command shows its result") == 1


def test_a_judge_of_documents_that_cannot_be_there_is_named_in_the_dry_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.md").write_text("The lamp of Orm is blue. It hangs in the old hall by the sea.")
    words = ["documents", "a.md", "--nli", "nowhere/", "--dry-run"]
    assert cli.run_command(words) == 2
    assert 'there is no model "nowhere/"' in capfd.readouterr().err


@pytest.mark.parametrize("command", [["feedback", "Hum a tune."], ["documents", "."], ["tasks"]])
@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_program_teaches_corrections_only(
    command: list[str], dry: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command([*command, "--teacher", "cmd:cat sk-secret", *dry]) == 2
    said = capfd.readouterr().err
    assert "teacher (option): a program (cmd:) can correct answers" in said
    assert "give URL#NAME or a model." in said
    assert "sk-secret" not in said


@pytest.mark.parametrize(
    "option",
    ["--engine=hf", "--seeds=2", "--student=bob", "--accept", "--beside", "--instead-of=x"],
)
def test_train_has_no_option_that_it_would_refuse(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["train", "rows.jsonl", option]) == 2
    assert f"No such option: {option.partition('=')[0]}" in capfd.readouterr().err
    assert cli.run_command(["train", "--help"]) == 0
    assert f"{option.partition('=')[0]} " not in capfd.readouterr().out


@pytest.mark.parametrize("method", ["corrections", "documents", "train"])
def test_a_method_without_prompts_to_print_has_no_option_for_it(
    method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command([method, "rows.jsonl", "--dry-run", "-v"]) == 2
    assert "No such option: -v" in capfd.readouterr().err


def test_an_interrupted_dry_run_says_that_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teach, "estimate", stop)
    assert cli.run_command(["feedback", "Do not talk about tea.", "--dry-run"]) == 130
    assert "stopped; a dry run writes no run, so nothing is left." in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "there is nothing to correct"),
        (("--prompts", "p.txt"), "nobody corrects"),
        (("--prompts", "p.txt", "--review", "--teacher", "cmd:cat"), "exclude each other"),
        (("edits.jsonl", "--rounds", "2"), "needs someone who corrects"),
        (("edits.jsonl", "--set", "train.correction.bound=none"), "allow_unbounded=true"),
        (
            ("edits.jsonl", "--set", "train.objective=dpo"),
            "train.objective (--set): there is no such key",
        ),
        (
            ("edits.jsonl", "--set", "train.trial_steps=5"),
            "train.trial_steps (--set): there is no such key",
        ),
        (("edits.jsonl", "--columns", "promt=question"), 'Did you mean "prompt"'),
    ],
)
def test_options_of_corrections_that_do_not_fit_together_are_refused(
    more: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["corrections", *more]) == 2
    assert why in capsys.readouterr().err
