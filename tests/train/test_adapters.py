"""The promises of every adapter, over the registry; and that packed rows, sampling and scoring are
right for those that count positions.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Tiny, encode_letters, make_examples

from margins import assert_at_most
from selfteach import config, registry
from selfteach.errors import IntegrityError, UsageError
from selfteach.models import pending
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.openvino import explain_why_not_openvino
from selfteach.models.score import Head, compute_hidden
from selfteach.records import Continuations, Request, SamplingParams, make_prompt
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_attention import use_packed_attention
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import attach_adapter, train

pytestmark = pytest.mark.long

KINDS = [
    {"adapter": "lora"},
    {"adapter": "full"},
    {"adapter": "layers", "layers": {"which": "last 1"}},
    {"adapter": "layers", "layers": {"which": "model.layers.0.mlp, norm"}},
    {"adapter": "bottleneck", "bottleneck": {"size": 5}},
    {"adapter": "prompt", "prompt": {"tokens": 7}},
    {"adapter": "prompt", "prompt": {"tokens": 7, "start": "text", "text": "Be brief."}},
    {"adapter": "prompt", "prompt": {"tokens": 7, "start": "noise"}},
    {"adapter": "reft", "reft": {"rank": 3}},
    {"adapter": "reft", "reft": {"rank": 3, "positions": "f2+l3", "tied": False, "layers": "0"}},
    {"adapter": "reft", "reft": {"rank": 3, "positions": "l2"}},
    {"adapter": "reft", "reft": {"rank": 3, "positions": "all"}},
    {"adapter": "reft", "reft": {"rank": 3, "positions": "all", "site": "down_proj"}},
]
PLAIN = {"lora", "full", "layers"}


def make_settings(kind: dict[str, Any], **more: Any) -> config.TrainConfig:
    return config.TrainConfig.model_validate({**kind, **more})


def name_of(kind: dict[str, Any]) -> str:
    inner = kind.get(kind["adapter"], {})
    return "-".join(
        [
            kind["adapter"],
            *(f"{v}" for k, v in inner.items() if k not in ("rank", "size", "tokens")),
        ]
    ).replace(" ", "")


RARE = ("Bebrief.", "noise", "norm", "-l2", "-all")
"""The ends of the names of kinds whose code other kinds run too."""


def add_marks(kind: dict[str, Any]) -> Any:
    name = name_of(kind)
    return pytest.param(kind, id=name, marks=[pytest.mark.slow] * name.endswith(RARE))


each_kind = pytest.mark.parametrize("kind", [add_marks(kind) for kind in KINDS])


def test_every_adapter_of_the_registry_is_tried_here() -> None:
    gradual = {
        name
        for name in registry.BUILT_IN_NAMES["adapters"]
        if hasattr(registry.load_registered("adapters", name), "attach")
    }
    assert {kind["adapter"] for kind in KINDS} == gradual


def rows(count: int = 5) -> list[TrainingRow]:
    """Prompts of 5 to 29 tokens with a common beginning; two answers each."""
    found = []
    for i in range(count):
        answers = tuple(
            tuple(encode_letters(text))
            for text in (f"answer {'x' * i}.", f"another one {'y' * (7 - i)}")
        )
        found.append(
            TrainingRow(
                i, str(i), "", tuple(encode_letters(f"the {'q' * (1 + 6 * i)}?")), answers, {}
            )
        )
    return found


def shaken(adapter: Any, seed: int = 3, by: float = 0.05) -> Any:
    """Moves every parameter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * by)
    adapter.begin_step()
    return adapter


def put_on(
    kind: dict[str, Any], model: Tiny | None = None, seed: int = 0
) -> tuple[Tiny, Any, PackedModel]:
    model = model or Tiny()
    adapter = attach_adapter(model, make_settings(kind), seed)
    return model, adapter, PackedModel(model.module, adapter)


def states(tuned: PackedModel) -> torch.Tensor:
    with tuned.use_attention():
        return tuned.states(tuned.pack(rows()))


@torch.no_grad()
def seen(tuned: PackedModel) -> torch.Tensor:
    return states(tuned)


