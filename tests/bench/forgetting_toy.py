"""Run the experiment of bench/forgetting.py on a tiny random model, with two tasks that it learns
in 14 steps.

PYTHONPATH=. python tests/bench/forgetting_toy.py FILE.svg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.forgetting import ExperimentPlan, TrainingArm, WordTask

from bench import forgetting

TASKS = (
    WordTask("do not eat {}", lambda a, b, c: "no bread"),
    WordTask("what is a {}", lambda a, b, c: "yes apples"),
)
ARMS = (
    TrainingArm("nothing"),
    TrainingArm("replay 1 %", {"second": 0.99, "first": 0.01}),
    TrainingArm("replay 10 %", {"second": 0.9, "first": 0.1}),
    TrainingArm("LoRA", more={"adapter": "lora", "learning_rate": 5e-3}),
    TrainingArm("KL on general prompts", {"second": 2, "general": 1}, batch_size=12),
    TrainingArm("L2 to the base, .05", more={"l2": 0.05}),
    TrainingArm("L2 to the base, .5", more={"l2": 0.5}),
    TrainingArm("control: the first again", {"first": 1.0}),
)


def make_plan(model: Path, num_examples: int = 80, num_held_out: int = 30) -> ExperimentPlan:
    """Return the experiment at the toy's sizes."""
    general = ["hello", "tell me more"] * 8
    return ExperimentPlan(
        str(model),
        steps=14,
        num_examples=num_examples,
        num_held_out=num_held_out,
        anchors=8,
        rate=3e-3,
        tasks=TASKS,
        arms=ARMS,
        general=general,
    )


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))
    from conftest import write_tiny

    with tempfile.TemporaryDirectory() as folder:
        forgetting.main(make_plan(write_tiny(Path(folder))), [0, 1, 2], Path(sys.argv[1]))
