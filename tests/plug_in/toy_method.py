"""A method of another package in one module: it teaches answers, word by word.

A line of its file is `question => answer`. The exam asks the same questions: a toy has no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfteach.config import FeedbackExamConfig as ExamSettings
from selfteach.config import TrainConfig
from selfteach.config.sections import MethodConfig as Settings
from selfteach.errors import DataError
from selfteach.evaluate.exam import (
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamState,
    TunedModel,
)
from selfteach.evaluate.verdict import Evidence
from selfteach.methods.input_sources import hash_sources, note_sources
from selfteach.methods.method import Material, Method, TrainingPlan
from selfteach.methods.session import Session
from selfteach.records import Example, make_prompt
from selfteach.report.comparison import ScorePath
from selfteach.statistics import paired_bootstrap, share

Pairs = list[tuple[str, str]]


class ToySettings(Settings):
    """Hold all settings of `selfteach toy`."""

    train: TrainConfig = TrainConfig(max_tokens=200)
    exam: ExamSettings = ExamSettings(max_tokens=12)


def read(source: Any, settings: ToySettings) -> Material:
    """Read the pairs of a file."""
    path = Path(source)
    if not path.is_file():
        raise DataError("is no file.", where=str(path), cure="Give a file of `question => answer`.")
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    pairs = []
    for number, line in enumerate(lines, start=1):
        question, arrow, answer = line.partition("=>")
        if not arrow:
            raise DataError("is no pair.", where=f"{path.name}:{number}", cure="Write q => a.")
        pairs.append((question.strip(), answer.strip()))
    return Material(path.stem, pairs, hash_sources(pairs=path), note_sources(source=path))


class ToyScorer:
    """Score an answer as right if it begins with the taught one."""

    def __init__(self, pairs: Pairs) -> None:
        self.taught = [answer for _, answer in pairs]

    def score(self, answers: ArmAnswers) -> dict[str, list[bool]]:
        """Score the target answers of all arms."""
        return {arm: self._right(own) for arm, own in answers.items()}

    def measure(self, state: ExamState) -> Mapping[str, Any]:
        """Return the share of right answers."""
        return {"score": {arm: share(flags) for arm, flags in state.scores.items()}}

    def measure_noise(self, again: Answers, state: ExamState) -> Mapping[str, Any]:
        """Return how many of a second sample are right."""
        texts = [completion.text for completion in again.sampled]
        return {"score": share([t.startswith(a) for t, a in zip(texts, self.taught, strict=True)])}

    def make_evidence(self, state: ExamState) -> Evidence:
        """Compare the tuned model with the base."""
        scores = state.scores
        right = share(scores["base"]).value
        start = f"the base answers {100 * right:.0f} % as wanted"
        if "tuned" not in scores:
            return Evidence(None, None, start, "", not_trained="nothing was trained")
        gain = paired_bootstrap(scores["tuned"], scores["base"], seed=state.seed)
        after = 100 * share(scores["tuned"]).value
        return Evidence(gain, None, start, f"{100 * right:.0f} % before and {after:.0f} % after")

    def rows(self, state: ExamState) -> list[dict[str, Any]]:
        """Return the questions with their answers."""
        answers = state.answers["target"]
        rows = []
        for place, question in enumerate(answers["base"].questions):
            arms = {}
            for arm, own in answers.items():
                right = state.scores[arm][place]
                arms[arm] = {"greedy": own.greedy[place].text, "ok": right}
            rows.append({"scope": "target", "prompt": question, "arms": arms})
        return rows

    def _right(self, own: Answers) -> list[bool]:
        pairs = zip(own.greedy, self.taught, strict=True)
        return [completion.text.strip().startswith(answer) for completion, answer in pairs]


def prepare(session: Session, pairs: Pairs) -> TrainingPlan:
    """Make an example of each pair."""
    examples = [
        Example(f"pair-{number}", "pair", make_prompt(question), answer)
        for number, (question, answer) in enumerate(pairs)
    ]
    prompts = {"target": [make_prompt(question) for question, _ in pairs]}
    material = " ".join(f"{question} {answer}" for question, answer in pairs)
    prompted = {"target": [make_prompt(question, system=material) for question, _ in pairs]}

    def build_arms(tuned: TunedModel | None) -> dict[str, Arm]:
        arms = {"base": Arm(session.base, prompts), "prompted": Arm(session.base, prompted)}
        if tuned:
            arms["tuned"] = Arm(tuned.recorded, prompts)
        return arms

    exam = Exam(
        prompts,
        build_arms,
        ToyScorer(pairs),
        header={"material": f"{len(pairs)} pairs"},
    )
    return TrainingPlan(examples, {"pair": {"sft": 1.0}}, exam)


METHOD = Method(
    "toy",
    ToySettings,
    prepare,
    read=read,
    score=ScorePath("answered as taught", ("score",)),
    labels={"score": "Answered as taught"},
)
