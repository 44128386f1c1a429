"""The form of a prompt that the model wrote itself: one question or request in one line.

Source: Self-Instruct (arXiv 2212.10560, section 2.2) for length, markup and opening; the other
reasons are what small models write instead of a question. Departs: a bound of 60 words, not 150,
because these are prompts of a conversation, not tasks with their input.
"""

from __future__ import annotations

import re

from selfteach.judge.language import count_scripts, detect_languages
from selfteach.sentences import split_sentences
from selfteach.text import count_words

MIN_WORDS = 3
MAX_WORDS = 60
TOO_SHORT = "too short"
TOO_LONG = "too long"
SEVERAL_LINES = "more than one line"
MARKUP = "markup"
REPEATS_TOPIC = "repeats the topic line"
OTHER_SCRIPT = "other script"
AS_ASSISTANT = "speaks as an assistant"
CUT = "cut off"
HOLDS_ANSWER = "contains its answer"
NO_REQUEST = "not a request"
NOT_ALONE = "does not stand alone"

_MARKUP = re.compile(
    r"<[/|!]?\w|\|>|```|https?:|www\.|\*\*|__|[{}|\\\ufffd]|^\W*(?:\d{1,3}|[a-zA-Z])[.)]\s|"
    r"^[-*•#>:;,.!?)\]]|\[[^\]]*\]|_{2,}|\.{4,}"
)
_LABEL = re.compile(
    r"\b(?:topic|question|prompt|answer|reply|response|user|assistant|system|instruction|input|output|q|a)\s*\d*\s*:",
    re.I,
)
_ASSISTANT = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok|alright|great|good|nice|yes|no|well|hello|"
    r"hi|hey|thanks?|thank you|sorry|unfortunately|here(?:'s| is| are)|as an? (?:ai|language|"
    r"assistant)|i(?:'m| am) (?:sorry|an? (?:ai|language|assistant|chatbot)|not able|unable|happy|"
    r"glad|here)|i (?:cannot|can't|apologi[sz]e|hope|would be happy|understand)|that(?:'s| is) "
    r"an? |let me know|feel free)\b",
    re.I,
)
_OPENING = re.compile(
    r"^(?:please |could you |can you |kindly |now |imagine )*(?:who|whom|whose|what|when|where|"
    r"which|why|how|what's|who's|how's|is|are|am|was|were|do|does|did|can|could|may|might|shall|"
    r"should|will|would|has|have|had|isn't|aren't|don't|doesn't|didn't|can't|won't|in what|in "
    r"which|at what|to what|for what|on what|from what|with what|by what|tell|describe|explain|"
    r"write|list|give|name|compare|contrast|summari[sz]e|discuss|define|suggest|recommend|show|"
    r"help|create|make|imagine|invent|compose|draft|design|identify|outline|provide|translate|"
    r"rewrite|generate|find|plan|teach|recount|share|talk|say|choose|pick|think|classify|"
    r"calculate|convert|convince|develop|discover|analy[sz]e|argue|advise|prepare|propose|mention|"
    r"illustrate|evaluate|estimate|answer|complete|continue|consider|correct|edit|fix|solve|state|"
    r"offer|let's|let us|picture|pretend|act|play|sing|spell|count|i (?:want|need|would like|"
    r"wonder|am looking|have a question)|i'd like|i'm (?:looking|trying|planning|wondering)|i am "
    r"(?:trying|planning|wondering))\b",
    re.I,
)
_DANGLING = re.compile(
    r"(?:[,:;(\-–—/&]|\b(?:the|an?|of|and|or|to|in|on|at|for|with|from|by|as|but|if|that|which|my|"
    r"your|their|its|his|our|is|are|was|were|be|about|into|than|because|between))$",
    re.I,
)
_PRONOUN = re.compile(r"\b(?:they|them|their|theirs|he|she|him)\b", re.I)
_NAMED_BEFORE = re.compile(
    r"\b(?:(?:an?|the|my|your|our|this|that|these|those|some|many|all|most|two|three|of) +[^\W\d_]|"
    r"(?!(?:is|was|does|has|this|its|as|us|yes)\b)[a-z]{2,}s\b|people|children|men|women|police|"
    r"(?:some|any|every)(?:one|body)\b|(?<!^)(?<![.?!] )(?-i:(?!I\b)[A-Z])\w*)",
    re.I,
)
"""Words that a pronoun after them may stand for: a noun with its article, a plural, a name."""


def find_format_fault(text: str, script: str = "Latin", *, is_talk: bool = False) -> str | None:
    """Return why a text is no usable prompt (one of the reasons above), or None for a usable one.

    A missing question mark is a fault in English only; other openings are not known.

    Args:
        text: what the model wrote after "Question:".
        script: the script that its letters must mostly be of (judge/language.py).
        is_talk: whether it need not ask for anything: "Thanks!" is small talk.
    """
    text = text.strip()
    faults = {
        SEVERAL_LINES: "\n" in text,
        MARKUP: _MARKUP.search(text) is not None,
        REPEATS_TOPIC: _LABEL.search(text) is not None,
        TOO_SHORT: count_words(text) < (1 if is_talk else MIN_WORDS),
        TOO_LONG: count_words(text) > MAX_WORDS or len(text) > 12 * MAX_WORDS,
        OTHER_SCRIPT: not _is_mostly(text, script),
    }
    if fault := next((reason for reason, found in faults.items() if found), None):
        return fault
    if "en" in detect_languages(text):
        return _find_english_fault(text, is_talk=is_talk)
    return CUT if re.search(r"[,:;(\-–—/&、，：]$", text) else None


def _find_english_fault(text: str, *, is_talk: bool) -> str | None:
    """Return the fault of an English text, or None."""
    asks = text.rstrip("\"')”’*").endswith(("?", "？", "؟"))
    if _ASSISTANT.match(text) and not asks and not is_talk:
        return AS_ASSISTANT
    if _DANGLING.search(text) or text.count('"') % 2 or text.count("(") > text.count(")"):
        return CUT
    pronoun = _PRONOUN.search(text)
    if pronoun and not _NAMED_BEFORE.search(text[: pronoun.start()]):
        return NOT_ALONE
    if asks or is_talk:
        return None
    last = re.split(r"\?[\"')”’]*\s+", text)
    if len(last) > 1 and not _OPENING.match(last[-1]):
        return HOLDS_ANSWER
    return None if any(_OPENING.match(part) for part in split_sentences(text)) else NO_REQUEST


def _is_mostly(text: str, script: str) -> bool:
    """Return whether at least 80 % of the letters are of the script.

    A text without letters has no script. Japanese counts as Han and the reverse.
    """
    counts = count_scripts(text)
    own = sum(
        counts[name] for name in (("Han", "Kana") if script in ("Han", "Kana") else (script,))
    )
    return own > 0 and own >= 0.8 * sum(counts.values())
