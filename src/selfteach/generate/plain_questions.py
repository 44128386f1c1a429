"""Plain questions from a sentence and an answer in it, by rules and without a model.

    fronted   the question word first, and the verb before the subject: "When was the mill built?"
              from "In 1790, the mill was built by Ann." and the answer "1790"
    clause    some words of the clause around the answer, with a question word in its place: "mill
              was built by who or what?"

A rule that does not fit gives no question. English only: the rules know auxiliaries, regular pasts
and the most frequent irregular ones.

Source: Heilman and Smith 2010, "Good question! Statistical ranking for question generation" (move
the question word, invert the auxiliary, insert "did"). Departs: word lists and the form of words
take the place of a parser, and whoever asks checks the questions with a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.generate.spans import (
    count_content_words,
    get_question_openings,
    is_content_word,
    is_latin,
    make_whole_pattern,
)

BE = frozenset({"is", "are", "was", "were"})
HAVE = {"has": "does", "have": "do", "had": "did"}
"""Forms of "have", with the auxiliary of a question where it is the only verb."""
MODALS = frozenset({"can", "could", "will", "would", "may", "might", "must", "should"})
AUXILIARIES = BE | HAVE.keys() | MODALS
PRONOUNS = frozenset(
    "it he she they we i you this these that those there his her its their our my one".split()  # noqa: SIM905
)
UNNAMED = frozenset({"it", "he", "she", "they", "we", "i", "you", "there"})
"""Subjects that name nothing."""
CLAUSE_WORDS = frozenset(
    """
    which who whom whose that because although though while when where if whether since until after
    before than so
    """.split()  # noqa: SIM905
)
PREPOSITIONS = frozenset(
    """
    in on at during since from to by of for with into around about until near between under over
    through against within without among toward towards across via
    """.split()  # noqa: SIM905
)
DETERMINERS = frozenset(
    "the a an its their his her this that these those some many most all several".split()  # noqa: SIM905
)
NEGATIONS = frozenset({"no", "not", "never", "neither", "nor", "only", "hardly", "rarely"})
"""Words with which a sentence tells what did not happen, or hardly."""
FUNCTION_WORDS = PREPOSITIONS | AUXILIARIES | CLAUSE_WORDS | {"as", "due"}
ADVERBS = frozenset({"also", "as", "further", "however", "then", "thus"})
NOT_FIRST = PRONOUNS | PREPOSITIONS | CLAUSE_WORDS | ADVERBS
"""First words of a clause that does not begin with its subject."""
NOT_BEFORE_VERB = DETERMINERS | PREPOSITIONS | {"and", "or", "newly", "highly", "more", "other"}
SMALL_FIRST = DETERMINERS | frozenset(
    """
    other both each two three early later such every no any much modern certain few various
    """.split()  # noqa: SIM905
)
"""First words of a subject that are no names."""
IRREGULAR = dict(
    pair.split(":")
    for pair in """
    became:become began:begin brought:bring built:build bought:buy came:come chose:choose drew:draw
    fell:fall found:find gave:give grew:grow held:hold kept:keep led:lead left:leave lost:lose
    made:make met:meet ran:run rose:rise saw:see sent:send sold:sell spent:spend stood:stand
    taught:teach took:take told:tell went:go won:win wrote:write knew:know paid:pay spoke:speak
    broke:break sought:seek struck:strike threw:throw got:get bled:bleed bred:breed fed:feed
    agreed:agree decreed:decree disagreed:disagree freed:free guaranteed:guarantee
    died:die lied:lie tied:tie fled:flee froze:freeze rebuilt:rebuild quizzed:quiz focused:focus
    focussed:focus biased:bias debuted:debut controlled:control patrolled:patrol piloted:pilot
    pivoted:pivot developed:develop enveloped:envelop galloped:gallop gossiped:gossip
    worshiped:worship welcomed:welcome guided:guide persuaded:persuade owed:owe dyed:dye eyed:eye
    balloted:ballot mouthed:mouth bequeathed:bequeath beguiled:beguile cached:cache axed:axe
    panicked:panic mimicked:mimic vied:vie untied:untie signalled:signal murmured:murmur
    routed:route rerouted:reroute annulled:annul extolled:extol gassed:gas
    """.split()  # noqa: SIM905
)
"""Past forms and their verbs."""
PARTICIPLE = re.compile(
    r"[a-z]+ed|been|made|found|held|led|built|given|taken|known|seen|written|begun|become|grown|"
    r"fallen|risen|come|gone|done|won|lost|left|kept|set|put|sent|sold|drawn|chosen|broken|brought"
)
DOUBLED = re.compile(r"([bdgkmnprt])\1$|[aeiou][a-z]*[^aeiou]el(?=l$)")
"""Endings of stems that doubled their last letter: "stopp(ed)", "travell(ed)"; not "fill(ed)"."""
_ONE = r"(?:(?<![aeiou])|(?<=qu))"
"""What stands before a vowel that is alone: "hop(ed)"; not "loo" of "look(ed)"."""
STEM_WITH_E = re.compile(
    r"(?:[cuv]|(?<![tz])z|(?<!s)s|(?<!n)g|[eu]ng|(?:ch|r)ang|(?:fr|cr|imp|^[hbst])ing|"
    r"[aeiou]th|^ach|[ct]r|[^aeiouylrw]l|"
    rf"{_ONE}(?:[aeiouy][bd]|[aeiou]f|[aiou]k|[iouy]l|[aeiuy]m|[aiu]n|[aiouy]p|[aiuy]r|[aouy]t)|"
    r"(?:sc|h|imp)al|(?:nv|rv)en|(?:tp|cond|cl|ph|thr|dr|^(?:at|st|[bhltz]))on|"
    r"(?:^adh|terf|rsev|^rev|premi)er|(?:^st|rest|sc|gn|pl|ad|sn|^[bcgp])or|"
    r"[iu]at|creat|permeat|delineat|(?:pl|comp|^del|cr)et|"
    r"(?:nv|un|gn|exped|^[cs]|(?:ex|re|in)c)it|^[bptw]ast)$"
)
"""Endings of stems that lost an e: "mov(ed)"; not "join(ed)"."""
LEAD = re.compile(
    r"((?:In|On|At|During|After|Before|By|Since|For|From|Under|Following|Due to|Because of)\b"
    r"[^,]{2,50}(?:, \d{4})?), "
)
"""Words of time, place or cause in front of the subject."""
TIME_OR_PLACE = ("When", "In what year", "Where", "Why")
"""Question openings that hold their preposition."""
DROPPED_PREPOSITION = re.compile(
    r"(?:^|\s)(?:in|on|at|during|since|because of|due to|near|around)\s*$", re.I
)
NEXT_CLAUSE = re.compile(
    r"[,:](?!\d)|[;(\[\"“”]| (?:which|who|when|while|because|although|where|whereas|since|as|"
    r"after|before|until|and|but|or|so|that)\b|\s[–—]\s"
)
"""Where the words after an answer belong to something else."""
CLAUSE_START = re.compile(
    r"[;:] |, (?:and|but|so|while|although|because|when|where) |(?:^|\s)[\"“(\[]"
)
CLAUSE_END = re.compile(
    r"[;:]\s|,\s(?!\d)| (?:which|who|when|while|because|although|where|whereas)\b| [(\[\"“]"
)
MARKS = re.compile(r"[\"“”()\[\]:;]")
"""Marks that a clause may hold without its other half."""
MIN_CONTENT_WORDS = 2
"""The fewest content words around a question word."""
MIN_WORDS = 4
MAX_WORDS = 18
MAX_SUBJECT_WORDS = 11


@dataclass(frozen=True)
class ClauseParts:
    """Hold a clause in the parts that a question orders anew.

    Attributes:
        verb: the verb's plain form after "did"; "" where the clause has an auxiliary.
        end: where the rest of the clause begins.
    """

    subject: str
    auxiliary: str
    verb: str
    end: int

    def ask(self, opening: str, *rest: str) -> str:
        """Return a question that begins with an opening."""
        return finish_question(opening, self.auxiliary, self.subject, self.verb, *rest)


def make_fronted_question(sentence: str, answer: str) -> str:
    """Return a question with this answer, the question word first; "" where no rule fits."""
    start = find_whole_answer(sentence, answer)
    if start < 0 or not is_latin(sentence):
        return ""
    for joint in re.finditer(r"; (?:however, )?|, (?:and|but|so) ", sentence[:start]):
        sentence, start = sentence[joint.end() :], start - joint.end()
        break
    if is_within_marks(sentence[:start]):
        return ""
    opening = get_question_openings(sentence, answer)[0]
    after = sentence[start + len(answer) :]
    if not is_whole_phrase(answer, after, opening):
        return ""
    lead = LEAD.match(sentence)
    if lead and start < lead.end():
        return ask_for_lead(sentence, lead, start, answer, opening)
    moved = ""
    if lead:
        moved = lead[1][0].lower() + lead[1][1:]
        sentence, start = sentence[lead.end() :], start - lead.end()
    tail = cut_next_clause(after)
    if re.fullmatch(r"(?:the |an? )?", sentence[:start], re.I):
        return ask_for_subject(answer, opening, tail, moved)
    return ask_for_rest(sentence, start, opening, tail, moved)


def make_clause_question(sentence: str, answer: str, content_words: int = 3) -> str:
    """Return the words of the clause next to an answer, with a question word in its place; "" if
    the clause says too little or is torn.

    Args:
        content_words: how many content words are kept; a name is never cut.
    """
    start = find_whole_answer(sentence, answer)
    end = start + len(answer)
    opening = get_question_openings(sentence, answer)[0] if start >= 0 else ""
    if (
        not opening
        or not is_latin(sentence)
        or not is_whole_phrase(answer, sentence[end:], opening)
    ):
        return ""
    starts = [m.end() for m in CLAUSE_START.finditer(sentence) if m.end() <= start]
    ends = [m.start() for m in CLAUSE_END.finditer(sentence) if m.start() >= end]
    before = sentence[max(starts, default=0) : start].split()
    after = sentence[end : min(ends, default=len(sentence))].strip(" ,.!?").split()
    counted = opening.removeprefix("How many ")
    if counted != opening and after[:1] == [counted]:
        del after[0]
    if before and before[-1].lower() in ("the", "a", "an"):
        del before[-1]
    before, after = keep_nearest(before, after, content_words)
    commas = [i for i, word in enumerate(before) if word.endswith(",")]
    rest = before[commas[-1] + 1 :] if commas else before
    if count_content_words(rest + after) >= MIN_CONTENT_WORDS:
        before = rest
    if count_content_words(before + after) < MIN_CONTENT_WORDS:
        return ""
    asked = {"Who": "who or what", "In what year": "what year"}.get(opening, opening.lower())
    text = " ".join([*before, asked, *after]).strip(" ,")
    return "" if MARKS.search(text) else f"{text}?"


def keep_nearest(before: list[str], after: list[str], count: int) -> tuple[list[str], list[str]]:
    """Return the words next to a gap that hold `count` content words; the sides take turns.

    The words of a name stay together.
    """
    left = [len(before) - end for end in find_ends(list(reversed(before)))]
    right = find_ends(after)
    taken = [0, 0]
    while sum(taken) < count and (taken[0] < len(left) or taken[1] < len(right)):
        is_left = taken[0] < len(left) and (taken[0] <= taken[1] or taken[1] == len(right))
        taken[not is_left] += 1
    first = left[taken[0] - 1] if taken[0] else len(before)
    last = right[taken[1] - 1] if taken[1] else 0
    return before[first:], after[:last]


def find_ends(words: Sequence[str]) -> list[int]:
    """Return where each content word ends, in words from the start; the words of a name end
    together.
    """
    ends: list[int] = []
    for i, word in enumerate(words):
        if not is_content_word(word):
            continue
        if ends and ends[-1] == i and word[:1].isupper() and words[i - 1][:1].isupper():
            ends[-1] = i + 1
        else:
            ends.append(i + 1)
    return ends


def find_whole_answer(sentence: str, answer: str) -> int:
    """Return where an answer stands as whole words that belong to no longer name or number."""
    edge = r"[\w$€£/'’–-]"
    whole = make_whole_pattern(answer)
    place = re.search(rf"(?<!{edge}){whole}(?!{edge}|\.\w)", sentence)
    return place.start() if place else -1


def is_within_marks(before: str) -> bool:
    """Return whether what follows a text is within quotation marks or parentheses."""
    return before.count('"') % 2 == 1 or before.count("(") > before.count(")")


def is_whole_phrase(answer: str, after: str, opening: str) -> bool:
    """Return whether an answer is no part of a longer phrase, and more than one common noun.

    Args:
        after: the text that follows it.
    """
    following = re.match(r"\s+([\w'’-]+)", after)
    follows = following[1].lower() if following else ""
    if answer[:1].islower():
        words = re.sub(r"^(?:the|an?) ", "", answer).split()
        if len(words) < 2 or follows in ("of", "to", "and", "or", "by"):
            return False
    counted = opening.startswith("How many ")
    ends_phrase = follows in FUNCTION_WORDS or find_plain_verb(follows) or follows.endswith("s")
    return not follows or counted or bool(ends_phrase)


def find_plain_verb(word: str) -> str:
    """Return the plain form of a verb in the past; "" for another word."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if not re.fullmatch(r"[a-z]{2,}ed", word) or word.endswith("eed"):  # "need", "exceed"
        return ""
    stem = word.removesuffix("ed")
    if stem.endswith("i"):
        return stem.removesuffix("i") + "y"
    if len(stem) > 3 and DOUBLED.search(stem):  # not "add"
        return stem[:-1]
    return stem + "e" if STEM_WITH_E.search(stem) else stem


