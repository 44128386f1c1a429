"""The parts of a road as one writes them today from transformers, PEFT and TRL: draw, score, embed,
compare, train.

Everything is batched at the best batch size and sorted by length; logits are computed only where
they are needed; the model is bf16 and draws with merged weights. Prompts are encoded by `HfModel`,
so that both sides compute the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from bench.training import ALPHA, RANK
from selfteach.models.decode import STOP_WINDOW_TOKENS
from selfteach.models.hf import HfModel
from selfteach.records import Continuations, Example, Prompt, Request

T = TypeVar("T")


class StopOnTexts(StoppingCriteria):
    """Ends a row whose last tokens hold a stop text. (The library's own `stop_strings` reads the
    whole vocabulary first.)
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str], start: int) -> None:
        self.tokenizer, self.stops, self.start = tokenizer, stops, start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """(B,) bool: which rows are over."""
        tails = self.tokenizer.batch_decode(
            input_ids[:, max(self.start, input_ids.shape[1] - STOP_WINDOW_TOKENS) :]
        )
        return torch.tensor([any(stop in tail for stop in self.stops) for tail in tails])


def load_model(folder: str) -> Any:
    """The model."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()


def pad_rows(hf: HfModel, rows: Sequence[list[int]]) -> Any:
    """Left-padded rows with their mask."""
    hf.tokenizer.padding_side = "left"
    return hf.tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt")


def make_batches(rows: Sequence[T], lengths: Sequence[int], size: int) -> Iterator[list[T]]:
    """Batches of rows of like length, longest first."""
    order = sorted(range(len(rows)), key=lambda i: -lengths[i])
    for start in range(0, len(order), size):
        yield [rows[i] for i in order[start : start + size]]


@torch.inference_mode()
def sample_answers(model: Any, hf: HfModel, requests: Sequence[Request], batch: int) -> int:
    """`generate` for every request; requests with one sampling go together. Returns the answers'
    tokens.
    """
    drawn = 0
    for sampling in dict.fromkeys(r.sampling for r in requests):
        rows = [hf.encode(r.prompt) for r in requests if r.sampling == sampling]
        warm = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
        }
        options: dict[str, Any] = warm if sampling.temperature > 0 else {"do_sample": False}
        for group in make_batches(rows, list(map(len, rows)), batch):
            given = pad_rows(hf, group)
            start = given["input_ids"].shape[1]
            if sampling.stop:
                options["stopping_criteria"] = StoppingCriteriaList(
                    [StopOnTexts(hf.tokenizer, sampling.stop, start)]
                )
            out = model.generate(
                **given,
                **options,
                max_new_tokens=sampling.max_tokens,
                pad_token_id=hf.tokenizer.pad_token_id,
            )
            over = {*hf.end_ids, hf.tokenizer.pad_token_id}
            drawn += sum(
                next((i + 1 for i, token in enumerate(row) if token in over), len(row))
                for row in out[:, start:].tolist()
            )
    return drawn


@torch.inference_mode()
def score_texts(model: Any, hf: HfModel, items: Sequence[Continuations], batch: int) -> list[float]:
    """log p of every text after its prompt: one row each, logits from the first text's place on."""
    rows = [
        (hf.encode(item.prompt), hf.encode_answer(text, item.end))
        for item in items
        for text in item.texts
    ]
    found = []
    for group in make_batches(rows, [len(p) + len(t) for p, t in rows], batch):
        keep = max(len(text) for _, text in group) + 1
        logits = model(
            **pad_rows(hf, [prompt + text for prompt, text in group]), logits_to_keep=keep
        ).logits
        for row, (_, text) in zip(logits, group, strict=True):
            logp = row[-len(text) - 1 : -1].float().log_softmax(-1)
            found.append(float(logp.gather(1, torch.tensor(text)[:, None]).sum()))
    return found


@torch.inference_mode()
def embed_prompts(model: Any, hf: HfModel, prompts: Sequence[Prompt], batch: int) -> int:
    """The mean hidden state of every prompt."""
    rows, taken = [hf.encode(prompt) for prompt in prompts], 0
    for group in make_batches(rows, list(map(len, rows)), batch):
        given = pad_rows(hf, group)
        hidden, mask = (
            model.model(**given).last_hidden_state.float(),
            given["attention_mask"][..., None],
        )
        taken += len((hidden * mask).sum(1) / mask.sum(1))
    return taken


@torch.inference_mode()
def measure_kl(
    base: Any, taught: Any, hf: HfModel, pairs: Sequence[tuple[Prompt, str]], batch: int
) -> float:
    """KL(base || taught) over the base's own answers, the mean over tokens."""
    rows = [(hf.encode(prompt), hf.encode_answer(text, end=True)) for prompt, text in pairs]
    total, tokens = 0.0, 0
    for group in make_batches(rows, [len(p) + len(t) for p, t in rows], batch):
        keep, given = (
            max(len(text) for _, text in group) + 1,
            pad_rows(hf, [prompt + text for prompt, text in group]),
        )
        left, right = (model(**given, logits_to_keep=keep).logits for model in (base, taught))
        for one, other, (_, text) in zip(left, right, group, strict=True):
            p, q = (logits[-len(text) - 1 : -1].float().log_softmax(-1) for logits in (one, other))
            total += float((p.exp() * (p - q)).sum())
            tokens += len(text)
    return total / max(tokens, 1)


def train_model(
    model: Any, rows: Sequence[Example], settings: Any, folder: Path, autocast: bool
) -> Any:
    """TRL: DPO with its SFT term over the pairs, then SFT over the anchors (cheaper than the run's
    KL). Returns the merged model.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    options: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": True,
        "bf16": autocast,
        "per_device_train_batch_size": settings["train.batch_size"],
        "num_train_epochs": settings["train.epochs"],
        "learning_rate": 5e-4,
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "max_length": settings["train.max_tokens"],
    }
    lora = LoraConfig(
        r=settings.get("train.lora.rank", RANK),
        lora_alpha=settings.get("train.lora.alpha", ALPHA),
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    tokenizer = AutoTokenizer.from_pretrained(model.name_or_path)
    table = [row.to_json() for row in rows]
    pairs = [
        {key: row[key] for key in ("prompt", "chosen", "rejected")}
        for row in table
        if row["rejected"]
    ]
    anchors = [
        {"prompt": row["prompt"], "completion": row["chosen"]}
        for row in table
        if not row["rejected"]
    ]
    trainer: Any = None
    if pairs:
        config = DPOConfig(
            **options,
            precompute_ref_log_probs=True,
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, 1.0],
        )
        trainer = DPOTrainer(
            model,
            args=config,
            train_dataset=Dataset.from_list(pairs),
            processing_class=tokenizer,
            peft_config=lora,
        )
        trainer.train()
    if anchors:
        given: dict[str, Any] = (
            {"model": trainer.model} if trainer else {"model": model, "peft_config": lora}
        )
        trainer = SFTTrainer(
            args=SFTConfig(**options),
            train_dataset=Dataset.from_list(anchors),
            processing_class=tokenizer,
            **given,
        )
        trainer.train()
    return trainer.model.merge_and_unload().eval()
