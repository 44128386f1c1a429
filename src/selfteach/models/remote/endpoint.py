"""An OpenAI-compatible server as a model that samples and judges.

Such servers are vLLM, SGLang, TGI, llama.cpp, Ollama and OpenAI. Messages go to `chat/completions`,
plain text to `completions`. Requests are sent concurrently. retry.py handles bad servers,
networks and accounts (when to send again, when to stop); http_client.py decides whether a reply is
an answer.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import regex

from selfteach.errors import EndpointError, TooManyFailures, UsageError
from selfteach.models.remote.background import stream_results
from selfteach.models.remote.http_client import ApiPath, EndpointConnection, Reply
from selfteach.models.remote.keys import holds_key
from selfteach.models.remote.retry import (
    MAX_LIST_ATTEMPTS,
    NoLogprobs,
    NotOffered,
    Patience,
    RequestForbidden,
    RequestRefused,
    RequestThrottle,
    TransientError,
    make_key_error,
)
from selfteach.records import (
    GREEDY,
    Completion,
    Continuations,
    ItemScores,
    JsonMapping,
    JsonObject,
    LogProb,
    Prompt,
    Request,
    SamplingParams,
    derive_seed,
    digest,
    prompt_to_json,
)
from selfteach.registry import did_you_mean
from selfteach.text import UNSPACED, cut_at_stop

if TYPE_CHECKING:
    import openai

T = TypeVar("T")
MAX_STOPS = 4  # what the protocol allows in one request
MAX_LOGPROBS = 20  # the most that the protocol allows for one token

CONTEXT_SIZES = frozenset(1 << power for power in range(9, 18))
MAX_TOKEN_LETTERS = 24
UNSPACED_LETTERS = 4
_UNSPACED = regex.compile(UNSPACED)
_WORD = regex.compile(rf"(?:(?!{UNSPACED})[\p{{L}}\p{{M}}\p{{N}}_'’])+")
_MARKS_ALONE = regex.compile(
    r"(?:[.,!?;:]|(?<!\S)[^\s\p{L}\p{M}\p{N}])[^\s\p{L}\p{M}\p{N}]*(?=\s|$)"
)

LOST = "endpoint request lost"
LEFT_OUT = "server left out"

# `on_event` reports the retries of stamina, so they need no line on stderr.
logging.getLogger("stamina").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """Hold one exchange: the request, and the function that converts the reply.

    `least_tokens` is the least number of tokens that the prompt can have; `is_counted` says that it
    is the number itself.
    """

    id: str
    path: ApiPath
    body: JsonMapping
    least_tokens: int
    result: Callable[[Reply], T]
    may_be_empty: bool = False
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Hold what happened beside the results, for `on_event`."""

    kind: str
    body: JsonMapping


@dataclass(frozen=True)
class ServerSettings:
    """Hold how servers are asked; `endpoint.*` of the configuration."""

    key_env: str = ""
    concurrency: int = 8
    timeout_s: float = 120.0
    max_wait_s: float = 600.0
    on_event: Callable[[str, JsonMapping], None] = lambda kind, body: None


