"""`selfteach documents`: the documents are read before any model is, a run is opened, the method
teaches, the result is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfteach.commands.lesson import Brought, ready, show_plan, sums, teach, told
from selfteach.commands.options import Options
from selfteach.config import Documents as Settings
from selfteach.config import resolve
from selfteach.errors import DataError
from selfteach.materials.documents.chunk import document_sentences
from selfteach.materials.documents.listed import LEAST_WORDS, says
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import own_questions, read_questions
from selfteach.materials.documents.read import read_documents
from selfteach.models.finding import refuse_unknown
from selfteach.records import BadLine, digest

FORGOTTEN = "forgotten"
LEAST_SENTENCES = 2


@dataclass(frozen=True)
class Files:
    """What the person brings. `forgotten`: the ids of documents that are left out, though they are
    in the files.
    """

    paths: Sequence[Path]
    questions: Path | None = None
    forgotten: frozenset[str] = field(default=frozenset())

    def without_missing(self) -> Files:
        """The same without files and folders that are not there any more."""
        return replace(self, paths=[path for path in self.paths if path.exists()])

    def read(self) -> Documents:
        """The documents and the questions about them.

        Raises:
            DataError: nothing in them can be learned from.
        """
        reading = read_documents(self.paths, questions=self.questions)
        forgotten = [d for d in reading.documents if d.id in self.forgotten]
        reading.documents = [d for d in reading.documents if d.id not in self.forgotten]
        reading.aside += [BadLine(d.source, "forgotten") for d in forgotten]
        if not reading.documents:
            raise DataError(
                "no document is left.",
                where=", ".join(map(str, self.paths))[:200],
                cure="Forget fewer.",
            )
        return Documents(
            reading,
            read_questions(self.questions, reading) if self.questions else own_questions(reading),
        )

    def json(self, material: Documents) -> dict[str, Any]:
        """For the run's identity: the sum of texts, titles and questions, so that a change of one
        is another run.
        """
        asked: dict[str, list[list[str]]] = {}
        for q in material.questions:
            asked.setdefault(q.document, []).append([q.text, *q.answers])
        rows = sorted(
            [d.id, d.title, sorted(asked.get(d.id, []))] for d in material.reading.documents
        )
        return {"documents": digest(rows), **sums(questions=self.questions)}

    def noted(self) -> dict[str, Any]:
        """What a later command needs to read the same again."""
        return {
            "paths": [str(p.resolve()) for p in self.paths],
            "questions": str(self.questions.resolve()) if self.questions else None,
            FORGOTTEN: sorted(self.forgotten),
        }

    @staticmethod
    def from_noted(row: Mapping[str, Any]) -> Files:
        """The inverse of `noted`."""
        asked = row.get("questions")
        return Files(
            [Path(p) for p in row["paths"]],
            Path(asked) if asked else None,
            frozenset(row.get(FORGOTTEN) or ()),
        )


def documents(files: Files, own: Mapping[str, Any], options: Options) -> None:
    """Teaches documents, or with `dry_run` says what was read."""
    resolved = resolve(Settings, options.file, options.sets, options.settings(own))
    material = files.read()
    enough(material, resolved.config)
    if resolved.config.select.nli:
        refuse_unknown(resolved.config.select.nli)
    ready("documents", resolved, options)
    if options.dry_run:
        plan(material, as_json=options.as_json)
        return
    brought = Brought(
        files.paths[0].stem, material, files.json(material), files.noted(), material.reading.mended
    )
    teach("documents", brought, resolved, options)


def enough(material: Documents, config: Settings) -> None:
    """Looks before any model is loaded whether there is something to learn and something to be
    examined on.

    Raises:
        DataError: there is not, or too much of what was brought cannot be read.
    """
    reading = material.reading
    for rows in reading.rows:
        torn, count = rows.torn, rows.good + len(rows.torn)
        if torn and len(torn) / count > config.max_bad_rows:
            raise DataError(
                f"{len(torn)} of {count} rows cannot be used; the first: {torn[0].fault}.",
                where=torn[0].where,
                cure=(
                    "Mend or remove them; --set "
                    f"max_bad_rows={math.ceil(100 * len(torn) / count) / 100:g} allows so "
                    "many."
                ),
            )
    telling = sentences(material)
    if telling < (1 if material.questions else LEAST_SENTENCES):
        raise DataError(
            f"{telling} sentences are too few to learn from and to be examined on.",
            where=reading.documents[0].source,
            cure=(
                f"Bring at least {LEAST_SENTENCES} sentences of {LEAST_WORDS} words, or "
                "people's questions (--questions)."
            ),
        )


def sentences(material: Documents) -> int:
    """How many sentences there are to learn."""
    return sum(
        says(d.text, span) for d in material.reading.documents for span in document_sentences(d)
    )


def plan(material: Documents, *, as_json: bool) -> None:
    """Prints what was read, without a model."""
    reading = material.reading
    stated: dict[str, Any] = {
        "documents": len(reading.documents),
        "titles": [d.title for d in reading.documents],
        "characters": sum(len(d.text) for d in reading.documents),
        "sentences": sentences(material),
        "questions": len(material.questions),
        "mended": told(reading.mended),
        "left_out": told(reading.aside),
    }
    show_plan(stated, as_json=as_json)
