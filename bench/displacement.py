"""Likelihood displacement of a run of corrections: which corrections of the base's answers became
less likely than under the base.

    python -m bench.displacement RUN [--prompts
    bench/prompts/everyday-test.txt,bench/prompts/gardening.txt] [--show 3]

The teacher is `bench.style`, the prompts are new to the run, the answers greedy. Answers to the
prompts by the taught model are corrected too. Prints the worst corrections token by token, then one
JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.style import apply_style
from selfteach.generate.correct import edit_distance
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Request, SamplingParams, make_prompt
from selfteach.statistics import share
from selfteach.train.edit_mask import mark_edited_tokens

MAX_TOKENS, TOLERANCE_NATS = 64, 0.01
PROMPTS = Path(__file__).parent / "prompts"


def sample_answers(drawer: Sampler, prompts: Sequence[str]) -> list[Completion]:
    """The greedy answer to each prompt."""
    requests = [
        Request("bench", make_prompt(prompt), SamplingParams(0.0, 1.0, MAX_TOKENS), 0, 0)
        for prompt in prompts
    ]
    found = {draw.id: draw for draw in drawer.stream(requests)}
    return [found[request.id(drawer.fingerprint)] for request in requests]


def measure_log_ratios(
    base: HfModel, taught: HfModel, pairs: Sequence[tuple[str, str]], ends: Sequence[bool]
) -> list[torch.Tensor]:
    """For each (prompt, text) and each of its tokens, log pi - log pi0; with the end of turn where
    the text ends. Shapes: each (T,).
    """
    asked = [(make_prompt(prompt), text) for prompt, text in pairs]
    sides = []
    for model in (base, taught):
        rows = {}
        for i, logits in model.answer_logits(asked):
            ids = torch.tensor(base.encode_answer(pairs[i][1]))
            rows[i] = (
                logits.float()
                .log_softmax(-1)
                .gather(1, ids[:, None])[:, 0][: len(ids) - (not ends[i])]
            )
        sides.append(rows)
    return [sides[1][i] - sides[0][i] for i in range(len(pairs))]


def main() -> None:
    """Reads the options, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--prompts",
        default=",".join(str(PROMPTS / name) for name in ("everyday-test.txt", "gardening.txt")),
    )
    parser.add_argument("--show", type=int, default=3)
    given = parser.parse_args()
    base, taught = HfModel.load("embedded"), HfModel.load("embedded", adapter=given.run / "adapter")
    asked = [
        line
        for name in given.prompts.split(",")
        for line in Path(name).read_text("utf-8").splitlines()
        if line.strip()
    ]
    before, after = (sample_answers(open_sampler(model), asked) for model in (base, taught))
    wrong = [
        (prompt, draw)
        for prompt, draw in zip(asked, before, strict=True)
        if apply_style(draw.text) != draw.text
    ]
    texts = [(prompt, apply_style(draw.text)) for prompt, draw in wrong]
    gains = measure_log_ratios(base, taught, texts, [draw.finish != "length" for _, draw in wrong])
    means = [float(gain.mean()) for gain in gains]
    for i in sorted(range(len(means)), key=lambda i: means[i])[: given.show]:
        ids = base.encode_answer(texts[i][1])
        flags = mark_edited_tokens(ids, base.encode_answer(wrong[i][1].text))[0]
        parts = [
            (round(float(gain), 2), base.decode([token]))
            for gain, token in zip(gains[i], ids, strict=False)
        ]
        inside = sum(float(gain) for gain, flag in zip(gains[i], flags, strict=False) if flag)
        print(
            f"{means[i]:.3f} a token; edits {inside:.2f}, rest "
            f"{float(gains[i].sum()) - inside:.2f}: {texts[i]}\n"
            f"  lost: {sorted(parts)[:6]}"
        )
    sunk = share([mean < -TOLERANCE_NATS for mean in means])
    changed = [
        sum(edit_distance(d.text, apply_style(d.text)) for d in draws) / len(draws)
        for draws in (before, after)
    ]
    print(
        json.dumps(
            {
                "prompts": len(asked),
                "pairs": len(means),
                "displaced": [round(x, 4) for x in (sunk.value, sunk.low, sunk.high)],
                "mean_gain": round(sum(means) / len(means), 3),
                "words_changed": [round(x, 4) for x in changed],
            }
        )
    )


if __name__ == "__main__":
    main()
