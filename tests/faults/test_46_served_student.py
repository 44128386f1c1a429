"""Rows 46 to 48: servers of a student that are killed or flooded, and files that are swapped."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

import warm
from job_programs import PATIENCE_S, PROGRAM, let_go, wait_until
from lesson_runs import script, write_lora, write_run, write_student
from selfteach.errors import IntegrityError
from selfteach.run.lock import find_lock_owner
from selfteach.serve import server
from selfteach.serve.served_models import ServedModels
from selfteach.students.folder import open_student
from selfteach.students.job_runner import JobRunner
from selfteach.students.jobs import JOBS_FOLDER, JobBook, make_rule_job
from selfteach.students.lessons import add_lesson
from selfteach.students.state import StudentState

pytestmark = pytest.mark.long


@pytest.fixture
def anna(tiny: Path, tmp_path: Path) -> Path:
    return write_student(tiny, tmp_path)


@pytest.fixture
def served(anna: Path) -> Iterator[ServedModels]:
    options = server.ServerOptions(max_waiting=4)
    found = server.open_student_server(anna, None, options, lambda line: None)
    yield found
    found.close()


@contextmanager
def run_uvicorn(served: ServedModels, listener: socket.socket) -> Iterator[uvicorn.Server]:
    """Answer on a thread, for the time of the block."""
    app = server.make_app(served, local=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.should_exit = True
        running.force_exit = True
        thread.join()


@pytest.fixture
def address(served: ServedModels) -> Iterator[tuple[str, int]]:
    listener = server.open_socket(server.ServerOptions(port=0))
    with run_uvicorn(served, listener):
        yield listener.getsockname()[:2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_server_leaves_a_job_that_the_next_one_goes_on_with(tmp_path: Path) -> None:
    with open_student(tmp_path / "anna", lambda: StudentState("tiny", "0" * 64)):
        pass
    book = JobBook(tmp_path / "anna")
    job = book.add(make_rule_job("Do not b."))
    pid = os.fork()
    if pid == 0:
        JobRunner(book, program=PROGRAM).start()
        time.sleep(60)
        os._exit(0)
    wait_until(lambda: book.find(job.id).state == "running")
    wait_until(lambda: book.read_log(job))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert book.find(job.id).state == "running", "nobody could say otherwise"
    let_go(book.student, "added")
    runner = JobRunner(book, program=PROGRAM)
    runner.start()
    wait_until(lambda: book.find(job.id).state == "added")
    runner.close()
    assert book.find(job.id).attempts == 2


def test_a_process_of_a_job_ends_with_its_parent(tmp_path: Path) -> None:
    """Its standard input ends, so it stops itself, and everything recorded is kept."""
    import subprocess
    import sys

    from selfteach.commands import teach_job

    source = (
        "import sys, time, types\n"
        "from selfteach.commands import teach_job\n"
        "cli = types.ModuleType('selfteach.cli')\n"
        "cli.main = lambda: (print('working', flush=True), time.sleep(60))\n"
        "sys.modules['selfteach.cli'] = cli\n"
        "import selfteach\n"
        "selfteach.cli = cli\n"
        "teach_job.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"working\n"
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == teach_job.LOWEST
    process.stdin.close()
    assert process.wait(30) == -signal.SIGTERM
    process.stdout.close()


def test_an_adapter_that_is_swapped_under_a_server_is_not_served(
    served: ServedModels, anna: Path, tmp_path: Path
) -> None:
    """The models stay as they were, and the server says what is wrong."""
    before = dict(served.models.models)
    base = served.models.hf.fingerprint
    run = write_run(tmp_path / "b", "Do not b.", seed=1, base=base, model="tiny")
    with open_student(anna) as student:
        add_lesson(student, run, script())
        write_lora(anna / "lessons/do-not-b/adapter", seed=9)
    teaching = served.teaching
    assert teaching is not None
    wait_until(lambda: "is not the adapter that was taught" in teaching.fault)
    assert served.models.models == before
    with TestClient(server.make_app(served, local=False)) as client:
        assert client.get("/health").json()["status"] == "a change of the student is not served"


def test_a_base_that_changed_is_not_served(anna: Path, tiny: Path) -> None:
    from selfteach.serve.model_set import ModelSet, ServedStudent

    models = ModelSet.open(str(tiny), tiny, 4, lambda line: None)
    models.hf.fingerprint = "0" * 64
    with pytest.raises(IntegrityError, match="has changed since the student began"):
        ServedStudent(anna, models).refresh()
    models.engine.close()


def send(address: tuple[str, int], body: object) -> socket.socket:
    """Send a request, and read nothing."""
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    connection = socket.create_connection(address)
    connection.sendall(head.encode() + data)
    return connection


def test_clients_that_never_read_do_not_stop_the_others(
    served: ServedModels, address: tuple[str, int]
) -> None:
    body = {"model": "anna", "prompt": "Tell me", "max_tokens": 64, "stream": True}
    silent = [send(address, body) for _ in range(3)]
    other = send(address, {"model": "base", "prompt": "Tell me", "max_tokens": 4})
    other.settimeout(30)
    assert other.recv(12).endswith(b"200")
    for connection in (*silent, other):
        connection.close()
    wait_until(lambda: served.engine.num_active == 0)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux tells")
def test_a_client_that_never_reads_loses_its_connection(served: ServedModels) -> None:
    """It asks for more than the buffers hold. Without a limit it would keep its place for ever."""
    options = server.ServerOptions(port=0, timeout_s=1.0)
    listener = server.open_socket(options)
    with run_uvicorn(served, listener) as running, socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(listener.getsockname())
        silent.settimeout(PATIENCE_S)
        page = b"GET /page.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        silent.sendall(page * 1000)
        wait_until(lambda: running.server_state.connections)
        wait_until(lambda: not running.server_state.connections)


@contextmanager
def stand_still(served: ServedModels) -> Iterator[None]:
    """Let the engine compute nothing for the time of the block, so that its queue stays full."""
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait()

    thread = threading.Thread(target=served.engine.call, args=(wait,))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        go.set()
        thread.join()


def read_reply(connection: socket.socket) -> http.client.HTTPResponse:
    """Return the status and the headers of a reply."""
    connection.settimeout(PATIENCE_S)
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply


def test_a_flood_of_requests_is_refused_and_the_accepted_ones_are_answered(
    served: ServedModels, address: tuple[str, int]
) -> None:
    """The queue holds the four answers of one request; eleven others are told to come later."""
    body = {"model": "anna", "prompt": ["Tell me"] * 4, "n": 1, "max_tokens": 8}
    refused: list[socket.socket] = []
    with stand_still(served):
        waiting = [send(address, body) for _ in range(12)]
        while len(refused) < 11:
            ready, _, _ = select.select(waiting, [], [], PATIENCE_S)
            assert ready, f"{len(refused)} of 12 requests were refused"
            refused += ready
            waiting = [connection for connection in waiting if connection not in ready]
        for connection in refused:
            reply = read_reply(connection)
            assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
            assert json.loads(reply.read())["error"]["message"] == "4 answers wait already."
    (accepted,) = waiting
    reply = read_reply(accepted)
    assert reply.status == 200
    assert len(json.loads(reply.read())["choices"]) == 4
    assert served.requests["anna", 429] == 11
    with closing(send(address, body)) as later:
        assert read_reply(later).status == 200
    for connection in (*refused, accepted):
        connection.close()


class RealServer:
    """Run `selfteach serve --student` in a process of its own, at a port of the system's choice."""

    def __init__(self, student: Path) -> None:
        words = ["-m", "selfteach", "serve", "--student", student, "--port", "0"]
        self.process = warm.Process(words)
        self.address = ""
        while not self.address:
            said = self.process.stderr.readline()
            assert said, "the server ended"
            if " at http://" in said:
                self.address = said.partition("http://")[2].partition("/")[0]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        host, _, port = self.address.partition(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)) as line:
            data = None if body is None else json.dumps(body)
            line.request(method, path, data, {"Content-Type": "application/json"})
            reply = line.getresponse()
            return reply.status, json.loads(reply.read())

    def complete(self, model: str) -> str:
        """Return a greedy answer."""
        body = {"model": model, "prompt": "Tell me", "temperature": 0, "max_tokens": 8}
        status, found = self.call("POST", "/v1/completions", body)
        assert status == 200, found
        return str(found["choices"][0]["text"])

    def switch(self, *, on: bool) -> int:
        """Switch the lesson, and return the status."""
        return self.call("PATCH", "/v1/lessons/do-not-a", {"on": on})[0]


