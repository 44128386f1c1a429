"""An open run folder: the ledger, the manifest, the lock, the resolved configuration, the exports.

The same command resumes a run (invariant 3): the same configuration and material continue from the
last record. A changed one is refused with the differences, or gets a folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from selfteach.config import (
    CHANGEABLE_SETTINGS,
    ResolvedConfig,
    dump_config,
    flatten_keys,
    list_settings,
)
from selfteach.disk import convert_disk_errors
from selfteach.errors import IntegrityError, UsageError
from selfteach.files import (
    find_free_name,
    hash_file,
    make_folder,
    refuse_current_folder,
    sync_files,
    sync_folder,
    write_bytes,
)
from selfteach.records import JsonMapping, JsonObject, dump_canonical_json
from selfteach.run import manifest
from selfteach.run.ledger import LEDGER_TAILS, Ledger
from selfteach.run.local_paths import (
    hide_folder,
    hide_path_setting,
    hide_paths,
    hide_paths_of_command,
    list_free_texts,
)
from selfteach.run.lock import LOCK_FILE, RunLock
from selfteach.run.signals import delay_interrupts
from selfteach.run.sums import (
    check_file,
    check_files,
    compute_sum,
    list_broken,
    pack_copy,
    unpack_copy,
)
from selfteach.run.workload import RemainingTime

RUNS_FOLDER = Path("runs")
LEDGER_FILE = "run.db"
CONFIG_FILE = "config.yaml"
ADAPTERS_FOLDER = "adapters"
"""The folder of the adapters that a comparison trained."""
DATABASE_FILE = "student.db"
STATE_FILE = "student.json"
"""It makes a folder a student's. Whoever reads folders passes over such ones and over runs."""
IDENTITY = "identity"
CREATED = "created"
COMMAND = "command"
"""The note with the command that resumes a run, as it was typed."""
FINISHED = "finished"
EXPORTS = "exports"
MODELS = "models"
"""The note with the fingerprints of a run's models."""
STAGES = "stages"
BEGAN = "began"
"""When a stage that runs began, in seconds since 1970; of the ledger's note alone."""
COPY_PREFIX = "copy of "
"""The beginning of the names of notes that hold a copy of an exported file."""
DAMAGED_FOLDER = "damaged"
"""The folder of files that changed after the run wrote them, and were replaced."""
RUN_FORMAT = 3
"""The version of the form of a run folder; it grows when settings or keys are renamed."""
EARLIER_VALUES = {
    "balance.own_samples": 0,
    "balance.continue_training": False,
    "criticism.own_samples": 0,
}
"""What runs did that do not know a setting, where its default is to do something new for most
materials. One that concerns few has no place here: no earlier run of that method could go on.
"""
COMPARED = "compare"
"""The kind of a comparison, which reads no setting of `EARLIER_VALUES`."""
PLACES = {"from": "from_sum", "run": "examples.jsonl"}
"""Keys of a run's material that name a place, each with the key of the sum of what lies there: the
adapter that the run goes on from, and the run on whose examples it compares."""
DATE_PATTERN = r"\d{4}-\d\d-\d\d"
"""The beginning of a default name below runs/."""
SLUG_LENGTH = 48
RUNTIME_KEY_PREFIXES = ("endpoint.", "ray.", *(f"train.{name}" for name in CHANGEABLE_SETTINGS))
"""The beginning of keys that a resumed run may change: they set how requests are sent, or how a
training is computed, and no result."""


def make_slug(text: str) -> str:
    """Return a folder name for any text: lower-case letters, digits and hyphens, never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].rstrip("-")
    return words or "run-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def make_model_name(folder: Path) -> str:
    """Return the name of a run's folder without characters that a model's name cannot have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-.") or "lesson"


