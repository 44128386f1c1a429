"""Measure the likelihood displacement of a run of corrections: which corrections of the base's
answers became less likely than under the base.

    python -m bench.displacement RUN [--prompts
    bench/prompts/everyday-test.txt,bench/prompts/gardening.txt] [--show 3]

The teacher is `bench.style`, the prompts are new to the run, the answers greedy. Answers to the
prompts by the tuned model are corrected too. Prints the worst corrections token by token, then one
JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.bounds import measure_distance
from bench.prompt_files import PROMPTS, read_lines, sample_answers
from bench.style import apply_style
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import make_prompt
from selfteach.statistics import share
from selfteach.train.edit_mask import mark_edited_tokens
from selfteach.train.likelihood_displacement import TOLERANCE_NATS

MAX_TOKENS = 64


def compute_token_logps(
    model: HfModel, pairs: Sequence[tuple[str, str]], ends: Sequence[bool]
) -> list[torch.Tensor]:
    """Return the log-probabilities of the tokens of each (prompt, text), in nats.

    The end of turn counts where the text ends.

    Shapes: each (T,).
    """
    logps = {}
    prompts = [(make_prompt(prompt), text) for prompt, text in pairs]
    for i, logits in model.answer_logits(prompts):
        ids = torch.tensor(model.encode_answer(pairs[i][1]))
        of_tokens = logits.float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        logps[i] = of_tokens[: len(ids) - (not ends[i])]
    return [logps[i] for i in range(len(pairs))]


def main() -> None:
    """Read the options, measure and print the result."""
    default = ",".join(str(PROMPTS / name) for name in ("everyday-test.txt", "gardening.txt"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--prompts", default=default)
    parser.add_argument("--show", type=int, default=3)
    given = parser.parse_args()
    base = HfModel.load("embedded")
    tuned = HfModel.load("embedded", adapter=given.run / "adapter")
    prompts = [line for name in given.prompts.split(",") for line in read_lines(Path(name))]
    before = sample_answers(open_sampler(base), prompts, 0.0, MAX_TOKENS)
    after = sample_answers(open_sampler(tuned), prompts, 0.0, MAX_TOKENS)
    wrong = [
        (prompt, answer)
        for prompt, answer in zip(prompts, before, strict=True)
        if apply_style(answer.text) != answer.text
    ]
    pairs = [(prompt, apply_style(answer.text)) for prompt, answer in wrong]
    ends = [answer.finish != "length" for _, answer in wrong]
    base_logps = compute_token_logps(base, pairs, ends)
    tuned_logps = compute_token_logps(tuned, pairs, ends)
    gains = [own - other for own, other in zip(tuned_logps, base_logps, strict=True)]
    means = [float(gain.mean()) for gain in gains]
    for i in sorted(range(len(means)), key=lambda i: means[i])[: given.show]:
        ids = base.encode_answer(pairs[i][1])
        flags = mark_edited_tokens(ids, base.encode_answer(wrong[i][1].text))[0]
        tokens = [
            (round(float(gain), 2), base.decode([token]))
            for gain, token in zip(gains[i], ids, strict=False)
        ]
        inside = sum(float(gain) for gain, flag in zip(gains[i], flags, strict=False) if flag)
        outside = float(gains[i].sum()) - inside
        print(f"{means[i]:.3f} a token; edits {inside:.2f}, rest {outside:.2f}: {pairs[i]}")
        print(f"  lost: {sorted(tokens)[:6]}")
    displaced = share([mean < -TOLERANCE_NATS for mean in means])
    changed = [measure_distance(before), measure_distance(after)]
    result = {
        "prompts": len(prompts),
        "pairs": len(means),
        "displaced": [round(x, 4) for x in (displaced.value, displaced.low, displaced.high)],
        "mean_gain": round(sum(means) / len(means), 3),
        "words_changed": [round(x, 4) for x in changed],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
