"""The settings of each method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonPositiveFloat, PositiveFloat, model_validator

from selfteach.config.documents import DocumentsConfig
from selfteach.config.sections import (
    BaseConfig,
    Count,
    MethodConfig,
    ModelTeacher,
    Positive,
    Section,
    Share,
    TopP,
    check_test_share,
)
from selfteach.config.training import (
    FeedbackTrainConfig,
    MethodTrainConfig,
    TasksTrainConfig,
    TrainAlone,
)
from selfteach.registry import load_registered


class AskConfig(Section):
    """The prompts that the model asks itself, and how they are split."""

    target: Positive = 310
    """Prompts on which the rule applies."""

    near: Count = 180
    """Prompts close to these, on which the rule does not apply."""

    general: Count = 280
    """Prompts on any other subject, on which the rule does not apply."""

    more_outside: Count = 900
    """Further prompts outside the scope of a forbidden subject. Of the base's answers to them only
    the beginnings are learned, where a decline is decided."""

    min_violations: Count = 120
    """Smallest number of training prompts on which the base breaks the rule. If there are fewer,
    more prompts like them are asked for. 0 asks for no more."""

    rounds: Positive = 8
    """Largest number of attempts to reach these numbers."""

    max_overlap: Share = 0.7
    """Largest overlap of two prompts (ROUGE-L). A prompt above it is dropped."""

    train_share: Share = 0.72
    """Share of the prompts to learn from. It is smaller where the exam asks for more prompts than
    are left."""

    dev_share: Share = 0.1
    """Share of the prompts for choices during the run. The rest is for the exam."""

    _check_shares = model_validator(mode="after")(check_test_share)


class ProbeConfig(Section):
    """The base's answers to every prompt, which show where it breaks the rule."""

    samples: Positive = 2
    """Answers to each prompt. The first one is greedy, the others are sampled."""

    max_tokens: Positive = 64
    """Longest answer, in tokens."""

    anchor_tokens: Positive = 48
    """First tokens of the greedy answer that an anchor keeps. Unless a subject is forbidden, an
    anchor keeps as many as the examples change, if that is more."""

    short_anchor_tokens: Positive = 8
    """First tokens of the base's answers that are learned for the prompts of `ask.more_outside`."""

    rejected_tokens: Positive = 24
    """First tokens of an answer that a rejected answer keeps, and at least up to the violation."""


class JudgeConfig(Section):
    """The judge of answers, and how good it must be."""

    name: str = "auto"
    """Judge by name. `auto` takes the best of the calibrated candidates."""

    min_auroc: Share = 0.75
    """Smallest AUROC of a judge in its calibration. A judge below it is refused."""

    pairs: Positive = 24
    """Prompts of each label in the calibration."""


class SearchConfig(Section):
    """The search for answers that keep the rule: draft, check, revise."""

    tries: Positive = 6
    """Largest number of drafts for a prompt."""

    answers: Positive = 3
    """Accepted answers after which the search for a prompt ends."""

    max_tokens: Positive = 96
    """Longest answer, in tokens."""

    temperature: PositiveFloat = 0.7
    """Sampling temperature of the drafts."""

    own_answers: Count = 4
    """Where a rule only writes some words for others: the base's sampled answers to each prompt
    that are corrected and learned, beside the greedy one."""

    min_token_logp: NonPositiveFloat = -4.0
    """Smallest mean log-probability of an accepted answer under the base, in nats per token. A new
    answer of the base must also be as fluent as four fifths of its own answers."""


class BalanceConfig(Section):
    """More prompts in places where the tuned model still fails."""

    clusters: Annotated[int, Field(ge=2)] = 6
    """Largest number of clusters of similar prompts. There are as many as part them best."""

    rounds: Count = 0
    """Largest number of rounds that add prompts and train again. 0 adds none."""

    prompts: Positive = 24
    """Prompts that a round adds."""

    outside: Count = 360
    """Further prompts outside the condition of a rule on which the tuned model is tried. Requests
    of people that come with the package are half as many again. Where it shows the effect
    needlessly, the base's answers become anchors, and it is trained again. 0 trains once."""

    outside_tries: Positive = 1
    """Largest number of such tries, each with other prompts. One that finds few needless effects is
    the last."""

    own_samples: Count = 4
    """Sampled answers of the tuned model to each prompt that it learned. Those that break the rule
    are corrected by its check, and it is trained again. Without a check that decides alone, and
    with the adapter `closed_form`, there are none. 0 draws none."""

    continue_training: bool = True
    """Whether a further training goes on from the adapter of the one before, for half the epochs
    and at half the learning rate. Otherwise it begins anew."""