@dataclass
class Run:
    """Represent one open run.

    Attributes:
        material: the user's input.
        command: it resumes the run.
        stages: state, seconds and attempts of each stage so far.
        exports: the sum of each exported file by its name.
        notices: lines for the user about repaired rows, unread settings and files set aside.
        work: what is planned and done.
    """

    path: Path
    kind: str
    ledger: Ledger
    resolved: ResolvedConfig
    material: JsonMapping
    command: str
    resumed: bool
    _lock: RunLock
    stages: dict[str, JsonObject] = field(default_factory=dict)
    exports: dict[str, JsonObject] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    work: RemainingTime = field(default_factory=RemainingTime)
    _found: frozenset[str] = frozenset()
    """The names that were in the folder before this process opened it."""
    _is_removed: bool = False
    """Whether the folder goes as it came, because nothing was done in it."""
    _began: dict[str, float] = field(default_factory=dict)
    """When each stage that runs began, in seconds since 1970."""

    def file(self, name: str) -> Path:
        """Return the path of a file of this run; refuse a name that leads outside."""
        path = self.path / name
        if "\0" in name or self.path.resolve() not in path.resolve().parents:
            raise UsageError(f"{name!r} is not a name inside the run folder.", where=self.path)
        return path

    @contextmanager
    def time_stage(self, name: str) -> Iterator[None]:
        """Record the state of a stage and its seconds over all attempts (monotonic clock).

        The states are running, done, interrupted and failed.
        """
        before = self.stages.get(name, {})
        attempts = before.get("attempts", 0) + 1
        spent = before.get("seconds", 0.0)
        start = time.monotonic()
        self._record_stage(name, "running", spent, attempts)
        self.work.begin_stage(name, spent)
        state = "failed"
        try:
            yield
            state = "done"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            self.work.end_stage(name)
            self._record_stage(name, state, spent + time.monotonic() - start, attempts)

    def seconds(self) -> float:
        """Return the seconds of all stages, over all attempts."""
        return float(sum(stage["seconds"] for stage in self.stages.values()))

    def bind(self, role: str, fingerprint: str) -> None:
        """Tie the run to a model. `role` is "base" (the model that is tuned), "teacher",
        "judge", ...

        Raises:
            IntegrityError: this run began with another model in that role.
        """
        models = self.ledger.get_note(MODELS) or {}
        if models.setdefault(role, fingerprint) != fingerprint:
            raise IntegrityError(
                f"this run began with another {role} ({models[role]}, now {fingerprint}).",
                where=self.path,
                cure="Bring that model back, or start a new run with --new.",
            )
        self.ledger.set_note(MODELS, models)
        self._write_manifest()

    def export(self, name: str, content: str | bytes) -> Path:
        """Write one file whole or not at all, and enter it in the manifest and in the ledger.

        An old file that changed after the run wrote it is set aside.

        Raises:
            ResourceError: the disk is full or failing; the old file stays.
        """
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        path = self.file(name)
        entry = compute_sum(data)
        with convert_disk_errors(path, len(data)):
            make_folder(path.parent)
            if check_file(path, entry) != "whole":
                self._set_changed_aside(name)
            self.ledger.set_note(COPY_PREFIX + name, {"sum": entry, "data": pack_copy(data)})
            with delay_interrupts():
                write_bytes(path, data)
        self._record_export(name, entry)
        return path

    def read_copy(self, name: str) -> bytes | None:
        """Return an exported file from the ledger; None if it has no copy of it."""
        copy = self.ledger.get_note(COPY_PREFIX + name) or {}
        return unpack_copy(copy.get("data", ""), self.exports[name])

    def export_json(self, name: str, value: Any) -> Path:
        """Export one JSON value as `export`, indented for people."""
        return self.export(name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def export_jsonl(self, name: str, rows: Iterable[JsonMapping]) -> Path:
        """Export one JSON object a line, as `export`."""
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return self.export(name, "".join(lines))

    def export_copy(self, name: str, source: Path) -> None:
        """Export a copy of a folder as `export_folder`."""
        sizes = [file.stat().st_size for file in source.rglob("*") if file.is_file()]
        with self.export_folder(name, sum(sizes)) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)

    @contextmanager
    def export_folder(self, name: str, needed: int = 0) -> Iterator[Path]:
        """Yield an empty folder; it replaces the folder `name` at the end of the block.

        An old folder that changed after the run wrote it is set aside.

        Args:
            needed: the bytes that will be written, where they are known.
        """
        path = self.file(name)
        fresh = path.with_name(f".{path.name}.new")
        old = path.with_name(f".{path.name}.old")
        with convert_disk_errors(path, needed):
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            yield fresh
            sync_files(fresh)
            sums = {
                str(file.relative_to(fresh)): _hash(file)
                for file in sorted(fresh.rglob("*"))
                if file.is_file()
            }
            self._set_changed_aside(name)
            with delay_interrupts():
                if path.exists():
                    shutil.rmtree(old, ignore_errors=True)  # of a process that was killed
                    path.rename(old)
                fresh.rename(path)
                sync_folder(path.parent)
            shutil.rmtree(old, ignore_errors=True)
        for stale in [key for key in self.exports if key.startswith(f"{name}/")]:
            del self.exports[stale]
        self.exports |= {f"{name}/{inner}": entry for inner, entry in sums.items()}
        total = hashlib.sha256(dump_canonical_json(sums).encode()).hexdigest()
        self._record_export(f"{name}/", {"files": len(sums), "sha256": total})

    def close(self) -> None:
        """Write the manifest, close the ledger, remove a run that never began, release the lock."""
        with ExitStack() as last:
            last.callback(self._lock.release)
            if self._is_removed:
                last.callback(self._remove)
            last.callback(self.ledger.close)
            self._write_manifest()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: Any
    ) -> None:
        if kind is None:
            with closing(self):
                self.ledger.set_note(FINISHED, True)
            return
        try:
            with closing(self):
                why = str(fault)
                places = {str(self.path.resolve()), str(self.path)}
                for place in sorted(places, key=len, reverse=True):
                    if os.sep in place:  # "." is in every sentence
                        why = why.replace(place, self.path.resolve().name)
                self.ledger.record_event("stopped", {"by": kind.__name__, "why": why[:500]})
                if isinstance(fault, UsageError) and not self.resumed and self._is_empty():
                    self._is_removed = True
        except Exception as second:  # the first fault is the one to show
            fault.add_note(f"closing the run failed too: {second}")  # type: ignore[union-attr]

    def _is_empty(self) -> bool:
        """Return whether the run has recorded nothing that a person paid for."""
        return not self.ledger.count_requests() and not self.ledger.get_note(MODELS)

    def _remove(self) -> None:
        """Remove what this process made, and the folder if nothing else is in it."""
        with suppress(OSError):
            for path in list(self.path.iterdir()):
                if path.name in self._found and not is_ledger_part(path.name):
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            self.path.rmdir()

    def _record_stage(self, name: str, state: str, seconds: float, attempts: int) -> None:
        self.stages[name] = {"state": state, "seconds": round(seconds, 3), "attempts": attempts}
        if state == "running":
            self._began[name] = time.time()
        else:
            self._began.pop(name, None)
        # A list keeps the order.
        stages = [
            {"name": stage, **facts, BEGAN: self._began.get(stage)}
            for stage, facts in self.stages.items()
        ]
        self.ledger.set_note(STAGES, stages)
        self.ledger.record_event("stage", {"name": name, **self.stages[name]})
        self._write_manifest()

    def _record_export(self, name: str, entry: JsonObject) -> None:
        self.exports[name] = entry
        self.ledger.set_note(EXPORTS, self.exports)
        self._write_manifest()

    def _set_changed_aside(self, name: str) -> None:
        """Move a file or a folder out of the way if it changed after the run wrote it.

        A process may die between the file and its sum; the copy in the ledger is older than both.
        """
        path = self.file(name)
        copy = self.ledger.get_note(COPY_PREFIX + name) or {}
        if not path.exists() or not list_broken(check_files(self.path, self.exports, name)):
            return
        if check_file(path, copy.get("sum")) == "whole":
            return
        places = (self.file(f"{DAMAGED_FOLDER}/{number}/{name}") for number in count(1))
        place = next(place for place in places if not place.exists())
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        inside = str(place.relative_to(self.path))
        self.ledger.record_event("set aside", {"name": name, "place": inside})
        self.notices.append(f"{name} had changed since the run wrote it; it is kept as {place}")

    @property
    def shown_command(self) -> str:
        """Return the command without paths of this machine."""
        free_texts = list_free_texts(flatten_keys(self.resolved.config.model_dump()))
        return hide_paths_of_command(self.command, [str(self.material.get("rule")), *free_texts])

    def _write_manifest(self) -> None:
        facts = {
            "kind": self.kind,
            "command": self.shown_command,
            "created": self.ledger.get_note(CREATED),
            "seed": getattr(self.resolved.config, "seed", None),
            "base_model": hide_folder(getattr(self.resolved.config, "model", None)),
            MODELS: self.ledger.get_note(MODELS) or {},
            STAGES: self.stages,
            EXPORTS: self.exports,
        }
        manifest.write_manifest(self.path / manifest.MANIFEST_FILE, facts)


