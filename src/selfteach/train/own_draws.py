"""The student answers between two steps: the hook for on-policy distillation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfteach.models import Drawer
from selfteach.records import Prompt, Request, Sampling


def draw_with(
    drawer: Drawer, sampling: Sampling, seed: int
) -> Callable[[Sequence[Prompt], int], list[str]]:
    """A `draw_student` for `train`, from an engine that draws with the very module that is trained
    (models/hf.py).

    A draw's seed derives from the run's seed, the step and the prompt, so that a resumed training
    draws the same answers.
    """

    def draw(prompts: Sequence[Prompt], step: int) -> list[str]:
        requests = [
            Request(f"own-{step}", prompt, sampling, number, seed)
            for number, prompt in enumerate(prompts)
        ]
        texts = {draw.id: draw.text for draw in drawer.draw(requests)}
        return [texts[request.id(drawer.fingerprint)] for request in requests]

    return draw
