"""The check of an exported file: another program answers the exam's prompts with it.

The reference is the run's own adapter on its base, in float32. Both answer greedily. An export that
differs more often than its number format may is marked as failed, with the prompts where it
differs. Where two answers part, the gap says how much less probable the other token was: rounding
decides near ties, while a lost template, scale or adapter shows in large gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from selfteach.export.ask_llama_cpp import send_to_llama_cpp
from selfteach.files import read_jsonl, read_own_json
from selfteach.models.hf import HfModel
from selfteach.models.silence import silence_libraries
from selfteach.models.tokens import list_end_ids, render_turns
from selfteach.records import (
    GREEDY,
    JsonMapping,
    JsonObject,
    Message,
    Prompt,
    Request,
    derive_seed,
    digest,
    get_user_text,
    make_prompt,
    parse_messages,
    prompt_to_json,
)
from selfteach.text import REPLACEMENT, clean_text

EXAM_FILE = "exam.json"
EXAMPLES_FILE = "examples.jsonl"
CHECK_TOKENS = 32
MAX_DIFFERENCES_SHOWN = 20
MIN_EQUAL = {"f32": 0.99, "f16": 0.99, "bf16": 0.95, "q8_0": 0.95}
"""The share of equal answers that a number format must reach."""
TIE_NATS = 0.02
"""Below this gap the two tokens are a tie, which the last bits of a number decide: no fault."""
BATCH_ROWS = 16
Answering = Callable[[Sequence[Request]], list[JsonObject]]
"""Answers requests: text, finish, tokens and prompt_tokens of each one, in their order."""


@dataclass(frozen=True)
class ExportCheck:
    """Hold the comparison of an exported file with the run's adapter.

    Attributes:
        engine: the program that answered with the exported file; empty if none did.
        reason: why nothing was compared, or an empty text.
        differences: prompt, expected and found answer, at most MAX_DIFFERENCES_SHOWN.
        gaps_nats: of each answer that differs, `measure_gap_nats`, the smallest first.
    """

    engine: str
    prompts: int = 0
    equal: int = 0
    needed: float = 0.0
    reason: str = ""
    differences: Sequence[JsonObject] = ()
    gaps_nats: Sequence[float] = ()

    @property
    def share(self) -> float:
        """Return the share of equal answers."""
        return self.equal / self.prompts if self.prompts else 0.0

    @property
    def ties(self) -> int:
        """Return how many of the other answers part at a tie."""
        return sum(abs(gap) < TIE_NATS for gap in self.gaps_nats)

    @property
    def is_failed(self) -> bool:
        """Return whether too many answers differ, ties left out."""
        return self.equal + self.ties < self.needed * self.prompts

    def to_json(self) -> JsonObject:
        """Return the object of export.json."""
        passed = None if not self.prompts else not self.is_failed
        found = asdict(self) | {"share": self.share, "ties": self.ties}
        return {**found, "passed": passed}


def read_check_prompts(runs: Sequence[Path], count: int) -> list[Prompt]:
    """Return at most `count` prompts of the exams of runs; without an exam, of a run's examples.

    They alternate between the runs and the scopes, so that a small number examines all of them.
    """
    own = [_read_prompts(run, count) for run in runs]
    found: dict[Prompt, None] = {}
    for row in zip_longest(*own):
        found |= {prompt: None for prompt in row if prompt is not None}
    return list(found)[:count]


def _read_prompts(run: Path, count: int) -> list[Prompt]:
    groups: dict[str, list[Prompt]] = {}
    if (run / EXAM_FILE).exists():
        exam = read_own_json(run / EXAM_FILE, "Run the command of this run again.")
        for row in exam.get("answers") or []:
            if isinstance(row.get("prompt"), str):
                groups.setdefault(str(row.get("scope")), []).append(make_prompt(row["prompt"]))
    if not groups and (run / EXAMPLES_FILE).exists():
        for where, row in read_jsonl(run / EXAMPLES_FILE):
            groups.setdefault(str(row.get("kind")), []).append(parse_messages(row["prompt"], where))
    found: dict[Prompt, None] = {}
    longest = max(map(len, groups.values()), default=0)
    for i in range(longest):
        for prompts in groups.values():
            if i < len(prompts) and prompts[i][-1].role == "user":  # type: ignore[union-attr]
                found[prompts[i]] = None
    return list(found)[:count]


def make_check_requests(prompts: Sequence[Prompt]) -> list[Request]:
    """Return the greedy requests of the check."""
    sampling = replace(GREEDY, max_tokens=CHECK_TOKENS)
    return [Request("export check", prompt, sampling) for prompt in prompts]


def answer_with_run(model: HfModel, requests: Sequence[Request]) -> list[str]:
    """Return the answers of the run's own model, in the order of the requests."""
    answers = {done.id: done.text for done in model.stream(requests)}
    return [answers[request.id(model.fingerprint)] for request in requests]