def split_clause(clause: str) -> ClauseParts | None:
    """Return the parts of a clause that begins with its subject; None where they are unclear."""
    words = list(re.finditer(r"\S+", clause))
    first = re.split("['’]", words[0][0])[0].lower() if words else ""
    if not first or first in NOT_FIRST:
        return None
    for i in range(1, min(len(words) - 1, MAX_SUBJECT_WORDS + 1)):
        word = words[i][0]
        if word.lower() in CLAUSE_WORDS or not re.fullmatch(r"[\w'’.%$()-]+", word):
            return None
        following = [found[0] for found in words[i + 1 : i + 4]]
        verb = find_verb(word, words[i - 1][0].lower(), following)
        if verb:
            subject = clause[: words[i].start()].strip()
            named = subject.lower().split()
            unclear = (UNNAMED | NEGATIONS) & set(named) or "," in subject
            if named[-1] in FUNCTION_WORDS or unclear:
                return None
            if first in SMALL_FIRST:
                subject = subject[0].lower() + subject[1:]
            return ClauseParts(subject, *verb, words[i].end())
    return None


def find_verb(word: str, before: str, following: list[str]) -> tuple[str, str] | None:
    """Return the auxiliary of a question with this word as its verb, and the plain verb after the
    subject; None for another word.

    Args:
        before: the word before it, in lower case.
        following: the next words.
    """
    low = word.lower()
    if low in HAVE and not any(PARTICIPLE.fullmatch(other.lower()) for other in following):
        return HAVE[low], "have"
    if low in AUXILIARIES:
        return low, ""
    plain = find_plain_verb(word)
    after = following[0]
    opens_object = after.lower() in DETERMINERS | PREPOSITIONS or not after[:1].islower()
    if plain and before not in NOT_BEFORE_VERB and opens_object and after.lower() != "by":
        return "did", plain
    return None


