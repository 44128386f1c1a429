"""The judge of requests that learns from worked ones."""

from __future__ import annotations

from itertools import chain

import pytest

from selfteach.generate.few_shot import REQUESTS_ABOUT
from selfteach.generate.worked_requests import SERVICES, get_requests_beside
from selfteach.judge.worked_judge import learn_worked_requests


@pytest.mark.parametrize("topic", ["opening hours", "refunds", "wifi"])
def test_unseen_requests_of_people_are_told_apart(topic: str) -> None:
    worked = REQUESTS_ABOUT[SERVICES][topic]["requests"]
    beside = list(chain.from_iterable(get_requests_beside(topic, SERVICES).values()))
    find_alike = learn_worked_requests(worked[20:], beside[::20])
    assert sum(find_alike(worked[:20])) >= 14
    unseen = beside[7::20]
    assert sum(find_alike(unseen)) <= 0.08 * len(unseen)
    assert find_alike([]) == []
