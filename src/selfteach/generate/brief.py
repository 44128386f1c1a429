"""Prompts that get brief answers of a small model.

A limit in a rule ("at most 40 words") does little for a model of 135M. A question it answers in a
sentence where that is asked right before it, and as it would without: "A hip replacement involves
removing the damaged joint and attaching an artificial one." What it is to write it writes briefly
after brief texts of the same genre, as earlier turns of the conversation; told to be brief, it
writes no email at all. The beginning of a long answer is brief as well, but often says nothing yet
("Growing tomatoes is fun!").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from selfteach.generate.few_shot import read_tables
from selfteach.materials.rules.inflection import add_article
from selfteach.records import Message, Turns

Rows = tuple[tuple[str, ...], ...]

_TABLES = read_tables("brief.json")
WORKED_TEXTS: dict[str, Rows] = dict.fromkeys(("email", "letter"), _TABLES["mails"]) | (
    dict.fromkeys(("text message", "message", "note", "card"), _TABLES["messages"])
)
"""(request, its texts from the shortest to the longest), by the genre that is written: letters of
up to 15, 26 and 40 words, messages of up to 7, 13 and 25. Other genres have none.
"""
INSTRUCTIONS = {
    "Answer in two sentences.": "Put the egg into boiling water, and wait eight minutes. "
    "Then hold it under cold water, so that the shell comes off.",
    "Answer in one sentence.": "Put the egg into boiling water for eight minutes, then cool it.",
    "Answer in five words.": "Boil it for eight minutes.",
}
"""Instructions from the loosest to the tightest, each with an answer that follows it."""
MAX_INSTRUCTIONS = 2


def choose_instructions(keeps: Callable[[str], bool]) -> list[str]:
    """Return the loosest instructions whose answers pass a check; none where no answer does."""
    fitting = [instruction for instruction, answer in INSTRUCTIONS.items() if keeps(answer)]
    return fitting[:MAX_INSTRUCTIONS]


def add_instruction(prompt: Turns, instruction: str) -> Turns:
    """Return a prompt with an instruction right before its last message."""
    *earlier, last = prompt
    return (*earlier, replace(last, content=f"{instruction}\n\n{last.content}"))


def make_brief_turns(keeps: Callable[[str], bool], genre: str) -> Turns:
    """Return worked requests and texts of a genre as turns: the longest texts that all pass a
    check; no turns where none do.

    Args:
        genre: what is to be written ("email").
    """
    rows = WORKED_TEXTS.get(genre, ())
    for texts in reversed(list(zip(*(row[1:] for row in rows), strict=True))):
        if all(map(keeps, texts)):
            turns: list[Message] = []
            for (request, *_), text in zip(rows, texts, strict=True):
                asked = request.format(genre=add_article(genre))
                turns += [Message("user", asked), Message("assistant", text)]
            return tuple(turns)
    return ()
