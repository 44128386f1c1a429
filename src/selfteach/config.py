"""Configuration: YAML and `--set a.b=c` become frozen models. Every mistake is reported at once, with the nearest right word.

Each section is read by one room. A key that no code reads is a defect; tests/test_config.py looks for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from selfteach.errors import UsageError
from selfteach.registry import did_you_mean

MAX_CONFIG_BYTES = 1 << 20
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


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
    """A soft prompt of so many tokens, which start as a `text`, as random words, or as noise of their size."""

    tokens: Annotated[int, Field(ge=1, le=100)] = 20
    start: Literal["text", "vocabulary", "noise"] = "vocabulary"
    text: str = ""


class Reft(Section):
    """Edits of representations: in `rank` directions, after each of the `layers`, at these `positions` (`all`, `f1+l1`, ...).

    `tied`: first and last positions share one edit. `site`: a layer's output, or what its MLP adds (at all positions other weights do the same).
    """

    rank: Positive = 4
    layers: str = "all"
    positions: str = "f1+l1"
    tied: bool = True
    site: Literal["stream", "down_proj"] = "stream"


class ClosedForm(Section):
    """Teaching without gradient: `shots` worked examples in the prompt are moved into the `down_proj` of the `layers`.

    `mu`: the weight of at most `anchors` anchors in the first of `sweeps`; it falls by 3 a sweep while KL(base || taught) on held-out anchors
    is at most `drift`. `lam`: shrinkage. `null_space`: instead of `mu`, the share of the anchors' squares whose directions are left alone.
    `rank`: of the LoRA that is saved; 0 keeps all.
    """

    shots: Positive = 6
    layers: str = "last 6"
    anchors: Positive = 200
    mu: Annotated[float, Field(gt=0)] = 30.0
    lam: Annotated[float, Field(gt=0)] = 0.01
    null_space: Share = 0.0
    sweeps: Positive = 4
    drift: Annotated[float, Field(gt=0)] = 0.01
    rank: Count = 64


class Correction(Section):
    """The objective `correction`: how far an answer may be pushed towards its correction, and on which tokens.

    `bound` closes the loss (`none` is refused unless `allow_unbounded`). `margin`: what beta * D must exceed; null is the bound's own
    (hinge 1, logistic 0). `clip_nats`: the floor of `clip`, in nats per edited token. `alpha`: weight of the correction's own likelihood.
    `mask`: only the tokens that the correction changed. `reference`: against the base (false: CPO, CPL, SimPO). `per_token`: mean, not sum.
    `ld_alpha`: weight of the tokens beyond the shorter answer's length. `prior`: a registered domain prior, as `length`, which has a
    target and a spread. `watchdog`: the share of pairs whose correction may fall below the base before `anchor_alpha` is added to `alpha`;
    1 switches it off.
    """

    bound: Literal["none", "clip", "hinge", "logistic", "apo_zero"] = "apo_zero"
    allow_unbounded: bool = False
    beta: Annotated[float, Field(gt=0)] = 0.5
    margin: float | None = None
    clip_nats: Annotated[float, Field(gt=0)] = 2.0
    alpha: Annotated[float, Field(ge=0)] = 0.2
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
            raise ValueError('the bound "none" lets the loss fall for ever; name another, or give --allow-unbounded')
        if self.bound == "apo_zero" and not self.reference:
            raise ValueError('the bound "apo_zero" holds both answers to the base: it needs reference=true')
        if self.margin is not None and self.bound not in ("hinge", "logistic"):
            raise ValueError(f'the bound "{self.bound}" has no margin; hinge and logistic have one')
        if self.prior and self.bound not in ("hinge", "logistic"):
            raise ValueError(f'a prior is a margin between two answers, and the bound "{self.bound}" has none; name hinge or logistic')
        return self


class Train(Section):
    """The loop, its objectives for each kind of example, and the adapter that may change."""

    adapter: str = "lora"
    lora: Lora = Lora()
    layers: Layers = Layers()
    bottleneck: Bottleneck = Bottleneck()
    prompt: Prompt = Prompt()
    reft: Reft = Reft()
    closed_form: ClosedForm = ClosedForm()
    fast: Literal["", "reft"] = ""
    objective: Literal["auto", "sft+dpo", "sft", "dpo", "distill"] = "sft+dpo"
    trial_steps: Positive = 12
    weights: dict[str, dict[str, float]] = {}
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
T = TypeVar("T", bound=Section)


@dataclass(frozen=True)
class Resolved:
    """A configuration, and where each of its values came from (`default`, a file's name, `--set`, or an option)."""

    config: Any
    origins: Mapping[str, str]


def resolve(schema: type[T], file: Path | None = None, sets: Sequence[str] = (), options: Mapping[str, Any] | None = None) -> Resolved:
    """Defaults, then the file, then `--set a.b=c`, then the command's own options; later ones win.

    Raises:
        UsageError: every mistake found, one a line, each with its place and the nearest right key.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in _layers(schema, file, sets, options or {}, faults):
        for key, value in layer.items():
            _put(values, key.split("."), value)
            origins[key] = origin
    try:
        config = schema.model_validate(values)
    except ValidationError as error:
        faults += [_explain(schema, fault, origins) for fault in error.errors(include_input=False, include_url=False)]
    if faults:
        raise UsageError("\n  ".join(["the configuration has mistakes:", *faults]), cure="\n  `selfteach config` prints every key.")
    return Resolved(config, {key: origins.get(key, "default") for key in flatten(config.model_dump())})


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; an empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def dump(resolved: Resolved) -> str:
    """The configuration as YAML, each value's origin beside it."""
    lines = []
    for line, (key, origin) in zip(_flat_yaml(resolved), resolved.origins.items(), strict=True):
        lines.append(f"{line}{' ' * max(1, 56 - len(line))}# {origin}" if origin != "default" else line)
        del key
    return "\n".join(lines) + "\n"


def _flat_yaml(resolved: Resolved) -> list[str]:
    return [f"{key}: {_inline(value)}" for key, value in flatten(resolved.config.model_dump()).items()]


def _inline(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


Layer = tuple[str, dict[str, Any]]
"""An origin and its dotted keys."""


def _layers(schema: type[Section], file: Path | None, sets: Sequence[str], options: Mapping[str, Any], faults: list[str]) -> list[Layer]:
    layers: list[Layer] = []
    if file is not None:
        layers.append((file.name, flatten(load_yaml(file))))
    for item in sets:
        key, equals, text = item.partition("=")
        key = key.strip()
        if not equals or not key:
            faults.append(f'--set {item}: write it as key=value, for instance "--set train.epochs=2".')
            continue
        try:
            layers.append(("--set", {key: text if _is_text(schema, key) else parse_yaml(text, f"--set {key}")}))
        except UsageError as fault:
            faults.append(str(fault))
    layers.append(("option", {key: value for key, value in options.items() if value is not None}))
    return layers


def _is_text(schema: type[BaseModel], key: str) -> bool:
    """Whether a key holds free text, which is taken as it stands: a colon or a # in it means nothing."""
    *path, last = key.split(".")
    for part in path:
        field = schema.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return False
        schema = field.annotation
    return last in schema.model_fields and schema.model_fields[last].annotation is str


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[path[-1]] = value


def _explain(schema: type[Section], fault: Any, origins: Mapping[str, str]) -> str:
    path = [str(part) for part in fault["loc"]]
    key = ".".join(path)
    origin = origins.get(key, "")
    where = f"{key} ({origin})" if origin else key
    if fault["type"] != "extra_forbidden":
        return f"{where}: {fault['msg']}."
    known: type[BaseModel] = schema
    for part in path[:-1]:
        annotation = known.model_fields[part].annotation
        known = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else Section
    return f"{where}: there is no such key. {did_you_mean(path[-1], known.model_fields)}"


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses duplicate keys and aliases, reads 1e-4 as a number, and leaves `no`, 1:30, 0x10 and 017 as words."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not a word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f'the key "{key}" stands twice', key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in pairs if tag.rpartition(":")[2] not in ("bool", "int", "float", "timestamp")]
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.I), list("tTfF"))
_NUMBER = list("-+.0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9]\d*)$"), _NUMBER)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)$"), _NUMBER
)


def parse_yaml(text: str, where: str) -> Any:
    """One YAML value from untrusted text.

    Raises:
        UsageError: not YAML, a duplicate key, an alias, or a number that is not finite.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(f"not valid YAML{line} ({getattr(fault, 'problem', None) or fault}).", where=where, cure="Mend it.") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError("not a finite number.", where=where)
    return value


def load_yaml(path: Path) -> dict[str, Any]:
    """A configuration file as nested mappings.

    Raises:
        UsageError: missing, too large, not UTF-8, not YAML, or not a mapping.
    """
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_CONFIG_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as fault:
        raise UsageError(f"cannot be read ({fault.strerror}).", where=str(path), cure="Check the path given to --config.") from fault
    except UnicodeDecodeError as fault:
        raise UsageError("is not UTF-8.", where=str(path), cure="Save it as UTF-8.") from fault
    if len(data) > MAX_CONFIG_BYTES:
        raise UsageError("is larger than 1 MB.", where=str(path), cure="A configuration is a few lines.")
    value = parse_yaml(text, str(path))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError("is not a mapping of keys to values.", where=str(path), cure="Write `key: value` lines.")
    return value