def open_run(
    out: Path | None,
    slug_source: str,
    kind: str,
    resolved: ResolvedConfig,
    material: JsonMapping,
    *,
    new: bool = False,
    command: str = "",
) -> Run:
    """Open the run of this command: that of the same configuration and material, or a new one.

    Args:
        out: the user's folder, or None for `runs/<date>-<slug of slug_source>`.
        new: begin a new run. A run in `out` is renamed; a default name gets the next free number.
        command: the Python call that resumes this run; by default this process's command line.

    Raises:
        UsageError: the folder cannot be written, is in use, holds another run (the message lists
            the differences) or is not a run.
        IntegrityError: its ledger is damaged.
        ResourceError: the disk is full.
    """
    identity = make_identity(kind, resolved, material)
    if out:
        check_named_folder(out, identity, resolved, new=new)
        if new and any((out / name).exists() for name in (LEDGER_FILE, LOCK_FILE)):
            _rename_old_run(out)
    folder = out or _choose_default_folder(make_slug(slug_source), identity, resolved, new)
    with convert_disk_errors(folder):
        make_folder(folder)
        lock = RunLock(folder)
    if not command:
        command = shlex.join(["selfteach", *(word for word in sys.argv[1:] if word != "--new")])
    with ExitStack() as on_error:
        on_error.callback(lock.release)
        _remove_leftovers(folder)
        found = frozenset(path.name for path in folder.iterdir())
        ledger = Ledger(folder / LEDGER_FILE)
        before = complete_identity(ledger.get_note(IDENTITY), resolved, identity)
        if before is not None and before != identity:
            raise _make_changed_error(folder, before, identity)
        run = Run(
            folder,
            kind,
            ledger,
            resolved,
            material,
            command,
            before is not None,
            lock,
            read_stages(ledger),
            ledger.get_note(EXPORTS) or {},
            _found=found,
        )
        _record_beginning(run, identity)
        run.export(CONFIG_FILE, dump_config(resolved, hide_path_setting))
        on_error.pop_all()
    return run


