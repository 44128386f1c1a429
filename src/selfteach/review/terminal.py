"""The review in a terminal: the same queue, one answer after the other, edits in the person's own
editor.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from selfteach.errors import DataError, UsageError
from selfteach.review import queue
from selfteach.run.display import replace_control_chars
from selfteach.run.ledger import Ledger
from selfteach.text import clean_text

EDITORS = ("nano", "vim", "vi")
CHOICES = "[e]dit  [a]ccept as is  [s]kip  [u]ndo  [q]uit > "
CONFIRM = "[Enter] save  [e]dit on  [d]iscard > "
CUT = (
    "It stopped here at its token limit: what is missing at its end is no fault. An edit "
    "may end there too."
)
STRUCK, UNDERLINED, PLAIN = "\x1b[31;9m", "\x1b[32;4m", "\x1b[0m"
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[\w'’-]+|\s+|.")


def review_in_terminal(
    ledger: Ledger,
    read: Callable[[str], str] | None = None,
    write: Callable[[str], object] = print,
    *,
    colour: bool | None = None,
) -> queue.ReviewProgress:
    """Asks about each answer that waits, until none waits or the person quits.

    Args:
        read: shows a question and returns the line typed; EOFError quits.
        colour: marks changes by colour too, not only by [-...-] and {+...+}; by default where
            stdout is a terminal.
    """
    talk = _TerminalReview(
        ledger, read or _read_line, write, _has_colour() if colour is None else colour
    )
    item = _get_next_item(ledger)
    while item and (next_item := talk.about(item)) is not item:
        item = next_item
    return queue.count_progress(ledger)


class _TerminalReview:
    def __init__(
        self,
        ledger: Ledger,
        read: Callable[[str], str],
        write: Callable[[str], object],
        colour: bool,
    ) -> None:
        self._ledger, self._read, self._write, self._colour = ledger, read, write, colour

    def about(self, item: queue.ReviewItem) -> queue.ReviewItem | None:
        """Shows one answer and does what is chosen; returns the next one to show, the same one to
        quit.
        """
        self._show(item)
        while True:
            match self._choice(CHOICES):
                case "q":
                    return item
                case "a":
                    queue.accept_answer(self._ledger, item.id)
                    return self._report("accepted as it is")
                case "s":
                    queue.skip_answer(self._ledger, item.id)
                    return self._report("skipped")
                case "u":
                    if before := queue.undo_decision(self._ledger):
                        return before
                    self._write("nothing to take back")
                case "e":
                    if self._edit(item):
                        return self._report("saved")
                    self._show(item)
                case _:
                    self._write("e, a, s, u or q")

    def _report(self, words: str) -> queue.ReviewItem | None:
        self._write(f"{words}.\n")
        return _get_next_item(self._ledger)

    def _choice(self, question: str) -> str:
        try:
            return self._read(question).strip().lower()[:1]
        except EOFError:
            return "q"

    def _show(self, item: queue.ReviewItem) -> None:
        counts = queue.count_progress(self._ledger)
        self._write(f"--- answer {counts.done + 1} of {counts.total} " + "-" * 40)
        for role, text in _list_turns(item.prompt):
            self._write(_quote_text(role, text))
        self._write(_quote_text("answer", item.answer))
        if item.cut:
            self._write(CUT)
        if item.draft:
            self._write(_quote_text("your edit", item.draft))

    def _edit(self, item: queue.ReviewItem) -> bool:
        """Lets the person edit until it is saved (true) or discarded."""
        text = item.draft or item.answer
        while True:
            text = clean_text(_edit_text(text)).rstrip()
            if text == item.answer.rstrip():
                self._write("nothing is changed")
                return False
            queue.save_draft(self._ledger, item.id, text)
            self._write(
                _indent_text("what changed", mark_changes(item.answer, text, colour=self._colour))
            )
            match self._choice(CONFIRM):
                case "":
                    try:
                        queue.save_correction(self._ledger, item.id, text)
                        return True
                    except DataError as fault:
                        self._write(str(fault))
                case "d":
                    queue.save_draft(self._ledger, item.id, "")
                    return False
                case "q":
                    return False


def mark_changes(before: str, after: str, *, colour: bool = False) -> str:
    """The difference of two texts, word by word, safe to print: [-what went-] and {+what came+}."""
    old, new = (
        _WORD.findall(replace_control_chars(text)) for text in (before.rstrip(), after.rstrip())
    )
    out = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, fresh = "".join(old[i:i_end]), "".join(new[j:j_end])
        if tag == "equal":
            out.append(gone)
            continue
        out.append(_mark_change("[-", gone, "-]", STRUCK if colour else ""))
        out.append(_mark_change("{+", fresh, "+}", UNDERLINED if colour else ""))
    return "".join(out)


def _mark_change(opening: str, text: str, closing: str, style: str) -> str:
    if not text:
        return ""
    return f"{style}{opening}{text}{closing}{PLAIN}" if style else f"{opening}{text}{closing}"


def _list_turns(prompt: Any) -> list[tuple[str, str]]:
    if isinstance(prompt, str):
        return [("prompt", prompt)]
    return [
        ("prompt" if turn["role"] == "user" else turn["role"], turn["content"]) for turn in prompt
    ]


def _quote_text(label: str, text: str) -> str:
    return _indent_text(replace_control_chars(label), replace_control_chars(text))


def _indent_text(label: str, text: str) -> str:
    """A text under its name, each line behind a bar, so that no text can pass for the program's own
    words.
    """
    return f"{label}\n" + "\n".join(f"  | {line}" for line in text.split("\n"))


def _get_next_item(ledger: Ledger) -> queue.ReviewItem | None:
    return next(iter(queue.list_waiting(ledger)), None)


def _edit_text(text: str) -> str:
    """The text after the person's editor ($VISUAL, $EDITOR, or a common one).

    Raises:
        UsageError: there is no editor, or it failed.
    """
    with tempfile.TemporaryDirectory(prefix="selfteach-") as folder:
        path = Path(folder) / "answer.txt"
        path.write_text(text + "\n", "utf-8")
        command = _find_editor()
        try:
            subprocess.run([*command, str(path)], check=True)
        except (OSError, subprocess.CalledProcessError) as fault:
            raise UsageError(
                f"the editor failed ({fault}).", where=command[0], cure="Set EDITOR to another one."
            ) from fault
        return path.read_text("utf-8", "replace")


def _find_editor() -> list[str]:
    if named := os.environ.get("VISUAL") or os.environ.get("EDITOR"):
        return shlex.split(named)
    if found := next(filter(None, map(shutil.which, EDITORS)), None):
        return [found]
    raise UsageError(
        "there is no editor.", where="--terminal", cure="Set EDITOR to the one that you use."
    )


def _read_line(question: str) -> str:
    return input(question)


def _has_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
