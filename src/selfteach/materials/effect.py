"""Read an effect: what an answer must do to keep a rule.

An effect of a recognized form has a check (docs/reference/checks.md) that decides it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from selfteach.materials.inflection import to_singular


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold what an answer must do, as a check, and what repairs an answer that does not."""

    check: str
    """What an answer must meet."""
    replacements: tuple[tuple[str, str], ...] = ()
    """Words and what is written for them: `(("and", "&"),)`."""
    statement: str = ""
    """The sentence that must be said: "We close at six."."""


def read_effect(text: str) -> Effect | None:
    """Return the effect that a text of a recognized form states.

    "Answer in one sentence." -> `max_sentences=1`; "Do not talk about cars." -> `not contains
    "car"`. A text of several sentences gets the conjunction of their checks. The check of a topic
    finds its words, not its synonyms.

    Returns:
        The effect, or None if a sentence is not recognized or states a manner ("Be polite.").
    """
    parts = [part for part in re.split(r"(?<=[.!;])\s+|\n+", text.strip()) if part.strip()]
    effects = [_read_sentence(part) for part in parts]
    known = [effect for effect in effects if effect]
    if not known or len(known) < len(effects):
        return None
    return Effect(
        _join_checks([effect.check for effect in known]),
        tuple(pair for effect in known for pair in effect.replacements),
        " ".join(effect.statement for effect in known if effect.statement),
    )


def _join_checks(checks: list[str]) -> str:
    if len(checks) == 1:
        return checks[0]
    return " and ".join(f"({check})" if " or " in check else check for check in checks)


def _read_sentence(sentence: str) -> Effect | None:
    """Return the effect of one sentence."""
    text = re.sub(r"\s+", " ", sentence).strip().rstrip(".!;").strip()
    text = text.replace("’", "'").replace("“", '"').replace("”", '"')
    text = _POLITE_LEAD.sub("", text)
    for pattern, build in _FORMS:
        if match := pattern.fullmatch(text):
            found = build if isinstance(build, str) else build(match)
            return Effect(found) if isinstance(found, str) else found
    return None


_POLITE_LEAD = re.compile(
    r"^(?:(?:please|always|you (?:must|should|shall|are to)(?! not)|make sure "
    r"(?:to|that you)|be sure to),? )+",
    re.I,
)
Build = Callable[[re.Match[str]], str | None]


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _none_of(conditions: list[str]) -> str:
    found = list(dict.fromkeys(conditions))
    return f"not {found[0]}" if len(found) == 1 else f"not ({' or '.join(found)})"


