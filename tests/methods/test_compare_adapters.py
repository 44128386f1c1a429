"""`selfteach compare` on a toy: one table, cell by cell, on the run's own examples and exam."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from scripted import Scripted
from selfteach import cli, config, registry
from selfteach.errors import DataError, UsageError
from selfteach.evaluate.exam import Exam
from selfteach.methods import lesson_record
from selfteach.methods.compare import compare_adapters as comparing
from selfteach.methods.compare.compare_adapters import (
    ON_POLICY,
    RUN_OBJECTIVE,
    SOLVED,
    ComparedCell,
    Comparison,
    list_cells,
    why_not_trainable,
)
from selfteach.methods.compare.learning_rates import (
    choose_rate,
    get_default_rate,
    hold_out_examples,
    list_rates,
    score_held_out,
)
from selfteach.methods.compare.prompted_model import InContextPrefix, PrefixedModel
from selfteach.methods.feedback import exam as feedback_exam
from selfteach.methods.method import TrainingPlan, TrainStage
from selfteach.methods.session import Session
from selfteach.methods.train_plan import find_pair_kinds
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import TOO_LONG, UnfitPrompt
from selfteach.records import (
    Completion,
    Example,
    Message,
    Prompt,
    Request,
    make_prompt,
)
from selfteach.report.comparison import draw_figure
from selfteach.run import finished
from selfteach.run.ledger import Ledger
from selfteach.train.trainer import Diverged
from talker import feedback_command, run_json, write_listener

pytestmark = [pytest.mark.training, pytest.mark.long]

SMALL = (
    "ask.target=44",
    "ask.near=12",
    "ask.general=16",
    "ask.more_outside=0",
    "balance.rounds=0",
    "exam.target=3",
    "exam.near=3",
    "exam.general=3",
    "train.epochs=1",
)
LESS = (
    "train.max_steps=2",
    "train.closed_form.layers=all",
    "train.closed_form.shots=1",
    "train.closed_form.sweeps=1",
)
ASKED = [
    "--adapters",
    "lora,closed_form",
    "--objectives",
    "own,distill",
    "--rates",
    "0.5,1",
    "--icl",
    "0,2",
]


def sets(items: tuple[str, ...]) -> list[str]:
    return [word for item in items for word in ("--set", item)]


@pytest.fixture(scope="module")
def second_turns() -> Iterator[list[object]]:
    """Receive a mark for each time that an exam measures second turns."""
    measure = feedback_exam.measure_conversations
    marks: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            feedback_exam,
            "measure_conversations",
            lambda *given: marks.append(given) or measure(*given),
        )
        yield marks


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: a picture takes a third of a small comparison."""
    monkeypatch.setattr(comparing, "draw_figure", lambda found: "<svg/>")


