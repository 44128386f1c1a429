"""Read an effect: what an answer must do to keep a rule.

An effect of a recognized form has a check (docs/reference/checks.md) that decides it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from selfteach.materials.check_text import join_checks, quote_value
from selfteach.materials.forbidden_topics import (
    FORBIDDING_FORMS,
    TOPIC_LEAD,
    VAGUE,
    none_of,
    split_topics,
    to_check_noun,
)
from selfteach.materials.inflection import to_singular
from selfteach.materials.other_languages import read_other_effect
from selfteach.materials.pictures import ANY_EMOJI, EMOJI_CHAR, check_pictures
from selfteach.materials.plain_demand import to_plain_demand
from selfteach.materials.scope import split_rule_sentences, starts_effect, to_imperative
from selfteach.materials.statement import check_statement, make_sentence
from selfteach.number_words import NUMBER, parse_number

MAX_SENTENCE = 400
"""Characters; no form has a longer sentence."""


MAX_JOINTS = 6
"""So many times "and" may stand in a sentence that is read as several demands."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold what an answer must do, as a check, and what repairs an answer that does not."""

    check: str
    """What an answer must meet."""
    replacements: tuple[tuple[str, str], ...] = ()
    """Words and what is written for them: `(("and", "&"),)`."""
    statement: str = ""
    """The sentence that must be said: "We close at six."."""
    topics: tuple[str, ...] = ()
    """The topics that must not come up, as the rule names them: `("cats", "dogs")`."""
    is_answer: bool = False
    """Whether the statement is the answer to a question, and nothing that is added to one."""


def read_effect(text: str) -> Effect | None:
    """Return the effect that a text of a recognized form states.

    "Answer in one sentence." -> `max_sentences=1`; "Do not talk about cars." -> `not contains
    "car"`. A text of several sentences gets the conjunction of their checks. The check of a topic
    finds its words, not its synonyms.

    Returns:
        The effect, or None if a sentence is not recognized or states a manner ("Be polite.").
    """
    parts = split_rule_sentences(text)
    if stated := _read_statements(parts):
        return stated
    effects = [_read_sentence(part) for part in parts]
    known = [effect for effect in effects if effect]
    if not known or len(known) < len(effects):
        return None
    return _join_effects(known)


def _join_effects(effects: list[Effect]) -> Effect:
    return Effect(
        join_checks([effect.check for effect in effects]),
        replacements=tuple(pair for effect in effects for pair in effect.replacements),
        statement=" ".join(effect.statement for effect in effects if effect.statement),
        topics=tuple(topic for effect in effects for topic in effect.topics),
    )


def _read_sentence(sentence: str) -> Effect | None:
    """Return the effect of one sentence, or of two demands that "and" joins."""
    text = to_plain_demand(re.sub(r"\s+", " ", sentence)).strip().rstrip(".!;").strip()
    text = text.replace("’", "'").replace("“", '"').replace("”", '"')
    if len(text) > MAX_SENTENCE:
        return None
    return _match_form(text) or _read_joined(text) or _read_other_language(text)


_TITLE = re.compile(
    r"(?!(?:when|if|on|in|at|for|with|during|while)\b)[^:\"']{1,40}: (?P<rest>.+)", re.I
)


def _match_form(text: str) -> Effect | None:
    """Return the effect of a sentence that is of one form, or of one after a heading."""
    title = _TITLE.fullmatch(text)
    return _match_bare_form(text) or (_match_bare_form(title["rest"]) if title else None)


def _match_bare_form(text: str) -> Effect | None:
    """Return the effect of a sentence that is of one form."""
    text = _POLITE_LEAD.sub("", to_demand(_POLITE_LEAD.sub("", _POLITE_TAIL.sub("", text))))
    for pattern, build in _FORMS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        found = build if isinstance(build, str) else build(match)
        effect = Effect(found) if isinstance(found, str) else found
        if effect and not _NO_VALUE.search(effect.check):
            return effect
    return None


_NO_VALUE = re.compile(r'\bcontains "[\s*]*"|\b(?:starts|ends) "\s*"')
"""A condition that has nothing to look for."""


def _read_joined(text: str) -> Effect | None:
    """Return the effect of "be brief and use emoji": both demands must be recognized."""
    joints = list(re.finditer(r",? (?:and|but) |, | (?=no \w)", text))
    for found in joints if len(joints) <= MAX_JOINTS else ():
        first = _match_form(text[: found.start()])
        second = _read_sentence(text[found.end() :]) if first else None
        if first and second:
            return _join_effects([first, second])
    return None


def _read_other_language(text: str) -> Effect | None:
    """Return the effect of a German, French, Spanish or Italian sentence."""
    found = read_other_effect(text)
    return Effect(*found) if found else None


_POLITE_TAIL = re.compile(
    r"(?:,? (?:from (?:now|here) on|at all times|no matter what|in (?:the )?future|without "
    r"exception|whatsoever|of any kind|(?:at least )?once(?: or more)?|"
    r"per (?:answer|reply|response|message)|if you (?:can|please)|please|(?<=, )(?:always|ever)|"
    r"(?:in|within|throughout|for|with) "
    r"(?:(?:all|each|every|any|of|your|my|the) )+(?:answers?|repl(?:y|ies)|responses?)))+$",
    re.I,
)
_DEMAND = re.compile(
    r"(?:(?:(?:all|any|every|each|your|the|my|these) )*(?:of your |own )?(?:answers?|repl(?:y|ies)|"
    r"responses?|messages?)|it|everything|(?:what|whatever) you (?:say|write)|everything you "
    r"(?:say|"
    r"write)) (?:(?:must|should|shall|may|can|have to|has to|needs? to|ought to|are to|is to)"
    r"(?: (?P<not>not|never))?|(?P<only>only|always|never)) (?:only |always )*(?P<rest>.+)",
    re.I,
)


