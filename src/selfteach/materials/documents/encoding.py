"""Bytes become text: the encoding is detected, named, and never guessed in silence."""

from __future__ import annotations

import codecs
import unicodedata

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAX_SAMPLED_BYTES = 1 << 16
_WIDE = {(0, 1): "utf-16-be", (1, 0): "utf-16-le"}


def decode_text(data: bytes, declared: str = "") -> tuple[str, str]:
    """(text, note): the note is "" for UTF-8, else what the file was taken for, and how to convert
    it where that is wrong.

    In order: a byte-order mark, UTF-8, the encoding that the file declares, UTF-16 without a mark,
    and else the likeliest of the encodings that `charset-normalizer` finds to be consistent;
    Western European where that is as likely as the likeliest.

    Raises:
        ValueError: it is no text in any encoding.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_strictly(
                data, name
            ), "" if name == "utf-8-sig" else f"read as {name}, as its byte-order mark says"
    if not data:
        return "", ""
    for name in filter(None, ("utf-8", _find_codec(declared))):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, "" if name == "utf-8" else f"read as {name}, as it says"
    if name := _guess_utf16(data):
        return _decode_strictly(data, name), f"read as {name}, which its zero bytes suggest"
    if b"\0" in data:
        raise ValueError("is no text (it holds zero bytes)")
    return _guess_encoding(data)


def _decode_strictly(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as fault:
        raise ValueError(
            f"begins like {name}, and is not ({fault.reason} at byte {fault.start})"
        ) from None


def _find_codec(declared: str) -> str:
    """The codec of a declared name, if it is one of text."""
    try:
        found = codecs.lookup(declared.strip()) if declared.isascii() and declared else None
    except (LookupError, ValueError):
        return ""
    return found.name if found and getattr(found, "_is_text_encoding", True) else ""


def _guess_utf16(data: bytes) -> str:
    """UTF-16 without a mark: every other byte of Latin text is zero."""
    head = data[: MAX_SAMPLED_BYTES - MAX_SAMPLED_BYTES % 2]
    halves = (
        head[0::2].count(0) > 0.4 * len(head[0::2]),
        head[1::2].count(0) > 0.4 * len(head[1::2]),
    )
    return _WIDE.get((int(halves[1]), int(halves[0])), "") if len(data) % 2 == 0 else ""


def _guess_encoding(data: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    found = from_bytes(data[:MAX_SAMPLED_BYTES])
    best = found.best()
    likeliest = best.encoding if best else ""
    western = next((m for m in found if "cp1252" in m.could_be_from_charset), None)
    if (
        best
        and western
        and _is_latin(str(best))
        and western.chaos <= best.chaos + 0.1
        and western.coherence >= best.coherence - 0.1
    ):
        likeliest = "cp1252"
    for name in filter(None, (likeliest, "cp1252", "latin-1")):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        hint = "if its letters look wrong, convert it: iconv -f ENCODING -t utf-8"
        return text, f"is not UTF-8, read as {name}, which is a guess; {hint}"
    raise ValueError("is no text in any known encoding")


def _is_latin(text: str) -> bool:
    """Whether most letters beyond ASCII are Latin ones: then the guess was between many encodings
    that are alike.
    """
    beyond = [char for char in text if not char.isascii() and char.isalpha()]
    return sum(
        unicodedata.name(char, "").startswith(("LATIN", "FEMININE", "MASCULINE")) for char in beyond
    ) >= 0.5 * len(beyond)