def _record_beginning(run: Run, identity: JsonObject) -> None:
    """Record that this process begins or resumes the run."""
    ledger = run.ledger
    ledger.set_note(COMMAND, run.command)
    if not run.resumed:
        ledger.set_note(CREATED, date.today().isoformat())
    ledger.set_note(IDENTITY, identity)  # last: a run that has it is resumed
    facts = {
        "pid": os.getpid(),
        "command": run.shown_command,  # the report shows events
        **manifest.collect_versions(),
    }
    ledger.record_event("resumed" if run.resumed else "began", facts)


def make_identity(kind: str, resolved: ResolvedConfig, material: JsonMapping) -> JsonObject:
    """Return what makes a run this run: its kind, its settings and its material."""
    settings = flatten_keys(resolved.config.model_dump())
    config = {k: v for k, v in settings.items() if not k.startswith(RUNTIME_KEY_PREFIXES)}
    facts = {"format": RUN_FORMAT, "kind": kind, "config": config, "material": dict(material)}
    identity: JsonObject = json.loads(dump_canonical_json(facts))
    return identity


def find_standing_run(
    out: Path | None,
    slug_source: str,
    kind: str,
    resolved: ResolvedConfig,
    material: JsonMapping,
) -> Path | None:
    """Return the folder of the run that `open_run` would continue; None if it would begin one."""
    identity = make_identity(kind, resolved, material)
    folders = [out] if out else _list_default_folders(make_slug(slug_source))
    for folder in folders:
        if complete_identity(read_identity(folder), resolved, identity) == identity:
            return folder
    return None


