"""Read what must be said, of a demand that says so: "Say that we close at six."."""

from __future__ import annotations

import re

from selfteach.materials.rules.phrases import AUDIENCE, THEM

_WHOM_TOLD = rf" {THEM}"
_WHOM = rf"(?: (?:to )?{THEM})?"
_WHOM_SAID = rf" (?:to )?(?!her\b){THEM}"
"""Whom something is said to; in "say her name is Jane" it is her name."""
_TELLING = r"(?:say|tell|answer|reply|respond|inform|write|add|state|mention)"
DIRECTIONS = re.compile(
    rf"(?:(?:tell|ask|advise|remind|encourage|invite|instruct|warn)(?P<whom>{_WHOM_TOLD})|say) "
    r"(?P<not>(?:not|never) )?to (?P<what>.+)",
    re.I,
)
_HANDED = re.compile(
    rf"(?:give|send|offer|share|provide|show)(?:{_WHOM_TOLD})?(?: with)? (?P<what>(?:the|our|my|"
    rf"this) "
    r"[a-z' -]+?)[:,]? (?P<value>\S*\d\S*(?: .+)?|\S+@\S+|\S+\.\S{2,}|\"[^\"]+\")(?: to .+)?",
    re.I,
)
_SAID_NUMBER = re.compile(
    r"(?:say|state) (?P<what>(?:our|my|the) [a-z' -]*(?:number|hotline|line|code))[:,]? "
    r"(?P<value>\+?\d[\d ()/-]*\d)",
    re.I,
)
"""A number that is only said: "say our phone number 555-0134"."""
_MEASURED = re.compile(
    r"\S+ (?:words?|sentences?|lines?|points?|options?|items?|steps?|examples?|bullets?|"
    r"paragraphs?|characters?|reasons?|facts?|tips|ideas|things|parts|ways)\b",
    re.I,
)
"""How much an answer has, which is no value: "give the answer in 3 words"."""
_UNFINISHED = re.compile(r" (?:in|at|to|with|of|for|as|within|top|first|last|next|best)$", re.I)
_HANDED_BARE = re.compile(
    rf"(?:give|send|offer|share|provide|show)(?:{_WHOM_TOLD})?(?: with)? "
    r"(?P<value>\S*\d\S*|\S+@\S+|(?:https?://|www\.)\S+)",
    re.I,
)
_REFERRED = re.compile(
    rf"(?:direct|redirect|refer|point|send|steer)(?:{_WHOM_TOLD}) to (?P<where>.+)", re.I
)
_ASKED_FOR = re.compile(
    rf"(?:ask(?:{_WHOM_TOLD})? (?:(?P<about>about )|for |what (?=.* (?:is|are)$))|request )"
    r"(?:(?P<whose>their|the|an?|his|her|your|my|our) |(?(about)|(?!)))"
    r"(?P<what>(?!(?:follow-?up |counter )?(?:questions?|favou?r|help|advice)\b)[\w' -]+?)"
    r"(?: is| are)?",
    re.I,
)
_EXACTLY = (
    r"(?:(?: back| only| just| exactly| precisely| simply| always| nothing but)|(?: with)?(?: only|"
    r" just| exactly)? (?:this|these|the following|the)(?: (?:one|exact|same|single))?(?: "
    r"(?:sentence|phrase|words?|line|text|answer|reply|message))?(?: only| exactly)?)"
)
_ASKED_WHAT = re.compile(
    rf"ask(?:{_WHOM_TOLD})? (?P<what>(?:how (?:old|much|many|tall|long|big|far|often|heavy|high|"
    rf"deep|"
    r"wide)|(?:what|which) [a-z]+|where|when|how|who|(?:whether|if) (?:they|he|she|the|their)) "
    r"(?!.*, (?:not|never)\b).+)",
    re.I,
)
"""A question that must be asked: "ask how old the child is"."""
QUOTED_ANSWER = re.compile(
    rf"(?:only |just |simply )?{_TELLING}(?:{_WHOM_TOLD})?{_EXACTLY}*(?P<wholly> "
    rf"with)?{_EXACTLY}*[:,]? "
    r"(?:\"(?P<double>[^\"]+)\"|'(?P<single>(?:[^']|(?<=\w)'(?=\w))+)')(?: back| only| to (?:them|"
    r"him|her|me|us)|,? (?:and |but )?nothing (?:else|more)|,? and that's (?:it|all)| in "
    r"(?:return|reply|response))*",
    re.I,
)
_WHOLE_ANSWER = re.compile(
    r"\b(?:only|just|exactly|precisely|nothing (?:but|else|more)|that's (?:it|all))\b", re.I
)


