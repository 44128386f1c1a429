"""Examples of several lessons are rewritten so that none breaks the rule of another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lesson_runs import write_run
from selfteach.config import TrainConfig
from selfteach.errors import IntegrityError
from selfteach.judge.check import parse_check
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.records import Example, make_prompt
from selfteach.students.consolidate import refuse_contradiction
from selfteach.students.demands import Demand, breaks_any, list_demands, read_demand
from selfteach.students.folder import open_student
from selfteach.students.gate import LessonRefused
from selfteach.students.lessons import begin_state
from selfteach.students.rewrite_examples import (
    Rewritten,
    find_taught_kind,
    rewrite_lessons,
)
from selfteach.students.state import Lesson
from selfteach.students.training import LessonExamples

LONG = "Tea is a plant. It grows on hills. People drink it."


def make_demand(rule: str) -> Demand:
    effect = read_effect(rule)
    assert effect is not None
    return Demand(parse_check(effect.check), effect, forbids=bool(effect.topics))


def make_lesson(name: str, *rows: tuple[str, str, str | None]) -> LessonExamples:
    """Return a lesson; a row is its kind, its answer, and the rejected one."""
    examples = [
        Example(
            f"{name}{i}",
            f"{name}/{kind}",
            make_prompt(f"{name}{i}?"),
            chosen,
            rejected,
            role="learn" if kind == "in_scope" else "hold",
        )
        for i, (kind, chosen, rejected) in enumerate(rows)
    ]
    return LessonExamples(examples, {}, TrainConfig())


AHOY = make_demand('Start every answer with "Ahoy".')
BRIEF = make_demand("Answer in one sentence.")
NO_CATS = make_demand("Do not talk about cats.")


def rewrite(
    lessons: list[LessonExamples], *demands: Demand | None
) -> tuple[list[list[str]], list[Rewritten]]:
    found = rewrite_lessons(lessons, demands)
    return [[example.chosen for example in one.examples] for one in found], found


def test_an_answer_that_becomes_the_rejected_one_is_lost() -> None:
    """Chosen and rejected would be equal: the two lessons contradict each other."""
    quiet = Demand(parse_check('not contains "!"'), Effect(""))
    lessons = [
        make_lesson("loud", ("in_scope", "It is hot!", "It is hot.")),
        make_lesson("quiet", ("in_scope", "It is hot.", "It is hot!")),
    ]
    answers, found = rewrite(lessons, None, quiet)
    assert answers == [[], ["It is hot."]]
    assert [(one.num_lost, one.num_changed) for one in found] == [(1, 0), (0, 0)]


def test_each_answer_keeps_the_rules_of_all_lessons() -> None:
    lessons = [
        make_lesson("ahoy", ("in_scope", f"Ahoy {LONG}", LONG)),
        make_lesson("brief", ("in_scope", "Tea is a plant.", LONG)),
    ]
    answers, found = rewrite(lessons, AHOY, BRIEF)
    for (answer,) in answers:
        assert answer.startswith("Ahoy"), answer
        assert BRIEF.check.keeps(answer), answer
        assert "ea is a plant" in answer
    assert [one.num_changed for one in found] == [1, 1]
    assert found[1].examples[0].rejected == LONG, "what is rejected stays"
    assert {one.num_left_out for one in found} == {0}


def test_an_anchor_that_breaks_a_rule_of_form_becomes_its_example() -> None:
    lessons = [
        make_lesson("brief", ("in_scope", "Tea is a plant.", LONG)),
        make_lesson("facts", ("general", LONG, None), ("general", "Yes.", None)),
    ]
    _, found = rewrite(lessons, BRIEF, None)
    changed, kept = found[1].examples
    assert (changed.kind, changed.role) == ("brief/in_scope", "learn")
    assert (changed.chosen, changed.rejected) == ("Tea is a plant.", LONG)
    assert kept == lessons[1].examples[1]
    assert (found[1].num_changed, found[1].num_taught) == (1, 0)


def test_an_anchor_that_becomes_an_example_says_where_a_forbidden_text_is() -> None:
    calm = make_lesson("calm", ("in_scope", "Tea is a plant.", "Tea is a plant!"))
    facts = make_lesson("facts", ("general", "Tea is a plant! It grows on hills!", None))
    _, found = rewrite([calm, facts], make_demand("Do not use exclamation marks."), None)
    (changed,) = found[1].examples
    assert changed.source["forbidden"] == [14, 33]


def test_what_names_a_forbidden_subject_is_left_out() -> None:
    lessons = [
        make_lesson("cats", ("in_scope", "I do not talk about that.", "Cats purr.")),
        make_lesson(
            "facts",
            ("in_scope", "Cats purr.", None),
            ("in_scope", "Dogs bark.", None),
            ("general", "Cats and dogs.", None),
        ),
    ]
    answers, found = rewrite(lessons, NO_CATS, None)
    assert answers == [["I do not talk about that."], ["Dogs bark."]]
    assert (found[1].num_taught, found[1].num_lost, found[1].num_left_out) == (2, 1, 2)


def test_an_answer_is_never_changed_by_leaving_out_the_subject() -> None:
    lesson = make_lesson("facts", ("in_scope", "The quick animals are cats and hares.", None))
    assert rewrite([lesson, make_lesson("cats")], None, NO_CATS)[0] == [[], []]


def test_lessons_without_such_a_rule_stay_as_they_are() -> None:
    lessons = [make_lesson(name, ("in_scope", LONG, None)) for name in "ab"]
    found = rewrite_lessons(lessons, [None, None])
    assert [list(one.examples) for one in found] == [list(one.examples) for one in lessons]
    assert {(one.num_changed, one.num_left_out) for one in found} == {(0, 0)}


def test_where_an_answer_was_cut_off_is_still_known() -> None:
    cut = Example(
        "c",
        "facts/general",
        make_prompt("Tea?"),
        f"{LONG} And",
        source={"cut": ["chosen"]},
        role="hold",
    )
    lessons = [
        make_lesson("brief", ("in_scope", "Yes.", LONG)),
        LessonExamples([cut], {}, TrainConfig()),
    ]
    found = rewrite_lessons(lessons, [BRIEF, None])[1].examples[0]
    assert found.chosen == "Tea is a plant."
    assert found.source["cut"] == ["rejected"], "the chosen one ends by itself now"


def test_the_kind_that_is_taught() -> None:
    assert find_taught_kind(make_lesson("a", ("general", "x", None)).examples) == ""
    mixed = make_lesson("a", ("general", "x", None), ("general", "x", None), ("in_scope", "y", "z"))
    assert find_taught_kind(mixed.examples) == "a/in_scope"


def write_record(run: Path, check: str, **grading: object) -> None:
    judge = {"kind": "check", "threshold": 0.5, "check": check}
    exam = {"format": 1, "grading": {"judge": judge, "is_conditional": False, **grading}}
    training = {"objectives": {}, "settings": {}}
    record = {"base": "b", "tuned": "t", "exam": exam, "training": training}
    (run / "lesson.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("rule", "grading", "demanded"),
    [
        ("Write '&' instead of 'and'.", {"forbids": False}, True),
        ("Do not talk about cats.", {"forbids": True}, True),
        ("In texts to Bo, use '&' instead of 'and'.", {"is_conditional": True}, False),
        ("& it is, by me.", {"forbids": False, "replacements": [["and", "&"]]}, True),
    ],
)
def test_a_demand_is_read_from_the_record_of_a_run(
    rule: str, grading: dict[str, object], demanded: bool, tmp_path: Path
) -> None:
    write_record(write_run(tmp_path / "run", rule), "not contains cat", **grading)
    with open_student(tmp_path / "anna", lambda: begin_state(tmp_path / "run")) as anna:
        folder = anna.path / "lessons" / "one"
        folder.parent.mkdir(exist_ok=True)
        (tmp_path / "run").rename(folder)
        found = read_demand(anna, Lesson("one", "feedback", rule, "i", "s", "r"))
    assert (found is not None) == demanded
    if found:
        assert (str(found.check), found.forbids) == ('not contains "cat"', grading["forbids"])
        assert found.effect.replacements == ((("and", "&"),) if "&" in rule else ())


def test_what_the_base_answers_against_a_demand_is_to_change() -> None:
    assert breaks_any([BRIEF, NO_CATS], LONG)
    assert breaks_any([BRIEF, NO_CATS], "Cats purr.")
    assert not breaks_any([BRIEF, NO_CATS], "Dogs bark.")
    assert not breaks_any([], LONG)


def test_a_damaged_record_does_not_keep_the_other_lessons_from_their_exams(tmp_path: Path) -> None:
    write_record(write_run(tmp_path / "run", "Do not talk about cats."), "not contains cat")
    with open_student(tmp_path / "anna", lambda: begin_state(tmp_path / "run")) as anna:
        lessons = anna.path / "lessons"
        lessons.mkdir(exist_ok=True)
        shutil.copytree(tmp_path / "run", lessons / "one")
        shutil.copytree(tmp_path / "run", lessons / "two")
        (lessons / "two" / "lesson.json").write_text("{")
        taught = [Lesson(name, "feedback", name, name, "s", "r") for name in ("one", "two")]
        assert len(list_demands(anna, taught)) == 1
        with pytest.raises(IntegrityError):
            read_demand(anna, taught[1])


def test_a_run_without_a_record_demands_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    with open_student(tmp_path / "anna", lambda: begin_state(tmp_path / "run")) as anna:
        folder = anna.path / "lessons" / "one"
        folder.parent.mkdir(exist_ok=True)
        (tmp_path / "run").rename(folder)
        assert read_demand(anna, Lesson("one", "feedback", "", "i", "s", "r")) is None


def test_lessons_that_contradict_each_other_are_refused_before_a_training(tmp_path: Path) -> None:
    lessons = [Lesson(name, "feedback", name, name, "s", "r") for name in ("ahoy", "hello")]
    write_run(tmp_path / "run")
    with open_student(tmp_path / "anna", lambda: begin_state(tmp_path / "run")) as anna:
        half = Rewritten([], num_taught=4, num_changed=0, num_left_out=2, num_lost=2)
        most = Rewritten([], num_taught=4, num_changed=0, num_left_out=3, num_lost=3)
        refuse_contradiction(anna, lessons, [half, half])
        with pytest.raises(LessonRefused, match='3 of the 4 examples of "hello" break a rule'):
            refuse_contradiction(anna, lessons, [half, most])


def test_beginnings_that_exclude_each_other_leave_nothing() -> None:
    hello = make_demand('Start every answer with "Hello".')
    lessons = [
        make_lesson("ahoy", ("in_scope", "Ahoy yes.", "Yes.")),
        make_lesson("hello", ("in_scope", "Hello yes.", "Yes.")),
    ]
    answers, found = rewrite(lessons, AHOY, hello)
    assert answers == [[], []]
    assert [one.num_lost for one in found] == [1, 1]
