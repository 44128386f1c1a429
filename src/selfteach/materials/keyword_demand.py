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
from typing import NamedTuple

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
    r"digits?|numerals?": "digit",
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
    r"(?:all |only |full |block )(?:caps|capitals|capital letters)|upper ?-?case(?: letters)?": (
        "all caps"
    ),
    r"(?:all |only )?lower ?-?case(?: letters)?|small letters": "lowercase",
    r"mark ?down": "Markdown",
    r"yes or no": "Yes or No",
}
"""What a demand asks for, and its plain name."""
_MASS = ("bold text", "Markdown", "all caps", "lowercase")
"""Names that have no plural."""
_LEXICON = [
    (
        "said",
        r"(?:\"[^\"]+\"|'[^']+') (?:is (?:enough|fine|better|right|correct)|will do)|the (?:British|"
        r"American|correct|right|proper) spelling|in (?:(?:plain|running|flowing|normal|full|"
        r"continuous|complete) )+(?:text|prose|sentences|paragraphs)",
    ),
    ("quote", r"\"[^\"]+\"|(?<!\w)'[^']+'(?!\w)"),
    (
        "said",
        r"(?:like|such as|e\. ?g\.|for example|for instance|as in) "
        r"(?:\"[^\"]+\"|'[^']+')(?:,? (?:(?:or|and) )?(?:\"[^\"]+\"|'[^']+'))*",
    ),
    ("said", r"no matter (?:what|who|how|when)|not even once|without exception|in full"),
    (
        "said",
        r"(?:in|with|for|of|throughout) (?:anything|everything|whatever|what|any of what|all) "
        r"(?:that )?(?:you|I|we) (?:write|say|send|answer|produce|give|ask|reply|do|tell me)"
        r"(?: (?:for|to) (?:me|us))?",
    ),
    ("said", r"(?:whenever|when|every time|each time|if) you (?:answer|reply|respond|write)"),
    (
        "most",
        r"at (?:the )?most|at (?:the )?max(?:imum)?|(?:no|not|never) (?:more|longer|over) than|"
        r"up to|within|a maximum of|maximum(?: of)?|max\.?|limit(?:ed)? (?:\w+ )??to|cap(?:ped)? at|"
        r"(?:not|never) (?:exceed|go over|be longer than)",
    ),
    ("fewer", r"fewer than|less than|under|below|shorter than"),
    (
        "least",
        r"at (?:the )?least|(?:no|not|never) (?:fewer|less|shorter) than|a minimum of|"
        r"minimum(?: of)?",
    ),
    ("exactly", r"exactly|precisely"),
    ("more", r"more than|(?:run |go )?(?:over|beyond)|longer than|exceed(?:s|ing)?"),
    (
        "neg",
        r"never|not allowed|not permitted|not wanted|(?:must |should |may |can )?not|cannot|no more|"
        r"no|without|don'?t|doesn'?t|avoid(?:ed|ing)?|stop|skip(?:ped)?|drop|refrain from|free of|"
        r"leave out|left out|omit(?:ted)?|ban(?:ned)?|forbidden|prohibited|off limits|taboo",
    ),
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
    ("call", r"(?:address|call|greet)(?: (?:me|us|him|her|them|everyone|the [a-z]+))"),
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
        r"give|put|keep|use|add|include|contain|show|write|make|format|spell|present|have|highlight",
    ),
    (
        "filler",
        r"please|kindly|always|ever|all|any|every|each|an?|the|your|my|our|its|their|these|those|"
        r"there|you|i|we|it|them|they|this|me|us|to|of|in|on|with|for|as|at|from|be|is|are|been|"
        r"being|has|having|had|must|should|shall|will|needs?|ought|want(?:ed)?|would like|like|makes|"
        r"sure|ensure|see|that|given|gives|putting|kept|used|uses|using|added|adds|adding|"
        r"included|includes|including|contains|contained|containing|shown|written|writes|writing|"
        r"says|said|spelled|formatted|presented|phrased|text|texts|messages?|output|things|"
        r"goes|belongs|anything|everything|whatever|what|from now on|so|also|then|when|whole|"
        r"entire|complete|single|one|form|expression|phrase|term|terms|somewhere|either|both|time|"
        r"times|now|on|right|straight|up|down|off|per|mark|sign|symbol|allowed|go|get|gets|"
        r"remember|try|do|come|comes|stand|stands|appear|appears|stay|inside|half",
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
_UNCLEAR = re.compile(
    r"\b(?:(?:not|n't|dont|doesnt|never) (?:have|need|want|only|just|always|every|all)\b|unless|"
    r"except|needn't|need not|between|instead of (?:an?|the)?\s*(?!an?\b|the\b)\w)",
    re.I,
)
"""Words that turn a demand round, or narrow it."""


_TELLS = re.compile(
    r"(?:starts|begins|opens|ends|finishes|closes|contains|includes|uses|has|says)\b|"
    r"(?:it|this|that|he|she|they|you|there|we|i|your answers?|the answers?)\b(?!.*\b(?:must|should|"
    r"shall|ha(?:s|ve) to|needs? to|(?:are|is) to|ought|may|can|will|always|never|only|don't|"
    r"want|need|expect|prefer|would like)\b)",
    re.I,
)
"""How a sentence begins that tells what an answer does: "It starts with 'Sure'"."""


def list_keyword_demands(text: str) -> list[str]:
    """Return the plain demands that a sentence makes; [] where it has other words."""
    text = text.strip().rstrip(".!;")
    if len(text.split()) > MAX_WORDS or _TELLS.match(text) or _UNCLEAR.search(re.sub(r"\"[^\"]*\"", "", text)):
        return []
    words = split_keywords(text)
    if not words:
        return []
    if whole := say_plainly(words):
        return [whole]
    *banned, last = [word for word in words if word.kind not in ("joint", "verb")] or words
    if last.kind == "neg" and all(word.kind == "noun" for word in banned):
        return [say_plainly([word, last]) for word in banned]  # "dashes and commas are forbidden"
    for place, word in enumerate(words):
        if word.kind != "joint":
            continue
        first, rest = say_plainly(words[:place]), words[place + 1 :]
        if first and all(keyword.kind in ("joint", "verb") for keyword in rest):
            return [first]
        has_own = {"neg", "verb"} & {keyword.kind for keyword in rest}
        banned = [keyword for keyword in words[:place] if keyword.kind == "neg"]
        if not has_own and word.text != "but":
            rest = [*banned, *rest]  # "no lists or tables"
        second = say_plainly(rest)
        if banned and word.text == "but" and "neg" not in has_own:
            return []  # "no lists but tables" allows tables
        if first and second:
            is_choice = word.text == "or" and not banned
            return [] if is_choice or _is_unclear(first, second) else [first, second]
    return []


def _is_unclear(first: str, second: str) -> bool:
    """Return whether one demand wants a list and the other one bans a list of another kind."""
    lists = [demand for demand in (first, second) if re.search(r"\blists?$|bullet points$", demand)]
    return len({demand.startswith("use no ") for demand in lists}) > 1


def split_keywords(text: str) -> list[Keyword]:
    """Return the known parts of a sentence without its fillers; [] where a word is unknown."""
    found = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _WORD.match(text, place)
        if match is None or match.end() == place:
            return []
        kind = _get_kind(match)
        if not place and match[0].lower() == "list":
            return []  # a verb
        if kind not in ("filler", "said"):
            found.append(Keyword(kind, match[0]))
        place = match.end()
    return found


def names_keyword(text: str) -> bool:
    """Return whether a text has a word for what a demand of form asks for."""
    starts = [match.start() for match in re.finditer(r"[\w\"']+", text)]
    found = [match for start in starts if (match := _WORD.match(text, start))]
    return any(_get_kind(match) in ("noun", "unit", "numbers", "quote") for match in found)


def _get_kind(match: re.Match[str]) -> str:
    return _LEXICON[int(str(match.lastgroup)[1:])][0]


def say_plainly(words: Sequence[Keyword]) -> str:
    """Return the plain demand of keywords; "" where they make none, or more than one."""
    words = [word for word in words if word.kind not in ("joint", "verb")]
    kinds = [word.kind for word in words]
    texts = {word.kind: word.text for word in words}
    is_banned = kinds.count("neg") == 1
    if kinds.count("neg") > 1:
        return ""
    quotes = [word.text for word in words if word.kind == "quote"]
    rest = sorted(set(kinds) - {"neg", "quote", "reply"})
    if quotes:
        if texts.get("neg", "").lower() == "without" and {"start", "end"} & set(rest):
            return ""
        return _say_quotes(quotes, texts, kinds, rest, is_banned=is_banned)
    if any(kinds.count(kind) > 1 for kind in rest if kind not in ("start", "end")):
        return ""
    if rest in (["numbers", "words_for"], ["digits_for", "numbers"]) and not is_banned:
        return f"write numbers {'in words' if 'words_for' in rest else 'as digits'}"
    noun = _name_noun(texts["noun"]) if "noun" in texts else ""
    bound = _name_bound(kinds, is_banned=is_banned)
    counted = {"number", "unit", "noun", "most", "fewer", "least", "exactly", "more", "only"}
    if "number" in rest and set(rest) <= counted:
        return _say_count(texts, noun, bound, is_banned=is_banned)
    if rest in (["noun", "start"], ["end", "noun"]):
        verb = "start" if "start" in rest else "end"
        return f"{'do not ' if is_banned else ''}{verb} with {_add_article(noun)}"
    if rest in (["noun"], ["noun", "only"]):
        return _say_noun(noun, is_banned=is_banned, is_only="only" in rest)
    return ""


def _say_quotes(
    quotes: list[str], texts: dict[str, str], kinds: list[str], rest: list[str], *, is_banned: bool
) -> str:
    """Return the plain demand about quoted words."""
    contrast = next((kind for kind in ("instead", "neg") if kind in kinds), "")
    wanted = kinds[: kinds.index(contrast)].count("quote") if contrast else 0
    if 0 < wanted < len(quotes):
        old = " or ".join(quotes[1:])
        if wanted > 1:
            return ""
        return f"say {quotes[0]} instead of {old}" if rest in ([], [contrast]) else ""
    if re.match("words?$", texts.get("unit", ""), re.I):  # "the word" before what it is
        rest = [kind for kind in rest if kind != "unit"]
    if is_banned and not rest:
        named = "words" if len(quotes) > 1 else "word"
        return f"never use the {named} {' and '.join(quotes)}"
    if len(quotes) > 1:
        return ""
    if rest in (["start"], ["end"]):
        return f"{'do not ' if is_banned else ''}{rest[0]} with {quotes[0]}"
    if is_banned:
        return ""
    if rest == ["call"]:
        return f"call me {quotes[0]}"
    is_whole = rest in (["only"], ["exactly"], ["exactly", "only"])
    if "reply" in kinds and is_whole:
        return f"reply only with {quotes[0]}"
    return f"reply with {quotes[0]}" if "reply" in kinds and not rest else ""


def _say_count(texts: dict[str, str], noun: str, bound: str, *, is_banned: bool) -> str:
    """Return the plain demand of a number of things; "" where a ban has no bound."""
    number = re.sub(r"(?i)^(?:(?:a|one) )?single$", "one", texts["number"])
    unit = texts.get("unit", "").lower()
    if is_banned and not bound:
        return f"use no {_pluralize(noun)}" if noun and not unit and number == "one" else ""
    if noun == "bold text":
        is_one = (unit or "word").startswith("word") and bound in ("", "at least")
        return f"put at least {number} word in bold" if is_one else ""
    if bool(unit) == bool(noun):
        return ""
    if noun == "item":
        noun = "bullet point"
    if unit:
        return f"answer in {bound or 'exactly'} {number} {unit.split()[0]}"
    named = noun if number.lower() in ("one", "1") else _pluralize(noun)
    return f"use {bound or 'exactly'} {number} {named}" if noun not in _MASS else ""


def _say_noun(noun: str, *, is_banned: bool, is_only: bool) -> str:
    """Return the plain demand of a form."""
    if noun in ("question", "Yes or No", "item") or (is_only and is_banned):
        return ""
    if noun == "all caps" or noun == "lowercase":
        other = {"all caps": "do not write in all caps", "lowercase": ""}[noun]
        return other if is_banned else f"write in {noun}"
    if is_banned:
        return f"use no {_pluralize(noun)}"
    is_form = noun in ("bullet point", "numbered list", "list", "table", "code block", "bold text")
    is_sign = noun in ("emoji", "hashtag", "heading", "contraction")
    if is_form or is_sign:
        named = noun if noun in _MASS or noun.endswith("list") else _pluralize(noun)
        return f"use {named}"
    return ""


def _name_noun(text: str) -> str:
    return next(name for pattern, name in _NOUNS.items() if re.fullmatch(pattern, text, re.I))


def _name_bound(kinds: Sequence[str], *, is_banned: bool) -> str:
    """Return "at most" of "no more than"; "" of a bare number."""
    if is_banned and "more" in kinds:
        return "at most"
    if is_banned and "fewer" in kinds:
        return "at least"
    named = {
        "most": "at most",
        "fewer": "fewer than",
        "least": "at least",
        "exactly": "exactly",
        "more": "more than",
    }
    return next((name for kind, name in named.items() if kind in kinds), "")


def _pluralize(noun: str) -> str:
    if noun in _MASS:
        return noun
    special = {"dash": "dashes", "ellipsis": "ellipses"}
    return special.get(noun, f"{noun}s")


def _add_article(noun: str) -> str:
    if noun in _MASS or noun == "Yes or No":
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
