"""The memory account: what is counted is what there is, for every adapter; activations that are
computed again change nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import Tiny, make_examples
from torch import nn

from selfteach import config
from selfteach.errors import ResourceError
from selfteach.models import memory_account
from selfteach.models.memory_account import format_bytes
from selfteach.models.memory_allocator import ONEDNN_CACHE_LIMIT, limit_onednn_cache
from selfteach.train import memory
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.fast.head import CHUNK_POSITIONS
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.memory import ActivationCounter, MemoryEstimate, MemoryMeter
from selfteach.train.reference import Reference
from selfteach.train.train import TrainingResult, encode_for_objectives, make_objectives, train

pytestmark = pytest.mark.long

WEIGHTS = {"in_scope": {"sft": 1.0, "dpo": 0.5, "distill": 0.5}}
EVERY = ["lora", "full", "layers", "bottleneck", "prompt", "reft"]


def train_once(
    folder: Path, adapter: str, again: bool = False, printed: list[str] | None = None, **more: Any
) -> TrainingResult:
    settings = {
        "adapter": adapter,
        "layers": {"which": "last 2"},
        "weights": WEIGHTS,
        "batch_size": 6,
        "epochs": 1,
        "checkpoint_every": 2,
    }
    whole = config.TrainConfig.model_validate({**settings, "checkpoint_activations": again, **more})
    return train(
        Tiny(num_hidden_layers=4),
        make_examples(12),
        whole,
        folder,
        seed=1,
        say=None if printed is None else printed.append,
    )


def test_what_autograd_keeps_is_counted_by_hand() -> None:
    """x (1000 floats) goes through exp, which keeps its result, 4000 bytes; a product keeps its
    4000 bytes of input and the weight, which is owned already; the same tensor kept twice counts
         once."""
    linear = nn.Linear(10, 10, bias=False)
    x = torch.randn(100, 10, requires_grad=True)
    kept = ActivationCounter(linear, linear.parameters())
    with kept.count_saved_tensors():
        y = x.exp()
        linear(y) + y.exp()
    assert kept.bytes(False) == 4000 + 4000
    kept = ActivationCounter(linear, linear.parameters())
    with kept.count_saved_tensors():
        a = kept.run_piece(torch.exp, x)
        kept.run_piece(lambda t: t.exp().exp(), a)
    assert kept.bytes(False) == 3 * 4000
    assert kept.bytes(True) == 2 * 4000 + 2 * 4000  # what goes into both, and the larger of them


@pytest.mark.training
@pytest.mark.parametrize("adapter", EVERY)
def test_an_adapter_s_account_is_what_the_training_has(tmp_path: Path, adapter: str) -> None:
    printed: list[str] = []
    found = train_once(tmp_path, adapter, printed=printed)
    account = found.memory
    point = sorted((tmp_path / "checkpoints").iterdir())[-1]
    assert account is not None
    assert (
        account.weights
        == sum(p.nbytes for p in (*Tiny(num_hidden_layers=4).module.parameters(),)) + buffers()
    )
    assert account.trained == sum(
        t.nbytes for t in load_file(point / "adapter.safetensors").values()
    )
    moments = [
        t
        for name, t in load_file(point / "optimizer.safetensors").items()
        if not name.endswith(".step")
    ]
    assert account.optimizer == sum(t.nbytes for t in moments)
    assert account.gradients == account.trained
    assert account.checkpoint == account.optimizer, "the larger of the two files"
    copied = account.trained if adapter in ("full", "layers") else 0
    states = count_state_bytes() if adapter == "layers" else 0
    assert account.kept == copied + states + known()
    assert account.activations > 0
    assert account.total == account.weights + account.added
    assert printed[0] == str(account).replace(f"{account.measured}", "")
    assert "free memory without the weights" in printed[0]


def known() -> int:
    """Of `distill`'s teacher: 20 tokens at each token of the answers, a log-probability in 4 bytes
    and an id in 8.
    """
    return 12 * 20 * sum(len(Tiny().encode_answer(e.chosen)) for e in make_examples(12))


def count_state_bytes() -> int:
    """Of the layers below those that are trained: a state in float32 for each token of a row."""
    model = Tiny()
    how = config.TrainConfig(weights=WEIGHTS)
    named = make_objectives(WEIGHTS, how)
    rows = encode_for_objectives(model, make_examples(12), WEIGHTS, named, how).rows
    return 4 * int(model.module.config.hidden_size) * sum(row.length for row in rows)


@pytest.mark.parametrize("top_k", [20, 0])
def test_what_teachers_say_is_kept_as_it_is_counted(top_k: int) -> None:
    """No more than is counted either: the ids of the passes, as float32, are let go."""
    model = Tiny()
    how = config.TrainConfig(weights=WEIGHTS, top_k=top_k)
    every = make_examples(12)
    named = make_objectives(WEIGHTS, how)
    teacher = Reference(
        model,
        PackedModel(model.module, LoraAdapter.attach(model.module, how, seed=0)),
        named,
        {e.id: e for e in every},
        how,
    )
    rows = encode_for_objectives(model, every, WEIGHTS, named, how).rows
    distributions = [
        d for fact in teacher.compute(rows, 4096).values() for d in fact.teacher.values()
    ]
    assert (
        sum(t.untyped_storage().nbytes() for d in distributions for t in (d.ids, d.logp))
        == teacher.kept_bytes(rows)
        > 0
    )
    assert teacher.kept_bytes(rows) == (known() if top_k else known() // (12 * 20) * 4 * 96)


def buffers() -> int:
    return sum(b.nbytes for b in Tiny(num_hidden_layers=4).module.buffers())


@pytest.mark.training
@pytest.mark.parametrize("adapter", EVERY)
def test_computing_again_changes_nothing_but_the_memory(tmp_path: Path, adapter: str) -> None:
    plain, again = (train_once(tmp_path / str(flag), adapter, flag) for flag in (False, True))
    for one, other in zip(plain.curve, again.curve, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-6)
        assert other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-5)
    for name, tensor in load_file(plain.adapter / "adapter_model.safetensors").items():
        torch.testing.assert_close(
            load_file(again.adapter / "adapter_model.safetensors")[name],
            tensor,
            atol=1e-6,
            rtol=1e-5,
        )
    assert plain.memory
    assert again.memory
    assert (
        again.memory.activations
        < (0.75 if adapter in ("lora", "full", "prompt") else 1.0) * plain.memory.activations
    )


def test_what_computing_takes_is_counted_by_hand() -> None:
    """24 bytes for each logit of a chunk; in low precision on a CPU the compiled products too, of
    which the user may keep more.
    """
    chunk = 24 * CHUNK_POSITIONS * 96
    for dtype, work in (
        (torch.float32, chunk),
        (torch.bfloat16, chunk + memory.CPU_OVERHEAD_BYTES),
    ):
        model = Tiny(dtype=dtype)
        account = MemoryMeter(model.module).estimate(
            LoraAdapter.attach(model.module, config.TrainConfig(), seed=0), 1000, 10
        )
        assert account.work == work
        assert (
            account.added == account.trained + account.gradients + account.optimizer + 1000 + work
        )


def test_the_user_may_keep_more_compiled_products(monkeypatch: pytest.MonkeyPatch) -> None:
    name, few = ONEDNN_CACHE_LIMIT
    monkeypatch.delenv(name, raising=False)
    limit_onednn_cache()
    assert os.environ[name] == few
    monkeypatch.setenv(name, "500")
    limit_onednn_cache()
    assert os.environ[name] == "500"


@pytest.mark.training
def test_a_module_s_layers_are_its_own_again(tmp_path: Path) -> None:
    model = Tiny()
    settings = config.TrainConfig(
        weights={"in_scope": {"sft": 1.0}}, epochs=1, checkpoint_activations=True
    )
    train(model, make_examples(4), settings, tmp_path, seed=0)
    assert all("forward" not in vars(layer) for layer in model.module.model.layers)


@pytest.mark.training
def test_a_training_may_be_resumed_with_the_other_setting(tmp_path: Path) -> None:
    first = train_once(tmp_path, "lora")
    again = train_once(tmp_path, "lora", again=True)
    assert first.memory
    assert again.memory, "nothing was left to do, and what it needed is known"
    assert replace(again.memory, measured=None) == replace(first.memory, measured=None)


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of 1000 bytes, 700 in use, of which 100 are files that may go: 400 are free."""
    for name, text in (
        ("memory.max", "1000"),
        ("memory.current", "700"),
        ("memory.stat", "anon 600\ninactive_file 100"),
    ):
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(memory_account, "CGROUP", tmp_path)
    assert memory.measure_free_bytes(torch.device("cpu")) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.measure_free_bytes(torch.device("cpu")) > 1 << 20


