"""Measures of corrections: how much a teacher still changes of new answers.

The teacher corrects *new* answers to held-out prompts. A file or a person cannot do that, so the
nearest correction of the same prompt takes its place. This measure is harder, because a correct
answer may be different. The verdict then rests on the corrections themselves
(held_out_corrections.py).

Source: correction-optimization, A = log P(y|x) - log P(y'|x), the amount of correction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from selfteach import statistics
from selfteach.evaluate.verdict import Evidence
from selfteach.generate.correct import Correctable, Revision, edit_distance, split_edit_units
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Continuations, Measure, Prompt, Turns
from selfteach.train.likelihood_displacement import TOLERANCE_NATS

MIN_TIMES = 2
"""Answers from which corrections must have removed a word, so that it counts as an error."""
CorrectAnswers = Callable[[Sequence[Correctable]], list[Revision]]
"""Corrects answers: one revision for each, in their order."""
RevisionsByWay = Sequence[Sequence[Revision]]
"""Revisions of greedy answers and of sampled ones, each in the order of the prompts."""


def correct_answers(correct: CorrectAnswers, items: Sequence[Correctable]) -> list[Revision]:
    """Return the teacher's revisions; an empty answer has none."""
    revisions = iter(correct([item for item in items if item.answer.strip()]))
    return [
        next(revisions) if item.answer.strip() else Revision(item, "", "the answer is empty")
        for item in items
    ]


def make_nearest_corrector(references: Mapping[Turns, Sequence[str]]) -> CorrectAnswers:
    """Return a substitute for a teacher.

    It takes the known correction of the prompt that changes the answer least.
    """

    def correct_one(item: Correctable) -> Revision:
        known = references.get(item.prompt)
        if not known:
            return Revision(item, "", "no correction of this prompt")
        text = min(known, key=lambda text: edit_distance(item.answer, text))
        return Revision(item, text, strategy="file")

    return lambda items: [correct_one(item) for item in items]


def find_errors(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the words and marks that corrections removed from at least two answers.

    A correction that contains such a word or mark ("color", "!") excludes it.

    Args:
        pairs: (answer, correction) of the training.
    """
    removed: Counter[str] = Counter()
    kept: set[str] = set()
    for before, after in pairs:
        left = set(split_edit_units(after))
        kept |= left
        removed.update(set(split_edit_units(before)) - left)
    return {piece for piece, times in removed.items() if times >= MIN_TIMES and piece not in kept}


def find_repeats(answers: Sequence[Completion], known: set[str]) -> list[bool]:
    """Return whether each answer repeats one of the errors."""
    return [not known.isdisjoint(split_edit_units(answer.text)) for answer in answers]


def measure_distances(revisions: Sequence[Revision]) -> list[float]:
    """Return the share of each answer that the teacher changes, in [0, 1].

    An answer that it could not correct counts as entirely wrong.
    """
    return [1.0 if r.fault else r.distance for r in revisions]


def measure_amounts(
    model: Recorded, prompts: Sequence[Prompt], revisions: Sequence[Revision]
) -> list[float]:
    """Return A = log P(y|x) - log P(y'|x) in nats under the model that answered.

    An unchanged answer has 0. Answers without a correction are left out.

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
    """Return whether training lowered the likelihood of each held-out correction.

    The corrections are those of the base's own answers: log pi(y') / |y'| is below
    log pi0(y') / |y'| by more than TOLERANCE_NATS, in nats a token.

    Args:
        revisions: of greedy answers. A sample of the base at T = 1 is on average less likely under
            any other model, and so is its correction.
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
    """Return whether the criticism is met, for each answer to a prompt like the criticized ones."""
    return [r.unchanged and not r.fault for r in revisions if r.asked.prompt in criticised]


def average_by_prompt(values: Iterable[Sequence[float]]) -> list[float]:
    """Return the mean of each prompt's values: its answers are not independent of each other.

    Args:
        values: of greedy answers and of sampled ones, each in the order of the prompts.
    """
    return [sum(own) / len(own) for own in zip(*values, strict=True)]


def all_criticised(revisions: RevisionsByWay, criticised: Set[Turns]) -> bool:
    """Return whether all prompts are like criticized ones."""
    return all(r.asked.prompt in criticised for way in revisions for r in way)


def measure_needs(revisions: RevisionsByWay, criticised: Set[Turns] = frozenset()) -> list[float]:
    """Return how much correction the answers to each prompt still need, in [0, 1].

    This is the share that the teacher changes. If all prompts are like criticized ones, it is 1
    where the criticism applies and 0 elsewhere.
    """
    if all_criticised(revisions, criticised):
        met = average_by_prompt(find_met(way, criticised) for way in revisions)
        return [1 - share for share in met]
    return average_by_prompt(map(measure_distances, revisions))


def measure_fall(
    revisions: Mapping[str, RevisionsByWay], seed: int, criticised: Set[Turns] = frozenset()
) -> dict[str, Measure]:
    """Return the needs of each other arm minus those of the tuned model, paired by prompt.

    Args:
        revisions: of every arm.
    """
    if "tuned" not in revisions:
        return {}
    after = measure_needs(revisions["tuned"], criticised)
    return {
        arm: statistics.paired_bootstrap(measure_needs(own, criticised), after, seed=seed)
        for arm, own in revisions.items()
        if arm != "tuned"
    }


def make_evidence(
    revisions: Mapping[str, RevisionsByWay], seed: int, criticised: Set[Turns] = frozenset()
) -> Evidence:
    """Return the evidence of new answers and their revisions.

    Args:
        revisions: of every arm.
        criticised: prompts like the criticized ones. If there are no others, the evidence is
            whether the criticism is met.
    """
    share = {}
    for arm, own in revisions.items():
        needs = measure_needs(own, criticised)
        share[arm] = f"{100 * sum(needs) / max(len(needs), 1):.1f} %"
    does = "the teacher changes"
    of = "words"
    if all_criticised(revisions["base"], criticised):
        does = "the criticism applies to"
        of = "answers"
    after = share.get("tuned", "")
    return describe_evidence(
        measure_fall(revisions, seed, criticised),
        start=f"{does} {share['base']} of the base's {of}",
        change=f"{does} {share['base']} of the {of} before and {after} after",
        prompted=share["prompted"],
    )


def describe_evidence(
    gains: Mapping[str, Measure], *, start: str, change: str, prompted: str
) -> Evidence:
    """Return the evidence for a verdict on corrections.

    Args:
        gains: the needs of `base` and of `prompted` minus those of the tuned model; nothing if
            nothing was trained.
        prompted: the figures of the arm with corrections in its prompt.
    """
    return Evidence(
        gain=gains.get("base"),
        over_prompt=gains.get("prompted"),
        start=start,
        change=change,
        prompted=f"{change}, with corrections in the prompt {prompted}",
        closing=f" (shown corrections in the prompt: {prompted})",
    )
