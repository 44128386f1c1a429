"""The forms in which people state an effect, each with what builds its check."""

from __future__ import annotations

import re

from selfteach.materials.rules.effects.effect_checks import (
    APOLOGY,
    AT_LEAST,
    AT_MOST,
    BOLD,
    CAPITAL_WORD,
    CHECKBOX,
    EACH_ON_A_LINE,
    EXACT,
    LANGUAGES,
    LINK,
    MANY,
    MARKS,
    NO_BULLETS,
    NO_DOUBLE_QUOTES,
    NO_SINGLE_QUOTES,
    ONE,
    OTHER_OLDS,
    OVER,
    SHOUTED,
    SIGNS,
    UNDER,
    USED_MARKS,
    VALUE,
    Build,
    call_otherwise,
    check_apology,
    check_bound,
    check_comma_list,
    check_dated,
    check_edge_line,
    check_emoji,
    check_first_word,
    check_forbidden_bound,
    check_hyphen,
    check_included,
    check_items_apart,
    check_language,
    check_line_start,
    check_lines,
    check_literal,
    check_many_marks,
    check_marked,
    check_marked_items,
    check_marks,
    check_most_marks,
    check_name_not_other,
    check_named,
    check_names,
    check_no_letter,
    check_no_quoted_words,
    check_no_sentence_start,
    check_no_word,
    check_not_called,
    check_own_line,
    check_paragraph_length,
    check_part_length,
    check_placed_code,
    check_placed_sign,
    check_questions,
    check_quoted,
    check_range,
    check_recommended,
    check_said,
    check_so_many_lines,
    check_spelled,
    check_thanks,
    check_two_words,
    check_whether,
    check_wish,
    check_yes_or_no,
    forbid_things,
    forbid_topics,
    forbid_words,
    hyphenate,
    make_edge,
    make_no_edge,
    name_unit,
    negate,
    parse_count,
    rename,
    replace_phrases,
    replace_two,
    replace_words,
    spell_so,
    write_as,
)
from selfteach.materials.rules.effects.notation_forms import NOTATION_FORMS
from selfteach.materials.rules.effects.statement import ADDRESS, STREET
from selfteach.materials.rules.forbidden_topics import FORBIDDING_FORMS
from selfteach.materials.rules.phrases import AUDIENCE, REPLIES, THEM
from selfteach.materials.rules.pictures import PICTURES
from selfteach.number_words import NUMBER

_ANSWER = (
    r"(?:(?:give (?:me|us|them)|(?:explain|describe|discuss|present) (?:it|this|them|things|"
    r"yourself|everything|your (?:answers?|reasoning|thoughts|reasons))|answer|reply|respond|write|"
    r"speak|talk|stay|be|remain)(?: (?:me|only|always|every question|all questions|questions))?|"
    r"write everything"
    rf"|(?:keep|limit|make|write|give|format|return) (?:it|them|yourself|{REPLIES}|(?:your|all|all "
    rf"your|every|each|the) {REPLIES}))"
)
_NOT = (
    rf"(?:(?:your {REPLIES} )?(?:do not|don't|never|must not|should "
    r"not)(?: ever)?|(?:(?:use|include|add|put|have|write|give|with|contain) )?no|avoid|"
    rf"(?:{_ANSWER} |do it )?without|not|refrain from|stop(?: with(?: the)?)?)"
)
_USE = r"(?:use|using|write|writing|include|including|give|giving|contain|make|making|put|have|add)"
NO_GREETING = (
    r'not regex "(?i)^\\W*(?:hi|hiya|hello|hey|dear|greetings|good (?:morning|afternoon|evening|'
    r'day)|hallo|bonjour|hola)\\b"'
)
_WHERE = (
    r"(?: (?:in|within|from|per|(?:to|at)(?: the end of)?) "
    rf"(?:(?:your|any|all|of|the|every|each|an?) )*{REPLIES}| at all| ever| please)?"
)
_NUMBER = rf"(?:{NUMBER}|{'|'.join(ONE)})"
_UNIT = (
    r"(?:(?:short|brief|simple|full|complete) )?(?P<unit>words?|sentences?|characters?|lines?)"
    r"(?: (?:of text|in length))?"
)
_COUNT = rf"(?P<count>{_NUMBER})[ -]{_UNIT}"
_RANGE = (
    rf"(?:between (?P<least>{_NUMBER}) and|(?:from )?(?P<least_bare>{_NUMBER}) ?(?:to|or|-|–)) ?"
    rf"(?P<most>{_NUMBER}) {_UNIT}"
)
_AFTER = rf"(?:,? (?P<after>{'|'.join((*AT_MOST, *AT_LEAST, *EXACT))}))?"
_MARK = rf"(?:(?:any |an? |no |the )?(?:{'|'.join(MARKS)})s?)"
_USED_MARK = rf"(?P<mark>(?:{'|'.join(USED_MARKS)})s?)"
_BEFORE = "|".join((*AT_MOST, *AT_LEAST, *OVER, *UNDER, *EXACT))
_LIST = r"(?:any |an? )?(?:(?:bullet(?:ed)?|numbered)[- ]?(?:points?|lists?)?|bullets|lists?)"
_WANTED_LIST = (
    rf"(?:{_LIST}|(?!.*\b(?:without|separated|commas?|sentence)\b)(?:an? )?(?:short|brief|concise|"
    r"clear|crisp|simple|plain|neat|tidy|chronological) (?:bullet(?:ed)?[- ]?(?:points?|lists?)|"
    r"bullets))"
)
_CODE = (
    r"(?:an? |some |the (?=code ?(?:snippets?|blocks?)))?code(?: ?(?:snippets?|blocks?|samples?))?"
)
_TALK = (
    r"(?:explanations?|explaining|explanatory text|text|prose|words|commentary|descriptions?|"
    r"introductions?|chatter|talk)"
)
_NO_TALK = (
    rf"(?:,? (?:and )?nothing (?:else|more)|(?:,| and| but)? ?(?:with )?(?:no|without|never|skip|"
    rf"omit|not)(?: any| an?| the)? {_TALK}(?:(?:,| and| or|, or)+ {_TALK})*(?: (?:before|around|"
    r"after|beside|besides)(?:(?: and| or) after)?(?: (?:it|the (?:snippet|code|block)))?)?)"
)
_GIVE_CODE = rf"(?:{_ANSWER}|give|show|send|provide|return|output|post)(?: (?:me|us|them))?"
_JSON = rf"(?:{_ANSWER} (?:in|with|as|using)|use|output|return)"
_SEPARATOR = r"(?:,? (?:or|and) |, |/)"
_LOWER = r"(?:lower[- ]?case|small(?= letters))"
_UPPER = r"(?:upper[- ]?case|capitals?|(?:all )?caps|block capitals)"
_ALL = r"(?: (?:everything|it all|all (?:text|words|answers)))?"
_LETTERS = r"(?: letters?| only| characters?)*"
_EACH = r"(?:(?:all|each|every|any|one|single|of|the|your|my|our) )+"
_EVERYTHING = r"everything(?: you (?:write|say|send))?"
_LEADS_TO = (
    rf"(?:(?:it|them|{_EVERYTHING}|{_EACH}{REPLIES}) )?(?:with|by saying|by writing|saying) "
)
_WITH = (
    rf"{_LEADS_TO}(?:(?:the|our|my|your) (?:words?|phrase|sentence|greeting|salutation|line|"
    r"closing|question|formula|hashtag|tag|name|signature|(?:[a-z-]+ ){1,2}(?=[\"'])),? ?)?"
    r"(?P<value>.+)"
)
_EDGED = (
    rf"(?: (?:it|an answer|{REPLIES}|{_EVERYTHING}|(?:your|any|all|the|every|each) {REPLIES}))?"
)

_NAMED = r"(?P<names>[a-z ,/-]{0,80})"
_SMILEY = r"smil(?:eys?|ies)(?: faces?)?|smiling faces?"
_NAMED_PICTURE = rf"(?P<names>[a-z ,/-]{{0,80}}(?:emojis?|emoticons?|{_SMILEY}))"

_PICTURE_NAMES = (
    rf"(?:hearts?|kiss(?:es)?|{_SMILEY}|thumbs up)(?: (?:or|and) (?:an? )?"
    rf"(?:hearts?|kiss(?:es)?|{_SMILEY}))?"
)
_PICTURE_JOIN = r"(?:,? (?:or|and|and/or) |, ?|/| )"

_INNER = r"""(?:[^"']|(?<=\w)'(?=\w))+"""
_SIGN = (
    r"(?:the )?(?:[€$£%&@+#](?: (?:sign|symbol))?|(?:euro|dollar|pound|per ?cent|hash|at|plus|and)"
    r" (?:sign|symbol))"
)
_BARE = (
    rf"{_SIGN}|(?:exclamation|question|quotation) (?:marks|points)|full stops|em[- ]dashes|w/|"
    r"[\w&-]+"
)
_NEW = rf"""(?:["'](?P<new>{_INNER})["']|(?P<new_bare>{_BARE}))"""
_OLD = rf"""(?:["'](?P<old>{_INNER})["']|(?P<old_bare>{_BARE}))"""
_OLDS = f"{_OLD}{OTHER_OLDS}"
_FILLERS = r"(?:just|simply|only|please|but|always|rather|instead)"
_IS_NAME = r"(?=[\"']|(?-i:[A-ZÀ-Þ]))"
_THE_WORD = r"(?: the (?:words?|signs?|terms?)| it(?: as)?(?= [\"']))?"

