"""Worked requests for kinds of text are well formed, and neighbors are about other kinds."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate import asked_for
from selfteach.generate.asked_for import (
    SENT_KINDS,
    TextKind,
    get_requests_for_others,
    get_text_kind,
    list_other_framed_kinds,
    list_other_kinds,
)
from selfteach.generate.occasions import Occasion, find_occasion_fault, list_worked_occasions
from selfteach.generate.situations import build_requests
from selfteach.generate.text_requests import GENRE_QUESTION
from selfteach.materials.situation import Situation, read_situation
from selfteach.materials.text_kinds import HELP_KINDS, TEXT_KINDS
from selfteach.text import clean_text

KINDS = asked_for._KINDS
FRAMED = [name for name, kind in KINDS.items() if kind.frames]


def make_occasions(scope: str) -> list[Occasion]:
    worked = list_worked_occasions(read_situation(scope))
    return [Occasion(form, text) for form, texts in worked.items() for text in texts]


def test_every_kind_is_known_and_has_requests() -> None:
    assert set(KINDS) <= set(TEXT_KINDS | HELP_KINDS)
    assert set(HELP_KINDS) == set(FRAMED)
    assert all(len(kind.requests) >= 24 for kind in KINDS.values())


@pytest.mark.parametrize("name", KINDS)
def test_worked_requests_are_well_formed_and_not_alike(name: str) -> None:
    known = OverlapIndex()
    for text in KINDS[name].requests:
        assert known.add_if_new(text, 0.75)[0], text
        assert 2 <= len(text.split()) <= 60, text
        assert text == clean_text(text), text
        assert not set("{}\n") & set(text), text


def test_no_request_stands_under_two_kinds() -> None:
    texts = Counter(text.lower() for kind in KINDS.values() for text in kind.requests)
    assert [text for text, count in texts.items() if count > 1] == []


@pytest.mark.parametrize("name", KINDS)
def test_every_subject_can_be_used(name: str) -> None:
    subjects = KINDS[name].subjects
    assert [find_occasion_fault(Occasion("subject", text)) for text in subjects] == [
        "" for _ in subjects
    ]
    assert len({text.lower() for text in subjects}) == len(subjects)
    assert bool(subjects) == (name not in SENT_KINDS)


@pytest.mark.parametrize("name", FRAMED)
def test_the_exam_has_frames_of_its_own(name: str) -> None:
    kind = KINDS[name]
    frames = [re.sub(r"\W+", " ", text.lower()) for text in (*kind.frames, *kind.exam_frames)]
    assert len(set(frames)) == len(frames)
    assert all(text.count("{topic}") == 1 for text in (*kind.frames, *kind.exam_frames))


def test_a_narrower_kind_has_no_worked_requests() -> None:
    assert get_text_kind("toast").requests
    assert get_text_kind("farewell toast").subjects == get_text_kind("toast").subjects
    assert get_text_kind("farewell toast").requests == ()
    assert get_text_kind("sonnet") == TextKind("sonnet")


def test_a_kind_is_no_neighbor_of_one_that_it_may_be() -> None:
    assert list_other_kinds("haiku", ["poem", "letter", "song"]) == ["letter"]
    assert list_other_kinds("advice", ["tip", "poem", "health question"]) == ["poem"]
    for name in KINDS:
        others = list_other_kinds(name, KINDS)
        assert name not in others
        assert len(others) > len(KINDS) / 2


def test_no_neighbor_names_the_kind() -> None:
    beside = get_requests_for_others("tweet")
    assert "poem" in beside
    assert not any("tweet" in text.lower() for texts in beside.values() for text in texts)
    assert not {"tweet", "post", "caption"} & set(beside)


@pytest.mark.parametrize("for_exam", [False, True])
def test_a_text_that_is_sent_goes_to_everybody(for_exam: bool) -> None:
    emails = read_situation("in emails")
    occasions = make_occasions("in emails")
    inside = build_requests(emails, occasions, "target", 40, 0, for_exam=for_exam)
    beside = build_requests(emails, occasions, "near", 40, 0, for_exam=for_exam)
    assert len(inside) == len(beside) == 40
    assert all("an email" in prompt.text.lower() for prompt in inside)
    written = [prompt.text for prompt in beside if prompt.form != GENRE_QUESTION]
    assert written
    assert not any("mail" in text or "a letter" in text for text in written)
    assert {prompt.subject for prompt in inside} <= {one.text for one in occasions}


@pytest.mark.parametrize("for_exam", [False, True])
@pytest.mark.parametrize("name", FRAMED)
def test_what_has_frames_of_its_own_is_asked_for_in_these(name: str, for_exam: bool) -> None:
    kind = KINDS[name]
    situation = Situation("task", name)
    occasions = [Occasion("subject", text) for text in kind.subjects[:9]]
    inside = build_requests(situation, occasions, "target", 30, 0, for_exam=for_exam)
    beside = build_requests(situation, occasions, "near", 30, 0, for_exam=for_exam)
    own = kind.exam_frames if for_exam else kind.frames
    filled = {frame.format(topic=one.text) for frame in own for one in occasions}
    assert len(inside) == 30
    assert {prompt.text for prompt in inside} <= filled
    assert not {prompt.text for prompt in beside} & filled
    assert len(beside) == 30
    assert not any(other.name == name for other in list_other_framed_kinds(name))
    if kind.takes_text:
        assert {prompt.subject for prompt in beside} <= {one.text for one in occasions}


@pytest.mark.parametrize("for_exam", [False, True])
def test_a_text_made_for_somebody_is_about_a_subject_and_neighbors_are_for_others(
    for_exam: bool,
) -> None:
    situation = read_situation("in stories for my kids")
    occasions = make_occasions("in stories for my kids")
    inside = build_requests(situation, occasions, "target", 40, 0, for_exam=for_exam)
    beside = build_requests(situation, occasions, "near", 60, 0, for_exam=for_exam)
    assert len(inside) == 40
    assert {prompt.subject for prompt in inside} <= set(get_text_kind("story").subjects)
    own = re.compile(r"stor(?:y|ies) for my kids")
    assert all(own.search(prompt.text) for prompt in inside)
    assert not any(own.search(prompt.text) for prompt in beside)
    assert sum("story for" in prompt.text for prompt in beside) > 20
    assert any("for my kids" in prompt.text for prompt in beside if prompt.subject)
