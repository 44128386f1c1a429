"""Training without gradients: worked examples in the prompt become a change of weights (ridge.py),
saved as an ordinary LoRA.

  0  examples longer than `train.max_tokens` are dropped or cut, and the memory is counted
  1  some of the examples in scope become the context: earlier turns with a question and its answer.
     Each prompt is read after worked examples that are not its own, as many as the model's context
     takes
  2  the smaller part of examples and anchors is neither shown nor solved for: it only checks
  3  sweeps with a falling weight of the anchors, each from the one before, until the drift on the
     checking anchors exceeds the limit; the last change is made smaller until its drift does not
  4  the changes are cut to the wanted rank, and the one that moves most becomes the adapter

The moved share compares KL(context || model) on the checking part before and after, with the chosen
answers teacher-forced. The context must be one that works: on a small model the bare rule does not,
six worked examples partly do, and sixteen do.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfteach.config import ClosedFormConfig, TrainConfig
from selfteach.errors import DataError
from selfteach.files import write_text
from selfteach.models.four_bit import USE_LORA, refuse_4bit
from selfteach.models.hook_adapter import get_decoder_layers
from selfteach.models.parse_layers import parse_layers
from selfteach.records import (
    GENERAL,
    LEARN,
    Example,
    JsonObject,
    Turns,
    add_worked_turns,
    make_worked_example,
)
from selfteach.train import memory
from selfteach.train.adapters.exact_conversion import WeightUpdate, write_lora
from selfteach.train.adapters.ridge import (
    KL_CHUNK_ROWS,
    MIN_NATS,
    DownProjEditor,
    LayerChanges,
    RidgeSettings,
    truncate_rank,
)
from selfteach.train.callbacks import Say, StepCallback
from selfteach.train.encode_and_batch import (
    TrainingRow,
    describe_too_long,
    encode_example,
    truncate_or_drop,
)
from selfteach.train.metrics_file import Curve

CHECK_SHARE = 0.2
"""The share of the rows that only check."""
MIN_EXAMPLES = 4
"""Rows that must be left to solve for, and to check with."""
MU_DECAY = 2.0
"""The weight of the anchors is divided by it after each sweep."""
MIN_EFFECT_NATS = 1e-3
"""A token. A context that moves the answers by less has nothing to teach."""
FIRST_TOKEN_WEIGHT = 5.0
"""The factor on the weight of an answer's first token."""
SCALE_MARGIN = 0.98
"""The factor on the computed scale. A smaller change needs fewer measurements."""
LowRankChanges = Mapping[int, tuple[Tensor, Tensor]]
"""A (r, F) and B (D, r) of each layer; their product is its change."""
RowWithExample = tuple[TrainingRow, Example]
ShownAndRows = tuple[Sequence[Example], Sequence[RowWithExample]]
"""Worked examples, and the rows that are read after them."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Hold rows with the same answers to the same prompts, without a context and with one, and
    anchors. `with_context` has one group for each context.
    """

    plain: list[TrainingRow]
    with_context: list[list[TrainingRow]]
    anchors: list[TrainingRow]

    def count_widest(self) -> int:
        """Return the tokens of the largest group with a context."""
        return max(map(_count_tokens, self.with_context))


@dataclass(frozen=True)
class LeftOut:
    """Hold what became of examples that are no whole rows.

    `overlong`: how many rows were cut or dropped. `refused`: why examples cannot be rows, by id.
    `too_long`: the reason of each example that was dropped, by id.
    """

    overlong: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    too_long: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClosedFormData:
    """Hold the rows to solve for and those that check. `shots`: worked examples in a context."""

    learn: RowGroups
    check: RowGroups
    shots: int
    left_out: LeftOut


@dataclass(frozen=True)
class ClosedFormResult:
    """Hold the row of each sweep, as metrics.jsonl, the effect of the kept one, and the memory."""

    curve: Curve
    effect: JsonObject
    left_out: LeftOut
    memory: memory.MemoryEstimate


