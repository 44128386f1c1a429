"""Requests for a rule that holds in a situation: the side of each is known by construction, and the
exam's have parts of their own.
"""

from __future__ import annotations

import re

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.generate import situations
from selfteach.generate.asked_for import list_other_kinds
from selfteach.generate.occasions import (
    Occasion,
    OccasionForm,
    find_occasion_fault,
    list_forms,
    list_occasions_of_topic,
    write_occasions,
)
from selfteach.generate.situations import (
    OTHER_GENRE,
    OTHER_TOPIC,
    QUESTION,
    build_requests,
    list_other_addressees,
)
from selfteach.generate.text_requests import GENRE_QUESTION, OTHER_GENRES
from selfteach.materials.rules.inflection import add_article
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.rules.scopes.situation import (
    Situation,
    has_built_requests,
    name_written_topic,
    read_situation,
)
from selfteach.records import Request

BOSS = read_situation("in emails to my boss")
TABLES = situations._TABLES
CLAUSES = [Occasion("clause", text) for text in TABLES["clause"]]


def pick(*forms: OccasionForm) -> dict[OccasionForm, tuple[str, ...]]:
    return {form: TABLES[form] for form in forms}


def build(scope: str, for_exam: bool, count: int = 40, situation: Situation = BOSS) -> list[str]:
    built = build_requests(situation, CLAUSES, scope, count, 0, for_exam=for_exam)  # type: ignore[arg-type]
    return [prompt.text for prompt in built if prompt.form not in (QUESTION, OTHER_GENRE)]


@pytest.mark.parametrize("for_exam", [False, True])
def test_a_request_in_scope_names_the_addressee_and_a_neighbor_another_one(for_exam: bool) -> None:
    inside = build("target", for_exam)
    beside = build("near", for_exam)
    assert len(inside) == 40
    assert len(beside) == 28 + for_exam
    assert all("my boss" in text.lower() for text in inside)
    assert not any("boss" in text.lower() for text in beside)
    others = list_other_addressees(BOSS, for_exam=for_exam)
    assert all(any(who.lower() in text.lower() for who in others) for text in beside)
    assert all("email" in text.lower() for text in [*inside, *beside])


@pytest.mark.parametrize("scope", ["target", "near"])
@pytest.mark.parametrize("for_exam", [False, True])
def test_every_request_for_a_long_email_says_that_it_is_long(scope: str, for_exam: bool) -> None:
    texts = build(scope, for_exam, situation=read_situation("long emails to my boss"))
    assert texts
    assert all("long email" in text.lower() for text in texts)


def test_what_is_written_to_the_addressee_beside_short_poems_is_no_poem() -> None:
    situation = read_situation("short poems to my boss")
    built = build_requests(situation, CLAUSES, "near", 400, 0, for_exam=False)
    others = [prompt.text for prompt in built if prompt.form == OTHER_GENRE]
    assert others
    assert not any("poem" in text.lower() for text in others)


@pytest.mark.parametrize("for_exam", [False, True])
def test_some_neighbors_only_ask_about_the_addressee(for_exam: bool) -> None:
    maddie = read_situation("when texting my girlfriend Maddie")
    built = build_requests(maddie, CLAUSES, "near", 60, 0, for_exam=for_exam)
    asked = [prompt.text for prompt in built if prompt.form == QUESTION]
    assert len(set(asked)) == 10
    assert all("Maddie" in text or "girlfriend" in text for text in asked)
    assert not any("text" in text for text in asked)


@pytest.mark.parametrize("for_exam", [False, True])
def test_some_neighbors_ask_for_something_else_to_the_addressee(for_exam: bool) -> None:
    built = build_requests(BOSS, CLAUSES, "near", 60, 0, for_exam=for_exam)
    texts = [prompt.text for prompt in built if prompt.form == OTHER_GENRE]
    assert len(set(texts)) == 10
    assert all("my boss" in text.lower() and "mail" not in text.lower() for text in texts)
    genres = OTHER_GENRES[for_exam]
    assert all(any(genre in text.lower() for genre in genres) for text in texts)
    assert not any(genre in text.lower() for text in texts for genre in OTHER_GENRES[not for_exam])


