"""Row 28: no rule and no name leads outside: slugs are plain words, exports stay inside the run
folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.run.run_folder import SLUG_LENGTH, Run, make_slug, open_run

NASTY = st.text() | st.sampled_from(
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "~/x",
        "a\0b",
        "C:\\x",
        "\u202egnp.exe",
        "象の話をしない",
        "-rf",
        "",
    ]
)


@given(NASTY)
def test_a_slug_is_one_plain_folder_name(text: str) -> None:
    name = make_slug(text)
    assert 0 < len(name) <= SLUG_LENGTH
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not name.startswith("-")
    assert make_slug(text) == name


def test_rules_without_latin_letters_get_different_slugs() -> None:
    assert make_slug("象の話をしない") != make_slug("車の話をしない")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(tmp_path / "run", "rule", "feedback", resolve(FeedbackConfig), {"rule": "rule"})


@pytest.mark.parametrize(
    "name", ["../out.json", "/tmp/out.json", "a/../../out.json", "", ".", "link/out.json", "a\0b"]
)
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, run: Run, name: str) -> None:
    (run.path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="not a name inside the run folder"):
        run.export(name, "x")
    with pytest.raises(UsageError), run.export_folder(name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    run.close()
