"""Demands whose subject is a topic, somebody who asks, or a kind of request, as plain ones.

"Visitors who want the code get told that it is 7" -> "When visitors want the code, tell them that
it is 7"; "Keep spiders out of every story" -> "In every story, do not mention spiders".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from selfteach.materials.rules.phrases import AUDIENCE, REPLIES
from selfteach.materials.rules.scopes.situation import GENRE
from selfteach.number_words import NUMBER

Rewrite = str | Callable[[re.Match[str]], str]

_ALL_ANSWERS = re.compile(
    r"(?:(?:all|any|every|each|the) )?(?:[a-z]+ ){1,3}?(?:that )?you (?:give|write|send|draft|"
    r"make) (?:me|us)|"
    rf"(?:(?:all|any|every|each|of|your|my|the) )*(?:{REPLIES}|(?:any|every)?thing|it|this|(?:our |"
    r"the )?(?:conversations?|chats?|discussions?)|whatever|what|all)(?: (?:that )?(?:you|we|I) "
    r".+| with me)?(?: (?:entirely|completely|altogether|please))*",
    re.I,
)
"""Where a demand holds for every answer."""
_OTHER_KINDS = re.compile(
    r"\b(or|and) (?:any |every |all )?other (?:(?:kinds?|types?|sorts?) of )?", re.I
)
_YOU_WRITE = re.compile(
    r" (?:that )?you (?:write|tell|make up|invent|draft|give|send)(?: .+)?$", re.I
)
_TEXTS = re.compile(
    rf"(?!.*\b(?:when|if|unless|except|but|where|before|after|more than|less than|last|possible)\b)"
    rf"(?:.* )?(?:{GENRE}|tutorials?|lessons?|lectures?|puzzles?|worksheets?|games?|exercises?)"
    r"(?: (?:that|which|with|for|to|about|from|on|of|you|I|we) .+)?",
    re.I,
)
"""Kinds of text, in which something can be missing: no kitchen."""
_NO_TOPIC = re.compile(
    r"\b(?:is|are|was|were|has|have|unless|if|when|except|but|and (?:keep|leave|put|use|do))\b",
    re.I,
)
"""Words of another sentence, or of an exception."""
_FORM_WORDS = re.compile(
    r"(?:all |any )?(?:emojis?|hashtags|exclamation marks|question marks|semicolons|commas|dashes|"
    r"asterisks|brackets|lists|bullet points|tables|headings|links|contractions|digits)",
    re.I,
)
"""What texts have, and do not talk about."""
_PART_OF_TEXT = re.compile(
    r"\b(?:words?|sentences?|letters?|numbers?|names?|titles?|jokes?|puns?|humou?r|sarcasm|irony|"
    r"opinions?|spoilers?|slang|jargon|swearing|feelings|emotions|advice|details?|examples?|"
    r"repetitions?|quotes?|quotations?|clich[eé]s?|metaphors?|adjectives?|adverbs?|rhymes?|typos?|"
    r"errors?|mistakes?|emojis?|hashtags?|marks?|commas?|dashes|lists?|tables?|links?|questions?)$",
    re.I,
)
"""What a text has without saying the word."""


_ROLE = re.compile(r"^(?:[Oo]ur|[Tt]he|[Mm]y) (?:[a-z]+ )?(?!(?:in|on|and|or) )[a-z]+ (?=[A-Z])")
"""What a name is the name of: "our rival Acme", but not "the war in Ukraine"."""


def _keep_out(match: re.Match[str]) -> str:
    """Return "keep spiders out of every story" as a demand of what is not to be mentioned."""
    what = _OTHER_KINDS.sub(r"\1 ", match["what"])
    where = match.groupdict().get("where") or ""
    is_everywhere = not where or _ALL_ANSWERS.fullmatch(where)
    if _NO_TOPIC.search(what) or not (is_everywhere or _TEXTS.fullmatch(where)):
        return match[0]
    what = _ROLE.sub("", what)
    if re.fullmatch(r"[A-Z][a-z]+s(?:(?:,| and| or| nor) [^A-Z]*)?", what):
        what = what[0].lower() + what[1:]  # the first word of a sentence
    is_form = _FORM_WORDS.fullmatch(what)
    if is_form is None and _PART_OF_TEXT.search(what) and not re.search("[\"']", what):
        return match[0]
    demand = f"use no {what}" if is_form else f"do not mention {what}"
    if re.match(r"(?:the (?:words?|phrases?|terms?|expressions?) )?[\"']", what, re.I):
        demand = f"never use {what}" if what.lower().startswith("the ") else f"never say {what}"
    if is_everywhere:
        return demand
    return f"In {_YOU_WRITE.sub('', where)}, {demand}"


_SOMEBODY = (
    r"(?P<who>anyone|anybody|everyone|everybody|someone|somebody|people|those|all|(?:(?:a|an|any|"
    r"every|each|all|the|our|my) )?(?:customers?|clients?|guests?|visitors?|callers?|users?|"
    r"students?|parents?|members?|patients?|pupils?|travell?ers?|tourists?|buyers?|readers?|"
    r"shoppers?|tenants?|couples?|families|kids|children|[a-z]{3,}(?:er|or|ant|ent|ist|ee)s))"
)
_DOES = (
    r"(?P<does>who .+?|(?:curious about|interested in) .+?|with (?!(?:an? )?[\"']).+?|(?!bring|"
    r"anything|something|"
    r"nothing)[a-z]+ing .+?)"
)
_PLURAL = re.compile(r"people|those|all|.*(?<!s)s|children", re.I)


def _name_action(match: re.Match[str]) -> str:
    """Return "anyone looking for lunch" as "someone is looking for lunch"."""
    who, does = match["who"], match["does"]
    is_plural = _PLURAL.fullmatch(who) and not re.match(r"(?:an?|any|every|each) ", who, re.I)
    who = "people" if who.lower() in ("those", "all") else who
    if re.fullmatch(r"(?:any|every)(?:one|body)", who, re.I):
        who = "someone"
    who = re.sub(r"^(?:every|each|any) ", "a ", who.lower())
    if does.lower().startswith("who "):
        return f"{who} {does[4:]}"
    if does.lower().startswith("with "):
        return f"{who} {'have' if is_plural else 'has'} {does[5:]}"
    if re.match(r"(?:curious|interested) ", does, re.I):
        return f"{who} {'are' if is_plural else 'is'} {does}"
    verb, _, rest = does.partition(" ")
    if asked := re.fullmatch(r"(ask|enquir|inquir|wonder)ing", verb, re.I):
        stem = {"enquir": "ask", "inquir": "ask"}.get(asked[1].lower(), asked[1].lower())
        return f"{who} {stem}{'' if is_plural else 's'} {rest}"
    return f"{who} {'are' if is_plural else 'is'} {does}"


_TOLD = {
    "told": "tell them",
    "informed": "tell them",
    "hear": "tell them",
    "know": "tell them",
    "given": "give them",
    "offered": "offer them",
    "shown": "show them",
    "reminded": "remind them",
    "advised": "advise them",
    "warned": "warn them",
    "asked": "ask them",
    "sent": "send them",
    "referred": "refer them",
    "directed": "direct them",
    "pointed": "point them",
    "get": "give them",
    "receive": "give them",
}


def _tell_somebody(match: re.Match[str]) -> str:
    """Return "visitors with a dog must be told that ..." as a demand with a condition."""
    told, rest = _TOLD[(match["told"] or match["got"]).lower()], match["rest"]
    if told == "tell them" and re.match(r"(?:the|our|a) ", rest, re.I):
        told = "give them"
    return f"When {_name_action(match)}, {told} {rest}" if match["does"] else f"{told} {rest}"


def _ban_name(match: re.Match[str]) -> str:
    """Return "never call yourself an AI" as a demand of what is not said."""
    names = re.split(r",? (?:or|and|nor) |, ", match["what"])
    return f"never say {' or '.join(quote_text(name) for name in names)}"


def _lower_start(text: str) -> str:
    """Return a sentence as it goes on after a comma."""
    return text[:1].lower() + text[1:]


def quote_text(text: str) -> str:
    """Return a text in double quotes."""
    return f'"{text.strip()}"'


_QUESTIONS = r"questions?|requests?|enquir(?:y|ies)|inquir(?:y|ies)|quer(?:y|ies)"
_REQUESTS = [
    (r"(?:all |any )?(?:greetings?|hellos?)", "someone greets you"),
    (r"(?:all |any |an? )?(?:thanks|thank[- ]yous?)", "someone thanks you"),
    (r"(?:all |any |an? )?(?:goodbyes?|farewells?)", "someone says goodbye"),
    (r"(?:all |any |an? )?compliments?", "someone pays you a compliment"),
    (
        rf"(?:all |any |every |an? )?(?:{_QUESTIONS}) (?:about|on|for|regarding|concerning) "
        r"(?P<topic>.+)",
        "asked about {topic}",
    ),
]


def _name_request(text: str) -> str:
    """Return what happens when a request of this kind comes; "" of another noun."""
    for pattern, name in _REQUESTS:
        if found := re.fullmatch(pattern, text.strip(), re.I):
            return name.format(**found.groupdict())
    return ""


_SEND = r"point|refer|direct|send|forward|route|redirect|pass|hand"
_SENT = r"pointed|referred|directed|sent|forwarded|routed|redirected|passed|handed"

_WHERE_TO = (
    r"(?P<what>[^ ,]+|(?:(?! (?:and|or|but|if|when|unless|who|which)\b)[\w' -])+)(?:,? please)?"
)


def _refer_request(match: re.Match[str]) -> str:
    """Return "questions about invoices go to accounting" as a demand with a condition."""
    request = _name_request(match["request"])
    return f"When {request}, refer them to {match['what']}" if request else match[0]


def _answer_request(match: re.Match[str]) -> str:
    """Return "thanks are answered with X" as a demand with a condition."""
    request = _name_request(match["request"])
    if not request:
        return match[0]
    is_whole = match["only"] or match["alone"]
    other = match.groupdict().get("not") or ""
    return f"When {request}, reply {'only ' if is_whole else ''}with {match['quote']}{other}"


def _sign_as(match: re.Match[str]) -> str:
    """Return "sign all emails as Petra" as a demand of how they end."""
    texts = re.sub(r"^sign(?: off)? ?", "", match["sign"], flags=re.I)
    demand = f'end with "{match["name"]}"'
    return f"In {texts}, {demand}" if texts else demand


_POLITE_WORDS = (
    r"(?:\"|')?(?:(?P<thanks>thank you|thanks)|(?P<bye>good ?bye|bye|good ?night|farewell)|"
    r"(?P<hello>hello|hi|hey|good (?:morning|afternoon|evening|day)))(?: or \w+)?(?:\"|')?"
)


def _answer_polite_words(match: re.Match[str]) -> str:
    """Return "if somebody says thanks, ..." with what that is."""
    acts = {"thanks": "thanks you", "bye": "says goodbye", "hello": "greets you"}
    act = next(name for key, name in acts.items() if match[key])
    return f"When someone {act}, {match['rest']}"


def _mention_warning(match: re.Match[str]) -> str:
    """Return "add an allergy warning to every recipe" as a demand of what is mentioned there."""
    where = re.sub(r"^ to ", " in ", match["rest"])
    return f"{match['lead']}mention {match['what']}{where}"


_OF_MODEL = r"an? (?:(?:language |AI |large language )?model|AI|bot|chatbot|robot|machine|computer)"
"""What a model is called."""
_WANTED = r"(?P<lead>(?!.*\b(?:never|not|don't|no|avoid|without)\b).*?)\b"
"""What stands before a verb, and turns nothing round."""
_LIST_FORMS = (
    r"(?:an? )?(?:bullet(?:ed)? (?:points?|list)|bullets|numbered (?:list|steps)|table|list)"
)
_QUOTED = r"(?:\"[^\"]+\"|'(?:[^']|(?<=\w)'(?=\w))+')"
_QUOTE = r"(?P<quote>\"[^\"]+\"|'(?:[^']|(?<=\w)'(?=\w))+')"
_ONLY = r"(?P<only>(?:only|just|exactly|simply|always|nothing but) )?"
_ALONE = r"(?P<alone>,? and nothing (?:else|more)|,? nothing else)?"
_REQUEST = r"(?P<request>(?!when|if|in\b|your|you\b)[A-Za-z][^\"':,]{2,80}?)"
_SAYS = r"(?:recommend|suggest|mention|include|add|warn (?:about|of|against)|point out)"


def _say_fact_to(match: re.Match[str]) -> str:
    """Return "our address is 12 Mill Lane, so say that to people who ask where we are"."""
    who = "someone" if match["who"].lower() in ("anyone", "everyone") else match["who"].lower()
    who = "people" if who == "those" else who
    fact = f"{_lower_start(match['topic'])} {match['said']}"
    return f"When {who} {match['ask']}, say that {fact}"


_TEXTS_OR_QUESTIONS = (
    rf"(?:(?:all|any|every|each|an?|my|our|the) )*(?:(?:[a-z-]+ )?{GENRE}|definitions?|"
    r"explanations?|(?:[a-z-]+ )?questions?)(?: (?:to|for|on|about|of|regarding|concerning) "
    r"[\w'’ -]+?)?"
)
_MUCH = (
    r"(?P<bound>(?:at (?:the )?(?:most|least)|no (?:more|fewer|less) than|up to|exactly|precisely|"
    r"under|below|fewer than|less than|more than|a (?:maximum|minimum) of) )?"
    rf"(?:(?:a|one) single|{NUMBER}) (?:short |brief |full )?"
)
_UNITS = (
    r"(?P<length>words?|sentences?|lines?|paragraphs?|characters?)|hashtags?|emojis?|bullet "
    r"points?|bullets|exclamation marks?"
)


def _give_texts(match: re.Match[str]) -> str:
    """Return "definitions get one sentence from you" as "definitions should have one sentence"."""
    what, rest = match["what"], match["rest"]
    limits = "at most" if match["length"] else "exactly"
    if (match["only"] or match["most"]) and match["bound"]:
        return match[0]  # "only at least two"
    if match["only"] or match["most"]:
        rest = f"{limits if match['only'] else 'at most'} {rest}"
    if match["length"] and re.search(r"\bquestions?\b", what, re.I):
        return f"{what} should be answered in {rest}"
    return f"{what} should have {rest}"


OTHER_SUBJECTS: list[tuple[str, Rewrite]] = [
    (
        r"(?!.*\b(?:except|unless|only)\b)(?!.*\b(?:never|not|don't) get)(?:all |any "
        r")?(?:requests? for|(?:questions?|inquiries) (?:about|on)) (?P<topic>[^,\"]+?) "
        r"(?:gets?|receives?|deserves?|needs?) (?:the|an?) (?:remark|note|reminder|hint|warning|"
        r"answer|reply) that (?P<what>.+)",
        r"When asked about \g<topic>, say that \g<what>",
    ),
    (
        r"(?:if|when|whenever) (?P<topic>(?!(?:a|the) questions?\b)[^,]+?) (?:is|are) (?:asked|"
        r"inquired|enquired) about, (?P<rest>.+)",
        r"When asked about \g<topic>, \g<rest>",
    ),
    (
        r"whoever (?P<does>(?:asks?|wants?|needs?|inquires?|enquires?|mentions?|complains?|writes?|"
        r"calls?) .+?) (?:should|must|has to|is to|needs to) be (?P<told>told|reminded|informed|"
        r"warned|advised) (?P<rest>.+)",
        lambda match: (
            f"When someone {match['does']}, {_TOLD[match['told'].lower()]} {match['rest']}"
        ),
    ),
    (
        r"(?=.{1,300} so (?:please )?(?:say|tell|give|mention|share|name|send) )(?P<topic>(?!(?:he|"
        r"she|they|it|we|I|you|there)\b)[A-Za-z][\w' -]{1,60}?) (?P<said>(?:is|are|costs?|opens?|"
        r"closes?|starts?|ends?|takes?|begins?|can be|must be) (?:[^;.]|\.(?=\S)){1,200}?),? so "
        r"(?:please )?(?:say|tell|give|mention|share|name|send) (?:it|so|(?:that|this)(?: "
        r"(?:number|"
        r"address|price|fact|name))?) to (?P<who>people|customers|clients|guests|visitors|callers|"
        r"users|anyone|everyone|those|patients|members|students) (?:who |that )?(?P<ask>(?:asks?|"
        r"wants?|needs?|inquires?|wonders?)\b(?!.* (?:him|her|them|it)$).*)",
        _say_fact_to,
    ),
    (
        r"(?P<when>(?:(?:if|when|whenever) [^,]+, )?)(?P<what>(?:the|its|our|their) (?=[^,]*\d)"
        r"[^,]+?) "
        r"(?:has to|have to|must|should|needs? to) be (?:in|part of) (?:the|your|every|each) "
        r"(?:answer|reply|response)",
        r"\g<when>mention \g<what>",
    ),
    (
        rf"(?P<what>(?!(?:(?:all|any|every|each|your|the|of) )*{REPLIES}\b){_TEXTS_OR_QUESTIONS}) "
        r"(?:always )?(?P<only>only )?(?:gets?|deserves?|carry|carries|receives?|merits?|call for) "
        rf"(?P<rest>{_MUCH}(?:{_UNITS})|(?:the|an?) (?:[a-z]+ )?(?:sentence|words?|phrase|note|"
        rf"remark|"
        rf"disclaimer):? {_QUOTED})(?: (?:from you|somewhere|in (?:your|the|every) (?:reply|answer|"
        r"response)))*(?P<most>,? (?:and )?(?:no|not) (?:more|longer)|,? (?:tops|max(?:imum)?|"
        r"at most))?",
        _give_texts,
    ),
    (
        r"(?:please )?(?:leave|keep) (?P<what>(?!(?:it|them|me|us|everything|this|that)\b)[^,]+?(?:"
        r"\"[^\"]+\"[^,]*?|, [^,]+?)*?) out of (?P<where>[^,]+)",
        _keep_out,
    ),
    (
        r"(?P<what>[^,\"]+?) (?:(?:should|must|has to|have to|needs? to) (?:always )?(?:stay|be "
        r"kept|be left)|stays?) out of (?P<where>[^,]+)",
        _keep_out,
    ),
    (
        r"(?:say )?nothing (?:at all )?(?:about|on) (?P<what>.+?)(?:,? (?:please|ever|at all))*",
        _keep_out,
    ),
    (
        r"(?:please )?(?:skip|avoid|omit|drop|no|leave out|make no)(?: (?:all|any|every|each))? "
        r"(?:references?|mentions?|allusions?) (?:to|of) (?P<what>.+)",
        _keep_out,
    ),
    (
        r"(?P<what>(?!(?:it|this|that|they|you)\b)[^,\"]+?) (?:must|should|shall|may|can|is|are|"
        r"has|have|do)(?: (?:not|never)|n't|not)(?: to)? (?:appear|come up|occur|feature|show up|"
        r"turn up|be (?:mentioned|discussed|named|brought up|talked about|referred to))(?: "
        r"(?:anywhere|at all|ever)| in (?P<where>.+))?",
        _keep_out,
    ),
    (
        rf"(?P<verb>recommend|suggest|offer|give|show|send|propose|mention) (?P<what>.+?) to "
        rf"{_SOMEBODY} (?!who asks? |asking ){_DOES}",
        lambda match: f"When {_name_action(match)}, {match['verb']} {match['what']}",
    ),
    (
        rf"(?:{_SEND}) (?P<request>(?:all |any |every )?(?:{_QUESTIONS}) .+?) (?:on )?to "
        rf"{_WHERE_TO}",
        _refer_request,
    ),
    (
        rf"(?P<request>(?:all |any |every )?(?:{_QUESTIONS}) .+?) (?:(?:must|should|shall|have to|"
        r"are to|has to|is to|always) )*(?:go|goes|(?:be |are |is |get |gets )?"
        rf"(?:{_SENT}))(?: on)? to {_WHERE_TO}",
        _refer_request,
    ),
    (
        rf"(?:{_SEND}) {_SOMEBODY} {_DOES} to {_WHERE_TO}",
        lambda match: f"When {_name_action(match)}, refer them to {match['what']}",
    ),
    (
        rf"{_SOMEBODY}(?: {_DOES}|(?=(?: \w+)+ (?:told|informed|hear|know|reminded|advised|warned) "
        r"(?:that|to) )) (?:(?:must|should|shall|have to|has to|needs? to|are to|is to|get|"
        r"gets|is|are|will)(?: always)?(?: be)? (?P<told>told|informed|hear|know|given|offered|"
        r"shown|reminded|advised|warned|asked|sent|referred|directed|pointed)|(?:must |should |"
        r"will |always )?(?P<got>get|receive)(?= (?:the|an?|our|my|this|only|"
        r"just|to (?:read|hear|see))\b| [\"'])) (?P<rest>.+)",
        _tell_somebody,
    ),
    (
        rf"{_REQUEST} (?:(?:must|should|shall|has to|have to|are to|is to) )?(?:be |is |are |get |"
        r"gets |receive |receives )(?:always )?(?:(?:answered|met|countered|replied to) with )?"
        rf"{_ONLY}(?:(?:this|the|an?) )?(?:(?:fixed|standard|same|short|one|following) "
        rf")?(?:(?:words?|reply|answer|response|sentence|line):? )?"
        rf"{_QUOTE}{_ALONE}",
        _answer_request,
    ),
    (
        rf"(?:respond|reply|react|answer) to {_REQUEST} {_ONLY}(?:with|by saying) "
        rf"(?:only |just |exactly )?{_QUOTE}(?P<not>,? (?:and |but )?(?:not|never)(?: with)? "
        rf"{_QUOTED})?{_ALONE}",
        _answer_request,
    ),
    (
        r"(?:never|do not|don't) (?:ever )?(?:call|describe|refer to|present) yourself (?:as )?"
        rf"(?P<what>{_OF_MODEL}(?:(?:,| or|, or) {_OF_MODEL})*)",
        _ban_name,
    ),
    (
        rf"(?P<lead>(?:in|for) [^,\"']+?,? )?(?:we|I)(?:'d| would)? prefer {_QUOTE} (?:over|to) "
        rf"(?P<old>{_QUOTED})(?: in (?:any|every)thing)?",
        r"\g<lead>say \g<quote> instead of \g<old>",
    ),
    (
        r"introduce yourself as (?P<name>\"[^\"]+\"|'[^']+')(?P<rest>(?: (?:in|at|when|if|to) "
        r".+)?)",
        r"mention the name \g<name>\g<rest>",
    ),
    (
        r"introduce yourself as (?P<name>(?-i:[A-Z])[\w'-]*(?: [\w'-]+)* (?:from|of|at) "
        r"(?-i:[A-Z])[\w'-]*(?: (?-i:[A-Z])[\w'-]*)*)(?P<rest>(?: (?:in|at|when|if|to) .+)?)",
        r'mention the name "\g<name>"\g<rest>',
    ),
    (
        r"(?P<lead>.*?)\bgive the name (?P<name>(?-i:[A-Z])[\w'-]*(?: (?-i:[A-Z])[\w'-]*)*)",
        r'\g<lead>mention the name "\g<name>"',
    ),
    (
        r"(?P<sign>sign(?: off)?(?: (?:all|every|each|your|my|any) [\w -]+?)?) (?:as|with) "
        r"(?P<name>(?-i:[A-Z])[\w'.-]*(?: (?-i:[A-Z])[\w'.-]*)*)",
        _sign_as,
    ),
    (
        rf"{_WANTED}(?:add|include|give|put|have) an? (?P<what>(?!(?:short|brief|small|big|clear|"
        r"bold|final|general|friendly|polite|quick|little|long|strong|simple|legal|standard|"
        r"spoiler|content|trigger)\b)[a-z-]+) (?:warning|disclaimer)(?P<rest>| (?:in|to|for|at) "
        r".+)",
        _mention_warning,
    ),
    (
        rf"(?:our|the|my) [\w' -]+? (?:is|are)(?: (?:always|only))?(?: (?:spelled|written|"
        rf"called))?(?: as)? {_QUOTE},?(?: (?:so|and|but))? (?:never|not)(?: (?:write|say|spell "
        rf"it|call it|use))? (?P<olds>{_QUOTED}(?:(?:,| or|, or) {_QUOTED})*)",
        r"say \g<quote> instead of \g<olds>",
    ),
    (
        rf"{_WANTED}(?:list|give|show|present|write|format|put)(?: (?:me|us|them))? "
        r"(?:the|all|your|its|their) "
        rf"(?:[a-z]+ ){{1,3}}?(?:as|in(?: the form of)?) (?P<form>{_LIST_FORMS})",
        r"\g<lead>use \g<form>",
    ),
    (
        rf"(?P<where>(?:in|for) (?:[\w-]+ )*{GENRE}),? we (?:only |always )?(?P<rest>(?:write|say|"
        rf"use) {_QUOTED}"
        r".*)",
        r"\g<where>, \g<rest>",
    ),
    (
        r"(?P<what>(?:our|the|my) [a-z]+(?: [a-z]+)?)(?:'s name)? (?:is|must be|should be|has to "
        r"be) (?:always )?(?:spelled|spelt|written) (?P<rest>(?-i:[A-Z])(?!.*[:,;] (?:one word|"
        r"in one word|capital|with)\b).+)",
        r"spell \g<what> \g<rest>",
    ),
    (r"to the question (?P<asked>[^,]+), (?P<rest>.+)", r"When asked \g<asked>, \g<rest>"),
    (
        r"(?:(?:a|any|every|all|each) )?questions? (?:about|on|regarding|concerning) "
        r"(?P<topic>.+?) (?:is|are|must|should|has|have)(?: to)? (?:always )?be (?:answered|"
        r"replied to) (?P<how>.+)",
        r"When asked about \g<topic>, answer \g<how>",
    ),
    (
        r"(?:i(?:'d| would) (?:like|want|love) )?(?:any|every|each|all) (?:answers?|repl(?:y|ies)|"
        r"responses?|questions?) (?:on|about|regarding|concerning) (?P<topic>.+?) (?:must|should|"
        r"ha(?:s|ve) to|needs? to|to) (?:always )?(?P<do>.+)",
        r"When asked about \g<topic>, \g<do>",
    ),
    (
        r"(?P<lead>(?:[^,\"]+, )?)(?:contain|include|give|add|have) (?:the|an?) (?:advice|tip|"
        r"reminder|hint|recommendation) (?:that you should |to )(?P<what>.+)",
        r"\g<lead>advise them to \g<what>",
    ),
    (
        r"(?:(?:at|in|on) (?:our|my|this|the) [\w' -]+? )?(?:they're|they are|it's|it is|he's|"
        r"she's|these are) (?:an? |the )?(?P<new>[\w-]{3,})[.;,] (?:please )?(?:never|not|don't|"
        r"do not)(?: (?:call|name) (?:them|it|him|her)| write| say| use)? (?:an? |the )?"
        r"(?P<old>[\w-]{3,})(?:, .+)?",
        r'say "\g<new>" instead of "\g<old>"',
    ),
    (
        # "our visitors are patrons, never customers"
        rf"(?:(?:our|my|the) (?:{AUDIENCE}|pupils|kids|children|residents|employees|staff|"
        rf"volunteers|tenants|passengers) are|(?P<said>we (?:say|call them))) (?:always )?"
        r"(?P<new>[a-z]+s), never (?P<old>(?(said)[a-z]+s|(?:customers|clients|users|guests)))",
        r'say "\g<new>" instead of "\g<old>"',
    ),
    (
        r"(?:nobody|no one) (?:should|must|may) (?:ever )?(?:hear|know|learn|read)(?: anything)? "
        r"about (?P<topic>.+?)(?: from you)?(?:,? (?:so|and) .+)?",
        r"do not talk about \g<topic>",
    ),
    (
        rf"(?:at|in|on) (?:our|my|this|the) [\w' -]+?,? we (?:only )?(?:say|write|use|speak of|"
        rf"call them) {_QUOTE},? so (?:please )?(?:do not|don't|never) (?:say|write|use) "
        rf"(?P<old>{_QUOTED})",
        r"say \g<quote> instead of \g<old>",
    ),
    (
        r"before (?:you (?:suggest|recommend|propose)|(?:suggest|recommend|propos)ing) that (?:i|"
        r"we|they|people|somebody) (?P<what>[^,]+), (?P<do>.+)",
        r"When somebody wants to \g<what>, \g<do>",
    ),
    (
        r"(?P<ban>(?:please )?(?:never|do not|don't|avoid) (?:nam|mention|recommend|suggest)(?:e|"
        r"ing)?) (?:our|my|the) [a-z ]+? \((?:(?:that's|that is|i\.e\.|namely|so) "
        r")?(?P<names>[A-Z][^()]+)\)",
        r"\g<ban> \g<names>",
    ),
    (
        rf"(?P<lead>(?:in [^,\"]+, )?){_QUOTE} (?:is|are)(?: to be| always)? (?:used|said|"
        rf"written) (?:in place of|instead of|rather than) (?P<old>{_QUOTED})",
        r"\g<lead>say \g<quote> instead of \g<old>",
    ),
    (
        r"(?:our|my|the) (?:[a-z]+ ){1,3}?is (?:called|named|spelled|spelt|written) "
        r"(?P<name>[\"']?(?-i:\w*[A-Z]\w*[a-z]\w*[A-Z]\w*)[\"']?)[:,;] (?:one word|with|capital|"
        r"in one word)[^.]*",
        r"write our name as \g<name>",
    ),
    (
        rf"the (?P<edge>first|last) (?P<unit>line|words?|sentence) (?:of|in) (?P<where>(?:every|"
        rf"each|any|all|my|our) (?:[a-z]+ )*?{GENRE}(?: (?:to|for|about) .+?)?) (?P<rest>(?:should|"
        rf"must|has to|is|reads?|says?|"
        r"needs to) .+)",
        r"In \g<where>, the \g<edge> \g<unit> \g<rest>",
    ),
    (
        r"(?:all |any |the )?(?:(?:swear|curse|dirty|bad|filler) )?(?:words|phrases|expressions)"
        rf"(?: such as| like)? (?P<words>{_QUOTED}(?:(?:,| and| or|, and|, or) {_QUOTED})*) "
        r"(?:(?:are|is) (?:strictly )?(?:forbidden|banned|off[- ]limits|not allowed|taboo|"
        r"prohibited)|(?:are|must|should|may) (?:not|never)(?: to)? be (?:used|said|written))"
        r"(?P<where>(?: in .+)?)",
        r"never use the words \g<words>\g<where>",
    ),
    (
        rf"(?:any|every|each|the|all) (?P<genre>(?:[a-z]+ )*?{GENRE}) (?:that )?(?:you|I) (?:draft|"
        rf"write|send|make) "
        r"(?:for|to) (?P<who>(?!me\b|us\b)[^,]+?) (?:must|should|ha(?:s|ve) to|needs? to) "
        r"(?P<do>.+)",
        r"In \g<genre> to \g<who>, \g<do>",
    ),
    (
        r"(?:answers?|repl(?:y|ies)) (?:on|about|regarding) (?P<topic>.+?) (?:must|should|ha(?:s|"
        r"ve) to|needs? to) (?P<do>.+)",
        r"When asked about \g<topic>, \g<do>",
    ),
    (
        r"(?P<lead>(?:(?:if|when|whenever) [^,]+(?:, | ))?)(?:make sure (?:that "
        r")?)?(?P<what>(?:the |our |my )?[a-z]+(?: [a-z]+)?) (?:gets? a mention|ha(?:s|ve) (?:got "
        r")?to be mentioned)",
        r"\g<lead>mention \g<what>",
    ),
    (
        r"(?P<lead>(?:if|when|whenever) [^,]+?),? the (?:answer|reply|response) (?:must|should|"
        r"has (?:got )?to|needs to) (?P<do>.+)",
        r"\g<lead>, \g<do>",
    ),
    (
        r"(?P<lead>(?:[^,\"]+, )?)(?:(?:finish|end|close|conclude) by (?:saying|adding|mentioning|"
        r"reminding (?:me|them))|it (?:has to|must|should|needs to) be (?:said|stated|mentioned|"
        r"made clear|pointed out)) that (?P<what>.+)",
        r"\g<lead>say that \g<what>",
    ),
    (
        rf"(?:for|in|with) (?P<where>(?:(?:my|our|all|the) )?(?:[a-z]+ )*?{GENRE}(?: (?:to|for) "
        rf"[\w' ]+?)?): "
        r"(?P<rest>.+)",
        r"In \g<where>: \g<rest>",
    ),
    (
        r"(?P<lead>.*?\b(?:give|tell|send|share|mention|include|state)\b.*?), which is "
        r"(?P<value>\S*\d\S*|"
        rf"{_QUOTED})",
        r"\g<lead> \g<value>",
    ),
    (
        r"(?:whoever|any(?:one|body)|every(?:one|body)|people)(?: who)? asks? (?:you |us )?about "
        r"(?P<topic>.+?) (?:needs?|gets?|(?:should|must) (?:get|have|be given)|deserves?) an? "
        r"(?:warning|reminder|note|hint) (?P<what>(?:that|about) .+)",
        r"When asked about \g<topic>, warn them \g<what>",
    ),
    (
        rf"(?P<when>(?:when|whenever|if) {_SOMEBODY} [^,]+?),? (?:they|he|she) (?:should|must|have "
        r"to|has to|needs? to) (?:hear|be told|know|learn|be informed) (?P<what>(?:that|we|it "
        r"[a-z]+s) .+)",
        r"\g<when>, tell them \g<what>",
    ),
    (
        r"before (?:you (?:suggest|recommend|explain|describe|propose|give instructions (?:for|"
        r"on))|(?:suggest|recommend|explain|describ|propos)ing) (?P<what>[^,]+), (?P<do>.+)",
        r"When asked about \g<what>, \g<do>",
    ),
    (
        r"(?P<do>[^,]+?) before you (?:suggest|recommend|explain|describe|propose|give "
        r"instructions (?:for|on)) (?P<what>[^,]+)",
        lambda match: f"When asked about {match['what']}, {_lower_start(match['do'])}",
    ),
    (
        rf"(?P<what>prices|amounts|costs|times|dates|temperatures|distances|weights|numbers) in "
        rf"(?P<where>(?:[a-z]+ )*{GENRE}) (?:(?:are to|should|must|have to) )?(?:always )?(?:be "
        rf"(?:written|given|shown|"
        r"stated)|look) (?P<how>.+)",
        lambda match: f"In {match['where']}, write {match['what'].lower()} {match['how']}",
    ),
    (
        rf"(?P<where>in (?:[a-z]+ )*{GENRE}),? (?P<what>(?:the|our|my) [\w' ]+?) (?:must|should|"
        rf"has to|is to) (?:always )?be (?:called|named) [\"']?(?P<name>(?-i:[A-ZÀ-Þ])[\w'-]*(?: "
        r"(?-i:[A-ZÀ-Þ])[\w'-]*)*)[\"']?",
        r'\g<where>, mention the name "\g<name>"',
    ),
    (
        r"(?P<lead>(?:(?:in|for) [^,]+, )?)(?P<verb>use|include|write|add|contain) neither "
        r"(?P<one>[^,]+?) nor (?P<other>[^,]+)",
        r"\g<lead>use no \g<one> and no \g<other>",
    ),
    (
        r"(?:in|at|on) (?:our|my|this) [\w' -]+?,? we (?:speak of|say|talk of|talk about|call "
        r"them) (?P<new>[a-z]+s),? (?:and )?(?:rather than|instead of|not|never) "
        r"(?P<old>[a-z]+s)(?:,? so (?:please )?do (?:the same|so|likewise)(?: too)?)?",
        r'say "\g<new>" instead of "\g<old>"',
    ),
    (
        r"(?P<who>(?:my|our) [\w' -]+?) (?:is|are) (?:always )?to be (?:addressed|called|greeted) "
        r"as (?P<name>(?:(?:Dr|Mrs?|Ms|Prof)\. )?(?-i:[A-ZÀ-Þ])[\w'-]*(?: "
        r"(?-i:[A-ZÀ-Þ])[\w'-]*)*)(?:,? (?:and |but )?(?:not|never)(?: (?:by|with|as))?(?: (?:her|"
        r"his|their) first name,?)? (?P<old>(?-i:[A-ZÀ-Þ])[\w'-]*))?",
        lambda match: (
            f'say "{match["name"]}"' + (f' instead of "{match["old"]}"' if match["old"] else "")
        ),
    ),
    (
        rf"(?:when|whenever|if) you (?:tell|write|read) (?P<who>(?:my|our|the) [a-z' ]+?) an? "
        rf"(?:[a-z]+ )?(?P<genre>{GENRE}), (?P<rest>.+)",
        r"In every \g<genre> for \g<who>, \g<rest>",
    ),
    (
        r"in (?:case|the event|the case) of (?P<what>(?!doubt|emergency|need)[^,]+), (?P<rest>.+)",
        r"When asked about \g<what>, \g<rest>",
    ),
    (
        r"(?P<demand>(?:[a-z-]+ ){0,6}?(?P<noun>(?:the|our|my)(?: [\w'-]+){1,5}?) (?:as|with|by|"
        r"in|at|under|the|an?) [^,]+?),? (?:when|whenever|if) "
        rf"{_SOMEBODY} asks? about (?:him|her|it|them)",
        lambda match: f"When asked about {match['noun']}, {_lower_start(match['demand'])}",
    ),
    (
        rf"(?:{_SEND}) {_SOMEBODY} to (?P<where>[^,]+?) (?:when|whenever|if) they (?P<does>.+)",
        r"When \g<who> \g<does>, refer them to \g<where>",
    ),
    (
        r"(?:play|be|act (?:as|like)|you(?:'re| are)|pretend to be|imagine you are) "
        r"(?P<who>(?:an?|the) [\w' -]+?) who (?:always |only )?(?P<verb>begin|start|end|finish|"
        r"open|close|say|use|answer|speak|write)(?:s|es) (?P<rest>.+)",
        r"be like \g<who>, \g<verb> \g<rest>",
    ),
    (
        rf"(?P<where>in (?:[a-z]+ )*{GENRE}),? (?P<what>(?:the|our|my) [\w' ]+?) (?:must|should|"
        rf"has to|is "
        r"to) (?:always )?be (?:spelled|spelt|written) (?:as )?(?P<how>.+)",
        r"\g<where>, spell \g<what> \g<how>",
    ),
    (
        r"(?P<ban>(?:please )?(?:no|never|do not|don't|avoid)\b[^,]+?)(?:, please)?,? or anything "
        r"(?:else )?(?:(?:that is|that's|that has) )?(?:connected|to do|related|associated) "
        r"(?:with|to) (?P<other>[^,]+)",
        lambda match: re.sub(
            r"^(?:please )?no ",
            "do not talk about ",
            f"{match['ban']} or {match['other']}",
            flags=re.I,
        ),
    ),
    (
        rf"(?P<where>(?:in (?:[a-z]+ )*{GENRE},? )?)(?P<what>prices|amounts|costs|fees|times|"
        r"dates|temperatures|distances|weights|numbers|percentages) (?:are to|should|must|have to|"
        r"need to) (?:always )?(?:look|be (?:shown|written|given|quoted|stated|displayed|listed)) "
        r"(?P<how>(?:with|in|as|like|without) .+)",
        lambda match: f"{match['where']}write {match['what'].lower()} {match['how']}",
    ),
    (
        r"(?P<what>(?:use )?[a-z]+ spellings?)(?:,? please)?(?: [-–—]|[,:;])? \(?(?:(?:so|like|as "
        r"in|e\.g\.|for example|i\.e\.),? )?[\"']?[a-z]+[\"']?,? (?:and )?(?:not|never|instead of|"
        r"rather than) [\"']?[a-z]+[\"']?\)?",
        lambda match: f"use {re.sub('^use ', '', match['what'], flags=re.I)}",
    ),
    (
        rf"greet {_SOMEBODY} who (?:says?|writes?|greets?) .+? with {_QUOTE}",
        r"When someone greets you, reply with \g<quote>",
    ),
    (
        r"the (?:main )?(?:hero(?:ine)?|villain|protagonist|character|child|boy|girl|dog|cat|pet|"
        r"king|queen|princess|prince|pupil|student|teacher|narrator|detective|robot|dragon|knight|"
        r"player) "
        rf"(?:of|in) (?P<where>(?:each|every|any|all) (?:[a-z-]+ )*?(?:{GENRE}|puzzles?|games?|"
        r"novels?|tales?))(?: (?:that )?you [a-z]+(?: up)?)? (?:is|must be|should be|has to "
        r"be)(?: always)?(?: to be)? (?:named|called) (?P<name>(?-i:[A-Z])[\w'-]*(?: "
        r"(?-i:[A-Z])[\w'-]*)*)",
        r'In \g<where>, mention the name "\g<name>"',
    ),
    (r"you(?:'re| are) an? [a-z -]+?,? (?:so|and so) (?P<rest>.+)", r"\g<rest>"),
    (
        rf"(?:when|whenever|if|should) {_SOMEBODY} (?:says?|writes?) {_POLITE_WORDS}(?: to you)?"
        r"(?:,? then |, |,? (?=(?:just|only|simply|please|always|never|do|say|answer|reply|respond|"
        r"wish|tell|end|use|add|mention)\b))(?P<rest>[a-z].+)",
        _answer_polite_words,
    ),
    (
        rf"(?P<rest>.+?),? (?:when|whenever|if) {_SOMEBODY} (?:says?|writes?) {_POLITE_WORDS}"
        r"(?: to you)?",
        _answer_polite_words,
    ),
    (
        rf"(?P<when>(?:when|whenever|if) {_SOMEBODY} greets you) (?:with|by saying) "
        r"(?:[\"']?(?:hello|hi|hey)[\"']?(?: or )?)+, (?P<rest>.+?)"
        r"(?: back)?",
        r"\g<when>, \g<rest>",
    ),
    (
        r"(?P<lead>.*?)\bclaim that (?P<rest>(?!.*\b(?:when|whenever|if|unless)\b).+)",
        r"\g<lead>say that \g<rest>",
    ),
    (
        rf"(?P<verb>{_SAYS}) (?P<what>[^,]+?) in (?P<where>(?:any|every|all|each) [^,]+|"
        rf"{GENRE}(?: (?:that|with|for|about|which) [^,]+)?)",
        r"In \g<where>, \g<verb> \g<what>",
    ),
]
"""Sentences about others than the model, and the plain demand that each becomes."""
