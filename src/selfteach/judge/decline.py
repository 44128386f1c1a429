"""Declines: answers that refuse, or put off, what was asked.

Departs from a judge by a model: a decline of a small model has few forms, and a reader can check a
list. What others say (in quotation marks), letters and conditions ("if I can't answer") are none.
"""

from __future__ import annotations

import regex

from selfteach.sentences import split_sentences

MAX_SENTENCES = 2
"""A decline says so at the beginning."""


def _any(*patterns: str) -> str:
    """Return a pattern of one of several."""
    return f"(?:{'|'.join(patterns)})"


# -------------------------------------------------------------------------------------------------
# the words before the verb: "I cannot", "we would rather not"

_NOT_REPORTED = (
    r"(?<!\b(?:if|when|whenever|unless|until|where|(?<!to )say|says|said|reply|replied|answered|"
    r"wrote|thought|(?:tell|told) \w+|(?:how|what|when|where|why) (?:can|could|do|should|may|will|"
    r"would))[,:]?(?: that)? )"
)
"""Nothing before "I" that makes it a condition, a question or somebody else's words."""
_I = rf"{_NOT_REPORTED}\bi(?: |(?=['’]))(?:(?:\w+ly|just|still|also) )?"
_YET = r"(?<!\b(?:while|although|though),? )"
"""Nothing before "I" after which an answer follows: "while I don't have preferences, ..."."""
_WE = rf"{_NOT_REPORTED}\b(?:i|we)(?: |(?=['’]))(?:(?:\w+ly|just|still|also) )?"
_AM = r"(?:am|are|was|were|['’]m|['’]re)"
_HAVE = r"(?:have |['’]ve )?"
_WOULD = r"(?:would |['’]d )"
_CAN_NOT = r"(?:can(?: ?not(?! only\b)|['’]?t)|will not|won['’]?t|must not)"
_DO_NOT = r"(?:do not|don['’]?t)"
_IS = r"(?: is|['’]s| are)(?: \w+ly)?"
_END = r"(?=\s*(?:[.,;:!?—–]|$))"
_DOES_NOT = _any(
    "never",
    rf"{_DO_NOT}(?: (?:\w+ly|ever|even|(?:want|wish|like|feel able|know how|know enough) to|"
    r"(?:have|feel) \w+ (?:\w+ )?to))*",
)
_CANNOT = _any(
    rf"{_CAN_NOT}(?: (?:and|or) {_CAN_NOT})?",
    r"could not|couldn['’]?t|may not|shall not",
    rf"{_WOULD}(?:much )?(?:rather|sooner|prefer to) not",
    rf"{_WOULD}?prefer not to",
    rf"{_HAVE}(?:choose|chose|chosen|decided?) not to",
    r"(?:must |have to )?(?:refuse|decline) to",
    rf"{_AM} (?:declining|unable|unwilling|forbidden) to",
    rf"{_AM} (?:\w+ly )?not (?:able|allowed|permitted|supposed|authori[sz]ed|qualified|going|here|"
    r"willing|in a position|at liberty) to",
    rf"(?:{_AM}|{_HAVE}been) (?:told|asked|instructed|trained|designed|programmed|made) not to",
    rf"{_DO_NOT} think (?:that )?(?:i|we) (?:should|can|could|may)",
    r"leave (?=that|this)",
)
_ADVERBS = r"(?: (?:\w+ly|ever|even|just|be able to|feel able to))* "

# -------------------------------------------------------------------------------------------------
# the verbs, with what must follow them

