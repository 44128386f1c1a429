"""Measure how well each judge of knowledge finds what a model does not know, on people's questions.

    python -m bench.knowledge_judges squad_passages.jsonl FOLDER [--model embedded] [--skip 16]
        [--passages 48] [--unknown 80] [--samples 5] [--seed 0]

The model answers each question `--samples` times without the passage. A question is unknown if at
most half of these answers are right. The judges see all known questions and `--unknown` others,
because a small model knows few and an AUROC does not depend on the shares; each of these questions
is also answered with its passage: once greedily (the label), and `--samples` times. Prints the
counts, then a line of JSON for each judge as soon as it is done: two AUROCs with 95 % intervals
(does S_K rank unknown questions higher, and S_L wrong labels?) and the threshold of
`study.known=auto` with the share of unknown questions that it calls known.

FOLDER keeps every answer, every score and the lines (judges.jsonl). The same command in it goes on
where it was stopped. Another command needs another folder.

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.kept_lines import append_line, open_lines
from bench.own_exam import read_people_questions
from bench.seal import is_right
from selfteach.config.documents import SelectConfig
from selfteach.evaluate.judge_calibration import calibrate_knowledge_judges
from selfteach.generate.answers import (
    LabelledQuestion,
    answer_questions,
    answer_without_document,
)
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeJudge
from selfteach.judge.setup import KnowledgeSetup
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.models import Sampler, Scorer
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import measures_to_json
from selfteach.registry import list_names, load_registered
from selfteach.run.ledger import Ledger
from selfteach.select.evenly import choose_evenly

LINES = "judges.jsonl"


def answer_people(
    sampler: Sampler, questions: Sequence[HeldOutQuestion], unknown: int, samples: int, seed: int
) -> list[LabelledQuestion]:
    """Answer people's questions without their passages, and some of them with it.

    Args:
        unknown: how many unknown questions are answered with the passage; all known ones are.
    """
    asked = {q.text: Question(q.text, q.answers[0], q.chunk, None) for q in questions}
    golds = {q.text: q.answers for q in questions}
    rows = answer_without_document(sampler, list(asked.values()), samples, seed)
    blind = {text: row.texts for text, row in zip(asked, rows, strict=True)}
    known = [text for text in asked if is_known(blind[text], golds[text])]
    others = choose_evenly([text for text in asked if text not in set(known)], unknown)
    chosen = [asked[text] for text in (*known, *others)]
    answered = answer_questions(sampler, chosen, samples, seed, blind=False)
    return [replace(row, blind=blind[row.question.text]) for row in answered]


def is_known(blind: Sequence[str], golds: Sequence[str]) -> bool:
    """Return whether more than half of the answers without the passage are right."""
    return 2 * sum(is_right(answer, golds) for answer in blind) > len(blind)


def list_usable_judges(scorer: Scorer) -> list[KnowledgeJudge]:
    """Return every registered judge that needs no other model."""
    setup = KnowledgeSetup(scorer)
    factories = [
        load_registered("knowledge_judges", name) for name in list_names("knowledge_judges")
    ]
    return [f.build(setup) for f in factories if not f.explain_unavailable(setup)]


def count_questions(
    answered: Sequence[LabelledQuestion], questions: Sequence[HeldOutQuestion]
) -> dict[str, int]:
    """Return how many questions there are, are judged, are known, and have a right label."""
    golds = {q.text: q.answers for q in questions}
    return {
        "questions": len(golds),
        "judged": len(answered),
        "known": sum(is_known(row.blind, golds[row.question.text]) for row in answered),
        "right_labels": sum(is_right(row.best, golds[row.question.text]) for row in answered),
    }


def measure_judge(
    judge: KnowledgeJudge,
    answered: Sequence[LabelledQuestion],
    questions: Sequence[HeldOutQuestion],
) -> dict[str, Any]:
    """Return the line of a judge: its AUROCs and its threshold of `study.known=auto`."""
    golds = {q.text: q.answers for q in questions}
    itself = {text: text for text in golds}
    (found,) = calibrate_knowledge_judges(
        [judge],
        answered,
        itself,
        SelectConfig().max_false_known,
        lambda answer, text: is_right(answer, golds[text]),
    )
    return {
        "judge": found.judge,
        "unknown": found.knowledge,
        "wrong": found.label,
        "known": found.known
        and {
            "tau": found.known.tau,
            "false_known": found.known.false_known,
            "found": found.known.found,
        },
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measure the judges that the folder has no line of, print all lines and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--skip", type=int, default=0, help="passages that are left out")
    parser.add_argument("--passages", type=int, default=48)
    parser.add_argument("--unknown", type=int, default=80, help="unknown questions to judge")
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    settings = {name: value for name, value in vars(given).items() if name != "folder"}
    lines = open_lines(given.folder / LINES, settings | {"file": str(given.file)})
    done = {line["judge"] for line in lines if "judge" in line}
    model = HfModel.load(given.model)
    recorded = Recorded(Ledger(given.folder / "answers.db"), open_sampler(model), model)
    questions = read_people_questions(given.file, model, given.skip, given.passages)
    answered = answer_people(recorded, questions, given.unknown, given.samples, given.seed)
    if not lines:
        lines.append(count_questions(answered, questions))
        append_line(given.folder / LINES, lines[0])
    for line in lines:
        print(json.dumps(line), flush=True)
    for judge in list_usable_judges(recorded):
        if judge.name not in done:
            line = measures_to_json(measure_judge(judge, answered, questions))
            append_line(given.folder / LINES, line)
            print(json.dumps(line), flush=True)
            lines.append(line)
    return lines


if __name__ == "__main__":
    main()
