"""`selfteach templates` and `selfteach inspect` on files: what is shown, what is written, what is
refused.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.commands.templates import split_segments
from selfteach.materials.tasks import read_tasks
from selfteach.materials.templates import get_templates
from talker import run_json

ROWS = [
    {"german": "Wasser", "english": "water"},
    {"german": "Brot", "english": "{german}"},
    {"german": "", "english": "none"},
]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def test_a_dataset_with_named_columns_becomes_instruction_data(words: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.jsonl"
    code, found = run_json(
        [
            "templates",
            str(words),
            "--prompt",
            "Translate: {german}",
            "--answer",
            "{english}",
            "--out",
            str(out),
            "--json",
        ]
    )
    assert (code, found["written"], found["no_template_fits"]) == (0, 2, 1)
    first, second = [json.loads(line) for line in out.read_text().splitlines()]
    assert first["prompt"] == [{"role": "user", "content": "Translate: Wasser"}]
    assert first["completion"] == [{"role": "assistant", "content": "water"}]
    assert second["completion"][0]["content"] == "{german}", "a value is no template"


def test_alpacas_sign_for_no_input_is_no_input(tmp_path: Path) -> None:
    rows = tmp_path / "alpaca.jsonl"
    task = {"instruction": "Name a fruit.", "input": "<noinput>", "output": "Pear."}
    rows.write_text(json.dumps(task))
    out = tmp_path / "train.jsonl"
    words = ["templates", str(rows), "--template", "plain", "--out", str(out), "--json"]
    assert run_json(words)[0] == 0
    assert "noinput" not in out.read_text()


def test_tasks_are_written_as_text_to_be_continued(tmp_path: Path) -> None:
    rows = [
        {
            "instruction": "Add.",
            "instances": [{"input": "1 2", "output": "3"}, {"input": "", "output": "what?"}],
        }
    ]
    data = tmp_path / "t.jsonl"
    out = tmp_path / "o.jsonl"
    data.write_text(json.dumps(rows[0]))
    assert (
        run_json(["templates", str(data), "--template", "output", "--out", str(out), "--json"])[1][
            "written"
        ]
        == 2
    )
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["prompt"], row["completion"]) for row in found] == [
        ("Add.\n\nInput: 1 2\nOutput:", " 3"),
        ("Add.\n\nOutput:", " what?"),
    ]


def test_the_library_is_shown_with_what_is_learned(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["templates", "--template", "plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  > 4. dried lentils" in lines
    assert any(line.startswith("  | Sort these groceries") for line in lines)
    assert sum(line.startswith("plain (chat)") for line in lines) == 2


def test_with_a_model_the_end_of_turn_is_learned_and_the_header_is_not(tiny: Path) -> None:
    from selfteach.models.load_tokenizer import load_chat_tokenizer

    template = get_templates(["plain"])[0]
    (before, learned), (after, yes) = split_segments(
        *template.fill({"instruction": "What?", "output": "I like bread."}),
        load_chat_tokenizer(str(tiny)),
    )
    assert (learned, yes) == (False, True)
    assert before.endswith("<|im_start|>assistant\n")
    assert after == "I like bread.<|im_end|>"


def test_a_form_and_a_dataset_count_without_a_template_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps({"instruction": "Add.", "output": "3"}))
    code, found = run_json(
        ["templates", str(tmp_path / "d.jsonl"), "--form", "completion", "--json"]
    )
    assert code == 0
    assert {row["form"] for row in found} == {"completion"}
    of_output = [row["example"] for row in found if row["name"] == "output"]
    assert of_output == [{"prompt": "Add.\n\nOutput:", "completion": " 3"}, None], (
        "there is no input in the dataset"
    )
    assert {row["form"] for row in run_json(["templates", "--json"])[1]} == {"chat", "completion"}


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (
            ["--out", "o.jsonl", "--template", "plain", "--template", "output"],
            2,
            "cannot be mixed in one dataset",
        ),
        (["--out", "o.jsonl", "--template", "plain"], 3, "no row that a template fits"),
        (["--template", "plain"], 3, "no row that a template fits"),
        (["--prompt", "x {german}"], 2, "Give both"),
        (["--form", "poem"], 2, "no form"),
        (["--template", "plain", "--form", "completion"], 2, "none of the named templates"),
        (["--template", "plian"], 2, "Did you mean"),
    ],
)
def test_what_cannot_be_done_is_reported(
    more: list[str],
    code: int,
    why: str,
    words: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(words.parent)
    assert cli.run_command(["templates", str(words), *more]) == code
    assert why in capsys.readouterr().err
    assert not (words.parent / "o.jsonl").exists()


@pytest.mark.parametrize("more", [[], ["--json"], ["--out", "o.jsonl"]])
def test_a_column_that_is_missing_is_named_with_those_that_exist(
    more: list[str], words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [str(tmp_path / word) if word == "o.jsonl" else word for word in more]
    own = ["--prompt", "Do: {nope}", "--answer", "{english}"]
    assert cli.run_command(["templates", str(words), *own, *more]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        "has no row that a template fits. The templates need the columns nope, english. The rows "
        "have the columns german, english." in err
    )


def test_the_row_that_is_shown_fits_the_template(
    words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words.write_text("\n".join(map(json.dumps, reversed(ROWS))))  # the first has no German
    own = ["--prompt", "Translate: {german}", "--answer", "{english}"]
    assert cli.run_command(["templates", str(words), *own]) == 0
    assert "  | Translate: Brot" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "command", [["templates", "d.jsonl", "--template", "output"], ["inspect", "d.jsonl"]]
)
def test_out_is_written_over_no_file_without_force(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    task = {"instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}
    Path("d.jsonl").write_text(json.dumps(task))
    Path("old").write_text("mine")
    assert cli.run_command([*command, "--out", "old"]) == 2
    assert "old: exists already." in capfd.readouterr().err
    assert Path("old").read_text() == "mine"
    assert cli.run_command([*command, "--out", "old", "--force"]) == 0
    assert Path("old").read_text() != "mine"


def test_a_file_is_inspected_without_a_run(tmp_path: Path) -> None:
    from selfteach.materials.tasks import OWN_SEEDS

    code, found = run_json(["inspect", str(OWN_SEEDS), "--out", str(tmp_path / "p.html"), "--json"])
    assert code == 0
    assert found["tasks"] == found["seeds"] == 42
    assert found["nearest_seed"]["mean"] == 1.0
    assert (tmp_path / "p.html").is_file()
    assert cli.run_command(["inspect"]) == 2


def test_a_bad_row_of_a_file_that_is_inspected_is_left_out_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from selfteach.materials.tasks import OWN_SEEDS

    mine = tmp_path / "mine.jsonl"
    page = ("--out", str(tmp_path / "p.html"))
    mine.write_text(OWN_SEEDS.read_text("utf-8") + '{"instruction": "Say why"}\n', "utf-8")
    assert cli.run_command(["inspect", str(mine), *page]) == 3
    assert "--skip-bad-rows" in capsys.readouterr().err
    assert run_json(["inspect", str(mine), *page, "--skip-bad-rows", "--json"])[1]["tasks"] == 42
    assert "mine.jsonl:43: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "templates"])
def test_skip_bad_rows_is_the_cure_of_any_number_of_bad_rows(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`max_bad_rows` is a setting of the commands that teach."""
    data = tmp_path / "t.jsonl"
    more = {"inspect": [], "templates": ["--template", "plain"]}[command]
    words = [command, str(data), "--out", str(tmp_path / "out"), *more]
    bad = [{"instruction": f"Say {n}", "instances": []} for n in range(7)]
    data.write_text("\n".join(map(json.dumps, [{"instruction": "Add.", "output": "3"}, *bad])))
    assert cli.run_command(words) == 3
    told = capsys.readouterr().err
    assert "max_bad_rows" not in told
    assert "--skip-bad-rows continues without them (7 of 8 rows)" in told
    assert cli.run_command([*words, "--skip-bad-rows"]) == 0
    told = capsys.readouterr().err
    assert all(f"t.jsonl:{line}: " in told for line in range(2, 7))
    assert "and 2 more" in told
    data.write_text("[]\n{}[]\n")
    assert cli.run_command([*words, "--skip-bad-rows", "--force"]) == 3
    assert re.search("(holds|has) no row that can be", capsys.readouterr().err)