def to_demand(text: str) -> str:
    """Return "each answer must start with X", or "each answer starts with X", as "start with X"."""
    if placed := _PLACED.fullmatch(text):
        edge = placed["edge"] or placed["word_edge"]
        verb = "start" if edge.lower() in ("start", "beginning", "top", "first") else "end"
        return f"{verb} with {placed['what'] or placed['word']}"
    if told := _TOLD_DEMAND.fullmatch(text):
        return to_imperative(told["rest"])
    text = re.sub(r"^(start|begin|finish|end|close) (?:off|out|up) ", r"\1 ", text, flags=re.I)
    text = re.sub(
        r"^(?:i want|i(?:'d| would) like) ((?:all |any |every |each |your )+\w+) to ",
        r"\1 must ",
        text,
        flags=re.I,
    )
    match = _DEMAND.fullmatch(text)
    if not match:
        return text
    is_negated = match["not"] or (match["only"] or "").lower() == "never"
    rest = re.sub(
        r"^be (?:written|given|answered|phrased) (?=in |as |with)", "answer ", match["rest"]
    )
    return f"do not {rest}" if is_negated else rest


_PLACED = re.compile(
    r"(?:put|add|place|write|use|include|have|insert|append|say) (?P<what>.+?) at the (?:very )?"
    r"(?P<edge>start|beginning|top|end|bottom)(?: of (?:it|them|(?:(?:all|each|every|any|of|the|"
    r"your|my) )*(?:answers?|repl(?:y|ies)|responses?|messages?)))?|"
    r"the (?P<word_edge>first|last) (?:word|words|thing|sentence)(?: (?:of|in) (?:(?:all|each|"
    r"every|"
    r"any|of|the|your|my) )*(?:answers?|repl(?:y|ies)|responses?|messages?))? (?:(?:must|should|"
    r"has to|needs to) (?:always )?be|is(?: always)?) (?P<word>.+)",
    re.I,
)
"""What stands at an edge of the answer: "put a star at the end of every answer"."""
_TOLD_DEMAND = re.compile(
    r"(?:(?:all|any|every|each|your|my|the) )+(?:of your |own |single )*(?:answers?|repl(?:y|"
    r"ies)|responses?|messages?) "
    r"(?:always )?(?P<rest>(?:is|are|has(?! to )|have(?! to )|starts?|begins?|ends?|closes?|"
    r"finish(?:es)?|"
    r"contains?|includes?|uses?|stays?) .+)",
    re.I,
)
_POLITE_LEAD = re.compile(
    r"^(?:(?:(?:(?:all|your|my|the) )*(?:note|rule|answers?|repl(?:y|ies)|responses?|length|style|"
    r"format|language):|please|kindly|always|"
    r"only ever|(?:only )?then|just|simply|whatever (?:happens|you do)|from now on|"
    r"only(?= (?:use|answer|reply|respond|write|speak|talk|start|end)\b)|"
    r"try to|remember to|"
    r"you (?:must|should|shall|are to|need to|have to)(?! not)|make sure "
    r"(?:to|that you)|(?:make sure|ensure|see to it)(?: that)?(?= (?:your|each|every|all|the|my|"
    r"any|it)\b)|be sure to|(?:can|could|would|will) you(?: please)?|"
    r"i (?:want|would like) you to|(?:in|for) (?:all|every|each|any|your)(?: of)?(?: your)? "
    r"(?:answers?|repl(?:y|ies)|responses?)),? )+",
    re.I,
)
Build = Callable[[re.Match[str]], "Effect | str | None"]


# -------------------------------------------------------------------------------------------------
# numbers of words and sentences

_ONE = ("a single", "single", "an", "a")
_AT_MOST = (
    "at most",
    "no more than",
    "not more than",
    "no longer than",
    "not longer than",
    "up to",
    "within",
    "a maximum of",
    "maximum",
    "max",
    "or less",
    "or fewer",
    "tops",
    "no more",
    "and no more",
    "not more",
    "at the most",
)
_AT_LEAST = ("at least", "no fewer than", "no less than", "a minimum of", "minimum", "or more")
_OVER = ("more than", "longer than", "over")
_UNDER = ("fewer than", "less than", "shorter than", "under", "below")
_EXACT = ("exactly", "only", "just", "long")


def _parse_count(text: str) -> int:
    return 1 if text.lower() in _ONE else parse_number(text)


def _name_unit(word: str) -> str:
    """Return the unit of a bound as checks name it. A line is a sentence: a line break ends one."""
    unit = word.lower().rstrip("s") + "s"
    return "sentences" if unit == "lines" else unit


def _check_range(match: re.Match[str]) -> str | None:
    """Return the check of "between 10 and 20 words" and "two to three sentences"."""
    least = _parse_count(match["least"] or match["least_bare"])
    most = _parse_count(match["most"])
    unit = _name_unit(match["unit"])
    return f"min_{unit}={least} and max_{unit}={most}" if least <= most else None


def _forbid_topics(match: re.Match[str]) -> Effect | None:
    """Return the effect of "do not talk about X, Y or Z"."""
    found = split_topics(match["topic"], match.string)
    return Effect(found.check, topics=found.topics) if found else None


def _check_bound(match: re.Match[str]) -> str | None:
    """Return the check of a bound: at most, at least, more than, fewer than, exactly.

    "in 20 words" and "in one sentence" are upper bounds.
    """
    groups = match.groupdict()
    bound = (groups.get("before") or groups.get("after") or "").lower()
    count = _parse_count(match["count"])
    unit = _name_unit(match["unit"])
    if bound in _AT_LEAST or bound in _OVER:
        return f"min_{unit}={count + (bound in _OVER)}"
    if bound in _UNDER:
        return f"max_{unit}={count - 1}" if count > 1 else None
    if count > 1 and (bound == "exactly" or (unit == "sentences" and bound not in _AT_MOST)):
        return f"min_{unit}={count} and max_{unit}={count}"
    return f"max_{unit}={count}" if count else None


