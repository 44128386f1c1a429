"""`selfteach config`: every key of a method with description, value, origin and default."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from selfteach.commands.screen import print_json
from selfteach.config import describe_key, flatten_keys, resolve
from selfteach.config.methods import find_settings
from selfteach.run.display import replace_control_chars

COMMENT_WIDTH = 98


def show_config(method: str, file: Path | None, sets: Sequence[str], *, as_json: bool) -> None:
    """Print the resolved configuration of a method."""
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


def _to_yaml(value: object) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
