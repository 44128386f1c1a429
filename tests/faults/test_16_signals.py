"""Row 16: Ctrl-C, SIGTERM and SIGHUP flush, print the command that goes on, and exit with 130;
twice ends at once.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import warm
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import read_notes, read_stages
from selfteach.run.signals import delay_interrupts, handle_interrupts

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")
MAX_WAIT_S = 120
"""For a process that ends at once, on a machine with much else to do."""
BUSY = """
import hashlib
from selfteach.run.signals import delay_interrupts, handle_interrupts
# delay_interrupts: also a signal that comes just before the next line waits
with handle_interrupts(lambda line: print(line, flush=True)), delay_interrupts():
    print("ready", flush=True)
    # compiled code for many minutes: Python's own handlers wait for its end
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
LEAVING = """
import time
from selfteach.run.signals import handle_interrupts
try:
    with handle_interrupts(lambda line: None):
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("leaving", flush=True)
    time.sleep(60)
"""
RESTED = """
import os, signal, sys
from pathlib import Path
from selfteach.models.hf import HfModel
from selfteach.models.openvino import OpenVino
from selfteach.run.signals import handle_interrupts
engine = OpenVino(HfModel.load(sys.argv[1], dtype="float32", device="cpu"), Path(sys.argv[2]))
try:
    with handle_interrupts(lambda line: None):
        engine.release_memory()
        os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def same_handlers() -> Iterator[None]:
    """An interrupted block leaves its handlers behind; pytest has its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def started(folder: Path, wait_s: str) -> warm.Process:
    command = [SCRIPTED_RUN, "feedback", "Do not 'hum'.", "--out", folder / "run", "--new"]
    process = warm.Process(command, env={**os.environ, "SCRIPTED_WAIT_S": wait_s})
    while "0/6 sampled" not in process.stderr.readline():
        assert process.poll() is None
    return process


def count_answers(folder: Path) -> int:
    """Return how many answers the run has recorded."""
    with closing(Ledger(folder / "run" / "run.db", readonly=True)) as ledger:
        _, answered, _ = ledger.count_requests().get("probe", (0, 0, 0))
        return answered


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)]
)
def test_one_signal_keeps_what_was_sampled_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = started(tmp_path, "0.5")
    while not count_answers(tmp_path):
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=MAX_WAIT_S)
    process.close()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert f"""selfteach feedback 'Do not '"'"'hum'"'"'.' --out {tmp_path / "run"}\n""" in err
    assert "--new" not in err
    with closing(Ledger(tmp_path / "run" / "run.db")) as ledger:
        asked, answered, _ = ledger.count_requests()["probe"]
        stages = read_stages(ledger)
    assert asked == 6
    assert 1 <= answered < 6
    assert stages["probe"]["state"] == "interrupted"
    again = warm.run([SCRIPTED_RUN, "feedback", "Do not 'hum'.", "--out", tmp_path / "run"])
    assert (again.returncode, "resuming" in again.stderr) == (0, True), again.stderr


@pytest.mark.slow
def test_a_closed_terminal_leaves_a_stopped_run(tmp_path: Path) -> None:
    """Nothing can be printed any more, and the exit code is that of every interruption."""
    terminal, inside = pty.openpty()
    command = [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", tmp_path / "run"]
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "SCRIPTED_WAIT_S": "0.3"},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    printed = b""
    while b"0/6" not in printed:
        printed += os.read(terminal, 4096)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=MAX_WAIT_S) == 130
    (stages,) = read_notes(tmp_path / "run", "stages")
    assert stages[0]["state"] == "interrupted"


def test_two_signals_end_at_once_even_inside_compiled_code() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert (
            process.stdout.readline()
            == "stopping at the next safe point; once more stops at once\n"
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=MAX_WAIT_S) == 130
    finally:
        process.kill()
        process.communicate()


def test_the_second_signal_ends_at_once_also_after_the_block() -> None:
    process = subprocess.Popen([sys.executable, "-c", LEAVING], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        for line, number in (("ready\n", signal.SIGINT), ("leaving\n", signal.SIGTERM)):
            assert process.stdout.readline() == line
            process.send_signal(number)
        assert process.wait(timeout=MAX_WAIT_S) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_signal_after_an_engine_has_gone_is_an_ordinary_one(tiny: Path, tmp_path: Path) -> None:
    """OpenVINO used to leave the thread with an unmapped signal stack: Ctrl-C during the training
    was a segmentation fault.
    """
    pytest.importorskip("openvino_genai")
    done = warm.run(["-c", RESTED, tiny, tmp_path])
    assert done.returncode == 130, done.stderr


@pytest.mark.usefixtures("same_handlers")
def test_a_commit_is_not_cut() -> None:
    lines: list[str] = []
    steps = []

    def work() -> None:
        with delay_interrupts():
            steps.append("begun")
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("committed")
        steps.append("never")

    with handle_interrupts(lines.append), pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["begun", "committed"]
    assert lines == ["stopping at the next safe point; once more stops at once"]


def test_the_handlers_go_back_to_what_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with handle_interrupts(lambda line: None):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