def complete_identity(
    before: JsonObject | None, resolved: ResolvedConfig, now: JsonMapping
) -> JsonObject | None:
    """Return the identity of an earlier run as it can be compared with another one.

    It has the values of settings that it does not know. They are newer than the run: with its own
    version it had no other choice than the default, or than what `EARLIER_VALUES` says. Where its
    material is the same in another place, it has the place of now: folders may be moved.
    """
    if before is None or before.get("format") != RUN_FORMAT:
        return before
    config: JsonObject = dict(before["config"])
    defaults: JsonObject = {}
    for key, default in list_settings(type(resolved.config)()).items():
        value = EARLIER_VALUES.get(key, default)
        is_known = any(f"{known}.".startswith(f"{key}.") for known in config)
        if not is_known and not key.startswith(RUNTIME_KEY_PREFIXES):
            defaults |= flatten_keys({key: value})
    added: JsonObject = json.loads(dump_canonical_json(defaults))
    if before["kind"] == COMPARED:
        added |= {key: now["config"][key] for key in EARLIER_VALUES if key in now["config"]}
    material: JsonObject = dict(before["material"])
    for place, content in PLACES.items():
        is_same = content in material and material[content] == now["material"].get(content)
        if is_same and place in now["material"]:
            material[place] = now["material"][place]
    return {**before, "config": config | added, "material": material}


def _remove_leftovers(folder: Path) -> None:
    """Remove the half-written files of a killed process.

    An export that was moved aside for its successor is restored.
    """
    with convert_disk_errors(folder):
        for path in folder.glob(".*.tmp"):
            path.unlink()
        for path in folder.glob(".recover-*"):
            shutil.rmtree(path)
        for place in (folder, folder / ADAPTERS_FOLDER):
            for path in place.glob(".*.old"):
                if not (whole := place / path.name[1:].removesuffix(".old")).exists():
                    path.rename(whole)
            for path in (*place.glob(".*.old"), *place.glob(".*.new")):
                shutil.rmtree(path)


def check_named_folder(
    out: Path, identity: JsonObject, resolved: ResolvedConfig, *, new: bool = False
) -> None:
    """Refuse a folder of `--out` in which this run can neither begin nor go on.

    Args:
        identity: see `make_identity`, of the settings `resolved`.
        new: whether a run that is there may be another one, because it is renamed.

    Raises:
        UsageError: it is a file or a student, or holds other files, another run or a run without
            its record.
    """
    if out.exists() and not out.is_dir():
        raise UsageError("is a file, not a folder.", where=out, cure="Give another --out.")
    if not out.exists() or not any(out.iterdir()):
        return
    if holds_student(out):
        raise UsageError("is a student, not a run.", where=out, cure="Give another --out.")
    if not _looks_like_run(out):
        _refuse_other_files(out)
    if new:
        return
    before = complete_identity(read_identity(out), resolved, identity)
    if before is None:
        _refuse_other_files(out)
    elif before != identity:
        raise _make_changed_error(out, before, identity)


def _refuse_other_files(out: Path) -> None:
    """Refuse a folder without a recorded run that holds more than a run that has just begun.

    A ledger with requests lost its beginning when it was recovered: its run goes on.
    """
    others = sorted(path.name for path in out.iterdir() if not is_ledger_part(path.name))
    if not others or has_requests(out):
        return
    if CONFIG_FILE in others and manifest.MANIFEST_FILE in others:
        raise UsageError(
            f"holds a run without its record: {LEDGER_FILE} is missing or empty.",
            where=out,
            cure=f"Restore {LEDGER_FILE} from a copy, or give a new folder to --out.",
        )
    raise UsageError(
        f"holds other files and no run ({others[0]}).",
        where=out,
        cure="Give an empty or a new folder to --out.",
    )


