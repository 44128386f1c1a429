"""A served student: lessons come, go and are switched while it answers, and jobs teach it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job_programs import PATIENCE_S, PROGRAM, let_go, wait_until
from lesson_runs import script, write_beside, write_lora, write_run
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.check_safety import compute_fingerprint
from selfteach.models.decode import DecodingBatch
from selfteach.serve import presence, server, teach_addresses
from selfteach.serve import teaching as teaching_module
from selfteach.serve.presence import list_servers
from selfteach.serve.served_models import ServedModels
from selfteach.serve.teaching import Teaching
from selfteach.students.folder import open_student, read_student
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.take_back import switch_lessons

pytestmark = pytest.mark.long

PRINTED = re.compile("[ -~]")
"""A character of several tokens is whole in the text alone."""


@pytest.fixture
def runs(tiny: Path, tmp_path: Path) -> list[Path]:
    base = compute_fingerprint(tiny)
    return [
        write_run(tmp_path / name, f"Do not {name}.", seed, base=base, model=str(tiny))
        for seed, name in enumerate("ab")
    ]


@pytest.fixture
def anna(runs: list[Path], tmp_path: Path) -> Path:
    with open_student(tmp_path / "anna", partial(begin_state, runs[0])) as opened:
        add_lesson(opened, runs[0], script())
    return tmp_path / "anna"


@pytest.fixture
def served(anna: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedModels]:
    monkeypatch.setattr(server, "Teaching", partial(Teaching, program=PROGRAM))
    found = server.open_student_server(anna, None, server.ServerOptions(), lambda line: None)
    yield found
    found.close()


@pytest.fixture
def client(served: ServedModels) -> Iterator[Any]:
    from starlette.testclient import TestClient

    with TestClient(server.make_app(served, local=False)) as client:
        yield client


def complete(client: Any, model: str) -> str:
    body = {"model": model, "prompt": "Tell me", "temperature": 0, "max_tokens": 8}
    return str(client.post("/v1/completions", json=body).json()["choices"][0]["text"])


def test_a_student_its_lessons_and_the_base_are_models(
    client: Any, served: ServedModels, anna: Path, runs: list[Path]
) -> None:
    assert served.names == ["base", "anna", "anna/do-not-a"]
    for path in ("anna/do-not-a", "anna%2Fdo-not-a"):
        assert client.get(f"/v1/models/{path}").json()["id"] == "anna/do-not-a"
    alone = complete(client, "anna/do-not-a")
    assert complete(client, "anna") == alone != complete(client, "base")
    with open_student(anna) as opened:  # another program teaches it
        add_lesson(opened, runs[1], script())
    wait_until(lambda: "anna/do-not-b" in served.names)
    assert complete(client, "anna/do-not-a") == alone
    assert len({complete(client, name) for name in served.names}) == 4


def test_status_lists_the_models_that_are_served_now(
    served: ServedModels, anna: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lists(*names: str) -> bool:
        return [row["models"] for row in list_servers()] == [["base", "anna", *names]]

    def run(sockets: object) -> None:
        assert lists("anna/do-not-a", "anna/do-not-b")
        served.teaching.remove_lesson("do-not-a")
        assert lists("anna/do-not-b")
        with open_student(anna) as opened:  # another program teaches it
            add_lesson(opened, runs[0], script())
        wait_until(lambda: lists("anna/do-not-b", "anna/do-not-a-2"))

    monkeypatch.setenv("SELFTEACH_CACHE", str(anna.parent / "cache"))
    monkeypatch.setattr(server, "make_server", lambda *given: SimpleNamespace(run=run))
    options = server.ServerOptions(port=0)
    with open_student(anna) as opened:
        add_lesson(opened, runs[1], script())
    wait_until(lambda: "anna/do-not-b" in served.names)
    server.serve(served, options, server.open_socket(options), lambda line: None)
    assert list_servers() == []


def test_the_servers_of_another_machine_with_the_same_home_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    monkeypatch.setattr(presence.platform, "node", lambda: "far")
    with presence.announce_server("http://far:8000") as announce:
        announce(["base"])
        assert len(list_servers()) == 1
        monkeypatch.setattr(presence.platform, "node", lambda: "near")
        assert list_servers() == []
        assert len(list((tmp_path / "servers").iterdir())) == 1


def test_a_lesson_that_was_trained_beside_another_answers_so_in_the_sum_alone(
    client: Any, served: ServedModels, anna: Path, runs: list[Path]
) -> None:
    with open_student(anna) as opened:
        add_lesson(opened, runs[1], script())
    wait_until(lambda: "anna/do-not-b" in served.names)
    summed, alone = complete(client, "anna"), complete(client, "anna/do-not-b")
    with open_student(anna) as opened:
        lesson = opened.state.find_lesson("do-not-b")
        others = opened.state.switch(["do-not-b"], on=False)
        after = opened.state.replace_lesson(write_beside(opened, others, lesson))
        opened.commit(after, "retrained")
    wait_until(lambda: served.teaching.student.state == after)
    assert complete(client, "anna/do-not-b") == alone
    assert complete(client, "anna") != summed
    client.patch("/v1/lessons/do-not-a", json={"on": False})
    beside = complete(client, "anna")
    assert beside not in (alone, summed), "its own LoRA is in the sum, though it is the only one"


def test_a_lesson_is_switched_and_taken_back_while_it_is_served(
    client: Any, served: ServedModels
) -> None:
    base, taught = complete(client, "base"), complete(client, "anna")
    off = client.patch("/v1/lessons/do-not-a", json={"on": False})
    assert [lesson["on"] for lesson in off.json()["lessons"]] == [False]
    assert complete(client, "anna") == base
    assert complete(client, "anna/do-not-a") == taught, "alone it answers all the same"
    client.patch("/v1/lessons/do-not-a", json={"on": True})
    assert complete(client, "anna") == taught
    assert client.delete("/v1/lessons/do-not-a").json()["lessons"] == []
    assert served.names == ["base", "anna"]
    assert client.patch("/v1/lessons/do-not-a", json={"on": True}).status_code == 404


def test_a_request_keeps_the_lesson_that_it_began_with(
    client: Any, served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = complete(client, "anna")
    switched = threading.Event()
    advance = DecodingBatch.advance

    def advance_later(batch: DecodingBatch) -> None:
        assert switched.wait(PATIENCE_S)
        advance(batch)

    monkeypatch.setattr(DecodingBatch, "advance", advance_later)
    with ThreadPoolExecutor() as pool:
        begun = pool.submit(complete, client, "anna")
        wait_until(lambda: served.engine.num_active)
        served.teaching.switch_lesson("do-not-a", on=False)
        assert not begun.done()
        switched.set()
        assert begun.result() == whole
    assert complete(client, "anna") != whole


def test_a_rule_becomes_a_job_and_then_a_lesson_that_delete_takes_back(
    client: Any, served: ServedModels, anna: Path, runs: list[Path]
) -> None:
    reply = client.post("/v1/feedback", json={"rule": "Do not b."})
    assert reply.status_code == 202
    path = reply.headers["Location"]
    wait_until(lambda: client.get(path).json()["state"] == "running")
    wait_until(lambda: client.get(path).json()["log"] == ["[probe] 0/4 sampled"])
    with open_student(anna) as opened:
        add_lesson(opened, runs[1], script())
    let_go(anna, "added")
    events = client.get(f"{path}/events").text
    assert events.endswith("event: end\ndata: {}\n\n")
    last = json.loads(events.strip().split("\n\n")[-2].partition("data: ")[2])
    assert (last["state"], last["model"], last["served"]) == ("added", "anna/do-not-b", True)
    assert complete(client, "anna/do-not-b") != complete(client, "base")
    assert client.delete(path).json()["state"] == "removed"
    assert served.names == ["base", "anna", "anna/do-not-a"]
    assert [lesson.name for lesson in read_student(anna).lessons] == ["do-not-a"]


class SoonServed:
    """A student whose new lesson is served as soon as somebody has looked at its job."""

    def __init__(self) -> None:
        self.book = self
        self.served = False
        self.is_stopping = False

    def find(self, id: str) -> Any:
        return SimpleNamespace(id=id)

    def describe_job(self, job: Any) -> Any:
        before, self.served = self.served, True
        return {"served": before}

    def is_over(self, job: Any) -> bool:
        return self.served


def test_the_last_event_of_a_job_shows_how_it_ended() -> None:
    async def follow() -> list[str]:
        job: Any = SimpleNamespace(id="job-1")
        teaching: Any = SoonServed()
        return [event async for event in teach_addresses._stream(teaching, job)]

    *_, last, end = asyncio.run(follow())
    assert last == 'event: job\ndata: {"served": true}\n\n'
    assert end.startswith("event: end")


def test_who_follows_a_job_does_not_keep_the_server_from_stopping(
    served: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_S", 600)
    teaching = served.teaching
    assert teaching is not None
    job = teaching.book.add(make_rule_job("Do not b."))
    listener = server.open_socket(server.ServerOptions(port=0))
    running = server.make_server(served, server.ServerOptions())
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    following = http.client.HTTPConnection(*listener.getsockname(), timeout=PATIENCE_S)
    following.request("GET", f"/v1/jobs/{job.id}/events")
    reply = following.getresponse()
    assert reply.readline() == b"event: job\n"
    running.should_exit = True  # as the handler of a signal does
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert b"event: end" not in reply.read(), "the job is not over"
    following.close()


def test_a_refused_lesson_names_its_address_and_counts_instead_of_what_it_weakens(
    client: Any, anna: Path
) -> None:
    path = client.post("/v1/feedback", json={"rule": "Do not b."}).headers["Location"]
    let_go(anna, "refused")
    wait_until(lambda: client.get(path).json()["state"] == "refused")
    job = client.get(path).json()
    assert job["worse"] == ["do-not-a"]
    assert job["cure"].startswith(f"POST {path}/accept adds it all the same.")
    assert '{"instead_of": ["do-not-a"]}' in job["cure"]
    assert "--accept" not in json.dumps(job)
    wrong = client.post(f"{path}/accept", json={"instead_of": ["do-not-c"]})
    assert wrong.status_code == 409
    assert "it weakens: do-not-a" in wrong.json()["error"]["message"]
    unknown = client.post(f"{path}/accept", json={"in_place": []})
    assert unknown.status_code == 400
    assert client.get(path).json()["state"] == "refused"
    (anna / "go").unlink()
    accepted = client.post(f"{path}/accept", json={"instead_of": ["do-not-a"]})
    assert accepted.status_code == 202
    assert (accepted.json()["accept"], accepted.json()["instead_of"]) == (False, ["do-not-a"])


def test_a_refused_lesson_is_accepted_without_a_body(client: Any, anna: Path) -> None:
    path = client.post("/v1/feedback", json={"rule": "Do not b."}).headers["Location"]
    let_go(anna, "refused")
    wait_until(lambda: client.get(path).json()["state"] == "refused")
    (anna / "go").unlink()
    accepted = client.post(f"{path}/accept")
    assert (accepted.status_code, accepted.json()["instead_of"]) == (202, [])


def test_faults_and_metrics_of_teaching(client: Any, served: ServedModels, anna: Path) -> None:
    from starlette.testclient import TestClient

    def read_fault(reply: Any, status: int) -> str:
        assert reply.status_code == status
        return str(reply.json()["error"]["message"])

    with open_student(anna):
        busy = client.delete("/v1/lessons/do-not-a")
    assert "the student is in use by process" in read_fault(busy, 409)
    nothing = client.post("/v1/feedback", json={"rule": "a", "edit": "b"})
    assert "give exactly one of rule, edit, criticism, follow_up" in read_fault(nothing, 400)
    for said in ("Be kind.", "Sei nett."):
        manner = read_fault(client.post("/v1/feedback", json={"rule": said}), 400)
        assert manner.startswith("rule: ")
        assert 'send "messages" with an "edit" or a "criticism"' in manner
        assert "--" not in manner
    assert client.get("/v1/jobs").json()["data"] == []
    program = client.post("/v1/feedback", json={"rule": "a", "teacher": "cmd:rm"})
    assert "teacher: Extra inputs are not permitted" in read_fault(program, 400)
    assert "there is no job 'x'" in read_fault(client.get("/v1/jobs/x"), 404)
    turns = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "Yes."}]
    edit = client.post("/v1/feedback", json={"edit": "Water.", "messages": turns, "cut": True})
    assert edit.json()["state"] == "collected"
    (job,) = JobBook(anna).list_jobs()
    assert job.material[0]["cut"] is True
    assert 'selfteach_jobs{state="collected"} 1' in client.get("/metrics").text
    other = TestClient(server.make_app(ServedModels(served.models), local=False))
    rule = other.post("/v1/feedback", json={"rule": "Do not b."})
    assert "start it with --student NAME" in read_fault(rule, 409)


def test_a_fault_that_nobody_expects_does_not_end_the_watching(
    served: ServedModels, anna: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching = served.teaching
    assert teaching is not None
    with monkeypatch.context() as patch:
        patch.setattr(teaching.student, "refresh", lambda: 1 / 0)
        with open_student(anna) as opened:
            add_lesson(opened, runs[1], script())
        wait_until(lambda: "ZeroDivisionError" in teaching.fault)
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-a"], on=False)
    wait_until(lambda: "anna/do-not-b" in served.names)
    assert teaching.fault == ""


def test_a_lesson_that_cannot_be_served_is_taken_back(
    client: Any, served: ServedModels, anna: Path, runs: list[Path]
) -> None:
    with open_student(anna) as opened:  # the watcher waits until it is closed
        add_lesson(opened, runs[1], script())
        write_lora(anna / "lessons/do-not-b/adapter", seed=9)
    teaching = served.teaching
    assert teaching is not None
    wait_until(lambda: "is not the adapter that" in teaching.fault)
    lessons = client.get("/v1/lessons").json()["lessons"]
    assert [lesson["name"] for lesson in lessons] == ["do-not-a", "do-not-b"]
    reply = client.delete("/v1/lessons/do-not-b")
    assert [lesson["name"] for lesson in reply.json()["lessons"]] == ["do-not-a"]
    wait_until(lambda: not teaching.fault)


def test_a_file_that_is_brought_back_is_served(
    served: ServedModels, anna: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the student changes with it, so the watcher looks again by itself."""
    looks: list[int] = []
    said: list[str] = []
    teaching = served.teaching
    assert teaching is not None
    refresh = teaching.student.refresh

    def count_and_refresh() -> Any:
        looks.append(1)
        return refresh()

    monkeypatch.setattr(teaching_module, "FAULT_REST", 0)  # a look may take long
    monkeypatch.setattr(teaching.student, "refresh", count_and_refresh)
    monkeypatch.setattr(teaching, "_say", said.append)
    adapter = anna / "lessons/do-not-b/adapter/adapter_model.safetensors"
    with open_student(anna) as opened:
        add_lesson(opened, runs[1], script())
        good = adapter.read_bytes()
        adapter.write_bytes(good[:-4] + b"\0\0\0\0")
    wait_until(lambda: teaching.fault)
    before = len(looks)
    wait_until(lambda: len(looks) > before + 2)
    assert sum(line.startswith("not served: ") for line in said) == 1, "it is told once"
    adapter.write_bytes(good)
    wait_until(lambda: "anna/do-not-b" in served.names)
    wait_until(lambda: not teaching.fault)


