"""Benchmarks: our model answers lm-eval as lm-eval's own model for transformers does, with any
adapter; a task on data that the test makes runs end to end; data that is not here is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

lm_eval = pytest.importorskip("lm_eval")
sys.path.insert(0, str(Path(__file__).parent.parent / "train"))

from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

from selfteach import config  # noqa: E402
from selfteach.commands.benchmark import (  # noqa: E402
    BenchmarkOptions,
    print_table,
    read_benchmark,
    run_benchmark,
)
from selfteach.errors import DataError, UsageError  # noqa: E402
from selfteach.evaluate import benchmarks  # noqa: E402
from selfteach.evaluate.benchmarks import (  # noqa: E402
    LmEvalModel,
    find_tasks,
    make_rows,
    run_benchmarks,
)
from selfteach.evaluate.suites import SUITES, combine_suites, get_suite  # noqa: E402
from selfteach.models.hf import HfModel  # noqa: E402
from selfteach.records import Continuations, Example, make_prompt  # noqa: E402
from selfteach.text import clean_text  # noqa: E402
from selfteach.train.train import train  # noqa: E402

pytestmark = pytest.mark.long

ASKED = [
    ("Question: is bread an animal?\nAnswer:", " Yes"),
    ("Question: is bread an animal?\nAnswer:", " No."),
    ("A rule", " is a rule"),
    ("Tell me ", "about music"),
    ("", "The elephant"),
    ("Yes. No. " * 200, " I like apples. " * 3),
]


def requests(kind: str, arguments: list[tuple[Any, ...]]) -> list[Instance]:
    return [Instance(kind, {}, given, i) for i, given in enumerate(arguments)]


@pytest.fixture(scope="module")
def model(tiny: Path) -> HfModel:
    return HfModel.load(tiny, dtype="float32", device="cpu")


def test_log_probabilities_are_those_of_lm_eval_s_own_model(model: HfModel) -> None:
    theirs = HFLM(pretrained=model.module, tokenizer=model.tokenizer, batch_size=1)
    ours = LmEvalModel(model)
    expected = theirs.loglikelihood(requests("loglikelihood", ASKED), disable_tqdm=True)
    found = ours.loglikelihood(requests("loglikelihood", ASKED), disable_tqdm=True)
    for (logp, greedy), (its, like) in zip(found, expected, strict=True):
        assert logp == pytest.approx(its, abs=2e-3)
        assert greedy == like
    texts = [("Yes. No. " * 200,), ("A rule is a rule; keep it.",)]
    rolled = [
        each.loglikelihood_rolling(requests("loglikelihood_rolling", texts), disable_tqdm=True)
        for each in (ours, theirs)
    ]
    assert rolled[0] == pytest.approx(rolled[1], rel=1e-4)
    assert ours.cut == 1  # one prompt did not fit


def test_answers_are_those_of_lm_eval_s_own_model(model: HfModel) -> None:
    theirs = HFLM(pretrained=model.module, tokenizer=model.tokenizer, batch_size=1)
    ours = LmEvalModel(model)
    asked = [
        (text, {"until": ["e", "."], "max_gen_toks": 12, "do_sample": False})
        for text, _ in ASKED
        if text
    ]
    expected = theirs.generate_until(requests("generate_until", asked), disable_tqdm=True)
    assert ours.generate_until(requests("generate_until", asked), disable_tqdm=True) == [
        clean_text(text) for text in expected
    ]


@pytest.mark.parametrize(
    ("context", "prompt", "limit", "kept", "length"),
    [
        (2048, 28, 256, 28, 256),
        (2048, 1900, 2048, 1792, 256),
        (2048, 28, 2048, 28, 2020),
        (2048, 28, 32768, 28, 2020),
        (2048, 1700, 32768, 1700, 348),
        (2048, 1900, 256, 1792, 256),
        (2048, 3000, 32, 2016, 32),
        (2048, 3000, 2048, 1792, 256),
        (128, 28, 2048, 28, 100),
        (128, 300, 2048, 64, 64),
    ],
)
def test_a_long_answer_makes_room_for_the_prompt(
    context: int, prompt: int, limit: int, kept: int, length: int
) -> None:
    """AIME's tasks have 32,768 tokens for an answer: no prompt would be left."""
    tokens = list(range(prompt))
    hf: Any = SimpleNamespace(
        context_tokens=context, tokenizer=None, encode=lambda text: list(tokens)
    )
    asked = LmEvalModel(hf)
    found = asked._make_pending(0, "Q", {"until": ["\n"], "max_gen_toks": limit})
    assert list(found.prompt_ids) == tokens[-kept:]
    assert found.sampling.max_tokens == length
    assert asked.cut == (kept < prompt)


