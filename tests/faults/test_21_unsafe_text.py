"""Row 21: lone surrogates, NUL, byte-order marks, U+2028 and direction overrides are made safe
once, by the reader, on record.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfteach.files import BadLine, read_jsonl
from selfteach.records import parse_messages
from selfteach.text import clean_text

UNSAFE = "\x00\x07\x1b\x7f\x85\x9b\ud800\udfff\ufeff\u2028\u2029\u202a\u202e\u2066\u2069"
any_text = st.text(st.characters() | st.sampled_from(UNSAFE), max_size=60)
any_json = st.recursive(
    any_text | st.integers(-9, 9) | st.none(),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(any_text, x, max_size=3),
    max_leaves=8,
)


@given(any_text)
@example("\ud83d\ude00")
def test_clean_text_passes_everything_that_choked(text: str) -> None:
    safe = clean_text(text)
    assert not set(safe) & set(UNSAFE)
    safe.encode("utf-8")
    assert json.loads(json.dumps(safe)) == safe
    assert "\x00" not in safe
    database = sqlite3.connect(":memory:")
    assert database.execute("SELECT ?", (safe,)).fetchone()[0] == safe
    database.close()


@given(any_text)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"])
        | st.sampled_from("\n\t\r\u200d\u200e\u200f"),
        max_size=80,
    )
)
@example("naïve 日本語 👩\u200d👩 עברית\u200f")
def test_ordinary_text_of_any_language_is_left_alone(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\u2028b\u2029c\x85d", "a\nb\nc\nd"),
        ("\ufeffa", "a"),
        ("a\u202eb\u2066c", "abc"),
        ("a\x00b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x9b31m", "\ufffd31m"),
    ],
)
def test_what_becomes_of_each(text: str, safe: str) -> None:
    assert clean_text(text) == safe


@settings(deadline=None)
@given(st.dictionaries(any_text, any_json, max_size=4))
def test_the_reader_hands_out_only_safe_text_and_says_where_it_mended(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "unsafe.jsonl"
    path.write_text(json.dumps(row) + "\n")
    mended: list[BadLine] = []
    bad: list[BadLine] = []
    found = [read for _, read in read_jsonl(path, bad, mended)]
    if bad:
        return  # two keys that are one when clean
    text = json.dumps(found, ensure_ascii=False)
    assert not set(text) & set(UNSAFE)
    text.encode("utf-8")
    assert [line.where for line in mended] == ([] if found == [row] else ["unsafe.jsonl:1"])


def test_a_line_separator_inside_a_text_splits_no_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "x\u2028y"}\n{"a": "z\x0c"}\n', encoding="utf-8")
    bad: list[BadLine] = []
    assert [row["a"] for _, row in read_jsonl(path, bad)] == ["x\ny"]
    assert bad[0].where == "rows.jsonl:2", "a raw control character inside a string is not JSON"


def test_a_prompt_is_clean_whatever_its_form() -> None:
    for prompt in ("a\ud800", [{"role": "user", "content": "a\ud800"}]):
        assert parse_messages(prompt)[0].content == "a\ufffd"
