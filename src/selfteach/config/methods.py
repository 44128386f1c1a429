"""The settings of each method; a section is read by one room."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from selfteach.config.sections import Count, Positive, Section, Share
from selfteach.config.training import Train


class Ask(Section):
    """How many prompts the model asks itself, in each scope."""

    target: Positive = 240
    near: Count = 144
    general: Count = 300
    rounds: Positive = 8
    max_overlap: Share = 0.7
    train_share: Share = 0.6
    dev_share: Share = 0.15


class Probe(Section):
    """Draws from the base on every prompt (the greedy one first), to see where it breaks the rule.

    An anchor keeps the first `anchor_tokens` of the greedy answer, a rejected answer the first `rejected_tokens` of a draw.
    """

    draws: Positive = 2
    max_tokens: Positive = 96
    anchor_tokens: Positive = 24
    rejected_tokens: Positive = 24


class Judge(Section):
    """Which judge, and how good it must be before it is trusted."""

    name: str = "auto"
    min_auroc: Share = 0.75
    pairs: Positive = 24


class Search(Section):
    """The search for answers that keep the rule: draft, check, revise, within a budget of tries a prompt."""

    tries: Positive = 6
    answers: Positive = 3
    max_tokens: Positive = 96
    temperature: Annotated[float, Field(gt=0)] = 0.9
    least_token_logp: Annotated[float, Field(le=0)] = -4.0


class Balance(Section):
    """Clusters of prompts, and rounds that ask for more prompts where the taught answers to dev prompts still break the rule."""

    clusters: Annotated[int, Field(ge=2)] = 6
    rounds: Count = 0
    prompts: Positive = 24


class Exam(Section):
    """What is asked on held-out prompts, and how much."""

    target: Positive = 40
    near: Count = 30
    general: Count = 24
    max_tokens: Positive = 96
    system: str = "You are a careful assistant for a public library."


class Feedback(Section):
    """Everything that `selfteach feedback` can be told."""

    model: str = "embedded"
    teacher: str = ""
    engine: Literal["auto", "openvino", "hf"] = "auto"
    check: str = ""
    seed: Count = 0
    rehearsal: bool = False
    curve: bool = False
    max_failures: Share = 0.1
    ask: Ask = Ask()
    probe: Probe = Probe()
    judge: Judge = Judge()
    search: Search = Search()
    balance: Balance = Balance()
    train: Train = Train()
    exam: Exam = Exam()


class Correct(Section):
    """What is corrected, and how small a correction must be.

    Each prompt is answered `draws` times a round, greedily first. A model that rewrites more than `max_distance` of the words is asked
    again, `tries` times in all. Prompts are split into train, dev and test; two of different parts overlap by less than `max_overlap`.
    """

    draws: Positive = 2
    max_tokens: Positive = 96
    tries: Positive = 3
    max_distance: Share = 0.6
    train_share: Share = 0.7
    dev_share: Share = 0.1
    max_overlap: Share = 0.7


class Criticism(Section):
    """How far a criticism reaches: `similar` prompts that the model asks itself, in at most so many rounds; a share is for the exam.

    A revision that a model wrote must have at least `least_token_logp` nats a token under the base.
    """

    similar: Positive = 80
    rounds: Positive = 4
    least_token_logp: Annotated[float, Field(le=0)] = -4.0


class Keep(Section):
    """What must not change: the beginnings of the base's own answers to `general` prompts that it asks itself. Some are for the exam."""

    general: Count = 160
    rounds: Positive = 6
    anchor_tokens: Positive = 24


class CorrectionsExam(Section):
    """What is asked on held-out prompts. `shots` corrections stand in the prompt of the arm that is only shown them."""

    prompts: Positive = 60
    general: Count = 24
    max_tokens: Positive = 96
    shots: Positive = 4


class Corrections(Section):
    """Everything that `selfteach corrections` can be told."""

    model: str = "embedded"
    teacher: str = ""
    engine: Literal["auto", "openvino", "hf"] = "auto"
    check: str = ""
    seed: Count = 0
    rehearsal: bool = False
    review: bool = False
    rounds: Positive = 1
    max_bad_rows: Share = 0.1
    max_failures: Share = 0.1
    correct: Correct = Correct()
    criticism: Criticism = Criticism()
    judge: Judge = Judge()
    keep: Keep = Keep()
    train: Train = Train()
    exam: CorrectionsExam = CorrectionsExam()


METHODS: dict[str, type[Section]] = {"feedback": Feedback, "corrections": Corrections}
