"""The embedded model is unpacked with the pre-tokenizer that its GGUF names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import regex

from selfteach.errors import IntegrityError
from selfteach.models import fetch_default_model
from selfteach.models.hf import HfModel
from selfteach.models.load_tokenizer import PLAIN_CLASS, load_tokenizer
from selfteach.models.write_gguf import write_gguf

GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TEXTS = (
    "x =  7",
    "Steps:\n\n1. Rest\n2. Eat\n\n10. Sleep",
    "\t\t42 and 3.14",
    "In 2024 model7b won 13 of 20 games; abc123def, v2.0",
    "1  2   3\r\n\r\n4",
    "It's half, \u00bd, or x\u00b2",
    "No digits  at all.\n\n- one",
    "   ",
    "7",
)


def split_as_known(text: str) -> list[str]:
    """Split a text by the rule of `smollm`: every digit alone, then the words of GPT-2."""
    parts = regex.split(r"(\p{N})", text)
    return [word for part in parts for word in regex.findall(GPT2_WORDS, part)]


def list_words(tokenizer: Any, text: str) -> list[str]:
    """Return the pieces of a text that a tokenizer merges bytes in."""
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
    return [text[start:stop] for _, (start, stop) in pieces]


def write_file(folder: Path, make_tiny: Any, by_digits: bool) -> Path:
    """Write a tiny model as GGUF, with a tokenizer that splits digits or not."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    model = HfModel.load(make_tiny(folder / "tiny"), dtype="float32", device="cpu")
    if by_digits:
        model.tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        )
    return write_gguf(model.module, model.tokenizer, folder / "tiny.gguf")


def test_the_pre_tokenizer_of_the_file_is_kept(make_tiny: Any, tmp_path: Path) -> None:
    file = write_file(tmp_path, make_tiny, by_digits=True)
    folder = fetch_default_model._convert_gguf(file, tmp_path / "whole")
    for tokenizer in (load_tokenizer(folder), load_tokenizer(folder, PLAIN_CLASS)):
        for text in TEXTS:
            assert list_words(tokenizer, text) == split_as_known(text)
            assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_written_file_names_it_again(make_tiny: Any, tmp_path: Path) -> None:
    from gguf import GGUFReader

    file = write_file(tmp_path, make_tiny, by_digits=True)
    folder = fetch_default_model._convert_gguf(file, tmp_path / "whole")
    model = HfModel.load(folder, dtype="float32", device="cpu")
    again = write_gguf(model.module, model.tokenizer, tmp_path / "again.gguf")
    fields = GGUFReader(again).fields
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert str(tmp_path) not in fields["general.name"].contents()


def test_another_pre_tokenizer_is_refused(make_tiny: Any, tmp_path: Path) -> None:
    file = write_file(tmp_path, make_tiny, by_digits=False)
    with pytest.raises(IntegrityError, match='names the pre-tokenizer "gpt-2"'):
        fetch_default_model._convert_gguf(file, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_the_copy_of_an_earlier_version_stays_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    earlier = tmp_path / f"embedded-{fetch_default_model.GGUF_SHA256[:12]}"
    assert fetch_default_model.get_embedded_folder() != earlier


@pytest.mark.slow
def test_the_embedded_model_splits_as_its_file_says(embedded: str) -> None:
    tokenizer = load_tokenizer(fetch_default_model.get_embedded_folder(), PLAIN_CLASS)
    for text in TEXTS:
        assert list_words(tokenizer, text) == split_as_known(text)
    assert tokenizer.tokenize("x =  7") == ["x", "Ġ=", "ĠĠ", "7"]
    assert tokenizer.tokenize("Do:\n\n1. Go") == ["Do", ":", "ĊĊ", "1", ".", "ĠGo"]
    saved = json.loads((fetch_default_model.get_embedded_folder() / "tokenizer.json").read_text())
    assert [part["type"] for part in saved["pre_tokenizer"]["pretokenizers"]] == [
        "Digits",
        "ByteLevel",
    ]
