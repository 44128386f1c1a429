"""Row 31: a key is in no exception, log, repr, file or output, whatever the server does with it."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest
from hostile import NAME, Behave, Call, answer, hostile, refuse, reset_connection, send_raw

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import EndpointError, SelfteachError, UsageError
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import Endpoint
from selfteach.models.remote.teacher_program import Program
from selfteach.records import Message, Request, make_prompt
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run
from talker import FEW, feedback_command

CANARY = "sk-canary0123456789abcdefghijkl"
OTHER_KEY = "AIza" + "SyCanary0123456789abcdefghijklmnopq"
GUARDED = (CANARY, CANARY[:20], OTHER_KEY)
"""What no output may hold: keys, and as much of one as would still help a thief."""


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
    "cut": refuse(500, "x" * 150 + CANARY),
    "cut text": send_raw(b"x" * 150 + CANARY.encode(), status=500),
    "marks": answer(f"{CANARY[:9]}\ufeff{CANARY[9:]}"),
    "other key": refuse(500, f"the upstream refused {OTHER_KEY}"),
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
    shown = "".join(f"{item} {item!r}" for item in seen)
    assert not [key for key in GUARDED if key in shown]
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert not [key for key in GUARDED if key.encode() in stored]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("behave", "ends"), [pytest.param(echo_in_error, 4, marks=pytest.mark.long), (echo_in_model, 0)]
)
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
        more = ("--debug", "--teacher", server.address, *FEW)
        assert cli.run_command(feedback_command(talker, tmp_path / "run", *more)) == ends
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
        f"http://localhost/v1?key={OTHER_KEY}#n",
        f"http://localhost/{OTHER_KEY}/v1#n",
        f"http://localhost/%41{OTHER_KEY[1:]}/v1#n",
        f"http://localhost/v1#n?key={OTHER_KEY}",
    ],
)
def test_a_key_in_the_address_is_refused_and_never_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="environment variable") as caught:
        Endpoint(address)
    trace = "".join(traceback.format_exception(caught.value))
    assert CANARY not in trace
    assert OTHER_KEY[1:] not in trace
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


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.nip.io",
        "127.evil.example",
        "evil.localhost",
        "localhost.evil.example",
        "localhost.",
        "127.1",
        "0.0.0.0",
        "192.168.0.1",
    ],
)
def test_only_this_machine_itself_is_local(host: str) -> None:
    with pytest.raises(UsageError, match="unencrypted"):
        Endpoint(f"http://{host}/v1#n", key_env="TEACHER_KEY")


def test_what_is_sent_to_this_machine_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with hostile(answer()) as proxy, hostile(answer()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        endpoint = Endpoint(server.address, key_env="TEACHER_KEY")
        assert len(list(endpoint.stream([Request("ask", make_prompt("hi"))]))) == 1
        assert not proxy.calls


def list_with_the_key(call: Call) -> None:
    key = call.headers["authorization"].removeprefix("Bearer ")
    call.to_json({"data": [{"id": key}, {"id": f"{NAME}-{key}"}]})


def test_a_list_of_models_that_repeats_the_key_is_not_shown_and_not_stored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    resolved = resolve(FeedbackConfig, sets=["endpoint.key_env=TEACHER_KEY"])

    def run_it(address: str) -> None:
        with open_run(tmp_path / "run", "x", "feedback", resolved, {"rule": "Hum."}) as run:
            endpoint = Endpoint(address, key_env="TEACHER_KEY")
            list(Recorded(run.ledger, endpoint).stream([Request("ask", make_prompt("hi"))]))

    with (
        hostile(refuse(404, "no such model"), list_with_the_key) as server,
        pytest.raises(EndpointError, match=rf'no model "{NAME}"') as caught,
    ):
        run_it(server.address)
    assert "[key]" in str(caught.value)
    assert CANARY not in f"{caught.value} {caught.value!r} {capfd.readouterr()}"
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert b"no model" in b"".join(file.read_bytes() for file in files), "the stop is recorded"
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_a_word_in_place_of_a_key_may_stand_in_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "none")
    with hostile(answer("none of them")) as server:
        endpoint = Endpoint(server.address, key_env="TEACHER_KEY")
        found = list(endpoint.stream([Request("ask", make_prompt("hi"))]))
    assert [completion.text for completion in found] == ["none of them"]


@pytest.mark.parametrize(
    "words",
    [
        f"--key {CANARY}",
        f"--api-key={OTHER_KEY}",
        "--token 0123-4567-89ab",
        "-c 'curl --token 0123-4567-89ab'",
        "login password 0123-4567-89ab",
        "-H 'Authorization: Bearer abcdefgh1234'",
        "--url https://me:pass1@teacher.example/",
        "--as plain-secret-value",
    ],
)
def test_a_key_among_a_program_s_words_is_refused_before_it_is_stored(
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", "plain-secret-value")
    (tmp_path / "prompts.txt").write_text("".join(f"What is {n} and {n}?\n" for n in range(50)))
    teacher = f"cmd:{sys.executable} {words}"
    command = ["corrections", "--prompts", str(tmp_path / "prompts.txt"), "--teacher", teacher]
    assert cli.run_command([*command, "--out", str(tmp_path / "run")]) == 2
    shown = "".join(capfd.readouterr())
    assert "hold a key" in shown
    assert "environment variable" in shown
    assert words.split()[-1] not in shown
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("fault", ["print({!r})", "sys.exit({!r})"])
def test_a_key_that_a_program_repeats_is_not_shown(fault: str, tmp_path: Path) -> None:
    (tmp_path / "teacher.py").write_text(
        "import os, sys\n" + fault.replace("{!r}", "'x' * 70 + os.environ['TEACHER_KEY']")
    )
    request = Request("correct", (Message("user", "Tea?"), Message("assistant", "Yes.")))
    with pytest.raises(EndpointError, match="xxx") as caught:
        list(Program(f"cmd:{sys.executable} {tmp_path / 'teacher.py'}").stream([request]))
    assert CANARY[:10] not in str(caught.value)


def test_ordinary_words_of_a_program_are_no_keys(tmp_path: Path) -> None:
    script = tmp_path / "token_by_token_corrections_2.py"
    script.touch()
    said = "'Keep secret ingredients, and the password procedure, secret information.'"
    files = "--key-file keys.json --token-env TOKEN --api-key-env A"
    options = f"--rule {said} --max-tokens 100000000 {files}"
    command = f"cmd:{sys.executable} {script} --style house-style-2026 {options}"
    assert Program(command).name == command


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
