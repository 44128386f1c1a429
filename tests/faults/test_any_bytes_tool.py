"""tools/any_bytes.py: chosen readers are tried apart, and one that fails is named."""

from __future__ import annotations

import json
import mmap
import sys
from pathlib import Path

import pytest
import readers

from switches import skip_with_threads

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import any_bytes


def run_tool(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, object]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["any_bytes.py", *words])
        code = any_bytes.main()
    return code, [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def fail_on_every_file(path: Path) -> object:
    return {}[path]


def take_much_memory(path: Path) -> object:
    """Ask the kernel itself: the heap of a process with a past may hold as much that is free."""
    return mmap.mmap(-1, 300_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


@pytest.mark.long
def test_readers_are_tried_apart(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_with_threads()
    for name, read in (("failing", fail_on_every_file), ("large", take_much_memory)):
        monkeypatch.setitem(readers.READERS, name, readers.Reader("a.txt", b"Tea is green.", read))
    names = [word for name in ("rule", "failing", "large") for word in ("--reader", name)]
    code, found = run_tool(capfd, "--inputs", "20", "--memory-mb", "100", *names)
    assert code == 1
    good, failing, large = found
    assert (good["reader"], good["inputs"], "wrong" in good) == ("rule", 20, False)
    assert good["read"] + good["refused"] >= 20  # type: ignore[operator]
    assert "KeyError" in str(failing["wrong"])
    assert "Cannot allocate memory" in str(large["wrong"])
