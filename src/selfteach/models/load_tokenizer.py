"""A model's tokenizer without its weights; torch is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfteach.errors import UsageError, get_first_line
from selfteach.models import check_safety
from selfteach.models.resolve_model_path import resolve_model_folder
from selfteach.models.silence import silence_libraries
from selfteach.models.tokens import ChatTokenizer
from selfteach.models.try_in_child import check_chat_template

PLAIN_CLASS = "TokenizersBackend"
"""The class of transformers for a tokenizer.json without code of its own."""


def load_chat_tokenizer(name_or_folder: str) -> ChatTokenizer:
    """Load a model's tokenizer with its chat template, without the weights.

    Raises:
        UsageError: no such model, or an unsafe one.
    """
    return ChatTokenizer(load_tokenizer(resolve_model_folder(name_or_folder)))


def names_plain_class(folder: Path) -> bool:
    """Return whether a Llama's folder itself names `PLAIN_CLASS`, which transformers then takes."""
    path = folder / "tokenizer_config.json"
    return path.is_file() and check_safety.read_json(path).get("tokenizer_class") == PLAIN_CLASS


def load_tokenizer(folder: Path, class_name: str = "") -> Any:
    """Load the tokenizer of a folder.

    Args:
        class_name: the class that transformers chose for this folder before. transformers loads
            torch to choose; where it chose `PLAIN_CLASS`, no choice is needed.

    Raises:
        UsageError: it cannot be loaded, or its chat template is beyond the bounds.
    """
    try:
        with silence_libraries():
            tokenizer = _import_class(class_name).from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
            tokenizer("a")  # a setting of another shape may fail here alone
    except Exception as fault:  # the tokenizers library raises nothing more precise
        raise UsageError(
            f"its tokenizer cannot be loaded ({get_first_line(fault)}).",
            where=folder,
            cure="Use a whole copy of the model.",
        ) from fault
    template = tokenizer.chat_template
    if isinstance(template, dict):  # one for conversations, others for tools
        template = template.get("default")
    if template:
        check_chat_template(template, tokenizer.special_tokens_map, folder)
    return tokenizer


def _import_class(class_name: str) -> Any:
    if class_name == PLAIN_CLASS:
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast
    from transformers import AutoTokenizer

    return AutoTokenizer
