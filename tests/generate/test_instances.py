"""Classification by log-odds, requests for instances, and what is read from ugly answers."""

from __future__ import annotations

import pytest

from selfteach.generate.instances import classify, instance_request, read_instances, threshold
from selfteach.generate.task_shots import CLASSIFIED, INPUT_FIRST, OUTPUT_FIRST
from selfteach.materials.tasks import Instance
from selfteach.models.scripted import Scripted
from selfteach.records import Draw, Sampling


def test_twelve_yes_and_nineteen_no_are_shown() -> None:
    flags = [flag for _, flag in CLASSIFIED]
    assert (sum(flags), len(flags) - sum(flags)) == (12, 19)
    asked: list[str] = []

    def score(prompt: object, text: str) -> float:
        asked.append(str(prompt))
        return {" Yes": -1.0, " No": -3.0}[text] + ("poem" in str(prompt).splitlines()[-2]) * (-4.0 if text == " Yes" else 0.0)

    values = classify(Scripted({}, score), ["Is it late or early?", "Write\na poem."])
    assert values == [2.0, -2.0]
    assert asked[0].count("Is it a classification? Yes") == 12
    assert asked[0].count("Is it a classification? No") == 19
    assert "Task: Write a poem.\n" in asked[-1]


def test_the_seeds_set_the_threshold_where_there_are_enough() -> None:
    known = [(True, 3.0 + k / 10) for k in range(6)] + [(False, 1.0 + k / 10) for k in range(6)]
    assert 1.5 < threshold(known) < 3.0
    assert threshold(known[:-1]) == 0.0, "five of one kind are too few"


def test_requests_have_the_output_first_only_for_classifications() -> None:
    yes, no = (str(instance_request("Do\nit", flag, Sampling(), 0).prompt) for flag in (True, False))
    assert yes.endswith("Task: Do it\nClass label:")
    assert no.endswith("Task: Do it\nExample 1\nInput:")
    assert all(task in yes for task, _ in OUTPUT_FIRST)
    assert all(task in no for task, _ in INPUT_FIRST)
    assert "Input: none" in no


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" tea\nOutput: A drink.\nExample 2\nInput: ink\nOutput: A fluid.", [("tea", "A drink."), ("ink", "A fluid.")]),
        (" none\nOutput: One\nline and\nanother", [("", "One\nline and\nanother")]),
        ("tea\nOUTPUT: yes\nOutput: again", [("tea", "yes"), ("", "again")]),
        (" tea\n\nExample 2:\nInput: ink\nOutput:", [("ink", "")]),
        (" 茶\nOutput: 饮料", [("茶", "饮料")]),
        (" Just words", []),
    ],
)  # fmt: skip
def test_ugly_input_first(text: str, found: list[tuple[str, str]]) -> None:
    assert read_instances(Draw("x", text), False) == [Instance(*pair) for pair in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" yes\nInput: It rains.\nClass label: no\nInput: It is dry.", [("It rains.", "yes"), ("It is dry.", "no")]),
        (" yes\nClass label: no", [("", "yes"), ("", "no")]),
        (" yes\nLabel: no\nInput: It is dry.", [("It is dry.", "no")]),
        (" yes\nInput: one\nInput: two", [("one", "yes")]),
    ],
)
def test_ugly_output_first(text: str, found: list[tuple[str, str]]) -> None:
    assert read_instances(Draw("x", text), True) == [Instance(*pair) for pair in found]


def test_the_last_instance_of_a_cut_answer_is_left_out() -> None:
    text = " tea\nOutput: A drink.\nExample 2\nInput: ink\nOutput: A flu"
    assert read_instances(Draw("x", text, "length"), False) == [Instance("tea", "A drink.")]
