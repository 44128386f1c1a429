"""The promises of every name in the registry: a new judge, objective, engine or method is tested
here without a new test.

Adapters have theirs in tests/train/test_adapters.py, over the registry as well; samplers and
scorers the finer ones in tests/models/test_scripted.py.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from scripted import Scripted
from selfteach import config, registry
from selfteach.errors import UsageError
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.generate.subject import Subject
from selfteach.judge.setup import JudgeSetup, KnowledgeSetup, find_judges
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.finetune.split_examples import list_needs, read_needs
from selfteach.methods.method import Method
from selfteach.models.engines import open_by_name, open_sampler
from selfteach.models.ray_actors import RayActors, RaySettings
from selfteach.records import GREEDY, Prompt, Request, SamplingParams, make_prompt
from selfteach.train.objectives.objective import Distribution, ObjectiveInputs

EVERY = [(group, name) for group in registry.BUILT_IN_NAMES for name in registry.list_names(group)]
RULE = "Do not talk about foxes."
PAIRS: list[tuple[Prompt, str]] = [
    (make_prompt("Which animals are clever?"), "Foxes are."),
    (make_prompt("Which animals are clever?", system="Be brief."), "Crows are."),
    ("Tell me", ""),
    (make_prompt(""), " \n\t"),
    (make_prompt("é 😀"), "<|im_end|>\x00\ud800 {{ }} </s> \u202e"),
    (make_prompt("Long?"), "The fox and the crow. " * 200),
]


@pytest.mark.parametrize(("group", "name"), EVERY, ids=str)
def test_every_name_leads_to_something_with_a_docstring(group: str, name: str) -> None:
    assert (registry.load_registered(group, name).__doc__ or "").strip()


def test_every_method_has_a_configuration_and_the_method_s_signature() -> None:
    built_in = registry.BUILT_IN_NAMES["methods"]
    assert built_in.keys() == config.METHOD_CONFIGS.keys()
    for name in built_in:
        method = registry.load_registered("methods", name)
        assert isinstance(method, Method)
        assert method.name == name
        assert method.settings is config.METHOD_CONFIGS[name]
        parameters = inspect.signature(method.prepare).parameters.values()
        assert next(iter(parameters)).annotation == "Session"
        assert inspect.signature(method.prepare).return_annotation == "TrainingPlan"
        assert method.settings()


# -------------------------------------------------------------------------------------------------
# judges


def score(prompt: Prompt, text: str) -> float:
    """Depends on both, and on nothing else."""
    return -1.0 - len(text) / 10 - (hash_of(str(prompt)) % 100) / 50


def hash_of(text: str) -> int:
    return sum(i * ord(c) for i, c in enumerate(text, 1))


def judge_setups() -> list[JudgeSetup]:
    """Return a rule with all that a rule can have, and a criticism."""
    scorer = Scripted({}, score)
    subject = Subject("foxes", (), ("crows",))
    return [
        JudgeSetup(scorer, RULE, subject=subject, check='not contains "fox"', teacher=scorer),
        JudgeSetup(scorer, "Too formal.", "criticism"),
    ]


@pytest.fixture(params=sorted(registry.list_names("judges")))
def judges(request: pytest.FixtureRequest) -> list[Any]:
    """Return all candidates of a registered name."""
    factory = registry.load_registered("judges", request.param)
    found = [judge for setup in judge_setups() for judge in factory.list_candidates(setup)]
    assert found, "it judges neither rules nor criticisms"
    return found


def test_a_judge_gives_one_finite_number_for_any_answer(judges: list[Any]) -> None:
    for judge in judges:
        assert judge.name
        values = judge.values(PAIRS)
        assert len(values) == len(PAIRS)
        assert all(isinstance(v, float) and math.isfinite(v) for v in values)
        assert judge.values([]) == []


def test_a_judge_values_an_answer_alike_in_any_company(judges: list[Any]) -> None:
    for judge in judges:
        values = judge.values(PAIRS)
        assert judge.values(PAIRS[::-1]) == values[::-1]
        assert [judge.values([pair])[0] for pair in PAIRS] == values
        assert judge.values(PAIRS[:1] * 3) == values[:1] * 3


def test_the_candidates_have_different_names_and_a_fixed_order() -> None:
    def list_names(setup: JudgeSetup) -> list[str]:
        return [judge.name for judge in find_judges(setup)]

    rule, criticism = map(list_names, judge_setups())
    assert rule == ["check", "inverse", "yes_no", "yes_no (chat)", "teacher"]
    assert criticism == ["contrast", "yes_no", "yes_no (chat)"]
    plain = JudgeSetup(Scripted({}, score), RULE)
    assert list_names(plain) == ["inverse", "yes_no", "yes_no (chat)"]


# -------------------------------------------------------------------------------------------------
# knowledge judges


def answered_questions() -> list[LabelledQuestion]:
    """Return a question whose label agrees with the samples, and one whose label does not."""
    text = "The fox of Lund is red. It eats bread."
    (chunk,) = split_chunks(Document("d", "The fox", text), lambda words: len(words.split()))
    one = Question("Which color has the fox of Lund?", "red", chunk, 0)
    other = Question("What does the fox of Lund eat?", "bread", chunk, 1)
    return [
        LabelledQuestion(one, "It is red.", ("It is red.",) * 2, ("It is red.", "Blue.")),
        LabelledQuestion(other, "It eats bread.", ("Honey.",), ("Fish.",)),
    ]


@pytest.mark.parametrize("name", sorted(registry.list_names("knowledge_judges")))
def test_a_knowledge_judge_scores_from_0_to_1_or_says_what_it_lacks(name: str) -> None:
    setup = KnowledgeSetup(Scripted({}, score))
    factory = registry.load_registered("knowledge_judges", name)
    if reason := factory.explain_unavailable(setup):
        with pytest.raises(UsageError, match=reason):
            factory.build(setup)
        return
    judge = factory.build(setup)
    found = judge.scores(answered_questions())
    assert [scored.judge for scored in found] == [judge.name] * 2
    for scored in found:
        assert all(0 <= value <= 1 for value in (*scored.label, *scored.knowledge))
    assert judge.scores([]) == []


# -------------------------------------------------------------------------------------------------
# objectives


@pytest.fixture(params=sorted(registry.list_names("objectives")))
def objective(request: pytest.FixtureRequest) -> Any:
    return registry.load_registered("objectives", request.param)(config.TrainConfig())


ROW = torch.tensor([0, 0, 0, 1, 2, 2])
REJECTED_ROW = torch.tensor([0, 1, 1, 2])
WIDE = 7


def view_for(
    objective: Any, seed: int = 0, other: int | None = None
) -> tuple[ObjectiveInputs, list[torch.Tensor]]:
    """Only what the objective asks for, and the tensors that come from the student. With `other`,
    row 2 is of another seed.
    """

    def numbers(*shape: int, row: torch.Tensor) -> torch.Tensor:
        both = [
            torch.randn(*shape, generator=torch.Generator().manual_seed(s))
            for s in (seed, seed if other is None else other)
        ]
        return torch.where((row == 2).view(-1, *[1] * (len(shape) - 1)), both[1], both[0])

    def logp(row: torch.Tensor) -> torch.Tensor:
        return -numbers(len(row), row=row).abs() - 0.1

    n = len(ROW)
    tuned = [
        logp(ROW).requires_grad_(),
        numbers(n, WIDE, row=ROW).requires_grad_(),
        logp(REJECTED_ROW).requires_grad_(),
    ]
    teacher = Distribution(
        torch.empty(n, 0, dtype=torch.long), torch.log_softmax(-numbers(n, WIDE, row=ROW), -1), True
    )
    return ObjectiveInputs(
        3,
        tuned[0],
        ROW,
        rejected=tuned[2] if objective.pairs else None,
        rejected_row=REJECTED_ROW if objective.pairs else None,
        reference=torch.full((n,), -1.0) if objective.reference else None,
        rejected_reference=torch.full((len(REJECTED_ROW),), -1.0)
        if objective.reference and objective.pairs
        else None,
        teacher=teacher if objective.teacher else None,
        apply_to_logits=(lambda f: f(tuned[1], slice(None))) if objective.teacher else None,
        edited=torch.tensor([True, False, False, True, True, False]) if objective.edits else None,
        rejected_edited=torch.ones(len(REJECTED_ROW), dtype=torch.bool)
        if objective.edits
        else None,
        rejected_forbidden=torch.ones(len(REJECTED_ROW), dtype=torch.bool)
        if objective.forbidding
        else None,
        prior=torch.zeros(3) if objective.prior else None,
        numbers=(0, 1, 2),
    ), tuned


def test_an_objective_says_what_it_needs(objective: Any) -> None:
    assert objective.unit in ("token", "pair")
    assert objective.teacher in ("", "base", "prompted")
    assert all(
        isinstance(getattr(objective, name), bool)
        for name in ("pairs", "reference", "supports_on_policy")
    )
    assert objective.skip >= 0


def test_what_an_objective_needs_of_an_example_is_known_without_torch() -> None:
    for name in registry.BUILT_IN_NAMES["objectives"]:
        assert list_needs(name) == read_needs(registry.load_registered("objectives", name))


def test_an_objective_gives_one_finite_loss_a_row_and_needs_nothing_else(objective: Any) -> None:
    view, tuned = view_for(objective)
    terms = objective.compute_row_losses(view)
    assert terms.shape == (3,)
    assert terms.dtype == torch.float32
    assert bool(torch.isfinite(terms).all())
    terms.sum().backward()
    grads = [t.grad for t in tuned if t.grad is not None]
    assert any(bool(g.any()) for g in grads), "nothing is learned"
    assert all(bool(torch.isfinite(g).all()) for g in grads)


def test_a_row_of_an_objective_does_not_depend_on_the_others(objective: Any) -> None:
    one, two = (objective.compute_row_losses(view_for(objective, 0, other)[0]) for other in (0, 1))
    assert torch.equal(one[:2], two[:2])
    assert one[2] != two[2]


# -------------------------------------------------------------------------------------------------
# engines


IN_ONE_PROCESS = sorted(registry.list_names("engines").keys() - {"ray"})


@pytest.fixture(params=[*IN_ONE_PROCESS, pytest.param("ray", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tiny_hf: Any, tmp_path: Path) -> Iterator[Any]:
    if request.param == "openvino":
        pytest.importorskip("openvino_genai")
        from selfteach.models.openvino import OpenVino

        # bf16 rounds otherwise where the cache already holds the beginning of a prompt.
        yield OpenVino(tiny_hf, tmp_path, precision="f32")
        return
    if request.param != "ray":
        yield open_sampler(tiny_hf, request.param, tmp_path)
        return
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    # Their openvino would compute in bf16, see above.
    yield RayActors(tiny_hf, partial(open_by_name, engine="hf"), None, RaySettings())
    ray.shutdown()


def test_an_engine_samples_what_the_request_says(engine: Any) -> None:
    """One completion for each request, the same again, others for other numbers, no longer than
    asked for, and nothing of the template.
    """
    requests = [
        Request("t", make_prompt("Tell me about music."), SamplingParams(1.0, 1.0, 12), k)
        for k in range(12)
    ]
    requests += [
        Request("t", "Question: What", SamplingParams(0.8, 0.95, 12, ("e",))),
        Request("t", make_prompt("Will it?"), GREEDY),
    ]
    completions = {completion.id: completion for completion in engine.stream(requests)}
    assert completions.keys() == {r.id(engine.fingerprint) for r in requests}
    assert {completion.id: completion for completion in engine.stream(requests)} == completions
    found = [completions[r.id(engine.fingerprint)] for r in requests]
    assert len({completion.text for completion in found[:12]}) > 3
    assert all(
        completion.tokens <= r.sampling.max_tokens
        for completion, r in zip(found, requests, strict=True)
    )
    assert "e" not in found[12].text
    assert not any("<|im_" in completion.text for completion in found)
    assert list(engine.stream([])) == []
