"""The proof at the start of a server: every lesson does something, and is the right one.

For some prompts of the run, the served answers must equal those of plain transformers and PEFT with
the adapter's own folder. Where two tokens are a tie, rounding decides: such an answer is counted,
and proves nothing. A lesson that changes no probability is refused as well: adapters that are
ignored answer as the base does, without any message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from selfteach.errors import IntegrityError
from selfteach.export import check_export
from selfteach.models.hf import HfModel
from selfteach.records import GREEDY, Prompt, Request, get_user_text, make_prompt
from selfteach.serve.batch_engine import BatchEngine, Generation, collect
from selfteach.serve.lesson_rows import LessonRows, RowLessons
from selfteach.text import clean_text

PROOF_PROMPTS = 4
FALLBACK_PROMPTS = (
    make_prompt("What is the capital of Norway?"),
    make_prompt("Tell me about elephants."),
)


@dataclass(frozen=True)
class LessonProof:
    """Hold what the proof of one lesson found.

    Attributes:
        equal: the answers that equal those of PEFT.
        ties: the other answers, which part from PEFT's where two tokens are a tie.
        change: the greatest change of a logit after the prompts.
    """

    name: str
    equal: int
    ties: int
    change: float

    def describe(self) -> str:
        """Return the proof as a line for people."""
        ties = f" ({self.ties} more part at a tie)" if self.ties else ""
        return (
            f"lesson {self.name}: {self.equal} answers equal those of PEFT{ties}, and a logit "
            f"changes by up to {self.change:.3g}"
        )


@dataclass(frozen=True)
class Candidate:
    """Hold a lesson that is to be proven, or the sum of several.

    Attributes:
        lessons: what the server computes.
        adapters: the folders that PEFT loads, all at once.
        prompts: what both are asked.
    """

    name: str
    lessons: RowLessons
    adapters: Sequence[Path]
    prompts: Sequence[Prompt]


def prove_lessons(
    base: Path, candidates: Sequence[Candidate], rows: LessonRows, engine: BatchEngine
) -> list[LessonProof]:
    """Compare every lesson with PEFT; all of them are asked in the same batches.

    Args:
        base: the folder of the base.
        engine: it runs already.

    Raises:
        IntegrityError: a lesson changes nothing, or answers otherwise than PEFT does.
    """
    fold = engine.hf.tokens.fold_refused_system  # plain transformers takes no refused message
    candidates = [replace(own, prompts=list(map(fold, own.prompts))) for own in candidates]
    asked = [_ask(engine, candidate) for candidate in candidates]
    collect(list(chain.from_iterable(asked)), engine)
    proofs = []
    for candidate, answers in zip(candidates, asked, strict=True):
        change = engine.call(partial(measure_change, engine.hf, rows, candidate))
        if not change > 0:
            raise IntegrityError(
                "changes nothing: its answers are those of the base.",
                where=f"lesson {candidate.name}",
                cure="Train the run again, or serve without it.",
            )
        ties = _compare_with_peft(base, candidate, answers, rows, engine)
        proofs.append(LessonProof(candidate.name, len(answers) - ties, ties, change))
    return proofs


def _compare_with_peft(
    base: Path,
    candidate: Candidate,
    answers: Sequence[Generation],
    rows: LessonRows,
    engine: BatchEngine,
) -> int:
    """Return how many answers part at a tie from those of plain transformers and PEFT.

    Raises:
        IntegrityError: one parts elsewhere, or none is equal.
    """
    peft = check_export.PlainModel(base, candidate.adapters, sorted(engine.hf.end_ids))
    expected = peft.answer(check_export.make_check_requests(candidate.prompts))
    ties = 0
    for prompt, answer, reply in zip(candidate.prompts, answers, expected, strict=True):
        assert answer.completion is not None
        mine, theirs = answer.completion.text, clean_text(reply["text"])
        if mine.strip() == theirs.strip():
            continue
        measure = partial(measure_gap_nats, engine.hf, rows, candidate, prompt, mine, theirs)
        ties += 1
        if ties == len(answers) or engine.call(measure) >= check_export.TIE_NATS:
            raise IntegrityError(
                f"answers {get_user_text(prompt)[:60]!r} otherwise than PEFT does.",
                where=f"lesson {candidate.name}",
                cure="Export it with `selfteach export --to hf` and serve that folder.",
            )
    return ties


def measure_gap_nats(
    hf: HfModel, rows: LessonRows, candidate: Candidate, prompt: Prompt, mine: str, theirs: str
) -> float:
    """Return how much more probable the lesson's own token is where two answers part."""
    with rows.use([candidate.lessons]):
        return check_export.measure_gap_nats(hf, prompt, mine, theirs)


def read_proof_prompts(run: Path) -> list[Prompt]:
    """Return some prompts of a run's exam, or else of its examples."""
    return check_export.read_check_prompts([run], PROOF_PROMPTS) or list(FALLBACK_PROMPTS)


def _ask(engine: BatchEngine, candidate: Candidate) -> list[Generation]:
    sampling = replace(GREEDY, max_tokens=check_export.CHECK_TOKENS)
    requests = [Request("proof", prompt, sampling) for prompt in candidate.prompts]
    return [Generation(engine.prepare(request), candidate.lessons) for request in requests]


@torch.inference_mode()
def measure_change(hf: HfModel, rows: LessonRows, candidate: Candidate) -> float:
    """Return the greatest change of a logit of the token after a prompt."""
    greatest = 0.0
    for prompt in candidate.prompts:
        ids = torch.tensor([hf.encode(prompt)], device=hf.device)
        before = hf.module(input_ids=ids, logits_to_keep=1).logits
        with rows.use([candidate.lessons]):
            after = hf.module(input_ids=ids, logits_to_keep=1).logits
        greatest = max(greatest, float((after - before).abs().max()))
    return greatest
