"""The scripts in examples/ run, and what they leave behind is what the documentation says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import selfteach
from selfteach.config import flatten_keys
from selfteach.errors import DataError
from selfteach.results import FinishedRun
from talker import RULE, SMALL_SETTINGS

pytestmark = [pytest.mark.training, pytest.mark.long]

ROOT = Path(__file__).parents[1]
ARMS = {"base", "prompted", "tuned"}
SMALL = [f"{key}={value}" for key, value in flatten_keys(SMALL_SETTINGS).items() if key != "check"]


def script(name: str) -> ModuleType:
    """A script of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(
        f"example_{name}", ROOT / "examples" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tuned_run(small_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of examples/feedback.py."""
    return shutil.copytree(small_run.path, tmp_path_factory.mktemp("tuned") / "run")


def test_feedback_teaches_and_the_tuned_model_answers(
    tuned_run: Path, talker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["check=not contains fox", *SMALL]
    script("feedback").main(
        RULE,
        tuned_run,
        ["Can the red fox follow a tall crow?"],
        model=str(talker),
        sets=sets,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == json.loads((tuned_run / "exam.json").read_text())["verdict"]["sentence"]
    assert Path(lines[1]).is_file()
    assert [line.split()[0] for line in lines[-2:]] == ["base", "tuned"]
    assert lines[-2].split()[1:] != lines[-1].split()[1:], "the adapter changed nothing"


def test_where_nothing_can_be_learned_the_base_answers(
    talker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["check=not contains zebra", *SMALL]
    script("feedback").main(
        RULE,
        tmp_path / "run",
        ["Can the red fox follow a tall crow?"],
        model=str(talker),
        sets=sets,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Nothing to learn")
    assert lines[-2].split()[1:] == lines[-1].split()[1:]
    assert not (tmp_path / "run" / "adapter").exists()


def test_corrections_asks_the_house_style(talker: Path, tmp_path: Path) -> None:
    """This model says "fox-" and no word of the house style: nothing is to be learned, and it says
    so.
    """
    style = script("house_style").apply_style
    assert style("My favorite color is gray!") == "My favourite colour is grey."
    assert style("It's Tom's, and I can't see why.") == "It is Tom's and I cannot see why."
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(
        "".join(
            f"Can the {how} fox follow a tall {whom}?\n"
            for how in ("red", "old", "calm", "loud")
            for whom in ("crow", "toad")
        )
    )
    sets = [
        "engine=hf",
        "correct.max_tokens=12",
        "correct.max_overlap=0.9",
        "anchors.general=4",
        "exam.general=1",
        "exam.max_tokens=12",
    ]
    found = script("corrections").learn(prompts, tmp_path / "run", model=str(talker), sets=sets)
    assert found.sentence.startswith("Nothing to learn: the teacher changes 0.0 %")
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_model_that_cannot_ask_is_refused(tiny: Path, tmp_path: Path) -> None:
    """Random weights write no question."""
    with pytest.raises(DataError, match="usable requests"):
        selfteach.feedback(
            "Answer in four words.",
            out=tmp_path / "run",
            model=str(tiny),
            check="max_words=4",
            sets=[*SMALL, "ask.rounds=1"],
            progress=False,
        )


def test_tasks_are_invented_taught_and_shown(
    tasker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tasker import SETS, write_seeds

    sets = [
        f"model={tasker}",
        *SETS.split(),
        "count=4",
        "anchors.general=0",
        "exam.general=0",
        "exam.tasks=3",
        "train.max_steps=2",
    ]
    example = script("tasks")
    seeds = write_seeds(tmp_path / "seeds.jsonl")
    assert example.learn(seeds, tmp_path / "run", sets=sets).verdict
    example.show(tmp_path / "run", 2)
    assert sum(line.startswith("- ") for line in capsys.readouterr().out.splitlines()) == 2


def test_adapters_are_compared_on_a_run(
    tuned_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tuned_run, run := tmp_path / "run")
    less = {"sets": ["train.max_steps=1", "exam.target=2"], "rates": [1.0]}
    found = script("compare").main(run, **less)
    assert [name for name, _, _ in found] == ["lora-own", "lora-sft", "reft-own", "reft-sft"]
    assert capsys.readouterr().out.splitlines()[-1].split()[0] in {name for name, _, _ in found}


def keys(value: Any, depth: int) -> Iterator[str]:
    """The keys of nested objects; under `arms` and the names of arms, scopes and stages the keys
    are values.
    """
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key
        if depth and key not in ("stages", "losses"):
            yield from keys(inner, depth - 1)


def test_every_logged_number_is_explained(tuned_run: Path) -> None:
    explained = set(
        re.findall(r"`([\w.]+)`", (ROOT / "docs" / "reference" / "exam.md").read_text())
    )
    explained |= {"value", "low", "high", "n"}
    exam = json.loads((tuned_run / "exam.json").read_text())
    metrics = [json.loads(line) for line in (tuned_run / "metrics.jsonl").read_text().splitlines()]
    assert set(keys(exam["answers"][0], 2)) - {*ARMS} <= explained
    assert set(keys(exam, 2)) - ARMS <= explained
    assert {key for row in metrics for key in row} <= explained


def test_the_files_of_a_run_are_those_of_the_documentation(tuned_run: Path) -> None:
    page = (ROOT / "docs" / "reference" / "formats.md").read_text()
    there = {
        path.name + "/" * path.is_dir()
        for path in tuned_run.iterdir()
        if not path.name.startswith("run.")
    }
    assert {name for name in there if name not in page} == set()
    tree = page.partition("## Files of a student")[0]
    named = set(re.findall(r"^      ?(?:.* {3,})?([\w.]+\.\w+|\w+/) {2,}", tree, re.M))
    assert named - there == {"run.db", "log.txt"}, (
        "log.txt is the command's; any other name is of a file that is not there"
    )
    row = json.loads((tuned_run / "examples.jsonl").read_text().splitlines()[0])
    assert [key for key in row if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    "number",
    [pytest.param(0, id="datasets", marks=pytest.mark.slow), pytest.param(1, id="peft")],
)
def test_the_snippets_of_formats_run(
    number: int, tuned_run: Path, talker: Path, tmp_path: Path
) -> None:
    snippet = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "reference" / "formats.md").read_text(), re.S
    )[number]
    code = snippet.replace("runs/NAME", str(tuned_run)).replace("BASE", str(talker))
    code += [
        "\nassert len(pairs) and len(examples) >= len(pairs)",
        "\nassert whole.num_parameters() == base.num_parameters()",
    ][number]
    if number:  # what it imports is here already; `datasets` would write into the user's cache
        exec(compile(code, "docs/reference/formats.md", "exec"), {"__name__": "snippet"})
        return
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