def is_whole_answer(text: str) -> bool:
    """Return whether a demand wants an answer of these words and no others: 'only say "No."'."""
    bare = re.sub(r"\"[^\"]*\"|'(?:[^']|(?<=\w)'(?=\w))*'", "", text)
    return _WHOLE_ANSWER.search(bare) is not None


SAY_THAT = re.compile(
    r"(?:(?:(?:include|add|give) (?:a|the) (?:short )?(?:note|disclaimer|warning|reminder|remark|"
    r"hint)|"
    rf"say|tell|mention|note|point out|remind|warn|explain|state|add|make clear|let|inform|answer|"
    rf"reply|respond|write|admit|confess|confirm|stress|emphasi[sz]e|clarify){_WHOM}(?: know)?(?: "
    r"clearly)?,? "
    rf"that (?P<clause>.+)|(?:(?:say|reply|respond)(?: to her|{_WHOM_SAID})?|"
    rf"(?:tell|answer|inform|let){_WHOM}(?: know)?),? "
    r"(?P<bare>(?:(?:we|you|they|it|there)['’](?:re|s|ve|ll)|(?:I|you|we)(?:['’]d| would) "
    r"(?:rather|prefer|like|love)|we|they|it is|it's|(?:it|this|that|he|she) (?!(?:as|in|like|"
    r"with|to|from|by|for|using|without|briefly|simply|again)\b)[a-z]+|there is|there are|you "
    r"(?:can|can't|can not|are|were|have|do not|don't|cannot|won't|must|should|need|may)|you're|"
    r"I['’]m|I am|"
    r"(?:(?-i:[A-ZÀ-Þ])\w+['’]s [a-z]+|(?!(?:who|what|which|where|when|why|how|whether|"
    r"if)\b)[a-z-]+(?: [a-z-]+)?) (?:(?:is|are)(?:n['’]t)?|starts?|opens?|closes?|ends?|costs?|"
    r"takes?)|(?:the|our|my|your) .+ (?:is|are|will|can|closes?|opens?|starts?|costs?|takes?|has|"
    r"have)) .+))",
    re.I,
)


_REACHED = re.compile(
    r"@|\d|\b(?:team|desk|office|department|support|sales|manager|reception|doctor|nurse|hotline|"
    r"helpline|lawyer|service|staff|colleagues?|boss|owner|secretary|assistant|specialist|expert|"
    r"clinic|pharmacy|police|bank|embassy|agency|someone|person)\b|^(?:(?-i:[A-Z])|my )",
    re.I,
)
"""Somebody who can be contacted; anything else is looked at."""


_SAY_DO = re.compile(
    r"say (?:please )?(?!.*\b(?:instead of|rather than)\b)(?P<what>(?:turn|call|ring|come|go|visit|"
    r"check|see|contact|wait|take|bring|book|press|open|close|read|try|drink|rest|stop|switch|"
    r"unplug|write to|speak to|talk to|park|use the|(?:never|always|do not|don't) [a-z]+ (?:it|"
    r"them)) .+)",
    re.I,
)
"""What somebody is told to do: "say turn off the stopcock", "say never eat them raw"."""


def read_clause(text: str, scope: str = "") -> str:
    """Return what must be said, as the model says it: "tell them to call us" -> "please call us".

    The result is "" if the text asks for something else.

    Args:
        scope: when it must be said; "" for always. It tells who "you" and "they" are.
    """
    if match := SAY_THAT.fullmatch(text):
        clause = match["clause"] or match["bare"]
        if _TOLD_ME.match(text) or _OUGHT.match(clause):
            clause = speak_to_speaker(clause)
        if _TELLS_THEM.match(text):
            clause = _speak_to_user(clause, scope)
        return speak_as_model(clause, scope)
    if match := DIRECTIONS.fullmatch(text):
        what = re.sub(r"\btheir\b", "your", match["what"])
        if (match["whom"] or "").strip().lower() in ("me", "us"):
            what = re.sub(r"\b(?:my|our)\b", "your", what)
        forbidden = "do not " if (match["not"] or "").lower() == "not " else match["not"] or ""
        return f"please {forbidden}{what}"
    if match := _SAY_DO.fullmatch(text):
        return f"please {match['what']}"
    match = _SAID_NUMBER.fullmatch(text) or _HANDED.fullmatch(text)
    if match and not _MEASURED.match(match["value"]) and not _UNFINISHED.search(match["what"]):
        return f"{match['what']} is {match['value']}"
    if match := _HANDED_BARE.fullmatch(text):
        return match["value"]
    if match := _REFERRED.fullmatch(text):
        verb = "contact" if _REACHED.search(match["where"]) else "see"
        return f"please {verb} {match['where']}"
    if match := _ASKED_FOR.fullmatch(text):
        return f"please tell me {_name_asked(match)}"
    if match := _ASKED_WHAT.fullmatch(text):
        what = re.sub(r"\b(?:their|his|her)\b", "your", match["what"])
        what = re.sub(r"\bthey\b", "you", what)
        return f"please tell me {what}"
    if match := QUOTED_ANSWER.fullmatch(text):
        said = match["double"] or match["single"]
        is_answer = len(said.split()) > 2 or match["wholly"] or is_whole_answer(text)
        return said if is_answer else ""
    return ""


