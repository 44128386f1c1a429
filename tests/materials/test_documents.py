"""Reading documents: each kind, titles, folders, what is put aside and why."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from documents import write_docx, write_pdf

from selfteach.config import StudyConfig
from selfteach.errors import DataError
from selfteach.generate.study import collect_sentences, make_study_data
from selfteach.materials.documents.chunk import split_chunks
from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.layout import (
    join_wrapped_lines,
    part_underlined_headings,
)
from selfteach.materials.documents.markup import (
    find_declared_encoding,
    read_html,
    read_markdown,
)
from selfteach.materials.documents.paged import join_pages, remove_margins
from selfteach.materials.documents.read import SUFFIXES, read_documents

WORDS = "The old mill stands by the river. It was built in 1790."


def write(folder: Path, kind: str) -> Path:
    path = folder / f"old-mill.{kind}"
    if kind == "pdf":
        write_pdf(path, [WORDS], title="The Mill")
    elif kind == "docx":
        write_docx(path, WORDS, heading="The Mill")
    else:
        path.write_text(
            {
                "txt": WORDS,
                "md": f"# The Mill\n\n{WORDS}\n",
                "jsonl": json.dumps({"title": "The Mill", "document": WORDS}),
                "html": (
                    f"<html><head><title>The Mill</title></head><body><p>{WORDS}</p></body></html>"
                ),
            }[kind]
        )
    return path


@pytest.mark.parametrize("kind", ["txt", "md", "html", "pdf", "docx", "jsonl"])
def test_every_kind_gives_the_same_words_and_a_title(tmp_path: Path, kind: str) -> None:
    reading = read_documents([write(tmp_path, kind)])
    (document,) = reading.documents
    assert document.text.endswith(WORDS)
    assert document.title == ("old mill" if kind == "txt" else "The Mill")
    assert document.source == (f"old-mill.{kind}:1" if kind == "jsonl" else f"old-mill.{kind}")
    assert (reading.skipped, reading.cleaned_rows) == ([], [])


def test_pages_are_known(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", ["It begins here and", "goes on here. The end.", "Appendix."])
    (book,) = read_documents([tmp_path / "book.pdf"]).documents
    assert book.text == "It begins here and goes on here. The end.\n\nAppendix."
    assert [book.page(book.text.index(word)) for word in ("begins", "goes", "Appendix")] == [
        1,
        2,
        3,
    ]


def test_a_folder_is_read_in_depth_and_what_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "wiki/deep").mkdir(parents=True)
    (tmp_path / "wiki/deep/b.txt").write_text("Second.")
    (tmp_path / "wiki/a.md").write_text("# First\n\nFirst.")
    (tmp_path / "wiki/a.html").write_text("")
    (tmp_path / "wiki/c.txt").write_text("Third.")
    (tmp_path / "wiki/b.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "wiki/d.docx").write_bytes(b"PK nothing")
    (tmp_path / "wiki/photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "wiki/.hidden.txt").write_text("Hidden.")
    (tmp_path / "wiki/e.jsonl").write_text(
        '{"text": "Row."}\nnot json\n{"document": " "}\n{"text": 3}\n'
    )
    reading = read_documents([tmp_path / "wiki"])
    assert [d.source for d in reading.documents] == [
        "wiki/a.md",
        "wiki/c.txt",
        "wiki/e.jsonl:1",
        "wiki/deep/b.txt",
    ]
    aside = {line.where: line.fault for line in reading.skipped}
    assert aside["wiki/a.html"] == "holds no text"
    assert aside["wiki/photo.png"] == "of an unknown kind"
    assert "damaged" in aside["wiki/b.pdf"]
    assert "no DOCX" in aside["wiki/d.docx"]
    assert "not JSON" in aside["wiki/e.jsonl:2"]
    assert {place for place, fault in aside.items() if "no text under" in fault} == {
        "wiki/e.jsonl:3",
        "wiki/e.jsonl:4",
    }


def test_the_same_text_is_read_once(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(WORDS)
    reading = read_documents(
        [tmp_path / "one", tmp_path / "two" / "a.txt", tmp_path / "one" / "a.txt"]
    )
    assert [d.source for d in reading.documents] == ["one/a.txt"]
    assert [line.fault for line in reading.skipped] == ["the same text as one/a.txt"] * 2


def test_documents_of_one_name_are_distinguished(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(f"In {folder}.")
    found = read_documents([tmp_path / "one/a.txt", tmp_path / "two/a.txt"]).documents
    assert [d.source for d in found] == ["a.txt", "two/a.txt"], "no path of this machine"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.txt", b"", "holds no text"),
        ("a.txt", b" \n\t", "holds no text"),
        ("a.md", b"# \n---\n", "holds no text"),
        ("a.txt", b"%PDF-1.7 ...", "rename it to .pdf"),
        ("a.xyz", b"words", r"unknown kind.*Known: \.txt"),
        ("a.txt", b"\x00\x01\x02words", "zero bytes"),
        ("a.pdf", b"words", "damaged"),
        ("a.jsonl", b"", "no document"),
    ],
)
def test_a_named_file_that_cannot_be_read_is_an_error_with_its_cure(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=why):
        read_documents([tmp_path / name])


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_documents([tmp_path / "missing.txt"])
    with pytest.raises(DataError, match="no document to learn from"):
        read_documents([tmp_path])


def test_other_fields_of_a_row_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"text": WORDS, "topic": "Mills", "questions": [{"question": "Q?"}]})
    )
    (document,) = read_documents([tmp_path / "a.jsonl"]).documents
    assert (document.title, document.fields) == ("Mills", {"questions": [{"question": "Q?"}]})


def test_empty_columns_of_a_row_are_passed_over(tmp_path: Path) -> None:
    row = {"document": "", "text": WORDS, "title": " ", "topic": "Mills"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (document,) = read_documents([tmp_path / "a.jsonl"]).documents
    assert (document.title, document.text) == ("Mills", WORDS)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_page_break_of_a_text_is_a_line_break(tmp_path: Path, name: str) -> None:
    line = "The old mill stands by the river, where it was built"
    text = f"{line}\n\fby Ann in 1790.\vIt is old.\n\f"
    is_text = name.endswith(".txt")
    (tmp_path / name).write_text(text if is_text else json.dumps({"text": text}))
    reading = read_documents([tmp_path / name])
    assert reading.documents[0].text == f"{line} by Ann in 1790.\nIt is old."
    assert reading.cleaned_rows == []


def test_quotation_marks_of_windows_in_a_page_of_latin_1(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>Ann\u2019s caf\xe9 is \u201cold\u201d.'
    (tmp_path / "a.html").write_bytes(page.encode("cp1252"))
    reading = read_documents([tmp_path / "a.html"])
    assert reading.documents[0].text == "Ann\u2019s caf\xe9 is \u201cold\u201d."


def test_how_a_word_is_read_is_no_text() -> None:
    assert (
        read_html("<p><ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>です。")[1]
        == "東京です。"
    )


def test_a_docx_is_read_as_it_is_shown(tmp_path: Path) -> None:
    """Tracked insertions, content controls, links and fields are text; deletions are none."""
    from docx import Document
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    def make(xml: str) -> Any:
        return parse_xml(xml.replace(" ", f" {nsdecls('w')} ", 1))

    def run(text: str, tag: str = "t") -> str:
        return f'<w:r><w:{tag} xml:space="preserve">{text}</w:{tag}></w:r>'

    document = Document()
    paragraph = document.add_paragraph("It was built in ")
    mark = 'w:id="1" w:author="A"'
    paragraph._p.append(make(f"<w:ins {mark}>{run('1790')}</w:ins>"))
    paragraph._p.append(make(f"<w:del {mark}>{run('1600', 'delText')}</w:del>"))
    paragraph._p.append(make(f"<w:sdt ><w:sdtContent>{run(' by Ann')}</w:sdtContent></w:sdt>"))
    paragraph._p.append(make(f'<w:fldSimple w:instr="X">{run(" Ames.")}</w:fldSimple>'))
    inner = f"<w:sdtContent><w:p>{run('It is old.')}</w:p></w:sdtContent>"
    gallery = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
    contents = f"<w:sdtPr>{gallery}</w:sdtPr>{inner}"
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "Year"
    table.cell(0, 1).paragraphs[0]._p.append(make(f"<w:ins {mark}>{run('1790')}</w:ins>"))
    for part in (inner, contents):
        document.element.body.insert(1, make(f"<w:sdt >{part}</w:sdt>"))
    document.save(str(tmp_path / "a.docx"))
    (read,) = read_documents([tmp_path / "a.docx"]).documents
    assert read.text == "It was built in 1790 by Ann Ames.\n\nIt is old.\n\n- Year: 1790"


def test_what_is_struck_out_or_hidden_in_a_docx_is_no_text(tmp_path: Path) -> None:
    pytest.importorskip("docx")
    from docx import Document

    document = Document()
    paragraph = document.add_paragraph()
    paragraph.add_run("The fee is 10 euros. ").font.strike = True
    paragraph.add_run("It is due in May. ").font.double_strike = True
    paragraph.add_run("Ask Ann. ").font.hidden = True
    paragraph.add_run("The fee is 12 euros.").font.strike = False
    document.save(str(tmp_path / "a.docx"))
    assert read_documents([tmp_path / "a.docx"]).documents[0].text == "The fee is 12 euros."


def test_text_boxes_of_docx_are_read_once(tmp_path: Path) -> None:
    """Word writes a box twice, the second time for older programs; a box may hold a box."""
    from docx import Document
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    compatible = "http://schemas.openxmlformats.org/markup-compatibility/2006"

    def make_box(text: str, inner: str = "") -> str:
        words = f"<w:p><w:r><w:t>{text}</w:t></w:r>{inner}</w:p>"
        return f"<w:txbxContent>{words}</w:txbxContent>"

    both = make_box("Outer box.", f"<w:r><w:pict>{make_box('Inner box.')}</w:pict></w:r>")
    choice = (
        f'<mc:AlternateContent xmlns:mc="{compatible}"><mc:Choice Requires="wps">{both}'
        f"</mc:Choice><mc:Fallback>{both}</mc:Fallback></mc:AlternateContent>"
    )
    document = Document()
    paragraph = document.add_paragraph("Before")
    for part in (choice, f"<w:pict>{make_box('Old box.')}</w:pict>"):
        paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}>{part}</w:r>"))
    paragraph.add_run(" and after.")
    document.save(str(tmp_path / "a.docx"))
    (read,) = read_documents([tmp_path / "a.docx"]).documents
    assert read.text == "Before and after.\n\nOuter box.\n\nInner box.\n\nOld box."


def test_too_much_in_all_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name * 60)
    with pytest.raises(DataError, match="more than 100 characters"):
        read_documents([tmp_path], max_total_chars=100)


def test_rows_of_files_of_one_name_are_distinguished(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").write_text(
            json.dumps({"text": f"In {folder}."}) + "\ntorn\n"
        )
    reading = read_documents([tmp_path / "one/a.jsonl", tmp_path / "two/a.jsonl"])
    assert [d.source for d in reading.documents] == ["a.jsonl:1", "two/a.jsonl:1"]
    assert [line.where for line in reading.skipped] == ["a.jsonl:2", "two/a.jsonl:2"]


def test_a_folder_is_read_on_after_rows_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Row."}', encoding="utf-16")
    (tmp_path / "b.txt").write_text(WORDS)
    reading = read_documents([tmp_path])
    assert [d.text for d in reading.documents] == [WORDS]
    ((where, fault),) = [(line.where, line.fault) for line in reading.skipped]
    assert where == f"{tmp_path.name}/a.jsonl"
    assert "UTF-16" in fault
    assert "iconv" in fault
    with pytest.raises(DataError, match="UTF-16"):
        read_documents([tmp_path / "a.jsonl"])


@pytest.mark.parametrize(("kind", "state"), [("run", "run.db"), ("student", "student.json")])
def test_an_own_folder_is_no_document(kind: str, state: str, tmp_path: Path) -> None:
    """Its report and its examples hold the exam."""
    run = tmp_path / "runs/one"
    run.mkdir(parents=True)
    for name in (state, "manifest.json", "report.html", "examples.jsonl"):
        (run / name).write_text('{"text": "The exam."}')
    (tmp_path / "a.txt").write_text(WORDS)
    reading = read_documents([tmp_path])
    assert [d.text for d in reading.documents] == [WORDS]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        (f"{tmp_path.name}/runs/one", f"the folder of a {kind}")
    ]
    with pytest.raises(DataError, match=f"the folder of a {kind}"):
        read_documents([run])


def test_the_file_of_questions_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(WORDS)
    (tmp_path / "test.jsonl").write_text(
        '{"text": "Words.", "question": "Who?", "answer": "Ann"}\n'
    )
    reading = read_documents([tmp_path], questions=tmp_path / "test.jsonl")
    assert [d.text for d in reading.documents] == [WORDS]
    assert [line.fault for line in reading.skipped] == ["the questions of the exam (--questions)"]
    assert not reading.rows


# -------------------------------------------------------------------------------------------------
# layout, markup, pages


def test_wrapped_lines_are_joined_and_others_are_not() -> None:
    line = "This line was wrapped at some seventy columns by an edi-"
    assert join_wrapped_lines(
        f"{line}\ntor, and ends here.\nHeading\n- an item\n\n\n  Next   one. "
    ) == (f"{line[:-1]}tor, and ends here.\nHeading\n- an item\n\nNext one.")
    verse = "Short lines\nare verses\nand stay"
    assert join_wrapped_lines(verse) == verse
    long = "A whole paragraph on one line. " * 6
    assert join_wrapped_lines(f"{long}\n{long}").count("\n") == 1


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        (
            "The mill of Ostrava Lane was built in\n1874 by Anna Weller, who had come\n"
            "from the north with her brothers.\nThe bridge of Ostrava Lane is 62\n"
            "meters long and made of granite.",
            "The mill of Ostrava Lane was built in 1874 by Anna Weller, who had come from the "
            "north with her brothers.\nThe bridge of Ostrava Lane is 62 meters long and made of "
            "granite.",
        ),
        (f"営業時間\n{'水车' * 25}。", None),
        (f"Website\nhttps://example.org/{'a' * 40}", None),
        ("Opening hours of the mill\nMonday to Friday: 9 to 17\nSaturday: 10 to 14", None),
        ("Roses are red and so are you,\nviolets are\nblue and this is a line", None),
        (
            "Anna Weller had come to the mill with her brothers at the age of\n45. She left it.",
            "Anna Weller had come to the mill with her brothers at the age of 45. She left it.",
        ),
        (
            "The northern arch of the bridge was built by Josef Marek in 1950\n– after the flood.",
            "The northern arch of the bridge was built by Josef Marek in 1950 – after the flood.",
        ),
        ("The visitors of the mill in Ostrava Lane have to bring:\n1. Shoes\n2. Bread", None),
        ("The visitors of the mill in Ostrava Lane have to bring\n- shoes\n- bread", None),
        (
            "- An item of a list that was wrapped by an editor at some\ncolumn or other\n- bread",
            "- An item of a list that was wrapped by an editor at some column or other\n- bread",
        ),
        ("The report of the mill compares all of the things\n* shoes", None),
        (
            "- Die Stadt Ostrava kaufte die Mühle und den Garten am\n12. Mai 1921.\n- Brot",
            "- Die Stadt Ostrava kaufte die Mühle und den Garten am 12. Mai 1921.\n- Brot",
        ),
    ],
)
def test_what_a_line_goes_on_with(text: str, joined: str | None) -> None:
    assert join_wrapped_lines(text) == (joined or text)


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("sowie die Ein-", "und Ausfuhr", "sowie die Ein- und Ausfuhr"),
        ("the pre-", "and post-war years", "the pre- and post-war years"),
        ("in the pre-", "order list", "in the preorder list"),
        ("built in the mid-", "1950s", "built in the mid-1950s"),
        ("an Anglo-", "Saxon king", "an Anglo-Saxon king"),
        ("a docu-", "ment", "a document"),
        ("one -", "two", "one - two"),
    ],
)
def test_a_hyphen_at_the_end_of_a_line(before: str, after: str, joined: str) -> None:
    line = f"The long report of the Commission speaks at length of {before}"
    assert join_wrapped_lines(f"{line}\n{after}") == line[: -len(before)] + joined


def test_divided_words_and_scripts_without_spaces_are_joined() -> None:
    assert join_wrapped_lines("A docu\u00ad\nment on the water\u00admill.") == (
        "A document on the watermill."
    )
    line = "This line was wrapped at some seventy columns by an edi‐"
    assert join_wrapped_lines(f"{line}\ntor.") == f"{line[:-1]}tor."
    han = "水车" * 25
    assert join_wrapped_lines(f"{han}\n{han}。\n「{han}」") == f"{han}{han}。「{han}」"
    assert join_wrapped_lines(f"{han}\nmill") == f"{han} mill"


HTML_NAMESPACE = "<html xmlns='http://www.w3.org/1999/xhtml'>"
LEFT = "characters of navigation, page foot or controls left out"


def test_html_gives_what_a_reader_sees() -> None:
    page = """<!doctype html><head><title>A &amp; B</title><style>p{}</style><script>if \
