"""Every name that a user can type, and its place in the code.

Nothing is imported before a name is used. Other packages add names through entry points of the
group `selfteach.<group>`, for instance `selfteach.objectives`.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from selfteach.errors import UsageError

BUILT_IN_NAMES: dict[str, dict[str, str]] = {
    "methods": {
        "feedback": "selfteach.methods.feedback.method:METHOD",
        "corrections": "selfteach.methods.corrections.method:METHOD",
        "documents": "selfteach.methods.documents.method:METHOD",
        "tasks": "selfteach.methods.tasks.method:METHOD",
        "train": "selfteach.methods.finetune.method:METHOD",
    },
    "judges": {
        "check": "selfteach.judge.check:CheckJudge",
        "contrast": "selfteach.judge.contrast:ContrastJudge",
        "inverse": "selfteach.judge.inverse:InverseJudge",
        "yes_no": "selfteach.judge.yes_no:YesNoJudge",
    },
    "knowledge_judges": {
        "match": "selfteach.judge.contradiction:MatchJudge",
        "prompted": "selfteach.judge.contradiction:PromptedJudge",
        "nli": "selfteach.judge.nli:NliJudge",
        "gain": "selfteach.judge.contradiction:GainJudge",
        "entropy": "selfteach.judge.contradiction:EntropyJudge",
    },
    "objectives": {
        "sft": "selfteach.train.objectives.sft:SftObjective",
        "dpo": "selfteach.train.objectives.dpo:DpoObjective",
        "unlikelihood": "selfteach.train.objectives.unlikelihood:UnlikelihoodObjective",
        "distill": "selfteach.train.objectives.distill:DistillObjective",
        "anchor": "selfteach.train.objectives.anchor:AnchorObjective",
        "hold": "selfteach.train.objectives.anchor:HoldObjective",
        "correction": "selfteach.train.objectives.correction:CorrectionObjective",
    },
    "priors": {
        "length": "selfteach.train.priors.length:LengthPrior",
        "start": "selfteach.train.priors.start:StartPrior",
        "classifier": "selfteach.train.priors.classifier:ClassifierPrior",
    },
    "callbacks": {
        "regmean": "selfteach.train.regmean_to_base:RegMean",
    },
    "adapters": {
        "lora": "selfteach.train.adapters.lora:LoraAdapter",
        "full": "selfteach.train.adapters.full:FullAdapter",
        "layers": "selfteach.train.adapters.full:LayersAdapter",
        "bottleneck": "selfteach.train.adapters.hook_adapters:BottleneckAdapter",
        "prompt": "selfteach.train.adapters.hook_adapters:PromptAdapter",
        "reft": "selfteach.train.adapters.hook_adapters:ReftAdapter",
        "closed_form": "selfteach.train.adapters.closed_form:ClosedFormAdapter",
    },
    "engines": {
        "openvino": "selfteach.models.openvino:OpenVino",
        "hf": "selfteach.models.engines:sample_with_transformers",
        "paged": "selfteach.models.engines:sample_with_pages",
        "ray": "selfteach.models.engines:sample_with_actors",
    },
}

BASE_CLASSES = {"adapters": "selfteach.train.adapters.adapter:Adapter"}
"""The class that each plug-in of a group is derived from: the code calls what only it has."""


def list_names(group: str) -> dict[str, str]:
    """Return all names of a group: ours in their order, then those of installed plug-ins sorted.

    A plug-in cannot take over a name of ours.
    """
    found = {point.name: point.value for point in _find_plug_ins(group)}
    added = {name: found[name] for name in sorted(found) if name not in BUILT_IN_NAMES[group]}
    return {**BUILT_IN_NAMES[group], **added}


def plug_ins(group: str) -> dict[str, str]:
    """Return the names that other packages add to a group, each with its package's summary.

    Only metadata is read: nothing of a package is loaded.
    """
    found = {}
    for point in _find_plug_ins(group):
        if point.name not in BUILT_IN_NAMES[group]:
            summary = point.dist.metadata["Summary"] if point.dist else None
            found[point.name] = summary or f"A method of {point.value.partition(':')[0]}."
    return found


def _find_plug_ins(group: str) -> tuple[EntryPoint, ...]:
    """Return what installed packages add to a group."""
    return _read_plug_ins(tuple(sys.path))[group]


@cache
def _read_plug_ins(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Return what the packages on `path` add to each group.

    The search opens the metadata of every package, so it is made once for all groups.
    """
    every = entry_points()
    return {group: tuple(every.select(group=f"selfteach.{group}")) for group in BUILT_IN_NAMES}


def describe_group(group: str) -> str:
    """Return the noun for one name of a group: "judge", "knowledge judge", ..."""
    return group.rstrip("s").replace("_", " ")


def load_registered(group: str, name: str) -> Any:
    """Return the object of a name.

    Raises:
        UsageError: no such name; the message offers the nearest ones. Or a plug-in that is not of
            its group's class.
    """
    known = list_names(group)
    if name not in known:
        raise UsageError(
            f'there is no {describe_group(group)} "{name}".', cure=did_you_mean(name, known)
        )
    found = _import_object(known[name])
    if group in BASE_CLASSES and name not in BUILT_IN_NAMES[group]:
        _require_base_class(group, name, found)
    return found


def _import_object(place: str) -> Any:
    """Return the object at `module:attribute`."""
    module, attribute = place.split(":")
    return getattr(importlib.import_module(module), attribute)


def _require_base_class(group: str, name: str, found: Any) -> None:
    """Refuse a plug-in that lacks what its group's class has. An adapter that is solved for needs
    no more than `solve`.

    Raises:
        UsageError: it is no subclass.
    """
    base = _import_object(BASE_CLASSES[group])
    derived = isinstance(found, type) and issubclass(found, base)
    if not derived and not getattr(found, "solves", False):
        raise UsageError(
            f'the {describe_group(group)} "{name}" of a plug-in is no subclass of {base.__name__}.',
            cure=f"Its package must derive it from {base.__module__}.{base.__name__}.",
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name: the nearest one, or all of them."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(known)}."
