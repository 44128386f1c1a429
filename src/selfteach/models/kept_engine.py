"""An engine's file that answers without a loaded model: it stands from an earlier command, or is
written from the model's own files.

Beside the GGUF stands what sampling needs to know of the model, and the file's sum.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.errors import UsageError
from selfteach.files import hash_file, write_text
from selfteach.models import check_safety
from selfteach.models.four_bit_files import read_adapter_setting
from selfteach.models.llama_files import read_llama_files
from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
from selfteach.models.tokens import ChatTokenizer
from selfteach.records import JsonObject, Prompt

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

FORMAT = 4
"""Grows when the same weights are written as another file, or more is noted beside it."""
MAX_KEPT = 3
"""Files that a folder keeps; those that were not used for the longest time go first."""


@dataclass
class UnloadedModel:
    """Represent a model whose weights only the engine holds: tokenizer, name and limits.

    Attributes:
        module: None, where a loaded model has its weights.
        folder: of the model.
    """

    tokens: ChatTokenizer
    name: str
    fingerprint: str
    context_tokens: int
    end_ids: set[int]
    folder: Path
    notes: Sequence[str] = ()
    module: Any = None
    tokenizer: Any = field(init=False)

    def __post_init__(self) -> None:
        """Offer the tokenizer as a loaded model does."""
        self.tokenizer = self.tokens.tokenizer

    def encode(self, prompt: Prompt) -> list[int]:
        """Return the token ids of a prompt, with the header of the answer to come."""
        return self.tokens.encode(prompt)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        return self.tokens.decode(ids)


def count_model_weights(base: LoadedModel | UnloadedModel) -> int:
    """Return how many numbers the weights of a model are; 0 where its files do not say."""
    if base.module is not None:
        from selfteach.models.four_bit import count_numbers

        return sum(map(count_numbers, base.module.parameters()))
    assert isinstance(base, UnloadedModel)
    files = read_llama_files(base.folder)
    return files.num_weights if files else 0


def keep_engine_file(path: Path, model: LoadedModel | UnloadedModel) -> None:
    """Note beside a GGUF what a later command needs to know, and remove what is too old."""
    facts = {
        "format": FORMAT,
        "bytes": path.stat().st_size,
        "sha256": hash_file(path),
        "context_tokens": model.context_tokens,
        "end_ids": sorted(model.end_ids),
        "tokenizer": type(model.tokenizer).__name__,
    }
    write_text(path.with_suffix(".json"), json.dumps(facts) + "\n")
    with suppress(FileNotFoundError):  # another command removes them as well
        files = sorted(path.parent.glob("*.gguf"), key=lambda file: file.stat().st_mtime_ns)
        for old in files[:-MAX_KEPT]:
            if old != path:
                old.with_suffix(".json").unlink(missing_ok=True)
                old.unlink()


def read_facts(path: Path) -> JsonObject | None:
    """Return what is noted beside a whole GGUF; None if there is none, or one of both has
    changed. The engine's file is then written again.
    """
    note = path.with_suffix(".json")
    if not (path.is_file() and note.is_file()):
        return None
    try:
        facts = check_safety.read_json(note)
    except UsageError:
        return None
    ends = facts.get("end_ids")
    is_whole = (
        facts.get("format") == FORMAT
        and facts.get("bytes") == path.stat().st_size
        and facts.get("sha256") == hash_file(path)
        and isinstance(facts.get("context_tokens"), int)
        and isinstance(ends, list)
        and all(isinstance(end, int) for end in ends)
    )
    return dict(facts) if is_whole else None


def find_kept_model(name: str, adapter: Path | None, folder: Path) -> UnloadedModel | None:
    """Return a model whose weights stand as a whole file of the engine; None without one.

    Args:
        folder: where the engine keeps its files.

    Raises:
        UsageError: no such model, or an unsafe one.
        IntegrityError: the adapter was trained on another base.
    """
    if not any(folder.glob("*.gguf")) or read_adapter_setting(adapter):
        return None
    known = resolve_base(name, adapter)
    base = resolve_model_folder(known)
    fingerprint = check_safety.compute_fingerprint(base)
    notes = [check_safety.check_adapter(adapter, fingerprint)] if adapter else []
    if adapter:
        fingerprint = check_safety.compute_adapter_fingerprint(fingerprint, adapter)
    facts = read_facts(folder / f"{fingerprint}.gguf")
    if facts is None:
        return None
    with suppress(OSError):  # it may be in a folder of somebody else
        os.utime(folder / f"{fingerprint}.gguf")
    from selfteach.models.load_tokenizer import load_tokenizer

    tokens = ChatTokenizer(load_tokenizer(base, facts["tokenizer"]))
    return UnloadedModel(
        tokens,
        known,
        fingerprint,
        int(facts["context_tokens"]),
        set(facts["end_ids"]),
        base,
        [*filter(None, notes), *tokens.notes],
    )


def write_kept_model(name: str, folder: Path) -> UnloadedModel | None:
    """Return a model whose engine's file is written from the model's own files, without torch;
    None where a loaded model is needed.

    Args:
        folder: where the engine keeps its files.

    Raises:
        UsageError: no such model, or an unsafe one.
    """
    base = resolve_model_folder(name)
    from selfteach.models.load_tokenizer import PLAIN_CLASS, load_tokenizer, names_plain_class

    files = read_llama_files(base)
    if files is None or not names_plain_class(base):
        return None
    from selfteach.models.write_gguf import write_weights

    tokens = ChatTokenizer(load_tokenizer(base, PLAIN_CLASS), files.end_ids)
    fingerprint = check_safety.compute_fingerprint(base)
    context_tokens = files.config.max_position_embeddings
    model = UnloadedModel(
        tokens, name, fingerprint, context_tokens, tokens.end_ids, base, tokens.notes
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fingerprint}.gguf"
    write_weights(files.config, files.iterate_weights(), files.num_weights, path)
    keep_engine_file(path, model)
    return model
