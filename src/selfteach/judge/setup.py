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
from selfteach.registry import did_you_mean, list_names, load_registered

ANY_JUDGE = "auto"


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
