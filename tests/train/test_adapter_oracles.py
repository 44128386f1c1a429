"""Prompt tuning against PEFT's, full training against plain torch: the same loss, the same
gradients, the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file
from tiny import Tiny, encode_letters, make_examples

from selfteach import config
from selfteach.models.hf import HfModel
from selfteach.train.adapters.prompt_init import init_prompt_embeddings
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import attach_adapter, train

PROMPT = encode_letters("what is it?")
ANSWER = encode_letters("it is so.")
PROMPT_TUNING = config.TrainConfig(adapter="prompt", prompt=config.PromptConfig(tokens=7))


def test_loss_and_gradient_of_a_soft_prompt_equal_pefts() -> None:
    model = Tiny()
    adapter = attach_adapter(model, PROMPT_TUNING, 0)
    (mine,) = adapter.parameters()
    tuned = PackedModel(model.module, adapter)
    batch = tuned.pack([TrainingRow(0, "", "", tuple(PROMPT), (tuple(ANSWER),), {})])
    with tuned.use_attention():
        ours = -tuned.token_logp(tuned.states(batch), batch.targets).mean()
    ours.backward()
    settings = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=7)
    theirs = get_peft_model(Tiny().module, settings)
    (twin,) = [p for p in theirs.parameters() if p.requires_grad]
    with torch.no_grad():
        twin.copy_(mine)
    ids = torch.tensor([[*PROMPT, *ANSWER]])
    labels = torch.tensor([[-100] * len(PROMPT) + ANSWER])
    loss = theirs(input_ids=ids, labels=labels).loss
    loss.backward()
    torch.testing.assert_close(ours, loss, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mine.grad, twin.grad, atol=1e-6, rtol=1e-3)


def test_plain_peft_loads_a_soft_prompt(tmp_path: Path) -> None:
    model = Tiny()
    adapter = attach_adapter(model, PROMPT_TUNING, 0)
    adapter.save(tmp_path, {})
    tuned = PackedModel(model.module, adapter)
    batch = tuned.pack([TrainingRow(0, "", "", tuple(PROMPT), (tuple(ANSWER),), {})])
    with torch.no_grad():
        ours = tuned.head(tuned._sequence_states(batch))
        theirs = PeftModel.from_pretrained(Tiny().module, tmp_path)(
            torch.tensor([[*PROMPT, *ANSWER]])
        ).logits
    torch.testing.assert_close(ours, theirs[0, 7 + len(PROMPT) - 1 : -1], atol=1e-4, rtol=1e-4)


def test_a_soft_prompt_starts_as_its_text() -> None:
    model = Tiny()
    words = model.module.get_input_embeddings().weight.detach()

    def starts(encode=encode_letters, **settings: object) -> torch.Tensor:
        return init_prompt_embeddings(
            model.module, config.PromptConfig.model_validate({"tokens": 12, **settings}), 0, encode
        )

    assert torch.equal(
        starts(start="text", text="Be brief."), words[(encode_letters("Be brief.") * 2)[:12]]
    )
    assert torch.equal(
        starts(start="text", text="Be brief, and then be silent."),
        words[encode_letters("Be brief, an")],
    )
    vocabulary = starts(start="vocabulary")
    assert all(any(torch.equal(row, word) for word in words) for row in vocabulary)
    noise = starts(start="noise", tokens=100)
    assert float(noise.std() / words.std()) == pytest.approx(1, abs=0.1)
    assert not torch.equal(
        starts(start="noise"),
        init_prompt_embeddings(
            model.module, config.PromptConfig(tokens=12, start="noise"), 1, encode_letters
        ),
    )


def test_a_soft_prompt_starts_as_large_as_words_of_a_family_that_scales_them(
    make_tiny: Callable[..., Path],
    tmp_path: Path,
) -> None:
    hf = HfModel.load(make_tiny(tmp_path / "base", family="gemma2"), dtype="float32")
    ids = hf.encode_answer("Be brief.", end=False)
    settings = config.PromptConfig(tokens=len(ids), start="text", text="Be brief.")
    found = init_prompt_embeddings(hf.module, settings, 0, lambda text: ids)
    with torch.no_grad():
        words = hf.module.get_input_embeddings()(torch.tensor([ids]))[0]
    torch.testing.assert_close(found, words)
    noise = init_prompt_embeddings(
        hf.module, config.PromptConfig(tokens=100, start="noise"), 0, None
    )
    assert float(noise.std() / words.std()) == pytest.approx(1, abs=0.2)


@pytest.mark.training
@pytest.mark.parametrize("which", ["full", "layers"])
def test_training_the_weights_is_plain_fine_tuning(which: str, tmp_path: Path) -> None:
    settings = config.TrainConfig(
        adapter=which,
        layers=config.LayersConfig(which="1"),
        weights={"in_scope": {"sft": 1.0}},
        batch_size=12,
        epochs=3,
        learning_rate=1e-3,
        warmup=0.0,
        checkpoint_every=0,
    )
    rows = make_examples()
    model = Tiny()
    trained = train(model, rows, settings, tmp_path, seed=0)
    mine = load_file(trained.adapter / "adapter_model.safetensors")
    plain = Tiny()
    named = dict(plain.module.named_parameters())
    changed = {name: p for name, p in named.items() if which == "full" or ".layers.1." in name}
    assert mine.keys() == changed.keys()
    optimizer = torch.optim.AdamW(changed.values(), lr=1e-3, weight_decay=0.0)
    for step in range(3):
        losses = []
        for example in rows:
            prompt = plain.encode(example.prompt)
            answer = plain.encode_answer(example.chosen)
            logits = plain.module(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
            losses.append(
                torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum")
            )
        optimizer.zero_grad()
        (sum(losses) / sum(len(plain.encode_answer(e.chosen)) for e in rows)).backward()
        torch.nn.utils.clip_grad_norm_(list(changed.values()), 1.0)
        optimizer.param_groups[0]["lr"] = 1e-3 * (3 - step) / 3
        optimizer.step()
    for name, value in mine.items():
        torch.testing.assert_close(value, changed[name].detach(), atol=2e-4, rtol=1e-3)
        assert not torch.equal(value, dict(Tiny().module.named_parameters())[name])


def test_small_steps_of_the_weights_are_not_lost_in_bf16() -> None:
    model = Tiny(dtype=torch.bfloat16)
    adapter = attach_adapter(model, config.TrainConfig(adapter="full"), 0)
    before = next(model.module.parameters()).detach().clone()
    with torch.no_grad():
        for _ in range(
            64
            # 64 steps of 1e-5 are half a percent of a weight of 0.1; one alone is less than bf16
            # can hold
        ):
            for parameter in adapter.parameters():
                parameter.add_(1e-5)
            adapter.begin_step()
    moved = (next(model.module.parameters()).float() - before.float()).mean()
    assert float(moved) == pytest.approx(64e-5, rel=0.1)


def test_what_a_saved_folder_says_of_itself(tmp_path: Path) -> None:
    for name in ("full", "layers", "bottleneck", "reft", "prompt"):
        model = Tiny()
        adapter = attach_adapter(
            model, config.TrainConfig(adapter=name, layers=config.LayersConfig(which="1")), 0
        )
        adapter.save(tmp_path / name, {"base": "tiny", "base_fingerprint": model.fingerprint})
        saved = json.loads((tmp_path / name / "adapter_config.json").read_text())
        assert (saved.get("selfteach_adapter") or saved["peft_type"]) == (
            "PROMPT_TUNING" if name == "prompt" else name
        )
        assert saved["base_model_name_or_path"] == "tiny"
        assert (
            json.loads((tmp_path / name / "selfteach.json").read_text())["base_fingerprint"]
            == model.fingerprint
        )
