"""The two scripts about documents run on the toy (scholar.py): documents are taught, and the
paper's claims are printed, held or not.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import scholar
from scripted import Scripted
from selfteach.config import DocumentsConfig
from selfteach.errors import DataError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.calibrate_pairwise_judges import AT_CHANCE
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.records import Measure, Prompt
from selfteach.run.display import SilentDisplay

pytestmark = pytest.mark.training

EXAMPLES = Path(__file__).parents[1] / "examples"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of examples/ as a module; its data classes look their module up by name."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Settings under which the toy is trained for a moment, by a teacher who asks well."""
    model_folder = scholar.write_scholar(tmp_path_factory.mktemp("scholar"))
    with scholar.serve_teacher() as server:
        yield [
            f"model={model_folder}",
            f"teacher={server.address}",
            *scholar.SETS.split()[:-1],
            "select.calibrate=0",
            "train.epochs=4",
        ]


@pytest.mark.slow
def test_documents_teaches_from_python(
    sets: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = scholar.write_documents(tmp_path, 4)
    script("documents", monkeypatch).main(
        [documents], tmp_path / "run", sets=[*sets, "stages.pairs=false"]
    )
    assert "of the held-out questions are answered before" in capsys.readouterr().out
    assert (tmp_path / "run" / "adapter").is_dir()


@pytest.mark.slow
def test_every_claim_is_measured_and_says_whether_it_held(
    sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = script("reproduce_knowledge_detection", monkeypatch).measure_claims(
        scholar.write_documents(tmp_path, 4), tmp_path / "claims", sets
    )
    assert len(found) == 6
    assert found[0].text.startswith("filtered DPO beats SFT in pairs")
    lines = [claim.line() for claim in found]
    assert lines[0].startswith("undecided "), "no judge of pairs is better than chance here"
    assert all(line.startswith(("held  ", "NOT HELD", "number  ")) for line in lines[1:])
    numbers = [claim.number for claim in found[1:]]
    assert all(number.low <= number.value <= number.high for number in numbers)
    smaller = found[-1]
    assert smaller.number.value == -8
    assert smaller.held is None, "at tau 1 nothing is unknown any more: that is no finding"
    steps = [
        json.loads(line)
        for line in (tmp_path / "claims" / "dpo" / "metrics.jsonl").read_text().splitlines()
    ]
    assert any("dpo" in row["losses"] for row in steps), "pairs are set against what they reject"


def test_without_people_s_questions_there_is_nothing_to_claim(
    sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claims(**more: Any) -> Any:
        return script("reproduce_knowledge_detection", monkeypatch).measure_claims(
            scholar.write_documents(tmp_path, 2, **more), tmp_path / "claims", sets
        )

    with pytest.raises(DataError, match="questions of people"):
        claims(questions=False)


def test_claims_hold_where_questions_of_a_passage_go_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two passages of four are answered by our model alone, and have a right label alone."""
    example = script("reproduce_knowledge_detection", monkeypatch)

    def measure(count: int) -> tuple[Measure, Measure]:
        ours, theirs, held_out, answered = [], [], [], []
        for number in range(16):
            document = Document(f"{number % count}.txt", "Mill", f"Mill {number % count} is old.")
            (chunk,) = split_chunks(document, lambda text: len(text.split()))
            right = number % 4 < 2
            asked = HeldOutQuestion(f"When ({number})?", ("1790",), chunk, "people")
            held_out.append(asked)
            label = Question(asked.text, "1790", chunk, None)
            best = "1790" if right else "no"
            answered.append(LabelledQuestion(label, best, (), ("no", "no", "1790")))
            for rows, ok in ((ours, right), (theirs, False)):
                arms = {"tuned": {"ok": ok}}
                rows.append({"scope": "target", "chunk": chunk.id, "arms": arms})
        answers = example.compare_right({"answers": ours}, {"answers": theirs})
        return answers, example.compare_labels(held_out, answered, 0)

    for together, alone in zip(measure(4), measure(16), strict=True):
        assert together.value == alone.value == 0.5
        assert together.high - together.low > 1.3 * (alone.high - alone.low)


RIGHT = "It was 1790."
WRONG = "Nobody knows it."


def make_exam_of(right: int, questions: Sequence[HeldOutQuestion]) -> dict[str, Any]:
    """The exam.json of a run whose tuned model answers the first questions rightly."""
    rows = []
    for n, q in enumerate(questions):
        cell = {"greedy": RIGHT if n < right else WRONG}
        rows.append({"scope": "target", "prompt": q.text, "arms": {"tuned": cell}})
    return {"answers": [*rows, {"scope": "general", "prompt": "Hi", "arms": {}}]}


def ask_about_mills(count: int, passages: int = 1) -> list[HeldOutQuestion]:
    """So many questions, the same number about each passage."""
    questions = []
    for number in range(count):
        mill = number * passages // count
        text = f"Hale Mill was built in 1790 by Ann Ames. It has {mill} wheels."
        document = Document(f"mill {mill}.txt", "Hale Mill", text)
        (chunk,) = split_chunks(document, lambda text: len(text.split()))
        asked = f"When was it built ({number})?"
        questions.append(HeldOutQuestion(asked, ("1790",), chunk, "people"))
    return questions


def open_judging_session(score: Callable[[Prompt, str], float]) -> Any:
    """As much of a session as a comparison of answers needs."""
    return SimpleNamespace(
        config=DocumentsConfig(),
        display=SilentDisplay(),
        base=Scripted({}, score=score),
        teacher=None,
        model=None,
    )


def prefer_the_year(prompt: Prompt, text: str) -> float:
    """Score A above B where, of the last question's answers, A alone holds the year."""
    shown = str(prompt).rsplit("Answer A:", 1)[-1]
    first, second = shown.split("Answer B:")[:2]
    lead = float("1790" in first) - float("1790" in second)
    return lead if text.strip() == "A" else -lead


def test_the_answers_of_two_runs_are_compared_by_the_judge_that_was_calibrated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twelve right answers against two: ten are won, none is lost, the rest are equal."""
    compare = script("reproduce_knowledge_detection", monkeypatch).compare_finished_runs
    here = open_judging_session(prefer_the_year)
    questions = ask_about_mills(30)
    ours, theirs = make_exam_of(12, questions), make_exam_of(2, questions)
    found = compare(here, questions, ours, theirs)
    assert found["judge"]["name"] == "preference"
    duel = found["tuned"]
    assert [duel[word] for word in ("wins", "ties", "losses")] == [10, 20, 0]
    assert duel["won"].value == pytest.approx(1 / 3)
    assert duel["win_rate"].value == pytest.approx(20 / 30)
    assert duel["win_rate"].low > 0.5
    assert duel["position_bias"].value == 0.0
    here.base = Scripted({}, score=lambda prompt, text: -1.0)
    refused = compare(here, questions, ours, theirs)
    assert list(refused) == ["judge"]
    assert refused["judge"]["refused"] == AT_CHANCE
    ours["answers"].pop(0)
    with pytest.raises(DataError, match="has no tuned answer"):
        compare(here, questions, ours, theirs)


def test_win_rates_between_two_runs_hold_where_questions_of_a_passage_go_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight of sixteen are won: those of two passages of four, or each with its own passage."""
    compare = script("reproduce_knowledge_detection", monkeypatch).compare_finished_runs
    widths = []
    for passages in (4, 16):
        asked = ask_about_mills(16, passages)
        here = open_judging_session(prefer_the_year)
        found = compare(here, asked, make_exam_of(8, asked), make_exam_of(0, asked))
        assert found["tuned"]["wins"] == 8
        rate = found["tuned"]["win_rate"]
        widths.append(rate.high - rate.low)
    assert widths[0] > 1.3 * widths[1]
