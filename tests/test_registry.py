"""Every name that a user can type leads somewhere, and a mistyped one to a hint."""

from __future__ import annotations

import ast
import importlib.util
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from selfteach import registry
from selfteach.errors import UsageError
from selfteach.registry import BUILT_IN_NAMES, did_you_mean, list_names, load_registered

ALL = [
    (group, name, target)
    for group, known in BUILT_IN_NAMES.items()
    for name, target in known.items()
]


def defined(target: str) -> bool:
    """Whether the target's module defines the target's attribute, read from its source without
    importing it.
    """
    module, attribute = target.split(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return False
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    defined_here = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined_here.add(node.name)
        if isinstance(node, ast.Assign):
            defined_here |= {name.id for name in node.targets if isinstance(name, ast.Name)}
    return attribute in defined_here


@pytest.mark.parametrize(
    ("group", "name", "target"), ALL, ids=[f"{group}-{name}" for group, name, _ in ALL]
)
def test_every_name_leads_to_something(group: str, name: str, target: str) -> None:
    assert defined(target), f"{group}: {name} -> {target}"


def test_a_name_that_leads_nowhere_would_be_noticed() -> None:
    assert not defined("selfteach.registry:nothing")
    assert not defined("selfteach.no_such_module:nothing")


def test_lookup_returns_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN_NAMES, "judges", {"own": "selfteach.registry:load_registered"})
    assert load_registered("judges", "own") is load_registered


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("distil", 'Did you mean "distill"?'),
        ("xyz", f"Known: {', '.join(sorted(BUILT_IN_NAMES['objectives']))}."),
    ],
)
def test_a_mistyped_name_gets_a_hint(typed: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f'there is no objective "{typed}"') as caught:
        load_registered("objectives", typed)
    assert caught.value.cure.startswith(hint)
    assert caught.value.exit_code == 2


def test_did_you_mean_takes_any_iterable() -> None:
    assert did_you_mean("spt", iter(["sft", "dpo"])) == 'Did you mean "sft"?'
    assert did_you_mean("x", iter(["b", "a"])) == "Known: a, b."


def test_plug_ins_add_names_but_do_not_take_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("mine", "json:dumps", "selfteach.objectives"),
        EntryPoint("sft", "json:loads", "selfteach.objectives"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda: EntryPoints(points))
    monkeypatch.syspath_prepend("packages/of/this/test")  # what was found elsewhere is kept
    import json

    assert load_registered("objectives", "mine") is json.dumps
    assert list_names("objectives")["sft"] == BUILT_IN_NAMES["objectives"]["sft"]


def test_a_name_of_another_shape_is_only_a_name() -> None:
    for odd in ("", " ", "../x", "sft:os", "__class__", "\ud800"):
        with pytest.raises(UsageError):
            load_registered("objectives", odd)
