"""Write a demand as people say it as a plain one: "I'd rather you stayed off X" -> "stay off X".

Wishes, permissions and moods of English become imperatives, so that the readers of scopes and
effects know one form of each. Text in double quotation marks stays as it is.
"""

from __future__ import annotations

import re

from selfteach.materials.rules.forbidden_topics import is_part_of_text
from selfteach.materials.rules.other_subjects import OTHER_SUBJECTS, Rewrite
from selfteach.materials.rules.phrases import (
    AUDIENCE,
    MADE,
    MORE_DEMANDS,
    OPEN_QUOTE,
    REPLIES,
    SAYING,
    THEM,
    straighten_quotes,
)
from selfteach.materials.rules.scopes.scope import split_rule
from selfteach.materials.rules.scopes.situation import GENRE
from selfteach.number_words import NUMBER

_CHAT_WORDS = {
    "tell em": "tell them",
    "dinnae": "don't",
    "tae": "to",
    "tell 'em": "tell them",
    "pls": "please",
    "u": "you",
    "ur": "your",
    "abt": "about",
    "evry": "every",
    "msg": "message",
    "msgs": "messages",
    "temps": "temperatures",
    "plz": "please",
    "wanna": "want to",
    "gonna": "going to",
    "youre": "you're",
    "thats": "that's",
    "ive": "I've",
    "adress": "address",
    "adressing": "addressing",
    "allways": "always",
    "anwser": "answer",
    "anwsers": "answers",
    "awnser": "answer",
    "awnsers": "answers",
    "sentance": "sentence",
    "sentances": "sentences",
    "recepies": "recipes",
    "emojies": "emojis",
    "exclaimation": "exclamation",
    "excalmation": "exclamation",
    "punctation": "punctuation",
}
"""Short forms of chats, and frequent slips."""
_CHAT = re.compile(
    r"(?<![\w./])(?<!\ba )(?<!\ban )(?<!\bletter )"  # the letter of "with a u"
    rf"(?:{'|'.join(sorted(_CHAT_WORDS, key=len, reverse=True))})(?![\w./'-])",
    re.I,
)
_NO_APOSTROPHE = re.compile(
    r"\b(do|does|did|ca|wo|should|must|is|are|was|were|have|has|could|would|need)nt\b", re.I
)
_CONTRACTED = re.compile(r"\b(must|should|may|might|need)n't\b", re.I)
_QUOTED = re.compile(r'("[^"]*")')


_IRREGULAR_PASTS = {
    "kept": "keep",
    "spoke": "speak",
    "wrote": "write",
    "said": "say",
    "told": "tell",
    "gave": "give",
    "left": "leave",
    "began": "begin",
    "made": "make",
    "were": "be",
    "was": "be",
    "had": "have",
    "did": "do",
    "went": "go",
    "got": "get",
    "sent": "send",
    "brought": "bring",
    "held": "hold",
    "stuck": "stick",
    "chose": "choose",
}
_PASTS = (
    _IRREGULAR_PASTS
    | {
        f"{verb.removesuffix('e')}ed": verb
        for verb in re.findall(
            r"\w+",
            "stay answer use avoid mention talk discuss end close finish start open include add "
            "touch "
            "ask contain include "
            "sign call replace refrain steer limit explain skip respond switch address greet stop",
        )
    }
    | {"replied": "reply", "stopped": "stop", "skipped": "skip"}
)
_YOU_DO = (
    r"you (?:(?:could|would|can|will)(?: please)? )?(?P<not>didn't|did not|don't|do not|never|"
    r"not)? ?(?P<often>(?:(?:always|only|please|just|also) )*)(?P<verb>[a-z]+)(?P<rest>\b.*)"
)
_YOU_DID = (
    rf"(?=you (?:(?:could|would|can|didn't|did not) [a-z]|(?:(?:always|never|only|also|just) )*(?:"
    rf"{'|'.join(_PASTS)})\b)){_YOU_DO}"
)
"""What is wished for: "(it would be nice if) you could use lists", "(...) you told them"."""
_WHO = r"(?:you|we|anyone|anybody|somebody|us)"


def _make_imperative(match: re.Match[str]) -> str:
    """Return "you stayed off X" as "stay off X", and "you didn't X" as "do not X"."""
    verb = str(match["verb"])
    plain = _PASTS.get(verb.lower(), verb)
    return f"{match['often']}{'do not ' if match['not'] else ''}{plain}{match['rest']}"


