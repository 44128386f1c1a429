"""RegMean of the taught model and the base: the formula against least squares, the moments against plain passes, and less drift."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, examples

from selfteach import config
from selfteach.errors import UsageError
from selfteach.records import Example
from selfteach.train import regmean
from selfteach.train.adapters.lora import Lora
from selfteach.train.batch import encode
from selfteach.train.lesson import loss, units
from selfteach.train.loop import objectives_of, train
from selfteach.train.parallel import Processes
from selfteach.train.regmean import held, moments, parts
from selfteach.train.student import Student
from selfteach.train.teacher import Teacher

KINDS = {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}


def settings(**more: Any) -> config.Train:
    return config.Train(**{"weights": KINDS, "batch_size": 6, "max_steps": 8, "learning_rate": 5e-3, **more})


def mixed() -> list[Example]:
    rows = examples(12)
    return [*rows[:6], *(Example(f"g{e.id}", "general", e.prompt, e.chosen) for e in rows[6:])]


def moment(x: torch.Tensor) -> torch.Tensor:
    return x.t() @ x / len(x)


def test_it_is_the_least_squares_solution() -> None:
    """Stacked: sqrt weights times rows, targets the learned outputs on lessons and nothing on anchors."""
    torch.manual_seed(0)
    a, k, k0 = torch.randn(3, 7), torch.randn(20, 7, dtype=torch.float64), torch.randn(30, 7, dtype=torch.float64)
    mu, lam0 = 2.0, 0.1
    lam = lam0 * float(moment(k).square().sum() / moment(k).trace())
    left = torch.cat([k / 20**0.5, k0 * (mu / 30) ** 0.5, lam**0.5 * torch.eye(7, dtype=torch.float64)])
    right = torch.cat([k @ a.double().t() / 20**0.5, torch.zeros(37, 3, dtype=torch.float64)])
    expected = torch.linalg.lstsq(left, right).solution.t()
    torch.testing.assert_close(held(a, moment(k), moment(k0), mu, lam0), expected.float(), rtol=1e-5, atol=1e-6)


def test_what_only_lessons_use_stays_and_what_anchors_use_goes() -> None:
    a, lessons, anchors = torch.ones(2, 4), torch.diag(torch.tensor([1.0, 1, 1, 0])), torch.diag(torch.tensor([0.0, 0, 1, 1]))
    found = held(a, lessons.double(), anchors.double(), 3.0, lam=1e-9)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1, 0.25, 0]] * 2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("token_budget", [1, 60, 4096])
def test_moments_are_those_of_ordinary_passes(token_budget: int) -> None:
    """However many rows are computed together: what they begin with stands once among them, and counts for each."""
    model = Tiny()
    adapter = Lora.attach(model.module, settings(), seed=0)
    rows = encode(model, mixed(), KINDS, frozenset(), 512, "drop").rows
    student = Student(model.module, adapter)
    with student.ready():
        found = moments(student, adapter.places, rows, token_budget)
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in adapter.places}
    hooks = [
        layer.register_forward_pre_hook(lambda part, given, name=name: seen[name].append(given[0][0]))
        for name, layer in adapter.places.items()
    ]
    with torch.no_grad():
        for row in rows:
            model.module.get_decoder()(torch.tensor([[*row.prompt, *row.answers[0]]]))
    for hook in hooks:
        hook.remove()
    assert len(found.sums) < len(adapter.places) == len(found.sums) + len(found.shared)
    for name, inputs in seen.items():
        torch.testing.assert_close(found.mean(name).float(), moment(torch.cat(inputs)), rtol=1e-3, atol=1e-4)


def test_layers_are_solved_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = Lora.attach(Tiny().module, settings(), seed=0)
    every = list(adapter.places)
    assert [list(part) for part in parts(adapter.places)] == [every]
    monkeypatch.setattr(regmean, "BYTES", 1)
    assert [list(part) for part in parts(adapter.places)] == [[name] for name in every]


def test_less_drift_for_nearly_the_same_lessons(tmp_path: Path) -> None:
    free = train(Tiny(), mixed(), settings(), tmp_path / "free", seed=0)
    still = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "still", seed=0)
    assert [kind for kind, _ in still.events] == ["regmean"]
    assert not free.events
    losses = {name: after(trained.adapter) for name, trained in (("free", free), ("still", still))}
    assert losses["still"]["anchor"] < 0.8 * losses["free"]["anchor"]
    before = train(Tiny(), mixed(), settings(max_steps=1), tmp_path / "base", seed=0).curve[0]["losses"]["sft"]
    gained = {name: before - found["sft"] for name, found in losses.items()}
    assert gained["still"] > 0.7 * gained["free"] > 0


def after(adapter: Path) -> dict[str, float]:
    """Both losses of a saved adapter on all rows: of a first step that starts from it."""
    model = Tiny()
    worn = Lora.attach(model.module, settings(), seed=0)
    worn.load(load_file(adapter / "adapter_model.safetensors"))
    objectives = objectives_of(KINDS, settings())
    rows = encode(model, mixed(), KINDS, frozenset(), 512, "drop").rows
    student = Student(model.module, worn)
    with torch.no_grad(), student.ready():
        known = Teacher(model, student, objectives, {e.id: e for e in mixed()}, settings(), None).learn(rows, 4096)
        return loss(student, rows, objectives, units(objectives, rows), known)[1]


def test_the_same_call_gives_the_same_bytes_also_after_a_stop(tmp_path: Path) -> None:
    def taught(folder: Path, every: int = 0) -> bytes:
        trained = train(Tiny(), mixed(), settings(regmean=1.0, checkpoint_every=every), folder, seed=0)
        return (trained.adapter / "adapter_model.safetensors").read_bytes()

    first = taught(tmp_path / "first")
    for stop in (4, 6):  # before and after the update is held still, at step 5 of 8
        folder = tmp_path / f"{stop}"
        assert first == taught(folder, stop)
        shutil.rmtree(folder / "checkpoints" / "step-000008")
        assert [point.name for point in (folder / "checkpoints").iterdir()] == [f"step-{stop:06d}"]
        assert first == taught(folder, stop)


def test_memory_that_runs_out_on_the_way_gives_up_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that were solved before are not solved again; other micro-batches move a sum's last digits alone."""
    monkeypatch.setattr(regmean, "BYTES", 1)
    whole = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "whole", seed=0)
    calls = [0]

    def short(*given: Any) -> regmean.Moments:
        calls[0] += 1
        if calls[0] == 4:
            raise MemoryError
        return moments(*given)

    monkeypatch.setattr("selfteach.train.steps.moments", short)
    again = train(Tiny(), mixed(), settings(regmean=1.0), tmp_path / "again", seed=0)
    assert [kind for kind, _ in again.events] == ["out_of_memory", "regmean"]
    left, right = (load_file(t.adapter / "adapter_model.safetensors") for t in (whole, again))
    for name, tensor in left.items():
        torch.testing.assert_close(right[name], tensor, rtol=1e-2, atol=5e-3)


@pytest.mark.parametrize("adapter", ["reft", "full"])
def test_only_a_lora_has_it(adapter: str, tmp_path: Path) -> None:
    trained = train(Tiny(), mixed(), settings(adapter=adapter, regmean=1.0, max_steps=3), tmp_path, seed=0)
    assert trained.events == [("regmean_left_out", {"step": 2, "mu": 1.0})]


def test_weights_in_shards_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Processes, "shard", lambda self, module: setattr(self, "sharded", True))
    with pytest.raises(UsageError, match="cannot be held still"):
        train(Tiny(), mixed(), settings(regmean=1.0), tmp_path, seed=0)


def test_without_anchors_nothing_is_given_up(tmp_path: Path) -> None:
    rows = [e for e in mixed() if e.kind == "in_scope"]
    weights = {"in_scope": {"sft": 1.0}}
    held_, free = (train(Tiny(), rows, settings(weights=weights, regmean=mu), tmp_path / f"{mu}", seed=0) for mu in (1.0, 0.0))
    assert [kind for kind, _ in held_.events] == ["regmean_left_out"]
    assert not free.events
    names = "adapter_model.safetensors"
    assert (held_.adapter / names).read_bytes() == (free.adapter / names).read_bytes()
