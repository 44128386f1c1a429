"""The ledger: what was asked, answered, placed and noted, and that the counts add up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.errors import IntegrityError
from selfteach.models.recorded import Recorded
from selfteach.models.scripted import Scripted
from selfteach.records import Request, user
from selfteach.run.ledger import LEFT_BEHIND, Cost, Fate, Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "run.db")
    yield opened
    opened.close()


def test_the_first_answer_stays(ledger: Ledger) -> None:
    ledger.answer([("a", {"text": "first"})])
    ledger.answer([("a", {"text": "second"}), ("b", 1)])
    assert ledger.answers(["a", "b", "c"]) == {"a": {"text": "first"}, "b": 1}


def test_a_thousand_ids_are_found(ledger: Ledger) -> None:
    ledger.answer((str(number), number) for number in range(1200))
    assert len(ledger.answers([str(number) for number in range(1200)])) == 1200


def test_asking_again_is_counted(ledger: Ledger) -> None:
    ledger.ask("probe", [("a", {}), ("b", {})])
    ledger.ask("probe", [("a", {})])
    ledger.answer([("a", {})])
    assert ledger.counts() == {"probe": (2, 1, 1)}


def test_a_drop_without_a_reason_is_refused(ledger: Ledger) -> None:
    for state in ("dropped", "failed"):
        with pytest.raises(ValueError, match="without a reason"):
            ledger.place("probe", [Fate("a", state)])  # type: ignore[arg-type]
    assert list(ledger.candidates()) == []


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.sampled_from(["accepted", "dropped", "failed", "pending"])
        ),
        max_size=30,
    )
)
def test_requested_is_the_sum_of_the_fates(
    tmp_path_factory: pytest.TempPathFactory, placed: list[tuple[int, str]]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "run.db")
    for id, state in placed:
        ledger.place(
            "probe", [Fate(str(id), state, "why" if state in ("dropped", "failed") else "")]
        )  # type: ignore[arg-type]
    last = dict(placed)
    for part in ledger.funnel():
        assert (
            part.requested == len(last) == part.accepted + part.dropped + part.failed + part.pending
        )
        assert sum(part.reasons.values()) == part.dropped + part.failed
    ledger.close()


def test_what_entered_a_stage_and_did_not_come_out_is_found(ledger: Ledger) -> None:
    ledger.expect("search", ["a", "b", "c"])
    assert [(f.requested, f.pending) for f in ledger.funnel()] == [(3, 3)]
    with pytest.raises(
        IntegrityError,
        match=r'1 candidate\(s\) entered the stage "search" and did not come out, the first b',
    ):
        ledger.settle("search", [Fate("a", "accepted"), Fate("c", "dropped", "too late")])
    ledger.settle("search", [Fate("b", "failed", "no answer")])
    assert [(f.accepted, f.dropped, f.failed, f.pending) for f in ledger.funnel()] == [(1, 1, 1, 0)]


def test_what_only_a_stopped_attempt_had_is_dropped_by_name(tmp_path: Path) -> None:
    stopped = Ledger(tmp_path / "run.db")
    stopped.expect("search", ["a", "b"])
    stopped.close()
    again = Ledger(tmp_path / "run.db")
    again.expect("search", ["b", "c"])
    again.settle("search", [Fate("b", "accepted"), Fate("c", "accepted")])
    (funnel,) = again.funnel()
    assert (funnel.accepted, funnel.pending, funnel.reasons) == (2, 0, {LEFT_BEHIND: 1})
    again.close()


def test_candidates_come_in_stable_order_and_by_state(ledger: Ledger) -> None:
    ledger.place("b", [Fate("2", "accepted"), Fate("1", "dropped", "twice", {"text": "x"})])
    ledger.place("a", [Fate("3", "pending")])
    assert [(stage, fate.id) for stage, fate in ledger.candidates()] == [
        ("a", "3"),
        ("b", "1"),
        ("b", "2"),
    ]
    assert list(ledger.candidates("b", "dropped")) == [
        ("b", Fate("1", "dropped", "twice", {"text": "x"}))
    ]


def test_notes_and_events(ledger: Ledger) -> None:
    assert ledger.noted("x") is None
    ledger.note("x", {"a": 1})
    ledger.note("x", {"a": 2})
    assert ledger.noted("x") == {"a": 2}
    for number in range(3):
        ledger.event("step", {"n": number})
    assert [body["n"] for _, body in ledger.events()] == [0, 1, 2]


def test_a_group_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def rows() -> Iterator[tuple[str, int]]:
        yield "a", 1
        raise KeyError("the engine broke")

    with pytest.raises(KeyError):
        ledger.answer(rows())
    assert ledger.answers(["a"]) == {}
    ledger.answer([("a", 2)])
    assert ledger.answers(["a"]) == {"a": 2}


def test_what_the_ledger_holds_is_not_computed_again(tmp_path: Path) -> None:
    requests = [Request("probe", user(f"question {number}")) for number in range(10)]
    first, second = Scripted(lambda r: "yes"), Scripted(lambda r: "yes")
    ledger = Ledger(tmp_path / "run.db")
    some = list(Recorded(ledger, first).draw(requests[:6]))
    ledger.close()
    ledger = Ledger(tmp_path / "run.db")
    everything = list(Recorded(ledger, second).draw(requests))
    assert len(second.asked) == 4
    assert {draw.id for draw in everything} == {r.id(second.fingerprint) for r in requests}
    assert set(some) <= set(everything)
    ledger.close()


def test_looking_changes_nothing(tmp_path: Path, ledger: Ledger) -> None:
    ledger.note("x", 1)
    look = Ledger(tmp_path / "run.db", readonly=True)
    assert look.noted("x") == 1
    look.close()
    (tmp_path / "empty.db").touch()
    look = Ledger(tmp_path / "empty.db", readonly=True)
    assert (look.noted("x"), look.counts(), look.funnel()) == (None, {}, [])
    look.close()
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_another_run_s_answers_are_taken_over_once_and_as_far_as_wanted(tmp_path: Path) -> None:
    old, new = Ledger(tmp_path / "old.db"), Ledger(tmp_path / "new.db")
    old.ask(
        "ask",
        [
            ("1", {"prompt": "of tea"}),
            ("2", {"prompt": "of ink"}),
            ("3", {"prompt": "never answered"}),
        ],
    )
    old.ask("exam", [("4", {"prompt": "x"})])
    old.answer(
        [("1", {"text": "a"}), ("2", {"text": "b"}), ("4", {"text": "c"}), ("score", [[-1.0, 2]])]
    )
    for _ in range(2):
        assert new.adopt(old, ("ask",), lambda body: "ink" not in str(body)) == 1
    assert new.answers(["1", "2", "3", "4", "score"]) == {"1": {"text": "a"}, "score": [[-1.0, 2]]}
    assert new.counts() == {"ask": (1, 1, 0)}
    new.close()
    Ledger(tmp_path / "new.db").close()


def test_what_a_run_cost_is_what_it_drew_itself(tmp_path: Path) -> None:
    old, new = Ledger(tmp_path / "old.db"), Ledger(tmp_path / "new.db")
    old.ask("ask", [("1", {"prompt": "of tea"})])
    old.answer(
        [
            ("1", {"text": "a", "tokens": 5, "prompt_tokens": 40, "reused_tokens": 30}),
            ("score", [[-1.0, 2]]),
        ]
    )
    assert old.cost() == Cost(5, 40, 30)
    for _ in range(2):
        new.adopt(old, ("ask",))
    new.answer([("2", {"text": "b", "tokens": 3, "prompt_tokens": 7, "reused_tokens": 0})])
    assert new.cost() == Cost(3, 7, 0)
