"""Row 11: what is malformed, HTML, empty, null or an error inside a 200 is never taken for an
answer.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hostile import NAME, Behave, answer, answer_in_turn, hostile, send_raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfteach.errors import SelfteachError
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import Endpoint
from selfteach.models.remote.http_client import EndpointConnection, Reply
from selfteach.models.remote.retry import RequestRefused, TransientError
from selfteach.records import Request, make_prompt
from selfteach.run.ledger import Ledger

ONE = [Request("ask", make_prompt("hello"))]


def choices(value: Any) -> Behave:
    return lambda call: call.to_json({"model": NAME, "choices": value})


def answer_choice(**choice: Any) -> Behave:
    return choices(
        [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
            | choice
        ]
    )


BROKEN = {
    "html": send_raw(b"<!doctype html><html><body>Welcome</body></html>", kind="text/html"),
    "empty body": send_raw(b""),
    "blank": send_raw(b"  \n"),
    "text": send_raw(b"hello"),
    "not utf-8": send_raw(b'{"choices": "\xff\xfe"}'),
    "half json": send_raw(b'{"choices": [{"mess'),
    "null": send_raw(b"null"),
    "list": send_raw(b"[]"),
    "number": send_raw(b"1"),
    "string": send_raw(b'"hi"'),
    "object": send_raw(b"{}"),
    "deep": send_raw(b"[" * 200_000 + b"]" * 200_000),
    "huge integer": send_raw(b'{"choices": ' + b"9" * 20_000 + b"}"),
    "choices null": choices(None),
    "choices empty": choices([]),
    "choices text": choices("hi"),
    "choices of null": choices([None]),
    "no message": choices([{"finish_reason": "stop"}]),
    "message null": answer_choice(message=None),
    "message text": answer_choice(message="hi"),
    "content null": answer_choice(message={"content": None}),
    "content list": answer_choice(message={"content": [1]}),
    "content number": answer_choice(message={"content": 7}),
    "content missing": answer_choice(message={}),
    "no content, no tokens": answer_choice(message={"content": ""}),
    "white space": answer_choice(message={"content": " \n\t"}),
    "finish null": answer_choice(finish_reason=None),
    "finish unknown": answer_choice(finish_reason="abort"),
    "finish number": answer_choice(finish_reason=1),
    "filtered": answer_choice(finish_reason="content_filter"),
    "tool call": answer_choice(finish_reason="tool_calls"),
    "refusal": answer_choice(message={"content": "x", "refusal": "I cannot"}),
    "error in 200": send_raw(b'{"error": {"message": "oops", "code": 500}}'),
    "error as text in 200": send_raw(b'{"error": "oops"}'),
    "error beside choices": lambda call: call.to_json(
        {
            "error": {"message": "late"},
            "choices": [{"finish_reason": "stop", "message": {"content": "x"}}],
        }
    ),
    "event stream": send_raw(
        b'data: {"choices": []}\n\ndata: [DONE]\n\n', kind="text/event-stream"
    ),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_nothing_malformed_is_stored_as_an_answer(fault: Behave, tmp_path: Any) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with hostile(fault) as server:
        model = Recorded(ledger, Endpoint(server.address, max_failures=1))
        with pytest.raises(SelfteachError, match=r"1 of 1 requests failed|oops|keeps failing"):
            list(model.stream(ONE))
        assert ledger.get_answers([ONE[0].id(model.fingerprint)]) == {}
    ledger.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "name", ["html", "half json", "choices null", "content null", "error in 200", "deep"]
)
def test_a_passing_malformation_is_tried_again(name: str) -> None:
    with hostile(answer_in_turn(BROKEN[name], answer())) as server:
        assert [completion.text for completion in Endpoint(server.address).stream(ONE)] == ["HELLO"]


def test_usage_that_is_no_count_is_no_count() -> None:
    usage = {"prompt_tokens": -3, "completion_tokens": "many"}
    behave = lambda call: call.to_json(
        {
            "model": NAME,
            "usage": usage,
            "choices": [{"finish_reason": "stop", "message": {"content": "hi"}}],
        }
    )
    with hostile(behave) as server:
        (completion,) = Endpoint(server.address).stream(ONE)
    assert (completion.tokens, completion.prompt_tokens) == (0, 0)


def test_an_answer_is_cleaned_at_the_reader() -> None:
    with hostile(answer("a\u0000b\ud800c\u202ed\ufeff")) as server:
        (completion,) = Endpoint(server.address).stream(ONE)
    assert completion.text == "a\ufffdb\ufffdcd"


WIRE = EndpointConnection("http://localhost/v1", "", 1.0, 1 << 20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["stop", "length"])
)
names = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "finish_reason",
        "usage",
        "model",
        "logprobs",
        "top_logprobs",
        "error",
        "x",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, anything, max_size=6), st.booleans())
def test_any_json_gives_a_reply_or_one_of_our_faults(value: dict[str, Any], empty: bool) -> None:
    try:
        reply = WIRE.parse_reply(value, may_be_empty=empty)
    except (TransientError, RequestRefused):
        return
    assert isinstance(reply, Reply)
    assert reply.finish in ("stop", "length")
    assert empty or reply.text.strip()


@settings(deadline=None)
@given(anything)
def test_any_choice_gives_a_reply_or_one_of_our_faults(choice: Any) -> None:
    test_any_json_gives_a_reply_or_one_of_our_faults.hypothesis.inner_test(
        {"choices": [choice], "model": 1}, True
    )


@settings(deadline=None)
@given(st.binary(max_size=200) | anything.map(lambda v: json.dumps(v).encode()))
def test_any_body_gives_an_object_or_one_of_our_faults(data: bytes) -> None:
    with contextlib.suppress(TransientError, RequestRefused, SelfteachError):
        assert isinstance(WIRE._parse_object(data), dict)
