"""The ledger: what was asked, answered, placed and noted, and that the counts add up."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripted import Scripted
from selfteach.errors import IntegrityError, ResourceError, SelfteachError, UsageError
from selfteach.models.recorded import Recorded
from selfteach.records import Request, make_prompt
from selfteach.run.ledger import (
    ABANDONED,
    Funnel,
    Ledger,
    Outcome,
    TokenCost,
    make_outcome,
)
from selfteach.run.stage_labels import label_stage


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "run.db")
    yield opened
    opened.close()


def test_the_first_answer_stays(ledger: Ledger) -> None:
    ledger.record_answers([("a", {"text": "first"})])
    ledger.record_answers([("a", {"text": "second"}), ("b", 1)])
    assert ledger.get_answers(["a", "b", "c"]) == {"a": {"text": "first"}, "b": 1}


def test_a_thousand_ids_are_found(ledger: Ledger) -> None:
    ledger.record_answers((str(number), number) for number in range(1200))
    assert len(ledger.get_answers([str(number) for number in range(1200)])) == 1200


def test_asking_again_is_counted(ledger: Ledger) -> None:
    ledger.record_requests("probe", [("a", {}), ("b", {})])
    ledger.record_requests("probe", [("a", {})])
    ledger.record_answers([("a", {})])
    assert ledger.count_requests() == {"probe": (2, 1, 1)}


def test_a_drop_without_a_reason_is_refused(ledger: Ledger) -> None:
    for state in ("dropped", "failed"):
        with pytest.raises(ValueError, match="without a reason"):
            ledger.record_outcomes("probe", [Outcome("a", state)])  # type: ignore[arg-type]
    assert list(ledger.read_outcomes()) == []


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
        ledger.record_outcomes(
            "probe", [Outcome(str(id), state, "why" if state in ("dropped", "failed") else "")]
        )  # type: ignore[arg-type]
    last = dict(placed)
    for part in ledger.funnel():
        assert (
            part.requested == len(last) == part.accepted + part.dropped + part.failed + part.pending
        )
        assert sum(part.reasons.values()) == part.dropped + part.failed
    ledger.close()


def test_what_entered_a_stage_and_did_not_come_out_is_found(ledger: Ledger) -> None:
    ledger.register("search", ["a", "b", "c"])
    assert [(f.requested, f.pending) for f in ledger.funnel()] == [(3, 3)]
    with pytest.raises(
        IntegrityError,
        match=r'1 candidate\(s\) entered the stage "search" and did not come out, the first b',
    ):
        ledger.finish_stage(
            "search", [Outcome("a", "accepted"), Outcome("c", "dropped", "too late")]
        )
    ledger.finish_stage("search", [Outcome("b", "failed", "no answer")])
    assert [(f.accepted, f.dropped, f.failed, f.pending) for f in ledger.funnel()] == [(1, 1, 1, 0)]


def test_what_only_a_stopped_attempt_had_is_dropped_by_name(tmp_path: Path) -> None:
    stopped = Ledger(tmp_path / "run.db")
    stopped.register("search", ["a", "b"])
    stopped.close()
    again = Ledger(tmp_path / "run.db")
    again.register("search", ["b", "c"])
    again.finish_stage("search", [Outcome("b", "accepted"), Outcome("c", "accepted")])
    (funnel,) = again.funnel()
    assert (funnel.accepted, funnel.pending, funnel.reasons) == (2, 0, {ABANDONED: 1})
    again.close()


def test_candidates_come_in_stable_order_and_by_state(ledger: Ledger) -> None:
    ledger.record_outcomes(
        "b", [Outcome("2", "accepted"), Outcome("1", "dropped", "twice", {"text": "x"})]
    )
    ledger.record_outcomes("a", [Outcome("3", "pending")])
    assert [(stage, fate.id) for stage, fate in ledger.read_outcomes()] == [
        ("a", "3"),
        ("b", "1"),
        ("b", "2"),
    ]
    assert list(ledger.read_outcomes("b", "dropped")) == [
        ("b", Outcome("1", "dropped", "twice", {"text": "x"}))
    ]


def test_notes_and_events(ledger: Ledger) -> None:
    assert ledger.get_note("x") is None
    ledger.set_note("x", {"a": 1})
    ledger.set_note("x", {"a": 2})
    assert ledger.get_note("x") == {"a": 2}
    for number in range(3):
        ledger.record_event("step", {"n": number})
    assert [body["n"] for _, body in ledger.get_events()] == [0, 1, 2]


def test_a_group_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def rows() -> Iterator[tuple[str, int]]:
        yield "a", 1
        raise KeyError("the engine broke")

    with pytest.raises(KeyError):
        ledger.record_answers(rows())
    assert ledger.get_answers(["a"]) == {}
    ledger.record_answers([("a", 2)])
    assert ledger.get_answers(["a"]) == {"a": 2}


def test_what_the_ledger_holds_is_not_computed_again(tmp_path: Path) -> None:
    requests = [Request("probe", make_prompt(f"question {number}")) for number in range(10)]
    first = Scripted(lambda r: "yes")
    second = Scripted(lambda r: "yes")
    ledger = Ledger(tmp_path / "run.db")
    some = list(Recorded(ledger, first).stream(requests[:6]))
    ledger.close()
    ledger = Ledger(tmp_path / "run.db")
    everything = list(Recorded(ledger, second).stream(requests))
    assert len(second.asked) == 4
    assert {completion.id for completion in everything} == {
        r.id(second.fingerprint) for r in requests
    }
    assert set(some) <= set(everything)
    ledger.close()


def test_looking_changes_nothing(tmp_path: Path, ledger: Ledger) -> None:
    ledger.set_note("x", 1)
    look = Ledger(tmp_path / "run.db", readonly=True)
    assert look.get_note("x") == 1
    look.close()
    (tmp_path / "empty.db").touch()
    look = Ledger(tmp_path / "empty.db", readonly=True)
    assert (look.get_note("x"), look.count_requests(), look.funnel()) == (None, {}, [])
    look.close()
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_another_run_s_answers_are_taken_over_once_and_as_far_as_wanted(tmp_path: Path) -> None:
    old = Ledger(tmp_path / "old.db")
    new = Ledger(tmp_path / "new.db")
    old.record_requests(
        "ask",
        [
            ("1", {"prompt": "of tea"}),
            ("2", {"prompt": "of ink"}),
            ("3", {"prompt": "never answered"}),
        ],
    )
    old.record_requests("exam", [("4", {"prompt": "x"})])
    old.record_answers(
        [("1", {"text": "a"}), ("2", {"text": "b"}), ("4", {"text": "c"}), ("score", [[-1.0, 2]])]
    )
    for _ in range(2):
        assert new.copy_answers(old, ("ask",), lambda body: "ink" not in str(body)) == 1
    assert new.get_answers(["1", "2", "3", "4", "score"]) == {
        "1": {"text": "a"},
        "score": [[-1.0, 2]],
    }
    assert new.count_requests() == {"ask": (1, 1, 0)}
    new.close()
    Ledger(tmp_path / "new.db").close()


def test_what_a_run_cost_is_what_it_drew_itself(tmp_path: Path) -> None:
    old = Ledger(tmp_path / "old.db")
    new = Ledger(tmp_path / "new.db")
    old.record_requests("ask", [("1", {"prompt": "of tea"})])
    old.record_answers(
        [
            ("1", {"text": "a", "tokens": 5, "prompt_tokens": 40, "reused_tokens": 30}),
            ("score", [[-1.0, 2]]),
        ]
    )
    assert old.sum_tokens() == TokenCost(5, 40, 30)
    for _ in range(2):
        new.copy_answers(old, ("ask",))
    new.record_answers([("2", {"text": "b", "tokens": 3, "prompt_tokens": 7, "reused_tokens": 0})])
    assert new.sum_tokens() == TokenCost(3, 7, 0)


def test_what_two_runs_give_is_counted_together(tmp_path: Path) -> None:
    new = Ledger(tmp_path / "new.db")
    new.record_answers([("own", {"tokens": 2})])
    for name, tokens in (("one", 5), ("two", 7)):
        old = Ledger(tmp_path / f"{name}.db")
        old.record_requests("ask", [(name, {"prompt": name}), ("own", {"prompt": "own"})])
        old.record_answers([(name, {"tokens": tokens}), ("own", {"tokens": 2})])
        new.copy_answers(old, ("ask",))
        old.close()
    assert new.get_note("adopted") == [12, 0, 0]
    assert new.sum_tokens() == TokenCost(2, 0, 0)
    new.close()


def rows_of(path: Path, table: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall()
    finally:
        database.close()


def test_sequence_numbers_rise_by_one_over_tables_and_sessions(tmp_path: Path) -> None:
    """They are what order is kept by: of stages, of what is adopted."""
    path = tmp_path / "run.db"
    for session in range(2):
        ledger = Ledger(path)
        ledger.record_requests("probe", [(f"a{session}", {}), (f"b{session}", {})])
        ledger.record_answers([(f"a{session}", 1), (f"b{session}", 2)])
        ledger.record_outcomes(
            "keep", [Outcome(f"c{session}", "accepted"), Outcome(f"d{session}", "pending")]
        )
        ledger.close()
    assert [row[1] for row in rows_of(path, "requests")] == [1, 2, 7, 8]
    assert [row[1] for row in rows_of(path, "answers")] == [3, 4, 9, 10]
    assert [row[2] for row in rows_of(path, "candidates")] == [5, 6, 11, 12]


@pytest.mark.parametrize("table", ["requests", "answers", "candidates"])
def test_numbers_go_on_after_the_greatest_of_any_table(tmp_path: Path, table: str) -> None:
    ledger = Ledger(tmp_path / "run.db")
    assert ledger._seq == 0
    ledger._seq = 40
    if table == "requests":
        ledger.record_requests("probe", [("x", {})])
    elif table == "answers":
        ledger.record_answers([("x", 1)])
    else:
        ledger.record_outcomes("probe", [Outcome("x", "accepted")])
    ledger.close()
    again = Ledger(tmp_path / "run.db")
    assert again._seq == 41
    again.close()


def test_stages_come_in_the_order_in_which_they_began(ledger: Ledger) -> None:
    ledger.record_requests("zeta", [("1", {})])
    ledger.record_requests("alpha", [("2", {}), ("3", {})])
    ledger.record_requests("zeta", [("4", {})])
    assert list(ledger.count_requests()) == ["zeta", "alpha"]
    ledger.record_outcomes("zeta", [Outcome("1", "accepted"), Outcome("4", "dropped", "late")])
    ledger.record_outcomes("alpha", [Outcome("2", "accepted")])
    assert [funnel.stage for funnel in ledger.funnel()] == ["zeta", "alpha"]


def test_a_funnel_counts_each_state_and_each_reason(ledger: Ledger) -> None:
    fates = [Outcome(f"a{n}", "accepted") for n in range(5)]
    fates += [Outcome(f"b{n}", "dropped", "twice") for n in range(3)]
    fates += [Outcome(f"c{n}", "dropped", "too long") for n in range(2)]
    fates += [Outcome(f"d{n}", "failed", "too long") for n in range(4)]
    fates += [Outcome("e", "pending")]
    ledger.record_outcomes("keep", fates)
    (found,) = ledger.funnel()
    assert found == Funnel("keep", 15, 5, 5, 4, 1, {"twice": 3, "too long": 6})


def test_a_candidate_has_one_fate_and_a_later_one_replaces_it(ledger: Ledger) -> None:
    ledger.record_outcomes(
        "keep", [Outcome("a", "pending"), Outcome("b", "accepted", body={"n": 1})]
    )
    ledger.record_outcomes("keep", [Outcome("a", "dropped", "late", {"n": 2})])
    assert list(ledger.read_outcomes("keep")) == [
        ("keep", Outcome("a", "dropped", "late", {"n": 2})),
        ("keep", Outcome("b", "accepted", "", {"n": 1})),
    ]
    assert list(ledger.read_outcomes(state="accepted")) == [
        ("keep", Outcome("b", "accepted", "", {"n": 1}))
    ]


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1000, 1001])
def test_any_number_of_ids_is_looked_up(ledger: Ledger, count: int) -> None:
    ids = [f"id-{number}" for number in range(count)]
    ledger.record_answers((id, number) for number, id in enumerate(ids))
    queries: list[str] = []
    ledger._db.set_trace_callback(queries.append)
    assert ledger.get_answers(ids) == {id: number for number, id in enumerate(ids)}
    ledger._db.set_trace_callback(None)
    assert len(queries) == -(-count // 500)
    assert ledger.get_answers([]) == {}


@pytest.mark.parametrize("table", ["requests", "answers", "candidates", "notes", "embeddings"])
def test_each_column_of_a_row_is_under_its_checksum(tmp_path: Path, table: str) -> None:
    path = tmp_path / "run.db"
    ledger = Ledger(path)
    ledger.record_requests("probe", [("a", {"n": 1})])
    ledger.record_answers([("a", {"n": 1})])
    ledger.record_outcomes("probe", [Outcome("a", "dropped", "late", {"n": 1})])
    ledger.set_note("a", {"n": 1})
    ledger.record_embeddings([("a", b"\x00\x00\x00@")])
    ledger.close()
    database = sqlite3.connect(path)
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    database.close()
    free = {"asked"}  # counts up
    for column in set(columns) - free:
        copy = tmp_path / f"{column}.db"
        copy.write_bytes(path.read_bytes())
        database = sqlite3.connect(copy)
        change = f"{column} + 1" if column in ("seq", "crc") else f"{column} || 'x'"
        database.execute(f"UPDATE {table} SET {column} = {change}")
        database.commit()
        database.close()
        with pytest.raises(IntegrityError, match=f"a row of {table} has changed") as caught:
            Ledger(copy)
        assert "--recover" in caught.value.cure


def test_costs_are_counted_from_what_completions_say(ledger: Ledger) -> None:
    assert ledger.sum_tokens() == TokenCost(0, 0, 0)
    ledger.record_answers(
        [("1", {"tokens": 5, "prompt_tokens": 40}), ("2", {"tokens": 1}), ("3", [1, 2])]
    )
    assert ledger.sum_tokens() == TokenCost(6, 40, 0)


def test_what_is_taken_over_costs_nothing_and_keeps_its_order(tmp_path: Path) -> None:
    old = Ledger(tmp_path / "old.db")
    new = Ledger(tmp_path / "new.db")
    old.record_requests("ask", [("1", {"p": 1}), ("2", {"p": 2})])
    old.record_answers([("2", {"tokens": 5, "prompt_tokens": None}), ("1", {"tokens": 7})])
    old.record_requests("other", [("3", {"p": 3})])
    old.record_answers([("3", {"tokens": 9})])
    old.record_embeddings([("e", b"\x00\x00\x00@")])
    assert new.copy_answers(old, {"ask"}) == 2
    assert new.sum_tokens() == TokenCost(0, 0, 0)
    assert new.get_note("adopted") == [12, 0, 0]
    assert [row[0] for row in rows_of(tmp_path / "new.db", "requests")] == ["2", "1"]
    assert [row[2] for row in rows_of(tmp_path / "new.db", "requests")] == ["ask", "ask"]
    numbers = [
        row[1] for table in ("requests", "answers") for row in rows_of(tmp_path / "new.db", table)
    ]
    assert sorted(numbers) == [1, 2, 3, 4]
    assert list(new.iterate_embeddings(["e", "f"])) == [("e", b"\x00\x00\x00@")]
    new.record_requests("ask", [("1", {"p": 1})])
    assert new.count_requests() == {"ask": (2, 2, 1)}
    old.close()
    new.close()


def test_what_fails_half_way_is_not_committed(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger._transaction() as db:
            db.execute("INSERT INTO events (kind, body) VALUES ('first', '{}')")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        fail()
    assert ledger.get_events() == []


def test_a_damage_that_sqlite_cannot_name_is_told(tmp_path: Path) -> None:
    """SQLite's own message has the damaged bytes, and they are no UTF-8."""
    path = tmp_path / "run.db"
    Ledger(path).close()
    schema = path.read_bytes()
    path.write_bytes(schema.replace(b"TABLE requests", b"TABLE\x80requests"))
    assert path.read_bytes() != schema
    with pytest.raises(IntegrityError, match="damaged"):
        Ledger(path)