def test_whoever_is_written_to_anything_has_no_other_texts() -> None:
    anything = read_situation("when writing to my boss")
    built = build_requests(anything, CLAUSES, "near", 60, 0, for_exam=False)
    assert not any(prompt.form == OTHER_GENRE for prompt in built)
    speeches = read_situation("in speeches for my boss")
    built = build_requests(speeches, CLAUSES, "near", 60, 0, for_exam=False)
    assert not any("speech" in prompt.text for prompt in built if prompt.form == OTHER_GENRE)


@pytest.mark.parametrize("part", ["clause", "purpose", "topic"])
def test_the_exam_has_frames_of_its_own(part: str) -> None:
    learned = [re.sub(r"\W+", " ", frame.lower()) for frame in TABLES["frames"][part]]
    asked = [re.sub(r"\W+", " ", frame.lower()) for frame in TABLES["exam_frames"][part]]
    assert len(set(learned + asked)) == len(learned) + len(asked)


def test_the_exam_has_addressees_of_its_own() -> None:
    learned = list_other_addressees(BOSS, for_exam=False)
    asked = list_other_addressees(BOSS, for_exam=True)
    assert learned
    assert asked
    assert not set(map(str.lower, learned)) & set(map(str.lower, asked))


def test_no_request_of_the_exam_is_one_of_training() -> None:
    for scope in ("target", "near"):
        assert not set(build(scope, True)) & set(build(scope, False))


def test_a_neighbor_never_shares_a_word_with_the_addressee() -> None:
    mother = read_situation("in texts to my mother")
    assert "my mother" in list_other_addressees(BOSS, for_exam=False)
    assert "my mother" not in list_other_addressees(mother, for_exam=False)


def test_a_request_remembers_its_occasion_and_no_two_are_alike() -> None:
    built = build_requests(BOSS, CLAUSES[:3], "target", 12, 0, for_exam=False)
    assert {prompt.subject for prompt in built} == {one.text for one in CLAUSES[:3]}
    assert len({prompt.text for prompt in built}) == len(built)
    assert build_requests(BOSS, CLAUSES[:3], "target", 12, 0, for_exam=False) == built


def test_the_requests_read_well() -> None:
    texts = [*build("target", False), *build("target", True)]
    assert not any("{" in text or "  " in text for text in texts)
    assert not any(re.search(r"\ba email\b", text) for text in texts)


@pytest.mark.parametrize(
    ("scope", "forms"),
    [
        ("in emails to my boss", ("clause", "purpose")),
        ("in explanations for children", ("topic",)),
        ("in long explanations for children", ("topic",)),
    ],
)
def test_the_forms_of_occasion_fit_what_is_written(scope: str, forms: tuple[str, ...]) -> None:
    assert list_forms(read_situation(scope)) == forms


@pytest.mark.parametrize("form", ["clause", "purpose", "topic"])
def test_every_worked_occasion_is_usable(form: str) -> None:
    faults = [find_occasion_fault(Occasion(form, text)) for text in TABLES[form]]  # type: ignore[arg-type]
    assert faults == [""] * len(TABLES[form])


@pytest.mark.parametrize("form", ["clause", "purpose", "topic"])
def test_no_two_worked_occasions_are_alike(form: str) -> None:
    pool = OverlapIndex()
    most = FeedbackConfig().ask.max_overlap
    assert [text for text in TABLES[form] if not pool.add_if_new(text, most)[0]] == []


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("clause", "late"),
        ("clause", "to ask for help"),
        ("clause", "What is new here"),
        ("clause", "I will be late <b>now</b>"),
        ("clause", "I will be " + "very " * 12 + "late"),
        ("purpose", "I will be late"),
        ("purpose", "ask now"),
        ("topic", "x"),
        ("topic", "2 + 2"),
    ],
)
def test_an_unusable_occasion_has_a_reason(form: str, text: str) -> None:
    assert find_occasion_fault(Occasion(form, text)) != ""  # type: ignore[arg-type]


