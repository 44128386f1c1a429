"""A loaded model whose answers servers sample: `--engine http://host:8000/v1#name`.

The servers (vLLM, SGLang, llama.cpp) hold the same weights. The loaded model encodes the prompts,
so token ids go out, and its fingerprint is in the ids of the requests: an answer is looked up,
whichever engine sampled it.

1. Before the first request each server shows log-probabilities of the next token after a few
prompts. Where they are not those of the loaded model, it serves other weights and is refused.
2. A tuned model is the base with a LoRA adapter, which the server loads from the run folder
(vLLM: `v1/load_lora_adapter`).
3. Several servers take requests from one queue, each as many at once as `endpoint.concurrency`.
What a failing server had under way goes back into the queue; the others continue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from selfteach.errors import EndpointError, UsageError
from selfteach.models.check_family import run_plainly
from selfteach.models.load_adapter import LORA, read_adapter_kind
from selfteach.models.pending import prepare_request
from selfteach.models.remote.background import stream_results, unwrap_group
from selfteach.models.remote.endpoint import (
    LEFT_OUT,
    Endpoint,
    Event,
    Exchange,
    ServerSettings,
    convert_reply,
)
from selfteach.models.remote.http_client import Reply
from selfteach.models.remote.retry import NotOffered, RequestRefused, TransientError
from selfteach.records import Completion, Request, derive_seed, make_prompt

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

PROBES = (
    "What is the capital of France?",
    "Write a short poem about rain.",
    "List three kinds of fruit.",
    "How long should I boil an egg?",
    "Explain gravity in one sentence.",
    "Tell me a joke.",
    "What does the word 'river' mean?",
    "What should I cook tonight?",
)
TOP = 5
"""Log-probabilities of the next token that every server gives."""
MAX_NATS = 0.15
"""The largest difference of log-probabilities, as the median over the probes: 16 bits and another
kernel give a few hundredths, 4 bits or another model more."""
NEUTRAL = {
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
}
"""What servers would otherwise take from generation_config.json or from their own defaults."""


class ModelServer(Endpoint):
    """Represent one server that samples for a loaded model.

    A request that it cannot answer is put back, and the server is given up: no request is lost.
    """

    def __init__(self, hf: LoadedModel, address: str, settings: ServerSettings) -> None:
        super().__init__(
            address,
            key_env=settings.key_env,
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
            max_wait_s=settings.max_wait_s,
            on_event=settings.on_event,
        )
        self.fingerprint = hf.fingerprint
        self._hf = hf

    def make_exchange(self, request: Request) -> Exchange[Completion]:
        """Return the exchange of a request; any server of the same weights can do it.

        Raises:
            UnfitPrompt: the prompt leaves no room for an answer.
        """
        row = prepare_request(self._hf, request)
        count = len(row.prompt_ids)
        path, body = self._make_body("", request.sampling)
        body |= {
            "prompt": row.prompt_ids,
            "max_tokens": row.limit_tokens,
            "seed": derive_seed(row.id) >> 32,
            "extra_body": NEUTRAL | {"stop_token_ids": sorted(self._hf.end_ids)},
        }

        def result(reply: Reply) -> Completion:
            return convert_reply(row.id, reply, request.sampling.stop, count)

        return Exchange(row.id, path, body, count, result, may_be_empty=True, is_counted=True)

    def _give_up(
        self,
        exchange: Exchange[Any],
        fault: RequestRefused | TransientError,
        exchanges: deque[Exchange[Any]],
        put: Callable[[Any], None],
    ) -> None:
        exchanges.appendleft(exchange)
        raise EndpointError(
            f"does not answer a request: {fault}.",
            where=self.url,
            cure="See that the server is well; the same command continues the run.",
        )

    def load_adapter(self, adapter: Path) -> None:
        """Let the server load a LoRA adapter, and sample with it from here on.

        Raises:
            RequestRefused: it does not load adapters.
            EndpointError: it cannot be reached.
        """
        name = f"selfteach-{self.fingerprint}"
        if name not in [entry.get("id") for entry in self._models]:
            body = {"lora_name": name, "lora_path": str(adapter.absolute())}

            async def push(put: Callable[[None], None]) -> None:
                await self._wire.post("load_lora_adapter", body)

            try:
                list(stream_results(push))
            except (TransientError, NotOffered) as fault:
                raise RequestRefused(str(fault)) from None
        self.name = name

    def check_weights(self) -> float:
        """Return how far its log-probabilities are from the loaded model's: the median in nats.

        Raises:
            UsageError: it serves other weights, or does not show its log-probabilities.
        """
        exchanges = []
        prompts = {str(i): self._hf.encode(make_prompt(text)) for i, text in enumerate(PROBES)}
        for id, ids in prompts.items():
            body = {"prompt": ids, "max_tokens": 1, "temperature": 0.0, "logprobs": TOP}
            exchange: Exchange[Any] = Exchange(
                id, "completions", body, len(ids), lambda reply: reply, may_be_empty=True
            )
            exchanges.append(replace(exchange, is_counted=True))

        async def ask(put: Callable[[tuple[str, Any]], None]) -> None:
            for exchange in exchanges:
                await self.send_all(deque([exchange]), partial(_put_with_id, put, exchange.id))

        try:
            replies = [pair for pair in stream_results(ask) if isinstance(pair[1], Reply)]
        except EndpointError as fault:
            raise EndpointError(
                f"cannot be compared with {self._hf.name}: {fault.what}",
                where=self.url,
                cure="The server must take token ids at `completions` (vLLM, SGLang, llama.cpp).",
            ) from None
        found = {id: reply.top_logprobs for id, reply in replies if reply.top_logprobs}
        if len(found) < len(prompts):
            raise UsageError(
                f"shows no log-probabilities, so nothing proves that it serves {self._hf.name}.",
                where=self.url,
                cure="Use a server that gives `logprobs` at `completions`, or another engine.",
            )
        apart = [self._compare(ids, found[id]) for id, ids in prompts.items()]
        nats = float(np.median(apart))
        if not nats <= MAX_NATS:
            raise UsageError(
                f"serves other weights than {self._hf.name}: the log-probabilities of the next "
                f"token differ by {nats:.2f} nats, and at most {MAX_NATS} is rounding.",
                where=f"{self.url}#{self.name}",
                cure="Serve the same model, not quantized, or choose another engine.",
            )
        return nats

    def _compare(self, ids: Sequence[int], served: Mapping[str, float]) -> float:
        """Return the mean difference of the highest log-probabilities after a prompt, in nats.

        They are compared by rank, because servers spell the same token in several ways.
        """
        own = torch.log_softmax(run_plainly(self._hf.module, ids)[1][-1].float(), dim=-1)
        theirs = sorted(served.values(), reverse=True)[:TOP]
        mine = own.topk(len(theirs)).values.tolist()
        return float(np.mean(np.abs(np.subtract(mine, theirs))))


def _put_with_id(put: Callable[[tuple[str, Any]], None], id: str, item: Any) -> None:
    put((id, item))


class ServedModel:
    """Sample a loaded model's answers on its servers."""

    def __init__(
        self, hf: LoadedModel, servers: Sequence[ModelServer], settings: ServerSettings
    ) -> None:
        self.name = hf.name
        self.fingerprint = hf.fingerprint
        self._servers = list(servers)
        self._on_event = settings.on_event

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`.

        Raises:
            EndpointError: no server is left; a later run continues from here.
        """
        unique = {request.id(self.fingerprint): request for request in requests}
        exchanges = deque(self._servers[0].make_exchange(request) for request in unique.values())
        if not exchanges:
            return
        items: Iterator[Any] = stream_results(lambda put: self._share(exchanges, put))
        for item in items:
            if isinstance(item, Event):
                self._on_event(item.kind, item.body)
            else:
                yield item

    async def _share(
        self, exchanges: deque[Exchange[Completion]], put: Callable[[Any], None]
    ) -> None:
        """Let the servers empty the queue together; one that fails is left out from here on."""
        while exchanges:
            working = [server.send_all(exchanges, put) for server in self._servers]
            results = await asyncio.gather(*working, return_exceptions=True)
            faults = [None if one is None else unwrap_group(one) for one in results]
            for fault in faults:
                if fault is not None and not isinstance(fault, EndpointError):
                    raise fault
            left = [s for s, fault in zip(self._servers, faults, strict=True) if fault is None]
            if not left:
                raise next(fault for fault in faults if fault is not None)
            for server, fault in zip(self._servers, faults, strict=True):
                if fault is not None:
                    put(Event(LEFT_OUT, {"url": server.url, "reason": str(fault)}))
            self._servers = left


def open_served(
    hf: LoadedModel, addresses: str, settings: ServerSettings, adapter: Path | None = None
) -> tuple[ServedModel, str, str]:
    """Open the servers at `URL#name`, joined by commas; return the sampler, a name for the engine
    and what was checked.

    Raises:
        UsageError: a server serves other weights.
        RequestRefused: a server does not load the adapter.
        EndpointError: a server cannot be used.
    """
    places = [address.strip() for address in addresses.split(",")]
    if len(places) > 1:  # a silent server keeps what it took for twice `timeout_s`, not longer
        settings = replace(settings, max_wait_s=min(settings.max_wait_s, settings.timeout_s))
    servers = [ModelServer(hf, place, settings) for place in places]
    apart = []
    for server in servers:
        if adapter:
            server.load_adapter(adapter)
        apart.append(server.check_weights())
    engine = "a server" if len(servers) == 1 else f"{len(servers)} servers"
    checked = f"log-probabilities within {max(apart):.3f} nats of the model's own"
    return ServedModel(hf, servers, settings), engine, checked


def explain_why_not_served(adapter: Path | None) -> str:
    """Return why no server can sample with a model and this adapter, or ""."""
    if adapter is None or read_adapter_kind(adapter) == LORA:
        return ""
    return "servers load LoRA adapters only"
