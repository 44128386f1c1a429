"""Split a rule into its scope (when it holds) and its effect (what an answer must do there)."""

from __future__ import annotations

import re
from functools import lru_cache

from selfteach.materials.rules.effects.effect_checks import LANGUAGES
from selfteach.materials.rules.effects.keyword_demand import list_keyword_demands
from selfteach.materials.rules.languages.other_languages import ScopedText, split_other_language
from selfteach.materials.rules.phrases import (
    AUDIENCE,
    MADE,
    OPEN_QUOTE,
    REPLIES,
    hide_quotes,
    show_quotes,
    straighten_quotes,
)
from selfteach.materials.rules.scopes.message_kinds import CLOSED_QUESTION, YES_OR_NO_QUESTION
from selfteach.materials.rules.scopes.situation import (
    GENRE,
    PERSON,
    is_answered_text,
    is_person,
    is_place_in_answer,
    names_no_person,
    read_situation,
    split_addressees,
)
from selfteach.materials.rules.scopes.text_kinds import read_asked_kind
from selfteach.number_words import NUMBER

_TOLD_FACT = (
    r"(?:we (?:need|have|are|open|close|charge|deliver|accept|offer|sell)|there (?:is|are))"
)
"""What begins no demand: "note that we need two days"."""
POLITE = re.compile(
    r"^(?:(?:please|kindly|hey|hi|hello|ok(?:ay)?|from now on|in (?:the )?future|so|also|remember "
    rf"to|remember that|remember|note that(?! {_TOLD_FACT})|"
    r"(?:can|could|would|will) you(?: please)?|i(?:'d| "
    r"would)? (?:want|like|need|prefer|expect)(?: for)? you to|i want that you|it is important "
    r"(?:to|that you)|you (?:must|should|shall|need to|have to|are to|ought to)(?! not)|make sure "
    r"(?:to|that you|you)|(?:make sure(?: that)?|see to it that)(?= (?:every|each|all|any|the|my) "
    r")|be sure to|try to|whatever (?:happens|you do)|(?:important|note|rule|reminder|"
    r"nb):?(?=[,:])|only(?= (?:(?:when|whenever|if|while) |in "
    rf"(?:(?:all|any|my|our|the) )*{GENRE}\b)))[,:]? )+",
    re.I,
)
"""Words before a rule that ask politely."""
_STRONG = (
    r"(?:never|always|do not|don't|please|make sure|be sure|you (?:must|should|may|can|are)|"
    r"i want you|try to|remember|no (?:more|longer|fewer)|only|kindly|avoid|refrain|stop)"
)
_VERBS = (
    r"(?:answer|reply|respond|write|use|say|stay|keep|be|include|mention|add|begin|start|open|end|"
    r"finish|close|conclude|sign|give|tell|speak|talk|make|call|refer|recommend|suggest|ask|sound|"
    r"act|rhyme|address|put|limit|explain|describe|provide|offer|replace|skip|omit|leave|let|"
    r"switch|stick|greet|thank|apologi[sz]e|warn|point|quote|cite|convert|translate|spell|format|"
    r"summari[sz]e|simplify|prefer|pretend|act|sound|invite|wish|encourage|compliment|insert|"
    r"sprinkle|drop|append|capitali[sz]e|decline|refuse|direct|redirect|send|show|list|name|state|"
    r"note|help|discuss|bring|go|get|have|has|choose|swap|substitute|shorten|cut|do|treat|express|"
    r"assume|remind|congratulate|advise|round|number|highlight|emphasi[sz]e|steer|change|check|"
    r"cheer|comfort|praise|joke|admit|repeat|restrict|hold|throw|toss|mind|focus|contain|pick|lead|"
    r"follow)"
)
_ADVERB = r"(?:(?:simply|just|politely|briefly|clearly|gently|also|then|kindly|first|ever) )*"
_SURE_VERBS = (
    r"(?:sound|act|rhyme|answer|reply|respond|write|use|say|stay|keep|be|include|mention|add|begin|"
    r"start|end|sign|give|tell|speak|talk|make|recommend|suggest|address|put|limit|explain|provide|"
    r"replace|skip|omit|leave out|switch|stick|throw|greet|thank|apologi[sz]e|refer|call|refuse|"
    r"decline|change the (?:subject|topic)|(?:show|warn|remind|ask|send|direct|point|offer|wish|"
    r"let|invite|list|advise|inform) (?:me|us|them|him|her)|number (?:the|each|every|all))"
)
_WISH = (
    r"(?:I|we)(?:(?:'d| would) (?:like|prefer)(?! (?:to|you|that|it)\b)|"
    rf" want(?= (?:an?|no|at|only|exactly|the|{NUMBER})\b| [\"'])| prefer(?= [\"']))"
)
"""A demand as a wish: "I'd like bullet points"."""
_EFFECT_START = re.compile(
    rf"(?:{_ADVERB}(?:{_STRONG}|{_VERBS})|{_WISH}|no|not|at most|at least|without|with|in|"
    r"(?:max(?:imum)?|under|fewer than|less than|more than|exactly)|"
    rf"{NUMBER} (?:words?|sentences?)|(?:the|your|each|every|its) {REPLIES} (?:must|shall|should|"
    r"has to|needs to|is to|begins|starts|ends|states)|the (?:very )?(?:first|last) (?:line|word|"
    r"sentence) (?:must|should|has to|is))(?: |[:,] |$)",
    re.I,
)
_BLOCKED = re.compile(
    r"(?:^|\b)(?:to|i|you|we|they|he|she|it|user|users|people|someone|somebody|anyone|anybody|"
    r"who|that|a|an|the|my|your|our|their|his|her|any|every|each|all|of|for|about|with|in|on|"
    r"from|by|at|can|could|will|would|should|must|may|and|or|not|customers?|clients?|guests?|"
    r"kids|children|no|some|this|these|people|me|us|is|are|was|were|be|being)$",
    re.I,
)
_PRONOUN = re.compile(r"\b(?:i|you|we|they|he|she|it|who|that|which|to)$", re.I)
_UNIVERSAL = re.compile(
    r"(?:(?:all |every |each |any |the |an? )?(?:single )?(?:of )?(?:your |my |the )?(?:own "
    r")?(?:answers?|repl(?:y|ies)|responses?|output|questions?|requests?|conversations?|chats?|"
    r"messages?|prompts?|topics?)(?: (?:that )?you (?:give|write|send|make))?|(?:always|"
    r"everywhere|everything|anything|possible|general|short|fact|addition|particular|brief|doubt|"
    r"future|now|example|once|all cases|any case|any way|necessary|needed|appropriate|you (?:can|"
    r"have to|must|need to|want to|like)|emphasis|clarity|brevity|instance)|(?:you(?: are)?|"
    r"you're|i am|i)? ?(?:answer(?:ing)?|respond(?:ing)?|reply(?:ing)?|write|writing|talk(?:ing)?|"
    r"speak(?:ing)?|ask you(?: something| anything| a question)?|ask(?:ed)?(?: something| "
    r"anything| a question)?)(?: to)?(?: me| the user| us| questions)?|me|us|you|the user|users|"
    r"anyone|anybody|everyone|everybody|someone|people|others|it|them|him|her|any (?:user|person)|"
    r"you (?:give|mention|write|state|use|need|show) (?:one|it|them))",
    re.I,
)
_PREFIX = re.compile(
    r"(?:and |but )?(?P<word>when(?:ever)?|if|in front of|in|for|on|while|during|as soon as|"
    r"each time|every time|any ?time|once|where|in case(?! of)|with(?: (?:regard|respect) to)?|"
    r"to|about|regarding|concerning|as for|as to|when it comes to|in case of|in terms of|"
    r"should) (?P<rest>.+)",
    re.I,
)
_SUFFIX_WHEN = re.compile(
    r"(?P<effect>.+?),? (?<!\babout )(?<!\bas )(?<!\beven )(?<!how or )(?<!know "
    r")(?P<word>when(?:ever)?|if|while|each time|every time|any ?time|as soon as) "
    r"(?P<scope>(?!(?:being|keeping|staying|avoiding|using|remaining|maintaining|making|ensuring|"
    r"not|still)\b)(?!to |possible|necessary|needed|you can\b).+)",
    re.I,
)
_TELLING = re.compile(
    r"(?:never |always |do not |don't |please |just |also )*(?:say|tell|ask|explain|mention|"
    r"state|know|check|see|decide|describe|note|admit|wonder|"
    r"learn|find out|show)(?: (?:me|us|the user|him|her|them|people))?",
    re.I,
)
_GENRE_TO = (
    rf"{GENRE}(?: (?:about|on) [^,]+?)? (?!to {NUMBER} (?:words?|characters?|lines?|sentences?|"
    r"paragraphs?|pages?)\b)"
    r"(?:to|for|with(?! [\"'])|about|of(?! (?:mine|yours|ours|any|all|this|that|these|those|such|"
    r"up|over|under|more|less|fewer|at (?:most|least)|about)\b)"
    rf"(?! (?:[a-z]+ )?{NUMBER}(?: or (?:more|fewer|less))? (?:words?|characters?|letters|lines?|"
    rf"sentences?|paragraphs?|pages?)\b)|addressed to|on|concerning)"
)
_MY = r"(?:(?:all|every|each|any|my|our|the|your|an?|business|work|formal|private|personal) )*"
_SUFFIX_IN = re.compile(
    rf"(?P<effect>.+?),? (?:in|on|for|throughout|within) (?P<scope>(?:all |any |every |each |my |"
    rf"our |your |the |an? )*(?:(?:questions?|{_GENRE_TO}|{GENRE} to) .+|requests? to {PERSON}))",
    re.I,
)
_BARE_GENRES = (
    r"(?:e-?mails?|text messages?|texts|letters|posts|tweets|recipes?|poems?|stories|summaries|"
    r"essays?|articles|speeches|songs|notes|memos|newsletters|announcements|reviews|reports|"
    r"(?:commit|error|status|thank-you|welcome|birthday|farewell|sympathy|get-well|christmas|"
    r"holiday|wedding|easter|new year['’]?s|anniversary|good (?:morning|night|evening|day)) "
    r"(?:messages|wishes|greetings)|good (?:morning|night) texts|"
    r"(?:lesson|business|project|meal|training|study) plans|"
    r"hand-?overs|drafts|captions|bug reports|release notes|user stories|(?:shopping|"
    r"to-?do|packing) lists|(?:python|java|javascript|sql|html|css|c|rust|go) code|sql queries|"
    r"queries|dialogues?|(?:chapter )?outlines|abstracts|agendas|jokes|invitations|toasts?|haikus?|"
    r"postcards?|applications?|adverts|ads|(?:ad|sales) copy|cards|descriptions|captions|"
    r"headlines|slogans|listings|bios|taglines|flyers|eulogies|obituaries|brochures|leaflets|"
    r"posters|menus|menu cards|manuals|"
    r"press releases|proposals|contracts|itineraries|bulletins|fables|fairy tales|riddles|"
    r"limericks|sonnets|check-?lists|translations|invoices|quizzes|briefings|lectures|explanations|"
    r"resumes|cvs|diary entries|dating profiles|(?:workout|fitness|travel|diet|exercise) plans|"
    r"(?:out-of-office|automatic) replies|group chats)"
)
_EACH_TEXT = rf"(?:every|each|any) (?!(?:answer|reply|response|message|text)\b)(?:[a-z-]+ )?{GENRE}"
"""One text of a kind: "every newsletter"."""
_NAMED_TEXT = (
    r"the (?!(?:first|last|same|previous|above|following|whole|entire|next|very|other)\b)[a-z-]+ "
    r"(?:newsletter|e-?mail|memo|announcement|bulletin|press release|invitation|flyer|brochure|"
    r"leaflet|post|briefing|report)"
)
"""One text with a name: "the morning newsletter"."""
_KINDS_OF_MESSAGE = (
    r"(?:(?:all|any|every|each|my|our|the) )*(?:complaints|apologies|rejections|condolences|"
    r"farewells|congratulations|refusals)"
)
"""Kinds of text that say what a text is for: "complaints"."""
_LETTER_CASE = r"(?:[a-z-]+ )?letters in (?:lower|upper|all caps|capital|block|small)"
_FOR_ME = (
    r"(?: (?:that |which )?(?:you|I|we) (?:write|draft|send|make|give|word|suggest|request|ask for|"
    r"want|need|create|compose|prepare|come up with|help (?:me |us )?with)"
    r"(?: (?:for )?(?:me|us)| (?:from|of) you)?)?"
)
_ANY_GENRE = rf"(?!{_LETTER_CASE}|me |us )(?:[a-z-]+ )?{_BARE_GENRES}{_FOR_ME}"
_SUFFIX_GENRE = re.compile(
    rf"(?P<effect>.+?),? (?:in|for|throughout|(?<!comment )(?<!focus )(?<!report )on(?= (?:all|"
    rf"our|my|the|any|every|each)\b)) (?P<scope>{_EACH_TEXT}|{_NAMED_TEXT}|"
    rf"{_KINDS_OF_MESSAGE}|(?:all |any |every |"
    rf"each |my |our |the )*(?!(?:capital|block|small|big|upper-?case|lower-?case|bold) )"
    rf"(?:[a-z-]+ ){{0,2}}{_BARE_GENRES})",
    re.I,
)
_CAPS = r"(?:caps|capitals?|(?:upper|lower)[- ]?case)\b"
_IN_CAPS = rf"in all {_CAPS}"
_IN_FORM = rf"in(?! (?:every|all(?! {_CAPS})|your|each|any)\b)"
"""The "in" of "in bullet points" and "in all caps", which is not that of "in all emails"."""
_ADVICE = re.compile(
    r"(?P<verb>(?:always )?give) (?P<scope>(?!no )[a-z]+ (?:advice|tips|answers|feedback)) "
    rf"(?P<tail>(?:like|as if|{_IN_FORM}|with|using|without|as|by)\b.*)",
    re.I,
)
"""How advice of a kind is given: "Give gym advice in all caps."."""
_SUFFIX_PROBLEMS = re.compile(
    r"(?P<effect>.+?),? (?:in|on|for|with) (?P<scope>(?!(?:all|any|every|each|your|my|the|these|"
    r"other|follow-?up)\b)[a-z]+ (?:questions|problems|topics|matters|issues|tasks|replies|"
    r"responses))",
    re.I,
)
_SUFFIX_ADDED = re.compile(
    r"(?P<effect>(?:always )?(?:add|append|attach|put) .+?),? (?:to|on|under|at the end of) "
    rf"(?P<scope>(?:(?:all|any|every|each|my|our) )*(?:{_GENRE_TO} .+|{_ANY_GENRE})|"
    rf"(?:(?:all|any|every|each|my|our) )+{GENRE})",
    re.I,
)
_SUFFIX_PLACED = re.compile(
    r"(?:always )?(?P<verb>add|append|put|place|write|include|ask|"
    r"(?:use|say|insert|(?:end|start|begin|open|close|finish) with)(?= [\"'])) "
    r"(?P<what>(?!(?:no|nothing)\b).+?) at the (?:very )?"
    r"(?P<edge>start|beginning|top|end|bottom) of (?P<scope>"
    rf"(?:(?:all|any|every|each|my|our) )*(?:(?:formal|informal|business|personal|official|private|"
    rf"long|short) )?(?:{_GENRE_TO} .+|{_ANY_GENRE})|"
    rf"(?:(?:all|any|every|each|my|our) )+(?!(?:answer|reply|response|message)s?$){GENRE})",
    re.I,
)
SECOND_SCOPE = re.compile(
    rf", (?:.+ )?(?:in|for|on|when) {_MY}(?:{_GENRE_TO} .+|{_ANY_GENRE})$|"
    rf", {_MY}(?:e-?mails|texts|messages|letters|posts|notes|cards) (?:to|for) .+",
    re.I,
)
"""A further condition in a scope: "Marie, German in emails to Hans"."""
_SUFFIX_WITH = re.compile(
    rf"(?P<effect>(?i:{_ADVERB}(?:{_STRONG}|{_VERBS})|no) .+?),? "
    rf"(?:with|around|towards?|in front of) (?P<scope>{PERSON})"
)
_RELATIONAL = re.compile(
    r"(?:(?:replace|compare|confuse|mix|mistake|associate|pair|combine|equate|conflate|"
    r"swap|substitute|exchange) .+|(?:start|begin|open|end|finish|close|sign|greet)(?: "
    r"(?:off|it|with|each|every|all|your|my|the|an?|any|(?:answer|repl|respons|message)(?:s|y|ies|"
    r"e|es)?))*|relation(?:ship)?s?|problems?|wars?|fights?|conflicts?|deals?|meetings?|"
    r"conversations?|interviews?|experiences?|life|work|working|dealing|contacts?|affairs?|living|"
    r"date|dates|start|begin|open|end|finish|close|answer|reply|sign|together|arguments?|issues?|"
    r"agreement)$",
    re.I,
)
_SUFFIX_TO = re.compile(
    r"(?P<effect>(?i:(?:never |always |do not |don't |only )?(?:be|stay|sound|act|speak|talk|"
    rf"write|lie|say|use)) .+?),? to (?P<scope>{PERSON})"
)
_SUFFIX_FOR = re.compile(
    r"(?P<effect>(?:(?:never|always|do not|don't|only) )?(?:use|give|keep|include|add|prefer|stick|"
    r"switch|provide|stay|be|no|avoid|write|put|choose) .+?),? for (?P<scope>.+)",
    re.I,
)
_TEXTUAL = re.compile(
    r"[\"']|\b(?:emphasis|numbers?|titles?|names?|headings?|keywords?|words?|dates?|times?|units?|"
    r"measurements?|readability|clarity|consistency|simplicity|safety|convenience|effect|variety|"
    r"fun|laughs?|change|start|reference|currency|currencies|quotes|quotations?|lists?|code|"
    r"terms?|sentences?|paragraphs?|steps?|items?|examples?|every|each|all|me|us|minute|moment|"
    r"now|this|that|it|them|good|sure|you)\b|"
    r"^(?:(?:the|any|your) )*(?:sections?|bullets?|bullet points?|acronyms?|abbreviations?|"
    r"commands?|ranges?)$",
    re.I,
)
_MIDDLE = re.compile(
    rf"(?P<verb>(?:always |never |only |do not |don't )?(?:keep|make|write|answer|give(?: me| "
    rf"us)?|present|format|provide|deliver|reply to|respond to|sign(?: off)?|end|begin|start|open|"
    rf"finish|close|limit)) (?P<scope>{_EACH_TEXT}|{_MY}(?:(?:{_GENRE_TO}|questions? (?:about|"
    rf"on)) .+?|{_ANY_GENRE})) (?P<tail>(?:in|with|under|below|within|at most|at least|exactly|"
    rf"between|(?:no |not )?(?:longer|shorter) than|no more than|using|without|as|like|"
    rf"(?:starting|beginning|ending) with|to at most|to (?:a single\b|(?={NUMBER}\b))|up to|short|"
    rf"brief|formal|polite|friendly|concise|briefly|politely|formally|by(?! (?-i:[A-Z])))\b.*)",
    re.I,
)
_SUBJECT = re.compile(
    rf"(?P<scope>{_EACH_TEXT}|{_MY}(?:(?:{_GENRE_TO}|questions? (?:about|on)) .+?|{_ANY_GENRE})) "
    rf"(?:(?:should|must|shall|need to|has to|have to|are to|is to|ought to|may|can) (?P<not>not "
    rf")?(?:(?P<be>always|never|only) )?|(?P<always>always|never) |(?=(?:needs?|starts?|begins?|"
    rf"ends?|stays?|uses?|get|contain|"
    r"have|are) )(?<! and )(?<! or ))(?P<effect>.+)",
    re.I,
)
_TO_PERSON = re.compile(
    r"(?P<verb>(?i:(?:always |only )?(?:reply|write|speak|talk|respond|answer|explain (?:things|it|"
    r"everything|this))))"
    rf"(?P<scope>(?: to)? {PERSON}) (?P<tail>(?:in|with|without|using|like|as(?= (?:an?|if|though|"
    rf"my|our|the|you)\b)|politely|formally|briefly|only in)\b.*)"
)