_INFORMATION = r"(?:(?!your |his |her |their )[\w-]+ ){0,4}?" + _any(
    r"(?:advice|answers?|opinions?|views|information|info|details?|recommendations?)\b",
    r"(?:instructions?|guidance|help|comments?|explanations?|that|this|it)\b",
)
_IT = r"(?:that|this|it|these|those|such|any|anything|what|why|whether)\b"
_FEELING = (
    r"how (?!it\b|that\b|this\b|they\b|to\b)\w+ (?:[\w'’]+ ){0,3}?"
    r"(?:am|is|are|was|were|feel|felt|love|miss|means?|meant|appreciate)\b"
)
"""How somebody feels: "I can't tell you how happy I am"."""
_SPEAK = _any(
    r"(?:talk|speak|chat|write)(?: \w+ly)? (?:about|of|on|regarding|to (?:that|this))\b",
    r"(?:discuss|debate|advise|comment|assist)\b",
    r"(?:cover|address|touch|touch on) (?:that|this|it|such)\b",
    r"answer (?:that|this|these|those|it|such|any|the question|your|questions?|to|here)\b",
    rf"(?:answer|say|help|say (?:that|this|it)){_END}",
    r"(?:respond|reply) to (?:that|this|such|your|the)\b",
    r"say (?:anything|more|much|which|who|what|whether|about|that here)\b",
    rf"tell (?:you|anyone|anybody)\b(?! your\b| {_FEELING})",
    rf"(?:give|share|provide|offer|express)(?: you| out)? {_INFORMATION}",
    r"(?:go|get) into (?:that|this|it|such|those|these|the (?:topic|subject|matter))\b",
    r"help (?:with|out|in|on|here|without|anyone|people)\b",
    rf"help you(?:{_END}| (?:with|out|there|here|in|on|that|this|today|further)\b)",
    r"help you (?:find|write|do|make|plan|learn|solve|answer)\b",
    r"engage (?:in|with)\b",
)
"""What "I do not ..." declines, too."""
_DO = _any(
    rf"do (?:that|this|it|so)(?: here| for you)?{_END}",
    rf"go there{_END}",
    r"go into\b(?! [\w ]*details?\b)",
    rf"(?:describe|explain|disclose|reveal|recommend|speculate)\b(?! (?:to you )?{_FEELING})"
    rf"(?= (?:{_IT}|the|how|on|about|to you|one|an?)\b|{_END})",
    rf"(?:write|create|generate|produce|compose)(?: you)? (?:{_IT}|one|an?|the|your|content)\b",
    r"(?:fulfill?|complete|process|accommodate|honor|comply with) (?:that|this|the|your|such)\b",
    rf"(?:respond|reply|participate){_END}",
    r"(?:have|form|hold) (?:an? |any )?(?:personal |own )*(?:opinions?|views?)\b",
    r"say no to (?:that|this|your)\b",
)
_PROVIDE = r"(?:provide|share (?:that|this|it|such|any|my))\b"
"""What a person can't do is a decline; what a shop can't provide is an answer."""
_NO_PRAISE = (
    r"(?![^.!?]{0,40}\b(?:enough|better|without an?)\b)(?! (?:right now|now|today|tonight|"
    r"tomorrow)\b)"
)
"""Nothing after the verb that makes it praise ("I can't recommend it enough") or a delay."""
_DISCUSSING = _any(
    "discussing|answering|commenting|sharing|debating|disclosing|revealing",
    "(?:getting|going) into (?!detail)",
    rf"(?:giving|providing|offering) (?:you )?{_INFORMATION}",
)
_TALKING = _any(
    _DISCUSSING, r"(?:talking|speaking|writing) (?:about|of|on)\b", r"helping (?:you )?with\b"
)
_AVOID = (
    rf"(?:{_WOULD}(?:rather|prefer to) |['’]ll |will |must |{_AM} going to |"
    r"(?:try|prefer|like|tend|have|need) to )?"
) + _any(
    "leave|skip|avoid|pass on|refrain from|steer clear of",
    "(?:stay|keep) (?:away from|out of)",
    "(?:keep|stay|remain) (?:quiet|silent) (?:about|on)",
)
_MUST = rf"(?:must|need to|(?:{_AM} going to |will |['’]ll )?have to)"
_TOPIC = r"(?:subject|topic|question|matter|issue|request|theme)s?"
_RULES = r"(?:guidelines|rules|polic(?:y|ies)|instructions|programming)"
_BARRED = r"(?:\w+ly )?(?:forbidden|prohibited|restricted|prevented|barred) from"
_OPINION = r"(?:comment|opinions?|information|knowledge|answer|advice)"

