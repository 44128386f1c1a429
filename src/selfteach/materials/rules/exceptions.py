"""Refuse rules with an exception, rules that leave one subject alone, and rules of a circumstance.
Where a rule holds above all is no exception, and is left out of the demand.

A rule is taught where it holds, and nowhere else. What it shall not touch cannot be said.
"""

from __future__ import annotations

import re

from selfteach.errors import DataError
from selfteach.materials.rules.effects.effect import has_check
from selfteach.materials.rules.languages.other_languages import ScopedText
from selfteach.materials.rules.phrases import QUOTED, SAYING
from selfteach.materials.rules.scopes.circumstance import find_circumstance
from selfteach.materials.rules.scopes.situation import GENRE
from selfteach.text import shorten_text

_ITS = r"(?:(?:my|our|your|the|all|any|every|each|an?) )*"
_A_TEXT = (
    rf"(?= {_ITS}(?!(?:in|on|at|to|for|with) )(?:[a-z-]+ )??"
    rf"(?!(?:instructions|guides?|manuals?|contracts?|agendas?|menus?)\b)"
    r"(?!(?:answers?|repl(?:y|ies)|responses?|text)\b(?! (?:to|from|for|about|on)\b))"
    rf"{GENRE}\b| (?:when|texting|writing|e-?mailing|messaging|replying)\b)"
)
"""What a demand is excepted from: "outside recipes", "beyond emails to Marie"."""
_EXCEPTION = re.compile(
    r",? (?P<word>(?<!thing )(?<!things )(?<!questions )(?<!topics )(?<!go )(?<!look )"
    rf"(?:outside|beyond|besides){_A_TEXT}|besides (?:in|for|if)|"
    r"(?:any|every|no)where(?: else)? (?:but|except|besides|beyond|outside(?: of)?|other than)"
    r"(?! (?:never|always|do|don't|use|stay|keep|be|make|please)\b)|"
    r"(?:apart from|aside from|save for|with the exception of|"
    r"(?<!anything )(?<!nothing )other than|outside of)(?! th(?:at|is|ese)\b)|unless|except "
    r"(?:when|if|for|in|with|to|where|on|at|during|after|before|by)|"
    r"other than (?:when|if)|but (?:not|do(?: so)?|don't|do not) "
    r"(?:when|if|in|for|with|to)|es sei denn|außer wenn|sauf (?:si|quand)|à moins que|a menos que|"
    r"(?<=, )(?:excluding|barring)|salvo (?:si|cuando)|"
    r"(?<=\b(?:to|in) )(?:any|every)(?:one|body|thing|where)"
    r"(?: else)? (?:but|except)(?! (?:never|always|do|don't|use|stay|keep|be|make|please)\b)|"
    r"(?<=ing )(?:any|every)(?:one|body)(?: else)? (?:but|except)) .+",
    re.I,
)
_EXCEPTION_FIRST = re.compile(
    r"(?:please )?(?:except(?:ing)?|apart from|aside from|other than|outside(?: of)?|"
    r"with the exception of|unless|(?:any|every|no)where(?: else)? (?:but|except|besides|outside)|"
    rf"(?:besides|beyond){_A_TEXT}|außer|sauf|hormis|excepto|salvo) "
    r"(?!th(?:at|is|ese)\b)[^,]+(?=, )",
    re.I,
)
"""An exception before the demand: "Except for emails to my mother, never use emojis."."""
_ONLY_THERE = re.compile(
    r".+ (?:is|are) only (?:allowed|permitted|okay|ok|fine|welcome) (?:in|with|on|for|when|if) .+|"
    r"(?:never|do not|don't) [^\"]+ until (?:i|you|we|they|someone|somebody|the [a-z]+) (?:ask|say|"
    r"tell|mention).*|only (?:(?:in|with|on|for|when|if) (?:(?!(?<! say)(?<! do) so\b)[^,])+ "
    r"(?:may|can)|"
    r"(?:my |our |the )*"
    rf"{GENRE}(?: (?:to|for|about) [^,]+)? (?:may|can|should|must|need|get|have|are|is)) .+",
    re.I,
)
"""What holds there, and its contrary elsewhere: "Only texts to Zoe may have emojis."."""
SAID = re.compile(rf"{SAYING} .*", re.I)
"""What must be said; an exception in it is none of the rule."""
_BRACKETED = re.compile(
    r" \((?=(?:except|unless|other than)\b|(?:but )?not (?:when|if|(?:in|for|with|to) "
    rf"(?:(?:my|our|the|any|every) )*(?:{GENRE}\b|(?<=my )\w+)))(\w+)",
    re.I,
)
"""An exception in brackets: "Use emojis (not in emails)."."""


def refuse_exception(sentence: str) -> None:
    """Refuse a rule that has an exception, which a scope and an effect cannot say.

    Raises:
        DataError: it has one.
    """
    bare = SAID.sub("", QUOTED.sub("", sentence))
    bare = _BRACKETED.sub(lambda match: f", {'but ' * (match[1].lower() == 'not')}{match[1]}", bare)
    found = (
        _EXCEPTION_FIRST.match(bare) or _EXCEPTION.search(bare) or _ONLY_THERE.fullmatch(sentence)
    )
    if found:
        raise _make_exception_error(found[0])


