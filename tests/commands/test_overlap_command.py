"""`selfteach overlap`: what it keeps, what it says of the rest, and what it refuses before any
work.
"""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import warm
from selfteach import cli

A = [
    "Write a poem about the sea.",
    "write a poem about the sea",
    "Name three rivers in France.",
    "Напиши стихи о море",
]
B = [
    "Name three rivers in Spain.",
    "Sort these numbers.",
    "Sort these numbers!",
    "Write a poem about the sea, please.",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, texts in (("a.jsonl", A), ("b.jsonl", B)):
        write(name, [{"id": n, "instruction": text, "output": "x"} for n, text in enumerate(texts)])


def write(name: str, found: list[dict[str, Any]]) -> None:
    Path(name).write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), "utf-8"
    )


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]


def test_a_file_against_itself(capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.run_command(["overlap", "a.jsonl", "--out", "kept.jsonl", "--dropped", "dropped.jsonl"])
        == 0
    )
    assert rows("kept.jsonl") == [row for row in rows("a.jsonl") if row["id"] != 1]
    like = {"where": "a.jsonl:1", "similarity": 1.0, "text": A[0]}
    assert rows("dropped.jsonl") == [
        {"reason": "overlap", "where": "a.jsonl:2", "like": like, "row": rows("a.jsonl")[1]}
    ]
    printed = capfd.readouterr()
    assert printed.out == "kept.jsonl: 3 rows kept, 1 dropped\n"
    assert "1 kept rows contain no comparable word" in printed.err
    assert sorted(path.name for path in Path().iterdir()) == [
        "a.jsonl",
        "b.jsonl",
        "dropped.jsonl",
        "kept.jsonl",
    ]


def test_repaired_rows_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    write("c.jsonl", [{"instruction": text} for text in ("Sing\0.", "Walk home.", "Eat\0 it.")])
    assert cli.run_command(["overlap", "c.jsonl", "--out", "kept.jsonl"]) == 0
    told = "repaired rows: 2; the first: c.jsonl:1: unsafe characters replaced.\n"
    assert told in capfd.readouterr().err


def test_a_second_file_against_the_first_and_itself(capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.run_command(
            [
                "overlap",
                "a.jsonl",
                "b.jsonl",
                "--out",
                "kept.jsonl",
                "--dropped",
                "dropped.jsonl",
                "--json",
            ]
        )
        == 0
    )
    assert [row["instruction"] for row in rows("kept.jsonl")] == ["Sort these numbers."]
    assert [
        (row["where"], row["like"]["where"], row["like"]["similarity"])
        for row in rows("dropped.jsonl")
    ] == [
        ("b.jsonl:1", "a.jsonl:3", 0.8),
        ("b.jsonl:3", "b.jsonl:2", 1.0),
        ("b.jsonl:4", "a.jsonl:1", 0.923077),
    ]
    assert json.loads(capfd.readouterr().out) == {
        "out": "kept.jsonl",
        "kept": 1,
        "dropped": 3,
        "bad_lines": 0,
    }


def test_words_of_every_script() -> None:
    write(
        "r.jsonl", [{"instruction": "Напиши стихи о море"}, {"instruction": "напиши стихи о море!"}]
    )
    assert cli.run_command(["overlap", "r.jsonl", "--out", "rouge.jsonl"]) == 0
    assert (
        cli.run_command(["overlap", "r.jsonl", "--out", "unicode.jsonl", "--words", "unicode"]) == 0
    )
    assert (len(rows("rouge.jsonl")), len(rows("unicode.jsonl"))) == (2, 1)


def test_messages_are_compared_by_the_last_turn_of_the_user() -> None:
    turns = [
        [{"role": "system", "content": text}, {"role": "user", "content": "Say a b c d."}]
        for text in ("be kind", "be terse")
    ]
    write("m.jsonl", [{"prompt": turn} for turn in turns])
    assert cli.run_command(["overlap", "m.jsonl", "--field", "prompt", "--out", "kept.jsonl"]) == 0
    assert rows("kept.jsonl") == rows("m.jsonl")[:1]


def test_a_missing_field_names_those_there_are(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["overlap", "a.jsonl", "--field", "text", "--out", "kept.jsonl"]) == 3
    err = capfd.readouterr().err
    assert 'a.jsonl:1: has no field "text"' in err
    assert "id, instruction, output" in err
    assert not Path("kept.jsonl").exists()


