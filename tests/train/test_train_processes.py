"""Two processes share a batch, and perhaps the weights too (FSDP2), and end with the losses and
weights of one, also after a kill.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import Interrupted, SelfteachError, UsageError
from selfteach.models import hf
from selfteach.train import distributed, regmean_to_base
from selfteach.train.train import train
from switches import skip_with_threads

WEIGHTS = {
    "in_scope": {"sft": 1.0, "dpo": 0.5, "correction": 0.5, "distill": 0.5},
    "general": {"anchor": 1.0},
}
EXAMPLES = [
    *make_examples(9),
    *(replace(example, kind="general") for example in make_examples(13)[9:]),
]
SETTINGS = config.TrainConfig(
    weights=WEIGHTS,
    batch_size=5,
    epochs=2,
    learning_rate=5e-3,
    checkpoint_every=2,
    micro_batch_tokens=120,
)
STEPS = 6
STOPPED = 3
REFUSED = 4
FULLY = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.training,
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo"),
]


def make_settings(adapter: str, **more: Any) -> config.TrainConfig:
    return SETTINGS.model_copy(
        update={"adapter": adapter, "layers": config.LayersConfig(which="last 1"), **more}
    )


def fork(
    settings: config.TrainConfig,
    folder: Path,
    rank: int,
    port: int,
    launch: dict[str, str],
    die: int,
) -> int:
    """One of two processes; with `die` the second one is killed after that step."""
    skip_with_threads()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            os.environ |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
            }
            os.environ |= {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true", **launch}
            from accelerate.state import AcceleratorState, GradientState, PartialState

            for state in (AcceleratorState, PartialState, GradientState):
                state._shared_state.clear()

            def progress(step: int, total: int, row: Any) -> None:
                if rank and step == die:
                    os.kill(os.getpid(), signal.SIGKILL)

            code = learn(settings, folder, progress)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def learn(settings: config.TrainConfig, folder: Path, progress: Any) -> int:
    try:
        return (
            0
            if train(Tiny(), EXAMPLES, settings, folder, seed=1, progress=progress).steps == STEPS
            else 2
        )
    except Interrupted as fault:
        (folder / "said").write_text(str(fault))
        return STOPPED
    except SelfteachError as fault:
        folder.mkdir(exist_ok=True)
        (folder / "said").write_text(str(fault))
        return REFUSED


def two(
    settings: config.TrainConfig, folder: Path, launch: dict[str, str] | None = None, die: int = 0
) -> list[int]:
    """The exit codes of both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [fork(settings, folder, rank, port, launch or {}, die) for rank in range(2)]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def one(settings: config.TrainConfig, folder: Path) -> None:
    assert train(Tiny(), EXAMPLES, settings, folder, seed=1).steps == STEPS


def assert_equal(ours: Path, theirs: Path) -> None:
    """Losses and weights, to float tolerance."""
    curves = []
    for folder in (ours, theirs):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        curves.append([json.loads(line) for line in lines])
    assert [row["step"] for row in curves[0]] == list(range(1, STEPS + 1))
    for mine, its in zip(*curves, strict=True):
        assert mine["loss"] == pytest.approx(its["loss"], rel=1e-4)
        assert mine["grad_norm"] == pytest.approx(its["grad_norm"], rel=1e-3)
        assert mine["tokens"] == its["tokens"]
    found, expected = (
        load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (ours, theirs)
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=2e-4, rtol=1e-2)


