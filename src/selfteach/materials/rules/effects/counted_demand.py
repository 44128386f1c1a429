"""Say how long an answer must be in the plainest words, whatever the sentence is.

"My eyes get tired, so nothing over forty words if you'd be so kind" -> "answer in at most forty
words". What matters are the number, its unit and its bound. A sentence that asks for another form
as well, that counts a part of the answer, or that narrows the demand is not read.
"""

from __future__ import annotations

import re

from selfteach.materials.rules.effects.keyword_demand import asks_for_form
from selfteach.materials.rules.effects.usual_words import is_remark
from selfteach.materials.rules.scopes.scope import starts_effect
from selfteach.number_words import NUMBER

_UNIT = r"(?P<unit>words?|sentences?|characters?|letters?|lines?|paragraphs?)"
_COUNT = re.compile(
    rf"(?:a |one )?(?P<count>{NUMBER}|a single|single|a couple of)[ -](?:(?:short|brief|simple|"
    rf"tiny|little|full|clear|good) )*{_UNIT}(?![\w-])(?: (?:long|in (?:all|total|length)|of "
    rf"text))?",
    re.I,
)
_MOST = re.compile(
    r"\b(?:at (?:the )?(?:very )?most|max(?:imum)?|(?:no|not|never|nothing|none|don't|do not|"
    r"isn't|must not|shouldn't|without)\b[^.;]{0,30}?\b(?:more|longer|over|above|beyond|exceed\w*|"
    r"past|bigger)(?: than)?|up to|within|limit(?:ed)?|cap(?:ped)?|tops|or (?:less|fewer|under|"
    r"below)|(?:keep|trim|cut) (?:it|them|this|things|yourself|(?:(?:your|all|every|each|the|my|"
    r"any|of) )*(?:answers?|repl(?:y|ies)|responses?|messages?))(?: down)? to|squeeze\w*|the "
    r"limit|and no more|is (?:enough|plenty|all))\b",
    re.I,
)
_FEWER = re.compile(r"\b(?:under|below|less than|fewer than|shorter than)\b", re.I)
_LEAST = re.compile(
    r"\b(?:at (?:the )?(?:very )?least|min(?:imum)?|(?:no|not|never|nothing) (?:fewer|less|"
    r"shorter) than|nothing (?:under|below)|or more|upwards?)\b",
    re.I,
)
_MORE = re.compile(r"\b(?:more than|longer than|over|exceed\w*)\b", re.I)
_EXACTLY = re.compile(r"\b(?:exactly|precisely|no more,? (?:and )?no less|not one more)\b", re.I)
_NARROWS = re.compile(
    r"\b(?:paragraphs|or [a-z]+|that|with an? |in (?:rhyme|verse|prose|(?-i:[A-Z])[a-z]+))\b|"
    r"\be\.g\.|\bi\.e\.|\b(?:for example|(?:never|not|don't) (?:limit|cap|restrict|cut|shorten|"
    r"keep)|unless|except|if(?! (?:you|possible))|when|whenever|while|until|between|per|each "
    r"(?!answer|reply|response|time)[a-z]+|every (?!answer|reply|response|time|single|"
    r"message)[a-z]+|first|last|second|title\w*|headlines?|summar\w+|intro\w*|subject|headings?|"
    r"closing|opening|ending|instead|rather|optional|may|can be|allowed|than|or \d|to \d|about|"
    r"around|roughly|but|then|followed|plus|also|and (?!no more|that's|never|not|please)[a-z]+)\b",
    re.I,
)
_DEMANDS = re.compile(
    r"\b(?:answer\w*|repl\w+|respon\w+|write|keep|limit|stay|use|give|make|be|stick|want|need|"
    r"like|prefer|should|must|has to|have to|fit|anything|everything|nothing|please|grateful|tops|"
    r"max\w*|most|least|exactly|only|just|short|brief)\b|^[^a-z]*(?:\d+|[a-z-]+) [a-z]+[.!]*$",
    re.I,
)
_PLACED = re.compile(
    r"\s*,? (?:at|on|in|during|before|after|until|till|by|throughout|within|near|over|for|around|"
    r"across|inside|outside|beyond|behind|from|with|without|once|as long as|so long as|today|"
    r"tonight|tomorrow|here|there)\b"
    r"(?! (?:(?:the )?(?:very )?(?:most|least)|all\b|a time|any time|once|total|length|general|"
    r"(?:the )?future|return|default|now\b|here on|today on|me\b|us\b|the time being|my eyes|"
    r"(?:(?:all|every|each|any|the|your|my|of|whole|single|entire|reply|response) )*(?:answers?|"
    r"repl(?:y|ies)|responses?|messages?|times?|case|cases|questions?|text|texts)\b))",
    re.I,
)
"""What follows a number of words and says where or when it holds, or with what."""
_PLACED_NOWHERE = re.compile(
    r"\s*,? (?:(?:at|on|in|during|throughout|within|over|for|across|inside|with|to|from) "
    r"(?:(?:no|any|whatever|whichever|every|each|all|this|the|our|your|whole|entire|of|single|"
    r"other|kinds?|sorts?|types?|possible|given) )*(?:exceptions?|topics?|subjects?|requests?|"
    r"prompts?|quer(?:y|ies)|questions?|tasks?|matters?|situations?|occasions?|circumstances?|"
    r"conversations?|chats?|sessions?|discussions?|threads?|dialogs?|dialogues?|users?|persons?|"
    r"readers?|outputs?|turns?|messages?|things?|anyone|anybody|everyone|everybody|anything|"
    r"everything|whatever|whomever|whoever)(?: of (?:mine|yours|ours)|(?: that| which)? (?:I|we|"
    r"you|they) (?:ask|say|write|send|want|need|talk to|write to|do)| at all| whatsoever| "
    r"ever)?|(?:in|at) (?:one|a single) (?:go|piece|shot|sitting|breath|turn)|in a row|"
    r"for (?:(?:better|the sake of|more|easier|easy|greater|good|easy) )*(?:readability|clarity|"
    r"brevity|simplicity|consistency|convenience|accessibility|speed|reading|legibility|focus|"
    r"conciseness|skimming|scanning|[a-z]+'s sake|[a-z]+ reasons)|without (?:any )?(?:exceptions?|"
    r"fail|fuss|excuses?))(?:,? (?:please|always|thanks|thank you))*\s*",
    re.I,
)
"""Such words as limit nothing: "for any request", "with no exceptions", "for readability"."""
_LIMITED_FIRST = re.compile(
    r"(?:at|on|during|before|after|until|till|by|throughout|within|once|as long as|so long as|"
    r"provided|given|today|tonight|tomorrow)\b",
    re.I,
)
"""How a clause in front begins that says when a demand holds."""
_FREES = re.compile(r"\b(?:never|not|don't) (?:limit|cap|restrict|cut|shorten|keep)", re.I)
_TELLS = re.compile(r"\b(?:I|we|he|she|they|you) (?:have|had|read|wrote|got|know)\b", re.I)
_TELLS_HABIT = re.compile(
    r"\b(?:(?:(?:I|we|he|she|they) |my (?:[a-z]+ ){1,2})(?:usually |often |always |normally |"
    r"never |mostly )?(?:answers?|writes?|repl(?:y|ies)|speaks?|uses?)|"
    r"you (?:tend|usually|often|normally|mostly|keep|kept))\b",
    re.I,
)
"""What somebody does, in the clause of a number: "my old assistant answers in"."""
_PERMITS = re.compile(r"\byou (?:can|could|may|might)\b", re.I)
_ASKS = r"(?:use|give(?: me)?|answer|reply|respond|write|want|send(?: me)?)(?: (?:with|in))?"
_DENIES_BEFORE = re.compile(
    rf"\b(?:no|never(?: ever)?(?: {_ASKS})?|(?:don't|do not|shouldn't|should not|mustn't|must not|"
    rf"cannot|can't|are not allowed to)(?: (?:ever|always))* {_ASKS}|hate|dislike|can't stand|stop "
    r"(?:giving me|using|with|answering (?:with|in))|avoid|enough with|nothing|anything)"
    r"(?: (?:just|only|any|these|those|your|more))* *$",
    re.I,
)
"""What makes of the number behind it one that is not wanted: "no one-word answers"."""
_DENIES_AFTER = re.compile(
    r"^[ -]*(?:(?:long )?(?:answers?|repl(?:y|ies)|responses?) )?(?:is|are)(?:n't| not)? "
    r"(?:far |way )?(?:too (?:short|little|few)|"
    r"enough\b(?<=n't enough|not enough)|an answer|rude|a waste|banned|forbidden|unacceptable)",
    re.I,
)
_ALLOWED = re.compile(
    r"(?:n't|\b(?:not|never|nothing))\b[^,;:.!]*\b(?:mind|bother|care|wrong|rude|problem)\b", re.I
)
"""What says of a length that it may be: "I don't mind one-word answers"."""
_PARTLY_DENIED = re.compile(r"\b(?:always|every|necessarily|ha(?:ve|s) to|needs? to)\b", re.I)
"""What leaves a denied length allowed: "not always in one sentence"."""


