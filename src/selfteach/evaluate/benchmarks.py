"""Public benchmarks with EleutherAI's lm-eval: its tasks and metrics, our model.

Departs from lm-eval's model for transformers: texts of a benchmark never become control tokens;
requests that differ only in their last token are computed once; and a long answer's maximum makes
room for the prompt, where lm-eval cuts the prompt or stops. On other texts both give the same
numbers; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.api.model import TemplateLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from selfteach import statistics
from selfteach.errors import UsageError
from selfteach.evaluate.suites import SUITES, name_nearest
from selfteach.models.decode import sample_pending
from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion
from selfteach.models.score import score_tokens
from selfteach.records import JsonMapping, JsonObject, Measure, SamplingParams, digest

BOOTSTRAP_ROUNDS = 1000
"""Bootstrap rounds for metrics without a closed standard error; lm-eval's default is 100,000."""
ANSWER_TOKENS = 256
"""The default maximum length of a generated answer, as in lm-eval. A prompt that leaves less room
loses its beginning.
"""
KNOWN_ARGUMENTS = (
    "until",
    "max_gen_toks",
    "max_new_tokens",
    "do_sample",
    "temperature",
    "top_p",
)
"""The arguments of generation that an answer follows."""
TokenPair = tuple[list[int], list[int]]


class LmEvalModel(TemplateLM):  # type: ignore[misc]
    """Implement lm-eval's interface for our model.

    Attributes:
        cut: the number of prompts that were too long for the context and lost their beginning.
        ignored: the arguments of generation that no answer follows, like "num_beams=10".
    """

    def __init__(self, hf: HfModel) -> None:
        super().__init__()
        self.hf = hf
        self.tokenizer = hf.tokenizer
        self.cut = 0
        self.ignored: set[str] = set()

    @property
    def eot_token_id(self) -> int:
        """Return the end of sequence."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """Return the token before a text without context."""
        begin = self.tokenizer.bos_token_id
        return self.eot_token_id if begin is None else int(begin)

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Return the text's tokens, by default with the tokenizer's own prefix."""
        if add_special_tokens is False:
            return self.hf.encode_answer(string, end=False)
        return self.hf.encode(string)

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        return self._score_pairs([(context, continuation) for _, context, continuation in requests])

    def _score_pairs(self, pairs: Sequence[TokenPair]) -> list[tuple[float, bool]]:
        cut = [self._cut_context(*pair) for pair in pairs]
        found = {i: (logp, greedy) for i, logp, greedy in score_tokens(self.hf, cut)}
        return [found[i] for i in range(len(cut))]

    def _cut_context(self, context: list[int], continuation: list[int]) -> TokenPair:
        """Return the end of the context that there is room for, and the continuation."""
        room = self.hf.context_tokens + 1 - len(continuation)
        self.cut += len(context) > room
        return context[-max(room, 1) :], continuation

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-likelihood of whole texts, in windows of the context's length."""
        totals = []
        for request in requests:
            tokens = self.tok_encode(request.args[0])
            windows = get_rolling_token_windows(
                tokens, self.prefix_token_id, self.hf.context_tokens, 1
            )
            scores = self._score_pairs([make_disjoint_window(window) for window in windows])
            totals.append(sum(logp for logp, _ in scores))
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return one answer each, cut before the first of its stop texts."""
        pending = [
            self._make_pending(number, *request.args) for number, request in enumerate(requests)
        ]
        found = {done.id: done.text for done in sample_pending(self.hf, pending)}
        return [found[str(number)] for number in range(len(requests))]

    def _make_pending(self, number: int, context: str, settings: JsonMapping) -> PendingCompletion:
        until = settings.get("until") or []
        length = int(
            settings.get("max_gen_toks") or settings.get("max_new_tokens") or ANSWER_TOKENS
        )
        temperature = (
            float(settings.get("temperature") or 0.0) if settings.get("do_sample") else 0.0
        )
        stops = tuple([until] if isinstance(until, str) else until)
        tokens = self.tok_encode(context)
        context_tokens = self.hf.context_tokens
        least = min(length, ANSWER_TOKENS, context_tokens // 2)
        length = min(length, max(least, context_tokens - max(len(tokens), 1)))
        room = context_tokens - length
        self.cut += len(tokens) > room
        self._note_ignored(settings)
        seed = int(digest([context, number])[:16], 16)
        sampling = SamplingParams(temperature, float(settings.get("top_p") or 1.0), length, stops)
        return PendingCompletion(str(number), sampling, tokens[-room:], length, seed)

    def _note_ignored(self, settings: JsonMapping) -> None:
        """Note the arguments of generation that are not followed; one beam is no search."""
        for key, value in settings.items():
            if key not in KNOWN_ARGUMENTS and (key, value) != ("num_beams", 1):
                self.ignored.add(f"{key}={value}")


@dataclass(frozen=True)
class BenchmarkRow:
    """Hold one metric of one task.

    Attributes:
        values: lm-eval's value for each model.
        errors: lm-eval's standard error for each model.
        change: the paired difference, if the metric is a mean of rows.
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
    """Hold the tasks that can be run, and the reason for each task whose data is missing."""

    manager: TaskManager
    names: list[str]
    missing: dict[str, str] = field(default_factory=dict)


