"""Measure what Ray adds to 1,000 requests: seconds of this process's own engine, of one actor with
the same engine, and of an actor that answers at once.

Processor seconds count this process, the actors and Ray's own processes; other work on the machine
changes them less than seconds by the clock.

python -m bench.ray_overhead [--model embedded] [--requests 1000] [--tokens 4]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import psutil

from selfteach.models import Sampler, ray_actors
from selfteach.models.engines import choose_sampler, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.ray_actors import ActorModel, OpenModel, RaySettings, join_cluster
from selfteach.records import Completion, Request, SamplingParams, make_prompt

REPEATS = 3


def make_echo(fingerprint: str) -> type[ActorModel]:
    """Return a kind of actor that answers at once, without a model."""

    class Echo(ActorModel):
        def __init__(self, open_model: OpenModel, name: str, adapter: Path | None) -> None:
            pass

        def describe(self) -> tuple[str, str, int]:
            return fingerprint, "nothing", os.getpid()

        def sample(self, requests: list[Request]) -> list[Completion]:
            return [Completion(r.id(fingerprint), "", "stop", 1, 1) for r in requests]

    return Echo


def open_one_actor(model: HfModel) -> Sampler:
    """Return the engine `ray` with one actor."""
    return choose_sampler(model, "ray", ray=RaySettings(1)).sampler


def read_processor_seconds() -> float:
    """Return the processor seconds of this process and of all running ones that it started."""
    own = psutil.Process()
    times = [one.cpu_times() for one in (own, *own.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def measure_seconds(sampler: Sampler, requests: list[Request]) -> tuple[float, float]:
    """Return the least seconds of several rounds, by the clock and of processors; the first one
    warms up.
    """
    clock, processor = [], []
    for _ in range(1 + REPEATS):
        started, used = time.monotonic(), read_processor_seconds()
        count = sum(1 for _ in sampler.stream(requests))
        clock.append(time.monotonic() - started)
        processor.append(read_processor_seconds() - used)
        assert count == len(requests)
    return min(clock[1:]), min(processor[1:])


def main() -> None:
    """Print the seconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=4)
    given = parser.parse_args()
    sampling = SamplingParams(1.0, 1.0, given.tokens)
    requests = [
        Request("bench", make_prompt(f"Tell me about number {i}."), sampling)
        for i in range(given.requests)
    ]
    join_cluster(address="local", num_cpus=2)
    model = HfModel.load(given.model)
    seconds = {"here": measure_seconds(open_sampler(model), requests)}
    seconds["one actor"] = measure_seconds(open_one_actor(model), requests)
    ray_actors.ActorModel = make_echo(model.fingerprint)  # type: ignore[misc,assignment]
    seconds["an actor that answers at once"] = measure_seconds(open_one_actor(model), requests)
    for number, kind in enumerate(("seconds", "processor seconds")):
        each = {name: round(found[number], 3) for name, found in seconds.items()}
        print(json.dumps({"requests": given.requests, "tokens": given.tokens, kind: each}))


if __name__ == "__main__":
    main()
