"""Runs of earlier versions: what reads their keys refuses them in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import selfteach
from selfteach import cli
from selfteach.config import DocumentsConfig, FeedbackConfig, resolve
from selfteach.errors import IntegrityError, UsageError
from selfteach.report.read_run import read_run
from selfteach.results import ExamResult
from selfteach.run import finished
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import RUN_FORMAT, open_run

LOCAL = ("model=/somewhere/talker",)
PAGE = "the page that the earlier version wrote"


@pytest.fixture(params=[None, RUN_FORMAT - 1], ids=["without a format", "the last format"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A finished run as an earlier version wrote it, with keys that are unknown now."""
    folder = tmp_path / "old"
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    (folder / "config.yaml").write_text("model: embedded\nrehearsal: false\nkeep: {count: 3}\n")
    (folder / "exam.json").write_text('{"verdict": {}, "answers": [{"arms": {"taught": {}}}]}')
    (folder / "examples.jsonl").write_text("{}\n")
    (folder / "report.html").write_text(PAGE)
    identity: dict[str, Any] = {"kind": "documents", "config": {}, "material": {}}
    if request.param is not None:
        identity["format"] = request.param
    ledger = Ledger(folder / "run.db")
    ledger.set_note("identity", identity)
    ledger.set_note("result", {"adapter": "adapter"})
    ledger.close()
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["exam", "--run"],
        ["exam", "--json", "--run"],
        ["report", "--run"],
        ["inspect", "--run"],
        ["compare", "--run"],
        ["select", "--run"],
        ["forget-source", "a.txt", "--run"],
        ["review", "--run"],
        ["soft-prompt", "--run"],
    ],
    ids=" ".join,
)
def test_an_old_run_is_refused_in_one_line(
    words: list[str], old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in old.iterdir())
    assert cli.run_command([*words, str(old)]) == 2
    printed = capsys.readouterr()
    assert "earlier version of selfteach" in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""
    assert (old / "report.html").read_text() == PAGE
    assert sorted(path.name for path in old.iterdir()) == before


def test_python_refuses_an_old_run(old: Path) -> None:
    for read in (selfteach.open_run, finished.read_exam, finished.open_ledger, selfteach.compare):
        with pytest.raises(UsageError, match="earlier version"):
            read(old)


def test_the_adapter_of_an_old_run_is_still_found(old: Path) -> None:
    assert finished.find_adapter(old) == old / "adapter"
    assert finished.read_base_name(old) == "embedded"


@pytest.mark.parametrize(
    "text", ["[]", "null", "{", "[" * 100_000, '{"a":' * 500 + "1" + "}" * 500, "\udce9"]
)
def test_an_exam_of_another_shape_is_damaged_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Ledger(tmp_path / "run.db").close()
    (tmp_path / "exam.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert cli.run_command(["exam", "--run", str(tmp_path)]) == 6
    assert "exam.json: is not" in capsys.readouterr().err
    assert cli.run_command(["report", "--run", str(tmp_path)]) == 0


PARTS = ("verdict", "kept", "answers", "drift", "cost", "method", "rule")


@pytest.mark.parametrize("wrong", [None, 3, "text", [], [{}], {"value": "x"}])
def test_an_exam_with_parts_of_another_shape_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: object
) -> None:
    Ledger(tmp_path / "run.db").close()
    for part in (wrong, {"word": wrong, "tuned": {"greedy": {"value": wrong}}}):
        exam = dict.fromkeys(PARTS, part)
        (tmp_path / "exam.json").write_text(json.dumps(exam))
        run = ["--run", str(tmp_path)]
        assert cli.run_command(["report", *run]) == 0
        code = cli.run_command(["exam", *run, "--require", "kept<=-1"])
        assert (code, capsys.readouterr().err.startswith("selfteach: --require: kept")) == (1, True)
        assert ExamResult(exam)._repr_html_().startswith("<p><b>")


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 100_000, '{"command": []}'])
def test_a_damaged_manifest_hides_no_other_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    for name in ("damaged", "whole"):
        (tmp_path / name).mkdir()
        Ledger(tmp_path / name / "run.db").close()
    (tmp_path / "damaged" / "manifest.json").write_text(text)
    assert cli.run_command(["status", str(tmp_path)]) == 0
    damaged, whole = capsys.readouterr().out.splitlines()
    assert damaged.startswith("nothing recorded" if "command" in text else "damaged: ")
    assert whole.startswith("nothing recorded")


