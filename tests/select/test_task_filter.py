"""Every reason to drop a task or instance, with a text that has it and one that almost has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach.config import FilterConfig
from selfteach.dedup.overlap import rouge_l
from selfteach.materials.tasks import Instance
from selfteach.select import task_filter
from selfteach.select.task_filter import InstanceFilter, NoveltyFilter, find_instruction_fault

SIFT = FilterConfig()
SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Name a colour", task_filter.TOO_SHORT),
        ("Name a bright colour", ""),
        (" ".join(["word"] * 151), task_filter.TOO_LONG),
        (" ".join(["word"] * 150), ""),
        ("Describe what the Images show here", task_filter.BLACKLISTED),
        ("Please go to the nearest shop", task_filter.BLACKLISTED),
        ("Write a profile of a mapmaker", ""),
        ("Explain the graphite in a pencil", ""),
        ("Write a program that sorts numbers", task_filter.PROGRAM),
        ("Write a programme for the concert", task_filter.PROGRAM),
        ("Write a simple Python code that sorts numbers", task_filter.PROGRAM),
        ("You need to write a script for the shop", task_filter.PROGRAM),
        ("Write a letter about the program of the week", ""),
        ("I am going home tonight. I am going home tonight.", task_filter.REPEATS_ITSELF),
        ("Choose one: yes or no. Choose one of the colours. Yes or no.", ""),
        ("A princess and a knight", task_filter.NOTHING_ASKED),
        ("The story should have a happy ending.", task_filter.NOTHING_ASKED),
        ("He was late. They were not.", task_filter.NOTHING_ASKED),
        ("The tone of the letter should be changed.", ""),
        ("The following words are given. Make a sentence.", ""),
        ("I am late, can you help?", ""),
        ("- Name a bright colour", task_filter.PUNCTUATION),
        ("Éclaircis la phrase qui suit", task_filter.SCRIPT),
        ("Name a bright café in Paris", ""),
    ],
)
def test_form(text: str, reason: str) -> None:
    assert find_instruction_fault(text, SIFT) == reason


@pytest.mark.skipif(not SHARED.exists(), reason="the instructions of Self-Instruct are not here")
def test_what_people_ask_for_is_not_refused_for_asking_nothing() -> None:
    texts = [
        json.loads(line)["instruction"]
        for name in ("seed_tasks", "user_oriented_instructions")
        for line in (SHARED / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(texts) == 427
    assert not [
        text
        for text in texts
        if task_filter.has_no_request(text) or task_filter.is_repetitive(text)
    ]


def test_what_was_cut_is_dropped_whatever_it_says() -> None:
    assert find_instruction_fault("Name a bright colour", SIFT, cut=True) == task_filter.CUT


def test_the_blacklist_and_the_script_are_settings() -> None:
    assert find_instruction_fault("Describe what the images show", FilterConfig(blacklist=[])) == ""
    assert (
        find_instruction_fault("Describe what the poems show", FilterConfig(blacklist=["poem"]))
        == task_filter.BLACKLISTED
    )
    assert (
        find_instruction_fault("Éclaircis la phrase qui suit", FilterConfig(any_script=True)) == ""
    )


def test_a_new_task_is_kept_before_the_next_is_looked_at() -> None:
    """ "a b c d" and "a b c e" share 3 of 4 words: F1 = .75; "a b x y" shares 2: .5."""
    novelty = NoveltyFilter(["p q r s"], 0.7)
    found = novelty.decide(["a b c d", "a b c e", "a b x y", "p q r t"])
    assert [new for new, _ in found] == [True, False, True, False]
    assert found[1][1].most_similar[0] == ("a b c d", 0.75)
    assert found[2][1].nearest == 0.5
    assert found[2][1].mean == pytest.approx((0.0 + 0.5) / 2)
    assert novelty.decide(["a b x z"])[0][0] is False, (
        "kept ones are remembered from round to round"
    )


def test_at_the_threshold_a_task_is_kept_and_ten_are_remembered() -> None:
    texts = [f"{word} two three four five six seven eight nine ten" for word in "abcdefghijklmn"]
    found = NoveltyFilter(texts, 0.9).decide(["z two three four five six seven eight nine ten"])
    assert found[0][0], "0.9 does not exceed 0.9"
    assert len(found[0][1].most_similar) == 10
    assert found[0][1].most_similar[0] == (
        texts[0],
        round(rouge_l(texts[0], "z " + texts[0][2:]), 6),
    )


def test_equal_texts_are_like_each_other_at_the_greatest_threshold() -> None:
    novelty = NoveltyFilter(["Write a poem."], 1.0)
    found = novelty.decide(["write a poem", "Write a short poem.", "Write a short poem!"])
    assert [new for new, _ in found] == [False, True, False]
    pool = InstanceFilter(1.0)
    pool.hold_out(Instance("Name all of the rivers that run through Hale.", "Elm"))
    asked = "Name all of the rivers that run through Hale!"
    assert reasons(pool, "Answer.", (asked, "Ash"), (asked + " Please.", "Ash")) == [
        task_filter.LIKE_INPUT,
        "",
    ]


def reasons(pool: InstanceFilter, instruction: str, *cases: tuple[str, str]) -> list[str]:
    instances = [Instance(*case) for case in cases]
    return [reason for _, reason in pool.filter_instances(instruction, instances, 9)]


def test_instances() -> None:
    pool = InstanceFilter(0.7)
    assert reasons(pool, "Do", ("a", "b"), ("a", "b")) == ["", task_filter.REPEATED]
    assert reasons(pool, "Do", ("x", "x"), ("y", " "), ("in:", "z"), ("w", "out:")) == [
        task_filter.ECHO,
        task_filter.EMPTY,
        task_filter.COLON,
        task_filter.COLON,
    ]
    assert reasons(pool, "Sort", ("q", "1"), ("q", "2"), ("r", "3")) == [
        task_filter.TWO_OUTPUTS,
        task_filter.TWO_OUTPUTS,
        "",
    ]
    assert reasons(pool, "Pick", ("s", "4"), ("s", ""), ("s", "s")) == [
        "",
        task_filter.EMPTY,
        task_filter.ECHO,
    ], "what is no instance is no second output"
    assert reasons(pool, "Say", ("", "one"), ("", "two")) == ["", ""], (
        "without an input two outputs are two answers"
    )


def test_surplus_is_dropped_and_nothing_later_is_like_it() -> None:
    pool = InstanceFilter(0.7)
    cases = [Instance("", "x:"), Instance("a", "one"), Instance("b", "two"), Instance("c", "three")]
    assert [reason for _, reason in pool.filter_instances("Do", cases, 2)] == [
        task_filter.COLON,
        "",
        "",
        task_filter.MORE_THAN_ASKED,
    ]
    assert [reason for _, reason in pool.filter_instances("Do", cases[2:], 2)] == [
        task_filter.REPEATED,
        "",
    ], "the third was never kept"
    assert [reason for _, reason in pool.filter_instances("Go", [Instance("d", "four")], 0)] == [
        task_filter.MORE_THAN_ASKED
    ]


def test_an_input_or_an_output_like_another_is_dropped_by_itself() -> None:
    """The default: each over the threshold on its own; a short output is right for many tasks."""
    pool = InstanceFilter(0.7)
    long = "the old bridge over the river was built of stone"
    assert reasons(pool, "One", ("the cat sat on the mat", long)) == [""]
    assert reasons(pool, "Two", ("the cat sat on the rug", "no")) == [task_filter.LIKE_INPUT]
    assert reasons(pool, "Three", ("seven green apples", f"{long} bricks")) == [
        task_filter.LIKE_OUTPUT
    ]
    assert reasons(pool, "Four", ("seven green apples", "no"), ("two pears", "no")) == ["", ""]
    assert reasons(pool, "Five", ("", long), ("", "no")) == [task_filter.LIKE_OUTPUT, ""]


def test_an_instance_like_another_in_both_parts_is_dropped() -> None:
    """`filter.overlap=both`, the weaker rule."""
    pool = InstanceFilter(0.7, "both")
    first = ("the cat sat on the mat", "a cat was sitting there")
    assert reasons(pool, "One", first) == [""]
    assert reasons(pool, "Two", ("the cat sat on the rug", "a cat was sitting here")) == [
        task_filter.LIKE_INSTANCE
    ]
    assert reasons(pool, "Three", ("the cat sat on the rug", "no")) == [""], (
        "the same input may have another answer elsewhere"
    )
    long = "one two three four five six seven eight nine"
    assert reasons(pool, "Four", ("", long)) == [""]
    assert reasons(pool, "Five", ("", f"{long} ten"), ("", "yes")) == [
        task_filter.LIKE_INSTANCE,
        "",
    ]
    assert reasons(pool, "Six", ("", "yes")) == [""], (
        "a short answer is the right one to many tasks"
    )


def test_an_output_that_repeats_the_instruction_is_dropped() -> None:
    """Six of seven words are the same: F1 = .86; a short label that stands in the instruction is
    none.
    """
    pool = InstanceFilter(0.7)
    instruction = "Name the longest river of the country"
    assert reasons(
        pool, instruction, ("Peru", "the longest river of the country"), ("Chile", "the Loa river")
    ) == [task_filter.REPEATS_INSTRUCTION, ""]
    assert reasons(pool, "Is it late or early?", ("noon", "late")) == [""]


@pytest.mark.skipif(not SHARED.exists(), reason="the tasks of Self-Instruct are not here")
def test_what_people_answer_is_hardly_ever_refused() -> None:
    rows = [
        json.loads(line)
        for name in ("seed_tasks", "user_oriented_instructions")
        for line in (SHARED / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    cases = [(row["instruction"], row["instances"][0]) for row in rows]
    found = [
        reasons(InstanceFilter(0.7), instruction, (case["input"], case["output"]))[0]
        for instruction, case in cases
    ]
    assert len(found) == 427
    assert found.count(task_filter.REPEATS_INSTRUCTION) <= 4
