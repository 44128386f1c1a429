"""An endpoint that behaves: what is sent, what comes back, and that it keeps the promises of a
sampler.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hostile import NAME, Call, answer, hostile, refuse, send_raw

import warm
from selfteach.errors import EndpointError, TooManyFailures, UsageError
from selfteach.models.ordered import score_in_order
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import Endpoint, parse_address, sum_word_logprobs
from selfteach.models.remote.http_client import EndpointConnection
from selfteach.models.remote.retry import RequestRefused
from selfteach.records import (
    Continuations,
    LogProb,
    Request,
    SamplingParams,
    derive_seed,
    make_prompt,
)
from selfteach.run.ledger import Ledger

ABOVE_0 = "a log-probability above 0"


def requests(n: int, **sampling: object) -> list[Request]:
    return [Request("ask", make_prompt(f"say {i}"), SamplingParams(**sampling)) for i in range(n)]


def test_every_request_gets_its_own_answer_with_its_id() -> None:
    with hostile(answer()) as server:
        endpoint = Endpoint(server.address)
        asked = requests(20)
        found = {completion.id: completion for completion in endpoint.stream(asked)}
    assert {id: completion.text for id, completion in found.items()} == {
        r.id(endpoint.fingerprint): f"SAY {i}" for i, r in enumerate(asked)
    }
    assert {(d.finish, d.tokens, d.prompt_tokens) for d in found.values()} == {("stop", 5, 50)}
    assert endpoint.failures == []
    assert endpoint.asked == 20


def test_the_request_carries_sampling_and_a_seed_from_its_id() -> None:
    request = Request(
        "ask", make_prompt("hi", system="be kind"), SamplingParams(0.7, 0.9, 33, ("\n\n", "END"))
    )
    with hostile(answer()) as server:
        endpoint = Endpoint(server.address)
        list(endpoint.stream([request]))
        body = server.completion_calls[0].body
    assert body == {
        "model": NAME,
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 33,
        "stop": ["\n\n", "END"],
        "seed": derive_seed(request.id(endpoint.fingerprint)) >> 32,
    }
    assert 0 <= body["seed"] < 2**31


def test_plain_text_goes_to_completions() -> None:
    with hostile(answer()) as server:
        (completion,) = Endpoint(server.address).stream([Request("ask", "once upon")])
        (call,) = server.completion_calls
    assert call.path == "/v1/completions"
    assert call.body["prompt"] == "once upon"
    assert completion.text == "ONCE UPON"


def test_more_stops_than_the_protocol_allows_still_cut_the_answer() -> None:
    with hostile(answer("one two five six", finish="length")) as server:
        (completion,) = Endpoint(server.address).stream(
            requests(1, stop=("a", "b", "c", "d", " five"))
        )
        assert server.completion_calls[0].body["stop"] == ["a", "b", "c", "d"]
    assert (completion.text, completion.finish) == ("one two", "stop")


def test_an_answer_cut_by_length_is_marked() -> None:
    with hostile(answer("and then", finish="length")) as server:
        (completion,) = Endpoint(server.address).stream(requests(1))
    assert completion.finish == "length"


@pytest.mark.parametrize("finish", ["eos_token", "stop_sequence", "eos"])
def test_the_words_of_another_server_for_a_finished_answer_are_known(finish: str) -> None:
    with hostile(answer("and then", finish=finish)) as server:
        endpoint = Endpoint(server.address)
        (completion,) = endpoint.stream(requests(1))
    assert (completion.text, completion.finish, endpoint.asked) == ("and then", "stop", 1)


def test_an_answer_that_ends_with_the_context_is_cut() -> None:
    with hostile(answer("and then", finish="model_length")) as server:
        (completion,) = Endpoint(server.address).stream(requests(1))
    assert completion.finish == "length"


def test_thoughts_that_take_all_tokens_are_paid_for_once() -> None:
    def think(call: Call) -> None:
        message = {"content": None} if call.last == "say 0" else {"content": "yes"}
        answer(finish="length", message=message)(call)

    with hostile(think) as server:
        endpoint = Endpoint(server.address)
        assert [completion.text for completion in endpoint.stream(requests(2))] == ["yes"]
    assert [reason for _, reason in endpoint.failures] == ["an empty answer"]
    assert endpoint.asked == 2


def test_an_answer_in_parts_is_their_text_without_thoughts() -> None:
    """As Mistral's models that think answer."""
    thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    parts = [thoughts, {"type": "text", "text": "and "}, {"type": "text", "text": "then"}]

    def behave(call: Call) -> None:
        content = [thoughts, {"type": "text"}, "then"] if call.last == "say 0" else parts
        answer(message={"content": content})(call)

    with hostile(behave) as server:
        endpoint = Endpoint(server.address)
        assert [completion.text for completion in endpoint.stream(requests(2))] == ["and then"]
    assert [reason for _, reason in endpoint.failures] == ["an empty answer"]
    assert endpoint.asked == 2


