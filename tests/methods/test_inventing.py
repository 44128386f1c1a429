"""Which invented tasks are called classifications: only those whose words name something to classify."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from selfteach.materials.tasks import Instance, Task
from selfteach.methods.instancing import Invented
from selfteach.methods.inventing import boundary, classified
from selfteach.models.scripted import Scripted
from selfteach.select.tasks import Near


def likes_labels(prompt: object, text: str) -> float:
    """log p(" label") - log p(" text") is 1 where the task asks whether, else -1."""
    asks = "whether" in str(prompt).splitlines()[-2]
    return (0.5 if asks else -0.5) * (1 if text == " label" else -1)


def road() -> tuple[Any, dict[str, Any]]:
    notes: dict[str, Any] = {}
    ledger = SimpleNamespace(note=lambda key, value: notes.update({key: value}))
    return SimpleNamespace(teacher=None, student=Scripted({}, likes_labels), run=SimpleNamespace(ledger=ledger)), notes


def seed(number: int, text: str, label: bool) -> Task:
    return Task(f"s:{number}", text, (Instance("", "x"),), label)


SEEDS = [
    *(seed(n, f"Say whether the sentence has {n} words", True) for n in range(7)),
    *(seed(n, f"Translate the sentence into language {n}", False) for n in range(7, 14)),
    *(seed(n, f"Wonder whether it rains on day {n}", False) for n in range(14, 40)),
]


def test_only_a_task_that_names_an_input_is_a_classification() -> None:
    walked, notes = road()
    bound = boundary(walked, SEEDS)
    assert bound == 0.0
    assert notes["classification"]["seeds_right"] == [1.0, notes["classification"]["seeds_right"][1], 1.0, 14]
    asked = ["Tell whether the sentence is long", "Guess whether it will snow", "Shorten the sentence"]
    found = [Invented(Task(f"i:{n}", text), Near((), 0.0)) for n, text in enumerate(asked)]
    assert [one.task.classification for one in classified(walked, found, bound)] == [True, False, False]
