"""Row 36: documents that unpack to too much, or that a parser chokes on, are put aside in bounded
time and memory; others are read.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import write_docx, write_pdf

from selfteach import child_process
from selfteach.errors import DataError
from selfteach.materials.documents import child, limits, read
from selfteach.materials.documents.chunk import find_sentence_spans
from selfteach.materials.documents.limits import TooLarge
from selfteach.materials.documents.listed import assign_heads
from selfteach.materials.documents.markup import read_html, read_markdown
from selfteach.materials.documents.paged import inspect_zip
from selfteach.materials.documents.read import read_documents

pytestmark = pytest.mark.long

WORDS = "The old mill."


def deflated(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def deflate_repeated(line: bytes, count: int) -> bytes:
    """Return `count` times 80,000 lines, of which only the first are compressed: after a full flush
    the same data give the same bytes.
    """
    block = line * 80_000
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(count):
        checksum = zlib.adler32(block, checksum)
    return head + packed * count + b"\x03\x00" + checksum.to_bytes(4, "big")


def test_a_packed_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    path = deflated(
        tmp_path / "a.docx", {"word/document.xml": b"<a/>", "word/media/x.xml": b"\0" * (64 << 20)}
    )
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match="decompression bomb"):
        read_documents([path])


def test_many_small_parts_are_refused_by_their_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfteach.materials.documents.paged.MAX_UNPACKED_BYTES", 1 << 20)
    path = deflated(tmp_path / "a.docx", {f"p{i}": bytes(300_000) for i in range(4)})
    with pytest.raises(ValueError, match="unpacks to more than"):
        inspect_zip(path)


def test_an_archive_that_lies_about_its_sizes_gains_nothing(tmp_path: Path) -> None:
    """The directory says 10 bytes where 64 MB are packed: the unpacker stops there, and the file
    counts as damaged.
    """
    path = deflated(tmp_path / "a.docx", {"[Content_Types].xml": b" " * (64 << 20)})
    path.write_bytes(
        path.read_bytes().replace((64 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    )
    with pytest.raises(DataError, match=r"damaged|no DOCX"):
        read_documents([path])


def test_entities_that_multiply_are_not_expanded(tmp_path: Path) -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">' + b"".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">'.encode()
        for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    path = write_docx(tmp_path / "a.docx", WORDS)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["word/document.xml"] = (
        laughs + b"]>" + members["word/document.xml"].partition(b"?>")[2].replace(b"mill", b"&j;")
    )
    start = time.monotonic()
    try:
        text = read_documents([deflated(path, members)]).documents[0].text
    except DataError:
        text = ""
    assert len(text) < 1000
    assert time.monotonic() - start < 60


def test_a_pdf_with_a_huge_stream_ends_by_its_bounds(tmp_path: Path) -> None:
    """400 MB of content in 1 MB, within 256 MB of memory and 5 s of processor time."""
    path = write_pdf(tmp_path / "a.pdf", [], streams=[deflate_repeated(b"BT (a) Tj ET\n", 400)])
    assert path.stat().st_size < 4 << 20
    with pytest.raises(ValueError, match=r"memory|damaged"):
        child.parse_in_child("pdf", path, cpu_s=5, memory_bytes=256 << 20)


@pytest.mark.parametrize(
    "page",
    [b"<!--" * 200_000, b"<a " * 200_000, b"<p a='" * 100_000],
    ids=range(3),
)
def test_hostile_html_is_read_or_ended_within_its_processor_time(
    tmp_path: Path, page: bytes
) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(page)
    before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start = time.process_time()
    with contextlib.suppress(TooLarge):
        child.parse_in_child("html", path, cpu_s=2)
    spent = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    assert spent - before < 4
    assert time.process_time() - start < 3, "of this process, which only waits"


def test_the_next_document_is_read_after_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elements in elements take the square of their number; the processor time ends that."""
    (tmp_path / "a.html").write_bytes(b"<div>" * 200_000)
    (tmp_path / "b.html").write_text(f"<p>{WORDS}")
    monkeypatch.setattr(
        read,
        "parse_in_child",
        lambda kind, file: child.parse_in_child(kind, file, cpu_s=1 if file.stem == "a" else 60),
    )
    reading = read_documents([tmp_path])
    assert [d.text for d in reading.documents] == [WORDS]
    assert "processor time" in reading.skipped[0].fault


