"""Measure the server: many clients, a base and its lessons in the same batches.

    python -m bench.serve [--requests 1000] [--clients 8] [--tokens 32] [--out FILE] [RUN ...]

1. Each model answers every prompt alone, greedily: what an answer has to be.
2. The rate of all clients on the base, on one lesson, and on all models; and the same beside a
   process at the priority of teaching.
3. The time to the first token after a request of the same lesson, and after one of another.
4. Clients send requests of all models at random, of the prompts on which most models differ. An
   answer that is not its own model's is counted: wrong if another model gives it, else different by
   rounding.

Without runs, the lessons are LoRAs of rank 16 with random weights. The rate is compared with that
of the engine alone, and with the engine that teaching uses. Rates are given by the clock, and by
the processor time of the server, which other programs on the machine change little. With `--out`
each finished part is kept in a file, and the same command goes on with the next one; with other
options it needs another file. A lesson is compared with another one, so give two runs or more.
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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from selfteach.export.check_export import read_check_prompts
from selfteach.files import write_text
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import GREEDY, Request, get_user_text, make_prompt
from selfteach.serve import server
from selfteach.serve.app import make_app
from selfteach.serve.batch_engine import Generation, collect
from selfteach.serve.lessons import read_lessons
from selfteach.serve.served_models import ServedModels

MODEL = "embedded"
RANK = 16
STRENGTH = 0.03
RATES = (
    "base",
    "one lesson",
    "first again: base",
    "some of all models",
    "beside a process of lowest priority",
)
"""The parts that measure a rate."""
RATE_TOKENS = 32
"""The longest answer where a rate is measured; that of the other part is an option."""
PART_REQUESTS = 50
TELLING = 16
"""Prompts that are asked where an answer may be that of a wrong lesson."""
PROGRESS = 25
"""Answers between two lines of progress."""
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
    app = make_app(served, local=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Load:
    """Hold what clients ask for.

    Attributes:
        tokens: the longest answer.
        seed: chooses the models and the prompts.
    """

    prompts: Sequence[str]
    requests: int
    clients: int
    tokens: int
    seed: int = 0


def choose_prompts(runs: Sequence[str]) -> list[str]:
    """Return prompts of the exams of runs, on which their lessons differ, and some others."""
    own = read_check_prompts([Path(run.rpartition("=")[2]) for run in runs], 2 * len(PROMPTS))
    return [*PROMPTS, *(get_user_text(prompt) for prompt in own)] if own else list(PROMPTS)


def answer_alone(served: ServedModels, load: Load) -> dict[str, dict[str, str]]:
    """Return the greedy answers of each model in batches of its own (step 1)."""
    sampling = replace(GREEDY, max_tokens=load.tokens)
    found = {}
    for name in served.names:
        asked = []
        for prompt in load.prompts:
            row = served.engine.prepare(Request("alone", make_prompt(prompt), sampling))
            asked.append(Generation(row, served.find_model(name)))
        done = collect(asked, served.engine)
        found[name] = {prompt: own.text for prompt, own in zip(load.prompts, done, strict=True)}
        say(f"{name} alone: {len(done)} answers")
    return found


def choose_telling(prompts: Sequence[str], alone: dict[str, dict[str, str]]) -> list[str]:
    """Return the prompts to which the models give the most different answers, at most TELLING."""

    def count_different(prompt: str) -> int:
        return len({own[prompt] for own in alone.values()})

    return sorted(prompts, key=count_different, reverse=True)[:TELLING]


def send(address: str, model: str, prompt: str, max_tokens: int) -> Answer:
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


def send_many(address: str, names: Sequence[str], load: Load) -> tuple[list[Answer], float]:
    """Send requests of these models at random from many clients; return the answers and seconds."""
    chosen = random.Random(load.seed)
    asked = [(chosen.choice(names), chosen.choice(load.prompts)) for _ in range(load.requests)]
    begun = time.monotonic()
    ended = 0

    def work(pair: tuple[str, str]) -> Answer:
        nonlocal ended
        answer = send(address, *pair, load.tokens)
        ended += 1
        if ended % PROGRESS == 0:
            say(f"{ended} of {load.requests} answers, {time.monotonic() - begun:.0f} s")
        return answer

    with ThreadPoolExecutor(load.clients) as pool:
        answers = list(pool.map(work, asked))
    return answers, time.monotonic() - begun


def measure_rate(pool: Any, address: str, names: Sequence[str], load: Load) -> dict[str, Any]:
    """Return the answers of the clients, which are another process, and the tokens in a second."""
    begun_s = time.process_time()
    answers, seconds = pool.apply(send_many, (address, names, load))
    used_s = time.process_time() - begun_s
    tokens = sum(answer[3] for answer in answers)
    say(f"{len(names)} models: {len(answers)} answers, {tokens / used_s:.1f} tokens/s")
    return {
        "answers": answers,
        "tokens/s": round(tokens / seconds, 1),
        "tokens/processor s": round(tokens / used_s, 1),
    }


def measure_first_token_ms(address: str, order: Sequence[str]) -> float:
    """Return the median processor time of an answer of one token, of the last model."""
    found = []
    for number in range(20):
        prompt = PROMPTS[number % len(PROMPTS)]
        for name in order[:-1]:
            send(address, name, prompt, 1)
        begun = time.process_time()
        send(address, order[-1], prompt, 1)
        found.append(1000 * (time.process_time() - begun))
    return round(statistics.median(found), 1)


def measure_sampling(load: Load) -> dict[str, float]:
    """Return the tokens in a processor second of the engines alone, with a row for each client."""
    sampling = replace(GREEDY, max_tokens=load.tokens)
    requests = [
        Request("rate", make_prompt(prompt), sampling) for prompt in load.prompts[: load.clients]
    ]
    found = {}
    hf = HfModel.load(MODEL, dtype="float32")
    samplers = {"transformers float32": hf, "teaching": open_sampler(HfModel.load(MODEL))}
    for name, sampler in samplers.items():
        list(sampler.stream(requests[:1]))
        begun = time.process_time()
        tokens = sum(done.tokens for done in sampler.stream(requests))
        found[name] = round(tokens / (time.process_time() - begun), 1)
    return found


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32, help="of an answer, at most")
    parser.add_argument("--short", type=int, default=96, help="requests where a rate is measured")
    parser.add_argument("--out", type=Path, help="keep each finished part here, and go on")
    given = parser.parse_args()
    if len(given.runs) == 1:
        parser.error("the time after another lesson is measured; give two runs or more, or none")
    settings = {name: value for name, value in vars(given).items() if name != "out"}
    kept = PartFile(given.out, settings)
    with tempfile.TemporaryDirectory() as scratch:
        runs = given.runs or [str(place) for place in write_lessons(Path(scratch))]
        load = Load(choose_prompts(runs), given.requests, given.clients, given.tokens)
        served = server.open_runs(MODEL, read_lessons(runs), server.ServerOptions(), say)
        parts = measure(served, load, given.short, kept)
        served.close()
    print(json.dumps(summarize(parts, load), indent=2))


class PartFile:
    """Keep finished parts of a measurement in a file, if there is one.

    Raises:
        SystemExit: the file has the parts of a command with other settings.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self.path = path
        self.parts: dict[str, Any] = {}
        if path is not None and path.exists():
            self.parts = json.loads(path.read_text())
        known = self.parts.setdefault("settings", settings)
        if known != settings:
            raise SystemExit(f"{path} is of another command: {known}; name another file")

    def take(self, name: str, work: Callable[[], Any]) -> Any:
        """Return a part: the kept one, or else a new one, which is kept."""
        if name not in self.parts:
            self.parts[name] = work()
            if self.path is not None:
                write_text(self.path, json.dumps(self.parts))
        return self.parts[name]


