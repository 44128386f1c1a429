"""The run folder: whose it is, what goes on, what is refused, what it writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from selfteach.config import Feedback, resolve
from selfteach.errors import IntegrityError, UsageError
from selfteach.run.folder import Run, open_run
from selfteach.run.standing import runs, standing


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default folders appear below the current one."""
    monkeypatch.chdir(tmp_path)


def opened(
    out: str | None = None,
    sets: tuple[str, ...] = (),
    material: Mapping[str, Any] | None = None,
    *,
    new: bool = False,
) -> Run:
    return open_run(
        Path(out) if out else None,
        "Do not hum!",
        "feedback",
        resolve(Feedback, sets=sets),
        material or {"rule": "Do not hum!"},
        new=new,
    )


def close(run: Run) -> Path:
    with run:
        return run.path


def test_the_default_folder_has_the_date_and_the_rule(tmp_path: Path) -> None:
    path = close(opened())
    assert path.parent == Path("runs")
    assert path.name[4] == path.name[7] == "-"
    assert path.name[11:] == "do-not-hum"


def test_the_same_command_goes_on_and_another_one_gets_its_own_folder() -> None:
    first = close(opened())
    second = opened()
    assert (second.path, second.resumed) == (first, True)
    close(second)
    other = close(opened(sets=("ask.target=5",)))
    assert other.name == f"{first.name}-2"
    assert close(opened(sets=("ask.target=5",))) == other
    assert close(opened(new=True)).name == f"{first.name}-3"


def test_a_run_that_began_yesterday_goes_on_today() -> None:
    first = close(opened())
    yesterday = first.rename(first.with_name("2020-02-29-do-not-hum"))
    assert close(opened()) == yesterday


def test_a_changed_configuration_is_refused_with_its_differences() -> None:
    close(opened("mine", ("ask.target=5",)))
    with pytest.raises(UsageError) as caught:
        opened("mine", ("ask.target=6", "seed=3"), {"rule": "Do not sing!"})
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[1:4] == [
        "ask.target: 5 -> 6",
        'material.rule: "Do not hum!" -> "Do not sing!"',
        "seed: 0 -> 3",
    ]
    assert caught.value.exit_code == 2


def test_new_sets_the_old_run_aside_and_deletes_nothing() -> None:
    with opened("mine") as run:
        run.export("exam.json", "{}")
    with opened("mine", ("seed=3",), new=True) as run:
        assert not run.resumed
        assert not run.file("exam.json").exists()
    assert Path("mine.before-1/exam.json").read_text() == "{}"
    close(opened("mine", ("seed=4",), new=True))
    assert Path("mine.before-2/run.db").exists()


def test_origins_do_not_make_it_another_run(tmp_path: Path) -> None:
    close(opened("mine", ("ask.target=5",)))
    (tmp_path / "c.yaml").write_text("ask: {target: 5}")
    run = open_run(
        Path("mine"),
        "x",
        "feedback",
        resolve(Feedback, tmp_path / "c.yaml"),
        {"rule": "Do not hum!"},
    )
    assert run.resumed
    assert "# c.yaml" in (close(run) / "config.yaml").read_text()


def test_how_an_endpoint_is_asked_does_not_make_it_another_run() -> None:
    close(opened("mine"))
    run = opened("mine", ("endpoint.concurrency=1", "endpoint.timeout_s=600"))
    assert run.resumed
    assert "endpoint.concurrency: 1" in (close(run) / "config.yaml").read_text()
    with pytest.raises(UsageError, match="engine"):
        opened("mine", ("endpoint.concurrency=1", "engine=hf"))


def test_a_manifest_says_what_made_the_run_and_its_checksums() -> None:
    with opened("mine") as run:
        run.bind("student", "abc")
        with run.stage("probe"):
            pass
        run.export_jsonl("examples.jsonl", [{"id": "1", "text": "ä"}])
        with run.export_folder("adapter") as folder:
            (folder / "w.safetensors").write_bytes(b"12")
    facts = json.loads(Path("mine/manifest.json").read_text())
    assert {
        "selfteach",
        "python",
        "platform",
        "packages",
        "seed",
        "models",
        "stages",
        "exports",
        "command",
        "kind",
    } <= facts.keys()
    assert (facts["models"], facts["base_model"]) == ({"student": "abc"}, "embedded")
    assert date.fromisoformat(facts["created"]) <= date.today()
    assert facts["stages"]["probe"]["state"] == "done"
    data = Path("mine/examples.jsonl").read_bytes()
    assert facts["exports"]["examples.jsonl"] == {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert facts["exports"]["adapter/w.safetensors"]["bytes"] == 2


def test_an_exported_folder_takes_the_old_ones_place_as_a_whole() -> None:
    with opened("mine") as run:
        for name in ("old", "new"):
            with run.export_folder("adapter") as folder:
                (folder / name).write_text(name)
        assert [path.name for path in run.file("adapter").iterdir()] == ["new"]
        with suppress(ZeroDivisionError), run.export_folder("adapter") as folder:
            (folder / "half").write_text("half")
            print(1 // 0)
        assert [path.name for path in run.file("adapter").iterdir()] == ["new"]
    assert [path.name for path in close(opened("mine")).glob(".*")] == []


def test_a_folder_moved_aside_by_a_killed_process_comes_back() -> None:
    path = close(opened("mine"))
    (path / ".adapter.old").mkdir()
    (path / ".adapter.old" / "w").write_text("whole")
    (path / ".exam.json.123.tmp").write_text("half")
    close(opened("mine"))
    assert (path / "adapter" / "w").read_text() == "whole"
    assert not list(path.glob(".*"))


def test_a_stage_keeps_its_seconds_over_attempts_and_its_failures() -> None:
    with pytest.raises(ZeroDivisionError), opened("mine") as run, run.stage("probe"):
        print(1 // 0)
    with opened("mine") as run:
        assert run.stages["probe"]["state"] == "failed"
        with run.stage("probe"):
            pass
        assert run.stages["probe"] == {
            "state": "done",
            "seconds": pytest.approx(0, abs=1),
            "attempts": 2,
        }
        assert [kind for kind, _ in run.ledger.events()].count("stopped") == 1


def test_stages_keep_the_order_in_which_they_began() -> None:
    for _ in range(2):
        with opened("mine") as run:
            for name in ("zeta", "alpha", "mid"):
                with run.stage(name):
                    pass
        assert list(standing(run.path).stages) == list(run.stages) == ["zeta", "alpha", "mid"]


def test_a_run_is_tied_to_its_model() -> None:
    with opened("mine") as run:
        run.bind("student", "abc")
        run.bind("student", "abc")
        with pytest.raises(IntegrityError, match="another student"):
            run.bind("student", "def")


def test_standing_tells_running_done_stopped_and_killed() -> None:
    run = opened("all/mine")
    with run.stage("probe"):
        inside = standing(run.path)
    assert (inside.state, inside.stages["probe"]["state"]) == ("running", "running")
    close(run)
    assert standing(Path("all/mine")).state == "done"
    with pytest.raises(KeyboardInterrupt), opened("all/other") as run, run.stage("probe"):
        raise KeyboardInterrupt
    assert (standing(run.path).state, standing(run.path).stages["probe"]["state"]) == (
        "stopped",
        "interrupted",
    )
    assert runs(Path("all")) == [Path("all/mine"), Path("all/other")]
    killed = opened("all/killed")
    killed._mark("probe", "running", 0.0, 1)
    killed.ledger.close()
    killed._lock.release()
    assert standing(killed.path).stages["probe"]["state"] == "killed"
