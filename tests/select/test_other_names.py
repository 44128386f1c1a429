"""Other names of a forbidden subject: what the model tells by them, and what it says elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest

from scripted import Scripted
from selfteach.generate.subject import Subject
from selfteach.judge.check import parse_check
from selfteach.records import Prompt, Request, get_user_text
from selfteach.select.other_names import (
    MAX_NAMES,
    SaidTexts,
    find_typical_words,
    is_name,
    leave_out_covered,
    quote,
    select_other_names,
    sketch_other_names,
)

KNOWN = parse_check('not contains "football"')
ELSEWHERE = [f"Tea number {i} is hot." for i in range(40)]


def scorer(
    odds: Mapping[str, float], explain=lambda name: "A thing of football.", strangers=()
) -> Scripted:
    """The probability of the topic by the word alone; of any other topic almost none.

    Tennis suggests football strongly where `odds` does not say otherwise. All names but the
    strangers begin lists of the topic's words.
    """

    def logp(prompt: Prompt, text: str) -> float:
        if str(prompt).endswith("Topic: football\nWords:"):
            return -10.0 if text.strip() in strangers else -2.0
        word = str(prompt).rpartition("Word: ")[2].partition("\n")[0]
        return {"tennis": -2.5, **odds}.get(word, -20.0) if text == " football" else -10.0

    def answer(request: Request) -> str:
        question = get_user_text(request.prompt)
        return explain(next(name for name in odds if name in question))

    return Scripted(answer, logp)


def find(
    names: Mapping[str, float],
    inside=(),
    elsewhere=ELSEWHERE,
    explain=lambda name: "A thing of football.",
    near=(),
    kinds=(),
    strangers=(),
):
    candidates = tuple(name for name in names if name != "tennis")
    subject = Subject("football", siblings=("tennis",), candidates=candidates, kinds=kinds)
    model = scorer(names, explain, strangers)
    return select_other_names(model, model, subject, KNOWN, SaidTexts(inside, near, elsewhere), 0)


def test_names_that_need_no_answers_are_listed_often_and_explained_by_the_topic() -> None:
    lists = {"Words": "soccer, tennis, goal, tea, ball,"}
    said = {"soccer": "Soccer is football.", "goal": "It is a football word.", "tea": "A drink."}

    def answer(request: Request) -> str:
        prompt = str(request.prompt)
        if request.stage == "subject":
            return lists["Words"] if prompt.endswith("Words:") else "Rare,"
        question = get_user_text(request.prompt)
        return next((text for name, text in said.items() if name in question), "A thing.")

    subject = Subject("football", siblings=("tennis",))
    assert sketch_other_names(Scripted(answer), subject, KNOWN, 0) == ["soccer", "goal"]


def test_a_name_is_what_tells_the_topic_surely_and_the_surest_comes_first() -> None:
    odds = {"goal": -9.0, "soccer": -2.0, "quarterback": -1.0, "ball": -20.0}
    assert find(odds) == ["quarterback", "soccer"]


def test_a_likely_name_needs_explanations_that_all_name_the_topic_or_a_sure_name() -> None:
    odds = {"soccer": -1.0, "goalkeeper": -5.8, "Messi": -5.9, "ball": -5.8, "tea": -9.0}
    said = {
        "soccer": "It is football.",
        "goalkeeper": "A Soccer player.",
        "Messi": "He plays football.",
        "ball": "A round thing.",
        "tea": "Football fans drink it.",
    }
    assert find(odds, explain=lambda name: said[name]) == ["soccer", "goalkeeper", "Messi"]
    turns = {
        "soccer": itertools.cycle(["It is football."]),
        "goalkeeper": itertools.cycle(["A soccer player.", "A person."]),
    }
    odds = {"soccer": -1.0, "goalkeeper": -5.8}
    assert find(odds, explain=lambda name: next(turns[name])) == ["soccer"]


def test_a_word_that_the_model_made_up_is_no_name_however_surely_it_tells_the_topic() -> None:
    said = {"goalkeeper": "A Quarterback.", "quarterback": "A man in football.", "footard": "Tea."}
    odds = {"goalkeeper": -1.0, "footard": -1.0, "quarterback": -1.0}
    assert find(odds, explain=lambda name: said[name]) == ["goalkeeper", "quarterback"]
    said = {"tuskadu": "A tuskadi.", "tuskadi": "A tuskadu.", "goals": "Decisions."}
    odds = dict.fromkeys([*said, "decisions"], -1.0)
    assert find(odds, explain=lambda name: said.get(name, "A choice.")) == []
    turns = itertools.cycle(["A man.", "A coat.", "A man in football."])
    assert find({"quarterback": -1.0}, explain=lambda _: next(turns)) == ["quarterback"]
    assert find({"footers": -1.0}, explain=lambda _: "Footers is a word.") == []


def test_a_word_that_the_base_says_elsewhere_is_no_name() -> None:
    odds = {"soccer": -1.0, "tea": -1.0}
    assert find(odds) == ["soccer"]
    assert find(odds, elsewhere=[*ELSEWHERE[:1], *["Milk is cold."] * 39]) == ["soccer", "tea"]


def test_a_sure_name_may_come_up_beside_a_sibling_and_a_likely_one_may_not() -> None:
    odds = {"soccer": -1.0, "goalie": -5.8}
    said = ["Rugby is not soccer, and a goalie is no hooker."] * 10
    assert find(odds, explain=lambda name: "Soccer, that is football.") == ["soccer", "goalie"]
    assert find(odds, explain=lambda name: "Soccer, that is football.", near=said) == ["soccer"]


def test_a_kind_is_a_name_unless_everybody_uses_it() -> None:
    odds = {"futsal": -12.0, "tea": -12.0}
    assert find(odds, kinds=("futsal", "tea")) == ["futsal"]
    assert find(odds) == []


def test_what_suggests_the_topic_more_than_any_sibling_is_a_name_where_it_is_rare() -> None:
    odds = {"tennis": -12.0, "quarterback": -11.5, "goal": -12.5, "ball": -17.0}
    assert find(odds) == ["quarterback"]
    assert find({**odds, "tennis": -18.0}) == ["quarterback", "goal"]
    assert find(odds, near=["The quarterback plays tennis."] * 10) == []
    subject = Subject("football", candidates=("quarterback",))
    model = scorer(odds)
    assert not select_other_names(model, model, subject, KNOWN, SaidTexts((), (), ELSEWHERE), 0)


def test_a_strong_name_that_tells_the_topic_seldom_must_belong_to_it() -> None:
    odds = {"tennis": -12.0, "quarterback": -11.5, "money": -11.5}
    assert find(odds) == ["quarterback", "money"]
    assert find(odds, strangers=["money"]) == ["quarterback"]
    assert find({**odds, "money": -5.8}, strangers=["money"]) == ["money", "quarterback"]
    assert find(odds, strangers=["money"], kinds=("money",)) == ["quarterback", "money"]


def test_a_strong_name_that_answers_about_the_topic_use_far_more_often_needs_no_explanation() -> (
    None
):
    odds = {"tennis": -12.0, "touchdown": -11.5}
    said = ["He ran, and a touchdown it was."] * 2

    def explain(name: str) -> str:
        return "A wheel on the ground."

    assert find(odds, inside=said, explain=explain) == ["touchdown"]
    assert find(odds, inside=said[:1], explain=explain) == []
    assert find(odds, inside=said, near=["A touchdown in tennis."], explain=explain) != []
    often = [*said, *["A game."] * 98]
    assert find(odds, inside=often, elsewhere=["A touchdown.", *ELSEWHERE], explain=explain) == []
    weak = {"tennis": -11.0, "touchdown": -11.5}
    assert find(weak, inside=said, explain=explain) == []


def test_the_topic_itself_and_forms_of_a_found_name_are_not_named_again() -> None:
    odds = {"Football": 0.0, "footballs": 0.0, "soccer": -1.0, "soccers": -2.0}
    assert find(odds) == ["soccer"]


def test_a_plural_stands_for_its_singular_only_if_that_is_a_name_too() -> None:
    odds = {"strikers": -1.0, "striker": -2.0, "boots": -1.0, "boot": -20.0}
    listed = Subject("football", siblings=("tennis",), candidates=("strikers", "boots"))
    model = scorer({"tennis": -2.5, **odds}, lambda name: "A football word.", strangers=("boot",))
    found = select_other_names(model, model, listed, KNOWN, SaidTexts((), (), ELSEWHERE), 0)
    assert sorted(found) == ["boots", "striker"]


def test_a_longer_name_is_left_out_for_a_later_shorter_one() -> None:
    assert leave_out_covered(["dice games", "poker", "dice game"]) == ["poker", "dice game"]
    assert leave_out_covered(["slots", "Slots", "slots"]) == ["slots"]


def test_a_name_of_one_of_two_topics_is_enough() -> None:
    odds = {"goal": -9.0, "poker": -1.0}
    subject = Subject("football or casinos", siblings=("tennis",), candidates=("goal", "poker"))
    model = scorer(odds)
    assert select_other_names(model, model, subject, KNOWN, SaidTexts((), (), ELSEWHERE), 0) == [
        "poker"
    ]


def test_no_more_names_than_a_person_can_read() -> None:
    odds = {f"{'abcdefghij'[i // 10]}{'klmnopqrst'[i % 10]}xyz": -1.0 for i in range(100)}
    assert len(find(odds)) == MAX_NAMES


def test_words_that_answers_about_the_topic_use_are_candidates() -> None:
    inside = ["The team has a touchdown today.", "It was a touchdown again.", "A rare thing, once."]
    assert find_typical_words(inside, ELSEWHERE) == ["touchdown"]
    odds = {"touchdown": -1.0}
    model = scorer(odds)
    subject = Subject("football")
    found = select_other_names(model, model, subject, KNOWN, SaidTexts(inside, (), ELSEWHERE), 0)
    assert found == ["touchdown"]


def test_words_of_as_many_answers_are_in_the_order_of_the_answers() -> None:
    """Not in that of a set, which differs from process to process: a resumed run asks the same."""
    words = ["espresso", "latte", "mocha", "roast", "crema", "filter", "beans", "barista", "milk"]
    inside = [f"My {' '.join(words)}.", f"Her {' '.join(reversed(words))}."]
    assert find_typical_words(inside, ELSEWHERE) == words


@pytest.mark.parametrize("name", ["soccer", "Super Bowl", "wide-receiver", "NFL", "café"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "a", "42", "a b c", "soccer!", 'x"y', "<b>"])
def test_no_names(name: str) -> None:
    assert not is_name(name)


def test_a_name_in_quotes_is_read_back_by_the_check() -> None:
    check = parse_check(f'not contains "{quote("the Super Bowl")}"')
    assert not check.keeps("I saw the Super Bowl.")
    assert check.keeps("I saw a bowl.")