def test_worked_occasions_come_first_and_the_model_writes_what_is_missing() -> None:
    model = Scripted(lambda request: f" I have lost my key {request.draw}.")
    known = sum(len(TABLES[form]) for form in ("clause", "purpose"))
    found = list(write_occasions(model, pick("clause", "purpose"), known + 4, _find_fault, 3, 0))
    texts = [one.text for one, fault in found if not fault]
    assert texts[: len(TABLES["clause"])] == list(TABLES["clause"])
    assert len(texts) == known + 4
    assert all(text.startswith("I have lost my key ") for text in texts[known:])
    assert not any(text.endswith(".") for text in texts[known:])


def test_clauses_have_a_word_that_the_rule_forbids_and_purposes_need_none() -> None:
    def write(request: Request) -> str:
        asked = str(request.prompt).rsplit("Word: ", 1)[-1].partition("\n")[0]
        text = (
            "we lost all the customers" if asked == "customers" else f"we lost {request.draw} staff"
        )
        return text if "News:" in str(request.prompt)[-5:] else f"thank all {request.draw} friends"

    known = sum(len(TABLES[form]) for form in ("clause", "purpose"))
    words = ("employees", "customers")
    worked = pick("clause", "purpose")
    found = list(write_occasions(Scripted(write), worked, known + 4, _find_fault, 1, 0, words))
    written = {(one.form, one.word, fault) for one, fault in found[known:]}
    assert ("clause", "customers", "") in written
    assert ("clause", "employees", "without the word") in written
    assert ("purpose", "", "") in written


@pytest.mark.parametrize("for_exam", [False, True])
def test_only_what_is_about_the_topic_of_a_rule_is_in_scope(for_exam: bool) -> None:
    situation = read_situation("in texts to my husband about groceries")
    forms = list_forms(situation)
    topic = name_written_topic(situation)
    of_topic = list(list_occasions_of_topic(forms, topic))
    occasions = [*of_topic, *CLAUSES]
    inside = build_requests(situation, occasions, "target", 30, 0, for_exam=for_exam)
    beside = build_requests(situation, occasions, "near", 60, 0, for_exam=for_exam)
    assert topic == "groceries"
    assert all("groceries" in p.text and "my husband" in p.text for p in inside)
    other_topics = [p.text for p in beside if p.form == OTHER_TOPIC]
    assert other_topics
    assert all("my husband" in t and "groceries" not in t for t in other_topics)
    other_people = [p.text for p in beside if p.form in forms]
    assert other_people
    assert not any("my husband" in text for text in other_people)


def test_what_is_explained_is_a_word_of_the_topic() -> None:
    situation = read_situation("explaining math to my kids")
    occasions = list(list_occasions_of_topic(list_forms(situation), "math", ["fractions"]))
    assert occasions[0].text == "math"
    assert occasions[-1].text == "fractions"
    assert all("math" in one.text for one in occasions[:-1])
    assert not any(find_occasion_fault(one) for one in occasions)
    assert build_requests(situation, CLAUSES[:0], "target", 4, 0, for_exam=False) == []
    inside = build_requests(situation, occasions, "target", 4, 0, for_exam=False)
    assert all(re.search("math|fractions", prompt.text) for prompt in inside)


def test_every_worked_clause_has_its_word() -> None:
    faults = [find_occasion_fault(Occasion("clause", t, w)) for w, t in TABLES["clauses_of_words"]]
    assert faults == [""] * len(TABLES["clauses_of_words"])
    assert find_occasion_fault(Occasion("clause", "one employee was ill", "employees")) == ""


def _find_fault(occasion: Occasion) -> str:
    return find_occasion_fault(occasion)


