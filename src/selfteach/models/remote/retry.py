"""When to send to an endpoint, when to send again, and when to stop.

Every fault is one of three. `TransientError` concerns this attempt; another one may succeed.
`RequestRefused` concerns this request; another attempt would be the same. `EndpointError` concerns
the endpoint; the run stops and can be resumed.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from selfteach.errors import EndpointError

T = TypeVar("T")
MAX_ATTEMPTS = 7
MAX_LIST_ATTEMPTS = 3
WAIT_INITIAL_S = 0.5
WAIT_MAX_S = 20.0
WAIT_JITTER_S = 1.0
MIN_PATIENCE_S = 60.0
DOWN_STATUSES = (408, 502, 503, 504)
QUOTA_CODES = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "access_terminated",
}


class TransientError(Exception):
    """Report one failed attempt that may succeed later: overload, a lost connection, a partial
    answer.

    Attributes:
        limited: the server limits the rate.
        down: it says something about the server, not about this request.
        wait_s: the wait that the server demands.
    """

    def __init__(
        self, reason: str, *, limited: bool = False, down: bool = False, wait_s: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.limited = limited
        self.down = down
        self.wait_s = wait_s


class RequestRefused(Exception):
    """Report that the endpoint cannot answer this one request."""


class RequestForbidden(RequestRefused):
    """Report HTTP 403: a server answers so where it does not allow this prompt, and where it does
    not accept the key.
    """


class NotOffered(EndpointError):
    """Report that the endpoint knows no such path or model."""


class NoLogprobs(EndpointError):
    """Report that the endpoint gives no log-probabilities, so that it cannot judge by yes or no."""


class Patience:
    """Count the time without an answer, over all requests to an endpoint.

    It ends after twice the longest pause that the server may demand, or twice the deadline of one
    attempt where that is longer, and not before MIN_PATIENCE_S. The time between two batches of
    requests is not counted.

    Attributes:
        total_s: the whole patience.
        silent_s: the time from fault to fault since the last answer.
        fault_at: the time of the last fault of this batch, or None.
    """

    def __init__(self, max_wait_s: float, timeout_s: float = 0.0) -> None:
        self.total_s = max(MIN_PATIENCE_S, 2 * max_wait_s, 2 * timeout_s)
        self.begin()

    @property
    def left_s(self) -> float:
        """Return the time that is left; negative when it is over."""
        return self.total_s - self.silent_s

    def begin(self) -> None:
        """Begin anew after an answer."""
        self.silent_s = 0.0
        self.fault_at: float | None = None

    def spend(self, now: float) -> None:
        """Count the time since the last fault."""
        if self.fault_at is not None:
            self.silent_s += now - self.fault_at
        self.fault_at = now


class RequestThrottle:
    """Decide for all workers of an endpoint when to send, when to send again, when to stop.

    A request is sent up to MAX_ATTEMPTS times, with growing, jittered waits between (stamina). All
    workers keep a pause that the server demands. The budget ends the run: each fault takes one from
    it, each answer gives half of one back, and a rate limit costs nothing. The patience ends it
    too: it is the longest time without an answer, from one fault to the next.

    Args:
        patience: of the endpoint; by default the throttle's own.
    """

    def __init__(
        self, url: str, concurrency: int, max_wait_s: float, patience: Patience | None = None
    ) -> None:
        self._url = url
        self._max_wait_s = max_wait_s
        self._patience = patience or Patience(max_wait_s)
        self._patience.fault_at = None
        self._budget = self._full = 5.0 * max(concurrency, 2)
        self._clear_at = 0.0
        self._num_answered = 0

    async def persist(self, attempt: Callable[[], Awaitable[T]], attempts: int = MAX_ATTEMPTS) -> T:
        """Return the result of an attempt; try again after a fault that may pass.

        An attempt is not counted if the server named a time to come again and answered others since
        this request last heard so: the request waits for its turn.

        Raises:
            TransientError: the last attempt failed.
            RequestRefused, EndpointError: another attempt would fail too.
        """
        import stamina

        num_answered = self._num_answered
        async for retry in stamina.retry_context(
            on=TransientError,
            attempts=attempts,
            timeout=None,
            wait_initial=WAIT_INITIAL_S,
            wait_max=WAIT_MAX_S,
            wait_jitter=WAIT_JITTER_S,
        ):
            with retry:
                while True:
                    await self._pause()
                    try:
                        result = await attempt()
                    except TransientError as fault:
                        self.failed(fault)
                        others_answered = self._num_answered > num_answered
                        num_answered = self._num_answered
                        if not (fault.limited and fault.wait_s and others_answered):
                            raise
                    else:
                        self.answered()
                        return result
        raise AssertionError("stamina returns or raises")

    async def _pause(self) -> None:
        """Wait until the server accepts requests again, plus a random part of the wait."""
        while (pause_s := self._clear_at - time.monotonic()) > 0:
            await asyncio.sleep(pause_s + random.uniform(0, 0.1 * pause_s))

    def answered(self) -> None:
        """Count an answer: it earns budget, and patience begins anew."""
        self._patience.begin()
        self._num_answered += 1
        self._budget = min(self._full, self._budget + 0.5)

    def failed(self, fault: TransientError) -> None:
        """Count a fault: keep the pause that it demands, spend budget.

        Raises:
            EndpointError: it demands a longer pause than allowed, or the patience or the budget is
                spent.
        """
        self._patience.spend(time.monotonic())
        if fault.wait_s > self._max_wait_s:
            raise EndpointError(
                f"demands a wait of {_format_duration(fault.wait_s)} ({fault}).",
                where=self._url,
                cure="Run the same command again then: recorded answers are kept.",
            )
        if fault.wait_s > self._patience.left_s:
            raise EndpointError(
                f"has answered nothing for {_format_duration(self._patience.silent_s)}; the last "
                f"fault: {fault}.",
                where=self._url,
                cure=(
                    "Run the same command again later: recorded answers are kept. "
                    "Patience follows endpoint.max_wait_s and endpoint.timeout_s."
                ),
            )
        self._clear_at = max(self._clear_at, time.monotonic() + fault.wait_s)
        if not fault.limited:
            self._budget -= 1
        if self._budget <= 0:
            raise EndpointError(
                f"keeps failing; the last fault: {fault}.",
                where=self._url,
                cure=(
                    "Check the server, then run the same command again: recorded answers are kept."
                ),
            )


def _format_duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def parse_retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float:
    """Return the wait that an answer demands, in seconds; 0 if it names none.

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


