"""openvino reports nothing: its telemetry package would tell a server of each import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino_genai")

PROGRAM = """
import sys
import selfteach.models.openvino
import openvino
import openvino.tools.ovc
assert sys.modules.get("openvino_telemetry") is None
"""


@pytest.mark.long
def test_nothing_is_reported_when_openvino_is_imported(tmp_path: Path) -> None:
    own = {**os.environ, "HOME": str(tmp_path)}
    own.pop("CI", None)  # there the package reports nothing anyhow
    subprocess.run([sys.executable, "-c", PROGRAM], env=own, check=True)
    assert list(tmp_path.glob("intel/*")) == []
