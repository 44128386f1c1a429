"""The files of a checkpoint: what is written, in which order, what stays, and what is read back."""

from __future__ import annotations

import hashlib
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from selfteach.errors import IntegrityError
from selfteach.train import checkpoint
from selfteach.train.checkpoint import Checkpoint

NAMES = ["adapter.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json"]
Events = list[tuple[str, dict[str, Any]]]


def point(step: int) -> Checkpoint:
    return Checkpoint(
        step=step,
        adapter={"a": torch.arange(6.0).reshape(2, 3) + step},
        optimizer={"0.exp_avg": torch.full((3,), 0.5 * step)},
        rng=torch.arange(8, dtype=torch.uint8) + step,
        facts={"losses": [1.0, 0.25], "metrics_bytes": 10 * step},
    )


def write(folder: Path, identity: str, point: Checkpoint) -> None:
    tensors = [lambda: point.adapter, lambda: point.optimizer, lambda: {"torch": point.rng}]
    checkpoint.write_checkpoint(folder, identity, point.step, tensors, point.facts)


def newest(folder: Path, identity: str = "mine") -> tuple[Checkpoint | None, Events]:
    events: Events = []
    found = checkpoint.read_newest_checkpoint(
        folder, identity, lambda kind, facts: events.append((kind, facts))
    )
    return found, events


def test_a_new_checkpoint_stays_beside_later_damaged_ones(tmp_path: Path) -> None:
    for step in (100, 150):
        write(tmp_path, "mine", point(step))
        (tmp_path / f"step-{step:06d}" / "adapter.safetensors").write_bytes(b"damaged")
    assert newest(tmp_path)[0] is None
    write(tmp_path, "mine", point(50))
    found, events = newest(tmp_path)
    assert found is not None
    assert (found.step, events) == (50, [])


def same(first: Checkpoint, second: Checkpoint) -> bool:
    for name in ("adapter", "optimizer"):
        left = getattr(first, name)
        right = getattr(second, name)
        if left.keys() != right.keys():
            return False
        if not all(torch.equal(left[key], right[key]) for key in left):
            return False
    return (first.step, first.facts, first.rng.tolist()) == (
        second.step,
        second.facts,
        second.rng.tolist(),
    )


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", "mine", point(3))
    identity, found = checkpoint.read_checkpoint(tmp_path / "new" / "folder" / "step-000003")
    assert identity == "mine"
    assert same(found, point(3))
    place = tmp_path / "new" / "folder" / "step-000003"
    assert sorted(path.name for path in place.iterdir()) == sorted([*NAMES, "manifest.json"])


def test_the_files_and_their_sums_are_those_of_safetensors(tmp_path: Path) -> None:
    """An earlier version goes on from a checkpoint, and this one from an earlier one's."""
    write(tmp_path, "mine", point(3))
    place = tmp_path / "step-000003"
    files = {name: (place / name).read_bytes() for name in NAMES}
    assert files["adapter.safetensors"] == save(dict(point(3).adapter))
    assert files["rng.safetensors"] == save({"torch": point(3).rng})
    assert files["state.json"] == b'{"losses":[1.0,0.25],"metrics_bytes":30,"step":3}'
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest == {"identity": "mine", "sha256": sums}


def test_the_tensors_of_one_file_are_held_at_a_time(tmp_path: Path) -> None:
    held: list[Any] = []

    def collect() -> dict[str, torch.Tensor]:
        assert [reference() for reference in held] == [None] * len(held)
        tensor = torch.zeros(4)
        held.append(weakref.ref(tensor))
        return {"a": tensor}

    checkpoint.write_checkpoint(tmp_path, "mine", 1, [collect] * 3, {})
    assert len(held) == 3