def test_a_damaged_ledger_is_not_left_open(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    ledger = Ledger(path)
    ledger.record_answers([("1", "x")])
    ledger.close()
    path.write_bytes(path.read_bytes().replace(b'"x"', b'"y"'))
    with pytest.raises(IntegrityError, match="has changed since") as caught:
        Ledger(path)
    opened = {os.readlink(handle) for handle in handles() if handle.exists()}
    assert str(path) not in opened
    del caught  # it holds the ledger that could not be opened


def handles() -> list[Path]:
    """The open files of this process."""
    return list(Path("/proc/self/fd").iterdir())


def test_a_reader_neither_writes_nor_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", sqlite3.dbapi2.connect)  # not the one of the tests
    path = tmp_path / "run.db"
    with pytest.raises(UsageError, match="the ledger cannot be used"):
        Ledger(path, readonly=True)
    assert not path.exists()
    ledger = Ledger(path)
    mode = ledger._db.execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == "wal"
    assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    ledger.close()
    assert not path.with_name("run.db-wal").exists()


def test_a_log_that_its_writer_removes_meanwhile_is_none(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledger.path.with_name("run.db-wal")
    ledger.close()
    exists = Path.exists

    def is_there(path: Path) -> bool:
        return path == log or exists(path)  # a moment before it is looked at

    monkeypatch.setattr(Path, "exists", is_there)
    Ledger(ledger.path, readonly=True).close()


def test_the_room_that_is_asked_for_covers_the_write_ahead_log(ledger: Ledger) -> None:
    log = ledger.path.with_name("run.db-wal")
    assert ledger._room() == log.stat().st_size + 1024 * 1024
    ledger.close()
    assert ledger._room() == 1024 * 1024


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("SQLITE_FULL", ResourceError, "at least [0-9,]+ bytes are needed"),
        ("SQLITE_IOERR_WRITE", ResourceError, "the disk failed"),
        ("SQLITE_BUSY", UsageError, "the ledger cannot be used"),
        ("SQLITE_READONLY_DBMOVED", UsageError, "the ledger cannot be used"),
        ("SQLITE_CORRUPT", IntegrityError, "the ledger is damaged"),
    ],
)
def test_each_fault_of_the_database_has_its_error(
    ledger: Ledger, name: str, kind: type[SelfteachError], words: str
) -> None:
    fault = sqlite3.OperationalError("it broke")
    fault.sqlite_errorname = name
    with pytest.raises(kind, match=words), ledger._convert_errors():
        raise fault


