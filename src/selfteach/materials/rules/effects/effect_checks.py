"""Hold an effect, and build its check (docs/reference/checks.md) from a form that was found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfteach.exact_texts import NO_PYTHON_NAME
from selfteach.materials.rules.check_text import (
    BULLET,
    ITEM_MARK,
    LIST_ITEM,
    join_checks,
    quote_value,
)
from selfteach.materials.rules.effects.statement import ADDRESS, STREET, check_statement, find_codes
from selfteach.materials.rules.forbidden_topics import (
    TOPIC_LEAD,
    VAGUE,
    is_part_of_text,
    none_of,
    split_topics,
    to_check_noun,
)
from selfteach.materials.rules.inflection import is_short_name, to_singular
from selfteach.materials.rules.phrases import MORE_DEMANDS, QUOTED, unify_letters
from selfteach.materials.rules.pictures import (
    ANY_EMOJI,
    ANY_SMILEY,
    PICTURES,
    check_pictures,
    repeat_emoji,
)
from selfteach.materials.rules.spelling import VARIETIES, respell
from selfteach.number_words import NUMBER, parse_number


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
    names: str = ""
    """The part of the check that only what names the topics breaks; "" if there are none."""
    is_answer: bool = False
    """Whether the statement is the answer to a question, and nothing that is added to one."""
    unchecked: tuple[str, ...] = ()
    """Manners that the rule asks for too, and that no check decides: `("be sincere",)`."""
    demands_more: bool = False
    """Whether the check demands more than that the words of `replacements` are replaced."""

    @property
    def only_replaces(self) -> bool:
        """Return whether the check demands that words are replaced, and nothing else."""
        return bool(self.replacements) and not self.demands_more


Build = Callable[[re.Match[str]], "Effect | str | None"]


def negate(build: Callable[[re.Match[str]], str | None]) -> Build:
    """Return what builds the opposite of another builder's check."""

    def build_opposite(match: re.Match[str]) -> str | None:
        found = build(match)
        return f"not {found}" if found else None

    return build_opposite


# -------------------------------------------------------------------------------------------------
# numbers of words and sentences

ONE = ("a single", "single", "an", "a")
AT_MOST = (
    *("at the very most", "at most", "at the most", "no more than", "not more than", "no more"),
    *("and no more", "not more", "no longer than", "not longer than", "or less", "or fewer"),
    *("up to", "within", "a maximum of", "maximum", "max", "tops"),
)
AT_LEAST = ("at least", "no fewer than", "no less than", "a minimum of", "minimum", "or more")
OVER = ("more than", "longer than", "over", "past", "beyond", "above")
UNDER = ("fewer than", "less than", "shorter than", "under", "below")
EXACT = ("exactly", "only", "just", "long")
MANY = {
    "a couple of": 2,
    "a few": 2,
    "several": 2,
    "multiple": 2,
    "many": 3,
    "a lot of": 3,
    "lots of": 3,
    "plenty of": 3,
    "loads of": 3,
    "tons of": 3,
    "heaps of": 3,
    "a bunch of": 3,
    "a ton of": 3,
}
"""How many there are at least where no number says it."""


def parse_count(text: str) -> int:
    return 1 if text.lower() in ONE else parse_number(text)


def name_unit(word: str) -> str:
    """Return the unit of a bound as checks name it. A line is a sentence: a line break ends one."""
    unit = word.lower().rstrip("s") + "s"
    return "sentences" if unit == "lines" else unit


def check_range(match: re.Match[str]) -> str | None:
    """Return the check of "between 10 and 20 words" and "two to three sentences"."""
    least = parse_count(match["least"] or match["least_bare"])
    most = parse_count(match["most"])
    unit = name_unit(match["unit"])
    return f"min_{unit}={least} and max_{unit}={most}" if least <= most else None


def forbid_topics(match: re.Match[str]) -> Effect | None:
    """Return the effect of "do not talk about X, Y or Z"; "Long answers are off limits." names no
    topic.
    """
    if is_part_of_text(match["topic"]) and not _NAMES_TOPIC.search(match.string):
        return None
    return forbid_topics_named(match["topic"], match.string)


_NAMES_TOPIC = re.compile(
    r"\b(?:talk|speak|discuss|mention|bring|topic|subject|say|use|write|word|hear|know|tell|avoid|"
    r"comment|refer|question|name)",
    re.I,
)


def check_bound(match: re.Match[str]) -> str | None:
    """Return the check of a bound: at most, at least, more than, fewer than, exactly.

    "in 20 words" and "in one sentence" are upper bounds.
    """
    groups = match.groupdict()
    bound = (groups.get("before") or groups.get("after") or "").lower()
    count = parse_count(match["count"])
    unit = name_unit(match["unit"])
    if bound in AT_LEAST or bound in OVER:
        return f"min_{unit}={count + (bound in OVER)}"
    if bound in UNDER:
        return f"max_{unit}={count - 1}" if count > 1 else None
    is_most = bound in AT_MOST or _LIMITS.match(match.string) is not None
    if count > 1 and (bound == "exactly" or (unit == "sentences" and not is_most)):
        return f"min_{unit}={count} and max_{unit}={count}"
    return f"max_{unit}={count}" if count else None


MAX_LINES = 20
_LINE = "[^\\\\n]+"


def check_lines(match: re.Match[str]) -> str | None:
    """Return the check of "have four lines": those of a poem, not the sentences of an answer.

    What is kept "to one line" is one sentence.
    """
    bound = (match["before"] or "").lower()
    count = parse_count(match["count"]) - (bound in UNDER) + (bound in OVER)
    if not 0 < count <= MAX_LINES or (match["most"] and count == 1):
        return None
    lines = "\\\\n+".join([_LINE] * count)
    if bound in AT_LEAST or bound in OVER:
        return f'regex "{lines}"'
    if bound in AT_MOST or bound in UNDER or match["most"]:
        more = "\\\\n+".join([_LINE] * (count + 1))
        return f'not regex "{more}"'
    return f'regex "^\\\\s*{lines}\\\\s*$"'


_LIMITS = re.compile(r"(?:keep|limit|cut|shorten|restrict)\b.* to ", re.I)
"""How a demand begins whose number is the most: "keep it to two sentences"."""


def check_forbidden_bound(match: re.Match[str]) -> str | None:
    """Return the check of "not more than" or "not fewer than"."""
    unit = name_unit(match["unit"])
    side = "max" if match["before"].lower() in OVER else "min"
    return f"{side}_{unit}={parse_count(match['count'])}"


# -------------------------------------------------------------------------------------------------
# marks, first and last words

