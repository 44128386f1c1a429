"""Row 37: one bad answer, row, score or document among many is set aside with its reason and
counted. The run goes on, also when it is resumed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hostile import Call, answer, hostile

from selfteach.config import CorrectionsConfig, FeedbackConfig, FinetuneConfig, resolve
from selfteach.errors import DataError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.questions import Question
from selfteach.generate.subject import Subject
from selfteach.judge import Judge, ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.judge.contradiction import GainJudge, PromptedJudge
from selfteach.judge.contrast import ContrastJudge
from selfteach.judge.inverse import InverseJudge
from selfteach.judge.yes_no import YesNoJudge
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.corrections.length_limits import drop_overlong_rows
from selfteach.methods.feedback.make_examples import NOT_FOUND, make_violation_examples
from selfteach.methods.feedback.probe import ProbedPrompt
from selfteach.methods.finetune.method import NOT_MEASURED, FinetuneData, prepare
from selfteach.methods.session import open_session
from selfteach.methods.train_plan import combine_stages, record_left_out
from selfteach.models.hf import HfModel
from selfteach.models.ordered import sample_in_order, score_in_order
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import TOO_LONG, TOO_LONG_WITH_TEXT
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    Message,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.run.display import Display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run
from selfteach.select.knowledge import decide_state
from selfteach.train.train import TrainingResult

LONG = " ".join(a + b + a for a in "abcdefghijklmnop" for b in "abcdefghijklmnop")
JUDGE = ThresholdJudge(CheckJudge("not contains hum"), 0.5)


def probed(number: int) -> ProbedPrompt:
    prompt = GeneratedPrompt(f"Sing song {number}", "target", "", "")
    return ProbedPrompt(prompt, (Completion(str(number), "I hum it."),), (True,))


def talk(call: Call) -> None:
    """Answer well; the second song never ends, whatever limit the request names."""
    answer(LONG if call.last == "Sing song 2" else "I sing it for you.")(call)


@pytest.fixture
def teacher_address() -> Iterator[str]:
    with hostile(talk) as server:
        yield server.address


def test_an_answer_longer_than_the_students_context_costs_its_prompt_alone(
    teacher_address: str, tiny: Path, tmp_path: Path
) -> None:
    sets = ["search.tries=2", "search.answers=1", "search.min_token_logp=-100", "engine=hf"]
    config = resolve(FeedbackConfig, sets=[f"teacher={teacher_address}", f"model={tiny}", *sets])
    for _ in range(2):  # the second time from the ledger
        with open_run(tmp_path / "run", "x", "feedback", config, {"rule": "Do not hum."}) as run:
            session = open_session(run, config.config, Display(io.StringIO()), "Do not hum.")
            found, _ = make_violation_examples(session, [probed(n) for n in range(4)], JUDGE)
            assert [e.turns[-1].content for e in found] == [f"Sing song {n}" for n in (0, 1, 3)]
            (funnel,) = run.ledger.funnel()
            assert (funnel.accepted, funnel.reasons) == (3, {NOT_FOUND: 1})
            ((_, lost),) = run.ledger.read_outcomes("search", "dropped")
            assert lost.body["fault"] == "cut off"


@pytest.fixture
def base(tiny_hf: Any, tmp_path: Path) -> Recorded:
    """The tiny model with a ledger."""
    return Recorded(Ledger(tmp_path / "run.db"), tiny_hf, tiny_hf)


def test_a_prompt_that_does_not_fit_is_set_aside(
    base: Recorded,
) -> None:
    prompts = [make_prompt(text) for text in ("sing", LONG, "hum")]
    requests = [Request("s", prompt, SamplingParams(0.0, max_tokens=3)) for prompt in prompts]
    for _ in range(2):
        first, lost, last = sample_in_order(base, requests)
        assert first
        assert last
        assert lost is None
        assert dict(base.failures) == {requests[1].id(base.fingerprint): TOO_LONG}
    kinds = [kind for kind, _ in base.ledger.get_events()]
    assert kinds == ["set aside"] * 2
    with pytest.raises(DataError, match=f"aaa aba.*: {TOO_LONG}"):
        base.sample(requests)


def test_a_text_that_does_not_fit_has_no_score_and_the_others_have_one(base: Recorded) -> None:
    items = [Continuations(make_prompt("sing"), (text, "x")) for text in ("a", LONG, "b")]
    first, lost, last = score_in_order(base, items)
    assert len(first) == len(last) == 2
    assert lost == ()
    assert dict(base.failures) == {items[1].id(base.fingerprint): TOO_LONG_WITH_TEXT}
    with pytest.raises(DataError, match=TOO_LONG_WITH_TEXT):
        base.score(items)


def test_a_prompt_is_embedded_as_far_as_the_context_goes(base: Recorded) -> None:
    first, longer, short = base.embed([make_prompt(t) for t in (LONG, f"{LONG} more", "more")])
    assert np.array_equal(first, longer)
    assert not np.allclose(first, short)


def list_judges(base: Recorded) -> list[Judge]:
    return [
        InverseJudge(base, "Do not hum.", Subject("")),
        YesNoJudge(base, "Do not hum."),
        YesNoJudge(base, "Do not hum.", chat=True),
        ContrastJudge(base, "too long"),
    ]


def test_every_judge_takes_an_answer_that_it_cannot_read_for_a_broken_one(base: Recorded) -> None:
    """No judge reads more than the context; those that read 80 words get long words."""
    long = "music" * 600
    for judge in list_judges(base):
        pairs = [(make_prompt("sing"), text) for text in ("la la", long, "no no")]
        with_room, lost, again = judge.values(pairs)
        assert lost == math.inf, judge.name
        assert math.isfinite(with_room + again) or judge.name == "inverse"


def test_a_label_that_cannot_be_scored_is_unsure_and_the_others_are_scored(base: Recorded) -> None:
    (chunk,) = split_chunks(Document("a", "Mill", "The mill was built in 1790."), len, 100)
    questions = [Question(f"When {n}?", "1790", chunk, 0) for n in range(3)]
    labels = ("In 1790.", LONG, "1790")
    answered = [
        LabelledQuestion(question, label, (label,), ("never",))
        for question, label in zip(questions, labels, strict=True)
    ]
    for judge in (GainJudge(base), PromptedJudge(base)):
        states = [decide_state(scores, 0.999999, 0.0) for scores in judge.scores(answered)]
        assert states[1] == "unsure", (judge.name, states)
        assert len(states) == 3


def test_an_example_that_cannot_be_trained_on_is_counted_and_reported(tmp_path: Path) -> None:
    printed: list[str] = []
    session: Any = SimpleNamespace(
        run=SimpleNamespace(ledger=Ledger(tmp_path / "run.db")),
        display=SimpleNamespace(print_line=printed.append),
    )
    examples = [Example(id, "learn", make_prompt("Why?"), "Because.") for id in "abc"]
    whole = TrainingResult(tmp_path, 1, 1, 1.0, [], 0, {})
    record_left_out(session, examples, whole, "train")
    assert not session.run.ledger.funnel()
    record_left_out(session, examples, replace(whole, refused={"b": "trains no token."}), "train")
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (2, {"trains no token.": 1})
    assert printed == [
        "examples left out of the training: 1; the first, example b: trains no token."
    ]
    ((_, lost),) = session.run.ledger.read_outcomes("rows of train", "dropped")
    assert (lost.id, lost.body) == ("b", {"prompt": "Why?"})


def test_a_stage_of_several_trainings_tells_what_each_one_left_out(tmp_path: Path) -> None:
    first = TrainingResult(tmp_path, 1, 1, 1.0, [], 0, {}, {"a": "no token."}, {"b": "too long"})
    second = TrainingResult(tmp_path, 1, 1, 1.0, [], 0, {}, {"c": "no token."})
    found = combine_stages([first, second], tmp_path)
    assert found.left_out == {"a": "no token.", "b": "too long", "c": "no token."}


def test_a_dev_row_that_cannot_be_scored_is_counted(
    base: Recorded,
) -> None:
    def example(id: str, chosen: str, rejected: str | None = None) -> Example:
        return Example(id, "example", make_prompt(f"Sing {id}"), chosen, rejected)

    dev = [example("a", "la"), example("b", LONG), example("c", "la", LONG), example("d", "la")]
    dev.append(replace(example("f", "la"), kind="general", role="hold"))
    material = FinetuneData([example("e", "la")], dev)
    session: Any = SimpleNamespace(
        run=SimpleNamespace(ledger=base.ledger), base=base, config=FinetuneConfig()
    )
    plan = prepare(session, material)
    (funnel,) = base.ledger.funnel()
    assert (funnel.stage, funnel.accepted) == ("dev examples", 2)
    assert funnel.reasons == {TOO_LONG_WITH_TEXT: 2, NOT_MEASURED: 1}
    plan.exam.run_baselines(session)
    assert len(plan.exam.dev) == 2


def test_refused_conversations_and_long_criticisms_are_left_out(
    make_tiny: Any, tmp_path: Path
) -> None:
    template = "{% if messages[1:] %}{{ raise_exception('no turns') }}{% endif %}"
    template += "{{ messages[0].content }}"
    model = HfModel.load(str(make_tiny(tmp_path / "model", chat_template=template)))
    printed: list[str] = []
    session: Any = SimpleNamespace(
        run=SimpleNamespace(ledger=Ledger(tmp_path / "run.db")),
        display=SimpleNamespace(print_line=printed.append),
        model=model,
        config=CorrectionsConfig(correct={"max_tokens": 9}, exam={"max_tokens": 9}),
    )
    turns = make_prompt("Tea?")
    material = Corrections(
        edits=[
            Edit("f:1", turns, "A", "B"),
            Edit("f:2", turns * 3, "A", "B"),
            Edit("f:5", (Message("system", "Rhyme."), *turns * 3), "A", "B"),
        ],
        criticisms=[Edit("f:3", turns, "A", None, "short"), Edit("f:4", turns, "A", None, LONG)],
    )
    found = drop_overlong_rows(session, material)
    assert [e.where for e in (*found.edits, *found.criticisms)] == ["f:1", "f:3"]
    assert len(printed) == 2
