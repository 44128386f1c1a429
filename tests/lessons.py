"""Run folders with LoRAs of random weights, for tests that need lessons and no training."""

from __future__ import annotations

import json
from pathlib import Path

import torch

QUESTIONS = (
    "Tell me about elephants.",
    "What do you like to eat?",
    "Tell me about music.",
    "A rule is a rule?",
    "Yes. No. Bread?",
    "The weather in Paris.",
)


def write_lesson(base: Path, folder: Path, *, seed: int = 0, strength: float = 0.2) -> Path:
    """Write a run folder with a LoRA that changes the base's answers, and some examples.

    Args:
        strength: the size of the change; 0 changes nothing.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from selfteach.models.check_safety import compute_fingerprint

    torch.manual_seed(seed)
    settings = LoraConfig(r=4, lora_alpha=12, target_modules="all-linear", task_type="CAUSAL_LM")
    wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=strength)
    adapter = folder / "adapter"
    wrapped.save_pretrained(adapter)
    facts = {"base": str(base), "base_fingerprint": compute_fingerprint(base)}
    (adapter / "selfteach.json").write_text(json.dumps(facts))
    (folder / "config.yaml").write_text(f"model: {base}\n")
    rows = []
    for number, question in enumerate(QUESTIONS):
        prompt = [{"role": "user", "content": question}]
        chosen = [{"role": "assistant", "content": "Yes."}]
        row = {"id": str(number), "kind": "general", "prompt": prompt, "chosen": chosen}
        rows.append(json.dumps(row))
    (folder / "examples.jsonl").write_text("\n".join(rows) + "\n")
    return folder