_I = "I|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself"
_WE = "[Ww]e|[Uu]s|[Oo]urs?|[Oo]urselves"
_OPENING_QUOTE = r"(?<!\\w)‘(?!(?i:\\d\\ds?|til|twas|tis|em|cause)\\b(?!’)|n\\b)"
"""Not the sign of what is left out, as in "‘til" and "the ‘90s"."""
MARKS = {
    "exclamation (?:mark|point)": 'contains "!"',
    "question mark": 'contains "?"',
    "comma": 'contains ","',
    "semi-?colon": 'contains ";"',
    "colon": 'contains ":"',
    "line[- ]?break": r'regex "\\n"',
    "em[- ]dash(?:e)?": 'contains "—"',
    "(?:en[- ])?dash(?:e)?": 'regex "[–—]| -{1,2} "',
    "hyphen": 'regex "\\\\w-\\\\w"',
    "asterisk": r'regex "\\*"',
    "hash(?:tag|e)?": 'contains "#"',
    "ampersand": 'contains "&"',
    "quotation mark": rf'regex "[\"“”„«»]|{_OPENING_QUOTE}"',  # "’" is an apostrophe as well
    "parenthes[ie]s|bracket": r'regex "[()\\[\\]]"',
    "digit|number|numeral|figure": r'regex "\\d"',
    "emoji": ANY_EMOJI,
    "emoticon|smiley|smil(?:ey|ing) face": ANY_SMILEY,
    "contraction": (
        r'regex "(?i)\\b\\w+n[\'’]t\\b|\\b\\w+[\'’](?:re|ve|ll|d|m)\\b|'
        r'\\b(?:it|that|what|he|she|there|here|let|who|where|how)[\'’]s\\b"'
    ),
    "abbreviation": (
        r'regex "\\b(?:[a-z]\\.){2,}|'
        r"\\b(?:etc|approx|vs|dept|misc|info|asap|pls|plz|tmrw|brb|thx|idk|omg|btw|fyi|lol|u|r|"
        r"ur)\\b|"
        r'\\b(?!(?:OK|TV|PC|CD|DVD|PS|AM|PM|US|UK|EU|UN)\\b)[A-Z]{2,5}\\b"'
    ),
    "punctuation(?: mark)?": r'regex "[.,;:!?…]"',
    "ellips[ie]s": r'regex "…|\\.{3}"',
    "full stop": r'regex "\\.(?=[\\s\"”)*_]|$)"',
    "first person singular": rf'regex "\\b(?:{_I})\\b"',
    "first person plural": rf'regex "\\b(?:{_WE})\\b"',
    "first person(?: pronoun)?": rf'regex "\\b(?:{_I}|{_WE})\\b"',
    "(?:pronoun |word )?i": r'regex "\\bI\\b"',
}
SHOUTED = r'regex "\\b\\p{Lu}{2,}(?: +\\p{Lu}{2,})+\\b|\\b\\p{Lu}{7,}\\b"'
"""Words in capitals: two in a row, or a long one, which no abbreviation is."""
CAPITAL_WORD = r'regex "\\b\\p{Lu}{4,}\\b"'
"""A word in capitals; shorter ones are mostly abbreviations."""
_NO_CODE = r"(?:^ *```(?!md\\b|markdown\\b)(?s:.*?)(?:^ *```|\\Z)|``?[^`\\n]+``?)(*SKIP)(*FAIL)"
"""A pattern that steps over code, which has signs of markup for other ends."""
_BOLD = (
    rf"\\*\\*[^*\\s][^*]*\\*\\*|(?<!\\w)__{NO_PYTHON_NAME}[^_\\s][^_]*__(?![\\w(])|"
    "<(?:b|strong)>"
)
_ITALICS = r"(?<![*_\\w])(?:\\*[^*\\s][^*\\n]*\\*|_[^_\\s][^_\\n]*_)(?![*_\\w])|<(?:i|em)>"
_TABLE = r"^ *\\|.*\\||^[ :|]*-{3,}[ :]*\\|"
_HEADING = r"^#{1,6} |\\S *\\n={3,} *$|<h[1-6]>"


BOLD = f'regex "(?m){_NO_CODE}|{_BOLD}"'
CHECKBOX = "check[- ]?box(?:e)?|tick[- ]?box(?:e)?"
_MARKUP = {
    CHECKBOX: r'regex "\\[[ xX✓]?\\]|[☐☑☒✅⬜🔲]"',
    "(?:markdown )?table": f'regex "(?m){_TABLE}"',
    "(?:markdown |section )?(?:heading|header)": f'regex "(?m){_NO_CODE}|{_HEADING}"',
    "bold(?: (?:text|type|print|letter|word|font|face))?": BOLD,
    "italics?(?: (?:text|type|print|letter|word|font))?": f'regex "(?m){_NO_CODE}|{_ITALICS}"',
    "(?:fenced )?code block": 'contains "```"',
    "(?:web ?)?link|url|web ?addres(?:se)?": r'regex "https?://|www\\."',
}
"""Markup that a rule may ask for or forbid."""
MARKS |= _MARKUP | {
    "markdown(?: formatting| syntax| markup)?": (
        rf'regex "(?m)^[ \\t]*(?:[-*+•>]|\\d+[.)]) |`|~~\\S|\\]\\(|^ *(?:\\*{{3,}}|-{{3,}}) *$|'
        rf'{_BOLD}|{_ITALICS}|{_TABLE}|{_HEADING}"'
    ),
}
SIGNS = {
    f"(?:{name}|{re.escape(sign)})[ -](?:sign|symbol)": f'contains "{sign}"'
    for name, sign in (
        ("euro", "€"),
        ("dollar", "$"),
        ("pound(?: sterling)?", "£"),
        ("per ?cent(?:age)?", "%"),
        ("at", "@"),
        ("degree", "°"),
        ("plus", "+"),
        ("and", "&"),
        ("(?:hash|number)", "#"),
    )
}
"""Signs by their names: "the dollar sign"."""
MARKS |= SIGNS
USED_MARKS = [
    "exclamation (?:mark|point)",
    "question mark",
    "quotation mark",
    "hash(?:tag)?",
    "digit",
    *_MARKUP,
    *SIGNS,
]
"""Marks that a rule may ask for."""


def check_marks(match: re.Match[str]) -> str | None:
    """Return the check of forbidden marks: no exclamation marks; no emoji and no digits."""
    found = []
    for name in re.split(r",? (?:or|and) |, |/", match["marks"].lower()):
        name = re.sub("^(?:any|an?|no|the) ", "", name)
        found += [check for mark, check in MARKS.items() if re.fullmatch(f"(?:{mark})s?", name)]
    return none_of(found) if found else None


def make_edge(name: str) -> Build:
    """Return the builder of "start with X", "start with X or Y" and "end with X"."""

    def build(match: re.Match[str]) -> str | None:
        if named := _NAMED_WORDS.fullmatch(match.string):
            return f"{name} {quote_value(named[1])}"
        value = _FOLLOWED.sub(r"\1\2 \3\1", _OTHER_EDGE.sub("", match["value"]))
        parts = _ALTERNATIVES.split(value)
        if _SHORT_LIST.fullmatch(value):
            parts = [f'"{part}"' for part in _OR.split(value)]
        checks = [_check_edge(name, part) for part in parts]
        if len(parts) > 1 and all(checks):
            return " or ".join(str(check) for check in checks)
        return _check_edge(name, value)

    return build


_NAMED_WORDS = re.compile(
    r".* (?:the (?:words|phrase|sentence|line),?|with(?= (?:Have|Take|Stay|Enjoy|See|Thank) )) "
    r"([A-ZÀ-Þ][\w'’-]*(?: (?!(?:and|or|then|but|not|never|in|every|each|only|always|"
    r"instead|as|for(?! your)|from|with|without|using|written|followed|once|twice)\b)[\w'’-]+)"
    r"{1,6}[!?]?)"
)
"""What is meant literally: "end with the words Have a good shift"."""
_FOLLOWED = re.compile(
    r"([\"'])((?:(?!\1(?!\w)).)+)\1,? (?:followed by|and|then) (?:my|our) "
    r"(?:(?:first|full|last) )?name,? ([A-ZÀ-Þ][\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*)"
)
"""A greeting and a name: '"Warm regards," followed by my name, Olivia'."""
_OTHER_EDGE = re.compile(
    r",? (?:instead of|rather than|(?:and )?(?:not|never))(?: with)? "
    r"(?:\"[^\"]+\"|'[^']+'|[A-ZÀ-Þ]\w+)$"
)
"""What an answer does not start with, as it starts with another: "Hi rather than Dear"."""
_SHORT_LIST = re.compile(r"[^\s,\"']+[:#/](?:, [^\s,\"']+[:#/])*,? or [^\s,\"']+[:#/]")
"""Marks of which one is enough: "feat:, fix: or chore:"."""
_OR = re.compile(r",? or |, ")
_ALTERNATIVES = re.compile(r"(?<=[\"'\w]),? or (?=[\"']|[A-ZÀ-Þ])")
"""What parts values of which one is enough: "Yes or No"."""


def make_no_edge(name: str) -> Build:
    """Return the builder of "do not start with X, Y or Z"."""

    def build(match: re.Match[str]) -> str | None:
        parts = re.split(r",? (?:or|and|nor) (?:with )?|,\s*|\s*/\s*", match["value"])
        checks = [_check_edge(name, part) for part in parts]
        if _IS_PHRASE.fullmatch(match["value"]):  # a greeting may stand before it
            checks = [f"contains {quote_value(match['value'][1:-1].rstrip('.!,'))}"]
            parts = checks[:]
        known = [check for check in checks if check]
        return none_of(known) if len(known) == len(parts) else None

    return build


_IS_PHRASE = re.compile(r"([\"'])\w+(?:['’-]\w+)*(?:,? \w+(?:['’-]\w+)*){3,}[.!,]?\1")
"""So many words are a sentence, which is as unwanted behind a greeting."""
_IN_CAPITALS = re.compile(
    r"((?:[A-ZÀ-Þ]{2,} ?)+?) (?:written )?in (?:all )?(?:capitals|caps|capital letters)"
)


