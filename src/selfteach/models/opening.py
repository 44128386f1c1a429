"""Which engine draws, and which models are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from selfteach.errors import UsageError
from selfteach.models import Drawer, embedded
from selfteach.registry import did_you_mean

if TYPE_CHECKING:
    from selfteach.models.hf import Hf

Engine = Literal["auto", "openvino", "hf"]


class Opened(NamedTuple):
    """A drawer, the engine behind it, and why it was chosen."""

    drawer: Drawer
    engine: str
    reason: str


def open_drawer(hf: Hf, engine: Engine = "auto", folder: Path | None = None) -> Drawer:
    """The drawer alone; `choose_drawer` also gives the reason."""
    return choose_drawer(hf, engine, folder).drawer


def choose_drawer(hf: Hf, engine: Engine = "auto", folder: Path | None = None) -> Opened:
    """Opens what draws with a model: on a CPU openvino where it can, else transformers; never in
    silence.

    Raises:
        UsageError: there is no such engine, or it is "openvino" and cannot draw with this model
        here.
    """
    from selfteach.models.openvino import OpenVino, why_not_openvino

    refuse_unknown_engine(engine)
    if engine == "hf":
        return Opened(hf, "hf", "asked for")
    if engine == "openvino":
        return Opened(OpenVino(hf, folder), "openvino", "asked for")
    if hf.device.type != "cpu":
        return Opened(hf, "hf", f"the model is on {hf.device.type}")
    if reason := why_not_openvino(hf):
        return Opened(hf, "hf", f"openvino cannot draw with it: {reason}")
    return Opened(
        OpenVino(hf, folder), "openvino", "the model is on a CPU and openvino knows its family"
    )


def refuse_unknown_engine(name: str) -> None:
    """Looks, before any model is loaded, whether there is such an engine.

    Raises:
        UsageError: there is not.
    """
    if name not in get_args(Engine):
        raise UsageError(
            f'there is no engine "{name}".',
            where="--engine",
            cure=did_you_mean(name, get_args(Engine)),
        )


class KnownModel(NamedTuple):
    """A model that can be named with --model."""

    name: str
    what: str
    cached: bool


def known_models() -> list[KnownModel]:
    """The embedded model, and the causal models of the hub's cache. Reads the disk only."""
    found = [
        KnownModel(
            embedded.NAME, embedded.WHAT, (embedded.embedded_path() / "config.json").is_file()
        )
    ]
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return found
    for repository in sorted(repositories, key=lambda r: str(r.repo_id)):
        files = {file.file_name for revision in repository.revisions for file in revision.files}
        if (
            repository.repo_type == "model"
            and "config.json" in files
            and any(name.endswith(".safetensors") for name in files)
        ):
            found.append(
                KnownModel(
                    str(repository.repo_id),
                    f"from the hub's cache, {repository.size_on_disk >> 20} MB",
                    True,
                )
            )
    return found
