"""Which topics a rule forbids, read from its words."""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.errors import DataError
from selfteach.generate.subject import extract_topic
from selfteach.judge.check import parse_check
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.forbidden_topics import can_forbid, can_forbid_topic
from selfteach.materials.rules.rule import read_rule
from selfteach.methods.feedback.understand_rule import find_forbidden_topic


@pytest.mark.parametrize(
    ("rule", "topics"),
    [
        ("Don't mention coffee.", ("coffee",)),
        ("Never mention the word count.", ("word count",)),
        ("Don't talk about living together.", ("living together",)),
        ("Don't talk about getting back together.", ("getting back together",)),
        ("Don't talk about kids staying home alone.", ("kids staying home alone",)),
        (
            "Don't mention Alzheimer's or Parkinson's disease.",
            ("Alzheimer's", "Parkinson's disease"),
        ),
        ("Don't discuss Home Alone.", ("Home Alone",)),
        ("Don't mention Tom's or Ann's cars.", ("Tom's cars", "Ann's cars")),
        ("Don't mention Lowe's or Denny's.", ("Lowe's", "Denny's")),
        ("Never bring up the weather.", ("weather",)),
        ("Don't bring politics up.", ("politics",)),
        ("Please don't discuss cats or dogs.", ("cats", "dogs")),
        ("Do not talk about the weather, sports or politics.", ("weather", "sports", "politics")),
        ("No mention of cats or dogs.", ("cats", "dogs")),
        ("Do not mention snakes, even when asked directly.", ("snakes",)),
        ("Never talk to me about money.", ("money",)),
        ("Quit mentioning cheese.", ("cheese",)),
        ("Refuse to answer questions about guns.", ("guns",)),
        ("Never say anything about horses.", ("horses",)),
        ("Say nothing about the merger.", ("merger",)),
        ("Keep quiet about the merger.", ("merger",)),
        ("Don't give advice on taxes.", ("taxes",)),
        ("I don't want to hear about spiders.", ("spiders",)),
        ("I don't want you to talk about spiders.", ("spiders",)),
        ("Leave out any mention of bees.", ("bees",)),
        ("Stay off the topic of money.", ("money",)),
        ("Politics is off limits.", ("Politics",)),
        ("Religion must never be discussed.", ("Religion",)),
        ("Pretend that you know nothing about chess.", ("chess",)),
        ("Act as if elephants did not exist.", ("elephants",)),
        ("Never talk to me about my ex-husband.", ("ex-husband",)),
        ("You are not allowed to talk about video games.", ("video games",)),
        ("Whatever happens, don't mention the war.", ("war",)),
        ("Nothing about sharks, please.", ("sharks",)),
        ("No cat content.", ("cat",)),
        ("Spare me any talk of taxes.", ("taxes",)),
        ("Talk about anything except football.", ("football",)),
        ("I'd rather you didn't mention snakes.", ("snakes",)),
        ("Let's not talk about coffee any more.", ("coffee",)),
        ("Snakes are a no-go.", ("Snakes",)),
        ("We do not talk about Bruno.", ("Bruno",)),
        ("Never discuss the royal family with me.", ("royal family",)),
        ("Don't you dare mention pineapple pizza.", ("pineapple pizza",)),
        ("Do not speculate about the election.", ("election",)),
        ("Keep politics out of your answers.", ("politics",)),
        ("Make no reference to the pandemic.", ("pandemic",)),
        ("Avoid anything to do with gambling.", ("gambling",)),
        ("Never mention Coca-Cola by name.", ("Coca-Cola",)),
        ("Ban the topic of dinosaurs.", ("dinosaurs",)),
        ("Erwähne nie meinen Ex-Freund.", ("Ex-Freund",)),
        ("Évite de parler de politique.", ("politique",)),
        ("Evita hablar de política.", ("política",)),
        ("Sprich nicht über Fußball.", ("Fußball",)),
        ("Ne parle pas de politique.", ("politique",)),
        ("I'd rather you kept off the topic of snakes.", ("snakes",)),
        ("It would be lovely if you could avoid mentioning work.", ("work",)),
        ("Could you please not discuss my weight?", ("weight",)),
        ("Would you mind not talking about taxes?", ("taxes",)),
        ("You're forbidden from mentioning Dracula.", ("Dracula",)),
        ("Under no circumstances are you to mention wages.", ("wages",)),
        ("i am so tired of hearing about bitcoin", ("bitcoin",)),
        ("Neither discuss taxes nor rent.", ("taxes", "rent")),
        ("dont talk about aliens", ("aliens",)),
        ("Let's put football aside.", ("football",)),
        ("Steer all conversations away from death.", ("death",)),
        ("Discussions of euthanasia are not welcome here.", ("euthanasia",)),
        ("Please don't reply to anything about tanks.", ("tanks",)),
        ("Desist from any discussion of the strike.", ("strike",)),
        ("Don't mention anything regarding the audit.", ("audit",)),
        ("Never discuss my brother Paul.", ("brother Paul",)),
        ("Please don't talk to my kids about guns.", ("guns",)),
        ("I don't want you discussing suicide.", ("suicide",)),
        ("Do not mention lottery numbers because I never win.", ("lottery numbers",)),
        ("Ich will nicht, dass du über Katzen redest.", ("Katzen",)),
        ("Bitte nicht über Geld sprechen.", ("Geld",)),
        ("On ne parle pas de religion ici.", ("religion",)),
        ("No quiero que hables de dinero.", ("dinero",)),
        ("Non parlare mai di tasse.", ("tasse",)),
        ("Evita di parlare di lavoro.", ("lavoro",)),
    ],
)
def test_a_rule_names_the_topics_that_it_forbids(rule: str, topics: tuple[str, ...]) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert effect.topics == topics


