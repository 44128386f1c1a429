"""A second run of the same material with other settings begins only where somebody wants it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.run.run_folder import open_run


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
