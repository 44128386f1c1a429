"""The settings of training: the loop, the objectives, and the adapters that may change."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from selfteach.config.sections import (
    AdapterName,
    Count,
    ObjectiveName,
    ObjectiveSum,
    Positive,
    PriorName,
    Section,
    Share,
)

CHANGEABLE_SETTINGS = ("checkpoint_activations", "checkpoint_every", "micro_batch_tokens")
"""Settings of training that change no result. A run may be resumed with other values."""


class LoraConfig(Section):
    """Low-rank adapters (LoRA) on the linear layers."""

    rank: Positive = 16
    """Rank of the two factors of each update."""

    alpha: PositiveFloat = 32
    """Scale of the update: the product of the factors counts alpha / rank times."""

    targets: Literal["all-linear", "attention"] = "all-linear"
    """Parts that get an adapter: all linear layers, or those of attention only."""

    layers: str = "all"
    """Decoder layers that get an adapter: `all`, `last 4`, `last 50%` or `3,7`. Layers before the
    first one need no backward pass."""

    experts: bool = False
    """Whether the fused experts of a mixture get an adapter too, each its own (PEFT's
    `target_parameters`). Such an adapter can be merged, but not added to another one."""


class LayersConfig(Section):
    """The adapter `layers`: some of the model's own weights change."""

    which: str = "last 4"
    """Weights that may change: the last layers (`last 4`), layers by number (`3,7`), or parts of
    their names."""


class BottleneckConfig(Section):
    """The adapter `bottleneck`: a small network after the MLP of each layer."""

    size: Positive = 32
    """Hidden units of each network."""

    layers: str = "all"
    """Layers that get a network: `all`, `last 4` or `3,7`."""


class PromptConfig(Section):
    """The adapter `prompt`: trained vectors that stand before every prompt."""

    tokens: Annotated[int, Field(ge=1, le=100)] = 20
    """Number of vectors, each in the place of one token."""

    start: Literal["text", "vocabulary", "noise"] = "vocabulary"
    """First values of the vectors: the embeddings of `text`, those of random words, or noise of
    their size."""

    text: str = ""
    """Text that the vectors start as, for start=text."""


class ReftConfig(Section):
    """The adapter `reft`: edits of hidden states."""

    rank: Positive = 4
    """Number of directions of a hidden state that an edit may change."""

    layers: str = "all"
    """Layers whose hidden states are edited: `all`, `last 4` or `3,7`."""

    positions: str = "f1+l1"
    """Tokens of the prompt whose hidden states are edited: `all`, or the first and last ones
    (`f1+l1`)."""

    tied: bool = True
    """Whether the first and the last positions share one edit."""

    site: Literal["stream", "down_proj"] = "stream"
    """What is edited: a layer's output (stream), or what its MLP adds (down_proj). With
    positions=all, the edit of down_proj is a change of its weights."""


class ClosedFormConfig(Section):
    """The adapter `closed_form`: the effect of worked examples in the prompt is written into the
    `down_proj` weights by solving for them, without gradients."""

    shots: Positive = 16
    """Worked examples in the prompt whose effect is written into the weights."""

    layers: str = "last 14"
    """Layers whose weights change: `all`, `last 14` or `3,7`."""

    anchors: Positive = 400
    """Largest number of anchors, which hold the base's other answers in place."""

    mu: PositiveFloat = 60.0
    """Weight of the anchors in the first sweep. It is halved in each further sweep while the drift
    allows it."""

    lam: PositiveFloat = 0.002
    """Shrinkage of the change (ridge), relative to the size of the features."""

    null_space: Share = 0.0
    """Share of the anchors' squared features whose directions stay unchanged, in place of `mu`. 0
    uses `mu`."""

    sweeps: Positive = 2
    """Number of sweeps over the layers. Each begins from the weights of the one before."""

    drift: PositiveFloat = 0.01
    """Largest drift on held-out anchors: the mean KL(base || tuned) a token, in nats."""

    rank: Count = 64
    """Rank of the LoRA that is saved. 0 keeps the full rank."""


MIN_PRIOR_TEXTS = 8
"""Smallest number of texts in each list of the prior `classifier`."""
HOOK_ADAPTERS = ("bottleneck", "prompt", "reft")
"""Adapters that change hidden states, of which a model holds one at a time."""


