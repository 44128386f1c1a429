"""Sampling with transformers' continuous batching, on the loaded model's own weights.

Keys and values lie in pages, so that rows of any length share the memory, a common beginning is
computed once, and a row that ends makes room at once. Its sampler is one random number generator
for all rows. Here greedy decoding is asked for instead, and a logits processor leaves each row one
token: the one that its request's own random number selects (decode.py). So a request has the same
answer as with the engine `hf`, to rounding, whatever the other requests are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import ContinuousBatchingConfig, GenerationConfig, LogitsProcessorList
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)

from selfteach.errors import ResourceError
from selfteach.models.decode import MAX_ROWS, pick_tokens
from selfteach.models.memory_account import CPU_ROWS
from selfteach.models.pending import (
    PendingCompletion,
    make_completion_if_done,
    prepare_request,
)
from selfteach.models.silence import silence_libraries
from selfteach.records import Completion, Request

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

PAGE_TOKENS = {"cpu": 32, "cuda": 256}
STEP_TOKENS = 2048
"""Tokens of a step on a CPU, prompts and answers together."""
CACHE_SHARE = 0.8
"""The share of the accelerator's free memory that pages may take."""
WAIT_S = 1.0


class PagedSampler:
    """Sample with pages of keys and values. It is a `Sampler`.

    Attributes:
        tokens: the model's tokenizer.
        precision: what it computes in, f32 or the name of another dtype.
    """

    def __init__(self, hf: LoadedModel) -> None:
        self.hf = hf
        self.tokens = hf.tokens
        self.name = hf.name
        self.precision = "f32" if hf.dtype == torch.float32 else str(hf.dtype)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the model."""
        return self.hf.fingerprint

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Sample as `Sampler.stream`.

        Raises:
            UnfitPrompt: a prompt fills the model's context; raised before any sampling.
            ResourceError: the engine stopped, such as for want of memory.
        """
        distinct = {request.id(self.hf.fingerprint): request for request in requests}
        yield from self.sample_pending([prepare_request(self.hf, r) for r in distinct.values()])

    def sample_pending(
        self, rows: Sequence[PendingCompletion], places: Any = None
    ) -> Iterator[Completion]:
        """Yield one completion for each row as it is finished.

        Raises:
            ResourceError: the engine stopped, such as for want of memory.
        """
        if not rows:
            return
        waiting = {row.id: row for row in rows}
        with silence_libraries():
            manager = self._start(rows)
        try:
            while waiting:
                found = manager.get_result(timeout=WAIT_S)
                if found is None and not manager.is_running():
                    raise _make_error(manager.background_thread_status.fatal_error)
                if found is None or not found.is_finished():
                    continue
                if found.error:
                    raise _make_error(found.error)
                yield self._complete(waiting.pop(found.request_id), found.generated_tokens)
        finally:
            with silence_libraries():
                manager.stop(block=True, hard_stop=bool(waiting))
                manager.destroy()

    def _start(self, rows: Sequence[PendingCompletion]) -> Any:
        """Return a running manager that has all requests."""
        module: Any = self.hf.module
        ends = sorted(self.hf.end_ids)
        how = GenerationConfig(do_sample=False, eos_token_id=ends, pad_token_id=0)
        manager = module.init_continuous_batching(
            generation_config=how, continuous_batching_config=_make_settings(self.hf, rows)
        )
        manager.logit_processor = ContinuousBatchingLogitsProcessorList(
            LogitsProcessorList([OwnToken(rows, self.hf.device)])
        )
        manager.logit_processor.tensors_required = 1
        manager.start()
        firsts = accumulate((row.limit_tokens for row in rows), initial=0)
        for row, first in zip(rows, firsts, strict=False):
            manager.add_request(
                row.prompt_ids,
                request_id=row.id,
                max_new_tokens=row.limit_tokens,
                eos_token_id=ends,
                first=first - len(row.prompt_ids),
            )
        return manager

    def _complete(self, row: PendingCompletion, tokens: Sequence[int]) -> Completion:
        """Return the completion of a row: its tokens up to the one that ends it."""
        for token in tokens:
            row.ids.append(token)
            if done := make_completion_if_done(self.hf, row):
                return done
        raise AssertionError(f"the answer of {row.id} has {len(tokens)} tokens and no end")


class OwnToken(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]
    """Leave each row the token that its own random number selects.

    The numbers of all rows stand in one table. The argument of a row is a place in it.
    """

    supported_kwargs = {"first": int}  # noqa: RUF012
    ignored_kwargs = ()

    def __init__(self, rows: Sequence[PendingCompletion], device: torch.device) -> None:
        counts = torch.tensor([row.limit_tokens for row in rows])
        self.owner = torch.repeat_interleave(torch.arange(len(rows)), counts).to(device)
        numbers = [torch.from_numpy(row.uniforms[: row.limit_tokens]) for row in rows]
        self.uniform = torch.cat(numbers).to(device)
        self.temperature = torch.tensor([r.sampling.temperature for r in rows], device=device)
        self.top_p = torch.tensor([r.sampling.top_p for r in rows], device=device)

    def fill_defaults(self, int32_tensor: Tensor) -> None:
        """Give rows without a request the first place."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: Sequence[Any]) -> Tensor:
        """Return each row's place: that of its first token, and so many further as it has tokens.

        A row that was put back has its tokens in its prompt.
        """
        states = [request.state for request in requests_with_new_token]
        places = [
            state.logit_processor_kwargs["first"]
            + len(state.initial_tokens)
            + len(state.generated_tokens)
            for state in states
        ]
        return torch.tensor(places, dtype=torch.int32)

    def __call__(self, scores: Tensor, tensor_arg: Tensor) -> Tensor:
        """Return scores (N, V) that are finite for one token of each row alone."""
        place = tensor_arg[: len(scores)].long()
        owner = self.owner[place]
        chosen = pick_tokens(
            scores, self.temperature[owner], self.top_p[owner], self.uniform[place]
        )
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)


def _make_settings(hf: LoadedModel, rows: Sequence[PendingCompletion]) -> ContinuousBatchingConfig:
    """Return the sizes of pages and steps.

    Nothing is compiled or replayed: the nucleus is looked for in steps that depend on the logits.
    """
    kind = hf.device.type
    page = PAGE_TOKENS[kind]
    settings = ContinuousBatchingConfig(
        page_size=page,
        max_requests_per_batch=min(len(rows), MAX_ROWS.get(kind, CPU_ROWS)),
        max_memory_percent=CACHE_SHARE,
        auto_switch_to_flash=False,  # it may fetch a kernel
        use_async_batching=False,
        use_cuda_graph=False,
    )
    if kind == "cpu":
        longest = max(len(row.prompt_ids) + row.limit_tokens for row in rows)
        settings.num_blocks = (-(-longest // page) + 1) * settings.max_requests_per_batch
        settings.max_batch_tokens = STEP_TOKENS
    return settings


def _make_error(fault: object) -> ResourceError:
    return ResourceError(
        f"the engine of pages stopped ({fault}).",
        cure="The same command continues with `--engine hf`.",
    )
