"""Measure how well a model judges two answers about a passage, on people's questions.

    python -m bench.pairwise_judges squad_more.jsonl FOLDER [--model embedded] [--skip 0]
        [--passages 16] [--pairs 48] [--seed 0]

Each pair has a sentence of the passage that holds the answer and one that does not, as in the
calibration of `selfteach documents`. The judges of a run, the model as it is and as a chat, see
each pair in both orders. Prints for each the agreement with the right side (ties count one half),
the position bias, and whether it may decide: the interval of its agreement lies above one half.

FOLDER keeps every score, so the same command in it goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.own_exam import read_people_questions
from selfteach.judge.pairwise import ModelPairwiseJudge
from selfteach.methods.calibrate_pairwise_judges import choose_pairwise_judge
from selfteach.methods.documents.exam import make_known_pairs
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.run.ledger import Ledger
from selfteach.select.evenly import choose_evenly


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measure both judges of a model, print a line for each and return the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--skip", type=int, default=0, help="passages that are left out")
    parser.add_argument("--passages", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=48, help="pairs to judge, evenly spaced")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    model = HfModel.load(given.model)
    given.folder.mkdir(parents=True, exist_ok=True)
    recorded = Recorded(Ledger(given.folder / "scores.db"), None, model)
    questions = read_people_questions(given.file, model, given.skip, given.passages)
    known = choose_evenly(make_known_pairs(questions), given.pairs)
    pairs, passages = [pair for pair, _ in known], [passage for _, passage in known]
    lines = []
    for judge in (ModelPairwiseJudge(recorded), ModelPairwiseJudge(recorded, chat=True)):
        _, described = choose_pairwise_judge([judge], pairs, given.seed, clusters=passages)
        lines.append({"model": given.model, "judge": judge.name, "pairs": len(pairs), **described})
        print(json.dumps(lines[-1]), flush=True)
    return lines


if __name__ == "__main__":
    main()
