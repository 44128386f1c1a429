"""What moves between the rooms. Plain frozen values; reading them from JSONL names file and line of
every fault.

A *request* asks for one answer; a *draw* is that answer. An *example* is one training record.
`logp` is a summed natural-log probability of an answer, `token_logp` is per token, both in nats.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from selfteach.errors import DataError
from selfteach.run.disk import open_file

Role = Literal["system", "user", "assistant"]
ROLES = ("system", "user", "assistant")
MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
WIDE = (
    b"\xff\xfe",
    b"\xfe\xff",
    b"{\x00",
    b"\x00{",
)  # how a UTF-16 file begins, with its mark or without


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


Prompt = tuple[Message, ...] | str
"""Messages, rendered through the model's chat template; or plain text that the model continues as
it stands.
"""


def user(text: str, *, system: str = "") -> tuple[Message, ...]:
    """The commonest prompt: one user turn, after a system message if there is one."""
    return ((Message("system", system),) if system else ()) + (Message("user", text),)


def question(prompt: Prompt) -> str:
    """The words of the last user turn: what a person would call "the prompt"."""
    if isinstance(prompt, str):
        return prompt
    return next((m.content for m in reversed(prompt) if m.role == "user"), "")


def to_json(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, text as it is. What ids are hashed from."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """The first 24 hexadecimal digits of SHA-256 over canonical JSON."""
    return hashlib.sha256(to_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def prompt_json(prompt: Prompt) -> Any:
    """A prompt as JSON: a string, or a list of {role, content}."""
    return prompt if isinstance(prompt, str) else [asdict(m) for m in prompt]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. Temperature 0 is greedy. `max_tokens` bounds the answer; `stop` ends
    it before any of these texts.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()


GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to be drawn. `draw` numbers the draws of one prompt; `seed` is the run's."""

    stage: str
    prompt: Prompt
    sampling: Sampling = Sampling()
    draw: int = 0
    seed: int = 0

    def id(self, fingerprint: str) -> str:
        """The hash of what produces the answer (invariant 2)."""
        drawn = {
            **asdict(self.sampling),
            "temperature": float(self.sampling.temperature),
            "top_p": float(self.sampling.top_p),
        }
        return digest(
            [self.stage, fingerprint, prompt_json(self.prompt), drawn, self.draw, self.seed]
        )


