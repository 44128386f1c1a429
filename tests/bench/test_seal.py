"""SEAL's protocols on runs that are made up: every form of a file, gains, and what is left."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.seal import Passage, main, read_passages

from bench import seal
from selfteach.errors import DataError

FACTS = {"Fox": "Sweden", "Bear": "Canada", "Crow": "Egypt"}


def make_rows() -> list[dict[str, Any]]:
    rows = []
    for animal, country in FACTS.items():
        question = {"question": f"Where does the {animal} live?", "answer": country}
        rows.append({"title": animal, "text": f"It is in {country}.", "questions": [question]})
    return rows


def write_jsonl(folder: Path) -> Path:
    path = folder / "facts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in make_rows()), "utf-8")
    return path


def test_the_forms_of_a_file_read_alike(tmp_path: Path) -> None:
    listed = [
        {"title": r["title"], "context": r["text"], "questions": r["questions"]}
        for r in make_rows()
    ]
    (tmp_path / "seal.json").write_text(json.dumps(listed))
    articles = []
    for row in make_rows():
        (question,) = row["questions"]
        asked = {"question": question["question"], "answers": [{"text": question["answer"]}]}
        unanswered = {"question": "Who?", "answers": [], "is_impossible": True}
        paragraph = {"context": row["text"], "qas": [asked, unanswered]}
        articles.append({"title": row["title"], "paragraphs": [paragraph]})
    (tmp_path / "squad.json").write_text(json.dumps({"version": "2", "data": articles}))
    flat = []
    for row in make_rows():
        (question,) = row["questions"]
        gold = {"text": [question["answer"]], "answer_start": [9]}
        flat.append({"title": row["title"], "context": row["text"], **question, "answers": gold})
        flat[-1].pop("answer")
    (tmp_path / "flat.jsonl").write_text("\n".join(map(json.dumps, flat)))
    expected = read_passages(write_jsonl(tmp_path))
    assert expected[0] == Passage(
        "Fox",
        "It is in Sweden.",
        [{"question": "Where does the Fox live?", "answers": ["Sweden"]}],
    )
    assert read_passages(tmp_path / "seal.json") == expected
    assert read_passages(tmp_path / "squad.json") == expected
    assert read_passages(tmp_path / "flat.jsonl") == expected


def test_questions_of_one_context_are_one_passage(tmp_path: Path) -> None:
    rows = [
        {"context": "Ann built it in 1790.", "question": q, "answers": {"text": [a]}}
        for q, a in [("Who built it?", "Ann"), ("When was it built?", 1790.0)]
    ]
    (tmp_path / "flat.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (passage,) = read_passages(tmp_path / "flat.jsonl")
    assert [question["answers"] for question in passage.questions] == [["Ann"], ["1790"]]


@pytest.mark.parametrize("text", ["[3]", "{}", '[{"title": "x"}]', "no JSON"])
def test_another_form_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"x\.json: has"):
        read_passages(path)


class Teaching:
    """A model that learns each passage, and forgets the one before the last of a row."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[str, ...]]] = []
        self.exams: dict[str, dict[str, Any]] = {}
        self.starts: dict[str, Path] = {}

    def __call__(self, rows: Any, *, out: Path, from_run: Path | None, sets: Any) -> Any:
        self.calls.append((out.name, from_run.name if from_run else "", tuple(sets)))
        answers = []
        for row in rows:
            for question in row["questions"]:
                arms = {"base": {"ok": False}, "prompted": {"ok": True}}
                right = {"ok": row["title"] != "Crow", "greedy": row["text"]}
                arms["tuned"] = right if row["title"] != "Crow" else {"ok": False, "greedy": "x"}
                shown = {"prompt": question["question"], "gold": question["answers"]}
                answers.append({"scope": "target", "arms": arms, **shown})
        earlier = []
        while from_run is not None:
            before = self.exams[from_run.name]
            lost = not earlier
            for row in before["answers"]:
                now = "Nobody knows." if lost else row["arms"]["tuned"]["greedy"]
                question = {"prompt": row["prompt"], "gold": row["gold"], "now": now}
                earlier.append({"questions": [question]})
            from_run = before["from"]
        exam = {"answers": answers, "earlier": earlier}
        begun = next((path for name, path in self.starts.items() if name == out.name), None)
        self.exams[out.name] = {**exam, "from": begun}
        return SimpleNamespace(exam=SimpleNamespace(raw=exam))