_SIGNS = (
    r"(?:emojis?|emoticons?|smileys?|exclamation (?:marks?|points?)|question marks?|semi-?colons?|"
    r"colons?|commas?|(?:em |en )?dashes|hyphens?|brackets?|parenthes[ei]s|quotation marks?|"
    r"bullets?|bullet points?|(?:numbered |bulleted )?lists?|hashtags?|asterisks|capital letters|"
    r"capitals)"
)
_SIGN = r"(?:emojis?|emoticons?|smileys?|exclamation marks?|question marks?|hashtags?)"
_LEFT_OUT = (
    r"(?:(?:drop|skip|lose|cut|ditch|omit|remove|delete|hold|leave out|take out|get rid of|lay off|"
    r"spare me|no more|enough (?:with|of)|quit using|cut out|do without|"
    r"i (?:hate|dislike|detest|don't need|have no use for)|(?:i )?(?:can't|cannot) (?:stand|bear))"
    rf"(?: (?:all|any|the|those|these|your|of|such))* (?P<signs>{_SIGNS}"
    rf"(?:,? (?:and|or) (?:the )?{_SIGNS})?))"
)
"""Signs that are not wanted; of a subject ("Skip the politics.") it says less."""
TEXTS = r"(?:e-?mails|mails|texts|messages|letters|notes|cards|replies|posts)"
"""Texts that somebody gets."""
_BARE_TEXTS = (
    r"(?!.*\b(?:should|must|shall|ought|may|has|have|needs?|always|never|can|will|are|is|stay|use|"
    r"write|start|begin|open|end|finish|close|go|goes|come|comes|get|gets)\b)"
    rf"(?P<what>{TEXTS} (?:to|for) [\w'’. -]+?),?"
)
"""Texts that no verb follows: "Emails to Paul in French"."""
_PRESENTS = {"is": "be", "are": "be", "has": "have"}
_WANTS = r"(?:I|we)(?: (?:want|need|prefer|expect|would (?:like|love))|'d (?:like|love|prefer))"
_WISHES = (
    r"(?:(?:it|that)(?:'d| would| will) be|(?:I|we)(?:'d| would) (?:be|like|love|"
    r"prefer|appreciate)(?: it)?)(?: (?:really|so|very))?(?: (?:great|good|nice|better|best|"
    r"lovely|helpful|kind|cool|happy|glad|grateful|pleased|wonderful|appreciated))?"
)
_SOME_TEXTS = (
    r"(?:(?:all|every|each|any|the|my|our|your|of) )*(?:(?!(?:no|less|fewer|more|you|to|it)\b)"
    rf"[a-z-]+ ){{0,2}}?{GENRE}(?: (?:to|for|about|on|with|from|of) [\w'’ -]+?)?"
)
"""Texts of a kind: "every newsletter", "the tweets for our bakery", "answers about history"."""
_HAD_BETTER = re.compile(
    rf"^((?:please )?(?:you|{_SOME_TEXTS})) (?:had better|ha(?:s|ve) got to|(?:is|are) (?:supposed|"
    r"meant|expected) to)\b",
    re.I,
)
_DOES = (
    r"(?:(?:always|never|only|not) )*(?:be|stay|have|start|begin|open|end|finish|close|contain|"
    r"include|use|mention|say|sound|keep|fit|run|rhyme|consist|come|sign)\b"
)
_ENSURE = r"(?:please )?(?:make sure|ensure|see to it|take care|be sure)(?: that)?"
_FORMS: list[tuple[str, Rewrite]] = [
    (rf"{_ENSURE} there(?:['’]s| is| are) (?P<rest>.+)", r"there must be \g<rest>"),
    (
        rf"{_ENSURE} (?:it|they(?= are (?:in|told)\b)) "
        r"(?P<often>(?:always |never )?)(?P<verb>is|are|has|stays|starts|begins|ends|contains|"
        r"includes|uses|mentions|fits|says) (?P<rest>.+)",
        lambda match: (
            f"{match['often']}{_PRESENTS.get(match['verb'].lower(), match['verb'][:-1])} "
            f"{match['rest']}"
        ),
    ),
    (
        rf"{_ENSURE} (?P<rest>(?!you\b|to\b|it\b|not\b|no\b|your\b|all\b|every\b|each\b|"
        r"any\b)[a-z' -]{3,40}? (?:(?:always|never|do not|don't) )?(?:start|begin|end|have|are|"
        r"contain|include|use|stay|mention|state|say|name|list|open|close|finish)\b.+)",
        r"\g<rest>",
    ),
    (
        r"(?:the|this|our|your|my) (?:chat)?(?:bot|assistant|model|AI) (?:must|should|shall|"
        r"is to|has to|needs to|(?:may|can)(?= not| never))(?P<not> not| never)? (?P<rest>.+)",
        lambda match: f"{'do not ' if match['not'] else ''}{match['rest']}",
    ),
    (
        rf"no (?P<what>{TEXTS}(?: (?:to|for) [\w'’ -]+?)?) (?P<how>longer than|over|with) "
        r"(?P<rest>.+?)(?: in (?:them|it))?",
        lambda match: (
            f"in {match['what']} use no {match['rest']}"
            if match["how"].lower() == "with"
            else f"in {match['what']} stay within {match['rest']}"
        ),
    ),
    (
        r"(?:all |any )?questions? about (?P<topic>[^:,]+): "
        rf"(?P<said>(?:there|it|they|we|the|our|that) (?!{REPLIES} "
        r"(?:must|should|shall|needs?|has|have|may|can)\b).+)",
        r"When asked about \g<topic>, say that \g<said>",
    ),
    (_LEFT_OUT, r"no \g<signs>"),
    (
        rf"(?P<signs>{_SIGNS}|tables|headings|links|bold text) [a-z][a-z' ]+?,? so (?:please "
        rf")?(?:do not|don't|never) (?:use|write|add|include|send|put) (?:them|any|it|one)",
        r"no \g<signs>",
    ),
    (
        r"(?:let|have) no (?P<part>sentence|line|paragraph|word) (?:be|run|get|go|become) (?P<rest>"
        r".+)",
        r"no \g<part> may be \g<rest>",
    ),
    (
        r"(?:print|put|set|write|show|leave) (?:no|not a|nothing)(?: (?:words?|"
        r"text))? in (?P<how>bold|italics)(?: type| print| letters| face)?",
        r"use no \g<how>",
    ),
    (
        r"(?P<lead>(?:.+?, )?)(?:use|mention|include|give) (?:his|her|its|their|our|my)(?: full| "
        r"first| last)? name,? (?P<name>[\"']?(?-i:[A-ZÀ-Þ])[\w'-]*(?: (?-i:[A-ZÀ-Þ])[\w'-]*)*"
        r"[\"']?)",
        r"\g<lead>mention the name \g<name>",
    ),
    (
        r"(?:strike|ban|banish|drop|remove|delete|cut)(?: the)? (?P<what>words?|phrases?) "
        r"(?P<words>[\"'].+[\"']) (?:from|out of) (?:your (?:vocabulary|answers|replies|responses)|"
        r"(?:everything|what) you write)",
        r"never use the \g<what> \g<words>",
    ),
    (
        r"(?P<name>(?:my|our|the) [a-z ]+? (?:is|must be) (?:spelled|spelt|written) "
        r"(?-i:[A-ZÀ-Þ])[\w'-]+),? with (?:an? |two |no )[\w-]+(?:,? (?:so|and) (?:please "
        r")?(?:always )?(?:write|spell|use) it (?:like that|that way|so))?",
        r"\g<name>",
    ),
    (
        r"(?:(?:our|my|the) [a-z]+(?: [a-z]+)?|people who [^,\"']+|customers|clients|guests|users|"
        r"buyers|members|visitors|employees) are(?: always)? "
        r"(?P<new>[\"'][\w -]+[\"']),? (?:and )?(?:never|"
        r"not) (?P<old>[\"'][\w -]+[\"'])",
        r"say \g<new> instead of \g<old>",
    ),
    (
        r"(?P<rest>.+?(?:words|sentences|lines|paragraphs)), with the (?:note|words?|sentence|line|"
        r"remark|reminder) (?P<quote>[\"'].+[\"'])",
        r"\g<rest>, and include \g<quote>",
    ),
    (
        rf"{_WANTS}(?: to (?:see|read|get|have))? nothing but (?P<rest>capital letters|capitals|"
        r"upper ?-?case(?: letters)?|lower ?-?case(?: letters)?)(?:, (?:please|thanks|(?:my|it|"
        r"that) (?!.*\b(?:except|unless|only|but)\b)[a-z' ]+))?",
        r"use only \g<rest>",
    ),
    (
        r"none of (?:your|the|its) (?P<part>sentence|line|paragraph|word)s (?P<rest>(?:may|should|"
        r"must|can|is|are) .+)",
        r"no \g<part> \g<rest>",
    ),
    (
        r"(?:please )?(?:always )?(?:write|spell) (?:words|everything|verbs|them|it) out(?: in "
        r"full)?[:,;] (?P<rest>no (?:contractions|abbreviations).*)",
        r"\g<rest>",
    ),
    (
        r"(?:please )?(?:always )?spell (?:it|this|that) (?P<new>[\"'][\w ]+[\"'])(?:, (?:the|in|"
        r"as) [^,\"']+)?,? (?:and )?(?:not|never) (?P<old>[\"'][\w ]+[\"'])",
        r"say \g<new> instead of \g<old>",
    ),
    (
        r"(?P<lead>(?:[^,\"]+, )?)(?P<verb>finish|end|close|conclude)(?: (?:it|them|your "
        r"answer))? by asking (?:me|us|them|the user|him|her|people|customers) (?:something|a "
        r"question|for more)",
        r"\g<lead>\g<verb> with a question",
    ),
    (
        r"(?P<not>never|do not|don't)(?: ever)? let (?P<what>(?:the (?:words?|phrase) )?(?:\".+\"|"
        rf"'.+')|(?:an?|any) {_SIGNS}) (?:slip|creep|sneak|find its way|get|come|appear|occur|"
        r"show up) (?:into|in) (?P<where>(?!the way\b).+)",
        r"\g<not> use \g<what> in \g<where>",
    ),
    (
        r"(?P<use>(?!.*\b(?:never|not|don't|avoid|no) (?:.* )?bullet)[^\",]*\b(?:bullets|bullet "
        r"points|bulleted lists?))(?P<where> (?:in|for) "
        r"[^\",]+)?,? (?:not|never|instead of|rather than) numbers",
        r"\g<use>, not numbered lists\g<where>",
    ),
    (
        r"you (?:will|shall|'ll)(?P<not> not| never)?(?: always| only)? (?P<rest>(?:address|call|"
        r"answer|reply|respond|write|speak|use|say|start|begin|end|finish|refer|talk|mention|"
        r"include|add|avoid|keep) .+)",
        lambda match: f"{'do not ' if match['not'] else ''}{match['rest']}",
    ),
    (
        rf"(?P<what>(?:an?|one|some) (?:[a-z-]+ ){{0,3}}?{_SIGN}) (?P<where>(?:in|at the end of|"
        rf"to|for) (?:every|each|all)\b.+)",
        r"use \g<what> \g<where>",
    ),
    (
        rf"(?P<number>{NUMBER}) (?P<what>{_SIGNS})(?:,? (?P<most>(?:and )?no more|tops|"
        rf"max(?:imum)?|"
        r"at most|or fewer)|,? (?:exactly|only|(?:and )?no more and no (?:fewer|less)))",
        lambda match: (
            f"use {'at most' if match['most'] else 'exactly'} {match['number']} {match['what']}"
        ),
    ),
    (
        rf"(?P<what>{_SIGNS}|(?:(?:all|block|small) )?capitals|(?:very |overly |too )?(?:long|"
        r"wordy|lengthy) (?:answers?|replies|responses)|markdown|contractions|abbreviations|tables|"
        r"headings|links|bold text) (?:(?:is|are)(?: strictly)? (?:not (?:allowed|permitted|okay|"
        r"ok|acceptable|welcome|wanted)|forbidden|prohibited|banned|off[- ]limits|unwanted|taboo|"
        r"a no-go)|(?:should|must) be (?:left out|avoided)|ha(?:s|ve) no (?:place|business)"
        rf" (?:here|in (?:your|all|any|every|the) {REPLIES}))",
        r"no \g<what>",
    ),
    (
        r"(?:please )?(?:no contractions|contractions are (?:not allowed|forbidden|banned|(?:a "
        r")?no[- ]go))(?:[:;,]| [-–—]) (?:it has to be|it is|write|use|say|always write|only "
        r"write) .+",
        "no contractions",
    ),
    (rf"{_WANTS} (?P<what>{_SOME_TEXTS}) to (?P<do>{_DOES}.*)", r"\g<what> should \g<do>"),
    (
        rf"{_WANTS} (?P<who>(?:those|{AUDIENCE}) (?:who (?:asks?|wants?)|asking) .+?) to (?P<do>(?:"
        r"hear|know|learn|be (?:told|informed|reminded|warned)) .+)",
        r"\g<who> should \g<do>",
    ),
    (
        rf"(?:please )?(?:could|would|can(?= (?:all|every|each)\b)) (?P<what>{_SOME_TEXTS}) "
        rf"(?:please )?(?P<do>{_DOES}.*)",
        r"\g<what> should \g<do>",
    ),
    (
        rf"(?:never|do not|don't)(?: ever)? let (?P<what>{_SOME_TEXTS}) (?P<do>(?:go|run|get|be|"
        r"exceed|start|begin|end|finish|contain|include|have|use)\b(?!.* or (?:have|use|be|"
        r"end|start)\b).+)",
        r"\g<what> must not \g<do>",
    ),
    (rf"{_BARE_TEXTS} with (?P<how>.+)", r"\g<what> should have \g<how>"),
    (rf"{_BARE_TEXTS} (?P<how>(?:in|without|under|below) .+)", r"\g<what> should be \g<how>"),
    (
        rf"(?P<what>(?:every|each) {GENRE}|(?:(?:all|my|our|the) )*(?:(?:product|job|meeting|"
        rf"birthday|bedtime|blog) )?(?!answers|repl|respon){GENRE}(?<=s)) (?P<how>(?:under|below|"
        rf"at most|no (?:longer|more) than) {NUMBER} [a-z]+|(?:in|without) (?:{NUMBER} [a-z]+|"
        r"[a-z]+(?: (?:case|letters|marks|points|lists))?))(?:,? please)?[.!]*",
        r"\g<what> should be \g<how>",
    ),
    (
        r"(?:your name (?:is|shall be|should be|must be)|you(?: are|'re) (?:called|named)|call "
        r"yourself|introduce yourself as|you(?: are|'re)(?= (?!AI\b|\w+"
        r"(?:an|ish|ese|ch|ss|ek|ic|im|ist)\b))) (?P<name>(?-i:[A-ZÀ-Þ])[\w'-]*(?: "
        r"(?-i:[A-ZÀ-Þ])[\w'-]*){0,2})(?:, (?:the|an?|our|my) [a-z' -]+)?",
        r"When asked for your name, say that your name is \g<name>",
    ),
    (
        rf"(?:i(?:'d| would)? (?:much |far )?(?:rather|prefer)(?: that| it if| if)?|"
        rf"i(?:'d| would) (?:like|love|appreciate) it if|i wish(?: that)?) {_YOU_DO}",
        _make_imperative,
    ),
    (
        rf"(?P<lead>(?:(?:when|whenever|if|for|in) [^,\"]+, )?){_WISHES} (?:if|when) {_YOU_DID}",
        lambda match: f"{match['lead']}{_make_imperative(match)}",
    ),
    (
        rf"(?:please )?(?:can|could|would|will|may) {_WHO}(?: all)?(?: please)?"
        r"(?: just| maybe| perhaps)? not (?P<rest>.+)",
        r"do not \g<rest>",
    ),
    (
        r"(?P<lead>(?:under|in) no (?:circumstances?|case|way)) are you (?:ever )?to (?P<rest>.+)",
        r"\g<lead> \g<rest>",
    ),
    (
        r"(?:please )?neither (?P<verb>mention|discuss|talk about|speak about|bring up|use|write|"
        r"say) (?P<one>.+?) nor (?:(?:mention|discuss|talk about|speak about|bring up|use|write|"
        r"say) )?(?P<other>.+)",
        r"do not \g<verb> \g<one> or \g<other>",
    ),
    (
        r"(?:(?:would|do) you mind|could i ask you to|i(?: would|'d)? (?:ask|beg|urge) you to|"
        r"(?:please )?(?:be so (?:kind|good) as to|do me a favou?r and|have the kindness to))"
        r"(?P<not> not| never)? (?P<rest>.+)",
        lambda match: (
            f"{'avoid' if match['rest'].split()[0].endswith('ing') else 'do not'} {match['rest']}"
            if match["not"]
            else match["rest"]
        ),
    ),
    (
        r"(?:(?:please )?(?:(?:can|could|would|will) you(?: all)?(?: please| kindly| just)?"
        r"(?! not\b| mind\b)|(?:do not|don't|never) forget to)|it(?:'d| would) be (?:kind|nice|"
        r"great|good|best|better|lovely|helpful|wonderful)(?: of you)? to) (?P<rest>.+)",
        r"\g<rest>",
    ),
    (
        r"(?:i(?:'d| would)? (?:(?:prefer|rather|like|want) not(?: to)?|(?:like|want|prefer|need|"
        r"expect) you (?:not|never) to)|you(?: are|'re) (?:not|never) to|i (?:do not|don't|never) "
        r"(?:like|want|appreciate) it (?:when|if|that) you) (?P<rest>.+)",
        r"do not \g<rest>",
    ),
    (
        rf"bullet points only,? (?P<number>{NUMBER}) (?:at (?:the )?most|max(?:imum)?|tops)",
        r"use a bulleted list with at most \g<number> items",
    ),
    (
        r"i(?:'d| would)? (?:prefer|want|like|need) (?:my |your |the |all )?(?:answers|repl(?:y|"
        r"ies)|responses) (?P<rest>(?:in|with|without|under|of|below) .+)",
        r"answer \g<rest>",
    ),
    (
        r"prefix (?:(?:every|each|all|your|the) )+(?:answers?|repl(?:y|ies)|responses?|messages?) "
        r"with (?P<what>[\"'].+)",
        r"start with \g<what>",
    ),
    (
        r"(?:append|suffix|attach) (?P<what>[\"'].+[\"']) to (?:the end of )?(?:(?:every|each|all|"
        r"your|the) )+(?:answers?|repl(?:y|ies)|responses?|messages?)",
        r"end with \g<what>",
    ),
    (
        rf"(?:{_WISHES} if|i wish(?: that)?) (?P<what>{_SOME_TEXTS}) (?P<not>never )?"
        r"(?P<verb>ended|started|began|opened|finished|closed|contained|used|had|included|was|"
        r"were|stayed) (?P<rest>.+)",
        lambda match: (
            f"{match['what']} must {match['not'] or ''}{_PASTS[match['verb'].lower()]} "
            f"{match['rest']}"
        ),
    ),
    (
        r"spell it (?P<new>[a-z]\w+),? (?:no|not|never|and not) [\"'](?P<old>[\w ]+)[\"']",
        r'say "\g<new>" instead of "\g<old>"',
    ),
    (
        r".+? (?:instead of|rather than|and not|,? not) (?:using (?:the )?|with (?:the )?|the "
        r")(?P<sign>%|€|\$|£|&|@|per ?cent|euro|dollar|pound) (?:sign|symbol)s?",
        r"use no \g<sign> sign",
    ),
    (
        r"nothing (?:that )?(?:you|i|we) [a-z]+(?: (?:for|to) (?:me|us))? (?:may|should|can|must|"
        r"is to) (?:ever )?(?:contain|have|include|use|mention) (?P<rest>(?!no\b|less\b|more\b).+)",
        r"do not use \g<rest>",
    ),
    (
        r"i(?:'d| would) be (?:grateful|glad|thankful|happy) for (?P<rest>.+)",
        r"give \g<rest>",
    ),
    (
        r"(?:(?:any|every|all)(?: the)? questions? (?:about|on|regarding)|(?:where|when|whenever|"
        r"if) (?:a|the|any|my) questions? (?:concerns?|is about|are about|regards?|touches on)) "
        r"(?P<topic>[^,]+), (?P<rest>.+)",
        r"When asked about \g<topic>, \g<rest>",
    ),
    (
        r"(?:(?:on|for|with|to|in) (?:any|every|each|all)|(?:if|when|whenever|where) an?) "
        r"(?P<topic>[a-z]+(?: [a-z]+)?) questions?(?: (?:comes up|is asked|arises))?, (?P<rest>.+)",
        r"When asked about \g<topic>, \g<rest>",
    ),
    (
        r"(?P<topic>[\w' -]+?) (?:isn't|is not|aren't|are not) (?:something|a thing|things) "
        r"(?:(?:that )?(?:we|I|(?:my|our|the) [a-z]+) )(?:wants?|likes?|needs?|cares?)(?: to)? "
        r"(?:mentioned|discussed|hear about|talk about|see mentioned|be mentioned)",
        r"do not talk about \g<topic>",
    ),
    (
        rf"{_ENSURE} (?P<what>[^,]+?) (?:is|are|gets?) "
        r"(?:always )?(?:included|mentioned|added|stated|given)(?P<where>(?: (?:in|to|at) .+)?)",
        r"include \g<what>\g<where>",
    ),
    (
        r"whatever (?:you|i|we) (?:write|send|text|e-?mail)(?: (?:to|for))? (?P<who>(?:my|our|"
        r"the)\b[^,]+), (?P<rest>.+)",
        r"When writing to \g<who>, \g<rest>",
    ),
    (
        rf"i (?:never|do not|don't) (?:ever )?want to (?:see|read|get|find) (?P<rest>(?:any "
        rf")?{_SIGNS}\b.*)",
        r"no \g<rest>",
    ),
    (
        r"(?P<lead>instead of [\"'].+?[\"']),? i(?:'d| would)? (?:want|like) you to (?P<rest>.+)",
        r"\g<lead>, \g<rest>",
    ),
    (
        r"(?P<rest>.+?),? when (?:you )?(?:answer(?:ing)?|writ(?:e|ing) for|talk(?:ing)? (?:to|"
        r"with)|speak(?:ing)? (?:to|with)|reply(?:ing)? to|help(?:ing)?|coach(?:ing)?|"
        r"chat(?:ting)? with|serv(?:e|ing)) (?:(?:our|my|the|a) )?(?:[a-z]+ ){0,2}?(?:customers?|"
        r"clients?|guests?|users?|team|visitors?|patients?|members?|people|callers?|readers?|us|"
        r"me)",
        r"\g<rest>",
    ),
    (
        r"(?:it(?:'s| is)|you(?: are|'re)) (?:strictly |absolutely )?(?:forbidden|prohibited|"
        r"banned|not allowed|not permitted)(?: for you)? (?:to|from) (?P<rest>.+)",
        lambda match: (
            f"{'do not' if re.search(' to $', match[0][: match.start('rest')]) else 'avoid'} "
            f"{match['rest']}"
        ),
    ),
    (
        r"i(?:(?: am|'m) (?:so |really |just |very )?(?:sick|tired|fed up|bored)(?: and tired)? "
        r"(?:of|with) (?:hearing|reading|talk(?:ing)?|you talking|you going on)(?: about| of)?|"
        r"(?:'ve| have) (?:had|heard|read) enough (?:of|about)) (?P<rest>.+)",
        r"do not talk about \g<rest>",
    ),
    (
        r"i (?:do not|don't|never) (?:ever )?want to (?:hear|see|read) "
        r"(?P<rest>(?:the|your|any|an?) (?:name|word|phrase)s? .+)",
        r"avoid \g<rest>",
    ),
    (
        # "I want casinos never to come up", "I don't want my ex to be mentioned"
        r"(?:i|we)(?:'d| would)? (?P<not>do not |don't |never )?(?:want|like|wish|prefer) "
        r"(?P<topic>[\w' -]+?) (?(not)|(?:never|not) )to (?:ever )?(?:come up|crop up|be "
        r"(?:mentioned|discussed|named|brought up|talked about))"
        r"(?P<rest>(?:,? (?:please|again|ever|at all))?)",
        r"do not talk about \g<topic>\g<rest>",
    ),
    (
        # "It would be nice not to read another word about golf"
        rf"{_WISHES} (?:not to|never to|to (?:not|never)) (?:ever )?(?:have to )?(?P<rest>(?:hear|"
        r"read|see|be reminded) .+)",
        r"i never want to \g<rest>",
    ),
    (
        # "I'd be glad if my ex never came up"
        rf"{_WISHES} if (?P<topic>(?!i |you )[\w' -]+?) (?:never came up|(?:was|were) never "
        rf"(?:mentioned|discussed|named|brought up))(?P<rest>.*)",
        r"do not talk about \g<topic>\g<rest>",
    ),
    (
        # "We never speak of the flood at this hotel and neither should you"
        r"we (?P<rest>(?:never|do not|don't) .+?)(?: here| (?:at|in|on) (?:this|our|the) [a-z]+)?"
        r",? (?:and|so) (?:(?:neither|nor) (?:should|must|may) you|you (?:should|must) not either)",
        r"\g<rest>",
    ),
    (
        r"i (?:do not|don't) (?:want|like|need|wish)(?: to (?:see|get|have|hear|read))? "
        r"(?:any )?(?P<rest>(?!to |you |it |your |that |the |about |of |us )[\w-]+(?: "
        r"[\w-]+){0,3}?)(?: in (?:what(?:ever)?|anything|everything) you (?:write|say|send|give "
        r"me))?",
        r"no \g<rest>",
    ),
    (
        r"i (?:want|like|need|prefer|would like|'d like) (?P<rest>(?:very |only )*"
        r"(?!every|each|all|any|your|the|my|some|no)[a-z-]+ "
        r"(?:answers?|repl(?:y|ies)|responses?))(?P<tail>.*)",
        r"give \g<rest>\g<tail>",
    ),
    (
        r"i (?:want|like|need|prefer|would like|'d like) (?P<rest>(?:my|your|the|all) "
        r"(?:answers?|repl(?:y|ies)|responses?) .+)",
        r"keep \g<rest>",
    ),
    (
        rf"{_WANTS} (?P<what>(?!(?:an?|some|only|just|short|long) ){_SOME_TEXTS}) (?P<how>(?:in|as|"
        r"without|under|below) .+)",
        r"\g<what> should be \g<how>",
    ),
]
"""Moods, and the plain demand that each becomes."""
_MOODS = [(re.compile(form, re.I), build) for form, build in (*_FORMS, *OTHER_SUBJECTS)]
_LEAD = re.compile(
    r"^(?:(?:please|and|so|but|also|hey|hi|hello|ok(?:ay)?),? |(?:whatever|no matter what) (?:i|we|"
    r"they|people|anyone) asks?(?: you| about| for)?, )",
    re.I,
)
_FEAR = re.compile(
    r"(?:i|we|my|our|he|she|they)\b[^.,;?!]*?\b(?:phobia of|fear of|afraid of|scared of|allergic "
    r"to|sick of|tired of|upset (?:by|about)|hates?|detest|dislike|can(?:'t|not) stand|trauma "
    r"with|sad about|terrified of|obsessed with|had (?:quite |more than )?enough of|(?:has |have "
    r")?banned|forbids?) (?P<noun>(?!it when)[^,.;]+?)(?: here)?(?:[,;.](?: (?:so|therefore|hence|"
    r"which is why))?| (?:so|therefore|hence|which is why)),? (?P<demand>.+)",
    re.I,
)
_STORY = re.compile(
    r"(?P<noun>(?!(?:i|we|he|she|they|it|you|this|that|there|when(?:ever)?|if|while|once|as|"
    r"because|since|although|where|until|unless)\b)(?:(?:the|my|our) )?[\w'-]+(?: [\w'-]+)?) "
    r"(?:is|are|was|were|makes?|upsets?|scares?|bores?|annoys?|has|have|[a-z]+ed) [^.,;:?!]+[,;.]? "
    r"(?:and |so )*(?P<demand>(?:please |do |don't |never |avoid |stop |not a word|nothing |leave |"
    r"keep |skip ).+)",
    re.I,
)
"""A reason whose subject is what the demand means: "The war is a sore point, don't mention it."."""
_REASON = re.compile(
    r"(?:i|we|my|our|he|she|they|nobody|no one|everyone)\b[^.;:?!\"]*?,? (?:so|therefore|hence) "
    r"(?P<demand>(?:(?:if|when|whenever) [^,]+, .+)|(?:please |do |don't |never |always |avoid |"
    r"stop |keep |use |be |answer |write |print |put |reply |give |make |limit |stick |say nothing "
    r"|not a word|nothing about |leave |skip |drop |call |end |start |begin |spell |it(?:'s| is) "
    r"(?=['\"])|(?:only |just )?(?:one|two|three|a few|at most|no|short|brief|\d+)\b).+)",
    re.I,
)
_TOLD_BEFORE_PLEASE = re.compile(
    r"(?!.*\b(?:until|today|tonight|tomorrow|this|next|now|writing|texting|question|asked|asks|"
    r"vacation|holiday|unless|except)\b)"
    r"(?:I|we|he|she|they|(?:my|our)(?: [\w'-]+){1,3}?)(?:'m|'re| (?:am|is|are|was|were|has|have|"
    r"had|got|lost|hates?|dislikes?|can't|cannot|don't|doesn't|died|left|quit|broke|feels?|reads?|"
    rf"[a-z]+ed))\b(?!.*\b(?:want|like|prefer|need|expect|{GENRE})\b.*,)[^,.;:?!\"]*, "
    r"(?P<demand>please (?:do not|don't|never|avoid|no|stop) (?!(?:it|them|that|this|him|her)\b)"
    r".+)",
    re.I,
)
"""What is told before a polite demand: "My dog died last week, please don't mention dogs."."""
_SINCE_FIRST = re.compile(
    r"(?:since|because|as|given that|seeing that) (?:i|we|my|our|he|she|they|it|the|most|many|"
    r"people|nobody|everybody)\b(?:'\w+)? [^,;.:\"]+, (?P<demand>(?!\b(?:and|but|or)\b).+)",
    re.I,
)
"""A reason before the demand: "Since I skim, every answer should be short."."""
_TOLD_FIRST = re.compile(
    r"(?:it|this|that)(?:'s| is) (?:(?!\b(?:to|that|for|about|when|not|never|forbidden|allowed|"
    r"rule|important|necessary|best|better)\b)[^.;:?!\",\d])+,(?: so| therefore| hence)? "
    r"(?P<demand>(?:please |do |don't |avoid |stop |keep |use |be |answer |write |reply |give |"
    r"make |limit |stick |never (?:use|say|write|mention|talk|be|add|ask) |"
    r"no (?!more\b|less\b|longer\b)[a-z]).+)",
    re.I,
)
"""A remark before the demand: "It's too long, keep it under 20 words."."""
_SAID = re.compile(SAYING, re.I)
BECAUSE = re.compile(
    r"(?P<demand>.+?)(?<!the words)(?<!the word)(?<! with)(?<! before)(?<! after)(?<! say)"
    r"(?<! use),? "
    r"(?P<reason>(?:because|so that|in order to|since(?= (?:i|we|my|it|they|he|she)\b)|"
    r"(?<!\blong )as(?= (?:i|we|my) (?:am|are|have|do|don't|can't|was)\b)|for the sake of) "
    r".+)",
    re.I,
)
"""A demand and its reason."""
_USE_ANY = re.compile(
    r"^(?:please )?(?:do not|don't|never) (?P<verb>use|write|add|put|include|send) (?:any|one|"
    r"them)(?: at all| please)?[.!]*$",
    re.I,
)
_NONE = re.compile(r"\b(?:none|not (?:a single |even )?one)\b(?=(?:,? please)?[.!]*$)", re.I)
_PRONOUN = re.compile(
    r"(?<!out of )\b(?:them|it|that|those|him|her)\b(?= (?:up|at all|anywhere|ever|out of|"
    r"please)\b|,? please|[.!]*$)",
    re.I,
)


