"""Requests that are written for an answer."""

from __future__ import annotations

from scripted import Scripted
from selfteach.generate import few_shot
from selfteach.generate.answered_requests import (
    ANSWERED,
    format_worked_list,
    plan_answered_requests,
    write_answered_requests,
)
from selfteach.records import Request

ANSWER = "The password is at the front desk."


def test_the_model_continues_answers_with_their_requests() -> None:
    listing = format_worked_list("wifi", ANSWER, 0)
    assert listing.endswith(f"Topic: wifi\nAnswer: {ANSWER}\nRequest:")
    topics = {topic for topic, _, _ in few_shot.ANSWERED_REQUESTS}
    assert all(listing.count(f"Topic: {topic}\n") == 1 for topic in topics)
    assert "Topic: parking" not in format_worked_list("parking", "Behind the house.", 0).replace(
        "Topic: parking\nAnswer: Behind the house.", ""
    )


def test_worked_requests_do_not_name_their_topic() -> None:
    for topic, request, answer in few_shot.ANSWERED_REQUESTS:
        assert topic.removeprefix("the ") not in request.lower()
        assert answer.endswith(".")


def test_different_requests_are_kept_once() -> None:
    said = [" Is there a code? ", "Is there\ta code?", "How do I get online?"]
    model = Scripted(lambda request: said[request.draw % 3])
    found = write_answered_requests(model, "wifi", ANSWER, 6, seed=0)
    assert [p.text for p in found] == ["Is there a code?", "How do I get online?"]
    assert {(p.scope, p.form, p.subject) for p in found} == {("target", ANSWERED, "wifi")}
    drawn = plan_answered_requests("wifi", ANSWER, 7, seed=3)
    assert len({request.prompt for request in drawn}) <= 6
    assert [request.draw for request in drawn] == list(range(7))
    assert isinstance(drawn[0], Request)
