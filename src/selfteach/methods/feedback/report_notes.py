"""Note what the report shows of a rule: its searches, its clusters, the numbers of each arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from selfteach.evaluate.scopes import GENERAL, NEAR
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.search import SearchTrace, Try
from selfteach.methods.session import Session
from selfteach.records import JsonMapping, JsonObject
from selfteach.select.clusters import PromptClusters


def show_arms(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    outside = [scope for scope in (NEAR, GENERAL) if scope in exam]
    found: JsonObject = {}
    for arm, kept in exam["kept"].items():
        found[arm] = {"target": kept["greedy"], "target_sampled": kept["sampled"]}
        found[arm] |= {scope: exam[scope][arm] for scope in outside}
        if "needless" in exam:
            found[arm]["needless"] = exam["needless"][arm]
    return found


def summarize_search(traces: Sequence[SearchTrace]) -> JsonObject:
    """Return how many tries the prompts took, and the traces of the hardest ones."""
    tries = Counter(str(trace.num_tries or "gave up") for trace in traces)
    hardest = sorted(traces, key=lambda trace: -len(trace.tries))[:20]
    shown = []
    for trace in hardest:
        shown.append({"prompt": trace.prompt, "tries": [show_try(one) for one in trace.tries]})
    return {"tries": tries, "traces": shown}


def show_try(one: Try) -> dict[str, str]:
    """Return one try of a search, for the report."""
    return {
        "text": one.text,
        "verdict": "broken" if one.broken else "kept",
        "reason": one.fault,
        "strategy": one.strategy,
    }


def note_clusters(
    session: Session,
    prompts: Sequence[GeneratedPrompt],
    clusters: PromptClusters,
    failed: Mapping[str, bool],
) -> None:
    """Note the clusters for the report."""
    points: list[JsonObject] = []
    flags: dict[str, list[bool]] = {str(label): [] for label in range(len(clusters.sizes))}
    for prompt, label, (x, y) in zip(prompts, clusters.labels, clusters.xy, strict=True):
        place = {"x": float(x), "y": float(y), "cluster": int(label)}
        did_fail = failed.get(prompt.text, False)
        points.append({**place, "scope": prompt.scope, "prompt": prompt.text, "failed": did_fail})
        if prompt.text in failed:
            flags[str(label)].append(failed[prompt.text])
    found = {
        "points": points,
        "silhouette": float(clusters.silhouette),
        "k": len(flags),
        "sizes": dict(zip(flags, clusters.sizes, strict=True)),
        "failure_rate": {label: sum(f) / len(f) if f else None for label, f in flags.items()},
    }
    session.run.ledger.set_note("clusters", found)
