"""Read a rule: one instruction in plain words, in any language.

A rule has a scope (when it holds; "" for everywhere) and an effect (what an answer must do there).
An effect of a recognized form also gets the check that decides it.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass, replace
from itertools import combinations

from selfteach.errors import DataError, UsageError
from selfteach.materials.rules.clash import find_clash
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.keyword_demand import is_bare_noun
from selfteach.materials.rules.effects.plain_demand import drop_parentheses
from selfteach.materials.rules.exceptions import (
    SAID,
    refuse_circumstance,
    refuse_exception_in_scope,
)
from selfteach.materials.rules.forbidden_topics import find_pronoun_topic
from selfteach.materials.rules.languages.other_languages import find_unread_condition
from selfteach.materials.rules.own_instructions import find_own_instructions
from selfteach.materials.rules.phrases import QUOTED, unify_letters
from selfteach.materials.rules.resolve_pronouns import (
    find_unresolved_pronoun,
    name_person,
    resolve_pronoun,
    say_fact,
)
from selfteach.materials.rules.rule_sentences import is_scope_alone, read_parts
from selfteach.materials.rules.scopes.scope import (
    join_lines,
    split_rule_sentences,
    to_imperative,
    to_plain_conditions,
)
from selfteach.materials.rules.scopes.situation import (
    is_everything,
    is_never_met,
    is_unasked,
    join_same_texts,
    names_nothing,
    names_topic,
    read_situation,
)
from selfteach.materials.rules.typos import correct_typos
from selfteach.text import clean_text, shorten_text

MAX_CHARS = 2000
_SAYING = ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So")  # letters, numbers and pictures
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "selfteach:rule")


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold a rule. Quotes, markup and control tokens in its text have no meaning.

    The id is a uuid5 of the text.
    """

    text: str
    id: str
    scope: str = ""
    """When the rule holds, in its own words, without "when"; "" for everywhere."""
    effect: str = ""
    """What an answer must do there; the whole text where the scope is ""."""


def read_rule(text: str, when: str = "", then: str = "") -> Rule:
    """Return the rule that a person typed, cleaned and without the space around it.

    A rule that declines what it is asked about ("When asked about cats, refuse to answer.") is read
    as one that forbids the subject. One that cannot be read is read with its slips of the keyboard
    corrected; its text stays as it was typed.

    Args:
        text: the rule.
        when: the scope, if the person gives it; it replaces the one that is read.
        then: the effect, if the person gives it; it replaces the one that is read.

    Raises:
        DataError: the rule has no words, more than MAX_CHARS characters, a scope without an effect,
            or several rules; it contradicts itself, is a question, has an exception, forbids
            everything but one subject, is about the model's instructions, or does not name the
            person or the subject that it means.
        UsageError: a scope or an effect is given, and blank.
    """
    text = clean_rule(text)
    corrected = correct_typos(text)
    if corrected == text or (when and then):
        return _read_whole(text, when, then)
    try:
        typed = _read_whole(text, when, then)
    except DataError as fault:
        typed, refusal = None, fault
    if typed and read_effect(typed.effect, typed.scope):
        return typed
    rule = _read_whole(corrected, when, then)
    if read_effect(rule.effect, rule.scope):
        return replace(rule, text=text, id=str(uuid.uuid5(NAMESPACE, text)))
    if typed is None:
        raise refusal
    return typed


def _read_whole(text: str, when: str, then: str) -> Rule:
    """Return a rule as it is typed (`read_rule`)."""
    when, then = _clean_part(when, "when"), _clean_part(then, "then")
    _refuse_question(text)
    if not (when and then):
        _refuse_empty_condition(text)
    _refuse_instructions(text)
    plain = to_plain_conditions(drop_parentheses(text))
    said = join_same_texts(say_fact(resolve_pronoun(join_lines(plain))))
    if when and then:
        scope, effect = when, then
    elif then and is_scope_alone(said):
        scope, effect = _WHEN.sub("", said.rstrip(" .,:;!?")), then
    else:
        scope, effect = read_parts(said)
    scope, effect = when or name_person(scope, effect), then or effect
    if scope and is_everything(scope):
        scope = ""
    if topic := _find_declined_topic(scope, effect):
        scope, effect = "", f"Do not talk about {topic}."
    _refuse_untold(scope)
    refuse_circumstance(then, is_asked=bool(scope))
    if not when:
        _refuse_unread_condition(said, "" if scope else effect)
        _refuse_unasked(scope)
        refuse_exception_in_scope(scope)
        _refuse_demand_in_scope(scope)
    _refuse_part(scope, effect)
    _refuse_unnamed(effect)
    _refuse_unnamed_person(scope)
    _refuse_contradiction(effect)
    return Rule(text, str(uuid.uuid5(NAMESPACE, text)), scope, effect)