MAX_HEADING_WORDS = 6
_MANNER_TAIL = (
    rf"(?:(?:like|as if|as though|{_IN_FORM}|with|using|without|simply|"
    r"briefly|to (?=a |an |my )|step by step|only in|at most|by)\b.*)"
)
_EXPLAINED = re.compile(
    r"(?P<verb>(?:always |only )?(?:explain|describe|discuss|"
    rf"present(?! (?:\S+ ){{1,2}}{_IN_CAPS})|(?:talk|write|speak) about)) "
    rf"(?P<scope>(?:[\w'-]+ ){{1,4}}?)(?P<tail>{_MANNER_TAIL})",
    re.I,
)
"""How a subject is explained; "present headings in all caps" is about parts of an answer."""
_ANSWERED = re.compile(
    r"(?P<verb>(?:always |only )?(?:answer|reply|respond))(?: to)? "
    rf"(?P<scope>(?:[\w'-]+ ){{0,3}}?(?:questions?|requests?|complaints?|comments?|reviews?|"
    rf"feedback|inquiries|criticism)) (?P<tail>{_MANNER_TAIL})",
    re.I,
)
_ANSWERED_TEXT = re.compile(
    r"(?P<verb>(?:always |only )?(?:answer|reply|respond))(?: to)? (?P<scope>.+?) "
    rf"(?P<tail>{_MANNER_TAIL}|[a-z]+ly)",
    re.I,
)
_UNNAMED = re.compile(
    r"\b(?:it|this|that|them|these|those|things?|everything|anything|something|stuff|yourself|"
    r"your|you|me|me|us|people|answers?|every|all|any|each|follow-?up|yes|simple|short|what|why|"
    r"how|when|where|in|to|as|with)\b|^(?:topics?|concepts?)\b",
    re.I,
)
"""Words of what is no topic."""


