"""The trainer knows no objective, kind of example, adapter or callback by name: it asks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfteach.train
from selfteach import registry
from selfteach.records import GENERAL, HELD_KINDS

ROOM = Path(selfteach.train.__file__).parent
GROUPS = ("objectives", "adapters", "priors", "callbacks")
KINDS = {GENERAL, *HELD_KINDS, "in_scope", "correction", "fact", "task"}
NAMES = {name for group in GROUPS for name in registry.BUILT_IN_NAMES[group]} | KINDS
CONCRETE = {
    target.partition(":")[0]
    for group in GROUPS
    for target in registry.BUILT_IN_NAMES[group].values()
}
FILES = sorted(ROOM.glob("*.py"))
ALLOWED = {
    ("regmean_to_base.py", "layers"),  # how many layers were left out: a key of an event
    ("regmean_to_base.py", "regmean"),  # its own event
}


def find_names(source: str, file: str) -> Iterator[str]:
    """The names of the registry, and kinds, that a file writes as strings, and the modules of
    concrete objectives, adapters and callbacks that it imports.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            if (file, str(node.value)) not in ALLOWED:
                yield f"{file}:{node.lineno} names {node.value!r}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            yield from (f"{file} imports {target}" for target in sorted(targets & CONCRETE))
        elif isinstance(node, ast.Import):
            targets = {alias.name for alias in node.names}
            yield from (f"{file} imports {target}" for target in sorted(targets & CONCRETE))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_the_trainer_knows_a_name(path: Path) -> None:
    assert not list(find_names(path.read_text("utf-8"), path.name))


def test_the_files_that_matter_are_looked_at() -> None:
    names = {path.name for path in FILES}
    assert {
        "trainer.py",
        "train.py",
        "micro_batch_loss.py",
        "encode_and_batch.py",
        "regmean_to_base.py",
        "reference.py",
    } <= names


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("train.py", 'kept = {n: w for n, w in weights.items() if n == "anchor"}'),
        ("train.py", 'weights = {"distill": 1.0}'),
        ("train.py", 'example = replace(example, kind="in_scope")'),
        (
            "regmean_to_base.py",
            'anchors = [row for row in rows if row.weights.keys() == {"anchor"}]',
        ),
        ("regmean_to_base.py", "from selfteach.train.adapters.lora import LoraAdapter"),
        ("trainer.py", "from selfteach.train.adapters.lora import LoraAdapter"),
        ("trainer.py", "from selfteach.train import regmean_to_base"),
        ("trainer.py", "import selfteach.train.objectives.sft"),
        ("trainer.py", 'general = [row for row in rows if row.kind == "general"]'),
        ("encode_and_batch.py", 'learned = row.role != "hold"'),
        ("memory.py", 'cure = "" if adapter == "lora" else "use another"'),
        ("trainer.py", 'layers = adapter == "layers"'),
    ],
)
def test_a_name_that_is_put_back_is_noticed(file: str, line: str) -> None:
    source = (ROOM / file).read_text("utf-8")
    assert list(find_names(f"{source}\n{line}\n", file))
