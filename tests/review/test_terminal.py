"""The review in the terminal: the same queue; text of a model moves no cursor and passes for no
line of the program.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from service import ROWS, read_corrections, write_ledger

import warm
from selfteach.commands.review import review_answers
from selfteach.errors import UsageError
from selfteach.review import queue
from selfteach.review.terminal import mark_changes, review_in_terminal
from selfteach.run.ledger import Ledger


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets EDITOR to a program that runs this Python line on `text`."""

    def use(line: str) -> None:
        script = tmp_path / "editor.py"
        script.write_text(
            "import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\ntext = "
            f"file.read_text()\n{line}\nfile.write_text(text)\n"
        )
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")

    return use


def work(book: Ledger, *keys: str) -> str:
    """What the terminal shows while these lines are typed; then the input ends."""
    typed = iter(keys)
    shown = list[str]()

    def read(question: str) -> str:
        shown.append(question)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    review_in_terminal(book, read, shown.append, colour=False)
    assert next(typed, None) is None, "not every line was asked for"
    return "\n".join(shown)


def test_edit_accept_skip(book: Ledger, editor: Callable[[str], None]) -> None:
    queue.add_answers(book, ROWS)
    editor("text = text.replace('color', 'colour').replace('!', '.')")
    shown = work(book, "e", "", "A", "skip")
    assert "--- answer 1 of 3 " in shown
    assert "  | Which color is the sky?" in shown
    assert "The [-color-]{+colour+} is gray[-!-]{+.+}" in shown
    assert [row["correction"] for row in queue.list_corrections(book)] == [
        "The colour is gray.",
        "Two miles.",
    ]
    assert queue.count_progress(book).skipped == 1


def test_an_empty_answer_that_is_accepted_as_it_is_waits_on(book: Ledger) -> None:
    queue.add_answers(book, [{"prompt": "Hum.", "answer": " "}, ROWS[2]])
    shown = work(book, "a", "s", "a")
    assert "the answer is empty. Write one, or skip it." in shown
    found = queue.count_progress(book)
    assert (found.skipped, found.unchanged, found.waiting) == (1, 1, 0)


def test_undo_and_quit(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    assert "nothing to take back" in work(book, "u", "a", "a", "u", "u", "q")
    assert [item.id for item in queue.list_waiting(book)] == ids
    assert "e, a, s, u or q" in work(book, "x", "")


def test_an_edit_can_be_gone_on_with_or_discarded(
    book: Ledger, editor: Callable[[str], None]
) -> None:
    queue.add_answers(book, ROWS[:1])
    editor("text = text.rstrip() + ' Really.'")
    shown = work(book, "e", "e", "d", "e", "q", "q")
    assert "{+ Really. Really.+}" in shown
    assert queue.list_waiting(book)[0].draft == "The color is gray! Really.", (
        "kept: it was neither saved nor discarded"
    )
    editor("text = 'The color is gray!'")
    shown = work(book, "e", "q")
    assert "nothing is changed" in shown
    assert shown.count("your edit") == 1, "the first showing alone has it"
    assert queue.list_waiting(book)[0].draft == ""
    editor("text = ' '")
    assert "the correction is empty" in work(book, "e", "", "d", "q")


def test_an_editor_that_fails_or_is_missing_is_reported(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.add_answers(book, ROWS[:1])
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "false")
    with pytest.raises(UsageError, match="the editor failed"):
        work(book, "e")
    monkeypatch.setenv("EDITOR", 'vim "')
    with pytest.raises(UsageError, match="is no command line"):
        work(book, "e")
    monkeypatch.setenv("EDITOR", " ")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="Set EDITOR"):
        work(book, "e")


def test_hostile_text_is_shown_as_text(book: Ledger, editor: Callable[[str], None]) -> None:
    hostile = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp\rover\x08\n--- answer 9 of 9\n[e]dit > "
    queue.add_answers(book, [{"prompt": hostile, "answer": hostile}])
    editor("text = 'x\\x1b[31m\\u202e' + text")
    shown = work(book, "e", "q", "q")
    assert not [
        char
        for char in shown
        if char != "\n"
        and (ord(char) < 32 or 127 <= ord(char) < 160 or "\u202a" <= char <= "\u202e")
    ]
    assert "  | --- answer 9 of 9" in shown
    assert shown.count("\n--- answer 9") == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b c", "a x c", "a [-b-]{+x+} c"),
        ("a b", "a b c", "a b{+ c+}"),
        ("same", "same \n", "same"),
        ("don't", "do not", "[-don't-]{+do not+}"),
        ("私は猫", "私は犬", "私は[-猫-]{+犬+}"),
        ("x \x1b[31m", "x", "x[- \ufffd[31m-]"),
    ],
)
def test_differences_are_marked_without_colour(before: str, after: str, expected: str) -> None:
    assert mark_changes(before, after) == expected
    coloured = mark_changes(before, after, colour=True)
    assert ("\x1b[" in coloured) == (before.strip() != after.strip())


def test_the_command(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "run")

    def review(typed: str) -> subprocess.CompletedProcess[str]:
        program = ["-m", "selfteach", "review", "--run", "run", "--terminal"]
        return warm.run(program, cwd=tmp_path, stdin=typed, env={**os.environ, "EDITOR": "false"})

    done = review("a\ns\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 of 3 reviewed: 0 edited, 1 accepted as they are, 1 skipped.\n")
    assert [row["correction"] for row in read_corrections(path)] == ["The color is gray!"]
    failed = review("e\n")
    assert (failed.returncode, "the editor failed" in failed.stderr) == (2, True)


def test_a_run_without_answers_for_review_is_reported(tmp_path: Path) -> None:
    Ledger(tmp_path / "run.db").close()
    done = warm.run(["-m", "selfteach", "review", "--run", tmp_path])
    assert done.returncode == 2
    assert "has no answers for review" in done.stderr


def test_a_folder_without_a_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 3")
    with pytest.raises(UsageError, match=r"has no run\.db"):
        review_answers(tmp_path, 0, browser=False, terminal=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
