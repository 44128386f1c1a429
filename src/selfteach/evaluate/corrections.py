"""Measures of corrections: how much a teacher still changes of new answers.

The teacher corrects *new* answers to prompts that nothing was chosen on. A file or a person cannot
do that. Then the nearest correction of the same prompt takes its place. That is a harder measure,
because an answer may be right and different; so the verdict rests on the corrections themselves
(held_out.py).

Source: correction-optimization, A = log P(y|x) - log P(y'|x), the amount of correction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from selfteach import statistics
from selfteach.evaluate.verdict import Evidence
from selfteach.generate.correct import Correctable, Revision, Turns, edit_distance, split_pieces
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Continuations, Measure, Prompt

MIN_TIMES = 2
TOLERANCE_NATS = 0.01
"""Nats a token by which a correction may sink: rounding alone moves half of them down. The
training's watchdog has the same tolerance.
"""
CorrectAnswers = Callable[[Sequence[Correctable]], list[Revision]]
"""Corrects answers: one revision for each, in their order."""


def correct_answers(correct: CorrectAnswers, asked: Sequence[Correctable]) -> list[Revision]:
    """Return the teacher's revisions; an empty answer has none."""
    said = [a for a in asked if a.answer.strip()]
    found = dict(zip((a.id for a in said), correct(said), strict=True))
    return [found[a.id] if a.id in found else Revision(a, "", "the answer is empty") for a in asked]


def make_nearest_corrector(references: Mapping[Turns, Sequence[str]]) -> CorrectAnswers:
    """Return a stand-in for a teacher: of the known corrections of a prompt it takes the one that
    changes least.
    """

    def correct_one(asked: Correctable) -> Revision:
        known = references.get(asked.prompt)
        if not known:
            return Revision(asked, "", "no correction of this prompt")
        text = min(known, key=lambda text: edit_distance(asked.answer, text))
        return Revision(asked, text, strategy="file")

    return lambda asked: [correct_one(a) for a in asked]


def find_errors(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the words and marks that corrections took out of at least two answers and never left
    standing or put in: "color", "!".

    Args:
        pairs: (answer, correction), those of the training.
    """
    removed: Counter[str] = Counter()
    kept: set[str] = set()
    for before, after in pairs:
        left = set(split_pieces(after))
        kept |= left
        removed.update(set(split_pieces(before)) - left)
    return {piece for piece, times in removed.items() if times >= MIN_TIMES and piece not in kept}


def find_repeats(draws: Sequence[Completion], known: set[str]) -> list[bool]:
    """Return whether each answer makes one of the errors again."""
    return [bool(known & set(split_pieces(draw.text))) for draw in draws]


def measure_distances(revisions: Sequence[Revision]) -> list[float]:
    """Return how much of each answer the teacher changes, in [0, 1]. An answer that it could not
    correct counts as wholly wrong.
    """
    return [1.0 if r.fault else r.distance for r in revisions]


def measure_amounts(
    model: Recorded, prompts: Sequence[Prompt], revisions: Sequence[Revision]
) -> list[float]:
    """Return A = log P(y|x) - log P(y'|x) in nats under the model that answered, 0 where nothing is
    changed. Answers without a correction are left out.

    Args:
        prompts: what the model saw, in the order of the revisions.
    """
    rows = [(p, r) for p, r in zip(prompts, revisions, strict=True) if not r.fault]
    items = [
        Continuations(prompt, (r.asked.answer, r.text), end=not r.asked.cut)
        for prompt, r in rows
        if not r.unchanged
    ]
    gaps = iter([answer.logp - correction.logp for answer, correction in model.score(items)])
    return [0.0 if r.unchanged else next(gaps) for _, r in rows]


def find_displaced(base: Recorded, tuned: Recorded, revisions: Sequence[Revision]) -> list[bool]:
    """Return whether training lowered the likelihood of each held-out correction of the base's own
    answers: log pi(y') < log pi0(y').

    Args:
        revisions: of greedy answers. What the base sampled at T = 1 is on average less likely
            under any other model, and its correction with it.
    """
    items = [
        Continuations(r.asked.prompt, (r.text,), end=not r.cut)
        for r in revisions
        if not r.fault and not r.unchanged
    ]
    before = base.score(items)
    after = tuned.score(items)
    return [
        new.token_logp < old.token_logp - TOLERANCE_NATS
        for (old,), (new,) in zip(before, after, strict=True)
    ]


def find_met(revisions: Iterable[Revision], criticised: Set[Turns]) -> list[bool]:
    """Return whether the criticism applies no longer, for each answer to a prompt like the
    criticised ones.
    """
    return [r.unchanged and not r.fault for r in revisions if r.asked.prompt in criticised]


def all_criticised(revisions: Iterable[Revision], criticised: Set[Turns]) -> bool:
    """Return whether all prompts are like criticised ones."""
    return all(r.asked.prompt in criticised for r in revisions)


def measure_needs(
    revisions: Sequence[Revision], criticised: Set[Turns] = frozenset()
) -> list[float]:
    """Return what each answer still needs: how much the teacher changes, or, where all prompts are
    like criticised ones, whether the criticism applies.
    """
    if all_criticised(revisions, criticised):
        return [float(not met) for met in find_met(revisions, criticised)]
    return measure_distances(revisions)


def measure_fall(
    revisions: Mapping[str, Sequence[Revision]], seed: int, criticised: Set[Turns] = frozenset()
) -> dict[str, Measure]:
    """Return what the other arms need minus what the tuned model needs, paired by prompt.

    Args:
        revisions: of every arm, greedy and sampled answers together.
    """
    if "taught" not in revisions:
        return {}
    after = measure_needs(revisions["taught"], criticised)
    return {
        arm: statistics.paired_bootstrap(measure_needs(own, criticised), after, seed=seed)
        for arm, own in revisions.items()
        if arm != "taught"
    }


def make_evidence(
    revisions: Mapping[str, Sequence[Revision]], seed: int, criticised: Set[Turns] = frozenset()
) -> Evidence:
    """Return the evidence of new answers, and what somebody made of them.

    Args:
        revisions: of every arm, greedy and sampled answers together.
        criticised: prompts like the criticised ones. Where there are no others, what counts is
            whether the criticism is met.
    """
    needed = {arm: measure_needs(own, criticised) for arm, own in revisions.items()}
    share = {arm: f"{100 * sum(own) / max(len(own), 1):.1f} %" for arm, own in needed.items()}
    does, of = "the teacher changes", "words"
    if all_criticised(revisions["base"], criticised):
        does, of = "the criticism applies to", "answers"
    after = share.get("taught", "")
    return describe_gains(
        measure_fall(revisions, seed, criticised),
        start=f"{does} {share['base']} of the base's {of}",
        change=f"{does} {share['base']} of the {of} before and {after} after",
        prompted=share["prompted"],
    )


def describe_gains(
    gains: Mapping[str, Measure], *, start: str, change: str, prompted: str
) -> Evidence:
    """Return what a verdict on corrections rests on, in words.

    Args:
        gains: by how much the tuned model needs less than `base` and than `prompted`; nothing
            where nothing was trained.
        prompted: the figures of the arm that is shown corrections.
    """
    return Evidence(
        gain=gains.get("base"),
        over_prompt=gains.get("prompted"),
        start=start,
        change=change,
        prompted=f"{change}, with corrections in the prompt {prompted}",
        taught=f" (shown corrections in the prompt: {prompted}); other answers are unharmed",
    )
