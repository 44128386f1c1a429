"""Occasions of texts, and what they are about: worked ones, and those that the model writes.

The model continues a list ("I will be late tomorrow"), and writes no whole requests, because a
small one loses the addressee in longer ones. Some of its occasions are nothing that anybody would
send ("wish someone a lie"); more worked ones taught no better (docs/log/2026-11-rules.md).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from selfteach.generate.ask import ROUND_SIZE
from selfteach.generate.asked_for import SENT_KINDS, get_text_kind
from selfteach.generate.few_shot import read_tables
from selfteach.generate.listing import to_one_line
from selfteach.materials.rules.inflection import to_singular
from selfteach.materials.rules.scopes.situation import (
    Situation,
    is_made_for,
    is_topical_text,
    leave_out_size,
)
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import Request, SamplingParams
from selfteach.text import clean_text

OccasionForm = Literal["clause", "purpose", "topic", "subject", "text"]
OCCASION_FORMS: tuple[OccasionForm, ...] = ("clause", "purpose")
EXPLAINING = ("explanation", "instructions", "description")
"""Genres whose requests are about a topic."""
LABELS = {
    "clause": "News",
    "purpose": "What I want to do",
    "topic": "To explain",
    "subject": "To write about",
    "text": "Text",
}
WORD_LABEL = "Word"
OCCASION_SAMPLING = SamplingParams(0.9, 0.95, max_tokens=20, stop=("\n",))
NUM_SHOWN = 8
"""Worked occasions in each list that the model continues."""
OVERSAMPLING = 2
MAX_OCCASION_WORDS = 12
WorkedOccasions = Mapping[OccasionForm, Sequence[str]]
_TABLES = read_tables("situations.json")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Hold what a text is about: a clause ("I will be late"), a purpose ("ask for advice"), a topic
    to explain ("the rainbow"), a subject to write about ("our new puppy") or a text to work on.

    Attributes:
        word: the word that it must have, one of the topic's or a forbidden one; "" for none.
    """

    form: OccasionForm
    text: str
    word: str = ""


def list_forms(situation: Situation) -> tuple[OccasionForm, ...]:
    """Return the forms of occasion that fit what is written."""
    if is_made_for(situation) and not situation.topic:
        return ("subject",)
    if is_topical_text(situation):
        kind = get_text_kind(situation.genre)
        if kind.takes_text:
            return ("text",)
        return OCCASION_FORMS if kind.name in SENT_KINDS else ("subject",)
    return ("topic",) if leave_out_size(situation.genre) in EXPLAINING else OCCASION_FORMS


def list_worked_occasions(situation: Situation) -> WorkedOccasions:
    """Return the occasions that are written in the package, by each form that fits."""
    forms = list_forms(situation)
    if forms[0] in ("subject", "text"):
        return {forms[0]: get_text_kind(situation.genre).subjects or _TABLES["text_subjects"]}
    return {form: _TABLES[form] for form in forms}


def list_occasions_of_topic(
    forms: Sequence[OccasionForm], topic: str, words: Sequence[str] = ()
) -> Iterator[Occasion]:
    """Yield occasions about a topic: "I have a question about groceries".

    Args:
        words: words of the topic; each of them can be explained.
    """
    for form in forms:
        for text in _TABLES["of_topic"][form]:
            yield Occasion(form, text.format(topic=topic), topic)
    if "topic" in forms:
        for word in words:
            yield Occasion("topic", word, word)


def plan_occasions(
    worked: WorkedOccasions, count: int, turn: int, seed: int, words: Sequence[str] = ()
) -> list[Request]:
    """Return the requests for `count` occasions, each of which continues a shuffled list."""
    requests = []
    forms = list(worked)
    first = turn * ROUND_SIZE
    for i in range(first, first + min(OVERSAMPLING * count, ROUND_SIZE)):
        form, word = choose_form_and_word(forms, words, i)
        dice = random.Random(f"{seed} occasion {i % 12}")
        if word:
            listing = list_clauses_of_words(dice, word)
        else:
            listing = list_occasions(dice, form, worked[form])
        requests.append(Request("ask occasion", listing, OCCASION_SAMPLING, i, seed))
    return requests


def choose_form_and_word(
    forms: Sequence[OccasionForm], words: Sequence[str], sample_index: int
) -> tuple[OccasionForm, str]:
    """Return the form of a sample, and the word that it must have, or "". Both take turns.

    Only clauses get a word: "the employees were ill" comes easily, "thank the employees" does not.
    """
    turn, place = divmod(sample_index, len(forms))
    form = forms[place]
    return form, words[turn % len(words)] if words and form == "clause" else ""