def _name_asked(match: re.Match[str]) -> str:
    """Return what is asked for as the model names it: "the order number", "about your budget"."""
    whose = (match["whose"] or "any").lower()
    if match["about"]:
        is_owned = whose in ("my", "our", "their", "his", "her")
        return f"about {'your' if is_owned else whose} {match['what']}"
    return f"{'your' if whose in ('my', 'our') else 'the'} {match['what']}"


def read_asked(text: str) -> str:
    """Return what must be asked for: "ask for the order number" -> "order number"; or ""."""
    match = _ASKED_FOR.fullmatch(text) or _ASKED_WHAT.fullmatch(text)
    return match["what"] if match else ""


_TELLS_THEM = re.compile(rf"(?:tell|inform|let|remind) (?:them|him|her|{AUDIENCE})\b", re.I)


_THEY = re.compile(
    r"(?:they|he|she)(?P<verb>(?:'re| are| is)(?= (?:allowed|entitled|welcome|able|covered|free "
    r"to)\b)|(?:'ve| has| have| needs?| can| must| should| gets?| will| may| could| don't| "
    r"cannot)\b)",
    re.I,
)
"""What is said of those who ask."""


_ORDER = (
    r"(?:orders?|bookings?|reservations?|appointments?|accounts?|deposits?|refunds?|payments?|"
    r"parcels?|packages?|tickets?|subscriptions?|applications?|data|money)\b"
)
_THEIR_ORDER = re.compile(rf"^(?:their|his|her)(?= {_ORDER})", re.I)
"""What belongs to those who ask; "their opening hours" may be those of a museum."""
_ABOUT_ORDERS = re.compile(
    rf"(?!.*(?:[A-ZÀ-Þ]|\w['’]s? )).*\b(?:{_ORDER}|(?:delivery|deliveries|shipping|shipments?|"
    r"invoices?|returns?|cancell?ations?|privacy)\b)"
)
"""A scope that names no one else whose order it may be: "refunds", not "the band"."""


def _speak_to_user(clause: str, scope: str) -> str:
    """Return "they have 30 days" as it is said to them, "you have 30 days", and "their order"."""
    match = _THEY.match(clause)
    if not match:
        is_theirs = not scope or _ABOUT_ORDERS.match(scope)
        return _THEIR_ORDER.sub("your", clause) if is_theirs else clause
    verb = {"'re": " are", " is": " are", "'ve": " have", " has": " have"}.get(match["verb"])
    rest = clause[match.end() :]
    return re.sub(r"\b(?:their|his|her)\b", "your", f"you{verb or _to_plural(match['verb'])}{rest}")


def _to_plural(verb: str) -> str:
    """Return "needs" as "need"."""
    return re.sub("^( need| get)s$", r"\1", verb)


_TOLD_ME = re.compile(r"(?:tell|remind|inform|warn|let) (?:me|us)\b", re.I)
"""How what is said to the speaker of the rule begins."""
_OUGHT = re.compile(r"I (?:should|must|need to|have to|ought to)\b")
"""What the speaker of the rule has to do, and not the model."""
_TO_YOU = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "i'm": "you're",
    "i am": "you are",
    "i was": "you were",
    "i'd": "you'd",
    "i'll": "you'll",
    "i've": "you've",
}


def speak_to_speaker(clause: str) -> str:
    """Return what the speaker of a rule wants to be told as the model says it: "I should call my
    doctor" -> "you should call your doctor".
    """
    return re.sub(
        r"\bI (?:am|was)\b|\bI['’](?:m|d|ll|ve)\b|\b(?:I|me|my|mine|myself)\b",
        lambda word: _TO_YOU[word[0].lower().replace("’", "'")],
        clause,
        flags=re.I,
    )