def test_a_swapped_adapter_of_a_lesson_is_never_served(anna: Path) -> None:
    write_lora(anna / "lessons/do-not-a/adapter", seed=9)
    with pytest.raises(IntegrityError, match=r"adapter_model\.safetensors is not the adapter that"):
        server.open_student_server(anna, None, server.ServerOptions(), lambda line: None)


def test_another_base_is_refused(anna: Path) -> None:
    with pytest.raises(UsageError, match=r"the student's base is .*, not embedded"):
        server.open_student_server(anna, "embedded", server.ServerOptions(), lambda line: None)


def test_log_probabilities_are_those_of_the_tokens_of_the_answer(client: Any) -> None:
    turns = [{"role": "user", "content": "What is rain?"}]
    body = {"model": "anna", "messages": turns, "temperature": 0, "max_tokens": 6}
    body |= {"logprobs": True, "top_logprobs": 3}
    choice = client.post("/v1/chat/completions", json=body).json()["choices"][0]
    content = choice["logprobs"]["content"]
    joined = "".join(token["token"] for token in content)
    assert PRINTED.findall(joined) == PRINTED.findall(choice["message"]["content"])
    for token in content:
        assert token["logprob"] == max(top["logprob"] for top in token["top_logprobs"])
        assert len(token["top_logprobs"]) == 3
    streamed = []
    with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                found = json.loads(line[6:])["choices"][0]["logprobs"]
                streamed += found["content"] if found else []
    assert [token["token"] for token in streamed] == [token["token"] for token in content]
    text = {"model": "anna", "prompt": "Tell me", "max_tokens": 4, "logprobs": 2}
    old = client.post("/v1/completions", json=text).json()["choices"][0]
    assert len(old["logprobs"]["tokens"]) == len(old["logprobs"]["text_offset"]) <= 4
    assert all(value <= 0 for value in old["logprobs"]["token_logprobs"])
