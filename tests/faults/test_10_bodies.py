"""Row 10: a trickle, half a body and an endless one meet a total deadline and a cap on bytes."""

from __future__ import annotations

import resource
import time

import pytest
from hostile import (
    Behave,
    answer,
    answer_in_turn,
    hostile,
    send_endless,
    send_half,
    send_raw,
    send_slowly,
)

from selfteach.errors import EndpointError
from selfteach.models.remote.endpoint import Endpoint
from selfteach.records import Request, make_prompt

pytestmark = pytest.mark.usefixtures("quick")
ONE = [Request("ask", make_prompt("hello"))]


def test_a_trickle_meets_the_total_deadline() -> None:
    """Each byte comes in time; the answer does not."""
    with hostile(answer_in_turn(send_slowly, answer())) as server:
        began = time.monotonic()
        assert [
            completion.text for completion in Endpoint(server.address, timeout_s=0.5).stream(ONE)
        ] == ["HELLO"]
        assert 0.5 <= time.monotonic() - began < 15, "the trickle lasts 20 s"


def test_silence_meets_it_too() -> None:
    with hostile(answer_in_turn(lambda call: time.sleep(2), answer())) as server:
        assert len(list(Endpoint(server.address, timeout_s=0.4).stream(ONE))) == 1


@pytest.mark.parametrize(
    "fault", [send_half, send_raw(b'{"choices": [', length=3), send_raw(b"", length=10**6)]
)
def test_half_a_body_is_no_answer(fault: Behave) -> None:
    with hostile(answer_in_turn(fault, answer())) as server:
        assert [
            completion.text for completion in Endpoint(server.address, timeout_s=2).stream(ONE)
        ] == ["HELLO"]
        assert len(server.completion_calls) >= 2


@pytest.mark.parametrize("status", [200, 500, 400])
def test_an_endless_body_is_cut_at_the_cap(status: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with hostile(answer_in_turn(send_endless(status), answer())) as server:
        began = time.monotonic()
        assert [
            completion.text
            for completion in Endpoint(server.address, max_bytes=1 << 20).stream(ONE)
        ] == ["HELLO"]
        assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, (
        "more than 64 MB for a cap of 1 MB"
    )


def test_a_compressed_bomb_is_not_unpacked() -> None:
    import gzip

    bomb = send_raw(gzip.compress(b"0" * (64 << 20)), Content_Encoding="gzip")
    with hostile(answer_in_turn(bomb, answer())) as server:
        endpoint = Endpoint(server.address)
        assert [completion.text for completion in endpoint.stream(ONE)] == ["HELLO"]
        assert {name.lower(): value for name, value in server.completion_calls[0].headers.items()}[
            "accept-encoding"
        ] == "identity"


def test_a_server_that_only_trickles_is_given_up_with_the_reason() -> None:
    with (
        hostile(send_slowly) as server,
        pytest.raises(EndpointError, match=r"no whole answer within 0.1 s"),
    ):
        list(Endpoint(server.address, timeout_s=0.1).stream(ONE))