def test_requests_overlap_up_to_the_concurrency() -> None:
    out = 0
    most = 0
    lock = threading.Lock()

    def slow(call: Call) -> None:
        nonlocal out, most
        with lock:
            out += 1
            most = max(most, out)
        time.sleep(0.05)
        with lock:
            out -= 1
        answer()(call)

    with hostile(slow) as server:
        assert len(list(Endpoint(server.address, concurrency=4).stream(requests(16)))) == 16
    assert most == 4


def test_completions_come_while_others_are_still_out() -> None:
    release = threading.Event()

    def behave(call: Call) -> None:
        if call.last == "say 0":
            release.wait(5)
        answer()(call)

    with hostile(behave) as server:
        completions = Endpoint(server.address, concurrency=2).stream(requests(3))
        first = next(completions).text
        second = next(completions).text
        release.set()
        assert {first, second} == {"SAY 1", "SAY 2"}
        assert next(completions).text == "SAY 0"


def test_the_same_request_twice_is_sent_once() -> None:
    with hostile(answer()) as server:
        assert len(list(Endpoint(server.address).stream(requests(1) * 3))) == 1
        assert len(server.completion_calls) == 1


def test_no_requests_no_exchange() -> None:
    with hostile(answer()) as server:
        assert list(Endpoint(server.address).stream([])) == []
        assert server.completion_calls == []


def test_leaving_early_leaves_no_thread() -> None:
    def slow(call: Call) -> None:
        time.sleep(0 if call.last == "say 0" else 20)
        answer()(call)

    with hostile(slow) as server:
        completions = Endpoint(server.address).stream(requests(5))
        next(completions)
        began = time.monotonic()
        completions.close()
        assert time.monotonic() - began < 10
        assert not [t for t in threading.enumerate() if t.name == "selfteach-endpoint"]


def test_fingerprint_is_of_url_name_and_what_the_server_lists() -> None:
    with hostile(answer()) as server:
        first = Endpoint(server.address).fingerprint
        assert Endpoint(server.address).fingerprint == first, (
            "the list's time stamps must not count"
        )
        assert Endpoint(f"{server.url}/#{NAME}").fingerprint == first, (
            "a slash at the end is the same URL"
        )
        assert Endpoint(f"{server.url}#other").fingerprint != first
    listing = lambda call: call.to_json({"data": [{"id": NAME, "root": "/weights/b"}]})
    with hostile(answer(), listing) as server:
        with_root = Endpoint(server.address).fingerprint
        assert with_root != first


@pytest.mark.parametrize("name", [NAME, f"{NAME}:latest"])
def test_other_models_of_the_server_do_not_change_the_fingerprint(name: str) -> None:
    """Ollama lists the model "m" as "m:latest"."""
    listed = [{"id": name}]
    listing = lambda call: call.to_json({"data": listed})
    with hostile(answer(), listing) as server:
        alone = Endpoint(server.address).fingerprint
        listed.insert(0, {"id": "other:latest"})
        assert Endpoint(server.address).fingerprint == alone
        listed.remove({"id": name})
        assert Endpoint(server.address).fingerprint != alone


def test_the_name_itself_goes_before_its_latest_version() -> None:
    listed = [{"id": NAME}]
    listing = lambda call: call.to_json({"data": listed})
    with hostile(answer(), listing) as server:
        alone = Endpoint(server.address).fingerprint
        listed.insert(0, {"id": f"{NAME}:latest"})
        assert Endpoint(server.address).fingerprint == alone