class Endpoint:
    """Represent a model behind a URL, written as `http://localhost:8000/v1#name`.

    It is a `Sampler` that also scores single words.

    Args:
        address: URL of the API, `#`, and the model's name there; it must hold no key.
        key_env: name of the environment variable that holds the key; "" sends none.
        concurrency: the largest number of simultaneous requests.
        timeout_s: the total deadline of one attempt, from the name look-up to the last byte.
        max_wait_s: the longest pause that the server may demand; at a longer one the run stops and
            can be resumed. It also stops when `Patience` ends.
        max_failures: the share of all requests that may fail, in [0, 1]; one failure is allowed
            unless the share is 0.
        max_bytes: the largest body that is read.
        served: the model that the server must report (as in `served` of an earlier run); "" accepts
            the first reported one.
        on_event: receives each failed attempt, each lost request and the model that answers, in the
            thread that reads the completions.

    Attributes:
        failures: (request id, reason) of each request that got no answer, in order.
        served: the model's name as the server reports it.
        asked: attempts sent, each of which the server may bill.
    """

    def __init__(
        self,
        address: str,
        *,
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout_s: float = 120.0,
        max_wait_s: float = 60.0,
        max_failures: float = 0.1,
        max_bytes: int = 4 << 20,
        served: str = "",
        on_event: Callable[[str, JsonMapping], None] = lambda kind, body: None,
    ) -> None:
        self.url, self.name = parse_address(address)
        self.served = served
        self._builds: set[str] = set()
        self.asked = 0
        self.failures: list[tuple[str, str]] = []
        self._concurrency = max(1, concurrency)
        self._max_wait_s = max_wait_s
        self._patience = Patience(max_wait_s, timeout_s)
        self._max_failures = max_failures
        self._on_event = on_event
        self._requested = self._answered = self._failed = self._forbidden = 0
        self._recorded = 0
        self._scored = self._is_list_forbidden = False
        self._wire = EndpointConnection(self.url, key_env, timeout_s, max_bytes)
        self._wire.check_key()

    def __repr__(self) -> str:
        return f"Endpoint({self.url}#{self.name})"

    @cached_property
    def fingerprint(self) -> str:
        """Return the digest of the URL, the model's name, and what the server lists about it.

        It sends one request, which is not billed.

        Raises:
            EndpointError: it cannot be reached, or refuses the key.
        """
        listed = _get_listed_identity(self._models, self.name)
        return digest(["endpoint", self.url, self.name, listed])

    @cached_property
    def _models(self) -> list[JsonObject]:
        """Return the entries of `GET models`; empty if the server does not offer it."""
        return [entry for listed in stream_results(self._list_models) for entry in listed]

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`; a request without an answer goes into `failures` with its
        reason.

        Raises:
            EndpointError: the server cannot be used (unreachable, key, quota, another model, ...);
                a later run continues from here.
            TooManyFailures: more than `max_failures` of all requests failed.
        """
        by_id = {request.id(self.fingerprint): request for request in requests}
        return self._run([self._make_sample_exchange(id, request) for id, request in by_id.items()])

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yield as `Scorer.stream_scores`, for single words.

        A score is log p in nats of the text as the first answered token, over all its spellings.

        Departs: a word that is not among the server's most probable tokens gets the probability of
        the least probable one listed. This is an upper bound, and the difference to a listed word a
        lower one.

        Raises:
            EndpointError, TooManyFailures: as `stream`; NoLogprobs if the server gives no
                `top_logprobs` from the beginning. A single answer without them is a failure.
        """
        by_id = {item.id(self.fingerprint): item for item in items}
        return self._run([self._make_score_exchange(id, item) for id, item in by_id.items()])

    def count_recorded(self, count: int, scores: bool) -> None:
        """Count answers that a run holds already: a resumed run allows the same share of failures.

        Args:
            scores: whether they are scores, which the server then gives.
        """
        self._recorded += count
        self._scored |= scores

    def _make_sample_exchange(self, id: str, request: Request) -> Exchange[Completion]:
        path, body = self._make_body(request.prompt, request.sampling)
        body["seed"] = derive_seed(id) >> 32  # 31 bits: what every server's integer holds

        def result(reply: Reply) -> Completion:
            return convert_reply(id, reply, request.sampling.stop, reply.prompt_tokens)

        return Exchange(id, path, body, _count_min_tokens(request.prompt), result)

    def _make_score_exchange(self, id: str, item: Continuations) -> Exchange[ItemScores]:
        path, body = self._make_body(item.prompt, replace(GREEDY, max_tokens=1))
        body |= (
            {"logprobs": MAX_LOGPROBS}
            if path == "completions"
            else {"logprobs": True, "top_logprobs": MAX_LOGPROBS}
        )

        def result(reply: Reply) -> ItemScores:
            if reply.top_logprobs is None and self._scored:
                raise RequestRefused("an answer without log-probabilities")
            if reply.top_logprobs is None:
                raise NoLogprobs(
                    "gives no log-probabilities (top_logprobs), so it cannot judge by yes or no.",
                    where=self.url,
                    cure="Choose a server or model that gives them, or give a --check.",
                )
            self._scored = True
            logps = sum_word_logprobs(reply.top_logprobs, item.texts)
            return id, tuple(LogProb(logp, 1) for logp in logps)

        return Exchange(id, path, body, _count_min_tokens(item.prompt), result, may_be_empty=True)

    def _make_body(self, prompt: Prompt, sampling: SamplingParams) -> tuple[ApiPath, JsonObject]:
        body: JsonObject = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.stop:
            body["stop"] = list(sampling.stop[:MAX_STOPS])
        if isinstance(prompt, str):
            return "completions", body | {"prompt": prompt, "max_tokens": sampling.max_tokens}
        # OpenAI deprecates `max_tokens`.
        is_openai = urlsplit(self.url).hostname == "api.openai.com"
        limit = "max_completion_tokens" if is_openai else "max_tokens"
        return "chat/completions", body | {
            "messages": prompt_to_json(prompt),
            limit: sampling.max_tokens,
        }

    def _run(self, exchanges: Sequence[Exchange[T]]) -> Iterator[T]:
        """Yield the results; keep the failures; pass the events on."""
        self._requested += len(exchanges)
        if not exchanges:
            return
        items: Iterator[Any] = stream_results(lambda put: self.send_all(deque(exchanges), put))
        for item in items:
            if not isinstance(item, Event):
                yield item
                continue
            if item.kind == LOST:
                self.failures.append((item.body["id"], item.body["reason"]))
            self._on_event(item.kind, item.body)

    async def _list_models(self, put: Callable[[list[JsonObject]], None]) -> None:
        guard = RequestThrottle(self.url, 1, self._max_wait_s, self._patience)
        async with self._wire.open_client() as client:
            try:
                value = await guard.persist(
                    lambda: self._wire.send(client, "models", {}), MAX_LIST_ATTEMPTS
                )
            except RequestForbidden:  # a key may be allowed to chat, and not to list models
                self._is_list_forbidden = True
                return
            except (NotOffered, RequestRefused):
                return
            except TransientError as fault:
                raise EndpointError(
                    f"cannot be used: {fault}.",
                    where=self.url,
                    cure="See that the server runs and that the URL is right.",
                ) from None
        listed = value.get("data")
        if isinstance(listed, list):
            put([entry for entry in listed if isinstance(entry, dict)])

    async def send_all(self, exchanges: deque[Exchange[T]], put: Callable[[Any], None]) -> None:
        """Send exchanges until none is left, and put their results.

        An exchange that was under way when a fault ends the work is put back, so that another
        server may take it.
        """
        import asyncio

        guard = RequestThrottle(self.url, self._concurrency, self._max_wait_s, self._patience)
        async with self._wire.open_client() as client, asyncio.TaskGroup() as workers:
            for _ in range(min(self._concurrency, len(exchanges))):
                workers.create_task(self._work(client, guard, exchanges, put))

    async def _work(
        self,
        client: openai.AsyncOpenAI,
        guard: RequestThrottle,
        exchanges: deque[Exchange[T]],
        put: Callable[[Any], None],
    ) -> None:
        while exchanges:
            exchange = exchanges.popleft()
            failed: RequestRefused | TransientError | None = None
            try:
                put(await guard.persist(partial(self._answer, client, exchange, put)))
                self._answered += 1
            except (RequestRefused, TransientError) as fault:
                failed = fault
            except BaseException:
                exchanges.appendleft(exchange)
                raise
            # Outside of `except`, so that errors from here do not hold the exchange's frames.
            if failed is not None:
                self._give_up(exchange, failed, exchanges, put)

    def _give_up(
        self,
        exchange: Exchange[T],
        fault: RequestRefused | TransientError,
        exchanges: deque[Exchange[T]],
        put: Callable[[Any], None],
    ) -> None:
        """Report a request that gets no answer; stop where these are too many."""
        put(Event(LOST, {"id": exchange.id, "reason": str(fault)}))
        self._count_failure(fault)

    async def _answer(
        self, client: openai.AsyncOpenAI, exchange: Exchange[T], put: Callable[[Any], None]
    ) -> T:
        self.asked += 1
        try:
            value = await self._wire.send(
                client, exchange.path, {**exchange.body, "model": self.name}
            )
            reply = self._wire.parse_reply(value, may_be_empty=exchange.may_be_empty)
        except TransientError as fault:
            facts = {"id": exchange.id, "reason": str(fault), "wait_s": fault.wait_s}
            if fault.limited:
                facts["patience_s"] = self._patience.total_s
            put(Event("endpoint attempt failed", facts))
            raise
        except NotOffered as fault:
            names = [str(entry.get("id")) for entry in self._models]
            if self.name in names or not names:
                raise
            raise EndpointError(
                f'has no model "{self.name}".', where=self.url, cure=did_you_mean(self.name, names)
            ) from fault
        self._check_served_model(reply, exchange.id, put)
        _refuse_cut_prompt(exchange, reply.prompt_tokens)
        return exchange.result(reply)

    def _check_served_model(self, reply: Reply, id: str, put: Callable[[Any], None]) -> None:
        """Record the model that answers; stop when it is another one than before. One model may be
        computed by several builds, as OpenAI does it: each is recorded.
        """
        if reply.build and reply.build not in self._builds:
            self._builds.add(reply.build)
            put(Event("endpoint build", {"id": id, "now": reply.build}))
        is_older = self.served.startswith(f"{reply.served} ")  # a run that noted the build, too
        if reply.served == self.served or (reply.served and is_older):
            return
        if self.served:
            raise EndpointError(
                f'another model answers: "{reply.served}" instead of "{self.served}".',
                where=self.url,
                cure="Pin the model's exact version in the name after #, or start a new run.",
            )
        put(Event("endpoint model", {"id": id, "before": "", "now": reply.served}))
        self.served = reply.served

    def _count_failure(self, fault: RequestRefused | TransientError) -> None:
        """Count a failure against the allowed share of all requests, recorded ones included."""
        self._failed += 1
        self._forbidden += isinstance(fault, RequestForbidden)
        is_key_refused = self._forbidden == self._failed and not self._answered
        if self._is_list_forbidden and is_key_refused:
            raise make_key_error(str(fault), self.url, self._wire.key_env)
        is_silent = isinstance(fault, TransientError) and not self._answered
        is_down = is_silent and fault.down  # type: ignore[union-attr]
        requested = self._requested + (0 if is_down else self._recorded)
        allowed = max(1.0, self._max_failures * requested) if self._max_failures else 0.0
        if self._failed <= allowed and self._failed < requested:
            return
        summary = f"{self._failed} of {requested} requests failed; the last: {fault}."
        if is_silent:
            raise EndpointError(
                f"has answered nothing: {summary}",
                where=self.url,
                cure="See that the server is well and that the URL is right.",
            )
        if is_key_refused:
            raise make_key_error(str(fault), self.url, self._wire.key_env)
        raise TooManyFailures(
            summary,
            where=self.url,
            cure="See what the server refuses, or allow more with --set max_failures.",
        )


def parse_address(address: str) -> tuple[str, str]:
    """Return the URL and the model name of `http://host:port/v1#name`.

    Raises:
        UsageError: another form, or a key in it. The message never repeats a possible secret.
    """
    example = "Write it as http://localhost:8000/v1#name."
    try:
        parts = urlsplit(address)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        place = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        raise UsageError("the endpoint's address is not a URL.", cure=example) from None
    if (
        parts.username is not None
        or parts.password is not None
        or parts.query
        or holds_key(parts.path)
        or holds_key(parts.fragment)
    ):
        raise UsageError(
            "the endpoint's address holds a key or parameters, which would be stored.",
            where=place,
            cure=(
                "Change the key if it was shown anywhere, put it in the environment "
                "variable OPENAI_API_KEY and leave only URL and name."
            ),
        )
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not address.isprintable()
        or " " in address
    ):
        raise UsageError("the endpoint's address is not an http(s) URL.", cure=example)
    if not parts.fragment:
        raise UsageError(
            "the endpoint's address names no model.",
            where=place + parts.path,
            cure=f"Add # and the name: {place}{parts.path}#name.",
        )
    return place + parts.path.rstrip("/"), parts.fragment


def convert_reply(id: str, reply: Reply, stops: Sequence[str], prompt_tokens: int) -> Completion:
    """Return a reply as a completion, cut before a stop text."""
    text = cut_at_stop(reply.text, stops)
    finish = reply.finish if text == reply.text else "stop"
    return Completion(id, text, finish, reply.tokens, prompt_tokens)


def sum_word_logprobs(top: Mapping[str, float], words: Sequence[str]) -> list[float]:
    """Return log P of each word, summed over its spellings among the most probable tokens.

    Raises:
        RequestRefused: none of the words is among them.
    """
    by_word = defaultdict[str, float](float)
    for token, logp in top.items():
        by_word[_normalize_word(token)] += math.exp(logp)
    wanted = list(map(_normalize_word, words))
    if by_word.keys().isdisjoint(wanted):
        raise RequestRefused(f"none of {', '.join(wanted)} among the most probable tokens")
    least = min(top.values())
    return [math.log(by_word[word]) if word in by_word else least for word in wanted]


def _normalize_word(token: str) -> str:
    """Return a word without spaces, quotes and marks: " Yes", "yes." and "▁YES" are one."""
    return token.strip(" \n\t\"'*.,:▁Ġ").casefold()


def _refuse_cut_prompt(exchange: Exchange[Any], read: int) -> None:
    """Refuse an answer to a part of the prompt: the server names how many tokens it read.

    It read fewer than there are, or exactly a whole context: Ollama cuts to that size. A server
    that names no number, or that of the whole prompt, is believed.
    """
    least = exchange.least_tokens
    if 0 < read < least:
        what = f"the server read {read} tokens of a prompt of at least {least}"
    elif read in CONTEXT_SIZES and not exchange.is_counted:
        what = f"the server read exactly {read} tokens, as a cut prompt has"
    else:
        return
    raise RequestRefused(
        f"{what}: its context is too short"
        " (Ollama: OLLAMA_CONTEXT_LENGTH; llama.cpp: --ctx-size; vLLM: --max-model-len)"
    )


def _count_min_tokens(prompt: Prompt) -> int:
    """Return the least number of tokens of a prompt.

    No common tokenizer joins words across white space, or a word and the mark after it; nor is any
    of more than 24 letters one token. Scripts without spaces have more than one for four letters.
    """
    texts = [prompt] if isinstance(prompt, str) else [m.content for m in prompt]
    text = " ".join(texts)
    words = [-(-len(word) // MAX_TOKEN_LETTERS) for word in _WORD.findall(text)]
    alone = len(_MARKS_ALONE.findall(text))
    return sum(words) + alone + len(_UNSPACED.findall(text)) // UNSPACED_LETTERS


def _get_listed_identity(models: Sequence[JsonMapping], name: str) -> JsonObject:
    """Return the server's entry of the model, without time stamps.

    Some servers renew those at every request. Ollama lists the model "name" as "name:latest". The
    only model of a server may have any name.
    """
    by_id = {str(entry.get("id")): entry for entry in reversed(models)}
    alone = models[0] if len(models) == 1 else {}
    entry = by_id.get(name) or by_id.get(f"{name}:latest") or alone
    return {key: entry[key] for key in ("id", "root", "meta") if entry.get(key) is not None}
