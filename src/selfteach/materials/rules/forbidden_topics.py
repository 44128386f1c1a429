"""Read which topics a rule forbids: "Never bring up the weather." forbids the weather.

Words that are meant literally ("Do not use the word delve.") are forbidden too, but are no topic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from selfteach.materials.rules.check_text import quote_value
from selfteach.materials.rules.inflection import to_singular
from selfteach.materials.rules.phrases import THEM

VAGUE = re.compile(
    r"\b(?:an?|your|you|yours|yourself|me|mine|i|we|us|his|her|hers|him|their|them|they|"
    r"it|its|that|this|these|those|who|whom|whose|which|what|when|where|why|how|whether|if|"
    r"unless|except|but|while|because|before|after|until|without|only|not|to|being|having|"
    r"is|are|was|were|be|has|have|do|does|can|could|may|should|would|will|any|anything|"
    r"something|everything|nothing|anyone|someone|everyone|things?|stuff|topics?|subjects?|"
    r"matters?|issues?|people|person|other|others|same|such|own|too|very|much|more|most|"
    r"less|than|so|then|again|first|last|beginning|end|user|asked|greeting|summary|rough|"
    r"approximate|estimated|relevant|suitable)\b",
    re.I,
)
"""Words that are no part of a topic's name."""
_WORD = r"word(?! (?:count|limit)s?\b)|term|phrase|name"
TOPIC_LEAD = re.compile(
    (
        r"^(?:(?:the|any|all|every) )*(?:(?:topics?|subjects?|themes?|discussions?|talk|mentions?|"
        r"questions?) (?:of|about|on) |(?:topics?|subjects?) (?:like|such as) |"
        rf"(?:{_WORD})s? )|^(?:anything|everything) (?:related to|about|to do with|that has to do "
        r"with|concerning|regarding|on|around|(?:connected|associated|linked) (?:with|to)) "
    ),
    re.I,
)
_LITERAL = re.compile(rf"^(?:the )?(?:{_WORD})s? ", re.I)
_TAIL = re.compile(
    r"(?:,? (?:at all costs|(?-i:yet)|altogether|completely|entirely|in any way|by name|at all|"
    r"ever|any ?more|again|under any circumstances?|(?:to|with) (?:me|us)|please|(?-i:here|already|"
    r"today|tonight|now|right now|just now|for now|lol)|etc\.?|thanks|thank you|thx|ok(?:ay)?|"
    r"around (?:me|here)|with (?:my|our|the) (?:[a-z]+ )?(?:guests|customers|clients|patients|"
    r"users|readers|pupils|students|visitors)|in (?:your|any|all|my|our)(?: [a-z]+)? (?:answers?|"
    r"repl(?:y|ies)|responses?)|in (?:front of|the presence of) me|(?:to|with) (?:any(?:one|body)|"
    r"every(?:one|body)) who (?:writes|talks|comes|speaks|calls|contacts|uses) .+|"
    rf"with (?:others|strangers|{THEM}|(?:the|my|our) (?:children|kids|pupils))|"
    r"(?:last|this|next) (?:year|week|month|summer|winter|spring|autumn|season)|at (?:work|home|"
    r"the table|school|dinner|lunch|all)|in (?:detail|public|class|general|depth|any (?:form|"
    r"way))|at any time|for any reason|whatsoever|from now on|even (?:when|if) .+|no matter "
    r"(?:what|who|how|why)\b.*))+$",
    re.I,
)

