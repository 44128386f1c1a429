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
million parameters loses the facts when it writes them anew (docs/log.md), and a sentence that holds
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

from selfteach.config import Study
from selfteach.generate.question import Question, fenced
from selfteach.generate.spans import content, latin, openings, replaced, spans, unspaced
from selfteach.materials.documents.chunk import Chunk
from selfteach.records import Example, digest, prompt_json, user

GAP = "____"
MARKS = ".,;:!?()[]\"“”'"
TRIES, SELDOM = 40, 2
"""How often a question is put together for a sentence, and how many rows of a form there are whose
prompt holds most of the sentence.
"""
OPENINGS = ("What", "Which", "How", "Why", "Who")
AUXILIARY = ("", "", "did", "was", "is")
LEAST_TOLD = 2
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


Alike = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Fact:
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


def facts(chunks: Sequence[Chunk], questions: Sequence[tuple[Question, str]]) -> list[Fact]:
    """Every sentence that says something, with its questions. Questions about a whole chunk belong
    to no sentence and are left out.

    Args:
        questions: (question, statement of its answer, "" where there is none).
    """
    asked: dict[tuple[str, int | None], list[tuple[Question, str]]] = {}
    for question, statement in questions:
        asked.setdefault((question.chunk.id, question.sentence), []).append((question, statement))
    return [
        Fact(chunk, i, spans(chunk.words(i), chunk.title), asked.get((chunk.id, i), []))
        for chunk in chunks
        for i in chunk.telling()
    ]


def study(
    found: Sequence[Fact], config: Study, seed: int, alike: Alike | None = None
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
                for switched, rows_of in _forms(fact, own, config, seed, alike or {})
                if switched
            ]
            turns = [
                form[n]
                for n in range(max(map(len, forms), default=0))
                for form in forms
                if n < len(form)
            ][: config.per_sentence]
            rows += [
                beside(example, fact.chunk.title, fact.text) if config.distill else example
                for example in turns
            ]
    told = list(_recited(chunks)) if config.recite else []
    return [
        *rows,
        *(beside(example, "", example.chosen) if config.distill else example for example in told),
    ]


def vocabulary(found: Sequence[Fact]) -> set[str]:
    """The words that questions about the sentences may hold, but for names."""
    return {
        word
        for fact in found
        for w in fact.text.split()
        if content(word := w.strip(MARKS)) and word.islower()
    }


def _forms(
    fact: Fact, own: Sequence[Fact], config: Study, seed: int, alike: Alike
) -> list[tuple[bool, Iterator[Example]]]:
    dice, other = (
        random.Random(f"{seed} {fact.chunk.id} {fact.sentence}{form}") for form in ("", " reworded")
    )
    spaced = not unspaced(fact.text)
    return [
        (config.asked, _asked(fact, config.label)),
        (config.brief and spaced, _brief(fact, dice, config.label)),
        (
            config.clauses and spaced,
            _clauses(
                fact, random.Random(f"{seed} {fact.chunk.id} {fact.sentence} clauses"), config.label
            ),
        ),
        (config.reworded and spaced, _reworded(fact, other, config.label, alike)),
        (config.in_place, islice(_in_place(fact, config.label), SELDOM)),
        (config.gaps, islice(_gaps(fact), SELDOM)),
        (config.topics, islice(_topics(fact, own), SELDOM)),
        (config.halves, islice(_halves(fact, dice), SELDOM)),
        (config.backwards, islice(_backwards(fact), SELDOM)),
    ]


def row(fact: Fact, form: str, prompt: str, answer: str) -> Example:
    """One row of study data."""
    source = {**fact.chunk.place(fact.sentence), "form": form}
    return Example(
        digest(["study", form, fact.chunk.id, fact.sentence, prompt, answer]),
        "study",
        user(prompt),
        answer,
        None,
        {},
        source,
    )


def beside(example: Example, title: str, text: str) -> Example:
    """The row with the prompt in which the base, as its own teacher, has the text before it: what
    it would say with the document at hand, token by token, is learned beside the sentence
    itself."""
    asked = (
        f"{fenced(title or 'this', text)}\nAnswer with the words of this text: "
        f"{example.turns[-1].content}"
    )
    return replace(
        example,
        source={
            **example.source,
            "teacher_prompt": prompt_json(user(asked)),
            "teacher_sees_answer": True,
        },
    )


def answer_to(question: Question, statement: str, label: str) -> str:
    """What a question is answered with: the sentence, a statement where there is one that keeps the
    answer, or the bare words.
    """
    if label == "words" and question.short:
        return question.short
    return statement if label == "statement" and statement else question.evidence


def _asked(fact: Fact, label: str) -> Iterator[Example]:
    for question, statement in fact.questions:
        yield row(fact, "asked", question.text, answer_to(question, statement, label))


def _asked_for(fact: Fact) -> Iterator[tuple[str, Sequence[str]]]:
    """The answers in turn, each with how a question to it begins; a sentence that offers none is
    asked for as a whole.
    """
    for name in islice(cycle(fact.names or [""]), TRIES):
        yield name, openings(fact.text, name) if name else OPENINGS if latin(fact.text) else ("",)


