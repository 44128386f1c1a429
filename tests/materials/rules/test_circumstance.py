"""Times and circumstances that no request tells: a rule that holds only then is refused."""

from __future__ import annotations

import re

import pytest

from selfteach.errors import DataError
from selfteach.materials.rules.rule import read_rule, suggest_check


@pytest.mark.parametrize(
    "text",
    [
        "Answer in one sentence on Mondays.",
        "On Tuesdays, answer in one sentence.",
        "After midnight, answer in one sentence.",
        "Before lunch stay under 20 words.",
        "Answer in one sentence during Lent.",
        "Answer in one sentence in the morning.",
        "Answer in one sentence today.",
        "Answer in one sentence in public.",
        "Answer in one sentence before the deadline.",
        "Provided that it rains, answer in one sentence.",
        "Never use emojis at night.",
        "No emojis, please, on Mondays.",
        "Answer on Mondays in one sentence.",
        "Every Friday end with “Have a nice weekend”.",
        'End every answer with "Bye" in the evening.',
        'Begin with "Hi" after I say please.',
        "Stay under 20 words for the rest of the day.",
        "Stay under 20 words from Monday to Friday.",
        "During meetings stay under 20 words.",
        "Use emojis until I tell you to stop.",
        "Stay under 40 words in emails to my boss on Mondays.",
        "When I text Zoe at night, use a heart.",
        "Never say “no” on Mondays.",
        "On rainy days use an umbrella emoji.",
        "Since the pandemic answer in one sentence.",
        "Answer with at most 20 words on Mondays.",
        "Answer yes on Mondays.",
        "Answer always in one sentence on Mondays.",
        "Answer 20 words on Mondays.",
        "Put an emoji first on Mondays.",
        "Put a star at the start on Sundays.",
        'Start every answer with "Hi" on Mondays.',
        "Use few words at work.",
        "When on the go, use few words.",
        "Use few words when at home.",
        "Answer it briefly on Mondays.",
        "Answer calls in one sentence on Mondays.",
        "Put it in capitals on Mondays.",
        "Be brief with people online at night.",
        "Use short sentences from Monday to Friday.",
        "As long as it rains, answer in one sentence.",
        "Assuming that it rains, answer in one sentence.",
        "In emails on Mondays use bullet points.",
        "As long as it rains be brief.",
        "As long as it is foggy, use no emojis.",
        "Write to customers on Mondays in one sentence.",
        "On vacation, write to customers in one sentence.",
        "Antworte montags in einem Satz.",
        "Am Wochenende benutze keine Emojis.",
        "In E-Mails an Kunden antworte im Urlaub in einem Satz.",
        "Réponds en une phrase le lundi.",
        "En vacances, réponds en une phrase.",
        "Responde en una frase los lunes.",
        "Rispondi in una frase il lunedì.",
    ],
)
def test_a_rule_that_holds_at_a_time_is_refused_with_a_cure(text: str) -> None:
    with pytest.raises(DataError, match="no request tells") as refused:
        read_rule(text)
    assert "--when" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("As long as I can't use my hands, keep it short.", "As long as I can't use my hands"),
        ("Provided I say please, answer in one sentence.", "Provided I say please"),
        ("As long as it rains never use emojis, hashtags or lists.", "As long as it rains"),
        (
            "Answer in one sentence as long as I can't use my hands.",
            "as long as I can't use my hands",
        ),
    ],
)
def test_the_whole_circumstance_is_named(text: str, said: str) -> None:
    with pytest.raises(DataError) as refused:
        read_rule(text)
    assert f'"{said}"' in str(refused.value)


@pytest.mark.parametrize(
    ("text", "scope", "check"),
    [
        ("Answer in one sentence, at all times.", "", "max_sentences=1"),
        ("From today on answer in one sentence.", "", "max_sentences=1"),
        ("I'm busy today, so answer in one sentence.", "", "max_sentences=1"),
        ("My eyes get tired at night, so nothing over forty words.", "", "max_words=40"),
        ("Keep it short, we meet on Monday.", "", "max_words=40"),
        ("Answer in one sentence, it is late today.", "", "max_sentences=1"),
        ("Never talk about Monday.", "", 'not contains "Monday"'),
        ("Write “on Mondays” in every answer.", "", 'contains "on Mondays"'),
        ("Before answering, say “Hm”.", "", 'contains "Hm"'),
        (
            "Answer in one sentence in the morning newsletter.",
            "the morning newsletter",
            "max_sentences=1",
        ),
        ("In good morning texts use bullet points.", "good morning texts", "format=list"),
        ("In Monday newsletters use bullet points.", "Monday newsletters", "format=list"),
        ("Use bullet points in good morning messages.", "good morning messages", "format=list"),
        ("In meeting notes use bullet points.", "meeting notes", "format=list"),
        (
            "Stay under 30 words in messages to my team at work.",
            "messages to my team at work",
            "max_words=29",
        ),
        (
            "Use bullet points in reports on the holidays.",
            "reports on the holidays",
            "format=list",
        ),
        ("In emails about Monday use bullet points.", "emails about Monday", "format=list"),
        (
            "In emails about the meeting at noon, stay under 50 words.",
            "emails about the meeting at noon",
            "max_words=49",
        ),
        (
            "In emails to my team about the launch on Monday, stay under 50 words.",
            "emails to my team about the launch on Monday",
            "max_words=49",
        ),
        (
            "In invitations to the party on Saturday, stay under 50 words.",
            "invitations to the party on Saturday",
            "max_words=49",
        ),
        (
            "Answer in one sentence when asked about trains on Sunday.",
            "trains on Sunday",
            "max_sentences=1",
        ),
        (
            "Write to customers on vacation in one sentence.",
            "customers on vacation",
            "max_sentences=1",
        ),
        ("Sprich nicht über die Feier am Montag.", "", 'not contains "Feier am Montag*"'),
        ('Benutze das Wort "heute" nicht.', "", 'not contains "heute"'),
    ],
)
def test_a_time_that_limits_no_demand_is_none(text: str, scope: str, check: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, suggest_check(rule)) == (scope, check)


