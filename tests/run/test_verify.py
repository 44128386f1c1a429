"""Exported files against their sums: what is refused, written again, and set aside."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import IntegrityError, UsageError
from selfteach.run import finished, sums, verify
from selfteach.run.exports import check_adapter_sums
from selfteach.run.run_folder import Run, open_run
from selfteach.run.verify import restore_exports, verify_run

WEIGHTS = "adapter/adapter_model.safetensors"


def opened(folder: Path) -> Run:
    return open_run(folder, "hum", "feedback", resolve(FeedbackConfig), {"rule": "Do not hum!"})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run folder with every kind of export, of no model."""
    with opened(tmp_path / "run") as run:
        run.export_jsonl("examples.jsonl", [{"id": str(n), "text": "ä" * n} for n in range(50)])
        run.export_json("exam.json", {"verdict": {"word": "taught"}})
        for name in ("adapter", "adapters/other"):
            with run.export_folder(name) as folder:
                (folder / "adapter_config.json").write_text("{}")
                (folder / "adapter_model.safetensors").write_bytes(bytes(100))
        (run.path / "report.html").write_text("<!doctype html>")
        run.ledger.set_note("result", {"adapter": "adapter"})
        return run.path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def states(run: Path) -> dict[str, Any]:
    return dict(verify_run(run).broken)


def list_files(run: Path) -> list[Path]:
    """Return all files but those that SQLite leaves beside a damaged ledger."""
    return sorted(path for path in run.rglob("*") if not path.name.startswith("run.db-"))


