"""Row 37: one bad answer, row, score or document among many is set aside with its reason and
counted. The run goes on, also when it is resumed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import Call, answer, hostile

from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import DataError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.ask import GeneratedPrompt, Subject
from selfteach.generate.questions import Question
from selfteach.judge import Judge, ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.judge.contradiction import GainJudge, PromptedJudge
from selfteach.judge.contrast import ContrastJudge
from selfteach.judge.inverse import InverseJudge
from selfteach.judge.yes_no import YesNoJudge
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.feedback.method import NOT_FOUND, ProbedPrompt, make_violation_examples
from selfteach.methods.session import open_session
from selfteach.models.ordered import sample_in_order, score_in_order
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import TOO_LONG, TOO_LONG_WITH_TEXT
from selfteach.records import Completion, Continuations, Request, SamplingParams, make_prompt
from selfteach.run.display import Display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run
from selfteach.select.knowledge import decide_state

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


def test_a_prompt_that_does_not_fit_is_set_aside_and_the_others_are_answered(
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
