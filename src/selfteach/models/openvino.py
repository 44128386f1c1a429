"""Sampling on a CPU through openvino-genai's continuous batching, from an F16 GGUF file.

Token ids go in and come out, so that templates, control tokens and texts have one source:
`ChatTokenizer`. This module itself looks for stop texts.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfteach.errors import UsageError
from selfteach.extras import refuse_telemetry
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.models.kept_engine import UnloadedModel, keep_engine_file
from selfteach.models.memory_account import FLOAT32_BYTES, OPENVINO_COPIES
from selfteach.models.memory_allocator import keep_freed_pages, release_freed_pages
from selfteach.models.openvino_signal_stack import keep_signal_stack
from selfteach.models.pending import (
    OnStep,
    PendingCompletion,
    has_stop_text,
    ignore_step,
    make_completion,
    prepare_request,
)
from selfteach.models.tokens import count_common_prefix
from selfteach.records import Completion, Request, derive_seed
from selfteach.run.processes import get_cores

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

refuse_telemetry()
MAX_ROWS = 192
MIN_ROWS = 4
"""The least number of rows of a step. A step of one row takes other kernels than a step of several
and rounds differently, so that an answer would depend on the number of other rows. Idle rows fill
the step."""
STEP_TOKENS = 512
"""The most tokens of a step. In steps of 2,048 tokens the same beginnings of prompts get other keys
and values from run to run, and a few answers in a thousand differ."""
CACHE_GB = 1
CACHE_TOO_SMALL = (
    f"the prompt is larger than openvino's cache of {CACHE_GB} GB; `--engine hf` has no such limit"
)


class OpenVino:
    """Sample with the weights of a `LoadedModel`, and share its tokenizer, name and fingerprint.

    Attributes:
        tokens: the model's tokenizer.
        failures: (id, reason) of each request without a completion.
        on_step: called after each step.
        precision: what it computes in, f32 or bf16.
    """

    def __init__(
        self,
        hf: LoadedModel | UnloadedModel,
        folder: Path | None = None,
        *,
        precision: str = "",
    ) -> None:
        """Write the weights as GGUF and load them; without a folder at the first request.

        Args:
            hf: the model; one without weights has its file in the folder (`find_kept_model`).
            folder: the folder that keeps the file; without it the file is temporary, and other
                engines may take the memory until the first request.
            precision: f32 or bf16; by default bf16 where the processor has it.

        Raises:
            UsageError: openvino-genai is not installed, or the model's family is unknown to it.
        """
        reason = "" if isinstance(hf, UnloadedModel) else explain_why_not_openvino(hf)
        if reason:
            raise UsageError(
                f"openvino cannot sample with {hf.name}: {reason}.", cure="Use `--engine hf`."
            )
        self.name = hf.name
        self.notes = hf.notes if isinstance(hf, UnloadedModel) else ()
        self.fingerprint = hf.fingerprint
        self.tokens = hf.tokens
        self._hf: Any = hf
        self._folder = folder
        self.precision = precision or _choose_precision()
        self.failures: list[tuple[str, str]] = []
        self.on_step: OnStep = ignore_step
        self._opened: Any = self._open() if folder else None

    @property
    def unloaded(self) -> UnloadedModel:
        """Return the model of a kept file, whose weights only the engine holds."""
        found: UnloadedModel = self._hf
        return found

    def release_memory(self) -> None:
        """Free the memory of the weights and of the cache until the next request."""
        self._opened = None
        release_freed_pages()

    @property
    def _pipe(self) -> Any:
        self._opened = self._opened or self._open()
        return self._opened

    def _open(self) -> Any:
        folder = self._folder or get_cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if self._hf.module is None:
            return _load_pipeline(folder / f"{self.fingerprint}.gguf", self.precision)
        if self._folder:
            return _load_pipeline(write_engine_file(self._hf, folder), self.precision)
        from selfteach.models.write_gguf import write_gguf

        # Every tuned model has a file of its own, so none is kept.
        with tempfile.TemporaryDirectory(
            dir=folder, prefix=".gguf-", ignore_cleanup_errors=True
        ) as scratch:
            path = Path(scratch) / "model.gguf"
            write_gguf(self._hf.module, self._hf.tokenizer, path, ids_only=True)
            return _load_pipeline(path, self.precision)

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Sample as `Sampler.stream`.

        The first completions of all prompts go first, so that later completions of a prompt find
        its prefill in the cache. One prompt of each shared beginning goes before the others,
        because the engine looks into its cache when a request is added. A prompt that is larger
        than the cache goes into `failures`.
        """
        unique = {request.id(self.fingerprint): request for request in requests}
        ordered = [(r.draw, prepare_request(self._hf, r)) for r in unique.values()]
        ordered.sort(key=lambda pair: (pair[0], -len(pair[1].prompt_ids), pair[1].prompt_ids))
        rows = [row for _, row in ordered]
        ids = [row.id for row in rows]
        shared = count_shared_tokens([row.prompt_ids for row in rows])
        yield from self.sample_pending(rows, dict(zip(ids, shared, strict=True)))

    def sample_pending(
        self, rows: Sequence[PendingCompletion], reused: Mapping[str, int]
    ) -> Iterator[Completion]:
        """Yield one completion for each row; prompts and limits must fit into the context.

        Args:
            reused: how many tokens each row shares with one that goes before it, by its id.
        """
        from openvino_genai import GenerationStatus

        waiting = deque(row for row in rows if not reused[row.id])
        later = deque(row for row in rows if reused[row.id])
        active: dict[int, tuple[PendingCompletion, Any]] = {}
        idle: list[Any] = []
        numbers = count()
        try:
            while waiting or active or later:
                # The cache holds the beginnings once every active row has its first token.
                if later and not waiting and all(row.ids for row, _ in active.values()):
                    waiting, later = later, waiting
                while waiting and len(active) < MAX_ROWS:
                    number = next(numbers)
                    row = waiting.popleft()
                    active[number] = (row, self._add(number, row))
                while len(active) + len(idle) < MIN_ROWS:
                    idle.append(self._add_idle(next(numbers)))
                self._pipe.step()
                for number in self._read_step(active):
                    row, handle = active.pop(number)
                    if handle.get_status() == GenerationStatus.IGNORED:
                        self.failures.append((row.id, CACHE_TOO_SMALL))
                        continue
                    completion = make_completion(self._hf, row)
                    yield replace(completion, reused_tokens=reused[row.id])
        finally:  # the caller may leave early
            for handle in [*idle, *(handle for _, handle in active.values())]:
                handle.cancel()
            while self._pipe.has_non_finished_requests():
                self._pipe.step()

    def _read_step(self, active: Mapping[int, tuple[PendingCompletion, Any]]) -> list[int]:
        """Append a step's tokens to the active rows; return the numbers of those that ended."""
        ended = []
        num_begun = num_tokens = 0
        for number, (row, handle) in active.items():
            known = len(row.ids)
            if self._take_tokens(row, handle):
                ended.append(number)
            num_begun += known == 0 and len(row.ids) > 0
            num_tokens += len(row.ids) - known
        self.on_step(num_begun, num_tokens)
        return ended

    def _add(self, number: int, row: PendingCompletion) -> Any:
        config = self._make_config(row.limit_tokens)
        config.stop_token_ids = self._hf.end_ids
        if row.sampling.temperature > 0:
            config.do_sample = True
            config.temperature = row.sampling.temperature
            config.top_p = row.sampling.top_p
            config.top_k = 0
            config.rng_seed = derive_seed(row.id)
        return self._add_tokens(number, row.prompt_ids, config)

    def _add_idle(self, number: int) -> Any:
        config = self._make_config(self._hf.context_tokens - 1)
        config.ignore_eos = True
        return self._add_tokens(number, [self._hf.tokenizer.eos_token_id], config)

    def _add_tokens(self, number: int, ids: list[int], config: Any) -> Any:
        import openvino

        tokens = openvino.Tensor(np.array([ids], dtype=np.int64))
        return self._pipe.add_request(number, tokens, config)

    def _make_config(self, max_tokens: int) -> Any:
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = max_tokens
        config.set_eos_token_id(self._hf.tokenizer.eos_token_id)  # the file's tokenizer has none
        config.apply_chat_template = False
        return config

    def _take_tokens(self, row: PendingCompletion, handle: Any) -> bool:
        """Append the tokens of this step to the row; return whether the row has ended."""
        from openvino_genai import GenerationStatus

        while handle.can_read():
            for output in handle.read().values():
                row.ids += output.generated_ids
        if handle.get_status() != GenerationStatus.RUNNING:
            return True
        if stopped := has_stop_text(self._hf, row):
            handle.stop()
        return stopped


