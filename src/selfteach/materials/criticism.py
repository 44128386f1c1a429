"""Turn criticisms of a recognized form into checks.

"too long, and no emoji" -> `max_words=40`, `not regex "..."`. A criticism is about one answer ("too
long"), a rule about all of them ("Answer in at most 40 words."). A relative criticism therefore
becomes a bound that none of the criticized answers meets. What only describes the answers ("you
start with Hello") asks for the contrary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

from selfteach.materials.rules.check_text import quote_value
from selfteach.materials.rules.phrases import hide_quotes, show_quotes
from selfteach.materials.rules.rule import suggest_check
from selfteach.number_words import NUMBER
from selfteach.text import count_words

SHORTER = 1 / 2
LONGER = 3 / 2
"""Shares of the shortest answer that was too long, and of the longest that was too short."""
MIDDLE = 2 / 5
"""Share of the median of the answers that were too long. So one short answer does not lower the
bound.
"""
MIN_WORDS = 5
"""The least bound on words, where the criticized answers have more."""
_DEGREE = (
    r"(?:much |far |way |a (?:(?:little |tiny )?bit|little|tad) |rather |still |just |slightly |"
    r"both |all |nice |simply )*"
)
_QUITE = r"(?:(?:very|quite|so|really|pretty|rather|a (?:little )?bit|a little|a tad|slightly) )*"
_SAID = r"(?:it|this|that|you|the answer|the reply|the response|your answers?)"
_LEAD = re.compile(
    rf"^(?:{_SAID}(?:'s| is| was| are| has| have| uses?| contains?| includes?)? |please |but "
    r"|also |and |ok(?:ay)? |well |(?:nice|good|fine|great) (?=but )|thanks |sorry |bitte |wrong "
    r"language )+",
    re.I,
)
_SHORTER = [
    (
        rf"{_DEGREE}(?:too (?:long|wordy|verbose|lengthy|long-winded|many words|much "
        r"(?:text|to read|detail|information))|less text|fewer words|shorter|briefer|a wall of "
        r"text)"
    ),
    (
        r"(?:not so|not that|less) (?:long|wordy|verbose|lengthy)|be "
        r"(?:brief|briefer|(?:more |much more )?(?:brief|concise)|short|shorter|to the point)|"
        r"use fewer words|write less|(?:come|get) to the point|half (?:as long|the length)"
    ),
    (
        r"(?:(?:can|could|would) you )?(?:shorten|trim|condense|(?:cut|trim|boil) (?=it down))"
        r"(?: (?:it|this|that)(?: down)?(?: a (?:bit|lot|little))?)?"
    ),
    (
        r"(?:(?:can|could|would) you )?(?:make|keep|cut|say) (?:it|this|that|your answers?) "
        r"(?:shorter|short|brief|briefer|more concise|in fewer words|half as long)"
    ),
    (r"(?:should|could|must|can) be (?:much |a lot |far )?(?:shorter|briefer|more concise)"),
    r"I want(?:ed)? (?:a )?short(?:er)? answers?",
    rf"{_QUITE}(?:wordy|verbose|lengthy|long-winded|chatty|rambling)|(?:you )?rambles?",
    rf"{_QUITE}(?:long|shorter)(?: (?:please|text))?|not (?:short|brief|concise) enough",
    r"(?:viel |etwas |ein bisschen )?zu (?:lang|ausführlich|wortreich)|(?:viel |etwas )?kürzer|"
    r"(?:beaucoup |bien )?trop longu?e?s?|plus courte?|(?:demasiado|muy|muy muy) larg[oa]|más "
    r"cort[oa]|troppo lung[oa]|più cort[oa]",
]
_LONGER = [
    (
        rf"{_DEGREE}(?:too (?:short|brief|terse)|longer)|(?:I )?(?:(?:need|want|would like|miss) )?"
        r"more details?|tell me more|say more|(?:make|keep) it longer"
    ),
    r"(?:should|could|must) be (?:much |a lot )?longer",
    r"not long enough",
    r"(?:viel |etwas )?zu kurz|(?:viel |etwas )?(?:länger|ausführlicher)|(?:beaucoup |bien )?trop "
    r"courte?s?|plus longue?|(?:demasiado|muy) cort[oa]|más larg[oa]|troppo cort[oa]|più lung[oa]",
]
_RELATIVE: list[tuple[re.Pattern[str], str, Callable[[Sequence[str]], str]]] = [
    (
        re.compile("|".join(_SHORTER), re.I),
        "shorter",
        lambda answers: f"max_words={_choose_max_words([count_words(a) for a in answers])}",
    ),
    (
        re.compile("|".join(_LONGER), re.I),
        "longer",
        lambda answers: f"min_words={int(LONGER * max(map(count_words, answers))) + 1}",
    ),
]
"""Forms of relative criticisms, what each asks for, and its check for the criticized answers."""
_TOO_MANY = re.compile(
    (
        rf"(?:with )?{_DEGREE}(?:too many|so many|full of|stop (?:using|with)|fewer|less|uses|has|"
        r"contains|includes|zu viele|trop de|demasiad[oa]s|troppi)"
        r" (?:(?:all|the|those|these) )*(?P<what>.+)"
    ),
    re.I,
)

_ENOUGH = re.compile(
    (
        rf"(?:I (?:only |just )?(?:need|want|wanted|asked for) |just |keep it to |limit it to "
        rf")?(?:only |just )?(?P<what>(?:a single|an?|{NUMBER}) (?:short )?"
        r"(?:sentences?|words?|lines?|paragraphs?|emojis?|exclamation marks?|question marks?|"
        r"bullet points?|bullets|hashtags?))(?: (?:(?:is|are|was|were|would be|would have been|"
        r"will be|should be|would have done) )?(?:enough|plenty|it|done it|sufficient|fine|the "
        r"limit|the maximum|max|maximum|at most|tops|all I (?:need|want)|would do|will do))?"
    ),
    re.I,
)
"""A number of sentences that is enough."""
_REMOVE = re.compile(
    r"(?:(?:can|could|would) you )?(?:drop|cut|lose|remove|skip|ditch|omit|delete|leave out|take "
    r"out|get rid of|enough(?: with| of)?|I (?:hate|dislike|can't stand|cannot stand|don't "
    r"(?:like|need|want)|do not (?:like|need|want)|didn't (?:want|ask for|need))|why(?: are "
    r"there)?(?: all| so many)?|what's with|there are too many|there is too much)"
    r"(?: (?:all|the|those|these|your|any|so many|of))* (?P<what>[^,;]+)",
    re.I,
)
"""What is not wanted."""
_WANTED = re.compile(
    r"(?:more|add(?: some| more)?|where (?:is|are)(?: the)?|I miss(?: the)?|missing|why (?:is "
    r"there |are there |do you use )?no) (?P<what>[^,;]+)",
    re.I,
)
_FORGOTTEN = re.compile(
    r"(?:(?:you )?forgot(?: to (?:mention|add|include))?|(?:should|must) (?:have "
    r")?mention(?:ed)?)(?: the)? (?P<what>[^,;]+)",
    re.I,
)
"""What is missing."""
_GIVEN = re.compile(
    r"(?:(?:opening|start|end|due|your|my|our|exact) )*(?:dates?|days?|times?|hours|prices?|costs?|"
    r"amounts?|address(?:es)?|(?:phone |order |room )?numbers?|names?|signatures?|subject(?: "
    r"line)?|reasons?|details|links?|sources?|units?)",
    re.I,
)
"""What an answer gives, and does not call by its name: "3 May" is the date."""
_SILLY = re.compile(
    r"(?:the|those|these|all the) (?P<what>.+?) (?:is|are|was|were|feels?|looks?|seems?) (?:so |"
    r"very |really |a bit |rather |quite )?(?:silly|childish|annoying|unnecessary|needless|useless|"
    r"pointless|superfluous|distracting|ugly|unprofessional|over the top|not needed|not necessary)",
    re.I,
)
"""What is not wanted, in other words."""
_LANGUAGE = re.compile(
    r"(?:(?:I(?:'d| would) (?:like|want|prefer)|I want(?:ed)?|write|say|answer) (?:it|this|that|"
    r"answers?|you) |I (?:asked|wrote|write)(?: you)? )?in (?P<language>\w+)(?: instead)?|"
    r"I (?:want|wanted|need|would like|'d like|prefer) (?P<wanted>English|German|French|Spanish|"
    r"Italian|Portuguese|Dutch|Polish)",
    re.I,
)
_SAYS = re.compile(
    r"(?:stop|quit|no more) (?:saying|writing|using) (.+)|(?:never|do not|don't) (?:say|write) "
    r"(.+)|no need (?:for|to say|to write) (?:the )?(.+?)(?: (?:part|bit|line|phrase))?|(?:never|"
    r"do not|don't|stop) call(?:ing)? me (.+)",
    re.I,
)
"""Words that an answer says, and should not."""
_QUOTATION = r"(?:\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)|‘[^’]+’)"
_IS_FINE = (
    r"(?!.*\b(?:not|no|never|too|overly|less|hardly|barely|rarely|far from|left out|"
    r"anything but)\b)(?: \w+)*? "
    r"(?:missing|absent|required|needed|necessary|mandatory|important|good|great|fine|nice|ok(?:ay)?|"
    r"perfect|better|best|friendly|polite|lovely|right|correct|welcome|enough|allowed)\b"
)
"""How words are praised, or wanted."""
_MISSING_WORDS = re.compile(
    rf"(?P<what>{_QUOTATION}) (?:is|was) (?:missing|absent|required|needed|mandatory|necessary)",
    re.I,
)
"""Words in quotation marks that are wanted."""
_NOT_THIS = re.compile(
    r"(?:(?:drop|cut|lose|remove|skip|delete|leave out|get rid of|stop (?:saying|using|writing|"
    r"with)|avoid|no|kein(?:e|en)?|(?:I )?(?:hate|dislike|can't stand)|enough(?: with)?|don't say|"
    rf"never say)(?: (?:the|your|all|of|that|these|those))* (?P<first>{_QUOTATION})(?:(?:,| and| "
    rf"or)* {_QUOTATION})*(?: (?:part|bit|line|phrase|opening|please|again))*|(?:it says |you say |"
    rf"you said |the )?(?P<named>{_QUOTATION})(?: (?:is|sounds|feels)(?!{_IS_FINE}) .*| "
    r"*(?:->|=>|→) *(?:delete|remove|out|away|nothing)|(?:,| -)? (?:never(?: use it)?|no|please "
    r"no|out|gone)))",
    re.I,
)
"""Words in quotation marks that are not wanted: "Drop the 'Great question!'"."""
_OTHER_WORD = re.compile(
    rf"(?:(?:(?:it |you )?(?:says?|said|writes?|wrote)|instead of) )?(?P<old>{_QUOTATION})(?: "
    r"should (?:be|read)|"
    rf" *(?:->|=>|→)|,? (?:say|use|write|better:?|rather)|:) (?P<new>{_QUOTATION})(?: instead)?",
    re.I,
)
"""A word for another one: "It says 'utilize', say 'use'"."""
_DEMANDED = re.compile(
    r"(?:(?:should|must|ought to|needs? to|has to|have to|could) (?:always )?)(?P<what>.+)", re.I
)
_NICE = re.compile(
    r"(?:an? |some )?(?P<what>.+?) would (?:have been|be) (?:nice|good|great|better|helpful)",
    re.I,
)
_I_WANTED = re.compile(
    r"I (?:want|wanted|need|needed|asked for|expected) (?:an? )?(?P<what>.+)", re.I
)
_PROSE = re.compile(
    r"(?:write|use|i want|just|bitte|in)? ?(?:normal|full|complete|plain|whole|flowing|ordinary|"
    r"real) (?:sentences|prose|text|paragraphs)|(?:bitte )?(?:fließtext|ganze sätze)|statements "
    r"only",
    re.I,
)
_TELLS = (
    r"(?:is|was|are|were|has|have|uses?|contains?|starts?|begins?|ends?|mentions?|says?|writes?|"
    r"wrote|keeps?|never|always|only|(?:do|does|did)(?:n['’]t| not)?)"
)
_DEMANDING = r"\b(?:should|must|need|have to|has to|please)\b"
_DESCRIBES = re.compile(
    rf"{_SAID}(?:['’]s|['’]re| {_TELLS})\b(?!.*{_DEMANDING})|"
    r"(?:has(?! to)|uses|contains|starts|begins|ends|is|was|(?:does|did)(?:n['’]t| not))\b|"
    r"(?:only|just) (?:one|two|three|an?|\d+)\b(?!.* (?:please|max|enough|at most))|"
    r"(?:more than|over) \d(?!.*please)",
    re.I,
)
"""What tells of the answers, where it could be taken for a demand: "you start with Hello"."""
_TELLS_PRESENCE = re.compile(
    r"(?:(?:but|also|and|ok(?:ay)?|well|sorry|thanks) )*"
    rf"(?:{_SAID}(?:['’]s|['’]re| (?:(?:always|often|also|still|only|just) )*(?:is|was|are|"
    r"were|has|have|had|used?|uses|contain(?:s|ed)?|includes?|included|starts?|started|begins?|"
    r"began|ends?|ended|mentions?|mentioned|says?|said|writes?|wrote|answers?|answered))|"
    rf"has|uses|contains|starts|begins|ends|is|was)\b(?! to\b)(?!.*{_DEMANDING})",
    re.I,
)
"""What tells of something that answers have, and should not: "it uses emojis"."""
_ABSENT_OR_WANTED = re.compile(
    r"\b(?:no|not|never|none|without|missing|lacks?|lacking|hardly|barely|too few|less|fewer|"
    r"enough|max|maximum|at most|tops|plenty|fine|ok|limit|better|would|could|can|instead|"
    r"supposed|meant|asked)\b|n['’]t\b",
    re.I,
)
"""Words with which a description tells of something that is not there, or asks for something."""
_BARE_MARK = re.compile(
    r"(?P<what>emojis?|emoticons|smileys?|bullet points|bullets|lists|headings|hashtags|tables)",
    re.I,
)
_HAS_MARK = re.compile(
    rf"{_SAID} (?:has|uses|contains) (?:an?|one) (?P<what>emoji|exclamation mark|question mark|"
    r"smiley|link|table|heading|hashtag)",
    re.I,
)
"""One mark that an answer has, and should not."""
_HAS_COUNT = re.compile(
    rf"{_SAID} (?:has|is|are|have|contains?) (?:about )?{NUMBER} (?:words|sentences|paragraphs|"
    r"lines|bullets|bullet points|emojis|items)(?: long)?",
    re.I,
)
"""A count that may be too high or too low."""
_WORD = r"[\"“'‘].+?[\"”'’]|[\w'-]+"
_THE_WORD = r"(?:the (?:word|phrase) )?"
_TOO_MUCH = r"(?:far |way |much )?too (?:much|often|many times)"
_OVERUSED = re.compile(
    (
        rf"(?:you )?(?:keep|kept) (?:on )?(?:using|saying|writing) {_THE_WORD}(?P<kept>{_WORD})"
        rf"|(?:say |write )?{_THE_WORD}(?P<used>{_WORD})(?: is| comes up| appears)?(?: used)? "
        rf"{_TOO_MUCH}"
    ),
    re.I,
)
"""A word that comes up too often."""
_SAYS_NOTHING = re.compile(
    r"(?:please|kindly|thanks|thank you|sorry|ok(?:ay)?|well|nice|good|fine|great)?", re.I
)
_PRAISE = re.compile(
    rf"(?:(?:{_SAID}(?:['’]s| is| was| looks| sounds)|looks|sounds|very|really|so|all|"
    r"just|absolutely|quite) )*(?:good|great|perfect|nice|fine|ok(?:ay)?|excellent|correct|"
    r"right|lovely|awesome|wonderful|brilliant|(?:well|nicely) done|good (?:job|answer)|love it|"
    r"I (?:like|love) (?:it|this|that)|thanks|thank you|thx|lgtm|"
    r"(?:[👍✅👌❤][\ufe0f🏻-🏿]*)+)",
    re.I,
)
_NO_FEEDBACK = re.compile(r"n/?a|null|nil|no (?:feedback|comments?)|[-–—_./ ]+", re.I)
_EDGE = re.compile(rf"(?:{_SAID} )?(?P<edge>start|begin|end)s with (?P<what>.+)", re.I)

AIM_FACTOR = 2 / 3
MIN_AIM = 10
"""Share of a bound on words that a revision aims at. Answers that learn to end at the bound itself
would exceed it half of the time. The aim is at least MIN_AIM words, unless the bound is lower."""


def tighten_checks(checks: Sequence[str]) -> tuple[str, ...]:
    """Return the same checks with lower bounds on the number of words."""

    def tighten(match: re.Match[str]) -> str:
        bound = int(match[1])
        return f"max_words={max(min(bound, MIN_AIM), int(AIM_FACTOR * bound))}"

    return tuple(re.sub(r"max_words=(\d+)", tighten, check) for check in checks)


def _choose_max_words(counts: Sequence[int]) -> int:
    """Return a bound on words that each of these too long answers exceeds."""
    below_all = min(counts) - 1
    floor = max(1, min(MIN_WORDS, below_all))
    return max(floor, int(SHORTER * min(counts)), min(int(MIDDLE * median(counts)), below_all))


def is_praise(feedback: str) -> bool:
    """Return whether a text only says that an answer is good: "perfect, thanks!"."""
    parts = [part.strip() for part in re.split(r"[,;.!]+", feedback)]
    return any(parts) and all(_PRAISE.fullmatch(part) for part in parts if part)


def says_nothing(feedback: str) -> bool:
    """Return whether a text stands for none: "n/a", "-"."""
    return _NO_FEEDBACK.fullmatch(feedback) is not None and not is_praise(feedback)


Keeps = Callable[[str, str], bool]
"""Returns whether a check is met by an answer."""


def make_checks(
    feedback: str, answers: Sequence[str], keeps: Keeps | None = None
) -> tuple[str, ...]:
    """Return the checks (docs/reference/checks.md) that a revision must pass.

    Each criticized point has one check. The result is empty if any part of the criticism is not
    recognized, because half of a criticism is another criticism.

    Args:
        feedback: the criticism.
        answers: the criticized answers. Without any, a relative criticism is "shorter" or "longer".
        keeps: applies a check. A description that all criticized answers meet ("it's in English")
            becomes its contrary.
    """
    feedback = _normalize(feedback)
    parts = [part for part in _split_points(feedback) if not _SAYS_NOTHING.fullmatch(part)]
    parts = [_join_description(*pair) for pair in pairwise(["", *parts])]
    found = [_make_fitting_check(part, answers, keeps) for part in parts]
    if not parts or not all(found):
        found = [_make_fitting_check(feedback.strip(), answers, keeps)]  # "between 10 and 20 words"
    return tuple(dict.fromkeys(check for check in found if check))


def _normalize(feedback: str) -> str:
    """Return a criticism without slips: "wayy to long" -> "way too long"."""
    text = re.sub(r"\btl;? ?dr\b", "too long", feedback, flags=re.I)
    text = re.sub(r"\bwa+y+\b", "way", text, flags=re.I)
    text = re.sub(r"\b(lo)o+(ng)\b", r"\1\2", text, flags=re.I)
    text = re.sub(r"\bto (?=(?:short|long|wordy|brief)\b)", "too ", text, flags=re.I)
    return re.sub(r"\b(do|does|did)nt\b", r"\1n't", text, flags=re.I)


def _split_points(feedback: str) -> list[str]:
    """Return the points of a criticism; what stands in quotation marks is not split."""
    hidden, quotes = hide_quotes(feedback, re.compile(_QUOTATION))
    joined = re.sub(
        r'(?<="), (?=(?:say|use|write)\b)|(?<="),? (?:and|or) (?=")|(?<="), (?=")', " ", hidden
    )
    parts = re.split(r"[,;.!?\n]+(?!\d)|\b(?:and|but|und|aber|et|mais|y|pero)\b", joined)
    return [show_quotes(part, quotes).strip() for part in parts]


def _make_fitting_check(part: str, answers: Sequence[str], keeps: Keeps | None) -> str | None:
    """Return the check of one point; the contrary of a description that all answers meet, and of a
    mark that all have ("emojis"). One that tells what answers have is never a demand for it.
    """
    if check := _make_relative_check(part, answers):
        return check
    check = _make_check(part, answers)
    is_mark = bool(answers and _BARE_MARK.fullmatch(part))
    if not check or not (is_mark or _tells_presence(part) or _DESCRIBES.match(part)):
        return check
    if not answers and _ABSENT_OR_WANTED.search(part):
        return None  # only the answers show whether "it has no lists" asks for lists
    is_literal = check in _list_literal_checks(_remove_lead(part))
    contrary = _negate(check) if is_literal else None
    if _tells_presence(part):
        demand = contrary if is_literal else check
    else:
        demand = contrary if _all_keep(check, answers, keeps) else check
    return None if not demand or _all_keep(demand, answers, keeps) else demand


def _all_keep(check: str, answers: Sequence[str], keeps: Keeps | None) -> bool:
    """Tell whether all answers keep a check; False where it cannot be applied."""
    return bool(keeps and all(keeps(check, answer) for answer in answers))


def _join_description(before: str, part: str) -> str:
    """Return a point with the words of the one before it: "it has lists and emojis"."""
    goes_on = _BARE_MARK.fullmatch(part) and _tells_presence(before)
    return f"it has {part}" if goes_on else part


def _tells_presence(part: str) -> bool:
    """Tell whether a point describes something that the answers have."""
    bare = re.sub(_QUOTATION, '""', part)
    return bool(_TELLS_PRESENCE.match(bare)) and not _ABSENT_OR_WANTED.search(bare)


def _list_literal_checks(text: str) -> list[str | None]:
    """Return the checks that answers meet if they are as the words say."""
    return [suggest_check(text), _bound_count(text), _demand_language(text)]


def _negate(check: str) -> str | None:
    """Return the check of answers that do not meet one; None of several joined demands."""
    if bound := re.fullmatch(r"(max|min)_(\w+)=(\d+)", check):
        count = int(bound[3])
        return f"min_{bound[2]}={count + 1}" if bound[1] == "max" else f"max_{bound[2]}={count - 1}"
    if check.startswith("not "):
        return check.removeprefix("not ")
    return None if " and " in check or " or " in check else f"not {check}"


def normalize_criticism(feedback: str) -> str:
    """Return the same text for criticisms that demand the same ("too long", "shorter, please").

    It is their checks, or their words if they are not recognized. A relative criticism has no check
    without its answers, and is not the same as a bound ("at most 15 words").
    """
    return " and ".join(sorted(make_checks(feedback, []))) or " ".join(
        re.findall(r"\w+", feedback.casefold())
    )


def _remove_lead(part: str) -> str:
    """Return a point without "it is", "please" and the like."""
    text = re.sub(r"(?<!word),? please$", "", _LEAD.sub("", part).strip(" .!?"), flags=re.I)
    return re.sub(r"^(?:doesn['’]t|does not|didn['’]t|did not) ", "don't ", text, flags=re.I)


def _make_relative_check(part: str, answers: Sequence[str]) -> str | None:
    """Return the check of "too long" or "too short"; without answers, what it asks for."""
    text = _remove_lead(part)
    for pattern, wish, build in _RELATIVE:
        if pattern.fullmatch(text):
            return build(answers) if answers else wish
    return None


def _bound_count(text: str) -> str | None:
    """Return the check of a number of sentences that is enough."""
    if not (enough := _ENOUGH.fullmatch(text)):
        return None
    return suggest_check(f"use at most {re.sub('(a single|an?) ', 'one ', enough['what'])}")


def _demand_language(text: str) -> str | None:
    """Return the check of a language that answers should have."""
    language = _LANGUAGE.fullmatch(text)
    if not language:
        return None
    return suggest_check(f"answer in {language['language'] or language['wanted']}")


def _make_check(part: str, answers: Sequence[str]) -> str | None:
    text = _remove_lead(part)
    if _HAS_COUNT.fullmatch(part.strip(" .!?")):
        return None
    if has := _HAS_MARK.fullmatch(part.strip(" .!?")):
        return suggest_check(f"no {has['what']}s")
    if _ENOUGH.fullmatch(text):
        return _bound_count(text)
    if missing := _MISSING_WORDS.fullmatch(text):
        return f"contains {quote_value(_get_quoted(missing['what']))}"
    if (words := _OTHER_WORD.fullmatch(text)) or (words := _NOT_THIS.fullmatch(text)):
        return _forbid_words(words)
    if _PROSE.fullmatch(text):
        return 'format="no list"' if "statements" not in text else 'not contains "?"'
    for form, demand in _DEMANDS:
        match = form.fullmatch(text)
        if match and (check := suggest_check(match.expand(demand))):
            return check
    if overused := _OVERUSED.fullmatch(text):
        word = (overused["kept"] or overused["used"]).strip("\"“”'‘’")
        return suggest_check(f"no {word}") or suggest_check(f'never say "{word}"')
    said = _SAYS.fullmatch(text)
    if said and (words_said := _find_said(next(filter(None, said.groups())), answers)):
        return suggest_check(f'never say "{words_said}"')
    if check := suggest_check(text):
        return check
    if _LANGUAGE.fullmatch(text):
        return _demand_language(text)
    if _BARE_MARK.fullmatch(text) and part.lower().rstrip(" .!").endswith("please"):
        return suggest_check(f"use {text}")
    return next(filter(None, (_read_form(form, text, demand) for form, demand in _LESS_SURE)), None)


_DEMANDS = [
    (re.compile(r"(?:never|not) without (?P<what>.+)", re.I), r"use \g<what>"),
    (_REMOVE, r"no \g<what>"),
    (_NICE, r"use \g<what>"),
    (_DEMANDED, r"\g<what>"),
]
"""Forms of criticisms, and the rule that each asks for."""
_LESS_SURE = [
    (_SILLY, r"no \g<what>"),
    (_WANTED, r"use \g<what>"),
    (_FORGOTTEN, r"use \g<what>"),
    (_FORGOTTEN, r"mention \g<what>"),
    (_TOO_MANY, r"no \g<what>"),
    (re.compile(r"with (?P<what>.+)", re.I), r"use \g<what>"),
    (_EDGE, r"do not \g<edge> with \g<what>"),
    (_I_WANTED, r"use \g<what>"),
    (re.compile(r"(?P<what>in .+)", re.I), r"answer \g<what>"),
    (_BARE_MARK, r"no \g<what>"),
]
"""The same, where the words are no rule themselves."""


def _read_form(form: re.Pattern[str], text: str, demand: str) -> str | None:
    match = form.fullmatch(text)
    if not match or (demand.startswith("mention") and _GIVEN.fullmatch(match["what"])):
        return None
    return suggest_check(match.expand(demand))


def _forbid_words(match: re.Match[str]) -> str | None:
    """Return the check of words that are not wanted; None where the quotes are empty."""
    groups = match.groupdict()
    named = [groups.get("old")] if groups.get("old") else re.findall(_QUOTATION, match[0])
    bare = filter(None, (_get_quoted(quote) for quote in named if quote))
    return " and ".join(f"not contains {quote_value(words)}" for words in bare) or None


def _get_quoted(quote: str) -> str:
    """Return what stands in a quotation, without marks at its end: "Hi!" -> Hi. A mark alone is
    kept.
    """
    inside = quote[1:-1].strip()
    words = inside.rstrip(".!,")
    return words if re.search(r"\w", words) else inside


def _find_said(words: str, answers: Sequence[str]) -> str:
    """Return words without their quotation marks, if a criticized answer says them; or ""."""
    bare = words.strip(" \"“”'‘’")
    return bare if any(bare.lower() in answer.lower() for answer in answers) else ""
