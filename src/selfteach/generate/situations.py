"""Requests for a rule that holds in a situation: "In emails to my boss stay under 40 words."

A request joins a frame ("Write an email to my boss: ..."), a way to name the addressee, and an
occasion ("I will be late tomorrow") that the model writes by continuing a list. A neighbor has the
same parts and another addressee, so the side of every request is known by construction. The exam
has frames, occasions and addressees of its own.

Source: the conditional rules and the three scopes of C3PO (arXiv 2402.10893). Departs: there a
large model writes the requests; here the model writes the occasions only, because a small one
loses the addressee in longer requests.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfteach.generate.ask import ROUND_SIZE, GeneratedPrompt, Scope
from selfteach.generate.few_shot import read_tables
from selfteach.generate.listing import to_one_line
from selfteach.generate.text_kinds import (
    ABOUT,
    get_text_kind,
    list_other_framed_kinds,
    list_other_kinds,
)
from selfteach.materials.foreign_words import list_english_people
from selfteach.materials.inflection import begins_with_vowel_sound, list_plurals, to_singular
from selfteach.materials.situation import (
    Situation,
    is_topical_text,
    leave_out_size,
    name_written_topic,
)
from selfteach.materials.text_kinds import find_text_kind
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import Request, SamplingParams
from selfteach.text import clean_text

OccasionForm = Literal["clause", "purpose", "topic", "subject"]
OCCASION_FORMS: tuple[OccasionForm, ...] = ("clause", "purpose")
EXPLAINING = ("explanation", "instructions", "description")
"""Genres whose requests are about a topic."""
LABELS = {
    "clause": "News",
    "purpose": "What I want to do",
    "topic": "To explain",
    "subject": "To write about",
}
WORD_LABEL = "Word"
OCCASION_SAMPLING = SamplingParams(0.9, 0.95, max_tokens=20, stop=("\n",))
NUM_SHOWN = 8
"""Worked occasions in each list that the model continues."""
OVERSAMPLING = 2
MAX_OCCASION_WORDS = 12
QUESTION = "question about the addressee"
GENRE_QUESTION = "question about the kind of text"
OTHER_GENRE = "another text to the addressee"
OTHER_TOPIC = "the addressee, about something else"
NEAR_PER_QUESTION = 6
"""One of so many near requests asks about the addressee or the kind of text, one for something else
that is written to the addressee, and one about something else where the rule names a topic.
"""
OTHER_GENRES = (
    ("speech", "poem", "song", "story", "riddle", "fairy tale", "quiz", "prayer", "play"),
    ("toast", "report", "haiku"),
)
"""What is written to the addressee beside the rule's genre: in training, and in the exam."""
SENT_KINDS = ("email", "letter", "text message", "message", "note")
"""Kinds of text that are written to somebody, on an occasion."""
PICTURE_KINDS = ("caption", "post")
"""Kinds of text that go with a picture."""
WorkedOccasions = Mapping[OccasionForm, Sequence[str]]
_TABLES = read_tables("situations.json")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Hold what a text is about: a clause ("I will be late"), a purpose ("ask for advice"), a topic
    to explain ("the rainbow") or a subject to write about ("our new puppy").

    Attributes:
        word: the word that it must have, one of the topic's or a forbidden one; "" for none.
    """

    form: OccasionForm
    text: str
    word: str = ""


def list_forms(situation: Situation) -> tuple[OccasionForm, ...]:
    """Return the forms of occasion that fit what is written."""
    if is_topical_text(situation):
        is_sent = find_text_kind(situation.genre) in SENT_KINDS
        return OCCASION_FORMS if is_sent else ("subject",)
    return ("topic",) if leave_out_size(situation.genre) in EXPLAINING else OCCASION_FORMS


def list_worked_occasions(situation: Situation) -> WorkedOccasions:
    """Return the occasions that are written in the package, by each form that fits."""
    forms = list_forms(situation)
    if "subject" in forms:
        return {"subject": get_text_kind(situation.genre).subjects or _TABLES["text_subjects"]}
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

    The worked occasions come first.

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
    for turn in range(rounds):
        if kept >= count:
            return
        requests = plan_occasions(worked, count - kept, turn, seed, words)
        for request, completion in zip(requests, sample_in_order(model, requests), strict=True):
            if kept >= count:
                return
            form, word = choose_form_and_word(forms, words, request.draw)
            text = to_one_line(clean_text(completion.text)) if completion else ""
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


_PHRASES = {"topic": r"(?:[^\W\d_]|[' &-]){3,40}", "subject": r"[^{}<>\[\]\n]{3,300}"}
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


def build_requests(
    situation: Situation,
    occasions: Sequence[Occasion],
    scope: Scope,
    count: int,
    seed: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` different requests about the occasions, which take turns.

    Where the rule holds for a kind of text, see `build_text_requests`. The requests of both scopes
    have the same frames and occasions, in the same order: only the addressee tells them apart.
    Some near ones ask about the rule's own addressee, and nothing is written, or for something else
    that is written to this addressee. Where the rule names a topic, only occasions with one of its
    words are in scope, and the others are near ones.

    Args:
        scope: "target" names the addressee of the rule, "near" another one.
        for_exam: take the frames and the other addressees that no training prompt has.
    """
    if is_topical_text(situation):
        return build_text_requests(
            situation.genre, occasions, scope, count, seed, for_exam=for_exam
        )
    dice = random.Random(f"{seed} situation {for_exam}")
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    others = list_other_addressees(situation, for_exam=for_exam)
    found: dict[str, GeneratedPrompt] = {}
    if scope == "near":
        some = count // NEAR_PER_QUESTION
        own_addressee = build_questions_about(situation, some, for_exam=for_exam)
        own_addressee += build_other_genres(situation, occasions, some, for_exam=for_exam)
        own_addressee += build_other_topics(situation, occasions, some, for_exam=for_exam)
        found = {prompt.text: prompt for prompt in own_addressee}
    places = {form: dice.randrange(len(frames[form])) for form in frames}
    topic = name_written_topic(situation)
    of_topic = [occasion for occasion in occasions if occasion.word or not topic]
    for turn in range(8):
        for i, occasion in enumerate(of_topic):
            if len(found) >= count:
                return list(found.values())
            own = frames[occasion.form]
            frame = own[(places[occasion.form] + i + turn) % len(own)]
            names = situation.names if scope == "target" else others
            who = names[(i + turn) % len(names)] if scope == "target" else dice.choice(names)
            text = fill_frame(frame, situation.genre, who, occasion)
            prompt = GeneratedPrompt(text, scope, occasion.form, occasion.text)
            found.setdefault(text, prompt)
    return list(found.values())


