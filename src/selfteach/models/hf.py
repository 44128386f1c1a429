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

from selfteach.errors import ResourceError, UsageError
from selfteach.models import safety
from selfteach.models.decode import draw_all, room_tokens
from selfteach.models.finding import model_folder, resolve_base
from selfteach.models.memory import keep_few_products, keep_pages
from selfteach.models.quiet import quiet
from selfteach.models.score import answer_logits, embed_all, logp_all
from selfteach.models.tokens import Tokens
from selfteach.models.wear import wear
from selfteach.models.worn import lead_of, worn
from selfteach.records import Continuations, Draw, Logp, Prompt, Request
from selfteach.registry import did_you_mean

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


class Hf:
    """A causal language model with its tokenizer: a `Drawer` and a `Scorer`.

    `module` may be exchanged for a training one by `wearing`; everything here reads its device and
    dtype from it.
    """

    def __init__(
        self,
        module: nn.Module,
        tokens: Tokens,
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
    ) -> Hf:
        """Loads "embedded", a folder, or a hub name; with `adapter`, a saved one merged into it or
        worn by it.

        Raises:
            UsageError: no such model, or one that must not be opened (remote code, pickles).
            IntegrityError: the adapter was trained on another base.
        """
        name = resolve_base(str(name_or_folder), adapter)
        folder = model_folder(name, progress)
        safety.inspect(folder)
        target = _device(device)
        if target.type == "cpu":
            keep_pages()
            keep_few_products()
        fingerprint = safety.fingerprint(folder)
        notes = [safety.check_adapter(adapter, fingerprint)] if adapter else []
        module = _load_module(folder, _dtype(dtype, target))
        if adapter:
            module, fingerprint = (
                wear(module, adapter),
                safety.adapter_fingerprint(fingerprint, adapter),
            )
        tokens = Tokens(_load_tokenizer(folder), _generation_ends(module))
        if mine := worn(module):
            mine.to(target)
        return Hf(
            module.to(target).eval(),
            tokens,
            name,
            fingerprint,
            [note for note in notes if note],
        )

    def wearing(self, module: nn.Module, fingerprint: str) -> Hf:
        """The same tokenizer and name around another module: the student between two training
        steps.
        """
        return Hf(module, self.tokens, self.name, fingerprint)

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
        return int(getattr(text, "max_position_embeddings", None) or 1 << 20) - lead_of(self.module)

    @property
    def worn(self) -> bool:
        """Whether an adapter sits on the module as hooks, which no other engine can draw with."""
        return worn(self.module) is not None

    def room_tokens(self, prompt: Prompt) -> int:
        """How long an answer to this prompt can be at most; not positive where it must be dropped
        as `decode.TOO_LONG`.
        """
        return room_tokens(self, prompt)

    def draw(self, requests: Sequence[Request]) -> Iterator[Draw]:
        """As `Drawer.draw`. A prompt that leaves no room for an answer is refused (`DataError`),
        never cut in silence.
        """
        return draw_all(self, requests)

    def logp(self, items: Sequence[Continuations]) -> Iterator[tuple[str, tuple[Logp, ...]]]:
        """As `Scorer.logp`; what all items begin with is computed once."""
        return logp_all(self, items)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """As `Scorer.embed`."""
        return embed_all(self, prompts)

    def answer_logits(
        self, pairs: Sequence[tuple[Prompt, str]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yields (index, float32 logits (T_answer, V)) for each pair of prompt and answer; row t
        predicts answer token t, EOS included.
        """
        return answer_logits(self, pairs)


def load_tokens(name_or_folder: str, progress: Callable[[str], None] | None = None) -> Tokens:
    """A model's tokenizer with its chat template, without the weights.

    Raises:
        UsageError: no such model, or one that must not be opened.
    """
    folder = model_folder(name_or_folder, progress)
    safety.inspect(folder)
    return Tokens(_load_tokenizer(folder))


def bf16_in_hardware() -> bool:
    """Whether this CPU multiplies in bf16, as far as the build of torch can tell: one without
    oneDNN cannot be asked.

    oneDNN says yes to every processor with AVX-512, also where it only emulates bf16, at a quarter
    of float32's speed (docs/log.md)."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # type: ignore[no-untyped-call]


def _device(name: str) -> torch.device:
    if (
        name == "auto"
    ):  # of several processes that were launched together each has an accelerator of its own
        here = torch.cuda.is_available() and not _split()
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


def _split() -> bool:
    """Whether the launch will split the weights over the accelerators: then no one of them needs to
    hold all, and the CPU does first.
    """
    return any(
        os.environ.get(name, "").lower() == "true"
        for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    )


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        fast = (
            device.type == "cuda" or (_split() and torch.cuda.is_available()) or bf16_in_hardware()
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
        with quiet():
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
            "not enough memory for the model.", where=str(folder), cure="Use a smaller model."
        ) from fault
    except (ValueError, OSError, RuntimeError, KeyError, ImportError, SafetensorError) as fault:
        first = (str(fault).strip().splitlines() or [repr(fault)])[0][:200]
        raise UsageError(
            f"cannot be loaded ({first}).",
            where=str(folder),
            cure="Give a causal language model that transformers knows.",
        ) from fault


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
    except Exception as fault:  # the tokenizers library raises nothing more precise
        first = (str(fault).strip().splitlines() or [repr(fault)])[0][:200]
        raise UsageError(f"its tokenizer cannot be loaded ({first}).", where=str(folder)) from fault


def _generation_ends(module: Any) -> Sequence[int]:
    ends = getattr(module.generation_config, "eos_token_id", None)
    return [] if ends is None else [ends] if isinstance(ends, int) else ends
