"""Settings that name a kind of example which a method never makes are refused before any work."""

from __future__ import annotations

from typing import Any

import pytest

from selfteach import registry
from selfteach.errors import UsageError
from selfteach.methods import runner

METHODS = ("corrections", "documents", "feedback", "tasks")
MISSPELLED: tuple[tuple[str, Any], ...] = (
    ("weights", {"genral": {"anchor": 2.0}}),
    ("min_share", {"genral": 0.5}),
    ("once", ["genral"]),
)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("key", "value"), MISSPELLED)
def test_a_misspelled_kind_is_named_with_the_nearest_before_any_work(
    name: str, key: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = registry.load_registered("methods", name)
    config = method.settings.model_validate({"train": {key: value}})
    unused: Any = None
    with pytest.raises(UsageError, match="genral") as caught:
        runner.refuse_unknown_kinds(method, config)
    assert caught.value.where == f"train.{key}"
    assert caught.value.cure == 'Did you mean "general"?'
    monkeypatch.setattr(runner, "find_result", lambda run, display: None)
    with pytest.raises(UsageError, match="genral"):
        runner.teach(unused, method, unused, config, unused)


@pytest.mark.parametrize("name", METHODS)
def test_the_kinds_of_a_method_may_be_named(name: str) -> None:
    method = registry.load_registered("methods", name)
    runner.refuse_unknown_kinds(method, method.settings())
    weights = {kind: {"sft": 1.0} for kind in method.kinds}
    config = method.settings.model_validate({"train": {"weights": weights}})
    runner.refuse_unknown_kinds(method, config)