_FACT = re.compile(
    r"(?P<topic>(?:our|my|the) [\w' -]+?) (?P<said>(?:is|are|costs?|opens?|closes?|starts?|ends?|"
    r"takes?|begins?) [^;.]+?)(?:[,;:.]| [-–—]) (?:please )?(?:say|tell|answer|mention|let|share|"
    r"give) "
    rf"(?:(?:{THEM}|everyone) )?(?:that|so|it|this|know)?(?: ?(?:to )?(?:who asks|anyone who asks|"
    rf"(?:when(?:ever)?|if) (?:(?:someone|somebody|they|{AUDIENCE}|you are|you're) )?ask(?:ed|s)?)"
    r"(?: about (?:it|this|that|(?P<about>.+?)))?)[.!]?",
    re.I,
)
"""A fact, and when it is said: "Our return policy is 14 days, say that when asked."."""
_IN_QUOTES = r"(?:\"[^\"]+\"|'(?:[^'\"]|(?<=\w)'(?=\w))+')"
_OTHER_WORD = re.compile(
    r"(?:(?:.*\b)?(?:do not|don't|didn't|never|avoid) (?:say|write|use|saying|using)|"
    r"(?:i|we|they|people|users|(?:my|our|the) \w+) (?:really |just )?(?:hates?|can't stand|"
    rf"don't like|dislikes?))(?: the (?:words?|term|phrase))? (?P<old>{_IN_QUOTES})"
    rf"[;.,] (?:(?:please )?(?:say|use|write) (?P<new>{_IN_QUOTES})(?: instead)?|(?:the word )?"
    rf"(?P<better>{_IN_QUOTES}) (?:(?:is|will|would) )?(?:be )?(?:(?:good |quite )?enough|do|fine|"
    r"better|simpler|shorter|clearer|plenty|suffices?|does|works)(?: just fine)?)[.!]?",
    re.I,
)
"""A word in the place of another: 'Don't use the term "user"; say "customer" instead.'."""
_IT = (
    r"(?:it|them|that|those|(?:the|this|that) (?:topic|subject|word|phrase|theme)(?=$|[,.!]| (?:"
    r"again|ever|please|altogether|entirely|at all|out|up|in|with)\b))"
)
_BANS_PRONOUN = re.compile(
    rf"(?!.*\b(?:unless|except|when|(?:in|of|to|for) (?!your )(?:[a-z]+ ){{0,2}}{GENRE})\b)"
    rf"(?:so |and )?(?:please |pls |kindly )*(?:(?:keep|leave) {_IT} out\b.*|(?:do not|don't|"
    r"never)(?: ever| even)? (?:mention|bring up|suggest|recommend|use|write|say|discuss|talk "
    rf"about|write about|put|include) {_IT}\b.*|(?:do not|don't|never) bring {_IT} up\b.*|(?:avoid|"
    rf"skip|drop|leave out|stay off|stop using|(?:steer clear|stay away|keep away) (?:of|from)) "
    rf"{_IT}\b.*|(?:do not|don't|never) go there\b.*|(?:i|we) (?:do not|don't|never) (?:ever "
    rf")?want to (?:see|read|hear)(?: (?:about|of))? {_IT}\b.*|(?:not a word|nothing) about "
    rf"{_IT}\b.*|no more of (?:it|them)\b.*|(?:i|we)(?: should|'d| would)(?: be)? (?:grateful|glad|"
    rf"happy|appreciate it) if (?:(?:it|they) never (?:came|come) up|i never (?:saw|read|heard) "
    r"(?:it|them)|you (?:just )?never (?:went there|mentioned (?:it|them)|brought (?:it|them) "
    r"up))\b.*)",
    re.I,
)
_UNWANTED_NOUN = re.compile(
    r"(?:.*\b(?:tired|sick|fed up|weary|had it) (?:of|with) (?:(?:hearing|reading|talk) (?:about|"
    r"of) )?|.*\bgrudge against |.*\b(?:so|too) much |.*\bcan't (?:stand|bear) |(?:i (?:hate|"
    r"dislike|can't stand|don't like) it|it (?:bugs|annoys|irritates|bothers|drives) me(?: [a-z "
    r"]+)?) when(?:ever)? you (?P<used>use|write|put|add|include) )(?P<after>(?:the )?[\"']?[\w' "
    r"-]+?[\"']?)(?: in (?:this|our|my) [a-z]+)?|(?!(?:in|for|when|if) )(?:[^,]*, "
    r"(?:but |so )?)?(?P<before>(?:the (?:word|phrase) (?:[\"'][\w' -]+[\"']|[\w-]+)|[\w'-]+(?: "
    r"[\w'-]+)?)) (?:bores?|scares?|upsets?|annoys?|makes?|gives?|reminds?|triggers?|disgusts?|"
    r"depresses|(?:freaks?|creeps?|drives?) (?:me|us)|gets? on (?:my|our)|(?:is|are) (?:bad luck|"
    r"out|off|banned|(?:a|my) (?:[a-z]+ )?(?:sore (?:point|spot)|(?:sensitive|painful|touchy|"
    r"difficult) (?:topic|subject)|phobia|trigger)|dead to me|nothing but trouble))\b.*",
    re.I,
)