def test_the_two_newest_checkpoints_stay(tmp_path: Path) -> None:
    for step in (9, 10, 100, 101):
        write(tmp_path, "mine", point(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000100", "step-000101"]
    found, events = newest(tmp_path)
    assert found is not None
    assert same(found, point(101))
    assert events == []


def test_an_old_checkpoint_loses_its_manifest_before_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed while it deletes must leave nothing that looks whole."""
    left: list[list[str]] = []
    delete = checkpoint.shutil.rmtree

    def watched(place: Path) -> None:
        left.append(sorted(path.name for path in place.iterdir()))
        delete(place)

    monkeypatch.setattr(checkpoint.shutil, "rmtree", watched)
    for step in (1, 2, 3):
        write(tmp_path, "mine", point(step))
    assert left == [NAMES]


def test_the_manifest_is_gone_while_a_checkpoint_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old manifest must not vouch for a mixture of old and new files."""
    write(tmp_path, "mine", point(1))
    place = tmp_path / "step-000001"
    before: list[bool] = []
    for name in ("write_tensors", "write_bytes"):
        work = getattr(checkpoint, name)

        def watched(path: Path, data: Any, work: Any = work) -> None:
            before.append((place / "manifest.json").exists())
            work(path, data)

        monkeypatch.setattr(checkpoint, name, watched)
    write(tmp_path, "mine", point(1))
    assert before == [False] * len(NAMES)
    assert (place / "manifest.json").exists()


def test_a_write_that_fails_leaves_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "mine", point(1))
    write_tensors = checkpoint.write_tensors

    def full(path: Path, tensors: Any) -> None:
        if path.name == "rng.safetensors":
            raise OSError(28, "No space left on device")
        write_tensors(path, tensors)

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    for step in (1, 2):
        with pytest.raises(OSError, match="No space"):
            write(tmp_path, "mine", point(step))
    found, events = newest(tmp_path)
    assert found is None
    assert [facts["checkpoint"] for _, facts in events] == ["step-000002", "step-000001"]
    assert {kind for kind, _ in events} == {"checkpoint_passed_over"}


@pytest.mark.parametrize("name", [*NAMES, "manifest.json"])
def test_a_damaged_checkpoint_is_passed_over_with_an_event(tmp_path: Path, name: str) -> None:
    for step in (1, 2):
        write(tmp_path, "mine", point(step))
    (tmp_path / "step-000002" / name).write_bytes(b"{}")
    found, events = newest(tmp_path)
    assert found is not None
    assert same(found, point(1))
    assert [(kind, facts["checkpoint"]) for kind, facts in events] == [
        ("checkpoint_passed_over", "step-000002")
    ]
    fault = "sha256" if name == "manifest.json" else f"{name} is not what was written"
    assert fault in events[0][1]["fault"]


def test_an_unlisted_file_is_not_taken_for_a_part(tmp_path: Path) -> None:
    write(tmp_path, "mine", point(1))
    manifest = tmp_path / "step-000001" / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["sha256"]["rng.safetensors"]
    manifest.write_text(json.dumps(facts))
    with pytest.raises(KeyError, match=r"rng\.safetensors"):
        checkpoint.read_checkpoint(tmp_path / "step-000001")


def test_a_checkpoint_of_another_identity_is_refused(
    tmp_path: Path,
) -> None:
    write(tmp_path, "mine", point(1))
    write(tmp_path, "other", point(2))
    with pytest.raises(IntegrityError, match="other examples"):
        newest(tmp_path)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path) == (None, [])
    assert newest(tmp_path / "absent") == (None, [])


def optimizer(seed: int) -> torch.optim.AdamW:
    torch.manual_seed(seed)
    weights = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4))]
    groups = [
        {"params": weights[:1], "lr": 0.1},
        {"params": weights[1:], "lr": 0.01, "weight_decay": 0.5},
    ]
    return torch.optim.AdamW(groups)


def take_steps(chosen: torch.optim.AdamW, seeds: range) -> list[torch.Tensor]:
    weights = [weight for group in chosen.param_groups for weight in group["params"]]
    for seed in seeds:
        torch.manual_seed(seed)
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        chosen.step()
    return [weight.detach().clone() for weight in weights]


@pytest.mark.training
def test_an_optimizer_goes_on_exactly_from_its_tensors() -> None:
    first = optimizer(0)
    middle = take_steps(first, range(3))
    kept = checkpoint.get_optimizer_tensors(first)
    assert sorted(kept) == [
        f"{n}.{key}" for n in (0, 1) for key in ("exp_avg", "exp_avg_sq", "step")
    ]
    end = take_steps(first, range(3, 6))
    second = optimizer(1)
    weights = [weight for group in second.param_groups for weight in group["params"]]
    with torch.no_grad():
        for weight, value in zip(weights, middle, strict=True):
            weight.copy_(value)
    checkpoint.restore_optimizer(second, kept)
    assert [group["lr"] for group in second.param_groups] == [0.1, 0.01]
    for found, expected in zip(take_steps(second, range(3, 6)), end, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.training
def test_the_tensors_of_an_optimizer_do_not_move_with_it() -> None:
    chosen = optimizer(0)
    take_steps(chosen, range(1))
    kept = checkpoint.get_optimizer_tensors(chosen)
    before = {name: value.clone() for name, value in kept.items()}
    take_steps(chosen, range(1, 3))
    assert all(torch.equal(kept[name], before[name]) for name in kept)
    assert not any(value.requires_grad for value in kept.values())


@pytest.mark.training
def test_only_tensors_of_a_weight_s_shape_are_split_over_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process keeps its part of the moments, and the count of steps as a whole."""
    asked: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def part_of(value: torch.Tensor, mine: torch.Tensor) -> torch.Tensor:
        asked.append((tuple(value.shape), tuple(mine.shape)))
        return value

    chosen = optimizer(0)
    take_steps(chosen, range(1))
    monkeypatch.setattr(checkpoint, "take_shard", part_of)
    checkpoint.restore_optimizer(optimizer(1), checkpoint.get_optimizer_tensors(chosen))
    assert sorted(asked) == [((3, 2), (3, 2))] * 2 + [((4,), (4,))] * 2


def test_an_old_checkpoint_without_a_manifest_is_removed_too(tmp_path: Path) -> None:
    write(tmp_path, "mine", point(1))
    (tmp_path / "step-000001" / "manifest.json").unlink()
    for step in (2, 3):
        write(tmp_path, "mine", point(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000003"]
