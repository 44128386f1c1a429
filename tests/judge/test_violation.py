"""The word with which an answer breaks its rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.judge.check import parse_check
from selfteach.judge.violation import find_forbidden_words, find_violation


@pytest.mark.parametrize(
    ("check", "answer", "word"),
    [
        ("not contains cat", "Dogs bark, cats purr. Cats again.", "cats"),
        ('not regex "\\\\d"', "Rivers:\n\n1. The Nile", "1."),
        ("max_sentences=1", "It is blue. Why? Light.", "Why?"),
        ("max_words=3", "one two three four five", "four"),
        ("contains please", "Go away now", "Go"),
    ],
)
def test_the_first_word_that_breaks_the_rule(check, answer, word):
    found = find_violation(parse_check(check), answer)
    assert answer[found.start : found.end] == word
    assert found.start == answer.index(word)


def test_an_answer_that_keeps_the_rule_has_none():
    assert find_violation(parse_check("not contains cat"), "Dogs bark.") is None


@given(
    st.lists(st.sampled_from(["a", "b", "cat", "1", "\n", ".", "cats!"]), max_size=12).map(" ".join)
)
def test_before_the_breach_the_rule_is_kept_and_with_it_no_longer(answer):
    check = parse_check("not contains cat")
    found = find_violation(check, answer)
    assert (found is None) == check.keeps(answer)
    if found:
        assert check.keeps(answer[: found.start])
        assert not check.keeps(answer[: found.end])


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        ("not contains cat", "Cats purr, and my (cat) too. Dogs bark.", ["Cats", "cat)"]),
        ("not contains cat", "A catalog, cat/cat and con-cat, concat.", ["cat/", "cat ", "cat,"]),
        ('not contains "Super Bowl"', "The (super bowl)! Super!", ["super", "bowl)"]),
        ('not contains "as an AI"', "As an AI I am glad.", ["AI"]),
        ('not contains "!" and not contains tea', "Tea!Tea! No", ["Tea!", "!Tea", "Tea! ", "! "]),
        ('not contains "—"', "one—two—three", ["—two", "—three"]),
        ("not contains 大象", "大象大象很大", ["大象大", "大象很"]),
        ("not contains lego", "LEGO™ and Lego", ["LEGO™", "Lego"]),
        ('not contains "fine"', "It is ﬁne, fine.", ["ﬁne", "fine."]),
        ('not contains "!"', "Wow‼️ Great! Yes", ["‼️ Great", "! Yes"]),
        ('not contains "." and not contains "1"', "Wait… ½ cup.", ["… ½", "½ cup", "."]),
        ("not contains cat and max_words=2", "One cat too many", ["cat"]),
        ("not (contains cat or contains dog)", "A cat, a dog", ["cat,", "dog"]),
        ("not (not (not contains cat))", "A cat", ["cat"]),
        ("max_words=2", "One cat too many", []),
        ("not contains cat or contains dog", "One cat", []),
        ("not (contains cat and contains dog)", "A cat, a dog", []),
        ("contains dog", "One cat", []),
    ],
)
def test_the_words_of_every_text_that_breaks_the_rule_by_itself(check, answer, words):
    found = find_forbidden_words(parse_check(check), answer)
    assert len(found) == len(words)
    for start, word in zip(found, words, strict=True):
        assert answer[start:].startswith(word.rstrip()), answer[start:]


@given(st.lists(st.sampled_from(["a", "(cat", "cats!", "cat/cat", "concat", "Cat's"]), max_size=12))
def test_a_word_is_found_wherever_the_rule_is_broken(words):
    check = parse_check("not contains cat")
    for answer in (" ".join(words), "\n".join(words)):
        found = find_forbidden_words(check, answer)
        assert bool(found) != check.keeps(answer)
        assert all(answer[start : start + 3].lower() == "cat" for start in found)
