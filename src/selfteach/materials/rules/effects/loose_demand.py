"""Find the demands in a sentence that is of no known form: what is only filler or told is left out,
and each demand is tried in other words.

"No links or web addresses, my gran clicks on everything." -> "no links", "no web addresses". A
sentence is read only if all that is left is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selfteach.materials.rules.effects.usual_words import QUOTED, asks_more, is_example, tells_only
from selfteach.materials.rules.phrases import REPLIES, hide_quotes, show_quotes

_REPLY = (
    rf"(?:(?:each|every|all|any|your|the|of|single|and) )*(?:{REPLIES}|everything you (?:say|write|"
    r"send))"
)
_FILLER = re.compile(
    r",? \b(?:somewhere|anywhere|either|ever|(?:in|with|to) (?:(?:any|every)thing (?:that )?|"
    r"what(?:ever)? )you (?:write|say|send|give|tell|suggest|recommend|answer)(?: (?:for )?(?:me|"
    r"us))?|wherever (?:it|they|that) (?:(?:would|might|may|could) )?comes? up|the whole time|all "
    r"the time|at all times|(?:whenever|when|every time|each time|any time) you (?:give|write|use|"
    r"mention|make|list) (?:one|it|them|some|any)|throughout|every time|from now on|cheers|thanks|"
    r"thank you|would ya|would you|if possible|in (?:it|them|there)|strictly|really|literally|at "
    r"all|whatsoever|(?:no|not) more,? (?:and |or )?(?:no|not) (?:less|fewer)|no matter what|on "
    r"(?:its|a|an) (?:own|separate|new|extra) line|for (?:safety|consistency|clarity|me|us|fun)|"
    r"(?:just )?for a laugh|no exceptions?|please|pls|obviously|of course|needless to say|mate|"
    rf"(?:in|at the end of|at the start of|on) {_REPLY}|(?:at least )?once (?:per|in) {_REPLY}"
    r"(?!,? (?:and |but )?(?:not|never|no)\b))(?=$|[ ,;.])",
    re.I,
)
"""Words that change nothing in a demand."""
_TOO = re.compile(
    r"(?!.*\bin (?-i:[A-Z])\w+ (?:too|as well)$)"
    r"(?P<demand>.*(?:,| and|\bno|\bnot|n't|\bnever|\bwithout|\bavoid|\bskip|\bleave out|"
    r"\bomit) .+?(?<!me)(?<!you)(?<!us)) (?:too|as well)",
    re.I,
)
"""What is demanded beside something else; "in German too" adds an answer in another language."""
_FILLER_WORD = (
    r"(?:somewhere|anywhere|cheers|thanks|thank you|strictly|really|literally|please|pls|obviously|"
    r"of course|needless to say|mate|whatsoever|at all|no matter what|if possible)"
)
_MENTIONED = re.compile(
    r"\b(?:(?:say|saying|use|using|write|writing|with|as|call (?:me|us|him|her|them)|words?|"
    rf"phrases?|or|nor),? {_FILLER_WORD}\b|{_FILLER_WORD},? (?:or|nor)\b)",
    re.I,
)
"""Such a word that is meant itself: "never say please"."""
_BEFORE = re.compile(
    r"^(?:(?:would|could|can|will) you(?: please)? (?:do )?|(?:i'd|i would) be (?:glad|grateful|"
    r"happy) if (?=.+ (?:could|would) be )|(?:i'd|i would|we'd) (?:like|love|prefer|want) "
    r"(?!you\b|it\b|to\b)|i (?:want|need|expect) (?!you\b|it\b|to\b)|"
    r"(?:please|pls|always|just|ok|so|and) )+",
    re.I,
)
_WISHED = re.compile(
    r"^(?:it(?:'d| would) be (?:great|nice|good|lovely|best)|(?:i'd|i would) (?:love it|be "
    r"(?:(?:so|very) )?(?:glad|happy|grateful|pleased|delighted|thrilled)|prefer it|like it)) "
    r"if you (?P<often>(?:never|always) )?(?P<verb>\w+) (?P<rest>.+)$",
    re.I,
)
_PRESENT = dict(
    re.findall(
        r"(\S+)=(\S+)",
        "called=call used=use wrote=write kept=keep ended=end started=start began=start "
        "answered=answer replied=reply gave=give put=put left=leave said=say added=add "
        "avoided=avoid stopped=stop made=make signed=sign mentioned=mention stuck=stick "
        "finished=finish opened=open included=include spelled=spell spelt=spell didn't=don't",
    )
)
"""What a wish says ("if you called me Captain"), and what it asks for."""
_PARTS = re.compile(r"(?:[,;]| [-–—]+) ")
_EXAMPLE = re.compile(
    r"(?:(?:for (?:example|instance)|e\.g\.|such as|like),? )?[\d.:/-]+(?: and so on)?|"
    r"(?:year|month|day) first|even (?:for|in|if|when) [\w ]+|it helps [\w ]+",
    re.I,
)
_ELSE = re.compile(
    r"(?:or|or else|otherwise) (?:(?:I|we|he|she|people|(?:they|it)(?! (?:can|could|might|"
    r"may)\b))\b|(?:it|they|that|this) (?:feels?|looks?|seems?|sounds?)|(?:my|our|his|her|their|"
    r"the) [\w' -]+?(?:'ll| (?:will|would|won't|can't|cannot|could|might|gets?|goes|go|thinks?|"
    r"clicks?|complains?|laughs?|hates?|loses?|misses|doesn't|don't|breaks?|crashes|panics?|"
    r"yells?|never|always|chokes?|freezes?|fails?|rejects?|refuses?))\b)[^\"]*",
    re.I,
)
"""What happens otherwise: "or they'll think I'm a crank"."""
_HABIT = re.compile(r"(?<=\w)(?<!and)(?<!but)(?<!or) (?:never|always)\b", re.I)
"""What is told of somebody: "otherwise they never fall asleep"."""
_FELT = re.compile(
    r" or (?:else )?(?:it|they|that|this) (?:feels?|looks?|seems?|sounds?) [^\",]+$", re.I
)
"""The same without a comma: "put an emoji in it or it feels dead"."""
_CONTRAST = re.compile(r"(?:and |but )?(?:never|not|rather than|instead of) ", re.I)
_EDGE = r"(?P<edge>start|beginning|top|front|end|bottom|foot)"
_OF_IT = (
    r"(?: of (?!(?:[a-z]+ ){0,2}(?:sentences?|lines?|paragraphs?|items?|bullets?|points?|words?)\b)"
)
"""What has an edge; each of its parts has others."""
_PUT = r"(?:put|place|stick|chuck|pop|add|write|have|use|slap|throw|whack|include|want)"
_DEMANDED = r"(?:(?:must|should|has to|is to|ought to|needs to) )?"
_KINDS = r"(?:clock )?times?|dates?|temperatures?|distances?|weights?|prices?|amounts?|numbers?"
_OTHER_WORDS = [
    (re.compile(form, re.I), other)
    for form, other in (
        (r"(?P<x>[^:]+): (?:none|no|never)", r"no \g<x>"),
        (
            rf"{_PUT} (?P<x>.+?)(?<! only) (?:at|on|in|to) the (?:very )?{_EDGE}{_OF_IT}.+)?",
            r"\g<edge>: \g<x>",
        ),
        (
            rf"(?:at|on) the (?:very )?{_EDGE}{_OF_IT}[^,]+?)?,? (?:i want|{_PUT}|there "
            rf"{_DEMANDED}(?:be|is)) (?P<x>.+)",
            r"\g<edge>: \g<x>",
        ),
        (
            rf"(?:the |your )?(?:very )?(?P<edge>first|last|opening|closing) (?:lines?|words?|"
            rf"sentence|thing)(?: out of you| of yours| you (?:say|write))? {_DEMANDED}(?:be|is|"
            rf"reads?|says?|(?:begin|start|end)s? with) "
            r"(?P<x>.+)",
            r"\g<edge>: \g<x>",
        ),
        (r"(?P<edge>finish|end|close|start|begin|open) by (?P<x>asking .+)", r"\g<edge>: \g<x>"),
        (
            r"(?:swap|switch|trade|exchange) (?P<old>.+) for (?P<new>.+)",
            r"say \g<new> instead of \g<old>",
        ),
        (
            r"refer to (?!me\b|us\b|him\b|her\b|them\b).+? as (?P<x>.+?), (?:and |but )?"
            r"(?:never|not) as (?P<y>.+)",
            r"say \g<x> instead of \g<y>",
        ),
        (r"(?P<x>.+?),? rather than (?P<y>.+)", r"\g<x> instead of \g<y>"),
        (
            r"(?P<x>(?:say|use|write|call|give) (?!it\b|them\b).+?), (?:and )?(?:not|never) "
            r"(?P<y>.+)",
            r"\g<x> instead of \g<y>",
        ),
        (
            rf"(?:slip|work|sneak|drop|fit|get) (?P<x>.+?) into (?:it|them|{_REPLY}|your texts?)",
            r"use \g<x>",
        ),
        (r"(?:fit|stay) (?:in|into|inside) (?P<x>.+)", r"stay within \g<x>"),
        (r"(?:get|need|take) (?P<x>.+)", r"have \g<x>"),
        (r"(?P<x>.+ hashtags) at the end", r"\g<x>"),
        (r"(?:all |in )?(?P<x>(?:lower|upper)-? ?case|capitals|caps)", r"write in \g<x>"),
        (r"(?:everything|answers?|it all) (?P<x>(?:in|as) .+)", r"answer \g<x>"),
        (
            rf"(?P<x>{_KINDS}) (?:should look )?(?P<how>(?:in|as|like|with) .+)",
            r"write \g<x> \g<how>",
        ),
        (r"write clock times (?P<y>.+)", r"write times \g<y>"),
        (
            r"(?:the|this) (?P<w>words?|phrase) (?P<x>\"[^\"]+\") (?:has|have|must|needs?|should)"
            r"(?: to)? (?:be|appear|occur)",
            r"use the \g<w> \g<x>",
        ),
        (
            r"(?!(?:no|not|nothing|none|never|only|neither)\b)(?P<x>.+?) (?:could|would|should|"
            rf"must) be left out(?: of {_REPLY})?",
            r"\g<x> are off limits",
        ),
        (r"leave out (?P<x>.+)", r"do not use \g<x>"),
    )
]
"""Other words for a demand; "end: X" stands for "end with X"."""
_STARTS = frozenset({"start", "beginning", "top", "front", "first", "opening", "begin", "open"})
_AT_EDGE = re.compile(
    r"(?P<edge>\w+): (?:an? |one |the )?(?:(?:line|word|words|sentence|phrase)(?: (?:that )?"
    r"(?:begin|start|say|read)(?:s|ning|ing)?(?: with)?)? )?"
    r"(?:asking (?P<asked>an? question))?(?P<x>.*)",
    re.I,
)
_AS_SOMEBODY_DOES = re.compile(
    r",? (?:just )?(?:like|as) (?:my|our|his|her|their|old|people|they|we|I|he|she)\b"
    r"(?! (?:reply|answer|response)\b)[\w' -]*$"
)
"""What a text in quotes is like: "begin with "Ahoy" like my old captain"."""
MAX_WORDINGS = 12


def drop_filler(text: str) -> str:
    """Return a sentence without the words that change nothing in a demand."""
    hidden, quotes = hide_quotes(text, QUOTED)
    if wished := _WISHED.match(hidden):
        often = wished["often"] or ""
        verb = _PRESENT.get(wished["verb"].lower())
        hidden = f"{often}{verb} {wished['rest']}" if verb else hidden
    hidden = re.sub(r" \((?:[^\w()]{0,4}|(?:with|using|like|e\.g\.|as in) [^()]*)\)", "", hidden)
    hidden = re.sub(r" \([^()]*\)$", "", hidden)
    hidden = _AS_SOMEBODY_DOES.sub("", hidden) if quotes else hidden
    hidden = _FELT.sub("", hidden)
    hidden = hidden.lower() if hidden.isupper() else hidden
    bare = _BEFORE.sub("", hidden.strip())
    bare = bare if _MENTIONED.search(bare) else _FILLER.sub("", bare)
    if beside := _TOO.fullmatch(bare):
        bare = beside["demand"]
    return show_quotes(bare.strip(" ,;"), quotes)


def split_demands(text: str) -> list[str]:
    """Return the demands of a sentence, without examples and what is only told beside them.

    A contrast stays with what it is the contrary of: "say X, never Y".
    """
    hidden, quotes = hide_quotes(text, QUOTED)
    first, *others = _PARTS.split(hidden)
    demands = [first]
    for part in others:
        bare = re.sub(
            r"^(?:and|but|plus) (?=(?:with|without|no|at most|never|do|don't)\b)",
            "",
            part.strip(" .!"),
        )
        is_other = _ELSE.fullmatch(bare) and not asks_more(_HABIT.sub("", bare))
        if not bare or is_other or _EXAMPLE.fullmatch(bare) or is_example(bare) or tells_only(bare):
            continue
        if _CONTRAST.match(bare):
            demands[-1] += f", {bare}"
        else:
            demands.append(bare)
    return [show_quotes(demand, quotes) for demand in demands]


def list_wordings(demand: str) -> Iterator[str]:
    """Yield a demand in other words, those nearest to its own first."""
    hidden, quotes = hide_quotes(demand, QUOTED)
    found = [hidden]
    for wording in found:
        for form, other in _OTHER_WORDS:
            match = form.fullmatch(wording)
            said = _name_edge(match.expand(other)) if match else wording
            if said not in found and len(found) < MAX_WORDINGS:
                found.append(said)
    yield from (show_quotes(wording, quotes) for wording in found)


def split_list(demand: str) -> list[str]:
    """Return "no links or addresses" as two demands; a demand of one thing alone."""
    match = re.fullmatch(
        r"(?P<no>no|do not use|don't use|never use|avoid|without|leave out) (?P<things>[^,;:\"]+"
        r"(?:, [^,;:\"]+)*,? (?:or|and|nor) (?:no )?[^,;:\"]+)",
        demand,
        re.I,
    )
    if match is None:
        return [demand]
    things = re.split(r",? (?:or|and|nor) (?:no )?|, ", match["things"])
    return [f"{match['no']} {thing}" for thing in things]


def _name_edge(wording: str) -> str:
    """Return "top: a line beginning X" as "start with X"."""
    match = _AT_EDGE.fullmatch(wording)
    if match is None:
        return wording
    verb = "start with" if match["edge"].lower() in _STARTS else "end with"
    what = match["asked"] or match["x"].strip()
    what = re.sub(
        r"^((?:[A-ZÀ-Þ]{2,} ?)+) (?:written )?in (?:all )?(?:capitals|caps|capital letters)$",
        r"\1",
        what,
    )
    if re.fullmatch(r"(?:[A-ZÀ-Þ]{2,} ?)+|#+", what):
        what = f'"{what}"'
    return f"{verb} {what}"
