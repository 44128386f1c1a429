"""`selfteach status`: how far the runs are, where candidates went, and how to go on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfteach.commands.screen import print_json
from selfteach.errors import SelfteachError, UsageError
from selfteach.run.display import replace_control_chars
from selfteach.run.finished import check_run_folder
from selfteach.run.progress import RunStatus, list_runs, read_status
from selfteach.run.recover import recover_ledger
from selfteach.run.run_folder import RUNS_FOLDER


def show_status(folder: Path | None, *, as_json: bool, mend: bool) -> None:
    """One run, or all runs below `runs/`; with `mend` a damaged ledger is first replaced by what
    can be read of it.

    Raises:
        UsageError: no run, or `mend` without one that is damaged.
    """
    if mend and folder is None:
        raise UsageError(
            "needs the folder of a run.", where="--recover", cure="selfteach status --recover DIR"
        )
    if folder is None or (folder.is_dir() and list_runs(folder) and not mend):
        _show_all(folder or RUNS_FOLDER, as_json)
        return
    check_run_folder(folder)
    saved = recover_ledger(folder) if mend else {}
    found = read_status(folder)
    if as_json:
        print_json(_to_json(found) | ({"recovered": saved} if mend else {}))
        return
    if mend:
        counts = ", ".join(f"{count} {table}" for table, count in saved.items())
        print(f"recovered: {counts}; the damaged file is run.db.damaged")
    print("\n".join(_list_lines(found)))


def _show_all(below: Path, as_json: bool) -> None:
    rows = [(path, _read_status(path)) for path in list_runs(below)]
    if as_json:
        print_json(
            [
                _to_json(found)
                if isinstance(found, RunStatus)
                else {"path": str(path), "fault": found}
                for path, found in rows
            ]
        )
        return
    if not rows:
        print(
            f'no runs below {below}; begin one: selfteach feedback "Do not talk about elephants."'
        )
    for path, found in rows:
        print(
            f"{_describe_state(found):24} {found.seconds:6.0f} s  {path}"
            if isinstance(found, RunStatus)
            else f"damaged: {replace_control_chars(found)}"
        )


def _read_status(path: Path) -> RunStatus | str:
    try:
        return read_status(path)
    except SelfteachError as fault:
        return str(fault)


def _describe_state(found: RunStatus) -> str:
    if found.pid is not None:
        return f"running (process {found.pid})"
    unfinished = [name for name, stage in found.stages.items() if stage["state"] != "done"]
    return (
        f"stopped in {unfinished[-1]}" if found.state == "stopped" and unfinished else found.state
    )


def _list_lines(found: RunStatus) -> list[str]:
    lines = [f"{found.path}: {_describe_state(found)}, {found.seconds:.0f} s"]
    lines += [
        f"  {key}: {replace_control_chars(str(value))}" for key, value in found.material.items()
    ]
    if found.stages:
        lines += ["", "stage                     state        seconds"]
        lines += [
            f"{name:25} {s['state']:12} {s['seconds']:7.1f}" + _describe_attempts(s["attempts"])
            for name, s in found.stages.items()
        ]
    if found.funnel:
        lines += ["", "candidates                requested  accepted  dropped  failed  pending"]
    for part in found.funnel:
        lines.append(
            f"{part.stage:25} {part.requested:9} {part.accepted:9} {part.dropped:8} "
            f"{part.failed:7} {part.pending:8}"
        )
        lines += [
            f"    {count:5}  {replace_control_chars(reason)}"
            for reason, count in sorted(part.reasons.items(), key=lambda item: -item[1])
        ]
    if found.again:
        lines += [
            "",
            (
                f"{found.again} requests were asked more than once (an endpoint may have "
                "billed them twice)"
            ),
        ]
    if found.state == "stopped" and found.command:
        lines += ["", "go on with:", f"  {replace_control_chars(found.command)}"]
    return lines


def _describe_attempts(count: int) -> str:
    return f"  in {count} attempts" if count > 1 else ""


def _to_json(found: RunStatus) -> dict[str, Any]:
    return {**asdict(found), "path": str(found.path), "seconds": found.seconds}