def test_bombs_cost_little_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of them is not read to its end, and the message names the last one."""
    read_names: list[str] = []

    def parse(kind: str, file: Path) -> None:
        read_names.append(file.name)
        monkeypatch.setattr(read.time, "monotonic", lambda: 250.0 * len(read_names))
        raise TooLarge("cannot be read within 60 s")

    monkeypatch.setattr(read, "parse_in_child", parse)
    monkeypatch.setattr(read.time, "monotonic", lambda: 0.0)
    for number in range(9):
        (tmp_path / f"{number}.html").write_text(WORDS)
    with pytest.raises(
        DataError, match=r"took more than 600 s in all; the last is \S*/2.html: can"
    ):
        read_documents([tmp_path])
    assert read_names == ["0.html", "1.html", "2.html"]


def test_a_file_beyond_the_bounds_is_refused_unread(tmp_path: Path) -> None:
    for name, size in (
        ("a.txt", limits.MAX_FILE_BYTES),
        ("a.jsonl", limits.MAX_FILE_BYTES),
        ("a.html", limits.MAX_MARKUP_BYTES),
        ("a.pdf", limits.MAX_FILE_BYTES),
    ):
        with (tmp_path / name).open("wb") as handle:
            handle.truncate(size + 1)  # a sparse file
        with pytest.raises(DataError, match="larger than"):
            read_documents([tmp_path / name])


@pytest.mark.parametrize(
    ("bomb", "read_it"),
    [
        (lambda n: "." * n, find_sentence_spans),
        (lambda n: "\n" * n + "x", read_markdown),
        (lambda n: "# a" + " " * n + "b", read_markdown),
        (lambda n: "a|" * n + "\n|-|\n" + "a|\n" * n, read_markdown),
        (lambda n: "`" * n + "x", read_markdown),
        (lambda n: "".join("`" * (i % 200) + " " for i in range(n // 100)), read_markdown),
        (lambda n: "` `` " * (n // 5), read_markdown),
        (lambda n: "<a" * (n // 2), read_markdown),
        (lambda n: "<a " + "a@" * (n // 2), read_markdown),
        (lambda n: "<aa:" * (n // 4), read_markdown),
        (lambda n: "<!--" * (n // 4), read_markdown),
        (lambda n: "_" * n + "x", read_markdown),
        (lambda n: "_a" * (n // 2), read_markdown),
        (lambda n: " _a" * (n // 3), read_markdown),
        (lambda n: "-_a__a" * (n // 6), read_markdown),
        (lambda n: "*a" * (n // 2) + "**a" * (n // 3), read_markdown),
        (lambda n: ">" * n + "x", read_markdown),
        (lambda n: "> " * (n // 2) + "x", read_markdown),
        (lambda n: "x\n" + "> \n" * (n // 3), read_markdown),
        (lambda n: "\n \n`" * (n // 4), read_markdown),
        (lambda n: "[a](" * (n // 4), read_markdown),
        (lambda n: "- " * (n // 2) + "x", read_markdown),
        (lambda n: "<div>\n" + "<!--" * (n // 4), read_markdown),
        (
            lambda n: "<table><tr>" + "<td rowspan=99 colspan=99>x" * (n // 30) + "</table>",
            read_html,
        ),
        (
            lambda n: "<table><tr>" + "<td rowspan=999>" * 99 + "<tr><td>x" * (n // 9) + "</table>",
            read_html,
        ),
        (lambda n: "<p hidden><li hidden>" * (n // 20), read_html),
        (lambda n: ":" * n + "x", lambda text: assign_heads(text, find_sentence_spans(text), "A")),
    ],
    ids=[
        "stops",
        "blank lines",
        "spaces",
        "columns",
        "ticks",
        "growing ticks",
        "open ticks",
        "tags",
        "mail",
        "addresses",
        "comments",
        "underscores",
        "inner underscores",
        "open underscores",
        "mixed underscores",
        "stars",
        "quotes",
        "spaced quotes",
        "quoted lines",
        "ticks of paragraphs",
        "open links",
        "lists in lists",
        "comments in a block",
        "joined cells",
        "cells from above",
        "hidden",
        "colons",
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(
    bomb: Callable[[int], str], read_it: Callable[[str], object]
) -> None:
    """Texts are read without a limit of time; twice as much takes less than thrice as long, or next
    to nothing (half a second). One of three times is enough, without the collector, which can stop
    for half a second in a process that holds much else."""

    def spent(n: int) -> float:
        text = bomb(n)
        start = time.process_time()
        read_it(text)
        return time.process_time() - start

    def is_in_proportion() -> bool:
        whole = spent(40_000)
        return whole < 0.5 or whole < 3 * spent(20_000)

    gc.disable()
    try:
        assert any(is_in_proportion() for _ in range(3))
    finally:
        gc.enable()


def test_rows_beyond_the_bound_in_all_are_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading stops at the row that is too much."""
    (tmp_path / "a.jsonl").write_text(
        "".join(f'{{"text": "Row number {n:04d}."}}\n' for n in range(1000))
    )
    made: list[str] = []
    real = read.join_wrapped_lines
    monkeypatch.setattr(read, "join_wrapped_lines", lambda text: made.append(text) or real(text))
    with pytest.raises(DataError, match="more than 100 characters"):
        read_documents([tmp_path], max_total_chars=100)
    assert len(made) == 7


def test_a_parser_that_writes_or_sees_secrets_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234")
    seen: list[dict[str, str]] = []
    real = child_process.subprocess.run

    def run(*args, **kwargs):  # type: ignore[no-untyped-def]
        seen.append(kwargs["env"])
        return real(*args, **kwargs)

    monkeypatch.setattr(child_process.subprocess, "run", run)
    (tmp_path / "a.html").write_text(WORDS)
    read_documents([tmp_path])
    assert "canary-1234" not in str(seen)
    assert seen
