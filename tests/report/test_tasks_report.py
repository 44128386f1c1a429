"""The page of invented tasks: its numbers, and that nothing a model wrote becomes active."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from fixture import make_exam, write_run

from selfteach.dedup.overlap import OverlapIndex
from selfteach.materials.tasks import Instance, Task
from selfteach.records import Example, Measure, make_prompt
from selfteach.report.gains import describe_gain, list_gains
from selfteach.report.page import render_inspection, render_report
from selfteach.report.rows import make_result_rows
from selfteach.report.sections import describe_example
from selfteach.report.tasks_page import (
    _make_length_bars,
    describe_classification,
    make_number_rows,
)
from selfteach.run.ledger import Ledger
from selfteach.select.inspection import (
    BINS,
    MAX_TWINS,
    find_twins,
    find_verb_noun,
    inspect_tasks,
    summarize_lengths,
)

HOSTILE = "Write <script>alert(1)</script> [/bold] {{ 7*7 }} \x1b[31m now"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Write a short friendly message that says no.", ("write", "message")),
        ("Sort these groceries by how long they keep", ("sort", "groceries")),
        ("Explain to a child why it rains", ("explain", "")),
        ("Could you please write a poem about the sea?", ("write", "poem")),
        ("You need to sort the letters.", ("sort", "letters")),
        ("In this task, you are given two names.", ("given", "names")),
        ("", ("", "")),
        ("Список", ("список", "")),
    ],
)
def test_verb_and_noun_by_a_rule(text: str, pair: tuple[str, str]) -> None:
    assert find_verb_noun(text) == pair


def test_the_numbers_of_an_inspection() -> None:
    tasks = [
        Task("a", "Name five red foxes", (Instance("", "one two"),), True),
        Task("b", "Name five red bears", (Instance("x", "three"),), False),
    ]
    found = inspect_tasks(tasks, ["Name five red foxes today"])
    assert sum(found["nearest_seed"]["histogram"]) == 2
    assert len(found["nearest_seed"]["histogram"]) == BINS
    assert found["nearest_seed"]["histogram"][8] == 1, "2 * 4 / (4 + 5) = .89"
    assert found["labels"] == {"classification": 1, "other": 1, "with_input": 1, "without_input": 1}
    assert found["verbs"][0]["verb"] == "name"
    assert found["verbs"][0]["count"] == 2
    assert [(t["of"], t["similarity"]) for t in found["twins"]] == [
        ("seed", 0.8889),
        ("task", 0.75),
        ("seed", 0.6667),
    ]
    assert inspect_tasks([], [])["tasks"] == 0


def test_twins_of_many_texts_are_those_of_all_pairs() -> None:
    """Several blocks, with many pairs of one similarity: the earliest of them are shown."""
    words = [f"w{number}" for number in range(40)]
    chance = Random(0)
    texts = [" ".join(chance.sample(words, 6)) for _ in range(600)]
    everything = ["Name w1", *texts]
    alike = OverlapIndex(everything).matrix(texts)
    pairs = sorted((-alike[i, j], i, j) for i in range(600) for j in range(i + 1))
    assert [(twin["text"], twin["like"]) for twin in find_twins(texts, everything[:1])] == [
        (texts[i], everything[j]) for _, i, j in pairs[:MAX_TWINS]
    ]


@pytest.mark.parametrize(
    ("words", "names", "counts"),
    [
        ([2, 2, 3], ["1", "2", "3"], [0, 2, 1]),
        (
            [5, 20, 20, 20],
            [
                "1 to 2",
                "3 to 4",
                "5 to 6",
                *[f"{k} to {k + 1}" for k in range(7, 18, 2)],
                "19 or more",
            ],
            [0, 0, 1, *[0] * 6, 3],
        ),
        ([], [], []),
    ],
)
def test_lengths_have_bins_of_whole_words(
    words: list[int], names: list[str], counts: list[int]
) -> None:
    texts = [" ".join(["word"] * n) for n in words]
    bars = _make_length_bars(summarize_lengths(texts))
    assert [name for name, _, _ in bars] == names
    assert [value for _, value, _ in bars] == counts


def test_letters_of_a_script_without_spaces_are_words() -> None:
    assert summarize_lengths(["请写一首诗", "write a poem"])["quartiles"] == [3.5, 4.0, 4.5]


def test_what_a_model_wrote_stays_text() -> None:
    page = render_inspection(
        "x<b>.jsonl", inspect_tasks([Task("a", HOSTILE, (Instance(HOSTILE, HOSTILE),))], [HOSTILE])
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "\x1b" not in page
    assert "x<b>" not in page


def test_what_was_not_measured_has_no_row() -> None:
    assert make_result_rows({"method": "tasks"}) == []
    assert make_number_rows({}) == []
    number = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    (row,) = make_result_rows(
        {"method": "tasks", "rouge_l": {"human": {"base": {"greedy": number}}}}
    )
    assert row["measures"]["base"].value == 0.5
    rows = make_number_rows(
        {
            "bleu": {"human": {"base": {"value": 12.5}}},
            "labels": {"seed": {"tuned": {"macro": {"f1": 0.25}}}},
        }
    )
    assert [(label, found["base"], found["tuned"]) for label, _, found in rows] == [
        ("F1 of labels, held-out seeds", None, 0.25),
        ("BLEU, tasks by people", 12.5, None),
    ]


def test_an_example_that_is_plain_text_is_shown_as_it_is() -> None:
    row = Example("a", "example", "Add.\n\nOutput:", " 3", " 4").to_json()
    assert describe_example(row) == {
        "kind": "example",
        "prompt": "Add.\n\nOutput:",
        "chosen": " 3",
        "rejected": " 4",
    }
    turns = Example("b", "example", make_prompt("Add."), "3").to_json()
    assert describe_example(turns) == {
        "kind": "example",
        "prompt": "Add.",
        "chosen": "3",
        "rejected": "",
    }


def test_the_gain_of_each_part_is_shown() -> None:
    number = {"value": 0.016, "low": -0.004, "high": 0.04, "n": 252}
    exam = {"method": "tasks", "gain": {"human": {"base": number}}}
    (gain,) = list_gains(exam)
    assert gain.name == "ROUGE-L, tasks by people"
    assert gain.over_base == Measure(**number)
    assert gain.over_prompt is None
    arms = {"base": "base", "prompted": "tasks in the prompt"}
    expected = "ROUGE-L, tasks by people +0.016 [-0.004, +0.040] over base, paired"
    assert describe_gain(gain, arms) == expected
    assert list_gains({"method": "tasks", "gain": {"seed": {}}}) == []


def test_the_numbers_of_tasks_are_by_question(tmp_path: Path) -> None:
    number = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 252}
    exam = {"method": "tasks", "gain": {"seed": {"base": number}}}
    exam |= {"rouge_l": {"seed": {"base": {"greedy": number}}}}
    (tmp_path / "exam.json").write_text(json.dumps(exam))
    page = render_report(tmp_path)
    assert "n counts questions." in page
    assert "paired by question" in page


CLASSIFICATION = {
    "accuracy": {
        "model": [0.927, 0.871, 0.96, 137],
        "model and words": [0.912, 0.853, 0.949, 137],
        "never": [0.847, 0.777, 0.898, 137],
    },
    "by_words": False,
    "threshold_nats": 2.375,
}


def test_how_classifications_were_recognized_is_shown(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "exam.json").write_text(json.dumps(make_exam() | {"method": "tasks"}))
    assert "Classification or not" not in render_report(folder)
    with closing(Ledger(folder / "run.db")) as ledger:
        ledger.set_note("classification", CLASSIFICATION)
    page = render_report(folder)
    _, _, shown = page.partition("Classification or not")
    for text in ("93", "91", "85", "always no", "137 seeds", "Used: the model."):
        assert text in shown.partition("</div>")[0]
    found = describe_classification({**CLASSIFICATION, "by_words": True})
    assert found is not None
    assert found["used"] == "model and words"


@pytest.mark.parametrize("accuracy", [None, 3, {}, {"model": [1.0]}, {"model": [0, 0, 0, 0]}])
def test_without_marked_seeds_no_way_is_shown(accuracy: object) -> None:
    assert describe_classification({"accuracy": accuracy}) is None


def test_the_filter_of_nearer_answers_finds_those_that_are_marked_so(tmp_path: Path) -> None:
    """Of three answers one is nearer to a person's, one as near and one further."""
    marks = {"nearer": (True, True), "as near": (True, False), "further": (False, False)}
    answers = []
    for name, (ok, nearer) in marks.items():
        arms = {
            arm: {"greedy": arm, "sampled": arm, "ok": True, "nearer": False}
            for arm in ("base", "prompted", "tuned")
        }
        arms["tuned"] |= {"ok": ok, "nearer": nearer}
        answers.append({"scope": "target", "prompt": name, "arms": arms})
    folder = write_run(tmp_path / "run")
    exam = make_exam() | {"method": "tasks", "answers": answers}
    (folder / "exam.json").write_text(json.dumps(exam))
    html = render_report(folder)
    opened = re.findall(r'<details class="answer ([^"]*)"', html)
    asked = re.findall(r'<bdi class="prompt">([^<]*)</bdi>', html)
    looks = dict(zip(asked, opened, strict=True))
    assert ["in-mended" in looks[name] for name in marks] == [True, False, False]
    assert ["in-kept" in looks[name] for name in marks] == [True, True, False]
    assert ["in-broken" in looks[name] for name in marks] == [False, False, True]
    for state, count in (("nearer than before", 1), ("no further now", 2), ("further now", 1)):
        assert f"> {state} <small>{count}</small>" in html
    assert "Shown first: one that came nearer to a person&#39;s, one that got worse." in html
