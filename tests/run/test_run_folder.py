"""The run folder: whose it is, what goes on, what is refused, what it writes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.config import FeedbackConfig, FinetuneConfig, resolve
from selfteach.errors import DataError, IntegrityError, ResourceError, UsageError
from selfteach.run import manifest, signals
from selfteach.run.ledger import Ledger, Outcome
from selfteach.run.lock import find_lock_owner
from selfteach.run.moved_run import move_command
from selfteach.run.progress import list_runs, read_status
from selfteach.run.run_folder import (
    Run,
    find_standing_run,
    list_changes,
    make_identity,
    make_slug,
    open_run,
    read_identity,
)


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
        resolve(FeedbackConfig, sets=sets),
        material or {"rule": "Do not hum!"},
        new=new,
    )


def close(run: Run) -> Path:
    with run:
        return run.path


def test_the_status_of_a_run_that_was_stopped_at_once_says_how_to_resume_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["selfteach", "feedback", "Do not hum!", "--out", "r"])
    run = opened("r")
    with pytest.raises(KeyboardInterrupt), run:
        raise KeyboardInterrupt  # before its first stage
    assert read_status(run.path).state == "empty"
    assert cli.run_command(["status", "r"]) == 0
    *_, before, command = capsys.readouterr().out.splitlines()
    assert before == "resume with:"
    assert command == "  selfteach feedback 'Do not hum!' --out r"


@pytest.mark.parametrize(
    ("typed", "advised"),
    [
        (["--out", "old/place"], "--out new"),
        (["--out=old/place"], "--out=new"),
        ([], "--out new"),
        (["--", "--out"], "--out new -- --out"),
    ],
)
def test_a_moved_run_goes_on_where_it_is(
    typed: list[str],
    advised: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["selfteach", "feedback", "Hum!", *typed])
    run = opened("old/place")
    with pytest.raises(KeyboardInterrupt), run:
        raise KeyboardInterrupt
    run.path.rename("new")
    assert cli.run_command(["status", "new"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"  selfteach feedback 'Hum!' {advised}"


def test_a_run_below_the_default_folder_needs_no_other_place() -> None:
    command = "selfteach feedback 'Hum!' --seed 1"
    assert move_command(command, Path("runs/2026-11-20-hum")) == command
    assert move_command(f"{command} --out r", Path.cwd() / "r") == f"{command} --out r"


def test_a_run_with_a_new_name_below_the_default_folder_needs_its_place() -> None:
    command = "selfteach feedback 'Hum!' --seed 1"
    for name in ("mine", "copy of 2026-11-20-hum", "2026-hum"):
        folder = Path("runs") / name
        assert move_command(command, folder) == f"{command} --out {shlex.quote(str(folder))}"


def test_a_link_that_leads_nowhere_is_no_run() -> None:
    run = close(opened())
    dead = Path(f"{run}-2")
    dead.symlink_to("/nowhere/run")
    assert close(opened()) == run
    assert close(opened(new=True)) == Path(f"{run}-3")
    assert dead.is_symlink()


@pytest.mark.parametrize("command", ["", "selfteach.feedback('Hum!', out='r')", "selfteach 'torn"])
def test_what_is_no_command_line_stays_as_it_is(command: str) -> None:
    assert move_command(command, Path("elsewhere")) == command


def test_a_run_that_never_began_is_removed_while_it_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    run = opened("r")
    remove, release = run._remove, run._lock.release
    monkeypatch.setattr(run, "_remove", lambda: (order.append("removed"), remove()))
    monkeypatch.setattr(run._lock, "release", lambda: (order.append("released"), release()))
    with pytest.raises(UsageError), run:
        raise UsageError("no such thing")
    assert order == ["removed", "released"]
    assert not Path("r").exists()


def test_a_path_with_two_slashes_in_front_is_one_as_any(tmp_path: Path) -> None:
    path = close(opened(f"/{tmp_path}/r"))
    assert read_status(path).state == "done"


def test_no_name_in_a_run_from_elsewhere_steers_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with opened("r\x1b[2J", material={"rule\x1b[1m": "Do not hum!"}) as run:
        with run.time_stage("probe\x1b]0;title\x07"):
            pass
        run.ledger.record_outcomes("read\x1b[2J", [Outcome("a", "accepted")])
    for words in (["status", str(run.path)], ["status", "."]):
        assert cli.run_command(words) == 0
        printed = capsys.readouterr().out
        assert "done" in printed
        assert "\x1b" not in printed


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
    other = close(opened(sets=("ask.target=5",), new=True))
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


def test_changes_hold_whole_values_and_see_a_key_that_one_run_lacks() -> None:
    before = {"kind": "feedback", "config": {}, "material": {"rule": "Write a -> b: c."}}
    now = before | {"config": {"teacher": None}, "material": {"rule": "Hum."}}
    assert list_changes(before, now) == [
        ("material.rule", '"Write a -> b: c."', '"Hum."'),
        ("teacher", "(absent)", "null"),
    ]


def test_new_sets_the_old_run_aside_and_deletes_nothing() -> None:
    with opened("mine") as run:
        run.export("exam.json", "{}")
    with opened("mine", ("seed=3",), new=True) as run:
        assert not run.resumed
        assert not run.file("exam.json").exists()
    assert Path("mine.before-1/exam.json").read_text() == "{}"
    close(opened("mine", ("seed=4",), new=True))
    assert Path("mine.before-2/run.db").exists()


def test_the_current_folder_is_not_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    close(opened("mine"))
    monkeypatch.chdir("mine")
    with pytest.raises(UsageError, match="is the current folder"):
        opened(".", ("seed=3",), new=True)
    assert Path("run.db").exists()


def test_origins_do_not_make_it_another_run(tmp_path: Path) -> None:
    close(opened("mine", ("ask.target=5",)))
    (tmp_path / "c.yaml").write_text("ask: {target: 5}")
    run = open_run(
        Path("mine"),
        "x",
        "feedback",
        resolve(FeedbackConfig, tmp_path / "c.yaml"),
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


CHANGED = ("train.checkpoint_activations=true", "train.checkpoint_every=7")


def test_how_a_training_is_computed_does_not_make_it_another_run() -> None:
    close(opened("mine"))
    sets = (*CHANGED, "train.micro_batch_tokens=64")
    run = opened("mine", sets)
    assert run.resumed
    assert "checkpoint_every: 7" in (close(run) / "config.yaml").read_text()
    with pytest.raises(UsageError, match="batch_size") as caught:
        opened("mine", (*sets, "train.batch_size=3"))
    assert "micro_batch_tokens" not in str(caught.value)


def test_a_manifest_says_what_made_the_run_and_its_checksums() -> None:
    with opened("mine") as run:
        run.bind("student", "abc")
        with run.time_stage("probe"):
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


def test_an_old_folder_is_kept_until_the_new_one_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == ".adapter.new":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    with opened("mine") as run:
        with run.export_folder("adapter") as folder:
            (folder / "w").write_text("old")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", fail)
            with pytest.raises(ResourceError), run.export_folder("adapter") as folder:
                (folder / "w").write_text("new")
    assert (run.path / ".adapter.old" / "w").read_text() == "old"


def test_a_folder_moved_aside_by_a_killed_process_comes_back() -> None:
    path = close(opened("mine"))
    (path / ".adapter.old").mkdir()
    (path / ".adapter.old" / "w").write_text("whole")
    (path / ".exam.json.123.tmp").write_text("half")
    close(opened("mine"))
    assert (path / "adapter" / "w").read_text() == "whole"
    assert not list(path.glob(".*"))


def test_an_inner_folder_moved_aside_by_a_killed_process_comes_back() -> None:
    with opened("mine") as run, run.export_folder("adapters/reft") as folder:
        (folder / "w").write_text("whole")
    adapters = run.path / "adapters"
    (adapters / "reft").rename(adapters / ".reft.old")
    (adapters / ".reft.new").mkdir()
    close(opened("mine"))
    assert [path.name for path in adapters.iterdir()] == ["reft"]
    assert (adapters / "reft" / "w").read_text() == "whole"


def test_an_inner_folder_is_exported_again_after_a_kill_at_its_last_step() -> None:
    with opened("mine") as run, run.export_folder("adapters/reft") as folder:
        (folder / "w").write_text("before")
    left = run.path / "adapters" / ".reft.old"  # killed before this was removed
    left.mkdir()
    (left / "w").write_text("long before")
    with opened("mine") as run, run.export_folder("adapters/reft") as folder:
        (folder / "w").write_text("now")
    assert [path.name for path in left.parent.iterdir()] == ["reft"]
    assert (run.path / "adapters/reft/w").read_text() == "now"


def test_a_stage_keeps_its_seconds_over_attempts_and_its_failures() -> None:
    with pytest.raises(ZeroDivisionError), opened("mine") as run, run.time_stage("probe"):
        print(1 // 0)
    with opened("mine") as run:
        assert run.stages["probe"]["state"] == "failed"
        with run.time_stage("probe"):
            pass
        assert run.stages["probe"] == {
            "state": "done",
            "seconds": pytest.approx(0, abs=1),
            "attempts": 2,
        }
        assert [kind for kind, _ in run.ledger.get_events()].count("stopped") == 1


def test_stages_keep_the_order_in_which_they_began() -> None:
    for _ in range(2):
        with opened("mine") as run:
            for name in ("zeta", "alpha", "mid"):
                with run.time_stage(name):
                    pass
        assert list(read_status(run.path).stages) == list(run.stages) == ["zeta", "alpha", "mid"]


def test_a_run_is_tied_to_its_model() -> None:
    with opened("mine") as run:
        run.bind("student", "abc")
        run.bind("student", "abc")
        with pytest.raises(IntegrityError, match="another student"):
            run.bind("student", "def")


def test_standing_tells_running_done_stopped_and_killed() -> None:
    run = opened("all/mine")
    with run.time_stage("probe"):
        inside = read_status(run.path)
    assert (inside.state, inside.stages["probe"]["state"]) == ("running", "running")
    close(run)
    assert read_status(Path("all/mine")).state == "done"
    with pytest.raises(KeyboardInterrupt), opened("all/other") as run, run.time_stage("probe"):
        raise KeyboardInterrupt
    assert (read_status(run.path).state, read_status(run.path).stages["probe"]["state"]) == (
        "stopped",
        "interrupted",
    )
    assert list_runs(Path("all")) == [Path("all/mine"), Path("all/other")]
    killed = opened("all/killed")
    killed._record_stage("probe", "running", 0.0, 1)
    killed.ledger.close()
    killed._lock.release()
    assert read_status(killed.path).stages["probe"]["state"] == "killed"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Do not hum!", "do-not-hum"),
        ("  Zürich, Ærø & 3.5 %  ", "zurich-r-3-5"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 60, "x" * 48),
        ("a" * 47 + " bcd", "a" * 47),
        ("a" * 46 + " bcd", "a" * 46 + "-b"),
    ],
)
def test_a_slug_is_short_plain_and_no_path(text: str, name: str) -> None:
    assert make_slug(text) == name


def test_a_text_without_letters_gets_a_name_of_its_own() -> None:
    assert make_slug("象") == "run-" + hashlib.sha256("象".encode()).hexdigest()[:8]
    assert make_slug("") != make_slug("象")
    assert len(make_slug("\ud800")) == len("run-12345678")


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/passwd", "a/../..", ".", "a\0b", "a/.."])
def test_a_name_outside_of_the_folder_is_refused(name: str) -> None:
    with opened("mine") as run, pytest.raises(UsageError, match="not a name inside"):
        run.file(name)


def test_a_name_inside_of_the_folder_is_a_path() -> None:
    with opened("mine") as run:
        assert run.file("a/b.json") == Path("mine/a/b.json")
        run.export("deep/er/a.txt", "ä\ud800")
        assert Path("mine/deep/er/a.txt").read_bytes() == "ä?".encode()
        run.export_json("a.json", {"b": "ä"})
        assert Path("mine/a.json").read_text("utf-8") == '{\n  "b": "ä"\n}\n'
        run.export_jsonl("a.jsonl", [{"b": "ä"}, {"c": 1}])
        assert Path("mine/a.jsonl").read_text("utf-8") == '{"b": "ä"}\n{"c": 1}\n'


def test_seconds_add_up_over_attempts_and_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("selfteach.run.run_folder.time.monotonic", lambda: now[0])

    def fail() -> None:
        with opened("mine") as run, run.time_stage("probe"):
            now[0] += 1.2344
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with opened("mine") as run:
        with run.time_stage("probe"):
            now[0] += 10
            assert run.stages["probe"] == {"state": "running", "seconds": 1.234, "attempts": 2}
        with run.time_stage("search"):
            now[0] += 5
        assert run.stages["probe"] == {"state": "done", "seconds": 11.234, "attempts": 2}
        assert run.stages["search"] == {"state": "done", "seconds": 5.0, "attempts": 1}
        assert run.seconds() == pytest.approx(16.234)
    assert read_status(run.path).seconds == pytest.approx(16.234)


def test_a_stage_that_runs_shows_the_seconds_since_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("selfteach.run.run_folder.time.time", lambda: clock[0])
    killed = opened("mine")
    killed._record_stage("probe", "running", 2.5, 2)
    clock[0] += 90
    shown = read_status(killed.path)
    assert shown.stages == {"probe": {"state": "running", "seconds": 92.5, "attempts": 2}}
    assert shown.seconds == 92.5
    assert killed.stages["probe"]["seconds"] == 2.5, "what is recorded stays"
    clock[0] -= 500
    assert read_status(killed.path).seconds == 2.5, "a clock that was set back takes nothing off"
    killed.ledger.close()
    killed._lock.release()
    clock[0] += 5000
    assert read_status(killed.path).seconds == 2.5, "nothing tells when it was killed"
    with opened("mine") as run:
        assert run.stages["probe"] == {"state": "running", "seconds": 2.5, "attempts": 2}


def test_the_diary_says_when_a_run_began_resumed_and_stopped() -> None:
    with pytest.raises(ValueError, match="why"), opened("mine"):
        raise ValueError("why " + "x" * 600)
    assert read_status(Path("mine")).state == "empty"
    with opened("mine") as run, run.time_stage("probe"):
        pass
    ledger = Ledger(Path("mine/run.db"), readonly=True)
    events = ledger.get_events()
    finished = ledger.get_note("finished")
    ledger.close()
    kinds = [kind for kind, _ in events]
    assert kinds == ["began", "stopped", "resumed", "stage", "stage"]
    assert events[0][1]["pid"] == os.getpid()
    assert events[0][1]["command"].startswith("selfteach")
    assert "torch" in events[0][1]["packages"]
    assert events[1][1] == {"by": "ValueError", "why": "why " + "x" * 496}
    assert [body["state"] for kind, body in events if kind == "stage"] == ["running", "done"]
    assert finished is True


def test_the_manifest_follows_each_change_at_once() -> None:
    def written() -> dict[str, Any]:
        return json.loads(Path("mine/manifest.json").read_text())

    with opened("mine", ("seed=7",)) as run:
        assert (written()["seed"], written()["kind"]) == (7, "feedback")
        run.bind("judge", "abc")
        assert written()["models"] == {"judge": "abc"}
        with run.time_stage("probe"):
            assert written()["stages"]["probe"]["state"] == "running"
        assert written()["stages"]["probe"]["state"] == "done"
        run.export("a.txt", "abc")
        assert written()["exports"]["a.txt"] == {
            "bytes": 3,
            "sha256": hashlib.sha256(b"abc").hexdigest(),
        }
        with run.export_folder("adapter") as folder:
            (folder / "in").mkdir()
            (folder / "in" / "w").write_bytes(b"12")
            (folder / "v").write_bytes(b"1")
        exports = written()["exports"]
        assert exports["adapter/"]["files"] == 2
        assert exports["adapter/in/w"] == {
            "bytes": 2,
            "sha256": hashlib.sha256(b"12").hexdigest(),
        }
    with opened("mine", ("seed=7",)) as run:
        assert written()["exports"].keys() >= {"a.txt", "adapter/", "adapter/v", "config.yaml"}
        assert run.ledger.get_note("models") == {"judge": "abc"}
        with pytest.raises(IntegrityError):
            run.bind("judge", "other")
        assert run.ledger.get_note("models") == {"judge": "abc"}


def test_two_exported_folders_with_the_same_files_have_the_same_sum() -> None:
    sums = []
    with opened("mine") as run:
        for text in ("1", "1", "2"):
            with run.export_folder("adapter") as folder:
                (folder / "w").write_text(text)
            sums.append(run.exports["adapter/"]["sha256"])
    assert sums[0] == sums[1] != sums[2]


def test_a_lock_is_given_back_however_a_run_ends() -> None:
    close(opened("mine"))
    assert find_lock_owner(Path("mine")) is None

    def fail() -> None:
        with opened("mine"):
            assert find_lock_owner(Path("mine")) == os.getpid()
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert find_lock_owner(Path("mine")) is None
    with pytest.raises(UsageError):
        opened("mine", ("seed=3",))
    assert find_lock_owner(Path("mine")) is None


def test_a_second_fault_while_closing_does_not_hide_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = opened("mine")
    monkeypatch.setattr(run, "close", lambda: 1 // 0)
    with pytest.raises(ValueError, match="the first") as caught, run:
        raise ValueError("the first")
    assert caught.value.__notes__ == [
        "closing the run failed too: integer division or modulo by zero"
    ]
    run.ledger.close()
    run._lock.release()


def test_a_run_that_is_set_aside_is_free() -> None:
    close(opened("mine"))
    with opened("mine", new=True):
        assert find_lock_owner(Path("mine.before-1")) is None
        assert find_lock_owner(Path("mine")) == os.getpid()


def test_a_run_that_cannot_be_set_aside_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    close(opened("mine"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(UsageError, match="Permission denied"):
            opened("mine", new=True)
    assert find_lock_owner(Path("mine")) is None


def test_an_out_that_holds_something_else_is_refused() -> None:
    Path("file").write_text("x")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        opened("file")
    Path("full").mkdir()
    Path("full/letter.txt").write_text("x")
    with pytest.raises(UsageError, match="holds other files and no run"):
        opened("full")
    with pytest.raises(UsageError, match="holds other files and no run"):
        opened("full", new=True)
    assert Path("full/letter.txt").read_text() == "x"
    Path("empty").mkdir()
    assert not opened_and_closed("empty").resumed


@pytest.mark.parametrize("name", ["run.lock", "run.db"])
def test_a_folder_of_other_files_is_no_run_whatever_a_look_left_in_it(name: str) -> None:
    Path("mine").mkdir()
    for other in ("thesis.txt", "config.yaml"):
        Path("mine", other).write_text("years of work")
    Path("mine", name).touch()
    for new in (False, True):
        with pytest.raises(UsageError, match="holds other files and no run"):
            opened("mine", new=new)
    names = sorted(path.name for path in Path("mine").iterdir())
    assert names == sorted(["config.yaml", "thesis.txt", name])
    assert Path("mine/config.yaml").read_text() == "years of work"


@pytest.mark.parametrize("sets", [(), ("seed=3",)])
def test_a_run_without_its_ledger_is_not_written_over(sets: tuple[str, ...]) -> None:
    with opened("mine") as run:
        run.export("exam.json", "{}")
    Path("mine/run.db").unlink()
    before = {path: path.read_bytes() for path in Path("mine").iterdir()}
    with pytest.raises(UsageError, match=r"run\.db is missing or empty") as caught:
        opened("mine", sets)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in Path("mine").iterdir()} == before


def test_a_recovered_run_without_its_beginning_goes_on() -> None:
    with opened("mine") as run:
        run.ledger.record_requests("probe", [("a", {})])
        run.ledger._db.execute("DELETE FROM notes WHERE key = 'identity'")
    assert close(opened("mine")) == Path("mine")


def test_a_refused_run_removes_only_what_it_made() -> None:
    """A folder that was there before keeps what it held."""

    def begin(out: str) -> None:
        with opened(out):
            raise UsageError("x")

    Path("mine").mkdir()
    Path("mine/run.lock").touch()
    with pytest.raises(UsageError, match="x"):
        begin("mine")
    assert not Path("mine").exists()
    run = opened("mine")
    run.ledger.record_requests("probe", [("a", {})])
    run.export("exam.json", "{}")
    run.ledger._db.execute("DELETE FROM notes WHERE key = 'identity'")
    run.close()
    run = opened("mine")
    run.ledger._db.execute("DELETE FROM requests")
    with pytest.raises(UsageError, match="x"), run:
        raise UsageError("x")
    assert {"config.yaml", "exam.json"} <= {path.name for path in Path("mine").iterdir()}


def opened_and_closed(out: str, **options: Any) -> Run:
    run = opened(out, **options)
    close(run)
    return run


def test_a_folder_that_holds_only_a_lock_is_a_run_that_did_not_begin() -> None:
    Path("mine").mkdir()
    Path("mine/run.lock").write_text("")
    assert not opened_and_closed("mine").resumed
    assert opened_and_closed("mine").resumed


def test_a_run_that_died_before_its_first_commit_begins() -> None:
    Path("mine").mkdir()
    Path("mine/run.db").touch()
    assert not opened_and_closed("mine").resumed


def test_the_newest_run_of_a_command_goes_on() -> None:
    first = close(opened())
    second = close(opened(new=True))
    assert second.name == f"{first.name}-2"
    for newer, older in ((first, second), (second, first)):
        os.utime(newer / "manifest.json", ns=(2_000_000_000, 2_000_000_000))
        os.utime(older / "manifest.json", ns=(1_000_000_000, 1_000_000_000))
        assert close(opened()) == newer


def test_a_look_at_an_older_run_does_not_make_it_the_one_that_goes_on() -> None:
    first = close(opened())
    second = opened(new=True)
    second.close()  # stopped
    os.utime(first)  # as SQLite does, which makes files beside a ledger to read it
    third = opened()
    assert (third.path, third.ledger.get_note("finished")) == (second.path, None)
    third.close()


def test_a_long_value_is_cut_in_the_list_of_differences() -> None:
    """200 characters stand whole, their quotation marks included."""
    close(opened("mine", material={"rule": "a" * 198}))
    with pytest.raises(UsageError) as caught:
        opened("mine", material={"rule": "b" * 199, "more": 1})
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[1] == "material.more: (absent) -> 1"
    assert lines[2] == f'material.rule: "{"a" * 198}" -> "{"b" * 196}...'


def test_what_a_killed_process_left_is_removed_and_nothing_else() -> None:
    path = close(opened("mine"))
    for name in (".adapter.new", ".recover-x", ".adapter.old", "adapter", "keep.old"):
        (path / name).mkdir()
        (path / name / "w").write_text(name)
    (path / ".a.txt.1.tmp").write_text("half")
    (path / "b.tmp").write_text("mine")
    close(opened("mine"))
    assert not list(path.glob(".*"))
    assert (path / "adapter" / "w").read_text() == "adapter"
    assert (path / "keep.old" / "w").exists()
    assert (path / "b.tmp").exists()


def test_the_command_that_goes_on_leaves_out_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/selfteach", "feedback", "Do not hum!", "--new"])
    with opened("mine") as run:
        assert run.command == "selfteach feedback 'Do not hum!'"
    found = read_status(Path("mine"))
    assert (found.command, found.kind, found.pid, found.again) == (run.command, "feedback", None, 0)
    assert found.material == {"rule": "Do not hum!"}
    assert found.path == Path("mine")


def test_standing_counts_requests_that_were_asked_again() -> None:
    with opened("mine") as run:
        for _ in range(3):
            run.ledger.record_requests("probe", [("a", {}), ("b", {})])
        run.ledger.record_requests("search", [("c", {})])
        run.ledger.record_requests("search", [("c", {}), ("d", {})])
        run.ledger.record_outcomes("probe", [Outcome("a", "accepted")])
        inside = read_status(run.path)
    assert (inside.pid, inside.again) == (os.getpid(), 3)
    assert [(funnel.stage, funnel.accepted) for funnel in inside.funnel] == [("probe", 1)]
    Path("none").mkdir()
    Path("none/run.db").touch()
    empty = read_status(Path("none"))
    assert (empty.state, empty.kind, empty.material, empty.command) == ("empty", "", {}, "")
    assert list_runs(Path("absent")) == []


def test_no_signal_cuts_the_renaming_of_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    depths: list[int] = []
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        depths.append(signals._InterruptState.depth)
        return rename(self, target)

    with opened("mine") as run:
        monkeypatch.setattr(Path, "rename", renamed)
        for _ in range(2):
            with run.export_folder("adapter") as folder:
                (folder / "w").write_text("1")
    assert depths == [1, 1, 1]


def test_each_exported_file_is_on_the_disk_before_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def noted(number: int) -> None:
        synced.append(os.fstat(number).st_ino)
        sync(number)

    with opened("mine") as run, run.export_folder("adapter") as folder:
        (folder / "w").write_text("1")
        monkeypatch.setattr(os, "fsync", noted)
    assert Path("mine/adapter/w").stat().st_ino in synced


def test_closing_writes_the_manifest_once_more() -> None:
    run = opened("mine")
    Path("mine/manifest.json").unlink()
    close(run)
    assert json.loads(Path("mine/manifest.json").read_text())["kind"] == "feedback"


def test_looking_at_a_run_that_did_not_begin_writes_nothing() -> None:
    Path("mine").mkdir()
    assert read_identity(Path("mine")) is None
    assert list(Path("mine").iterdir()) == []
    Path("mine/run.db").touch()
    assert read_identity(Path("mine")) is None
    assert [(path.name, path.stat().st_size) for path in Path("mine").iterdir()] == [("run.db", 0)]
    close(opened("mine"))
    found = read_identity(Path("mine"))
    assert found is not None
    assert (found["kind"], found["material"]) == ("feedback", {"rule": "Do not hum!"})


def test_a_fault_while_a_run_opens_is_raised_and_the_lock_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*given: Any) -> str:
        raise ValueError("cannot be written")

    monkeypatch.setattr("selfteach.run.run_folder.dump_config", broken)
    with pytest.raises(ValueError, match="cannot be written"):
        opened("mine")
    assert find_lock_owner(Path("mine")) is None


def test_a_package_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "PACKAGES", ("torch", "no-such-package"))
    manifest.collect_versions.cache_clear()
    try:
        packages = manifest.collect_versions()["packages"]
    finally:
        manifest.collect_versions.cache_clear()
    assert packages == {"torch": version("torch"), "no-such-package": "absent"}


def test_a_folder_that_could_not_be_exported_is_exported_the_next_time() -> None:
    with opened("mine") as run:
        with suppress(ZeroDivisionError), run.export_folder("adapter") as folder:
            (folder / "half").write_text("half")
            print(1 // 0)
        with run.export_folder("adapter") as folder:
            (folder / "whole").write_text("whole")
        assert [path.name for path in run.file("adapter").iterdir()] == ["whole"]


def test_a_run_of_an_earlier_version_is_refused_in_one_line() -> None:
    run = opened(out=Path("mine"))
    identity = run.ledger.get_note("identity")
    run.ledger.set_note("identity", {key: identity[key] for key in ("kind", "config", "material")})
    close(run)
    with pytest.raises(UsageError, match="earlier version") as fault:
        opened(out=Path("mine"))
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("notes", [1, 2, 3])
def test_a_run_that_was_killed_at_its_beginning_has_its_day(
    notes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its card would have none, unlike that of a run without a kill."""

    class Killed(BaseException):
        pass

    written = []
    set_note = Ledger.set_note

    def stop(ledger: Ledger, name: str, value: Any) -> None:
        set_note(ledger, name, value)
        written.append(name)
        if len(written) == notes:
            raise Killed

    monkeypatch.setattr(Ledger, "set_note", stop)
    with pytest.raises(Killed):
        opened(str(tmp_path / "run"))
    monkeypatch.undo()
    run = opened(str(tmp_path / "run"))
    run.close()
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert facts["created"] == date.today().isoformat()


