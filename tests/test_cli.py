"""The command line: instant, strict, with one line for a fault, and nothing but the result on
stdout.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import warm
from selfteach import cli
from selfteach.commands import require
from selfteach.commands.adapter_commands import OBJECTIVE_HELP
from selfteach.commands.errors import EXAMPLES
from selfteach.commands.groups import CORE
from selfteach.commands.options import PRESETS, REQUIRE_EXAMPLE, REQUIRE_EXAMPLES
from selfteach.config import METHOD_CONFIGS, describe_key
from selfteach.config.find_preset import list_presets
from selfteach.errors import RequirementNotMet, UsageError
from selfteach.registry import BUILT_IN_NAMES

ROOT = Path(__file__).parents[1]
SCRIPTED_RUN = ROOT / "tests" / "faults" / "scripted_run.py"


def run(*arguments: str, cwd: Path, session: bool = False) -> subprocess.CompletedProcess[str]:
    program = [str(SCRIPTED_RUN)] if session else ["-m", "selfteach"]
    return warm.run([*program, *arguments], cwd=cwd)


def test_help_is_instant_and_loads_nothing_heavy(tmp_path: Path) -> None:
    """0.3 s; the processor is measured by what it needs for the parser alone."""

    def seconds(*program: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *program], cwd=tmp_path, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [
        (seconds("-m", "selfteach", "--help"), seconds("-c", "import typer")) for _ in range(2)
    ]
    assert min(ours for ours, _ in pairs) < 3 * min(parser for _, parser in pairs) + 0.05
    heavy = "{'torch', 'yaml', 'numpy', 'sqlite3', 'selfteach.config', 'selfteach.run'}"
    code = (
        "import sys; from selfteach import cli; cli.run_command(['feedback', '--help']); "
        "print(sorted(HEAVY & set(sys.modules)))"
    ).replace("HEAVY", heavy)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "--check TEXT" in shown
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fedback", "x"], 2, "Did you mean 'feedback'"),
        (["feedback"], 2, "Missing argument 'rule'. For instance: selfteach feedback \"Do not"),
        (["train"], 2, "For instance: selfteach train examples.jsonl"),
        (["answer"], 2, "Missing option '--in'. For instance: selfteach answer --in prompts.txt"),
        (["student", "add", "x"], 2, "For instance: selfteach student add NAME runs/A"),
        (["tasks", "--require", "x"], 2, 'Write it like "rouge_l>=.15'),
        (["feedback", "Hum a tune.", "--nope"], 2, "--nope"),
        (["feedback", "Hum", "a", "tune."], 2, "(a tune.). Put the rule in quotes: selfteach fe"),
        (["feedback", "-"], 2, "the rule is not read from standard input. Write it on the"),
        (["feedback", "用一句话回答。"], 3, "is not in English, and its form is not recognized"),
        (["feedback", "Hum a tune.", "--seed", "-1"], 2, "for '--seed': must be at least 0."),
        (["tasks", "--base", "embedded", "--model", "./x"], 2, "give --base or --model, not both"),
        (["chat", "--run", "absent"], 2, "is not a run folder"),
        (["answer", "--in", "p.txt", "--run", "absent"], 2, "absent: is not a run folder"),
        (["answer", "--in", "p.txt", "--model", "absent/"], 2, 'there is no model "absent/"'),
        (["overlap", "absent.jsonl", "--out", "k.jsonl"], 3, "absent.jsonl: cannot be read"),
        (["feedback", "  \u200b . "], 3, "the rule is empty"),
        (["feedback", "x" * 3000], 3, "3,000 characters"),
        (["feedback", "Hum a tune.", "--set", "ask.tarpet=3"], 2, 'Did you mean "ask.target"?'),
        (
            ["feedback", "Hum a tune.", "--set", "train.adapter=lorra"],
            2,
            'there is no adapter "lorra". Did you mean "lora"?',
        ),
        (
            ["feedback", "Hum a tune.", "--set", "train.weights={in_scope: {dpoo: 1}}"],
            2,
            'there is no objective "dpoo". Did you mean "dpo"?',
        ),
        (["feedback", "Hum a tune.", "--model", "embeded"], 2, 'Did you mean "embedded"?'),
        (["feedback", "Hum a tune.", "--model", "./absent"], 2, 'there is no model "./absent"'),
        (
            ["feedback", "Hum a tune.", "--model", "http://localhost:1/v1#m"],
            2,
            "a model behind a URL cannot learn",
        ),
        (
            ["feedback", "Hum a tune.", "--teacher", "localhost:1"],
            2,
            'there is no model "localhost:1"',
        ),
        (["feedback", "Hum a tune.", "--teacher", "http://localhost:1/v1"], 2, "names no model"),
        (["feedback", "Hum a tune.", "--check", "not contians x"], 2, 'Did you mean "contains"?'),
        (
            ["feedback", "Hum a tune.", "--config", "absent.yaml"],
            2,
            'there is no file "absent.yaml", and no preset',
        ),
        (["feedback", "Hum a tune.", "--require", "kapt>=.9"], 2, 'Did you mean "kept"?'),
        (["feedback", "Hum a tune.", "--require", "kept=.9"], 2, "is not a requirement"),
        (["feedback", "Hum a tune.", "--require", ""], 2, "--require: '' is not a requirement"),
        (["feedback", "Hum a tune.", "--from", "absent"], 2, "is not a run folder"),
        (["exam", "--run", "absent"], 2, "is not a run folder"),
        (["status", "absent"], 2, "is not a run folder"),
        (["feedbak"], 2, "No such command 'feedbak'. Did you mean 'feedback'?\n"),
        (["list"], 2, "No such command 'list'. `selfteach --help` lists the commands.\n"),
        (["--frob"], 2, "No such option: --frob. `selfteach --help` lists the options.\n"),
        (["tasks", "--xx"], 2, "No such option: --xx. `selfteach tasks --help` lists the options."),
        (["exam", "x", "--runn"], 2, 'No such option: --runn. Did you mean "--run"?\n'),
        (["answer", "--in", "p.txt", "--samples", "0"], 2, "must be at least 1.\n"),
        (["tasks", "--mode", "foo"], 2, 'mode (option): cannot be "foo". It takes self-instruct'),
        (["config", "feedbak"], 2, 'Did you mean "feedback"?'),
        (["answer", "--in", "absent.txt", "--model", "embedded"], 3, "absent.txt: cannot be read"),
        (["answer", "--in", "p.doc", "--model", "embedded"], 2, ".txt (one per line) or .jsonl"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run_command(arguments) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir()), "refused before any work"


@pytest.mark.parametrize(
    "arguments",
    [
        ["feedback", "Do not \udcff hum."],
        ["feedback", "Do not hum.", "--out", "o\udcff"],
        ["feedback", "Do not hum.", "--model", "m\udcff", "--dry-run"],
        ["feedback", "--", "Do not \udcff hum."],
        ["status", "\udcff"],
    ],
)
def test_bytes_that_are_not_utf_8_are_a_wrong_option(
    tmp_path: Path,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run_command(arguments) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "\\udcff" in line
    assert "is not UTF-8" in line
    assert not list(tmp_path.iterdir())


def test_every_example_of_a_requirement_is_one_of_its_method() -> None:
    assert REQUIRE_EXAMPLES.keys() == METHOD_CONFIGS.keys()
    for method, example in REQUIRE_EXAMPLES.items():
        assert require.parse_requirements(example, method)
    assert require.parse_requirements(REQUIRE_EXAMPLE)


def test_the_help_of_a_method_names_its_presets_and_no_others() -> None:
    assert PRESETS.keys() == METHOD_CONFIGS.keys()
    for method, named in PRESETS.items():
        words = re.findall(r"\w+", re.sub(r"\(.*?\)", "", named))
        assert sorted(words) == sorted(list_presets(method))


def test_the_help_of_train_names_every_objective_that_learns() -> None:
    holding = {"anchor", "hold"}
    meaning = describe_key(METHOD_CONFIGS["train"], "train.objective")
    for text in (OBJECTIVE_HELP, meaning):
        assert set(BUILT_IN_NAMES["objectives"]) - holding <= set(re.findall(r"\w+", text))


@pytest.mark.parametrize("group", [[], ["runs"], ["student"]])
def test_no_summary_of_a_command_is_cut(
    group: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run_command([*group, "--help"]) == 0
    shown = capfd.readouterr().out
    assert "..." not in shown.partition("Commands:")[2]
    assert max(map(len, shown.splitlines())) <= 80


def list_commands(command: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return every command with its words, groups left out."""
    found = []
    for name, inner in getattr(command, "commands", {}).items():
        words = f"{path} {name}".strip()
        found += list_commands(inner, words) if hasattr(inner, "commands") else [(words, inner)]
    return found


