"""The loop: exact accumulation, an adapter that plain PEFT loads, an untouched base afterwards."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, make_examples

from margins import assert_at_least, assert_at_most
from selfteach import config
from selfteach.errors import IntegrityError
from selfteach.records import Example, make_prompt
from selfteach.train import dataset_mixture
from selfteach.train.micro_batch_size import MicroBatchSize
from selfteach.train.reference import Reference
from selfteach.train.train import train
from selfteach.train.trainer import Trainer

pytestmark = pytest.mark.training

MIXED = {"in_scope": {"sft": 1.0, "dpo": 0.5, "distill": 0.7}, "general": {"anchor": 0.3}}
GENERAL = [
    Example(f"g{i}", "general", make_prompt(f"hello {i}"), f"good day {i}") for i in range(5)
]


def settings(**changes: object) -> config.TrainConfig:
    return config.TrainConfig(
        **{"weights": MIXED, "batch_size": 8, "epochs": 2, "learning_rate": 5e-3, **changes}
    )


def test_the_loss_falls_and_the_base_is_untouched(tmp_path: Path) -> None:
    model = Tiny()
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    trained = train(model, [*make_examples(), *GENERAL], settings(), tmp_path, seed=1)
    assert trained.steps == 6
    assert_at_most("last loss", trained.curve[-1]["loss"], 0.8 * trained.curve[0]["loss"])
    after = model.module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[k], before[k]) for k in before)
    assert all(type(m).__name__ != "LoraLinear" for m in model.module.modules())


def test_plain_peft_loads_the_adapter_and_answers_the_same(tmp_path: Path) -> None:
    from peft import PeftModel

    from selfteach.train.adapters.lora import LoraAdapter

    model = Tiny()
    ids = torch.arange(3, 40)[None]
    train(model, make_examples(), settings(), tmp_path, seed=1)
    with torch.no_grad():
        base = model.module(ids).logits
        adapter = LoraAdapter.attach(model.module, settings(), seed=9)
        adapter.load(load_file(tmp_path / "adapter" / "adapter_model.safetensors"))
        ours = model.module(ids).logits
        adapter.detach()
        theirs = PeftModel.from_pretrained(Tiny().module, tmp_path / "adapter")(ids).logits
    assert_at_least("change of logits", float((ours - base).abs().max()), 0.1)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "budget", [40, *(pytest.param(n, marks=pytest.mark.long) for n in (100, 10_000))]
)
def test_micro_batches_add_up_to_the_one_batch_gradient(tmp_path: Path, budget: int) -> None:
    rows = [*make_examples(), *GENERAL]
    one = train(
        Tiny(),
        rows,
        settings(batch_size=32, max_steps=1, micro_batch_tokens=10_000),
        tmp_path / "one",
        seed=1,
    ).curve[0]
    cut = train(
        Tiny(),
        rows,
        settings(batch_size=32, max_steps=1, micro_batch_tokens=budget),
        tmp_path / "cut",
        seed=1,
    ).curve[0]
    assert set(one["losses"]) == {"sft", "dpo", "distill", "anchor"}
    for whole, parts in ((one, cut), (one["losses"], cut["losses"])):
        numbers = {
            name: value
            for name, value in whole.items()
            if name in ("loss", "grad_norm") or whole is one["losses"]
        }
        assert {name: parts[name] for name in numbers} == pytest.approx(numbers, rel=2e-5, abs=1e-7)


def test_a_short_training_asks_the_base_about_its_own_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[int]] = []
    own = Reference.compute
    monkeypatch.setattr(
        Reference,
        "compute",
        lambda self, rows, budget: (
            asked.append({r.number for r in rows}) or own(self, rows, budget)
        ),
    )
    rows = [*make_examples(), *GENERAL]
    train(Tiny(), rows, settings(max_steps=2), tmp_path / "short", seed=1)
    short = asked[-1]
    train(Tiny(), rows, settings(), tmp_path / "whole", seed=1)
    assert asked[-1] == set(range(len(rows)))
    assert short < asked[-1]
    assert len(short) == 2 * len(rows) // 3  # two of three batches


def test_a_short_training_that_is_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    def stop(step: int, *_: object) -> None:
        if step == 1:
            raise KeyboardInterrupt

    rows = [*make_examples(), *GENERAL]
    how = settings(max_steps=2, checkpoint_every=1)
    whole = train(Tiny(), rows, how, tmp_path / "whole", seed=1)
    with pytest.raises(KeyboardInterrupt):
        train(Tiny(), rows, how, tmp_path / "again", seed=1, progress=stop)
    again = train(Tiny(), rows, how, tmp_path / "again", seed=1)
    name = "adapter_model.safetensors"
    assert (again.adapter / name).read_bytes() == (whole.adapter / name).read_bytes()


def test_a_row_that_the_context_does_not_hold_is_overlong(tmp_path: Path) -> None:
    """A soft prompt takes a part of the context."""
    model = Tiny()
    longest = max(
        len(model.encode(e.prompt)) + len(model.encode_answer(e.chosen)) for e in make_examples()
    )
    model.context_tokens = longest
    how = settings(max_steps=1, weights={"in_scope": {"sft": 1.0}})
    assert train(model, make_examples(), how, tmp_path / "lora", seed=1).overlong == {}
    soft = how.model_copy(update={"adapter": "prompt"})
    assert train(model, make_examples(), soft, tmp_path / "soft", seed=1).overlong["drop"] > 0


def test_a_resumed_training_takes_a_changed_size_of_a_micro_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody lowered it because memory ran out. What was halved before stays halved."""
    sizes: list[int] = []
    retry = MicroBatchSize.retry
    monkeypatch.setattr(
        MicroBatchSize,
        "retry",
        lambda own, *given: (sizes.append(own.tokens), retry(own, *given))[1],
    )

    def run(tokens: int, steps: int) -> None:
        how = settings(max_steps=3, checkpoint_every=1, micro_batch_tokens=tokens)

        def stop(step: int, *_: object) -> None:
            if step == steps:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            train(Tiny(), make_examples(), how, tmp_path, seed=1, progress=stop)

    run(2048, 1)
    run(512, 2)
    assert (set(sizes[:1]), sizes[-1]) == ({2048}, 512)