_NEVER = (
    r"(?:(?:you |we )?(?:don't you dare(?: to)?|do not|don't|never|must not|should not|may not|"
    r"shall not|cannot|can not|must never|should never|may never|are (?:not|never) (?:allowed|"
    r"permitted|supposed) to|aren't (?:allowed|permitted|supposed) to|are forbidden to)|let's not|"
    r"(?:under|in) no (?:circumstances?|case|way)(?: (?:should you|must you|may you|ever))?|avoid|"
    r"without|refrain from|stop|quit|cease|refuse to|decline to|no|not)(?: ever)?"
)
_TALK = (
    r"(?:comment(?:ing)? on|(?:talk|speak)(?:ing?|in)?(?: (?:to|with) (?:me|us|anyone|anybody|"
    r"(?:my|our|the) \w+))? (?:about|of)|(?:speculat|rant|argu|rambl|lectur|preach|chat|babbl|"
    r"moan)(?:e|ing)? (?:to me )?(?:about|on)|(?:go(?:ing)? on|tell(?:ing)?(?: me| us)?) about|"
    r"touch(?:ing|ed)? (?:up)?on(?! (?:[\w'-]+ ){0,2}(?:details?|specifics|points?)\b)|"
    r"(?:mak(?:e|ing) )?(?:any )?(?:references?|allusions?|mentions?) (?:to|of)|discuss(?:ing)?|"
    r"(?:suggest(?:ing)?|recommend(?:ing)?) or mention(?:ing)?|mention(?:ing)? or (?:suggest|"
    r"recommend)(?:ing)?|mention(?:ing)?(?! of )|writ(?:e|ing) about|refer(?:ring)? to|"
    r"bring(?:ing)? up(?! with)|(?:remind(?:ing)? (?:me|us)|be reminded) of|(?:answer(?:ing)?|"
    r"respond(?:ing)? to) (?:any )?questions? (?:about|on))"
)
_SAY = r"""(?:use|using|say|saying|write|writing)(?= (?:the (?:word|term|phrase|name)s? |["']))"""
_TELL = (
    r"(?:say|saying|tell(?:ing)?(?: me)?|writ(?:e|ing)|shar(?:e|ing)|know|(?:reveal|disclos|divulg)"
    r"(?:e|ing)?)"
)
_MENTIONS = r"(?:(?:any |all )?(?:mentions?|talk|discussions?) of )"
_ABOUT = r"(?:about|on|of|regarding|concerning)"
_KNOWLEDGE = r"(?:information|details?|facts?|advice|tips|opinions?|views?|news|help)"
_OFF_LIMITS = (
    r"(?:(?:is|are) (?:strictly )?(?:off[- ]limits|off the table|out of the question|a no-no|not "
    r"up for discussion|(?:a )?taboo(?: (?:topics?|subjects?))?|forbidden|banned|not allowed|(?:a "
    r")?forbidden (?:topics?|subjects?)|never to be (?:mentioned|discussed|brought up))|(?:must|"
    r"should|may|can) ?(?:not|never) be (?:mentioned|discussed|talked about|brought up))"
)
_PRETEND = r"(?:pretend|act|behave)(?: as if| as though| like)?(?: that)?"
_NOT_WANTED = r"(?:i )?(?:do not|don't) (?:want|wish|like) (?:you to|to (?:hear|read|see) you)"
_UNWANTED = (
    r"(?:(?:(?:is|are) not|isn't|aren't) (?:welcome|wanted|allowed|permitted|acceptable|"
    r"appropriate|okay|ok|a good (?:topic|subject)|(?:something|anything|things?) (?:(?:that "
    r")?(?:you|we) (?:should|may|can|must)|to) (?:ever )?(?:talk about|discuss|mention|bring "
    r"up))(?: here)?)"
)
_BARRED = (
    r"(?:(?:is|are) (?:an? )?(?:no[- ]go|strictly forbidden|out of bounds|prohibited|not (?:a "
    r")?(?:topics?|subjects?)|not to be (?:mentioned|discussed|talked about|brought up))"
    r"(?: (?:topics?|subjects?|areas?))?)"
)
_FORBIDS = (
    r"(?:desist|abstain|refrain|avoid|stop|do not|don't|never|must not|should not|no|not|without|"
    r"cease|keep away|stay away|steer clear)"
)
_TALK_WORD = (
    r"(?:talk(?:ing)?|speak(?:ing)?|discuss(?:ion|ions|ing)?|mention(?:s|ing)?|repl(?:y|ying|ies)|"
    r"respond(?:ing)?|answer(?:s|ing)?|questions?|conversations?|chats?|comment(?:s|ing)?|say|"
    r"saying|hear(?:ing)?|read(?:ing)?|remarks?|word|words|opinions?|views?|thoughts?|statements?|"
    r"anything|something|everything|topics?|subjects?|themes?)"
)
_FILLER = (
    r"(?:any|all|the|an?|single|to|from|with|in|me|us|ever|please|further|more|your|give|giving|"
    r"make|making|start|starting|have|having|engage|engaging|enter|entering|offer|express|share|"
    r"ask)"
)
_SUBJECTS = (
    r"(?:politics|religion|sex|sexuality|race|racism|war|wars|violence|death|suicide|drugs|alcohol|"
    r"money|salar(?:y|ies)|diets?|dieting|illness(?:es)?|diseases?|cancer|abortion|guns?|gambling|"
    r"crimes?|divorce|sports?|football|soccer|cricket|baseball|the weather|weather|gossip|"
    r"celebrit(?:y|ies)|elections?|immigration|vaccin(?:es|ation)|covid(?:-19)?|crypto(?:currency|"
    r"currencies)?|bitcoin|taxes|climate change|conspiracy theories|astrology|nudity|"
    r"porn(?:ography)?)"
)
"""Subjects that "avoid" is enough for; other things that are avoided are mostly manners."""
_FOODS = (
    r"(?:(?:pea)?nuts|almonds|walnuts|hazelnuts|cashews|pork|beef|chicken|bacon|lamb|shrimps?|"
    r"prawns|eggs|milk|cheese|butter|cream|sugar|salt|pepper|garlic|onions?|mushrooms|tomatoes|"
    r"olives|aubergines?|eggplants?|celery|honey|tofu|cilantro|coriander|chil(?:i|ies)|raisins|"
    r"coconut|bananas|strawberries|wine|beer|rum|coffee|mayonnaise|ketchup)"
)
"""Foods that a recipe names as they are called here; "meat" comes under other names."""
_MEDICINES = (
    r"(?:ibuprofen|paracetamol|aspirin|antibiotics|painkillers|sleeping pills|melatonin|steroids|"
    r"opioids|supplements|vitamins|essential oils|homeopathy|cigarettes|tobacco|cannabis|energy "
    r"drinks)"
)
_NAMES = r"(?-i:[A-ZÀ-Þ][a-zà-ÿ][\w'-]*(?: (?:[A-ZÀ-Þ][\w'-]*|of|and|or))*)"
FORBIDDING_FORMS = (
    rf"{_NEVER} (?:{_TALK}|{_SAY})[ :]+(?P<topic>.+)",
    rf"{_NEVER} {_TELL} (?:anything|a (?:single )?word|something) (?:more )?{_ABOUT} (?P<topic>.+)",
    rf"{_TELL} nothing {_ABOUT} (?P<topic>.+)",
    rf"{_NEVER} (?:give|giving|offer|offering|provide|providing|share|sharing)(?: out)?"
    r"(?: any| an)? "
    rf"{_KNOWLEDGE} {_ABOUT} (?P<topic>.+)",
    rf"{_NEVER} bring(?:ing)? (?P<topic>.+) up(?: (?:to|with|around) (?:me|us))?",
    rf"{_NEVER} get(?:ting)? into (?P<topic>(?!(?:[\w'-]+ ){{0,3}}(?:details?|specifics|"
    r"particulars|technicalit(?:y|ies)|nitty-gritty|arguments?|trouble|debates?|discussions?|"
    r"explanations?|stories|rambling|jargon|tangents?|depth|weeds|habits?)\b).+)",
    rf"{_NEVER} let (?:me|us) (?:hear|read|see) (?:anything |a word )?{_ABOUT} (?P<topic>.+)",
    rf"(?:{_NEVER} (?:quot|stat|giv|nam|show|includ|list|reveal)(?:e|ing)?(?: out| away)?|"
    r"leave out|omit) "
    r"(?P<topic>(?:any |all |the |our )*(?:[a-z]+ )?(?:prices?|fees|costs))",
    rf"(?:{_NEVER} (?:recommend|suggest|nam|includ|list|propos|cit)"
    rf"(?:e|ing)?|leave out|omit|exclude) (?P<topic>{_NAMES})",
    rf"{_NEVER} (?:nam(?:e|ing)|recommend(?:ing)?|suggest(?:ing)?|prais(?:e|ing)|advertis(?:e|ing)|"
    rf"endors(?:e|ing)) (?P<topic>(?:my|our|the) (?:(?:main|old|biggest|local|former) )?"
    rf"(?:competitor|rival|company|product|brand|supplier)s? {_NAMES})",
    # "never suggest recipes with nuts"
    rf"{_NEVER} (?:recommend|suggest|propos|giv|offer|shar|post)(?:e|ing)? (?:me |us )?(?:any )?"
    r"(?:(?:recipes?|dish(?:es)?|meals?|foods?|snacks?|desserts?|cocktails?) (?:that |which )?"
    r"(?:with|contain(?:s|ing)?|made (?:with|from|of)|ha(?:s|ve))|"
    r"anything (?:containing|made (?:with|from|"
    r"of))) (?:any )?(?P<topic>(?!.*\b(?:more|less|fewer|over|under|than|many|much|too|few|long|"
    r"added|raw|high|low|love|care|one|two|three|four|five|six|names?|layers?|steps?)\b)"
    r"(?-i:[a-z' ,-]+))",
    # "never name our old manager, Mr Pettersen"; "never name our dog Rex" calls it otherwise
    rf"{_NEVER} nam(?:e|ing) (?P<topic>(?:my|our|his|her|their) [a-z'-]+(?: [a-z'-]+)?(?:, | "
    rf"(?=(?:Mrs?|Ms|Dr)\b)){_NAMES})",
    rf"(?:(?:(?:give|make|write|keep) (?:it|them) )?{_NEVER} "
    rf"(?:(?:us|includ|add|put|recommend|suggest|contain|hav)(?:e|ing)? )?|leave out|omit|skip|"
    rf"exclude|use no) ?(?:any |the )?(?P<topic>{_FOODS}(?:(?:,| and| or|, and|, or) {_FOODS})*)"
    r"(?: in (?:it|them))?",
    r"i (?:do not|don't|never) (?:want|wish) (?:(?:you )?to|you(?= \w+ing\b)) "
    rf"(?:{_TALK}|(?:hear|read|see)(?: (?:anything|(?:another|one more|a(?: single)?) word))? "
    rf"{_ABOUT}) (?P<topic>.+)",
    rf"(?:avoid|{_NEVER} (?:contain|include|have)(?= the (?:word|term|phrase|name)s? )) "
    r"(?=the (?:topic|subject|word|term|theme|phrase|name)s? |(?:anything|everything) "
    r"(?:related to|about|to do with|concerning|connected (?:to|with)) )(?P<topic>.+)",
    rf"{_NEVER} (?:recommend|suggest|advis|propos|offer|nam)(?:e|ing)? (?P<topic>(?:{_SUBJECTS}|"
    rf"{_FOODS}|{_MEDICINES})(?:(?:,| and| or|, and|, or) (?:{_SUBJECTS}|{_FOODS}|{_MEDICINES}))*)",
    rf"(?:avoid|skip|no) (?P<topic>{_SUBJECTS}(?:(?:,| and| or|, and|, or) (?:the )?{_SUBJECTS})*)",
    r"(?:let's )?(?:leave|put|set) (?P<topic>.+?) (?:aside|alone|to one side)",
    r"(?:keep your (?:mouth|lips) (?:shut|sealed)|shut up|zip it|enough) about (?P<topic>.+)",
    r"(?:steer|keep|turn|move|guide|lead) (?:(?:the|all|any|every|our|your) )*(?:conversations?|"
    r"chats?|discussions?|talks?) (?:away from|clear of|off) (?P<topic>.+)",
    r"(?:keep|leave) (?P<topic>.+?) out(?: of (?:it|this|(?:your |the |all )*(?:answers?|repl(?:y|"
    r"ies)|responses?|conversations?)))?",
    rf"(?:(?:avoid|(?:there must be )?no|leave out|omit|skip|remove)(?= {_MENTIONS})|(?:steer|"
    rf"stay|keep) (?:well |far )?(?:clear of|away from|off)) (?:{_MENTIONS})?(?P<topic>.+)",
    rf"(?:keep|stay|remain|be) (?:quiet|silent|mum) {_ABOUT} (?P<topic>.+)",
    rf"(?P<topic>(?!(?:say|tell|mention|explain|state|reply|answer|respond|write|add|note|remind|"
    rf"inform|clarify|warn)\b).+?) (?:{_OFF_LIMITS}|{_BARRED}|{_UNWANTED})"
    r"(?: (?:here|in (?:this|our|my|these) (?:chats?|conversations?)))?",
    rf"{_NOT_WANTED} (?:{_TALK}|bring) (?P<topic>.+?)(?: up)?",
    rf"(?:there (?:must|should|may|shall) be )?(?:nothing|not (?:a|one|another) word|no (?:word|"
    rf"comments?|remarks?|content|jokes?|stories|questions?|{_KNOWLEDGE}))(?: at all)? {_ABOUT} "
    rf"(?P<topic>.+)",
    rf"spare me (?:(?:any |all |the |your )*(?:talk|mention|discussion|details|stories) {_ABOUT}|"
    r"(?:anything|everything)(?: (?:at all|that (?:has|is)))? (?:about|to do with|related to|"
    r"connected (?:with|to))) (?P<topic>.+)",
    r"(?:talk|speak|write) about (?:anything|everything|whatever you (?:like|want)) (?:except|but|"
    r"other than|apart from|besides) (?P<topic>.+)",
    r"(?:ban|drop|skip|forget|leave out|leave|exclude) (?:the |any |all )?(?:topics?|subjects?|"
    r"mentions?|talk) of (?P<topic>.+)",
    r"no (?:more )?(?P<topic>(?!(?:small|baby|pep|trash|sweet|straight|double|fast|tough|pillow)\b)"
    r"[\w'-]+(?: [\w'-]+)?) (?:content|talk|references|topics?|stuff)",
    r"(?:never|do not|don't) let (?P<topic>.+?) come up",
    r"(?!(?:remember|in short|please|also|important|note|seriously|again|sorry|hey|look|listen|"
    r"and|so|well|ok|okay)\b)(?P<topic>[\w' -]+)[?:,] (?:never|do not|don't) (?:go there|mention|"
    r"discuss|talk about|bring up)(?: (?:it|them|that|those|him|her))?",
    rf"(?:{_PRETEND} )?(?:you (?:know|knew) nothing|you (?:do not|don't|did not|didn't) know "
    rf"anything) about (?P<topic>.+)",
    rf"{_PRETEND} you(?:'ve| have) never heard (?:of|about) (?P<topic>.+)",
    rf"{_FORBIDS}(?: {_FILLER})*(?: {_TALK_WORD}(?: {_FILLER})*)+ (?:about|regarding|concerning|"
    rf"on|of|related to|relating to|around) (?P<topic>(?!(?:(?:my|our|your|the|his|her) )?behalf\b|"
    r"(?:week(?:ends?|days?)|holidays?|time|duty|call|air|(?:mon|tues|wednes|thurs|fri|satur|sun)"
    r"days?)$).+)",
    rf"{_PRETEND} (?P<topic>.+?) (?:do not|don't|does not|doesn't|did not|didn't|never) "
    r"exist(?:ed)?",
)
"""Ways to forbid what `topic` matches, of a whole sentence without its full stop."""