_EMPTY_CONDITION = re.compile(
    r"(?:please )?(?P<word>when(?:ever)?|if|wenn|falls|quand|cuando)(?: ?,[^,]*|\W*)", re.I
)
"""With a second comma something is only put in: "If, for example, I ask about cats, ..."."""


def _refuse_empty_condition(text: str) -> None:
    if found := _EMPTY_CONDITION.fullmatch(text):
        raise DataError(
            f'nothing follows "{found["word"]}", so the rule does not tell where it holds.',
            where="rule",
            cure='Name the requests, for instance "When asked about delivery, ...".',
        )


def _find_declined_topic(scope: str, effect: str) -> str:
    """Return what is asked about, where it is declined or not to be mentioned; or ""."""
    situation = read_situation(scope) if scope else None
    if situation is None or situation.kind != "about":
        return ""
    if _DECLINES.fullmatch(effect):
        return re.sub(r"^(?:an?|the|any|some) ", "", situation.topic)
    is_forbidden = _SAYS_NOTHING.search(effect) and find_pronoun_topic(effect) in _PRONOUNS
    return situation.topic if is_forbidden and names_topic(scope) else ""


def _refuse_unasked(scope: str) -> None:
    if is_never_met(scope):
        raise DataError(
            f'no request meets the condition "{shorten_text(scope)}".',
            where="rule",
            cure=(
                "Say with --when to whom something is written, or what is asked about, for "
                'instance --when "delivery".'
            ),
        )
    if is_unasked(scope):
        raise DataError(
            f'the rule holds where something is not asked: "{shorten_text(scope)}".',
            where="rule",
            cure=(
                "A rule is taught on requests: say with --when what they are about, for instance "
                '--when "delivery".'
            ),
        )


_QUOTED_DEMAND = re.compile(
    r"(?!.*\b(?:who|whom|that|which|named|called|known)\b).*\b(?:with|as|is|are|be|use|say|write|"
    r"prefer|like|by) [\"']\w.*",
    re.I,
)


def _refuse_demand_in_scope(scope: str) -> None:
    """Refuse a scope that goes on with a demand: "emails to my boss open with 'Dear'".

    Raises:
        DataError: it does.
    """
    situation = read_situation(scope)
    if situation.kind == "writing" and _QUOTED_DEMAND.fullmatch(situation.addressee):
        raise DataError(
            f'it is not clear where the condition ends: "{shorten_text(scope)}".',
            where="rule",
            cure=(
                "Put a comma behind it, for instance \"In emails to my boss, start with 'Dear'.\", "
                "or state the condition with --when and the effect with --then."
            ),
        )


_UNTOLD = re.compile(
    r"(?:asked )?(?:(?:all|any|every|each|an?|the|my|our|your|very|really|more) )*(?:long|longer|"
    r"short|shorter|lengthy|brief|quick|simple|simpler|easy|easier|hard|harder|difficult|complex|"
    r"complicated|tricky|tough|big|small|detailed|basic|important|serious|extensive|broad|vague|"
    r"silly|stupid|boring|interesting) (?:(?:and|or) [a-z]+ )?(?:answers?|reply|replies|"
    r"responses?|questions?|requests?|prompts?|topics?|tasks?|queries|query|texts|ones)|"
    r"(?:any|every)thing (?:longer|shorter|bigger|smaller|more|less)\b.*",
    re.I,
)
"""What is told by how it is, and not by what it is about: "long answers", "easy questions"."""


def _refuse_untold(scope: str) -> None:
    if _UNTOLD.fullmatch(scope) or names_nothing(scope):
        raise DataError(
            f'no requests can be made for the condition "{shorten_text(scope)}": it does not say '
            "what they are about.",
            where="rule",
            cure=(
                'Name a subject or a kind of text, for instance --when "recipes" or '
                '--when "opening hours", or leave the condition out.'
            ),
        )


