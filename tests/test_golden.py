"""tools/golden.py notices what differs between two recordings."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from selfteach.config import METHOD_CONFIGS, resolve

SCRIPT = Path(__file__).parents[1] / "tools" / "golden.py"
RECORD: dict[str, Any] = {
    "feedback": {
        "examples": {"rows": {"e1": {"id": "e1", "kind": "in_scope"}}, "order": "o"},
        "dropped": {"search": {"c1": {"state": "dropped", "reason": "too short"}}},
        "exam": {
            "leakage": {"near": {"value": 0.25}},
            "objectives": {"in_scope": {"sft": 1.0}},
            "verdict": {"word": "taught"},
        },
        "funnel": {"search": {"requested": 2, "reasons": {"too short": 1}}},
        "weights": {"adapter/adapter_model.safetensors": {"file": "aa", "tensors": "bb"}},
    }
}


@pytest.fixture
def golden() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("golden", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, record: Any) -> Path:
    (folder / "record").mkdir(parents=True)
    (folder / "record" / "feedback.json").write_text(json.dumps(record))
    return folder


def compared(golden: ModuleType, folder: Path, changed: Any) -> list[str]:
    found: list[str] = golden.compare(write(folder / "a", RECORD), write(folder / "b", changed))
    return found


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("FEEDBACK", "feedback"),
        ("CORRECTIONS", "corrections"),
        ("REVIEW", "corrections"),
        ("DOCUMENTS", "documents"),
        ("TASKS", "tasks"),
        ("TRAIN", "train"),
    ],
)
def test_the_settings_of_the_scenarios_are_those_of_this_checkout(
    golden: ModuleType, name: str, method: str
) -> None:
    found = resolve(METHOD_CONFIGS[method], None, getattr(golden, name).split())
    assert found.config.model_dump()


def test_equal_recordings_have_no_difference(golden: ModuleType, tmp_path: Path) -> None:
    assert compared(golden, tmp_path, RECORD) == []


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("exam/leakage/near/value", 0.5, "feedback: feedback/exam/leakage/near/value: 0.25 -> 0.5"),
        (
            "weights/adapter/adapter_model.safetensors/file",
            "cc",
            'feedback: feedback/weights/adapter/adapter_model.safetensors/file: "aa" -> "cc"',
        ),
        ("exam/verdict/word", "x", 'feedback: feedback/exam/verdict/word: "taught" -> "x"'),
    ],
)
def test_a_changed_value_is_one_difference(
    golden: ModuleType, tmp_path: Path, path: str, value: Any, line: str
) -> None:
    changed = copy.deepcopy(RECORD)
    found = changed["feedback"]
    *parents, last = path.replace("adapter/adapter_model", "adapter|adapter_model").split("/")
    for key in parents:
        found = found[key.replace("|", "/")]
    assert last in found
    found[last] = value
    assert compared(golden, tmp_path, changed) == [line]


def test_a_missing_drop_is_a_difference(golden: ModuleType, tmp_path: Path) -> None:
    changed = copy.deepcopy(RECORD)
    changed["feedback"]["dropped"]["search"] = {"c2": {"state": "dropped", "reason": "too short"}}
    lines = compared(golden, tmp_path, changed)
    assert 'feedback: feedback/dropped/search/c1/reason: gone (was "too short")' in lines
    assert 'feedback: feedback/dropped/search/c2/reason: new ("too short")' in lines


def test_a_whole_number_is_not_a_float(golden: ModuleType, tmp_path: Path) -> None:
    changed = copy.deepcopy(RECORD)
    changed["feedback"]["funnel"]["search"]["requested"] = 2.0
    assert len(compared(golden, tmp_path, changed)) == 1


def test_a_scenario_that_one_side_lacks_is_a_difference(golden: ModuleType, tmp_path: Path) -> None:
    a = write(tmp_path / "a", RECORD)
    (tmp_path / "b" / "record").mkdir(parents=True)
    assert golden.compare(a, tmp_path / "b") == [f"feedback: not recorded in {tmp_path / 'b'}"]
    empty = tmp_path / "empty"
    assert golden.compare(empty, empty) == [f"nothing is recorded in {empty} and {empty}"]


def test_no_record_holds_times_or_paths(golden: ModuleType) -> None:
    value = {"seconds": 3, "cost": {"stages": {"load": 1}, "tokens": 2}, "run": "/tmp/x/runs/y"}
    assert golden.scrub(value, {"/tmp/x": "OUT"}) == {"cost": {"tokens": 2}, "run": "OUT/runs/y"}


def test_the_hash_of_tensors_is_blind_to_the_header(golden: ModuleType, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {"b": torch.ones(2, 3), "a": torch.zeros(4)}
    for name, note in (("one", "x"), ("two", "y")):
        save_file(tensors, tmp_path / f"{name}.safetensors", {"note": note})
    save_file({**tensors, "a": torch.ones(4)}, tmp_path / "three.safetensors", {"note": "x"})
    one, three, two = golden.weights(tmp_path).values()
    assert one["file"] != two["file"]
    assert one["tensors"] == two["tensors"] != three["tensors"]
