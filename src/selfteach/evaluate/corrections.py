"""The exam of corrections: how much a teacher would still change of new answers to prompts that
nothing was chosen on.

Three arms: base, corrections shown as worked turns in the prompt, taught. Each answers greedily and
once at T=1; the teacher corrects these *new* answers. Where the teacher is a file or a person there
is no one to correct them: then they are compared with the nearest correction of that prompt, which
is a harder measure, because an answer may be right and different; so the verdict rests on the
corrections themselves (held_out.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from selfteach import statistics
from selfteach.generate.correct import Answered, Revision, Turns, distance, pieces
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Continuations,
    Draw,
    Measure,
    Message,
    Prompt,
    Request,
    Sampling,
    question,
)

LEAST_TIMES = 2
Correct = Callable[[Sequence[Answered]], list[Revision]]


@dataclass(frozen=True)
class Arm:
    """One way of answering: a model, and what it sees before each prompt."""

    name: str
    model: Recorded
    shown: Turns = ()

    def prompt(self, prompt: Turns) -> Turns:
        """The prompt with the shown turns before it, a system message first."""
        system = prompt[:1] if prompt[0].role == "system" else ()
        return (*system, *self.shown, *prompt[len(system) :])


@dataclass(frozen=True)
class Answers:
    """What one arm answers, and what the teacher makes of it. In the order of the prompts."""

    draws: list[Draw]
    revisions: list[Revision]

    def distances(self) -> list[float]:
        """How much the teacher changes; an answer that it could not correct counts as wholly wrong."""
        return [1.0 if r.fault else r.distance for r in self.revisions]


@dataclass(frozen=True)
class Sheet:
    """One arm's answers: greedy, and drawn at T=1."""

    greedy: Answers
    drawn: Answers


def answer(
    model: Recorded,
    stage: str,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    seed: int,
    tick: Callable[[int], None],
) -> list[Draw]:
    """One answer to each prompt, in order."""
    requests = [Request(stage, prompt, sampling, 0, seed) for prompt in prompts]
    found: dict[str, Draw] = {}
    for draw in model.draw(requests):
        found[draw.id] = draw
        tick(1)
    return [found[r.id(model.fingerprint)] for r in requests]


def sit(
    arm: Arm,
    prompts: Sequence[Turns],
    correct: Correct,
    max_tokens: int,
    seed: int,
    tick: Callable[[int], None],
) -> Sheet:
    """An arm answers all prompts, and the teacher corrects the answers."""
    found = []
    for sampling in (replace(GREEDY, max_tokens=max_tokens), Sampling(1.0, 1.0, max_tokens)):
        draws = answer(arm.model, "exam", [arm.prompt(p) for p in prompts], sampling, seed, tick)
        asked = [
            Answered(p, d.text, cut=d.finish == "length")
            for p, d in zip(prompts, draws, strict=True)
        ]
        found.append(Answers(draws, corrected(correct, asked)))
    return Sheet(*found)


def corrected(correct: Correct, asked: Sequence[Answered]) -> list[Revision]:
    """The teacher's revisions; an empty answer has none."""
    said = [a for a in asked if a.answer.strip()]
    found = dict(zip((a.id for a in said), correct(said), strict=True))
    return [found[a.id] if a.id in found else Revision(a, "", "the answer is empty") for a in asked]


def nearest(references: Mapping[Turns, Sequence[str]]) -> Correct:
    """In place of a teacher: of the known corrections of a prompt the one that changes least."""

    def correct(asked: Sequence[Answered]) -> list[Revision]:
        return [
            Revision(
                a,
                min(references[a.prompt], key=lambda text: distance(a.answer, text)),
                strategy="file",
            )
            if references.get(a.prompt)
            else Revision(a, "", "no correction of this prompt")
            for a in asked
        ]

    return correct


