"""The server: real clients, lessons that are never mixed up, and requests that must not harm it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
import torch

from job_programs import wait_until
from lessons import QUESTIONS, write_lesson
from selfteach import cli
from selfteach.errors import DataError, IntegrityError, ResourceError, SelfteachError, UsageError
from selfteach.export import check_export
from selfteach.models import decode
from selfteach.models.decode import DecodingBatch
from selfteach.models.hf import HfModel
from selfteach.models.lora_layers import LoraLayer, read_lora_layers
from selfteach.models.memory_account import count_cache_bytes
from selfteach.models.pending import PendingCompletion, prepare_request
from selfteach.models.tokens import UnfitPrompt
from selfteach.records import GREEDY, Completion, Request, make_prompt
from selfteach.serve import connections, handlers, model_set, prompt_prefixes, server
from selfteach.serve.answers import LONG_CHARS, AnswerSet
from selfteach.serve.app import escape_label
from selfteach.serve.batch_engine import BatchEngine, EngineClosed, Generation, QueueFull, collect
from selfteach.serve.handlers import find_status
from selfteach.serve.lesson_rows import BASE, LessonRows, LessonWeights, read_weights
from selfteach.serve.lessons import ServedLesson, read_lessons
from selfteach.serve.read_request import ChatBody, RequestFault, TextBody, parse_body
from selfteach.serve.served_models import ServedModels
from selfteach.train.adapters.join_loras import join_loras
from tiny_tokenizer import NO_SYSTEM

TOKENS = 12


@pytest.fixture(scope="module")
def runs(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        write_lesson(tiny, folder / name, seed=seed) for seed, name in enumerate(["one", "two"])
    ]


@pytest.fixture(scope="module")
def lessons(runs: list[Path]) -> list[ServedLesson]:
    return read_lessons([str(run) for run in runs])


@pytest.fixture(scope="module")
def served(tiny: Path, lessons: list[ServedLesson]) -> Iterator[ServedModels]:
    said: list[str] = []
    found = server.open_runs(str(tiny), lessons, server.ServerOptions(), said.append)
    proven = [line for line in said if line.startswith("lesson ")]
    for name, count, line in zip(("one", "two", "one+two"), (4, 4, 2), proven, strict=True):
        assert line.startswith(f"lesson {name}: {count} answers equal those of PEFT")
    yield found
    found.engine.close()


@pytest.fixture(scope="module")
def address(served: ServedModels) -> Iterator[str]:
    """Listen on a port of the system's choice, until the tests have ended."""
    import uvicorn

    options = server.ServerOptions(port=0)
    listener = server.open_socket(options)
    config = uvicorn.Config(
        server.make_app(served, local=True), log_level="critical", lifespan="off", loop="asyncio"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)


@functools.cache
def answer_alone(tiny: Path, adapter: Path | None) -> list[str]:
    """The greedy answers of one model alone, in batches of its own."""
    hf = HfModel.load(tiny, adapter=adapter, dtype="float32", device="cpu")
    sampling = replace(GREEDY, max_tokens=TOKENS)
    requests = [Request("alone", make_prompt(question), sampling) for question in QUESTIONS]
    found = {completion.id: completion.text for completion in hf.stream(requests)}
    return [found[request.id(hf.fingerprint)] for request in requests]


def test_answers_of_many_lessons_in_one_batch_are_those_of_each_alone(
    tiny: Path, served: ServedModels, lessons: list[ServedLesson]
) -> None:
    places = [None, lessons[0].adapter, lessons[1].adapter]
    expected = [answer_alone(tiny, adapter) for adapter in places]
    assert expected[0] != expected[1] != expected[2]
    models = [served.find_model(name) for name in ("base", "one", "two")]
    sampling = replace(GREEDY, max_tokens=TOKENS)
    asked = []
    for question in QUESTIONS:
        row = Request("serve", make_prompt(question), sampling)
        asked += [Generation(served.engine.prepare(row), own) for own in models]
    found = [completion.text for completion in collect(asked, served.engine)]
    for number in range(len(models)):
        assert found[number::3] == expected[number]


