"""The parts of the pipeline from transformers, PEFT and TRL: sample, score, embed, compare, train.

Everything is batched at the best batch size and sorted by length. Logits are computed only at the
places that need them. The model is bf16 and samples with merged weights. `HfModel` encodes the
prompts, so that both sides compute the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from bench.sampling import count_answer_tokens
from selfteach.config.training import FeedbackTrainConfig
from selfteach.models.hf import HfModel
from selfteach.models.parse_layers import parse_layers
from selfteach.models.pending import count_stop_tokens
from selfteach.records import Continuations, Example, Prompt, Request

T = TypeVar("T")


class StopOnTexts(StoppingCriteria):
    """End a row whose last tokens contain a stop text.

    The library's own `stop_strings` reads the whole vocabulary first.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str], start: int) -> None:
        self.tokenizer = tokenizer
        self.stops = stops
        self.start = start
        self.window = count_stop_tokens(stops)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Return which rows end here. Shapes: input_ids (B, T), result (B,) bool."""
        first = max(self.start, input_ids.shape[1] - self.window)
        tails = self.tokenizer.batch_decode(input_ids[:, first:])
        return torch.tensor([self._contains_stop(tail) for tail in tails])

    def _contains_stop(self, text: str) -> bool:
        return any(stop in text for stop in self.stops)


def load_model(folder: str) -> Any:
    """Load the model in bf16."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()


def pad_rows(hf: HfModel, rows: Sequence[list[int]]) -> Any:
    """Return left-padded rows with their mask."""
    hf.tokenizer.padding_side = "left"
    return hf.tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt")


def make_batches(rows: Sequence[T], lengths: Sequence[int], size: int) -> Iterator[list[T]]:
    """Yield batches of rows of similar length, longest first."""
    order = sorted(range(len(rows)), key=lambda i: -lengths[i])
    for start in range(0, len(order), size):
        yield [rows[i] for i in order[start : start + size]]


@torch.inference_mode()
def sample_answers(model: Any, hf: HfModel, requests: Sequence[Request], batch: int) -> int:
    """Run `generate` for every request and return the number of sampled tokens.

    Requests with the same sampling parameters share batches.
    """
    num_tokens = 0
    for sampling in dict.fromkeys(r.sampling for r in requests):
        rows = [hf.encode(r.prompt) for r in requests if r.sampling == sampling]
        warm = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
        }
        options: dict[str, Any] = warm if sampling.temperature > 0 else {"do_sample": False}
        end_ids = {*hf.end_ids, hf.tokenizer.pad_token_id}
        for group in make_batches(rows, list(map(len, rows)), batch):
            padded = pad_rows(hf, group)
            start = padded["input_ids"].shape[1]
            if sampling.stop:
                options["stopping_criteria"] = StoppingCriteriaList(
                    [StopOnTexts(hf.tokenizer, sampling.stop, start)]
                )
            out = model.generate(
                **padded,
                **options,
                max_new_tokens=sampling.max_tokens,
                pad_token_id=hf.tokenizer.pad_token_id,
            )
            answers = out[:, start:].tolist()
            num_tokens += sum(count_answer_tokens(answer, end_ids) for answer in answers)
    return num_tokens


@torch.inference_mode()
def score_texts(model: Any, hf: HfModel, items: Sequence[Continuations], batch: int) -> list[float]:
    """Return log p of every text after its prompt, in nats: one row for each text."""
    rows = [
        (hf.encode(item.prompt), hf.encode_answer(text, item.end, item.prompt))
        for item in items
        for text in item.texts
    ]
    found = []
    for group in make_batches(rows, [len(p) + len(t) for p, t in rows], batch):
        keep = max(len(text) for _, text in group) + 1
        padded = pad_rows(hf, [prompt + text for prompt, text in group])
        logits = model(**padded, logits_to_keep=keep).logits
        for row, (_, text) in zip(logits, group, strict=True):
            logp = row[-len(text) - 1 : -1].float().log_softmax(-1)
            found.append(float(logp.gather(1, torch.tensor(text)[:, None]).sum()))
    return found


