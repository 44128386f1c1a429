"""Finished rules are examined again with a tuned model that is the base."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench import null_runs


def make_run(folder: Path, command: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"command": command}))
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        for name in ("requests", "answers", "notes", "events"):
            connection.execute(f"CREATE TABLE {name} (body TEXT)")
            connection.execute(f"INSERT INTO {name} VALUES ('old')")
        connection.commit()
    return folder


def test_a_run_is_examined_again_from_its_answers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "selfteach feedback 'Be brief.' --seed 1 --out brief-1 --config quick"
    run = make_run(tmp_path / "abc" / "brief-1", command)
    given: list[list[str]] = []

    def call(code: Path, words: Any, *, must: bool) -> None:
        folder = Path(words[words.index("--out") + 1])
        with closing(sqlite3.connect(folder / "run.db")) as connection:
            left = {
                name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("requests", "answers", "notes", "events")
            }
        assert left == {"requests": 1, "answers": 1, "notes": 0, "events": 0}
        verdict = {"word": "not learned", "sentence": "Not learned."}
        (folder / "exam.json").write_text(json.dumps({"verdict": verdict}))
        given.append([word for word in words if word != str(folder)])

    monkeypatch.setattr(null_runs, "call", call)
    out = tmp_path / "null.jsonl"
    null_runs.examine_all([run], out)
    null_runs.examine_all([run], out)
    assert given == [
        [
            *("-m", "selfteach", "feedback", "Be brief.", "--seed", "1", "--config", "quick"),
            *("--out", *null_runs.NOTHING),
        ]
    ], "once, with a training that changes nothing"
    capsys.readouterr()
    null_runs.print_table(out)
    assert capsys.readouterr().out == "not learned: 1 of 1\n"


def test_a_run_that_was_made_from_python_has_no_command_to_give_again(tmp_path: Path) -> None:
    run = make_run(tmp_path / "abc" / "brief-1", "selfteach.feedback('Be brief.', seed=1)")
    with pytest.raises(SystemExit, match="brief-1: was made from Python"):
        null_runs.examine_again(run)


def test_a_command_without_a_folder_gets_one() -> None:
    assert null_runs.replace_folder(["feedback", "Be brief."], Path("new")) == [
        *("feedback", "Be brief.", "--out", "new")
    ]
