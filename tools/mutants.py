"""Mutation score: the share of small faults, put into the source one at a time, that tests notice.

python tools/mutants.py --group run --sample 40 --seed 0

Each fault (a "mutant") is one changed operator, boundary, constant, condition, return value, or a
dropped statement. Docstrings, annotations, decorators, strings and the wording of errors stay as
they are. The real tree is never changed: everything runs in a copy below --work.

Steps: run the group's tests once and record which lines each test runs (in-process lines only);
then, for each mutant, run the tests that run its lines, fastest first, then the group's `outside`
tests (those that start processes). A test that fails, or takes far longer than it should, kills
the mutant. Each run is a fork of a process that has already imported torch, pytest and the like,
but nothing of the package. Results are kept by mutant, so an interrupted command goes on.

Options: --list shows the mutants; --only TEXT selects some; --fresh forgets earlier results.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fnmatch
import hashlib
import importlib
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "selfteach"
COPIED = ("src", "tests", "tools", "bench", "configs", "docs", "examples")
COPIED_FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")
STARTUP_S = 15.0
SLOWER = 6.0
OUTSIDE_S = 120.0
"""A test may take SLOWER times its clean duration and at least STARTUP_S seconds. The same holds
for all tests of a mutant together. Tests that start processes have OUTSIDE_S seconds."""


@dataclass(frozen=True)
class Group:
    """Name the sources that are changed and the tests that must notice it.

    Args:
        sources: files below src/selfteach, as patterns; after a colon the functions, by comma.
        tests: files, folders or tests below tests/.
        outside: tests that start processes, so that the lines they run are unknown; by the pattern
            of the source that they watch. They run last.
        by_hand: faults that no operator makes, as (file, text, other text); the text stands once.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    outside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: tuple[tuple[str, str, str], ...] = ()


GROUPS = {
    "run": Group(
        sources=("run/*.py", "disk.py"),
        tests=(
            "run",
            "faults/test_04_disk_full.py",
            "faults/test_06_torn_lines.py",
            "faults/test_07_damaged_ledger.py",
            "faults/test_17_clock.py",
            "faults/test_27_unwritable.py",
        ),
        outside={
            "run/lock.py": ("faults/test_15_two_processes.py",),
            "run/run_folder.py": (
                "faults/test_15_two_processes.py",
                "faults/test_01_kill_sweep.py",
                "faults/test_45_power_loss.py",
            ),
            "run/ledger.py": ("faults/test_45_power_loss.py",),
            "run/signals.py": ("faults/test_16_signals.py",),
        },
    ),
    "power": Group(
        sources=(),
        tests=("run/test_run_folder.py", "run/test_ledger.py", "faults/test_04_disk_full.py"),
        outside={
            "run/*.py": ("faults/test_45_power_loss.py", "faults/test_01_kill_sweep.py"),
            "files.py": ("faults/test_45_power_loss.py", "faults/test_01_kill_sweep.py"),
        },
        by_hand=(
            ("run/ledger.py", 'synchronous=FULL")', 'synchronous=OFF")'),
            ("run/ledger.py", 'synchronous=FULL")', 'synchronous=NORMAL")'),
            ("run/ledger.py", 'execute("ROLLBACK")', 'execute("COMMIT")'),
            ("run/run_folder.py", "path.rename(old)", "shutil.rmtree(path)"),
            ("run/run_folder.py", "os.fsync(handle.fileno())", "pass"),
            ("run/run_folder.py", "sync_folder(folder)", "pass"),
            ("run/run_folder.py", "sync_folder(path.parent)", "pass"),
            ("files.py", "os.fsync(handle.fileno())", "pass"),
            ("files.py", "sync_folder(path.parent)", "pass"),
            ("files.py", "sync_folder(place.parent)", "pass"),
        ),
    ),
    "recorded": Group(
        sources=("models/recorded.py",),
        tests=("models/test_recorded.py", "run/test_ledger.py", "faults/test_13_cut_prompts.py"),
    ),
    "guard": Group(
        sources=("models/remote/retry.py",),
        tests=("models/test_retry.py", "faults/test_08_rate_limits.py"),
    ),
    "text": Group(
        sources=(
            "text.py:clean_text,_replace_unsafe",
            "files.py",
        ),
        tests=(
            "test_records.py",
            "faults/test_11_malformed.py",
            "faults/test_21_unsafe_text.py",
            "faults/test_22_encodings.py",
        ),
    ),
    "checkpoint": Group(
        sources=("train/checkpoint.py",),
        tests=("train/test_checkpoint.py", "faults/test_25_damaged_checkpoint.py"),
        outside={"train/checkpoint.py": ("faults/test_02_killed_checkpoint.py",)},
    ),
    "objectives": Group(
        sources=("train/objectives/*.py",),
        tests=(
            "math",
            "train/test_correction_bounds.py",
            "train/test_correction_oracle.py",
            "train/test_correction_training.py",
            "train/test_distill.py",
            "train/test_hold.py",
            "train/test_objectives.py",
        ),
    ),
    "statistics": Group(
        sources=("statistics.py", "judge/calibrate.py"),
        tests=("test_statistics.py", "judge/test_calibrate.py"),
    ),
}

