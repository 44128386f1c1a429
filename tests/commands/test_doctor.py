"""`selfteach doctor` says what is here and what is missing, also where that is torch; `selfteach
models` what can be named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.commands import doctor
from selfteach.models import fetch_default_model, hf
from selfteach.run import manifest
from talker import run_json

SEEN = {
    "selfteach",
    "python",
    "torch",
    "transformers",
    "peft",
    "openvino",
    "cores",
    "memory",
    "largest model",
    "disk for runs",
    "disk for models",
}


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if these packages were not installed."""
    here: dict[str, Any] = manifest.collect_versions()
    monkeypatch.setattr(
        manifest,
        "collect_versions",
        lambda: here | {"packages": here["packages"] | dict.fromkeys(names, "absent")},
    )


def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "read_memory_bytes", lambda: 8 << 30)
    monkeypatch.setattr(doctor, "get_free_bytes", lambda folder: 8 << 30)


def test_it_says_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    plenty(monkeypatch)
    code, found = run_json(["doctor", "--json"])
    rows = {row["what"]: row for row in found}
    assert code == 0
    assert rows.keys() - {"processor", "accelerator", "embedded model"} == SEEN
    assert rows["torch"]["found"] == manifest.collect_versions()["packages"]["torch"]
    assert rows["memory"]["found"] == "8.6 GB"
    assert not any(row["cure"] for row in found)


def test_it_survives_an_absent_torch_and_says_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plenty(monkeypatch)
    without(monkeypatch, "torch", "openvino-genai")
    code, found = run_json(["doctor", "--json"])
    rows = {row["what"]: row for row in found}
    assert code == 5
    assert rows["torch"] == {
        "what": "torch",
        "found": "absent",
        "cure": 'pip install "selfteach[cpu]" installs it',
        "required": True,
    }
    assert "pip install openvino-genai" in rows["openvino"]["cure"]
    assert not {"processor", "accelerator"} & rows.keys(), "nobody can be asked"
    assert cli.run_command(["doctor"]) == 5
    assert (
        '!!  torch            absent\n    pip install "selfteach[cpu]" installs it'
        in capsys.readouterr().out
    )


def test_an_absent_openvino_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plenty(monkeypatch)
    without(monkeypatch, "openvino-genai")
    assert cli.run_command(["doctor"]) == 0
    assert "--  openvino         absent\n    it makes generation" in capsys.readouterr().out


def test_too_little_memory_or_disk_has_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "read_memory_bytes", lambda: 2 << 30)
    monkeypatch.setattr(doctor, "get_free_bytes", lambda folder: 1 << 30)
    code, found = run_json(["doctor", "--json"])
    assert code == 5
    assert {row["what"] for row in found if row["cure"]} == {
        "memory",
        "disk for runs",
        "disk for models",
    }


def test_a_build_of_torch_without_onednn_is_not_asked_for_its_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hf.torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(hf.torch.ops, "mkldnn", None)
    assert hf.has_bf16_hardware() is False


@pytest.mark.parametrize(
    ("machine", "avx512_bf16", "amx", "onednn", "fast"),
    [
        ("x86_64", False, False, True, False),
        ("x86_64", True, False, True, True),
        ("AMD64", False, True, True, True),
        ("aarch64", False, False, True, True),
        ("aarch64", True, True, False, False),
    ],
)
def test_bf16_is_in_hardware_only_where_the_processor_has_it(
    machine: str,
    avx512_bf16: bool,
    amx: bool,
    onednn: bool,
    fast: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """oneDNN says yes to every processor with AVX-512, where bf16 may be emulated: there float32 is
    three times as fast.
    """
    monkeypatch.setattr(hf.platform, "machine", lambda: machine)
    monkeypatch.setattr(hf.torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(hf.torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    monkeypatch.setattr(hf.torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(hf.torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert hf.has_bf16_hardware() is fast


@pytest.mark.parametrize("fetched", [False, True])
def test_models_names_the_embedded_one_and_whether_it_is_here(
    fetched: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    if fetched:
        fetch_default_model.get_embedded_folder().mkdir()
        (fetch_default_model.get_embedded_folder() / "config.json").write_text("{}")
    code, found = run_json(["models", "--json"])
    assert code == 0
    assert found[0] == {
        "name": "embedded",
        "what": fetch_default_model.DESCRIPTION,
        "cached": fetched,
    }
    assert cli.run_command(["models"]) == 0
    assert f"embedded{' ' * 33}{'here   ' if fetched else 'fetched'}" in capsys.readouterr().out
