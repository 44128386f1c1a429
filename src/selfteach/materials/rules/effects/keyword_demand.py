"""Say a demand of form in its plainest words, whatever its sentence is: "there has to be at least
one emoji in whatever you answer" -> "use at least one emoji".

The readers of effects know plain demands, and people put the same words in many orders. Here a
demand is cut into known words: what is asked for (a number of words, a list, a sign, a quotation),
where it stands, whether it is wanted, and words that say nothing of these. A word that is unknown
ends the reading, and so does a known one that the plain demand does not say again: nothing is
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from selfteach.materials.rules.inflection import add_article
from selfteach.number_words import NUMBER

MAX_WORDS = 30
"""A longer sentence says more than a demand of form."""


class Keyword(NamedTuple):
    """Hold a known part of a demand: its kind, and its words."""

    kind: str
    text: str


_NOUNS = {
    r"exclamation (?:marks?|points?)": "exclamation mark",
    r"question marks?": "question mark",
    r"questions?": "question",
    r"semi-?colons?": "semicolon",
    r"commas?": "comma",
    r"(?:em |en |long )?dash(?:es)?": "dash",
    r"hyphens?": "hyphen",
    r"(?:round )?brackets?|parenthes[ei]s": "bracket",
    r"quotation marks?": "quotation mark",
    r"ellips[ei]s": "ellipsis",
    r"full stops?|periods?": "full stop",
    r"hash ?tags?": "hashtag",
    r"emojis?|emoticons?|smileys?|smiley faces?": "emoji",
    r"numbers? (?:written |given |put )?(?:in|as) (?:digits|figures|numerals)|digits?|numerals?": (
        "digit"
    ),
    r"contractions?": "contraction",
    r"headings?|headers?": "heading",
    r"links?": "link",
    r"capital letters?": "capital letter",
    r"(?:bullet(?:ed)? (?:point )?lists?|bullet points?|bullets)(?: (?:form|format|style))?": (
        "bullet point"
    ),
    r"numbered (?:lists?|points?|steps?)": "numbered list",
    r"(?:list )?items?": "item",
    r"lists?(?: (?:form|format))?": "list",
    r"tables?(?: (?:form|format))?": "table",
    r"code blocks?": "code block",
    r"bold(?: (?:text|type|print|face|letters))?": "bold text",
    r"(?:all |only |full |block |nothing but )(?:caps|capitals|capital letters)|"
    r"upper ?-?case(?: letters)?": "all caps",
    r"(?:all |only |nothing but )?lower ?-?case(?: letters)?|small letters": "lowercase",
    r"mark ?down": "Markdown",
    r"yes or no": "Yes or No",
}
"""What a demand asks for, and its plain name."""
_MASS = ("bold text", "Markdown", "all caps", "lowercase")
"""Names that have no plural."""
_LEXICON = [
    (
        "filler",
        r"(?:\"[^\"]+\"|'[^']+') (?:is (?:enough|fine|better|right|correct)|will do)|the "
        r"(?:British|American|correct|right|proper) spelling|in (?:(?:plain|running|flowing|"
        r"normal|full|continuous|complete) )+(?:text|prose|sentences|paragraphs)",
    ),
    ("quote", r"\"[^\"]+\"|(?<!\w)'[^']+'(?!\w)"),
    (
        "filler",
        r"(?:like|such as|e\. ?g\.|for example|for instance|as in) "
        r"(?:\"[^\"]+\"|'[^']+')(?:,? (?:(?:or|and) )?(?:\"[^\"]+\"|'[^']+'))*",
    ),
    ("filler", r"no matter (?:what|who|how|when)|not even once|without exception|in full"),
    (
        "filler",
        r"(?:in|with|for|of|throughout) (?:anything|everything|whatever|what|any of what|all) "
        r"(?:that )?(?:you|I|we) (?:write|say|send|answer|produce|give|ask|reply|do|tell me)"
        r"(?: (?:for|to) (?:me|us))?",
    ),
    (
        "filler",
        r"(?:whenever|when|every time|each time|if) you (?:answer|reply|respond|write)(?=,|$)",
    ),
    ("filler", r"at all times|all the time|(?:every|each)(?: single)? time(?=[,.!]?$)"),
    (
        "most",
        r"stop after|at (?:the )?most|at (?:the )?max(?:imum)?|(?:no|not|never) (?:more|longer|"
        r"over) than|up to|within|a maximum of|maximum(?: of)?|max\.?|limit(?:ed)? (?:\w+ )??to|"
        r"cap(?:ped)? at|(?:not|never) (?:exceed|go over|be longer than)",
    ),
    ("fewer", r"fewer than|less than|under|below|shorter than"),
    (
        "least",
        r"at (?:the )?least|(?:no|not|never) (?:fewer|less|shorter) than|a minimum of|"
        r"minimum(?: of)?",
    ),
    ("exactly", r"exactly|precisely"),
    (
        "more",
        r"more than|(?:run |go )?(?:over|beyond)(?! th(?:at|is)\b)|longer than|exceed(?:s|ing)?",
    ),
    (
        "neg",
        r"never|not allowed|not permitted|not wanted|(?:must |should |may |can )?not|cannot|no "
        r"more|no|without|(?:do|does|should|must|is|are)n'?t|avoid(?:ed|ing)?|stop|skip(?:ped)?|"
        r"drop|refrain from|free of|leave out|left out|omit(?:ted)?|ban(?:ned)?|forbidden|"
        r"prohibited|off limits|taboo",
    ),
    ("may", r"may|can|allowed|permitted"),
    (
        "instead",
        r"instead of|rather than|in place of|where (?:[a-z]+ ){1,3}?(?:would )?(?:say|write|use)",
    ),
    ("start", r"at the (?:very )?(?:start|beginning|top)|the (?:very )?first (?:words?|thing)"),
    ("start", r"an? (?:very )?first line"),
    ("start", r"(?:your |its )?first words?|start(?:s|ing)?|begin(?:s|ning)?|open(?:s|ing)?"),
    ("end", r"at the (?:very )?(?:end|bottom)|the (?:very )?last (?:words?|thing)"),
    (
        "end",
        r"(?:your |its )?last words?|end(?:s|ing)?|finish(?:es|ing)?|clos(?:es?|ing)|conclud(?:es?|"
        r"ing)|sign(?:s|ed)? off",
    ),
    ("words_for", r"(?:are |be |get )?(?:spell(?:ed)?|written|write)(?: them)? out(?: in words)?"),
    ("words_for", r"(?:in|as) words"),
    ("digits_for", r"(?:in|as) (?:digits|numerals|figures)"),
    ("numbers", r"numbers"),
    ("only", r"only|just|simply|nothing but|and nothing else"),
    (
        "call",
        r"address (?:me|us|him|her|them|everyone|the [a-z]+)|call (?:me|us|them|everyone)",
    ),
    ("verb", r"(?:I|we) (?:want|need|would like|expect)|(?:I|we)'d like"),
    *(("noun", pattern) for pattern in _NOUNS),
    ("number", rf"(?:a|one) single|single|{NUMBER}"),
    (
        "unit",
        r"(?:words?|sentences?|lines?|paragraphs?|characters?)(?: long| in length| in total)?",
    ),
    (
        "reply",
        r"(?:repl(?:y|ies|ied)|answer(?:s|ed)?|respon(?:d|ds|ded|se|ses)|say)(?: (?:with|by))?",
    ),
    (
        "verb",
        r"give|put|keep|use|add|include|contain|show|write|make|format|spell|present|have|"
        r"highlight|deliver|supply",
    ),
    (
        "filler",
        r"please|kindly|altogether|entirely|completely|strictly|really|always|ever|all|any|every|"
        r"each|an?|the|your|my|our|its|their|these|those|there|you|i|we|it|them|they|this|me|us|"
        r"to|of|in|on|with|for|as|at|from|be|is|are|been|being|has|having|must|should|shall|will|"
        r"needs?|ought|want(?:ed)?|would like|like|makes|sure|ensure|see|that|given|gives|putting|"
        r"kept|used|uses|using|added|adds|adding|included|includes|including|contains|contained|"
        r"containing|shown|written|writes|writing|says|said|spelled|formatted|presented|phrased|"
        r"text(?! messages?\b)|(?<!text )messages?|output|things|goes|belongs|anything|"
        r"everything|whatever|what|from now on|so|also|then|whole|entire|complete|single|one|form|"
        r"expression|phrase|term|terms|somewhere|anywhere|either|both|on|per|mark|sign|symbol|go|get|gets|"
        r"remember|try|do|come|comes|"
        r"stand|stands|appear|appears|stay|inside",
    ),
    ("joint", r"and|or|but|,|;|:|-|–|—"),
]
_WORD = re.compile(
    "|".join(
        rf"(?P<k{place}>{pattern})(?![\w'-])" if kind != "joint" else rf"(?P<k{place}>{pattern})"
        for place, (kind, pattern) in enumerate(_LEXICON)
    ),
    re.I,
)
_EACH = r"(?:(?:all|any|each|every|the|your) )"
_OF_PARTS = (
    rf"^in (?:{_EACH}*(?:headings|headers|tables|lists|code blocks|links)|"
    rf"{_EACH}+(?:heading|header|table|list|code block|link|bullet points?|items?))\b(?=[,:])|"
    r"^in (?:bullet points|bullets), (?:use|put|do not|don't|never|avoid)\b|"
    rf"\bin {_EACH}*(?:headings|headers|tables|lists|code blocks|bullet points) (?:is|are|must)\b"
)
"""Parts of an answer that alone are meant: "in headings, use no emojis". They are not demanded."""
_UNCLEAR = re.compile(
    r"(?:n't (?:have to|need|only|just|always|every|all)|\b(?:not|dont|doesnt|never) (?:have|need|"
    r"want|only|just|always|every|all)|\bneeds? no)\b|\b(?:unless|except|needn't|need not|between|"
    r"per (?:line|paragraph|sentence|bullet|item)|text messages?|or (?:not|never|none)|^(?:and )?"
    r"each (?!(?:and|of your|of the|answer|reply|response|message|time)\b)|"
    r"instead of (?:an?|the)?\s*(?!an?\b|the\b)\w)|"
    rf"(?:n't|\b(?:not|never|dont|doesnt))(?: \w+)? both\b|{_OF_PARTS}",
    re.I,
)
"""Words that turn a demand round, or narrow it."""


_TELLS = re.compile(
    r"(?:starts|begins|opens|ends|finishes|closes|contains|includes|uses|has|says)\b|(?:it|this|"
    r"that|he|she|they|you|there|we|i|your answers?|the answers?)\b(?!.*\b(?:must|should|shall|"
    r"ha(?:s|ve) to|needs? to|(?:are|is) to|ought|may|can|will|always|never|only|don't|want|need|"
    r"expect|prefer|would like)\b)",
    re.I,
)
"""How a sentence begins that tells what an answer does: "It starts with 'Sure'"."""


def list_keyword_demands(text: str) -> list[str]:
    """Return the plain demands that a sentence makes; [] where it has other words."""
    text = text.strip().rstrip(".!;")
    is_long = len(text.split()) > MAX_WORDS
    if is_long or _TELLS.match(text) or _UNCLEAR.search(re.sub(r"\"[^\"]*\"", "", text)):
        return []
    demands = _say_each(split_keywords(text))
    wanted = [demand for demand in demands if not demand.startswith("use no ")]
    lists = [demand in wanted for demand in demands if re.search(r"lists?$|bullet points$", demand)]
    return [] if len(set(lists)) > 1 else demands  # a list, and no list of another kind


def split_keywords(text: str) -> list[Keyword]:
    """Return the known parts of a sentence without its fillers; [] where a word is unknown."""
    found = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _WORD.match(text, place)
        if match is None or (not place and match[0].lower() == "list"):  # a verb
            return []
        kind = _get_kind(match)
        if kind != "filler":
            found.append(Keyword(kind, match[0]))
        place = match.end()
    return found


def is_bare_noun(text: str) -> bool:
    """Return whether a text only names a form, or a number of it: "lists", "one emoji"."""
    kinds = {word.kind for word in split_keywords(text)}
    return "noun" in kinds and kinds <= {"noun", "joint", "number"}


def asks_for_form(text: str) -> bool:
    """Return whether a text has a word for a sign, a list, a unit or a number, but for "one"."""
    starts = [match.start() for match in re.finditer(r"\w+", text)]
    found = [match for start in starts if (match := _WORD.match(text, start))]
    kinds = {_get_kind(match) for match in found if match[0].lower() != "one"}
    return bool(kinds & {"noun", "unit", "numbers", "number"})


def _get_kind(match: re.Match[str]) -> str:
    return _LEXICON[int(str(match.lastgroup)[1:])][0]


def _say_each(words: Sequence[Keyword]) -> list[str]:
    """Return the plain demands of keywords; [] where a part makes none.

    A ban goes on behind "or", and behind "and" where no verb begins another demand: "no lists or
    tables". It may stand behind all that it bans: "dashes and commas are forbidden".
    """
    if whole := say_plainly(words):
        return [*_find_limited(words, whole), whole]
    parts = [word for word in words if word.kind not in ("joint", "verb")]
    if len(parts) > 1 and parts[-1].kind == "neg" and {p.kind for p in parts[:-1]} == {"noun"}:
        return [say_plainly([noun, parts[-1]]) for noun in parts[:-1]]
    for place, joint in enumerate(words):
        first, rest = say_plainly(words[:place]), words[place + 1 :]
        if joint.kind != "joint" or not first:
            continue
        banned = [word for word in words[:place] if word.kind == "neg"]
        kinds = {word.kind for word in rest}
        if kinds <= {"joint", "verb"}:
            return [first]
        goes_on = not kinds & {"neg", "verb"}
        opening = {word.text for word in takewhile(lambda word: word.kind == "joint", rest)}
        is_open = ("but" if banned else "or") in {joint.text.lower(), *opening}
        if goes_on and kinds & {"number"} and not kinds & set(_BOUNDS):
            return []  # "at most 50 words and one emoji" may be at most one
        if goes_on and is_open:
            return []  # "no lists but tables" allows tables, and "a list or a table" is a choice
        others = _say_each([*banned, *rest] if goes_on else rest)
        if others:
            return [first, *others]
    return []


def _find_limited(words: Sequence[Keyword], whole: str) -> list[str]:
    """Return what a bound is put to, if it is demanded by itself: "use bullet points, at most
    four".
    """
    place = next((at for at, word in enumerate(words) if word.kind == "joint"), 0)
    head = say_plainly(words[:place]) if place else ""
    is_limit = whole.startswith(("use at most", "use fewer than"))
    return [head] if is_limit and head.startswith("use ") else []


@dataclass(frozen=True)
class Parts:
    """Hold what the keywords of one demand say.

    Attributes:
        kinds: of the keywords, in their order.
        texts: of each kind, the last one that has it.
        quotes: the quotations.
        rest: the kinds beside a ban, quotations and verbs of replying.
    """

    kinds: list[str]
    texts: dict[str, str]
    quotes: list[str]
    rest: set[str]

    @property
    def is_banned(self) -> bool:
        """Return whether the demand is what not to do."""
        return "neg" in self.kinds

    @property
    def lead(self) -> str:
        """Return how the plain demand begins."""
        return "do not " if self.is_banned else ""

    @property
    def noun(self) -> str:
        """Return the plain name of what is asked for, or ""."""
        text = self.texts.get("noun", "")
        names = (name for pattern, name in _NOUNS.items() if re.fullmatch(pattern, text, re.I))
        return next(names, "")

    @property
    def bound(self) -> str:
        """Return "at most" of "no more than"; "" of a bare number."""
        if self.is_banned and {"more", "fewer"} & self.rest:
            return "at most" if "more" in self.rest else "at least"
        return next((name for kind, name in _BOUNDS.items() if kind in self.rest), "")


_BOUNDS = {
    "most": "at most",
    "fewer": "fewer than",
    "least": "at least",
    "exactly": "exactly",
    "more": "more than",
}


def say_plainly(words: Sequence[Keyword]) -> str:
    """Return the plain demand of keywords; "" where they make none, or more than one."""
    words = [word for word in words if word.kind not in ("joint", "verb")]
    kinds = [word.kind for word in words]
    rest = set(kinds) - {"neg", "quote", "reply"}
    quotes = [word.text for word in words if word.kind == "quote"]
    parts = Parts(kinds, {word.kind: word.text for word in words}, quotes, rest)
    if kinds.count("neg") > 1 or ("may" in rest and not (parts.is_banned or "most" in rest)):
        return ""  # what may be done is no demand
    rest.discard("may")
    if parts.is_banned and rest & {"most", "least", "exactly"}:
        return ""  # "do not limit it to 50 words"
    if quotes:
        return _say_quotes(parts)
    if any(kinds.count(kind) > 1 for kind in rest - {"start", "end"}):
        return ""
    if "numbers" in rest:
        forms = {"words_for": "in words", "digits_for": "as digits"}
        form = forms.get(min(rest - {"numbers"}), "") if len(rest) == 2 else ""
        return f"write numbers {form}" if form and not parts.is_banned else ""
    if "number" in rest and rest <= {"number", "unit", "noun", "only", *_BOUNDS}:
        return _say_count(parts)
    if rest in ({"noun", "start"}, {"noun", "end"}):
        return f"{parts.lead}{min(rest - {'noun'})} with {_name_one(parts.noun)}"
    return _say_noun(parts) if rest in ({"noun"}, {"noun", "only"}) else ""


def _say_quotes(parts: Parts) -> str:
    """Return the plain demand about quoted words."""
    quotes, rest = parts.quotes, parts.rest
    contrast = next((kind for kind in ("instead", "neg") if kind in parts.kinds), "")
    wanted = parts.kinds[: parts.kinds.index(contrast)].count("quote") if contrast else 0
    if 0 < wanted < len(quotes):
        is_pair = wanted == 1 and rest <= {"instead"}
        return f"say {quotes[0]} instead of {' or '.join(quotes[1:])}" if is_pair else ""
    if re.fullmatch("words?", parts.texts.get("unit", ""), re.I):  # before what it is
        rest = rest - {"unit"}
    if parts.is_banned and not rest:
        named = "words" if len(quotes) > 1 else "word"
        return f"never use the {named} {' and '.join(quotes)}"
    if len(quotes) > 1 or parts.texts.get("neg", "").lower() == "without":
        return ""
    if rest in ({"start"}, {"end"}):
        return f"{parts.lead}{min(rest)} with {quotes[0]}"
    if parts.is_banned:
        return ""
    if rest == {"call"}:
        return f"call me {quotes[0]}"
    if "reply" in parts.kinds and rest <= {"only", "exactly"}:
        return f"reply {'only ' if rest else ''}with {quotes[0]}"
    return ""


def _say_count(parts: Parts) -> str:
    """Return the plain demand of a number of things; "" where a ban has no bound."""
    number = re.sub(r"(?i)^(?:(?:a|one) )?single$", "one", parts.texts["number"])
    unit = parts.texts.get("unit", "").lower().partition(" ")[0]
    noun, bound = parts.noun, parts.bound
    if parts.is_banned and not bound:
        return f"use no {_pluralize(noun)}" if noun and not unit and number == "one" else ""
    if noun == "bold text":
        is_least = unit in ("", "word", "words") and bound in ("", "at least")
        return f"put at least {number} word in bold" if is_least else ""
    if bool(unit) == bool(noun) or noun in _MASS:
        return ""
    if unit:
        verb = "have" if unit.startswith("line") else "answer in"
        return f"{verb} {bound or 'exactly'} {number} {unit}"
    noun = "bullet point" if noun == "item" else noun
    named = noun if number.lower() in ("one", "1") else _pluralize(noun)
    return f"use {bound or 'exactly'} {number} {named}"


_WANTED = (
    *("bullet point", "numbered list", "list", "table", "code block", "bold text"),
    *("emoji", "hashtag", "heading", "contraction"),
)
"""What is asked for by its name alone."""


def _say_noun(parts: Parts) -> str:
    """Return the plain demand of a form."""
    noun = parts.noun
    is_only = "only" in parts.rest
    if noun in ("question", "Yes or No", "item") or (parts.is_banned and is_only):
        return ""
    if is_only and noun in ("table", "code block", "emoji", "hashtag", "bold text"):
        return ""  # "use tables" allows a text beside them
    if noun in ("all caps", "lowercase"):
        return f"{parts.lead}write in {noun}" if noun == "all caps" or not parts.is_banned else ""
    if parts.is_banned:
        return f"use no {_pluralize(noun)}"
    named = noun if noun.endswith("list") else _pluralize(noun)
    return f"use {named}" if noun in _WANTED else ""


def _pluralize(noun: str) -> str:
    if noun in _MASS:
        return noun
    special = {"dash": "dashes", "ellipsis": "ellipses"}
    return special.get(noun, f"{noun}s")


def _name_one(noun: str) -> str:
    if noun in _MASS or noun == "Yes or No":
        return noun
    return add_article(noun)
