"""The exam: base, rule in the prompt, and taught, on prompts that nothing was chosen on.

Greedy answers and draws at T=1; every share with its 95 % interval; beside the taught model always
the base, the base with the rule in its prompt, and the base against itself (the noise floor: what
two draws of one model differ by).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from selfteach import statistics
from selfteach.config import Exam
from selfteach.evaluate.adherence import Arm, answers
from selfteach.evaluate.sanity import by_arm, empty, loops
from selfteach.judge import Verdicts
from selfteach.records import GREEDY, Draw, Measure, Message, Prompt, Sampling, user
from selfteach.run.display import Display
from selfteach.select.overlap import Overlap

ARMS = ("base", "prompted", "taught")
MISAPPLIED = 0.6
"""ROUGE-L from which an answer outside the scope counts as one of the lessons taught inside it."""


@dataclass(frozen=True)
class Sheet:
    """The answers of one arm to the questions of one scope: greedy, and one draw at T=1 where it
    was asked for.
    """

    questions: list[str]
    greedy: list[Draw]
    drawn: list[Draw]


def sit(
    arms: Mapping[str, Arm],
    questions: Mapping[str, Sequence[str]],
    config: Exam,
    seed: int,
    display: Display,
) -> dict[str, dict[str, Sheet]]:
    """Every arm answers every scope: sheets[scope][arm]."""
    display.stage(
        "exam",
        sum(len(q) * (2 if scope == "target" else 1) for scope, q in questions.items()) * len(arms),
    )
    greedy, warm = (
        replace(GREEDY, max_tokens=config.max_tokens),
        Sampling(1.0, 1.0, config.max_tokens),
    )
    sheets: dict[str, dict[str, Sheet]] = {scope: {} for scope in questions}
    for name, arm in arms.items():
        for scope, asked in questions.items():
            first = answers(arm, f"exam {scope}", asked, greedy, 1, seed, display.advance)
            drawn = (
                answers(arm, f"exam {scope}", asked, warm, 1, seed, display.advance)
                if scope == "target"
                else [[] for _ in asked]
            )
            sheets[scope][name] = Sheet(
                list(asked), [row[0] for row in first], [row[0] for row in drawn if row]
            )
    return sheets


def kept(sheet: Sheet, verdicts: Verdicts) -> tuple[list[bool], list[bool]]:
    """Which greedy answers, and which drawn ones, keep the rule."""
    greedy = verdicts.broken(
        [(user(q), d.text) for q, d in zip(sheet.questions, sheet.greedy, strict=True)]
    )
    drawn = (
        verdicts.broken(
            [(user(q), d.text) for q, d in zip(sheet.questions, sheet.drawn, strict=True)]
        )
        if sheet.drawn
        else []
    )
    return [not b for b in greedy], [not b for b in drawn]


def unharmed(
    sheet: Sheet, base: Sheet, lessons: Overlap, in_scope: Collection[int] = ()
) -> tuple[list[bool], list[bool]]:
    """(unharmed, misapplied) for each greedy answer outside the scope.

    An answer is harmed when it is a lesson from inside the scope or is empty, where the base's own
    answer is not so; and when it loops, as far as more answers loop than the base's: any change
    makes some answers loop and mends others. At the places `in_scope` the base breaks the rule
    after all, so that a lesson is right there.
    """
    fires = [lessons.nearest(d.text).similarity >= MISAPPLIED for d in sheet.greedy]
    own = [lessons.nearest(d.text).similarity >= MISAPPLIED for d in base.greedy]
    wrong = [
        f and not o and i not in in_scope for i, (f, o) in enumerate(zip(fires, own, strict=True))
    ]
    loop = [(loops(d.text), loops(b.text)) for d, b in zip(sheet.greedy, base.greedy, strict=True)]
    mended = sum(was and not now for now, was in loop)
    looping = [i for i, (now, was) in enumerate(loop) if now and not was][mended:]
    emptied = [
        empty(d.text) and not empty(b.text) for d, b in zip(sheet.greedy, base.greedy, strict=True)
    ]
    return [
        not (w or e or i in looping) for i, (w, e) in enumerate(zip(wrong, emptied, strict=True))
    ], wrong


def breaches(base: Sheet, verdicts: Verdicts) -> set[int]:
    """The places where a greedy answer breaks the rule."""
    return {i for i, good in enumerate(kept(base, verdicts)[0]) if not good}


def other_system(text: str, rule: str, system: str) -> tuple[Message, ...]:
    """The question under another system prompt; for the prompted arm the rule follows it."""
    return user(text, system=f"{system} {rule}".strip())


def second_turn(text: str, rule: str = "") -> tuple[Message, ...]:
    """The question as the second one of a conversation that began with something else."""
    return (
        *((Message("system", rule),) if rule else ()),
        Message("user", "Hello, can you help me?"),
        Message("assistant", "Of course. What would you like to know?"),
        Message("user", text),
    )


def as_json(value: Any) -> Any:
    """Measures, and mappings of them, as JSON."""
    if isinstance(value, Measure):
        return asdict(value)
    return {key: as_json(v) for key, v in value.items()} if isinstance(value, Mapping) else value


@dataclass
class Marks:
    """What the sheets of the three scopes come to. Flags are by arm, in the order of the questions."""

    greedy: dict[str, list[bool]]
    drawn: dict[str, list[bool]]
    unharmed: dict[str, dict[str, list[bool]]]
    misapplied: dict[str, list[bool]]


def mark(sheets: Mapping[str, Mapping[str, Sheet]], verdicts: Verdicts, lessons: Overlap) -> Marks:
    """Marks all sheets; `lessons` are the answers taught inside the scope."""
    target = {arm: kept(sheet, verdicts) for arm, sheet in sheets["target"].items()}
    outside = {
        s: {
            arm: unharmed(sheet, arms["base"], lessons, breaches(arms["base"], verdicts))
            for arm, sheet in arms.items()
        }
        for s, arms in sheets.items()
        if s != "target" and arms["base"].questions
    }
    misapplied: dict[str, list[bool]] = {}
    for arms in outside.values():
        for arm, (_, wrong) in arms.items():
            misapplied.setdefault(arm, []).extend(wrong)
    return Marks(
        {arm: g for arm, (g, _) in target.items()},
        {arm: d for arm, (_, d) in target.items()},
        {s: {arm: good for arm, (good, _) in arms.items()} for s, arms in outside.items()},
        misapplied,
    )


def adherence(marks: Marks, seed: int) -> dict[str, Any]:
    """The shares of the result table; the recovery AR = (taught - base) / (prompted - base);
    leakage out of the scope.
    """
    share = statistics.share
    found: dict[str, Any] = {
        "kept": {
            arm: {"greedy": share(marks.greedy[arm]), "drawn": share(marks.drawn[arm])}
            for arm in marks.greedy
        },
        **{
            scope: {arm: share(flags) for arm, flags in arms.items()}
            for scope, arms in marks.unharmed.items()
        },
    }
    if "taught" in marks.greedy:
        arms = [marks.greedy[arm] + marks.drawn[arm] for arm in ("taught", "prompted", "base")]
        found["recovery"] = statistics.recovery(*arms, seed=seed)
        leaks = {
            s: statistics.paired_bootstrap(arms["base"], arms["taught"], seed=seed)
            for s, arms in marks.unharmed.items()
        }
        found["leakage"] = {**leaks, "misapplied": share(marks.misapplied.get("taught", []))}
    return found


def sanities(sheets: Mapping[str, Mapping[str, Sheet]], seed: int) -> dict[str, Any]:
    """Looping, empty answers and mean length of each arm, over near and general questions (over
    all, for a rule that holds everywhere).
    """
    scopes = [s for s in ("near", "general") if sheets.get(s) and sheets[s]["base"].questions] or [
        "target"
    ]
    return by_arm(
        {
            arm: [d for scope in scopes for d in sheets[scope][arm].greedy]
            for arm in sheets[scopes[0]]
        },
        seed=seed,
    )


def elsewhere(
    arms: Mapping[str, Arm],
    asked: Sequence[str],
    verdicts: Verdicts,
    config: Exam,
    seed: int,
    display: Display,
) -> dict[str, Any]:
    """Rule kept under a system prompt that training never saw, and in the second turn of a
    conversation (greedy).
    """
    greedy = replace(GREEDY, max_tokens=config.max_tokens)
    ways: dict[str, Callable[..., Prompt]] = {
        "other_system": partial(other_system, system=config.system),
        "second_turn": second_turn,
    }
    display.stage("exam elsewhere", len(asked) * len(ways) * len(arms))
    found: dict[str, Any] = {}
    for way, ask in ways.items():
        for name, arm in arms.items():
            draws = [
                row[0]
                for row in answers(
                    replace(arm, ask=partial(ask, rule=arm.system)),
                    f"exam {way}",
                    asked,
                    greedy,
                    1,
                    seed,
                    display.advance,
                )
            ]
            flags = verdicts.broken([(user(q), d.text) for q, d in zip(asked, draws, strict=True)])
            found.setdefault(way, {})[name] = statistics.share([not b for b in flags])
    return found


def unconcerned(
    sheets: Mapping[str, Mapping[str, Sheet]], marks: Marks
) -> tuple[str, dict[str, Sheet]]:
    """Where nothing should change, in words, and the greedy answers there: the general questions;
    for a rule that holds everywhere, those questions on which the base's own answer keeps it
    already.
    """
    if sheets["general"]["base"].questions:
        return "general answers", dict(sheets["general"])
    calm = [i for i, good in enumerate(marks.greedy["base"]) if good]
    rows = {
        arm: Sheet([s.questions[i] for i in calm], [s.greedy[i] for i in calm], [])
        for arm, s in sheets["target"].items()
    }
    return "answers of the base that keep the rule already", rows


def side_by_side(sheets: Mapping[str, Mapping[str, Sheet]], marks: Marks) -> list[dict[str, Any]]:
    """Each question with every arm's answers, for the report."""
    rows = []
    for scope, arms in sheets.items():
        for i, question in enumerate(arms["base"].questions):
            row: dict[str, Any] = {"scope": scope, "prompt": question, "arms": {}}
            for arm, sheet in arms.items():
                good = marks.greedy[arm][i] if scope == "target" else marks.unharmed[scope][arm][i]
                cell = {"greedy": sheet.greedy[i].text, "broken": not good}
                if sheet.drawn:
                    cell |= {"drawn": sheet.drawn[i].text, "drawn_broken": not marks.drawn[arm][i]}
                row["arms"][arm] = cell
            rows.append(row)
    return rows