def test_the_first_tokens_of_the_template_are_computed_once_for_each_model(
    tiny: Path, tiny_hf: HfModel, lessons: list[ServedLesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers stay those of each model alone; what belongs to a lesson that is gone goes."""
    monkeypatch.setattr(prompt_prefixes, "MIN_TOKENS", 1)
    rows = LessonRows(tiny_hf.module)
    prefixes = prompt_prefixes.PromptPrefixes(tiny_hf, rows)
    like = next(tiny_hf.module.parameters())
    one, two = (
        read_weights(read_lora_layers(tiny_hf.module, own.adapter), like) for own in lessons
    )
    (row,) = (prepare_request(tiny_hf, Request("x", make_prompt("Rain?"))),)
    with torch.inference_mode():
        found = [prefixes.find(own, row) for own in (BASE, (one,), (two,), (one, two))]
        assert prefixes.find((one,), row) is found[1]
    keys = [prefix.layers[-1][0] for prefix in found if prefix is not None]
    assert len(keys) == 4
    for i, own in enumerate(keys):
        for other in keys[i + 1 :]:
            assert not torch.allclose(own, other), "the lessons are in it"
    del one, two
    gc.collect()
    prefixes._forget()
    assert list(prefixes._known) == [()]


# the toy's template begins with fewer than MIN_TOKENS, so the fixture `served` takes no prefixes
@pytest.mark.parametrize("shortest", [1, pytest.param(1000, marks=pytest.mark.slow)])
def test_answers_are_those_of_each_alone_with_and_without_prefixes(
    shortest: int, tiny: Path, lessons: list[ServedLesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_prefixes, "MIN_TOKENS", shortest)
    found = server.open_runs(str(tiny), lessons, server.ServerOptions(), lambda line: None)
    try:
        test_answers_of_many_lessons_in_one_batch_are_those_of_each_alone(tiny, found, lessons)
    finally:
        found.engine.close()


def test_the_openai_client_gets_answers_of_each_model(
    tiny: Path, client: openai.OpenAI, lessons: list[ServedLesson]
) -> None:
    names = ["base", "one", "two", "one+two"]
    assert [model.id for model in client.models.list()] == names
    assert [client.models.retrieve(name).id for name in names] == names
    with pytest.raises(openai.NotFoundError, match="there is no model 'three'"):
        client.models.retrieve("three")
    for name, adapter in (("base", None), ("two", lessons[1].adapter)):
        reply = client.chat.completions.create(
            model=name,
            messages=[{"role": "user", "content": QUESTIONS[0]}],
            temperature=0,
            max_tokens=TOKENS,
        )
        assert reply.choices[0].message.content == answer_alone(tiny, adapter)[0]
        assert reply.usage is not None
        assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
        assert 0 < reply.usage.completion_tokens <= TOKENS


@pytest.mark.long
def test_the_stack_of_all_runs_is_a_model_with_the_sum_of_their_adapters(
    tiny: Path, client: openai.OpenAI, lessons: list[ServedLesson], tmp_path: Path
) -> None:
    """The other side is one adapter of both ranks, as a student has."""
    joined = join_loras([lesson.adapter for lesson in lessons], tmp_path / "joined")
    expected = answer_alone(tiny, joined)
    assert expected not in [answer_alone(tiny, lesson.adapter) for lesson in lessons]
    found = []
    for question in QUESTIONS:
        turns: Any = [{"role": "user", "content": question}]
        reply = client.chat.completions.create(
            model="one+two", messages=turns, temperature=0, max_tokens=TOKENS
        )
        found.append(reply.choices[0].message.content)
    assert found == expected


def test_a_stack_that_is_worn_wrongly_is_refused(
    tiny: Path, lessons: list[ServedLesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = model_set._stack

    def forget_one(candidates: Any) -> Any:
        return replace(stack(candidates), lessons=candidates[0].lessons)

    monkeypatch.setattr(model_set, "_stack", forget_one)
    with pytest.raises(IntegrityError, match=r"lesson one\+two: answers .* otherwise than PEFT"):
        server.open_runs(str(tiny), lessons, server.ServerOptions(), print)


def test_one_run_has_no_stack(tiny: Path, lessons: list[ServedLesson]) -> None:
    found = server.open_runs(str(tiny), lessons[:1], server.ServerOptions(), lambda line: None)
    found.engine.close()
    assert found.names == ["base", "one"]


def test_a_stream_is_the_whole_answer_in_pieces(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "one",
        "messages": [{"role": "user", "content": QUESTIONS[1]}],
        "temperature": 1,
        "seed": 7,
        "n": 2,
        "max_tokens": TOKENS,
    }
    whole = client.chat.completions.create(**asked)
    pieces = ["", ""]
    finishes: list[Any] = [None, None]
    usage = None
    streamed = client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    for chunk in streamed:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces[choice.index] += choice.delta.content or ""
            finishes[choice.index] = choice.finish_reason or finishes[choice.index]
    assert pieces == [choice.message.content for choice in whole.choices]
    assert pieces[0] != pieces[1], "two samples of one seed"
    assert finishes == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage


def test_a_stop_text_ends_an_answer_before_itself_also_in_a_stream(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "base", "prompt": "Tell me", "temperature": 0}
    full = client.completions.create(**asked, max_tokens=TOKENS).choices[0].text
    stop = full[8:10]
    expected = full[: full.index(stop)]
    reply = client.completions.create(**asked, max_tokens=TOKENS, stop=stop)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == (expected, "stop")
    stream = client.completions.create(**asked, max_tokens=TOKENS, stop=[stop], stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == expected


def test_an_answer_without_a_client_is_not_computed_further(
    client: openai.OpenAI, served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine stands still after some tokens, so that no answer ends before the client goes."""
    engine = served.engine
    before = engine.counts.cancelled
    advance = DecodingBatch.advance

    def advance_and_wait(batch: DecodingBatch) -> None:
        if len(batch.rows[0].ids) >= 40:
            wait_until(lambda: engine.counts.cancelled > before)
        advance(batch)

    monkeypatch.setattr(DecodingBatch, "advance", advance_and_wait)
    asked: dict[str, Any] = {"model": "one", "prompt": "Tell me", "max_tokens": 400, "n": 3}
    stream = client.completions.create(**asked, seed=1, stream=True, extra_body={"ignored": 1})
    next(iter(stream))
    stream.close()
    wait_until(lambda: engine.num_active == 0)
    assert engine.counts.cancelled > before


def send(address: str, body: Any, path: str = "/v1/completions", **headers: str) -> Any:
    """Send a raw request; return the status, the headers and the error's message."""
    connection = http.client.HTTPConnection(address, timeout=30)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **headers}
    connection.request("POST", path, data, given)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    try:
        return reply.status, reply.headers, json.loads(text)["error"]["message"]
    except (KeyError, ValueError):  # an answer, or a text
        return reply.status, reply.headers, text


PROMPT = {"model": "base", "prompt": "Yes."}
CHAT = {"model": "one", "messages": [{"role": "user", "content": "Yes?"}]}
CHAT_PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({**PROMPT, "model": "three"}, 404, "no model 'three'; known: base, one, two, one+two."),
        ({**PROMPT, "temperature": -1}, 400, "temperature: Input should be greater than"),
        ({**PROMPT, "temperature": "hot"}, 400, "temperature: Input should be a valid number"),
        ({**PROMPT, "frequency_penalty": 0.5}, 400, "frequency_penalty is not supported"),
        ({**PROMPT, "top_k": 5}, 400, "top_k is not supported"),
        ({**PROMPT, "min_tokens": 5}, 400, "min_tokens is not supported"),
        ({**PROMPT, "repetition_penalty": 1.1}, 400, "repetition_penalty is not supported"),
        ({**PROMPT, "tool_choice": "required"}, 400, "tool_choice is not supported"),
        ({**PROMPT, "prompt": [""]}, 400, "prompt without tokens"),
        ({**PROMPT, "n": 1000}, 400, "n: Input should be less than or equal to 16"),
        ({**PROMPT, "n": 16, "prompt": ["a"] * 5}, 400, "80 answers are asked for at once"),
        ({**PROMPT, "stop": [""]}, 400, "stop: at most 16 texts"),
        ({**PROMPT, "stop": "a" * 1001}, 400, "stop: at most 1000 characters"),
        ({**PROMPT, "prompt": "Yes. " * 2000}, 400, "prompt longer than the context"),
        ({"model": "base"}, 400, "prompt: Field required"),
        (b"{", 400, "the body: Invalid JSON"),
        (b" " * (2 << 20), 413, "the body is longer than 1 MB"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_request_that_cannot_be_answered_gets_a_reason(
    body: Any, status: int, words: str, address: str
) -> None:
    found, headers, message = send(address, body)
    assert found == status
    assert words in message
    assert (headers["Retry-After"] == "1") == (status == 429)


@pytest.mark.parametrize("roles", [["system"], ["developer"], ["system", "assistant"]])
def test_a_conversation_without_a_user_is_refused(roles: list[str], address: str) -> None:
    """The model would write the message of the user, and send it as its answer."""
    turns = [{"role": role, "content": "Say hello."} for role in roles]
    status, _, message = send(address, {"model": "base", "messages": turns}, CHAT_PATH)
    assert status == 400
    assert "messages: a conversation needs a message of the user" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "x"}}],
            'a part of the type "image_url" is not supported; this server reads text alone',
        ),
        ([{"text": "?"}], 'a part must be {"type": "text", "text": "..."}'),
        (["?"], 'a part must be {"type": "text", "text": "..."}'),
        (None, "must be a text, or a list of parts of the type text"),
    ],
)
def test_content_that_is_no_text_is_refused_in_words(content: Any, words: str) -> None:
    body = {"model": "base", "messages": [{"role": "user", "content": content}]}
    with pytest.raises(RequestFault) as caught:
        parse_body(json.dumps(body).encode(), ChatBody)
    assert str(caught.value) == f"messages.0.content: {words}"
    assert caught.value.param == "messages.0.content"
    body["messages"] = [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]
    (prompt,) = parse_body(json.dumps(body).encode(), ChatBody).list_prompts()
    assert prompt == make_prompt("Why?")


