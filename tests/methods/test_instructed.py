"""The exam of tasks over scripted models: which questions fit, who judges, what chance alone
changes.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import Tasks
from selfteach.errors import UsageError
from selfteach.evaluate.tasks import Sheet
from selfteach.judge.pairwise import Closer
from selfteach.materials.tasks import Instance, Task
from selfteach.methods.tasks.exam import arms_of, judged, mismatched, noise_floor, question_of, questions
from selfteach.methods.tasks.method import Parts
from selfteach.models.recorded import Recorded
from selfteach.models.scripted import Scripted
from selfteach.records import Draw, Example, Prompt, user
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger

TASKS = [
    Task(f"s:{i}", f"Say the word {word}", (Instance("", word),))
    for i, word in enumerate(("apple", "bear", "crow", "door"))
]


def likes_what_was_asked(prompt: Prompt, text: str) -> float:
    """A judge that prefers the answer whose word stands in the question; the few shots before it
    end with a blank line.
    """
    asked = str(prompt).lower().rpartition("say the word ")[2]
    first, second = (asked.partition(f"answer {side}:")[2] for side in "ab")
    word = asked.split()[0][:4]
    right = "A" if word in first[: len(first) - len(second)] else "B"
    return 0.0 if text.strip() == right else -1.0


def session(folder: Path, score: Any = None, room: int = 1000, **settings: Any) -> Any:
    """What the exam needs of a road: a context of `room` characters, answers of a token a
    character.
    """
    ledger = Ledger(folder / "run.db")
    made = Scripted(lambda request: f"drawn {request.seed}", score)
    student = Recorded(ledger, made, made)
    base = SimpleNamespace(
        room_tokens=lambda prompt: room - sum(len(m.content) for m in prompt), encode_answer=list
    )
    config = Tasks(**{"exam": {"max_tokens": 10, "tasks": 4}, **settings})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=config,
        display=open_display(),
        base=student,
        teacher=None,
        model=base,
    )


def test_a_question_without_room_for_an_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    long = Task("s:9", "Say the word " + "z" * 100, (Instance("", "z"),))
    there = session(tmp_path, room=60)
    asked = questions(there, Parts([], [TASKS[0], long], [TASKS[1]], {}))
    assert [(q.part, q.golds) for q in asked] == [("seed", ("apple",)), ("human", ("bear",))]
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.accepted, stage.reasons) == (
        3,
        2,
        {"prompt longer than the context": 1},
    )


def test_the_exam_asks_so_many_of_each_part(tmp_path: Path) -> None:
    assert len(questions(session(tmp_path, exam={"tasks": 1}), Parts([], TASKS, TASKS, {}))) == 2


def test_a_question_holds_every_answer_of_people_to_its_first_input() -> None:
    task = Task(
        "s:1",
        "Colour it",
        (Instance("sky", "blue"), Instance("sky", "grey"), Instance("grass", "green")),
        True,
    )
    asked = question_of(task, "seed")
    assert asked.golds == ("blue", "grey")
    assert asked.prompt == user("Colour it\n\nsky")
    assert asked.classification is True


def test_as_many_worked_tasks_are_shown_as_leave_room(tmp_path: Path) -> None:
    examples = [Example(f"e{i}", "seed", user(f"Ask {i} " + "x" * 40), "said") for i in range(4)]
    asked = questions(there := session(tmp_path, room=160), Parts([], TASKS[:1], [], {}))
    assert len(arms_of(there, None, examples, asked)["prompted"].shown) == 4, (
        "two worked tasks of two turns; a third has no room"
    )
    assert set(arms_of(there, None, examples, asked)) == {"base", "prompted"}


def test_a_person_s_answer_meets_that_to_another_task() -> None:
    found = mismatched([*TASKS[:2], Task("s:8", "Say it again", (Instance("", "bear"),))])
    assert [(duel.ours, duel.theirs) for duel in found] == [("apple", "bear"), ("bear", "apple")], (
        "equal answers are no duel"
    )


def test_a_model_judges_where_it_tells_right_answers_from_others(tmp_path: Path) -> None:
    judge, told = judged(session(tmp_path, likes_what_was_asked), Parts(TASKS, [], [], {}), [])
    assert told["source"] == "model"
    assert judge.name == told["name"]
    assert told["agreement"][judge.name]["value"] == 1.0


def test_else_the_answer_nearer_to_a_person_s_wins(tmp_path: Path) -> None:
    """Nobody prefers anything: every duel is a tie, .5, which is less than min_auroc."""
    judge, told = judged(session(tmp_path, lambda prompt, text: 0.0), Parts(TASKS, [], [], {}), [])
    assert isinstance(judge, Closer)
    assert told["source"] == "people's answers"
    assert {mark["value"] for mark in told["agreement"].values()} == {0.5}


def test_a_judge_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no judge \"closest\""):
        judged(session(tmp_path, judge={"name": "closest"}), Parts(TASKS, [], [], {}), [])


def test_the_noise_floor_is_a_second_draw_against_the_first(tmp_path: Path) -> None:
    """The first draws say the person's word, the second ones "drawn 1": minus one, whatever was
    taught.
    """
    asked = [question_of(task, "seed") for task in TASKS]
    first = Sheet([], [Draw(str(i), q.golds[0]) for i, q in enumerate(asked)], [])
    assert noise_floor(session(tmp_path), asked, first)["rouge_l"].value == -1.0
