"""Of several answers to a task the one that agrees most with the others is its output, or none is;
inputs come from a list of people's.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from scripted import Scripted
from selfteach.config import TasksConfig
from selfteach.materials.tasks import Instance, Task
from selfteach.methods.tasks.instances import (
    BARE_LABEL,
    LOOPING,
    NO_CONSENSUS,
    KeptTask,
    WrittenInstances,
    choose_consensus,
    is_chat_writer,
    list_short_tasks,
    read_instance_list,
    write_instances,
)
from selfteach.records import Completion, Request
from selfteach.select.task_filter import CUT, TaskSimilarity


def completions(*texts: str, finish: Literal["stop", "length"] = "stop") -> list[Completion]:
    return [Completion(str(n), text, finish) for n, text in enumerate(texts)]


def test_what_most_answers_say_is_the_output() -> None:
    """ "a b c d" shares 3 of 4 words with "a b c e" and nothing with the third: .375, as has "a b c
    e"; the first of both is taken.
    """
    assert choose_consensus(completions("x y z", " a b c d\n", "a b c e"), 0.3) == ("a b c d", "")


def test_answers_that_have_nothing_in_common_are_no_knowledge() -> None:
    assert choose_consensus(completions("red apple", "old house", "deep sea"), 0.2) == (
        "red apple",
        NO_CONSENSUS,
    )
    assert choose_consensus(completions("red apple"), 0.9) == ("red apple", ""), (
        "one answer alone has nobody to disagree with"
    )


def test_an_answer_that_was_cut_speaks_for_others_but_is_not_taken() -> None:
    both = [*completions("a b c d", finish="length"), *completions("a b x y")]
    assert choose_consensus(both, 0.5) == ("a b x y", "")
    assert choose_consensus(completions("a b c d", "a b c e", finish="length"), 0.2)[1] == CUT


def test_an_answer_that_goes_round_in_circles_is_not_taken() -> None:
    circle = "a cat " * 12
    assert choose_consensus(completions(circle, circle, "a cat sat"), 0.1) == ("a cat sat", "")
    assert choose_consensus(completions(circle, circle), 0.1)[1] == LOOPING


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (WrittenInstances(lost="no answer came"), "no answer came"),
        (WrittenInstances(refused=((Instance("", "a"), CUT),)), CUT),
        (WrittenInstances((Instance("", "b"),), ((Instance("", "a"), CUT),)), "no usable instance"),
    ],
)
def test_why_a_task_without_instances_is_dropped(written: WrittenInstances, reason: str) -> None:
    assert written.reason == reason


PEOPLE = [
    Task(f"s:{n}", f"Say {n} of the word", (Instance(f"word {n}", f"said {n}"),)) for n in range(9)
]
OUTPUTS = ["red leaf tea", "a green hot drink", "a green cold drink", "no"]


def teacher(request: Request) -> str:
    """Inputs from a list, outputs by the number of the sample."""
    if isinstance(request.prompt, str):
        return {"Sort the word": " none\n", "Count the words": " one " * 200}.get(
            request.prompt.splitlines()[-2][6:], " tea \nOutput: x"
        )
    return OUTPUTS[request.draw]


def test_a_label_needs_something_to_be_the_label_of() -> None:
    task = Task("i:0", "Is the word a verb?", classification=True)
    assert read_instance_list(
        Completion("x", " yes\nInput: go\nClass label: no\nInput: none"), task, False
    ) == WrittenInstances((Instance("go", "yes"),), ((Instance("", "no"), BARE_LABEL),))
    assert (
        read_instance_list(Completion("x", " yes\nClass label: yes"), task, False).reason
        == BARE_LABEL
    )


def written(
    model: Any,
    *instructions: str,
    mode: Literal["self-instruct", "alpaca"] = "self-instruct",
    listed: Instance | None = None,
    **settings: Any,
) -> list[WrittenInstances]:
    model.failures = ()
    model.is_chat_model = True
    model.room_tokens = lambda prompt: 1000
    config = TasksConfig(mode=mode, instances=settings)
    session: Any = SimpleNamespace(teacher=model, base=model, config=config)
    tasks = [
        KeptTask(Task(f"i:{n}", text, classification=False), TaskSimilarity((), 0.0), listed)
        for n, text in enumerate(instructions)
    ]
    found = write_instances(session, tasks, PEOPLE)
    return [found[one.task.id] for one in tasks]


def test_an_output_is_answered_several_times_after_other_tasks_each_time() -> None:
    model = Scripted(teacher)
    assert written(model, "Describe the word", min_agreement=0.2) == [
        WrittenInstances((Instance("tea", "a green hot drink"),))
    ]
    asked = [request.prompt for request in model.asked if not isinstance(request.prompt, str)]
    assert len({prompt[:-1] for prompt in asked}) == len(asked) == 4
    assert {prompt[-1].content for prompt in asked} == {"Describe the word\n\ntea"}
    assert (
        written(Scripted(teacher), "Describe the word", min_agreement=0.6)[0].reason == NO_CONSENSUS
    )


def test_an_input_comes_from_a_list_of_people_s_where_the_words_name_one() -> None:
    model = Scripted(teacher)
    none, cut, bare = written(model, "Sort the word", "Count the words", "Say hello")
    assert none.whole[0].input == bare.whole[0].input == ""
    assert cut == WrittenInstances(lost=CUT)
    lists = [request.prompt for request in model.asked if isinstance(request.prompt, str)]
    assert len(lists) == 2, "nothing is asked for a task that names no input"
    assert all(text.count("\nInput: word ") == 6 for text in lists)


def test_an_output_in_a_list_has_one_vote() -> None:
    """Five answers with the list's own one, which agrees with a sampled one or is overruled."""
    model = Scripted(teacher)

    def choose(own: str, min_agreement: float) -> WrittenInstances:
        (found,) = written(
            model,
            "Describe the word",
            mode="alpaca",
            listed=Instance("tea", own),
            min_agreement=min_agreement,
        )
        return found

    assert choose("red leaf tea", 0.2).whole == (Instance("tea", "red leaf tea"),)
    assert choose("coffee", 0.1).whole == (Instance("tea", "a green hot drink"),)
    assert choose("coffee", 0.2).reason == NO_CONSENSUS
    assert {request.prompt[-1].content for request in model.asked} == {"Describe the word\n\ntea"}
    assert written(model, "Describe the word", mode="alpaca") == [WrittenInstances()]


def test_alpaca_takes_the_output_of_its_list_without_samples() -> None:
    model = Scripted(teacher)
    listed = Instance("tea", "no")
    assert written(model, "Describe the word", mode="alpaca", listed=listed, samples=0) == [
        WrittenInstances((listed,))
    ]
    assert not model.asked
    with pytest.raises(ValidationError, match="only mode=alpaca lists them"):
        TasksConfig(instances={"samples": 0})


def test_a_long_task_in_a_script_without_spaces_is_long() -> None:
    tasks = [
        Task("a", "写" * 40, (Instance("", "好" * 40),)),
        Task("b", "写", (Instance("", "好"),)),
    ]
    assert [task.where for task in list_short_tasks(tasks)] == ["b"]


@pytest.mark.parametrize("is_chat", [True, False])
def test_a_teacher_without_a_chat_template_is_no_chat_writer(is_chat: bool) -> None:
    session: Any = SimpleNamespace(teacher=SimpleNamespace(is_chat_model=is_chat))
    assert is_chat_writer(session) is is_chat