# -------------------------------------------------------------------------------------------------
# numbers of words and sentences

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_NUMBERS = {word: count for count, word in enumerate(_SMALL)} | {
    "a": 1,
    "an": 1,
    "a single": 1,
    "single": 1,
    "a hundred": 100,
    "one hundred": 100,
}
_NUMBERS |= {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_AT_MOST = (
    "at most",
    "no more than",
    "not more than",
    "up to",
    "within",
    "a maximum of",
    "maximum",
    "max",
    "or less",
    "or fewer",
)
_AT_LEAST = ("at least", "no fewer than", "no less than", "a minimum of", "minimum", "or more")
_OVER = ("more than", "over")
_UNDER = ("fewer than", "less than", "under", "below")
_EXACT = ("exactly", "only", "just", "long")


def _parse_count(text: str) -> int:
    return _NUMBERS[text.lower()] if text.lower() in _NUMBERS else int(text)


def _check_bound(match: re.Match[str]) -> str | None:
    """Return the check of a bound: at most, at least, more than, fewer than, exactly.

    "in 20 words" and "in one sentence" are upper bounds.
    """
    bound = (match["before"] or match["after"] or "").lower()
    count = _parse_count(match["count"])
    unit = match["unit"].lower().rstrip("s") + "s"
    if bound in _AT_LEAST or bound in _OVER:
        return f"min_{unit}={count + (bound in _OVER)}"
    if bound in _UNDER:
        return f"max_{unit}={count - 1}" if count > 1 else None
    if count > 1 and (bound == "exactly" or (unit == "sentences" and bound not in _AT_MOST)):
        return f"min_{unit}={count} and max_{unit}={count}"
    return f"max_{unit}={count}" if count else None


def _check_forbidden_bound(match: re.Match[str]) -> str | None:
    """Return the check of "not more than" or "not fewer than"."""
    unit = match["unit"].lower().rstrip("s") + "s"
    side = "max" if match["before"].lower() in _OVER else "min"
    return f"{side}_{unit}={_parse_count(match['count'])}"


# -------------------------------------------------------------------------------------------------
# marks, first and last words

_MARKS = {
    "exclamation (?:mark|point)": 'contains "!"',
    "question mark": 'contains "?"',
    "comma": 'contains ","',
    "semi-?colon": 'contains ";"',
    "colon": 'contains ":"',
    "em[- ]dash(?:e)?": 'contains "—"',
    "asterisk": r'regex "\\*"',
    "hash(?:tag)?": 'contains "#"',
    "ampersand": 'contains "&"',
    "quotation mark": r'regex "[\"“”]"',
    "parenthes[ie]s|bracket": r'regex "[()\\[\\]]"',
    "digit|number|numeral|figure": r'regex "\\d"',
    "emoji|emoticon": r'regex "[\\p{Emoji_Presentation}\\uFE0F]"',
}


def _check_marks(match: re.Match[str]) -> str:
    """Return the check of forbidden marks: no exclamation marks; no emoji and no digits."""
    found = []
    for name in re.split(r",? (?:or|and) |, |/", match["marks"].lower()):
        name = re.sub("^(?:any|an?|no) ", "", name)
        found += [check for mark, check in _MARKS.items() if re.fullmatch(f"(?:{mark})s?", name)]
    return _none_of(found)


def _make_edge(name: str) -> Build:
    """Return the builder of "start with X" or "end with X"."""
    return lambda match: _check_edge(name, match["value"])


def _make_no_edge(name: str) -> Build:
    """Return the builder of "do not start with X, Y or Z"."""

    def build(match: re.Match[str]) -> str | None:
        parts = re.split(r",? (?:or|and|nor) (?:with )?|,\s*|\s*/\s*", match["value"])
        checks = [_check_edge(name, part) for part in parts]
        known = [check for check in checks if check]
        return _none_of(known) if len(known) == len(parts) else None

    return build


def _check_edge(name: str, value: str) -> str | None:
    """Return the check of X in quotes, or of a bare phrase that begins with a capital letter."""
    value = value.strip()
    if quoted := re.fullmatch(r"""(["'])(.+)\1""", value):
        return f"{name} {_quote(quoted[2])}"
    if re.fullmatch(r"(?:an? )?(?:question(?: mark)?|exclamation (?:mark|point))s?", value, re.I):
        return f'{name} "{"?" if "question" in value.lower() else "!"}"'
    plain = re.fullmatch(r"[^\W\d_]+(?:[ ,'-]+[^\W\d_]+){0,3}[!?]?", value)
    if plain and value[0].isupper() and not _VAGUE.search(value):
        return f"{name} {_quote(value)}"
    return None


# -------------------------------------------------------------------------------------------------
# topics

_VAGUE = re.compile(
    r"\b(?:an?|your|you|yours|yourself|my|me|mine|i|we|our|us|his|her|hers|him|their|them|they|"
    r"it|its|that|this|these|those|who|whom|whose|which|what|when|where|why|how|whether|if|"
    r"unless|except|but|while|because|before|after|until|without|only|not|to|being|having|"
    r"is|are|was|were|be|has|have|do|does|can|could|may|should|would|will|any|anything|"
    r"something|everything|nothing|anyone|someone|everyone|things?|stuff|topics?|subjects?|"
    r"matters?|issues?|people|person|other|others|same|such|own|too|very|much|more|most|"
    r"less|than|so|then|again|first|last|beginning|end|user|asked|greeting|summary)\b",
    re.I,
)
_LITERAL = re.compile(r"^(?:the )?(?:word|term|phrase|name)s? ", re.I)
_TOPIC_LEAD = re.compile(
    (
        r"^(?:the )?(?:(?:topics?|subjects?|themes?) of |(?:word|term|phrase|name)s? "
        r")|^anything (?:related to|about|to do with|concerning) "
    ),
    re.I,
)
_TOPIC_TAIL = re.compile(
    r"(?:,? (?:in any way|at all|ever|any ?more|again|under any "
    r"circumstances?|(?:to|with) me|please"
    r"|in (?:your|any) (?:answers?|repl(?:y|ies)|responses?)))+$",
    re.I,
)


def _check_topics(match: re.Match[str]) -> str | None:
    """Return the check of "do not talk about X, Y or Z".

    Each topic is a noun or a name of at most four words, or a word that is meant literally.
    """
    text = _TOPIC_TAIL.sub("", match["topic"].strip())
    literal = _LITERAL.match(text)
    found = []
    for part in re.split(r",? (?:or|and|nor) (?:about |of )?|, ", _TOPIC_LEAD.sub("", text)):
        part = re.sub(r"^(?:the|any|all) ", "", part.strip(), flags=re.I)
        quoted = re.fullmatch(r"""(["'])(.+)\1""", part)
        words = (quoted[2] if quoted else part).split()
        if not re.fullmatch(r"[^\W_][\w'&.-]*(?: [^\W_][\w'&.-]*){0,3}", " ".join(words)):
            return None
        if not quoted and (
            _VAGUE.search(part)
            or any(word.endswith("ly") for word in words)
            or (literal and len(words) > 1)
        ):
            return None
        if not quoted and not literal:
            words[-1] = _to_stem(words[-1], match.string)
        found.append(f"contains {_quote(' '.join(words))}")
    return _none_of(found)


def _to_stem(word: str, sentence: str) -> str:
    """Return the singular of a common noun.

    A name stays as it is. A name has a capital letter, unless every word of the sentence has one.
    """
    all_capital = all(other[0].isupper() for other in sentence.split() if other[0].isalpha())
    return to_singular(word.lower()) if word.islower() or all_capital else word


# -------------------------------------------------------------------------------------------------
# the forms

_LANGUAGES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "swedish": "sv",
    "polish": "pl",
    "turkish": "tr",
    "russian": "ru",
    "ukrainian": "uk",
    "greek": "el",
    "arabic": "ar",
    "persian": "fa",
    "hebrew": "he",
    "hindi": "hi",
    "chinese": "zh",
    "japanese": "ja",
    "korean": "ko",
    "thai": "th",
}
_REPLIES = r"(?:answers?|repl(?:y|ies)|responses?|messages?)"
_ANSWER = (
    r"(?:(?:answer|reply|respond|write|speak|talk)(?: (?:me|only|always|every "
    r"question|all questions|questions))?"
    rf"|(?:keep|limit|make) (?:it|(?:your|all|all your|every|each|the) {_REPLIES}))"
)
_NOT = (
    rf"(?:(?:your {_REPLIES} )?(?:do not|don't|never|must not|should "
    r"not)|no|avoid|without|not|refrain from|stop)"
)
_USE = r"(?:use|using|write|writing|include|including|give|giving|contain|make|making|put)"
_WHERE = (
    rf"(?: (?:in|within|from) (?:(?:your|any|all|the|every|each|an?) )?{_REPLIES}| at all| "
    r"ever| please)?"
)
_COUNT = (
    rf"(?P<count>\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}) "
    r"(?P<unit>words?|sentences?)"
)
_AFTER = rf"(?: (?P<after>{'|'.join((*_AT_MOST, *_AT_LEAST, *_EXACT))}))?"
_MARK = rf"(?:(?:any |an? |no )?(?:{'|'.join(_MARKS)})s?)"
_BEFORE = "|".join((*_AT_MOST, *_AT_LEAST, *_OVER, *_UNDER, *_EXACT))
_LIST = r"(?:any |an? )?(?:(?:bullet(?:ed)?|numbered)[- ]?(?:points?|lists?)?|bullets|lists?)"
_JSON = rf"(?:{_ANSWER} (?:in|with|as|using)|use|output|return)"
_SEPARATOR = r"(?:,? (?:or|and) |, |/)"
_LOWER = r"lower[- ]?case"
_UPPER = r"(?:upper[- ]?case|capitals?|all caps|block capitals)"
_LETTERS = r"(?: letters?| only| characters?)*"
_WITH = (
    rf"(?:(?:your|all|all your|every|each|the) {_REPLIES} )?with (?:the "
    r"(?:words?|phrase|sentence) )?(?P<value>.+)"
)
_EDGED = rf"(?: (?:it|an answer|{_REPLIES}|(?:your|any|all|the|every|each) {_REPLIES}))?"
_TALK = (
    r"talk(?:ing)? about|speak(?:ing)? "
    r"(?:about|of)|discuss(?:ing)?|mention(?:ing)?|writ(?:e|ing) about|refer(?:ring)? "
    r"to|bring(?:ing)? up"
)
_SAY = r"""(?:use|using|say|saying|write|writing)(?= (?:the (?:word|term|phrase|name)s? |["']))"""
_LANGUAGE_CHECK: Build = lambda match: f"language={_LANGUAGES[match['language'].lower()]}"
_LETTER_CHECK: Build = lambda match: f'not regex "(?i){match["letter"].lower()}"'

