"""Keys: their usual forms, and texts without them.

A run folder is shared and published, so no key may reach a file, a message or the ledger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

REDACTED = "[key]"
KEY_FORM = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        (?:sk|pk|rk|hf|gsk|xai|key|token)[-_](?=[\w-]*\d)[\w-]{16,}  # OpenAI, Hugging Face, ...
        | AIza[\w-]{30,}                                     # Google
        | (?:gh[a-z]_|github_pat_|glpat-|nvapi-|r8_|pplx-|xox[a-z]-)[\w-]{16,}
        | AKIA[A-Z0-9]{16}                                   # Amazon
        | eyJ[\w-]{10,}\.eyJ[\w-]{10,}                       # JSON web tokens
    )""",
    re.ASCII | re.VERBOSE,
)
NAME_OF_KEY = r"(?:api[-_]?key|token|secret|password|authorization)"
NAMED_KEY = re.compile(
    rf"""{NAME_OF_KEY}[=:]\s*[^\s$-][^\s$]{{7,}}
        | (?<!\S)-[\w-]*{NAME_OF_KEY}\s+[^\s$-][^\s$]{{7,}}
        | bearer\s+[^\s$]{{8,}}
        | ://[^/@\s]*:[^/@\s]+@
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
"""A value whose name says that it is a key: `--api-key VALUE`, a header, a password in a URL."""
WORD_BEFORE_KEY = re.compile(rf"[\w-]*{NAME_OF_KEY}", re.ASCII | re.IGNORECASE)
WORD_OF_KEY = re.compile(r"[^\s$-][^\s$]{7,}")
KEY_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
MIN_KEY_CHARS = 12


def redact_keys(text: str, *keys: str) -> str:
    """Return a text without these keys, and without anything in the usual form of a key."""
    for key in filter(None, keys):
        text = text.replace(key, REDACTED)
    return KEY_FORM.sub(REDACTED, text)


def list_known_keys() -> list[str]:
    """Return the values of the environment variables whose names say that they hold a key."""
    values = [value for name, value in os.environ.items() if KEY_VARIABLE.search(name)]
    return [value for value in values if len(value) >= MIN_KEY_CHARS]


def redact_json(value: Any, key: str) -> Any:
    """Return a JSON value without this key in any of its texts."""
    if not key:
        return value
    if isinstance(value, str):
        return value.replace(key, REDACTED)
    if isinstance(value, dict):
        return {redact_json(name, key): redact_json(part, key) for name, part in value.items()}
    return [redact_json(part, key) for part in value] if isinstance(value, list) else value


def holds_key(text: str) -> bool:
    """Return whether a part of a URL holds something in the usual form of a key."""
    return bool(KEY_FORM.search(unquote(text)))


def is_key_in_command(words: Sequence[str]) -> bool:
    """Return whether a word of a command is a key.

    It has the form of a key, or its option or the word before it says so, or an environment
    variable for a key has its value. The path of a file is no key, nor is a word of a sentence
    ("Keep the secret ingredients.").
    """
    words = ["." if os.path.exists(word) else word for word in words]
    text = " ".join(words)
    is_known = any(key in text for key in list_known_keys())
    is_named = any(
        WORD_BEFORE_KEY.fullmatch(name) and WORD_OF_KEY.fullmatch(value)
        for name, value in pairwise(words)
    )
    return is_known or is_named or bool(KEY_FORM.search(text) or NAMED_KEY.search(text))