class ClosedFormAdapter:
    """Solve for an adapter: the trainer calls `solve` instead of taking steps."""

    solves = True
    joins = True

    @staticmethod
    def check(hf: Any, settings: TrainConfig) -> str:
        """Return an empty text if the adapter can be solved for.

        Raises:
            UsageError: it cannot.
        """
        make_editor(hf.module, settings.closed_form)
        return ""

    @staticmethod
    def solve(
        hf: Any,
        examples: Sequence[Example],
        settings: TrainConfig,
        folder: Path,
        *,
        seed: int,
        progress: StepCallback | None = None,
        say: Say = lambda line: None,
    ) -> ClosedFormResult:
        """Write `folder/adapter` and return the curve, the effect and the memory.

        Args:
            say: receives, before anything is computed, the memory and the examples that do not fit.

        Raises:
            DataError: too few examples, or a context without effect.
            UsageError: the family's layers are not those that the regression describes.
            ResourceError: the solution does not fit into memory.
        """
        how = settings.closed_form
        meter = memory.MemoryMeter(hf.module)
        editor = make_editor(hf.module, how)
        found = split_examples(hf, examples, settings, seed)  # 0, 1, 2
        if found.shots < how.shots:
            say(
                f"{found.shots} of {how.shots} worked examples fit into the context of "
                f"{hf.context_tokens} tokens"
            )
        account = estimate_memory(editor, found, meter)
        account.require("closed_form", recomputes=True)
        say(str(account))
        curve, effect, change = run_sweeps(editor, found, how, progress)  # 3, 4
        about = {
            "base": str(getattr(hf, "name", "")),
            "base_fingerprint": hf.fingerprint,
            "seed": seed,
            "adapter": "closed_form",
            "moved": effect,
        }
        updates = {editor.names[n]: WeightUpdate(a.cpu(), b.cpu()) for n, (a, b) in change.items()}
        write_lora(folder / "adapter", updates, about)
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in curve))
        used = meter.finish(account)
        return ClosedFormResult(curve, effect, found.left_out, used)


def make_editor(module: Any, how: ClosedFormConfig) -> DownProjEditor:
    """Return the editor of the layers that the settings name.

    Raises:
        UsageError: the module lacks them, the regression does not describe them, or weights are in
            4 bits.
    """
    refuse_4bit(module, "train.adapter=closed_form", "solved for", USE_LORA)
    count = len(get_decoder_layers(module))
    editor = DownProjEditor(module, parse_layers(how.layers, count, "train.closed_form.layers"))
    editor.require_exact()
    return editor


def run_sweeps(
    editor: DownProjEditor,
    found: ClosedFormData,
    how: ClosedFormConfig,
    progress: StepCallback | None,
) -> tuple[Curve, JsonObject, LowRankChanges]:
    """Return the row of each sweep, and effect and change of the kept one: steps 3 and 4.

    Raises:
        DataError: a context without effect.
    """
    started = time.monotonic()
    learned = [*found.learn.plain, *found.learn.anchors]
    read = editor.read(learned)
    targets, prompted = editor.states(found.learn.with_context)
    answers = len(prompted)
    weight = weigh_tokens(
        editor.kl(prompted, editor.last(read)[:answers]), read.batch.place[:answers]
    )
    check = HeldOutCheck(editor, found.check)
    if check.before < MIN_EFFECT_NATS:
        raise DataError(
            (
                f"the worked examples in the prompt move the answers by {check.before:.2g} "
                "nats a token: nothing to put into weights."
            ),
            where="train.closed_form",
            cure="Give more shots, or train with train.adapter=lora.",
        )
    curve: Curve = []
    effects: list[tuple[JsonObject, LowRankChanges]] = []
    before: LayerChanges = {}
    for step in range(how.sweeps):
        ridge = RidgeSettings(how.mu / MU_DECAY**step, how.lam, how.null_space)
        swept = editor.run_sweep(read, targets, weight, before, ridge)
        pairs = {n: truncate_rank(dw, swept.moments[n], how.rank) for n, dw in swept.change.items()}
        effect, change, full = shrink_to_drift_limit(check, pairs, how.drift)
        row = {
            "step": step + 1,
            "loss": effect["kl_after"],
            "tokens": _count_tokens(learned),
            "seconds": round(time.monotonic() - started, 4),
            "mu": ridge.mu,
            "shots": found.shots,
            **effect,
            "r2": {str(n): round(value, 4) for n, value in swept.r2.items()},
        }
        started = time.monotonic()
        curve.append(row)
        effects.append((row, change))
        if progress:
            progress(step + 1, how.sweeps, row)
        if full > how.drift:
            break
        before = swept.change
    return curve, *max(effects, key=lambda pair: pair[0]["share_moved"])