(a<b) "</p>"</script></head><body>
    <nav><ul><li>Home<li>About</ul></nav><h1>Head</h1><p>One
    line &lt;b&gt; <b>bold</b>.<p>Two<br>three<table><tr><td>x<td>y</table>\
<noscript>no</noscript><footer>foot</footer>"""
    assert read_html(page) == (
        "A & B",
        "Head\n\nOne line <b> bold.\n\nTwo\nthree\n\n- x: y",
        f"13 {LEFT}",
    )


def test_a_navigation_that_is_never_closed_hides_nothing() -> None:
    assert read_html("<nav>Menu<p>The text.")[1] == "Menu\n\nThe text."


@pytest.mark.parametrize(
    ("page", "read", "note"),
    [
        (
            (
                "<form id=aspnetForm><p>An article.</p><label>Name "
                "<input></label><select><option>a<option>b</select><button>Go</button></form>"
            ),
            "An article.\n\nName",
            f"4 {LEFT}",
        ),
        ("<p>One.</p><aside>Beside.</aside><header>Top</header>", "One.\n\nBeside.\n\nTop", ""),
        (
            (
                "<nav>Home</nav><article><nav>Parts</nav>Text.<footer>By "
                "Ann</footer></article><footer>Foot</footer>"
            ),
            "Parts\n\nText.\n\nBy Ann",
            f"8 {LEFT}",
        ),
        (
            (
                "<template>t</template><div hidden>a<div>b</div>c</div><p>Seen<i "
                "aria-hidden='true'>x</i>.<i aria-hidden=false>y</i>"
            ),
            "Seen.y",
            "",
        ),
        (
            (
                "<ul><li hidden>n<ul><li>m</ul><li>yes<li hidden>no</ul><p hidden>x<p>Text "
                "<input hidden>end"
            ),
            "- yes\n\nText end",
            "",
        ),
        (
            (
                "<p>Seen.<div style='display:none'>a<p>b</div><i STYLE=\"Color: red; DISPLAY : "
                "None !important\">c</i><p style='visibility: hidden;'>d<p style='display: block'>"
                "End."
            ),
            "Seen.\n\nEnd.",
            "",
        ),
        (
            (
                "<p style='display: none; display: block'>One.<p style='visibility: visible "
                "!important; visibility: hidden'>Two.<p style='x-display: none'>Three."
                "<p style='/* display: none; */'>Four.<p style>Five."
            ),
            "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.",
            "",
        ),
        (
            "<table><tr><th>Year<th style='display:none'>Id<th>Cost<tr><td>2019<td "
            "style='display:none'>77<td>3</table>",
            "- Year: 2019; Cost: 3",
            "",
        ),
        ("<div style='display:none'>never closed <p>Text", "never closed\n\nText", ""),
        ("<div hidden>never closed <p>Text", "never closed\n\nText", ""),
        ("<nav>Menu<p>Text<p hidden>x</p>", "Menu\n\nText", ""),
        ("<p>Text<nav>Menu</nav><textarea>never <b>closed", "Text\n\nnever <b>closed", f"4 {LEFT}"),
        ("<pre>one\n  two</pre>three\nfour", "one\ntwo\n\nthree four", ""),
        ("<ul><li></li><li><ul><li><p>One</ul></ul><p>Two", "- One\n\nTwo", ""),
        ("<p>It costs <s>10</s> 12 <del>euros</del><strike>marks</strike>.", "It costs 12 .", ""),
        ("<p>It was <s>$99</s>, now $79.", "It was $99, now $79.", ""),
        ("<p>It <del>was</del> <s>costs<p>It is free.", "It costs\n\nIt is free.", ""),
        ("<del>never closed <p>Text", "never closed\n\nText", ""),
        (
            "<h2>Past</h2><span class='mw-editsection x'>[<a href=x>edit</a>]</span><p>Text",
            "Past\n\nText",
            f"6 {LEFT}",
        ),
        ("<h1 hidden>a</h1><svg><title>b</title></svg><h1>C</h1><h1>D</h1>", "C\n\nD", ""),
    ],
)
def test_text_in_forms_is_read_and_what_is_hidden_is_not(page: str, read: str, note: str) -> None:
    assert read_html(page)[1:] == (read, note)


@pytest.mark.parametrize(
    ("page", "read"),
    [
        ("<h1>Hale Mill<br>Handbook</h1>Text", "Hale Mill Handbook\n\nText"),
        ("<h1>Hale<i hidden>x</i> Mill<style>.a{}</style></h1>Text", "Hale Mill\n\nText"),
        ("<ul><li><h1> Hale Mill </h1>Text</ul>", "- Hale Mill\n\nText"),
        ("<h1><p>Hale</p><p>Mill</p></h1>Text", "Hale\n\nMill\n\nText"),
    ],
)
def test_a_heading_of_a_page_is_one_line_as_it_is_seen(page: str, read: str) -> None:
    headings = list[str]()
    title, text, _ = read_html(page, headings)
    assert text == read
    assert [title] == headings == [" ".join(read.removeprefix("- ").removesuffix("Text").split())]


def test_a_heading_that_is_never_closed_is_none() -> None:
    headings = list[str]()
    page = "<h1>The Mill<br>It was built in 1790.<p>It closed."
    assert read_html(page, headings)[:2] == ("", "The Mill\nIt was built in 1790.\n\nIt closed.")
    assert headings == []


def test_how_much_of_a_page_was_left_out_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<nav>Home</nav><form>{WORDS}</form>")
    reading = read_documents([tmp_path / "a.html"])
    assert reading.documents[0].text == WORDS
    assert [(line.where, line.fault) for line in reading.cleaned_rows] == [("a.html", f"4 {LEFT}")]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("See `x*y*z` and ``a`b`` or `` ` `` or `a_b_`.", "See x*y*z and a`b or ` or a_b_."),
        ("`vector<int>` <b>t</b>", "vector<int> t"),
        ("**`*p`** [`_q_`](u)", "*p _q_"),
        # CommonMark: a backslash before a sign is no part of the text.
        ("A ` stays\n\nand \\` too, as ` does.", "A ` stays\n\nand ` too, as ` does."),
        ("[a] and [b][a], not [c][d]\n\n[a]: http://x.y", "a and b, not [c][d]"),
        ("<!-- don`t --> a `b`", "a b"),
        ("<!-- a\n\nb -->\n<div>\n**x**<br>y\n</div>", "x\ny"),
        ("<br>a<br>b <!-- never closed", "a\nb <!-- never closed"),
        (
            "Ask <ada@velm.org> at <https://velm.org/_x_y>.",
            "Ask ada@velm.org at https://velm.org/_x_y.",
        ),
        (
            "_word_, (_two words_), _a_b_ snake_case_name _private x_1 __b__",
            "word, (two words), a_b snake_case_name _private x_1 b",
        ),
        ("***both*** *a _b_ c* ___d___", "both a b c d"),
        ("> One `>`\n>\n> > two\n>50 men", "One >\n\ntwo 50 men"),  # no space is needed behind >
        ("- x\n\n  ```py\n  a_*b*_ > c\n  ```", "- x\n\na_*b*_ > c"),
        ("```x*y*``` z", "x*y* z"),
        # GitHub's tables: a bar in code parts cells too, unless it is marked.
        ("| `a \\| b` | c |\n|--|--|\n| 1 | `x\\|y` |", "- a | b: 1; c: x|y"),
        ("- a\n-\n\nText\n1. b\n2) c", "- a\n\nText\n1. b\n2) c"),
        ("~~The fee is 10 ~2~.~~ It is `~~12~~`.", "It is ~~12~~."),
        ("It fell from ~~10~~ to 9. It is ~~8~~ free.", "It fell from 10 to 9. It is free."),
        ("- [x] Paint\n- [X] Call\n- ~~Wait~~\n\n[x] Text", "- Paint\n- Call\n\n[x] Text"),
        ("- [x] Windows\n- [ ] Linux", "- [x] Windows\n- [ ] Linux"),
        ("a \0 7\0 b", "a \ufffd 7\ufffd b"),
        ("<style>\n.a { b: c }\n</style>\n\nText\n\n<script>\nx = 1;\n</script>", "Text"),
    ],
)
def test_markdown_keeps_the_signs_of_code_and_addresses(text: str, read: str) -> None:
    assert read_markdown(text)[1] == read


def test_markdown_loses_its_marks_and_keeps_its_words() -> None:
    text = (
        "---\ntitle: x\n---\n# The *Mill* #\n\nSee [the `river`](http://x.y) and ![a pic](p.png).\n"
    )
    text += "\n## Part\n**Bold** 2*3 a_b\n```py\ncode\n```\n"
    assert read_markdown(text) == (
        "The Mill",
        "The Mill\n\nSee the river and a pic.\n\nPart\n\nBold 2*3 a_b\n\ncode",
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("# C# #\n\nText", ("C#", "C#\n\nText")),
        ("#\n# Two ##\nText", ("Two", "Two\n\nText")),
        ("#tag", ("", "#tag")),
        # CommonMark: a line below a line, of any length, makes it a heading.
        ("Head\n====\n\n* * *\n  ---  \n\nText\n-\nMore", ("Head", "Head\n\nText\n\nMore")),
        ("####### Seven", ("", "####### Seven")),
    ],
)
def test_headings_and_rules_of_markdown(text: str, read: tuple[str, str]) -> None:
    assert read_markdown(text) == read


LONG = "The mill was built in the year 1874 by Anna Weller, who had come with a loan"
CODE = "curl -fsSL https://example.org/install-the-tool.sh -o install.sh\nchmod +x install.sh"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("The river feeds the wheel,\nwhich is called Aller.", None),
        (f"{LONG} and with her two brothers, who had also come from the north\nof 30,000.", None),
        ("She came to the docu\u00ad\nment.", "She came to the document."),
        ("**Is it open?**\nYes.\nWho is\nhere?\nAnn.", "Is it open?\nYes. Who is here? Ann."),
        ("**Who?**\nAnn.\n**Where?**\nIn Hale.", "Who?\nAnn.\nWhere?\nIn Hale."),
        (f"Is it {LONG}?\nNo.", f"Is it {LONG}? No."),
        (f"**Is it {LONG}?** \nNo.", f"Is it {LONG}?\nNo."),
        ("東京は\n首都です。", "東京は首都です。"),
        (f"{LONG}  \nof the bank.\\\nAnd<br>more.", f"{LONG}\nof the bank.\nAnd\nmore."),
        (f"Run:\n\n```sh\n{CODE}\n\n\nls\n```\nDone.", f"Run:\n\n{CODE}\n\nls\n\nDone."),
    ],
)
def test_line_breaks_of_markdown(text: str, read: str | None) -> None:
    """Those of code and of the author stay; those that an editor made are joined."""
    assert read_markdown(text)[1] == (text.replace("\n", " ") if read is None else read)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<p>The mill.</p><p>The river.</p>", "The mill.\n\nThe river."),
        ("<ul>\n<li>Ann</li>\n<li><p>Bob</p></li>\n</ul>", "- Ann\n\n- Bob"),
        (
            "<table>\n<tr><th>Year<th>Owner\n<tr><td>1790</td><td>Ann</td></tr></table>",
            "Year Owner\n1790 Ann",
        ),
        ("<div>One.<br>Two.<BR/>\nThree.</div>", "One.\nTwo.\nThree."),
        ("The mill.<BR>It closed.", "The mill.\nIt closed."),
        ("The mill.<p>It closed.", "The mill.\nIt closed."),
        (f"{LONG}\n<div>Of Weller.</div>", f"{LONG}\n\nOf Weller."),
        ("<details><summary>Hours</summary>From 9 to 5</details>", "Hours\n\nFrom 9 to 5"),
        ("<p align=center>\n  <img src=x>\n</p>\n\nText", "Text"),
        ("Take --size <option> or `<p>`.", "Take --size or <p>."),
        ("- <div>One</div>\n- Two", "- One\n\n- Two"),
    ],
)
def test_html_in_markdown_keeps_its_breaks(text: str, read: str) -> None:
    assert read_markdown(text)[1] == read


@pytest.mark.parametrize(
    ("page", "read"),
    [
        (f"<p>{LONG}<br>of the\nbank.<br/>And more.</p>", f"{LONG}\nof the bank.\nAnd more."),
        (f"<p>{LONG}<br>\n<br>of the bank.</p>", f"{LONG}\n\nof the bank."),
        (f"<ul><li>{LONG}<br>of the bank.<li>Bob<br></ul>", f"- {LONG}\nof the bank.\n\n- Bob"),
    ],
)
def test_line_breaks_of_a_page_stay_behind_long_lines(page: str, read: str) -> None:
    assert read_html(page)[1] == read


def test_line_breaks_of_a_docx_stay_behind_long_lines(tmp_path: Path) -> None:
    """A heading stays one line, and so does a row of a table."""
    from docx import Document

    document = Document()
    document.add_heading(f"{LONG}\nof the bank")
    document.add_paragraph(f"{LONG}\nof the bank.\n\nAnd more.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "Year"
    table.cell(0, 1).text = f"{LONG}\nin 1790"
    document.save(str(tmp_path / "a.docx"))
    (read,) = read_documents([tmp_path / "a.docx"]).documents
    body = f"{LONG}\nof the bank.\n\nAnd more."
    assert read.text == f"{LONG} of the bank\n\n{body}\n\n- Year: {LONG} in 1790"
    assert read.notes == ()


@pytest.mark.parametrize("name", ["utf-16", "UTF-16LE", "utf-32", "unicode_escape", "utf-7"])
def test_a_declared_encoding_that_the_page_cannot_have_is_ignored(name: str) -> None:
    page = f"<meta charset={name}><p>Le caf\u00e9 \\u0041 est ferm\u00e9 le lundi.</p>"
    for data in (page.encode("cp1252"), page.encode("cp1252") + b"\n"):
        read, note = decode_text(data, find_declared_encoding(data))
        assert read.strip() == page
        assert "guess" in note


def test_code_of_a_page_keeps_its_line_breaks() -> None:
    page = f"<p>Run:</p><ul><li><pre>\n{CODE}</pre></li></ul>"
    assert read_html(page)[1] == f"Run:\n\n- {CODE}"
    table = f"<table><tr><td>a<td><pre>{CODE}</pre><tr><td>b<td>c</table>"
    assert CODE in read_html(table)[1]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("---\ntitle: Mill\n---\n\nText", "Text"),
        ("---\n'title' : Mill\n---\nText", "Text"),
        ("---\ntitle: Mill\n...\n\nText\n\n---\n\nMore", "Text\n\nMore"),
        ("---\n\n# One\n\nBuilt in 1874.\n\n---\n\nText", "One\n\nBuilt in 1874.\n\nText"),
        ("---\nBuilt in 1874: by Ann.\n\n---\n\nText", "Built in 1874: by Ann.\n\nText"),
    ],
)
def test_what_begins_with_a_rule_is_text(text: str, read: str) -> None:
    assert read_markdown(text)[1] == read


@pytest.mark.parametrize(
    ("front", "body", "title"),
    [
        ("title: The real title\nauthor: X", WORDS, "The real title"),
        (
            'author: X\n\'title\' : "Mills: an \\"old\\" tale"  # draft',
            WORDS,
            'Mills: an "old" tale',
        ),
        ("title: 'Ann''s mill'", WORDS, "Ann's mill"),
        ("title: C# in a mill # a note", WORDS, "C# in a mill"),
        ("Title: The Mill", WORDS, "The Mill"),
        ("title: The real title", f"# The Mill\n\n{WORDS}", "The Mill"),
        ("title: The real title", f"The Mill\n\n{WORDS}", "The real title"),
        ("# made by hand\ntitle: The Mill", WORDS, "The Mill"),
        (f"title: The Mill\nabout: {'long ' * 200}", WORDS, "The Mill"),
        ("title:\nauthor: X", WORDS, "old mill"),
        ("title: >\n  folded", WORDS, "old mill"),
        ("series:\n  title: All mills\nsubtitle: Y", WORDS, "old mill"),
    ],
)
def test_the_title_of_front_matter_names_a_text_without_a_heading(
    tmp_path: Path, front: str, body: str, title: str
) -> None:
    (tmp_path / "old-mill.md").write_text(f"---\n{front}\n---\n\n{body}\n")
    (document,) = read_documents([tmp_path / "old-mill.md"]).documents
    assert document.title == title
    assert document.text.endswith(WORDS)
    assert "real" not in document.text


def test_a_line_with_the_title_of_front_matter_is_a_heading(tmp_path: Path) -> None:
    text = f"---\ntitle: About the mill\n---\n{WORDS}\n\nAbout the mill\n\nIt is red.\n"
    (tmp_path / "a.md").write_text(text)
    assert "about the mill" in read_documents([tmp_path / "a.md"]).documents[0].headings


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [f"The Mill\nText of page {n}.\nMore\n- {n} -" for n in "1234"]
    assert [page.split() for page in remove_margins(pages)] == [
        f"Text of page {n}. More".split() for n in "1234"
    ]
    assert remove_margins(pages[:3]) == pages[:3]
    of = [f"{text}\nChapter 2, page {n} of 4" for n, text in enumerate(("A", "B", "C", "D"), 7)]
    assert remove_margins(of) == ["A\n", "B\n", "C\n", "D\n"]


def test_a_line_with_other_numbers_on_each_page_is_no_margin() -> None:
    pages = [
        f"The mill was open all the year {year}.\nText\nVisitors in total: {visitors} people"
        for year, visitors in ((2016, 412), (2017, 530), (2018, 498), (2019, 611), (2020, 87))
    ]
    assert remove_margins(pages) == pages


def test_how_many_lines_of_a_pdf_were_left_out_is_noted(tmp_path: Path) -> None:
    pages = [f"Text {'x' * n}) Tj 0 -20 Td (- {n} -" for n in range(1, 6)]
    write_pdf(tmp_path / "a.pdf", pages)
    reading = read_documents([tmp_path / "a.pdf"])
    notes = [line.fault for line in reading.cleaned_rows]
    assert notes == ["5 lines of page heads and page feet left out"]


def test_joined_pages_know_where_they_begin() -> None:
    text, starts = join_pages(["One and", "two.", "", "Three."])
    assert text == "One and two.\n\nThree."
    assert [text[a:] for a in starts] == [
        "One and two.\n\nThree.",
        "two.\n\nThree.",
        "\n\nThree.",
        "Three.",
    ]


def test_a_divided_word_goes_on_on_the_next_page() -> None:
    assert join_pages(["A docu-", "ment."]) == ("A document.", (0, 6))
    assert join_pages(["One-", "Two."]) == ("One-Two.", (0, 4))
    assert join_pages(["One-", "and two-storey"]) == ("One- and two-storey", (0, 5))
    assert join_pages(["यह है।", "वह है।"])[0] == "यह है।\n\nवह है।"


def test_many_pages_take_no_time() -> None:
    page = "The mill stands by the river, as they say. " * 60 + "and so on"
    start = time.process_time()
    text, starts = join_pages([page] * 1000)
    assert time.process_time() - start < 2
    assert len(starts) == 1000
    assert text.count("so on and so on") == 0


def test_every_suffix_is_of_a_kind_that_is_read() -> None:
    assert set(SUFFIXES.values()) == {"text", "markdown", "html", "pdf", "docx", "rows"}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("The Old Mill\n\nIt stands by the river.", "The Old Mill"),
        ("The Old Mill\nIt stands by the river.", "The Old Mill"),
        ("The mill is old\nand stands by the river.", "notes"),
        ("The old mill stands.\n\nIt is old.", "notes"),
        ("The Old Mill", "notes"),
        ("One\nTwo\n\nThree four.", "notes"),
        ("Dear Ann,\n\nit stands by the river.", "notes"),
    ],
)
def test_a_plain_text_is_named_by_its_heading_else_by_its_file(
    tmp_path: Path, text: str, title: str
) -> None:
    (tmp_path / "notes.txt").write_text(text)
    assert read_documents([tmp_path / "notes.txt"]).documents[0].title == title


def test_what_a_word_processor_made_of_a_title_is_left_out(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", [WORDS], title="Microsoft Word - The Mill.doc")
    assert read_documents([tmp_path / "a.pdf"]).documents[0].title == "The Mill"


@pytest.mark.parametrize(
    "title", ["untitled", "Untitled-2.pdf", "Microsoft Word - Document1", "PowerPoint Presentation"]
)
def test_what_a_program_writes_for_a_title_is_none(tmp_path: Path, title: str) -> None:
    write_pdf(tmp_path / "old-mill.pdf", [WORDS], title=title)
    assert read_documents([tmp_path / "old-mill.pdf"]).documents[0].title == "old mill"
    assert read_html(f"<title>{title}</title><h1>The Mill</h1>")[0] == "The Mill"


def test_a_docx_without_properties_is_named_by_its_heading(tmp_path: Path) -> None:
    """python-docx invents a title for it."""
    pytest.importorskip("docx")
    from docx import Document
    from docx.opc.constants import RELATIONSHIP_TYPE

    document = Document()
    document.add_heading("The Mill", 0)
    document.add_paragraph(WORDS)
    relations = document.part.package.rels
    (name,) = (n for n, r in relations.items() if r.reltype == RELATIONSHIP_TYPE.CORE_PROPERTIES)
    del relations[name]
    document.save(str(tmp_path / "a.docx"))
    assert read_documents([tmp_path / "a.docx"]).documents[0].title == "The Mill"


def test_pages_of_a_pdf_without_text_are_noted(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", [WORDS, "", "It is old.", " "])
    reading = read_documents([tmp_path / "a.pdf"])
    notes = [line.fault for line in reading.cleaned_rows]
    assert notes == ["without text: 2 of 4 pages (pictures?)"]


@pytest.mark.parametrize("head", ["<?xml version='1.0'?><html>", HTML_NAMESPACE])
def test_an_element_of_xhtml_that_closes_itself_hides_nothing(head: str) -> None:
    page = f"{head}<head><title/><script src='a.js' /></head><body><p>The mill.</p></body></html>"
    assert read_html(page)[:2] == ("", "The mill.")
    assert read_html("<p>One.</p><script src=a/>x</script><p>Two.")[1] == "One.\n\nTwo."


TITLE = "The Long History of the Canals of Holland"
INNER = "Locks and gates of the northern canals"
FIRST, SECOND = "The first canal was dug in 1122.", "The first iron gate weighed nine tons."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", f"# {TITLE}\n\n{FIRST}\n\n## {INNER}\n\n{SECOND}"),
        ("b.md", f"---\nlang: en\n---\n{TITLE}\n===\n{FIRST}\n\n{INNER}\n---\n{SECOND}"),
        ("a.html", f"<title>Canals</title><h1>{TITLE}</h1>{FIRST}<h2> {INNER}</h2><p>{SECOND}"),
        ("a.txt", f"{TITLE}\n\n{FIRST}\n\n{SECOND}"),
        ("b.txt", f"{TITLE}\n{FIRST} {SECOND}"),
        ("c.txt", f"{TITLE}\n=====\n\n{FIRST}\n\n{SECOND}"),
        ("a.jsonl", json.dumps({"title": TITLE, "text": f"{TITLE}\n{FIRST} {SECOND}"})),
    ],
)
def test_a_heading_is_read_and_not_taught(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    (document,) = read_documents([path]).documents
    chunks = split_chunks(document, lambda words: len(words.split()))
    assert TITLE in chunks[0].passage, "it says what the passage is about"
    found = collect_sentences(chunks, [])
    assert [fact.text for fact in found] == [FIRST, SECOND]
    recited = [e for e in make_study_data(found, StudyConfig(), 0) if e.source["form"] == "recite"]
    assert {e.chosen for e in recited} == {f"{FIRST} {SECOND}"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", f"The door code is the miller's birthday\n\n{FIRST}"),
        ("b.txt", f"Old code of the mill door 1790\n\n{FIRST}"),
        ("c.txt", "Cheese of Gouda comes every Thursday\nPeat of Drenthe comes every Monday"),
        ("a.md", f"# Code of the mill door: 1790\n\n{FIRST}"),
        ("b.md", f"# The mill of Hale burnt down.\n\n{FIRST}"),
        ("a.jsonl", json.dumps({"title": INNER, "text": INNER})),
    ],
)
def test_a_line_that_may_be_a_fact_is_taught(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    (document,) = read_documents([path]).documents
    (chunk,) = split_chunks(document, lambda words: len(words.split()))
    assert 0 in chunk.find_informative_sentences()


def test_underlined_headings_of_a_text_lead_what_is_below_them(tmp_path: Path) -> None:
    text = f"""The Mill
