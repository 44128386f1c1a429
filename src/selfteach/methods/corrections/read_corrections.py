"""The material of corrections: a file of edits, prompts for a teacher or a person, or both."""

from __future__ import annotations

from selfteach.config import CorrectionsConfig as Settings
from selfteach.errors import DataError, UsageError
from selfteach.judge.setup import CANDIDATES, refuse_unknown_judge
from selfteach.materials import columns as names
from selfteach.materials.corrections import (
    KEYS,
    Corrections,
    join_corrections,
    read_corrections,
    read_prompts,
)
from selfteach.methods.input_sources import (
    Source,
    as_file,
    hash_sources,
    name_of,
    note_sources,
    noted_source,
    require_file,
)
from selfteach.methods.method import Material
from selfteach.records import JsonMapping, Turns, dump_canonical_json
from selfteach.text import format_count

MIN_PROMPTS = 2
"""Different prompts: one to learn from, one for the exam."""
ADVISABLE_PROMPTS = 50
"""A fifth of them is for the exam, so that ten prompts decide."""


def read_material(
    edits: Source = None,
    *,
    prompts: Source = None,
    columns: names.Columns | str | None = None,
    skip_bad_rows: bool = False,
    max_bad_rows: float = 0.1,
) -> Material:
    """Read corrections, and prompts whose answers are to be corrected.

    Args:
        edits: a file, or rows with prompt, answer, correction.
        prompts: a file, or texts.
        columns: the files' names of our columns, as a mapping or as
            "prompt=question,correction=fixed".
        skip_bad_rows: leave out rows that cannot be used.
        max_bad_rows: the greatest share of such rows.

    Raises:
        DataError: nothing in them can be learned from.
        UsageError: `columns` cannot be read.
    """
    edits = require_file(edits, "corrections")
    prompts = require_file(prompts, "prompts")
    named = names.parse_columns(columns, KEYS) if isinstance(columns, str) else columns or {}
    material = read_files(edits, prompts, named, skip=skip_bad_rows, max_bad=max_bad_rows)
    identity = hash_sources(edits=edits, prompts=prompts)
    if named:
        identity["columns"] = dump_canonical_json(named)
    sources = {
        **note_sources(edits=edits, prompts=prompts),
        "skip_bad_rows": skip_bad_rows,
        "columns": dict(named),
    }
    name = name_of(edits or prompts, "corrections")
    return Material(name, material, identity, sources, material.cleaned_rows)


def read_files(
    edits: Source, prompts: Source, columns: names.Columns, *, skip: bool, max_bad: float
) -> Corrections:
    """Read both sources as one material.

    Raises:
        DataError: nothing in them can be learned from.
    """
    parts = {}
    with as_file(edits, "corrections") as file:
        if file:
            parts["corrections"] = read_corrections(
                file, skip=skip, max_bad_share=max_bad, columns=columns
            )
    with as_file(prompts, "prompts") as file:
        if file:
            parts["prompts"] = read_prompts(file, skip=skip, max_bad_share=max_bad, columns=columns)
    return join_corrections(parts)


def read_again(sources: JsonMapping | None, identity: JsonMapping, config: Settings) -> Material:
    """Read the material of an earlier run again, from the paths or rows of its note."""
    noted = sources or {}
    return read_material(
        noted_source(noted, "edits"),
        prompts=noted_source(noted, "prompts"),
        columns=noted.get("columns") or {},
        skip_bad_rows=bool(noted["skip_bad_rows"]),
        max_bad_rows=config.max_bad_rows,
    )


def check_settings(edits: Source, prompts: Source, config: Settings) -> None:
    """Refuse options that contradict each other, before any file is read.

    Raises:
        UsageError: an option is missing or excluded by another one.
    """
    if edits is None and prompts is None:
        raise UsageError(
            "there is nothing to correct.",
            cure="Give a file of corrections, or --prompts FILE with --teacher or --review.",
        )
    if config.review and config.teacher:
        raise UsageError("--review and --teacher exclude each other.", cure="Choose who corrects.")
    if prompts is not None and not (config.teacher or config.review):
        raise UsageError(
            "nobody corrects the answers to --prompts.",
            cure="Give --teacher, or --review to correct them yourself.",
        )
    if config.review and prompts is None:
        raise UsageError("--review needs prompts to answer.", cure="Give --prompts FILE.")
    if config.correct.style and (not config.teacher or config.teacher.startswith("cmd:")):
        raise UsageError(
            "only a model as teacher can be told a house style.",
            where="correct.style",
            cure="Give --teacher with a model, or write the style into the program.",
        )
    refuse_unknown_judge(config.judge.name, list(CANDIDATES), has_teacher=bool(config.teacher))
    if config.rounds > 1 and not config.teacher:
        raise UsageError(
            "a new round needs someone who corrects the new answers.",
            where="rounds",
            cure="Give --teacher, or one round.",
        )


def list_prompts(material: Corrections) -> set[Turns]:
    """Return the different prompts of corrections, approvals and prompts without an answer."""
    return {e.prompt for e in (*material.edits, *material.approved)} | set(material.prompts)


def warn_of_few(material: Corrections) -> str:
    """Return a warning if there are few prompts, else "". Criticisms bring prompts of their own."""
    count = len(list_prompts(material))
    if material.criticisms or count >= ADVISABLE_PROMPTS:
        return ""
    return (
        f"{count} different prompts are few: {ADVISABLE_PROMPTS} or more are advisable. A part of "
        "them is for the exam, which can hardly tell what was learned."
    )


def refuse_too_little(material: Corrections, config: Settings) -> None:
    """Check, before any model is loaded, that there are prompts for training and for the exam.

    Raises:
        DataError: there are not; the message counts the rows.
        UsageError: the settings leave no prompt for training.
    """
    if not (config.correct.train_share or material.criticisms):
        raise UsageError(
            "leaves no prompt to learn from.",
            where="correct.train_share=0",
            cure="Give a share above 0.",
        )
    asked = list_prompts(material)
    teaches = bool(material.edits or config.teacher or config.review)
    if material.criticisms or (len(asked) >= MIN_PROMPTS and teaches):
        return
    counts = (
        f"{format_count(len(material.edits), 'corrections')}, "
        f"{format_count(len(material.approved), 'unchanged answers')}, "
        f"{format_count(len(material.prompts), 'other prompts')}"
    )
    dropped = sum(outcome.state == "dropped" for outcome in material.outcomes.values())
    raise DataError(
        f"too little to learn from and to be examined on: {counts}, "
        f"{format_count(dropped, 'rows')} left out.",
        cure=(
            f"At least {MIN_PROMPTS} different prompts and one correction are needed; --prompts "
            "FILE --teacher NAME brings more."
        ),
    )
