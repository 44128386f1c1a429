"""RegMean of the tuned model and the base: the formula against least squares, the moments against
plain passes, and less drift.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, make_examples

from margins import assert_at_least, assert_at_most
from selfteach import config
from selfteach.errors import ResourceError, UsageError
from selfteach.models.hf import HfModel
from selfteach.records import Example
from selfteach.train import micro_batch_loss, regmean_to_base
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.distributed import ProcessGroup
from selfteach.train.encode_and_batch import encode_examples
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.memory import format_bytes
from selfteach.train.micro_batch_loss import compute_loss, count_units
from selfteach.train.reference import Reference
from selfteach.train.regmean_to_base import (
    RegMean,
    estimate_regmean_bytes,
    find_shared_inputs,
    measure_input_moments,
    solve_regmean,
    split_layers,
)
from selfteach.train.train import TrainingResult, make_objectives, train
from selfteach.train.trainer import Diverged, Trainer

pytestmark = [pytest.mark.training, pytest.mark.long]

KINDS = {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}


def settings(**more: Any) -> config.TrainConfig:
    return config.TrainConfig(
        **{"weights": KINDS, "batch_size": 6, "max_steps": 8, "learning_rate": 5e-3, **more}
    )


OBJECTIVES = make_objectives(KINDS, settings())


def mixed() -> list[Example]:
    rows = make_examples(12)
    return [*rows[:6], *(Example(f"g{e.id}", "general", e.prompt, e.chosen) for e in rows[6:])]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a training with RegMean that nothing stopped."""
    folder = tmp_path_factory.mktemp("straight")
    return read_weights(train(Tiny(), mixed(), settings(regmean=1.0), folder, seed=0))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a training without RegMean."""
    return read_weights(train(Tiny(), mixed(), settings(), tmp_path_factory.mktemp("free"), seed=0))


def read_weights(trained: TrainingResult) -> bytes:
    return (trained.adapter / "adapter_model.safetensors").read_bytes()


def moment(x: torch.Tensor) -> torch.Tensor:
    return x.t() @ x / len(x)


def test_it_is_the_least_squares_solution() -> None:
    """Stacked: sqrt weights times rows, targets the learned outputs on examples and nothing on
    anchors.
    """
    torch.manual_seed(0)
    a = torch.randn(3, 7)
    k = torch.randn(20, 7, dtype=torch.float64)
    k0 = torch.randn(30, 7, dtype=torch.float64)
    mu = 2.0
    lam0 = 0.1
    lam = lam0 * float(moment(k).square().sum() / moment(k).trace())
    left = torch.cat(
        [k / 20**0.5, k0 * (mu / 30) ** 0.5, lam**0.5 * torch.eye(7, dtype=torch.float64)]
    )
    right = torch.cat([k @ a.double().t() / 20**0.5, torch.zeros(37, 3, dtype=torch.float64)])
    expected = torch.linalg.lstsq(left, right).solution.t()
    torch.testing.assert_close(
        solve_regmean(a, moment(k), moment(k0), mu, lam0), expected.float(), rtol=1e-5, atol=1e-6
    )


def test_what_only_examples_use_stays_and_what_anchors_use_goes() -> None:
    a = torch.ones(2, 4)
    learned = torch.diag(torch.tensor([1.0, 1, 1, 0]))
    anchors = torch.diag(torch.tensor([0.0, 0, 1, 1]))
    found = solve_regmean(a, learned.double(), anchors.double(), 3.0, lam=1e-9)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1, 0.25, 0]] * 2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("token_budget", [1, 60, 4096])
def test_moments_are_those_of_ordinary_passes(token_budget: int) -> None:
    """However many rows are computed together: what they begin with stands once among them, and
    counts for each.
    """
    model = Tiny()
    adapter = LoraAdapter.attach(model.module, settings(), seed=0)
    rows = encode_examples(model, mixed(), KINDS, OBJECTIVES, 512, "drop").rows
    tuned = PackedModel(model.module, adapter)
    with tuned.use_attention():
        found = measure_input_moments(tuned, adapter.low_rank_layers, rows, token_budget)
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in adapter.low_rank_layers}
    hooks = [
        layer.register_forward_pre_hook(
            lambda part, given, name=name: seen[name].append(given[0][0])
        )
        for name, layer in adapter.low_rank_layers.items()
    ]
    with torch.no_grad():
        for row in rows:
            model.module.get_decoder()(torch.tensor([[*row.prompt, *row.answers[0]]]))
    for hook in hooks:
        hook.remove()
    assert len(found.sums) < len(adapter.low_rank_layers) == len(found.sums) + len(found.shared)
    for name, inputs in seen.items():
        torch.testing.assert_close(
            found.mean(name).float(), moment(torch.cat(inputs)), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("token_budget", [1, 4096])
def test_moments_of_a_model_that_cannot_pack_count_no_padding(
    make_tiny: Callable[..., Path], tmp_path: Path, token_budget: int
) -> None:
    """Gemma 2 caps its scores. Each row is a pair, whose prompt counts once."""
    hf = HfModel.load(make_tiny(tmp_path / "base", family="gemma2"), dtype="float32")
    adapter = LoraAdapter.attach(hf.module, settings(), seed=0)
    weights = {"in_scope": {"dpo": 1.0}}
    objectives = make_objectives(weights, settings())
    rows = encode_examples(hf, make_examples(6), weights, objectives, 512, "drop").rows
    tuned = PackedModel(hf.module, adapter)
    assert not tuned.can_pack
    with tuned.use_attention():
        found = measure_input_moments(tuned, adapter.low_rank_layers, rows, token_budget)
    length = sum(len(row.prompt) + sum(map(len, row.answers)) for row in rows)
    assert set(found.tokens.values()) == {length}


def test_layers_are_solved_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = LoraAdapter.attach(Tiny().module, settings(), seed=0)
    every = list(adapter.low_rank_layers)
    assert [list(part) for part in split_layers(adapter.low_rank_layers, {})] == [every]
    monkeypatch.setattr(regmean_to_base, "MOMENTS_BUDGET_BYTES", 1)
    assert [list(part) for part in split_layers(adapter.low_rank_layers, {})] == [
        [name] for name in every
    ]


def test_moments_that_layers_share_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of the tiny model has three inputs of 64 (of q, k and v; of o; of gate and up) and
    one of 128: 8 * (3 * 64^2 + 128^2) bytes,
    224 KiB for both sums; not 8 * (6 * 64^2 + 128^2)."""
    model = Tiny(num_hidden_layers=4)
    adapter = LoraAdapter.attach(model.module, settings(), seed=0)
    row = encode_examples(model, mixed(), KINDS, OBJECTIVES, 512, "drop").rows[0]
    tuned = PackedModel(model.module, adapter)
    with tuned.use_attention():
        shared = find_shared_inputs(tuned, adapter.low_rank_layers, row)
    layer = "model.layers.1."
    assert {
        name.removeprefix(layer): owner.removeprefix(layer)
        for name, owner in shared.items()
        if layer in name
    } == {
        "self_attn.q_proj": "self_attn.q_proj",
        "self_attn.k_proj": "self_attn.q_proj",
        "self_attn.v_proj": "self_attn.q_proj",
        "self_attn.o_proj": "self_attn.o_proj",
        "mlp.gate_proj": "mlp.gate_proj",
        "mlp.up_proj": "mlp.gate_proj",
        "mlp.down_proj": "mlp.down_proj",
    }
    monkeypatch.setattr(regmean_to_base, "MOMENTS_BUDGET_BYTES", 2 * 224 << 10)
    assert [len(part) for part in split_layers(adapter.low_rank_layers, shared)] == [14, 14]
    assert [len(part) for part in split_layers(adapter.low_rank_layers, {})] != [14, 14]


