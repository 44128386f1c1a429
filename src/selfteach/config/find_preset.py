"""The settings file that `--config` names: a user's own, or a preset of the package by its name.

A preset is a file of `presets/<method>/`. It holds only the settings that differ from the defaults.
"""

from __future__ import annotations

from pathlib import Path

from selfteach.errors import UsageError
from selfteach.registry import did_you_mean

PRESETS_FOLDER = Path(__file__).parent / "presets"


def list_presets(method: str) -> dict[str, Path]:
    """Return the presets of a method by name; none for a method of another package."""
    return {path.stem: path for path in sorted((PRESETS_FOLDER / method).glob("*.yaml"))}


def is_preset(file: Path) -> bool:
    """Return whether a file is one of the package's presets."""
    return file.parent.parent == PRESETS_FOLDER


def find_settings_file(file: Path, method: str) -> Path:
    """Return the file of `--config`.

    A name without a folder and a suffix is a preset, else a file.

    Raises:
        UsageError: there is neither a file nor a preset of the method with this name.
    """
    presets = list_presets(method)
    if str(file) in presets:
        return presets[str(file)]
    if file.exists():
        return file
    others = [folder.name for folder in sorted(PRESETS_FOLDER.iterdir())]
    owners = [name for name in others if file.stem in list_presets(name) and name != method]
    listed = f"Presets of {method}: {', '.join(presets)}." if presets else ""
    if str(file) == file.stem and owners:
        known = ", ".join(f"`selfteach {owner}`" for owner in owners)
        listed = f"It is a preset of {known}. {listed or f'{method} has no presets.'}"
    elif file.stem in presets:
        listed = f"The preset of this name is --config {file.stem}."
    elif presets and (near := did_you_mean(str(file), presets)).startswith("Did"):
        listed = f"{near} {listed}"
    raise UsageError(
        f'there is no file "{file}", and no preset of that name.',
        where="--config",
        cure=listed.strip() or "Check the path.",
    )
