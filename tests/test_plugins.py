"""Judges, knowledge judges and engines that another package brings by entry points."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import config, registry
from selfteach.commands.answer import AnswerOptions, answer_file
from selfteach.errors import UsageError
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import Subject
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.rule import Rule
from selfteach.methods.calibrate_rule_judges import choose_judges
from selfteach.methods.documents.calibrate_knowledge_judges import list_judges
from selfteach.methods.documents.label_questions import make_knowledge_judge as knowledge_judge
from selfteach.methods.understood_rule import UnderstoodRule
from selfteach.models.engines import choose_sampler
from selfteach.records import GREEDY, Request, make_prompt
from selfteach.train.adapters.adapter import is_solved

PLUGIN = '''
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.train.adapters.lora import LoraAdapter
from scripted import Scripted


class OwnLora(LoraAdapter):
    """Be a LoRA by another name."""


class NoAdapter:
    """Attach an adapter, but be none."""

    attach = LoraAdapter.attach


class Solved:
    """Take no steps."""

    solves = True


class CountsFoxes:
    """Value an answer by the foxes in it."""

    name = "foxes"

    @classmethod
    def list_candidates(cls, setup):
        return [cls()] if setup.form == "rule" and "fox" in setup.words else []

    def values(self, pairs):
        return [float(answer.lower().count("fox")) for _, answer in pairs]


class AllUnknown:
    """Call every label consistent and unknown."""

    name = "all_unknown"

    @classmethod
    def explain_unavailable(cls, setup):
        return ""

    @classmethod
    def build(cls, setup):
        return cls()

    def scores(self, answered):
        return [KnowledgeScores(self.name, (0.0,), (1.0,)) for _ in answered]


def say_its_name(model, folder=None):
    """Draw the model's fingerprint, whatever is asked."""
    engine = Scripted(lambda request: f"by {model.fingerprint}", name=model.name)
    engine.fingerprint = model.fingerprint
    return engine
