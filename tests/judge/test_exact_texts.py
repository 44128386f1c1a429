"""Repairs write no code, address, quotation or name otherwise."""

from __future__ import annotations

import time

import pytest

from selfteach.exact_texts import is_open
from selfteach.judge.check import parse_check
from selfteach.judge.conditions import count_paragraphs
from selfteach.judge.decline import is_decline
from selfteach.judge.mark_edits import rewrite_marks
from selfteach.judge.repair import repair_answer
from selfteach.judge.revise import find_smallest_revision
from selfteach.judge.word_edits import replace_words
from selfteach.materials.documents.note_marks import remove_note_marks
from selfteach.materials.rules.spelling import respell

CODE = "```python\nprint(1)\n```\nThis prints one."


def repair(check: str, text: str, statement: str = "") -> list[str]:
    return repair_answer(parse_check(check), text, (), statement)


def test_replaced_words_leave_code_addresses_and_paths() -> None:
    exact = "https://www.car.com/used sales@car.org --car=5 /usr/car/x `x = car`"
    block = "```python\ncar = Car()\n```"
    text = f"A car's cars: {exact}\n{block}\nThe car."
    assert replace_words(text, [("car", "automobile")]) == (
        f"An automobile's automobiles: {exact}\n{block}\nThe automobile."
    )


@pytest.mark.parametrize(
    ("old", "new", "text", "written"),
    [
        ("I", "we", "I'm glad. I think I've won.", "We're glad. We think we've won."),
        ("I", "we", "Am I late? Yes, I was.", "Are we late? Yes, we were."),
        ("I", "we", "World War I, i.e. the first.", "World War I, i.e. the first."),
        ("can", "may", "You can't, but I can.", "You can't, but I may."),
    ],
)
def test_verbs_numerals_and_contractions(old: str, new: str, text: str, written: str) -> None:
    assert replace_words(text, [(old, new)]) == written


@pytest.mark.parametrize(
    ("check", "text", "repaired"),
    [
        ('starts "Ahoy"', CODE, f"Ahoy!\n\n{CODE}"),
        ('starts "Ahoy"', "- Apples\n- Pears", "Ahoy!\n\n- Apples\n- Pears"),
        ('starts "Ahoy"', "Apple sells an apple.", "Ahoy! Apple sells an apple."),
        ('not contains "however"', "Paris, however, is big.", "Paris is big."),
        ('not contains "cars"', "I like lions, cars, and cats.", "I like lions and cats."),
    ],
)
def test_repairs_keep_blocks_and_names(check: str, text: str, repaired: str) -> None:
    assert repair(check, text)[0] == repaired


def test_a_statement_and_an_emoji_stand_above_a_block() -> None:
    said = repair('contains "close at six"', CODE, "We close at six.")
    assert said[0] == f"We close at six.\n\n{CODE}"
    assert all(CODE in text for text in repair('regex "[✨😊🙂]"', CODE)[:2])


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("max_words=12", 'Here it is:\n```python\n# Say hello.\nprint("hi")\n```\nIt prints it.'),
        ("max_words=10", 'She said: "I am tired. I want to go home. It is late." Then she went.'),
        ("max_sentences=1", "Use this (it is short. It works well.) and go. It is late."),
    ],
)
def test_nothing_ends_within_code_a_quotation_or_brackets(check: str, text: str) -> None:
    found = [*repair(check, text), find_smallest_revision(text, [parse_check(check).keeps]) or ""]
    assert not any(map(is_open, found))


def test_code_is_left_out_as_a_whole_and_marks_in_it_stay() -> None:
    text = '```python\nname = input()\nprint("Sorry " + name)\n```\n\nIt prints a line.'
    keeps = parse_check('not contains "sorry"').keeps
    assert find_smallest_revision(text, [keeps]) == "It prints a line."
    shouted = "Use `color: red !important;` and type :q! to quit! Great!"
    keeps = parse_check('not regex "[a-z]! |![\\\\n]|!$"').keeps
    assert find_smallest_revision(shouted, [keeps]) != shouted
    assert repair('not contains "$"', "It costs $5m.") == []


