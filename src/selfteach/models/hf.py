"""A causal model through transformers, on CPU and CUDA: it samples, scores and holds the module
that training changes.

Only sampling uses the module's own forward. Scoring runs the decoder without the head and sends
only the needed positions through the head, which is a large share of the work of a small model.
"""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from selfteach.errors import ResourceError, UsageError, get_first_line
from selfteach.models import check_safety
from selfteach.models.check_family import check_head
from selfteach.models.decode import sample_all
from selfteach.models.four_bit import (
    has_4bit,
    is_4bit,
    list_shared_objects,
    make_loading_options,
    set_compute_dtype,
)
from selfteach.models.four_bit_files import is_4bit_folder, read_adapter_setting
from selfteach.models.hook_adapter import get_active_hooks, get_num_virtual_tokens
from selfteach.models.load_adapter import LORA, load_adapter, read_adapter_kind
from selfteach.models.load_tokenizer import load_tokenizer
from selfteach.models.memory_allocator import keep_freed_pages, limit_onednn_cache
from selfteach.models.pending import OnStep, ignore_step
from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
from selfteach.models.score import compute_answer_logits, embed_all, score_all
from selfteach.models.silence import silence_libraries
from selfteach.models.tokens import ChatTokenizer, list_end_ids
from selfteach.models.unmerged_lora import attach_lora
from selfteach.records import Completion, Continuations, ItemScores, Prompt, Request
from selfteach.registry import did_you_mean
from selfteach.run.processes import get_local_rank, read_launched_sharding

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}
MAX_WEIGHTS_PER_BYTE = 8
"""A byte holds so many weights of one bit."""
SMALL_COUNT = 1 << 26
"""Numbers that a model may have beside its files: tables that it computes."""


