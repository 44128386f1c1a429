"""The review page: four files and a few POST requests.

Every response that says "saved" is sent after the commit of the ledger.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from selfteach.errors import DataError, ResourceError, SelfteachError
from selfteach.records import JsonObject
from selfteach.report.page import read_palette
from selfteach.review import queue
from selfteach.review.guard import CONFLICT, PageGuard, RefusedRequest, TabSeat
from selfteach.run.ledger import Ledger
from selfteach.run.local_server import route_file, wait_until_gone
from selfteach.text import clean_text

WEB_FOLDER = Path(__file__).parent / "web"
MAX_BODY_BYTES = 1 << 20
UNUSABLE = 422
FAILED = 500
FULL = 507
ReviewAction = Callable[[str, str], "queue.ReviewItem | None"]
RouteHandler = Callable[[Request], Awaitable[Response]]


class ReviewPage:
    """Serve the queue of one run to one tab.

    Args:
        finish: is called when the person has finished.
    """

    def __init__(
        self, ledger: Ledger, name: str, seat: TabSeat, finish: Callable[[], None]
    ) -> None:
        self.seat = seat
        self.ended = asyncio.Event()
        self._ledger = ledger
        self._name = clean_text(name)
        self.actions: dict[str, ReviewAction] = {
            "save": lambda id, text: queue.save_correction(ledger, id, text),
            "accept": lambda id, _: queue.accept_answer(ledger, id),
            "skip": lambda id, _: queue.skip_answer(ledger, id),
            "draft": lambda id, text: queue.save_draft(ledger, id, text),
            "undo": lambda *_: queue.undo_decision(ledger),
            "again": lambda *_: self._requeue(),
            "finish": lambda *_: finish(),
        }

    def state(self, item: queue.ReviewItem | None = None) -> JsonObject:
        """Return the content of the page: the counts, and the answer to review.

        Args:
            item: the answer to review. None takes the first one that waits.
        """
        counts = queue.count_progress(self._ledger)
        shown = item or next(iter(queue.list_waiting(self._ledger)), None)
        return {
            "run": self._name,
            "progress": {**asdict(counts), "total": counts.total, "done": counts.done},
            "item": asdict(shown) if shown else None,
        }

    def _requeue(self) -> None:
        queue.requeue_skipped(self._ledger)

    def run_action(self, name: str, body: JsonObject) -> JsonObject:
        """Run one action. Return the new content of the page."""
        return self.state(self.actions[name](_get_text(body, "id"), _get_text(body, "text")))


def make_app(page: ReviewPage, port: int) -> ASGIApp:
    """Return the page as an ASGI application."""
    endpoints = {name: _make_action_endpoint(page, name) for name in page.actions}
    endpoints["open"] = _make_open_endpoint(page)
    routes = [
        route_file("/", WEB_FOLDER / "index.html", "text/html"),
        route_file("/page.js", WEB_FOLDER / "page.js", "text/javascript"),
        route_file("/words.js", WEB_FOLDER / "words.js", "text/javascript"),
        route_file("/style.css", WEB_FOLDER / "style.css", "text/css", read_palette()),
        *(Route(f"/api/{name}", made, methods=["POST"]) for name, made in endpoints.items()),
    ]
    return PageGuard(Starlette(routes=routes), port)


class OpenTabResponse(Response):
    """Send the key and the first state to an admitted tab. The response stays open with the tab."""

    def __init__(self, page: ReviewPage, first: JsonObject) -> None:
        super().__init__(media_type="application/x-ndjson")
        self._page = page
        self._first = json.dumps(first) + "\n"
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the seat until the tab closes the connection or the server ends."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send(
                {
                    "type": "http.response.body",
                    "body": self._first.encode("utf-8", "replace"),
                    "more_body": True,
                }
            )
            await _wait_for_first(wait_until_gone(receive), self._page.ended.wait())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._page.seat.release()


async def _wait_for_first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _make_open_endpoint(page: ReviewPage) -> RouteHandler:
    async def endpoint(request: Request) -> Response:
        body = await _read_body(request)
        state = page.state()  # before the seat is taken: a fault leaves it free
        key = page.seat.take(_get_text(body, "token"), _get_text(body, "key"))
        return OpenTabResponse(page, {"key": key, **state})

    return _report_errors(endpoint)


def _make_action_endpoint(page: ReviewPage, name: str) -> RouteHandler:
    async def endpoint(request: Request) -> Response:
        page.seat.check(request.headers.get("authorization", "").removeprefix("Bearer "))
        return JSONResponse(page.run_action(name, await _read_body(request)))

    return _report_errors(endpoint)


def _report_errors(endpoint: RouteHandler) -> RouteHandler:
    async def reporting(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (RefusedRequest, SelfteachError) as fault:
            return _make_error_response(fault)

    return reporting


def _make_error_response(fault: RefusedRequest | SelfteachError) -> Response:
    match fault:
        case RefusedRequest():
            status = fault.status
        case queue.NotWaitingError():
            status = CONFLICT
        case DataError():
            status = UNUSABLE
        case ResourceError():
            status = FULL
        case _:
            status = FAILED
    return JSONResponse({"error": str(fault)}, status)


async def _read_body(request: Request) -> JsonObject:
    """Return the JSON object of a request.

    Raises:
        DataError: the body is no JSON object, or longer than MAX_BODY_BYTES.
    """
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise DataError(f"the text is longer than {MAX_BODY_BYTES:,} bytes.")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise DataError("the request is not a JSON object.")
    return body


def _get_text(body: JsonObject, key: str) -> str:
    value = body.get(key, "")
    return value if isinstance(value, str) else ""
