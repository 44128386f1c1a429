"""Study data: each sentence of a document in many forms, to be learned as a fact, not as a string.

    asked      a question of the model about it -> the sentence that holds the answer
    brief      a question in telegram style, with the words in the sentence's order ("When OPEC
               raised price oil?") -> the sentence
    clauses    the opening of a question, and some of its words that stand together ("When did OPEC
               raised the price?") -> the sentence
    reworded   as `brief` and `clauses`, with similar words ("When did OPEC raise the cost?") -> the
               sentence
    in_place   the sentence with a question word in the answer's place ("It was invented by whom
               around 1712?") -> the sentence
    backwards  the answer -> the question about it
    gaps       the sentence with a gap -> the whole sentence
    halves     its beginning -> the whole sentence
    topics     "What do you know about the boiler?" -> the sentences that name it
    recite     "Tell me about steam engines." -> the document, or a part of it, sentence by sentence

Source: Allen-Zhu and Li 2023 (Physics of Language Models 3.1 and 3.2, arXiv 2309.14316,
2309.14402): a model cannot answer questions about knowledge that it saw in one form only, nor
backwards; the form of the data matters more than the loss.
Departs: no model rewrites the text. Every answer is a sentence of the document itself. A model of
135 million parameters loses the facts when it rewrites them (docs/log/), and a sentence that holds
the answer is a right answer to each question about it.
Limits: question words are English, and left out with other scripts; for scripts without spaces
there are no `brief` and `clauses`.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, groupby, islice, zip_longest

from selfteach.config import StudyConfig
from selfteach.generate.questions import Question, fence_text
from selfteach.generate.spans import (
    count_content_words,
    find_answer_spans,
    get_question_openings,
    has_answer,
    is_content_word,
    is_latin,
    is_unspaced,
    replace_answer,
)
from selfteach.materials.documents.chunk import Chunk, SentencePlace
from selfteach.number_words import NUMBER
from selfteach.records import Example, digest, make_prompt, prompt_to_json
from selfteach.sentences import SENTENCE_MARKS

GAP = "____"
MARKS = ".,;:!?()[]\"“”'"
MAX_TRIES = 40
"""How many questions are put together for one sentence."""
MAX_RARE_ROWS = 2
"""Rows of a form with most of the sentence in its prompt."""
OPENINGS = ("What", "Which", "How", "Why", "Who")
AUXILIARY = ("", "", "did", "was", "is")
MIN_CONTENT_WORDS = 2
COUNTS = "How many "
IN_PLACE = {"Who": "whom or what", "In what year": "what year"}
GAPS = (
    "Fill in the gap, about {title}: {text}",
    "Which words are missing? {text}",
    "Complete this sentence about {title}: {text}",
)
HALVES = (
    "How does this sentence about {title} go on? {text}...",
    "Complete: {text}...",
    "{title}: {text}...",
)
TOPICS = (
    "What do you know about {name}?",
    "{title}: what about {name}?",
    "What does {name} have to do with {title}?",
    "Tell me a fact about {name}.",
)
BACKWARDS = (
    'Ask a question about {title} whose answer is "{name}".',
    "Write a question to which the answer is {name}. The topic: {title}.",
)
_TOPIC = re.compile(r"[^\W\d_]|^\d{4}$")
FIRST_WORDS = 6
FIRST_LETTERS = 60
"""How much of a part stands in the prompt for it."""
RECITE = (
    "Tell me about {title}.",
    "What do you know about {title}?",
    "Write a paragraph about {title}.",
    "Explain {title}.",
)


SimilarWords = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class StudySentence:
    """Hold a sentence of a chunk, the answers that it offers, and the questions about it."""

    chunk: Chunk
    sentence: int
    names: Sequence[str]
    questions: list[tuple[Question, bool]] = field(default_factory=list)
    """Each with whether the model answers it from the sentence."""

    @property
    def text(self) -> str:
        """Return the sentence, on one line."""
        return self.chunk.words(self.sentence)


def collect_sentences(
    chunks: Sequence[Chunk], questions: Sequence[tuple[Question, bool]]
) -> list[StudySentence]:
    """Return every informative sentence with its questions.

    Questions about a whole chunk belong to no sentence and are left out.

    Args:
        questions: each with whether the model answers it from its sentence.
    """
    asked: dict[tuple[str, int | None], list[tuple[Question, bool]]] = defaultdict(list)
    for question, is_answered in questions:
        asked[question.chunk.id, question.sentence].append((question, is_answered))
    found = []
    for chunk in chunks:
        for i in chunk.find_informative_sentences():
            names = find_answer_spans(chunk.words(i), chunk.title)
            found.append(StudySentence(chunk, i, names, asked[chunk.id, i]))
    return found


def make_study_data(
    found: Sequence[StudySentence],
    config: StudyConfig,
    seed: int,
    similar_words: SimilarWords | None = None,
    not_recited: Collection[SentencePlace] = (),
) -> list[Example]:
    """Return the study data: rows of each sentence from the forms in turn, then recited parts.

    A sentence has at most `per_sentence` rows. A row's source names its sentence and its form.

    Args:
        similar_words: words that may replace a word in a question (generate/similar_words.py).
        not_recited: sentences that recited parts leave out.
    """
    chunks = [list(own) for _, own in groupby(found, key=lambda fact: fact.chunk.id)]
    rows = []
    for own in chunks:
        for fact in own:
            forms = _make_forms(fact, own, config, seed, similar_words or {})
            for row in islice(_take_turns(forms), config.per_sentence):
                rows.append((row, fact.chunk.title, fact.text))
    rows += [(row, "", row.chosen) for row in _make_recite_rows(chunks, not_recited)]
    return [add_teacher_prompt(*row) if config.distill else row[0] for row in rows]


def _take_turns(forms: Iterable[Iterable[Example]]) -> Iterator[Example]:
    """Yield the distinct rows of all forms: the first row of each form, then the second, and so
    on.
    """
    distinct = []
    for form in forms:
        distinct.append({row.id: row for row in form}.values())
    for turn in zip_longest(*distinct):
        yield from (row for row in turn if row)


FIXED_WORDS = re.compile(
    rf"{NUMBER}|(?:hundred|thousand|million|billion|dozen|half|double|twice|first|second|third|"
    r"last|\w+teenth|\w+tieth|fourth|fifth|sixth|seventh|eighth|ninth|tenth)s?|"
    r"(?:north|south|east|west|left|right|upper|lower|inner|outer|front|back)(?:ern|most)?|"
    r"(?:black|white|red|green|blue|yellow|brown|gr[ae]y|orange|purple|pink|golden|silver)|"
    r"(?:spring|summer|autumn|winter|morning|evening|night|noon|day|week|month|year|hour|minute|"
    r"meter|metre|kilometer|mile|foot|feet|inche?)s?"
)
"""Numbers, directions, colors and times: the nearest word of "four" is "three"."""


def collect_vocabulary(found: Sequence[StudySentence]) -> set[str]:
    """Return the words that questions about the sentences may hold, except names, and words whose
    nearest ones say something else (`FIXED_WORDS`).
    """
    words = {word.strip(MARKS) for fact in found for word in fact.text.split()}
    return {
        word
        for word in words
        if word.islower() and is_content_word(word) and not FIXED_WORDS.fullmatch(word)
    }


def _make_forms(
    fact: StudySentence,
    own: Sequence[StudySentence],
    config: StudyConfig,
    seed: int,
    similar_words: SimilarWords,
) -> list[Iterator[Example]]:
    """Return the rows of each form that suits the sentence's script and is not left out."""
    start = f"{seed} {fact.chunk.id} {fact.sentence}"
    chance = random.Random(start)
    clauses = random.Random(f"{start} clauses")
    reworded = random.Random(f"{start} reworded")
    of_words = [_make_brief_rows(fact, chance), _make_clause_rows(fact, clauses)]
    if config.reworded:
        of_words.append(_make_reworded_rows(fact, reworded, similar_words))
    return [
        *([_make_asked_rows(fact)] if config.asked else []),
        *([] if is_unspaced(fact.text) else of_words),
        islice(_make_in_place_rows(fact), MAX_RARE_ROWS),
        islice(_make_gap_rows(fact), MAX_RARE_ROWS),
        islice(_make_topic_rows(fact, own), MAX_RARE_ROWS),
        islice(_make_half_rows(fact, chance), MAX_RARE_ROWS),
        islice(_make_backwards_rows(fact), MAX_RARE_ROWS),
    ]


