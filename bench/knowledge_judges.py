"""Measure how well each judge of knowledge finds what a model does not know, on people's questions.

    python -m bench.knowledge_judges squad_passages.jsonl [--model embedded] [--skip 16]
        [--passages 48] [--unknown 80] [--samples 5] [--seed 0]

The model answers each question `--samples` times without the passage. A question is unknown if at
most half of these answers are right. The judges see all known questions and `--unknown` others,
because a small model knows few and an AUROC does not depend on the shares; each of these questions
is also answered with its passage: once greedily (the label), and `--samples` times. Prints one line
of JSON: the counts, and for each judge two AUROCs with 95 % intervals: does S_K rank unknown
questions higher, and S_L wrong labels?

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.own_exam import read_people_questions
from selfteach.evaluate.exam import measures_to_json
from selfteach.evaluate.judge_calibration import calibrate_knowledge_judges
from selfteach.generate.answers import (
    LabelledQuestion,
    answer_questions,
    answer_without_document,
)
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeJudge
from selfteach.judge.match import contains_answer
from selfteach.judge.setup import KnowledgeSetup
from selfteach.methods.documents.exam import HeldOutQuestion
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.registry import list_names, load_registered
from selfteach.select.evenly import choose_evenly


def answer_people(
    model: HfModel, questions: Sequence[HeldOutQuestion], unknown: int, samples: int, seed: int
) -> list[LabelledQuestion]:
    """Answer people's questions without their passages, and some of them with it.

    Args:
        unknown: how many unknown questions are answered with the passage; all known ones are.
    """
    sampler = open_sampler(model)
    asked = {q.text: Question(q.text, q.answers[0], q.chunk, None) for q in questions}
    golds = {q.text: q.answers for q in questions}
    rows = answer_without_document(sampler, list(asked.values()), samples, seed)
    blind = dict(zip(asked, rows, strict=True))
    known = [text for text in asked if is_known(blind[text], golds[text])]
    others = choose_evenly([text for text in asked if text not in set(known)], unknown)
    chosen = [asked[text] for text in (*known, *others)]
    answered = answer_questions(sampler, chosen, samples, seed, blind=False)
    return [replace(row, blind=blind[row.question.text]) for row in answered]


def is_known(blind: Sequence[str], golds: Sequence[str]) -> bool:
    """Return whether more than half of the answers without the passage are right."""
    return 2 * sum(is_right(answer, golds) for answer in blind) > len(blind)


def is_right(answer: str, golds: Sequence[str]) -> bool:
    """Return whether an answer contains a right one."""
    return any(contains_answer(answer, gold) for gold in golds)


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
    itself = {text: text for text in golds}
    found, _ = calibrate_knowledge_judges(
        judges, answered, itself, lambda answer, text: is_right(answer, golds[text])
    )
    return {
        "questions": len(golds),
        "judged": len(answered),
        "known": sum(is_known(row.blind, golds[row.question.text]) for row in answered),
        "right_labels": sum(is_right(row.best, golds[row.question.text]) for row in answered),
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
    parser.add_argument("--unknown", type=int, default=80, help="unknown questions to judge")
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    model = HfModel.load(given.model)
    all_questions = read_people_questions(given.file, model, given.skip, given.passages)
    answered = answer_people(model, all_questions, given.unknown, given.samples, given.seed)
    result: dict[str, Any] = measures_to_json(
        measure_judges(list_usable_judges(model), answered, all_questions)
    )
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