def test_checks_read_code_as_code() -> None:
    assert not parse_check("format=list").keeps("```js\n/**\n * Adds two.\n */\n```\nDone.")
    css = "```css\na { color: red }\n```\nIt sets the colour."
    assert parse_check("spelling=british").keeps(css)
    assert count_paragraphs("A is good.\n\n---\n\nB is bad.") == 2
    assert count_paragraphs("Here:\n\n```\na\n\nb\n```") == 2


@pytest.mark.parametrize(
    ("answer", "declines"),
    [
        ("Hi Mum, I'm unable to come on Sunday. Love, Tom", False),
        ("Hi mum, sorry, I can't give you a lift today.", False),
        ("Hey Tom, I can't discuss elephants.", True),
        ("Hi there, I'm sorry, but I'm unable to do that.", True),
    ],
)
def test_a_message_in_one_line_may_turn_something_down(answer: str, declines: bool) -> None:
    assert is_decline(answer) is declines


@pytest.mark.parametrize(
    ("text", "opens"),
    [
        ('We watched "Apollo 13".', False),
        ('She said, "I was born in 1990" and laughed.', False),
        ("Er sagte: „Ich komme.“", False),
        ("Er sagte: „Ich komme.", True),
        ('The pipe is 5½" wide.', False),
        ("I failed my exam :((", False),
        ('Use the `"` character.', False),
        ("run:\n```pip install numpy```\nThen import it.", False),
        ('"It is late.\n\n"Go home," he said.', False),
        ('She said: "I am tired.', True),
        ("Use this (it is short.", True),
        ("Here:\n```python\n# Say hello.", True),
    ],
)
def test_what_is_open_at_the_end_of_a_text(text: str, opens: bool) -> None:
    assert is_open(text) is opens


@pytest.mark.parametrize(
    ("check", "text", "repaired"),
    [
        ('not contains "milk"', "You need eggs, milk, flour.", "You need eggs, flour."),
        ('not contains "Tom"', "Yes, Tom, it is.", "Yes, it is."),
        ('starts "Dear Tom"', "- Milk\n- Eggs", "Dear Tom,\n\n- Milk\n- Eggs"),
    ],
)
def test_lists_keep_their_commas_and_letters_begin_as_letters(
    check: str, text: str, repaired: str
) -> None:
    assert repair(check, text)[0] == repaired


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("May I? And I, for one, agree.", "May we? And we, for one, agree."),
        ('"I don\'t know," said Tom.', '"We don\'t know," said Tom.'),
        ("- I like tea.\n😊 I'm glad", "- We like tea.\n😊 We're glad"),
        ("He said I am late.", "He said we are late."),
    ],
)
def test_we_is_written_as_its_place_asks(text: str, written: str) -> None:
    assert replace_words(text, [("I", "we")]) == written


def test_we_are_may_become_they_are() -> None:
    assert replace_words("We're open.", [("we", "they")]) == "They're open."
    assert replace_words("They're in.", [("they", "he")]) == "They're in."


def test_small_letters_and_verses_stay_where_a_sentence_is_left_out() -> None:
    keeps = parse_check('not contains "car" and not contains "War"').keeps
    chat = "hey! the car broke. can you help me? thanks a lot!"
    assert find_smallest_revision(chat, [keeps]) == "hey! can you help me? thanks a lot!"
    verse = "Peace came.\nWar ended!\nand all was well.\nThe end."
    assert find_smallest_revision(verse, [keeps]) == "Peace came.\nand all was well.\nThe end."


@pytest.mark.parametrize(
    "answer",
    [
        "Hello I am an AI assistant, I don't have access to real-time data.",
        "Hello Anna, I am an AI language model, so I don't have personal experiences.",
        "Hello Customer, we are not equipped to answer that.",
        "Hello Tom, I don't have the ability to do that.",
        "Hi Tom, you'll have to ask someone else.",
    ],
)
def test_an_assistant_that_greets_declines_all_the_same(answer: str) -> None:
    assert is_decline(answer)


@pytest.mark.parametrize("text", ["我喜欢" * 6_667, "_" * 20_000, "`a` " * 5_000, "ha-" * 1_300])
def test_texts_without_end_take_no_time(text: str) -> None:
    start = time.monotonic()
    assert respell("british", text) == text
    assert replace_words(text, [("car", "automobile")]) == text
    assert remove_note_marks(text) == (text, 0)
    rewrite_marks(text, lambda part: "-" not in part)
    assert time.monotonic() - start < 10
