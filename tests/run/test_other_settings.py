"""A second run of the same material with other settings begins only where somebody wants it."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest

from selfteach.config import CorrectionsConfig, DocumentsConfig, FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import IDENTITY, Run, find_standing_run, open_run


class Terminal(io.StringIO):
    """A terminal with a typed answer."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begin(*sets: str, rule: str = "Hum.", new: bool = False) -> str:
    """Begin or continue a run below runs/, and return the end of its name."""
    resolved = resolve(FeedbackConfig, sets=sets)
    with open_run(None, "hum", "feedback", resolved, {"rule": rule}, new=new) as run:
        return run.path.name[11:]


def test_a_forgotten_setting_is_named_and_nothing_begins() -> None:
    assert begin("seed=1", "train.epochs=2") == "hum"
    with pytest.raises(UsageError) as caught:
        begin()
    text = str(caught.value)
    assert "it is finished and has taken 1 min:" in text
    assert "seed: 1 -> 0" in text
    assert "train.epochs: 2 -> " in text
    assert "--new starts a new run" in text
    assert [path.name[11:] for path in Path("runs").iterdir()] == ["hum"]
    assert begin("seed=1", "train.epochs=2") == "hum"


def test_new_and_other_material_begin_without_a_question() -> None:
    assert begin() == "hum"
    assert begin("seed=1", new=True) == "hum-2"
    assert begin("seed=2", rule="Sing.") == "hum-3"


@pytest.mark.parametrize(("typed", "begins"), [("y\n", True), ("\n", False), ("", False)])
def test_on_a_terminal_a_person_is_asked(
    typed: str, begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert begin() == "hum"
    asked = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", asked)
    if begins:
        assert begin("seed=1") == "hum-2"
    else:
        with pytest.raises(UsageError, match="other settings"):
            begin("seed=1")
    assert "seed: 0 -> 1" in asked.getvalue()
    assert "[y/N]" in asked.getvalue()


def forget_settings(folder: Path, *names: str) -> None:
    """Take settings out of the record of a run, as if its version did not know them."""
    with closing(Ledger(folder / "run.db")) as ledger:
        identity = ledger.get_note(IDENTITY)
        kept = {
            key: value
            for key, value in identity["config"].items()
            if not f"{key}.".startswith(tuple(f"{name}." for name in names))
        }
        ledger.set_note(IDENTITY, {**identity, "config": kept})


@pytest.mark.parametrize("out", [None, Path("mine")])
def test_a_setting_that_is_newer_than_a_run_has_its_default_there(out: Path | None) -> None:
    def open_again(*sets: str) -> Run:
        resolved = resolve(FeedbackConfig, sets=sets)
        return open_run(out, "hum", "feedback", resolved, {"rule": "Hum."})

    with open_again("seed=1") as run:
        pass
    forget_settings(run.path, "balance.outside_tries", "train.weights")
    resolved = resolve(FeedbackConfig, sets=["seed=1"])
    assert find_standing_run(out, "hum", "feedback", resolved, {"rule": "Hum."}) == run.path
    with pytest.raises(UsageError, match=r"balance.outside_tries: 1 -> 2"):
        open_again("seed=1", "balance.outside_tries=2")
    with open_again("seed=1") as again:
        assert (again.path, again.resumed) == (run.path, True)


def test_what_a_run_did_before_a_setting_is_its_value_there() -> None:
    """Runs that do not know `balance.own_samples` draw none; today's default draws some."""
    without = resolve(FeedbackConfig, sets=["balance.own_samples=0"])
    with open_run(None, "hum", "feedback", without, {"rule": "Hum."}) as run:
        pass
    forget_settings(run.path, "balance.own_samples")
    with open_run(run.path, "hum", "feedback", without, {"rule": "Hum."}) as again:
        assert again.resumed
    with pytest.raises(UsageError, match=r"balance.own_samples: 0 -> 4"):
        open_run(run.path, "hum", "feedback", resolve(FeedbackConfig), {"rule": "Hum."})


def test_a_criticism_of_earlier_code_drew_no_own_answers() -> None:
    without = resolve(CorrectionsConfig, sets=["criticism.own_samples=0"])
    with open_run(None, "said", "corrections", without, {"corrections": "1"}) as run:
        pass
    forget_settings(run.path, "criticism.own_samples")
    with open_run(run.path, "said", "corrections", without, {"corrections": "1"}) as again:
        assert again.resumed
    today = resolve(CorrectionsConfig)
    with pytest.raises(UsageError, match=r"criticism.own_samples: 0 -> 8"):
        open_run(run.path, "said", "corrections", today, {"corrections": "1"})


def test_a_comparison_reads_no_setting_of_earlier_values() -> None:
    """One that was begun with today's default goes on with the value of its run."""
    material = {"run": "runs/a", "examples.jsonl": "1"}
    with open_run(None, "compare", "compare", resolve(FeedbackConfig), material):
        pass
    earlier = resolve(FeedbackConfig, sets=["balance.own_samples=0"])
    with open_run(None, "compare", "compare", earlier, material) as again:
        assert again.resumed


def test_a_mapping_that_was_emptied_is_no_newer_setting() -> None:
    """Its parts are keys of the record: the default's parts are not added to it."""
    settings = resolve(DocumentsConfig, sets=["train.min_share={}"])
    for resumed in (False, True):
        with open_run(None, "mill", "documents", settings, {"documents": "1"}) as run:
            assert run.resumed == resumed
    with pytest.raises(UsageError, match=r"train.min_share"):
        open_run(None, "mill", "documents", resolve(DocumentsConfig), {"documents": "1"})
