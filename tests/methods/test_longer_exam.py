"""An exam that cannot tell yet whether other answers are harmed asks further prompts."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import statistics
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.occasions import WorkedOccasions, write_occasions
from selfteach.generate.situations import OTHER_GENRE, build_requests
from selfteach.generate.subject import Subject
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods import runner
from selfteach.methods.feedback import method
from selfteach.methods.feedback.choose_exam_prompts import add_prompts_outside
from selfteach.methods.feedback.exam import find_open_scopes
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Request
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from talker import feedback_command, open_ledger, run_json

WORDS = ["sleep", "eat", "hide", "climb", "hunt", "purr", "drink", "jump", "play", "wash", "run"]


def compare(lost: int, won: int, count: int = 60) -> dict[str, Any]:
    """A paired difference: so many answers lost, so many won."""
    before = [True] * lost + [False] * won + [True] * (count - lost - won)
    after = [False] * lost + [True] * won + [True] * (count - lost - won)
    return asdict(statistics.compare_shares(before, after))


@pytest.mark.parametrize(
    ("harm", "near", "needless", "scopes"),
    [
        ("possible", (6, 1), (0, 0), ["near"]),
        ("possible", (0, 0), (6, 1), ["general"]),
        ("possible", (6, 1), (6, 1), ["near", "general"]),
        (
            "possible",
            (0, 0),
            (0, 0),
            [],
        ),  # right target answers are open
        ("certain", (8, 1), (0, 0), ["near"]),
        ("certain", (30, 0), (0, 0), []),  # the whole interval is above the limit
        ("certain", (30, 0), (6, 1), []),  # near answers decide, whatever is needless
        ("", (6, 1), (0, 0), []),
    ],
)
def test_more_prompts_are_asked_only_where_they_may_change_the_verdict(
    harm: str, near: tuple[int, int], needless: tuple[int, int], scopes: list[str]
) -> None:
    exam = {
        "verdict": {"word": "not learned", "harm": harm},
        "side_effects": {"near": compare(*near), "general": compare(0, 0), "overapplied": {}},
        "needless": {"excess_by_scope": {"target": compare(9, 0), "general": compare(*needless)}},
    }
    assert find_open_scopes(exam) == scopes
    if harm == "certain":
        exam["verdict"]["word"] = "not enough prompts"
        assert find_open_scopes(exam) == [], "they cannot tell the gain"


def test_a_rule_without_other_prompts_asks_no_more() -> None:
    assert not find_open_scopes(
        {
            "verdict": {"word": "not enough prompts", "harm": "possible"},
            "needless": {"excess_by_scope": {}},
        }
    )


@dataclass
class NotedExam:
    """An exam that notes what is asked of it."""

    name: str
    notes: list[str]

    def run_baselines(self, session: Any) -> None:
        self.notes.append(f"base sits {self.name}")

    def run(self, session: Any, tuned: Any, *, brief: bool = False) -> dict[str, Any]:
        self.notes.append(f"{tuned} sits {self.name}")
        return {"exam": self.name}


@dataclass
class NotedModel:
    """A tuned model that notes when its memory is released."""

    notes: list[str]

    @property
    def recorded(self) -> Any:
        return SimpleNamespace(release_memory=lambda: self.notes.append("released"))

    def __str__(self) -> str:
        return "tuned"


@pytest.mark.parametrize("names", [[], ["longer"], ["longer", "longest"]])
def test_base_and_tuned_model_sit_each_longer_exam_one_after_the_other(names: list[str]) -> None:
    notes: list[str] = []
    waiting = list(names)

    def lengthen(exam: Any) -> Any:
        notes.append("more is written")
        return NotedExam(waiting.pop(0), notes) if waiting else None

    plan: Any = method.TrainingPlan([], {}, NotedExam("first", notes), lengthen_exam=lengthen)
    session: Any = SimpleNamespace(run=SimpleNamespace(time_stage=lambda name: nullcontext()))
    tuned: Any = NotedModel(notes)
    sat, exam = runner.sit_exam(session, plan, tuned)
    assert exam == {"exam": ["first", *names][-1]}
    assert sat.exam.name == exam["exam"], "the lesson records the exam that was sat"  # type: ignore[attr-defined]
    write = ["released", "more is written"]
    more = [[*write, f"base sits {name}", f"tuned sits {name}"] for name in names]
    assert notes == ["tuned sits first", *chain.from_iterable(more), *write]


def test_nothing_is_asked_again_where_nothing_was_trained() -> None:
    notes: list[str] = []

    def refuse(exam: Any) -> Any:
        raise AssertionError

    plan: Any = method.TrainingPlan([], {}, NotedExam("first", notes), lengthen_exam=refuse)
    session: Any = SimpleNamespace(run=SimpleNamespace(time_stage=lambda name: nullcontext()))
    runner.sit_exam(session, plan, None)
    assert notes == ["None sits first"]


def open_session(folder: Path, situation: Any = None, judge: Any = None) -> Any:
    """A session whose model writes another request each time."""
    numbers = count(100)

    def write(request: Request) -> str:
        n = next(numbers)
        return f" tea\nRequest: Why did {WORDS[n % 11]}{n} {WORDS[n % 7]}{n + 1} thing{n}?"

    model = Scripted(write)
    ledger = Ledger(folder / "run.db")
    return SimpleNamespace(
        base=Recorded(ledger, model, model),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
        config=FeedbackConfig(exam={"more_outside": 9}),
        understood=replace(NO_RULE, situation=situation),
        request_judge=judge,
    )


def test_the_further_prompts_are_new_and_outside_the_rule(tmp_path: Path) -> None:
    class Judge:
        subject = Subject("elephants")

        def find_about(self, texts: list[str]) -> list[bool]:
            return [int(text.rpartition("thing")[2].strip("?")) % 2 == 0 for text in texts]

        def find_doubtful(self, texts: list[str]) -> list[bool]:
            return [False] * len(texts)

    session = open_session(tmp_path, judge=Judge())
    known = [
        GeneratedPrompt("What is a cat?", "target", "plain", "cats"),
        GeneratedPrompt("What is a dog?", "general", "plain", "dogs"),
    ]
    pool = OverlapIndex([prompt.text for prompt in known])
    found = add_prompts_outside(session, known, pool, ["near", "general"], 1)
    assert found[:2] == known
    more = found[2:]
    assert {prompt.scope for prompt in more} == {"general"}, "no near prompt was asked before"
    assert 3 <= len(more) <= 6, "half of the nine are on the other side of the rule"
    assert not any(Judge().find_about([prompt.text for prompt in more]))
    assert all(pool.nearest(prompt.text).similarity == 1 for prompt in more)
    again = add_prompts_outside(session, found, pool, ["general"], 2)[len(found) :]
    assert again, "another turn writes others"
    assert not {prompt.text for prompt in again} & {prompt.text for prompt in found}


def test_a_rule_that_holds_everywhere_gets_no_further_prompts(tmp_path: Path) -> None:
    known = [GeneratedPrompt("What is a cat?", "target", "plain", "cats")]
    session = open_session(tmp_path)
    assert add_prompts_outside(session, known, OverlapIndex(), ["near", "general"], 1) == known
    assert not session.run.ledger.funnel()


def test_further_neighbors_of_a_letter_have_the_exam_s_occasions(tmp_path: Path) -> None:
    situation = read_situation("emails to my boss")
    session = open_session(tmp_path, situation)
    clauses: WorkedOccasions = {"clause": ["I will be late", "the parcel has arrived"]}
    occasions = [one for one, _ in write_occasions(session.base, clauses, 2, lambda o: "", 1, 0)]
    targets = build_requests(situation, occasions, "target", 6, 0, for_exam=True)
    near = build_requests(situation, occasions, "near", 6, 0, for_exam=True)
    known = [*targets, *near]
    found = add_prompts_outside(session, known, OverlapIndex(), ["near"], 1)
    more = [p for p in found if p not in known]
    assert len(more) == 9
    assert {prompt.scope for prompt in more} == {"near"}
    subjects = {occasion.text for occasion in occasions}
    assert {prompt.subject for prompt in more} - {""} <= subjects
    written = [p.text for p in more if p.subject and p.form != OTHER_GENRE]
    assert written
    assert not any("my boss" in text for text in written)


@pytest.mark.slow
@pytest.mark.training
def test_the_whole_run_examines_with_them_and_records_the_longer_exam(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method, "find_open_scopes", lambda exam: ["near", "general"])
    out = tmp_path / "run"
    few = ["exam.more_outside=4", "train.max_steps=2", "balance.rounds=0"]
    sets = [word for item in few for word in ("--set", item)]
    code, _ = run_json(feedback_command(talker, out, *sets))
    assert code == 0
    exam = json.loads((out / "exam.json").read_text())
    asked = {scope: exam["side_effects"][scope]["n"] for scope in ("near", "general")}
    assert 6 < asked["near"] <= 6 + 4 * method.MAX_EXAM_ROUNDS
    assert 6 < asked["general"] <= 6 + 4 * method.MAX_EXAM_ROUNDS
    lesson = json.loads((out / "lesson.json").read_text())
    recorded = lesson["exam"]["questions"]
    assert {scope: len(recorded[scope]) for scope in asked} == asked
    texts = [row["prompt"] for row in exam["answers"]]
    assert len(texts) == len(set(texts))
    with open_ledger(out) as ledger:
        assert sum(row.pending for row in ledger.funnel()) == 0
