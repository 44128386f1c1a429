"""Row 8: 429 with any Retry-After is waited for up to a cap; a longer wait pauses the run; a spent
quota is fatal at once.
"""

from __future__ import annotations

import asyncio
import email.utils
import threading
import time
from itertools import chain

import pytest
from hostile import Behave, Call, answer, answer_in_turn, hostile, refuse

from selfteach.errors import EndpointError
from selfteach.models.remote import retry
from selfteach.models.remote.endpoint import Endpoint
from selfteach.models.remote.retry import MAX_ATTEMPTS, RequestThrottle, TransientError
from selfteach.records import Request, make_prompt

pytestmark = pytest.mark.usefixtures("quick")


def requests(n: int) -> list[Request]:
    return [Request("ask", make_prompt(f"say {i}")) for i in range(n)]


def test_the_wait_is_honoured_by_all_workers() -> None:
    arrivals: list[float] = []
    lock = threading.Lock()

    def behave(call: Call) -> None:
        with lock:
            arrivals.append(time.monotonic())
        (refuse(429, Retry_After="0.8") if call.number == 1 else answer())(call)

    with hostile(behave) as server:
        completions = Endpoint(server.address, concurrency=1).stream(requests(3))
        assert len(list(completions)) == 3
    assert arrivals[1] - arrivals[0] >= 0.8


@pytest.mark.parametrize("header", ["-1", "soon", "nan", "", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_senseless_wait_falls_back_to_our_own(header: str) -> None:
    with hostile(answer_in_turn(refuse(429, Retry_After=header), answer())) as server:
        assert len(list(Endpoint(server.address).stream(requests(1)))) == 1


@pytest.mark.parametrize(
    "header",
    ["3600", "99999999999", email.utils.formatdate(time.time() + 5000, usegmt=True)],
    ids=["seconds", "many seconds", "date"],
)
def test_a_wait_beyond_the_cap_pauses_the_run_at_once(header: str) -> None:
    with hostile(refuse(429, "slow down", Retry_After=header)) as server:
        began = time.monotonic()
        with pytest.raises(
            EndpointError, match=r"demands a wait of \d+ (minutes|hours).*recorded answers are kept"
        ) as caught:
            list(Endpoint(server.address, concurrency=1).stream(requests(5)))
        assert time.monotonic() - began < 30, "a pause of a minute is still kept"
        assert len(server.completion_calls) == 1
    assert caught.value.exit_code == 4


def test_what_was_answered_before_the_pause_is_given_out() -> None:
    with hostile(answer_in_turn(answer(), answer(), refuse(429, Retry_After="3600"))) as server:
        completions = Endpoint(server.address, concurrency=1).stream(requests(5))
        assert [next(completions).text, next(completions).text] == ["SAY 0", "SAY 1"]
        with pytest.raises(EndpointError):
            next(completions)


@pytest.mark.parametrize(
    "behave",
    [
        refuse(429, "You exceeded your current quota", "insufficient_quota"),
        refuse(429, "over", "insufficient_quota", Retry_After="1"),
        refuse(402, "pay"),
        lambda call: call.to_json(
            {"error": {"message": "over", "type": "insufficient_quota", "code": None}}
        ),
        lambda call: call.to_json(
            {
                "error": {
                    "message": "over",
                    "type": "requests",
                    "code": "billing_hard_limit_reached",
                }
            },
            status=429,
        ),
    ],
)
def test_a_spent_quota_is_fatal_at_once(behave: Behave) -> None:
    with hostile(behave) as server:
        with pytest.raises(EndpointError, match="quota is used up"):
            list(Endpoint(server.address, concurrency=1).stream(requests(5)))
        assert len(server.completion_calls) == 1


def test_a_server_that_always_says_429_is_given_up() -> None:
    with hostile(refuse(429, "slow down")) as server:
        with pytest.raises(EndpointError, match=r"has answered nothing.*429"):
            list(Endpoint(server.address, concurrency=2).stream(requests(2)))
        assert len(server.completion_calls) <= 14


def test_an_endless_429_ends_whatever_the_size_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience is one for all requests, also where each batch has few of them."""
    monkeypatch.setattr(retry, "MIN_PATIENCE_S", 0.3)

    def behave(call: Call) -> None:
        (answer() if call.number == 1 else refuse(429, "slow down"))(call)

    with hostile(behave) as server:
        endpoint = Endpoint(server.address, max_wait_s=0.1, timeout_s=0.1, max_failures=1.0)
        batches = chain.from_iterable(endpoint.stream(requests(size)) for size in range(2, 1000))
        began = time.monotonic()
        with pytest.raises(EndpointError, match="answered nothing for") as over:
            list(batches)
        assert time.monotonic() - began < 60, "a patience for each batch is 300 s"
    assert over.value.exit_code == 4
    assert "run the same command again" in over.value.cure.lower()


def test_a_server_that_serves_one_at_a_time_answers_all() -> None:
    """It refuses the rest, and every request is answered in the end."""
    busy = threading.Lock()

    def behave(call: Call) -> None:
        if not busy.acquire(blocking=False):
            return refuse(429, "one at a time", Retry_After="0.05")(call)
        time.sleep(0.01)
        busy.release()  # before the answer leaves: whoever has it may ask again
        return answer()(call)

    with hostile(behave) as server:
        assert len(list(Endpoint(server.address, concurrency=8).stream(requests(30)))) == 30


@pytest.mark.parametrize(("others_served", "tries"), [(True, 31), (False, MAX_ATTEMPTS)])
def test_who_waits_while_others_are_served_has_not_failed(others_served: bool, tries: int) -> None:
    """Thirty refusals that name a time are more than the attempts of a request; they end it only
    where nobody at all is served.
    """
    guard = RequestThrottle("", 2, 60.0)
    seen = [0]

    async def attempt() -> str:
        seen[0] += 1
        if others_served:
            guard.answered()
        if seen[0] <= 30:
            raise TransientError("busy", limited=True, wait_s=1e-4)
        return "answer"

    async def go() -> str:
        return await guard.persist(attempt)

    if others_served:
        assert asyncio.run(go()) == "answer"
    else:
        with pytest.raises(TransientError):
            asyncio.run(go())
    assert seen[0] == tries
