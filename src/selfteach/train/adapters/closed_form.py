"""Teaching without any gradient: worked examples in the prompt become a change of weights (ridge.py), saved as an ordinary LoRA.

  1  some of the examples in scope become the context: earlier turns of the conversation, question and answer; each prompt is read with
     worked examples that are not its own
  2  the smaller part of examples and anchors is neither shown nor solved for: it only checks
  3  sweeps with a falling weight of the anchors, each from the one before, until the drift on the checking anchors exceeds the limit;
     that last one is made smaller until it does not
  4  of all of them, cut to the rank that is asked for, the one that moves most is the adapter

What is moved: with the chosen answers teacher-forced, KL(context || student) on the checking part, before and after. The context must be
one that works: on a small model the bare rule does not, six worked examples half do, and sixteen do.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfteach import config
from selfteach.errors import DataError
from selfteach.models.worn import decoder_layers, which_layers
from selfteach.records import Example, Message, Prompt, messages, write_text
from selfteach.train.adapters.exact import Update, write_lora
from selfteach.train.adapters.ridge import LEAST_NATS, Change, Editor, Ridge, low_rank
from selfteach.train.batch import Row, encode_row

CHECK_SHARE, LEAST = 0.2, 4
FALL = 2.0
LEAST_EFFECT = 1e-3
FIRST = 5.0
"""How much heavier the first token of an answer is than its nats."""
LESS = 0.98
"""A little below what the square root asks for, so that few measurements are needed."""
Pairs = Mapping[int, tuple[Tensor, Tensor]]
"""A (r, F) and B (D, r) of each layer, whose product is its change."""
Progress = Callable[[int, int, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows with the same answers to the same prompts: without a context, and with one, in a group for each context; and anchors."""

    plain: list[Row]
    told: list[list[Row]]
    anchors: list[Row]


