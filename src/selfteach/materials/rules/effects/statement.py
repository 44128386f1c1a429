"""Make a sentence of what must be said, and the check that finds it in other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from selfteach.materials.rules.check_text import quote_value
from selfteach.materials.rules.inflection import IRREGULAR_PLURALS, list_plurals, to_singular
from selfteach.number_words import NUMBER, parse_number, spell_number, spell_ordinal

MAX_WORDS = 3
"""So many words, beside numbers and names, must be found."""
_NUMBER = re.compile(NUMBER, re.I)
MAX_LENGTH = 2200
"""In a longer check, which few rules have, a denial of common words is not looked for."""
MAX_SPELLED = 100
"""Numbers up to it are found in words as well as in digits."""
_LIGHT = frozenset(
    re.findall(
        r"\S+",
        "a an the this that these those we our us you your they their them he she it its his "
        "her i my me who which what when where why how if because is are was were be been being "
        "am has have had do does did can could will would shall should may might must not no "
        "nor and or but so than then at in on of for to from by with without within until till "
        "about into over under through after before during between up down out off only also "
        "always never very too more most less least all any each every some other such just still "
        "again there here now today one's give gives given make makes made take takes taken get "
        "gets got offer offers go goes went possible available please people someone anyone "
        "everyone thing things something anything way kind pm am o'clock clock as well both "
        "called named created built developed designed trained answer number code line phone "
        "contain contains include includes cost costs none nothing "
        "nobody either neither much many few like need needs want wants use uses used come comes "
        "right ask asks asking see sees talk talks consult contact contacts seeing going using "
        "trying doing getting having let lets put know says said tell name rather prefer price "
        "prices option options per item items check checks carry carries bring brings",
    )
)


_CONTRACTED = re.compile(r"(?:n't|'(?:re|ve|ll|d|m|s))$")
_CUT_VERBS = frozenset({"ca", "wo", "sha", "ai"})
"""What contractions leave of "can", "will", "shall" and "am"."""
_NOTHING = frozenset({"none", "nothing", "nobody"})
_HAS_NONE = (
    r'regex "(?i)\\b(?:none|nothing|nobody|without|(?:have|has|is|are|had) (?:no|not (?:an?|any)))'
    r"\\b|\\b(?:do|does|did)(?: not|n['’]t) have\\b|\\b(?:is|are|have|has)n['’]t (?:an?|any|one)\\b"
    '"'
)
"""What says that there is none of something, not only that something is not so."""
_HAS_ANY = re.compile(r"\b(?:have|has|are|is)(?: not|n't)?(?: got)? (?:any|one)[ .!]*$", re.I)
"""The end of what says that there is none, where no noun follows: "we don't have any"."""
MAY = "May"
"""The month, whose name is a common word, too."""
_NEGATED = re.compile(
    r"\b(?:not(?! only\b)|cannot|never|none|nobody|nothing|hardly|no(?! (?:later|longer than|more "
    r"than|fewer|less|sooner|matter|problem|doubt|extra)\b))\b|n't\b",
    re.I,
)
NEGATION = (
    r'regex "(?i)\\b(?:no|nor|not|never|hardly|cannot|none|nothing|nobody|without|unable)\\b|'
    r'n[\'’]t\\b"'
)
"""The condition that finds a word that says no."""


def make_sentence(text: str) -> str:
    """Return a clause as a whole sentence: "we close at six" -> "We close at six."."""
    text = text.strip(" ,;:")
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


_CONTRAST = re.compile(
    r", (?:and )?(?:not|never) (?:on |at |in )?(?:the |an? )?"
    r"(?P<other>\"[^\"]+\"|[A-Z]\w+(?: [A-Z]\w+)*|\w+(?<!ed)(?<!able)(?<!ing))\.?$"
)
"""What a statement is held against: "it is Friday, not Thursday" says Friday."""
_ONLY = re.compile(
    r"\bonly[ .!]*$|\bonly (?:for|by|in|on|with|takes?|accepts?|serves?|sells?|ships?|delivers?|"
    rf"cash|cards?|adults|members|guests|residents)\b(?! (?:an?\b|about\b|{NUMBER}\b))",
    re.I,
)
"""What rules out all others: "cash only"; "it is only ten euros" does not."""
SAYS_ONLY = (
    r'regex "(?i)\\b(?:only|just|exclusively|solely|strictly|purely|'
    r'nothing (?:but|else)|no other)\\b"'
)
"""The condition that finds a word that rules out all others."""


_WHEN_ASKED = re.compile(
    r" (?:first|again|too|instead|please|politely|right away|before (?:anything|everything) else)$",
    re.I,
)
"""The end of a demand that says when or how to ask, not for what."""


def check_statement(text: str, *, is_clause: bool = True) -> str | None:
    """Return the check that finds what a clause says: its numbers, its names, its rarest words.

    "we close at six" -> "close", "closed" or "closing", and "six", "6" or "6pm". The longest words
    count as the rarest. What is said must not be denied; "we do not deliver" needs a word that says
    no. The result is None if all words are common ones.

    Args:
        is_clause: whether something is said of somebody; "our loyalty card" is only named.
    """
    text = _BUSINESS.sub("we ", text.replace("’", "'").removesuffix(" first"))
    if answer := re.fullmatch(r"(?:that )?the answer is (yes|no)", text.strip(" ."), re.I):
        said = answer[1].lower()
        return f'(starts "{said.capitalize()}" or contains "is {said}")'
    contrast = _CONTRAST.search(text)
    text = _OF_SPEAKER.sub("I ", _MY_VALUE.sub("", _CONTRAST.sub("", text)))
    text = _OUR_STREET.sub("", text)
    text = re.sub(r"\bI am (\d+) years old\b", r"I am \1", text)
    text = _GLUED_HOUR.sub(r"\1 \2", _RANGE.sub(_say_range, text))
    found = _check_codes(text) or _check_words(text, is_clause=is_clause)
    if found and contrast:
        found = [*found, _find_no_addition(contrast["other"].strip('"'))]
    if found and is_clause:
        found = [*found, *_find_particles(text)]
        found += [] if _NEGATED.search(text) else _find_no_opposites(text)
    if found and _ONLY.search(text):
        found = [*found, SAYS_ONLY]
    check = " and ".join(dict.fromkeys(found))
    if is_clause and len(check) > MAX_LENGTH:
        return check_statement(text, is_clause=False)
    return check or None


_PARTICLE = re.compile(
    r"\b(?P<verb>sold|booked|turned|switched|called) (?P<particle>out|up|off|on|down|away)"
    r"(?=[.,;!?]|$| (?:at|in|from|until|till|by|for|before|after|during|on|with)\b)",
    re.I,
)
"""A verb that means another thing without the word behind it: "sold out"."""
_SAME_SIDE = {
    "over": "over|above|more than|older than|from|at least",
    "above": "over|above|more than|at least",
    "under": "under|below|less than|fewer than|younger than|up to",
    "below": "under|below|less than|fewer than|up to",
    "before": "before|prior to|ahead of",
    "after": "after|from|past",
}
_OTHER_SIDE = {
    "over": "under|below|less than|fewer than|younger than",
    "above": "under|below|less than|fewer than",
    "under": "over|above|more than|at least|older than",
    "below": "over|above|more than|at least",
    "before": "after",
    "after": "before",
}
_SIDE = re.compile(
    rf"\b(?<!or )(?P<side>{'|'.join(_OTHER_SIDE)}) (?:the )?[$€£]?(?P<what>(?!or\b)\w+)", re.I
)
"""On which side of something: "over 18", "before meals"."""


def _find_particles(text: str) -> list[str]:
    """Return the conditions that find verbs with the word behind them."""
    found = []
    for match in _PARTICLE.finditer(text):
        stem = make_wildcard(match["verb"].lower()).rstrip("*")
        between = r"(?: [\\w'’]+){0,5} "
        found.append(rf'regex "(?i)\\b{stem}\\w*{between}{match["particle"].lower()}\\b"')
    return found


def _find_no_opposites(text: str) -> list[str]:
    """Return the conditions that the other side is not said in place of the right one: "under 18"
    for "over 18".
    """
    found = []
    for match in _SIDE.finditer(text):
        what = match["what"]
        if _is_light(what) and not what.isdigit():
            continue
        side = match["side"].lower()
        hour = r"(?: ?[ap]\\.?m)?" if what.isdigit() else ""
        any_one = "(?:(?:the|your|their|our|each|every|any|an?) )?"
        end = rf" {any_one}[$€£]?(?:{_make_stems(what)}){hour}\\b"
        right, wrong = (rf"(?i)\\b(?:{sides[side]}){end}" for sides in (_SAME_SIDE, _OTHER_SIDE))
        found.append(f'(regex "{right}" or not regex "{wrong}")')
    return found


_RANGE = re.compile(
    r"(?<![\w.,:+-])(?<!\bcode )(?<!\bcode is )(?<!\bnumber )(?<!\bnumber is )(?<!\bPIN is )"
    r"(\d{1,2}) ?[-–—] ?(\d{1,2})(?![\w-]|[.,:]\d)"
)
"""A range of numbers: "7-10 days"."""


def _say_range(match: re.Match[str]) -> str:
    """Return "7 to 10" for "7-10"; "3-1" is a score, but for hours ("open 10-4")."""
    first, last = match.groups()
    is_open = re.search(r"\b(?:open|from|hours)\b", match.string[: match.start()], re.I)
    return f"{first} to {last}" if is_open or int(first) < int(last) else match[0]


_GLUED_HOUR = re.compile(r"(?<![\d:.])(\d{1,2})([ap]\.?m\b)", re.I)
"""An hour without a space: "11am"."""
_MY_VALUE = re.compile(
    r"^my (?:favou?rite [a-z' -]+?|hobby|hobbies|home ?town|home|job|profession|birthday|"
    r"nationality|pets?|native language|mother tongue|star sign|age) (?:is|are|was|were) ",
    re.I,
)
"""What an answer to the question leaves out: "my favorite color is"."""
_OF_SPEAKER = re.compile(
    r"\bI (?:once |also |really |have )?(?:live|come|loved?|like|enjoy|work(?:ed)?|grew up|used to "
    r"(?:be|work)|(?:was|were|am) (?:once )?(?=\d|an? ))(?= )"
)
"""What the model says of itself in other words too: "I live in Lisbon", "I am from Lisbon"."""
_ASKS = (
    r"(?:(?:please|kindly|just|also|then) ){0,2}(?:(?:tell|give) (?:me|us)|send|give|share|"
    r"provide|let (?:me|us) know)\b|(?:I|we)(?:['’]ll| will|['’]d)? (?:also |just )?need "
)
"""How a sentence begins that asks for something without a question mark."""
_REST = r"[^.!?\n]{0,120}"
"""The rest of a sentence."""
_DECLINES = r"\b(?:no|not|never|nothing|without)\b|n['’]t\b"
_LABELS = frozenset(
    {"name", "number", "code", "line", "phone", "price", "prices", "option", "options"}
)
"""Common words that name what somebody is asked for: the "number" of "order number"."""


_MEASURES = {
    "old": r"old|age|birthday|born",
    "tall": r"tall|height",
    "heavy": r"heavy|weighs?|weight",
    "big": r"big|large|size",
    "long": r"long|length|duration",
    "many": r"how many|number",
    "far": r"far|distance",
    "often": r"often|frequently|times",
}
"""In what words somebody is asked "how old" something is."""
_MEASURED = re.compile(rf"how ({'|'.join(_MEASURES)})\b", re.I)
_CHOSEN = re.compile(r"(?:what|which) (?!(?:is|are|was|they|he|she|it|you)\b)([a-z]+)\b", re.I)


def check_asked(what: str) -> str | None:
    """Return the check that finds how somebody is asked for something: each of its nouns in a
    question, or in a sentence that begins with words that ask.
    """
    what = re.sub("^(?:whether|if) ", "", _WHEN_ASKED.sub("", what), flags=re.I)
    words = [word.removesuffix("'s") for word in _find_words(what)]
    named = [word for word in words if not _is_light(word) or word.lower() in _LABELS]
    found = dict.fromkeys(_make_pattern(word) for word in named[: MAX_WORDS + 1])
    if measured := _MEASURED.match(what):
        found = dict.fromkeys([_MEASURES[measured[1].lower()]])
    elif chosen := _CHOSEN.match(what):
        found = dict.fromkeys([_make_pattern(chosen[1])])
    nouns = "".join(rf"(?={_REST}\b(?:{pattern})\b)" for pattern in found)
    pattern = rf"(?im)(?:^|[^\w\s]\s+|\band ){nouns}(?!{_REST}(?:{_DECLINES}))(?:{_ASKS}|{_REST}\?)"
    return f"regex {quote_value(pattern)}" if found else None


def _make_pattern(word: str, *, is_verb: bool = False) -> str:
    """Return the pattern of what `_find_word` finds."""
    if spelled := _spell_both_ways(word):
        return "|".join(spelled)
    forms: list[str] = []
    for value in re.findall(r'contains "(.+?)"', _find_word(word, is_verb=is_verb)):
        stem = re.escape(value.rstrip("*")).replace(r"\ ", "[ -]")
        forms += [rf"{stem}\w*"] if value.endswith("*") else [stem, *list_plurals(stem)]
    return "|".join(forms)


_BUSINESS = re.compile(
    r"^(?:our|the) (?:[a-z]+ )?(?:shop|store|restaurant|caf[eé]|bakery|office|company|business|"
    r"salon|clinic|practice|hotel|museum|library|firm|club|gym|pharmacy|pub) "
    r"(?=(?:is|has|opens|closes|offers|sells|delivers|ships|accepts|takes|serves)\b)",
    re.I,
)
"""A subject for which answers say "we"."""


def _check_codes(text: str) -> list[str]:
    """Return the conditions of a clause that gives a number to call, a code or an address: these,
    and the names beside them.
    """
    codes = find_codes(text)
    if not codes:
        return []
    for code in codes:
        text = text.replace(code, " ")
    words = [word for word in _find_words(text) if not re.fullmatch(_LABEL, word, re.I)]
    known = _find_known(words)
    found = [f'contains "{code}"' for code in codes] + [_find_word(w) for w in words if w in known]
    if _NEGATED.search(text):
        return found
    return [*found, _find_no_denial("|".join(map(re.escape, codes)))]


def _check_words(text: str, *, is_clause: bool) -> list[str]:
    """Return the conditions of any other clause."""
    words = _find_words(text)
    known = _find_known(words)
    says_all = _list_verbs(text) & _INCLUDING
    meant = says_all | _list_heads(words)
    others = [
        word
        for word in words
        if word not in known and len(word) > 2 and (not _is_light(word) or word.lower() in meant)
    ]
    longest = sorted(others, key=_weigh, reverse=True)[:MAX_WORDS]
    is_negated = _NEGATED.search(text) is not None
    chosen = [word for word in words if word in known or word in longest]
    said = _WITHOUT.split(text)[0]
    is_said = not is_negated and not _SAYS_NO.search(said)
    claimed = _list_claimed(said, chosen, is_clause=is_clause) if is_said else []
    is_timed = _HOUR.search(text) is not None and not _UNTIL.search(text)
    find_claim = partial(_find_claim, is_timed=is_timed)
    claims = {word.lower(): find_claim for word in claimed if word not in known}
    finders = _choose_finders(text, claims, is_negated)
    found = [finders.get(word.lower(), _find_word)(word) for word in chosen]
    found = [*(find_claim(word) for word in claimed if word in known), *found]
    if is_said and is_clause and not claimed and (named := _list_named(said, chosen)):
        found.append(_find_no_denial("|".join(map(re.escape, named))))
    has_none = any(word.lower() in _NOTHING for word in words)
    if not found and (has_none or (is_negated and _HAS_ANY.search(text))):
        return [_HAS_NONE]
    if not found or not is_negated:
        return found
    denied = _choose_denied(text, chosen)
    with_nothing = re.search(r"\bnothing\b", text, re.I) is not None
    denial = _find_denial(denied, with_nothing=with_nothing) if denied else NEGATION
    return [*found, denial]


_HEADS = frozenset({"number", "name", "code"})


def _list_heads(words: list[str]) -> set[str]:
    """Return the labels that another noun tells apart: the "number" of "order number"."""
    return {
        word.lower()
        for before, word in pairwise(words)
        if word.lower() in _HEADS and before.islower() and not _is_light(before)
    }


_SUBJECT_END = re.compile(
    r"^(?:to|please)\b|"
    r"\b(?:is|are|am|was|were|can|could|will|would|must|may|should|shall|has|have|do|does|did)\b|"
    r"\b(?:we|they|you|it|I|he|she|that|there|who)(?:'(?:s|re|m|ll|ve|d))?(?= )",
    re.I,
)
"""What a verb follows, or what is said of a subject: "leashes are", "they"."""


def _list_claimed(text: str, chosen: Sequence[str], *, is_clause: bool) -> list[str]:
    """Return those of the chosen words that say what is so: "required" of "leashes are required".

    A denial stands before them: "leashes are not required". Hours, days and
    what something contains have checks of their own.

    Args:
        is_clause: see `check_statement`.
    """
    telling = [word for word in chosen if word.lower() in _DENIED]
    if not is_clause:
        return telling[:MAX_CLAIMS]
    timed = [match[0] for match in (*_HOUR.finditer(text), *_DAY.finditer(text))]
    starts = [match.end() for match in _SUBJECT_END.finditer(text)]
    said = [_find_first(chosen, text[start:]) for start in starts]
    first = said or chosen[:2]
    others = {*_find_words(" ".join(timed)), *_list_contained(text)}
    claimed = [word for word in (*telling, *first) if word and word not in others]
    return list(dict.fromkeys(claimed))[:MAX_CLAIMS]


def _find_first(chosen: Sequence[str], text: str) -> str:
    """Return the first of the chosen words that a text has; "" if it has none."""
    words = _find_words(text)
    return next((word for word in chosen if word in words), "")


def _choose_denied(text: str, chosen: Sequence[str]) -> str:
    """Return the word that a negative clause denies: "heated" of "the pool isn't heated"; or ""."""
    for clause in re.split(r"[,;:.!?] |\b(?:but|because)\b", text):
        if negation := _NEGATED.search(clause):
            before, after = clause[: negation.start()], clause[negation.end() :]
            named = [word for word in chosen if word in _find_words(after)]
            named += [word for word in reversed(chosen) if word in _find_words(before)]
            return named[0] if named else ""
    return ""


def _choose_finders(
    text: str, claims: Mapping[str, Callable[[str], str]], is_negated: bool
) -> dict[str, Callable[[str], str]]:
    """Return how verbs, claims, hours and days are found, by the word in lower case."""
    finders: dict[str, Callable[[str], str]] = {
        verb: partial(_find_word, is_verb=True) for verb in _list_verbs(text)
    }
    finders |= claims
    if not is_negated:
        finders |= dict.fromkeys(_list_contained(text), _find_contained)
    for match in _HOUR.finditer(text):
        half = re.match(r" ?([ap])\.?m\b", text[match.end() :], re.I)
        finders[match[1].lower()] = partial(_find_hour, half=half[1].lower() if half else "")
    finders |= (
        {MAY.lower(): lambda word: rf'regex "\\b{MAY}\\b"'} if MAY in _find_words(text) else {}
    )
    days = [match[1] or match[2] for match in _DAY.finditer(text)]
    return finders | dict.fromkeys(days, _find_day)


def _find_words(text: str) -> list[str]:
    """Return the different words of a text."""
    return list(dict.fromkeys(re.findall(r"[^\W_](?:[\w'&:.,-]*[^\W_])?", text)))


def _find_known(words: Iterable[str]) -> set[str]:
    """Return the names and the numbers among words."""
    return {
        word
        for word in words
        if word[0].isdigit()
        or _NUMBER.fullmatch(word)
        or (word[0].isupper() and (word == MAY or not _is_light(word)))
    }


def find_codes(text: str) -> list[str]:
    """Return the addresses, the numbers that are called and the codes in a text."""
    named = [match["code"] for match in _CODE.finditer(text)]
    return list(dict.fromkeys([*re.findall(ADDRESS, text), *named]))


ADDRESS = (
    r"(?:[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s\"',;]*[\w/]|"
    r"(?:[\w-]+\.)+(?:com|org|net|info|io|eu|de|fr|es|it|uk|example)\b)"
)
"""A pattern of addresses of mails and pages."""
_STREET_WORD = r"[A-ZÀ-Þ][\w'’.-]*"
STREET = (
    rf"(?:\d+[a-zA-Z]? {_STREET_WORD}(?:,? (?:{_STREET_WORD}|\d+))*|(?:{_STREET_WORD} )+\d+[a-z]?)"
)
"""A pattern of postal addresses: "12 Mill Lane", "Hauptstraße 7"."""
_OUR_STREET = re.compile(rf"^(?i:(?:our|the|my) (?:[a-z]+ )?address is )(?={STREET}[ .!]*$)")
"""What goes before a postal address, and is not said: "we are at 12 Mill Lane"."""
_LABEL = (
    r"(?:numbers?|codes?|hotline|phone|call|dial|ring|voucher|coupon|password|PIN|extension|line)"
)
_CODE = re.compile(
    rf"\b(?i:{_LABEL})(?:,|:| is|:? is:)? \"?(?P<code>(?!(?:19|20)\d\d\b)\+?\d[\d ()/-]*\d{{2,}}|"
    r"[A-Za-z]+\d+\w*)"
)
_TELLING = frozenset({"free", "closed", "open", "sold", "full", "busy", "late", "gone", "ready"})
"""Short words that say what is the case."""


def _weigh(word: str) -> int:
    """Return how rare a word is taken to be."""
    return len(word) + (10 if word.lower() in _TELLING else 0)


def _is_light(word: str) -> bool:
    """Return whether a word is a common one, or a contraction of one: "we're", "don't"."""
    low = word.lower()
    bare = _CONTRACTED.sub("", low)
    return low in _LIGHT or (bare != low and (bare in _LIGHT or bare in _CUT_VERBS))


_HOUR = re.compile(
    rf"\b(?:(?:at|from|to|until|till|by|before|after|and|between) |(?=\d{{1,2}} to \d{{1,2}}"
    rf"(?:[.,;!?]|$| ?[ap]\.?m)))({NUMBER})\b"
    r"(?= ?(?:[.,;!?-]|$|o'clock|[ap]\.?m|to\b|and\b|until\b|till\b|on\b|every\b|in the\b))",
    re.I,
)
"""A time of the day: "at six", "from 9 to 6"."""
_HALF_DAY = 12
MIN_TWO_DIGITS = 10


def _find_hour(word: str, half: str = "") -> str:
    """Return the condition that finds an hour: "six", "6", "6pm", "18:00".

    Args:
        half: "a" or "p" where the rule says which half of the day, whose other half is wrong.
    """
    found = _find_word(word)
    number = parse_number(word)
    if not 0 < number <= _HALF_DAY:
        return found
    late = rf"|\\b0{number}[:.]00\\b" if number < MIN_TWO_DIGITS else ""
    late += rf"|\\b{number + _HALF_DAY}[:.]00\\b" if number < _HALF_DAY else ""
    hour = rf'{found.removesuffix(")")} or regex "(?i)\\b{number}[ap]\\.?m\\b{late}")'
    if not half:
        return hour
    other = {"a": "p", "p": "a"}[half]
    return rf'{hour} and not regex "(?i)\\b{number} ?{other}\\.?m\\b"'


_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::|[.](?=\d\d[ap]\.?m))(?P<minute>[0-5]\d)(?:(?P<half>[ap])\.?m)?", re.I
)
"""A time of the day with its minutes: "5:30pm"; "5.30" may be a price."""


def _find_clock(match: re.Match[str]) -> str:
    """Return the condition that finds a time with its minutes: "5:30 pm", "5.30", "17:30"."""
    hour, minute, half = int(match["hour"]), match["minute"], (match["half"] or "").lower()
    late = hour % _HALF_DAY + _HALF_DAY
    other_half = {"a": "p", "p": "a"}.get(half, "")
    found = [rf"0?{hour}[:.]{minute}" + (rf"(?! ?{other_half}\\.?m)" if half else "")]
    if half != "a" and hour != late:
        found.append(rf"{late}[:.]{minute}")
    return rf'regex "(?i)(?<![\\d:.])(?:{"|".join(found)})(?!\\d)"'


_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = re.compile(
    rf"\b{_MONTH} (\d{{1,2}}(?:st|nd|rd|th)?)\b|\b(\d{{1,2}}(?:st|nd|rd|th)?)(?: of)? {_MONTH}\b"
)
"""A day of a month: "June 3", "the 14th of August"."""


def _find_day(word: str) -> str:
    """Return the condition that finds a day: "3", "3rd", "third"."""
    number = int(re.sub(r"\D", "", word))
    return rf'regex "(?i)\\b{number}(?:st|nd|rd|th)?\\b|\\b{spell_ordinal(number)}\\b"'


_DENIED = frozenset(
    re.findall(
        r"\w+",
        "include includes included exclude excludes excluded allow allows allowed permit permits "
        "permitted accept accepts accepted welcome free sell sells sold ship ships shipped deliver "
        "delivers delivered",
    )
)
"""Words that say what is so without a verb: "free delivery", "dogs welcome"."""
_DENYING = (
    r"(?:not(?! (?:only|just))|no(?!,| problem| worries| matter| doubt)|never|none|nobody|no one|"
    r"neither|nor|cannot|hardly|zero|lacks?|without(?! exception))\\b"
)
"""The words that say no."""


def _make_undenied(found: str, denying: str, joints: str) -> str:
    """Return the pattern of what stands in a clause with no word that says no before it.

    Args:
        found: the pattern that is looked for.
        denying: words that say no, beside the common ones.
        joints: what another clause of the same sentence begins with.
    """
    opens = rf"[.!?;]\\s|{joints}"
    denied = rf"\\b(?:{_DENYING}{denying})|n['’]t(?! (?:worry|forget))\\b"
    return rf"(?im)(?:^|{opens})(?:(?!{denied}|{opens}).)*?\\b(?:{found})"


_WITHOUT = re.compile(r"\bwithout\b", re.I)
"""What a clause may end with that denies nothing before it: "photos are allowed without flash"."""
_SAYS_NO = re.compile(r"\b(?:no|nor|not|never|cannot|none|nothing|nobody|without|unable)\b|n't\b")
"""The words by which a clause denies something, or says that it goes without."""
_DENIES = (
    r"(?:\\b(?:not(?! (?:only|just|an? problem|hesitate|delay|put off|be (?:afraid|shy))\\b)|"
    r"never(?! (?:hurts?|forget)\\b)|cannot(?! hurt)|nobody|no one|none|neither|nor|"
    r"hardly|unable|no(?!,| (?:problem|worries|matter|doubt|\\w+ than)\\b))\\b|"
    r"n['’]t\\b(?! (?:worry|forget|hesitate|only|just|hurt|delay|put off|be (?:afraid|shy))\\b))"
)
"""The pattern of what denies the words that follow."""
_DENIED_BEFORE = (
    rf"{_DENIES}(?:, \\w+,)?(?: (?!(?:and|but|because|since|as|so|(?:al)?though|while|without|"
    r"before)\\b)[$€£]?\\w[\\w'’-]*){0,5} "
)
"""The pattern of a denial and the words up to the one that it denies."""
_UNDENIED = (
    rf"(?<!{_DENIED_BEFORE}|"
    r"(?<!(?:\\bnot|\\bnever|n['’]t)\\b[^.!?;]{0,40})\\bwithout (?:(?:an?|any|the) )?)"
)
"""The pattern of a place that no denial stands before in its clause."""
_UNTIL = re.compile(r"\b(?:until|till|before)\b", re.I)
MAX_CLAIMS = 2
"""So many words of a clause must not be denied; the check of more is too long."""


def _find_claim(word: str, *, is_timed: bool) -> str:
    """Return the condition that finds a word that no denial stands before.

    Args:
        is_timed: whether the clause says from when something is so: "we don't open until nine" says
            that they open at nine.
    """
    found = _make_stems(word)
    until = rf"|\\b(?:{found}) (?:until|till|before)\\b" if is_timed else ""
    denied = r"(?:no|none|neither|nobody|zero|hardly)\\b(?! \\w+ than)"
    money = "(?<![$€£])[$€£]?" if word[0].isdigit() else ""
    whole = _WHOLE if _spell_both_ways(word) else ""
    return rf'regex "(?i){_UNDENIED}{money}\\b(?:{found})\\b{whole}(?! {denied}){until}"'


def _list_named(text: str, chosen: Sequence[str]) -> list[str]:
    """Return the names and the days of a clause that tell when or where something is so; the hours
    where it has no others.
    """
    days = {one for match in _DAY.finditer(text) for one in _find_words(match[0])}
    timed = {one for match in _HOUR.finditer(text) for one in _find_words(match[0])}
    named = [word for word in chosen if word in days or (word[0].isupper() and word not in timed)]
    return named or [word for word in chosen if word in timed]


_SURELY_DENIES = r"\\b(?:(?<!\\bwhy )not|never|no longer|no need|need not)\\b|n['’]t\\b"
_LINKS = (
    "(?: (?:to|the|a|on|at|in|by|from|for|is|be|it|our|need|have|call|use|dial|ring|phone|text|"
    "write|e-?mail|visit|contact))*"
)
"""The words that may stand between a denial and a name or a number that it denies."""


def _find_no_denial(pattern: str) -> str:
    """Return the condition that a name, a day, an hour or a code is not denied: "not on June
    12th". Other words than the common ones between them end what is denied: "if you can't breathe
    call 112".

    Args:
        pattern: a regular expression.
    """
    escaped = pattern.replace("\\", r"\\")
    return rf'not regex "(?i)(?:{_SURELY_DENIES}){_LINKS} (?:{escaped})(?!\\w)"'


def _make_stems(word: str) -> str:
    """Return the pattern of a word with its endings; any letter stands for one with an accent."""
    found = _make_pattern(word, is_verb=True) or re.escape(word)
    pattern = found.replace("\\", r"\\")
    return re.sub(r"[^\x00-\x7f]", r"\\\\w", pattern)


def _find_denial(word: str, *, with_nothing: bool) -> str:
    """Return the condition that finds a word that is denied in its clause.

    Args:
        with_nothing: whether "nothing" denies it, too. "We accept returns and you pay nothing" does
            not deny that they accept returns.
    """
    found = _make_stems(word)
    lacks = "(?:without|nothing)" if with_nothing else "without"
    denies = rf"(?:{_DENIES}|\\b{lacks}\\b)"
    in_clause = r"(?:(?!\\b(?:but|because)\\b)[^.!?;:,\\n]|, [^.!?;:,\\n]+,)*?"
    answered = r"[\\w ]*[?:] (?:(?:sorry|unfortunately),? )?(?:no|not|never)\\b"
    return (
        rf'regex "(?i){denies}{in_clause}\\b(?:{found})\\b|'
        rf'\\b(?:{found})\\b(?:{in_clause}{denies}|{answered})"'
    )


def _find_no_addition(word: str) -> str:
    """Return the condition that an answer does not add what a clause rules out: "and organic"."""
    found = _make_stems(word)
    lead = r"(?:and|or|also|both|plus) (?:(?:the|an?|also|on|at|in) )*"
    added = rf"{lead}(?:{found})|(?:{found}) (?:and|or|as well)"
    return rf'not regex "(?i){_UNDENIED}\\b(?:{added})\\b"'


_CONTAINS = re.compile(
    r"\b(?:uses?|contains?|ha(?:s|ve)(?! to\b)|made (?:with|from)) (?P<what>.+)", re.I
)
_PART = re.compile(r"[a-z]{3,}")


def _list_contained(text: str) -> list[str]:
    """Return the words of what something is said to have in it: "our kitchen uses nuts"."""
    match = _CONTAINS.search(text)
    return [word for word in _find_words(match["what"]) if _PART.fullmatch(word)] if match else []


def _find_contained(word: str) -> str:
    """Return the condition that finds what is used, and neither denied nor left out: "nut-free"."""
    forms: list[str] = []
    for form in _list_forms(word, is_verb=False):
        stem = form.removesuffix("*")
        forms += [rf"{stem}\\w*"] if form != stem else [stem, *list_plurals(stem)]
    joints = r"\\b(?:but|because|and (?:it )?(?:contains|uses|has|have)) "
    found = rf"(?:{'|'.join(forms)})\\b(?![ -]free\\b)"
    return f'regex "{_make_undenied(found, "|free (?:of|from) ", joints)}"'


def _find_word(word: str, *, is_verb: bool = False) -> str:
    """Return the condition that finds a word, a name or a number."""
    low = word.lower()
    if spelled := _spell_both_ways(word):
        digits, in_words = spelled
        return rf'(regex "(?<!\\d[.,:])\\b{digits}\\b{_WHOLE}" or contains "{in_words}")'
    if clock := _CLOCK.fullmatch(word):
        return _find_clock(clock)
    word, low = word.removesuffix("'s"), low.removesuffix("'s")
    if re.fullmatch(r"\d+s", word):  # "under 16s"
        return f'(contains "{word[:-1]}" or contains "{word}")'
    if low.endswith("days"):
        word = word[:-1]
    if parts := _SPLIT.fullmatch(low):
        first, second = parts.groups()
        return f'(contains "{first}{second}*" or contains "{first} {second}")'
    if low in _MONEY:
        return f'(contains "{low.rstrip("s")}*" or contains "{_MONEY[low]}")'
    if word[0].isupper() or not word.isalpha():
        word = word.replace("-", " ")  # which finds both spellings
        return f'contains "{word}"'
    found = [f'contains "{form}"' for form in _list_forms(low, is_verb=is_verb)]
    return f"({' or '.join(found)})" if len(found) > 1 else found[0]


_SPLIT = re.compile(
    r"(check|sign|log|set|pick|drop|take|walk|back|follow|e|wi)-?(in|out|up|off|away|mails?|fi)"
)
"""Words that are written as one, with a hyphen, or as two: "checkout", "wi-fi"."""
_WHOLE = r"(?!,\\d{3}|[.,](?!0{1,2}(?!\\d))\\d|:(?!00(?!\\d))\\d\\d)"
"""What does not follow a number that is whole: "5.00" is 5, and "5.50" and "5:30" are not."""


def _spell_both_ways(word: str) -> tuple[str, str] | None:
    """Return a small number in digits and in words; None for any other word."""
    if not _NUMBER.fullmatch(word) or (number := parse_number(word)) > MAX_SPELLED:
        return None
    in_words = "hundred" if number == MAX_SPELLED else spell_number(number)
    return (word, in_words) if word.isdecimal() else (str(number), word.lower())


_MONEY = {
    "euro": "€",
    "euros": "€",
    "dollar": "$",
    "dollars": "$",
    "pounds": "£",
    "percent": "%",
}


_INCLUDING = frozenset({"include", "includes", "exclude", "excludes"})
"""Common words that are all that a statement says, where they are its verb."""
_VERB = re.compile(
    r"\b(?:we|they|you|it|I|to|can't|cannot|don't|not) ([a-z]+)\b|"
    r"^(?:[a-z]+ ){1,3}?((?:in|ex)cludes?)\b",
    re.I,
)
"""A verb after its subject: "we close", "prices include"."""


def _list_verbs(text: str) -> set[str]:
    """Return the verbs of a clause in lower case."""
    return {(match[1] or match[2]).lower() for match in _VERB.finditer(text)}


def _list_forms(word: str, *, is_verb: bool) -> list[str]:
    """Return what a word begins with in its endings: closes, closed, closing; puppies."""
    wildcard = make_wildcard(word)
    stem = wildcard.removesuffix("*")
    if is_verb and re.search(r"[^e]e\*$", wildcard):
        return [wildcard, f"{stem[:-1]}ing"]
    if re.search(r"[^aeiou]y\*$", wildcard):
        return [wildcard, f"{stem[:-1]}ie*"]
    if re.search(r"[^aeiou]i\*$", wildcard) and word.endswith("ied"):
        return [wildcard, f"{stem[:-1]}y*"]  # verified, verify
    return [wildcard]


def make_wildcard(word: str) -> str:
    """Return what a lower-case word and its other forms begin with: "closes" -> "close*"."""
    stem = to_singular(word)
    if stem in IRREGULAR_PLURALS:
        return stem  # whose plural is found too
    cut = re.sub(r"(?:ing|ed)$", "", stem)
    if cut != stem and re.search(r"([bdgmnprt])\1$|[aeiou][^aeiou]+[aeiou]ll$", cut):
        cut = cut[:-1]  # shipping, ships
    stem = cut if len(cut) >= 4 else stem
    stem = re.sub(r"(?<=[a-z]ver)y$", "", stem)  # delivery, deliver
    return f"{stem}*" if len(stem) >= 4 else stem
