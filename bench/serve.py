"""Measure the server: many clients, a base and its lessons in the same batches.

    python -m bench.serve [--requests 1000] [--clients 8] [--seconds 240] [RUN ...]

1. Each model answers every prompt alone, greedily: what an answer has to be.
2. Clients send requests of all models at random. An answer that is not its own model's is counted:
   wrong if another model gives it, else different by rounding.
3. The rate of all clients on the base, on one lesson, and on all models; and the same beside a
   process at the priority of teaching.
4. The time to the first token after a request of the same lesson, and after one of another.

Without runs, the lessons are LoRAs of rank 16 with random weights. The rate is compared with that
of the engine alone, and with the engine that teaching uses.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import GREEDY, Request, make_prompt
from selfteach.serve import server
from selfteach.serve.batch_engine import Generation, collect
from selfteach.serve.lessons import read_lessons
from selfteach.serve.served_models import ServedModels

MODEL = "embedded"
MAX_TOKENS = 32
RANK = 16
STRENGTH = 0.01
LOWEST_PRIORITY = 19
"""That of the processes that teach."""
PROMPTS = (
    "Tell me about elephants.",
    "What is the capital of Norway?",
    "How do I boil an egg?",
    "Write a line about the sea.",
    "What is rain?",
    "Name three colors.",
    "Why is the sky blue?",
    "What do cats eat?",
    "How long is a marathon?",
    "Give me an idea for a gift.",
    "What is a prime number?",
    "Who wrote Hamlet?",
    "How do bees make honey?",
    "Say hello to my friend Ann.",
    "What is a good breakfast?",
    "Explain what a verb is.",
)
BURNER = (
    f"import os, torch; os.nice({LOWEST_PRIORITY})\nx = torch.randn(512, 512)\nwhile True: x @ x\n"
)
Answer = tuple[str, str, str, int]
"""The model, the prompt, the answer, and its tokens."""


def write_lessons(folder: Path, count: int = 4) -> list[Path]:
    """Write runs with LoRAs of random weights, each of which changes the base's answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from selfteach.models.check_safety import compute_fingerprint
    from selfteach.models.resolve_model_path import resolve_model_folder

    base = resolve_model_folder(MODEL)
    places = []
    for number in range(count):
        torch.manual_seed(number)
        settings = LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
        with torch.no_grad():
            for name, weight in wrapped.named_parameters():
                if "lora_B" in name:
                    weight.normal_(std=STRENGTH)
        place = folder / f"lesson-{number}"
        wrapped.save_pretrained(place / "adapter")
        facts = {"base": MODEL, "base_fingerprint": compute_fingerprint(base)}
        (place / "adapter" / "selfteach.json").write_text(json.dumps(facts))
        (place / "config.yaml").write_text(f"model: {MODEL}\n")
        places.append(place)
    return places


@contextmanager
def listen(served: ServedModels) -> Iterator[str]:
    """Serve in this process, for the time of the block; yield the address."""
    import uvicorn

    listener = server.open_socket(server.ServerOptions(port=0))
    app = server.make_app(served, local=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


def answer_alone(served: ServedModels) -> dict[tuple[str, str], str]:
    """Return the greedy answers of each model in batches of its own (step 1)."""
    sampling = replace(GREEDY, max_tokens=MAX_TOKENS)
    found = {}
    for name in served.names:
        asked = []
        for prompt in PROMPTS:
            row = served.engine.prepare(Request("alone", make_prompt(prompt), sampling))
            asked.append(Generation(row, served.find_model(name)))
        for prompt, done in zip(PROMPTS, collect(asked, served.engine), strict=True):
            found[name, prompt] = done.text
    return found


def send(address: str, model: str, prompt: str, max_tokens: int = MAX_TOKENS) -> Answer:
    """Send one request and return its answer."""
    connection = http.client.HTTPConnection(address, timeout=600)
    turns = [{"role": "user", "content": prompt}]
    body = {"model": model, "messages": turns, "temperature": 0, "max_tokens": max_tokens}
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    reply = json.loads(connection.getresponse().read())
    connection.close()
    tokens = reply["usage"]["completion_tokens"]
    return model, prompt, reply["choices"][0]["message"]["content"], tokens


def send_many(
    address: str, names: Sequence[str], requests: int, clients: int, limit_s: float, seed: int
) -> tuple[list[Answer], float]:
    """Send requests of these models at random from many clients; return the answers and seconds.

    No request begins after the limit.
    """
    chosen = random.Random(seed)
    asked = [(chosen.choice(names), chosen.choice(PROMPTS)) for _ in range(requests)]
    begun = time.monotonic()

    def work(pair: tuple[str, str]) -> Answer | None:
        if time.monotonic() - begun > limit_s:
            return None
        return send(address, *pair)

    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for answer in pool.map(work, asked) if answer]
    return answers, time.monotonic() - begun


