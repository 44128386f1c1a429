"""Drawing on a CPU through openvino-genai's continuous batching, from an F16 GGUF file of the
(merged) weights.

Token ids go in and come out, so that templates, control tokens and texts have one source: `Tokens`.
Stop texts are looked for here.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfteach.errors import ResourceError, UsageError
from selfteach.models.allocator import release_freed_pages
from selfteach.models.decode import (
    STOP_WINDOW_TOKENS,
    PendingCompletion,
    make_completion,
    prepare_request,
)
from selfteach.models.embedded import get_cache_folder
from selfteach.models.gguf import explain_why_not_gguf, write_gguf
from selfteach.models.signal_stack import keep_signal_stack
from selfteach.models.tokens import count_common_prefix
from selfteach.records import Completion, Request, derive_seed

if TYPE_CHECKING:
    from selfteach.models.loaded import LoadedModel

MAX_ROWS = 192
MIN_ROWS = 4
"""A step of one row takes other kernels than a step of several and rounds differently, so that an
answer would depend on what happens to be drawn beside it. Idle rows keep at least this many
going."""
CACHE_GB = 1


class OpenVino:
    """Draws with the weights of a `LoadedModel`, and shares its tokenizer, name and fingerprint."""

    def __init__(self, hf: LoadedModel, folder: Path | None = None, *, precision: str = "") -> None:
        """Writes the weights as GGUF, into `folder` to stay or into a passing file, and loads them.
        `precision` is f32 or bf16.

        Raises:
            UsageError: openvino-genai is not installed, or the model's family is unknown to it.
        """
        if reason := explain_why_not_openvino(hf):
            raise UsageError(
                f"openvino cannot draw with {hf.name}: {reason}.", cure="Use `--engine hf`."
            )
        self.name, self.fingerprint, self._hf = hf.name, hf.fingerprint, hf
        self._folder, self._precision = folder, precision or _choose_precision()
        self._opened: Any = self._open()

    def release_memory(self) -> None:
        """Gives the memory of the weights and of the cache back until the next draw."""
        self._opened = None
        release_freed_pages()

    @property
    def _pipe(self) -> Any:
        self._opened = self._opened or self._open()
        return self._opened

    def _open(self) -> Any:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return _load_pipeline(
                write_gguf(
                    self._hf.module, self._hf.tokenizer, self._folder / f"{self.fingerprint}.gguf"
                ),
                self._precision,
            )
        get_cache_folder().mkdir(
            parents=True, exist_ok=True
        )  # every taught model has a file of its own: none is kept
        with tempfile.TemporaryDirectory(
            dir=get_cache_folder(), prefix=".gguf-", ignore_cleanup_errors=True
        ) as scratch:
            return _load_pipeline(
                write_gguf(self._hf.module, self._hf.tokenizer, Path(scratch) / "model.gguf"),
                self._precision,
            )

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As `Drawer.draw`. The first draws of all prompts go first, so that later draws of a
        prompt find its prefill in the cache; and before them one prompt of each beginning that
        several share, because the engine looks into its cache when a request is added."""
        rows = [
            (request.draw, prepare_request(self._hf, request))
            for request in {r.id(self.fingerprint): r for r in requests}.values()
        ]
        rows.sort(key=lambda pair: (pair[0], -len(pair[1].prompt_ids), pair[1].prompt_ids))
        shared = count_shared_tokens([row.prompt_ids for _, row in rows])
        waiting = deque(row for (_, row), same in zip(rows, shared, strict=True) if not same)
        later = deque(row for (_, row), same in zip(rows, shared, strict=True) if same)
        reused = {row.id: same for (_, row), same in zip(rows, shared, strict=True)}
        open_: dict[int, tuple[PendingCompletion, Any]] = {}
        idle: list[Any] = []
        numbers = count()
        try:
            while waiting or open_ or later:
                if (
                    later and not waiting and all(row.ids for row, _ in open_.values())
                ):  # what they begin with is in the cache now
                    waiting, later = later, waiting
                while waiting and len(open_) < MAX_ROWS:
                    number, row = next(numbers), waiting.popleft()
                    open_[number] = (row, self._add(number, row))
                while len(open_) + len(idle) < MIN_ROWS:
                    idle.append(self._add_idle(next(numbers)))
                self._pipe.step()
                for key in [
                    key for key, (row, handle) in open_.items() if self._take_tokens(row, handle)
                ]:
                    row, _ = open_.pop(key)
                    drawn = make_completion(
                        self._hf, row.id, row.ids, row.sampling, len(row.prompt_ids)
                    )
                    yield replace(drawn, reused_tokens=reused[row.id])
        finally:  # the caller may leave early
            for handle in [*idle, *(handle for _, handle in open_.values())]:
                handle.cancel()
            while self._pipe.has_non_finished_requests():
                self._pipe.step()

    def _add(self, number: int, row: PendingCompletion) -> Any:
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = row.limit_tokens
        config.stop_token_ids = self._hf.end_ids
        config.apply_chat_template = False
        if row.sampling.temperature > 0:
            config.do_sample = True
            config.temperature, config.top_p, config.top_k = (
                row.sampling.temperature,
                row.sampling.top_p,
                0,
            )
            config.rng_seed = derive_seed(row.id)
        return self._pipe.add_request(
            number, openvino.Tensor(np.array([row.prompt_ids], dtype=np.int64)), config
        )

    def _add_idle(self, number: int) -> Any:
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.apply_chat_template = (
            self._hf.context_tokens - 1,
            True,
            False,
        )
        return self._pipe.add_request(
            number,
            openvino.Tensor(np.array([[self._hf.tokenizer.eos_token_id]], dtype=np.int64)),
            config,
        )

    def _take_tokens(self, row: PendingCompletion, handle: Any) -> bool:
        """Takes what the row has drawn in this step; whether it has ended, by itself or by a stop
        text.
        """
        from openvino_genai import GenerationStatus

        while handle.can_read():
            for output in handle.read().values():
                row.ids += output.generated_ids
        status = handle.get_status()
        if status == GenerationStatus.IGNORED:
            raise ResourceError(
                f"openvino's cache of {CACHE_GB} GB is too small for this prompt.",
                cure="Use `--engine hf`.",
            )
        if status == GenerationStatus.RUNNING and row.sampling.stop:
            tail = self._hf.decode(row.ids[-STOP_WINDOW_TOKENS:])
            if any(stop in tail for stop in row.sampling.stop):
                handle.stop()
                return True
        return bool(status != GenerationStatus.RUNNING)