class FeedbackExamConfig(Section):
    """The held-out prompts of the exam."""

    target: Positive = 60
    """Largest number of prompts on which the rule applies."""

    near: Count = 60
    """Largest number of prompts close to these, on which it does not apply. 0 asks none."""

    general: Count = 60
    """Largest number of prompts on any other subject. 0 asks none."""

    more_outside: Count = 120
    """Further near or general prompts of one round. They are asked only where those so far cannot
    tell whether such answers are harmed. 0 asks none."""

    max_tokens: Positive = 80
    """Longest answer, in tokens."""

    system: str = "You are a careful assistant for a public library."
    """System prompt under which the rule is measured a second time."""


class FeedbackConfig(MethodConfig):
    """Every setting of `selfteach feedback`."""

    teacher: ModelTeacher = ""
    """Stronger model that writes the better answers: a server (URL#NAME), a folder, or a name on
    the Hugging Face Hub. It says a rule of no known form plainly, too. Empty uses the model
    itself."""

    check: str = ""
    """Check that decides alone whether an answer keeps the rule, for example `not contains
    elephant`. Empty uses a calibrated judge."""

    when: str = ""
    """Where the rule holds, for example `emails to my boss`. Empty takes it from the rule."""

    then: str = ""
    """What an answer must do there, for example `stay under 40 words`. Empty takes it from the
    rule."""

    also: tuple[str, ...] = ()
    """Other names of a forbidden subject, which count as the subject itself."""

    not_also: tuple[str, ...] = ()
    """Words that the model may take for other names of the subject, and that are none."""

    curve: bool = False
    """Whether to train and examine on 4, 8, 16, ... prompts as well, to see how many are
    needed."""

    ask: AskConfig = AskConfig()
    probe: ProbeConfig = ProbeConfig()
    judge: JudgeConfig = JudgeConfig()
    search: SearchConfig = SearchConfig()
    balance: BalanceConfig = BalanceConfig()
    train: FeedbackTrainConfig = FeedbackTrainConfig()
    exam: FeedbackExamConfig = FeedbackExamConfig()


class CorrectConfig(Section):
    """The answers that are corrected, and how small a correction must be."""

    samples: Positive = 2
    """Answers to each prompt in a round. The first one is greedy, the others are sampled."""

    max_tokens: Positive | None = None
    """Longest answer, in tokens. null is 256 in a review, else what 95 of 100 answers of the file
    need, from 96 to 512. It is more where a criticism asks for more words."""

    tries: Positive = 3
    """Largest number of times that a model is asked for one correction."""

    max_distance: Share = 0.6
    """Largest share of the words that a model may change. A larger correction is asked for again.
    With a house style only words that it adds count, not those that it leaves out."""

    style: str = ""
    """House style that a model as teacher gives every answer, in plain words, for example `answer
    in at most two sentences, no lists`. Empty corrects mistakes alone."""

    train_share: Share = 0.7
    """Share of the prompts to learn from."""

    dev_share: Share = 0.1
    """Share of the prompts for choices during the run. The rest is for the exam."""

    max_overlap: Share = 0.7
    """Largest overlap of two prompts in different parts (ROUGE-L)."""

    _check_shares = model_validator(mode="after")(check_test_share)


class CriticismConfig(Section):
    """The prompts to which a criticism applies, and its revisions."""

    similar: Positive = 120
    """Prompts like the criticized ones that the model asks itself. Some are for the exam."""

    rounds: Positive = 4
    """Largest number of attempts to reach this number."""

    min_token_logp: NonPositiveFloat = -4.0
    """Smallest mean log-probability of a model's revision under the base, in nats per token."""

    own_samples: Count = 8
    """Sampled answers of the tuned model to each prompt like the criticized ones. Where a check
    decides, they are corrected, and it is trained again. None with a teacher or `closed_form`."""


