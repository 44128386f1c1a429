"""Worked requests for kinds of text are well formed, and neighbors are about other kinds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from scripted import Scripted
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate import asked_for
from selfteach.generate.asked_for import (
    SENT_KINDS,
    TextKind,
    get_requests_for_others,
    get_text_kind,
    list_other_kinds,
)
from selfteach.generate.occasions import (
    Occasion,
    OccasionForm,
    WorkedOccasions,
    find_occasion_fault,
    list_forms,
    list_worked_occasions,
    write_occasions,
)
from selfteach.generate.situations import build_requests
from selfteach.generate.text_requests import GENRE_QUESTION
from selfteach.materials.rules.inflection import list_plurals
from selfteach.materials.rules.scopes.situation import Situation, is_topical_text, read_situation
from selfteach.materials.rules.scopes.text_kinds import HELP_KINDS, TEXT_KINDS, find_text_kind
from selfteach.records import Completion, Request
from selfteach.text import clean_text

KINDS = asked_for._KINDS
FRAMED = [name for name, kind in KINDS.items() if kind.frames]


class CutOff(Scripted):
    """Answer with texts that the limit of tokens ended."""

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for completion in super().stream(requests):
            yield replace(completion, finish="length")


def make_occasions(scope: str) -> list[Occasion]:
    worked = list_worked_occasions(read_situation(scope))
    return [Occasion(form, text) for form, texts in worked.items() for text in texts]


def test_every_kind_is_known_and_has_requests() -> None:
    assert set(KINDS) <= set(TEXT_KINDS | HELP_KINDS)
    assert set(HELP_KINDS) == set(FRAMED)
    assert all(len(kind.requests) >= 20 for kind in KINDS.values())


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
    form: OccasionForm = "text" if KINDS[name].takes_text else "subject"
    assert [find_occasion_fault(Occasion(form, text)) for text in subjects] == [
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
        assert len(others) > len(KINDS) / 2
        assert {*others}.isdisjoint(get_requests_for_others(name).keys() ^ {*others})


def test_no_neighbor_names_the_kind() -> None:
    beside = get_requests_for_others("tweet")
    assert "poem" in beside
    assert not any("tweet" in text.lower() for texts in beside.values() for text in texts)
    assert not {"tweet", "post", "caption"} & set(beside)
    assert any("quote" in text for kind in KINDS.values() for text in kind.requests)
    others = get_requests_for_others("quotation")
    assert not any(re.search(r"\bquotes?\b", text) for texts in others.values() for text in texts)


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
    assert not any("mail" in text.lower() or "a letter" in text.lower() for text in written)
    assert {prompt.subject for prompt in inside} <= {one.text for one in occasions}


@pytest.mark.parametrize("for_exam", [False, True])
@pytest.mark.parametrize("name", FRAMED)
def test_what_has_frames_of_its_own_is_asked_for_in_these(name: str, for_exam: bool) -> None:
    kind = KINDS[name]
    situation = Situation("task", name)
    form: OccasionForm = "text" if kind.takes_text else "subject"
    occasions = [Occasion(form, text) for text in kind.subjects[:9]]
    inside = build_requests(situation, occasions, "target", 30, 0, for_exam=for_exam)
    beside = build_requests(situation, occasions, "near", 30, 0, for_exam=for_exam)
    own = kind.exam_frames if for_exam else kind.frames
    filled = {frame.format(topic=one.text) for frame in own for one in occasions}
    assert len(inside) == 30
    assert {prompt.text for prompt in inside} <= filled
    assert not {prompt.text for prompt in beside} & filled
    assert len(beside) == 30
    if kind.takes_text:
        assert {prompt.subject for prompt in beside} <= {one.text for one in occasions}
        working = [other for other in KINDS.values() if other.takes_text and other is not kind]
        frames = [frame for other in working for frame in (*other.frames, *other.exam_frames)]
        may_be = {frame.format(topic=one.text) for frame in frames for one in occasions}
        assert {prompt.text for prompt in beside} <= may_be


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


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_by_its_name(name: str) -> None:
    *first, last = name.split(" ")
    plural = name if name in ("instructions", "meeting minutes") else list_plurals(last)[0]
    many = " ".join([*first, plural]) if plural != name else name
    situation = read_situation(f"in {many}" if name in TEXT_KINDS else f"when I ask for {many}")
    if name in ("advice", "code"):
        situation = read_situation(f"when I ask for {name}")
    if name == "sad message":
        situation = read_situation("when I tell you that I'm sad")
    assert find_text_kind(situation.genre) == name
    assert is_topical_text(situation)
    assert list_forms(situation) != ("topic",)


@pytest.mark.parametrize("for_exam", [False, True])
def test_no_frame_of_one_text_asks_for_instructions(for_exam: bool) -> None:
    situation = read_situation("in instructions")
    occasions = make_occasions("in instructions")
    for scope in ("target", "near"):
        built = build_requests(situation, occasions, scope, 200, 0, for_exam=for_exam)  # type: ignore[arg-type]
        own = [prompt.text for prompt in built if "instructions" in prompt.text.lower()]
        assert own
        wrong = r"\b(?:an?|one|is|[Dd]oes) instructions|instructions (?:is|takes)\b"
        assert not [text for text in own if re.search(wrong, text)]


def test_no_text_to_work_on_is_written_by_the_model() -> None:
    situation = read_situation("when I ask for a summary")
    worked = list_worked_occasions(situation)
    model = Scripted(lambda request: "too long a text")
    found = list(write_occasions(model, worked, 400, find_occasion_fault, 3, 0))
    assert len(found) == len(get_text_kind("summary").subjects)
    assert not model.asked


def test_an_occasion_that_is_cut_off_is_dropped() -> None:
    model = CutOff(lambda request: "the sea in")
    worked: WorkedOccasions = {"subject": ["the sea in November", *"abcdefg"]}
    found = list(write_occasions(model, worked, 20, find_occasion_fault, 1, 0))
    assert all(fault for _, fault in found[len(worked["subject"]) :])


def test_neighbors_of_the_exam_have_subjects_of_their_own() -> None:
    situation = read_situation("when I ask for advice")
    occasions = make_occasions("when I ask for advice")
    learned = build_requests(situation, occasions, "near", 200, 0, for_exam=False)
    asked = build_requests(situation, occasions, "near", 200, 0, for_exam=True)
    assert learned
    assert asked
    assert not {p.subject for p in learned} & {p.subject for p in asked}