def test_one_row_of_a_dataset_is_counted_in_the_singular(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = '{"instruction": "Add 1.", "output": "2"}\n'
    Path("one.jsonl").write_text(row)
    Path("torn.jsonl").write_text(f"{row}[1]\n")
    command = ["templates", "one.jsonl", "--template", "plain", "--out", "o.jsonl"]
    assert cli.run_command(command) == 0
    assert capsys.readouterr().out == "o.jsonl: 1 example, 0 rows that no template fits\n"
    assert cli.run_command(["templates", "torn.jsonl", "--json"]) == 0
    assert capsys.readouterr().err.startswith("selfteach: 1 row cannot be read; the first: torn")


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = [
        json.dumps({"instruction": f"Add {n}.", "input": "1" * (n % 2), "output": "3"})
        for n in range(30)
    ]
    Path("torn.jsonl").write_text("\n".join([*good, '{"instruction": "Te', "[1]"]))
    fault = "selfteach: 2 rows cannot be read; the first: torn.jsonl:31: not JSON"
    for more in ([], ["--json"], ["--template", "plain", "--out", "o.jsonl", "--skip-bad-rows"]):
        assert cli.run_command(["templates", "torn.jsonl", *more]) == 0
        assert capsys.readouterr().err.startswith(fault)
    code, found = run_json(
        [
            "templates",
            "torn.jsonl",
            "--template",
            "plain",
            "--out",
            "o.jsonl",
            "--skip-bad-rows",
            "--force",
            "--json",
        ]
    )
    assert (code, found["written"], found["bad_lines"]) == (0, 30, 2)
    Path("torn.jsonl").write_text('{"instruction": "Te')
    assert cli.run_command(["templates", "torn.jsonl"]) == 3
    assert (
        "holds no row that can be shown; the first: torn.jsonl:1: not JSON"
        in capsys.readouterr().err
    )


def write(path: Path, *rows: object) -> list[str]:
    """The command that writes these rows in the template `plain`."""
    path.write_text("\n".join(map(json.dumps, rows)))
    out = path.with_suffix(".out")
    return ["templates", str(path), "--template", "plain", "--out", str(out)]


def test_a_system_message_that_many_rows_share_is_no_instruction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tasks` reads them so; one that only few rows have is the instruction of its row."""
    path = tmp_path / "t.jsonl"
    rows = []
    for number in range(6):
        system = "You are a helpful assistant." if number < 5 else "Translate to German."
        turns = [{"role": "system", "content": system}]
        turns += [{"role": "user", "content": f"Say {number}."}]
        rows.append({"messages": [*turns, {"role": "assistant", "content": "Yes."}]})
    assert cli.run_command(write(path, *rows)) == 0
    found = [json.loads(line) for line in path.with_suffix(".out").read_text().splitlines()]
    asked = [row["prompt"][0]["content"] for row in found]
    assert asked == [*(f"Say {number}." for number in range(5)), "Translate to German.\n\nSay 5."]
    told = capsys.readouterr().err
    assert "repaired rows: 1\n" in told
    assert 't.jsonl:1: 5 rows share the system message "You are a helpful assistant."' in told
    rules = [line.partition("t.jsonl:1: ")[2] for line in told.splitlines()]
    assert [line.fault for line in read_tasks(path).cleaned_rows] == list(filter(None, rules))


def test_repaired_rows_and_inputs_taken_for_none_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [{"input": "None", "output": "1"}, {"input": "<noinput>", "output": "2"}]
    rows = [{"instruction": "Count.", "instances": cases}, {"instruction": "A\0", "output": "3"}]
    writing = write(tmp_path / "t.jsonl", *rows)
    for command in (writing, writing[:4]):
        assert cli.run_command(command) == 0
        told = capsys.readouterr().err
        assert "repaired rows: 2\n" in told
        assert 't.jsonl:1: its input "None" is taken for none\n' in told
        assert "t.jsonl:2: unsafe characters replaced\n" in told


def test_a_column_of_any_name_is_filled_and_an_unknown_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.jsonl"
    out = path.with_suffix(".out")
    path.write_text(json.dumps({"source lang": "German", "german": "Brot", "english": "bread"}))
    common = ["templates", str(path), "--answer", "{english}", "--out", str(out)]
    shown = 'From {source lang} as {"word": ...}: {german}'
    assert cli.run_command([*common, "--prompt", shown]) == 0
    (row,) = map(json.loads, out.read_text().splitlines())
    assert row["prompt"][0]["content"] == 'From German as {"word": ...}: Brot'
    capsys.readouterr()
    more = ["--force", "--template", "plain"]
    assert cli.run_command([*common, "--prompt", "From {lang}: {german}", *more]) == 3
    assert "need the columns lang, german, english." in capsys.readouterr().err
    assert json.loads(out.read_text()) == row, "nothing is written"


def test_a_null_column_makes_no_task_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"german": "Brot", "english": "bread", "messages": None}))
    out = path.with_suffix(".out")
    own = ["--prompt", "Translate: {german}", "--answer", "{english}", "--out", str(out)]
    assert cli.run_command(["templates", str(path), *own]) == 0
    assert json.loads(out.read_text())["prompt"][0]["content"] == "Translate: Brot"


def test_each_known_template_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["templates", "--template", "nosuch"]) == 2
    names = capsys.readouterr().err.partition("Known: ")[2].strip().rstrip(".").split(", ")
    assert len(names) == len(set(names))
