"""Readers of corrections: every form that people have, and what is reported of rows that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.commands.corrections import plan
from selfteach.config import Corrections as Settings
from selfteach.errors import DataError
from selfteach.materials.corrections import Edit, read_corrections, read_edit, read_prompts
from selfteach.records import Message, user

TURN = lambda role, content: {"role": role, "content": content}
ASKED = user("What is tea?")


def write(folder: Path, *rows: Any, name: str = "edits.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "What is tea?", "answer": "A color.", "correction": "A drink."},
        {"prompt": [TURN("user", "What is tea?")], "answer": "A color.", "correction": "A drink.", "id": 7},
        {"prompt": "What is tea?", "chosen": "A drink.", "rejected": "A color."},
        {"prompt": [TURN("user", "What is tea?")], "chosen": [TURN("assistant", "A drink.")], "rejected": [TURN("assistant", "A color.")]},
        {"chosen": [TURN("user", "What is tea?"), TURN("assistant", "A drink.")],
         "rejected": [TURN("user", "What is tea?"), TURN("assistant", "A color.")]},
        {"messages": [TURN("user", "What is tea?"), TURN("assistant", "A drink.")], "answer": "A color."},
        {"messages": [TURN("user", "What is tea?"), {**TURN("assistant", "A drink."), "original": "A color."}]},
    ],
)  # fmt: skip
def test_all_forms_say_the_same(row: dict[str, Any]) -> None:
    assert read_edit(row, "here") == Edit("here", ASKED, "A color.", "A drink.")


@pytest.mark.parametrize(
    ("row", "edit"),
    [
        ({"prompt": "What is tea?", "correction": "A drink."}, Edit("here", ASKED, None, "A drink.")),
        ({"prompt": "What is tea?", "answer": " ", "correction": "A drink."}, Edit("here", ASKED, None, "A drink.")),
        ({"prompt": "What is tea?", "answer": "A color.", "feedback": "wrong"}, Edit("here", ASKED, "A color.", None, "wrong")),
        (
            {"messages": [TURN("system", "Be brief."), TURN("user", "Tea?"), TURN("assistant", "A color.")], "feedback": "wrong"},
            Edit("here", (Message("system", "Be brief."), Message("user", "Tea?")), "A color.", None, "wrong"),
        ),
    ],
)
def test_what_is_missing_is_drawn_and_what_is_criticised_waits(row: dict[str, Any], edit: Edit) -> None:
    assert read_edit(row, "here") == edit


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "Tea?", "answer": "A color.", "correction": ""}, '"correction" is empty'),
        ({"prompt": "", "correction": "A drink."}, '"prompt" is empty'),
        ({"prompt": "Tea?", "answer": "A color.", "corection": "A drink."}, 'Did you mean "correction"'),
        ({"prompt": "Tea?", "answer": 3, "correction": "A drink."}, '"answer" is not a text'),
        ({"prompt": "Tea?", "feedback": "too long"}, "needs the answer"),
        ({"chosen": "A drink.", "rejected": "A color."}, "has no prompt"),
        ({"chosen": [TURN("user", "U?"), TURN("assistant", "A.")], "rejected": [TURN("user", "T?"), TURN("assistant", "B.")]}, "different"),
        ({"messages": [TURN("assistant", "A drink."), TURN("user", "Thanks")]}, "not the assistant's"),
        ({"prompt": [TURN("tool", "Tea?")], "correction": "A drink."}, "not a message"),
        ({"prompt": [TURN("assistant", "Tea?")], "correction": "A drink."}, "does not end with words of the user"),
    ],
)
def test_a_row_that_says_nothing_is_named(row: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=r"^here: ") as fault:
        read_edit(row, "here")
    assert why in str(fault.value)


def test_csv_json_and_jsonl_are_the_same_material(tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {n}?", "answer": f'A "{n}",\nof color; so', "correction": f"A {n}."} for n in ("tea", "café", "milk")]
    (tmp_path / "edits.json").write_text(json.dumps(rows), "utf-8")
    (tmp_path / "edits.csv").write_bytes(
        "\ufeffprompt;answer;correction\r\n".encode()
        + "".join(f'{r["prompt"]};"{r["answer"].replace(chr(34), chr(34) * 2)}";{r["correction"]}\r\n' for r in rows).encode()
    )
    found = [read_corrections(path) for path in (write(tmp_path, *rows), tmp_path / "edits.json", tmp_path / "edits.csv")]
    ids = [[edit.id for edit in part.edits] for part in found]
    assert ids[0] == ids[1] == ids[2]
    assert [edit.where for edit in found[2].edits] == ["edits.csv:2", "edits.csv:4", "edits.csv:6"]


def test_approvals_repeats_and_contradictions_are_told_apart(tmp_path: Path) -> None:
    tea = {"prompt": "Tea?", "answer": "A color.", "correction": "A drink."}
    path = write(
        tmp_path, tea, tea, {**tea, "correction": "A plant."}, {"prompt": "Tea?", "answer": "A drink.", "correction": "A color."},
        {"prompt": "Tea?", "answer": "A stone.", "correction": "A drink."}, {"prompt": "Milk?", "answer": "White.", "correction": "White."},
        {"prompt": "Ink?", "answer": "Blue.", "feedback": "too short"},
    )  # fmt: skip
    found = read_corrections(path)
    assert [edit.where for edit in found.edits] == ["edits.jsonl:1", "edits.jsonl:5"]
    assert [edit.where for edit in found.approved] == ["edits.jsonl:6"]
    assert [edit.where for edit in found.criticisms] == ["edits.jsonl:7"]
    dropped = {fate.id: (fate.reason, fate.body["fault"]) for fate in found.fates.values() if fate.state == "dropped" and fate.body}
    assert dropped == {
        "edits.jsonl:2": ("repeats another row", "the same as edits.jsonl:1"),
        "edits.jsonl:3": ("contradicts another row", "another correction of the same answer as in edits.jsonl:1"),
        "edits.jsonl:4": ("contradicts another row", "takes back the correction of edits.jsonl:1"),
    }
    assert len(found.fates) == 7


def test_a_file_with_other_names_says_which_are_known(tmp_path: Path) -> None:
    (tmp_path / "edits.csv").write_text("question,reply,fixed\nTea?,A color.,A drink.\n", "utf-8")
    with pytest.raises(DataError, match=r"edits.csv:2: has neither a correction nor a feedback. Known: answer, chosen, correction,"):
        read_corrections(tmp_path / "edits.csv")
    with pytest.raises(DataError, match=r'Did you mean "correction"\? \n'):
        read_corrections(write(tmp_path, {"prompt": "Tea?", "answer": "A color.", "corection": "A drink."}))
    with pytest.raises(DataError, match=r"edits.jsonl: is empty. A row is prompt, answer, correction;"):
        read_corrections(write(tmp_path))


def test_a_dry_run_says_what_was_understood_and_which_other_row_a_row_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tea = {"prompt": "Tea?", "answer": "A color.", "correction": "A drink."}
    hm = {"prompt": "Milk?", "answer": "White, white, white, white, white, white, white, white!", "feedback": "Too long, and no emoji"}
    poor = {"prompt": "Ink?", "answer": "Blue.", "feedback": "too stiff"}
    plan(read_corrections(write(tmp_path, tea, tea, tea | {"correction": "A plant."}, hm, poor)), Settings(), as_json=False)
    said = capsys.readouterr().out
    assert "edits.jsonl:2: the same as edits.jsonl:1\n" in said
    assert "edits.jsonl:3: another correction of the same answer as in edits.jsonl:1\n" in said
    assert '"Too long, and no emoji", of 1 answers: max_words=5 and not regex' in said
    assert '"too stiff", of 1 answers: its form is not recognised' in said


def test_prompts_come_as_text_or_rows_and_once_each(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Tea?\n\nMilk?\nTea?\n", "utf-8")
    lines = read_prompts(tmp_path / "p.txt")
    rows = read_prompts(write(tmp_path, {"prompt": "Tea?"}, {"messages": [TURN("user", "Milk?")]}, name="p.jsonl"))
    assert lines.prompts == rows.prompts == [user("Tea?"), user("Milk?")]
    assert [fate.state for fate in lines.fates.values()] == ["accepted", "accepted", "dropped"]
