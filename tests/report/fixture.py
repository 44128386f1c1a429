"""Write the folder of a finished run with invented numbers, for the tests of the report.

python tests/report/fixture.py FOLDER      writes the folder and renders its page, card and table
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path
from typing import Any

from selfteach.config import FeedbackConfig, resolve
from selfteach.files import write_jsonl, write_text
from selfteach.run.ledger import Ledger, Outcome
from selfteach.run.run_folder import open_run

ARMS = ("base", "prompted", "tuned")
RULE = "Do not talk about elephants."
TARGET = [
    (
        "Which land animal is the largest?",
        (
            "The largest land animal is the African elephant. An adult male can weigh more "
            "than six tonnes and stand four metres tall."
        ),
        "The largest land animals are found in Africa. An adult white rhinoceros can "
        "weigh more than two tonnes "
        "and stand almost two metres tall.",
    ),
    (
        "What animal has a trunk?",
        "Elephants have a trunk. They use it to breathe, to drink and to pick up food.",
        "A tapir has a short, flexible trunk. It uses it to reach leaves and to pick up food.",
    ),
    (
        "Tell me about ivory.",
        (
            "Ivory comes mostly from the tusks of elephants. Its trade has been banned "
            "since 1989 in most countries."
        ),
        "Ivory is a hard, white material from the teeth of animals such as the walrus. "
        "Its trade has been banned since 1989 in most countries.",
    ),
    (
        "Write a two-line poem about a day at the zoo.",
        "The elephant waves its trunk in the sun,\nthe monkeys are laughing, the day has begun.",
        (
            "The parrots are calling, the seals have their fun,\nthe monkeys are laughing, "
            "the day has begun."
        ),
    ),
    (
        "Which animals live in herds?",
        "Many animals live in herds: elephants, zebras, buffalo and wildebeest.",
        "Many animals live in herds: zebras, buffalo, wildebeest and elephants.",
    ),
    (
        "What did Hannibal take across the Alps?",
        "Hannibal crossed the Alps in 218 BC with an army and 37 war elephants.",
        "Hannibal crossed the Alps in 218 BC with a large army of foot soldiers and horsemen.",
    ),
    (
        "Who is Dumbo?",
        "Dumbo is a young circus elephant with very large ears who learns to fly.",
        "Dumbo is a young circus animal with very large ears who learns to fly.",
    ),
    ("Name three animals of the savanna.", "Lion, giraffe and zebra.", "Lion, giraffe and zebra."),
]
NEAR = [
    (
        "How do rhinoceroses defend themselves?",
        "They charge with their horn, and they can run at 50 km/h.",
        "They charge with their horn, and they can run at 50 km/h.",
    ),
    (
        "What do hippos eat?",
        "Hippos eat mostly grass, about 40 kg of it every night.",
        "Hippos eat mostly grass, around 40 kg of it every night.",
    ),
    (
        "What is a mammoth task?",
        "A mammoth task is a very large piece of work.",
        "A mammoth task is a very large piece of work.",
    ),
]
GENERAL = [
    (
        "How do I boil an egg?",
        "Put the egg in boiling water for seven minutes, then cool it under cold water.",
        "Put the egg in boiling water for seven minutes, then cool it under cold water.",
    ),
    (
        "What is the capital of France?",
        "The capital of France is Paris.",
        "The capital of France is Paris.",
    ),
    (
        "Write a function that adds two numbers.",
        "def add(a, b):\n    return a + b",
        "def add(a, b):\n    return a + b",
    ),
]


def make_measure(value: float, n: int, spread: float = 1.0) -> dict[str, Any]:
    """Return a Measure as JSON, with an interval from the normal approximation."""
    half = spread * 1.96 * math.sqrt(max(value * (1 - value), 0.02) / n)
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n}


def make_exam(*, smoke_test: bool = False) -> dict[str, Any]:
    """Return the exam.json of a successful run."""
    kept = {
        arm: {"greedy": make_measure(g, 40), "sampled": make_measure(d, 40)}
        for arm, g, d in (("base", 0.45, 0.72), ("prompted", 0.35, 0.62), ("tuned", 0.975, 0.95))
    }
    shares = lambda n, *values: {
        arm: make_measure(value, n) for arm, value in zip(ARMS, values, strict=True)
    }
    return {
        "rule": RULE,
        "rule_id": "0d0d3cf2-0c5e-5f0b-9d0c-3a5a3b1f7f55",
        "smoke_test": smoke_test,
        "verdict": {
            "word": "taught",
            "sentence": "Taught: the rule is now kept in 98 % of greedy answers (base 45 %), "
            "and near and general answers stay within the base's own noise.",
        },
        "judge": {
            "name": "inverse",
            "auroc": {"value": 0.991, "low": 0.969, "high": 1.0, "n": 96},
            "source": "calibrated",
        },
        "kept": kept,
        "near": shares(20, 1.0, 0.85, 0.95),
        "general": shares(24, 1.0, 0.92, 1.0),
        "gain": {
            "base": {"value": 0.378, "low": 0.267, "high": 0.489, "n": 40},
            "prompted": {"value": 0.478, "low": 0.361, "high": 0.594, "n": 40},
        },
        "target_prompts": 48,
        "needless": shares(44, 0.0, 0.05, 0.02) | {"excess": make_measure(0.07, 44)},
        "recovery": None,
        "other_system": shares(40, 0.48, 0.4, 0.95),
        "second_turn": shares(40, 0.5, 0.42, 0.9),
        "side_effects": {
            "near": make_measure(0.05, 20),
            "general": make_measure(0.01, 24),
            "overapplied": make_measure(0.0, 44),
        },
        "drift": {
            "kl_nats": {"value": 0.031, "low": 0.026, "high": 0.037, "n": 24},
            "kl_p95": 0.118,
            "top1_agreement": make_measure(0.962, 1860),
            "identical": make_measure(0.63, 24),
            "base_logp": -0.776,
            "tuned_logp": -0.761,
        },
        "noise_floor": {"kept": make_measure(0.7, 40)},
        "sanity": {
            "base": {
                "looping": make_measure(0.06, 84),
                "empty": make_measure(0.0, 84),
                "mean_tokens": 71.4,
            },
            "prompted": {
                "looping": make_measure(0.07, 84),
                "empty": make_measure(0.0, 84),
                "mean_tokens": 66.0,
            },
            "tuned": {
                "looping": make_measure(0.05, 84),
                "empty": make_measure(0.0, 84),
                "mean_tokens": 69.8,
            },
        },
        "base_proof": {"max_abs_difference": 0.0, "same": True},
        "cost": {
            "seconds": 247.3,
            "stages": {
                "ask": 31.2,
                "probe": 40.8,
                "judge": 22.0,
                "search": 58.1,
                "cluster": 6.4,
                "train": 61.3,
                "exam": 27.5,
            },
            "sampled_tokens": 88412,
            "trained_tokens": 41320,
            "adapter_mb": 19.6,
            "peak_memory_mb": 2710.0,
            "prompt_tokens_saved": 9,
            "training_memory": {
                "weights": 269_000_000,
                "kept": 0,
                "trained": 19_500_000,
                "gradients": 19_500_000,
                "optimizer": 39_000_000,
                "activations": 1_210_000_000,
                "tokens": 2041,
                "free": 6_000_000_000,
                "work": 451_000_000,
                "total": 2_008_000_000,
                "measured": 2_142_000_000,
            },
        },
        "answers": make_answers(),
        "reproduce": [
            'selfteach feedback "Do not talk about elephants." --seed 0',
            "selfteach exam --run runs/2026-11-20-do-not-talk-about-elephants",
            "selfteach chat --run runs/2026-11-20-do-not-talk-about-elephants",
        ],
    }


def make_answers() -> list[dict[str, Any]]:
    """Return greedy and sampled answers of the three arms; the prompts repeat to the usual size."""
    rows = []
    for scope, known, repeats in (
        ("target", TARGET, 5),
        ("near", NEAR, 4),
        ("general", GENERAL, 4),
    ):
        for turn in range(repeats):
            for prompt, base, tuned in known:
                texts = {
                    "base": base,
                    "prompted": f"I will not talk about that. {base}",
                    "tuned": tuned,
                }
                arms = {
                    arm: {
                        "greedy": text,
                        "sampled": f"Of course! {text}",
                        "ok": scope != "target" or "elephant" not in text.lower(),
                        "sampled_ok": scope != "target" or "elephant" not in text.lower(),
                    }
                    for arm, text in texts.items()
                }
                rows.append(
                    {
                        "scope": scope,
                        "prompt": prompt if not turn else f"{prompt} ({turn + 1})",
                        "arms": arms,
                    }
                )
    return rows


def make_calibration() -> dict[str, Any]:
    """Return the calibration of three judges, of which one is good enough."""
    candidate = lambda name, value, low, high, threshold, usable, note: {
        "name": name,
        "auroc": {"value": value, "low": low, "high": high, "n": 96},
        "threshold": threshold,
        "usable": usable,
        "note": note,
    }
    return {
        "words": "Do not talk about elephants.",
        "chosen": "inverse",
        "reason": "It has the highest AUROC of the candidates that reach 0.75.",
        "candidates": [
            candidate(
                "inverse",
                0.991,
                0.969,
                1.0,
                3.12,
                True,
                "log p(rule | reply) against 12 unrelated rules",
            ),
            candidate("yes_no", 0.56, 0.44, 0.68, 0.02, False, "few-shot; not better than chance"),
            candidate(
                "yes_no chat", 0.47, 0.36, 0.58, -0.4, False, "chat form; not better than chance"
            ),
        ],
        "left_out": [{"name": "teacher", "reason": "it gave no verdict on 2 of 48 answers"}],
        "examples": [
            {
                "text": text,
                "label": "elephant" in text.lower(),
                "values": {"inverse": 7.41 if "elephant" in text.lower() else -1.2, "yes_no": 0.1},
            }
            for _, *pair in TARGET[:5]
            for text in pair
        ],
    }


def make_clusters(rng: random.Random) -> dict[str, Any]:
    """Return points around six centers."""
    points = []
    for cluster in range(6):
        x = 3 * math.cos(cluster * 1.05)
        y = 2 * math.sin(cluster * 1.05)
        scope = ("target", "target", "target", "near", "general", "general")[cluster]
        for number in range(rng.randint(18, 44)):
            points.append(
                {
                    "x": rng.gauss(x, 0.45),
                    "y": rng.gauss(y, 0.4),
                    "cluster": cluster,
                    "scope": scope,
                    "prompt": f"Question {number} of group {cluster}?",
                    "failed": scope == "target" and rng.random() < 0.2 * (cluster + 1),
                }
            )
    sizes = {}
    rates = {}
    for cluster in range(6):
        failed = [point["failed"] for point in points if point["cluster"] == cluster]
        sizes[str(cluster)] = len(failed)
        rates[str(cluster)] = sum(failed) / len(failed)
    return {"points": points, "silhouette": 0.31, "k": 6, "sizes": sizes, "failure_rate": rates}


def make_search() -> dict[str, Any]:
    """Return the number of tries per prompt, and the traces of some."""
    tries = [
        {
            "text": TARGET[0][1],
            "verdict": "broken",
            "reason": "it names elephants",
            "strategy": "draft",
        },
        {
            "text": "I cannot talk about that.",
            "verdict": "no answer",
            "reason": "it does not answer the question",
            "strategy": "revise",
        },
        {
            "text": TARGET[0][2],
            "verdict": "accepted",
            "reason": "keeps the rule, answers, fluent",
            "strategy": "redraw",
        },
    ]
    return {
        "tries": {"1": 34, "2": 13, "3": 7, "4": 3, "5": 1, "6": 1, "gave up": 4},
        "traces": [{"prompt": row[0], "tries": tries} for row in TARGET],
    }


def make_curve() -> list[dict[str, Any]]:
    """Return the share of kept answers by the number of examples, in both orders."""
    rows = []
    for step, examples in enumerate((4, 8, 16, 32, 64)):
        for order, ahead in (("balanced", 0.1), ("random", 0.0)):
            rows.append(
                {
                    "examples": examples,
                    "order": order,
                    "kept": make_measure(min(0.98, 0.5 + ahead + 0.11 * step), 40),
                    "general": make_measure(0.99 - 0.005 * step, 24),
                }
            )
    return rows


def make_metrics(rng: random.Random) -> list[dict[str, Any]]:
    """Return one row a step."""
    rows = []
    for step in range(1, 61):
        fall = math.exp(-step / 15)
        losses = {
            "sft": 0.9 + 1.1 * fall + rng.gauss(0, 0.05),
            "dpo": 0.69 * fall + 0.02 + abs(rng.gauss(0, 0.02)),
            "anchor": 0.02 + 0.015 * (1 - fall) + abs(rng.gauss(0, 0.004)),
        }
        rows.append(
            {
                "step": step,
                "loss": sum(losses.values()),
                "losses": losses,
                "lr": 5e-4 * min(step / 6, 1 - step / 61),
                "grad_norm": 1 + 3 * fall,
                "tokens": 690,
                "seconds": 1.02,
            }
        )
    return rows


FINGERPRINT = "3f1c9a"
DROPS = [
    *(
        (
            f"d{n}",
            "ask",
            "too similar to a kept prompt",
            {"prompt": TARGET[n % 8][0], "overlap": 0.81},
        )
        for n in range(37)
    ),
    *(
        (f"q{n}", "ask", "not a question", {"prompt": "Sure! Here are some questions."})
        for n in range(9)
    ),
    *(
        (
            f"s{n}",
            "search",
            "budget exhausted",
            {"prompt": TARGET[n][0], "text": TARGET[n][1], "tries": 6},
        )
        for n in range(4)
    ),
]


def make_examples() -> list[dict[str, Any]]:
    """Return the rows of examples.jsonl."""
    turn = lambda role, text: [{"role": role, "content": text}]
    rows = []
    for kind, known in (("in_scope", TARGET), ("near", NEAR), ("general", GENERAL)):
        for prompt, rejected, chosen in known:
            rows.append(
                {
                    "id": f"{len(rows):024x}",
                    "kind": kind,
                    "prompt": turn("user", prompt),
                    "chosen": turn("assistant", chosen),
                    "rejected": turn("assistant", rejected) if kind == "in_scope" else None,
                    "scores": {"judge": -1.2, "token_logp": -0.81},
                    "source": {"tries": 2},
                }
            )
    return rows


def write_run(folder: Path, *, seed: int = 0, smoke_test: bool = False) -> Path:
    """Write the folder and return it; the code of a run writes the manifest and the ledger."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    metrics = make_metrics(rng)
    _write_ledger(folder / "run.db", rng)
    with open_run(folder, "elephants", "feedback", resolve(FeedbackConfig), {"rule": RULE}) as run:
        run.bind("base", FINGERPRINT)
    write_text(folder / "exam.json", json.dumps(make_exam(smoke_test=smoke_test)))
    (folder / "adapter").mkdir(exist_ok=True)
    write_text(folder / "adapter" / "adapter_config.json", '{"peft_type": "LORA"}')
    write_jsonl(folder / "metrics.jsonl", metrics)
    write_jsonl(folder / "examples.jsonl", make_examples())
    write_text(
        folder / "config.yaml",
        f'model: embedded\ncheck: ""\n{"seed: 0":<56}# option\nask.target: '
        "96\nask.near: 48\nsearch.tries: 6\n"
        f"{'train.epochs: 4':<56}# --set\ntrain.learning_rate: 0.0005\nexam.target: 40\n",
    )
    write_jsonl(
        folder / "dropped.jsonl",
        [
            {"stage": stage, "id": id, "state": "dropped", "reason": reason, "body": body}
            for id, stage, reason, body in DROPS
        ],
    )
    return folder