class CorrectionLossConfig(Section):
    """The objective `correction`: prefer each correction to the answer that it corrects."""

    bound: Literal["none", "clip", "hinge", "logistic", "apo_zero"] = "apo_zero"
    """Form that keeps the loss from falling without end. `none` needs allow_unbounded=true."""

    allow_unbounded: bool = False
    """Whether the bound `none` is accepted."""

    beta: PositiveFloat = 0.5
    """Factor of the difference between the two log-likelihoods."""

    margin: float | None = None
    """Value that beta times the difference must exceed, for the bounds hinge and logistic. null is
    the bound's own: 1 for hinge, 0 for logistic."""

    clip_nats: PositiveFloat = 2.0
    """Floor of the bound `clip`, in nats per edited token."""

    alpha: NonNegativeFloat = 0.5
    """Weight of the correction's own likelihood (SFT). 0 leaves it out."""

    mask: bool = True
    """Whether only the tokens that the correction changed count."""

    reference: bool = True
    """Whether likelihoods are compared with those of the base. false gives CPO, CPL and SimPO."""

    per_token: bool = False
    """Whether an answer's log-likelihood is the mean of its tokens instead of their sum."""

    ld_alpha: Share = 1.0
    """Weight of the tokens beyond the length of the shorter answer."""

    prior: PriorName = ""
    """Registered prior: the likelihood of an answer in the domain, apart from the model. `length`
    prefers a length, `start` prefers first words, `classifier` prefers answers like given texts.
    Empty uses none."""

    prior_as: Literal["factor", "margin"] = "factor"
    """Use of the prior. `factor`: the corrected probability is model times prior, so the model
    learns less of what the prior holds. `margin`: the model itself must come to hold the prior."""

    prior_weight: NonNegativeFloat = 1.0
    """Weight of the prior. 0 switches it off."""

    prior_start: str = ""
    """First words that the prior `start` prefers."""

    prior_for: tuple[str, ...] = ()
    """Texts like those that the prior `classifier` prefers, at least eight."""

    prior_against: tuple[str, ...] = ()
    """Texts unlike them, at least eight."""

    target_tokens: PositiveFloat = 40.0
    """Answer length that the prior `length` prefers, in tokens."""

    spread: PositiveFloat = 0.5
    """Standard deviation of the prior `length`, in units of the logarithm of the length."""

    watchdog: Share = 0.1
    """Share of pairs whose correction may become less likely than under the base. Above it,
    `anchor_alpha` is added to `alpha`. 1 switches this off."""

    anchor_alpha: PositiveFloat = 1.0
    """Value added to `alpha` while too many corrections are less likely than under the base."""

    @model_validator(mode="after")
    def _check_bound(self) -> CorrectionLossConfig:
        """Refuse what would be unbounded or without any effect."""
        if self.bound == "none" and not self.allow_unbounded:
            raise ValueError(
                'the bound "none" lets the loss fall for ever; name another, or set '
                "train.correction.allow_unbounded=true"
            )
        if self.bound == "apo_zero" and not self.reference:
            raise ValueError(
                'the bound "apo_zero" holds both answers to the base: it needs reference=true'
            )
        if self.margin is not None and self.bound not in ("hinge", "logistic"):
            raise ValueError(f'the bound "{self.bound}" has no margin; hinge and logistic have one')
        if self.prior and self.bound == "none":
            raise ValueError(
                'a prior adds a constant to the loss of the bound "none" and has no effect; '
                "name another bound"
            )
        if bool(self.prior_start) != (self.prior == "start"):
            raise ValueError(
                "the prior start needs the first words that it prefers in prior_start, and no "
                "other prior reads them"
            )
        lists = (self.prior_for, self.prior_against)
        if self.prior == "classifier" and min(map(len, lists)) < MIN_PRIOR_TEXTS:
            raise ValueError(
                f"the prior classifier needs at least {MIN_PRIOR_TEXTS} texts in prior_for and in "
                f"prior_against; there are {len(self.prior_for)} and {len(self.prior_against)}"
            )
        if self.prior != "classifier" and any(lists):
            raise ValueError(
                "only the prior classifier reads prior_for and prior_against; add prior=classifier"
            )
        return self


