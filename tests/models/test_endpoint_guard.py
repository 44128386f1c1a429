"""The guard of an endpoint by its numbers: width, pauses, budget; and what each refusal means."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Iterator

import pytest

from selfteach.errors import EndpointError
from selfteach.models.remote import guard
from selfteach.models.remote.guard import (
    NotOffered,
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
    monkeypatch.setattr(guard.time, "monotonic", lambda: found.now)
    monkeypatch.setattr(guard.asyncio, "sleep", found.sleep)
    monkeypatch.setattr(guard.random, "uniform", lambda low, high: high)
    return found


def test_waits_between_attempts_are_of_these_lengths() -> None:
    """Half a second at first, then up to 20 s, with up to a second of jitter; seven attempts."""
    assert guard.WAIT_INITIAL_S == 0.5
    assert guard.WAIT_MAX_S == 20.0
    assert guard.WAIT_JITTER_S == 1.0
    assert (guard.MAX_ATTEMPTS, guard.MAX_LIST_ATTEMPTS) == (7, 3)


async def open_slots(guard: RequestThrottle) -> int:
    """How many slots can be held at once."""
    held = 0
    slots = []
    while True:
        slot = guard.acquire_slot()
        try:
            await asyncio.wait_for(slot.__aenter__(), 0.02)
        except TimeoutError:
            break
        slots.append(slot)
        held += 1
    for slot in slots:
        await slot.__aexit__(None, None, None)
    return held


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_as_many_requests_are_out_as_the_width_allows(concurrency: int) -> None:
    assert asyncio.run(open_slots(RequestThrottle("u", concurrency, 60))) == concurrency


def test_the_width_halves_at_each_fault_and_grows_by_one_a_round() -> None:
    async def widths() -> list[int]:
        guard = RequestThrottle("u", 8, 60)
        found = []
        for _ in range(4):
            guard.failed(TransientError("busy"))
            found.append(await open_slots(guard))
        for _ in range(3):
            guard.answered()
            found.append(await open_slots(guard))
        return found

    assert asyncio.run(widths()) == [4, 2, 1, 1, 2, 2, 2]


def test_the_width_never_passes_its_limit() -> None:
    guard = RequestThrottle("u", 2, 60)
    for _ in range(10):
        guard.answered()
    assert guard.served == 10

    async def widths() -> list[int]:
        found = [await open_slots(guard)]
        guard.failed(TransientError("busy"))
        found.append(await open_slots(guard))
        guard.answered()
        return [*found, await open_slots(guard)]

    assert asyncio.run(widths()) == [2, 1, 2]


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
        async with guard.acquire_slot():
            pass

    asyncio.run(enter())
    assert clock.slept == [pytest.approx(11.0)]


def test_a_pause_is_over_at_its_end_exactly(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(guard.random, "uniform", lambda low, high: low)

    async def enter() -> None:
        guard = RequestThrottle("u", 1, 60)
        guard.failed(TransientError("busy", wait_s=8.0))
        await asyncio.wait_for(guard.acquire_slot().__aenter__(), 5)

    asyncio.run(enter())
    assert clock.slept == [8.0]
    assert clock.now == 108.0


def test_without_a_pause_nobody_sleeps(clock: Clock) -> None:
    async def enter() -> None:
        async with RequestThrottle("u", 1, 60).acquire_slot():
            pass

    asyncio.run(enter())
    assert clock.slept == []


def test_a_pause_is_spread_by_a_tenth(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr(guard.random, "uniform", uniform)

    async def enter() -> None:
        guard = RequestThrottle("u", 1, 60)
        guard.failed(TransientError("busy", wait_s=30.0))
        async with guard.acquire_slot():
            pass

    asyncio.run(enter())
    assert bounds == [(0, pytest.approx(3.0))]


def test_the_longest_pause_that_is_allowed_is_waited_for() -> None:
    guard = RequestThrottle("u", 4, 60)
    guard.failed(TransientError("busy", wait_s=60.0))
    with pytest.raises(EndpointError, match=r"asks to wait 61 s \(busy\)"):
        guard.failed(TransientError("busy", wait_s=61.0))


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
def test_a_span_is_said_in_its_unit(seconds: float, words: str) -> None:
    with pytest.raises(EndpointError, match=f"asks to wait {words} "):
        RequestThrottle("u", 1, 60).failed(TransientError("busy", wait_s=seconds))


def test_a_freed_slot_wakes_the_one_who_waits() -> None:
    async def both() -> list[str]:
        guard = RequestThrottle("u", 1, 60)
        order: list[str] = []

        async def work(name: str) -> None:
            async with guard.acquire_slot():
                order.append(f"{name} in")
                await asyncio.sleep(0.01)
                order.append(f"{name} out")

        await asyncio.wait_for(asyncio.gather(work("a"), work("b"), work("c")), 5)
        return order

    assert asyncio.run(both()) == ["a in", "a out", "b in", "b out", "c in", "c out"]


def test_a_slot_is_freed_where_its_request_fails() -> None:
    async def fail() -> int:
        guard = RequestThrottle("u", 1, 60)
        with pytest.raises(ValueError, match="x"):
            async with guard.acquire_slot():
                raise ValueError("x")
        return await open_slots(guard)

    assert asyncio.run(fail()) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": email.utils.formatdate(1_000_005, usegmt=True)}, 5.0),
        ({"retry-after": email.utils.formatdate(999_990, usegmt=True)}, 0.0),
    ],
)
def test_the_asked_wait_is_in_seconds(headers: dict[str, str], seconds: float) -> None:
    assert parse_retry_after_s(headers, now=1_000_000) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (402, "", EndpointError),
        (429, "insufficient_quota", EndpointError),
        (401, "", EndpointError),
        (403, "", EndpointError),
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
        (503, "", TransientError),
    ],
)
def test_each_status_has_its_meaning(status: int, code: str, kind: type[Exception]) -> None:
    found = classify_http_error(status, code, "words", 3.0, url="u", key_env="KEY")
    assert type(found) is kind
    assert f"HTTP {status} (words)" in str(found)
    if isinstance(found, TransientError):
        assert (found.limited, found.wait_s) == (status == 429, 3.0)
