"""What a merged folder has for others: modes of the umask, the base's license, no private path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfteach.export.publish_folder import find_licenses, publish_folder, read_umask
from selfteach.models.fetch_default_model import EMBEDDED, get_embedded_folder
from selfteach.models.write_gguf import name_model


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_modes_follow_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    (tmp_path / "out" / "inner").mkdir(parents=True)
    files = [tmp_path / "out" / "model.safetensors", tmp_path / "out" / "inner" / "a.json"]
    for file in files:
        file.touch(mode=0o600)
    before = os.umask(umask)
    try:
        publish_folder(tmp_path / "out", "somebody/model", tmp_path)
        assert read_umask() == umask
    finally:
        os.umask(before)
    assert [file.stat().st_mode & 0o777 for file in files] == [mode, mode]


def test_the_license_of_the_base_comes_along(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "LICENSE.txt").write_text("Do what you like.")
    (base / "LICENSES").mkdir()  # where some keep the texts of several
    (base / "config.json").write_text("{}")
    (tmp_path / "out").mkdir()
    publish_folder(tmp_path / "out", str(base), base)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["LICENSE.txt"]


def test_a_base_without_a_license_gets_none(tmp_path: Path) -> None:
    assert find_licenses("somebody/model", tmp_path) == []


def test_a_gguf_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    assert name_model(str(tmp_path / "secret" / "my-model")) == "my-model"
    assert name_model("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"
    assert name_model(str(get_embedded_folder())) == "SmolLM2-135M-Instruct"
    assert name_model("") == "selfteach model"
    assert EMBEDDED not in name_model(str(get_embedded_folder()))


def test_a_relative_folder_is_no_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("private/model").mkdir(parents=True)
    assert name_model("private/model") == "model"
