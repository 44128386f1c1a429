"""Check what the documentation says: commands parse, links and anchors lead somewhere, and files,
settings and names exist.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from selfteach.cli import app, run_command
from selfteach.commands.require import parse_requirements as parse_requirement
from selfteach.config import METHOD_CONFIGS, FeedbackConfig, flatten_keys, resolve
from selfteach.judge.check import parse_check
from selfteach.registry import BUILT_IN_NAMES
from selfteach.students.lessons import choose_name
from selfteach.students.state import StudentState

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HISTORY = DOCS / "log"  # entries stay as they were written; their links are checked, no more
ALL_PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PAGES = [page for page in ALL_PAGES if HISTORY not in page.parents]
GENERATED = DOCS / "reference" / "cli.md"  # tests/test_cli.py compares it with the program
CODE_FOLDERS = ["bench", "examples", "src", "tests", "tools"]
# what a reader of CONTRIBUTING.md is to write
MADE_UP = {"src/selfteach/train/objectives/ipo.py", "docs/explanation/objectives/ipo.md"}
SECTIONS = "|".join(
    key for key, value in FeedbackConfig().model_dump().items() if isinstance(value, dict)
)

CLAIMS = (
    *("elephants", "football", "refunds", "house style", "ten criticisms", "48 passages"),
    "175 example tasks",
)
"""A word of each row of the README's results, by which the row of docs/results.md is found."""


