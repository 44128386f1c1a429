"""Assert what a training reaches, and record how far it is from the bound.

A training's outcome depends on rounding, so on the processor. Such an assertion must hold with a
wide margin; tools/margins.py collects the margins over seeds, instruction sets, threads and dtypes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

import pytest


def assert_at_least(name: str, value: float, bound: float) -> None:
    """Assert `value >= bound` and record the margin `value - bound`."""
    _record(name, value, bound, value - bound)
    assert value >= bound, f"{name}: {value:.6g} is less than {bound:.6g}"


def assert_at_most(name: str, value: float, bound: float) -> None:
    """Assert `value <= bound` and record the margin `bound - value`."""
    _record(name, value, bound, bound - value)
    assert value <= bound, f"{name}: {value:.6g} is more than {bound:.6g}"


def _record(name: str, value: float, bound: float, margin: float) -> None:
    """Append one line to the file that SELFTEACH_TEST_MARGINS names."""
    path = os.environ.get("SELFTEACH_TEST_MARGINS")
    if not path:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    row = {
        "test": test,
        "name": name,
        "value": float(value),
        "bound": float(bound),
        "margin": float(margin),
    }
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


class _Steps:
    """The optimizer steps of this process, once torch is loaded."""

    taken = 0
    counted = False

    @classmethod
    def count(cls) -> int:
        if not cls.counted and "torch.optim.optimizer" in sys.modules:
            from torch.optim.optimizer import register_optimizer_step_post_hook

            register_optimizer_step_post_hook(lambda *_: cls._add())
            cls.counted = True
        return cls.taken

    @classmethod
    def _add(cls) -> None:
        cls.taken += 1


@pytest.fixture(autouse=True)
def every_training_is_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that a test with an optimizer step has the mark `training`.

    tools/margins.py and `make test-avx2` run the marked tests.
    """
    before = _Steps.count()
    yield
    if _Steps.count() > before:
        assert request.node.get_closest_marker("training"), (
            "this test trains something: mark it with @pytest.mark.training"
        )
