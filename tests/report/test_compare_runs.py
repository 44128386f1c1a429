"""Two runs side by side: `selfteach runs compare`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.commands.last_run import name_last_run
from selfteach.report.compare_runs import MIN_PAIRS, pair_answers
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import IDENTITY, LEDGER_FILE, RUN_FORMAT

MARKUP = "<script>alert(1)</script>"


def make_exam(right: list[bool], first_prompt: int = 0) -> dict[str, Any]:
    answers = [
        {
            "scope": "target",
            "prompt": f"What is {first_prompt + i}?",
            "arms": {"tuned": {"greedy": "A number.", "ok": ok, "sampled_ok": not ok}},
        }
        for i, ok in enumerate(right)
    ]
    measure = {"value": sum(right) / len(right), "low": 0.0, "high": 1.0, "n": len(right)}
    return {
        "method": "feedback",
        "rule": MARKUP,
        "verdict": {"word": "taught", "sentence": "Taught."},
        "kept": {"tuned": {"greedy": measure}},
        "cost": {"seconds": 60.0, "trained_tokens": 1200},
        "answers": answers,
    }


def write_run(folder: Path, exam: dict[str, Any], seed: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "exam.json").write_text(json.dumps(exam))
    ledger = Ledger(folder / LEDGER_FILE)
    identity = {"format": RUN_FORMAT, "kind": "feedback", "material": {}, "config": {"seed": seed}}
    ledger.set_note(IDENTITY, identity)
    ledger.close()
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    first = write_run(tmp_path / "runs" / "a", make_exam([True] * 2 + [False] * 8), 0)
    second = write_run(tmp_path / "runs" / "b", make_exam([True] * 10, first_prompt=2), 7)
    return first, second


def test_shared_prompts_are_compared_in_pairs(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 10 prompts the runs share 8, on which only the second is right."""
    assert cli.run_command(["runs", "compare", *map(str, runs), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in found["runs"]] == ["a", "b"]
    assert found["settings"] == [{"key": "seed", "first": "0", "second": "7"}]
    greedy, sampled = found["paired"]
    assert (greedy["label"], greedy["n"]) == ("target, greedy", 8)
    assert greedy["measured"] == "right"
    assert (greedy["first"], greedy["second"], greedy["difference"]["value"]) == (0.0, 1.0, 1.0)
    assert sampled["difference"]["value"] == -1.0
    labels = [row["label"] for row in found["rows"]]
    assert "Rule kept, greedy" in labels


def test_a_comparison_names_no_folder_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for name in ("a", "b"):
        folder = write_run(tmp_path / name, make_exam([True]), 0)
        identity = {
            "format": RUN_FORMAT,
            "kind": "feedback",
            "material": {"rule": f"/{name}/slash", "run": f"/home/ann/secret/{name}"},
            "config": {
                "model": f"/home/ann/secret/base-{name}",
                "teacher": f"cmd:/home/ann/{name}",
            },
        }
        with closing(Ledger(folder / LEDGER_FILE)) as ledger:
            ledger.set_note(IDENTITY, identity)
        folders.append(str(folder))
    out = tmp_path / "page.html"
    assert cli.run_command(["runs", "compare", *folders, "--json", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert {change["key"]: change["second"] for change in json.loads(printed)["settings"]} == {
        "model": '"base-b"',
        "teacher": '"cmd:b"',
        "material.rule": '"/b/slash"',
        "material.run": '"b"',
    }
    assert "base-a" in out.read_text()
    assert "/home/ann" not in out.read_text() + printed


def test_too_few_shared_prompts_are_not_compared() -> None:
    few = make_exam([True] * (MIN_PAIRS - 1))
    assert pair_answers(few, few) == []
    assert len(pair_answers(make_exam([True] * MIN_PAIRS), make_exam([True] * MIN_PAIRS))) == 2


def test_four_of_sixty_answers_are_no_more_than_chance() -> None:
    """With both runs alike, four changes of one direction come in one of eight comparisons."""
    first = make_exam([False] * 4 + [True] * 56)
    greedy, _ = pair_answers(first, make_exam([True] * 60))
    assert greedy["difference"].value == pytest.approx(4 / 60)
    assert greedy["difference"].low < 0
    greedy, _ = pair_answers(make_exam([False] * 6 + [True] * 54), make_exam([True] * 60))
    assert greedy["difference"].low > 0


def test_questions_about_one_passage_go_together() -> None:
    """Six answers that are mended tell less where all of them are about one passage."""
    exams = [make_exam([False] * 6 + [True] * 54), make_exam([True] * 60)]
    for exam in exams:
        for place, row in enumerate(exam["answers"]):
            row["chunk"] = f"passage {place // 6}"
    greedy, _ = pair_answers(*exams)
    assert greedy["difference"].value == pytest.approx(0.1)
    assert greedy["difference"].low <= 0


@pytest.mark.parametrize("is_named", [True, False])
def test_conversations_that_end_in_one_question_are_told_apart_or_left_out(is_named: bool) -> None:
    exams = [make_exam([True] * 12), make_exam([False] * 6 + [True] * 6)]
    for exam in exams:
        for place, row in enumerate(exam["answers"][:6]):
            row["prompt"] = "Can you make it shorter?"
            if is_named:
                row["conversation"] = f"conversation {place}"
    greedy, _ = pair_answers(*exams)
    assert greedy["n"] == (12 if is_named else 6)
    assert greedy["difference"].value == (-0.5 if is_named else 0.0)


def make_tasks_exam(scores: list[float], **general: bool) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [
        {
            "scope": "target",
            "part": "seed",
            "prompt": f"Sort list {place}.",
            "task": f"task {place // 2}",
            "arms": {"tuned": {"ok": True, "nearer": False, "rouge_l": score}},
        }
        for place, score in enumerate(scores)
    ]
    for prompt, ok in general.items():
        answers.append({"scope": "general", "prompt": prompt, "arms": {"tuned": {"ok": ok}}})
    return {
        "method": "tasks",
        "material": "seeds",
        "verdict": {"word": "not learned", "sentence": "Not learned."},
        "answers": answers,
    }


def test_answers_to_tasks_are_compared_by_their_scores() -> None:
    """Their flags say whether they are further from a person's answer than the base's."""
    general = dict.fromkeys("abcde", True)
    first = make_tasks_exam([0.2] * 8, **general)
    target, other = pair_answers(first, make_tasks_exam([0.5] * 8, **general))
    assert (target["label"], target["measured"]) == ("target, greedy", "ROUGE-L")
    assert (target["first"], target["second"]) == pytest.approx((0.2, 0.5))
    assert target["difference"].value == pytest.approx(0.3)
    assert (other["label"], other["measured"]) == ("general, greedy", "not degraded")


def test_tasks_of_an_older_run_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exams = [make_tasks_exam([0.2] * 8), make_tasks_exam([0.5] * 8)]
    for row in exams[1]["answers"]:
        del row["task"], row["arms"]["tuned"]["rouge_l"]
    folders = []
    for name, exam in zip("ab", exams, strict=True):
        folders.append(str(write_run(tmp_path / name, exam, 0)))
    page = tmp_path / "page.html"
    assert cli.run_command(["runs", "compare", *folders, "--out", str(page)]) == 0
    line = "b is of an earlier version, without scores of single answers"
    printed = capsys.readouterr().out
    assert line in printed.replace("\n", " ")
    assert "too few prompts" not in printed + page.read_text()
    assert line in page.read_text()


def test_a_scope_of_an_exam_is_no_markup_of_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for name in ("a", "b"):
        exam = make_exam([True] * MIN_PAIRS)
        for row in exam["answers"]:
            row["scope"] = "[/near]"
        folders.append(str(write_run(tmp_path / name, exam, 0)))
    assert cli.run_command(["runs", "compare", *folders]) == 0
    assert "[/near], greedy" in capsys.readouterr().out


def test_the_page_escapes_what_people_wrote(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    words = ["runs", "compare", *map(str, runs), "--out", str(out)]
    assert cli.run_command(words) == 0
    page = out.read_text()
    assert "8" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert cli.run_command(words) == 2, "the page stands already"
    assert "--force" in capsys.readouterr().err


def test_a_run_without_an_exam_is_one_line(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (runs[1] / "exam.json").unlink()
    assert cli.run_command(["runs", "compare", *map(str, runs)]) == 2
    assert str(runs[1]) in capsys.readouterr().err
    assert cli.run_command(["runs", "compare", str(runs[0]), "absent"]) == 2


def test_the_settings_of_a_run_without_its_ledger_are_not_known(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs[1] / "run.db").unlink()
    (runs[1] / "config.yaml").touch()
    words = ["runs", "compare", *map(str, runs)]
    assert cli.run_command([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["settings"], found["without_record"]) == ([], ["b"])
    assert cli.run_command([*words, "--out", str(tmp_path / "page.html")]) == 0
    line = "b has no run.db, so its settings are not known."
    assert line in capsys.readouterr().out
    assert line in (tmp_path / "page.html").read_text()


def test_last_stands_for_the_newest_run_here_too(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs[0] / "manifest.json").write_text("{}")
    monkeypatch.chdir(runs[0].parents[1])
    words = name_last_run(["runs", "compare", "last", "runs/b"])
    assert words[3] == "runs/b"
    assert words[2] != "last"
