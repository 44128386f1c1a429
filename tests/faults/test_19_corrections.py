"""Row 19 for corrections: too little to learn from, and what does not fit together. No model is
loaded. Rows: test_19_every_material.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach import cli

GOOD = [
    {"prompt": f"What is {n}?", "answer": "A color.", "correction": "A colour."}
    for n in ("tea", "milk", "ink", "snow", "salt")
]
LINES = [json.dumps(row).encode() for row in GOOD]


def run(folder: Path, data: bytes, *more: str, name: str = "edits.jsonl") -> int:
    """The exit code of the command on this file; a model that does not exist shows that none was
    loaded before.
    """
    (folder / name).write_bytes(data)
    return cli.run_command(
        [
            "corrections",
            str(folder / name),
            "--model",
            str(folder / "no-model"),
            "--out",
            str(folder / "run"),
            *more,
        ]
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (LINES[0], "too little to learn from"),
        (
            b"\n".join([LINES[0]] * 5),
            "1 correction, 0 unchanged answers, 0 other prompts, 4 rows left out",
        ),
        (
            (
                b'{"prompt": "a b?", "answer": "x", "correction": "x"}\n{"prompt": "c d?", '
                b'"answer": "y", "correction": "y"}'
            ),
            "0 corrections",
        ),
    ],
    ids=["one row", "one row five times", "nothing but approvals"],
)
def test_too_little_is_reported_before_the_model_loads(
    data: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, data) == 3
    assert why in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "there is nothing to correct"),
        (("--prompts", "p.txt"), "nobody corrects"),
        (("--prompts", "p.txt", "--review", "--teacher", "cmd:cat"), "exclude each other"),
        (("edits.jsonl", "--rounds", "2"), "needs someone who corrects"),
        (("edits.jsonl", "--set", "train.correction.bound=none"), "--allow-unbounded"),
        (
            ("edits.jsonl", "--set", "train.objective=dpo"),
            "train.objective (--set): there is no such key",
        ),
        (
            ("edits.jsonl", "--set", "train.trial_steps=5"),
            "train.trial_steps (--set): there is no such key",
        ),
        (("edits.jsonl", "--columns", "promt=question"), 'Did you mean "prompt"'),
    ],
)
def test_what_does_not_fit_together_is_refused(
    more: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["corrections", *more]) == 2
    assert why in capsys.readouterr().err