@each_kind
def test_attaching_changes_nothing_and_detaching_leaves_nothing(kind: dict[str, Any]) -> None:
    model = Tiny()
    fresh = Tiny()
    flags = [p.requires_grad for p in model.module.parameters()]
    _, _, plain = put_on({"adapter": "lora"}, fresh)
    base = seen(plain)
    model, adapter, tuned = put_on(kind, model)
    assert tuned.can_pack
    if kind["adapter"] != "prompt":
        torch.testing.assert_close(seen(tuned), base, atol=1e-5, rtol=1e-5)
    shaken(adapter)
    mine = seen(tuned)
    assert (mine - base).abs().max() > 1e-3
    with adapter.disable():
        torch.testing.assert_close(seen(tuned), base, atol=1e-6, rtol=1e-6)
    with adapter.merged():
        torch.testing.assert_close(seen(tuned), mine, atol=1e-4, rtol=1e-4)
    adapter.detach()
    ids = torch.tensor([encode_letters("and now?")])
    with torch.no_grad():
        assert torch.equal(model.module(ids).logits, Tiny().module(ids).logits)
    assert [p.requires_grad for p in model.module.parameters()] == flags
    assert str(model.module) == str(Tiny().module)
    assert not hasattr(model.module, "selfteach_hooks")


@each_kind
def test_only_its_parameters_get_gradients(kind: dict[str, Any]) -> None:
    model, adapter, tuned = put_on(kind)
    shaken(adapter)
    found = states(tuned)
    tuned.token_logp(found, tuned.pack(rows()).targets).mean().backward()
    mine = {id(p) for p in adapter.parameters()}
    assert mine
    assert all(p.grad is not None and p.grad.any() for p in adapter.parameters())
    assert all(p.grad is None for p in model.module.parameters() if id(p) not in mine)


@each_kind
def test_the_state_goes_round_and_a_foreign_one_is_refused(kind: dict[str, Any]) -> None:
    _, adapter, tuned = put_on(kind, seed=1)
    _, twin, other = put_on(kind, seed=2)
    shaken(adapter)
    twin.load(adapter.state())
    torch.testing.assert_close(seen(tuned), seen(other), atol=1e-6, rtol=1e-6)
    with pytest.raises(IntegrityError):
        twin.load({"nonsense": torch.zeros(1)})


@each_kind
def test_packed_rows_give_the_states_and_gradients_of_ordinary_sequences(
    kind: dict[str, Any],
) -> None:
    _, adapter, tuned = put_on(kind)
    shaken(adapter)
    batch = tuned.pack(rows())
    grads = []
    for run in (tuned._packed_states, tuned._sequence_states):
        with (
            use_packed_attention(tuned.module)
            if run == tuned._packed_states
            else torch.enable_grad()
        ):
            found = run(batch)
            weights = torch.linspace(-1, 1, found.numel()).view_as(found)
            (found * weights).sum().backward()
        grads.append((found.detach(), [p.grad.clone() for p in adapter.parameters()]))
        for parameter in adapter.parameters():
            parameter.grad = None
    (ours, mine), (theirs, others) = grads
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
    for one, two in zip(mine, others, strict=True):
        torch.testing.assert_close(one, two, atol=1e-3 * float(two.abs().max()) + 1e-6, rtol=1e-3)


@pytest.mark.training
@each_kind
def test_training_learns_and_resumes_to_the_same_weights(
    kind: dict[str, Any], tmp_path: Path
) -> None:
    settings = make_settings(
        kind,
        weights={"in_scope": {"sft": 1.0}},
        batch_size=6,
        epochs=8,
        checkpoint_every=6,
        learning_rate=5e-3,
    )
    straight = train(Tiny(), make_examples(), settings, tmp_path / "a", seed=0)

    def halt(step: int, *_: object) -> None:
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Tiny(), make_examples(), settings, tmp_path / "b", seed=0, progress=halt)
    again = train(Tiny(), make_examples(), settings, tmp_path / "b", seed=0)
    losses = [row["loss"] for row in straight.curve]
    assert_at_most("loss of the last epoch", sum(losses[-2:]), 0.98 * sum(losses[:2]))
    assert again.steps == straight.steps == 16
    files = [(t.adapter / "adapter_model.safetensors").read_bytes() for t in (straight, again)]
    assert files[0] == files[1]


