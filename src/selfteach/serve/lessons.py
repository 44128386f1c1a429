"""The lessons that a server offers: one model name for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.models.resolve_model_path import resolve_base
from selfteach.run import finished
from selfteach.run.run_folder import make_model_name

BASE_NAME = "base"
STACK_SIGN = "+"
"""What stands between the names of lessons in the name of their sum."""


@dataclass(frozen=True)
class ServedLesson:
    """Represent one taught adapter.

    Attributes:
        name: the name that clients give as `model`.
        base: the name or the folder of its base.
        adapter: the folder of its LoRA.
        run: the folder with its exam and examples.
    """

    name: str
    base: str
    adapter: Path
    run: Path


def read_lessons(runs: Sequence[str]) -> list[ServedLesson]:
    """Return the lessons of run folders: `DIR`, or `NAME=DIR` for another name than the folder's.

    Raises:
        UsageError: no finished run, two lessons of one name, or lessons of different bases.
        IntegrityError: an adapter is not as its run wrote it.
    """
    found: dict[str, ServedLesson] = {}
    for text in runs:
        given, folder = split_name(text)
        adapter = finished.find_adapter(folder)
        name = given or make_model_name(folder)
        if name in found or name == BASE_NAME:
            raise UsageError(
                f'the name "{name}" is taken.', where=folder, cure=f"Write NAME={folder}."
            )
        found[name] = ServedLesson(name, finished.read_base_name(folder), adapter, folder)
    bases = {resolve_base(lesson.base, lesson.adapter) for lesson in found.values()}
    if len(bases) > 1:
        raise UsageError(
            f"the lessons have different bases: {', '.join(sorted(bases))}.",
            where="--run",
            cure="Start one server for each base.",
        )
    return list(found.values())


def split_name(text: str) -> tuple[str, Path]:
    """Return the name, or "", and the folder of `DIR` or `NAME=DIR`.

    A folder may have "=" in its path: what is there as a whole is no name.
    """
    name, sign, place = text.partition("=")
    if not sign or Path(text).exists() or not Path(place).exists():
        return "", Path(text)
    return name, Path(place)
