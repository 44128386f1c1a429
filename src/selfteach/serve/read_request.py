"""The bodies of OpenAI's requests, as far as this server knows them.

What would change an answer and is not known here is refused. Other keys are ignored, as OpenAI's
own servers do with keys that are newer than they are.
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from selfteach.records import Message, Prompt, SamplingParams
from selfteach.text import clean_text

DEFAULT_MAX_TOKENS = 512
MAX_CHOICES = 16
MAX_STOPS = 16
MAX_STOP_CHARS = 1000
MAX_TOP_CHAT = 20
MAX_TOP_TEXT = 5
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
    "best_of": (None, 1),
    "suffix": (None, ""),
    "echo": (None, False),
    "top_k": (None, 0, -1),
    "min_p": (None, 0),
    "repetition_penalty": (None, 1),
    "repeat_penalty": (None, 1),
    "min_tokens": (None, 0),
    "chat_template_kwargs": (None, {}, {"enable_thinking": False}),
    "tool_choice": (None, "none", "auto"),
    "function_call": (None, "none", "auto"),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "web_search_options": (None,),
    "guided_choice": (None,),
    "guided_json": (None,),
    "guided_regex": (None,),
    "guided_grammar": (None,),
    "structured_outputs": (None,),
    "grammar": (None, ""),
    "json_schema": (None,),
    "stop_token_ids": (None, []),
    "allowed_token_ids": (None,),
    "bad_words": (None, []),
    "ignore_eos": (None, False),
    "use_beam_search": (None, False),
    "length_penalty": (None, 1),
    "typical_p": (None, 1),
}
"""Keys that would change the answer, with the values that do not."""


class RequestFault(Exception):
    """Report a request that cannot be answered as it stands.

    Attributes:
        status: the code of HTTP.
        param: the key of the body that is wrong, or None.
    """

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class StreamOptions(BaseModel):
    """Hold the options of a streamed answer."""

    include_usage: bool = False


class ContentPart(BaseModel):
    """Hold a part of a message; only texts are known."""

    type: Literal["text"]
    text: str


class ChatTurn(BaseModel):
    """Hold one turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart]

    @field_validator("content", mode="before")
    @classmethod
    def check_content(cls, value: Any) -> Any:
        """Refuse a part that is no text, such as an image, and content that is no list of parts."""
        if isinstance(value, str):
            return value
        if not isinstance(value, list):
            raise ValueError("must be a text, or a list of parts of the type text")
        for part in value:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "text" and isinstance(kind, str):
                raise ValueError(
                    f'a part of the type "{clean_text(kind[:40])}" is not supported; this server '
                    "reads text alone"
                )
            if kind != "text" or not isinstance(part.get("text"), str):
                raise ValueError('a part must be {"type": "text", "text": "..."}')
        return value

    def to_message(self) -> Message:
        """Return the turn as the model reads it."""
        content = self.content
        if not isinstance(content, str):
            content = "".join(part.text for part in content)
        role = "system" if self.role == "developer" else self.role
        return Message(role, clean_text(content))


class SamplingBody(BaseModel):
    """Hold the keys that both kinds of requests have."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    model: str
    temperature: float | None = Field(default=None, ge=0, le=100, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = Field(default=None, ge=-(1 << 63), lt=1 << 63)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @field_validator("stop")
    @classmethod
    def check_stops(cls, value: str | list[str] | None) -> str | list[str] | None:
        """Refuse empty stop texts, long ones, and more than MAX_STOPS."""
        stops = [value] if isinstance(value, str) else value or []
        if len(stops) > MAX_STOPS or not all(stops):
            raise ValueError(f"at most {MAX_STOPS} texts that are not empty")
        if max(map(len, stops), default=0) > MAX_STOP_CHARS:
            raise ValueError(f"at most {MAX_STOP_CHARS} characters in each")
        return value

    def make_sampling(self) -> SamplingParams:
        """Return the parameters of sampling. The default temperature is 1, as in OpenAI's API."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return SamplingParams(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS,
            stop=tuple(stops),
        )

    def choose_seed(self) -> int:
        """Return the seed of the request, or else a new one."""
        return int.from_bytes(os.urandom(6), "big") if self.seed is None else self.seed

    @property
    def has_usage_chunk(self) -> bool:
        """Return whether the last chunk of a stream counts the tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatBody(SamplingBody):
    """Hold the body of /v1/chat/completions."""

    messages: list[ChatTurn] = Field(min_length=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_CHAT)

    @property
    def num_top(self) -> int | None:
        """Return how many tokens to list with their log-probabilities; None records none."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @field_validator("messages")
    @classmethod
    def check_messages(cls, turns: list[ChatTurn]) -> list[ChatTurn]:
        """Refuse a conversation without a user: the model would write the user's message."""
        if not any(turn.role == "user" for turn in turns):
            raise ValueError("a conversation needs a message of the user")
        return turns

    def count_prompts(self) -> int:
        """Return the number of conversations."""
        return 1

    def list_prompts(self) -> list[Prompt]:
        """Return the conversation."""
        return [tuple(turn.to_message() for turn in self.messages)]


class TextBody(SamplingBody):
    """Hold the body of /v1/completions: texts that the model continues."""

    prompt: str | list[str] = Field(min_length=1)
    logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_TEXT)

    @field_validator("logprobs", mode="before")
    @classmethod
    def read_no_logprobs(cls, value: Any) -> Any:
        """Take `false` for none, as vLLM does; a number says how many."""
        if value is True:
            raise ValueError("a number says how many log-probabilities to list")
        return None if value is False else value

    @property
    def num_top(self) -> int | None:
        """Return how many tokens to list with their log-probabilities; None records none."""
        return self.logprobs

    def count_prompts(self) -> int:
        """Return the number of texts."""
        return 1 if isinstance(self.prompt, str) else len(self.prompt)

    def list_prompts(self) -> list[Prompt]:
        """Return the texts."""
        given = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        return [clean_text(text) for text in given]


Schema = TypeVar("Schema", bound=BaseModel)


def parse_body(data: bytes, schema: type[Schema]) -> Schema:
    """Return the body of a request.

    Raises:
        RequestFault: it is no JSON, has a wrong value, or asks for what is not known here.
    """
    try:
        body = schema.model_validate_json(data)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise RequestFault(400, f"{place or 'the body'}: {what}", place or None) from None
    for key, neutral in NEUTRAL.items():
        if (body.model_extra or {}).get(key) not in neutral:
            raise RequestFault(400, f"{key} is not supported by this server.", key)
    return body
