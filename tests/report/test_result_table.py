"""The printed result."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fixture import make_exam, write_run
from reading import Page
from rich.console import Console

from selfteach import cli
from selfteach.report.card import make_card
from selfteach.report.comparison import make_comparison_table
from selfteach.report.page import render_report
from selfteach.report.read_run import read_measure
from selfteach.report.result_table import make_result_table


def printed(found: dict[str, object], width: int = 80, report: Path | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(make_result_table(found, report))
    return out.getvalue()


def test_it_shows_verdict_arms_intervals_cost_and_the_report():
    text = printed(make_exam(), report=Path("runs/x/report.html"))
    row = next(line for line in text.splitlines() if "Rule kept, greedy" in line)
    assert row.split() == [
        "Rule",
        "kept,",
        "greedy",
        "45",
        "%",
        "30–60",
        "35",
        "%",
        "20–50",
        "98",
        "%",
        "93–100",
    ]
    for expected in (
        "Taught: the rule",
        "rule in the prompt",
        "88 412 tokens sampled",
        "19.6 MB",
        "2.7 GB",
        "KL 0.031",
        "n 40",
        "runs/x/report.html",
    ):
        assert expected in text


def test_no_text_of_an_exam_moves_the_cursor():
    """The names of a plug-in's measures, and where it measured the drift, are text of exam.json."""
    measure = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
    exam = {
        "method": "odd",
        "\x1b[31mscore\x1b]0;title\x07": {"tuned": measure},
        "drift": {"kl_nats": measure, "on": "\x1b[2Jsongs"},
    }
    text = printed(exam)
    assert "score" in text
    assert "songs" in text
    assert "\x1b" not in text


def test_it_fits_eighty_columns():
    assert max(len(line) for line in printed(make_exam()).splitlines()) <= 80


def test_a_share_of_nothing_is_no_share():
    whole = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 4}
    assert read_measure(whole) is not None
    assert read_measure(whole | {"n": 0}) is None


def test_missing_arms_are_dashes_and_what_was_not_measured_has_no_row():
    text = printed(
        {
            "rule": "r",
            "kept": {"tuned": {"greedy": {"value": 1.0, "low": 0.9, "high": 1.0, "n": 3}}},
        }
    )
    assert "100 %" in text
    assert "No verdict yet." in text
    assert text.count("–") >= 3
    assert "intact" not in text


def test_a_rehearsal_says_so():
    assert "Smoke test" not in printed(make_exam())
    assert "Smoke test" in printed(make_exam(smoke_test=True))


def test_the_number_of_observations_is_printed_for_every_method():
    measure = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 40}
    distance = {arm: {"greedy": measure} for arm in ("base", "tuned")}
    text = printed({"method": "corrections", "distance": distance})
    assert "95 % intervals; n 40 prompts" in text
    assert "95 % Wilson intervals; n 40 target prompts" in printed(make_exam())
    untrained = printed({"method": "documents", "contains": {"base": measure}})
    assert "95 % intervals; n 40 questions" in untrained
    trained = printed({"method": "train", "preferred": {"base": measure}})
    assert "95 % intervals; n 40 dev prompts" in trained, "pairs of a prompt are no single flags"
    assert "95 % intervals" in printed({"method": "documents"})


def test_the_paired_gain_is_one_line_and_an_older_exam_has_none() -> None:
    expected = (
        "Gain     rule kept +38 points [+27, +49] over base, "
        "+48 points [+36, +59] over rule in the prompt, paired"
    )
    exam = make_exam()
    lines = printed(exam, width=110).splitlines()
    assert [line.rstrip() for line in lines if line.startswith("Gain")] == [expected]
    del exam["gain"]
    assert "Gain" not in printed(exam)
    assert "Rule kept, greedy" in printed(exam)


def test_every_method_has_its_paired_gains() -> None:
    change = {"value": 0.25, "low": 0.125, "high": 0.375, "n": 40}
    by_arm = {"base": change, "prompted": change}
    documents = {"method": "documents", "gain": change, "over_open_book": change}
    assert "right answers contained +25 points [+12, +38] over base, " in printed(documents, 110)
    assert "+25 points [+12, +38] over open book, paired" in printed(documents, 110)
    del documents["over_open_book"]
    assert "right answers contained +25 points [+12, +38] over base, paired" in printed(documents)
    corrections = {"method": "corrections", "reduction": by_arm, "met_gain": {}}
    assert "Gain     words left as they are +25 points" in printed(corrections, 110)
    assert "criticism met" not in printed(corrections)
    criticised = {**corrections, "teacher": "a person", "met_gain": by_arm}
    assert "Gain     words like the correction +25 points" in printed(criticised, 110)
    assert "Gain     criticism met +25 points" in printed(criticised, 110)
    single = {"method": "documents", "gain": {**change, "low": 0.25, "high": 0.25}}
    assert "+25 points (no interval) over base" in printed(single)