def build_text_requests(
    genre: str,
    occasions: Sequence[Occasion],
    scope: Scope,
    count: int,
    seed: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` different requests for a kind of text about the occasions, or for
    another kind about the same ones. Some near ones ask about the rule's kind, and nothing is
    written.
    """
    prefix = "exam_" if for_exam else ""
    dice = random.Random(f"{seed} text {for_exam}")
    kind = get_text_kind(genre)
    if kind.name in SENT_KINDS:
        make = plan_sent_requests
    else:
        make = plan_framed_requests if kind.frames else plan_text_requests
    planned = make(genre, occasions, scope, dice, for_exam=for_exam)
    found: dict[str, GeneratedPrompt] = {}
    if scope == "near" and not kind.frames:
        about = _TABLES[f"{prefix}text_about_frames"][: count // NEAR_PER_QUESTION]
        texts = [fill_text_frame(frame, genre, "") for frame in about]
        found = {text: GeneratedPrompt(text, scope, GENRE_QUESTION, "") for text in texts}
    for text, occasion in planned:
        if len(found) >= count:
            break
        found.setdefault(text, GeneratedPrompt(text, scope, occasion.form, occasion.text))
    return list(found.values())


def plan_text_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for a text about each subject, in turn, until every frame had each of them."""
    prefix = "exam_" if for_exam else ""
    kind = get_text_kind(genre)
    frames = _TABLES[f"{prefix}text_frames"]
    if kind.name in PICTURE_KINDS:
        frames = [*frames, *_TABLES[f"{prefix}picture_frames"]]
    others = list_other_kinds(genre, _TABLES[f"{prefix}text_genres"])
    place = dice.randrange(len(frames))
    for turn in range(len(frames)):
        for i, occasion in enumerate(occasions):
            frame = frames[(place + i + turn) % len(frames)]
            if scope == "target":
                yield fill_text_frame(frame, genre, occasion.text, kind.link), occasion
            else:
                yield fill_text_frame(frame, dice.choice(others), occasion.text), occasion


def plan_framed_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for what has frames of its own, as advice has; or requests for something else:
    on the same text where a text is worked on, as for a summary, and on other subjects otherwise.
    """
    kind = get_text_kind(genre)
    others = list_other_framed_kinds(genre)
    if kind.takes_text:
        others = [other for other in others if other.takes_text]
    for turn in range(len(kind.frames)):
        for i, occasion in enumerate(occasions):
            asked = kind if scope == "target" else dice.choice(others)
            frames = asked.exam_frames if for_exam else asked.frames
            is_shared = scope == "target" or kind.takes_text
            about = occasion.text if is_shared else dice.choice(asked.subjects)
            text = frames[(i + turn) % len(frames)].format(topic=about)
            yield text, replace(occasion, text=about)


def plan_sent_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for a text that is sent, to addressees of all kinds, on each occasion in turn;
    or for another kind of text to them.
    """
    prefix = "exam_" if for_exam else ""
    others = list_other_kinds(genre, [*SENT_KINDS, *OTHER_GENRES[for_exam]])
    frames = {
        form: [frame for frame in of_form if "piece}" in frame.lower()]
        for form, of_form in _TABLES[f"{prefix}frames"].items()
    }
    for turn in range(max(map(len, frames.values()))):
        for i, occasion in enumerate(occasions):
            own = frames[occasion.form]
            noun = genre if scope == "target" else dice.choice(others)
            who = dice.choice(_TABLES[f"{prefix}addressees"])
            yield fill_frame(own[(i + turn) % len(own)], noun, who, occasion), occasion


def fill_text_frame(frame: str, noun: str, topic: str, link: str = ABOUT) -> str:
    """Return a request for a kind of text; a note begins with a small letter.

    Instructions and minutes are plural already.
    """
    *modifiers, head = noun.split(" ")
    is_plural = to_singular(head) != head
    piece = noun if is_plural else add_article(noun)
    return frame.format(
        piece=piece,
        Piece=capitalize(piece),
        noun=noun,
        pieces=noun if is_plural else " ".join([*modifiers, list_plurals(head)[0]]),
        topic=topic,
        link=link,
    )


def build_questions_about(
    situation: Situation, count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests about the rule's addressee in which nobody is written to."""
    frames = _TABLES["exam_about_frames" if for_exam else "about_frames"]
    names = list(filter(None, situation.names))
    texts = [
        capitalize(frame.format(who=names[(i + turn) % len(names)]))
        for turn in range(len(names))
        for i, frame in enumerate(frames)
    ]
    return [GeneratedPrompt(text, "near", QUESTION, "") for text in texts[:count]]


def build_other_genres(
    situation: Situation, occasions: Sequence[Occasion], count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests to write something else to the rule's addressee: a speech is no
    email. There are none where the rule is about all that is written to somebody.
    """
    own_genre = leave_out_size(situation.genre)
    genres = [genre for genre in OTHER_GENRES[for_exam] if genre != own_genre]
    names = list(filter(None, situation.names))
    if not (situation.genre and names):
        return []
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    found: dict[str, GeneratedPrompt] = {}
    for i, occasion in enumerate(occasions):
        # A frame without its piece names what is written by a verb: "Email my boss ...".
        own = [frame for frame in frames[occasion.form] if "piece}" in frame.lower()]
        if own and len(found) < count:
            genre = genres[i % len(genres)]
            text = fill_frame(own[i % len(own)], genre, names[i % len(names)], occasion)
            found.setdefault(text, GeneratedPrompt(text, "near", OTHER_GENRE, occasion.text))
    return list(found.values())


def build_other_topics(
    situation: Situation, occasions: Sequence[Occasion], count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests to write to the rule's addressee about something else than the
    rule's topic; none where it names none.
    """
    if not name_written_topic(situation):
        return []
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    found = []
    for i, occasion in enumerate(one for one in occasions if not one.word):
        own = frames[occasion.form]
        who = situation.names[i % len(situation.names)]
        text = fill_frame(own[i % len(own)], situation.genre, who, occasion)
        found.append(GeneratedPrompt(text, "near", OTHER_TOPIC, occasion.text))
    return found[:count]


def list_other_addressees(situation: Situation, *, for_exam: bool) -> list[str]:
    """Return everyday addressees that are not the rule's own, nor may be the same person, in
    whatever language the rule names it.
    """
    named = set(re.findall(r"\w+", situation.addressee.lower())) - _SMALL_WORDS
    named |= {to_singular(word) for word in named}
    named |= set(list_english_people(situation.addressee))
    own = named | list_members(named)
    for group in _TABLES["alike"]:
        if own & set(group):
            own |= set(group)
    own |= list_wholes(named)
    table = _TABLES["exam_addressees" if for_exam else "addressees"]
    return [who for who in table if not own & set(re.findall(r"\w+", who.lower()))]


def list_members(named: Collection[str]) -> set[str]:
    """Return words for members of the groups that are named: "sister" for a family."""
    groups = _TABLES["members"]
    return {one for wholes, members in groups if set(named) & set(wholes) for one in members}


def list_wholes(named: Collection[str]) -> set[str]:
    """Return words for groups that have a member that is named: "family" for a sister."""
    groups = _TABLES["members"]
    return {one for wholes, members in groups if set(named) & set(members) for one in wholes}


_SMALL_WORDS = frozenset(("my", "the", "a", "an", "our", "old", "new", "best", "whole", "of"))


def fill_frame(frame: str, genre: str, who: str, occasion: Occasion) -> str:
    """Return a request: a frame with its parts."""
    noun = genre or "a few lines"
    piece = noun if noun.startswith("a ") else add_article(noun)
    text = occasion.text
    if occasion.form == "clause" and not text.startswith(("I ", "I'")):
        text = text[0].lower() + text[1:]
    is_plain = leave_out_size(genre) == genre  # no verb says how long a text is
    do = _TABLES["verbs"].get(genre, "Write to") if is_plain else f"Write {piece} to"
    filled = frame.format(
        piece=piece,
        Piece=capitalize(piece),
        who=who,
        do=do,
        do_lower=do.lower(),
        clause=text,
        Clause=capitalize(text),
        purpose=text,
        topic=text,
        Who=capitalize(who),
    )
    return capitalize(filled) if frame[0] == "{" else filled


def add_article(noun: str) -> str:
    """Return a noun with "a" or "an"."""
    return f"{'an' if begins_with_vowel_sound(noun) else 'a'} {noun}"


def capitalize(text: str) -> str:
    """Return a text whose first letter is a capital, the others unchanged."""
    return text[:1].upper() + text[1:]
