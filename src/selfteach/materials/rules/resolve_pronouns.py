"""Find who "him", "her" or "them" is in a rule that tells of the person first.

"My boss hates long emails, so keep emails to him under 40 words." -> "keep emails to my boss under
40 words.". What the person likes in texts is a demand, too: "My boss hates long emails."
"""

from __future__ import annotations

import re

from selfteach.materials.rules.effects.plain_demand import TEXTS
from selfteach.materials.rules.scopes.situation import is_person

_TITLE = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?"
_NAME = rf"{_TITLE}[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)*"
_ADVERB = (
    r"(?:(?:do|does|did|is|are|has|have|can|could|will|would)(?:n['’]t| not| never)|cannot|never|"
    r"rarely|seldom|hardly|barely|always|often|usually)"
)
"""What stands between a person and a verb: "does not", "never", "usually"."""
_RELATION = rf"(?:my|our) [a-z][a-z'’-]+(?: (?!{_ADVERB}\b)[a-z][a-z'’-]+)??"
_TELLS = (
    rf"(?:{_ADVERB} [a-z]+|(?:can['’]t|won['’]t) [a-z]+|"
    r"(?:only |just )?(?:speaks?|understands?|reads?)|(?:love|like|hate|prefer|want|need|enjoy|"
    r"dislike|get)s?|is|are|has|have|can't stand|cannot stand)"
)
_CALLED = re.compile(
    rf"(?P<who>(?i:{_RELATION}))(?:'s name)? is(?: called| named)? (?P<name>{_NAME})"
)
_IS = re.compile(rf"(?P<name>{_NAME}) is (?P<who>{_RELATION})")
_HAVE = re.compile(
    rf"I(?: have|'ve got) an? (?P<role>[a-z][a-z'-]+)(?: [a-z]+)?? (?:named|called) "
    rf"(?P<name>{_NAME})"
)
_PERSON = rf"(?P<person>(?i:{_RELATION})(?: {_NAME})?|{_NAME})"
_DOES = re.compile(rf"{_PERSON} {_TELLS} ")
_LIKES = r"(?:wants|likes|prefers|expects|loves|needs|appreciates|insists on)"
_HATES = r"(?:hates|dislikes|can't stand|cannot stand|doesn't like|does not like|doesn't want)"
_DISLIKES = re.compile(rf"{_PERSON} {_HATES} (?P<what>(?:any |all )?[a-z][a-z -]*[a-z])")
_USES_THEM = re.compile(r"\b(?P<verb>use|using|write|add|put|send|include) (?:them|it|any)\b", re.I)
_WISHES = [
    (
        re.compile(
            rf"{_PERSON} {form} (?:(?:all|every|his|her|their|my) )*(?P<texts>{TEXTS})[.!]?"
        ),
        demand,
    )
    for form, demand in (
        (rf"{_LIKES} (?P<what>[^.,;!?]+?) in", r"Use \g<what> in \g<texts> to {person}."),
        (rf"{_HATES} (?P<what>[^.,;!?]+?) in", r"Use no \g<what> in \g<texts> to {person}."),
        (
            rf"{_LIKES} (?P<what>short|brief|concise|formal|informal|friendly|polite)",
            r"Keep \g<texts> to {person} \g<what>.",
        ),
        (rf"{_HATES} (?:long|wordy|lengthy)", r"Keep \g<texts> to {person} short."),
    )
]
"""What somebody likes or hates in texts, and the demand that it makes."""
_ASIDE = re.compile(r"(?:[.;!]|,? (?:so|and)(?=,? )|,) ")
"""What parts the sentence about the person from the demand."""
_WRITES_TO = (
    r"\b(?:(?:to|with|for)|text(?:ing)?|e-?mail(?:ing)?|messag(?:e|ing)|answer(?:ing)?|"
    r"writ(?:e|ing)|call(?:ing)?|greet(?:ing)?)"
)
_AFTER = (
    r"(?=$|[.,;:!]| (?:should|must|have|has|need|are|is|always|never|in|at|under|below|with|"
    r"about|when|short|brief|polite|formal|friendly|please|use|keep|be|add|write|say)\b)"
)
_PRONOUN = re.compile(rf"(?P<before>{_WRITES_TO}) (?P<pronoun>him|her|them){_AFTER}", re.I)
_SOMEBODY_ELSE = re.compile(r"\b(?:my|our) [a-z]|(?<=[a-z] )[A-ZÀ-Þ][\w'’-]+")
_RELATED = re.compile(rf"\b(?:[Mm]y|[Oo]ur) [a-z][a-z-]+(?: {_TITLE}[A-ZÀ-Þ][\w-]+)?\b(?!['’])")
_WOMEN = re.compile(
    r"\b(?:\w*-?mother|mum|mom|mama|sister|\w*daughter|wife|girlfriend|granny|nan|aunt|niece|"
    r"landlady|mother-in-law|sister-in-law|daughter-in-law)\b"
)
_MEN = re.compile(
    r"\b(?:\w*-?father|dad|papa|brother|\w*son|husband|boyfriend|grandpa|uncle|nephew|"
    r"father-in-law|brother-in-law|son-in-law)\b"
)
_UNRESOLVED = re.compile(
    r"(?:\S+ ){0,3}(?:to|text(?:ing)?|e-?mail(?:ing)?|messag(?:e|ing)|call(?:ing)?|answer(?:ing)?) "
    r"(?P<pronoun>him|her|them)",
    re.I,
)


