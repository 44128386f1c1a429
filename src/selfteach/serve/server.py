"""A server for one base and its lessons: load, prove, listen, and stop without losing an answer."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.models.four_bit_files import refuse_4bit_base
from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
from selfteach.run import local_server
from selfteach.run.local_server import LocalServer
from selfteach.serve.app import make_app
from selfteach.serve.connections import TimedConnection
from selfteach.serve.lessons import ServedLesson
from selfteach.serve.model_set import ModelSet, ServedStudent
from selfteach.serve.presence import announce_server
from selfteach.serve.served_models import ServedModels
from selfteach.serve.teaching import Teaching
from selfteach.students.folder import (
    choose_base,
    find_student_owner,
    is_student,
    open_student,
)
from selfteach.students.state import StudentState

LOCAL_ADDRESSES = ("127.0.0.1", "localhost", "::1")
KEY_VARIABLE = "SELFTEACH_API_KEY"
SHUTDOWN_S = 30
MAX_TIMEOUT_MS = (1 << 31) - 1
"""The longest time that a socket can be told."""
SPARE_CONNECTIONS = 64
"""Connections beside those of the queue: health checks, and clients that must come later."""


@dataclass(frozen=True)
class ServerOptions:
    """Hold where and how a server listens.

    Attributes:
        max_waiting: answers that wait; more are refused with 429.
        timeout_s: the longest time of one answer.
        settings: the preset or the file of settings of rules that are taught while serving.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    max_waiting: int = 64
    timeout_s: float = 600.0
    settings: str = ""


def open_runs(
    base: str,
    lessons: Sequence[ServedLesson],
    options: ServerOptions,
    say: Callable[[str], None],
) -> ServedModels:
    """Load a base and the lessons of runs, and prove every lesson.

    Raises:
        UsageError: a lesson is no plain LoRA.
        IntegrityError: a lesson is of another base, changes nothing, or answers wrongly.
    """
    with _open_base(base, options, say) as models:
        for proof in models.add_lessons(lessons):
            say(proof.describe())
    return ServedModels(models, read_key(), options.timeout_s)


def open_student_server(
    folder: Path,
    model: str | None,
    options: ServerOptions,
    say: Callable[[str], None],
) -> ServedModels:
    """Load a student with its lessons, and begin to work on its jobs. A new student begins here.

    Raises:
        UsageError: the model is not the student's base.
        IntegrityError: a lesson is not the one that was taught, or answers wrongly.
    """
    known = is_student(folder)
    name = choose_base(folder, model)
    with _open_base(name, options, say) as models:
        student = ServedStudent(folder, models)
        create = None if known else partial(StudentState, name, models.hf.fingerprint)
        if not known or find_student_owner(folder) is None:
            with open_student(folder, create, say):
                pass  # the folder is in order
        for proof in student.refresh():
            say(proof.describe())
        teaching = Teaching(student, options.settings, say)
    teaching.start()
    return ServedModels(models, read_key(), options.timeout_s, teaching)


@contextmanager
def _open_base(name: str, options: ServerOptions, say: Callable[[str], None]) -> Iterator[ModelSet]:
    """Open a base for the block; a fault in the block closes it."""
    folder = resolve_model_folder(name, say)
    refuse_4bit_base(name, "served with lessons for each row")
    models = ModelSet.open(name, folder, options.max_waiting, say)
    try:
        yield models
    except BaseException:
        models.engine.close()
        raise


def read_key() -> str:
    """Return the key that clients must send, or ""."""
    return os.environ.get(KEY_VARIABLE, "")


def check_options(options: ServerOptions) -> None:
    """Refuse a time without an end, to listen on the network without a key, and a key of bytes that
    no client can send.

    Raises:
        UsageError: an option asks for one of these.
    """
    if not math.isfinite(options.timeout_s):
        raise UsageError(
            "the longest time of one answer must be a number of seconds.",
            where=f"--timeout {options.timeout_s:g}",
            cure="Give a number, such as 86400 for a day.",
        )
    key = read_key()
    if not key.isprintable():
        raise UsageError(
            "has characters that no client can send.",
            where=KEY_VARIABLE,
            cure="Set a key of letters, digits and signs.",
        )
    if options.host not in LOCAL_ADDRESSES and not key:
        raise UsageError(
            f"others could use the server: it needs a key in the environment variable "
            f"{KEY_VARIABLE}.",
            where=f"--host {options.host}",
            cure=f"Set {KEY_VARIABLE}, or leave --host out.",
        )


def find_base(model: str | None, lessons: Sequence[ServedLesson]) -> str:
    """Return the base to load: that of the lessons, or else the model.

    Raises:
        UsageError: both or neither are given.
    """
    if (model is None) == (not lessons):
        raise UsageError(
            "give either --student NAME, --run DIR, or --model M.",
            cure="--student and --run serve lessons with their base, --model a base alone.",
        )
    return model if model is not None else resolve_base(lessons[0].base, lessons[0].adapter)


def serve(
    served: ServedModels,
    options: ServerOptions,
    listener: socket.socket,
    say: Callable[[str], None],
) -> None:
    """Answer until a signal: running answers are finished first, for at most SHUTDOWN_S seconds."""
    server = make_server(served, options)
    address = f"http://{format_address(listener)}"
    say(f"serving {', '.join(served.names)} at {address}/v1")
    student = str(served.teaching.folder.resolve()) if served.teaching else ""
    try:
        with announce_server(address, student) as announce, closing(served):
            served.models.tell = announce
            announce(served.names)
            server.run(sockets=[listener])
    finally:
        listener.close()


def make_server(served: ServedModels, options: ServerOptions) -> LocalServer:
    """Return what answers at a socket."""

    def leave_followers() -> None:
        if served.teaching is not None:
            served.teaching.is_stopping = True  # whoever follows a job is not waited for

    return LocalServer(
        make_app(served, local=options.host in LOCAL_ADDRESSES),
        leave_followers,
        http=TimedConnection,
        limit_concurrency=options.max_waiting + SPARE_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def open_socket(options: ServerOptions) -> socket.socket:
    """Return a listening socket. A client that reads nothing for the time of an answer loses its
    connection, so that such clients do not take all places (Linux alone can tell).

    Raises:
        UsageError: the address or the port cannot be used.
    """
    listener = local_server.open_socket(options.host, options.port)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # every connection inherits it
        limit_ms = int(min(1000 * options.timeout_s, MAX_TIMEOUT_MS))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
    return listener


def format_address(listener: socket.socket) -> str:
    """Return host and port as a URL has them: an address of IPv6 is in brackets."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"