@pytest.mark.parametrize(
    "listing", [refuse(404), refuse(405), refuse(400), lambda call: call.to_json({"data": None})]
)
def test_a_server_without_a_list_of_models_is_fine(listing: object) -> None:
    with hostile(answer(), listing) as server:
        assert len(list(Endpoint(server.address).stream(requests(1)))) == 1


def test_an_unknown_model_is_reported_with_the_nearest_name() -> None:
    with (
        hostile(refuse(404, "no such model")) as server,
        pytest.raises(EndpointError, match='Did you mean "model-1"') as caught,
    ):
        list(Endpoint(f"{server.url}#model-7").stream(requests(1)))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("address", "url", "name"),
    [
        ("http://localhost:8000/v1#name", "http://localhost:8000/v1", "name"),
        ("https://h.example/v1/#org/name:7b", "https://h.example/v1", "org/name:7b"),
        ("http://[::1]:80/v1#n", "http://[::1]:80/v1", "n"),
        ("HTTP://LocalHost/v1#N", "http://localhost/v1", "N"),
    ],
)
def test_addresses(address: str, url: str, name: str) -> None:
    assert parse_address(address) == (url, name)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8000",
        "http://h/v1",
        "http://h/v1#",
        "ftp://h#n",
        "http://#n",
        "http://h:x/#n",
        "http://h/ v#n",
        "http://h/v\n#n",
    ],
)
def test_other_addresses_are_refused_with_the_right_form(address: str) -> None:
    with pytest.raises(UsageError, match="#name"):
        parse_address(address)


def top(**logps: float) -> dict[str, object]:
    return {
        "logprobs": {
            "content": [
                {
                    "token": "x",
                    "top_logprobs": [{"token": t, "logprob": p} for t, p in logps.items()],
                }
            ]
        }
    }


def score_yes_no(address: str, prompts: list[Any]) -> list[float]:
    """Return log P(Yes) - log P(No) of each prompt."""
    endpoint = Endpoint(address)
    items = [Continuations(prompt, ("Yes", "No")) for prompt in prompts]
    scores = dict(endpoint.stream_scores(items))
    pairs = [scores[item.id(endpoint.fingerprint)] for item in items]
    return [yes.logp - no.logp for yes, no in pairs]


def test_yes_no_is_the_difference_of_both_words_over_their_spellings() -> None:
    """P(yes) = .3 + .2, P(no) = .25: logit = ln 2."""
    logps = {
        "Yes": math.log(0.3),
        " yes": math.log(0.2),
        "NO": math.log(0.25),
        "maybe": math.log(0.2),
    }
    with hostile(answer("Yes", finish="length", **top(**logps))) as server:
        (logit,) = score_yes_no(server.address, [make_prompt("Is it so?")])
        body = server.completion_calls[0].body
    assert logit == pytest.approx(math.log(2))
    assert (body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == (
        1,
        0,
        True,
        20,
    )


def test_yes_no_numbers_its_prompts() -> None:
    def behave(call: Call) -> None:
        answer(finish="length", **top(Yes=-0.1 * int(call.last), No=-1.0))(call)

    with hostile(behave) as server:
        found = score_yes_no(server.address, [make_prompt(str(i)) for i in range(12)])
    assert found == [pytest.approx(1 - 0.1 * i) for i in range(12)]


def test_yes_no_of_plain_text_reads_the_older_form() -> None:
    with hostile(
        answer(" ", finish="length", logprobs={"top_logprobs": [{" Yes": -0.5, " No": -1.5}]})
    ) as server:
        (logit,) = score_yes_no(server.address, ["Is it so? Answer:"])
        assert server.completion_calls[0].body["logprobs"] == 20
    assert logit == pytest.approx(1.0)


def test_the_same_prompt_twice_is_asked_once_and_answered_twice() -> None:
    with hostile(answer(finish="length", **top(Yes=-0.5, No=-1.0))) as server:
        found = score_yes_no(server.address, [make_prompt("q")] * 3)
        assert found == [pytest.approx(0.5)] * 3
        assert len(server.completion_calls) == 1


def test_as_a_scorer_it_serves_the_yes_no_judge() -> None:
    item = Continuations(make_prompt("Is it so?"), (" Yes", " No"))
    with hostile(answer(finish="length", **top(Yes=-0.5, No=-1.0))) as server:
        endpoint = Endpoint(server.address)
        assert list(endpoint.stream_scores([item])) == [
            (item.id(endpoint.fingerprint), (LogProb(-0.5, 1), LogProb(-1.0, 1)))
        ]


def test_a_missing_word_counts_as_the_least_probable_token_listed() -> None:
    """exp(-1.2) + exp(-1.2) = 2 exp(-1.2): both spellings of yes together."""
    assert sum_word_logprobs({"Yes": -0.1, "I": -3.0, "The": -5.0}, ("yes", "no")) == [
        pytest.approx(-0.1),
        -5.0,
    ]
    assert sum_word_logprobs({"no.": -1.2, "▁No": -1.2, "I": -3.0}, ("Yes", "No")) == [
        -3.0,
        pytest.approx(math.log(2) - 1.2),
    ]
    with pytest.raises(RequestRefused):
        sum_word_logprobs({"I": -0.1}, ("Yes", "No"))


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": []},
        {"content": None},
        {"content": [{"token": "Yes"}]},
        {"content": [{"top_logprobs": [{"token": 1, "logprob": "x"}]}]},
    ],
)
def test_yes_no_says_so_when_the_server_gives_no_logprobs(logprobs: object) -> None:
    with (
        hostile(answer("Yes", logprobs=logprobs)) as server,
        pytest.raises(EndpointError, match=r"no log-probabilities.*--check"),
    ):
        score_yes_no(server.address, [make_prompt("Is it so?")])


