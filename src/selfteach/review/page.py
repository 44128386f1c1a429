"""The review page: four files and a few POST requests. Every answer that says "saved" is sent after
the ledger's commit.
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
from selfteach.report.page import read_palette
from selfteach.review import queue
from selfteach.review.guard import CONFLICT, PageGuard, RefusedRequest, TabSeat
from selfteach.run.ledger import Ledger

WEB_FOLDER = Path(__file__).parent / "web"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MAX_BODY_BYTES = 1 << 20
UNUSABLE, TOO_LARGE, FAILED, FULL = 422, 413, 500, 507
ReviewAction = Callable[[str, str], "queue.ReviewItem | None"]


class ReviewPage:
    """What the page works on: the queue of one run, the seat of one tab, and what is done when the
    person has finished.
    """

    def __init__(
        self, ledger: Ledger, name: str, seat: TabSeat, finish: Callable[[], None] = lambda: None
    ) -> None:
        self.seat, self.ended = seat, asyncio.Event()
        self._ledger, self._name = ledger, name
        self.actions: dict[str, ReviewAction] = {
            "save": lambda id, text: queue.save_correction(ledger, id, text),
            "accept": lambda id, _: queue.accept_answer(ledger, id),
            "skip": lambda id, _: queue.skip_answer(ledger, id),
            "draft": lambda id, text: queue.save_draft(ledger, id, text),
            "undo": lambda *_: queue.undo_decision(ledger),
            "again": lambda *_: self._again(),
            "finish": lambda *_: finish(),
        }

    def state(self, item: queue.ReviewItem | None = None) -> dict[str, Any]:
        """What the page shows: the counts, and the answer to look at (the first that waits, or the
        one that came back).
        """
        counts, rows = queue.count_progress(self._ledger), queue.list_waiting(self._ledger)
        shown = item or (rows[0] if rows else None)
        return {
            "run": self._name,
            "progress": {**asdict(counts), "total": counts.total, "done": counts.done},
            "item": asdict(shown) if shown else None,
        }

    def _again(self) -> None:
        queue.requeue_skipped(self._ledger)

    def run_action(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Does one thing and says how it stands then."""
        return self.state(self.actions[name](_get_text(body, "id"), _get_text(body, "text")))


def make_app(page: ReviewPage, port: int) -> ASGIApp:
    """The page as an ASGI application."""
    files = [
        Route(path, _make_file_endpoint(name))
        for path, name in (("/", "index.html"), ("/page.js", "page.js"), ("/words.js", "words.js"))
    ]
    acts = [
        Route(f"/api/{name}", _make_action_endpoint(page, name), methods=["POST"])
        for name in page.actions
    ]
    style = Route("/style.css", _make_file_endpoint("style.css", read_palette()))
    return PageGuard(
        Starlette(
            routes=[
                *files,
                style,
                Route("/api/open", _make_open_endpoint(page), methods=["POST"]),
                *acts,
            ]
        ),
        port,
    )


class OpenTabResponse(Response):
    """The answer to the tab that is let in: its key and the first state, then an open line for as
    long as the tab is there.
    """

    def __init__(self, desk: ReviewPage, key: str) -> None:
        super().__init__(media_type="application/x-ndjson")
        self._desk, self._first = desk, json.dumps({"key": key, **desk.state()}) + "\n"
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds the seat until the tab closes the connection or the server ends."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send(
                {
                    "type": "http.response.body",
                    "body": self._first.encode("utf-8", "replace"),
                    "more_body": True,
                }
            )
            await _wait_for_first(_wait_for_disconnect(receive), self._desk.ended.wait())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._desk.seat.release()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_for_first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _make_open_endpoint(page: ReviewPage) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _read_body(request)
            return OpenTabResponse(
                page, page.seat.take(_get_text(body, "token"), _get_text(body, "key"))
            )
        except (RefusedRequest, SelfteachError) as fault:
            return _make_error_response(fault)

    return endpoint


def _make_action_endpoint(page: ReviewPage, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            page.seat.check(request.headers.get("authorization", "").removeprefix("Bearer "))
            reply = page.run_action(name, await _read_body(request))
        except (RefusedRequest, SelfteachError) as fault:
            return _make_error_response(fault)
        return JSONResponse(reply)

    return endpoint


def _make_error_response(fault: RefusedRequest | SelfteachError) -> Response:
    kinds = (
        (RefusedRequest, getattr(fault, "status", 0)),
        (queue.NotWaitingError, CONFLICT),
        (DataError, UNUSABLE),
        (ResourceError, FULL),
    )
    status = next((status for kind, status in kinds if isinstance(fault, kind)), FAILED)
    return JSONResponse({"error": str(fault)}, status)


def _make_file_endpoint(name: str, before: str = "") -> Callable[[Request], Awaitable[Response]]:
    content, kind = before + (WEB_FOLDER / name).read_text("utf-8"), MEDIA_TYPES[Path(name).suffix]

    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=kind)

    return endpoint


async def _read_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        DataError: something else, or more than MAX_BODY bytes.
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


def _get_text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    return value if isinstance(value, str) else ""