_PATTERNS: list[tuple[str, Build | str]] = [
    (
        (
            rf"(?:{_ANSWER} |use )(?:(?:in|with|to|using|within) "
            rf")?(?:(?P<before>{_BEFORE}) )?{_COUNT}{_AFTER}{_WHERE}"
        ),
        _check_bound,
    ),
    (
        rf"(?P<before>{'|'.join((*_AT_MOST, *_AT_LEAST, 'exactly'))}) {_COUNT}{_AFTER}{_WHERE}",
        _check_bound,
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?P<before>{'|'.join((*_OVER, *_UNDER))}) {_COUNT}{_WHERE}",
        _check_forbidden_bound,
    ),
    (rf"{_NOT} (?:{_USE} )?(?P<marks>{_MARK}(?:{_SEPARATOR}{_MARK})*){_WHERE}", _check_marks),
    (
        rf"{_NOT} (?:{_USE} )?{_LIST}(?:{_SEPARATOR}{_LIST})*{_WHERE}",
        "not format=list",
    ),
    (
        rf"(?:{_ANSWER} (?:in|with|as|using)|use) (?:the form of )?{_LIST}(?: only)?",
        "format=list",
    ),
    (
        (
            rf"{_JSON}(?: only)?(?: an?)?(?: (?:valid|raw))?(?: an?)? json(?: objects?| "
            r"format| only)*"
        ),
        "format=json",
    ),
    (
        rf"{_ANSWER} (?:only )?in (?P<language>{'|'.join(_LANGUAGES)})(?: only)?",
        _LANGUAGE_CHECK,
    ),
    (
        rf"(?:(?:{_ANSWER}|use)(?: only)?(?: in| with)? )?(?:all |only )?{_LOWER}{_LETTERS}",
        r'not regex "\\p{Lu}"',
    ),
    (
        rf"(?:{_ANSWER}|use)(?: only)?(?: in| with)? (?:all |only )?{_UPPER}{_LETTERS}",
        r'not regex "\\p{Ll}"',
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:any )?{_UPPER}(?: letters?)?{_WHERE}",
        r'not regex "\\p{Lu}"',
    ),
    (rf"""{_NOT} (?:{_USE} )?the letter ["']?(?P<letter>[a-z])["']?{_WHERE}""", _LETTER_CHECK),
    (rf"(?:start|begin|open) {_WITH}", _make_edge("starts")),
    (rf"(?:end|finish|close|conclude) {_WITH}", _make_edge("ends")),
    (
        rf"{_NOT} (?:ever )?(?:start|begin|open)(?:ing)?{_EDGED} {_WITH}",
        _make_no_edge("starts"),
    ),
    (
        rf"{_NOT} (?:ever )?(?:end|finish|clos|conclud)(?:e|ing)?{_EDGED} {_WITH}",
        _make_no_edge("ends"),
    ),
    (rf"{_NOT} (?:ever )?(?:{_TALK}|{_SAY})[ :]+(?P<topic>.+)", _check_topics),
    (
        r"you (?:must|may|should|shall|can) ?not (?:ever )?"
        + rf"(?:{_TALK}|{_SAY})[ :]+(?P<topic>.+)",
        _check_topics,
    ),
    (
        r"avoid (?=the (?:topic|subject|word|term|theme|phrase|name)s? )(?P<topic>.+)",
        _check_topics,
    ),
]
_FORMS = [(re.compile(pattern, re.I), build) for pattern, build in _PATTERNS]