def list_occasions(dice: random.Random, form: OccasionForm, worked: Sequence[str]) -> str:
    """Return a list of some worked occasions of a form that the model continues."""
    shown = dice.sample(worked, NUM_SHOWN)
    return "".join(f"{LABELS[form]}: {text}\n" for text in shown) + f"{LABELS[form]}:"


def list_clauses_of_words(dice: random.Random, word: str) -> str:
    """Return a list of words, each with a clause that has it, up to the clause of the word."""
    shown = dice.sample(_TABLES["clauses_of_words"], NUM_SHOWN)
    label = LABELS["clause"]
    worked = "".join(f"{WORD_LABEL}: {one}\n{label}: {text}\n\n" for one, text in shown)
    return f"{worked}{WORD_LABEL}: {word}\n{label}:"


def write_occasions(
    model: Sampler,
    worked: WorkedOccasions,
    count: int,
    find_fault: Callable[[Occasion], str],
    rounds: int,
    seed: int,
    words: Sequence[str] = (),
) -> Iterator[tuple[Occasion, str]]:
    """Yield (occasion, fault) until there are enough good ones, or the rounds run out.

    The worked occasions come first. There are no others of texts to work on, which are too long.

    Args:
        worked: the worked occasions of each form that fits.
        words: words of the topic of the rule, or words that it forbids. The clauses that the model
            writes have one of them. Else hardly a text would break "say colleagues instead of
            employees".
    """
    kept = 0
    forms = list(worked)
    for form, texts in worked.items():
        for text in texts:
            fault = find_fault(Occasion(form, text))
            kept += not fault
            yield Occasion(form, text), fault
    for turn in range(0 if "text" in worked else rounds):
        if kept >= count:
            return
        requests = plan_occasions(worked, count - kept, turn, seed, words)
        for request, completion in zip(requests, sample_in_order(model, requests), strict=True):
            if kept >= count:
                return
            form, word = choose_form_and_word(forms, words, request.draw)
            is_whole = completion is not None and completion.finish != "length"
            text = to_one_line(clean_text(completion.text)) if completion and is_whole else ""
            occasion = Occasion(form, text.rstrip(" .!,;"), word)
            fault = find_fault(occasion)
            kept += not fault
            yield occasion, fault


def find_occasion_fault(occasion: Occasion) -> str:
    """Return why a text is no usable occasion, or ""."""
    words = occasion.text.split()
    if occasion.form in _PHRASES:
        return "" if re.fullmatch(_PHRASES[occasion.form], occasion.text) else "no topic"
    if not 2 <= len(words) <= MAX_OCCASION_WORDS:
        return "too short or too long"
    if not re.fullmatch(r"[\w' ,&()-]+", occasion.text):
        return "marks"
    if to_singular(occasion.word.lower()) not in occasion.text.lower():
        return "without the word"
    first = words[0]
    if occasion.form == "clause":
        starts = first in ("I", "We", "My", "Our", "The", "There", "It") or first.islower()
        has_verb = re.search(_VERB, occasion.text) is not None
        return "" if starts and has_verb and first.lower() not in _NO_CLAUSE else "no clause"
    return "" if first in _PURPOSE_VERBS and len(words) >= 3 else "no purpose"


_PHRASES = {
    "topic": r"(?:[^\W\d_]|[' &-]){3,40}",
    "subject": r"(?=.*[^\W\d_]{2})(?:\S+ ){0,13}[^{}<>\[\]\n ]+",
    "text": r"[^{}<>\n]{3,400}",
}
_VERB = (
    r"\b(?:is|are|was|were|am|will|have|has|had|can|cannot|can't|want|need|got|found|lost|"
    r"passed|won|bought|sold|made|do|did|like|love|miss|left|came|went|finished|started|\w+ed)\b"
)
_NO_CLAUSE = ("to", "what", "how", "why", "when", "do", "please", "if", "because")
_PURPOSE_VERBS = frozenset(
    """
    ask say thank tell send share remind invite wish apologize congratulate cancel plan make
    suggest offer confirm borrow order book arrange explain report check announce request
    propose recommend introduce welcome complain describe praise promise warn answer get
    find change move set give return pick let
    """.split()  # noqa: SIM905
)
