"""Requests for tasks, and what is read from ugly answers."""

from __future__ import annotations

from collections import Counter

import pytest

from selfteach.generate.invent import (
    NUM_MACHINE,
    NUM_SHOWN,
    count_shown_tasks,
    format_task_list,
    get_stop_texts,
    make_invention_request,
    parse_alpaca,
    parse_invented,
    parse_task_list,
)
from selfteach.materials.tasks import Instance, Task
from selfteach.records import Completion, SamplingParams

HUMAN = [Task(f"h{i}", f"Human task number {i}", (Instance("", f"answer {i}"),)) for i in range(20)]
OWN = [Task(f"m{i}", f"Machine task number {i}") for i in range(9)]


def test_six_of_people_and_two_of_its_own_once_there_are_some() -> None:
    first = make_invention_request("self-instruct", HUMAN, [], SamplingParams(), 0, 0)
    assert (len(first.human), len(first.machine)) == (8, 0)
    one = make_invention_request("self-instruct", HUMAN, OWN[:1], SamplingParams(), 0, 0)
    assert (len(one.human), len(one.machine)) == (7, 1)
    later = [
        make_invention_request("self-instruct", HUMAN, OWN, SamplingParams(), n, 0)
        for n in range(60)
    ]
    assert all(
        (len(r.human), len(r.machine)) == (NUM_SHOWN - NUM_MACHINE, NUM_MACHINE) for r in later
    )
    shown = Counter(id for r in later for id in (*r.human, *r.machine))
    assert len(shown) == 29, "every task has its turn"
    by_id = {t.id: t.instruction for t in (*HUMAN, *OWN)}
    for r in later:
        assert isinstance(r.request.prompt, str)
        lines = r.request.prompt.splitlines()[1:-1]
        assert sorted(line.partition(". ")[2] for line in lines) == sorted(
            by_id[id] for id in (*r.human, *r.machine)
        )
    places = {
        r.request.prompt.splitlines()[1:-1].index(line)
        for r in later
        for line in r.request.prompt.splitlines()[1:-1]
        if "Machine" in line
    }
    assert len(places) == 8, "they are mixed, not at the end"


def test_a_request_follows_from_its_number_and_the_seed() -> None:
    def make(number: int, seed: int) -> object:
        return make_invention_request("self-instruct", HUMAN, OWN, SamplingParams(), number, seed)

    assert make(3, 1) == make(3, 1)
    assert make(3, 1) != make(4, 1) != make(4, 2)


def test_the_other_modes() -> None:
    alpaca = make_invention_request("alpaca", HUMAN, OWN, SamplingParams(), 0, 0)
    assert (len(alpaca.human), len(alpaca.machine)) == (3, 0)
    assert "20 different tasks" in str(alpaca.request.prompt)
    assert str(alpaca.request.prompt).endswith("4. Instruction:")
    assert make_invention_request("magpie", HUMAN, OWN, SamplingParams(), 0, 0).request.prompt == ()
    assert make_invention_request("magpie", [], [], SamplingParams(), 1, 0).request.id(
        "m"
    ) != make_invention_request("magpie", [], [], SamplingParams(), 0, 0).request.id("m")
    assert get_stop_texts("self-instruct", 7)[1] == "\n16.", "as the source has it"


@pytest.mark.parametrize(("people", "own"), [(20, 9), (20, 0), (3, 0), (3, 1), (3, 9), (0, 9)])
def test_a_list_of_few_tasks_ends_after_as_many_new_items(people: int, own: int) -> None:
    human, machine = HUMAN[:people], OWN[:own]
    made = make_invention_request("self-instruct", human, machine, SamplingParams(), 0, 0)
    next_number = int(str(made.request.prompt).splitlines()[-1].rstrip("."))
    shown = count_shown_tasks(human, machine)
    assert get_stop_texts("self-instruct", 4, shown)[1] == f"\n{next_number + 4}."


