"""Two processes share a batch and end with the weights of one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, examples

from selfteach import config
from selfteach.train.loop import train

WEIGHTS = {"in_scope": {"sft": 1.0, "dpo": 0.5, "correction": 0.5}}
SETTINGS = config.Train(weights=WEIGHTS, batch_size=6, epochs=2, learning_rate=5e-3, checkpoint_every=2)


def fork(folder: Path, rank: int, world: int, port: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1"}
            os.environ |= {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
            from accelerate.state import AcceleratorState, GradientState, PartialState

            for state in (AcceleratorState, PartialState, GradientState):
                state._shared_state.clear()
            trained = train(Tiny(), examples(12), SETTINGS, folder, seed=1)
            code = 0 if trained.steps == 4 else 2
        finally:
            os._exit(code)
    return child


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_two_processes_equal_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [fork(tmp_path / "two", rank, 2, port) for rank in range(2)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    one = train(Tiny(), examples(12), SETTINGS, tmp_path / "one", seed=1)
    ours, theirs = (load_file(tmp_path / n / "adapter" / "adapter_model.safetensors") for n in ("two", "one"))
    assert one.steps == 4
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=2e-4, rtol=1e-2)
