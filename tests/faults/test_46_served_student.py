"""Rows 46 to 48: servers of a student that are killed or flooded, and files that are swapped."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn

from job_programs import PROGRAM, wait_until
from lesson_runs import script, write_lora, write_run, write_student
from selfteach.errors import IntegrityError
from selfteach.serve import server
from selfteach.serve.served_models import ServedModels
from selfteach.students.folder import open_student
from selfteach.students.job_runner import JobRunner
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.lessons import add_lesson
from selfteach.students.state import StudentState


@pytest.fixture
def anna(tiny: Path, tmp_path: Path) -> Path:
    return write_student(tiny, tmp_path)


@pytest.fixture
def served(anna: Path) -> Iterator[ServedModels]:
    options = server.ServerOptions(max_waiting=4)
    found = server.open_student_server(anna, None, options, lambda line: None)
    yield found
    found.close()


@pytest.fixture
def address(served: ServedModels) -> Iterator[tuple[str, int]]:
    listener = server.open_socket(server.ServerOptions(port=0))
    app = server.make_app(served, local=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[:2]
    running.should_exit = True
    running.force_exit = True
    thread.join()


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
    (book.student / "go").write_text("added")
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


def test_a_flood_of_requests_is_refused_and_the_accepted_ones_are_answered(
    served: ServedModels, address: tuple[str, int]
) -> None:
    body = {"model": "anna", "prompt": ["Tell me"] * 4, "n": 1, "max_tokens": 32}
    connections = [send(address, body) for _ in range(12)]
    statuses = []
    for connection in connections:
        connection.settimeout(60)
        with suppress(TimeoutError):
            statuses.append(connection.recv(12)[-3:])
        connection.close()
    assert set(statuses) <= {b"200", b"429"}
    assert len(statuses) == 12
    assert b"200" in statuses
    assert served.engine.is_running
