"""A real server on loopback, llama.cpp with a GGUF: as `--engine` and as `--teacher`.

The model is the embedded one; SELFTEACH_TEACHER names another folder for the teacher.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import torch
from bench.prompt_files import read_prompts

from selfteach.errors import UsageError
from selfteach.methods.corrections.sample_and_correct import make_style_test
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.remote.endpoint import ServerSettings
from selfteach.models.write_gguf import write_gguf
from selfteach.records import Request, SamplingParams, make_prompt

pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
pytestmark = pytest.mark.slow

SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.n_ctx, params.n_parallel, params.warmup = 4096, 4, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
time.sleep(3600)
"""
SUBJECTS = ("music", "rain", "bread", "maps", "tea", "owls")
TIE_NATS = 0.5
"""The most by which another kernel's choice may be less likely than the likeliest token."""


@dataclass(frozen=True)
class Served:
    """The embedded model, and the address of a server that has its weights."""

    model: HfModel
    address: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(HfModel.load("embedded"), tmp_path_factory.mktemp("served")) as served:
        yield served


@contextmanager
def serve(model: HfModel, folder: Path) -> Iterator[Served]:
    write_gguf(model.module, model.tokenizer, folder / "model.gguf")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, str(folder / "model.gguf"), str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield Served(model, f"http://127.0.0.1:{port}/v1#embedded")
    finally:
        server.kill()
        server.wait()


def wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 300
    while True:
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)


def open_served(served: Served, **more: Any) -> Any:
    settings = ServerSettings(concurrency=4)
    return choose_sampler(served.model, served.address, server=settings, **more)


def make_requests(temperature: float) -> list[Request]:
    sampling = SamplingParams(temperature, 0.95, 24)
    return [Request("t", make_prompt(f"Tell me about {what}."), sampling) for what in SUBJECTS]


def test_its_greedy_answers_are_the_model_s_own_up_to_ties(served: Served) -> None:
    opened = open_served(served)
    assert opened.engine == "a server"
    requests = make_requests(0.0)
    found = {completion.id: completion for completion in opened.sampler.stream(requests)}
    pairs = [(r.prompt, found[r.id(served.model.fingerprint)].text) for r in requests]
    assert {completion.prompt_tokens for completion in found.values()} == {
        len(served.model.encode(request.prompt)) for request in requests
    }
    for index, logits in served.model.answer_logits(pairs):
        ids = torch.tensor(served.model.encode_answer(pairs[index][1], end=False))
        own = logits[: len(ids)]
        lost = own.max(-1).values - own.gather(-1, ids[:, None])[:, 0]
        assert float(lost.max()) <= TIE_NATS


def test_the_server_takes_the_seed_of_a_request(served: Served) -> None:
    """Rounding depends on what the server computes together, so not every sample is the same."""
    sampler = open_served(served).sampler
    first, second = (
        {completion.id: completion.text for completion in sampler.stream(make_requests(1.0))}
        for _ in range(2)
    )
    assert any(first[id] == second[id] for id in first)
    assert len(set(first.values())) == len(SUBJECTS)


def test_other_weights_are_refused(served: Served) -> None:
    norm: Any = served.model.module.get_decoder().norm  # type: ignore[operator]
    norm.weight.data.mul_(1.5)
    try:
        with pytest.raises(UsageError, match="serves other weights"):
            open_served(served)
    finally:
        norm.weight.data.div_(1.5)


def test_an_adapter_that_llama_cpp_does_not_load_is_sampled_with_here(
    served: Served, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    opened = open_served(served, adapter=tmp_path)
    assert opened.engine in ("openvino", "hf")
    assert opened.reason.startswith("the server does not load the adapter")


def test_a_served_model_corrects_in_a_house_style(tmp_path: Path) -> None:
    """Each correction that is learned follows the style."""
    style = "answer in one sentence, no lists"
    follows = make_style_test(style)
    questions = read_prompts("everyday.txt")[:16]
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(questions))
    words = ["corrections", "--prompts", str(prompts), "--style", style]
    words += ["--out", str(tmp_path / "r")]
    settings = (
        "correct.samples=1",
        "correct.max_tokens=48",
        "anchors.general=8",
        "exam.general=4",
        "train.epochs=1",
    )
    for setting in settings:
        words += ["--set", setting]
    with serve(HfModel.load(os.environ.get("SELFTEACH_TEACHER", "embedded")), tmp_path) as served:
        words += ["--teacher", served.address]
        done = subprocess.run(
            [sys.executable, "-m", "selfteach", *words], capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in (tmp_path / "r/examples.jsonl").open(encoding="utf-8")]
    corrected = [row["chosen"][-1]["content"] for row in rows if row["role"] == "learn"]
    assert len(corrected) >= 4, "a served model corrects most of what breaks the style"
    assert all(map(follows, corrected))
    exam = json.loads((tmp_path / "r/exam.json").read_text("utf-8"))
    assert exam["teacher"].endswith("checked: max_sentences=1 and not format=list")
    assert exam["distance"]["tuned"]["greedy"]["n"] > 0
