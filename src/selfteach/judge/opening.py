"""Openings: the first sentences of a long answer, which say nothing yet.

"Growing tomatoes on a balcony can be a bit tricky." Where the length is limited, such a beginning
keeps the limit and answers nothing. It has no word of its own: each is a word of the question, or
only says that the matter is fun, needs care, or follows.
"""

from __future__ import annotations

import re

from selfteach.generate.spans import is_content_word
from selfteach.judge.promise import only_promises
from selfteach.materials.rules.scopes.closed_questions import is_closed_question
from selfteach.sentences import split_pieces

SAYS_NOTHING = "says nothing yet"
_ENDING = re.compile(r"(?<=\w{2})ings?$|(?<=\w{3})(?:ly|e?s|ed)$|(?<=\w{2})e$")
_DOUBLED = re.compile(r"(\w)\1$")
_WORD = re.compile(r"[^\W_]+")
_ASKS_FOR_ADVICE = re.compile(
    r"\bany (?:\w+ )?(?:tips|advice|ideas|suggestions|recommendations)\b", re.I
)
"""A question that wants more than a yes: "Do you have any tips for ...?"."""
_CHOICE = re.compile(r"\bor\b", re.I)
_PRAISE = re.compile(
    r"\W*(?:amazing|awesome|beautiful|excellent|exciting|fantastic|fascinating|fun|good|great|"
    r"incredible|interesting|nice|perfect|right|true|useful|wonderful|wow)\W*",
    re.I,
)
"""A word that praises its question: "Great!"."""
_OWN_WORDS = re.compile(
    r":\s+\S|[\"“„]\w|\b(?:opposites?|antonyms?|synonyms?|compliments?)\b|"
    r"^(?:please )?(?:say|repeat|wish|thank|greet|compliment|praise|congratulate|encourage)\b|"
    r"\bwhat do you think\b|\bhow do you feel\b|"
    r"\bhow (?:beautiful|challenging|common|complex|difficult|easy|essential|fun|good|great|hard|"
    r"important|interesting|popular|quick|simple|special|useful|valuable)\b|"
    r"^how(?:['’]s| is| are| was| were) (?:it|things|life|(?:my|your|the|this|that) \w+)"
    r"(?: today| now| lately| so far)?\W*$",
    re.I,
)
"""A request whose whole answer may be in its own words, or praise: "Shorten this: ...", "How was
the movie?".
"""
_LEANS = re.compile(
    r"(?:it|this|that|these|those|they|them|he|she|its|their|such|however|but|and|so|also|"
    r"additionally|moreover|furthermore|therefore|then|otherwise|instead|for (?:example|instance)|"
    r"in addition|by (?:doing|following) (?:so|these|this)|with (?:these|this|that))\b",
    re.I,
)
"""How a sentence begins that needs the one before it."""


def says_nothing(question: str, answer: str) -> bool:
    """Return whether each sentence of an answer only opens one, or promises it.

    A question that yes or no answers, or one of its own words ("tea or coffee?"), and an answer
    that begins with yes or no are left alone: there "Growing tomatoes is easy." says all. So does a
    single word ("Patience.") that is no praise and not in the question, and a sign.
    """
    is_short = len(_WORD.findall(answer)) < 2 and not _PRAISE.fullmatch(answer)
    stems = _stem_words(answer)
    if is_short and not (stems and stems <= _stem_words(question)):
        return only_promises(answer)
    return _only_opens(question, answer)


def leave_out_opening(question: str, answer: str) -> str:
    """Return an answer without the first sentences that say nothing, where the next one stands
    without them; else the whole answer.
    """
    pieces = split_pieces(answer.lstrip())
    for n, piece in enumerate(pieces):
        if not _only_opens(question, piece):
            return answer if n == 0 or _LEANS.match(piece) else "".join(pieces[n:])
    return answer


def _only_opens(question: str, text: str) -> bool:
    """Return whether each sentence of a text only opens an answer; one word may, too."""
    if only_promises(text):
        return True
    if is_closed_question(question) and not _ASKS_FOR_ADVICE.search(question):
        return False
    if _CHOICE.search(question) or _OWN_WORDS.search(question):
        return False
    if re.match(r"(?:yes|no)\b", text, re.I):
        return False
    known = _EMPTY | _stem_words(question)
    sentences = list(filter(str.strip, split_pieces(text)))
    return bool(sentences) and all(
        only_promises(sentence.strip()) or _stem_words(sentence) <= known for sentence in sentences
    )


def _stem_words(text: str) -> set[str]:
    """Return the content words of a text without their endings: "planning" and "plan" are one."""
    words = filter(is_content_word, _WORD.findall(text.lower()))
    return {_DOUBLED.sub(r"\1", _ENDING.sub("", word)) for word in words}


_EMPTY = _stem_words(
    """
    adventure amazing answer approach art aspect attention aware balance beautiful beginner
    beginning best bit bring care careful challenge challenging common complete complex consider
    consideration create creative crucial daunting deal dedication delicate delight delightful
    different difficult do dream easy effort endeavor enjoy enjoyable ensure especially
    essential excellent exciting experience expertise explore exploring extra factor fantastic
    fascinating few follow following foremost fulfilling fun general get give go goal good great
    guide handle happy hard help helpful here idea important incredible incredibly interesting
    involve involving journey joy keep key knowledge labor learn list lot love make making many
    matter me my need new number one our part patience people perfect planning popular positive
    possible practice precise preparation process project pure put quest quick quite relatively
    require requiring responsibility rewarding right satisfying several significant simple
    simply situation skill so some special start started starting step successful suggestion
    sure take task thing think time tip tricky true truly try type undertaking unique us useful
    valuable various vital way well wide wonder wonderful work world yet you your
    """
)
"""Words that tell nothing of a matter but that it is good, hard or many-sided."""
