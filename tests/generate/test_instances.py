"""Classification by log-odds, requests for instances, and what is read from ugly answers."""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.generate.instances import (
    CLASSIFIED,
    INPUT_FIRST,
    OUTPUT_FIRST,
    find_threshold,
    has_input_reference,
    make_answer_request,
    make_input_request,
    make_instance_request,
    parse_input,
    parse_instances,
    score_classification,
)
from selfteach.materials.tasks import Instance, Task
from selfteach.records import Completion, SamplingParams


def test_twelve_yes_and_nineteen_no_are_shown() -> None:
    flags = [flag for _, flag in CLASSIFIED]
    assert (sum(flags), len(flags) - sum(flags)) == (12, 19)
    asked: list[str] = []

    def score(prompt: object, text: str) -> float:
        asked.append(str(prompt))
        return {" label": -1.0, " text": -3.0}[text] + ("poem" in str(prompt).splitlines()[-2]) * (
            -4.0 if text == " label" else 0.0
        )

    values = score_classification(Scripted({}, score), ["Is it late or early?", "Write\na poem."])
    assert values == [2.0, -2.0]
    assert asked[0].count("Kind of output: a label\n") == 12
    assert asked[0].count("Kind of output: a text\n") == 19
    assert "Task: Write a poem.\n" in asked[-1]


class Loses(Scripted):
    """Gives no score of what it does not like to speak of."""

    def stream_scores(self, items):
        return super().stream_scores(
            [item for item in items if "poem" not in item.prompt.splitlines()[-2]]
        )


def test_a_lost_score_is_no_number() -> None:
    assert score_classification(
        Loses({}, lambda prompt, text: -float(len(text))), ["Is it late?", "Write a poem."]
    ) == [-1.0, None]


def test_the_seeds_set_the_threshold_where_there_are_enough() -> None:
    known = [(True, 3.0 + k / 10) for k in range(6)] + [(False, 1.0 + k / 10) for k in range(6)]
    assert 1.5 < find_threshold(known) < 3.0
    assert find_threshold(known[:-1]) == 0.0, "five of one kind are too few"


def test_as_many_are_called_classifications_as_people_call_so() -> None:
    # 6 yes among 26: the six greatest values are 2, 2, .5, .5, 0, 0 and the next is -1
    known = (
        [(True, v) for v in (2.0, 2.0, 0.0, 0.0, -3.0, -3.0)]
        + [(False, 0.5)] * 2
        + [(False, -1.0)] * 11
        + [(False, -5.0)] * 7
    )
    assert find_threshold(known) == -0.5
    assert sum(value > -0.5 for _, value in known) == 6


def test_an_answer_in_a_conversation_follows_worked_tasks() -> None:
    shown = [
        Task("s:1", "Double it", (Instance("4", "8"),)),
        Task("s:2", "Say hello", (Instance("", "Hello!"),)),
    ]
    prompt = make_answer_request("Halve it", "6", shown, SamplingParams(), 0).prompt
    assert [(m.role, m.content) for m in prompt] == [
        ("user", "Double it\n\n4"),
        ("assistant", "8"),
        ("user", "Say hello"),
        ("assistant", "Hello!"),
        ("user", "Halve it\n\n6"),
    ]


def test_an_input_follows_a_list_of_people_s_which_ours_fill_up() -> None:
    shown = [Task("s:1", "Double\nit", (Instance("4", "8"),))]
    prompt = str(make_input_request("Halve it", shown, SamplingParams(), 0).prompt)
    assert prompt.endswith("Task: Double it\nInput: 4\n\nTask: Halve it\nInput:")
    assert prompt.count("\nInput: ") == 3
    assert "Output" not in prompt
    assert (
        str(make_input_request("Halve it", shown * 6, SamplingParams(), 0).prompt).count(
            "\nInput: 4\n"
        )
        == 6
    )


@pytest.mark.parametrize(
    ("text", "given"),
    [(" a cup\nof tea \n", "a cup\nof tea"), (" None.", ""), ("", ""), (" no", "no")],
)
def test_an_input_is_read(text: str, given: str) -> None:
    assert parse_input(Completion("x", text)) == given


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Rewrite the following so that it is polite.", True),
        ("What is the topic of this text?", True),
        ("Which word in the sentence is a verb?", True),
        ("Tell a story about a sentence", False),
        ("Name three words for snow.", False),
        ("Переведи на английский язык.", True),
        ("What’s the capital of Norway?", False),
    ],
)
def test_whether_an_input_is_named(text: str, named: bool) -> None:
    assert has_input_reference(text) is named


def test_requests_have_the_output_first_only_for_classifications() -> None:
    yes, no = (
        str(make_instance_request("Do\nit", flag, SamplingParams(), 0).prompt)
        for flag in (True, False)
    )
    assert yes.endswith("Task: Do it\nClass label:")
    assert no.endswith("Task: Do it\nExample 1\nInput:")
    assert all(task in yes for task, _ in OUTPUT_FIRST)
    assert all(task in no for task, _ in INPUT_FIRST)
    assert "Input: none" in no


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            " tea\nOutput: A drink.\nExample 2\nInput: ink\nOutput: A fluid.",
            [("tea", "A drink."), ("ink", "A fluid.")],
        ),
        (" none\nOutput: One\nline and\nanother", [("", "One\nline and\nanother")]),
        ("tea\nOUTPUT: yes\nOutput: again", [("tea", "yes"), ("", "again")]),
        (" tea\n\nExample 2:\nInput: ink\nOutput:", [("ink", "")]),
        (" 茶\nOutput: 饮料", [("茶", "饮料")]),
        (" Just words", []),
    ],
)
def test_ugly_input_first(text: str, found: list[tuple[str, str]]) -> None:
    assert parse_instances(Completion("x", text), False) == [Instance(*pair) for pair in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            " yes\nInput: It rains.\nClass label: no\nInput: It is dry.",
            [("It rains.", "yes"), ("It is dry.", "no")],
        ),
        (" yes\nClass label: no", [("", "yes"), ("", "no")]),
        (" yes\nLabel: no\nInput: It is dry.", [("It is dry.", "no")]),
        (" yes\nInput: one\nInput: two", [("one", "yes")]),
    ],
)
def test_ugly_output_first(text: str, found: list[tuple[str, str]]) -> None:
    assert parse_instances(Completion("x", text), True) == [Instance(*pair) for pair in found]


def test_the_last_instance_of_a_cut_answer_is_left_out() -> None:
    text = " tea\nOutput: A drink.\nExample 2\nInput: ink\nOutput: A flu"
    assert parse_instances(Completion("x", text, "length"), False) == [Instance("tea", "A drink.")]


@pytest.mark.parametrize(
    ("text", "classification", "found"),
    [
        (" tea\nOutput: A drink.\nExample 2\nInput: in", False, [("tea", "A drink.")]),
        (" yes\nInput: It rains.\nClass label: n", True, [("It rains.", "yes")]),
        (" yes\nInput: It rains.\nClass label: no\nInput: It", True, [("It rains.", "yes")]),
        (" yes\nInput: It ra", True, []),
        (" yes\nClass label: n", True, [("", "yes")]),
    ],
)
def test_a_cut_takes_no_whole_instance_with_it(
    text: str, classification: bool, found: list[tuple[str, str]]
) -> None:
    expected = [Instance(*pair) for pair in found]
    assert parse_instances(Completion("x", text, "length"), classification) == expected
