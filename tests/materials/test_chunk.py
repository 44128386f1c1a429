"""Chunks and sentences: nothing is lost, everything has its place, no piece is too long."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import (
    Chunk,
    Span,
    _skip_item_mark,
    _trim_span,
    find_sentence_spans,
    split_chunks,
)
from selfteach.materials.documents.layout import join_wrapped_lines

TEXT = (
    "The mill is old. Dr. A. B. Smith of Hale Inc. built it, e.g. for corn.\n\nIt has a "
    "wheel (of oak). It turns!\n\nAppendix\nNotes here."
)


def count(text: str) -> int:
    return len(text.split())


def cut(text: str = TEXT, size: int = 512, pages: tuple[int, ...] = ()) -> list[Chunk]:
    return split_chunks(Document("mill.pdf", "Mill", text, pages), count, size)


def test_what_stands_between_the_parts_of_a_piece_counts() -> None:
    """Each sign is a token here, and two line feeds stand between two paragraphs."""
    text = "\n\n".join(f"Oak {n} m." for n in range(10, 40))
    chunks = split_chunks(Document("a", "A", text), len, 60)
    assert len(chunks) > 2
    assert max(len(chunk.passage) for chunk in chunks) <= 60


def test_sentences_end_where_they_end() -> None:
    (chunk,) = cut()
    assert [chunk.words(i) for i in range(len(chunk.sentences))] == [
        "The mill is old.",
        "Dr. A. B. Smith of Hale Inc. built it, e.g. for corn.",
        "It has a wheel (of oak).",
        "It turns!",
        "Appendix",
        "Appendix: Notes here.",
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It costs 3.5 million. In 1990 it fell.", 2),
        ('He said "Go!" and left. "Why?" she asked.', 2),
        ("The U.S. Navy came. 12 died.", 2),
        ("Wait... what? Nothing.", 2),
        ("図書館はどこ。駅の近く。", 2),
        ("no end", 1),
        ("", 0),
        ("\n\n", 0),
        ("A. B. C.", 1),
        ("See Fig. 3 and No. 5. Then go.", 2),
        ("The highest peak is Mt. Everest in Nepal. It snows.", 2),
        ("She was born on Jan. 5, 1903 in Oslo. It was cold in Jan. The sea froze.", 3),
        ("The army of Gov. Smith and Sgt. Hale came. See Figs. 3 and 4.", 2),
        ("Das Haus steht in Nr. 5 der Straße, max. 20 m bzw. 30 m hoch. Es ist alt.", 2),
        ("Die Stadt hat 3,5 Mio. Einwohner. Sie zahlt 2 Mrd. Sie spart.", 3),
        ("Das steht in Art. 5 und Abs. 2 sowie in Sec. 3. Es gilt.", 2),
        ("मिल 1790 में बनी थी। इसे ऐन ने बनाया था।", 2),
        ("یہ چکی 1790 میں بنی۔ اسے این نے بنایا۔", 2),
        ("هل بنيت؟ نعم بنيت سنة 1790.", 2),
        ("Se construyó en 1790. ¿Quién lo hizo? ¡Ana!", 3),
        ("Sie wurde 1790 gebaut. „Sie ist alt.“ Danach kam der Fluss.", 3),
        ("Sie wurde gebaut. »Sie ist alt.« Danach.", 3),
        ("Elle est là. « Oui. » Il vint.", 3),
        ("Sie wurde am 3. Mai 1790 gebaut. Im 2. Jahr stand sie.", 2),
    ],
)
def test_how_many_sentences(text: str, parts: int) -> None:
    assert len(find_sentence_spans(text)) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Он родился в 1990 г. в Москве. Потом он жил в Туле.", 2),
        ("Die Firma hat ca. 30 Leute usw. überall in Wien. Sie wächst.", 2),
        ("Ήρθε στις 5 μ.μ. στην Αθήνα. Μετά έφυγε.", 2),
        ("Es kam. Überall lag Schnee. Écoute.", 3),
        ("هذا بيت. وهذا باب.", 2),
    ],
)
def test_a_stop_before_a_small_letter_of_any_script_ends_nothing(text: str, parts: int) -> None:
    assert len(find_sentence_spans(text)) == parts


def test_chunks_are_whole_paragraphs_with_the_first_sentence_carried_along() -> None:
    chunks = cut(size=24)
    assert [chunk.text for chunk in chunks] == [
        *TEXT.split("\n\n")[:1],
        "\n\n".join(TEXT.split("\n\n")[1:]),
    ]
    assert [chunk.lead for chunk in chunks] == ["", "The mill is old."]
    assert chunks[1].passage.startswith("The mill is old. It has")
    assert len({chunk.id for chunk in chunks}) == 2


def test_a_place_says_file_title_characters_page_and_sentence() -> None:
    chunk = cut(size=24, pages=(0, TEXT.index("It has")))[1]
    place = chunk.describe_source(1)
    assert TEXT[place["start"] : place["end"]] == "It turns!"
    assert (place["file"], place["title"], place["page"], place["sentence"]) == (
        "mill.pdf",
        "Mill",
        2,
        1,
    )
    assert place["document"] == chunk.document.id
    assert "sentence" not in chunk.describe_source()
    assert "page" not in cut()[0].describe_source()


def test_a_long_first_sentence_is_not_carried() -> None:
    text = " ".join(["long"] * 30) + ".\n\nNext one.\n\nLast one."
    assert {chunk.lead for chunk in cut(text, 40)} == {""}


def test_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        cut(size=2)


words = st.lists(
    st.sampled_from(["mill", "Wheel", "Dr.", "oak.", "Why?", "x" * 40, "A.", "3.5", "。"]),
    max_size=30,
).map(" ".join)


@given(st.lists(words, max_size=6).map("\n\n".join), st.integers(6, 40))
def test_every_letter_is_in_one_chunk_and_one_sentence(text: str, size: int) -> None:
    text = join_wrapped_lines(text)
    chunks = split_chunks(Document("a", "A", text), count, size)
    letters = lambda parts: "".join("".join(parts).split())  # a word that has no room alone is cut
    assert letters(chunk.text for chunk in chunks) == letters(text)
    for chunk in chunks:
        assert count(chunk.passage) <= size
        assert letters(text[s.start : s.end] for s in chunk.sentences) == letters(chunk.text)
        assert all(chunk.span.start <= s.start < s.end <= chunk.span.end for s in chunk.sentences)
    assert all(a.span.end <= b.span.start for a, b in pairwise(chunks))


@given(st.text(st.sampled_from("aB.!? \n。\"')("), max_size=200))
def test_sentences_follow_one_another(text: str) -> None:
    spans = find_sentence_spans(text)
    assert all(isinstance(s, Span) and s.start < s.end for s in spans)
    assert "".join(text[s.start : s.end] for s in spans).split() == "".join(
        text.split()
    ).split() or (
        "".join("".join(text[s.start : s.end].split()) for s in spans) == "".join(text.split())
    )


PLAIN = """the mill is old. ann ames built it in 1790, e.g. for corn. dr. smith of \
hale inc. saw it! is it at no. 5? yes, it is.

