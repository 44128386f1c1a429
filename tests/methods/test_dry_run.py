"""What `--dry-run` states of a run before it starts, on a toy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import cli
from selfteach.config import (
    CorrectionsConfig,
    FeedbackConfig,
    FinetuneConfig,
    TasksConfig,
    resolve,
)
from selfteach.errors import ResourceError
from selfteach.generate import subject
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import Subject
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.tasks import Instance, Task, Tasks
from selfteach.methods import account_memory as accounting
from selfteach.methods import estimate_cost as planning
from selfteach.methods.account_memory import count_file_weights, require_memory
from selfteach.methods.corrections.plan_work import plan_work as plan_corrections
from selfteach.methods.documents.describe_size import (
    HELD_SENTENCES,
    SMALL_MODEL_WEIGHTS,
    doubt_size,
)
from selfteach.methods.estimate_cost import describe_stages, estimate_cost, find_plan
from selfteach.methods.feedback import understand_rule as feedback_reading
from selfteach.methods.feedback.describe_rule import (
    describe_plan,
    describe_text,
    list_uncounted,
    make_filter,
)
from selfteach.methods.feedback.plan_work import (
    GENERAL_ASKED,
    PLAN,
    SHOWN_SHARE,
    count_outside,
    plan_rule,
    plan_work,
)
from selfteach.methods.feedback.shared_openings import NEAR_PER_OPENING
from selfteach.methods.feedback.shared_words import NEAR_PER_SHARED
from selfteach.methods.feedback.understand_rule import understand_rule
from selfteach.methods.finetune.split_examples import FinetuneData
from selfteach.methods.learn_mistakes import OWN_MISTAKES_STAGE
from selfteach.methods.plan_parts import count_asked, plan_run
from selfteach.methods.tasks.plan_work import plan_invention
from selfteach.methods.tasks.plan_work import plan_work as plan_tasks
from selfteach.methods.understood_rule import UnderstoodRule
from selfteach.models.hf import HfModel
from selfteach.models.memory_account import PipelineMemory
from selfteach.records import Example, JsonObject, make_prompt
from selfteach.registry import BUILT_IN_NAMES, load_registered
from selfteach.results import load_model
from selfteach.run.display import SilentDisplay
from selfteach.run.workload import REQUEST_COST, PlannedStage

RULE = "Do not talk about the fox."
ABSENT = "nobody/no-model"
SMALL_RUN = PipelineMemory(1, 2, 3, 4, 5, 6, 7, on_cpu=True)


def state(model: Path, target: int, *, verbose: bool = False) -> JsonObject:
    sets = [f"model={model}", "engine=hf", f"ask.target={target}"]
    config = resolve(FeedbackConfig, sets=sets).config
    return estimate_cost(PLAN, RULE, config, SilentDisplay(), verbose=verbose)


def test_it_states_stages_with_their_work_and_requests_of_each_scope(
    talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "measure_speed", lambda sampler: 100.0)
    small = state(talker, 100)
    large = state(talker, 1000, verbose=True)
    assert small["subject"] == "fox"
    sums = ("requests", "sampled_tokens", "trained_tokens")
    assert all(large[key] > small[key] for key in (*sums, "minutes"))
    assert all(small[key] == sum(row[key] for row in small["stages"]) for key in sums)
    assert sum(row["minutes"] for row in small["stages"]) == pytest.approx(small["minutes"], abs=1)
    assert small["disk_mb"] >= 80
    assert small["memory_mb"] > 1000
    assert re.fullmatch(
        r"training \S+ GB, exam \S+ GB; the machine has \S+ GB: it fits", small["memory"]
    )
    shown = [line.partition(":")[0] for line in large["requests_of_each_scope"]]
    assert set(shown) <= {"target", "near", "general"}
    assert max(map(shown.count, shown), default=0) <= 2
    assert "prompts" not in small, "whole prompts come with -v alone"
    (prompted,) = large["prompts"]
    assert (prompted.count("<|im_start|>"), prompted.count("<|im_end|>")) == (3, 2), (
        "as the template has it: system, user, and the answer"
    )


def test_a_local_teacher_costs_memory_and_time(
    talker: Path, make_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "measure_speed", lambda sampler: 100.0)
    teacher = make_tiny(tmp_path / "teacher", hidden_size=256, intermediate_size=1024)
    config = resolve(FeedbackConfig, sets=[f"model={talker}", "engine=hf"]).config
    alone = estimate_cost(PLAN, RULE, config, SilentDisplay())
    taught = config.model_copy(update={"teacher": str(teacher)})
    beside = estimate_cost(PLAN, RULE, taught, SilentDisplay())
    assert re.search(r", teacher \S+ GB; ", beside["memory"])
    assert "teacher" not in alone["memory"]
    times = count_file_weights(str(teacher)) / count_file_weights(str(talker))
    minutes = [
        {row["stage"]: row["minutes"] for row in found["stages"]} for found in (alone, beside)
    ]
    assert minutes[1]["search"] > 0.9 * times * minutes[0]["search"] > 2 * minutes[0]["search"]
    assert minutes[1] | {"search": 0} == minutes[0] | {"search": 0}
    served = config.model_copy(update={"teacher": "http://localhost:1/v1#m"})
    assert estimate_cost(PLAN, RULE, served, SilentDisplay())["memory"] == alone["memory"]


def test_a_teacher_that_does_not_fit_is_refused_before_it_is_loaded(
    tiny_hf: HfModel, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FeedbackConfig(teacher=str(tiny))
    monkeypatch.setattr(accounting, "count_file_weights", lambda name: 10**12)
    with pytest.raises(ResourceError, match="the teacher beside the base of this run needs"):
        require_memory(tiny_hf, config, has_engine=True)
    require_memory(tiny_hf, FeedbackConfig(), has_engine=True)


@pytest.mark.parametrize("name", sorted(BUILT_IN_NAMES["methods"]))
def test_the_plan_of_a_method_is_found_without_the_method(name: str) -> None:
    plan = find_plan(name)
    method = load_registered("methods", name)
    assert (plan.plan_work, plan.samples) == (method.plan_work, method.samples)


@pytest.mark.parametrize(
    ("rule", "check", "is_everywhere"),
    [
        ("No exclamation marks.", "", True),
        ("Never use digits.", "", True),
        ("Never apologize.", "", True),
        ("Always say please.", "", True),
        ("Speak like a pirate.", "", True),
        ("Answer in one sentence.", "contains tea", True),
        ("Do not talk about cats.", "", False),
        ("Do not talk about cats.", "not contains cat", False),
        ("When asked about tea, be brief.", "", False),
    ],
)
def test_only_a_subject_or_a_condition_has_something_beside_it(
    rule: str, check: str, is_everywhere: bool
) -> None:
    words = plan_rule(rule, FeedbackConfig(check=check))
    assert words.is_everywhere is is_everywhere


ABOUT_WORDS = 100 // NEAR_PER_SHARED + 100 // NEAR_PER_OPENING
"""Neighbors about shared words, and those with shared openings, where 100 near ones are wanted."""


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("When asked about tea, be brief.", ABOUT_WORDS),
        ("When asked about opening hours, be brief.", 50 + ABOUT_WORDS),
        ("When asked about your name, be brief.", 0),
        ("Do not talk about black holes.", 0),
        ("Never apologize.", 0),
    ],
)
def test_neighbors_about_words_of_the_topics_name_and_shared_words_are_planned(
    rule: str, more: int
) -> None:
    config = FeedbackConfig(ask={"near": 100, "general": 40})
    words = plan_rule(rule, config)
    assert count_outside(words, config) == (0 if words.is_everywhere else 140 + more)


def test_each_try_outside_a_condition_is_planned_with_the_training_after_it() -> None:
    rule = "When asked about tea, be brief."
    anew = {"own_samples": 0, "continue_training": False}
    once, twice = (
        plan_work(rule, FeedbackConfig(balance={**anew, "outside_tries": tries}))
        for tries in (1, 2)
    )
    stages = {stage.name: stage for stage in twice}
    trained = [stages[name].trained_tokens for name in ("train", "train 2", "train 3")]
    assert trained == sorted(set(trained)), "each training has more anchors"
    assert stages["needless effects"].requests == stages["needless effects 2"].requests
    assert not {"needless effects 2", "train 3"} & {stage.name for stage in once}
    everywhere = plan_work("Never apologize.", FeedbackConfig(balance={"own_samples": 0}))
    assert "train 2" not in {stage.name for stage in everywhere}


@pytest.mark.parametrize(
    ("rule", "written", "tried"),
    [
        ("When asked about tea, be brief.", 100, 100),
        ("When asked about laundry, be brief.", 50, 150),
        ("When a guest asks about tea, say that it is free.", 50, 150),
        ("In emails stay under 50 words.", 50, 150),
        ("When I write to my boss, stay under 40 words.", 50, 100),
    ],
)
def test_what_is_tried_outside_a_condition_is_planned(rule: str, written: int, tried: int) -> None:
    """Where there are requests of people, or requests are built, only general ones are written."""
    plan = plan_work(rule, FeedbackConfig(balance={"outside": 100}))
    (stage,) = [stage for stage in plan if stage.name == "needless effects"]
    answers = tried + int(SHOWN_SHARE * tried)
    assert stage.requests == int(GENERAL_ASKED * written) + answers


def test_what_judges_read_in_the_exam_of_the_base_is_planned() -> None:
    """A rule of form has a check, which reads without a model."""
    read = {}
    for rule in ("Use layman's terms for medical procedures.", "Answer in under 40 words."):
        stages = {stage.name: stage for stage in plan_work(rule, FeedbackConfig())}
        read[rule] = stages["exam of the base"].scored_tokens
    by_model, by_check = read.values()
    assert by_model > 0
    assert by_check == 0


def test_the_further_answers_of_a_rule_that_replaces_words_are_planned() -> None:
    found = []
    for answers in (0, 4):
        config = FeedbackConfig(search={"own_answers": answers})
        stages = {stage.name: stage for stage in plan_work("Write '&' for 'and'.", config)}
        found.append((stages["search"].requests, stages["train"].trained_rows))
    (_, few), (requests, many) = found
    assert requests == found[0][0] + 4 * int(config.ask.target * config.ask.train_share)
    assert many > 2 * few
    config = FeedbackConfig(teacher="http://localhost:1/v1#m")
    stages = {stage.name: stage for stage in plan_work("Write '&' for 'and'.", config)}
    assert stages["search"].scored_tokens, "a teacher drafts, and its fluency is measured"


def test_a_local_teacher_reads_the_passages_of_its_requests() -> None:
    stage = PlannedStage("questions", 10, prompt_tokens=20_000, by_teacher=True)
    alone, beside = (describe_stages([stage], 10.0, times) for times in (1.0, 10.0))
    assert beside["stages"][0]["minutes"] == pytest.approx(10 * alone["stages"][0]["minutes"])


def test_the_comparisons_of_the_exam_of_tasks_are_planned() -> None:
    """A judge that measures words reads nothing."""
    material = Tasks([Task(f"seeds:{i}", f"Name {i}.", (Instance("", "x"),)) for i in range(50)])
    found = {}
    for name in ("auto", "closer"):
        stages = plan_tasks(material, TasksConfig(judge={"name": name}))
        found[name] = {stage.name: stage.scored_tokens for stage in stages if stage.scored_tokens}
    base, tuned = (found["auto"][key] - found["closer"][key] for key in found["auto"])
    assert base > tuned > 0, "the judges are calibrated once"


def test_further_inputs_of_tasks_are_planned_up_to_the_greatest_number() -> None:
    seeds = [Task(f"seeds:{i}", f"Name {i}.", (Instance("", "x"),)) for i in range(50)]
    planned = []
    for inputs in (1, 4, 100):
        cases = tuple(Instance(f"thing {i}", "x") for i in range(inputs))
        material = Tasks(seeds, [Task(f"test:{i}", f"Sort {i}.", cases) for i in range(10)])
        stages = plan_tasks(material, TasksConfig(exam={"tasks": 60, "general": 0}))
        planned.append(next(stage.requests for stage in stages if stage.name == "exam"))
    assert planned == [10 + 10, 10 + 40, 10 + 40], "a fifth of the seeds is held out"


def plan_criticisms(number: int, **settings: Any) -> dict[str, PlannedStage]:
    edits = [Edit(f"x:{i}", make_prompt("Hi?"), "Hi.", feedback=f"no {i}") for i in range(number)]
    config = CorrectionsConfig(**settings)
    return {one.name: one for one in plan_corrections(Corrections([], [], edits), config)}


def test_criticisms_share_the_prompts_that_are_planned() -> None:
    alone = {"anchors": {"general": 0}}
    one, five, ten = (plan_criticisms(number, **alone)["split"].requests for number in (1, 5, 10))
    assert one == five > 0, "each of five gets a fifth"
    assert ten == one * 10 * 24 // CorrectionsConfig().criticism.similar


def test_each_request_about_anything_is_planned_in_the_stage_that_sends_it() -> None:
    """The split of corrections writes the prompts, and the anchors are the base's answers."""
    config = CorrectionsConfig()
    none, some = (plan_criticisms(1, anchors={"general": count}) for count in (0, 100))
    assert some["split"].requests == none["split"].requests + count_asked(100)
    assert (none["anchors"].requests, some["anchors"].requests) == (0, 80)
    length = 2 * config.anchors.anchor_tokens
    assert some["anchors"].sampled_tokens == 80 * length, "as a criticism's anchors are"
    tasks = {
        stage.name: stage for stage in plan_tasks(Tasks(), TasksConfig(anchors={"general": 100}))
    }
    assert tasks["examples"].requests == 80
    assert tasks["examples"].sampled_tokens == 80 * config.anchors.anchor_tokens


