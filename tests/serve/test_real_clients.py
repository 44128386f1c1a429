"""The server with programs that people use: `llm` and curl, each in a process of its own.

The `openai` package is tested in test_serve.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import warm
from lessons import QUESTIONS, write_lesson
from selfteach.serve.server import KEY_VARIABLE

pytestmark = pytest.mark.slow
KEY = "a-key-of-a-test"
TURNS = [{"role": "user", "content": QUESTIONS[0]}]


@pytest.fixture(scope="module")
def address(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own process with a lesson, which wants a key."""
    run = write_lesson(tiny, tmp_path_factory.mktemp("runs") / "brief")
    env = {**os.environ, KEY_VARIABLE: KEY}
    process = warm.Process(["-m", "selfteach", "serve", "--run", run, "--port", "0"], env=env)
    found = ""
    while not found:
        said = process.stderr.readline()
        assert said, "the server ended"
        if " at http://" in said:
            found = said.partition(" at ")[2].strip()
    yield found
    process.send_signal(15)
    assert process.wait(60) == 0
    process.close()


def ask_with_curl(address: str, body: object, key: str = KEY) -> tuple[int, str]:
    """Return the status and the body of a chat completion."""
    words = ["curl", "-sSN", "-w", "\n%{http_code}", f"{address}/chat/completions"]
    words += ["-H", "Content-Type: application/json", "-H", f"Authorization: Bearer {key}"]
    done = subprocess.run(
        [*words, "-d", json.dumps(body)], capture_output=True, text=True, check=True
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_an_answer_a_stream_and_a_refusal(address: str) -> None:
    body = {"model": "brief", "messages": TURNS, "temperature": 0, "max_tokens": 8}
    status, text = ask_with_curl(address, body)
    assert status == 200
    answer = json.loads(text)["choices"][0]["message"]["content"]
    status, text = ask_with_curl(address, {**body, "stream": True})
    events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert (status, events[-1]) == (200, "[DONE]")
    parts = [json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]]
    assert "".join(parts) == answer
    assert ask_with_curl(address, body, "wrong")[0] == 401
    assert ask_with_curl(address, {**body, "model": "nobody"})[0] == 404


@pytest.mark.skipif(find_spec("llm") is None, reason="the package llm is not installed")
@pytest.mark.parametrize("more", [[], ["--no-stream"]], ids=["stream", "whole"])
def test_llm_asks_a_lesson_by_its_name(address: str, tmp_path: Path, more: list[str]) -> None:
    row = {"model_id": "taught", "model_name": "brief", "api_base": address, "api_key_name": "own"}
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([row]))
    env = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    options = ["-o", "temperature", "0", "-o", "max_tokens", "8", "--key", KEY, "--no-log"]
    words = [sys.executable, "-m", "llm", "-m", "taught", *options, *more, QUESTIONS[0]]
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    body = {"model": "brief", "messages": TURNS, "temperature": 0, "max_tokens": 8}
    if shutil.which("curl"):
        expected = json.loads(ask_with_curl(address, body)[1])["choices"][0]["message"]["content"]
        assert done.stdout.strip() == expected.strip()
    assert done.stdout.strip()
