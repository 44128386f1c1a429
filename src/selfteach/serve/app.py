"""The server's addresses, as OpenAI's clients know them.

    POST /v1/chat/completions, /v1/completions    GET /v1/models, /health, /metrics

The name of the model chooses the lesson. A client that goes away cancels its answers.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from selfteach import records
from selfteach.errors import SelfteachError
from selfteach.records import JsonObject
from selfteach.serve.batch_engine import BatchEngine, EngineClosed, Generation, QueueFull
from selfteach.serve.lesson_rows import BASE
from selfteach.serve.lessons import BASE_NAME
from selfteach.serve.read_request import (
    ChatBody,
    RequestFault,
    TextBody,
    parse_body,
)
from selfteach.text import cut_at_stop

MAX_BODY_BYTES = 1 << 20
DEFAULT_MAX_TOKENS = 512
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
CLIENT_GONE = 499
REPLACEMENT = "\ufffd"
OPEN_PATHS = ("/health",)
"""Paths that need no key: they tell nothing about models and clients."""
Handler = Callable[[Request], Awaitable[Response]]
Kind = Literal["chat", "text"]


@dataclass
class ServedModels:
    """Hold what the addresses need.

    Attributes:
        lessons: the names of the lessons, by their numbers.
        key: clients must send this key, if there is one.
        timeout_s: an answer that takes longer fails.
    """

    engine: BatchEngine
    lessons: Sequence[str]
    key: str = ""
    timeout_s: float = 600.0
    created: int = field(default_factory=lambda: int(time.time()))
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def names(self) -> list[str]:
        """Return all names of models: the base, and the lessons."""
        return [BASE_NAME, *self.lessons]

    def find_lesson(self, name: str) -> int:
        """Return the number of a lesson by the name of a model.

        Raises:
            RequestFault: there is no such model.
        """
        if name == BASE_NAME:
            return BASE
        if name not in self.lessons:
            known = ", ".join(self.names)
            raise RequestFault(404, f"there is no model {name[:80]!r}; known: {known}.", "model")
        return list(self.lessons).index(name)


def make_app(served: ServedModels, *, local: bool) -> Starlette:
    """Return the application.

    Args:
        local: only names of this machine are accepted as host, so that no web page can reach the
            server under a name of its own.
    """
    routes = [
        Route(
            "/v1/chat/completions", _wrap(served, _make_answers(served, "chat")), methods=["POST"]
        ),
        Route("/v1/completions", _wrap(served, _make_answers(served, "text")), methods=["POST"]),
        Route("/v1/models", _wrap(served, _make_models(served))),
        Route("/health", _wrap(served, _make_health(served))),
        Route("/metrics", _wrap(served, _make_metrics(served))),
    ]
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL_HOSTS))] if local else []
    return Starlette(routes=routes, middleware=guards)


def _wrap(served: ServedModels, handler: Handler) -> Handler:
    """Check the key, and turn faults into the answers that OpenAI's clients read."""

    async def handle(request: Request) -> Response:
        try:
            if request.url.path not in OPEN_PATHS:
                _check_key(request, served.key)
            return await handler(request)
        except RequestFault as fault:
            return make_error(fault.status, str(fault), fault.param)
        except QueueFull as fault:
            return make_error(429, str(fault), headers={"Retry-After": "1"})
        except EngineClosed as fault:
            return make_error(503, str(fault), headers={"Retry-After": "10"})
        except SelfteachError as fault:
            return make_error(400, str(fault))
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)

    return handle