_FORBIDDING_WORD = re.compile(
    r"\b(?:no|not|never|hate|except|spare|drop|forget|change|leave|avoid\w*|stop|quit|without|"
    r"refuse|decline|refrain|exclude|ban|skip|omit|nothing|cannot|off|away|nicht|nie(?:mals)?|"
    r"kein\w*|ohne|ne|pas|jamais|sans|nunca|jamás|sin|evita)\b|n['’]t?\b",
    re.I,
)


_NOUNS_IN_LY = frozenset(
    re.findall(
        r"\w+",
        "family july italy sicily fly butterfly lily belly jelly bully assembly supply reply "
        "monopoly anomaly rally ally emily kelly billy daily weekly monthly yearly quarterly "
        "elderly friendly early",
    )
)
MAX_TOPIC_WORDS = 4
MAX_QUOTED_WORDS = 8
_JOINING = ("in", "on", "at", "of", "by", "from", "with", "for", "to", "about", "during")
"""What joins the two parts of a topic: "elections in Germany". An answer about it has both."""
_WHEN = re.compile(r"^(?:upcoming|planned|recent|current|possible|latest|ongoing|pending) ")
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_ARTICLES = ("the", "a", "an", "our", "my", "your", "his", "her", "their")


class ForbiddenTopics(NamedTuple):
    """Hold what answers must not have.

    Attributes:
        check: what an answer without them meets.
        topics: as the rule names them; empty where words are meant literally.
    """

    check: str
    topics: tuple[str, ...]


