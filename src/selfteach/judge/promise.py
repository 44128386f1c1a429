"""Answers that only promise an answer: "Sure, I'd be happy to help with that."

They are how a small model begins a long answer. Where the length is limited, such a beginning keeps
the limit and says nothing.
"""

from __future__ import annotations

import re

_YES = r"(?:sure(?: thing)?|of course|absolutely|certainly|definitely|yes|no problem|okay|ok)"
_I_AM = r"(?:i['’](?:d|ll|m)|i (?:would|will|am|can)|we['’](?:d|ll|re)|we (?:would|will|are|can))"
_ANSWERED = r" (?:(?:with )?you )?that (?:\w+[ ,]+){2}"
"""What is answered after all: "I can tell you that Paris is the capital of France."."""
_REST = (
    r"\b[^.!?:]*(?::(?: (?:how (?:to|can|may|do)|what (?:do|would|can|is your)|(?:please |just )?"
    r"(?:ask|let me know|tell me))\b[^.!?]*)?)?"
)
_PROMISE = re.compile(
    rf"(?:{_YES}|hello|hi)|(?:{_YES}[,.:]? )?{_I_AM} (?:(?:be|so|very|more than|always|really|"
    r"just) )*"
    r"(?:here|happy|glad|delighted|pleased|ready|able|going)? ?(?:to )?(?:help|assist|explain|"
    r"provide|answer|discuss|share|tell|give|guide)\b"
    rf"(?!{_ANSWERED}){_REST}|{_I_AM} (?:so |very )?(?:happy|glad|delighted|excited) "
    rf"(?:(?:that )?you['’]?(?:re| are| asked| want| chose)|to hear){_REST}|"
    rf"(?:how|what) (?:can|may) i (?:help|assist|do){_REST}",
    re.IGNORECASE,
)

_APOLOGY = re.compile(
    r"(?:(?:i['’]m|i am|we['’]re|we are) (?:\w+ )?sorry|i apologi[sz]e|we apologi[sz]e|sorry|"
    r"(?:my|our) apologies)(?: (?:for|about) (?:any|the|this|that|your|my|our) \w+)?",
    re.IGNORECASE,
)


def only_promises(answer: str) -> bool:
    """Return whether every sentence of an answer promises one, and nothing else.

    "Yes." before a promise says no more than it. Alone it answers a question, as "No." does. What
    follows a colon is the answer, but for a question: "I can help: press the red button."
    """
    sentences = [part.strip() for part in re.split(r"[.!?]+(?:\s+|$)", answer)]
    said = [sentence for sentence in sentences if sentence.casefold() not in ("", "yes")]
    return bool(said) and all(_PROMISE.fullmatch(sentence) for sentence in said)


def only_apologizes(answer: str) -> bool:
    """Return whether an answer is an apology alone: "I'm sorry for any misunderstanding."."""
    return _APOLOGY.fullmatch(answer.strip(" \t\n.!")) is not None
