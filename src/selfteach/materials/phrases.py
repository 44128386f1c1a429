"""The phrases that several readers of rules share: how answers are named, and who is told."""

from __future__ import annotations

REPLIES = r"(?:answers?|repl(?:y|ies)|responses?|messages?)"
"""What the model writes."""
_GROUPS = (
    r"people|customers|clients|guests|patients|visitors|callers|users|students|parents|members|"
    r"everyone|everybody|anyone|anybody"
)
_ONE = r"(?:user|customer|client|caller|guest|person|patient|visitor|team|student|parent|member)s?"
AUDIENCE = rf"(?:{_GROUPS}|(?:the|a|an|any|every) {_ONE})"
"""Those who ask, and are told something."""
THEM = rf"(?:them|him|her|me|us|{AUDIENCE})"
"""The same, or a pronoun for them."""