# -------------------------------------------------------------------------------------------------
# saved and loaded again


Saved = Callable[[dict[str, Any]], tuple[Path, list[torch.Tensor]]]


@pytest.fixture(scope="module")
def saved(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Save a shaken adapter of each kind for the tiny model once; give its folder and the logits of
    the student that saved it. The tests only read the folder.
    """
    made: dict[str, tuple[Path, list[torch.Tensor]]] = {}

    def make(kind: dict[str, Any]) -> tuple[Path, list[torch.Tensor]]:
        name = name_of(kind)
        if name not in made:
            made[name] = save_shaken(kind, tiny, tmp_path_factory.mktemp("saved") / "adapter")
        return made[name]

    return make


def save_shaken(kind: dict[str, Any], base: Path, folder: Path) -> tuple[Path, list[torch.Tensor]]:
    model = HfModel.load(base, dtype="float32", device="cpu")
    adapter = shaken(attach_adapter(model, make_settings(kind), 0))
    adapter.save(folder, {"base": str(base), "base_fingerprint": model.fingerprint})
    with adapter.merged():
        found = [logits for _, logits in sorted(model.answer_logits(PAIRS), key=lambda p: p[0])]
    return folder, found


@pytest.fixture(scope="module")
def other_bases(make_tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a model of the same shape with other weights, and a narrow one."""
    folder = tmp_path_factory.mktemp("bases")
    other = make_tiny(folder / "other", seed=1)
    return other, make_tiny(folder / "narrow", hidden_size=32, head_dim=8)


PAIRS = [
    (make_prompt("Tell me about music."), "I like bread."),
    (make_prompt("Hi"), "A rule is a rule; keep it."),
    (make_prompt("What?"), "No."),
]


@each_kind
def test_a_saved_one_is_loaded_again_and_answers_the_same(
    kind: dict[str, Any], saved: Saved, tiny: Path
) -> None:
    folder, before = saved(kind)
    tuned, base = (
        HfModel.load(tiny, adapter=a, dtype="float32", device="cpu") for a in (folder, None)
    )
    after = [logits for _, logits in sorted(tuned.answer_logits(PAIRS), key=lambda pair: pair[0])]
    for mine, theirs in zip(after, before, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-3, rtol=1e-3)
    assert tuned.fingerprint != base.fingerprint
    assert tuned.notes == []


@each_kind
def test_it_samples_and_scores_what_its_logits_say(
    kind: dict[str, Any], saved: Saved, tiny: Path, monkeypatch: Any
) -> None:
    folder, _ = saved(kind)
    tuned = HfModel.load(tiny, adapter=folder, dtype="float32", device="cpu")
    items = [Continuations(prompt, (text, "Yes."), end=True) for prompt, text in PAIRS]
    scored = dict(tuned.stream_scores(items))
    logits = dict(tuned.answer_logits(PAIRS))
    for i, (item, (_, text)) in enumerate(zip(items, PAIRS, strict=True)):
        ids = torch.tensor(tuned.encode_answer(text))
        expected = logits[i].log_softmax(-1).gather(1, ids[:, None]).sum()
        assert scored[item.id(tuned.fingerprint)][0].logp == pytest.approx(
            float(expected), abs=2e-2
        )
    sampled: dict[str, list[int]] = {}
    make_completion = pending.make_completion

    def keep_ids(model: Any, row: pending.PendingCompletion) -> Any:
        sampled[row.id] = list(row.ids)
        return make_completion(model, row)

    monkeypatch.setattr(pending, "make_completion", keep_ids)
    requests = [Request("t", prompt, SamplingParams(0.0, 1.0, 8)) for prompt, _ in PAIRS]
    assert len(list(tuned.stream(requests))) == len(PAIRS)
    for request in requests:  # greedy: each token is the likeliest after those before it
        prompt = tuned.encode(request.prompt)
        ids = sampled[request.id(tuned.fingerprint)]
        logits_of = Head(tuned.module)(
            compute_hidden(tuned.module, [(prompt + ids, len(prompt))])[0, len(prompt) - 1 : -1]
        )
        top = logits_of.max(-1).values - logits_of.gather(1, torch.tensor(ids)[:, None])[:, 0]
        assert float(top.detach().max()) < 1e-2


@each_kind
def test_another_base_is_refused_by_its_fingerprint(
    kind: dict[str, Any], saved: Saved, other_bases: tuple[Path, Path], tmp_path: Path
) -> None:
    other, narrow = other_bases
    folder = shutil.copytree(saved(kind)[0], tmp_path / "adapter")
    with pytest.raises(IntegrityError, match="another base"):
        HfModel.load(other, adapter=folder)
    (folder / "selfteach.json").unlink()
    with pytest.raises(UsageError, match="does not fit"):
        HfModel.load(narrow, adapter=folder)


@each_kind
def test_the_sampling_engine_is_chosen_by_what_can_be_merged(
    kind: dict[str, Any], saved: Saved, tiny: Path
) -> None:
    pytest.importorskip("openvino_genai")
    folder, _ = saved(kind)
    tuned = HfModel.load(tiny, adapter=folder, dtype="float32", device="cpu")
    if kind["adapter"] in PLAIN:
        assert not explain_why_not_openvino(tuned)
        return
    opened = choose_sampler(tuned)
    assert opened.engine == "hf"
    assert "no change of weights" in opened.reason or "bias" in opened.reason
    with pytest.raises(UsageError, match=r"cannot sample with"):
        choose_sampler(tuned, "openvino")


def test_a_pass_that_does_not_say_where_its_tokens_stand_is_no_pass() -> None:
    model, _, _ = put_on({"adapter": "prompt"})
    with pytest.raises(AssertionError, match="give its tokens"):
        model.module(torch.tensor([[5, 6]]))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({"adapter": "reft", "reft": {"positions": "x1"}}, "names no positions"),
        ({"adapter": "reft", "reft": {"positions": "f1l1"}}, "names no positions"),
        ({"adapter": "reft", "reft": {"layers": "2"}}, "layers 0 to 1"),
        ({"adapter": "reft", "reft": {"layers": "last 3"}}, "layers 0 to 1"),
        ({"adapter": "reft", "reft": {"layers": "some"}}, "names no layers"),
        ({"adapter": "layers", "layers": {"which": "lm_heat"}}, "lm_heat"),
        ({"adapter": "layers", "layers": {"which": ""}}, "names no layers"),
        ({"adapter": "prompt", "prompt": {"start": "text"}}, "needs one"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else name_of(value),
)
def test_a_configuration_that_does_not_fit_is_explained(kind: dict[str, Any], says: str) -> None:
    model = Tiny()
    with pytest.raises(UsageError, match=says):
        attach_adapter(model, make_settings(kind), 0)
    assert not hasattr(model.module, "selfteach_hooks")


def test_a_pass_that_is_repeated_for_want_of_memory_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory runs out while the gradient of a weight in bf16 becomes one in float32."""
    with_float = torch.Tensor.float

    def compute(fails: bool) -> list[torch.Tensor]:
        model = Tiny(dtype=torch.bfloat16)
        adapter = attach_adapter(model, make_settings({"adapter": "full"}), 0)

        def run_out(tensor: torch.Tensor) -> torch.Tensor:
            monkeypatch.setattr(torch.Tensor, "float", with_float)
            raise MemoryError

        def take_pass(fails: bool) -> None:
            for parameter in adapter.parameters():
                parameter.grad = None
            loss = model.module(torch.arange(3, 20)[None]).logits.sum()
            if fails:
                monkeypatch.setattr(torch.Tensor, "float", run_out)
            loss.backward()

        if fails:
            with pytest.raises(MemoryError):
                take_pass(fails=True)
        take_pass(fails=False)
        return [parameter.grad for parameter in adapter.parameters()]

    for once, repeated in zip(compute(fails=False), compute(fails=True), strict=True):
        assert torch.equal(once, repeated)