then came the inn."""


def test_a_text_without_capitals_has_sentences_too() -> None:
    assert [PLAIN[s.start : s.end] for s in find_sentence_spans(PLAIN)] == [
        "the mill is old.",
        "ann ames built it in 1790, e.g. for corn.",
        "dr. smith of hale inc. saw it!",
        "is it at no. 5?",
        "yes, it is.",
        "then came the inn.",
    ]
    (chunk,) = cut(PLAIN)
    assert len(chunk.sentences) == 6
    assert len(cut(PLAIN * 2, 12)) > 3


def capitalised(text: str) -> list[Span]:
    """How sentences are found where there are few abbreviations, and every text has capitals."""
    short = re.compile(r"(?:^|[\s(\"'“])(?:[a-z]|Dr|approx|e\.g|No)\.$")
    end = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？][」』”’）]*|\n+")
    opens = re.compile(r"\s*[\"'“‘(\[«]*[^\W_a-z]")
    found = []
    begin = _skip_item_mark(text, 0, len(text))
    for match in end.finditer(text):
        if match.end() <= begin or (
            match[0][0] in ".!?…"
            and (
                not opens.match(text, match.end())
                or short.search(text[max(begin, match.end() - 20) : match.end()])
            )
        ):
            continue
        found.append(_trim_span(text, begin, match.end()))
        begin = _skip_item_mark(text, match.end(), len(text))
    found.append(_trim_span(text, begin, len(text)))
    return [span for span in found if span.end > span.start]


@pytest.mark.parametrize(
    "sentences",
    [
        ["The shop opens at 9 a.m.", "It closes at 6 p.m.", "Parking is free for all guests."],
        ["It opens at 9 a.m. Monday to Friday.", "We sell pears, etc.", "The shop is in Leeds."],
        ["She joined Acme Inc.", "The firm makes nails.", "Acme Inc. Leeds is older."],
        ["An orange has vitamin C.", "It also holds iron.", "It is by J. Smith and A. B. Hale."],
        ["The shop is in Mill St.", "It is old.", "St. John is near.", "See Ames et al. (2020)."],
        ["The fee is 5 euros incl. Christmas Eve.", "See para. 4, Eq. 2, Fig. B and vol. II."],
        ["Das Büro ist in der Hauptstr. 12 in Köln.", "Es kostet 3 Euro zzgl. Porto."],
        ["Breakfast is incl.", "We open at six.", "Never mind.", "2 are left.", "See fig. 2."],
        ["Le musée est petit.", "« Il est beau », dit Anne.", "« Revenez demain. »"],
        ["The pool opens at nine.", "🎉 Entry is free for children."],
    ],
)
def test_an_abbreviation_ends_a_sentence_where_another_one_begins(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[span.start : span.end] for span in find_sentence_spans(text)] == sentences


small = st.lists(
    st.sampled_from(
        [
            "mill",
            "resp. of",
            "approx. ten",
            "oak,",
            "3.5",
            "wait... then",
            "e.g. corn",
            "(of oak. and ash)",
            "No. 5",
        ]
    )
)
first = st.sampled_from(["The", "Dr. Smith", "A day", "In 1990", '"Why?" she', "- It", "Yes!"])
ordinary = st.lists(
    st.tuples(
        first,
        small.map(lambda words: words[:12]),
        st.sampled_from([". ", "? ", ".\n", ".\n\n", "...) "]),
    ),
    max_size=8,
)


@given(
    ordinary.map(lambda parts: "".join(" ".join([a, *words]) + stop for a, words, stop in parts))
)
def test_ordinary_text_has_the_sentences_that_it_had(text: str) -> None:
    assert find_sentence_spans(text) == capitalised(text)


def test_a_text_without_a_break_is_cut_and_takes_no_time() -> None:
    chunks = split_chunks(Document("a", "A", "a. " * 20_000), count, 50)
    assert sum(count(chunk.text) for chunk in chunks) == 20_000
    assert max(count(chunk.passage) for chunk in chunks) <= 50
