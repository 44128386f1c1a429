"""The smallest revision without a model: literal texts, and promises over all texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.generate.correct import edit_distance
from selfteach.judge.check import parse_check
from selfteach.judge.revise import find_smallest_revision, trim_to_sentence

TEXT = (
    "Tea is a drink!! It is made of leaves and hot water 🎉. People love it! Certainly, it is old."
)


@pytest.mark.parametrize(
    ("check", "revised"),
    [
        (
            'not contains "!"',
            (
                "Tea is a drink. It is made of leaves and hot water 🎉. People love it. "
                "Certainly, it is old."
            ),
        ),
        (
            r'not regex "\\p{Emoji_Presentation}"',
            (
                "Tea is a drink!! It is made of leaves and hot water. People love it! "
                "Certainly, it is old."
            ),
        ),
        (
            'not contains "certainly"',
            "Tea is a drink!! It is made of leaves and hot water 🎉. People love it! It is old.",
        ),
        ("max_words=12", "Tea is a drink!! It is made of leaves and hot water 🎉."),
        ("max_sentences=1", "Tea is a drink!!"),
        ('not contains "hot"', "Tea is a drink!! People love it! Certainly, it is old."),
        ("max_words=30", TEXT),
        ("min_words=40", None),
    ],
)
def test_only_what_the_check_objects_to_goes(check: str, revised: str | None) -> None:
    assert find_smallest_revision(TEXT, [parse_check(check).keeps]) == revised


@pytest.mark.parametrize(
    ("text", "revised"),
    [
        ("I like it! .NET is good.", "I like it. .NET is good."),
        ("Ignore .env, .gitignore and .bashrc!", "Ignore .env, .gitignore and .bashrc."),
        ("Great!\n.5 is half.", "Great.\n.5 is half."),
        ("Great!, he said!. Yes.", "Great, he said. Yes."),
        ("Tea, milk, etc., are good!", "Tea, milk, etc., are good."),
        ("Tea, e.g., is good!", "Tea, e.g., is good."),
    ],
)
def test_a_dot_before_a_word_stays(text: str, revised: str) -> None:
    assert find_smallest_revision(text, [parse_check('not contains "!"').keeps]) == revised


def test_conditions_hold_together_and_the_first_mended_stays_mended() -> None:
    assert find_smallest_revision(
        TEXT, [parse_check("max_words=12").keeps, parse_check('not contains "!"').keeps]
    ) == ("Tea is a drink. It is made of leaves and hot water 🎉.")
    assert (
        find_smallest_revision(
            "Yes, tea, milk.", [parse_check("max_words=2").keeps, parse_check("min_words=3").keeps]
        )
        is None
    )


@settings(deadline=None)
@given(
    st.text(st.sampled_from("ab !.,?🎉\n"), max_size=60),
    st.sampled_from(['not contains "!"', "max_words=3", "max_sentences=1"]),
)
def test_a_revision_passes_and_a_text_that_passes_stays(text: str, check: str) -> None:
    keeps = parse_check(check).keeps
    found = find_smallest_revision(text, [keeps])
    assert found is None or keeps(found)
    if keeps(text):
        assert found == text


@pytest.mark.parametrize(
    ("text", "revised"),
    [
        ("The fox eats bread.", None),
        ("Tea, fox, bread.", "Tea, bread."),
        ("It is, certainly, old.", "It is old."),
        ("It is old, certainly.", "It is old."),
        ("Certainly!", None),
    ],
)
def test_a_word_that_holds_its_clause_together_is_left_to_a_model(
    text: str, revised: str | None
) -> None:
    assert (
        find_smallest_revision(
            text, [parse_check('not (contains "certainly" or contains "fox")').keeps]
        )
        == revised
    )


LIST = (
    "Tea is easy to make. Here is how:\n\n1. Boil some water.\n2. Pour it on the "
    "leaves.\n\nThat is all there is to it."
)


def test_an_answer_ends_before_a_list_and_not_in_it_and_keeps_its_lines() -> None:
    assert (
        find_smallest_revision(LIST, [parse_check("max_words=20").keeps]) == "Tea is easy to make."
    )
    assert (
        find_smallest_revision(LIST + "\n\nEnjoy the tea.", [parse_check("max_words=26").keeps])
        == LIST
    )
    assert (
        find_smallest_revision(
            "To make tea, you need these:\n- water\n- leaves", [parse_check("max_words=7").keeps]
        )
        is None
    )


def test_distance_counts_words_and_marks() -> None:
    assert edit_distance("The color is red.", "The colour is red.") == pytest.approx(1 / 5)
    assert edit_distance("Red!", "Red.") == pytest.approx(1 / 2)
    assert edit_distance("a  b\n", "a b") == 0
    assert edit_distance("", "a") == 1


def test_a_text_that_broke_off_ends_with_its_last_whole_sentence() -> None:
    assert trim_to_sentence("Tea is a drink. It is made of") == "Tea is a drink."
    assert trim_to_sentence("Tea is a drink. You need:\n- water\n- lea") == "Tea is a drink."
    assert trim_to_sentence("To make tea, you") == ""


@pytest.mark.parametrize(
    ("check", "text", "revised"),
    [
        (
            'not contains "!"',
            "Hello! 👨\u200d👩\u200d👧 I ❤️ it!",
            "Hello. 👨\u200d👩\u200d👧 I ❤️ it.",
        ),
        ('not contains "!"', "ක්\u200dරමය හොඳයි!", "ක්\u200dරමය හොඳයි."),
        ('not contains "👧"', "It is 👨\u200d👩\u200d👧 here.", "It is here."),
        ('not contains "🌈"', "A flag: 🏳️\u200d🌈. Yes.", "A flag. Yes."),
    ],
)
def test_removed_signs_leave_other_emoji_and_words_whole(
    check: str, text: str, revised: str
) -> None:
    assert find_smallest_revision(text, [parse_check(check).keeps]) == revised


@pytest.mark.parametrize(
    ("mark", "text", "revised"),
    [
        ("-", "It takes 5-6 days.", "It takes 5 to 6 days."),
        ("-", "A well-known man came.", "A well known man came."),
        (":", "We open at 5:30. See http://x.org. Come.", "We open at five thirty. Come."),
        (":", "See http://x.org now. Come in.", "Come in."),
        ("!", "Write x != y here. Then run it!", "Then run it."),
        ("—", "The day—and the night—is long.", "The day, and the night, is long."),
        (";", "&lt;b&gt; is bold. Write it; then go.", "Write it. Then go."),
        ("!", "Go!... Then wait!", "Go... Then wait."),
        ("•", "Tips:\n\n• Eat.\n• Sleep.", "Tips:\n\nEat.\nSleep."),
        ("→", "→ Eat.\n→ Sleep.", "Eat.\nSleep."),
        ("★", "Good ★★★.", "Good."),
    ],
)
def test_a_mark_that_tells_something_is_not_taken_out(mark: str, text: str, revised: str) -> None:
    """Its sentence goes: "56 days" or "x .= y" say something else."""
    assert find_smallest_revision(text, [parse_check(f'not contains "{mark}"').keeps]) == revised


def test_code_that_breaks_the_check_is_not_rewritten() -> None:
    text = "Run this:\n\n```\nif (!x) return;\n```\n\nIt works. Good!"
    keeps = parse_check('not contains "!"').keeps
    assert "(.x)" not in str(find_smallest_revision(text, [keeps]))


def test_a_removed_sign_leaves_indentation_and_line_breaks() -> None:
    keeps = parse_check('not contains "!"').keeps
    code = "Here you go!\n\n    def f():\n        return 1\n\nIt works."
    assert find_smallest_revision(code, [keeps]) == code.replace("!", ".")
    nested = "Fruit!\n- apples\n  - red ones  \n  - green ones"
    assert find_smallest_revision(nested, [keeps]) == nested.replace("!", ".")


def test_spaces_elsewhere_stay_as_they_are() -> None:
    keeps = parse_check('not contains "🍎"').keeps
    for text in (
        "Bonjour ! Voici : une pomme{}. Ça va ?",
        "Use `x = a ? b : c`{} here.",
        "| a   | b |\n| 1   | 2 |{}",
        "From 1 .. 20{}",
        "Fruit:\n{}\n  - red",
    ):
        assert find_smallest_revision(text.format(" 🍎"), [keeps]) == text.format("")
    assert find_smallest_revision("Red\n🍎 apples 🍎🍎 are 🍎!", [keeps]) == "Red\napples are!"


@pytest.mark.parametrize(
    ("check", "text", "revised"),
    [
        ('not ends "."', "Be kind. It rains.", "Be kind. It rains"),
        ('not ends "?"', "What? Why?", "What? Why"),
        ('not ends "!"', "Go!", "Go."),
        ("max_characters=21", "Ok. It rains and pours.", "Ok."),
    ],
)
def test_a_mark_that_may_not_end_a_text_is_dropped_there(
    check: str, text: str, revised: str
) -> None:
    assert find_smallest_revision(text, [parse_check(check).keeps]) == revised
