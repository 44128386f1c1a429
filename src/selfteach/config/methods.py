"""The settings of each method; a section is read by one room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from selfteach.config.documents import Documents
from selfteach.config.sections import Count, Method, Positive, Section, Share, leaves_a_test_part
from selfteach.config.training import Choice, Train
from selfteach.registry import lookup


class Ask(Section):
    """How many prompts the model asks itself, in each scope; and on how many to learn from the base
    should break the rule (`in_scope`): where it does on fewer, more like those are asked.
    """

    target: Positive = 300
    near: Count = 144
    general: Count = 270
    in_scope: Count = 120
    rounds: Positive = 8
    max_overlap: Share = 0.7
    train_share: Share = 0.72
    dev_share: Share = 0.1
    _rest = model_validator(mode="after")(leaves_a_test_part)


class Probe(Section):
    """Draws from the base on every prompt (the greedy one first), to see where it breaks the rule.

    An anchor keeps the first `anchor_tokens` of the greedy answer, a rejected answer the first
    `rejected_tokens` of a draw.
    """

    draws: Positive = 2
    max_tokens: Positive = 64
    anchor_tokens: Positive = 24
    rejected_tokens: Positive = 24


class Judge(Section):
    """Which judge, and how good it must be before it is trusted."""

    name: str = "auto"
    min_auroc: Share = 0.75
    pairs: Positive = 24


class Search(Section):
    """The search for answers that keep the rule: draft, check, revise, within a budget of tries a
    prompt.
    """

    tries: Positive = 6
    answers: Positive = 3
    max_tokens: Positive = 96
    temperature: Annotated[float, Field(gt=0)] = 0.9
    least_token_logp: Annotated[float, Field(le=0)] = -4.0


class Balance(Section):
    """Clusters of prompts, and rounds that ask for more prompts where the taught answers to dev
    prompts still break the rule.
    """

    clusters: Annotated[int, Field(ge=2)] = 6
    rounds: Count = 0
    prompts: Positive = 24


class Exam(Section):
    """What is asked on held-out prompts, and how much."""

    target: Positive = 40
    near: Count = 30
    general: Count = 24
    max_tokens: Positive = 80
    system: str = "You are a careful assistant for a public library."


class Feedback(Method):
    """Everything that `selfteach feedback` can be told."""

    check: str = ""
    curve: bool = False
    ask: Ask = Ask()
    probe: Probe = Probe()
    judge: Judge = Judge()
    search: Search = Search()
    balance: Balance = Balance()
    train: Train = Train()
    exam: Exam = Exam()


class Correct(Section):
    """What is corrected, and how small a correction must be.

    Each prompt is answered `draws` times a round, greedily first, in `max_tokens`; null is 256 in a
    review, else what 95 of 100 answers of the file need (from 96 to 512). A model that rewrites
    more than `max_distance` of the words is asked again, `tries` times in all. Prompts are split
    into train, dev and test; two of different parts overlap by less than `max_overlap`.
    """

    draws: Positive = 2
    max_tokens: Positive | None = None
    tries: Positive = 3
    max_distance: Share = 0.6
    train_share: Share = 0.7
    dev_share: Share = 0.1
    max_overlap: Share = 0.7
    _rest = model_validator(mode="after")(leaves_a_test_part)


class Criticism(Section):
    """How far a criticism reaches: `similar` prompts that the model asks itself, in at most so many
    rounds; a share is for the exam.

    A revision that a model wrote must have at least `least_token_logp` nats a token under the base.
    """

    similar: Positive = 120
    rounds: Positive = 4
    least_token_logp: Annotated[float, Field(le=0)] = -4.0


class Keep(Section):
    """What must not change: the beginnings of the base's own answers to `general` prompts that it
    asks itself. Some are for the exam.
    """

    general: Count = 160
    rounds: Positive = 6
    anchor_tokens: Positive = 24


class CorrectionsExam(Section):
    """What is asked on held-out prompts. `max_tokens`: null is as for the answers that are
    corrected. `shots` corrections stand in the prompt of the arm that is only shown them. `longer`:
    a training of so many times the steps is examined too, which a loss without a bound would not
    survive; 0 is none.
    """

    prompts: Positive = 60
    general: Count = 24
    max_tokens: Positive | None = None
    shots: Positive = 4
    longer: Count = 0


class Corrections(Method):
    """Everything that `selfteach corrections` can be told."""

    SHORT: ClassVar[Mapping[str, str]] = {"objective": "train.correction"}

    check: str = ""
    review: bool = False
    rounds: Positive = 1
    max_bad_rows: Share = 0.1
    correct: Correct = Correct()
    criticism: Criticism = Criticism()
    judge: Judge = Judge()
    keep: Keep = Keep()
    train: Train = Train(max_tokens=2048)
    exam: CorrectionsExam = CorrectionsExam()

    @field_validator("train")
    @classmethod
    def _own_objectives(cls, train: Train) -> Train:
        """Refuses what would be passed over in silence."""
        if odd := next(
            (
                name
                for name in ("objective", "trial_steps")
                if getattr(train, name) != getattr(Train(), name)
            ),
            "",
        ):
            raise ValueError(
                f"corrections have no use for {odd}: each kind of example has "
                "objectives of its own, which train.weights exchanges; "
                "how they are bounded is train.correction.bound"
            )
        return train


class Invent(Section):
    """How tasks are invented: `requests` a round, until there are enough, or the last rounds kept
    fewer than `least_yield` tasks a request, or after `rounds` rounds where that is a number.
    `items` new tasks are asked for in one list of self-instruct.

    `requests`, `temperature`, `top_p`, `max_tokens`: null is the mode's own, 96, .7, .5, 192 of
    self-instruct, 12, 1, 1, 1536 of alpaca, which asks for 20 whole tasks at once, 96, 1, 1, 192 of
    magpie.
    """

    requests: Positive | None = None
    rounds: Positive | None = None
    least_yield: Share = 0.02
    items: Positive = 2
    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Positive | None = None


class Sift(Section):
    """Which invented tasks are kept: of so many words, without a word of the `blacklist`, and with
    a ROUGE-L of at most `max_overlap` to every seed and every kept task; instances likewise.
    `any_script`: also tasks that begin with a letter beyond ASCII. `similar`: how many of the
    nearest are remembered.
    """

    max_overlap: Share = 0.7
    least_words: Positive = 4
    most_words: Positive = 150
    any_script: bool = False
    similar: Positive = 10
    blacklist: list[str] = Field(
        default=[
            "image",
            "graph",
            "picture",
            "file",
            "map",
            "draw",
            "plot",
            "go to",
            "video",
            "audio",
            "music",
            "flowchart",
            "diagram",
        ]
    )


class Cases(Section):
    """The instances of a task: at most `most`. A chat model answers `draws` times, each time after
    `shots` other worked tasks of people.

    The answer that agrees most with the others (mean ROUGE-L) is the output, where that is at least
    `agreement`.
    """

    most: Positive = 4
    shots: Annotated[int, Field(ge=0)] = 3
    draws: Positive = 4
    agreement: Share = 0.2
    temperature: Annotated[float, Field(ge=0)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_tokens: Positive = 192


class TasksExam(Section):
    """What is asked: `tasks` of the held-out seeds and as many of --test, of each the first
    instance.

    `shots` worked tasks stand in the prompt of the arm that is only shown them.
    """

    tasks: Positive = 60
    general: Count = 24
    max_tokens: Positive = 128
    shots: Positive = 4


class Tasks(Method):
    """Everything that `selfteach tasks` can be told.

    `count`: accepted tasks. `learn_seeds`: whether the people's own tasks are learned too.
    `test_share`: of the seeds, for the exam alone.
    `templates`: one of them is drawn for each example.
    """

    mode: Literal["self-instruct", "alpaca", "magpie"] = "self-instruct"
    count: Positive = 300
    learn_seeds: bool = True
    test_share: Share = 0.2
    templates: list[str] = Field(default=["plain", "line", "labelled", "input-first", "quoted"])
    max_bad_rows: Share = 0.1
    invent: Invent = Invent()
    sift: Sift = Sift()
    cases: Cases = Cases()
    judge: Judge = Judge()
    keep: Keep = Keep(general=80)
    train: Train = Train(epochs=2)
    exam: TasksExam = TasksExam()


class TrainAlone(Train):
    """The loop, and the adapter. `objective`: auto is sft+dpo where every example has a rejected
    answer, else sft.
    """

    objective: Choice = "auto"


class Alone(Section):
    """Everything that `selfteach train` can be told.

    `dev_share`: of the prompts, on which the loss is measured before and after; nothing is learned
    from them.
    """

    model: str = "embedded"
    seed: Count = 0
    dev_share: Share = 0.1
    max_bad_rows: Share = 0.1
    train: TrainAlone = TrainAlone()


METHODS: dict[str, type[Section]] = {
    "feedback": Feedback,
    "corrections": Corrections,
    "documents": Documents,
    "tasks": Tasks,
    "train": Alone,
}


def find_settings(method: str) -> type[Section]:
    """Return the settings of a method, ours or another package's.

    Raises:
        UsageError: there is no such method; the message offers the nearest one.
    """
    if method in METHODS:
        return METHODS[method]
    settings: type[Section] = lookup("methods", method).settings
    return settings
