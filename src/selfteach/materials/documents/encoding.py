"""Decode bytes: the encoding is detected, and every guess is reported."""

from __future__ import annotations

import codecs
import re
import unicodedata

from selfteach.extras import require_module
from selfteach.text import REPLACEMENT, format_count

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAX_SAMPLED_BYTES = 1 << 16
_LATER_BYTES = bytes(range(0x30, 0x100))
"""The bytes that may be the second or a later one of a character, in any encoding."""
MAX_CHAR_BYTES = 4
MIN_INTACT = 3
"""Letters beyond ASCII that are intact UTF-8, for each broken one, in a text that is UTF-8."""
_EXTENDED = {"iso8859-1": "cp1252", "iso8859-9": "cp1254"}
"""Encodings whose control characters are letters and quotation marks in a page that declares them
(WHATWG's Encoding Standard).
"""
_NO_CHARSET = re.compile(r"utf-?(?:16|32|7)|.*escape|idna|punycode|undefined|mbcs|oem|charmap")
"""Codecs that no page can mean: those in which its own declaration is no ASCII, and those of
Python.
"""
_WIDE = {(True, False): "utf-16-be", (False, True): "utf-16-le"}
"""Kinds of UTF-16 by whether the even and the odd bytes are mostly zero."""


def decode_text(data: bytes, declared: str = "") -> tuple[str, str]:
    """Return (text, note). The note names the encoding and a cure for a guess; it is "" for UTF-8.

    The candidates in order: a byte-order mark, UTF-8, the declared encoding, UTF-16 without a mark,
    and the likeliest consistent encoding of `charset-normalizer`. Western European replaces the
    likeliest if it is about as likely.

    Raises:
        ValueError: the data is no text in any encoding.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            note = "" if name == "utf-8-sig" else f"read as {name}, as its byte-order mark says"
            return _decode_strictly(data, name), note
    own = _find_codec(declared)
    for name in filter(None, ("utf-8", _EXTENDED.get(own, ""), own)):
        try:
            text = data.decode(name)
        except UnicodeError:  # also of the codec "undefined", which scripts write into pages
            continue
        if "\0" not in text:
            return text, "" if name == "utf-8" else f"read as {name}, as it says"
    if name := _guess_utf16(data):
        return _decode_strictly(data, name), f"read as {name}, which its zero bytes suggest"
    if b"\0" in data:
        raise ValueError("is no text (it holds zero bytes)")
    if broken := _mend_utf8(data):
        return broken
    return _guess_encoding(data)


def _decode_strictly(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as fault:
        raise ValueError(
            f"begins like {name}, and is not ({fault.reason} at byte {fault.start})"
        ) from None


def _mend_utf8(data: bytes) -> tuple[str, str] | None:
    """Return (text, note) of a text in UTF-8 that has a few broken characters; None for another
    encoding, in which hardly a letter beyond ASCII reads as UTF-8.
    """
    text = data.decode("utf-8", "replace")
    broken = text.count(REPLACEMENT)
    intact = sum(not letter.isascii() for letter in text) - broken
    if intact < MIN_INTACT * broken:
        return None
    return text, f"is UTF-8 but for {format_count(broken, 'places')}, read as {REPLACEMENT}"


def _find_codec(declared: str) -> str:
    """Return the text codec of a declared name; "" if there is none, or a page in single bytes
    cannot be in it.
    """
    try:
        found = codecs.lookup(declared.strip())
    except (LookupError, ValueError):
        return ""
    is_charset = getattr(found, "_is_text_encoding", True) and not _NO_CHARSET.match(found.name)
    return found.name if is_charset else ""


def _guess_utf16(data: bytes) -> str:
    """Return the kind of UTF-16 without a mark. Every second byte of Latin text is zero."""
    head = data[:MAX_SAMPLED_BYTES]
    half = 0.2 * len(head)  # two fifths of every second byte
    zeros = (head[0::2].count(0) > half, head[1::2].count(0) > half)
    return "" if len(data) % 2 else _WIDE.get(zeros, "")


def _guess_encoding(data: bytes) -> tuple[str, str]:
    require_module("charset_normalizer", "a text that is not UTF-8")
    from charset_normalizer import from_bytes

    sample = _take_sample(data)
    for rest in range(MAX_CHAR_BYTES):
        found = from_bytes(sample[: len(sample) - rest])
        if best := found.best():
            break
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


def _take_sample(data: bytes) -> bytes:
    """Return the beginning of the data, cut at a space, a line end or a mark if there is one: such
    a byte is a part of no longer character. Half a character speaks against the right encoding.
    """
    head = data[:MAX_SAMPLED_BYTES]
    return head if len(head) == len(data) else head.rstrip(_LATER_BYTES) or head


def _is_latin(text: str) -> bool:
    """Tell whether at least half of the letters beyond ASCII are Latin.

    Then many similar encodings are candidates.
    """
    names = [unicodedata.name(c, "") for c in text if not c.isascii() and c.isalpha()]
    latin = [name for name in names if name.startswith(("LATIN", "FEMININE", "MASCULINE"))]
    return len(latin) >= 0.5 * len(names)
