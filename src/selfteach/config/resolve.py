"""YAML and `--set a.b=c` become frozen models. Every mistake is reported at once, with the nearest
right word.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from selfteach.config.methods import METHOD_CONFIGS
from selfteach.config.safe_yaml import load_yaml, parse_yaml
from selfteach.config.sections import Section
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean

T = TypeVar("T", bound=Section)


@dataclass(frozen=True)
class ResolvedConfig:
    """A configuration, and where each of its values came from (`default`, a file's name, `--set`,
    or an option).
    """

    config: Any
    origins: Mapping[str, str]


def resolve(
    schema: type[T],
    file: Path | None = None,
    sets: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    origin: str = "option",
) -> ResolvedConfig:
    """Defaults, then the file, then `--set a.b=c`, then the command's own options; later ones win.

    Args:
        options: values by key; a section may be a mapping.
        origin: where the options come from, as config.yaml names it.

    Raises:
        UsageError: every mistake found, one a line, each with its place and the nearest right key.
    """
    faults: list[str] = []
    values = (
        schema().model_dump()
    )  # a method's own default for a section holds also where one key of the section is set
    origins: dict[str, str] = {}
    for source, layer in _read_layers(schema, file, sets, options or {}, faults, origin):
        for written, value in layer.items():
            key = _expand_key(schema, written)
            _set_key(values, key.split("."), value)
            origins[key] = source
    try:
        config = schema.model_validate(values)
    except ValidationError as error:
        faults += [
            _describe_mistake(schema, fault, origins)
            for fault in error.errors(include_input=False, include_url=False)
        ]
    if faults:
        command = next(
            (f"selfteach config {name}" for name, of in METHOD_CONFIGS.items() if of is schema),
            "selfteach config",
        )
        raise UsageError(
            "\n  ".join(["the configuration has mistakes:", *faults]),
            cure=f"\n  `{command}` prints every key.",
        )
    return ResolvedConfig(
        config, {key: _find_origin(origins, key) for key in flatten_keys(config.model_dump())}
    )


def _find_origin(origins: Mapping[str, str], key: str) -> str:
    """Where a value is from: given by its own key, or in a mapping that is one setting."""
    while key and key not in origins:
        key = key.rpartition(".")[0]
    return origins.get(key, "default")


def flatten_keys(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; an empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten_keys(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def dump_config(resolved: ResolvedConfig) -> str:
    """The configuration as YAML, each value's origin beside it."""
    lines = []
    for line, origin in zip(_format_lines(resolved), resolved.origins.values(), strict=True):
        lines.append(
            f"{line}{' ' * max(1, 56 - len(line))}# {origin}" if origin != "default" else line
        )
    return "\n".join(lines) + "\n"


def _format_lines(resolved: ResolvedConfig) -> list[str]:
    return [
        f"{key}: {_format_value(value)}"
        for key, value in flatten_keys(resolved.config.model_dump()).items()
    ]


def _format_value(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


Layer = tuple[str, dict[str, Any]]
"""An origin and its dotted keys."""


def _read_layers(
    schema: type[Section],
    file: Path | None,
    sets: Sequence[str],
    options: Mapping[str, Any],
    faults: list[str],
    origin: str,
) -> list[Layer]:
    layers: list[Layer] = []
    if file is not None:
        layers.append((file.name, _split_section(schema, "", load_yaml(file))))
    for item in sets:
        key, equals, text = item.partition("=")
        key = key.strip()
        if not equals or not key:
            faults.append(
                f'--set {item}: write it as key=value, for instance "--set train.epochs=2".'
            )
            continue
        try:
            whole = _expand_key(schema, key)
            layers.append(
                (
                    "--set",
                    _split_section(
                        schema,
                        whole,
                        text if _is_text(schema, whole) else parse_yaml(text, f"--set {key}"),
                    ),
                )
            )
        except UsageError as fault:
            faults.append(str(fault))
    for key, value in options.items():
        if value is not None:
            layers.append((origin, _split_section(schema, _expand_key(schema, key), value)))
    return layers


def _expand_key(schema: type[BaseModel], key: str) -> str:
    """A key whose beginning may be written short, in full."""
    start, dot, rest = key.partition(".")
    return f"{getattr(schema, 'KEY_ALIASES', {}).get(start, start)}{dot}{rest}"


def _split_section(schema: type[BaseModel], key: str, value: Any) -> dict[str, Any]:
    """A section's keys each by itself, so that those that it does not name keep their values; a
    mapping that is one setting stays whole.
    """
    if not isinstance(value, Mapping) or _find_section(schema, key) is None:
        return {key: value}
    parts = (
        _split_section(schema, _expand_key(schema, f"{key}.{name}" if key else str(name)), part)
        for name, part in value.items()
    )
    return {full: one for part in parts for full, one in part.items()}


def _find_section(schema: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The section at a key; "" is everything."""
    for part in key.split(".") if key else ():
        field = schema.model_fields.get(part)
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, BaseModel)
        ):
            return None
        schema = field.annotation
    return schema


def describe_key(schema: type[BaseModel], key: str) -> str:
    """Return the description of a dotted key in one line.

    A section has its class docstring. A key inside a mapping has the description of the mapping.
    """
    path, _, last = key.rpartition(".")
    section = _find_section(schema, path)
    if section is None or last not in section.model_fields:
        return describe_key(schema, path) if path else ""
    own = _find_section(section, last)
    text = inspect.getdoc(own) if own is not None else section.model_fields[last].description
    return " ".join((text or "").split())


def _is_text(schema: type[BaseModel], key: str) -> bool:
    """Whether a key holds free text, which is taken as it stands: a colon or a # in it means
    nothing.
    """
    path, _, last = key.rpartition(".")
    section = _find_section(schema, path)
    return (
        section is not None
        and last in section.model_fields
        and section.model_fields[last].annotation is str
    )


def _set_key(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[path[-1]] = value


def _describe_mistake(schema: type[Section], fault: Any, origins: Mapping[str, str]) -> str:
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    key = ".".join(path)
    origin = origins.get(key, "")
    where = f"{key} ({origin})" if origin else key
    if fault["type"] != "extra_forbidden":
        told = fault["msg"].removeprefix("Value error, ")
        return f"{where}{': ' if where else ''}{told}{'' if told.endswith(('.', '?')) else '.'}"
    known: type[BaseModel] = schema
    for part in path[:-1]:
        annotation = known.model_fields[part].annotation
        known = (
            annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel)
            else Section
        )
    return f"{where}: there is no such key. {did_you_mean(path[-1], known.model_fields)}"
