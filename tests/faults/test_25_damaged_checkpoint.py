"""Rows 24 and 25: a damaged checkpoint is passed over with an event, for the one before it; one of
another training is refused.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import IntegrityError
from selfteach.train import checkpoint
from selfteach.train.train import TrainingResult, train

pytestmark = [pytest.mark.training, pytest.mark.long]

FILES = [
    "adapter.safetensors",
    "optimizer.safetensors",
    "rng.safetensors",
    "state.json",
    "manifest.json",
]


class Stop(Exception):
    """Ends a training between two steps."""


def learn(
    folder: Path, *, stop: int = 0, model: Tiny | None = None, seed: int = 1, **changes: object
) -> TrainingResult:
    def progress(step: int, total: int, row: object) -> None:
        if step == stop:
            raise Stop

    settings = config.TrainConfig(
        **{
            "weights": {"in_scope": {"sft": 1.0}},
            "batch_size": 4,
            "epochs": 3,
            "learning_rate": 5e-3,
            "checkpoint_every": 2,
            **changes,
        }
    )
    return train(model or Tiny(), make_examples(12), settings, folder, seed=seed, progress=progress)


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Stop):
        learn(folder, stop=5)
    return folder


@pytest.fixture
def stopped(stopped_once: Path, tmp_path: Path) -> Path:
    """A folder with checkpoints of the steps 2 and 4."""
    return shutil.copytree(stopped_once, tmp_path / "stopped")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a training that nothing stopped."""
    return weights(learn(tmp_path_factory.mktemp("straight")))


def weights(trained: TrainingResult) -> bytes:
    return (trained.adapter / "adapter_model.safetensors").read_bytes()


def damage_file(file: Path, damage: str) -> None:
    """Cut a file in half, remove it, or change one of its bits."""
    data = file.read_bytes()
    file.unlink()
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncated", "missing", "flipped"])
def test_a_damaged_checkpoint_is_passed_over(stopped: Path, name: str, damage: str) -> None:
    place = stopped / "checkpoints"
    identity, before = checkpoint.read_checkpoint(place / "step-000002")
    damage_file(place / "step-000004" / name, damage)
    events: list[tuple[str, Any]] = []
    found = checkpoint.read_newest_checkpoint(place, identity, lambda *event: events.append(event))
    assert found is not None
    assert (found.step, found.facts) == (2, before.facts)
    assert [(kind, body["checkpoint"]) for kind, body in events] == [
        ("checkpoint_passed_over", "step-000004")
    ]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("adapter.safetensors", "truncated"),
        ("optimizer.safetensors", "missing"),
        ("rng.safetensors", "flipped"),
        ("state.json", "truncated"),
        ("manifest.json", "missing"),
    ],
)
def test_the_checkpoint_before_it_is_used_and_the_weights_are_the_same(
    stopped: Path, straight: bytes, name: str, damage: str
) -> None:
    damage_file(stopped / "checkpoints" / "step-000004" / name, damage)
    trained = learn(stopped)
    assert [kind for kind, _ in trained.events] == ["checkpoint_passed_over", "resumed"]
    assert trained.events[0][1]["checkpoint"] == "step-000004"
    assert trained.events[1][1] == {"step": 2}
    assert weights(trained) == straight


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '"sha256"',
        "[" * 100_000,
        '{"sha256": null}',
        '{"sha256": ["adapter.safetensors"]}',
        '{"sha256": {}}',
        '{"sha256": {"/dev/zero": ""}}',
    ],
    ids=["list", "null", "text", "deep", "no sums", "list of sums", "no names", "another name"],
)
def test_a_manifest_of_another_shape_is_passed_over(tmp_path: Path, text: str) -> None:
    tensors = [dict, dict, lambda: {"torch": torch.zeros(2)}]
    for step in (2, 4):
        checkpoint.write_checkpoint(tmp_path, "mine", step, tensors, {})
    (tmp_path / "step-000004" / "manifest.json").write_text(text)
    events: list[tuple[str, object]] = []
    found = checkpoint.read_newest_checkpoint(tmp_path, "mine", lambda *event: events.append(event))
    assert found is not None
    assert found.step == 2
    assert [kind for kind, _ in events] == ["checkpoint_passed_over"]


def test_the_newest_whole_one_is_used_without_an_event(stopped: Path) -> None:
    assert learn(stopped).events == [("resumed", {"step": 4})]


@pytest.mark.parametrize(
    "change",
    [{"learning_rate": 1e-3}, {"seed": 2}, {"model": Tiny(seed=5)}],
    ids=["configuration", "seed", "base"],
)
def test_a_checkpoint_of_another_training_is_refused(
    stopped: Path, change: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError, match="new folder"):
        learn(stopped, **change)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first = learn(tmp_path)
    again = learn(tmp_path)
    assert again.events == [("resumed", {"step": first.steps})]
    assert (again.steps, again.tokens, again.curve) == (first.steps, first.tokens, first.curve)
    assert weights(again) == weights(first)


@pytest.mark.parametrize("left", [0.0, 0.3, 0.6])
def test_a_curve_that_lost_its_end_with_the_power_keeps_its_whole_lines(
    stopped: Path, straight: bytes, left: float
) -> None:
    """Four lines of which less is left than the checkpoint has seen: no zeros take their place, and
    it is reported.
    """
    file = stopped / "metrics.jsonl"
    data = b"".join(file.read_bytes().splitlines(keepends=True)[:4])
    file.write_bytes(data[: int(left * len(data))])
    whole = file.read_bytes().count(b"\n")
    trained = learn(stopped)
    assert trained.events[0] == (
        "metrics_lost",
        {"bytes": len(data), "found": int(left * len(data))},
    )
    assert [row["step"] for row in trained.curve] == [*range(1, whole + 1), *range(5, 10)]
    assert weights(trained) == straight


def test_the_curve_is_on_the_disk_before_a_checkpoint_counts_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []
    sync = os.fsync
    write = checkpoint.write_checkpoint

    def noted(number: int) -> None:
        synced.append((os.fstat(number).st_ino, os.fstat(number).st_size))
        sync(number)

    def checked(folder: Path, identity: str, step: int, tensors: Any, facts: Any) -> None:
        assert ((tmp_path / "metrics.jsonl").stat().st_ino, facts["metrics_bytes"]) in synced
        write(folder, identity, step, tensors, facts)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(checkpoint, "write_checkpoint", checked)
    assert learn(tmp_path).steps == 9