_PAID = re.compile(r"(?:.+ )?(?:price|cost|fee)|(?:price|fee)s? (?:of|for) .+", re.I)
"""Topics that a sum of money is about."""
_OF_OTHERS = re.compile(
    r"(?:competitor|competition|rival|other|else|neighbor|neighbour|partner|supplier)s?'s?", re.I
)
"""Of somebody else's prices a sum of money may be no mention: "our competitors' prices"."""
SUM_OF_MONEY = (
    r'regex "(?i)[€$£¥] ?\\d|\\d ?[€$£¥]|\\d ?(?:euros?|pounds|cents|EUR|USD|GBP)\\b|'
    r'\\b(?:dollars|euros|bucks)\\b"'
)
"""The condition that finds a sum of money, by which a price is mentioned too."""
_DEMAND = re.compile(
    r"(?:do not|don't|never|always|please|avoid|stop|use|write|answer|keep|be|say|no|discuss|"
    r"mention|(?:talk|speak) (?:about|of|to|with)|tell (?:me|them|us|people)|"
    r"only (?:talk|use|say|mention)) ",
    re.I,
)
"""How the next demand begins, which is no topic: "don't mention cats and don't use emojis"."""
_TEXTS = r"(?:(?:the|my|our) )?(?:e-?mails|texts|letters|messages|reports|posts|notes|chats)"
_PLACED = re.compile(
    rf" in {_TEXTS}(?:(?:,? (?:or|and) |, ){_TEXTS})*$|"
    r" (?:by|over the|on the) (?:phone|e-?mail)(?: or (?:phone|e-?mail|letter))?$| at the "
    r"weekend$|\b(?:until|till) (?:(?-i:[A-Z])|\d|i\b|we\b|the\b)",
    re.I,
)
"""Where or until when something is not mentioned: "the lawsuit in emails", "until March"."""
_OF_SOMEBODY = re.compile(
    r"[a-z-]+['’]s? (?:(?:real|full|first|last|phone|private|home) )*(?:names?|surnames?|age|"
    r"address|numbers?|birthday|salary|identity|passwords?|diagnos[ie]s|data|details)",
    re.I,
)
"""What no answer calls so: "the patient's name"."""
_PRONOUN = re.compile(r"(?:it|them|that|this|those|these|him|her|one)(?: (?:or|and) \w+)?", re.I)
_SEPARATE_FORMS = [re.compile(form, re.I) for form in FORBIDDING_FORMS]


