"""Where a condition ends and its demand begins, and what is no condition."""

from __future__ import annotations

import pytest

from selfteach.errors import DataError
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule, suggest_check
from selfteach.materials.rules.scopes.situation import Situation, read_situation


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        (
            "In emails to my boss prefer 'Dear', not 'Hi'.",
            "emails to my boss",
            "prefer 'Dear', not 'Hi'",
        ),
        (
            "In emails to my boss I want 'Dear', not 'Hi'.",
            "emails to my boss",
            "I want 'Dear', not 'Hi'",
        ),
        (
            'In emails to Anna, Ben and Carl I prefer "Dear", not "Hi".',
            "emails to Anna, Ben and Carl",
            'I prefer "Dear", not "Hi"',
        ),
        ("In posts about phone use, add a tip.", "posts about phone use", "add a tip"),
        (
            'End with "xx" at the end of texts to my sister.',
            "texts to my sister",
            'end with "xx"',
        ),
        (
            "Use 'Dear Sir' at the start of formal letters.",
            "formal letters",
            "start with 'Dear Sir'",
        ),
        (
            "Our customers often ask about parking. Tell them it's free.",
            "parking",
            "Tell them it's free",
        ),
        (
            "We are a hotel in Rome. If guests ask about parking, say it is free.",
            "parking",
            "say it is free",
        ),
        ("In emails leave out emojis.", "emails", "leave out emojis"),
        (
            "if customers ask about refunds say no refunds after 14 days",
            "refunds",
            "say no refunds after 14 days",
        ),
        (
            "I'd rather you steer clear of anything to do with the royal family.",
            "",
            "steer clear of anything to do with the royal family.",
        ),
        (
            "Do not, under any circumstances, mention the merger.",
            "",
            "Do not mention the merger.",
        ),
        ("never talk about dogs, like ever", "", "never talk about dogs"),
        ("For recipes: grams, no cups.", "recipes", "grams, no cups"),
        (
            "If someone asks about parking, the answer is: behind the house.",
            "parking",
            "say that behind the house",
        ),
        (
            "For questions about Alien: Romulus, say it is great, never bad.",
            "questions about Alien: Romulus",
            "say it is great, never bad",
        ),
        (
            "Emails to my boss, unlike those to friends, should be formal.",
            "emails to my boss",
            "be formal",
        ),
        (
            "In emails to my boss, unlike those to friends, be formal.",
            "emails to my boss",
            "be formal",
        ),
    ],
)
def test_a_condition_ends_where_its_demand_begins(text: str, scope: str, effect: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)


@pytest.mark.parametrize(
    "text",
    [
        "In the first sentence, say hello.",
        "In your last sentence, thank me.",
        "In brackets, add the year.",
        "In the title, use no capitals.",
        "In front of each name, put a star.",
        "In headings, use no emojis.",
        "In tables, use no emojis.",
        "In every sentence, mention Acme.",
    ],
)
def test_a_place_in_the_answer_is_no_condition(text: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, read_effect(rule.effect)) == ("", None)


@pytest.mark.parametrize(
    "text",
    [
        "Use a list when you name more than two things.",
        "When you list three or more items, use bullets.",
        "When naming more than three cities, use a list.",
        "Suggest something else if asked for it.",
        "When asked about that, say no.",
        'When it comes up, say "No".',
        "In most cases, add a source.",
        "When in doubt, say no.",
        "Say no if unsure.",
        "Unsure? Say no.",
        "Mention Acme when relevant.",
        'Say "please" when asking for something.',
    ],
)
def test_a_condition_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no requests can be made for the condition"):
        read_rule(text)


@pytest.mark.parametrize(
    ("text", "genre", "addressee"),
    [
        ("In conversations with teens, use simple words.", "", "teens"),
        ("In conversations with customers, use no emoji.", "", "customers"),
        ("In discussions with my boss, never swear.", "", "my boss"),
        ("Use 'Your Honor' when emailing the judge.", "email", "the judge"),
        ("When I text a neighbor, use no emoji.", "text message", "a neighbor"),
        ("In front of the kids, never say 'damn'.", "", "the kids"),
        ("To the board, write in full sentences.", "", "the board"),
        ("To the mayor, write in full sentences.", "", "the mayor"),
    ],
)
def test_whom_a_condition_names_is_no_topic(text: str, genre: str, addressee: str) -> None:
    found = read_situation(read_rule(text).scope)
    assert (found.kind, found.genre, found.addressee) == ("writing", genre, addressee)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("In conversations about politics, be brief.", "politics"),
        ("When customers ask for more than two rooms, say no.", "more than two rooms"),
        ("When emailing the report, use no emoji.", "emailing the report"),
        ("To complaints, reply politely.", "complaints"),
    ],
)
def test_what_a_condition_names_is_a_topic(text: str, topic: str) -> None:
    assert read_situation(read_rule(text).scope) == Situation("about", topic=topic)