_SAY = (
    rf"{_WE}(?:{_CANNOT}|{_DOES_NOT}){_ADVERBS}{_SPEAK}{_NO_PRAISE}",
    rf"{_WE}(?:{_CANNOT}{_ADVERBS}|must ){_DO}{_NO_PRAISE}",
    rf"{_I}{_CANNOT}{_ADVERBS}{_PROVIDE}",
    rf"{_WE}{_AM} not {_DISCUSSING}",
    rf"{_WE}(?:am|are|['’]m|['’]re) {_BARRED} {_TALKING}",
    rf"{_WE}(?:was|were) {_BARRED} {_TALKING} {_IT}",
    rf"\b{_RULES} (?:prevents?|prohibits?|forbids?|restricts?) me from {_TALKING}",
    rf"\bit(?: is|['’]s| would be) against my (?:\w+ )?(?:{_RULES}|principles) to {_SPEAK}",
    rf"{_WE}(?:{_AM}|feel|{_DO_NOT} feel|would not be|wouldn['’]?t be) (?:not )?"
    rf"(?:un)?(?:comfortable|at ease|open to|interested in) (?:with )?{_TALKING}",
    rf"{_WE}(?:will not be|won['’]?t be|{_AVOID}) {_TALKING}",
    rf"{_WE}{_AVOID} (?:that|this|the|such|these|those)(?: \w+)? {_TOPIC}\b",
    rf"{_WE}{_AVOID} (?:that|this)(?: one)?{_END}",
    rf"{_WE}{_WOULD}(?:rather|prefer to) (?:talk|speak|chat|write) about\b",
    rf"{_WE}(?:{_MUST}|respectfully|politely) (?:\w+ly )?(?:decline|refuse)"
    r"(?: (?:to|it|this|that|the|your|here)\b|(?=\W*$|[,;]))"
    r"(?! (?:\w+ )?(?:offer|invitation|gift|job|position)\b)",
    rf"{_WE}(?:{_MUST}|['’]ll|will) pass(?: on (?:that|this|it|answering)\b|{_END})",
    rf"{_WE}have no {_OPINION}(?: (?:on|about|for|to|regarding|that)\b|{_END})",
    rf"{_YET}{_WE}{_DO_NOT} (?:\w+ly )?have (?:(?:(?:any|the|enough|much) )?(?:\w+ )?"
    rf"(?:information|info|knowledge)(?: (?:on|about|for|to|regarding)\b|{_END})|"
    r"(?:the|an) answer (?:to|for) (?:that|this|your)\b)",
    rf"{_WE}have nothing to (?:say|add|share)\b",
    rf"{_WE}{_DO_NOT} have (?:an? |any )?(?:personal |own )*(?:opinions?|comment|views)\b",
    rf"{_WE}{_AM} not the (?:right|best) (?:\w+ )?to (?:ask|answer|help|talk|speak)\b",
    r"\b(?:do not|does not|don['’]?t|doesn['’]?t|won['’]?t|will not) (?:allow|let|permit) me "
    rf"(?:to )?(?:{_SPEAK}|{_DO}|{_PROVIDE})",
    r"\bit(?: is|['’]s| isn['’]?t| would be| would not be| wouldn['’]?t be) (?:not )?(?:im|in)?"
    rf"(?:possible|right|appropriate) for (?:me|us) to (?:{_SPEAK}|{_DO}|{_PROVIDE})",
    rf"\b(?:best|better) if (?:i|we) {_DO_NOT} {_SPEAK}",
)
"""What the speaker does not do."""

# -------------------------------------------------------------------------------------------------
# what the speaker lacks: "as a chatbot, I don't have the ability to ..."

_ABILITY = _any(
    "(?:abilit|capabilit)(?:y|ies)|capacity|authority|permission|access|the means|expertise",
    r"personal (?:\w+ ){0,2}(?:experiences?|preferences?|opinions?|data|feelings|beliefs|views)",
    r"real-time \w+|feelings|emotions|preferences",
)
_APOLOGY = (
    r"\b(?:(?:i|we)(?: |(?=['’]))(?:am |are |['’]m |['’]re )(?:(?:so|very|really|truly) )?)?"
    r"(?:sorry|afraid)\b(?! to (?:hear|read|learn|see)\b| of\b)[^.!?]{0,160}?"
)
_NOT_SOLD = (
    r"(?! (?:(?!info|data|details|knowledge|answers?\b)\w+ ){0,3}"
    r"(?:left|available|free|open|in stock)\b)"
)
"""Nothing behind "any" that a shop or a hotel is out of: "we don't have any rooms left"."""
_ABILITIES = (
    rf"{_YET}{_WE}{_DO_NOT} (?:\w+ly )?have (?:(?:the|any|an?|enough) )?{_ABILITY}\b",
    rf"{_YET}{_WE}(?:am|are|['’]m|['’]re) (?:\w+ly )?not (?:\w+ly )?"
    r"(?:equipped|capable|designed|programmed|built)\b",
)
_LACKS = (
    *_ABILITIES,
    rf"{_YET}{_WE}(?:am|are|['’]m|['’]re) (?:\w+ly )?unable to\b(?![^.!?]*\bwithout\b)",
    rf"{_WE}wish (?:that )?(?:i|we) could{_ADVERBS}(?:{_SPEAK}|{_DO})[^.!?]{{0,80}}?\bbut "
    rf"(?:\w+ly,? )?(?:i|we) {_CANNOT}",
    rf"{_APOLOGY}{_WE}{_AM} not (?:an?|the|one|here|sure)\b",
    rf"{_APOLOGY}{_WE}{_DO_NOT} (?:know (?!you\b|each\b)|"
    rf"have (?:the|that|this|personal|any\b{_NOT_SOLD})\b|(?:respond|speak)\b|have\W*$)",
    rf"{_APOLOGY}{_WE}{_CAN_NOT}{_ADVERBS}(?:give|provide|access|create|generate|perform|play|"
    r"offer|do|make (?!it\b)|find|show)\b",
    rf"{_APOLOGY}\b(?:that|it|this)(?:['’]s| is) not "
    r"(?:possible|something|a (?:subject|topic))\b",
)
"""What the speaker says not to have or to be able to: small models decline mostly like this."""

