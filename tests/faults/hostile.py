"""A hostile server on 127.0.0.1, from the standard library.

A script decides how well or badly it follows the OpenAI protocol.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "model-1"


@dataclass
class Call:
    """Hold one request and answer it. `number` counts the requests to the same path from 1."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    number: int
    handler: BaseHTTPRequestHandler = field(repr=False)

    def send(
        self,
        data: bytes,
        *,
        status: int = 200,
        length: int | None = None,
        kind: str = "application/json",
        **headers: str,
    ) -> None:
        """Send a response; `length` may differ from the length of the body."""
        self.handler.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(data) if length is None else length),
            **headers,
        }.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def to_json(self, value: Any, *, status: int = 200, **headers: str) -> None:
        self.send(json.dumps(value).encode(), status=status, **headers)

    @property
    def last(self) -> str:
        """Return the text of the last turn, or of the plain prompt."""
        return (
            self.body["messages"][-1]["content"] if "messages" in self.body else self.body["prompt"]
        )


Behave = Callable[[Call], None]


def answer(
    text: str | None = None,
    finish: str | None = "stop",
    model: str = NAME,
    usage: tuple[int, int] | None = (50, 5),
    **more: Any,
) -> Behave:
    """Answer well: the last turn in capitals, or the given text. `more` goes into the choice."""

    def behave(call: Call) -> None:
        content = call.last.upper() if text is None else text
        choice = {
            "index": 0,
            "finish_reason": finish,
            **(
                {"message": {"role": "assistant", "content": content}}
                if "messages" in call.body
                else {"text": content}
            ),
        }
        counts = (
            {
                "usage": {
                    "prompt_tokens": usage[0],
                    "completion_tokens": usage[1],
                    "total_tokens": sum(usage),
                }
            }
            if usage
            else {}
        )
        call.to_json(
            {
                "id": "x",
                "object": "chat.completion",
                "model": model,
                "choices": [choice | more],
                **counts,
            }
        )

    return behave


def refuse(status: int, message: str = "no", code: str | None = None, **headers: str) -> Behave:
    """Refuse in the form of OpenAI."""
    return lambda call: call.to_json(
        {"error": {"message": message, "type": code, "code": code}}, status=status, **headers
    )


def send_raw(data: bytes, **how: Any) -> Behave:
    """Send these bytes as they are."""
    return lambda call: call.send(data, **how)


def send_slowly(call: Call) -> None:
    """Send a byte every 50 ms for 20 s: no pause is long enough for a read timeout."""
    call.send(b"", length=400)
    for _ in range(400):
        call.handler.wfile.write(b" ")
        call.handler.wfile.flush()
        time.sleep(0.05)


def send_half(call: Call) -> None:
    """Send half of a body, then close the connection."""
    call.send(
        b'{"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": "half',
        length=500,
    )
    call.handler.close_connection = True


def send_endless(status: int = 200) -> Behave:
    """Send a body without end, in chunks of 64 kB."""

    def behave(call: Call) -> None:
        call.handler.send_response(status)
        call.handler.send_header("Transfer-Encoding", "chunked")
        call.handler.end_headers()
        while True:
            call.handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    return behave


def reset_connection(call: Call) -> None:
    """Reset the connection instead of an answer."""
    call.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    call.handler.connection.close()
    call.handler.close_connection = True


def answer_in_turn(*script: Behave) -> Behave:
    """Behave in turn, once each; the last one for all further requests."""
    return lambda call: script[min(call.number, len(script)) - 1](call)


@dataclass
class Hostile:
    """Hold the address and the calls of a running server."""

    url: str
    calls: list[Call]

    @property
    def address(self) -> str:
        return f"{self.url}#{NAME}"

    @property
    def completion_calls(self) -> list[Call]:
        """Return the calls that request an answer."""
        return [call for call in self.calls if not call.path.endswith("/models")]


@contextmanager
def hostile(
    behave: Behave,
    models: Behave = lambda call: call.to_json({"data": [{"id": NAME, "created": time.time()}]}),
) -> Iterator[Hostile]:
    """Run a server that answers completion requests by `behave` and the list of models by
    `models`.
    """
    lock = threading.Lock()
    counts: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms for the receipt of its headers

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            with lock:
                counts[self.path] = counts.get(self.path, 0) + 1
                call = Call(self.path, dict(self.headers.items()), body, counts[self.path], self)
                server.calls.append(call)
            try:
                (models if self.path.endswith("/models") else behave)(call)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # else the sixth connection at once is made a second later
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as http:
        server = Hostile(f"http://127.0.0.1:{http.server_address[1]}/v1", [])
        thread = threading.Thread(target=http.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
            http.block_on_close = False
