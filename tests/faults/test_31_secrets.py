"""Row 31: a key is in no exception, log, repr, file or output, whatever the server does with it."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
from hostile import Behave, Call, answer, hostile, refuse, reset_connection, send_raw

from selfteach import cli
from selfteach.errors import SelfteachError, UsageError
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import Endpoint
from selfteach.records import Request, make_prompt
from selfteach.run.ledger import Ledger
from talker import feedback_command

CANARY = "sk-canary0123456789abcdefghijkl"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", CANARY)
    monkeypatch.setenv("OPENAI_LOG", "debug")


def echo_in_error(call: Call) -> None:
    refuse(401, f"Incorrect API key provided: {call.headers['authorization']}")(call)


def echo_in_answer(call: Call) -> None:
    answer(f"your header is {call.headers['authorization']}")(call)


def echo_in_model(call: Call) -> None:
    answer("hi", model=call.headers["authorization"])(call)


HOSTILE = {
    "error": echo_in_error,
    "400": refuse(400, f"bad key {CANARY}"),
    "500": refuse(500, f"crash with {CANARY}"),
    "code": refuse(403, "no", CANARY),
    "html": send_raw(f"<html>{CANARY}</html>".encode()),
    "answer": echo_in_answer,
    "model": echo_in_model,
    "finish": answer("hi", finish=CANARY),
    "reset": reset_connection,
    "200": send_raw(f'{{"error": "{CANARY}"}}'.encode()),
    "good": answer(),
    "redirect": lambda call: call.send(b"", status=302, Location="http://evil.example/"),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("behave", HOSTILE.values(), ids=HOSTILE)
def test_the_key_leaves_no_trace(
    behave: Behave,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[object] = []
    ledger = Ledger(tmp_path / "run.db")
    with hostile(behave) as server:
        endpoint = Endpoint(
            server.address, key_env="TEACHER_KEY", on_event=lambda *event: seen.append(event)
        )
        try:
            seen += Recorded(ledger, endpoint).stream([Request("ask", make_prompt("hello"))])
            seen += Recorded(ledger, endpoint).stream(
                [
                    Request("ask", make_prompt("hello again")),
                    Request("ask", make_prompt("and again")),
                ]
            )
        except SelfteachError as fault:
            inner = fault.with_traceback(
                fault.__traceback__.tb_next
            )  # without this test's own frame, which knows the server's calls
            trace = traceback.TracebackException.from_exception(inner, capture_locals=True)
            seen += [fault, fault.cure, *trace.format(chain=True)]
        assert any(CANARY in str(call.headers) for call in server.completion_calls), (
            "the test must have sent the key"
        )
    ledger.close()
    seen += [
        endpoint,
        vars(endpoint),
        endpoint.failures,
        endpoint.served,
        caplog.text,
        *capfd.readouterr(),
    ]
    assert not [item for item in seen if CANARY in str(item) or CANARY in repr(item)]
    assert not [
        file
        for file in tmp_path.rglob("*")
        if file.is_file() and CANARY.encode() in file.read_bytes()
    ]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("behave", "ends"), [(echo_in_error, 4), (echo_in_model, 0)])
def test_a_whole_run_leaves_no_trace_even_with_debug(
    behave: Behave,
    ends: int,
    talker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    with hostile(behave) as server:
        short = ("--set", "balance.rounds=0", "--set", "train.max_steps=2")
        assert (
            cli.run_command(
                feedback_command(
                    talker, tmp_path / "run", "--debug", "--teacher", server.address, *short
                )
            )
            == ends
        )
        assert any(CANARY in str(call.headers) for call in server.calls), (
            "the test must have sent the key"
        )
    printed = "".join(capfd.readouterr())
    assert ("Traceback" in printed) is bool(ends)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"run.db", "manifest.json"} <= {file.name for file in files}
    assert CANARY not in printed
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{CANARY}@localhost/v1#n",
        f"http://{CANARY}@localhost/v1#n",
        f"http://localhost/v1?api_key={CANARY}#n",
        f"http://localhost/{CANARY}/v1#n",
        f"http://localhost/v1#{CANARY}",
        f"http://localhost/v1?x#{CANARY}",
    ],
)
def test_a_key_in_the_address_is_refused_with_a_cure_that_does_not_repeat_it(address: str) -> None:
    with pytest.raises(UsageError, match="environment variable") as caught:
        Endpoint(address)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "bad", [f"{CANARY}\nX-Evil: 1", f"{CANARY} x", f"{CANARY}é", f"{CANARY}\x00"[:-1] + "\x7f"]
)
def test_what_is_no_key_is_not_sent_and_not_shown(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_KEY", bad)
    with pytest.raises(UsageError, match="does not hold a key") as caught:
        Endpoint("http://localhost/v1#n", key_env="TEACHER_KEY")
    assert CANARY not in str(caught.value)


def test_a_line_break_at_the_end_of_a_key_is_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", f"{CANARY}\n")
    with hostile(answer()) as server:
        assert (
            len(
                list(
                    Endpoint(server.address, key_env="TEACHER_KEY").stream(
                        [Request("ask", make_prompt("hi"))]
                    )
                )
            )
            == 1
        )
        assert server.completion_calls[0].headers["authorization"] == f"Bearer {CANARY}"


def test_a_key_does_not_travel_unencrypted() -> None:
    with pytest.raises(UsageError, match=r"unencrypted.*https"):
        Endpoint("http://teacher.example/v1#n", key_env="TEACHER_KEY")
    for safe in (
        "https://teacher.example/v1#n",
        "http://127.0.0.1/v1#n",
        "http://localhost/v1#n",
        "http://[::1]/v1#n",
    ):
        Endpoint(safe, key_env="TEACHER_KEY")
    Endpoint("http://teacher.example/v1#n", key_env="")


def test_without_a_variable_no_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    with hostile(answer()) as server:
        list(Endpoint(server.address, key_env="").stream([Request("ask", make_prompt("hi"))]))
        list(
            Endpoint(server.address, key_env="UNSET_KEY").stream(
                [Request("ask", make_prompt("hi"))]
            )
        )
        assert CANARY not in str([call.headers for call in server.calls])
