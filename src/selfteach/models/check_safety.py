"""Checks before a model folder is opened: nothing in it may run code (invariant 9).

Also the folder's identity: its fingerprint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from selfteach.errors import IntegrityError, ResourceError, UsageError
from selfteach.files import hash_file, write_text
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.records import JsonMapping, JsonObject, digest
from selfteach.run.exports import check_adapter_sums

PICKLE_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
SAFE_ATTENTION = {"eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"}
IDENTITY_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
)
GENERATION_FILE = "generation_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
END_KEY = "eos_token_id"
WHOLE_COPY_CURE = "Use a whole copy."
MAX_JSON_BYTES = 64 << 20
LARGE_BYTES = 1 << 30
"""The cache keeps the sum of a larger file."""
MAX_PARTS = 4096
LAYERS_KEY = re.compile(r"(?:num|n)_.*(?:layers?|blocks|experts)|(?:en|de)coder_layers")
"""Keys of config.json with a number of parts that are made one by one."""
ADAPTER_CONFIG_FILE = "adapter_config.json"
TENSORS_FILE = "adapter_model.safetensors"
"""The file of an adapter's folder that holds its weights."""
ADAPTER_FILES = (ADAPTER_CONFIG_FILE, TENSORS_FILE)
ABOUT_FILE = "selfteach.json"
"""The file of an adapter's folder that names its base."""
LOAD_IN_4BIT = "load_in_4bit"
"""The setting of a run, and the key of ABOUT_FILE for a base that was loaded in 4 bits."""


def check_model_folder(folder: Path) -> JsonObject:
    """Return a model folder's configuration; refuse a folder that could run code.

    Raises:
        UsageError: no configuration, no safetensors, pickled weights alone, remote code, or an
            external attention kernel, or more layers than any model has.
    """
    config = read_json(folder / "config.json")
    _refuse_many_parts(config, folder / "config.json")
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(p.name for pattern in PICKLE_PATTERNS for p in folder.glob(pattern))
        what = "has no safetensors weights."
        if pickled:
            what = (
                f"has its weights as a pickle ({pickled[0]}), which can run code when it is read."
            )
        raise UsageError(what, where=folder, cure="Use a copy with safetensors weights.")
    for index in folder.glob("*.safetensors.index.json"):
        files = read_json(index).get("weight_map")
        named = files.values() if isinstance(files, dict) else [files]
        odd = [name for name in named if not _is_plain_safetensors(name)]
        if odd:
            raise UsageError(
                f"points to {str(odd[0])[:60]!r}, which is no safetensors file in its folder.",
                where=index,
                cure=WHOLE_COPY_CURE,
            )
    for name in (
        "config.json",
        "tokenizer_config.json",
        "generation_config.json",
        "processor_config.json",
    ):
        if (folder / name).is_file():
            _refuse_code(read_json(folder / name), f"{folder}/{name}")
    return config


def _refuse_many_parts(config: JsonObject, path: Path) -> None:
    """Refuse a number of layers or experts that would take hours to make, weights or not."""
    for key, value in _iterate_keys(config):
        if LAYERS_KEY.fullmatch(key) and isinstance(value, int) and value > MAX_PARTS:
            raise UsageError(
                f'has "{key}": {str(value)[:20]}, and at most {MAX_PARTS:,} can be loaded.',
                where=path,
                cure="Use a whole copy of the model.",
            )