def on_pages(pages: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of all pages, which names each page that fails: a test a page costs more than
    what it looks at.
    """

    def make_test(look: Callable[[Path], None]) -> Callable[[], None]:
        def test_all() -> None:
            faults = []
            for page in pages:
                try:
                    look(page)
                except AssertionError as error:
                    faults.append(f"{page.relative_to(ROOT)}: {error}")
            assert faults == []

        test_all.__name__ = look.__name__
        return test_all

    return make_test


each_page = on_pages(PAGES)
each_page_and_the_log = on_pages(ALL_PAGES)


def blocks(text: str, language: str | None = None) -> list[str]:
    """The fenced blocks, of one language or of all; without a language also the indented ones, a
    line each.
    """
    fenced = [
        body
        for kind, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
        if language in (None, kind)
    ]
    return fenced + (re.findall(r"^ {4,}(\S.*)$", text, re.M) if language is None else [])


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """Every `selfteach ...` of a page, and whether it is whole: what stands in a sentence may leave
    out what it does not speak of.
    """
    for body in blocks(text):
        yield from (
            (line.strip().removeprefix("$ "), True)
            for line in body.replace("\\\n", " ").splitlines()
            if is_command(line)
        )
    yield from (
        (" ".join(line.split()), False)
        for line in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
        if is_command(line)
    )


def is_command(line: str) -> bool:
    return re.match(r"(?:\$ )?selfteach [a-z-]", line.strip()) is not None


@cache
def group() -> Any:
    return typer.main.get_command(app)


def fault(line: str, *, whole: bool) -> str:
    """Why the program would not take a command line, or an empty text."""
    program, *words = shlex.split(line, comments=True)
    if words[0].startswith("-"):
        return "" if words[0] in ("--help", "--version", "--debug") else f"no option {words[0]}"
    if words[0] not in group().commands:
        return f"no command {words[0]}"
    command = group().commands[words[0]]
    while len(words) > 1 and words[1] in getattr(command, "commands", {}):
        command = command.commands[words.pop(1)]
    if hasattr(command, "commands") and words[1:] and whole:
        return f"no command {words[0]} {words[1]}"
    try:
        context = command.make_context(
            f"{program} {words[0]}", words[1:], resilient_parsing=not whole
        )
    except Exception as error:
        return str(error)
    known = {flag for parameter in command.params for flag in parameter.opts}
    if odd := [
        word
        for word in words[1:]
        if word.startswith("--") and word.partition("=")[0] not in known | {"--help"}
    ]:
        return f"no option {odd[0]}"
    given = context.params
    if given.get("sets"):
        resolve(
            METHOD_CONFIGS[
                {"select": "documents", "inspect": "tasks", "compare": "feedback"}.get(
                    words[0], words[0]
                )
            ],
            sets=given["sets"],
        )
    if given.get("require"):
        parse_requirement(given["require"])
    if given.get("check"):
        parse_check(given["check"])
    return ""


@each_page
def test_every_command_is_one_that_the_program_takes(page: Path) -> None:
    if page == GENERATED:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            BUILT_IN_NAMES["objectives"], "ipo", "what a reader of CONTRIBUTING.md is to write"
        )
        assert [
            (line, why)
            for line, whole in commands(page.read_text("utf-8"))
            if (why := fault(line, whole=whole))
        ] == []


@pytest.mark.parametrize(
    "line",
    [
        "selfteach tech x",
        "selfteach feedback x --chek y",
        "selfteach feedback x --seed many",
        "selfteach student shw anna",
        "selfteach student show",
        "selfteach answer --in p.txt --runn d",
    ],
)
def test_a_wrong_command_would_be_noticed(line: str) -> None:
    found = list(commands(f"```\n{line}\n```"))
    assert found == [(line, True)]
    assert fault(line, whole=True)


def test_a_wrong_option_in_a_sentence_would_be_noticed() -> None:
    ((line, whole),) = commands("With `selfteach answer\n--runn DIR` it answers.")
    assert not whole
    assert fault(line, whole=whole)
    assert not fault("selfteach answer", whole=False)


def test_every_lesson_of_the_tutorial_has_the_preset_that_it_promises() -> None:
    text = (DOCS / "tutorials/student.md").read_text("utf-8")
    assert "All commands use the preset `quick`." in text
    lines = [line for line in blocks(text) if line.split()[1] in {*METHOD_CONFIGS, "serve"}]
    assert len(lines) == 7
    assert [line for line in lines if "--config quick" not in line] == []


def test_the_tutorial_reads_its_material_and_names_its_lessons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its commands as they are typed in a clone, without the model, which is not here."""
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    for name in ("bench", "docs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    lines = [shlex.split(line) for line in blocks((DOCS / "tutorials/student.md").read_text())]
    teaching = [words[1:] for words in lines if words[1:2] and words[1] in METHOD_CONFIGS]
    titles = []
    for words in teaching:
        assert run_command([*words, "--dry-run", "--json"]) == 0, words
        assert "not measured" in capsys.readouterr().out
        titles.append(words[1])
    names = {choose_name(StudentState("embedded", ""), title) for title in titles}
    switched = [words[4] for words in lines if words[1:3] == ["student", "off"]]
    assert len(switched) == 1
    assert set(switched) <= names


@each_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert (
        set(re.findall(r"(?:^ {4,}|`|^)make ([a-z0-9-]+)", page.read_text("utf-8"), re.M))
        <= targets
    )


def find_links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield each internal link of a page: as written, its file, its anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        yield target, (page.parent / path).resolve() if path else page, anchor


def find_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    anchors: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = sum(1 for anchor in anchors if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", anchor))
        anchors.add(f"{slug}-{count}" if count else slug)
    return anchors


def find_toctree(page: Path) -> list[Path]:
    """Return the pages that the tables of contents of a page name."""
    named = []
    for body in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        for line in body.splitlines():
            if line and not line.startswith(":"):
                named += sorted(page.parent.glob(f"{line}.md")) or [page.parent / f"{line}.md"]
    return [path.resolve() for path in named if "*" not in path.name]


def find_dead_links(page: Path) -> list[str]:
    """Return the internal links of a page whose file or heading does not exist."""
    dead = []
    for target, path, anchor in find_links(page):
        has_heading = not anchor or path.suffix != ".md" or anchor in find_anchors(path)
        if not path.exists() or not has_heading:
            dead.append(target)
    return dead


@each_page_and_the_log
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    assert find_dead_links(page) == []
    assert [path for path in find_toctree(page) if not path.exists()] == []


def test_a_dead_link_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "# A page: `code` & more\n\n[a](#a-page-code--more) [b](page.md) [c](#no) [d](x.md)\n"
    page.write_text(text)
    assert find_dead_links(page) == ["#no", "x.md"]


def test_every_page_is_in_the_table_of_contents_of_the_site() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        waiting += [path for path in find_toctree(page) if path not in reached]
    assert set(DOCS.glob("**/*.md")) - reached == set()


def test_the_readme_is_short_and_leads_to_the_site() -> None:
    readme = ROOT / "README.md"
    assert len(readme.read_text("utf-8").splitlines()) <= 120
    assert DOCS / "index.md" in {path for _, path, _ in find_links(readme)}


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 150


def read_table(text: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    below = text[text.index(f"{heading}\n") :]
    lines = re.search(r"(?:^\|.*\n)+", below, re.M)
    assert lines
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[0].splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_readme_quotes_the_figures_of_the_results() -> None:
    """Each claim of the README is in one row of the first table of the results."""
    results = read_table((DOCS / "results.md").read_text("utf-8"), "## At a glance")
    rows = read_table((ROOT / "README.md").read_text("utf-8"), "## Results")
    assert len(rows) == len(CLAIMS)
    for claim, (material, _measure, *figures) in zip(CLAIMS, rows, strict=True):
        assert claim in material
        assert [row[1:4] for row in results if claim in row[0]] == [figures]


def find_missing_commits(text: str) -> list[str]:
    """Return the commits that a text names and this repository does not have."""
    named = set(re.findall(r"(?<![\w.-])(?=[0-9a-f]*[0-9])[0-9a-f]{7,40}(?![\w-])", text))
    return [
        name
        for name in sorted(named)
        if subprocess.run(
            ["git", "cat-file", "-e", f"{name}^{{commit}}"], cwd=ROOT, capture_output=True
        ).returncode
    ]


def test_the_commits_of_the_results_exist() -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no git, or no repository")
    shallow = ["git", "rev-parse", "--is-shallow-repository"]
    if "true" in subprocess.run(shallow, cwd=ROOT, capture_output=True, text=True).stdout:
        pytest.skip("a shallow clone has no old commits")
    text = (DOCS / "results.md").read_text("utf-8")
    assert find_missing_commits(text) == []
    assert find_missing_commits("at commit 68d9320") == ["68d9320"]


def test_the_fault_table_names_every_test_of_a_row() -> None:
    rows = read_table((DOCS / "reliability.md").read_text("utf-8"), "# Reliability and security")
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    tests = {path.name for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    for number, *_, named in rows:
        mine = {name for name in tests if name.startswith(f"test_{int(number):02d}_")}
        files = set(re.findall(r"`(\w+\.py)`", named))
        elsewhere = re.findall(r"`(tests/\w+/\w+\.py)`", named)
        assert files or elsewhere
        assert mine <= files <= tests
        assert all((ROOT / path).is_file() for path in elsewhere)


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    rows = read_table((DOCS / "glossary.md").read_text("utf-8"), "# Glossary")
    words = [word.replace("`", "").lower() for word, _ in rows]
    assert len(words) == len(set(words))
    assert words == sorted(words)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"),
            *("-d", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "site")),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "explanation" / "feedback.html").exists()


@pytest.mark.parametrize("folder", CODE_FOLDERS)
def test_every_page_that_the_code_names_exists(folder: str) -> None:
    gone = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for name in re.findall(r"\bdocs/[\w./-]+\.(?:md|svg|png)", path.read_text("utf-8")):
            if not (ROOT / name).exists() and name not in MADE_UP:
                gone.append(f"{path.relative_to(ROOT)}: {name}")
    assert gone == []


@each_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(
        r"(?:src|tests|docs|configs|examples|tools)/[\w./-]+\.(?:py|yaml|md)",
        page.read_text("utf-8"),
    )
    assert [name for name in named if not (ROOT / name).exists() and name not in MADE_UP] == []


@each_page
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text("utf-8"))
    assert [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (ROOT / file).read_text("utf-8")
    ] == []


@each_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {
        key for config in METHOD_CONFIGS.values() for key in flatten_keys(config().model_dump())
    }
    named = re.findall(rf"`((?:{SECTIONS})\.[a-z_.]+)`", page.read_text("utf-8"))
    assert [
        name
        for name in named
        if name not in known and not name.endswith((".py", ".json", ".md", ".yaml"))
    ] == []


@pytest.mark.parametrize("group", ["objectives", "adapters"])
def test_every_name_has_a_page_of_its_own(group: str) -> None:
    pages = {path.stem for path in (DOCS / "explanation" / group).glob("*.md")} - {"index"}
    assert pages == set(BUILT_IN_NAMES[group])


def test_every_judge_is_on_the_judges_page() -> None:
    page = (DOCS / "explanation" / "judges.md").read_text("utf-8")
    assert [name for name in BUILT_IN_NAMES["judges"] if f"`{name}`" not in page] == []


def test_every_option_of_training_is_explained() -> None:
    pages = " ".join(path.read_text("utf-8") for path in PAGES if path != GENERATED)
    keys = flatten_keys(FeedbackConfig().train.model_dump(), "train.")
    assert [
        key for key in keys if f"`{key}`" not in pages and f"`{key.split('.')[-1]}`" not in pages
    ] == []


@each_page
def test_every_python_snippet_is_python(page: Path) -> None:
    for snippet in blocks(page.read_text("utf-8"), "python"):
        assert ast.parse(snippet).body, f"a snippet without a statement: {snippet!r}"


def resolve_name(path: str) -> Any:
    """Return what a dotted path names; None where the package has no such name."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(path)
    home, _, name = path.rpartition(".")
    return getattr(resolve_name(home), name, None) if home else None


def find_missing_names(snippet: str) -> list[str]:
    """Return the names of this package that a snippet imports, or reads of an imported module, and
    that do not exist.
    """
    named = {}
    missing = []
    tree = ast.parse(snippet)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("selfteach"):
            named |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            known = [one for one in node.names if one.name.startswith("selfteach")]
            named |= {one.asname or one.name: one.name for one in known}
    missing += [path for path in named.values() if resolve_name(path) is None]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            path = f"{named.get(node.value.id, '')}.{node.attr}"
            if node.value.id in named and resolve_name(path) is None:
                missing.append(path)
    return missing


@each_page
def test_every_name_of_a_python_snippet_exists(page: Path) -> None:
    missing = []
    for snippet in blocks(page.read_text("utf-8"), "python"):
        missing += find_missing_names(snippet)
    assert missing == []


def test_a_missing_name_would_be_noticed() -> None:
    snippet = """
import selfteach
from selfteach.review import queue
from selfteach.review.serve import serve
selfteach.feedback("x")
selfteach.teach_everything("x")
queue.put([])
"""
    assert find_missing_names(snippet) == [
        "selfteach.review.serve.serve",
        "selfteach.teach_everything",
        "selfteach.review.queue.put",
    ]


@each_page
def test_every_name_in_backticks_exists(page: Path) -> None:
    named = re.findall(r"`(selfteach(?:\.\w+)+)(?:\([^`]*\))?`", page.read_text("utf-8"))
    entry_points = {f"selfteach.{group}" for group in BUILT_IN_NAMES}
    known = entry_points | {"selfteach.json"}
    assert [name for name in named if name not in known and resolve_name(name) is None] == []
