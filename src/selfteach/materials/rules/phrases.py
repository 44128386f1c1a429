"""The phrases that several readers of rules share: how answers are named, and who is told."""

from __future__ import annotations

import re

REPLIES = r"(?:answers?|repl(?:y|ies)|responses?|messages?)"
"""What the model writes."""
_GROUPS = (
    r"people|folks|customers|clients|guests|patients|visitors|callers|users|students|parents|members|"
    r"readers|everyone|everybody|anyone|anybody"
)
_ONE = (
    r"(?:user|reader|customer|client|caller|guest|person|patient|visitor|team|student|parent|"
    r"member)s?"
)
AUDIENCE = rf"(?:{_GROUPS}|(?:the|a|an|any|every) {_ONE})"
"""Those who ask, and are told something."""
THEM = rf"(?:them|him|her|me|us|{AUDIENCE})"
"""The same, or a pronoun for them."""
MADE = "(?:made|built|created|trained|developed|designed|programmed|invented)"
"""What whoever made the model did."""
SAYING = (
    rf"\b(?:say|tell (?:{THEM}|[a-z]+s)|explain|mention|answer|reply|state)(?:,? that|:|(?= we\b))"
)
"""How it begins that something must be said; what follows has its own reasons and exceptions."""
_GOES_ON = (
    r"(?:also |then |please |always )*(?:(?P<sure>never|no(?! (?:longer|matter|doubt|one|more\b(?! "
    r"than)))|do not|don't|always|please|not(?! (?:(?:too|so|very|just|only) )*\w*[^\Ws]$)|without|"
    r"at most|at least|exactly|only|no more than|maximum|max|under|fewer|less than|more than)|"
    r"(?:end|finish|close|conclude|start|begin|open|use|answer|reply|respond|write|add|include|put|"
    r"give|mention|say|tell|sign|call|limit|spell|separate|number|list|name|ask|thank|apologi[sz]e|"
    r"refer|replace|avoid|speak|talk|format|round|state|insert|stay|(?P<loose>keep|make)))\b"
)
MORE_DEMANDS = re.compile(
    rf"(?:(?P<clear>, (?:and |but |then )*)| (?:and|but|then) )(?P<more>{_GOES_ON}.*)", re.I
)
"""A second demand behind a reason or a purpose."""

_STRAIGHT = str.maketrans("’“”", '\'""')


def straighten_quotes(text: str) -> str:
    """Return a text with straight apostrophes and quotation marks."""
    return text.translate(_STRAIGHT)


_LIKE_S_AND_K = str.maketrans("ſ\u212a", "sK")
_LIKE_I = str.maketrans("ıİ", "ii")
_PLAIN_WORD = re.compile(
    r"(?<!\w)(?:[\"“][^\"”]*[\"”]|['‘][^'’]*['’](?!\w)|"
    r"(?<!word )(?P<word>[a-zı][a-zıİ]+|[A-Zİ]{2,}|[A-Z][a-zİ]+)(?!\w))"
)


def unify_letters(text: str) -> str:
    """Return a text without the letters that a pattern takes for s, k and i, while a table has none
    of them: "ſechs" -> "sechs", "wrıtten" -> "written". Names, quotations, a letter by itself and
    what is called a word keep their i.
    """
    if text.isascii():
        return text
    return _PLAIN_WORD.sub(
        lambda match: match[0].translate(_LIKE_I) if match["word"] else match[0],
        text.translate(_LIKE_S_AND_K),
    )


QUOTED = re.compile(r'"[^"]+"')
_FIRST_HIDDEN = 0xE000
"""The first code point of a block that no text uses."""


def hide_quotes(text: str, quoted: re.Pattern[str] = QUOTED) -> tuple[str, list[str]]:
    """Return a text whose quotations are a sign each, and the quotations: what they say is no part
    of a sentence's form.
    """
    quotes: list[str] = []

    def hide(match: re.Match[str]) -> str:
        quotes.append(match[0])
        return f'"{chr(_FIRST_HIDDEN + len(quotes) - 1)}"'

    return quoted.sub(hide, text), quotes


def show_quotes(text: str, quotes: list[str]) -> str:
    """Return a text with its quotations."""
    for number, quote in enumerate(quotes):
        text = text.replace(f'"{chr(_FIRST_HIDDEN + number)}"', quote)
    return text


OPEN_QUOTE = re.compile(r"(?<!\w)['‘](?:[^'’]|(?<=\w)['’](?=\w))*$")
"""A single quotation mark that nothing closes: what follows is quoted too."""