def write_about(adapter: Path, facts: JsonMapping) -> None:
    """Write ABOUT_FILE into an adapter's folder."""
    write_text(adapter / ABOUT_FILE, json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> JsonObject:
    """Read a JSON object from a model folder.

    Raises:
        UsageError: missing, too large, or not a JSON object.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UsageError("is too large for a configuration.", where=path, cure=WHOLE_COPY_CURE)
        value = json.loads(path.read_bytes())
    except OSError as fault:
        raise UsageError(
            f"cannot be read ({fault.strerror}).",
            where=path,
            cure="A model folder holds config.json, tokenizer and safetensors.",
        ) from fault
    except (ValueError, RecursionError) as fault:
        raise UsageError(
            f"is not JSON ({str(fault)[:80]}).", where=path, cure=WHOLE_COPY_CURE
        ) from fault
    if not isinstance(value, dict):
        raise UsageError("is not a JSON object.", where=path, cure=WHOLE_COPY_CURE)
    return value


def _is_plain_safetensors(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name


def _refuse_code(value: JsonObject, where: str) -> None:
    for key, found in _iterate_keys(value):
        if key in ("auto_map", "custom_pipelines") and found:
            raise UsageError(
                f'needs code that comes with the model ("{key}").',
                where=where,
                cure=(
                    "Selfteach runs no such code. Where transformers knows the model "
                    "family itself, remove this key from a local copy."
                ),
            )
        if key == "megatron_config" and found:
            raise UsageError(
                'lets PEFT import a module by its name ("megatron_core").',
                where=where,
                cure=f'Remove "{key}" from a local copy.',
            )
        if key.lstrip("_").startswith("attn_implementation") or key == "experts_implementation":
            for name in found.values() if isinstance(found, dict) else [found]:
                if name is not None and name not in SAFE_ATTENTION:
                    raise UsageError(
                        f"needs an external attention kernel ({str(name)[:60]!r}).",
                        where=where,
                        cure=f'Remove "{key}" from a local copy.',
                    )


def _iterate_keys(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key of nested mappings and lists, with its value."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            yield from top.items()
            stack += top.values()
        elif isinstance(top, list):
            stack += top


def compute_fingerprint(folder: Path, *, in_4bit: bool = False) -> str:
    """Return the hash of a model folder: configuration, tokenizer, template and all weights.

    Args:
        in_4bit: whether weights of 16 bits are loaded in 4, which makes another model.
    """
    parts = [[name, _sha256(folder / name)] for name in IDENTITY_FILES if (folder / name).is_file()]
    parts += [[path.name, _sha256(path)] for path in sorted(folder.glob("*.safetensors"))]
    parts += _list_own_ends(folder)
    parts += _list_own_special_tokens(folder)
    found = digest(["model", parts])
    return digest([LOAD_IN_4BIT, found]) if in_4bit else found


def _list_own_ends(folder: Path) -> list[list[Any]]:
    """Return what ends an answer where generation_config.json says so otherwise than config.json.

    Where both say the same, the digest of config.json holds it.
    """
    file = folder / GENERATION_FILE
    ends = read_json(file).get(END_KEY) if file.is_file() else None
    same = ends is None or ends == read_json(folder / "config.json").get(END_KEY)
    return [] if same else [[GENERATION_FILE, ends]]


def _list_own_special_tokens(folder: Path) -> list[list[Any]]:
    """Return which special tokens special_tokens_map.json names otherwise than
    tokenizer_config.json.

    transformers reads it only where tokenizer_config.json lists no added tokens. How such a token
    is found in a text, tokenizer.json says.
    """
    file, config_file = folder / SPECIAL_TOKENS_FILE, folder / "tokenizer_config.json"
    config = read_json(config_file) if config_file.is_file() else {}
    if not file.is_file() or "added_tokens_decoder" in config:
        return []
    own = {}
    for name, token in read_json(file).items():
        spelling = _spell_tokens(token)
        if spelling != _spell_tokens(config.get(name)):
            own[name] = spelling
    return [[SPECIAL_TOKENS_FILE, own]] if own else []


def _spell_tokens(value: Any) -> Any:
    """Return the spelling of a special token, or of each in a list."""
    if isinstance(value, list):
        return list(map(_spell_tokens, value))
    return value.get("content", value) if isinstance(value, dict) else value


def compute_adapter_fingerprint(base: str, folder: Path) -> str:
    """Return the hash of a base with a PEFT adapter on it."""
    return digest(["adapter", base, [_sha256(folder / name) for name in ADAPTER_FILES]])


def check_adapter_files(folder: Path) -> None:
    """Refuse a folder that is no PEFT adapter in safetensors.

    Raises:
        UsageError: a file is missing.
    """
    for name in ADAPTER_FILES:
        if not (folder / name).is_file():
            raise UsageError(
                f"is not a PEFT adapter in safetensors: {name} is missing.",
                where=folder,
                cure="Give the folder that training wrote.",
            )


def check_adapter(folder: Path, base: str) -> str:
    """Refuse an adapter that was trained on another base, or has changed since its run wrote it.

    Returns:
        A note if the folder does not name its base, else an empty text.

    Raises:
        UsageError: not a PEFT folder with safetensors.
        IntegrityError: trained on another base, or not as its run wrote it.
    """
    check_adapter_sums(folder)
    check_adapter_files(folder)
    _refuse_code(read_json(folder / ADAPTER_CONFIG_FILE), f"{folder}/{ADAPTER_CONFIG_FILE}")
    if not (folder / ABOUT_FILE).is_file():
        return f"the adapter {folder.name} does not name its base: only its shapes are checked"
    about = read_json(folder / ABOUT_FILE)
    recorded = about.get("base_fingerprint")
    if recorded != base:
        in_4bit = about.get(LOAD_IN_4BIT) is True
        kind = "a base in 4 bits" if in_4bit else "another base"
        cure = "Give the model that it was trained on with --model."
        raise IntegrityError(
            f"was trained on {kind} (fingerprint {str(recorded)[:12]}, this one is {base[:12]}).",
            where=folder,
            cure="Use `selfteach answer --run DIR`, or train on 16 bits." if in_4bit else cure,
        )
    return ""


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file.

    The cache keeps that of a large file, by path, size and time of change.
    """
    stat = path.stat()
    large = stat.st_size > LARGE_BYTES
    key = digest([str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino])
    memory = get_cache_folder() / "sha256" / f"{key}.txt"
    if large and memory.is_file():
        known = memory.read_text()
        if len(known) == 64:
            return known
    found = hash_file(path)
    if large:
        with suppress(OSError, ResourceError):  # the next command reads the file again
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_text(memory, found)
    return found