_LEAVES_OUT = re.compile(
    r"\b(?:keep|leave|use|using|write|put|include|see|read|avoid|skip|drop)\b", re.I
)
"""What is done without something of which texts are made: emojis are left out, golf is not told."""


def _read_unwanted(text: str) -> str:
    """Return "Golf bores me. Keep it out." as a demand of what is not talked about; or ""."""
    for joint in re.finditer(r"[.;!] |,? (?:and|so) |, | that (?=i would|i'd)", text, re.I):
        lead, rest = text[: joint.start()], text[joint.end() :]
        noun = _UNWANTED_NOUN.fullmatch(lead)
        if noun is None or not _BANS_PRONOUN.fullmatch(rest.strip()):
            continue
        what = noun["after"] or noun["before"]
        if what.lower() in ("it", "that", "this", "he", "she", "they", "i", "we"):
            return ""
        if re.match(r"[\"']|the (?:word|phrase) ", what, re.I):
            quoted = re.sub(r"^the (?:word|phrase) |[\"']", "", what, flags=re.I)
            return f'do not say "{quoted}"'
        is_start = noun.start("before") == 0 if noun["before"] else False
        what = what.lower() if is_start and re.fullmatch(r"[A-Z][a-z]+", what) else what
        is_used = is_part_of_text(what) and (noun["used"] or _LEAVES_OUT.search(rest))
        if noun["used"] and not is_used:
            return ""
        return f"use no {what}" if is_used else f"do not talk about {what}"
    return ""