class TrainConfig(Section):
    """The training loop, its objectives for each kind of example, and the adapter."""

    # The trainer reads all of these. A subclass adds the keys that only its method reads, and
    # fixes those that its method has no use for: a ClassVar is a constant and no key.

    STEP_KEYS: ClassVar[tuple[str, ...]] = (
        "distill_from",
        "objective",
        "on_policy",
        "dataset_shares",
        "l2",
        "learning_rate",
    )
    """The settings of gradient steps. An adapter that is solved for takes no steps."""

    SOLVED_KEYS: ClassVar[tuple[str, ...]] = (
        "adapter",
        "closed_form",
        "weights",
        "max_tokens",
        "overlong",
        *CHANGEABLE_SETTINGS,
    )
    """The settings that matter to an adapter that is solved for, and those that change no result:
    the account of a run's memory goes by some of them."""

    adapter: AdapterName = "lora"
    """Parameters that may change: lora, full, layers, bottleneck, prompt, reft, closed_form, or an
    adapter of a plug-in."""

    lora: LoraConfig = LoraConfig()
    layers: LayersConfig = LayersConfig()
    bottleneck: BottleneckConfig = BottleneckConfig()
    prompt: PromptConfig = PromptConfig()
    reft: ReftConfig = ReftConfig()
    closed_form: ClosedFormConfig = ClosedFormConfig()

    distill_from: Literal["", "reft"] = ""
    """Adapter that is trained first, in seconds, and then distilled into `adapter`. Empty trains
    `adapter` directly."""

    weights: dict[str, dict[ObjectiveName, NonNegativeFloat]] = Field(default={})
    """Weights of the objectives for a kind of example, in place of the method's own, for example
    `{near: {anchor: 2.0}}`."""

    beta: PositiveFloat = 0.1
    """Beta of DPO: the smaller it is, the further the model may move from the base."""

    distill_mix: Share = 0.5
    """Share of distillation in the objective `distill`. The rest is the loss of SFT."""

    divergence: Literal["forward", "reverse", "jsd"] = "forward"
    """Divergence of the objective `distill`: forward KL, reverse KL, or generalized
    Jensen-Shannon."""

    jsd_beta: Share = 0.5
    """Beta of the Jensen-Shannon divergence. 0 is forward KL and 1 is reverse KL."""

    temperature: PositiveFloat = 1.0
    """Temperature that divides both models' logits in `distill`, `anchor` and `hold`."""

    top_k: Count = 20
    """Number of likeliest tokens that stand for the reference's distribution, beside one entry for
    all others. 0 takes the whole vocabulary."""

    skip_tokens: Count = 0
    """First tokens of each answer that `distill` leaves out."""

    anchor: Literal["nll", "kl"] = "kl"
    """Loss of anchors: the base's answer (nll), or its whole distribution (kl)."""

    correction: CorrectionLossConfig = CorrectionLossConfig()

    on_policy: Share = 0.0
    """Share of the examples in a step whose answers the tuned model samples itself, for objectives
    that distill. 0 uses the given answers only."""

    on_policy_tokens: Positive = 96
    """Longest answer that the tuned model samples between steps, in tokens."""

    dataset_shares: dict[str, PositiveFloat] = Field(default={})
    """Share of each dataset in every epoch, by name. Empty takes every row once. It cannot stand
    beside `min_share` or `once`."""

    min_share: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(default={})
    """Smallest share of an epoch's rows for each kind of example. Rows of a kind with fewer are
    repeated. Empty takes every row once."""

    once: list[str] | None = Field(default=[])
    """Kinds of example that are seen once in the whole training, a part of them in each epoch. The
    parts are equal, rounded up: where the rows do not divide, some are seen again. With more
    `max_steps` than these epochs have, the parts are smaller."""

    l2: NonNegativeFloat = 0.0
    """Weight of the squared distance to the base's weights. 0 leaves it out."""

    regmean: NonNegativeFloat = 0.0
    """Weight of the anchors when a LoRA is reduced to what its examples need (RegMean), before the
    last third of the steps. 0 skips this."""

    learning_rate: PositiveFloat | None = None
    """Highest learning rate. null is the adapter's own, for example 1e-3 for lora."""

    schedule: Literal["linear", "cosine"] = "linear"
    """Form in which the learning rate falls to 0 after the warm-up."""

    warmup: Share = 0.1
    """Share of all steps in which the learning rate rises from 0. 0 begins at the highest rate."""

    weight_decay: NonNegativeFloat = 0.0
    """Weight decay of AdamW. 0 switches it off."""

    max_grad_norm: PositiveFloat = 1.0
    """Largest norm of the gradient. A larger one is scaled down to it."""

    epochs: Positive = 3
    """Number of times that all examples are seen."""

    max_steps: Count = 0
    """Number of steps, in place of `epochs`. 0 uses `epochs`."""

    batch_size: Positive = 16
    """Examples in a step."""

    micro_batch_tokens: Positive = 2048
    """Tokens computed at once. It sets speed and memory, not the result. It is halved where memory
    runs out. A run may be resumed with another value."""

    max_tokens: Positive = 512
    """Longest example in tokens, prompt and answer together."""

    overlong: Literal["drop", "cut"] = "drop"
    """Treatment of longer examples: they are left out (drop) or shortened (cut), and counted."""

    checkpoint_every: Count = 50
    """Steps between two checkpoints. 0 writes none. A run may be resumed with another value."""

    checkpoint_activations: bool = False
    """Whether layers are computed again in the backward pass instead of kept. This is slower and
    needs much less memory. A run may be resumed with another value."""

    @classmethod
    def get_step_defaults(cls) -> dict[str, Any]:
        """Return the defaults of the settings of gradient steps that this section has."""
        fields = cls.model_fields
        return {name: fields[name].default for name in cls.STEP_KEYS if name in fields}

    @classmethod
    def is_ignored(cls, adapter: object, name: str) -> bool:
        """Return whether nothing reads a setting of this section where this adapter is trained.

        Those of gradient steps are not asked about: the section itself refuses them.
        """
        known = name in cls.model_fields and name not in cls.STEP_KEYS
        return known and adapter == "closed_form" and name not in cls.SOLVED_KEYS

    @model_validator(mode="after")
    def _check_steps(self) -> TrainConfig:
        """Refuse settings that would be ignored."""
        shares = sum(self.min_share.values())
        if shares >= 1:
            raise ValueError(
                f"train.min_share asks for {shares:g} of an epoch; all "
                "its shares together must be less than 1"
            )
        if both := self.min_share.keys() & set(self.once or ()):
            raise ValueError(
                f"train.once and train.min_share both name {min(both)}; "
                "a kind that is seen once is not repeated"
            )
        if self.once and self.dataset_shares:
            raise ValueError(
                "train.once has no use beside train.dataset_shares, which says what an epoch has; "
                "leave one of them out"
            )
        if self.min_share and self.dataset_shares:
            raise ValueError(
                "train.min_share has no use beside train.dataset_shares, which says what an epoch "
                "has; leave one of them out"
            )
        if self.distill_from and self.adapter in HOOK_ADAPTERS:
            raise ValueError(
                f"train.distill_from attaches a {self.distill_from} while the adapter learns, "
                f"which a {self.adapter} adapter leaves no room for; train lora or full, or leave "
                "it out"
            )
        if self.l2 and self.adapter in HOOK_ADAPTERS:
            raise ValueError(
                f"train.l2 holds weights to the base's, and a {self.adapter} adapter changes none; "
                "leave it out, or train lora or full"
            )
        defaults = self.get_step_defaults()
        odd = [name for name, value in defaults.items() if getattr(self, name) != value]
        if self.adapter == "closed_form" and odd:
            raise ValueError(
                "closed_form is solved for without steps and has no use for "
                f"{', '.join(odd)}; leave that out, or train lora"
            )
        return self