class HfModel:
    """Represent a causal language model with its tokenizer: a `Sampler` and a `Scorer`.

    Device and dtype are those of `module`, which training may exchange.

    Attributes:
        load_in_4bit: whether weights of 16 bits were loaded in 4 (four_bit.py).
        on_step: called after each step of the sampling.
    """

    def __init__(
        self,
        module: nn.Module,
        tokens: ChatTokenizer,
        name: str,
        fingerprint: str,
        notes: Sequence[str] = (),
        *,
        load_in_4bit: bool = False,
    ) -> None:
        self.module = module
        self.tokens = tokens
        self.name = name
        self.fingerprint = fingerprint
        self.load_in_4bit = load_in_4bit
        self.on_step: OnStep = ignore_step
        self.notes = [*notes, *tokens.notes]
        self.tokenizer = tokens.tokenizer
        self.end_ids = tokens.end_ids
        self.encode: Callable[[Prompt], list[int]] = tokens.encode
        self.encode_answer = tokens.encode_answer
        self.decode = tokens.decode

    @staticmethod
    def load(
        name_or_folder: str | Path,
        *,
        adapter: Path | None = None,
        dtype: str = "auto",
        device: str = "auto",
        load_in_4bit: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> HfModel:
        """Load "embedded", a folder, or a hub name; with `adapter`, merge or attach a saved one.

        Args:
            load_in_4bit: whether to quantize the linear layers (NF4). An adapter that was trained
                on such a base always gets one.

        Raises:
            UsageError: no such model, an unsafe one (remote code, pickles), one in other than 16
                or bitsandbytes' 4 bits, or an unknown way of computing logits.
            IntegrityError: the adapter was trained on another base.
        """
        name = resolve_base(str(name_or_folder), adapter)
        folder = resolve_model_folder(name, progress)
        is_packed = is_4bit_folder(check_safety.check_model_folder(folder))
        load_in_4bit = (load_in_4bit or read_adapter_setting(adapter)) and not is_packed
        target = _choose_device(device)
        if target.type == "cpu":
            keep_freed_pages()
            limit_onednn_cache()
        fingerprint = check_safety.compute_fingerprint(folder, in_4bit=load_in_4bit)
        notes = [check_safety.check_adapter(adapter, fingerprint)] if adapter else []
        number_type = _choose_dtype(dtype, target)
        if is_packed or load_in_4bit:
            module = _load_4bit(folder, number_type, target, is_packed=is_packed)
        else:
            module = _load_module(folder, number_type)
        _refuse_quantized(module, folder)
        if adapter:
            module = _put_adapter(module, adapter)
            fingerprint = check_safety.compute_adapter_fingerprint(fingerprint, adapter)
        tokens = ChatTokenizer(load_tokenizer(folder), _get_generation_end_ids(module))
        if mine := get_active_hooks(module):
            mine.to(target)
        module = module.to(target).eval()
        check_head(module, name)
        notes = list(filter(None, notes))
        return HfModel(module, tokens, name, fingerprint, notes, load_in_4bit=load_in_4bit)

    def with_adapter(self, adapter: Path, *, merge: bool = True) -> HfModel:
        """Return this model with a saved adapter. Both share every weight that does not change.

        Args:
            merge: whether a LoRA changes the weights; else it is computed beside them
                (unmerged_lora.py). Weights in 4 bits never change, whatever this says.

        Raises:
            UsageError: the adapter does not fit.
            IntegrityError: it was trained on another base.
        """
        note = check_safety.check_adapter(adapter, self.fingerprint)
        module = _put_adapter(share_weights(self.module), adapter, merge=merge).eval()
        check_head(module, self.name)
        fingerprint = check_safety.compute_adapter_fingerprint(self.fingerprint, adapter)
        notes = [note] if note else []
        four = self.load_in_4bit
        return HfModel(module, self.tokens, self.name, fingerprint, notes, load_in_4bit=four)

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the weights."""
        embeddings: Any = self.module.get_input_embeddings()  # type: ignore[operator]
        found: torch.dtype = embeddings.weight.dtype
        return found

    @property
    def context_tokens(self) -> int:
        """Return the number of tokens that prompt and answer may have together."""
        config = self.module.config.get_text_config()  # type: ignore[operator,union-attr]
        limit = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
        return limit - get_num_virtual_tokens(self.module)

    @property
    def has_hooks(self) -> bool:
        """Return whether a hook adapter is attached, with which no other engine can sample."""
        return get_active_hooks(self.module) is not None

    def room_tokens(self, prompt: Prompt) -> int:
        """Return the greatest possible length of an answer to this prompt, in tokens.

        It is not positive where the prompt fills the context. The owner of such a candidate drops
        it with the reason `tokens.TOO_LONG`; sampling never shortens a prompt.
        """
        return self.context_tokens - len(self.encode(prompt))

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Sample as `Sampler.stream`.

        Raises:
            DataError: a prompt leaves no room for an answer; prompts are never shortened.
        """
        return sample_all(self, requests)

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Score as `Scorer.stream_scores`; the common beginning of all items runs once."""
        return score_all(self, items)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Embed as `Scorer.embed`."""
        return embed_all(self, prompts)

    def answer_logits(
        self, pairs: Sequence[tuple[Prompt, str]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (index, float32 logits (T_answer, V)) for each pair of prompt and answer.

        Row t predicts answer token t, EOS included.
        """
        return compute_answer_logits(self, pairs)


def share_weights(module: nn.Module) -> Any:
    """Return a copy of a module whose weights lie in the memory of the module's own.

    A weight of the copy can be replaced through its `data`; the module keeps its own then. States
    that a recurrent family leaves in the module after a pass are shared too, without their graph.
    """
    own = {id(p): nn.Parameter(p.data, requires_grad=False) for p in module.parameters()}
    buffers = {id(buffer): buffer for buffer in module.buffers()}
    values = [value for part in module.modules() for value in vars(part).values()]
    states = {id(value): value.detach() for value in values if isinstance(value, torch.Tensor)}
    return copy.deepcopy(module, states | own | buffers | list_shared_objects(module))


def _put_adapter(module: Any, folder: Path, *, merge: bool = True) -> Any:
    if not merge or (has_4bit(module) and read_adapter_kind(folder) == LORA):
        return attach_lora(module, folder)
    return load_adapter(module, folder)


def has_bf16_hardware() -> bool:
    """Return whether this CPU multiplies in bf16; False if the build of torch lacks oneDNN.

    oneDNN reports bf16 for every processor with AVX-512, even if it only emulates bf16 at a
    quarter of float32's speed (docs/log/).
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # type: ignore[no-untyped-call]


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        # Each of several processes that were launched together has an accelerator of its own.
        if torch.cuda.is_available() and not _will_shard_weights():
            return torch.device("cuda", get_local_rank())
        return torch.device("cpu")
    try:
        return torch.device(name)
    except RuntimeError as fault:
        raise UsageError(
            f'there is no device "{name}".', cure='Known: "auto", "cpu", "cuda", "cuda:0", ...'
        ) from fault


def _will_shard_weights() -> bool:
    """Return whether the launch will split the weights over the accelerators.

    The CPU holds the weights first then, because no single accelerator needs to hold all of them.
    """
    return read_launched_sharding() not in ("", "zero2")


def _choose_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        shards = _will_shard_weights() and torch.cuda.is_available()
        is_fast = device.type == "cuda" or shards or has_bf16_hardware()
        return torch.bfloat16 if is_fast else torch.float32
    if name not in DTYPES:
        raise UsageError(f'there is no dtype "{name}".', cure=did_you_mean(name, ["auto", *DTYPES]))
    return DTYPES[name]


def _load_4bit(folder: Path, dtype: torch.dtype, device: torch.device, *, is_packed: bool) -> Any:
    """Load a model with linear layers in 4 bits.

    Args:
        is_packed: whether the folder holds such weights.

    Raises:
        UsageError: bitsandbytes is not installed, or several processes would split the weights.
    """
    if _will_shard_weights():
        raise UsageError(
            "weights in 4 bits cannot be split over processes.",
            where=folder,
            cure="Launch without FSDP and DeepSpeed, or load the model in 16 bits.",
        )
    module = _load_module(folder, dtype, **make_loading_options(device, dtype, packed=is_packed))
    set_compute_dtype(module, dtype)
    return module


def _load_module(folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    """Load a model; `options` are further arguments of `from_pretrained`."""
    from transformers import AutoModelForCausalLM

    load = partial(
        AutoModelForCausalLM.from_pretrained,
        folder,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        **options,
    )
    try:
        with silence_libraries():
            _check_size(folder)
            try:
                return load(attn_implementation="sdpa")
            except ValueError as fault:
                if "scaled_dot_product_attention" not in str(fault):
                    raise
                return load(attn_implementation="eager")
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


def _check_size(folder: Path) -> None:
    """Refuse a configuration of many more weights than the files of the folder hold.

    The missing ones would be allocated, whatever their number. The model is built without memory.

    Raises:
        UsageError: it is such a configuration.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(
            config, trust_remote_code=False, attn_implementation="eager"
        )
    count = sum(tensor.numel() for tensor in chain(module.parameters(), module.buffers()))
    held_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if count > MAX_WEIGHTS_PER_BYTE * held_bytes + SMALL_COUNT:
        raise UsageError(
            f"describes {count:,} weights, and the files hold {held_bytes:,} bytes of weights.",
            where=folder / "config.json",
            cure="Use a whole copy of the model.",
        )


def _refuse_quantized(module: Any, folder: Path) -> None:
    """Refuse weights that are neither numbers of 16 or more bits nor packed by bitsandbytes, and
    packed embeddings.

    Raises:
        UsageError: the model has such a weight.
    """
    ends = {module.get_input_embeddings(), module.get_output_embeddings()}
    embeddings = {id(part.weight) for part in ends if part is not None}
    for name, weight in module.named_parameters():
        if is_4bit(weight) and id(weight) not in embeddings:
            continue
        if not weight.is_floating_point() or weight.element_size() < 2 or is_4bit(weight):
            kind = "in 4 bits" if is_4bit(weight) else str(weight.dtype).removeprefix("torch.")
            raise UsageError(
                f"its weights are quantized ({name} is {kind}), and only weights of 16 or more "
                "bits can be taught, or linear layers in bitsandbytes' 4 bits.",
                where=folder,
                cure="Give the model that it was made from.",
            )


def _get_generation_end_ids(module: Any) -> Sequence[int]:
    return list_end_ids(getattr(module.generation_config, "eos_token_id", None))