_OTHER_CONDITION = re.compile(
    r"(?:bitte )?(?P<condition>(?:wenn|falls|sobald|quand|lorsqu(?:e |['’])|cuando|quando|si "
    r"(?=(?:une?|on|je|alguien|el|la|me)\b))(?! ?(?:möglich|nötig|es (?:geht|passt)|c['’]est|sea|"
    r"puedas|possibile)\b)[^,]+), ?\w",
    re.I,
)
"""A German, French, Spanish or Italian condition; "wenn möglich" is none."""


def _refuse_unread_condition(said: str, everywhere: str) -> None:
    """Refuse a condition in another language that no form reads: the rule would hold everywhere, or
    the clause would be taken for a subject.

    Args:
        said: the whole rule.
        everywhere: its effect, where no condition was read.
    """
    found = _OTHER_CONDITION.match(everywhere)
    conditions = [found["condition"]] if found else []
    conditions += [find_unread_condition(sentence) for sentence in split_rule_sentences(said)]
    if condition := next(filter(None, conditions), ""):
        raise DataError(
            f'the condition of the rule is not understood: "{shorten_text(condition)}".',
            where="rule",
            cure=(
                'Say it with --when and --then, for instance --when "complaints" --then '
                '"apologize first".'
            ),
        )


_NAMES_PART = re.compile(
    r"you (?:give|mention|use|write|name|list|show|quote|cite)(?: me| us)? (?P<part>.+)", re.I
)
_WRITES_PART = re.compile(
    r"(?:please |always )*(?:write|put|set|spell|print|show) (?:it|them) in (?:all )?(?:capitals|"
    r"caps|capital letters|block letters|upper ?-?case|lower ?-?case|small letters)\b.*",
    re.I,
)


def _refuse_part(scope: str, effect: str) -> None:
    """Refuse "whenever you give a month, write it in capitals": no check finds the month.

    Raises:
        DataError: the effect is about what the answer names.
    """
    named = _NAMES_PART.fullmatch(scope)
    if named and _WRITES_PART.match(effect):
        raise DataError(
            f'the rule is about a part of the answer ("{shorten_text(named["part"])}").',
            where="rule",
            cure=(
                'Say how all answers are written, for instance "Write dates in capitals.", or what '
                "decides with --check."
            ),
        )


_PRONOUNS = ("it", "them", "this", "that", "him", "her")
_SAYS_NOTHING = re.compile(
    r"\b(?:mention|discuss|talk about|speak about|bring (?:it|them|that|this|him|her) up|bring up|"
    r"say (?:a word|anything|nothing) about|reveal)\b",
    re.I,
)


def clean_rule(text: str) -> str:
    """Return a rule without what breaks tokenizers and pages, and without the space around it.

    Raises:
        DataError: it has no words, or more than MAX_CHARS characters.
    """
    text = unify_letters(clean_text(text).strip())
    if not _says_something(text):
        raise DataError(
            "the rule is empty.",
            where="rule",
            cure='Say in plain words what is wanted: "Do not talk about elephants."',
        )
    if len(text) > MAX_CHARS:
        raise DataError(
            f"the rule has {len(text):,} characters; {MAX_CHARS:,} is the most.",
            where="rule",
            cure="Say one thing, briefly; teach several rules one after another.",
        )
    return text


def _says_something(text: str) -> bool:
    return any(char != "\ufffd" and unicodedata.category(char) in _SAYING for char in text)


_IN_FEW_WORDS = 'Say it in a few words: --when "texts to Maddie" --then "has a heart emoji".'


def _clean_part(text: str, name: str) -> str:
    """Return a scope or an effect that a person gave."""
    is_given = bool(text)
    text = unify_letters(" ".join(clean_text(text).split()))
    if is_given and not text:
        raise UsageError("the option is empty.", where=f"--{name}", cure=_IN_FEW_WORDS)
    if not text:
        return ""
    if not _says_something(text) or len(text) > MAX_CHARS:
        raise DataError(
            f"--{name} has no words, or more than {MAX_CHARS:,} characters.",
            where="rule",
            cure=_IN_FEW_WORDS,
        )
    return to_imperative(text) if name == "then" else _WHEN.sub("", text)