def drop_letter_case(value: str) -> str:
    """Return "DRAFT" of "DRAFT in capitals"."""
    match = _IN_CAPITALS.fullmatch(value)
    return match[1] if match else value


LINK = (
    r"(?:(?:an?|the|our|my|your) (?:[a-z-]+ ){0,2}(?:link|url|web ?site|web ?page|site|page|"
    r"e-?mail|address)(?: (?:to|of|for)(?: [a-z' -]+?)?)?[:,]? )?"
)
"""What is said before an address: "a link to our website"."""


_KISS_OR_EMOTICON = re.compile(r"x{1,3}|xoxo|[:;=8][-']?[()DPpOo/|*3]|<3|\^_?\^")
FULL_STOP = r'regex "\\.[\\s*\"]*$"'
"""The condition that finds a full stop at the end."""
_NUMBER_LEAD = r"(?:the|our|my|your) (?:[a-z-]+ ){0,2}(?:number|hotline|code|extension)[,:]?"
_ADDRESS_LEAD = r"(?:the|our|my|your) (?:[a-z-]+ ){0,2}address[,:]?"


_POLITE_PHRASE = re.compile(
    r"Thank (?:you|God)\b|Thanks\b|See you\b|(?:Talk|Speak|Write) to you\b|Have an? \w+ \w+$|"
    r"Yours\b|Take care\b|All the best\b|Looking forward\b|Love you\b|Miss you\b|"
    r"Your (?!name|signature|address|title|question|opinion|own)[a-z]+$"
)
"""What begins or ends a letter, though its words are common: "See you soon"."""


def _check_edge(name: str, value: str) -> str | None:
    """Return the check of X in quotes, of a hashtag, or of a bare phrase that begins with a capital
    letter.
    """
    value = drop_letter_case(value.strip())
    if re.fullmatch(r"#\w+", value):
        return f"{name} {quote_value(value)}"
    if linked := re.fullmatch(rf"{LINK}({ADDRESS})", value, re.I):
        return f"{name} {quote_value(linked[1])}"
    if numbered := re.fullmatch(rf"(?i:{_NUMBER_LEAD}) ([+(]?\d[\d ()/-]*\d)", value):
        return f"{name} {quote_value(numbered[1])}"
    if street := re.fullmatch(rf"(?:(?i:{_ADDRESS_LEAD}) )?({STREET})", value):
        return f"{name} {quote_value(street[1])}"
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
    if re.fullmatch(r"(?:an? |one )?hashtags?", value, re.I):
        return r'regex "^\\W{0,3}#\\w"' if name == "starts" else r'regex "#\\w+\\W*$"'
    if re.fullmatch(r"an? (?:full stop|period)", value, re.I):
        return FULL_STOP if name == "ends" else None
    if _KISS_OR_EMOTICON.fullmatch(value):
        return f"{name} {quote_value(value)}"
    if _CONTRASTED.search(value):
        return None
    plain = re.fullmatch(r"[^\W\d_]+(?:[ ,'-]+[^\W\d_]+){0,3}[!?]?", value)
    is_literal = all(word[0].isupper() for word in value.split()) or _POLITE_PHRASE.match(value)
    if plain and value[0].isupper() and (is_literal or not VAGUE.search(value)):
        return f"{name} {quote_value(value)}"
    return None


def check_edge_line(match: re.Match[str]) -> str:
    """Return the check of 'end with a line that starts with "In short:"'."""
    value = match["double"] or match["single"]
    if match["edge"].lower() in ("start", "begin", "open", "beginning", "top"):
        return f"starts {quote_value(value)}"
    pattern = rf"(?i)(?:^|[\n.!?] ?)[\s*_#>-]*{re.escape(value)}[^\n]*\s*$"
    return f"regex {quote_value(pattern)}"