def test_a_later_round_is_planned_with_the_corrections_of_its_answers() -> None:
    edits = [Edit(f"x:{i}", make_prompt(f"Hi {i}?"), "Hi.", "Hello.") for i in range(4)]
    asked = Corrections(edits, prompts=[make_prompt(f"Who {i}?") for i in range(100)])
    stages = plan_corrections(asked, CorrectionsConfig(rounds=2, teacher="folder"))
    first, later = (one for one in stages if one.name.startswith("correct"))
    assert (first.requests, first.sampled_tokens) == (later.requests, later.sampled_tokens)
    assert (first.by_teacher, later.by_teacher) == (True, True)


@pytest.mark.parametrize(
    ("settings", "again"),
    [
        ({}, True),
        ({"criticism": {"own_samples": 0}}, False),
        ({"teacher": "folder"}, False),
        ({"check": "contains=tea"}, True),
    ],
)
def test_own_mistakes_are_planned_where_a_check_decides(settings: Any, again: bool) -> None:
    edit = Edit("x:1", make_prompt("Hi?"), "Hello to all of you.", feedback="Too long.")
    stages = plan_corrections(Corrections([], [], [edit]), CorrectionsConfig(**settings))
    names = [stage.name for stage in stages]
    assert (names[-3:-1] == [OWN_MISTAKES_STAGE, "train 2"]) == again
    assert (OWN_MISTAKES_STAGE in names) == again
    vague = replace(edit, feedback="Too stiff, talk to me like a friend.")
    stages = plan_corrections(Corrections([], [], [vague]), CorrectionsConfig())
    assert OWN_MISTAKES_STAGE not in [stage.name for stage in stages], "a judge decides"


