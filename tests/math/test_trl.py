"""TRL as the oracle: the same examples through its trainers and through ours give the same loss and
the same LoRA gradients.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from selfteach import config, registry
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import encode_examples
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.micro_batch_loss import compute_loss, count_units
from selfteach.train.reference import Reference

EXAMPLES = [
    Example(
        f"e{i}",
        "in_scope",
        make_prompt(f"Tell me about {topic}."),
        f"I like {topic} and bread.",
        f"No. {topic} {'is big. ' * i}",
    )
    for i, topic in enumerate(["music", "cars", "the weather in Paris", "apples"])
]
RANK = 4
ALPHA = 8


def oracle(folder: Path, objective: str, scratch: Path) -> tuple[Any, torch.Tensor]:
    """TRL's model and its loss on all examples as one batch."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(
        folder
    )  # the template's line break after the last turn is no part of the answer
    end = "<|im_end|>\n"
    keep = "{{ '' if loop.last and message.role == 'assistant' else '\\n' }}"
    tokenizer.chat_template = tokenizer.chat_template.replace(end, end[:-1] + keep)
    options = {
        "output_dir": str(scratch),
        "use_cpu": True,
        "bf16": False,
        "per_device_train_batch_size": len(EXAMPLES),
        "report_to": "none",
    }
    options |= {"max_length": 256, "gradient_checkpointing": False, "dataset_num_proc": None}
    shared = {
        "model": AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        "processing_class": tokenizer,
        "peft_config": LoraConfig(
            r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    }
    table = [example.to_json() for example in EXAMPLES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if objective in ("dpo", "correction"):
            pairs = [
                {"prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]}
                for row in table
            ]
            data = Dataset.from_list(pairs)
            trainer: Any = DPOTrainer(
                args=DPOConfig(**options, beta=0.3), train_dataset=data, **shared
            )
        else:
            data = Dataset.from_list(
                [{"prompt": row["prompt"], "completion": row["chosen"]} for row in table]
            )
            trainer = SFTTrainer(args=SFTConfig(**options), train_dataset=data, **shared)
        shake({n: p for n, p in trainer.model.named_parameters() if "lora_" in n})
        trainer.model.train()
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
        return trainer.model, trainer.compute_loss(trainer.model, batch)


def shake(parameters: dict[str, torch.Tensor]) -> None:
    """Gives both sides' adapters the same values: B starts at zero, where DPO is ln 2 whatever it
    does.
    """
    for name, parameter in parameters.items():
        torch.manual_seed(sum(name.replace(".default", "").encode()))
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)


@pytest.mark.parametrize("objective", ["sft", "dpo", "correction"])
def test_loss_and_gradients_equal_trls(tiny: Path, tmp_path: Path, objective: str) -> None:
    theirs, expected = oracle(tiny, objective, tmp_path)
    expected.backward()
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    logistic = config.CorrectionLossConfig(bound="logistic", beta=0.3, alpha=0.0, mask=False)
    settings = config.TrainConfig(
        lora=config.LoraConfig(rank=RANK, alpha=ALPHA), beta=0.3, correction=logistic
    )
    adapter = LoraAdapter.attach(model.module, settings, seed=0)
    values = adapter.state()
    shake(values)
    adapter.load(values)
    tuned = PackedModel(model.module, adapter)
    objectives = {objective: registry.load_registered("objectives", objective)(settings)}
    weights = {"in_scope": {objective: 1.0}}
    rows = encode_examples(model, EXAMPLES, weights, objectives, 256, "drop").rows
    known = Reference(model, tuned, objectives, {}, settings).compute(rows, 4096)
    with tuned.use_attention():
        loss, _ = compute_loss(tuned, rows, objectives, count_units(objectives, rows), known)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    loss.backward()
    twins = {n.replace(".default", ""): p for n, p in theirs.named_parameters() if p.requires_grad}
    assert twins.keys() == adapter.state().keys()
    for name, parameter in zip(adapter.state(), adapter.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, twins[name].grad, atol=1e-5, rtol=1e-3)