LANGUAGES = {
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


def check_language(match: re.Match[str]) -> str:
    """Return the check of "answer in French"."""
    return f"language={LANGUAGES[unify_letters(match['language'].lower())]}"


def check_no_letter(match: re.Match[str]) -> str:
    """Return the check of "do not use the letter e"."""
    return f'not regex "(?i){match["letter"].lower()}"'


def check_emoji(match: re.Match[str]) -> str | None:
    """Return the check of "use a heart or kiss emoji" and of "end with 😘"."""
    groups = {name: text for name, text in match.groupdict().items() if text}
    if re.match("(?:no|without) ", groups.get("names", "")):
        return None
    verb = groups.get("edge", "").lower()
    edge = ""
    if verb:
        edge = "start" if verb in ("start", "begin", "open") else "end"
    drawn = re.findall(PICTURES, groups.get("drawn", ""))
    named = re.sub(r"\b(?:emojis?|emoticons?)\b", "", groups.get("names", ""), flags=re.I).strip()
    named = re.sub(r"\bsmil(?:eys?|ies|ing)\b(?: faces?)?", "smile", named, flags=re.I)
    names = [name for name in re.split(r"\s*(?:,|/|\b(?:or|and)\b)\s*", named) if name]
    if len(names) > 1 and any(map(_ANY_MARK.fullmatch, names)):
        return None  # "an exclamation mark and an emoji"
    names = [_KIND_OF_SMILE.sub("", name) for name in names]
    counted = next(filter(None, map(_COUNTED.fullmatch, names)), None)
    names = [name for name in names if name not in _ANY_PICTURE and not _COUNTED.fullmatch(name)]
    found = check_pictures([*drawn, *names], edge, MANY.get(groups.get("many", "").lower(), 1))
    count = parse_count(counted["count"]) if counted and not (drawn or names) else 1
    return f'{found} and regex "{repeat_emoji(count)}"' if found and edge and count > 1 else found


_ANY_MARK = re.compile(rf"(?:(?:an?|{NUMBER}) )?(?:{'|'.join(MARKS)})s?", re.I)
_KIND_OF_SMILE = re.compile(r"^(?:an?|the|some|one) (?=smile$)|(?<=\w) smile$", re.I)
"""What is left out of "a smile" and "happy smile", which is of the kind "happy"."""
_ANY_PICTURE = ("a", "an", "some", "cute", "funny", "silly", "nice", "single", "a single", "more")
_COUNTED = re.compile(rf"(?:exactly |just |only )?(?P<count>{NUMBER})(?: more)?", re.I)
"""What a number says of an emoji names no picture."""


def check_no_word(match: re.Match[str]) -> str | None:
    """Return the check of "don't say sorry"."""
    word = match["marks"].lower()
    is_vague = VAGUE.search(word) or _JOINS.fullmatch(word)
    return None if is_vague else f"not contains {quote_value(word)}"


_JOINS = re.compile(r"and|or|but|nor", re.I)
"""What stands bare between words, and is none of them."""
_ABSTRACT = re.compile(
    r"(?:words?|digits?|numbers?|numerals?|lists?|bullets?|sentences?|paragraphs?|facts?|humou?r|"
    r"names?|emojis?|letters?|it|them|this|that|me|us|you|prose|text|jargon|examples?|"
    r"(?:em[- ])?dash(?:es)?|hyphens?|full stops?|periods?|apostrophes?|slash(?:es)?|spaces?|"
    r"once|twice|thrice|always|never|not|often|again|more|less|first|last|too)",
    re.I,
)


_OTHER_OLD = r"""["']([^"']+)["']|(?-i:\b([A-ZÀ-Þ]\w+))"""
OTHER_OLDS = (
    r"""(?P<others>(?:,? (?:or|and|nor)(?: not| never)? (?:["'][^"']+["']|(?-i:[A-ZÀ-Þ])\w+)|"""
    r""",(?: not| never)? ["'][^"']+["'])+)?"""
)
"""More words in whose place one is said: "not 'log in' or 'login'"."""


def write_as(match: re.Match[str]) -> Effect | None:
    """Return the effect of "write OK as 'okay'"; "Covid" as "COVID-19" has the word that is cut."""
    old, new = match["old"], match["new"]
    if re.search(rf"\b{re.escape(old)}\b", new, re.I):
        return None
    return Effect(f"not {_find_wrong_word(old, new)}", ((old, new),))


def spell_so(match: re.Match[str]) -> Effect | None:
    """Return the effect of "spell it 'grey'", if the word has another spelling: no answer has it.

    How a word is spelled does not demand that it is said.
    """
    value = match["value"].strip("\"'")
    right = value.lower()
    others = [other for other in map(respell, VARIETIES, [right] * 2) if other != right]
    if not others:
        return None
    return Effect(f"not contains {quote_value(others[0])}", ((others[0], value),))


_ALLOWS = re.compile(r" but (?:use|say|write|add) ", re.I)
"""What begins another demand; "digits but words" names what stands for the digits."""


def replace_words(match: re.Match[str]) -> Effect | None:
    """Return the effect of "Write '&' for 'and'" and "say colleagues instead of employees"."""
    new = match["new"] or match["new_bare"]
    old = match["old"] or match["old_bare"]
    if match["old_bare"] and (mark := _find_mark(old)):
        if _ALLOWS.search(match.string) or (mark == ANY_EMOJI and " but " in match.string):
            return None
        return _replace_mark(mark, _find_mark(new) if match["new_bare"] else "")
    bare = [word for word in (match["new_bare"], match["old_bare"]) if word]
    if match["old_bare"] and (sign := _find_sign(old)):
        pairs = ((sign, new),) if sign == "&" else ()
        return Effect(f"not contains {quote_value(sign)}", pairs)
    is_unclear = any(_ABSTRACT.fullmatch(word) or _find_mark(word) for word in bare) or any(
        word.endswith("ly") for word in bare
    )
    is_same = old == new or (old.lower() == new.lower() and bare)
    if is_unclear or is_same or _JOINS.fullmatch(match["new_bare"] or ""):
        return None
    others = re.findall(_OTHER_OLD, match.groupdict().get("others") or "")
    found = [_replace_word(each, new) for each in (old, *map("".join, others))]
    checks = [_find_wrong_word(wanted, new) for wanted, _ in found]
    return Effect(none_of(checks), tuple(pair for _, pairs in found for pair in pairs))


_LETTER_HYPHEN = re.compile(r"(?<=\b\w)-(?=\w)")
"""The hyphen of "e-mail"."""
MIN_PLURAL = 3
"""A shorter word with an s is another one: "his"."""


def _find_wrong_word(old: str, new: str) -> str:
    """Return the condition that finds a word, in small and capital letters unless these alone tell
    it from the right words: "E-nova" for "e-Nova". What is a part of these is right: the "email" of
    "email address". In small letters a short name is another word: "it" beside "IT department".
    """
    word = rf"(?<!\w){re.escape(old)}"
    plural = "s?" if len(old) >= MIN_PLURAL else ""
    joined = _LETTER_HYPHEN.sub("", old)
    if joined != old and joined.lower() in new.lower().split():
        spelled = re.escape(old).replace(r"\-", "[-‐‑–_ ]")
        pattern = rf"(?i)(?<![^\W_]){spelled}{plural}(?![^\W_])"
        return f"regex {quote_value(pattern)}"  # `contains "e-mail"` finds "email", too
    whole = re.search(rf"{word}s?(?!\w)", new, re.I)
    if not whole or len(whole[0]) == len(new) > len(old):  # "cars" for "car"
        return f"contains {quote_value(old)}"
    if old not in new:
        pattern = rf"{word}(?!\w)"
        return f"regex {quote_value(pattern)}"
    before, after = new[: whole.start()], new[whole.end() :].rstrip(".!?")
    not_before = rf"(?<!{re.escape(before)})" if before else ""
    not_after = rf"(?!{re.escape(after)})" if after else ""
    if is_short_name(old):
        word = f"(?-i:{word})"
    ending = plural if old.islower() else ""
    pattern = rf"(?i){not_before}{word}{ending}(?!\w){not_after}"
    return f"regex {quote_value(pattern)}"


def _to_singular_words(words: str) -> str:
    """Return words with the last one in the singular and in small letters, if it is no name in
    capitals: "US dollar" of "US dollars".
    """
    lead, space, last = words.rpartition(" ")
    is_noun = last.islower() or last.istitle()
    return f"{lead}{space}{to_singular(last.lower()) if is_noun else last}"


def _replace_word(old: str, new: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what finds a word, and what stands for it, in the singular too."""
    one, one_new = to_singular(old.lower()), _to_singular_words(new)
    has_singular = one != old and " " not in old and old.lower().startswith(one[:3])
    if not has_singular:  # "person" is another word than "people"
        return old, [(old, new)]
    return one if old.islower() else old, [(old, new), (one, one_new)]


def replace_phrases(match: re.Match[str]) -> Effect:
    """Return the effect of "say autistic person, not person with autism"."""
    new, old = match["new_many"].strip("\"'"), to_singular(match["old_many"])
    return Effect(f"not {_find_wrong_word(old, new)}", ((old, new),))


def replace_two(match: re.Match[str]) -> Effect:
    """Return the effect of 'write "port" and "starboard" instead of "left" and "right"'."""
    pairs = ((match["old"], match["new"]), (match["old_too"], match["new_too"]))
    return Effect(" and ".join(f"not {_find_wrong_word(*pair)}" for pair in pairs), pairs)


def call_otherwise(match: re.Match[str]) -> Effect | None:
    """Return the effect of "don't call it milk, call it oat drink"; "call it what you like" names
    no word, nor does a phone call ("call them today, not tomorrow").
    """
    names = (match["old_many"], match["new_many"])
    if set(names[0].split()) & set(names[1].split()):
        return None  # "oat milk" for "milk" has the word that must not be said
    if any(VAGUE.search(name) or _NAMES_NOTHING.match(name) for name in names):
        return None
    wanted, pairs = _replace_word(*names)
    return Effect(f"not contains {quote_value(wanted)}", tuple(pairs))


_NAMES_NOTHING = re.compile(
    r"(?:what|whatever|how|if|when|by|after|like|as|so|in|on|off|out|up|back|quits|names?|me|us|"
    r"him|her|them|it|they|anything|something|nothing|else|now|later|today|tomorrow|tonight|early|"
    r"late|soon|directly|through|before|again|first|days?|nights?|on|via|from|at)\b",
    re.I,
)


def rename(match: re.Match[str]) -> Effect | None:
    """Return the effect of "refer to the children as pupils", and of "call our dog Biscuit".

    A name stands for the whole phrase ("our dog"), another noun for the noun alone ("children"). An
    answer says "your cat" where the rule says "my cat". "Call your answers Reports." is about no
    word of an answer.
    """
    old = match["old"]
    new = (match.groupdict().get("quoted") or match["new"]).strip("\"'")
    bare = re.sub(r"^(?:the|our|my|your|all) ", "", old)
    is_name = new[0].isupper() or re.match(r"(?:the|our|my|your|an?) ", new)
    is_answer = old.lower().startswith("your ") and is_part_of_text(bare)
    if VAGUE.search(bare) or old.lower() == new.lower() or is_answer:
        return None
    if bare == old or not is_name:
        return _replace_noun(bare, new)
    forms = [old, f"your {bare}"] if re.match("my ", old, re.I) else [old]
    found = [f"contains {quote_value(form)}" for form in forms]
    return Effect(none_of(found), tuple((form, new) for form in forms))


def _replace_noun(old: str, new: str) -> Effect:
    """Return the effect of a noun for another, in the singular and in the plural."""
    one, one_new = to_singular(old.lower()), _to_singular_words(new)
    pairs = [(old, new)] if one == old else [(old, new), (one, one_new)]
    wanted = one if old.islower() else old
    return Effect(f"not {_find_wrong_word(wanted, new)}", tuple(pairs))


def _find_mark(name: str) -> str:
    """Return the check that finds marks of a name in the plural ("commas"); "" for other words."""
    found = (check for mark, check in MARKS.items() if re.fullmatch(f"(?:{mark})s?", name, re.I))
    return next(found, "") if name.endswith("s") else ""


def _find_sign(name: str) -> str:
    """Return the sign of "&", "the % sign" and "the euro sign"; "" for other words."""
    bare = re.sub(r"^(?:the|an?) ", "", name, flags=re.I)
    named = (check for sign, check in SIGNS.items() if re.fullmatch(sign, bare, re.I))
    if found := next(named, ""):
        return found.removeprefix('contains "').removesuffix('"')
    sign = bare.partition(" ")[0]
    return sign if re.fullmatch(r"[^\w\s\"']", sign) else ""


def _replace_mark(old: str, new: str) -> Effect:
    """Return the effect of "use semicolons instead of commas", of the checks that find them."""
    signs = [found[1] for check in (old, new) if (found := re.fullmatch('contains "(.)"', check))]
    return Effect(f"not {old}", ((signs[0], signs[1]),) if len(signs) == 2 else ())


def check_no_sentence_start(match: re.Match[str]) -> str:
    """Return the check of "do not start sentences with I", and of "and": "And" begins them."""
    others = re.findall(r"[\"']([\w'-]+)[\"']", match.groupdict().get("others") or "")
    words = "|".join(map(_match_capital, [match["word"], *others]))
    words = f"(?:{words})" if others else words
    return rf'not regex "(?:^|[.!?\\n]\\s*)\\b{words}\\b"'


def _match_capital(word: str) -> str:
    """Return the pattern of a word, whose small first letter may be a capital, too."""
    first = f"[{word[0].upper()}{word[0]}]" if word[0].islower() else re.escape(word[0])
    return first + re.escape(word[1:])


def check_yes_or_no(match: re.Match[str]) -> str | None:
    """Return the check of "answer yes or no", and of "answer with only yes or no"."""
    if _ASKS_MORE.search(match["more"] or ""):
        return None
    if re.search(r"\b(?:only|just|nothing (?:but|else|more))\b", match.string, re.I):
        return r'regex "(?i)^\\W*(?:yes|no)\\W*$"'
    return 'starts "Yes" or starts "No"'


_ASKS_MORE = re.compile(rf"\b{NUMBER}\b|\b(?:lists?|bullets?)\b", re.I)
"""What in a demand has a check of its own: "then explain in one sentence"."""


def hyphenate(match: re.Match[str]) -> Effect:
    """Return the effect of 'hyphenate "e-mail"'."""
    first, second = match["new"].split("-")
    others = (f"{first}{second}", f"{first} {second}")
    check = rf'not regex "(?i)\\b{first} ?{second}\\b"'
    return Effect(check, tuple((other, match["new"]) for other in others))


def check_two_words(match: re.Match[str]) -> Effect:
    """Return the effect of "write Web site as two words"."""
    apart = match["value"]
    joined = apart.replace(" ", "")
    return Effect(f"not contains {quote_value(joined)}", ((joined, apart),))


def check_name_not_other(match: re.Match[str]) -> str | None:
    """Return the check of "address him as Mr Okafor, never Chidi"."""
    name, other = match["name"].strip("\"'"), match["other"].strip("\"'")
    if re.search(rf"\b{re.escape(other)}\b", name, re.I):
        return None
    return f"contains {quote_value(name)} and not contains {quote_value(other)}"


def check_part_length(match: re.Match[str]) -> str | None:
    """Return the check of "no sentence may be longer than eight words", and of paragraphs, lines
    and items.
    """
    part = match["part"].lower()
    most = parse_count(match["count"]) - ((match["before"] or "").lower() in UNDER)
    if not 0 < most <= MAX_PART_WORDS:
        return None
    if match["size"].lower() == "characters":
        return rf'not regex "[^\\n]{{{most + 1}}}"' if part.startswith("line") else None
    lead, gap = _PART_GAPS.get(part.rstrip("s"), (LIST_ITEM + r"[^\\w\\n]*+", r"[^\\w\\n]"))
    words = rf"(?:\\w++(?:['’-]\\w++)*+{gap}++){{{most}}}\\w"
    return f'not regex "{lead}{words}"'


_WORD_START = r"(?<!\\w)(?<!\\w['’-])"
_PART_GAPS = {
    "sentence": (_WORD_START, r"[^\\w.!?|\\n]"),
    "line": (_WORD_START, r"[^\\w\\n]"),
    "paragraph": (_WORD_START, r"(?:(?!\\n[ \\t]*\\n)\\W)"),
}
"""Where a part that is no item may begin, and a sign between two of its words."""


def check_paragraph_length(match: re.Match[str]) -> str | None:
    """Return the check of "use at most two sentences in each paragraph"."""
    bound = match["before"].lower()
    most = parse_count(match["count"]) - (bound in UNDER)
    inside = rf"(?:[^\\n.!?]|[.!?](?=[^\\s.!?\"'”’)])|{_NO_END})*+"
    ended = rf"{inside}[.!?]+[\"'”’)]*[ \\t]+"
    return f'not regex "(?m)^(?:{ended}){{{most}}}[^\\\\s]"' if most > 0 else None


_NO_END = (
    r"(?<=\\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\\.g|i\\.e|[A-HJ-Z]))\\.(?=[ \\t])|(?<=^\\W*\\d{1,3})\\."
)
"""A full stop that ends no sentence: of an abbreviation, an initial or the number of an item."""
EACH_ON_A_LINE = (
    r'not regex "(?m)[.!?](?<!\\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\\.g|i\\.e|[A-HJ-Z])\\.)'
    r'(?<!^\\W*\\d{1,3}\\.)[\"”’)]?[ \\t]+\\p{Lu}"'
)
"""The condition that no sentence follows another one on its line."""
NO_DOUBLE_QUOTES = r'not regex "[\"“”]"'
NO_SINGLE_QUOTES = r'not regex "(?<!\\w)[‘\'](?!\\d\\ds\\b|(?i:em|tis|twas|til|cause|n)\\b)(?=\\w)"'
"""The condition that no word begins with a single quotation mark; "'90s" and "'tis" have an
apostrophe.
"""


MAX_PART_WORDS = 200
ONLY_ITEMS = rf'not regex "(?m)^(?!{ITEM_MARK})[ \\t]*\\S"'
"""The condition that no line is other than an item."""
NO_BULLETS = rf'not regex "(?m)^[ \\t]*{BULLET}[ \\t]"'
"""The condition that no line begins with a bullet; a number is none."""


def check_line_start(match: re.Match[str]) -> str:
    """Return the check of "start every line with a dash"."""
    value = match["value"].strip("\"'")
    sign = {"a dash": "[-–—]", "a hyphen": "-", "a bullet": BULLET}.get(value.lower())
    start = sign or re.escape(value).replace("\\", "\\\\").replace('"', '\\"')
    return rf'not regex "(?m)^(?![ \\t]*{start})[ \\t]*\\S"'


def forbid_words(match: re.Match[str]) -> str | None:
    """Return the check of "never use bark, barking or noise", where words are meant, not things.

    "Never use irony or sarcasm." is about no words: two must be forms of one word, or chats' own.
    """
    words = [word.lower() for word in re.split(r",? (?:or|and|nor) |, ", match["words"])]
    forms = "|".join(rf"{re.escape(word)}(?:\w?(?:ing|ed|er|y)|e?s)" for word in words)
    is_literal = any(re.fullmatch(forms, word) for word in words) or (
        match["verb"].lower() == "write" and any(map(_ADJECTIVE.fullmatch, words))
    )
    is_literal |= all(re.fullmatch(_CHAT_WORD, word) for word in words)
    if not is_literal or any(VAGUE.search(word) or len(word) < 2 for word in words):
        return None
    return none_of([f"contains {quote_value(word)}" for word in words])


_CHAT_WORD = r"lol|brb|omg|btw|idk|imho?|rofl|lmao|wtf|tbh|ttyl|thx|fyi|asap|afaik|smh|ikr|nvm"
_ADJECTIVE = re.compile(r"[a-z-]+(?:ing|ous|ful|ive|able|less)")


_HUMPS = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|[ -]+")
"""Where a name may fall apart: "KnitWit", "Fern & Thistle"."""


def check_spelled(match: re.Match[str]) -> str | None:
    """Return the check of "spell our brand LUMA in capitals" and "write our name as KnitWit": the
    name has no other capitals, no gaps and no other word for its "&".

    A name that is spelled as any other ("write our name as Anna") must occur.
    """
    name = match["name"].strip("\"'")
    is_as_usual = re.fullmatch(r"[A-ZÀ-Þ][a-zà-ÿ]+(?: [A-ZÀ-Þ][a-zà-ÿ]+)*", name)
    listed = match.groupdict().get("others") or ""
    found = re.findall(r"\"([^\"]+)\"|'((?:[^']|(?<=\w)'(?=\w))+)'|([\w&'-]+)", listed)
    others = ["".join(parts) for parts in found]
    others = [word for word in others if not re.fullmatch("or|and|nor", word)]
    same = re.sub(r"\W", "", name).casefold()
    other_words = [word for word in others if word.casefold() != same]
    if is_as_usual and not others and not match.groupdict().get("capital"):
        return None
    parts = [
        r"(?:&|\+|and)" if part == "&" else re.escape(part) for part in _HUMPS.split(name) if part
    ]
    pattern = rf"(?<![\w@./-])(?!{re.escape(name)}(?!\w))(?i:{'[ -]?'.join(parts)})(?![\w@]|\.\w)"
    words = [f"contains {quote_value(word)}" for word in other_words]
    return none_of([f"regex {quote_value(pattern)}", *words])


def check_hyphen(match: re.Match[str]) -> str:
    """Return the check of "write e-mail with a hyphen": it is not one word."""
    joined = re.escape(match["name"].strip("\"'").replace("-", ""))
    return rf'not regex "(?i)(?<![\\w@])(?!\\w*@){joined}"'


_CODE_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "", "JPY": "¥"}


def check_placed_code(match: re.Match[str]) -> str:
    """Return the check of "write EUR before the amount instead of the euro sign"."""
    code = match["code"]
    is_before = match["place"].lower() in ("before", "in front of")
    place = rf"{code} ?\d" if is_before else rf"\d ?{code}\b"
    sign = _CODE_SIGNS.get(code, "")
    unwanted = f" and not contains {quote_value(sign)}" if match["old"] and sign else ""
    return f"regex {quote_value(place)}{unwanted}"


def check_not_called(match: re.Match[str]) -> str:
    """Return the check of "don't call me buddy"."""
    bare = match["bare"] or ""
    name = match["value"] or (to_singular(bare) if bare.islower() else bare)
    return f"not contains {quote_value(name)}"


def check_first_word(match: re.Match[str]) -> str:
    """Return the check of "say no"."""
    return f"starts {quote_value(match['value'].capitalize())}"


def check_literal(match: re.Match[str]) -> str | None:
    """Return the check of "use the word "please"" and "call me Captain": it must occur."""
    value = next(value for value in match.groups() if value)
    is_quoted = re.search(rf"[\"']{re.escape(value)}[\"']", match.string)
    if not is_quoted and _CONTRASTED.search(value):
        return None
    if bare := re.fullmatch(r"([\"'])(.+)\1", value):
        value = bare[2]
    has_word = re.search(r"[^\W_]", value)
    return f"contains {quote_value(value.rstrip('.!') if has_word else value)}"


_CONTRASTED = re.compile(r",? (?:instead of|rather than|(?:and |but )?(?:not|never)) ", re.I)
"""What stands between a value and what must not be said for it."""


_OF_SPEAKER = re.compile(r"(?:my|our) (?:name|age|address|birthday|job)s?", re.I)
"""What is mentioned in other words than these: "mention my age"."""


_AMOUNT = re.compile(
    rf"[€$£] ?\d|\d ?[%€$£]|\b{NUMBER}[ -](?:per ?cent|euros?|dollars?|pounds?)\b", re.I
)
"""What is said in other words too: "our 10% discount"."""


_TURNED = re.compile(
    r"^(?:no|none|nothing|nobody|neither|not|never|only|just|fewer|less|as few|as little|"
    r"(?:any|every)\w* but)\b|\b(?:nor|except|but|without|unless|or|other than|apart from)\b|"
    rf" (?:twice|thrice|sometimes|occasionally|rarely|seldom|now and then|(?i:{NUMBER}) times)$"
)
"""What turns a demand around, leaves a choice or counts: "mention no prices", "anything but
flowers", "Acme twice".
"""
_BESIDE = re.compile(
    r"(?:,? (?:as well|too|also|instead|often|regularly|frequently|briefly|right away|"
    r"(?:when|where|if)(?:ever)? (?:you can|possible)|here and there|somewhere))+$"
)
"""How something is mentioned, which is no part of it: "Paris as well"."""
_OUR = re.compile(r"^(?:the|our|my|an?|your|some|their) ")


def _is_turned(what: str) -> bool:
    return _TURNED.search(QUOTED.sub("", what)) is not None or _CONTRASTED.search(what) is not None


VALUE = (
    r"[€$£]?\d[\d.,:/-]*[a-z%]{0,3}(?: (?:%|per ?cent|euros?|dollars?|pounds?|cents|(?-i:EUR|USD|"
    r"GBP)|seconds?|minutes?|hours?|days?|weeks?|months?|years?|km|miles?|kg|grams?|degrees|am|pm|"
    r"o'clock|January|February|March|April|May|June|July|August|September|October|November|"
    r"December)(?: \d{4})?)?"
)
"""A number with its unit, or a date."""
_VALUE_OF = re.compile(
    rf"(?:the|our|my|an?|your|its|their) (?:[a-z-]+ ){{0,2}}?[a-z-]+ (?:(?:of|on|at|from|by|until) "
    rf"{VALUE}|"
    r"(?-i:[A-ZÀ-Þ]\w+) \d.*)",
    re.I,
)
"""A value with its name: "the deadline of 14 March"."""
_PLACED_NOUN = re.compile(
    r"(?:[\w'-]+ ){1,3}(?:on|at|from|by|near|behind|opposite) (?:the )?[\w' -]+"
)
"""What answers say in more words: "the homework club on Tuesdays"."""
_VALUE_NAME = re.compile(
    r"^(?:the|our|my|its|their) (?:(?:[a-z]+ )?(?:date|time|price|cost|charge|day|amount|total) "
    r"(?:(?:of|at|on) )?|(?:start|beginning|opening|end) on )?",
    re.I,
)
"""What a value goes without: "the date of 9 June" is "on 9 June"."""
_PERIOD_OF = re.compile(
    rf"(?:the|our|my|an?) (?P<count>{NUMBER})[ -](?P<unit>minute|hour|day|week|month|year) "
    r"(?:return |free )?(?:limit|period|policy|window|deadline|guarantee|warranty|notice|trial)",
    re.I,
)
"""How long something holds; answers say "within 30 days" of "the 30-day limit"."""
_RELEASE = re.compile(r"(?:version|release|edition|update) (?=v?[\d.]+$)", re.I)


def check_said(match: re.Match[str]) -> str | None:
    """Return the check of "mention our loyalty card" and "recommend the library"."""
    what = _BESIDE.sub("", match["what"].strip())
    if _is_turned(what) or _OF_SPEAKER.fullmatch(what):
        return None
    if period := _PERIOD_OF.fullmatch(what):
        return check_statement(f"{period['count']} {period['unit']}s", is_clause=False)
    values = what.split(" and ")
    if all(map(_VALUE_OF.fullmatch, values)):
        checks = [check_statement(_VALUE_NAME.sub("", value), is_clause=False) for value in values]
        return join_checks([check for check in checks if check]) if all(checks) else None
    text = _RELEASE.sub("", _OUR.sub("", what))
    text = re.sub(r"^(?:number|amount|names?) of (?:the )?", "", text)
    parts = [_OUR.sub("", part) for part in text.split(" and ")]
    if len(parts) == 2 and all(map(_is_plain_noun, parts)):
        nouns = [_to_check_nouns(part.split(), match.string) for part in parts]
        return join_checks([f"contains {quote_value(noun)}" for noun in nouns])
    if (codes := find_codes(text)) and not MORE_DEMANDS.search(text):
        return join_checks([f"contains {quote_value(code)}" for code in codes])
    text = TOPIC_LEAD.sub("", text)
    words = text.split()
    if len(words) > 1 and re.fullmatch(r"[a-z]{3,}ing", words[0]):
        return check_statement(text, is_clause=False)
    if _PLACED_NOUN.fullmatch(text) and not VAGUE.search(text):
        return check_statement(text, is_clause=False)
    named = words and all(word[0].isupper() for word in words)
    if len(words) > 4 or (not named and (VAGUE.search(text) or " in " in text)):
        return None
    if _AMOUNT.search(text):
        return check_statement(text, is_clause=False)
    if not re.fullmatch(r"[^\W_][\w'&.-]*(?: [^\W_][\w'&.-]*){0,3}", text):
        return None
    return f"contains {quote_value(_to_check_nouns(words, match.string))}"


_NAMED_OTHERWISE = re.compile(
    r"\b(?:examples?|jokes?|summar(?:y|ies)|introductions?|conclusions?|sources?|references?|"
    r"links?|explanations?|reasons?|titles?|headings?|headlines?|quot(?:es?|ations?)|questions?|"
    r"lists?|tables?|images?|pictures?|photos?|code|tips?|facts?|numbers?|dates?|days?|prices?|"
    r"greetings?|sign-offs?|salutations?|warnings?|notes?|disclaimers?|ratings?|calls?|metaphors?|"
    r"analog(?:y|ies)|comparisons?|rhymes?|puns?|stor(?:y|ies)|anecdotes?|definitions?|"
    r"translations?|pronunciation|deadlines?|times?|costs?|budgets?|names?|address(?:es)?|"
    r"subjects?|lines?|sentences?|words?|paragraphs?|sections?|emojis?|steps?|ingredients?|"
    r"calories|details?|information|quantit(?:y|ies)|amounts?|measurements?|units?|temperatures?|"
    r"durations?|locations?|places?|countr(?:y|ies)|colou?rs?|sizes?|weights?|heights?|ages?|"
    r"authors?|years?|proverbs?|sayings?|idioms?|poems?|haikus?|songs?|animals?|plants?|foods?|"
    r"dish(?:es)?|films?|books?|persons?|people|characters?|hero(?:es)?|villains?|dialogues?|"
    r"endings?|twists?|morals?|lessons?|messages?|chapters?|features?|benefits?|advantages?|"
    r"disadvantages?|pros|cons|risks?|alternatives?|suggestions?|recommendations?|ideas?|"
    r"exercises?|activit(?:y|ies)|tasks?|tone|style|structure|language|opinions?|advice|spoilers?|"
    r"humou?r|jargon|slang|clich[eé]s?|adjectives?|verbs?|nouns?|goals?|objectives?|things?|"
    r"points?|bullets?|hashtags?|mentions?|thanks|apolog(?:y|ies)|compliments?|phrases?|terms?|"
    r"expressions?|instructions?|descriptions?|context|background|evidence|data|statistics|"
    r"figures?|codes?|signatures?|letters?|markup|markdown|text|part|hints?|reminders?|diagrams?|"
    r"charts?|graphs?|formulas?|equations?|proofs?|scenes?|settings?|plots?|parts? of speech|"
    r"sidekicks?|couplets?|refrains?|chorus|stanzas?|verses?|surprises?|estimates?|thesis|theses|"
    r"overviews?|appendix|index|footers?|headers?|intro|outro|prefaces?|prologues?|epilogues?|"
    r"hooks?|teasers?|recaps?|takeaways?|cliffhangers?|flashbacks?|yourself|emphasis|synthesis|"
    r"analysis|feedback|support|praise|conflict|drama|romance|suspense|[a-z]+(?:ty|ness|ment|phy|"
    r"ion|ions|ence|ance|ism|ings?|ary|ies)|synonyms?|antonyms?|abbreviations?|acronyms?|"
    r"everything|anything|nothing|something|all|both|it|them|this|that|these|those|only|more|most|"
    r"less|least|your|my|their|his|her|me|us|safety|dangers?|problems?|excitement|enthusiasm|none|"
    r"no|not)\b",
    re.I,
)
"""Words for what an answer has without saying the word: "include an example"."""


_FIGURES_OF_TEXT = re.compile(
    r"\b(?:preambles?|pronouns?|adverbs?|similes?|superlatives?|qualifiers?|buzzwords?|fillers?|"
    r"catchphrases?|intensifiers?|typos?|errors?|mistakes?|caveats?|spaces?|capitals?|accents?|"
    r"symbols?|signs?|marks?|contractions?|commas?|(?:semi)?colons?|dashes|hyphens?|brackets|"
    r"parentheses|asterisks|quotes|texts?|answers?|repl(?:y|ies)|responses?|files?|parts?|"
    r"others?|lots|kinds|sorts|types|pieces|options|choices|[a-z]+words?|periods|apostrophes|"
    r"umlauts|slashes|underscores|backticks|arrows|tildes|pipes|ticks|tabs|newlines|decimals|"
    r"footnotes|timestamps|hyperlinks|columns|rows|postscripts|subtitles|indents|blanks|"
    r"comments|tests|variables|imports|classes|loops|scripts|tags|labels|snippets|placeholders|"
    r"insults|slurs|curses|swears|expletives|threats|promises|requests|demands|guesses|"
    r"judgments|excuses|platitudes|euphemisms|tangents|asides|remarks|stereotypes|hedges|"
    r"fragments|clauses|gerunds|participles|articles|tenses|passives|anglicisms|vowels|"
    r"syllables|acrostics|honorifics|initials|surnames|nicknames|wishes|regards|hugs|"
    r"attachments|screenshots|videos|gifs|memes|stickers|maps|e-?mails|edits|changes|fixes|"
    r"improvements|corrections|extras|favou?rites|secrets|doubts|refunds|discounts|"
    r"compensations|always|yes|[a-z]*selves)\b",
    re.I,
)
"""What a text has without saying the word, beside what `_NAMED_OTHERWISE` has."""


def forbid_things(match: re.Match[str]) -> Effect | None:
    """Return the effect of "stories must not contain dragons" and "do not suggest museums"."""
    what = match["what"]
    if _NAMED_OTHERWISE.search(what) or _FIGURES_OF_TEXT.search(what):
        return None
    return forbid_topics_named(what, match.string)


def forbid_topics_named(what: str, sentence: str) -> Effect | None:
    """Return the effect of forbidding topics, as a sentence names them."""
    found = split_topics(what, sentence)
    if found is None:
        return None
    return Effect(found.check, topics=found.topics, names=found.check if found.topics else "")


_NUMBER = re.compile(rf"\b{NUMBER}\b", re.I)


def check_included(match: re.Match[str]) -> str | None:
    """Return the check of "include a warm-up": what is named by its own word."""
    what = match["what"].strip()
    is_counted = _NUMBER.search(what) and not re.search(r"\d", what)
    if _is_turned(what) or is_counted or _NAMED_OTHERWISE.search(what):
        return None
    return check_statement(what, is_clause=False)


_HAS_OPPOSITE = re.compile(
    r"\b(?:true|false|(?:in)?correct|right|wrong|(?:in)?accurate|good|better|best|open|closed|"
    r"allowed|(?:il)?legal|safe|dangerous|alive|dead|married|single|male|female|cheap|expensive|"
    r"hard|easy|difficult|(?:un)?important|late|early|real|fake|warm|cold|high|long|short|likely|"
    r"done|finished|ready|full|empty|clean|dirty|(?:un)?healthy|(?:ab)?normal|urgent|serious|fine|"
    r"okay|worth|here|still|already|really|quite|actually|just|ever|even)\b",
    re.I,
)
"""What an answer that says no calls by another word ("that is false"), and words beside it."""


def check_whether(match: re.Match[str]) -> str | None:
    """Return the check of "say whether it has nuts": who says that it has none names them, too."""
    return None if _HAS_OPPOSITE.search(match["what"]) else check_included(match)


def check_named(match: re.Match[str]) -> str | None:
    """Return the check of "say autumn" and "warn them about ticks": a danger has its own word."""
    what = match["what"].strip()
    return None if _is_turned(what) else check_statement(what, is_clause=False)


def check_names(match: re.Match[str]) -> str:
    """Return the check of "name both Tom and Aisha"."""
    names = re.split(r",? and |, ", match["names"])
    return " and ".join(f"contains {quote_value(name)}" for name in names)


_DATE_PATTERNS = {
    "yyyy-mm-dd": r"\d{4}-\d\d-\d\d",
    "dd/mm/yyyy": r"\d\d/\d\d/\d{4}",
    "mm/dd/yyyy": r"\d\d/\d\d/\d{4}",
    "dd.mm.yyyy": r"\d\d\.\d\d\.\d{4}",
}


def check_dated(match: re.Match[str]) -> str | None:
    """Return the check of "start with the date in the form YYYY-MM-DD"."""
    found = _DATE_PATTERNS.get(match["form"].lower())
    pattern = rf"^[\s*#]*{found}"
    return f"regex {quote_value(pattern)}" if found else None


def check_quoted(match: re.Match[str]) -> str:
    """Return the check of "put it in quotation marks", and of "... and add nothing else"."""
    if match["only"] or re.search(r"\b(?:answer|reply|response)\b", match["what"], re.I):
        return r'regex "^\\s*[\"“«][^\"”»]+[\"”»][.\\s]*$"'
    return r'regex "\"[^\"\\n]+\"|“[^”]+”|«[^»]+»"'


def check_no_quoted_words(match: re.Match[str]) -> Effect:
    """Return the effect of "never swear, not even 'damn'": the named words, and a manner."""
    words = re.findall(r"[\"']([^\"']+)[\"']", match["words"])
    check = none_of([f"contains {quote_value(word)}" for word in words])
    return Effect(check, unchecked=(match.string.partition(", not even")[0],))


def check_items_apart(match: re.Match[str]) -> str:
    """Return the check of "one item per line": no line names several, as "milk, eggs and bread"."""
    checks = [r'not regex "(?m)^(?>[^\\n]*?\\w, )[^\\n]*\\w,? (?:and|or) \\w"']
    if match["dash"]:
        sign = BULLET if "bullet" in match["dash"].lower() else "[-–—]"
        checks.append(rf'not regex "(?m)^(?![ \\t]*{sign})[ \\t]*\\S"')
    if match["only"]:
        checks.append(r'not regex "(?m)[.!?:][ \\t]*$"')
    return " and ".join(checks)


def check_own_line(match: re.Match[str]) -> str:
    """Return the check of "have the date on its own line that starts with 'When:'"."""
    pattern = rf"(?im)^[\s*#>-]*{re.escape(match['value'][1:-1])}"
    return f"regex {quote_value(pattern)}"


def _is_plain_noun(text: str) -> bool:
    return re.fullmatch(r"[a-z]+(?: [a-z]+)?", text) is not None and not VAGUE.search(text)


def _to_check_nouns(words: Sequence[str], sentence: str) -> str:
    return " ".join([*words[:-1], to_check_noun(words[-1], sentence)])


NEAR_CHARACTERS = 200
"""So near to the edge of an answer stands what is said first or last."""
APOLOGY = 'contains "sorry" or contains "apolog*"'


def _find_near(match: re.Match[str], pattern: str) -> str | None:
    """Return the check that finds a pattern where the rule says: first, at the end, or anywhere."""
    place = " ".join(filter(None, (match[name] for name in ("first", "edge", "place"))))
    if re.search("first|start|begin|open", place, re.I):
        return f"regex {quote_value(f'(?is)^.{{0,{NEAR_CHARACTERS}}}{pattern}')}"
    if place:
        return f"regex {quote_value(f'(?is){pattern}.{{0,{NEAR_CHARACTERS}}}$')}"
    return None


def check_apology(match: re.Match[str]) -> str:
    """Return the check of "apologize first"."""
    return _find_near(match, _REGRET) or f"regex {quote_value(f'(?i){_REGRET}')}"


_REGRET = r"(?<!\b(?:not|never|no|without|(?:do|does|wo)n['’]t)(?: \w+){0,2} )\b(?:sorry|apolog)"
"""An apology that is not denied: not "I am not sorry"."""


def check_thanks(match: re.Match[str]) -> str:
    """Return the check of "thank the reader at the end"."""
    return _find_near(match, r"\bthank") or 'contains "thank*"'


def check_wish(match: re.Match[str]) -> str:
    """Return the check of "wish the applicant good luck": a kind word before what is wished."""
    what = match["what"].split()[-1].lower()
    if what not in _EVERYDAY:
        return f"contains {quote_value(what)}"
    return rf'regex "(?i)\\b(?:{_KIND_WORDS})\\b[^.!?\\n]{{0,30}}\\b{what}\\b"'


_EVERYDAY = frozenset(
    re.findall(r"\w+", "day evening week weekend holiday holidays trip journey flight stay")
)
"""What is wished, and said of other things as well."""
_KIND_WORDS = (
    "good|great|nice|lovely|wonderful|pleasant|safe|happy|merry|best|speedy|quick|much|"
    "fantastic|beautiful|enjoy|wish|wishing|wishes"
)
"""How wishes begin."""


_SAYS_MORE = re.compile(r"\band (?:say|tell|mention|add|explain|ask|note|give|warn|remind)\b", re.I)
"""What begins the next demand."""


_PREFERRED = re.compile(r" over (?!\d)|(?:^| )[A-ZÀ-Þ][\w'-]* before [A-ZÀ-Þ]")
"""What something is preferred to, which need not be named: "Acme over Foo"."""


def check_recommended(match: re.Match[str]) -> str | None:
    """Return the check of what must be recommended: "taking the train" is about the train."""
    what = _BESIDE.sub("", match["what"])
    if _is_turned(what) or _SAYS_MORE.search(what) or _PREFERRED.search(what):
        return None
    what = re.sub(r"^[a-z]+ing (?=\w)", "", what)
    return check_statement(what) if len(what.split()) <= 6 else None


def _find_so_many(match: re.Match[str], count: int) -> str:
    """Return the condition that finds a mark so many times; "" if it is of several signs."""
    found = check_marked(match)
    if found == ANY_EMOJI:
        return f'regex "{repeat_emoji(count)}"'
    one = re.fullmatch(r'(?:contains "(.)"|regex "\[([^\]]+)\]")', found)
    mark = (one[1] or one[2]) if one else ""
    return f'regex "([{mark}][^{mark}]*){{{count}}}"' if mark else ""


def check_most_marks(match: re.Match[str]) -> str | None:
    """Return the check of "never use more than one exclamation mark", and of "not so many"."""
    most = parse_count(match.groupdict().get("most") or "one")
    more = _find_so_many(match, most + 1) if most else ""
    return f"not {more}" if more else None


def check_many_marks(match: re.Match[str]) -> str | None:
    """Return the check of "use lots of exclamation marks", "at least two" and "exactly one"."""
    count = MANY.get((match["many"] or "").lower()) or parse_count(match["count"] or "zero")
    if not count or not (least := _find_so_many(match, count)):
        return None
    is_exact = (match["before"] or "").lower() in EXACT
    return f"{least} and not {_find_so_many(match, count + 1)}" if is_exact else least


def check_comma_list(match: re.Match[str]) -> str | None:
    """Return the check of "give me five, separated by commas"."""
    count = parse_count(match["count"])
    if not 2 <= count <= MAX_LISTED:
        return None
    listed = "(?:[^,\\n]+,)" * (count - 1)
    return f'regex "{listed}[^,\\n]+" and not regex "{listed}[^,\\n]+," and not format=list'


def check_so_many_lines(match: re.Match[str]) -> str | None:
    """Return the check of "give me exactly four, one per line"."""
    count = parse_count(match["count"])
    if not 2 <= count <= MAX_LISTED:
        return None
    return f'regex "^\\\\s*(?:[^\\\\n]+\\\\n+){{{count - 1}}}[^\\\\n]+\\\\s*$"'


MAX_LISTED = 20


def check_marked_items(match: re.Match[str]) -> str:
    """Return the check of "list the ingredients with a dash in front of each"."""
    if (match["mark"] or match["mark_apart"]).lower() == "bullet":
        return "format=list"
    other = rf"(?![-–]){BULLET}|\\d+[.)]"
    return rf'regex "(?m)^[ \\t]*[-–—] ?\\S" and not regex "(?m)^[ \\t]*(?:{other}) "'


def check_questions(match: re.Match[str]) -> str | None:
    """Return the check of "ask at least two questions"."""
    count = parse_count(match["count"])
    least = r"\\?[^?]*" * count
    if not 0 < count <= MAX_QUESTIONS:
        return None
    is_exact = (match["before"] or "").lower() in EXACT
    return f'regex "^[^?]*{least}$"' if is_exact else f'regex "^[^?]*{least}"'


MAX_QUESTIONS = 10


def check_placed_sign(match: re.Match[str]) -> str:
    """Return the check of "put the pound sign before the number"."""
    check = check_marked(match)
    sign = re.escape(check.removeprefix('contains "').removesuffix('"'))
    before, after = f"{sign} ?\\d", f"\\d ?{sign}"
    is_before = {"before": before, "in front of": before, "in front": before}
    places = is_before | {"after": after, "behind": after}
    place = places.get((match["place"] or "").lower())
    return f"regex {quote_value(place)}" if place else check


def check_marked(match: re.Match[str]) -> str:
    """Return the check of "use at least one exclamation mark"."""
    name = match["mark"].lower()
    return next(check for mark, check in MARKS.items() if re.fullmatch(f"(?:{mark})s?", name))
