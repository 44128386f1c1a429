"""Rows 1, 11, 14, 19 for tasks: stops, lost answers, prompts beyond the context, nothing to learn
from. Rows of files, and too few of them: test_19_every_material.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import cli
from selfteach.config import TasksConfig
from selfteach.errors import DataError
from selfteach.materials.tasks import Instance, Task
from selfteach.methods.tasks import instances, invent
from selfteach.models import recorded
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import Request, digest
from selfteach.run.display import open_display
from selfteach.run.ledger import ABANDONED, Ledger, Outcome
from selfteach.select.task_filter import InstanceFilter, TaskSimilarity

WORDS = (
    "kettle",
    "window",
    "garden",
    "violin",
    "harbour",
    "pencil",
    "lantern",
    "meadow",
    "saddle",
    "anchor",
)
GOOD = [
    {
        "instruction": f"Explain to a child what a {w} is",
        "instances": [{"input": "", "output": f"A {w}."}],
    }
    for w in WORDS
]


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (("--set", "templates=[alpaca]"), 2, "examples are turns of a conversation"),
        (("--set", "templates=[plane]"), 2, 'Did you mean "plain"'),
        (("--set", "templates=[]"), 2, "no template"),
        (
            ("--mode", "magpie", "--teacher", "http://localhost:1/v1#m"),
            2,
            "no way to let the model write",
        ),
        (("--mode", "pixie"), 2, "mode"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    more: tuple[str, ...], code: int, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("\n".join(map(json.dumps, GOOD)))
    places = ("--model", str(tmp_path / "no-model"), "--out", str(tmp_path / "run"))
    assert cli.run_command(["tasks", str(seeds), *places, *more]) == code
    assert why in capsys.readouterr().err


def session(
    folder: Path, script: Any, room: int = 1000, template: str = PLAIN_NAME, **settings: Any
) -> Any:
    """Return what the steps of inventing need of a session, over a scripted model.

    Its context has `room` characters.
    """
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "run.db")
    recorded = Recorded(ledger, made := Scripted(script), made)
    base = SimpleNamespace(
        room_tokens=lambda prompt: room - len(str(prompt)),
        tokens=SimpleNamespace(template=template),
    )
    config = TasksConfig(**{"count": 5, "invent": {"requests": 4, "rounds": 2}, **settings})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=config,
        display=open_display(),
        base=recorded,
        teacher=None,
        model=base,
    )


HUMAN = [Task(f"s:{i}", row["instruction"], (Instance("", "x"),)) for i, row in enumerate(GOOD)]


def test_a_prompt_beyond_the_context_is_dropped_by_name_and_counted(tmp_path: Path) -> None:
    there = session(tmp_path, lambda r: "never asked", room=10)
    assert invent.invent_tasks(there, HUMAN, []) == []
    (stage,) = there.run.ledger.funnel()
    assert (stage.requested, stage.reasons) == (8, {"prompt longer than the context": 8})
    found = [instances.KeptTask(HUMAN[0], TaskSimilarity((), 0.0))]
    assert instances.add_instances(there, found, HUMAN, InstanceFilter(0.7), 5) == []
    reasons = {f.stage: f.reasons for f in there.run.ledger.funnel()}
    assert reasons["tasks with instances"] == {"prompt longer than the context": 1}


UGLY = [
    "",
    "\n\n\n",
    "10.",
    "\x00\x00",
    "- - - -",
    "a" * 5000,
    "\u202e\ufffd",
    "<|im_end|> {{ x }} </s>",
    "Write",
    "?!" * 200,
]


@pytest.mark.parametrize("mode", ["self-instruct", "alpaca", "magpie"])
def test_nonsense_is_never_kept_and_every_refusal_is_counted(mode: str, tmp_path: Path) -> None:
    there = session(
        tmp_path,
        lambda r: UGLY[r.draw % len(UGLY)],
        room=100_000,
        mode=mode,
        invent={"requests": 10, "rounds": 3},
    )
    kept = invent.invent_tasks(there, HUMAN, [t.instruction for t in HUMAN])
    assert kept == []
    for stage in there.run.ledger.funnel():
        assert stage.requested == stage.accepted + stage.dropped
        assert sum(stage.reasons.values()) == stage.dropped


def test_a_local_teacher_s_own_context_decides_what_it_is_asked(tmp_path: Path) -> None:
    """The student has room for nothing, the teacher for everything; and the other way round."""
    for base_room, teacher, asked in ((10, 100_000, 8), (100_000, 10, 0)):
        there = session(tmp_path / str(base_room), writes, room=base_room)
        made = Scripted(lambda request: "nothing", name="teacher")
        made.room_tokens = lambda prompt, room=teacher: room - len(str(prompt))  # type: ignore[attr-defined]
        there.teacher = Recorded(there.run.ledger, made, made)
        assert invent.invent_tasks(there, HUMAN, []) == []
        assert len(made.asked) == asked
        assert (
            there.run.ledger.funnel()[0].reasons.get("prompt longer than the context", 0)
            == 8 - asked
        )


def test_a_cut_answer_is_no_answer(tmp_path: Path) -> None:
    def script(request: Request) -> str:
        return "word " * 500 if request.stage == "instances" else "Name a colour of the evening sky"

    there = session(tmp_path, script, room=100_000, mode="magpie", count=1)
    assert invent.invent_tasks(there, HUMAN, []) == []
    reasons = {f.stage: f.reasons for f in there.run.ledger.funnel()}
    assert reasons["tasks with instances"] == {"cut off": 1}


def test_where_all_seeds_are_alike_there_is_no_exam(tmp_path: Path) -> None:
    from selfteach.methods.tasks.method import split_seeds

    alike = [
        Task(f"s:{i}", f"Explain to a child what a thing of {w} is", (Instance("", "x"),))
        for i, w in enumerate(WORDS)
    ]
    material = SimpleNamespace(seeds=alike, test=[])
    with pytest.raises(DataError, match="too much alike"):
        split_seeds(session(tmp_path, lambda r: "x"), material)  # type: ignore[arg-type]


def invented(folder: Path, script: Any, **settings: Any) -> tuple[list[Any], Ledger]:
    """Tasks with their instances, by all of the steps 2 to 5; and the ledger."""
    there = session(folder, script, room=100_000, **settings)
    try:
        return invent.invent_tasks(there, HUMAN, [t.instruction for t in HUMAN]), there.run.ledger
    finally:
        if sys.exc_info()[0]:
            there.run.ledger.close()


def writes(request: Request) -> str:
    """Every request another task, and an instance for each."""
    if request.stage == "instances":
        return f" none\nOutput: {digest(str(request.prompt))} is the answer"
    one, two, three = (digest([request.prompt, request.draw, n]) for n in range(3))
    return f" Explain {one} {two} {three} now\n10. Write"


@pytest.mark.parametrize("at", range(1, 14, 2))
def test_stopped_anywhere_the_same_steps_end_the_same(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "COMMIT_EVERY_S", 0.0)
    asked: list[Request] = []

    def dies(request: Request) -> str:
        if len(asked) + 1 == at:
            raise KeyboardInterrupt
        asked.append(request)
        return writes(request)

    straight, whole = invented(tmp_path / "straight", writes)
    assert len(straight) == 5
    with pytest.raises(KeyboardInterrupt):
        invented(tmp_path / "killed", dies)
    seen: list[Request] = []

    def again(request: Request) -> str:
        seen.append(request)
        return writes(request)

    resumed, ledger = invented(tmp_path / "killed", again)
    assert resumed == straight
    assert ledger.funnel() == whole.funnel()
    assert not any(stage.pending for stage in ledger.funnel())
    assert not {r.id("scripted-scripted") for r in asked} & {
        r.id("scripted-scripted") for r in seen
    }, "an answer was asked for twice"


def test_each_round_reports_what_is_kept_and_an_early_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nine requests at most are answered with a task: then three rounds without one are the end."""
    counts: list[int] = []
    there = session(
        tmp_path,
        lambda r: writes(r) if r.stage == "instances" or r.draw < 300_000 else "",
        room=100_000,
        count=1000,
        invent={"requests": 3},
    )
    kept = invent.invent_tasks(there, HUMAN, [], lambda found: counts.append(len(found)))
    assert counts == [3, 6, 9, 9, 9, 9]
    assert len(kept) == 9
    assert "9 of 1,000 tasks: the last 3 rounds kept 0 from 9 requests" in capfd.readouterr().err