EQUIVALENT: dict[str, str] = {
    # text
    "files.py::read_lines::constant::2 -> (3) #1": "peek returns its buffer, not that many bytes",
    "files.py::read_lines::constant::2 -> (1) #1": "peek returns its buffer, not that many bytes",
    "files.py::read_lines::constant::1 -> (2) #1": "a longer line is refused all the same",
    'text.py::_replace_unsafe::return::return "" -> return None': (
        "re.sub takes None for an empty text"
    ),
    "files.py::_parse_int::constant::20 -> (21)": "integers of 21 digits fail the next comparison",
    # recorded
    "recorded.py::Recorded.embed::constant::True -> (False) #1": "both are made from one list",
    "recorded.py::Recorded._embed_missing::constant::True -> (False) #1": (
        "the lengths are compared before"
    ),
    'recorded.py::Recorded.explain_misfit::return::return ""': "None is as false as an empty text",
    # statistics
    "statistics.py::<module>::constant::21 ->": "memory: how many numbers are held at once",
    "statistics.py::<module>::constant::1 ->": "memory: how many numbers are held at once",
    "statistics.py::<module>::arithmetic::1 << 21": "memory: how many numbers are held at once",
    "statistics.py::recovery::compare::under < MIN_DENOMINATOR - 1e-12 -> (under <= ": (
        "no mean of flags lies on .1 - 1e-12"
    ),
    "statistics.py::recovery::constant::1e-12 -> (1e-11)": "a tolerance of rounding",
    "statistics.py::_widen_interval::constant::1e-12 -> (1e-11)": "a tolerance of rounding",
    "statistics.py::_widen_interval::compare::high - low > 1e-12 -> (high - low >= ": (
        "a tolerance of rounding"
    ),
    "statistics.py::best_threshold::constant::12 -> (1": "a tolerance of rounding: 11 or 13 places",
    "statistics.py::ratio.of::constant::1.0 -> ": "divides where the quotient is not taken",
    "statistics.py::share::constant::1.0 -> (10.0) #2": "Wilson's bound passes 1 by rounding only",
    "statistics.py::share::constant::1.0 -> (2.0) #2": "Wilson's bound passes 1 by rounding only",
    # objectives
    "correction.py::desensitize_lengths::constant::0 -> (-1) #1": "dimension -1 of a vector is 0",
    "correction.py::desensitize_lengths::constant::0 -> (-1) #2": "dimension -1 of a vector is 0",
    "correction.py::desensitize_lengths::constant::0 -> (-1) #3": "dimension -1 of a vector is 0",
    "objectives/objective.py::sum_by_row::constant::0 -> (-1)": "dimension -1 of a vector is 0",
    "distill.py::coarsen::unary::-1 -> (1)": "the last dimension of a matrix is 1",
    "distill.py::divergence::unary::-1 -> (1)": "the last dimension of a matrix is 1",
    "anchor.py::AnchorObjective.compute_drifts::constant::0.5 -> ": "forward KL has no beta",
    "distill.py::log_tail_mass::unary::-1 -> (1)": "the last dimension of a matrix is 1",
    "correction.py::compute_pair_ratios::constant::True -> (False)": (
        "both sides always have as many parts"
    ),
    # guard
    "remote/retry.py::TransientError.__init__::drop::super()": (
        "BaseException keeps the reason itself"
    ),
    "remote/retry.py::parse_retry_after_s::compare::seconds > 0 -> (seconds >= 0)": (
        "no wait is a wait of no seconds"
    ),
    "remote/retry.py::parse_retry_after_s::constant::64 -> (65) #2": "no date has 64 letters",
    "remote/retry.py::parse_retry_after_s::constant::64 -> (63) #2": "no date has 64 letters",
    # checkpoint
    "train/checkpoint.py::write_checkpoint::constant::2 -> (": "how its manifest is indented",
    "train/checkpoint.py::write_checkpoint::constant::True -> (False) #4": (
        "there are as many contents as names"
    ),
    "train/checkpoint.py::read_checkpoint::constant::True -> (False) #1": (
        "one is made from the other"
    ),
    # run
    "run/manifest.py::write_manifest::constant::2 -> (": "how the manifest is indented",
    "run/display.py::Display.count_answers::constant::0 -> ": "nothing is done of nothing",
    "run/finished.py::read_base_name::compare::name == ": (
        "the default model is no path, so none is hidden"
    ),
    "run/display.py::replace_control_chars::compare::*('\\u202a' < c <= '\\u202e') #1": (
        "U+202A is not printable anyway"
    ),
    "run/display.py::replace_control_chars::compare::*('\\u202a' <= c < '\\u202e') #1": (
        "U+202E is not printable anyway"
    ),
    "run/ledger.py::Ledger.__init__::constant::True -> (False) #1": (
        "SQLite as it is usually built reads file: addresses without being asked"
    ),
    "run/display.py::Display.__init__::constant::0 -> ": "a stage sets it before it is shown",
    "run/recover.py::_make_copies::drop::shutil.copyfile(log": (
        "the check of the ledger before has folded its log into it"
    ),
    "run/exports.py::check_adapter_sums::constant::2 -> (3)": "no run writes an adapter deeper",
    "run/lock.py::RunLock.__init__::drop::os.lseek": "a file begins where it was opened",
    "run/lock.py::find_lock_owner::constant::32 -> (3": "a pid has fewer than 31 digits",
    "run/lock.py::RunLock.__init__::constant::32 -> (3": "a pid has fewer than 31 digits",
    "run/ledger.py::Ledger.__init__::constant::0 -> (-1)": "the row has one column",
    "run/ledger.py::Ledger.get_note::constant::0 -> (-1)": "the row has one column",
    "run/sums.py::<module>::constant::20 -> (": "a bound of memory: how large a copy may be",
    "run/sums.py::<module>::constant::64 -> (6": "a bound of memory: how large a copy may be",
    "run/recover.py::_read_rows::constant::0 -> (-1)": "a bound of useless tries",
    "run/recover.py::<module>::constant::4_000 ->": "a bound of useless tries",
    "run/recover.py::<module>::constant::1 -> (2)": "a bound above every number of rows",
    "run/signals.py::_watch_signals::constant::64 -> (6": "how many bytes are read at once",
    "run/recover.py::<module>::constant::40 ->": "a bound above every number of rows",
    "run/run_folder.py::read_identity::drop::ledger.close()": (
        "CPython closes it when the name goes"
    ),
    "run/signals.py::handle_interrupts::constant::False -> (True) #4": "a warning of Python's own",
}
"""Mutants that no test can notice, by a pattern of their id, with the reason. They do not count."""


