"""Public benchmarks through EleutherAI's lm-eval: the tasks and the metrics are its own, the model
is ours with whatever adapter it wears.

Departs from lm-eval's model for transformers: texts of a benchmark never become control tokens, and
requests that share their tokens but the last are computed once. On other texts both give the same
numbers; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval import simple_evaluate
from lm_eval.api.model import TemplateLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from selfteach import statistics
from selfteach.errors import UsageError
from selfteach.models.decode import PendingCompletion, sample_pending
from selfteach.models.hf import HfModel
from selfteach.models.score import score_tokens
from selfteach.records import Measure, SamplingParams, digest
from selfteach.registry import did_you_mean

BOOTSTRAP_ROUNDS = 1000
"""Bootstrap rounds for metrics without a closed standard error; lm-eval's own default is 100,000.
"""
ANSWER_TOKENS = 256
"""The longest generated answer where a task names none, as in lm-eval."""
TokenPair = tuple[list[int], list[int]]


class LmEvalModel(TemplateLM):  # type: ignore[misc]
    """Our model as lm-eval asks models. `cut`: prompts that were too long for the context and lost
    their beginning.
    """

    def __init__(self, hf: HfModel) -> None:
        super().__init__()
        self.hf, self.tokenizer, self.cut = hf, hf.tokenizer, 0

    @property
    def eot_token_id(self) -> int:
        """The end of sequence."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without context."""
        begin = self.tokenizer.bos_token_id
        return self.eot_token_id if begin is None else int(begin)

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """The text's tokens, with what the tokenizer itself puts before plain text."""
        return (
            self.hf.encode_answer(string, end=False)
            if add_special_tokens is False
            else self.hf.encode(string)
        )

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        return self._score_pairs([(context, continuation) for _, context, continuation in requests])

    def _score_pairs(self, pairs: Sequence[TokenPair]) -> list[tuple[float, bool]]:
        fitting = [self._fitting(*pair) for pair in pairs]
        found = {i: (logp, greedy) for i, logp, greedy in score_tokens(self.hf, fitting)}
        return [found[i] for i in range(len(fitting))]

    def _fitting(self, context: list[int], continuation: list[int]) -> TokenPair:
        """As much of the context as there is room for, from its end."""
        room = self.hf.context_tokens + 1 - len(continuation)
        self.cut += len(context) > room
        return context[-max(room, 1) :], continuation

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Of whole texts, in windows of the context's length."""
        totals = []
        for request in requests:
            tokens = self.tok_encode(request.args[0])
            windows = get_rolling_token_windows(
                tokens, self.prefix_token_id, self.hf.context_tokens, 1
            )
            totals.append(
                sum(
                    logp
                    for logp, _ in self._score_pairs(
                        [make_disjoint_window(window) for window in windows]
                    )
                )
            )
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """One answer each, cut before the first of the texts that end it."""
        rows = [self._row(number, *request.args) for number, request in enumerate(requests)]
        found = {draw.id: draw.text for draw in sample_pending(self.hf, rows)}
        return [found[str(number)] for number in range(len(requests))]

    def _row(self, number: int, context: str, settings: Mapping[str, Any]) -> PendingCompletion:
        until = settings.get("until") or []
        length = int(
            settings.get("max_gen_toks") or settings.get("max_new_tokens") or ANSWER_TOKENS
        )
        heat = float(settings.get("temperature") or 0.0) if settings.get("do_sample") else 0.0
        stops = tuple([until] if isinstance(until, str) else until)
        tokens = self.tok_encode(context)
        length = min(length, self.hf.context_tokens - 1)
        room = self.hf.context_tokens - length
        self.cut += len(tokens) > room
        seed = int(digest([context, number])[:16], 16)
        sampling = SamplingParams(heat, float(settings.get("top_p") or 1.0), length, stops)
        return PendingCompletion(
            str(number),
            sampling,
            tokens[-room:],
            length,
            np.random.Generator(np.random.Philox(seed)).random(length),
        )


@dataclass(frozen=True)
class BenchmarkRow:
    """One metric of one task: lm-eval's value and standard error for each model, and the paired
    difference where it is a mean of rows.
    """

    task: str
    metric: str
    n: int
    values: dict[str, float]
    errors: dict[str, float | None]
    higher_is_better: bool
    change: Measure | None = None


@dataclass(frozen=True)
class BenchmarkTasks:
    """What can be asked, and what cannot: `missing` has a line for each task whose data is not
    here.
    """

    manager: TaskManager
    names: list[str]
    missing: dict[str, str] = field(default_factory=dict)


def find_tasks(names: Sequence[str]) -> BenchmarkTasks:
    """The single tasks of names, groups, tags, and files of tasks (.yaml), each tried for its data.

    Raises:
        UsageError: a name that lm-eval does not have.
    """
    files = {
        name: Path(name).expanduser().resolve()
        for name in names
        if name.endswith((".yaml", ".yml"))
    }
    if lost := [name for name, path in files.items() if not path.is_file()]:
        raise UsageError("there is no such file of a task.", where=lost[0], cure="Check the path.")
    folders = sorted({str(path.parent) for path in files.values()})
    manager = TaskManager(include_path=folders or None, include_defaults=len(files) < len(names))
    at = {
        str(entry.yaml_path): name for name, entry in manager.task_index.items() if entry.yaml_path
    }
    singles: dict[str, None] = {}
    for name in names:
        known = at.get(str(files[name])) if name in files else name
        if known not in manager.task_index:
            cure = (
                "It must be a task of lm-eval's form."
                if name in files
                else did_you_mean(name, manager.task_index)
            )
            raise UsageError(f'lm-eval has no task "{name}".', where="--tasks", cure=cure)
        singles |= dict.fromkeys(_expand_task(manager, str(known)))
    missing = _find_missing(manager, list(singles))
    return BenchmarkTasks(manager, [name for name in singles if name not in missing], missing)