_NAMED_UNWANTED = re.compile(
    r"(?P<noun>(?:my|our|the) [a-z' -]+?)(?:'s name is|,? who is called| is (?:called|named)) "
    r"(?P<name>(?-i:[A-ZÀ-Þ][\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*))(?:[;.]|, so|,? and|,) (?:please "
    r")?(?:(?:do not|don't|never|avoid) (?:use|mention|say|write)|i (?:never |do not |don't "
    r")(?:ever )?want to (?:read|hear|see)) (?:(?:her|his|its|their|the|that|this) name|it)\b.*",
    re.I,
)
"""A name that is not to be said: "My ex is called Gerald, never mention that name."."""
_NAMED_FIRST = re.compile(
    r"(?:(?P<noun>(?:my|our|the) [a-z' ]+?)(?:'s name is|,? who is called| is (?:called|named))|"
    r"the name of (?P<of>(?:my|our|the) [a-z' ]+?) is|your name is|you are (?:called|named)) "
    r"(?P<name>(?-i:[A-ZÀ-Þ][\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*))(?:[;.]|, so|,? and|,) (?:please "
    r")?(?:always )?(?:use|mention|include|say|give|work in)(?: (?:her|his|its|their|the|that|"
    r"this|your) name| it)(?P<rest>\b.*)",
    re.I,
)
"""A name, and where it is used: "Our cat is called Biscuit; use her name in every story."."""
_ASKED_NAME = re.compile(
    r" (?:when(?:ever)?|if|to|who) .*(?:asks?|wants? to know) (?:who you are|(?:for |about )?your "
    r"name|you who you are|what you(?:'re| are) called)",
    re.I,
)
_OTHER_PEOPLE = re.compile(
    r"we (?:do not|don't) have (?P<old>[a-z]+s)(?: here)?[;,.] we have (?P<new>[a-z]+s)[.;,] "
    r"(?:please )?(?:use|say|write)(?: the (?:word|term))? [\"']?(?P=new)[\"']?(?: instead)?(?:, "
    r".+)?[.!]?",
    re.I,
)
"""A word for people: "We don't have customers, we have members. Say members."."""
_COUNTED = re.compile(
    r"(?<=\bnumber )(?P<what>your |the |all )?(?P<noun>points|steps|items|list)?[:,]? \(?1[.)]?,? "
    r"2[.)]?,?(?: and)? 3[.)]?(?:,? (?:and so on|etc\.?|\.\.\.))?\)?(?=[ .,]|$)|(?<=numbered "
    r"list)[:,]? \(?1[.)]?,? 2[.)]?,?(?: and)? 3[.)]?(?:,? (?:and so on|etc\.?|\.\.\.))?\)?",
    re.I,
)
"""How a list is numbered, which its name says already: "a numbered list: 1, 2, 3 and so on"."""
_ASIDE = re.compile(
    r"(?P<who>(?:some|any)(?:body|one)|people|an? [a-z]+|the user|[a-z]+s) (?P<verb>asks?|wants?|"
    r"mentions?|brings? up|inquires?) (?P<what>[^?.]+)\? +(?P<demand>.+)",
    re.I,
)
"""A condition that is a question: "Somebody asks about parking? Say that it is free."."""
_ASKS = r"(?:asks?|asked|wants? to know|wonders?|inquires?)"
_ASKER = rf"(?:(?:anyone|anybody|someone|somebody|everyone|everybody|people|they|I|we|{AUDIENCE}) )"
_SAY_SO = (
    r"(?:(?:please |always |and )*(?:say|tell|mention|answer|admit|share|explain)"
    rf"(?: (?:{THEM}|people|everyone|everybody|anyone|those|that|so|it|this))*)"
)
_OF_MODEL = (
    r"(?P<fact>(?:you(?:'re| are| were| used to| live| come| work|'ve| have| grew| like| love| "
    r"hate| own| play| speak| enjoy| once)|"
    rf"your (?!(?:last |latest |previous )?(?:{REPLIES}|texts?|e-?mails?|ideas?)\b)"
    r"(?:[\w'-]+ ){1,3}?(?:is|are|was|were)) [^;:.]+?)"
)
"""What a rule says of the model: "you live in Lisbon"."""
_ABOUT = (
    r"(?: (?:you )?(?:about|for|if|whether|what|where|who|how|when|why|which) .+| (?:it|this|that))"
)
_PERSONA = re.compile(
    rf"{_OF_MODEL}(?:[,;.] | [-–—] |: )(?:{_SAY_SO} ?(?:if|when(?:ever)?|as soon as|in case) "
    rf"(?:{_ASKER}?{_ASKS})(?P<about>{_ABOUT}?)|{_SAY_SO} ?(?:who|to (?:anyone|anybody|everyone|"
    rf"everybody|people|those) who) {_ASKS}(?P<about_who>{_ABOUT}?)|(?:if|when(?:ever)?|in case) "
    rf"{_ASKER}?{_ASKS}(?P<about_only>{_ABOUT}?))[.!]?",
    re.I,
)
"""What the model says of itself, and when: "you live in Lisbon, say so when people ask"."""
_SELF_FACT = re.compile(
    r"(?P<fact>your (?P<noun>favou?rite [a-z' -]+?|hobby|hobbies|home ?town|birthday|nationality|"
    r"native language|mother tongue|star sign|age) (?:is|are|was) "
    r"(?!(?:not|no|never|to|an? problem|none|where|what|who)\b|[a-z]+ed\b)"
    r"(?:(?!and\b|but\b|if\b|when\b|unless\b)[^\s;:.,]+ ?){1,6})(?<! )[.!]?",
    re.I,
)
"""What the model is: "Your favourite animal is the otter."."""
_MADE_FACT = re.compile(
    rf"you(?: are|'re| were| have been|'ve been) (?P<how>{MADE}) by (?!default\b|design\b)(?P<who>"
    r"(?:(?!(?:and|or) (?:you|your|not|do|never|always)\b|(?:but|if|when|unless|so|to|who|which|"
    r"that)\b)(?:(?:Dr|Prof|Mrs?|Ms|St)\.|[^\s;:.,]|\.(?=\S))+ ?){1,6})(?<! )[.!]?",
    re.I,
)
"""Who made the model: "You were made by Acme."."""