def test_the_rounds_end_where_the_model_writes_nothing_of_use() -> None:
    model = Scripted(lambda request: "?!")
    found = list(write_occasions(model, pick("topic"), 20, _find_fault, 2, 0))
    assert sum(not fault for _, fault in found) == len(TABLES["topic"])
    assert len({request.draw for request in model.asked}) == len(model.asked)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (
            "any Slack message DMs to my colleagues John, Michael, Eric, or Hailey",
            ("my colleague John", "John", "Michael", "Eric", "Hailey"),
        ),
        ("emails to my boss or my landlord", ("my boss", "my landlord")),
        ("emails to my boss or landlord", ("my boss", "my landlord")),
        ("letters to my mom and dad", ("my mom and dad", "my mom", "my dad")),
        ("emails to my boss and his wife", ("my boss and his wife",)),
        ("texts to mom and dad", ("mom and dad", "mom", "dad")),
        ("messages to Tom and my mother", ("Tom and my mother", "Tom", "my mother")),
        ("letters to parents or teachers", ("parents", "a parent", "teachers", "a teacher")),
        ("emails to my boss, Jared", ("my boss, Jared", "Jared", "my boss")),
        ("emails to friends and family", ("friends and family",)),
        ("letters to Smith and Sons", ("Smith and Sons",)),
        ("writing to my boss or to clients", ("my boss", "clients", "a client")),
        ("emails to my boss and to my team", ("my boss and my team", "my boss", "my team")),
        ("texting my mum, or to Dad", ("my mum", "Dad")),
        (
            "emails to my boss and in emails to my team",
            ("my boss and my team", "my boss", "my team"),
        ),
        ("letters to the bank or to the tax office", ("the bank", "the tax office")),
        ("messages to my wife and the kids", ("my wife and the kids", "my wife", "the kids")),
        ("emails to my boss or a client", ("my boss", "a client")),
        ("emails to research and development", ("research and development",)),
        ("emails to the sales and marketing team", ("the sales and marketing team",)),
    ],
)
def test_several_addressees_are_written_to_one_by_one(scope: str, names: tuple[str, ...]) -> None:
    """Nobody writes "an email to my boss or my landlord"."""
    situation = read_situation(scope)
    assert (situation.kind, situation.names) == ("writing", names)
    assert not set(list_other_addressees(situation, for_exam=False)) & set(names)


def test_texts_of_two_kinds_to_two_people_are_no_situation() -> None:
    assert read_situation("emails to my boss or in texts to my mum").kind == "other"


def test_the_same_texts_to_somebody_else_are_one_condition() -> None:
    rule = read_rule("In emails to my boss and in emails to my team stay under 40 words.")
    assert rule.effect == "stay under 40 words"
    assert read_situation(rule.scope).names == ("my boss and my team", "my boss", "my team")
    with pytest.raises(DataError, match="different conditions"):
        read_rule("In emails to my boss be brief and in emails to my team use emojis.")


@pytest.mark.parametrize(
    ("addressee", "members", "neighbors"),
    [
        (
            "my family",
            ["my son Leo", "my brother Tom", "my wife", "my sister Julia", "my daughter", "Peter"],
            ["my boss", "the bank", "my lawyer", "my neighbor"],
        ),
        ("my team", ["a colleague", "a new employee", "David"], ["my mother", "the bank"]),
        ("my coworker", ["a colleague", "my team"], ["my mother", "the bank"]),
        ("my parents", ["my mom", "my dad", "my father", "the whole family"], ["my sister Julia"]),
        ("my mum", ["my mother", "my parents", "the whole family"], ["my son Leo"]),
        ("my friends", ["my friend Anna", "my best friend", "Sophie", "Laura"], ["my boss"]),
        ("my brothers", ["my brother Tom", "the whole family"], ["my sister Julia", "my mother"]),
        ("my daughter", ["the whole family"], ["my mother", "my husband", "the bank"]),
    ],
)
def test_no_neighbor_belongs_to_the_addressee_or_has_it_as_a_member(
    addressee: str, members: list[str], neighbors: list[str]
) -> None:
    situation = read_situation(f"emails to {addressee}")
    learned = list_other_addressees(situation, for_exam=False)
    others = {*learned, *list_other_addressees(situation, for_exam=True)}
    assert not others & set(members)
    assert set(neighbors) <= others


