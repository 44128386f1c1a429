"""Find a time or a circumstance that limits a demand, and that no request tells.

"Answer in one sentence on Mondays." -> "on Mondays". A request says neither what day it is nor
where somebody sits, so that such a rule would be taught everywhere. What is only told ("my eyes
get tired at night"), what must be said ("say that we close at noon") and what a text is called
("the morning newsletter") limit nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from selfteach.materials.rules.phrases import QUOTED, SAYING, straighten_quotes
from selfteach.materials.rules.scopes.scope import split_rule, starts_effect
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.number_words import NUMBER

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_PART_OF_DAY = r"(?:mornings?|afternoons?|evenings?|nights?)"
_MONTH = (
    r"(?:january|february|(?-i:March|May)|april|june|july|august|september|october|november|"
    r"december)"
)
_SEASON = r"(?:(?-i:spring|fall)|summers?|autumns?|winters?)"
_FEAST = (
    r"(?:christmas(?: (?:eve|day))?|easter|lent|ramadan|advent|halloween|hanukkah|diwali|"
    r"thanksgiving|new year'?s?(?: (?:eve|day))?)"
)
_HOUR = (
    r"(?:noon|midnight|midday|dawn|dusk|sunrise|sunset|bedtime|night-?time|day-?time|weekends?|"
    r"week-?days?|work-?days?|(?:rainy|sunny|cold|hot|busy|dark|bad|good|school) days|"
    r"(?:lunch|dinner|breakfast|supper)(?:[ -]?time)?|"
    r"\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m\.?|p\.m\.?|o'?clock))"
)
_SPAN = (
    r"(?:holidays?|vacations?|deadlines?|exams?|meetings?|conferences?|lessons?|seasons?|terms?|"
    r"semesters?|working hours|work hours|office hours|business hours|opening hours|quiet hours|"
    r"rush hour|working days?|my day off|my days off|birthdays?|pandemic|war|shifts?|commute|"
    r"(?:phone |video |zoom )?calls?|prayers?|mass)"
)
_TIME = rf"(?:{_DAY}|{_PART_OF_DAY}|{_MONTH}|{_SEASON}|{_FEAST}|{_HOUR}|{_SPAN})"
_MY = r"(?:(?:the|a|an|my|our|your|his|her|their|this|these|those|all|any|every|each|next) )*"
_ADJECTIVE = (
    r"(?:(?:late|early|rainy|sunny|cold|hot|busy|quiet|dark|big|long|whole|bad|good|school|public|"
    rf"bank|summer|winter|christmas|easter|{_DAY}|first|second|third|last|other) )?"
)
_WHEN_IT_IS = (
    rf"(?:on|in|at|before|after|during|until|till|by|over|throughout|through|since|from|around|"
    rf"between|past) {_MY}{_ADJECTIVE}{_TIME}"
    rf"(?:(?: and| or| to| until| till| through|,) (?:on |in |at )?{_MY}{_ADJECTIVE}{_TIME})*"
)
_PLACE = (
    r"(?:in (?:public|private|class|church|bed|court|town|transit)|at (?:work|home|school|church|"
    r"university|college|sea|(?:the|my) (?:office|gym|desk|table|airport|station))|in (?:the|my|"
    r"our) (?:office|car|kitchen|classroom|bus|train|lab|house|gym|street|shop|store|library)|"
    r"on (?:the|my|a|our) (?:phone|mobile|bus|train|plane|road|go|street|way|commute|"
    r"smartphone|watch|tablet|laptop)|on (?:mobile|vacation|holiday|leave|duty|weekdays|"
    r"stage|air)|over the phone|by phone|while (?:driving|walking|commuting|working|asleep))"
)
_NAMED_TIME = (
    rf"(?:(?<!from )(?<!as of )(?<!starting )(?<!since )"
    r"(?:(?:until|by|before|after) )?today(?! on)(?!')|tonight(?!')|"
    rf"(?:(?:from|starting|until|by|before|after|as of|since) )?tomorrow(?! on)(?!')(?: "
    rf"{_PART_OF_DAY})?|(?:this|next) (?:week|month|year|{_DAY}|"
    rf"{_PART_OF_DAY}|{_SEASON})|(?:every|each) (?:second |other |single )?(?:{_DAY}|"
    rf"{_PART_OF_DAY}|{_MONTH}|{_SEASON}|week-?ends?)|once an? (?:day|week|month)|(?:for|during) "
    rf"the rest of the (?:day|week|month|year|night|evening)|starting (?:on |next )?{_DAY}|"
    rf"(?:from )?{_DAY} (?:to|through|till|until) {_DAY})"
)
_IS_DOING = (
    r"(?:(?:I|we|he|she|they|it|there|somebody|someone)(?:'(?:m|s|re|ve|ll|d)\b| (?!(?:and|or|but|"
    r"not|in|on|at|as|to|with|for|of|instead|rather)\b)[a-z]+)|(?:the|my|our|his|her) "
    r"(?!(?:answer|reply|response|question|request)\b)[a-z]+ (?:is|are|was|were|has|have|had|"
    r"gets?|comes?|goes|ends?|starts?|begins?|arrives?|leaves?|opens?|closes?|wakes?|sleeps?|shines?))"
)
_WEATHER = (
    r"(?: is|['’]s)? (?:rain|snow|dark|cold|hot|warm|sunny|winter|summer|spring|autumn|night|day|"
    r"early|late|light|storm|freez|pour|drizzl|hail|fog|wind)"
)
_CLAUSE = (
    rf"(?:(?:as|so) long as(?! (?:they\b|it\b(?!{_WEATHER})|(?:I|we|you) (?:like|want|need|"
    r"wish)\b))|after|before|until|till|once(?= (?:I|we|it)\b)|by the time|ever since|"
    r"provided(?: that)?|providing(?: that)?|given that|on condition that|assuming(?: that)?"
    r"(?! (?:(?:I|we)(?: am| are|'m|'re)|(?:my|our|the) (?:readers?|audience|listeners?|users?|"
    rf"viewers?|customers?|students?|pupils?|children) (?:is|are|has|have))\b)) {_IS_DOING}[^,;:]*?"
)
_GERMAN_DAY = r"(?:(?:mon|diens|donners|frei|sams|sonn|feier|werk)tag|mittwoch|wochenende)"
_GERMAN_PART = r"(?:morgen|vormittag|mittag|nachmittag|abend|nacht)"
_GERMAN_TIME = (
    rf"(?:(?:{_GERMAN_DAY}|{_GERMAN_PART})s|am (?:{_GERMAN_DAY}|{_GERMAN_PART})|an "
    rf"{_GERMAN_DAY}e?n|im (?:urlaub|büro|dienst|unterricht|winter|sommer|frühling|herbst)|"
    r"in der (?:nacht|schule|arbeit|pause)|zu (?:hause|weihnachten|ostern)|heute|morgen)"
)
_FRENCH_TIME = (
    r"(?:(?:tous )?les? (?:(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?|matins?|soirs?|"
    r"week-?ends?)|la nuit|en (?:vacances|classe|hiver|été|automne)|au (?:bureau|travail|"
    r"printemps)|à (?:la maison|l'école|noël|pâques)|aujourd'hui|demain)"
)
_SPANISH_TIME = (
    r"(?:(?:todos )?(?:el|los) (?:lunes|martes|miércoles|jueves|viernes|(?:sábado|domingo)s?|"
    r"fin(?:es)? de semana)|(?:por|en) la (?:mañana|tarde|noche)|de noche|en (?:vacaciones|clase|"
    r"casa|navidad|verano|invierno|primavera|otoño|el trabajo)|hoy|mañana)"
)
_ITALIAN_TIME = (
    r"(?:(?:il|di|ogni) (?:(?:lune|marte|mercole|giove|vener)dì|sabato|domenica)|la (?:domenica|"
    r"mattina|sera|notte)|di (?:notte|sera|mattina)|nel (?:fine settimana|weekend)|in (?:vacanza|"
    r"ufficio|classe|inverno|estate|autunno|primavera)|al lavoro|a (?:casa|natale|pasqua)|oggi|"
    r"domani)"
)
_FOREIGN = re.compile(
    rf"(?:^|(?<=[ ,]))(?P<said>{_GERMAN_TIME}|{_FRENCH_TIME}|{_SPANISH_TIME}|{_ITALIAN_TIME})"
    r"(?=$|[ ,]),? ?",
    re.I,
)
"""A German, French, Spanish or Italian time or place."""
_TOLD_ELSEWHERE = re.compile(
    r"\b(?:dass|über|sobre|sur|que|che|wenn|quand|cuando|quando|nenn\w*|erwähn\w*|mention\w*|"
    r"mencion\w*|menzion\w*|sprich|spr[ei]ch\w*|rede\w*|parl\w*|habl\w*)\b|\bqu'",
    re.I,
)
"""What such a time may belong to: something said, a subject."""
_NAMED = rf"(?:{_WHEN_IT_IS}|{_PLACE}|{_NAMED_TIME})"
_DEMANDS = (
    r"(?:never|always|do not|don't|please|no|be|use|answer|reply|write|say|keep|stay|give|avoid|"
    r"start|end|add)\b"
)
_FIRST, _FIRST_UNPARTED = (
    re.compile(
        rf"(?:(?:but|and|only|just|please|always|also|even) )*(?P<said>{_NAMED}|"
        rf"(?!once){_CLAUSE}(?={end}))(?:(?P<comma>, (?:then )?)| )(?P<demand>\S.*)",
        re.I,
    )
    for end in (", ", f" {_DEMANDS}")
)
"""A clause ends at its comma, or else where a demand begins: "as long as it rains be brief"."""
_LAST = re.compile(rf"(?P<demand>.+?),? (?:only |just |even )?(?P<said>{_CLAUSE})", re.I)
_WITHIN = re.compile(
    rf"(?<= )(?P<said>{_NAMED})(?=$|[,;:.!?)]| (?:with|without|by|using|under|below|at most|at "
    r"least|no|never|always|only|please|because|so|since|as|in (?:one|two|three|four|a|an|at "
    r"most|under|\d|(?-i:[A-Z])|bullet|prose|verse|rhyme|all|lower|upper|capital)|use|keep|"
    r"answer|and|but|or)\b)",
    re.I,
)
_TOLD = re.compile(
    rf"{SAYING}|\b(?:say|tell|mention|remind|note|explain|state|inform|ask|recommend|suggest|offer|"
    r"invite|refer|wish|talk|speak|discuss|warn|announce|write (?:about|that)|call|advise|describe|"
    r"quote|list|name|about|point|send|promise|apologi[sz]e|thank|greet|give|add (?:that|the|our|a "
    r"(?:note|hint|remark|reminder))|include (?:that|the|our|a (?:note|hint|remark|reminder))|"
    r"that|which|who|whether|how|what|where|when(?:ever)?|if)\b",
    re.I,
)
"""What a time may belong to: something said, a place that is named, another condition."""
_NOUN_OF_TIME = re.compile(
    r"\b(?:times?|hours?|dates?|appointments?|events?|days?|deadlines?|things?|everything|plans|"
    r"trips?|part(?:y|ies)|flights?|trains?|news|weather|menu|schedules?)$",
    re.I,
)
"""What has a time of its own: "for times after noon"."""
_WORD_SAID = re.compile(
    r"\b(?:say|mention|write|quote) (?:the (?:word|phrase|sentence)s? )?\"\"", re.I
)
"""A quotation, whose own times do not count: what follows it limits the demand."""
_TEXT_UNIT = (
    r"(?:words?|sentences?|lines?|letters?|characters?|paragraphs?|points?|bullets?|steps?|items?|"
    r"emojis?|hearts?|emoticons?|hashtags?|questions?|examples?|tips?)"
)
_VALUE_GIVEN = re.compile(
    r"\b(?:answer|reply|respond)(?: only| just)?(?: with)? (?:(?:at|on|in|from|by|until|between|"
    r"after|before|around|about|every|each|only|the|a|an) )*"
    rf"(?!(?:{NUMBER})[ -](?:[a-z]+ )??(?:{_TEXT_UNIT}|(?:e-?)?mails?|messages?|texts?|requests?)"
    rf"\b)(?:(?:{_DAY}|{_PART_OF_DAY}|{_MONTH}|{_SEASON}|{_FEAST}|{_HOUR})(?=$|[,;]| (?:and|or|to|"
    rf"on|in|at|from|until|till|by|every|each|for|during)\b)|(?:{NUMBER})|\d[\d:.,]*|(?:we|they|"
    r"he|she|there|I)(?:'\w+)? [a-z]+|it(?:'s| (?:is|opens?|closes?|starts?|ends?|begins?|comes?|"
    r"takes?|runs?|leaves?|arrives?|costs?))|daily|open|closed)\b",
    re.I,
)
"""A time or a number that an answer gives: "answer 8 pm on weekdays"; "20 words" are a demand."""
_ANSWERS_AT = re.compile(
    rf"(?:please |just |simply )*(?:answer|reply|respond)(?: with)?(?: (?:yes|no|maybe))?,? "
    rf"(?:{_NAMED})",
    re.I,
)
"""An answer that has nothing but a time in it: "answer at noon", "answer yes, on weekdays"."""
_PART_OF_ANSWER = re.compile(
    rf"\"|\b(?:with|answers?|repl(?:y|ies)|responses?|messages?|lists?|smileys?|greetings?|"
    rf"signatures?|titles?|headings?|headlines?|subject|jokes?|puns?|spaces?|commas?|marks?|stars?|"
    rf"(?:e-?)?mails?|texts?|letters|capitals|names?|numbers|dates|tone|{_TEXT_UNIT})\b",
    re.I,
)
_PLANNED = re.compile(
    r"\b(?:(?:let|set|plan|put|schedule|book|arrange|place|serve|begin|start|end|finish)"
    r"(?P<object> (?!(?:it|them|this|that|off|by|in|on|at|with|me|[a-z]+ly$|(?:every)?things?)\b)"
    r"[^,;]+)|(?:begin|start|end|finish|(?:be|is|are) set|play|happen|occur|take place)"
    r"s?)$",
    re.I,
)
"""What has a time in the text that is written: "put the biggest meal" at noon."""
_FROM_THERE = re.compile(
    r"\b(?:examples?|words?|phrases|scenes?|stories|anecdotes?|quotes|quotations|terms|expressions|"
    r"slang|language|metaphors?|images|comparisons|analogies|memories|songs|recipes|lessons|news|"
    r"photos|pictures|details|situations)$",
    re.I,
)
_OF_PEOPLE = re.compile(
    r"\b(?:people|they|we|I|you|children|kids|adults|everyone|everybody|someone|somebody) "
    r"(?:would |can |could |might |may |usually |often )?(?:use|say|speak|know|hear|learn|need|see|"
    r"read|eat|write|wear|sing|tell|find|meet|do|have|like|enjoy|understand)$|"
    r"\b(?:my|the|our) [a-z]+ (?:uses?|says?|knows?|speaks?|eats?|wears?|reads?|"
    r"hears?|learns?|does|do)$",
    re.I,
)
"""A clause that tells which words: "words people use" at home."""
_REST_OF_TIME = re.compile(r"the rest of the (?:day|week|month|year|night|evening)", re.I)
_AT_PLACE = re.compile(_PLACE, re.I)
"""Where somebody is, as the whole scope: "when at home"."""
_TEXT_AT_TIME = re.compile(
    rf"(?P<said>(?:on|in|at|before|after|during) {_MY}{_ADJECTIVE}(?:{_DAY}|{_PART_OF_DAY}|"
    rf"week-?ends?|week-?days?|noon|midnight)|today|tonight|tomorrow)$",
    re.I,
)
"""When something is written, at the end of a scope: "emails to my boss on Mondays"."""
_DATED = re.compile(
    r"\b(?:about|regarding|concerning|announcing|re:?)\b|\b(?:meetings?|part(?:y|ies)|launch(?:es)?|"
    r"weddings?|concerts?|events?|appointments?|exams?|dinners?|lunch(?:es)?|breakfasts?|trips?|"
    r"games?|match(?:es)?|shows?|interviews?|birthdays?|workshops?|class(?:es)?|lessons?|courses?|"
    r"conferences?|talks?|funerals?|ceremon(?:y|ies)|festivals?|picnics?|barbecues?|receptions?|"
    r"webinars?|calls?|visits?|tours?|openings?|gatherings?|celebrations?|deadlines?|flights?|"
    r"deliver(?:y|ies)|strikes?|premieres?|rehearsals?|services?|sales?|markets?|fairs?|"
    r"tournaments?|races?|training|reunions?|graduations?|elections?)$",
    re.I,
)
"""What has a date of its own in a scope: "invitations to the party" on Saturday."""
_PARTS = re.compile(
    r"(?:[,;:]| [-–—]) | (?:because|so that|so|since|(?<!\blong )as) (?=(?:I|we|my|it|they)\b)"
)


def find_circumstance(
    sentence: str, demands: Callable[[str], bool], *, is_asked: bool = False
) -> str:
    """Return the time or the circumstance that limits the demand of a sentence; or "".

    Args:
        demands: tells whether a text is a demand; a bare noun is none.
        is_asked: whether the sentence is only the effect, and the scope is known.
    """
    text = QUOTED.sub('""', straighten_quotes(sentence)).rstrip(" .!?;")
    if found := _find_in_front(text, demands) or _find_foreign(text, demands):
        return found
    part = split_rule(text)
    if part.scope:
        text, is_asked = part.effect, True
        if said := _find_foreign(text, demands):
            return said
    if said := _find_in_scope(part.scope):
        return said
    if is_asked and _ANSWERS_AT.fullmatch(text):
        return ""
    return _find_in_demand(text, demands)


def _find_foreign(text: str, demands: Callable[[str], bool]) -> str:
    """Return a time in a German, French, Spanish or Italian demand: "montags", "le lundi"."""
    found = _FOREIGN.search(text)
    if found is None or _TOLD_ELSEWHERE.search(text[: found.start()]):
        return ""
    before, after = text[: found.start()].rstrip(" ,"), text[found.end() :]
    is_demand = demands(f"{before} {after}".strip())
    return found["said"] if is_demand else ""


def _find_in_scope(scope: str) -> str:
    """Return when a text is written; what is asked about may have a time: "trains on Sunday"."""
    if _REST_OF_TIME.fullmatch(scope):
        return f"for {scope}"
    if _AT_PLACE.fullmatch(scope):
        return scope
    is_text = read_situation(scope).kind in ("writing", "task")
    found = _TEXT_AT_TIME.search(scope) if is_text else None
    is_dated = found is not None and _DATED.search(scope[: found.start()].rstrip())
    return found["said"] if found and not is_dated else ""


def _find_in_front(text: str, demands: Callable[[str], bool]) -> str:
    for form in (_FIRST, _FIRST_UNPARTED):
        first = form.fullmatch(text)
        if first is None:
            continue
        demand = first["demand"]
        if starts_effect(demand) or (first["comma"] and demands(demand)):
            return first["said"].strip()
    return ""


def _find_in_demand(text: str, demands: Callable[[str], bool]) -> str:
    for clause in _PARTS.split(text):
        if found := _find_in_clause(clause.strip(), demands):
            return found
    return _find_parted(text, demands)


def _find_in_clause(clause: str, demands: Callable[[str], bool]) -> str:
    for found in (_WITHIN.search(clause), _LAST.fullmatch(clause)):
        before = clause[: found.start("said")].strip(" ,") if found else ""
        if not found or not before or _is_told(before) or _is_content(before, found["said"]):
            continue
        after = clause[found.end("said") :]
        rest = f"{before}{after}"
        if any(starts_effect(text) or demands(text) for text in (before, rest)):
            return found["said"].strip()
    return ""


def _find_parted(text: str, demands: Callable[[str], bool]) -> str:
    """Return a circumstance that a comma parts from the demand: "No emojis, please, at night"."""
    before, _, last = text.rpartition(", ")
    is_one = re.fullmatch(rf"(?:but |only |just |at least )*(?:{_NAMED}|{_CLAUSE})", last, re.I)
    is_demand = starts_effect(before) or demands(before)
    if not (before and is_one and is_demand):
        return ""
    return "" if _is_told(before) or _is_content(before, last) else last


def _is_told(before: str) -> bool:
    is_of_noun = _NOUN_OF_TIME.search(before) is not None
    is_value = _VALUE_GIVEN.search(before) is not None
    return is_of_noun or is_value or _TOLD.search(_WORD_SAID.sub("", before)) is not None


def _is_content(before: str, said: str) -> bool:
    """Return whether a time or a place belongs to what is written: "let the story begin on Monday",
    "use words people use at home".
    """
    if planned := _PLANNED.search(before):
        return not _PART_OF_ANSWER.search(planned["object"] or "")
    is_span = re.search(r" (?:to|until|till|through) ", said) is not None
    if re.match(r"(?:from|around|during) ", said, re.I) and not is_span:
        is_counted = re.search(rf"\b(?:{NUMBER}|most|least|fewer|than)\b", before, re.I)
        return _FROM_THERE.search(before) is not None and not is_counted
    return re.match(r"(?:at|in|on) ", said, re.I) is not None and bool(_OF_PEOPLE.search(before))