def measure(served: ServedModels, load: Load, short: int, kept: PartFile) -> dict[str, Any]:
    """Return all parts of the measurement of a server."""
    context = multiprocessing.get_context("spawn")
    few = replace(load, requests=short, tokens=RATE_TOKENS)
    lesson, other = served.names[1:3]
    kept.take("names", lambda: served.names)
    kept.take("alone", lambda: answer_alone(served, load))  # 1
    with listen(served) as address, context.Pool(1) as pool:

        def rate(names: Sequence[str], wanted: Load) -> dict[str, Any]:
            return measure_rate(pool, address, names, wanted)

        kept.take("base", lambda: rate(["base"], few))  # 2
        kept.take("one lesson", lambda: rate([lesson], few))
        kept.take("first again: base", lambda: rate(["base"], few))
        kept.take("some of all models", lambda: rate(served.names, few))
        kept.take("beside a process of lowest priority", lambda: rate_beside(rate, served, few))
        kept.take("same lesson", lambda: measure_first_token_ms(address, [lesson, lesson]))  # 3
        kept.take("another lesson", lambda: measure_first_token_ms(address, [other, lesson]))
        telling = replace(load, prompts=choose_telling(load.prompts, kept.parts["alone"]))
        for name, part in split_load(telling).items():  # 4
            kept.take(name, partial(rate, served.names, part))
    kept.take("engines alone", lambda: measure_sampling(few))
    return kept.parts