def test_every_command_that_needs_something_has_an_example() -> None:
    needy = [
        words
        for words, command in list_commands(cli.build_command())
        if any(parameter.required for parameter in command.params)
    ]
    assert set(needy) == EXAMPLES.keys()
    for words in needy:
        assert EXAMPLES[words].startswith(f"selfteach {words} ")


def test_the_options_of_a_command_that_teaches_stand_in_panels(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["feedback", "--help"]) == 0
    shown = capfd.readouterr().out
    panels = re.findall(r"^(\S.*):$", shown, re.M)
    assert panels == ["Arguments", "Options", "Model and settings", "Run", "Student"]
    own, rest = shown.split("\nModel and settings:\n")
    assert "--check" in own
    assert "--model" in rest.partition("\nRun:\n")[0]
    assert "--track" in rest.partition("\nRun:\n")[2].partition("\nStudent:\n")[0]
    assert cli.run_command(["models", "--help"]) == 0
    assert "\nOptions:\n" in capfd.readouterr().out, "other commands have one panel"


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    for arguments in (
        ["--debug", "exam", "--run", "absent"],
        ["exam", "--run", "absent", "--debug"],
    ):
        assert "Traceback" in run(*arguments, cwd=tmp_path).stderr
    assert "the rule is empty" in run("feedback", "--", " ", cwd=tmp_path).stderr