========
{WORDS}

-------------
Opening hours
-------------
Monday: 9 to 17

Parking
-------

Free of charge.

Ask Ann.
--------
"""
    (tmp_path / "a.txt").write_text(text)
    (document,) = read_documents([tmp_path / "a.txt"]).documents
    assert document.title == "The Mill"
    assert document.headings - {""} == {"the mill", "opening hours", "parking"}
    (chunk,) = split_chunks(document, lambda words: len(words.split()))
    assert [chunk.words(i) for i in chunk.find_informative_sentences()] == [
        "The old mill stands by the river.",
        "It was built in 1790.",
        "Opening hours: Monday: 9 to 17.",
        "Parking: Free of charge.",
        "Parking: Ask Ann.",
    ]


def test_an_underlined_heading_may_end_in_a_stop_or_be_a_question(tmp_path: Path) -> None:
    text = f"""Is parking free?
----------------
Yes, on Sundays.

Cleaning.
---------
{WORDS}

Only with water.

Rent: 500 euros
---------------
Call Ann
"""
    (tmp_path / "a.txt").write_text(text)
    (document,) = read_documents([tmp_path / "a.txt"]).documents
    (chunk,) = split_chunks(document, lambda words: len(words.split()))
    assert [chunk.words(i) for i in chunk.find_informative_sentences()] == [
        "Is parking free? Yes, on Sundays.",
        "The old mill stands by the river.",
        "It was built in 1790.",
        "a: Cleaning: Only with water.",
        "a: Cleaning: Rent: 500 euros.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "One\nTwo\n----",
        "One\n---------",
        "One.\n-----",
        "\n----\n",
        "----",
        "One\n___\nTwo",
        "Rent: 500 euros\n---------------\nTwo",
        "This is a whole sentence.\n-------------------------\nTwo",
        "Call Ann\n--------\nBuy some milk\n--------\nMeet Bob\n",
    ],
)
def test_other_lines_of_signs_stay(text: str) -> None:
    assert part_underlined_headings(text) == (text, [])


def test_a_first_line_that_was_not_wrapped_is_a_heading() -> None:
    first, rest = "Adriaan Vries of the old town of Leiden near", "Haarlem made the gates of locks."
    assert join_wrapped_lines(f"{first}\n{rest}") == f"{first} {rest}", "there was no room for it"
    page = f"{TITLE}\nThe first canal joined the river Rhine to the town, and\nbarges came."
    assert join_wrapped_lines(page).split("\n\n")[0] == TITLE
    later = f"{FIRST}\n\n{page}"
    assert TITLE not in join_wrapped_lines(later).split("\n"), "only the first line of a text"


def test_toml_before_a_markdown_text_is_not_learned(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"+++\ntitle = 'The Mill'\ndraft = true\n+++\n\n{WORDS}\n")
    (document,) = read_documents([tmp_path / "a.md"]).documents
    assert (document.title, document.text) == ("The Mill", WORDS)


@pytest.mark.parametrize("letter", ["", "a"])
@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_a_long_text_of_wide_characters_is_decoded_wherever_its_sample_ends(
    encoding: str, letter: str
) -> None:
    sentence = "這個磨坊由安瑞德於一八七四年建成，用來磨小麥和玉米。"
    text = letter + sentence * 2_000
    assert decode_text(text.encode(encoding))[0] == text


def test_a_broken_byte_leaves_the_rest_of_a_utf8_text_as_it_is(tmp_path: Path) -> None:
    text = "Das Mühlrad in Köln wurde 1874 von Änne Öhler gebaut."
    (tmp_path / "a.txt").write_bytes(text.encode() + b" Das Caf\xe9.")
    (document,) = read_documents([tmp_path / "a.txt"]).documents
    assert document.text == f"{text} Das Caf\ufffd."
    assert document.notes == ("is UTF-8 but for 1 place, read as \ufffd",)


def test_a_text_in_one_byte_letters_is_no_broken_utf8() -> None:
    text = "Él nació en Perú; su niñez fue difícil. ¿Qué más?"
    assert decode_text(text.encode("cp1252"))[0] == text


def test_the_footnotes_and_formulas_of_a_docx(tmp_path: Path) -> None:
    pytest.importorskip("docx")
    from docx import Document
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    document = Document()
    built = document.add_paragraph("The mill was built by Ann Reed")
    built._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:footnoteReference w:id="1"/></w:r>'))
    built.add_run(".")
    power = document.add_paragraph("Its power is ")
    power._p.append(parse_xml(f"<m:oMath {math}><m:r><m:t>P = 48 kW</m:t></m:r></m:oMath>"))
    power.add_run(" in spring, ")
    sign = f'<w:r {nsdecls("w")}><w:sym w:font="Symbol" w:char="F0B1"/></w:r>'
    power._p.append(parse_xml(sign))
    power.add_run("2 kW.")
    document.save(str(tmp_path / "a.docx"))
    (read,) = read_documents([tmp_path / "a.docx"]).documents
    assert read.text == (
        "The mill was built by Ann Reed.\n\nIts power is P = 48 kW in spring, \ufffd2 kW."
    )
    assert read.notes == ("1 footnote left out",)


def test_a_row_with_two_texts_learns_the_longer_one(tmp_path: Path) -> None:
    rows = [
        {"document": "The Handbook of the mill at Hale", "text": WORDS},
        {"document": WORDS.upper(), "text": "manual.pdf", "title": "Manual"},
        {"text": f"The Mill\n\n{WORDS.lower()}"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_documents([tmp_path / "a.jsonl"]).documents
    assert [one.title for one in read] == ["The Handbook of the mill at Hale", "Manual", "The Mill"]
    assert [one.text for one in read][:2] == [WORDS, WORDS.upper()]


def test_a_list_that_goes_on_over_a_page_keeps_its_items() -> None:
    text, starts = join_pages(["The list:\n- oak", "- elm tree\n- ash"])
    assert text == "The list:\n- oak\n- elm tree\n- ash"
    assert text[starts[1] :] == "- elm tree\n- ash"


def test_a_dash_at_the_beginning_of_a_page_may_go_on_with_a_sentence() -> None:
    assert join_pages(["The mill stood until 1902", "- or 1903."])[0].endswith("1902 - or 1903.")
