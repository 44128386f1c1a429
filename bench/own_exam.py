"""Hold the exam that a run of documents wrote itself against people's questions about the same
passages.

    selfteach documents passages_without_questions.jsonl --out runs/own
    python -m bench.own_exam runs/own passages.jsonl [--model FOLDER]

`--model` is the base of the run, the embedded model by default. Both exams have three arms: the
base, the open book and the tuned model. People's questions are answered here, by the run's adapter.
Prints one JSON object: the shares of right answers and the verdict of both exams, `apart` (own
minus people's share of the tuned model), and whether the verdicts agree.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import selfteach
from bench.prompt_files import sample_in_order
from bench.seal import is_right, read_passages
from selfteach.evaluate.knowledge import compare_with_enough
from selfteach.evaluate.verdict import Evidence, choose_verdict
from selfteach.generate.answers import make_open_book_chat
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.held_out_questions import HeldOutQuestion, make_people_questions
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Prompt, Request, SamplingParams, make_prompt
from selfteach.statistics import clustered_bootstrap

ARMS = ("base", "prompted", "tuned")
CHUNK_TOKENS = 384
MAX_TOKENS = 64
Flags = Mapping[str, Sequence[bool]]
"""For each arm, whether its answer to each question is right."""


def read_people_questions(
    file: Path, model: HfModel, skip: int = 0, count: int | None = None
) -> list[HeldOutQuestion]:
    """Read people's questions, each with its chunk.

    Args:
        skip: passages at the beginning that are left out.
        count: passages that are read; None reads all.
    """
    chunks: list[Chunk] = []
    questions = []
    for passage in read_passages(file)[skip:][:count]:
        document = Document(str(file), passage.title, passage.text)
        chunks += split_chunks(
            document, lambda text: len(model.encode_answer(text, end=False)), CHUNK_TOKENS
        )
        for row in passage.questions:
            answers = tuple(row["answers"])
            questions.append(PeopleQuestion(row["question"], answers, document.id))
    return make_people_questions(chunks, questions)


def grade(
    sampler: Sampler, prompts: Sequence[Prompt], questions: Sequence[HeldOutQuestion]
) -> list[bool]:
    """Answer the prompts greedily, and return whether each answer contains a right one."""
    sampling = SamplingParams(0.0, 1.0, MAX_TOKENS)
    requests = [Request("bench", prompt, sampling) for prompt in prompts]
    answers = sample_in_order(sampler, requests)
    return [
        is_right(answer.text, question.answers)
        for answer, question in zip(answers, questions, strict=True)
    ]


def ask_people(run: Path, file: Path, model: str) -> tuple[Flags, list[str]]:
    """Return each arm's right answers to people's questions, and the passage of each question."""
    base = HfModel.load(model)
    questions = read_people_questions(file, base)
    closed: list[Prompt] = [make_prompt(q.text) for q in questions]
    opened = [make_open_book_chat(q.text, q.chunk) for q in questions]
    sampler = open_sampler(base)
    tuned = open_sampler(HfModel.load(model, adapter=run / "adapter"))
    right = {
        "base": grade(sampler, closed, questions),
        "prompted": grade(sampler, opened, questions),
        "tuned": grade(tuned, closed, questions),
    }
    return right, [q.chunk.id for q in questions]


def read_own(exam: Mapping[str, Any]) -> tuple[Flags, list[str]]:
    """Return each arm's right answers to the run's own questions, and the chunk of each."""
    rows = [row for row in exam["answers"] if row["scope"] == "target"]
    right = {arm: [bool(row["arms"][arm]["ok"]) for row in rows] for arm in ARMS}
    return right, [row["chunk"] for row in rows]


def reach_word(right: Flags, clusters: Sequence[str]) -> str:
    """Return the verdict of the shares alone: side effects are the same in both exams."""
    gain = clustered_bootstrap(right["tuned"], right["base"], clusters)
    over_prompt = compare_with_enough(right["tuned"], right["prompted"], clusters)
    return choose_verdict(Evidence(gain, over_prompt, "", ""))[0]


def describe(right: Flags, clusters: Sequence[str]) -> dict[str, Any]:
    """Return the number of questions, the share of each arm, and the verdict."""
    shares = {arm: round(sum(right[arm]) / max(len(right[arm]), 1), 3) for arm in ARMS}
    return {"questions": len(clusters), **shares, "verdict": reach_word(right, clusters)}


def compare_exams(
    own: tuple[Flags, Sequence[str]], people: tuple[Flags, Sequence[str]]
) -> dict[str, Any]:
    """Return both exams and their agreement."""
    found: dict[str, Any] = {"own": describe(*own), "people": describe(*people)}
    found["apart"] = round(found["own"]["tuned"] - found["people"]["tuned"], 3)
    found["agree"] = found["own"]["verdict"] == found["people"]["verdict"]
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare both exams, print the result and return it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("passages", type=Path)
    parser.add_argument("--model", default="embedded", help="the base of the run")
    given = parser.parse_args(arguments)
    exam = selfteach.open_run(given.run).exam.raw
    result = compare_exams(read_own(exam), ask_people(given.run, given.passages, given.model))
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
