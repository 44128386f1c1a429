"""Checks of a model before anything is paid for, on a few tokens.

Sampling, scoring and embedding use their own cache, masks and head. Each must give what the module
itself gives in one plain pass over one sequence. A family in which it does not is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from selfteach.errors import SelfteachError, UsageError, get_first_line
from selfteach.models.decode import sample_pending
from selfteach.models.hook_adapter import get_active_hooks, get_decoder
from selfteach.models.loaded_model import LoadedModel
from selfteach.models.pending import PendingCompletion, prepare_request
from selfteach.models.score import Head, embed_all, score_all
from selfteach.records import GREEDY, Continuations, Prompt, Request

if TYPE_CHECKING:
    from selfteach.models.openvino import OpenVino
    from selfteach.models.paged import PagedSampler

T = TypeVar("T")
HEAD_TOKENS = 8
HEAD_TOLERANCE = 0.02
"""Relative; the rounding of bf16 gives 0.003."""
PAIRS = (("The color is", " red"), ("The weather of today is", " good"))
"""Prompts of two lengths with a common beginning, and answers. Without a template they are short,
and a pass over them takes little more than reading the weights."""
SAMPLED_TOKENS = (2, 3)
ENGINE_TOKENS = (6, 8)
"""More of them: a compiled engine is fast, and where positions are wrong, the first tokens may be
right."""
CURE = "Use a model of another family; docs/reference/families.md lists what was tested."


class Limits(NamedTuple):
    """Hold the differences that rounding may make.

    Attributes:
        nats: of a token's log-probability.
        share: of hidden states, relative.
        deviations: between the logits of the most likely token and of the sampled one.
    """

    nats: float
    share: float
    deviations: float


EXACT = Limits(0.05, 0.05, 0.05)
ROUNDED = Limits(0.5, 0.15, 0.25)
"""For 16 bits: five times what rounding made of 90 families and of 30 layers (docs/log/)."""
ROUTED = Limits(2.0, 0.5, 1.0)
"""The same for a mixture of experts, which may choose another expert after rounding."""


def get_limits(hf: LoadedModel) -> Limits:
    """Return the limits for the dtype and the family of a model."""
    if hf.dtype in (torch.float32, torch.float64):
        return EXACT
    return get_rounded_limits(hf)


def get_rounded_limits(hf: LoadedModel) -> Limits:
    """Return the limits of a model for 16 bits."""
    names = {type(part).__name__.lower() for part in hf.module.modules()}
    has_experts = any("expert" in name or "moe" in name for name in names)
    return ROUTED if has_experts else ROUNDED


@torch.inference_mode()
def run_plainly(module: Any, ids: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the last hidden states (T, D) and the logits (T, V), float32, of one plain pass.

    Hooks that need the place of each token do nothing in it. A LoRA that is not merged belongs to
    the weights.
    """
    states: list[Tensor] = []
    device = module.get_input_embeddings().weight.device
    hooks = get_active_hooks(module)
    is_placed = hooks and (hooks.needs_positions or hooks.num_virtual_tokens)
    with (
        hooks.disable() if hooks and is_placed else nullcontext(),
        get_decoder(module).register_forward_hook(
            lambda _, __, out: states.append(out.last_hidden_state)
        ),
    ):
        out = module(input_ids=torch.tensor([list(ids)], device=device), use_cache=False)
    return states[0][0], out.logits[0].float()


def check_head(module: Any, name: str) -> None:
    """Compare `Head` with the logits of the module itself.

    Raises:
        UsageError: the family does something else after its layers, or fails in this dtype.
    """
    report_fault(module, name, "loaded", lambda: _check_head(module))


@torch.inference_mode()
def _check_head(module: Any) -> str:
    states, theirs = run_plainly(module, range(HEAD_TOKENS))
    ours = Head(module)(states).float()
    if (ours - theirs).norm() <= HEAD_TOLERANCE * theirs.norm():
        return ""
    return "it computes its logits in an unknown way, so scores and losses would be wrong"


def check_answers(hf: LoadedModel, samples: bool) -> list[float]:
    """Check scoring and embedding, and sampling where the model itself samples.

    Returns:
        The log-probability of each answer of PAIRS after its prompt, in nats, by plain passes.

    Raises:
        UsageError: what does not work with this family.
    """
    limits = get_limits(hf)
    known = [_score_plainly(hf, prompt, answer) for prompt, answer in PAIRS]
    report = partial(report_fault, hf.module, hf.name)
    report("scored", lambda: _check_scores(hf, [logp for logp, _ in known], limits))
    report("embedded", lambda: _check_embedding(hf, known[0][1], limits))
    if samples:
        report("sampled", lambda: _check_samples(hf, limits))
    return [logp for logp, _ in known]