def estimate_memory(
    editor: DownProjEditor, found: ClosedFormData, meter: memory.MemoryMeter
) -> memory.MemoryEstimate:
    """Count from the shapes the memory that solving takes besides the weights.

    trained: the change of each layer (D, F) in float32, of this sweep and of the one before. kept:
    the features' moments (F, F) and the targets (N, D) of each layer. activations: the states of
    all rows before the first layer that changes, and one layer's features. work: one layer's
    regression in float64, and logits of a chunk of tokens on both sides.
    """
    wide: Any = next(iter(editor.linear.values())).weight
    d, f = wide.shape
    size = wide.element_size()
    layers = len(editor.layers)
    learn = found.learn
    answers = sum(row.tokens for row in (*learn.plain, *found.check.plain))
    most = max(
        _count_tokens([*learn.plain, *learn.anchors]),
        learn.count_widest(),
        found.check.count_widest(),
    )
    vocabulary = editor.module.get_output_embeddings().weight.shape[0]
    return memory.MemoryEstimate(
        meter.weights,
        kept=layers * (4 * f * f + size * answers * d),
        trained=2 * layers * 4 * d * f,
        gradients=0,
        optimizer=0,
        activations=most * (size * d + 4 * f),
        tokens=most,
        free=meter.free,
        work=8 * (3 * f * f + 3 * answers * f) + 4 * 4 * KL_CHUNK_ROWS * vocabulary,
    )


def _count_tokens(rows: Sequence[TrainingRow]) -> int:
    return sum(row.length for row in rows)


def shrink_to_drift_limit(
    check: HeldOutCheck, pairs: LowRankChanges, limit: float
) -> tuple[dict[str, float], LowRankChanges, float]:
    """Make a change smaller until its drift is within the limit, and hardly smaller than that.

    Drift grows with about the square of a change, its effect with less than the first power, so
    little is lost. Two known drifts give the power more exactly, and one more measurement comes
    nearer to the limit.

    Returns:
        The effect of the smaller change, with its `scale`; the change; the drift at full size.
    """

    def measure(scale: float) -> dict[str, float]:
        return check.measure({n: scale * b @ a for n, (a, b) in pairs.items()}) | {"scale": scale}

    def measure_smaller() -> dict[str, float]:
        scale = found["scale"]
        fell = found["drift"] < full  # not at the full size
        power = math.log(full / found["drift"]) / -math.log(scale) if fell else 2.0
        return measure(scale * SCALE_MARGIN * (limit / found["drift"]) ** (1 / power))

    found = measure(1.0)
    full = found.get("drift", 0.0)
    while found.get("drift", 0.0) > limit:
        found = measure_smaller()
    if full > limit and 0 < found["drift"] < SCALE_MARGIN**2 * limit:
        nearer = measure_smaller()
        if nearer["drift"] <= limit:
            found = max(found, nearer, key=lambda one: one["share_moved"])
    scale = found["scale"]
    return found, {n: (a, scale * b) for n, (a, b) in pairs.items()}, full