@pytest.mark.slow
def test_less_drift_for_most_of_the_lessons(tmp_path: Path) -> None:
    free = train(Tiny(), mixed(), settings(max_steps=24), tmp_path / "free", seed=0)
    held_still = settings(max_steps=24, regmean=10.0)
    still = train(Tiny(), mixed(), held_still, tmp_path / "still", seed=0)
    assert [kind for kind, _ in still.events] == ["regmean"]
    assert not free.events
    losses = {name: after(trained.adapter) for name, trained in (("free", free), ("still", still))}
    assert_at_most("loss on anchors", losses["still"]["anchor"], 0.8 * losses["free"]["anchor"])
    before = train(Tiny(), mixed(), settings(max_steps=1), tmp_path / "base", seed=0).curve[0][
        "losses"
    ]["sft"]
    gained = {name: before - found["sft"] for name, found in losses.items()}
    assert_at_least("gained without RegMean", gained["free"], 0)
    assert_at_least("gained", gained["still"], 0.4 * gained["free"])


def after(adapter: Path) -> dict[str, float]:
    """Both losses of a saved adapter on all rows: of a first step that starts from it."""
    model = Tiny()
    worn = LoraAdapter.attach(model.module, settings(), seed=0)
    worn.load(load_file(adapter / "adapter_model.safetensors"))
    objectives = make_objectives(KINDS, settings())
    rows = encode_examples(model, mixed(), KINDS, objectives, 512, "drop").rows
    tuned = PackedModel(model.module, worn)
    with torch.no_grad(), tuned.use_attention():
        known = Reference(
            model, tuned, objectives, {e.id: e for e in mixed()}, settings(), None
        ).compute(rows, 4096)
        return compute_loss(tuned, rows, objectives, count_units(objectives, rows), known)[1]