def test_the_free_memory_of_a_container_of_the_first_cgroups_is_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "memory").mkdir()
    for name, text in (
        ("limit_in_bytes", "1000"),
        ("usage_in_bytes", "700"),
        ("stat", "cache 150\ntotal_inactive_file 100"),
    ):
        (tmp_path / f"memory/memory.{name}").write_text(text + "\n")
    monkeypatch.setattr(memory_account, "CGROUP", tmp_path)
    assert memory.measure_free_bytes(torch.device("cpu")) == 400
    assert memory_account.read_memory_bytes() == 1000
    (tmp_path / "memory/memory.stat").unlink()  # as in gVisor
    assert memory.measure_free_bytes(torch.device("cpu")) == 300
    unlimited = str((1 << 63) - (1 << 12))
    (tmp_path / "memory/memory.limit_in_bytes").write_text(unlimited)
    assert memory.measure_free_bytes(torch.device("cpu")) > 1 << 20


def test_what_cannot_be_measured_is_not_invented(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "CLEAR_REFS_FILE", tmp_path / "no" / "such")
    assert (
        MemoryMeter(nn.Linear(2, 2)).finish(MemoryEstimate(1, 0, 0, 0, 0, 0, 0, 0)).measured is None
    )


@pytest.mark.slow  # a fresh interpreter loads torch
@pytest.mark.skipif(
    not memory.CLEAR_REFS_FILE.exists(), reason="the peak is measured on Linux alone"
)
def test_the_highest_so_far_outlives_a_new_peak_and_is_no_one_elses() -> None:
    imports = "import torch; from selfteach.train.memory import MemoryMeter, measure_peak_mb; "
    work = (
        "m = torch.nn.Linear(1, 1); big = torch.ones(75_000_000); del big; MemoryMeter(m); "
        "print(measure_peak_mb())"
    )
    heavy = torch.ones(160_000_000)  # 640 MB in this process, which starts another
    found = float(
        subprocess.run(
            [sys.executable, "-c", imports + work], capture_output=True, text=True, check=True
        ).stdout
    )
    assert 300 < found < heavy.nbytes / 1e6


