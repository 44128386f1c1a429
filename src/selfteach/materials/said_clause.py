"""Read what must be said, of a demand that says so: "Say that we close at six."."""

from __future__ import annotations

import re

_WHOM_TOLD = (
    r" (?:them|him|her|me|us|people|customers|clients|guests|patients|visitors|everyone|everybody|"
    r"the (?:user|customer|client|caller|guest|person|patient|visitor))"
)
_WHOM = (
    r"(?: (?:them|him|her|me|us|people|customers|clients|guests|patients|the (?:user|customer|"
    r"client|team)|everyone|everybody|to (?:them|him|her|me|us|people|customers)))?"
)
_TELLING = r"(?:say|tell|answer|reply|respond|inform|write|add|state|mention)"
_DIRECTIONS = re.compile(
    rf"(?:tell|ask|advise|remind|encourage|invite|instruct){_WHOM_TOLD} (?P<not>not )?to "
    r"(?P<what>.+)",
    re.I,
)
_HANDED = re.compile(
    rf"(?:give|send|offer|share|provide|show)(?:{_WHOM_TOLD})?(?: with)? (?P<what>(?:the|our|my|"
    rf"this) "
    r"[a-z -]+?)[:,]? (?P<value>\S*\d\S*(?: .+)?|\S+@\S+|\S+\.\S{2,}|\"[^\"]+\")(?: to .+)?",
    re.I,
)
_MEASURED = re.compile(
    r"\S+ (?:words?|sentences?|lines?|points?|options?|items?|steps?|examples?|bullets?|"
    r"paragraphs?|characters?|reasons?|facts?|tips|ideas|things|parts|ways)\b",
    re.I,
)
"""How much an answer has, which is no value: "give the answer in 3 words"."""
_UNFINISHED = re.compile(r" (?:in|at|to|with|of|for|as|within|top|first|last|next|best)$", re.I)
_HANDED_BARE = re.compile(
    rf"(?:give|send|offer|share|provide|show)(?:{_WHOM_TOLD})?(?: with)? "
    r"(?P<value>\S*\d\S*|\S+@\S+|(?:https?://|www\.)\S+)",
    re.I,
)
_REFERRED = re.compile(
    rf"(?:direct|redirect|refer|point|send|steer)(?:{_WHOM_TOLD}) to (?P<where>.+)", re.I
)
_ASKED_FOR = re.compile(
    rf"ask(?:{_WHOM_TOLD})? for (?:their|the|an?|his|her|your) (?P<what>[\w' -]+)", re.I
)
QUOTED_ANSWER = re.compile(
    rf"{_TELLING}(?:{_WHOM_TOLD})?(?: back| only| just)*(?P<wholly> with)?[:,]? "
    r"(?:\"(?P<double>[^\"]+)\"|'(?P<single>(?:[^']|(?<=\w)'(?=\w))+)')",
    re.I,
)
SAY_THAT = re.compile(
    rf"(?:(?:say|tell|mention|note|point out|remind|explain|state|add|make clear|let|inform|answer|"
    rf"reply|respond|write){_WHOM}(?: know)?(?: clearly)?,? that (?P<clause>.+)|"
    rf"(?:say|tell|reply|answer|respond|inform|let){_WHOM}(?: know)?,? "
    r"(?P<bare>(?:we|they|it is|it's|(?:it|this|that|he|she) [a-z]+|there is|there are|"
    r"you (?:can|are|were|have|do not|don't|cannot)|you're|"
    r"(?!(?:who|what|which|where|when|why|how|whether|if)\b)[a-z]+ (?:is|are|starts?|opens?|"
    r"closes?|ends?|costs?|takes?)|(?:the|our|my|your) .+ (?:is|are|will|can)) .+))",
    re.I,
)


def read_clause(text: str) -> str:
    """Return what must be said, as the model says it: "tell them to call us" -> "please call us".

    The result is "" if the text asks for something else.
    """
    if match := SAY_THAT.fullmatch(text):
        return speak_as_model(match["clause"] or match["bare"])
    if match := _DIRECTIONS.fullmatch(text):
        what = re.sub(r"\btheir\b", "your", match["what"])
        return f"please {'do not ' if match['not'] else ''}{what}"
    match = _HANDED.fullmatch(text)
    if match and not _MEASURED.match(match["value"]) and not _UNFINISHED.search(match["what"]):
        return f"{match['what']} is {match['value']}"
    if match := _HANDED_BARE.fullmatch(text):
        return match["value"]
    if match := _REFERRED.fullmatch(text):
        return f"please contact {match['where']}"
    if match := _ASKED_FOR.fullmatch(text):
        return f"please tell me the {match['what']}"
    if match := QUOTED_ANSWER.fullmatch(text):
        said = match["double"] or match["single"]
        return said if len(said.split()) > 2 or match["wholly"] else ""
    return ""


def speak_as_model(clause: str) -> str:
    """Return what a rule says to the model as the model says it to the user: "you are not a doctor"
    -> "I am not a doctor", "they should call us" -> "you should call us".
    """
    clause = re.sub(r"^they(?= (?:should|can|must|may|need|have to|cannot)\b)", "you", clause)
    clause = _MADE_MODEL.sub(r"\1 me", clause)
    if _OF_MODEL.match(clause):
        _, verb, *rest = re.sub(r"^you're", "you are", clause, flags=re.I).split(" ")
        clause = " ".join(["I", _OWN_VERBS.get(verb.lower(), verb), *rest])
    elif not _NAME_OF_MODEL.match(clause):
        return clause
    return re.sub(r"[Yy]our(?=[ ,.]|$)", "my", clause)


_MADE_MODEL = re.compile(
    r"\b(made|created|built|trained|developed|designed|programmed|invented) you\b", re.I
)
_OWN_VERBS = {"are": "am", "were": "was"}
_NAME_OF_MODEL = re.compile(r"your (?:own |real |full |first |last )?name (?:is|was)\b", re.I)
_OF_MODEL = re.compile(
    r"you(?:(?: are|'re) (?:\w+ years |not |no |only |just |called |named |an? |the |unable |"
    r"happy |made |sorry |from |(?-i:[A-ZÀ-Þ]))|"
    r" were (?:made|created|trained|built|written|developed)| (?:do not|did not|don't|cannot|have "
    r"no|have been|come from|live in) | have none\b)",
    re.I,
)
"""What only the model can be meant by: "you can call us" is said to the user."""