@pytest.fixture(scope="module")
def run(talker: Path, second_turns: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a rule."""
    folder = tmp_path_factory.mktemp("compared") / "run"
    listener = write_listener(talker, folder.with_name("listener"))
    assert run_json(feedback_command(listener, folder, *sets(SMALL)))[0] == 0
    assert second_turns, "the exam of a run measures them"
    return folder


@pytest.fixture(scope="module")
def compared(run: Path, second_turns: list[object]) -> dict[str, Any]:
    second_turns.clear()
    code, found = run_json(["compare", "--run", str(run), *ASKED, *sets(LESS), "--json"])
    assert code == 0
    found["second turns"] = len(second_turns)
    return found


def test_every_cell_has_its_row_and_what_makes_no_sense_is_reported(
    compared: dict[str, Any],
) -> None:
    assert [row["name"] for row in compared["rows"]] == [
        "lora-own",
        "lora-distill",
        "closed_form",
        "0-shot",
        "2-shot",
    ]
    assert list(compared["left_out"]) == ["closed_form-distill"], compared["left_out"]
    assert "has no objective" in compared["left_out"]["closed_form-distill"]


def test_the_rows_are_comparable(compared: dict[str, Any], run: Path) -> None:
    tuned = {row["name"]: row for row in compared["rows"] if "adapter" in row}
    assert {row["steps"] for name, row in tuned.items() if name != "closed_form"} == {2}
    (count,) = {row["score"]["n"] for row in compared["rows"]}
    assert count > 0
    for row in compared["rows"]:
        assert {"score", "sampled", "near", "general", "kl_nats", "top1"} <= row.keys()
        assert row["kl_nats"]["value"] >= 0
        assert (row["retention"] is None) is ("shots" in row), "a prompt makes nobody forget"
    assert {row["retention"]["n"] for row in tuned.values()} == {60}
    lora = tuned["lora-own"]
    assert lora["learning_rate"] in (0.0015, 0.003), "the run's own rate, times a factor"
    assert lora["rates"].keys() == {"0.0015", "0.003"}
    assert 0 < lora["trained_share"] < 1
    assert lora["peak_memory_mb"] > 0
    assert (
        lora["adapter_mb"] * 1e6
        >= (run / "compare" / "adapters" / "lora-own" / "adapter_model.safetensors").stat().st_size
    )
    assert tuned["closed_form"]["learning_rate"] is None


def test_examples_in_the_prompt_cost_tokens_in_every_query(compared: dict[str, Any]) -> None:
    tokens = {row["name"]: row["prompt_tokens"] for row in compared["rows"]}
    assert tokens["lora-own"] == tokens["closed_form"] < tokens["0-shot"] < tokens["2-shot"]
    assert [row["shots"] for row in compared["rows"] if "shots" in row] == [0, 2]


def test_worked_examples_have_whole_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Study rows of documents are cut after eight tokens; a rejected answer is not shown."""
    prefixes: list[InContextPrefix] = []
    monkeypatch.setattr(comparing, "examine_model", lambda *given: prefixes.append(given[-1]) or {})
    base = Recorded(Ledger(tmp_path / "run.db"), Scripted({}))
    logits = SimpleNamespace(encode_answer=None)
    plan = SimpleNamespace(instruction="")
    bench: Any = SimpleNamespace(session=SimpleNamespace(model=logits, base=base), plan=plan)
    cut: dict[str, Any] = {"cut": ["chosen"]}
    examples = [
        Example("a", "brief", make_prompt("Who built it?"), "The mill was", source=cut),
        Example("b", "brief", make_prompt("Who built it?"), "The mill was built by Ann."),
        Example(
            "c", "pair", make_prompt("When?"), "In 1790.", "In 18", source={"cut": ["rejected"]}
        ),
    ]
    row = comparing.examine_in_context(bench, examples, 4)
    shown = [turn.content for turn in prefixes[0].worked]
    assert shown == ["Who built it?", "The mill was built by Ann.", "When?", "In 1790."]
    assert row["shots"] == 2
    assert comparing.examine_in_context(bench, examples[:1], 4)["shots"] == 0
    talk = (*make_prompt("Who built it?"), Message("assistant", "Ann."), Message("user", "Sure?"))
    conversation = Example("d", "brief", talk, "Ann built it.")
    assert comparing.examine_in_context(bench, [conversation], 1)["shots"] == 1


def test_zero_shots_are_the_arm_that_has_the_rule_in_its_prompt(compared: dict[str, Any]) -> None:
    prompted = next(row for row in compared["rows"] if row["name"] == "0-shot")
    assert prompted["score"] == compared["base"]["prompted"]["score"]


def test_the_adapters_answer_by_their_names(
    compared: dict[str, Any], run: Path, tmp_path: Path
) -> None:
    assert list(finished.list_adapters(run)) == [
        "tuned",
        "closed_form",
        "lora-distill",
        "lora-own",
    ]
    (tmp_path / "p.txt").write_text("Can the red fox follow a bear?")
    asked = [
        "--in",
        str(tmp_path / "p.txt"),
        "--out",
        str(tmp_path / "o.jsonl"),
        "--engine",
        "hf",
        "--max-tokens",
        "5",
        "--force",
    ]
    for folder in (run, run / "compare"):
        assert (
            cli.run_command(["answer", "--run", str(folder), "--adapter", "lora-distill", *asked])
            == 0
        )


@pytest.mark.usefixtures("no_picture")
def test_the_same_command_goes_on_with_the_cells_that_are_missing(
    compared: dict[str, Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of the run's content: a copy of the run goes on, too."""
    shutil.copytree(run, copy := tmp_path / "run")
    made: list[str] = []
    train = comparing.train_adapter
    monkeypatch.setattr(
        comparing,
        "train_adapter",
        lambda session, e, kinds, name: made.append(name) or train(session, e, kinds, name),
    )
    again = [
        "compare",
        "--run",
        str(copy),
        "--out",
        str(run / "compare"),
        "--json",
        *sets(LESS),
        "--rates",
        "0.5,1",
        "--icl",
        "0,2",
    ]
    code, found = run_json(
        [*again, "--adapters", "lora,closed_form", "--objectives", "own,distill,dpo"]
    )
    assert code == 0
    assert made == ["lora-dpo-0.0015", "lora-dpo-0.003"]
    before = {row["name"]: row for row in compared["rows"]}
    assert {row["name"]: row for row in found["rows"] if row["name"] != "lora-dpo"} == before


@pytest.mark.slow
@pytest.mark.usefixtures("no_picture")
def test_stopped_in_a_cell_it_ends_with_the_same_adapters(
    compared: dict[str, Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = comparing.train_adapter
    done = []

    def stops(session: Any, examples: Any, kinds: Any, name: str) -> Any:
        if name == "lora-distill-0.003":
            raise KeyboardInterrupt
        done.append(name)
        return train(session, examples, kinds, name)

    asked = [
        "compare",
        "--run",
        str(run),
        "--out",
        str(tmp_path / "c"),
        "--adapters",
        "lora",
        "--objectives",
        "own,distill",
    ]
    asked += ["--rates", "0.5,1", *sets(LESS), "--json"]
    monkeypatch.setattr(comparing, "train_adapter", stops)
    assert run_json(asked)[0] == 130
    monkeypatch.undo()
    code, found = run_json(asked)
    assert code == 0
    assert done == ["lora-own-0.0015", "lora-own-0.003", "lora-distill-0.0015"]
    before = {row["name"]: row for row in compared["rows"]}
    assert [(row["name"], row["score"], row["rates"]) for row in found["rows"]] == [
        (name, before[name]["score"], before[name]["rates"])
        for name in ("lora-own", "lora-distill")
    ]
    ours, theirs = (
        (place / "adapters" / "lora-distill" / "adapter_model.safetensors")
        for place in (tmp_path / "c", run / "compare")
    )
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.usefixtures("no_picture")
def test_a_damaged_adapter_of_a_comparison_is_trained_again(
    compared: dict[str, Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run / "compare", copy := tmp_path / "c")
    weights = copy / "adapters" / "lora-own" / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"?")
    made: list[str] = []
    train = comparing.train_adapter
    monkeypatch.setattr(
        comparing,
        "train_adapter",
        lambda session, e, kinds, name: made.append(name) or train(session, e, kinds, name),
    )
    asked = ["compare", "--run", str(run), "--out", str(copy), "--rates", "0.5,1", *sets(LESS)]
    asked += ["--adapters", "lora", "--objectives", "own,distill", "--json"]
    assert run_json(asked)[0] == 0
    assert made == ["lora-own-0.0015", "lora-own-0.003"]
    assert weights.read_bytes() == whole
    assert (copy / "damaged" / "1" / "adapters" / "lora-own").is_dir()


def test_the_row_of_a_cell_is_that_of_the_adapter_that_was_trained_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "draw_figure", lambda found: "")
    with closing(Ledger(tmp_path / "run.db")) as ledger:
        copy: Any = SimpleNamespace(
            ledger=ledger,
            material={"run": "r"},
            shown_command="",
            path=tmp_path,
            export=lambda name, text: None,
            export_json=lambda name, found: None,
        )
        for rates, again in (("one", False), ("three", False), ("one", True)):
            row = {"name": "lora-own", "rates": rates, "again": again}
            comparing.compute_once(copy, f"cell {rates}", lambda row=row: row, again=again)
            (shown,) = comparing.write_comparison(copy, "feedback", {}, {})["rows"]
            assert shown == row


def test_the_run_itself_stays_as_it_is(compared: dict[str, Any], run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["kind"] == "feedback"
    assert manifest["command"].startswith("selfteach")
    assert not (run / "compare" / "checkpoints").exists()
    kept = json.loads((run / "compare" / "compare.json").read_text())["rows"]
    assert [row for row in kept if row["name"] != "lora-dpo"] == compared["rows"]


@pytest.mark.usefixtures("no_picture")
def test_a_fault_of_one_cell_is_reported_and_the_others_are_compared(
    run: Path, tmp_path: Path
) -> None:
    few = (
        "train.max_steps=1",
        "exam.target=2",
        "train.closed_form.layers=last 7",
        "train.closed_form.shots=1",
    )
    asked = ["--adapters", "closed_form,reft", "--rates", "1", "--json"]
    code, found = run_json(
        ["compare", "--run", str(run), "--out", str(tmp_path / "c"), *asked, *sets(few)]
    )
    assert code == 0
    assert [row["name"] for row in found["rows"]] == ["reft-own"]
    assert "names layers that the model lacks" in found["left_out"]["closed_form"]


def test_a_base_that_changed_on_disk_is_named(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was told that another version of selfteach had made the run."""
    weights = run.with_name("listener") / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        asked = ["compare", "--run", str(run), "--out", str(tmp_path / "c"), *ASKED]
        assert run_json(asked)[0] == 6
    finally:
        weights.write_bytes(before)
    assert "this run began with another base" in capfd.readouterr().err


def test_nothing_is_sampled_that_the_table_does_not_show(compared: dict[str, Any]) -> None:
    assert compared["second turns"] == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--adapters", "lore"], 'Did you mean "lora"?'),
        (["--objectives", "stf"], 'Did you mean "sft"?'),
        (["--icl", "few"], "is no list of numbers"),
        (["--rates", "0"], "is no list of numbers"),
        (["--set", "ask.target=3"], "neither of training nor of the exam"),
        (["--set", "exam.target=40"], "no longer lead to the prompts"),
    ],
)
def test_mistakes_are_refused(
    more: list[str], words: str, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = cli.run_command(
        ["compare", "--run", str(run), "--out", str(tmp_path / "c"), "--adapters", "lora", *more]
    )
    assert code in (2, 6)
    assert words in capfd.readouterr().err


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_of_several_stages_is_refused(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its examples were trained one stage after the other, with which one training of all of them
    does not compare.
    """
    rows = [example(n) for n in range(2)]
    stages = [TrainStage("general", rows[:1]), TrainStage("documents", rows[1:])][-count:]
    exam: Any = None
    plan = TrainingPlan(rows, {}, exam, stages)
    method = SimpleNamespace(
        rule_of=lambda material: "", allows_programs=False, prepare=lambda session, material: plan
    )
    monkeypatch.setattr(registry, "load_registered", lambda group, name: method)
    monkeypatch.setattr(comparing, "open_session", lambda *given, **more: None)
    opened: Any = SimpleNamespace(
        material={"run": "runs/own"},
        resolved=SimpleNamespace(config=SimpleNamespace()),
        time_stage=lambda name: nullcontext(),
    )
    source: Any = SimpleNamespace(kind="documents", material=None, noted={}, epochs=None)
    display: Any = None
    if count == 1:
        assert comparing.prepare_bench(opened, source, display).plan is plan
        return
    with pytest.raises(UsageError, match=r"runs/own: was trained in stages \(general, documents\)"):
        comparing.prepare_bench(opened, source, display)


@pytest.mark.parametrize(
    ("chosen", "given", "epochs"), [(4, None, 4), (None, None, 8), (4, 3, 3), (None, 3, 3)]
)
def test_the_epochs_are_those_of_the_run_s_last_training(
    chosen: int | None, given: int | None, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method chooses them by the examples that it has, and a run adds some after its first
    training: of 150 examples 8 epochs, of 300 examples 4.
    """

    def prepare(session: Any, material: Any) -> TrainingPlan:
        own = session.config.train
        train = own.model_copy(update={"epochs": own.epochs or 8})
        session.config = session.config.model_copy(update={"train": train})
        return TrainingPlan([], {}, exam)

    exam: Any = None
    method = SimpleNamespace(rule_of=lambda material: "", allows_programs=False, prepare=prepare)
    monkeypatch.setattr(registry, "load_registered", lambda group, name: method)
    settings = config.FeedbackConfig.model_validate({"train": {"epochs": given}})
    session = SimpleNamespace(config=settings)
    monkeypatch.setattr(comparing, "open_session", lambda *given, **more: session)
    opened: Any = SimpleNamespace(
        material={"run": "runs/own"},
        resolved=SimpleNamespace(config=settings),
        time_stage=lambda name: nullcontext(),
    )
    source: Any = SimpleNamespace(kind="feedback", material=None, noted={}, epochs=chosen)
    display: Any = None
    assert comparing.prepare_bench(opened, source, display).session.config.train.epochs == epochs


def test_the_epochs_of_a_run_are_read_from_its_record(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int | None] = []
    monkeypatch.setattr(
        comparing, "compare", lambda run, source, *given: epochs.append(source.epochs) or {}
    )
    asked = ["compare", "--run", str(run), "--out", str(tmp_path / "c"), "--json"]
    assert run_json(asked)[0] == 0
    record = SimpleNamespace(train={"epochs": 4})
    monkeypatch.setattr(lesson_record, "read_lesson_record", lambda folder: record)
    assert run_json(asked)[0] == 0
    assert epochs == [None, 4], "none where a person gave them"


def test_examples_that_do_not_fit_into_the_prompt_cost_their_own_row_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes: dict[str, Any] = {}
    ledger = SimpleNamespace(get_note=notes.get, set_note=notes.__setitem__)
    written: list[dict[str, Any]] = []
    opened: Any = SimpleNamespace(
        path=Path("c"),
        exports={},
        ledger=ledger,
        material={"run": "r"},
        shown_command="",
        time_stage=lambda name: nullcontext(),
        export=lambda name, text: None,
        export_json=lambda name, found: written.append(found),
    )
    bench = SimpleNamespace(session=SimpleNamespace(config=config.FeedbackConfig()))

    def examine(bench: Any, examples: Any, shots: int) -> dict[str, Any]:
        if shots:
            raise DataError("prompt longer than the context.", where="'What is tea?'")
        return {"name": "0-shot"}

    for name, found in {
        "check_files": {},
        "list_broken": [],
        "prepare_bench": bench,
        "choose_dev_scorer": ([], None),
        "examine_baselines": {},
        "remove_scratch": None,
        "draw_figure": "",
    }.items():
        monkeypatch.setattr(comparing, name, lambda *given, found=found: found)
    monkeypatch.setattr(comparing, "run_cell", lambda bench, cell, *given: {"name": cell.name})
    monkeypatch.setattr(comparing, "examine_in_context", examine)
    source: Any = SimpleNamespace(kind="feedback", examples=[example(0)])
    nothing: Any = None
    table = comparing.compare(opened, source, Comparison(["lora"], ["own"], [1.0], [4, 0]), nothing)
    assert [row["name"] for row in table["rows"]] == ["lora-own", "0-shot"]
    assert table["left_out"] == {"4-shot": "'What is tea?': prompt longer than the context."}
    assert written[0]["rows"] == table["rows"]


# -------------------------------------------------------------------------------------------------
# the parts


def example(n: int, **more: Any) -> Example:
    return Example(str(n), "task", make_prompt(f"q{n}"), f"a{n}", **more)


def test_what_cannot_be_trained_on_these_examples() -> None:
    plain = [example(n) for n in range(3)]
    assert why_not_trainable("dpo", plain) == "3 of 3 training examples have no rejected answer"
    assert (
        why_not_trainable("distill", plain)
        == why_not_trainable("on_policy", plain)
        == "3 of 3 training examples have no prompt for a teacher"
    )
    assert why_not_trainable("sft", plain) == why_not_trainable("own", plain) == ""
    left_out: dict[str, str] = {}
    found = list(
        list_cells(Comparison(["lora", "closed_form"], ["sft", "dpo"], [1.0]), plain, left_out)
    )
    assert [cell.name for cell in found] == ["lora-sft", "closed_form"]
    assert left_out.keys() == {"lora-dpo", "closed_form-sft", "closed_form-dpo"}
    assert [
        cell.name
        for cell in list_cells(
            Comparison(["lora", "reft"], ["sft"], [1.0]), plain, left_out, goes_on=True
        )
    ] == ["lora-sft"]
    assert "goes on from another one" in left_out["reft"]
    assert not list(list_cells(Comparison(["lora"], ["on_policy"], [1.0]), plain, left_out))
    assert "lora-on-policy" in left_out, "the name that its row would have"


def test_a_plug_in_objective_with_a_prompted_teacher_needs_its_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = registry.BUILT_IN_NAMES["objectives"]["distill"]
    objectives = {**registry.BUILT_IN_NAMES["objectives"], "added": place}
    monkeypatch.setitem(registry.BUILT_IN_NAMES, "objectives", objectives)
    plain = [example(n) for n in range(3)]
    assert why_not_trainable("added", plain) == why_not_trainable("distill", plain) != ""
    assert why_not_trainable("anchor", plain) == ""


def test_the_best_rate_on_dev_is_taken_of_equal_ones_the_nearest() -> None:
    assert choose_rate({1e-3: 0.5, 3e-3: 0.9, 1e-2: 0.8}, 1e-3) == 3e-3
    assert choose_rate({3e-4: 0.9, 1e-3: 0.9, 3e-3: 0.5}, 1e-3) == 1e-3
    assert choose_rate({3e-4: 0.5, 3e-3: 0.9, 1e-2: 0.9}, 1e-3) == 3e-3
    assert choose_rate({1e-3: 0.5, 3e-3: None}, 1e-3) == 1e-3
    assert choose_rate({0.0: 0.0}, 0.0) == 0.0, "what is solved for has no rate"
    with pytest.raises(Diverged):
        choose_rate({1e-3: None}, 1e-3)


def test_rates_are_factors_of_an_adapter_s_own() -> None:
    assert list_rates(0.004, [3, 0.5]) == [0.002, 0.012]
    assert list_rates(0.0, [0.3, 1, 3]) == [0.0]
    settings = config.TrainConfig(adapter="lora", learning_rate=0.004)
    assert get_default_rate("lora", settings) == 0.004
    assert get_default_rate("full", settings) == 2e-5, (
        "the configuration's rate is that of its own adapter"
    )
    assert get_default_rate("closed_form", settings) == 0.0


def test_a_method_without_a_dev_part_holds_prompts_out() -> None:
    learned, held = hold_out_examples([example(n) for n in range(40)], 0)
    assert len(held) == 4
    assert {e.id for e in learned}.isdisjoint(e.id for e in held)


def test_a_cell_samples_its_own_answers_only_where_its_objective_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a run that drew its own answers: `distill` would else be `on_policy`; and what is solved
    for takes no settings of steps.
    """
    taken: list[config.TrainConfig] = []
    monkeypatch.setattr(
        comparing,
        "train_adapter",
        lambda session, examples, kinds, name: taken.append(session.config.train),
    )
    settings: Any = config.FeedbackConfig.model_validate({"train": {"on_policy": 0.3, "l2": 1.0}})
    idle: Any = SimpleNamespace(release_memory=lambda: None, module=torch.nn.Linear(2, 2))
    session = Session(
        run=idle, config=settings, display=idle, rule="", model=idle, base=idle, base_logits=[]
    )
    for cell in (
        ComparedCell("lora", RUN_OBJECTIVE),
        ComparedCell("lora", "distill"),
        ComparedCell("lora", ON_POLICY),
        ComparedCell("closed_form", SOLVED),
    ):
        comparing.train_cell(session, cell, 0.0, {}, [])
    assert [train.on_policy for train in taken] == [0.3, 0.0, 0.3, 0.0]
    assert [train.l2 for train in taken] == [1.0, 1.0, 1.0, 0.0]
    assert type(taken[-1]).model_validate(taken[-1].model_dump()) == taken[-1]


def test_a_cell_trains_its_own_objective_where_the_run_has_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each row of the table has the weights of the run, whatever it is called."""
    taken: list[Any] = []

    def record_weights(session: Any, examples: Any, weights: Any, name: str) -> None:
        taken.append({**weights, **session.config.train.weights})

    monkeypatch.setattr(comparing, "train_adapter", record_weights)
    own = {"in_scope": {"sft": 1.0, "anchor": 50.0}, "general": {"anchor": 3.0}}
    settings: Any = config.FeedbackConfig.model_validate({"train": {"weights": own}})
    idle: Any = SimpleNamespace(release_memory=lambda: None, module=torch.nn.Linear(2, 2))
    session = Session(
        run=idle, config=settings, display=idle, rule="", model=idle, base=idle, base_logits=[]
    )
    plan: Any = SimpleNamespace(objectives={"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}})
    bench = comparing.Bench(session, plan)
    examples = [Example(k, k, make_prompt(k), "a", "b") for k in own]
    for objective in (RUN_OBJECTIVE, "dpo"):
        weights = comparing.get_objective_weights(bench, objective, examples)
        comparing.train_cell(session, ComparedCell("lora", objective), 0.0, weights, examples)
        assert weights == taken[-1], "the rate is chosen by what is trained"
    assert taken == [own, {"in_scope": {"dpo": 1.0}, "general": {"anchor": 3.0}}]


def test_a_rate_for_pairs_is_chosen_by_the_pair_not_the_likelihood(
    tmp_path: Path,
) -> None:
    """Chosen 2 and rejected 1 nats less likely than before, or chosen 3 and rejected 9: the second
    teaches the pair.
    """
    held = [
        Example("a", "example", make_prompt("q"), "yes yes", "no no"),
        Example("b", "general", make_prompt("r"), "same"),
    ]

    def record_scores(chosen: float, rejected: float) -> Any:
        values = {"yes yes": chosen, "no no": rejected, "same": -1.0}
        model = Scripted({}, lambda prompt, text: values[text], f"chosen {chosen}")
        return Recorded(Ledger(tmp_path / f"{chosen}.db"), model, model)

    near = record_scores(-2.0, -1.0)
    far = record_scores(-3.0, -9.0)
    assert score_held_out(near, held) > score_held_out(far, held), "by likelihood alone"
    assert score_held_out(near, held) == pytest.approx((-1.0 - 1.0) / 2)
    assert score_held_out(far, held, {"example"}) > score_held_out(near, held, {"example"})
    assert score_held_out(near, held, {"example"}) == pytest.approx(
        (-1.0 + math.log(math.exp(-2) / (math.exp(-2) + math.exp(-1)))) / 2
    )
    assert find_pair_kinds(
        {
            "a": {"dpo": 1.0},
            "b": {"correction": 1.0},
            "c": {"sft": 1.0, "dpo": 1.0},
            "d": {"anchor": 8.0},
            "e": {},
            "f": {"sft": 0.0, "dpo": 1.0},
            "g": {"dpo": 0.0},
        }
    ) == {"a", "b", "f"}, "a weight of 0 trains nothing"


class FullModel(Scripted):
    """A model whose context is so many characters."""

    CONTEXT = 40

    def room_tokens(self, prompt: Prompt) -> float:
        return self.CONTEXT - sum(len(turn.content) for turn in prompt if not isinstance(turn, str))

    def encode(self, prompt: Prompt) -> list[int]:
        return [0]

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        if any(self.room_tokens(request.prompt) < 1 for request in requests):
            raise UnfitPrompt(TOO_LONG, "it is full")
        yield from super().stream(requests)


def test_the_prefix_stands_between_system_message_and_question() -> None:
    prefix = InContextPrefix("Be brief.", [(Message("user", "a"), Message("assistant", "b"))])
    assert [m.role for m in prefix(make_prompt("q"))] == ["system", "user", "assistant", "user"]
    assert prefix(make_prompt("q", system="You are kind."))[0] == Message(
        "system", "You are kind. Be brief."
    )
    assert prefix("q")[-1] == Message("user", "q")
    assert InContextPrefix("", ())(make_prompt("q")) == make_prompt("q")
    silent = (Message("system", ""), Message("user", "q"))
    assert InContextPrefix("", ())(silent) == silent
    assert [m.role for m in prefix(silent)] == ["system", "user", "assistant", "user"]


def test_a_model_with_a_prefix_says_why_a_prompt_has_no_answer(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "run.db")) as ledger:
        base = Recorded(ledger, FullModel(lambda request: "Yes."))
        model = PrefixedModel(base, InContextPrefix("Be brief.", ()))
        short, long = (Request("ask", make_prompt(text)) for text in ("q", "q" * 50))
        assert model.sample([short])[0].text == "Yes."
        assert list(model.failures) == []
        with pytest.raises(DataError, match="prompt longer than the context"):
            model.sample([short, long])
        assert [id for id, _ in model.failures] == [long.id(model.fingerprint)]
        assert model.explain_misfit(short) == ""
        assert model.explain_misfit(long) == "prompt longer than the context"
        assert model.room_tokens(short.prompt) == FullModel.CONTEXT - len("Be brief.") - 1


def measure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 9}


def test_the_picture_is_svg_in_which_every_name_is_words() -> None:
    """Names that would be markup, a formula, or hidden from a legend are shown as they are."""
    names = ["<lora>&", "$x^2$", "_prompt", "in context"]
    rows = [{"name": name, "score": measure(0.8), "kl_nats": measure(0.02)} for name in names]
    rows[-1] |= {"shots": 4, "kl_nats": measure(0.0)}
    found = {
        "kind": "feedback",
        "score": "rule kept",
        "base": {"base": {"score": measure(0.5)}},
        "rows": rows,
    }
    figure = draw_figure(found)
    assert figure == draw_figure(found), "the same comparison gives the same file"
    assert "prefers-color-scheme:dark" in figure
    texts = [
        node.text or ""
        for node in ElementTree.fromstring(figure).iter("{http://www.w3.org/2000/svg}text")
    ]
    for name in (*names, "base"):
        assert len([text for text in texts if text.startswith(f"{name}: ")]) == 1
    assert {"rule kept", "0.01", "80 %"} <= set(texts)
    assert draw_figure({**found, "rows": [], "base": {}}).startswith("<svg")


def test_an_unknown_adapter_is_named_with_those_that_there_are(
    run: Path, compared: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="Known: closed_form, lora-distill"):
        finished.find_adapter(run / "compare", "zzz")


def test_the_tokens_of_a_prompt_are_those_of_its_conversation() -> None:
    """exam.json has the last turn alone."""
    talk = make_prompt("And tea?", system="You are kind.")
    nothing: Any = None
    row = {"scope": "target", "prompt": "And tea?"}
    exam = {"answers": [row, {"scope": "general", "prompt": "Who?"}]}
    own = Exam({"target": [talk], "general": []}, nothing, nothing)
    assert comparing.list_target_prompts(own, exam) == [talk]
    assert comparing.list_target_prompts(nothing, exam) == [make_prompt("And tea?")]
