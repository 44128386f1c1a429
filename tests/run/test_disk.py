"""What a file of a person may be, and what errors of the disk are called."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from selfteach import disk, files
from selfteach.commands.errors import print_error
from selfteach.disk import describe_size_limit
from selfteach.errors import DataError, ResourceError, SelfteachError, UsageError
from selfteach.files import replace_file, write_bytes


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
        (errno.EDQUOT, ResourceError, "quota is used up: at least 1,234 bytes are needed, 5,000"),
        (errno.EFBIG, ResourceError, "limits the size of a file: at least 1,234 bytes are needed"),
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


def test_a_fault_that_names_no_file_is_reported_of_the_fullest_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(disk, "get_free_bytes", lambda path: 0 if path == tmp_path else 10**9)
    assert print_error(OSError(errno.ENOSPC, "No space left on device")) == 5
    assert f"{tmp_path}: the disk is full: more room is needed, 0 are free" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("I/O error: No space left on device (os error 28)"),  # as of safetensors
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    ],
)
def test_a_full_disk_is_found_in_the_words_of_a_library(
    fault: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(ResourceError, match="the disk is full: at least 9 bytes") as caught,
        disk.convert_disk_errors(tmp_path / "file", 9),
    ):
        raise fault
    assert caught.value.__cause__ is fault
    assert print_error(fault) == 5
    assert "the disk is full" in capsys.readouterr().err


def test_a_fault_without_a_number_is_explained_by_the_disk(tmp_path: Path) -> None:
    """NumPy says how much it wrote, and not why it stopped."""
    short = OSError("12345 requested and 678 written")
    with (
        pytest.raises(ResourceError, match="the disk is full: at least 1,000,000,000,000,000,000"),
        replace_file(tmp_path / "model.gguf", 10**18),
    ):
        raise short
    with pytest.raises(UsageError, match="12345 requested"), replace_file(tmp_path / "model.gguf"):
        raise short
    assert not list(tmp_path.iterdir())


def test_the_limit_of_a_file_is_named(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(
            ResourceError, match="5,000 bytes are needed, 1,000 are allowed"
        ) as full:
            write_bytes(tmp_path / "file", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "ulimit -f" in full.value.cure
    assert full.value.exit_code == 5
    assert not list(tmp_path.iterdir())


def test_where_the_system_knows_no_limits_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert describe_size_limit() == ""


def test_new_folders_are_synced_with_those_above_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    for _ in range(2):
        files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path / "a", tmp_path]


@pytest.mark.parametrize("code", [0, errno.EINVAL, errno.EIO])
def test_a_synced_folder_is_closed_and_only_its_own_fault_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A file system that cannot sync folders answers EINVAL."""

    def sync(handle: int) -> None:
        if code:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", sync)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="error") if code == errno.EIO else nullcontext():
        files.sync_folder(tmp_path)
    assert os.listdir("/proc/self/fd") == before
