"""The work of a run that both sides of `bench.pipeline` repeat, in slices that add up to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("trl")

from bench.workload import SCORED, read_workload, scale_seconds, take_slice

from bench import pipeline, record_scores, sampling
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    Request,
    SamplingParams,
    make_prompt,
    prompt_to_json,
)
from selfteach.run.finished import LESSON_FILE
from selfteach.run.ledger import Ledger, Outcome
from talker import open_ledger

BASE = "s" * 24


@pytest.mark.parametrize("rows", [0, 1, 5, 8, 9, 100])
@pytest.mark.parametrize("slices", [1, 2, 8])
def test_slices_are_disjoint_and_add_up(rows: int, slices: int) -> None:
    parts = [take_slice(range(rows), slices, number) for number in range(slices)]
    assert all(parts) or not rows
    if rows >= slices:
        assert sorted(n for part in parts for n in part) == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_seconds_are_scaled_by_what_was_left_out() -> None:
    assert scale_seconds(2.0, 80, 10) == 16.0
    assert scale_seconds(0.1, 0, 0) == 0.0


def test_the_keys_of_a_section_are_found_again() -> None:
    flat = {"train.epochs": 3, "train.lora.rank": 8, "ask.rounds": 2}
    assert pipeline.nest_keys(flat, "train.") == {"epochs": 3, "lora": {"rank": 8}}


def test_the_best_batch_is_the_fastest() -> None:
    assert sampling.find_best_batch({8: 1.0, 32: 3.0, 96: 2.0}) == 32


class CountingSide:
    """Record the rows of a side; each row takes `cost` seconds of the side's own clock."""

    def __init__(self, cost: float) -> None:
        self.now = 0.0
        self.cost = cost
        self.seen = []

    def process(self, rows, *_):
        self.seen += rows
        self.now += self.cost * len(rows)
        return len(rows)

    def make_pipeline(self) -> pipeline.Pipeline:
        parts = [self.process] * 6
        return pipeline.Pipeline(*parts, before_sampling=lambda: None, before_training=lambda: None)


