"""Which engine draws, and which models are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from selfteach.errors import UsageError
from selfteach.models import Sampler, embedded
from selfteach.registry import did_you_mean, list_names, load_registered

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel
    from selfteach.models.loaded import LoadedModel

AUTO = "auto"


class OpenedEngine(NamedTuple):
    """A drawer, the engine behind it, and why it was chosen."""

    sampler: Sampler
    engine: str
    reason: str


def open_sampler(hf: HfModel, engine: str = AUTO, folder: Path | None = None) -> Sampler:
    """The drawer alone; `choose_sampler` also gives the reason."""
    return choose_sampler(hf, engine, folder).sampler


def sample_with_transformers(model: LoadedModel, folder: Path | None = None) -> Sampler:
    """Return the engine `hf`: the loaded model, which draws with transformers itself."""
    return cast(Sampler, model)


def choose_sampler(hf: HfModel, engine: str = AUTO, folder: Path | None = None) -> OpenedEngine:
    """Opens what draws with a model: on a CPU openvino where it can, else transformers; never in
    silence.

    Raises:
        UsageError: there is no such engine, or it is "openvino" and cannot draw with this model
        here.
    """
    check_engine_name(engine)
    if engine != AUTO:
        return OpenedEngine(load_registered("engines", engine)(hf, folder), engine, "asked for")
    from selfteach.models.openvino import OpenVino, explain_why_not_openvino

    if hf.device.type != "cpu":
        return OpenedEngine(hf, "hf", f"the model is on {hf.device.type}")
    if reason := explain_why_not_openvino(hf):
        return OpenedEngine(hf, "hf", f"openvino cannot draw with it: {reason}")
    return OpenedEngine(
        OpenVino(hf, folder), "openvino", "the model is on a CPU and openvino knows its family"
    )


def check_engine_name(name: str) -> None:
    """Looks, before any model is loaded, whether there is such an engine.

    Raises:
        UsageError: there is not.
    """
    known = [AUTO, *list_names("engines")]
    if name not in known:
        raise UsageError(
            f'there is no engine "{name}".',
            where="--engine",
            cure=did_you_mean(name, known),
        )


class KnownModel(NamedTuple):
    """A model that can be named with --model."""

    name: str
    what: str
    cached: bool


def list_models() -> list[KnownModel]:
    """The embedded model, and the causal models of the hub's cache. Reads the disk only."""
    found = [
        KnownModel(
            embedded.EMBEDDED,
            embedded.DESCRIPTION,
            (embedded.get_embedded_folder() / "config.json").is_file(),
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