def errors(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """The words and marks that corrections took out of at least two answers and never left standing
    or put in: "color", "!".

    Args:
        pairs: (answer, correction), those of the training.
    """
    removed: Counter[str] = Counter()
    kept: set[str] = set()
    for before, after in pairs:
        left = set(pieces(after))
        kept |= left
        removed.update(set(pieces(before)) - left)
    return {piece for piece, times in removed.items() if times >= LEAST_TIMES and piece not in kept}


def repeats(draws: Sequence[Draw], known: set[str]) -> list[bool]:
    """Whether each answer makes one of the errors again."""
    return [bool(known & set(pieces(draw.text))) for draw in draws]


def amounts(arm: Arm, answers: Answers) -> list[float]:
    """A = log P(y|x) - log P(y'|x) in nats under the arm's own model, 0 where nothing is changed;
    only answers with a correction.
    """
    rows = [r for r in answers.revisions if not r.fault]
    items = [
        Continuations(arm.prompt(r.asked.prompt), (r.asked.answer, r.text), end=not r.asked.cut)
        for r in rows
        if not r.unchanged
    ]
    found = dict(arm.model.logp(items))
    gaps = iter([found[item.id(arm.model.fingerprint)] for item in items])
    return [0.0 if r.unchanged else (pair := next(gaps))[0].logp - pair[1].logp for r in rows]


def displaced(base: Recorded, taught: Recorded, revisions: Sequence[Revision]) -> list[bool]:
    """Whether training lowered the likelihood of each held-out correction of the base's own
    answers: log pi(y') < log pi0(y').

    Of greedy answers, that is: what the base drew at T=1 is on average less likely under any other
    model, and its correction with it.
    """
    items = [
        Continuations(r.asked.prompt, (r.text,), end=not r.cut)
        for r in revisions
        if not r.fault and not r.unchanged
    ]
    before, after = dict(base.logp(items)), dict(taught.logp(items))
    # nats a token, as the training's watchdog has it: rounding alone moves half of them down
    tolerance = 0.01
    return [
        after[i.id(taught.fingerprint)][0].token_logp
        < before[i.id(base.fingerprint)][0].token_logp - tolerance
        for i in items
    ]


def measures(
    arms: Mapping[str, Arm], sheets: Mapping[str, Sheet], known: set[str], seed: int
) -> dict[str, Any]:
    """The numbers of each arm, with 95 % intervals by prompt."""
    unit = (0.0, 1.0)
    return {
        "distance": {
            arm: {
                "greedy": statistics.mean(s.greedy.distances(), seed=seed, limits=unit),
                "drawn": statistics.mean(s.drawn.distances(), seed=seed, limits=unit),
            }
            for arm, s in sheets.items()
        },
        "corrected": {
            arm: statistics.share([not r.unchanged for r in s.greedy.revisions])
            for arm, s in sheets.items()
        },
        "repeated": {
            arm: statistics.share(repeats([*s.greedy.draws, *s.drawn.draws], known))
            for arm, s in sheets.items()
        }
        if known
        else {},
        "amount_nats": {
            arm: statistics.mean(amounts(arms[arm], s.greedy), seed=seed)
            for arm, s in sheets.items()
        },
        "length_tokens": {
            arm: statistics.mean([d.tokens for d in s.drawn.draws], seed=seed)
            for arm, s in sheets.items()
        },
    }


def meets(sheet: Sheet, criticised: Set[Turns]) -> list[bool]:
    """Whether the criticism applies no longer, for each answer to a prompt like the criticised
    ones.
    """
    return [
        r.unchanged and not r.fault
        for r in (*sheet.greedy.revisions, *sheet.drawn.revisions)
        if r.asked.prompt in criticised
    ]


def needs(sheet: Sheet, criticised: Set[Turns] = frozenset()) -> list[float]:
    """What each answer still needs: how much the teacher changes, or, where all prompts are like
    criticised ones, whether the criticism applies."""
    if all(r.asked.prompt in criticised for r in sheet.greedy.revisions):
        return [float(not met) for met in meets(sheet, criticised)]
    return [*sheet.greedy.distances(), *sheet.drawn.distances()]


def fall(
    sheets: Mapping[str, Sheet], seed: int, criticised: Set[Turns] = frozenset()
) -> dict[str, Measure]:
    """What base and prompted need minus what taught needs, greedy and drawn together, by prompt."""
    if "taught" not in sheets:
        return {}
    both = {arm: needs(s, criticised) for arm, s in sheets.items()}
    return {
        arm: statistics.paired_bootstrap(both[arm], both["taught"], seed=seed)
        for arm in ("base", "prompted")
    }


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on: by how much taught needs less than `base` and than `prompted`, and
    the words for it: how it was at the start, what changed, how it is with corrections in the
    prompt."""

    gains: Mapping[str, Measure]
    start: str
    change: str
    prompted: str


def of_answers(
    sheets: Mapping[str, Sheet], seed: int, criticised: Set[Turns] = frozenset()
) -> Evidence:
    """The evidence of new answers, and what somebody made of them.

    Args:
        criticised: prompts like the criticised ones. Where there are no others, what counts is
            whether the criticism is met.
    """
    share = {
        arm: f"{100 * sum(need := needs(s, criticised)) / max(len(need), 1):.1f} %"
        for arm, s in sheets.items()
    }
    said = all(r.asked.prompt in criticised for r in sheets["base"].greedy.revisions)
    does, of = ("the criticism applies to", "answers") if said else ("the teacher changes", "words")
    start, change = (
        f"{does} {share['base']} of the base's {of}",
        f"{does} {share['base']} of the {of} before and {{}} after",
    )
    return Evidence(
        fall(sheets, seed, criticised),
        start,
        change.format(share.get("taught", "")),
        share["prompted"],
    )


def verdict(evidence: Evidence, harmed: float, sought: int, broken: float = 0.0) -> dict[str, str]:
    """One word and one plain sentence.

    Args:
        harmed: share of the general answers that are harmed.
        sought: how many corrections were found to learn from.
        broken: share of the new answers that loop or are empty, beyond the base's.
    """
    gains, change = evidence.gains, evidence.change
    if not gains:
        sentence = (
            f"Nothing to learn: {evidence.start}, and {sought} corrections were found to "
            "learn from."
        )
        return {"word": "nothing to learn", "sentence": sentence}
    if gains["base"].low <= 0:
        return {
            "word": "not learned",
            "sentence": f"Not learned: {change}, which is no more than chance explains.",
        }
    if harmed > 0.1:
        return {
            "word": "not learned",
            "sentence": (
                f"Not learned cleanly: {change}, but more than one in ten general answers "
                "is harmed."
            ),
        }
    if broken > 0.1:
        sentence = (
            f"Not learned cleanly: {change}, but more than one in ten new answers loops or "
            "is empty."
        )
        return {"word": "not learned", "sentence": sentence}
    if gains["prompted"].value <= 0:
        return {
            "word": "just prompt it",
            "sentence": (
                f"Just prompt it: {change}, with corrections in the prompt {evidence.prompted}."
            ),
        }
    return {
        "word": "taught",
        "sentence": (
            f"Taught: {change} (shown corrections in the prompt: {evidence.prompted}); "
            "other answers are unharmed."
        ),
    }


def side_by_side(prompts: Sequence[Turns], sheets: Mapping[str, Sheet]) -> list[dict[str, Any]]:
    """Every prompt with every arm's answers and what the teacher makes of them."""
    rows = []
    for i, prompt in enumerate(prompts):
        arms = {}
        for arm, sheet in sheets.items():
            greedy, drawn = sheet.greedy.revisions[i], sheet.drawn.revisions[i]
            arms[arm] = {
                "greedy": greedy.asked.answer,
                "broken": not greedy.unchanged,
                "correction": greedy.text,
                "drawn": drawn.asked.answer,
                "drawn_broken": not drawn.unchanged,
                "drawn_correction": drawn.text,
            }
        rows.append({"scope": "target", "prompt": question(prompt), "arms": arms})
    return rows


def shown(pairs: Sequence[tuple[Turns, str]], count: int, most_words: int = 400) -> Turns:
    """Corrections as worked turns: question (with what was said before it), corrected answer. As
    many of the first as fit.
    """
    turns: list[Message] = []
    words = 0
    for prompt, text in pairs[:count]:
        asked = [turn for turn in prompt if turn.role != "system"]
        words += sum(len(part.split()) for part in (text, *(turn.content for turn in asked)))
        if words > most_words and turns:
            break
        turns += [*asked, Message("assistant", text)]
    return tuple(turns)