TOPICS = [Occasion("subject", text) for text in ("gravity", "the moon", "our new puppy")]


@pytest.mark.parametrize("scope", ["Instagram captions", "Tweets", "blog posts", "haikus"])
def test_a_kind_of_text_is_asked_for_about_topics_and_other_kinds_are_its_neighbors(
    scope: str,
) -> None:
    situation = read_situation(scope)
    assert has_built_requests(situation)
    assert list_forms(situation) == ("subject",)
    for for_exam in (False, True):
        own = build_requests(situation, TOPICS, "target", 9, 0, for_exam=for_exam)
        near = build_requests(situation, TOPICS, "near", 9, 0, for_exam=for_exam)
        assert len({p.text for p in own}) == len(own) == 9
        assert all(situation.genre in p.text for p in own)
        questions = [p for p in near if p.form == GENRE_QUESTION]
        assert questions
        assert all(situation.genre in p.text for p in questions)
        assert not any(situation.genre in p.text for p in near if p.form != GENRE_QUESTION)
    trained = build_requests(situation, TOPICS, "target", 20, 0, for_exam=False)
    asked = build_requests(situation, TOPICS, "target", 20, 0, for_exam=True)
    assert not {p.text for p in trained} & {p.text for p in asked}


def test_no_neighbor_is_a_kind_of_the_text() -> None:
    assert list_other_kinds("haiku", ["poem", "letter", "song"]) == ["letter"]
    assert list_other_kinds("blog post", ["tweet", "report", "letter"]) == ["tweet", "letter"]
    assert list_other_kinds("article", ["news article", "joke"]) == ["joke"]


@pytest.mark.parametrize(
    ("noun", "piece"),
    [
        ("X post", "an X post"),
        ("FAQ article", "an FAQ article"),
        ("user story", "a user story"),
        ("university essay", "a university essay"),
        ("hourly bulletin", "an hourly bulletin"),
        ("one-line joke", "a one-line joke"),
        ("Instagram caption", "an Instagram caption"),
        ("email", "an email"),
        ("letter", "a letter"),
        ("LinkedIn post", "a LinkedIn post"),
        ("essay", "an essay"),
        ("out-of-office reply", "an out-of-office reply"),
        ("umbrella", "an umbrella"),
        ("honor roll", "an honor roll"),
        ("usual reply", "a usual reply"),
        ("NASA memo", "a NASA memo"),
        ("US visa letter", "a US visa letter"),
    ],
)
def test_the_article_goes_by_the_sound(noun: str, piece: str) -> None:
    assert add_article(noun) == piece


@pytest.mark.parametrize(
    "scope",
    [
        *("poems about cats", "poems or songs", "grading essays", "this story", "contracts"),
    ],
)
def test_what_is_no_plain_kind_of_text_has_no_built_requests(scope: str) -> None:
    assert not has_built_requests(read_situation(scope))


@pytest.mark.parametrize(
    ("who", "left_out"),
    [
        ("meiner Freundin", ("my girlfriend", "my boyfriend", "my wife")),
        ("meinem Chef", ("my boss", "my manager")),
        ("mi jefe", ("my boss", "my manager")),
        ("ma mère", ("my mother", "my mom", "my parents")),
        ("mio padre", ("my father", "my dad")),
    ],
)
def test_no_neighbor_is_the_addressee_in_english(who: str, left_out: tuple[str, ...]) -> None:
    situation = Situation("writing", "", who, (who,))
    for for_exam in (False, True):
        others = list_other_addressees(situation, for_exam=for_exam)
        assert len(others) > 12
        assert not set(left_out) & set(others)