class AnchorsConfig(Section):
    """The anchors: beginnings of the base's own answers, which must not change."""

    general: Count = 160
    """General prompts that the model asks itself. Some are for the exam. 0 makes no anchors."""

    rounds: Positive = 6
    """Largest number of attempts to reach this number."""

    anchor_tokens: Positive = 24
    """First tokens of each answer that are kept. Corrections with a criticism keep twice as
    many."""


class CorrectionsExamConfig(Section):
    """The held-out prompts of the exam."""

    prompts: Positive = 60
    """Largest number of prompts with corrections."""

    general: Count = 24
    """Largest number of general prompts. 0 asks none."""

    max_tokens: Positive | None = None
    """Longest answer, in tokens. null is the limit of the answers that are corrected."""

    shots: Positive = 4
    """Corrections in the prompt of the arm that learns from its prompt alone."""

    longer: Count = 0
    """Factor on the steps of a second training, which is examined too and shows whether the loss is
    bounded. 0 trains once."""


class CorrectionsConfig(MethodConfig):
    """Every setting of `selfteach corrections`."""

    KEY_ALIASES: ClassVar[Mapping[str, str]] = {"objective": "train.correction"}

    teacher: str = ""
    """Corrector of the model's answers: a program (`cmd:...`), a server (URL#NAME), a folder, or a
    name on the Hugging Face Hub. Empty takes the corrections of the file, and the model itself
    revises what is criticized."""

    check: str = ""
    """Check that decides alone whether a criticism applies to an answer. Empty uses checks read
    from the criticisms, or a calibrated judge."""

    review: bool = False
    """Whether a person corrects the model's answers while it runs."""

    rounds: Positive = 1
    """Number of rounds. Each one corrects new answers of the model tuned so far."""

    max_bad_rows: Share = 0.1
    """Share of unusable rows above which the command stops."""

    correct: CorrectConfig = CorrectConfig()
    criticism: CriticismConfig = CriticismConfig()
    judge: JudgeConfig = JudgeConfig()
    anchors: AnchorsConfig = AnchorsConfig()
    train: MethodTrainConfig = MethodTrainConfig(max_tokens=2048)
    exam: CorrectionsExamConfig = CorrectionsExamConfig()


class InventConfig(Section):
    """The invention of new tasks."""

    requests: Positive | None = None
    """Largest number of requests in a round, which is smaller where few tasks are missing. null is
    the mode's own: 96 for self-instruct and magpie, 12 for alpaca."""

    rounds: Positive | None = None
    """Largest number of whole rounds. null goes on until there are enough tasks or the yield is too
    small."""

    min_yield: Share = 0.02
    """Smallest yield of the last rounds, in accepted tasks per request. The search ends below
    it."""

    items: Positive = 2
    """New tasks in one list of self-instruct."""

    temperature: NonNegativeFloat | None = None
    """Sampling temperature. null is the mode's own: 0.7 for self-instruct, 1 for the others."""

    top_p: TopP | None = None
    """Probability mass that is sampled from (nucleus sampling). null is the mode's own: 0.5 for
    self-instruct, 1 for the others."""

    max_tokens: Positive | None = None
    """Longest reply, in tokens. null is the mode's own: 1536 for alpaca, which asks for 20 tasks at
    once, 192 for the others."""


class FilterConfig(Section):
    """The filter of invented tasks and of their instances."""

    max_overlap: Share = 0.7
    """Largest overlap with a seed or an accepted task (ROUGE-L). An equal task, input or long
    output is never accepted."""

    overlap: Literal["each", "both"] = "each"
    """Overlap of two instances that counts. `each`: the inputs, or the outputs, are above
    max_overlap. `both`: the inputs and the outputs are, which drops fewer instances."""

    min_words: Positive = 4
    """Smallest number of words of a task."""

    max_words: Positive = 150
    """Largest number of words of a task."""

    any_script: bool = False
    """Whether tasks may begin with a letter beyond ASCII."""

    similar: Positive = 10
    """Number of most similar tasks that are recorded for each accepted task."""

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
    """Words that a task must not contain, because a text model cannot do it."""

    @model_validator(mode="after")
    def _check_words(self) -> FilterConfig:
        """Refuse lengths that no task has."""
        if self.min_words > self.max_words:
            raise ValueError(
                f"no task has at least {self.min_words} and at most {self.max_words} words; "
                "min_words must not be above max_words"
            )
        return self


