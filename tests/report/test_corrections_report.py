"""The report and the card of a run of corrections: its own words, and nothing that a person or a
model wrote becomes active (row 34).
"""

from __future__ import annotations

import json
from pathlib import Path

from selfteach.report.card import make_card
from selfteach.report.page import render_report


def corrections_run(folder: Path) -> Path:
    """A run of corrections as its exam.json has it; the words that people and models wrote are
    hostile (row 34).
    """
    share = lambda value: {"value": value, "low": value / 2, "high": min(1.0, value * 2), "n": 12}
    arms = lambda *values: {
        arm: share(value) for arm, value in zip(("base", "prompted", "tuned"), values, strict=True)
    }
    answer = {
        "greedy": "A <b>color</b>! {{ 7*7 }}",
        "ok": False,
        "correction": "</p><script>alert(1)</script>",
        "sampled": "x",
        "sampled_ok": True,
    }
    exam = {
        "method": "corrections",
        "material": '"<img src=x onerror=alert(1)>", 3 corrections',
        "teacher": "cmd:<i>x</i>",
        "smoke_test": False,
        "distance": {
            arm: {"greedy": share(v), "sampled": share(v)}
            for arm, v in (("base", 0.2), ("prompted", 0.15), ("tuned", 0.05))
        },
        "corrected": arms(0.9, 0.8, 0.3),
        "repeated": {},
        "general": arms(1.0, 1.0, 0.95),
        "displaced": share(0.01),
        "amount_nats": arms(0.9, 0.5, 0.1),
        "preferred": arms(0.25, 0.5, 0.75),
        "amount_held_out": arms(0.3, 0.2, 0.125),
        "rounds": [
            {
                "round": n,
                "kept": n == 1,
                "distance": {"greedy": share(0.2 / (n + 1)), "sampled": share(0.6 / (n + 1))},
                "amount_nats": {"greedy": share(0.5), "sampled": share(0.5)},
                "earlier": [
                    {"round": r, "preferred": share(0.875), "change": share(-0.0625)}
                    for r in range(1, n + 1)
                ],
            }
            for n in range(3)
        ],
        "verdict": {
            "word": "taught",
            "sentence": "Taught: the teacher changes 20 % of the words before and 5 % after.",
        },
        "answers": [
            {
                "scope": "target",
                "prompt": "What is <u>tea</u>?",
                "arms": dict.fromkeys(("base", "prompted", "tuned"), answer),
            }
        ],
    }
    folder.mkdir()
    (folder / "exam.json").write_text(json.dumps(exam))
    return folder


def test_a_run_of_corrections_speaks_of_corrections(tmp_path: Path) -> None:
    page = render_report(corrections_run(tmp_path / "run"))
    for words in (
        "Words that the teacher changes, greedy",
        "By round",
        "no longer surely falls; round 1 is kept.",
        "0.2 → 0.1<",
        "0.6 → 0.3<",
        "edit distance, greedy",
        "edit distance, T = 1",
        "Round 1, after round 2",
        "-6 points since it was learned",
        "corrections in the prompt",
        "Displaced corrections",
        "✕ corrected",
        "Held-out corrections preferred",
        "0.300 → 0.125",
    ):
        assert words in page
    for words in (
        "Rule kept",
        "rule in the prompt",
        "Map of the prompts",
        "Answers with a repeated error",
        "Does it hold elsewhere?",
    ):
        assert words not in page


def test_criticisms_met_are_shown_by_greedy_and_by_sampled_answers(tmp_path: Path) -> None:
    run = corrections_run(tmp_path / "run")
    exam = json.loads((run / "exam.json").read_text())
    number = {"value": 0.8125, "low": 0.5, "high": 0.9, "n": 16}
    by_way = {"tuned": {"greedy": number, "sampled": {**number, "value": 0.4375}}}
    (run / "exam.json").write_text(json.dumps(exam | {"met_by_way": by_way}))
    page = render_report(run)
    for label, share in (("Criticism met, greedy", "81"), ("Criticism met, T = 1", "44")):
        row = page[page.index(label) :]
        assert share in row[: row.index("</tr>")]


def test_the_page_says_what_uncorrected_answers_were_compared_with(
    tmp_path: Path,
) -> None:
    run = corrections_run(tmp_path / "run")
    exam = json.loads((run / "exam.json").read_text())
    (run / "exam.json").write_text(json.dumps(exam | {"teacher": "the file"}))
    page = render_report(run)
    assert "Words unlike the correction, greedy" in page
    assert "Answers unlike the correction" in page
    assert "Words that the teacher changes" not in page


def test_hostile_words_of_corrections_stay_words(tmp_path: Path) -> None:
    run = corrections_run(tmp_path / "run")
    page = render_report(run)
    assert "<script" not in page
    assert "<img" not in page
    assert "<u>tea" not in page
    assert "{{ 7*7 }}" in page
    heading, _, _ = make_card(run).partition("## Use")
    assert "# Corrections, learned" in heading
    assert "<img src=x" in heading.split("```text")[1], "in its fence it is only text"