class ClosedForm:
    """Solves instead of training: `solve` is what the loop calls in place of its steps."""

    @staticmethod
    def solve(
        hf: Any, examples: Sequence[Example], settings: config.Train, folder: Path, *, seed: int, progress: Progress | None = None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Writes `folder/adapter`; returns one row for each sweep, as metrics.jsonl, and what the kept one moved.

        Raises:
            DataError: too few examples, or a context without effect.
        """
        how = settings.closed_form
        learn, check = parts(hf, examples, how, settings.max_tokens, seed)
        editor = Editor(hf.module, which_layers(how.layers, len(decoder_layers(hf.module)), "train.closed_form.layers"))
        started = time.monotonic()
        read = editor.read([*learn.plain, *learn.anchors])
        targets, told = editor.states(learn.told)
        weight = heft(editor.kl(told, editor.last(read)[: len(told)]), read.batch.place[: len(told)])
        meter = Meter(editor, check)
        if meter.before < LEAST_EFFECT:
            raise DataError(
                f"the worked examples in the prompt move the answers by {meter.before:.2g} nats a token: nothing to put into weights.",
                where="train.closed_form", cure="Give more shots, or train with train.adapter=lora.",
            )  # fmt: skip
        curve: list[dict[str, Any]] = []
        before: Change = {}
        kept: tuple[dict[str, Any], Pairs] | None = None
        for step in range(how.sweeps):
            ridge = Ridge(how.mu / FALL**step, how.lam, how.null_space)
            found = editor.sweep(read, targets, weight, before, ridge)
            pairs = {n: low_rank(dw, found.moments[n], how.rank) for n, dw in found.change.items()}
            moved, fit, full = within(meter, pairs, how.drift)
            tokens = sum(row.length for row in (*learn.plain, *learn.anchors))
            row = {"step": step + 1, "loss": moved["kl_after"], "tokens": tokens, "seconds": round(time.monotonic() - started, 4),
                   "mu": ridge.mu, **moved, "r2": {str(n): round(value, 4) for n, value in found.r2.items()}}  # fmt: skip
            started = time.monotonic()
            curve.append(row)
            if progress:
                progress(step + 1, how.sweeps, row)
            if kept is None or row["share_moved"] > kept[0]["share_moved"]:
                kept = row, fit
            if full > how.drift:
                break
            before = found.change
        assert kept is not None
        about = {"base": str(getattr(hf, "name", "")), "base_fingerprint": hf.fingerprint, "seed": seed, "adapter": "closed_form",
                 "moved": kept[0]}  # fmt: skip
        write_lora(folder / "adapter", {editor.names[n]: Update(a.cpu(), b.cpu()) for n, (a, b) in kept[1].items()}, about)
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in curve))
        return curve, kept[0]


def within(meter: Meter, pairs: Pairs, limit: float) -> tuple[dict[str, float], Pairs, float]:
    """A change made smaller until its drift is within the limit: what it then does, itself, and the drift that it had at full size.

    Drift grows with about the square of a change, what is moved with less than the first power: so little is lost. `scale` says how
    much smaller it was made.
    """
    scale, found = 1.0, meter.measure({n: b @ a for n, (a, b) in pairs.items()})
    full = found.get("drift", 0.0)
    while found.get("drift", 0.0) > limit:
        scale *= LESS * (limit / found["drift"]) ** 0.5
        found = meter.measure({n: scale * b @ a for n, (a, b) in pairs.items()})
    return found | {"scale": scale}, {n: (a, scale * b) for n, (a, b) in pairs.items()}, full


class Meter:
    """How much of the context a change moves, and what it does where nothing must move: on rows that were not solved for."""

    def __init__(self, editor: Editor, check: Part) -> None:
        self.editor, self.check = editor, check
        self.told = editor.states(check.told)[1]
        self.read = editor.read([*check.plain, *check.anchors])
        plain, self.still = self._parted(editor.last(self.read))
        self.before = float(editor.kl(self.told, plain).mean())

    def _parted(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """In scope, and of the anchors."""
        return last[: len(self.told)], last[len(self.told) :]

    def measure(self, change: Change) -> dict[str, float]:
        """KL(context || student) before and after, the share that was moved, and KL(base || student) on anchors, general ones and
        others apart (where there is one sort only, it is the drift; where there is none, none); nats a token."""
        mine, still = self._parted(self.editor.last(self.read, change))
        after = float(self.editor.kl(self.told, mine).mean())
        found = {"kl_before": self.before, "kl_after": after, "share_moved": 1 - after / self.before}
        if not self.check.anchors:
            return found
        drifts = self.editor.kl(self.still, still)
        general = torch.tensor([row.kind == "general" for row in self.check.anchors for _ in range(row.tokens)], device=drifts.device)
        if bool(general.any()) and not bool(general.all()):
            return found | {"drift": float(drifts[general].mean()), "drift_elsewhere": float(drifts[~general].mean())}
        return found | {"drift": float(drifts.mean())}


def heft(nats: Tensor, place: Tensor) -> Tensor:
    """How heavy a token in scope is: as many nats as the context moves there, and the first of an answer, which decides on it, more."""
    return nats.clamp_min(LEAST_NATS) * torch.where(place == 0, FIRST, 1.0)


def parts(hf: Any, examples: Sequence[Example], how: config.ClosedForm, max_tokens: int, seed: int) -> tuple[Part, Part]:
    """Steps 1 and 2: what is solved for, and what checks it. Of several answers to a prompt the first is taken.

    Where a rule leaves hardly an answer as it is, there are hardly any anchors: then all of them are solved with, and none checks.

    Raises:
        DataError: too few examples in scope.
    """
    scope = list({str(e.prompt): e for e in reversed(examples) if e.kind == "in_scope"}.values())[::-1]
    anchors = [e for e in examples if e.kind != "in_scope"]
    needed = max(how.shots + 2 * LEAST, math.ceil((how.shots + LEAST) / (1 - CHECK_SHARE)))
    if len(scope) < needed:
        raise DataError(
            f"{len(scope)} prompts in scope: too few to show, to solve and to check.",
            cure=f"Give at least {needed}, or lower train.closed_form.shots.",
        )
    dice = torch.Generator().manual_seed(seed)
    scope, anchors = ([rows[i] for i in torch.randperm(len(rows), generator=dice).tolist()] for rows in (scope, anchors))
    still = [encode_row(hf, number, e, {}, False) for number, e in enumerate(anchors)]
    still = [row for row in still if row.length <= max_tokens][: how.anchors]
    held, held_still = (max(LEAST, round(CHECK_SHARE * len(rows))) if len(rows) >= 2 * LEAST else 0 for rows in (scope, still))
    check, shown, others = scope[:held], scope[held : held + how.shots], scope[held + how.shots :]
    return (
        part(hf, [(shown, others), (others[: how.shots], shown)], still[held_still:]),
        part(hf, [(shown, check)], still[:held_still]),
    )


def part(hf: Any, groups: Sequence[tuple[Sequence[Example], Sequence[Example]]], anchors: Sequence[Row]) -> Part:
    """Each group's examples after its worked ones, which are others. Attention takes rows of like length together."""
    plain: list[Row] = []
    told: list[list[Row]] = []
    for shown, examples in groups:
        turns = context(shown)
        rows = sorted(((encode_row(hf, 0, e, {}, False), e) for e in examples), key=lambda pair: pair[0].length)
        plain += [row for row, _ in rows]
        told.append([replace(row, prompt=tuple(hf.encode((*turns, *_turns(e.prompt))))) for row, e in rows])
    return Part(plain, told, sorted(anchors, key=lambda row: row.length))


def context(examples: Sequence[Example]) -> tuple[Message, ...]:
    """Worked examples as earlier turns of the conversation."""
    return tuple(turn for e in examples for turn in (*_turns(e.prompt), Message("assistant", e.chosen)))


def _turns(prompt: Prompt) -> tuple[Message, ...]:
    return messages(prompt) if isinstance(prompt, str) else prompt
