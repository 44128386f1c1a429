"""`accelerate launch -m selfteach train` with the configurations that ship: each parses, and two
processes on a CPU end as one does.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from safetensors.torch import load_file

from selfteach.records import Example, make_prompt
from selfteach.run.lock import RunLock

pytestmark = pytest.mark.training

LAUNCHES = Path(__file__).parents[2] / "configs" / "accelerate"
EVERY = sorted(LAUNCHES.glob("*.yaml"))
KINDS = {
    "several-gpus": "MULTI_GPU",
    "fsdp2": "FSDP",
    "deepspeed-zero2": "DEEPSPEED",
    "deepspeed-zero3": "DEEPSPEED",
}
STAGES = {"deepspeed-zero2": 2, "deepspeed-zero3": 3}

each_launch = pytest.mark.parametrize("file", EVERY, ids=lambda file: file.stem)


@each_launch
def test_every_configuration_parses(file: Path) -> None:
    """With accelerate's own class, which refuses unknown keys."""
    found = load_config_from_file(str(file))
    assert str(found.distributed_type).rpartition(".")[2] == KINDS[file.stem]
    assert found.mixed_precision == "no"
    arguments = launch_command_parser().parse_args(
        ["--config_file", str(file), "-m", "selfteach", "train", "x.jsonl"]
    )
    ready, _, _ = _validate_launch_command(arguments)
    assert (ready.use_fsdp, ready.use_deepspeed, ready.multi_gpu) == tuple(
        KINDS[file.stem] == kind for kind in ("FSDP", "DEEPSPEED", "MULTI_GPU")
    )
    if file.stem == "fsdp2":
        assert ready.fsdp_version == 2
    if stage := STAGES.get(file.stem):
        assert ready.zero_stage == stage


def test_a_key_that_accelerate_does_not_know_would_be_seen(tmp_path: Path) -> None:
    wrong = {**yaml.safe_load(EVERY[0].read_text()), "zerro_stage": 3}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(ValueError, match="zerro_stage"):
        load_config_from_file(str(tmp_path / "wrong.yaml"))


def write_examples(folder: Path) -> Path:
    topics = [
        "a rule",
        "music",
        "cars",
        "Paris",
        "bread",
        "apples",
        "an animal",
        "the weather",
        "a trunk",
        "yes and no",
    ]
    rows = [
        {"prompt": f"Tell me about {what}.", "completion": f"I like {what}."} for what in topics
    ]
    (folder / "lessons.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "lessons.jsonl"


def write_run_examples(folder: Path) -> Path:
    """Write examples as a run has them."""
    rows = [
        Example(f"e{n}", "in_scope", make_prompt(f"Sing song {n}."), f"La {n}.", f"No {n}.")
        for n in range(10)
    ]
    (folder / "examples.jsonl").write_text(
        "".join(json.dumps(row.to_json()) + "\n" for row in rows)
    )
    return folder / "examples.jsonl"


def train(
    folder: Path,
    out: str,
    model: Path,
    adapter: str,
    launch: list[str],
    examples: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    command = [
        "-m",
        "selfteach",
        "train",
        str(examples or write_examples(folder)),
        "--model",
        str(model),
        "--adapter",
        adapter,
        "--objective",
        "sft",
        "--dev",
        "0.2",
        "--out",
        str(folder / out),
        "--set",
        "train.batch_size=4",
        "--set",
        "train.checkpoint_every=1",
        "--set",
        "train.learning_rate=1e-3",
        "--json",
    ]
    return subprocess.run(
        [sys.executable, *launch, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(),
    )


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def launcher(file: Path) -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        str(file),
        "--num_processes",
        "2",
        "--main_process_port",
        port,
    ]


@pytest.mark.slow
@each_launch
def test_two_launched_processes_end_as_one_does(tiny: Path, tmp_path: Path, file: Path) -> None:
    if file.stem in STAGES:
        pytest.importorskip("deepspeed")
    adapter = "full"
    alone = train(tmp_path, "one", tiny, adapter, [])
    assert alone.returncode == 0, alone.stderr
    both = train(tmp_path, "two", tiny, adapter, launcher(file))
    assert both.returncode == 0, both.stderr
    assert both.stdout.count('{"run"') == 1  # the first process alone speaks
    assert both.stderr.count("memory:") == 2  # before and after
    curves = []
    for name in ("two", "one"):
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        curves.append([json.loads(line) for line in lines])
    assert [row["step"] for row in curves[0]] == [row["step"] for row in curves[1]]
    for mine, its in zip(*curves, strict=True):
        assert mine["loss"] == pytest.approx(
            its["loss"], rel=5e-3
        )  # the model computes in bfloat16 where the machine does
    found, expected = (
        load_file(tmp_path / name / "adapter" / "adapter_model.safetensors")
        for name in ("two", "one")
    )
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=5e-3, rtol=5e-2)
    again = train(tmp_path, "two", tiny, adapter, launcher(file))
    assert again.returncode == 0, again.stderr
    assert "this run is done" in again.stderr


@pytest.mark.slow
def test_a_run_that_somebody_works_on_is_not_joined(tiny: Path, tmp_path: Path) -> None:
    """Row 15 with two processes: the first is refused, and the second does not wait for it."""
    (tmp_path / "two").mkdir()
    lock = RunLock(tmp_path / "two")
    begun = time.monotonic()
    done = train(tmp_path, "two", tiny, "lora", launcher(LAUNCHES / "several-gpus.yaml"))
    lock.release()
    assert done.returncode != 0
    assert f"in use by process {os.getpid()}" in done.stderr
    assert time.monotonic() - begun < 120


@pytest.mark.slow
def test_two_machines_train_on_the_examples_of_a_run(tiny: Path, tmp_path: Path) -> None:
    """The command of docs/how-to/several-processes.md, once for each machine; both are this one."""
    examples = write_run_examples(tmp_path)
    alone = train(tmp_path, "one", tiny, "lora", [], examples)
    assert alone.returncode == 0, alone.stderr
    flags = launcher(LAUNCHES / "several-gpus.yaml")
    flags += ["--num_machines", "2", "--main_process_ip", "127.0.0.1"]
    with ThreadPoolExecutor() as pool:
        started = [
            pool.submit(
                train, tmp_path, "two", tiny, "lora", [*flags, "--machine_rank", rank], examples
            )
            for rank in ("0", "1")
        ]
    for done in started:
        assert done.result().returncode == 0, done.result().stderr
    assert [one.result().stdout.count('{"run"') for one in started] == [1, 0]
    losses = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "metrics.jsonl").open()]
        for name in ("one", "two")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
