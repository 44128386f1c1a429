"""Row 40: the power fails at any change of a file, and what was not synced is lost. Nothing that
was reported done is lost, and the same command ends with the same bytes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from durable_files import DurableFiles
from file_layer import load_sqlite

import warm
from switches import skip_with_threads

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


@pytest.mark.training
@pytest.mark.skipif(load_sqlite() is None, reason="the changes of SQLite cannot be seen here")
@pytest.mark.parametrize("stride", [151, pytest.param(3, marks=pytest.mark.slow)])
def test_what_was_reported_done_is_there_after_a_power_loss(tmp_path: Path, stride: int) -> None:
    """After each loss no answer that the method was given is computed again; after one at the end
    of the run all exports are as they were.
    """
    skip_with_threads()
    done = warm.run([SCRIPTED_RUN, "power", tmp_path, str(stride)])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["states"] >= 3 * (1 + 80 // stride)
    assert len(found["expected"]) >= 6
    assert found["wrong"] == []


def test_only_what_was_synced_is_left(tmp_path: Path) -> None:
    """A file without a sync is empty or gone; a synced one is gone until its folder is synced."""
    folder = tmp_path / "disk"
    folder.mkdir()
    durable = DurableFiles(folder)
    for name in ("never", "synced", "whole"):
        (folder / name).write_bytes(b"old")
    for name in ("synced", "whole"):
        durable.keep(folder / name)
    durable.keep(folder)
    (folder / "whole").write_bytes(b"new")
    os.replace(folder / "synced", folder / "renamed")

    def left(loss: str) -> dict[str, bytes]:
        durable.write(tmp_path / loss, loss)
        return {path.name: path.read_bytes() for path in (tmp_path / loss).iterdir()}

    assert left("all") == {"never": b"", "synced": b"old", "whole": b"old"}
    assert left("contents") == {"never": b"", "renamed": b"old", "whole": b"old"}
    mixed = left("some sectors")
    assert mixed["whole"] in (b"old", b"new")
