"""Measure trained tokens per second against TRL, in one process: the same examples, batch size,
rank, steps and precision.

    python -m bench.training [--steps N] [--rounds N]

A *trained token* here is a token of a row, prompt and answers, as TRL computes it. TRL computes the
prompt of a pair twice; both sides are credited with the same number. Loading, tokenizing and the
reference values of the base count for neither side.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from selfteach import config
from selfteach.models.fetch_default_model import fetch_embedded_model
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.train.train import train

BATCH = 16
RANK = 16
ALPHA = 32
TEXT = """the a some many people often think about how to keep their work simple and clear because
time is short while new ideas come from reading books talking with friends walking in nature or
cooking good food at home with fresh vegetables rice and spices every day"""
TRL = {"trl_bf16": False, "trl_autocast": True}
"""The two ways of TRL to train in bf16, by `autocast`. Ours is compared with the faster one."""


def make_examples(count: int, seed: int = 0) -> list[Example]:
    """Return pairs as long as in a real run: prompts of 8 to 24 words, answers of 20 to 90."""
    rng = random.Random(seed)
    vocabulary = TEXT.split()

    def make_words(low: int, high: int) -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randint(low, high)))

    return [
        Example(
            f"e{i}",
            "in_scope",
            make_prompt(f"{make_words(8, 24)}?"),
            f"{make_words(20, 90)}.",
            f"{make_words(20, 90)}.",
        )
        for i in range(count)
    ]


def measure_ours(
    model: HfModel,
    rows: list[Example],
    objective: str,
    folder: Path,
    say: Callable[[str], None] | None = None,
) -> list[float]:
    """Return the seconds of each step of one epoch."""
    lora = config.LoraConfig(rank=RANK, alpha=ALPHA)
    settings = config.TrainConfig(
        weights={"in_scope": {objective: 1.0}},
        lora=lora,
        batch_size=BATCH,
        epochs=1,
        checkpoint_every=0,
    )
    trained = train(model, rows, settings, folder, seed=0, say=say)
    return [float(row["seconds"]) for row in trained.curve]


def wait_for_device() -> None:
    """Wait until an accelerator has done what it was given, so that a clock counts it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


class StepClock(TrainerCallback):
    """Collect the seconds of a trainer's steps."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        wait_for_device()
        self._started = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop the clock."""
        wait_for_device()
        self.seconds.append(time.perf_counter() - self._started)


def measure_theirs(
    model_folder: str, rows: list[Example], objective: str, folder: Path, autocast: bool
) -> list[float]:
    """Return the seconds of each step of one epoch in TRL's trainer."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    options: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": not torch.cuda.is_available(),
        "bf16": autocast,
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": 1,
        "learning_rate": 5e-4,
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "max_length": 512,
    }
    shared = {
        "model": AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16),
        "processing_class": AutoTokenizer.from_pretrained(model_folder),
        "peft_config": LoraConfig(
            r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    }
    table = [row.to_json() for row in rows]
    if objective == "dpo":
        pairs = [
            {"prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]}
            for row in table
        ]
        data = Dataset.from_list(pairs)
        trainer: Any = DPOTrainer(
            args=DPOConfig(**options, precompute_ref_log_probs=True), train_dataset=data, **shared
        )
    else:
        rows_of_sft = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in table]
        data = Dataset.from_list(rows_of_sft)
        trainer = SFTTrainer(args=SFTConfig(**options), train_dataset=data, **shared)
    clock = StepClock()
    trainer.add_callback(clock)
    trainer.train()
    return clock.seconds


def count_row_tokens(model: HfModel, rows: list[Example], objective: str) -> int:
    """Return the number of tokens of the rows; the prompt of a pair counts for both answers."""
    total = 0
    for row in rows:
        answers = [row.chosen, row.rejected or ""] if objective == "dpo" else [row.chosen]
        total += len(answers) * len(model.encode(row.prompt))
        total += sum(len(model.encode_answer(text, end=True)) for text in answers)
    return total


def compare_trainers(
    model: HfModel, folder: str, objective: str, rounds: int, rows: list[Example], scratch: Path
) -> dict[str, float]:
    """Return the tokens per second of each side, in alternating rounds.

    The fastest round counts: a disturbance only makes a measurement slower.
    """
    tokens = count_row_tokens(model, rows, objective)
    seconds: dict[str, list[float]] = {"ours": [], **{name: [] for name in TRL}}
    for turn in range(rounds):
        steps = measure_ours(model, rows, objective, scratch / f"{objective}-{turn}")
        seconds["ours"].append(sum(steps))
        for name, autocast in TRL.items():
            steps = measure_theirs(folder, rows, objective, scratch / f"{name}-{turn}", autocast)
            seconds[name].append(sum(steps))
    speed = {name: tokens / min(times) for name, times in seconds.items()}
    return {**speed, "ratio": speed["ours"] / max(speed[name] for name in TRL)}


def main(argv: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Measure and print; return {objective: {ours, trl_bf16, trl_autocast, ratio}} in trained
    tokens per second.
    """
    parser = argparse.ArgumentParser(description="Trained tokens a second against TRL.")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args(argv)
    folder = str(fetch_embedded_model())
    model = HfModel.load(folder)
    rows = make_examples(given.steps * BATCH)
    with tempfile.TemporaryDirectory() as scratch:
        results = {
            objective: compare_trainers(model, folder, objective, given.rounds, rows, Path(scratch))
            for objective in ("sft", "dpo")
        }
    for objective, found in results.items():
        print(
            f"{objective}: {found['ours']:.0f} trained tokens/s, TRL "
            f"{found['ours'] / found['ratio']:.0f}: {found['ratio']:.2f}x"
        )
    return results


if __name__ == "__main__":
    main()
