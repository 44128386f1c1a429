"""The experiment of bench/forgetting.py on a tiny random model, with two tasks that it learns in 14
steps.

PYTHONPATH=. python tests/bench/forgetting_toy.py FILE.svg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.forgetting import Arm, Plan, Task

from bench import forgetting

TASKS = (
    Task("do not eat {}", lambda a, b, c: "no bread"),
    Task("what is a {}", lambda a, b, c: "yes apples"),
)
ARMS = (
    Arm("nothing"),
    Arm("replay 1 %", {"second": 0.99, "first": 0.01}),
    Arm("replay 10 %", {"second": 0.9, "first": 0.1}),
    Arm("LoRA", more={"adapter": "lora", "learning_rate": 5e-3}),
    Arm("KL on general prompts", {"second": 2, "general": 1}, batch_size=12),
    Arm("L2 to the base, .05", more={"l2": 0.05}),
    Arm("L2 to the base, .5", more={"l2": 0.5}),
    Arm("control: the first again", {"first": 1.0}),
)


def plan(model: Path, lessons: int = 80, held: int = 30) -> Plan:
    """The toy's sizes."""
    general = ["hello", "tell me more"] * 8
    return Plan(
        str(model),
        steps=14,
        lessons=lessons,
        held=held,
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
        forgetting.main(plan(write_tiny(Path(folder))), [0, 1, 2], Path(sys.argv[1]))
