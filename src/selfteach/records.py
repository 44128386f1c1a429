"""The values that move between packages: plain, frozen, and readable from JSON.

A *request* asks for one answer; a *completion* is that answer. An *example* is one training record.
`logp` is the summed natural-log probability of an answer, `token_logp` is per token, both in nats.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from selfteach.errors import DataError, UsageError
from selfteach.text import clean_text

JsonObject = dict[str, Any]
"""A JSON object: of a file, of the ledger, or of a reply."""
JsonMapping = Mapping[str, Any]
"""A JSON object that is read and not changed."""
Role = Literal["system", "user", "assistant"]
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Message:
    """Represent one turn of a conversation."""

    role: Role
    content: str


Turns = tuple[Message, ...]
"""The messages of a chat."""
ObjectiveWeights = Mapping[str, Mapping[str, float]]
"""For each kind of example, objectives with weights: `{"violation": {"sft": 1.0}}`."""
Prompt = tuple[Message, ...] | str
"""Messages, rendered through the model's chat template; or plain text that the model continues as
it stands.
"""


FindViolations = Callable[[Sequence[tuple[Prompt, str]]], list[bool]]
"""Returns which of the answers to prompts break a rule."""


def make_prompt(text: str, *, system: str = "") -> tuple[Message, ...]:
    """Return the most common prompt: one user turn, after a system message if there is one."""
    return ((Message("system", system),) if system else ()) + (Message("user", text),)


def make_worked_example(prompt: Turns, answer: str) -> Turns:
    """Return a worked example as turns: the prompt without its system message, then the answer."""
    shown = [turn for turn in prompt if turn.role != "system"]
    return (*shown, Message("assistant", answer))


def add_worked_turns(worked: Turns, prompt: Turns) -> Turns:
    """Return a prompt with worked turns before it; a system message of its own stays first, where
    alone chat templates take one.
    """
    system = prompt[:1] if prompt[0].role == "system" else ()
    return (*system, *worked, *prompt[len(system) :])


def get_user_text(prompt: Prompt) -> str:
    """Return the words of the last user turn: what a person would call "the prompt"."""
    if isinstance(prompt, str):
        return prompt
    return next((m.content for m in reversed(prompt) if m.role == "user"), "")


def dump_canonical_json(value: Any) -> str:
    """Return canonical JSON: sorted keys, no spaces, text unescaped. Ids are hashed from it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Return the first 24 hexadecimal digits of SHA-256 over canonical JSON."""
    data = dump_canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:24]


def prompt_to_json(prompt: Prompt) -> Any:
    """Return a prompt as JSON: a string, or a list of {role, content}."""
    if isinstance(prompt, str):
        return prompt
    return [{"role": message.role, "content": message.content} for message in prompt]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Hold the parameters of sampling.

    Temperature 0 is greedy. `max_tokens` bounds the answer; `stop` ends it before any of these
    texts.

    Raises:
        UsageError: the temperature is negative, infinite or NaN, or top_p is not in (0, 1].
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a temperature or a share of probability that nothing can be sampled at."""
        if not 0 <= self.temperature < math.inf:
            raise UsageError(
                "must be a finite number of 0 or more.", where="temperature", cure="0 is greedy."
            )
        if not 0 < self.top_p <= 1:
            raise UsageError(
                "must be above 0, and 1 at most.", where="top_p", cure="1 leaves out no token."
            )


