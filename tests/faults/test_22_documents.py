"""Row 22, documents: the encoding is detected, named, and a guess is called a guess with the
command that converts.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.errors import DataError
from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.read import read_documents
from selfteach.materials.rows import CLEANED_NOTE

FRENCH = "Où est la bibliothèque? Elle est à côté de l'école."


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_a_text_of_any_encoding_is_read_and_says_as_what(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(FRENCH.encode(encoding))
    reading = read_documents([tmp_path / "a.txt"])
    assert reading.documents[0].text == FRENCH
    notes = [line.fault for line in reading.cleaned_rows]
    if encoding == "utf-8-sig":
        assert notes == []
    else:
        assert len(notes) == 1
        assert ("a guess" in notes[0] and "iconv -f" in notes[0]) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("図書館はどこですか。駅の近くにあります。", "shift-jis"),
        ("Где находится библиотека? Она рядом со школой.", "cp1251"),
    ],
)
def test_other_scripts_are_guessed_right(text: str, encoding: str) -> None:
    found, note = decode_text(text.encode(encoding))
    assert found == text
    assert "a guess" in note


def test_a_page_s_own_word_on_its_encoding_is_heard(tmp_path: Path) -> None:
    page = (
        "<html><head><meta "
        f'charset="iso-8859-2"></head><body><p>{"Gdzie jest łódź?"}</p></body></html>'
    )
    (tmp_path / "a.html").write_bytes(page.encode("iso-8859-2"))
    reading = read_documents([tmp_path / "a.html"])
    assert reading.documents[0].text == "Gdzie jest łódź?"
    assert "as it says" in reading.cleaned_rows[0].fault


@pytest.mark.parametrize(
    "name",
    ["base64", "rot13", "zlib", "no-such", "utf-8\x00", "é", "../x", "unicode_escape", "undefined"],
)
def test_a_declared_encoding_is_only_ever_one_of_text(name: str) -> None:
    text, _ = decode_text(b"caf\xe9 \\x41", name)
    assert "\\x41" in text or name == "unicode_escape"


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x00\x00\x01\x02\x03", b"\xff\xfeodd", b"GIF89a\x00\x01\x00\x80\x00"]
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.txt"):
        read_documents([tmp_path / "a.txt"])


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_a_reason(data: bytes) -> None:
    try:
        text, note = decode_text(data)
    except ValueError:
        pass
    else:
        assert isinstance(text, str)
        assert note or data.decode("utf-8-sig") == text


def test_unsafe_characters_are_mended_once_and_recorded(tmp_path: Path) -> None:
    """Row 21 at this reader."""
    (tmp_path / "a.txt").write_text("The \x1b[31mmill\u202e is\u2028old.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Clean.\r\nLines.", encoding="utf-8")
    reading = read_documents([tmp_path])
    assert [d.text for d in reading.documents] == ["The \ufffd[31mmill is\nold.", "Clean.\nLines."]
    assert [(line.where.rpartition("/")[2], line.fault) for line in reading.cleaned_rows] == [
        ("a.txt", CLEANED_NOTE)
    ]
