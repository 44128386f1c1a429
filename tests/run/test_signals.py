"""Held stretches inside one process; tests/faults/test_16_signals.py sends signals from outside."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from selfteach.run import signals
from selfteach.run.signals import delay_interrupts, handle_interrupts


def forget_interrupts() -> None:
    signals._InterruptState.depth = 0
    signals._InterruptState.pending = False
    signals._InterruptState.seen = False


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """An interrupted block leaves its handlers and its state behind, also in other files."""
    before = {number: signal.getsignal(number) for number in signals.WATCHED_SIGNALS}
    forget_interrupts()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    forget_interrupts()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes that the process would have ended with."""
    found: list[int] = []
    monkeypatch.setattr(signals.os, "_exit", found.append)
    return found


def interrupt() -> None:
    signals._handle_signal(signal.SIGINT, None)


def test_a_signal_in_nested_stretches_waits_for_the_outermost() -> None:
    steps: list[str] = []

    def work() -> None:
        with delay_interrupts():
            with delay_interrupts():
                interrupt()
                steps.append("inner")
            steps.append("outer")
        steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["inner", "outer"]
    with delay_interrupts():
        steps.append("once only")
    assert steps[-1] == "once only"


def test_a_signal_outside_of_a_stretch_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert signals._InterruptState.pending is False
    with delay_interrupts():
        pass


def test_a_fault_inside_a_stretch_is_raised_and_ends_it() -> None:
    with pytest.raises(ValueError, match="the fault"), delay_interrupts():
        raise ValueError("the fault")
    assert signals._InterruptState.depth == 0
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_a_stretch_of_another_thread_does_not_count() -> None:
    depths: list[int] = []

    def work() -> None:
        with delay_interrupts():
            depths.append(signals._InterruptState.depth)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert depths == [0]
    assert signals._InterruptState.depth == 0


def test_the_second_signal_ends_the_process(exits: list[int]) -> None:
    with delay_interrupts():
        interrupt()
        assert exits == []
        interrupt()
        assert exits == [130]
        signals._InterruptState.pending = False


def test_a_block_begins_anew(exits: list[int]) -> None:
    """What an earlier block saw does not count in this one."""
    signals._InterruptState.depth = 3
    signals._InterruptState.pending = True
    signals._InterruptState.seen = True
    found: list[tuple[int, bool]] = []

    def work() -> None:
        with handle_interrupts(lambda line: None):
            found.append((signals._InterruptState.depth, signals._InterruptState.seen))
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        work()
    assert found == [(0, False)]
    assert exits == []
    assert signal.getsignal(signal.SIGTERM) is signals._handle_signal


def test_a_signal_at_the_end_of_a_block_is_raised_after_it(exits: list[int]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with handle_interrupts(lambda line: None):
        pass
    assert signal.getsignal(signal.SIGINT) == before
    assert signals._InterruptState.depth == 0
    assert threading.active_count() == 1 or all(
        thread.name != "_watch" for thread in threading.enumerate()
    )


def test_a_block_closes_its_pipe_and_gives_the_wakeup_back() -> None:
    open_files = len(os.listdir("/proc/self/fd"))
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    for _ in range(3):
        with handle_interrupts(lambda line: None):
            inside = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(inside)
            assert inside != wakeup
    assert len(os.listdir("/proc/self/fd")) == open_files
    after = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(after)
    assert after == wakeup


def watch(*parts: bytes, say: object = None) -> list[str]:
    """What the watcher says of these bytes, each part written before it reads on."""
    lines: list[str] = []
    read, write = os.pipe()
    waiting = list(parts)
    os.write(write, waiting.pop(0))

    def print_line(line: str) -> None:
        lines.append(line)
        if say is not None:
            raise say  # type: ignore[misc]

    def more(number: int, size: int) -> bytes:
        data = original(number, size)
        if waiting:
            os.write(write, waiting.pop(0))
        elif not closed:
            closed.append(True)
            os.close(write)
        return data

    closed: list[bool] = []
    original = os.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals.os, "read", more)
        signals._watch_signals(read, print_line)
    os.close(read)
    return lines


def test_a_hangup_ends_the_work_unless_nohup_ignores_it() -> None:
    with pytest.raises(KeyboardInterrupt), handle_interrupts(lambda line: None):
        os.kill(os.getpid(), signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with handle_interrupts(lambda line: None):
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


INT = bytes([signal.SIGINT])
TERM = bytes([signal.SIGTERM])
OTHER = bytes([signal.SIGCHLD])
LINE = "stopping at the next safe point; once more stops at once"


def test_the_watcher_says_one_line_at_the_first_signal(exits: list[int]) -> None:
    assert watch(OTHER, INT, OTHER) == [LINE]
    assert watch(TERM) == [LINE]
    assert watch(OTHER + OTHER, OTHER) == []
    assert exits == []


def test_the_watcher_ends_the_process_at_the_second_signal(exits: list[int]) -> None:
    watch(INT, OTHER, TERM)
    assert exits[0] == 130
    exits.clear()
    watch(INT + INT)
    assert exits[0] == 130


@pytest.mark.parametrize("fault", [OSError("closed"), ValueError("closed file")])
def test_a_closed_terminal_does_not_end_the_watcher(exits: list[int], fault: Exception) -> None:
    assert watch(INT, INT, say=fault)[0] == LINE
    assert exits[0] == 130


def test_handlers_are_replaced_inside_a_block_alone() -> None:
    def mine(number: int, frame: object) -> None: ...

    earlier = {number: signal.getsignal(number) for number in signals.WATCHED_SIGNALS}
    inside = []

    def fail() -> None:
        with signals.replace_handlers(mine):
            inside.extend(signal.getsignal(number) for number in earlier)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert set(inside) == {mine}
    assert {number: signal.getsignal(number) for number in earlier} == earlier
    found = []

    def work() -> None:
        with signals.replace_handlers(mine):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [earlier[signal.SIGINT]]