class HeldOutCheck:
    """Measure, on rows that were not solved for, how much of the context's effect a change has, and
    how far it moves the anchors.
    """

    def __init__(self, editor: DownProjEditor, check: RowGroups) -> None:
        self.editor = editor
        self.anchors = check.anchors
        self.prompted = editor.states(check.with_context)[1]
        self.read = editor.read([*check.plain, *check.anchors])
        last = editor.last(self.read)
        self.answers = len(self.prompted)
        self.anchor_states = last[self.answers :]
        self.before = float(editor.kl(self.prompted, last[: self.answers]).mean())

    def measure(self, change: LayerChanges) -> dict[str, float]:
        """Return KL(context || model) before and after, the share that was moved, and KL(base ||
        model) on anchors, in nats a token.

        General anchors and others are measured apart. If there is one sort only, it is the drift;
        without anchors there is none.
        """
        last = self.editor.last(self.read, change)
        after = float(self.editor.kl(self.prompted, last[: self.answers]).mean())
        found = {
            "kl_before": self.before,
            "kl_after": after,
            "share_moved": 1 - after / self.before,
        }
        if not self.anchors:
            return found
        drifts = self.editor.kl(self.anchor_states, last[self.answers :])
        flags: list[bool] = []
        for row in self.anchors:
            flags += [row.kind == GENERAL] * row.tokens
        general = torch.tensor(flags, device=drifts.device)
        if not any(flags) or all(flags):
            return found | {"drift": float(drifts.mean())}
        return found | {
            "drift": float(drifts[general].mean()),
            "drift_elsewhere": float(drifts[~general].mean()),
        }


def weigh_tokens(nats: Tensor, place: Tensor) -> Tensor:
    """Return the weight of each token in scope: the nats that the context moves there. The first
    token decides on the answer and weighs more.
    """
    return nats.clamp_min(MIN_NATS) * torch.where(place == 0, FIRST_TOKEN_WEIGHT, 1.0)


def split_examples(
    hf: Any, examples: Sequence[Example], settings: TrainConfig, seed: int
) -> ClosedFormData:
    """Split the examples into those to solve for and those that check: steps 0 to 2. The first of
    several answers to a prompt is taken.

    If there are hardly any anchors, all of them are solved with and none checks.

    Raises:
        DataError: too few examples in scope, or none of them fits into the context after another.
    """
    how = settings.closed_form
    left_out = LeftOut()
    first = {str(e.prompt): e for e in reversed(examples) if e.role == LEARN}
    scope = _encode_fitting(hf, list(first.values())[::-1], settings, left_out)
    held_in_place = [e for e in examples if e.role != LEARN]
    anchors = _encode_fitting(hf, held_in_place, settings, left_out)
    needed = max(
        how.shots + 2 * MIN_EXAMPLES, math.ceil((how.shots + MIN_EXAMPLES) / (1 - CHECK_SHARE))
    )
    if len(scope) < needed:
        raise DataError(
            f"{len(scope)} prompts in scope ({left_out.overlong['drop']} rows of more than "
            f"{find_longest(hf, settings)} tokens left out): "
            "too few to show, to solve and to check.",
            cure=f"Give at least {needed}, or lower train.closed_form.shots.",
        )
    dice = torch.Generator().manual_seed(seed)
    scope = _shuffle(scope, dice)
    still = [row for row, _ in _shuffle(anchors, dice)[: how.anchors]]
    num_checked = _count_checked(scope)
    num_anchors_checked = _count_checked(still)
    check = scope[:num_checked]
    rest = scope[num_checked:]
    longest = max(scope, key=lambda pair: pair[0].length)
    shots = count_fitting_shots(hf, rest, longest, how.shots)
    learned = pair_with_shown(rest, shots)
    checked = [(learned[0][0], check)]
    return ClosedFormData(
        make_row_groups(hf, learned, still[num_anchors_checked:]),
        make_row_groups(hf, checked, still[:num_anchors_checked]),
        shots,
        left_out,
    )