def _check_forbidden_bound(match: re.Match[str]) -> str | None:
    """Return the check of "not more than" or "not fewer than"."""
    unit = _name_unit(match["unit"])
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
    "emoji|emoticon|smiley": ANY_EMOJI,
    "contraction": (
        r'regex "(?i)\\b\\w+n[\'’]t\\b|\\b\\w+[\'’](?:re|ve|ll|d|m)\\b|'
        r'\\b(?:it|that|what|he|she|there|here|let|who|where|how)[\'’]s\\b"'
    ),
    "abbreviation": (
        r'regex "\\b(?:[a-z]\\.){2,}|\\b(?:etc|approx|vs|dept|misc|info|asap|ASAP|FYI|BTW|LOL)\\b|'
        r'\\b[A-Z]{2,5}\\b"'
    ),
    "punctuation(?: mark)?": r'regex "[.,;:!?…]"',
    "ellips[ie]s": r'regex "…|\\.{3}"',
    "first person(?: pronoun)?": r'regex "\\b(?:I|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself)\\b"',
    "(?:pronoun |word )?i": r'regex "\\bI\\b"',
}
_BOLD = r'regex "\\*\\*[^*]+\\*\\*"'
_MARKUP = {
    "(?:markdown )?table": r'regex "(?m)^ *\\|.*\\|"',
    "(?:markdown |section )?(?:heading|header)": r'regex "(?m)^#{1,6} "',
    "bold(?: (?:text|type|print|letter|word|font|face))?": _BOLD,
    "(?:fenced )?code block": 'contains "```"',
    "(?:web ?)?link|url": r'regex "https?://|www\\."',
}
"""Markup that a rule may ask for or forbid."""
_MARKS |= _MARKUP | {
    "markdown(?: formatting| syntax| markup)?": (
        r'regex "(?m)^#{1,6} |^ *[-*+] |^ *\\d+\\. |\\*\\*[^*]+\\*\\*|`|^ *\\|.*\\|"'
    ),
}
_USED_MARKS = [
    *(name for name in _MARKS if name.endswith(("mark", "point)", "tag)?"))),
    *_MARKUP,
]
"""Marks that a rule may ask for."""


def _check_marks(match: re.Match[str]) -> str | None:
    """Return the check of forbidden marks: no exclamation marks; no emoji and no digits."""
    found = []
    for name in re.split(r",? (?:or|and) |, |/", match["marks"].lower()):
        name = re.sub("^(?:any|an?|no) ", "", name)
        found += [check for mark, check in _MARKS.items() if re.fullmatch(f"(?:{mark})s?", name)]
    return none_of(found) if found else None


def _make_edge(name: str) -> Build:
    """Return the builder of "start with X" or "end with X"."""
    return lambda match: _check_edge(name, match["value"])


def _make_no_edge(name: str) -> Build:
    """Return the builder of "do not start with X, Y or Z"."""

    def build(match: re.Match[str]) -> str | None:
        parts = re.split(r",? (?:or|and|nor) (?:with )?|,\s*|\s*/\s*", match["value"])
        checks = [_check_edge(name, part) for part in parts]
        known = [check for check in checks if check]
        return none_of(known) if len(known) == len(parts) else None

    return build


def _check_edge(name: str, value: str) -> str | None:
    """Return the check of X in quotes, of a hashtag, or of a bare phrase that begins with a capital
    letter.
    """
    value = value.strip()
    if re.fullmatch(r"#\w+", value):
        return f"{name} {quote_value(value)}"
    if quoted := re.fullmatch(r"""(["'])((?:(?!\1(?!\w)).)+)\1""", value):
        return f"{name} {quote_value(quoted[2])}"
    if re.fullmatch(
        r"(?:an? )?(?:(?:(?:follow-?up|short|clarifying|related|further|friendly) )?question"
        r"(?: mark)?|exclamation (?:mark|point))s?",
        value,
        re.I,
    ):
        mark = "?" if "question" in value.lower() else "!"
        opens = name == "starts" and "mark" not in value.lower()
        return rf'regex "^[^.!?]*\\{mark}"' if opens else f'{name} "{mark}"'
    plain = re.fullmatch(r"[^\W\d_]+(?:[ ,'-]+[^\W\d_]+){0,3}[!?]?", value)
    is_literal = all(word[0].isupper() for word in value.split())
    if plain and value[0].isupper() and (is_literal or not VAGUE.search(value)):
        return f"{name} {quote_value(value)}"
    return None


# -------------------------------------------------------------------------------------------------
# parts of forms

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
    r"(?:(?:give (?:me|us|them)|(?:explain|describe|discuss|present) (?:it|this|them|yourself|"
    r"everything|your (?:answers?|reasoning|thoughts|reasons))|answer|reply|respond|"
    r"write|speak|talk|"
    r"stay|be|remain)(?: (?:me|only|always|every "
    r"question|all questions|questions))?"
    r"|write everything"
    rf"|(?:keep|limit|make|write|give|format|return) (?:it|them|yourself|{_REPLIES}|(?:your|all|"
    rf"all your|every|each|the) {_REPLIES}))"
)
_NOT = (
    rf"(?:(?:your {_REPLIES} )?(?:do not|don't|never|must not|should "
    r"not)(?: ever)?|(?:(?:use|include|add|put|have|write|give|with) )?no|avoid|"
    rf"(?:{_ANSWER} |do it )?without|not|refrain from|stop)"
)
_USE = r"(?:use|using|write|writing|include|including|give|giving|contain|make|making|put|have|add)"
_WHERE = (
    r"(?: (?:in|within|from|per|(?:to|at)(?: the end of)?) "
    rf"(?:(?:your|any|all|of|the|every|each|an?) )*{_REPLIES}| at all| "
    r"ever| please)?"
)
_NUMBER = rf"(?:{NUMBER}|{'|'.join(_ONE)})"
_UNIT = (
    r"(?:(?:short|brief|simple|full|complete) )?(?P<unit>words?|sentences?|characters?|lines?)"
    r"(?: (?:of text|in length))?"
)
_COUNT = rf"(?P<count>{_NUMBER})[ -]{_UNIT}"
_RANGE = (
    rf"(?:between (?P<least>{_NUMBER}) and|(?:from )?(?P<least_bare>{_NUMBER}) ?(?:to|or|-|–)) ?"
    rf"(?P<most>{_NUMBER}) {_UNIT}"
)
_AFTER = rf"(?:,? (?P<after>{'|'.join((*_AT_MOST, *_AT_LEAST, *_EXACT))}))?"
_MARK = rf"(?:(?:any |an? |no )?(?:{'|'.join(_MARKS)})s?)"
_BEFORE = "|".join((*_AT_MOST, *_AT_LEAST, *_OVER, *_UNDER, *_EXACT))
_LIST = r"(?:any |an? )?(?:(?:bullet(?:ed)?|numbered)[- ]?(?:points?|lists?)?|bullets|lists?)"
_JSON = rf"(?:{_ANSWER} (?:in|with|as|using)|use|output|return)"
_SEPARATOR = r"(?:,? (?:or|and) |, |/)"
_LOWER = r"lower[- ]?case"
_UPPER = r"(?:upper[- ]?case|capitals?|(?:all )?caps|block capitals)"
_ALL = r"(?: (?:everything|it all|all (?:text|words|answers)))?"
_LETTERS = r"(?: letters?| only| characters?)*"
_EACH = r"(?:(?:all|each|every|any|one|single|of|the|your|my|our) )+"
_LEADS_TO = (
    rf"(?:(?:it|them|{_EACH}{_REPLIES}) )?(?:with|by saying|by "
    r"writing|saying) "
)
_WITH = (
    rf"{_LEADS_TO}(?:the (?:words?|phrase|sentence|greeting|salutation|line|closing|question|"
    r"formula),? )?(?P<value>.+)"
)
_EDGED = rf"(?: (?:it|an answer|{_REPLIES}|(?:your|any|all|the|every|each) {_REPLIES}))?"
_LANGUAGE_CHECK: Build = lambda match: f"language={_LANGUAGES[match['language'].lower()]}"
_LETTER_CHECK: Build = lambda match: f'not regex "(?i){match["letter"].lower()}"'


