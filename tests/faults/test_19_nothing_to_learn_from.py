"""Row 19: where nothing can be learned from, the program ends with 3 and the reasons, and writes no
adapter.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.generate import subject
from selfteach.methods.feedback.make_examples import NOT_FOUND
from talker import FEW, feedback_command, run_json


@pytest.mark.parametrize("rule", ["", "  \n ", "...!", "\u200b", "\x00\x07", "\ufeff"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_an_empty_rule_is_refused_before_anything_is_done(
    rule: str,
    more: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from selfteach.models.hf import HfModel

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HfModel, "load", lambda *a, **k: pytest.fail("a model was loaded"))
    assert cli.run_command(["feedback", *more, "--", rule]) == 3
    shown = capfd.readouterr()
    assert "the rule is empty" in shown.err
    assert "Do not talk about" in shown.err, "no example of a rule is given"
    assert shown.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_model_whose_requests_are_all_refused(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for number in ("NUM_NAME_LISTS", "NUM_SIBLING_LISTS"):  # each line of it is 40 random words
        monkeypatch.setattr(subject, number, 2)
    few = ("ask.rounds=1", "ask.target=8")
    command = feedback_command(
        tiny, tmp_path / "run", *(word for name in few for word in ("--set", name))
    )
    assert run_json(command) == (3, None)
    shown = capfd.readouterr().err
    assert "only 0 usable requests" in shown
    assert "(refused: {'" in shown, "no reason is named"
    assert "ask.target" in shown
    assert not (tmp_path / "run" / "adapter").exists()


def test_one_request_is_too_few_to_learn_and_to_be_examined(
    talker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = [*FEW, "--set", "ask.target=1", "--set", "exam.target=1"]
    assert run_json(feedback_command(talker, tmp_path / "run", *one)) == (3, None)
    assert "only 1 usable requests" in capfd.readouterr().err


def test_a_rule_that_the_base_never_breaks_is_no_failure(
    talker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing to learn: exit 0, the exam shown, no adapter; and --require still holds it to its
    word.
    """
    command = feedback_command(
        talker,
        tmp_path / "run",
        *FEW,
        rule="Do not talk about volcanoes.",
        check='not contains "volcano"',
    )
    code, result = run_json(command)
    assert code == 0
    assert result["word"] == "nothing to learn"
    assert "100 %" in result["verdict"]
    assert result["adapter"] is None
    assert result["exam"]["base"]["target"]["value"] == 1.0
    assert "tuned" not in result["exam"]
    assert Path(result["report"]).is_file()
    capfd.readouterr()
    assert cli.run_command([word for word in command if word != "--json"]) == 0
    assert "Nothing to learn" in capfd.readouterr().out
    assert cli.run_command([*command[:1], "--require", "kept>=.5", *command[1:]]) == 1


def test_a_rule_that_no_answer_keeps_is_not_learned(talker: Path, tmp_path: Path) -> None:
    """The base breaks it everywhere, and so does every try of the search: nothing may be trained
    on.
    """
    code, result = run_json(
        feedback_command(
            talker, tmp_path / "run", *FEW, rule="Say nothing.", check="min_words=1000"
        )
    )
    assert code == 0
    assert (result["word"], result["adapter"]) == ("not learned", None)
    assert "an answer was found" in result["verdict"]
    assert (tmp_path / "run" / "examples.jsonl").read_text() == ""
    assert NOT_FOUND in (tmp_path / "run" / "dropped.jsonl").read_text()
