"""What moves between the rooms: ids, examples and back, reading and writing JSONL."""

from __future__ import annotations

import json
import math
import os
import stat
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.errors import DataError, ResourceError, UsageError
from selfteach.files import (
    BadLine,
    clean_json,
    parse_json,
    read_jsonl,
    write_bytes,
    write_jsonl,
    write_text,
)
from selfteach.records import (
    Continuations,
    Example,
    LogProb,
    Measure,
    Message,
    Request,
    SamplingParams,
    derive_seed,
    digest,
    dump_canonical_json,
    get_user_text,
    make_prompt,
    measures_to_json,
    parse_messages,
    prompt_to_json,
)
from selfteach.sentences import keep_whole_sentences, split_sentences
from selfteach.text import clean_text

ONE = Request("ask", make_prompt("hi"), SamplingParams(0.7, 0.9, 64, ("\n",)), 2, 3)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(clean_text)
turns = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), words),
    min_size=1,
    max_size=4,
).map(tuple)
examples = st.builds(
    Example,
    words,
    words,
    turns,
    words,
    st.none() | words,
    st.dictionaries(words, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.dictionaries(words, words, max_size=3),
)


def test_the_id_is_pinned() -> None:
    """Ids are what resuming lives on: a change here makes every old run's answers unknown, and must
    be meant.
    """
    assert ONE.id("model") == "e387f469753474604942b889"
    assert Continuations(make_prompt("hi"), ("a", "b")).id("model") == "2ccc0aaa81217e32cc9b2cf8"


CHANGES = (
    {"temperature": 0.0},
    {"top_p": 1.0},
    {"max_tokens": 65},
    {"stop": ()},
    {"stop": ("\n", "x")},
)


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, stage="probe"),
        replace(ONE, prompt=make_prompt("ho")),
        replace(ONE, prompt="hi"),
        replace(ONE, draw=0),
        replace(ONE, seed=0),
        replace(ONE, prompt=make_prompt("hi", system="s")),
        *(replace(ONE, sampling=replace(ONE.sampling, **change)) for change in CHANGES),
    ],
)
def test_everything_that_produces_an_answer_is_in_its_id(other: Request) -> None:
    assert other.id("model") != ONE.id("model")


def test_no_part_of_a_request_is_left_out_above() -> None:
    """A new field must be in the id, and among the requests that are tried above."""

    def names(kind: type) -> list[str]:
        return [field.name for field in fields(kind)]

    assert {name for change in CHANGES for name in change} == set(names(SamplingParams))
    assert names(Request) == ["stage", "prompt", "sampling", "draw", "seed"]
    assert names(Message) == ["role", "content"]


def test_the_model_is_in_the_id_too() -> None:
    assert ONE.id("model") != ONE.id("another")


@pytest.mark.parametrize("top_p", [0.0, -0.1, 1.5, math.nan])
def test_a_share_of_probability_that_keeps_no_token_is_refused(top_p: float) -> None:
    with pytest.raises(UsageError, match="top_p: must be above 0, and 1 at most"):
        SamplingParams(top_p=top_p)


@given(st.integers(0, 3), st.integers(1, 1))
def test_equal_requests_have_equal_ids(temperature: int, top_p: int) -> None:
    """1 and 1.0 are the same temperature, whoever wrote it."""
    whole = SamplingParams(temperature, top_p)
    real = SamplingParams(float(temperature), float(top_p))
    assert Request("ask", "x", whole).id("m") == Request("ask", "x", real).id("m")


@given(st.text(st.sampled_from("0123456789abcdef"), min_size=24, max_size=24))
def test_a_seed_fits_63_bits(id: str) -> None:
    assert 0 <= derive_seed(id) < 1 << 63
    assert derive_seed(id) == derive_seed(id[:16] + "0" * 8)


def test_canonical_json_sorts_and_does_not_escape() -> None:
    assert dump_canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len(digest("\ud800")) == 24


def test_question_is_the_last_user_turn() -> None:
    assert (
        get_user_text(
            (
                Message("user", "a"),
                Message("assistant", "b"),
                Message("user", "c"),
                Message("assistant", "d"),
            )
        )
        == "c"
    )
    assert get_user_text((Message("system", "s"),)) == ""
    assert get_user_text("plain") == "plain"


def test_token_logp_of_no_tokens_is_no_division() -> None:
    assert LogProb(-6.0, 3).token_logp == -2.0
    assert LogProb(0.0, 0).token_logp == 0.0


@given(examples)
def test_an_example_comes_back_as_it_was(example: Example) -> None:
    assert Example.from_json(json.loads(json.dumps(example.to_json()))) == example


GOOD = {
    "id": "1",
    "kind": "near",
    "prompt": [{"role": "user", "content": "q"}],
    "chosen": [{"role": "assistant", "content": "a"}],
}