def count_shared_tokens(prompts: Sequence[list[int]]) -> list[int]:
    """Return how many tokens each prompt shares with one that goes before it.

    The number is at least half of the prompt's own tokens; it is 0 for prompts that go first.
    """
    found = [0] * len(prompts)
    leader: list[int] = []
    for i in sorted(range(len(prompts)), key=prompts.__getitem__):
        same = count_common_prefix(leader, prompts[i])
        if 2 * same >= len(prompts[i]):
            found[i] = same
        else:
            leader = prompts[i]
    return found


def explain_why_not_openvino(hf: LoadedModel) -> str:
    """Return why openvino cannot sample with this model here, or an empty text."""
    from selfteach.models.write_gguf import explain_why_not_gguf

    return explain_missing_openvino() or explain_why_not_gguf(hf.module, hf.tokenizer)


def explain_missing_openvino() -> str:
    """Return why openvino samples with no model here, or an empty text."""
    try:
        import openvino_genai  # noqa: F401
    except (ImportError, OSError) as fault:
        return f"openvino-genai is not installed ({fault})"
    return ""


def write_engine_file(model: LoadedModel, folder: Path) -> Path:
    """Write the weights of a model as the file that later commands find; return its path."""
    from selfteach.models.write_gguf import write_gguf

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{model.fingerprint}.gguf"
    write_gguf(model.module, model.tokenizer, path, ids_only=True)
    keep_engine_file(path, model)
    return path


