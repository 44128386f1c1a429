"""The whole run of corrections on a model that talks by a table.

An editor never says "fox"; a file holds edits; a criticism stands alone.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from margins import assert_at_least, assert_at_most
from sat_again import check_same_figures
from selfteach.models.tokens import TOO_LONG
from talker import ADJECTIVES, NOUNS, OPENINGS, VERBS, open_ledger, read_rows, run_json

pytestmark = [pytest.mark.training, pytest.mark.long]

SAME = ("examples.jsonl", "dropped.jsonl", "config.yaml", "adapter/adapter_model.safetensors")
EDITOR = """
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"id": row["id"], "correction": row["answer"].replace("fox-", "bear-")}))
"""
SETS = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 correct.samples=1
    anchors.general=10 anchors.rounds=3 criticism.similar=14 criticism.rounds=2
    exam.max_tokens=14 exam.general=4 exam.shots=2
    train.max_tokens=200 train.learning_rate=0.003 train.batch_size=4
    train.epochs=3 train.checkpoint_every=5"""


def questions(count: int) -> list[str]:
    dice = random.Random(0)
    found = dict[str, None]()
    while len(found) < count:
        a = dice.choice(NOUNS)
        b = dice.choice(NOUNS)
        found[
            f"{dice.choice(OPENINGS)} the {dice.choice(ADJECTIVES)} {a} {dice.choice(VERBS)} a {b}?"
        ] = None
    return list(found)


def write(path: Path, material: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in material), "utf-8")
    return path


def command(model: Path, out: Path, *more: str) -> list[str]:
    sets = [word for item in SETS.split() for word in ("--set", item)]
    return ["corrections", "--model", str(model), "--out", str(out), "--json", *sets, *more]


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Prompts, and a program that corrects the answers to them."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / "editor.py").write_text(EDITOR)
    prompts = write(folder / "prompts.jsonl", [{"prompt": q} for q in questions(40)])
    return ["--prompts", str(prompts), "--teacher", f"cmd:{sys.executable} {folder / 'editor.py'}"]