@pytest.mark.parametrize("name", ["id", "kind", "prompt", "chosen"])
def test_a_missing_field_is_named_with_its_place(name: str) -> None:
    with pytest.raises(DataError, match=f"f:3: .*{name}"):
        Example.from_json({key: value for key, value in GOOD.items() if key != name}, "f:3")


@pytest.mark.parametrize(
    "chosen", [None, [], [None], {}, 1, [{}], [{"content": None}], [{"content": 1}], [["a"]]]
)
def test_an_answer_without_words_is_refused_not_read_as_none(chosen: object) -> None:
    with pytest.raises(DataError, match=r"f:3: .*answer"):
        Example.from_json({**GOOD, "chosen": chosen}, "f:3")


@pytest.mark.parametrize(
    "change", [{"prompt": []}, {"prompt": 1}, {"scores": "abc"}, {"source": [1]}, {"rejected": []}]
)
def test_other_malformed_fields_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="f:3"):
        Example.from_json({**GOOD, **change}, "f:3")


def test_messages_from_what_people_write() -> None:
    assert parse_messages("hi\u2028there") == make_prompt("hi\nthere")
    assert parse_messages([{"role": "user", "content": "a", "extra": 1}]) == make_prompt("a")
    for bad in (
        None,
        [],
        {},
        1,
        [1],
        [{}],
        [{"role": "tool", "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": ["x"]}],
    ):
        with pytest.raises(DataError, match="f:1"):
            parse_messages(bad, "f:1")


