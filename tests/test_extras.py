"""A light installation: commands that load no model run, and others name the extra to install."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import selfteach
from selfteach.extras import MODULES, require_extra
from selfteach.models import fetch_default_model

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = {"sklearn": "scikit_learn", "docx": "python_docx"}
"""The package of each module that has another name than its package."""
RUN_WITHOUT = """
import json, sys
import psutil  # on Linux it needs a module that Windows lacks
for module in json.loads(sys.argv[1]):
    sys.modules[module] = None
from selfteach import cli
for arguments in json.loads(sys.argv[2]):
    print(cli.run_command(arguments), file=sys.stderr, flush=True)
"""
"""Run commands in one process where modules cannot be imported."""


def run_without(modules: list[str], commands: list[list[str]], cwd: Path) -> list[tuple[int, str]]:
    """Return the exit code and the errors of each command."""
    program = [sys.executable, "-c", RUN_WITHOUT, json.dumps(modules), json.dumps(commands)]
    done = subprocess.run(program, cwd=cwd, capture_output=True, text=True)
    found = re.findall(r"(.*?)^(\d+)\n", done.stderr, re.M | re.S)
    assert len(found) == len(commands), done.stderr
    return [(int(code), text) for text, code in found]


def names_of(requirements: list[str]) -> set[str]:
    """Return the packages of a list of requirements, as modules are written."""
    names = [re.split(r"[\[<>=;]", requirement)[0] for requirement in requirements]
    return {name.strip().replace("-", "_").lower() for name in names}


def test_the_extras_bring_what_the_program_says() -> None:
    extras = PROJECT["optional-dependencies"]
    for extra, modules in MODULES.items():
        brought = names_of(extras["models" if extra == "cpu" else extra])
        assert {PACKAGES.get(module, module) for module in modules} == brought


def test_what_fetches_the_default_model_is_brought() -> None:
    """The environments of uv have no pip."""
    programs = re.findall(r'"-m",\s*"(\w+)"', Path(fetch_default_model.__file__).read_text())
    assert programs == ["pip"]
    assert set(programs) <= set(MODULES["cpu"])


def test_a_run_needs_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip may hold all other packages, and its models."""
    monkeypatch.setattr("selfteach.extras.find_spec", lambda name: None if name == "pip" else name)
    require_extra("cpu")


@pytest.mark.slow
def test_what_does_not_need_a_model_runs_without_its_packages(tmp_path: Path) -> None:
    """fcntl and resource are absent on Windows."""
    away = [*MODULES["cpu"], *MODULES["documents"], *MODULES["bench"], "fcntl", "resource"]
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Sing."}\n{"prompt": "Dance."}\n')
    (tmp_path / "notes.txt").write_text("A whale is not a fish. It breathes air.\n")
    (tmp_path / "notes.md").write_text("# Whales\n\nA whale has **lungs**, and it sings.\n")
    (tmp_path / "page.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "page.html").write_text("<p>A whale sings.</p>")
    (tmp_path / "old.txt").write_bytes("Der Wal ist groß und schön.\n".encode("latin-1"))
    work = [
        ["status"],
        ["config", "documents"],
        ["templates"],
        ["overlap", "rows.jsonl", "--field", "prompt", "--out", "kept.jsonl"],
        ["exam", "--run", "nope"],
        ["review", "--run", "nope"],
    ]
    lacking = [["feedback", "Hum a tune."], ["tasks"], ["compare", "--run", "nope"], ["models"]]
    lacking += [["documents", "notes.txt", "notes.md"]]  # both are read, and then a model is needed
    reading = [["documents", "page.pdf"], ["documents", "more"], ["documents", "old.txt"]]
    found = run_without(away, [*work, *lacking, *reading], tmp_path)
    assert [code for code, _ in found] == [0, 0, 0, 0, *[2] * 10]
    for code, text in found[len(work) : -len(reading)]:
        assert code == 2
        assert re.fullmatch(r'selfteach: .*Run: pip install "selfteach\[cpu\]"\n', text), text
    parsers = ("pypdf", "selectolax", "charset_normalizer")
    for (_, text), package in zip(found[-len(reading) :], parsers, strict=True):
        assert f"this needs {package}, " in text
        assert 'pip install "selfteach[documents]"' in text
    assert found[-3][1].startswith("selfteach: page.pdf: ")
    assert not (tmp_path / "runs").exists()


def test_a_package_that_is_no_extra_stays_a_defect(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from selfteach.commands.errors import print_error

    assert print_error(ModuleNotFoundError("No module named 'nope'", name="nope")) == 70
    assert "defect" in capfd.readouterr().err


def test_the_presets_are_part_of_the_package() -> None:
    folder = Path(selfteach.__file__).parent / "config" / "presets"
    assert (folder / "feedback" / "quick.yaml").is_file()
