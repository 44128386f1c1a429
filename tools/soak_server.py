"""Soak test of the server: clients ask for a long time, and some of them are killed.

python tools/soak_server.py --minutes 60 --folder DIR [--clients 4] [RUN ... | --student NAME]

It serves the base with the lessons of runs, or a student with its sum and its lessons. With neither
it serves a base alone, which --model names.

A server of its own process answers several client processes. Each one asks the models at random,
whole or as a stream. Every few seconds one of them is killed, or stops reading, and a new one takes
its place. A request must end with an answer, or with an error that has a code; the requests of a
killed client must leave the server. In the last third of the time the server's memory, open files
and threads must be what they were in the second third.

It prints one JSON object, and exits with 1 if a request was lost or something grew.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

CLIENT = """
import http.client, json, random, sys
address, names, seed, limit_s = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4]
choose = random.Random(seed)
while True:
    body = {
        "model": choose.choice(names),
        "messages": [{"role": "user", "content": f"What is {choose.randint(1, 99)} plus one?"}],
        "max_tokens": choose.choice([1, 4, 16]),
        "n": choose.choice([1, 1, 2]),
        "stream": choose.random() < 0.5,
    }
    print("asked", flush=True)
    connection = http.client.HTTPConnection(address, timeout=float(limit_s))
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        if reply.status != 200:
            print("error", reply.status, flush=True)
        elif body["stream"]:
            whole = text.endswith("data: [DONE]\\n\\n")
            print(f"answer {body['model']}" if whole else "lost a stream", flush=True)
        else:
            whole = len(json.loads(text)["choices"]) == body["n"]
            print(f"answer {body['model']}" if whole else "lost a choice", flush=True)
    except Exception as fault:
        print("lost", type(fault).__name__, flush=True)
    finally:
        connection.close()
"""
"""A client that asks until it is killed; it needs nothing but Python."""
REQUEST_LIMIT_S = 600.0
SAMPLE_S = 1.0
DRAIN_S = 60.0
STOP_S = 120.0
"""The server finishes running answers for up to 30 s, and a busy machine is slower."""
MAX_GROWTH_MB = 30.0
MAX_GROWTH_FILES = 8
"""Connections that happen to be open."""


@dataclass
class Client:
    """Represent a client process.

    Attributes:
        ends_s: when it is killed or stopped.
    """

    process: subprocess.Popen[str]
    log: Path
    ends_s: float
    stopped: bool = False

    def read_outcomes(self) -> list[str]:
        """Return what became of its requests; the one that it waited for at its end has none."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line != "asked"]