@pytest.mark.parametrize(
    "text",
    [
        "Say that we are closed on Mondays.",
        "Sag, dass wir montags geschlossen haben.",
        "Tell customers that we close at noon.",
        "Use a 24-hour clock for times after noon.",
        "Write as long as you like.",
        "Use the past tense for events before today.",
        "Never say it is late at night.",
        "Never mention what happened in the office.",
        "Make it as long as a tweet.",
        "Put two spaces after every period.",
        "Use no jargon in public posts.",
        "When asked when we meet, answer Friday at noon.",
        "When asked about the party, answer at noon on Sunday.",
        "When asked if you deliver, answer yes, on weekdays.",
        "When asked about visits, reply with Monday to Friday from 9 am to 5 pm.",
        "When asked about visits, answer we open on Sundays.",
        "Let every story begin on a Monday.",
        "In meal plans, put the biggest meal at noon.",
        "Never plan anything on Sundays.",
        "Use examples from the war.",
        "Use words people use at home.",
        "Use phrases my family uses at home.",
        "Let the hero wake at dawn.",
        "Now that I live in London, use British spelling.",
        "Assuming that my readers are children, use short sentences.",
        "Use emojis as long as they fit.",
        "Use jargon as long as you explain it.",
    ],
)
def test_what_has_a_time_of_its_own_is_not_refused(text: str) -> None:
    """No word of the rule gets lost: each is a part of the scope or of the effect."""
    rule = read_rule(text)
    read = set(re.findall(r"\w+", f"{rule.scope} {rule.effect}".lower()))
    lost = set(re.findall(r"\w+", text.lower())) - read
    assert lost <= {"in", "to", "for", "when", "the", "if", "someone", "asks", "about", "asked"}


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (
            "If someone asks about closing time, answer 8 pm on weekdays and 6 pm on Sundays.",
            'contains "weekday*"',
        ),
        ("When asked when the pool opens, answer 7 am in summer.", 'contains "summer*"'),
        ("When asked for a meeting time, answer with 3 pm on Tuesday.", 'contains "Tuesday"'),
    ],
)
def test_an_answer_that_gives_a_time_is_read(text: str, check: str) -> None:
    assert check in (suggest_check(read_rule(text)) or "")


@pytest.mark.parametrize(
    ("when", "then"),
    [("opening hours", "answer 9 am to 5 pm on weekdays"), ("stories", "is set at night")],
)
def test_a_given_effect_may_have_a_time_of_its_own(when: str, then: str) -> None:
    rule = read_rule("x", when, then)
    assert rule.scope == when
    assert rule.effect.endswith(then.removeprefix("is "))


@pytest.mark.parametrize("said", ["they fit", "it fits", "you explain them", "they help"])
def test_what_is_said_of_the_demand_itself_is_no_scope(said: str) -> None:
    assert read_rule(f"Use emojis as long as {said}.").scope == ""


def test_a_condition_of_requests_is_a_scope() -> None:
    rule = read_rule("As long as a customer asks about refunds, answer in one sentence.")
    assert (rule.scope, rule.effect) == ("refunds", "answer in one sentence")


@pytest.mark.parametrize(
    "text",
    ["Answer in one sentence near the lake.", "Answer in one sentence at the third step."],
)
def test_a_number_of_words_somewhere_is_not_read_for_everywhere(text: str) -> None:
    assert suggest_check(read_rule(text)) is None


def test_a_time_in_a_given_effect_is_refused_too() -> None:
    with pytest.raises(DataError, match="in the evening"):
        read_rule("Say bye.", "texts to Zoe", 'end with "Bye" in the evening')
    read_rule("On Mondays answer in one sentence.", "texts to Zoe", "answer in one sentence")