def make_key_error(summary: str, url: str, key_env: str) -> EndpointError:
    """Return the error of a server that does not accept the key."""
    return EndpointError(
        f"refuses the key: {summary}.",
        where=url,
        cure=f"Put the right key in the environment variable {key_env or 'of key_env'}.",
    )


def classify_http_error(
    status: int, code: str, words: str, wait_s: float, *, url: str, key_env: str
) -> Exception:
    """Return the fault of an HTTP status, the error's own code and its words.

    The words must already be free of secrets.
    """
    summary = f"HTTP {status} ({words})" if words else f"HTTP {status}"
    if status == 402 or code in QUOTA_CODES:
        return EndpointError(
            f"the quota is used up: {summary}.",
            where=url,
            cure="Raise it, then run the same command again: recorded answers are kept.",
        )
    if status == 401:
        return make_key_error(summary, url, key_env)
    if status == 403:
        return RequestForbidden(summary)
    if status in (404, 405, 501):
        return NotOffered(
            f"does not know the model or the path: {summary}.",
            where=url,
            cure="Check the URL (it usually ends in /v1) and the name after #.",
        )
    if 300 <= status < 400:
        return EndpointError(
            f"points to another place: {summary}.",
            where=url,
            cure="Give the final URL; a key is not carried elsewhere.",
        )
    if status == 429:
        return TransientError(summary, limited=True, down=True, wait_s=wait_s)
    if status in (408, 409, 425) or status >= 500:
        return TransientError(summary, down=status in DOWN_STATUSES, wait_s=wait_s)
    return RequestRefused(summary)