def test_the_status_of_a_run_is_its_own_though_a_comparison_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path / "run", tmp_path / "run" / "compare"):
        folder.mkdir()
        Ledger(folder / "run.db").close()
    assert cli.run_command(["status", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'run'}: nothing recorded")
    assert cli.run_command(["status", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'run'}\n")


@pytest.mark.parametrize("counted", [{"tokens": 1, "seconds": 5.0}, None, "text"])
def test_the_cost_of_a_run_is_shown_with_its_exam(tmp_path: Path, counted: object) -> None:
    """An exam of an earlier version holds its times itself; one without a cost gets none."""
    Ledger(tmp_path / "run.db").close()
    (tmp_path / "exam.json").write_text(json.dumps({"cost": counted}))
    assert finished.read_exam(tmp_path) == {"cost": counted}
    (tmp_path / "cost.json").write_text('{"seconds": 2.0}')
    shown = {"tokens": 1, "seconds": 2.0} if isinstance(counted, dict) else counted
    assert finished.read_exam(tmp_path) == {"cost": shown}
    assert read_run(tmp_path).exam == {"cost": shown}


def test_the_exam_of_a_run_with_a_damaged_ledger_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"no database" * 500)
    (tmp_path / "manifest.json").write_text('{"exports": {}}')
    (tmp_path / "exam.json").write_text(json.dumps({"verdict": {"word": "taught"}}))
    assert finished.read_exam(tmp_path) == {"verdict": {"word": "taught"}}


def test_a_run_that_has_not_ended_has_no_result_and_no_models(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        finished.read_models(tmp_path)
    ledger = Ledger(tmp_path / "run.db")
    assert finished.read_models(tmp_path) == {}
    with pytest.raises(UsageError, match="has no result yet"):
        finished.read_result(tmp_path)
    result = {"run": "there", "adapter": None, "report": "there/report.html", "word": "taught"}
    ledger.set_note("result", result)
    ledger.set_note("models", {"base": "1"})
    ledger.close()
    assert finished.read_models(tmp_path) == {"base": "1"}
    here = {"run": str(tmp_path), "report": str(tmp_path / "report.html")}
    assert finished.read_result(tmp_path) == result | here


@pytest.mark.parametrize("text", ["seed: 1\n", "model: [x]\n", "model:\n"])
def test_settings_without_a_model_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(IntegrityError, match="names no model"):
        finished.read_base_name(tmp_path)


def test_an_adapter_is_found_by_its_name_or_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "run.db").close()
    with pytest.raises(UsageError, match="has no finished adapter"):
        finished.find_adapter(tmp_path)
    for name in ("adapters/lora", "compare/adapters/reft"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "adapter_config.json").write_text("{}")
    assert finished.find_adapter(tmp_path, "reft") == tmp_path / "compare/adapters/reft"
    with pytest.raises(UsageError, match="has no finished adapter") as caught:
        finished.find_adapter(tmp_path)
    assert caught.value.cure == "--adapter names one: lora, reft."
    with pytest.raises(UsageError, match='there is no adapter "loar"') as caught:
        finished.find_adapter(tmp_path, "loar")
    assert "lora" in str(caught.value.cure)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    assert finished.find_adapter(tmp_path) == tmp_path / "adapter"


def test_what_a_run_hides_of_its_paths_is_read_from_its_ledger(tmp_path: Path) -> None:
    """config.yaml names a local model and its teacher by their last names alone."""
    with open_run(
        tmp_path / "run",
        "hum",
        "feedback",
        resolve(FeedbackConfig, sets=LOCAL),
        {"rule": "Hum a tune."},
    ) as run:
        folder = run.path
    assert "/somewhere" not in (folder / "config.yaml").read_text()
    assert finished.read_base_name(folder) == "/somewhere/talker"
    found = finished.resolve_settings(folder, FeedbackConfig, ["seed=7"]).config
    assert (found.model, found.seed) == ("/somewhere/talker", 7)
    (folder / "config.yaml").write_text("model: org/name\n")
    assert finished.read_base_name(folder) == "org/name"
    with pytest.raises(IntegrityError, match=r"config\.yaml is changed"):
        finished.resolve_settings(folder, FeedbackConfig)


def test_what_a_run_did_before_a_setting_is_its_value_where_it_is_read_again(
    tmp_path: Path,
) -> None:
    def read(*sets: str) -> int:
        found = finished.resolve_settings(tmp_path / "run", FeedbackConfig, sets)
        return found.config.balance.own_samples

    with open_run(tmp_path / "run", "r", "feedback", resolve(FeedbackConfig), {"rule": "r"}) as run:
        run.export("config.yaml", "seed: 7\n")
    assert read() == 0
    assert read("balance.own_samples=3") == 3
    assert finished.resolve_settings(tmp_path / "run", DocumentsConfig).config.seed == 7
    with open_run(tmp_path / "run", "r", "feedback", resolve(FeedbackConfig), {"rule": "r"}):
        pass
    assert read() == FeedbackConfig().balance.own_samples


def test_a_run_that_has_not_begun_has_no_material_and_no_exam(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with pytest.raises(UsageError, match="has not begun"):
        finished.find_material(tmp_path)
    with pytest.raises(UsageError, match="has no exam yet"):
        finished.read_exam(tmp_path)
    identity = {"kind": "documents", "format": RUN_FORMAT}
    ledger.set_note("identity", identity)
    assert finished.find_material(tmp_path) == (identity, None)
    ledger.set_note("paths", {"paths": ["a.txt"]})
    ledger.close()
    assert finished.find_material(tmp_path) == (identity, {"paths": ["a.txt"]})


def test_a_run_of_the_closed_form_is_compared_with_the_settings_of_other_adapters(
    tmp_path: Path,
) -> None:
    resolved = resolve(FeedbackConfig, options={"train.adapter": "closed_form"})
    with open_run(tmp_path / "run", "r", "feedback", resolved, {"rule": "r"}):
        pass
    found = finished.resolve_settings(tmp_path / "run", FeedbackConfig, ["train.batch_size=4"])
    assert found.config.train.batch_size == 4