def verdict(marks: Marks, taught_anything: bool, seed: int, sought: int = 0) -> dict[str, str]:
    """One word and one plain sentence: taught, nothing to learn, just prompt it, not learned; and
    why.

    Args:
        sought: on how many prompts the base broke the rule, so that an answer was sought which
            keeps it.
    """
    both = {arm: marks.greedy[arm] + marks.drawn[arm] for arm in marks.greedy}
    share = {arm: f"{100 * sum(flags) / max(len(flags), 1):.0f} %" for arm, flags in both.items()}
    start = f"the base keeps the rule in {share['base']} of its answers"
    if not taught_anything and sought:
        why = f"for none of {sought} prompts an answer was found that keeps it"
        return {"word": "not learned", "sentence": f"Not learned: {start}, and {why}."}
    if not taught_anything:
        return {
            "word": "nothing to learn",
            "sentence": f"Nothing to learn: {start}, and no prompt was found on which to teach it.",
        }
    gain = statistics.paired_bootstrap(both["taught"], both["base"], seed=seed)
    change = (
        f"the rule is kept in {share['base']} of the answers before and {share['taught']} after"
    )
    if gain.low <= 0:
        return {
            "word": "not learned",
            "sentence": f"Not learned: {change}, which is no more than chance explains.",
        }
    if harm := harmed(marks, "taught"):
        why = f"more than one in ten {' and '.join(harm)} answers is harmed"
        return {"word": "not learned", "sentence": f"Not learned cleanly: {change}, but {why}."}
    outside = {
        arm: [flag for arms in marks.unharmed.values() for flag in arms[arm]]
        for arm in ("prompted", "taught")
    }
    whole = {arm: f"{sum(flags)} of {len(flags)}" for arm, flags in outside.items()}
    if sum(both["prompted"]) >= sum(both["taught"]) and not harmed(marks, "prompted"):
        compared = (
            f"the rule in the prompt is kept in {share['prompted']} of the answers, the "
            f"taught one in {share['taught']}"
        )
        same = (
            f"; outside it {whole['prompted']} answers are unharmed, taught {whole['taught']}"
            if marks.unharmed
            else ""
        )
        return {"word": "just prompt it", "sentence": f"Just prompt it: {compared}{same}."}
    unharmed = (
        f"; outside it {whole['taught']} answers are unharmed (in the prompt: {whole['prompted']})"
        if marks.unharmed
        else ""
    )
    return {
        "word": "taught",
        "sentence": f"Taught: {change} (in the prompt: {share['prompted']}){unharmed}.",
    }


def harmed(marks: Marks, arm: str) -> list[str]:
    """The scopes in which more than one in ten answers of an arm is harmed."""
    return [
        scope
        for scope, arms in marks.unharmed.items()
        if sum(arms["base"]) - sum(arms[arm]) > 0.1 * len(arms["base"])
    ]
