"""A user's program as a teacher: `cmd:./teacher.py`.

It reads one JSON object a line and answers each with one. In: `{"id": ..., "prompt": [{"role": ...,
"content": ...}], "answer": ..., "feedback": ...}`; out: `{"id": ..., "correction": ...}`, in any
order. An answer that needs no correction is returned unchanged.

The program starts without a shell, in the folder where selfteach was started, once for each batch
of answers. No part of an answer is ever on its command line.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO

from selfteach.errors import EndpointError, UsageError
from selfteach.files import hash_file, write_jsonl
from selfteach.models.remote.keys import is_key_in_command, list_known_keys, redact_keys
from selfteach.records import (
    Completion,
    JsonMapping,
    JsonObject,
    Message,
    Request,
    digest,
    prompt_to_json,
)
from selfteach.text import clean_text

PREFIX = "cmd:"
MAX_LINE_CHARS = 1 << 20
MAX_ERROR_BYTES = 1 << 16
"""The end of what a program writes on its standard error, of which the last line is shown."""
BAD_LINE = "program line left out"


class Program:
    """Sample corrections from a program, as a `Sampler`.

    A request's prompt ends with the answer to be corrected, or after it with the criticism as user
    turn.

    Args:
        on_event: receives each line of another form, which is left out.

    Attributes:
        failures: (request id, reason) of each answer that it left out.
    """

    def __init__(
        self, command: str, on_event: Callable[[str, JsonMapping], None] = lambda kind, body: None
    ) -> None:
        self._on_event = on_event
        try:
            self._words = shlex.split(command.removeprefix(PREFIX))
        except ValueError as fault:
            raise UsageError(
                f"{redact_keys(command)!r} is not a command ({fault}).",
                where="--teacher",
                cure="Write it like cmd:./teacher.py.",
            ) from None
        if is_key_in_command(self._words):  # not repeated
            raise UsageError(
                "the words of the command hold a key, which would be stored.",
                where="--teacher",
                cure=(
                    "Change the key if it was shown anywhere, put it in an environment variable, "
                    "and let the program read it there."
                ),
            )
        if not self._words or shutil.which(self._words[0]) is None:
            raise UsageError(
                f"{' '.join(self._words) or 'nothing'!r} is no program that can be run.",
                where="--teacher",
                cure=(
                    'Give a file that may be executed, or its interpreter too: "cmd:python '
                    'teacher.py".'
                ),
            )
        self.name = PREFIX + shlex.join(self._words)
        self.failures: list[tuple[str, str]] = []

    @cached_property
    def fingerprint(self) -> str:
        """Return the digest of the command and of the files named in it, which may be large: they
        are read once.
        """
        found = [shutil.which(self._words[0]) or "", *self._words[1:]]
        sums = [
            hash_file(Path(word))
            for word in found
            if os.path.isfile(word)  # unlike Path.is_file, it takes a word of any length
        ]
        return digest(["program", self._words, sums])

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`; omitted answers go into `failures`.

        Raises:
            EndpointError: it ends with an error, or it writes no line of the right form, or more
                other lines than there are requests.
        """
        waiting = {request.id(self.fingerprint): request for request in requests}
        with (
            tempfile.TemporaryDirectory() as folder,
            tempfile.TemporaryFile() as errors,
        ):
            file = Path(folder) / "rows.jsonl"
            rows = ({"id": id, **make_program_input(request)} for id, request in waiting.items())
            write_jsonl(file, rows)
            with file.open("rb") as stdin:
                program = subprocess.Popen(
                    self._words,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    encoding="utf-8-sig",  # a mark at the beginning is no part of the first line
                    errors="replace",
                )
            try:
                assert program.stdout is not None
                for reply in self._read_replies(program.stdout, len(waiting)):
                    id = str(reply.get("id"))
                    if waiting.pop(id, None) is not None:
                        text = clean_text(reply["correction"])
                        yield Completion(id, text, "stop", len(text.split()))
                self._finish(program.wait(), errors)
            finally:
                program.kill()
                program.wait()
        self.failures += [(id, "the program gave no answer") for id in waiting]

    def _read_replies(self, out: IO[str], max_bad: int) -> Iterator[JsonObject]:
        """Yield the rows that it writes; leave out lines of another form, at most `max_bad`."""
        num_good = 0
        bad: list[str] = []
        while line := out.readline(MAX_LINE_CHARS + 1):
            if row := _parse_reply(line):
                num_good += 1
                yield row
                continue
            bad.append(_redact(line)[:80])
            self._on_event(BAD_LINE, {"line": bad[-1], "number": len(bad)})
            if len(bad) > max_bad:
                break
            while line and not line.endswith("\n"):
                line = out.readline(MAX_LINE_CHARS)
        if len(bad) > max_bad or (bad and not num_good):
            raise EndpointError(
                f'wrote {bad[0]!r}, which is no {{"id": ..., "correction": "..."}}.',
                where=self.name,
                cure="One JSON object a line, and everything else on its standard error.",
            )

    def _finish(self, code: int, errors: IO[bytes]) -> None:
        if code:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(size - MAX_ERROR_BYTES, 0))
            written = errors.read().decode("utf-8", "replace")
            lines = _redact(written).strip().splitlines() or ["it wrote no error"]
            raise EndpointError(
                f"ended with exit code {code}: {lines[-1][:300]}.",
                where=self.name,
                cure="Correct the program; its earlier answers are kept.",
            )


def _redact(words: str) -> str:
    """Return words of the program without keys, which it may have read from the environment."""
    return redact_keys(clean_text(words), *list_known_keys())


def _parse_reply(line: str) -> JsonObject | None:
    """Return the row of a line; None for a line of another form."""
    try:
        row = json.loads(line) if len(line) <= MAX_LINE_CHARS else None
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("correction"), str) else None


def make_program_input(request: Request) -> JsonObject:
    """Return the input of a program: conversation, answer to correct, and criticism if any."""
    prompt = request.prompt
    turns = [Message("user", prompt)] if isinstance(prompt, str) else list(prompt)
    feedback = turns.pop().content if turns[-1].role == "user" else ""
    answer = turns.pop().content
    return {"prompt": prompt_to_json(tuple(turns)), "answer": answer, "feedback": feedback}
