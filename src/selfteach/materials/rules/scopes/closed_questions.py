"""Tell questions that want a yes or a no from all other messages, by their words (English)."""

from __future__ import annotations

import re

from selfteach.sentences import split_sentences

_AUXILIARY = re.compile(
    r"(?:(?:is|are|am|was|were|do|does|did|have|has|had|can|could|will|would|should|shall|may|"
    r"might|must)(?:n['’]?t)?|cannot|won['’]?t|ain['’]?t)\b(?= )",
    re.I,
)
_LEAD = re.compile(
    r"(?:(?:so|and|but|hey|hi|hello|ok|okay|well|please|now|also|then|sorry|honestly|actually|um|"
    r"by the way|quick question)[,:]? )+",
    re.I,
)
"""Words before a question."""
_QUESTION_WORD = re.compile(r"(?:what|whats|why|how|hows|where|when|who|which|whose)\b", re.I)
_REQUEST = re.compile(
    r"(?:can|could|would|will)(?:n['’]?t)? (?:you|u|i|we|somebody|someone|anyone)(?: please| "
    r"maybe| perhaps| just| kindly)? (?:tell|explain|show|give|get|help|describe|list|name|write|"
    r"read|recommend|suggest|summari[sz]e|translate|say|share|make|compare|define|provide|teach|"
    r"spell|find|check|ask|have|mind|like|please)\b|(?:do|does|did) (?:you|u|anyone|anybody|"
    r"somebody|someone) (?:know|have an? idea|remember|mind|happen to know)\b|(?:may|might) I "
    r"ask\b",
    re.I,
)
"""A question that asks for more than a yes: "Can you tell me why cats purr?"."""
_CHOICE = re.compile(r" or (?!not\b|no\b)", re.I)
_TAG = re.compile(
    r", (?:right|correct|true|is (?:that|it) (?:right|true|so)|(?:is|are|do|does|did|was|were|can|"
    r"will)n['’]?t (?:it|they|you|he|she|we|i|there))$",
    re.I,
)
"""A question after a statement: "You can freeze bread, right?"."""
_PERSON = re.compile(r"(?:i|you|u|we|they|these|those|people)\b", re.I)


def is_closed_question(message: str) -> bool:
    """Return whether a message ends with a question that is answered by yes or no.

    A polite request ("Can you explain ...?") is none, and a choice ("Is it a cat or a dog?") is
    none. Without a question mark the message must begin as a question: "can i freeze bread".
    """
    sentences = split_sentences(message)
    if not sentences:
        return False
    last = sentences[-1].strip()
    said = last.rstrip(" ?!.\"'”’)")
    marked = last.rstrip("\"'”’) ").endswith("?")
    if marked and _TAG.search(said) and not _QUESTION_WORD.match(said):
        return True
    for place, clause in enumerate(re.split(r"[,:;] | [-–—] ", said)):
        asked = _LEAD.sub("", clause, count=1) if _LEAD.match(clause) else clause
        if _QUESTION_WORD.match(asked):
            return False
        if verb := _AUXILIARY.match(asked):
            if _REQUEST.match(asked) or _CHOICE.search(said):
                return False
            return marked or (place == 0 and _begins_question(asked, verb))
    return False


def _begins_question(asked: str, verb: re.Match[str]) -> bool:
    """Return whether a text without a question mark asks: "is it cold", not "Have a nice day"."""
    is_demand = re.fullmatch(r"(?:have|do)(?:n['’]?t)?", verb[0], re.I)
    return not is_demand or _PERSON.match(asked, verb.end() + 1) is not None