def find_tasks(names: Sequence[str]) -> BenchmarkTasks:
    """Return the single tasks of names, groups, tags and files (.yaml), and load the data of each.

    Raises:
        UsageError: lm-eval has no task of this name, or a file does not exist.
    """
    files = {
        name: Path(name).expanduser().resolve()
        for name in names
        if name.endswith((".yaml", ".yml"))
    }
    for name, path in files.items():
        if not path.is_file():
            raise UsageError("there is no such file of a task.", where=name, cure="Check the path.")
    folders = sorted({str(path.parent) for path in files.values()})
    manager = TaskManager(include_path=folders or None, include_defaults=len(files) < len(names))
    at = {
        str(entry.yaml_path): name for name, entry in manager.task_index.items() if entry.yaml_path
    }
    singles: dict[str, None] = {}
    for name in names:
        known = at.get(str(files[name])) if name in files else name
        if known not in manager.task_index:
            cure = name_nearest(name, [*SUITES, *manager.task_index])
            if name in files:
                cure = "It must be a task of lm-eval's form."
            raise UsageError(f'lm-eval has no task "{name}".', where="--tasks", cure=cure)
        singles |= dict.fromkeys(_expand_task(manager, str(known)))
    missing = _find_missing(manager, list(singles))
    return BenchmarkTasks(manager, [name for name in singles if name not in missing], missing)


def _expand_task(manager: TaskManager, name: str) -> Iterator[str]:
    """Yield the tasks of a group or a tag, or the task itself."""
    entry = manager.task_index[name]
    if name in manager.all_tags and entry.yaml_path is None:
        yield from sorted(entry.tags)
    elif name in manager.all_groups:
        for member in (entry.cfg or {}).get("task") or []:
            yield from _expand_member(manager, member)
    else:
        yield name


def _expand_member(manager: TaskManager, member: Any) -> Iterator[str]:
    inner = member if isinstance(member, str) else member.get("task") or member.get("group")
    for name in inner if isinstance(inner, list) else [inner]:
        if isinstance(name, str):
            if name in manager.task_index:
                yield from _expand_task(manager, name)
        elif isinstance(name, dict):
            yield from _expand_member(manager, name)


def _find_missing(manager: TaskManager, names: Sequence[str]) -> dict[str, str]:
    """Return the reason for each task that cannot be loaded; try an absent data set once."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name in names:
        config = manager.task_index[name].cfg or {}
        path = str(config.get("dataset_path") or "its own data")
        part = str(config.get("dataset_name") or "")
        if path not in absent:
            try:
                manager.load([name])
                continue
            except Exception as fault:  # lm-eval, datasets and the hub raise errors of any class
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
) -> JsonObject:
    """Return lm-eval's results and single answers for one model, the number of cut prompts, and the
    arguments of generation that were not followed.
    """
    model = LmEvalModel(hf)
    found = simple_evaluate(
        model=model,
        tasks=list(tasks.names),
        task_manager=tasks.manager,
        limit=limit,
        num_fewshot=shots,
        bootstrap_iters=BOOTSTRAP_ROUNDS,
        log_samples=True,
    )
    return {**found, "cut": model.cut, "ignored": sorted(model.ignored)}


def make_rows(found: Mapping[str, JsonMapping], seed: int = 0) -> list[BenchmarkRow]:
    """Return the results of several models together: one row for each metric of a task."""
    first = next(iter(found.values()))
    rows = []
    for task, results in first["results"].items():
        for key, value in results.items():
            metric, _, filtered = key.partition(",")
            if not filtered or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            by_arm = {arm: results["results"][task] for arm, results in found.items()}
            error = f"{metric}_stderr,{filtered}"
            samples = first.get("n-samples", {}).get(task, {"effective": 0})
            row = BenchmarkRow(
                task,
                metric if filtered == "none" else f"{metric} ({filtered})",
                int(samples["effective"]),
                {arm: float(values[key]) for arm, values in by_arm.items()},
                {arm: _to_finite(values.get(error)) for arm, values in by_arm.items()},
                bool(first.get("higher_is_better", {}).get(task, {}).get(metric, True)),
                _measure_change(found, task, metric, filtered, seed),
            )
            rows.append(row)
    return rows


def _to_finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _measure_change(
    found: Mapping[str, JsonMapping], task: str, metric: str, filtered: str, seed: int
) -> Measure | None:
    """Return tuned minus base, paired by row; None if the metric is no mean of rows.

    A metric that is right or wrong on each row is a share, and has the interval of one.
    """
    if set(found) != {"base", "tuned"}:
        return None
    sides = []
    for arm in ("base", "tuned"):
        values = {
            row["doc_id"]: row.get(metric)
            for row in found[arm].get("samples", {}).get(task, [])
            if row.get("filter", "none") == filtered
        }
        if not values or not all(isinstance(value, int | float) for value in values.values()):
            return None
        reported = found[arm]["results"][task][f"{metric},{filtered}"]
        if not math.isclose(fmean(values.values()), reported, abs_tol=1e-9):
            return None
        sides.append({id: float(value) for id, value in values.items()})
    base, tuned = sides
    before = list(base.values())
    after = [tuned[id] for id in base]
    if {*before, *after} <= {0.0, 1.0}:
        return statistics.compare_shares([*map(bool, after)], [*map(bool, before)])
    return statistics.paired_bootstrap(after, before, seed=seed, limits=None)
