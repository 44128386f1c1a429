"""The guard of an endpoint by its numbers: width, pauses, budget; and what each refusal means."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Iterator

import pytest

from selfteach.errors import EndpointError
from selfteach.models.remote import retry
from selfteach.models.remote.retry import (
    NotOffered,
    Patience,
    RequestForbidden,
    RequestRefused,
    RequestThrottle,
    TransientError,
    classify_http_error,
    parse_retry_after_s,
)


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    monkeypatch.setattr(retry.time, "monotonic", lambda: found.now)
    monkeypatch.setattr(retry.asyncio, "sleep", found.sleep)
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: high)
    return found


def test_waits_between_attempts_are_of_these_lengths() -> None:
    """Half a second at first, then up to 20 s, with up to a second of jitter; seven attempts."""
    assert retry.WAIT_INITIAL_S == 0.5
    assert retry.WAIT_MAX_S == 20.0
    assert retry.WAIT_JITTER_S == 1.0
    assert (retry.MAX_ATTEMPTS, retry.MAX_LIST_ATTEMPTS) == (7, 3)


async def answer_at_once() -> str:
    """An attempt that succeeds."""
    return "answer"


def faults_until_open(guard: RequestThrottle, limited: bool = False) -> int:
    """The number of the fault that opens the circuit, or 0."""
    for number in range(1, 200):
        try:
            guard.failed(TransientError("it broke", limited=limited))
        except EndpointError:
            return number
    return 0


def test_an_open_circuit_names_the_endpoint_and_its_last_fault() -> None:
    guard = RequestThrottle("u", 1, 60)
    for _ in range(9):
        guard.failed(TransientError("before"))
    with pytest.raises(EndpointError, match="keeps failing; the last fault: it broke") as caught:
        guard.failed(TransientError("it broke"))
    assert caught.value.where == "u"


@pytest.mark.parametrize(("concurrency", "faults"), [(1, 10), (2, 10), (3, 15), (8, 40)])
def test_the_budget_is_five_faults_a_worker(concurrency: int, faults: int) -> None:
    assert faults_until_open(RequestThrottle("u", concurrency, 60)) == faults
    assert faults_until_open(RequestThrottle("u", concurrency, 60), limited=True) == 0


def test_an_answer_gives_half_a_fault_back_and_no_more_than_was_there() -> None:
    guard = RequestThrottle("u", 2, 60)
    for _ in range(6):
        guard.answered()
    assert faults_until_open(guard) == 10
    guard = RequestThrottle("u", 2, 60)
    for _ in range(6):
        guard.failed(TransientError("x"))
    for _ in range(4):
        guard.answered()
    assert faults_until_open(guard) == 6


def test_a_pause_holds_everybody_back_and_the_longest_counts(clock: Clock) -> None:
    async def enter() -> None:
        guard = RequestThrottle("u", 4, 60)
        guard.failed(TransientError("busy", wait_s=10.0))
        guard.failed(TransientError("busy", wait_s=2.0))
        assert await guard.persist(answer_at_once) == "answer"

    asyncio.run(enter())
    assert clock.slept == [pytest.approx(11.0)]


def test_a_pause_is_over_at_its_end_exactly(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: low)

    async def enter() -> None:
        guard = RequestThrottle("u", 1, 60)
        guard.failed(TransientError("busy", wait_s=8.0))
        await asyncio.wait_for(guard.persist(answer_at_once), 5)

    asyncio.run(enter())
    assert clock.slept == [8.0]
    assert clock.now == 108.0


def test_without_a_pause_nobody_sleeps(clock: Clock) -> None:
    assert asyncio.run(RequestThrottle("u", 1, 60).persist(answer_at_once)) == "answer"
    assert clock.slept == []


def test_a_pause_is_spread_by_a_tenth(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr(retry.random, "uniform", uniform)

    async def enter() -> None:
        guard = RequestThrottle("u", 1, 60)
        guard.failed(TransientError("busy", wait_s=30.0))
        await guard.persist(answer_at_once)

    asyncio.run(enter())
    assert bounds == [(0, pytest.approx(3.0))]


def test_the_longest_pause_that_is_allowed_is_waited_for() -> None:
    guard = RequestThrottle("u", 4, 60)
    guard.failed(TransientError("busy", wait_s=60.0))
    with pytest.raises(EndpointError, match=r"demands a wait of 61 s \(busy\)"):
        guard.failed(TransientError("busy", wait_s=61.0))


def test_endless_pauses_end_within_the_patience(clock: Clock) -> None:
    """Each pause is kept as long as the next one fits: 60 + 6 s, three times, of 240 s."""
    began = clock.now
    throttle = RequestThrottle("u", 8, 60, Patience(60, 120))

    async def refuse() -> str:
        raise TransientError("slow down", limited=True, wait_s=60.0)

    with pytest.raises(EndpointError, match=r"has answered nothing for 3 minutes.*slow down"):
        asyncio.run(throttle.persist(refuse))
    assert 120 < clock.now - began <= 240


@pytest.mark.parametrize(
    ("max_wait_s", "timeout_s", "total_s"), [(60, 120, 240), (300, 120, 600), (0, 5, 60)]
)
def test_the_patience_follows_the_settings(
    max_wait_s: float, timeout_s: float, total_s: float
) -> None:
    assert Patience(max_wait_s, timeout_s).total_s == total_s


def test_the_patience_counts_over_batches_but_not_between_them(clock: Clock) -> None:
    patience = Patience(0)
    for _ in range(3):
        throttle = RequestThrottle("u", 8, 0, patience)
        clock.now += 1000  # other work
        throttle.failed(TransientError("busy", limited=True))
        clock.now += 20
        throttle.failed(TransientError("busy", limited=True))
    assert patience.left_s == 0
    clock.now += 1
    with pytest.raises(EndpointError, match="has answered nothing for 61 s"):
        throttle.failed(TransientError("busy", limited=True))


def test_an_answer_renews_the_patience(clock: Clock) -> None:
    patience = Patience(0)
    throttle = RequestThrottle("u", 8, 0, patience)
    for _ in range(10):
        throttle.failed(TransientError("busy", limited=True))
        clock.now += 50
        throttle.failed(TransientError("busy", limited=True))
        assert patience.left_s == 10
        throttle.answered()
        assert patience.left_s == 60


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (119, "119 s"),
        (120, "2 minutes"),
        (600, "10 minutes"),
        (7199, "120 minutes"),
        (7200, "2 hours"),
        (36_000, "10 hours"),
    ],
)
def test_a_span_is_printed_in_its_unit(seconds: float, words: str) -> None:
    with pytest.raises(EndpointError, match=f"demands a wait of {words} "):
        RequestThrottle("u", 1, 60).failed(TransientError("busy", wait_s=seconds))


class Attempts:
    """Attempts that raise what is given, one after the other, and then succeed."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.seen = 0

    async def __call__(self) -> str:
        self.seen += 1
        if self.seen <= len(self.faults):
            raise self.faults[self.seen - 1]
        return "answer"


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAIT_INITIAL_S", "WAIT_MAX_S", "WAIT_JITTER_S"):
        monkeypatch.setattr(retry, name, 0.0)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("attempts", [1, 3, retry.MAX_ATTEMPTS])
