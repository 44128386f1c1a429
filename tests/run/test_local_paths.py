"""What the files of a run say instead of a path of this machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from selfteach.config import FeedbackConfig, resolve
from selfteach.config.safe_yaml import load_yaml
from selfteach.run.finished import resolve_settings
from selfteach.run.local_paths import hide_path, hide_paths_of_command
from selfteach.run.manifest import read_manifest
from selfteach.run.run_folder import open_run


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/models/mine", "mine"),
        ("/home/ann/models/mine/", "mine"),
        ("~/models/mine", "mine"),
        ("C:\\Users\\ann\\mine", "mine"),
        ("cmd:/home/ann/editor.py --style /home/ann/style.txt", "cmd:editor.py --style style.txt"),
        ("cmd:editor.py --style=/home/ann/style.txt", "cmd:editor.py --style=style.txt"),
        ('cmd:"/home/ann/my prog/edit" -x', "cmd:edit -x"),
        ("cmd:sh -c '/home/ann/edit'", "cmd:sh -c edit"),
        ("cmd:sh -c 'cd ~/mine && ./x \"/home/ann/y\"'", "cmd:sh -c 'cd mine && ./x y'"),
        ("cmd:sh -c 'A=\"b /home/ann/y\" ./x'", "cmd:sh -c 'A='\"'\"'b y'\"'\"' ./x'"),
        ("cmd:/home/ann/my\\ prog/edit 'a b'", "cmd:edit 'a b'"),
        ("cmd:C:\\Users\\ann\\edit.exe -x", "cmd:edit.exe -x"),
        ('cmd:edit --say "it\'s" --style x', 'cmd:edit --say "it\'s" --style x'),
        ("cmd:'/home/ann/edit -x", "cmd:edit -x"),
        ("cmd:edit --set=style=/home/ann/x", "cmd:edit --set=style=x"),
        ("cmd:", "cmd:"),
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


def test_a_manifest_names_of_a_relative_folder_the_last_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`models/tiny` would look like a model of a hub, on every machine that gets the run."""
    (tmp_path / "models/tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name, shown in (("models/tiny", "tiny"), ("models/other", "models/other")):
        out = tmp_path / "runs" / Path(name).name
        resolved = resolve(FeedbackConfig, options={"model": name})
        with open_run(out, "x", "feedback", resolved, {"rule": "x"}, command="x"):
            pass
        assert read_manifest(out)["base_model"] == shown
        assert resolve_settings(out, FeedbackConfig).config.model == name


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
        (
            "selfteach feedback x --set=model=/home/ann/base --teacher=cmd:\"'/home/ann/my x/y'\"",
            "selfteach feedback x --set=model=base --teacher=cmd:y",
        ),
        ("selfteach.tasks(<object at 0x1>, out='/home/ann/x')", "selfteach.tasks(...)"),
    ],
)
def test_a_command_keeps_all_but_the_paths(command: str, shown: str) -> None:
    assert hide_paths_of_command(command) == shown


def test_a_text_that_begins_with_a_slash_is_no_path(tmp_path: Path) -> None:
    rule = "/no_think must not be written, nor /think"
    also = ["/r/elephants", "~/notes"]
    options = {"also": also, "model": "/home/ann/mine", "seed": 0}
    resolved = resolve(FeedbackConfig, options=options)
    for number, command in enumerate(
        (
            shlex.join(
                ["selfteach", "feedback", rule, "--also", also[0], "--model", "/home/ann/mine"]
            ),
            f"selfteach.feedback({rule!r}, also={also!r}, model='/home/ann/mine')",
        )
    ):
        folder = tmp_path / str(number)
        with open_run(folder, rule, "feedback", resolved, {"rule": rule}, command=command):
            pass
        shown = read_manifest(folder)["command"]
        assert shown == command.replace("/home/ann/mine", "mine")
    config = load_yaml(folder / "config.yaml")
    assert (config["also"], config["model"]) == (also, "mine")
    restored = resolve_settings(folder, FeedbackConfig).config
    assert (list(restored.also), restored.model) == (also, "/home/ann/mine")
