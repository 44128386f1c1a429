"""What the servers of this program have in common: the review page, and the served models."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive

from selfteach.errors import UsageError
from selfteach.run.signals import replace_handlers


class LocalServer(uvicorn.Server):
    """Stop at the first signal when running answers are finished, at the second one at once. After
    a signal it raises no second one.

    Args:
        on_shutdown: called before the server waits for its connections.
        settings: of uvicorn, beside those that every server of this program has.

    Attributes:
        interrupted: whether a signal came.
    """

    def __init__(self, app: ASGIApp, on_shutdown: Callable[[], object], **settings: Any) -> None:
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            server_header=False,
            proxy_headers=False,
            **settings,
        )
        super().__init__(config)
        self.interrupted = False
        self._on_shutdown = on_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_shutdown()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with replace_handlers(self._stop):
            yield

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.interrupted = self.should_exit = True


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UsageError: the address or the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as fault:
        listener.close()
        raise UsageError(
            f"{host}:{port} cannot be used ({fault}).",
            where="--port",
            cure="Give another port; 0 lets the system choose.",
        ) from fault
    listener.listen()
    return listener


def route_file(
    path: str, file: Path, kind: str, before: str = "", headers: Mapping[str, str] | None = None
) -> Route:
    """Return the route of a file, which is read once.

    Args:
        kind: the media type.
        before: what stands before its text.
    """
    content = before + file.read_text("utf-8")

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers=headers)

    return Route(path, send, methods=["GET"])


async def wait_until_gone(receive: Receive) -> None:
    """Wait until the client of a request has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