# -------------------------------------------------------------------------------------------------
# "that is off limits", "let's talk about something else", "no comment"

_THAT = rf"\b(?:that|this|it|these|those|such)(?: (?:\w+ )?{_TOPIC})?"
_SPEAK_OF = _any(
    "(?:talk|discuss|cover|speak|help|share|answer|comment|write|say|touch)\\b",
    "(?:go into|get into|engage|address|do|provide|give|debate)\\b",
)
_ABLE = (
    rf"(?:(?:can|will|could|would|['’]d|want to|wish to|like to|{_AM} \w+ to|feel \w+ to)"
    r"(?: really| ever)? )*"
)
_NEVER = rf"(?:{_CAN_NOT}|{_DO_NOT}|never|{_WOULD}rather not|{_WOULD}?prefer not to)"
_THING = _any(
    rf"(?:an?|the|one)? ?(?:\w+ )?(?:{_TOPIC}|thing)(?: that| which)?",
    "(?:something|anything|one)(?: that| which)?",
)
_CLOSED = (
    rf"{_THAT}{_IS} (?:off[- ]limits|off the table|taboo|closed)(?: for (?:me|us))?{_END}",
    rf"{_THAT}{_IS} against my (?:\w+ )?{_RULES}{_END}",
    rf"{_THAT}{_IS} not (?:up|open) (?:for|to) discussion\b",
    rf"{_THAT}(?:{_IS}| falls?| lies?| goes) (?:outside|beyond)(?: of)? "
    r"(?:what (?:i|we)|my|our|the (?:scope|range|limits|topics|subjects|things))\b",
    rf"{_THAT}(?:{_IS} (?:not|nothing)| (?:isn|aren)['’]?t)(?: {_THING})? "
    rf"(?:i|we)(?: |(?=['’])){_ABLE}{_SPEAK_OF}",
    rf"{_THAT}{_IS} {_THING} (?:i|we)(?: |(?=['’]))(?:{_NEVER} (?:\w+ly )?{_SPEAK_OF}|{_AVOID}\b)",
    rf"{_THAT} {_CAN_NOT} be (?:discussed|talked about|commented on|answered here)\b",
    rf"{_THAT}(?:{_IS} not| isn['’]?t) (?:for me|my place) to "
    r"(?:say|judge|answer|discuss|comment|talk|speak|tell)\b",
    r"\bnone of your business\b",
)
"""What is said of the subject."""
_OTHER_TOPIC = rf"(?:another|a different|some other|a new|other) {_TOPIC}"
_OTHER = rf"(?:something (?:else|different)|other things|{_OTHER_TOPIC})"
_INVITATION = _any(
    "please|but|so|well|hmm|maybe|perhaps|instead|and|sorry|no|rather|just|i suggest|feel free to",
    "(?:could|can|would) you|you (?:can|could|may)",
    "(?:can|could|shall|may) we|we (?:can|could|should)",
    "why don['’]t we|how about we|let['’]?s|let us",
    r"i(?: would|['’]d) (?:rather|(?:prefer|like|love) to)",
)
_REDIRECTS = (
    rf"^(?:{_INVITATION},? )*"
    + _any(
        rf"(?:(?:talk|chat|speak) (?:about|of)|discuss|ask(?: me)?(?: about)?) {_OTHER}",
        rf"(?:choose|pick|name|(?:switch|move on|turn|go on|stick) to) {_OTHER}",
        rf"try {_OTHER_TOPIC}",
        "change the (?:subject|topic)",
    )
    + r"(?=\s*(?:[.,;!?]|$|instead|please|if you like|(?:that|and) (?:i|you|we)\b))",
)
"""What is offered in place of an answer."""
_SORRY = (
    r"^(?:(?:i['’]?m |i am |we are |we['’]re )?(?:(?:so|very|really|truly) )?(?:sorry|afraid)|"
    r"unfortunately|my apologies|apologies|nope?|well)?\W{0,4}(?:that |but )?"
)
_THANKS = r"(?:,? (?:thanks|thank you|sorry|though))?\W*$"
_ALONE = (
    rf"{_SORRY}no comment(?: on (?:that|this))?\W*$",
    r"^next question(?:,? please)?\W*$",
    r"^my lips are sealed\W*$",
    r"\b(?:i|we) can neither confirm nor deny\b",
    r"\byou(?: will|['’]ll) (?:have|need) to ask (?:someone|somebody) else\b",
    rf"{_SORRY}(?:i|we) (?:(?:\w+ly|just) )?(?:{_CAN_NOT}|decline){_THANKS}",
    rf"{_SORRY}(?:i|we)(?: would|['’]d) (?:\w+ly )?(?:rather|prefer) not(?: to)?{_THANKS}",
    rf"{_SORRY}(?:{_CAN_NOT}|(?:not able|unable|not going|prefer not) to|(?:would )?rather not)"
    rf"{_ADVERBS}(?:{_SPEAK}|{_DO}){_NO_PRAISE}",
    rf"{_SORRY}not {_TALKING}",
    rf"^(?:please )?(?:let['’]?s|let us) not {_SPEAK}",
    r"\b(?:rather|will|['’]ll|must) keep (?:that|this|it) to (?:myself|ourselves)\b",
    r"\bnothing (?:that )?(?:i|we) (?:can|could|will|want to) say (?:about|on) (?:that|this|it)\b",
)
"""Whole sentences, and those without "I"."""
DECLINE = regex.compile(
    "|".join((*_SAY, *_LACKS, *_CLOSED, *_REDIRECTS, *_ALONE)), regex.IGNORECASE
)
DECLINE_IN_MESSAGE = regex.compile(
    "|".join((*_SAY, *_ABILITIES, *_CLOSED, *_REDIRECTS, *_ALONE)), regex.IGNORECASE
)
"""The same without "I'm unable to come" and "sorry, I can't do Saturday", which messages say."""

