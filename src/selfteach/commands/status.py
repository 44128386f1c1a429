"""`selfteach status`: the progress of runs, their candidates, and how to resume them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from selfteach.commands import student
from selfteach.commands.screen import print_json, print_result
from selfteach.errors import SelfteachError, UsageError
from selfteach.records import JsonObject
from selfteach.run.display import replace_control_chars
from selfteach.run.finished import check_ledger
from selfteach.run.moved_run import move_command
from selfteach.run.progress import RunStatus, list_runs, read_status
from selfteach.run.recover import recover_ledger
from selfteach.run.run_folder import LEDGER_FILE, RUNS_FOLDER
from selfteach.serve.presence import list_servers
from selfteach.students.folder import (
    STUDENTS_FOLDER,
    describe_student,
    is_student,
    list_students,
    read_student,
)
from selfteach.students.jobs import list_open_jobs
from selfteach.text import format_count


def show_status(folder: Path | None, *, as_json: bool, mend: bool) -> None:
    """Print the state of one run or student, or of all runs below `runs/` and all students.

    Args:
        mend: first replace a damaged ledger by a new one with the readable part of it.

    Raises:
        UsageError: there is no run, or `mend` without a damaged one.
    """
    if mend and folder is None:
        raise UsageError(
            "needs the folder of a run.", where="--recover", cure="selfteach status --recover DIR"
        )
    if folder is not None and not mend and is_student(folder):
        student.show(f"{folder}/", as_json=as_json)
        return
    if folder is None or (not mend and _holds_runs(folder)):
        _show_all(folder or RUNS_FOLDER, as_json)
        return
    check_ledger(folder)
    saved = recover_ledger(folder) if mend else {}
    found = read_status(folder)
    if as_json:
        print_json(_to_json(found) | ({"recovered": saved} if mend else {}))
        return
    if mend:
        counts = ", ".join(f"{count} {table}" for table, count in saved.items())
        print(f"recovered: {counts}; the damaged file is kept beside run.db")
    # A run may come from elsewhere, with any names in it.
    print(replace_control_chars("\n".join(_list_lines(found))))


def _holds_runs(folder: Path) -> bool:
    """Tell whether a folder is one of runs or students; a run with a comparison in it is a run."""
    is_run = (folder / LEDGER_FILE).exists()
    return not is_run and bool(list_runs(folder) or list_students(folder))


def _show_all(below: Path, as_json: bool) -> None:
    listed: list[JsonObject] = []
    lines: list[str] = []
    for path in list_runs(below):
        try:
            found = read_status(path)
        except SelfteachError as fault:
            listed.append({"path": str(path), "fault": str(fault)})
            lines.append(f"damaged: {fault}")
        else:
            listed.append(_to_json(found))
            lines.append(f"{_describe_state(found):24} {found.seconds:6.0f} s  {path}")
    if not lines:
        lines = [
            f'no runs below {below}; start one: selfteach feedback "Do not talk about elephants."'
        ]
    for path in list_students(STUDENTS_FOLDER if below == RUNS_FOLDER else below):
        row, line = _describe_student(path)
        listed.append(row)
        lines.append(line)
    for server in list_servers():
        listed.append(server)
        about = f"{server['address']} (process {server['pid']}): {', '.join(server['models'])}"
        lines.append(f"server                            {about}")
    print_result(listed, replace_control_chars("\n".join(lines)), as_json=as_json)


def _describe_student(path: Path) -> tuple[JsonObject, str]:
    try:
        found = describe_student(path, read_student(path))
    except SelfteachError as fault:
        row: JsonObject = {"path": str(path), "fault": str(fault)}
        return row, f"damaged: {fault}"
    line = f"student                           {student.describe_in_line(found)}"
    jobs = [job.to_json() for job in list_open_jobs(path)]
    return {"path": str(path), **found, "jobs": jobs}, line


def _describe_state(found: RunStatus) -> str:
    if found.pid is not None:
        return f"running (process {found.pid})"
    unfinished = [name for name, stage in found.stages.items() if stage["state"] != "done"]
    if found.state == "stopped" and unfinished:
        return f"stopped in {unfinished[-1]}"
    return "nothing recorded" if found.state == "empty" else found.state


def _list_lines(found: RunStatus) -> list[str]:
    lines = [f"{found.path}: {_describe_state(found)}, {found.seconds:.0f} s"]
    lines += [f"  {key}: {value}" for key, value in found.material.items()]
    if found.stages:
        lines += ["", "stage                     state        seconds"]
    for name, stage in found.stages.items():
        attempts = f"  in {stage['attempts']} attempts" if stage["attempts"] > 1 else ""
        lines.append(f"{name:25} {stage['state']:12} {stage['seconds']:7.1f}{attempts}")
    if found.funnel:
        lines += ["", "candidates                requested  accepted  dropped  failed  pending"]
    for part in found.funnel:
        lines.append(
            f"{part.stage:25} {part.requested:9} {part.accepted:9} {part.dropped:8} "
            f"{part.failed:7} {part.pending:8}"
        )
        lines += [
            f"    {count:5}  {reason}"
            for reason, count in sorted(part.reasons.items(), key=lambda item: -item[1])
        ]
    if found.again:
        lines += [
            "",
            f"sent more than once: {format_count(found.again, 'requests')} (an endpoint may have "
            "billed them twice)",
        ]
    if found.state in ("stopped", "empty") and found.command:
        lines += ["", "resume with:", f"  {move_command(found.command, found.path)}"]
    return lines


def _to_json(found: RunStatus) -> JsonObject:
    return {**asdict(found), "path": str(found.path), "seconds": found.seconds}
