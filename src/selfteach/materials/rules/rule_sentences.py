"""Read the sentences of a rule: which of them ask for something, where each one holds, and how it
belongs to the one before it.

Sentences of one scope are one rule. Those with different conditions are several rules, and are
refused with what to do. What is only told ("My dog died last week.") is left out.
"""

from __future__ import annotations

import re
from itertools import pairwise

from selfteach.errors import DataError
from selfteach.materials.rules.effects.effect import has_check
from selfteach.materials.rules.effects.plain_demand import join_asides, to_plain_demand
from selfteach.materials.rules.exceptions import (
    drop_emphasis,
    refuse_circumstance,
    refuse_exception,
    refuse_exception_before,
    refuse_exception_sentence,
    refuse_one_subject,
)
from selfteach.materials.rules.languages.other_languages import ScopedText
from selfteach.materials.rules.phrases import QUOTED, REPLIES
from selfteach.materials.rules.scopes.scope import (
    SECOND_SCOPE,
    drop_told_tail,
    split_joined_rules,
    split_rule,
    split_rule_sentences,
    starts_effect,
)
from selfteach.materials.rules.scopes.situation import GENRE, read_situation
from selfteach.materials.rules.simpler_text import list_simpler
from selfteach.number_words import NUMBER
from selfteach.text import list_texts, shorten_text


def read_parts(text: str) -> ScopedText:
    """Return the scope and the effect of a rule; where no check is read, those of the same rule
    with less around it, if that has one.
    """
    found = _read_sentences(text)
    if has_check(found.effect):
        return found
    for simpler in list_simpler(text):
        try:
            parts = _read_sentences(simpler)
        except DataError:
            continue
        if has_check(parts.effect):
            return parts
    return found


def _read_sentences(text: str) -> ScopedText:
    """Return the scope and the effect of a text of one or several sentences.

    Sentences of one scope are joined. A sentence that asks for nothing ("She likes them.") is no
    part of the effect.
    """
    text = join_asides(text)
    said = split_rule_sentences(text)
    plain = [drop_emphasis(drop_told_tail(to_plain_demand(sentence))) for sentence in said]
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
            refuse_exception_sentence(said)
        sentence = _ALSO.sub("", said) if before else said
        refuse_exception(sentence)
        _refuse_scope_without_effect(sentence)
        refuse_one_subject(sentence)
        refuse_circumstance(sentence)
        part = split_rule(sentence)
        refuse_exception_before(sentence, part)
        follows = sentence != said or _FOLLOWS.fullmatch(sentence) is not None
        if found and found[-1][1].scope and (of_that := _OF_THAT.fullmatch(sentence)):
            part, follows = ScopedText("", f"{of_that['verb']} {of_that['rest']}"), True
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


_ALSO = re.compile(
    r"(?:but|and|also|plus|however),? (?=(?:please|always|never|do not|don't|be|keep|use|say|add|"
    r"end|start) [a-z])",
    re.I,
)
"""What joins a sentence with the one before: "But be friendly."."""
_FOLLOWS = re.compile(r".+ (?:instead|there|then|in (?:them|those))[ .!]*", re.I)
"""What a demand ends with that holds where the one before does."""
_OF_THAT = re.compile(
    rf"(?P<verb>(?:please |always )*(?:end|finish|close|start|begin|open|sign)) (?:that|those|"
    rf"these|such|this) (?:{REPLIES}|{GENRE}) (?P<rest>.+)",
    re.I,
)
"""A demand that says itself that it holds there: "End that answer with "Bye"."."""
_OF_LETTERS = re.compile(
    r"(?:please |always )*(?:(?:end|finish|close|sign(?: off)?) with [\"']?(?:(?:kind|best|warm|"
    r"many) )?(?:regards|wishes|yours|sincerely|love|greetings|hugs)\b.*|(?:start|begin|open) with "
    r"[\"']?(?:Dear|Hi|Hello)(?! and)\b.*|(?P<them>(?:keep|make|end|start) them\b.*))",
    re.I,
)
"""A demand on the texts that the one before is about: "Finish with Kind regards."."""


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
    if not _STATES.match(last.effect) and has_check(part.effect):
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


def _adds_a_subject(said: str) -> bool:
    """Return whether a sentence only names one more: "Tigers neither.", "Same for tigers."."""
    found = _ANOTHER.fullmatch(said.rstrip(" .!"))
    name = (found["after"] or found["before"]) if found and said[0].isupper() else ""
    return bool(name) and not _NO_NAME.search(name)


def _refuse_another_subject(said: str) -> None:
    raise DataError(
        f'what "{shorten_text(said)}" adds to the sentence before it is not understood.',
        where="rule",
        cure='Say all in one sentence: "Do not talk about elephants or tigers."',
    )


def _is_told(part: ScopedText) -> bool:
    """Return whether a first sentence asks for nothing: "I have arthritis."."""
    is_remark = _REMARK.match(part.effect) is not None and not starts_effect(part.effect)
    return not part.scope and is_remark and not has_check(part.effect)


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
    is_clear = is_fragment and (not _STATES.match(before) or has_check(bare))
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


_SECOND_TEXTS = re.compile(
    rf"\b(?:and|but) (?:(?:my|our|the|all) )*(?:{GENRE} (?:under|below|over) \d|{GENRE} to [\w' "
    rf"]+? (?:with|under|below|over)\b)|\bbut an? [a-z]+ (?:one|tone) in (?:(?:my|our|the|all) "
    rf")*{GENRE}\b",
    re.I,
)
"""Texts of another kind with a demand of their own: "... and emails to my friends with "xx"."."""
_AS_SCOPE = re.compile(rf"(?:in|for|with) (?:(?:my|our|the|all|any) )*{GENRE} (?:to|for) ", re.I)
"""An effect that begins as a scope: "in texts to Tom be informal"."""
_STATES = re.compile(r"(?:say|tell|mention|explain)\b", re.I)


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
    return is_told and not split_rule(sentence).scope and not has_check(sentence)


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


_ONLY_SCOPE = re.compile(
    r"(?:please )?(?:when(?:ever)?|if|while|during|wenn|falls|quand|lorsque|cuando|in "
    r"(?:e-?mails|texts|messages|letters))\b[^,:]*[,:]?",
    re.I,
)


def is_scope_alone(sentence: str) -> bool:
    """Return whether a sentence says when, and not what to do then: "When texting Maddie"."""
    bare = sentence.rstrip(" .!;?")
    return _ONLY_SCOPE.fullmatch(bare) is not None and not split_rule(sentence).scope


def _refuse_scope_without_effect(sentence: str) -> None:
    if is_scope_alone(re.sub("^(?:(?:but|and) )?(?:only|just) ", "", sentence, flags=re.I)):
        raise DataError(
            f'the rule says when, but not what to do then: "{shorten_text(sentence)}".',
            where="rule",
            cure=(
                'Say both, with a comma between them, for instance "When texting Maddie, use a '
                'heart emoji.", or add --then "use a heart emoji".'
            ),
        )