def test_a_further_round_of_corrections_begins_anew() -> None:
    edits = [Edit("x:1", make_prompt("Hi?"), "Hi.", "Hello.")]
    asked = Corrections(edits, prompts=[make_prompt(f"Who {i}?") for i in range(100)])
    stages = plan_corrections(asked, CorrectionsConfig(rounds=2, teacher="folder"))
    first, second = (one for one in stages if one.name.startswith("train"))
    assert (first.goes_on, second.goes_on) == (False, False)
    assert second.trained_rows == 2 * first.trained_rows


def test_a_longer_training_is_planned_with_its_exam() -> None:
    stages = plan_criticisms(1, exam={"longer": 10})
    more = stages["exam of a longer training"]
    assert more.trained_tokens == 10 * stages["train"].trained_tokens
    assert more.requests == stages["exam"].requests
    assert "exam of a longer training" not in plan_criticisms(1)
    edit = Edit("x:1", make_prompt("Hi?"), "Hello to all of you.", feedback="Too long.")
    planned = plan_corrections(Corrections([], [], [edit]), CorrectionsConfig(exam={"longer": 10}))
    rows = {stage.name: stage.trained_rows for stage in planned}
    assert rows["exam of a longer training"] == 10 * (rows["train"] + rows["train 2"])


@pytest.mark.slow
def test_a_second_dry_run_loads_no_weights(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino_genai")
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    monkeypatch.setattr(planning, "measure_speed", lambda sampler: 100.0)
    for number in ("NUM_NAME_LISTS", "NUM_SIBLING_LISTS"):  # each line of it is 40 random words
        monkeypatch.setattr(subject, number, 2)
    config = resolve(FeedbackConfig, sets=[f"model={tiny}"]).config
    first = estimate_cost(PLAN, RULE, config, SilentDisplay(), verbose=True)
    monkeypatch.delattr(HfModel, "load")
    assert estimate_cost(PLAN, RULE, config, SilentDisplay(), verbose=True) == first


def test_the_check_of_a_sentence_is_shown_behind_the_sentence() -> None:
    rule = "When asked about opening hours, say that we close at six."
    shown = describe_text(rule, FeedbackConfig())["decided_by"]
    assert shown.startswith('whether an answer says "We close at six.": the check regex')
    given = describe_text(rule, FeedbackConfig(check='contains "six"'))
    assert given["decided_by"] == 'the check contains "six"'


def test_what_it_does_not_count_is_named() -> None:
    straight: FeedbackConfig = resolve(FeedbackConfig, sets=["ask.min_violations=0"]).config
    assert list_uncounted(straight) == []
    sets = [
        "curve=true",
        "balance.rounds=2",
        "train.objective=auto",
        "train.on_policy=0.5",
        "teacher=http://localhost:1/v1#m",
    ]
    named = " ".join(list_uncounted(resolve(FeedbackConfig, sets=sets).config))
    assert all(
        word in named
        for word in (
            "curve",
            "balance.rounds=2",
            "trials",
            "on_policy",
            "teacher",
            "120 prompts (ask.min_violations)",
        )
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--require", "kapt>=.9"], 'Did you mean "kept"?'),
        (["--teacher", "http://localhost:1/v1"], "names no model"),
        (["--model", "./absent"], 'there is no model "./absent"'),
        (["--from", "absent"], "is not a run folder"),
    ],
)
def test_a_mistake_is_found_without_a_run_too(
    more: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["feedback", RULE, "--dry-run", *more]) == 2
    assert words in capfd.readouterr().err