@pytest.fixture(scope="module")
def edited(
    talker: Path, editor: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A run of two rounds with the editor, and what it printed."""
    run = tmp_path_factory.mktemp("edited") / "run"
    code, result = run_json(command(talker, run, *editor, "--rounds", "2"))
    assert code == 0
    return run, result


def test_less_is_corrected_afterwards(edited: tuple[Path, dict[str, Any]]) -> None:
    run, result = edited
    exam = json.loads((run / "exam.json").read_text())
    distance = {
        arm: exam["distance"][arm]["greedy"]["value"] + exam["distance"][arm]["sampled"]["value"]
        for arm in ("base", "tuned")
    }  # together: of the few sampled answers alone the base may happen to need hardly any
    assert_at_most("distance", distance["tuned"], 0.7 * distance["base"])
    found = {arm: exam["repeated"][arm]["value"] for arm in ("base", "tuned")}
    assert_at_most("mistakes made again", found["tuned"], 0.7 * found["base"])
    assert_at_least("fall of the distance, lower end", exam["reduction"]["base"]["low"], 0.0)
    assert_at_most("displaced corrections", exam["displaced"]["value"], 0.5)
    assert result["word"] in ("taught", "not learned"), (
        "what it does to the general answers of a toy is not the point"
    )
    assert set(result["exam"]) == {"base", "prompted", "tuned"}
    assert "corrections" in Path(result["report"]).read_text()


def test_its_exam_is_sat_again_whatever_the_steps_are_then(
    edited: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Two rounds were taught, of which a replay of the steps would know the first alone."""
    check_same_figures(edited[0], tmp_path)


def test_every_example_is_the_editor_s(
    edited: tuple[Path, dict[str, Any]],
) -> None:
    run, _ = edited
    examples = read_rows(run / "examples.jsonl")
    corrected = [row for row in examples if row["kind"] == "correction"]
    assert corrected
    for row in corrected:
        assert (
            row["chosen"][0]["content"]
            == row["rejected"][0]["content"].replace("fox-", "bear-")
            != row["rejected"][0]["content"]
        )
    kept = [row for row in examples if row["kind"] != "correction"]
    assert not any("fox-" in row["chosen"][0]["content"] for row in kept)
    with open_ledger(run) as ledger:
        for f in ledger.funnel():
            assert f.requested == f.accepted + f.dropped + f.failed + f.pending
            assert sum(f.reasons.values()) == f.dropped + f.failed
        rounds = ledger.get_note("rounds")
    assert [point["round"] for point in rounds] == [0, 1, 2]
    distances = [
        sum(found["value"] for found in point["distance"].values()) / 2 for point in rounds
    ]
    assert rounds[2]["earlier"][0]["round"] == 1
    assert_at_most("distance after one round", distances[1], 0.8 * distances[0])
    assert [point["round"] for point in rounds if point["kept"]] == [
        1 + (rounds[2]["fall"]["value"] > 0)
    ]


def test_no_exam_prompt_is_like_one_that_was_learned(edited: tuple[Path, dict[str, Any]]) -> None:
    from selfteach.dedup.overlap import OverlapIndex

    run, _ = edited
    trained = OverlapIndex(
        row["prompt"][-1]["content"] for row in read_rows(run / "examples.jsonl")
    )
    asked = [row["prompt"] for row in json.loads((run / "exam.json").read_text())["answers"]]
    assert asked
    assert max(trained.nearest(question).similarity for question in asked) < 0.8


def test_the_same_command_again_is_a_lookup(
    edited: tuple[Path, dict[str, Any]], talker: Path, editor: list[str]
) -> None:
    run, result = edited
    before = {
        name: (run / name).read_bytes() for name in (*SAME, "exam.json", "report.html", "README.md")
    }
    with open_ledger(run) as ledger:
        asked = ledger.count_requests()
    assert run_json(command(talker, run, *editor, "--rounds", "2")) == (0, result)
    with open_ledger(run) as ledger:
        assert ledger.count_requests() == asked
    assert {name: (run / name).read_bytes() for name in before} == before


def test_of_two_seeds_the_first_is_kept_as_there_is_no_score_on_dev(
    talker: Path, editor: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = (*editor, "--set", "train.epochs=1", "--seeds", "2")
    assert run_json(command(talker, tmp_path / "run", *more))[0] == 0
    said = capfd.readouterr().err
    assert "seeds: 0 is kept, the first, because this method has no score on dev" in said
    assert "seeds: distance greedy " in said
    rows = json.loads((tmp_path / "run" / "exam.json").read_text())["seeds"]
    assert [(row["seed"], row["dev"], row["kept"]) for row in rows] == [
        (0, None, True),
        (1, None, False),
    ]


def test_a_file_of_edits_teaches_and_its_missing_answers_are_drawn(
    talker: Path, tmp_path: Path
) -> None:
    asked = questions(48)
    material: list[dict[str, Any]] = [
        {"prompt": q, "answer": "The fox- eats bread.", "correction": "The bear- eats bread."}
        for q in asked[:40]
    ]
    material += [{"prompt": q, "correction": "The bear- likes honey."} for q in asked[40:44]]
    material += [
        {"prompt": q, "answer": "No bread.", "correction": "No bread."} for q in asked[44:]
    ]
    long = {
        "prompt": "Can the red fox " + "follow a bear " * 600,
        "answer": "The fox- eats bread.",
        "correction": "The bear- eats bread.",
    }
    edits = write(tmp_path / "edits.jsonl", [*material, material[0], long])
    code, _ = run_json(command(talker, tmp_path / "run", str(edits), "--set", "train.epochs=4"))
    assert code == 0
    examples = read_rows(tmp_path / "run" / "examples.jsonl")
    assert {"correction", "kept"} <= {row["kind"] for row in examples}
    sampled = [
        row
        for row in examples
        if row["kind"] == "correction" and row["chosen"][0]["content"] == "The bear- likes honey."
    ]
    assert all(row["rejected"][0]["content"] for row in sampled)
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert exam["teacher"] == "the file"
    assert exam["amount_held_out"]["tuned"]["n"] >= 10
    # what it says hangs on the nearest of its words; the objective promises the order of the pair
    assert_at_most("preferred by the base", exam["preferred"]["base"]["value"], 0.3)
    assert_at_least("preferred when taught", exam["preferred"]["tuned"]["value"], 0.7)
    assert_at_least(
        "fall on held-out corrections", exam["held_out_reduction"]["base"]["value"], 0.3
    )
    assert "held-out corrections" in exam["verdict"]["sentence"]
    dropped = {
        (row["stage"], row["reason"]) for row in read_rows(tmp_path / "run" / "dropped.jsonl")
    }
    assert {
        ("read", "repeats another row"),
        ("examples from the file", "held out for the exam"),
        ("rows that fit the context", TOO_LONG),
    } <= dropped


@pytest.mark.slow
def test_one_criticism_alone_reaches_similar_prompts(talker: Path, tmp_path: Path) -> None:
    row = {
        "prompt": questions(1)[0],
        "answer": "The fox- eats bread.",
        "feedback": 'Do not say "fox".',
    }
    more = [
        word
        for item in ("exam.longer=2", "criticism.similar=24", "anchors.general=4", "train.epochs=8")
        for word in ("--set", item)
    ]
    code, _ = run_json(
        command(talker, tmp_path / "run", str(write(tmp_path / "said.jsonl", [row])), *more)
    )
    assert code == 0
    examples = [
        e
        for e in read_rows(tmp_path / "run" / "examples.jsonl")
        if e["kind"] in ("correction", "criticised")
    ]
    assert len({e["prompt"][-1]["content"] for e in examples}) > 3, (
        "it did not reach beyond its own prompt"
    )
    for e in examples:
        assert "fox" in e["rejected"][0]["content"]
        assert "fox" not in e["chosen"][0]["content"]
        assert e["source"]["teacher_prompt"][0]["content"] == 'Do not say "fox".'
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    corrected = exam["corrected"]
    met = exam["met"]
    assert_at_most(
        "corrected answers", corrected["tuned"]["value"], corrected["base"]["value"] - 0.1
    )
    assert_at_least("answers that meet it", met["tuned"]["value"], met["base"]["value"] + 0.1)
    longer = exam["longer"]["distance"]["greedy"]["value"]
    base = exam["distance"]["base"]["greedy"]["value"]
    assert_at_most("distance after twice the steps", longer, base - 0.1)
    assert exam["longer"]["steps"] == 2 * len(read_rows(tmp_path / "run" / "metrics.jsonl"))
    assert exam["met"]["tuned"]["n"] == len(
        [row for row in exam["answers"] if row["scope"] == "target"]
    ), "the greedy answer and the one drawn at T=1 are one unit"
    check_same_figures(tmp_path / "run", tmp_path)


def test_a_criticism_that_no_judge_can_tell_stops_the_run_and_says_so(
    talker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "prompt": questions(1)[0],
        "answer": "The fox- eats bread.",
        "feedback": "Too stiff, be warmer.",
    }
    code, _ = run_json(
        command(
            talker,
            tmp_path / "run",
            str(write(tmp_path / "said.jsonl", [row])),
            "--set",
            "judge.min_auroc=0.99",
        )
    )
    assert code == 3
    with open_ledger(tmp_path / "run") as ledger:
        (report,) = ledger.get_note("calibration")
    names = [c["name"] for c in report["candidates"]]
    assert names == ["contrast", "yes_no", "yes_no (chat)"]


def test_every_number_of_the_exam_is_explained(edited: tuple[Path, dict[str, Any]]) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "exam.md"
    explained = set(re.findall(r"`([\w.]+)`", page.read_text()))
    exam = json.loads((edited[0] / "exam.json").read_text())
    assert set(exam) <= explained
    assert set(exam["answers"][0]["arms"]["base"]) <= explained
    assert set(exam["rounds"][0]) <= explained


@pytest.mark.slow
def test_a_deleted_adapter_is_trained_again_in_all_rounds(
    edited: tuple[Path, dict[str, Any]], talker: Path, editor: list[str], tmp_path: Path
) -> None:
    run = shutil.copytree(edited[0], tmp_path / "run")
    before = (run / "adapter" / "adapter_model.safetensors").read_bytes()
    shutil.rmtree(run / "adapter")
    code, result = run_json(command(talker, run, *editor, "--rounds", "2"))
    assert code == 0
    assert result["exam"] == edited[1]["exam"]
    assert (run / "adapter" / "adapter_model.safetensors").read_bytes() == before
