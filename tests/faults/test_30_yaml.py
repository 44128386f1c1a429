"""Row 30: malicious and mistyped YAML: limits, duplicate keys, did-you-mean; nothing is built,
everything is named.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import (
    METHOD_CONFIGS,
    FeedbackConfig,
    Section,
    load_yaml,
    parse_yaml,
    resolve,
)
from selfteach.errors import UsageError
from selfteach.records import SamplingParams

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("!!python/object/apply:os.system ['touch canary']", "tags are not allowed"),
        ("x: !!python/name:os.system", "tags are not allowed"),
        (BOMB, "aliases are not allowed"),
        ("seed: 1\nseed: 2", 'the key "seed" stands twice'),
        ("ask: {target: 1, target: 2}", 'the key "target" stands twice'),
        ("1: x", "is not a word"),
        ("? [a]\n: b", "is not a word"),
        ("a: [", "not valid YAML in line"),
        ("a: b: c", "not valid YAML in line 1"),
        ("- 1\n- 2", "not a mapping"),
        ("[" * 5000, "not valid YAML"),
        ("a: 1\n--- \nb: 2", "not valid YAML"),
        ("x: !!binary aGk=", "tags are not allowed"),
        ("smoke_test: !!bool zz", "tags are not allowed"),
        ("seed: !!int ''", "tags are not allowed"),
        ("seed: !!timestamp zz", "tags are not allowed"),
        ("train: !!float {}", "tags are not allowed"),
    ],
)
def test_hostile_yaml_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(text)
    start = time.process_time()
    with pytest.raises(UsageError, match=words):
        resolve(FeedbackConfig, file)
    assert time.process_time() - start < 5
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("data", "words"), [(b"\xff\xfe\x00", "not UTF-8"), (b"#" * (2 << 20), "larger than 1 MB")]
)
def test_files_that_are_no_configuration(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "c.yaml").write_bytes(data)
    with pytest.raises(UsageError, match=words):
        load_yaml(tmp_path / "c.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5E3", 5000.0),
        (".5", 0.5),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("2026-11-20", "2026-11-20"),
        ("7", 7),
        ("-7", -7),
        ("017", "017"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("", None),
    ],
)
def test_values_are_what_a_person_means(text: str, value: object) -> None:
    found = parse_yaml(text, "--set x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", ".nan", "1e999", "-1e999"])
def test_a_number_that_is_not_finite_is_refused_or_a_word(text: str) -> None:
    with pytest.raises(UsageError):
        resolve(FeedbackConfig, sets=[f"train.learning_rate={text}"])


def list_floats(schema: type[Section], path: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting that takes a fraction."""
    for name, field in schema.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from list_floats(field.annotation, f"{path}{name}.")
        elif "float" in str(field.annotation) and "dict" not in str(field.annotation):
            yield f"{path}{name}"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_no_setting_is_infinite(method: str, value: float) -> None:
    schema = METHOD_CONFIGS[method]
    options: dict[str, object] = dict.fromkeys(list_floats(schema), value)
    assert len(options) > 5
    nested = {"train.weights": {"near": {"anchor": value}}, "train.min_share": {"near": value}}
    with pytest.raises(UsageError) as caught:
        resolve(schema, options=options | nested)
    for key in [*options, "train.weights.near.anchor", "train.min_share.near"]:
        assert f"\n  {key}" in str(caught.value)


@pytest.mark.parametrize("key", ["seed", "train.epochs", "train.max_steps"])
@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_a_number_that_no_library_holds_is_refused_at_once(method: str, key: str) -> None:
    with pytest.raises(UsageError, match=key):
        resolve(METHOD_CONFIGS[method], sets=[f"{key}={1 << 64}"])
    resolve(METHOD_CONFIGS[method], sets=[f"{key}={(1 << 31) - 1}"])


def test_a_seed_beyond_every_library_is_refused_by_the_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["answer", "--in", "p.txt", "--seed", str(1 << 64)]) == 2
    assert "--seed" in capsys.readouterr().err


@pytest.mark.parametrize("value", [math.inf, math.nan, -1.0])
def test_a_temperature_that_nothing_is_sampled_at_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="temperature: must be a finite number"):
        SamplingParams(temperature=value)


def test_every_mistake_is_reported_at_once_with_the_nearest_word(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("sead: 1\ntrain: {epoch: 3, learning_rate: fast}\nask: {target: -1}\n")
    with pytest.raises(UsageError) as caught:
        resolve(FeedbackConfig, file, sets=["probe.sampels=2", "nonsense"])
    text = str(caught.value)
    for words in (
        'sead (mine.yaml): there is no such key. Did you mean "seed"?',
        'train.epoch (mine.yaml): there is no such key. Did you mean "train.epochs"?',
        'probe.sampels (--set): there is no such key. Did you mean "probe.samples"?',
        "train.learning_rate (mine.yaml):",
        "ask.target (mine.yaml):",
        "--set nonsense: write it as key=value",
    ):
        assert words in text
    assert "fast" not in text
