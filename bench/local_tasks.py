"""Write small tasks in the form of GLUE, SuperGLUE, MMLU and BIG-bench, so that lm-eval runs them
without a hub.

    python -m bench.local_tasks FOLDER
    selfteach benchmark --run RUN --tasks FILE,FILE,FILE,FILE

Each task includes lm-eval's own file (its prompt, its choices and its metrics) and replaces the
data alone, by rows of the same columns:

    rte       GLUE: does one sentence follow from another?
    boolq     SuperGLUE: a question about a passage, yes or no
    mmlu      MMLU: a question with four choices
    bigbench  BIG-bench: the same questions, the choices as texts

The rows are made of the common questions that come with the package. A wrong choice is the right
answer to a question that begins alike. These are not the suites' scores: they show what a training
leaves of reading and of common knowledge.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from selfteach.evaluate.common_knowledge import (
    CALIBRATION_QUESTIONS,
    COMMON_QUESTIONS,
    Questions,
)
from selfteach.records import JsonObject, digest

CHOICES = 4
SOURCES = {
    "rte": "glue/rte/default.yaml",
    "boolq": "super_glue/boolq/default.yaml",
    "mmlu": "mmlu/default/_default_template_yaml",
    "bigbench": "bigbench/multiple_choice_template_a_yaml",
}
"""lm-eval's file of each task."""
SPLITS = {
    "rte": ("train", "validation"),
    "boolq": ("train", "validation"),
    "mmlu": ("dev", "test"),
    "bigbench": ("default",),
}
"""The splits that lm-eval's file names."""


def list_wrong_answers(questions: Questions, number: int) -> list[str]:
    """Return right answers to other questions, those of questions that begin alike first."""
    text, answers = questions[number]
    start = text.split()[:2]

    def rank(row: tuple[str, tuple[str, ...]]) -> tuple[bool, str]:
        return row[0].split()[:2] != start, digest([text, row[0]])

    others = [golds[0] for _, golds in sorted(questions, key=rank)]
    return [other for other in dict.fromkeys(others) if other not in answers]


def make_rows(questions: Questions) -> dict[str, list[JsonObject]]:
    """Return the rows of each task: one for each question; half of the statements are right."""
    rows: dict[str, list[JsonObject]] = {name: [] for name in SOURCES}
    for i, (text, answers) in enumerate(questions):
        right = answers[0]
        wrong = list_wrong_answers(questions, i)
        is_right = i % 2 == 0
        said = right if is_right else wrong[0]
        rows["rte"].append(
            {
                "sentence1": f'Asked "{text}", the teacher said: {right}.',
                "sentence2": f"The teacher said {said}.",
                "label": 0 if is_right else 1,
            }
        )
        rows["boolq"].append(
            {
                "passage": f'A quiz asked "{text}" The right answer was {right}.',
                "question": f"was the right answer {said}",
                "label": int(is_right),
            }
        )
        place = i % CHOICES
        choices = wrong[: CHOICES - 1]
        choices.insert(place, right)
        rows["mmlu"].append({"question": text, "choices": choices, "answer": place})
        rows["bigbench"].append(
            {
                "inputs": f"Q: {text}\nA:",
                "targets": [right],
                "multiple_choice_targets": choices,
            }
        )
    return rows


def write_task(folder: Path, name: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write the rows of a task and its file; return the file."""
    spec = find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise SystemExit("lm-eval is not installed: pip install 'selfteach[bench]'")
    data = folder.resolve() / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "include": str(Path(spec.origin).with_name("tasks") / SOURCES[name]),
        "task": f"common_{name}",
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {
            "data_files": dict.fromkeys(SPLITS[name], str(data)),
            "cache_dir": str(folder.resolve() / "cache"),
        },
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(task, indent=2) + "\n")  # JSON is YAML
    return file


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write the tasks, print their files and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = make_rows((*COMMON_QUESTIONS, *CALIBRATION_QUESTIONS))
    files = [write_task(folder, name, own) for name, own in rows.items()]
    print(",".join(map(str, files)))
    return files


if __name__ == "__main__":
    main()