def parse_top(logprobs: object) -> object:
    """Return the log-probabilities that are read from a choice, or why there are none."""
    connection = EndpointConnection("http://h/v1", "", 1.0, 1000)
    choice = {"text": "x", "finish_reason": "length", "logprobs": logprobs}
    try:
        return connection.parse_reply({"choices": [choice]}).top_logprobs
    except RequestRefused as fault:
        return str(fault)


def test_what_is_no_log_probability_is_refused_or_left_out() -> None:
    for value in (1000.0, 0.5, 10**400, math.inf):
        assert parse_top({"top_logprobs": [{"Yes": value, "No": -1}]}) == ABOVE_0
    for value in (-9999.0, -9999, -1e308, -math.inf, math.nan, None, True, "-1"):
        assert parse_top({"top_logprobs": [{"Yes": value, "No": -1}]}) == {"No": -1.0}
        assert parse_top({"top_logprobs": [{"Yes": value}]}) is None
    for listed in (5, "Yes", {"Yes": -1}, [5], [None]):
        assert parse_top({"content": listed}) is None
    found = parse_top({"top_logprobs": [{"Yes": -700.0, "No": -1e-9}]})
    assert sum_word_logprobs(found, ("Yes", "No")) == pytest.approx([-700, -1e-9])


@pytest.mark.parametrize("invalid", [top(Yes=-9999.0, No=-9999.0), top(Yes=1000.0, No=-1.0)])
def test_an_answer_without_valid_logprobs_costs_one_score(
    invalid: dict[str, object], tmp_path: Path
) -> None:
    """The resumed run sees nothing but the invalid answer."""

    def behave(call: Call) -> None:
        number = int(call.last)
        answer(finish="length", **invalid if number == 3 else top(Yes=-0.1, No=-2.5))(call)

    items = [Continuations(make_prompt(str(n)), ("Yes", "No")) for n in range(4)]
    with hostile(behave) as server:
        for _ in range(2):
            ledger = Ledger(tmp_path / "run.db")
            endpoint = Endpoint(server.address, concurrency=1)
            scores = score_in_order(Recorded(ledger, None, endpoint), items)
            assert scores[3] == ()
            assert all(scores[:3])
            assert len(endpoint.failures) == 1


