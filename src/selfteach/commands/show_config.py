"""`selfteach config`: every key of a method with description, value, origin and default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter

from selfteach.commands.screen import print_json
from selfteach.config import Section, describe_key, flatten_keys, resolve
from selfteach.config.methods import find_settings
from selfteach.config.resolve import find_field
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean
from selfteach.run.display import replace_control_chars

COMMENT_WIDTH = 98
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


def show_config(
    method: str, file: Path | None, sets: Sequence[str], explain: str = "", *, as_json: bool
) -> None:
    """Print the resolved configuration of a method.

    Args:
        explain: the key of one setting or of a section; "" prints all.

    Raises:
        UsageError: there is no such key.
    """
    schema = find_settings(method)
    resolved = resolve(schema, file, sets)
    values = flatten_keys(resolved.config.model_dump())
    defaults = flatten_keys(schema().model_dump())
    rows = {
        key: {
            "value": value,
            "origin": resolved.origins[key],
            "default": defaults.get(key),
            "description": describe_key(schema, key),
        }
        for key, value in values.items()
    }
    if explain:
        rows = {key: rows[key] | describe_values(schema, key) for key in find_keys(explain, rows)}
    if as_json:
        print_json(rows)
        return
    for key, row in rows.items():
        for line in textwrap.wrap(row["description"], COMMENT_WIDTH):
            print(f"# {line}")
        origin = row["origin"]
        if origin != "default":
            origin = f"{origin}, default {_to_yaml(row['default'])}"
        print(replace_control_chars(f"{key + ':':28} {_to_yaml(row['value']):40} # {origin}"))
        if "takes" in row:
            print(f"  takes {row['takes']}; set it with --set {key}=VALUE")


def find_keys(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the keys of a setting or a section, by its whole name or its last part.

    Raises:
        UsageError: there is none; the message offers the nearest ones.
    """
    known = list(known)
    found = [key for key in known if f"{key}.".startswith(f"{wanted}.")]
    found = found or [key for key in known if f".{key}".endswith(f".{wanted}")]
    if not found:
        names = {part for key in known for part in (key, key.rpartition(".")[2])}
        raise UsageError(
            f'there is no key "{wanted}".',
            where="--explain",
            cure=did_you_mean(wanted, names) if names else "",
        )
    return found


def describe_values(schema: type[Section], key: str) -> dict[str, str]:
    """Return the values that a setting takes, in words; nothing for a key inside a mapping."""
    field = find_field(schema, key)
    if field is None:
        return {}
    kind: Any = Annotated[field.annotation, field]
    facts = TypeAdapter(kind).json_schema()
    return {"takes": describe_schema(facts)}


def describe_schema(facts: Mapping[str, Any]) -> str:
    """Return one JSON schema of a value in words."""
    if "anyOf" in facts:
        return " or ".join(describe_schema(part) for part in facts["anyOf"])
    if "enum" in facts or "const" in facts:
        return ", ".join(_to_yaml(value) for value in facts.get("enum", [facts.get("const")]))
    kind = NAMES_OF_TYPES.get(facts.get("type", ""), "a value")
    bounds = [f"{words} {facts[name]}" for name, words in BOUNDS.items() if name in facts]
    return f"{kind} {' and '.join(bounds)}".strip()


def _to_yaml(value: object) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