def test_a_whole_run_is_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["verify", str(run)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [name for state, name in lines if state == "present"] == ["report.html"]
    assert {state for state, _ in lines} == {"whole", "present"}
    assert {name for _, name in lines} == {
        "run.db",
        "manifest.json",
        "config.yaml",
        "examples.jsonl",
        "exam.json",
        "report.html",
        WEIGHTS,
        "adapter/adapter_config.json",
        "adapters/other/adapter_model.safetensors",
        "adapters/other/adapter_config.json",
    }


@pytest.mark.parametrize(
    ("name", "damage", "state"),
    [
        ("exam.json", Path.unlink, "missing"),
        ("report.html", Path.unlink, "missing"),
        ("manifest.json", Path.unlink, "missing"),
        ("run.db", Path.unlink, "missing"),
        (WEIGHTS, flip, "changed"),
        ("adapter", shutil.rmtree, "missing"),
        ("examples.jsonl", lambda path: path.write_bytes(path.read_bytes()[:-9]), "changed"),
        ("run.db", lambda path: path.write_bytes(path.read_bytes()[:-4096]), "changed"),
        ("run.db", lambda path: path.write_bytes(b""), "changed"),
        ("manifest.json", lambda path: path.write_text('{"exports": {}}'), "changed"),
        ("manifest.json", lambda path: path.write_text("[" * 100_000), "changed"),
        ("manifest.json", lambda path: path.write_text('{"exports": [1]}'), "changed"),
    ],
)
def test_verify_names_what_is_not_whole(
    name: str, damage: Any, state: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(run / name)
    before = list_files(run)
    assert cli.run_command(["verify", str(run), "--json"]) == 6
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert not found["whole"]
    broken = {key for key, value in found["files"].items() if value not in ("whole", "present")}
    assert {key.partition("/")[0] for key in broken} == {name.partition("/")[0]}
    assert {found["files"][key] for key in broken} == {state}
    assert len(printed.err.strip().splitlines()) == 1
    cure = "selfteach report --run" if name == "report.html" else "command of this run again"
    if name == "run.db" and not ((run / name).exists() and (run / name).stat().st_size):
        cure = "Restore run.db from a copy"
    assert cure in printed.err
    assert list_files(run) == before


def test_a_finished_run_without_its_ledger_is_not_called_unfinished(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "run.db").unlink()
    assert cli.run_command(["verify", str(run)]) == IntegrityError.exit_code
    printed = capsys.readouterr()
    assert "not finished" not in printed.out
    assert "Restore run.db from a copy" in printed.err
    assert cli.run_command(["status", str(run)]) == UsageError.exit_code
    assert "Restore it from a copy" in capsys.readouterr().err


def test_a_manifest_without_sense_names_no_file_outside(run: Path) -> None:
    """Neither a pipe, which never ends, nor an entry of another form."""
    (run / "run.db").unlink()
    exports = {"/dev/zero": {"bytes": 0, "sha256": ""}, "exam.json": 3, "a\0b": None}
    (run / "manifest.json").write_text(json.dumps({"exports": exports}))
    assert set(states(run)) == {"run.db", *exports}


def test_the_files_of_a_comparison_are_verified_too(run: Path) -> None:
    with opened(run / "compare") as inner:
        inner.export("compare.json", "{}")
    assert states(run) == {}
    (run / "compare" / "compare.json").write_text("[]")
    assert states(run) == {"compare/compare.json": "changed"}


@pytest.mark.parametrize("words", [["exam", "--run"], ["merge", "--out", "made", "--run"]])
def test_commands_refuse_a_changed_file_in_one_line(
    words: list[str], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "exam.json").write_text('{"verdict": {"word": "no"}}')
    flip(run / WEIGHTS)
    assert cli.run_command([*words, str(run)]) == 6
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    assert "is changed" in printed.err
    assert "command of this run again" in printed.err


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_an_adapter_is_found_only_if_it_is_whole(name: str, damage: Any, run: Path) -> None:
    assert finished.find_adapter(run) == run / "adapter"
    assert finished.find_adapter(run, "other") == run / "adapters" / "other"
    damage(run / "adapter" / name)
    with pytest.raises(IntegrityError, match=f"adapter/{name} is"):
        finished.find_adapter(run)
    assert finished.find_adapter(run, "other") == run / "adapters" / "other"
    damage(run / "adapters" / "other" / name)
    with pytest.raises(IntegrityError, match=f"adapters/other/{name} is"):
        check_adapter_sums(run / "adapters" / "other")


@pytest.mark.parametrize("manifest", [None, "{", "[]"])
def test_without_a_manifest_the_sums_are_those_of_the_ledger(
    manifest: str | None, run: Path
) -> None:
    (run / "manifest.json").unlink()
    if manifest:
        (run / "manifest.json").write_text(manifest)
    check_adapter_sums(run / "adapter")
    flip(run / WEIGHTS)
    with pytest.raises(IntegrityError, match="is changed"):
        check_adapter_sums(run / "adapter")


def test_an_adapter_outside_of_a_run_has_no_sums(run: Path, tmp_path: Path) -> None:
    flip(run / WEIGHTS)
    (tmp_path / "other").mkdir()
    copied = shutil.copytree(run / "adapter", tmp_path / "other" / "adapter")
    (tmp_path / "other" / "manifest.json").write_text('{"name": "an app"}')
    check_adapter_sums(copied)


def test_a_damaged_text_file_is_written_again_and_kept(run: Path) -> None:
    names = ("examples.jsonl", "exam.json", "config.yaml")
    before = {name: (run / name).read_bytes() for name in names}
    (run / "examples.jsonl").write_bytes(before["examples.jsonl"][:-20])
    (run / "exam.json").unlink()
    (run / "config.yaml").write_text("seed: 1  # mine")
    printed: list[str] = []
    with opened(run) as again:
        assert restore_exports(again, printed.append)
        events = [body for kind, body in again.ledger.get_events() if kind == "restored"]
        notices = list(again.notices)
    assert {name: (run / name).read_bytes() for name in names} == before
    assert printed == [
        "exam.json was missing: it is written again from the ledger",
        "examples.jsonl was changed: it is written again from the ledger",
    ]
    assert events == [
        {
            "files": {"examples.jsonl": "changed", "exam.json": "missing"},
            "not from the ledger": [],
        }
    ]
    kept = run / "damaged" / "1"
    assert (kept / "examples.jsonl").read_bytes() == before["examples.jsonl"][:-20]
    assert (kept / "config.yaml").read_text() == "seed: 1  # mine"
    assert not (kept / "exam.json").exists()
    assert [line.split()[0] for line in notices] == ["config.yaml", "examples.jsonl"]
    assert states(run) == {}
    (run / "exam.json").write_text("first")
    with opened(run) as again:
        restore_exports(again, printed.append)
    (run / "exam.json").write_text("second")
    with opened(run) as again:
        restore_exports(again, printed.append)
    assert (run / "damaged" / "1" / "exam.json").read_text() == "first"
    assert (run / "damaged" / "2" / "exam.json").read_text() == "second"


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_an_adapter_cannot_be_written_again_from_the_ledger(damage: Any, run: Path) -> None:
    damage(run / WEIGHTS)
    damaged = sorted(path.name for path in (run / "adapter").iterdir())
    printed: list[str] = []
    with opened(run) as again:
        assert not restore_exports(again, printed.append)
        assert "repeats the training" in printed[0]
        assert WEIGHTS in printed[0]
        assert set(states(run)) == {WEIGHTS}  # still refused until it is replaced
        with again.export_folder("adapter") as folder:
            (folder / "adapter_model.safetensors").write_bytes(bytes(100))
    kept = run / "damaged" / "1" / "adapter"
    assert sorted(path.name for path in kept.iterdir()) == damaged
    assert states(run) == {}


def test_a_file_larger_than_the_limit_has_no_copy(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "MAX_COPY_BYTES", 100)
    with opened(run) as again:
        again.export("examples.jsonl", "x" * 101)
        assert again.read_copy("examples.jsonl") is None
        again.export("examples.jsonl", "x" * 100)
        assert again.read_copy("examples.jsonl") == b"x" * 100


@pytest.mark.parametrize("packed", [None, 3, "", "no base64 \xe4", "QUJD"])
def test_a_damaged_copy_is_no_copy(packed: Any, run: Path) -> None:
    with opened(run) as again:
        again.ledger.set_note("copy of exam.json", {"data": packed})
        assert again.read_copy("exam.json") is None


def test_a_file_that_was_written_without_its_sum_is_not_set_aside(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died between the two."""
    again = opened(run)
    with monkeypatch.context() as patched:
        patched.setattr(Run, "_record_export", lambda self, name, entry: None)
        again.export("exam.json", "newer")
    again.close()
    with opened(run) as third:
        third.export("exam.json", "newest")
        assert third.notices == []
    assert not (run / "damaged").exists()


def test_an_exported_folder_forgets_the_sums_of_the_one_before(run: Path) -> None:
    with opened(run) as again:
        with again.export_folder("adapter") as folder:
            (folder / "other").write_text("x")
        assert not {WEIGHTS, "adapter/adapter_config.json"} & again.exports.keys()
    assert states(run) == {}
    assert not (run / "damaged").exists()


def test_verify_loads_no_library_of_a_model(run: Path) -> None:
    code = (
        "import sys; from selfteach import cli; "
        f"code = cli.run_command(['verify', {str(run)!r}]); "
        "print(code, sorted({'torch', 'transformers', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("entry", [None, "text", [], {}, {"bytes": 1}])
def test_a_file_without_a_whole_sum_is_changed(tmp_path: Path, entry: object) -> None:
    (tmp_path / "file").write_text("x")
    assert sums.check_file(tmp_path / "file", entry) == "changed"
    assert sums.check_file(tmp_path, sums.compute_sum(b"")) == "changed"
    assert sums.check_file(tmp_path / "none", entry) == "missing"


def test_a_file_that_cannot_be_read_is_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> str:
        raise OSError(5, "input/output error")

    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(sums, "hash_file", fail)
    assert sums.check_file(tmp_path / "file", sums.compute_sum(b"x")) == "unreadable"


def test_a_ledger_that_cannot_be_opened_has_not_changed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path, *names: str) -> None:
        raise UsageError("the ledger cannot be used.")

    monkeypatch.setattr(verify, "read_notes", fail)
    with pytest.raises(UsageError, match="cannot be used"):
        verify.verify_run(run)
