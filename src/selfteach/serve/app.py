"""The server's addresses, as OpenAI's clients know them.

    POST /v1/chat/completions, /v1/completions
    GET  /v1/models, /v1/models/NAME, /health, /metrics

The name of the model chooses the lesson. A client that goes away cancels its answers. The address
itself is a page for people (page.py). The addresses of teach_addresses.py answer for a student.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from selfteach.errors import SelfteachError
from selfteach.records import JsonObject
from selfteach.run.local_server import wait_until_gone
from selfteach.serve.answers import AnswerSet
from selfteach.serve.batch_engine import BatchEngine
from selfteach.serve.handlers import CLIENT_GONE, Handler, find_status, guard, read_body
from selfteach.serve.lesson_rows import RowLessons
from selfteach.serve.page import list_page_routes
from selfteach.serve.read_request import ChatBody, RequestFault, TextBody, parse_body
from selfteach.serve.served_models import ServedModels
from selfteach.serve.teach_addresses import list_teach_handlers

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def make_app(served: ServedModels, *, local: bool) -> Starlette:
    """Return the application.

    Args:
        local: only names of this machine are accepted as host, so that no web page can reach the
            server under a name of its own.
    """
    handlers: list[tuple[str, str, Handler]] = [
        ("POST", "/v1/chat/completions", partial(_answer_body, served, ChatBody)),
        ("POST", "/v1/completions", partial(_answer_body, served, TextBody)),
        ("GET", "/v1/models", partial(_list_models, served)),
        ("GET", "/v1/models/{name:path}", partial(_show_model, served)),
        ("GET", "/health", partial(_tell_health, served)),
        ("GET", "/metrics", partial(_tell_metrics, served)),
        *list_teach_handlers(served.teaching),
    ]
    routes = list_page_routes()
    for method, path, handler in handlers:
        routes.append(Route(path, guard(handler, served.key), methods=[method]))
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL_HOSTS))] if local else []
    return Starlette(routes=routes, middleware=guards)


async def _list_models(served: ServedModels, request: Request) -> Response:
    rows = [_describe_model(served, name) for name in served.names]
    return JSONResponse({"object": "list", "data": rows})


async def _show_model(served: ServedModels, request: Request) -> Response:
    name = request.path_params["name"]
    served.find_model(name)  # there is one
    return JSONResponse(_describe_model(served, name))


def _describe_model(served: ServedModels, name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": served.created, "owned_by": "selfteach"}


async def _tell_health(served: ServedModels, request: Request) -> Response:
    engine = served.engine
    found = {"status": "ok", "active": engine.num_active, "waiting": engine.num_waiting}
    teaching = served.teaching
    if teaching and teaching.fault:
        found["status"] = "a change of the student is not served"
    if not engine.is_running:
        return JSONResponse({**found, "status": "stopping"}, 503)
    return JSONResponse(found)


async def _tell_metrics(served: ServedModels, request: Request) -> Response:
    lines = _list_engine_metrics(served.engine)
    if served.teaching:
        lines.append("# TYPE selfteach_jobs gauge")
        jobs = await asyncio.to_thread(served.teaching.count_jobs)
        for state, count in sorted(jobs.items()):
            lines.append(f'selfteach_jobs{{state="{state}"}} {count}')
    lines.append("# TYPE selfteach_requests_total counter")
    for (model, status), count in sorted(served.requests.items()):
        labels = f'model="{escape_label(model)}",status="{status}"'
        lines.append(f"selfteach_requests_total{{{labels}}} {count}")
    return PlainTextResponse("\n".join(lines) + "\n")


def escape_label(value: str) -> str:
    """Return a label's value as the text format of Prometheus has it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _list_engine_metrics(engine: BatchEngine) -> list[str]:
    """Return what the engine has done and does, in the text format of Prometheus."""
    counts = engine.counts
    numbers = {
        "prompt_tokens_total": ("counter", counts.prompt_tokens),
        "sampled_tokens_total": ("counter", counts.sampled_tokens),
        "engine_steps_total": ("counter", counts.steps),
        "engine_step_seconds_total": ("counter", round(counts.step_seconds, 6)),
        "answers_cancelled_total": ("counter", counts.cancelled),
        "answers_failed_total": ("counter", counts.failed),
        "answers_active": ("gauge", engine.num_active),
        "answers_waiting": ("gauge", engine.num_waiting),
    }
    lines = []
    for name, (kind, value) in numbers.items():
        lines += [f"# TYPE selfteach_{name} {kind}", f"selfteach_{name} {value}"]
    return lines


async def _answer_body(
    served: ServedModels, schema: type[ChatBody | TextBody], request: Request
) -> Response:
    body = parse_body(await read_body(request), schema)
    lessons = served.find_model(body.model)
    status = 500
    try:
        response = await _answer(request, served, body, lessons)
        status = response.status_code
        return response
    except (RequestFault, SelfteachError) as fault:
        status = find_status(fault)
        raise
    finally:
        served.requests[body.model, status] += 1


async def _answer(
    request: Request, served: ServedModels, body: ChatBody | TextBody, lessons: RowLessons
) -> Response:
    choices = AnswerSet(served, body, lessons)
    await choices.begin()
    if body.stream:
        return AnswerStream(choices)
    gone = asyncio.create_task(wait_until_gone(request.receive))
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


class AnswerStream(StreamingResponse):
    """Send answers as they come; a client that goes away cancels them, also before the first."""

    def __init__(self, choices: AnswerSet) -> None:
        super().__init__(choices.stream(), media_type="text/event-stream")
        self._choices = choices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._choices.cancel()
