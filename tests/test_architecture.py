"""The order of the packages holds: imports point left only, without circles, and nothing heavy is
loaded to say hello.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

import pytest

import selfteach

SOURCE = Path(selfteach.__file__).parent
ROOT = Path(__file__).parents[1]
TESTS = Path(__file__).parent
FLOOR_ORDER = [
    "version",
    "child_process",
    "errors",
    "extras",
    "disk",
    "text",
    "sentences",
    "exact_texts",
    "number_words",
    "files",
    "records",
    "registry",
    "statistics",
    "config",
    "run",
]
"""The modules that everything else stands on; each imports only those before it."""
ORDER = [
    "floor",
    "dedup",
    "models",
    "materials",
    "generate",
    "judge",
    "select",
    "train",
    "evaluate",
    "report",
    "review",
    "methods",
    "students",
    "export",
    "serve",
    "python_words",
    "results",
    "api",
    "package",
    "lazy",
    "commands",
]
"""Rooms from left to right; each imports only from itself and from those before it."""
APART = {
    ("export", "report"),
    ("report", "export"),
}
"""Neighbors that do not know each other."""
LAZY = {("train", "lazy")}
"""`selfteach.train` is a function as well; lazy.py loads the API only when it is called."""
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "openvino_genai",
    "sklearn",
    "scipy",
    "matplotlib",
    "openai",
    "trl",
    "datasets",
)


def room(module: str) -> str:
    """Return the room of `selfteach.a.b`. The floor is one room; the command line is one with the
    bodies of its commands.
    """
    part = module.split(".")[1] if "." in module else "__init__"
    if part in FLOOR_ORDER:
        return "floor"
    if part == "__init__":
        return "package"
    return "commands" if part in ("__main__", "cli") else part


Import = ast.Import | ast.ImportFrom


@cache
def find_imports(source: str) -> tuple[tuple[Import, bool], ...]:
    """Return every import, wherever in the file, and whether it is for type checkers only.

    Most tests here read all files of the package, which takes seconds; so each is read once.
    """
    return tuple(walk_imports(ast.parse(source)))


def walk_imports(tree: ast.AST, for_checkers: bool = False) -> Iterator[tuple[Import, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue  # no expression holds an import
        if isinstance(node, Import):
            yield node, for_checkers
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        yield from walk_imports(node, for_checkers or guarded)


def imports(source: str, module: str) -> Iterator[str]:
    """The modules of selfteach that a file imports, wherever in the file, except for type checkers
    only.
    """
    for node, for_checkers in find_imports(source):
        if for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (
                alias.name for alias in node.names if alias.name.split(".")[0] == "selfteach"
            )
        elif node.level:
            yield ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
        elif node.module == "selfteach":
            yield from (f"selfteach.{alias.name}" for alias in node.names)
        elif node.module and node.module.startswith("selfteach."):
            yield node.module


def faults(source: str, module: str) -> list[str]:
    """The imports of a file that point right, or to a neighbour that it may not know."""
    here = room(module)
    found = []
    for target in imports(source, module):
        there = room(target)
        if (here, there) in LAZY:
            continue
        if there not in ORDER:
            found.append(f"{module} imports {target}, which is no known room")
        elif ORDER.index(there) > ORDER.index(here) or (here, there) in APART:
            found.append(f"{module} imports {target}")
        elif here == there == "floor" and points_up(module, target):
            found.append(f"{module} imports {target}, which is above it on the floor")
    return found


def points_up(module: str, target: str) -> bool:
    """Whether one module of the floor imports another that is above it."""
    here = module.split(".")[1]
    there = target.split(".")[1]
    return FLOOR_ORDER.index(there) > FLOOR_ORDER.index(here)


FILES = {
    f"selfteach.{'.'.join(path.relative_to(SOURCE).with_suffix('').parts)}": path
    for path in sorted(SOURCE.rglob("*.py"))
}


def test_imports_point_left_only() -> None:
    sources = {module: path.read_text("utf-8") for module, path in FILES.items()}
    assert [fault for module in sources for fault in faults(sources[module], module)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("selfteach.records", "from selfteach.models import Sampler"),
        ("selfteach.judge.check", "import selfteach.train.train"),
        ("selfteach.judge.check", "from selfteach import methods"),
        ("selfteach.judge.check", "def f():\n    from selfteach.train import trainer"),
        ("selfteach.judge.check", "from ..train import trainer"),
        ("selfteach.run.ledger", "from ..generate import ask"),
        ("selfteach.models.hf", "if True:\n    from selfteach.cli import main"),
        ("selfteach.models.write_gguf", "from selfteach.report import page"),
        ("selfteach.methods.feedback.method", "from selfteach.utils import everything"),
        ("selfteach.dedup.overlap", "from selfteach.materials.rows import Row"),
        ("selfteach.methods.runner", "from selfteach import results"),
        ("selfteach.results", "from selfteach.api import teach"),
        ("selfteach.api", "from selfteach.commands import teach"),
        ("selfteach.run.manifest", "from selfteach import __version__"),
        ("selfteach.errors", "from selfteach.disk import fsync"),
        ("selfteach.disk", "from selfteach.text import clean_text"),
        ("selfteach.text", "def f():\n    import selfteach.files"),
        ("selfteach.records", "from . import statistics"),
        ("selfteach.config.resolve", "from selfteach.run.ledger import Ledger"),
    ],
)
def test_an_import_that_points_right_would_be_noticed(module: str, source: str) -> None:
    assert faults(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "selfteach.judge.check",
            (
                "from selfteach.models import Sampler\nfrom selfteach import "
                "records\nimport json, torch"
            ),
        ),
        ("selfteach.judge.check", "from . import inverse"),
        (
            "selfteach.models.hf",
            (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from "
                "selfteach.train import trainer"
            ),
        ),
    ],
)
def test_an_import_that_points_left_is_fine(module: str, source: str) -> None:
    assert not faults(source, module)


def every_import(source: str, module: str, package: bool, known: Set[str]) -> set[str]:
    """Return the modules among `known` that a file imports: at its top, in functions, and for type
    checkers only.

    Args:
        package: whether the file is an `__init__.py`, from which `.` is the module itself.
    """
    parts = module.split(".")
    inside = parts if package else parts[:-1]
    found = set()
    for node, _ in find_imports(source):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            start = inside[: len(inside) - node.level + 1] if node.level else []
            target = ".".join([*start, *filter(None, [node.module])])
            submodules = {f"{target}.{alias.name}" for alias in node.names} & known
            found |= submodules
            if len(submodules) < len(node.names):
                found.add(target)
    return (found & known) - {module}


def find_circles(arrows: Mapping[str, Set[str]]) -> set[frozenset[str]]:
    """Return the groups of modules that all reach each other by imports."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in arrows[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    reached = {module: reach(module) for module in arrows}
    found = set()
    for module, targets in reached.items():
        if module in targets:
            found.add(frozenset(other for other in targets if module in reached[other]))
    return found