# -------------------------------------------------------------------------------------------------
# pictures, wording, statements

_NAMED = r"(?P<names>[a-z ,/-]{0,80})"
_PICTURES = rf"(?:{EMOJI_CHAR}|\u200d)+"
_PICTURE_NAMES = (
    r"(?:hearts?|kiss(?:es)?|smil(?:ey|ies|eys)|thumbs up)(?: (?:or|and) (?:an? )?"
    r"(?:hearts?|kiss(?:es)?|smil(?:ey|ies|eys)))?"
)
_PICTURE_JOIN = r"(?:,? (?:or|and|and/or) |, ?|/| )"


def _check_emoji(match: re.Match[str]) -> str | None:
    """Return the check of "use a heart or kiss emoji" and of "end with 😘"."""
    groups = {name: text for name, text in match.groupdict().items() if text}
    if re.match("no ", groups.get("names", "")):
        return None
    verb = groups.get("edge", "").lower()
    edge = ""
    if verb:
        edge = "start" if verb in ("start", "begin", "open") else "end"
    drawn = re.findall(_PICTURES, groups.get("drawn", ""))
    named = re.sub(r"\b(?:emojis?|emoticons?)\b", "", groups.get("names", "")).strip()
    names = [name for name in re.split(r"\s*(?:,|/|\b(?:or|and)\b)\s*", named) if name]
    names = [name for name in names if name not in ("a", "an", "some", "cute", "funny", "nice")]
    return check_pictures([*drawn, *names], edge)


def _check_no_emoji(match: re.Match[str]) -> str | None:
    """Return the check of "no heart emoji"."""
    found = _check_emoji(match)
    return f"not {found}" if found else None


def _check_no_word(match: re.Match[str]) -> str | None:
    """Return the check of "don't say sorry"."""
    word = match["marks"].lower()
    return None if VAGUE.search(word) else f"not contains {quote_value(word)}"


_INNER = r"""(?:[^"']|(?<=\w)'(?=\w))+"""
_BARE = r"(?:exclamation|question|quotation) (?:marks|points)|full stops|em[- ]dashes|[\w&-]+"
_NEW = rf"""(?:["'](?P<new>{_INNER})["']|(?P<new_bare>{_BARE}))"""
_OLD = rf"""(?:["'](?P<old>{_INNER})["']|(?P<old_bare>{_BARE}))"""
_THE_WORD = r"(?: the (?:words?|signs?|terms?))?"
_ABSTRACT = re.compile(
    r"(?:words?|digits?|numbers?|numerals?|lists?|bullets?|sentences?|paragraphs?|facts?|humou?r|"
    r"names?|emojis?|letters?|it|them|this|that|me|us|you|prose|text|jargon|examples?|"
    r"(?:em[- ])?dash(?:es)?|hyphens?|full stops?|periods?|apostrophes?|slash(?:es)?|spaces?)",
    re.I,
)
_CALL = r"(?:call|address)(?: me| us| him| her| them| the user)(?: as| by)?"
_NO_CALL = (
    r"(?:never|do not|don't|avoid|stop|no) (?:call|address)(?:ing)?(?: me| us| him| her| them| "
    r"the user| people| customers)(?: as| by)?"
)
_NO_NAME = r"(?:\w+ly|back|first|last|later|again|now|soon|today|tomorrow|anytime|names?)\b"
"""A word after "call" that is no other name."""


def _replace_words(match: re.Match[str]) -> Effect | None:
    """Return the effect of "Write '&' for 'and'" and "say colleagues instead of employees"."""
    new = match["new"] or match["new_bare"]
    old = match["old"] or match["old_bare"]
    if match["old_bare"] and (mark := _find_mark(old)):
        return _replace_mark(mark, _find_mark(new) if match["new_bare"] else "")
    bare = [word for word in (match["new_bare"], match["old_bare"]) if word]
    is_unclear = any(_ABSTRACT.fullmatch(word) or _find_mark(word) for word in bare)
    if is_unclear or old.lower() == new.lower():
        return None
    one, one_new = to_singular(old.lower()), to_singular(new.lower())
    pairs = [(old, new)]
    has_singular = one != old and " " not in old and old.lower().startswith(one[:3])
    if has_singular:  # "person" is another word than "people"
        pairs.append((one, one_new))
    wanted = one if has_singular and old.islower() else old
    return Effect(f"not contains {quote_value(wanted)}", tuple(pairs))


def _find_mark(name: str) -> str:
    """Return the check that finds marks of a name in the plural ("commas"); "" for other words."""
    found = (check for mark, check in _MARKS.items() if re.fullmatch(f"(?:{mark})s?", name, re.I))
    return next(found, "") if name.endswith("s") else ""


def _replace_mark(old: str, new: str) -> Effect:
    """Return the effect of "use semicolons instead of commas", of the checks that find them."""
    signs = [found[1] for check in (old, new) if (found := re.fullmatch('contains "(.)"', check))]
    return Effect(f"not {old}", ((signs[0], signs[1]),) if len(signs) == 2 else ())


def _check_called(match: re.Match[str]) -> str:
    """Return the check of "call me Captain"."""
    return f"contains {quote_value(match['value'])}"


def _check_no_sentence_start(match: re.Match[str]) -> str:
    """Return the check of "do not start sentences with I"."""
    return rf'not regex "(?:^|[.!?\\n]\\s*)\\b{re.escape(match["word"])}\\b"'


