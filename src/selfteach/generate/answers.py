"""Answers to a question about a document: with the document in the prompt, and without it.

    y*   greedy with the document, and with the answer's words if they are known: the label
    Y_c  K samples with the document: is the label consistent?
    Y_r  K samples without the document: does the model know the answer anyway?

Source: Self-Learning-llm (arXiv 2406.11275), the step of answers with and without the document,
with K = 10, temperature 1, top-p .9.
Departs: 1. "The document" is one sentence with its topic, if the sentence is known. A small model
reads one sentence well and a passage badly. A person's question and a chat model get the whole
passage. 2. All three kinds are few-shot continuations in one form, a short statement. A pair
therefore differs in its content and not in its wording, and the trained answer has the form in
which a person is answered. 3. The prompt of the label holds the answer's words from the text.
4. K = 5 is the default (select.samples), for the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from selfteach.generate.few_shot_facts import PASSAGES, format_facts
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.generate.questions import Question, fence_text
from selfteach.materials.documents.chunk import Chunk
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import GREEDY, Completion, Prompt, Request, SamplingParams, make_prompt
from selfteach.text import clean_text

MAX_TOKENS = 48
STOP = ("\n",)
GREEDY_LINE = replace(GREEDY, max_tokens=MAX_TOKENS, stop=STOP)
SAMPLED = SamplingParams(1.0, 0.9, MAX_TOKENS, STOP)


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """Hold a question, its label (`best`), and its answers with and without the document.

    `informed` are the samples with the document, `blind` the samples without it.
    """

    question: Question
    best: str
    informed: tuple[str, ...]
    blind: tuple[str, ...]
    cut: bool = False
    """Whether the label reached its token limit."""
    whole: tuple[str, ...] = ()
    """The `informed` samples that ended before the token limit."""
    cut_blind: frozenset[str] = frozenset()
    """The `blind` samples that reached it."""


@dataclass(frozen=True, slots=True)
class BlindAnswers:
    """Hold the samples without the document for a question; `cut` are those that reached the token
    limit.
    """

    texts: tuple[str, ...]
    cut: frozenset[str] = frozenset()


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
    """Return one `LabelledQuestion` for each question, in order.

    Samples of one prompt stand together, so that an engine computes the prompt once. A question is
    left out if an endpoint lost its label.

    Args:
        samples: K.
        instructed: ask a chat model in plain words instead of with worked examples.
        blind: also sample without the document.
    """
    rows = [_make_requests(question, samples, seed, instructed, blind) for question in questions]
    completions = iter(sample_in_order(model, list(chain.from_iterable(rows)), progress))
    answered = []
    for question, row in zip(questions, rows, strict=True):
        label, *others = islice(completions, len(row))
        if label is None:
            continue
        informed = others[:samples]
        without = _to_blind_answers(others[samples:])
        answered.append(
            LabelledQuestion(
                question,
                _to_line(label),
                _to_lines(informed),
                without.texts,
                label.finish == "length",
                _to_lines(one for one in informed if one and one.finish != "length"),
                without.cut,
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
) -> list[BlindAnswers]:
    """Return the K samples without the document for each question.

    Another model may give the labels; this model's own samples still show what it does not know.
    """
    rows = [_make_blind_requests(question, samples, seed, False) for question in questions]
    completions = iter(sample_in_order(model, list(chain.from_iterable(rows)), progress))
    return [_to_blind_answers(list(islice(completions, len(row)))) for row in rows]


def _to_blind_answers(completions: Sequence[Completion | None]) -> BlindAnswers:
    cut = _to_lines(one for one in completions if one and one.finish == "length")
    return BlindAnswers(_to_lines(completions), frozenset(cut))


def _to_line(completion: Completion) -> str:
    return to_one_line(clean_text(completion.text))


def _to_lines(completions: Iterable[Completion | None]) -> tuple[str, ...]:
    return tuple(_to_line(one) for one in completions if one)


def _make_blind_requests(
    question: Question, samples: int, seed: int, instructed: bool
) -> list[Request]:
    prompt = make_prompt(question.text) if instructed else make_closed_book_prompt(question.text)
    return [Request("answer blind", prompt, SAMPLED, k, seed) for k in range(1, samples + 1)]


def _make_requests(
    question: Question, samples: int, seed: int, instructed: bool, blind: bool
) -> list[Request]:
    informed: Prompt
    label: Prompt
    if instructed:
        informed = label = make_open_book_chat(question.text, question.chunk)
    else:
        informed = make_open_book_prompt(question)
        label = make_label_prompt(question)
    return [
        Request("answer", label, GREEDY_LINE, 0, seed),
        *(Request("answer", informed, SAMPLED, k, seed) for k in range(1, samples + 1)),
        *(_make_blind_requests(question, samples, seed, instructed) if blind else ()),
    ]


def make_open_book_prompt(question: Question) -> str:
    """Return worked facts or passages with their answers, and then this question.

    The model continues this plain text with a statement.
    """
    if question.sentence is not None:
        shown = format_facts(
            "Topic: {topic}\nFact: {sentence}\nQuestion: {question}\nAnswer: {statement}\n\n"
        )
        return f"{shown}{_format_fact(question)}\nAnswer:"
    shown = ""
    for passage in PASSAGES:
        answered = format_examples("Question: {}\nAnswer: {}\n", passage.answered)
        shown += f"Title: {passage.title}\nPassage: {passage.text}\n{answered}\n"
    title = to_one_line(question.chunk.title)
    text = to_one_line(question.text)
    return f"{shown}Title: {title}\nPassage: {question.evidence}\nQuestion: {text}\nAnswer:"


def _format_fact(question: Question) -> str:
    title = to_one_line(question.chunk.title)
    return f"Topic: {title}\nFact: {question.evidence}\nQuestion: {to_one_line(question.text)}"


def make_label_prompt(question: Question) -> str:
    """Return the prompt of `make_open_book_prompt` with the words of the answer, if known.

    The model only has to make a statement of these words. A small model's free statements about a
    sentence are often wrong (docs/log/).
    """
    if question.sentence is None or not question.short:
        return make_open_book_prompt(question)
    shown = format_facts(
        "Topic: {topic}\nFact: {sentence}\nQuestion: {question}\nWords: {short}\n"
        "Answer: {statement}\n\n"
    )
    return f"{shown}{_format_fact(question)}\nWords: {to_one_line(question.short)}\nAnswer:"


def make_closed_book_prompt(question: str) -> str:
    """Return the worked questions without any fact, and then this question."""
    shown = format_facts("Question: {question}\nAnswer: {statement}\n\n")
    return f"{shown}Question: {to_one_line(question)}\nAnswer:"


def make_open_book_chat(question: str, chunk: Chunk) -> Prompt:
    """Return the question to a chat model with the document in its prompt.

    The open-book arm of the exam and a teacher get this prompt. Its words are chosen on development
    passages: the same request after the text alone is answered less often (docs/log/).
    """
    return make_prompt(
        "Use this text to answer the question after it.\n"
        f"{fence_text(chunk.title, chunk.passage)}\nQuestion: {to_one_line(question)}\n"
        "Answer in one sentence."
    )