def report_fault(
    module: Any, name: str, done: str, check: Callable[[], str], cure: str = CURE
) -> None:
    """Make a check that returns what is wrong, or an empty text.

    Args:
        done: what is done with the model, as the error names it.

    Raises:
        UsageError: something is wrong, or the family's code raised an error.
    """
    try:
        wrong = check()
    except (SelfteachError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as fault:  # what an unknown family raises is unknown
        wrong = get_first_line(fault).rstrip(".")
    if wrong:
        raise UsageError(
            f"the family {module.config.model_type} cannot be {done} here: {wrong}.",
            where=name,
            cure=cure,
        )


def _score_plainly(hf: LoadedModel, prompt: Prompt, answer: str) -> tuple[float, Tensor]:
    """Return log p(answer) in nats, and the hidden states (T, D) of prompt and answer."""
    ids = hf.encode(prompt)
    tokens = hf.encode_answer(answer)
    states, logits = run_plainly(hf.module, [*ids, *tokens])
    targets = torch.tensor(tokens, device=logits.device)[:, None]
    logps = torch.log_softmax(logits[len(ids) - 1 : -1], -1).gather(1, targets)
    return float(logps.sum()), states


def _check_scores(hf: LoadedModel, known: Sequence[float], limits: Limits) -> str:
    items = [Continuations(prompt, (answer,), end=True) for prompt, answer in PAIRS]
    found = dict(score_all(hf, items))
    for item, wanted in zip(items, known, strict=True):
        score = found[item.id(hf.fingerprint)][0]
        if wrong := describe_difference(score.logp - wanted, score.tokens, limits):
            return wrong
    return ""


def describe_difference(nats: float, tokens: int, limits: Limits) -> str:
    """Return what is wrong with a log-probability of so many tokens, or an empty text."""
    each = abs(nats) / tokens
    return "" if each <= limits.nats else f"log-probabilities are wrong by {each:.2g} nats a token"


def _check_embedding(hf: LoadedModel, states: Tensor, limits: Limits) -> str:
    prompt = PAIRS[0][0]
    _, start, stop = hf.tokens.find_user_span(prompt)
    wanted = states[start:stop].float().mean(0).cpu()
    found = torch.from_numpy(embed_all(hf, [prompt])[0])
    close = (found - wanted).norm() <= limits.share * wanted.norm()
    return "" if close else "hidden states are wrong"


def _check_samples(hf: LoadedModel, limits: Limits) -> str:
    """Sample greedily with the module's own cache."""
    rows = _prepare_rows(hf, SAMPLED_TOKENS)
    for _ in sample_pending(hf, rows):
        pass
    return "" if _are_likely(hf, rows, limits) else "with a cache other tokens follow"


def check_engine(hf: LoadedModel, engine: OpenVino | PagedSampler, name: str = "openvino") -> None:
    """Check greedy answers of an engine of its own against plain passes of the loaded model.

    Args:
        name: the engine's name.

    Raises:
        UsageError: the engine computes something else.
    """
    is_exact = engine.precision == "f32" and get_limits(hf) == EXACT
    report_fault(
        hf.module,
        hf.name,
        f"sampled with {name}",
        lambda: _check_engine(hf, engine, EXACT if is_exact else get_rounded_limits(hf)),
        cure="Sample with `--engine hf`.",
    )


def _check_engine(hf: LoadedModel, engine: OpenVino | PagedSampler, limits: Limits) -> str:
    rows = _prepare_rows(hf, ENGINE_TOKENS)
    for _ in engine.sample_pending(rows, {row.id: 0 for row in rows}):
        pass
    if not all(row.ids for row in rows):
        return "it gives no answer"
    return "" if _are_likely(hf, rows, limits) else "other tokens follow than in the model itself"


def _prepare_rows(hf: LoadedModel, tokens: Sequence[int]) -> list[PendingCompletion]:
    """Return greedy requests of the prompts of PAIRS."""
    return [
        prepare_request(hf, Request("check", prompt, replace(GREEDY, max_tokens=limit)))
        for (prompt, _), limit in zip(PAIRS, tokens, strict=True)
    ]


@torch.inference_mode()
def _are_likely(hf: LoadedModel, rows: Sequence[PendingCompletion], limits: Limits) -> bool:
    """Return whether each sampled token is about the most likely one of a plain pass."""
    for row in rows:
        logits = run_plainly(hf.module, row.prompt_ids + row.ids)[1][len(row.prompt_ids) - 1 : -1]
        chosen = logits.gather(1, torch.tensor(row.ids, device=logits.device)[:, None])[:, 0]
        gaps = (logits.max(-1).values - chosen) / logits.std(-1)
        if not bool((gaps <= limits.deviations).all()):
            return False
    return True
