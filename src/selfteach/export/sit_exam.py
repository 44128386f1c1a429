"""The exams of an exported file: another program answers them, and the verdict is reached anew.

The questions, the judge and the numbers are those of the run. Only the answers of the tuned model
come from the other program: llama.cpp with a GGUF file, plain transformers and PEFT with the
others. Log-probabilities (the drift) are those of the run's adapter.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfteach.errors import SelfteachError
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.export.check_export import Answering
from selfteach.models.hf import HfModel
from selfteach.records import Completion, JsonObject, Request, digest
from selfteach.run.display import Display
from selfteach.students.exam_models import DelayedSampler, ExamSource, OpenModels
from selfteach.students.gate import MAX_FALL, compare_exams, read_exam_scores
from selfteach.students.sit_again import sit_exam_again
from selfteach.students.state import Cell

COMMIT_ROWS = 16
"""Requests that are answered by one call of the other program."""


@dataclass(frozen=True)
class ExportedExam:
    """Hold one exam of an exported file.

    Attributes:
        expected: the verdict's word of the run, or of the student.
        cell: the exam compared with that of the run; its reason says why it could not be sat.
        fall_before: how far the student's score is below that of the lesson's run; 0 of a run.
    """

    name: str
    expected: str
    cell: Cell
    fall_before: float = 0.0

    @property
    def is_failed(self) -> bool:
        """Return whether the verdict is another one or could not be reached, or the score is more
        than 5 points below that of the run, or of the student, by more than chance explains.

        Another program samples with other random numbers, so a score moves by some points.
        """
        if self.cell.verdict != self.expected:
            return True
        if self.cell.state not in ("weakened", "lost"):
            return False
        fall = self.cell.fall
        if fall is None:
            return True
        return fall.value > self.fall_before + MAX_FALL and fall.low > self.fall_before

    def to_json(self) -> JsonObject:
        """Return the object of export.json."""
        found: JsonObject = {"name": self.name, "expected": self.expected}
        found |= {"verdict": self.cell.verdict, "same": not self.is_failed}
        found["state"] = self.cell.state
        for key in ("score", "fall"):
            measure = getattr(self.cell, key)
            found[key] = [measure.value, measure.low, measure.high] if measure else None
        return found | {"reason": self.cell.reason}


class ExportedSampler:
    """Answer with an exported file, through another program.

    Args:
        tuned: the run's own model, whose template is that of the file.
    """

    def __init__(self, name: str, tuned: HfModel, answer: Answering) -> None:
        self.name = name
        self.fingerprint = digest(["export", name, tuned.fingerprint])
        self._tokens = tuned.tokens
        self._answer = answer

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`."""
        for start in range(0, len(requests), COMMIT_ROWS):
            part = requests[start : start + COMMIT_ROWS]
            asked = [replace(r, prompt=self._tokens.fold_refused_system(r.prompt)) for r in part]
            for request, found in zip(part, self._answer(asked), strict=True):
                yield Completion(
                    request.id(self.fingerprint),
                    str(found["text"]).strip(),
                    "length" if found["finish"] == "length" else "stop",
                    int(found["tokens"]),
                    int(found["prompt_tokens"]),
                )

    def release_memory(self) -> None:
        """Free nothing: the other program has ended."""


def sit_exams(
    targets: Sequence[tuple[ExamSource, Cell | None]],
    base: str,
    adapter: Path,
    sampler: ExportedSampler,
    display: Display,
) -> list[ExportedExam]:
    """Sit the exams of an export, each with what it shows in the student; without that the verdict
    of its own run is expected, as this version grades it.
    """
    untouched = HfModel.load(base)
    tuned = untouched.with_adapter(adapter)
    tuned.fingerprint = sampler.fingerprint  # its scores are of this exam's answers
    found = []
    with tempfile.TemporaryDirectory(prefix="selfteach-") as scratch:
        models = OpenModels(
            untouched,
            tuned,
            DelayedSampler(untouched, "hf", Path(scratch)),
            sampler,
            compute_probe_logits(untouched, PROBE_PAIRS),
            adapter,
        )
        for source, known in targets:
            display.print_line(f"exam of {source.name}, answered by {sampler.name}")
            found.append(examine(source, known, models, display))
    return found


def examine(
    source: ExamSource, known: Cell | None, models: OpenModels, display: Display
) -> ExportedExam:
    """Return the exam of a source with the answers of an export, compared with the run's own.

    Args:
        known: what it shows in the student.
    """
    expected = known.verdict if known else ""
    fall_before = known.fall.value if known and known.fall else 0.0
    try:
        alone, now = sit_exam_again(source, models, display)
    except SelfteachError as fault:
        if fault.exit_code in (4, 5, 7, 130):
            raise  # a disk, another program: nothing that belongs to this exam
        cell = Cell("not examined", reason=str(fault))
        return ExportedExam(source.name, expected or "unknown", cell)
    before = read_exam_scores(source.kind, alone, asked=now)
    cell = compare_exams(before, read_exam_scores(source.kind, now))
    return ExportedExam(source.name, expected or before.verdict, cell, fall_before)