'''
ADAPTERS = {"own_lora": "OwnLora", "no_adapter": "NoAdapter", "solved": "Solved"}
NAMES = {
    "judges": ("foxes", "toy_plugin:CountsFoxes"),
    "knowledge_judges": ("all_unknown", "toy_plugin:AllUnknown"),
    "engines": ("say_its_name", "toy_plugin:say_its_name"),
    "priors": ("exclaims", "toy_plugin:Exclaims"),
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package with one name in each group."""
    (tmp_path / "toy_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))

    points = [EntryPoint(*own, f"selfteach.{group}") for group, own in NAMES.items()]
    points += [
        EntryPoint(name, f"toy_plugin:{own}", "selfteach.adapters")
        for name, own in ADAPTERS.items()
    ]
    monkeypatch.setattr(registry, "entry_points", lambda: EntryPoints(points))


def make_session(method: str, **settings: Any) -> Any:
    """Return what the judges of a method need of a session."""
    notes: dict[str, Any] = {}
    base = Scripted(
        lambda request: "The fox runs." if len(request.prompt) > 1 else f"Bread {request.prompt}"
    )
    base.sample = lambda requests: list(base.stream(requests))  # type: ignore[attr-defined]
    return SimpleNamespace(
        config=config.METHOD_CONFIGS[method](**settings),
        understood=UnderstoodRule(
            Rule("Do not talk about foxes.", ""),
            effect=Effect('not contains "fox"'),
            subject=Subject("foxes", (), ("crows",)),
            judge_name=settings.get("judge", {}).get("name", "auto"),
        ),
        rule="Do not talk about foxes.",
        base=base,
        teacher=None,
        display=SimpleNamespace(print_line=lambda line: None, start_stage=lambda *a, **k: None),
        run=SimpleNamespace(ledger=SimpleNamespace(set_note=notes.__setitem__, get_note=notes.get)),
        notes=notes,
    )


def choose_judge(session: Any) -> Any:
    asked = [
        GeneratedPrompt(f"What do foxes like in case {n}?", "target", "word", "") for n in range(12)
    ]
    asked += [
        GeneratedPrompt(f"What is bread number {n}?", "general", "word", "") for n in range(12)
    ]
    return choose_judges(session, asked)


@pytest.mark.usefixtures("plugin")
def test_a_judge_of_another_package_decides_where_it_is_named() -> None:
    session = make_session("feedback", judge={"name": "foxes"})
    judges = choose_judge(session)
    assert judges.exam.name == "foxes"
    pairs = [(make_prompt("Hello?"), "A fox."), (make_prompt("Hello?"), "A crow.")]
    assert judges.exam.broken(pairs) == [True, False]
    (row,) = session.notes["calibration"][0]["candidates"]
    assert row["name"] == "foxes"


@pytest.mark.usefixtures("plugin")
def test_a_judge_of_another_package_is_calibrated_beside_ours() -> None:
    session = make_session("feedback")
    choose_judge(session)
    names = [row["name"] for row in session.notes["calibration"][0]["candidates"]]
    assert names == ["check", "inverse", "yes_no", "yes_no (chat)", "foxes"]


def test_without_the_package_its_judge_is_unknown() -> None:
    with pytest.raises(UsageError, match='there is no judge "foxes"'):
        choose_judge(make_session("feedback", judge={"name": "foxes"}))


@pytest.mark.usefixtures("plugin")
def test_a_knowledge_judge_of_another_package_selects_where_it_is_named() -> None:
    session = make_session("documents", select={"judge": "all_unknown"})
    found = knowledge_judge(session)
    assert [s.s_knowledge for s in found.scores([None, None])] == [1.0, 1.0]
    assert [one.name for one in list_judges(session, found)] == [
        "all_unknown",
        "match",
        "prompted",
        "gain",
        "entropy",
    ]


@pytest.mark.usefixtures("plugin")
def test_a_knowledge_judge_of_another_package_is_ranked_beside_ours() -> None:
    session = make_session("documents")
    used = knowledge_judge(session)
    names = [one.name for one in list_judges(session, used)]
    assert names == ["match", "prompted", "gain", "entropy", "all_unknown"]


def test_a_knowledge_judge_without_its_package_is_refused() -> None:
    with pytest.raises(ValueError, match='there is no knowledge judge "all_unknown"'):
        config.METHOD_CONFIGS["documents"](select={"judge": "all_unknown"})


@pytest.mark.usefixtures("plugin")
def test_an_adapter_of_another_package_is_a_subclass_of_ours_or_is_solved_for() -> None:
    assert registry.load_registered("adapters", "own_lora").__name__ == "OwnLora"
    assert is_solved("solved")
    with pytest.raises(UsageError) as caught:
        is_solved("no_adapter")
    assert str(caught.value) == (
        'the adapter "no_adapter" of a plug-in is no subclass of Adapter. '
        "Its package must derive it from selfteach.train.adapters.adapter.Adapter."
    )


def name_prior(name: str) -> Any:
    return config.METHOD_CONFIGS["feedback"](train={"correction": {"prior": name}})


@pytest.mark.usefixtures("plugin")
def test_a_prior_of_another_package_may_be_named() -> None:
    assert name_prior("exclaims").train.correction.prior == "exclaims"


def test_a_prior_without_its_package_is_refused() -> None:
    with pytest.raises(ValueError, match='there is no prior "exclaims"'):
        name_prior("exclaims")


@pytest.mark.usefixtures("plugin")
def test_an_engine_of_another_package_samples_where_it_is_named(
    tiny: Path, tiny_hf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.METHOD_CONFIGS["feedback"](engine="say_its_name")
    opened = choose_sampler(tiny_hf, settings.engine)
    assert (opened.engine, opened.reason) == ("say_its_name", "chosen by the user")
    (completion,) = opened.sampler.stream([Request("t", make_prompt("Who?"), GREEDY)])
    assert completion.text == f"by {tiny_hf.fingerprint}"

    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("Who?\n")
    options = AnswerOptions(model=str(tiny), engine="say_its_name")
    answer_file(Path("prompts.txt"), Path("out.jsonl"), options, as_json=True)
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["answers"] == [f"by {tiny_hf.fingerprint}"]


@pytest.mark.usefixtures("plugin")
def test_auto_takes_no_engine_of_another_package(tiny_hf: Any, tmp_path: Path) -> None:
    assert choose_sampler(tiny_hf, "auto", tmp_path).engine in ("openvino", "hf")


def test_without_the_package_its_engine_is_unknown(tiny_hf: Any) -> None:
    with pytest.raises(UsageError, match='there is no engine "say_its_name"'):
        choose_sampler(tiny_hf, "say_its_name")
    with pytest.raises(ValueError, match='there is no engine "say_its_name"'):
        config.METHOD_CONFIGS["feedback"](engine="say_its_name")