def test_the_same_call_gives_the_same_bytes_also_after_a_stop(
    straight: bytes, tmp_path: Path
) -> None:
    for stop in (4, 6):  # before and after the update is held still, at step 5 of 8
        folder = tmp_path / f"{stop}"
        stopped = settings(regmean=1.0, checkpoint_every=stop)
        assert straight == read_weights(train(Tiny(), mixed(), stopped, folder, seed=0))
        shutil.rmtree(folder / "checkpoints" / "step-000008")
        assert [point.name for point in (folder / "checkpoints").iterdir()] == [f"step-{stop:06d}"]
        assert straight == read_weights(train(Tiny(), mixed(), stopped, folder, seed=0))


@pytest.mark.slow
def test_memory_that_runs_out_on_the_way_gives_up_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers that were solved before are not solved again; other micro-batches move a sum's last
    digits alone.
    """
    monkeypatch.setattr(regmean_to_base, "MOMENTS_BUDGET_BYTES", 1)
    whole = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "whole", seed=0)
    calls = [0]

    def short(*given: Any) -> regmean_to_base.InputMoments:
        calls[0] += 1
        if calls[0] == 4:
            raise MemoryError
        return measure_input_moments(*given)

    monkeypatch.setattr("selfteach.train.regmean_to_base.measure_input_moments", short)
    budgets = budgets_of(monkeypatch)
    again = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "again", seed=0)
    assert [kind for kind, _ in again.events] == ["out_of_memory", "regmean"]
    assert budgets[0] == budgets[1] == 2048
    left, right = (load_file(t.adapter / "adapter_model.safetensors") for t in (whole, again))
    for name, tensor in left.items():
        torch.testing.assert_close(right[name], tensor, rtol=1e-2, atol=5e-3)


def budgets_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tokens at once before something is given up, and after."""
    found: list[int] = []
    whole = RegMean.apply

    def apply(self: RegMean, trainer: Trainer, say: Any) -> None:
        found.append(trainer.micro_batch.tokens)
        whole(self, trainer, say)
        found.append(trainer.micro_batch.tokens)

    monkeypatch.setattr(RegMean, "apply", apply)
    return found


def fails(name: str, fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the moments, or the solution, of the layers with 128 inputs impossible."""
    place, own = (torch, torch.zeros) if name == "zeros" else (regmean_to_base, solve_regmean)

    def short(*given: Any, **more: Any) -> Any:
        if tuple(getattr(given[0], "shape", given))[1:] == (128,):
            raise fault
        return own(*given, **more)

    monkeypatch.setattr(place, name, short)


@pytest.mark.parametrize(
    ("name", "fault", "why"),
    [
        ("zeros", MemoryError(), "memory ran out"),
        (
            "solve_regmean",
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "memory ran out",
        ),
        (
            "solve_regmean",
            torch.linalg.LinAlgError("not positive-definite"),
            "there is no solution",
        ),
    ],
    ids=["no room for moments", "no room to solve", "no solution"],
)
def test_a_layer_that_cannot_be_solved_stays_as_it_was(
    name: str, fault: BaseException, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are solved, and the tokens at once stay what they were: fewer would not help."""
    monkeypatch.setattr(regmean_to_base, "MOMENTS_BUDGET_BYTES", 1)
    budgets = budgets_of(monkeypatch)
    fails(name, fault, monkeypatch)
    trained = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path, seed=0)
    first = "model.layers.0.mlp.down_proj"
    about = {"step": 5, "mu": 1.0}
    assert trained.events == [
        ("regmean", about),
        ("regmean_left_out", {**about, "reason": why, "layers": 2, "first": first}),
    ]
    assert (trained.halvings, budgets) == (0, [2048, 2048])


def test_a_solution_that_is_not_finite_is_not_taken(
    free: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regmean_to_base, "solve_regmean", lambda a, *_: a * float("nan"))
    trained = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "nan", seed=0)
    ((kind, body),) = trained.events
    assert (kind, body["reason"], body["layers"]) == (
        "regmean_left_out",
        "the solution is not finite",
        14,
    )
    assert read_weights(trained) == free


