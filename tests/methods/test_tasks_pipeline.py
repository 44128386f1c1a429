"""The whole run of tasks on a model that talks by a table: it invents "Name seven red- foxes", and
learns to answer about the bear.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from margins import assert_at_least, assert_at_most
from sat_again import check_same_figures
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.metrics import best_rouge
from selfteach.materials.tasks import read_tasks
from selfteach.statistics import paired_bootstrap
from talker import open_ledger, read_rows, run_json
from tasker import tasks_command, write_seeds, write_tasker

pytestmark = [pytest.mark.training, pytest.mark.long]

MORE = ("--set", "train.epochs=12", "--set", "exam.tasks=32")
"""So many that the answers change clearly with any layers of the toy."""
SAME = (
    "examples.jsonl",
    "tasks.jsonl",
    "dropped.jsonl",
    "config.yaml",
    "adapter/adapter_model.safetensors",
    "exam.json",
    "report.html",
    "README.md",
)


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seeds(tmp_path_factory.mktemp("seeds") / "seeds.jsonl", 48)


@pytest.fixture(scope="module")
def invented(
    tasker: Path, seeds: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A run, and what it printed. The people's tasks of --test are four of its own kind."""
    folder = tmp_path_factory.mktemp("invented")
    test = folder / "people.jsonl"
    test.write_text(
        "".join(
            json.dumps(
                {
                    "instruction": f"Greet {n} old- crows",
                    "output": "The bear- eats honey and bread!",
                }
            )
            + "\n"
            for n in ("three", "four", "five", "six")
        )
    )
    command = tasks_command(tasker, folder / "run", *MORE, "--test", str(test), str(seeds))
    code, result = run_json(command)
    assert code == 0
    return folder / "run", result


def test_answers_come_nearer_to_people_s(invented: tuple[Path, dict[str, Any]]) -> None:
    run, result = invented
    exam = json.loads((run / "exam.json").read_text())
    for part in ("seed", "human"):
        nats = {arm: exam["loss_nats"][part][arm]["value"] for arm in ("base", "tuned")}
        assert_at_most(f"loss, {part}", nats["tuned"], 0.95 * nats["base"])
    bears = {arm: share_about_the_bear(exam, arm) for arm in ("base", "tuned")}
    assert_at_most("answers about the bear, base", bears["base"], 0.1)
    assert_at_least("answers about the bear, taught", bears["tuned"], 0.3)
    assert set(exam["pairwise"]) == {"prompted", "tuned"}
    assert list(exam["against_prompted"]) == ["tuned"]
    assert exam["rouge_1"].keys() == exam["bleu"].keys() == {"seed", "human"}
    assert exam["labels"].keys() == exam["exact"].keys() == {"seed"}, (
        "a third of the seeds are classifications"
    )
    gain = paired_bootstrap(*(by_question(exam, arm) for arm in ("tuned", "base")), seed=0)
    clean = (
        gain.low > 0 and exam["retention"]["passed"] and exam["general"]["tuned"]["value"] >= 0.9
    )
    better = sum(by_question(exam, "tuned")) > sum(by_question(exam, "prompted"))
    assert result["word"] == (
        "not learned" if not clean else "taught" if better else "just prompt it"
    )
    assert set(result["exam"]) == {"base", "prompted", "tuned"}
    assert exam["base_proof"]["same"] is True