def find_pronoun_topic(sentence: str) -> str:
    """Return the pronoun that a sentence forbids instead of a topic: "Don't mention it."; or ""."""
    text = sentence.replace("’", "'").strip(" .!")
    matches = [match for form in _SEPARATE_FORMS if (match := form.fullmatch(text))]
    topics = [_TAIL.sub("", match["topic"].strip()) for match in matches]
    return next((topic for topic in topics if _PRONOUN.fullmatch(topic)), "")


_TOLD_NAMES = re.compile(
    r"\b(?:my|our|his|her|their|the) (?P<role>[a-z][a-z'-]+s) (?P<names>(?:[A-ZÀ-Þ][\w'&.-]*"
    r"(?: [A-ZÀ-Þ][\w'&.-]*)*(?:, | and | or |, and |, or )?)+)$"
)
"""Several by name: "our competitors Zalando and About You"."""
_TRADE = re.compile(
    r" (?:Bakery|Dental|Motors|Cars|Hotels?|Inn|Caf[eé]|Coffee|Bank|Group|Foods?|Garden(?:s)?|"
    r"Clinic|Fitness|Gym|Travel|Tours|Airlines|Insurance|Pharmacy|Books|Shoes|Fashion|Furniture|"
    r"Electronics|Energy|Software|Systems|Solutions|Ltd\.?|Inc\.?|GmbH|LLC|Co\.?|& Sons)$"
)
"""What a company makes, which is left out when people name it: "Bellmont" for Bellmont Bakery."""
MIN_NAME = 4
"""A shorter name is a word of many texts: "Bell" of Bell Inn."""
_WORKS = re.compile(
    r"(?P<name>[A-ZÀ-Þ][\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*) (?:books?|films?|movies?|novels?|series|"
    r"songs?|games?|albums?|comics?|stories|shows?)"
)
"""Works that go by one name: "Harry Potter books"."""
_NO_ROLE = re.compile(
    r"(?:old|former|late|new|previous|current|first|second|only|dear|own|good)|"
    r"(?:(?:main|old|biggest|local|former) )?(?:competitor|rival|company|product|brand|client|"
    r"customer|partner|supplier|project|city|town|country|film|movie|book|song|game|app|website|"
    r"site|club|team)",
    re.I,
)
"""Roles of many, and words that are none ("our former boss Ann"): the name alone is forbidden."""
_OFFICE = re.compile(r"^[A-Z]{2,4} (?=[A-ZÀ-Þ][a-zà-ÿ])")
"""An office before a name: "CEO"."""
_TOLD_NAME = re.compile(
    r"(?:my|our|his|her|their|the) (?P<role>(?:TV )?[a-z][a-z'-]+(?: [a-z][a-z'-]+)?)(?<! in)(?<! "
    r"of)(?<! at)(?<! on)(?<! to)(?<! for)(?<! from)(?<! with)(?<! by),? "
    r"(?P<name>(?:[A-ZÀ-Þ]|\d)[\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*)"
)
"""Somebody by relation and name: "my ex-husband Peter"."""


