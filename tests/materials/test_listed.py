"""Lists and tables: a short line is learned with the line that leads it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.materials.documents.limits import TooLarge
from selfteach.materials.documents.listed import count_words
from selfteach.materials.documents.markup import read_html, read_markdown
from selfteach.materials.documents.paged import read_docx
from selfteach.materials.documents.read import read_documents
from selfteach.materials.documents.tables import format_rows

PROSE = "We sell tea and coffee and cakes."


def list_facts(text: str, title: str = "Shop") -> list[str]:
    """What can be asked about, as a model is shown it."""
    return [
        c.words(i)
        for c in split_chunks(Document("a", title, text), lambda t: len(t.split()), 60)
        for i in c.find_informative_sentences()
    ]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "Opening hours\nMon-Fri: 9-17\nSat: 10-14",
            ["Opening hours: Mon-Fri: 9-17.", "Opening hours: Sat: 10-14."],
        ),
        (
            f"Prices:\n\n- Tea: 3\n- Coffee: 4\n\n{PROSE}",
            ["Prices: Tea: 3.", "Prices: Coffee: 4.", PROSE],
        ),
        (
            "These are in stock at present.\n* Tea\n2. Cups",
            [
                "These are in stock at present.",
                "These are in stock at present: Tea.",
                "These are in stock at present: Cups.",
            ],
        ),
        (
            f"{PROSE}\n\n- drink: tea; price: 3\n- drink: coffee; price: 4",
            [PROSE, "Shop: drink: tea; price: 3.", "Shop: drink: coffee; price: 4."],
        ),
        (
            "We are open at these times now.\n- Mon: 9; Sat: 10\n- Tue: 9; Sun: 10",
            [
                "We are open at these times now.",
                "We are open at these times now: Mon: 9; Sat: 10.",
                "We are open at these times now: Tue: 9; Sun: 10.",
            ],
        ),
        (f"{PROSE}\n\nPhone: 123", [PROSE, "Shop: Phone: 123."]),
        (
            f"Prices\n\n- Tea: 3\n\nPhone: 123\n\n{PROSE}",
            ["Prices: Tea: 3.", "Shop: Phone: 123.", PROSE],
        ),
        (
            "Do you ship?\nYes, worldwide.\n\nWhat does it cost here?\nNothing.",
            [
                "Do you ship? Yes, worldwide.",
                "What does it cost here? Nothing.",
            ],
        ),
        (
            "How is it reset?\n\nPress the button for five seconds. Then wait.",
            ["How is it reset? Press the button for five seconds."],
        ),
        (
            "Monday\nopen 9 to 17\n\nTuesday\nclosed all day",
            ["Monday: open 9 to 17.", "Tuesday: closed all day."],
        ),
        (
            f"Monday: 9 to 17\n\nSunday: closed\n\nDogs: not allowed\n\n{PROSE}",
            ["Shop: Monday: 9 to 17.", "Shop: Sunday: closed.", "Shop: Dogs: not allowed.", PROSE],
        ),
        (
            "Dough: for one cake\n- 200 g flour\n- 2 eggs",
            ["Dough: for one cake: 200 g flour.", "Dough: for one cake: 2 eggs."],
        ),
        (f"Kapitel 2: das Meer\n\n{PROSE}", [PROSE]),
        (
            "Our rules\n\n1. No dogs\n\nPlease keep to them here.",
            ["Our rules: No dogs.", "Please keep to them here."],
        ),
        ('His book is called "What Is Life?"', ['His book is called "What Is Life?"']),
        (f"Part two: The sea\n\n{PROSE}", [PROSE]),
        (
            "1. FEES\n\nThe fee is due each month.\n\n2. TERM\n\nIt runs for three years.",
            ["The fee is due each month.", "It runs for three years."],
        ),
        (
            "How to cook it:\n\n1. Fill it\n\n2. Stir it\n\nServe it with bread and salt.",
            [
                "How to cook it: Fill it.",
                "How to cook it: Stir it.",
                "Serve it with bread and salt.",
            ],
        ),
        (
            "Why is the pool shut on Mondays? It is cleaned on that day.",
            ["It is cleaned on that day."],
        ),
        (f"Chapter 1\n\nIntroduction\n\n{PROSE}", [PROSE]),
        (f"{PROSE} It is good. Come.", [PROSE]),
        (
            "How it goes:\n1. Open it.\n2. Remove the battery.\n"
            "   It is behind the second screw.\n3. Wait here.\n   Be quiet.\n4. Close it.",
            [
                "How it goes: Open it.",
                "How it goes: Remove the battery.",
                "It is behind the second screw.",
                "How it goes: Wait here.",
                "How it goes: Be quiet.",
                "How it goes: Close it.",
            ],
        ),
        (
            "- Take it out. It is behind the second screw.\n- Wait.",
            ["Shop: Take it out.", "It is behind the second screw.", "Shop: Wait."],
        ),
        (
            "12. Mai 1921 kaufte die Stadt die Mühle.",
            ["12. Mai 1921 kaufte die Stadt die Mühle."],
        ),
        ("Tea.", []),
        ("", []),
        ("营业时间：\n- 周一 9点\n", ["营业时间: 周一 9点."]),
        ("東京は首都です。寒い。", ["東京は首都です。"]),
    ],
)
def test_a_short_line_is_shown_with_what_leads_it(text: str, facts: list[str]) -> None:
    assert list_facts(text) == facts


def test_what_leads_is_known_in_later_pieces_too() -> None:
    items = [f"- Item{n}: {n}" for n in range(60)]
    chunks = split_chunks(
        Document("a", "Shop", "Prices:\n" + "\n".join(items)), lambda t: len(t.split()), 20
    )
    assert len(chunks) > 3
    assert chunks[-1].words(len(chunks[-1].sentences) - 1) == "Prices: Item59: 59."
    place = chunks[-1].describe_source(len(chunks[-1].sentences) - 1)
    assert chunks[0].document.text[place["start"] : place["end"]] == "Item59: 59", (
        "the place is the item's own"
    )


@pytest.mark.parametrize(
    ("text", "count"), [("one two", 2), ("図書館は", 4), ("", 0), ("日本 is far", 4)]
)
def test_words_are_counted_in_every_script(text: str, count: int) -> None:
    assert count_words(text) == count


@pytest.mark.parametrize(
    ("rows", "headed", "lines"),
    [
        (
            [["Year", "Cost"], ["2019", "3"], ["2020", "3"]],
            True,
            ["- Year: 2019; Cost: 3", "- Year: 2020; Cost: 3"],
        ),
        ([["City", "Land", "Size"], ["Rom", "IT", ""]], None, ["- City: Rom; Land: IT"]),
        ([["2019", "3", "4"], ["2020", "3", "3"]], None, ["- 2019: 3; 4", "- 2020: 3; 3"]),
        ([["Name", "Ann"], ["Age", "3"]], None, ["- Name: Ann", "- Age: 3"]),
        ([["alone"], [" "]], None, ["- alone"]),
        ([["Year", "Revenue"], ["2019", "12.4"]], None, ["- Year: 2019; Revenue: 12.4"]),
        (
            [["City", "People"], ["Rom", "3,100"], ["Oslo", "700"]],
            None,
            ["- City: Rom; People: 3,100", "- City: Oslo; People: 700"],
        ),
        (
            [["Name", "Mill"], ["Length", "62 m"], ["Built", "1874"]],
            None,
            ["- Name: Mill", "- Length: 62 m", "- Built: 1874"],
        ),
        (
            [["City", "Revenue 2019", "Revenue 2020"], ["Rom", "3", "4"]],
            None,
            ["- City: Rom; Revenue 2019: 3; Revenue 2020: 4"],
        ),
        (
            [["Mill 1", "north", "red"], ["Mill 2", "south", "blue"]],
            None,
            ["- Mill 1: north; red", "- Mill 2: south; blue"],
        ),
        ([], None, []),
    ],
)
def test_rows_of_a_table(rows: list[list[str]], headed: bool | None, lines: list[str]) -> None:
    assert format_rows(rows, headed) == lines


def test_an_html_table_has_its_head_in_every_row() -> None:
    page = "<table><caption>Money</caption><tr><th>Year<th>Cost</tr><tr><td>2019<td>3</table>"
    assert read_html(page)[1] == "Money\n\n- Year: 2019; Cost: 3"
    sides = "<table><tr><th>Name</th><td>Ann</td></tr><tr><th>Age</th><td>3</td></tr></table>"
    assert read_html(sides)[1] == "- Name: Ann\n- Age: 3"
    layout = "<table><tr><td><p>One.</p><p>Two.</p></td><td>menu</td></tr></table>"
    assert read_html(layout)[1] == "One.\n\nTwo.\n\nmenu"
    inner = "<table><tr><td>left</td><td><table><tr><td>a<td>b</table></td></tr></table>"
    assert read_html(inner)[1] == "left\n\n- a: b"
    assert read_html("<p>Hours:</p><ul><li><p>Mon</p></li><li>Tue</ul>")[1].split() == [
        "Hours:",
        "-",
        "Mon",
        "-",
        "Tue",
    ]


HEAD = "<table><tr><th>Year<th>City<th>Ships</tr>"


@pytest.mark.parametrize(
    ("page", "read"),
    [
        (
            HEAD
            + """<tr><td rowspan=2>1911</td><td>Velm</td><td>120</td></tr>\
