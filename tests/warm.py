"""Run Python programs in processes that have torch, selfteach and the like loaded already.

A fresh interpreter needs five seconds of processor time for them. Here one process loads them and
forks for each program, which then runs like `python ARGUMENTS...`: with its own arguments, folder,
environment, output and signals. A test of what a program loads starts an interpreter instead.

    done = warm.run(["-m", "selfteach", "config"], cwd=folder)
    process = warm.Process(["-c", "import time; time.sleep(60)"])

The forking process ends with the one that started it. The workers of pytest-xdist share that of
the process which started them, and are forks of it themselves (conftest.py, warm_python.py).
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LIBRARIES = (
    "accelerate",
    "openai",
    "peft",
    "pydantic",
    "rapidfuzz.process",
    "rich.table",
    "scipy.optimize",
    "scipy.stats",
    "selfteach.api",
    "selfteach.cli",
    "selfteach.commands.feedback",
    "selfteach.methods.corrections.method",
    "selfteach.methods.documents.method",
    "selfteach.methods.feedback.method",
    "selfteach.methods.finetune.method",
    "selfteach.methods.tasks.method",
    "sklearn.cluster",
    "torch",
    "transformers.integrations.flash_attention",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
    "typer.main",
)
MAX_REQUEST = 1 << 20


class Process:
    """A program in a process of its own; as much of `subprocess.Popen` as the tests need.

    Args:
        arguments: what would stand after `python`: `-c CODE`, `-m MODULE` or a file, and the rest.
        cwd: the folder it works in.
        env: its environment; by default that of this process.
        stdin: a short text that it reads from its standard input; by default there is none.
        max_file_bytes: the size at which no file grows further (RLIMIT_FSIZE).

    Attributes:
        stdout, stderr: text files to read from.
        returncode: None while it runs; a negative number is the signal that ended it.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        max_file_bytes: int | None = None,
    ) -> None:
        request = describe_program(arguments, cwd, env, max_file_bytes)
        read_out, write_out = os.pipe()
        read_err, write_err = os.pipe()
        self.stdout = os.fdopen(read_out, encoding="utf-8")
        self.stderr = os.fdopen(read_err, encoding="utf-8")
        self.returncode: int | None = None
        read_in, write_in = os.pipe()
        os.write(write_in, stdin.encode())
        os.close(write_in)
        files = (read_in, write_out, write_err)
        self._link = send_request(start_server(), request, files)
        for file in files:
            os.close(file)
        self.pid = int(self._link.recv(32))

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._receive(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once there is one.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        code = self._receive(timeout)
        if code is None:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what it still writes on stdout and stderr, and wait for its end.

        Raises:
            TimeoutError: it still ran after `timeout` seconds, and was ended.
        """
        with ThreadPoolExecutor(2) as readers:
            texts = [readers.submit(file.read) for file in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except TimeoutError:
                self.kill()
                raise
            out, err = (text.result() for text in texts)
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End it and close its files."""
        self.kill()
        self.wait()
        self.stdout.close()
        self.stderr.close()
        self._link.close()

    def _receive(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            ready, _, _ = select.select([self._link], [], [], timeout)
            if ready:
                message = self._link.recv(32)
                assert message, "the forking process has ended"
                self.returncode = int(message)
        return self.returncode


def run(
    arguments: Sequence[str | Path], *, timeout: float | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; see `Process` for the arguments."""
    process = Process(arguments, **more)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.close()
    assert process.returncode is not None
    return subprocess.CompletedProcess(list(arguments), process.returncode, out, err)


def describe_program(
    arguments: Sequence[str | Path],
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    max_file_bytes: int | None = None,
) -> dict[str, Any]:
    """Return the request for a program; see `Process` for the arguments."""
    return {
        "arguments": [str(argument) for argument in arguments],
        "cwd": str(cwd or os.getcwd()),
        "env": dict(os.environ if env is None else env),
        "max_file_bytes": max_file_bytes,
    }


def send_request(address: str, request: dict[str, Any], files: Sequence[int]) -> socket.socket:
    """Let the forking process run a program with these files as stdin, stdout and stderr.

    The returned socket gives the number of its process at once, and at its end the exit code.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(address)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    link.sendmsg([json.dumps(request).encode()], rights)
    return link


class _Server:
    """The forking process that this one uses, once there is one.

    Attributes:
        process: None if another process started it.
        user: the process that uses it; a fork of that one starts its own.
    """

    process: subprocess.Popen[bytes] | None = None
    user = 0
    address = ""


def start_server() -> str:
    """Start the forking process where there is none; return its address."""
    if _Server.user != os.getpid():
        folder = tempfile.mkdtemp(prefix="warm-")
        _Server.address = f"{folder}/socket"
        _Server.user = os.getpid()
        _Server.process = subprocess.Popen(
            [sys.executable, __file__, _Server.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert _Server.process.stdout
        assert _Server.process.stdout.readline() == b"ready\n"
        atexit.register(_stop_server)
    return _Server.address


def share_server(address: str) -> None:
    """Use the forking process that another process has started."""
    _Server.address = address
    _Server.user = os.getpid()
    _Server.process = None


def _stop_server() -> None:
    """Let the forking process end: it does where its stdin is closed."""
    if _Server.process and _Server.user == os.getpid():
        assert _Server.process.stdin
        assert _Server.process.stdout
        _Server.process.stdin.close()
        _Server.process.wait()
        _Server.process.stdout.close()
        _Server.process = None
        _Server.user = 0
        Path(_Server.address).unlink(missing_ok=True)
        Path(_Server.address).parent.rmdir()


def _serve(address: str) -> dict[str, Any] | None:
    """Fork for each request. Return the request in the process of a program, None at the end.

    Requests that come while the libraries load wait.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its programs must not
    print("ready", flush=True)
    for name in LIBRARIES:
        importlib.import_module(name)
    _load_language_model()
    gc.collect()
    gc.freeze()
    ended, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    links: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener, sys.stdin, ended], [], [])
        if sys.stdin in ready:
            return None
        if ended in ready:
            os.read(ended, 4096)
            _tell_ends(links)
        if listener in ready:
            link, _ = listener.accept()
            body, files, _, _ = socket.recv_fds(link, MAX_REQUEST, 3)
            pid = os.fork()
            if pid == 0:
                for other in (listener, link, *links.values()):
                    other.close()
                os.close(ended)
                _take_over(end, files)
                return json.loads(body)
            for file in files:
                os.close(file)
            link.send(str(pid).encode())
            links[pid] = link


def _load_language_model() -> None:
    """Load py3langid's model: every command that reads a rule would unpack it again."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    load = functools.cache(LanguageIdentifier.from_model_file)
    load(MODEL_FILE, norm_probs=True)
    LanguageIdentifier.from_model_file = load


def _tell_ends(links: dict[int, socket.socket]) -> None:
    """Send the exit codes of the processes that have ended."""
    while links:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with contextlib.suppress(BrokenPipeError), links.pop(pid) as link:
            link.send(str(os.waitstatus_to_exitcode(status)).encode())


def _take_over(wakeup: int, files: Sequence[int]) -> None:
    """Give a forked process its own input, output, and the signals of a fresh interpreter."""
    signal.set_wakeup_fd(-1)
    os.close(wakeup)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)


def _become(request: dict[str, Any]) -> None:
    """Run the program of a request, as an interpreter would that was started with its arguments."""
    if request["max_file_bytes"] is not None:
        limit = request["max_file_bytes"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    os.chdir(request["cwd"])
    if request["env"].get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        _unload_selfteach()
    os.environ.clear()
    os.environ.update(request["env"])
    first, *rest = request["arguments"]
    own = request["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0:1] = [path for path in own if path]
    importlib.invalidate_caches()
    if first == "-m":
        sys.argv = rest
        sys.path.insert(0, request["cwd"])
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(main))
    else:
        sys.argv = [first, *rest]
        sys.path.insert(0, str(Path(first).resolve().parent))
        runpy.run_path(first, run_name="__main__")


def _unload_selfteach() -> None:
    """Forget selfteach, which has read its plug-ins: on another search path there are others."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "selfteach"]:
        del sys.modules[name]


def _end(code: Any) -> None:
    """End as an interpreter does, but without its slow removal of all that is loaded."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _request = _serve(sys.argv[1])
    if _request is not None:
        try:
            _become(_request)
        except SystemExit as _exit:
            _end(_exit.code)
        _end(None)