_PART_OF_TEXT = re.compile(
    r"(?:.* )?(?:answers?|repl(?:y|ies)|responses?|sentences?|words?|letters?|paragraphs?|lines?|"
    r"lists?|characters?|spelling|punctuation|grammar|capitals?|markdown|headings?|bullets?|"
    r"bullet points?|emojis?|questions?|language|tone|jargon|slang|preamble|filler|formatting|"
    r"(?:exclamation|question|quotation) (?:marks?|points?))|commas?|(?:semi-?)?colons?|"
    r"dash(?:es)?|hyphens?|parenthes[ie]s|brackets|hashtags?|smileys?|contractions?|abbreviations?|tables",
    re.I,
)
"""The last ones stand alone: tax brackets are a subject."""


def is_part_of_text(topic: str) -> bool:
    """Return whether a topic is something that texts are made of: "complete sentences"."""
    return _PART_OF_TEXT.fullmatch(topic) is not None


def can_forbid(text: str) -> bool:
    """Return whether a text has a word that forbids: "Always talk about cats." has none, and "Never
    stop talking about cats." has two that are one demand.
    """
    return _FORBIDDING_WORD.search(text) is not None and not _FREES.search(text)


_FREES = re.compile(
    r"(?:\b(?:do not|don['’]t|not|never|mustn['’]t|can['’]t|cannot|shouldn['’]t) (?:(?:ever|you) "
    r")*(?:hesitate|be (?:afraid|shy|scared)|shy away|stop|quit|forget|leave out|omit|skip|fail|"
    r"neglect|avoid|just|only|merely|simply|not)|\bno (?:problem|issue|need|harm)|"
    r"\b(?:can['’]t|cannot) (?:[a-z]+ ){0,3}enough|(?:\b(?:not|never|no)|n['’]t)\b[^.;]*\b(?:"
    r"except|apart from|other than|without))\b",
    re.I,
)
"""What forbids nothing, though it has a word that does: "don't hesitate to talk about money"."""


def can_forbid_topic(text: str, topic: str) -> bool:
    """Return whether a topic of a text may be what it forbids: a word that forbids stands before
    it, or follows it in the same clause. "Use Celsius, never Fahrenheit." does not forbid Celsius.
    """
    place = text.lower().find(topic.lower())
    if not topic or place < 0 or VAGUE.fullmatch(topic) or _FORBIDDING_WORD.fullmatch(topic):
        return False
    clause = re.split("[,;.]", text[place + len(topic) :])[0]
    return can_forbid(text[:place]) or can_forbid(clause)


def _shorten_name(name: str) -> str:
    """Return how people call a company; a short word is not told from others."""
    short = _TRADE.sub("", name)
    return short if len(short) > MIN_NAME else name


_SUCH_AS = re.compile(
    r"\b(?!(?:topics|subjects|words|terms|phrases|names)\b)(?P<kind>[a-z]+s),? (?:such as|like|"
    r"e\.g\.|for example|including),? "
)
"""What stands between a kind and its examples: "competitors like Acme" forbids both."""
_KIND_BY_NAME = re.compile(r"^(?:(?:the|our|my|any|your) )?[a-z][a-z -]* by name\b")
"""The names of a kind of people or things, which no word finds: "staff by name"."""


