"""What the page says of documents: the map and the judges, also of an exam.json that somebody has
tampered with.
"""

from __future__ import annotations

from typing import Any

import pytest

from selfteach.report import documents_page

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
