"""Any causal model through transformers, on CPU and CUDA: it draws, scores, and holds the module
that is trained.

The module's own forward is used only for drawing. Scoring runs the decoder without the head and
sends only the needed positions through the head, which for a small model is a large share of the
work.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from selfteach.errors import ResourceError, UsageError, get_first_line
from selfteach.models import safety
from selfteach.models.allocator import keep_freed_pages, limit_onednn_cache
from selfteach.models.decode import count_max_answer_tokens, sample_all
from selfteach.models.hooks import get_active_hooks, get_num_virtual_tokens
from selfteach.models.load_adapter import load_adapter
from selfteach.models.resolve_model import resolve_base, resolve_model_folder
from selfteach.models.score import compute_answer_logits, embed_all, score_all
from selfteach.models.silence import silence_libraries
from selfteach.models.tokens import ChatTokenizer
from selfteach.records import Completion, Continuations, ItemScores, LogProb, Prompt, Request
from selfteach.registry import did_you_mean

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


class HfModel:
    """A causal language model with its tokenizer: a `Drawer` and a `Scorer`.

    `module` may be exchanged for a training one by `with_module`; everything here reads its device and
    dtype from it.
    """

    def __init__(
        self,
        module: nn.Module,
        tokens: ChatTokenizer,
        name: str,
        fingerprint: str,
        notes: Sequence[str] = (),
    ) -> None:
        self.module, self.tokens, self.name, self.fingerprint = module, tokens, name, fingerprint
        self.notes = [*notes, *tokens.notes]
        self.tokenizer = tokens.tokenizer
        self.end_ids = tokens.end_ids
        self.encode, self.encode_answer, self.decode = (
            tokens.encode,
            tokens.encode_answer,
            tokens.decode,
        )

    @staticmethod
    def load(
        name_or_folder: str | Path,
        *,
        adapter: Path | None = None,
        dtype: str = "auto",
        device: str = "auto",
        progress: Callable[[str], None] | None = None,
    ) -> HfModel:
        """Loads "embedded", a folder, or a hub name; with `adapter`, a saved one merged into it or
        worn by it.

        Raises:
            UsageError: no such model, or one that must not be opened (remote code, pickles).
            IntegrityError: the adapter was trained on another base.
        """
        name = resolve_base(str(name_or_folder), adapter)
        folder = resolve_model_folder(name, progress)
        safety.check_model_folder(folder)
        target = _choose_device(device)
        if target.type == "cpu":
            keep_freed_pages()
            limit_onednn_cache()
        fingerprint = safety.compute_fingerprint(folder)
        notes = [safety.check_adapter(adapter, fingerprint)] if adapter else []
        module = _load_module(folder, _choose_dtype(dtype, target))
        if adapter:
            module, fingerprint = (
                load_adapter(module, adapter),
                safety.compute_adapter_fingerprint(fingerprint, adapter),
            )
        tokens = ChatTokenizer(_load_tokenizer(folder), _get_generation_end_ids(module))
        if mine := get_active_hooks(module):
            mine.to(target)
        return HfModel(
            module.to(target).eval(),
            tokens,
            name,
            fingerprint,
            [note for note in notes if note],
        )

    def with_module(self, module: nn.Module, fingerprint: str) -> HfModel:
        """The same tokenizer and name around another module: the student between two training
        steps.
        """
        return HfModel(module, self.tokens, self.name, fingerprint)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the products are computed in."""
        found: torch.dtype = self.module.get_input_embeddings().weight.dtype  # type: ignore[operator,union-attr]
        return found

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        text = self.module.config.get_text_config()  # type: ignore[operator,union-attr]
        return int(
            getattr(text, "max_position_embeddings", None) or 1 << 20
        ) - get_num_virtual_tokens(self.module)

    @property
    def has_hooks(self) -> bool:
        """Whether an adapter sits on the module as hooks, which no other engine can draw with."""
        return get_active_hooks(self.module) is not None

    def room_tokens(self, prompt: Prompt) -> int:
        """How long an answer to this prompt can be at most; not positive where it must be dropped
        as `decode.TOO_LONG`.
        """
        return count_max_answer_tokens(self, prompt)

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As `Drawer.draw`. A prompt that leaves no room for an answer is refused (`DataError`),
        never cut in silence.
        """
        return sample_all(self, requests)

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """As `Scorer.logp`; what all items begin with is computed once."""
        return score_all(self, items)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """As `Scorer.embed`."""
        return embed_all(self, prompts)

    def answer_logits(
        self, pairs: Sequence[tuple[Prompt, str]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yields (index, float32 logits (T_answer, V)) for each pair of prompt and answer; row t
        predicts answer token t, EOS included.
        """
        return compute_answer_logits(self, pairs)


