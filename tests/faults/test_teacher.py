"""A teacher behind a URL: asked as the configuration says; what happens there is in the run's diary
and on the screen.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import Behave, answer, answer_in_turn, hostile, refuse

from selfteach.config import FeedbackConfig, ResolvedConfig, resolve
from selfteach.errors import EndpointError, UsageError
from selfteach.generate.search import LOST_REASON, SearchTrace, Try
from selfteach.methods.feedback.make_examples import NOT_FOUND, drop_unsolved
from selfteach.methods.session import SERVED_MODEL_NOTE, open_teacher
from selfteach.models.recorded import Recorded
from selfteach.records import Request, make_prompt
from selfteach.run.display import Display
from selfteach.run.ledger import OpenFunnel
from selfteach.run.run_folder import Run, open_run


def resolved(address: str, *sets: str) -> ResolvedConfig:
    return resolve(FeedbackConfig, sets=[f"teacher={address}", *sets])


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with open_run(
        tmp_path / "run",
        "x",
        "feedback",
        resolved("http://localhost:1/v1#m"),
        {"rule": "Do not hum."},
    ) as opened:
        yield opened


def sample(run: Run, behave: Behave, *sets: str, count: int = 1) -> tuple[list[str], str]:
    """The answers of a teacher to `count` requests, and what was shown."""
    shown = io.StringIO()
    with hostile(behave) as server:
        teacher: Recorded = open_teacher(
            run.ledger, resolved(server.address, *sets).config, Display(shown), programs=False
        )
        requests = [Request("ask", make_prompt(f"say {n}")) for n in range(count)]
        return [completion.text for completion in teacher.stream(requests)], shown.getvalue()


def test_the_model_that_answers_is_kept_and_a_resumed_run_insists_on_it(run: Run) -> None:
    texts, shown = sample(run, answer(model="model-1-2026"), count=3)
    assert sorted(texts) == ["SAY 0", "SAY 1", "SAY 2"]
    assert shown.count("the endpoint answers with model-1-2026") == 1
    assert run.ledger.get_note(SERVED_MODEL_NOTE) == "model-1-2026"
    with pytest.raises(
        EndpointError, match='another model answers: "model-1-2027" instead of "model-1-2026"'
    ):
        sample(run, answer(model="model-1-2027"))


def test_a_pause_is_printed_once_and_the_longest_one_can_be_set(run: Run) -> None:
    texts, shown = sample(
        run,
        answer_in_turn(refuse(429, Retry_After="1"), refuse(429, Retry_After="1"), answer()),
        "endpoint.concurrency=2",
        count=2,
    )
    assert len(texts) == 2
    assert shown.count("asks for a pause of 1 s (HTTP 429") == 1
    assert "after 240 s without an answer the run stops" in shown
    assert [kind for kind, _ in run.ledger.get_events()].count("endpoint attempt failed") == 2
    with pytest.raises(EndpointError, match="demands a wait of 3 s"):
        sample(run, refuse(429, Retry_After="3"), "endpoint.max_wait_s=2")


@pytest.mark.usefixtures("quick")
def test_a_failed_attempt_is_noted_and_a_lost_request_also_shown(run: Run) -> None:
    texts, shown = sample(
        run,
        answer_in_turn(refuse(500), refuse(400, "too long for me"), answer()),
        "endpoint.concurrency=1",
        count=2,
    )
    assert len(texts) == 1
    assert "the endpoint lost a request: HTTP 400 (too long for me)" in shown
    assert "pause" not in shown
    kinds = [kind for kind, _ in run.ledger.get_events()]
    assert (kinds.count("endpoint attempt failed"), kinds.count("endpoint request lost")) == (1, 1)


def test_key_and_deadline_are_those_of_the_configuration(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_KEY", "a-secret-of-mine")
    with hostile(answer()) as server:
        config = resolved(
            server.address, "endpoint.key_env=TEACHER_KEY", "endpoint.timeout_s=30"
        ).config
        assert list(
            open_teacher(run.ledger, config, Display(io.StringIO()), programs=False).stream(
                [Request("ask", make_prompt("hi"))]
            )
        )
        assert all(
            "Bearer a-secret-of-mine" in call.headers.values() for call in server.completion_calls
        )
    late = answer_in_turn(lambda call: time.sleep(3), answer())
    assert "endpoint attempt failed" not in [kind for kind, _ in run.ledger.get_events()]
    assert len(sample(run, late, "endpoint.timeout_s=0.3")[0]) == 1
    assert "endpoint attempt failed" in [kind for kind, _ in run.ledger.get_events()]


def test_a_prompt_whose_every_sample_was_lost_has_failed() -> None:
    lost = Try("", "teacher", LOST_REASON)
    tried = Try("Hum.", "teacher", "breaks the rule", broken=True)
    funnel = OpenFunnel()
    drop_unsolved(funnel, "a", SearchTrace("Say hum.", False, [lost, lost]))
    drop_unsolved(funnel, "b", SearchTrace("Say hum.", False, [lost, tried]))
    found = [(outcome.state, outcome.reason) for outcome in funnel.outcomes.values()]
    assert found == [("failed", LOST_REASON), ("dropped", NOT_FOUND)]


def test_a_key_in_the_place_of_its_name_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="is not the name of an environment variable") as caught:
        resolved("http://localhost:1/v1#m", "endpoint.key_env=sk-0123456789abcdef0123")
    assert "0123456789" not in f"{caught.value}{caught.value.cure}"