def speak_as_model(clause: str, scope: str) -> str:
    """Return what a rule says to the model as the model says it to the user: "you are not a doctor"
    -> "I am not a doctor", "they should call us" -> "you should call us".

    Args:
        scope: when it is said; "" for always. Where the model is asked about, "you" is the model.
    """
    clause = re.sub(
        r"\band that (?=(?:we|the|it|you|they|an?|our|there|this|all)\b|[a-z]+s (?:are|is|have|can|"
        r"must|will|cost|take|need)\b)",
        "and ",
        clause,
    )
    if re.match(r"they (?:should|can|must|may|need|have to|cannot)\b", clause):
        clause = re.sub(r"\btheir\b", "your", f"you{clause[4:]}")
    clause = _MADE_MODEL.sub(r"\1 me", clause)
    if _OF_MODEL.match(clause) or (_ABOUT_MODEL.search(scope) and _DENIED.match(clause)):
        plain = re.sub(r"^you'(re|d)", _spell_out, clause, flags=re.I)
        _, verb, *rest = plain.split(" ")
        clause = " ".join(["I", _OWN_VERBS.get(verb.lower(), verb), *rest])
        clause = re.sub(r"\band you are\b", "and I am", clause)
        clause = re.sub(r"\band you\b", "and I", clause)
        clause = re.sub(r"\band they (?=(?:should|must|need to|have to)\b)", "and you ", clause)
    elif not _NAME_OF_MODEL.match(clause):
        return clause
    return re.sub(r"[Yy]our(?=[ ,.]|$)", "my", clause)


def _spell_out(match: re.Match[str]) -> str:
    """Return "you're" and "you'd" as two words."""
    return "you are" if match[1].lower() == "re" else "you would"


_MADE_MODEL = re.compile(
    r"\b(made|created|built|trained|developed|designed|programmed|invented) you\b", re.I
)
_OWN_VERBS = {"are": "am", "were": "was"}
_NAME_OF_MODEL = re.compile(
    r"your (?:(?:own |real |full |first |last )?name|favou?rite [a-z' -]+|hobby|hobbies|home "
    r"?town|home|job|profession|birthday|nationality|pets?|family|native language|mother tongue|"
    r"star sign|age) (?:is|are|was)\b",
    re.I,
)
_OF_USER = (
    r"(?:(?:need(?: to)?|have to)(?! (?:sleep|eat|food|rest|love|coffee|oxygen|air)\b)|pay|"
    r"lose (?:your|the|any)|owe|receive|return|qualify|register|park|enter|bring|"
    r"get (?:an?|the|your|any|money|refunds?))\b"
)
"""What those who ask do not do: "you don't need an account"."""
_OF_MODEL = re.compile(
    r"you(?:(?: are|'re) (?:\w+ years |"
    r"not (?!(?:required|obliged|charged|eligible(?! to vote)|entitled|covered|insured)\b)|no |"
    r"only |just |called |named |an? |the |unable |happy |made |sorry |from |(?-i:[A-ZÀ-Þ]))|"
    r"(?:'d| would) (?:rather|prefer|love|like)\b|"
    r" were (?:made|created|trained|built|written|developed)|"
    r" (?:can't|cannot|can not) (?:replace|help|give|provide|answer|discuss|comment|speak|talk|"
    r"tell|disclose|share|advise|reveal|judge|predict|confirm|diagnose|prescribe|promise|"
    r"guarantee|access|book|process|check|know|recommend|say)\b|"
    rf" (?:do not|don't|cannot) (?!{_OF_USER})|"
    r" (?:did not|have no|have been|come from|live|used to|grew up|were|work as|worked as|once|"
    r"have never|love|hate|like|enjoy|own|play|speak) | have none\b)",
    re.I,
)
"""What only the model can be meant by: "you can call us" is said to the user."""
_DENIED = re.compile(r"you(?:(?: are|'re) not| do not| don't| cannot)\b", re.I)
_ABOUT_MODEL = re.compile(
    r"^you$|\byourself\b|\b(?:whether|if|who|what|why|how) you\b|\babout you$|\byour (?:own )?"
    r"(?:life|body|health|salary|wages?|pay|feelings|sleep|diet|family|job|work)\b",
    re.I,
)
"""A scope in which the model is asked about."""