class MethodTrainConfig(TrainConfig):
    """The training loop, its objectives for each kind of example, and the adapter."""

    # A method makes one dataset: no key of it shares an epoch between several.
    dataset_shares: ClassVar[dict[str, float]] = {}  # type: ignore[misc]


class FeedbackTrainConfig(MethodTrainConfig):
    """The training loop, its objectives for each kind of example, and the adapter."""

    objective: ObjectiveSum | None = None
    """Objective of the examples in scope of the rule: sft, dpo, unlikelihood, distill, correction,
    one of a plug-in, or several joined by +. `auto` tries the candidates and keeps the best on dev
    prompts. null is sft+dpo. A rule that forbids a subject or a text adds unlikelihood. One that
    writes some words for others has sft+correction."""

    trial_steps: Positive = 12
    """Steps of each candidate's trial, for objective=auto."""

    epochs: Positive | None = None  # type: ignore[assignment]
    """Number of times that all examples are seen. null is 4 for a rule that has a condition, or
    limits words or characters. For other rules it is 2. A larger model than the default one sees
    few examples up to 8 times."""

    once: list[str] | None = None
    """Kinds of example that are seen once in the whole training. null is near and general for a
    rule that forbids a subject. Each epoch has an equal part of them, rounded up."""

    learning_rate: PositiveFloat | None = None
    """Highest learning rate. null is 2.5e-3 for lora, less for models of more than 135 million
    weights, and any other adapter's own."""

    regmean: NonNegativeFloat = 3.0
    """Weight of the anchors when a LoRA is reduced to what its examples need (RegMean), before the
    last third of the steps. 0 skips this."""

    lora: LoraConfig = LoraConfig(layers="last 50%")


class DocumentsTrainConfig(MethodTrainConfig):
    """The training loop, its objectives for each kind of example, and the adapter."""

    # Their least share decides also how many anchors are written.
    SOLVED_KEYS: ClassVar[tuple[str, ...]] = (*MethodTrainConfig.SOLVED_KEYS, "min_share")

    # Nothing samples between the steps of a training on documents.
    on_policy: ClassVar[float] = 0.0  # type: ignore[misc]
    on_policy_tokens: ClassVar[int] = 96  # type: ignore[misc]


class TasksTrainConfig(MethodTrainConfig):
    """The training loop, its objectives for each kind of example, and the adapter."""

    learning_rate: PositiveFloat | None = None
    """Highest learning rate. null is 1e-3 for lora, less for models of more than 135 million
    weights, and any other adapter's own."""


class TrainAlone(TrainConfig):
    """The training loop, its objective, and the adapter."""

    objective: ObjectiveSum = "auto"
    """Objective of the examples: sft, dpo, distill, unlikelihood, correction, one of a plug-in, or
    several joined by +. `auto` is sft+dpo if every example has a rejected answer, else sft."""
