"""YAML from untrusted text: no aliases, no duplicate keys, no surprising types."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from selfteach.disk import open_file
from selfteach.errors import UsageError

OPTION_CURE = "Check the path given to --config."
MAX_CONFIG_BYTES = 1 << 20


class _Loader(yaml.SafeLoader):
    """Load safe YAML without duplicate keys, aliases and tags.

    1e-4 is a number; `no`, 1:30, 0x10 and 017 are texts.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias or getattr(event, "tag", None) is not None:
            fault = f"{'aliases' if is_alias else 'tags'} are not allowed"
            raise yaml.constructor.ConstructorError(None, None, fault, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            fault = ""
            if not isinstance(key, str):
                fault = f"the key {key!r} is not a word"
            elif key in seen:
                fault = f'the key "{key}" stands twice'
            if fault:
                raise yaml.constructor.ConstructorError(None, None, fault, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _drop_scalars(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the resolvers without those of YAML 1.1 for booleans, numbers and dates."""
    return [pair for pair in pairs if not re.search("(?:bool|int|float|timestamp)$", pair[0])]


_Loader.yaml_implicit_resolvers = {
    letter: _drop_scalars(pairs)
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.I), list("tTfF")
)
_NUMBER = list("-+.0123456789")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9]\d*)$"), _NUMBER
)
_FLOAT = re.compile(r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, _NUMBER)


class Dumper(yaml.SafeDumper):
    """Write YAML that `parse_yaml` reads as it was: the text 1e5 gets quotes, and a line break in a
    text is an escape.
    """


def _represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.search("[\n\r\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Dumper.add_representer(str, _represent_text)
Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, _NUMBER)


def parse_yaml(text: str, where: str) -> Any:
    """Return one YAML value from untrusted text.

    Raises:
        UsageError: not YAML, a duplicate key, an alias, or a number that is not finite.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"not valid YAML{line} ({getattr(fault, 'problem', None) or fault}).",
            where=where,
            cure="Mend it.",
        ) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError("not a finite number.", where=where)
    return value


def load_yaml(path: Path, cure: str = OPTION_CURE) -> dict[str, Any]:
    """Read a configuration file as nested mappings.

    Args:
        cure: of a file that cannot be read.

    Raises:
        UsageError: missing, a pipe or a device, too large, not UTF-8, not YAML, or not a mapping.
    """
    with open_file(path, error=UsageError, cure=cure) as handle:
        data = handle.read(MAX_CONFIG_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UsageError("is not UTF-8.", where=str(path), cure="Save it as UTF-8.") from fault
    if len(data) > MAX_CONFIG_BYTES:
        raise UsageError(
            "is larger than 1 MB.", where=str(path), cure="A configuration is a few lines."
        )
    value = parse_yaml(text, str(path))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(
            "is not a mapping of keys to values.", where=str(path), cure="Write `key: value` lines."
        )
    return value
