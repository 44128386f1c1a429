"""Step 6 of a rule: what the tuned model still fails on is asked for again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfteach.methods.feedback import method as feedback
from talker import FEW, feedback_command, open_ledger, run_json

pytestmark = pytest.mark.training


def test_prompts_like_the_failures_are_asked_for_in_a_stage_of_their_own(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        feedback,
        "find_dev_failures",
        lambda session, model, write, dev, judge: {a.text: True for a in dev},
    )
    run = tmp_path / "run"
    more = [*FEW, "--set", "balance.rounds=1", "--set", "ask.target=16"]
    assert run_json(feedback_command(talker, run, *more))[0] == 0
    (total,) = re.findall(
        r"\[prompts like failures\] 0/(\d+) prompts", shown := capfd.readouterr().err
    )
    assert f"[prompts like failures] {total} prompts" in shown
    with open_ledger(run) as ledger:
        asked = [fate for _, fate in ledger.read_outcomes("prompts like failures")]
    assert 0 < len(asked) <= int(total), "one that came twice is one candidate"
    assert any(fate.state == "accepted" for fate in asked)
