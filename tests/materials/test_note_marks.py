"""The marks of footnotes are left out of what is learned, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach.materials.documents.chunk import find_sentence_spans
from selfteach.materials.documents.note_marks import remove_note_marks
from selfteach.materials.documents.read import read_documents

WIKI = (
    "The mill at Hale was built in 1874 by Ann Reed.[1] It burned in 1902,[a] and was rebuilt in "
    'stone.[2][3] Bo Lind called it "a fort".[note 4] It is 40 m[5] long.[citation needed]'
)
PLAIN = (
    "The mill at Hale was built in 1874 by Ann Reed. It burned in 1902, and was rebuilt in stone. "
    'Bo Lind called it "a fort". It is 40 m long.'
)


def test_marks_behind_stops_and_words_are_left_out() -> None:
    assert remove_note_marks(WIKI) == (PLAIN, 6)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Reed built it.¹ Lind burned it.²", "Reed built it. Lind burned it."),
        ("See it.[^1]\n\n[^1]: It is old.", "See it.\n\nIt is old."),
        ("It is old.[12, 14] And tall.[1–3]\nIt stands.", "It is old. And tall.\nIt stands."),
    ],
)
def test_other_forms_of_marks(text: str, plain: str) -> None:
    assert remove_note_marks(text)[0] == plain


@pytest.mark.parametrize(
    "text",
    [
        "The first is a[0]. The next is a[1].",
        "Write x.[0] = 1 in this language.",
        "jq reads .[0] and $.[1] of a list.",
        "As [3] shows, 5 m² are enough [4].",
        "The list is [1]. A list [2] is longer.",
        'He said "it is old [sic]." Then he left.',
        "```py\na[1] = 2.[1]\n```",
    ],
)
def test_what_is_no_mark_stays(text: str) -> None:
    assert remove_note_marks(text) == (text, 0)


def test_places_in_lists_and_notation_stay_beside_marks() -> None:
    text = "Arrays.[1] You write a[0] first, and then items[1].[2]"
    assert remove_note_marks(text)[0] == "Arrays. You write a[0] first, and then items[1]."
    assert remove_note_marks("It is.[1] Fe[9] x[^0-9] `a[1]`") == ("It is. Fe[9] x[^0-9] `a[1]`", 1)


def test_a_document_is_cut_into_sentences_and_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(WIKI)
    (tmp_path / "b.jsonl").write_text(json.dumps({"title": "Mill", "text": f"{WIKI} It is old."}))
    text, row = read_documents([tmp_path / "a.txt", tmp_path / "b.jsonl"]).documents
    assert [text.text, row.text] == [PLAIN, f"{PLAIN} It is old."]
    assert text.notes == row.notes == ("6 marks of notes, like [1], left out",)


def test_headings_lose_the_marks_that_the_text_loses(tmp_path: Path) -> None:
    page = f"<h1>Mill[1]</h1><p>{WIKI}</p><h2>History[2]</h2><p>It is old.</p>"
    (tmp_path / "a.html").write_text(page)
    (document,) = read_documents([tmp_path / "a.html"]).documents
    assert document.title == "Mill"
    assert document.headings == {"mill", "history"}
    assert document.text == f"Mill\n\n{PLAIN}\n\nHistory\n\nIt is old."


def test_a_sentence_ends_before_the_markup_of_its_end() -> None:
    text = "**The mill is old.** It was _built in 1874._ *Lind burned it.* Reed built it."
    spans = find_sentence_spans(text)
    assert [text[span.start : span.end] for span in spans] == [
        "**The mill is old.**",
        "It was _built in 1874._",
        "*Lind burned it.*",
        "Reed built it.",
    ]


@pytest.mark.parametrize("form", ["html", "md", "docx"])
def test_a_raised_number_is_no_digit_of_another_one(tmp_path: Path, form: str) -> None:
    parts = [
        "The mill was built in 1790.",
        "1",
        " It makes 10",
        "6",
        " loaves on the 19",
        "th",
        ".",
    ]
    path = tmp_path / f"a.{form}"
    if form == "docx":
        from docx import Document as Docx

        made = Docx()
        paragraph = made.add_paragraph()
        for number, words in enumerate(parts):
            paragraph.add_run(words).font.superscript = number % 2 == 1
        made.save(str(path))
    else:
        path.write_text(
            "".join(f"<sup>{p}</sup>" if n % 2 else p for n, p in enumerate(parts)), "utf-8"
        )
    (document,) = read_documents([path]).documents
    assert document.text == "The mill was built in 1790. It makes 10⁶ loaves on the 19th."


def test_raised_numbers_in_code_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("Write `<sup>2</sup>` for m<sup>2</sup>.", "utf-8")
    (document,) = read_documents([path]).documents
    assert document.text == "Write <sup>2</sup> for m²."