@pytest.mark.parametrize(
    ("key", "value", "neutral"),
    [
        ("guided_choice", ["yes", "no"], None),
        ("guided_json", {"type": "object"}, None),
        ("guided_regex", "yes|no", None),
        ("structured_outputs", {"choice": ["yes", "no"]}, None),
        ("stop_token_ids", [5], []),
        ("allowed_token_ids", [5], None),
        ("bad_words", ["no"], []),
        ("function_call", {"name": "look"}, "auto"),
        ("modalities", ["text", "audio"], ["text"]),
        ("typical_p", 0.5, 1.0),
        ("length_penalty", 2, 1.0),
        ("ignore_eos", True, False),
    ],
)
def test_a_key_that_would_change_the_answer_is_refused_and_others_are_ignored(
    key: str, value: Any, neutral: Any
) -> None:
    parse_body(json.dumps({**CHAT, key: neutral, "user": "anna"}).encode(), ChatBody)
    for body, schema in ((CHAT, ChatBody), (PROMPT, TextBody)):
        with pytest.raises(RequestFault, match=f"{key} is not supported") as caught:
            parse_body(json.dumps({**body, key: value}).encode(), schema)
        assert (caught.value.status, caught.value.param) == (400, key)


def test_no_logprobs_of_texts_may_be_false() -> None:
    for given, num_top in ((False, None), (None, None), (0, 0), (3, 3)):
        body = parse_body(json.dumps({**PROMPT, "logprobs": given}).encode(), TextBody)
        assert body.num_top == num_top
    with pytest.raises(RequestFault, match="a number says how many"):
        parse_body(json.dumps({**PROMPT, "logprobs": True}).encode(), TextBody)


def test_a_prompt_that_the_template_cannot_take_gets_a_reason(address: str) -> None:
    turns = [{"role": "user", "content": "".join(map(chr, range(0xE000, 0xF900)))}]
    status, _, message = send(address, {"model": "base", "messages": turns}, CHAT_PATH)
    assert (status, "private-use" in message) == (400, True)


def test_each_prompt_of_a_batch_counts_and_its_samples_share_it(client: openai.OpenAI) -> None:
    def count(prompt: str | list[str], n: int) -> int:
        reply = client.completions.create(model="base", prompt=prompt, n=n, max_tokens=1)
        assert reply.usage is not None
        return reply.usage.prompt_tokens

    alone = count("Tell me", 1)
    assert count(["Tell me", "Tell me", "Tell me"], 2) == 3 * alone


