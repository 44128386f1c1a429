"""Serve the review page on a real socket, in a thread, with a client that sends exact headers."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from browser import wait_until

from selfteach.review import queue
from selfteach.review.serve import ReviewServer
from selfteach.run.ledger import Ledger

ROWS = [
    {"prompt": "Which color is the sky?", "answer": "The color is gray!"},
    {"prompt": [{"role": "user", "content": "How far is it?"}], "answer": "Two miles."},
    {"prompt": "Say yes.", "answer": "Yes."},
]


def write_ledger(folder: Path, rows: Sequence[Mapping[str, Any]] = ROWS) -> Path:
    """Write a run folder with waiting answers; return the path of its ledger."""
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "run.db")
    queue.add_answers(ledger, rows)
    ledger.close()
    return folder / "run.db"


def read_corrections(path: Path) -> list[queue.ReviewedCorrection]:
    """Return the finished corrections, read by another connection."""
    ledger = Ledger(path, readonly=True)
    try:
        return queue.list_corrections(ledger)
    finally:
        ledger.close()


@dataclass
class Page:
    """Send requests to one page."""

    port: int
    token: str
    lines: list[str] = field(default_factory=list)
    key: str = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """Send one request with these headers and no others."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse()

    def post(self, name: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send one request of the page's own script.

        `headers` replaces some; an empty value leaves one out.
        """
        usual = {
            "Origin": self.origin,
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.key}",
        }
        changed = {key.replace("_", "-"): value for key, value in headers.items()}
        reply = self.request(
            "POST", f"/api/{name}", json.dumps(body or {}).encode(), usual | changed
        )
        with reply:
            return reply.status, json.loads(reply.read())

    def open(self, **secret: str) -> http.client.HTTPResponse:
        """Open the page for editing until the reply is closed; `state` is the first line."""
        headers = {"Origin": self.origin, "Content-Type": "application/json"}
        reply = self.request(
            "POST", "/api/open", json.dumps(secret or {"token": self.token}).encode(), headers
        )
        if reply.status == 200:
            self.state = json.loads(reply.readline())
            self.key = self.state["key"]
        return reply


@contextmanager
def serve_page(path: Path, name: str = "trial") -> Iterator[Page]:
    """Serve the page over this ledger, for a run of this name."""
    made: list[ReviewServer] = []
    lines: list[str] = []

    def work() -> None:
        ledger = Ledger(path)
        made.append(ReviewServer(ledger, name, 0, lines.append))
        made[0].run()
        ledger.close()

    thread = threading.Thread(target=work)
    thread.start()
    address = urlsplit(wait_until(lambda: made and len(lines) == 2 and made[0].address, "the page"))
    try:
        yield Page(address.port or 0, address.fragment, lines)
    finally:
        made[0].finish()
        thread.join(60)
        assert not thread.is_alive(), "the page does not end"