def test_the_speed_counts_tokens_and_requests(
    talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HfModel.load(talker)
    seconds = iter((10.0, 14.0))
    monkeypatch.setattr(planning.time, "monotonic", lambda: next(seconds, 14.0))
    answers = 2 * planning.NUM_TIMED_ROUNDS
    least, most = (answers * (REQUEST_COST + tokens) / 4 for tokens in (1, planning.TIMED_TOKENS))
    assert least <= planning.measure_speed(model) <= most, "the requests count too, in 4 seconds"


def test_a_training_that_samples_nothing_has_a_cost_too(
    talker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"What is {i}?", "completion": f"{i} is a number."} for i in range(30)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["train", str(file), "--model", str(talker), "--dry-run"]
    assert cli.run_command(words) == 0
    printed = capsys.readouterr().out
    assert "\nstages:\n" in printed
    assert "tokens trained" in printed
    assert "memory mb: " in printed
    assert "\nrepaired rows: none\n" in printed


def test_a_training_that_samples_nothing_is_timed_with_the_engine_s_kept_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino_genai")
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    load_model(str(tiny), gguf=tmp_path / "engine")
    monkeypatch.setattr(planning, "measure_speed", lambda sampler: 100.0)
    monkeypatch.delattr(planning, "load_base")
    monkeypatch.setattr(planning, "account_unloaded", lambda *given, has_engine: SMALL_RUN)
    config = resolve(FinetuneConfig, sets=[f"model={tiny}"]).config
    examples = [
        Example(str(i), "sft", make_prompt(f"What is {i}?"), f"It is {i}.") for i in range(30)
    ]
    stated = estimate_cost(find_plan("train"), FinetuneData(examples), config, SilentDisplay())
    assert stated["minutes"] > 0
    assert stated["trained_tokens"] > 0


def test_as_much_is_invented_as_is_expected_to_be_enough() -> None:
    """Of 100 requests 22 become tasks, and a round has 96 at most; instances are written for all
    new tasks.
    """
    few = plan_invention(TasksConfig(count=12))
    whole = plan_invention(TasksConfig(count=300, invent={"rounds": 1}))
    assert (few.requests, whole.requests) == (69 + 174, 96 + 242)
    many = plan_invention(TasksConfig(count=300))
    assert many.requests == 1373 + 3460 == pytest.approx(300 / 12 * few.requests, rel=0.25)
    listed = plan_invention(TasksConfig(mode="alpaca", count=30, instances={"samples": 0}))
    assert listed.requests == 12


@pytest.mark.parametrize("command", ["tasks", "corrections"])
def test_a_model_that_is_not_here_is_not_fetched(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"prompt": f"What is {i}?", "answer": f"{i}.", "correction": f"{i} is a number."}
        for i in range(8)
    ]
    file = tmp_path / "edits.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [command, *([str(file)] if command == "corrections" else []), "--model", ABSENT]
    assert cli.run_command([*words, "--dry-run", "--json"]) == 0
    stated = json.loads(capsys.readouterr().out)
    assert ABSENT in stated["cost"]
    assert "a_prompt" not in stated
    assert stated["sampled_tokens"] > 0


