"""The values that a setting takes, in words: "a whole number of at least 1 or null"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from selfteach.config.safe_yaml import Dumper

NAMES_OF_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}
BOUNDS = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "up to",
    "exclusiveMaximum": "below",
}
"""The words for the bounds of a JSON schema."""


def describe_schema(facts: Mapping[str, Any]) -> str:
    """Return one JSON schema of a value in words."""
    if "anyOf" in facts:
        return " or ".join(describe_schema(part) for part in facts["anyOf"])
    if "enum" in facts or "const" in facts:
        return ", ".join(format_value(value) for value in facts.get("enum", [facts.get("const")]))
    kind = NAMES_OF_TYPES.get(facts.get("type", ""), "a value")
    bounds = [f"{words} {facts[name]}" for name, words in BOUNDS.items() if name in facts]
    return f"{kind} {' and '.join(bounds)}".strip()


def format_value(value: object) -> str:
    """Return a value as YAML in one line."""
    text: str = yaml.dump(
        value, Dumper=Dumper, default_flow_style=True, allow_unicode=True, width=10**6
    )
    return text.removesuffix("...\n").rstrip("\n")
