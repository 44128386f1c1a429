"""Read a rule: one instruction in plain words, in any language.

A rule has a scope (when it holds; "" for everywhere) and an effect (what an answer must do there).
An effect of a recognized form also gets the check that decides it.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

from selfteach.errors import DataError, UsageError
from selfteach.materials.check_text import CheckDemand, list_conditions, quote_value
from selfteach.materials.circumstance import find_circumstance
from selfteach.materials.clash import find_clash
from selfteach.materials.effect import read_effect
from selfteach.materials.effect_checks import Effect
from selfteach.materials.forbidden_topics import find_pronoun_topic
from selfteach.materials.keyword_demand import is_bare_noun
from selfteach.materials.other_languages import ScopedText, find_unread_condition
from selfteach.materials.own_instructions import find_own_instructions
from selfteach.materials.phrases import QUOTED, SAYING, unify_letters
from selfteach.materials.plain_demand import drop_parentheses, join_asides, to_plain_demand
from selfteach.materials.resolve_pronouns import (
    find_unresolved_pronoun,
    name_person,
    resolve_pronoun,
    say_fact,
)
from selfteach.materials.scope import (
    SECOND_SCOPE,
    drop_told_tail,
    join_lines,
    split_joined_rules,
    split_rule,
    split_rule_sentences,
    starts_effect,
    to_imperative,
    to_plain_conditions,
)
from selfteach.materials.simpler_text import list_simpler
from selfteach.materials.situation import (
    GENRE,
    is_everything,
    is_never_met,
    is_unasked,
    join_same_texts,
    names_nothing,
    names_topic,
    read_situation,
)
from selfteach.number_words import NUMBER, parse_number
from selfteach.text import clean_text, list_texts, shorten_text

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
    as one that forbids the subject.

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
    when, then = _clean_part(when, "when"), _clean_part(then, "then")
    _refuse_question(text)
    if not (when and then):
        _refuse_empty_condition(text)
    _refuse_instructions(text)
    plain = to_plain_conditions(drop_parentheses(text))
    said = join_same_texts(say_fact(resolve_pronoun(join_lines(plain))))
    if when and then:
        scope, effect = when, then
    elif then and _is_scope_alone(said):
        scope, effect = _WHEN.sub("", said.rstrip(" .,:;!?")), then
    else:
        scope, effect = _read_simplest(said)
    scope, effect = when or name_person(scope, effect), then or effect
    if scope and is_everything(scope):
        scope = ""
    if topic := _find_declined_topic(scope, effect):
        scope, effect = "", f"Do not talk about {topic}."
    _refuse_untold(scope)
    _refuse_circumstance(then, is_asked=bool(scope))
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


def _clean_part(text: str, name: str) -> str:
    """Return a scope or an effect that a person gave."""
    is_given = bool(text)
    text = unify_letters(" ".join(clean_text(text).split()))
    if is_given and not text:
        raise UsageError(
            "the option is empty.",
            where=f"--{name}",
            cure='Say it in a few words: --when "texts to Maddie" --then "has a heart emoji".',
        )
    if not text:
        return ""
    if not _says_something(text) or len(text) > MAX_CHARS:
        raise DataError(
            f"--{name} has no words, or more than {MAX_CHARS:,} characters.",
            where="rule",
            cure='Say it in a few words: --when "texts to Maddie" --then "has a heart emoji".',
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


def _read_parts(text: str) -> ScopedText:
    """Return the scope and the effect of a text of one or several sentences.

    Sentences of one scope are joined. A sentence that asks for nothing ("She likes them.") is no
    part of the effect.
    """
    text = join_asides(text)
    said = split_rule_sentences(text)
    plain = [_drop_emphasis(drop_told_tail(to_plain_demand(sentence))) for sentence in said]
    text = text if plain == said else " ".join(plain)
    sentences = [part for sentence in plain for part in split_joined_rules(sentence)]
    text, sentences = _drop_remarks(text, sentences)
    found = _join_sharper(_add_fragments(sentences, _merge_followers(sentences)))
    _refuse_several_scopes(found)
    _refuse_elsewhere(sentences, found)
    if scope := found[0][1].scope:
        return ScopedText(scope, ". ".join(part.effect for _, part in found))
    kept = [sentence for sentence, _ in found]
    remarks = [sentence for sentence in sentences if sentence not in kept]
    are_told = all(remark[0].isupper() or _REMARK.match(remark) for remark in remarks)
    return ScopedText("", " ".join(kept) if remarks and are_told else text)


def _read_simplest(text: str) -> ScopedText:
    """Return the scope and the effect of a rule; where no check is read, those of the same rule
    with less around it, if that has one.
    """
    found = _read_parts(text)
    if suggest_check(found.effect):
        return found
    for simpler in list_simpler(text):
        try:
            parts = _read_parts(simpler)
        except DataError:
            continue
        if suggest_check(parts.effect):
            return parts
    return found


def _drop_remarks(text: str, sentences: list[str]) -> tuple[str, list[str]]:
    """Return a text and its sentences without those before the rule that are only told."""
    while len(sentences) > 1 and _is_remark(sentences[0]) and starts_effect(sentences[1]):
        remark, *sentences = sentences
        text = text.replace(remark, "", 1).strip()
        _refuse_writing_that_a_remark_names(sentences[0])
    return text, sentences


def _merge_followers(sentences: list[str]) -> list[tuple[str, ScopedText]]:
    """Return the sentences that ask for something, each with its scope and effect.

    A part after a semicolon, and what follows something that must be said, belong to the one
    before.
    """
    found: list[tuple[str, ScopedText]] = []
    for said, before in zip(sentences, ["", *sentences], strict=False):
        if before:
            _refuse_exception_sentence(said)
        sentence = _ALSO.sub("", said) if before else said
        refuse_exception(sentence)
        _refuse_scope_without_effect(sentence)
        refuse_one_subject(sentence)
        _refuse_circumstance(sentence)
        part = split_rule(sentence)
        is_before = not sentence.rstrip(" .!").endswith(part.effect)
        if part.scope and is_before and _EXCEPTION_END.search(part.effect):
            raise _make_exception_error(sentence)
        follows = sentence != said or _FOLLOWS.fullmatch(sentence) is not None
        if found and (letters := _OF_LETTERS.fullmatch(sentence)):
            is_clear = not letters["them"] or not re.search(r"s\b", found[-1][1].effect)
            is_clear = is_clear and read_situation(found[-1][1].scope).kind == "writing"
            follows = follows or is_clear
        if found and found[-1][1].scope and not part.scope and follows:
            part = ScopedText(found[-1][1].scope, part.effect)
        if before.endswith(";") and found and found[-1][1].scope and not part.scope:
            scope, effect = found.pop()[1]
            part = ScopedText(scope, f"{effect}, {part.effect.rstrip(' .!')}")
        _add_sentence(found, said, sentence, part)
    return found


def _add_sentence(
    found: list[tuple[str, ScopedText]], said: str, sentence: str, part: ScopedText
) -> None:
    """Add a sentence to those that ask for something, or to the last one; a remark is left out.

    Args:
        sentence: what is said, without "also" before it.
        part: its scope and effect.
    """
    if not found or part.scope or starts_effect(part.effect):
        if found and not part.scope:
            _refuse_complaint(found[-1], said)
        found.append((sentence, part))
        return
    first, last = found[-1]
    _refuse_complaint(found[-1], said)
    is_after_remark = len(found) == 1 and _is_told(last)
    if said.lower().startswith("or ") and not last.scope and _adds_a_subject(said):
        _refuse_another_subject(said)
    if not _STATES.match(last.effect) and _has_check(part.effect):
        if is_after_remark:
            found.clear()
        found.append((sentence, part))
    elif is_after_remark and not _REMARK.match(part.effect):
        found[0] = (sentence, part)
    elif not last.scope and _adds_a_subject(said):
        _refuse_another_subject(said)
    elif _STATES.match(last.effect):
        joined = ScopedText(last.scope, f"{last.effect}. {part.effect}".rstrip(" ."))
        found[-1] = (first, joined)


_TOLD_HABIT = re.compile(
    r"(?:you|your (?:answers|replies|responses|messages|texts)) (?:always|keep|usually|often|"
    r"tend|use too)\b",
    re.I,
)
"""How a sentence begins that may tell what the model does, and not what it shall do."""
_TOLD_LACK = re.compile(
    r"(?:you|your (?:answers|replies|responses|messages|texts)) (?:never|don't|do not)\b", re.I
)
"""How one begins that may tell what the model does not."""
_UNWANTED = re.compile(
    r"(?:(?:please|but|and) )*(?:(?:stop|change|drop|avoid) (?:it|that|this|them|so)\b|"
    r"don't[ .!]*$|I (?:really )?(?:hate|dislike|can't stand) (?:it|that|this|them)\b|"
    r"(?:it|that|this) (?:really )?(?:annoys|bothers|drives)\b|(?:it|that|this)(?:'s| is| looks) "
    r"(?:so |too |really |just )?(?:silly|childish|annoying|rude|stupid|ugly|awful|bad|wrong|"
    r"boring|ridiculous|much)\b|I want (?:less|fewer|none)\b)",
    re.I,
)
"""How a sentence begins that wants gone what the one before tells."""
_MISSED = re.compile(
    r"(?:(?:please|but|and) )*(?:do(?: so| it| that)?[ .!]*$|(?:use|add|do) (?:it|that|this|"
    r"them|so)\b|they should\b|you should[ .!]*$|I (?:really )?miss (?:it|that|this|them)\b|"
    r"I want (?:it|them|some|more)\b)",
    re.I,
)
"""How one begins that wants what the one before says is missing."""
_WISHED = re.compile(r"I(?:'d like| (?:want|need|would like)) (?P<what>[a-z -]+)[.!]*", re.I)


def _refuse_complaint(before: tuple[str, ScopedText], judged: str) -> None:
    told, part = before
    wished = _WISHED.fullmatch(judged)
    is_missed = _MISSED.match(judged) or (wished and wished["what"].lower() in told.lower())
    is_turned = _UNWANTED.match(judged) if _TOLD_HABIT.match(part.effect) else is_missed
    if is_turned and (_TOLD_HABIT.match(part.effect) or _TOLD_LACK.match(part.effect)):
        raise DataError(
            f'"{shorten_text(told)}" tells what the model does, and "{shorten_text(judged)}" does '
            "not say what it shall do.",
            where="rule",
            cure='Say the demand itself: "Use bullet points.", "Do not use emoji."',
        )


def _adds_a_subject(said: str) -> bool:
    """Return whether a sentence only names one more: "Tigers neither.", "Same for tigers."."""
    found = _ANOTHER.fullmatch(said.rstrip(" .!"))
    name = (found["after"] or found["before"]) if found and said[0].isupper() else ""
    return bool(name) and not _NO_NAME.search(name)


_SUBJECT = r"(?:(?:the|an?|my|our|any) )?[\w'-]+(?: [\w'-]+)?"
_ANOTHER = re.compile(
    rf"(?:nor|or|and|neither|also|same (?:goes )?(?:for|with)) (?P<after>{_SUBJECT})|"
    rf"(?P<before>{_SUBJECT}) (?:neither|either|too|as well)",
    re.I,
)
_NO_NAME = re.compile(
    r"\b(?:I|me|you|we|they|he|she|it|that|this|those|these|else|please|thanks?|thank|stop|mean|no|"
    r"not|never|always|is|are|am|was|were|does|do|did|has|have|had|will|would|can|could|should|may|"
    r"might|must|likes?|hates?|wants?|thinks?|agrees?|knows?|really|final|excuses?)\b|"
    r"(?:n't|'(?:s|re|m|ll|d))\b",
    re.I,
)
"""What is no name of a subject: "And that's final.", "Or else!"."""


def _refuse_another_subject(said: str) -> None:
    raise DataError(
        f'what "{shorten_text(said)}" adds to the sentence before it is not understood.',
        where="rule",
        cure='Say all in one sentence: "Do not talk about elephants or tigers."',
    )


def _is_told(part: ScopedText) -> bool:
    """Return whether a first sentence asks for nothing: "I have arthritis."."""
    is_remark = _REMARK.match(part.effect) is not None and not starts_effect(part.effect)
    return not part.scope and is_remark and not _has_check(part.effect)


_EITHER = re.compile(
    r"(?P<demand>(?:no|not|nor|never|max(?:imum)?|just|do not|don't)\b.+?),? (?:either|too|"
    r"as well)",
    re.I,
)
_FRAGMENT = re.compile(
    r"(?:no(?! (?:matter|one|need|way|doubt|worries|pressure|offen[cs]e|stress|discussions?|buts|"
    r"kidding|jokes?|excuses|thanks|problem)\b)|not (?:more|longer|over|an?|one)\b|never (?:more|"
    r"longer|over|any)\b|never(?= [\"'])|"
    rf"(?:max(?:imum)?|at most|at least|up to|under|exactly) (?:{NUMBER})\b|"
    rf"(?:just|only) (?:the|an?|one|{NUMBER}|[a-z-]+s)\b)(?:,? [\w'\"-]+){{1,6}}",
    re.I,
)
"""A demand without a verb: "No explanations", "Max 50 words"."""
_NO_FRAGMENT = re.compile(
    r"\b(?:is|are|was|were|be|must|should|may|can|could|will|would|shall|has|have|had|do|does|did|"
    r"needs?|i|you|we|they|it|that|who|which|when(?:ever)?|if|unless|while|in|for|to|on|otherwise|"
    r"else|everywhere|elsewhere|anywhere|ever|always|answers?|repl(?:y|ies)|responses?)\b",
    re.I,
)
"""What makes it a sentence, or may open another condition."""


def _add_fragments(
    sentences: list[str], found: list[tuple[str, ScopedText]]
) -> list[tuple[str, ScopedText]]:
    """Return the demands with the fragments right behind one with a scope that are left out: "In
    emails to my boss, no emoji. Only the facts.".
    """
    added = list(found)
    for before, said in pairwise(sentences):
        texts = [sentence for sentence, _ in added]
        if said in texts or before not in texts:
            continue
        place = texts.index(before)
        scope, effect = added[place][1]
        demand = _find_sharper(said, effect)
        if scope and demand and demand not in effect:
            added.insert(place + 1, (said, ScopedText(scope, demand)))
    return added


def _join_sharper(found: list[tuple[str, ScopedText]]) -> list[tuple[str, ScopedText]]:
    """Return the demands with the scope of the one before for those that only sharpen it: "In
    emails to my boss, no emoji. Max 50 words.".
    """
    joined: list[tuple[str, ScopedText]] = []
    for sentence, part in found:
        scope, effect = joined[-1][1] if joined else ScopedText("", "")
        demand = _find_sharper(sentence, effect) if scope and not part.scope else ""
        joined.append((sentence, ScopedText(scope, demand) if demand else part))
    return joined


def _find_sharper(sentence: str, before: str) -> str:
    """Return the demand of a sentence that sharpens the one before; "" if it is no such one.

    Behind something that must be said, only a demand with a check of its own does: "No small talk."
    is no part of what is said.
    """
    bare = sentence.rstrip(" .!")
    either = _EITHER.fullmatch(bare)
    if either and not _ELSEWHERE.search(bare):
        return either["demand"]
    is_sentence = _NO_FRAGMENT.search(QUOTED.sub('""', bare).removeprefix("Up to")) is not None
    is_fragment = _FRAGMENT.fullmatch(bare) is not None and not is_sentence
    is_clear = is_fragment and (not _STATES.match(before) or _has_check(bare))
    return bare if is_clear else ""


_ELSEWHERE = re.compile(
    r"\b(?:otherwise|(?:every|any)where(?: else)?|elsewhere|always|in general|generally|"
    r"in (?:all|any|every) other [a-z]+)\b,? ?",
    re.I,
)
"""What opens another condition."""


def _refuse_elsewhere(sentences: list[str], found: list[tuple[str, ScopedText]]) -> None:
    """Refuse a demand for elsewhere, behind one with a scope, that would be lost.

    Raises:
        DataError: there is one.
    """
    if not found[0][1].scope:
        return
    kept = [sentence for sentence, _ in found]
    for sentence in sentences:
        elsewhere = _ELSEWHERE.match(sentence)
        if elsewhere and sentence not in kept and starts_effect(sentence[elsewhere.end() :]):
            _refuse_several_scopes([*found, (sentence, ScopedText("", sentence))])


def _refuse_several_scopes(found: list[tuple[str, ScopedText]]) -> None:
    scopes = {part.scope.casefold() for _, part in found}
    both = [text for _, part in found if part.scope for text in part]
    inner = [split_rule(part.effect).scope for _, part in found if _AS_SCOPE.match(part.effect)]
    scopes |= {scope.casefold() for scope in inner if scope}
    demands = [part.effect for _, part in found if part.scope and not _STATES.match(part.effect)]
    effects = [QUOTED.sub("", effect) for effect in demands]
    scopes |= {second[0] for text in effects if (second := _SECOND_TEXTS.search(text))}
    scopes |= {second[0] for text in both if (second := SECOND_SCOPE.search(text))}
    if len(scopes) > 1:
        named = list_texts([sentence.rstrip(" .") for sentence, _ in found], " / ", '"')
        raise DataError(
            f"the text holds {max(len(found), 2)} rules with different conditions: {named}.",
            where="rule",
            cure=_name_cure(found),
        )


def _name_cure(found: list[tuple[str, ScopedText]]) -> str:
    """Return what to do with demands under different conditions."""
    cure = "Teach them one after another, each with its own command and --from the run before, or "
    everywhere = [sentence.rstrip(" .!") for sentence, part in found if not part.scope]
    scopes = list(dict.fromkeys(part.scope for _, part in found if part.scope))
    if len(scopes) != 1 or not everywhere or not found[0][1].scope:
        return f"{cure}state the one condition with --when and the effect with --then."
    return (
        f'{cure}join them with "and" if "{shorten_text(everywhere[0])}" holds only for '
        f'"{shorten_text(scopes[0])}", too.'
    )


_SECOND_TEXTS = re.compile(
    rf"\b(?:and|but) (?:(?:my|our|the|all) )*(?:{GENRE} (?:under|below|over) \d|{GENRE} to [\w' "
    rf"]+? (?:with|under|below|over)\b)|\bbut an? [a-z]+ (?:one|tone) in (?:(?:my|our|the|all) "
    rf")*{GENRE}\b",
    re.I,
)
"""Texts of another kind with a demand of their own: "... and emails to my friends with "xx"."."""
_FOLLOWS = re.compile(r".+ (?:instead|there|then|in (?:them|those))[ .!]*", re.I)
"""What a demand ends with that holds where the one before does."""
_OF_LETTERS = re.compile(
    r"(?:please |always )*(?:(?:end|finish|close|sign(?: off)?) with [\"']?(?:(?:kind|best|warm|"
    r"many) )?(?:regards|wishes|yours|sincerely|love|greetings|hugs)\b.*|(?:start|begin|open) with "
    r"[\"']?(?:Dear|Hi|Hello)(?! and)\b.*|(?P<them>(?:keep|make|end|start) them\b.*))",
    re.I,
)
"""A demand on the texts that the one before is about: "Finish with Kind regards."."""
_AS_SCOPE = re.compile(rf"(?:in|for|with) (?:(?:my|our|the|all|any) )*{GENRE} (?:to|for) ", re.I)
"""An effect that begins as a scope: "in texts to Tom be informal"."""
_STATES = re.compile(r"(?:say|tell|mention|explain)\b", re.I)
_ONLY_SCOPE = re.compile(
    r"(?:please )?(?:when(?:ever)?|if|while|during|wenn|falls|quand|lorsque|cuando|in "
    r"(?:e-?mails|texts|messages|letters))\b[^,:]*[,:]?",
    re.I,
)


_REMARK = re.compile(
    r"(?:(?:i|we|my|our|he|she|they|it|this|that|there|the|people|everyone|somebody|someone)(?:'\w+)?|"
    r"you (?:keep|kept)(?= (?:on )?[a-z]+ing\b)) "
    r"(?!.*\b(?:should|must|shall|have to|has to|need to|needs to|not allowed|when|if|whenever)\b)",
    re.I,
)
"""How a sentence begins that tells of the speaker and asks for nothing."""


def _is_remark(sentence: str) -> bool:
    """Return whether a sentence before a rule is only told: "My dog died last week."."""
    is_told = _REMARK.match(sentence) is not None and not starts_effect(sentence)
    return is_told and not split_rule(sentence).scope and read_effect(sentence) is None


_THEM_WRITTEN = re.compile(
    r"(?:please |always )*(?:keep|make|write|answer|end|finish|begin|start|sign|format|limit|"
    r"phrase) (?P<pronoun>them|those|these)\b",
    re.I,
)
"""A demand on texts that the sentence before it names: "I write many emails. Keep them short."."""


def _refuse_writing_that_a_remark_names(demand: str) -> None:
    if match := _THEM_WRITTEN.match(demand):
        raise DataError(
            f'"{shorten_text(demand)}" does not say which texts "{match["pronoun"]}" are.',
            where="rule",
            cure=(
                'Say it in one sentence, for instance "In emails to my boss stay under 40 words.", '
                "or state the condition with --when and the effect with --then."
            ),
        )


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


def _is_scope_alone(sentence: str) -> bool:
    """Return whether a sentence says when, and not what to do then: "When texting Maddie"."""
    bare = sentence.rstrip(" .!;?")
    return _ONLY_SCOPE.fullmatch(bare) is not None and not split_rule(sentence).scope


def _refuse_scope_without_effect(sentence: str) -> None:
    if _is_scope_alone(re.sub("^(?:(?:but|and) )?(?:only|just) ", "", sentence, flags=re.I)):
        raise DataError(
            f'the rule says when, but not what to do then: "{shorten_text(sentence)}".',
            where="rule",
            cure=(
                'Say both, with a comma between them, for instance "When texting Maddie, use a '
                'heart emoji.", or add --then '
                '"use a heart emoji".'
            ),
        )


_ITS = r"(?:(?:my|our|your|the|all|any|every|each|an?) )*"
_A_TEXT = (
    rf"(?= {_ITS}(?!(?:in|on|at|to|for|with) )(?:[a-z-]+ )??"
    rf"(?!(?:instructions|guides?|manuals?|contracts?|agendas?|menus?)\b)"
    r"(?!(?:answers?|repl(?:y|ies)|responses?|text)\b(?! (?:to|from|for|about|on)\b))"
    rf"{GENRE}\b| (?:when|texting|writing|e-?mailing|messaging|replying)\b)"
)
"""What a demand is excepted from: "outside recipes", "beyond emails to Marie"."""
_EXCEPTION = re.compile(
    r",? (?P<word>(?<!thing )(?<!things )(?<!questions )(?<!topics )(?<!go )(?<!look )"
    rf"(?:outside|beyond|besides){_A_TEXT}|besides (?:in|for|if)|"
    r"(?:any|every|no)where(?: else)? (?:but|except|besides|beyond|outside(?: of)?|other than)"
    r"(?! (?:never|always|do|don't|use|stay|keep|be|make|please)\b)|"
    r"(?:apart from|aside from|save for|with the exception of|"
    r"(?<!anything )(?<!nothing )other than|outside of)(?! th(?:at|is|ese)\b)|unless|except "
    r"(?:when|if|for|in|with|to|where|on|at|during|after|before|by)|"
    r"other than (?:when|if)|but (?:not|do(?: so)?|don't|do not) "
    r"(?:when|if|in|for|with|to)|es sei denn|außer wenn|sauf (?:si|quand)|à moins que|a menos que|"
    r"(?<=, )(?:excluding|barring)|salvo (?:si|cuando)|"
    r"(?<=\b(?:to|in) )(?:any|every)(?:one|body|thing|where)"
    r"(?: else)? (?:but|except)(?! (?:never|always|do|don't|use|stay|keep|be|make|please)\b)|"
    r"(?<=ing )(?:any|every)(?:one|body)(?: else)? (?:but|except)) .+",
    re.I,
)
_EXCEPTION_FIRST = re.compile(
    r"(?:please )?(?:except(?:ing)?|apart from|aside from|other than|outside(?: of)?|"
    r"with the exception of|unless|(?:any|every|no)where(?: else)? (?:but|except|besides|outside)|"
    rf"(?:besides|beyond){_A_TEXT}|außer|sauf|hormis|excepto|salvo) "
    r"(?!th(?:at|is|ese)\b)[^,]+(?=, )",
    re.I,
)
"""An exception before the demand: "Except for emails to my mother, never use emojis."."""


_ONLY_THERE = re.compile(
    r".+ (?:is|are) only (?:allowed|permitted|okay|ok|fine|welcome) (?:in|with|on|for|when|if) .+|"
    r"(?:never|do not|don't) [^\"]+ until (?:i|you|we|they|someone|somebody|the [a-z]+) (?:ask|say|"
    r"tell|mention).*|only (?:(?:in|with|on|for|when|if) (?:(?!(?<! say)(?<! do) so\b)[^,])+ "
    r"(?:may|can)|"
    r"(?:my |our |the )*"
    rf"{GENRE}(?: (?:to|for|about) [^,]+)? (?:may|can|should|must|need|get|have|are|is)) .+",
    re.I,
)
"""What holds there, and its contrary elsewhere: "Only texts to Zoe may have emojis."."""


_SAID = re.compile(rf"{SAYING} .*", re.I)
"""What must be said; an exception in it is none of the rule."""


def refuse_exception(sentence: str) -> None:
    """Refuse a rule that has an exception, which a scope and an effect cannot say.

    Raises:
        DataError: it has one.
    """
    bare = _SAID.sub("", QUOTED.sub("", sentence))
    bare = _BRACKETED.sub(lambda match: f", {'but ' * (match[1].lower() == 'not')}{match[1]}", bare)
    found = (
        _EXCEPTION_FIRST.match(bare) or _EXCEPTION.search(bare) or _ONLY_THERE.fullmatch(sentence)
    )
    if found:
        raise _make_exception_error(found[0])


def _refuse_exception_sentence(sentence: str) -> None:
    """Refuse an exception that is a sentence of its own, after the demand."""
    if _EXCEPTION_SENTENCE.match(sentence):
        raise _make_exception_error(sentence)


_EXCEPTION_IN_SCOPE = re.compile(
    r",? (?:except(?:ing)?|unless|apart from|aside from|other than|with the exception of|"
    r"but not) .+|\b(?:all|any|every) ?(?:[a-z]+ )?but .+",
    re.I,
)


def refuse_exception_in_scope(scope: str) -> None:
    """Refuse a scope that leaves somebody or something out: "emails, except those to my mother".

    Raises:
        DataError: it does.
    """
    if found := _EXCEPTION_IN_SCOPE.search(QUOTED.sub("", scope)):
        raise _make_exception_error(found[0])


def _make_exception_error(said: str) -> DataError:
    return DataError(
        f'the rule has an exception: "{shorten_text(said.strip(" ,.!()"))}".',
        where="rule",
        cure=(
            "A rule is taught where it holds, and nowhere else: leave the exception out, or say "
            'where it holds, for instance --when "texts to my friends" --then "use an emoji".'
        ),
    )


def _refuse_circumstance(sentence: str, *, is_asked: bool = False) -> None:
    """Refuse a rule that holds at a time, or where something is so that no request tells.

    Raises:
        DataError: it does.
    """
    if said := find_circumstance(sentence, _has_check, is_asked=is_asked):
        raise DataError(
            f'the rule holds only "{shorten_text(said)}", and no request tells whether it is so.',
            where="rule",
            cure=(
                "Leave that out, or say with --when what is asked about, or to whom something is "
                'written, and with --then what to do, for instance --when "emails to my boss" '
                '--then "stay under 40 words".'
            ),
        )


def _has_check(text: str) -> bool:
    return read_effect(text) is not None


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
    bare = _SAID.sub("", QUOTED.sub('""', text))
    found = re.search(r"\bonly (?:when(?:ever)?|if) [^ ]+", bare, re.I)
    if found is None or found[0].lower() in rule.effect.lower():  # it says how, not where
        return ""
    return found[0].rsplit(" ", 1)[0]


_ALONE = r"(?:only|just|exclusively|solely|purely)"
_DOES = r"(?:use|add|include|write|put|make|give)"
_DOES_ALONE = "(?:apologi[sz]e|joke|rhyme|swear|curse)"
_OBJECT = (
    r"(?:(?:the|an?|any) )?(?!(?:one|two|three|four|five|half|once)\b)(?:(?-i:[a-z])[a-z-]+|bullet "
    r"points|exclamation (?:marks|points)|question marks|capital letters|[a-z]+ emojis?|\"[^\"]+\")"
)
"""What is done there alone: "Only use emoji" in texts to Maddie; "one emoji" is a manner."""


_NOTHING_ELSE = re.compile(
    r"(?:only (?:answer|talk|speak|discuss|respond|reply)(?: to)?(?: questions| requests)? "
    r"(?:about|on) |(?:answer|talk about|speak about|discuss|answer questions about) (?:nothing|"
    r"no topics?|no subjects?) (?:but|except|other than) |(?:do not|don't|never|refuse to) "
    r"(?:answer|talk|speak|discuss)(?: (?:questions|about|to|me|us|anything))* (?:anything|"
    r"everything|any topic|any subject) (?:but|except|other than|besides|outside(?: of)?) "
    r")(?P<topic>.+)",
    re.I,
)


_BRACKETED = re.compile(
    r" \((?=(?:except|unless|other than)\b|(?:but )?not (?:when|if|(?:in|for|with|to) "
    rf"(?:(?:my|our|the|any|every) )*(?:{GENRE}\b|(?<=my )\w+)))(\w+)",
    re.I,
)
"""An exception in brackets: "Use emojis (not in emails)."."""
_EXCEPTION_END = re.compile(
    r"(?:^|[ ,(])(?:except(?:ing)?|unless|(?:but|just|only|though|although) never|not|\w+n['’]t|"
    r"(?<!with )(?<!word )(?<!say )but|save|excluding|bar(?:ring)?|außer|aber nicht|nur nicht|"
    r"sauf|mais pas|excepto|salvo|pero no|tranne|ma non)[ ,]*$",
    re.I,
)
"""The end of a demand before a scope that is an exception: "use emojis, but never" (in emails)."""
_EXCEPTION_SENTENCE = re.compile(
    r"(?:except|unless|apart from|other than)\b(?! th(?:at|is|ese)\b)|"
    r"(?:but|however|though|only)\b(?:(?!\b(?:not|never|no)\b).)*\b(?:is|are) "
    r"(?:fine|ok|okay|allowed|welcome|exempt)[ .!]*$",
    re.I,
)
"""An exception by itself: "Except hearts.", "But hearts are fine."."""
_ALSO = re.compile(
    r"(?:but|and|also|plus|however),? (?=(?:please|always|never|do not|don't|be|keep|use|say|add|"
    r"end|start) [a-z])",
    re.I,
)
"""What joins a sentence with the one before: "But be friendly."."""
_EMPHASIS = re.compile(
    r"(?P<demand>.+?),? (?:especially|particularly|above all|including|(?:not )?even) "
    rf"(?:when|if|(?:in|to|for|with) (?:(?:my|our|the|all|any|every) )*(?:{GENRE}\b|(?<=my )\w+))"
    r"(?:[^,\"']|(?<=\w)'(?=\w))*?(?P<end>[.!]*)",
    re.I,
)
"""Where a rule holds above all, at its end; it holds elsewhere too."""


def _drop_emphasis(sentence: str) -> str:
    """Return a demand without where it holds above all: "Be brief, especially in emails to Tom."

    In what must be said such words are part of it.
    """
    match = _EMPHASIS.fullmatch(sentence)
    if match is None or _SAID.search(match["demand"]):
        return sentence
    return match["demand"] + match["end"]


def refuse_one_subject(sentence: str) -> None:
    """Refuse a rule that forbids every subject but one.

    Raises:
        DataError: the rule does.
    """
    found = _NOTHING_ELSE.search(sentence)
    if found is None:
        return
    topic = shorten_text(found["topic"].strip(" .!"))
    raise DataError(
        f'the rule forbids everything but one subject ("{topic}").',
        where="rule",
        cure='Name the subjects that are forbidden, for instance "Do not talk about politics."',
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
    topic = _find_wanted_topic(effect)
    if sides or topic:
        sides = sides or f'"talk about {topic}" and "do not talk about {topic}"'
        raise DataError(
            f"the rule contradicts itself: no answer can meet {sides}.",
            where="rule",
            cure="Keep one of the two demands, or say with --when where each holds.",
        )


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
    effect = read_effect(text)
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


def find_conflict(check: str, rule: Rule, keeps: Callable[[str, str], bool]) -> str:
    """Return where a person's check contradicts the rule's own words, in one line; or "".

    The check decides, so the line is for the person to read.

    Args:
        keeps: tells whether an answer meets a check: `selfteach.judge.check.keeps_check`.
    """
    effect = read_effect(rule.effect or rule.text)
    if effect is None:
        return ""
    if pair := find_clash(effect.check, check):
        return f"the rule says {pair[0]}, the check {pair[1]}: the check decides"
    if effect.is_answer and (demand := find_contrary_demand(check, effect, keeps)):
        said = shorten_text(effect.statement.rstrip("."))
        return f'the rule says "{said}", the check {demand}: the check decides'
    return ""


def find_contrary_demand(
    check: str, effect: Effect, keeps: Callable[[str, str], bool]
) -> CheckDemand | None:
    """Return what a check demands against the answer that a rule gives; or None.

    It forbids words that the answer needs: without them it does not meet the rule's own check. Or
    it wants a number, a day or a month where the answer has another one.
    """
    answer = effect.statement
    for demand in list_conditions(check):
        if demand.name == "contains" and not demand.negated:
            if _names_another_value(demand.value, answer):
                return demand
        elif demand.negated and demand.name in ("contains", "regex"):
            wanted = f"{demand.name} {quote_value(demand.value)}"
            words = [word for word in answer.split() if not keeps(wanted, word.strip(".,;:!?"))]
            phrase = re.escape(demand.value.strip("*"))
            left = re.sub(phrase, "", " ".join(words), flags=re.I) if phrase else answer
            is_said = keeps(wanted, answer) and keeps(effect.check, answer)
            if is_said and not keeps(effect.check, left):
                return demand
    return None


_VALUES = (
    re.compile(rf"\b(?:{NUMBER})\b", re.I),
    re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.I),
    re.compile(
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|"
        r"december)\b",
        re.I,
    ),
)
"""What an answer names one of: a number, a day, a month."""
_UNIT = re.compile(
    r"\b(?:at|by|until|till|on|in|from)\b|\b(?:[ap]\.?m\b\.?|o['’]clock|euros?|dollars?|pounds?|"
    r"minutes?|hours?|days?|weeks?|months?|years?|percent)|[€$£%]",
    re.I,
)


def _names_another_value(phrase: str, answer: str) -> bool:
    """Return whether a phrase is a number, a day or a month, and an answer names others alone."""
    bare = _UNIT.sub("", phrase).strip(" *")
    for values in _VALUES:
        if values.fullmatch(bare):
            named = {_fold_value(value) for value in values.findall(answer)}
            is_named = _fold_value(bare) in named or _is_hour(bare, answer)
            return bool(named) and not is_named
    return False


_HOUR = re.compile(
    rf"\b(?P<clock>\d{{1,2}})[:.h]\d\d\b|\b(?P<marked>{NUMBER}) ?(?:[ap]\.?m\b|o['’]clock|h\b)|"
    rf"\b(?:at|by|until|till|from|to|between|before|after|and|past) (?P<bare>{NUMBER})\b"
    r"(?![:.]?\d| ?(?:euros?|dollars?|pounds?|minutes?|hours?|days?|weeks?|months?|years?|percent|"
    r"[€$£%]))|\b(?P<named>noon|midday|midnight)\b",
    re.I,
)
"""An hour of the day that an answer names."""
HOURS = 12


def _is_hour(value: str, answer: str) -> bool:
    """Return whether an answer names an hour that a number may stand for: 17:30 has the hour 5."""
    hours = [found["clock"] or found["marked"] or found["bare"] for found in _HOUR.finditer(answer)]
    named = {int(_fold_value(hour)) % HOURS if hour else 0 for hour in hours}
    number = _fold_value(value)
    return number.isdigit() and int(number) <= 2 * HOURS and int(number) % HOURS in named


def _fold_value(value: str) -> str:
    """Return the same text for a number in digits and in words, and for a day and its plural."""
    is_number = _VALUES[0].fullmatch(value) is not None
    return str(parse_number(value)) if is_number else value.lower().removesuffix("s")
