"""Write a demand in the words that the forms of effects know: "commence with" -> "start with".

What stands in quotation marks is no part of a demand's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from selfteach.materials.rules.forbidden_topics import is_part_of_text
from selfteach.materials.rules.phrases import REPLIES, hide_quotes, show_quotes
from selfteach.materials.rules.scopes.scope import is_only_told, starts_effect, to_imperative
from selfteach.number_words import NUMBER

QUOTED = re.compile(r"\"[^\"]+\"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))+'(?!\w)")
_LEAD = r"^(?P<lead>(?:(?:please|always|also|then|just|kindly|from now on),? )*)"
_MODAL = r"(?:must|should|shall|ought to|ha(?:s|ve) to|needs? to|(?:is|are) to)"
_CANNOT = (
    r"(?:(?:cannot|can't|can not)(?! (?:stand|bear|wait|get|take|help|abide|stomach|have enough|"
    r"do without)\b)|may not|mustn't)"
)
_NO_VERB = (
    r"(?!(?:an?|the|you|any\w*|some\w*|every\w*|my|our|your|they|he|she|it|we|there|not|never)\b|"
    r"I\b)"
)
"""What follows no verb of a demand: "should a patient ask"."""

_USUAL_VERBS = {
    r"commence|kick off|lead(?= with\b)": "start",
    r"wrap up|round off": "end",
    r"type(?= (?:in|with|using|it|everything|all|your)\b)": "write",
    r"consist of|comprise": "have",
    r"(?:carry|bear|feature)(?= (?:an?|the|our|my|one|\"))": "include",
    r"(?:stick|tack|pop|slap)(?= .+ (?:at|in|on)\b)": "put",
    r"(?:be|get) signed(?: off)?": "sign",
    r"be made(?: up)? of": "have",
    r"open(?= an? (?:sentence|paragraph|line)\b)": "start",
    r"(?:stick|keep) to(?= (?:(?:all|only) )?(?:lower|upper|capital|small|block))": "use",
    r"(?:deliver|supply|serve|hand)(?: (?:me|us|them))?"
    rf"(?= (?:(?:exactly|at most|only|just|up to|no more than) )?(?:{NUMBER}|an?) )": "use",
    r"(?:write|spell) out(?= \")": "write",
    r"(?:all )?(?P<noun>temperatures?|distances?|weights?|prices|amounts|dates|times)(?: always| "
    r"only)?(?= (?:in|as)\b)": (r"give \g<noun>"),
}
"""How a demand begins, and how the forms have it."""
_DONE = dict(
    re.findall(
        r"([a-z ]+)=([a-z ]+)",
        "written=write,spelled=spell,spelt=spell,given=give,put=put,used=use,mentioned=mention,"
        "discussed=discuss,brought up=bring up,named=name,included=include,added=add,shown=show,"
        "stated=state",
    )
)
"""What is done with something in an answer, and what the model does."""
_IS_DONE = rf"be (?P<done>{'|'.join(_DONE)})\b"
_TURNED = re.compile(
    r"\b(?:without|unless|not|never|no|none|no(?:body|thing)|neither|few|little|rarely|hardly|"
    r"seldom|except|only|but|by)\b|n't\b",
    re.I,
)
"""What turns a demand round, or narrows it."""
_BEFORE_ALL = r"before (?:you )?(?:[a-z]+ (?:into )?)?(?:any|every)thing else"
Rewrite = str | Callable[[re.Match[str]], str]


def _forbid_of_answers(match: re.Match[str]) -> str:
    """Return "no answer may contain X" and "no answer contains X" as "do not contain X"."""
    verb = match["rest"] if match["modal"] else to_imperative(match["rest"])
    is_clear = (match["modal"] or verb != match["rest"]) and not _TURNED.search(verb)
    return f"do not {verb}" if is_clear else match[0]


def _say_actively(match: re.Match[str]) -> str:
    """Return "numbers must be written as words" as "write numbers as words"."""
    what, rest = match["what"], match["rest"]
    forbidden = "do not " if match["not"] or match["no"] else ""
    is_turned = _TURNED.search(f"{what}{rest}") or (match["no"] and (match["not"] or rest))
    is_free = match["may"] and not forbidden
    if is_turned or is_free or re.search(rf"\b{REPLIES}$", what, re.I):
        return match[0]
    what = what if what[1:2].isupper() else what[0].lower() + what[1:]
    return f"{match['lead']}{forbidden}{_DONE[match['done'].lower()]} {what}{rest}"


def _forbid_left_out(match: re.Match[str]) -> str:
    """Return "leave the Narnia books out of your tips" as "do not mention the Narnia books"; what
    texts are made of ("jargon") is no topic.
    """
    what = match["what"]
    return match[0] if is_part_of_text(what) else f"do not mention {what}"


def _join_banned(match: re.Match[str]) -> str:
    """Return "do not talk about alcohol: no wine, no beer" with the examples as topics too."""
    things = re.split(r",? (?:and |or )?no |^no ", match["list"])
    return f"{match['ban']}, {' or '.join(filter(None, map(str.strip, things)))}"


_REWRITES: list[tuple[str, Rewrite]] = [
    (
        r"^(?P<what>(?:our|the|my) [a-z -]+?) (?:are|is)(?: always)? (?:called|named) "
        r"(?P<name>\"[^\"]+\")$",
        lambda match: f"call {match['what'].lower()} {match['name']}",
    ),
    (
        r"^(?:always )?address (?:my|our|his|her|their|the) [\w'-]+(?: [\w'-]+)? (?:as|with|by) "
        r"(?P<name>\"[^\"]+\")$",
        r"address them as \g<name>",
    ),
    (r"^one[- ]liners(?: only)?(?: please)?: (?=\S)", ""),
    (r"\b(?P<is>is|are) (?P<not>not|never|always) to\b", r"\g<is> to \g<not>"),
    (
        rf"^no {REPLIES} (?:(?P<modal>may|must|should|shall|can|(?:is|are) to) (?:ever )?)?"
        r"(?P<rest>[a-z]+ .+)$",
        _forbid_of_answers,
    ),
    (
        rf"{_LEAD}(?P<no>no )?(?P<what>[^,;:]+?) (?:{_MODAL}|(?P<may>may|can))"
        rf"(?P<not> not| never)?(?(not)(?: ever)?|(?: always)?) {_IS_DONE}(?P<rest>.*)$",
        _say_actively,
    ),
    (
        rf"{_LEAD}(?:{_MODAL}(?P<not> not| never)?|(?P<cannot>{_CANNOT})) {_NO_VERB}",
        lambda match: f"{match['lead']}{'do not ' if match['not'] or match['cannot'] else ''}",
    ),
    *(
        (rf"{_LEAD}(?P<not>(?:do not|don't|never) )?(?:{verb})(?= )", rf"\g<lead>\g<not>{usual}")
        for verb, usual in _USUAL_VERBS.items()
    ),
    (
        r"^(?:ha(?:s|ve)|needs?|use|put|write) (?P<what>.+?) as (?:its|their|the|your) (?:very )?"
        r"(?:(?P<first>first|opening)|last|closing|final) (?:line|words?|sentence|thing)$",
        lambda match: f"{'start' if match['first'] else 'end'} with {match['what']}",
    ),
    (
        r"^(?:skip|drop|leave out|no) (?:the )?(?P<words>(?:hi|hello|hey)(?:(?:/|, | or | and )"
        r"(?:hi|hello|hey))*)(?=$|[,;])",
        lambda match: f"do not start with {re.sub(r' And | Or ', '/', match['words'].title())}",
    ),
    (
        r"^(?:be|(?:give|show|present|list|put|format|arrange|write|set out|lay out)"
        r"(?: (?:me|us|them))? (?:it|them|everything|(?:(?:all|every|any|each) )?(?:(?:the|your|my|"
        r"its|their) )?[a-z-]+(?: [a-z-]+)?(?: (?:and|of|for|with) (?:the )?[a-z-]+)?) "
        r"(?:as|in|into)) an? table$",
        "use a table",
    ),
    (
        # "abbreviate kilometres to km"
        r"^abbreviate (?P<old>(?P<letter>[a-z])[a-z ]+) (?:to|as) "
        r"(?P<new>(?P=letter)\w{0,3})\.?$",
        r'write "\g<new>" instead of "\g<old>"',
    ),
    (rf"^(?P<first>(?:start|begin|open) with .+?) {_BEFORE_ALL}$", r"\g<first>"),
    (rf" {_BEFORE_ALL}$", " first"),
    (r"^every line (?:(?:must|should|has to) )?(?:starts?|begins?) with", "start every line with"),
    (
        rf"{_LEAD}(?P<new>(?:say|write|use|put)(?: the (?:word|term))? \"\S\") (?:wherever|"
        r"whenever|where|when) you(?:'d| would)(?: normally| usually| otherwise)? "
        r"(?:say|write|use|put)(?= )",
        r"\g<lead>\g<new> instead of",
    ),
    (
        rf"{_LEAD}(?:(?:have|use|write|in) )?(?:exactly )?(?P<much>{NUMBER} \w+),? (?:no|not) "
        r"more,?(?: and| or)? (?:no|not) (?:less|fewer)$",
        r"\g<lead>have exactly \g<much>",
    ),
    (rf"\bprecisely (?={NUMBER}\b)", "exactly "),
    (
        r"\b(?P<one>(?:one|a single) (?:line|sentence|paragraph)) of (?=(?:at most|no more than|up "
        r"to) )",
        r"\g<one> and ",
    ),
    (
        rf"^(?:(?:(?:all|every|each|any|your|the|my|of) )+{REPLIES}|answers|replies|responses) "
        rf"(?=(?:in|with|within|under|below|at most|"
        r"without|as)\b)(?!.*\b(?:is|are|be|has|have|should|must)\b)",
        "answer ",
    ),
    (
        r"^(?P<table>(?:use|give|make|draw|show) an? table) (?:with|of|that|for|which) [^,;]+$",
        r"\g<table>",
    ),
    (
        r"^(?P<ban>(?:do not|don't|never|avoid|no|stop|stay|steer|keep)\b[^,;:\"]+): "
        r"(?P<list>(?!.*\bno (?:exceptions?|matter|way|ifs|buts|excuses?|more|jokes?)\b)no [a-z' "
        r"-]+(?:, (?:and |or )?no [a-z' -]+)*)$",
        _join_banned,
    ),
    (
        r"^(?:do not|don't|never) (?:[a-z]+ )?(?:recommend|suggest|name|advise) "
        r"(?P<what>[^,;:]+), (?:and )?(?:please )?(?:leave|keep) (?:the|that|this|its|his|her) "
        r"(?:whole )?(?:name|word) out\b[^,;:]*$",
        r"do not mention \g<what>",
    ),
    (
        r"^(?:leave|keep) (?P<what>[^,;:]+?) (?:well |right )?out of (?:(?:all|any|every|each|your|"
        rf"the|of) )*(?:(?:every|any)thing you [a-z]+|{REPLIES}|tips|suggestions|"
        r"recommendations|ideas)$",
        _forbid_left_out,
    ),
    (
        r"^(?P<demand>(?:answer|reply|respond|write|use|give|speak) [^,;\"]+?) always(?=$|,| and )",
        r"\g<demand>",
    ),
    (
        rf"^(?:at least )?(?:one|an?|some) (?P<what>[a-z -]+?) (?:per|in (?:each|every|any|your|"
        rf"all)) (?:of your )?{REPLIES} (?P<how>in (?:bold|italics|quotation marks|capitals))$",
        r"put one \g<what> \g<how>",
    ),
    (
        r"^(?P<verb>give|show|send|present|return) (?P<it>it|them) to (?:me|us|them) ",
        r"\g<verb> \g<it> ",
    ),
    (
        r"^(?P<often>(?:always |only )?)(?:be|get) (?:written|given|presented|formatted|phrased|"
        r"set out|structured|made|kept|sent|done|laid out|in the form of) "
        r"(?=(?:in|as|with|without|using)\b)",
        r"\g<often>answer ",
    ),
    (
        r"^(?P<often>(?:always |only )?)(?:go|goes|come|comes) (?:out )?(?=in\b)",
        r"\g<often>answer ",
    ),
    (
        r"^(?:(?:with|have|use|write|give|include) )?(?P<bound>(?:no|not) more than|at most|at "
        rf"least|up to|exactly|a maximum of) (?P<count>{NUMBER}) (?:items|entries|points|bullets)"
        r"$",
        r"use \g<bound> \g<count> bullet points",
    ),
    (
        rf"^(?P<edge>(?:start|begin|open) (?:it |them |(?:(?:your|each|every|all|the|any) "
        rf")*{REPLIES} )?with \"[^\"]+\"),? "
        r"(?:(?:and|then|and then|plus|followed by) (?:(?:an?|the|your|one|short|brief)[ "
        r"-])+(?:[a-z-]+ ){0,3}(?:summary|sentence|line|answer|introduction|overview|explanation|"
        r"word|verdict|opinion)(?: of [^,;]+)?)$",
        r"\g<edge>",
    ),
    (
        rf"\b(?P<least>(?:at least|no fewer than|no less than|more than) {NUMBER}) "
        r"(?P<unit>words|sentences|paragraphs|characters),? (?:but|and) "
        rf"(?P<most>(?:at most|no more than|not more than|fewer than|less than|up to) {NUMBER})$",
        r"\g<least> \g<unit> and \g<most> \g<unit>",
    ),
    (r"\b(?P<one>one|a) single (?=paragraph|sentence|line|word)", "one "),
    (
        r"^number (?:the|all|your|every|each|its|their|any) [a-z-]+(?: [a-z-]+)?$",
        "number each point",
    ),
    (r"(?<=\w) of (?:mine|ours|theirs|his|hers)\b", ""),
]
_FORMS = [(re.compile(form, re.I), build) for form, build in _REWRITES]


def to_usual_words(text: str) -> str:
    """Return a demand with the usual words for rarer ones; a text that has none is unchanged."""
    hidden, quotes = hide_quotes(text, QUOTED)
    for form, build in _FORMS:
        hidden = form.sub(build, hidden, count=1)
    return show_quotes(hidden, quotes)


_STATE = (
    r"(?:'(?:s|re|m|ve)|am|is|are|was|were|has|have|had|keeps?|asked|asks?|wants?|knows?|expects?|"
    r"comes? across|finds?|thinks?|feels?|hates?|loves?|likes?|looks?|sounds?|gets?|says|makes?|"
    r"reads?|prefers?|minds?|stumbles?|struggles?|understands?|needs? (?!to\b)|insists?|"
    r"complains?|depends?|confuses?|annoys?|can|can't|cannot|couldn't|don't|doesn't)"
)
_TOLD = re.compile(
    r"(?:(?:since|because|as|for|seeing that) )?(?:"
    rf"(?:I|we|he|she|they|it|people|(?:every|no|some)(?:body|one)) ?{_STATE}\b|"
    r"(?:every|no)(?:body|one) [a-z]+s\b|that's\b|"
    rf"(?:my|our|his|her|their|the|some|most|many|[a-z]+'s) (?:[a-z'-]+ ){{1,3}}?{_STATE}\b|"
    r"(?:my|our|his|her) [a-z]+ [a-z]+s (?:at|in|on|over|to|with|about|everything|them)\b|"
    r"(?:(?!(?:but|though|although|however|and|plus|yet|only|except|still|unless)\b)[a-z-]+ )?"
    rf"(?!(?:ours|yours|theirs|hers)\b)[a-z-]+s {_STATE}\b|[a-z]+ has asked us\b|"
    r"(?:can't|cannot) (?:stand|bear)\b)[^,;:\"\d]*",
    re.I,
)
_ORIGIN = re.compile(
    r"(?:we|I|they|he|she)(?:'re|'m|'s| are| am| is| live| lives) (?:(?:based )?(?:in|from) [\w ]+|"
    r"(?:not |all |no )(?:an? )?\w+)",
    re.I,
)
_ASKS = re.compile(
    r"\b(?:must|should|shall|(?:has|have|needs?) to|please|never|always|may|instead|named?|called|"
    r"no|only|opens?|closes?|if|when|unless|fine|ok|okay|allowed|permitted|welcome|acceptable|"
    r"exempt|excluded|optional|except(?:ed|ions?)?|though|although|however|banned|forbidden|"
    r"prohibited|required|mandatory|needed|(?:is|are) (?:out|in|enough)|"
    r"(?:and|but|or) (?:use|end|start|begin|add|keep|write|say|be|not|never|sign|don't|do not|"
    r"likes?|loves?))\b|(?<!^)\b(?!I\b)(?-i:[A-ZÀ-Þ])",
    re.I,
)
"""What is more than a remark: a demand, a condition, an exception, a name."""
_EMPTY = re.compile(
    r"(?:and )?(?:just (?:answer|do it)|(?:get |go )?straight to the point|that's (?:it|all)|"
    r"simple as that|end of story|no exceptions?|no excuses|(?:just )?for (?:fun|a laugh|once|a "
    r"change|convenience|safety)|as (?:on|in|at) (?:the )?[a-z]+(?: [a-z]+)?|as (?:usual|always|"
    r"agreed)|like (?:on|in) the [a-z]+|(?:so )?(?:please )?(?:spell|write) (?:it|them) out(?: in "
    r"full)?|(?:to be on|just to be on) the safe side|(?:they|he|she|I|we|people|nobody|(?:my|our|"
    r"his|her) [a-z]+) (?:(?:never|always|hardly ever|rarely|just) )?(?:reads?|looks?|listens?|"
    r"understands?|notices?|forgets?|complains?|laughs?|skims?|panics?|falls? asleep|gets? (?:"
    r"confused|bored|annoyed|cross|lost|upset))\b[^,;:\"\d]*)",
    re.I,
)


_SOMEBODY = re.compile(
    r"(?:I|we|he|she|people|(?:every|no)(?:body|one)|my|our|his|her|[a-z]+(?= has asked us\b)|"
    r"they(?= (?:expect|hate|find|know|think|feel)\b))\b(?!.*\b(?:wants?|needs?|prefers?|likes?|"
    r"loves?|expects?(?! (?:it|this|that)$))\b)",
    re.I,
)
"""Whom a sentence is about, who wants nothing else in it."""


def tells_only(clause: str) -> bool:
    """Return whether a clause after a demand asks for nothing: "one-liners come across as rude"."""
    bare = clause.rstrip(" .!")
    if _EMPTY.fullmatch(bare) or _ORIGIN.fullmatch(bare):
        return True
    return not asks_more(bare) and (is_only_told(bare) or _tells_state(bare))


_SPEAKS = re.compile(
    r"\b(?:say|tell|mention|explain|answer that|reply that|state|note|inform|remind|warn)\b", re.I
)


def cut_remark(sentence: str) -> str:
    """Return "Call me Al, just for fun." without its end that asks for nothing. What must be said
    stays whole.
    """
    hidden, quotes = hide_quotes(sentence, QUOTED)
    for joint in re.finditer(r"(?:[,;:]| [-–—]) ", hidden):
        demand, tail = hidden[: joint.start()], hidden[joint.end() :]
        if _SPEAKS.search(demand):
            break
        if is_remark(tail):
            return show_quotes(demand, quotes)
    return sentence


def is_remark(clause: str) -> bool:
    """Return whether a clause beside a demand asks for nothing: it tells, says why, or gives an
    example.
    """
    if tells_only(clause) or _BECAUSE.fullmatch(clause) or tells_of_people(clause):
        return True
    return is_example(clause) and not _NARROWS.search(clause)


_PEOPLE = (
    r"(?:(?:I|we|he|she|people|(?:every|no)(?:body|one))(?:'(?:re|m|ve|s|ll|d))?|(?:my|our|his|her|"
    r"their) [a-z]+(?: [a-z]+)?|(?:most|many|some|all|none)(?: of (?:us|ours|them|(?:my|our|the) "
    r"[a-z]+)))"
)
_OF_PEOPLE = re.compile(
    rf"(?:and )?{_PEOPLE}(?: (?:never|always|only|just|still|often|usually|sometimes|rarely|"
    rf"keeps?))? (?!(?:want|need|expect|prefer|would like|like|must|should|shall|do not|"
    r"don't)\b)[a-z']+\b[^,;:\"\d]*",
    re.I,
)
"""What is told of people: "he never reads more than that", "most of ours come from Lyon"."""
_DEMANDS_MORE = re.compile(
    r"\b(?:must|should|shall|(?:has|have|needs?) to|please|instead|if|when|unless|except|but|"
    r"allowed|fine|okay|exempt|optional|(?:and|or|so) (?:use|end|start|begin|add|keep|write|say|"
    r"be|never|sign|don't|do not|avoid|call|answer))\b",
    re.I,
)
_BECAUSE = re.compile(
    r"(?:since|bec(?:ause|uase|asue)|cause|cos|cuz|given that|seeing (?:that|as)|so (?:that "
    r")?(?=(?:i|we|he|she|they|people|nobody|everyone|(?:my|our|the) [a-z]+) (?:can|can't|could|"
    r"know|don't|won't))|as (?=(?:i|we|he|she|it|they|there|my|our|the|this|most|many|people|"
    r"nobody|everybody|[a-z]+s)\b (?!follows\b)\S+ ))(?!.*\b(?:unless|except|but (?:not|only)|"
    r"please|must|should)\b)[^\"]+",
    re.I,
)
"""A reason: "since our readers are still learning"."""


def tells_of_people(clause: str) -> bool:
    """Return whether a clause after a demand tells what people do, and asks for nothing."""
    bare = clause.strip(" .!")
    return _OF_PEOPLE.fullmatch(bare) is not None and not _DEMANDS_MORE.search(bare)


_NARROWS = re.compile(r"\b(?:not|never|no|only)\b", re.I)


_REASON = re.compile(
    r"(?:(?:it|he|she|they|we|I|this|that|people|(?:every|no|some)(?:body|one))(?:'\w+)?|(?:this|"
    r"our|my|the|his|her|their|some|most|many|all) (?:[\w'-]+ ){1,4}?) ?"
    rf"(?:{_STATE}|came|died|lost|left)\b"
    r"[^;:\"]*",
    re.I,
)
_NO_REASON = re.compile(
    r"\b(?:must|should|shall|(?:has|have) to|please|never|always|(?-i:may)|instead|only|when|if|"
    r"unless|whenever|fine|ok|okay|allowed|permitted|welcome|acceptable|exempt|excluded|optional|"
    r"except(?:ed|ions?)?|though|although|however|required|mandatory|(?:and|but|or|so) (?:use|end|"
    r"start|begin|add|keep|write|say|be|not|never|sign|don't|do not|call|avoid|answer))\b",
    re.I,
)


def tells_reason(clause: str) -> bool:
    """Return whether a clause after a ban only tells why: "it is closed until May".

    After another demand it might be what must be said.
    """
    bare = clause.strip(" .!")
    is_told = _REASON.fullmatch(bare) is not None and not _NO_REASON.search(bare)
    return is_told and not starts_effect(bare)


def asks_more(clause: str) -> bool:
    """Return whether a clause has a word of a demand, a condition or an exception."""
    return _ASKS.search(clause) is not None


_EXAMPLE = re.compile(
    r"(?:e\.g\.|for (?:example|instance)|such as|like|as in),? (?P<what>.+)", re.I
)
_EXAMPLES = re.compile(
    r"(?:(?:i\.e\.|e\.g\.|for (?:example|instance)|such as|like|that is|that means),? )?.+ (?:and "
    r"so on|and the like|etc)",
    re.I,
)
_BOUND = re.compile(
    rf"\b(?:{NUMBER}) [a-z]|(?:^| )(?:{NUMBER})$|\b(?:only|just|under|over|below|above|most|least|"
    r"exactly|no|not|never|without|(?:at|in|on) the|when|if|unless|except|but|instead)\b",
    re.I,
)
"""What states more than an example: a bound, a place, a condition."""


def is_example(clause: str) -> bool:
    """Return whether a clause after a demand only gives an example: "e.g. hearts"."""
    bare = clause.strip(" .!")
    if _EXAMPLES.fullmatch(bare):
        return True
    match = _EXAMPLE.fullmatch(bare)
    return (
        match is not None and not _BOUND.search(match["what"]) and not starts_effect(match["what"])
    )


def tells_of_somebody(sentence: str) -> bool:
    """Return whether a sentence after a demand asks for nothing: "She hates having to reply."."""
    bare = sentence.strip(" .!")
    return _SOMEBODY.match(bare) is not None and _tells_state(bare)


def _tells_state(bare: str) -> bool:
    return bool(_TOLD.fullmatch(bare)) and not _ASKS.search(bare) and not starts_effect(bare)