def _check_literal_or_number(match: re.Match[str]) -> str:
    """Return the check of "include the number 12/345"."""
    value = match["double"] or match["single"] or match["bare"]
    return f"contains {quote_value(value)}"


def _check_not_called(match: re.Match[str]) -> str:
    """Return the check of "don't call me buddy"."""
    return f"not contains {quote_value(match['value'] or match['bare'])}"


def _check_first_word(match: re.Match[str]) -> str:
    """Return the check of "say no"."""
    return f"starts {quote_value(match['value'].capitalize())}"


_LITERALLY = r"""(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')"""


def _check_literal(match: re.Match[str]) -> str:
    """Return the check of "use the word "please"": it must occur."""
    value = next(value for value in match.groups() if value)
    has_word = re.search(r"[^\W_]", value)
    return f"contains {quote_value(value.rstrip('.!') if has_word else value)}"


def _check_said(match: re.Match[str]) -> str | None:
    """Return the check of "mention our loyalty card" and "recommend the library"."""
    text = re.sub(r"^(?:the|our|my|an?|your|some|their) ", "", match["what"].strip())
    text = re.sub(r"^(?:number|amount|names?) of (?:the )?", "", text)
    text = TOPIC_LEAD.sub("", text)
    words = text.split()
    named = words and all(word[0].isupper() for word in words)
    if len(words) > 4 or (not named and VAGUE.search(text)):
        return None
    if not re.fullmatch(r"[^\W_][\w'&.-]*(?: [^\W_][\w'&.-]*){0,3}", text):
        return None
    words[-1] = to_check_noun(words[-1], match.string)
    return f"contains {quote_value(' '.join(words))}"


def _check_recommended(match: re.Match[str]) -> str | None:
    """Return the check of what must be recommended: "taking the train" is about the train."""
    what = re.sub(r"^[a-z]+ing (?=\w)", "", match["what"])
    return check_statement(what) if len(what.split()) <= 6 else None


def _check_most_marks(match: re.Match[str]) -> str | None:
    """Return the check of "never use more than one exclamation mark", and of "not so many"."""
    one = re.fullmatch(r'(?:contains "(.)"|regex "\[([^\]]+)\]")', _check_marked(match))
    most = _parse_count(match.groupdict().get("most") or "one")
    if not one or not most:
        return None
    mark = one[1] or one[2]
    return f'not regex "([{mark}][^{mark}]*){{{most + 1}}}"'


def _check_marked(match: re.Match[str]) -> str:
    """Return the check of "use at least one exclamation mark"."""
    name = match["mark"].lower()
    return next(check for mark, check in _MARKS.items() if re.fullmatch(f"(?:{mark})s?", name))


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
_QUOTED_ANSWER = re.compile(
    rf"{_TELLING}(?:{_WHOM_TOLD})?(?: back| only| just)*(?P<wholly> with)?[:,]? "
    r"(?:\"(?P<double>[^\"]+)\"|'(?P<single>(?:[^']|(?<=\w)'(?=\w))+)')",
    re.I,
)
_SAY_THAT = re.compile(
    rf"(?:(?:say|tell|mention|note|point out|remind|explain|state|add|make clear|let|inform|answer|"
    rf"reply|respond|write){_WHOM}(?: know)?(?: clearly)?,? that (?P<clause>.+)|"
    rf"(?:say|tell|reply|answer|respond|inform|let){_WHOM}(?: know)?,? "
    r"(?P<bare>(?:we|they|it is|it's|(?:it|this|that|he|she) [a-z]+|there is|there are|"
    r"you (?:can|are|were|have|do not|don't|cannot)|you're|[a-z]+ (?:is|are|starts?|opens?|"
    r"closes?|ends?|costs?|takes?)|(?:the|our|my|your) .+ (?:is|are|will|can)) .+))",
    re.I,
)


_ADDING = re.compile(
    r"(?:mention|note|point out|remind|add|make clear|advise|encourage|ask)\b", re.I
)
_REMARK = re.compile(r"(?:I|this|that|it) (?:am|is|was|do|did|cannot|can't|have)\b", re.I)
"""What is said of the model, or of its own answer: "I am no doctor.", "This is no advice."."""
_DEMANDS = re.compile(r"(?:do|don't|never|always|use|answer)\b", re.I)
_SURE_DEMAND = re.compile(
    r"(?:please|make sure|always|be|(?:do not|don't|never|avoid) (?:say|mention|tell|talk|speak|"
    r"discuss|promise|apologi[sz]e|argue|answer))\b",
    re.I,
)
"""How a demand begins that no statement goes on with."""


def _read_statements(parts: list[str]) -> Effect | None:
    """Return the effect of "say that we close at six"; sentences that follow are said too, but for
    those of a recognized form. A second demand in the first sentence is one as well.
    """
    if not parts:
        return None
    first = _POLITE_LEAD.sub("", parts[0].strip().rstrip(".!;"))
    first, *second = _split_second_demand(" ".join(first.replace("’", "'").split()))
    said = _read_clause(first)
    read = [(part, _read_sentence(part)) for part in [*second, *parts[1:]]]
    demands = [effect for _, effect in read if effect]
    others = [part for part, effect in read if not effect]
    if not said or any(part in second or _DEMANDS.match(part) for part in others):
        return None
    clauses = [clause.rstrip(" .!") for clause in (said, *others)]
    check = check_statement(" ".join(clause[:1].lower() + clause[1:] for clause in clauses))
    if _QUOTED_ANSWER.fullmatch(first) and not others:
        check = f"contains {quote_value(clauses[0])}"
    if not check:
        return None
    statement = " ".join(make_sentence(clause) for clause in clauses)
    if demands:
        return _join_effects([Effect(check, statement=statement), *demands])
    is_added = _ADDING.match(first) or _REMARK.match(statement)
    return Effect(check, statement=statement, is_answer=not is_added)


def _split_second_demand(sentence: str) -> list[str]:
    """Return "say that we are cheap" and "use an emoji" of a sentence that joins them.

    The second part is a demand if it is of a recognized form, or cannot be said by the model: "we
    open at six and close at nine" is one statement.
    """
    if not _SAY_THAT.fullmatch(sentence):
        return [sentence]
    for joint in list(re.finditer(r",? (?:and|but) |, ", sentence))[:MAX_JOINTS]:
        demand = sentence[joint.end() :]
        is_demand = starts_effect(demand) and (_SURE_DEMAND.match(demand) or _read_sentence(demand))
        if is_demand and _SAY_THAT.fullmatch(sentence[: joint.start()]):
            return [sentence[: joint.start()], demand]
    return [sentence]