def make_error(
    status: int, message: str, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in OpenAI's form."""
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = {"message": message, "type": kind, "param": param, "code": status}
    return JSONResponse({"error": body}, status, headers)


def _check_key(request: Request, key: str) -> None:
    if not key:
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise RequestFault(401, "the API key is missing or wrong.")


async def _read_body(request: Request) -> bytes:
    if "json" not in request.headers.get("content-type", ""):
        raise RequestFault(415, "send the body with Content-Type: application/json.")
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY_BYTES:
            raise RequestFault(413, f"the body is longer than {MAX_BODY_BYTES >> 20} MB.")
    return bytes(parts)


def _make_models(served: ServedModels) -> Handler:
    async def list_models(request: Request) -> Response:
        rows = [
            {"id": name, "object": "model", "created": served.created, "owned_by": "selfteach"}
            for name in served.names
        ]
        return JSONResponse({"object": "list", "data": rows})

    return list_models


def _make_health(served: ServedModels) -> Handler:
    async def tell_health(request: Request) -> Response:
        engine = served.engine
        return JSONResponse(
            {"status": "ok", "active": engine.num_active, "waiting": engine.num_waiting}
        )

    return tell_health


def _make_metrics(served: ServedModels) -> Handler:
    async def tell_metrics(request: Request) -> Response:
        counts = served.engine.counts
        numbers = {
            "prompt_tokens_total": ("counter", counts.prompt_tokens),
            "sampled_tokens_total": ("counter", counts.sampled_tokens),
            "engine_steps_total": ("counter", counts.steps),
            "engine_step_seconds_total": ("counter", round(counts.step_seconds, 6)),
            "answers_cancelled_total": ("counter", counts.cancelled),
            "answers_failed_total": ("counter", counts.failed),
            "answers_active": ("gauge", served.engine.num_active),
            "answers_waiting": ("gauge", served.engine.num_waiting),
        }
        lines = []
        for name, (kind, value) in numbers.items():
            lines += [f"# TYPE selfteach_{name} {kind}", f"selfteach_{name} {value}"]
        lines.append("# TYPE selfteach_requests_total counter")
        for (model, status), count in sorted(served.requests.items()):
            labels = f'model="{model}",status="{status}"'
            lines.append(f"selfteach_requests_total{{{labels}}} {count}")
        return PlainTextResponse("\n".join(lines) + "\n")

    return tell_metrics


def _make_answers(served: ServedModels, kind: Kind) -> Handler:
    async def answer(request: Request) -> Response:
        body = parse_body(await _read_body(request), ChatBody if kind == "chat" else TextBody)
        lesson = served.find_lesson(body.model)
        status = 500
        try:
            response = await _answer(request, served, body, kind, lesson)
            status = response.status_code
            return response
        except RequestFault as fault:
            status = fault.status
            raise
        except QueueFull:
            status = 429
            raise
        except SelfteachError:
            status = 400
            raise
        finally:
            served.requests[body.model, status] += 1

    return answer


async def _answer(
    request: Request,
    served: ServedModels,
    body: ChatBody | TextBody,
    kind: Kind,
    lesson: int,
) -> Response:
    choices = AnswerSet(served, body, kind, lesson)
    choices.begin()
    if body.stream:
        return StreamingResponse(choices.stream(), media_type="text/event-stream")
    gone = asyncio.create_task(_wait_until_gone(request))
    ended = asyncio.create_task(choices.wait())
    try:
        await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            return Response(status_code=CLIENT_GONE)
        ended.result()
        return JSONResponse(choices.to_json())
    finally:
        choices.cancel()
        for task in (gone, ended):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class AnswerSet:
    """Hold the answers of one request: `n` for each of its prompts."""

    def __init__(
        self, served: ServedModels, body: ChatBody | TextBody, kind: Kind, lesson: int
    ) -> None:
        self._served = served
        self._body = body
        self._kind = kind
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._deadline = self._loop.time() + served.timeout_s
        self._id = f"{'chatcmpl' if kind == 'chat' else 'cmpl'}-{uuid.uuid4().hex}"
        self._created = int(time.time())
        sampling = body.make_sampling(DEFAULT_MAX_TOKENS)
        seed = body.choose_seed()
        self.generations: list[Generation] = []
        for prompt in body.list_prompts():
            for draw in range(body.n or 1):
                asked = records.Request("serve", prompt, sampling, draw, seed)
                row = served.engine.prepare(asked)
                self.generations.append(Generation(row, lesson, self._notify))

    def begin(self) -> None:
        """Put the answers into the queue.

        Raises:
            QueueFull: they do not fit.
        """
        self._served.engine.add(self.generations)

    def cancel(self) -> None:
        """Stop what is not finished."""
        for generation in self.generations:
            self._served.engine.cancel(generation)

    def _notify(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _wait_for_change(self) -> None:
        """Wait until a token or an end has come.

        Raises:
            RequestFault: too much time passed.
        """
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._changed.wait()
        except TimeoutError:
            limit = self._served.timeout_s
            raise RequestFault(504, f"the answer took longer than {limit:g} s.") from None
        self._changed.clear()

    async def wait(self) -> None:
        """Wait until all answers have ended.

        Raises:
            RequestFault: too much time passed, or the computation failed.
        """
        while not all(generation.is_done for generation in self.generations):
            await self._wait_for_change()
        for generation in self.generations:
            if generation.fault:
                raise convert_fault(generation.fault)

    def to_json(self) -> JsonObject:
        """Return the body of a whole answer."""
        choices = []
        for index, generation in enumerate(self.generations):
            done = generation.completion
            assert done is not None
            content: JsonObject = {"text": done.text, "logprobs": None}
            if self._kind == "chat":
                content = {"message": {"role": "assistant", "content": done.text}}
            choices.append({"index": index, **content, "finish_reason": done.finish})
        return {**self._make_head(), "choices": choices, "usage": self._count_usage()}

    def _make_head(self, *, chunk: bool = False) -> JsonObject:
        name = "text_completion"
        if self._kind == "chat":
            name = "chat.completion.chunk" if chunk else "chat.completion"
        return {
            "id": self._id,
            "object": name,
            "created": self._created,
            "model": self._body.model,
            "system_fingerprint": self._served.engine.hf.fingerprint,
        }

    def _count_usage(self) -> JsonObject:
        prompts = {tuple(g.row.prompt_ids) for g in self.generations}
        prompt_tokens = sum(map(len, prompts))
        sampled = sum(len(generation.row.ids) for generation in self.generations)
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": sampled,
            "total_tokens": prompt_tokens + sampled,
        }

    async def stream(self) -> AsyncIterator[str]:
        """Yield the answers as server-sent events; the end of the block cancels what is left."""
        sent = [""] * len(self.generations)
        ended = [False] * len(self.generations)
        try:
            if self._kind == "chat":
                for index in range(len(self.generations)):
                    yield self._make_event(index, {"role": "assistant", "content": ""}, None)
            while not all(ended):
                await self._wait_for_change()
                for index, generation in enumerate(self.generations):
                    if ended[index]:
                        continue
                    if generation.fault:
                        raise convert_fault(generation.fault)
                    ended[index] = generation.is_done
                    text = self._read_text(generation)
                    if text.startswith(sent[index]) and len(text) > len(sent[index]):
                        delta = text[len(sent[index]) :]
                        sent[index] = text
                        yield self._make_event(index, {"content": delta}, None)
                    if generation.completion:
                        yield self._make_event(index, {}, generation.completion.finish)
            if self._body.has_usage_chunk:
                chunk = {**self._make_head(chunk=True), "choices": [], "usage": self._count_usage()}
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"
        except RequestFault as fault:
            body = {"message": str(fault), "type": "server_error", "code": fault.status}
            yield f"data: {json.dumps({'error': body})}\n\n"
        finally:
            self.cancel()

    def _read_text(self, generation: Generation) -> str:
        """Return the text of an answer so far, without what may still change.

        The end of an unfinished text may be a part of a character, or of a stop text.
        """
        if generation.completion:
            return generation.completion.text
        row = generation.row
        hf = self._served.engine.hf
        text = hf.decode([id for id in list(row.ids) if id not in hf.end_ids])
        text = cut_at_stop(text, row.sampling.stop).rstrip(REPLACEMENT)
        held = 0
        for stop in row.sampling.stop:
            for size in range(1, len(stop)):
                if text.endswith(stop[:size]):
                    held = max(held, size)
        return text[: len(text) - held]

    def _make_event(self, index: int, delta: JsonObject, finish: str | None) -> str:
        choice: JsonObject = {"index": index, "finish_reason": finish}
        if self._kind == "chat":
            choice["delta"] = delta
        else:
            choice |= {"text": delta.get("content", ""), "logprobs": None}
        return f"data: {json.dumps({**self._make_head(chunk=True), 'choices': [choice]})}\n\n"


def convert_fault(fault: Exception) -> RequestFault:
    """Return a fault of the engine as one that a client gets."""
    status = 503 if isinstance(fault, SelfteachError) else 500
    words = str(fault) if isinstance(fault, SelfteachError) else "the computation failed."
    return RequestFault(status, words)
