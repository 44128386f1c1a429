"""The answers of one request, whole or as a stream of server-sent events, in OpenAI's form."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

from selfteach import records
from selfteach.errors import SelfteachError
from selfteach.models.pending import PendingCompletion, decode_answer
from selfteach.records import JsonObject
from selfteach.serve.batch_engine import Generation
from selfteach.serve.lesson_rows import RowLessons
from selfteach.serve.read_request import ChatBody, RequestFault, TextBody
from selfteach.serve.served_models import ServedModels
from selfteach.serve.token_names import describe_token, name_tokens
from selfteach.serve.token_places import TokenPlaces
from selfteach.text import REPLACEMENT, cut_at_stop

LONG_CHARS = 4096
"""A longer prompt takes more than a few milliseconds to be encoded."""


class AnswerSet:
    """Hold the answers of one request: `n` for each of its prompts."""

    def __init__(
        self, served: ServedModels, body: ChatBody | TextBody, lessons: RowLessons
    ) -> None:
        self._served = served
        self._body = body
        self._is_chat = isinstance(body, ChatBody)
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._deadline = self._loop.time() + served.timeout_s
        self._id = f"{'chatcmpl' if self._is_chat else 'cmpl'}-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._lessons = lessons
        self._samples = body.n or 1
        self.generations: list[Generation] = []
        self._places: list[TokenPlaces] = []

    async def begin(self) -> None:
        """Encode the prompts, and put the answers into the queue.

        A prompt that is given again gets other samples. Other requests are served between two
        prompts.

        Raises:
            RequestFault: more answers are wanted than may ever wait.
            UnfitPrompt: a prompt does not fit.
            QueueFull: they do not fit into the queue now.
        """
        self._refuse_too_many()
        body, engine = self._body, self._served.engine
        sampling = body.make_sampling()
        seed = body.choose_seed()
        drawn: Counter[records.Prompt] = Counter()
        for prompt in body.list_prompts():
            for _ in range(self._samples):
                asked = records.Request("serve", prompt, sampling, drawn[prompt], seed)
                drawn[prompt] += 1
                row = await self._prepare(asked)
                made = Generation(row, self._lessons, self._notify, body.num_top)
                self.generations.append(made)
            await asyncio.sleep(0)
        self._places = [TokenPlaces(engine.hf, made.row.begun) for made in self.generations]
        engine.add(self.generations)

    async def _prepare(self, asked: records.Request) -> PendingCompletion:
        """Return a request with its tokens; others are served while a long one is encoded."""
        engine = self._served.engine
        prompt = asked.prompt
        texts = [prompt] if isinstance(prompt, str) else [turn.content for turn in prompt]
        if sum(map(len, texts)) > LONG_CHARS:
            return await asyncio.to_thread(engine.prepare, asked)
        return engine.prepare(asked)

    def _refuse_too_many(self) -> None:
        """Refuse a request that no queue could ever take, before anything is computed.

        Raises:
            RequestFault: it is one.
        """
        count = self._body.count_prompts() * self._samples
        limit = self._served.engine.max_waiting
        if count > limit:
            raise RequestFault(
                400,
                f"{count} answers are asked for at once, and at most {limit} may wait; send "
                "fewer prompts in a request, or a smaller n.",
            )

    def cancel(self) -> None:
        """Stop what is not finished."""
        for generation in self.generations:
            self._served.engine.cancel(generation)

    def _notify(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _wait_for_change(self) -> None:
        """Wait until a token or an end has come.

        Raises:
            RequestFault: too much time passed.
        """
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._changed.wait()
        except TimeoutError:
            limit = self._served.timeout_s
            raise RequestFault(504, f"the answer took longer than {limit:g} s.") from None
        self._changed.clear()

    async def wait(self) -> None:
        """Wait until all answers have ended.

        Raises:
            RequestFault: too much time passed, or the computation failed.
        """
        while not all(generation.is_done for generation in self.generations):
            await self._wait_for_change()
        for generation in self.generations:
            if generation.fault:
                raise make_request_fault(generation.fault)

    def to_json(self) -> JsonObject:
        """Return the body of a whole answer."""
        choices = []
        for index, generation in enumerate(self.generations):
            done = generation.completion
            assert done is not None
            logprobs = self._describe_logps(index, done.text)
            content: JsonObject = {"text": done.text, "logprobs": logprobs}
            if self._is_chat:
                message = {"role": "assistant", "content": done.text}
                content = {"message": message, "logprobs": logprobs}
            choices.append({"index": index, **content, "finish_reason": done.finish})
        return {**self._make_head(), "choices": choices, "usage": self._count_usage()}

    def _make_head(self, *, chunk: bool = False) -> JsonObject:
        name = "text_completion"
        if self._is_chat:
            name = "chat.completion.chunk" if chunk else "chat.completion"
        return {
            "id": self._id,
            "object": name,
            "created": self._created,
            "model": self._body.model,
            "system_fingerprint": self._served.engine.hf.fingerprint,
        }

    def _count_usage(self) -> JsonObject:
        firsts = self.generations[:: self._samples]  # the samples of a prompt share its tokens
        prompt_tokens = sum(len(generation.row.prompt_ids) for generation in firsts)
        sampled = sum(len(generation.row.ids) for generation in self.generations)
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": sampled,
            "total_tokens": prompt_tokens + sampled,
        }

    async def stream(self) -> AsyncIterator[str]:
        """Yield the answers as server-sent events; whoever leaves early cancels what is left."""
        sent = [""] * len(self.generations)
        ended = [False] * len(self.generations)
        try:
            if self._is_chat:
                for index in range(len(self.generations)):
                    yield self._make_event(index, {"role": "assistant", "content": ""}, None)
            while not all(ended):
                await self._wait_for_change()
                for index, generation in enumerate(self.generations):
                    if ended[index]:
                        continue
                    ended[index] = generation.is_done  # first: the engine goes on meanwhile
                    if generation.fault:
                        raise make_request_fault(generation.fault)
                    text = self._read_text(generation)
                    before = sent[index]
                    if text.startswith(before) and len(text) > len(before):
                        sent[index] = text
                        logprobs = self._describe_logps(index, text, len(before))
                        delta = {"content": text[len(before) :]}
                        yield self._make_event(index, delta, None, logprobs)
                    if ended[index] and generation.completion:
                        yield self._make_event(index, {}, generation.completion.finish)
            if self._body.has_usage_chunk:
                chunk = {**self._make_head(chunk=True), "choices": [], "usage": self._count_usage()}
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"
        except RequestFault as fault:
            body = {"message": str(fault), "type": "server_error", "code": fault.status}
            yield f"data: {json.dumps({'error': body})}\n\n"
        finally:
            self.cancel()

    def _read_text(self, generation: Generation) -> str:
        """Return the text of an answer so far, without what may still change.

        The end of an unfinished text may be a part of a character, or of a stop text.
        """
        if generation.completion:
            return generation.completion.text
        row = generation.row
        hf = self._served.engine.hf
        known = len(row.ids) if generation.num_top is None else len(generation.logps)
        own = [id for id in row.ids[:known] if id not in hf.end_ids]
        text = decode_answer(hf, own, row.begun)
        text = cut_at_stop(text, row.sampling.stop).rstrip(REPLACEMENT)
        held = 0
        for stop in row.sampling.stop:
            for size in range(1, min(len(stop), len(text) + 1)):
                if text.endswith(stop[:size]):
                    held = max(held, size)
        return text[: len(text) - held]

    def _describe_logps(self, index: int, text: str, after: int = 0) -> JsonObject | None:
        """Return the log-probabilities of the tokens of a text that begin at a place or behind it.

        None if nobody wants them.
        """
        generation = self.generations[index]
        if generation.num_top is None:
            return None
        hf = self._served.engine.hf
        ids = generation.row.ids[: len(generation.logps)]  # the engine goes on meanwhile
        places = self._places[index]
        places.read(ids)
        wanted = places.find_between(after, len(text))
        logps = [generation.logps[i] for i in wanted]
        if self._is_chat:
            content = []
            for logp in logps:
                entry = describe_token(hf, logp.token, logp.logp)
                entry["top_logprobs"] = [describe_token(hf, *pair) for pair in logp.top]
                content.append(entry)
            return {"content": content, "refusal": None}
        tokens, top = [], []
        for logp in logps:
            names = name_tokens(hf, [logp.token, *(token for token, _ in logp.top)])
            tokens.append(names[logp.token])
            top.append({names[token]: value for token, value in logp.top})
        return {
            "tokens": tokens,
            "token_logprobs": [logp.logp for logp in logps],
            "top_logprobs": top,
            "text_offset": [places[i] for i in wanted],
        }

    def _make_event(
        self,
        index: int,
        delta: JsonObject,
        finish: str | None,
        logprobs: JsonObject | None = None,
    ) -> str:
        choice: JsonObject = {"index": index, "finish_reason": finish, "logprobs": logprobs}
        if self._is_chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.get("content", "")
        return f"data: {json.dumps({**self._make_head(chunk=True), 'choices': [choice]})}\n\n"


def make_request_fault(fault: Exception) -> RequestFault:
    """Return a fault of the engine as one that a client gets."""
    status = 503 if isinstance(fault, SelfteachError) else 500
    words = str(fault) if isinstance(fault, SelfteachError) else "the computation failed."
    return RequestFault(status, words)