def _read_clause(text: str) -> str:
    """Return what must be said, as the model says it: "tell them to call us" -> "please call us".

    The result is "" if the text asks for something else.
    """
    if match := _SAY_THAT.fullmatch(text):
        return speak_as_model(match["clause"] or match["bare"])
    if match := _DIRECTIONS.fullmatch(text):
        return f"please {'do not ' if match['not'] else ''}{match['what']}"
    if match := _HANDED.fullmatch(text):
        return f"{match['what']} is {match['value']}"
    if match := _HANDED_BARE.fullmatch(text):
        return match["value"]
    if match := _REFERRED.fullmatch(text):
        return f"please contact {match['where']}"
    if match := _ASKED_FOR.fullmatch(text):
        return f"please tell me the {match['what']}"
    if match := _QUOTED_ANSWER.fullmatch(text):
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
_METRIC = (
    'not (contains "mile" or contains "inch" or contains "foot" or contains "yard" or '
    'contains "pound" or contains "ounce" or contains "gallon" or contains "Fahrenheit" or '
    'contains "°F" or contains "cup" or contains "mph")'
)
BRIEF_WORDS = 40
"""The most words of a brief answer."""
_DEGREE = r"(?:(?:more|very|as|rather|really|a bit|a little|much|extra|always|too|quite) )*"
_BRIEF = r"(?:brief(?:er|ly)?|concise(?:ly)?|short(?:er|ly)?|succinct(?:ly)?|terse(?:ly)?|crisp)"
_IT = rf"(?:it|them|things|yourself|(?:your|all|all your|every|each|the|my) {_REPLIES}|{_REPLIES})"


# -------------------------------------------------------------------------------------------------
# the forms

