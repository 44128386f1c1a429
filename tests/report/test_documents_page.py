"""What the page says of documents: the map and the judges, also of an exam.json that somebody has
tampered with.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from selfteach.report import documents_page
from selfteach.report.page import render_report

MEASURE = {"value": 0.66, "low": 0.5, "high": 0.8, "n": 60}


def test_the_judges_with_what_they_rank() -> None:
    (row,) = documents_page.list_judges(
        {
            "judges": [
                {
                    "judge": "match",
                    "used": True,
                    "knowledge": MEASURE,
                    "label": MEASURE,
                    "tau_knowledge": 0.7,
                }
            ]
        }
    )
    assert (row["name"], row["used"], row["tau"]) == ("match", True, 0.7)
    assert row["knowledge"].value == 0.66


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "x",
        3,
        [3, "x", None],
        [{"judge": "<script>" * 99, "knowledge": "high", "tau_knowledge": "NaN"}],
    ],
)
def test_what_is_no_number_is_left_out(bad: Any) -> None:
    for row in documents_page.list_judges({"judges": bad}):
        assert len(row["name"]) <= 80
        assert row["knowledge"] is None
        assert row["tau"] is None
        assert row["used"] is False


def test_the_map_counts_states_and_knows_no_others() -> None:
    asked = [
        {"question": "q", "before": "unknown", "after": "known"},
        {"question": "r", "before": "<b>", "after": "known", "held_out": True},
    ]
    (document,) = documents_page.describe_knowledge(
        {"map": [{"title": "Tea", "chunks": [{"text": "Tea.", "questions": asked}]}]}
    )
    assert document["before"] == {"known": 0, "unknown": 1, "unsure": 1}
    assert document["after"] == {"known": 2, "unknown": 0, "unsure": 0}
    assert [q["held_out"] for q in document["chunks"][0]["questions"]] == [False, True]


def test_recovery_has_its_denominator_and_judges_their_doubt(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder, tmp_path / "run")
    shares = dict.fromkeys(("base", "prompted", "tuned"), MEASURE)
    exam = {
        **json.loads((run / "exam.json").read_text()),
        "method": "documents",
        "asked_by": "the model",
        "contains": shares,
        "recovery": MEASURE,
        "recovery_room": {"value": 0.24, "low": 0.1, "high": 0.4, "n": 37},
        "judges": [{"judge": "match", "knowledge": MEASURE}],
        "judges_doubt": "no judge tells <b>",
    }
    (run / "exam.json").write_text(json.dumps(exam))
    page = render_report(run)
    assert "The open book adds 24 points" in page
    assert "n 37." in page
    assert "Doubt: no judge tells &lt;b&gt;." in page
    del exam["recovery_room"], exam["judges_doubt"]
    (run / "exam.json").write_text(json.dumps(exam))
    page = render_report(run)
    assert "The open book adds" not in page
    assert "Doubt:" not in page
