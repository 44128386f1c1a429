"""Documents made for tests: small honest ones, and bombs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path


def write_pdf(
    path: Path, pages: Sequence[str], title: str = "", streams: Sequence[bytes] | None = None
) -> Path:
    """Write a PDF of one line a page, or of compressed content streams."""
    contents = list(
        streams
        or [
            zlib.compress(f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET".encode("latin-1"))
            for page in pages
        ]
    )
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(contents)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(contents)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for i, stream in enumerate(contents):
        box = "/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R{box}/Contents {5 + 2 * i} 0 R>>".encode())
        objects.append(
            f"<</Length {len(stream)}/Filter/FlateDecode>>stream\n".encode()
            + stream
            + b"\nendstream"
        )
    objects.append(f"<</Title({title})>>".encode())
    data = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj".encode() + body + b"endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
    end += (
        f"trailer<</Size {len(places) + 1}/Root 1 0 R/Info {len(places)} 0 "
        f"R>>\nstartxref\n{len(data)}\n%%EOF"
    )
    path.write_bytes(data + end.encode())
    return path


def write_docx(path: Path, text: str, heading: str = "") -> Path:
    """Write a DOCX of one paragraph, with a heading if one is given."""
    from docx import Document

    document = Document()
    if heading:
        document.add_heading(heading)
    document.add_paragraph(text)
    document.save(str(path))
    return path