def test_both_sides_do_the_same_and_a_slice_counts_for_the_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = read_workload(folder)
    clocks = {"ours": pipeline.PartClock(), "theirs": pipeline.PartClock()}
    sides = {"ours": CountingSide(1.0), "theirs": CountingSide(3.0)}
    for number in range(2):
        for name, side in sides.items():
            monkeypatch.setattr(pipeline.time, "monotonic", lambda side=side: side.now)
            pipeline.run_slice(side.make_pipeline(), work, 2, number, clocks[name])
    assert sides["ours"].seen == sides["theirs"].seen
    lines, ratios = pipeline.format_table(clocks, 2, work)
    rows = (
        sum(map(len, work.requests.values()))
        + len(work.scored)
        + len(work.embedded)
        + len(work.compared)
        + len(work.examples)
    )
    assert sum(clocks["ours"].seconds.values()) / 2 == pytest.approx(rows + pipeline.MODELS)
    assert ratios["together"] == 3.0
    assert ratios["the whole command"] == pytest.approx(3 * (rows + pipeline.MODELS) / 10, abs=0.01)
    assert len(lines) == 2 + len(pipeline.PARTS) + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a finished run: requests of several stages, scores, examples."""
    ledger = Ledger(tmp_path / "run.db")
    few = "Avoid: x\nRequest: a\nReply: b\n\nAvoid: hum\nRequest: Sing 0\nReply:"
    requests = [
        Request("probe", make_prompt(f"Sing {n}"), SamplingParams(1.0), n % 2) for n in range(6)
    ]
    requests += [Request("search decline", few, SamplingParams(0.9, 0.95, 8, ("\n\n",)))]
    requests += [
        Request("exam general", make_prompt(f"Count {n}"), SamplingParams(0.0)) for n in range(4)
    ]
    for request in requests:
        body = {
            "prompt": prompt_to_json(request.prompt),
            "sampling": asdict(request.sampling),
            "draw": request.draw,
            "seed": request.seed,
        }
        ledger.record_requests(request.stage, [(request.id(BASE), body)])
        if request.prompt != make_prompt("Sing 5"):  # one that got no answer
            ledger.record_answers(
                [(request.id(BASE), {"text": f" answer {request.draw} ", "tokens": 3})]
            )
    scored = [
        Continuations(make_prompt("Sing 0"), ("answer 0",), end=True),
        Continuations("Does it hum?", (" Yes", " No")),
    ]
    ledger.record_answers([(item.id(BASE), [[-1.0, 2]] * len(item.texts)) for item in scored])
    ledger.record_outcomes(
        "target prompts",
        [
            Outcome("1", "accepted", "", {"text": "Sing 0"}),
            Outcome("2", "dropped", "no", {"text": "Hm"}),
        ],
    )
    ledger.set_note("result", {"adapter": "here", "seconds": 10})
    ledger.set_note("identity", {"config": {"train.epochs": 3}})
    ledger.set_note("models", {"base": BASE})
    ledger.close()
    rows = [
        Example(
            str(n),
            "in_scope" if n < 2 else "general",
            make_prompt(f"Sing {n}"),
            "No.",
            "La." if n < 2 else None,
        )
        for n in range(6)
    ]
    (tmp_path / "examples.jsonl").write_text(
        "".join(json.dumps(row.to_json()) + "\n" for row in rows)
    )
    return tmp_path


def test_work_is_what_the_ledger_answered(folder: Path) -> None:
    work = read_workload(folder)
    assert {stage: len(rows) for stage, rows in work.requests.items()} == {
        "probe": 5,
        "search decline": 1,
        "exam general": 4,
    }
    assert {r.id(BASE) for r in work.requests["probe"]} == {
        Request("probe", make_prompt(f"Sing {n}"), SamplingParams(1.0), n % 2).id(BASE)
        for n in range(5)
    }
    assert work.embedded == [make_prompt("Sing 0")]
    assert len(work.compared) == 4
    assert (len(work.examples), work.seconds, work.settings) == (6, 10.0, {"train.epochs": 3})


def test_the_epochs_are_those_that_the_run_chose(folder: Path) -> None:
    """A rule with a condition takes four, which its configuration does not say."""
    chosen = {"epochs": 4, "once": ["near"], "learning_rate": 0.1}
    (folder / LESSON_FILE).write_text(json.dumps({"training": {"settings": chosen}}), "utf-8")
    assert read_workload(folder).settings == {"train.epochs": 4, "train.once": ["near"]}


def test_scored_texts_are_found_by_id_or_read_from_the_scores(
    folder: Path,
) -> None:
    work = read_workload(folder)
    assert ([item.texts for item in work.scored], work.num_scored) == ([("answer 0",)], 2)
    item = {"prompt": "Does it hum?", "texts": [" Yes", " No"], "end": False}
    (folder / SCORED).write_text(
        "".join(json.dumps(row) + "\n" for row in (item, item, {**item, "prompt": "never scored"}))
    )
    assert [item.texts for item in read_workload(folder).scored] == [(" Yes", " No")]


def test_record_scores_writes_the_scored_texts(
    folder: Path, tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HfModel, "stream_scores", HfModel.stream_scores)
    record_scores.record_scores(folder)
    items = [Continuations("Does it hum?", (" Yes", " No"))]
    assert len(list(tiny_hf.stream_scores(items))) == 1
    assert [item.texts for item in read_workload(folder).scored] == [(" Yes", " No")]


def test_the_seconds_of_sampling_leave_the_caller_out(
    folder: Path, tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_workload(folder).sampled is None
    monkeypatch.setattr(Recorded, "stream", Recorded.stream)
    clock = [0.0]
    monkeypatch.setattr(record_scores.time, "monotonic", lambda: clock[0])
    record_scores.record_sampling(folder)

    def answer(requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            clock[0] += 2.0  # of the sampler
            yield Completion(request.id(tiny_hf.fingerprint), "La.", "stop", 3, 1)

    monkeypatch.setattr(tiny_hf, "stream", answer, raising=False)
    with open_ledger(folder) as ledger:
        model = Recorded(ledger, tiny_hf)
        asked = [Request("s", f"Sing {n}", SamplingParams()) for n in range(4)]
        for _ in model.stream(asked):
            clock[0] += 50.0  # of the caller
        assert len(model.sample(asked)) == 4  # they are recorded: nothing is sampled
    sampled = read_workload(folder).sampled
    assert sampled == (12, 8.0)
    line = pipeline.describe_sampling(sampled, 3.0)
    assert line.endswith("12 tokens in 8.0 s, 2 a second; in one full batch 3: 0.50x")
    assert "not recorded" in pipeline.describe_sampling(None, 3.0)


@pytest.mark.slow
def test_every_engine_of_the_comparison_answers_all_prompts(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, best = sampling.main(num_prompts=8, max_tokens=4, model=str(tiny))
    assert best in sampling.BATCHES
    assert json.loads(capsys.readouterr().out) == {"sampling, tokens a second": figures}
    assert all(figures[f"continuous batching, {rows} rows"] > 0 for rows in sampling.BATCHES)
    assert figures["ratio to continuous batching"] > 0


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "run.db").close()
    with pytest.raises(SystemExit, match="finished"):
        read_workload(tmp_path)