GREEDY = SamplingParams(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for one answer.

    `draw` numbers the completions of one prompt; `seed` is the run's.
    """

    stage: str
    prompt: Prompt
    sampling: SamplingParams = SamplingParams()
    draw: int = 0
    seed: int = 0

    def id(self, fingerprint: str) -> str:
        """Return the hash of all that determines the answer (invariant 2)."""
        sampling = {
            "temperature": float(self.sampling.temperature),
            "top_p": float(self.sampling.top_p),
            "max_tokens": self.sampling.max_tokens,
            "stop": self.sampling.stop,
        }
        return digest(
            [self.stage, fingerprint, prompt_to_json(self.prompt), sampling, self.draw, self.seed]
        )


def derive_seed(request_id: str) -> int:
    """Return the random seed of a request, in [0, 2^63), derived from its id alone."""
    return int(request_id[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class Completion:
    """Hold one sampled answer.

    `finish` is "stop", or "length" if `max_tokens` ended it; `tokens` counts the answer's tokens.
    `reused_tokens` counts prompt tokens that the engine had computed before, for another
    completion.
    """

    id: str
    text: str
    finish: Literal["stop", "length"] = "stop"
    tokens: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = field(default=0, compare=False)


def fields_to_json(record: SamplingParams | Completion) -> JsonObject:
    """Return the fields of a flat record by name, without the deep copy of `dataclasses.asdict`."""
    return {own.name: getattr(record, own.name) for own in fields(record)}


@dataclass(frozen=True, slots=True)
class Continuations:
    """Hold texts to be scored after one prompt.

    `end` scores an answer in a chat with its end-of-turn token.
    """

    prompt: Prompt
    texts: tuple[str, ...]
    end: bool = False

    def id(self, fingerprint: str) -> str:
        """Return the hash of all that determines the score."""
        return digest(
            ["score", fingerprint, prompt_to_json(self.prompt), list(self.texts), self.end]
        )


@dataclass(frozen=True, slots=True)
class LogProb:
    """Hold log p(text | prompt) in nats, summed over `tokens` tokens."""

    logp: float
    tokens: int

    @property
    def token_logp(self) -> float:
        """Return nats per token."""
        return self.logp / max(self.tokens, 1)


ItemScores = tuple[str, tuple[LogProb, ...]]
"""The id of a `Continuations`, and the log-probability of each of its texts."""
ExampleRole = Literal["learn", "hold"]
"""`learn`: examples of the material. `hold`: the base's own answers, or answers that needed no
correction; they hold the base in place."""
LEARN: ExampleRole = "learn"
HOLD: ExampleRole = "hold"
GENERAL = "general"
"""The kind of examples outside the material."""
HELD_KINDS = ("near", "general", "kept")
"""Kinds of examples that hold the base in place by default."""


_LINE = re.compile(r":\d+$")
"""How a place in a file ends."""


@dataclass(frozen=True, slots=True)
class Example:
    """Represent one training record.

    `kind` chooses the objectives (`in_scope`, `near`, `general`, ...); `rejected` may be absent.
    `role` tells whether the example is learned or holds the base in place; by default it follows
    from `HELD_KINDS`.

    `prompt`, `chosen` and `rejected` are written as messages, or as texts if the prompt is one, so
    that `datasets` and every TRL trainer load them unchanged.
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
        """Return the prompt as messages."""
        return make_prompt(self.prompt) if isinstance(self.prompt, str) else self.prompt

    @property
    def place(self) -> str:
        """Return the file and the line that it is from, for messages; without them its id."""
        found = self.source.get("from")
        is_line = isinstance(found, str) and _LINE.search(found)
        return str(found) if is_line else f"example {self.id}"

    def to_json(self) -> dict[str, Any]:
        """Return the row of examples.jsonl."""
        return {
            "id": self.id,
            "kind": self.kind,
            "role": self.role,
            "prompt": prompt_to_json(self.prompt),
            "chosen": self._format_answer(self.chosen),
            "rejected": self._format_answer(self.rejected) if self.rejected is not None else None,
            "scores": dict(self.scores),
            "source": dict(self.source),
        }

    def _format_answer(self, text: str) -> Any:
        return text if isinstance(self.prompt, str) else [{"role": "assistant", "content": text}]

    @staticmethod
    def from_json(row: Mapping[str, Any], where: str = "") -> Example:
        """Return the example of a row of `to_json`.

        Raises:
            DataError: a field is missing or has another form.
        """
        role = row.get("role")
        try:
            if role not in ("learn", "hold", None):
                raise ValueError("a role of learn or hold")
            return Example(
                id=str(row["id"]),
                kind=str(row["kind"]),
                prompt=_parse_prompt(row["prompt"], where),
                chosen=_parse_answer(row["chosen"]),
                rejected=_parse_answer(row["rejected"])
                if row.get("rejected") is not None
                else None,
                scores=dict(row.get("scores") or {}),
                source=dict(row.get("source") or {}),
                role=role,
            )
        except (KeyError, ValueError, TypeError) as fault:
            raise DataError(
                f"not an example: {fault} is missing or malformed.",
                where=where,
                cure="See docs/reference/formats.md.",
            ) from fault


def _parse_prompt(value: Any, where: str) -> Prompt:
    return clean_text(value) if isinstance(value, str) else parse_messages(value, where)


def _parse_answer(turns: Any) -> str:
    """Return the words of an answer: a list that ends in the assistant's turn, or the words."""
    last = turns[-1] if isinstance(turns, list) and turns else {"content": turns}
    if not isinstance(last, dict) or not isinstance(last.get("content"), str):
        raise ValueError("an answer")
    return clean_text(last["content"])


def parse_messages(value: Any, where: str = "") -> tuple[Message, ...]:
    """Return messages from JSON: a list of {role, content}, or a string for one user turn.

    Raises:
        DataError: another form, an unknown role, or no turn at all.
    """
    if isinstance(value, str):
        return make_prompt(clean_text(value))
    if not isinstance(value, list) or not value:
        raise DataError(
            "a prompt must be a text or a list of messages.",
            where=where,
            cure='Write {"role": "user", "content": "..."}.',
        )
    turns = []
    for turn in value:
        content = _join_blocks(turn.get("content")) if isinstance(turn, dict) else None
        if content is None or turn.get("role") not in ROLES:
            raise DataError(
                f"not a message: {str(turn)[:80]!r}.",
                where=where,
                cure=f"Give a role of {', '.join(ROLES)} and a content, which is a text.",
            )
        turns.append(Message(turn["role"], clean_text(content)))
    return tuple(turns)


def _join_blocks(content: Any) -> str | None:
    """Return a message's text, also of a list of text blocks; None of any other content."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return None
    texts = []
    for block in content:
        is_text = isinstance(block, dict) and block.get("type") == "text"
        if not is_text or not isinstance(block.get("text"), str):
            return None
        texts.append(block["text"])
    return "".join(texts)


NO_WIDTH = 1e-12
"""The width up to which the two ends of an interval differ by rounding alone."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Hold a number of the exam with its 95 % interval and the count behind it.

    Where nothing tells how far chance moves the number, `low` and `high` are the value itself:
    every resample is equal, and the range of a unit is not known.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def has_interval(self) -> bool:
        """Return whether anything tells how far chance moves the number."""
        return self.high - self.low > NO_WIDTH


def measures_to_json(value: Any) -> Any:
    """Return measures, and mappings and lists of them, as JSON."""
    if isinstance(value, Measure):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: measures_to_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [measures_to_json(part) for part in value]
    return value