def test_weights_that_are_read_lazily_are_no_growth(
    tmp_path: Path,
) -> None:
    save_file({"weight": torch.ones(4096, 4096)}, tmp_path / "w.safetensors")
    linear = nn.Linear(1, 1, bias=False)
    linear.weight = nn.Parameter(load_file(tmp_path / "w.safetensors")["weight"])
    meter = MemoryMeter(linear)
    assert float(linear.weight.detach().sum()) == 4096**2
    peak = meter.peak()
    assert peak is not None
    assert meter.weights == 4 * 4096**2
    assert peak - meter.weights < meter.weights / 2


@pytest.mark.skipif(
    not memory.CLEAR_REFS_FILE.exists(), reason="the peak is measured on Linux alone"
)
def test_memory_that_others_free_does_not_hide_the_weights() -> None:
    freed_later = torch.ones(50_000_000)
    outer = MemoryMeter(nn.Linear(8, 8))
    del freed_later
    MemoryMeter(nn.Linear(8, 8))  # a training within begins a new peak
    peak = outer.peak()
    assert peak is not None
    assert peak >= outer.weights == 4 * (64 + 8)


CHECKPOINT = """
import sys; sys.path[:0] = ["tests", "tests/train"]
import torch
from functools import partial
from pathlib import Path
from tiny import Tiny
from selfteach import config
from selfteach.train.checkpoint import get_optimizer_tensors, write_checkpoint
from selfteach.train.memory import MemoryMeter
from selfteach.train.train import attach_adapter
model = Tiny(hidden_size=512, intermediate_size=1536, vocab_size=8000)
adapter = attach_adapter(model, config.TrainConfig(adapter="full"), 0)
optimizer = torch.optim.AdamW(adapter.parameters())
for parameter in adapter.parameters():
    parameter.grad = torch.zeros_like(parameter)
optimizer.step()
meter = MemoryMeter(model.module)
account = meter.estimate(adapter, 0, 0, writes_checkpoints=True)
moments = partial(get_optimizer_tensors, optimizer)
tensors = [adapter.state, moments, lambda: {"torch": torch.get_rng_state()}]
write_checkpoint(Path(sys.argv[1]), "mine", 1, tensors, {})
print(account.checkpoint, meter.peak() - meter.weights)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not memory.CLEAR_REFS_FILE.exists(), reason="the peak is measured on Linux alone"
)
def test_a_checkpoint_takes_about_what_is_counted(tmp_path: Path) -> None:
    """It took the bytes of all its files beside copies of all tensors."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CHECKPOINT, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    counted, measured = map(int, done.stdout.split())
    assert counted > 4e7
    assert 0.6 * counted < measured < 1.5 * counted