def say_counted_demand(text: str) -> str:
    """Return the plain demand about the length of an answer; "" where the text says more, or
    another thing. One word, sentence or line that is not wanted asks for two at least.
    """
    counts = list(_COUNT.finditer(text))
    if len(counts) != 1 or '"' in text:
        return ""
    count = counts[0]
    around = f"{text[: count.start()]} {text[count.end() :]}"
    bare = _MOST.sub(" ", _LEAST.sub(" ", _EXACTLY.sub(" ", _FEWER.sub(" ", around))))
    bare = _MORE.sub(" ", bare)
    bounds = " ".join(match[0] for match in _MOST.finditer(around))  # "no paragraph longer than"
    if _NARROWS.search(bare) or asks_for_form(f"{bare} {bounds}") or _TELLS.search(around):
        return ""
    if _FREES.search(text) or _ALLOWED.search(text) or not _DEMANDS.search(text):
        return ""
    if _TELLS_HABIT.search(" ".join(_get_clause(text[: count.start()], text[count.end() :]))):
        return ""
    if not _stands_alone(text[: count.start()], text[count.end() :]):
        return ""
    bound = _name_bound(around)
    if _PERMITS.search(around) and bound in ("at least ", "more than "):
        return ""
    number = "one" if "single" in count["count"].lower() else count["count"]
    number = "two" if "couple" in number.lower() else number
    unit = "characters" if count["unit"].lower().startswith("letter") else count["unit"]
    if _is_denied(text[: count.start()], text[count.end() :]):
        if bound or number.lower() not in ("one", "1") or _PARTLY_DENIED.search(around):
            return ""
        bound, number, unit = "at least ", "two", f"{unit.rstrip('s')}s"
    verb = "have" if unit.lower().startswith("line") else "answer in"
    return f"{verb} {bound}{number} {unit}".replace("  ", " ")


