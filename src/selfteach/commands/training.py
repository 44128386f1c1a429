"""`selfteach train`: a file of examples is read before any model is, a run is opened, an adapter is
trained, the dev loss is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.commands import past
from selfteach.commands.lesson import Brought, left_out, ready, show_plan, sums, teach, told
from selfteach.commands.options import Options
from selfteach.config import Alone, resolve
from selfteach.errors import UsageError
from selfteach.materials.examples import read_examples
from selfteach.run import processes

if TYPE_CHECKING:
    from selfteach.methods.finetune import Lessons


@dataclass(frozen=True)
class Files:
    """What the person brings: one dataset or several, perhaps a file of others to measure on."""

    examples: Sequence[Path]
    dev: Path | None
    skip_bad_rows: bool

    def read(self, most_bad: float) -> Lessons:
        """The material of all files; what is measured on is not learned. Of several, each is a
        dataset that `train.mix` can name.

        Raises:
            DataError: nothing in them can be used.
            UsageError: two datasets have one name.
        """
        if len({path.stem for path in self.examples}) < len(self.examples):
            raise UsageError(
                "two datasets have one name.",
                where=", ".join(map(str, self.examples)),
                cure="Rename one of the files.",
            )
        found = {
            path.stem: read_examples(path, skip=self.skip_bad_rows, most_bad=most_bad)
            for path in self.examples
        }
        from selfteach.methods.finetune import Lessons  # a mistyped path is told before these load
        from selfteach.train.dataset_mixture import named

        (first, *more), fates = (
            found.values(),
            {where: fate for one in found.values() for where, fate in one.fates.items()},
        )
        lessons = (
            named({name: one.examples for name, one in found.items()}) if more else first.examples
        )
        dev = (
            read_examples(self.dev, skip=self.skip_bad_rows, most_bad=most_bad).examples
            if self.dev
            else []
        )
        return Lessons(
            lessons, dev, fates, self.name, [line for one in found.values() for line in one.mended]
        )

    @property
    def name(self) -> str:
        """The datasets in a word."""
        return " ".join(path.stem for path in self.examples)

    def sums(self) -> dict[str, str]:
        """For the run's identity."""
        return sums(**{path.stem: path for path in self.examples}, **{"--dev": self.dev})


def part(dev: str | None) -> tuple[Path | None, float | None]:
    """`--dev`: a file, or a share of the prompts.

    Raises:
        UsageError: a number that is no share.
    """
    if dev is None:
        return None, None
    try:
        share = float(dev)
    except ValueError:
        return Path(dev), None
    if not 0 <= share < 1:
        raise UsageError(
            "is no share.",
            where=f"--dev {dev}",
            cure="Give a number from 0 (nothing is measured) to below 1, or a file.",
        )
    return None, share


def train(files: Files, own: Mapping[str, Any], options: Options) -> None:
    """Train, or with `dry_run` say what was read.

    Raises:
        DataError: nothing to learn from, or too little to measure on as well.
        UsageError: several processes, and no folder.
    """
    resolved = resolve(Alone, options.file, options.sets, options.settings(own))
    config: Alone = resolved.config
    material = files.read(config.max_bad_rows)
    ready("train", resolved, options)
    if options.dry_run:
        plan(material, config, as_json=options.as_json)
        return
    check(material, config)
    if processes.count() > 1 and options.out is None:
        raise UsageError(
            "several processes need one folder.", where="--out", cure="Name it: --out DIR."
        )
    if processes.first():
        brought = Brought(f"train {files.name}", material, files.sums(), mended=material.mended)
        teach("train", brought, resolved, options)
    else:
        follow(material, config, options)


def check(material: Lessons, config: Alone) -> None:
    """Look before any model is loaded whether there is enough to learn from.

    Raises:
        DataError: there is not.
    """
    from selfteach.methods.finetune import parted

    parted(material, config)


def follow(material: Lessons, config: Alone, options: Options) -> None:
    """The part of a process that does not own the run."""
    from selfteach.commands.screen import screen
    from selfteach.methods import finetune
    from selfteach.run.signals import interruptible

    assert options.out is not None
    begun = {"from": str(past.adapter(options.from_run).resolve())} if options.from_run else {}
    with screen(None, debug=options.debug) as shown, interruptible(shown.say):
        finetune.follow(material, config, options.out, begun)


def plan(material: Lessons, config: Alone, *, as_json: bool) -> None:
    """Prints what was read, without a model."""
    from selfteach.methods.finetune import objectives, parted

    learned, dev = parted(material, config)
    kinds = {
        kind: sum(e.kind == kind for e in learned) for kind in sorted({e.kind for e in learned})
    }
    stated = {
        "examples": len(learned),
        "dev": len(dev),
        "pairs": sum(e.rejected is not None for e in learned),
        "kinds": [
            f"{kind}: {count} ({'+'.join(objectives(learned, config)[kind])})"
            for kind, count in kinds.items()
        ],
        "mended": told(material.mended),
        "left_out": left_out(material.fates),
    }
    show_plan(stated, as_json=as_json)
