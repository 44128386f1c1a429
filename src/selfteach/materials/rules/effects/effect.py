"""Read an effect: what an answer must do to keep a rule.

An effect of a recognized form has a check (docs/reference/checks.md) that decides it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from selfteach.materials.rules.check_text import join_checks, quote_value
from selfteach.materials.rules.effects.category_words import asks_for_member
from selfteach.materials.rules.effects.counted_demand import say_counted_demand
from selfteach.materials.rules.effects.effect_checks import NO_BULLETS, ONLY_ITEMS, Effect
from selfteach.materials.rules.effects.effect_forms import FORMS
from selfteach.materials.rules.effects.keyword_demand import is_bare_noun, list_keyword_demands
from selfteach.materials.rules.effects.loose_demand import (
    drop_filler,
    list_wordings,
    split_demands,
    split_list,
)
from selfteach.materials.rules.effects.notation_forms import forbids_unit
from selfteach.materials.rules.effects.plain_demand import BECAUSE, to_plain_demand
from selfteach.materials.rules.effects.quoted_demand import say_quoted_demand
from selfteach.materials.rules.effects.said_clause import (
    DIRECTIONS,
    QUOTED_ANSWER,
    SAY_THAT,
    is_whole_answer,
    read_asked,
    read_clause,
)
from selfteach.materials.rules.effects.statement import (
    SAYS_ONLY,
    check_asked,
    check_statement,
    make_sentence,
)
from selfteach.materials.rules.effects.usual_words import (
    QUOTED,
    cut_remark,
    is_example,
    tells_of_somebody,
    tells_only,
    tells_reason,
    to_usual_words,
)
from selfteach.materials.rules.languages.other_languages import read_other_effect
from selfteach.materials.rules.phrases import (
    AUDIENCE,
    MORE_DEMANDS,
    REPLIES,
    SAYING,
    THEM,
    hide_quotes,
    show_quotes,
    straighten_quotes,
    unify_letters,
)
from selfteach.materials.rules.scopes.scope import (
    split_rule_sentences,
    starts_effect,
    to_imperative,
)
from selfteach.number_words import NUMBER
from selfteach.text import count_words

MAX_SENTENCE = 400
"""Characters; no form has a longer sentence."""


MAX_JOINTS = 6
"""So many times "and" may stand in a sentence that is read as several demands."""


MAX_SENTENCES = 60
"""No rule has more of them."""


@lru_cache(maxsize=1024)
def read_effect(text: str, scope: str = "") -> Effect | None:
    """Return the effect that a text of a recognized form states.

    "Answer in one sentence." -> `max_sentences=1`; "Do not talk about cars." -> `not contains
    "car"`. A text of several sentences gets the conjunction of their checks. The check of a topic
    finds its words, not its synonyms.

    Args:
        scope: when the effect is wanted; "" for always. It tells who "you" and "they" are.

    Returns:
        The effect, or None if a sentence is not recognized or states a manner ("Be polite.").
    """
    text = unify_letters(text)
    parts = drop_repeated(split_rule_sentences(text))
    if len(parts) > MAX_SENTENCES:
        return None
    if any(map(asks_for_member, parts)):
        is_amount = scope and _SAYS_AMOUNT.fullmatch(text.rstrip(" .!"))
        return _read_bare_statement(text) if is_amount else None
    if stated := _read_statements(parts, scope):
        return stated
    demands = [*parts[:1], *(part for part in parts[1:] if not _adds_nothing(part))]
    effects = [_read_sentence(part) for part in demands]
    known = [effect for effect in effects if effect]
    if known and len(known) == len(effects):
        return _join_effects(known)
    usual = [_to_usual_demand(straighten_quotes(to_plain_demand(part))) for part in demands[:1]]
    found = _read_statements([*usual, *demands[1:]], scope) or _read_beside_manner(parts)
    if found or any(map(_says_otherwise, parts)):
        return found
    straight = straighten_quotes(text)
    plain = say_quoted_demand(straight) or say_counted_demand(straight)
    effect = _read_plain(plain) if plain else None
    if effect is None and scope and len(parts) == 1:
        return _read_bare_statement(straight)
    return effect


_SAYS_BARE = re.compile(
    rf"(?:please |just |always )*(?:say|tell {THEM}):? (?P<said>"
    r"(?!(?:it|so|as|how|what|whether|why|where|who|which|something|nothing|anything|everything|"
    r"hello|hi|hey|thanks|thank|sorry|please|yes|no|goodbye|bye|only|at|in|with|a|an|to|about|your|"
    r"my|less|more|very|not|the (?:word|words|phrase|term|name|truth|same|answer)|"
    r"(?:[a-z]+ )?(?:words|sentences|facts|jokes|things))\b)"
    r"(?!.*\b(?:that|which|if|unless|when|and (?:do not|don't|never|ask|be|then|add|use))\b)"
    r"(?!.* times$)[^\"']+? (?:can|cannot|can't|must|may|should|will|won't|needs?|do not|don't|"
    r"does not|doesn't|costs?|takes?|opens?|closes?|starts?|ends?|stops?|leaves?|eats?|gets?|pays?|"
    r"comes?|goes|runs?|works?) [^\"']+)",
    re.I,
)
"""What is said in few words where something is asked: "say kids under 5 eat free"."""


_SAYS_AMOUNT = re.compile(
    rf"(?:just )?(?:say|tell {THEM}) (?P<said>(?:about )?{NUMBER} (?:years?|months?|weeks?|days?|"
    r"hours?|minutes?|euros?|dollars?|pounds?|percent|miles?|kilomet(?:re|er)s?|km))",
    re.I,
)
"""An amount that is said, and no so many things of a kind."""


def _read_bare_statement(text: str) -> Effect | None:
    """Return the effect of a sentence that is said, where no other form is recognized."""
    said = text.rstrip(" .!")
    match = _SAYS_AMOUNT.fullmatch(said) or _SAYS_BARE.fullmatch(said)
    check = check_statement(match["said"]) if match else None
    if match is None or check is None:
        return None
    return Effect(check, statement=make_sentence(match["said"]), is_answer=True)


def has_check(text: str) -> bool:
    """Return whether a text states an effect of a recognized form, which a check decides."""
    return read_effect(text) is not None


def drop_repeated(texts: Sequence[str]) -> list[str]:
    """Return texts without those that stand before in the same words, whatever their case."""
    different: dict[str, str] = {}
    for text in texts:
        different.setdefault(text.strip(" .!;").casefold(), text)
    return list(different.values())


def split_unread(text: str) -> tuple[Effect | None, list[str]]:
    """Return the effect of the sentences of a text that are of recognized forms, and the others.

    Where another sentence may limit a recognized one ("But only for steps."), no effect is
    returned: its check would forbid more than the text does. Any word of a sentence may limit the
    others, so that a sentence is read as a whole or not at all.
    """
    said = drop_repeated([part.strip(" .!;") for part in split_rule_sentences(text)])
    parts, more = said[:MAX_SENTENCES], said[MAX_SENTENCES:]
    effects = [_read_sentence(part) for part in parts]
    known = [effect for effect in effects if effect]
    unread = [part for part, effect in zip(parts, effects, strict=True) if not effect]
    unread += more
    is_limited = any(_LIMITS_ANOTHER.search(part) for part in unread)
    return (_join_effects(known) if known and not is_limited else None), unread


_LIMITS_ANOTHER = re.compile(
    r"^(?:but|except|unless|or|otherwise|only)\b|\b(?:except|unless|only|apart from|not (?:if|"
    r"when|for|in|always)|(?:is|are) (?:fine|ok|okay|allowed))\b",
    re.I,
)


def _says_otherwise(sentence: str) -> bool:
    """Return whether a sentence asks for something else than its words do one by one."""
    return _frees(sentence) or _turns_round(sentence)


def _frees(sentence: str) -> bool:
    """Return whether a sentence demands nothing of its form, or more than it: "no need to start
    with "Hi"", "don't just say "Yes"".
    """
    hidden, _ = hide_quotes(straighten_quotes(sentence), QUOTED)
    return _FREES.search(hidden) is not None and not re.search(SAYING, hidden, re.I)


def _turns_round(sentence: str) -> bool:
    """Return whether a sentence has words that turn round what the others say: "end with anything
    but "Best"", "not "hi" but "hello"", ""please" must not be missing".
    """
    hidden, _ = hide_quotes(straighten_quotes(sentence), QUOTED)
    return _TURNED.search(hidden) is not None


_TURNED = re.compile(
    r"\b(?:end|start|begin|open|close|sign|use|write|answer)\b[^.;]*\banything (?:else )?(?:but|"
    r"except|other than)\b|^[^a-z]*not \S+ but\b|"
    r"\b(?:not|never|n't) (?:be |go )?(?:missing|lacking|absent)\b",
    re.I,
)


_FREES = re.compile(
    rf"\b(?:no need (?:to|for)|(?:you|{REPLIES}) (?:(?:do not|don't|doesn't) (?:always )?(?:have|"
    r"need) to|need not|needn't)|not (?:necessary|required|obliged) to|(?:don't|not|never) (?:be "
    r"(?:afraid|shy|scared|too strict)|hesitate|feel (?:obliged|forced|bound)|worry)|(?:do not|"
    r"don't|never) (?:just|only|merely|simply))\b",
    re.I,
)


def _adds_nothing(sentence: str) -> bool:
    """Return whether a sentence after a demand only tells of somebody, or names the other word."""
    is_known = _INSTEAD.fullmatch(sentence) or _NOT_SO.fullmatch(sentence)
    return tells_of_somebody(sentence) or is_known is not None


_INSTEAD = re.compile(
    r"(?:please )?(?:say|write|use|put) (?:\"[^\"]+\"|'[^']+'|[\w-]+) (?:instead|if (?:you "
    r"(?:have to|must)|needed|necessary))[ .!]*",
    re.I,
)


_NOT_SO = re.compile(
    rf"(?:and )?not {NUMBER}(?:,? (?:and |or )?not {NUMBER})*[ .!]*|"
    r"(?:and )?not (?-i:[A-ZÀ-Þ])\w+(?: \w+)?(?:,? (?:and |or )?(?:not )?(?-i:[A-ZÀ-Þ])\w+(?: "
    r"\w+)?)*[ .!]*|please (?:get|spell|write) it right(?: in .+)?[ .!]*",
    re.I,
)
"""How a name is not spelled, of which the right one alone is needed."""


def _to_usual_demand(text: str) -> str:
    return to_usual_words(to_demand(_POLITE_LEAD.sub("", text)))


_MANNERLY = (
    r"(?:polite(?:ly)?|formal(?:ly)?|informal(?:ly)?|friendly|casual(?:ly)?|sincere(?:ly)?|"
    r"kind(?:ly)?|warm(?:ly)?|calm(?:ly)?|firm|professional(?:ly)?|confident(?:ly)?|"
    r"cheerful(?:ly)?|funny|humorous|serious(?:ly)?|neutral|respectful(?:ly)?|simple|plain|"
    r"clear(?:ly)?|poetic|enthusiastic|positive|empathetic|gentle|gently|patient|playful|witty|"
    r"sarcastic|dramatic|personal|direct|honest|modest|upbeat|courteous|old-fashioned|layman's|"
    r"like an? [a-z]+(?: [a-z]+){0,2})"
)
_MANNER = re.compile(
    r"(?:please |always )*(?:(?:be|sound|stay|remain|act|seem|write|speak|talk|answer|reply|"
    r"respond|use|keep it|make it|be told|be written|be phrased)(?: (?:it|them|me|to me|"
    r"everything))? )?(?:(?:in|with|using) )?(?:an? |the )?(?:(?:very|more|quite|rather|extra|"
    rf"brutally) )*{_MANNERLY}(?:(?:,| and| but| yet|, and)? {_MANNERLY})*"
    r"(?: (?:tone|voice|style|manner|way|language|words|terms))?|"
    r"(?:just )?(?:get|come) (?:(?:straight|right|directly) )?to the point",
    re.I,
)
"""A manner, which no check decides."""
_BESIDE = re.compile(r",? (?:and|but|then) |[,:;] | (?=(?:without|using) )")


def _read_beside_manner(parts: list[str]) -> Effect | None:
    """Return the effect of "be sincere and start with "I am sorry"": the part that has a check, and
    the manner that has none.
    """
    found: list[Effect] = []
    manners: list[str] = []
    for part in parts:
        effect = _read_sentence(part) or _split_manner(part.rstrip(" .!"))
        if effect:
            found.append(effect)
            manners += effect.unchecked
        elif _MANNER.fullmatch(part.rstrip(" .!")):
            manners.append(part.rstrip(" .!"))
        else:
            return None
    return replace(_join_effects(found), unchecked=tuple(manners)) if found else None


def _split_manner(text: str) -> Effect | None:
    """Return the effect of "use two hashtags, be funny, and stay under 30 words" without what is
    only a manner.
    """
    hidden, quotes = hide_quotes(text, QUOTED)
    parts = [show_quotes(part, quotes) for part in _BESIDE.split(hidden)[: MAX_JOINTS + 1]]
    manners = tuple(part for part in parts if _MANNER.fullmatch(part))
    demands = [part for part in parts if part not in manners]
    is_long = len(parts) > MAX_JOINTS
    effect = _read_sentence(", ".join(demands)) if manners and demands and not is_long else None
    return replace(effect, unchecked=manners) if effect else None


def _join_effects(effects: list[Effect]) -> Effect:
    checks = [effect.check for effect in effects]
    if "format=numbered" in checks:  # "use numbered lists, no bullet points"
        checks = [NO_BULLETS if check == "not format=list" else check for check in checks]
    return Effect(
        join_checks(checks),
        replacements=tuple(pair for effect in effects for pair in effect.replacements),
        demands_more=not all(effect.only_replaces for effect in effects),
        statement=" ".join(effect.statement for effect in effects if effect.statement),
        topics=tuple(drop_repeated([topic for effect in effects for topic in effect.topics])),
        names=join_checks([effect.names for effect in effects if effect.names]),
    )


_PLEASE_BETWEEN = re.compile(r", please(?=, (?:not|never) )", re.I)
"""A polite word between two demands: 'use "damp", please, not "moist"'."""


@lru_cache(maxsize=1024)
def _read_sentence(sentence: str) -> Effect | None:
    """Return the effect of one sentence, or of two demands that "and" joins."""
    whole = re.sub(r"\s+", " ", sentence).strip().rstrip(".!;?").strip()
    if _says_otherwise(whole) or asks_for_member(whole):
        return None
    reason = _find_reason(BECAUSE, whole)
    if reason and MORE_DEMANDS.search(reason["reason"]):
        return _read_cut(reason["demand"], reason["reason"])
    text = _PLEASE_BETWEEN.sub("", straighten_quotes(to_plain_demand(whole).strip()))
    if len(text) > MAX_SENTENCE:
        return None
    usual = _to_usual_demand(text)
    found = _read_plain(text) or (_read_plain(usual) if usual != text else None)
    is_question = sentence.rstrip().endswith("?")
    found = found or _read_loosely(text) or (None if is_question else _read_keywords(text))
    bare = whole if found else cut_remark(whole)
    return found if bare == whole else _read_sentence(bare)


def _read_keywords(text: str) -> Effect | None:
    """Return the effect of the plain demands that a sentence makes in whatever order."""
    effects = [_read_plain(demand) for demand in list_keyword_demands(text)]
    known = [effect for effect in effects if effect]
    return _join_effects(known) if known and len(known) == len(effects) else None


def _read_loosely(text: str) -> Effect | None:
    """Return the effect of a sentence of demands in other words, fillers and remarks."""
    parts = split_demands(drop_filler(text))
    demands = [one for part in parts[: MAX_JOINTS + 1] for one in split_list(part)]
    if len(parts) > MAX_JOINTS or len(demands) > MAX_JOINTS:
        return None
    found = [_read_other_words(demand) for demand in demands]
    effects = [effect for effect in found if effect]
    return _join_effects(effects) if effects and len(effects) == len(found) else None


def _read_other_words(demand: str) -> Effect | None:
    wordings = (form for said in list_wordings(demand) for form in (said, _to_usual_demand(said)))
    return next((effect for said in wordings if (effect := _read_plain(said))), None)


def _read_plain(text: str) -> Effect | None:
    """Return the effect of a plain demand, with what is told beside it."""
    return (
        _read_before_reason(text)
        or _read_before_purpose(text)
        or _read_joined(text)
        or _read_before_remark(text)
        or read_other_effect(text)
    )


_TITLE = re.compile(
    r"(?!(?:when|if|on|in|at|for|with|during|while)\b)(?P<title>[^:\"']{1,40}): (?P<rest>.+)", re.I
)
_LIMITED = re.compile(
    r"\b(?:when|whenever|if|unless|while|after|before|words?|sentences?|lines?|paragraphs?|items?|"
    rf"bullets?|points?|{NUMBER})\b",
    re.I,
)
"""What stands in no heading, but says when or of which part the rest is demanded."""


def _match_form(text: str) -> Effect | None:
    """Return the effect of a sentence that is of one form, or of one after a heading."""
    title = _TITLE.fullmatch(text)
    rest = title["rest"] if title and not _LIMITED.search(title["title"]) else ""
    if found := _match_bare_form(text) or (_match_bare_form(rest) if rest else None):
        return found
    found = _match_bare_form(text.removesuffix(" only")) if text.endswith(" only") else None
    if found and _SAYS_WORD.match(text) and found.check.startswith("contains "):
        return replace(found, check=f"{found.check} and {SAYS_ONLY}")
    return found


_SAYS_WORD = re.compile(r"(?:say|tell) (?!hello|hi|hey|yes|no|thank)[^\"']+$", re.I)
"""What names the one thing that is so: "say cash only"."""


def _match_bare_form(text: str) -> Effect | None:
    """Return the effect of a sentence that is of one form."""
    if _FORBIDS.match(text) and not re.search(r"\bwords? (?:like|such as|e\.g\.)", text):
        text = _EXAMPLES.sub("", text)
    bare = _POLITE_TAIL.sub("", text)
    text = bare if " " in bare else text  # "write in plain sentences" has no other demand
    text = _POLITE_LEAD.sub("", to_demand(_POLITE_LEAD.sub("", text)))
    for pattern, build in FORMS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        found = build if isinstance(build, str) else build(match)
        effect = Effect(found) if isinstance(found, str) else found
        if effect and not _NO_VALUE.search(effect.check):
            return effect
    return None


_NO_VALUE = re.compile(r'\bcontains "[\s*]*"|\b(?:starts|ends) "\s*"')
"""A condition that has nothing to look for."""


def _read_joined(text: str) -> Effect | None:
    """Return the effect of "be brief and use emoji": both demands must be recognized."""
    joints = list(re.finditer(r",? (?:and|but|plus) |, | (?=no \w|without \w)", text))
    is_ban = _FORBIDS.match(text) is not None
    for joint in joints if len(joints) <= MAX_JOINTS else ():
        head, rest = text[: joint.start()], to_imperative(text[joint.end() :])
        is_demand = starts_effect(rest)
        if is_ban and "but" in joint[0] and not is_demand:
            return None  # "no lists but tables" allows tables
        is_demanded = head.lower().startswith("always")
        is_contrast = not is_demanded and _CONTRASTS.match(rest) and _SAYS_QUOTED.fullmatch(head)
        first = None if is_contrast else _match_form(head)
        if first is None:
            continue
        if part := _OF_EACH.fullmatch(f"{head} {rest}"):
            rest = f"{part['part']} {part['rest']}"
        is_limit = is_ban or _LIMITS.match(head) is not None
        goes_on = is_limit and not is_demand and is_bare_noun(rest)  # "no lists and tables"
        second = None if goes_on else _read_sentence(rest) or _read_statement(rest)
        if second is None and not (is_ban and is_demand):
            second = _match_form(f"{text.partition(' ')[0]} {rest}")
        if second is None:
            continue
        is_listed = rest.startswith(("'", '"')) and _NAMES_ONE.fullmatch(head)
        if is_listed and second.replacements:
            return None
        is_unclear = forbids_unit(first.check, rest) or forbids_unit(second.check, head)
        return None if is_unclear else _join_effects([first, second])
    return None


_OF_EACH = re.compile(
    r".*\b(?P<part>paragraphs|sentences|lines|bullet points|bullets|items)\b.* each (?:one |of "
    r"them )?(?:with |of |in )?(?P<rest>.+)",
    re.I,
)
"""What is demanded of the parts: "two paragraphs, each under 20 words"."""
_FORBIDS = re.compile(
    r"(?:please )?(?:you )?(?:never|no|not|do not|don't|avoid|use no|must not|refrain|stop|stay|"
    r"keep|leave|steer)\b",
    re.I,
)
_LIMITS = re.compile(r"(?:at most|up to|no more than|not more than|under|fewer than|max)\b", re.I)
_SAYS_QUOTED = re.compile(r".*\b(?:say|write|use|put|spell)\b.*[\"']", re.I)
_CONTRASTS = re.compile(r"(?:not|never) [\"']", re.I)
"""What is not said in place of a word, which is no demand of its own: 'say "a", not "b"'."""
_NAMES_ONE = re.compile(r"""\w+ (?:"[^"]+"|'[^']+')""")
"""A word by itself, before pairs of others: 'use "colour" and "favour", not "color" and ...'."""


