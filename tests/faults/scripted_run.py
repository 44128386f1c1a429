"""A small method for the fault tests, with the real run folder, ledger, recorded model and exports;
only the model is scripted.

    python scripted_run.py ARGS...            the command line `selfteach ARGS...`
    python scripted_run.py sweep DIR STRIDE   one run without a fault, then one for every STRIDE-th
                                              point, killed there and started again

Environment: SCRIPTED_WAIT_S seconds pass before every completion.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
import time
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach import cli
from selfteach.models import recorded
from selfteach.models.recorded import Recorded
from selfteach.records import Request, make_prompt
from selfteach.run.ledger import Ledger, Outcome

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/, whoever starts this file
from scripted import Scripted

PROMPTS = 6
POINTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
NOT_COMPARED = {"run.db", "run.db-wal", "run.db-shm", "run.lock", "log.txt", "manifest.json"}
recorded.COMMIT_EVERY_S = 0.0  # a commit for every completion: more points to die at


def script(request: Request) -> str:
    """Return an answer that depends on the request alone."""
    time.sleep(float(os.environ.get("SCRIPTED_WAIT_S", "0")))
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
    planning = types.ModuleType("selfteach.methods.feedback.estimate_cost")
    planning.estimate_cost = lambda rule, config, display, earlier: {
        "requests": 6,
        "three_prompts": [rule],
    }  # type: ignore[attr-defined]
    sys.modules |= {
        "selfteach.methods.feedback.method": module,
        "selfteach.methods.feedback.estimate_cost": planning,
    }


def die_at(point: int, folder: Path) -> list[int]:
    """Kill this process at a point; return a cell with the number of points so far.

    Points are system calls on files of the run, and both sides of every commit.
    """
    passed = [0]
    inside = str(folder)

    def pass_one() -> None:
        passed[0] += 1
        if passed[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(
        lambda event, args: pass_one() if event in POINTS and inside in str(args[0]) else None
    )
    group = Ledger._transaction

    @contextmanager
    def counted(self: Ledger) -> Any:
        with group(self) as db:
            yield db
            pass_one()
        pass_one()

    Ledger._transaction = counted  # type: ignore[method-assign]
    return passed


def hash_exports(folder: Path) -> dict[str, str]:
    """Return the checksums of all files that must be the same after any crash."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED
    )
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def run_child(folder: Path, point: int) -> tuple[int, int]:
    """Run the command in a forked process that dies at `point` (0: never).

    Return its wait status and the number of points it passed.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        passed = die_at(point, folder)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = cli.run_command(["feedback", "Do not hum.", "--out", str(folder), "--json"])
        os.write(write, str(passed[0]).encode())
        os._exit(code)
    os.close(write)
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(read) as handle:
        return status, int(handle.read() or 0)


def sweep(root: Path, stride: int) -> dict[str, Any]:
    """Kill a run at every stride-th point; return the differences from the run without a fault."""
    for name in ("commands.feedback", "methods.runner"):
        # here, or every forked run would load all of it again
        importlib.import_module(f"selfteach.{name}")
    status, points = run_child(root / "straight", 0)
    assert status == 0
    expected = hash_exports(root / "straight")
    wrong = []
    killed = 0
    for point in range(1, points + 1, stride):
        folder = root / f"at-{point}"
        killed += os.WIFSIGNALED(run_child(folder, point)[0])
        again, _ = run_child(folder, 0)
        ledger = Ledger(folder / "run.db")
        requested, answered, _ = ledger.count_requests()["probe"]
        ledger.close()
        if again or hash_exports(folder) != expected or (requested, answered) != (PROMPTS, PROMPTS):
            wrong.append(
                {
                    "point": point,
                    "status": again,
                    "found": hash_exports(folder),
                    "asked": requested,
                    "answered": answered,
                }
            )
    return {"points": points, "killed": killed, "expected": expected, "wrong": wrong}


if __name__ == "__main__":
    install()
    if sys.argv[1] == "sweep":
        print(json.dumps(sweep(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        sys.argv[0] = "selfteach"
        cli.main()