@given(turns)
def test_messages_come_back_from_their_json(prompt: tuple[Message, ...]) -> None:
    assert parse_messages(prompt_to_json(prompt)) == prompt


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(
            words,
            words | st.integers(-(1 << 63), (1 << 64) - 1) | st.none() | st.booleans(),
            max_size=3,
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(rows: list[dict[str, object]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_jsonl(path, rows)
        assert [(where, row) for where, row in read_jsonl(path)] == [
            (f"rows.jsonl:{n}", row) for n, row in enumerate(rows, 1)
        ]


def test_blank_lines_count_but_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\n{"a": 1}\r\n  \n{"a": 2}')
    assert list(read_jsonl(path)) == [("a.jsonl:2", {"a": 1}), ("a.jsonl:4", {"a": 2})]


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read") as caught:
            list(read_jsonl(path))
        assert caught.value.exit_code == 3


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_holds_a_number_that_json_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_jsonl(tmp_path / "a.jsonl", [{"loss": float("nan")}])
    assert not list(tmp_path.iterdir())


def test_bad_lines_are_values() -> None:
    assert BadLine("a:1", "x") == BadLine("a:1", "x")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("No end", ["No end"]),
        ("", []),
        ("好。真的！", ["好。", "真的！"]),
        ("A list:\n- a\n- b", ["A list:", "- a", "- b"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("It costs 3.50 today.", ["It costs 3.50 today."]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert list(split_sentences(text)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "-9223372036854775808",
        "18446744073709551615",
        "-0",
        "1.5",
        "1.7976931348623157e308",
        '{"a": {"b": 1}, "b": 1}',
        '"[[["',
        "null",
    ],
)
def test_json_within_its_bounds_is_read_as_json_reads_it(text: str) -> None:
    assert parse_json(text) == json.loads(text)
    assert type(parse_json(text)) is type(json.loads(text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-9223372036854775809", "64 bits"),
        ("18446744073709551616", "64 bits"),
        ("1" * 5000, "64 bits"),
        ("1e999", "out of range"),
        ("[-1e999]", "out of range"),
        ("NaN", "NaN is no JSON number"),
        ('{"a": Infinity}', "Infinity is no JSON number"),
        ('{"a": 1, "a": 1}', "a key stands twice"),
        ("{'a': 1}", "not JSON"),
        ("[" * 200_000, "nested too deep"),
    ],
)
def test_json_beyond_its_bounds_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_json(text)


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_json_may_be_nested_64_deep_and_no_deeper(before: str, after: str) -> None:
    def nested(depth: int) -> str:
        return before * depth + "1" + after * depth

    assert parse_json(nested(64)) == json.loads(nested(64))
    with pytest.raises(ValueError, match="nested deeper than 64"):
        parse_json(nested(65))
    with pytest.raises(ValueError, match="nested deeper than 64"):
        parse_json(f'[1, "x", {nested(64)}, 2]')


@pytest.mark.parametrize("text", ["{} x", "1 2", "[],", '"a"b'])
def test_json_with_something_behind_it_is_refused(text: str) -> None:
    fault = r"not JSON \(Extra data: line 1 column \d \(char \d\)\)"
    with pytest.raises(ValueError, match=fault):
        parse_json(text)


def test_a_line_at_the_limit_is_read_and_a_longer_one_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of 30, 31, 32, 100 and 30 bytes, their newlines included; the limit is 30."""
    monkeypatch.setattr("selfteach.files.MAX_LINE_BYTES", 30)

    def line(length: int) -> bytes:
        return b'{"a":"' + b"x" * (length - 9) + b'"}\n'

    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(map(line, (30, 31, 32, 100, 30))))
    bad: list[BadLine] = []
    assert [where for where, _ in read_jsonl(path, bad)] == ["a.jsonl:1", "a.jsonl:5"]
    assert [line.where for line in bad] == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]
    assert all("the line is longer" in line.fault for line in bad)
    path.write_bytes(line(200).rstrip())
    bad.clear()
    assert list(read_jsonl(path, bad)) == []
    assert [line.where for line in bad] == ["a.jsonl:1"]


def test_a_bad_line_raises_where_no_list_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n[1]\n{"a": 2}\n')
    rows = read_jsonl(path)
    assert next(rows) == ("a.jsonl:1", {"a": 1})
    with pytest.raises(DataError, match="not a JSON object") as caught:
        next(rows)
    assert caught.value.where == "a.jsonl:2"
    bad: list[BadLine] = []
    assert [where for where, _ in read_jsonl(path, bad)] == ["a.jsonl:1", "a.jsonl:3"]
    assert bad == [BadLine("a.jsonl:2", "not a JSON object")]


def test_lines_that_were_cleaned_are_listed_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x\\u2028y"}\n\n{"a": "xy"}\n{"a\\ufeff": ["\\u0000"]}\n')
    mended: list[BadLine] = []
    assert list(read_jsonl(path, cleaned_rows=mended)) == [
        ("a.jsonl:1", {"a": "x\ny"}),
        ("a.jsonl:3", {"a": "xy"}),
        ("a.jsonl:4", {"a": ["\ufffd"]}),
    ]
    assert [line.where for line in mended] == ["a.jsonl:1", "a.jsonl:4"]
    assert [row for _, row in read_jsonl(path)] == [row for _, row in read_jsonl(path, [], [])]


def test_keys_that_become_one_when_cleaned_are_refused() -> None:
    with pytest.raises(ValueError, match="a key stands twice"):
        clean_json({"a": 1, "a\ufeff": 2})
    assert clean_json([1, 2.5, None, True, {"a\ufeff": "b\x00"}]) == [
        1,
        2.5,
        None,
        True,
        {"a": "b\ufffd"},
    ]


MENDED = {
    "\x85\u2028\u2029": "\n",
    "\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069": "",
    "\ud800\udbff\udc00\udfff\x00\x08\x0b\x0c\x0e\x1f\x7f\x80\x84\x86\x9f": "\ufffd",
}


@pytest.mark.parametrize(
    ("char", "safe"), [(char, safe) for chars, safe in MENDED.items() for char in chars], ids=ascii
)
def test_each_unsafe_character_has_its_replacement(char: str, safe: str) -> None:
    assert clean_text(f"a{char}b") == f"a{safe}b"


@pytest.mark.parametrize(
    "char", "\t\n\r ~\xa0\u2027\u202f\u2065\u206a\ufefe\ufffd\ue000", ids=ascii
)
def test_neighbors_of_unsafe_characters_stay(char: str) -> None:
    assert clean_text(f"a{char}b") == f"a{char}b"


def test_a_file_is_whole_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    synced: list[tuple[int | str, str]] = []

    def sync(number: int) -> None:
        status = os.fstat(number)
        what = "folder" if stat.S_ISDIR(status.st_mode) else status.st_size
        synced.append((what, path.read_text()))

    monkeypatch.setattr("os.fsync", sync)
    write_bytes(path, b"all of it")
    assert synced == [(9, "old"), ("folder", "all of it")]
    assert path.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [path]


def test_jsonl_is_written_as_text_and_not_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"a": "象"}, {"b": [1]}])
    assert path.read_text("utf-8") == '{"a": "象"}\n{"b": [1]}\n'
    write_text(path, "\ud800x")
    assert path.read_bytes() == b"?x"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Dear Tim,\n\nI am late. I will", "Dear Tim,\n\nI am late."),
        ("One. Two. One.", "One. Two."),
        ("Only one", ""),
        ("", ""),
    ],
)
def test_the_last_sentence_goes_and_the_lines_stay(text: str, left: str) -> None:
    assert keep_whole_sentences(text, is_cut=True) == left


def test_measures_become_json() -> None:
    found = measures_to_json({"a": {"b": Measure(0.5, 0.1, 0.9, 4)}, "c": [1]})
    assert found == {"a": {"b": {"value": 0.5, "low": 0.1, "high": 0.9, "n": 4}}, "c": [1]}