def _expand_task(manager: TaskManager, name: str) -> Iterator[str]:
    """The tasks of a group or a tag, or the task itself."""
    entry = manager.task_index[name]
    if name in manager.all_tags and entry.yaml_path is None:
        yield from sorted(entry.tags)
    elif name in manager.all_groups:
        for member in (entry.cfg or {}).get("task") or []:
            inner = member if isinstance(member, str) else member.get("task") or member.get("group")
            if isinstance(inner, str) and inner in manager.task_index:
                yield from _expand_task(manager, inner)
            else:
                yield from _expand_inline(manager, inner if isinstance(inner, list) else [])
    else:
        yield name


def _expand_inline(manager: TaskManager, members: Sequence[Any]) -> Iterator[str]:
    for member in members:
        inner = member if isinstance(member, str) else member.get("task")
        if isinstance(inner, str) and inner in manager.task_index:
            yield from _expand_task(manager, inner)


def _find_missing(manager: TaskManager, names: Sequence[str]) -> dict[str, str]:
    """Why a task cannot be loaded, for those that cannot: a data set that is not here is asked for
    once.
    """
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name in names:
        config = manager.task_index[name].cfg or {}
        path, part = (
            str(config.get("dataset_path") or "its own data"),
            str(config.get("dataset_name") or ""),
        )
        if path not in absent:
            try:
                manager.load([name])
                continue
            except (
                Exception
            ) as fault:  # lm-eval, datasets and the hub's client raise whatever they like
                why = (str(fault).strip().splitlines() or [repr(fault)])[0][:160]
                if not isinstance(fault, OSError):
                    found[name] = f"cannot be loaded ({why})"
                    continue
                absent[path] = why
        found[name] = (
            f"its data, {' '.join(filter(None, (path, part)))}, is not here and cannot "
            f"be fetched ({absent[path]})"
        )
    return found


def run_benchmarks(
    hf: HfModel, tasks: BenchmarkTasks, *, limit: int | None = None, shots: int | None = None
) -> dict[str, Any]:
    """lm-eval's results and single answers for one model, and how many prompts were cut."""
    answerer = LmEvalModel(hf)
    found = simple_evaluate(
        model=answerer,
        tasks=list(tasks.names),
        task_manager=tasks.manager,
        limit=limit,
        num_fewshot=shots,
        bootstrap_iters=BOOTSTRAP_ROUNDS,
        log_samples=True,
    )
    return {**found, "cut": answerer.cut}


def make_rows(found: Mapping[str, Mapping[str, Any]], seed: int = 0) -> list[BenchmarkRow]:
    """The results of several models beside each other: one line a metric of a task."""
    first = next(iter(found.values()))
    rows = []
    for task, results in first["results"].items():
        for key, value in results.items():
            metric, _, filtered = key.partition(",")
            if not filtered or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            each = {arm: one["results"][task] for arm, one in found.items()}
            errors = {
                arm: _to_finite(row.get(f"{metric}_stderr,{filtered}")) for arm, row in each.items()
            }
            shown = metric if filtered == "none" else f"{metric} ({filtered})"
            change = _measure_change(found, task, metric, filtered, seed)
            better = bool(first.get("higher_is_better", {}).get(task, {}).get(metric, True))
            n = (
                int(first["n-samples"][task]["effective"])
                if task in first.get("n-samples", {})
                else 0
            )
            rows.append(
                BenchmarkRow(
                    task,
                    shown,
                    n,
                    {arm: float(row[key]) for arm, row in each.items()},
                    errors,
                    better,
                    change,
                )
            )
    return rows


def _to_finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _measure_change(
    found: Mapping[str, Mapping[str, Any]], task: str, metric: str, filtered: str, seed: int
) -> Measure | None:
    """Taught less base, paired by row, with its interval; None for a metric that is no mean of
    rows.
    """
    if set(found) != {"base", "taught"}:
        return None
    sides = []
    for arm in ("base", "taught"):
        rows = [
            row
            for row in found[arm].get("samples", {}).get(task, [])
            if row.get("filter", "none") == filtered
        ]
        values = {row["doc_id"]: row.get(metric) for row in rows}
        sides.append(
            {
                id: float(value)
                for id, value in values.items()
                if isinstance(value, bool | int | float)
            }
        )
        mean = sum(sides[-1].values()) / len(sides[-1]) if sides[-1] else math.nan
        if len(sides[-1]) != len(values) or not math.isclose(
            mean, found[arm]["results"][task][f"{metric},{filtered}"], abs_tol=1e-9
        ):
            return None
    base, taught = sides
    return statistics.paired_bootstrap(
        [taught[id] for id in base], [base[id] for id in base], seed=seed, limits=None
    )
