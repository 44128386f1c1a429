"""A coroutine on its own thread, read from an ordinary loop.

Results are yielded as they are finished; leaving the loop ends the coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
POLL_S = 0.2


@dataclass(frozen=True)
class _End:
    """Mark the end of the queue: the work is over, with this fault or without one."""

    fault: BaseException | None = None


def stream_results(work: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> Iterator[T]:
    """Run `work(put)` on a thread and yield what it puts.

    Everything put before a fault is yielded before the fault is raised. Closing the iterator (also
    by Ctrl-C in the loop that reads it) cancels the work and joins the thread.
    """
    inbox: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(work(inbox.put))
    thread = threading.Thread(
        target=_run_loop, args=(loop, task, inbox), name="selfteach-endpoint", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := _wait_for_item(inbox), _End):
            yield item
        if item.fault is not None:
            raise item.fault
    finally:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is left to cancel
            loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _wait_for_item(inbox: queue.SimpleQueue[T | _End]) -> T | _End:
    """Return the next item.

    It waits in short steps, because not every system interrupts an endless wait at Ctrl-C.
    """
    while True:
        with contextlib.suppress(queue.Empty):
            return inbox.get(timeout=POLL_S)


def _run_loop(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], inbox: queue.SimpleQueue[Any]
) -> None:
    end = _End()
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass  # the reader has left
    except BaseExceptionGroup as faults:
        end = _End(unwrap_group(faults))
    except BaseException as fault:
        end = _End(fault)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        inbox.put(end)


def unwrap_group(fault: BaseException) -> BaseException:
    """Return the first fault of a group of tasks; the others were cancelled because of it."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