_LISTENERS = re.compile(
    r" with (?:(?:my|our|the|any|other) )*(?:competitors|rivals|journalists|reporters|outsiders|"
    r"colleagues|coworkers|co-workers|neighbou?rs|suppliers|partners|employees|applicants|tourists|"
    r"teenagers|pupils?|students?|kids?|child(?:ren)?|sons?|daughters?|patients?|clients?|"
    r"customers?|guests?|users?|residents?|members?|visitors?|the (?:press|media)|third "
    r"parties|nobody|no one)$",
    re.I,
)
"""With whom a subject is not talked about, which is no part of it: "our prices with rivals"."""
_TAKES_WITH = re.compile(
    r"\b(?:relation(?:ship)?s?|deals?|problems?|troubles?|meetings?|talks|contracts?|agreements?|"
    r"sex|trade|wars?|conflicts?|disputes?|fights?|arguments?|partnerships?|affairs?|experiences?|"
    r"appointments?|interviews?|cooperation|collaboration|mergers?|contact|business|connections?|"
    r"friendships?|lawsuits?|issues|ties|links|work|history|rivalry|comparisons?|chats?|years|"
    r"conversations?|projects?|[a-z]+ing)\b",
    re.I,
)
"""A subject that has another side: "our deal with competitors"."""
_TELLING = re.compile(r"\b(?:talk|speak|discuss|chat)\b", re.I)
"""What is done with somebody: "discuss prices with competitors"; one mentions it to them."""
_TO_ANYBODY = re.compile(r" to (?:anyone|anybody)$", re.I)
"""To whom nothing is said of a subject, which is no part of it either."""
_BOTH = re.compile(r"both .+ and .+", re.I)
"""What is forbidden together only: "both Rex and Tom"."""
_ALLOWED = re.compile(
    r"(?!(?:.* )?(?:that|how|whether|why|when|where|who|which) |.*\b[a-z]{2,}ing\b|"
    r".*\b(?:time (?:together|alone)|home alone)$).*"
    r"(?<!\bword)(?<!\bwords)(?<!\bphrase)(?<!\bterm)(?<!\bor)(?<!\band)"
    r"(?: twice| (?:together|alone)| un(?:prompted|asked|solicited|invited)|"
    r" at (?:great )?length| for (?:too )?long|"
    r" in (?:one|the same|a single) (?:answer|reply|response|message|sentence|paragraph|breath))$"
)
"""What may not be mentioned in one way, though it may be otherwise: "Rex and Tom together"; not the
word itself: "the word together", and nothing that is done together: "living together".
"""


def forbids_topic_in_part(sentence: str) -> bool:
    """Return whether a sentence forbids a topic only together with another, at length or unasked:
    no word tells that.
    """
    text = sentence.replace("’", "'").strip(" .!")
    matches = [match for form in _SEPARATE_FORMS if (match := form.fullmatch(text))]
    return any(_ALLOWED.match(match["topic"]) for match in matches)


_KINDS = (
    ("religious", "religion"),
    ("political", "politics"),
    ("sexual", "sex"),
    ("medical", "medicine"),
    ("legal", "law"),
    ("financial", "finance"),
)
"""Adjectives of subjects, with the subjects: "religious topics" are about religion."""
_KIND_OF_TOPIC = re.compile(
    rf"(?P<kind>{'|'.join(kind for kind, _ in _KINDS)})(?: (?:topics?|subjects?|matters|themes|"
    r"issues))?",
    re.I,
)


_SECOND_VERB = re.compile(
    r"^(?:or|and) (?:even )?(?:suggest|recommend|mention|discuss|promote|praise|offer|bring up|"
    r"(?:talk|write|joke|speak) about|refer to) ",
    re.I,
)
"""The rest of two verbs with one object: "talk about or suggest alcohol"."""


