"""Review in a terminal: the same queue, one answer at a time, edits in the person's editor."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from selfteach.errors import DataError, UsageError
from selfteach.files import write_text
from selfteach.review import queue
from selfteach.run.display import replace_control_chars
from selfteach.run.ledger import Ledger
from selfteach.text import clean_text

EDITORS = ("nano", "vim", "vi")
CHOICES = "[e]dit  [a]ccept as is  [s]kip  [u]ndo  [q]uit > "
CONFIRM = "[Enter] save  [e]dit on  [d]iscard > "
CUT = (
    "The answer stopped here at its token limit, so its missing end is no mistake. An edit "
    "may end there too."
)
STRUCK = "\x1b[31;9m"
UNDERLINED = "\x1b[32;4m"
PLAIN = "\x1b[0m"
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[\w'’-]+|\s+|.")


def review_in_terminal(
    ledger: Ledger,
    read: Callable[[str], str] | None = None,
    write: Callable[[str], object] = print,
    *,
    colour: bool | None = None,
) -> queue.ReviewProgress:
    """Ask about each answer that waits, until none waits or the person quits.

    Args:
        read: shows a question and returns the typed line; None is `input`. EOFError quits.
        write: receives one text at a time.
        colour: whether colors mark changes, besides [-...-] and {+...+}. None means only if
            stdout is a terminal.
    """
    if colour is None:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    review = _TerminalReview(ledger, read or input, write, colour)
    item = _get_next_item(ledger)
    while item:
        next_item = review.review_item(item)
        if next_item is item:
            break
        item = next_item
    return queue.count_progress(ledger)


@dataclass
class _TerminalReview:
    """Hold the queue and the terminal."""

    ledger: Ledger
    read: Callable[[str], str]
    write: Callable[[str], object]
    colour: bool

    def review_item(self, item: queue.ReviewItem) -> queue.ReviewItem | None:
        """Show one answer and record the person's choice.

        Return the next answer to show, or the same one to quit.
        """
        self._show(item)
        while True:
            match self._read_choice(CHOICES):
                case "q":
                    return item
                case "a":
                    if self._accept(item):
                        return self._report("accepted as it is")
                case "s":
                    queue.skip_answer(self.ledger, item.id)
                    return self._report("skipped")
                case "u":
                    if before := queue.undo_decision(self.ledger):
                        return before
                    self.write("nothing to take back")
                case "e":
                    if self._edit(queue.read_item(self.ledger, item.id)):
                        return self._report("saved")
                    self._show(queue.read_item(self.ledger, item.id))
                case _:
                    self.write("e, a, s, u or q")

    def _accept(self, item: queue.ReviewItem) -> bool:
        """Accept an answer as it is; say why if it has no words. Return whether it is accepted."""
        try:
            queue.accept_answer(self.ledger, item.id)
        except DataError as fault:
            self.write(str(fault))
            return False
        return True

    def _report(self, words: str) -> queue.ReviewItem | None:
        self.write(f"{words}.\n")
        return _get_next_item(self.ledger)

    def _read_choice(self, question: str) -> str:
        try:
            return self.read(question).strip().lower()[:1]
        except EOFError:
            return "q"

    def _show(self, item: queue.ReviewItem) -> None:
        counts = queue.count_progress(self.ledger)
        self.write(f"--- answer {counts.done + 1} of {counts.total} " + "-" * 40)
        for role, text in _list_turns(item.prompt):
            self.write(_quote_text(role, text))
        self.write(_quote_text("answer", item.answer))
        if item.cut:
            self.write(CUT)
        if item.draft:
            self.write(_quote_text("your edit", item.draft))

    def _edit(self, item: queue.ReviewItem) -> bool:
        """Let the person edit until the edit is saved or discarded. Return whether it is saved."""
        text = item.draft or item.answer
        while True:
            text = clean_text(_edit_text(text)).rstrip()
            queue.save_draft(self.ledger, item.id, text)
            if text == item.answer.rstrip():
                self.write("nothing is changed")
                return False
            self.write(
                _indent_text("what changed", mark_changes(item.answer, text, colour=self.colour))
            )
            match self._read_choice(CONFIRM):
                case "":
                    try:
                        queue.save_correction(self.ledger, item.id, text)
                        return True
                    except DataError as fault:
                        self.write(str(fault))
                case "d":
                    queue.save_draft(self.ledger, item.id, "")
                    return False
                case "q":
                    return False


def mark_changes(before: str, after: str, *, colour: bool = False) -> str:
    """Return the difference of two texts by words, safe to print: [-removed-] and {+added+}."""
    old = _WORD.findall(replace_control_chars(before.rstrip()))
    new = _WORD.findall(replace_control_chars(after.rstrip()))
    parts = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed = "".join(old[i:i_end])
        if tag == "equal":
            parts.append(removed)
            continue
        parts.append(_mark_change("[-", removed, "-]", STRUCK if colour else ""))
        added = "".join(new[j:j_end])
        parts.append(_mark_change("{+", added, "+}", UNDERLINED if colour else ""))
    return "".join(parts)


def _mark_change(opening: str, text: str, closing: str, style: str) -> str:
    if not text:
        return ""
    return f"{style}{opening}{text}{closing}{style and PLAIN}"


def _list_turns(prompt: Any) -> list[tuple[str, str]]:
    if isinstance(prompt, str):
        return [("prompt", prompt)]
    return [
        ("prompt" if turn["role"] == "user" else turn["role"], turn["content"]) for turn in prompt
    ]


def _quote_text(label: str, text: str) -> str:
    return _indent_text(replace_control_chars(label), replace_control_chars(text))


def _indent_text(label: str, text: str) -> str:
    """Return a text under its label, each line behind a bar.

    So no text can look like the program's own words.
    """
    return f"{label}\n" + "\n".join(f"  | {line}" for line in text.split("\n"))


def _get_next_item(ledger: Ledger) -> queue.ReviewItem | None:
    return next(iter(queue.list_waiting(ledger)), None)


def _edit_text(text: str) -> str:
    """Open a text in the person's editor ($VISUAL, $EDITOR, or a common one). Return the new text.

    Raises:
        UsageError: there is no editor, or it failed.
    """
    with tempfile.TemporaryDirectory(prefix="selfteach-") as folder:
        path = Path(folder) / "answer.txt"
        write_text(path, text + "\n")
        command = _find_editor()
        try:
            subprocess.run([*command, str(path)], check=True)
        except (OSError, subprocess.CalledProcessError) as fault:
            raise UsageError(
                f"the editor failed ({fault}).", where=command[0], cure="Set EDITOR to another one."
            ) from fault
        return path.read_text("utf-8", "replace")


def _find_editor() -> list[str]:
    given = (os.environ.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
    if named := next(filter(None, given), ""):
        try:
            return shlex.split(named)
        except ValueError as fault:
            raise UsageError(
                f"is no command line ({fault}).", where=named, cure="Set EDITOR to another one."
            ) from fault
    for editor in EDITORS:
        if found := shutil.which(editor):
            return [found]
    raise UsageError(
        "there is no editor.", where="--terminal", cure="Set EDITOR to the one that you use."
    )