_CALLED_OLD = r"(?:an? |the )?(?P<old_many>[a-z][\w'-]+(?: [a-z][\w'-]+)?)"
_CALLED_NEW = r"(?:an? |the )?(?P<new_many>[a-z][\w'-]+(?: [a-z][\w'-]+){0,2}?)"
_NAMED_THING = r"(?:(?!me\b|us\b|him\b|her\b|them\b|it\b|yourself\b)[\w'’-]+(?: [\w'’-]+){0,3}?)"
"""What has another name: "the dog", "customers"."""
_NO_NOUN = (
    r"(?:an?|needed|required|necessary|possible|usual|appropriate|before|above|well|often|soon|if|"
    r"follows|it|they|little|much)\b|(?:I|me|we|us|you|he|him|she|them|"
    r"(?:her|one)(?! (?!and\b)[a-z]{3}))\b"
)
"""A word after "refer to the manual as" that is no other name."""
_CALL = (
    r"(?:call|address|refer to)(?: it| me| us| him| her| them| the (?:user|reader)s?| readers)"
    r"(?: as| by)?"
)
_FULL_NAME = (
    r"""(?:["'][^"']+["']|(?:(?:Dr|Mrs?|Ms|Prof)\. )?(?-i:[A-ZÀ-Þ])[\w-]+"""
    r"""(?: (?-i:[A-ZÀ-Þ])[\w-]+){0,3})"""
)
"""A name in quotes, or one of capitalized words."""
_NO_CALL = (
    r"(?:never|do not|don't|avoid|stop|no) (?:call(?:ing)?|address(?:ing)?|refer(?:ring)? "
    r"to)(?: me| us| him| her| them| the user| people| customers)(?: as| by)?"
)
_NO_NAME = (
    r"(?:\w+ly|it|I|we|us|he|him|she|they|them|back|first|last|later|again|now|soon|today|"
    r"tomorrow|anytime|names?)\b"
)
"""A word after "call" that is no other name."""

_OPEN = r"start|begin|open"
_CLOSE = r"end|finish|close|conclude"
_PLACE = (
    r"(?:,? (?P<place>first|at the (?:very )?(?:start|beginning|end)|in the (?:first|last) \w+))?"
)
_WHOM = rf"(?:{THEM}|(?:the|an?|every|each|all|my|our|your) [a-z]+s?(?: [a-z]+)?)"
_SHOW = r"(?:give|write|state|show|quote|put|use|mark|list)"
_MONEY = (
    r"(?:(?:the|all|any|your|every|each|an?) )*(?:prices?|amounts?|costs?|money|sums?|fees?|"
    r"percentages?|numbers?|figures?|digits?|it)"
)

_SIGN_TAIL = (
    r"(?:,? (?:(?:and )?(?:not|never)|like|e\.g\.|for example|as in|instead of|rather than) "
    r"[^,;]+)*"
)
_SAID_LEAD = (
    r"(?![^\"']*\b(?:without|not|never|no|none|nothing|nobody|refus\w*|quit\w*|ceas\w*|stop\w*|"
    r"skip\w*|leav\w*|omit\w*|drop\w*|avoid\w*|refrain\w*|forbid\w*|hat\w*|bad|wrong|fail\w*|"
    r"instead|rather|unless|except|hardly|rarely|seldom|people|they|who|that|which)\b)"
    r"(?:thank|greet|welcome|congratulate|praise|encourage|reassure|comfort|invite|remind|warn|"
    r"tell|acknowledge|answer|reply|respond|write|start|begin|open|introduce|end|finish|close|"
    r"conclude|sign(?: off)?|say (?:hello|goodbye|thanks|thank you)|apologi[sz]e|address|decline|"
    r"confirm|describe|mention|recommend|advertise|promote|explain|summari[sz]e)"
)
"""How a demand begins that is met by saying something; no word in it turns it round."""

_SPELLED_THING = (
    r"(?:(?:the name of )?(?:our|the|my) (?!word\b)(?:[a-z-]+(?:'s)? ){1,3}?|the name of )"
)
"""What has a name that is spelled: "our brand", "the name of our shop"."""
_ODD_PART = r"(?:[\w'+-]*[A-ZÀ-Þ][\w'+-]*|&)"
_ODD_NAME = rf"[\"']?(?-i:{_ODD_PART}(?: {_ODD_PART}){{0,2}}?)[\"']?"
"""A name with capitals."""
_EVERYWHERE = (
    r"(?:,? (?:everywhere|throughout|(?:wherever|whenever) it (?:appears|occurs|is used)))?"
)
_NOT_SPELLED = (
    r"(?:,? (?:and )?(?:not|never|instead of|rather than)(?: as)? (?P<others>(?:[\"'][\w&' "
    r"-]+[\"']|[\w&'-]+)(?:(?: or |, ?| nor | and )(?:[\"'][\w&' -]+[\"']|[\w&'-]+))*))?"
)
_LITERALLY = r"""(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')"""

BRIEF_WORDS = 40
"""The most words of a brief answer."""
_DEGREE = r"(?:(?:more|very|as|rather|really|a bit|a little|much|extra|always|too|quite) )*"
_BRIEF = r"(?:brief(?:er|ly)?|concise(?:ly)?|short(?:er|ly)?|succinct(?:ly)?|terse(?:ly)?|crisp)"
_IT = rf"(?:it|them|things|yourself|(?:your|all|all your|every|each|the|my) {REPLIES}|{REPLIES})"


# -------------------------------------------------------------------------------------------------
# the forms