def test_a_checkpoint_counts_where_it_is_written_and_memory_is_short() -> None:
    """Between two steps it stands in the place of the activations."""
    model = Tiny()
    adapter = LoraAdapter.attach(model.module, config.TrainConfig(), seed=0)
    estimate = MemoryMeter(model.module).estimate
    plain, written = (
        estimate(adapter, 1000, 10, writes_checkpoints=writes) for writes in (False, True)
    )
    assert plain.checkpoint == 0
    assert written.added == plain.added - 1000 + written.checkpoint
    assert f"a checkpoint {format_bytes(written.checkpoint)}" in str(written)
    short = replace(written, free=written.least - 1)
    with pytest.raises(ResourceError, match=r"for a checkpoint\).*Set train.checkpoint_every=0"):
        short.require("lora", recomputes=False)
    replace(plain, free=plain.added).require("lora", recomputes=False)


PEAK = """
import sys; sys.path[:0] = ["tests", "tests/train"]
import torch; torch.set_num_threads(1)
from pathlib import Path
from tiny import Tiny, make_examples
from selfteach import config
from selfteach.train.train import train
model = Tiny(
    hidden_size=512,
    intermediate_size=1536,
    num_hidden_layers=8,
    vocab_size=8000,
    num_attention_heads=8,
    num_key_value_heads=8,
)
how = config.TrainConfig(
    adapter=sys.argv[1],
    weights={"in_scope": {"sft": 1.0}},
    batch_size=24,
    max_steps=3,
    checkpoint_every=0,
    checkpoint_activations=sys.argv[2] == "again",
)
memory = train(model, make_examples(48), how, Path(sys.argv[3]), seed=0).memory
print(memory.total - memory.weights, memory.measured - memory.weights)
"""


@pytest.mark.training
@pytest.mark.slow
@pytest.mark.skipif(
    not memory.CLEAR_REFS_FILE.exists(), reason="the peak is measured on Linux alone"
)
@pytest.mark.parametrize(("adapter", "again"), [("full", ""), ("full", "again"), ("lora", "")])
def test_the_account_is_near_the_measured_peak(tmp_path: Path, adapter: str, again: str) -> None:
    """In a process of its own, which has no freed memory to use again."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PEAK, adapter, again, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    accounted, measured = map(int, done.stdout.split())
    assert measured > 0.65 * accounted
    assert (
        measured - accounted < 3e8
    )  # whatever is trained: libraries, holes of the allocator, work that is not kept
