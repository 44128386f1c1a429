"""Declines: answers that refuse, or put off, what was asked.

Departs from a judge by a model: a decline of a small model has few forms, and a reader can check a
list.
"""

from __future__ import annotations

import re

from selfteach.sentences import split_sentences

MAX_SENTENCES = 2
"""A decline says so at the beginning."""
_CANNOT = (
    r"(?:can(?:not|['’]?t)|could not|couldn['’]?t|am (?:not able|unable)|['’]m (?:not able|unable)|"
    r"am not (?:allowed|permitted|going)|won['’]?t|will not|would rather not|['’]d rather not|"
    r"prefer not|do not|don['’]?t|must not|leave (?:that|this))"
)
_SUBJECT_VERBS = (
    r"(?:help(?! but\b)|assist|talk|speak|discuss|answer|write|say|tell|give(?! up\b)|provide|"
    r"comment|cover|go into|address|advise|share|describe|explain|get into|respond|reply|"
    r"do (?:that|this))"
)
_TO = (
    r"(?:(?:be able|want|wish|like|feel able|feel comfortable|know how|know enough|have anything|"
    r"have much|have enough information)(?: to)? |to )?(?:(?:\w+ly|ever|even|just) )*"
)
"""What may stand between "cannot" and the verb: free text there would hold another verb."""
DECLINE = re.compile(
    rf"\b(?:i|we)(?: |(?=['’])){_CANNOT}\s+{_TO}{_SUBJECT_VERBS}\b"
    r"|\b(?:i['’]?m|i am|we are|we['’]re) (?:so |very )?(?:sorry|afraid)\b[^.!?]*"
    r"\b(?:not|can(?:not|['’]?t)|don['’]?t|unable|avoid|outside|leave (?:it |this |that )?aside)\b"
    rf"|\bsorry, but\b[^.!?]*(?:\b(?:i|we)(?: |(?=['’])){_CANNOT}\b|"
    r"\bhave no (?:information|knowledge|opinions?|answer)\b|"
    r"\b(?:that|this|it)\b[^.!?]*(?:\bnot\b|n['’]t\b))"
    r"|\b(?:that|this|it)(?: subject| topic|['’]s| is)[^.!?]*\b(?:not something|nothing|outside|"
    r"off limits|something) (?:that )?(?:i|we)(?: (?:do|can|will))?(?: not|n['’]?t)? "
    r"(?:talk|discuss|cover|leave|avoid|speak|help)"
    r"|\b(?:i|we) (?:leave|skip|avoid|pass on|stay away from) (?:that|this|the) (?:subject|topic)"
    r"|\b(?:ask|choose|pick|try|name) (?:me )?(?:about )?(?:something (?:else|different)|"
    r"another (?:subject|topic)|a different (?:subject|topic|question))",
    re.IGNORECASE,
)


def is_decline(answer: str) -> bool:
    """Return whether an English answer declines in its first sentences."""
    start = " ".join(list(split_sentences(answer))[:MAX_SENTENCES])
    return DECLINE.search(start) is not None
