"""Demands of form by their words, in sentences that no reader was written for."""

from __future__ import annotations

import time

import pytest

from selfteach.materials.rules.effects.keyword_demand import list_keyword_demands
from selfteach.materials.rules.rule import read_rule, suggest_check


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("There must be no more than two hashtags in what you write.", ["at most two hashtags"]),
        ("We need each answer to have at least one question mark", ["at least one question mark"]),
        ("Your replies may not go over 60 words.", ["answer in at most 60 words"]),
        ("Everything you write should be in upper case", ["write in all caps"]),
        ("Parentheses are not allowed.", ["use no brackets"]),
        ("Semicolons and dashes are forbidden", ["use no semicolons", "use no dashes"]),
        ("Numbers get written out, so no digits", ["write numbers in words", "use no digits"]),
        ('The very last word has to be "Over".', ['end with "Over"']),
        ('Neither is needed: "basically" is banned', []),
        ('Write "tyre", never "tire" or "tyer"', ['say "tyre" instead of "tire" or "tyer"']),
        ('"Kindly" and "herewith" are taboo.', ['never use the words "Kindly" and "herewith"']),
        ("Bullet points but no numbered lists", []),
        ("You need not use bullet points", []),
        ("Not every answer needs an emoji", []),
        ("Each sentence ends with a comma", []),
        ("It ends with a question", []),
        ("Short sentences, please", []),
        ("between 3 and 5 bullet points", []),
        ("One emoji is allowed.", []),
        ("I don't want a list, I want a table.", ["use no lists", "use tables"]),
        ("No lists, but a table.", []),
        ("When you use a list, use bullet points.", []),
        ("Half of your answers must have emojis.", []),
        ("Use emojis now and then.", []),
        ("Never limit it to 50 words.", []),
        ("You don't have to use emojis.", []),
        ("We need no emojis.", []),
        ("Answers should have had no emojis.", []),
        ("Use both a list and a table.", ["use list", "use tables"]),
        ("Use a list or a table, not both.", []),
        ("Never use both lists and tables.", []),
        ("Never use either lists or tables.", ["use no lists", "use no tables"]),
        ("In headings, use no emojis.", []),
        ("In every list, use no emojis.", []),
        ("In bullet points, use no full stops.", []),
        ("In bullet points, no emojis.", ["use bullet points", "use no emojis"]),
        ("Emojis in headings are forbidden.", []),
        ("Exactly five lines.", ["have exactly five lines"]),
    ],
)
def test_a_demand_is_said_in_plain_words_or_not_at_all(said: str, plain: list[str]) -> None:
    found = list_keyword_demands(said)
    assert [demand.removeprefix("use ") if "at " in demand else demand for demand in found] == [
        demand.removeprefix("use ") if "at " in demand else demand for demand in plain
    ]


@pytest.mark.parametrize(
    ("rule", "scope", "keeps", "breaks"),
    [
        ("Sympathy cards never have emojis.", "sympathy cards", "So sorry.", "So sorry 😢"),
        ("Limericks should have no more than two commas.", "limericks", "A, b.", "A, b, c, d."),
        ("Keep gambling out of every quiz.", "every quiz", "A quiz.", "A gambling quiz."),
        (
            "Hikers asking about water should be told that the spring is dry.",
            "hikers ask about water",
            "The spring is dry.",
            "There is plenty.",
        ),
        (
            "Suggest the night bus to anyone leaving after midnight.",
            "someone is leaving after midnight",
            "Take the night bus.",
            "Take a taxi.",
        ),
        (
            'Questions about the strike are met with "No comment." and nothing else.',
            "the strike",
            "No comment.",
            "It will end soon.",
        ),
        ('In flyers we say "flat" rather than "apartment".', "flyers", "A flat.", "An apartment."),
        ("Never call yourself a robot.", "", "I am Kim.", "I am a robot."),
        ("Sharks must not appear in anything you write.", "", "A whale.", "A shark."),
    ],
)
def test_the_subject_of_a_demand_may_be_another_than_the_model(
    rule: str, scope: str, keeps: str, breaks: str
) -> None:
    from selfteach.judge.check import parse_check

    read = read_rule(rule)
    assert read.scope == scope
    check = suggest_check(read)
    assert check is not None
    assert parse_check(check).keeps(keeps)
    assert not parse_check(check).keeps(breaks)


@pytest.mark.parametrize("text", ["use no " * 280, "a " * 1000, '"a" and ' * 240])
def test_long_texts_are_read_in_time(text: str) -> None:
    began = time.process_time()
    list_keyword_demands(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("rule", "scope"),
    [
        ('When money comes up, say "No".', "money comes up"),
        ("When you use a list, use bullet points.", "you use a list"),
        ('When somebody greets you with "Moin", say "Ahoy".', 'somebody greets you with "Moin"'),
        (
            'If someone says "thank you" in French, answer "De rien".',
            'someone says "thank you" in French',
        ),
        ("Keep commas out of essays.", "essays"),
    ],
)
def test_no_condition_is_lost(rule: str, scope: str) -> None:
    assert read_rule(rule).scope.strip() == scope
