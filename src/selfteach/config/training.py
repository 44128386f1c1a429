"""The settings of training: the loop, the objectives, and the adapters that may change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from selfteach.config.sections import Adapter, Count, Objective, Positive, Section, Share


class Lora(Section):
    """Low-rank adapters on all linear layers, or on attention only."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32
    targets: Literal["all-linear", "attention"] = "all-linear"


class Layers(Section):
    """Which weights the adapter `layers` may change: `last 4`, `3,7`, or parts of their names."""

    which: str = "last 4"


class Bottleneck(Section):
    """A small network of `size` hidden units after the MLP of each layer."""

    size: Positive = 32
    layers: str = "all"


class Prompt(Section):
    """A soft prompt of so many tokens, which start as a `text`, as random words, or as noise of
    their size.
    """

    tokens: Annotated[int, Field(ge=1, le=100)] = 20
    start: Literal["text", "vocabulary", "noise"] = "vocabulary"
    text: str = ""


class Reft(Section):
    """Edits of representations: in `rank` directions, after each of the `layers`, at these
    `positions` (`all`, `f1+l1`, ...).

    `tied`: first and last positions share one edit. `site`: a layer's output, or what its MLP adds
    (at all positions other weights do the same).
    """

    rank: Positive = 4
    layers: str = "all"
    positions: str = "f1+l1"
    tied: bool = True
    site: Literal["stream", "down_proj"] = "stream"


class ClosedForm(Section):
    """Teaching without gradient: `shots` worked examples in the prompt are moved into the
    `down_proj` of the `layers`.

    `mu`: the weight of at most `anchors` anchors in the first of `sweeps`; it is halved each sweep
    while KL(base || taught) on held-out anchors is at most `drift`. `lam`: shrinkage. `null_space`:
    instead of `mu`, the share of the anchors' squares whose directions are left alone. `rank`: of
    the LoRA that is saved; 0 keeps all.
    """

    shots: Positive = 16
    layers: str = "last 14"
    anchors: Positive = 400
    mu: Annotated[float, Field(gt=0)] = 60.0
    lam: Annotated[float, Field(gt=0)] = 0.002
    null_space: Share = 0.0
    sweeps: Positive = 2
    drift: Annotated[float, Field(gt=0)] = 0.01
    rank: Count = 64


class Correction(Section):
    """The objective `correction`: how far an answer may be pushed towards its correction, and on
    which tokens.

    `bound` closes the loss (`none` is refused unless `allow_unbounded`). `margin`: what beta * D
    must exceed; null is the bound's own (hinge 1, logistic 0). `clip_nats`: the floor of `clip`, in
    nats per edited token. `alpha`: weight of the correction's own likelihood.
    `mask`: only the tokens that the correction changed. `reference`: against the base (false: CPO,
    CPL, SimPO). `per_token`: mean, not sum.
    `ld_alpha`: weight of the tokens beyond the shorter answer's length. `prior`: a registered
    domain prior, as `length`, which has a target and a spread. `watchdog`: the share of pairs whose
    correction may fall below the base before `anchor_alpha` is added to `alpha`;
    1 switches it off.
    """

    bound: Literal["none", "clip", "hinge", "logistic", "apo_zero"] = "apo_zero"
    allow_unbounded: bool = False
    beta: Annotated[float, Field(gt=0)] = 0.5
    margin: float | None = None
    clip_nats: Annotated[float, Field(gt=0)] = 2.0
    alpha: Annotated[float, Field(ge=0)] = 0.5
    mask: bool = True
    reference: bool = True
    per_token: bool = False
    ld_alpha: Share = 1.0
    prior: str = ""
    prior_weight: Annotated[float, Field(ge=0)] = 1.0
    target_tokens: Annotated[float, Field(gt=0)] = 40.0
    spread: Annotated[float, Field(gt=0)] = 0.5
    watchdog: Share = 0.1
    anchor_alpha: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _fits(self) -> Correction:
        """Refuses what would be unbounded or without any effect."""
        if self.bound == "none" and not self.allow_unbounded:
            raise ValueError(
                'the bound "none" lets the loss fall for ever; name another, or give '
                "--allow-unbounded"
            )
        if self.bound == "apo_zero" and not self.reference:
            raise ValueError(
                'the bound "apo_zero" holds both answers to the base: it needs reference=true'
            )
        if self.margin is not None and self.bound not in ("hinge", "logistic"):
            raise ValueError(f'the bound "{self.bound}" has no margin; hinge and logistic have one')
        if self.prior and self.bound not in ("hinge", "logistic"):
            raise ValueError(
                f'a prior is a margin between two answers, and the bound "{self.bound}" '
                "has none; name hinge or logistic"
            )
        return self


Choice = Literal["auto", "sft+dpo", "sft", "dpo", "distill", "correction"]


class Train(Section):
    """The loop, its objectives for each kind of example, and the adapter that may change.

    `checkpoint_activations`: layers are computed again in the backward pass instead of kept:
    slower, with much less memory. `mix`: the share of each dataset in every epoch, where the
    examples come from several; `least`: of an epoch's rows, by kind, where they do not: a kind with
    fewer comes more often. `l2`: weight of the squared distance to the base's weights.
    `regmean`: before its last third a LoRA gives up what its lessons do not need; so much do
    anchors weigh in this (0: nothing).
    """

    STEPS: ClassVar[tuple[str, ...]] = (
        "fast",
        "objective",
        "on_policy",
        "mix",
        "l2",
        "learning_rate",
    )
    """What says how steps are taken, and which; what is solved for takes none."""

    adapter: Adapter = "lora"
    lora: Lora = Lora()
    layers: Layers = Layers()
    bottleneck: Bottleneck = Bottleneck()
    prompt: Prompt = Prompt()
    reft: Reft = Reft()
    closed_form: ClosedForm = ClosedForm()
    fast: Literal["", "reft"] = ""
    objective: Choice = "sft+dpo"
    trial_steps: Positive = 12
    weights: dict[str, dict[Objective, float]] = Field(default={})
    beta: Annotated[float, Field(gt=0)] = 0.1
    distill_mix: Share = 0.5
    divergence: Literal["forward", "reverse", "jsd"] = "forward"
    jsd_beta: Share = 0.5
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_k: Count = 20
    skip_tokens: Count = 0
    anchor: Literal["nll", "kl"] = "kl"
    correction: Correction = Correction()
    on_policy: Share = 0.0
    own_tokens: Positive = 96
    mix: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    least: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(default={})
    l2: Annotated[float, Field(ge=0)] = 0.0
    regmean: Annotated[float, Field(ge=0)] = 0.0
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    schedule: Literal["linear", "cosine"] = "linear"
    warmup: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    epochs: Positive = 3
    max_steps: Count = 0
    batch_size: Positive = 16
    micro_batch_tokens: Positive = 2048
    max_tokens: Positive = 512
    overlong: Literal["drop", "cut"] = "drop"
    checkpoint_every: Count = 50
    checkpoint_activations: bool = False

    @model_validator(mode="after")
    def _steps(self) -> Train:
        """Refuses what would be passed over in silence."""
        if sum(self.least.values()) >= 1:
            raise ValueError(
                f"train.least asks for {sum(self.least.values()):g} of an epoch; all "
                "its shares together must be less than 1"
            )
        odd = [
            name
            for name in self.STEPS
            if getattr(self, name) != type(self).model_fields[name].default
        ]
        if self.adapter == "closed_form" and odd:
            raise ValueError(
                "closed_form is solved for without steps and has no use for "
                f"{', '.join(odd)}; leave that out, or train lora"
            )
        return self
