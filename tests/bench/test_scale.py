"""The bench of growth measures every step at every size."""

import pytest

from bench import scale


def test_each_step_has_a_line_and_each_size_a_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setattr(scale, "measure_in_child", lambda n, d: scale.measure_steps(n, d, tmp_path))
    scale.main(["--sizes", "60", "--dims", "16"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[-1] == "60"
    steps = [line.rsplit(None, 1)[0].strip() for line in lines]
    assert steps[:2] == ["overlap", "record embeddings"]
    assert steps[-3:] == ["cluster", "ledger, MB", "peak, GB"]
    assert all(float(line.split()[-1]) >= 0 for line in lines)
