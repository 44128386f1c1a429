"""Every fast piece of a step is held to the plain path: the same losses and the same gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from reference_path import PlainLora, compute_plain_loss, score_answers
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.records import Example, make_prompt
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast import packed_model
from selfteach.train.fast.head import CHUNK_POSITIONS
from selfteach.train.fast.lora_linear import LoraLinear, LoraProduct
from selfteach.train.fast.norm import FrozenNorm, RmsNorm, use_fast_norms
from selfteach.train.fast.packed_attention import StripAttention
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.micro_batch_loss import compute_loss, count_units
from selfteach.train.objectives.objective import Objective
from selfteach.train.reference import Reference, ReferenceOutputs
from selfteach.train.train import encode_for_objectives, make_objectives

WEIGHTS = {
    "in_scope": {"sft": 1.0, "dpo": 0.5, "distill": 0.7, "correction": 0.6, "hold": 0.4},
    "general": {"anchor": 0.3},
}
TOLERANCE = {torch.float64: 2e-5, torch.float32: 2e-4}
"""Of the largest number of a tensor. Parameters, log-probabilities and norms are float32 in both.
"""


class Step:
    """One batch, and its loss and gradients on the fast path and on the plain one."""

    def __init__(self, dtype: torch.dtype = torch.float32, top_k: int = 20) -> None:
        settings = config.TrainConfig(
            weights=WEIGHTS, top_k=top_k, skip_tokens=2, lora=config.LoraConfig(rank=4)
        )
        self.model = Tiny(dtype=dtype)
        self.dtype = dtype
        learned = make_examples(6)
        anchors = [
            Example(f"g{n}", "general", make_prompt(f"hello {n}"), f"good {'day ' * 5}{n}")
            for n in range(4)
        ]
        rows = [*learned, *anchors]
        self.objectives: dict[str, Objective] = make_objectives(WEIGHTS, settings)
        self.rows: list[TrainingRow] = encode_for_objectives(
            self.model, rows, WEIGHTS, self.objectives, settings
        ).rows
        self.adapter = LoraAdapter.attach(self.model.module, settings, seed=0)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in self.adapter.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
        self.adapter.begin_step()
        self.student = PackedModel(self.model.module, self.adapter)
        by_id = {e.id: e for e in rows}
        reference = Reference(self.model, self.student, self.objectives, by_id, settings)
        self.known: dict[int, ReferenceOutputs] = reference.compute(self.rows, 512)
        self.counts = count_units(self.objectives, self.rows)

    def fast(self) -> tuple[float, dict[str, float], list[torch.Tensor]]:
        """The step as the trainer computes it."""
        with use_fast_norms(self.model.module) as norms, self.student.use_attention():
            assert norms == (5 if self.dtype == torch.float32 else 0)
            total, parts = compute_loss(
                self.student, self.rows, self.objectives, self.counts, self.known
            )
            gradients = torch.autograd.grad(total, self.adapter.parameters())
        return float(total.detach()), parts, list(gradients)

    def plain(self) -> tuple[float, dict[str, float], list[torch.Tensor]]:
        """The step as a textbook writes it, on a model without any fast piece."""
        module = Tiny(dtype=self.dtype).module.requires_grad_(False)
        parameters = []
        for name, layer in self.adapter.low_rank_layers.items():
            parent, _, last = name.rpartition(".")
            own = PlainLora(module.get_submodule(name), layer.a, layer.b, layer.scale)
            setattr(module.get_submodule(parent), last, own)
            parameters += [own.a, own.b]
        kinds = {type(part) for part in module.modules()}
        assert not kinds & {LoraLinear, FrozenNorm}
        total, parts = compute_plain_loss(
            module, self.rows, self.objectives, self.counts, self.known
        )
        return float(total.detach()), parts, list(torch.autograd.grad(total, parameters))

    def hold(self) -> None:
        """Asserts that both agree."""
        tolerance = TOLERANCE[self.dtype]
        total, parts, gradients = self.fast()
        expected, each, others = self.plain()
        assert total == pytest.approx(expected, rel=tolerance)
        assert parts == pytest.approx(each, rel=tolerance, abs=tolerance)
        for mine, other in zip(gradients, others, strict=True):
            scale = float(other.abs().max())
            torch.testing.assert_close(mine, other, rtol=0, atol=tolerance * max(scale, 1e-3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("top_k", [20, 0], ids=["top 20", "full"])
def test_losses_and_gradients_equal_the_plain_path(dtype: torch.dtype, top_k: int) -> None:
    step = Step(dtype, top_k)
    assert step.student.can_pack
    assert step.student.has_plain_head
    assert sum(row.tokens for row in step.rows) > CHUNK_POSITIONS  # the head comes in chunks
    assert set(step.counts) == {"sft", "dpo", "distill", "correction", "hold", "anchor"}
    step.hold()


def test_what_the_base_knows_equals_the_plain_path() -> None:
    step = Step(torch.float64)
    module = Tiny(dtype=torch.float64).module
    with torch.no_grad():
        answers = score_answers(module, step.rows)
    seen = 0
    for row, mine in zip(step.rows, answers, strict=True):
        facts = step.known[row.number]
        if facts.reference is not None:
            expected = torch.cat([answer.logp for answer in mine]).float()
            torch.testing.assert_close(facts.reference, expected, rtol=1e-5, atol=1e-5)
            seen += 1
        if "anchor" in facts.teacher:
            best = mine[0].logits.log_softmax(-1).topk(20)
            torch.testing.assert_close(
                facts.teacher["anchor"].logp, best.values.float(), rtol=1e-5, atol=1e-5
            )
            seen += 1
    assert seen == len(step.rows)


def spoil(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes what a piece returns larger by a hundredth."""
    own = getattr(owner, name)

    def spoiled(*given: Any) -> Any:
        return 1.01 * own(*given)

    monkeypatch.setattr(
        owner, name, staticmethod(spoiled) if owner is not packed_model else spoiled
    )


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (LoraProduct, "forward"),
        (StripAttention, "forward"),
        (RmsNorm, "forward"),
        (packed_model, "compute_token_logps"),
        (packed_model, "apply_to_logits"),
    ],
    ids=["lora", "attention", "norm", "token_logps", "apply_to_logits"],
)
def test_a_fast_piece_that_is_wrong_by_a_hundredth_is_noticed(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step(top_k=0 if name == "apply_to_logits" else 20)
    spoil(owner, name, monkeypatch)
    with pytest.raises(AssertionError):
        step.hold()


def test_rows_that_are_packed_one_token_off_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step()
    pack: Callable[..., Any] = packed_model.pack_rows

    def shifted(*given: Any) -> Any:
        batch = pack(*given)
        batch.states.add_(1)
        return batch

    monkeypatch.setattr(packed_model, "pack_rows", shifted)
    with pytest.raises(AssertionError):
        step.hold()
