"""What the page says of documents: the map and the judges, also of an exam.json that somebody has
tampered with.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from selfteach.report import documents_page, rows
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
        {"question": "q", "selected": "known", "before": "unknown", "after": "known"},
        {"question": "r", "selected": 3, "before": "<b>", "after": "known", "held_out": True},
    ]
    (document,) = documents_page.describe_knowledge(
        {"map": [{"title": "Tea", "chunks": [{"text": "Tea.", "questions": asked}]}]}
    )
    assert document["before"] == {"known": 0, "unknown": 1, "unsure": 1}
    assert document["after"] == {"known": 2, "unknown": 0, "unsure": 0}
    questions = document["chunks"][0]["questions"]
    assert [q["held_out"] for q in questions] == [False, True]
    assert [q["selected"] for q in questions] == ["known", ""]


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


@pytest.mark.parametrize("asked_by", [None, True, ["people"]])
def test_an_exam_that_does_not_say_who_asked_has_a_page(
    asked_by: Any, folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(folder, tmp_path / "run")
    exam = {
        **json.loads((run / "exam.json").read_text()),
        "method": "documents",
        "contains": dict.fromkeys(("base", "prompted", "tuned"), MEASURE),
    }
    exam["cost"]["training_memory"] = {"measured": 10, "total": "x"}
    for changed in (exam, {**exam, "asked_by": asked_by}):
        (run / "exam.json").write_text(json.dumps(changed))
        assert "Right answer contained" in render_report(run)


def test_a_comparison_in_pairs_shows_counts_and_position_bias(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder, tmp_path / "run")
    bias = {"value": 0.125, "low": 0.05, "high": 0.2, "n": 60}
    duel = {"win_rate": MEASURE, "wins": 21, "ties": 30, "losses": 9, "position_bias": bias}
    duel |= {"won": {**MEASURE, "value": 0.35}, "tied": MEASURE, "lost": MEASURE}
    exam = {
        **json.loads((run / "exam.json").read_text()),
        "method": "documents",
        "asked_by": "people",
        "contains": dict.fromkeys(("base", "prompted", "tuned"), MEASURE),
        "pairwise": {"tuned": duel},
        "pairwise_judge": {"name": "preference", "refused": ""},
    }
    (run / "exam.json").write_text(json.dumps(exam))
    labels = {row["label"]: row["measures"]["tuned"] for row in rows.make_result_rows(exam)}
    assert labels["Won against the base"].value == 0.35
    assert labels["Position bias, against the base"].value == 0.125
    assert {"Tied with the base", "Lost against the base"} <= set(labels)
    page = render_report(run)
    assert "21 won, 30 tied, 9 lost" in page
    assert "Position bias 0.12." in page
    del exam["pairwise"]
    exam["pairwise_judge"] = {"refused": "no judge tells <b>"}
    (run / "exam.json").write_text(json.dumps(exam))
    assert "Not compared: no judge tells &lt;b&gt;." in render_report(run)


def test_the_page_says_where_one_passage_tells_no_spread(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder, tmp_path / "run")
    exam = {
        **json.loads((run / "exam.json").read_text()),
        "method": "documents",
        "asked_by": "people",
        "contains": dict.fromkeys(("base", "prompted", "tuned"), MEASURE),
    }
    (first, *_) = exam["answers"]

    def render(*passages: str) -> str:
        exam["answers"] = [{**first, "chunk": passage} for passage in passages]
        (run / "exam.json").write_text(json.dumps(exam))
        return render_report(run)

    several = render("a", "b", "a")
    assert "Bars are 95 % intervals; n counts questions about 2 passages." in several
    assert "by question alone, because all questions are about one passage; n" in render("a", "a")