@torch.inference_mode()
def embed_prompts(model: Any, hf: HfModel, prompts: Sequence[Prompt], batch: int) -> int:
    """Compute the mean hidden state of every prompt; return how many there are."""
    rows = [hf.encode(prompt) for prompt in prompts]
    count = 0
    for group in make_batches(rows, list(map(len, rows)), batch):
        padded = pad_rows(hf, group)
        hidden = model.model(**padded).last_hidden_state.float()  # (B, T, D)
        mask = padded["attention_mask"][..., None]  # (B, T, 1)
        count += len((hidden * mask).sum(1) / mask.sum(1))
    return count


@torch.inference_mode()
def measure_kl(
    base: Any, tuned: Any, hf: HfModel, pairs: Sequence[tuple[Prompt, str]], batch: int
) -> float:
    """Return KL(base || tuned) over the base's own answers, in nats, the mean over tokens."""
    rows = [(hf.encode(prompt), hf.encode_answer(text, end=True)) for prompt, text in pairs]
    total = 0.0
    tokens = 0
    for group in make_batches(rows, [len(p) + len(t) for p, t in rows], batch):
        keep = max(len(text) for _, text in group) + 1
        padded = pad_rows(hf, [prompt + text for prompt, text in group])
        base_logits = base(**padded, logits_to_keep=keep).logits
        tuned_logits = tuned(**padded, logits_to_keep=keep).logits
        for base_row, tuned_row, (_, text) in zip(base_logits, tuned_logits, group, strict=True):
            p = base_row[-len(text) - 1 : -1].float().log_softmax(-1)
            q = tuned_row[-len(text) - 1 : -1].float().log_softmax(-1)
            total += float((p.exp() * (p - q)).sum())
            tokens += len(text)
    return total / max(tokens, 1)


def train_model(
    model: Any,
    rows: Sequence[Example],
    settings: FeedbackTrainConfig,
    folder: Path,
    autocast: bool,
) -> Any:
    """Train with TRL and return the merged model.

    Pairs: DPO with its SFT term. Anchors: SFT, which is cheaper than the KL of the run. An anchor
    of a kind in `settings.once` is trained once, as the run does.

    Args:
        settings: completed ones: epochs and `once` are given.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    options: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": True,
        "bf16": autocast,
        "per_device_train_batch_size": settings.batch_size,
        "num_train_epochs": settings.epochs,
        "learning_rate": 5e-4,
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "max_length": settings.max_tokens,
    }
    lora = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        target_modules=_list_linears(model),
        layers_to_transform=parse_layers(
            settings.lora.layers, model.config.num_hidden_layers, "train.lora.layers"
        ),
        task_type="CAUSAL_LM",
    )
    tokenizer = AutoTokenizer.from_pretrained(model.name_or_path)
    table = [row.to_json() for row in rows]
    pairs = [
        {"prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]}
        for row in table
        if row["rejected"]
    ]
    anchors = [
        {"prompt": row["prompt"], "completion": row["chosen"]}
        for row in repeat_anchors(table, settings.epochs or 1, settings.once or [])
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
        start: dict[str, Any] = {"model": model, "peft_config": lora}
        if trainer:
            start = {"model": trainer.model}
        trainer = SFTTrainer(
            args=SFTConfig(**options | {"num_train_epochs": 1}),
            train_dataset=Dataset.from_list(anchors),
            processing_class=tokenizer,
            **start,
        )
        trainer.train()
    return trainer.model.merge_and_unload().eval()


def repeat_anchors(
    table: Sequence[dict[str, Any]], epochs: int, once: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the anchors of all epochs. Those of the kinds in `once` are returned once."""
    anchors = [row for row in table if not row["rejected"]]
    return [row for row in anchors for _ in range(1 if row["kind"] in once else epochs)]


def _list_linears(model: Any) -> list[str]:
    """Return the names of the linear layers, as `all-linear` takes them: PEFT wants names where the
    layers of the model are chosen.
    """
    linears = {n for n, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    return sorted({name.rsplit(".", 1)[-1] for name in linears} - {"lm_head"})
