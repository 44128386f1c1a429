"""Row 28, documents: no link leads out of a folder, nothing but files is opened, names from disk
are inert.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import DataError
from selfteach.materials.documents.read import read_documents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.txt").write_text("The key is 1234.")
    (tmp_path / "wiki").mkdir()
    (tmp_path / "wiki/mill.txt").write_text("The mill.")
    return tmp_path / "wiki"


def test_links_that_lead_out_are_put_aside(folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret/key.txt")
    (folder / "up").symlink_to(folder.parent / "secret")
    (folder / "loop").symlink_to(folder)
    (folder / "own.md").symlink_to(folder / "mill.txt")
    reading = read_documents([folder])
    assert [d.text for d in reading.documents] == ["The mill."]
    assert {line.where: line.fault for line in reading.skipped} == {
        "wiki/link.txt": "a link that leads out of the folder",
        "wiki/own.md": "the same text as wiki/mill.txt",
        "wiki/up": "a link to a folder",
        "wiki/loop": "a link to a folder",
    }


def test_a_pipe_or_a_device_is_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    reading = read_documents([folder])
    assert [line.fault for line in reading.skipped] == ["not a file"]
    for path in (folder / "pipe.txt", Path("/dev/zero")):
        assert not stat.S_ISREG(path.stat().st_mode)
        with pytest.raises(DataError, match="is not a file"):
            read_documents([path])


def test_a_broken_link_and_a_locked_file_are_put_aside(folder: Path) -> None:
    (folder / "gone.txt").symlink_to(folder / "nothing.txt")
    reading = read_documents([folder])
    assert [line.fault for line in reading.skipped] == ["not a file"]


@pytest.mark.parametrize(
    "name",
    ["\udcff\udcfe.txt", "\u202egpj.txt", "$(reboot).txt", "-rf.txt", "a\nb.pdf", "<script>.html"],
)
def test_names_are_inert(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"<p>Words of it.")
    reading = read_documents([folder])
    assert any(d.text == "The mill." for d in reading.documents)
    for source in [d.source for d in reading.documents] + [line.where for line in reading.skipped]:
        source.encode("utf-8")
        assert "\u202e" not in source


def test_folders_within_folders_have_an_end(folder: Path) -> None:
    deep = folder.joinpath(*["d"] * 60)
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_text("Too deep.")
    reading = read_documents([folder])
    assert [d.text for d in reading.documents] == ["The mill."]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("wiki" + "/d" * 33, "more than 32 folders deep")
    ]


def test_a_locked_folder_is_put_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "locked").mkdir()
    (folder / "locked/a.txt").write_text("Locked.")
    scan = os.scandir

    def locked(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    reading = read_documents([folder])
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("wiki/locked", "cannot be read (Permission denied)")
    ]


def test_links_that_lead_round_in_a_circle_are_put_aside(folder: Path) -> None:
    (folder / "a.txt").symlink_to(folder / "a.txt")
    (folder / "there").symlink_to(folder / "back")
    (folder / "back").symlink_to(folder / "there")
    reading = read_documents([folder], questions=folder / "a.txt")
    assert [d.text for d in reading.documents] == ["The mill."]
    assert {line.where: line.fault for line in reading.skipped} == dict.fromkeys(
        ["wiki/a.txt", "wiki/back", "wiki/there"], "not a file"
    )


@pytest.mark.parametrize(("listed", "aside"), [(False, "wiki/locked"), (True, "wiki/locked/a.txt")])
def test_a_folder_without_permission_is_put_aside(
    folder: Path, listed: bool, aside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in it may be looked at; its names may be listed or not."""
    (folder / "locked").mkdir()
    (folder / "locked/a.txt").write_text("Locked.")
    scan = os.scandir
    look = os.stat

    def scandir(path: str) -> object:
        if str(path).endswith("locked") and not listed:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    def locked_stat(path: str | Path, **more: Any) -> os.stat_result:
        if "/locked/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "stat", locked_stat)
    reading = read_documents([folder])
    assert [d.text for d in reading.documents] == ["The mill."]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        (aside, "cannot be read (Permission denied)")
    ]