def _load_pipeline(path: Path, precision: str) -> Any:
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = CACHE_GB
    scheduler.max_num_seqs = MAX_ROWS
    scheduler.max_num_batched_tokens = STEP_TOKENS
    scheduler.enable_prefix_caching = True
    # 8-bit keys and values are no faster here.
    properties = {"INFERENCE_PRECISION_HINT": precision, "KV_CACHE_PRECISION": precision}
    keep_freed_pages()
    with keep_signal_stack():
        pipe = openvino_genai.ContinuousBatchingPipeline(str(path), scheduler, "CPU", properties)
    release_freed_pages()  # reading and compiling leave several times the weights behind
    return pipe


def _choose_precision() -> str:
    """Return bf16 where the processor has it, else f32."""
    import openvino

    if needs_float32():
        return "f32"
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


def needs_float32() -> bool:
    """Return whether openvino cannot compute in bf16, whatever the processor says.

    openvino 2026.4 divides by zero (SIGFPE) in bf16 on a processor with AMX of which this process
    may use one core only.
    """
    return len(get_cores()) == 1 and may_have_amx()


def may_have_amx(cpus: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor has AMX, or does not tell."""
    return not cpus.is_file() or "amx_tile" in cpus.read_text("utf-8", "replace")


def count_engine_bytes(weights: int, itemsize: int) -> int:
    """Return what openvino takes of the memory for weights.

    Args:
        weights: their bytes.
        itemsize: the bytes of one of them.
    """
    computed = max(FLOAT32_BYTES, itemsize) if needs_float32() else itemsize
    return round(OPENVINO_COPIES * weights * computed / itemsize)
