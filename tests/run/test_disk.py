"""What a file of a person may be, and what errors of the disk are called."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from selfteach import disk
from selfteach.errors import DataError, ResourceError, SelfteachError, UsageError


def test_a_file_is_opened_and_nothing_else_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    pipe = tmp_path / "pipe"
    file.write_bytes(b"text")
    with disk.open_file(file) as handle:
        assert handle.read() == b"text"
    os.mkfifo(pipe)
    for path, words in (
        (pipe, "is not a file"),
        (Path("/dev/zero"), "is not a file"),
        (tmp_path, r"cannot be read \(Is a directory\)"),
        (tmp_path / "absent", r"cannot be read \(No such file"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            disk.open_file(path)
        assert caught.value.where == str(path)
    with pytest.raises(UsageError) as refused:
        disk.open_file(tmp_path / "absent", error=UsageError, cure="Give another one.")
    assert refused.value.cure == "Give another one."


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file system has 5,000 bytes; returns where was looked."""
    looked: list[Path] = []

    def usage(path: Path) -> object:
        looked.append(path)
        return type("Usage", (), {"total": 9000, "used": 4000, "free": 5000})()

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return looked


def test_free_bytes_are_those_of_the_nearest_folder_that_exists(
    tmp_path: Path, free: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk.get_free_bytes(tmp_path / "a" / "b") == 5000
    assert disk.get_free_bytes(tmp_path) == 5000
    monkeypatch.chdir(tmp_path)
    assert disk.get_free_bytes(Path("c")) == 5000
    assert free == [tmp_path] * 3


@pytest.mark.usefixtures("free")
def test_exactly_as_many_bytes_as_there_are_may_be_needed(tmp_path: Path) -> None:
    disk.require_free_bytes(tmp_path, 5000)
    with pytest.raises(ResourceError, match="5,001 bytes are needed and 5,000 are free"):
        disk.require_free_bytes(tmp_path, 5001)


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, ResourceError, "the disk is full: at least 1,234 bytes are needed, 5,000"),
        (errno.EDQUOT, ResourceError, "the disk is full: at least 1,234 bytes are needed, 5,000"),
        (errno.EFBIG, ResourceError, r"the disk is full \(a file-size limit of the system\): at"),
        (errno.EIO, ResourceError, "the disk failed to read or write"),
        (errno.EACCES, UsageError, r"cannot be used \(Permission denied\)"),
    ],
)
def test_each_error_of_the_system_has_its_name(
    tmp_path: Path, code: int, kind: type[SelfteachError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught, disk.convert_disk_errors(tmp_path, 1234):
        raise OSError(code, os.strerror(code))
    assert caught.value.where == str(tmp_path)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.cure


@pytest.mark.usefixtures("free")
def test_a_full_disk_without_a_known_need_says_so(tmp_path: Path) -> None:
    fault = disk.make_disk_error(OSError(errno.ENOSPC, "full"), tmp_path)
    assert "the disk is full: more room is needed, 5,000 are free" in str(fault)
    with (
        pytest.raises(ResourceError, match="the disk is full: more room is needed"),
        disk.convert_disk_errors(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "full")
    assert "(plain words)" in str(disk.make_disk_error(OSError("plain words"), tmp_path))


def test_other_faults_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError), disk.convert_disk_errors(tmp_path):
        raise KeyError("x")