def test_the_list_is_numbered_and_has_one_line_a_task() -> None:
    assert (
        format_task_list(["Sort\nthese:", "Add."])
        == "Come up with a series of tasks:\n1. Sort these\n2. Add.\n3."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            " Name a colour.\n10. Add 2.5 and 3.\n11. Say hello",
            ["Name a colour.", "Add 2.5 and 3.", "Say hello"],
        ),
        (
            " Name a colour.\nAdd the numbers.\n\nSay hello",
            ["Name a colour.", "Add the numbers.", "Say hello"],
        ),
        (
            " Name a colour. 10. Add the numbers. 11) Say hello",
            ["Name a colour.", "Add the numbers.", "Say hello"],
        ),
        (
            "Name\n- Add it.\n* 12) Say so\n(13) Count\nTask 14: Sort",
            ["Name", "- Add it.", "Say so", "Count", "Sort"],
        ),
        (" explain what NASA and the WHO do", ["Explain what NASA and the WHO do"]),
        (
            " 1.5 liters are how many cups?\n10. 5:30 pm is when?\n50 - 3 is what?\n12 - Say so",
            ["1.5 liters are how many cups?", "5:30 pm is when?", "50 - 3 is what?", "Say so"],
        ),
        (
            " éclaircis la phrase.\n10. 用一句话介绍北京。\n11. Назови цвет.",
            ["Éclaircis la phrase.", "用一句话介绍北京。", "Назови цвет."],
        ),
        ("请列出三种水果。10. 写一首诗。", ["请列出三种水果。", "写一首诗。"]),
        ("Who was born in 1990? 1990 was a year.", ["Who was born in 1990? 1990 was a year."]),
        (
            " What is the capital of France? 1. Paris 2. Rome 3. Oslo\n10. Sort these: 3) c 1) a",
            ["What is the capital of France? 1. Paris 2. Rome 3. Oslo", "Sort these: 3) c 1) a"],
        ),
        (
            " Say what is wrong. 11. He go home.\n15. Name a fish. 16. Name a bird.",
            ["Say what is wrong. 11. He go home.", "Name a fish.", "Name a bird."],
        ),
        ("\n10. Sing. 12. Jump. 13. Run.", ["Sing.", "Jump.", "Run."]),
        (" Sort them. 1. Sing. 2. Jump.", ["Sort them. 1. Sing. 2. Jump."]),
        (" \n10.\n\n11. \n", []),
        ("a\x00b\u202e \ud800c", ["A\ufffdb \ufffdc"]),
    ],
)
def test_ugly_lists(text: str, found: list[str]) -> None:
    assert [item.instruction for item in parse_task_list(text)] == found


def test_the_numbers_of_a_short_list_go_on_after_it() -> None:
    answer = Completion("x", " Name a fish. 4. Name a bird. 10. Name a tree.")
    items = parse_invented("self-instruct", answer, 3)
    assert [item.instruction for item in items] == ["Name a fish.", "Name a bird. 10. Name a tree."]


def test_only_the_last_item_of_a_cut_answer_is_cut() -> None:
    items = parse_invented(
        "self-instruct", Completion("x", " Name a colour.\n10. Add two num", "length")
    )
    assert [(i.instruction, i.cut) for i in items] == [
        ("Name a colour.", False),
        ("Add two num", True),
    ]
    assert parse_invented("self-instruct", Completion("x", "", "length")) == []
    (whole,) = parse_task_list(" Name a colour.\n10.", cut=True)
    assert (whole.instruction, whole.cut) == ("Name a colour.", False)


def test_whole_tasks_whatever_their_numbers() -> None:
    text = """ Name a colour.
4. Input:
<noinput>
4. Output:
Blue.
###
5. Instruction: Translate into French.
5. Input:
water
9. Output: eau
instruction: count the vowels
Input: tree
OUTPUT:
2 ### Thank you! Let us go on.
## 7
7. Instruction: Half a tas"""
    items = parse_alpaca(text, cut=True)
    assert [(i.instruction, i.instance, i.cut) for i in items] == [
        ("Name a colour.", Instance("", "Blue."), False),
        ("Translate into French.", Instance("water", "eau"), False),
        ("Count the vowels", Instance("tree", "2"), False),
        ("Half a tas", None, True),
    ]


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ("# Title\n## Part\ntext\n### Sub\nmore\n#### 1. Why?\nend", None),
        ("### Soup\n1. Boil it.\n### Bread\n1. Bake it.", None),
        ("A dish.\n###\nWell done", "A dish."),
        ("A dish.\n### 7.\nWell done", "A dish."),
        ("A dish.\n### 7. Instruction: Say so", "A dish."),
        ("A dish. ### 7. Instruction: Say so", "A dish."),
        ("A dish.\n### Thank you! Let us go on.", "A dish."),
        ("A dish.\n### Response:\nA pan.", "A dish."),
        ("A dish.\n### Task 1\nBake it.\n### Task 12\n", "A dish.\n### Task 1\nBake it."),
    ],
)
def test_a_heading_ends_no_output(output: str, kept: str | None) -> None:
    (item,) = parse_alpaca(f" Write about food.\n4. Input:\nnone\n4. Output:\n{output}")
    assert item.instance == Instance("", kept or output)


def test_magpie_s_turn_is_one_task() -> None:
    (item,) = parse_invented("magpie", Completion("x", "  how do I\ncook rice?\n"))
    assert item.instruction == "How do I cook rice?"
    assert parse_invented("magpie", Completion("x", " \n ")) == []