_TWO_NEW = r"[\"'](?P<new>[^\"']+)[\"'] (?:and|or) [\"'](?P<new_too>[^\"']+)[\"']"
_TWO_OLD = r"[\"'](?P<old>[^\"']+)[\"'] (?:and|or) [\"'](?P<old_too>[^\"']+)[\"']"
_QUOTES = r"(?:quotation marks?|quotes|inverted commas)(?: (?:around|for|in|with) [a-z ]+)?"
_NO_USE = r"(?:(?:never|do not|don't) (?:use|write with|write in)|avoid|no|without)"
_IN_EACH = r"(?:per|a|in (?:each|every|a|any)|for each)"
_LESS = rf"(?:{'|'.join((*AT_MOST, *UNDER))})"
_PART = r"(?P<part>sentences?|paragraphs?|lines?|bullet points?|bullets?|(?:list )?items?)"
_PART_SIZE = rf"(?P<count>{NUMBER}) (?P<size>words|characters)"
_MODEL = (
    r"(?:[a-z]+ )?(?:AI|artificial intelligence|(?:large )?language model|chat ?bot|bot|robot|"
    r"machine|computer|(?:computer )?program|assistant|model)\\b"
    r"(?! (?:science|scientist|operator|engineer|student|railway|train))"
)
SAYS_NO_MODEL = (
    r'not regex "(?i)\\bI(?:[\'’]m| am)(?: just| only| merely| still| not)? an? '
    rf'{_MODEL}|(?:^|[.!?,:;]\\s+)(?:as|being) an? {_MODEL}(?=[,.]|\\s(?:I|language|model)\\b)"'
)
"""The condition that an answer does not say that a model or a machine gives it."""
_PATTERNS: list[tuple[str, Build | str]] = [
    (
        r"(?:use|prefer|write) (?:numbered lists?|numbers)(?: in lists)? (?:instead of|rather than|"
        r"not|never) (?:bullets|bullet points|dashes|bulleted lists?)",
        NO_BULLETS,
    ),
    (
        rf"(?:(?:have|contain|(?:make|keep|limit) (?:it|them)(?P<most> to)?|be) )?"
        rf"(?:(?P<before>{_BEFORE}) )?(?P<count>{NUMBER}) lines?(?P<long> long)?",
        check_lines,
    ),
    (
        r"(?:do not|don't|never) (?:ever )?(?:say|mention|tell (?:anyone|anybody|people|me|us|"
        r"them)|reveal|admit|let on|state|claim|remind (?:me|us|them))(?: that)? you(?: are|'re) "
        r"(?:just |only )?an? (?:(?:AI|artificial|large|computer|virtual) )?(?:AI|language model|"
        r"assistant|chat ?bot|bot|robot|machine|intelligence|program|model)",
        SAYS_NO_MODEL,
    ),
    (
        rf"(?:(?:{_ANSWER}|use|have|be)(?: (?:in|with|to|using|within))? )?{_RANGE}"
        rf"(?: long)?{_WHERE}",
        check_range,
    ),
    (
        rf"(?:{_ANSWER} |say |start with |only |just )*(?:with )?(?:only |just |either )*"
        r"[\"']?yes[\"']? or [\"']?no[\"']?"
        r"(?: only| first|,? (?:and )?nothing (?:else|more))?"
        r"(?:,? (?:and |before )?then (?P<more>.+))?",
        check_yes_or_no,
    ),
    (
        rf"{_NOT} (?:be |give |write |use |make )?(?:(?:so|too|very|overly|any|me) )*(?:long|"
        rf"lengthy|wordy|verbose|long-winded|rambling|ramble)(?: {REPLIES}| sentences)?",
        f"max_words={BRIEF_WORDS}",
    ),
    (
        rf"{_NOT} (?:{_USE}|answer|reply|respond|speak|talk)(?: (?:in|to me in))? (?:any )?"
        rf"(?P<language>{'|'.join(LANGUAGES)}){_WHERE}",
        negate(check_language),
    ),
    (
        rf"(?:{_USE} |have )?(?:only )?(?:{'|'.join(AT_MOST)}) (?P<most>{_NUMBER}) "
        rf"(?P<mark>{_MARK}){_WHERE}",
        check_most_marks,
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:so|too|that) many (?P<mark>(?:{'|'.join(USED_MARKS)}|emoji|"
        rf"emoticon|smiley)s?){_WHERE}",
        check_most_marks,
    ),
    (
        (
            rf"(?:{_ANSWER} |use )(?:(?:in|with|to|using|within(?= exactly)) "
            rf")?(?:(?P<before>{_BEFORE}) )?{_COUNT}{_AFTER}{_WHERE}"
        ),
        check_bound,
    ),
    (rf"(?:in|with) (?:only |just )?{_COUNT}", check_bound),
    (
        rf"(?:have |contain |in |with )?"
        rf"(?P<before>{'|'.join((*AT_MOST, *AT_LEAST, *OVER, *UNDER, *EXACT[:-1]))}) "
        rf"{_COUNT}{_AFTER}{_WHERE}",
        check_bound,
    ),
    (
        rf"{_NOT} (?:(?:{_USE}|(?:answer|reply|respond|write|speak)(?: (?:in|with))?|go|run|be) )?"
        rf"(?P<before>{'|'.join((*OVER, *UNDER))}) {_COUNT}(?: long)?{_WHERE}",
        check_forbidden_bound,
    ),
    (
        rf"{_NOT} (?:(?:{_USE}|speak|talk)(?: in)? "
        rf")?(?P<marks>{_MARK}(?:{_SEPARATOR}{_MARK})*){_WHERE}"
        r"(?:,? (?:(?:but )?(?:write|spell) (?:them|it) out)(?: in (?:words|letters|full))?)?",
        check_marks,
    ),
    (
        rf"(?:{_NOT}|skip|omit|leave out|drop) (?:{_USE} )?(?:any |an? |the )?(?:greetings?|"
        rf"salutations?){_WHERE}",
        NO_GREETING,
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:any |an? )?numbered[- ]lists?{_WHERE}",
        "not format=numbered",
    ),
    (
        rf"{_NOT} (?:{_USE} )?{_LIST}(?:{_SEPARATOR}{_LIST})*{_WHERE}",
        "not format=list",
    ),
    (
        rf"(?!.*\bnumbered\b)(?:{_ANSWER} (?:in|with|as|using)|use|give|be|have|contain|include|"
        rf"make|send)(?: (?:me|us|them))? (?:the form of )?{_WANTED_LIST}"
        r"(?: only| of (?!(?:up to|at most|at least|no more|fewer|exactly)\b)[a-z -]+)?",
        "format=list",
    ),
    (
        rf"(?!.*\bnumbered\b)(?:give|present|format|write|put|provide|structure|deliver|show|"
        rf"state|return)(?: (?:me|us|them))? (?:{_IT}|(?:(?:all|the|your|my|every) )*[a-z]+"
        rf"(?: [a-z]+)?) (?:in|as|in the form of) {_WANTED_LIST}",
        "format=list",
    ),
    (
        rf"{_NOT} (?:ask|asking)(?: (?:the user|{THEM}))? (?:anything|something|things)(?: back)?|"
        rf"(?:{_NOT} (?:ask|asking)|ask no)(?: (?:the user|{THEM}))?"
        r"(?: (?:any|follow-?up|further|more|back))*(?: questions?)?(?: back)?",
        'not contains "?"',
    ),
    (
        rf"(?:{_NOT} (?:ask|asking)|ask no)(?: (?:me|us|the user|them))?(?: (?:any|an?|another|"
        r"follow-?up|further|more))* questions? (?:at the|in the) end|"
        rf"{_NOT} (?:closing|final|last) questions?|{_NOT} questions? at the end",
        'not ends "?"',
    ),
    (rf"{_NOT} (?:say|saying) (?P<marks>[a-z]+)", check_no_word),
    (
        rf"{_GIVE_CODE}(?: (?:in|with|using))? (?:only|just|solely|nothing but|nothing except)"
        rf"(?: (?:in|with))? {_CODE}{_NO_TALK}?|(?:only|just) {_GIVE_CODE}(?: (?:in|with))? "
        rf"{_CODE}{_NO_TALK}?|{_GIVE_CODE}(?: (?:in|with|using))? {_CODE}(?: only| alone|"
        rf"{_NO_TALK})+",
        "format=code",
    ),
    (
        (
            rf"{_JSON}(?: only)?(?: an?)?(?: (?:valid|raw))?(?: an?)? json(?: objects?| "
            r"format| only)*"
        ),
        "format=json",
    ),
    (
        rf"(?:{_ANSWER}|(?:speak|talk|write|respond|reply) (?:to|with) (?:me|us)|{REPLIES})"
        r"(?: (?:me|us|always|only))* in "
        rf"(?P<language>{'|'.join(LANGUAGES)})(?: only| language)?",
        check_language,
    ),
    (
        rf"(?:(?:{_ANSWER}|use)(?: only)?{_ALL}(?: in| with)? )?(?:all |only )?{_LOWER}{_LETTERS}",
        r'not regex "\\p{Lu}"',
    ),
    (
        rf"(?:(?:{_ANSWER}|use)(?: only)?{_ALL}(?: in| with)? )?(?:all |only )?{_UPPER}{_LETTERS}",
        r'not regex "\\p{Ll}"',
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:any )?(?:whole )?words in (?:all )?(?:capitals|caps|capital "
        rf"letters|upper case){_WHERE}",
        f"not {CAPITAL_WORD}",
    ),
    (
        rf"(?:{_NOT} (?:{_USE} )?(?:any |in )?(?:all[- ]caps|block capitals|caps lock)|{_NOT} "
        rf"shout)(?: words)?{_WHERE}",
        f"not {SHOUTED}",
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:any )?{_UPPER}(?: letters?)?{_WHERE}",
        r'not regex "\\p{Lu}"',
    ),
    (rf"""{_NOT} (?:{_USE} )?the letter ["']?(?P<letter>[a-z])["']?{_WHERE}""", check_no_letter),
    (
        rf"(?P<edge>start|begin|open|end|finish|close|conclude) {_LEADS_TO}(?:an? |some )*"
        rf"(?:(?P<drawn>{PICTURES}(?:{_PICTURE_JOIN}{PICTURES})*)(?: emojis?)?|"
        rf"{_NAMED_PICTURE})",
        check_emoji,
    ),
    (
        rf"(?P<edge>start|begin|open|end|finish|close|conclude|sign(?: off)?) {_LEADS_TO}"
        rf"(?:an? |some )*(?P<names>{_PICTURE_NAMES})",
        check_emoji,
    ),
    (rf"(?:start|begin|open) {_WITH}", make_edge("starts")),
    (
        r"greet(?: (?:me|us|them|him|her|everyone|the user|people))? with (?P<value>.+)",
        make_edge("starts"),
    ),
    (rf"(?:end|finish|close|conclude|sign(?: off)?) {_WITH}", make_edge("ends")),
    (
        rf"sign(?: off)?(?: {_IT})?(?: (?:as|with|using)|:?(?= [\"'])) (?P<value>.+)",
        make_edge("ends"),
    ),
    (
        rf"{_NOT} (?:ever )?(?:start|begin|open)(?:ing)?{_EDGED} {_WITH}",
        make_no_edge("starts"),
    ),
    (
        rf"{_NOT} (?:ever )?(?:end|finish|clos|conclud)(?:e|ing)?{_EDGED} {_WITH}",
        make_no_edge("ends"),
    ),
    (
        rf"(?:(?:(?:use|write|have) )?no|(?:never|do not|don't) (?:write|use)|avoid) (?:an? )?"
        rf"{_PART} (?:(?:(?:may|must|should|can) be|is|are) )?(?:with |of )?"
        rf"(?P<before>{'|'.join(OVER)}) {_PART_SIZE}"
        r"(?: long)?",
        check_part_length,
    ),
    (
        rf"(?:(?:limit yourself|stick|keep|stay)(?: to| at)* |(?:(?:use|write|have) )?(?={_LESS} ))"
        rf"(?:(?P<before>{_LESS}) )?{_PART_SIZE} {_IN_EACH} {_PART}",
        check_part_length,
    ),
    (
        r"(?:(?:use|write|have)|(?:limit yourself|stick|keep|stay)(?: to)?) "
        rf"(?P<before>{_LESS}) (?P<count>{NUMBER}) sentences? {_IN_EACH} paragraph",
        check_paragraph_length,
    ),
    (
        r"(?:write|put|start|begin|set) (?:each|every) (?:single )?sentence (?:on (?:its own|a "
        r"(?:new|separate)) line|on a line of its own|in a new line)",
        EACH_ON_A_LINE,
    ),
    (
        rf"(?:(?:keep|limit|make) )?(?:(?:all|every|each|your) )*{_PART} "
        rf"(?:to |at |(?:(?:must|should|may|can) )?be )?(?P<before>{_LESS}) {_PART_SIZE}"
        r"(?: long| each)?",
        check_part_length,
    ),
    (
        rf"(?:use|write|have) (?:short |brief |simple )?{_PART} of (?P<before>{_LESS}) "
        rf"{_PART_SIZE}(?: long| each)?",
        check_part_length,
    ),
    (
        r"start (?:every|each|all) (?:single )?lines? with (?P<value>[\"'][^\"']+[\"']|"
        r"\[ ?\]|[^\w\s]{1,3}|a dash|a hyphen|a bullet)",
        check_line_start,
    ),
    (
        r"(?:quote (?:at least )?(?:an?|one|the) [a-z' ]+(?<!s)|(?:put|set|write) the "
        r"(?!(?:[a-z]+ )?(?:whole|full|entire|words?|names?|numbers?|text|sentence|line|"
        rf"{REPLIES})\b)[a-z']+(?: [a-z']+)?(?<!s)) in (?:double )?(?:quotation marks|quotes)",
        r'regex "\"[^\"\n]+\"|“[^”]+”"',
    ),
    (
        r"(?:put|set|write|give)(?: only)? (?P<what>it|this|that|the (?:translation|text|result|"
        r"sentence|answer|definition)|your (?:answer|reply|response|translation)) (?:in|between|"
        r"inside) (?:double )?(?:quotation marks|quotes|inverted commas)(?P<only>,? (?:and|but)? "
        r"?(?:add|write|say) nothing (?:else|more|around it))?",
        check_quoted,
    ),
    (
        rf"{_NOT} (?:swear|curse|insult (?:me|us|him|her|them|anyone|anybody|people)|use (?:any "
        rf")?(?:swear "
        r"words?|bad (?:language|words)|slang))(?:ing)?,? not even (?:with |say |use )?(?:the "
        r"words? )?(?P<words>[\"'][^\"']+[\"'](?:(?:,? (?:or|and|nor) |, )[\"'][^\"']+[\"'])*)",
        check_no_quoted_words,
    ),
    (
        r"(?:(?:write|put|give|list|use|have|place|do|make|answer)(?: (?:it|them|the list|lists?|"
        r"everything))? )?(?:with |as )?(?:only )?(?:one|an?|each|every|a single) (?:single "
        r")?(?:item|ingredient|entry|product|thing|name|title|word|city|idea|option)s? (?:per "
        r"line|(?:on|in) (?:each|its own|a new|a separate|every|one|an extra) line|on a line of "
        r"its own|a line)(?P<dash>(?:,| and)?(?: each)?(?: with)? (?:an? )?(?:dash|hyphen|"
        r"bullet)(?: in front(?: of (?:it|each|them))?| before (?:it|each)| at the "
        r"start)?)?(?P<only>,? (?:and )?nothing (?:else|more))?",
        check_items_apart,
    ),
    (
        rf"{_NOT} (?:use|say|write|saying|using)(?: the words?)? [\"'](?P<word>\w+)[\"'] in any "
        rf"(?:form|way)",
        lambda match: f'not contains "{match["word"]}*"',
    ),
    (
        rf"(?:give|list|name|write)(?: (?:me|us|them))? (?:exactly |just |only "
        rf")?(?P<count>{NUMBER})(?: (?:of them|"
        r"[a-z]+s))?,? (?:one|each)(?: one)? (?:per line|on (?:its own|a new|a separate|each) "
        r"line)(?:,? (?:and )?nothing (?:else|more))?",
        check_so_many_lines,
    ),
    *NOTATION_FORMS,
    *((form, forbid_topics) for form in FORBIDDING_FORMS),
    (
        rf"(?:do not|don't|never) (?:exceed|go over|use over) {_COUNT}",
        lambda match: f"max_{name_unit(match['unit'])}={parse_count(match['count'])}",
    ),
    (
        rf"(?P<before>)?{_COUNT}(?:,? (?P<after>at most|tops|(?:and )?no more|max(?:imum)?|or "
        rf"less|or fewer|at least|only|long))",
        check_bound,
    ),
    (
        rf"(?:be|stay|answer|reply|respond|write|speak|express yourself|(?:keep|make)(?: {_IT})?|"
        rf"(?:give|use|write)(?: only)?(?= (?:short|brief|concise)(?:er)? {REPLIES}))"
        rf"(?: only)? {_DEGREE}{_BRIEF}(?: (?:and|but) (?:to the point|sweet|{_BRIEF})| as "
        rf"possible| and to the point| {REPLIES}|,? please)*",
        f"max_words={BRIEF_WORDS}",
    ),
    (
        rf"{_NOT} (?:{_USE} )?{_NAMED} (?:emojis?|emoticons?){_WHERE}",
        negate(check_emoji),
    ),
    (
        rf"{_NOT} (?:{_USE}|send) (?:any |an? )?(?P<names>{_PICTURE_NAMES}){_WHERE}",
        negate(check_emoji),
    ),
    (
        rf"(?:only )?(?:{_USE}|send|sprinkle|insert|sneak|throw|drop|slip|work|with|sign(?: off)? "
        rf"with)(?: in)? (?:(?P<many>{'|'.join(MANY)}) )?"
        r"(?:(?:some|an?|at least (?:one|an?)|one|any|cute|"
        rf"funny|nice|matching|fitting|suitable|the|of) "
        rf")*(?:(?P<drawn>{PICTURES}(?:{_PICTURE_JOIN}{PICTURES})*)(?: emojis?)?|"
        rf"{_NAMED_PICTURE}){_WHERE}",
        check_emoji,
    ),
    (
        rf"(?:use|add|include|send|put|throw in)(?: in)? (?:(?P<many>{'|'.join(MANY)}) )?"
        rf"(?:(?:an?|some|at least one|one|little) )*(?P<names>{_PICTURE_NAMES}){_WHERE}",
        check_emoji,
    ),
    (
        rf"(?:write|spell|start|begin)(?: the (?:word|name))? (?P<name>{_ODD_NAME}) with an? "
        r"(?P<capital>capital|big|upper-?case)(?: \w| letters?| first letter)?"
        rf"(?: at the (?:start|beginning))?{_NOT_SPELLED}",
        check_spelled,
    ),
    (
        r"(?:answer|reply|respond)(?: only| always)? with (?:an?|another)(?: [a-z]+)? question"
        r"(?: of your own| back)?",
        'ends "?"',
    ),
    (
        r"(?:write|spell)(?: (?:the|an?))?(?: words?)? (?P<name>[\"']?\w+-\w+[\"']?)(?: with an? "
        r"(?:hyphen|dash))(?:,? (?:and )?(?:not|never|instead of|rather than)(?: as)? "
        r"[\"']?\w+[\"']?)?",
        check_hyphen,
    ),
    (
        r"(?:write|spell)(?: the word)? [\"'](?P<word>\w+)[\"'] without an? (?:hyphen|dash)",
        lambda match: (
            rf'not regex "(?i)\\b(?!{match["word"]}){"-?".join(match["word"])}(?:e?s)?\\b"'
        ),
    ),
    (
        rf"(?:(?:write|spell|put|show) {_SPELLED_THING}|(?:write|spell) )"
        r"(?P<name>(?-i:[A-ZÀ-Þ]{2,}(?:[+&-][A-ZÀ-Þ]+)*)),? (?:always )?"
        rf"(?:only )?(?:in|with|using) (?:all |only )?{_UPPER}(?: letters)?{_EVERYWHERE}"
        rf"{_NOT_SPELLED}",
        check_spelled,
    ),
    (
        rf"(?:write|spell) (?:{_SPELLED_THING}|it |this )(?P<name>{_ODD_NAME})"
        rf"(?:,? with (?:an?|the) [a-z]+(?: \w)?(?: in the [a-z]+| at the [a-z]+)?)?{_EVERYWHERE}"
        rf"{_NOT_SPELLED}",
        check_spelled,
    ),
    (
        rf"(?:write|put|use|add|place|give)(?: the (?:code|letters|word))? [\"']?"
        rf"(?P<code>(?-i:[A-Z]{{3}}))[\"']? (?P<place>before|in front of|after|behind) {_MONEY}"
        rf"(?P<old>,? (?:instead of|rather than|in place of|and not|not|never) .+)?",
        check_placed_code,
    ),
    (
        rf"(?:write|say|use|put|spell){_THE_WORD} {_NEW}(?: with(?:out)? an? \w+| in full)?(?: "
        rf"instead of| in place of| rather than"
        rf"(?=(?: the word)? [\"'])|,? not|,? never|,? and not)"
        rf"{_THE_WORD} {_OLDS}",
        replace_words,
    ),
    (
        rf"call (?:it|them|this|that|us|me|(?:our|the|my) [\w ]+?) (?!(?:and|but)\b){_NEW}"
        r"(?: instead of| rather than|,? (?:not|never)|,? (?:and|but) (?:not|never)(?= (?:[\"']|"
        r"(?-i:[A-ZÀ-Þ])|[\w-]+s$)))"
        rf"{_THE_WORD} {_OLDS}",
        replace_words,
    ),
    (
        # "the right word is "bookings", so don't use "reservations""
        rf"(?:the|our) (?:right|correct|proper|preferred) (?:word|term|name|spelling) is {_NEW}"
        rf"[,;]?(?: (?:so|and))?(?: please)? (?:do not|don't|never|avoid) (?:(?:use|say|write|"
        rf"using|saying|writing) )?{_IS_NAME}{_OLDS}",
        replace_words,
    ),
    (
        rf"(?:please )?(?:do not|don't|never) (?:use|say|write) {_OLD}[,;]? (?:the|our) (?:right|"
        rf"correct|proper|preferred) (?:word|term|name|spelling) is {_NEW}",
        replace_words,
    ),
    (
        # "it's Lumora now, never Glowtech", "its Mum not Mom"
        r"(?:(?:it|(?:our|the|my) (?:new )?(?:name|company|shop|store|brand|business|product|app|"
        r"town|team|street|school|firm))(?:['’]?s| is)|we(?:['’]re| are)"
        r"(?=.* (?:now|called|named)\b))"
        rf"(?: now)?(?: called| named)? {_IS_NAME}{_NEW}(?: now)?,? (?:and |but )?(?:not|never|"
        rf"no longer|instead of) {_IS_NAME}{_OLD}(?: any ?more)?",
        replace_words,
    ),
    (
        # "call him Biscuit and not the dog"
        r"call (?:him|her) (?P<new>(?-i:[A-ZÀ-Þ])[\w'-]+)(?:,? (?:and |but )?(?:not|never)|,? "
        r"(?:instead of|rather than))(?: just| simply)? (?P<old>(?:the|my|our) [a-z]+)",
        rename,
    ),
    (
        r"say (?!(?:I|you|we|they|it)\b)(?P<new_many>\w[\w'-]*(?: \w[\w'-]*){1,3})"
        r"(?: instead of|,? not|,? never) (?!in |that )(?P<old_many>\w[\w'-]*(?: \w[\w'-]*){1,3})",
        replace_phrases,
    ),
    (
        rf"(?:write|say|spell)(?! (?:sorry|thanks|thank|hello|hi|yes|no)\b){_THE_WORD} {_NEW} "
        rf"for{_THE_WORD} {_OLDS}",
        replace_words,
    ),
    (rf"(?:use|put){_THE_WORD} (?=[\"']){_NEW} for{_THE_WORD} (?=[\"']){_OLDS}", replace_words),
    (
        rf"(?:write|spell|say){_THE_WORD} (?=[\"']){_OLD} (?:always )?as (?=[\"']){_NEW}",
        replace_words,
    ),
    (
        r"(?:write|spell) (?P<old>(?-i:[A-ZÀ-Þ][\w.]*)|[a-z]+-[a-z]+) (?:always )?as "
        r"[\"'](?P<new>[^\"']+)[\"']",
        write_as,
    ),
    (
        rf"(?P<edge>end|finish|close|conclude|start|begin|open)(?: {_IT})? with an? "
        r"(?:(?:one-line|single-line|short|brief|final|last|closing|first|new|separate) )*(?:line|"
        r"summary|sentence|remark|note|paragraph|heading|title) (?:that |which )?(?:starts?|"
        r"begins?|"
        rf"starting|beginning|opens?|opening) with {_LITERALLY}",
        check_edge_line,
    ),
    (
        rf"(?:{_ANSWER}|use|stick to|stay with) (?:(?:in|with|as) )?(?:only )?(?:(?:normal|running|"
        r"flowing|continuous|ordinary|full|regular|connected|plain(?= (?:prose|paragraphs))) )+"
        r"(?:text|prose|paragraphs|sentences)(?: only| instead)?",
        "not format=list",
    ),
    (rf"instead of(?: the (?:word|term))? {_OLD},? (?:say|write|use|put) {_NEW}", replace_words),
    (
        rf"(?:replace|swap|exchange)(?: (?:every|all|any|each))?(?: the (?:word|term))? {_OLDS} "
        rf"(?:by|with|for)(?: the (?:word|term))? {_NEW}",
        replace_words,
    ),
    (rf"substitute {_NEW} for {_OLDS}", replace_words),
    (
        rf"(?:the word )?{_OLDS} (?:should|must) be (?:written|spelled|called|replaced (?:by|"
        rf"with))(?: as)? {_NEW}",
        replace_words,
    ),
    (
        r"(?:(?:never|do not|don't) (?:say|write|use)|(?:stop|quit|avoid) (?:saying|writing|"
        rf"using)|avoid|no more){_THE_WORD} {_OLDS}[,;:]? "
        rf"(?:and )?(?:(?:{_FILLERS},? ){{0,3}}(?:say|write|use|put|but|always|rather|instead)"
        rf"(?: the (?:word|term))? |(?:{_FILLERS},? ){{1,3}}(?=[\"']))"
        rf"(?!(?:nothing|none|it|them|that|this)\b){_NEW}(?: instead)?"
        r"(?: if you (?:have to|must))?",
        replace_words,
    ),
    (
        # "we don't say "staff", we say "team"", "we never say "users", it's "members""
        r"(?:we|people here) (?:do not|don't|never) "
        r"(?:say|use|write|have|do|call (?:it|them|him|her|people))(?: the (?:word|term))? "
        rf"(?=[\"']){_OLDS}(?: here)?[,;:]? (?:(?:but|instead|just) |(?:but |instead )?"
        r"(?:(?:we|it|they)(?:['’](?:s|re)| is| are)?(?: always| prefer to)? "
        r"(?:(?:say|use|write|have|do|call (?:it|them|him|her|people)) )?))"
        rf"(?=[\"']){_NEW}(?: instead)?",
        replace_words,
    ),
    (
        rf"there are no (?=[\"']){_OLDS}[,;]? (?:only|just) (?=[\"']){_NEW}",
        replace_words,
    ),
    (
        # "refer to people as "people with diabetes" and not "diabetics""
        rf"(?:refer to|speak of|describe|call) (?!(?:our|my|the|your)\b){_NAMED_THING} "
        rf"(?:as )?(?=[\"']){_NEW},? "
        rf"(?:and |but )?(?:not|never|instead of|rather than)(?: as)? (?=[\"']){_OLDS}",
        replace_words,
    ),
    (
        r"call (?:it|them|him|her|this|that|us) an? "
        rf"(?=[\"']){_NEW},? (?:and |but )?(?:not|never|instead of|rather than) (?:an? )?"
        rf"(?=[\"']){_OLDS}",
        replace_words,
    ),
    (
        rf"(?:we )?prefer the (?:word|term) {_NEW} (?:to|over|instead of){_THE_WORD} {_OLDS}",
        replace_words,
    ),
    (
        # "never "hi", always "hello""
        rf"(?:never|not|no) (?=[\"']){_OLDS}(?:[,;:]| [-–—])? (?:and )?(?:(?:but|always|only|just|"
        rf"rather|instead|use|say|write|put),? ){{1,3}}(?=[\"']){_NEW}(?: instead)?",
        replace_words,
    ),
    (
        rf"(?:refer to|speak of|write about) (?P<old>{_NAMED_THING}) as [\"']?"
        rf"(?P<new>(?!{_NO_NOUN})[\w'’&.-]+(?: [\w'’&.-]+){{0,3}})[\"']?",
        rename,
    ),
    (
        r"(?:do not|don't|never) call (?:it|them|him|her|this|that|(?:our|the|my) [a-z ]+?) (?:an? "
        r"|the )?"
        rf"(?=[\"']){_OLD}[,;]? (?:but |rather )?(?:call (?:it|them|him|her|this|that) |say |use "
        rf")(?:an? |the )?(?=[\"']){_NEW}(?: instead)?",
        replace_words,
    ),
    (
        rf"(?:do not|don't|never) (?:call (?:it|them)|say) {_CALLED_OLD}[,;]? (?:but |rather )?"
        rf"(?:always )?call (?:it|them) {_CALLED_NEW}(?: instead)?",
        call_otherwise,
    ),
    (
        rf"(?:always )?call (?:it|them) {_CALLED_NEW},? (?:(?:and|but) )?"
        rf"(?:not|never|instead of|rather than) (?:call (?:it|them) )?{_CALLED_OLD}",
        call_otherwise,
    ),
    (
        rf"{_NOT} (?!.*\byourself\b)(?:(?:refer(?:ring)? to|speak(?:ing)? (?:of|about)|describ(?:e|"
        rf"ing)|writ(?:e|ing) (?:of|"
        r"about)|address(?:ing)?) [^\"']+? as|call(?:ing)? [^\"']+?)(?: (?:an?|the))? "
        r"[\"'](?P<value>[^\"']+)[\"']",
        negate(check_literal),
    ),
    (
        rf"{_NO_CALL} (?:[\"'](?P<value>[^\"']+)[\"']|(?P<bare>(?!{_NO_NAME})[\w-]+))",
        check_not_called,
    ),
    (
        rf"(?:call|address|refer to) (?:me|him|her|us|them)(?: as| by)? (?P<name>{_FULL_NAME}),? "
        r"(?:(?:and|but) )?(?:not|never|instead of|rather than)(?: (?:as|by|use|say|write))?"
        rf"(?: (?:my|his|her|their) (?:[a-z]+ )?name,?)? (?P<other>{_FULL_NAME})",
        check_name_not_other,
    ),
    *(
        (
            rf"(?:(?:speak|talk|write|answer|reply)(?: of yourself)?|refer to yourself) as "
            rf"[\"']?{one}[\"']?(?:,? (?:not|never|instead of|"
            rf"rather than)(?: as)? [\"']?{other}[\"']?)?",
            f"not {MARKS[f'first person {number}']}",
        )
        for one, other, number in (("we", "I", "singular"), ("I", "we", "plural"))
    ),
    (rf"{_CALL} [\"'](?P<value>[^\"']+)[\"']", check_literal),
    (
        r"(?:write|spell) (?:it|this|that|them) (?:as )?(?P<value>(?-i:[A-ZÀ-Þ])[\w' ]*|"
        r"[\"'][^\"']+[\"'])",
        spell_so,
    ),
    (
        r"(?:(?:tell|write|give|say|explain|answer|begin) .+ )(?P<edge>starting|beginning|"
        r"opening) with (?P<value>[\"'].+)",
        make_edge("starts"),
    ),
    (
        r"(?:(?:tell|write|give|say|explain|answer) .+ )(?P<edge>ending|closing|finishing) with "
        r"(?P<value>[\"'].+)",
        make_edge("ends"),
    ),
    (
        rf"{_NOT} (?:use|write|put) (?:the word )?[\"']?(?P<word>[\w'-]+?)[\"']? at the "
        r"(?:start|beginning) of (?:a|any|each|every) sentences?",
        check_no_sentence_start,
    ),
    (
        r"(?:greet|welcome)(?: me| us| him| her| them| the user) as "
        r"(?P<value>(?-i:[A-ZÀ-Þ])[\w' ]*)",
        check_literal,
    ),
    (
        r"call (?P<old>(?:the|my|our|your) [\w' -]+?) (?:[\"'](?P<quoted>[^\"']+)[\"']|"
        r"(?P<new>(?-i:(?:The )?[A-ZÀ-Þ])[\w'’&-]*(?: (?-i:[A-ZÀ-Þ])[\w'’&-]*){0,3}))",
        rename,
    ),
    (
        r"(?:never|do not|don't|avoid) (?:refer(?:ring)? to|call(?:ing)?) yourself (?:as )?"
        r"[\"']?I[\"']?",
        r'not regex "\\bI\\b"',
    ),
    *(
        (
            rf"{_NO_USE} {other} {_QUOTES}|"
            rf"(?:always |only )*(?:use|write with|prefer)(?: only)? {one} {_QUOTES}"
            rf"(?:,? (?:not|never|instead of|rather than) {other}(?: ones| quotes| quotation "
            r"marks)?)?",
            check,
        )
        for one, other, check in (
            ("single", "double", NO_DOUBLE_QUOTES),
            ("double", "single", NO_SINGLE_QUOTES),
        )
    ),
    (
        rf"(?:say|write|use) {_TWO_NEW} (?:instead of|rather than) {_TWO_OLD}",
        replace_two,
    ),
    (
        r"(?:never|do not|don't) (?:abbreviate|shorten) (?P<new_many>(?=[\"'])[\"'][^\"']+[\"']|"
        r"[\w ]+?) (?:to|as|with|by) [\"']?(?P<old_many>[\w.&]+)[\"']?",
        replace_phrases,
    ),
    (
        r"(?:write|spell) [\"']?(?P<value>\w+ \w+)[\"']? as two words",
        check_two_words,
    ),
    (
        r"(?:never|do not|don't) call (?:the|our|my) (?P<new_many>[a-z]+) (?P<old_many>(?!by\b|"
        r"me\b|us\b|it\b)[a-z]+s)",
        replace_phrases,
    ),
    (
        r"(?:have|include|add|use|write|contain) (?:a|an|one|the) (?:[a-z]+ )?(?:section|heading|"
        r"part|paragraph|chapter|line) (?:called|named|titled|headed|with the (?:title|heading)) "
        r"[\"'](?P<value>[^\"']+)[\"']",
        check_literal,
    ),
    (
        rf"{_CALL} (?!.* or )(?P<value>(?:(?:Dr|Mrs?|Ms|Prof)\. )?(?-i:[A-ZÀ-Þ])[\w' ]*|"
        rf"(?!{_NO_NAME})[\w-]+)",
        check_literal,
    ),
    (
        r"call (?P<old>(?:the|my|our|your) (?:[a-z]+s|children|people|men|women|staff)) "
        rf"(?P<new>(?!{_NO_NAME})[a-z]+s)",
        rename,
    ),
    (
        r"call (?!(?:never|not|me|us|him|her|them|it|the|an?|my|our|your)\b)"
        rf"{_OLD} (?!{_NO_NAME}){_NEW}",
        replace_words,
    ),
    (
        r"(?:say|write|include|mention|add|use|put|insert|contain|have)(?: (?:at least )?(?:one|"
        r"once|an?)(?= [\"']))?(?: (?:the|a|my|our|his|her|their) (?:words?|phrase|hashtag|"
        r"sentence|line|expression|term|(?:nick|pet |full |"
        rf"first )?name|greeting|title|slogan|motto|tagline|signature|abbreviation|warning|note|"
        rf"disclaimer|remark|reminder|hint|message|wish|question|code|label|addition|notice|"
        rf"tip))? {_LITERALLY}(?: somewhere)?{_WHERE}",
        check_literal,
    ),
    (
        rf"(?:say|write|answer|reply|respond)(?: only| just| back)*(?: with)?:? {_LITERALLY}"
        r"(?: back| in (?:return|reply|response)| to (?:them|him|her))?",
        check_literal,
    ),
    (
        r"(?:say|write|include|mention|use|contain|have|add|put)(?: the (?:word|name) "
        rf"(?!(?:count|limit)\b)(?P<bare>[\w-]+)|(?: the hashtag)? (?P<tag>#\w+)){_WHERE}",
        check_literal,
    ),
    (
        r"(?:use|include|add|put|write|contain|have|answer with|reply with|give|show)"
        rf"(?: (?:at least (?:one|an?)|an?|one|some|the))? {_USED_MARK}{_WHERE}",
        check_marked,
    ),
    (
        rf"(?:{_USE}|have|ask|give)(?: (?:me|us|them))? (?:(?P<many>{'|'.join(MANY)})|"
        rf"(?:(?P<before>{'|'.join((*AT_LEAST, *EXACT))}) )?(?P<count>{NUMBER})) {_USED_MARK}"
        rf"{_WHERE}",
        check_many_marks,
    ),
    (
        rf"(?:{_SHOW} )?(?:{_MONEY} )?(?:always )?(?:with|using) (?:the |an? "
        rf")(?P<mark>{'|'.join(SIGNS)})(?: (?P<place>in front|before|after|behind)(?: of)?(?: "
        rf"(?:it|them|{_MONEY}))?)?{_SIGN_TAIL}",
        check_placed_sign,
    ),
    (
        rf"(?:put|write|place|add|use) (?:the |an? )(?P<mark>{'|'.join(SIGNS)}) (?P<place>before|"
        rf"after|behind|next to|in front of|for|with) {_MONEY}{_SIGN_TAIL}",
        check_placed_sign,
    ),
    (
        rf"(?:put|write|place|add|use) (?:an? )?(?P<mark>(?:{CHECKBOX})s?) (?:before|in front of|"
        r"next to|beside|at the start of|for|to|by) (?:every|each|all|the) [a-z -]+",
        check_marked,
    ),
    (
        r"say (?P<value>hello|hi|thank you|thanks|please|sorry|goodbye|no comment|not yet|maybe|of "
        r"course|cheers|good luck|congratulations)",
        check_literal,
    ),
    (r"(?:say|answer|reply|respond)(?: with)?(?: only)? (?P<value>yes|no)", check_first_word),
    (
        r"(?:say|answer|reply) (?P<value>(?-i:[A-ZÀ-Þ])\w+(?: (?-i:[A-ZÀ-Þ])\w+){0,3})",
        check_literal,
    ),
    (
        rf"(?:mention|(?:tell|inform) (?!me\b|us\b){THEM} (?:about|of)) "
        r"(?!that |how |why |when |if |whether |both |all |some |two )(?P<what>.+?)"
        rf"(?: at the (?:end|beginning|start))?{_WHERE}",
        check_said,
    ),
    (
        r"(?:give|state|name|quote|include)(?: (?:me|us|them))? "
        rf"(?P<what>(?:the|our|my) (?:[a-z-]+ ){{1,2}}of {VALUE})",
        check_said,
    ),
    (
        rf"(?:(?:warn|remind)(?: (?:them|him|her|{AUDIENCE}))? (?:of|about|against)|(?:add|give|"
        rf"include) a "
        r"warning (?:about|of|against)) (?P<what>.+)",
        check_named,
    ),
    (
        rf"(?:introduce|present|describe|list|announce) {_NAMED_THING} (?:only )?as {_LITERALLY}",
        check_literal,
    ),
    (
        rf"(?:write|give|show) [a-z]+ (?:as|with|in) (?=[\"']){_NEW},? (?:and |but )?(?:not|never|"
        rf"instead of|rather than) (?:with |as |in |using )?{_OLD}",
        replace_words,
    ),
    (
        r"(?:include|name|mention|list|add|contain) (?:both )?(?P<names>(?-i:[A-ZÀ-Þ][\w'-]+"
        r"(?:(?:, | and |, and )[A-ZÀ-Þ][\w'-]+)+))",
        check_names,
    ),
    (
        r"(?:start|begin|open) with (?:the|a|today's) (?:current |meeting )?date,? (?:written "
        r")?(?:in|as|like) (?:the )?(?:(?:form|format|style) )?(?:of "
        r")?(?P<form>[dmy]{2,4}[./-][dmy]{2}[./-][dmy]{2,4})(?: (?:form|format|style))?",
        check_dated,
    ),
    (
        r"(?:have|put|give|state|write|show|include|list|contain|use) [^\"']+? (?:on|in|with) "
        r"(?:its|their|a|an) (?:own |separate |extra |new )?line(?: of (?:its|their) own)? "
        r"(?:that |which )?(?:starts?|begins?|starting|beginning|opening) with "
        r"(?P<value>\"[^\"]+\"|'[^']+')",
        check_own_line,
    ),
    (
        r"(?:give|include|add|put|use|write|offer|show|have|contain)(?: (?:me|us|them))? (?:an?|"
        r"the|one) [a-z -]+? (?:(?:that |which )?(?:starts?|begins?|opens?|starting|beginning|"
        r"opening) with|(?:introduced|"
        rf"headed|marked|labell?ed|preceded|followed) (?:by|with|as))(?: the words?)? {_LITERALLY}",
        check_literal,
    ),
    (
        r"(?:list|show|give|write|put|mark|present|set|format|enclose|wrap)(?: (?:me|us|them))? "
        r"(?:all )?(?:the|your|my|our|its|their) (?!(?:no|not|nothing|whole|entire|answers?)\b)"
        rf"[a-z'-]+(?: (?:of |and |in )?[a-z'-]+){{0,3}}? (?:with|as|in|into|using) (?:an? |the "
        rf")?{_USED_MARK}{_WHERE}",
        check_marked,
    ),
    (
        r"the (?:hero|heroine|main character|character|protagonist|villain|narrator|detective|"
        r"king|queen|princess|prince|witch|wizard|dragon|dog|cat|bear|rabbit|fox|child|boy|girl|"
        r"robot) (?:(?:must|should|has to|is to) (?:always )?be|is always) (?:called|named) "
        r"(?P<value>(?-i:[A-ZÀ-Þ])[\w'-]*(?: (?-i:[A-ZÀ-Þ])[\w'-]*)?|[\"'][^\"']+[\"'])",
        check_literal,
    ),
    (
        r"(?:call|address|refer to) (?:me|him|her|us|them|it) (?:by|with|as|using) (?:my|his|her|"
        r"our|their|its) (?:[a-z]+ )?name,? (?P<value>(?-i:[A-ZÀ-Þ])[\w'-]*)(?:,? (?:rather than|"
        r"instead of|not|never) .+)?",
        check_literal,
    ),
    (
        r"(?:say|answer|reply)(?: with)? (?P<what>(?!\S+ (?:words?|sentences?|lines?|things?|"
        r"times|facts?|examples?|paragraphs?|points?)\b)\d[^\"',;:]*)",
        check_named,
    ),
    (
        r"(?:just |only |always )*say (?P<what>(?!\w+ly$|(?:nothing|something|anything|everything|"
        r"more|less|much|little|things?|again|back|please|okay|otherwise|instead|whatever|that|"
        r"this|what|it|so|too|goodbyes?|words?|jokes?|facts?|first|last|only|also|just|clearly|"
        r"aloud|both|either|neither|enough|plenty|twice|once|mine|who|how|why|when|where|which|"
        r"sth|grace|nil|sooner|anyway|almost|often)$)[a-z]{3,})",
        check_named,
    ),
    (
        r"(?:start|begin) with an? (?:capital|upper-?case|big) letter",
        r'regex "^\\W*\\p{Lu}"',
    ),
    (
        r"(?:have|include|add|put|use|write) (?P<value>\([^()\s]{1,12}\))(?: (?:after|behind|"
        r"before|in|next to) .+)?",
        check_literal,
    ),
    (
        r"(?:include|name|add) (?P<what>(?:the name )?(?-i:[A-ZÀ-Þ])\w+(?: (?-i:[A-ZÀ-Þ])\w+)*)",
        check_said,
    ),
    (rf"(?:refer|point|direct|send)(?: {THEM})? to (?P<what>(?!.* as ).+)", check_said),
    (
        rf"(?:offer|give|send|provide|share)(?: {THEM})? (?:an? |the |our |their )?"
        r"(?P<what>(?:\d+ ?% (?:off )?)?(?:[a-z]+ ){0,2}(?:code|coupon|voucher):? [A-Za-z]+\d+)",
        check_said,
    ),
    (r"(?:recommend|suggest|advise)(?: to)? (?!against )(?P<what>.+)", check_recommended),
    (
        rf"(?:ask|put|add|have|include) (?:(?:me|us|them|the user) )?(?:an?|one) (?:\w+-?\w* )?"
        rf"question at the end(?: of {_EACH}{REPLIES})?",
        'ends "?"',
    ),
    (
        r"(?:ask|include|add|have|contain|pose|use|write)(?: (?:them|me|us|back))? (?:(?P<before>"
        rf"{'|'.join((*AT_LEAST, *EXACT))}) )?(?P<count>{NUMBER})(?: [a-z-]+)? questions(?: back)?",
        check_questions,
    ),
    (
        r"(?:ask|include|add|have|contain|put|put in|work in|pose|raise|use|write) (?:(?:them|him|"
        r"her|me|us|the user|the customer|back) )?(?:(?:at least|always) )?(?:an?|one|some) "
        rf"(?:follow-up |counter |polite |friendly |short )?questions?(?: back)?{_WHERE}",
        'contains "?"',
    ),
    (
        rf"(?:(?:use|speak|switch to|stick to|stay in|write|be in|be)(?: only)? )?(?:only )?(?:in "
        rf")?(?P<language>{'|'.join(LANGUAGES)})(?: only|,? please| (?:to|with) (?:me|us))*",
        check_language,
    ),
    (
        r"bold (?:the|all|your|every|each) [a-z -]+?(?: (?:in|of) (?:every|each|all|your|the) "
        r"[a-z]+)?(?: (?:with|using|in) (?:double |two )?(?:asterisks|stars))?",
        BOLD,
    ),
    (
        r"(?:the|all|every|each) [a-z ]+? (?:(?:must|should|has to|is to|are to) (?:always )?be|"
        r"goes|belongs) in bold(?: (?:with|using) (?:two |double )?(?:asterisks|stars).*)?",
        BOLD,
    ),
    (
        r"list (?:the|all|your|its) [a-z]+(?: [a-z]+)? with an? (?P<mark>dash|hyphen|bullet) "
        r"(?:in front of|before) (?:each|every)(?: one)?|(?:put|write) (?:each|every) [a-z]+ on "
        r"(?:its own|a separate|a new) line with an? (?P<mark_apart>dash|hyphen|bullet)(?: in "
        r"front)?",
        check_marked_items,
    ),
    (
        r"(?:(?:do|make|write|put|give|show|list|present) (?:it|them|that|this|everything)|"
        r"(?:lay|set) (?:it|them|that|this|everything) out) (?:as|in) an? (?:markdown )?table",
        MARKS["(?:markdown )?table"],
    ),
    (
        rf"(?:give|list|name|write)(?: (?:me|us|them))? (?P<count>{NUMBER}),? (?:separated by "
        r"commas|with commas between them)",
        check_comma_list,
    ),
    (
        # "spell out ASAP"
        r"(?:(?:spell|write) out|(?P<full>spell|write)) (?:the (?:abbreviation|acronym|letters) )?"
        r"[\"']?(?P<short>(?-i:[A-Z]{2,}))[\"']?(?(full) (?:out|in full)|(?: in full)?)",
        lambda match: rf'not regex "\b{match["short"]}\b"',
    ),
    (
        r"(?:write|spell) (?:words|everything|it all|all words) out(?: in full)?",
        f"not {MARKS['abbreviation']}",
    ),
    (
        r"(?:(?:use|write|include|have|contain) )?no (?:single )?words? (?:(?:that are )?longer "
        r"than|with more than|"
        rf"of more than|over) (?P<count>{NUMBER}) (?:letters|characters)",
        lambda match: rf'not regex "\\p{{L}}{{{parse_count(match["count"]) + 1},}}"',
    ),
    (
        rf"{_NOT} (?:{_USE} )?(?:a |any )?(?:single )?words? (?:ending|that ends?) (?:in|on|with) "
        rf"[\"']?-?(?P<end>"
        r"[a-z]{1,6})[\"']?",
        lambda match: rf'not regex "(?i)\\w{match["end"]}\\b"',
    ),
    (
        r"(?:write|spell|put)(?: the (?:word|name))? [\"'](?P<word>\w+)[\"'] in (?:all "
        r")?(?:capitals|caps|capital letters|upper case)",
        lambda match: rf'not regex "\\b(?!{match["word"].upper()}\\b)(?i:{match["word"]})\\b"',
    ),
    (
        rf"(?:nothing (?:at all )?|{_NOT} (?:put|write|set|make) (?:anything|(?:any )?words?) )"
        rf"in bold{_WHERE}",
        f"not {BOLD}",
    ),
    (
        r"(?:(?:use|write|answer in|give me) )?plain text(?: only)?",
        f"not {MARKS['markdown(?: formatting| syntax| markup)?']}",
    ),
    (
        r"(?:never|do not|don't) number (?:stuff|things|points|items|steps|lists|anything|them|"
        r"your points)",
        "not format=numbered",
    ),
    (
        r"(?:put|leave|write|use) a space between (?:a |the )?numbers? and (?:its |the |their "
        r")?units?(?:[:,;] .+)?",
        r'not regex "\\d(?:mm|cm|km|m|kg|g|mg|ml|l|cl|kW|W|V|Hz|MB|GB|km/h|°C)\\b"',
    ),
    (
        r"(?:the )?(?:words? )?(?P<name>[\"']\w+[\"']) (?:gets?|takes?|has|needs|is written with) "
        r"an? (?P<capital>capital|big|upper-?case)(?: \w| letter)?(?: wherever .+| everywhere| "
        r"always)?",
        check_spelled,
    ),
    (
        r"(?:(?:all|any|every) )?lists? (?:(?:must|should|have to|has to|are to) be|are|is)(?: "
        r"always)? numbered(?:,? (?:and )?(?:not|never) (?:bulleted|with bullets))?",
        NO_BULLETS,
    ),
    (
        r"(?:put|write|list|give)(?: (?:it|them|(?:the|all|your) [a-z]+))? (?:in|on) (?:one|a "
        r"single) line,? (?:separated by commas|with commas between them)(?:,? (?:and )?(?:not|"
        r"never) (?:in|as) a list)?",
        r'contains "," and not regex "\\n"',
    ),
    (
        r"(?:put|write|set|print|mark)(?: (?:the|all|your))? "
        r"(?!(?:nothing|no|not|everything|it)\b)[a-z -]+ in bold(?: (?:with|using) (?:two |double "
        rf")?(?:asterisks|stars))?{_WHERE}",
        BOLD,
    ),
    (
        rf"(?:{_ANSWER} )?(?:no longer than|not longer than|at most as long as|as short as|in the "
        r"length of) a tweet",
        "max_characters=280",
    ),
    (
        rf"{_NOT} (?:contain|include|have|use|mention|say|(?:contain|includ|us|mention|say|"
        rf"writ)ing)(?: the (?:words?|phrase|term|name))? {_LITERALLY}",
        negate(check_literal),
    ),
    (
        r"(?:say|state|mention|tell|note|indicate|include|add)(?: (?:me|us|them|always))? "
        r"(?:whether|if) (?:it|they|there|this|that|he|she) (?:is|are|has|have|contains?|"
        r"offers?|includes?|needs?|requires?|allows?|sells?|serves?|uses?|comes? with) "
        r"(?:any |an? |the )?"
        r"(?P<what>[a-z-]{4,}(?: [a-z-]{4,})?)",
        check_whether,
    ),
    (
        r"(?:include|contain)(?: (?:always|also|at least))?"
        r" (?P<what>(?:an? )?[a-z-]{4,})",
        check_included,
    ),
    (
        rf"prefer(?: the word)? (?=[\"']){_NEW} (?:to|over|instead of){_THE_WORD} {_OLDS}",
        replace_words,
    ),
    (
        rf"(?:translate|convert|put) (?:(?:all |every )?(?:(?:of )?your )?{REPLIES}|everything|it "
        r"all)(?: you (?:say|write))? (?:in)?to "
        rf"(?P<language>{'|'.join(LANGUAGES)})",
        check_language,
    ),
    (
        rf"{_NOT} (?:start|begin)(?:ning|ing)? (?:any |a |your |new )?sentences? with "
        r"(?:the words? )?[\"']?(?P<word>[\w'-]+?)[\"']?(?P<others>(?:(?:,| or|, or) "
        r"[\"'][\w'-]+[\"'])*)",
        check_no_sentence_start,
    ),
    (
        r"(?:name|give|mention|state) (?:(?:Dr|Mrs?|Ms|Prof)\.? "
        r")?(?P<value>(?-i:[A-ZÀ-Þ])[\w'-]+(?: (?-i:[A-ZÀ-Þ])[\w'-]+)*) as (?:the|our|your|an?|"
        r"my) [a-z -]+",
        check_literal,
    ),
    (
        r"(?:include|mention|give|add|state|use|put|write|quote|insert) (?:the|my|our|your) "
        r"(?:[a-z-]+ ){0,2}(?:number|code|title|date|phrase|term|name|id|hotline|extension|hours|"
        r"times?|price|fee)[:,]? (?:\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|"
        r"(?P<bare>[+(#]?[\w./-]*\d[\w./()-]*"
        rf"(?: [\d/-]+)*))(?: (?:in|into|to|at) .+)?{_WHERE}",
        check_literal,
    ),
    (
        rf"(?:{_USE}|mention|share|show|post|insert|give)(?: {THEM})? {LINK}(?P<value>{ADDRESS})"
        rf"(?: as (?:the|our|my) [a-z ]+)?{_WHERE}",
        check_literal,
    ),
    (
        rf"(?:(?:{_USE}|mention|state|show|quote|insert)(?: {THEM})?|(?:answer|reply|respond) "
        r"with) (?:(?:the|our|my|your) )?(?:[a-z-]+ ){0,2}address(?: of [a-z' -]+?)?(?:,|:| as| "
        r"which is)? (?P<value>(?-i:"
        rf"{STREET}))(?: (?:in|into|to|at) (?:the|your|every|each) .+)?{_WHERE}",
        check_literal,
    ),
    (
        rf"{_SAID_LEAD}(?: [^\"']{{1,80}}?)? (?:by (?:saying|writing|adding|using)|(?:with|using) "
        rf"the (?:words?|phrase|sentence|line)):? {_LITERALLY}",
        check_literal,
    ),
    (rf"{_NOT} (?:ever )?apologi[sz](?:e|ing)", f"not ({APOLOGY})"),
    (
        rf"(?:(?P<first>first )?apologi[sz]e|(?:(?P<edge>{_OPEN})|answer|reply|respond) "
        rf"(?:with|by) (?:an apology|apologi[sz]ing)|(?:offer|include|add|make) an? (?:[a-z]+ )?"
        rf"apology)(?: to {THEM})?(?: for .+?)?{_PLACE}",
        check_apology,
    ),
    (
        rf"(?:(?P<first>first )?thank|(?P<edge>{_OPEN}|{_CLOSE}) (?:with|by) (?:a thank[- ]you|"
        rf"thanks|thanking))(?: (?:to )?{_WHOM})?(?: for .+?)?{_PLACE}",
        check_thanks,
    ),
    (
        rf"wish {_WHOM} (?:an? |all )?(?:the |very )*(?P<what>(?:[a-z]+ ){{0,2}}?(?:luck|birthday|"
        r"day|evening|weekend|week|holidays?|christmas|easter|new year|trip|journey|flight|stay|"
        rf"success|recovery|best))(?: (?:of luck|for|with|in|on) .+?)?{_PLACE}",
        check_wish,
    ),
    (
        r"ask (?:(?:them|him|her|me|us|the user|the customer) )?(?:exactly |only |just )(?:one|a "
        r"single) (?:[a-z-]+ )?question",
        'regex "^[^?]*\\?[^?]*$"',
    ),
    (
        r"(?:never|do not|don't|avoid|must not|should not)(?: ever)? (?:contain|featur|suggest|"
        r"recommend)(?:e|ing)?(?: any)? "
        r"(?P<what>[a-z]{2,}s(?:(?:,| or| and|, or|, and) (?:any )?[a-z]{2,}s)*)(?: in (?:it|them|"
        r"there))?",
        forbid_things,
    ),
    (
        r"(?:include|give|name|mention|state|use) (?:at least )?(?:one|a) year(?: (?:written )?"
        r"(?:in|as) (?:digits|numbers|figures))?",
        r'regex "\\b\\d{3,4}\\b"',
    ),
    (
        r"(?:begin|start|open) with the date in the (?:form|format)(?: of)? [\"']?YYYY-MM-DD[\"']?",
        r'regex "^\\W*\\d{4}-\\d\\d-\\d\\d"',
    ),
    (
        r"(?:always )?hyphenate [\"']?(?P<new>[a-z]+-[a-z]+)[\"']?",
        hyphenate,
    ),
    (
        r"(?:never|do not|don't|avoid)(?: ever)? (?P<verb>use|write|using|writing) "
        r"(?P<words>[a-z-]+(?:,? (?:or|and|nor) [a-z-]+|, [a-z-]+)+?)"
        r"(?:,? or any of (?:these|those|the) [a-z ]+)?",
        forbid_words,
    ),
]
FORMS = [(re.compile(pattern, re.I), build) for pattern, build in _PATTERNS]
"""(form, its check or what builds it), in the order in which they are tried."""