def package_arrows() -> dict[str, set[str]]:
    """Return what each module of the package imports, packages by their own names."""
    paths = {module.removesuffix(".__init__"): path for module, path in FILES.items()}
    known = set(paths)
    return {
        module: every_import(path.read_text("utf-8"), module, path.stem == "__init__", known)
        for module, path in paths.items()
    }


def test_there_are_no_import_circles() -> None:
    arrows = package_arrows()
    assert arrows["selfteach.models.decode"]
    assert find_circles(arrows) == set()


@pytest.mark.parametrize(
    ("files", "circles"),
    [
        ({"p.a": "import p.b", "p.b": "import p.a"}, [{"p.a", "p.b"}]),
        ({"p.a": "from p import b", "p.b": "def f():\n    from p.a import x"}, [{"p.a", "p.b"}]),
        (
            {"p.a": "from . import b", "p.b": "if TYPE_CHECKING:\n    from p.a import A"},
            [{"p.a", "p.b"}],
        ),
        (
            {"p.a": "import p.b", "p.b": "import p.c", "p.c": "from p.a import x"},
            [{"p.a", "p.b", "p.c"}],
        ),
        ({"p": "from .a import x", "p.a": "from p import y"}, [{"p", "p.a"}]),
        ({"p.a": "import p.b, os", "p.b": "import p.c", "p.c": "import json"}, []),
        ({"p": "from p.a import x", "p.a": "from p import b", "p.b": ""}, []),
    ],
    ids=["top", "in a function", "type checkers", "three", "package", "none", "submodule"],
)
def test_a_circle_would_be_noticed(files: dict[str, str], circles: list[set[str]]) -> None:
    arrows = {
        module: every_import(source, module, module == "p", set(files))
        for module, source in files.items()
    }
    assert find_circles(arrows) == {frozenset(circle) for circle in circles}


def test_every_room_is_known() -> None:
    assert {room(module) for module in FILES} == set(ORDER)


def loaded(code: str) -> set[str]:
    """The heavy libraries that are loaded after this code ran in a fresh process."""
    tail = (
        f"\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules], "
        "file=sys.__stderr__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


HELP = """
import contextlib, io
from selfteach.cli import main
import sys
sys.argv = ["selfteach", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
    main()
assert "feedback" in out.getvalue(), out.getvalue()
"""


@pytest.mark.parametrize("code", ["import selfteach.cli", HELP], ids=["import", "--help"])
@pytest.mark.skipif(not (SOURCE / "cli.py").exists(), reason="there is no cli.py yet")
def test_saying_hello_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) == set()