@pytest.mark.slow
def test_two_servers_on_one_student_both_stay_right(anna: Path) -> None:
    """Both answer, each serves what the other changes, and one of them works on the jobs; when that
    one is killed, the other one does.
    """
    servers = [RealServer(anna) for _ in range(2)]
    try:
        one, two = servers
        base, taught = one.complete("base"), one.complete("anna")
        assert base != taught == two.complete("anna")
        assert one.switch(on=False) == 200
        assert one.complete("anna") == base
        wait_until(lambda: two.complete("anna") == base)
        with ThreadPoolExecutor(2) as both:
            orders = [both.submit(servers[n % 2].switch, on=n % 3 == 0) for n in range(12)]
        assert {order.result() for order in orders} <= {200, 409}
        wait_until(lambda: two.switch(on=True) == 200)
        for server in servers:
            wait_until(lambda server=server: server.complete("anna") == taught)

        turns = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "Yes."}]
        status, job = two.call("POST", "/v1/feedback", {"edit": "Water.", "messages": turns})
        assert (status, one.call("GET", f"/v1/jobs/{job['id']}")[1]["state"]) == (202, "collected")
        worker = wait_until(lambda: find_lock_owner(anna / JOBS_FOLDER))
        first, second = sorted(servers, key=lambda server: server.process.pid != worker)
        assert first.process.pid == worker
        first.process.kill()
        wait_until(lambda: find_lock_owner(anna / JOBS_FOLDER) == second.process.pid)
        assert second.complete("anna") == taught
        assert second.call("GET", f"/v1/jobs/{job['id']}")[1]["state"] == "collected"
    finally:
        for server in servers:
            server.process.close()