def test_what_the_last_step_knew_is_known_after_a_stop(tmp_path: Path) -> None:
    """A run that is stopped between its last step and its end has the memory and the mass."""
    rows = [*make_examples(), *GENERAL]
    how = settings(max_steps=2, checkpoint_every=1, top_k=8)
    first = train(Tiny(), rows, how, tmp_path, seed=1)
    again = train(Tiny(), rows, how, tmp_path, seed=1)
    assert again.top_k_mass == first.top_k_mass is not None
    assert first.memory
    assert again.memory
    assert replace(again.memory, measured=None) == replace(first.memory, measured=None)


@pytest.mark.parametrize("change", ["teacher's prompt", "kind"])
def test_a_checkpoint_of_another_teacher_or_kind_is_refused(tmp_path: Path, change: str) -> None:
    """Both decide on the weights: what is distilled, and how often a row is dealt."""
    rows = make_examples(6)
    weights = {"in_scope": {"distill": 1.0}, "other": {"distill": 1.0}}
    how = settings(max_steps=2, checkpoint_every=1, weights=weights)
    train(Tiny(), rows, how, tmp_path, seed=1)
    told = [{"role": "user", "content": "Talk like a pirate."}]
    if change == "kind":
        others = [replace(row, kind="other") for row in rows]
    else:
        others = [replace(row, source={**row.source, "teacher_prompt": told}) for row in rows]
    with pytest.raises(IntegrityError, match="of other examples"):
        train(Tiny(), others, how, tmp_path, seed=1)


def test_an_epoch_is_dealt_once_and_not_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting the memory, asking the base and walking each go through the two epochs, the first
    two of them without a break.
    """
    dealt: list[int] = []
    own = dataset_mixture.shuffle_into_batches
    monkeypatch.setattr(
        dataset_mixture,
        "shuffle_into_batches",
        lambda rows, size, seed, epoch: dealt.append(epoch) or own(rows, size, seed, epoch),
    )
    assert train(Tiny(), [*make_examples(), *GENERAL], settings(), tmp_path, seed=1).steps == 6
    assert dealt == [0, 1, 0, 1]


def test_its_seconds_are_those_of_all_of_it_also_before_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking the base takes .2 s in each of two calls; a finished training that is called again has
    taken what it took.
    """
    own = Reference.compute

    def slow(*given: Any) -> Any:
        time.sleep(0.2)
        return own(*given)

    monkeypatch.setattr(Reference, "compute", slow)
    first = train(Tiny(), make_examples(), settings(), tmp_path / "one", seed=1)
    steps_alone = sum(row["seconds"] for row in first.curve)
    assert first.seconds > steps_alone + 0.4
    again = train(Tiny(), make_examples(), settings(), tmp_path / "one", seed=1)
    assert again.seconds > steps_alone + 0.4


def test_its_seconds_hold_those_of_the_fast_training_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "elapsed_seconds", lambda self: 10.0)
    assert (
        train(Tiny(), make_examples(), settings(max_steps=1), tmp_path / "one", seed=1).seconds
        == 10
    )
    assert (
        train(
            Tiny(),
            make_examples(),
            settings(max_steps=1, distill_from="reft"),
            tmp_path / "two",
            seed=1,
        ).seconds
        == 20
    )


@pytest.mark.parametrize("kind", ["lora", "layers", "full", "bottleneck", "prompt", "reft"])
def test_a_training_goes_on_from_a_saved_adapter(tmp_path: Path, kind: str) -> None:
    rows = [*make_examples(), *GENERAL]
    model = Tiny()
    some = {"adapter": kind, "layers": {"which": "last 1"}}
    first = train(model, rows, settings(**some, max_steps=3), tmp_path / "a", seed=1)
    still = settings(**some, max_steps=1, learning_rate=1e-12, regmean=0.0)
    anew = train(model, rows, still, tmp_path / "b", seed=2)
    later = train(model, rows, still, tmp_path / "c", seed=2, start=first.adapter)
    ours, fresh, saved = (
        load_file(path / "adapter_model.safetensors")
        for path in (later.adapter, anew.adapter, first.adapter)
    )
    assert ours.keys() == saved.keys()
    for name, tensor in saved.items():
        torch.testing.assert_close(ours[name], tensor, atol=1e-6, rtol=1e-5)
    assert any(not torch.allclose(fresh[name], saved[name]) for name in saved)
    # The anchors are held against the base, not against where the training begins.
    assert_at_least("anchors", later.curve[0]["losses"]["anchor"], 1e-6)


def test_a_checkpoint_of_another_start_is_refused(tmp_path: Path) -> None:
    often = settings(max_steps=2, checkpoint_every=1)
    starts = [
        train(Tiny(), make_examples(), often, tmp_path / str(seed), seed=seed).adapter
        for seed in (1, 2)
    ]
    train(Tiny(), make_examples(), often, tmp_path / "later", seed=1, start=starts[0])
    train(Tiny(), make_examples(), often, tmp_path / "later", seed=1, start=starts[0])
    for other in (starts[1], None):
        with pytest.raises(IntegrityError, match="another configuration"):
            train(Tiny(), make_examples(), often, tmp_path / "later", seed=1, start=other)