@lru_cache(maxsize=1024)
def split_rule(sentence: str) -> ScopedText:
    """Return the scope and the effect of one sentence.

    The scope is "" where the sentence names none; its effect is then the whole sentence.
    """
    text = " ".join(straighten_quotes(sentence).split())
    text = re.sub(r",? please$", "", text.rstrip(" .!;?"), flags=re.I)
    text = POLITE.sub("", text).strip()
    if found := split_other_language(text, starts_effect):
        return found
    if list_keyword_demands(text):
        return ScopedText("", sentence.strip())
    hidden, quotes = hide_quotes(text)
    found = _split_english(hidden)
    if found is None:
        return ScopedText("", sentence.strip())
    return ScopedText(*(show_quotes(part, quotes) for part in found))


_EXPLAINED_IN_BRACKETS = re.compile(
    r" \((?:(?:so |please )?(?:write|use|say|no|not|e\.g\.|like|for example|that is|"
    r"i\.e\.)\b[^()]*|[^()]*\"[^()]*)\)$",
    re.I,
)
"""An example of the demand after the scope: "letters to clients (write "do not")"."""


def _split_english(text: str) -> ScopedText | None:
    """Return the scope and the effect of an English sentence; None if it names no scope."""
    for split in (
        _split_prefix,
        _split_colon,
        _split_gerund,
        _split_told,
        _split_subject,
        _split_when,
        _split_middle,
        _split_summarized,
        _split_explained,
        _split_in,
        _split_with,
        _split_for,
        _split_form_subject,
    ):
        found = split(text)
        if found and found.scope:
            if split in (_split_when, _split_in, _split_with, _split_for):
                found = _move_second_demand(found)
            effect = to_imperative(POLITE.sub("", found.effect.strip(" ,")))
            effect = _ALONE_THERE.sub(r"\1 only", effect)
            scope = _EXPLAINED_IN_BRACKETS.sub("", found.scope).strip(" ,")
            return ScopedText(re.sub(r"(?<=\w) only$", "", scope), effect)
    return None


_ALONE_THERE = re.compile(
    r"^((?:use|add|include|put|write in) .+) (?:exclusively|solely|just)$", re.I
)
"""The end of a demand before its scope: "Use emoji exclusively" in texts to Maddie."""
_SECOND_DEMAND = re.compile(
    rf"(?P<scope>.+?)(?P<demand>,? and (?:{_STRONG}|{_SURE_VERBS}) .+|, (?P<verb>(?:never|"
    r"always|do not|don't) (?:use|write|say|add|mention|start|end)|avoid|keep|use|start|end|finish|"
    rf"sign) .+|,(?: but)? (?:no more than|"
    rf"at most|under|max(?:imum)?|fewer than|less than) {NUMBER}\b.*)",
    re.I,
)


def _move_second_demand(found: ScopedText) -> ScopedText:
    """Return "EFFECT in texts to Anna, and sign them" with both demands in the effect."""
    match = _SECOND_DEMAND.fullmatch(found.scope)
    if not match or not _is_scope(match["scope"]):
        return found
    lead = "^, " if match["verb"] else "^, and "
    demand = re.sub("^, but ", ", ", re.sub(lead, " and ", match["demand"]))
    return ScopedText(match["scope"], found.effect + demand)


_SENTENCE_END = re.compile(
    r"(?<=[.!;?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bProf\.)(?<!\bSt\.)(?<!e\.g\.)"
    r"(?<!i\.e\.)\s+(?=(?:[^\"“”]*[\"“][^\"“”]*[\"”])*[^\"“”]*$)|\n+"
)


_LIST_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)]|[a-h]\))\s+(?=\S)")
_NUMBERED = re.compile(r"^\(?1[.)]\s.*\s\(?2[.)]\s", re.S)
_HEADING = re.compile(
    r"^(?:[a-z]+ ){0,3}(?:rules|instructions|guidelines|following|these|please)(?: [a-z]+){0,2}:\s*"
    r"(?=[-*•–\d(])",
    re.I,
)
_NUMBER = re.compile(r"\s+(?=\(?\d{1,2}[.)]\s)")


