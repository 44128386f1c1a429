"""The contract of every registered objective, and the one that CONTRIBUTING.md writes in five
minutes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tiny import Tiny, make_examples

from margins import assert_at_most
from selfteach import config, registry
from selfteach.train import micro_batch_loss
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import TrainingRow, encode_examples
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.objectives.objective import Objective, ObjectiveInputs, sum_by_row
from selfteach.train.priors.length import LengthPrior
from selfteach.train.reference import Reference, ReferenceOutputs
from selfteach.train.train import train

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def five_minutes(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the guide's objective, put where the guide says."""
    text = GUIDE.read_text("utf-8")
    ((name, target),) = re.findall(r'`"(\w+)": "(selfteach\.train\.objectives\.\w+:\w+)",`', text)
    module = ModuleType(target.split(":")[0])
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry.BUILT_IN_NAMES["objectives"], name, target)
    return name


class Setup:
    """One objective, a student that has left the base, and what the base knows of the rows."""

    def __init__(self, name: str) -> None:
        settings = config.TrainConfig()
        model = Tiny()
        self.adapter = LoraAdapter.attach(model.module, settings, seed=0)
        self.student = PackedModel(model.module, self.adapter)
        self.objectives = {name: registry.load_registered("objectives", name)(settings)}
        weights = {"in_scope": {name: 1.0}}
        found = make_examples()
        self.rows = encode_examples(model, found, weights, self.objectives, 512, "drop").rows
        self.known = Reference(
            model, self.student, self.objectives, {e.id: e for e in found}, settings
        ).compute(self.rows, 4096)
        dice = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in self.adapter.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=dice))
        self.adapter.begin_step()

    def loss(
        self, rows: list[TrainingRow], known: dict[int, ReferenceOutputs] | None = None
    ) -> torch.Tensor:
        """These rows' share of the loss of all."""
        with self.student.use_attention():
            return micro_batch_loss.compute_loss(
                self.student,
                rows,
                self.objectives,
                micro_batch_loss.count_units(self.objectives, self.rows),
                known or self.known,
            )[0]


@pytest.fixture(params=[*sorted(registry.BUILT_IN_NAMES["objectives"]), "five_minutes"])
def name(request: pytest.FixtureRequest) -> str:
    return (
        request.getfixturevalue("five_minutes")
        if request.param == "five_minutes"
        else request.param
    )


def test_a_small_step_against_the_gradient_lowers_the_loss(name: str) -> None:
    setup = Setup(name)
    before = setup.loss(setup.rows)
    before.backward()
    gradients = [p.grad for p in setup.adapter.parameters()]
    assert before.dtype == torch.float32
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    size = torch.stack([g.norm() for g in gradients if g is not None]).norm()
    assert size > 1e-4
    with torch.no_grad():
        for p in setup.adapter.parameters():
            p -= 1e-3 * p.grad / size
    setup.adapter.begin_step()
    fallen = float((before - setup.loss(setup.rows)).detach())
    assert fallen == pytest.approx(1e-3 * float(size), rel=0.2), (
        "the loss does not follow its gradient"
    )


def test_the_rows_of_a_batch_do_not_know_of_each_other(name: str) -> None:
    """In any order, and cut into parts, they add up to the same."""
    setup = Setup(name)
    whole = float(setup.loss(setup.rows).detach())
    assert float(setup.loss(setup.rows[::-1]).detach()) == pytest.approx(whole, rel=1e-4)
    assert float(
        (setup.loss(setup.rows[:5]) + setup.loss(setup.rows[5:])).detach()
    ) == pytest.approx(whole, rel=1e-4)


def test_nothing_but_the_adapter_is_moved(name: str) -> None:
    setup = Setup(name)
    setup.loss(setup.rows).backward()
    mine = {id(p) for p in setup.adapter.parameters()}
    assert all(p.grad is None for p in setup.student.module.parameters() if id(p) not in mine)
    assert not any(
        fact.reference is not None and fact.reference.requires_grad for fact in setup.known.values()
    )


class Edits(Objective):
    """Learn the changed tokens of the correction."""

    edits = True

    def compute_row_losses(self, inputs: ObjectiveInputs) -> torch.Tensor:
        assert inputs.edited is not None
        return sum_by_row(-inputs.logp * inputs.edited, inputs.row, inputs.rows)


class Forbidding(Objective):
    """Make forbidden words unlikely."""

    forbidding = True

    def compute_row_losses(self, inputs: ObjectiveInputs) -> torch.Tensor:
        assert inputs.rejected is not None
        assert inputs.rejected_row is not None
        marked = inputs.rejected * inputs.rejected_forbidden
        return sum_by_row(marked, inputs.rejected_row, inputs.rows)


class ByLength(Objective):
    """Weigh rows by a domain prior."""

    def __init__(self, settings: config.TrainConfig) -> None:
        super().__init__(settings)
        self.prior = LengthPrior(settings.correction)

    def compute_row_losses(self, inputs: ObjectiveInputs) -> torch.Tensor:
        assert inputs.prior is not None
        return inputs.prior.exp() * sum_by_row(-inputs.logp, inputs.row, inputs.rows)


@pytest.mark.parametrize("made", [Edits, Forbidding, ByLength])
def test_an_objective_that_compares_with_the_rejected_answer_needs_no_pairs(
    made: type[Objective], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN_NAMES["objectives"], "own", f"{__name__}:{made.__name__}")
    setup = Setup("own")
    setup.loss(setup.rows).backward()
    assert any(bool(p.grad.any()) for p in setup.adapter.parameters() if p.grad is not None)


@pytest.mark.training
def test_the_guides_objective_trains(five_minutes: str, tmp_path: Path) -> None:
    """h = 0 before the first step, so the loss begins at (1 / (2 beta))^2 = 25 for beta = 0.1."""
    chosen = config.TrainConfig(
        weights={"in_scope": {five_minutes: 1.0}}, batch_size=12, epochs=8, learning_rate=5e-3
    )
    curve = train(Tiny(), make_examples(), chosen, tmp_path, seed=1).curve
    assert curve[0]["losses"][five_minutes] == pytest.approx(25.0, rel=1e-3)
    assert_at_most("last loss", curve[-1]["loss"], 0.5 * curve[0]["loss"])
