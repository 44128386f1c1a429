"""Bounds on the size of documents. They are checked while reading, before anything is unpacked."""

from __future__ import annotations

MAX_FILE_BYTES = 64 << 20
MAX_MARKUP_BYTES = 16 << 20
MAX_CHARS = 20_000_000
"""Characters of one document, about 40 books."""
MAX_TOTAL_CHARS = 200_000_000
MAX_FILES = 10_000
MAX_DEPTH = 32
"""Folders within folders."""
MAX_PAGES = 10_000
MAX_PARTS = 10_000
MAX_UNPACKED_BYTES = 256 << 20
MAX_RATIO = 200
"""Unpacked over packed bytes of a part of more than SMALL_BYTES; ordinary text packs 3 to 20 to 1.
"""
SMALL_BYTES = 4 << 20
MEMORY_BYTES = 1 << 30
CPU_S = 60
WALL_S = 600
MAX_LOST_S = 600
"""Seconds that all documents that cannot be parsed may take together."""


class TooLarge(ValueError):
    """Report a document beyond one of these bounds."""
