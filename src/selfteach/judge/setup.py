"""The setup of judges, and the judges of the registry.

A judge class, ours or a plug-in's, is a name of the group `judges`: its `list_candidates` takes a
`JudgeSetup`. A knowledge judge is a name of the group `knowledge_judges`: its
`explain_unavailable` and `build` take a `KnowledgeSetup`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from selfteach.errors import UsageError
from selfteach.generate.subject import Subject
from selfteach.judge import Judge
from selfteach.models import Scorer
from selfteach.registry import did_you_mean, list_names, load_registered, plug_ins

ANY_JUDGE = "auto"
TEACHER = "teacher"
"""The name of the judge that asks the teacher."""
CANDIDATES = {
    "rule": ("check", "inverse", "yes_no", "yes_no (chat)", TEACHER),
    "criticism": ("yes_no", "yes_no (chat)", TEACHER, "contrast"),
}
"""The names of our candidates for each form of words, in the registry's order."""


@dataclass(frozen=True)
class JudgeSetup:
    """Hold the material of a judge.

    `words` are the rule or the criticism, and `form` says which. `check` is the check that the
    rule's form suggests, else "". `scorer` is the untouched base, `teacher` a stronger model.
    """

    scorer: Scorer
    words: str
    form: Literal["rule", "criticism"] = "rule"
    subject: Subject = field(default_factory=lambda: Subject(""))
    check: str = ""
    teacher: Scorer | None = None


class JudgeFactory(Protocol):
    """List candidates: what a name of the group `judges` refers to, usually the judge's class."""

    def list_candidates(self, setup: JudgeSetup) -> Sequence[Judge]:
        """Return the judges to calibrate, each with its own name; none if they cannot judge these
        words.
        """
        ...


@dataclass(frozen=True)
class KnowledgeSetup:
    """Hold the material of a knowledge judge.

    `scorer` is the untouched base. `nli` names an entailment model, else "". `record` wraps a
    scorer so that the run records its scores: a resumed run does not compute them again.
    """

    scorer: Scorer
    nli: str = ""
    record: Callable[[Scorer], Scorer] = lambda scorer: scorer


def find_judges(setup: JudgeSetup, name: str = ANY_JUDGE) -> list[Judge]:
    """Return the candidates of every registered judge: ours in the registry's order, then those of
    plug-ins by name.

    Args:
        name: the only candidate that is wanted; ANY_JUDGE wants all.

    Raises:
        UsageError: no candidate has this name.
    """
    found: list[Judge] = []
    for registered in list_names("judges"):
        factory: JudgeFactory = load_registered("judges", registered)
        found += factory.list_candidates(setup)
    if name == ANY_JUDGE:
        return found
    known = {candidate.name: candidate for candidate in found}
    if name not in known:
        raise UsageError(
            f'there is no judge "{name}" for this {setup.form}.',
            where="judge.name",
            cure=did_you_mean(name, known),
        )
    return [known[name]]


def refuse_unknown_judge(name: str, forms: Sequence[str], *, has_teacher: bool) -> None:
    """Refuse the name of a judge that no run could have, before any work is done.

    The candidates of a plug-in have names of their own, which are known once there is a model.
    Where one is installed, `find_judges` alone decides.

    Raises:
        UsageError: no candidate has this name.
    """
    if plug_ins("judges"):
        return
    known = [candidate for form in forms for candidate in CANDIDATES[form]]
    refuse_unknown_name(name, known, has_teacher=has_teacher)


def refuse_unknown_name(name: str, known: Sequence[str], *, has_teacher: bool) -> None:
    """Refuse a value of `judge.name` that is none of the known ones, or a teacher that is missing.

    Raises:
        UsageError: it is one of the two.
    """
    if name == TEACHER and not has_teacher:
        raise UsageError(
            "there is no teacher to be the judge.",
            where="judge.name",
            cure="Give --teacher, or another judge.",
        )
    if name != ANY_JUDGE and name not in known:
        raise UsageError(
            f'there is no judge "{name}".',
            where="judge.name",
            cure=did_you_mean(name, [ANY_JUDGE, *known]),
        )
