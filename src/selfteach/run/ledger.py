"""The ledger is the record (invariant 1): requests, answers, and the outcome of every candidate.

A request is recorded before it is sent, an answer when it arrives. The ledger is one SQLite file in
WAL mode with synchronous=FULL: committed rows survive kill -9 and power loss. Everything else in a
run folder is an export and can be written again from here.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from weakref import WeakSet

from selfteach.disk import DISK_ERRNOS, make_disk_error, probe_disk, require_plain_file
from selfteach.errors import IntegrityError, SelfteachError, UsageError
from selfteach.records import JsonMapping, JsonObject, dump_canonical_json
from selfteach.run.signals import delay_interrupts

SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, stage TEXT NOT NULL, body TEXT NOT NULL,
    crc INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS answers (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS candidates (
    stage TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (stage, id));
CREATE TABLE IF NOT EXISTS notes (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS embeddings (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL);
"""
INSERT_REQUEST = "INSERT OR IGNORE INTO requests (id, seq, stage, body, crc) VALUES (?, ?, ?, ?, ?)"
INSERT_ANSWER = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)"
INSERT_EMBEDDING = "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?, ?)"
ADOPTED_NOTE = "adopted"
ABANDONED = "left over from an interrupted attempt"
SEQUENCED_TABLES = ("requests", "answers", "candidates", "embeddings")
CHECKSUM_COLUMNS = {"requests": 4, "answers": 3, "candidates": 6, "notes": 2, "embeddings": 3}
"""Tables with a checksum in each row, and its column; it covers the columns before it.

SQLite notices broken pages, but not a changed letter."""
DATABASE_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the latter where it cannot say what is damaged."""
LEDGER_TAILS = ("", "-wal", "-shm", "-journal")
"""The ends of the names of a ledger's files."""
IDS_PER_QUERY = 500
"""SQLite bounds the number of values in a query."""
OutcomeState = Literal["accepted", "dropped", "failed", "pending"]
LedgerState = tuple[int, ...]
"""What changes when another process writes to a ledger."""
_verified: dict[Path, LedgerState] = {}
"""The state of the files of each ledger that this process has verified and closed."""
_open: WeakSet[Ledger] = WeakSet()
"""The open ledgers of this process, each of which has been verified."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold the outcome of one candidate of a stage.

    A drop or a failure has a reason.
    """

    id: str
    state: OutcomeState
    reason: str = ""
    body: JsonMapping | None = None


def make_outcome(id: str, reason: str, body: JsonMapping | None = None) -> Outcome:
    """Return the outcome of a candidate: dropped where there is a reason, else accepted."""
    return Outcome(id, "dropped" if reason else "accepted", reason, body)


@dataclass(frozen=True, slots=True)
class Funnel:
    """Hold the counts of one stage; requested = accepted + dropped + failed + pending (invariant
    4).
    """

    stage: str
    requested: int
    accepted: int
    dropped: int
    failed: int
    pending: int
    reasons: Mapping[str, int]