def test_a_token_that_a_server_calls_very_unlikely_is_not_counted() -> None:
    """OpenAI writes -9999 for a token that is not among the 20 likeliest."""
    with hostile(answer(finish="length", **top(Yes=-0.5, No=-1.5, I=-9999.0))) as server:
        assert score_yes_no(server.address, [make_prompt("q")]) == [pytest.approx(1.0)]


def fails(*bad: int):
    """Refuses the requests with these numbers, answers the others."""

    def behave(call: Call) -> None:
        (refuse(400, "bad request") if int(call.last.split()[1]) in bad else answer())(call)

    return behave


def test_a_failed_request_is_reported_with_its_reason_and_the_others_go_on() -> None:
    with hostile(fails(3)) as server:
        endpoint = Endpoint(server.address)
        asked = requests(20)
        got = {completion.id for completion in endpoint.stream(asked)}
    lost = asked[3].id(endpoint.fingerprint)
    assert endpoint.failures == [(lost, "HTTP 400 (bad request)")]
    assert got == {r.id(endpoint.fingerprint) for r in asked} - {lost}


def test_a_resumed_run_allows_the_share_of_all_its_requests(tmp_path: Path) -> None:
    """One request of twenty is refused. A run that stops then must not end at it next time."""
    with hostile(fails(3)) as server:
        asked = requests(20)
        for count in (19, 20):
            model = Recorded(Ledger(tmp_path / "run.db"), Endpoint(server.address))
            assert len(list(model.stream(asked[:count]))) == count - 1
        lost = asked[3].id(model.fingerprint)
        assert model.failures == [(lost, "HTTP 400 (bad request)")]
        again = Recorded(Ledger(tmp_path / "run.db"), Endpoint(server.address))
        assert len(list(again.stream(asked))) == 19


def test_too_many_failures_stop_with_exit_code_7_after_what_was_answered() -> None:
    with hostile(fails(5, 6, 7)) as server:
        endpoint = Endpoint(server.address, concurrency=1)
        got = []
        completions = endpoint.stream(requests(20))
        with pytest.raises(
            TooManyFailures, match="3 of 20 requests failed; the last: HTTP 400"
        ) as caught:
            got.extend(completion.text for completion in completions)
    assert caught.value.exit_code == 7
    assert got == [f"SAY {i}" for i in range(5)]
    assert len(endpoint.failures) == 3


def test_the_allowed_share_is_of_all_requests_so_far() -> None:
    with hostile(fails(0, 1)) as server:
        endpoint = Endpoint(server.address, max_failures=0.1)
        list(endpoint.stream(requests(30)[2:]))
        assert (
            len(list(endpoint.stream([*requests(2), Request("again", make_prompt("say 9"))]))) == 1
        )
    assert len(endpoint.failures) == 2


def test_none_may_fail_where_the_share_is_0() -> None:
    with hostile(fails(3)) as server, pytest.raises(TooManyFailures):
        list(Endpoint(server.address, max_failures=0).stream(requests(20)))


def test_events_are_reported_in_the_readers_thread() -> None:
    heard: list[tuple[str, str, int]] = []
    with hostile(
        lambda call: (send_raw(b"<html>") if call.number == 1 else answer())(call)
    ) as server:
        endpoint = Endpoint(
            server.address,
            on_event=lambda kind, body: heard.append(
                (kind, body.get("reason", ""), threading.get_ident())
            ),
        )
        list(endpoint.stream(requests(1)))
    here = threading.get_ident()
    assert heard == [
        ("endpoint attempt failed", "an HTML page instead of an answer", here),
        ("endpoint model", "", here),
    ]


READER = """
import sys
from selfteach.models.remote.endpoint import Endpoint
from selfteach.records import Request, make_prompt
try:
    for completion in Endpoint(sys.argv[1]).stream([Request("ask", make_prompt("hi"))]):
        pass
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_the_process_at_once() -> None:
    out = threading.Event()
    over = threading.Event()

    def hang(call: Call) -> None:
        out.set()
        over.wait(240)

    with hostile(hang) as server:
        process = warm.Process(["-c", READER, server.address])
        assert out.wait(120)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        process.close()
        assert (output, process.returncode) == ("interrupted\n", 0)
        assert time.monotonic() - began < 120, "the server hangs for 240 s"
        over.set()
