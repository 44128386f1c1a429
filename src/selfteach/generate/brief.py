"""Worked brief answers: a small model writes briefly after brief answers, not when it is told to.

"Answer in at most 15 words." does little for a model of 135M. After four brief answers, as earlier
turns of the conversation, it answers the question in as few words. The beginning of a long answer
is brief as well, but often says nothing yet ("Growing tomatoes is fun!").
"""

from __future__ import annotations

from collections.abc import Callable

from selfteach.generate.few_shot import read_tables
from selfteach.generate.situations import add_article
from selfteach.records import Message, Turns

Rows = tuple[tuple[str, ...], ...]

_TABLES = read_tables("brief.json")
WORKED_ANSWERS: Rows = _TABLES["answers"]
"""(question, its answers from the shortest to the longest): up to 8, 14, 25 and 40 words."""
WORKED_TEXTS: dict[str, Rows] = dict.fromkeys(("email", "letter"), _TABLES["mails"]) | (
    dict.fromkeys(("text message", "message", "note", "card"), _TABLES["messages"])
)
"""(request, its texts from the shortest to the longest), by the genre that is written: letters of
up to 15, 26 and 40 words, messages of up to 7, 13 and 25. Other genres have none.
"""


def make_brief_turns(keeps: Callable[[str], bool], genre: str = "") -> Turns:
    """Return worked requests and answers as turns: the longest answers that all pass a check; no
    turns where none do.

    Args:
        genre: what is to be written ("email"); "" where a question is to be answered.
    """
    rows = WORKED_TEXTS.get(genre, ()) if genre else WORKED_ANSWERS
    for answers in reversed(list(zip(*(row[1:] for row in rows), strict=True))):
        if all(map(keeps, answers)):
            turns: list[Message] = []
            for (question, *_), answer in zip(rows, answers, strict=True):
                asked = question.format(genre=add_article(genre)) if genre else question
                turns += [Message("user", asked), Message("assistant", answer)]
            return tuple(turns)
    return ()