@pytest.mark.parametrize(
    ("fault", "work", "stays"),
    [
        (UsageError("x"), lambda run: None, False),
        (ValueError("x"), lambda run: None, True),
        (UsageError("x"), lambda run: run.bind("base", "1"), True),
        (UsageError("x"), lambda run: run.ledger.record_requests("s", [("1", {})]), True),
    ],
    ids=["nothing done", "another fault", "a model read", "a request sent"],
)
def test_a_run_that_is_refused_before_anything_was_done_leaves_no_folder(
    fault: Exception, work: Callable[[Run], object], stays: bool
) -> None:
    def begin() -> None:
        with opened("mine") as run:
            work(run)
            raise fault

    with pytest.raises(type(fault)):
        begin()
    assert Path("mine").exists() is stays


def test_the_folder_of_a_command_is_found_before_the_run_opens() -> None:
    settings, material = resolve(FeedbackConfig), {"rule": "Do not hum!"}

    def find(out: Path | None) -> Path | None:
        return find_standing_run(out, "Do not hum!", "feedback", settings, material)

    assert find(None) is None
    default, named = close(opened(new=True)), close(opened("mine"))
    close(opened("other", ("seed=3",)))
    assert (find(None), find(named)) == (default, named)
    assert find(Path("other")) is None
    assert find(Path("none")) is None


