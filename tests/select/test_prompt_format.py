"""What is dropped of self-asked prompts, with the reason of each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.select import prompt_format
from selfteach.select.prompt_format import find_format_fault

GOOD = [
    "What is the largest animal on land?",
    "Tell me about the history of circus animals.",
    "Write a short poem about the sea",
    "Who are you?",
    "There is a nest of bees in my roof. Help!",
    "My loaf is always too hard. Give me some tips.",
    "Can you explain how a car engine works?",
    "I want to visit Kenya. What should I see there?",
    "How tall is the Eiffel Tower? Give the answer in feet.",
    "I am planning a trip to Spain with two children",
    "What does the Japanese word 象 mean?",
    'What does "in vitro" mean?',
    "Hello, can you tell me what time it is?",
    "What do bees do when they sleep?",
    "My daughter loves hippos. What can I tell her about them?",
    "When people cough, do they spread germs?",
    "If someone is sad, how can I help them?",
    "When Marie Curie died, how old was she?",
    "Do cats know their names?",
    "Was ist das größte Tier an Land?",
    "Erzähl mir von den größten Tieren, die es auf der Erde gibt.",
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text):
    assert find_format_fault(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too short"),
        ("Why?", "too short"),
        ("What is " + "very " * 60 + "big?", "too long"),
        ("What is " + "x" * 800 + " and why?", "too long"),
        ("What is that?\nIt is a whale.", "more than one line"),
        ("1. What is a whale?", "markup"),
        ("- What is a whale?", "markup"),
        ("What is **a whale**?", "markup"),
        ("What is a whale? <|im_end|>", "markup"),
        ("What is <b>a whale</b>?", "markup"),
        ("See https://example.org for what?", "markup"),
        ("What is a [animal]?", "markup"),
        ("Topic: big animals of Africa", "repeats the topic line"),
        ("What is it? Answer: a whale.", "repeats the topic line"),
        ("Что такое большой слон?", "other script"),
        ("12 + 13 + 14 = 20 ?", "other script"),
        ("Sure, I can help with that.", "speaks as an assistant"),
        ("I'm sorry, I cannot answer that.", "speaks as an assistant"),
        ("Here are some questions about whales.", "speaks as an assistant"),
        ("As an AI language model I have none.", "speaks as an assistant"),
        ("What is the name of the", "cut off"),
        ("Write a story about a whale,", "cut off"),
        ('What does "in vitro mean?', "cut off"),
        ("What is a whale (a big fish?", "cut off"),
        ("What is the capital of France? It is Paris.", "contains its answer"),
        ("The whale is a mammal.", "not a request"),
        ("Whales of the northern sea", "not a request"),
        ("Are they really extinct?", "does not stand alone"),
        ("How can I best avoid them?", "does not stand alone"),
        ("Can you tell me what he said?", "does not stand alone"),
    ],
)
def test_dropped_with_its_reason(text, reason):
    assert find_format_fault(text) == reason


def test_other_scripts_where_they_are_wanted():
    assert find_format_fault("Что такое большой слон?", script="Cyrillic") is None
    assert find_format_fault("大象有多大？", script="Han") is None
    assert find_format_fault("象はどのくらい大きいですか", script="Kana") is None
    assert find_format_fault("What is a whale?", script="Cyrillic") == "other script"
    assert find_format_fault("Расскажи мне про слонов,", script="Cyrillic") == "cut off"


@given(st.text(max_size=120))
@settings(deadline=None)
def test_any_text_gets_a_known_reason_or_none(text):
    names = [name for name in vars(prompt_format) if name.isupper() and name[0] != "_"]
    assert find_format_fault(text) in [None, *(getattr(prompt_format, name) for name in names)]


@pytest.mark.parametrize("text", ["Thanks!", "See you tomorrow.", "You did well, thank you."])
def test_small_talk_need_not_ask_for_anything(text: str) -> None:
    assert find_format_fault(text) is not None
    assert find_format_fault(text, is_talk=True) is None


def test_small_talk_has_the_other_faults_of_a_prompt() -> None:
    assert find_format_fault("", is_talk=True) is not None
    assert find_format_fault('Thank you for "the', is_talk=True) == "cut off"