FLOOR = [
    "records",
    "registry",
    "config",
    "errors",
    "run.ledger",
    "models",
    "models.recorded",
    "models.remote.endpoint",
]


def test_the_floor_loads_nothing_heavy() -> None:
    code = "\n".join(f"import selfteach.{module}" for module in FLOOR)
    assert loaded(code) == set()


IMPORT = """
import sys
import selfteach
own = {name for name in sys.modules if name.startswith("selfteach")}
assert own == {"selfteach", "selfteach.version"}, own
assert set(selfteach.__all__) <= set(dir(selfteach))
"""


def test_import_selfteach_loads_next_to_nothing() -> None:
    assert loaded(IMPORT) == set()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "PASSIVE 5000"),
        ({"GOMP_SPINCOUNT": "0"}, "PASSIVE 0"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
    ],
)
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(
    given: dict[str, str], expected: str
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {k: v for k, v in os.environ.items() if k not in names} | given
    code = f"import os, selfteach; print(*map(os.environ.get, {names}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_type_checkers_read_the_types_of_the_package() -> None:
    assert (SOURCE / "py.typed").read_bytes() == b""


def test_what_shows_states_loads_no_method() -> None:
    """They hold hundreds of patterns, which take a second to compile."""
    code = """
import sys
from selfteach.commands import runs, status, student
assert not {"selfteach.api", "selfteach.materials.rules.rule"} & sys.modules.keys()
"""
    assert loaded(code) == set()


def test_results_are_imported_without_what_measures_them() -> None:
    """`chat` and `answer` check a name by it, before a model is loaded."""
    code = "import sys\nimport selfteach.results\nassert 'numpy' not in sys.modules"
    assert loaded(code) == set()


def test_help_and_checks_of_material_and_settings_load_nothing_heavy() -> None:
    code = """
import inspect
import selfteach
assert "examples" in inspect.signature(selfteach.train).parameters
assert "Raises:" in selfteach.train.__doc__
for call in (
    lambda: selfteach.feedback("Do not hum.", modle="embedded"),
    lambda: selfteach.feedback(" "),
    lambda: selfteach.corrections("nowhere.jsonl"),
    lambda: selfteach.documents("nowhere"),
    lambda: selfteach.tasks("nowhere.jsonl"),
    lambda: selfteach.train("nowhere.jsonl"),
):
    try:
        call()
    except selfteach.errors.SelfteachError:
        continue
    raise SystemExit("nothing was refused")
from selfteach.methods.estimate_cost import find_plan
for method in ("feedback", "corrections", "documents", "tasks", "train"):
    find_plan(method)
"""
    assert loaded(code) == set()


OUTSIDE = sorted(
    path
    for folder in ("src", "examples", "bench", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path != SOURCE / "cli.py" and not path.is_relative_to(SOURCE / "commands")
)
DESCRIBES_COMMANDS = {ROOT / "tools" / "reference.py"}
"""Documentation of the command line is generated from it."""


def imports_commands(source: str) -> bool:
    """Whether a file imports the commands: what they do is in the API."""
    found = imports(source, "selfteach.x")
    return any(name.split(".")[:2] == ["selfteach", "commands"] for name in found)


def test_nothing_but_the_command_line_imports_commands() -> None:
    wrong = [path for path in OUTSIDE if imports_commands(path.read_text("utf-8"))]
    assert not set(wrong) - DESCRIBES_COMMANDS


@pytest.mark.parametrize(
    "source",
    [
        "from selfteach.commands import lesson",
        "from selfteach import commands",
        "def f():\n    import selfteach.commands.teach",
    ],
)
def test_an_import_of_commands_would_be_noticed(source: str) -> None:
    assert imports_commands(source)


def test_something_heavy_would_be_noticed() -> None:
    assert "scipy" in loaded("import scipy")


def test_docstrings_name_files_that_there_are() -> None:
    """A file in brackets, like (hook_adapter.py), is one of the package."""
    files = {path.name for path in SOURCE.rglob("*.py")}
    named = [
        (path.name, name)
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r"\((?:\w+/)*(\w+\.py)\)", path.read_text("utf-8"))
    ]
    assert named
    assert [pair for pair in named if pair[1] not in files] == []


def test_files_that_share_something_slow_exist() -> None:
    """A renamed file would lose its worker, and the suite its time (conftest.py)."""
    names = re.findall(r'"([\w/]+\.py)"', (TESTS / "conftest.py").read_text("utf-8"))
    assert len(names) > 5
    assert [name for name in names if not (TESTS / name).is_file()] == []