def _get_clause(before: str, after: str) -> tuple[str, str]:
    """Return what stands before and after a number in its clause."""
    return re.split(_CLAUSE_END, before)[-1], re.split(_CLAUSE_END, after)[0]


_CLAUSE_END = r"[,;:.!] |[,;:.!]$| [-–—] |\b(?:so|because|and)\b"


def _is_denied(before: str, after: str) -> bool:
    """Return whether the clause of a number says that it is not wanted."""
    lead, tail = _get_clause(before, after)
    if _MOST.search(lead) or _LEAST.search(lead) or _EXACTLY.search(lead):
        return _DENIES_AFTER.match(tail) is not None
    lead = _MORE.sub("", _FEWER.sub("", lead))
    return bool(_DENIES_BEFORE.search(lead) or _DENIES_AFTER.match(tail))


def _stands_alone(before: str, after: str) -> bool:
    """Return whether no other clause is a demand: those before begin as none, and those after are
    remarks, or bound the number ("40 words, no more"). No clause may say when or where it holds.
    """
    *others, _ = re.split(r"[,;:.!] ", before)
    tail, *more = re.split(r"[,;:.!](?: |$)| [-–—] ", after.rstrip(" .!"))
    if _limits(tail) or any(map(_LIMITED_FIRST.match, others)):
        return False
    return not any(map(starts_effect, others)) and all(map(_demands_nothing_else, more))


def _limits(tail: str) -> bool:
    """Return whether the words after a number say where, when or with what it holds."""
    return _PLACED.match(tail) is not None and not _PLACED_NOWHERE.fullmatch(tail)


def _demands_nothing_else(clause: str) -> bool:
    """Return whether a clause behind a counted demand is a remark, or bounds the number."""
    if _EMPTY.fullmatch(clause) or is_remark(clause):
        return True
    return any(bound.search(clause) for bound in (_MOST, _LEAST, _EXACTLY))


_EMPTY = re.compile(r"(?:please|thanks|thank you|always|that's all|if (?:you|possible)\b.*)?", re.I)
"""A clause that only asks politely."""


def _name_bound(around: str) -> str:
    """Return how a number is bounded, with a space behind it; "" of a bare number."""
    if _EXACTLY.search(around):
        return "exactly "
    if _LEAST.search(around):
        return "at least "
    if _MOST.search(around):
        return "at most "
    if _FEWER.search(around):
        return "fewer than "
    return "more than " if _MORE.search(around) else ""
