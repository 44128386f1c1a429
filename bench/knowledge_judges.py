"""Measure how well each judge of knowledge finds what a model does not know, on people's questions.

    python -m bench.knowledge_judges squad_passages.jsonl [--model embedded] [--skip 16]
        [--passages 48] [--samples 5] [--seed 0]

The model answers each question with the passage (the label), `--samples` times with it, and as many
times without it. A question is unknown if at most half of the answers without the passage are
right. Prints one line of JSON: how many questions are known and how many labels are right, and for
each judge two AUROCs with 95 % intervals: does S_K rank unknown questions higher, and S_L wrong
labels?

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.own_exam import read_people_questions
from selfteach.evaluate.exam import measures_to_json
from selfteach.evaluate.judge_calibration import calibrate_knowledge_judges
from selfteach.generate.answers import LabelledQuestion, answer_questions
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeJudge
from selfteach.judge.match import contains_answer
from selfteach.judge.setup import KnowledgeSetup
from selfteach.methods.documents.exam import HeldOutQuestion
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.registry import list_names, load_registered


def answer_people(
    model: HfModel, questions: Sequence[HeldOutQuestion], samples: int, seed: int
) -> list[LabelledQuestion]:
    """Answer people's questions with and without their passages."""
    asked = [Question(q.text, q.answers[0], q.chunk, None) for q in questions]
    return answer_questions(open_sampler(model), asked, samples, seed)


def list_usable_judges(model: HfModel) -> list[KnowledgeJudge]:
    """Return every registered judge that needs no other model."""
    setup = KnowledgeSetup(model)
    factories = [
        load_registered("knowledge_judges", name) for name in list_names("knowledge_judges")
    ]
    return [f.build(setup) for f in factories if not f.explain_unavailable(setup)]


def measure_judges(
    judges: Sequence[KnowledgeJudge],
    answered: Sequence[LabelledQuestion],
    questions: Sequence[HeldOutQuestion],
) -> dict[str, Any]:
    """Return the counts and each judge's AUROCs."""
    golds = {q.text: q.answers for q in questions}

    def is_right(answer: str, question: str) -> bool:
        return any(contains_answer(answer, gold) for gold in golds[question])

    itself = {text: text for text in golds}
    found, _ = calibrate_knowledge_judges(judges, answered, itself, is_right)
    known = 0
    for row in answered:
        right = sum(is_right(blind, row.question.text) for blind in row.blind)
        known += 2 * right > len(row.blind)
    return {
        "questions": len(answered),
        "known": known,
        "right_labels": sum(is_right(row.best, row.question.text) for row in answered),
        "judges": {one.judge: {"unknown": one.knowledge, "wrong": one.label} for one in found},
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure the judges, print the result and return it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--skip", type=int, default=0, help="passages that are left out")
    parser.add_argument("--passages", type=int, default=48)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    model = HfModel.load(given.model)
    all_questions = read_people_questions(given.file, model, given.skip, given.passages)
    answered = answer_people(model, all_questions, given.samples, given.seed)
    result: dict[str, Any] = measures_to_json(
        measure_judges(list_usable_judges(model), answered, all_questions)
    )
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
