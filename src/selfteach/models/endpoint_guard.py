"""When to send to an endpoint, when to send again, and when to give up.

Every fault is one of three: `Transient` (this attempt; worth another), `Refused` (this request;
another attempt would be the same) or an `EndpointError` (the endpoint; the run stops and can be
resumed).
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from selfteach.errors import EndpointError

ATTEMPTS, FIRST_ATTEMPTS = 7, 3
WAIT_INITIAL_S, WAIT_MAX_S, WAIT_JITTER_S = 0.5, 20.0, 1.0
QUOTA = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "access_terminated",
}


class Transient(Exception):
    """One attempt failed in a way that may pass: overload, a lost connection, an answer that is not
    whole.
    """

    def __init__(self, reason: str, *, limited: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.limited, self.wait_s = limited, wait_s


class Refused(Exception):
    """The endpoint cannot answer this one request."""


class NotOffered(EndpointError):
    """The endpoint knows no such path or model."""


class NoLogprobs(EndpointError):
    """The endpoint gives no log-probabilities, so that it cannot judge by yes or no."""


class Guard:
    """Admission for all workers of one endpoint: a common pause, a width that gives way, and a
    budget of faults.

    The width halves at a fault and grows by one a round of answers. Each fault takes one from the
    budget, each answer gives half of one
    back: an endpoint that fails more than every third time, or stops answering, opens the circuit.
    Being told to slow down costs nothing.
    """

    def __init__(self, url: str, concurrency: int, max_wait_s: float) -> None:
        self._url, self._limit, self._max_wait_s = url, concurrency, max_wait_s
        self._width = float(concurrency)
        self._budget = self._full = 5.0 * max(concurrency, 2)
        self._busy, self._clear_at, self.served = 0, 0.0, 0
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits until a request may be sent, and holds its place while it is out."""
        while self._busy >= int(self._width) or time.monotonic() < self._clear_at:
            pause_s = self._clear_at - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s + random.uniform(0, 0.1 * pause_s))  # spreads the crowd
            else:
                self._freed.clear()
                await self._freed.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._freed.set()

    def answered(self) -> None:
        """An answer came: earn budget, widen."""
        self.served += 1
        self._budget = min(self._full, self._budget + 0.5)
        self._width = min(float(self._limit), self._width + 1 / self._width)
        self._freed.set()

    def failed(self, fault: Transient) -> None:
        """An attempt failed: narrow, pause, spend.

        Raises:
            EndpointError: it asks for a longer pause than allowed, or the budget is spent.
        """
        self._width = max(1.0, self._width / 2)
        if fault.wait_s > self._max_wait_s:
            raise EndpointError(
                f"asks to wait {_span(fault.wait_s)} ({fault}).",
                where=self._url,
                cure="Run the same command again then: what is answered is kept.",
            )
        self._clear_at = max(self._clear_at, time.monotonic() + fault.wait_s)
        if not fault.limited:
            self._budget -= 1
        if self._budget <= 0:
            raise EndpointError(
                f"keeps failing; the last fault: {fault}.",
                where=self._url,
                cure=(
                    "See that the server is well, then run the same command again: what is "
                    "answered is kept."
                ),
            )


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} minutes"
        if seconds < 7200
        else f"{seconds / 3600:.0f} hours"
    )


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float:
    """The wait that an answer asks for, in seconds; 0 where it asks for none or writes something
    else.

    `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); `retry-after-ms` is OpenAI's
    finer one.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()[:64]
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", "")[:64])
        return max(0.0, date.timestamp() - (time.time() if now is None else now))
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0


def classify(
    status: int, code: str, words: str, wait_s: float, *, url: str, key_env: str
) -> Exception:
    """What a refusal means: the fault to raise for an HTTP status, the error's own code and its
    words (already freed of secrets).
    """
    said = f"HTTP {status}{f' ({words})' if words else ''}"
    if status == 402 or code in QUOTA:
        return EndpointError(
            f"the quota is used up: {said}.",
            where=url,
            cure="Raise it, then run the same command again: what is answered is kept.",
        )
    if status in (401, 403):
        return EndpointError(
            f"refuses the key: {said}.",
            where=url,
            cure=f"Put the right key in the environment variable {key_env or 'of key_env'}.",
        )
    if status in (404, 405, 501):
        return NotOffered(
            f"does not know the model or the path: {said}.",
            where=url,
            cure="Check the URL (it usually ends in /v1) and the name after #.",
        )
    if 300 <= status < 400:
        return EndpointError(
            f"points to another place: {said}.",
            where=url,
            cure="Give the final URL; a key is not carried elsewhere.",
        )
    if status == 429:
        return Transient(said, limited=True, wait_s=wait_s)
    if status in (408, 409, 425) or status >= 500:
        return Transient(said, wait_s=wait_s)
    return Refused(said)