def test_somebody_with_a_name_is_found_by_either() -> None:
    found = read_effect("Never discuss my brother Paul.")
    assert found is not None
    assert found.check == 'not (contains "Paul" or contains "brother")'


@pytest.mark.parametrize(
    ("rule", "effect"),
    [
        ("I have a fear of bees, so please don't bring them up.", "please don't bring bees up."),
        ("My son hates clowns. Never mention them.", "Never mention clowns."),
        ("The divorce is a sore point, don't mention it.", "don't mention The divorce."),
        ("Garlic? Never talk about it.", "Never talk about Garlic."),
    ],
)
def test_a_pronoun_means_the_noun_of_the_reason(rule: str, effect: str) -> None:
    assert read_rule(rule).effect == effect


@pytest.mark.parametrize("rule", ["Never mention it.", "It rained. Don't talk about them."])
def test_a_pronoun_that_nothing_explains_is_refused(rule: str) -> None:
    with pytest.raises(DataError, match="without saying what that is") as caught:
        read_rule(rule)
    assert "Name the subject" in str(caught.value.cure)


@pytest.mark.parametrize("topic", ["complete sentences", "bullet points", "jargon"])
def test_what_texts_are_made_of_is_no_subject(topic: str) -> None:
    rule = f"Do nothing for {topic}."
    model = Scripted(lambda request: f" {topic}")
    read = read_rule(rule)
    assert find_forbidden_topic(model, read, read_effect(rule), FeedbackConfig()) == ""


@pytest.mark.parametrize(
    "rule",
    [
        "When a user mentions alcohol, politely decline.",
        "Change the subject if I bring up alcohol.",
    ],
)
def test_to_decline_where_a_topic_comes_up_forbids_it(rule: str) -> None:
    read = read_rule(rule)
    assert (read.scope, read.effect) == ("", "Do not talk about alcohol.")


def test_a_noun_that_begins_the_sentence_is_no_name() -> None:
    found = read_effect("Snakes are off limits.")
    assert found is not None
    assert found.check == 'not contains "snake"'


