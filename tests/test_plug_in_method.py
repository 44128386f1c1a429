"""A method of another package, one module, gets its command, configuration, dry run, exam, report,
model card and Python call. Its package is a .dist-info folder that lies on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import warm

pytestmark = pytest.mark.long

TOY = Path(__file__).parent / "plug_in" / "toy_method.py"
SOURCE = Path(__file__).parents[1] / "src"
PAIRS = [
    ("Can the red fox follow a tall crow?", "No bread."),
    ("Does the old bear help a mole?", "No honey."),
    ("Will the calm pike trust a hare?", "No apples."),
    ("Should the loud toad watch a wolf?", "No bread."),
    ("Can the calm bear watch a crow?", "No honey."),
    ("Does the red toad trust a mole?", "No apples."),
]
SETS = ("engine=hf", "train.epochs=40", "train.learning_rate=0.01")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package, and a file of its material."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(TOY, folder)
    info = folder / "toy_method-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: toy-method\nVersion: 1.0\nSummary: Teach pairs.\n")
    (info / "entry_points.txt").write_text("[selfteach.methods]\ntoy = toy_method:METHOD\n")
    (folder / "pairs.txt").write_text("".join(f"{q} => {a}\n" for q, a in PAIRS))
    return folder


def call(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(package),
    )


def call_warm(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed, with torch loaded already."""
    return warm.run(arguments, cwd=package, env=environment(package), timeout=300)


def environment(package: Path) -> dict[str, str]:
    """Return the variables with which Python finds the package."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(package)])}


@pytest.fixture(scope="module")
def run(package: Path, talker: Path) -> Path:
    """The run with the pairs, by the command."""
    (package / "own.yaml").write_text("train:\n  epochs: 40\n  learning_rate: 0.01\n")
    words = ["toy", "pairs.txt", "--model", str(talker), "--out", "run", "--config", "own.yaml"]
    done = call_warm(package, "-m", "selfteach", *words, "--set", "engine=hf", "--json")
    assert done.returncode == 0, done.stderr
    return Path(package / json.loads(done.stdout)["run"])


def test_the_toy_teaches_and_is_examined(run: Path) -> None:
    exam = json.loads((run / "exam.json").read_text())
    assert exam["method"] == "toy"
    assert set(exam["score"]) == {"base", "prompted", "tuned"}
    assert exam["score"]["tuned"]["value"] == 1
    assert exam["verdict"]["word"] == "taught"
    assert exam["reproduce"][0].startswith("selfteach toy pairs.txt")


def test_it_has_a_report_and_a_model_card(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Answered as taught" in page
    assert "rule" not in page.partition("<main>")[2].partition('id="drift"')[0]
    card = (run / "README.md").read_text()
    assert "# Taught with toy" in card
    assert "Answered as taught" in card


def test_its_command_is_listed_without_loading_it(package: Path) -> None:
    code = (
        "import sys; from selfteach import cli; cli.run_command(['--help']); "
        "print('toy_method' in sys.modules, 'torch' in sys.modules)"
    )
    done = call(package, "-c", code)
    assert "toy" in done.stdout
    assert "Teach pairs." in done.stdout
    assert done.stdout.splitlines()[-1] == "False False"


def test_its_configuration_is_printed(package: Path) -> None:
    done = call_warm(package, "-m", "selfteach", "config", "toy", "--set", "seed=3", "--json")
    rows = json.loads(done.stdout)
    assert rows["seed"] == {
        "value": 3,
        "origin": "--set",
        "default": 0,
        "description": "Seed of all random choices.",
    }
    assert rows["train.max_tokens"]["value"] == 200


def test_a_dry_run_says_what_was_read(package: Path, talker: Path) -> None:
    words = ["toy", "pairs.txt", "--model", str(talker), "--dry-run", "--json"]
    stated = json.loads(call_warm(package, "-m", "selfteach", *words).stdout)
    assert (stated["method"], stated["material"]) == ("toy", "pairs")
    assert stated["identity"][0].startswith("pairs: pairs.txt ")


def test_bad_material_and_a_mistyped_setting_are_refused(package: Path) -> None:
    code = (
        "from selfteach.cli import run_command; "
        "print(run_command(['toy', 'nowhere.txt', '--dry-run'])); "
        "print(run_command(['toy', 'pairs.txt', '--set', 'tarin.epochs=1'])); "
        "import sys; print('toy_method' in sys.modules, 'torch' in sys.modules)"
    )
    done = call(package, "-c", code)
    assert done.stdout.split() == ["3", "2", "True", "False"], done.stderr
    first, *others = done.stderr.splitlines()
    assert first == "selfteach: nowhere.txt: is no file. Give a file of `question => answer`."
    assert 'Did you mean "train"?' in "\n".join(others)


def test_python_finds_the_same_run(run: Path, package: Path, talker: Path) -> None:
    code = f"""
import selfteach
run = selfteach.teach("toy", "pairs.txt", out="run", model={str(talker)!r}, engine="hf",
                      config="own.yaml", progress=False)
print(run.verdict, run.exam["tuned"]["target"].greedy.value, "Answered" in run._repr_html_())
"""
    done = call_warm(package, "-c", code)
    assert done.stdout == "taught 1.0 True\n", done.stderr
