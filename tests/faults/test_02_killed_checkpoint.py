"""Row 2: a training that is killed anywhere, also in the middle of a checkpoint, goes on and ends
with the weights of a straight run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.train import checkpoint
from selfteach.train.adapters.adapter import write_adapter_folder
from selfteach.train.train import train
from switches import skip_with_threads

pytestmark = pytest.mark.training

WEIGHTS = {"in_scope": {"sft": 1.0, "dpo": 0.5, "distill": 0.5}}
SETTINGS = config.TrainConfig(
    weights=WEIGHTS, batch_size=4, epochs=2, learning_rate=5e-3, checkpoint_every=2
)


def learn(folder: Path, die: str) -> None:
    """Trains; kills its own process at the named point."""
    seen = 0

    def here(point: str) -> None:
        if point == die:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(write):
        def watched(path: Path, content: object) -> None:
            nonlocal seen
            seen += 1
            here(f"before file {seen}")
            write(path, content)
            here(f"after file {seen}")

        return watched

    for name in ("write_tensors", "write_bytes", "write_text"):
        setattr(checkpoint, name, watch(getattr(checkpoint, name)))
    train(
        Tiny(),
        make_examples(12),
        SETTINGS,
        folder,
        seed=1,
        progress=lambda step, total, row: here(f"step {step}"),
    )


def run(folder: Path, die: str) -> int:
    """In a process of its own, forked from this one so that nothing needs to be imported again;
    returns its exit code.
    """
    skip_with_threads()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            learn(folder, die)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    assert run(folder, "") == 0
    return folder


def curve(folder: Path) -> list[dict[str, float]]:
    return [
        {**json.loads(line), "seconds": 0}
        for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]


# Six steps, a checkpoint every two, five files each. After a file is before the next one, but for
# the last file of a checkpoint.
POINTS = [f"step {n}" for n in (1, 2, 3, 5, 6)]
POINTS += [f"before file {n}" for n in range(1, 16)]
POINTS += [f"after file {n}" for n in (5, 10, 15)]
QUICK = {"step 3"}
"""Between two checkpoints. At the other places one training dies after the other, see below."""


@pytest.mark.parametrize(
    "die", [pytest.param(die, marks=[pytest.mark.slow] * (die not in QUICK)) for die in POINTS]
)
def test_killed_and_run_again_the_weights_are_the_same(
    straight: Path, tmp_path: Path, die: str
) -> None:
    assert run(tmp_path, die) == -signal.SIGKILL
    assert not (tmp_path / "adapter").exists()
    assert run(tmp_path, "") == 0
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / name).read_bytes() == (straight / name).read_bytes()
    assert curve(tmp_path) == curve(straight)


def test_what_a_killed_save_left_is_no_part_of_the_adapter(tmp_path: Path) -> None:
    """It was exported with the adapter, and counted in its size."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / ".adapter_model.safetensors.123.tmp").write_bytes(bytes(100))
    write_adapter_folder(folder, {"a": torch.zeros(1)}, {}, {})
    found = {path.name for path in folder.iterdir()}
    assert found == {"adapter_model.safetensors", "adapter_config.json", "selfteach.json"}


@pytest.mark.slow
def test_killed_again_and_again_it_still_ends_there(straight: Path, tmp_path: Path) -> None:
    """Before the first checkpoint, before its manifest, after it; in the second one, before its
    manifest, after it; in the third one. A process counts the files that it writes itself.
    """
    points = ("before file 1", "before file 5", "after file 5", "after file 2", "before file 5")
    for die in (*points, "step 5", "before file 3"):
        assert run(tmp_path, die) == -signal.SIGKILL
        assert not (tmp_path / "adapter").exists()
    assert run(tmp_path, "") == 0
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / name).read_bytes() == (straight / name).read_bytes()
    assert curve(tmp_path) == curve(straight)
