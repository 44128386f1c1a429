"""What the documentation says is so: commands parse, links lead somewhere, files, settings and
names exist.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from selfteach.cli import app
from selfteach.commands.require import parse_requirements as parse_requirement
from selfteach.config import METHOD_CONFIGS, FeedbackConfig, flatten_keys, resolve
from selfteach.judge.check import parse_check
from selfteach.registry import BUILT_IN_NAMES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
GENERATED = ROOT / "docs" / "cli.md"  # tests/test_cli.py compares it with the program
SECTIONS = "|".join(
    key for key, value in FeedbackConfig().model_dump().items() if isinstance(value, dict)
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


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
def test_every_command_is_one_that_the_program_takes(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        BUILT_IN_NAMES["objectives"], "ipo", "what a reader of CONTRIBUTING.md is to write"
    )
    if page != GENERATED:
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


@each_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert (
        set(re.findall(r"(?:^ {4,}|`|^)make ([a-z-]+)", page.read_text("utf-8"), re.M)) <= targets
    )


def links(page: Path) -> Iterator[tuple[str, Path]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            yield target, (page.parent / target.partition("#")[0]).resolve()


@each_page
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    assert [target for target, path in links(page) if not path.exists()] == []


def test_every_page_is_one_click_from_the_readme() -> None:
    near = {path for _, path in links(ROOT / "README.md")}
    assert [
        str(page.relative_to(ROOT)) for page in PAGES if page not in near | {ROOT / "README.md"}
    ] == []


@each_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(
        r"(?:src|tests|docs|configs|examples|tools)/[\w./-]+\.(?:py|yaml|md)",
        page.read_text("utf-8"),
    )
    made_up = {
        "src/selfteach/train/objectives/ipo.py",
        "docs/objectives/ipo.md",
    }  # what a reader is to write
    assert [name for name in named if not (ROOT / name).exists() and name not in made_up] == []


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
    assert {path.stem for path in (ROOT / "docs" / group).glob("*.md")} == set(
        BUILT_IN_NAMES[group]
    )


def test_every_judge_is_on_the_judges_page() -> None:
    page = (ROOT / "docs" / "judges.md").read_text("utf-8")
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
        ast.parse(snippet)