def measure_rate(pool: Any, address: str, names: Sequence[str], given: Any, limit_s: float) -> Any:
    """Return the answers of the clients, which are another process, and the tokens in a second."""
    arguments = (address, names, given.requests, given.clients, limit_s, 0)
    answers, seconds = pool.apply(send_many, arguments)
    rate = sum(answer[3] for answer in answers) / seconds
    print(f"{len(names)} models: {len(answers)} answers, {rate:.1f} tokens/s", file=sys.stderr)
    return answers, rate


def measure_first_token_ms(address: str, order: Sequence[str]) -> float:
    """Return the median time of an answer of one token, of the last model of each pair."""
    found = []
    for number in range(20):
        for name in order[:-1]:
            send(address, name, PROMPTS[number % len(PROMPTS)], 1)
        begun = time.monotonic()
        send(address, order[-1], PROMPTS[number % len(PROMPTS)], 1)
        found.append(1000 * (time.monotonic() - begun))
    return statistics.median(found)


def measure_sampling(rows: int) -> dict[str, float]:
    """Return the tokens in a second of the engines alone, with so many rows at a time."""
    sampling = replace(GREEDY, max_tokens=MAX_TOKENS)
    requests = [Request("rate", make_prompt(prompt), sampling) for prompt in PROMPTS[:rows]]
    found = {}
    hf = HfModel.load(MODEL, dtype="float32")
    samplers = {"transformers float32": hf, "teaching": open_sampler(HfModel.load(MODEL))}
    for name, sampler in samplers.items():
        list(sampler.stream(requests[:1]))
        begun = time.monotonic()
        tokens = sum(done.tokens for done in sampler.stream(requests))
        found[name] = round(tokens / (time.monotonic() - begun), 1)
    return found


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=240)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        runs = given.runs or [str(place) for place in write_lessons(Path(scratch))]
        options = server.ServerOptions()
        lessons = read_lessons(runs)
        served = server.open_runs(MODEL, lessons, options, say)
        print(json.dumps(measure(served, given), indent=2))
        served.close()


def measure(served: ServedModels, given: Any) -> dict[str, Any]:
    """Return all numbers of a server."""
    context = multiprocessing.get_context("spawn")
    alone = answer_alone(served)  # 1
    lesson = served.names[1]
    short_s = given.seconds / 8
    with listen(served) as address, context.Pool(1) as pool:
        rates = {}
        for name, models in (("base", ["base"]), ("one lesson", [lesson])):
            _, rates[name] = measure_rate(pool, address, models, given, short_s)
        answers, rates["all models"] = measure_rate(
            pool, address, served.names, given, given.seconds / 2
        )
        burner = subprocess.Popen([sys.executable, "-c", BURNER])
        try:
            time.sleep(5)
            _, rates["beside a process of lowest priority"] = measure_rate(
                pool, address, served.names, given, short_s
            )
        finally:
            burner.kill()
            burner.wait()
        first = {
            "same lesson": measure_first_token_ms(address, [lesson, lesson]),
            "another lesson before": measure_first_token_ms(address, [served.names[2], lesson]),
        }
    others = served.names
    wrong = rounded = 0
    for name, prompt, text, _ in answers:
        if text == alone[name, prompt]:
            continue
        is_other = text in [alone[other, prompt] for other in others if other != name]
        wrong += is_other
        rounded += not is_other
    return {
        "requests": len(answers),
        "clients": given.clients,
        "models": served.names,
        "wrong lesson": wrong,
        "different by rounding": rounded,
        "distinct answers": len(set(alone.values())),
        "tokens per second": {name: round(rate, 1) for name, rate in rates.items()},
        "engines alone, tokens per second": measure_sampling(given.clients),
        "adapter overhead": round(1 - rates["one lesson"] / rates["base"], 3),
        "first token ms": {name: round(value, 1) for name, value in first.items()},
    }


if __name__ == "__main__":
    main()