def _brief(fact: Fact, dice: random.Random, label: str) -> Iterator[Example]:
    """How the question to an answer begins, and some of the words that a question about it would
    hold; each time others.
    """
    for name, ways in _asked_for(fact):
        rest = [w.strip(MARKS) for w in _beside(fact, name, " ").split() if content(w)]
        told = sorted(dice.sample(range(len(rest)), min(len(rest), dice.randint(2, 6))))
        topic = [fact.chunk.title] if dice.random() < 0.5 else []
        said = [dice.choice(ways), *topic, *(rest[i] for i in told)]
        yield row(
            fact,
            "brief",
            " ".join(word for word in said if word) + "?",
            labelled(fact, name, label),
        )


def _clauses(fact: Fact, dice: random.Random, label: str) -> Iterator[Example]:
    """How the question to an answer begins, and some words that stand together beside the answer:
    nearly how people ask.
    """
    for name, ways in _asked_for(fact):
        parts = [part.split() for part in _beside(fact, name, "\n").split("\n")]
        told = max(
            dice.sample(parts, len(parts)), key=lambda words: sum(map(content, words)) > LEAST_TOLD
        )
        count = dice.randint(4, 9)
        start = dice.randint(0, max(len(told) - count, 0))
        said = [word.strip(MARKS) for word in told[start : start + count]]
        if sum(map(content, said)) >= LEAST_TOLD:
            way, auxiliary = dice.choice(ways), dice.choice(AUXILIARY)
            asked = [way, auxiliary if way else "", *said]
            yield row(
                fact,
                "clauses",
                " ".join(word for word in asked if word) + "?",
                labelled(fact, name, label),
            )


def _reworded(fact: Fact, dice: random.Random, label: str, alike: Alike) -> Iterator[Example]:
    """The same questions, each with about half of the words that have a like one replaced."""
    for example in chain.from_iterable(
        zip(_brief(fact, dice, label), _clauses(fact, dice, label), strict=False)
    ):
        words = example.turns[-1].content.rstrip("?").split()
        others = [
            dice.choice(alike[word]) if word in alike and dice.random() < 0.5 else word
            for word in words
        ]
        if others != words:
            yield row(fact, "reworded", " ".join(others) + "?", example.chosen)


def _beside(fact: Fact, name: str, gap: str) -> str:
    return replaced(fact.text, name, gap) if name else fact.text


def _in_place(fact: Fact, label: str) -> Iterator[Example]:
    for name in fact.names:
        way = openings(fact.text, name)[0]
        text = replaced(fact.text, name, IN_PLACE.get(way, way.lower()) or GAP, 1).rstrip(" .!")
        yield row(fact, "in_place", f"{fact.chunk.title}: {text}?", labelled(fact, name, label))


def labelled(fact: Fact, name: str, label: str) -> str:
    """The answer where no statement was written: the words alone, or the sentence."""
    return name if label == "words" and name else fact.text


def _backwards(fact: Fact) -> Iterator[Example]:
    """Only of questions whose answer has come back, which have a statement: else the answer belongs
    to another question.
    """
    for n, (question, statement) in enumerate(fact.questions):
        if question.short and statement:
            asked = BACKWARDS[n % len(BACKWARDS)].format(
                title=fact.chunk.title, name=question.short
            )
            yield row(fact, "backwards", asked, question.text)


def _gaps(fact: Fact) -> Iterator[Example]:
    for n, name in enumerate(fact.names):
        text = replaced(fact.text, name, GAP)
        yield row(
            fact, "gaps", GAPS[n % len(GAPS)].format(title=fact.chunk.title, text=text), fact.text
        )


def _halves(fact: Fact, dice: random.Random) -> Iterator[Example]:
    words, space = (list(fact.text), "") if unspaced(fact.text) else (fact.text.split(), " ")
    for form in HALVES:
        cut = dice.randint(max(2, len(words) // 4), max(2, len(words) // 2))
        yield row(
            fact,
            "halves",
            form.format(title=fact.chunk.title, text=space.join(words[:cut])),
            fact.text,
        )


def _topics(fact: Fact, own: Sequence[Fact]) -> Iterator[Example]:
    """The sentences of the same chunk that name it, this one first."""
    for n, name in enumerate(fact.names):
        others = [f.text for f in own if f.sentence != fact.sentence and name in f.text]
        asked = TOPICS[n % len(TOPICS)].format(title=fact.chunk.title, name=name)
        yield row(fact, "topics", asked, " ".join([fact.text, *others[:1]]))


def _recited(chunks: Sequence[Sequence[Fact]]) -> Iterator[Example]:
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
                f'{title}, part {number[title]} of {parts[title]} ("{_beginning(own[0].text)} ...")'
            )
        )
        for form in RECITE:
            yield row(own[0], "recite", form.format(title=name), " ".join(f.text for f in own))


def _beginning(text: str) -> str:
    return " ".join(text.split()[:FIRST_WORDS])[:FIRST_LETTERS]
