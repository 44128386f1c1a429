"""The place of a model's files, and the checks before anything is opened.

Nothing heavy is imported, so that a mistyped name is reported at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach.errors import UsageError, get_first_line
from selfteach.models import check_safety
from selfteach.models.fetch_default_model import (
    EMBEDDED,
    HUB_NAME,
    fetch_embedded_model,
    get_embedded_folder,
    hub_id,
)
from selfteach.models.remote.endpoint import parse_address
from selfteach.models.remote.teacher_program import PREFIX, Program
from selfteach.models.silence import silence_libraries
from selfteach.registry import did_you_mean

MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "*.txt")
OTHER_FILES = (
    *(f"*/{kind}" for kind in MODEL_FILES if kind != "*.jinja"),
    "consolidated*.safetensors",
)
"""Files of other models and formats that a repository may hold beside: in folders, or the same
weights once more under the names of Mistral's own programs. Further chat templates of the model
are in a folder, too (`additional_chat_templates`): those for tools."""
_HUB_WORD = r"\w(?:[\w.-]{0,94}\w)?"
OWNER_AND_NAME = re.compile(rf"(?!.*(?:--|\.\.|\.git$)){_HUB_WORD}/{_HUB_WORD}", re.ASCII)
"""The form of a name on the hub. Each part has letters, digits, `_`, and `-` or `.` between."""
HUB_TIMEOUT_S = 5.0
"""How long the hub may take to say that it has a model."""


def expand_home(name: str) -> Path:
    """Return a path with the home folder in place of its ~; one of nobody's stays as it is."""
    return Path(os.path.expanduser(name))


def check_model_name(name: str) -> None:
    """Check a model's name without opening the model, and without a network.

    Raises:
        UsageError: it is neither the embedded model, nor a folder with a safe model, nor a possible
            hub name.
    """
    if "://" in name:  # not repeated: there may be a key in it
        raise UsageError(
            "a model behind a URL cannot learn.",
            where="--model",
            cure="It can help: --teacher URL#NAME.",
        )
    path = expand_home(name)
    if name not in ("", EMBEDDED) and path.is_dir():
        check_safety.check_model_folder(path)
    elif name != EMBEDDED and not is_hub_name(name):
        raise UsageError(
            f'there is no model "{name}".',
            cure=(
                f"{did_you_mean(name, [EMBEDDED])} `selfteach models` lists them; a hub "
                "name is OWNER/NAME."
            ),
        )


def is_hub_name(name: str) -> bool:
    """Tell whether a hub may have a model of this name: OWNER/NAME, both not empty."""
    return OWNER_AND_NAME.fullmatch(name) is not None


def find_hub_name(name: Any) -> str:
    """Return the name of a model on the hub; "" for a folder of this machine, whose path is
    private. A folder comes before a model of the hub, as where models are loaded.
    """
    found = hub_id(name) if isinstance(name, str) else ""
    return found if is_hub_name(found) and not expand_home(found).is_dir() else ""


def require_model(name: str) -> None:
    """Check that a model can be had: it is here, or the hub has it. No weights are fetched.

    Raises:
        UsageError: as `check_model_name`, or the hub has no such model or cannot be reached.
    """
    check_model_name(name)
    if name == EMBEDDED or is_model_here(name):
        return
    from huggingface_hub import model_info

    with convert_hub_errors(name):
        model_info(name, timeout=HUB_TIMEOUT_S)


def is_model_here(name: str) -> bool:
    """Return whether the files of a model are on this disk; nothing is fetched."""
    if name == EMBEDDED:
        return (get_embedded_folder() / "config.json").is_file()
    if expand_home(name).is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json"), str)


def check_teacher_name(name: str) -> None:
    """Check a teacher's name: a program (`cmd:`), an endpoint (URL#name), or a local model.

    Raises:
        UsageError: it is none of these.
    """
    if name.startswith(PREFIX):
        Program(name)
    elif "#" in name or "://" in name:
        parse_address(name)
    elif name:
        check_model_name(name)


def is_local_teacher(name: str) -> bool:
    """Return whether a teacher is a model that is loaded here: no program and no endpoint."""
    return bool(name) and not (name.startswith(PREFIX) or "#" in name or "://" in name)


def resolve_model_folder(name: str, progress: Callable[[str], None] | None = None) -> Path:
    """Return the folder of a model's files: the embedded one, a folder, or a hub name.

    From a hub only safetensors, tokenizer and configuration are fetched.

    Raises:
        UsageError: none of these, or an unsafe folder (remote code, pickles).
    """
    check_model_name(name)
    if name == EMBEDDED:
        return fetch_embedded_model(progress)
    path = expand_home(name)
    if path.is_dir():
        return path
    fetched = _download_from_hub(name)
    check_safety.check_model_folder(fetched)
    return fetched


def resolve_base(name: str, adapter: Path | None) -> str:
    """Return the name of the copy that an adapter was trained on.

    Adapters of the embedded model name their base as the hub does, so that other programs find it.
    The hub's own weights differ a little: the embedded copy was packed to four bits. The hub id
    therefore resolves to the embedded copy if the adapter was trained on that copy.

    Args:
        name: the user's name of the model: "embedded", a folder, or a hub name.
        adapter: the adapter's folder; None for a model alone.
    """
    if name != HUB_NAME or adapter is None or not (adapter / check_safety.ABOUT_FILE).is_file():
        return name
    about = check_safety.read_json(adapter / check_safety.ABOUT_FILE)
    copy = get_embedded_folder()
    if (copy / "config.json").is_file():
        in_4bit = about.get(check_safety.LOAD_IN_4BIT) is True
        own = check_safety.compute_fingerprint(copy, in_4bit=in_4bit)
        matches = about.get("base_fingerprint") == own
    else:
        matches = about.get("base") == EMBEDDED
    return EMBEDDED if matches else name


def _download_from_hub(name: str) -> Path:
    """Return the folder of a hub's model in the hub's cache."""
    from huggingface_hub import snapshot_download

    with convert_hub_errors(name), silence_libraries():
        return Path(
            snapshot_download(
                name, allow_patterns=list(MODEL_FILES), ignore_patterns=list(OTHER_FILES)
            )
        )


@contextmanager
def convert_hub_errors(name: str) -> Iterator[None]:
    """Convert the hub's errors inside the block to an error about a model."""
    try:
        yield
    except Exception as fault:  # the hub's client has other errors in each version
        raise UsageError(
            f'there is no model "{name}" here, and it cannot be fetched ({get_first_line(fault)}).',
            cure=(
                "Check the name and the network, or give a folder; `selfteach models` "
                "lists what is at hand."
            ),
        ) from fault
