"""`selfteach config`: every key of a method with description, value, origin and default."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from selfteach.commands.screen import print_json
from selfteach.config import describe_key, flatten_keys, resolve
from selfteach.config.describe_values import format_value
from selfteach.config.methods import find_settings
from selfteach.config.resolve import describe_values, expand_key, offer_names
from selfteach.errors import UsageError
from selfteach.run.display import replace_control_chars

COMMENT_WIDTH = 98
MAX_NEAR = 3
"""Most keys that are offered in place of an unknown one."""


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
        rows = {key: rows[key] for key in find_keys(expand_key(schema, explain), rows, method)}
        for key, row in rows.items():
            if takes := describe_values(schema, key):
                row["takes"] = takes
    if as_json:
        print_json(rows)
        return
    for key, row in rows.items():
        for line in textwrap.wrap(row["description"], COMMENT_WIDTH):
            print(f"# {line}")
        origin = row["origin"]
        if origin != "default":
            origin = f"{origin}, default {format_value(row['default'])}"
        print(replace_control_chars(f"{key + ':':28} {format_value(row['value']):40} # {origin}"))
        if "takes" in row:
            print(f"  takes {row['takes']}; set it with --set {key}=VALUE")


def find_keys(wanted: str, known: Iterable[str], method: str) -> list[str]:
    """Return the keys of a setting or a section, by its whole name or its last part.

    Raises:
        UsageError: there is none; the message offers the nearest ones.
    """
    known = list(known)
    found = [key for key in known if f"{key}.".startswith(f"{wanted}.")]
    found = found or [key for key in known if f".{key}".endswith(f".{wanted}")]
    if not found:
        raise UsageError(
            f'there is no key "{wanted}".',
            where="--explain",
            cure=suggest_near_key(wanted, known)
            or f"`selfteach config {method}` prints every key.",
        )
    return found


def suggest_near_key(wanted: str, known: Iterable[str]) -> str:
    """Return a hint with the keys whose name or last part is the nearest; "" if none is near."""
    by_name: dict[str, list[str]] = {}
    for key in known:
        by_name.setdefault(key, [key])
        by_name.setdefault(key.rpartition(".")[2], []).append(key)
    near = difflib.get_close_matches(wanted, by_name, n=1)
    return offer_names(list(dict.fromkeys(by_name[near[0]]))[:MAX_NEAR]) if near else ""
