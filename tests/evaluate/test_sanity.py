"""Looping and empty answers, by example."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.evaluate.sanity import is_empty, is_looping, measure_sanity_by_arm
from selfteach.records import Completion, Measure

PROSE = """The capital of France is Paris. It lies on the river Seine, and more than two
million people live there. The city is known for its museums, its food and the Eiffel Tower, which
was built for the World's Fair of 1889. Many people visit Paris every year, and many
of them come back. The city is also the seat of the government of France."""


@pytest.mark.parametrize(
    "answer",
    [
        "I like bread. " * 3,
        "Well, let me think. I am sorry, I am sorry, I am sorry, I am sorry, I am",
        PROSE + " It is a big city." * 3,
        "no " * 9,
        "1. The city is big.\n2. The city is big.\n3. The city is big.\n4. The city is big.",
        "ha" * 40,
        "Great! " + "😀" * 20,
        "大象很大。" * 5,
        "The cat sat. The dog ran. " * 4,
        "1. Be kind.\n2. Be kind.\n3. Be kind.\n4. Be kind.\n5. Be kind.",
        "1. Be kind. 2. Be kind. 3. Be kind. 4. Be kind. 5. Be kind.",
        "1) Rest.\n2) Rest.\n3) Rest.\n4) Rest.\n5) Rest.\n6) Rest.\n7) Rest.\n8) Rest.\n9) Rest.",
        "Step 1: stir the soup. Step 2: stir the soup. Step 3: stir the soup.",
        "Page 1 of 9: the end. Page 2 of 9: the end. Page 3 of 9: the end.",
        "1. Rule 1: do not run.\n2. Rule 2: do not run.\n3. Rule 3: do not run.",
        "In 1990 he was born. In 1991 he was born. In 1992 he was born.",
        "It opens at 9 am. " * 4,
        "We close at 6. We close at 6. We close at 6. We close at 6.",
        "It is 5 pm, 5 pm, 5 pm, 5 pm, 5 pm, 5 pm",
        PROSE + " 5 x 1 = 5" * 6,
        "The answer is " + "." * 1000,
        "The answer is " + ":" * 1000,
        "!" * 16,
        "so " + "ha" * 16,
        "Nice " + ":)" * 16,
        "The answer is" + " ." * 500,
        "The answer is " + "1" * 500,
        "The answer is " + "1. " * 300,
    ],
)
def test_these_loop(answer):
    assert is_looping(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        PROSE,
        "No, no, no.",
        "It is very, very, very big.",
        "Row, row, row your boat, gently down the stream.",
        "1000000000000000000",
        "| a | b |\n|-----------------------|----|\n| 1 | 2 |",
        "=" * 40,
        "=" * 200 + "\nIt is so.",
        "It is 1" + "0" * 60 + ".",
        "| City |\n├────────────────────┤\n│ Oslo │\n╰────────────────────╯",
        "Name " + "—" * 20 + " " + "−" * 20,
        "Chapter 1 " + "…" * 20 + " 5",
        "Tea " + "·" * 20 + " 3, coffee " + "•" * 20 + " 4",
        "/" * 40 + "\n// Tools\n" + "/" * 40,
        "    foo(bar)\n    " + "^" * 20 + " here",
        "%" * 30 + "\n% Methods\n" + ";" * 30 + "\n" + ":" * 30,
        "[" + "█" * 18 + "░" * 10 + "] 64 %",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14",
        "- Apples: red\n- Pears: green\n- Plums: blue\n- Grapes: green",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
        "The bus to the airport leaves at 6:00 am, 7:00 am, 8:00 am and 9:00 am.",
        "Ferries: 6:00 a.m., 7:00 a.m., 8:00 a.m., 9:00 a.m., 10:00 a.m., 11:00 a.m.",
        "Trains run at 6:15 am, at 7:15 am, at 8:15 am, at 9:15 am and at 10:15 am.",
        "\n".join(f"{i}:00 am" for i in range(1, 13)),
        "\n".join(f"5 x {i} = {5 * i}" for i in range(1, 11)),
        "\n".join(f"{i} × 7 = {7 * i}" for i in range(1, 13)),
        "\n".join(f"{i} times 3 is {3 * i}." for i in range(1, 11)),
        "\n".join(f"7 multiplied by {i} equals {7 * i}" for i in range(1, 11)),
        "\n".join(f"{i} inches are {2.54 * i:.2f} cm" for i in range(1, 11)),
        "\n".join(f"{i}. {i} kg = {2.2 * i:.1f} lb" for i in range(1, 9)),
        "The sizes are 10 cm, 20 cm, 30 cm, 40 cm, 50 cm and 60 cm.",
        "Bus 1 leaves at 6:00 am. Bus 2 leaves at 7:30 am. Bus 3 leaves at 8:15 am.",
        "Take 1 pill at 8 am, 1 pill at 2 pm, 1 pill at 8 pm.",
        "In 1990 it cost 5 dollars. In 1991 it cost 6 dollars. In 1992 it cost 8 dollars.",
    ],
)
def test_these_do_not(answer):
    assert not is_looping(answer)


def test_empty():
    assert [
        is_empty(text) for text in ("", "  \n", "...", "\ufffd", "?!", "42", "ja", "🐘", "象")
    ] == [True] * 5 + [False] * 4


def test_all_together():
    texts = {"Yes.": 2, "": 1, "no " * 20: 21, "It is big.": 4}
    answers = [Completion(text, text, tokens=count) for text, count in texts.items()]
    found = measure_sanity_by_arm({"base": answers, "tuned": []})
    assert (found["base"]["looping"].value, found["base"]["looping"].n) == (0.25, 4)
    assert found["base"]["empty"].value == 0.25
    assert found["base"]["mean_tokens"] == 7
    assert found["tuned"]["looping"] == Measure(0, 0, 1, 0)


def test_by_arm():
    found = measure_sanity_by_arm(
        {"base": [Completion("1", "Yes.", tokens=2), Completion("2", "", tokens=1)], "tuned": []}
    )
    assert (
        found["base"]["empty"].value,
        found["base"]["looping"].value,
        found["base"]["mean_tokens"],
    ) == (0.5, 0.0, 1.5)
    assert list(found) == ["base", "tuned"]


@given(st.text())
@settings(deadline=None)
def test_any_text(text):
    assert is_looping(text) in (True, False)
    assert not (is_empty(text) and any(char.isalpha() for char in text))


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=8), st.integers(3, 6))
@settings(deadline=None)
def test_a_repeated_block_loops(block, times):
    if len(block) * times >= 9:
        assert is_looping("so then " + " ".join(block * times))