def test_how_well_something_is_done_is_no_condition() -> None:
    rule = read_rule("To the best of your ability, answer in one sentence.")
    assert (rule.scope, suggest_check(rule)) == ("", "max_sentences=1")


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        (
            "If somebody asks for code, just the code. No explanations.",
            "somebody asks for code",
            "just the code. No explanations",
        ),
        (
            "In emails to my boss, no emoji. Max 50 words.",
            "emails to my boss",
            "no emoji. Max 50 words",
        ),
        (
            "In emails to my boss, no emoji. Don't use lists either.",
            "emails to my boss",
            "no emoji. Don't use lists",
        ),
        (
            "In emails to my boss, be brief. At most three sentences. No lists.",
            "emails to my boss",
            "be brief. At most three sentences. No lists",
        ),
        (
            "We have no parking. If asked about it, say so.",
            "parking",
            "say that we have no parking",
        ),
        (
            "In emails to my boss, be brief. Only the facts.",
            "emails to my boss",
            "be brief. Only the facts",
        ),
        (
            'In texts to Anna, use "luv". Never "love".',
            "texts to Anna",
            'use "luv". Never "love"',
        ),
        (
            "There are no dogs allowed. When asked about that, tell them so.",
            "dogs",
            "say that there are no dogs allowed",
        ),
        ("I text Maddie: no emojis.", "I text Maddie", "no emojis"),
        ("My kids ask about cats: be brief.", "my kids ask about cats", "be brief"),
    ],
)
def test_what_sharpens_a_demand_belongs_to_its_condition(
    text: str, scope: str, effect: str
) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)


@pytest.mark.parametrize(
    "demand",
    [
        "Never use exclamation marks",
        "Never swear",
        "Always be brief",
        "In general, be brief",
        "Otherwise be brief",
        "Everywhere else use lists",
        "Be friendly too",
        "Just be brief",
        "No answer may be longer than ten words",
        "No lists in any answer",
    ],
)
def test_a_demand_that_may_hold_everywhere_is_refused(demand: str) -> None:
    with pytest.raises(DataError, match="different conditions") as caught:
        read_rule(f"In emails to my boss, no emoji. {demand}.")
    said = f'join them with "and" if "{demand}" holds only for "emails to my boss", too.'
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["We sell shoes: no exclamation marks.", "I teach: no lists."])
def test_a_remark_before_a_colon_is_no_condition(text: str) -> None:
    assert read_rule(text).scope == ""


def test_a_fact_that_does_not_say_what_it_is_about_is_refused() -> None:
    with pytest.raises(DataError, match="different conditions"):
        read_rule("I like cats. If asked about it, say so.")


@pytest.mark.parametrize(
    "text",
    [
        "In captions for my bakery open with 'Yum', no hashtags.",
        "In emails to my boss the greeting is 'Dear', not 'Hi'.",
        "When my parents use 'LOL', say hello.",
    ],
)
def test_a_condition_that_goes_on_with_a_demand_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="not clear where the condition ends"):
        read_rule(text)


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        (
            "When asked about parking: two spots, no more.",
            "parking",
            "two spots, no more",
        ),
        (
            "When asked about cats: just one line, no emoji.",
            "cats",
            "just one line, no emoji",
        ),
        (
            "When asked about cats, say that they, unlike dogs, are clean.",
            "cats",
            "say that they, unlike dogs, are clean",
        ),
        ("When my parents use slang, be brief.", "my parents use slang", "be brief"),
        ("When I ask for three ideas, number them.", "I ask for three ideas", "number them"),
        (
            'In emails to my boss, use "Dear". No "Hi".',
            "emails to my boss",
            'use "Dear". No "Hi"',
        ),
    ],
)
def test_a_condition_is_read_up_to_its_end(text: str, scope: str, effect: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        ("Say sorry when you mean it.", "you mean it", "Say sorry"),
        ("Use emojis when you want to say hello.", "you want to say hello", "Use emojis"),
        ("When asked about the shop, say its full name.", "the shop", "say its full name"),
        ("When I say stop, leave the topic.", "I say stop", "leave the topic"),
        (
            "Use formal language in everything to do with customers.",
            "customers",
            "Use formal language in everything to do",
        ),
        ("Never write what I don't like at all.", "", "Never write what I don't like at all."),
        ("It's essential to know: no emojis.", "", "no emojis."),
    ],
)
def test_what_only_looks_like_a_common_turn_stays(text: str, scope: str, effect: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)
