"""Repair the base's own answers with a small change (step 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rapidfuzz.distance import Levenshtein, Prefix

from selfteach.generate.search import RepairTexts
from selfteach.judge import ViolationJudge
from selfteach.judge.leave_out import leave_out_violations
from selfteach.judge.occasion import names_occasion
from selfteach.judge.opening import says_nothing
from selfteach.judge.repair import repair_answer
from selfteach.judge.sentence_edits import drop_cut_off_end
from selfteach.methods.brief_answers import limits_length
from selfteach.methods.feedback.answer_faults import is_about_messages
from selfteach.methods.feedback.probe import ProbedPrompt
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import get_check
from selfteach.records import Completion
from selfteach.sentences import keep_whole_sentences

SIMILAR_CHANGES = 2
"""So many changed words more make no difference between two repairs."""


def make_repair(
    session: Session, judge: ViolationJudge, occasions: Mapping[str, str]
) -> RepairTexts:
    """Return what repairs answers with a small change: by the check's conditions, or else by
    leaving out the sentences that the judge rejects.

    Where a check knows several repairs, texts take them in turn.

    Args:
        occasions: what a message is about, by request.
    """
    rule = session.understood
    check = get_check(rule)
    if check is None or rule.forbidden_topic:
        return lambda pairs: leave_out_violations([text for _, text in pairs], judge.broken)
    is_brief = limits_length(check) and not is_about_messages(session)

    def repair(pairs: Sequence[tuple[str, str]]) -> list[str]:
        found = []
        for i, (request, text) in enumerate(pairs):
            options = repair_answer(check, text, rule.replacements, rule.statement)
            telling = [o for o in options if names_occasion(o, occasions.get(request, ""))]
            if is_brief:
                telling = [o for o in telling if not says_nothing(request, o)] or telling
            found.append(choose_repair(telling or options, text, i))
        return found

    return repair


def choose_repair(options: Sequence[str], text: str, turn: int) -> str:
    """Return a repair that changes few words, at most SIMILAR_CHANGES more than the least one: that
    which differs earliest from the text, and equally early ones take turns. Of beginnings of the
    text it is the shortest.

    What a repair changes first decides whether a small model learns it: its later tokens follow
    from its earlier ones. An answer that ends soon leaves room below a limit of length.
    """
    if not options:
        return ""
    if not all(is_beginning(option, text) for option in options):
        words = drop_cut_off_end(text).split()
        changes = [Levenshtein.distance(words, option.split()) for option in options]
        most = min(changes) + SIMILAR_CHANGES
        options = [option for option, n in zip(options, changes, strict=True) if n <= most]
    shared = [count_shared(option, text) for option in options]
    earliest = [option for option, n in zip(options, shared, strict=True) if n == min(shared)]
    return earliest[turn % len(earliest)]


def is_beginning(option: str, text: str) -> bool:
    """Return whether a repair is the beginning of a text, but for the mark at its end."""
    return text.startswith(option[:-1])


def count_shared(first: str, second: str) -> int:
    """Return how many characters two texts share at their beginning."""
    return Prefix.similarity(first, second)


def repair_own_answers(
    by_text: Mapping[str, ProbedPrompt],
    declined: Collection[str],
    repair: RepairTexts,
    fluency: Mapping[str, float],
    least: float,
) -> dict[str, list[str]]:
    """Return the repaired violations of each prompt that needs an answer, the fluent ones.

    The sentence in which an answer was cut off is left out first, and so is an answer of which
    nothing else is left: learned as a whole answer, it would teach to stop within a sentence.

    Args:
        fluency: of each completion, by its id, in nats per token.
        least: the least fluency of an answer that is repaired.
    """
    rows = [(text, one) for text, p in by_text.items() for one in p.violations]
    rows = [row for row in rows if row[0] not in declined and fluency[row[1].id] >= least]
    whole = [(text, drop_unfinished_sentence(one)) for text, one in rows]
    whole = [row for row in whole if row[1]]
    found: dict[str, list[str]] = {}
    for (text, _), repaired in zip(whole, repair(whole), strict=True):
        if repaired.strip():
            found.setdefault(text, []).append(repaired)
    return found


def drop_unfinished_sentence(completion: Completion) -> str:
    """Return the text of a completion, without the sentence in which it was cut off."""
    return keep_whole_sentences(completion.text, is_cut=completion.finish == "length")