def split_load(load: Load) -> dict[str, Load]:
    """Return the requests of all models in parts that are kept one by one, by their names."""
    parts = {}
    for number, first in enumerate(range(0, load.requests, PART_REQUESTS)):
        count = min(PART_REQUESTS, load.requests - first)
        parts[f"all models, part {number}"] = replace(load, requests=count, seed=number)
    return parts


def rate_beside(rate: Callable[..., dict[str, Any]], served: ServedModels, load: Load) -> Any:
    """Return the rate of all models beside a busy process at the priority of teaching."""
    burner = subprocess.Popen([sys.executable, "-c", BURNER])
    try:
        time.sleep(5)
        return rate(served.names, load)
    finally:
        burner.kill()
        burner.wait()


def count_faults(answers: Sequence[Answer], alone: dict[str, dict[str, str]]) -> dict[str, int]:
    """Return how many answers are those of another model, and how many are nobody's (step 4)."""
    wrong = rounded = telling = 0
    for name, prompt, text, _ in answers:
        others = [own[prompt] for other, own in alone.items() if other != name]
        telling += alone[name][prompt] not in others
        if text != alone[name][prompt]:
            wrong += text in others
            rounded += text not in others
    return {
        "requests": len(answers),
        "of which only one model answers so": telling,
        "wrong lesson": wrong,
        "different by rounding": rounded,
    }


def summarize(parts: dict[str, Any], load: Load) -> dict[str, Any]:
    """Return the numbers of all parts, for people."""
    rates = {name: parts[name] for name in RATES}
    answers = [answer for name in split_load(load) for answer in parts[name]["answers"]]
    by_processor = {name: part["tokens/processor s"] for name, part in rates.items()}
    base = (by_processor["base"] + by_processor["first again: base"]) / 2
    beside = rates["beside a process of lowest priority"]["tokens/s"]
    return {
        "models": parts["names"],
        "clients": load.clients,
        **count_faults(answers, parts["alone"]),
        "tokens/s": {name: part["tokens/s"] for name, part in rates.items()},
        "tokens/processor s": by_processor,
        "engines alone, tokens/processor s": parts["engines alone"],
        "adapter overhead": round(1 - by_processor["one lesson"] / base, 3),
        "all models, of the engine that teaches": round(
            by_processor["some of all models"] / parts["engines alone"]["teaching"], 3
        ),
        "kept beside teaching": round(beside / rates["some of all models"]["tokens/s"], 3),
        "switching ms": round(parts["another lesson"] - parts["same lesson"], 1),
    }


if __name__ == "__main__":
    main()