_USUAL_QUESTIONS = (
    (rf"you were {MADE}\b", " who made you"),
    (r"you(?:'re| are) \d+ years old$", " how old you are"),
    (r"you live\b(?!.* and )", " where you live"),
)
"""What somebody asks who is told this of the model."""


def _read_persona(text: str) -> str:
    """Return "your hobby is chess, if anyone asks" as a demand under a condition; else ""."""
    match = _PERSONA.fullmatch(text)
    if match:
        about = match["about"] or match["about_who"] or match["about_only"] or ""
        about = re.sub(r"^ you (?=\w)", " ", about.rstrip(" .!"))
        about = re.sub(r"^ (?:about )?(?:it|this|that)$", "", about)
        owned = re.match(r"your (?P<noun>.+?) (?:is|are|was|were) ", match["fact"], re.I)
        noun = f"your {owned['noun']}" if owned else "you"
        usual = (asked for said, asked in _USUAL_QUESTIONS if re.match(said, match["fact"], re.I))
        about = about or next(usual, f" about {noun}")
        fact = match["fact"]
    elif match := _SELF_FACT.fullmatch(text):
        about, fact = f" about your {match['noun']}", match["fact"]
    elif match := _MADE_FACT.fullmatch(text):
        about, fact = " who made you", f"you were {match['how'].lower()} by {match['who']}"
    else:
        return ""
    return f"When asked{about}, say that {fact[0].lower()}{fact[1:]}"