def answer_with_gguf(
    model: Path, lora: Path | None, requests: Sequence[Request]
) -> list[JsonObject]:
    """Return the answers of llama.cpp with a GGUF file, and with a GGUF adapter on it."""
    return send_to_llama_cpp(model, list(map(describe_request, requests)), lora)


def describe_request(request: Request) -> JsonObject:
    """Return a request as the body of a completion in OpenAI's form.

    Its seed derives from all that the request asks, as in the run itself; the body names no model.
    """
    sampling = request.sampling
    body: JsonObject = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": derive_seed(request.id("")) >> 32,  # 31 bits: what every program's integer holds
    }
    if sampling.temperature > 0:
        body |= {"top_k": 0, "min_p": 0.0}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if isinstance(request.prompt, str):
        return body | {"prompt": request.prompt}
    turns = request.prompt
    return body | {"messages": prompt_to_json(tuple(Message(t.role, t.content) for t in turns))}


class PlainModel:
    """Answer with plain transformers, and PEFT with `adapters`, in float32.

    Nothing of selfteach computes: the folder's own tokenizer, template and weights do; only the day
    that a template may write is that of the run's own answers. Several
    adapters are on at once, and PEFT adds their changes up.

    Args:
        end_ids: what ends an answer; without them the tokens that the folder names.
    """

    def __init__(
        self, model: Path, adapters: Sequence[Path] = (), end_ids: Sequence[int] = ()
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        with silence_libraries():
            self._tokenizer = AutoTokenizer.from_pretrained(find_tokenizer(model, adapters))
            self._module: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
            named = list_end_ids(self._module.generation_config.eos_token_id)
            self._end_ids = list(end_ids) or named
            # Not the folder's generation_config.json: it may hold a penalty or a top_k.
            self._module.generation_config = GenerationConfig(eos_token_id=self._end_ids or None)
            if adapters:
                self._module = _load_adapters(self._module, adapters)
            self._module.eval()
        self._tokenizer.padding_side = "left"
        self._tokenizer.pad_token = self._tokenizer.pad_token or self._tokenizer.eos_token

    def answer(self, requests: Sequence[Request]) -> list[JsonObject]:
        """Return text, finish, tokens and prompt_tokens of each request, in their order; their stop
        texts end nothing.
        """
        asked = list(map(describe_request, requests))
        groups: dict[tuple[float, float, int], list[int]] = {}
        for i, body in enumerate(asked):
            how = (body["temperature"], body["top_p"], body["max_tokens"])
            groups.setdefault(how, []).append(i)
        found: dict[int, JsonObject] = {}
        for how, places in groups.items():
            for start in range(0, len(places), BATCH_ROWS):
                part = places[start : start + BATCH_ROWS]
                rows = [asked[i] for i in part]
                found |= zip(part, self._generate(rows, *how), strict=True)
        return [found[i] for i in range(len(asked))]

    @torch.inference_mode()
    def _generate(
        self, rows: Sequence[JsonMapping], temperature: float, top_p: float, max_tokens: int
    ) -> list[JsonObject]:
        tokenizer = self._tokenizer
        texts = []
        for row in rows:
            texts.append(row["prompt"] if "prompt" in row else self._render(row["messages"]))
        with silence_libraries():
            given = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
            how: JsonObject = {"do_sample": False}
            if temperature > 0:
                # One stream of random numbers serves the batch, so all its seeds decide on it.
                torch.manual_seed(derive_seed(digest([row["seed"] for row in rows])))
                how = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0}
            out = self._module.generate(
                **given, **how, max_new_tokens=max_tokens, pad_token_id=tokenizer.pad_token_id
            )
        width = given["input_ids"].shape[1]
        found = []
        for i, new in enumerate(out[:, width:]):
            tokens = int((new != tokenizer.pad_token_id).sum())
            cut = tokens >= max_tokens and int(new[-1]) not in self._end_ids
            found.append(
                {
                    "text": tokenizer.decode(new, skip_special_tokens=True),
                    "finish": "length" if cut else "stop",
                    "tokens": tokens,
                    "prompt_tokens": int(given["attention_mask"][i].sum()),
                }
            )
        return found

    def _render(self, turns: Sequence[JsonMapping]) -> str:
        return render_turns(self._tokenizer, turns, answer_follows=True)