@dataclass
class Soak:
    """Hold a server under test, its clients, and what was seen."""

    address: str
    names: Sequence[str]
    server: psutil.Process
    folder: Path
    choose: random.Random
    life_s: float
    samples: list[dict[str, float]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    begun: int = 0

    def start_client(self) -> None:
        """Start one more client."""
        self.begun += 1
        log = self.folder / f"client-{self.begun}.txt"
        words = [sys.executable, "-I", "-S", "-c", CLIENT, self.address, ",".join(self.names)]
        with log.open("w") as out:
            process = subprocess.Popen(
                [*words, str(self.begun), str(REQUEST_LIMIT_S)], stdout=out, text=True
            )
        life_s = self.choose.uniform(0.0, self.life_s)
        self.clients.append(Client(process, log, time.monotonic() + life_s))

    def end_client(self, client: Client, how: str) -> None:
        """Kill a client and count its requests."""
        client.process.kill()
        client.process.wait()
        self.clients.remove(client)
        self.outcomes.update(client.read_outcomes())
        client.log.unlink()
        self.ends[how] += 1

    def step(self) -> None:
        """Let the clients whose time is over end, and measure the server."""
        for client in list(self.clients):
            if time.monotonic() < client.ends_s:
                continue
            if client.stopped:
                self.end_client(client, "never read on, then killed")
                self.start_client()
            elif self.choose.random() < 0.2:  # it no longer reads, and keeps its connection
                client.process.send_signal(signal.SIGSTOP)
                client.stopped = True
                client.ends_s += self.life_s
            else:
                self.end_client(client, "killed")
                self.start_client()
        self.samples.append(
            {
                "memory_mb": self.server.memory_info().rss / 1e6,
                "open_files": self.server.num_fds(),
                "threads": self.server.num_threads(),
            }
        )

    def drain(self) -> dict[str, float]:
        """End all clients; return what the server still computes once nobody waits for it."""
        for client in list(self.clients):
            self.end_client(client, "killed at the end")
        end = time.monotonic() + DRAIN_S
        found = self.read_health()
        while time.monotonic() < end and found["active"] + found["waiting"] > 0:
            time.sleep(SAMPLE_S)
            found = self.read_health()
        return {"active": found["active"], "waiting": found["waiting"]}

    def read_health(self) -> dict[str, float]:
        """Return the answer of /health."""
        with urllib.request.urlopen(f"http://{self.address}/health", timeout=60) as reply:
            found: dict[str, float] = json.load(reply)
        return found

    def read_metric(self, name: str) -> float:
        """Return a number of /metrics."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=60) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(f"selfteach_{name} "):
                    return float(line.split()[1])
        raise KeyError(name)


def start_server(words: Sequence[str], log: Path) -> tuple[subprocess.Popen[str], str, list[str]]:
    """Start a server; return it with its address and the names of its models."""
    command = [sys.executable, "-m", "selfteach", "serve", "--port", "0", *words]
    with log.open("w") as err:
        process = subprocess.Popen(command, stderr=err, text=True)
    while " at http://" not in log.read_text():
        if process.poll() is not None:
            raise SystemExit(f"the server ended: {log.read_text()}")
        time.sleep(0.1)
    address = log.read_text().partition(" at http://")[2].partition("/")[0]
    with urllib.request.urlopen(f"http://{address}/v1/models") as reply:
        names = [row["id"] for row in json.load(reply)["data"]]
    return process, address, names


def choose_models(given: argparse.Namespace) -> list[str]:
    """Return the options of `selfteach serve` that name what is served."""
    if given.student:
        return ["--student", given.student]
    return [word for run in given.runs for word in ("--run", run)] or ["--model", given.model]


def find_growth(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return how much the medians of the last third are above those of the second third."""
    third = len(samples) // 3
    grown = {}
    for name in samples[0]:
        before = statistics.median(sample[name] for sample in samples[third : 2 * third])
        after = statistics.median(sample[name] for sample in samples[2 * third :])
        grown[name] = round(after - before, 1)
    return grown


def stop_server(process: subprocess.Popen[str]) -> int:
    """Ask the server to stop, and return its exit code; -9 if it had to be killed after STOP_S."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main() -> int:
    """Run the soak test; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--student", metavar="NAME", help="serve a student with its lessons")
    parser.add_argument("--model", default="embedded", help="the base that is served alone")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument(
        "--life", type=float, default=12.0, help="longest life of a client, in seconds"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="for logs; it may be new")
    given = parser.parse_args()
    if given.student and given.runs:
        parser.error("give runs or --student, not both")
    given.folder.mkdir(parents=True, exist_ok=True)
    process, address, names = start_server(choose_models(given), given.folder / "server.txt")
    choose = random.Random(given.seed)
    soak = Soak(address, names, psutil.Process(process.pid), given.folder, choose, given.life)
    try:
        for _ in range(given.clients):
            soak.start_client()
        end = time.monotonic() + 60 * given.minutes
        while time.monotonic() < end and process.poll() is None:
            soak.step()
            time.sleep(SAMPLE_S)
        crashed = process.poll() is not None
        left = {} if crashed else soak.drain()
        cancelled = 0.0 if crashed else soak.read_metric("answers_cancelled_total")
    finally:
        for client in list(soak.clients):
            soak.end_client(client, "killed at the end")
        code = stop_server(process)
    grown = find_growth(soak.samples)
    lost = sum(count for word, count in soak.outcomes.items() if word.startswith("lost"))
    answers = {name: soak.outcomes.pop(f"answer {name}", 0) for name in names}
    whole = sum(answers.values())
    bad = crashed or lost or any(left.values()) or code != 0 or whole == 0
    bad = bad or grown["memory_mb"] > MAX_GROWTH_MB or grown["threads"] > MAX_GROWTH_FILES
    bad = bad or grown["open_files"] > MAX_GROWTH_FILES
    found = {
        "minutes": given.minutes,
        "models": names,
        "outcomes": {"answer": whole, **soak.outcomes},
        "answers of each model": answers,
        "clients": soak.ends,
        "cancelled": cancelled,
        "left in the server": left,
        "exit code of the server": code,
        "last sample": soak.samples[-1],
        "growth": grown,
        "passed": not bad,
    }
    print(json.dumps(found, indent=2))
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