def seed_of(request_id: str) -> int:
    """The random seed of a request, in [0, 2^63), derived from its id and from nothing else."""
    return int(request_id[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn answer. `finish` is "stop", or "length" where `max_tokens` cut it; `tokens` counts
    the answer's tokens.

    `reused_tokens`: how many of the prompt's tokens the engine had computed before, for another
    draw; no part of what was drawn.
    """

    id: str
    text: str
    finish: Literal["stop", "length"] = "stop"
    tokens: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Continuations:
    """Texts to be scored after one prompt. An answer in a chat is scored with the end-of-turn token
    (`end=True`).
    """

    prompt: Prompt
    texts: tuple[str, ...]
    end: bool = False

    def id(self, fingerprint: str) -> str:
        """The hash of what produces the score."""
        return digest(["score", fingerprint, prompt_json(self.prompt), list(self.texts), self.end])


@dataclass(frozen=True, slots=True)
class Logp:
    """log p(text | prompt) in nats, summed over `tokens` tokens."""

    logp: float
    tokens: int

    @property
    def token_logp(self) -> float:
        """Nats per token."""
        return self.logp / max(self.tokens, 1)


ExampleRole = Literal["learn", "hold"]
"""`learn`: what is taught. `hold`: the base's own answers, or answers that needed no correction;
they hold the base in place.
"""
LEARN: ExampleRole = "learn"
HOLD: ExampleRole = "hold"
GENERAL = "general"
"""The kind of examples that have nothing to do with the material."""
HELD_KINDS = ("near", "general", "kept")
"""Kinds of examples that hold the base in place unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training record. `kind` chooses the objectives (`in_scope`, `near`, `general`, ...);
    `rejected` may be absent. `role` says whether it is learned or holds the base in place; where it
    is not given it follows from `HELD_KINDS`.

    `prompt`, `chosen` and `rejected` are written as messages, or as texts where the prompt is one,
    so that `datasets` and every TRL trainer load them as they are.
    """

    id: str
    kind: str
    prompt: Prompt
    chosen: str
    rejected: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    role: ExampleRole | None = None

    def __post_init__(self) -> None:
        if self.role is None:
            role: ExampleRole = "hold" if self.kind in HELD_KINDS else "learn"
            object.__setattr__(self, "role", role)

    @property
    def turns(self) -> tuple[Message, ...]:
        """The prompt as messages."""
        return user(self.prompt) if isinstance(self.prompt, str) else self.prompt

    def json(self) -> dict[str, Any]:
        """The row of examples.jsonl."""
        return {
            "id": self.id,
            "kind": self.kind,
            "role": self.role,
            "prompt": prompt_json(self.prompt),
            "chosen": self._written(self.chosen),
            "rejected": self._written(self.rejected) if self.rejected is not None else None,
            "scores": dict(self.scores),
            "source": dict(self.source),
        }

    def _written(self, text: str) -> Any:
        return text if isinstance(self.prompt, str) else [{"role": "assistant", "content": text}]

    @staticmethod
    def from_json(row: Mapping[str, Any], where: str = "") -> Example:
        """The inverse of `json`.

        Raises:
            DataError: a field is missing or has another form.
        """
        try:
            return Example(
                id=str(row["id"]),
                kind=str(row["kind"]),
                prompt=_asked(row["prompt"], where),
                chosen=_answer(row["chosen"]),
                rejected=_answer(row["rejected"]) if row.get("rejected") is not None else None,
                scores=dict(row.get("scores") or {}),
                source=dict(row.get("source") or {}),
                role=_role(row.get("role")),
            )
        except (KeyError, ValueError, TypeError) as fault:
            raise DataError(
                f"not an example: {fault} is missing or malformed.",
                where=where,
                cure="See docs/formats.md.",
            ) from fault


def _role(value: Any) -> ExampleRole | None:
    if value in ("learn", "hold", None):
        found: ExampleRole | None = value
        return found
    raise ValueError("a role of learn or hold")


def _asked(value: Any, where: str) -> Prompt:
    return clean(value) if isinstance(value, str) else messages(value, where)


def _answer(turns: Any) -> str:
    """The words of an answer: a list that ends in the assistant's turn, or the words themselves."""
    last = turns[-1] if isinstance(turns, list) and turns else {"content": turns}
    if not isinstance(last, dict) or not isinstance(last.get("content"), str):
        raise ValueError("an answer")
    return clean(last["content"])


def messages(value: Any, where: str = "") -> tuple[Message, ...]:
    """Messages from JSON: a list of {role, content}, or a string that stands for one user turn.

    Raises:
        DataError: another form, an unknown role, or no turn at all.
    """
    if isinstance(value, str):
        return user(clean(value))
    if not isinstance(value, list) or not value:
        raise DataError(
            "a prompt must be a text or a list of messages.",
            where=where,
            cure='Write {"role": "user", "content": "..."}.',
        )
    turns = []
    for turn in value:
        if (
            not isinstance(turn, dict)
            or turn.get("role") not in ROLES
            or not isinstance(turn.get("content"), str)
        ):
            raise DataError(
                f"not a message: {str(turn)[:80]!r}.",
                where=where,
                cure=f"Give a role of {', '.join(ROLES)} and a content.",
            )
        turns.append(Message(turn["role"], clean(turn["content"])))
    return tuple(turns)


_UNSAFE = re.compile(
    "[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """The text without what breaks tokenizers, databases, terminals and pages: lone surrogates and
    control characters become U+FFFD, line and paragraph separators become newlines, byte-order
    marks and direction overrides vanish. Done once, at the reader."""
    return _UNSAFE.sub(_mend, text)


def _mend(match: re.Match[str]) -> str:
    char = match.group()
    if char in "\x85\u2028\u2029":
        return "\n"
    if char == "\ufeff" or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return ""
    return "\ufffd"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read, with its place and its fault."""

    where: str
    fault: str


def read_jsonl(
    path: Path, bad: list[BadLine] | None = None, mended: list[BadLine] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (`file:line`, object) for each line, its texts made safe by `clean`; `mended` records
    the lines where that changed something.

    A bad line goes to `bad`, or raises where no list is given. Bad is: not JSON as RFC 8259 has it
    (so no NaN, and no key twice), not an object, not UTF-8, longer than MAX_LINE_BYTES, nested
    deeper than MAX_DEPTH, or a number that 64 bits cannot hold.

    Raises:
        DataError: the file is missing, is a pipe or a device, is UTF-16, or a line is bad and `bad`
        is None.
    """
    with open_file(path) as handle:
        if handle.peek(2)[:2] in WIDE:
            raise DataError(
                "is UTF-16 or UTF-32, not UTF-8.",
                where=str(path),
                cure="Convert it: iconv -f utf-16 -t utf-8.",
            )
        number = 0
        while line := handle.readline(MAX_LINE_BYTES + 1):
            number += 1
            where = f"{path.name}:{number}"
            try:
                row = _row(line, handle)
                safe = cleaned(row)
            except ValueError as fault:
                if bad is None:
                    raise DataError(
                        f"{fault}.", where=where, cure="Mend or remove the line."
                    ) from None
                bad.append(BadLine(where, str(fault)))
                continue
            if row is None:
                continue
            if mended is not None and safe != row:
                mended.append(BadLine(where, "unsafe characters replaced"))
            yield where, safe


def _row(line: bytes, handle: IO[bytes]) -> dict[str, Any] | None:
    """The object of a line, or None where the line is blank; reads past the rest of a line that is
    too long.
    """
    if len(line) > MAX_LINE_BYTES:
        while line and not line.endswith(b"\n"):
            line = handle.readline(MAX_LINE_BYTES)
        raise ValueError(f"the line is longer than {MAX_LINE_BYTES >> 20} MB")
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        return None
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(
            "not UTF-8; convert the file, for instance with `iconv -f latin1 -t utf-8`"
        ) from None
    row = parse_json(text)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    return row


def parse_json(text: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no key twice, no number beyond 64 bits, not nested deeper
    than MAX_DEPTH.

    Raises:
        ValueError: it is not.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_float,
            parse_int=_int,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("not JSON that can be used (nested too deep)") from None
    except ValueError as fault:
        raise ValueError(f"not JSON ({str(fault)[:80]})") from None
    if _deeper(value, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _float(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError("a number out of range")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -(1 << 63) <= (value := int(digits)) < 1 << 64:
        raise ValueError("an integer of more than 64 bits")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(row := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return row


def _deeper(value: Any, depth: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth == 0 or any(
        _deeper(part, depth - 1) for part in parts if isinstance(part, dict | list)
    )


def cleaned(value: Any) -> Any:
    """A JSON value with every text in it made safe by `clean`.

    Raises:
        ValueError: two keys of an object become one.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return _object([(clean(key), cleaned(part)) for key, part in value.items()])
    return [cleaned(part) for part in value] if isinstance(value, list) else value


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or none: to a temporary file beside it, fsynced, then renamed (invariant
    1).
    """
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """As `write_text`, for bytes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes one JSON object a line, atomically."""
    write_text(
        path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    )


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the exam with its 95 % interval and the count behind it."""

    value: float
    low: float
    high: float
    n: int


_SENTENCE_END = re.compile(r"([.!?][\"'”’)\]]*)\s+|([。！？][」』”’）]*)")


def sentences(text: str) -> Sequence[str]:
    """The sentences of a text: ended by . ! ? before white space, by their Chinese and Japanese
    forms, or by a line break.
    """
    return [part.strip() for part in _SENTENCE_END.sub(r"\1\2\n", text).split("\n") if part.strip()]