# -------------------------------------------------------------------------------------------------
# what is read

_QUOTED = regex.compile(
    r"\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|‘[^’\n]*(?:\w’\w[^’\n]*)*’(?!\w)|"
    r"(?<!\w)'[^'\n]*(?:\w'\w[^'\n]*)*'(?!\w)"
)
_OFF_LIMITS = regex.compile(
    r"\b(?:is|are)(?: \w+ly)? (?:off[- ]limits|taboo) for me\W*$", regex.IGNORECASE
)
"""The end of a decline that says nothing else; before an answer, it tells what somebody avoids."""
_MARKUP = " \t\"'“‘«*_>#-–—…,.:;!"
_LETTER = regex.compile(
    r"\s*[*_]*(?:subject\s*:|dear (?!user\b|friend\b)|(?:hi|hello|hey) [^\n,.!?]{1,30}[,!]?\s*\n)",
    regex.IGNORECASE,
)
_MESSAGE = regex.compile(
    r"\s*(?:hi|hello|hey) (?!there\b|user\b|friend\b|world\b|customer\b)"
    r"(?:(?-i:(?!I\b|I['’]|This\b)\p{Lu}[\w'’.-]*(?: \p{Lu}[\w'’.-]*){0,2})|mum|mom|dad|"
    r"(?:my )?(?:love|darling|dear|honey)|babe|team|all|everyone|everybody|guys|boss),\s"
    r"(?!.*\b(?:AI|chatbot|language model|assistant)\b)",
    regex.IGNORECASE,
)
"""The beginning of a message in one line. It may say "I'm unable to come on Sunday."."""


def is_decline(answer: str) -> bool:
    """Return whether an English answer declines in its first sentences."""
    if _LETTER.match(answer):
        return False
    own = _QUOTED.sub("", answer)
    text = own if any(map(str.isalnum, own)) else answer
    sentences = [part.lstrip(_MARKUP) for part in split_sentences(text)[:MAX_SENTENCES]]
    pattern = DECLINE_IN_MESSAGE if _MESSAGE.match(answer) else DECLINE
    is_closed = len(sentences) == 1 and _OFF_LIMITS.search(text) is not None
    return is_closed or any(pattern.search(sentence) for sentence in sentences)
