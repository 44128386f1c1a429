"""Kinds of text, and other things that people ask for, are found by their names."""

from __future__ import annotations

from collections import Counter

import pytest

from selfteach.materials.rules.rule import read_rule
from selfteach.materials.rules.scopes.situation import is_topical_text, read_situation
from selfteach.materials.rules.scopes.text_kinds import (
    HELP_KINDS,
    MADE_KINDS,
    TEXT_KINDS,
    find_named_kind,
    find_text_kind,
    is_name_of_kind,
    read_asked_kind,
    read_described_kind,
)


@pytest.mark.parametrize(
    ("genre", "kind"),
    [
        ("cover letter", "cover letter"),
        ("Instagram caption", "caption"),
        ("funny LinkedIn post", "LinkedIn post"),
        ("wedding toast", "toast"),
        ("CV", "resume"),
        ("thank you note", "thank-you note"),
        ("tip", "tip"),
        ("travel tip", ""),
        ("price list", ""),
        ("contract", ""),
        ("error message", ""),
        ("capital letter", ""),
        ("code review", ""),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_kind_is_found_by_its_name_and_a_text_by_its_last_words(genre: str, kind: str) -> None:
    assert find_text_kind(genre) == kind


def test_a_narrower_kind_is_another_one() -> None:
    assert is_name_of_kind("Instagram caption", "caption")
    assert not is_name_of_kind("wedding caption", "caption")


def test_no_name_means_two_kinds() -> None:
    kinds = TEXT_KINDS | HELP_KINDS
    names = Counter(
        name.lower().replace("-", " ") for kind, others in kinds.items() for name in (kind, *others)
    )
    assert [name for name, count in names.items() if count > 1] == []
    assert not set(TEXT_KINDS) & set(HELP_KINDS)
    assert set(MADE_KINDS) <= set(TEXT_KINDS)


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        ("I ask for advice", "advice"),
        ("somebody asks you for a definition", "definition"),
        ("I want a quote", "quotation"),
        ("giving tips", "tip"),
        ("you give me ideas", "idea"),
        ("I ask for your opinion", "opinion"),
        ("pro and con lists", "pro and con list"),
        ("I ask for your name", ""),
        ("a customer asks for advice", ""),
        ("I ask for advice about cars", ""),
        ("opening hours", ""),
        ("I make a suggestion", ""),
        ("users give advice", ""),
        ("I ask for the code", ""),
        ("I ask for -", ""),
        ("people ask for a quote", ""),
    ],
)
def test_what_is_asked_for_is_read(scope: str, kind: str) -> None:
    assert read_asked_kind(scope) == kind


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        ("I ask you to compare two things", "comparison"),
        ("comparing products", "comparison"),
        ("someone asks what a word means", "definition"),
        ("I ask how to do something", "how-to question"),
        ("you correct my essay", "correction"),
        ("rephrasing a sentence", "rewrite"),
        ("you recommend something", "recommendation"),
        ("I say that I am feeling lonely", "sad message"),
        ("the user is angry", ""),
        ("I ask you to compare prices in our shop", ""),
        ("I ask how to bake bread", ""),
        ("I check my spelling", ""),
        ("I compare options", ""),
        ("I explain something", ""),
        ("you are sad", ""),
    ],
)
def test_what_is_asked_for_may_be_described(scope: str, kind: str) -> None:
    assert read_described_kind(scope) == kind


@pytest.mark.parametrize(
    ("scope", "genre"),
    [
        ("when I ask for advice", "advice"),
        ("When I'm sad", "sad message"),
        ("in definitions", "definition"),
        ("when rewriting text", "rewrite"),
        ("in cover letters", "cover letter"),
    ],
)
def test_a_condition_names_what_is_asked_for(scope: str, genre: str) -> None:
    situation = read_situation(scope)
    assert (situation.kind, situation.genre, situation.topic) == ("task", genre, "")


@pytest.mark.parametrize(
    ("rule", "genre", "effect"),
    [
        ("Opinions should stay under 9 words.", "opinion", "answer in fewer than 9 words"),
        ("Blog posts I request need three headings.", "blog post", "have three headings"),
        ('All invitations you word for us should say "RSVP".', "invitation", 'say "RSVP"'),
        ('Any packing list you give me must say "passport".', "packing list", 'say "passport"'),
        ("When explaining something, use one sentence.", "explanation", "use one sentence"),
    ],
)
def test_a_rule_about_what_is_asked_for_holds_there_alone(
    rule: str, genre: str, effect: str
) -> None:
    found = read_rule(rule)
    assert read_situation(found.scope).genre == genre
    assert found.effect == effect


@pytest.mark.parametrize(
    "rule",
    [
        "Put the answer in quotes.",
        "Answer in two minutes.",
        "Opinions should be avoided.",
        "Never make predictions in your answers.",
        "A quote should end every answer.",
        "A letter can be a vowel.",
        "A play begins at eight.",
        "A newsletter from us goes out on Fridays.",
    ],
)
def test_a_word_of_a_kind_alone_is_no_condition(rule: str) -> None:
    assert read_rule(rule).scope == ""


@pytest.mark.parametrize(
    "scope",
    [
        "I make a suggestion",
        "someone makes a list",
        "users write code",
        "a customer writes a review",
    ],
)
def test_what_somebody_does_is_no_request_for_it(scope: str) -> None:
    assert read_situation(f"when {scope}").kind == "other"


def test_texts_that_are_no_messages_are_not_sent() -> None:
    assert not is_topical_text(read_situation("in alt texts"))
    assert is_topical_text(read_situation("in text messages"))


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ("put a 🎂 at the very end of any birthday card text please", "birthday cards"),
        ("A press release from us starts with our address.", "press releases"),
        ("The dating profile stays short, as every dating profile should.", "dating profiles"),
        ("An obituary you write is short.", "obituaries"),
        ("Keep definitions to a single sentence.", "definitions"),
        ("Comparisons always go in a table.", "comparisons"),
        ("Quotations from you must have a source.", "quotations"),
        ("State the source of all your quotations.", "quotations"),
        ("End with a joke.", ""),
        ("Answer as a haiku, with a title.", ""),
        ("End your message with a period.", ""),
        ('Use the words "every recipe" once.', ""),
        ("Tips are short.", ""),
    ],
)
def test_a_demand_names_the_kind_that_it_is_about(rule: str, kinds: str) -> None:
    assert find_named_kind(rule) == kinds
    assert not kinds or find_text_kind(kinds) or read_asked_kind(kinds), "--when reads it"
