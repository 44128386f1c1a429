"""The command line, with a list of what was scored beside the run: `python -m bench.watch RUN
feedback RULE --out RUN`.

A ledger keeps scores under the hash of what was asked, without its text. To score the same again,
`bench.road` needs the text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.work import SCORED
from selfteach import cli
from selfteach.models.hf import Hf
from selfteach.records import Continuations, Logp, prompt_json

score = Hf.logp


def watch(folder: Path) -> None:
    """From now on every scored text is written down in the folder."""

    def logp(self: Hf, items: Sequence[Continuations]) -> Iterator[tuple[str, tuple[Logp, ...]]]:
        with (folder / SCORED).open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"prompt": prompt_json(i.prompt), "texts": i.texts, "end": i.end}) + "\n"
                for i in items
            )
        return score(self, items)

    Hf.logp = logp  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.argv = ["selfteach", *sys.argv[2:]]
    cli.main()
