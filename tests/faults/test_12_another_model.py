"""Row 12: an endpoint that changes its model stops the run, unless it may be noted."""

from __future__ import annotations

import pytest
from hostile import Behave, Call, answer, hostile

from selfteach.errors import EndpointError
from selfteach.models.remote.endpoint import Endpoint
from selfteach.records import Request, make_prompt


def requests(n: int) -> list[Request]:
    return [Request("ask", make_prompt(f"say {i}")) for i in range(n)]


def from_third(second: Behave) -> Behave:
    return lambda call: (answer() if call.number < 3 else second)(call)


def other_build(call: Call) -> None:
    call.to_json(
        {
            "model": "model-1",
            "system_fingerprint": f"fp_{call.number % 2}",
            "choices": [{"finish_reason": "stop", "message": {"content": "from another build"}}],
        }
    )


@pytest.mark.parametrize("change", [answer(model="model-2"), answer(model="")])
def test_a_change_stops_and_the_stranger_is_not_stored(change: Behave) -> None:
    with hostile(from_third(change)) as server:
        got: list[str] = []
        completions = Endpoint(server.address, concurrency=1).stream(requests(6))
        with pytest.raises(
            EndpointError, match=r'another model answers: ".*" instead of "model-1"'
        ):
            got.extend(completion.text for completion in completions)
    assert got == ["SAY 0", "SAY 1"]


def test_several_builds_of_one_model_answer() -> None:
    """OpenAI computes one pinned version with several; so did runs that noted them."""
    noted: list[str] = []
    with hostile(other_build) as server:
        endpoint = Endpoint(
            server.address, served="model-1 fp_9", on_event=lambda kind, body: noted.append(kind)
        )
        assert len(list(endpoint.stream(requests(6)))) == 6
    assert noted == ["endpoint build"] * 2


def test_a_later_run_can_insist_on_the_same_model() -> None:
    with hostile(answer(model="model-1-2026")) as server:
        endpoint = Endpoint(server.address)
        list(endpoint.stream(requests(1)))
        assert endpoint.served == "model-1-2026"
        assert len(list(Endpoint(server.address, served=endpoint.served).stream(requests(1)))) == 1
        with pytest.raises(EndpointError, match='instead of "model-1-2025"'):
            list(Endpoint(server.address, served="model-1-2025").stream(requests(1)))


def test_an_alias_that_the_server_resolves_is_no_change() -> None:
    with hostile(answer(model="model-1-2026-11-20")) as server:
        assert len(list(Endpoint(server.address).stream(requests(5)))) == 5