def count_shared_tokens(prompts: Sequence[list[int]]) -> list[int]:
    """How many tokens each prompt shares with one that goes before it, at least half of its own; 0
    for those that go first.
    """
    found, leader = [0] * len(prompts), list[int]()
    for i in sorted(range(len(prompts)), key=lambda i: prompts[i]):
        same = count_common_prefix(leader, prompts[i])
        if 2 * same >= len(prompts[i]):
            found[i] = same
        else:
            leader = prompts[i]
    return found


def explain_why_not_openvino(hf: LoadedModel) -> str:
    """Why openvino cannot draw with this model here, or an empty text."""
    try:
        import openvino_genai  # noqa: F401
    except (ImportError, OSError) as fault:
        return f"openvino-genai is not installed ({fault})"
    return explain_why_not_gguf(hf.module, hf.tokenizer)


def _load_pipeline(path: Path, precision: str) -> Any:
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = CACHE_GB
    scheduler.max_num_seqs = MAX_ROWS
    scheduler.max_num_batched_tokens = 2048
    scheduler.enable_prefix_caching = True
    properties = {
        "INFERENCE_PRECISION_HINT": precision,
        "KV_CACHE_PRECISION": precision,
    }  # 8-bit keys and values are no faster here
    with keep_signal_stack():
        pipe = openvino_genai.ContinuousBatchingPipeline(str(path), scheduler, "CPU", properties)
    release_freed_pages()  # reading and compiling leave several times the weights behind
    return pipe


def _choose_precision() -> str:
    """bf16 where the processor has it, else f32."""
    import openvino

    return (
        "bf16"
        if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        else "f32"
    )