def _encode_fitting(
    hf: Any, examples: Sequence[Example], settings: TrainConfig, left_out: LeftOut
) -> list[RowWithExample]:
    """Return the rows that fit, with their examples; add the others to what is left out."""
    found = []
    longest = find_longest(hf, settings)
    for number, example in enumerate(examples):
        try:
            encoded = encode_example(hf, number, example, {}, False)
        except DataError as fault:
            left_out.refused[example.id] = fault.what
            continue
        row, done = truncate_or_drop(encoded, longest, settings.overlong)
        if done:
            left_out.overlong[done] += 1
        if row:
            found.append((row, example))
        else:
            left_out.too_long[example.id] = describe_too_long(longest)
    return found


def find_longest(hf: Any, settings: TrainConfig) -> int:
    """Return the most tokens of a row: `max_tokens`, or what the model's context holds."""
    return min(settings.max_tokens, int(hf.context_tokens))


def _shuffle(rows: Sequence[RowWithExample], dice: torch.Generator) -> list[RowWithExample]:
    return [rows[i] for i in torch.randperm(len(rows), generator=dice).tolist()]


def _count_checked(rows: Sequence[Any]) -> int:
    """Return how many of the rows only check."""
    return max(MIN_EXAMPLES, round(CHECK_SHARE * len(rows))) if len(rows) >= 2 * MIN_EXAMPLES else 0


def pair_with_shown(rows: Sequence[RowWithExample], shots: int) -> list[ShownAndRows]:
    """Return all rows in groups, each with `shots` examples of other groups to show before it.

    The first examples are shown before the later rows, and later ones before the rows of the first.
    Where too few are later, the first are read in smaller groups, each after others of them, too.
    """
    examples = [example for _, example in rows]
    first, later = examples[:shots], examples[shots:]
    groups: list[ShownAndRows] = [(first, rows[shots:])]
    for start in range(0, shots, len(later)):
        end = min(start + len(later), shots)
        others = [*later, *first[:start], *first[end:]]
        groups.append((others[:shots], rows[start:end]))
    return groups


def count_fitting_shots(
    hf: Any, rows: Sequence[RowWithExample], longest: RowWithExample, max_shots: int
) -> int:
    """Return how many worked examples, at most `max_shots`, fit into the context before the longest
    row.

    Raises:
        DataError: not one.
    """
    row, example = longest
    for shots in range(max_shots, 0, -1):
        contexts = [make_context(shown) for shown, _ in pair_with_shown(rows, shots)]
        prompts = [hf.encode(add_worked_turns(context, example.turns)) for context in contexts]
        if max(map(len, prompts)) + row.tokens <= hf.context_tokens:
            return shots
    raise DataError(
        f"no worked example fits before the others into {hf.context_tokens} tokens.",
        where="train.closed_form",
        cure=(
            "Lower train.max_tokens, which leaves out the longest, or train with "
            "train.adapter=lora."
        ),
    )


def make_row_groups(
    hf: Any,
    groups: Sequence[ShownAndRows],
    anchors: Sequence[TrainingRow],
) -> RowGroups:
    """Return each group's rows without and with the worked examples given for it. Attention takes
    rows of like length together.
    """
    found = RowGroups([], [], sorted(anchors, key=lambda row: row.length))
    for shown, rows in groups:
        turns = make_context(shown)
        with_context = []
        for row, example in sorted(rows, key=lambda pair: pair[0].length):
            found.plain.append(row)
            prompt = tuple(hf.encode(add_worked_turns(turns, example.turns)))
            with_context.append(replace(row, prompt=prompt))
        found.with_context.append(with_context)
    return found


def make_context(examples: Sequence[Example]) -> Turns:
    """Return worked examples as earlier turns of the conversation, without system messages."""
    return tuple(chain.from_iterable(make_worked_example(e.turns, e.chosen) for e in examples))