def _read_before_remark(text: str) -> Effect | None:
    """Return the effect of "no emojis, they look childish": what follows is only told."""
    joints = re.finditer(r"(?:[,;]| [-–—]| (?=and no))", text)
    for joint in islice(joints, MAX_JOINTS):
        demand, tail = text[: joint.start()], text[joint.end() :].strip()
        is_wholly = _NOTHING_ELSE.fullmatch(tail) is not None
        example = is_example(tail) and not MORE_DEMANDS.search(tail)
        is_told = tells_only(tail) or (_FORBIDS.match(demand) and tells_reason(tail))
        found = _match_form(demand) if is_wholly or example or is_told else None
        if found and is_wholly:
            if _IS_WHOLE.fullmatch(found.check):
                return found
            is_list = found.check in ("format=list", "format=numbered")
            return replace(found, check=f"{found.check} and {ONLY_ITEMS}") if is_list else None
        if found and not (example and (found.topics or found.replacements)):
            return found
    return None


_IS_WHOLE = re.compile(r'regex "\(\?i\)\^.*\$"')
"""A check of the whole answer: yes or no."""
_NOTHING_ELSE = re.compile(
    r"(?:and )?(?:nothing (?:else|more)|not a word (?:besides|more|else))", re.I
)


_REASON = re.compile(
    r"(?P<demand>.+?),? so (?:that )?(?P<reason>(?:i|we|you|he|she|it|they|people|everyone|"
    r"everybody|nobody|(?:my|our|your|the|their) [a-z]+) .+)",
    re.I,
)
"""What is said of the reason: "write in capitals so she can read it"."""
_PURPOSE = re.compile(
    r" (?:in order )?to (?:make|keep|look|sound|seem|be|help|show|save|avoid|get) "
)


