"""The form of a question about a document: clear without the document, with its answer in it.

Source: Self-Learning-llm (arXiv 2406.11275): questions are to be answerable without reference to
the document, which is left to the instruction there. Departs: it is checked here, because a small
model writes "according to the passage" whatever the prompt says.
"""

from __future__ import annotations

import re
from itertools import chain

import regex

from selfteach.generate.questions import Question
from selfteach.generate.spans import CAPITAL, is_content_word
from selfteach.judge.match import (
    SAME_F1,
    contains_answer,
    normalize_answer,
    read_words,
    token_f1,
    token_recall,
)

MAX_ANSWER_WORDS = 20
MIN_SHARE_IN_PASSAGE = 0.8
MAX_EXTRA_WORDS = 4
MIN_SHARED = 0.5
MENTIONS_TEXT = "mentions the text"
CUT = "cut off"
NOT_ALONE = "does not stand alone"
TOO_VAGUE = "too vague"
NO_ANSWER = "no answer"
LONG_ANSWER = "answer too long"
FOREIGN_ANSWER = "answer not in the text"
HOLDS_ANSWER = "contains its answer"
NO_ANSWER_BACK = "the model gives no answer to it"
ANOTHER_ANSWER = "the model gives another answer to it"

_SHOWN = (
    r"(?:(?:passage|text|paragraph|excerpt|snippet|article|document|sentence)s?|"
    r"(?:author|writer)s?(?! (?:of (?:the )?)?(?-i:[\"“'‘«A-Z])))"
)
"""What shows a text; not "the author of The Hobbit", nor "the author Mark Twain"."""
_SAID = rf"(?:{_SHOWN}|(?:statement|fact|context|information|reading|topic)s?)"
_MENTION = re.compile(
    rf"\b(?:the|this|that|these)\s+(?:(?:given|following|above|provided|preceding|first|second|"
    rf"third|next|last)\s+)*{_SHOWN}\b|\b(?:this|given|following|above|provided|"
    rf"preceding)\s+{_SAID}\b|\bas "
    r"(?:mentioned|described|stated)\b|\b(?:mentioned|described|stated|listed|given|discussed|"
    r"shown)\s+(?:above|below|here|earlier|before)\b|\baccording to (?:this|it|the above)\b|\bthe "
    r"(?:above|following)\b",
    re.I,
)
_HANGS = re.compile(
    r"\b(?:the|an?|and|or|if|that|which|because|than|has|had|did|does)\?$|"
    r"^(?!.*\b(?:(?:do|does|did)\s+\S.*|(?:can|could|may|might|must|shall|should|will|would|to)"
    r"(?:\s.*)?)\s(?:have|do)\?$).*\b(?:have|do)\?$|"
    r"^(?!.+\b(?:who|what|when|where|which|how)\b).*\b(?:is|are|was|were|(?<!\bto )be)\?$",
    re.I,
)
_POINTER = re.compile(
    r"\b(?:he|she|him|they|them|his|hers|their|theirs|it|its|this|these|those|here|her)\b", re.I
)
_NAMES = regex.compile(r"(?<!^)(?<![.?!] )\b[\p{Lu}\p{Lt}\p{Lo}]\w*|\d{3,}")
_TORN = re.compile(
    r"\b(?:the|an?)\s+(?:and|or|of|in|on|at|to|for|by|from|with|is|are|was|were|has|have|had|did|"
    r"does|the|an?|make)\b|\bbetween\s+(?:and|or)\b|\bof\s+(?:of|in|on|at|to|for|by|from|with|and|"
    r"or|is|are|was|were)\b|^(?:what|which|who)\s+(?:is|are|was|were)\s+of\b|^how\s+many\s+(?:is|"
    r"was|has|does|the|an?)\b|\b(?:the|an?|between|every|each|its|their|his|very|some|these|"
    r"those)\s*\?$",
    re.I,
)
_MIXED = re.compile(
    r"^(?!.*\b(?:to|will|would|can|could|shall|should|may|might|must|let)\b.*\bbe\b)"
    r"(?=.*\b(?:did|does|do)\b.*\bbe\b)",
    re.I,
)
_BARE_SUBJECT = re.compile(
    r"\b(?:did|does|do|is|are|was|were|has|have|had|can|could|will|would)\s+"
    r"(?:he|she|they|it(?!.*\b(?:when|that|if|to|called|known|mean)\b))\b",
    re.I,
)
_NUMBERS = re.compile(r"\d(?:[\d.,]*\d)+")