def split_topics(text: str, sentence: str) -> ForbiddenTopics | None:
    """Return the topics of "X, Y or Z", and the check of answers that have none of them.

    Each is a noun or a name of at most four words, or a word that is meant literally. The check
    finds the words of a topic, not its synonyms. Anything else is None.

    Args:
        sentence: the whole one, which tells names by their capital letters.
    """
    if _KIND_BY_NAME.search(text) or _BOTH.fullmatch(text) or _ALLOWED.match(text):
        return None
    text = _TO_ANYBODY.sub("", _SECOND_VERB.sub("", _TAIL.sub("", text.strip())))
    listeners = _LISTENERS.search(text)
    is_told = _TELLING.search(sentence) is not None
    if listeners and is_told and not _TAKES_WITH.search(text[: listeners.start()]):
        text = text[: listeners.start()]
    text = _SUCH_AS.sub(r"\g<kind>, ", text)
    text = _TOLD_NAMES.sub(lambda match: match["names"], text)
    literal = _LITERAL.match(text)
    if _PLACED.search(text) and not literal:
        return None
    found = []
    topics = []
    parts = re.split(r",? (?:or|and|nor) (?:about |of )?|, ", TOPIC_LEAD.sub("", text))
    for part in _share_noun(parts):
        told = _TOLD_NAME.fullmatch(part.strip())
        is_kind = told and re.match("the ", part.strip(), re.I)
        if told and (is_kind or _NO_ROLE.fullmatch(told["role"])):
            name = _OFFICE.sub("", told["name"])
            topics.append(name)
            found.append(f"contains {quote_value(_shorten_name(name))}")
            continue
        if told:
            topics.append(f"{told['role']} {told['name']}")
            found += [f"contains {quote_value(name)}" for name in (told["name"], told["role"])]
            continue
        other = "(?:(?:any|all) other )|" if found else ""
        part = re.sub(rf"^(?:{other}(?:the|any|all|my|our) )", "", part.strip(), flags=re.I)
        if not literal and (works := _WORKS.fullmatch(part)):
            topics.append(part)
            found.append(f"contains {quote_value(works['name'])}")
            continue
        part = _WHEN.sub("", part)
        if not literal and (named := _KIND_OF_TOPIC.fullmatch(part)):
            kind = named["kind"].lower()
            topics.append(dict(_KINDS)[kind])
            found += [f"contains {quote_value(word)}" for word in (dict(_KINDS)[kind], kind)]
            continue
        if " as " in part and not literal:
            return None
        if _OF_SOMEBODY.fullmatch(part) or (found and _DEMAND.match(part)):
            return None
        quoted = re.fullmatch(r"""(["'])(.+)\1""", part)
        words = (quoted[2] if quoted else part).split()
        most = MAX_QUOTED_WORDS if quoted else MAX_TOPIC_WORDS
        is_named = all(re.fullmatch(r"[^\W_][\w'&.-]*", word) for word in words)
        if not is_named or not 0 < len(words) <= most:
            return None
        is_name = len(words) > 1 and all(word[0].isupper() for word in words)
        if is_name and not quoted and VAGUE.search(part):
            topics.append(part)
            found.append(f"regex {quote_value(chr(92) + 'b' + ' '.join(words) + chr(92) + 'b')}")
            continue
        if not quoted and (
            (literal and len(words) > 1)
            or (not literal and VAGUE.search(part))
            or (not literal and any(map(_is_adverb, words)))
        ):
            return None
        if not quoted and not literal:
            topics.append(part)
            words[-1] = to_check_noun(words[-1], sentence)
        is_topic = not quoted and not literal
        found.append(_find_topic(words, sentence) if is_topic else _find_text(words))
        is_own = not any(_OF_OTHERS.fullmatch(word) for word in words[:-1])
        if not quoted and not literal and is_own and _PAID.fullmatch(" ".join(words)):
            found.append(SUM_OF_MONEY)
    return ForbiddenTopics(none_of(found), tuple(topics))


_OWNED = re.compile(
    r"[\w-]+['’]s (?P<noun>(?!(?:disease|syndrome|pizzas?|burgers?|stores?|shops?|restaurants?|"
    r"products?)\b)[a-z][\w'’ -]*)"
)
"""What somebody has; a name such as "Wendy's burgers" may stand alone."""
_OWNER = re.compile(r"(?:.+ )?[\w-]+['’]s")


def _share_noun(parts: Sequence[str]) -> list[str]:
    """Return "Tom's" and "Ann's cars" with the noun of both."""
    owned = _OWNED.fullmatch(parts[-1])
    noun = f" {owned['noun']}" if owned else ""
    return [part + noun if _OWNER.fullmatch(part) else part for part in parts]


def _find_text(words: Sequence[str]) -> str:
    return f"contains {quote_value(' '.join(words))}"


def _find_topic(words: Sequence[str], sentence: str) -> str:
    """Return the condition that finds a topic: each of its two parts, if a preposition joins
    them ("elections in Germany").
    """
    joint = next((at for at, word in enumerate(words) if word in _JOINING and at), 0)
    if not joint and len(words) > 1 and _YEAR.fullmatch(words[0]):  # "the 2019 flood"
        joint, words = len(words) - 1, [*words[1:], "in", words[0]]
    if not joint:
        return _find_text(words)
    head = [*words[: joint - 1], to_check_noun(words[joint - 1], sentence)]
    rest = [word for word in words[joint + 1 :] if word.lower() not in _ARTICLES]
    return f"({' and '.join(_find_text(side) for side in (head, rest) if side)})"


def _is_adverb(word: str) -> bool:
    return word.endswith("ly") and word.lower() not in _NOUNS_IN_LY


def none_of(conditions: list[str]) -> str:
    """Return the check of answers that meet none of the conditions."""
    found = list(dict.fromkeys(conditions))
    return f"not {found[0]}" if len(found) == 1 else f"not ({' or '.join(found)})"


def to_check_noun(word: str, sentence: str) -> str:
    """Return the singular of a common noun.

    A name stays as it is. A name has a capital letter, unless every word of the sentence has one,
    or it is the first one.
    """
    if word == sentence.split(" ", 1)[0]:
        return to_singular(word.lower())
    first, mark, noun = word.rpartition("-")
    if len(first) == 1 and noun.islower():  # "T-shirts"
        return f"{first}{mark}{to_singular(noun)}"
    all_capital = all(other[0].isupper() for other in sentence.split() if other[0].isalpha())
    return to_singular(word.lower()) if word.islower() or all_capital else word
