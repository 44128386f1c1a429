"""Study data: each sentence of a document in many forms, so that it is learned as a fact and not as
one string.

    asked      a question that the model asked about it -> the sentence that holds the answer (or a
    statement, or the bare words) brief      a question in telegram style, its words in the
    sentence's order ("When OPEC raised price oil?") -> the sentence clauses    how a question
    begins, and some of its words that stand together ("When did OPEC raised the price?") -> the
    sentence reworded   as `brief` and `clauses`, with words that the model treats alike ("When did
    OPEC raise the cost?") -> the sentence in_place   the sentence with a question word where the
    answer stands ("It was invented by whom around 1712?") -> the sentence backwards  the answer ->
    the question about it gaps       the sentence with a gap -> the whole sentence
    halves     its beginning -> the whole sentence
    topics     "What do you know about the boiler?" -> the sentences that name it
    recite     "Tell me about steam engines." -> the document, or a part of it, sentence after
    sentence

Source: Allen-Zhu and Li 2023 (Physics of Language Models 3.1 and 3.2, arXiv 2309.14316,
2309.14402): knowledge that was seen in one form cannot be asked for, and not backwards; the form of
the data matters more than the loss.
Departs: no rewriting by a model. Every answer is a sentence of the document itself: a model of 135
million parameters loses the facts when it writes them anew (docs/log/), and a sentence that holds
the answer is a right answer to each question about it.
Limits: question words are English, and left out beside other scripts; of scripts without spaces
there are no `brief` and `clauses`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, groupby, islice

from selfteach.config import StudyConfig
from selfteach.generate.questions import Question, fence_text
from selfteach.generate.spans import (
    find_answer_spans,
    get_question_openings,
    is_content_word,
    is_latin,
    is_unspaced,
    replace_answer,
)
from selfteach.materials.documents.chunk import Chunk
from selfteach.records import Example, digest, make_prompt, prompt_to_json

GAP = "____"
MARKS = ".,;:!?()[]\"“”'"
MAX_TRIES, MAX_RARE_ROWS = 40, 2
"""How often a question is put together for a sentence, and how many rows of a form there are whose
prompt holds most of the sentence.
"""
OPENINGS = ("What", "Which", "How", "Why", "Who")
AUXILIARY = ("", "", "did", "was", "is")
MIN_CONTENT_WORDS = 2
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
FIRST_WORDS, FIRST_LETTERS = 6, 60
"""How much of a part is told in the prompt that asks for it."""
RECITE = (
    "Tell me about {title}.",
    "What do you know about {title}?",
    "Write a paragraph about {title}.",
    "Explain {title}.",
)


SimilarWords = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class StudySentence:
    """A sentence of a chunk, the answers that it offers, and the questions that were asked about
    it.
    """

    chunk: Chunk
    sentence: int
    names: Sequence[str]
    questions: list[tuple[Question, str]] = field(default_factory=list)
    """(question, statement of its answer)."""

    @property
    def text(self) -> str:
        """The sentence, on one line."""
        return self.chunk.words(self.sentence)


def collect_sentences(
    chunks: Sequence[Chunk], questions: Sequence[tuple[Question, str]]
) -> list[StudySentence]:
    """Every sentence that says something, with its questions. Questions about a whole chunk belong
    to no sentence and are left out.

    Args:
        questions: (question, statement of its answer, "" where there is none).
    """
    asked: dict[tuple[str, int | None], list[tuple[Question, str]]] = {}
    for question, statement in questions:
        asked.setdefault((question.chunk.id, question.sentence), []).append((question, statement))
    return [
        StudySentence(
            chunk, i, find_answer_spans(chunk.words(i), chunk.title), asked.get((chunk.id, i), [])
        )
        for chunk in chunks
        for i in chunk.find_informative_sentences()
    ]


def make_study_data(
    found: Sequence[StudySentence],
    config: StudyConfig,
    seed: int,
    similar_words: SimilarWords | None = None,
) -> list[Example]:
    """The study data: at most `per_sentence` rows a sentence, taken from the forms in turn; then
    what is recited.

    A row's source says which sentence it is from, and its form.

    Args:
        alike: words that may stand for a word in a question (models/meaning.py).
    """
    rows, chunks = [], [list(own) for _, own in groupby(found, key=lambda fact: fact.chunk.id)]
    for own in chunks:
        for fact in own:
            forms = [
                list({e.id: e for e in rows_of}.values())
                for switched, rows_of in _make_forms(fact, own, config, seed, similar_words or {})
                if switched
            ]
            turns = [
                form[n]
                for n in range(max(map(len, forms), default=0))
                for form in forms
                if n < len(form)
            ][: config.per_sentence]
            rows += [
                add_teacher_prompt(example, fact.chunk.title, fact.text)
                if config.distill
                else example
                for example in turns
            ]
    told = list(_make_recite_rows(chunks)) if config.recite else []
    return [
        *rows,
        *(
            add_teacher_prompt(example, "", example.chosen) if config.distill else example
            for example in told
        ),
    ]


def collect_vocabulary(found: Sequence[StudySentence]) -> set[str]:
    """The words that questions about the sentences may hold, but for names."""
    return {
        word
        for fact in found
        for w in fact.text.split()
        if is_content_word(word := w.strip(MARKS)) and word.islower()
    }


def _make_forms(
    fact: StudySentence,
    own: Sequence[StudySentence],
    config: StudyConfig,
    seed: int,
    similar_words: SimilarWords,
) -> list[tuple[bool, Iterator[Example]]]:
    dice, other = (
        random.Random(f"{seed} {fact.chunk.id} {fact.sentence}{form}") for form in ("", " reworded")
    )
    spaced = not is_unspaced(fact.text)
    return [
        (config.asked, _make_asked_rows(fact, config.label)),
        (config.brief and spaced, _make_brief_rows(fact, dice, config.label)),
        (
            config.clauses and spaced,
            _make_clause_rows(
                fact, random.Random(f"{seed} {fact.chunk.id} {fact.sentence} clauses"), config.label
            ),
        ),
        (config.reworded and spaced, _make_reworded_rows(fact, other, config.label, similar_words)),
        (config.in_place, islice(_make_in_place_rows(fact, config.label), MAX_RARE_ROWS)),
        (config.gaps, islice(_make_gap_rows(fact), MAX_RARE_ROWS)),
        (config.topics, islice(_make_topic_rows(fact, own), MAX_RARE_ROWS)),
        (config.halves, islice(_make_half_rows(fact, dice), MAX_RARE_ROWS)),
        (config.backwards, islice(_make_backwards_rows(fact), MAX_RARE_ROWS)),
    ]


def make_row(fact: StudySentence, form: str, prompt: str, answer: str) -> Example:
    """One row of study data."""
    source = {**fact.chunk.describe_source(fact.sentence), "form": form}
    return Example(
        digest(["study", form, fact.chunk.id, fact.sentence, prompt, answer]),
        "study",
        make_prompt(prompt),
        answer,
        None,
        {},
        source,
    )


def add_teacher_prompt(example: Example, title: str, text: str) -> Example:
    """The row with the prompt in which the base, as its own teacher, has the text before it: what
    it would say with the document at hand, token by token, is learned beside the sentence
    itself."""
    asked = (
        f"{fence_text(title or 'this', text)}\nAnswer with the words of this text: "
        f"{example.turns[-1].content}"
    )
    return replace(
        example,
        source={
            **example.source,
            "teacher_prompt": prompt_to_json(make_prompt(asked)),
            "teacher_sees_answer": True,
        },
    )


def choose_answer(question: Question, statement: str, label: str) -> str:
    """What a question is answered with: the sentence, a statement where there is one that keeps the
    answer, or the bare words.
    """
    if label == "words" and question.short:
        return question.short
    return statement if label == "statement" and statement else question.evidence


def _make_asked_rows(fact: StudySentence, label: str) -> Iterator[Example]:
    for question, statement in fact.questions:
        yield make_row(fact, "asked", question.text, choose_answer(question, statement, label))


def _iterate_answers(fact: StudySentence) -> Iterator[tuple[str, Sequence[str]]]:
    """The answers in turn, each with how a question to it begins; a sentence that offers none is
    asked for as a whole.
    """
    for name in islice(cycle(fact.names or [""]), MAX_TRIES):
        yield (
            name,
            get_question_openings(fact.text, name)
            if name
            else OPENINGS
            if is_latin(fact.text)
            else ("",),
        )


def _make_brief_rows(fact: StudySentence, dice: random.Random, label: str) -> Iterator[Example]:
    """How the question to an answer begins, and some of the words that a question about it would
    hold; each time others.
    """
    for name, ways in _iterate_answers(fact):
        rest = [
            w.strip(MARKS)
            for w in _replace_in_sentence(fact, name, " ").split()
            if is_content_word(w)
        ]
        told = sorted(dice.sample(range(len(rest)), min(len(rest), dice.randint(2, 6))))
        topic = [fact.chunk.title] if dice.random() < 0.5 else []
        said = [dice.choice(ways), *topic, *(rest[i] for i in told)]
        yield make_row(
            fact,
            "brief",
            " ".join(word for word in said if word) + "?",
            choose_label(fact, name, label),
        )


def _make_clause_rows(fact: StudySentence, dice: random.Random, label: str) -> Iterator[Example]:
    """How the question to an answer begins, and some words that stand together beside the answer:
    nearly how people ask.
    """
    for name, ways in _iterate_answers(fact):
        parts = [part.split() for part in _replace_in_sentence(fact, name, "\n").split("\n")]
        told = max(
            dice.sample(parts, len(parts)),
            key=lambda words: sum(map(is_content_word, words)) > MIN_CONTENT_WORDS,
        )
        count = dice.randint(4, 9)
        start = dice.randint(0, max(len(told) - count, 0))
        said = [word.strip(MARKS) for word in told[start : start + count]]
        if sum(map(is_content_word, said)) >= MIN_CONTENT_WORDS:
            way, auxiliary = dice.choice(ways), dice.choice(AUXILIARY)
            asked = [way, auxiliary if way else "", *said]
            yield make_row(
                fact,
                "clauses",
                " ".join(word for word in asked if word) + "?",
                choose_label(fact, name, label),
            )


def _make_reworded_rows(
    fact: StudySentence, dice: random.Random, label: str, similar_words: SimilarWords
) -> Iterator[Example]:
    """The same questions, each with about half of the words that have a like one replaced."""
    for example in chain.from_iterable(
        zip(_make_brief_rows(fact, dice, label), _make_clause_rows(fact, dice, label), strict=False)
    ):
        words = example.turns[-1].content.rstrip("?").split()
        others = [
            dice.choice(similar_words[word])
            if word in similar_words and dice.random() < 0.5
            else word
            for word in words
        ]
        if others != words:
            yield make_row(fact, "reworded", " ".join(others) + "?", example.chosen)


def _replace_in_sentence(fact: StudySentence, name: str, gap: str) -> str:
    return replace_answer(fact.text, name, gap) if name else fact.text


def _make_in_place_rows(fact: StudySentence, label: str) -> Iterator[Example]:
    for name in fact.names:
        way = get_question_openings(fact.text, name)[0]
        text = replace_answer(fact.text, name, IN_PLACE.get(way, way.lower()) or GAP, 1).rstrip(
            " .!"
        )
        yield make_row(
            fact, "in_place", f"{fact.chunk.title}: {text}?", choose_label(fact, name, label)
        )


def choose_label(fact: StudySentence, name: str, label: str) -> str:
    """The answer where no statement was written: the words alone, or the sentence."""
    return name if label == "words" and name else fact.text


def _make_backwards_rows(fact: StudySentence) -> Iterator[Example]:
    """Only of questions whose answer has come back, which have a statement: else the answer belongs
    to another question.
    """
    for n, (question, statement) in enumerate(fact.questions):
        if question.short and statement:
            asked = BACKWARDS[n % len(BACKWARDS)].format(
                title=fact.chunk.title, name=question.short
            )
            yield make_row(fact, "backwards", asked, question.text)


def _make_gap_rows(fact: StudySentence) -> Iterator[Example]:
    for n, name in enumerate(fact.names):
        text = replace_answer(fact.text, name, GAP)
        yield make_row(
            fact, "gaps", GAPS[n % len(GAPS)].format(title=fact.chunk.title, text=text), fact.text
        )


def _make_half_rows(fact: StudySentence, dice: random.Random) -> Iterator[Example]:
    words, space = (list(fact.text), "") if is_unspaced(fact.text) else (fact.text.split(), " ")
    for form in HALVES:
        cut = dice.randint(max(2, len(words) // 4), max(2, len(words) // 2))
        yield make_row(
            fact,
            "halves",
            form.format(title=fact.chunk.title, text=space.join(words[:cut])),
            fact.text,
        )


def _make_topic_rows(fact: StudySentence, own: Sequence[StudySentence]) -> Iterator[Example]:
    """The sentences of the same chunk that name it, this one first."""
    for n, name in enumerate(fact.names):
        others = [f.text for f in own if f.sentence != fact.sentence and name in f.text]
        asked = TOPICS[n % len(TOPICS)].format(title=fact.chunk.title, name=name)
        yield make_row(fact, "topics", asked, " ".join([fact.text, *others[:1]]))


def _make_recite_rows(chunks: Sequence[Sequence[StudySentence]]) -> Iterator[Example]:
    """Each chunk, whole. Where several have one title, each is asked for by its number and its
    first words: one prompt, one answer.
    """
    parts, number = Counter(own[0].chunk.title for own in chunks), Counter[str]()
    for own in chunks:
        title = own[0].chunk.title
        number[title] += 1
        name = (
            title
            if parts[title] == 1
            else (
                f'{title}, part {number[title]} of {parts[title]} ("{_take_first_words(own[0].text)} ...")'
            )
        )
        for form in RECITE:
            yield make_row(own[0], "recite", form.format(title=name), " ".join(f.text for f in own))


def _take_first_words(text: str) -> str:
    return " ".join(text.split()[:FIRST_WORDS])[:FIRST_LETTERS]