def test_its_exam_is_sat_again_whatever_the_steps_are_then(
    invented: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    check_same_figures(invented[0], tmp_path)


def share_about_the_bear(exam: dict[str, Any], arm: str) -> float:
    """The share of greedy answers about the bear: people's are, the base's are about the fox."""
    found = ["bear" in row["arms"][arm]["greedy"] for row in exam["answers"] if "gold" in row]
    return sum(found) / len(found)


def by_question(exam: dict[str, Any], arm: str) -> list[float]:
    """ROUGE-L of each question, from its two answers as exam.json shows them."""
    texts = [(row["gold"], row["arms"][arm]) for row in exam["answers"] if "gold" in row]
    return [
        (best_rouge(cell["greedy"], (gold,)) + best_rouge(cell["sampled"], (gold,))) / 2
        for gold, cell in texts
    ]


def test_six_and_two_are_proven_by_the_ledger(
    invented: tuple[Path, dict[str, Any]], seeds: Path
) -> None:
    """From what the ledger holds alone: the ids that each request was shown, and the very words of
    its prompt.
    """
    run, _ = invented
    own = {task.id: task.instruction for task in read_tasks(seeds).seeds}
    with open_ledger(run) as ledger:
        made = {
            f.body["instruction"] for _, f in ledger.read_outcomes("tasks", "accepted") if f.body
        }
        asked = {f.id: f.body for _, f in ledger.read_outcomes("requests for tasks") if f.body}
        prompts = {
            id: json.loads(body)["prompt"]
            for id, body in ledger._db.execute(
                "SELECT id, body FROM requests WHERE stage = 'invent'"
            )
        }
    assert asked.keys() == prompts.keys()
    counts = {(len(body["human"]), len(body["machine"])) for body in asked.values()}
    assert counts == {(8, 0), (6, 2)}
    for id, body in asked.items():
        lines = {line.partition(". ")[2] for line in prompts[id].splitlines()[1:-1]}
        human = {own[task] for task in body["human"]}
        assert len(lines) == 8
        assert human <= lines
        assert lines - human <= made, "what is not of people was kept before"


def test_every_candidate_is_accounted_for(invented: tuple[Path, dict[str, Any]]) -> None:
    run, _ = invented
    with open_ledger(run) as ledger:
        funnel = {f.stage: f for f in ledger.funnel()}
        accepted = [f.body for _, f in ledger.read_outcomes("tasks", "accepted")]
    for f in funnel.values():
        assert f.requested == f.accepted + f.dropped + f.failed + f.pending
        assert sum(f.reasons.values()) == f.dropped + f.failed
    assert {
        "read",
        "requests for tasks",
        "tasks",
        "instances",
        "tasks with instances",
        "questions of the exam",
        "examples",
        "anchors",
    } <= funnel.keys()
    invented_tasks = read_rows(run / "tasks.jsonl")
    assert funnel["tasks with instances"].accepted == len(invented_tasks)
    assert 4 <= len(invented_tasks) <= 12
    assert "like another task" in funnel["tasks"].reasons
    assert all(
        len(body["most_similar"]) == 10 and 0 < body["mean_similarity"] < 1
        for body in accepted
        if body
    )
    dropped = read_rows(run / "dropped.jsonl")
    assert sum(row["stage"] == "tasks" for row in dropped) == funnel["tasks"].dropped
    assert all(row["reason"] for row in dropped)


def test_no_task_of_the_exam_is_shown_learned_or_resembled(
    invented: tuple[Path, dict[str, Any]], seeds: Path
) -> None:
    run, _ = invented
    exam = json.loads((run / "exam.json").read_text())
    asked = [row["prompt"].splitlines()[0] for row in exam["answers"] if row["scope"] == "target"]
    assert len(asked) >= 8
    learned = [row["instruction"] for row in read_rows(run / "tasks.jsonl")]
    assert max(OverlapIndex(learned).nearest(text).similarity for text in asked) <= 0.7
    held_out = {task.id for task in read_tasks(seeds).seeds if task.instruction in asked}
    with open_ledger(run) as ledger:
        shown = {
            id
            for _, f in ledger.read_outcomes("requests for tasks")
            if f.body
            for id in f.body["human"]
        }
    assert held_out
    assert not held_out & shown
    sources = [row["source"] for row in read_rows(run / "examples.jsonl") if row["role"] == "learn"]
    assert not {source["task"] for source in sources} & held_out
    places = {source["from"].partition(":")[0].partition(" ")[0] for source in sources}
    assert places == {"seeds.jsonl", "invented"}, "each example names its row, or its candidate"


def test_the_examples_are_turns_with_one_template_each(
    invented: tuple[Path, dict[str, Any]],
) -> None:
    examples = read_rows(invented[0] / "examples.jsonl")
    assert {row["kind"] for row in examples} == {"seed", "task", "general"}
    assert len({row["source"]["template"] for row in examples if row["kind"] != "general"}) > 1
    assert all(
        row["prompt"][-1]["role"] == "user" and row["chosen"][0]["role"] == "assistant"
        for row in examples
    )


def test_the_report_and_the_page_of_inspection_show_it(
    invented: tuple[Path, dict[str, Any]],
) -> None:
    run, _ = invented
    page = (run / "report.html").read_text()
    for words in (
        "The invented tasks",
        "ROUGE-L to the nearest seed",
        "Win rate against the base",
        "Verbs and their nouns",
    ):
        assert words in page
    code, printed = run_json(["inspect", "--run", str(run), "--json"])
    assert code == 0
    assert printed["tasks"] == len(read_rows(run / "tasks.jsonl"))
    inspected = Path(printed["page"]).read_text()
    assert "Most alike, side by side" in inspected
    assert "Left out, and why" in inspected
    Path(printed["page"]).unlink()


def test_the_same_command_again_is_a_lookup(
    invented: tuple[Path, dict[str, Any]], tasker: Path, seeds: Path
) -> None:
    run, result = invented
    before = {name: (run / name).read_bytes() for name in SAME}
    with open_ledger(run) as ledger:
        asked = ledger.count_requests()
    test = str(run.parent / "people.jsonl")
    again = run_json(tasks_command(tasker, run, *MORE, "--test", test, str(seeds)))
    assert again == (0, result)
    with open_ledger(run) as ledger:
        assert ledger.count_requests() == asked
    assert {name: (run / name).read_bytes() for name in before} == before


FAST = (
    "--set",
    "anchors.general=0",
    "--set",
    "exam.general=0",
    "--set",
    "train.max_steps=2",
    "--set",
    "count=4",
    "--set",
    "exam.tasks=3",
)


@pytest.mark.slow
def test_killed_at_every_stage_the_same_command_gives_the_same_bytes(
    tasker: Path, seeds: Path, tmp_path: Path
) -> None:
    """Row 1: kill -9 as soon as a stage begins, again and again, on one run folder."""
    line = tasks_command(tasker, tmp_path / "killed", *FAST, str(seeds))
    for stage in ("[invent]", "[anchors]", "[exam]", "[train]"):
        with subprocess.Popen(
            [sys.executable, "-u", "-m", "selfteach", *line],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            assert run.stderr is not None
            assert any(words.startswith(stage) for words in run.stderr), f"{stage} never began"
            run.kill()
    assert (
        run_json(line)[0]
        == run_json(tasks_command(tasker, tmp_path / "straight", *FAST, str(seeds)))[0]
        == 0
    )
    for name in (
        "tasks.jsonl",
        "examples.jsonl",
        "dropped.jsonl",
        "adapter/adapter_model.safetensors",
    ):
        assert (tmp_path / "killed" / name).read_bytes() == (
            tmp_path / "straight" / name
        ).read_bytes(), name


def test_of_two_seeds_the_first_is_kept_as_there_is_no_score_on_dev(
    tasker: Path, seeds: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = (*FAST, "--set", "train.epochs=1", "--seeds", "2")
    assert run_json(tasks_command(tasker, tmp_path / "run", *more, str(seeds)))[0] == 0
    said = capfd.readouterr().err
    assert "seeds: 0 is kept, the first, because this method has no score on dev" in said
    assert "seeds: rouge l seed greedy " in said
    rows = json.loads((tmp_path / "run" / "exam.json").read_text())["seeds"]
    assert [(row["seed"], row["dev"], row["kept"]) for row in rows] == [
        (0, None, True),
        (1, None, False),
    ]


@pytest.mark.parametrize(
    ("mode", "chat"),
    [
        pytest.param("alpaca", True, id="alpaca-chat"),
        pytest.param("magpie", False, id="magpie-base"),
        pytest.param("alpaca", False, id="alpaca-base", marks=pytest.mark.slow),
        pytest.param("magpie", True, id="magpie-chat", marks=pytest.mark.slow),
    ],
)
def test_the_other_ways_to_invent(
    mode: str, chat: bool, tasker: Path, seeds: Path, tmp_path: Path
) -> None:
    """With a chat template, and with a base model that has none."""
    model = tasker if chat else write_tasker(tmp_path / "base", None)
    more = () if mode == "magpie" else ("--set", "invent.max_tokens=60")
    code, _ = run_json(
        tasks_command(model, tmp_path / "run", *FAST, *more, "--mode", mode, str(seeds))
    )
    assert code == 0
    with open_ledger(tmp_path / "run") as ledger:
        bodies = [f.body for _, f in ledger.read_outcomes("requests for tasks") if f.body]
        funnel = {f.stage: f for f in ledger.funnel()}
    shown = {(len(body["human"]), len(body["machine"])) for body in bodies}
    assert shown == ({(3, 0)} if mode == "alpaca" else {(0, 0)})
    if chat:  # a base model without the header's words writes something else than a task
        found = funnel[
            "tasks" if mode == "alpaca" else "tasks with instances"
        ]  # this one never writes Alpaca's "Output:"
        assert found.accepted >= 4