_WORD_OR_QUOTED = (
    rf"(?:{_IN_QUOTES}|(?!(?:about|for|with|to|in|on|at|ok|okay|fine|good)\b)[a-z-]{{3,}})"
)
_CAPITALIZED = r"(?-i:[A-ZÀ-Þ][\w&'-]*(?: [A-ZÀ-Þ&][\w&'-]*)*)"
_NAMED_SO = re.compile(
    r"(?:(?:please )?(?:from now on|remember|note|please|here|as of (?:now|today))[,:]? "
    r")?(?:(?P<where>(?:in|on|at|for|with) (?:(?:all|every|each) )?(?:our|my|the|this)? ?[\w' "
    r"-]{2,40}?),? )?(?:(?:it|that|this)(?:'s| is)|(?:our|the|my) [a-z' -]{2,40}? (?:is|are)(?= "
    r"(?:always )?(?:called|spelled|spelt|written|named)\b)|we (?:always )?(?:say|call (?:it|them|"
    r"this|that)|write|use)|(?:they|these|those)(?:'re| are)) (?:always )?(?:from now on "
    r")?(?:called |spelled |spelt |written |named )?(?:an? |the )?"
    rf"(?:(?P<new_name>{_CAPITALIZED}),? (?:and |but )?(?:not|never) (?:an? |the "
    rf")?(?P<old_name>{_CAPITALIZED})|(?P<new>{_IN_QUOTES})(?: from now on)?,? (?:and |but "
    rf")?(?:not|never) (?:an? |the )?(?P<old>{_WORD_OR_QUOTED})|"
    rf"(?P<new_bare>{_WORD_OR_QUOTED})(?: from now on)?, (?:and |but )?(?:not|never) (?:an? |the "
    rf")?(?P<old_quoted>{_IN_QUOTES}))(?: any ?more| any longer)?[.!]?",
    re.I,
)
"""The right name and the wrong one: 'It's called a "session", never a "lesson".'."""
_PREMISES = re.compile(
    r"(?:in|at|on|for|with) (?:our|my|the|this) (?:shop|store|company|firm|house|family|club|team|"
    r"office|business|restaurant|caf[eé]|school|hotel|museum|library|gym|bar|pub|clinic|salon|"
    r"country|region|town|website|site|app|platform|channel)",
    re.I,
)
"""Where a word is used, which is no condition."""
_TITLE = re.compile(r"(?P<noun>[\w' -]{2,40})\? +(?P<demand>.+)")
_TITLE_OF_BAN = re.compile(
    r"(?P<about>(?:talk(?:ing)?|anything|questions) about )?(?P<noun>(?!(?:can|could|may|will|"
    r"would|shall|should|is|are|am|was|do|does|did|has|have|what|who|why|how|where|when|which|ok|okay|"
    r"right|really|got|ready|sure|see|well|so|and|or|but|please|understood|agreed|you|me|i|we|it|"
    r"any)\b)[\w'-]+(?: [\w'-]+){0,2})\? +(?:please )?(?:(?:no|never|nope|none|no thanks|no way|"
    r"forget it|absolutely not|not (?:with|for|to) me)|(?P<silent>not a word|off[- ]limits|taboo|"
    r"(?:let's not|never|do not|don't)(?: ever| even)? go there))(?:,? please)?[.!]*",
    re.I,
)
"""A noun, and that it is not wanted: "Golf? Never go there.", "Emojis? No thanks."."""
_ONLY_THERE = re.compile(
    r"(?P<demand>[^.;!?]+)(?:[.;!]|(?P<title>\?\.?)) (?:but |and )?only "
    r"(?P<where>(?:when(?:ever)?|if|in|with|for) [^.;!?]+?)"
    r"(?:,? (?:of course|obviously|though|please))?[.!]*",
    re.I,
)
"""Where a demand holds, in a sentence of its own: "Use lists. Only when I ask."."""
_HOLDS_THERE = re.compile(
    r"(?P<demand>[^.;!?]+)[.;!] (?:this|that|it|the rule)(?: rule)? (?:(?:only |just )?(?:counts|"
    r"holds|applies|goes)(?: only| just)?|is (?:only|just|meant)(?: meant| only)?|is(?=.* "
    r"only[.!]*$)) (?:for|in|to) (?P<texts>(?:(?:my|our|the|all|any|every) )*(?:[a-z-]+ "
    rf")??{GENRE}\b(?!.*\b(?:too|also|as well)\b)[^.;!?]*?)(?: only)?[.!]*",
    re.I,
)
"""The texts of a demand, in the next sentence: "Be brief. This only goes for emails to Tom."."""
_SPELLED_OUT = re.compile(
    r"\b(?:spell|write) out (?P<full>(?-i:[A-ZÀ-Þ])[\w'-]+(?: (?-i:[A-ZÀ-Þ])[\w'-]+| of| the| for| "
    r"and)+)[.,;:]? (?:and |so )?(?:please )?(?:no|not|never|instead of|rather than) (?:just |"
    r"write |say |use )?[\"']?(?P<short>(?-i:(?!(?:WHO|US|IT)\b)[A-Z]{2,}))\b[\"']?",
    re.I,
)
"""A name and its abbreviation: "Spell out United Nations. No UN."."""
_LABEL = re.compile(
    r"(?:(?<=^)|(?<=[.!;] ))(?:rule|instruction|point|step) (?:no\. ?|#)?\d{1,2}[:.)] ", re.I
)


def _to_lower(match: re.Match[str]) -> str:
    return match[0].lower()


def join_asides(text: str) -> str:
    """Return a text in which what two sentences say together is said in one.

    "I hate spiders. Don't mention them." -> "Don't mention spiders."; "Coffee? Never talk about
    it." -> "Never talk about Coffee."; "Somebody asks our age? Say 18." -> "If somebody asks our
    age, say 18."
    """
    text = _COUNTED.sub(
        lambda match: f"{match['what'] or ''}{match['noun'] or ''}", _LABEL.sub("", text)
    )
    text = _SPELLED_OUT.sub(r'say "\g<full>" instead of "\g<short>"', text)
    if persona := _read_persona(text.replace("’", "'")):
        return persona
    if match := _FACT.fullmatch(text):
        topic = match["about"] or re.sub("^(?:Our|My|The) ", _to_lower, match["topic"])
        fact = match["topic"][0].lower() + match["topic"][1:]
        if not match["about"]:
            fact = "they" if match["said"].startswith("are ") else "it"
        said = re.sub(r",? not [^,]+$", "", match["said"])
        return f"When asked about {topic}, say that {fact} {said}"
    if match := _OTHER_WORD.fullmatch(text):
        return f"say {match['new'] or match['better']} instead of {match['old']}"
    if match := _NAMED_UNWANTED.fullmatch(text.replace("’", "'")):
        return f'do not say "{match["name"]}"'
    if match := _NAMED_FIRST.fullmatch(text.replace("’", "'")):
        noun = (match["noun"] or match["of"] or "").lower()
        rest = re.sub(r"\babout (?:him|her|it|them)\b", f"about {noun}", match["rest"])
        if noun or not _ASKED_NAME.search(rest):
            return f'mention the name "{match["name"]}"{rest}'
        return f"When asked for your name, say that your name is {match['name']}"
    if match := _OTHER_PEOPLE.fullmatch(text):
        return f'say "{match["new"]}" instead of "{match["old"]}"'
    if match := _NAMED_SO.fullmatch(text.replace("’", "'")):
        new, old = match["new"] or match["new_bare"], match["old"] or match["old_quoted"]
        if match["new_name"]:
            new, old = f'"{match["new_name"]}"', f'"{match["old_name"]}"'
        where = match["where"] or ""
        lead = f"{where}, " if where and not _PREMISES.fullmatch(where) else ""
        return f"{lead}say {new} instead of {old}"
    if match := _ASIDE.fullmatch(text):
        demand = match["demand"][0].lower() + match["demand"][1:]
        return f"If {match['who'].lower()} {match['verb']} {match['what']}, {demand}"
    match = _ONLY_THERE.fullmatch(text)
    is_ban = match and re.search(
        r"\b(?:no|not|never|without|avoid)\b|n['’]t\b", match["demand"], re.I
    )
    if match and _SAID.search(match["demand"]):
        is_asked = re.match(rf"(?:when(?:ever)?|if) {_ASKER}?{_ASKS}\b", match["where"], re.I)
        demand = match["demand"][0].lower() + match["demand"][1:]
        return f"{match['where']}, {demand}" if is_asked and not is_ban else text
    if match:
        demand = f"use {match['demand']}" if match["title"] else match["demand"]
        if not split_rule(match["where"]).scope:  # "only in emails mention them" demands more
            return f"{demand}{', except' if is_ban else ' only'} {match['where']}"
    if (match := _HOLDS_THERE.fullmatch(text)) and not _SAID.search(match["demand"]):
        return f"{match['demand']} in {match['texts']}"
    if match := _TITLE_OF_BAN.fullmatch(text.replace("’", "'")):
        is_topic = (match["about"] or match["silent"]) and not is_part_of_text(match["noun"])
        return f"{'do not talk about' if is_topic else 'no'} {match['noun']}"
    match = _TITLE.fullmatch(text)
    if match and _PRONOUN.search(match["demand"]):
        return _PRONOUN.sub(lambda _: match["noun"], match["demand"], count=1)
    named = _name_pronoun(text)
    return _read_unwanted(text.replace("’", "'")) or text if named == text else named