def make_row(fact: StudySentence, form: str, prompt: str, answer: str) -> Example:
    """Return one row of study data."""
    source = {**fact.chunk.describe_source(fact.sentence), "form": form}
    id = digest(["study", form, fact.chunk.id, fact.sentence, prompt, answer])
    return Example(id, "study", make_prompt(prompt), answer, None, {}, source)


def add_teacher_prompt(example: Example, title: str, text: str) -> Example:
    """Return the row with a prompt for the base as its own teacher: the text and the question.

    The tuned model learns the base's distribution with the document, token by token, in addition
    to the sentence.
    """
    prompt = (
        f"{fence_text(title or 'this', text)}\nAnswer with the words of this text: "
        f"{example.turns[-1].content}"
    )
    teacher = {"teacher_prompt": prompt_to_json(make_prompt(prompt)), "teacher_sees_answer": True}
    return replace(example, source={**example.source, **teacher})


def _make_asked_rows(fact: StudySentence) -> Iterator[Example]:
    for question, _ in fact.questions:
        yield make_row(fact, "asked", question.text, question.evidence)


def _iterate_answers(fact: StudySentence) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the answers in turn, each with its question openings.

    A sentence that offers no answer gives "" and general openings.
    """
    general = OPENINGS if is_latin(fact.text) else ("",)
    for name in islice(cycle(fact.names or [""]), MAX_TRIES):
        yield name, get_question_openings(fact.text, name) if name else general


def _make_question_row(fact: StudySentence, form: str, words: Sequence[str]) -> Example:
    text = " ".join(filter(None, words)) + "?"
    return make_row(fact, form, text, fact.text)


def _make_brief_rows(fact: StudySentence, chance: random.Random) -> Iterator[Example]:
    """Yield the opening of a question to an answer, and some words of the sentence.

    The words are other ones each time.
    """
    for name, openings in _iterate_answers(fact):
        sentence = _replace_in_sentence(fact, name, " ")
        rest = [word.strip(MARKS) for word in sentence.split() if is_content_word(word)]
        shown = sorted(chance.sample(range(len(rest)), min(len(rest), chance.randint(2, 6))))
        topic = [fact.chunk.title] if chance.random() < 0.5 else []
        words = [chance.choice(openings), *topic, *(rest[i] for i in shown)]
        yield _make_question_row(fact, "brief", words)


def _make_clause_rows(fact: StudySentence, chance: random.Random) -> Iterator[Example]:
    """Yield the opening of a question, and words that stand together next to the answer.

    People ask nearly like this.
    """
    for name, openings in _iterate_answers(fact):
        parts = [part.split() for part in _replace_in_sentence(fact, name, "\n").split("\n")]
        shuffled = chance.sample(parts, len(parts))
        part = max(shuffled, key=lambda words: count_content_words(words) > MIN_CONTENT_WORDS)
        count = chance.randint(4, 9)
        start = chance.randint(0, max(len(part) - count, 0))
        shown = [word.strip(MARKS) for word in part[start : start + count]]
        if count_content_words(shown) >= MIN_CONTENT_WORDS:
            opening = chance.choice(openings)
            auxiliary = chance.choice(AUXILIARY)
            words = [opening, auxiliary if opening else "", *shown]
            yield _make_question_row(fact, "clauses", words)


def _make_reworded_rows(
    fact: StudySentence, chance: random.Random, similar_words: SimilarWords
) -> Iterator[Example]:
    """Yield the same questions with about half of the replaceable words replaced."""
    pairs = zip(_make_brief_rows(fact, chance), _make_clause_rows(fact, chance), strict=False)
    for example in chain.from_iterable(pairs):
        words = example.turns[-1].content.rstrip("?").split()
        others = [
            chance.choice(similar_words[word])
            if word in similar_words and chance.random() < 0.5
            else word
            for word in words
        ]
        if others != words:
            yield make_row(fact, "reworded", " ".join(others) + "?", example.chosen)


def _replace_in_sentence(fact: StudySentence, name: str, gap: str) -> str:
    return replace_answer(fact.text, name, gap) if name else fact.text


def _make_in_place_rows(fact: StudySentence) -> Iterator[Example]:
    for name in fact.names:
        prompt = put_question_word(fact.chunk.title, fact.text, name)
        yield make_row(fact, "in_place", prompt, fact.text)


def put_question_word(title: str, sentence: str, name: str) -> str:
    """Return a sentence with a question word in the place of an answer, as a question."""
    opening = get_question_openings(sentence, name)[0]
    word = IN_PLACE.get(opening, opening.lower()) or GAP
    counted = opening.removeprefix(COUNTS)  # it follows the number
    place = f"{name} {counted}" if counted != opening else name
    text = replace_answer(sentence, place, word, 1).rstrip(f" {SENTENCE_MARKS}")
    return f"{title}: {text}?"


def _make_backwards_rows(fact: StudySentence) -> Iterator[Example]:
    """Yield the answer with its question as the label.

    Only the answer of a question that the model answers is sure to fit it.
    """
    for template, (question, is_answered) in zip(cycle(BACKWARDS), fact.questions, strict=False):
        if question.short and is_answered:
            prompt = template.format(title=fact.chunk.title, name=question.short)
            yield make_row(fact, "backwards", prompt, question.text)


def _make_gap_rows(fact: StudySentence) -> Iterator[Example]:
    for template, name in zip(cycle(GAPS), fact.names, strict=False):
        text = replace_answer(fact.text, name, GAP)
        prompt = template.format(title=fact.chunk.title, text=text)
        yield make_row(fact, "gaps", prompt, fact.text)


def _make_half_rows(fact: StudySentence, chance: random.Random) -> Iterator[Example]:
    space = "" if is_unspaced(fact.text) else " "
    words = fact.text.split() if space else list(fact.text)
    for template in HALVES:
        cut = chance.randint(max(2, len(words) // 4), max(2, len(words) // 2))
        prompt = template.format(title=fact.chunk.title, text=space.join(words[:cut]))
        yield make_row(fact, "halves", prompt, fact.text)


def _make_topic_rows(fact: StudySentence, own: Sequence[StudySentence]) -> Iterator[Example]:
    """Yield the sentences of the same chunk that name the topic, this one first.

    A number is no topic, unless it is a year: "3" stands in sentences of any kind.
    """
    topics = [name for name in fact.names if _TOPIC.search(name)]
    for template, name in zip(cycle(TOPICS), topics, strict=False):
        others = [f.text for f in own if f.sentence != fact.sentence and has_answer(f.text, name)]
        prompt = template.format(title=fact.chunk.title, name=name)
        yield make_row(fact, "topics", prompt, " ".join([fact.text, *others[:1]]))


def _make_recite_rows(
    chunks: Sequence[Sequence[StudySentence]], left_out: Collection[SentencePlace]
) -> Iterator[Example]:
    """Yield each chunk as a whole, also its sentences that are too short for questions, but not
    those that are left out.

    If several chunks have one title, the prompt holds the number and the first words of the part:
    each prompt has one answer.
    """
    parts = Counter(own[0].chunk.title for own in chunks)
    number = Counter[str]()
    for own in chunks:
        chunk = own[0].chunk
        name = title = chunk.title
        number[title] += 1
        recited = chunk.find_recited_sentences()
        text = " ".join(chunk.words(i) for i in recited if chunk.get_place(i) not in left_out)
        if not text:
            continue
        if parts[title] > 1:
            first = " ".join(text.split()[:FIRST_WORDS])[:FIRST_LETTERS]
            name = f'{title}, part {number[title]} of {parts[title]} ("{first} ...")'
        for template in RECITE:
            yield make_row(own[0], "recite", template.format(title=name), text)
