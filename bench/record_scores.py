"""Run the command line; write the scored texts and the seconds of sampling into the run folder.

    python -m bench.record_scores RUN feedback RULE --out RUN

A ledger keeps scores under the hash of the scored text, without the text itself. `bench.pipeline`
needs the text to score it again. The seconds of a run's stages hold more than sampling.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.workload import SAMPLED, SCORED
from selfteach import cli
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Continuations, LogProb, Request, prompt_to_json

original_stream_scores = HfModel.stream_scores
original_stream = Recorded.stream


def record_scores(folder: Path) -> None:
    """Write every text that is scored from now on into the folder."""

    def stream_scores(
        self: HfModel, items: Sequence[Continuations]
    ) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
        with (folder / SCORED).open("a", encoding="utf-8") as file:
            for item in items:
                prompt = prompt_to_json(item.prompt)
                row = {"prompt": prompt, "texts": item.texts, "end": item.end}
                file.write(json.dumps(row) + "\n")
        return original_stream_scores(self, items)

    HfModel.stream_scores = stream_scores  # type: ignore[method-assign]


def record_sampling(folder: Path) -> None:
    """Write the tokens and the seconds of every call that samples from now on into the folder. What
    the caller does between two answers is not counted.
    """

    def stream(self: Recorded, requests: Sequence[Request]) -> Iterator[Completion]:
        before = self.sampled_tokens
        answers = original_stream(self, requests)
        seconds = 0.0
        try:
            while True:
                started = time.monotonic()
                found = next(answers, None)
                seconds += time.monotonic() - started
                if found is None:
                    return
                yield found
        finally:
            if tokens := self.sampled_tokens - before:
                with (folder / SAMPLED).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"tokens": tokens, "seconds": seconds}) + "\n")

    Recorded.stream = stream  # type: ignore[method-assign]


if __name__ == "__main__":
    record_scores(Path(sys.argv[1]))
    record_sampling(Path(sys.argv[1]))
    sys.argv = ["selfteach", *sys.argv[2:]]
    cli.main()
