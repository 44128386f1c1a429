"""Checkpoints. A manifest with the SHA-256 of each file is written last; without it a checkpoint
does not count.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import Tensor

from selfteach.errors import IntegrityError
from selfteach.files import (
    hash_file,
    parse_json,
    replace_file,
    sync_file,
    write_bytes,
    write_text,
)
from selfteach.records import JsonMapping, dump_canonical_json
from selfteach.train.distributed import copy_whole_tensors, take_shard

NUM_KEPT = 2
TENSOR_FILES = ("adapter.safetensors", "optimizer.safetensors", "rng.safetensors")
STATE_FILE = "state.json"
FILES = (*TENSOR_FILES, STATE_FILE)
CollectTensors = Callable[[], Mapping[str, Tensor]]
RecordEvent = Callable[[str, JsonMapping], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Hold the state from which a resumed training ends with the weights of an uninterrupted
    one.
    """

    step: int
    adapter: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    rng: Tensor
    facts: JsonMapping


def write_checkpoint(
    folder: Path,
    identity: str,
    step: int,
    tensors: Sequence[CollectTensors],
    facts: JsonMapping,
) -> None:
    """Write `folder/step-NNNNNN`, manifest last, and remove all but the newest checkpoints.
    Those of later steps are of an earlier attempt, which was passed over.

    Args:
        tensors: collect the tensors of each of TENSOR_FILES. Each is called when its file is
            written, so that the tensors of one file alone are held at a time.
    """
    place = folder / f"step-{step:06d}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").unlink(missing_ok=True)
    for name, collect in zip(TENSOR_FILES, tensors, strict=True):
        write_tensors(place / name, collect())
    write_bytes(place / STATE_FILE, dump_canonical_json({"step": step, **facts}).encode())
    sums = {name: hash_file(place / name) for name in FILES}
    write_text(
        place / "manifest.json", json.dumps({"identity": identity, "sha256": sums}, indent=2) + "\n"
    )
    found = sorted(folder.glob("step-*"))
    kept = [other for other in found if other <= place][-NUM_KEPT:]
    for old in (other for other in found if other not in kept):
        (old / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(old)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a whole file of tensors or none, as `write_bytes`, and hold no second copy of them."""
    size = sum(tensor.nbytes for tensor in tensors.values())
    with replace_file(path, size) as temporary:
        save_file(dict(tensors), temporary)
        sync_file(temporary)


def read_newest_checkpoint(folder: Path, identity: str, event: RecordEvent) -> Checkpoint | None:
    """Return the newest whole checkpoint, or None. Each damaged one becomes an event.

    Raises:
        IntegrityError: the newest whole checkpoint belongs to other examples, another configuration
        or another base.
    """
    for place in sorted(folder.glob("step-*"), reverse=True):
        try:
            found, point = read_checkpoint(place)
        except (OSError, ValueError, KeyError) as fault:
            event("checkpoint_passed_over", {"checkpoint": place.name, "fault": str(fault)})
            continue
        if found != identity:
            raise IntegrityError(
                "this checkpoint is of other examples, another configuration or another base.",
                where=str(place),
                cure="Train into a new folder.",
            )
        return point
    return None


def read_checkpoint(place: Path) -> tuple[str, Checkpoint]:
    """Return one checkpoint and its identity.

    Raises:
        OSError, ValueError, KeyError: a file is missing, damaged or unlisted.
    """
    manifest = parse_json((place / "manifest.json").read_text("utf-8"))
    sums = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(sums, dict):
        raise ValueError("manifest.json holds no sums (sha256)")
    contents = [(place / name).read_bytes() for name in FILES]
    for name, data in zip(FILES, contents, strict=True):
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise ValueError(f"{name} is not what was written")
    *tensors, state = contents
    adapter, optimizer, rng = map(load, tensors)
    facts = json.loads(state)
    step = facts.pop("step")
    return manifest["identity"], Checkpoint(step, adapter, optimizer, rng["torch"], facts)


def get_optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as named tensors, `<parameter number>.<name>`, gathered from the
    shards of all processes.
    """
    tensors: dict[str, Tensor] = {}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"{number}.{name}": value for name, value in state.items()}
    return copy_whole_tensors(tensors)


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the tensors that `get_optimizer_tensors` returned."""
    parameters: list[Tensor] = []
    for group in optimizer.param_groups:
        parameters += group["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        part = take_shard(value, parameter) if value.shape == parameter.shape else value
        state.setdefault(int(number), {})[key] = part
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