# ---------------------------------------------------------------------------- the mutants


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the text from `start` to `end` becomes `text`."""

    id: str
    path: str
    line: int
    last_line: int
    start: int
    end: int
    text: str
    at_import: bool

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
TWINS |= {"minimum": "maximum", "maximum": "minimum"}


class Finder(ast.NodeVisitor):
    """Collects (node, operator's name, replacement's text) for every change of a file."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = wanted
        self.scope: list[str] = []
        self.functions = 0
        self.cached = 0
        self.found: list[tuple[ast.AST, str, str, str, bool]] = []

    def add(self, node: ast.AST, operator: str, text: str) -> None:
        scope = ".".join(self.scope) or "<module>"
        if not self.wanted or any(name in self.wanted for name in self.scope):
            self.found.append((node, operator, text, scope, not self.functions or self.cached > 0))

    def replace(self, node: ast.expr, operator: str, new: ast.expr) -> None:
        self.add(node, operator, f"({ast.unparse(new)})")

    # what is left alone

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope.append(node.name)
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        cached = any("cache" in ast.unparse(decorator) for decorator in node.decorator_list)
        self.functions += 1
        self.cached += cached  # only the first test that calls it runs its lines
        self.body(node.body)
        self.cached -= cached
        self.functions -= 1
        self.scope.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.append(node.name)
        self.body(node.body)
        self.scope.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.dropped_target(node, node.target)
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave texts as they are."""

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave assertions for type checkers as they are."""

    def visit_Import(self, node: ast.Import) -> None: ...

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave the wording of errors as it is."""
        self.add(node, "drop", "pass")

    def body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    # statements

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom) and self.functions:
            bare = isinstance(node.value, ast.Yield) and node.value.value is None
            if not bare:
                self.add(node, "drop", "pass")
        self.visit(node.value)

    def dropped_target(self, node: ast.stmt, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute | ast.Subscript) and self.functions:
            self.add(node, "drop", "pass")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.dropped_target(node, node.targets[0])
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.add(node, "drop", "pass")
        if (other := ARITHMETIC.get(type(node.op))) is not None:
            new = ast.AugAssign(target=node.target, op=other(), value=node.value)
            self.add(node, "arithmetic", ast.unparse(new))
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self.add(node, "drop", "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self.add(node, "jump", "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.add(node, "jump", "break")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self.add(node, "drop", "pass")
            return
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self.add(node, "return", "return None")
        self.visit(node.value)

    def test(self, node: ast.expr) -> None:
        negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        if not (negated or isinstance(node, ast.Compare | ast.Constant)):
            self.replace(node, "negate", ast.UnaryOp(op=ast.Not(), operand=node))

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        self.test(node.test)
        self.generic_visit(node)

    visit_IfExp = visit_If

    def visit_While(self, node: ast.While) -> None:
        self.test(node.test)
        if not isinstance(node.test, ast.Constant):
            self.visit(node.test)
        self.body([*node.body, *node.orelse])

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self.test(condition)
        self.generic_visit(node)

    # expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                new = ast.Compare(left=node.left, ops=ops, comparators=node.comparators)
                self.replace(node, "compare", new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        words = any(is_text(side) for side in (node.left, node.right))
        if (other := ARITHMETIC.get(type(node.op))) is not None and not words:
            new = ast.BinOp(left=node.left, op=other(), right=node.right)
            self.replace(node, "arithmetic", new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.replace(node, "and/or", ast.BoolOp(op=other, values=node.values))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            self.replace(node, "unary", node.operand)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        others: list[Any] = []
        if isinstance(value, bool):
            others = [not value]
        elif isinstance(value, int):
            others = [1, -1] if value == 0 else [value + 1, value - 1]
        elif isinstance(value, float):
            others = [1.0] if value == 0 else [value * 10, value + 1.0]
        for other in others:
            self.replace(node, "constant", ast.Constant(value=other))

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func
        if isinstance(name, ast.Name) and name.id in TWINS:
            self.add(name, "twin", TWINS[name.id])
        if isinstance(name, ast.Attribute) and name.attr in TWINS:
            new = ast.Attribute(value=name.value, attr=TWINS[name.attr], ctx=ast.Load())
            self.add(name, "twin", ast.unparse(new))
        self.generic_visit(node)


def is_text(node: ast.expr) -> bool:
    """Return whether a node is a string, bytes or an f-string."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def find_mutants(path: str, wanted: Sequence[str]) -> list[Mutant]:
    """Return all mutants of one file below src/selfteach, in the order of the file."""
    source = (ROOT / "src" / PACKAGE / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    finder = Finder(wanted)
    tree = ast.parse(source)
    finder.body(tree.body)
    seen: dict[str, int] = {}
    mutants = []
    for node, operator, text, scope, at_import in finder.found:
        place: Any = node
        start = starts[place.lineno - 1] + place.col_offset
        end = starts[place.end_lineno - 1] + place.end_col_offset
        before = " ".join(source[start:end].decode().split())
        name = f"{path}::{scope}::{operator}::{shorten(before)} -> {shorten(text)}"
        seen[name] = seen.get(name, 0) + 1
        id = f"{name} #{seen[name]}"
        mutants.append(
            Mutant(id, path, place.lineno, place.end_lineno, start, end, text, at_import)
        )
    return mutants


def shorten(text: str) -> str:
    if len(text) <= 90:
        return text
    return f"{text[:60]}...{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def find_group_mutants(group: Group) -> list[Mutant]:
    """Return the mutants of all sources of a group."""
    found = []
    for source in group.sources:
        pattern, _, names = source.partition(":")
        base = ROOT / "src" / PACKAGE
        for path in sorted(base.glob(pattern)):
            wanted = names.split(",") if names else ()
            found += find_mutants(str(path.relative_to(base)), wanted)
    return found + [make_mutant_by_hand(*fault) for fault in group.by_hand]


def make_mutant_by_hand(path: str, text: str, other: str) -> Mutant:
    """Return the mutant with another text in place of one that stands once in a file."""
    source = (ROOT / "src" / PACKAGE / path).read_bytes()
    if source.count(text.encode()) != 1:
        raise SystemExit(f"{path} does not hold {text!r} once: mend GROUPS")
    start = source.index(text.encode())
    line = source[:start].count(b"\n") + 1
    id = f"{path}::by hand::{text} -> {other}"
    return Mutant(id, path, line, line, start, start + len(text.encode()), other, False)


def explain_equivalence(id: str) -> str:
    """Return the reason why no test can notice this mutant, or an empty text."""
    for pattern, reason in EQUIVALENT.items():
        if pattern == id or pattern in id or fnmatch.fnmatchcase(id, pattern):
            return reason
    return ""


# ---------------------------------------------------------------------------- running


class Workplace:
    """A copy of the tree, and tests that run in forks inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.log = folder / "last-output.txt"
        folder.mkdir(parents=True, exist_ok=True)

    def copy(self) -> None:
        if self.tree.exists():
            shutil.rmtree(self.tree)
        self.tree.mkdir(parents=True)
        skip = shutil.ignore_patterns("__pycache__", ".hypothesis")
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.tree / name, ignore=skip)
        for name in COPIED_FILES:
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, self.tree / name)

    def enter(self) -> None:
        """Turn this process into one that forks can start from."""
        os.chdir(self.tree)
        os.environ["PYTHONPATH"] = f"{self.tree / 'src'}"
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["OMP_NUM_THREADS"] = "1"
        os.environ["HF_HUB_OFFLINE"] = "1"
        sys.dont_write_bytecode = True
        sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != ROOT / "src"]
        sys.path.insert(0, str(self.tree / "src"))

    def fork(
        self, tests: Sequence[str], limit_s: float, each_s: float = 600, plugin: Any = None
    ) -> tuple[str, float]:
        """Run tests in a fork; return passed, failed, timeout or died, and the seconds."""
        started = time.monotonic()
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.setsid()
                self._redirect(scratch)
                code = run_tests(tests, scratch, each_s, plugin)
            except BaseException as fault:
                print(f"{type(fault).__name__}: {fault}", flush=True)
            finally:
                with contextlib.suppress(Exception):
                    sys.stdout.flush()
                os._exit(code)
        status = wait_for_child(child, started + limit_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        seconds = time.monotonic() - started
        if status is None:
            return "timeout", seconds
        if os.WIFSIGNALED(status):
            return "died", seconds
        return ("passed" if os.WEXITSTATUS(status) == 0 else "failed"), seconds

    def _redirect(self, scratch: Path) -> None:
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.environ["TMPDIR"] = str(scratch)


def wait_for_child(child: int, until: float) -> int | None:
    """Return the exit status of a child, or None after it was killed at the time limit."""
    pause = 0.005
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)


def run_tests(tests: Sequence[str], scratch: Path, each_s: float, plugin: Any) -> int:
    """Run tests in this process and return the exit code of pytest."""
    import pytest
    from hypothesis import settings

    settings.register_profile("mutants", database=None, derandomize=True, deadline=None)
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short"]
    options += ["--hypothesis-profile=mutants", f"--basetemp={scratch / 'pytest'}"]
    options += [f"--timeout={each_s:.0f}"]
    files = list(dict.fromkeys(name.split("::")[0] for name in tests))
    plugins = [plugin] if plugin is not None else []
    if any("::" in name for name in tests):
        plugins.append(OnlyTheseTests(tests))
    return int(pytest.main([*options, *files], plugins=plugins))


class OnlyTheseTests:
    """Run these tests and no others, in this order (a pytest plugin)."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {name: place for place, name in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if item.nodeid in self.places]
        items.sort(key=lambda item: self.places[item.nodeid])


class Coverage:
    """Record the lines of the sources that each test runs, and its seconds (a pytest plugin)."""

    def __init__(self, sources: Sequence[str], target: Path) -> None:
        import coverage

        self.target = target
        self.cover = coverage.Coverage(data_file=None, include=list(sources), config_file=False)
        self.seconds: dict[str, float] = {}
        self.cover.start()
        self.cover.switch_context("import")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.cover.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self.cover.stop()
        data = self.cover.get_data()
        lines: dict[str, dict[str, list[str]]] = {}
        for path in data.measured_files():
            lines[path] = {
                str(line): sorted(tests) for line, tests in data.contexts_by_lineno(path).items()
            }
        modules = sorted(
            name
            for name, module in sys.modules.items()
            if "site-packages" in str(getattr(module, "__file__", ""))
        )
        facts = {"seconds": self.seconds, "lines": lines, "modules": modules}
        self.target.write_text(json.dumps(facts))


# ---------------------------------------------------------------------------- the score


def compute_wilson_interval(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of k of n."""
    if not n:
        return 0.0, 1.0
    z = 1.959964
    p = k / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def hash_files(paths: Sequence[Path]) -> str:
    """Return the first 16 digits of the SHA-256 of the files' contents."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def list_test_files(names: Sequence[str]) -> list[Path]:
    """Return the test files of files, folders and tests below tests/."""
    found: list[Path] = []
    for name in names:
        path = ROOT / "tests" / name.split("::")[0]
        found += sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    return [path for path in found if path.exists()]


def list_source_files(group: Group) -> list[Path]:
    """Return the source files of a group."""
    base = ROOT / "src" / PACKAGE
    found = [path for source in group.sources for path in sorted(base.glob(source.split(":")[0]))]
    return found + sorted({base / path for path, _, _ in group.by_hand})


def preload(modules: Sequence[str]) -> None:
    """Import the libraries of the tests, but nothing of the package, so that forks have them."""
    for name in modules:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    loaded = [name for name in sys.modules if name.split(".")[0] == PACKAGE]
    if loaded:
        raise SystemExit(f"the package was imported before the fork: {loaded[:3]}")


def run_unchanged(place: Workplace, group: Group) -> dict[str, Any]:
    """Return which lines each test runs; from an earlier run if nothing changed."""
    names = [str(path.relative_to(ROOT)) for path in list_test_files(group.tests)]
    package = list((ROOT / "src" / PACKAGE).rglob("*.py"))
    key = hash_files([*package, *list_test_files(group.tests)])
    kept = place.folder / "clean.json"
    if kept.exists():
        facts: dict[str, Any] = json.loads(kept.read_text())
        if facts.get("key") == key:
            return facts
    target = place.folder / "coverage.json"
    target.unlink(missing_ok=True)
    sources = [str(place.tree / path.relative_to(ROOT)) for path in list_source_files(group)]

    class Late:
        """Start coverage inside the fork."""

        def pytest_configure(self, config: Any) -> None:
            config.pluginmanager.register(Coverage(sources, target))

    result, seconds = place.fork(names, 1800, plugin=Late())
    if result != "passed" or not target.exists():
        raise SystemExit(f"the tests do not pass unchanged ({result}): see {place.log}")
    facts = {"key": key, "clean_s": seconds, **json.loads(target.read_text())}
    facts["lines"] = {
        str(Path(path).relative_to(place.tree / "src" / PACKAGE)): lines
        for path, lines in facts["lines"].items()
    }
    kept.write_text(json.dumps(facts))
    return facts


def check_control(place: Workplace, facts: dict[str, Any]) -> None:
    """Run the unchanged source in the way of a mutant: it must survive."""
    if facts.get("control"):
        return
    names = sorted(facts["seconds"], key=lambda name: (facts["seconds"][name], name))
    result, _ = place.fork(names, STARTUP_S + SLOWER * facts["clean_s"])
    if result != "passed":
        raise SystemExit(f"the unchanged source is killed ({result}): see {place.log}")
    (place.folder / "clean.json").write_text(json.dumps({**facts, "control": True}))


def find_tests(mutant: Mutant, facts: dict[str, Any]) -> list[str]:
    """Return the tests that run the mutant's lines, fastest first."""
    lines = facts["lines"].get(mutant.path, {})
    names: set[str] = set()
    for line, tests in lines.items():
        inside = mutant.line <= int(line) <= mutant.last_line
        if mutant.at_import or inside:
            names.update(tests)
    names &= facts["seconds"].keys()
    if mutant.at_import:  # a test may only compare a constant, and run no line of the file
        files = {name.split("::")[0] for name in names}
        names |= {name for name in facts["seconds"] if name.split("::")[0] in files}
    return sorted(names, key=lambda name: (facts["seconds"][name], name))


def find_outside_tests(mutant: Mutant, group: Group) -> list[str]:
    """Return the test files that start processes and watch the mutant's source."""
    found: list[str] = []
    for pattern, names in group.outside.items():
        if fnmatch.fnmatchcase(mutant.path, pattern):
            found += [str(path.relative_to(ROOT)) for path in list_test_files(names)]
    return found


def run_mutant(
    place: Workplace, group: Group, mutant: Mutant, facts: dict[str, Any]
) -> dict[str, Any]:
    """Run the tests on one mutant and return its row."""
    inside = find_tests(mutant, facts)
    target = place.tree / "src" / PACKAGE / mutant.path
    original = target.read_bytes()
    changed = mutant.apply(original)
    row: dict[str, Any] = {"tests": len(inside), "line": mutant.line}
    try:
        compile(changed, mutant.path, "exec")
    except SyntaxError as fault:
        raise SystemExit(f"{mutant.id}: the mutant is not Python: {fault}") from fault
    try:
        target.write_bytes(changed)
        clean_s = [facts["seconds"][name] for name in inside]
        result = "uncovered"
        seconds = 0.0
        if inside:
            each_s = max(STARTUP_S, SLOWER * max(clean_s))
            result, seconds = place.fork(inside, STARTUP_S + SLOWER * sum(clean_s), each_s)
        outside = find_outside_tests(mutant, group)
        if result in ("passed", "uncovered") and outside:
            result, more = place.fork(outside, OUTSIDE_S)
            seconds += more
    finally:
        target.write_bytes(original)
    killed = result not in ("passed", "uncovered")
    return {**row, "result": result, "killed": killed, "seconds": round(seconds, 2)}


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of earlier commands by mutant."""
    found = {}
    if path.exists():
        for line in path.read_text().splitlines():
            row = json.loads(line)
            found[row["id"]] = row
    return found


def sample_mutants(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return a seeded sample, or all if count is 0. A larger sample contains the smaller one."""
    known = [mutant for mutant in mutants if not explain_equivalence(mutant.id)]
    order = sorted(known, key=lambda mutant: mutant.id)
    random.Random(seed).shuffle(order)
    return order[: count or len(order)]


def get_processor_name() -> str:
    """Return the name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def get_commit_name() -> str:
    """Return the commit of the working tree, and whether src or tests changed since."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    changed = subprocess.run(
        ["git", "status", "--porcelain", "src", "tests"], cwd=ROOT, capture_output=True, text=True
    )
    return (done.stdout.strip() or "unknown") + (" with changes" if changed.stdout else "")


def run_group(options: argparse.Namespace, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a group's sample; run the mutants without an earlier result."""
    group = GROUPS[name]
    place = Workplace(Path(options.work).resolve() / name)
    results = place.folder / "results.jsonl"
    if options.fresh:
        results.unlink(missing_ok=True)
    before = read_results(results)
    chosen = sample_mutants(find_group_mutants(group), options.sample, options.seed)
    if options.only:
        chosen = [m for m in find_group_mutants(group) if options.only in m.id]
    tests = [*group.tests, *(test for names in group.outside.values() for test in names)]
    tests_key = hash_files([*list_test_files(tests), Path(__file__)])
    paths = {mutant.path for mutant in chosen}
    sources = {path: hash_files([ROOT / "src" / PACKAGE / path]) for path in paths}
    commit = get_commit_name()
    place.copy()
    place.enter()
    import pytest  # noqa: F401

    kept = place.folder / "clean.json"
    if kept.exists():
        preload(json.loads(kept.read_text())["modules"])
    facts = run_unchanged(place, group)
    preload(facts["modules"])
    check_control(place, facts)
    with results.open("a") as out:
        for number, mutant in enumerate(chosen, 1):
            row = before.get(mutant.id, {})
            same = row.get("source") == sources[mutant.path]
            if not (same and (row["killed"] or row["test_key"] == tests_key)):
                row = {"id": mutant.id, "source": sources[mutant.path], "test_key": tests_key}
                row |= run_mutant(place, group, mutant, facts)
                out.write(json.dumps(row) + "\n")
                out.flush()
                mark = "killed  " if row["killed"] else "SURVIVED"
                print(
                    f"{number}/{len(chosen)} {mark} {row['seconds']:6.1f} s "
                    f"{mutant.path}:{mutant.line} {mutant.id.split('::', 1)[1]}",
                    flush=True,
                )
            yield row | {"path": mutant.path, "line": mutant.line, "commit": commit}


def print_report(name: str, rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> float:
    """Print the survivors and the score of a group, and return the score."""
    killed = sum(bool(row["killed"]) for row in rows)
    low, high = compute_wilson_interval(killed, len(rows))
    score = killed / max(len(rows), 1)
    print(f"\nSurvivors of {name}:")
    for row in rows:
        if not row["killed"]:
            note = " (no test runs this line)" if row["result"] == "uncovered" else ""
            print(f"  {row['path']}:{row['line']} {row['id'].split('::', 1)[1]}{note}")
    mutants = find_group_mutants(GROUPS[name])
    known = sum(bool(explain_equivalence(mutant.id)) for mutant in mutants)
    print(
        f"{name}: {killed} of {len(rows)} killed = {score:.1%} (95 % Wilson {low:.1%} to "
        f"{high:.1%}); {len(mutants)} mutants in all, {known} equivalent left "
        f"out; sample {options.sample}, seed {options.seed}; commit {rows[0]['commit']}; "
        f"{get_processor_name()}"
    )
    return score


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--group", default="all", help=f"all, or of {', '.join(GROUPS)}")
    parser.add_argument("--sample", type=int, default=40, help="how many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="the mutants whose id contains this")
    parser.add_argument("--work", default="/tmp/selfteach-mutants", help="copies and results")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    parser.add_argument("--min-score", type=float, default=0.0, help="exit 1 below this share")
    options = parser.parse_args()
    names = list(GROUPS) if options.group == "all" else options.group.split(",")
    if options.list:
        for name in names:
            for mutant in find_group_mutants(GROUPS[name]):
                if options.only in mutant.id:
                    print(f"{name} line {mutant.line}: {mutant.id}")
        return 0
    os.nice(10)
    if len(names) > 1:  # a process for each: what one group imports must not help another
        words = [word for word in sys.argv[1:] if not word.startswith("--group")]
        words = [word for word in words if word != options.group]
        codes = [
            subprocess.run([sys.executable, __file__, "--group", name, *words]).returncode
            for name in names
        ]
        return max(codes)
    rows = list(run_group(options, names[0]))
    if not rows:
        parser.error("no mutant fits")
    return int(print_report(names[0], rows, options) < options.min_score)


if __name__ == "__main__":
    raise SystemExit(main())