<tr><td>Marn</td><td>80</td></tr>
     <tr><td colspan=2>Both cities</td><td>200</td></tr></table>""",
            (
                "- Year: 1911; City: Velm; Ships: 120\n- Year: 1911; City: Marn; Ships: "
                "80\n- Year, City: Both cities; Ships: 200"
            ),
        ),
        (
            """<table><thead><tr><th colspan=9>Harbours<tr><th rowspan=9>Year\
<th colspan=2>Ships<tr><th>In<th>Out
     <tbody><tr><td>1911<td>1<td>2<tr><th colspan=3>War<tr><td>1915<td colspan=2>none\
<tr><td colspan=3>No data.</table>""",
            (
                "Harbours\n\n- Year: 1911; Ships In: 1; Ships Out: 2\n\nWar\n\n- Year: "
                "1915; Ships In, Ships Out: none\n- No data."
            ),
        ),
        (
            HEAD
            + (
                "<tr><td>1911<td "
                "rowspan=0>Velm<td>3<tr><td>1912<td>4<tr></tr><tbody><tr><td>1913<td>Marn<td>5</table>"
            ),
            (
                "- Year: 1911; City: Velm; Ships: 3\n- Year: 1912; City: Velm; Ships: 4\n- "
                "Year: 1913; City: Marn; Ships: 5"
            ),
        ),
        (
            HEAD + "<tr><td>1911<td>Velm<td rowspan=2 colspan=x>3<tr><td>1912</table>",
            "- Year: 1911; City: Velm; Ships: 3\n- Year: 1912; Ships: 3",
        ),
        ("<table><tr><td rowspan=2>Ann<td>red<tr><td>blue</table>", "- Ann: red\n- Ann: blue"),
        (
            HEAD + "<tr><td>1911<br><td>Velm<br/>and Marn<td>3</table>",
            "- Year: 1911; City: Velm and Marn; Ships: 3",
        ),
        ("<table><tr><td>Hale Mill<br>Mill Street<td>Ann</table>", "Hale Mill\nMill Street Ann"),
        (
            "<table><tr><th>Opening<br>Hours<td>9 to 12,<br>2 to 5<br>(not in May)<tr><th>Team"
            "<td>Ann<br>Bob</table>",
            "- Opening Hours: 9 to 12, 2 to 5 (not in May)\n- Team: Ann, Bob",
        ),
        (
            "<table><tr><td>Ann<br>Cook<td>Bob<br>Clerk<tr><td>Cid<td>Dan</table>",
            "Ann\nCook Bob\nClerk\n\nCid Dan",
        ),
    ],
    ids=[
        "both ways",
        "heads",
        "to the end of a group",
        "a gap",
        "no head",
        "breaks",
        "letter",
        "list",
        "cards",
    ],
)
def test_joined_cells_of_html_stand_where_they_reach(page: str, read: str) -> None:
    assert read_html(page)[1] == read


def test_a_span_of_a_million_costs_nothing() -> None:
    huge = f"colspan=1000000 rowspan={'9' * 100_000}"
    page = (
        f"<table><tr><th>Year<th>City</tr><tr><td>1911<td {huge}>Velm</tr>"
        + "<tr><td>1912</tr>" * 3
        + "</table>"
    )
    start = time.process_time()
    assert read_html(page)[1] == "- Year: 1911; City: Velm" + "\n- Year: 1912; City: Velm" * 3
    assert time.process_time() - start < 1


def test_a_table_that_repeats_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfteach.materials.documents.markup.MAX_CHARS", 10_000)
    with pytest.raises(TooLarge):
        read_html(
            "<table><tr>" + f"<td rowspan=1000>{'x' * 100}" * 40 + "<tr><td>y" * 500 + "</table>"
        )


def test_a_markdown_table_has_its_head_in_every_row() -> None:
    text = (
        "# T\n\n| Year | Cost |\n|---|:-:|\n| 2019 | 3 |\n\na | b\n\n```\nvector<int> x = "
        "__init__;\n```\n"
    )
    assert (
        read_markdown(text)[1] == "T\n\n- Year: 2019; Cost: 3\n\na | b\n\nvector<int> x = __init__;"
    )


@pytest.mark.parametrize(("value", "is_head"), [("", True), ('w:val="0"', False)])
def test_a_row_that_word_repeats_names_the_columns(
    tmp_path: Path, value: str, is_head: bool
) -> None:
    from docx import Document as Docx
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    made = Docx()
    table = made.add_table(2, 2)
    for cell, text in zip(table._cells, ("Team", "Place", "Ants", "Hale"), strict=True):
        cell.text = text
    row = table.rows[0]._tr.get_or_add_trPr()
    row.append(parse_xml(f"<w:tblHeader {nsdecls('w')} {value}/>"))
    made.save(str(tmp_path / "a.docx"))
    read = read_docx(tmp_path / "a.docx")[1]
    assert read == ["- Team: Ants; Place: Hale" if is_head else "- Team: Place\n- Ants: Hale"]


def test_a_table_in_a_cell_of_docx_is_read(tmp_path: Path) -> None:
    from docx import Document as Docx

    made = Docx()
    table = made.add_table(3, 2)
    for cell, text in zip(table._cells, ("Part", "Load", "Wheel", "4", "Stone", ""), strict=True):
        cell.text = text
    inner = table.cell(2, 1).add_table(2, 2)
    for cell, text in zip(inner._cells, ("Top", "9 kg", "Base", "11 kg"), strict=True):
        cell.text = text
    made.save(str(tmp_path / "a.docx"))
    read = read_docx(tmp_path / "a.docx")[1]
    assert read == ["- Part: Load\n- Wheel: 4\n- Stone: Top: 9 kg; Base: 11 kg"]


def test_a_docx_table_keeps_equal_cells_and_tells_a_joined_one_once(tmp_path: Path) -> None:
    from docx import Document as Docx

    made = Docx()
    made.add_paragraph("Tea", style="List Bullet")
    table = made.add_table(3, 3)
    for row, texts in zip(
        table.rows, (("Team", "Home", "Away"), ("Ants", "3", "3"), ("Bees", "", "")), strict=True
    ):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.rows[2].cells[1].merge(table.rows[2].cells[2]).text = "4"
    made.save(str(tmp_path / "a.docx"))
    assert (
        "".join(read_docx(tmp_path / "a.docx")[1])
        == "- Tea\n\n- Team: Ants; Home: 3; Away: 3\n- Team: Bees; Home: 4"
    )


def test_headings_of_docx_are_no_facts(tmp_path: Path) -> None:
    from docx import Document as Docx

    heading = "How the old mill at Aldmoor was rebuilt"
    made = Docx()
    made.add_heading("Mill", 0)
    made.add_heading(heading, 2)
    made.add_paragraph("It was built in 1790 by Ann Smith of Leeds.")
    made.save(str(tmp_path / "a.docx"))
    (document,) = read_documents([tmp_path / "a.docx"]).documents
    assert document.headings - {""} == {"mill", heading.casefold()}
    (chunk,) = split_chunks(document, lambda text: len(text.split()), 200)
    assert [chunk.words(i) for i in chunk.find_informative_sentences()] == [
        "It was built in 1790 by Ann Smith of Leeds."
    ]


def test_a_markdown_file_whose_first_line_is_invisible_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text(
        "```\n\u00ad\n\nThe mill\n\nIt was built in 1790.\n```\n", "utf-8"
    )
    (document,) = read_documents([tmp_path / "x.md"]).documents
    assert document.text.endswith("It was built in 1790.")
    assert document.title == "The mill"


STORM = "The tower of Hald was repaired by Ines Rau after the storm."
CELLS = ("Height", "48 m", "Height of the old main gate", "3 m", "Builder", "Ann Ames")
ABOUT_TOWER = [
    STORM,
    "Tower: Height: 48 m.",
    "Tower: Height of the old main gate: 3 m.",
    "Tower: Builder: Ann Ames.",
]


def list_file_facts(path: Path) -> list[str]:
    """What can be asked about the document in a file."""
    (document,) = read_documents([path]).documents
    (chunk,) = split_chunks(document, lambda text: len(text.split()), 500)
    return [chunk.words(i) for i in chunk.find_informative_sentences()]


def write_rows(cells: Sequence[str]) -> str:
    pairs = zip(cells[::2], cells[1::2], strict=True)
    rows = "".join(f"<tr><td>{name}<td>{value}" for name, value in pairs)
    return f"<table>{rows}</table>"


@pytest.mark.parametrize(
    ("before", "behind", "facts"),
    [
        (f"<p>{STORM}", "", ABOUT_TOWER),
        (f"<p>{STORM}", "<ul><li>Tea<li>Cups", [*ABOUT_TOWER, "Tower: Tea.", "Tower: Cups."]),
        (
            "<p>Its sizes:",
            "<ul><li>Tea",
            [
                "Its sizes: Height: 48 m.",
                "Its sizes: Height of the old main gate: 3 m.",
                "Its sizes: Builder: Ann Ames.",
                "Tower: Tea.",
            ],
        ),
        (
            f"<p>{STORM}<ul><li>Tea</ul>",
            "",
            [STORM, f"{STORM[:-1]}: Tea.", *ABOUT_TOWER[1:]],
        ),
    ],
    ids=["sentence", "list behind", "colon", "list before"],
)
def test_the_title_leads_the_rows_of_a_table_without_a_head(
    tmp_path: Path, before: str, behind: str, facts: list[str]
) -> None:
    page = f"<title>Tower</title>{before}{write_rows(CELLS)}{behind}"
    (tmp_path / "a.html").write_text(page)
    assert list_file_facts(tmp_path / "a.html") == facts


def test_the_sentence_before_a_table_of_docx_is_no_head_of_it(tmp_path: Path) -> None:
    from docx import Document as Docx

    made = Docx()
    made.add_heading("Tower", 0)
    made.add_paragraph(STORM)
    table = made.add_table(3, 2)
    for cell, text in zip(table._cells, CELLS, strict=True):
        cell.text = text
    made.add_paragraph("Tea", style="List Bullet")
    made.save(str(tmp_path / "a.docx"))
    assert list_file_facts(tmp_path / "a.docx") == [*ABOUT_TOWER, "Tower: Tea."]


def test_the_sentence_before_a_markdown_table_of_one_row_is_no_head_of_it(tmp_path: Path) -> None:
    text = f"# Tower\n\n{STORM}\n\n| Part | Size |\n|--|--|\n| Gate | 3 m |\n"
    (tmp_path / "a.md").write_text(text)
    assert list_file_facts(tmp_path / "a.md") == [STORM, "Part: Gate; Size: 3 m"]


@pytest.mark.parametrize(
    ("name", "text", "facts"),
    [
        (
            "a.md",
            "# Offices\n\n## Berlin\n\nOpen 9 to 17.\n\n## Paris\n\nOpen 10 to 18.",
            ["Berlin: Open 9 to 17.", "Paris: Open 10 to 18."],
        ),
        (
            "a.html",
            "<h1>Offices</h1><h2>Berlin</h2><p>Open 9 to 17.<h2>Paris</h2><p>Open 10 to 18.",
            ["Berlin: Open 9 to 17.", "Paris: Open 10 to 18."],
        ),
        (
            "b.md",
            f"# Tools\n\n## Valve\n\n{STORM}\n\n## Pump\n\nIt moves water.\n\n## Gauge\n\n"
            "It shows pressure.",
            [STORM, "Pump: It moves water.", "Gauge: It shows pressure."],
        ),
        (
            "c.md",
            "# Server\n\nRun these commands in the shell:\n\n    make install\n\n## Config\n\n"
            "    port: 8080",
            ["Run these commands in the shell: make install.", "Config: port: 8080."],
        ),
        (
            "d.md",
            "# Mill\n\n## Opening hours in the summer season\n\n9 to 17.\n\n"
            "## Opening hours in the winter season\n\nClosed",
            [
                "Opening hours in the summer season: 9 to 17.",
                "Opening hours in the winter season: Closed.",
            ],
        ),
        (
            "e.md",
            f"# Mill\n\n## Visits\n\nOnly on Sundays.\n\n{STORM}\n\n## Teas\n\nWe sell three.\n\n"
            "- Mint",
            ["Visits: Only on Sundays.", STORM, "We sell three: Mint."],
        ),
        (
            "f.md",
            f"# Mill\n\n## Paper\n\n{STORM}\n\nAsk Ann.\n\n{STORM}\n\nHomepage: mill.org\n\n## B",
            [STORM, "Mill: Paper: Ask Ann.", STORM, "Mill: Paper: Homepage: mill.org."],
        ),
        (
            "broken.md",
            f"# Mill\n\nThe mill is closed for the whole month\\\nof May.\n\n{STORM}",
            ["The mill is closed for the whole month", STORM],
        ),
        (
            "g.md",
            f"# Bylaws\n\n{STORM}\n\n## Dues.\n\n12 euros a year.\n\n## 2. Board\n\n"
            "Ann Miller\n\nBob Stone\n\n## 3. Seat of the board and members\n\nIn Hale.\n\n"
            f"{STORM}\n\nNone.\n\n## What is free?\n\nTea.\n\n{STORM}\n\nAsk Ann.",
            [
                STORM,
                "Dues: 12 euros a year.",
                "Board: Ann Miller.",
                "Board: Bob Stone.",
                "Seat of the board and members: In Hale.",
                STORM,
                "Bylaws: Seat of the board and members: None.",
                "What is free? Tea.",
                STORM,
                "Bylaws: Ask Ann.",
            ],
        ),
        (
            "h.md",
            f"# Saw\n\n{STORM}\n\n**Danger!**\n\nIt cuts.\n\n**Caution!**\n\nIt is hot.\n\n"
            f"## Use\n\n{STORM}\n\n(back to top)\n\n## Parts\n\n{STORM}\n\n2 blades.",
            [
                STORM,
                "Danger!: It cuts.",
                "Caution!: It is hot.",
                STORM,
                STORM,
                "Saw: Parts: 2 blades.",
            ],
        ),
        (
            "i.txt",
            f"Club\n\n{STORM}\n\nArticle 1.\n\nAll are free.\n\nArticle 2.\n\nIt is old.",
            [STORM, "Article 1: All are free.", "Article 2: It is old."],
        ),
        (
            "j.html",
            "<ul><li>Open it<ul><li>It is sharp.</ul><li>Wait</ul>",
            ["j: Open it.", "Open it: It is sharp.", "j: Wait."],
        ),
    ],
)
def test_a_marked_heading_leads_what_is_below_it(
    tmp_path: Path, name: str, text: str, facts: list[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert list_file_facts(tmp_path / name) == facts


def test_a_heading_of_docx_leads_what_is_below_it(tmp_path: Path) -> None:
    from docx import Document as Docx

    made = Docx()
    made.add_heading("Offices", 1)
    for name, hours in (("Berlin", "Open 9 to 17."), ("Paris", "Open 10 to 18.")):
        made.add_heading(name, 2)
        made.add_paragraph(hours)
    made.save(str(tmp_path / "a.docx"))
    assert list_file_facts(tmp_path / "a.docx") == [
        "Berlin: Open 9 to 17.",
        "Paris: Open 10 to 18.",
    ]


def test_numbered_paragraphs_of_docx_are_items(tmp_path: Path) -> None:
    from docx import Document as Docx
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    made = Docx()
    styles = ("Body Text", "Points", "Own Points", "Numbered Heading")
    for name, base in zip(styles[1:], ("Normal", "Points", "Heading 2"), strict=True):
        made.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = made.styles[base]

    def number(element: Any, value: int) -> None:
        numbers = f"<w:numPr {nsdecls('w')}><w:numId w:val='{value}'/></w:numPr>"
        element.get_or_add_pPr().append(parse_xml(numbers))

    number(made.styles["Points"].element, 1)
    number(made.styles["Numbered Heading"].element, 1)
    made.add_paragraph("These are the rooms of the office")
    for name in styles:
        made.add_paragraph(name, style=name)
    number(made.paragraphs[1]._p, 1)
    number(made.add_paragraph("Plain", style="Points")._p, 0)
    made.add_paragraph("Parking", style="Points")
    number(made.add_paragraph("Dogs")._p, 2)  # of another list
    made.add_paragraph("Behind the mill.")
    made.save(str(tmp_path / "a.docx"))
    assert read_docx(tmp_path / "a.docx")[1][0].split("\n\n")[1:] == [
        "- Body Text",
        "- Points",
        "- Own Points",
        "Numbered Heading",
        "Plain",
        "Parking",
        "Dogs",
        "Behind the mill.",
    ]


def test_an_item_within_an_item_stands_behind_its_words() -> None:
    text = (
        "| a | b |\n|--|--|\n| 1 | 2 |\n\n- Ann\n  - Phone: 555-1234\n  - Place\n    - Room: 7\n"
        "- **Bob**\n  - She teaches the boys there.\n- Cid:\n  - cook\n- It is so.\n  - Now\n\n"
        "1. Parts\n   1. Gate\n\n# Gate"
    )
    lines = (
        "- Ann\n- Ann: Phone: 555-1234\n- Ann: Place\n- Ann: Place: Room: 7\n"
        "- Bob\n- She teaches the boys there.\n- Cid: cook\n- It is so.\n- Now\n\n"
        "1. Parts\n1. Gate\n\nGate"
    )
    assert read_markdown(text)[1] == f"- a: 1; b: 2\n\n{lines}"
    page = (
        "<ul><li>Ann<ul><li>Phone: <b>555-1234</b><li><p>Place</p><ul><li>Room: 7</ul></ul>"
        "<li><b>Bob</b><ol><li>She teaches the boys there.<li>tea<br>milk</ol>"
        "<li>Cid<ul><li><a href='#gate'>Gate</a></ul><li><ul><li>Dan</ul></ul>"
    )
    assert read_html(page)[1].replace("\n\n", "\n").split("\n") == [
        "- Ann",
        "- Ann: Phone: 555-1234",
        "- Ann: Place",
        "- Ann: Place: Room: 7",
        "- Bob",
        "- She teaches the boys there.",
        "- tea",
        "milk",
        "- Cid",
        "- Gate",
        "- Dan",
    ]


@pytest.mark.parametrize("form", ["md", "html"])
def test_an_item_with_a_colon_leads_the_items_within_it_alone(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    path.write_text(
        "# Pay\n\n- Part-time:\n  - Group A: 20 hours\n  - Group B:\n    - 10 hours\n"
        "- Overtime is paid double\n- Children\n  - free until the age of 6\n"
        if form == "md"
        else "<h1>Pay</h1><ul><li>Part-time:<ul><li>Group A: 20 hours</li><li>Group B:<ul><li>10 "
        "hours</li></ul></li></ul></li><li>Overtime is paid double</li><li>Children<ul><li>free "
        "until the age of 6</li></ul></li></ul>"
    )
    assert list_file_facts(path) == [
        "Pay: Part-time: Group A: 20 hours.",
        "Pay: Part-time: Group B: 10 hours.",
        "Pay: Overtime is paid double.",
        "Pay: Children.",
        "Pay: Children: free until the age of 6.",
    ]


@pytest.mark.parametrize("table", ["a.md", "a.docx"])
def test_a_stop_in_a_cell_ends_no_row(tmp_path: Path, table: str) -> None:
    rows = [["Grade", "Days", "Notes"], ["B", "28", "Ask first. No days are kept."]]
    if table == "a.md":
        lines = [f"| {' | '.join(row)} |" for row in rows]
        (tmp_path / table).write_text("\n".join([lines[0], "|---|---|---|", lines[1]]))
    else:
        from docx import Document as Docx

        made = Docx()
        made.add_paragraph(PROSE)
        grid = made.add_table(rows=2, cols=3)
        for cells, row in zip(grid.rows, rows, strict=True):
            for cell, words in zip(cells.cells, row, strict=True):
                cell.text = words
        made.save(str(tmp_path / table))
    assert list_file_facts(tmp_path / table)[-1] == (
        "Grade: B; Days: 28; Notes: Ask first. No days are kept."
    )


def test_a_question_and_its_answer_are_no_wrapped_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "Q: How long does the delivery of a chair take?\nA: Two weeks.\n\n"
        "Q: How long is the warranty of a chair here?\nA: Two years.\n"
    )
    assert list_file_facts(tmp_path / "a.txt") == [
        "Q: How long does the delivery of a chair take? A: Two weeks.",
        "Q: How long is the warranty of a chair here? A: Two years.",
    ]