def test_the_names_that_count_as_a_forbidden_subject_are_shown():
    judge = {"name": "check", "names": ["trains", "railway\x1b[31m"]}
    text = printed({**make_exam(), "judge": judge}, width=120)
    assert "Counts   trains, railway�[31m; --also NAME adds one" in text
    many = {"names": [f"name{i}" for i in range(20)]}
    text = printed({**make_exam(), "judge": many}, width=120)
    assert "name5 and 14 other names; --also" in text
    assert "Counts" not in printed({**make_exam(), "judge": {"name": "check"}})


def test_the_passages_of_documents_are_counted_and_a_single_one_tells_no_spread():
    measure = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 40}
    exam = {"method": "documents", "contains": {"base": measure}}
    rows = [{"scope": "target", "chunk": chunk} for chunk in ("a", "b", "a", ["c"])]
    assert "95 % intervals; n 40 questions about 2 passages" in printed({**exam, "answers": rows})
    single = printed({**exam, "answers": rows[:1]})
    assert "95 % intervals by question alone; n 40 questions about one passage" in single


def test_what_is_left_of_the_runs_before_is_shown(tmp_path: Path):
    change = {"value": -0.25, "low": -0.5, "high": 0.0, "n": 4}
    entry = {
        "run": "tiny",
        "questions": [{}] * 4,
        "first": {"value": 0.5},
        "now": {"value": 0.25},
        "change": change,
        "alike": {"value": 0.9},
    }
    ungraded = {**entry, "run": "house", "change": None}
    earlier = [entry, ungraded, {"run": "odd"}, {**entry, "first": 3}]
    shown = printed({**make_exam(), "earlier": earlier}, width=120)
    assert "Earlier  4 questions of tiny again: 50 % right after it, 25 % now [-50, +0]" in shown
    assert "Earlier  4 questions of house again: ROUGE-L 0.90 to its answers" in shown
    assert shown.count("Earlier") == 2
    folder = write_run(tmp_path / "run")
    (folder / "exam.json").write_text(json.dumps({**make_exam(), "earlier": earlier}))
    page = Page(render_report(folder))
    text = " ".join(page.text.split())
    assert page.unclosed == []
    assert "4 questions of tiny again: 50 % right after it, 25 % now [-50, +0]" in text
    assert "4 questions of house again: ROUGE-L 0.90 to its answers" in text
    card = make_card(folder).replace("\\", "")
    assert "continues: 4 questions of tiny again: 50 % right after it, 25 % now [-50, +0]." in card
    assert card.count("Of a run that this one continues") == 2
    assert "earlier runs" not in render_report(write_run(tmp_path / "first"))


def test_an_exam_with_an_empty_requirement_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script whose variable is not set must not pass."""
    folder = str(write_run(tmp_path / "run"))
    assert cli.run_command(["exam", folder, "--require", ""]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--require: '' is not a requirement." in err
    assert cli.run_command(["exam", folder]) == 0


def test_what_is_left_of_earlier_tasks_is_an_overlap_and_no_share_of_right_answers():
    entry = {
        "run": "tiny",
        "method": "tasks",
        "questions": [{}] * 4,
        "first": {"value": 0.314},
        "now": {"value": 0.25},
        "change": {"value": -0.064, "low": -0.125, "high": 0.01, "n": 4},
        "alike": {"value": 0.9},
    }
    single = {**entry, "run": "house", "questions": [{}]}
    shown = printed({**make_exam(), "earlier": [entry, single]}, width=140)
    assert "1 question of house again: " in shown
    wanted = "ROUGE-L to people's answers 0.31 right after it, 0.25 now [-0.12, +0.01]"
    assert f"4 questions of tiny again: {wanted}" in shown
    assert "%" not in shown.partition("of tiny again")[2].partition("\n")[0]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_shows_each_row_with_its_name_and_its_numbers(width: int) -> None:
    shown = printed(make_exam(), width=width)
    for word in ("Rule", "kept,", "greedy", "45 %", "30–60", "98 %", "93–100", "degraded"):
        assert word in shown
    measure = {"value": 0.95, "low": 0.9, "high": 0.99, "n": 40}
    rows = [{"name": "lora-own", "score": measure, "near": measure, "kl_nats": measure}]
    out = io.StringIO()
    found = {"score": "kept", "kind": "feedback", "rows": rows, "left_out": {}}
    Console(file=out, width=2 * width).print(make_comparison_table(found))
    shown = out.getvalue()
    assert all(part in shown for part in ("what", "lora", "95 %", "rate"))