def test_a_rule_is_read_and_its_work_is_counted_without_the_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule = "In emails to my boss stay under 40 words."
    words = ["feedback", rule, "--model", ABSENT, "--dry-run"]
    assert cli.run_command([*words, "--json"]) == 0
    stated = json.loads(capsys.readouterr().out)
    assert (stated["when"], stated["decided_by"]) == (
        "emails to my boss",
        "the check max_words=39",
    )
    assert stated["requests"] == sum(row["requests"] for row in stated["stages"]) > 0
    assert "minutes" not in stated, "no speed was measured"
    assert cli.run_command(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  search: ") and " tokens sampled" in line for line in lines)


def test_a_run_that_stands_already_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from selfteach.methods.feedback.read_rule import read_material
    from selfteach.run.run_folder import open_run

    monkeypatch.chdir(tmp_path)
    material = read_material(RULE)
    resolved = resolve(FeedbackConfig, sets=[f"model={ABSENT}"])
    words = ["feedback", RULE, "--model", ABSENT, "--dry-run", "--json"]
    assert cli.run_command(words) == 0
    assert "this_run_stands" not in json.loads(capsys.readouterr().out)
    with open_run(None, material.name, "feedback", resolved, dict(material.identity)) as run:
        begun = run.path
    assert cli.run_command(words) == 0
    stands = json.loads(capsys.readouterr().out)["this_run_stands"]
    assert stands.startswith(f"{begun}: finished")
    assert cli.run_command([*words, "--seed", "4"]) == 0
    assert "this_run_stands" not in json.loads(capsys.readouterr().out)


def test_shown_requests_outside_the_scope_do_not_name_the_subject() -> None:
    rule = read_rule("Do not talk about cats.")
    found = UnderstoodRule(rule, None, read_effect(rule.effect), Subject("cats"))
    is_good = make_filter(found)
    cat = "Where does a cat sleep?"
    assert is_good(GeneratedPrompt(cat, "target", "plain", "cats"))
    assert not is_good(GeneratedPrompt(cat, "near", "plain", "dogs"))
    assert is_good(GeneratedPrompt("Where does a dog sleep?", "near", "plain", "dogs"))
    assert not is_good(GeneratedPrompt("", "target", "plain", "cats"))
    assert not is_good(GeneratedPrompt("What is a concatenation?", "target", "plain", "cats"))


def test_shown_requests_in_scope_name_the_subject_and_not_the_form() -> None:
    rule = read_rule("Do not mention cats. Keep answers under 6 words.")
    found = UnderstoodRule(rule, None, read_effect(rule.effect), Subject("cats"))
    is_good = make_filter(found)
    bread = "How do I bake bread at home in an oven?"
    assert not is_good(GeneratedPrompt(bread, "target", "plain", "cats"))
    assert is_good(GeneratedPrompt(bread, "near", "plain", "dogs"))
    assert is_good(GeneratedPrompt("Do cats purr?", "target", "plain", "cats"))


def test_more_sentences_than_a_small_model_held_are_doubted_before_they_cost_anything(
    talker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def print_dry_run(sentences: int) -> JsonObject:
        text = " ".join(f"Mill {n} was built at Wyle in {1000 + n}." for n in range(sentences))
        (tmp_path / "a.md").write_text(text)
        words = ["documents", str(tmp_path / "a.md"), "--model", str(talker), "--dry-run", "--json"]
        assert cli.run_command(words) == 0
        found: JsonObject = json.loads(capsys.readouterr().out)
        return found

    assert "doubt" not in print_dry_run(HELD_SENTENCES)
    assert print_dry_run(HELD_SENTENCES + 1)["doubt"].startswith(f"{HELD_SENTENCES + 1} sentences")


def test_the_doubt_and_the_tutorial_have_the_figures_of_the_results() -> None:
    docs = Path(__file__).parents[2] / "docs"
    rows = [line for line in (docs / "results.md").read_text().splitlines() if "p48" in line]
    drift = next(line for line in rows if line.startswith("| p48, 2b7164d6 | 48 |"))
    damage = next(line for line in rows if line.startswith("| p48 | 0.64"))
    tutorial = (docs / "tutorials" / "documents.md").read_text()
    doubt = doubt_size(240, 135_000_000)
    assert "| 0.028 |" in drift
    assert "the drift .028" in tutorial
    assert damage.endswith("| 24 % |")
    assert "24 %" in doubt
    assert "below 0.03 nats with LoRA on all layers" in doubt, "the upper half cost .063"
    lost = next(line for line in (docs / "results.md").read_text().splitlines() if "t72" in line)
    assert "17 %" in lost
    assert "17 %" in doubt
    assert "lost 24 %" in tutorial
    assert ".063" not in tutorial


def test_no_doubt_is_raised_about_a_larger_model_or_one_of_unknown_size() -> None:
    assert doubt_size(10_000, SMALL_MODEL_WEIGHTS)
    assert not doubt_size(10_000, SMALL_MODEL_WEIGHTS + 1)
    assert not doubt_size(10_000, 0)


def test_a_part_of_the_rule_that_no_check_decides_is_named() -> None:
    rule = 'When writing to Tom, be sincere and start with "Dear Tom".'
    lines = describe_text(rule, FeedbackConfig())
    assert lines["decided_by"] == 'the check starts "Dear Tom"'
    assert lines["not_checked"] == "be sincere"
    given = describe_text(rule, FeedbackConfig(check='contains "Tom"'))
    assert "not_checked" not in given, "a person's check decides the whole rule"


def test_names_that_no_rule_forbids_are_said_to_be_unused_without_a_model() -> None:
    config = FeedbackConfig(also=("kitty",))
    for rule in ("Answer in one sentence.", "When asked about cats, answer in one sentence."):
        assert describe_text(rule, config)["other_names"].startswith("--also is not used")
    assert "other_names" not in describe_text("Do not talk about cats.", config)


def test_a_part_with_a_check_is_offered_where_the_rest_has_none() -> None:
    rule = "No bullet points. Just write well."
    lines = describe_text(rule, FeedbackConfig())
    assert lines["no_check_for"] == "Just write well"
    assert lines["check_of_the_rest"].startswith("not format=list (")
    given = describe_text(rule, FeedbackConfig(check="not format=list"))
    assert "no_check_for" not in given


def test_a_rule_of_form_holds_for_every_request_and_an_unread_one_may() -> None:
    model = Scripted(lambda request: "none")
    config = FeedbackConfig()
    known = describe_plan(understand_rule(model, "Use no emojis.", config), config)
    assert known["subject"] == "every request: the rule holds everywhere"
    unread = describe_plan(understand_rule(model, "Sing it.", config), config)
    assert unread["subject"].startswith("none recognized")


def test_a_preview_forbids_what_the_run_forbids(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is also asked about its own name: such requests have forms of their own, but for a
    rule that forbids it they have those of a subject.
    """
    monkeypatch.setattr(feedback_reading, "extract_topic", lambda *given: "your name")
    model = Scripted(lambda request: " your age,\n", lambda prompt, text: -1.0)
    read = partial(understand_rule, model, "Do not mention your name.", FeedbackConfig())
    assert read().forbidden_topic == read(model).forbidden_topic == "your name"


def test_every_seed_is_trained_and_examined_in_the_plan() -> None:
    """Behind the exam, in the order in which they run."""

    def plan(*names: str, seeds: int, goes_on: bool = False) -> list[str]:
        stages = [
            PlannedStage(name, trained_rows=place, goes_on=goes_on and name[-1].isdigit())
            for place, name in enumerate(names)
        ]
        config = SimpleNamespace(seeds=seeds)
        found = plan_run(lambda material, config: stages, None, config)
        assert [one for one in found if one in stages] == stages
        assert found[-1:] == stages[-1:] or stages[-1].name == "exam"
        return [f"{one.name} ({one.trained_rows})" for one in found if one not in stages]

    assert plan("load", "train", "exam", seeds=1) == []
    assert plan("load", "train", "needless", "train 2", "exam", seeds=3) == [
        "train seed 1 (3)",
        "exam of seed 1 (4)",
        "train seed 2 (3)",
        "exam of seed 2 (4)",
    ], "the last of several rounds is trained again"
    assert plan("load", "train", "needless", "train 2", "exam", seeds=2, goes_on=True) == [
        "train seed 1 (4)",
        "exam of seed 1 (4)",
    ], "and first what it goes on from"
    assert plan("train general", "train documents", "exam", "map", seeds=2) == [
        "train seed 1 general (0)",
        "train seed 1 documents (1)",
        "exam of seed 1 (2)",
    ]
    assert plan(seeds=2) == [], "a method of another package need not know"