def test_a_prompt_that_is_given_twice_is_answered_twice(client: openai.OpenAI) -> None:
    """Its answers are other samples, as those of `n` are; those of another prompt stay."""

    def sample(*prompts: str, n: int = 1) -> list[str]:
        reply = client.completions.create(
            model="base", prompt=list(prompts), n=n, seed=5, temperature=1, max_tokens=TOKENS
        )
        return [choice.text for choice in reply.choices]

    four = sample("Tell me", n=4)
    assert len(set(four)) == 4
    assert sample("Tell me", "Why?", "Tell me", n=2) == [*four[:2], *sample("Why?", n=2), *four[2:]]


def test_the_most_likely_tokens_have_names_of_their_own(client: openai.OpenAI) -> None:
    """Many tokens of the toy are parts of a character, which all read alike."""
    for seed in range(4):
        reply = client.completions.create(
            model="base", prompt="Tell me", max_tokens=40, logprobs=5, seed=seed
        )
        found = reply.choices[0].logprobs
        assert found is not None
        assert found.tokens
        assert found.token_logprobs
        assert found.top_logprobs
        for token, logp, top in zip(
            found.tokens, found.token_logprobs, found.top_logprobs, strict=True
        ):
            assert len(top) == 5
            assert top.get(token, logp) == pytest.approx(logp)


def test_streamed_tokens_are_those_of_the_whole_answer(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "base", "prompt": "Tell me", "seed": 3, "max_tokens": 60}
    whole = client.completions.create(**asked, logprobs=0).choices[0].logprobs
    assert whole is not None
    tokens: list[str] = []
    places: list[int] = []
    for chunk in client.completions.create(**asked, logprobs=0, stream=True):
        shown = chunk.choices[0].logprobs
        tokens += (shown and shown.tokens) or []
        places += (shown and shown.text_offset) or []
    assert (tokens, places) == (whole.tokens, whole.text_offset)


def test_web_pages_cannot_use_the_server_under_a_name_of_their_own(address: str) -> None:
    assert send(address, PROMPT, Host="evil.example")[0] == 400


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_this_machine_has_several_names(host: str, address: str) -> None:
    """Versions of starlette before 1.7 read "[::1]:8000" as another host."""
    assert send(address, {**PROMPT, "max_tokens": 1}, Host=host)[0] == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 415),
        ("text/plain; charset=json", 415),
        ("multipart/form-data; boundary=json", 415),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
    ],
)
def test_bodies_that_web_pages_send_unasked_are_refused(
    kind: str, status: int, address: str
) -> None:
    body = {**PROMPT, "max_tokens": 1}
    assert send(address, body, **{"Content-Type": kind})[0] == status


def test_health_and_metrics(address: str, client: openai.OpenAI) -> None:
    client.completions.create(model="two", prompt="Yes.", max_tokens=3)
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["status"] == "ok"
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert int(numbers["selfteach_sampled_tokens_total"]) > 0
    assert int(numbers['selfteach_requests_total{model="two",status="200"}']) > 0


@contextmanager
def listen(served: ServedModels, options: server.ServerOptions) -> Iterator[tuple[str, int]]:
    """Answer as `selfteach serve` does, on a thread, for the time of the block."""
    listener = server.open_socket(options)
    running = server.make_server(served, options)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()
    running.should_exit = True
    thread.join()


def ask_health(place: tuple[str, int]) -> int:
    connection = http.client.HTTPConnection(*place, timeout=30)
    connection.request("GET", "/health")
    status = connection.getresponse().status
    connection.close()
    return status


HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def open_unfinished(place: tuple[str, int]) -> list[socket.socket]:
    """They say nothing, a part of a head, a part of a body, or a part behind a whole request."""
    health = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    body = HEAD + b"Content-Length: 9\r\n\r\n{"
    opened = [socket.create_connection(place, timeout=60) for _ in range(5)]
    for connection, said in zip(opened, (b"", b"", HEAD, body, health + body), strict=True):
        connection.sendall(said)
    return opened


def test_a_connection_without_a_whole_request_is_closed_in_time(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 1.0)
    with listen(served, server.ServerOptions(port=0)) as place:
        for connection in open_unfinished(place):
            with connection, contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass  # what was answered, and then the end
        monkeypatch.setattr(connections, "REQUEST_S", 600.0)
        assert ask_health(place) == 200


