"""The whole run on a model that talks by a table: what it promises to the person, to the report,
and to the next attempt.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import fixture

from margins import assert_at_least, assert_at_most
from sat_again import check_same_figures
from selfteach.judge.check import CheckJudge
from selfteach.records import Request, SamplingParams, make_prompt
from selfteach.run import finished
from selfteach.run.ledger import Ledger
from simulated_time import simulate_time
from switches import SEED, skip_with_threads
from talker import FEW, feedback_command, open_ledger, read_rows, run_json

pytestmark = pytest.mark.training

ARMS = ("base", "tuned")
SAME = (
    "examples.jsonl",
    "dropped.jsonl",
    "config.yaml",
    "adapter/adapter_model.safetensors",
    "adapter/adapter_config.json",
)


@pytest.fixture(scope="module")
def straight(talker: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run without trouble, and what it printed."""
    run = tmp_path_factory.mktemp("straight") / "run"
    code, result = run_json(feedback_command(talker, run))
    assert code == 0
    return run, result


@pytest.fixture(scope="module")
def exam(straight: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = finished.read_exam(straight[0])
    return found


@pytest.mark.slow
def test_at_half_of_its_time_a_run_knows_what_is_left(talker: Path, tmp_path: Path) -> None:
    with simulate_time() as clocks:
        code, _ = run_json(feedback_command(talker, tmp_path, "--set", "balance.own_samples=0"))
    assert code == 0
    estimate = clocks[0].estimate_at(0.5)
    assert 0.9 < estimate < 1.1, "the examples are known, and with them the training"


@pytest.mark.long
def test_the_adapter_s_folder_can_be_used_alone(
    straight: tuple[Path, dict[str, Any]],
    talker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from peft import AutoPeftModelForCausalLM

    alone = tmp_path / "alone"
    shutil.copytree(straight[0] / "adapter", alone)
    monkeypatch.chdir(talker.parent)  # the adapter names the folder of its base, not the path
    model = AutoPeftModelForCausalLM.from_pretrained(alone)
    assert model.peft_config["default"].r > 0
    card = (alone / "README.md").read_text()
    assert "Do not talk about the fox." in card
    assert card.startswith("---\nlibrary_name: peft\n")


@pytest.mark.slow
def test_the_run_folder_loads_as_a_dataset(straight: tuple[Path, dict[str, Any]]) -> None:
    from datasets import load_dataset

    rows = read_rows(straight[0] / "examples.jsonl")
    loaded = load_dataset(str(straight[0]), split="train", streaming=True)
    assert [row["id"] for row in loaded] == [row["id"] for row in rows]


def test_the_json_has_what_was_promised(
    straight: tuple[Path, dict[str, Any]], exam: dict[str, Any]
) -> None:
    run, result = straight
    assert result["run"] == str(run)
    assert Path(result["adapter"], "adapter_config.json").is_file()
    assert Path(result["report"]).read_text().startswith("<!doctype html>")
    assert result["seconds"] > 0
    assert set(result["exam"]) == {"base", "prompted", "tuned"}
    for arm in result["exam"].values():
        assert {"target", "near", "general"} <= set(arm)
        assert all(
            set(m) == {"value", "low", "high", "n"}
            and m["low"] <= m["value"] <= m["high"]
            and (m["n"] > 0 or name == "needless")  # a toy names the subject everywhere
            for name, m in arm.items()
        )
    assert result["verdict"] == exam["verdict"]["sentence"]
    assert not (run / "checkpoints").exists()
    assert not (run / "engine").exists()


def invented(shown: dict[str, Any], real: dict[str, Any]) -> Iterator[str]:
    """The keys that only the first one has, at any depth."""
    for key, value in shown.items():
        if key not in real:
            yield key
        elif key != "stages" and isinstance(value, dict) and isinstance(real[key], dict):
            yield from (f"{key}.{inner}" for inner in invented(value, real[key]))


def test_the_made_up_run_has_only_what_a_real_one_has(
    exam: dict[str, Any],
) -> None:
    assert list(invented(fixture.make_exam(), exam)) == []
    assert list(invented({"cost": {"speed": 1}}, exam)) == ["cost.speed"], "and this would find it"


def test_card_and_page_name_what_made_the_run(straight: tuple[Path, dict[str, Any]]) -> None:
    """The base is a folder, whose path is private; its fingerprint is public."""
    run = straight[0]
    manifest = json.loads((run / "manifest.json").read_text())
    fingerprint = manifest["models"]["base"]
    torch = manifest["packages"]["torch"]
    text = (run / "README.md").read_text().replace("\\", "")
    page = (run / "report.html").read_text()
    assert (
        f"a model in a local folder. Its fingerprint: {fingerprint}.\nMade on "
        f"{manifest['created']} with seed {SEED}"
    ) in text
    assert f"torch {torch}" in text
    assert str(manifest["base_model"]) not in text
    assert all(
        words in page
        for words in (
            fingerprint,
            manifest["created"],
            f"torch {torch}",
            f"selfteach {manifest['selfteach']}",
        )
    )


def test_the_rule_is_learned_and_the_loss_falls(
    straight: tuple[Path, dict[str, Any]], exam: dict[str, Any]
) -> None:
    kept = {
        arm: numbers["greedy"]["value"] + numbers["sampled"]["value"]
        for arm, numbers in exam["kept"].items()
    }
    assert_at_least("kept, greedy and drawn", kept["tuned"], kept["base"] + 0.3)
    losses = [row["loss"] for row in read_rows(straight[0] / "metrics.jsonl")]
    assert_at_most("loss of the last steps", sum(losses[-4:]), 0.8 * sum(losses[:4]))


def test_the_funnel_accounts_for_every_candidate(straight: tuple[Path, dict[str, Any]]) -> None:
    run = straight[0]
    with open_ledger(run) as ledger:
        funnel = {f.stage: f for f in ledger.funnel()}
        placed = list(ledger.read_outcomes())
        probed = {json.dumps(body["prompt"]) for body in map(json.loads, bodies(ledger, "probe"))}
    assert {"target prompts", "near prompts", "general prompts", "search"} <= funnel.keys()
    assert sum(f.pending for f in funnel.values()) == 0
    assert sum(f.requested for stage, f in funnel.items() if stage in ("search", "anchors")) == len(
        probed
    )
    for stage, f in funnel.items():
        assert (
            f.requested
            == f.accepted + f.dropped + f.failed + f.pending
            == sum(s == stage for s, _ in placed)
        )
        assert sum(f.reasons.values()) == f.dropped + f.failed
    lost = [(stage, fate.id) for stage, fate in placed if fate.state in ("dropped", "failed")]
    assert [(row["stage"], row["id"]) for row in read_rows(run / "dropped.jsonl")] == lost
    assert all(row["reason"] for row in read_rows(run / "dropped.jsonl"))
    learned = {
        row["prompt"][-1]["content"]
        for row in read_rows(run / "examples.jsonl")
        if row["kind"] == "in_scope"
    }
    assert funnel["search"].accepted == len(learned)


def bodies(ledger: Ledger, stage: str) -> list[str]:
    """The recorded requests of a stage."""
    return [
        body
        for (body,) in ledger._db.execute("SELECT body FROM requests WHERE stage = ?", (stage,))
    ]


def test_no_exam_prompt_is_like_one_that_was_trained_on(
    straight: tuple[Path, dict[str, Any]], exam: dict[str, Any]
) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    score = RougeScorer(["rougeL"]).score
    prompts = [row["prompt"][-1]["content"] for row in read_rows(straight[0] / "examples.jsonl")]
    assert len(prompts) > 10
    assert (
        max(score(t, row["prompt"])["rougeL"].fmeasure for t in prompts for row in exam["answers"])
        < 0.7
    )


def test_every_lesson_passes_the_judge_and_every_rejected_answer_fails_it(
    straight: tuple[Path, dict[str, Any]],
) -> None:
    rows = read_rows(straight[0] / "examples.jsonl")
    pairs = [row for row in rows if row["role"] == "learn"]
    lessons = [row for row in pairs if row["kind"] == "in_scope"]
    judge = CheckJudge('not contains "fox"')
    chosen = [("", row["chosen"][0]["content"]) for row in pairs]
    rejected = [("", row["rejected"][0]["content"]) for row in pairs]
    assert lessons
    assert set(judge.values(chosen)) == {0.0}
    assert set(judge.values(rejected)) == {1.0}
    for row in lessons:
        foxes = re.finditer(r"\bfox(es)?\b", row["rejected"][0]["content"].lower())
        assert row["source"]["forbidden"] == [fox.start() for fox in foxes]
    anchors = [row for row in rows if row["role"] == "hold"]
    assert all(row["rejected"] is None for row in anchors)
    assert not any(judge.values([("", row["chosen"][0]["content"]) for row in anchors]))


def test_the_adapter_is_an_ordinary_one_and_the_base_arm_is_the_base(
    straight: tuple[Path, dict[str, Any]], exam: dict[str, Any], talker: Path
) -> None:
    """peft and transformers alone answer as this package does: with the adapter, and without it as
    the exam's base arm did.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from selfteach.models.hf import HfModel

    tokenizer = AutoTokenizer.from_pretrained(talker)
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(talker), straight[1]["adapter"]
    )

    def greedy(question: str) -> str:
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        out = model.generate(**ids, max_new_tokens=14, do_sample=False)
        return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))

    asked = exam["answers"][:5] + exam["answers"][-2:]
    requests = [
        Request("check", make_prompt(row["prompt"]), SamplingParams(0.0, 1.0, 14)) for row in asked
    ]
    tuned = HfModel.load(
        talker, adapter=Path(straight[1]["adapter"]), dtype="float32", device="cpu"
    )
    ours = {completion.id: completion.text for completion in tuned.stream(requests)}
    assert [greedy(row["prompt"]) for row in asked] == [
        ours[r.id(tuned.fingerprint)] for r in requests
    ]
    with model.disable_adapter():
        assert [greedy(row["prompt"]) for row in asked] == [
            row["arms"]["base"]["greedy"] for row in asked
        ]
    assert exam["base_proof"]["max_abs_difference"] == 0
    assert [row["arms"]["tuned"]["greedy"] for row in asked] != [
        row["arms"]["base"]["greedy"] for row in asked
    ]


def test_the_same_command_again_is_a_lookup(
    straight: tuple[Path, dict[str, Any]], talker: Path
) -> None:
    run, result = straight
    before = {
        name: (run / name).read_bytes()
        for name in (*SAME, "exam.json", "metrics.jsonl", "report.html", "README.md")
    }
    with open_ledger(run) as ledger:
        asked = ledger.count_requests()
    assert run_json(feedback_command(talker, run)) == (0, result)
    with open_ledger(run) as ledger:
        assert ledger.count_requests() == asked
    assert {name: (run / name).read_bytes() for name in before} == before


def test_its_exam_is_sat_again_whatever_the_steps_are_then(
    straight: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Balance rounds and other names are behind the record; a replay would have to take them."""
    check_same_figures(straight[0], tmp_path)


def test_the_exam_of_a_moved_run_differs_only_in_its_place(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(straight[0], moved)
    here = {
        "run": str(moved),
        "adapter": str(moved / "adapter"),
        "report": str(moved / "report.html"),
    }
    assert run_json(["exam", "--run", str(straight[0]), "--json"]) == (0, straight[1])
    assert run_json(["exam", "--run", str(moved), "--json"]) == (0, straight[1] | here)
    assert run_json(feedback_command(talker, moved)) == (0, straight[1] | here)


@pytest.mark.slow  # that a run elsewhere has the same bytes, the killed one shows too
def test_the_same_seed_gives_the_same_bytes_elsewhere(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path
) -> None:
    assert run_json(feedback_command(talker, tmp_path / "twin"))[0] == 0
    assert {name: (tmp_path / "twin" / name).read_bytes() for name in SAME} == {
        name: (straight[0] / name).read_bytes() for name in SAME
    }


@pytest.mark.slow
def test_another_seed_gives_other_examples(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path
) -> None:
    small = [
        "--set",
        "balance.rounds=0",
        "--set",
        "train.max_steps=1",
        "--set",
        "exam.target=2",
        "--seed",
        "5",
    ]
    assert run_json(feedback_command(talker, tmp_path / "other", *small))[0] == 0
    assert (tmp_path / "other" / "examples.jsonl").read_bytes() != (
        straight[0] / "examples.jsonl"
    ).read_bytes()


@pytest.mark.slow
def test_more_is_asked_where_the_base_breaks_the_rule_too_seldom(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path
) -> None:
    """New prompts are like the requests in scope; none is a twin of a test prompt."""
    with open_ledger(straight[0]) as ledger:
        assert not list(ledger.read_outcomes("prompts like others"))
    more = ["--set", "ask.min_violations=16"]
    assert run_json(feedback_command(talker, tmp_path / "run", *FEW, *more))[0] == 0
    with open_ledger(tmp_path / "run") as ledger:
        found = [
            fate.body["text"]
            for _, fate in ledger.read_outcomes("prompts like others")
            if fate.state == "accepted"
        ]
        asked = [
            fate.body["text"]
            for _, fate in ledger.read_outcomes("target prompts")
            if fate.state == "accepted"
        ]
    learned = {
        row["prompt"][-1]["content"] for row in read_rows(tmp_path / "run" / "examples.jsonl")
    }
    assert found
    assert set(found) & learned
    assert not set(found) & set(asked)


def test_a_run_that_was_killed_after_its_end_is_tidied_by_the_same_command(
    straight: tuple[Path, dict[str, Any]], talker: Path
) -> None:
    for name in ("checkpoints", "engine"):
        (straight[0] / name / "step").mkdir(parents=True)
    assert run_json(feedback_command(talker, straight[0]))[0] == 0
    assert not (straight[0] / "checkpoints").exists()
    assert not (straight[0] / "engine").exists()


@pytest.mark.slow
def test_a_run_goes_on_from_the_adapter_of_another(talker: Path, tmp_path: Path) -> None:
    """What was taught before is the base now; the adapter that comes of it stands alone, and holds
    both trainings.
    """
    gently = [
        "--set",
        "ask.target=60",
        "--set",
        "probe.samples=8",
        "--set",
        "balance.rounds=0",
        "--set",
        "train.learning_rate=0.0003",
    ]
    form = "Keep to other animals."  # answers about something else, which still name bread
    assert run_json(feedback_command(talker, tmp_path / "first", *gently, rule=form))[0] == 0
    more = [*gently, "--from", str(tmp_path / "first")]
    code, result = run_json(
        feedback_command(
            talker,
            tmp_path / "next",
            *more,
            rule="Keep to other food.",
            check='not contains "bread"',
        )
    )
    assert code == 0
    first, found = (
        json.loads((tmp_path / name / "exam.json").read_text()) for name in ("first", "next")
    )
    foxes = lambda exam, arm: sum("fox" in row["arms"][arm]["greedy"] for row in exam["answers"])
    assert_at_least("foxes, base", foxes(first, "base"), 4)
    assert_at_most("foxes, first", foxes(first, "tuned"), 0.3 * foxes(first, "base"))
    # the base of the second is the first; a tie may fall otherwise in another batch
    assert_at_most("foxes, base of the next", foxes(found, "base"), 0.3 * foxes(first, "base"))
    assert_at_most("foxes, next", foxes(found, "tuned"), 0.4 * foxes(first, "base"))
    breads = [sum("bread" in r["arms"][a]["greedy"] for r in found["answers"]) for a in ARMS]
    assert_at_most("breads, next", breads[1], 0.5 * breads[0])
    models = [
        json.loads(Path(r, "adapter", "selfteach.json").read_text())
        for r in (tmp_path / "first", result["run"])
    ]
    assert models[0]["base_fingerprint"] == models[1]["base_fingerprint"]


@pytest.mark.slow
def test_a_teacher_writes_the_examples(talker: Path, tmp_path: Path) -> None:
    from hostile import answer, hostile

    with hostile(answer("The bear- eats honey.")) as server:
        more = ["--teacher", server.address, *FEW]
        assert run_json(feedback_command(talker, tmp_path / "run", *more))[0] == 0
        assert all(
            "Do not talk about the fox." in str(call.body["messages"][0])
            for call in server.completion_calls
        )
    examples = [
        row for row in read_rows(tmp_path / "run" / "examples.jsonl") if row["kind"] == "in_scope"
    ]
    assert {row["chosen"][0]["content"] for row in examples} == {"The bear- eats honey."}
    assert {row["source"]["strategy"] for row in examples} == {"teacher"}


def test_a_prompt_that_is_lost_in_the_search_stops_the_run(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfteach.methods.feedback import search_answers as search

    whole = search.plan_search
    monkeypatch.setattr(search, "plan_search", lambda *given, **more: whole(*given, **more)[1:])
    assert run_json(feedback_command(talker, tmp_path / "run", *FEW))[0] == 6
    with open_ledger(tmp_path / "run") as ledger:
        assert [f.pending for f in ledger.funnel() if f.stage == "search"] == [1]


def attempt(command: list[str], point: int) -> tuple[int, int]:
    """Runs a command in a forked process that kills itself at `point` (0: never): at a ledger's
    commit, or at a renamed file.

    Returns its wait status and the number of points passed.
    """
    skip_with_threads()
    read, write = os.pipe()
    if child := os.fork():
        os.close(write)
        status = os.waitpid(child, 0)[1]
        with os.fdopen(read) as handle:
            return status, int(handle.read() or 0)
    code = 70
    try:
        passed = counted(lambda n: n == point and os.kill(os.getpid(), signal.SIGKILL))
        code = run_json(command)[0]
        os.write(write, str(passed[0]).encode())
    finally:
        os._exit(code)


def counted(at: Callable[[int], object]) -> list[int]:
    """Calls `at` with the number of each point; every completion is a commit of its own."""
    from selfteach.models import recorded

    recorded.COMMIT_EVERY_S = 0.0
    passed = [0]

    def here() -> None:
        passed[0] += 1
        at(passed[0])

    group = Ledger._transaction
    replace = os.replace

    @contextmanager
    def committed(self: Ledger) -> Iterator[Any]:
        with group(self) as db:
            yield db
        here()

    def renamed(*names: Any, **more: Any) -> None:
        replace(*names, **more)
        here()

    Ledger._transaction = committed  # type: ignore[method-assign]
    os.replace = renamed  # type: ignore[assignment]
    return passed


@pytest.mark.parametrize(
    "shares",
    [
        (0.6,),
        pytest.param((0.1, 0.2, 0.2), marks=pytest.mark.slow),
        pytest.param((0.02, 0.75, 0.05, 0.01), marks=pytest.mark.slow),
    ],
)
def test_killed_on_the_way_the_same_command_ends_with_the_same_bytes(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path, shares: tuple[float, ...]
) -> None:
    """Killed once after another, each attempt after a share of the whole way; each goes on where
    the one before it died.
    """
    command = feedback_command(talker, tmp_path / "run")
    with open_ledger(straight[0]) as ledger:
        whole = sum(answered for _, answered, _ in ledger.count_requests().values())
    assert whole > 100
    for share in shares:
        status, _ = attempt(command, max(1, int(share * whole)))
        assert os.WIFSIGNALED(status)
    assert attempt(command, 0)[0] == 0
    assert {name: (tmp_path / "run" / name).read_bytes() for name in SAME} == {
        name: (straight[0] / name).read_bytes() for name in SAME
    }
    with open_ledger(tmp_path / "run") as ledger, open_ledger(straight[0]) as first:
        assert {s: n[:2] for s, n in ledger.count_requests().items()} == {
            s: n[:2] for s, n in first.count_requests().items()
        }
        assert any(kind == "resumed" for kind, _ in ledger.get_events())


@pytest.mark.slow
def test_a_deleted_adapter_is_trained_again_and_nothing_is_asked_again(
    straight: tuple[Path, dict[str, Any]], talker: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(straight[0], tmp_path / "run")
    with open_ledger(run) as ledger:
        asked = ledger.count_requests()
    before = {name: (run / name).read_bytes() for name in SAME}
    shutil.rmtree(run / "adapter")
    code, result = run_json(feedback_command(talker, run))
    assert code == 0
    assert result["exam"] == straight[1]["exam"]
    assert {name: (run / name).read_bytes() for name in before} == before
    with open_ledger(run) as ledger:
        assert ledger.count_requests() == asked