def resolve_pronoun(text: str) -> str:
    """Return a rule with the person in the place of a pronoun, and without the part that only
    tells of the person. What a person likes in texts becomes a demand.

    Other rules stay as they are, and so does a pronoun after somebody else: "My boss is ill. When
    texting Maddie, send her a heart.".
    """
    for parting in _ASIDE.finditer(text):
        person = _find_person(text[: parting.start()])
        if not person:
            continue
        demand = text[parting.end() :].strip(" ,")
        pronoun = _PRONOUN.search(demand)
        if pronoun and not _SOMEBODY_ELSE.search(demand[: pronoun.start()]):
            if hated := _DISLIKES.fullmatch(text[: parting.start()]):
                demand = _USES_THEM.sub(rf"\g<verb> {hated['what']}", demand)
            return _PRONOUN.sub(rf"\g<before> {person}", demand)
        break
    return _read_wish(text)


def _read_wish(text: str) -> str:
    """Return "My boss hates long emails." as "Keep emails to my boss short."."""
    for form, demand in _WISHES:
        if found := form.fullmatch(text):
            return found.expand(demand.format(person=_to_lower_start(found["person"])))
    return text


_FACT = re.compile(
    r"(?P<fact>(?:(?:we|there|our|the|my) )[^.;:!?\"]+)[.!;] (?P<when>(?:if|when(?:ever)?) "
    r"[^,.;:!?\"]*\bask(?:s|ed|ing)?\b[^,.;:!?\"]+), (?:please |just |then |always )*"
    r"(?:(?:say|tell (?:them|him|her|people)) so|say (?:that|this)|mention (?:it|that|this)|"
    r"tell (?:them|him|her|people)(?: that| this)?)[.!]*",
    re.I,
)
"""A fact, and when it must be said: "We have no parking. If asked about it, say so."."""
_HAVE_WHAT = re.compile(
    r"(?:we|there) (?:(?:have|has|offer|sell|serve|provide|accept|take|is|are)|(?:do not|don't) "
    r"(?:have|offer|sell|serve|provide|accept|take)|(?:is|are) not|isn't|aren't)"
    r"(?: (?:no|any|an?|the|free))* (?P<what>(?!(?:open|closed|happy|sorry|in|at|on|from)\b)"
    r"[a-z][a-z'-]*(?: [a-z][a-z'-]*)??)(?: (?:allowed|available|here|left|nearby))?",
    re.I,
)
_ASKED_FOR_IT = re.compile(r"\b(?P<before>about|for) (?:it|that|this|them|those|one)$", re.I)


def say_fact(text: str) -> str:
    """Return "We have no parking. If asked about it, say so." as "If asked about parking, say that
    we have no parking."; another text as it is.
    """
    match = _FACT.fullmatch(text)
    if match is None:
        return text
    fact, when = match["fact"], match["when"]
    if _ASKED_FOR_IT.search(when):
        what = _HAVE_WHAT.fullmatch(fact)
        if what is None:
            return text
        when = _ASKED_FOR_IT.sub(rf"\g<before> {what['what']}", when)
    return f"{when}, say that {fact[0].lower()}{fact[1:]}."


def _find_person(sentence: str) -> str:
    """Return who a sentence tells of: "Jared is my boss" -> "my boss Jared"; or ""."""
    if found := _CALLED.fullmatch(sentence) or _IS.fullmatch(sentence):
        return f"{_to_lower_start(found['who'])} {found['name']}"
    if found := _HAVE.fullmatch(sentence):
        return f"my {found['role']} {found['name']}"
    found = _DOES.match(sentence)
    return _to_lower_start(found["person"]) if found else ""


def _to_lower_start(person: str) -> str:
    """Return "My boss" as "my boss"; a name stays."""
    return re.sub(r"^(?:My|Our)\b", lambda found: found[0].lower(), person)


def find_unresolved_pronoun(scope: str) -> str:
    """Return the pronoun that a scope writes to instead of a person: "emails to him"; or ""."""
    found = _UNRESOLVED.fullmatch(scope)
    return found["pronoun"] if found else ""


def name_person(scope: str, effect: str) -> str:
    """Return a scope with the one person of the demand in the place of its pronoun: "Be kinder to
    my mother-in-law when you write to her.". Without such a person the scope stays.
    """
    found = _UNRESOLVED.fullmatch(scope)
    people = {_to_lower_start(who) for who in _RELATED.findall(effect) if is_person(who)}
    if not found or len(people) != 1:
        return scope
    (person,) = people
    other = {"him": _WOMEN, "her": _MEN}.get(found["pronoun"].lower())
    return (
        scope if other is None or other.search(person) else scope[: found.start("pronoun")] + person
    )