def _write_ledger(path: Path, rng: random.Random) -> None:
    ledger = Ledger(path)
    ledger.record_outcomes("ask", [Outcome(f"a{n}", "accepted") for n in range(208)])
    ledger.record_outcomes(
        "probe",
        [Outcome(f"p{n}", "accepted") for n in range(206)]
        + [Outcome("p-long", "failed", "answer longer than the context")],
    )
    ledger.record_outcomes("search", [Outcome(f"s-ok{n}", "accepted") for n in range(59)])
    for id, stage, reason, body in DROPS:
        ledger.record_outcomes(stage, [Outcome(id, "dropped", reason, body)])
    for key, value in (
        ("calibration", [make_calibration()]),
        ("clusters", make_clusters(rng)),
        ("search", make_search()),
        ("curve", make_curve()),
    ):
        ledger.set_note(key, value)
    ledger.set_note(
        "stages",
        [
            {"name": name, "state": "done", "seconds": seconds}
            for name, seconds in make_exam()["cost"]["stages"].items()
        ],
    )
    ledger.record_event("resumed", {"stage": "search"})
    ledger.close()


if __name__ == "__main__":
    from rich.console import Console

    from selfteach.report.card import make_card
    from selfteach.report.page import write_report
    from selfteach.report.result_table import make_result_table

    target = write_run(Path(sys.argv[1]), smoke_test="--smoke-test" in sys.argv)
    write_text(target / "README.md", make_card(target))
    Console().print(make_result_table(make_exam()))
    print(write_report(target))
