"""What the page says is so: labels, signs, units, and the reason why something is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixture import make_exam, write_run
from reading import Page

from selfteach.report import sections
from selfteach.report.card import make_card
from selfteach.report.figures import find_missing_clusters, plot_losses
from selfteach.report.page import render_report
from selfteach.report.rows import make_result_rows
from selfteach.report.tasks_page import describe_inspection

Exam = dict[str, Any]


def words(page: Page) -> str:
    """Return the visible text with single spaces."""
    return " ".join(page.text.split())


@pytest.fixture
def show(tmp_path: Path) -> Callable[[Callable[[Exam], object]], str]:
    """Return the text of the page of a run whose exam was changed."""

    def render(change: Callable[[Exam], object]) -> str:
        folder = write_run(tmp_path / "run")
        exam = json.loads((folder / "exam.json").read_text())
        change(exam)
        (folder / "exam.json").write_text(json.dumps(exam))
        page = Page(render_report(folder))
        assert page.unclosed == []
        return words(page)

    return render


@pytest.mark.parametrize(
    "note", [{"tasks": 3}, {"tasks": 3, "lengths": 5, "labels": [1]}, {"tasks": 3, "verbs": [{}]}]
)
def test_an_inspection_of_another_shape_ends_no_page(note: Exam) -> None:
    found = describe_inspection(note)
    assert found
    assert found["label_bars"] == []
    assert list(found["length_bars"].values()) == [[], [], []]


@pytest.mark.parametrize(("saved", "shown"), [(-10, False), (0, False), (9, True)])
def test_tokens_are_saved_only_where_some_are(saved: int, shown: bool, show: Any) -> None:
    text = show(lambda exam: exam["cost"].update(prompt_tokens_saved=saved))
    assert ("Saved in each query" in text) == shown


def test_a_degraded_answer_outside_the_rule_is_not_called_broken(show: Any) -> None:
    def only_one(exam: Exam) -> None:
        row = {
            "scope": "near",
            "prompt": "Why?",
            "arms": {
                "base": {"greedy": "So.", "ok": True, "sampled": "So.", "sampled_ok": True},
                "tuned": {"greedy": "No.", "ok": False, "sampled": "No.", "sampled_ok": False},
            },
        }
        exam["answers"] = [row]

    text = show(only_one)
    assert "✕ degraded" in text
    assert "✕ broken" not in text
    assert "got worse" in text


def test_a_check_with_an_auroc_is_not_exact_by_definition(show: Any) -> None:
    text = show(lambda exam: exam["judge"].update(source="check"))
    assert "exact by definition" not in text
    assert "how well it agrees with labels" in text


def test_the_choice_of_a_judge_is_one_sentence(show: Any) -> None:
    text = show(lambda exam: None)
    start = text.index("Chosen: ")
    assert ". which" not in text[start : start + 200]
    assert text[start:].split(" ")[1].endswith(",")


def test_a_plot_of_few_steps_names_its_first_and_last_loss() -> None:
    (plot, *_) = plot_losses([{"step": 1, "loss": 3.28}, {"step": 2, "loss": 2.09}])
    assert plot.words == "3.28 → 2.09"


def test_a_peak_above_the_estimate_has_its_word(show: Any) -> None:
    def change(exam: Exam) -> None:
        exam["cost"]["training_memory"] |= {"total": 1_600_000_000, "measured": 2_300_000_000}

    assert "2.3 GB measured, 1.6 GB estimated" in (text := show(change))
    assert "The estimate was too low by 700" in text
    near = show(lambda exam: exam["cost"]["training_memory"].update(measured=1, total=1))
    assert "too low" not in near


def test_the_memory_of_a_training_names_the_moments_of_regmean(show: Any) -> None:
    def change(exam: Exam) -> None:
        exam["cost"]["training_memory"] |= {"moments": 3_100_000_000}

    named = "in their place between two steps moments of train.regmean 3.1 GB"
    assert named in " ".join(show(change).split())
    assert "regmean" not in show(lambda exam: exam["cost"]["training_memory"].update(moments=0))


@pytest.mark.parametrize(("silhouette", "none"), [(0.06, True), (0.31, False), (None, False)])
def test_prompts_without_clusters_have_no_map(silhouette: float | None, none: bool) -> None:
    assert (find_missing_clusters({"silhouette": silhouette}) is not None) == none


def test_a_finished_page_has_no_empty_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfteach.report.read_run.NOTE_KEYS", ())
    folder = write_run(tmp_path / "run")
    text = words(Page(render_report(folder)))
    assert "Nothing recorded" not in text
    assert "Map of the prompts" not in text
    (folder / "exam.json").unlink()
    assert "Nothing recorded: clusters" in words(Page(render_report(folder)))


@pytest.mark.parametrize(("word", "marked"), [("taught", 2), ("not learned", 2), ("nope", 0)])
def test_the_numbers_of_the_verdict_are_marked(word: str, marked: int, show: Any) -> None:
    text = show(lambda exam: exam["verdict"].update(word=word))
    assert text.count("the verdict’s number") == marked
    exam = make_exam() | {"verdict": {"word": word, "sentence": ""}}
    deciding = [row["label"] for row in make_result_rows(exam) if row["decides"]]
    assert deciding == ["Rule kept, greedy", "Rule kept, T = 1"][:marked]


def test_where_harm_decides_no_other_number_is_marked() -> None:
    exam = make_exam() | {"verdict": {"word": "not learned", "harm": "certain"}}
    assert not any(row["decides"] for row in make_result_rows(exam))


def make_row(prompt: str, scope: str, before: bool, after: bool) -> Exam:
    """Return an answer of the exam; True is an answer that is as it should be."""
    arms = {
        arm: {"greedy": f"{prompt} {arm}", "ok": ok, "sampled": "", "sampled_ok": ok}
        for arm, ok in (("base", before), ("tuned", after))
    }
    return {"scope": scope, "prompt": prompt, "arms": arms}


ROWS = [
    make_row("kept", "target", True, True),
    make_row("wrong", "target", False, False),
    make_row("mended", "target", False, True),
    make_row("harmed", "general", True, False),
    make_row("same", "general", True, True),
]


def test_the_first_three_are_one_mended_one_wrong_one_harmed() -> None:
    shown = sections.compare_answers({"answers": ROWS})
    assert shown is not None
    assert [row["prompt"] for row in shown["rows"][:3]] == ["mended", "wrong", "harmed"]
    assert [row["open"] for row in shown["rows"]] == [True, True, True, False, False]
    assert shown["picked"] == [
        "one that was mended",
        "one that is still wrong",
        "one that got worse",
    ]
    assert [row["prompt"] for _, row in sections.pick_card_answers({"answers": ROWS})] == [
        "mended",
        "wrong",
        "harmed",
    ]


def test_what_there_is_none_of_is_left_out() -> None:
    shown = sections.compare_answers({"answers": [ROWS[0], ROWS[4]]})
    assert shown is not None
    assert shown["picked"] == []
    assert [why for why, _ in sections.pick_card_answers({"answers": ROWS[:1]})] == [""]


def test_the_card_shows_the_same_answers_with_the_reason(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    exam = make_exam() | {"answers": ROWS}
    (folder / "exam.json").write_text(json.dumps(exam))
    card = make_card(folder)
    places = [card.index(f"An answer that {why}.") for why in (sections.MENDED, sections.HARMED)]
    assert places == sorted(places)
    assert "An answer that is still wrong.\n\nPrompt:" in card


def test_a_run_that_trained_nothing_says_so(show: Any, tmp_path: Path) -> None:
    text = show(lambda exam: exam["cost"].update(adapter_mb=0.0))
    assert "Nothing recorded" not in text


@pytest.mark.parametrize(
    "origin",
    ["option", "--set", "my settings.yaml", "mine.json", "mine", "option; its path is in run.db"],
)
def test_a_setting_is_shown_without_its_origin(origin: str) -> None:
    (row,) = sections.list_settings(f"check: 'has # and: more'   # {origin}")
    assert row == {"key": "check", "value": "'has # and: more'", "origin": origin}


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_sign_of_an_origin_within_a_setting_begins_none(quote: str) -> None:
    value = f"{quote}has  # option{quote}"
    (row,) = sections.list_settings(f"check: {value}")
    assert row == {"key": "check", "value": value, "origin": "default"}
