"""Run the command line and write the scored texts into the run folder.

    python -m bench.record_scores RUN feedback RULE --out RUN

A ledger keeps scores under the hash of the scored text, without the text itself. `bench.pipeline`
needs the text to score it again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.workload import SCORED
from selfteach import cli
from selfteach.models.hf import HfModel
from selfteach.records import Continuations, LogProb, prompt_to_json

original_stream_scores = HfModel.stream_scores


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


if __name__ == "__main__":
    record_scores(Path(sys.argv[1]))
    sys.argv = ["selfteach", *sys.argv[2:]]
    cli.main()
