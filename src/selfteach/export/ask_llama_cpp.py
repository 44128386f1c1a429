"""Answers of llama.cpp, in a process of its own.

    python -P -m selfteach.export.ask_llama_cpp

The process reads JSON from its standard input: {"model", "lora", "asked", "threads", "context",
"out"}. It writes the answers as JSON to the file "out", or a text that says why there are none,
because llama.cpp prints to both streams. It uses the template of the file, so that the template is
examined as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selfteach.child_process import PASSED_VARIABLES
from selfteach.errors import ResourceError
from selfteach.models.tokens import TEMPLATE_DAY_TEXT
from selfteach.records import JsonMapping, JsonObject
from selfteach.run.processes import get_cores

SECONDS_PER_PROMPT = 60
LOADING_S = 300
CONTEXT_TOKENS = 4096
"""The least context of llama.cpp's, unless the model's own is shorter."""
TEMPLATE_TOKENS = 1024
"""Tokens that a chat template may add to a conversation."""


def is_llama_cpp_installed() -> bool:
    """Return whether llama.cpp can be asked here."""
    return find_spec("xllamacpp") is not None


def send_to_llama_cpp(
    model: Path, asked: Sequence[JsonMapping], lora: Path | None = None
) -> list[JsonObject]:
    """Return a GGUF file's answers to requests: text, finish, tokens and prompt_tokens of each one.

    Args:
        asked: bodies of chat completions; of a text completion, where there is a "prompt".
        lora: a GGUF adapter on it.

    Raises:
        ResourceError: llama.cpp ended without answers, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="selfteach-") as scratch:
        out = Path(scratch) / "answers.json"
        given = {
            "model": str(model.resolve()),
            "lora": str(lora.resolve()) if lora else "",
            "asked": list(asked),
            "threads": count_threads(),
            "context": max([CONTEXT_TOKENS, *map(count_most_tokens, asked)]),
            "out": str(out),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", __name__],
                input=json.dumps(given).encode(),
                capture_output=True,
                timeout=LOADING_S + SECONDS_PER_PROMPT * len(asked),
                env={name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
                check=False,
            )
        except subprocess.TimeoutExpired as fault:
            raise ResourceError(
                "llama.cpp does not answer in time.", where=model, cure="Give a smaller --prompts."
            ) from fault
        if done.returncode or not out.exists():
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise _make_fault(lines[-1] if lines else "no message", model)
        answers: list[JsonObject] | str = json.loads(out.read_text("utf-8"))
        if isinstance(answers, str):
            raise _make_fault(answers, model)
        return answers


def count_threads() -> int:
    """Return the number of threads that the user chose, else that of the cores of this process.

    OpenMP also takes a list such as "2,1", for threads within threads.
    """
    chosen = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(chosen) if chosen.isdecimal() and int(chosen) > 0 else len(get_cores())


def count_most_tokens(body: JsonMapping) -> int:
    """Return the most tokens that a request may need: each token of a text has a byte or more."""
    texts = [body["prompt"]] if "prompt" in body else [t["content"] for t in body["messages"]]
    num_bytes = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    return num_bytes + TEMPLATE_TOKENS + int(body["max_tokens"])


def _make_fault(reason: str, model: Path) -> ResourceError:
    return ResourceError(
        f"llama.cpp cannot answer with it ({reason[:160]}).",
        where=model,
        cure="--prompts 0 exports without asking it.",
    )


def main() -> None:
    """Answer what stands on the standard input."""
    given: JsonObject = json.loads(sys.stdin.buffer.read())
    Path(given["out"]).write_text(json.dumps(_answer(given)), "utf-8")


def _answer(given: JsonMapping) -> list[JsonObject] | str:
    """Return the answers, or why llama.cpp refuses a request."""
    server = _open_server(given)
    answers = []
    template = {"enable_thinking": False, "date_string": TEMPLATE_DAY_TEXT}
    more = {"cache_prompt": False, "chat_template_kwargs": template}
    for body in given["asked"]:
        is_text = "prompt" in body
        handle = server.handle_completions if is_text else server.handle_chat_completions
        reply = handle(body | more)
        if "choices" not in reply:
            return str(reply["error"]["message"])
        choice = reply["choices"][0]
        answers.append(
            {
                "text": choice["text"] if is_text else choice["message"]["content"],
                "finish": choice["finish_reason"],
                "tokens": reply["usage"]["completion_tokens"],
                "prompt_tokens": reply["usage"]["prompt_tokens"],
            }
        )
    return answers


def _open_server(given: JsonMapping) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = given["model"]
    params.n_ctx = given["context"]
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = given["threads"]
    params.cpuparams_batch.n_threads = given["threads"]
    if given["lora"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(given["lora"], 1.0)]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
