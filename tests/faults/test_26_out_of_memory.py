"""Row 26: when memory runs out, the micro-batch is halved and the step repeated: the same effective
batch, the same result.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import cli, config
from selfteach.errors import ResourceError
from selfteach.records import Continuations, Request, SamplingParams, make_prompt
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import TrainingResult, train

SETTINGS = config.TrainConfig(
    weights={"in_scope": {"sft": 1.0, "dpo": 1.0}},
    batch_size=12,
    epochs=3,
    learning_rate=5e-3,
    checkpoint_every=0,
)
FAULTS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


def shrink(monkeypatch: pytest.MonkeyPatch, tokens: int, fault: BaseException) -> None:
    """A machine that cannot hold more than so many tokens at once."""
    whole = PackedModel.states

    def states(self, batch):
        if batch.ids.shape[1] > tokens:
            raise fault
        return whole(self, batch)

    monkeypatch.setattr(PackedModel, "states", states)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A training on a machine with memory enough."""
    return train(Tiny(), make_examples(12), SETTINGS, tmp_path_factory.mktemp("large"), seed=1)


@pytest.mark.training
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_the_result_is_that_of_a_larger_machine(
    large: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    shrink(monkeypatch, 150, fault)
    small = train(Tiny(), make_examples(12), SETTINGS, tmp_path / "small", seed=1)
    assert (large.halvings, small.halvings) == (0, 2)
    assert [kind for kind, _ in small.events] == ["out_of_memory"] * 2
    assert small.steps == large.steps
    for a, b in zip(large.curve, small.curve, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)
        assert b["tokens"] == a["tokens"]


def test_a_row_that_fits_nowhere_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, 10, MemoryError())
    with pytest.raises(ResourceError, match="does not fit into memory"):
        train(Tiny(), make_examples(12), SETTINGS, tmp_path, seed=1)


def test_another_fault_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 10, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        train(Tiny(), make_examples(12), SETTINGS, tmp_path, seed=1)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_answers_are_sampled_in_smaller_batches(tiny_hf: Any, fault: BaseException) -> None:
    """Each batch that is too wide fails in its third pass, when its answers have begun."""
    requests = [
        Request("s", make_prompt(f"say {n}"), SamplingParams(n % 2, max_tokens=6), 0)
        for n in range(9)
    ]
    whole = {one.id: one for one in tiny_hf.stream(requests)}
    sizes: list[int] = []

    def fail(module: Any, args: Any, kwargs: Any) -> None:
        sizes.append(kwargs["input_ids"].shape[0])
        if sizes[-1] > 2 and len(sizes) > 2 and sizes[-3] > 2:
            raise fault

    handle = tiny_hf.module.base_model.register_forward_pre_hook(fail, with_kwargs=True)
    try:
        found = {one.id: one for one in tiny_hf.stream(requests)}
    finally:
        handle.remove()
    assert found == whole
    assert max(sizes[-4:]) <= 2


def test_scores_and_embeddings_are_computed_in_smaller_batches(tiny_hf: Any) -> None:
    items = [Continuations(make_prompt(f"say {n}"), ("a b", "c")) for n in range(5)]
    prompts = [item.prompt for item in items]
    scores = dict(tiny_hf.stream_scores(items))
    embedded = tiny_hf.embed(prompts)

    def fail(module: Any, args: Any, kwargs: Any) -> None:
        if kwargs["input_ids"].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = tiny_hf.module.base_model.register_forward_pre_hook(fail, with_kwargs=True)
    try:
        again = dict(tiny_hf.stream_scores(items))
        assert tiny_hf.embed(prompts) == pytest.approx(embedded, abs=1e-4)
    finally:
        handle.remove()
    assert again.keys() == scores.keys()
    for id, found in again.items():
        logps = [one.logp for one in scores[id]]
        assert [one.logp for one in found] == pytest.approx(logps, abs=1e-4)


def test_an_answer_that_fits_nowhere_is_an_error_with_a_cure(tiny_hf: Any) -> None:
    def fail(module: Any, args: Any) -> None:
        raise MemoryError

    handle = tiny_hf.module.base_model.register_forward_pre_hook(fail)
    try:
        with pytest.raises(ResourceError, match=r"even alone\. .*smaller model"):
            list(tiny_hf.stream([Request("s", make_prompt(f"say {n}")) for n in range(4)]))
    finally:
        handle.remove()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_memory_that_runs_out_elsewhere_is_no_defect(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise fault

    monkeypatch.setattr(cli, "build_command", lambda: fail)
    assert cli.run_command([]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("selfteach: memory ran out. Close other programs")
