"""YAML and `--set a.b=c` become frozen models.

Every mistake is reported at once, with the nearest correct key.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from selfteach.config.describe_values import describe_schema, format_value
from selfteach.config.find_preset import find_settings_file, is_preset
from selfteach.config.methods import METHOD_CONFIGS
from selfteach.config.safe_yaml import load_yaml, parse_yaml
from selfteach.config.sections import NOT_A_NUMBER, Section
from selfteach.config.training import TrainConfig
from selfteach.errors import UsageError, describe_kind, reword_library_fault
from selfteach.registry import BUILT_IN_NAMES, did_you_mean

T = TypeVar("T", bound=Section)
MAX_SHOWN = 40
"""The maximum characters of a wrong value in a message."""
MAX_SUGGESTED = 3
"""Most keys of other sections that an unknown key is taken for."""


@dataclass(frozen=True)
class ResolvedConfig:
    """Hold a configuration and the origin of each value by key.

    An origin is `default`, the name of a file, `--set`, or an option.
    """

    config: Any
    origins: Mapping[str, str]


def resolve(
    schema: type[T],
    file: Path | None = None,
    sets: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    origin: str = "option",
    *,
    refuses_ignored: bool = True,
) -> ResolvedConfig:
    """Combine the defaults, the file, `--set a.b=c`, and the command's own options.

    Each of these replaces values of those before it.

    Args:
        file: a file of settings, or the name of a preset.
        options: values by key; a section may be a mapping, and None is no value.
        origin: the origin of the options, as config.yaml names it.
        refuses_ignored: whether a value that nothing would read is a mistake. A preset may have
            such values, and so may the settings of a run that is done.

    Raises:
        UsageError: every mistake found, one a line, each with its place and the nearest right key.
    """
    faults: list[str] = []
    method = name_method(schema)
    layers: list[tuple[str, str, Any]] = []
    if file:
        file = find_settings_file(file, method)
        layers.append((file.name, "", load_yaml(file)))
    for item in sets:
        try:
            layers.append(("--set", *_parse_assignment(schema, item)))
        except UsageError as fault:
            faults.append(str(fault))
    layers += [(origin, key, value) for key, value in (options or {}).items() if value is not None]
    values = schema().model_dump()  # the default of a section may differ from its class's own
    origins: dict[str, str] = {}
    for source, written, given in layers:
        keys: set[str] = set()
        for key, value in _split_section(schema, expand_key(schema, written), given):
            section = _find_section(schema, key)
            if section and key and not isinstance(value, section):  # its other values stay
                faults.append(f"{key} ({source}): {describe_section(section, key)}.")
                continue
            if key in keys:  # dotted and within its section
                faults.append(f"{key} ({source}): stands twice; leave one of them out.")
            keys.add(key)
            _set_key(values, key.split("."), value)
            origins[key] = source
    if refuses_ignored:
        preset = file.name if file and is_preset(file) else ""
        given = {key: source for key, source in origins.items() if source != preset}
        faults += _list_ignored(schema, values, given)
    try:
        config = schema.model_validate(values)
    except ValidationError as error:
        if file and (owner := find_method_of_file(file, method)):
            raise UsageError(
                f"these are settings of `selfteach {owner}`, not of `selfteach {method}`.",
                where=file,
                cure=f"`selfteach config {method}` prints every key.",
            ) from error
        mistakes = error.errors(include_url=False)
        faults += [_describe_mistake(schema, mistake, origins) for mistake in mistakes]
    if faults:
        command = f"selfteach config {method}".strip()
        raise UsageError(
            "\n  ".join(["the configuration has mistakes:", *faults]),
            cure=f"\n  `{command}` prints every key.",
        )
    return ResolvedConfig(
        config, {key: _find_origin(origins, key) for key in flatten_keys(config.model_dump())}
    )


def _list_ignored(
    schema: type[Section], values: Mapping[str, Any], given: Mapping[str, str]
) -> list[str]:
    """Return a fault for each setting of the training that its adapter would ignore.

    Args:
        values: the whole configuration.
        given: the origin of each key that a person gave.
    """
    section = _find_section(schema, "train")
    chosen = values.get("train")
    if section is None or not issubclass(section, TrainConfig) or not isinstance(chosen, Mapping):
        return []
    adapter = chosen.get("adapter")
    defaults = schema().model_dump(mode="json")
    faults = []
    for key, source in given.items():
        root, *path = key.split(".")
        if root != "train" or not path or not section.is_ignored(adapter, path[0]):
            continue
        value = _get_key(values, key)
        value = list(value) if isinstance(value, tuple) else value
        if value != _get_key(defaults, key):
            faults.append(
                f"{key} ({source}): {adapter} is solved for without steps and has no use for it; "
                "leave that out, or train lora."
            )
    return faults


def list_unread(resolved: ResolvedConfig) -> list[str]:
    """Return the settings of adapters that are not trained, if a command or a call gave them.

    They are no mistake, and neither are those of a file: it may serve several adapters. An adapter
    of a plug-in may read the settings of ours.
    """
    train = getattr(resolved.config, "train", None)
    ours = BUILT_IN_NAMES["adapters"]
    if not isinstance(train, TrainConfig) or train.adapter not in ours:
        return []
    others = ours.keys() - {train.adapter, train.distill_from}
    unread = []
    for key, origin in resolved.origins.items():
        section, _, name = key.partition(".")
        is_given = origin in ("--set", "Python")
        if is_given and section == "train" and name.partition(".")[0] in others:
            unread.append(key)
    return unread


def name_method(schema: type[BaseModel]) -> str:
    """Return the name of the method that has these settings; "" for one of another package."""
    return next((name for name, section in METHOD_CONFIGS.items() if section is schema), "")


def find_method_of_file(file: Path, method: str) -> str:
    """Return another method that a whole file of settings fits, if it does not fit this one.

    A file with one key that is wrong is a mistake in that key, not another method's file.
    """
    fitting = [name for name, schema in METHOD_CONFIGS.items() if file_fits(file, schema)]
    return fitting[0] if method and fitting and method not in fitting else ""


def file_fits(file: Path, schema: type[BaseModel]) -> bool:
    """Return whether each key and value of a file is one of these settings."""
    values = schema().model_dump()
    for key, value in _split_section(schema, "", load_yaml(file)):
        _set_key(values, key.split("."), value)
    try:
        schema.model_validate(values)
    except ValidationError:
        return False
    return True


def _find_origin(origins: Mapping[str, str], key: str) -> str:
    """Return the origin of a key, or of the mapping around it that was given as one value."""
    while key and key not in origins:
        key = key.rpartition(".")[0]
    return origins.get(key, "default")


def flatten_keys(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted keys. An empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten_keys(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def dump_config(
    resolved: ResolvedConfig, change: Callable[[str, Any], Any] = lambda key, value: value
) -> str:
    """Return the configuration as YAML, with the origin of each value unless it is the default.

    A setting that is a mapping stays whole: key by key it would be added to the default.

    Args:
        change: returns the value that is written in place of that of a key.
    """
    lines = []
    for key, value in list_settings(resolved.config).items():
        written = change(key, value)
        line = f"{key}: {format_value(written)}"
        origins = [resolved.origins[inner] for inner in flatten_keys({key: value})]
        origin = next((found for found in origins if found != "default"), "default")
        if written != value:
            origin += "; its path is in run.db"
        lines.append(line if origin == "default" else f"{line:<55} # {origin}")
    return "\n".join(lines) + "\n"


def list_settings(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Return the settings of a section and of those in it, by dotted keys."""
    found: dict[str, Any] = {}
    for name, value in section.model_dump().items():
        inner = getattr(section, name)
        if isinstance(inner, BaseModel):
            found |= list_settings(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _parse_assignment(schema: type[BaseModel], item: str) -> tuple[str, Any]:
    """Return the key and the value of one `--set key=value`.

    The value of a free text is taken as it is: a colon or a # in it has no meaning.
    """
    key, equals, text = item.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UsageError(
            f'--set {item}: write it as key=value, for instance "--set train.epochs=2".'
        )
    field = find_field(schema, expand_key(schema, key))
    is_text = field is not None and field.annotation is str
    return key, text.strip() if is_text else parse_yaml(text, f"--set {key}")


def expand_key(schema: type[BaseModel], key: str) -> str:
    """Return a key whose beginning may be an alias in full."""
    start, dot, rest = key.partition(".")
    return f"{getattr(schema, 'KEY_ALIASES', {}).get(start, start)}{dot}{rest}"


def _split_section(schema: type[BaseModel], key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key of a section with its value, so that its other keys keep theirs.

    A mapping that is one setting stays whole.
    """
    if not isinstance(value, Mapping) or _find_section(schema, key) is None:
        yield key, value
        return
    for name, part in value.items():
        whole = expand_key(schema, f"{key}.{name}" if key else str(name))
        yield from _split_section(schema, whole, part)


def find_field(schema: type[BaseModel], key: str) -> FieldInfo | None:
    """Return the field of a dotted key; None if there is none."""
    path, _, last = key.rpartition(".")
    section = _find_section(schema, path)
    return section.model_fields.get(last) if section else None


def _find_section(schema: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the section of a dotted key, the whole schema for ""; None if it is no section."""
    if not key:
        return schema
    field = find_field(schema, key)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def describe_key(schema: type[BaseModel], key: str) -> str:
    """Return the description of a dotted key in one line.

    A section has its class docstring. A key inside a mapping has the description of the mapping.
    """
    field = find_field(schema, key)
    if field is None:
        path = key.rpartition(".")[0]
        return describe_key(schema, path) if path else ""
    section = _find_section(schema, key)
    text = inspect.getdoc(section) if section else field.description
    return " ".join((text or "").split())


def describe_values(schema: type[BaseModel], key: str) -> str:
    """Return the values that a setting takes, in words; "" for a key inside a mapping."""
    field = find_field(schema, key) if key else None
    if field is None:
        return ""
    kind: Any = Annotated[field.annotation, field]
    return describe_schema(TypeAdapter(kind).json_schema())


def _set_key(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[path[-1]] = value


def _get_key(tree: Any, key: str) -> Any:
    """Return the value of a dotted key; None if there is none."""
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _describe_mistake(schema: type[Section], fault: Any, origins: Mapping[str, str]) -> str:
    key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    where = f"{key} ({origins[key]})" if key in origins else key
    if fault["type"] == "extra_forbidden":
        return f"{where}: there is no such key. {suggest_key(schema, key)}"
    message = describe_fault(schema, key, fault)
    stop = "" if message.endswith((".", "?")) else "."
    return f"{where}{': ' if where else ''}{message}{stop}"


def describe_fault(schema: type[Section], key: str, fault: Any) -> str:
    """Return what is wrong with a value, and what the setting takes."""
    message: str = fault["msg"].removeprefix("Value error, ")
    section = _find_section(schema, key)
    if section and fault["type"] != "value_error":
        return describe_section(section, key)
    takes = describe_values(schema, key)
    if not takes:  # a part of a list or of a mapping
        return reword_library_fault(message)
    if fault["type"] != "value_error":
        return f"cannot be {show_value(fault['input'])}. It takes {takes}"
    return f"{message}. It takes {takes}" if message == NOT_A_NUMBER else message


def describe_section(section: type[BaseModel], key: str) -> str:
    """Return what to give in place of a section's value."""
    one = next(iter(section.model_fields))
    return f"is a section. Set one of its keys, for instance {key}.{one}"


def show_value(value: object) -> str:
    """Return a value as a message names it: a text in quotes and shortened, no list in full."""
    if isinstance(value, str):
        shown = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}..."
        return f'"{shown}"'
    if isinstance(value, bool | int | float | None):
        return format_value(value)
    return describe_kind(value)


def suggest_key(schema: type[Section], key: str) -> str:
    """Return a hint for an unknown key: the nearest whole key, else those of its section.

    A name that only other sections have is meant there: `epochs` is `train.epochs`.
    """
    path, _, last = key.rpartition(".")
    own = (_find_section(schema, path) or Section).model_fields
    hint = did_you_mean(last, own)
    if hint.startswith("Did"):
        return did_you_mean(key, [f"{path}.{name}".lstrip(".") for name in own])
    known = flatten_keys(schema().model_dump())
    others = [name for name in known if name.rpartition(".")[2] == last]
    return offer_names(others[:MAX_SUGGESTED]) if others else hint


def offer_names(names: Iterable[str]) -> str:
    """Return a question with names: Did you mean "a" or "b"?"""
    quoted = [f'"{name}"' for name in names]
    return f"Did you mean {' or '.join(quoted)}?"
