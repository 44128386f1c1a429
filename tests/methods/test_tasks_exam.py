"""The exam of tasks over scripted models: which questions fit, who judges, what chance alone
changes.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import TasksConfig
from selfteach.errors import UsageError
from selfteach.evaluate.exam import make_arms
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.judge.pairwise import ReferencePairwiseJudge
from selfteach.materials.tasks import (
    MAX_INPUTS,
    OWN_SEEDS,
    Instance,
    Task,
    Tasks,
    count_questions,
)
from selfteach.methods.tasks import method, pairwise_exam
from selfteach.methods.tasks.exam import build_exam, choose_shots
from selfteach.methods.tasks.exam_questions import (
    NO_INPUT,
    TOO_MANY,
    TaskQuestion,
    choose_questions,
    list_questions,
    make_questions,
)
from selfteach.methods.tasks.method import LIKE_TEST, drop_like_tests
from selfteach.methods.tasks.pairwise_exam import choose_judge, make_known_pairs
from selfteach.methods.tasks.read_tasks import read_material
from selfteach.models.recorded import Recorded
from selfteach.records import Example, Message, Prompt, add_worked_turns, make_prompt
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger

TASKS = [
    Task(f"s:{i}", f"Say the word {word}", (Instance("", word),))
    for i, word in enumerate(("apple", "bear", "crow", "door"))
]


def likes_what_was_asked(prompt: Prompt, text: str) -> float:
    """A judge that prefers the answer that is the word of the question."""
    asked = str(prompt).lower().replace("\\n", "\n")
    question, _, answers = asked.rpartition("answer a:")
    first = answers.partition("answer b:")[0]
    word = question.rpartition("say the word ")[2].split()[0][:4]
    right = "A" if first.strip().startswith(word) else "B"
    return 0.0 if text.strip() == right else -1.0


def likes_what_repeats_the_question(prompt: Prompt, text: str) -> float:
    """A judge of relevance alone: it prefers the answer that shares more with the question."""
    asked = str(prompt).lower().replace("\\n", "\n")
    question, _, answers = asked.rpartition("answer a:")
    word = question.rpartition("say the word ")[2].split()[0][:4]
    first, _, second = answers.partition("answer b:")
    counts = [part.count(word) + part.count("say the word") for part in (first, second)]
    right = "A" if counts[0] > counts[1] else "B"
    return 0.0 if text.strip() == right else -1.0


def session(folder: Path, score: Any = None, room: int = 1000, **settings: Any) -> Any:
    """What the exam needs of a session: a context of `room` characters, answers of a token a
    character.
    """
    ledger = Ledger(folder / "run.db")
    made = Scripted(lambda request: f"drawn {request.seed}", score)
    recorded = Recorded(ledger, made, made)
    base = SimpleNamespace(
        room_tokens=lambda prompt: room - sum(len(m.content) for m in prompt), encode_answer=list
    )
    config = TasksConfig(**{"exam": {"max_tokens": 10, "tasks": 4}, **settings})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=config,
        display=open_display(),
        base=recorded,
        teacher=None,
        model=base,
    )


def test_a_seed_like_a_task_of_the_exam_is_not_learned(tmp_path: Path) -> None:
    there = session(tmp_path)
    near = Task("t:1", "Please say the word apple", (Instance("", "apple"),))
    assert drop_like_tests(there, TASKS, [near, TASKS[3]]) == []
    there.config = TasksConfig(filter={"max_overlap": 0.85})
    found = read_material(OWN_SEEDS, test=OWN_SEEDS).value
    assert len(found.outcomes) == 2 * len(read_material(OWN_SEEDS).value.outcomes)
    assert drop_like_tests(there, found.seeds, found.test) == []
    assert drop_like_tests(there, TASKS, [near, TASKS[3]]) == TASKS[1:3]
    reasons = [f.reasons for f in there.run.ledger.funnel() if f.stage == "seeds"]
    assert reasons == [{LIKE_TEST: len(found.seeds) + 2}]


def test_a_held_out_seed_like_a_task_of_the_exam_is_not_asked_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = session(tmp_path, filter={"max_overlap": 0.85})
    there.base = SimpleNamespace(embed=list)
    monkeypatch.setattr(method, "split_prompts", lambda *_, **__: ["train", "test"] * 2)
    monkeypatch.setattr(method, "split_general_prompts", lambda *_: {})
    parts = method.split_seeds(there, Tasks(seeds=TASKS, test=TASKS[1:2]))
    assert parts.train == [TASKS[0], TASKS[2]]
    assert parts.held_out == [TASKS[3]]


def test_a_seed_with_an_input_or_an_output_of_the_exam_is_not_learned(tmp_path: Path) -> None:
    there = session(tmp_path)
    text = "The keeper walked down to the harbour at dawn and found no boat."
    answer = "At dawn the harbour was empty, because every boat had left."
    exam = Task("test:1", "Paraphrase the text.", (Instance(text, answer), Instance("Tea", "Hot")))
    seeds = [
        Task("s:1", "Rewrite this so that a child understands", (Instance(text, "An easy one."),)),
        Task("s:2", "Tell me what happened there", (Instance("", answer),)),
        Task("s:3", "Is it hot or cold?", (Instance("Tea", "Hot"),)),
    ]
    assert drop_like_tests(there, seeds, [exam]) == [seeds[2]], "short texts tell nothing"


def test_a_question_without_room_for_an_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    long = Task("s:9", "Say the word " + "z" * 100, (Instance("", "z"),))
    there = session(tmp_path, room=60)
    asked = make_questions(there, {"seed": [TASKS[0], long], "human": [TASKS[1]]})
    assert [(q.part, q.golds) for q in asked] == [("seed", ("apple",)), ("human", ("bear",))]
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.accepted, stage.reasons) == (
        3,
        2,
        {"prompt longer than the context": 1},
    )


def test_the_exam_asks_so_many_of_each_part(tmp_path: Path) -> None:
    there = session(tmp_path, exam={"tasks": 2, "max_tokens": 10})
    asked = make_questions(there, {"seed": TASKS, "human": TASKS[:2]})
    assert [q.golds[0] for q in asked] == ["apple", "crow", "apple", "bear"], "evenly over all"
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.reasons) == (6, {TOO_MANY: 2})


def test_every_input_is_a_question_with_all_answers_of_people() -> None:
    cases = (Instance("sky", "blue"), Instance("grass", "green"), Instance("sky", "grey"))
    task = Task("s:1", "Colour it", cases, True)
    sky, grass = list_questions(task, "seed")
    assert sky.golds == ("blue", "grey")
    assert sky.prompt == make_prompt("Colour it\n\nsky")
    assert sky.classification is True
    expected = TaskQuestion("seed", task.id, make_prompt("Colour it\n\ngrass"), ("green",), True)
    assert grass == expected


def test_every_task_is_asked_before_a_second_input_of_one(tmp_path: Path) -> None:
    inputs = [f"thing {i}" for i in range(8)]
    long = Task("t:1", "Colour it", tuple(Instance(text, "blue") for text in inputs))
    there = session(tmp_path)
    asked = make_questions(there, {"human": [long, *TASKS[:2]]})
    assert [q.task for q in asked] == [task.id for task in (long, long, *TASKS[:2])]
    assert [q.prompt[0].content.split()[-1] for q in asked[:2]] == ["0", "4"], "evenly over all"
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.accepted, stage.reasons) == (10, 4, {TOO_MANY: 6})


def test_no_task_has_most_of_the_questions() -> None:
    asked = [
        [TaskQuestion("seed", task, make_prompt(f"{task} {i}"), ("y",)) for i in range(count)]
        for task, count in (("long", 60), ("short", 1), ("middle", 3))
    ]
    counts = Counter(question.task for question in choose_questions(asked, 60))
    assert counts == {"long": MAX_INPUTS, "short": 1, "middle": 3}


def test_an_instruction_without_its_input_is_not_asked(tmp_path: Path) -> None:
    cases = (Instance("", "no"), Instance("sky", "blue"), Instance("grass", "green"))
    there = session(tmp_path)
    tasks = [Task("t:1", "Colour it", cases), Task("t:2", "Say no", cases[:1])]
    asked = make_questions(there, {"human": tasks})
    assert [q.golds[0] for q in asked] == ["blue", "green", "no"]
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.accepted, stage.reasons) == (4, 3, {NO_INPUT: 1})
    assert count_questions(tasks, 60) == 3


def test_a_task_without_room_leaves_its_place_to_others() -> None:
    asked = [[TaskQuestion("seed", str(i), make_prompt("x"), ("y",))] for i in range(3)]
    assert [q.task for q in choose_questions([[], *asked], 2)] == ["0", "1"]
    assert [q.task for q in choose_questions([[], *asked], 9)] == ["0", "1", "2"]
    assert choose_questions([[]], 9) == []


def test_as_many_worked_tasks_are_shown_as_leave_room(tmp_path: Path) -> None:
    examples = [
        Example(f"e{i}", "seed", make_prompt(f"Ask {i} " + "x" * 40), "said") for i in range(4)
    ]
    there = session(tmp_path, room=160)
    asked = make_questions(there, {"seed": TASKS[:1]})
    worked = choose_shots(there, examples, asked)
    assert len(worked) == 4, "two worked tasks of two turns; a third has no room"
    assert choose_shots(session(tmp_path, room=40), examples, asked) == ()


def test_invented_tasks_are_shown_where_people_s_are_not_learned(tmp_path: Path) -> None:
    there = session(tmp_path)
    examples = [
        Example("g", "general", make_prompt("Hello?"), "Hello."),
        Example("t", "task", make_prompt("Ask"), "said"),
    ]
    assert choose_shots(there, examples, [])[0] == Message("user", "Ask")
    examples.append(Example("s", "seed", make_prompt("Seed"), "said"))
    assert choose_shots(there, examples, [])[0] == Message("user", "Seed")


def test_the_prompted_arm_sees_worked_tasks_before_every_question(tmp_path: Path) -> None:
    there = session(tmp_path)
    asked = {TARGET: [make_prompt("Say it")], GENERAL: [make_prompt("Hello?", system="Be kind.")]}
    worked = (*make_prompt("Ask"), Message("assistant", "said"))
    make = partial(make_arms, there, asked, partial(add_worked_turns, worked))
    arms = make(None)
    assert set(arms) == {"base", "prompted"}
    assert arms["base"].prompts == asked
    assert arms["prompted"].prompts[TARGET] == [(*worked, *make_prompt("Say it"))]
    (general,) = arms["prompted"].prompts[GENERAL]
    assert general == (Message("system", "Be kind."), *worked, *make_prompt("Hello?"))
    tuned: Any = SimpleNamespace(recorded="tuned")
    assert make(tuned)["tuned"].model == "tuned"


def test_the_exam_counts_what_is_learned_and_asks_what_is_held_out(tmp_path: Path) -> None:
    examples = [
        Example("s", "seed", make_prompt("Ask"), "said"),
        Example("t", "task", make_prompt("Ask more"), "said"),
        Example("g", "general", make_prompt("Hello?"), "Hello."),
    ]
    there = session(tmp_path)
    held_out = make_questions(there, {"seed": TASKS[:1], "human": TASKS[1:2]})
    exam = build_exam(there, held_out, TASKS, [make_prompt("Tea?")], examples, (), "2 seeds")
    assert exam.scorer.num_examples == 2  # type: ignore[attr-defined]
    assert exam.header == {"method": "tasks", "material": "2 seeds"}
    assert exam.questions == {
        TARGET: [make_prompt("Say the word apple"), make_prompt("Say the word bear")],
        GENERAL: [make_prompt("Tea?")],
    }


def test_a_person_s_answer_meets_that_to_another_task_and_the_task_itself() -> None:
    found = make_known_pairs([*TASKS[:2], Task("s:8", "Say it again", (Instance("", "bear"),))])
    assert [(duel.ours, duel.theirs) for duel in found] == [
        ("apple", "bear"),
        ("apple", "Say the word apple"),
        ("bear", "Say the word bear"),
        ("bear", "apple"),
        ("bear", "Say it again"),
    ], "equal answers are no duel"
    tea = Task("t", "Name a drink", (Instance("", "milk"), Instance("", "tea")))
    cups = Task("c", "What is in cups?", (Instance("", "Tea."),))
    assert [duel.theirs for duel in make_known_pairs([tea, cups])] == [
        "Name a drink",
        "milk",
        "What is in cups?",
    ], "another right answer is no worse one"


def test_a_model_judges_where_it_tells_right_answers_from_others(tmp_path: Path) -> None:
    judge, report = choose_judge(session(tmp_path, likes_what_was_asked), TASKS, [])
    assert report["source"] == "model"
    assert judge.name == report["name"]
    assert report["agreement"][judge.name]["value"] == 1.0


def test_a_judge_of_relevance_alone_is_refused(tmp_path: Path) -> None:
    judge, report = choose_judge(session(tmp_path, likes_what_repeats_the_question), TASKS, [])
    assert isinstance(judge, ReferencePairwiseJudge)
    assert {mark["value"] for mark in report["agreement"].values()} == {0.5}, "one kind of two"


def test_the_pairs_of_one_task_are_calibrated_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def choose(judges: Any, pairs: Any, seed: int, least: float, clusters: Any) -> Any:
        seen.extend(zip(clusters, (pair.prompt for pair in pairs), strict=True))
        return None, {"agreement": {}, "position_bias": {}, "left_out": {}, "refused": ""}

    monkeypatch.setattr(pairwise_exam, "choose_pairwise_judge", choose)
    choose_judge(session(tmp_path), TASKS, [])
    assert len({cluster for cluster, _ in seen}) == len(TASKS) < len(seen)
    assert all(cluster == prompt for cluster, prompt in seen)


def test_else_the_answer_nearer_to_a_person_s_wins(tmp_path: Path) -> None:
    """Nobody prefers anything: every duel is a tie, .5, which is less than min_auroc."""
    judge, report = choose_judge(session(tmp_path, lambda prompt, text: 0.0), TASKS, [])
    assert isinstance(judge, ReferencePairwiseJudge)
    assert report["source"] == "people's answers"
    assert {mark["value"] for mark in report["agreement"].values()} == {0.5}


def test_a_judge_below_the_bar_is_named_with_the_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = session(tmp_path, lambda prompt, text: 0.0, judge={"name": "preference"})
    assert choose_judge(there, TASKS, [])[1]["name"] == "closer"
    shown = capsys.readouterr()
    assert "preference is not used: it tells a right answer" in shown.out + shown.err
    assert "less often than judge.min_auroc" in shown.out + shown.err


def test_a_judge_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no judge \"closest\""):
        choose_judge(session(tmp_path, judge={"name": "closest"}), TASKS, [])
