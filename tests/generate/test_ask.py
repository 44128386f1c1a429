"""Requests that the model asks itself: the scopes, the forms, the rounds."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from scripted import Scripted
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.common_knowledge import CALIBRATION_QUESTIONS, COMMON_QUESTIONS
from selfteach.generate import few_shot
from selfteach.generate.ask import (
    GeneratedPrompt,
    Scope,
    generate_prompts,
    generate_prompts_of_scopes,
    generate_similar_prompts,
    make_twin,
    plan_requests,
)
from selfteach.generate.subject import (
    Subject,
    describe_known_topic,
)
from selfteach.records import Completion, Request

SUBJECT = Subject("sailing", ("mast", "harbour"), ("rowing", "diving"))


def writer() -> Scripted:
    """Writes another request each time, with a topic before it where none was given."""

    def script(request: Request) -> str:
        number = random.Random(f"{request.stage} {request.draw}").randrange(10**9)
        given = str(request.prompt).endswith("\nRequest:")
        return f" What is {number}?" if given else f" numbers\nRequest: What is {number}?"

    return Scripted(script)


def fine(text: str) -> str:
    return ""


def asked(
    scope: str, count: int, subject: Subject = SUBJECT, model: Scripted | None = None, seed: int = 0
) -> list[GeneratedPrompt]:
    return [
        a
        for a, _ in generate_prompts(model or writer(), subject, scope, count, fine, range(5), seed)
    ]  # type: ignore[arg-type]


def test_no_prompts_need_no_samples() -> None:
    assert plan_requests(Subject("tea"), "target", 0, 0, 0) == []
    found = generate_prompts(Scripted({}), Subject("tea"), "target", 0, str, range(3), 0)
    assert list(found) == []


def test_forms_come_in_turn_and_every_one_is_used() -> None:
    forms = [a.form for a in asked("target", 2 * len(few_shot.REQUESTS))]
    assert forms == 2 * list(few_shot.REQUESTS)


def test_other_forms_take_turns_with_their_own_worked_requests() -> None:
    seen: list[str] = []
    model = Scripted(
        lambda request: seen.append(str(request.prompt)) or " numbers\nRequest: Who counts?"
    )
    forms = {"a": (("tea", "Who drinks tea?"),), "b": (("ice", "Who eats ice?"),)}
    found = [
        a.form
        for a, _ in generate_prompts(model, Subject(""), "general", 4, fine, range(1), 0, forms)
    ]
    assert found == ["a", "b", "a", "b"]
    assert seen[:2] == [
        "Topic: tea\nRequest: Who drinks tea?\n\nTopic:",
        "Topic: ice\nRequest: Who eats ice?\n\nTopic:",
    ]


def test_no_worked_question_of_fact_is_one_of_an_exam() -> None:
    exam = OverlapIndex([*(q for q, _ in COMMON_QUESTIONS), *(q for q, _ in CALIBRATION_QUESTIONS)])
    assert (
        max(
            exam.nearest(text).similarity
            for worked in few_shot.FACTS.values()
            for _, text in worked
        )
        < 0.7
    )


def test_target_requests_name_the_topic_or_one_of_its_words() -> None:
    subjects = [a.subject for a in asked("target", 60)]
    assert set(subjects) == {"sailing", "mast", "harbour"}
    assert subjects.count("sailing") == 32


def test_near_requests_are_about_siblings_and_general_ones_about_anything() -> None:
    assert {a.subject for a in asked("near", 40)} == {"rowing", "diving"}
    general = asked("general", 10)
    assert {a.subject for a in general} == {"numbers"}
    assert all(a.text.startswith("What is ") for a in general)


def test_a_rule_of_form_has_targets_about_anything() -> None:
    assert {a.subject for a in asked("target", 10, Subject(""))} == {"numbers"}


def test_it_stops_at_the_count_and_faults_do_not_count() -> None:
    refused = iter(["", "odd"] * 100)
    found = list(
        generate_prompts(writer(), SUBJECT, "target", 10, lambda text: next(refused), range(5), 0)
    )
    assert [fault for _, fault in found] == (["", "odd"] * 10)[: len(found)]
    assert sum(not fault for _, fault in found) == 10


def test_rounds_end_and_each_asks_for_what_is_missing() -> None:
    model = writer()
    found = list(
        generate_prompts(model, SUBJECT, "target", 100, lambda text: "never good", range(3), 0)
    )
    assert len(found) == len(model.asked) == 3 * 150
    assert len({r.draw for r in model.asked}) == len(model.asked), (
        "a round repeats the samples of the one before"
    )


def test_scopes_that_are_asked_together_give_what_each_gives_alone() -> None:
    scopes: tuple[Scope, ...] = ("target", "near", "general")

    def find_fault(text: str) -> str:
        return "" if text[-2] in "01" else "odd"

    together = writer()
    calls = 0
    stream = together.stream

    def count(requests: Sequence[Request]) -> Iterator[Completion]:
        nonlocal calls
        calls += 1
        return stream(requests)

    together.stream = count  # type: ignore[method-assign]
    found = generate_prompts_of_scopes(
        together, SUBJECT, scopes, 3, lambda prompt: not find_fault(prompt.text), 4, 0
    )
    alone = [
        prompt
        for scope in scopes
        for prompt, fault in generate_prompts(writer(), SUBJECT, scope, 3, find_fault, range(4), 0)
        if not fault
    ]
    assert found == alone
    assert 2 <= calls <= 4, "a call for each round, whatever the number of scopes"


def test_the_same_seed_asks_the_same_prompts_and_another_seed_does_not() -> None:
    runs = []
    for seed in (1, 1, 2):
        model = writer()
        found = asked("target", 30, model=model, seed=seed)
        runs.append((found, [(r.prompt, r.draw) for r in model.asked]))
    assert runs[0] == runs[1]
    assert [a.subject for a in runs[2][0]] != [a.subject for a in runs[0][0]]


def test_texts_are_cleaned_and_put_on_one_line() -> None:
    (found,) = asked("target", 1, model=Scripted(lambda request: "  What\u2028is \x00this? "))
    assert found.text == "What is \ufffdthis?"


def test_corners_continue_the_lists_that_they_are_given() -> None:
    model = Scripted(lambda request: f" Like {str(request.prompt).count('Request:') - 1}?")
    found = list(
        generate_similar_prompts(
            model,
            "ask alike",
            [["a?", "b?"], ["c?"]],
            lambda text: "odd" if "1" in text else "",
            0,
            1,
        )
    )
    assert [(a.text, a.subject, fault) for a, fault in found] == [
        ("Like 2?", "b?", ""),
        ("Like 1?", "c?", "odd"),
    ]
    assert [r.prompt for r in model.asked] == [
        "Request: a?\nRequest: b?\nRequest:",
        "Request: c?\nRequest:",
    ]


def test_a_worked_request_about_the_topic_itself_is_not_shown() -> None:
    subject = describe_known_topic("your name")
    requests = plan_requests(subject, "target", 8, 0, 0, few_shot.SELF_REQUESTS)
    prompts = [str(request.prompt) for request in requests]
    assert all(prompt.endswith("Topic: your name\nRequest:") for prompt in prompts)
    assert not any("What is your name?" in prompt for prompt in prompts)


def test_a_third_of_the_near_requests_are_about_words_of_the_name() -> None:
    subject = Subject("opening hours", (), ("prices",), False, name_words=("opening", "hours"))
    forms = len(few_shot.REQUESTS)
    requests = plan_requests(subject, "near", 6 * forms, 0, 0)[: 6 * forms]
    about = [str(request.prompt).rstrip().split("\n")[-2].split(": ")[-1] for request in requests]
    share = sum(word in subject.name_words for word in about) / len(about)
    assert share == 1 / 3
    assert set(about) == {"prices", "opening", "hours"}
    plain = plan_requests(Subject("opening hours", (), ("prices",), False), "near", 9, 0, 0)
    assert not any("opening\n" in str(r.prompt)[-60:] for r in plain)


@pytest.mark.parametrize(
    ("text", "topic", "twin"),
    [("Where is İstanbul?", "Istanbul", "Where is Rome?"), ("ſoccer?", "soccer", "Rome?")],
)
def test_a_twin_finds_letters_whose_lower_case_is_another_text(
    text: str, topic: str, twin: str
) -> None:
    assert make_twin(text, topic, "Rome") == twin


def test_the_article_of_a_twin_goes_by_the_sound() -> None:
    """The letter alone made "a hour" and "an unicorn"."""
    assert make_twin("What is a day?", "day", "hour") == "What is an hour?"
    assert make_twin("Draw an owl.", "owl", "unicorn") == "Draw a unicorn."
    assert make_twin("Is a van big?", "van", "SUV") == "Is an SUV big?"
