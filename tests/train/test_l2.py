"""L2 to the base: numbers by hand, what the adapters say of their changes, and weights that stay
nearer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from tiny import Tiny, make_examples

from margins import assert_at_most
from selfteach import config, registry
from selfteach.errors import UsageError
from selfteach.train.l2_to_base import add_l2_gradient, squared_norm
from selfteach.train.train import train


def settings(adapter: str = "lora", **more: object) -> config.TrainConfig:
    return config.TrainConfig(
        **{
            "adapter": adapter,
            "weights": {"in_scope": {"sft": 1.0}},
            "batch_size": 6,
            "max_steps": 8,
            "learning_rate": 5e-3,
            "layers": config.LayersConfig(which="last 1"),
            **more,
        }
    )


def test_squares_of_a_change_and_of_a_product() -> None:
    # B A = [[1], [2]] [[3, 4]] = [[3, 4], [6, 8]]: 9 + 16 + 36 + 64 = 125
    assert squared_norm((torch.tensor([[3.0, 4.0], [6.0, 8.0]]),)).item() == 125
    assert squared_norm((torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0, 4.0]]))).item() == 125


def test_the_product_is_never_formed_and_equal_to_what_it_would_be() -> None:
    b = torch.randn(9, 3, dtype=torch.float64)
    a = torch.randn(3, 7, dtype=torch.float64)
    torch.testing.assert_close(squared_norm((b, a)), (b @ a).square().sum())
    experts = torch.stack([b, 2 * b]), torch.stack([a, a])
    torch.testing.assert_close(squared_norm(experts), 5 * squared_norm((b, a)))


def test_pull_adds_the_gradient_of_the_penalty() -> None:
    # L = 5/2 (w - 2)^2 at w = 5: the gradient is 5 * 3, beside the 1 that is there; half the
    # squares are 4.5
    w = torch.nn.Parameter(torch.tensor([5.0]))
    w.grad = torch.tensor([1.0])
    assert add_l2_gradient([(w - 2,)], 5.0) == 4.5
    assert w.grad.item() == 16


@pytest.mark.parametrize("name", ["lora", "full", "layers"])
def test_an_adapter_s_changes_are_those_of_the_module(name: str) -> None:
    model = Tiny()
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    adapter = registry.load_registered("adapters", name).attach(
        model.module, settings(name), seed=0, encode=partial(model.encode_answer, end=False)
    )
    assert sum(squared_norm(change).item() for change in adapter.iterate_weight_changes()) == 0
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    adapter.begin_step()
    found = sum(squared_norm(change).item() for change in adapter.iterate_weight_changes())
    with adapter.merged():
        after = {
            key.replace(".base.", "."): value for key, value in model.module.state_dict().items()
        }
        merged = {
            f"{n}.weight": m.merged
            for n, m in model.module.named_modules()
            if getattr(m, "merged", None) is not None
        }
        seen = {**after, **merged}
    names = dict.fromkeys(
        k for k, _ in model.module.named_parameters(remove_duplicate=True)
    )  # a tied head is one weight
    names = {n.replace(".base.", ".") for n in names if not n.endswith((".a", ".b"))}
    expected = sum(float((seen[key] - before[key]).square().sum()) for key in names)
    assert found == pytest.approx(expected, rel=1e-4)
    adapter.detach()


@pytest.mark.training
@pytest.mark.parametrize("name", ["lora", "full"])
def test_weights_stay_nearer_to_the_base(name: str, tmp_path: Path) -> None:
    far = train(Tiny(), make_examples(6), settings(name, l2=1e-9), tmp_path / "far", seed=0).curve
    near = train(Tiny(), make_examples(6), settings(name, l2=3.0), tmp_path / "near", seed=0).curve
    assert_at_most("distance", near[-1]["losses"]["l2"], 0.5 * far[-1]["losses"]["l2"])
    last = near[-1]
    assert last["loss"] == pytest.approx(
        last["losses"]["sft"] + 3.0 * last["losses"]["l2"], rel=1e-5
    )


@pytest.mark.training
def test_without_it_nothing_is_added(tmp_path: Path) -> None:
    assert (
        "l2"
        not in train(Tiny(), make_examples(6), settings(max_steps=1), tmp_path, seed=0).curve[0][
            "losses"
        ]
    )


def test_hooks_change_no_weights_and_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a reft adapter changes none"):
        settings("reft", l2=1.0)
    unchecked = settings("reft").model_copy(update={"l2": 1.0})
    with pytest.raises(UsageError, match="changes no weights"):
        train(Tiny(), make_examples(6), unchecked, tmp_path, seed=0)


@pytest.mark.training
def test_the_first_adapter_of_a_distillation_is_not_held_by_its_weights(tmp_path: Path) -> None:
    chosen = settings(distill_from="reft", l2=1e-6)
    assert train(Tiny(), make_examples(6), chosen, tmp_path, seed=0).curve[-1]["losses"]["l2"] > 0
