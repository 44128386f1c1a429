"""The choice of the sampling engine, and the list of available models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from selfteach.errors import UsageError
from selfteach.models import Sampler, fetch_default_model
from selfteach.registry import did_you_mean, list_names, load_registered

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel
    from selfteach.models.loaded_model import LoadedModel

AUTO = "auto"


class OpenedEngine(NamedTuple):
    """Hold a sampler, the engine behind it, and the reason for the choice."""

    sampler: Sampler
    engine: str
    reason: str


def open_sampler(hf: HfModel, engine: str = AUTO, folder: Path | None = None) -> Sampler:
    """Return the sampler alone; `choose_sampler` also gives the reason."""
    return choose_sampler(hf, engine, folder).sampler


def sample_with_transformers(model: LoadedModel, folder: Path | None = None) -> Sampler:
    """Return the engine `hf`: the loaded model, which samples with transformers itself."""
    return cast(Sampler, model)


def choose_sampler(hf: HfModel, engine: str = AUTO, folder: Path | None = None) -> OpenedEngine:
    """Open the sampler of a model: on a CPU openvino if it can run the model, else transformers.

    Raises:
        UsageError: an unknown engine, or "openvino" cannot run this model here.
    """
    check_engine_name(engine)
    if engine != AUTO:
        return OpenedEngine(
            load_registered("engines", engine)(hf, folder), engine, "chosen by the user"
        )
    from selfteach.models.openvino import OpenVino, explain_why_not_openvino

    if hf.device.type != "cpu":
        return OpenedEngine(hf, "hf", f"the model is on {hf.device.type}")
    if reason := explain_why_not_openvino(hf):
        return OpenedEngine(hf, "hf", f"openvino cannot sample with it: {reason}")
    return OpenedEngine(
        OpenVino(hf, folder), "openvino", "the model is on a CPU and openvino knows its family"
    )


def check_engine_name(name: str) -> None:
    """Check the name of an engine, before any model is loaded.

    Raises:
        UsageError: an unknown name.
    """
    known = [AUTO, *list_names("engines")]
    if name not in known:
        raise UsageError(
            f'there is no engine "{name}".',
            where="--engine",
            cure=did_you_mean(name, known),
        )


class KnownModel(NamedTuple):
    """Represent a model that --model accepts."""

    name: str
    what: str
    cached: bool


def list_models() -> list[KnownModel]:
    """Return the embedded model and the models of the hub's cache; read the disk only."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    cached = (fetch_default_model.get_embedded_folder() / "config.json").is_file()
    found = [KnownModel(fetch_default_model.EMBEDDED, fetch_default_model.DESCRIPTION, cached)]
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return found
    for repository in sorted(repositories, key=lambda r: str(r.repo_id)):
        files = {file.file_name for revision in repository.revisions for file in revision.files}
        has_weights = any(name.endswith(".safetensors") for name in files)
        if repository.repo_type == "model" and "config.json" in files and has_weights:
            size = f"from the hub's cache, {repository.size_on_disk >> 20} MB"
            found.append(KnownModel(str(repository.repo_id), size, True))
    return found
