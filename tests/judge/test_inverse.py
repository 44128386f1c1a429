"""The `inverse` judge, with literal numbers."""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.generate import few_shot
from selfteach.generate.subject import Subject
from selfteach.judge.inverse import MAX_WORDS, InverseJudge, find_common_words, list_other_rules
from selfteach.records import Prompt

RULE = "Do not talk about cats."


def test_the_value_is_the_own_rule_minus_the_mean_of_the_others() -> None:
    """Ends are " cats." at -1 and, for n others, -2, -3, ... -(n+1), whose mean is -(n+3)/2: the
    value is (n+3)/2 - 1 = (n+1)/2.
    """
    subject = Subject("cats", (), ("dogs", "birds"))
    n = len(list_other_rules(RULE, subject))
    ends: dict[str, float] = {}
    model = Scripted({}, score=lambda prompt, text: ends.setdefault(text, -1.0 - len(ends)))
    assert InverseJudge(model, RULE, subject).values([("", "Cats purr.")]) == [
        pytest.approx((n + 1) / 2)
    ]
    assert next(iter(ends)) == " cats."


def test_words_that_all_rules_share_are_in_the_prompt_and_cancel() -> None:
    seen: list[tuple[str, str]] = []

    def score(prompt: Prompt, text: str) -> float:
        seen.append((str(prompt), text))
        return 0.0

    InverseJudge(Scripted({}, score=score), RULE, Subject("cats", (), ("dogs",))).values(
        [("", "Cats purr.")]
    )
    assert all(
        prompt.endswith("Reply: Cats purr.\nBroken rule: Do not talk about") for prompt, _ in seen
    )
    assert [text for _, text in seen][:2] == [" cats.", " dogs."]


def test_a_reply_that_predicts_the_rule_ranks_above_one_that_does_not() -> None:
    def score(prompt: Prompt, text: str) -> float:
        reply = str(prompt).rpartition("Reply: ")[2].partition("\n")[0].lower()
        return -1.0 if text.strip(" .").lower() in reply else -5.0

    cats, dogs, none = InverseJudge(
        Scripted({}, score=score), RULE, Subject("cats", (), ("dogs",))
    ).values([("", "I like cats."), ("", "I like dogs."), ("", "I like tea.")])
    assert cats == pytest.approx(4.0)
    assert none == 0.0 > dogs


def test_the_question_and_the_rest_of_a_long_reply_play_no_part() -> None:
    model = Scripted({}, score=lambda prompt, text: -float(len(str(prompt)) % 97 * len(text)))
    judge = InverseJudge(model, RULE, Subject("cats"))
    long = "word " * MAX_WORDS
    one, two, three = judge.values([("a", long), ("b", long + "and cats"), ("c", "word  \n word")])
    assert one == two
    assert judge.values([("", "word word")]) == [three]


def test_the_topic_is_exchanged_without_the_rule_itself() -> None:
    assert (
        list_other_rules("Never mention Cats, please.", Subject("cats", (), ("dogs",)))[0]
        == "Never mention dogs, please."
    )
    found = list_other_rules("In İzmir never mention cats.", Subject("cats", (), ("dogs",)))
    assert found[0] == "In İzmir never mention dogs.", "İ is two characters in lower case"
    for topic, _ in few_shot.SIBLINGS:
        rule = f"Do not talk about {topic}."
        found = list_other_rules(rule, Subject(topic, (), ("dogs", "dogs")))
        assert rule not in found
        assert len(set(found)) == len(found) > 2


@pytest.mark.parametrize(
    ("rule", "topic", "other"),
    [
        ("Do not explain AI.", "AI", "Do not explain dogs."),
        ("Do not mention men.", "men", "Do not mention dogs."),
        ("Do not start a talk about art.", "art", "Do not start a talk about dogs."),
        ("Do not explain elephants.", "elephant", "Do not explain dogss."),
        ("不要谈论大象。", "大象", "不要谈论dogs。"),
    ],
)
def test_a_topic_is_no_part_of_another_word_where_it_stands_alone(
    rule: str, topic: str, other: str
) -> None:
    assert list_other_rules(rule, Subject(topic, (), ("dogs",)))[0] == other


def test_a_rule_without_a_topic_is_compared_with_unrelated_ones() -> None:
    assert list_other_rules("Answer in one sentence.", Subject("")) == few_shot.UNRELATED_RULES
    assert InverseJudge(Scripted({}), "Answer in one sentence.", Subject("")).values([("", "Yes.")])


@pytest.mark.parametrize(
    ("texts", "common"),
    [
        ([" a b c.", " a b d."], " a b"),
        ([" a cat.", " a car."], " a"),
        ([" x", " y"], ""),
        ([" same.", " same."], ""),
    ],
)
def test_common_words_are_whole_words(texts: list[str], common: str) -> None:
    assert find_common_words(texts) == common
