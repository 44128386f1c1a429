"""Read a situation: what kind of request the scope of a rule means, and to whom it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from selfteach.materials.rules.forbidden_topics import VAGUE
from selfteach.materials.rules.inflection import add_article, list_plurals, to_gerund, to_singular
from selfteach.materials.rules.languages.other_languages import read_other_scope
from selfteach.materials.rules.phrases import MADE
from selfteach.materials.rules.scopes.message_kinds import is_message_kind, read_message_kind
from selfteach.materials.rules.scopes.text_kinds import (
    MADE_KINDS,
    find_text_kind,
    read_asked_kind,
    read_described_kind,
)
from selfteach.number_words import NUMBER

_GENRE_NAMES = {
    r"e-?mail(?:s|ing)?|mails?": "email",
    r"(?:out-of-office|out of office|automatic|vacation|away) (?:repl(?:y|ies)|messages?|notices?)|"
    r"auto-?(?:repl(?:y|ies)|responses?)": "out-of-office reply",
    r"(?:group|family|team|class|work) chats?|(?:whatsapp|telegram|signal) groups?": (
        "group chat message"
    ),
    r"text messages?|texts?|texting|sms(?:es)?": "text message",
    r"(?:(?:chat|direct|private|voice|slack|teams|discord|telegram|signal|whatsapp|instagram) )?"
    r"(?:messages?|msgs?|(?:messages? )?dms?)|messaging|chats?|whatsapps?": "message",
    r"notices?": "notice",
    r"(?:cover |love |thank-you )?letters?": "letter",
    r"(?:blog |forum |facebook |instagram |linkedin |social media )?posts?|posting": "post",
    r"tweets?|tweeting": "tweet",
    r"(?:thank-you |sticky )?notes?": "note",
    r"(?:(?:birthday|greeting|christmas|thank-you) )?cards?|postcards?": "card",
    r"invitations?|invites?": "invitation",
    r"speech(?:es)?": "speech",
    r"toasts?": "toast",
    r"memos?": "memo",
    r"newsletters?": "newsletter",
    r"announcements?": "announcement",
    r"(?:payment|appointment|meeting|event) reminders?": "reminder",
    r"(?:job )?applications?": "application",
    r"comments?": "comment",
    r"(?:product |film |book )?reviews?": "review",
    r"reports?": "report",
    r"recipes?": "recipe",
    r"poems?|poetry": "poem",
    r"haikus?": "haiku",
    r"(?:bedtime |short )?stor(?:y|ies)|fairy ?tales?": "story",
    r"summar(?:y|ies)|summarizing": "summary",
    r"essays?": "essay",
    r"articles?": "article",
    r"songs?|lyrics": "song",
    r"jokes?": "joke",
    r"shopping lists?|to-?do lists?|packing lists?": "list",
    r"adverts?|advertisements?|ads?|(?:ad|sales) copy": "advertisement",
    r"translations?|translating": "translation",
    r"(?:product |job )?descriptions?": "description",
    r"captions?": "caption",
    r"headlines?": "headline",
    r"slogans?": "slogan",
    r"explanations?": "explanation",
    r"instructions?": "instructions",
    r"commit messages?": "commit message",
    r"(?:error|status|thank-you|welcome) (?:messages?|updates?)": "message",
    r"(?:lesson|business|project|training|meal|study|workout|travel|diet|fitness|marketing) "
    r"plans?": "plan",
    r"(?:legal |first |rough )?drafts?": "draft",
    r"(?:patient |shift )?hand-?overs?": "handover",
    r"minutes(?: of (?:a |the |our )?meetings?)?|meeting (?:minutes|notes)": "meeting notes",
    r"user stor(?:y|ies)": "user story",
    r"bug reports?": "bug report",
    r"release notes|changelogs?": "release notes",
    r"dialogues?|dialogs?": "dialogue",
    r"(?:chapter )?outlines?": "outline",
    r"sql queries|sql query": "SQL query",
    r"press releases?": "press release",
    r"invoices?": "invoice",
    r"proposals?": "proposal",
    r"abstracts?": "abstract",
    r"contracts?": "contract",
    r"agendas?": "agenda",
    r"(?:product |property )?listings?": "listing",
    r"bios?": "bio",
    r"taglines?": "tagline",
    r"(?:e-?mail )?subject lines?": "subject line",
    r"flyers?|leaflets?|brochures?": "flyer",
    r"posters?": "poster",
    r"limericks?": "limerick",
    r"sonnets?": "sonnet",
    r"riddles?": "riddle",
    r"fables?": "fable",
    r"check-?lists?": "checklist",
    r"(?:incident |ship's )?logs": "log",
    r"quiz(?:zes)?": "quiz",
    r"itinerar(?:y|ies)": "itinerary",
    r"bulletins?": "bulletin",
    r"work-?outs?": "workout",
    r"(?:training|workout|exercise) (?:sessions?|routines?)": "training session",
    r"certificates?": "certificate",
    r"sheets": "sheet",
    r"guides?": "guide",
    r"briefings?": "briefing",
    r"manuals?": "manual",
    r"menus|menu cards?": "menu",
    r"signs|signage": "sign",
    r"(?:product |name |price )?labels?": "label",
    r"eulog(?:y|ies)": "eulogy",
    r"obituar(?:y|ies)": "obituary",
    r"(?:birthday|wedding|christmas|easter|holiday|new year(?:['’]?s)?|anniversary|get-well) "
    r"(?:wishes|greetings?)": "greeting",
    r"answers?|repl(?:y|ies)|responses?": "reply",
}
GENRE = rf"(?:{'|'.join(_GENRE_NAMES)})"
"""A pattern of the kinds of text that a scope can name."""
_OWNER = r"(?:(?:all|every|each|any|the|an?|my|our|your|these|those|some|new) )*"
_GROUPS = (
    r"customers?|clients?|guests?|patients?|students?|pupils?|kids?|children|child|"
    r"teen(?:ager)?s?|toddlers?|adults?|parents?|beginners?|strangers?|colleagues?|co-?workers?|"
    r"employees?|staff|members?|teams?|neighbou?rs?|friends?|family|relatives?|readers?|"
    r"investors?|suppliers?|vendors?|partners?|tenants?|landlords?|managers?|bosses|boss|"
    r"teachers?|doctors?|nurses?|lawyers?|donors?|volunteers?|voters?|fans?|followers?|"
    r"applicants?|candidates?|seniors?|grandparents?|women|men|girls?|boys?|bab(?:y|ies)|"
    r"foreigners?|tourists?|visitors?|professors?|experts?|officials?|journalists?|users|"
    r"interns?|trainees?|newcomers?|recruits?|apprentices?|helpers?|residents?|shoppers?|"
    r"travell?ers?|lads"
)
_NAME = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)*"
AWAY = (
    r"on (?:vacation|holiday|leave|duty)(?!['’]?\w)(?! (?!(?:about|on|in|at|from|to|until|till|"
    r"with|without|using|like|as|by|under|below|for|and|or|who|that|regarding|concerning|this|"
    r"next|last|now|is|are)\b)\w)"
)
"""What tells more of an addressee, and is no time: "customers on vacation". "Holiday plans" are a
topic."""
PERSON = (
    r"(?:(?:my|our|his|her|their) (?:[\w'’-]+ ){0,3}?[\w'’-]+"
    rf"|(?:(?:the|an?|all|new|young|small|old|older|angry|other|any) )*(?:[a-z]+ "
    rf"){{0,2}}?(?:{_GROUPS})(?: (?:at|of|in|from) [\w'’ -]+| {AWAY}| (?:under|over|above|aged|"
    rf"below|younger than|older than) (?:the age of )?\d+(?: years)?)?|{_NAME})"
)
"""A pattern of an addressee: a relation of the speaker, a group, or a name."""
_RELATIONS = (
    r"mothers?|mum|mom|mama|fathers?|dad|papa|parents|brothers?|sisters?|siblings?|sons?|"
    r"daughters?|wife|husband|spouse|partner|girlfriend|boyfriend|fianc[eé]e?|ex|ex-\w+|"
    r"(?:grand|god|step)(?:mother|father|parents|ma|pa|son|daughter|child|children)|granny|nan|"
    r"aunt|uncle|cousins?|nephew|niece|in-laws|\w+-in-law|boss|supervisor|coworkers?|"
    r"team-?mates?|landlord|landlady|room-?mates?|flat-?mates?|tutor|coach|trainer|class|"
    r"classmates?|dentist|therapist|accountant|audience|subscribers?|board|bank|school|crush|"
    r"date|nanny|babysitter|assistant|secretary|mentor|mate|buddy|pen-?pal|department|office|"
    r"company|club|band|group|church|insurer|bot|agent"
)
_TO = r"(?:to|for|with|addressed to|meant for|that go(?:es)? to|sent to)"
_KNOWN_PERSON = re.compile(
    rf"(?i:\b(?:{_GROUPS}|{_RELATIONS})(?=$|,|'s$| (?:of|at|in|from|with|under|over|above|aged|"
    r"below|younger|older|who|on|and|or|whose|named|called|writes|texts|calls|messages|"
    rf"replies)\b))|\b[A-ZÀ-Þ][\w'’-]*$|^[A-ZÀ-Þ]|(?i:\b(?:{_GROUPS}|{_RELATIONS})) [A-ZÀ-Þ]"
)
"""What an addressee has that no verb introduces: "my mother", but not "my order"."""
_NO_PERSON = re.compile(
    r"(?:English|German|French|Spanish|Italian|Portuguese|Dutch|Swedish|Danish|Norwegian|Finnish|"
    r"Polish|Czech|Turkish|Russian|Ukrainian|Greek|Arabic|Persian|Hebrew|Hindi|Chinese|Japanese|"
    r"Korean|Thai|Latin|Python|Java|JavaScript|TypeScript|Kotlin|Rust|Perl|Bash|HTML|"
    r"CSS|SQL|PHP|JSON|YAML|XML|Markdown|LaTeX|Git|GitHub|Docker|Kubernetes|Linux|Windows|Excel|"
    r"PowerPoint|Photoshop|Wikipedia|Google|Twitter|Facebook|Instagram|YouTube|LinkedIn|Reddit|"
    r"Slack|Bitcoin|Ethereum|Brexit|Christmas|Easter|Ramadan|Halloween|X)"
    r"(?: (?:code|scripts?|queries|programs?|functions?|files|classes|text|texts))?"
)
"""What is capitalized and nobody: languages, programs, sites."""


_IN_LANGUAGE = re.compile(
    r"(?:all |any )?(?:English|German|French|Spanish|Italian|Portuguese|Dutch|Polish|Russian|"
    r"Chinese) (?:questions?|messages?|requests?|prompts?)"
)
"""Questions in a language, of which no request can be made."""


def names_no_person(text: str) -> bool:
    """Return whether a capitalized word names a language, a program or a site."""
    return _NO_PERSON.fullmatch(text.strip()) is not None


_TIMES = re.compile(
    r"(?:(?:on|in|at|the|a|every|each|my|this|it is|it's|today is) )*(?:(?:mon|tues|wednes|thurs|"
    r"fri|satur|sun)days?|week-?(?:ends?|days?)|mornings?|afternoons?|evenings?|nights?|noon|"
    r"midnight|today|tomorrow|late|early|january|february|march|april|may|june|july|august|"
    r"september|october|november|december|winter|summer|spring|autumn|birthdays?)",
    re.I,
)
"""Times, which no request tells."""
_ABOUT = r"(?:about|on|regarding|concerning|around|related to|to do with)"
_WRITE = (
    r"(?P<verb>text|texting|e-?mail|e-?mailing|message|messaging|write|writing|tweet at|"
    r"(?:talk|talking|speak|speaking|chat|chatting)(?= (?:to|with))|"
    r"(?:reply|replying|respond|responding)(?= to)|answer|answering|address|addressing|greet|"
    r"greeting|thank|thanking|invite|inviting|congratulate|congratulating|contact|contacting|"
    r"(?:deal|dealing)(?= with))"
)
_LEAD = re.compile(
    r"^(?:(?:when|whenever|if|while|in|for|to|with|on|during) )?(?:(?:I|you|we|they|someone|"
    r"somebody|anyone|anybody|people|the user|users|a user|(?:a |the )?customers?|(?:the "
    r")?guests?) )?(?:(?:am|are|is|'m|will|want|wants|need|needs|have|has|ask|asks|tell|tells|"
    r"asked|told|being|be|you|me|us|to|going|decide|happen|ever) )*(?=(?:writ|text|e-?mail|messag|"
    r"talk|speak|chat|repl|respond|answer|address|greet|thank|invit|congrat|contact|deal|explain|"
    r"teach|describ|tell|read|compos|draft|send|creat|mak|summari|translat|discuss))",
)
_ASKED = re.compile(
    r"^(?:.*\b)?(?:ask(?:s|ed|ing)?|[ei]nquir(?:e|es|ed|ing)|(?:writes?|calls?|phones?|rings?) "
    r"(?:in|up)|gets? in touch|moans?|grumbles?|want(?:s|ed)? to know|wonder(?:s|ed|ing)?|"
    r"complain(?:s|ed|ing)?|curious|talk(?:s|ed|ing)?|speak(?:s|ing)?|chat(?:s|ting)?|questions?|"
    r"answers?|repl(?:y|ies)|responses?|requests?|conversations?|chats?|advice|information|help|"
    r"anything|something|texts?|explanations?|discussions?|(?:it|this|that|question|request|topic|"
    r"conversation|message)s? (?:is|are))(?: (?:you|me|us|him|her|for (?:help|advice|information)|"
    r"a question|questions|"
    rf"something|anything))* {_ABOUT} (?P<topic>.+)$",
    re.I,
)
_TOPIC_FORMS = [
    re.compile(form, re.I)
    for form in (
        r"(?:the )?(?:topic|subject|conversation|talk)s? (?:is|are|turns? to|comes? to|concerns?|"
        r"deals? with)(?: about)? (?P<topic>.+)",
        r"(?:the |a )?(?:questions?|requests?) (?:concerns?|deals? with) (?P<topic>.+)",
        r"it comes to (?P<topic>.+)",
        r"(?P<topic>.+?) (?:comes? up|(?:is|are) (?:mentioned|discussed|brought up|asked about|"
        r"the (?:topic|subject)))",
        r"(?:explaining|discussing|describing|mentioning|talking about|dealing with|explain|"
        r"discuss|describe) (?P<topic>.+)",
        r"(?:(?:(?:you|we) )?write about|writing about|giving|reviewing|you give (?:me|us)) "
        r"(?P<topic>.+)",
        r"(?:(?:you )?(?:recommend|suggest|propos)(?:e|ing)?|(?:(?:you|I|we) )?plan(?:ning)?)"
        r"(?: (?:to )?(?:me|us))? (?P<topic>(?!(?:(?:an?|the|any|some|my|our) )?(?:answers?|"
        r"something|anything|changes?|edits?|corrections?|it|that|to|for|with|against)\b)[a-z].*)",
        r"(?:.*\b)?ask(?:s|ed|ing)?(?: you)? what you think (?:about|of) (?P<topic>.+)",
        r"(?:listing|quoting|stating|naming|(?:you|we) (?:give|quote|state|list|name)) "
        r"(?P<topic>(?!(?:[a-z]+ )*(?:answers?|repl(?:y|ies)|examples?|reasons?|opinions?|options?|"
        r"lists?|names?|numbers?|it|them|me|us)$).+)",
        r"(?:replying|responding|reacting|answering)(?: to)? (?P<topic>(?![a-z]+ly$).+)",
        r"(?:.*\b)?ask(?:s|ed|ing)?(?: you| me| us)? for (?:help with )?(?P<topic>.+)",
        r"(?:.*\b)?(?:needs? |wants? )?(?:help(?:ing)?|assisting|support(?:ing)?)(?: me| us| them| "
        r"someone| people| users)? (?:with|in) (?P<topic>.+)",
        r"(?:.*\b)?(?:mention(?:s|ed)?|brings? up|describes?|raises?) (?P<topic>.+)",
        r"(?:.*\b)?ask(?:s|ed|ing)?(?: you| me| us)?(?: what)? (?:the|our|your) "
        r"(?P<topic>(?!questions?\b|same\b)[a-z]+(?: [a-z]+)?)(?<! is)(?: is| are)?",
        r"(?:topics|subjects|matters|questions) (?:of|like|such as) (?P<topic>.+)",
        r"(?:(?:.*\b)?ask(?:s|ed|ing)?(?: you| me| us)? )?(?:(?:all|any|the|my|our|an?|some) )*"
        r"(?:(?:simple|easy|specific|detailed) )?"
        r"(?P<topic>(?!(?:simple|easy|difficult|hard|short|long|complex|complicated|basic|quick|"
        r"other|open|more|tough|tricky|general|nobody|somebody|someone|anyone|anybody|everyone|"
        r"everybody|he|she|it|they|who|no|one|an?|the|any|some|my|our|this|that|same|such|these|"
        r"yes-or-no|yes-no|follow-up|rhetorical|trick|silly|stupid|direct|specific|detailed|rude|angry|"
        r"unanswered|urgent|unclear|following|factual|everyday|closed|customer|personal|private|"
        r"second|new|good|bad|weird|strange|random|serious|funny|great|few|two|three|many|"
        r"several)\b)(?:(?-i:[A-Z])\w+ (?!(?:ask|has|have|had|need|want|send|give|get|seek|post|"
        r"raise|like|write|wrote|answer|take|pose|is|are)))?[a-z-]+) "
        r"(?:questions?|answers?|advice|tips)",
    )
]
_FINITE = re.compile(
    r"\b(?:is|are|was|were|am|be|been|has|have|had|do|does|did|can|could|will|would|should|must|"
    r"may|might|I|you|he|she|it|they|we|seems?|feels?|sounds?|gets?|wants?|needs?|asks?|says?|"
    r"tells?|(?:e-?mails?|texts?|writes?) me|makes?|knows?|likes?|complains?|not|uses?|writes?|"
    r"speaks?|sends?|ist|sind|wird|est|sont|es|está)\b|'s\b|'re\b"
)


@dataclass(frozen=True, slots=True)
class Situation:
    """Hold what kind of request a scope means."""

    kind: Literal["writing", "about", "task", "other"]
    """`writing`: a text to somebody; `task`: a kind of text; `about`: a topic; `other`."""
    genre: str = ""
    """The kind of text: "email", "text message", "recipe"; "" for any."""
    addressee: str = ""
    """To whom it is written: "my girlfriend Maddie"."""
    names: tuple[str, ...] = ()
    """Ways to name the addressee, the whole phrase first."""
    topic: str = ""


def is_topical_text(situation: Situation) -> bool:
    """Return whether a rule holds for a kind of text that people ask for, whatever it is about."""
    is_plain = not (situation.topic or _NO_KIND.search(situation.genre))
    return situation.kind == "task" and is_plain and bool(find_text_kind(situation.genre))


_NO_KIND = re.compile(
    r"\bor\b|['’]s?\b|^(?:this|that|these|those)\b|^(?:grad|read|check|edit|review|writ|mark|"
    r"correct|translat|answer|send|reply|summari[sz]|rewrit|proofread|comment|critiqu|discuss|"
    r"analy[sz]|rat|judg|deliver|post|print|shar|stor|sort|sign|open|delet|forward)ing "
)
"""Several kinds, one text ("this story"), and what is done with texts ("grading essays")."""


def has_built_requests(situation: Situation | None) -> bool:
    """Return whether the requests of a situation are built of parts (generate/situations.py)."""
    return situation is not None and (situation.kind == "writing" or is_topical_text(situation))


def is_unasked(scope: str) -> bool:
    """Return whether a condition is that something is not asked: "nobody asks about price"."""
    return _NOT_ASKED.match(scope.replace("’", "'")) is not None


_NOBODY = re.compile(
    r"(?:.*\b(?:about|to|for|with|on|regarding|concerning|[a-z]{3,}ing) |.*\b(?:asks?|asked) )?"
    r"(?:nothing|nobody|no[ -]?one|never|no (?:topic|subject|person|people)s?)"
    r"(?: (?:at all|whatsoever|in particular|ever|else))?",
    re.I,
)
_NOBODY_ELSEWHERE = re.compile(
    r"(?:.*\b(?:an|über|nach|um|à|de|sur|a|sobre|por|di|su) )?"
    r"(?:niemande[mn]|nichts|personne|rien|nadie|nada|nessuno|niente)"
    r"(?: (?:schreibe|fragt|frage|geht))?"
)
_COMPARED = re.compile(r"[\d\W]*[=<>≠][\d\W]*")
"""Two numbers, of which no request is: "1=2". "9/11" and "24/7" are topics."""


def is_never_met(scope: str) -> bool:
    """Return whether no request meets a condition: "emails to nobody", "asked about nothing"."""
    forms = (_NOBODY, _NOBODY_ELSEWHERE, _COMPARED)
    return any(form.fullmatch(scope.strip(" .,;:!?")) for form in forms)


_ANYTHING_AT_ALL = re.compile(
    r"(?:any|every|some)thing(?: at all| you like| whatsoever)?|whatever(?: it is)?|"
    r"(?:any|every|all|whatever) (?:topic|subject|thing|matter)s?(?: at all)?",
    re.I,
)


_OWN_TEXTS = re.compile(
    r"(?:you write )?(?:(?:all|any|each|every|of) )*(?:your (?:own )?|(?=texts? you))texts?(?: "
    r"(?:that )?you (?:write|give me|send me))?",
    re.I,
)
"""What the model writes, which is no text message."""


def is_everything(scope: str) -> bool:
    """Return whether every request meets a condition: "asked about anything", "your texts"."""
    if _NO_SUBJECT.fullmatch(scope):
        return False
    situation = read_situation(scope)
    is_about = situation.kind == "about" and not situation.genre
    is_anything = is_about and _ANYTHING_AT_ALL.fullmatch(situation.topic) is not None
    return is_anything or _OWN_TEXTS.fullmatch(scope) is not None


_ANYBODY = r"(?:anyone|anybody|everyone|everybody|someone|somebody|people|whoever(?: it is)?)"
"""An addressee who tells no text from another: the rule holds for all texts of the kind."""
_TEXTS_OF_VERB = {
    "texting": "text messages",
    "messaging": "messages",
    "emailing": "emails",
    "e-mailing": "emails",
}


@lru_cache(maxsize=1024)
def read_situation(scope: str) -> Situation:
    """Return the situation that the words of a scope mean.

    "texting my girlfriend Maddie" is writing, "recipes" is a task, "opening hours" is a topic.
    What fits none of them ("the user is angry") is `other`, and so is a short phrase after "when"
    ("when pigs fly"), because that is a clause. A second clause ("asks about parking and has a
    dog") would be lost or taken for a topic, so it is `other`, too.
    """
    text = _say_one_condition(" ".join(scope.replace("’", "'").split()).strip(" .,;:!?"))
    if _SECOND_CLAUSE.search(text) or _SECOND_TEXTS.search(text) or _PART_OF_TEXTS.match(text):
        return Situation("other")
    is_clause = _CONJUNCTION.match(text) is not None
    text = _FIRST_WORD.sub("", text)
    if re.fullmatch(r"[A-Z][a-z]+", text) and re.fullmatch(GENRE, text, re.I):
        text = text.lower()  # "In Tweets" is no addressee
    text = _CONTRACTED.sub(_expand_to_be, text)
    if _TIMES.fullmatch(text) or is_unasked(text) or is_never_met(text):
        return Situation("other")
    if is_clause and (sent := _SENDS.fullmatch(text)) and not names_no_person(sent["who"]):
        is_anybody = re.fullmatch(_ANYBODY, sent["who"], re.I)
        return Situation("other") if is_anybody else _make_writing("reply", sent["who"])
    text = _reword(text, _WORDINGS_OF_TEXTS)
    if meant := re.match(rf"{_IT_IS_FOR} ", text, re.I):
        whom = text[meant.end() :]
        if _TIMES.fullmatch(whom) or re.search(r"\b(?:time|while|moment|now)$", whom):
            return Situation("other")
        text = f"writing to {whom}"
    if _IN_LANGUAGE.fullmatch(text):
        return Situation("other")
    text = _reword(text, _WORDINGS_OF_WRITING)
    if about := _ABOUT_TOPIC.fullmatch(text):
        return Situation("about", topic=about["topic"])
    if re.fullmatch("you|yourself", text, re.I):
        return Situation("about", topic="your life")
    if wants := _WANTS_SOMEBODY.fullmatch(text):
        return Situation("about", topic=f"talking to {wants['who']}")
    if kind := read_described_kind(text):
        return Situation("task", kind)
    said, text = text, _LEAD.sub("", text)
    if platform := re.fullmatch(_PLATFORMS, text):
        return Situation("task", _PLATFORM_TEXTS.get(platform[0], f"{platform[0]} post"))
    return (
        _read_writing(text)
        or _read_several_tasks(text)
        or _read_task(text)
        or _read_asked_kind(said)
        or _read_topic(text)
        or _read_other_language(text)
        or (None if is_clause else _read_plain(text))
        or Situation("other")
    )


def _read_asked_kind(text: str) -> Situation | None:
    kind = read_asked_kind(re.sub(rf" {_YOU_WRITE}$", "", text, flags=re.I))
    return Situation("task", kind) if kind else None


_CONJUNCTION = re.compile(r"(?:when|whenever|if|while|once|as soon as) ", re.I)
_FIRST_WORD = re.compile(rf"^(?:{_CONJUNCTION.pattern}|(?:in|for|with|on|during) )", re.I)
_CONTRACTED = re.compile(r"\b(I)'m\b|\b(we|you|they)'re\b|\b(it|this|that)'s\b", re.I)


def _say_one_condition(text: str) -> str:
    """Return a scope whose parts are one condition: "emails to Tom and emails to Ann" as "emails to
    Tom and to Ann", "subject lines for emails to Kim" as "subject lines to Kim".
    """
    text = _join_topics(re.sub(r" (?:that|which) (?:is|are) (?=about )", " ", text))
    text = _SAME_TEXTS.sub(r"\g<first> \g<join> to ", text)
    text = _TRANSLATED_TO.sub(r"\g<what> into ", text)
    text = re.sub(r"^translations? (?=(?:.* )?into [A-Z])", "translating ", text)
    text = _QUESTIONS_FROM.sub("", _ANSWERS_TO.sub("", text))
    return _PART_OF_EMAILS.sub(lambda found: " to" if found["to"] else "", text)


Wordings = Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]


def _reword(text: str, wordings: Wordings) -> str:
    """Return a text in the usual words, where it is said in others."""
    for form, usual in wordings:
        text = form.sub(usual, text)
    return text


_WANTS_SOMEBODY = re.compile(
    r"(?:an? |the |any )?(?:someone|somebody|anyone|anybody|people|users?|customers?|clients?|"
    r"guests?|callers?|patients?|visitors?) (?:wants?|asks?|would like|needs?|demands?|insists?) "
    r"to (?:speak|talk) (?:to|with) (?P<who>(?:an?|the|our|some) .+|someone .+|somebody .+)",
    re.I,
)
"""Who asks for somebody else: "a customer wants to speak to a human"."""
_ABOUT_TOPIC = re.compile(
    rf"(?:about|regarding|concerning) (?P<topic>(?!{_OWNER}{GENRE} (?:to|for) ).+)", re.I
)
_NOT_ASKED = re.compile(
    r"(?:(?!\b(?:ask|mention|inquir|wonder|(?:who|that|to|for|says?|said)\b)).)*?"
    r"(?:\b(?:nobody|no one|no \w+|none of \w+ \w+|not|never)|n't) "
    r"(?:(?:actually|really|explicitly|yet|being|ever) )?(?:ask|mention|inquir|wonder)",
    re.I,
)
_PLATFORMS = (
    r"Instagram|Facebook|Twitter|X|LinkedIn|TikTok|Slack|WhatsApp|Telegram|Reddit|YouTube|Threads|"
    r"Mastodon|Bluesky|Discord|Signal"
)
_YOU_WRITE = (
    r"(?:from you|(?:that |which )?(?:you|I|we) (?:write|draft|send|make|compose|create|"
    r"give|word|suggest|request|ask for|want|need|prepare|come up with|help (?:me |us )?with)"
    r"(?: (?:for )?(?:me|us)\b| (?:from|of) you\b)?)(?= (?:for|to|about) |$)"
)
"""What a text is anyway: "any plan you write for members"."""
_IT_IS_FOR = r"(?:it|this|that) (?:is|goes)(?: meant| intended| addressed)? (?:for|to)"
_PLATFORM_TEXTS = {"Twitter": "tweet", "X": "tweet", "YouTube": "YouTube description"} | {
    name: f"{name} message" for name in ("Slack", "WhatsApp", "Telegram", "Discord", "Signal")
}
"""What is written on a platform, where it is no post."""
_ANYTHING = (
    r"^(?:anything|everything|something|whatever)(?: (?:that is|that goes|I write|you write|that I "
    r"write|that you write|written|addressed|sent|going))* (?=to )"
)
"""Any kind of text: "anything addressed to the principal"."""


def _expand_to_be(match: re.Match[str]) -> str:
    """Return "I'm", "we're" and "it's" as two words."""
    if match[3]:
        return f"{match[3]} is"
    return f"{match[1]} am" if match[1] else f"{match[2]} are"


def name_genre(word: str) -> str:
    """Return the name of the kind of text that a word means: "emails" -> "email"; or ""."""
    for pattern, name in _GENRE_NAMES.items():
        if re.fullmatch(pattern, word, re.I):
            return name
    return ""


def list_names(addressee: str) -> tuple[str, ...]:
    """Return ways to name an addressee.

    "my girlfriend Maddie" -> itself, "Maddie", "my girlfriend"; "customers" -> itself, "a
    customer"; "my boss or my landlord" -> each of them; "my mom and dad" -> both, and each of them.
    """
    several = split_addressees(addressee)
    addressee = _drop_second_to(addressee)
    if not several:
        return _list_names_of_one(addressee)
    names: tuple[str, ...] = () if re.search(r"\bor\b", addressee) else (addressee,)
    for one in several:
        names += _list_names_of_one(one)[:2]  # one of several colleagues is not "my colleague"
    return tuple(dict.fromkeys(names))


def _list_names_of_one(addressee: str) -> tuple[str, ...]:
    role = re.fullmatch(
        r"((?:my|our|the|his|her) [a-z'’ -]+?)"
        r"(?<! in)(?<! at)(?<! of)(?<! from)(?<! on)(?<! with),? "
        rf"\(?({_NAME})\)?",
        addressee,
    )
    named = re.fullmatch(rf"({_NAME})(?:, | \()((?:my|our|the|his|her) [a-z'’ -]+?)\)?", addressee)
    if role:
        return (addressee, role[2], role[1])
    if named:
        return (addressee, named[1], named[2])
    words = addressee.split()
    one = to_singular(words[-1].lower())
    if len(words) <= 2 and addressee.islower() and one != words[-1] and words[0] not in _OWNED:
        return (addressee, add_article(" ".join([*words[:-1], one])))
    return (addressee,)


_HOLDER = r"(?:my|our|his|her|their)"
_KIN = rf"{_HOLDER} (?:(?!and\b|or\b)[a-z'’-]+ ?){{1,2}}\b"
_OF_FIRM = r"(?:Sons?|Daughters?|Co|Company|Partners?|Brothers|Associates)"
_BARE_KIN = (
    "mom|mum|mommy|mummy|mother|dad|daddy|father|grandma|grandpa|granny|grandmother|grandfather"
)
_ADDRESSEE = re.compile(rf"{_NAME}|{_KIN}(?: {_NAME})?|{_BARE_KIN}")
_GROUP = re.compile(
    rf"(?:(?:the|an?|all|our|other|new|old|whole|entire) )+(?:{_GROUPS})|(?=[a-z-]+s$)(?:{_GROUPS})"
)
"""Somebody who is named beside one of the speaker's own: "(my boss or) clients"."""
_TO_AGAIN = re.compile(r"(?P<join>,? (?:and|or)(?: also)?|,) (?:to|for|with) (?=[\w'’])")
_TELLS_MORE = re.compile(r"\b(?:who|whom|whose|that|which|about|on|in)\b")


def _list_marked(addressee: str) -> list[str]:
    """Return the parts of an addressee before which "to" is said again; else the whole alone."""
    parts = _TO_AGAIN.split(addressee)[::2]
    return [addressee] if any(map(_TELLS_MORE.search, parts[:-1])) else parts


def _drop_second_to(addressee: str) -> str:
    """Return "my boss and to my team" as "my boss and my team"."""
    is_list = len(_list_marked(addressee)) > 1
    return _TO_AGAIN.sub(lambda found: f"{found['join']} ", addressee) if is_list else addressee


def split_addressees(addressee: str) -> tuple[str, ...]:
    """Return the single addressees of a list of them; () for one addressee.

    "my colleagues John, Eric, or Hailey" -> "my colleague John", "Eric", "Hailey"; "my boss or
    landlord" -> "my boss", "my landlord"; "the bank and to the tax office" -> each of them. What
    else is joined ("research and development") is one.
    """
    if len(marked := _list_marked(addressee)) > 1:
        return tuple(one for part in marked for one in split_addressees(part) or (part,))
    first, *others = re.split(r",? (?:and|or) |, ", addressee)
    if not others or not re.search(rf" (?:and|or) (?!{_OF_FIRM}$)", addressee):
        return ()
    if any(re.match(r"(?:his|her|their) ", one) for one in others):
        return ()  # "his wife" is nobody's without "my boss"
    holder = re.match(rf"{_HOLDER} (?=[a-z-]+$)", first)
    if holder:
        others = [holder[0] + one if re.fullmatch("[a-z-]+", one) else one for one in others]
    if all(_ADDRESSEE.fullmatch(one) for one in (first, *others)):
        group = re.fullmatch(rf"({_KIN}) ({_NAME})", first)
        if group and all(re.fullmatch(_NAME, one) for one in others):
            *before, noun = group[1].split()
            first = " ".join([*before, to_singular(noun), group[2]])
        return (first, *others)
    kinds = [
        "own" if _ADDRESSEE.fullmatch(one) else "group" if _GROUP.fullmatch(one) else ""
        for one in (first, *others)
    ]
    if set(kinds) == {"own", "group"}:
        return (first, *others)
    is_plural = [one.islower() and " " not in one and to_singular(one) != one for one in others]
    return (first, *others) if all(is_plural) and re.fullmatch("[a-z-]+s", first) else ()


_OWNED = ("the", "my", "our", "his", "her", "their", "all", "any", "your")


def _make_writing(genre: str, addressee: str, topic: str = "") -> Situation:
    addressee = addressee.strip(" ,.")
    named = "" if VAGUE.search(topic) else topic
    names = list_names(addressee)
    return Situation("writing", genre, _drop_second_to(addressee), names, named)


def _split_topic(text: str) -> tuple[str, str]:
    """Return an addressee and the topic after "about"."""
    who, _, topic = re.sub(rf" (?!{AWAY}\b){_ABOUT} ", "\n", text, count=1).partition("\n")
    return who, topic


_GIVEN = r"(?:(?:you|I) )?(?:give|giving)(?: me| us)?"
_GIVEN_TO = re.compile(
    rf"(?:writing|write|sending|send|drafting|draft|composing|compose)(?: back)? (?P<who>{PERSON}) "
    rf"(?:an?|the|some|another) (?:[a-z-]+ )?(?P<genre>{GENRE})"
)
"""The addressee before what is written: "writing my boss an email"."""
_OWN_BUSINESS = re.compile(
    r"(?:us|me|(?:my|our|the|this)(?: own| new| small| little)? (?:shop|store|bakery|caf[eé]|"
    r"restaurant|hotel|company|business|office|salon|boutique|firm|brand|club|school|church|"
    r"library|museum|gallery|farm|studio|agency|team|website|page|account|channel|blog|band|"
    r"venue|pub|bar|gym|clinic|pharmacy|charity))",
    re.I,
)
"""For whom somebody has a text made: all texts of the kind are, whatever they are about."""
_PUBLIC = frozenset(
    re.findall(
        r"\w+",
        "caption description slogan headline advertisement post newsletter listing tagline bio "
        "flyer poster instructions recipe",
    )
)
"""Kinds of text that are made for a thing: "captions for my bakery"."""
_OCCASION = re.compile(
    rf"{_OWNER}(?P<kind>(?:[a-z-]+ )?(?:weddings?|birthdays?|funerals?|anniversar(?:y|ies)|"
    r"graduations?|part(?:y|ies)|meetings?|conferences?|events?|concerts?|lectures?|retirements?|"
    r"magazines?|newspapers?|journals?|blogs?|websites?|newsletters?|intranet))",
    re.I,
)
"""What a text is for and nobody reads it as: "toasts for weddings", "articles for our blog"."""
_ORGANIZATION = re.compile(
    r"\b(?:company|office|club|band|group|church|school|department|bank|teams?)$", re.I
)
_FOLLOWERS = re.compile(
    r"(?:(?:the|my|our|his|her|their|your|an?|all|new) )+(?:[a-z'’-]+ )?(?:company|office|club|"
    r"band|group|church|school|department|team|crew|squad|class|choir)|"
    r"(?:(?:the|my|our|his|her|their|your|all|new) )*(?:[a-z'’-]+ )?(?:companies|clubs|groups|"
    r"churches|schools|departments|teams|crews|squads|choirs|buyers|shoppers|owners|cooks)",
    re.I,
)
"""Who follows instructions and recipes together."""
_BUYERS = re.compile(r"(?:[a-z'’-]+ ){0,2}(?:buyers|shoppers|renters|collectors)", re.I)
"""Those whom a description is for, besides the known persons."""


def _reads_it(who: str, genre: str) -> bool:
    """Return whether a text of a kind for somebody or something is for a reader."""
    if genre in ("instructions", "recipe") and _FOLLOWERS.fullmatch(who):
        return True
    if _BUYERS.fullmatch(who):
        return True
    return is_person(who) and not _ORGANIZATION.search(who)


def is_person(text: str) -> bool:
    """Return whether a text names somebody: "my mother", but not "my order"."""
    return _KNOWN_PERSON.search(text) is not None


_EXPLAINED = re.compile(
    r"(?:(?:explain|teach|describ)(?:ing|e)?|(?:an? |the )?explanations?(?: of)?)"
    rf"(?: (?:the )?(?P<topic>.+?))? (?:to|for) (?P<who>{PERSON})"
)
_READ_ALOUD = re.compile(rf"(?:tell|read)(?:ing)?(?: .+?)? to (?P<who>{PERSON})")

_SIZE = r"(?P<size>(?:long|short) (?!stor))?"
"""How long a text is; a "short story" is a kind of its own."""


def leave_out_size(genre: str) -> str:
    """Return a kind of text without how long it is: "long email" -> "email"."""
    return re.sub(rf"^{_SIZE}", "", genre)


_OF_KIND = re.compile(
    rf"(?P<genre>{_OWNER}(?P<drafts>drafts?|{GENRE})) of (?P<kind>[a-z]+) (?P<to>to .+)", re.I
)
"""A text to somebody and what it is for: "messages of thanks to my team", "drafts of emails to"."""


def _name_made(genre: str) -> str:
    """Return the name of a kind of text, with its modifier where it is made for somebody: "lesson
    plan".
    """
    *first, last = genre.lower().split()
    whole = " ".join([*first, to_singular(last)])
    return whole if find_text_kind(whole) in MADE_KINDS else name_genre(genre)


def is_made_for(situation: Situation) -> bool:
    """Return whether a rule holds for a text that is made for somebody and about something, as a
    lesson plan is.
    """
    return situation.kind == "writing" and find_text_kind(situation.genre) in MADE_KINDS


def _read_writing(text: str) -> Situation | None:
    if (of := _OF_KIND.fullmatch(text)) and not name_genre(of["kind"]):
        found = _read_writing(f"{of['genre']} {of['to']}")
        return replace(found, topic=of["kind"]) if found and found.kind == "writing" else found
    if of and of["drafts"].lower().startswith("draft"):
        return _read_writing(f"{of['kind']} {of['to']}")
    if replying := _read_replying(text):
        return replying
    genre = re.compile(
        rf"(?:(?:writing|write|sending|send|drafting|draft|composing|compose|reading|replying to|"
        rf"answering|creating|making|telling|giving|{_GIVEN}) )?{_OWNER}{_SIZE}(?:[a-z-]+ )??"
        rf"(?P<genre>{GENRE}|requests?(?= to {PERSON}$)|feedback(?= (?:to|for) {PERSON}$))"
        rf"(?: (?:(?:is|are) )?{_ABOUT} (?P<topic>.+?))? (?:(?:is|are|goes|go) )?"
        rf"(?P<to>{_TO}) (?P<who>.+)",
        re.I,
    ).fullmatch(text)
    if genre:
        is_feedback = genre["genre"].lower() == "feedback"
        name = "feedback" if is_feedback else _name_made(genre["genre"])
        who, topic = _split_topic(genre["who"])
        if name == "reply" and not re.fullmatch(PERSON, who):
            return Situation("about", topic=who)
        is_for = genre["to"].lower() == "for"
        if is_for and (occasion := _OCCASION.fullmatch(who)):
            return Situation("task", f"{to_singular(occasion['kind'])} {name}", topic=topic)
        is_whom = is_person(who) or re.match("(?:the|my|our) ", who)  # not "recipes with nuts"
        is_content = genre["to"].lower() == "with" and not is_whom
        if is_content or (name in _PUBLIC and is_for and not _reads_it(who, name)):
            kind = _read_task(text[: genre.end("genre")])
            named = kind.genre if kind else name
            return Situation("task", named, topic="" if _OWN_BUSINESS.fullmatch(who) else who)
        size = (genre["size"] or "").lower() if name else ""
        return _make_writing(f"{size}{name}", who, topic or genre["topic"] or "")
    if given := _GIVEN_TO.fullmatch(text):
        return _make_writing(name_genre(given["genre"]), given["who"])
    if explained := _EXPLAINED.fullmatch(text) or _READ_ALOUD.fullmatch(text):
        topic = explained.groupdict().get("topic") or ""
        return _make_writing("explanation", explained["who"], topic)
    read = re.fullmatch(
        r"the (?:reader|recipient|addressee|audience)s? (?:is|are) (?P<who>.+)", text, re.I
    )
    if read:
        return _make_writing("", read["who"])
    written = re.fullmatch(
        rf"{_WRITE}(?: back)?(?: {_TO}| with)? (?!{_ABOUT} )(?P<who>{PERSON}.*)", text
    )
    written = written or _WRITTEN_TO.fullmatch(text) or _WRITTEN_WHOM.fullmatch(text)
    if written and names_no_person(written["who"]):
        return Situation("about", topic=written["who"])
    who, topic = _split_topic(written["who"]) if written else ("", "")
    is_text = name_genre(re.sub(rf"^{_OWNER}", "", who, flags=re.I)) or _GENRE_END.search(who)
    if written and not is_text:
        return _make_writing(_name_verb(written["verb"]), who, topic)
    if re.match(r"(?:ask(?:s|ed|ing)?|about|regarding|concerning)\b", text):
        return None
    does = re.search(r" (?:asks?|wants?|needs?|mentions?|says?|tells?|is|are|has|have) ", text)
    is_addressee = not does and re.fullmatch(PERSON, text) and is_person(text)
    ends_otherwise = re.search(r" (?:me|us|you)$", text) or _GENRE_END.search(text)
    is_other = ends_otherwise is not None or names_no_person(text)
    if is_addressee and not is_other and read_other_scope(text) is None:
        return _make_writing("", text)
    return None


_SENT = (
    r"(?:reviews?|complaints?|comments?|inquir(?:y|ies)|enquir(?:y|ies)|e-?mails?|messages?|"
    r"tickets?|feedback|letters?|applications?|invitations?|posts?|tweets?|criticism)"
)
_OWNED_TEXT = re.compile(rf"(?P<who>{PERSON})(?:'s|(?<=s)') (?:[\w-]+ )?{_SENT}", re.I)
_ANSWERED_TEXT = re.compile(
    rf"{_OWNER}(?P<what>(?:(?!about|from|to|for|of|in\b)[\w-]+ ){{0,2}}?(?P<noun>{_SENT}|"
    rf"(?!answer|repl|respon|\w+ing\b){GENRE}))"
    rf"(?: (?:(?:sent |written |posted )?(?:from|by)) (?P<who>{PERSON}))?",
    re.I,
)
_REPLYING = re.compile(
    rf"(?:(?:writing |write )?{_OWNER}(?:repl(?:y|ies)|responses?|answers?) to|(?:reply|replying|"
    r"respond|responding|react|reacting) to|answer|answering) (?P<text>.+)|"
    rf"{_OWNER}(?P<answered>(?:[\w-]+ ){{0,2}}?{_SENT}) (?:replies|responses|answers)",
    re.I,
)


def is_answered_text(text: str) -> bool:
    """Return whether something that is replied to is a text: "negative reviews", "my boss's
    emails".
    """
    return any(form.fullmatch(text) for form in (_ANSWERED_TEXT, _OWNED_TEXT))


def _read_replying(text: str) -> Situation | None:
    """Return the situation of a reply to a text: whoever wrote that is the addressee."""
    replying = _REPLYING.fullmatch(text)
    if replying is None:
        return None
    what = replying["text"] or replying["answered"]
    answered = _OWNED_TEXT.fullmatch(what) or _ANSWERED_TEXT.fullmatch(what)
    if answered is None:
        return None
    if answered["who"]:
        return _make_writing("reply", answered["who"])
    *before, noun = answered["what"].split()
    named = " ".join([*before, to_singular(noun.lower())])
    if noun.lower() not in ("feedback", "criticism"):
        named = add_article(named)
    names = (f"the author of {named}", f"somebody who sent us {named}")
    return Situation("writing", "reply", names[0], names)


_WRITTEN_TO = re.compile(
    r"(?P<verb>writ(?:e|ing)|(?:text|e-?mail)(?:ing)?|messag(?:e|ing)|talk(?:ing)?|speak(?:ing)?)"
    r"(?: back)? to (?P<who>(?:the|an?|any|every|all) [\w'’ -]+|"
    r"(?:[a-z-]+ )?(?!(?:files|logs|disks|tables|databases|sockets)\b)[a-z]{3,}(?<!ing)s)"
)
"""Whoever is written to, is somebody: "writing to the board"."""
_NOBODY_WRITTEN = (
    r"(?:reports?|links?|files?|documents?|forms?|codes?|words?|numbers?|lists?|results?|cop(?:y|"
    r"ies)|pictures?|photos?|details|data|tickets?|orders?|questions?|requests?|prices?|quotes?|"
    r"receipts?|updates?|offers?|memes?|reply|address|lot|bit|while|times?|days?|nights?|mornings?|"
    r"evenings?|weeks?|month|bills?|news|plans?|complaints?|excuses?|wish(?:es)?|invoices?|"
    r"invitations?|menu|minutes|notes?|slides|contracts?|agenda|schedule|recipes?|poems?)"
)
_WRITTEN_WHOM = re.compile(
    r"(?P<verb>(?:text|e-?mail)(?:ing)?|messag(?:e|ing)) (?P<who>(?:the|any|every|all) "
    rf"(?:(?!{_NOBODY_WRITTEN}\b|to\b|at\b|in\b|on\b|for\b)[\w'’-]+ ?){{1,3}}?(?:(?<= )about .+)?)",
    re.I,
)
"""The same without "to": "emailing the judge"."""
_GENRE_END = re.compile(rf" {GENRE}$", re.I)


def _name_verb(verb: str) -> str:
    """Return the kind of text that a verb makes: "texting" -> "text message"."""
    if re.match("text|e-?mail|messag", verb):
        return name_genre(re.sub("ing$", "e" if verb == "messaging" else "", verb))
    return "reply" if re.match("repl|respon|answer", verb) else ""


_CHANGED = re.compile(
    r"(?:.*\bask(?:s|ed|ing)?(?: you| me| us)? to )?(?:(?P<verb>translat|summari[sz])(?:e|es|ing)"
    r"(?: (?:(?:.* )?(?:in)?to (?P<language>[A-Z]\w+)|(?:(?:a|the|my|our|any) "
    r")*(?P<object>[a-z]+s)|(?:an?|any|every|each) (?P<one>[a-z]+(?: [a-z]+)?)|.+))?)",
    re.I,
)


_ANY_TEXT = re.compile(rf"{GENRE}|texts?|documents?|passages?|pages?|paragraphs?|files?", re.I)
"""What can be summarized whatever it is about."""
_FOREIGN = frozenset(
    re.findall(r"\w+", "jede jeder jedes jeden alle allen meine meinen chaque mes cada mis ogni")
)
"""Words before a kind of text that has the same name in English."""


_KIND_WORD = (
    r"(?!(?:an?|the|my|our|your|to|for|of|and|or|in|on|with|about|at|from|by|me|us|you)\b)[\w'-]+"
)
_TREATING = (
    r"(?:explain|discuss|describ|mention|review|read|repl|answer|respond|check|edit|correct|"
    r"translat|summari|talk|speak|deal|giv|ask|want|need|send|get|receiv)(?:e|s|es|y|ing)?"
)
"""What is done with a text, and is no kind of it: "explaining tax letters"."""
_TWO_WORDS = rf"(?!{_TREATING}\b){_KIND_WORD} {_KIND_WORD}"
"""What kind of text it is in two words: "job rejection"."""


def _read_task(text: str) -> Situation | None:
    if changed := _CHANGED.fullmatch(text):
        if changed["verb"].startswith("summar"):
            one = (changed["one"] or "").lower()
            is_subject = one and not _ANY_TEXT.fullmatch(one)
            many = list_plurals(one)[0] if is_subject else ""
            return Situation("task", "summary", topic=changed["object"] or many)
        return Situation("task", f"{changed['language'] or ''} translation".strip())
    made = re.fullmatch(
        rf"(?:.*\bask(?:s|ed|ing)?(?: you| me| us)? (?:for|to (?:write|make|draft|compose)) |"
        r"(?:.*\b)?(?:wants?|needs?|would like|requests?) (?=an? |some )|"
        rf"(?:writing|write|sending|send|drafting|composing|making|telling|giving|creating|doing|"
        rf"{_GIVEN}) )?{_OWNER}(?:(?P<kind>[\w'-]+|{_TWO_WORDS}) )??(?P<genre>{GENRE})(?: of "
        rf"(?!more |less |all |any |every )(?:(?:an?|the|my|our) )?(?P<object>[a-z]+(?: [a-z]+)?)| "
        rf"{_ABOUT} (?P<topic>.+)| (?P<doing>[a-z]+ing "
        r"(?:an?|the|my|our|people|customers|applicants) .+))?",
        text,
        re.I,
    )
    if made is None or name_genre(made["genre"]) == "reply":
        return None
    kind = made["kind"] or to_singular(made["object"] or "")
    if kind.lower() in _FOREIGN or (" " in kind and _FINITE.search(kind)):
        return None
    name = f"{kind} {made['genre']}" if kind else made["genre"]
    genre = name_genre(made["genre"])
    if " " in genre:
        genre = f"{kind} {genre}".strip()
    elif " " in name:
        genre = to_singular(name)
    return Situation("task", genre, topic=made["topic"] or made["doing"] or "")


_SOMEBODY = (
    r"(?:(?:an?|the|my|our|any|some) )?(?:someone|somebody|anyone|anybody|everyone|everybody|"
    r"people|users?|customers?|clients?|guests?|visitors?|callers?|they|he|she|I|you|we)"
)
_WORDINGS_OF_TEXTS: Wordings = [
    (
        re.compile(
            rf"^{_SOMEBODY} (?:wants?|needs?|would like|asks? for|asks? to have|have|has|get|gets) "
            r"(?:something|anything|texts?|an? [a-z]+) (?:to be )?(?:(summari[sz])|translat)ed$",
            re.I,
        ),
        lambda done: "summaries" if done[1] else "translations",
    ),
    (re.compile(rf"^(?:it|this|that) is (?=(?:an?|the|my|our) {GENRE}\b)", re.I), ""),
    (re.compile(r"^(?:any|every)thing that is (?=an? )", re.I), ""),
    (re.compile(_ANYTHING, re.I), "writing "),
    (
        re.compile(
            rf"^(?:(?:I|we) ask(?:ed)?(?: you)? for|{_SOMEBODY} (?:needs?|wants?|would like)) "
            rf"(?=(?:an? |the |some )?{GENRE} (?:to|for) )",
            re.I,
        ),
        "writing ",
    ),
    # the first lookahead fails far sooner than the names of all kinds
    (re.compile(rf"^(?=.* {_YOU_WRITE})(.*?{GENRE}) {_YOU_WRITE}", re.I), r"\1"),
    (
        re.compile(rf"^(?:writing )?({_OWNER}(?:[a-z-]+ )?{GENRE}) (?:to|for) {_ANYBODY}$", re.I),
        r"\1",
    ),
    (
        re.compile(rf"^(?P<verb>[a-z-]+ing) {_ANYBODY}$", re.I),
        lambda sent: _TEXTS_OF_VERB.get(sent["verb"].lower(), sent[0]),
    ),
    (
        re.compile(
            r"^((?:(?:I|you|we) )?(?:writ|draft|send|text|e-?mail|messag|repl|compos).*) "
            r"(?:for|on behalf of) (?:me|us)$"
        ),
        r"\1",
    ),
    (re.compile(rf"^{_IT_IS_FOR} (?=(?:{_PLATFORMS})$)", re.I), ""),
]
"""How a text is named, and its usual words: "anything addressed to Tom" is "writing to Tom"."""
_WORDINGS_OF_WRITING: Wordings = [
    (re.compile(r"^to (?=\w)", re.I), "writing to "),
    (
        re.compile(
            rf"^{_OWNER}(?:conversations?|talks|discussions?|correspondence) (?:with|to) ",
            re.I,
        ),
        "talking to ",
    ),
    (re.compile(rf"^{GENRE} (?:and|or) {GENRE} (?=(?:to|for) )", re.I), "writing "),
    (
        re.compile(rf"^(?=.* on (?:{_PLATFORMS})\b)(.*?)\b({GENRE}) on ({_PLATFORMS})\b", re.I),
        r"\1\3 \2",
    ),
]
_SENDS = re.compile(
    rf"(?P<who>(?i:{_ANYBODY})|{PERSON}) (?:(?:texts?|e-?mails?|messages?|writes?)"
    r"(?: to)?(?: (?:me|us|in|back))?|(?:sends?|writes?) (?:me|us) an? "
    r"(?:text|e-?mail|message|letter|note))"
)
"""Who writes to the speaker, gets a reply: "if Anna texts me"."""
_ASKED_AGAIN = (
    rf",? (or|and) (?:(?:if|when(?:ever)?) )?(?:(?:{_SOMEBODY} )?(?:(?:am|are|is) )?"
    r"ask(?:s|ed|ing)?(?: you| me| us)? )?"
)
_SECOND_CLAUSE = re.compile(
    r" (?:and|or|but) (?:(?:also|then|only|just) )*(?:when(?:ever)?\b|if\b|while\b|about\b|"
    rf"(?:(?:it|the [a-z]+|{_SOMEBODY}) )?(?:(?:is|are|am|was|were|has|have|had|does|do)(?: |n't)|"
    r"(?:wants?|needs?|asks?|asked|mentions?|says?|complains?|sounds?|seems?|feels?) (?:an?|the|"
    r"to|about|for|that|in|if|whether|my|our|their|his|her|me|us|you)\b))",
    re.I,
)
"""A condition beside the first one: "taxes, or when asked about wills"."""


_SECOND_TEXTS = re.compile(
    rf"\b{GENRE}(?: (?:I|you|we) [a-z]+)? (?:to|for) .+ (?:which |"
    rf"(?:and|or) (?:(?:in|for|with|when) )?(?:(?:the|my|our|all) )*(?:ones|those|{GENRE}) "
    r"(?:to|for|I|we|you) )",
    re.I,
)
"""More about texts to somebody: "emails to Anna or the ones to Bob", "to Anna which are long"."""
_SAME_TEXTS = re.compile(
    rf"(?P<first>\b(?P<genre>{GENRE}) (?:to|for) [\w'’. -]+?),? (?P<join>and|or) (?:in )?"
    r"(?:(?:all|any|the|my|our) )*(?P=genre) (?:to|for) ",
    re.I,
)
"""The same kind of text to somebody else: "emails to my boss and in emails to my team"."""
_TRANSLATED_TO = re.compile(
    r"(?P<what>\b[Tt]ranslat\w+(?: (?!for\b)[a-z]+){0,3}) to (?=(?:English|German|French|Spanish|"
    r"Italian|Portuguese|Dutch|Swedish|Danish|Norwegian|Finnish|Polish|Czech|Turkish|Russian|"
    r"Ukrainian|Greek|Latin|Arabic|Hebrew|Hindi|Chinese|Japanese|Korean|Thai)"
    r"(?:$|[,.;]| (?:and|or|for|in)\b))"
)
"""A language, and nobody who is written to: "translating to German"."""
_ANSWERS_TO = re.compile(
    r"^(?:in )?(?:your |my |our |the |all |any )*(?:answers|repl(?:y|ies)|responses?) to "
    r"(?=(?:(?!(?:with|without|about|and|or|who|from|asking|full|on|no)\b)(?-i:[a-z/-]+) ){0,3}"
    r"questions?\b(?! from\b))",
    re.I,
)
"""What is before the questions that are meant: "your answers to questions about history"."""
_QUESTIONS_FROM = re.compile(
    r"(?<=\bto )(?:questions?|inquir(?:y|ies)|enquir(?:y|ies)|requests?|messages?) from "
    r"(?=(?:(?:my|our) [a-z]+|clients|customers|users|guests|readers|patients|students|"
    r"(?-i:[A-Z])\w+)$)",
    re.I,
)
"""What somebody sends who is answered: "replies to questions from clients"."""
_PART_OF_EMAILS = re.compile(
    r"(?:(?<=subject line)|(?<=subject lines)) (?:for|of|in) (?:an? |my |our |all |the |any )?"
    r"(?:(?:e-?mails?|messages?|newsletters?)(?P<to> (?:to|for)(?= ))|(?:e-?mails?|messages?)$)",
    re.I,
)
"""Texts of which a subject line is a part: "subject lines for emails to Kim" are to Kim."""
_WHO = r"(?:(?:my|our|the|an?) [\w-]+(?: [A-ZÀ-Þ]\w+)?|[A-ZÀ-Þ]\w+|[a-z-]+s)"
_SAME_TEXTS_FIRST = re.compile(
    rf"^(?P<first>(?i:in|for|with) (?P<genre>(?i:{GENRE})) (?:to|for) {_WHO}),? (?P<join>and|or) "
    rf"(?:in|for|with) (?P=genre) (?:to|for) (?={_WHO}\b)"
)
_PART_OF_TEXTS = re.compile(
    r"(?:in )?(?:the |each |every )*(?:very )?(?:first|second|third|last|opening|closing|final|"
    r"middle) (?:line|sentence|paragraph|word|part|half|section|letter)s?(?: (?:of|in) |$)",
    re.I,
)
"""Where in an answer something is: "the last paragraph of reports" is no topic."""
_PLACE_IN_ANSWER = re.compile(
    rf"{_OWNER}(?:(?:very )?(?:first|second|third|last|opening|closing|final|middle) (?:line|"
    r"sentence|paragraph|word|part|half|section|letter|answer|reply|response|message)s?|"
    r"(?:beginning|start|middle|end|title|(?:sub-?)?headings?|headers?|footer|introduction|"
    r"intro|opening|closing|ending|postscript|footnotes?|tables?|code blocks?|bullets|"
    r"bullet points?)|"
    r"(?:every|each|all|any) (?:single )?(?:sentences?|paragraphs?|lines?)|"
    r"(?:(?:square|round|curly) )?(?:brackets|parentheses)|(?:(?:single|double) )?"
    r"(?:quotation marks|quote marks)|italics|bold|capitals|capital letters)",
    re.I,
)


def is_place_in_answer(text: str) -> bool:
    """Return whether what follows "in" is a place in the answer, and no condition: "brackets"."""
    return _PLACE_IN_ANSWER.fullmatch(text.strip()) is not None


_EMPTY_NOUN = (
    r"(?:(?:different|other|of (?:the|these)) )*(?:things?|items?|options?|examples?|points?|"
    r"facts?|names?|ideas?|reasons?|elements?|entries|parts?|choices?|steps?|ones?)"
)
_NO_TOPIC = re.compile(
    r"(?:it|this|that|them|these|those|ones?|something else|anything else|"
    r"requests?|(?:most|many|some|certain|rare|such) cases|an? (?:hurry|rush|(?:good|bad) mood))",
    re.I,
)
_NO_SUBJECT = re.compile(
    r"(?:really |still )*(?:in (?:any )?doubt|unsure|uncertain|not (?:sure|certain)|relevant|"
    r"applicable|suitable|fitting|useful|helpful|"
    r"(?:you (?:are )?)?ask(?:ing)? for (?:some|any)thing)",
    re.I,
)
"""What follows "when" and "if", and names nothing that is asked about: "in doubt". Who is asking
for something is the model; "asked for something" are those who ask.
"""
_AMOUNT = re.compile(
    rf"(?:(?:more|fewer|less) than {NUMBER} .+|{NUMBER} or more .+|"
    rf"(?:at least |at most |up to |over )?{NUMBER}(?: {_EMPTY_NOUN})?|"
    rf"(?:a few|several|many|multiple|various|some) {_EMPTY_NOUN})",
    re.I,
)


_NAMES = re.compile(
    r"(?:when(?:ever)? )?(?:(?:you|I|we) )?(?:nam|list|giv|mention|quot|stat|show|recommend|"
    r"suggest)(?:e|ing)?\b",
    re.I,
)
"""What an answer does, which no request tells."""


def names_nothing(scope: str) -> bool:
    """Return whether a scope does not say what is asked about: "asked for it", "in doubt", "more
    than two things".
    """
    if _NO_SUBJECT.fullmatch(scope.strip()):
        return True
    situation = read_situation(scope)
    forms = (_NO_TOPIC, _AMOUNT) if _NAMES.match(scope) else (_NO_TOPIC,)
    return situation.kind == "about" and any(form.fullmatch(situation.topic) for form in forms)


def _join_topics(text: str) -> str:
    """Return "asked about taxes, or about wills" as "asked about taxes or wills"."""
    for word in ("about", "for"):
        first, *rest = re.split(rf"(?<=\b{word} )", text, maxsplit=1)
        text = first + re.sub(rf"{_ASKED_AGAIN}{word} ", r" \1 ", "".join(rest), flags=re.I)
    return text


def join_same_texts(rule: str) -> str:
    """Return "In emails to my boss and in emails to my team be brief." as one condition: "In emails
    to my boss and to my team be brief.".
    """
    return _SAME_TEXTS_FIRST.sub(r"\g<first> \g<join> to ", rule)


_A_GENRE = rf"{_OWNER}(?:[a-z-]+ )?{GENRE}"
_GENRES = re.compile(
    rf"(?:(?:writing|drafting|composing) )?(?P<genres>{_A_GENRE}(?:, {_A_GENRE})*,? (?:and|or) "
    rf"{_A_GENRE})(?P<about> {_ABOUT} .+)?",
    re.I,
)


def _read_several_tasks(text: str) -> Situation | None:
    """Return the situation of "toasts and speeches": texts of any of these kinds."""
    match = _GENRES.fullmatch(text)
    if match is None:
        return None
    named = re.split(r",? (?:and|or) |, ", match["genres"])
    found = [_read_task(f"{genre}{match['about'] or ''}") for genre in named]
    tasks = [task for task in found if task]
    if len(tasks) < len(found):
        return None
    return Situation("task", " or ".join(task.genre for task in tasks), topic=tasks[-1].topic)


_PREMISES = (
    r"(?:shops?|stores?|offices?|restaurant|hotel|caf[eé]|bakery|clinic|practice|business|company|"
    r"venue|salon|gym|library|museum|church|school|farm|party|wedding|meeting|event)"
)
"""What has an address."""
_ASKED_CLAUSES = [
    (re.compile(rf"(?:.*\b)?ask(?:s|ed|ing)?(?: you| me| us)? {clause}", re.I), topic)
    for clause, topic in (
        (
            r"where (?:(?:we|you) (?:are|live)(?: located)?|(?:our|your|the) "
            rf"(?:[a-z]+ )?{_PREMISES} (?:is|are)(?: located)?)",
            "address",
        ),
        (
            r"(?:when|(?:at|until) what time|what time|how long) (?:we|you) (?:are )?"
            r"(?:open|close)d?",
            "opening hours",
        ),
        (
            r"(?:when|(?:at|until) what time|what time) (?:our|your|the) "
            rf"{_PREMISES} (?:is |are )?(?:open|close)[sd]?",
            "opening hours",
        ),
        (
            r"(?:when|(?:at|until) what time|what time) (?:our|your|the) "
            r"(?P<place>[a-z-]+) (?:is |are )?(?:open|close)[sd]?",
            "opening hours of the",
        ),
        (r"(?:how much .+ (?:costs?|is|are)|what .+ costs?)", "prices"),
        (r"(?:if|whether) (?:we|you|the [a-z]+) (?:are|is) (?:still )?open", "opening hours"),
    )
] + [
    (re.compile(rf"(?:{_SOMEBODY} )?{does}", re.I), topic)
    for does, topic in (
        (
            r"(?:complains?|(?:is|are) complaining|(?:has|have|makes?|files?) (?:a )?complaints?)"
            r"(?: to (?:me|us))?",
            "complaints",
        ),
        (r"(?:cancels?|wants? to cancel)", "cancellations"),
    )
]
"""Questions that stand for a topic."""


_ASK = r"(?:.*\b)?(?:ask(?:s|ed|ing)?|want(?:s|ed)? to know|wonder(?:s|ed|ing)?)(?: you)?"
_ASKS_PRICE = re.compile(
    rf"{_ASK}(?: me| us)? (?:(?:how much|what) (?:(?:the|our|your|an?|one) )?(?P<thing>(?!(?:it|"
    r"this|that|these|those|they|we|you|I|he|she|(?:some|any|every)thing|things|stuff|all|the|of|"
    r"to)\b)[a-z-]+(?: (?!(?:and|or|to|of|for|in|on|at|with)\b)[a-z-]+)?) costs?|how much "
    r"(?:(?:the|our|your|an?) )(?P<named>[a-z-]+(?: [a-z-]+)?) (?:is|are))",
    re.I,
)
"""What costs something: "asks how much the tour costs"."""
_SELF_CLAUSES = [
    (re.compile(rf"{_ASK} (?:{clause})", re.I), topic)
    for clause, topic in (
        (
            r"(?:who|what) (?:you are(?: called| named)?|your name is)|how you are called|"
            r"(?:(?:for|about) )?your name|to introduce yourself",
            "your name",
        ),
        (
            rf"(?:who|which company|what company) (?:has |had )?{MADE} you|who your "
            r"(?:maker|creator|developer)s? "
            r"(?:is|are)|about your (?:maker|creator|developer|origin)s?|"
            r"(?:where|who) you (?:come|are) from|by whom you were "
            rf"{MADE}",
            "your maker",
        ),
        (
            r"(?:if|whether) (?:you are|you're) (?:an? )?(?:[a-z]+ )?(?:human|person|robot|bot|"
            r"chatbot|machine|AI|computer|real|alive)(?: (?:or|being|person|at all)\b.*)?|(?:if|"
            r"whether) you (?:(?:can )?(?:really )?(?:feel|think)(?: (?:pain|anything|emotions|"
            r"things|for yourself))?|(?:can |ever )?(?:sleep|dream)|are conscious|have (?:any |"
            r"real )?(?:feelings|emotions|a body|a soul))",
            "being human",
        ),
        (
            r"about (?:you|yourself|your life|your background)|(?:who|what) you really are",
            "your life",
        ),
        (
            r"(?:what you did (?:before|earlier|in the past).*|what you used to (?:do|be)|"
            r"(?:about |for )?your (?:past|career|earlier life|former (?:job|life)|previous "
            r"(?:job|life)))",
            "your past",
        ),
        (
            r"(?:about |for |what |which )?your favou?rite (?P<favorite>[a-z' -]+?)(?: is| are)?|"
            r"(?:what|which) (?P<liked>[a-z]+) you (?:like|love|prefer)(?: (?:best|most))?",
            "your favorite",
        ),
        (
            r"(?:about |for )?(?:where you live|your home(?: ?town)?|where your home is)",
            "your home",
        ),
        (
            r"(?:about |for )?(?:your (?:job|profession|work)|what you do(?: for a living)?)",
            "your job",
        ),
        (
            r"(?:about |for )?(?:your (?:hobby|hobbies)|what you (?:like|enjoy) (?:to do|doing).*|"
            r"what you do in your (?:free|spare) time)",
            "your hobbies",
        ),
        (r"what you (?:like|love) (?:to eat|eating)", "your favorite food"),
        (
            r"how you (?:are|feel)(?: today| doing)?|how you are doing|(?:about )?your feelings",
            "your feelings",
        ),
        (
            r"(?:about |for )?(?:your (?:family|parents|siblings)|if you have a family)",
            "your family",
        ),
        (
            r"(?:which|what|how many) languages you (?:speak|know)|(?:about )?your languages",
            "your languages",
        ),
        (
            r"how old you are|(?:(?:for|about) )?your age|when you were (?:born|made|created|built|"
            r"trained)|when your birthday is|about your birthday",
            "your age",
        ),
    )
]
"""Questions to the model about itself, each with its topic."""


_SELF_TOPICS = frozenset(topic for _, topic in _SELF_CLAUSES)
"""What a rule may say of the model itself; after "your favorite" it names what."""


_OWN_TOPIC = re.compile(
    r"your (?:favou?rite .+|birthday|pets?|hobby|hobbies|job|profession|career|home ?town|family|"
    r"childhood|nationality)",
    re.I,
)


def has_known_requests(topic: str) -> bool:
    """Return whether a topic is something that the model is asked about itself, or a kind of
    message: its requests have worked forms of their own.
    """
    is_own = topic in _SELF_TOPICS or _OWN_TOPIC.fullmatch(topic) is not None
    return is_own or is_message_kind(topic)


_ASKED_NOUN = re.compile(
    r"(?:.*\b)?(?:ask(?:s|ed|ing)?|wonders?|wants? to know|inquires?)(?: you| me| us)? "
    r"(?:where|what|who|which|how (?:much|big|old|long|far|many)) (?:(?:is|are) )?"
    r"(?:the|our|your|my) (?P<topic>(?!\w+ (?:for|of|to)\b)[\w-]+(?: [\w-]+)?)(?<! is)(?<! are)"
    r"(?: (?:is|are|costs?|means?|works?))?(?: located| called)?",
    re.I,
)
_ASKED_FACT = re.compile(
    r"(?:.*\b)?(?:ask(?:s|ed|ing)?|wonders?|wants? to know)(?: you| me| us)? "
    r"(?P<topic>(?:who|when|why|how|where|what) [a-z]+(?:ed|s) (?:the|our|your|this) .+)",
    re.I,
)
_ASKED_TIME = re.compile(
    r"(?:.*\b)?(?:ask(?:s|ed|ing)?|wonders?|wants? to know)(?: you| me| us)? "
    r"(?:when|(?:at |from )?what time) (?:the |our |your |my )?"
    r"(?P<topic>(?!(?:you|we|i|they|it|he|she|somebody|someone|to)\b)[a-z-]+(?: [a-z-]+)?) "
    r"(?:is|are|starts?|begins?|ends?|(?:is|are) (?:served|over|due))",
    re.I,
)
"""When something takes place: "asks what time breakfast is"."""
_KNOWN_NOUN = re.compile(
    r"(?:.*\b)?(?:wants?|needs?|would like) to know (?:about )?(?:the |our |your |my |an? )?"
    r"(?P<topic>(?!(?:if|whether|how|what|when|where|who|why|which|that|more|about)\b)"
    r"[\w-]+(?: [\w-]+){0,4})",
    re.I,
)
_WANTED_NOUN = re.compile(
    r"(?:.*\b)?(?:wants?|needs?|requests?|would like|is looking for|are looking for) "
    r"(?:an?|some|their|the|our) (?P<topic>(?!.*\b(?:answer|reply|response|opinion|question|minute|"
    r"friend|favou?r)s?\b)[a-z-]+(?: [a-z-]+)?)",
    re.I,
)


_WHETHER = re.compile(
    rf"{_ASK} (?:if|whether) (?:we|you|they|the [a-z]+)(?: can| could| will| would| should| "
    r"may| must| ought to| need to| have to| also| ever)* (?P<verb>(?!(?:are|is|were|was|do|does|"
    r"did|have to|know|think|like|want|need|mind|feel)\b)[a-z]+)(?P<rest> .+)?",
    re.I,
)
_WHETHER_OPEN = re.compile(
    rf"{_ASK} (?:if|whether) (?:we|you|they|the [a-z]+) (?:are|is) (?:also |ever |still )*"
    r"(?P<state>open|closed)(?P<rest> (?:on|at|in|over|during|late|every|all)\b.*)",
    re.I,
)
"""A question about days: "whether we are open on Sundays"."""
_WHETHER_ALLOWED = re.compile(
    rf"{_ASK} (?:if|whether) (?:the |our |your )?"
    r"(?P<topic>(?!(?:we|you|they|it|he|she|i|there|this|that|everything|something|"
    r"anything)\b)[a-z-]+(?: [a-z-]+)?) (?:is|are) (?:also |ever |still )*(?:allowed|permitted|"
    r"welcome|included|available|accepted|provided)(?: .+)?",
    re.I,
)
"""A question about something: "whether dogs are allowed"."""
_WANTS_TO = re.compile(
    r"(?:.*\b)?(?:wants?|needs?|would like|tries|tr(?:y|ying)) to (?P<verb>(?!(?:know|ask|talk|"
    r"speak|be|write|text|e-?mail|message)\b)[a-z]+)(?P<rest> .+)?",
    re.I,
)
_SOMEBODY_WHO = (
    rf"(?:{_SOMEBODY}|(?:an?|the|any|some|my|our|another) "
    r"(?!(?:answers?|texts?|sentences?|questions?|repl(?:y|ies)|words?|letters?|prices?|titles?|"
    r"recipes?|stor(?:y|ies)|e-?mails?|poems?|messages?|lists?|tables?|dogs?|cats?)\b)[a-z]+(?: "
    r"(?!ask|want|need|report)[a-z]+)?)"
)
_ASKS = r"(?:asks?|wants? to know|wonders?|[ei]nquires?)(?: you| me| us)?"
_NOUN = r"(?:an? |the )?(?!(?:it|this|that|they|we|you|I)\b)[a-z]+(?: [a-z]+)?"
_ITS = r"(?:an?|the|their|his|her|my|our)"
_NOTHING_NAMED = r"(?!(?:.* )?(?:some|any|every|no)thing\b)"
_UNDERTAKEN = {
    form: to_gerund(verb)
    for verb in re.findall(
        r"[a-z]+",
        "plan buy visit cook bake rent renovate learn study install repair fix choose sell "
        "organize "
        "host celebrate adopt grow plant hike book order paint build pack wash move travel train "
        "prepare apply forget lose miss break cancel return change reset upgrade switch clean "
        "drive",
    )
    for form in (verb, f"{verb}s", f"{verb}es", to_gerund(verb))
} | {"applies": "applying", "studies": "studying"}
"""What people do that they ask about: each form of a verb with its gerund."""
_CLAUSES_OF_SOMEBODY = [
    re.compile(rf"{_NOTHING_NAMED}{_SOMEBODY_WHO} {does}", re.I)
    for does in (
        rf"{_ASKS} (?:(?:how|where|when) )?to (?P<verb>(?!(?:be|have|do|make|talk|speak|answer|"
        r"reply|write|stop|help|know)\b)[a-z]+)(?P<rest> .+)?",
        rf"{_ASKS} how (?:much|many)(?: of)? (?P<topic>{_NOUN}) to [a-z]+",
        rf"{_ASKS} (?:what|which) (?P<topic>[a-z]+) to [a-z]+.*",
        rf"{_ASKS} what (?:is|was|will be) (?:in|on) (?P<topic>(?:the|our|your|my) .+)",
        r"(?:wants?|needs?|requests?|would like|(?:is|are) looking for|reports?|mentions?) "
        r"(?P<topic>(?!(?:to|help|more|one|it|this|that|you|me|us|him|her|them)\b|.*(?:\bcompared|"
        r"\b(?:answers?(?! to)|(?:reply|response|opinion|question|minute|friend|favou?r)s?))\b)"
        r"[a-z].+)",
        r"says? (?:that )?(?:they|he|she) (?:have|has|had) (?P<topic>.+)",
        r"(?:has|have) (?P<done>lost|broken|forgotten|missed|damaged|misplaced|spilled|cancell?ed|"
        rf"booked|ordered|bought|returned|received|paid) {_ITS} (?P<topic>[a-z-]+(?: [a-z-]+)?)",
        r"(?:is|are) (?:worried|concerned|confused|interested|annoyed|upset|excited|stressed|"
        r"scared|disappointed|frustrated) (?:about|by|over|in) "
        r"(?P<topic>(?!(?:it|this|that|me|us|you)\b).+)",
        rf"(?:is |are )?(?P<undertaken>{'|'.join(_UNDERTAKEN)})(?P<rest> .+)",
        r"(?:has|have|suffers? from|struggles? with) (?!(?:(?:an?|the|their|his|her|some|any) "
        r")?(?:questions?|problems?|ideas?|requests?|doubts?|to|been|not|no|it|this|one|more|just|"
        r"already|always|ever|time|left|gone|come|done|lost|bought|read|seen|made|sent|had|got|"
        r"won|found|[a-z]+ed)\b)(?:(?:an?|the|their|his|her) )?(?P<topic>[a-z-]+(?: [a-z-]+){0,3})",
    )
]
"""What somebody does or says: "a traveler reports a lost bag", "a shopper has lost the receipt"."""
_COMES_UP = re.compile(
    r"(?P<topic>(?!(?:it|this|that|something|anything|a (?:question|problem))\b)[\w' -]+?) "
    r"(?:comes? up|(?:is|are) (?:mentioned|asked (?:for|about)|discussed|brought up|requested|the "
    r"topic))",
    re.I,
)
"""What is talked about: "ticket prices are asked for"."""
_OWN_ACTION = re.compile(
    rf"{_NOTHING_NAMED}(?:I|we) (?P<verb>decline|accept|cancel|refuse|order|book|apply|"
    r"resign|return|turn down)(?P<rest> (?!(?:you|me|us)\b).+)",
    re.I,
)
"""What the speaker does by a text: "I decline an invitation"."""
_OFFERS = frozenset({"have", "has", "offer", "sell", "provide", "accept", "take", "serve"})
"""Verbs whose object is what is asked about: "whether we have gift cards"."""


def _name_action(match: re.Match[str]) -> str:
    """Return what somebody does as a topic: "ship abroad" -> "shipping abroad"."""
    verb, rest = to_singular(match["verb"].lower()), match["rest"] or ""
    if verb in _OFFERS and rest:
        return _DETERMINER.sub("", rest.strip())
    return f"{to_gerund(verb)}{rest}"


def _name_happening(parts: dict[str, str | None]) -> str:
    """Return what somebody does or asks as a topic: "where to park" -> "parking", "has lost the
    receipt" -> "lost receipt".
    """
    if verb := parts.get("verb"):
        return f"{to_gerund(verb)}{parts['rest'] or ''}"
    if undertaken := parts.get("undertaken"):
        return f"{_UNDERTAKEN[undertaken.lower()]}{parts['rest']}"
    done, topic = parts.get("done"), parts["topic"] or ""
    return f"{done} {topic}" if done else topic


def names_topic(scope: str) -> bool:
    """Return whether a scope says what is asked about or mentioned in a noun."""
    text = re.sub(r"^(?:when|whenever|if) ", "", scope, flags=re.I)
    forms = (_ASKED, *_TOPIC_FORMS)
    return any(form.fullmatch(text) for form in forms) or _read_plain(text) is not None


def _read_topic(text: str) -> Situation | None:
    if kind := read_message_kind(text):
        return Situation("about", topic=kind)
    if match := _ASKS_PRICE.fullmatch(text):
        *before, noun = (match["thing"] or match["named"]).split()
        return Situation("about", topic=" ".join([*before, to_singular(noun), "prices"]))
    for clause, topic in (*_SELF_CLAUSES, *_ASKED_CLAUSES):
        if match := clause.fullmatch(text):
            named = next(filter(None, match.groupdict().values()), "")
            return Situation("about", topic=f"{topic} {named}".strip())
    for form in (
        _ASKED,
        *_TOPIC_FORMS,
        _ASKED_NOUN,
        _ASKED_FACT,
        _ASKED_TIME,
        _KNOWN_NOUN,
        _WANTED_NOUN,
        _WHETHER_ALLOWED,
    ):
        if match := form.fullmatch(text):
            topic = re.sub(r" (?:to|for) (?:me|us)$", "", match["topic"])
            return Situation("about", topic=topic)
    if match := _WHETHER_OPEN.fullmatch(text):
        state = "opening" if match["state"].lower() == "open" else "closing"
        return Situation("about", topic=f"{state}{match['rest']}")
    if match := _WHETHER.fullmatch(text) or _WANTS_TO.fullmatch(text):
        return Situation("about", topic=_name_action(match))
    for clause in _CLAUSES_OF_SOMEBODY:
        if match := clause.fullmatch(text):
            return Situation("about", topic=_name_happening(match.groupdict()))
    if match := _COMES_UP.fullmatch(text):
        return Situation("about", topic=match["topic"])
    if match := _OWN_ACTION.fullmatch(text):
        verb, *after = match["verb"].lower().split()
        return Situation("about", topic=" ".join([to_gerund(verb), *after]) + match["rest"])
    return None


def _read_other_language(text: str) -> Situation | None:
    """Return the situation of a German, French, Spanish or Italian scope."""
    found = read_other_scope(text)
    if found is None:
        return None
    if found.addressee:
        return Situation("writing", found.genre, found.addressee, (found.addressee,))
    return Situation("about", topic=found.topic) if found.topic else Situation("task", found.genre)


_SOMEBODY_DOES = re.compile(rf"{_SOMEBODY} \w", re.I)
"""Who does something: what follows is a verb, and no topic."""


_DETERMINER = re.compile(
    r"^(?:(?:the|an?|our|my|your|their|every|each|any|all|der|die|das|dem|den|les?|la|los|las|el) "
    r")+(?=\w)",
    re.I,
)


_ADJECTIVE = re.compile(r"[a-z]+(?:ic|ci|ti|on|nt|eg)al", re.I)


def name_topic(situation: Situation) -> str:
    """Return what the requests of a situation are about; "" where they are built of parts.

    "the opening hours" -> "opening hours", "legal" -> "legal matters"; a kind of text is named in
    the plural: "stories", "poems about cats". What the model is asked about itself keeps its
    "your".
    """
    if has_built_requests(situation):
        return ""
    genre = situation.genre
    genre = " or ".join(map(_pluralize, genre.split(" or "))) if genre else ""
    if genre:
        return f"{genre} about {situation.topic}" if situation.topic else genre
    if has_known_requests(situation.topic):
        return situation.topic
    topic = _DETERMINER.sub("", situation.topic).strip("\"'“”‘’")
    return f"{topic} matters" if _ADJECTIVE.fullmatch(topic) else topic


def _pluralize(genre: str) -> str:
    return list_plurals(genre)[0] if to_singular(genre) == genre else genre


def name_written_topic(situation: Situation) -> str:
    """Return what a text to somebody is about, if the rule names it ("groceries")."""
    return _DETERMINER.sub("", situation.topic) if situation.kind == "writing" else ""


def _read_plain(text: str) -> Situation | None:
    """Return the topic that a short phrase without a verb names."""
    if _SOMEBODY_DOES.match(text):
        return None
    if text and len(text.split()) <= 6 and not _FINITE.search(text):
        return Situation("about", topic=text)
    return None