def test_a_connection_whose_answer_takes_long_is_kept(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its request is whole, no time runs that would close it."""
    engine = BatchEngine(served.models.hf, served.models.rows)  # it computes nothing
    opened: list[connections.TimedConnection] = []
    deadlines: list[Any] = []

    class Noted(connections.TimedConnection):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            opened.append(self)
            deadlines.append(self._deadline)

    def note_and_add(generations: Any) -> None:
        deadlines.append(opened[0]._deadline)
        add(generations)

    add = engine.add
    monkeypatch.setattr(engine, "add", note_and_add)
    monkeypatch.setattr(server, "TimedConnection", Noted)
    late = ServedModels(replace(served.models, engine=engine), timeout_s=0.1)
    with listen(late, server.ServerOptions(port=0)) as (host, port):
        assert send(f"{host}:{port}", PROMPT)[0] == 504
    first, later = deadlines
    assert first is not None
    assert later is None


@pytest.mark.parametrize(
    ("name", "escaped"), [("two", "two"), ('a"b', r"a\"b"), ("a\\b", r"a\\b"), ("a\nb", r"a\nb")]
)
def test_a_label_of_a_metric_is_escaped(name: str, escaped: str) -> None:
    assert escape_label(name) == escaped


def test_a_server_of_runs_has_the_page_and_teaches_nobody(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/style.css", "text")):
        connection.request("GET", path)
        reply = connection.getresponse()
        assert (reply.status, bool(reply.read())) == (200, True)
        assert reply.headers["Content-Type"].startswith(kind)
    connection.request("GET", "/v1/lessons")
    reply = connection.getresponse()
    assert reply.status == 409, "by this the page knows that it has nothing to teach"
    connection.close()


@pytest.fixture
def idle(served: ServedModels) -> Any:
    """A client of a server whose engine never computes anything, and that engine."""
    from starlette.testclient import TestClient

    models = served.models
    engine = BatchEngine(models.hf, models.rows)
    late = ServedModels(replace(models, engine=engine), timeout_s=0.1)
    return TestClient(server.make_app(late, local=False)), engine


def test_a_request_that_can_never_wait_is_refused_before_it_is_encoded(
    idle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = idle
    monkeypatch.setattr(engine, "prepare", lambda request: pytest.fail("it is encoded"))
    reply = client.post("/v1/completions", json={**PROMPT, "prompt": ["a"] * 20_000, "n": 16})
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == (
        "320000 answers are asked for at once, and at most 64 may wait; send fewer prompts in a "
        "request, or a smaller n."
    )


def test_a_server_that_stops_counts_what_it_says(idle: Any) -> None:
    client, engine = idle
    engine.close()
    reply = client.post("/v1/completions", json=PROMPT)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")
    model = PROMPT["model"]
    counted = f'selfteach_requests_total{{model="{model}",status="503"}} 1'
    assert counted in client.get("/metrics").text


def test_lessons_are_summed_in_their_own_order(tiny_hf: HfModel) -> None:
    """Another order rounds otherwise, and a set has one that changes from start to start."""
    rows = LessonRows(tiny_hf.module)
    lessons = tuple(LessonWeights({}, 1) for _ in range(12))
    with rows.use([lessons[6:], lessons[:6]]):
        assert list(rows._places) == [*lessons[6:], *lessons[:6]]


def test_a_request_that_may_wait_later_is_told_to_come_again(idle: Any) -> None:
    client, engine = idle
    row = engine.prepare(Request("serve", make_prompt("Yes."), GREEDY))
    engine.add([Generation(row) for _ in range(60)])
    reply = client.post("/v1/completions", json={**PROMPT, "n": 5})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")
    assert reply.json()["error"]["message"] == "60 answers wait already."


def test_others_are_served_between_two_prompts(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = BatchEngine(served.models.hf, served.models.rows)
    idle_models = ServedModels(replace(served.models, engine=engine))
    prepare = engine.prepare
    order: list[str] = []

    def note_and_prepare(asked: Request) -> PendingCompletion:
        order.append("prompt")
        return prepare(asked)

    monkeypatch.setattr(engine, "prepare", note_and_prepare)

    async def serve_another() -> None:
        order.append("another")

    async def ask() -> None:
        body = TextBody(model="base", prompt=["one", "two"])
        choices = AnswerSet(idle_models, body, BASE)
        await asyncio.gather(choices.begin(), serve_another())

    asyncio.run(ask())
    assert order == ["prompt", "another", "prompt"]


def test_others_are_served_while_a_long_prompt_is_encoded(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = BatchEngine(served.models.hf, served.models.rows)
    idle_models = ServedModels(replace(served.models, engine=engine))
    was_served = threading.Event()

    def encode(asked: Request) -> PendingCompletion:
        assert was_served.wait(10), "the event loop stands still"
        raise UnfitPrompt("prompt longer than the context", "it is")

    async def serve_another() -> None:
        was_served.set()

    async def ask() -> None:
        body = TextBody(model="base", prompt="a" * (LONG_CHARS + 1))
        begun = AnswerSet(idle_models, body, BASE).begin()
        found, _ = await asyncio.gather(begun, serve_another(), return_exceptions=True)
        assert isinstance(found, UnfitPrompt)

    monkeypatch.setattr(engine, "prepare", encode)
    asyncio.run(ask())


def test_a_long_prompt_is_refused_before_all_of_it_is_encoded(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = BatchEngine(served.models.hf, served.models.rows)
    tokens = served.models.hf.tokens
    tokens.encode("Hi")  # what is kept for every prompt
    pieces: list[str] = []
    tokenize = tokens._tokenize

    def count(piece: str) -> list[int]:
        pieces.append(piece)
        return tokenize(piece)

    monkeypatch.setattr(tokens, "_tokenize", count)
    with pytest.raises(UnfitPrompt, match="longer than the context"):
        engine.prepare(Request("serve", "<|im_end|>" * 50_000, GREEDY))
    assert len(pieces) <= served.models.hf.context_tokens + 1


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/completions", PROMPT), ("/v1/chat/completions", CHAT)]
)
def test_an_answer_that_takes_too_long_fails_with_504(path: str, body: Any, idle: Any) -> None:
    client, engine = idle
    reply = client.post(path, json={**body, "n": 2})
    assert reply.status_code == 504
    assert reply.json()["error"]["message"] == "the answer took longer than 0.1 s."
    assert reply.json()["error"]["type"] == "server_error"
    assert engine.counts.cancelled == 2, "nobody waits for them any more"
    model = body["model"]
    counted = f'selfteach_requests_total{{model="{model}",status="504"}} 1'
    assert counted in client.get("/metrics").text


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/completions", PROMPT), ("/v1/chat/completions", CHAT)]
)
def test_a_stream_that_takes_too_long_ends_with_the_error(path: str, body: Any, idle: Any) -> None:
    """Its status has been sent already, so the error is its last event, and it has no [DONE]."""
    client, engine = idle
    with client.stream("POST", path, json={**body, "stream": True}) as reply:
        events = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
    error = json.loads(events[-1])["error"]
    assert (error["code"], error["type"]) == (504, "server_error")
    assert error["message"] == "the answer took longer than 0.1 s."
    assert engine.counts.cancelled == 1


IS_DONE: Callable[[Generation], bool] = Generation.is_done.fget  # type: ignore[attr-defined]


@pytest.fixture
def stream_with_look(idle: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stream of which each look for the end of its answer is the function given; its events."""
    client, _ = idle
    monkeypatch.setattr(AnswerSet, "_wait_for_change", lambda self: asyncio.sleep(0))

    def stream(look: Callable[[Generation], bool]) -> list[str]:
        monkeypatch.setattr(Generation, "is_done", property(look))
        with client.stream("POST", "/v1/completions", json={**PROMPT, "stream": True}) as reply:
            return [line.removeprefix("data: ") for line in reply.iter_lines() if line]

    return stream


def test_a_stream_ends_once_where_its_answer_ends_after_the_look(stream_with_look: Any) -> None:
    def look_and_end(generation: Generation) -> bool:
        before = IS_DONE(generation)
        generation.completion = Completion("", "Bread.", "stop", 2, 1)
        return before

    *events, last = stream_with_look(look_and_end)
    choices = [json.loads(event)["choices"][0] for event in events]
    assert [choice["text"] for choice in choices] == ["Bread.", ""]
    assert [choice["finish_reason"] for choice in choices] == [None, "stop"]
    assert last == "[DONE]"


def test_a_stream_tells_a_fault_that_comes_at_the_look(stream_with_look: Any) -> None:
    def fail_and_look(generation: Generation) -> bool:
        generation.fault = ResourceError("the server's memory ran out.")
        return IS_DONE(generation)

    (event,) = stream_with_look(fail_and_look)
    assert json.loads(event)["error"]["code"] == 503


def test_a_client_that_leaves_before_its_stream_begins_cancels_it(idle: Any) -> None:
    """The events are never read then, so it is not they who see that nobody waits."""
    client, engine = idle
    body = json.dumps({**PROMPT, "stream": True}).encode()
    inbox = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return inbox.pop(0)

    async def send(message: Any) -> None:
        await asyncio.sleep(60)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "POST",
        "path": "/v1/completions",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(client.app(scope, receive, send))
    assert (engine.num_waiting, engine.counts.cancelled) == (0, 1)


@pytest.mark.parametrize("sent", ["Bearer schlüssel", "bearer schlüssel"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_key_of_any_letters_is_read_as_clients_send_it(sent: str, encoding: str) -> None:
    from starlette.requests import Request as HttpRequest

    headers = [(b"authorization", sent.encode(encoding))]
    request = HttpRequest({"type": "http", "headers": headers})
    handlers._check_key(request, "schlüssel")
    with pytest.raises(RequestFault, match="missing or wrong"):
        handlers._check_key(request, "schlusel")


def test_a_key_is_asked_for_everywhere_but_for_health(served: ServedModels) -> None:
    from starlette.testclient import TestClient

    guarded = TestClient(server.make_app(replace(served, key="secret"), local=False))
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/v1/models").status_code == 401
    assert guarded.post("/v1/completions", json=PROMPT).status_code == 401
    right = {"Authorization": "Bearer secret"}
    assert guarded.get("/v1/models", headers=right).status_code == 200


def test_a_host_header_does_not_say_which_path_needs_a_key(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starlette 1.0 puts a request's URL together from it: "localhost:/health?"."""
    from starlette.datastructures import URL
    from starlette.requests import Request as Asked
    from starlette.testclient import TestClient

    joined = property(lambda asked: URL(f"http://{asked.headers['host']}{asked.scope['path']}"))
    monkeypatch.setattr(Asked, "url", joined)
    guarded = TestClient(server.make_app(replace(served, key="secret"), local=False))
    host = {"Host": "localhost:/health?"}
    assert guarded.get("/v1/models", headers=host).status_code == 401


def test_a_full_queue_refuses_and_a_closed_engine_fails_what_waits(tiny_hf: HfModel) -> None:
    engine = BatchEngine(tiny_hf, LessonRows(tiny_hf.module), max_waiting=2)
    request = Request("serve", make_prompt("Yes."), replace(GREEDY, max_tokens=4))
    waiting = [Generation(engine.prepare(request), BASE) for _ in range(2)]
    engine.add(waiting)
    with pytest.raises(QueueFull, match="2 answers wait already"):
        engine.add([Generation(engine.prepare(request), BASE)])
    engine.start()
    engine.close()
    assert all(generation.is_done for generation in waiting)
    with pytest.raises(EngineClosed):
        engine.add(waiting)


def test_a_fault_of_one_batch_is_its_own(tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = BatchEngine(tiny_hf, LessonRows(tiny_hf.module))
    request = Request("serve", make_prompt("Yes."), replace(GREEDY, max_tokens=4))
    engine.start()
    with monkeypatch.context() as patch:
        patch.setattr(DecodingBatch, "advance", lambda batch: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collect([Generation(engine.prepare(request), BASE)], engine)
    assert collect([Generation(engine.prepare(request), BASE)], engine)[0].tokens > 0
    engine.close()


def test_answers_that_join_a_batch_fail_with_it(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for an answer that no batch has taken yet is told, and does not wait on."""
    engine = BatchEngine(tiny_hf, LessonRows(tiny_hf.module))
    long, short = (
        Request("serve", make_prompt("Yes."), replace(GREEDY, max_tokens=tokens))
        for tokens in (400, 4)
    )

    def run_out(batch: DecodingBatch, other: DecodingBatch) -> None:
        raise MemoryError

    advance = DecodingBatch.advance

    def advance_late(batch: DecodingBatch) -> None:
        wait_until(lambda: engine.num_waiting)
        advance(batch)

    monkeypatch.setattr(DecodingBatch, "join", run_out)
    monkeypatch.setattr(DecodingBatch, "advance", advance_late)
    running = Generation(engine.prepare(long), BASE)
    engine.add([running])
    engine.start()
    wait_until(lambda: running.row.ids)
    joining = Generation(engine.prepare(short), BASE)
    with pytest.raises(ResourceError, match="memory ran out"):
        collect([joining], engine)
    assert isinstance(running.fault, ResourceError)
    assert engine.num_active == 0
    engine.close()


def test_a_lesson_answers_as_before_where_memory_ran_out_for_another(
    tiny_hf: HfModel, lessons: list[ServedLesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrices of all lessons are joined anew for a new one; the fault comes halfway."""
    rows = LessonRows(tiny_hf.module)
    like = next(tiny_hf.module.parameters())
    one, two = (
        read_weights(read_lora_layers(tiny_hf.module, own.adapter), like) for own in lessons
    )
    ids = torch.tensor([tiny_hf.encode(make_prompt("Yes."))])

    @torch.inference_mode()
    def compute(*own: LessonWeights) -> torch.Tensor:
        with rows.use([own]):
            return tiny_hf.module(ids).logits  # type: ignore[no-any-return]

    before = compute(one)
    join_layer = LessonRows._join_layer

    def run_out_later(rows: LessonRows, name: str, own: Any) -> Any:
        if len(rows._joined) == 3:
            raise MemoryError
        return join_layer(rows, name, own)

    with monkeypatch.context() as patch:
        patch.setattr(LessonRows, "_join_layer", run_out_later)
        with pytest.raises(MemoryError):
            compute(two)
    torch.testing.assert_close(compute(one), before)


@pytest.mark.parametrize(("fitting", "most"), [(0.5, 1), (2.5, 2), (1000, 6)])
def test_answers_wait_until_memory_holds_them(
    fitting: float, most: int, tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone is always tried."""
    engine = BatchEngine(tiny_hf, LessonRows(tiny_hf.module))
    request = Request("serve", make_prompt("Yes."), replace(GREEDY, max_tokens=4))
    asked = [Generation(engine.prepare(request)) for _ in range(6)]
    row = asked[0].row
    row_bytes = (len(row.prompt_ids) + row.limit_tokens) * count_cache_bytes(tiny_hf.module)
    free_bytes = int(fitting * row_bytes / decode.CACHE_SHARE)
    monkeypatch.setattr(decode, "measure_free_bytes", lambda device: free_bytes)
    sizes: list[int] = []
    take_tokens = DecodingBatch.take_tokens

    def count_rows(batch: DecodingBatch) -> Any:
        sizes.append(len(batch.rows))
        return take_tokens(batch)

    monkeypatch.setattr(DecodingBatch, "take_tokens", count_rows)
    engine.start()
    found = collect(asked, engine)
    engine.close()
    assert [done.tokens > 0 for done in found] == 6 * [True]
    assert max(sizes) == most


def test_a_cancelled_answer_leaves_the_queue(tiny_hf: HfModel) -> None:
    engine = BatchEngine(tiny_hf, LessonRows(tiny_hf.module), max_waiting=1)
    request = Request("serve", make_prompt("Yes."), replace(GREEDY, max_tokens=4))
    first, second = (Generation(engine.prepare(request), BASE) for _ in range(2))
    engine.add([first])
    engine.cancel(first)
    assert engine.num_waiting == 0
    engine.add([second])
    assert engine.num_waiting == 1


def test_a_lesson_is_proven_where_the_template_refuses_the_system_message_of_its_examples(
    make_tiny: Any, tmp_path: Path
) -> None:
    base = make_tiny(tmp_path / "tiny", chat_template=NO_SYSTEM)
    run = write_lesson(base, tmp_path / "one")
    row = json.loads((run / "examples.jsonl").read_text().splitlines()[0])
    row["prompt"] = [{"role": "system", "content": "Be brief."}, *row["prompt"]]
    (run / "examples.jsonl").write_text(json.dumps(row) + "\n")
    said: list[str] = []
    options = server.ServerOptions()
    found = server.open_runs(str(base), read_lessons([str(run)]), options, said.append)
    found.engine.close()
    assert said[-1].startswith("lesson one: 1 answers equal those of PEFT")


def test_a_lesson_that_changes_nothing_is_refused(tiny: Path, tmp_path: Path) -> None:
    write_lesson(tiny, tmp_path / "idle", strength=0)
    lessons = read_lessons([str(tmp_path / "idle")])
    with pytest.raises(IntegrityError, match="lesson idle: changes nothing"):
        server.open_runs(str(tiny), lessons, server.ServerOptions(), print)


def test_a_lesson_that_is_worn_wrongly_is_refused(
    tiny: Path, lessons: list[ServedLesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With alpha left out, half of a lesson is lost, and it still changes something."""

    def read_without_alpha(module: Any, folder: Path) -> dict[str, LoraLayer]:
        found = read(module, folder)
        return {name: replace(layer, scale=1.0) for name, layer in found.items()}

    read = model_set.read_lora_layers
    monkeypatch.setattr(model_set, "read_lora_layers", read_without_alpha)
    with pytest.raises(IntegrityError, match=r"lesson one: answers .* otherwise than PEFT does"):
        server.open_runs(str(tiny), lessons[:1], server.ServerOptions(), print)


@pytest.mark.parametrize(
    ("others", "gap_nats", "is_proven"),
    [(1, 0.01, True), pytest.param(1, 0.03, False, marks=pytest.mark.long), (4, 0.01, False)],
)
def test_an_answer_may_part_from_peft_at_a_tie(
    others: int,
    gap_nats: float,
    is_proven: bool,
    tiny: Path,
    lessons: list[ServedLesson],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rounding decides there. Where no answer is equal, nothing is proven."""
    answer = check_export.PlainModel.answer
    measure = check_export.measure_gap_nats

    def answer_otherwise(*asked: Any) -> list[Any]:
        found = answer(*asked)
        return [{"text": "Otherwise."}] * others + found[others:]

    def measure_and_pretend(hf: HfModel, prompt: Any, mine: str, theirs: str) -> float:
        assert measure(hf, prompt, mine, theirs) >= 0, "the lesson is on"
        assert theirs == "Otherwise."
        return gap_nats

    monkeypatch.setattr(check_export.PlainModel, "answer", answer_otherwise)
    monkeypatch.setattr(check_export, "measure_gap_nats", measure_and_pretend)
    said: list[str] = []
    if is_proven:
        opened = server.open_runs(str(tiny), lessons[:1], server.ServerOptions(), said.append)
        opened.engine.close()
        assert "3 answers equal those of PEFT (1 more part at a tie)" in said[-1]
    else:
        with pytest.raises(IntegrityError, match="otherwise than PEFT does"):
            server.open_runs(str(tiny), lessons[:1], server.ServerOptions(), said.append)


def test_names_and_bases_of_lessons(
    tiny: Path, runs: list[Path], tmp_path: Path, make_tiny: Any
) -> None:
    assert [lesson.name for lesson in read_lessons([f"polite={runs[0]}"])] == ["polite"]
    with pytest.raises(UsageError, match='the name "one" is taken'):
        read_lessons([str(runs[0]), f"one={runs[1]}"])
    with pytest.raises(UsageError, match='the name "base" is taken'):
        read_lessons([f"base={runs[0]}"])
    other = write_lesson(make_tiny(tmp_path / "model", seed=1), tmp_path / "other")
    with pytest.raises(UsageError, match="the lessons have different bases"):
        read_lessons([str(runs[0]), str(other)])


def test_a_run_folder_may_have_an_equals_sign(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = write_lesson(tiny, tmp_path / "lr=0.1")
    for given, name in ((str(run), "lr-0.1"), ("lr=0.1", "lr-0.1"), (f"kind={run}", "kind")):
        (lesson,) = read_lessons([given])
        assert (lesson.name, lesson.run.resolve()) == (name, run)
    with pytest.raises(UsageError, match=r"^missing=0\.1: is not a run folder"):
        read_lessons(["missing=0.1"])


def test_a_folder_that_leads_to_itself_is_no_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert cli.run_command(["serve", "--run", str(loop), "--port", "0"]) == 2
    assert f"{loop}: is not a run folder" in capfd.readouterr().err


def test_the_longest_time_of_an_answer_is_a_number(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["serve", "--model", str(tmp_path), "--port", "0", "--timeout", "inf"]
    assert cli.run_command(asked) == 2
    assert "--timeout inf: the longest time of one answer" in capfd.readouterr().err
    server.open_socket(server.ServerOptions(port=0, timeout_s=1e308)).close()


def test_the_network_needs_a_key(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(server.KEY_VARIABLE, raising=False)
    assert cli.run_command(["serve", "--run", str(runs[0]), "--host", "0.0.0.0"]) == 2
    assert "it needs a key in the environment variable SELFTEACH_API_KEY" in capfd.readouterr().err
    assert cli.run_command(["serve"]) == 2
    assert "give either --student NAME, --run DIR, or --model M" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name", "words"),
    [
        (socket.AF_INET, ("127.0.0.1", 8000), "127.0.0.1:8000"),
        (socket.AF_INET6, ("::1", 8000, 0, 0), "[::1]:8000"),
    ],
)
def test_the_address_of_a_server_is_one_of_a_url(family: int, name: Any, words: str) -> None:
    listener: Any = SimpleNamespace(family=family, getsockname=lambda: name)
    assert server.format_address(listener) == words


def test_a_signal_stops_the_server_when_the_running_answer_is_whole(runs: list[Path]) -> None:
    import signal

    import warm

    process = warm.Process(["-m", "selfteach", "serve", "--run", str(runs[0]), "--port", "0"])
    address = ""
    while not address:
        line = process.stderr.readline()
        assert line, "the server ended"
        if " at http://" in line:
            address = line.partition("http://")[2].partition("/")[0]
    client = openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)
    stream = iter(
        client.completions.create(model="one", prompt="Tell me", max_tokens=200, stream=True)
    )
    next(stream)
    process.send_signal(signal.SIGTERM)
    finish = None
    for chunk in stream:
        finish = chunk.choices[0].finish_reason or finish
    assert finish in ("stop", "length")
    assert process.wait(60) == 0
    process.close()


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (ResourceError("the disk is full."), 507),
        (IntegrityError("the database is damaged."), 500),
        (UsageError("another process uses the student."), 409),
        (DataError("the rule is empty."), 400),
    ],
)
def test_a_fault_says_whose_it_is(fault: SelfteachError, status: int) -> None:
    assert find_status(fault) == status


@pytest.mark.parametrize("key", ["\udcff", "secret\n"])
def test_a_key_that_no_client_can_send_is_refused_before_it_listens(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(server.KEY_VARIABLE, key)
    with pytest.raises(UsageError, match="SELFTEACH_API_KEY: has characters that no client can"):
        server.check_options(server.ServerOptions())
    monkeypatch.setenv(server.KEY_VARIABLE, "Schlüssel 1")
    server.check_options(server.ServerOptions())
