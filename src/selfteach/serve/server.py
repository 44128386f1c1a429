"""A server for one base and its lessons: load, prove, listen, and stop without losing an answer."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from selfteach.errors import UsageError
from selfteach.models.check_safety import check_adapter
from selfteach.models.hf import HfModel
from selfteach.models.lora_layers import read_lora_layers
from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
from selfteach.run.signals import replace_handlers
from selfteach.serve.app import ServedModels, make_app
from selfteach.serve.batch_engine import BatchEngine
from selfteach.serve.lesson_rows import LessonRows
from selfteach.serve.lessons import Lesson
from selfteach.serve.proof import LessonProof, prove_lessons

LOCAL_ADDRESSES = ("127.0.0.1", "localhost", "::1")
KEY_VARIABLE = "SELFTEACH_API_KEY"
SHUTDOWN_S = 30
SPARE_CONNECTIONS = 64
"""Connections beside those of the queue: health checks, and clients that are told to come later."""


@dataclass(frozen=True)
class ServerOptions:
    """Hold where and how a server listens.

    Attributes:
        max_waiting: answers that wait; more are refused with 429.
        timeout_s: the longest time of one answer.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    max_waiting: int = 64
    timeout_s: float = 600.0


def open_models(
    base: str,
    lessons: Sequence[Lesson],
    options: ServerOptions,
    say: Callable[[str], None],
) -> tuple[ServedModels, list[LessonProof]]:
    """Load the base and the lessons, and prove every lesson.

    The base is in float32, in which a row does not depend on the other rows of its batch.

    Raises:
        UsageError: a lesson is no plain LoRA.
        IntegrityError: a lesson is of another base, changes nothing, or answers wrongly.
    """
    folder = resolve_model_folder(base, say)
    hf = HfModel.load(base, dtype="float32", progress=say)
    layers = []
    for lesson in lessons:
        check_adapter(lesson.adapter, hf.fingerprint)
        layers.append(read_lora_layers(hf.module, lesson.adapter))
    rows = LessonRows(hf.module, layers)
    engine = BatchEngine(hf, rows, options.max_waiting)
    engine.start()
    try:
        proofs = prove_lessons(hf, folder, lessons, rows, engine)
    except BaseException:
        engine.close()
        raise
    names = [lesson.name for lesson in lessons]
    key = os.environ.get(KEY_VARIABLE, "")
    return ServedModels(engine, names, key, options.timeout_s), proofs


def check_options(options: ServerOptions) -> None:
    """Refuse to listen on the network without a key.

    Raises:
        UsageError: it would.
    """
    if options.host not in LOCAL_ADDRESSES and not os.environ.get(KEY_VARIABLE):
        raise UsageError(
            f"others could use the server: it needs a key in the environment variable "
            f"{KEY_VARIABLE}.",
            where=f"--host {options.host}",
            cure=f"Set {KEY_VARIABLE}, or leave --host out.",
        )


def find_base(model: str | None, lessons: Sequence[Lesson]) -> str:
    """Return the base to load: that of the lessons, or else the model.

    Raises:
        UsageError: both or neither are given.
    """
    if (model is None) == (not lessons):
        raise UsageError(
            "give either --run DIR or --model M.",
            cure="--run serves lessons with their base, --model a base alone.",
        )
    return model if model is not None else resolve_base(lessons[0].base, lessons[0].adapter)


def serve(
    served: ServedModels,
    options: ServerOptions,
    listener: socket.socket,
    say: Callable[[str], None],
) -> None:
    """Answer until a signal: running answers are finished first, for at most SHUTDOWN_S seconds."""
    server = _Server(
        uvicorn.Config(
            make_app(served, local=options.host in LOCAL_ADDRESSES),
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            loop="asyncio",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=options.max_waiting + SPARE_CONNECTIONS,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    host, port = listener.getsockname()[:2]
    say(f"serving {', '.join(served.names)} at http://{host}:{port}/v1")
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()
        served.engine.close()


def open_socket(options: ServerOptions) -> socket.socket:
    """Return a listening socket.

    Raises:
        UsageError: the address or the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except (OSError, OverflowError) as fault:
        listener.close()
        raise UsageError(
            f"{options.host}:{options.port} cannot be used ({fault}).",
            where="--port",
            cure="Give another port; 0 lets the system choose.",
        ) from fault
    listener.listen()
    return listener


class _Server(uvicorn.Server):
    """Stop at the first signal when running answers are finished, at the second one at once."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with replace_handlers(self._stop):
            yield

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
