"""What is printed of a model's name before anything heavy is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub.utils import filter_repo_objects

from selfteach.errors import UsageError
from selfteach.models import check_safety
from selfteach.models.resolve_model_path import (
    check_model_name,
    check_teacher_name,
    resolve_model_folder,
)


def test_a_folder_is_itself_and_a_hub_name_may_be_there(tiny: Path) -> None:
    assert resolve_model_folder(str(tiny)) == tiny
    for name in (str(tiny), "owner/name", "Qwen/Qwen2.5-0.5B_x", "embedded"):
        check_model_name(name)


def test_a_model_needs_no_cache_to_be_known(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache of sums saves time alone; here a file is in its place."""
    expected = check_safety.compute_fingerprint(tiny)
    (tmp_path / "cache").touch()
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(check_safety, "LARGE_BYTES", 0)
    assert check_safety.compute_fingerprint(tiny) == expected


def test_a_hub_name_that_cannot_be_fetched() -> None:
    with pytest.raises(UsageError, match="cannot be fetched"):
        resolve_model_folder("nobody/no-such-model")


def test_the_same_weights_are_fetched_from_a_hub_once(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository may hold them again for other programs, and others in folders."""
    wanted = [
        "additional_chat_templates/tool_use.jinja",
        "chat_template.jinja",
        "config.json",
        "model-00001-of-00001.safetensors",
        "model.safetensors.index.json",
        "tokenizer.model",
    ]
    others = ["consolidated.safetensors", "fp32/model.safetensors", "onnx/config.json", "x.bin"]

    def fetch(name: str, **patterns: list[str]) -> str:
        found = list(filter_repo_objects([*wanted, *others], **patterns))
        assert found == wanted
        return str(tiny)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert resolve_model_folder("owner/name") == tiny


@pytest.mark.parametrize(
    "name",
    [
        "embeded",
        "./absent",
        "a/b/c",
        "~/absent",
        "",
        "nowhere/",
        "Qwen/",
        "a/b--c",
        "a/-b",
        "a b/c",
    ],
)
def test_no_such_model(name: str) -> None:
    with pytest.raises(UsageError, match="there is no model"):
        check_model_name(name)


def test_a_folder_with_pickles_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="pickle"):
        check_model_name(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embeded", "no model"),
        ("nowhere/", "no model"),
        ("cmd:no-such-program", "no program"),
        ("http://host/v1", "names no model"),
        ("host/v1#m", "not an http"),
    ],
)
def test_no_such_teacher(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_teacher_name(name)


def test_none_and_good_teachers_pass(tiny: Path) -> None:
    for name in ("", str(tiny), f"cmd:{sys.executable} teacher.py", "http://host:8000/v1#name"):
        check_teacher_name(name)


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys; import selfteach.models.resolve_model_path; print({'torch', 'transformers', "
        "'openai'} & set(sys.modules))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "set()"
    )
