"""Measure what a training takes whose rows are padded, against packed rows: a random Llama is
trained as it is, and as if its attention could not be packed.

    python -m bench.padded [--steps 4]

Processor seconds count: the least of all steps but the first one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from bench import training
from selfteach import config
from selfteach.models.hf import HfModel
from selfteach.models.load_tokenizer import load_chat_tokenizer
from selfteach.train.fast.packed_model import OBSTACLE
from selfteach.train.train import train

SIZES = {"2 layers of 32": (2, 32), "6 layers of 512": (6, 512)}
DTYPES = (torch.float32, torch.bfloat16)
OBJECTIVES = {"rows": "sft", "pairs": "dpo"}
HEADS = 8
VOCABULARY = 1_000
"""Words of the random models: a larger head would take most of a step, on both sides."""


def make_model(layers: int, hidden: int, dtype: torch.dtype) -> HfModel:
    """Return a random Llama with the tokenizer of the embedded model, whose ids are folded."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS // 2,
        tie_word_embeddings=True,
    )
    module: Any = LlamaForCausalLM(sizes).to(dtype).eval()
    model = HfModel(module, load_chat_tokenizer("embedded"), "random", f"{layers} {hidden}")
    encode, encode_answer = model.encode, model.encode_answer
    model.encode = lambda prompt: [id % VOCABULARY for id in encode(prompt)]
    model.encode_answer = lambda text, end=True, after="": [
        id % VOCABULARY for id in encode_answer(text, end, after)
    ]
    return model


def measure_step(model: HfModel, objective: str, steps: int, *, pads: bool) -> float:
    """Return the processor seconds of a step."""
    setattr(model.module, OBSTACLE, "it is measured" if pads else "")
    settings = config.TrainConfig(
        weights={"in_scope": {objective: 1.0}},
        batch_size=training.BATCH,
        epochs=1,
        checkpoint_every=0,
    )
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            model,
            training.make_examples(steps * training.BATCH),
            settings,
            Path(folder),
            seed=0,
            progress=lambda *_: ends.append(time.process_time()),
        )
    return min(after - before for before, after in pairwise(ends))


def main(steps: int = 4) -> dict[str, float]:
    """Measure and print; return the ratio of each model, dtype and objective."""
    ratios = {}
    for size, (layers, hidden) in SIZES.items():
        for dtype in DTYPES:
            model = make_model(layers, hidden, dtype)
            for name, objective in OBJECTIVES.items():
                packed, padded = (
                    measure_step(model, objective, steps, pads=pads) for pads in (False, True)
                )
                key = f"{size}, {str(dtype).removeprefix('torch.')}, {name}"
                ratios[key] = round(padded / packed, 2)
                print(f"{key}: {ratios[key]:.2f}x", flush=True)
    return ratios


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--steps", type=int, default=4)
    main(parser.parse_args().steps)