class OpenFunnel:
    """Collect the outcomes of one stage. The first outcome of a candidate stays."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}

    def accept(self, id: str, body: JsonMapping | None = None) -> None:
        """Keep a candidate."""
        self.decide(id, "", body)

    def decide(
        self, id: str, reason: str, body: JsonMapping | None = None, *, failed: bool = False
    ) -> None:
        """Drop a candidate for a reason, or keep it where the reason is empty.

        Args:
            failed: its answer never came: it failed and was not refused.
        """
        state: OutcomeState = "accepted"
        if reason:
            state = "failed" if failed else "dropped"
        self.outcomes.setdefault(id, Outcome(id, state, reason, body))


class TokenCost(NamedTuple):
    """Count tokens of completions, of their prompts, and of reused prompt tokens.

    Reused are tokens that an engine had computed before.
    """

    tokens: int
    prompt_tokens: int
    reused_tokens: int


class Ledger:
    """Represent the open database of one run.

    One process and one thread at a time use it. The first opening reads and verifies every row; a
    later one in the same process does so only if another has changed the file since.
    """

    def __init__(self, path: Path, *, readonly: bool = False, cure: str = "") -> None:
        """Open or create the file.

        Args:
            readonly: create no file.
            cure: what to do if the file is damaged; by default, how to recover a run's ledger.
        """
        self.path = path
        self._cure = cure
        self._entered: dict[str, set[str]] = {}
        for tail in LEDGER_TAILS:
            require_plain_file(path.with_name(path.name + tail))
        self._place = path.absolute()
        is_known = _is_verified(self._place)
        with self._convert_errors(), ExitStack() as on_error:
            mode = _choose_mode(path) if readonly else "rwc"
            self._db = sqlite3.connect(
                f"{self._place.as_uri()}?mode={mode}", uri=True, isolation_level=None
            )
            on_error.callback(self._db.close)  # else a damaged file stays open, and locked
            self._db.execute("PRAGMA temp_store=MEMORY")  # only the run's own disk can be full
            if not readonly:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
            if not is_known:
                verdict = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
                if verdict != "ok":
                    raise sqlite3.DatabaseError(verdict)
            tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
            if readonly and not tables:
                # Its process died before the first commit.
                self._db = sqlite3.connect(":memory:", isolation_level=None)
            if not readonly or not tables:
                self._db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
            if not is_known:
                self._verify_rows()
            self._seq: int = max(
                self._db.execute(f"SELECT COALESCE(MAX(seq), 0) FROM {t}").fetchone()[0]
                for t in SEQUENCED_TABLES
            )
            on_error.pop_all()
        _open.add(self)

    def _verify_rows(self) -> None:
        for table in CHECKSUM_COLUMNS:
            for row in self._db.execute(f"SELECT * FROM {table}"):
                if not is_intact(table, row):
                    raise sqlite3.DatabaseError(
                        f"a row of {table} has changed since it was written: {str(row[0])[:40]!r}"
                    )

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._convert_errors():
            self._db.close()
        if self in _open:
            _open.remove(self)
            _verified[self._place] = _read_ledger_state(self._place)

    def record_requests(self, stage: str, rows: Iterable[tuple[str, JsonMapping]]) -> None:
        """Record requests (id, body) before they are sent.

        A repeated request is counted, because it may be billed twice.
        """
        with self._transaction() as db:
            db.executemany(
                (
                    "INSERT INTO requests (id, seq, stage, body, crc) VALUES (?, ?, ?, ?, "
                    "?) ON CONFLICT (id) DO UPDATE SET asked = asked + 1"
                ),
                [
                    add_checksum(id, self._take_next_seq(), stage, dump_canonical_json(body))
                    for id, body in rows
                ],
            )

    def record_answers(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Record answers (id, body) as they arrive; the first answer to an id stays."""
        with self._transaction() as db:
            db.executemany(
                INSERT_ANSWER,
                [
                    add_checksum(id, self._take_next_seq(), dump_canonical_json(body))
                    for id, body in rows
                ],
            )

    def get_answers(self, ids: Sequence[str]) -> JsonObject:
        """Return the recorded answers among these ids, by id."""
        found: JsonObject = {}
        with self._convert_errors():
            for part in _iterate_parts(ids):
                query = f"SELECT id, body FROM answers WHERE id IN ({','.join('?' * len(part))})"
                found |= {id: json.loads(body) for id, body in self._db.execute(query, part)}
        return found

    def record_embeddings(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Record embeddings (id, bytes of float32, little-endian); the first of an id stays."""
        with self._transaction() as db:
            db.executemany(
                INSERT_EMBEDDING,
                (add_checksum(id, self._take_next_seq(), body) for id, body in rows),
            )

    def iterate_embeddings(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (id, bytes) of the recorded embeddings among these ids, a few hundred at once."""
        for part in _iterate_parts(ids):
            query = f"SELECT id, body FROM embeddings WHERE id IN ({','.join('?' * len(part))})"
            with self._convert_errors():
                found = self._db.execute(query, part).fetchall()
            yield from found

    def copy_answers(
        self,
        other: Ledger,
        stages: Collection[str],
        is_wanted: Callable[[Any], bool] = lambda body: True,
    ) -> int:
        """Copy requests of these stages with their answers from another run's ledger.

        Answers without a request (scores) and embeddings are copied too. This run need not send
        these requests again. What is here already stays, and counts as this run's own.

        Args:
            is_wanted: tells of a request's body, and of an answer's, whether to copy it; a request
                comes with its answer or not at all.

        Returns:
            The number of copied requests.
        """
        with other._convert_errors():
            rows = other._db.execute(
                "SELECT answers.id, stage, requests.body, answers.body FROM answers "
                "LEFT JOIN requests USING (id) ORDER BY answers.seq"
            ).fetchall()
        copied = [
            (id, stage, request, answer)
            for id, stage, request, answer in rows
            if (request is None or (stage in stages and is_wanted(json.loads(request))))
            and is_wanted(json.loads(answer))
        ]
        costs = [self._get_adopted()]
        with self._transaction() as db:
            for id, stage, request, answer in copied:
                if request is not None:
                    row = add_checksum(id, self._take_next_seq(), stage, request)
                    db.execute(INSERT_REQUEST, row)
                row = add_checksum(id, self._take_next_seq(), answer)
                if db.execute(INSERT_ANSWER, row).rowcount:
                    costs.append(_read_cost(json.loads(answer)))
            embedded = other._db.execute("SELECT id, body FROM embeddings ORDER BY seq")
            for id, body in embedded:
                db.execute(INSERT_EMBEDDING, add_checksum(id, self._take_next_seq(), body))
            _write_note(db, ADOPTED_NOTE, [sum(column) for column in zip(*costs, strict=True)])
        return sum(request is not None for _, _, request, _ in copied)

    def record_outcomes(self, stage: str, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of candidates; a later outcome replaces an earlier one.

        Raises:
            ValueError: a drop or a failure without a reason.
        """
        rows = []
        for outcome in outcomes:
            if outcome.state in ("dropped", "failed") and not outcome.reason:
                raise ValueError(f"candidate {outcome.id} is {outcome.state} without a reason")
            rows.append(
                add_checksum(
                    stage,
                    outcome.id,
                    self._take_next_seq(),
                    outcome.state,
                    outcome.reason,
                    dump_canonical_json(outcome.body or {}),
                )
            )
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def register(self, stage: str, ids: Iterable[str]) -> None:
        """Record the candidates of a stage before any work.

        Each one is pending until `finish_stage` records its outcome.
        """
        entered = list(ids)
        self._entered.setdefault(stage, set()).update(entered)
        self.record_outcomes(stage, (Outcome(id, "pending") for id in entered))

    def finish_stage(self, stage: str, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of a stage and check that every candidate has one (invariant 4).

        Candidates that only an interrupted attempt registered are dropped, with their own reason.
        On a retry an endpoint may answer requests that it lost before, so later stages can see
        different candidates.

        Raises:
            IntegrityError: a candidate has no outcome.
        """
        self.record_outcomes(stage, outcomes)
        left = [outcome.id for _, outcome in self.read_outcomes(stage, "pending")]
        if lost := [id for id in left if id in self._entered.get(stage, ())]:
            raise IntegrityError(
                (
                    f'{len(lost)} candidate(s) entered the stage "{stage}" and did not come '
                    f"out, the first {lost[0]}."
                ),
                where=self.path,
                cure="This is a defect of selfteach: please report it with this message.",
            )
        self.record_outcomes(stage, (Outcome(id, "dropped", ABANDONED) for id in left))

    @contextmanager
    def open_funnel(self, stage: str, ids: Iterable[str] = ()) -> Iterator[OpenFunnel]:
        """Collect the outcomes of a stage and record them at its end.

        Args:
            ids: all candidates that enter, where they are known beforehand.

        Raises:
            IntegrityError: one of these candidates has no outcome.
        """
        self.register(stage, ids)
        funnel = OpenFunnel()
        yield funnel
        self.finish_stage(stage, funnel.outcomes.values())

    def read_outcomes(self, stage: str = "", state: str = "") -> Iterator[tuple[str, Outcome]]:
        """Yield (stage, outcome) of the candidates, in stable order."""
        with self._convert_errors():
            rows = self._db.execute(
                """SELECT stage, id, state, reason, body FROM candidates
                   WHERE (?1 = '' OR stage = ?1) AND (?2 = '' OR state = ?2) ORDER BY stage, id""",
                (stage, state),
            ).fetchall()
        for found, id, outcome, reason, body in rows:
            yield found, Outcome(id, outcome, reason, json.loads(body))

    def funnel(self) -> list[Funnel]:
        """Return the counts of each stage, in the order in which the stages were last recorded."""
        with self._convert_errors():
            rows = self._db.execute(
                "SELECT stage, state, reason, COUNT(*), MIN(seq) FROM candidates GROUP "
                "BY stage, state, reason ORDER BY MIN(seq)"
            ).fetchall()
        states: dict[str, dict[str, int]] = {}
        reasons: dict[str, Counter[str]] = {}
        for stage, state, reason, count, _ in rows:
            states.setdefault(stage, dict.fromkeys(get_args(OutcomeState), 0))[state] += count
            counts = reasons.setdefault(stage, Counter())
            if reason:
                counts[reason] += count
        return [
            Funnel(stage, sum(own.values()), reasons=dict(reasons[stage]), **own)
            for stage, own in states.items()
        ]

    def set_note(self, key: str, body: Any) -> None:
        """Store one named value: a stage's outcome, a calibration, a choice with its reason."""
        with self._transaction() as db:
            _write_note(db, key, body)

    def get_note(self, key: str) -> Any:
        """Return the value of a name, or None."""
        with self._convert_errors():
            row = self._db.execute("SELECT body FROM notes WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def record_event(self, kind: str, body: JsonMapping) -> None:
        """Append an event: a resume, a halved batch, a paused endpoint."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO events (kind, body) VALUES (?, ?)", (kind, dump_canonical_json(body))
            )

    def get_events(self) -> list[tuple[str, JsonObject]]:
        """Return (kind, body) of all events in order of sequence, not of the clock."""
        with self._convert_errors():
            return [
                (kind, json.loads(body))
                for kind, body in self._db.execute("SELECT kind, body FROM events ORDER BY seq")
            ]

    def count_requests(self) -> dict[str, tuple[int, int, int]]:
        """Return the numbers of requests, answers and repeated requests of each stage."""
        query = """SELECT stage, COUNT(*), COUNT(answers.id), SUM(asked > 1)
                   FROM requests LEFT JOIN answers USING (id)
                   GROUP BY stage ORDER BY MIN(requests.seq)"""
        with self._convert_errors():
            return {stage: tuple(counts) for stage, *counts in self._db.execute(query)}

    def sum_tokens(self) -> TokenCost:
        """Return the tokens that this run sampled: all recorded completions but the copied ones."""
        sums = ", ".join(f"SUM(json_extract(body, '$.{name}'))" for name in TokenCost._fields)
        with self._convert_errors():
            sampled = self._db.execute(
                f"SELECT {sums} FROM answers WHERE body LIKE '{{%'"
            ).fetchone()
        copied = self._get_adopted()
        own = (int(total or 0) - other for total, other in zip(sampled, copied, strict=True))
        return TokenCost(*own)

    def _get_adopted(self) -> TokenCost:
        """Return the tokens of the answers that were copied from other runs."""
        return TokenCost(*(self.get_note(ADOPTED_NOTE) or (0, 0, 0)))

    def _room(self) -> int:
        """Return the bytes that a commit and the folding of the write-ahead log may need."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return int(log.stat().st_size if log.exists() else 0) + (1 << 20)

    def _take_next_seq(self) -> int:
        self._seq += 1
        return self._seq

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open one transaction: it is on disk as a whole, or not at all."""
        with self._convert_errors(), delay_interrupts():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        try:
            yield
        except DATABASE_FAULTS as fault:
            raise self._make_error(fault) from fault

    def _make_error(self, fault: Exception) -> SelfteachError:
        name = getattr(fault, "sqlite_errorname", "")
        if disk_fault := self._find_disk_fault(name, str(fault)):
            return disk_fault
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_PERM")):
            return UsageError(
                f"the ledger cannot be used ({fault}).",
                where=self.path,
                cure="Check the folder and its permissions.",
            )
        cure = self._cure or (
            f"`selfteach status --recover {shlex.quote(str(self.path.parent))}` saves what can be "
            "read into a new file."
        )
        return IntegrityError(f"the ledger is damaged ({fault}).", where=self.path, cure=cure)

    def _find_disk_fault(self, name: str, words: str) -> SelfteachError | None:
        """Return the error of a full or failing disk behind SQLite's, or None.

        SQLite calls a used-up quota and a file-size limit an input/output error, and a full disk
        without room for its files a file that cannot be opened. So the disk is asked.
        """
        guesses = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_IOERR": errno.EIO, "SQLITE_CANTOPEN": 0}
        guess = next((code for prefix, code in guesses.items() if name.startswith(prefix)), None)
        if guess is None:
            return None
        log = self.path.with_name(f"{self.path.name}-wal")
        files = [file for file in (self.path, log) if file.exists()]
        larger = max(files, key=lambda file: file.stat().st_size, default=self.path)
        needed = self._room()
        code = probe_disk(larger, needed)
        if code not in DISK_ERRNOS:
            code = guess
        return make_disk_error(OSError(code, words), self.path, needed) if code else None


def add_checksum(*values: Any) -> tuple[Any, ...]:
    """Return a row with its checksum at the end; it covers bytes as they are."""
    plain = [value for value in values if not isinstance(value, bytes)]
    checksum = zlib.crc32(dump_canonical_json(plain).encode("utf-8", "surrogatepass"))
    for value in values:
        if isinstance(value, bytes):
            checksum = zlib.crc32(value, checksum)
    return (*values, checksum)


def _write_note(db: sqlite3.Connection, key: str, body: Any) -> None:
    """Write a note. A lone surrogate, as in the name of a file that is no UTF-8, becomes its JSON
    escape, which is read as the same again.
    """
    text = dump_canonical_json(body).encode("utf-8", "backslashreplace").decode("utf-8")
    row = add_checksum(key, text)
    db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)


def _read_cost(answer: Any) -> TokenCost:
    """Return the tokens of an answer; scores have none."""
    completion = answer if isinstance(answer, dict) else {}
    return TokenCost(*(completion.get(name) or 0 for name in TokenCost._fields))


def is_intact(table: str, row: tuple[Any, ...]) -> bool:
    """Return whether a row is unchanged since it was written, if its table has checksums."""
    column = CHECKSUM_COLUMNS.get(table)
    return column is None or row[: column + 1] == add_checksum(*row[:column])


def _iterate_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_PER_QUERY):
        yield ids[start : start + IDS_PER_QUERY]


def _choose_mode(path: Path) -> str:
    """Return how a ledger is opened for reading.

    SQLite writes files of its own beside a ledger, also to read it. In a folder that cannot be
    written it reads the file alone, if no log has more.
    """
    try:
        whole = not path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:  # there is none, or its writer has just removed it
        whole = True
    return "ro&immutable=1" if whole and not os.access(path.parent, os.W_OK) else "rw"


def _is_verified(path: Path) -> bool:
    """Return whether this process has verified a ledger that no other has changed since."""
    is_open = any(ledger._place == path for ledger in _open)
    return is_open or _verified.get(path) == _read_ledger_state(path)


def _read_ledger_state(path: Path) -> LedgerState:
    """Return the state of the files of a ledger; empty without a file."""
    state: list[int] = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            found = file.stat()
        except OSError:
            continue
        state += (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return tuple(state)
