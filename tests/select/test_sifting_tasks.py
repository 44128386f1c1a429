"""Every reason to drop a task or an instance, each with a text that has it and one that nearly has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach.config import Sift
from selfteach.materials.tasks import Instance
from selfteach.select import tasks
from selfteach.select.overlap import overlap
from selfteach.select.tasks import Instances, Novelty, instruction_fault

SIFT = Sift()
SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Name a colour", tasks.TOO_SHORT),
        ("Name a bright colour", ""),
        (" ".join(["word"] * 151), tasks.TOO_LONG),
        (" ".join(["word"] * 150), ""),
        ("Describe what the Images show here", tasks.BLACKLISTED),
        ("Please go to the nearest shop", tasks.BLACKLISTED),
        ("Write a profile of a mapmaker", ""),
        ("Explain the graphite in a pencil", ""),
        ("Write a program that sorts numbers", tasks.PROGRAM),
        ("Write a programme for the concert", tasks.PROGRAM),
        ("Write a simple Python code that sorts numbers", tasks.PROGRAM),
        ("You need to write a script for the shop", tasks.PROGRAM),
        ("Write a letter about the program of the week", ""),
        ("I am going home tonight. I am going home tonight.", tasks.TWICE),
        ("Choose one: yes or no. Choose one of the colours. Yes or no.", ""),
        ("A princess and a knight", tasks.NOTHING_ASKED),
        ("The story should have a happy ending.", tasks.NOTHING_ASKED),
        ("He was late. They were not.", tasks.NOTHING_ASKED),
        ("The tone of the letter should be changed.", ""),
        ("The following words are given. Make a sentence.", ""),
        ("I am late, can you help?", ""),
        ("- Name a bright colour", tasks.PUNCTUATION),
        ("Éclaircis la phrase qui suit", tasks.SCRIPT),
        ("Name a bright café in Paris", ""),
    ],
)
def test_form(text: str, reason: str) -> None:
    assert instruction_fault(text, SIFT) == reason


@pytest.mark.skipif(not SHARED.exists(), reason="the instructions of Self-Instruct are not here")
def test_what_people_ask_for_is_not_refused_for_asking_nothing() -> None:
    texts = [
        json.loads(line)["instruction"]
        for name in ("seed_tasks", "user_oriented_instructions")
        for line in (SHARED / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(texts) == 427
    assert not [text for text in texts if tasks.asks_nothing(text) or tasks.says_twice(text)]


def test_what_was_cut_is_dropped_whatever_it_says() -> None:
    assert instruction_fault("Name a bright colour", SIFT, cut=True) == tasks.CUT


def test_the_blacklist_and_the_script_are_settings() -> None:
    assert instruction_fault("Describe what the images show", Sift(blacklist=[])) == ""
    assert (
        instruction_fault("Describe what the poems show", Sift(blacklist=["poem"]))
        == tasks.BLACKLISTED
    )
    assert instruction_fault("Éclaircis la phrase qui suit", Sift(any_script=True)) == ""


def test_a_new_task_is_kept_before_the_next_is_looked_at() -> None:
    """ "a b c d" and "a b c e" share 3 of 4 words: F1 = .75; "a b x y" shares 2: .5."""
    novelty = Novelty(["p q r s"], 0.7)
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
    found = Novelty(texts, 0.9).decide(["z two three four five six seven eight nine ten"])
    assert found[0][0], "0.9 does not exceed 0.9"
    assert len(found[0][1].most_similar) == 10
    assert found[0][1].most_similar[0] == (
        texts[0],
        round(overlap(texts[0], "z " + texts[0][2:]), 6),
    )


def reasons(pool: Instances, instruction: str, *cases: tuple[str, str]) -> list[str]:
    return [reason for _, reason in pool.sieve(instruction, [Instance(*case) for case in cases], 9)]


def test_instances() -> None:
    pool = Instances(0.7)
    assert reasons(pool, "Do", ("a", "b"), ("a", "b")) == ["", tasks.REPEATED]
    assert reasons(pool, "Do", ("x", "x"), ("y", " "), ("in:", "z"), ("w", "out:")) == [
        tasks.ECHO,
        tasks.EMPTY,
        tasks.COLON,
        tasks.COLON,
    ]
    assert reasons(pool, "Sort", ("q", "1"), ("q", "2"), ("r", "3")) == [
        tasks.TWO_OUTPUTS,
        tasks.TWO_OUTPUTS,
        "",
    ]
    assert reasons(pool, "Say", ("", "one"), ("", "two")) == ["", ""], (
        "without an input two outputs are two answers"
    )


def test_what_is_more_than_was_asked_for_is_dropped_and_nothing_later_is_like_it() -> None:
    pool = Instances(0.7)
    cases = [Instance("", "x:"), Instance("a", "one"), Instance("b", "two"), Instance("c", "three")]
    assert [reason for _, reason in pool.sieve("Do", cases, 2)] == [
        tasks.COLON,
        "",
        "",
        tasks.ENOUGH,
    ]
    assert [reason for _, reason in pool.sieve("Do", cases[2:], 2)] == [tasks.REPEATED, ""], (
        "the third was never kept"
    )
    assert [reason for _, reason in pool.sieve("Go", [Instance("d", "four")], 0)] == [tasks.ENOUGH]


def test_an_instance_like_another_of_any_task_is_dropped() -> None:
    pool = Instances(0.7)
    first = ("the cat sat on the mat", "a cat was sitting there")
    assert reasons(pool, "One", first) == [""]
    assert reasons(pool, "Two", ("the cat sat on the rug", "a cat was sitting here")) == [
        tasks.LIKE_INSTANCE
    ]
    assert reasons(pool, "Three", ("the cat sat on the rug", "no")) == [""], (
        "the same input may have another answer elsewhere"
    )
    long = "one two three four five six seven eight nine"
    assert reasons(pool, "Four", ("", long)) == [""]
    assert reasons(pool, "Five", ("", f"{long} ten"), ("", "yes")) == [tasks.LIKE_INSTANCE, ""]
    assert reasons(pool, "Six", ("", "yes")) == [""], (
        "a short answer is the right one to many tasks"
    )


def test_an_output_that_repeats_the_instruction_is_dropped() -> None:
    """Six of seven words are the same: F1 = .86; a short label that stands in the instruction is
    none.
    """
    pool = Instances(0.7)
    said = "Name the longest river of the country"
    assert reasons(
        pool, said, ("Peru", "the longest river of the country"), ("Chile", "the Loa river")
    ) == [tasks.PARROTS, ""]
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
        reasons(Instances(0.7), said, (case["input"], case["output"]))[0] for said, case in cases
    ]
    assert len(found) == 427
    assert found.count(tasks.PARROTS) <= 4
