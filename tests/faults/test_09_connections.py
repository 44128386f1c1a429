"""Row 9: 5xx, refused and reset connections, failed name look-ups: classified, tried again with
jitter, within a budget.
"""

from __future__ import annotations

import contextlib
import random
import socket

import pytest
import stamina
from hostile import NAME, Behave, Call, answer, answer_in_turn, hostile, refuse, reset_connection

from selfteach.errors import EndpointError
from selfteach.models.remote.endpoint import Endpoint
from selfteach.models.remote.retry import (
    MAX_ATTEMPTS,
    RequestRefused,
    RequestThrottle,
    TransientError,
    classify_http_error,
)
from selfteach.records import Request, make_prompt


def requests(n: int) -> list[Request]:
    return [Request("ask", make_prompt(f"say {i}")) for i in range(n)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, EndpointError),
        (402, EndpointError),
        (403, RequestRefused),
        (404, EndpointError),
        (405, EndpointError),
        (408, TransientError),
        (409, TransientError),
        (413, RequestRefused),
        (418, RequestRefused),
        (422, RequestRefused),
        (425, TransientError),
        (302, EndpointError),
        (429, TransientError),
        (500, TransientError),
        (501, EndpointError),
        (502, TransientError),
        (503, TransientError),
        (504, TransientError),
        (529, TransientError),
    ],
)
def test_every_status_has_its_kind(status: int, kind: type[Exception]) -> None:
    assert (
        type(classify_http_error(status, "", "words", 0.0, url="u", key_env="K"))
        .__mro__[0:2]
        .count(kind)
        == 1
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "fault", [refuse(500), refuse(502), refuse(503, Retry_After="0"), reset_connection]
)
def test_a_passing_fault_is_tried_again(fault: Behave) -> None:
    with hostile(answer_in_turn(fault, fault, answer())) as server:
        endpoint = Endpoint(server.address)
        assert [completion.text for completion in endpoint.stream(requests(1))] == ["SAY 0"]
        assert len(server.completion_calls) == endpoint.asked == 3
    assert endpoint.failures == []


def test_a_prompt_that_the_server_forbids_is_set_aside() -> None:
    """A server that moderates prompts, or one behind a filter, answers 403 to some of them."""

    def forbid(call: Call) -> None:
        (refuse(403, "not allowed") if call.last == "say 0" else answer())(call)

    with hostile(forbid) as server:
        endpoint = Endpoint(server.address, max_failures=0.4, concurrency=1)
        found = [completion.text for completion in endpoint.stream(requests(3))]
    assert found == ["SAY 1", "SAY 2"]
    assert [reason for _, reason in endpoint.failures] == ["HTTP 403 (not allowed)"]


@pytest.mark.parametrize("path", ["models", "completions"])
def test_a_server_that_forbids_everything_refuses_the_key(path: str) -> None:
    lists = {"data": [{"id": NAME}]}

    def list_models(call: Call) -> None:
        (refuse(403, "no") if path == "models" else lambda call: call.to_json(lists))(call)

    with (
        hostile(refuse(403, "no"), list_models) as server,
        pytest.raises(EndpointError, match=r"refuses the key: HTTP 403 \(no\)"),
    ):
        list(Endpoint(server.address, max_failures=0.4).stream(requests(3)))


def test_a_key_that_may_chat_and_not_list_models_is_used() -> None:
    with hostile(answer("Yes."), refuse(403, "no scope")) as server:
        found = list(Endpoint(server.address).stream(requests(2)))
    assert [completion.text for completion in found] == ["Yes.", "Yes."]


@pytest.mark.usefixtures("quick")
def test_a_refusal_is_not_tried_again() -> None:
    with hostile(refuse(400, "too long")) as server:
        endpoint = Endpoint(server.address, max_failures=1)
        with pytest.raises(Exception, match="too long"):
            list(endpoint.stream(requests(1)))
        assert len(server.completion_calls) == 1


@pytest.mark.usefixtures("quick")
def test_the_circuit_opens_when_nothing_comes_back() -> None:
    """8 workers on 1000 requests: the budget is 40 faults, not 7000."""
    with hostile(refuse(503, "overloaded")) as server:
        with pytest.raises(
            EndpointError, match="keeps failing; the last fault: HTTP 503"
        ) as caught:
            list(Endpoint(server.address).stream(requests(1000)))
        assert len(server.completion_calls) <= 48
    assert "same command again" in caught.value.cure


@pytest.mark.usefixtures("quick")
def test_a_server_that_fails_now_and_then_does_not_open_it() -> None:
    def behave(call: Call) -> None:
        (refuse(500) if call.number % 5 == 0 else answer())(call)

    with hostile(behave) as server:
        assert len(list(Endpoint(server.address).stream(requests(80)))) == 80


@pytest.mark.parametrize(("answers", "lasts"), [(3, True), (1, False)])
def test_answers_earn_the_budget_back(answers: int, lasts: bool) -> None:
    """One fault to three answers can go on for ever; one to one costs half a fault a round, so that
    40 faults are spent in 80 rounds.
    """
    guard = RequestThrottle("http://h", 8, 60)
    rounds = 0
    with contextlib.suppress(EndpointError):
        for rounds in range(1, 201):  # noqa: B007  read after the loop
            guard.failed(TransientError("oops"))
            for _ in range(answers):
                guard.answered()
    assert rounds == (200 if lasts else 79)


@pytest.mark.usefixtures("quick")
def test_refused_connections_are_reported_with_a_cure() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1#{NAME}"
        with pytest.raises(EndpointError, match=r"connection failed.*server runs") as caught:
            list(Endpoint(address).stream(requests(1)))
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("quick")
def test_a_name_that_cannot_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(EndpointError, match="Name or service not known"):
        list(Endpoint(f"https://nowhere.invalid/v1#{NAME}").stream(requests(1)))


@pytest.mark.usefixtures("quick")
def test_a_server_that_dies_in_the_middle() -> None:
    with hostile(lambda call: (answer() if call.number <= 3 else reset_connection)(call)) as server:
        got: list[str] = []
        completions = Endpoint(server.address, concurrency=1).stream(requests(50))
        with pytest.raises(EndpointError, match="connection failed"):
            got.extend(completion.text for completion in completions)
    assert got == ["SAY 0", "SAY 1", "SAY 2"]


def test_waits_grow_and_are_jittered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seven attempts of one request, by the waits that were asked for: each lower bound
    doubles, and none is exact.
    """
    waits: list[float] = []

    async def note(delay: float) -> None:
        waits.append(delay)

    monkeypatch.setattr(stamina._core, "_smart_sleep", note)
    random.seed(0)
    with hostile(answer_in_turn(*[refuse(500)] * (MAX_ATTEMPTS - 1), answer())) as server:
        assert len(list(Endpoint(server.address).stream(requests(1)))) == 1
    assert len(waits) == MAX_ATTEMPTS - 1
    assert all(0.5 * 2**n <= wait <= 0.5 * 2**n + 1.0 for n, wait in enumerate(waits))
    assert any(wait not in (0.5 * 2**n for n in range(MAX_ATTEMPTS)) for wait in waits)


@pytest.mark.usefixtures("quick")
def test_a_redirect_is_not_followed() -> None:
    with (
        hostile(answer()) as other,
        hostile(
            lambda call: call.send(b"", status=307, Location=f"{other.url}/chat/completions")
        ) as server,
    ):
        with pytest.raises(EndpointError, match="points to another place"):
            list(Endpoint(server.address).stream(requests(1)))
        assert other.calls == []
