"""Serve the review page on 127.0.0.1 until the person finishes or stops the program."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Callable

from selfteach.review import queue
from selfteach.review.guard import TabSeat
from selfteach.review.page import ReviewPage, make_app
from selfteach.run.ledger import Ledger
from selfteach.run.local_server import LocalServer, open_socket
from selfteach.text import format_count

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
    """Open the page and wait until the person has finished.

    Args:
        ledger: the open ledger of a run whose lock is held, with answers from
            `queue.add_answers`.
        name: the name of the run on the page.
        port: 0 lets the system choose.
        browser: whether to open the address if there is a screen.
        say: receives one line at a time, for example the address.

    Raises:
        UsageError: the port is taken.
        KeyboardInterrupt: Ctrl-C; every decision is kept.
    """
    return ReviewServer(ledger, name, port, say).run(browser)


class ReviewServer:
    """Serve one page on one port.

    The token in the address works once. The server makes a new one when the tab has left.
    """

    def __init__(self, ledger: Ledger, name: str, port: int, say: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._listener = open_socket(HOST, port)
        self._say = say
        self._port = self._listener.getsockname()[1]
        self._seat = TabSeat(self._vacated)
        page = ReviewPage(ledger, name, self._seat, self.finish)
        self._server = LocalServer(
            make_app(page, self._port),
            page.ended.set,  # it ends the response of the open tab
            http="h11",
            date_header=False,
            timeout_graceful_shutdown=2,
        )
        self._offering: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Return the address with its one-time token behind #.

        A browser does not send this part, so it is in no log.
        """
        return f"http://{HOST}:{self._port}/#{self._seat.token}"

    def run(self, browser: bool = False) -> queue.ReviewProgress:
        """Serve until `finish` is called.

        Raises:
            KeyboardInterrupt: a signal ends the program.
        """
        waiting = format_count(queue.count_progress(self._ledger).waiting, "answers")
        self._say(f"To be reviewed: {waiting}, at {self.address}")
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
        """End the service. Any thread may call this."""
        self._server.should_exit = True

    def _vacated(self) -> None:
        if self._offering:
            self._offering.cancel()
        self._offering = asyncio.get_running_loop().call_later(RELOAD_S, self._show_address)

    def _show_address(self) -> None:
        if not self._seat.taken and not self._server.should_exit:
            self._say(f"The page was closed. Open it again at {self.address}")


def _has_screen() -> bool:
    """Tell whether a browser could show a window. A text browser would take the terminal."""
    displays = (os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"))
    return sys.platform in ("darwin", "win32") or any(displays)