def ask_for_lead(sentence: str, lead: re.Match[str], start: int, answer: str, opening: str) -> str:
    """Return a question for the words in front of the subject: "In 1790, the mill was built."."""
    preposition = sentence[:start]
    whole = lead[1][start:] == answer
    parts = split_clause(sentence[lead.end() :])
    if not parts or not whole or opening not in TIME_OR_PLACE:
        return ""
    if not DROPPED_PREPOSITION.match(preposition):
        return ""
    return parts.ask(opening, cut_next_clause(sentence[lead.end() :][parts.end :]))


def ask_for_subject(answer: str, opening: str, tail: str, moved: str) -> str:
    """Return a question for the subject: "Ann built the mill in 1790."."""
    words = tail.split()
    if len(words) < 3 or not answer[:1].isupper():
        return ""
    present = re.fullmatch(r"[a-z]{3,}s", words[0]) and words[1] not in PREPOSITIONS | {"and", "or"}
    if words[0] in AUXILIARIES or find_plain_verb(words[0]) or present:
        return finish_question("Who" if opening == "Who" else "What", *words, moved)
    return ""


def ask_for_rest(sentence: str, start: int, opening: str, tail: str, moved: str) -> str:
    """Return a question for an answer after the verb: "The mill was built by Ann."."""
    parts = split_clause(sentence)
    if not parts or start < parts.end:
        return ""
    middle = re.sub(r"\b(?:the|an?)\s*$", "", sentence[parts.end : start]).strip()
    words = middle.lower().split()
    if re.search(r"[,;:\"“”(]", middle) or (CLAUSE_WORDS | {"and", "or"}) & set(words):
        return ""
    if parts.auxiliary in BE and not middle and tail:
        return ""
    if opening in TIME_OR_PLACE:
        stays = opening == "Where" and words[-1:] in (["to"], ["from"])
        if not stays and not DROPPED_PREPOSITION.search(middle):
            return ""
        middle = DROPPED_PREPOSITION.sub("", middle)
    elif opening.startswith("How many "):
        opening, tail = count_whole_noun(opening, tail.split())
    elif opening == "How many":
        opening = "What number"
    elif opening == "Which" or (opening == "Who" and words[-1:] != ["by"]):
        opening = "What"
    return parts.ask(opening, middle, tail, moved)


def count_whole_noun(opening: str, tail: list[str]) -> tuple[str, str]:
    """Return "How many" with the whole noun after a number, and the words after the noun."""
    words = tail[1:] if tail[:1] == [opening.removeprefix("How many ")] else tail
    if words and words[0].islower() and words[0] not in FUNCTION_WORDS:
        opening, words = f"{opening} {words[0]}", words[1:]
    return opening, " ".join(words)


def cut_next_clause(text: str) -> str:
    """Return the beginning of a text, up to the next clause."""
    return NEXT_CLAUSE.split(text)[0].rstrip(" .!?")


def finish_question(*parts: str) -> str:
    """Return the parts as one question; "" if it is too short, too long, or holds marks."""
    text = " ".join(" ".join(parts).split()).rstrip(" ,.")
    fits = MIN_WORDS <= len(text.split()) <= MAX_WORDS
    return f"{text}?" if fits and not re.search(r"[\"“”\[\]]", text) else ""