def test_bad_lines_are_left_out_and_reported(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"instruction": f"word{n} other{n}"}) for n in range(40)]
    lines[3] = '{"instruction": "torn'
    lines[7] = '{"other": 1}'
    lines[9] = '{"instruction": 5}'
    Path("t.jsonl").write_text("\n".join(lines))
    assert (
        cli.run_command(["overlap", "t.jsonl", "--out", "kept.jsonl", "--dropped", "dropped.jsonl"])
        == 0
    )
    assert len(rows("kept.jsonl")) == 37
    assert [(row["reason"], row["where"]) for row in rows("dropped.jsonl")] == [
        ("bad line", f"t.jsonl:{n}") for n in (4, 8, 10)
    ]
    err = capfd.readouterr().err
    assert "t.jsonl:4: left out: not JSON" in err
    assert 't.jsonl:8: left out: no field "instruction"' in err
    assert 't.jsonl:10: left out: "instruction" is no text' in err


def test_a_file_that_is_mostly_bad_is_refused_and_nothing_written(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("t.jsonl").write_text('{"instruction": "fine"}\ntorn\ntorn\n')
    assert cli.run_command(["overlap", "t.jsonl", "--out", "kept.jsonl"]) == 3
    assert "2 of 3 lines cannot be used; the first: t.jsonl:2" in capfd.readouterr().err
    assert [path.name for path in Path().iterdir() if "kept" in path.name] == []


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file(content: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("e.jsonl").write_text(content)
    assert cli.run_command(["overlap", "e.jsonl", "--out", "kept.jsonl"]) == 3
    assert "holds no row" in capfd.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        ["--out", "a.jsonl"],
        ["--out", "none/kept.jsonl"],
        ["--out", "."],
        ["--out", "b.jsonl/kept.jsonl"],
        ["--out", "k", "--dropped", "k"],
        ["--out", "k", "--dropped", "none/d"],
        ["--out", "k", "--words", "rogue"],
        ["--out", "k", "--threshold", "1.5"],
        ["--out", "k", "--threshold", "nan"],
        ["--out", "k", "--workers", "0"],
    ],
)
def test_refused_before_any_work(more: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from selfteach.commands import overlap as body

    monkeypatch.setattr(body, "read_jsonl", lambda *_: pytest.fail("work began"))
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    assert cli.run_command(["overlap", "a.jsonl", *more]) == 2
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_an_interruption_leaves_the_old_file_whole() -> None:
    rng = random.Random(0)
    words = [f"w{n}" for n in range(40)]
    write("big.jsonl", [{"instruction": " ".join(rng.choices(words, k=12))} for _ in range(60_000)])
    Path("kept.jsonl").write_text("old")
    command = [
        "-m",
        "selfteach",
        "overlap",
        "big.jsonl",
        "--threshold",
        ".4",
        "--out",
        "kept.jsonl",
        "--force",
    ]
    work = warm.Process(command)
    while "filter" not in (line := work.stderr.readline()):
        assert line
    time.sleep(0.2)
    work.send_signal(signal.SIGINT)
    _, err = work.communicate(timeout=60)
    assert work.returncode == 130, err
    assert Path("kept.jsonl").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == [
        "a.jsonl",
        "b.jsonl",
        "big.jsonl",
        "kept.jsonl",
    ]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_list_and_a_table_are_datasets_too(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["one two three four", "five six seven eight", "one two three four"]
    data = tmp_path / f"d.{form}"
    out = tmp_path / "out.jsonl"
    gone = tmp_path / "gone.jsonl"
    data.write_text(
        json.dumps([{"instruction": t} for t in texts])
        if form == "json"
        else "instruction\n" + "\n".join(texts) + "\n"
    )
    assert (
        cli.run_command(["overlap", str(data), "--out", str(out), "--dropped", str(gone), "--json"])
        == 0
    )
    assert [json.loads(line)["instruction"] for line in out.read_text().splitlines()] == texts[:2]
    (row,) = [json.loads(line) for line in gone.read_text().splitlines()]
    assert row["like"]["text"] == texts[0]
    assert row["like"]["where"] == ("d.json[1]" if form == "json" else "d.csv:2")