def test_a_task_that_a_stopped_attempt_alone_had_is_dropped_by_name(tmp_path: Path) -> None:
    there = session(tmp_path, writes, room=100_000)
    there.run.ledger.record_outcomes("tasks with instances", [Outcome("of another way", "pending")])
    assert len(invent.invent_tasks(there, HUMAN, [])) == 5
    stage = next(
        stage for stage in there.run.ledger.funnel() if stage.stage == "tasks with instances"
    )
    assert (stage.pending, stage.reasons[ABANDONED]) == (0, 1)


class Lossy(Scripted):
    """An endpoint that answers every other request with rubbish: no sample, and a reason."""

    failures: list[tuple[str, str]]

    def stream(self, requests: Any) -> Any:
        self.failures = [(r.id(self.fingerprint), "the answer is not JSON") for r in requests[::2]]
        return super().stream(requests[1::2])


def test_what_an_endpoint_answers_wrongly_is_failed_and_never_a_task(tmp_path: Path) -> None:
    there = session(tmp_path, writes, instances={"samples": 1, "min_agreement": 0.0})
    made = Lossy(writes)
    there.teacher = Recorded(there.run.ledger, made, made)
    kept = invent.invent_tasks(there, HUMAN, [])
    first = next(iter(there.run.ledger.funnel()))
    assert (first.failed, first.accepted, first.reasons) == (4, 4, {"the answer is not JSON": 4})
    assert len(kept) == 2, "of every two tasks one gets its instances"
    reasons = {f.stage: f.reasons for f in there.run.ledger.funnel()}
    assert reasons["tasks with instances"] == {"the answer is not JSON": 2}
