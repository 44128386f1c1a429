"""`--engine` of the commands that teach."""

from __future__ import annotations

import pytest

from selfteach import cli
from selfteach.commands.options import TeachOptions
from selfteach.config import FeedbackConfig


def test_the_option_is_the_setting() -> None:
    assert TeachOptions(engine="hf").resolve(FeedbackConfig, {}).config.engine == "hf"
    assert TeachOptions().resolve(FeedbackConfig, {}).config.engine == "auto"


@pytest.mark.parametrize("method", ["feedback", "corrections", "documents", "tasks"])
def test_an_unknown_engine_is_refused_with_those_that_are_known(
    method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    material = [] if method == "tasks" else ["x"]
    assert cli.run_command([method, *material, "--engine", "nope", "--dry-run"]) == 2
    assert 'no engine "nope". Known: auto, hf, openvino, paged, ray' in capfd.readouterr().err
