"""Which tasks have an input or an output in common, by hand."""

from __future__ import annotations

from selfteach.materials.tasks import Instance, Task
from selfteach.select.task_groups import ExamTexts, group_tasks

TEXT = "The keeper walked down to the harbour at dawn and found no boat."
ANSWER = "At dawn the harbour was empty, because every boat had left."
OTHER = "Grow the beans in a sunny place and water them every evening."


def make_task(name: str, *cases: tuple[str, str]) -> Task:
    return Task(name, f"Do {name}", tuple(Instance(*case) for case in cases))


def test_tasks_with_a_long_text_in_common_are_one_group() -> None:
    tasks = [
        make_task("one", (TEXT, "Short.")),
        make_task("two", ("Tea", "yes")),
        make_task("three", ("Tea", "yes"), (TEXT.replace("no", "a"), ANSWER)),
        make_task("four", ("", ANSWER)),
        make_task("five", (ANSWER, OTHER)),
        make_task("six"),
    ]
    assert group_tasks(tasks, 0.7) == [0, 1, 0, 0, 2, 3]
    assert group_tasks([], 0.7) == []


def test_texts_of_many_words_are_compared() -> None:
    long = " ".join(f"word{place}" for place in range(900))
    tasks = [make_task("one", (long, "a")), make_task("two", (f"{long} more", "b"))]
    assert group_tasks([*tasks, make_task("three", (TEXT, "c"))], 0.7) == [0, 0, 1]


def test_the_text_of_the_exam_that_a_task_is_like_is_named() -> None:
    texts = ExamTexts([make_task("one", (TEXT, ANSWER))], 0.7)
    assert texts.find_like(Task("x", "Do one")) == "Do one"
    assert texts.find_like(make_task("input", (TEXT, "Short."))) == TEXT
    assert texts.find_like(make_task("output", ("", ANSWER))) == ANSWER
    assert texts.find_like(make_task("neither", (ANSWER, TEXT))) == ""


def test_a_question_is_the_same_beside_a_system_message_and_without_one() -> None:
    asked = [Task("a", TEXT, (Instance("", "yes"),)), make_task("two", (TEXT, "no"))]
    assert group_tasks([*asked, make_task("three", ("Tea", "yes"))], 0.7) == [0, 0, 1]
    for one, other in (asked, asked[::-1]):
        assert ExamTexts([one], 0.7).find_like(other) == TEXT