def holds_student(folder: Path) -> bool:
    """Tell whether a folder has the database of a student, or what is read without it."""
    return (folder / DATABASE_FILE).exists() or (folder / STATE_FILE).exists()


def is_ledger_part(name: str) -> bool:
    """Tell whether a name in a run folder is that of the ledger, its log or the lock."""
    return name in (LOCK_FILE, *(LEDGER_FILE + tail for tail in LEDGER_TAILS))


def has_requests(folder: Path) -> bool:
    """Tell whether a run's ledger holds requests."""
    if not (folder / LEDGER_FILE).exists():
        return False
    with closing(Ledger(folder / LEDGER_FILE, readonly=True)) as ledger:
        return bool(ledger.count_requests())


def _looks_like_run(folder: Path) -> bool:
    """Tell whether a folder has the ledger of a run, or all the other files of one.

    A lock alone makes no run of other files.
    """
    ledger = folder / LEDGER_FILE
    files = (LOCK_FILE, CONFIG_FILE, manifest.MANIFEST_FILE)
    has_ledger = ledger.exists() and ledger.stat().st_size > 0
    return has_ledger or all((folder / name).exists() for name in files)


def _rename_old_run(out: Path) -> None:
    """Rename a finished or stopped run; nothing is deleted. A link to its folder leads to a new,
    empty one.
    """
    refuse_current_folder(out)
    out = out.resolve()
    lock = RunLock(out)
    names = (out.with_name(f"{out.name}.before-{number}") for number in count(1))
    try:
        with convert_disk_errors(out):
            out.rename(next(path for path in names if not path.exists()))
            make_folder(out)
    finally:
        lock.release()


def _choose_default_folder(
    name: str, identity: JsonObject, resolved: ResolvedConfig, new: bool
) -> Path:
    """Return the newest run of the same command, or the first free name of today."""
    if not new:
        folders = _list_default_folders(name)
        identities = {
            folder: complete_identity(read_identity(folder), resolved, identity)
            for folder in folders
        }
        for folder, before in identities.items():
            if before == identity:
                return folder
        for folder, before in identities.items():
            if before is not None and has_same_material(before, identity):
                confirm_other_settings(folder, before, identity)
                break
    return find_free_name(RUNS_FOLDER / f"{date.today().isoformat()}-{name}")


def _list_default_folders(name: str) -> list[Path]:
    """Return the run folders below runs/ with a default name, the one that worked last first."""
    if not RUNS_FOLDER.is_dir():
        return []
    pattern = re.compile(rf"{DATE_PATTERN}-{re.escape(name)}(?:-\d+)?")
    names = [folder for folder in RUNS_FOLDER.iterdir() if pattern.fullmatch(folder.name)]
    folders = [folder for folder in names if folder.exists()]  # a link may lead nowhere
    return sorted(folders, key=_read_last_work, reverse=True)


def _read_last_work(folder: Path) -> int:
    """Return when a run has worked last. A look at it changes its folder, not its manifest."""
    written = folder / manifest.MANIFEST_FILE
    return (written if written.exists() else folder).stat().st_mtime_ns


def has_same_material(before: JsonMapping, now: JsonMapping) -> bool:
    """Return whether two runs differ in their settings alone."""
    return all(before.get(key) == now[key] for key in ("format", "kind", "material"))