def find_context_fault(text: str, title: str) -> str:
    """Return why a question makes no sense without the text, or "".

    A pronoun stands for something that the question itself must name: a word with a capital letter,
    or a word of the title.
    """
    if _MENTION.search(text):
        return MENTIONS_TEXT
    if _HANGS.search(text):
        return CUT
    named = has_name(text, title)
    if _POINTER.search(text) and not named:
        return NOT_ALONE
    return TOO_VAGUE if len(list_content_words(text)) < 2 and not named else ""


def has_name(text: str, title: str) -> bool:
    """Return whether a question names something: a word with a capital letter, or in a script
    without capitals; a long number; or a word of the title.
    """
    of_title = set(list_content_words(title)) & set(list_content_words(text))
    return bool(_NAMES.search(text)) or bool(of_title)


def is_torn(text: str) -> bool:
    """Return whether a word is missing, as after an article, after "between" or after "of".

    The cause is usually an answer that was cut out of its question.
    """
    return bool(_TORN.search(text))


def is_mixed(text: str) -> bool:
    """Return whether two questions are mixed: "When did the mill be built?"."""
    return bool(_MIXED.search(text))


def asks_about_unnamed(text: str, title: str) -> bool:
    """Return whether the subject is a pronoun, and nothing is named before it: "Where did he live
    in Hale?".
    """
    found = _BARE_SUBJECT.search(text)
    return found is not None and not has_name(text[: found.start()], title)


def has_foreign_numbers(question: Question) -> bool:
    """Return whether a question has a number of two digits or more that its text does not have."""
    text = f"{question.chunk.title} {question.chunk.passage}"
    return any(number not in text for number in _NUMBERS.findall(question.text))


def find_answer_fault(question: Question) -> str:
    """Return the fault of the short answer, or "".

    It must stand in the passage, not in the question, and must come back as the model's answer.
    """
    answer = question.short
    words = normalize_answer(answer).split()
    if not words:
        return NO_ANSWER
    if len(words) > MAX_ANSWER_WORDS:
        return LONG_ANSWER
    passage = question.chunk.passage
    stands = contains_answer(passage, answer)
    if not stands and token_recall(answer, passage) < MIN_SHARE_IN_PASSAGE:
        return FOREIGN_ANSWER
    if contains_answer(question.text, answer) and not re.search(r"\bor\b", question.text):
        return HOLDS_ANSWER
    if question.back == "":
        return NO_ANSWER_BACK
    return "" if question.back is None or _is_same_answer(question.back, answer) else ANOTHER_ANSWER


def is_off_sentence(question: Question) -> bool:
    """Return whether less than half of a question's content words stand in its sentence.

    Words of the title do not count.
    """
    said = [
        word
        for word in list_content_words(question.text)
        if word not in list_content_words(question.chunk.title)
    ]
    there = set(list_content_words(question.evidence))
    return not said or sum(word in there for word in said) < MIN_SHARED * len(said)


def has_foreign_names(question: Question) -> bool:
    """Return whether a question has names that its text does not have.

    A small model copies names from its worked examples.
    """
    text = f"{question.chunk.title} {question.chunk.passage}"
    there = {*normalize_answer(text).split(), *chain(*map(str.split, read_words(text)))}
    named = re.findall(rf"(?<=\s)[{CAPITAL}]\w+(?:-\w+)*", question.text)
    return any(word not in there for name in named for word in normalize_answer(name).split())


def _is_same_answer(back: str, answer: str) -> bool:
    """Return whether the answer came back, alone or in a few more words.

    A model that repeats the whole sentence has not answered.
    """
    brief = (
        len(normalize_answer(back).split())
        <= len(normalize_answer(answer).split()) + MAX_EXTRA_WORDS
    )
    return token_f1(back, answer) >= SAME_F1 or (brief and contains_answer(back, answer))


def list_content_words(text: str) -> list[str]:
    """Return the content words of a text."""
    return list(filter(is_content_word, normalize_answer(text).split()))
