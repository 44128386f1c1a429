"""What a comparison combines. Nothing here loads a model's libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RUN_OBJECTIVE = "own"
ON_POLICY = "on_policy"
COMPARED_OBJECTIVES = (RUN_OBJECTIVE, "sft+dpo", ON_POLICY)
"""What a row may name beside the objectives of the registry: `own` is the run's own objective;
`on_policy` is distillation on answers that the model samples between training steps.
"""


@dataclass(frozen=True)
class Comparison:
    """Name the adapters, the objectives, the factors of each adapter's own learning rate, and the
    numbers of worked examples.
    """

    adapters: Sequence[str]
    objectives: Sequence[str]
    factors: Sequence[float]
    shots: Sequence[int] = ()
