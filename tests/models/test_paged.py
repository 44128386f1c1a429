"""The engine `paged` against `hf`: the same requests have the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices import every_device
from selfteach.errors import ResourceError, UsageError
from selfteach.models import paged
from selfteach.models.check_family import check_engine
from selfteach.models.engines import PAGED, choose_engine, explain_why_not_paged, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.paged import PagedSampler
from selfteach.records import Request, SamplingParams, make_prompt

pytestmark = pytest.mark.long

PROMPTS = ("Sing.", "Tell me about cars.", "Do not talk about elephants! A rule is a rule.")
SAMPLINGS = (
    SamplingParams(0.0, 1.0, 9),
    SamplingParams(1.0, 1.0, 12),
    SamplingParams(0.7, 0.8, 5),
    SamplingParams(1.0, 1.0, 12, stop=("a",)),
)
REQUESTS = [
    Request("t", make_prompt(text), sampling, number)
    for text in PROMPTS
    for sampling in SAMPLINGS
    for number in range(2)
]
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 8},
}


@pytest.mark.parametrize("family", list(FAMILIES))
@every_device
def test_answers_are_those_of_the_other_engine(
    family: str, device: str, make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tiny(tmp_path, family=family, **FAMILIES[family])
    hf = HfModel.load(folder, dtype="float32", device=device)
    engine = open_sampler(hf, PAGED)
    assert isinstance(engine, PagedSampler)
    check_engine(hf, engine, PAGED)
    wanted = {found.id: found for found in hf.stream(REQUESTS)}
    assert {found.id: found for found in engine.stream(REQUESTS)} == wanted
    assert hf.module.config._attn_implementation == "sdpa", "the model's own is back"
    assert {found.id: found for found in hf.stream(REQUESTS)} == wanted


def test_a_request_does_not_depend_on_the_others(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows at once, so that most of them wait."""
    wanted = {found.id: found for found in tiny_hf.stream(REQUESTS)}
    engine = PagedSampler(tiny_hf)
    monkeypatch.setattr(paged, "MAX_ROWS", {"cpu": 2})
    assert {found.id: found for found in engine.stream(REQUESTS[::-1])} == wanted
    assert {found.id: found for found in engine.stream(REQUESTS[3:4])} == {
        id: found for id, found in wanted.items() if id == REQUESTS[3].id(tiny_hf.fingerprint)
    }
    assert not list(engine.stream([]))


def test_a_fault_ends_in_one_line(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = HfModel.load(tiny, dtype="float32", device="cpu")
    sampler = PagedSampler(hf)

    def fail(*given: Any, **named: Any) -> Any:
        raise RuntimeError("no memory is left")

    monkeypatch.setattr(hf.module.model, "forward", fail)
    with pytest.raises(ResourceError, match=r"the engine of pages stopped.*--engine hf"):
        list(sampler.stream(REQUESTS[:2]))
    assert hf.module.config._attn_implementation == "sdpa"


def test_a_cpu_does_not_choose_it(tiny_hf: HfModel) -> None:
    assert choose_engine(tiny_hf, "auto")[0] != PAGED
    assert explain_why_not_paged(tiny_hf) == ""


def test_layers_with_states_are_refused(make_tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_tiny(
        tmp_path, family="lfm2", layer_types=["conv", "full_attention"], conv_L_cache=3
    )
    hf = HfModel.load(folder, dtype="float32", device="cpu")
    with pytest.raises(UsageError, match=r"another kind \(conv\)"):
        open_sampler(hf, PAGED)