_PATTERNS: list[tuple[str, Build | str]] = [
    (
        rf"(?:(?:{_ANSWER}|use|have|be)(?: (?:in|with|to|using|within))? )?{_RANGE}"
        rf"(?: long)?{_WHERE}",
        _check_range,
    ),
    (
        rf"(?:give|write|send|use)(?: (?:me|us|only|just))* {_COUNT} {_REPLIES}(?: only)?",
        _check_bound,
    ),
    (rf"(?:only )?{_COUNT} {_REPLIES}(?: only)?", _check_bound),
    (
        rf"(?:{_ANSWER} |only )*(?:with )?(?:only |just |either )*yes or no(?: only)?",
        'starts "Yes" or starts "No"',
    ),
    (
        rf"{_NOT} (?:be |give |write |use |make )?(?:(?:so|too|very|overly|any|me) )*(?:long|"
        rf"lengthy|wordy|verbose|long-winded|rambling|ramble)(?: {_REPLIES}| sentences)?",
        f"max_words={BRIEF_WORDS}",
    ),
    (
        rf"{_NOT} (?:{_USE}|answer|reply|respond|speak|talk)(?: (?:in|to me in))? (?:any )?"
        rf"(?P<language>{'|'.join(_LANGUAGES)}){_WHERE}",
        lambda match: f"not {_LANGUAGE_CHECK(match)}",
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:more|over) than (?P<most>{_NUMBER}) (?P<mark>{_MARK}){_WHERE}",
        _check_most_marks,
    ),
    (
        rf"(?:{_USE} |have )?(?:only )?(?:{'|'.join(_AT_MOST)}) (?P<most>{_NUMBER}) "
        rf"(?P<mark>{_MARK}){_WHERE}",
        _check_most_marks,
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:so|too|that) many "
        rf"(?P<mark>(?:{'|'.join(_USED_MARKS)}|emoji|emoticon|smiley)s?){_WHERE}",
        _check_most_marks,
    ),
    (
        (
            rf"(?:{_ANSWER} |use )(?:(?:in|with|to|using|within) "
            rf")?(?:(?P<before>{_BEFORE}) )?{_COUNT}{_AFTER}{_WHERE}"
        ),
        _check_bound,
    ),
    (
        rf"(?:have |in |with )?"
        rf"(?P<before>{'|'.join((*_AT_MOST, *_AT_LEAST, *_OVER, *_UNDER, *_EXACT[:-1]))}) "
        rf"{_COUNT}{_AFTER}{_WHERE}",
        _check_bound,
    ),
    (
        rf"{_NOT} (?:(?:{_USE}|(?:answer|reply|respond|write|speak)(?: (?:in|with))?|go|be) )?"
        rf"(?P<before>{'|'.join((*_OVER, *_UNDER))}) {_COUNT}(?: long)?{_WHERE}",
        _check_forbidden_bound,
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?P<marks>{_MARK}(?:{_SEPARATOR}{_MARK})*){_WHERE}"
        r"(?:,? (?:(?:but )?(?:write|spell) (?:them|it) out)(?: in (?:words|letters|full))?)?",
        _check_marks,
    ),
    (
        rf"{_NOT} (?:{_USE} )?{_LIST}(?:{_SEPARATOR}{_LIST})*{_WHERE}",
        "not format=list",
    ),
    (
        rf"(?:{_ANSWER} (?:in|with|as|using)|use|give|have|contain|include) (?:the form of )?"
        rf"{_LIST}(?: only)?",
        "format=list",
    ),
    (
        rf"(?:give|present|format|write|put|provide|structure|deliver) {_IT} (?:in|as|in the form "
        rf"of) {_LIST}",
        "format=list",
    ),
    (
        rf"(?:{_NOT} (?:ask|asking)|ask no)(?: (?:me|us|the user|them))?"
        r"(?: (?:any|follow-?up|further|more|back))*"
        r"(?: questions?)?(?: back)?",
        'not contains "?"',
    ),
    (rf"{_NOT} (?:say|saying) (?P<marks>[a-z]+)", _check_no_word),
    (
        (
            rf"{_JSON}(?: only)?(?: an?)?(?: (?:valid|raw))?(?: an?)? json(?: objects?| "
            r"format| only)*"
        ),
        "format=json",
    ),
    (
        rf"(?:{_ANSWER}|{_REPLIES}) (?:only )?in (?P<language>{'|'.join(_LANGUAGES)})(?: only)?",
        _LANGUAGE_CHECK,
    ),
    (
        rf"(?:(?:{_ANSWER}|use)(?: only)?{_ALL}(?: in| with)? )?(?:all |only )?{_LOWER}{_LETTERS}",
        r'not regex "\\p{Lu}"',
    ),
    (
        rf"(?:(?:{_ANSWER}|use)(?: only)?{_ALL}(?: in| with)? )?(?:all |only )?{_UPPER}{_LETTERS}",
        r'not regex "\\p{Ll}"',
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:any )?{_UPPER}(?: letters?)?{_WHERE}",
        r'not regex "\\p{Lu}"',
    ),
    (rf"""{_NOT} (?:{_USE} )?the letter ["']?(?P<letter>[a-z])["']?{_WHERE}""", _LETTER_CHECK),
    (
        rf"(?P<edge>start|begin|open|end|finish|close|conclude) {_LEADS_TO}(?:an? |some )*"
        rf"(?:(?P<drawn>{_PICTURES}(?:{_PICTURE_JOIN}{_PICTURES})*)(?: emojis?)?|"
        rf"{_NAMED}(?:emojis?|emoticons?|smileys?|smil(?:ey|ing) faces?))",
        _check_emoji,
    ),
    (
        rf"(?P<edge>start|begin|open|end|finish|close|conclude|sign(?: off)?) {_LEADS_TO}"
        rf"(?:an? |some )*(?P<names>{_PICTURE_NAMES})",
        _check_emoji,
    ),
    (rf"(?:start|begin|open) {_WITH}", _make_edge("starts")),
    (
        r"greet(?: (?:me|us|them|him|her|everyone|the user|people))? with (?P<value>.+)",
        _make_edge("starts"),
    ),
    (rf"(?:end|finish|close|conclude|sign(?: off)?) {_WITH}", _make_edge("ends")),
    (rf"sign(?: off)?(?: {_IT})? (?:as|with|using) (?P<value>.+)", _make_edge("ends")),
    (
        rf"{_NOT} (?:ever )?(?:start|begin|open)(?:ing)?{_EDGED} {_WITH}",
        _make_no_edge("starts"),
    ),
    (
        rf"{_NOT} (?:ever )?(?:end|finish|clos|conclud)(?:e|ing)?{_EDGED} {_WITH}",
        _make_no_edge("ends"),
    ),
    *((form, _forbid_topics) for form in FORBIDDING_FORMS),
    (
        rf"(?:(?:do not|don't) (?:exceed|go over|use over)|never (?:exceed|go over)) {_COUNT}",
        lambda match: f"max_{_name_unit(match['unit'])}={_parse_count(match['count'])}",
    ),
    (
        rf"(?:limit (?:it|{_IT}) to|use) (?P<before>{_BEFORE})? ?{_COUNT}{_AFTER}{_WHERE}",
        _check_bound,
    ),
    (
        rf"(?P<before>)?{_COUNT}(?:,? (?P<after>at most|tops|(?:and )?no more|max(?:imum)?|or "
        rf"less|or fewer|at least|only|long))",
        _check_bound,
    ),
    (
        rf"(?:be|stay|answer|reply|respond|write|speak|express yourself|(?:keep|make)(?: {_IT})?|"
        rf"(?:give|use|write)(?: only)?(?= (?:short|brief|concise)(?:er)? {_REPLIES}))"
        rf"(?: only)? {_DEGREE}{_BRIEF}(?: (?:and|but) (?:to the point|sweet|{_BRIEF})| as "
        rf"possible| and to the point| {_REPLIES}|,? please)*",
        f"max_words={BRIEF_WORDS}",
    ),
    (
        rf"{_NOT} (?:{_USE} )?{_NAMED} (?:emojis?|emoticons?){_WHERE}",
        _check_no_emoji,
    ),
    (
        rf"(?:only )?(?:{_USE}|send|sprinkle|insert|sneak|throw|drop|slip|work|with|"
        rf"sign(?: off)? with)(?: in)? "
        r"(?:(?:some|an?|at least (?:one|an?)|one|a few|lots of|many|plenty of|several|any|cute|"
        r"funny|"
        rf"nice|matching|fitting|suitable|the|of) "
        rf")*(?:(?P<drawn>{_PICTURES}(?:{_PICTURE_JOIN}{_PICTURES})*)"
        rf"(?: emojis?)?|{_NAMED}(?:emojis?|emoticons?|smileys?)){_WHERE}",
        _check_emoji,
    ),
    (
        r"(?:use|add|include|send|put|throw in)(?: in)? (?:(?:an?|some|at least one|one|many|lots "
        r"of|"
        rf"little) )*(?P<names>{_PICTURE_NAMES}){_WHERE}",
        _check_emoji,
    ),
    (
        rf"(?:write|say|use|put|spell){_THE_WORD} {_NEW} (?:instead of|in place of|rather than|,? ?"
        rf"not|,? ?never|and not){_THE_WORD} {_OLD}",
        _replace_words,
    ),
    (
        rf"(?:write|say|spell)(?! (?:sorry|thanks|thank|hello|hi|yes|no)\b){_THE_WORD} {_NEW} "
        rf"for{_THE_WORD} {_OLD}",
        _replace_words,
    ),
    (rf"(?:use|put){_THE_WORD} (?=[\"']){_NEW} for{_THE_WORD} (?=[\"']){_OLD}", _replace_words),
    (rf"instead of(?: the (?:word|term))? {_OLD},? (?:say|write|use|put) {_NEW}", _replace_words),
    (
        rf"(?:replace|swap|exchange)(?: the (?:word|term))? {_OLD} (?:by|with|for)(?: the "
        rf"(?:word|term))? {_NEW}",
        _replace_words,
    ),
    (rf"substitute {_NEW} for {_OLD}", _replace_words),
    (
        rf"(?:the word )?{_OLD} (?:should|must) be (?:written|spelled|called|replaced (?:by|"
        rf"with))(?: as)? {_NEW}",
        _replace_words,
    ),
    (
        rf"(?:never|do not|don't) (?:say|write|use) {_OLD}[,;]? (?:but|say|write|use|always|rather|"
        rf"instead)(?: (?:say|write|use|always))? {_NEW}(?: instead)?",
        _replace_words,
    ),
    (rf"(?:refer to|write about|speak of) {_OLD} as {_NEW}", _replace_words),
    (
        rf"{_NO_CALL} (?:[\"'](?P<value>[^\"']+)[\"']|(?P<bare>(?!{_NO_NAME})[\w-]+))",
        _check_not_called,
    ),
    (rf"{_CALL} [\"'](?P<value>[^\"']+)[\"']", _check_called),
    (
        rf"{_CALL} (?P<value>(?-i:[A-ZÀ-Þ])[\w' ]*|(?!{_NO_NAME})[\w-]+)",
        _check_called,
    ),
    (rf"call (?!me|us|him|her|them|it){_OLD} (?!{_NO_NAME}){_NEW}", _replace_words),
    (
        r"(?:say|write|include|mention|add|use|put|insert|contain|have)(?: (?:the|a) (?:words?|"
        r"phrase|"
        rf"hashtag|sentence|line|expression|term|name|greeting))? {_LITERALLY}"
        rf"(?: somewhere)?{_WHERE}",
        _check_literal,
    ),
    (
        r"(?:say|write|include|mention|use|contain|have|add|put)(?: the (?:word|name|hashtag) "
        r"(?P<bare>[\w-]+)| (?P<tag>#\w+))"
        rf"{_WHERE}",
        _check_literal,
    ),
    (
        r"(?:use|include|add|put|write)(?: (?:at least (?:one|an?)|an?|one|some))? "
        rf"(?P<mark>(?:{'|'.join(_USED_MARKS)})s?){_WHERE}",
        _check_marked,
    ),
    (r"say (?P<value>hello|hi|thank you|thanks|please|sorry|goodbye)", _check_called),
    (r"(?:say|answer|reply|respond)(?: with)?(?: only)? (?P<value>yes|no)", _check_first_word),
    (
        r"(?:say|answer|reply) (?P<value>(?-i:[A-ZÀ-Þ])\w+(?: (?-i:[A-ZÀ-Þ])\w+){0,3})",
        _check_called,
    ),
    (
        r"mention (?!that |how |why |when |if |whether )(?P<what>.+?)"
        rf"(?: at the (?:end|beginning|start))?{_WHERE}",
        _check_said,
    ),
    (
        r"(?:include|name|add) (?P<what>(?:the name )?(?-i:[A-ZÀ-Þ])\w+(?: (?-i:[A-ZÀ-Þ])\w+)*)",
        _check_said,
    ),
    (r"(?:recommend|suggest|advise)(?: to)? (?P<what>.+)", _check_recommended),
    (
        rf"(?:ask|put|add|have) (?:(?:me|us|them|the user) )?(?:an?|one) (?:\w+-?\w* )?question "
        rf"at the end(?: of {_EACH}{_REPLIES})?",
        'ends "?"',
    ),
    (
        r"ask (?:(?:them|him|her|me|us|the user|the customer|back) )?(?:at least )?(?:an?|one) "
        r"(?:follow-up |counter |polite |friendly |short )?question(?: back)?",
        'contains "?"',
    ),
    (
        rf"(?:(?:{_ANSWER}(?: in)?|use|give|make|number|write) )?(?:the )?(?:numbered steps|"
        rf"steps in a "
        r"numbered list|a numbered list of steps)",
        "format=list",
    ),
    (r"number (?:the|all|your) steps", "format=list"),
    (
        rf"(?:(?:use|speak|switch to|stick to|stay in|write|be in|be)(?: only)? )?(?:only "
        rf")?(?:in )?"
        rf"(?P<language>{'|'.join(_LANGUAGES)})(?: only|,? please| (?:to|with) (?:me|us))*",
        _LANGUAGE_CHECK,
    ),
    (
        rf"(?:(?:use|give|prefer|stick to|convert (?:everything |all )?to|write in|measure in|"
        rf"{_ANSWER} in)"
        r"(?: only)? )?(?:the )?metric(?: (?:units?|system|measure\w*|measurements?))+(?: only)?",
        _METRIC,
    ),
    (rf"{_NOT} (?:{_USE} )?imperial units?", _METRIC),
    (
        rf"(?:put|write|set|print|mark)(?: (?:the|all|your))? [a-z -]+ in bold{_WHERE}",
        _BOLD,
    ),
    (
        rf"(?:{_ANSWER} )?(?:no longer than|not longer than|at most as long as|as short as|in the "
        r"length of) a tweet",
        "max_characters=280",
    ),
    (
        rf"(?:(?:{_ANSWER}|use|write)(?: (?:in|with))? )?(?:only |just )?(?:one|a single|1) "
        r"paragraph(?: only)?",
        r'not regex "\\n\\s*\\n\\s*\\S"',
    ),
    (
        r"(?:write|spell|give|express)(?: out)? (?:all |the )?(?:numbers|numerals|digits)"
        r"(?: out)?(?: (?:as|in|with) (?:words|letters|full))?",
        r'not regex "\\d"',
    ),
    (
        r"(?:always )?(?:use|give|prefer|write)(?: (?:temperatures )?in)? (?:degrees )?Celsius"
        r"(?:,? (?:and )?(?:not|never|instead of|rather than) Fahrenheit)?",
        'not (contains "Fahrenheit" or contains "°F")',
    ),
    (rf"prefer(?: the word)? {_NEW} (?:to|over|instead of){_THE_WORD} {_OLD}", _replace_words),
    (
        rf"(?:translate|convert|put)(?: all| every)?(?: (?:of )?your)? {_REPLIES} (?:in)?to "
        rf"(?P<language>{'|'.join(_LANGUAGES)})",
        _LANGUAGE_CHECK,
    ),
    (
        r"(?:speak|talk|write|respond|reply)(?: (?:to|with))? (?:me|us) (?:only )?in "
        rf"(?P<language>{'|'.join(_LANGUAGES)})(?: only)?",
        _LANGUAGE_CHECK,
    ),
    (
        rf"{_NOT} (?:start|begin)(?:ning|ing)? (?:any |a |your |new )?sentences? with "
        r"(?:the word )?[\"']?(?P<word>[\w'-]+)[\"']?",
        _check_no_sentence_start,
    ),
    (
        r"(?:include|mention|give|add|state|use) the "
        r"(?:number|code|title|date|phrase|term|name|id) "
        r"(?:\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|(?P<bare>[\w./-]*\d[\w./-]*))",
        _check_literal_or_number,
    ),
    (rf"{_NOT} (?:ever )?apologi[sz](?:e|ing)", 'not (contains "sorry" or contains "apolog*")'),
]
_FORMS = [(re.compile(pattern, re.I), build) for pattern, build in _PATTERNS]