def test_a_stage_that_is_settled_again_counts_what_came_in_since(ledger: Ledger) -> None:
    ledger.register("keep", ["a"])
    ledger.register("keep", ["b"])
    ledger.register("other", ["z"])
    with pytest.raises(IntegrityError, match=r"2 candidate\(s\)"):
        ledger.finish_stage("keep", [])
    ledger.finish_stage("keep", [Outcome("a", "accepted"), Outcome("b", "accepted")])
    assert [(f.stage, f.accepted, f.pending) for f in ledger.funnel()] == [
        ("other", 0, 1),
        ("keep", 2, 0),
    ]


def test_a_signal_waits_for_the_end_of_a_commit(ledger: Ledger) -> None:
    """A group is inside a held stretch: on disk as a whole, and then the interruption."""
    from selfteach.run import signals

    depths: list[int] = []

    def rows() -> Iterator[tuple[str, int]]:
        depths.append(signals._InterruptState.depth)
        yield "a", 1

    ledger.record_answers(rows())
    assert depths == [1]
    assert signals._InterruptState.depth == 0


def test_a_funnel_records_the_first_outcome_of_each_candidate(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with ledger.open_funnel("search", ["a", "b", "c"]) as funnel:
        funnel.accept("a", {"prompt": "Tea?"})
        funnel.decide("a", "too late")
        funnel.decide("b", "no answer", failed=True)
        funnel.decide("c", "too short")
    found = {outcome.id: outcome for _, outcome in ledger.read_outcomes("search")}
    assert found["a"] == Outcome("a", "accepted", "", {"prompt": "Tea?"})
    assert (found["b"].state, found["b"].reason) == ("failed", "no answer")
    assert (found["c"].state, found["c"].reason) == ("dropped", "too short")


def test_a_funnel_misses_a_candidate_without_an_outcome(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with (
        pytest.raises(IntegrityError, match="1 candidate"),
        ledger.open_funnel("search", ["a", "b"]) as funnel,
    ):
        funnel.accept("a")


def test_a_funnel_that_is_interrupted_records_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with pytest.raises(ZeroDivisionError), ledger.open_funnel("search", ["a"]) as funnel:
        funnel.accept("a", {"share": 1 / 0})
    (left,) = [outcome.state for _, outcome in ledger.read_outcomes("search")]
    assert left == "pending"


def count_verified(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record the ledgers whose rows are read and verified from here on."""
    found: list[Path] = []
    verify = Ledger._verify_rows

    def verify_rows(self: Ledger) -> None:
        found.append(self.path)
        verify(self)

    monkeypatch.setattr(Ledger, "_verify_rows", verify_rows)
    return found


def test_a_ledger_is_verified_once_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    verified = count_verified(monkeypatch)
    first = Ledger(path)
    first.record_answers([("a", 1)])
    Ledger(path, readonly=True).close()
    first.record_answers([("b", 2)])
    first.close()
    again = Ledger(path)
    assert again.get_answers(["a", "b"]) == {"a": 1, "b": 2}
    again.close()
    assert verified == [path]


@pytest.mark.parametrize("damage", ["a letter", "a page"])
def test_a_ledger_that_another_changed_is_verified_again(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "run.db"
    ledger = Ledger(path)
    ledger.record_answers([(str(number), "x" * 500) for number in range(200)])
    ledger.close()
    if damage == "a letter":
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE answers SET body = replace(body, 'x', 'y') WHERE id = '150'")
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityError, match="damaged"):
        Ledger(path)


def test_a_ledger_that_was_never_closed_is_verified_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = count_verified(monkeypatch)
    left = Ledger(tmp_path / "run.db")
    left._db.close()
    del left
    Ledger(tmp_path / "run.db").close()
    assert len(verified) == 2


def test_a_candidate_with_a_reason_is_dropped_and_any_other_accepted() -> None:
    assert make_outcome("1", "") == Outcome("1", "accepted")
    assert make_outcome("1", "too long", {"n": 1}) == Outcome("1", "dropped", "too long", {"n": 1})


def test_a_stage_has_words_of_its_own_or_its_name() -> None:
    assert label_stage("draw") == "sample answers"
    assert label_stage("probe") == "probe"


def test_a_ledger_in_a_read_only_folder_is_read_without_files_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    with closing(Ledger(path)) as ledger:
        ledger.set_note("identity", 1)
    monkeypatch.setattr("selfteach.run.ledger.os.access", lambda *given: False)
    with closing(Ledger(path, readonly=True)) as ledger:
        assert ledger.get_note("identity") == 1
        assert [file.name for file in tmp_path.iterdir()] == ["run.db"]


def test_the_log_of_a_ledger_in_a_read_only_folder_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    with closing(Ledger(path)) as ledger:
        ledger.set_note("identity", 1)
        monkeypatch.setattr("selfteach.run.ledger.os.access", lambda *given: False)
        with closing(Ledger(path, readonly=True)) as other:
            assert other.get_note("identity") == 1


def test_a_note_keeps_the_name_of_a_file_that_is_no_utf_8(tmp_path: Path) -> None:
    paths = ["caf\udce9.jsonl", 'a "quoted" café\\u00e9.txt']
    Ledger(tmp_path / "run.db").set_note("paths", paths)
    assert Ledger(tmp_path / "run.db").get_note("paths") == paths
