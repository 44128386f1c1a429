"""Connections of the server: each sends its requests in time, or is closed.

uvicorn counts connections, not requests, against the most that it takes. It waits without an end
for a connection's first request and for the rest of a request, so idle connections would lock all
clients out.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 10.0
"""How long a connection may take for a whole request, after it opens or after the last answer."""
UNFINISHED = (h11.IDLE, h11.SEND_BODY)
"""The states of a client whose request is not whole."""


class TimedConnection(H11Protocol):
    """Close the connection of a client that does not finish a request within REQUEST_S.

    Departs: uvicorn's own limit, `timeout_keep_alive`, holds between two requests alone.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._time_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._time_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timing()

    def _time_request(self) -> None:
        """Go on with the time of a request that is not whole, and stop that of one that is."""
        if self.conn.their_state not in UNFINISHED or self.transport.is_closing():
            self._stop_timing()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.close)

    def _stop_timing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