def test_a_defect_is_one_line_and_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "build_command", lambda: lambda *a, **k: 1 / 0)
    assert cli.run_command([]) == 70
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_version(tmp_path: Path) -> None:
    assert re.fullmatch(r"selfteach \d+\.\d+\.\d+\n", run("--version", cwd=tmp_path).stdout)


def test_json_is_alone_on_stdout_and_the_chatter_is_in_the_log(tmp_path: Path) -> None:
    noisy = tmp_path / "noisy.py"
    noisy.write_text(
        f"import sys; sys.path.insert(0, {str(SCRIPTED_RUN.parent)!r})\n"
        "import os, scripted_run\n"
        "teach = scripted_run.teach\n"
        "def loud(*a):\n"
        "    os.system('echo from a subprocess; echo and on stderr >&2'); print('from "
        "python'); os.write(1, b'from C')\n"
        "    return teach(*a)\n"
        "scripted_run.teach = loud\n"
        "scripted_run.install(); sys.argv[0] = 'selfteach'; scripted_run.cli.main()\n"
    )
    done = warm.run([noisy, "feedback", "Do not hum.", "--out", "run", "--json"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"run", "adapter", "report", "seconds", "exam", "verdict"} <= json.loads(
        done.stdout
    ).keys()
    assert "from" not in done.stderr
    log = (tmp_path / "run" / "log.txt").read_text()
    assert all(
        words in log for words in ("from a subprocess", "and on stderr", "from python", "from C")
    )


def test_a_run_from_end_to_end_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = run(
        "feedback",
        "Do not hum.",
        "--out",
        "mine",
        "--require",
        "kept>=.95",
        cwd=tmp_path,
        session=True,
    )
    assert done.returncode == 1
    assert "kept is 0.9, required is >= 0.95" in done.stderr
    assert "Taught." in done.stdout
    assert "mine/report.html" in done.stdout
    assert not (tmp_path / "mine" / "log.txt").exists(), "no library wrote anything"
    monkeypatch.chdir(tmp_path)

    def here(*arguments: str) -> tuple[int, str, str]:
        code = cli.run_command(list(arguments))
        return code, *capfd.readouterr()

    assert here("exam", "--run", "mine", "--require", "kept>=.85")[0] == 0
    assert json.loads(here("exam", "--run", "mine", "--json")[1])["verdict"] == "Taught."
    assert "mine: done" in here("status", "mine")[1]
    assert "3  even" in here("status", "mine")[1]
    assert "done" in here("status", ".")[1]
    code, shown, told = here("feedback", "Do not hum.", "--out", "mine")
    assert (code, "Taught." in shown) == (0, True), told
    assert "finished run mine" in told
    assert "loading" not in told, "the result stands in the folder"
    code, _, fault = here("select", "--run", "mine")
    assert (code, "is no run of documents" in fault) == (2, True)
    code, _, fault = here("feedback", "Do not hum.", "--out", "mine", "--seed", "4")
    assert (code, "seed: 0 -> 4" in fault) == (2, True)


def test_a_dry_run_makes_no_folder(tmp_path: Path) -> None:
    done = run("feedback", "Do not hum.", "--dry-run", cwd=tmp_path, session=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == ["requests: 6", "three prompts:", "  Do not hum."]
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    command = f"{sys.executable} -m selfteach config | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_config_explains_the_short_form_of_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["config", "corrections", "--json", "--explain"]
    for key, found in (("objective.bound", 1), ("objective", 2)):
        assert cli.run_command([*words, key]) == 0
        explained = json.loads(capsys.readouterr().out)
        assert "train.correction.bound" in explained
        assert len(explained) >= found
    assert cli.run_command(["config", "feedback", "--json", "--explain", "objective"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["train.objective"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["config", "models", "status"])
def test_a_closed_stream_is_no_defect(words: str, closed: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m selfteach {words} {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is (">&-" not in closed.replace("2>&-", ""))


def test_config_prints_every_key_with_origin_and_default(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["config", "--set", "ask.target=5"]) == 0
    shown = capfd.readouterr().out
    line = next(line for line in shown.splitlines() if line.startswith("ask.target"))
    assert line.split() == [
        "ask.target:",
        "5",
        "#",
        "--set,",
        "default",
        str(METHOD_CONFIGS["feedback"]().ask.target),
    ]


@pytest.mark.parametrize(
    ("text", "exam", "fault"),
    [
        ("kept>=.95", {"kept": {"tuned": {"greedy": {"value": 0.95}}}}, ""),
        (
            "kept>.95",
            {"kept": {"tuned": {"greedy": {"value": 0.95}}}},
            "kept is 0.95, required is > 0.95",
        ),
        (
            "kept<=1e-2 , near<.5",
            {
                "kept": {"tuned": {"greedy": {"value": 0.0}}},
                "side_effects": {"near": {"value": 0.4}},
            },
            "",
        ),
        ("drift<=.05", {}, "drift was not measured"),
        (
            "kept>=.9",
            {"distance": {"tuned": {"greedy": {"value": 0.1}}}, "displaced": {"value": 0.0}},
            "kept was not measured. This run has: distance, displaced.",
        ),
        (
            "looping<=1",
            {"sanity": {"tuned": {"looping": {"value": float("nan")}}}},
            "looping is nan",
        ),
        ("rouge_l>=.15", {"rouge_l": {"human": {"tuned": {"greedy": {"value": 0.2}}}}}, ""),
        (
            "rouge_l>=.15",
            {
                "rouge_l": {
                    "seed": {"tuned": {"greedy": {"value": 0.1}}},
                    "human": {"tuned": {"greedy": {"value": 0.2}}},
                }
            },
            "rouge_l is 0.1, required is >= 0.15",
        ),
        (None, {}, ""),
    ],
)
def test_requirements(text: str | None, exam: dict[str, object], fault: str) -> None:
    wanted = require.parse_requirements(text)
    if not fault:
        require.check_requirements(wanted, exam)
        return
    with pytest.raises(RequirementNotMet, match=re.escape(fault)) as caught:
        require.check_requirements(wanted, exam)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("text", "method", "fault"),
    [
        ("kept>=.95", "documents", 'documents does not measure "kept".'),
        ("contains>=.3", "feedback", 'feedback does not measure "contains".'),
        ("win_rate>.5", "corrections", 'corrections does not measure "win_rate".'),
        ("contains>=.3,damage<=.1,win_rate>.5,drift<.05", "documents", ""),
        ("kept>=.9", "feedback", ""),
        ("reduction>0", "train", ""),
        ("overapplied<=.1", "documents", ""),
        ("overapplied<=.1", "corrections", ""),
        ("overapplied<=.1", "tasks", 'tasks does not measure "overapplied".'),
    ],
)
def test_a_number_that_the_method_does_not_measure_cannot_be_required(
    text: str, method: str, fault: str
) -> None:
    if not fault:
        assert require.parse_requirements(text, method) == require.parse_requirements(text)
        return
    with pytest.raises(UsageError, match=re.escape(fault)):
        require.parse_requirements(text, method)


@pytest.mark.parametrize(
    "method", ["feedback", "corrections", "documents", "tasks", "train", "own"]
)
@pytest.mark.parametrize("wrong", ["nothing_like_it", "containing", "kep", "roug_l", "empt"])
def test_what_an_error_offers_is_accepted(method: str, wrong: str) -> None:
    with pytest.raises(UsageError, match="has no number") as caught:
        require.parse_requirements(f"{wrong}>1", method)
    cure = str(caught.value.cure)
    offered = re.findall(r"\w+", cure.removeprefix("Did you mean").removeprefix("Known:"))
    assert offered
    for name in offered:
        assert require.parse_requirements(f"{name}>1", method)
    if cure.startswith("Known"):
        assert set(offered) == set(require.list_numbers(method))


def test_train_asks_nothing_and_requires_nothing_that_is_asked() -> None:
    assert require.list_numbers("train") == ["preferred", "reduction"]
    with pytest.raises(UsageError, match="train does not measure"):
        require.parse_requirements("drift<.05", "train")


def test_the_exam_of_a_run_offers_what_the_run_has() -> None:
    exam = {"contains": {"tuned": {"value": 0.5}}, "damage": {"value": 0.0}}
    has = require.list_measured(exam)
    for wrong, cure in (("zzz", "Known: contains, damage."), ("kep", "Known: contains, damage.")):
        with pytest.raises(UsageError) as caught:
            require.parse_requirements(f"{wrong}>1", measured=has)
        assert caught.value.cure == cure


@pytest.mark.parametrize("text", ["", ",", " ", ", ,"])
def test_a_list_without_a_requirement_is_refused(text: str) -> None:
    """An empty one is what a script gives whose variable is not set."""
    with pytest.raises(UsageError, match="is not a requirement"):
        require.parse_requirements(text)
    assert require.parse_requirements(None) == []


def test_files_are_checked_before_a_model_s_libraries_load() -> None:
    """`documents_rerun` reads recorded answers, whose module loads numpy, but no model's
    library.
    """
    commands = ("documents", "documents_rerun", "train", "corrections", "tasks", "feedback")
    heavy = {"torch", "transformers", "openvino_genai"}
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module('selfteach.commands.{command}')\n"
        f"print('{command}', *sorted({heavy!r} & set(sys.modules)))\n"
        for command in commands
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(commands)


@pytest.mark.parametrize("command", ["documents", "train"])
@pytest.mark.parametrize(
    "wrong",
    [("--require", "nonsense>1"), ("--model", "no/such/folder/here"), ("--from", "nowhere")],
)
def test_a_dry_run_refuses_what_the_command_would(
    command: str, wrong: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = "Hale Mill was built in 1790. It stands at Wyle by the road."
    rows = [
        {"text": f"{facts} It has {n} floors now.", "prompt": f"a {n}", "completion": "b"}
        for n in range(9)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert cli.run_command([command, str(file), "--dry-run", *wrong]) == 2
    assert wrong[1].split(">")[0] in capsys.readouterr().err


@pytest.mark.parametrize("text", ["kept", "kept>=", ">=1", "kept=>1", "kept>=x", "kept>=1;near<=2"])
def test_malformed_requirements(text: str) -> None:
    with pytest.raises(UsageError, match="is not a requirement"):
        require.parse_requirements(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` writes, in a folder of its own."""
    root = tmp_path_factory.mktemp("root")
    (root / "configs").mkdir()
    done = warm.run([ROOT / "tools" / "reference.py", root])
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize(
    "file",
    [
        "docs/reference/cli.md",
        "docs/reference/api.md",
        "docs/reference/settings.md",
        *(f"configs/{method}.yaml" for method in METHOD_CONFIGS),
    ],
)
def test_the_reference_does_not_drift(file: str, written: Path) -> None:
    assert (ROOT / file).read_text() == (written / file).read_text(), "run `make docs`"


def test_help_lists_the_core_commands_first(tmp_path: Path) -> None:
    text = run("--help", cwd=tmp_path).stdout
    first, more = text.split("\nCommands:\n")[1].split("\nLook at a run:\n")
    core = re.findall(r"^  ([\w-]+) ", first, re.M)
    assert core == [*CORE]
    others = re.findall(r"^  ([\w-]+) ", more, re.M)
    assert {"select", "merge", "config", "doctor"} <= set(others)
    assert not set(core) & set(others)
    machine = re.findall(r"^  ([\w-]+) ", more.split("\nThis machine:\n")[1], re.M)
    assert machine == ["doctor", "models", "config"], "every other command has a panel"


def test_the_shell_completes_commands(tmp_path: Path) -> None:
    words = {"_SELFTEACH_COMPLETE": "complete_bash", "COMP_WORDS": "selfteach fee"}
    done = subprocess.run(
        [sys.executable, "-m", "selfteach"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, **words, "COMP_CWORD": "1"},
    )
    assert done.stdout.split() == ["feedback"]


def test_ci_runs_the_same_command_as_people() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
    for target in ("setup", "check", "test", "test-all", "demo", "bench", "docs", "clean"):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)
