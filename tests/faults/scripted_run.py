"""A small method for the fault tests, with the real run folder, ledger, recorded model and exports;
only the model is scripted.

    python scripted_run.py ARGS...            the command line `selfteach ARGS...`
    python scripted_run.py sweep DIR STRIDE   one run without a fault, then one for every STRIDE-th
                                              change of a file and each kind of fault, with that
                                              fault there, and started again
    python scripted_run.py power DIR STRIDE   one run, started again from what a power loss at every
                                              STRIDE-th change of a file would leave

Environment: SCRIPTED_WAIT_S seconds pass before every completion.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.models import recorded, resolve_model_path
from selfteach.models.recorded import Recorded
from selfteach.records import Request, make_prompt
from selfteach.run.ledger import Ledger, Outcome
from selfteach.run.manifest import collect_versions

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/, whoever starts this file
sys.path.insert(0, str(Path(__file__).resolve().parent))
from durable_files import LOSSES, DurableFiles
from file_layer import Call, FileLayer

from scripted import Scripted

PROMPTS = 6
CHANGES = {"open", "write", "truncate", "fsync", "rename", "unlink", "mkdir", "rmdir"}
KINDS = {
    "kill": CHANGES,
    "torn": {"write"},
    "failing": CHANGES,
    "broken": CHANGES,
    "full": {"open", "write", "mkdir"},
}
"""What can happen at a change of a file, and at which changes: the process is killed before it, or
in the middle of it; the disk fails once, or from there on; it is full from there on."""
CLOSED = "the ledger cannot be used (unable to open database file)"
"""SQLite does not say why it cannot open a file, and a disk that failed once works again."""
STAYS = {"broken": errno.EIO, "full": errno.ENOSPC}
ALLOWED = {"kill": {-9}, "torn": {-9}, "failing": {0, 5}, "broken": {0, 5}, "full": {0, 5}}
"""The exit codes of a run with a fault. It is done where a file could not be removed, or the log of
a whole ledger not be folded into it."""
NOT_COMPARED = {"run.db", "run.db-wal", "run.db-shm", "run.lock", "log.txt", "manifest.json"}
COMPUTED: list[Request] = []
TOLD: list[str] = []
"""The answers that the model computed, and those that the method was given."""
recorded.COMMIT_EVERY_S = 0.0  # a commit for every completion: more points to die at


def script(request: Request) -> str:
    """Return an answer that depends on the request alone."""
    time.sleep(float(os.environ.get("SCRIPTED_WAIT_S", "0")))
    COMPUTED.append(request)
    return "answer " + hashlib.sha256(repr(request).encode()).hexdigest()[:12]


def teach(run: Any, rule: str, config: Any, display: Any) -> dict[str, Any]:
    """Run two stages with drops and every kind of export."""
    model = Recorded(run.ledger, Scripted(script))
    run.bind("base", model.fingerprint)
    with run.time_stage("probe"):
        display.start_stage("probe", PROMPTS)
        requests = [
            Request("probe", make_prompt(f"{rule} {number}"), seed=config.seed)
            for number in range(PROMPTS)
        ]
        texts = {}
        for completion in model.stream(requests):
            texts[completion.id] = completion.text
            TOLD.append(completion.id)
            display.advance()
        rows = [{"id": id, "text": texts[id]} for id in sorted(texts)]
        outcomes = [
            Outcome(row["id"], "accepted") if place % 2 else Outcome(row["id"], "dropped", "even")
            for place, row in enumerate(rows)
        ]
        run.ledger.record_outcomes("probe", outcomes)
    with run.time_stage("write"):
        run.export_jsonl("examples.jsonl", rows[1::2])
        with run.export_folder("adapter") as folder:
            (folder / "adapter_config.json").write_text("{}")
            (folder / "adapter_model.safetensors").write_bytes(bytes(2000))
        run.export_json(
            "exam.json",
            {
                "kept": {"tuned": {"greedy": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 10}}},
                "verdict": {"word": "taught", "sentence": "Taught."},
            },
        )
        run.export("report.html", "<!doctype html>")
    result = {
        "run": str(run.path),
        "adapter": str(run.path / "adapter"),
        "report": str(run.path / "report.html"),
        "seconds": run.seconds(),
        "exam": {},
        "verdict": "Taught.",
    }
    run.ledger.set_note("result", result)
    return result


def install() -> None:
    """Replace the method by this one."""
    module = types.ModuleType("selfteach.methods.feedback.method")
    module.METHOD = teach  # type: ignore[attr-defined]
    planning = types.ModuleType("selfteach.methods.estimate_cost")
    planning.estimate_cost = lambda method, rule, *rest, verbose: {  # type: ignore[attr-defined]
        "requests": 6,
        "three_prompts": [rule],
    }
    planning.find_plan = lambda method: None  # type: ignore[attr-defined]
    resolve_model_path.is_model_here = lambda name: True
    if loaded := sys.modules.get("selfteach.commands.teach"):  # in a process of warm.py
        loaded.is_model_here = resolve_model_path.is_model_here  # type: ignore[attr-defined]
    sys.modules |= {
        "selfteach.methods.feedback.method": module,
        "selfteach.methods.estimate_cost": planning,
    }


def load_before_forking() -> None:
    """Load and build what every forked run would load and build again."""
    for name in ("commands.feedback", "methods.runner"):
        importlib.import_module(f"selfteach.{name}")
    collect_versions()
    cli.build_command()
    resolve(FeedbackConfig)


def make_fault(kind: str, point: int) -> Callable[[Call], None]:
    """Return what happens at one change of a file: `kind` is one of KINDS."""

    def at(call: Call) -> None:
        if call.number < point:
            return
        if kind in STAYS and call.name in KINDS[kind]:
            raise OSError(STAYS[kind], os.strerror(STAYS[kind]))
        if call.number > point or kind in STAYS:
            return
        if kind == "failing":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if kind == "torn":
            call.write_half()
        os.kill(os.getpid(), signal.SIGKILL)

    return at


def lose_power(root: Path, stride: int) -> dict[str, Any]:
    """Run once; at every stride-th change of a file, and at the end, write what a power loss
    would leave; return where the same command does not end as it should from there.
    """
    load_before_forking()
    states: list[tuple[Path, int, bool]] = []
    read, write = os.pipe()
    if pid := os.fork():
        os.close(write)
        with os.fdopen(read) as handle:
            states = [(Path(path), told, end) for path, told, end in json.loads(handle.read())]
        assert os.waitpid(pid, 0)[1] == 0
    else:
        disk = root / "disk"
        disk.mkdir()
        durable = DurableFiles(disk)

        def leave(number: int, end: bool = False) -> None:
            for loss in LOSSES:
                place = root / f"{number}-{loss}"
                durable.write(place, loss, number)
                states.append((place, len(TOLD), end))

        layer = FileLayer(
            disk,
            lambda call: leave(call.number) if call.number % stride == 1 else None,
            durable.keep,
        )
        seen = layer.install()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = cli.run_command(["feedback", "Do not hum.", "--out", str(disk / "run"), "--json"])
        layer.at = lambda call: None
        leave(layer.passed + 1, end=True)
        os.write(write, json.dumps([(str(p), told, end) for p, told, end in states]).encode())
        os._exit(code if seen else 9)
    expected = hash_exports(root / "disk" / "run")
    wrong = []
    for place, told, end in states:
        run = place / "run"
        found = hash_exports(run) if end else {}
        code, said, _, computed = run_child(run)
        lost = told - (PROMPTS - computed)
        if code or hash_exports(run) != expected or lost > 0 or found != (expected if end else {}):
            wrong.append([place.name, code, said, lost, hash_exports(run), found])
    return {"states": len(states), "expected": expected, "wrong": wrong}


def hash_exports(folder: Path) -> dict[str, str]:
    """Return the checksums of all files that must be the same after any crash."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED
    )
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def run_child(folder: Path, kind: str = "", point: int = 0) -> tuple[int, str, list[str], int]:
    """Run the command in a forked process, with a fault at a change of a file.

    Return its exit code (negative: the signal), what it said, the names of the changes, and how
    many answers it computed.
    """
    folder.parent.mkdir(exist_ok=True)
    read, write = os.pipe()
    said = folder.with_name(f"{folder.name}.txt")
    pid = os.fork()
    if pid == 0:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        names: list[str] = []
        fault = make_fault(kind, point) if kind else lambda call: names.append(call.name)
        FileLayer(folder, fault).install()
        code = cli.run_command(["feedback", "Do not hum.", "--out", str(folder), "--json"])
        os.write(write, json.dumps([names, len(COMPUTED)]).encode())
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as handle:
        names, computed = json.loads(handle.read() or "[[], 0]")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, said.read_text(), names, computed