def test_arguments_that_no_answer_follows_are_named(
    model: HfModel, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = LmEvalModel(model)
    known = {"until": ["."], "max_gen_toks": 2, "do_sample": False, "temperature": 0, "top_p": 1}
    asked.generate_until(requests("generate_until", [("Q:", {**known, "num_beams": 1})]))
    assert asked.ignored == set()
    asked.generate_until(requests("generate_until", [("Q:", {**known, "num_beams": 10})]))
    assert asked.ignored == {"num_beams=10"}
    results = {"missing": {}, "limit": None, "cut": {}, "ignored": sorted(asked.ignored)}
    print_table([], results, Path("benchmark.json"))
    assert "that no answer followed: num_beams=10." in capsys.readouterr().out


def make_examples(count: int = 8) -> list[Example]:
    return [
        Example(f"e{i}", "in_scope", make_prompt(f"Question: {i}?"), "I like bread and apples.")
        for i in range(count)
    ]


def train_adapter(model: Path, folder: Path, adapter: str) -> Path:
    """A run folder with an adapter, as far as this command reads it."""
    how = config.TrainConfig(
        adapter=adapter,
        weights={"in_scope": {"sft": 1.0}},
        layers=config.LayersConfig(which="last 1"),
        learning_rate=1e-2,
    )
    train(HfModel.load(model, dtype="float32", device="cpu"), make_examples(), how, folder, seed=0)
    (folder / "config.yaml").write_text(f"model: {model}\n")
    return folder


@pytest.mark.training
@pytest.mark.parametrize("adapter", ["lora", "full", "layers", "bottleneck", "prompt", "reft"])
def test_any_adapter_can_be_asked(tiny: Path, tmp_path: Path, adapter: str) -> None:
    """What lm-eval gets is what our own scoring says of the same text after the same prompt."""
    model = HfModel.load(
        tiny,
        adapter=train_adapter(tiny, tmp_path, adapter) / "adapter",
        dtype="float32",
        device="cpu",
    )
    base = LmEvalModel(HfModel.load(tiny, dtype="float32", device="cpu"))
    asked = [
        ("Question: 3?\nAnswer:", " I like bread."),
        ("Question: 4?\nAnswer:", " I"),
        ("Question: 4?\nAnswer:", " No"),
    ]
    found = LmEvalModel(model).loglikelihood(requests("loglikelihood", asked), disable_tqdm=True)
    for (prompt, text), (logp, _) in zip(asked, found, strict=True):
        ((_, (expected,)),) = model.stream_scores([Continuations(prompt, (text,), end=False)])
        assert logp == pytest.approx(expected.logp, abs=1e-3)
    before = base.loglikelihood(requests("loglikelihood", asked), disable_tqdm=True)
    assert abs(before[0][0] - found[0][0]) > 5e-3
    assert LmEvalModel(model).generate_until(
        requests("generate_until", [("Question: 3?\nAnswer:", {"max_gen_toks": 4})])
    )[0]


def task(folder: Path) -> Path:
    """A task on twelve rows, right half the time whatever the model thinks."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"question": f"is {i} an animal?", "choices": ["Yes", "No, it is bread"], "label": i % 2}
        for i in range(12)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "animals.yaml").write_text(
        f"""
task: animals
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/rows.jsonl}}, cache_dir: {folder}/cache}}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: label
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""
    )
    return folder / "animals.yaml"


