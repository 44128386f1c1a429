"""Teaching without any gradient: worked examples in the prompt become a change of weights
(ridge.py), saved as an ordinary LoRA.

  0  what is longer than `train.max_tokens` is left out or cut, as everywhere, and the memory is
     counted
  1  some of the examples in scope become the context: earlier turns of the conversation, question
     and answer; each prompt is read with worked examples that are not its own; there are as many of
     them as the model's context takes
  2  the smaller part of examples and anchors is neither shown nor solved for: it only checks
  3  sweeps with a falling weight of the anchors, each from the one before, until the drift on the
     checking anchors exceeds the limit; that last one is made smaller until it does not
  4  of all of them, cut to the rank that is asked for, the one that moves most is the adapter

What is moved: with the chosen answers teacher-forced, KL(context || student) on the checking part,
before and after. The context must be one that works: on a small model the bare rule does not, six
worked examples half do, and sixteen do.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfteach import config
from selfteach.errors import DataError
from selfteach.files import write_text
from selfteach.models.hooks import get_decoder_layers, parse_layers
from selfteach.records import GENERAL, LEARN, Example, Message
from selfteach.train import memory
from selfteach.train.adapters.exact_conversion import WeightUpdate, write_lora
from selfteach.train.adapters.ridge import (
    HEAD_ROWS,
    MIN_NATS,
    DownProjEditor,
    LayerChanges,
    RidgeSettings,
    truncate_rank,
)
from selfteach.train.batch import TrainingRow, encode_example, truncate_or_drop

CHECK_SHARE = 0.2
MIN_EXAMPLES = 4
MU_DECAY = 2.0
MIN_EFFECT_NATS = 1e-3
FIRST_TOKEN_WEIGHT = 5.0
"""How much heavier the first token of an answer is than its nats."""
SCALE_MARGIN = 0.98
"""A little below what the square root asks for, so that few measurements are needed."""
LowRankChanges = Mapping[int, tuple[Tensor, Tensor]]
"""A (r, F) and B (D, r) of each layer, whose product is its change."""
RowWithExample = tuple[TrainingRow, Example]
StepCallback = Callable[[int, int, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Rows with the same answers to the same prompts: without a context, and with one, in a group
    for each context; and anchors.
    """

    plain: list[TrainingRow]
    told: list[list[TrainingRow]]
    anchors: list[TrainingRow]


@dataclass(frozen=True)
class ClosedFormData:
    """What is solved for, what checks it, how many worked examples stand in a context, and how many
    rows were cut or left out.
    """

    learn: RowGroups
    check: RowGroups
    shots: int
    overlong: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClosedFormResult:
    """One row for each sweep, as metrics.jsonl; what the kept one moved; rows that were too long;
    what it took of the memory.
    """

    curve: list[dict[str, Any]]
    effect: dict[str, Any]
    overlong: Mapping[str, int]
    memory: memory.MemoryEstimate


class ClosedFormAdapter:
    """Solve instead of training: `solve` is what is called in place of the trainer's steps."""

    solves = True
    joins = True

    @staticmethod
    def solve(
        hf: Any,
        examples: Sequence[Example],
        settings: config.TrainConfig,
        folder: Path,
        *,
        seed: int,
        progress: StepCallback | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> ClosedFormResult:
        """Writes `folder/adapter` and returns what came of it.

        Args:
            say: is told, before anything is computed, what memory it needs, and what did not fit.

        Raises:
            DataError: too few examples, or a context without effect.
            ResourceError: what is solved does not fit into memory.
        """
        how = settings.closed_form
        meter = memory.MemoryMeter(hf.module)
        editor = DownProjEditor(
            hf.module,
            parse_layers(
                how.layers, len(get_decoder_layers(hf.module)), "train.closed_form.layers"
            ),
        )
        found = split_examples(hf, examples, settings, seed)  # 0, 1, 2
        if found.shots < how.shots:
            say(
                f"{found.shots} of {how.shots} worked examples fit into the context of "
                f"{hf.context_tokens} tokens"
            )
        account = estimate_memory(editor, found, meter)
        account.require("closed_form", recomputes=True)
        say(str(account))
        curve, moved, fit = run_sweeps(editor, found, how, progress)  # 3, 4
        about = {
            "base": str(getattr(hf, "name", "")),
            "base_fingerprint": hf.fingerprint,
            "seed": seed,
            "adapter": "closed_form",
            "moved": moved,
        }
        write_lora(
            folder / "adapter",
            {editor.names[n]: WeightUpdate(a.cpu(), b.cpu()) for n, (a, b) in fit.items()},
            about,
        )
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in curve))
        return ClosedFormResult(curve, moved, found.overlong, meter.closed(account))


