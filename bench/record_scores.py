"""Run the command line and write a list of what was scored beside the run.

    python -m bench.record_scores RUN feedback RULE --out RUN

A ledger keeps scores under the hash of what was asked, without its text. To score the same again,
`bench.pipeline` needs the text.
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
    """From now on every scored text is written down in the folder."""

    def stream_scores(
        self: HfModel, items: Sequence[Continuations]
    ) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
        with (folder / SCORED).open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"prompt": prompt_to_json(i.prompt), "texts": i.texts, "end": i.end})
                + "\n"
                for i in items
            )
        return original_stream_scores(self, items)

    HfModel.stream_scores = stream_scores  # type: ignore[method-assign]


if __name__ == "__main__":
    record_scores(Path(sys.argv[1]))
    sys.argv = ["selfteach", *sys.argv[2:]]
    cli.main()