def _load_adapters(module: Any, adapters: Sequence[Path]) -> Any:
    from peft import PeftModel

    names = [f"adapter{number}" for number in range(len(adapters))]
    adapted = PeftModel.from_pretrained(module, adapters[0], adapter_name=names[0])
    for adapter, name in zip(adapters[1:], names[1:], strict=True):
        adapted.load_adapter(adapter, adapter_name=name)
    adapted.base_model.set_adapter(names)
    return adapted


def find_tokenizer(model: Path, adapters: Sequence[Path]) -> Path:
    """Return the folder of the tokenizer: the first adapter's that has one, else the base's."""
    for adapter in adapters:
        if (adapter / "tokenizer_config.json").exists():
            return adapter
    return model


@torch.inference_mode()
def measure_gap_nats(model: HfModel, prompt: Prompt, expected: str, found: str) -> float:
    """Return logp(own token) - logp(other token) at the first place where two answers differ.

    Under the model that gave the expected answer greedily it is at least 0; 0 is a tie. Where one
    of them ends, its token is the most probable of those that end an answer.

    Args:
        model: gave the expected answer.
    """
    end = -1  # stands for any token that ends an answer
    own, other = (
        [*model.tokenizer.encode(text, add_special_tokens=False), end] for text in (expected, found)
    )
    for i, (token, instead) in enumerate(zip(own, other, strict=False)):
        if token != instead:
            ids = [*model.encode(prompt), *own[:i]]
            given = torch.tensor([ids], device=model.device)
            logps = torch.log_softmax(model.module(given).logits[0, -1].float(), dim=-1)
            ends = logps[sorted(model.end_ids)].max()
            mine, theirs = (ends if id == end else logps[id] for id in (token, instead))
            return float(mine - theirs)
    return 0.0  # they differ in blanks alone


def _trim(text: str) -> str:
    """Return a text without blanks around it, and without the part of a character at which it was
    cut: llama.cpp leaves that out.
    """
    return text.rstrip(REPLACEMENT).strip()


def compare_answers(
    engine: str,
    prompts: Sequence[Prompt],
    expected: Sequence[str],
    found: Sequence[str],
    quant: str,
    model: HfModel | None = None,
) -> ExportCheck:
    """Return how often an exported file answers as the run's adapter does.

    Args:
        model: gave the expected answers; with it the gaps are measured.
    """
    differences: list[JsonObject] = []
    for prompt, mine, theirs in zip(prompts, expected, found, strict=True):
        theirs = clean_text(theirs)
        if _trim(mine) != _trim(theirs):
            shown: JsonObject = {
                "prompt": get_user_text(prompt),
                "expected": mine,
                "found": theirs,
            }
            if model is not None:
                shown["gap_nats"] = round(measure_gap_nats(model, prompt, mine, theirs), 4)
            differences.append(shown)
    return ExportCheck(
        engine,
        len(prompts),
        len(prompts) - len(differences),
        MIN_EQUAL[quant],
        "",
        differences[:MAX_DIFFERENCES_SHOWN],
        sorted(row["gap_nats"] for row in differences if "gap_nats" in row),
    )