def run_sweeps(
    editor: DownProjEditor,
    found: ClosedFormData,
    how: config.ClosedFormConfig,
    progress: StepCallback | None,
) -> tuple[list[dict[str, Any]], dict[str, Any], LowRankChanges]:
    """Steps 3 and 4: the row of each sweep, and row and change of the one that is kept.

    Raises:
        DataError: a context without effect.
    """
    started = time.monotonic()
    learn = found.learn
    read = editor.read([*learn.plain, *learn.anchors])
    targets, told = editor.states(learn.told)
    weight = weigh_tokens(
        editor.kl(told, editor.last(read)[: len(told)]), read.batch.place[: len(told)]
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
    curve: list[dict[str, Any]] = []
    before: LayerChanges = {}
    kept: tuple[dict[str, Any], LowRankChanges] | None = None
    for step in range(how.sweeps):
        ridge = RidgeSettings(how.mu / MU_DECAY**step, how.lam, how.null_space)
        swept = editor.run_sweep(read, targets, weight, before, ridge)
        pairs = {n: truncate_rank(dw, swept.moments[n], how.rank) for n, dw in swept.change.items()}
        moved, fit, full = shrink_to_drift_limit(check, pairs, how.drift)
        tokens = sum(row.length for row in (*learn.plain, *learn.anchors))
        row = {
            "step": step + 1,
            "loss": moved["kl_after"],
            "tokens": tokens,
            "seconds": round(time.monotonic() - started, 4),
            "mu": ridge.mu,
            "shots": found.shots,
            **moved,
            "r2": {str(n): round(value, 4) for n, value in swept.r2.items()},
        }
        started = time.monotonic()
        curve.append(row)
        if progress:
            progress(step + 1, how.sweeps, row)
        if kept is None or row["share_moved"] > kept[0]["share_moved"]:
            kept = row, fit
        if full > how.drift:
            break
        before = swept.change
    assert kept is not None
    return curve, *kept


def estimate_memory(
    editor: DownProjEditor, found: ClosedFormData, meter: memory.MemoryMeter
) -> memory.MemoryEstimate:
    """What solving takes beside the weights, counted from the shapes.

    trained: the change of each layer (D, F) in float32, of this sweep and of the one before. kept:
    the features' moments (F, F) and the targets (N, D) of each layer. activations: the states of
    all rows before the first layer that changes, and one layer's features. work: one layer's
    regression in float64, and logits of a chunk of tokens on both sides.
    """
    wide: Any = next(iter(editor.linear.values())).weight
    d, f = wide.shape
    size = wide.element_size()
    layers = len(editor.layers)
    scope = [*found.learn.plain, *found.check.plain]
    answers = sum(row.tokens for row in scope)
    most = sum(row.length for row in (*found.learn.plain, *found.learn.anchors))
    told = max(sum(row.length for row in group) for group in (*found.learn.told, *found.check.told))
    head = editor.module.get_output_embeddings().weight.shape[0]
    return memory.MemoryEstimate(
        meter.weights,
        kept=layers * (4 * f * f + size * answers * d),
        trained=2 * layers * 4 * d * f,
        gradients=0,
        optimizer=0,
        activations=max(most, told) * (size * d + 4 * f),
        tokens=max(most, told),
        free=meter.free,
        work=8 * (3 * f * f + 3 * answers * f) + 4 * 4 * HEAD_ROWS * head,
    )


def shrink_to_drift_limit(
    check: HeldOutCheck, pairs: LowRankChanges, limit: float
) -> tuple[dict[str, float], LowRankChanges, float]:
    """A change made smaller until its drift is within the limit, and hardly smaller than that: what
    it then does, itself, and the drift that it had at full size.

    Drift grows with about the square of a change, what is moved with less than the first power: so
    little is lost. With two drifts known the power is known better, and one more measurement comes
    nearer to the limit. `scale` says how much smaller it was made.
    """

    def at(scale: float) -> dict[str, float]:
        return check.measure({n: scale * b @ a for n, (a, b) in pairs.items()}) | {"scale": scale}

    def smaller() -> dict[str, float]:
        scale = found["scale"]
        power = 2.0 if scale == 1 else math.log(full / found["drift"]) / -math.log(scale)
        return at(scale * SCALE_MARGIN * (limit / found["drift"]) ** (1 / power))

    found = at(1.0)
    full = found.get("drift", 0.0)
    while found.get("drift", 0.0) > limit:
        found = smaller()
    if (
        full > limit
        and found["drift"] < SCALE_MARGIN**2 * limit
        and (nearer := smaller())["drift"] <= limit
    ):
        found = max(found, nearer, key=lambda one: one["share_moved"])
    scale = found["scale"]
    return found, {n: (a, scale * b) for n, (a, b) in pairs.items()}, full


class HeldOutCheck:
    """How much of the context a change moves, and what it does where nothing must move: on rows
    that were not solved for.
    """

    def __init__(self, editor: DownProjEditor, check: RowGroups) -> None:
        self.editor = editor
        self.check = check
        self.told = editor.states(check.told)[1]
        self.read = editor.read([*check.plain, *check.anchors])
        plain, self.anchor_states = self._split(editor.last(self.read))
        self.before = float(editor.kl(self.told, plain).mean())

    def _split(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """In scope, and of the anchors."""
        return last[: len(self.told)], last[len(self.told) :]

    def measure(self, change: LayerChanges) -> dict[str, float]:
        """KL(context || student) before and after, the share that was moved, and KL(base ||
        student) on anchors, general ones and others apart (where there is one sort only, it is the
        drift; where there is none, none); nats a token."""
        mine, still = self._split(self.editor.last(self.read, change))
        after = float(self.editor.kl(self.told, mine).mean())
        found = {
            "kl_before": self.before,
            "kl_after": after,
            "share_moved": 1 - after / self.before,
        }
        if not self.check.anchors:
            return found
        drifts = self.editor.kl(self.anchor_states, still)
        general = torch.tensor(
            [row.kind == GENERAL for row in self.check.anchors for _ in range(row.tokens)],
            device=drifts.device,
        )
        if bool(general.any()) and not bool(general.all()):
            return found | {
                "drift": float(drifts[general].mean()),
                "drift_elsewhere": float(drifts[~general].mean()),
            }
        return found | {"drift": float(drifts.mean())}


def weigh_tokens(nats: Tensor, place: Tensor) -> Tensor:
    """How heavy a token in scope is: as many nats as the context moves there, and the first of an
    answer, which decides on it, more.
    """
    return nats.clamp_min(MIN_NATS) * torch.where(place == 0, FIRST_TOKEN_WEIGHT, 1.0)


def split_examples(
    hf: Any, examples: Sequence[Example], settings: config.TrainConfig, seed: int
) -> ClosedFormData:
    """Steps 0 to 2: what is solved for, and what checks it. Of several answers to a prompt the
    first is taken.

    Where a rule leaves hardly an answer as it is, there are hardly any anchors: then all of them
    are solved with, and none checks.

    Raises:
        DataError: too few examples in scope, or none of them fits into the context after another.
    """
    how = settings.closed_form
    counts = dict[str, int]()

    def rows(given: Sequence[Example]) -> list[RowWithExample]:
        found = [
            (
                *truncate_or_drop(
                    encode_example(hf, number, e, {}, False), settings.max_tokens, settings.overlong
                ),
                e,
            )
            for number, e in enumerate(given)
        ]
        counts.update(
            {
                done: counts.get(done, 0) + sum(d == done for _, d, _ in found)
                for _, done, _ in found
                if done
            }
        )
        return [(row, e) for row, _, e in found if row]

    scope = rows(
        list({str(e.prompt): e for e in reversed(examples) if e.role == LEARN}.values())[::-1]
    )
    still = [row for row, _ in rows([e for e in examples if e.role != LEARN])]
    needed = max(
        how.shots + 2 * MIN_EXAMPLES, math.ceil((how.shots + MIN_EXAMPLES) / (1 - CHECK_SHARE))
    )
    if len(scope) < needed:
        raise DataError(
            f"{len(scope)} prompts in scope ({counts.get('drop', 0)} rows of more than "
            f"{settings.max_tokens} tokens left out): "
            "too few to show, to solve and to check.",
            cure=f"Give at least {needed}, or lower train.closed_form.shots.",
        )
    dice = torch.Generator().manual_seed(seed)
    scope = [scope[i] for i in torch.randperm(len(scope), generator=dice).tolist()]
    still = [still[i] for i in torch.randperm(len(still), generator=dice).tolist()][: how.anchors]
    held, held_still = (
        max(MIN_EXAMPLES, round(CHECK_SHARE * len(found))) if len(found) >= 2 * MIN_EXAMPLES else 0
        for found in (scope, still)
    )
    check = scope[:held]
    rest = scope[held:]
    shots = count_fitting_shots(hf, rest, max(scope, key=lambda pair: pair[0].length), how.shots)
    shown = [e for _, e in rest[:shots]]
    others = rest[shots:]
    learn = make_row_groups(
        hf, [(shown, others), ([e for _, e in others[:shots]], rest[:shots])], still[held_still:]
    )
    return ClosedFormData(
        learn, make_row_groups(hf, [(shown, check)], still[:held_still]), shots, counts
    )


def count_fitting_shots(
    hf: Any, rest: Sequence[RowWithExample], longest: RowWithExample, max_shots: int
) -> int:
    """How many worked examples, at most `most`, the context holds before the longest row.

    Raises:
        DataError: not one.
    """
    for shots in range(max_shots, 0, -1):
        told = (
            max(
                len(
                    hf.encode(
                        (*make_context([e for _, e in rest[at : at + shots]]), *longest[1].turns)
                    )
                )
                for at in (0, shots)
            )
            + longest[0].tokens
        )
        if told <= hf.context_tokens:
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
    groups: Sequence[tuple[Sequence[Example], Sequence[RowWithExample]]],
    anchors: Sequence[TrainingRow],
) -> RowGroups:
    """Each group's rows after worked examples, which are others. Attention takes rows of like
    length together.
    """
    plain: list[TrainingRow] = []
    told: list[list[TrainingRow]] = []
    for shown, found in groups:
        turns = make_context(shown)
        rows = sorted(found, key=lambda pair: pair[0].length)
        plain += [row for row, _ in rows]
        told.append([replace(row, prompt=tuple(hf.encode((*turns, *e.turns)))) for row, e in rows])
    return RowGroups(plain, told, sorted(anchors, key=lambda row: row.length))


def make_context(examples: Sequence[Example]) -> tuple[Message, ...]:
    """Worked examples as earlier turns of the conversation."""
    return tuple(turn for e in examples for turn in (*e.turns, Message("assistant", e.chosen)))