@pytest.mark.training
@pytest.mark.slow
def test_a_local_task_runs_on_base_and_tuned(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_adapter(tiny, tmp_path / "run", "reft")
    run_benchmark(run, BenchmarkOptions((str(task(tmp_path / "task")),), as_json=True))
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert (row["task"], row["metric"], row["n"]) == ("animals", "acc", 12)
    assert row["values"].keys() == row["errors"].keys() == {"base", "tuned"}
    assert all(0 <= value <= 1 for value in row["values"].values())
    assert row["errors"]["base"] is None or row["errors"]["base"] >= 0
    assert row["change"]["value"] == pytest.approx(row["values"]["tuned"] - row["values"]["base"])
    assert row["change"]["low"] <= row["change"]["value"] <= row["change"]["high"]
    assert found["missing"] == {}
    assert json.loads((run / "benchmark.json").read_text())["rows"] == found["rows"]
    assert read_benchmark(run) is not None, "it is of this run's adapter"
    (run / "compare" / "adapters").mkdir(parents=True)
    (run / "adapter").rename(run / "compare" / "adapters" / "reft-own")
    run_benchmark(
        run, BenchmarkOptions((str(task(tmp_path / "task")),), limit=3, adapter="reft-own")
    )
    printed = capsys.readouterr().out
    other = json.loads((run / "benchmark.reft-own.json").read_text())
    assert (found["adapter"], other["adapter"], other["limit"]) == ("tuned", "reft-own", 3)
    assert "tuned - base" in printed
    assert "Only 3 rows" in printed


def test_a_name_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    file = task(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        find_tasks([str(tmp_path / "other.yaml")])
    (tmp_path / "none.yaml").write_text("a: 1\n")
    with pytest.raises(UsageError, match="must be a task"):
        find_tasks([str(tmp_path / "none.yaml")])
    assert find_tasks([str(file)]).names == ["animals"]


HERE = Path(lm_eval.__file__).parent / "tasks"
PARTS = [
    "glue",
    "super_glue",
    "mmlu/default",
    "bbh/cot_fewshot",
    "nq_open",
    "openbookqa",
    "gsm8k",
    "minerva_math",
    "legalbench",
    "medqa",
    "translation",
    "benchmarks",
]


@pytest.fixture(scope="module")
def part_of_lm_eval() -> TaskManager:
    """An index of the folders that the suites need: the whole one takes ten seconds."""
    return TaskManager(include_path=[HERE / part for part in PARTS], include_defaults=False)


@pytest.mark.parametrize(
    "name", ["GLUE", "SuperGLUE", "MMLU", "BIG-bench Hard", "bbh", "HELM-lite"]
)
def test_suites_resolve_to_tasks_that_lm_eval_has(part_of_lm_eval: TaskManager, name: str) -> None:
    found = get_suite(name)
    assert found in SUITES.values()
    singles = [
        single
        for known in found.tasks
        for single in benchmarks._expand_task(part_of_lm_eval, known)
    ]
    assert len(singles) >= {"GLUE": 8, "SuperGLUE": 8, "MMLU": 57, "HELM-lite": 20}.get(name, 27)
    assert all(part_of_lm_eval.task_index[single].cfg for single in singles)


def test_other_names_are_lm_eval_s_own_and_nothing_comes_twice() -> None:
    assert combine_suites(["hellaswag"]).tasks == ("hellaswag",)
    assert combine_suites(["mmlu", "MMLU", "bbh"]).tasks == ("mmlu", "bbh")
    assert "NarrativeQA" in combine_suites(["mmlu", "HELM-lite"]).without


@pytest.mark.training
def test_without_a_hub_each_task_says_what_is_missing(
    part_of_lm_eval: TaskManager,
    tiny: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmarks, "TaskManager", lambda **_: part_of_lm_eval)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    run = train_adapter(tiny, tmp_path / "run", "lora")
    with pytest.raises(DataError, match=r"no task has its data here"):
        run_benchmark(run, BenchmarkOptions(("GLUE",)))
    printed = [line for line in capfd.readouterr().err.splitlines() if "left out" in line]
    assert len(printed) >= 9
    assert any(
        "sst2" in line and "glue" in line and "cannot be fetched" in line for line in printed
    )
    assert any("STS-B" in line for line in printed)


def test_a_task_that_lacks_a_package_says_so(tmp_path: Path) -> None:
    file = task(tmp_path)
    file.write_text(
        file.read_text()
        + "doc_to_decontamination_query: x\nprocess_docs: !function lacking.nothing\n"
    )
    (tmp_path / "lacking.py").write_text("import no_such_package\n")
    (why,) = find_tasks([str(file)]).missing.values()
    assert "cannot be loaded" in why
    assert "no_such_package" in why


def test_a_metric_without_rows_has_no_interval(model: HfModel, tmp_path: Path) -> None:
    """A difference is paired by row only where the rows' mean is the metric."""
    found = run_benchmarks(model, find_tasks([str(task(tmp_path))]))
    twice = {"base": found, "tuned": json.loads(json.dumps(found, default=str))}
    assert make_rows(twice)[0].change is not None
    twice["tuned"]["results"]["animals"]["acc,none"] += 0.1
    assert make_rows(twice)[0].change is None


def make_found(values: list[float]) -> dict[str, Any]:
    """lm-eval's results of a task with these values of its rows."""
    rows = [{"doc_id": n, "acc": value, "filter": "none"} for n, value in enumerate(values)]
    mean = sum(values) / len(values)
    return {
        "results": {"t": {"acc,none": mean, "acc_stderr,none": 0.0}},
        "n-samples": {"t": {"effective": len(values)}},
        "samples": {"t": rows},
    }


def test_rows_that_are_all_wrong_do_not_prove_that_nothing_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (wrong,) = make_rows({arm: make_found([0.0] * 5) for arm in ("base", "tuned")})
    assert wrong.change is not None
    assert wrong.change.low < -0.3 < 0.3 < wrong.change.high
    (nats,) = make_rows({arm: make_found([2.5] * 5) for arm in ("base", "tuned")})
    cut = {"base": 0, "tuned": 1}
    results: dict[str, Any] = {"missing": {}, "limit": None, "cut": cut, "ignored": []}
    print_table([wrong, nats], results, Path("benchmark.json"))
    shown = capsys.readouterr().out
    assert "Cut at the beginning, because the context is too short: 1 prompt of tuned." in shown
    assert "of base" not in shown
    assert "+0.000 no interval" in shown, "nothing tells the range of nats"
    assert "±" not in shown.split("lm-eval")[0].rsplit("\n", 1)[0], "0 is no error"


def test_no_gradient_is_kept(model: HfModel) -> None:
    LmEvalModel(model).loglikelihood(requests("loglikelihood", ASKED[:1]), disable_tqdm=True)
    assert torch.is_grad_enabled()
