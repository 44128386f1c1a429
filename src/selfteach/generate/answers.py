"""Answers to a question about a document: the best one with the document, draws with it, and draws
without it.

    y*   greedy with the document, and with the answer's words where they are known: the label
    Y_c  K draws with it: is the label consistent?
    Y_r  K draws without it: does the model know it anyway?

Source: Self-Learning-llm (arXiv 2406.11275), the step of answers with and without the document,
with K = 10, temperature 1, top-p .9.
Departs: 1. "the document" is the sentence that the question was asked about, with its topic, where
that is known: a small model reads one sentence well and a passage badly; a person's question, and a
chat model that follows instructions, get the whole passage. 2. All three are few-shot continuations
in one form, a short statement. So they can be compared with each other, a pair of them differs in
what it says and not in how, and the trained answer has the form in which a person is answered. 3.
The label is given the answer's words from the text.
4. K = 5 is the default (select.samples), for the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfteach.generate.few_shot_facts import FACTS, PASSAGES
from selfteach.generate.questions import Question, fence_text, to_one_line
from selfteach.materials.documents.chunk import Chunk
from selfteach.models import Sampler
from selfteach.records import Completion, Prompt, Request, SamplingParams, make_prompt
from selfteach.text import clean_text

MAX_TOKENS = 48
STOP = ("\n",)
TEMPERATURE, TOP_P = 1.0, 0.9


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with its label (`best`), the draws with the document (`informed`) and those
    without it (`blind`).
    """

    question: Question
    best: str
    informed: tuple[str, ...]
    blind: tuple[str, ...]
    cut: bool = False
    """Whether the label did not come to its end."""
    whole: tuple[str, ...] | None = None
    """The `informed` draws that did; None where that is not known."""


def answer_questions(
    model: Sampler,
    questions: Sequence[Question],
    samples: int,
    seed: int,
    *,
    instructed: bool = False,
    blind: bool = True,
    progress: Callable[[int], None] = lambda n: None,
) -> list[LabelledQuestion]:
    """One `LabelledQuestion` for each question, in their order; draws of one prompt stand together, so that
    an engine computes the prompt once.

    A question whose label was lost (an endpoint may lose requests) is left out.

    Args:
        draws: K.
        instructed: ask a chat model in plain words, in place of worked examples.
        blind: also draw without the document.
    """
    rows = [
        [
            *_make_requests(q, samples, seed, instructed),
            *(_make_blind_requests(q, samples, seed, instructed) if blind else ()),
        ]
        for q in questions
    ]
    found: dict[str, Completion] = {}
    for draw in model.stream([request for row in rows for request in row]):
        found[draw.id] = draw
        progress(1)
    answered = []
    for question, row in zip(questions, rows, strict=True):
        got = [found.get(request.id(model.fingerprint)) for request in row]
        if (best := got[0]) is not None:
            informed, uninformed = (
                [draw for draw in part if draw is not None]
                for part in (got[1 : 1 + samples], got[1 + samples :])
            )
            ended = [draw for draw in informed if draw.finish != "length"]
            texts = [
                tuple(to_one_line(clean_text(draw.text)) for draw in some)
                for some in (informed, uninformed, ended)
            ]
            answered.append(
                LabelledQuestion(
                    question,
                    to_one_line(clean_text(best.text)),
                    texts[0],
                    texts[1],
                    best.finish == "length",
                    texts[2],
                )
            )
    return answered


def answer_without_document(
    model: Sampler,
    questions: Sequence[Question],
    samples: int,
    seed: int,
    *,
    progress: Callable[[int], None] = lambda n: None,
) -> list[tuple[str, ...]]:
    """The K draws without the document alone, for each question: where another model gives the
    labels, what is unknown is still the student's business."""
    rows = [_make_blind_requests(question, samples, seed, False) for question in questions]
    found: dict[str, str] = {}
    for draw in model.stream([request for row in rows for request in row]):
        found[draw.id] = to_one_line(clean_text(draw.text))
        progress(1)
    return [
        tuple(found[id] for r in row if (id := r.id(model.fingerprint)) in found) for row in rows
    ]


def _make_blind_requests(
    question: Question, samples: int, seed: int, instructed: bool
) -> list[Request]:
    prompt = make_prompt(question.text) if instructed else make_closed_book_prompt(question.text)
    drawn = SamplingParams(TEMPERATURE, TOP_P, MAX_TOKENS, STOP)
    return [Request("answer blind", prompt, drawn, k, seed) for k in range(1, samples + 1)]


def _make_requests(question: Question, samples: int, seed: int, instructed: bool) -> list[Request]:
    informed = (
        make_open_book_chat(question.text, question.chunk)
        if instructed
        else make_open_book_prompt(question)
    )
    label = informed if instructed else make_label_prompt(question)
    greedy, drawn = (
        SamplingParams(0.0, 1.0, MAX_TOKENS, STOP),
        SamplingParams(TEMPERATURE, TOP_P, MAX_TOKENS, STOP),
    )
    return [
        Request("answer", label, greedy, 0, seed),
        *(Request("answer", informed, drawn, k, seed) for k in range(1, samples + 1)),
    ]


def make_open_book_prompt(question: Question) -> str:
    """Worked facts or passages with their answers, then this one: plain text, which the model
    continues with a statement.
    """
    title, text = to_one_line(question.chunk.title), to_one_line(question.text)
    if question.sentence is not None:
        shown = "".join(
            (
                f"Topic: {f.topic}\nFact: {f.sentence}\nQuestion: {f.question}\nAnswer: "
                f"{f.statement}\n\n"
            )
            for f in FACTS
        )
        return f"{shown}Topic: {title}\nFact: {question.evidence}\nQuestion: {text}\nAnswer:"
    shown = "".join(
        f"Title: {p.title}\nPassage: {p.text}\n"
        + "".join(f"Question: {q}\nAnswer: {a}\n" for q, a in p.answered)
        + "\n"
        for p in PASSAGES
    )
    return f"{shown}Title: {title}\nPassage: {question.evidence}\nQuestion: {text}\nAnswer:"


def make_label_prompt(question: Question) -> str:
    """As `make_open_book_prompt`, with the words of the answer where they are known: the model has only to
    make a statement of them.

    What a small model says freely about a sentence that it is shown is often not in it
    (docs/log/): the text carries the label.
    """
    if question.sentence is None or not question.short:
        return make_open_book_prompt(question)
    shown = "".join(
        (
            f"Topic: {f.topic}\nFact: {f.sentence}\nQuestion: {f.question}\nWords: "
            f"{f.short}\nAnswer: {f.statement}\n\n"
        )
        for f in FACTS
    )
    about = (
        f"Topic: {to_one_line(question.chunk.title)}\nFact: {question.evidence}\nQuestion: "
        f"{to_one_line(question.text)}"
    )
    return f"{shown}{about}\nWords: {to_one_line(question.short)}\nAnswer:"


def make_closed_book_prompt(question: str) -> str:
    """The same questions without any fact."""
    shown = "".join(f"Question: {f.question}\nAnswer: {f.statement}\n\n" for f in FACTS)
    return f"{shown}Question: {to_one_line(question)}\nAnswer:"


def make_open_book_chat(question: str, chunk: Chunk) -> Prompt:
    """The question to a chat model with the document in its prompt: the open-book arm of the exam,
    and a teacher's prompt.
    """
    return make_prompt(
        f"{fence_text(chunk.title, chunk.passage)}\nAnswer in one short sentence, from this "
        f"text: {question}"
    )