def test_a_layer_that_no_token_comes_to_is_left_out(tmp_path: Path) -> None:
    """As an expert that is never chosen."""
    model = Tiny()
    model.module.model.expert = torch.nn.Linear(8, 8)
    trained = train(model, mixed(), settings(regmean=1.0), tmp_path, seed=0)
    assert [kind for kind, _ in trained.events] == ["regmean", "regmean_left_out"]
    body = trained.events[1][1]
    assert (body["layers"], body["first"], body["reason"]) == (
        1,
        "model.expert",
        "no token of examples or of anchors reaches it",
    )


def test_a_loss_that_is_not_finite_right_afterwards_gives_up_nothing_twice(
    straight: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At step 6 of 8, before which the update is held still; the checkpoint that this leaves has
    the update as it is then.
    """
    whole = micro_batch_loss.compute_loss
    poison = [True]

    def poisoned(*given: Any) -> Any:
        found, every = whole(*given)
        return (found * float("nan") if poison and (tmp_path / "stop").exists() else found), every

    def progress(step: int, *_: Any) -> None:
        if step == 5:
            (tmp_path / "stop").touch()

    monkeypatch.setattr(micro_batch_loss, "compute_loss", poisoned)
    with pytest.raises(Diverged):
        train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "again", seed=0, progress=progress)
    poison.clear()
    again = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "again", seed=0)
    assert [kind for kind, _ in again.events] == ["regmean", "resumed"]
    assert read_weights(again) == straight


def test_the_account_counts_it_where_it_is_done(tmp_path: Path) -> None:
    """Of the tiny model, two layers: S and S0 in float32 of seven linear layers each (six of 64
    inputs, one of 128), fewer where they are shared; and four matrices in float64 of the widest."""
    how = settings(regmean=1.0)
    one = 8 * 64**2
    wide = 8 * 128**2
    assert (
        estimate_regmean_bytes(LoraAdapter.attach(Tiny().module, how, seed=0).low_rank_layers)
        == 2 * (6 * one + wide) + 4 * wide
    )
    kept = {
        mu: train(Tiny(), mixed(), settings(regmean=mu), tmp_path / f"{mu}", seed=0).memory
        for mu in (0.0, 1.0)
    }
    assert kept[0.0]
    assert kept[1.0]
    assert (kept[0.0].moments, kept[1.0].moments) == (0, 2 * (6 * one + wide) + 4 * wide)
    assert kept[1.0].added == kept[0.0].added, (
        "between two steps there are no activations, which are more here"
    )
    rest = train(
        Tiny(), mixed(), settings(regmean=1.0, adapter="reft"), tmp_path / "reft", seed=0
    ).memory
    assert rest
    assert rest.moments == 0


def test_what_has_no_room_is_refused_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regmean_to_base, "estimate_regmean_bytes", lambda layers: 10**18)
    with pytest.raises(
        ResourceError,
        match=rf"{format_bytes(10**18)} for moments of train.regmean\). Set train.regmean=0",
    ):
        train(Tiny(), mixed(), settings(regmean=1.0), tmp_path, seed=0)


def test_one_step_has_no_last_third(tmp_path: Path) -> None:
    printed: list[str] = []
    trained = train(
        Tiny(), mixed(), settings(regmean=1.0, max_steps=1), tmp_path, seed=0, say=printed.append
    )
    assert trained.events == [
        ("regmean_left_out", {"mu": 1.0, "reason": "there are too few steps"})
    ]
    assert not [line for line in printed if "removing what" in line]


@pytest.mark.parametrize("adapter", ["reft", "full"])
def test_only_a_lora_has_it(adapter: str, tmp_path: Path) -> None:
    printed: list[str] = []
    trained = train(
        Tiny(),
        mixed(),
        settings(adapter=adapter, regmean=1.0, max_steps=3),
        tmp_path,
        seed=0,
        say=printed.append,
    )
    assert not [line for line in printed if "removing what" in line]
    assert trained.events == [("regmean_left_out", {"mu": 1.0, "reason": "the adapter is no lora"})]


def test_weights_in_shards_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessGroup, "shard", lambda self, module: setattr(self, "sharded", True))
    with pytest.raises(UsageError, match="these are sharded"):
        train(Tiny(), mixed(), settings(regmean=1.0), tmp_path, seed=0)


def test_without_anchors_nothing_is_given_up(tmp_path: Path) -> None:
    rows = [e for e in mixed() if e.kind == "in_scope"]
    weights = {"in_scope": {"sft": 1.0}}
    held_, free = (
        train(Tiny(), rows, settings(weights=weights, regmean=mu), tmp_path / f"{mu}", seed=0)
        for mu in (1.0, 0.0)
    )
    assert held_.events == [("regmean_left_out", {"mu": 1.0, "reason": "there are no anchors"})]
    assert not free.events
    names = "adapter_model.safetensors"
    assert (held_.adapter / names).read_bytes() == (free.adapter / names).read_bytes()
