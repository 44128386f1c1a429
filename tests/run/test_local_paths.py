"""What the files of a run say instead of a path of this machine."""

from __future__ import annotations

import pytest

from selfteach.run.local_paths import hide_path, hide_paths_of_command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/models/mine", "mine"),
        ("/home/ann/models/mine/", "mine"),
        ("~/models/mine", "mine"),
        ("C:\\Users\\ann\\mine", "mine"),
        ("cmd:/home/ann/editor.py --style /home/ann/style.txt", "cmd:editor.py --style style.txt"),
        ("embedded", "embedded"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("models/mine", "models/mine"),
        ("http://localhost:8000/v1#mine", "http://localhost:8000/v1#mine"),
        ("not contains elephant", "not contains elephant"),
        ("", ""),
    ],
)
def test_only_the_last_name_of_an_absolute_path_is_left(text: str, shown: str) -> None:
    assert hide_path(text) == shown


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "selfteach feedback 'Keep a/b as it is.' --model /home/ann/mine --set model=/a/b",
            "selfteach feedback 'Keep a/b as it is.' --model mine --set model=b",
        ),
        (
            "selfteach.feedback(\"Don't hum\", model='/home/ann/mine', ask={'target': 24})",
            "selfteach.feedback(\"Don't hum\", model='mine', ask={'target': 24})",
        ),
        ("selfteach.tasks(<object at 0x1>, out='/home/ann/x')", "selfteach.tasks(...)"),
    ],
)
def test_a_command_keeps_all_but_the_paths(command: str, shown: str) -> None:
    assert hide_paths_of_command(command) == shown