def sweep(root: Path, stride: int, kinds: Collection[str] = tuple(KINDS)) -> dict[str, Any]:
    """Run with a fault of each kind at every stride-th change of a file, and again without one;
    return the differences from a run that had none.
    """
    load_before_forking()
    code, _, names, _ = run_child(root / "straight")
    assert code == 0
    expected = hash_exports(root / "straight")
    wrong = []
    codes: Counter[int] = Counter()
    plan = []
    for start, kind in enumerate(kinds):  # each kind at other changes
        places = [number for number, name in enumerate(names, 1) if name in KINDS[kind]]
        plan += [(kind, number) for number in places[start % stride :: stride]]
    for kind, point in plan:
        folder = root / f"{kind}-{point}"
        code, said, *_ = run_child(folder, kind, point)
        codes[code] += 1
        again, later, *_ = run_child(folder)
        with closing(Ledger(folder / "run.db")) as ledger:
            requested, answered, _ = ledger.count_requests()["probe"]
        found = hash_exports(folder)
        whole = not again and found == expected and requested == answered == PROMPTS
        closed = code == 2 and names[point - 1] == "open" and CLOSED in said
        allowed = closed or code in ALLOWED[kind]
        if not whole or not allowed or "Traceback" in said:
            wrong.append([kind, point, names[point - 1], code, said, again, later, found])
        shutil.rmtree(folder)
    return {
        "changes": len(names),
        "tried": Counter(kind for kind, _ in plan),
        "codes": codes,
        "expected": expected,
        "wrong": wrong,
    }


if __name__ == "__main__":
    install()
    if sys.argv[1] == "power":
        print(json.dumps(lose_power(Path(sys.argv[2]), int(sys.argv[3]))))
    elif sys.argv[1] == "sweep":
        print(json.dumps(sweep(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        sys.argv[0] = "selfteach"
        cli.main()