STATEMENTS = {
    "Say that you are not a doctor.": "I am not a doctor.",
    "Say you were made by Acme.": "I was made by Acme.",
    "Tell them to call us.": "Please call us.",
    "Tell them not to wait.": "Please do not wait.",
    "Say they should call us.": "You should call us.",
    "Say checkout is at eleven.": "Checkout is at eleven.",
    "Say that you are two years old.": "I am two years old.",
    "Say you have none.": "I have none.",
    "Say you don't have opinions.": "I don't have opinions.",
    "Say you don't need an account.": "You don't need an account.",
    "Say you cannot get a refund after 24 hours.": "You cannot get a refund after 24 hours.",
    "Say you're not required to have a visa.": "You're not required to have a visa.",
    "Say you can't help with refunds and they should call us.": (
        "I can't help with refunds and you should call us."
    ),
    "Say her birthday is in May.": "Her birthday is in May.",
    "Tell her we close at six.": "We close at six.",
    "Tell customers that their order will be refunded.": "Your order will be refunded.",
    "Tell them that their opening hours are nine to five.": (
        "Their opening hours are nine to five."
    ),
    "Tell them it lasts two years.": "It lasts two years.",
    "Tell them you can park here.": "You can park here.",
    "Give them the number 555-1234.": "The number is 555-1234.",
    "Ask for their order number.": "Please tell me the order number.",
    'Say: "Returns are free within 14 days."': "Returns are free within 14 days.",
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_what_must_be_said_is_said_by_the_model(text: str) -> None:
    effect = read_effect(text)
    assert effect is not None
    assert effect.statement == STATEMENTS[text]
    assert parse_check(effect.check).keeps(effect.statement)


@pytest.mark.parametrize(
    ("scope", "demand", "statement"),
    [
        ("refunds", "tell customers that their refund takes a day", "Your refund takes a day."),
        ("a late delivery", "tell them that their order is here", "Your order is here."),
        ("the band", "tell people that their tickets are gone", "Their tickets are gone."),
        ("Anna's account", "tell everyone that her account is closed", "Her account is closed."),
        ("yourself", "say that you don't need money", "I don't need money."),
        ("asked whether you vote", "say you are not entitled to it", "I am not entitled to it."),
        ("your salary", "say that you don't get a salary", "I don't get a salary."),
        ("politics", "say that you are not eligible to vote", "I am not eligible to vote."),
        ("parking", "say that you don't have to pay", "You don't have to pay."),
        ("your prices", "say that you don't need an account", "You don't need an account."),
        ("you", "say that you do not get a salary", "I do not get a salary."),
        ("sleep", "say that you don't have to sleep", "I don't have to sleep."),
    ],
)
def test_the_situation_tells_of_whom_something_is_said(
    scope: str, demand: str, statement: str
) -> None:
    effect = read_effect(demand, scope)
    assert effect is not None
    assert effect.statement == statement


@pytest.mark.parametrize(
    "rule",
    ['Do not mention the word "delve".', 'Stop saying "delve".', "Do not use exclamation marks."],
)
def test_words_that_are_meant_literally_are_no_topic(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert effect.topics == ()


@pytest.mark.parametrize(
    "rule", ["Do not talk about elephants unless asked.", "No long answers.", "Be quiet."]
)
def test_what_is_no_plain_topic_is_not_read_as_one(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is None or effect.topics == ()


@pytest.mark.parametrize(
    ("rule", "topic"),
    [
        ("Don't mention coffee.", "coffee"),
        ("Do not mention cats, dogs or birds.", "cats, dogs or birds"),
        ("Do not use exclamation marks.", ""),
        ("No politics.", "politics"),
        ("Always talk about politics.", ""),
    ],
)
def test_the_model_is_asked_only_where_the_words_are_not_recognized(rule: str, topic: str) -> None:
    model = Scripted(lambda request: " politics")
    read = read_rule(rule)
    assert find_forbidden_topic(model, read, read_effect(rule), FeedbackConfig()) == topic


@pytest.mark.parametrize(
    ("rule", "topic", "is_forbidden"),
    [
        ("Give me temperatures in Celsius, never in Fahrenheit.", "Celsius", False),
        ("Give me temperatures in Celsius, never in Fahrenheit.", "Fahrenheit", True),
        ("No casinos, please.", "no", False),
        ("Cats? No way.", "cats", True),
        ("Das Wetter kommt nicht vor.", "Wetter", True),
        ("Do it for me, not for him.", "me", False),
    ],
)
def test_only_what_follows_a_forbidding_word_or_has_one_is_forbidden(
    rule: str, topic: str, is_forbidden: bool
) -> None:
    assert can_forbid_topic(rule, topic) is is_forbidden
    model = Scripted(lambda request: f" {topic}")
    found = find_forbidden_topic(model, read_rule(rule), None, FeedbackConfig())
    assert bool(found) is is_forbidden


@pytest.mark.parametrize(("told", "topic"), [(" no", ""), (" competitors", "competitors")])
def test_a_topic_that_the_model_names_is_a_whole_word_of_the_rule(told: str, topic: str) -> None:
    model = Scripted(lambda request: told)
    assert extract_topic(model, "Do nothing for competitors.", 0) == topic


@pytest.mark.parametrize(
    "rule",
    [
        "Don't hesitate to talk about money.",
        "Never shy away from politics.",
        "Don’t stop talking about dogs.",
        "You can't talk enough about cats.",
        "You must not forget to bring up the dress code.",
        "No problem with talking about wine.",
        "Don't mention any brand except Lego.",
        "Don't just talk about dogs.",
        "Don't answer without saying 'please'.",
    ],
)
def test_two_words_that_forbid_may_be_one_demand(rule: str) -> None:
    assert not can_forbid(rule)
    assert can_forbid("Don't talk about it."), "one word alone forbids"