def test_two_processes_equal_one(tmp_path: Path) -> None:
    assert two(make_settings("lora"), tmp_path / "two") == [0, 0]
    one(make_settings("lora"), tmp_path / "one")
    assert_equal(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_all_go_on_with_what_the_first_one_held_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process, which may compute fewer tokens at once or run out of memory, finds
    something else.
    """
    found = regmean_to_base.solve_regmean
    settings = make_settings("lora", regmean=3.0)
    assert two(settings, tmp_path / "alike") == [0, 0]
    monkeypatch.setattr(
        regmean_to_base,
        "solve_regmean",
        lambda *given: found(*given) * (0.5 if os.environ.get("RANK") == "1" else 1.0),
    )
    assert two(settings, tmp_path / "apart") == [0, 0]
    alike, apart = (
        (tmp_path / name / "adapter" / "adapter_model.safetensors").read_bytes()
        for name in ("alike", "apart")
    )
    assert alike == apart


ZERO3 = {
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3",
    "DS_ACCELERATOR": "cpu",
}
ZERO2 = {**ZERO3, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}
CASES = [
    ("full", {}),
    ("reft", {}),
    ("layers", FULLY),
    ("lora", FULLY),
    ("reft", FULLY),
    ("prompt", FULLY),
]
CASES += [
    (adapter, ZERO3) for adapter in ("full", "layers", "lora", "reft", "bottleneck", "prompt")
]
CASES += [("full", ZERO2), ("layers", ZERO2), ("lora", ZERO2)]
QUICK = [("full", FULLY), ("full", ZERO2), ("full", ZERO3)]
CASES = [
    *(pytest.param(*case) for case in QUICK),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES if case not in QUICK),
]


def name_launch(launch: dict[str, str]) -> str:
    stage = launch.get("ACCELERATE_DEEPSPEED_ZERO_STAGE")
    return f"zero{stage}" if stage else "fsdp2" if launch else "ddp"


@pytest.mark.parametrize(
    ("adapter", "launch"),
    CASES,
    ids=lambda case: case if isinstance(case, str) else name_launch(case),
)
def test_any_adapter_with_and_without_shards(
    tmp_path: Path, adapter: str, launch: dict[str, str]
) -> None:
    settings = make_settings(adapter, l2=0.1 if adapter in ("full", "lora") else 0.0)
    if launch in (ZERO2, ZERO3):
        pytest.importorskip("deepspeed")
    assert two(settings, tmp_path / "two", launch) == [0, 0]
    one(settings, tmp_path / "one")
    assert_equal(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("launch", [{}, FULLY, ZERO2, ZERO3], ids=name_launch)
def test_killed_and_run_again_the_weights_are_the_same(
    tmp_path: Path, launch: dict[str, str]
) -> None:
    """Killed after step 3 of 6, a checkpoint every two; the other process says so at once and does
    not wait for it.
    """
    if launch in (ZERO2, ZERO3):
        pytest.importorskip("deepspeed")
    begun = time.monotonic()
    assert two(make_settings("full"), tmp_path / "two", launch, die=3) == [STOPPED, -signal.SIGKILL]
    assert time.monotonic() - begun < 300
    assert "resumes from the last checkpoint" in (tmp_path / "two" / "said").read_text()
    assert not (tmp_path / "two" / "adapter").exists()
    assert two(make_settings("full"), tmp_path / "two", launch) == [0, 0]
    one(make_settings("full"), tmp_path / "one")
    assert_equal(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_what_two_processes_wrote_one_goes_on_with(tmp_path: Path) -> None:
    two(make_settings("full"), tmp_path / "mixed", FULLY, die=5)
    one(make_settings("full"), tmp_path / "mixed")
    one(make_settings("full"), tmp_path / "one")
    assert_equal(tmp_path / "mixed", tmp_path / "one")


def test_what_one_process_must_do_alone_is_refused(tmp_path: Path) -> None:
    assert two(make_settings("closed_form"), tmp_path / "two") == [REFUSED, REFUSED]
    assert "is solved by one process" in (tmp_path / "two" / "said").read_text()


def test_loading_reads_a_launch_as_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """It put the weights on one accelerator, which then had to hold all of them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "1")
    monkeypatch.setenv("FSDP_VERSION", "2")
    assert distributed.get_requested_sharding() == "fsdp2"
    assert hf._choose_device("auto") == torch.device("cpu")


REFUSALS = [
    ({"ACCELERATE_USE_FSDP": "true"}, "second version"),
    (
        {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"},
        "only the ZeRO stages 2 and 3",
    ),
    (ZERO3, "not installed"),
]


@pytest.mark.parametrize(("launch", "what"), REFUSALS, ids=["fsdp1", "zero1", "absent"])
def test_launches_that_cannot_work_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launch: dict[str, str], what: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=what):
        train(Tiny(), make_examples(2), SETTINGS, tmp_path, seed=1)


def test_a_build_that_was_cut_off_is_refused_and_one_under_way_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    distributed.refuse_cut_off_build()
    for folder in (tmp_path / "deepspeed_shm_comm", tmp_path / "py311_cpu/deepspeed_shm_comm"):
        folder.mkdir(parents=True)
        lock = folder / "lock"
        lock.touch()
        distributed.refuse_cut_off_build()
        os.utime(lock, (0, time.time() - 2 * distributed.LONGEST_BUILD_S))
        with pytest.raises(UsageError, match="cut off") as refused:
            distributed.refuse_cut_off_build()
        assert str(folder) in refused.value.cure
        lock.unlink()


def test_gradients_are_added_up_many_at_once() -> None:
    """Three groups: two that fit together, one that is too large for any, the rest."""
    shapes = [(2, 2), (4,), (3, 5), (1,), (2, 4)]
    tensors = [torch.zeros(shape) for shape in shapes]
    groups = [[tuple(t.shape) for t in group] for group in distributed.split_by_size(tensors, 9)]
    assert groups == [[(2, 2), (4,)], [(3, 5)], [(1,), (2, 4)]]
    assert list(distributed.split_by_size([], 9)) == []