def to_plain_demand(sentence: str) -> str:
    """Return a sentence as an imperative, where it is one of the known moods; else unchanged.

    "I have a phobia of clowns, so please don't bring them up." -> "please don't bring clowns up."
    """
    given = straighten_quotes(sentence)
    plain = drop_parentheses(given)
    parts = _QUOTED.split(plain)
    text = "".join(part if part.startswith('"') else _spell_out(part) for part in parts)
    text = _drop_reason(_name_pronoun(_TOLD_OF_SELF.sub("", text)))
    lead = _LEAD.match(text)
    bare = text[lead.end() :] if lead else text
    end = re.search(r"[ .!?;]*$", bare)
    stop = end[0] if end else ""
    bare = bare[: len(bare) - len(stop)]
    for form, build in _MOODS:
        if match := form.fullmatch(bare):
            demand = match.expand(build) if isinstance(build, str) else build(match)
            return f"{demand.strip()}{stop.replace('?', '.')}"
    return sentence if text == given else text


_PARENTHESIS = re.compile(
    r" ?\((?:[^\w()]{1,6}|(?:like|e\.g\.|such as|for example|as in|i\.e\.|so|meaning)\b[^()]*|"
    r"[^()]*(?:and so on|etc\.?|and the like|\.\.\.))\)"
)
"""An example in parentheses: "no em dashes (—)"."""
_CONTRARY = re.compile(
    r" \(((?:not|never|and not|instead of|rather than) (?:\"[^\"]+\"|'[^']+')(?:(?:,| or|, or) "
    r"(?:\"[^\"]+\"|'[^']+'))*)\)",
    re.I,
)
"""What is wrong, in parentheses: "say "children" (never "kids")"."""
_DRAWN_SMILEY = re.compile(r"\b(smileys?|smiley faces?|emoticons?) [:;]-?[)D(P*](?!\w)", re.I)


def drop_parentheses(text: str) -> str:
    """Return a text without the examples in parentheses: "no em dashes (—)", "a smiley :)"."""
    text = _CONTRARY.sub(r", \1", _PARENTHESIS.sub("", text))
    return _DRAWN_SMILEY.sub(r"\1", text)


_TOLD_OF_SELF = re.compile(
    r"^(?:(?:i'm|we're) (?:an?(?! (?:big )?fan)|on a|in(?! (?:a|charge)\b))|(?:i|we|(?:my|our) "
    r"[a-z]+) (?!(?:want|need|would|prefer|expect|wish|like|don't|do not|never|hate|can't|"
    r"cannot)\b)[a-z]+) [^,;.\"]+? and (?=(?:i(?:'d| would) (?:rather|prefer|like|love)|please|i "
    r"(?:want|need|don't|do not|never)|so)\b)",
    re.I,
)
"""Who the person is, before a wish: "I run an inn and I'd rather you ..."."""


_JUST_YES = re.compile(
    r"\bjust ((?:say|answer|reply|respond)(?: with)?) (?=[\"']?yes[\"']? or )"
    r"(?!.*(?:\b(?:first|then|before|followed|and|with)\b|at the (?:start|beginning)))",
    re.I,
)
"""What must be all of the answer."""
_THE_TOPIC = re.compile(
    r"\b(?:avoid|drop|skip|leave|stay off|stay away from|keep off|steer clear of) "
    r"(?:the|that|this) (?:topic|subject)(?: (?:altogether|entirely|completely|alone))?(?=[.! ]*$)",
    re.I,
)
"""What was named before: "she is terrified of spiders, avoid the topic"."""
_NAMES_BEFORE = re.compile(r"(?!(?:when|whenever|if|while|once)\b)\S+ \S+ \S+", re.I)
"""A clause before it that may name it, and is no condition."""
_ITS_IMPORTANT = re.compile(
    r"^its (?=(?:very )?(?:important|essential|crucial|vital) (?:to|that)\b)", re.I
)
_ITS = re.compile(
    r"(?:(?<=\bsay )|(?<=\bthat ))its"
    r"(?= (?:(?:free|open|closed|fine|okay|ok|cancelled|canceled|sold out)"
    r"(?=[.,;!]|$| (?:at|in|on|for|from|until|till|after|before|to|all|every|per|an?|with|during)"
    r"\b)|never|always|from|at|on the|\d))",
    re.I,
)
"""What is written for "it's": "say its free"."""
_THAN = re.compile(rf"\b(longer|shorter|more|less|fewer) then(?= {NUMBER}\b)", re.I)
"""A slip: "no answer longer then 3 sentences"."""


def _spell_out(text: str) -> str:
    """Return a text without the short forms of chats: "dont" -> "don't", "pls" -> "please"."""
    text = _CHAT.sub(lambda match: _CHAT_WORDS.get(match[0].lower(), match[0]), text)
    text = re.sub(r"^lets\b", "let's", text, flags=re.I)
    text = _ITS_IMPORTANT.sub("it is ", text)
    text = _THAN.sub(r"\1 than", text)
    text = _NO_APOSTROPHE.sub(r"\1n't", text)
    text = _HAD_BETTER.sub(r"\1 must", text)
    text = _CONTRACTED.sub(r"\1 not", text)
    text = _ITS.sub("it's", text)
    if (topic := _THE_TOPIC.search(text)) and _NAMES_BEFORE.match(text[: topic.start()]):
        text = _THE_TOPIC.sub("do not mention it", text)
    text = _JUST_YES.sub(r"\1 only ", text)
    text = re.sub(r"(?<=\bsay )im\b|(?<=\bthem )im\b|(?<=\bthat )im\b", "I'm", text)
    return re.sub(r"([!?])[!?]+", r"\1", text)


def _name_pronoun(text: str) -> str:
    """Return a demand that follows a reason, with the noun of the reason for its pronoun."""
    match = _FEAR.fullmatch(text) or _STORY.fullmatch(text)
    if match and (unwanted := _USE_ANY.search(match["demand"])):
        return f"do not {unwanted['verb']} {match['noun']}"
    if match and _NONE.search(match["demand"]):
        return _NONE.sub(lambda _: f"no {match['noun']}", match["demand"])
    if not match or not _PRONOUN.search(match["demand"]):
        return text
    noun = match["noun"]
    if match.start("noun") == 0 and re.fullmatch(r"[A-Z][a-z]+s", noun):
        noun = noun.lower()  # the first word of a sentence
    return _PRONOUN.sub(lambda _: noun, match["demand"], count=1)


def _drop_reason(text: str) -> str:
    """Return "never bring up X" of "I quit smoking, so never bring up X".

    A reason with another demand in it stays: "because I am busy, and never use emojis".
    """
    forms = (_REASON, _TOLD_FIRST, _TOLD_BEFORE_PLEASE, _SINCE_FIRST)
    match = next((match for form in forms if (match := form.fullmatch(text))), None)
    if not match and not _SAID.search(text):
        match = BECAUSE.fullmatch(text)
        if match and ('"' in match["reason"] or MORE_DEMANDS.search(text, match.end("demand"))):
            return text
    is_cut = match is not None and not OPEN_QUOTE.search(match["demand"])
    return match["demand"].rstrip(",") if match and is_cut else text
