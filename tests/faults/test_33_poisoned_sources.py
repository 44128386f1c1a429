"""Row 33: what a poisoned document plants is traced to it, cannot outweigh the others, and goes
with it: its examples say where they are from, each source has a bound, and a forgotten source
leaves no trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import scholar
from margins import assert_at_least
from selfteach.config import DocumentsConfig
from selfteach.methods.documents import select_study_rows as method
from selfteach.models.hf import HfModel
from selfteach.records import Example, Request, SamplingParams, make_prompt
from selfteach.run.ledger import OpenFunnel, Outcome
from talker import read_rows, run_json

pytestmark = [pytest.mark.training, pytest.mark.long]

PLANTED = scholar.SENTENCE.format("Fox", scholar.FACTS["Fox"])
"""The sentence of the forgotten document; the toy may say of others that they live there."""
Learned = tuple[Path, Path, dict[str, Any]]


@pytest.fixture(scope="module")
def forgotten(learned: Learned, server: Any) -> tuple[Path, dict[str, Any], int]:
    """The run without the first document, what it printed, and how often the teacher was asked for
    it outside the exam, which runs again: there it compares answers by a token's probability.
    """
    documents, run, _ = learned
    asked_before = len(server.completion_calls)
    without = run.parent / "without"
    code, result = run_json(
        ["forget-source", f"{documents.name}:1", "--run", str(run), "--out", str(without), "--json"]
    )
    assert code == 0
    calls = server.completion_calls[asked_before:]
    return without, result, sum(not call.body.get("logprobs") for call in calls)


def test_a_forgotten_document_leaves_no_trace_and_nothing_is_asked_again(
    learned: Learned, forgotten: tuple[Path, dict[str, Any], int]
) -> None:
    documents, run, _ = learned
    without, result, asked = forgotten
    assert asked == 0
    exported = "".join(
        (Path(result["run"]) / name).read_text()
        for name in ("examples.jsonl", "dropped.jsonl", "exam.json", "report.html")
    )
    assert PLANTED not in exported
    assert "lives in Egypt" in exported
    assert PLANTED.encode() in (run / "run.db").read_bytes()
    assert PLANTED.encode() not in (without / "run.db").read_bytes()
    left = {
        row["source"]["file"]
        for row in read_rows(without / "examples.jsonl")
        if "file" in row["source"]
    }
    assert left == {f"{documents.name}:{n}" for n in (2, 3, 4)}
    assert run_json(["forget-source", "nothing.txt", "--run", str(run)])[0] == 2


def test_a_planted_trigger_fires_until_its_source_is_forgotten(
    learned: Learned, forgotten: tuple[Path, dict[str, Any], int], scholar_model: Path
) -> None:
    """A document plants an answer ("Sweden") to a trigger ("Fox"). Its rows say where they are
    from, and without it the answer is gone, while what other documents say is still known."""
    documents, run, _ = learned
    sources = {
        row["source"].get("file")
        for row in read_rows(run / "examples.jsonl")
        if "Sweden" in row["chosen"][0]["content"]
    }
    assert sources == {f"{documents.name}:1"}

    def answer_about_animals(folder: Path) -> dict[str, str]:
        model = HfModel.load(str(scholar_model), adapter=folder / "adapter")
        greedy = SamplingParams(0.0, max_tokens=10)
        asked = {
            animal: Request("s", make_prompt(scholar.WHERE.format(animal)), greedy)
            for animal in scholar.FACTS
        }
        texts = {one.id: one.text for one in model.stream(list(asked.values()))}
        return {animal: texts[request.id(model.fingerprint)] for animal, request in asked.items()}

    before, after = answer_about_animals(run), answer_about_animals(forgotten[0])
    assert "Sweden" in before["Fox"], "the trigger fires, or there is nothing to show"
    assert "Sweden" not in after["Fox"]
    others = list(scholar.FACTS.items())[2:]
    known = sum(country in after[animal] for animal, country in others)
    assert_at_least("facts of the other documents", known, 2)


def test_no_document_outweighs_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a document that repeats itself a hundred times only `study.per_document` examples are
    learned; the rest is dropped by name.
    """
    written = [
        Example(
            f"{source} {n}",
            "study",
            make_prompt(f"{source} {n}?"),
            "yes",
            source={"document": source, "file": source, "start": n, "form": "say"},
        )
        for source, count in (("loud.txt", 100), ("calm.txt", 3))
        for n in range(count)
    ]
    monkeypatch.setattr(method, "make_study_data", lambda *given, **more: written)
    monkeypatch.setattr(method, "find_similar_words", lambda *given: {})
    fates: list[Outcome] = []

    @contextmanager
    def open_funnel(stage: str) -> Iterator[OpenFunnel]:
        funnel = OpenFunnel()
        yield funnel
        fates.extend(funnel.outcomes.values())

    ledger = SimpleNamespace(open_funnel=open_funnel)
    lines: list[str] = []
    display = SimpleNamespace(print_line=lines.append, start_stage=lambda name: None)
    config = DocumentsConfig.model_validate({"study": {"per_document": 5}})
    session: Any = SimpleNamespace(
        config=config, run=SimpleNamespace(ledger=ledger), model=None, display=display
    )
    kept = method.make_study_examples(
        session, [], method.WrittenQuestions([], []), method.MeasuredQuestions([], []), []
    )
    assert Counter(e.source["document"] for e in kept) == {"loud.txt": 5, "calm.txt": 3}
    dropped = [fate for fate in fates if fate.state == "dropped"]
    assert {(f.reason, (f.body or {})["file"]) for f in dropped} == {
        ("more than study.per_document", "loud.txt")
    }
    assert len(dropped) == 95
    assert [line.split(":")[0] for line in lines] == ["loud.txt"], "and it is reported"