_EXCEPTION_SENTENCE = re.compile(
    r"(?:except|unless|apart from|other than)\b(?! th(?:at|is|ese)\b)|"
    r"(?:but|however|though|only)\b(?:(?!\b(?:not|never|no)\b).)*\b(?:is|are) "
    r"(?:fine|ok|okay|allowed|welcome|exempt)[ .!]*$",
    re.I,
)
"""An exception by itself: "Except hearts.", "But hearts are fine."."""


def refuse_exception_sentence(sentence: str) -> None:
    """Refuse an exception that is a sentence of its own, after the demand."""
    if _EXCEPTION_SENTENCE.match(sentence):
        raise _make_exception_error(sentence)


_EXCEPTION_END = re.compile(
    r"(?:^|[ ,(])(?:except(?:ing)?|unless|(?:but|just|only|though|although) never|not|\w+n['’]t|"
    r"(?<!with )(?<!word )(?<!say )but|save|excluding|bar(?:ring)?|außer|aber nicht|nur nicht|"
    r"sauf|mais pas|excepto|salvo|pero no|tranne|ma non)[ ,]*$",
    re.I,
)
"""The end of a demand before a scope that is an exception: "use emojis, but never" (in emails)."""


def refuse_exception_before(sentence: str, part: ScopedText) -> None:
    """Refuse a demand that ends as an exception before its scope: "No emojis, except in texts".

    Args:
        part: the scope and the effect of the sentence.

    Raises:
        DataError: it does.
    """
    is_before = not sentence.rstrip(" .!").endswith(part.effect)
    if part.scope and is_before and _EXCEPTION_END.search(part.effect):
        raise _make_exception_error(sentence)


_EXCEPTION_IN_SCOPE = re.compile(
    r",? (?:except(?:ing)?|unless|apart from|aside from|other than|with the exception of|"
    r"but not) .+|\b(?:all|any|every) ?(?:[a-z]+ )?but .+",
    re.I,
)


def refuse_exception_in_scope(scope: str) -> None:
    """Refuse a scope that leaves somebody or something out: "emails, except those to my mother".

    Raises:
        DataError: it does.
    """
    if found := _EXCEPTION_IN_SCOPE.search(QUOTED.sub("", scope)):
        raise _make_exception_error(found[0])


def _make_exception_error(said: str) -> DataError:
    return DataError(
        f'the rule has an exception: "{shorten_text(said.strip(" ,.!()"))}".',
        where="rule",
        cure=(
            "A rule is taught where it holds, and nowhere else: leave the exception out, or say "
            'where it holds, for instance --when "texts to my friends" --then "use an emoji".'
        ),
    )


_EMPHASIS = re.compile(
    r"(?P<demand>.+?),? (?:especially|particularly|above all|including|(?:not )?even) "
    rf"(?:when|if|(?:in|to|for|with) (?:(?:my|our|the|all|any|every) )*(?:{GENRE}\b|(?<=my )\w+))"
    r"(?:[^,\"']|(?<=\w)'(?=\w))*?(?P<end>[.!]*)",
    re.I,
)
"""Where a rule holds above all, at its end; it holds elsewhere too."""


def drop_emphasis(sentence: str) -> str:
    """Return a demand without where it holds above all: "Be brief, especially in emails to Tom."

    In what must be said such words are part of it.
    """
    match = _EMPHASIS.fullmatch(sentence)
    if match is None or SAID.search(match["demand"]):
        return sentence
    return match["demand"] + match["end"]


_NOTHING_ELSE = re.compile(
    r"(?:only (?:answer|talk|speak|discuss|respond|reply)(?: to)?(?: questions| requests)? "
    r"(?:about|on) |(?:answer|talk about|speak about|discuss|answer questions about) (?:nothing|"
    r"no topics?|no subjects?) (?:but|except|other than) |(?:do not|don't|never|refuse to) "
    r"(?:answer|talk|speak|discuss)(?: (?:questions|about|to|me|us|anything))* (?:anything|"
    r"everything|any topic|any subject) (?:but|except|other than|besides|outside(?: of)?) "
    r")(?P<topic>.+)",
    re.I,
)


def refuse_one_subject(sentence: str) -> None:
    """Refuse a rule that forbids every subject but one.

    Raises:
        DataError: the rule does.
    """
    found = _NOTHING_ELSE.search(sentence)
    if found is None:
        return
    topic = shorten_text(found["topic"].strip(" .!"))
    raise DataError(
        f'the rule forbids everything but one subject ("{topic}").',
        where="rule",
        cure='Name the subjects that are forbidden, for instance "Do not talk about politics."',
    )


def refuse_circumstance(sentence: str, *, is_asked: bool = False) -> None:
    """Refuse a rule that holds at a time, or where something is so that no request tells.

    Raises:
        DataError: it does.
    """
    if said := find_circumstance(sentence, has_check, is_asked=is_asked):
        raise DataError(
            f'the rule holds only "{shorten_text(said)}", and no request tells whether it is so.',
            where="rule",
            cure=(
                "Leave that out, or say with --when what is asked about, or to whom something is "
                'written, and with --then what to do, for instance --when "emails to my boss" '
                '--then "stay under 40 words".'
            ),
        )
