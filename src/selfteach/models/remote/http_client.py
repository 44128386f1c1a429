"""One exchange with an OpenAI-compatible server, through the openai SDK but with our own checks.

The SDK provides paths, headers, proxies and the connection pool. It is not trusted with the rest:
it would follow redirects, retry a spent quota, read a body without end, return a `str` for an HTML
page and accept `choices: null`. So its retries are off, this module reads every body under a byte
limit and one total deadline, and only a whole and well-formed answer becomes a `Reply`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from selfteach.errors import EndpointError, UsageError
from selfteach.models.remote.keys import redact_json, redact_keys
from selfteach.models.remote.retry import (
    QUOTA_CODES,
    RequestRefused,
    TransientError,
    classify_http_error,
    parse_retry_after_s,
)
from selfteach.records import JsonMapping, JsonObject
from selfteach.text import clean_text

if TYPE_CHECKING:
    import openai

CONNECT_TIMEOUT_S = 10.0
PLAIN = {"Accept-Encoding": "identity"}
MAX_ERROR_CHARS = 160
MIN_SECRET_CHARS = 8
MIN_LOGP = -700.0
"""Below this, log-probabilities in nats mean "not known" (OpenAI writes -9999): e^-700 is the least
that a float holds well."""
MAX_LOGP = 0.01
"""Above 0 only by a server's rounding."""
STATUS_OF_CODE = {
    "rate_limit_exceeded": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
}
FINISHES: Mapping[str, Literal["stop", "length"]] = {
    "stop": "stop",
    "length": "length",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "model_length": "length",
}
"""How an answer ended, by the word of the server: two are TGI's, "eos" is Together's, and
"model_length" is Mistral's.
"""
T = TypeVar("T")
ApiPath = Literal["chat/completions", "completions", "models"]


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a whole answer.

    `served` is the model that the server reports, `build` what it computes with (OpenAI's
    `system_fingerprint`). `top_logprobs` maps first tokens to log-probabilities, or is None.
    """

    text: str
    finish: Literal["stop", "length"]
    tokens: int
    prompt_tokens: int
    served: str
    top_logprobs: Mapping[str, float] | None = None
    build: str = ""


@dataclass(frozen=True)
class EndpointConnection:
    """Connect to one endpoint.

    It holds the name of the key's environment variable, never the key.
    """

    url: str
    key_env: str
    timeout_s: float
    max_bytes: int

    def check_key(self) -> None:
        """Refuse a key that cannot be sent, or that would travel unencrypted.

        Raises:
            UsageError: the variable does not hold a key, or the server is remote and without TLS.
        """
        if not (key := self._get_key()):
            return
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                "does not hold a key (spaces, line breaks or unusual letters).",
                where=self.key_env,
                cure="Set it to the key alone.",
            )
        if self.url.startswith("http://") and not _is_local(self.url):
            raise UsageError(
                f"the key in {self.key_env} would travel unencrypted.",
                where=self.url,
                cure=f"Use https, or unset {self.key_env} where the server wants no key.",
            )

    def open_client(self) -> openai.AsyncOpenAI:
        """Return a client for one event loop, to be closed by `async with`."""
        import openai

        return openai.AsyncOpenAI(
            base_url=self.url,
            api_key=self._get_key() or "none",
            max_retries=0,
            http_client=self._open_http(),
            default_headers=PLAIN,
        )

    def _open_http(self) -> openai.DefaultAsyncHttpxClient:
        import openai

        return openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            trust_env=not _is_local(self.url),  # no proxy sees what is sent to this machine
            event_hooks={"response": [self._check_response]},
            timeout=openai.Timeout(self.timeout_s, connect=min(CONNECT_TIMEOUT_S, self.timeout_s)),
        )

    async def post(self, path: str, body: JsonMapping) -> None:
        """Send one request beside the protocol, whose answer tells nothing but its status.

        Raises:
            TransientError, RequestRefused, EndpointError: see `retry`.
        """
        headers = PLAIN | {"Authorization": f"Bearer {self._get_key() or 'none'}"}

        async def exchange() -> bytes:
            async with (
                self._open_http() as http,
                http.stream("POST", f"{self.url}/{path}", json=body, headers=headers) as response,
            ):
                return await self._read_body(response.headers, response.aiter_bytes())

        await self._bound(exchange())

    async def send(
        self, client: openai.AsyncOpenAI, path: ApiPath, body: JsonMapping
    ) -> JsonObject:
        """Send one request and return the JSON object of a 2xx answer.

        Raises:
            TransientError, RequestRefused, EndpointError: see `retry`.
        """

        async def exchange() -> JsonObject:
            return self._parse_object(await self._request_body(client, path, body))

        return await self._bound(exchange())

    async def _bound(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Return the result of an exchange within the deadline, or raise one of our own faults."""
        fault: Exception
        try:
            async with asyncio.timeout(self.timeout_s):
                return await exchange
        except TimeoutError:
            fault = TransientError(f"no whole answer within {self.timeout_s:g} s", down=True)
        except (TransientError, RequestRefused, EndpointError) as own:
            fault = own
        # The SDK and the library under it have many exceptions; each wraps one of ours, or is a
        # lost connection.
        except Exception as other:
            fault = _find_own_fault(other) or TransientError(
                f"the connection failed ({self._redact(_describe_root_cause(other))})", down=True
            )
        # Outside of `except`: the SDK's own exceptions carry the request, and with it the key.
        raise fault.with_traceback(None)

    async def _request_body(
        self, client: openai.AsyncOpenAI, path: ApiPath, body: JsonMapping
    ) -> bytes:
        raw = client.with_streaming_response
        create: Any = {
            "models": raw.models.list,
            "chat/completions": raw.chat.completions.create,
            "completions": raw.completions.create,
        }[path]
        async with create(**body) as response:
            return await self._read_body(response.headers, response.iter_bytes())

    async def _check_response(self, response: Any) -> None:
        """Check each response before its body is read.

        Refusals are read and classified here, because the SDK would read them without end.
        """
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise TransientError("a compressed answer, which was not requested")
        if 200 <= response.status_code < 300:
            return
        error = self._extract_error(await self._read_body(response.headers, response.aiter_bytes()))
        raise self._make_fault(response.status_code, error, parse_retry_after_s(response.headers))

    async def _read_body(self, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> bytes:
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > self.max_bytes:
                raise TransientError(f"an answer of more than {self.max_bytes} bytes")
        promised = headers.get("content-length", "")
        if promised.isdecimal() and int(promised[:18]) != len(data):
            raise TransientError(f"{len(data)} bytes of {promised[:18]} promised")
        return bytes(data)

    def _parse_object(self, data: bytes) -> JsonObject:
        try:
            received = json.loads(data)
            value = redact_json(received, self._get_secret())
        except (ValueError, RecursionError):
            kinds = {b"": "an empty body", b"<": "an HTML page"}
            kind = kinds.get(data.strip()[:1], "a body that is not JSON")
            raise TransientError(f"{kind} instead of an answer") from None
        if not isinstance(value, dict):
            raise TransientError("JSON that is not an object instead of an answer")
        if value.get("error"):
            raise self._make_fault(_get_error_status(value["error"]), value["error"], 0.0)
        if value.get("choices") != received.get("choices"):
            raise RequestRefused("an answer that repeats the key")
        return value

    def _extract_error(self, data: bytes) -> Any:
        """Return the error inside the body of a refusal, in any form."""
        try:
            value = redact_json(json.loads(data), self._get_secret())
        except (ValueError, RecursionError):
            is_page = data.lstrip()[:1] == b"<"
            return "" if is_page else data.decode("utf-8", "replace")
        return value.get("error", value) if isinstance(value, dict) else ""

    def _make_fault(self, status: int, error: Any, wait_s: float) -> Exception:
        error = error if isinstance(error, dict) else {"message": error}
        codes = [code for code in (error.get("code"), error.get("type")) if isinstance(code, str)]
        codes.sort(key=lambda code: code not in QUOTA_CODES)
        return classify_http_error(
            status,
            codes[0] if codes else "",
            self._redact(str(error.get("message") or "")),
            wait_s,
            url=self.url,
            key_env=self.key_env,
        )

    def _redact(self, words: str) -> str:
        """Return words of the server or of a library, short and without any key."""
        words = " ".join(clean_text(words).split())
        return redact_keys(words, self._get_secret())[:MAX_ERROR_CHARS]

    def _get_key(self) -> str:
        return os.environ.get(self.key_env, "").strip() if self.key_env else ""

    def _get_secret(self) -> str:
        """Return the key, or "" for a word like `none`, which answers may hold."""
        key = self._get_key()
        return key if len(key) >= MIN_SECRET_CHARS else ""

    def parse_reply(self, value: JsonMapping, *, may_be_empty: bool = False) -> Reply:
        """Parse an answer; refuse a malformed one, and an empty one unless it may be empty.

        Raises:
            TransientError: a field is missing or of another kind.
            RequestRefused: no answer by the server's decision (filtered, a tool call, empty), one
                that repeats the key, or numbers that are no log-probabilities.
        """
        choices = value.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise TransientError("an answer without choices")
        choice = choices[0]
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else choice.get("text")
        if isinstance(text, list):
            text = _join_text_parts(text)
        finish = choice.get("finish_reason")
        if finish == "length" and isinstance(message, dict) and text is None:
            text = ""  # the model's thoughts took all tokens; another attempt would be the same
        if finish == "content_filter" or (isinstance(message, dict) and message.get("refusal")):
            raise RequestRefused("filtered by the server")
        if finish in ("tool_calls", "function_call"):
            raise RequestRefused("a tool call instead of an answer")
        if not isinstance(text, str):
            raise TransientError("an answer without text")
        if not isinstance(finish, str) or finish not in FINISHES:
            raise TransientError(
                f"an answer that is not finished (finish_reason {str(finish)[:20]!r})"
            )
        if not may_be_empty and not text.strip():
            raise RequestRefused("an empty answer")
        text = clean_text(text)
        key = self._get_secret()
        if key and key in text:  # only cleaning made it one word
            raise RequestRefused("an answer that repeats the key")
        usage = value.get("usage") if isinstance(value.get("usage"), dict) else {}
        return Reply(
            text,
            FINISHES[finish],
            _read_count(usage, "completion_tokens"),
            _read_count(usage, "prompt_tokens"),
            _read_name(value, "model", key),
            _read_top_logprobs(choice),
            _read_name(value, "system_fingerprint", key),
        )


def _join_text_parts(parts: Sequence[Any]) -> str:
    """Return the text of an answer in parts, without thoughts and other kinds of parts."""
    rows = [part for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    texts = [row.get("text") for row in rows]
    return "".join(text for text in texts if isinstance(text, str))


def _read_name(value: JsonMapping, part: str, key: str) -> str:
    """Return a name in a reply on one line, without the key; "" for none."""
    name = value.get(part)
    return (
        redact_json(" ".join(clean_text(name).split()), key)[:MAX_ERROR_CHARS]
        if isinstance(name, str)
        else ""
    )


def _is_local(url: str) -> bool:
    """Return whether a URL names this machine. Any other name may lead elsewhere."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _get_error_status(error: Any) -> int:
    """Return the HTTP status of an error inside a 200; 500 if it names none."""
    if not isinstance(error, dict):
        return 500
    for named in (
        error.get("status"),
        error.get("code"),
        STATUS_OF_CODE.get(str(error.get("code"))),
        STATUS_OF_CODE.get(str(error.get("type"))),
    ):
        if isinstance(named, int) and 400 <= named < 600:
            return named
    return 500


def _find_own_fault(fault: BaseException | None) -> Exception | None:
    """Return our own fault inside the SDK's: some of its versions wrap a hook's fault."""
    while fault is not None and not isinstance(
        fault, TransientError | RequestRefused | EndpointError
    ):
        fault = fault.__cause__
    return fault


def _describe_root_cause(fault: BaseException) -> str:
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__


def _read_count(usage: Any, name: str) -> int:
    count = usage.get(name)
    return count if type(count) is int and 0 <= count < 10**9 else 0


def _read_top_logprobs(choice: JsonMapping) -> Mapping[str, float] | None:
    """Return log-probabilities of the first token, or None if the server gives none.

    Chat gives a list of objects, the older completions a mapping.

    Raises:
        RequestRefused: a number among them is no log-probability.
    """
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        return None
    listed = logprobs.get("content") or logprobs.get("top_logprobs")
    first = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(first, dict):
        return None
    pairs: list[tuple[Any, Any]]
    entries = first.get("top_logprobs")
    if isinstance(entries, list):
        rows = [entry for entry in entries if isinstance(entry, dict)]
        pairs = [(entry.get("token"), entry.get("logprob")) for entry in rows]
    else:
        pairs = list(first.items())
    top = {
        token: logp
        for token, logp in pairs
        if isinstance(token, str) and type(logp) in (int, float) and logp >= MIN_LOGP
    }
    if any(logp > MAX_LOGP for logp in top.values()):
        raise RequestRefused("a log-probability above 0")
    return {token: float(logp) for token, logp in top.items()} or None