def _find_reason(form: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return a demand and its reason; what must be said, or is quoted, keeps its own."""
    if len(text) > MAX_SENTENCE or re.search(SAYING, text, re.I):
        return None
    found = form.fullmatch(text)
    return found if found and found["demand"].count('"') % 2 == 0 else None


def _read_before_reason(text: str) -> Effect | None:
    """Return the effect of a demand with or without a reason."""
    reason = _find_reason(_REASON, text)
    if reason and (MORE_DEMANDS.search(reason["reason"]) or '"' not in reason["reason"]):
        return _read_cut(reason["demand"], reason["reason"])
    return _match_form(text)


def _read_before_purpose(text: str) -> Effect | None:
    """Return the effect of "use emojis to look friendly": what follows is only a purpose."""
    purpose = _PURPOSE.search(text)
    return _read_cut(text[: purpose.start()], text[purpose.end() :]) if purpose else None


def _read_cut(demand: str, tail: str) -> Effect | None:
    """Return the effect of a demand before a reason or a purpose, and of the demand behind it.

    In "so she can read it and write back" the second verb may be part of the reason: no effect.
    """
    first, more = _match_form(demand), MORE_DEMANDS.search(tail)
    if first is None or more is None:
        return first
    second = _read_sentence(more["more"])
    if second is None:
        return first if more["loose"] and not more["clear"] else None
    return _join_effects([first, second]) if more["clear"] or more["sure"] else None


_EXAMPLES = re.compile(
    r" (?:like|such as|e\.g\.) (?:\"[^\"]+\"|'[^']+')(?:(?:,| or| and|, or|, and) (?:\"[^\"]+\"|"
    r"'[^']+'))*$"
)
"""Examples of what is forbidden: "no abbreviations like 'ASAP'"."""
_POLITE_TAIL = re.compile(
    r"(?<!\bsay)(?<!\bword)(?<! or)(?<! never)(?<! not)(?<! as)(?<! write)(?:,? (?:from (?:now|"
    r"here) on|at all times|no matter what|in (?:the )?future|without exception|whatsoever|of any "
    r"kind|no matter (?:what|how|who|where|when)(?: .+)?|whatever (?:[a-z]+ )?(?:i|you|they|we) "
    r".+|everywhere|all the time|every (?:single )?time(?: you (?:give|write|use|mention|make) "
    r"(?:one|it|them|some))?|(?:okay|ok|alright|got it|understood|right)|(?:in|with) (?:anything|"
    r"everything|whatever|all)(?: that)? you (?:write|say|send|give|tell)(?: (?:for|to))?(?: me| "
    r"us)?|(?:(?:just|only|but) )?(?:(?:plain|simple|normal|flowing) )+(?:prose|text|sentences|"
    r"paragraphs|words)|(?:(?:instead of|rather than|not|not in) (?:an? )?(?:(?:long|full|plain|"
    r"running|continuous|whole|normal|big) )*(?:paragraphs?|prose|text))|(?<=question )(?:for|to) "
    r"(?:me|us|them|(?:the|my|our) [a-z]+)|(?:at least )?once(?: or more)?|throughout|under any "
    r"circumstances?|for [a-z]+ reasons|(?:and )?(?:no|not|never|without) (?:running|flowing|"
    r"continuous|plain|long|full) (?:text|prose|paragraphs)|as an? (?:topic|subject)|(?:on|in) "
    r"(?:this|our) (?:channel|chat|group|server|forum)|(?:with|separated by) an? (?:empty|blank) "
    r"line(?: in)? between(?: them)?|per (?:answer|reply|response|message)|if you (?:can|please)|"
    r"please|(?:(?<=words )|(?<=words, )|(?<=characters )|(?<=characters, )|(?<=letters ))"
    r"(?:including|counting) (?:(?:all|the|any) )?(?:hashtags|spaces|punctuation|links|"
    r"emojis|greeting|signature|subject line)|(?<=, )(?:always|ever|full stop|period|for (?:safety|"
    r"clarity|consistency|simplicity|fun))|"
    r"(?:in|within|throughout|for|with) (?:(?:all|each|every|any|and|of|your|my|the) "
    r")+(?:answers?|repl(?:y|ies)|responses?)|in (?:(?:all|any) )?(?:of )?your (?:[a-z]+,? (?:and "
    r")?){0,3}(?:ideas|suggestions|tips|recommendations)))+$",
    re.I,
)
_DEMAND = re.compile(
    r"(?!(?:answer|reply) (?:only|always|never) )(?:(?:(?:all|any|every|each|single|your|the|my|"
    r"these) )*(?:of your |own )?(?:answers?|repl(?:y|ies)|responses?|messages?|letters?(?= "
    r"(?:must|should|shall|ha(?:s|ve) to|needs? to|ought to|(?:is|are) to) (?:always )?be "
    r"(?:written )?(?:in )?(?:all )?(?:lower|upper|capital|caps|small)))|it|everything|(?:what|"
    r"whatever|everything) you (?:say|write)) (?:(?:must|should|shall|have to|has to|needs? to|"
    r"ought to|are to|is to|(?:may|can)(?= not| never| only))(?: (?P<not>not|never))?|"
    r"(?P<only>only|always|never)) (?:only |always )*(?P<rest>.+)",
    re.I,
)


def to_demand(text: str) -> str:
    """Return "each answer must start with X", or "each answer starts with X", as "start with X"."""
    placed = _PLACED.fullmatch(text)
    if placed and (placed["what"] or "").endswith(" only"):
        return text  # and nowhere else
    if placed:
        edge = placed["edge"] or placed["word_edge"]
        verb = "end" if edge.lower() in _ENDS else "start"
        return f"{verb} with {placed['what'] or placed['word']}"
    if first := _SAID_FIRST.fullmatch(text):
        return f"start with {first['what'].capitalize()}"
    if told := _TOLD_DEMAND.fullmatch(text):
        return f"use {told['needs']}" if told["needs"] else to_imperative(told["rest"])
    text = re.sub(r"^(start|begin|finish|end|close) (?:off|out|up) ", r"\1 ", text, flags=re.I)
    text = re.sub(r"^(end|finish|close) on (?=an? |the question)", r"\1 with ", text, flags=re.I)
    text = re.sub(
        r"^(?:i want|i(?:'d| would) like) ((?:all |any |every |each |your )+\w+) to ",
        r"\1 must ",
        text,
        flags=re.I,
    )
    if most := _NEVER_MORE.fullmatch(text):
        bound = "at most" if most["bound"].lower() == "more than" else "at least"
        return f"{most['verb']} {bound} {most['rest']}"
    match = _DEMAND.fullmatch(text)
    if not match:
        return text
    is_negated = match["not"] or (match["only"] or "").lower() == "never"
    rest = re.sub(
        r"^be (?:written|given|answered|phrased) (?=in |as |with)", "answer ", match["rest"]
    )
    return f"do not {rest}" if is_negated else rest


_ENDS = ("end", "bottom", "last", "closing", "final")
"""Edges that are no beginning."""
_NEVER_MORE = re.compile(
    r"(?:do not|don't|never|avoid)(?: ever)? (?P<verb>use|write|give|include|make|add|put|have|"
    rf"list|send)(?:ing)? (?P<bound>more than|fewer than|less than) (?P<rest>{NUMBER} .+)",
    re.I,
)
"""A bound that is said with "never": "never write more than five bullet points"."""
_EACH = r"(?:(?:all|each|every|any|of|the|your|my) )*"
_PLACED = re.compile(
    r"(?:put|add|place|write|use|include|have|insert|append|say) (?P<what>.+?) (?:at|in|to) the "
    r"(?:very )?"
    rf"(?P<edge>start|beginning|begin|top|end|bottom)(?: of (?:it|them|{_EACH}{REPLIES}))?|"
    r"the (?P<word_edge>first|last|opening|closing|final) (?:word|words|thing|sentence)"
    rf"(?: (?:of|in) {_EACH}{REPLIES})? (?:(?:must|should|"
    r"has to|needs to) (?:always )?be|is(?: always)?) (?P<word>.+)",
    re.I,
)
"""What stands at an edge of the answer: "put a star at the end of every answer"."""
_SAID_FIRST = re.compile(
    r"(?:always )?say (?P<what>hello|hi|thank you|thanks|sorry|good (?:morning|day|evening)) first",
    re.I,
)
_TOLD_DEMAND = re.compile(
    rf"(?:(?:all|any|every|each|your|my|the) )+(?:of your |own |single )*{REPLIES} "
    r"(?:always )?(?P<rest>(?:is|are|has(?! to )|have(?! to )|starts?|begins?|ends?|closes?|"
    r"finish(?:es)?|contains?|includes?|uses?|stays?) .+)|"
    rf"(?:(?:all|any|every|each|your) )+(?:of your |own |single )*{REPLIES} needs (?P<needs>(?!to "
    rf").+)",
    re.I,
)
_POLITE_LEAD = re.compile(
    r"^(?:(?:(?:for (?:reasons|the sake) of [a-z ]+|for [a-z]+ reasons|for (?:simplicity|"
    r"consistency|convenience|readability|accessibility|safety|clarity|brevity|(?:extra )?(?:fun|"
    r"effect|variety|laughs)|good measure)|in (?:other words|"
    r"short|a nutshell|the interest of [a-z]+)|as a rule|with (?:that|this) in mind|to (?!my\b|"
    r"our\b|the\b)[a-z]+ [a-z ]+?)(?=, )|(?:also|and|plus|additionally|furthermore|besides|"
    r"moreover|finally|lastly|next)|(?:(?:all|your|my|the) )*(?:note|rule|answers?|repl(?:y|ies)|"
    r"responses?|length|style|format|language):|please|kindly|always|only ever|(?:only )?then|"
    r"just|simply|whatever (?:happens|you do|(?:i|they|people|somebody) asks?(?: you| about)?)|"
    r"it(?:['’]s| is) (?:very |really |so )?(?:important|essential|crucial|vital) (?:to|that you)"
    r"(?! (?:know|note|me)\b)|"
    r"from now on|only(?= (?:use|answer|reply|respond|write|speak|talk|start|end)\b(?! yes or "
    r"no)(?!.* at the (?:start|beginning|top|end|bottom)\b))|try to|remember to|"
    r"you (?:must|should|shall|are to|need to|have to)(?! not)|make sure "
    r"(?:to|that you)|(?:make sure|ensure|see to it)(?: that)?(?= (?:your|each|every|all|the|my|"
    r"any|it)\b)|be sure to|(?:can|could|would|will) you(?: please)?|i(?:'d| would)? (?:want|like|"
    r"love|need|expect|prefer) you to|(?:in|for) (?:all|every|each|any|your)(?: of)?(?: your)? "
    r"(?:answers?|repl(?:y|ies)|responses?)),? )+",
    re.I,
)

_ADDING = re.compile(
    r"(?:mention|note|point out|remind|add|make clear|advise|encourage|ask)\b", re.I
)
_REMARK = re.compile(r"(?:I|this|that|it) (?:am|is|was|do|did|cannot|can't|have)\b", re.I)
"""What is said of the model, or of its own answer: "I am no doctor.", "This is no advice."."""
_DEMANDS = re.compile(r"(?:do|don't|never|always|use|answer)\b", re.I)
_SURE_DEMAND = re.compile(
    rf"(?:please|(?:refer|direct|point|send) {THEM} to|"
    r"make sure|always|be|(?:do not|don't|never|avoid) (?:say|mention|tell|talk|speak|discuss|"
    r"promise|apologi[sz]e|argue|answer|give|list|add|offer|include|recommend|suggest|explain))\b",
    re.I,
)
"""How a demand begins that no statement goes on with."""
_MODEL_DOES = re.compile(
    r"(?:(?:do not|don't|never) (?:give|add|use|include|start|end|write)|keep your|end with|start "
    r"with|use no)\b.*\b(?:emojis?|hashtags?|exclamation marks?|bullet points|lists?|advice|"
    r"sentences?|answers?|repl(?:y|ies))\b",
    re.I,
)
"""What is no part of directions: "(tell them to call) and don't give a list"."""
_IT_SAID = re.compile(r" that (?:it|the|our|this)\b", re.I)
"""A statement about a thing, which refers nobody to anything."""
_TO_USER = re.compile(
    r"please (?:use|call|see|visit|contact|try|come|go|e-?mail|check|bring|wait|book|order|ring|"
    r"phone|park|pay|ask (?:at|for|your|our|the)|take|fill|send|read|follow|look)\b",
    re.I,
)
"""What is said to the user: "there is no parking, please use the garage"."""


_OF_SPEAKER = re.compile(
    r", I (?:always|never|often|sometimes|usually|keep|tend to|still|just|really) [^,;\"]+$", re.I
)
"""What the person tells of herself behind a statement: "tell me to warm up, I always forget it"."""


_TELLS_WHY = (
    rf"(?:(?:they|{AUDIENCE}) (?:(?:always|often|usually|sometimes|still|just|all|tend to) "
    r"(?:forget|miss|complain|wonder|assume)|keep (?:on )?(?:ask|forgett|phon|ring|call|complain)"
    r"ing)\b|(?:it|this|that) saves (?:me|us)\b|we get (?:this|that|the same) question\b|"
    r"otherwise (?:they|people) (?:turn up|complain|call|phone|forget)\b)"
    r"(?!.*(?:\d|, (?:so|say|explain|mention|never|remind)\b|\b(?:please|must|should|can|may|"
    r"costs?|free|needs?|have to|which)\b)).*"
)
"""Why something must be said, which no answer says: "They always forget to ask and phone us."."""
_OF_PERSON = re.compile(
    r"(?:(?:so|but) )?(?:(?:I|my) .+|we (?:had|got|lost|were|[a-z]+ed)\b.*\b(?:last|once|already|"
    rf"before|recently|ago)\b.*|{_TELLS_WHY})",
    re.I,
)
"""What the person tells in a sentence of its own, which no answer says."""


_DECLINES_FIRST = re.compile(
    r"^(?:(?:politely|kindly) )?(?:decline|refuse)(?: (?:politely|kindly|it|the request|to "
    r"(?:answer|help)))*,? (?:and (?:then )?|by )(?=say|tell|explain)",
    re.I,
)
"""What the words that are said do: "decline and say that you cannot give advice"."""


_SAYS_NONE = re.compile(
    rf"(?P<say>say|tell {THEM}) no (?!(?:one|more|less|matter|problem|worries|thanks|and|or|to|way|"
    r"right|every|each|first|with|without|in|at|on|for|unless|if|when|because|by|words|[a-z]+ly)\b)"
    r"(?P<what>[a-z'-]+(?: [a-z'-]+){0,2}?)(?P<rest>(?: (?:after|on|in|at|for|from|with|without|"
    r"during|before|until|to|allowed|possible|available|accepted|permitted)\b.*)?)",
    re.I,
)
"""What is said there is none of, without a verb: "say no refunds after 14 days"."""


def _read_statements(parts: list[str], scope: str) -> Effect | None:
    """Return the effect of "say that we close at six"; sentences that follow are said too, but for
    those of a recognized form. A second demand in the first sentence is one as well.
    """
    if not parts:
        return None
    first = _OF_SPEAKER.sub("", parts[0].strip().rstrip(".!;"))
    first = _DECLINES_FIRST.sub("", _POLITE_LEAD.sub("", first))
    first, *second = _split_second_demand(" ".join(first.replace("’", "'").split()))
    if scope and (none := _SAYS_NONE.fullmatch(first)):
        verb = "are" if none["what"].endswith("s") else "is"
        first = f"{none['say']} that there {verb} no {none['what']}{none['rest']}"
    said = read_clause(first, scope)
    if not said and is_whole_answer(parts[0]) and QUOTED_ANSWER.fullmatch(first):
        said = read_clause(f"only {first}")
    later = [part for part in parts[1:] if not _OF_PERSON.fullmatch(part)]
    read = [(part, _read_sentence(part)) for part in [*second, *later]]
    demands = [effect for _, effect in read if effect]
    others = [part for part, effect in read if not effect]
    if not said or any(part in second or _DEMANDS.match(part) for part in others):
        return None
    clauses = [clause.rstrip(" .!") for clause in (said, *others)]
    later = [clause[:1].lower() + clause[1:] for clause in clauses[1:]]
    asked = read_asked(first)
    check = check_asked(asked) if asked else check_statement(" ".join([clauses[0], *later]))
    if QUOTED_ANSWER.fullmatch(first) and not others:
        check = _check_fixed_answer(clauses[0], is_whole_answer(parts[0]))
    if not check:
        return None
    statement = " ".join(make_sentence(clause) for clause in clauses)
    if demands:
        return _join_effects([Effect(check, statement=statement), *demands])
    is_added = _ADDING.match(first) or _REMARK.match(statement)
    return Effect(check, statement=statement, is_answer=not is_added)


def _check_fixed_answer(words: str, is_whole: bool) -> str:
    """Return the check of an answer in given words, which may stand among others."""
    if not is_whole:
        return f"contains {quote_value(words)}"
    return f"starts {quote_value(words)} and max_words={count_words(words)}"


def _read_statement(demand: str) -> Effect | None:
    """Return the effect of one demand that says what must be said."""
    said = read_clause(demand) if SAY_THAT.fullmatch(demand) else ""
    check = check_statement(said) if said else None
    return Effect(check, statement=make_sentence(said)) if check else None


def _split_second_demand(sentence: str) -> list[str]:
    """Return "say that we are cheap" and "use an emoji" of a sentence that joins them.

    The second part is a demand if it is of a recognized form, or cannot be said by the model: "we
    open at six and close at nine" is one statement.
    """
    if not (SAY_THAT.fullmatch(sentence) or DIRECTIONS.fullmatch(sentence)):
        return [sentence]
    for joint in list(re.finditer(r",? (?:and|but) |, ", sentence))[:MAX_JOINTS]:
        head, demand = sentence[: joint.start()], sentence[joint.end() :]
        if DIRECTIONS.fullmatch(head) and _MODEL_DOES.match(demand):
            return [head, demand]
        is_sure = _SURE_DEMAND.match(demand) and not _TO_USER.match(demand)
        if _IT_SAID.search(head) and demand.lower().startswith("refer to "):
            is_sure = True
        is_demand = starts_effect(demand) and (is_sure or _read_sentence(demand))
        if is_demand and SAY_THAT.fullmatch(head):
            return [head, demand]
    return [sentence]