_WHEN = re.compile(r"^(?:when|whenever|if|while|in|wenn|falls|quand|lorsque|si|cuando) ", re.I)


_DECLINES = re.compile(
    r"(?:always |politely |please )*(?:refuse|decline|(?:change|switch) the (?:subject|topic)|"
    r"(?:do not|don't|never) (?:answer|reply|respond|engage|go there)|say nothing|(?:stay|keep|"
    r"remain) (?:silent|quiet)|ignore (?:it|them|the (?:question|request)))(?: (?:to (?:answer|"
    r"reply|respond)|politely|it|them|the (?:question|request)))*\.?",
    re.I,
)
"""An effect that, where a subject is asked about, makes it a forbidden subject."""


def _refuse_unnamed(effect: str) -> None:
    for sentence in split_rule_sentences(effect):
        if pronoun := find_pronoun_topic(sentence):
            raise DataError(
                f'the rule forbids "{pronoun}" without saying what that is.',
                where="rule",
                cure='Name the subject, for instance "Do not talk about clowns."',
            )


def _refuse_unnamed_person(scope: str) -> None:
    if pronoun := find_unresolved_pronoun(scope):
        raise DataError(
            f'the rule does not say who "{pronoun}" is.',
            where="rule",
            cure='Name the person, for instance "In emails to my boss stay under 40 words."',
        )


def _refuse_instructions(text: str) -> None:
    if found := find_own_instructions(text):
        raise DataError(
            f'the rule is about the model\'s instructions ("{shorten_text(found)}").',
            where="rule",
            cure=(
                "A rule is learned without a system prompt, so there is none to speak of. Say what "
                'an answer must do or not do, for instance "Do not talk about politics."'
            ),
        )


_QUESTION = re.compile(
    r"(?:what|who|whom|whose|where|which|how|why|when (?:is|are|was|were|did|do|does|will)|is|are|"
    r"was|were|do(?! not\b)|does|did|has|have|(?:should|shall|may|must|can|could)(?= (?:i|"
    r"we)\b))\b(?!['’]t)[^.!]*(?<!okay)(?<!ok)(?<!right)(?<!please)\?",
    re.I,
)


def _refuse_question(text: str) -> None:
    if _QUESTION.fullmatch(text):
        raise DataError(
            f'this is a question, and no rule: "{shorten_text(text)}".',
            where="rule",
            cure='Say what answers must do or not do, for instance "Answer in one sentence."',
        )


_WORDS_NAMED = re.compile(r"\bwords? \w+(?:,? (?:and|or|but) \w+)+", re.I)
"""Words that a rule names: "the words always and never"."""
_BOTH = re.compile(
    r"\b(?:always (?:and|but|or) never|never (?:and|but|or) always|do and (?:do not|don't)|"
    r"(?:immer und nie|toujours et jamais|siempre y nunca))\b",
    re.I,
)


def _refuse_contradiction(effect: str) -> None:
    both = _BOTH.search(QUOTED.sub("", _WORDS_NAMED.sub("", effect)))
    check = suggest_check(effect) or ""
    pair = find_clash(check, check)
    sides = f'"{both[0]}"' if both else " and ".join(map(str, pair or ()))
    parts = _find_clash_of_parts(effect)
    if parts and (not sides or (pair and "regex" in {demand.name for demand in pair})):
        sides = " and ".join(f'"{shorten_text(part)}"' for part in parts)  # plainer than a pattern
    sides = sides or _find_chain(effect)
    topic = _find_wanted_topic(effect)
    if sides or topic:
        sides = sides or f'"talk about {topic}" and "do not talk about {topic}"'
        raise DataError(
            f"the rule contradicts itself: no answer can meet {sides}.",
            where="rule",
            cure="Keep one of the two demands, or say with --when where each holds.",
        )


def _find_chain(effect: str) -> str:
    """Return the word that a rule wants for one word and unwanted for another; ""."""
    found = read_effect(effect)
    pairs = found.replacements if found else ()
    unwanted = {old.lower() for old, new in pairs if old.lower() != new.lower()}
    word = next((new for _, new in pairs if new.lower() in unwanted), "")
    return f'"say {word}" and "do not say {word}"' if word else ""