def test_a_request_is_attempted_so_many_times(attempts: int) -> None:
    enough = Attempts(*[TransientError("busy")] * (attempts - 1))
    throttle = RequestThrottle("u", 8, 60)
    assert asyncio.run(throttle.persist(enough, attempts)) == "answer"
    assert enough.seen == attempts
    too_few = Attempts(*[TransientError("busy")] * attempts)
    with pytest.raises(TransientError, match="busy"):
        asyncio.run(throttle.persist(too_few, attempts))
    assert too_few.seen == attempts


@pytest.mark.parametrize("fault", [RequestRefused("no"), EndpointError("gone"), ValueError("x")])
def test_what_another_attempt_would_not_change_is_raised_at_once(fault: Exception) -> None:
    attempt = Attempts(fault)
    with pytest.raises(type(fault)):
        asyncio.run(RequestThrottle("u", 1, 60).persist(attempt))
    assert attempt.seen == 1


@pytest.mark.usefixtures("no_waits")
def test_attempts_are_counted_in_the_budget() -> None:
    """A failed attempt costs one, an answer earns a half; a budget of 10 bears ten faults."""
    throttle = RequestThrottle("u", 1, 60)
    for _ in range(3):
        asyncio.run(throttle.persist(Attempts(TransientError("busy"))))
    assert faults_until_open(throttle) == 9  # 10 - 3 + 3 * 0.5 is 8.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({}, 0.0),
        ({"retry-after": ""}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": "1e999"}, 0.0),
        ({"retry-after": "9" * 5000}, float("9" * 64)),
        ({"retry-after": "Fri, 99 Foo 99999 99:99:99 GMT"}, 0.0),
        ({"retry-after": email.utils.formatdate(1_000_005, usegmt=True)}, 5.0),
        ({"retry-after": email.utils.formatdate(999_990, usegmt=True)}, 0.0),
    ],
)
def test_any_retry_after_is_a_finite_number_of_seconds(
    headers: dict[str, str], seconds: float
) -> None:
    assert parse_retry_after_s(headers, now=1_000_000) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (402, "", EndpointError),
        (429, "insufficient_quota", EndpointError),
        (401, "", EndpointError),
        (403, "", RequestForbidden),
        (404, "", NotOffered),
        (405, "", NotOffered),
        (501, "", NotOffered),
        (300, "", EndpointError),
        (301, "", EndpointError),
        (399, "", EndpointError),
        (400, "", RequestRefused),
        (422, "", RequestRefused),
        (499, "", RequestRefused),
        (299, "", RequestRefused),
        (408, "", TransientError),
        (409, "", TransientError),
        (425, "", TransientError),
        (429, "", TransientError),
        (500, "", TransientError),
        (502, "", TransientError),
        (503, "", TransientError),
        (504, "", TransientError),
        (507, "", TransientError),
    ],
)
def test_each_status_has_its_meaning(status: int, code: str, kind: type[Exception]) -> None:
    found = classify_http_error(status, code, "words", 3.0, url="u", key_env="KEY")
    assert type(found) is kind
    assert f"HTTP {status} (words)" in str(found)
    if isinstance(found, TransientError):
        assert (found.limited, found.wait_s) == (status == 429, 3.0)
        assert found.down is (status in (408, 429, 502, 503, 504))
