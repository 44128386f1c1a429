"""Serves the review page on 127.0.0.1 until the person finishes it or stops the program."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from selfteach.errors import UsageError
from selfteach.review import queue
from selfteach.review.guard import TabSeat
from selfteach.review.page import ReviewPage, make_app
from selfteach.run.ledger import Ledger
from selfteach.run.signals import WATCHED_SIGNALS

HOST = "127.0.0.1"
RELOAD_S = 2.0
"""A tab that comes back within this time was only reloaded."""


def serve_review(
    ledger: Ledger,
    *,
    name: str = "",
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> queue.ReviewProgress:
    """Opens the page and waits until the person has finished.

    Args:
        ledger: the open ledger of a run whose lock is held, with answers that `queue.put` put
            there.
        name: what the page calls the run.
        port: 0 lets the system choose.
        browser: whether to open the address, where there is a screen.
        say: shows one line, for instance the address.

    Raises:
        UsageError: the port is taken.
        KeyboardInterrupt: Ctrl-C; every decision is kept.
    """
    return ReviewServer(ledger, name, port, say).run(browser)


class ReviewServer:
    """One page on one port. The token in its address works once; a new one is made when the tab has
    gone.
    """

    def __init__(self, ledger: Ledger, name: str, port: int, say: Callable[[str], None]) -> None:
        self._ledger, self._listener, self._say = ledger, _open_socket(port), say
        self._port = self._listener.getsockname()[1]
        self._seat = TabSeat(self._vacated)
        desk = ReviewPage(ledger, name, self._seat, self.finish)
        settings = uvicorn.Config(
            make_app(desk, self._port),
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            loop="asyncio",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(settings)
        self._server.ended = desk.ended
        self._offering: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The page with its one-time token behind #: a browser sends that part to nobody, and no
        log has it.
        """
        return f"http://{HOST}:{self._port}/#{self._seat.token}"

    def run(self, browser: bool = False) -> queue.ReviewProgress:
        """Serves until `finish`.

        Raises:
            KeyboardInterrupt: a signal asked the program to stop.
        """
        self._say(
            f"{queue.count_progress(self._ledger).waiting} answers wait. Review them at {self.address}"
        )
        self._say("Every decision is kept at once. Ctrl-C stops; the same command goes on.")
        if browser and _has_screen():
            webbrowser.open(self.address)
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()
        if self._server.interrupted:
            raise KeyboardInterrupt
        return queue.count_progress(self._ledger)

    def finish(self) -> None:
        """Ends the service, from any thread."""
        self._server.should_exit = True

    def _vacated(self) -> None:
        if self._offering:
            self._offering.cancel()
        self._offering = asyncio.get_running_loop().call_later(RELOAD_S, self._show_address)

    def _show_address(self) -> None:
        if not self._seat.taken and not self._server.should_exit:
            self._say(f"The page was closed. Open it again at {self.address}")


class _Server(uvicorn.Server):
    """Ends the open line of the tab first, for a server waits for its connections; and after a
    signal it raises no second one.
    """

    ended: asyncio.Event
    interrupted = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.ended.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._interrupt) for number in WATCHED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = self.should_exit = True


def _open_socket(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as fault:
        listener.close()
        raise UsageError(
            f"the port {port} cannot be used ({fault}).",
            where="--port",
            cure="Give another one, or none.",
        ) from fault
    listener.listen()
    return listener


def _has_screen() -> bool:
    """Whether a browser could show a window; a text browser would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
