"""Neighbors that begin as requests in scope do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.generate import begun_requests
from selfteach.generate.subject import Subject
from selfteach.methods.feedback.shared_openings import (
    NEAR_PER_OPENING,
    find_shared_openings,
    write_opening_prompts,
)
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Request
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

IN_SCOPE = [
    *(f"When do you open on day {i}?" for i in range(6)),
    *(f"what time is it on day {i}?" for i in range(4)),
    *(f"What is number {i}?" for i in range(4)),
]
NEIGHBORS = [
    *(f"What is the price of number {i}?" for i in range(9)),
    *(f"Who sells number {i}?" for i in range(5)),
]


def test_openings_tell_the_scopes_apart():
    found = find_shared_openings(IN_SCOPE, NEIGHBORS)
    assert found == ["When", "What time"]  # "When do" begins with "When"


def test_an_opening_of_neighbors_is_not_shared():
    neighbors = [*NEIGHBORS, *(f"When did it rain in {i}?" for i in range(2000, 2014))]
    assert find_shared_openings(IN_SCOPE, neighbors) == ["When do", "What time"]


def test_few_requests_share_no_opening():
    assert find_shared_openings(IN_SCOPE[:2], NEIGHBORS) == []


def write_rest(request: Request) -> str:
    """Continue an opening with the topic, in new words each time."""
    topic, _, opening = str(request.prompt).rpartition("Topic: ")[2].partition("\nRequest: ")
    return f" {'about' if opening == 'When' else 'for'} {topic}, number {request.draw}?\n"


def open_recorded_session(folder: Path) -> SimpleNamespace:
    model = Scripted(write_rest, lambda prompt, text: 0.0)
    ledger = Ledger(folder / "run.db")
    return SimpleNamespace(
        base=Recorded(ledger, model, model),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
        config=FeedbackConfig(ask={"near": 30}),
        understood=replace(
            NO_RULE, subject=Subject("opening hours", siblings=("parking",), forbidden=False)
        ),
    )


def test_neighbors_begin_with_shared_openings(tmp_path: Path):
    session = open_recorded_session(tmp_path)

    def find_fault(text: str) -> str:
        return "is odd" if text.rstrip("?").endswith("1") else ""

    written = write_opening_prompts(session, ["When", "What time"], find_fault)
    assert len(written) == 30 // NEAR_PER_OPENING
    assert {prompt.text.split()[0] for prompt in written} == {"When", "What"}
    assert all(prompt.subject in prompt.text for prompt in written)
    assert {(prompt.scope, prompt.form) for prompt in written} == {("near", begun_requests.BEGUN)}
    assert dict(session.run.ledger.funnel()[0].reasons) == {"is odd": 1}


def test_openings_and_topics_take_turns():
    requests = begun_requests.plan_begun_requests(["When", "Is it"], ["work", "art"], 20, 0)
    ends = [str(request.prompt).rpartition("Topic: ")[2] for request in requests]
    assert len(requests) == 20 * begun_requests.OVERSAMPLING
    assert set(ends) == {
        f"{topic}\nRequest: {opening}" for topic in ("work", "art") for opening in ("When", "Is it")
    }
    again = begun_requests.plan_begun_requests(["When", "Is it"], ["work", "art"], 20, 0)
    assert again == requests