def load_chat_tokenizer(
    name_or_folder: str, progress: Callable[[str], None] | None = None
) -> ChatTokenizer:
    """A model's tokenizer with its chat template, without the weights.

    Raises:
        UsageError: no such model, or one that must not be opened.
    """
    folder = resolve_model_folder(name_or_folder, progress)
    safety.check_model_folder(folder)
    return ChatTokenizer(_load_tokenizer(folder))


def has_bf16_hardware() -> bool:
    """Whether this CPU multiplies in bf16, as far as the build of torch can tell: one without
    oneDNN cannot be asked.

    oneDNN says yes to every processor with AVX-512, also where it only emulates bf16, at a quarter
    of float32's speed (docs/log/)."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # type: ignore[no-untyped-call]


def _choose_device(name: str) -> torch.device:
    if (
        name == "auto"
    ):  # of several processes that were launched together each has an accelerator of its own
        here = torch.cuda.is_available() and not _will_shard_weights()
        return (
            torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            if here
            else torch.device("cpu")
        )
    try:
        return torch.device(name)
    except RuntimeError as fault:
        raise UsageError(
            f'there is no device "{name}".', cure='Known: "auto", "cpu", "cuda", "cuda:0", ...'
        ) from fault


def _will_shard_weights() -> bool:
    """Whether the launch will split the weights over the accelerators: then no one of them needs to
    hold all, and the CPU does first.
    """
    return any(
        os.environ.get(name, "").lower() == "true"
        for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    )


def _choose_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        fast = (
            device.type == "cuda"
            or (_will_shard_weights() and torch.cuda.is_available())
            or has_bf16_hardware()
        )
        return torch.bfloat16 if fast else torch.float32
    if name not in DTYPES:
        raise UsageError(f'there is no dtype "{name}".', cure=did_you_mean(name, ["auto", *DTYPES]))
    return DTYPES[name]


def _load_module(folder: Path, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    options = {
        "dtype": dtype,
        "use_safetensors": True,
        "trust_remote_code": False,
        "local_files_only": True,
    }
    try:
        with silence_libraries():
            try:
                return AutoModelForCausalLM.from_pretrained(
                    folder, attn_implementation="sdpa", **options
                )
            except ValueError as fault:
                if "scaled_dot_product_attention" not in str(fault):
                    raise
                return AutoModelForCausalLM.from_pretrained(
                    folder, attn_implementation="eager", **options
                )
    except (torch.OutOfMemoryError, MemoryError) as fault:
        raise ResourceError(
            "not enough memory for the model.", where=folder, cure="Use a smaller model."
        ) from fault
    except (ValueError, OSError, RuntimeError, KeyError, ImportError, SafetensorError) as fault:
        raise UsageError(
            f"cannot be loaded ({get_first_line(fault)}).",
            where=folder,
            cure="Give a causal language model that transformers knows.",
        ) from fault


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        with silence_libraries():
            return AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
    except Exception as fault:  # the tokenizers library raises nothing more precise
        raise UsageError(
            f"its tokenizer cannot be loaded ({get_first_line(fault)}).", where=folder
        ) from fault


def _get_generation_end_ids(module: Any) -> Sequence[int]:
    ends = getattr(module.generation_config, "eos_token_id", None)
    return [] if ends is None else [ends] if isinstance(ends, int) else ends