def test_gains_and_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three passages are learned. In a row of three the second is lost by the third."""
    taught = Teaching()
    taught.starts = {
        "row-3-1": tmp_path / "runs" / "row-3-0",
        "row-3-2": tmp_path / "runs" / "row-3-1",
    }
    monkeypatch.setattr(seal.selfteach, "documents", taught)
    file = str(write_jsonl(tmp_path))
    one, whole, row = main([file, str(tmp_path / "runs"), "--set", "train.epochs=2"])
    assert [call[:2] for call in taught.calls] == [
        ("one-0", ""),
        ("one-1", ""),
        ("one-2", ""),
        ("all-3", ""),
        ("row-3-0", ""),
        ("row-3-1", "row-3-0"),
        ("row-3-2", "row-3-1"),
    ]
    assert taught.calls[0][2] == ("exam.questions=100000", "train.epochs=2")
    for found in (one, whole):
        assert found["gain"]["value"] == pytest.approx(2 / 3)
        assert found["over_prompt"]["value"] == pytest.approx(-1 / 3)
    assert [row[key]["value"] for key in ("before", "fresh", "end")] == pytest.approx(
        [0, 2 / 3, 1 / 3]
    )
    assert row["lost"]["value"] == pytest.approx(1 / 3)
    assert [lesson["end"]["value"] for lesson in row["lessons"]] == [1.0, 0.0, 0.0]


def test_what_the_runs_harm_is_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs with a drift of .01, .02 and .06 nats: .03 in the mean. The second one measured no
    general answers.
    """
    taught = Teaching()
    drifts = iter([0.01, 0.02, 0.06] * 2)

    def teach(rows: Any, **more: Any) -> Any:
        exam = taught(rows, **more).exam.raw
        nats = next(drifts)
        exam["drift"] = {"kl_nats": {"value": nats}, "top1_agreement": {"value": 1 - nats}}
        exam["damage"] = {"value": 10 * nats}
        if nats != 0.02:
            exam["general"] = {"base": {"value": 1.0}, "tuned": {"value": 1 - 2 * nats}}
        return SimpleNamespace(exam=SimpleNamespace(raw=exam))

    monkeypatch.setattr(seal.selfteach, "documents", teach)
    file = str(write_jsonl(tmp_path))
    one, row = main([file, str(tmp_path / "runs"), "--protocols", "one", "row"])
    expected = {"kl_nats": (0.03, 0.06, 3), "top1": (0.97, 0.94, 3), "damage": (0.3, 0.6, 3)}
    expected["general"] = (0.93, 0.88, 2)
    for found in (one["harm"], row["harm"]):
        assert set(found) == set(expected), "no common question was lost or kept"
        for name, numbers in expected.items():
            assert tuple(found[name].values()) == pytest.approx(numbers)
    assert [lesson["harm"]["kl_nats"] for lesson in row["lessons"]] == [0.01, 0.02, 0.06]


def test_the_file_may_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = Teaching()
    monkeypatch.setattr(seal.selfteach, "documents", taught)
    args = ["--protocols", "one", "--skip", "1", "--passages", "1"]
    (found,) = main([str(write_jsonl(tmp_path)), str(tmp_path / "runs"), *args])
    assert (found["passages"], found["gain"]["value"]) == (1, 1.0)


def test_shares_hold_where_questions_of_a_passage_go_together() -> None:
    """Of four passages two are learned as a whole."""

    def compare(passages: list[int]) -> Any:
        learned = [number < 8 for number in range(16)]
        flags = [{"base": False, "prompted": True, "tuned": right} for right in learned]
        asked = zip(passages, flags, strict=True)
        return seal.compare([seal.Asked(place, "When?", right) for place, right in asked])["tuned"]

    together = compare([number // 4 for number in range(16)])
    alone = compare(list(range(16)))
    assert together.value == alone.value == 0.5
    assert together.high - together.low > 1.3 * (alone.high - alone.low)