_WANTED = re.compile(
    r"(?:please |always )*(?:(?:talk|speak|write|tell (?:me|us)) about|discuss|mention|bring up) "
    r"(?P<topic>.+)",
    re.I,
)


def _split_parts(effect: str) -> list[str]:
    """Return the sentences of an effect, split at "and" and "but"."""
    parts = [part for s in split_rule_sentences(effect) for part in re.split(r",? (?:and|but) ", s)]
    return [part.strip(" .!;,") for part in parts]


def _find_clash_of_parts(effect: str) -> tuple[str, str] | None:
    """Return the words of two parts of an effect that no answer can meet together, or None.

    A bare noun is no demand of its own: in "no bullet points and numbered lists" it is forbidden.
    """
    demands = [part for part in _split_parts(effect) if not is_bare_noun(part)]
    checks = [(part, found.check) for part in demands if (found := read_effect(part))]
    for (one, first), (other, second) in combinations(checks, 2):
        if find_clash(first, second):
            return one, other
    return None


def _find_wanted_topic(effect: str) -> str:
    """Return a topic that one sentence forbids, and another one asks for; or ""."""
    bare = _split_parts(effect)
    wanted = [match["topic"].casefold() for part in bare if (match := _WANTED.fullmatch(part))]
    effects = [read_effect(part) for part in bare]
    topics = [topic for found in effects if found for topic in found.topics]
    return next((topic for topic in topics if topic.casefold() in wanted), "")


def suggest_check(rule: Rule | str) -> str | None:
    """Return the check (docs/reference/checks.md) that decides a rule of a recognized form.

    See `read_effect`. A rule with a scope gets the check of its effect, which holds only there.
    """
    text = (rule.effect or rule.text) if isinstance(rule, Rule) else rule
    effect = read_effect(text, rule.scope if isinstance(rule, Rule) else "")
    if isinstance(rule, Rule) and _NAMING.match(rule.scope) and _OF_IT.match(text):
        return None
    return effect.check if effect else None


_NAMING = re.compile(
    r"(?:you |I |we )?(?:mention|us|quot|cit|nam|giv|add|includ|insert)(?:e|ing)?\b", re.I
)
_OF_IT = re.compile(
    r"(?:make sure|ensure|see to it|take care|be sure)(?: that)? (?:it|they)\b(?!.* bold)", re.I
)
"""What is asked of a part: "when you mention the shop, make sure it is in capitals"."""


_ALONE = r"(?:only|just|exclusively|solely|purely)"
_DOES = r"(?:use|add|include|write|put|make|give)"
_DOES_ALONE = "(?:apologi[sz]e|joke|rhyme|swear|curse)"
_OBJECT = (
    r"(?:(?:the|an?|any) )?(?!(?:one|two|three|four|five|half|once)\b)(?:(?-i:[a-z])[a-z-]+|bullet "
    r"points|exclamation (?:marks|points)|question marks|capital letters|[a-z]+ emojis?|\"[^\"]+\")"
)
"""What is done there alone: "Only use emoji" in texts to Maddie; "one emoji" is a manner."""


def find_untaught_ban(rule: Rule) -> str:
    """Return how a rule says that it holds in its scope alone ("only in texts to Maddie"); or "".

    Its demand is taught in the scope; that nothing else does so is taught nowhere.
    """
    if not rule.scope:
        return ""
    text, scope = " ".join(rule.text.split()), re.escape(rule.scope)
    for form in (
        rf"\b{_ALONE}(?: (?:in|when(?:ever)?|if|for|to|with|on|while|during|my|the))* {scope}",
        rf"{scope} (?:only|exclusively|alone)(?=[ .!]*$|,)",
        rf"(?<!\S)only(?= (?:{_DOES} {_OBJECT}|{_DOES_ALONE})(?: (?:in|when(?:ever)?|if|for|"
        rf"to|with|on|while|during|my|the))+ {scope})",
    ):
        if found := re.search(form, text, re.I):
            said = found[0].rstrip(" .!")
            return "only" if said == "Only" else said
    bare = SAID.sub("", QUOTED.sub('""', text))
    found = re.search(r"\bonly (?:when(?:ever)?|if) [^ ]+", bare, re.I)
    if found is None or found[0].lower() in rule.effect.lower():  # it says how, not where
        return ""
    return found[0].rsplit(" ", 1)[0]
