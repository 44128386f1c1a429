"""The judge of requests that learns from worked ones."""

from __future__ import annotations

import pytest

from selfteach.generate.few_shot import REQUESTS_ABOUT
from selfteach.generate.worked_requests import SERVICES, get_requests_beside
from selfteach.judge.worked_judge import learn_worked_requests


@pytest.mark.parametrize(
    ("topic", "alike", "others"),
    [
        (
            "opening hours",
            ["What time does the front door open tomorrow?", "Are you open on Saturday?"],
            [
                "Could you give me a more detailed description of how the gates open?",
                "Do you sell tea towels?",
            ],
        ),
        (
            "refunds",
            ["I was charged twice. When do I get my money back?"],
            ["Can you explain the warranty?", "Do you have a blue one?"],
        ),
    ],
)
def test_requests_of_people_are_told_apart(topic: str, alike: list[str], others: list[str]) -> None:
    beside = [text for texts in get_requests_beside(topic, SERVICES).values() for text in texts[:5]]
    find_alike = learn_worked_requests(REQUESTS_ABOUT[SERVICES][topic]["requests"], beside)
    assert find_alike([*alike, *others]) == [True] * len(alike) + [False] * len(others)
    assert find_alike([]) == []
