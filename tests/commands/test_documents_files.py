"""What stands for documents in a run's identity: their texts, titles and questions, whatever their
order and their names; and what is printed of the files before anything is done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.config import DocumentsConfig
from selfteach.errors import IntegrityError
from selfteach.generate.study import collect_sentences, make_study_data
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.methods.documents.read_documents import read_material
from selfteach.methods.method import Material
from selfteach.run import finished

ABSENT = ("--model", "nobody/no-model")
"""A model that is not here: nothing is loaded to measure its speed."""
ROWS: list[dict[str, Any]] = [
    {
        "title": "Mill",
        "text": "The old mill stands by the river.",
        "questions": [{"question": "Where?", "answer": "by the river"}],
    },
    {"title": "Inn", "text": "The old inn stands by the road."},
]


def identity(folder: Path, rows: list[dict[str, Any]], name: str = "d.jsonl") -> dict[str, Any]:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return dict(read_material([folder / name]).identity)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "The new mill."},
        {"title": "Hale Mill"},
        {"questions": []},
        {"questions": [{"question": "Where?", "answer": "at Hale"}]},
        {"questions": [{"question": "Where is it?", "answer": "by the river"}]},
    ],
)
def test_a_changed_text_title_question_or_answer_is_another_run(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert identity(tmp_path, [{**ROWS[0], **change}, ROWS[1]]) != identity(tmp_path, ROWS)


def test_another_order_or_place_is_the_same_run(tmp_path: Path) -> None:
    assert identity(tmp_path, ROWS[::-1], "e.jsonl") == identity(tmp_path, ROWS)


@pytest.mark.parametrize("asked", [True, pytest.param(False, marks=pytest.mark.long)])
def test_another_order_of_files_and_rows_makes_the_same_run(tmp_path: Path, asked: bool) -> None:
    """The order of the documents decides which questions are asked and in which order rows are
    trained, and a checkpoint is refused by other rows. Two of the documents have one title.
    """
    files = []
    for name in "abcdef":
        title = f"Mill {'x' if name in 'ce' else name}"
        questions = [
            {"question": f"{word} is {name}?", "answer": word} for word in ("Where", "How", "Who")
        ]
        row = {
            "title": title,
            "text": f"The {name} mill was built in 1790 by Sir {name.upper()}nn Ames of Kent.",
            "questions": questions if asked else [],
        }
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(json.dumps(row) + "\n")
    whole = tmp_path / "rows.jsonl"
    whole.write_text("".join(file.read_text() for file in files))
    turned = tmp_path / "turned.jsonl"
    lines = [json.loads(file.read_text()) for file in reversed(files)]
    rows = [{**row, "questions": row["questions"][::-1]} for row in lines]
    turned.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, *others = (
        read_material(given) for given in (files, files[::-1], files[3:] + files[:3], whole, turned)
    )
    titles = [document.title for document in first.value.reading.documents]
    assert titles == sorted(titles)
    assert [q.text for q in first.value.questions][:3] == (
        ["How is a?", "Where is a?", "Who is a?"] if asked else []
    )
    for other in others:
        assert other.identity == first.identity
        assert other.value.questions == first.value.questions
        assert learned_rows(other) == learned_rows(first)


def learned_rows(material: Material) -> list[str]:
    """The study data, in their order."""
    chunks: list[Chunk] = []
    for document in material.value.reading.documents:
        chunks += split_chunks(document, lambda text: len(text.split()))
    examples = make_study_data(collect_sentences(chunks, []), DocumentsConfig().study, 0)
    assert len(examples) > len(chunks)
    return [example.id for example in examples]


def test_a_dry_run_says_what_there_is_to_learn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.md").write_text(
        "# Hale Mill\n\nHale Mill was built in 1790. It stands at Wyle by the road. Yes.\n"
    )
    assert (
        cli.run_command(["documents", str(tmp_path / "a.md"), *ABSENT, "--dry-run", "--json"]) == 0
    )
    stated = json.loads(capsys.readouterr().out)
    assert (stated["titles"], stated["sentences"], stated["documents"]) == (["Hale Mill"], 2, 1), (
        "one word is no sentence to learn"
    )
    assert stated["short_sentences"] == 1, "it is recited with the others"


def test_the_cure_for_too_many_bad_rows_cures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        '{"text": "Hale Mill was built in 1790. It stands at Wyle by the road."}',
        "{torn",
        "{torn",
        "{torn",
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    assert cli.run_command(["documents", str(tmp_path / "a.jsonl"), "--dry-run"]) == 3
    printed = capsys.readouterr().err
    cure = re.search(r"--set (max_bad_rows=\S+)", printed)
    assert cure, printed
    assert (
        cli.run_command(
            ["documents", str(tmp_path / "a.jsonl"), *ABSENT, "--dry-run", "--set", cure[1]]
        )
        == 0
    )


def test_a_damaged_exam_is_an_integrity_error_with_a_cure_that_exists(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    (tmp_path / "exam.json").write_text('{"kept": ')
    with pytest.raises(IntegrityError, match=r"exam\.json: is not JSON .* Restore it .* --new"):
        finished.read_exam(tmp_path)
