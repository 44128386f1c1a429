"""`selfteach config`: every key of a method with its description, value, origin and default."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from selfteach.commands.screen import print_json
from selfteach.config import describe_key, flatten, resolve
from selfteach.config.methods import find_settings
from selfteach.run.display import printable

COMMENT_WIDTH = 98


def config(method: str, file: Path | None, sets: Sequence[str], *, as_json: bool) -> None:
    """Print the resolved configuration of a method."""
    schema = find_settings(method)
    resolved = resolve(schema, file, sets)
    values = flatten(resolved.config.model_dump())
    defaults = flatten(schema().model_dump())
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
        origin = (
            row["origin"]
            if row["origin"] == "default"
            else f"{row['origin']}, default {_yaml(row['default'])}"
        )
        print(printable(f"{key + ':':28} {_yaml(row['value']):40} # {origin}"))


def _yaml(value: object) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
