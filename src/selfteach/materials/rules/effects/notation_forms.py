"""The forms in which people state how numbers, units, dates, money and lists are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from selfteach.materials.rules.check_text import LIST_ITEM, quote_value
from selfteach.materials.rules.effects.effect_checks import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    ONE,
    Build,
    parse_count,
)
from selfteach.materials.rules.forbidden_topics import none_of
from selfteach.materials.rules.pictures import repeat_emoji
from selfteach.number_words import NUMBER, spell_number

_WORDS_OF_COUNT = map(spell_number, (*range(1, 20), *range(20, 100, 10)))
_COUNT_OF = "|".join((r"[\d¼½¾⅓⅔]", "half an?", *_WORDS_OF_COUNT, "hundred", "thousand"))
_GROCERIES = "flour|sugar|milk|water|butter|oil|rice|cream|broth|stock|oats|nuts|cheese|juice|salt"
_WEIGHED = (
    r"(?<=\\b(?:weigh\\w*|heavier than|lift\\w*)\\b"
    r"(?:(?!\\b(?:cost|pa[iy]|pric|spen|fine|owe|sale))[^.!?;\\n]){0,60})"
)
METRIC = (
    r'not regex "(?i)\\b(?:miles?|inch(?:es)?|ounces?|gallons?|acres?|mph|Fahrenheit)\\b|℉|'
    r"\\d ?(?:°? ?F|(?:sq\\.? ?)?ft|mi|lbs?|oz|yd|qt)\\b|\\d degrees F\\b|"
    r"pounds? \\([\\d., ]+kg|"
    rf"(?:{_COUNT_OF})[ -](?:feet|foot|yards?|cups?|pints?|quarts?|pounds? of|"
    rf"{_WEIGHED}pounds?)\\b|\\b(?:cups?|pounds?|pints?) of (?:[a-z-]+ )?(?:{_GROCERIES})\\b"
    '"'
)
"""Pounds may be money, and cups hold tea: they count beside a number or food alone, and a number of
pounds where something weighs them.
"""
_KITCHEN = "cups, ounces or pounds|cups or ounces|ounces or cups"
_UNITS = {
    "Celsius": (r"(?i)\b(?:Celsius|centigrade)\b|\d ?°? ?C\b|\d degrees C\b|℃", "Fahrenheit"),
    "Fahrenheit": (r"(?i)\bFahrenheit\b|\d ?°? ?F\b|\d degrees F\b|℉", "Celsius"),
    "miles?": (r"(?i)\bmiles?\b|\bmph\b", "kilomet(?:er|re)s?"),
    "kilomet(?:er|re)s?": (r"(?i)\bkilomet(?:er|re)s?\b|(?:\d ?|\b)kms?\b|\d ?km/h", "miles?"),
    "inch(?:es)?": (r"(?i)\binch(?:es)?\b", "centimet(?:er|re)s?"),
    "millimet(?:er|re)s?": (r"(?i)\bmillimet(?:er|re)s?\b|\d ?mm\b", "inch(?:es)?"),
    "centimet(?:er|re)s?": (r"(?i)\bcentimet(?:er|re)s?\b|\d ?cm\b", "inch(?:es)?"),
    "kilo(?:gram)?s?": (r"(?i)\bkilo(?:gram(?:me)?)?s?\b|\d ?kgs?\b", "pounds?"),
    "pounds?": (r"(?i)\bpounds?\b|\d ?lbs?\b", ""),
    "millilit(?:er|re)s?": (r"(?i)\bmillilit(?:er|re)s?\b|\d ?ml\b", _KITCHEN),
    "gallons?": (r"(?i)\bgallons?\b", "lit(?:er|re)s?"),
    "lit(?:er|re)s?": (r"(?i)\blit(?:er|re)s?\b|\d ?l\b", "gallons?"),
    "ounces?": (r"(?i)\bounces?\b|\d ?oz\b", "gram(?:me)?s?"),
    "gram(?:me)?s?": (r"(?i)\bgram(?:me)?s?\b|\d ?g\b", _KITCHEN),
    _KITCHEN: (
        rf"(?i)\bounces?\b|\blbs?\b|\d ?(?:oz|lbs?)\b|(?:{_COUNT_OF})[ -](?:cups?|pounds? of)\b|"
        rf"\b(?:cups?|pounds?) of (?:[a-z-]+ )?(?:{_GROCERIES})\b",
        "gram(?:me)?s?",
    ),
    "cups?": (r"(?i)\bcups?\b", ""),
    "feet": (r"(?i)\b(?:feet|foot)\b|\d ?ft\b", ""),
    "met(?:er|re)s?": (r"(?i)\bmet(?:er|re)s?\b|\d ?m\b", ""),
}
"""Units as they are named: the pattern that finds each, and the one in whose place it is used; ""
where the name alone does not tell what is measured.
"""
_METRIC_UNITS = tuple(
    unit for unit in _UNITS if re.match("Cels|kilo|centi|milli|lit|gram|met", unit)
)
_PARTS = {_KITCHEN: ("cups?", "ounces?", "pounds?")}
"""The units that one name of several holds."""
_UNIT = rf"(?:{'|'.join(_UNITS)})"

_CURRENCIES = {
    "euros?|EUR|€": "(?i)\\\\beuros?\\\\b|\\\\bEUR\\\\b|€",
    r"(?:US )?dollars?|USD|\$": "(?i)\\\\bdollars?\\\\b|\\\\bUSD\\\\b|\\\\$",
    "(?:British )?pounds?(?: sterling)?|GBP|£": "(?i)\\\\bpounds?\\\\b|\\\\bGBP\\\\b|£",
    "(?:Swiss )?francs?|CHF": "(?i)\\\\bfrancs?\\\\b|\\\\bCHF\\\\b",
    "yen|JPY|¥": "(?i)\\\\byen\\\\b|\\\\bJPY\\\\b|¥",
}
"""How a currency is named, and the pattern that finds it."""
_CURRENCY = rf"(?:{'|'.join(_CURRENCIES)})"
_MONTHS = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_CLOCK_WORDS = "|".join(map(spell_number, (*range(1, 13), 15, 30, 45)))
"""The last word of a time in words: "five thirty"."""
_DATE_PART = r"(?:[dmy]{1,4}|day|month|year|\d{1,4})"
_DATES = {
    r"(?:y{2,4}|year|\d{4})-(?:m{1,2}|month|\d\d)-(?:d{1,2}|day|\d\d)|iso(?: 8601)?(?: format)?": (
        r"\\b\\d{4}-\\d{1,2}-\\d{1,2}\\b"
    ),
    "/".join([_DATE_PART] * 3): r"\\b\\d{1,4}/\\d{1,2}/\\d{1,4}\\b",
    r"\.".join([_DATE_PART] * 3): (
        r"\\b(?:0?[1-9]|[12]\\d|3[01])\\.(?:0?[1-9]|1[0-2])\\.(?:19|20)?\\d\\d\\b"
    ),
    rf"\d{{1,2}} {_MONTHS}(?: \d{{4}})?|day,? month(?:,? year)?": (
        rf"\\b\\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTHS}\\b"
    ),
    rf"{_MONTHS} \d{{1,2}}(?:,? \d{{4}})?|month,? day(?:,? year)?": (
        rf"\\b{_MONTHS} \\d{{1,2}}(?:st|nd|rd|th)?\\b"
    ),
}
"""Notations of dates, and the pattern that finds each."""
_NUMBER = rf"(?:{NUMBER}|{'|'.join(ONE)})"
_BOUND = "|".join((*AT_MOST, *AT_LEAST, "exactly", "only", "just"))
_GIVE = (
    r"(?:(?:always |only |please )*(?:answer|reply|respond|give|use|write|make|have|contain|"
    r"include|list|provide|add|put|end|finish)(?: (?:me|us|only|just|it|them|with|in|as|(?:your|"
    r"the|all|each|every) (?:answers?|replies|reply)))* |with |in )?"
)
_IT = r"(?:it|them|everything|(?:(?:your|the|all|every|each|any|my) )*[a-z]+)"
"""What is kept short: "answers", "every reply"."""
_ITEMS = (
    r"(?:(?:short|brief|concise|bullet(?:ed)?|numbered) )*(?:bullet points?|bullets|points|steps|"
    r"list items|items in a list)"
)
_LISTED = (
    r"(?:items|words|names|entries|ingredients|things|elements|values|keywords|tags|hashtags|terms|"
    r"options|choices|results|examples|ideas|suggestions|titles|topics|cities|countries|colou?rs|"
    r"products|animals|foods|synonyms|ones)"
)
"""What a list in one line holds."""
MAX_ITEMS = 12
"""So many items or hashtags can be counted by a pattern."""
MIN_EMOJIS = 2
_HASHTAG = r"#\\w"


def _bound(match: re.Match[str], repeat: Callable[[int], str]) -> str | None:
    """Return the check of a count with its bound; exactly so many without one.

    Args:
        repeat: returns the pattern that finds so many, or more.
    """
    count = parse_count(match["count"])
    bound = (match["before"] or "").lower()
    if not 0 < count <= MAX_ITEMS:
        return None
    least, more = f'regex "{repeat(count)}"', f'not regex "{repeat(count + 1)}"'
    if bound in AT_LEAST:
        return least
    return more if bound in AT_MOST else f"{least} and {more}"


def _repeat(one: str, count: int) -> str:
    """Return the pattern of so many of what a pattern finds, with none between them."""
    return rf"(?:{one}(?:(?!{one})[\\s\\S])*+){{{count}}}"


def _count_items(match: re.Match[str]) -> str | None:
    """Return the check of "use three bullet points" and of "a numbered list with at most six
    items", which is a list whatever the count.
    """
    counted = _bound(match, partial(_repeat, LIST_ITEM))
    kind = (match.groupdict().get("kind") or "").strip()
    if not (counted and kind):
        return counted
    return f"format={'numbered' if kind == 'numbered' else 'list'} and {counted}"


def _count_paragraphs(match: re.Match[str]) -> str | None:
    """Return the check of "at least two paragraphs", "one paragraph" and "limit it to two"."""
    count = parse_count(match["count"])
    bound = (match["before"] or "").lower()
    if not count:
        return None
    if bound in AT_LEAST:
        return f"min_paragraphs={count}"
    most = f"max_paragraphs={count}"
    is_most = bound in AT_MOST or (match["limit"] and bound not in EXACT)
    return most if count == 1 or is_most else f"min_paragraphs={count} and {most}"


def _count_hashtags(match: re.Match[str]) -> str | None:
    """Return the check of "use three hashtags": without a bound more do no harm."""
    if match["before"]:
        return _bound(match, partial(_repeat, _HASHTAG))
    return f'regex "{_repeat(_HASHTAG, min(parse_count(match["count"]), MAX_ITEMS))}"'


def _count_emojis(match: re.Match[str]) -> str | None:
    """Return the check of "use exactly two emojis": without a bound more do no harm. Fewer than
    two, unless exactly so many are wanted, and a most have forms of their own.
    """
    count = parse_count(match["count"])
    bound = (match["before"] or "").lower()
    if (count < MIN_EMOJIS and bound not in EXACT) or bound in AT_MOST:
        return None
    if bound:
        return _bound(match, repeat_emoji)
    return f'regex "{repeat_emoji(min(count, MAX_ITEMS))}"'


def _check_decimals(match: re.Match[str]) -> str:
    """Return the check of "round to two decimals"."""
    return rf'not regex "\\d\\.\\d{{{parse_count(match["count"]) + 1},}}"'


def _check_currency(match: re.Match[str]) -> str:
    """Return the check of "give prices in euros": no other currency is named."""
    others = [
        pattern
        for name, pattern in _CURRENCIES.items()
        if not re.fullmatch(name, match["wanted"], re.I)
    ]
    return none_of([f'regex "{pattern}"' for pattern in others])


def _find_unit(name: str) -> str:
    """Return the pattern of the unit that has this name, or ""."""
    return next((unit for unit in _UNITS if re.fullmatch(unit, name, re.I)), "")


def _check_unit(match: re.Match[str]) -> str | None:
    """Return the check of "miles instead of kilometers", and of "answer in Fahrenheit"."""
    parts = ("wanted", "also", "unwanted")
    found = {part: _find_unit(match[part]) for part in parts if match[part]}
    also = found.get("also", found["wanted"])
    if not found.get("unwanted") and (also in _METRIC_UNITS) != (found["wanted"] in _METRIC_UNITS):
        return None  # what is wanted beside it would be forbidden
    unwanted = found.get("unwanted") or _UNITS[found["wanted"]][1]
    if not unwanted or unwanted in (found["wanted"], found.get("also")):
        return None
    return f"not regex {quote_value(_UNITS[unwanted][0])}"


def forbids_unit(check: str, text: str) -> bool:
    """Return whether the check of a unit forbids a unit that another demand asks for."""
    if re.search(r"\b(?:no|not|never|without|avoid|instead|rather)\b|n't\b", text, re.I):
        return False
    named = [unit for unit in _UNITS if re.search(rf"\b(?:{unit})\b", text, re.I)]
    if check == METRIC:
        return any(unit not in _METRIC_UNITS for unit in named)
    found = [
        name for name, (each, _) in _UNITS.items() if check == f"not regex {quote_value(each)}"
    ]
    return any(unit in (name, *_PARTS.get(name, ())) for unit in named for name in found)


def _check_rating(match: re.Match[str]) -> str:
    """Return the check of "include a rating out of 5"."""
    best = parse_count(match["count"])
    return rf'regex "(?i)(?:/ ?|\\bof )(?:{best}|{spell_number(best)})\\b"'


def _check_dates(match: re.Match[str]) -> str | None:
    """Return the check of "write dates as DD.MM.YYYY": no date has another notation."""
    wanted = [name for name in _DATES if re.fullmatch(name, match["wanted"], re.I)]
    if not wanted:
        return None
    others = [pattern for name, pattern in _DATES.items() if name not in wanted]
    return none_of([f'regex "{pattern}"' for pattern in others])


def _check_spelling(match: re.Match[str]) -> str:
    """Return the check of "use British spelling", and of "no American spelling"."""
    is_american = match["variety"].lower() in ("american", "us")
    is_wanted_american = is_american != bool(match["not"])
    return f"spelling={'american' if is_wanted_american else 'british'}"


_VARIETY = (
    r"(?P<variety>British|UK|American|US)(?: English)?(?:,? (?:to|over|not|and not|instead of|"
    r"rather than) (?:British|UK|American|US),?)?"
)
_OTHER_VARIETY = (
    r"(?:,? (?:(?:and )?not|never|instead of|rather than|over)(?: the)? (?:British|UK|American|US)"
    r"(?: English)?(?: (?:spellings?|English|one|ones))?)?"
)
_DECIMALS = r"(?:decimals?|decimal places?|digits after the (?:decimal )?point)"
_NUMBERS_NAMED = r"(?:numbers?|numerals?|amounts?|quantities|counts?|figures)"
_SHOW_NUMBERS = (
    rf"(?:write|give|show|put|use|express|state)(?: (?:all|the|every|any))* {_NUMBERS_NAMED}"
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
NUMBER_WORDS = rf'not regex "(?i)\\b(?:{"|".join(map(spell_number, range(2, 20)))}|{_TENS})\\b"'
"""The condition that no number stands in words; "one" is a pronoun as well."""
NOTATION_FORMS: list[tuple[str, Build | str]] = [
    (
        r"(?:(?P<not>do not|don't|never|no|avoid|without) ?)?(?:(?:use|using|prefer|keep to|"
        r"stick to|follow|write|spell|answer|reply|respond)(?: (?:it|them|words|everything|all "
        r"words|your answers?|with|in|only))* )?(?:the )?(?:spellings? (?:in|of) )?"
        rf"{_VARIETY} (?:spellings?(?: rules| conventions)?|English|orthography)"
        rf"(?: only)?{_OTHER_VARIETY}(?:,? (?:such as|like|e\.g\.) .+)?",
        _check_spelling,
    ),
    (
        r"(?P<not>(?:do not|don't|never) )?(?:spell|write)(?: (?:it|them|everything|(?:all |the "
        rf")*words|things))? (?:in )?(?:the|a) {_VARIETY} (?:way|style|manner)"
        rf"{_OTHER_VARIETY}",
        _check_spelling,
    ),
    (
        r"(?:(?:keep|make) )?(?:the |your |all )*spellings?(?: (?:must|should|has to|have to|is))?"
        rf"(?P<not> not| never)?(?: always)?(?: be)? {_VARIETY}{_OTHER_VARIETY}",
        _check_spelling,
    ),
    (
        rf"{_GIVE}an? (?P<kind>(?:numbered|bulleted|bullet) )?list (?:of|with) "
        rf"(?:(?P<before>{_BOUND}) )?(?P<count>{NUMBER}) (?:items|points|entries|things|elements|"
        rf"lines)",
        _count_items,
    ),
    (
        rf"(?:{_GIVE}(?:be )?|(?P<limit>(?:keep|limit|cut) {_IT} (?:to|in|within) ))"
        rf"(?:(?P<before>{_BOUND}) )?(?P<count>{NUMBER}|a single) (?:short |brief )?paragraphs?"
        r"(?: long| only)?",
        _count_paragraphs,
    ),
    (
        rf"{_GIVE}(?:(?P<before>{_BOUND}) )?(?P<count>{_NUMBER}) {_ITEMS}",
        _count_items,
    ),
    (
        rf"{_GIVE}(?:(?P<before>{_BOUND}) )?(?P<count>{_NUMBER}) (?:of (?:them|these)|{_LISTED}) "
        r"(?:in|as) an? (?P<kind>(?:numbered|bulleted|bullet) )?list",
        _count_items,
    ),
    (
        rf"list (?:(?P<before>{_BOUND}) )?(?P<count>{NUMBER})(?: (?:of them|things|items|ideas|"
        r"options|examples|suggestions|reasons|tips|alternatives|names|facts|places))?",
        _count_items,
    ),
    (
        rf"(?:{_GIVE}|send |return )(?:an? |the )?comma[- ]separated list(?: of .+)?|"
        rf"(?:separate|divide|split) (?:it|them|(?:(?:the|all|your|every|list) )*{_LISTED}) "
        r"(?:with|by) commas?(?: only)?",
        'contains "," and not format=list',
    ),
    (
        rf"(?:(?:{_GIVE}|finish with )(?:an? |the )?(?:star )?(?:rating|score)|"
        r"rate (?:it|them|(?:(?:the|each|every|all) )?[a-z]+)) "
        rf"(?:out of|from (?:0|1|zero|one) to|on a scale (?:of|from) (?:0|1|zero|one) to) "
        rf"(?P<count>{NUMBER})(?: stars?)?",
        _check_rating,
    ),
    (
        rf"{_GIVE}(?:(?P<before>{_BOUND}) )?(?P<count>{NUMBER}) hashtags?",
        _count_hashtags,
    ),
    (
        rf"(?:{_GIVE}(?:the )?(?:form of )?(?:(?:always |be )*(?:as |in )?(?:numbered steps|"
        r"steps in a numbered list|numbered lists?|an? numbered list(?: of steps)?))(?: instead "
        r"of (?:bullet points|bullets|bulleted lists))?|(?:always |be )*numbered|number (?:the|"
        r"all|your|every|each) (?:steps?|points?|items?)|(?:(?:your |all )?answers|everything)(?: "
        r"(?:as|in))? an? numbered list)(?:,? (?:like )?1[.),]* 2[.),]*(?: and)? 3[.)]?)?(?: "
        r"only)?",
        "format=numbered",
    ),
    (
        rf"(?:round|give|write|show|use|keep)(?: [a-z]+){{0,3}}? (?:to |with |at most )*"
        rf"(?P<count>{_NUMBER}) {_DECIMALS}",
        _check_decimals,
    ),
    (
        r"(?:use|write|give|tell|show)(?: (?:the |all )?times?)?(?: in| with| on| by)?(?: the| a)? "
        r"24[- ]?h(?:ou)?rs?(?: (?:clock|time|form|format|notation|times))*(?:,? (?:and )?"
        r"(?:instead of|not|never|rather than) [ap]\.?m\b.*)?|(?:do not |don't |never |no |"
        r"avoid |without )(?:use |using |write |with )*(?:am (?:or|and) pm|am/pm)|(?:write|give|"
        r"show|put|use|state)(?: (?:the|all))? times? (?:as|like|in)(?: the form)? (?:(?:1[3-9]|"
        r"2[0-3])[:.h]\d\d|hh:mm)(?:,? (?:and )?(?:not|never|instead of|rather than) .+)?",
        r'not regex "(?i)\\b(?:\\d{1,2}(?:[:.]\\d\\d)?|'
        rf'{_CLOCK_WORDS})\\s?[ap]\\.?m\\b(?! I\\b)"',
    ),
    (
        r"(?:(?:write|format|give|use|show|put) (?:it|them|(?:(?:the|all|your|every|each) "
        r")?dates?)|(?:(?:all|the|any|every) )*dates? (?:must|should|have to|has to|are to) "
        r"(?:always )?be (?:written|given|shown|formatted|in|like)|use (?:the|a) date format)(?: "
        r"(?:as|in|like))?(?: the| this)?(?: (?:format|form|style|order))? (?P<wanted>[\w./, "
        r"-]+?)(?: (?:format|form|style|order))?(?:,? (?:and )?(?:not|never|instead of|rather "
        r"than)(?: as| like)? [\d./-]+)?",
        _check_dates,
    ),
    (
        r"(?:mention|state|give|name|include|add|say|note|tell)(?: (?:me|us|them))? "
        r"(?:the|its|each) (?:release |publication )?year(?! of the (?:rat|ox|tiger|rabbit|dragon|"
        r"snake|horse|goat|sheep|monkey|rooster|dog|pig)\b)(?: (?:in which|when|that|it|they|of|"
        r"each)(?: (?!(?:and|or|but|in|as|with|without|if|only|at|to|by|before|after)\b)[^ ,]+)+)?",
        r'regex "\\b(?:1\\d|20)\\d\\d\\b|\\b(?:AD|year) \\d{1,3}\\b|\\bin \\d{3}(?:[.,;)]|$)|'
        r'\\b\\d{1,4} (?:AD|BCE?|CE)\\b"',
    ),
    (r"use (?:the )?iso dates?", r'not regex "\\b\\d{1,2}[./]\\d{1,2}[./]\\d{2,4}\\b"'),
    (
        r"(?:give|write|state|show|quote|put|use|convert)(?: (?:the|all|any|your))? (?:prices?|"
        rf"(?:amounts?|sums?)(?: of money)?|costs?|money) (?:in|into|to) (?P<wanted>{_CURRENCY})"
        rf"(?: only)?(?:,? (?:and )?(?:not|never|instead of|rather than)(?: in)? {_CURRENCY})?",
        _check_currency,
    ),
    (
        r"(?:put|write|place) (?:the |a )?currency (?:symbol|sign)s? (?:before|in front of) "
        r"(?:the |an )?(?:amount|number|price|figure)s?",
        r'not regex "\\d ?[€$£¥]"',
    ),
    (
        r"(?:put|write|place) (?:the |a )?currency (?:symbol|sign)s? (?:after|behind) (?:the |an )?"
        r"(?:amount|number|price|figure)s?",
        r'not regex "[€$£¥] ?\\d"',
    ),
    (
        r"(?:spell out|write out|write|spell)(?: the| all)? (?:numbers|numerals|digits) "
        r"(?:(?:below|under|less than|up to|smaller than) (?:ten|10)|from (?:one|1) to (?:nine|"
        r"ten|9|10))(?: (?:out|in words|as words))*",
        r'not regex "(?m)(?!(?<=^\\s*)\\d[.)] )(?<![\\d.,:/-])[0-9](?![\\d.,:/%]*\\d|%)"',
    ),
    (
        r"(?:(?:write|give|show|put|state) (?:(?:the|all|any) )*(?:prices?|amounts?|sums?|costs?|"
        r"money) without|(?:write|use|answer) (?:without|no)|(?:do not|don't|never) (?:use|write|"
        r"put|add|show)) (?:any |an? |the )?currency (?:signs?|symbols?)",
        r'not regex "\\p{Sc}"',
    ),
    (
        r"(?:(?:use|write|give|show|put)(?: (?:the |all |any )*times?)?(?: in| with)?(?: the| a)? "
        r"12[- ]?h(?:ou)?rs?(?: (?:clock|time|form|format|notation|times))*|(?:use|write|add|put) "
        r"(?:am (?:or|and) pm|am/pm)(?: (?:after|with|behind) (?:the |all |any )*times?)?)"
        r"(?: with (?:am (?:or|and) pm|am/pm))?",
        r'not regex "(?i)\\b(?:1[3-9]|2[0-3]):[0-5]\\d\\b|\\b\\d{1,2}:[0-5]\\d\\b'
        r'(?!(?:\\s?(?:[-–—]|to|and|or|until)\\s?\\d{1,2}(?::\\d\\d)?)?\\s?[ap]\\.?m)"',
    ),
    (
        r"(?:use|write|put|add) (?:a |the )?(?:thousands? commas?|commas? (?:for|in|after|between|"
        r"to separate|as) (?:the |a )?thousands?(?: separators?)?)(?: in (?:all |every |the )?"
        r"(?:large |big |long )?(?:numbers?|amounts?|prices?|figures?))?",
        r'not regex "(?<![\\d.,])\\d{5,}(?!\\d)"',
    ),
    (
        r"use (?:a |the )?commas? (?:as|for) (?:the |a )?decimal (?:separator|point|mark|sign)s?|"
        r"(?:use|write) (?:a )?decimal commas?",
        r'not regex "\\d\\.\\d"',
    ),
    (
        r"use (?:a |the )?(?:dots?|points?|periods?|full stops?) (?:as|for) (?:the |a )?decimal "
        r"(?:separator|point|mark|sign)s?",
        r'not regex "\\d,\\d{1,2}\\b(?!,)"',
    ),
    (
        r"(?:always )?(?:use|give|prefer|write|answer|reply|respond|state|show|convert|measure)(?: "
        r"me| us)?(?:(?: (?:the|all|any|every))*(?: (?:temperatures?|distances?|weights?|lengths?|"
        r"heights?|speeds?|sizes?|measurements?|amounts?|quantities|ingredients?|everything|it))? "
        r"(?:in|into|to|as))? "
        rf"(?:degrees )?(?P<wanted>{_UNIT})(?: (?:and|or) (?P<also>{_UNIT}))?(?: only)?(?:,? "
        rf"(?:and )?(?:not|never|instead of|rather than)(?: in)? (?:degrees "
        rf")?(?P<unwanted>{_UNIT}))?",
        _check_unit,
    ),
    (
        r"(?:(?:(?:use|give|prefer|stick to|convert (?:everything |all )?to|write in|measure in|"
        r"(?:answer|reply|respond)(?: only)? in)(?: only)? )?(?:the )?metric(?: (?:units?|system|"
        r"measure\w*|measurements?))+|metric)(?: only)?(?: for (?:all |any )?(?:measurements?|"
        r"distances?|weights?|temperatures?|quantities|lengths?|everything))?(?:,? (?:and )?(?:"
        r"instead of|rather than|not|never|no) (?:the )?imperial(?: (?:units?|ones?|system|"
        r"measure\w*))?)?",
        METRIC,
    ),
    (
        r"(?:do not |don't |never |no |avoid |without )(?:use |using )?(?:any )?(?:imperial units?|"
        r"cups or ounces|ounces or cups)",
        METRIC,
    ),
    (
        r"(?:do not |don't |never |no |avoid |without )(?:use |using )?(?:any )?cups",
        rf'not regex "(?i)(?:{_COUNT_OF})[ -]cups?\\b|'
        rf'\\bcups? of (?:[a-z-]+ )?(?:{_GROCERIES})\\b"',
    ),
    (
        r"(?:do not |don't |never |no |avoid |without )(?:use |using )?(?:any )?ounces",
        r'not regex "(?i)\\bounces?\\b|\\d ?oz\\b"',
    ),
    (
        rf"{_GIVE}(?:(?P<before>{_BOUND}) )?(?P<count>{NUMBER}) emojis?",
        _count_emojis,
    ),
    (
        rf"(?:{_SHOW_NUMBERS}(?: always)? (?:as|in|with|using) (?:digits|numerals|figures)|"
        rf"(?:always )?use (?:digits|numerals|figures) (?:for|in) (?:all |the )?{_NUMBERS_NAMED}|"
        rf"use (?:digits|numerals|figures)(?= ?,? (?:and |but )?(?:not|never|instead|rather)))"
        r"(?: only)?(?:,? (?:(?:and |but )?(?:never|not|do not|don't)(?: (?:as|in|use|write|spell|"
        r"with))?|instead of|rather than)(?: (?:as|in))?(?: spell(?:ing)?| writ(?:e|ing))? "
        r"(?:(?:them|it) )?(?:out|words?|(?:spelled|written)[ -]out|letters|number words)(?: "
        r"(?:in|as) words)?)?|(?:never|do not|don't) (?:write|spell) (?:out )?(?:numbers|"
        r"numerals) (?:out|as words|in words)|(?:never|do not|don't) (?:write|spell) out "
        r"(?:numbers|numerals)(?: in words)?",
        NUMBER_WORDS,
    ),
    (
        r"(?:(?:write|spell) out (?:all |the )?(?:numbers|numerals|digits)|(?:write|spell|give|"
        r"express) (?:all |the )?(?:numbers|numerals|digits) (?:out|(?:out )?(?:as|in|with) "
        r"(?:words|letters|full)))(?: (?:as|in|with) (?:words|letters|full))?",
        r'not regex "\\d"',
    ),
]
"""(form, its check or what builds it), in the order in which they are tried."""
