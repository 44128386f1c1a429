"""The choice of the sampling engine, and the list of available models."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from selfteach.errors import UsageError
from selfteach.models import Sampler, fetch_default_model
from selfteach.models.ray_actors import OtherModel, RayActors, RaySettings
from selfteach.models.remote.endpoint import ServerSettings, parse_address
from selfteach.registry import did_you_mean, list_names, load_registered

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel
    from selfteach.models.loaded_model import LoadedModel
    from selfteach.models.openvino import OpenVino

AUTO = "auto"
ACCELERATOR_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What Linux has where CUDA or ROCm can work: the devices of their drivers, and of WSL's."""
OPENVINO = "openvino"
PAGED = "paged"
PAGED_LAYERS = {"full_attention", "sliding_attention"}
PAGES_MODULE = "transformers.generation.continuous_batching.cb_logits_processors"
RAY = "ray"
URL = "://"
"""What tells the address of a server, or several joined by commas, from the name of an engine."""


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


def sample_with_pages(model: LoadedModel, folder: Path | None = None) -> Sampler:
    """Return the engine `paged`.

    Raises:
        UsageError: it cannot sample with this model.
    """
    if reason := explain_why_not_paged(model):
        raise UsageError(
            f"pages of keys and values cannot hold it: {reason}.",
            where=model.name,
            cure="Sample with `--engine hf`.",
        )
    from selfteach.models.paged import PagedSampler

    return PagedSampler(model)


def explain_why_not_paged(hf: LoadedModel) -> str:
    """Return why pages cannot hold the keys and values of a model, or an empty text."""
    from selfteach.models.hook_adapter import get_active_hooks

    module: Any = hf.module
    if find_spec(PAGES_MODULE) is None:
        return "this version of transformers has no random numbers for each request"
    if hf.device.type not in ("cpu", "cuda"):
        return f"it is on {hf.device.type}"
    hooks = get_active_hooks(module)
    if hooks and (hooks.needs_positions or hooks.num_virtual_tokens):
        return f'its "{hooks.kind}" adapter needs the position of each token'
    config = module.config.get_text_config()
    if odd := sorted({*(getattr(config, "layer_types", None) or ())} - PAGED_LAYERS):
        return f"its layers are of another kind ({odd[0]})"
    if getattr(module, "_is_stateful", False):
        return "its layers have states"
    if module.config._attn_implementation != "sdpa":
        return f"its attention is computed otherwise ({module.config._attn_implementation})"
    return ""


def sample_with_actors(model: HfModel, folder: Path | None = None) -> Sampler:
    """Return the engine `ray`."""
    return _open_actors(model, folder, None, None).sampler


def open_by_name(
    name: str, adapter: Path | None, *, engine: str = AUTO, load_in_4bit: bool = False
) -> OpenedEngine:
    """Load a model and open an engine, by default the one that `auto` chooses, as actors do."""
    from selfteach.models.hf import HfModel

    return choose_sampler(HfModel.load(name, adapter=adapter, load_in_4bit=load_in_4bit), engine)


def choose_sampler(
    hf: HfModel,
    engine: str = AUTO,
    folder: Path | None = None,
    *,
    adapter: Path | None = None,
    server: ServerSettings | None = None,
    ray: RaySettings | None = None,
) -> OpenedEngine:
    """Open the sampler of a model: on a CPU openvino if it can run the model, else transformers.

    Args:
        adapter: what the model was merged with; servers and actors load it beside the base.
        server: how servers are asked, where the engine is the address of one.
        ray: how many actors answer, where the engine is `ray`.

    Raises:
        UsageError: an unknown engine, or "openvino" cannot run this model here, or a server has
            another model.
    """
    check_engine_name(engine)
    if URL in engine:
        return _open_servers(hf, engine, folder, adapter, server)
    if engine == RAY:
        return _open_actors(hf, folder, adapter, ray)
    name, reason = choose_engine(hf, engine)
    return OpenedEngine(load_registered("engines", name)(hf, folder), name, reason)


def choose_engine(hf: HfModel, engine: str) -> tuple[str, str]:
    """Return the name of the engine that samples, and the reason; `auto` chooses by the model."""
    if engine != AUTO:
        return engine, "chosen by the user"
    from selfteach.models.openvino import explain_why_not_openvino

    if hf.device.type != "cpu":
        return "hf", f"the model is on {hf.device.type}"
    if reason := explain_why_not_openvino(hf):
        return "hf", f"openvino cannot sample with it: {reason}"
    return OPENVINO, "the model is on a CPU and openvino knows its family"


def open_kept_sampler(
    name: str, adapter: Path | None, engine: str, folder: Path
) -> OpenVino | None:
    """Return openvino without a loaded model: with the file that an earlier command kept, or with
    one that is written from the model's own files. None where neither is possible, or another
    engine is wanted.
    """
    if engine not in (AUTO, OPENVINO):
        return None
    from selfteach.models.kept_engine import find_kept_model, write_kept_model

    model = find_kept_model(name, adapter, folder)
    if model is None and adapter:
        return None
    if engine == AUTO and has_accelerator():
        return None
    from selfteach.models.openvino import OpenVino, explain_missing_openvino

    if model is None and not explain_missing_openvino():
        model = write_kept_model(name, folder)
    return OpenVino(model, folder) if model else None


def has_accelerator() -> bool:
    """Return whether torch computes on an accelerator here.

    torch is loaded only where the system has a device for one.
    """
    if sys.platform == "linux" and not any(map(os.path.exists, ACCELERATOR_FILES)):
        return False
    import torch

    return torch.cuda.is_available()


def _open_servers(
    hf: HfModel,
    addresses: str,
    folder: Path | None,
    adapter: Path | None,
    server: ServerSettings | None,
) -> OpenedEngine:
    """Open the servers of a model; an adapter that they do not load is sampled with here."""
    from selfteach.models.remote.retry import RequestRefused
    from selfteach.models.remote.served_model import explain_why_not_served, open_served

    reason = explain_why_not_served(adapter)
    if not reason:
        try:
            return OpenedEngine(*open_served(hf, addresses, server or ServerSettings(), adapter))
        except RequestRefused as fault:
            reason = f"the server does not load the adapter ({fault})"
    opened = choose_sampler(hf, AUTO, folder)
    return opened._replace(reason=f"{reason}, and {opened.reason}")


def _open_actors(
    hf: HfModel, folder: Path | None, adapter: Path | None, settings: RaySettings | None
) -> OpenedEngine:
    """Open actors; what they cannot load from a disk is sampled with here."""
    try:
        open_model = partial(open_by_name, load_in_4bit=hf.load_in_4bit)
        actors = RayActors(hf, open_model, adapter, settings or RaySettings())
    except OtherModel as fault:
        opened = choose_sampler(hf, AUTO, folder)
        return opened._replace(reason=f"{fault.what.rstrip('.')}, and {opened.reason}")
    return OpenedEngine(actors, actors.description, "they load the same model")


def check_engine_name(name: str) -> None:
    """Check the name of an engine, before any model is loaded.

    Raises:
        UsageError: an unknown name, or an address that is none.
    """
    known = [AUTO, *list_names("engines")]
    if URL in name:
        for address in name.split(","):
            parse_address(address.strip())
        return
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
