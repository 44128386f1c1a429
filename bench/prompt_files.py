"""Prompts from files, and a model's answers to them in the order of the prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfteach.models import Sampler
from selfteach.records import Completion, Request, SamplingParams, make_prompt

PROMPTS = Path(__file__).parent / "prompts"


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file that are not blank."""
    return [line for line in path.read_text("utf-8").splitlines() if line.strip()]


def read_prompts(name: str) -> list[str]:
    """Return the prompts of a file of bench/prompts."""
    return read_lines(PROMPTS / name)


def read_all_prompts() -> list[str]:
    """Return the prompts of all files of bench/prompts, file by file."""
    return [line for path in sorted(PROMPTS.glob("*.txt")) for line in read_lines(path)]


def sample_in_order(sampler: Sampler, requests: Sequence[Request]) -> list[Completion]:
    """Return one completion for each request, in the order of the requests."""
    found = {completion.id: completion for completion in sampler.stream(requests)}
    return [found[request.id(sampler.fingerprint)] for request in requests]


def sample_answers(
    sampler: Sampler, prompts: Sequence[str], temperature: float, max_tokens: int, seed: int = 0
) -> list[Completion]:
    """Return one answer to each prompt, in the order of the prompts."""
    sampling = SamplingParams(temperature, 1.0, max_tokens)
    requests = [Request("bench", make_prompt(prompt), sampling, 0, seed) for prompt in prompts]
    return sample_in_order(sampler, requests)