def split_rule_sentences(text: str) -> list[str]:
    """Return the sentences of a rule; a stop in quotation marks or after "Dr." ends none."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


_BOUND_WORD = re.compile(r"\b(max|min)\. ?(?=\d)", re.I)
"""Its stop ends no sentence: "Max. 3 sentences."."""


_INTERJECTION = re.compile(
    r"^(?:(?:for (?:the love of [a-z]+|(?:god|heaven|christ|pete|goodness)'?s sake|crying out loud|"
    r"once|the (?:last|second|third|tenth|hundredth|thousandth|millionth) time)|seriously|honestly|"
    r"ugh|omg),? )+",
    re.I,
)
"""What is no condition: "For the love of god stop talking about crypto."."""
_MANNER_LABEL = re.compile(
    r"^(?:(?:general |my |the |new )?(?:tone|style|length|language|format|formatting|voice|output|"
    r"rule|instruction|constraint|important|request|preference|reminder|note)s?): (?=\S)",
    re.I,
)
"""A heading that names no condition: "Tone: be friendly."."""
_INSISTING = re.compile(
    r"(?<=[.!]) (?:(?:and )?(?:i mean it|seriously|really|none|never|ever|period|full stop|please|"
    r"no exceptions?|not (?:a single )?one|not (?:an?|one)(?: single)? (?:minute|second|moment|"
    r"hour|day|cent|penny|euro|dollar|word) (?:later|earlier|sooner|longer|more|less)|not ever|"
    r"thanks|thank you|thx|ok(?:ay)?|got it|"
    r"understood|ever again|at all)[.!]* ?)+$",
    re.I,
)
"""What only insists: "No emojis. Seriously. None.", "We close at six. Not a minute later."."""
_BANNED_WORD = re.compile(
    rf"^(in {_MY}{GENRE} (?:to|for) [^,\"']+?) (?=the (?:word|phrase|term)s? ([\"'])[^\"']+\2 "
    r"(?:is|are|must|should|may|can)\b)",
    re.I,
)
"""A condition before a banned word: 'In emails to Kim the word "problem" is banned.'."""
_ASKED_SCOPE = re.compile(
    r"^((?:texting|writing|e-?mailing|messaging|replying|talking|listing|drafting|explaining)\b)"
    r"( [^?.!,]{1,60})\? (?:then )?(?=\w)",
    re.I,
)
"""A condition that is asked: "Texting Ben? Use no capital letters."."""
_ASKED_TEXT = re.compile(
    r"^((?!(?:what|how|why|which|who|where|when|no|any|more|long|short)\b)(?:[\w'’-]+ ){0,3}"
    rf"{GENRE}(?: (?:to|for) [^?.!,]{{1,40}})?|questions (?:about|on) "
    r"[^?.!,]{1,40})\? (?=\w)",
    re.I,
)
"""The same with a noun: "Jokes for kids? Add an emoji."."""
_NO_ASKED_SUBJECT = (
    r"(?:(?:what|how|why|which|who|where|when|no|not|never|any|more|too|is|are|do|does|did|can|"
    r"cannot|could|will|would|should|have|has|got|want|need|like|see|know|remember|guess|you|i|we|"
    r"they|it|this|that|so|in(?! doubt\b)|on|at|ok|okay|right|ready|really|seriously|sure|unclear|"
    r"clear|understood|agreed|stuck|confused|\w+n['’]t|someone|somebody|anyone|anybody|everyone|"
    r"(?:users?|customers?|clients?|callers?|guests?|visitors?|people) (?:says?|asks?|asked|wants?|"
    r"needs?|is|are|has|have|gets?|seems?|sounds?|writes?|complains?|angry|upset|unhappy|rude|"
    r"confused|frustrated|annoyed))(?![\w'’-])|"
    r"(?:(?:other|further|all) )?questions\?|"
    rf"(?:[\w'’-]+ )*(?:{'|'.join(LANGUAGES)})\? (?:\w+ )?(?:answer|reply|respond)\b)"
)
"""What begins with a question that names no subject: "Not sure? Say so.", "Questions in Spanish?
Answer in Spanish.".
"""
_ASKED_SUBJECT = re.compile(
    rf"^((?!{_NO_ASKED_SUBJECT})(?:[\w'’-]+ ){{0,3}}[\w'’-]+)\? "
    r"(?=(?:(?:always|just|please) )?(?:say|tell|mention|explain|answer|reply|respond)\b)",
    re.I,
)
"""The same with a subject, where something is said of it: "Parking? Say it is free."."""
_CLOSED_ASKED = re.compile(
    rf"^(?:(?P<answer>(?:(?:please|always|only|never|do not|don't) )*(?:answer|reply to|respond "
    rf"to)) {YES_OR_NO_QUESTION} (?=(?:with|in|by|using|like|as)\b)|(?:on|to|with|for) "
    rf"{YES_OR_NO_QUESTION}[,:]? |{YES_OR_NO_QUESTION} (?:(?:should|must|are to|have to|need to) "
    rf"be (?P<answered>answer)ed|"
    r"(?P<give>get|need)(?= an? )) )",
    re.I,
)
"""Yes-or-no questions as the condition of a demand: "Answer yes-or-no questions with one word."."""
_EQUALS = re.compile(r"^(?!(?:when|if) \d+ )([\w'’ -]{1,60}) = (?=\w)", re.I)
"""A condition and its effect: "captions = all lowercase"; in "if 1 = 2" it is a comparison."""


_UNPARTED = re.compile(
    r"^(?P<when>(?:when|whenever|if) (?:[^\s,;:.\"]+ ){2,9}?[a-z]+(?<! to)(?<! you)(?<! i)(?<! "
    r"we)(?<! they)(?<! can)(?<! or)(?<! and)(?<! not)(?<! the)(?<! a)(?<! an)(?<! that)(?<! "
    r"who)(?<! how)(?<! what)(?<! ask)(?<! asks)(?<! me)(?<! then)(?<! just)(?<! only)(?<! "
    r"please)(?<! of)(?<! for)(?<! about)(?<! should)(?<! must)(?<! would)(?<! my)(?<! your)(?<! "
    r"do)(?<! does)(?<! did)(?<! say)(?<! says)(?<! them)(?<! there)(?<! is)(?<! are)) "
    r"(?P<do>(?:(?:then|just|only|please) )*(?:give me |give us |tell (?:them|me) |"
    r"answer (?:in|with|only) |reply (?:in|with|only) |use (?:no|only|at most|"
    r"exactly|an?) |never |always |do not |don't |no (?=[a-z]+s\b)|put |list the )[^?]+)$",
    re.I,
)
"""A condition that no comma parts from its demand: "when i ask for tips give me exactly 4"."""


_AS_LONG_AS = re.compile(
    r"\b(?:as|so) long as (?=(?:(?:I|we|he|she|somebody|someone|people)(?! (?:like|want|need|wish|"
    r"please|can)\b)|(?:you|they)(?= (?:are|is|'re) (?:asked|talking|speaking|writing)\b|['’]re "
    r"(?:asked|talking|speaking|writing)\b)|it(?=(?:['’]s| is) (?:about|for|an?|to)\b)|(?:the|my|"
    r"our|an?) (?!(?:answers?|repl(?:y|ies)|responses?|text|result)\b)[a-z]+ "
    r"(?:is|are|asks?|wants?|writes?|has|have))\b)",
    re.I,
)
"""A condition, and no length: "as long as a tweet" and "as long as you like" are lengths."""


_CONTRAST = re.compile(
    r"^(?P<before>(?:(?!\b(?:say|tell|mention|explain|state|that)\b)[^\"])*?)(?:,| [-–—]) "
    r"(?:unlike|as opposed to|in contrast to|contrary to) [^,.;:!?\"–—]+?(?=,|[.!]*$| [-–—] )"
    r"(?:(?:,| [-–—])(?= (?:should|must|shall|need|have to|has to|are to|may|can|always|"
    r"never)\b))?",
    re.I,
)
"""A contrast that is no part of whom a text is for: "my boss, unlike those to friends, ..."."""


_PUT_IN = re.compile(
    r"\b(?P<not>do not|don't|dont|never)(?P<said>(?:,? (?:ever|please|pls|under (?:any|no) "
    r"circumstances?|for any reason|in any (?:case|way)|no matter what|at any time|at all))+),? "
    r"(?=[a-z])",
    re.I,
)
"""What is put in behind "do not": "do not, under any circumstances, mention"."""


def _drop_put_in(found: re.Match[str]) -> str:
    return f"{found['not']} " if "," in found[0] or " " in found["said"].strip() else found[0]


_INTRODUCED = re.compile(
    r"\b(?:introduce|present) yourself as [\"']?(?P<name>(?-i:[A-ZÀ-Þ])[\w'’-]*(?:\.? "
    r"(?-i:[A-ZÀ-Þ])[\w'’-]+)*)[\"']?(?:(?= (?:when|if|whenever) )|(?<=[\w\"'])(?=[.!]?$))",
    re.I,
)
"""How the model is called: "introduce yourself as Dr. Paws when asked who you are"."""
_NAMED_AND_MADE = re.compile(
    r"^(?:your name is|you(?: are|'re)(?: called| named)?) (?P<name>(?-i:[A-ZÀ-Þ])[\w'-]*(?: "
    r"(?-i:[A-ZÀ-Þ])[\w'-]*){0,2})(?:(?:,? and(?: you)?|[.;] you)(?: were| are|'re| have been)?|,"
    rf"(?: (?:an?|the) [a-z ]+?)?) (?P<made>{MADE} by )",
    re.I,
)
"""Two facts, each the answer to a question of its own: "Your name is Max and you were made by"."""
_WORDS = r"(?:\"[^\"]+\"|(?<!\w)'[^']+'|[\w-]+)"
_WHEN_MEANT = re.compile(
    rf"(?P<lead>\b(?:say|use|write) {_WORDS}) (?:when(?:ever)?|if|where(?:ver)?) you(?: mean|"
    r"(?: want to say| are tempted to say)(?= [\"'])|(?:['’]d| would)(?: otherwise| normally| "
    r"usually)? (?:say|write|use)(?: otherwise)?) (?!(?:it|so|that|this|business|yes|no|hello|hi|"
    rf"thanks|sorry|well|them|harm)\b)(?P<old>{_WORDS})(?=[.! ]*$)",
    re.I,
)
"""What is written for another word: "say "handbag" when you mean "purse""."""
_ITS_CALLED = re.compile(
    r"^(?P<scope>(?:when|whenever|if|in|for|on) [^,\"]+), it(?:['’]s| is) (?=[\"'][^\"']+[\"'],? "
    r"(?:and |but )?(?:not|never)\b)",
    re.I,
)
"""How something is called: "when talking about our staff, it's "partners", not "employees""."""
_SLANG_TAIL = re.compile(
    r", like,? (?:ever|never|at all|seriously|for real|literally)[.! ]*$", re.I
)
_TELLS_FIRST = re.compile(
    r"^(?:I|we)(?:['’](?:m|re)| am| are| run| own| have| manage| work| live| sell| teach| rent)\b"
    r"(?![^.]*\b(?:please|never|always|want|need|wish|should|must|not)\b)[^.!?:;\"]*\. "
    r"(?=(?:when|whenever|if) (?![^,]*\b(?:it|him|her|them|this|that|there)\b))",
    re.I,
)
"""What the speaker tells before a rule with a condition: "We are a hotel. If guests ask"."""
_KEEPS_ASKING = re.compile(
    r"^(?:(?:a )?(?:lots?|lot|many|some|most|several|few|our|my|the) (?:of )?)*"
    rf"(?:{AUDIENCE}|they) "
    r"(?:(?:keep|keeps) (?:on )?asking|(?:often|always|sometimes|usually|regularly|frequently|"
    r"constantly) ask|ask(?= (?:me |us |you )?(?:about|if|whether) ))(?: me| us| you)? "
    r"(?P<what>(?:about|if|whether|for|when|where|what|how) "
    r"[^.!?;:]+?)(?: a lot| all the time| every day)?(?:[.;:!]| [-–—]|,(?: so)?) "
    r"(?P<verb>(?:please |always |just )*(?:say|tell|answer|explain|mention|let them know))\b"
    r"(?! (?:please|thanks|thank you)\b)",
    re.I,
)
"""What people ask, before what is said: "People keep asking about gift cards. Say that"."""


def to_plain_conditions(text: str) -> str:
    """Return a text whose condition is marked as one, and what looks like one is left out.

    "Texting Ben? Use no capitals." -> "When texting Ben, Use no capitals."
    """
    text = _INTERJECTION.sub("", _BOUND_WORD.sub(r"\1 ", text.strip()))
    if re.search(r"\b(?:when|if|whenever)\b", text, re.I):
        text = _INTRODUCED.sub(r"say that your name is \g<name>", text)
    text = _NAMED_AND_MADE.sub(
        r"When asked for your name, say that your name is \g<name>. When asked who made you, say "
        r"that you were \g<made>",
        text,
    )
    text = _WHEN_MEANT.sub(r"\g<lead> instead of \g<old>", text)
    text = _ITS_CALLED.sub(r"\g<scope>, use ", text)
    text = _SLANG_TAIL.sub("", _PUT_IN.sub(_drop_put_in, text))
    text = _KEEPS_ASKING.sub(r"When people ask \g<what>, \g<verb>", _TELLS_FIRST.sub("", text))
    text = _CONTRAST.sub(r"\g<before>", text)
    text = _AS_LONG_AS.sub("while ", text)
    text = _EQUALS.sub(r"\1: ", text)
    text = _INSISTING.sub("", _MANNER_LABEL.sub("", text))
    text = _BANNED_WORD.sub(r"\1, ", text)
    text = _ASKED_TEXT.sub(r"\1: ", text)
    text = _ASKED_SUBJECT.sub(_ask_about, text)
    text = re.sub(
        r"^(?:any|every|each) ?time (?=i|we|you|someone|somebody|they)",
        "whenever ",
        text,
        flags=re.I,
    )
    text = _UNPARTED.sub(r"\g<when>, \g<do>", text)
    text = _CLOSED_ASKED.sub(_name_closed_condition, text)
    return _ASKED_SCOPE.sub(lambda found: f"When {found[1].lower()}{found[2]}, ", text)


def _name_closed_condition(found: re.Match[str]) -> str:
    verb = (found["answer"] or found["answered"] or ("give" if found["give"] else "")).lower()
    return f"When asked {CLOSED_QUESTION}, " + (f"{verb} " if verb else "")


def join_lines(text: str) -> str:
    """Return a text of several lines, or a list of rules, as sentences in one line.

    A line begins a sentence if it is an item of a list ("- Be brief", "2. No lists") or begins as
    a rule does; any other one goes on with the line before.
    """
    text = _HEADING.sub("", text.strip())
    lines = _NUMBER.split(text) if _NUMBERED.match(text) else text.split("\n")
    joined = ""
    for line in filter(None, map(str.strip, lines)):
        item = " ".join(_LIST_MARK.sub("", line).split())
        begins = item[0].isupper() and (starts_effect(item) or _PREFIX.fullmatch(item) is not None)
        if joined and joined[-1] not in ".!?;:," and (begins or _LIST_MARK.match(line)):
            joined += "."
        joined += f" {item}" if joined else item
    return joined


_TOLD = re.compile(
    r"(?:(?:otherwise|or else|because|since|as) )?"
    r"(?:(?:it|they|he|she|I|we|there)(?:['’](?:s|re|m|ve|ll))? |(?:that|this)['’]s |(?:my|our|"
    r"his|her|their|the|that|this|some|many|most) [a-z]+ (?:[a-z]+ ){0,2}?(?:is|are|was|were|has|"
    r"have|gets?|hates?|feels?|needs?|likes?|looks?|sounds?|makes?|upsets?|shows?|reads?|forbids?|"
    r"loves?|wants?|prefers?|enjoys?|can't|cannot|doesn't|don't)\b|[a-z]+s (?:are|get|hate|feel|"
    r"need|like|look|sound|make|can't|cannot|don't|find)\b)[^,;:\"\d]*",
    re.I,
)
_NOT_ONLY_TOLD = re.compile(
    r"(?i:\b(?:must|should|has to|have to|needs? to|please|never|always|may|instead|name|called|no|"
    r"open|opens|close|closes|fine|ok(?:ay)?|allowed|permitted|welcome|exempt|optional|exceptions?|"
    r"banned|forbidden|required|mandatory|needed|(?:and|but|or) (?:use|end|start|begin|add|keep|"
    r"write|say|be|never|sign)))\b|(?<!^)\b(?!I\b|I['’])[A-ZÀ-Þ]"
)
"""What makes it more than a remark: a demand, a name, a fact that answers give."""


def is_only_told(text: str) -> bool:
    """Return whether a clause after a demand only tells of something: "it leads to trouble"."""
    is_told = _TOLD.fullmatch(text.rstrip(" .!")) is not None and not starts_effect(text)
    return is_told and not _NOT_ONLY_TOLD.search(text)


def drop_remark(scope: str) -> str:
    """Return "it's for LinkedIn, they're cringe" without what is only told."""
    for joint in re.finditer(r"(?:,|;| [-–—]) ", scope):
        if is_only_told(scope[joint.end() :]):
            return scope[: joint.start()]
    return scope


def drop_told_tail(sentence: str) -> str:
    """Return "Don't bring up the fire, guests get nervous." without what is only told.

    What must be said stays whole, and so does what follows a condition alone.
    """
    hidden, quotes = hide_quotes(sentence)
    for joint in re.finditer(r"(?:,| [-–—]) ", hidden):
        demand, tail = hidden[: joint.start()], hidden[joint.end() :]
        is_condition = "," not in demand and _PREFIX.fullmatch(demand) is not None
        is_demand = starts_effect(demand) and not is_condition and not _SPEAKS.search(demand)
        if is_demand and is_only_told(tail) and not OPEN_QUOTE.search(demand):
            return show_quotes(demand, quotes)
    return sentence


_SPEAKS = re.compile(
    r"\b(?:say|tell|mention|explain|answer|reply|state|note|inform|remind|give|refer|that|when|"
    r"if|asks?|asked)\b",
    re.I,
)


def to_imperative(text: str) -> str:
    """Return "has an emoji" as "have an emoji", as it is said after "then"."""
    often = re.match(r"(?:always|never|only) ", text, re.I)
    lead = often[0] if often else ""
    first, _, rest = text.removeprefix(lead).partition(" ")
    verb = _THIRD_PERSON.get(first.lower())
    return f"{lead}{verb} {rest}" if verb and rest else text


_THIRD_PERSON = {
    "has": "have",
    "need": "have",
    "needs": "have",
    "is": "be",
    "are": "be",
    "replies": "reply",
    "does": "do",
    "finishes": "finish",
} | {
    f"{verb}s": verb
    for verb in re.findall(
        r"\S+",
        "use answer stay begin start open end close sign mention say keep include avoid write "
        "speak contain recommend name tell call replace add ask talk",
    )
}


def starts_effect(text: str) -> bool:
    """Return whether a text begins as an instruction does."""
    return _EFFECT_START.match(POLITE.sub("", text) + " ") is not None


_TO_THEM = re.compile(
    r"\b(?:to|for|with|(?:text|e-?mail|messag|writ|answer|thank|greet)(?:ing)?) (?:(?:the|our|my|"
    r"your|any|all) )?(?:[a-z-]+ )?(?:people|anyone|anybody|everyone|users?|customers?|clients?|"
    r"guests?|kids|children)$",
    re.I,
)
"""People who are written to, after whom a demand may begin: "texts to clients"."""
_DEMANDS = re.compile(r"\b(?:never|always|do not|don't|please|not)$", re.I)
"""The first words of a demand, which belong to its verb."""


_WHOLE_CLAUSE = re.compile(
    r"\b(?:reach|contact|call|find|visit|phone|ring|e-?mail|join|pay|tell|thank|greet|thanks|"
    r"greets|hold of|touch with|talk to|speak to|about|help|like|to|for) (?:us|me|you|them)$|"
    r"\bgoodbye$|\bwho (?:made|built|created|trained|developed|owns|runs) (?:you|us|it|this)$|"
    r"\b(?:who|what|where|how(?: \w+)?) (?:you|we|they|I|it|(?:the|our|your|my) \w+) "
    r"(?:is|are)$",
    re.I,
)
"""The end of a clause that needs no further word: "asks how to reach us"."""


def _is_blocked(before: str) -> bool:
    """Return whether no demand begins after these words: they need the next one."""
    if _DEMANDS.search(before):
        return True
    if _WHOLE_CLAUSE.search(before):
        return False
    return _BLOCKED.search(before) is not None and not _TO_THEM.search(before)


def _describes(text: str) -> bool:
    """Return whether an adverb begins no demand: "people always complaining"."""
    rest = re.sub(r"^(?:always|never) ", "", text, flags=re.I)
    return rest != text and not starts_effect(rest)


_CONDITION = re.compile(
    rf"(?:when(?:ever)?|if|in {_MY}{_GENRE_TO}|in {_MY}{_ANY_GENRE}\b)(?: |$)", re.I
)


MAX_RULE_JOINTS = 12
"""So many words that join are tried between two rules."""


def split_joined_rules(sentence: str) -> list[str]:
    """Return the rules that "and" joins, each with a scope of its own; mostly it is one."""
    for found in list(re.finditer(r",? (?:and|but|while) |; ", sentence))[:MAX_RULE_JOINTS]:
        parts = [sentence[: found.start()], sentence[found.end() :]]
        second = split_rule(parts[1])
        if not second.scope or not starts_effect(second.effect):
            continue
        first = split_rule(parts[0])
        has_own = _CONDITION.match(parts[1]) and not first.scope
        if starts_effect(parts[0] if has_own else first.effect) and (has_own or first.scope):
            return parts
    return [sentence]


def _ask_about(found: re.Match[str]) -> str:
    """Return "Parking? " as the beginning of "When asked about parking, ..."; a name of several
    words keeps its capitals.
    """
    subject = found[1]
    is_name = all(word[0].isupper() for word in subject.split()) and " " in subject
    return f"When asked about {subject if is_name else _lower_first(subject)}, "


def _lower_first(scope: str) -> str:
    """Return "Emails to Tom" as "emails to Tom"; "SQL queries" and "I text Tom" stay."""
    is_kept = scope[1:2].isupper() or re.match(r"I\b", scope)
    return scope if is_kept else scope[0].lower() + scope[1:]


def _is_scope(scope: str) -> bool:
    return bool(scope.strip(" ,.")) and not _UNIVERSAL.fullmatch(scope.strip(" ,."))


def _split_prefix(text: str) -> ScopedText | None:
    """Split "When SCOPE, EFFECT", with or without the comma."""
    match = _PREFIX.fullmatch(text)
    if not match:
        return None
    word, rest = match["word"], match["rest"]
    is_sure = word.lower() not in _UNSURE_WORDS
    parts = (
        _cut_after_text(rest, is_clause=_CLAUSE.fullmatch(word) is not None)
        or _cut_before_demand(rest)
        or _cut_at_last_comma(rest, is_sure)
        or _cut_without_comma(rest)
    )
    return _make_prefixed(word, *parts) if parts else None


_UNSURE_WORDS = ("in", "in front of", "with", "to", "about", "on", "for", "as to", "should")
"""Words that begin more than scopes: "In short, ..."."""


_BE_TOLD_SO = r"(?:must|should|have to|need to|are to) be told"
_IT_IS = r"it(?:['’]s| is| should be| must be| has to be)"
"""How a word is called for: "it's 'complimentary', never 'free'"."""
_DEMAND_AFTER_TEXT = re.compile(
    rf" (?:then )?(?=(?:(?:simply|just|also|then|kindly|first|ever) )*(?:{_WISH}(?= )|never|always|"
    r"do not|don't|[Pp]lease|(?<!use )(?<!want )(?<!like )no(?= (?:emojis?|smileys?|hashtags?|"
    r"exclamation marks?|bullet points|lists?|jargon|slang)\b)|"
    r"use(?= (?!for\b|in\b|at\b|of\b|by\b|among\b))|write|keep|say|add|"
    rf"(?:prefer|choose|pick|go with|stick (?:to|with)|{_IT_IS})(?= [\"'])|"
    r"include|avoid|stay|be|give|tell|make|begin|start|end|finish|mention|put|sign|limit|"
    r"number|replace|spell|state|(?:address|call) (?:him|her|them|me|us)|"
    r"(?:list|name|show|state|describe|give) (?=(?:the|all|every|each|its|their)\b)|"
    rf"the (?:first|last) (?:line|word|sentence)|there (?:must|should|has to) be|"
    rf"the [a-z]+ (?:must|should|has to|is always)|they "
    rf"{_BE_TOLD_SO})\b)"
)
_STRONG_DEMAND = re.compile(
    rf"{_ADVERB}(?:never|always|do not|don't|please|they {_BE_TOLD_SO})\b|just\b|"
    r"say (?:that|we|it|its|they|you|yes|no|there)\b|"
    r"tell (?:them|him|her|people|customers|guests)\b",
    re.I,
)
_ABOUT_NOUN = re.compile(r"\b(?:about|on|regarding|concerning|of) (?:[\w'-]+ ){0,2}[\w'-]+$", re.I)
"""What a noun may follow that is spelled as a verb: "posts about phone", before "use"."""


def _cut_after_text(rest: str, *, is_clause: bool) -> tuple[str, str] | None:
    """Return the scope and the effect of "texts to Rosie don't use lol, brb or omg": no comma parts
    them, and those that follow are the demand's. Commas before it part several addressees. What is
    asked about ends before a strong demand. In a clause somebody does it: "my parents use slang".
    """
    clause = re.split(r"[:;]", rest, maxsplit=1)[0]
    for found in list(_DEMAND_AFTER_TEXT.finditer(clause))[:MAX_CUTS]:
        before, effect = rest[: found.start()], rest[found.end() :]
        is_strong = _STRONG_DEMAND.match(effect) is not None
        if _DEMANDS.search(before) or _PRONOUN.search(before):
            continue
        if not is_strong and _ABOUT_NOUN.search(before):
            continue
        if is_clause and not is_strong and is_person(before) and re.fullmatch(PERSON, before):
            continue
        if _TO_THEM.search(before) and _describes(effect):
            continue
        situation = read_situation(f"when {before}")
        is_list = bool(split_addressees(situation.addressee))
        if _is_blocked(before) and not is_list:
            continue
        is_one = is_list or "," not in before
        is_text = situation.kind in ("writing", "task")
        if is_one and (is_text or (situation.kind == "about" and is_strong)):
            return before, re.sub(rf"^{_IT_IS} (?=[\"'])", "use ", effect, flags=re.I)
    return None


MAX_CUTS = 4
"""So many words are tried at which a demand may begin."""


def _cut_before_demand(rest: str) -> tuple[str, str] | None:
    """Return the scope and the effect on both sides of a comma after which a demand begins.

    A heading ends at its colon, and all behind it is the demand: "tweets: two hashtags, no links".
    """
    heading, colon, demands = rest.partition(": ")
    is_answer = heading.endswith(", the answer is")
    heading = heading.removesuffix(", the answer is")
    starts_inside = any(starts_effect(part.strip()) for part in heading.split(",")[1:])
    if colon and not starts_inside and _is_heading(heading, demands):
        is_about = read_situation(heading).kind == "about"
        is_said = is_answer or (is_about and (_SAYS.match(demands) or "," not in demands))
        is_said = is_said and not (starts_effect(demands) or re.match("just ", demands, re.I))
        return heading, f"say that {demands}" if is_said else demands.strip()
    for comma in re.finditer(r"[,:]", rest):
        effect = rest[comma.end() :].strip()
        if starts_effect(effect) or effect.startswith("the answer is "):
            return rest[: comma.start()], effect
    return None


_SAYS = re.compile(
    r"(?:yes|no)[,.]|(?:it|they|we|you|I|there|he|she)(?:'| )|"
    r"(?:the|our|my|all|every) [^,;]*\b(?:is|are|was|were|can|may|must|has|have|costs?|opens?|"
    r"closes?|starts?|begins?|ends?|takes?)\b",
    re.I,
)
"""How a clause begins that says something, and asks for nothing: "they are free"."""


def _is_heading(heading: str, demands: str) -> bool:
    """Return whether what stands before a colon names texts, and no "posts on Alien: Romulus"."""
    situation = read_situation(heading)
    is_title = situation.topic and demands[:1].isupper() and not starts_effect(demands)
    is_answer = situation.kind == "about" and not demands[:1].isupper()
    return is_answer or (situation.kind in ("writing", "task") and not is_title)


def _cut_at_last_comma(rest: str, is_sure: bool) -> tuple[str, str] | None:
    """Return the scope and the effect on both sides of the last comma, where the text before it is
    surely a scope. After a colon stands what must be said about a topic.
    """
    commas = list(re.finditer(r"[,:]", rest))
    for comma in commas:
        if _SPOKEN.match(rest[comma.end() :].strip()):
            return rest[: comma.start()], rest[comma.end() :].strip()
    if not commas or re.match(r" (?:and|or|but) ", rest[commas[-1].end() :]):
        return None
    if not is_sure and read_situation(rest[: commas[0].start()]).kind not in ("writing", "task"):
        return None
    scope, effect = rest[: commas[-1].start()], rest[commas[-1].end() :].strip()
    if commas[-1][0] == ":" and read_situation(_shorten_asked(scope)).kind == "about":
        effect = f"say that {effect}"
    return scope, effect


_ASKS_WHAT = re.compile(r"\b(?:who|what|how \w+|how|where|whether|if|when|why|which \w+)$", re.I)
"""What goes on with "you are" in a question: "asked how old you are"."""


def _cut_without_comma(rest: str) -> tuple[str, str] | None:
    """Return the scope and the effect before and after the words with which a demand begins."""
    for found in re.finditer(rf" (?:then )?(?={_ADVERB}(?:{_STRONG}|{_SURE_VERBS})\b)", rest, re.I):
        before = rest[: found.start()]
        if _ASKS_WHAT.search(before) and rest[found.end() :].lower().startswith("you are"):
            continue
        is_strong = re.match(r" (?:never|always|do not|don't|please) ", rest[found.start() :], re.I)
        is_blocked = _PRONOUN.search(before) if is_strong else _is_blocked(before)
        if not is_blocked:
            return before, rest[found.end() :]
    return None


_CLAUSE = re.compile(r"(?:when(?:ever)?|if|while|as soon as|once)", re.I)


def _shorten_clause(word: str, scope: str) -> str:
    """Return a scope as `_shorten_asked` does, but with its conjunction where the clause would be
    taken for a topic: "when pigs fly". "cooking" and "in Paris" are no clauses.
    """
    short = _shorten_asked(scope)
    is_phrase = re.match(r"(?:\w+ing|in|at|on|by|near|under)\b", scope.strip(), re.I)
    if short != scope or not _CLAUSE.fullmatch(word) or is_phrase or len(scope.split()) < 2:
        return short
    clause = f"{word.lower()} {scope.strip()}"
    return scope if read_situation(clause) == read_situation(scope) else clause


_PURPOSE = re.compile(
    rf"(?!{PERSON}$)(?!(?:the|a|an|my|our|all|any|every|each|people|users|whom|someone|anyone|"
    r"everyone|explain|discuss|describe|teach|present|introduce|grandma|grandpa|mom|mum|dad|"
    r"management)\b)(?:[a-z]+ [a-z].*|finish|start|begin|end|close|conclude)|"
    r"the (?:best of|extent|degree|letter|contrary|full|point)\b.*"
)
"""What follows "to" where it is a purpose: "to save time"."""
_MANNER_SCOPE = re.compile(
    rf"(?:(?:(?:only |just |at most |exactly )*(?:{NUMBER}|a single|a few|an?))(?: short| brief)? "
    r"(?:words?|sentences?|lines?|paragraphs?|bullets?|bullet points?)|(?:an? |the )?(?:[a-z-]+ )?"
    r"(?:tone|voice|style|manner|way|font|format)|(?:plain|simple) (?:english|words|language)|"
    r"bullet points|json|markdown|(?:upper|lower)[- ]?case|other words|conclusion|(?:that|this) in "
    r"mind|care|a nutshell|order to .+|the interest of .+|(?:the sake|reasons) of .+|.+ reasons|"
    r"(?:simplicity|consistency|convenience|readability|accessibility|safety|clarity|(?:extra )?"
    r"(?:fun|effect|variety|laughs)|good measure))",
    re.I,
)
"""How answers are, or why: no condition."""


def _make_prefixed(word: str, scope: str, effect: str) -> ScopedText | None:
    is_purpose = word.lower() == "to" and not _WRITES.match(scope) and _PURPOSE.fullmatch(scope)
    if is_purpose or (word.lower() in ("in", "with", "for") and _MANNER_SCOPE.fullmatch(scope)):
        return None
    if word.lower() == "in" and is_place_in_answer(scope):
        return None
    if word.lower() == "in front of" and read_situation(scope).kind != "writing":
        return None
    effect = re.sub(r"^then,? ", "", effect, flags=re.I)
    effect = re.sub(rf"^they {_BE_TOLD_SO} ", "tell them ", effect, flags=re.I)
    said = POLITE.sub("", f"{effect} ").strip()
    is_asked = read_situation(_shorten_asked(scope)).kind == "about"
    is_asked = is_asked or said.startswith("the answer is ")
    if is_asked and _SPOKEN.match(said) and not starts_effect(said):
        effect = f"say that {said}"
    if not _is_scope(scope) or not said:
        return None
    if word.lower() == "to" and _is_written_to(scope, said):
        return ScopedText(f"writing to {scope}", effect)
    return ScopedText(_name_topic_word(word, _shorten_clause(word, scope)), effect)


_ONE_READER = re.compile(
    r"(?:the|an?|any|every|all|our|my) (?!(?:[\w'’-]+ )*(?:questions?|requests?|complaints?|"
    rf"comments?|reviews?|inquiries|feedback|criticism|{GENRE})$)[\w'’-]+(?: [\w'’-]+)?",
    re.I,
)


def _is_written_to(scope: str, effect: str) -> bool:
    """Return whether somebody who is no known person follows "to": "to the board, write ..."."""
    if read_situation(scope).kind == "writing" or not _ONE_READER.fullmatch(scope):
        return False
    is_text = re.match(r"(?:always |never |only )?(?:write|sign|send)\b", effect, re.I) is not None
    return is_text or is_person(scope)


_WRITES = re.compile(r"(?:write|reply|respond|answer|talk|speak|text|e-?mail|message)\b", re.I)
_TOPIC_WORDS = ("about", "regarding", "concerning", "on", "as for", "as to")


def _name_topic_word(word: str, scope: str) -> str:
    """Return a topic with "about", where it would be taken for somebody: "About Bitcoin: ..."."""
    if word.lower() not in _TOPIC_WORDS or read_situation(scope).kind != "writing":
        return scope
    return f"about {scope}"


_SPOKEN = re.compile(
    r"(?:the answer is |you(?:'re| are) (?:called|named) |they (?:need|should|must|can|have) |we "
    r"(?!(?:do not|don't|never|want|need|prefer|like|expect|hate)\b)|"
    r"there (?:is|are) (?!no (?:need|reason))|it (?:takes|costs) |"
    r"(?:it|that|this)(?: is|'s) (?!\w+ (?:not )?(?:to|that|if)\b)|"
    r"our (?!answers?|repl|responses?)[\w -]+ (?:is|are|can|will) |"
    r"(?:the|all|no) (?!answers?|repl|responses?)[\w -]+ (?:is|are|costs?|takes?) )",
    re.I,
)
"""A clause that is no instruction: after "When asked about our hours" it is what must be said."""
_ASKED_ABOUT = re.compile(
    rf"^(?:(?:(?:I|you|we|someone|somebody|{AUDIENCE}) )?(?:am |are |is |gets? )?(?:being "
    r")?ask(?:s|ed)?(?: you| me| us)?|(?:the )?(?:topic|subject|question) (?:is|of)) (?:about "
    r")(?=\S)",
    re.I,
)


def _shorten_asked(scope: str) -> str:
    """Return "asked about refunds" as "refunds"; "asked about my mother" stays as it is, because
    "my mother" is somebody who is written to.
    """
    short = _ASKED_ABOUT.sub("", scope)
    if short != scope and re.fullmatch(r"[a-z]+s", short):
        return short if read_situation(short).kind == "about" else f"about {short}"
    return short if read_situation(short).kind == "about" else scope


def _split_when(text: str) -> ScopedText | None:
    """Split "EFFECT when SCOPE"."""
    match = _SUFFIX_WHEN.fullmatch(text)
    if not match or _TELLING.fullmatch(match["effect"]) or not starts_effect(match["effect"]):
        return None
    scope = _shorten_clause(match["word"], drop_remark(match["scope"]))
    return ScopedText(scope, match["effect"]) if _is_scope(scope) else None


def _split_in(text: str) -> ScopedText | None:
    """Split "EFFECT in emails to SCOPE", "EFFECT in recipes", "Add X to every email" and "Put X at
    the end of every email".
    """
    if placed := _SUFFIX_PLACED.fullmatch(text):
        if placed["verb"].lower() == "ask":
            return ScopedText(placed["scope"], f"ask {placed['what']} at the {placed['edge']}")
        verb = "end" if placed["edge"].lower() in ("end", "bottom") else "start"
        return ScopedText(placed["scope"], f"{verb} with {placed['what']}")
    forms = (_SUFFIX_IN, _SUFFIX_GENRE, _SUFFIX_ADDED, _SUFFIX_PROBLEMS)
    match = next((found for form in forms if (found := form.fullmatch(text))), None)
    if match is None and (texts := _SUFFIX_MY_TEXTS.fullmatch(text)) and _is_text(texts["scope"]):
        match = texts
    if match is None or not _is_scope(match["scope"]) or _BARE_VERB.fullmatch(match["effect"]):
        return None
    part = _PART_SHOULD.fullmatch(match["scope"])
    if part and not starts_effect(match["effect"]):
        return ScopedText(part["scope"], f"{match['effect']} {part['demand']}")
    return ScopedText(match["scope"], match["effect"])


_SUFFIX_MY_TEXTS = re.compile(
    r"(?P<effect>.+?),? in (?P<scope>(?:my|our|any|all|every) [\w' -]+)", re.I
)
_BARE_VERB = re.compile(
    r"(?:always |only |please )*(?:answer|reply|respond|write|speak|talk|be)(?: me| us| only)*",
    re.I,
)
"""What is no effect alone: "Answer in haikus."."""


_TELL_WHO = re.compile(
    r"(?:always |please )*(?P<verb>tell|let|remind|inform|advise|ask|give|offer|explain to|point "
    rf"out to|make (?:it )?clear to) (?:those|{AUDIENCE}) (?:who )?(?:(?:asks?|asking|inquires?|"
    r"inquiring|wants? to know) (?P<scope>(?:about|for) .+?)|(?P<wants>wants? (?!(?:their|the|"
    r"our|my|his|her|them|us|me|you)\b)(?:to )?[a-z]+(?: [a-z ]+?)?)) (?P<said>(?:that|to|know "
    r"that) .+)",
    re.I,
)


_TO_WHO = re.compile(
    rf"(?P<effect>(?:always )?(?:recommend|suggest|mention|give|offer|send|say|name|show|explain) "
    rf".+?) to (?:those|people|anyone|anybody|everyone|everybody|somebody|someone|{AUDIENCE}) "
    rf"(?:who )?(?:(?:asks?|"
    r"asking|inquires?|inquiring) (?P<scope>(?:about|for) .+)|(?P<wants>wants? (?:to [a-z]+ )?.+))",
    re.I,
)


def _split_told(text: str) -> ScopedText | None:
    """Split "Tell anybody who asks about parking that it is free" and "Recommend the Mill to anyone
    who asks for bread".
    """
    if whom := _TO_WHO.fullmatch(text):
        asks = whom["wants"] and f"somebody {whom['wants']}"
        return ScopedText(asks or _shorten_asked(f"asked {whom['scope']}"), whom["effect"])
    match = _TELL_WHO.fullmatch(text)
    if not match:
        return None
    effect = f"{match['verb'].replace(' it ', ' ')} them {match['said']}"
    if wants := match["wants"]:
        who = "somebody" if re.match("wants", wants, re.I) else "people"
        return ScopedText(f"{who} {wants}", effect)
    return ScopedText(_shorten_asked(f"asked {match['scope']}"), effect)


_SUMMARIZED = re.compile(
    r"(?P<verb>summari[sz]e|translate) (?P<what>(?!(?:it|this|that|everything|your|the "
    r"above)\b)(?:(?:a|the|my|our|all|any) )*[a-z]+s|an? [a-z]+|.+? (?:in)?to [A-Z]\w+)(?P<tail> "
    r"(?:in|within|with|using|under|as|without) .+)",
    re.I,
)


def _split_summarized(text: str) -> ScopedText | None:
    """Split "Summarize meetings in under 150 words"."""
    match = _SUMMARIZED.fullmatch(text)
    if not match:
        return None
    verb = re.sub("e$", "ing", match["verb"].lower())
    return ScopedText(f"{verb} {match['what']}", f"answer{match['tail']}")


_GERUND = re.compile(
    r"(?P<scope>asked (?:about|for|whether|if) [^,;:]+|(?:writing|texting|e-?mailing|messaging|"
    r"replying|responding|answering|drafting|explaining|listing|talking|speaking|summari[sz]ing|"
    r"translating) (?:to )?(?!in\b)[^,;:]+), (?P<effect>.+)",
    re.I,
)


_NO_GERUND = re.compile(
    r"\b(?:it|this|that|(?:every|any|some)?things?|me|us|is|are|was|were|has|have|can|will|takes?|"
    r"makes?|matters?|gets?|helps?|questions)\b|\b[a-z]+s (?:people|them|him|her|my|our|"
    r"customers)\b",
    re.I,
)
"""What makes it a remark ("Writing emails takes long"), or no condition."""


def _split_gerund(text: str) -> ScopedText | None:
    """Split "Replying to a review, always thank the author"."""
    match = _GERUND.fullmatch(text)
    if not match or not starts_effect(match["effect"]) or _NO_GERUND.search(match["scope"]):
        return None
    scope = _lower_first(match["scope"])
    found = read_situation(scope)
    is_topic = re.match(r"(?:asked|talking|speaking|writing) (?:about|for|whether|if) ", scope)
    is_text = found.genre or re.search(r" (?:to|with) ", scope)
    is_known = found.kind in ("writing", "task") and is_text
    return ScopedText(scope, match["effect"]) if is_known or is_topic else None


_NO_TITLE = re.compile(r"\b(?:please|only|always|never)$", re.I)
"""The end of a demand before a colon, which is no condition: "One-liners only: ..."."""


_HEADED_TEXTS = re.compile(
    r"^(?P<scope>(?i:e-?mails|mails|texts|messages|letters|notes|replies) to [^,:;.!?]{2,30}?)"
    r"(?:, | [-–—] )(?P<effect>(?i:no|never|always|only|at most|max|under|use|keep|don't) .+)"
)
"""A heading without a colon: "texts to dad - no emojis"."""


_TOLD_OF_SELF = re.compile(
    r"(?:I|we|my [a-z-]+|our [a-z-]+) (?!(?:asks?|mentions?|talks?|speaks?|chats?|tex|writ|e-?mail|"
    r"messag|repl|answer|want|need|discuss|draft|send|plan|cook|travel))[a-z']+(?: |$)",
    re.I,
)
"""A remark before a colon, and no condition: "I teach third graders: ..."."""


def _split_colon(text: str) -> ScopedText | None:
    """Split "Opening hours: say that we close at six"."""
    text = _HEADED_TEXTS.sub(r"\g<scope>: \g<effect>", text)
    scope, colon, effect = text.partition(": ")
    is_asked = re.match(rf"(?:those|{AUDIENCE}|[a-z]+s) (?:who ask|asking)\b", scope, re.I)
    scope = re.sub(r"^(\w+) (?:who ask|asking)\b", r"\1 ask", scope)
    is_short = (is_asked or len(scope.split()) <= MAX_HEADING_WORDS) and '"' not in scope
    is_genre = re.fullmatch(rf"(?:(?:my|our|all) )*(?:{_ANY_GENRE}|{_GENRE_TO} .+)", scope, re.I)
    if _TOLD_OF_SELF.match(scope) and is_only_told(scope):
        return None
    if not colon or not is_short or starts_effect(scope) or _NO_TITLE.search(scope):
        return None
    if not starts_effect(effect.strip()) and not is_genre:
        return None
    is_scope = _is_scope(scope) and read_situation(scope).kind != "other"
    return ScopedText(_lower_first(scope), effect) if is_scope else None


def _split_explained(text: str) -> ScopedText | None:
    """Split "Explain physics like I'm five" and "Answer legal questions in one sentence"."""
    match = _EXPLAINED.fullmatch(text)
    if match and _is_scope(match["scope"]) and not _UNNAMED.search(match["scope"]):
        return ScopedText(match["scope"], f"{match['verb']} it {match['tail']}")
    if (match := _ADVICE.fullmatch(text)) and not _UNNAMED.search(match["scope"]):
        return ScopedText(match["scope"], f"answer {match['tail']}")
    if (match := _ANSWERED_TEXT.fullmatch(text)) and is_answered_text(match["scope"]):
        return ScopedText(f"replies to {match['scope']}", f"{match['verb']} {match['tail']}")
    match = _ANSWERED.fullmatch(text)
    if match and _is_scope(match["scope"]) and not _UNNAMED.search(match["scope"]):
        scope = _name_replied(match["verb"], match["scope"])
        return ScopedText(scope, f"{match['verb']} {match['tail']}")
    return None


_ADDRESSED = re.compile(
    rf"(?P<verb>(?i:(?:always )?(?:address|greet))) (?P<scope>{PERSON}) (?P<tail>(?i:as|by|with) "
    rf".+)"
)


_TALKS = re.compile(
    r"(?:do not|don't|never|avoid|stop) (?:ever )?(?:discuss|mention|bring(?:ing)? up|(?:talk|"
    r"speak|argu)(?:e|ing)? about)",
    re.I,
)
"""What is not talked about with those who ask is not talked about at all."""
_WHO_CHATS = re.compile(
    rf"{AUDIENCE}|(?:my|our|the) (?:pupils?|students?|kids?|child(?:ren)?|sons?|daughters?|"
    r"patients?|clients?|customers?|guests?|users?|residents?|members?|visitors?)",
    re.I,
)
"""Those who ask, also as the speaker of a rule names them: "with my pupils"."""
_ABOUT_ANYTHING = re.compile(
    r"\b(?:not|n't|never|avoid|no|nothing|clear|away|off|stop|skip|out|refrain)\b.*"
    r"\b(?:any|every)thing (?:that (?:has|is) )?(?:to do|related|connected|associated|linked|"
    r"relating) (?:with|to)\b",
    re.I,
)
"""What is a subject, and names no addressee: "anything to do with the royal family"."""
_LINKED = re.compile(r"\b(?:links?|references?|pointers?|translations?|attention|thanks)$", re.I)


def _split_with(text: str) -> ScopedText | None:
    """Split "EFFECT with customers" and "Be polite to customers"."""
    if _ABOUT_ANYTHING.search(text):
        return None  # a subject that is forbidden, and no addressee
    match = _SUFFIX_WITH.fullmatch(text)
    if match and names_no_person(match["scope"]):
        return None
    if match and _TALKS.match(match["effect"]) and _WHO_CHATS.fullmatch(match["scope"]):
        return None
    if match and not _RELATIONAL.search(match["effect"]) and _is_scope(match["scope"]):
        return ScopedText(match["scope"], match["effect"])
    match = _ADDRESSED.fullmatch(text)
    if match and _is_scope(match["scope"]):
        return ScopedText(match["scope"], f"{match['verb']} them {match['tail']}")
    match = _TO_PERSON.fullmatch(text)
    if match and _SPELLED.fullmatch(text):
        return None
    if match and not names_no_person(re.sub("^ to ", "", match["scope"])):
        scope = re.sub("^to ", "", match["scope"].strip())
        return ScopedText(scope, f"{match['verb']} {match['tail']}")
    match = _SUFFIX_TO.fullmatch(text)
    if match is None or names_no_person(match["scope"]) or _LINKED.search(match["effect"]):
        return None
    return ScopedText(match["scope"], match["effect"])


def _split_for(text: str) -> ScopedText | None:
    """Split "Use layman's terms for medical procedures"."""
    match = _SUFFIX_FOR.fullmatch(text)
    if not match or _TEXTUAL.search(match["scope"]) or not _is_scope(match["scope"]):
        return None
    if re.search(r"\b(?:that|it|this|which|they|these) (?:is|are)$", match["effect"], re.I):
        return None
    return ScopedText(match["scope"], match["effect"])


_OF_WORD = re.compile(
    r"(?:with an? (?:hyphen|dash|capital|small|big)|as (?:one|two) words?)\b", re.I
)
"""What is said of a word, and of no text: "write e-mail with a hyphen"."""
_SPELLED = re.compile(
    r"(?i:write) (?!to )(?:.+ )?[A-ZÀ-Þ]{2,} (?:in|with) (?:all )?(?i:capitals|caps|capital "
    r"letters)"
)
"""How a name is written: "write NASA in capitals"."""
_NEEDS_OBJECT = ("keep", "make", "limit", "give", "present", "format", "provide", "deliver")


def _split_middle(text: str) -> ScopedText | None:
    """Split "Keep emails to my boss under 40 words"."""
    match = _MIDDLE.fullmatch(text)
    if match and _OF_WORD.match(match["tail"]):
        return None
    if not match or re.match(rf"(?:(?:each|every|all|any|your) )*{REPLIES} with ", match["scope"]):
        return None
    verb = re.sub(r" to$", "", match["verb"])
    verb = re.sub(r" (?:me|us)$", "", verb)
    it = " it" if verb.lower().split()[-1] in _NEEDS_OBJECT else ""
    return ScopedText(_name_replied(verb, match["scope"]), f"{verb}{it} {match['tail']}")


def _name_replied(verb: str, scope: str) -> str:
    """Return the "reviews" of "reply to reviews" as "replies to reviews"."""
    is_reply = verb.lower().split()[-1] in ("answer", "reply", "respond")
    return f"replies to {scope}" if is_reply and is_answered_text(scope) else scope


_BE_TOLD = re.compile(
    rf"(?P<scope>(?:those|{AUDIENCE})(?: who| that)?(?: are| is)? (?:ask(?:s|ing)?|inquir(?:es?|"
    r"ing)|call(?:s|ing)?|mention(?:s|ing)?|bring(?:s|ing)? up|want(?:s|ing)?) .+?) (?:should|"
    r"must|shall|has to|have to|is to|are to|needs? to) (?:be (?P<verb>told|asked|sent|advised|"
    r"reminded|given|pointed|directed|referred)|(?:hear|know|learn|be informed)(?= that)) "
    r"(?P<said>.+)",
    re.I,
)
_TOLD_VERBS = {"told": "tell", "given": "give", "sent": "send"}


_ANSWERED_SO = re.compile(
    rf"(?P<scope>{_MY}(?:questions? (?:about|on) .+?|[\w-]+ questions)) (?:(?:should|must|shall|"
    r"have to|are to|need to) (?:always )?(?:be|get)|are(?: always)?|get|always get) answered "
    r"(?P<tail>.+)",
    re.I,
)


_KIND_OF_ANSWERS = re.compile(
    r"(?P<scope>(?!(?:all|any|every|each|your|my|the|these|those|long|short|final|good|bad|brief|"
    r"full|simple|new|other|no|such|written|spoken|most|some|both|of|or|and)\b)[a-z]+ "
    r"(?:answers|questions|replies)) (?:(?:should|must|shall|need to|have to) (?:always )?|"
    r"always )(?P<effect>.+)",
    re.I,
)
"""Answers about something: "Weather answers should always include an emoji."."""
_LETTER_CASES = re.compile(
    r"(?:all |the |every )*letters? (?:must|should|shall|have to) (?:always )?be (?:in |written "
    r"in )?(?:lower|upper|capital|small|block|caps).*",
    re.I,
)
"""What is said of letters of the alphabet."""


_MODAL = (
    r"(?:should|must|shall|needs? to|has to|have to|are to|is to|ought to|may(?= not| only| never)|"
    r"can(?= not| only| never)|(?P<cannot>can't|cannot|mustn't|shouldn't|won't|don't))"
)
_PART_SHOULD = re.compile(
    r"(?P<scope>.+?)(?<! who)(?<! that)(?<! which)(?<! I)(?<! you)(?<! we) "
    rf"(?P<demand>{_MODAL} .+)",
    re.I,
)
"""What a part of a text should be: "(dates in) emails to Kim should be written in full"."""
_TEXT_SUBJECT = re.compile(
    rf"(?P<scope>(?!(?:I|you|we|it|they|this|that|what|no|never|do|don't)\b)[^,;:.\"]+?) "
    rf"(?:{_MODAL} "
    r"(?P<not>not )?(?:(?P<be>always|never|only) )?|(?P<always>always|never) |(?=(?:consists? of|"
    r"carr(?:y|ies)|gets?|go(?:es)?|comes?|address(?:es)?|needs?|starts?|begins?|ends?|opens?|"
    r"closes?|finish(?:es)?|stays?|uses?|contains?) ))(?P<effect>.+)",
    re.I,
)
"""Any text that does something: "Game-day posts for the Herons should finish with #GoHerons"."""
_SHORT_TEXT = re.compile(
    rf"{_MY}(?:{REPLIES}|texts?|letters?|notes?|lists?|comments?|chats?)", re.I
)
"""What may be a part of an answer as well."""


def _is_text(scope: str) -> bool:
    """Return whether the words name a kind of text, or one to somebody."""
    if _SHORT_TEXT.fullmatch(scope):
        return False
    found = read_situation(f"when {_lower_first(scope)}")
    is_said_only = found.kind == "task" and read_asked_kind(_BEFORE_KIND.sub("", scope)) != ""
    is_named = not is_said_only or bool(re.search(rf"\b{GENRE}$", scope, re.I))
    return found.kind in ("writing", "task") and bool(found.genre) and is_named


_BEFORE_KIND = re.compile(r"^(?:(?:all|any|every|each|the|my|our|your|an?) )+", re.I)
_NO_SUBJECT = re.compile(r" (?:who|that|which)$|^(?:can|could|may|would|will|does|do) ", re.I)
"""The end of no scope, and the start of a question: "can emails" have emojis."""


def _find_subject(text: str) -> re.Match[str] | None:
    """Return the shorter scope of both forms; "recipes for people who" is none."""
    matches = [_TEXT_SUBJECT.fullmatch(text), _SUBJECT.fullmatch(text)]
    is_text = [match is not None and _is_text(match["scope"]) for match in matches]
    found = [
        match
        for match, is_known in zip(matches, (is_text[0], True), strict=True)
        if match and is_known and not _NO_SUBJECT.search(match["scope"])
    ]
    return min(found, key=lambda match: len(match["scope"]), default=None)


_LETTERS = re.compile(
    r"\b(?:capital|block|small|big|upper-?case|lower-?case|bold|italic|first|last|initial)[a-z]* "
    r"(?:letters?|texts?)$",
    re.I,
)


def _split_subject(text: str) -> ScopedText | None:
    """Split "Emails to my boss should stay under 40 words"."""
    if told := _BE_TOLD.fullmatch(text):
        told_verb = (told["verb"] or "told").lower()
        verb = _TOLD_VERBS.get(told_verb) or told_verb.removesuffix("ed")
        scope = re.sub(
            r"^(\w+)(?: who)?(?: is| are)? (bring|\w+?)(?:ing|s)? ", r"\1 \2 ", told["scope"]
        )
        scope = _lower_first(scope)
        return ScopedText(_shorten_asked(scope), f"{verb} them {told['said']}")
    if answered := _ANSWERED_SO.fullmatch(text):
        scope = _lower_first(answered["scope"])
        return ScopedText(scope, f"answer {answered['tail']}")
    if about := _KIND_OF_ANSWERS.fullmatch(text):
        return ScopedText(_lower_first(about["scope"]), about["effect"])
    match = _find_subject(text)
    is_joined = match is not None and re.search(r" (?:and|or|but|with an?|with)$", match["scope"])
    if not match or is_joined or _LETTER_CASES.fullmatch(text) or _LETTERS.search(match["scope"]):
        return None
    if not _is_scope(match["scope"]):
        return None
    negated = "do not" if match["not"] or match.groupdict().get("cannot") else ""
    often = match["be"] or match["always"] or ""
    scope = _lower_first(match["scope"])
    return ScopedText(scope, " ".join(f"{negated} {often} {match['effect']}".split()))


_NO_KIND = (
    r"(?:of|in|for|to|and|or|but|except|not|no|half|some|few|most|many|only|maybe|perhaps|may|can|"
    r"could|might|will|would|do|does|wants?|thinks?|says?|likes?|hates?|that|if|when|unless|"
    r"without|beside|last|your|usually|often|sometimes|rarely|seldom|mostly|typically|normally|"
    r"\w+n't)\b"
)
"""What is no word of the name of a kind of text."""
_ANY_REPLY = re.compile(rf"(?:(?:all|any|every|each|the|my|our|an?) )*{REPLIES}", re.I)
_ASKED_KIND = (
    r"(?:comparisons?|definitions?|recommendations?|predictions?|opinions?|gift ideas?|tips?|"
    r"gift suggestions?|fun facts?|meeting minutes|quotes?(?= (?:that )?(?:you|I)\b))"
)
"""What people ask for beside texts."""
_FORM_SUBJECT = re.compile(
    rf"(?P<scope>(?!(?:(?:all|any|every|each|the|an?) )?letters? (?:must|should|shall|need|ha|are|"
    rf"is)\b)(?:(?:all|any|every|each|the|my|our|an?) )?(?:(?!{_NO_KIND})[\w'-]+ "
    rf"){{0,2}}?(?:{GENRE}|{_ASKED_KIND}|greetings|wishes){_FOR_ME}(?: "
    rf"(?:of|for|to|from|by|about|on|in|with)(?: (?!{_NO_KIND})[\w'-]+){{1,6}}?)?) "
    r"(?P<demand>(?:must|should|shall|needs? to|ha(?:s|ve) to|are to|is to|ought to|always|never|"
    r"may not|are|is|come|comes|get|gets|needs?|requires?|contains?|includes?|have|has|uses?|"
    r"starts?|begins?|opens?|ends?|finish(?:es)?|closes?)\b.+)",
    re.I,
)


def _split_form_subject(text: str) -> ScopedText | None:
    """Split "Birthday greetings need to end with an exclamation mark": whatever kind of text it is,
    where the rest is a demand of form.
    """
    match = _FORM_SUBJECT.fullmatch(text)
    if match is None or starts_effect(match["scope"]) or re.fullmatch(_ANY_REPLY, match["scope"]):
        return None
    if list_keyword_demands(text):
        return None
    demands = list_keyword_demands(match["demand"])
    if any(re.match("say|never use", demand) for demand in demands):
        return None  # "our brand is always ..." says how a thing is called
    return ScopedText(_lower_first(match["scope"]), " and ".join(demands)) if demands else None