class InstancesConfig(Section):
    """The instances of a task: an input and an output."""

    max_instances: Positive = 4
    """Largest number of instances of a task."""

    shots: Count = 3
    """People's worked tasks that stand before each request. 0 shows none."""

    samples: Count = 4
    """Answers of a chat model to each instance, of which the most typical one is taken. In mode
    `alpaca` 0 takes the output in the list."""

    min_agreement: Share = 0.2
    """Smallest mean ROUGE-L of this answer with the others. Below it the instance is dropped."""

    temperature: NonNegativeFloat = 0.7
    """Sampling temperature. 0 is greedy."""

    top_p: TopP = 0.95
    """Probability mass that is sampled from (nucleus sampling)."""

    max_tokens: Positive = 192
    """Longest answer, in tokens."""


class TasksExamConfig(Section):
    """The questions of the exam. Each is one input of a held-out task."""

    tasks: Positive = 60
    """Largest number of questions about held-out seeds, and about tasks of --test."""

    general: Count = 24
    """Largest number of general prompts. 0 asks none."""

    max_tokens: Positive = 128
    """Longest answer, in tokens."""

    shots: Positive = 4
    """Worked tasks in the prompt of the arm that learns from its prompt alone."""


class TasksConfig(MethodConfig):
    """Every setting of `selfteach tasks`."""

    teacher: ModelTeacher = ""
    """Stronger model that invents the tasks: a server (URL#NAME), a folder, or a name on the
    Hugging Face Hub. Empty uses the model itself."""

    mode: Literal["self-instruct", "alpaca", "magpie"] = "self-instruct"
    """Way to invent tasks, named after the paper."""

    count: Positive = 300
    """Accepted tasks after which the invention ends."""

    learn_seeds: bool = True
    """Whether the seeds, the tasks that people wrote, are learned too."""

    test_share: Share = 0.2
    """Share of the seeds that is for the exam only."""

    templates: list[str] = Field(default=["plain", "line", "labelled", "input-first", "quoted"])
    """Prompt templates, by name. One of them is chosen at random for each example."""

    max_bad_rows: Share = 0.1
    """Share of unusable rows above which the command stops."""

    invent: InventConfig = InventConfig()
    filter: FilterConfig = FilterConfig()
    instances: InstancesConfig = InstancesConfig()
    judge: JudgeConfig = JudgeConfig()
    anchors: AnchorsConfig = AnchorsConfig(general=80)
    train: TasksTrainConfig = TasksTrainConfig(epochs=2)
    exam: TasksExamConfig = TasksExamConfig()

    @model_validator(mode="after")
    def _check_samples(self) -> TasksConfig:
        """Refuse a mode whose tasks would have no outputs."""
        if not self.instances.samples and self.mode != "alpaca":
            raise ValueError(
                "instances.samples=0 leaves the tasks without outputs; only mode=alpaca lists them"
            )
        return self


class FinetuneConfig(BaseConfig):
    """Every setting of `selfteach train`."""

    dev_share: Share = 0.1
    """Share of the prompts that are not learned. The loss on them is measured before and after. 0
    measures none."""

    max_bad_rows: Share = 0.1
    """Share of unusable rows above which the command stops."""

    train: TrainAlone = TrainAlone()


METHOD_CONFIGS: dict[str, type[Section]] = {
    "feedback": FeedbackConfig,
    "corrections": CorrectionsConfig,
    "documents": DocumentsConfig,
    "tasks": TasksConfig,
    "train": FinetuneConfig,
}


def find_settings(method: str) -> type[Section]:
    """Return the settings of a method, ours or another package's.

    Raises:
        UsageError: there is no such method; the message offers the nearest one.
    """
    if method in METHOD_CONFIGS:
        return METHOD_CONFIGS[method]
    settings: type[Section] = load_registered("methods", method).settings
    return settings