@pytest.mark.parametrize(
    ("kind", "material", "place"),
    [
        ("feedback", {"rule": "Hum.", "from_sum": "12ab"}, "from"),
        ("compare", {"kind": "feedback", "examples.jsonl": "12ab"}, "run"),
    ],
)
def test_a_run_goes_on_where_its_material_lies_elsewhere(
    kind: str, material: dict[str, str], place: str
) -> None:
    settings = resolve(FeedbackConfig)

    def find(given: dict[str, str], out: Path | None = None) -> Path | None:
        return find_standing_run(out, "Hum.", kind, settings, given)

    before, after = {**material, place: "/old/A"}, {**material, place: "/new/A"}
    for out in (None, Path("mine")):
        with open_run(out, "Hum.", kind, settings, before) as run:
            pass
        assert find(after, out) == run.path
        with open_run(out, "Hum.", kind, settings, after) as again:
            assert (again.path, again.resumed) == (run.path, True)
        assert read_identity(run.path) == make_identity(kind, settings, after)
    other = {key: value.replace("12ab", "34cd") for key, value in after.items()}
    assert find(other) is None
    with pytest.raises(UsageError, match=r"12ab.* -> .*34cd"):
        open_run(Path("mine"), "Hum.", kind, settings, other)


def test_a_dataset_with_the_name_of_a_place_is_another_run() -> None:
    settings = resolve(FinetuneConfig)
    for name, other in (("run", "34cd"), ("examples.jsonl", "12ab")):
        with open_run(None, name, "train", settings, {name: "12ab"}) as run:
            pass
        found = find_standing_run(None, name, "train", settings, {name: other})
        assert found == (run.path if other == "12ab" else None)


@pytest.mark.parametrize("out", [".", "../here/", "/{here}"])
def test_the_reason_of_a_stop_names_the_folder_and_keeps_its_full_stops(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folder = Path(out.format(here=here))
    with pytest.raises(DataError), opened(str(folder)):
        raise DataError(f"the loss is .95 in a.b.jsonl of {here}.", where=folder / "run.db")
    with closing(Ledger(here / "run.db", readonly=True)) as ledger:
        stopped = [facts for event, facts in ledger.get_events() if event == "stopped"]
    name = "run.db" if out == "." else "here/run.db"
    assert [row["why"] for row in stopped] == [f"{name}: the loss is .95 in a.b.jsonl of here."]