def confirm_other_settings(folder: Path, before: JsonMapping, now: JsonMapping) -> None:
    """Ask on a terminal whether a run with other settings than an earlier one shall begin.

    Raises:
        UsageError: the answer is no, or nobody can be asked.
    """
    seconds = sum(stage["seconds"] for stage in read_notes(folder, STAGES)[0] or [])
    state = "finished" if read_notes(folder, FINISHED)[0] else "unfinished"
    what = "\n  ".join(
        [
            f"there is a run of this material with other settings; it is {state} and has taken "
            f"{max(1, round(seconds / 60))} min:",
            *_write_changes(before, now),
        ]
    )
    if sys.stdin and sys.stdin.isatty() and sys.stderr.isatty():
        question = f"{folder}: {what}\nStart a new run with the new settings? [y/N] "
        print(question, end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise UsageError(
        what,
        where=folder,
        cure="\n--new starts a new run beside it; the old settings continue it or show its result.",
    )


def read_stages(ledger: Ledger, now: float | None = None) -> dict[str, JsonObject]:
    """Return the recorded stages, in the order in which they first began.

    Args:
        now: the time since 1970 if a process works on the run. The stages that run then have the
            seconds until now; without it they have those of earlier attempts alone.
    """
    stages: dict[str, JsonObject] = {}
    for stage in ledger.get_note(STAGES) or []:
        began = stage.pop(BEGAN, None)
        if now is not None and began is not None:
            stage["seconds"] = round(stage["seconds"] + max(now - began, 0.0), 3)
        stages[stage.pop("name")] = stage
    return stages


def read_notes(folder: Path, *names: str) -> list[Any]:
    """Return notes of a run's ledger, None for a missing one; the run folder is not changed.

    Raises:
        IntegrityError: the ledger is damaged.
    """
    with closing(Ledger(folder / LEDGER_FILE, readonly=True)) as ledger:
        return [ledger.get_note(name) for name in names]


def read_identity(folder: Path) -> JsonObject | None:
    """Return the configuration and material that a run began with, or None without a run.

    The run folder is not changed.
    """
    if not (folder / LEDGER_FILE).exists():
        return None
    found: JsonObject | None = read_notes(folder, IDENTITY)[0]
    return found


def check_run_format(folder: Path) -> None:
    """Refuse a run of an earlier version. A run that has not begun, or whose ledger is damaged,
    passes: what reads the ledger names the damage.

    Raises:
        UsageError: its settings and keys have other names.
    """
    try:
        identity = read_identity(folder)
    except IntegrityError:
        return
    if identity is not None and identity.get("format") != RUN_FORMAT:
        raise make_old_run_error(folder)


def _make_changed_error(folder: Path, before: JsonMapping, now: JsonMapping) -> UsageError:
    if before.get("format") != RUN_FORMAT:
        return make_old_run_error(folder)
    return UsageError(
        "\n  ".join(["this run began with another configuration:", *_write_changes(before, now)]),
        where=folder,
        cure=(
            "\nGive the old values to continue it, or another --out. If the command has --new, "
            "it starts a new run and keeps the old one."
        ),
    )


def list_changes(
    before: JsonMapping, now: JsonMapping, *, hide: bool = False
) -> list[tuple[str, str, str]]:
    """Return the key and both values, as texts, of each setting that differs between two runs.

    Args:
        hide: leave only the last names of paths of this machine.
    """
    old = _flatten_identity(before)
    new = _flatten_identity(now)
    found = []
    for key in sorted(old.keys() | new.keys()):
        if (key in old) != (key in new) or old[key] != new[key]:
            before_text, now_text = (_format_value(flat, key, hide=hide) for flat in (old, new))
            found.append((key, before_text, now_text))
    return found


def _write_changes(before: JsonMapping, now: JsonMapping) -> list[str]:
    """Return `list_changes` as lines for people."""
    return [f"{key}: {old} -> {new}" for key, old, new in list_changes(before, now)]


def _flatten_identity(identity: JsonMapping) -> JsonObject:
    facts = {"command": identity["kind"], "material": identity["material"]}
    return flatten_keys({**identity["config"], **facts})


def make_old_run_error(folder: Path) -> UsageError:
    """Return the error for a run of an earlier version, whose settings have other names."""
    return UsageError(
        "was made by an earlier version of selfteach, whose settings and keys have other names.",
        where=folder,
        cure="Run the command again with --new or another --out, or use that version to read it.",
    )


def _format_value(flat: JsonMapping, key: str, *, hide: bool) -> str:
    value = flat.get(key)
    if hide:
        may_be_path = key.startswith("material.") and key != "material.rule"
        value = hide_paths(value) if may_be_path else hide_path_setting(key, value)
    text = json.dumps(value, ensure_ascii=False) if key in flat else "(absent)"
    return text if len(text) <= 200 else text[:197] + "..."


def _hash(file: Path) -> JsonObject:
    return {"bytes": file.stat().st_size, "sha256": hash_file(file)}
