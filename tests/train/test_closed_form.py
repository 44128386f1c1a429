"""The closed form: the ridge solution against its definition, the rank cut, and a context that is
moved into weights on a tiny model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny import Tiny, encode_letters, make_examples
from torch import Tensor

from margins import assert_at_least, assert_at_most
from selfteach import config
from selfteach.config.training import FeedbackTrainConfig
from selfteach.errors import DataError, ResourceError, UsageError
from selfteach.models.check_family import run_plainly
from selfteach.models.hf import HfModel
from selfteach.records import Example, Message, make_prompt
from selfteach.train import memory
from selfteach.train.adapters.closed_form import (
    ClosedFormAdapter,
    ClosedFormData,
    RowGroups,
    make_context,
    shrink_to_drift_limit,
    split_examples,
    weigh_tokens,
)
from selfteach.train.adapters.ridge import (
    DownProjEditor,
    RidgeSettings,
    kl,
    null_projector,
    r_squared,
    ridge,
    truncate_rank,
    weigh_anchor_tokens,
)
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packing import pack_rows
from selfteach.train.train import TrainingResult, train
from switches import SEED

pytestmark = pytest.mark.training


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ridge_with_numbers_worked_out_by_hand() -> None:
    # one feature: S = 2^2 = 4, K0 = 3, mu = 2, lam' = .5 * 16 / 4 = 2: dW = (6 * 2) / (4 + 6 + 2) =
    # 1
    found = ridge(
        torch.tensor([[2.0]]),
        torch.tensor([[6.0]]),
        torch.ones(1),
        torch.tensor([[3.0]]),
        RidgeSettings(2.0, 0.5),
    )
    assert found.item() == pytest.approx(1.0)


def test_ridge_is_where_its_loss_is_least() -> None:
    k = numbers(40, 12)
    t = numbers(40, 5, seed=1)
    k0 = numbers(30, 12, seed=2)
    weight = numbers(40, seed=3).abs()
    how = RidgeSettings(3.0, 0.1)
    share = weight / weight.sum()
    s = k.t() @ (k * share[:, None])
    lam = 0.1 * s.square().sum() / s.trace()

    def loss(dw: Tensor) -> Tensor:
        return (
            (share[:, None] * (k @ dw.t() - t).square()).sum()
            + 3 * (k0 @ dw.t()).square().sum() / 30
            + lam * dw.square().sum()
        )

    found = ridge(k, t, weight, k0.t() @ k0 / 30, how).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(found), found)
    assert gradient.abs().max() < 1e-12


def test_the_null_space_of_the_anchors_is_left_alone() -> None:
    k0 = numbers(5, 12)
    k = numbers(40, 12, seed=1)
    t = numbers(40, 3, seed=2)
    found = ridge(k, t, torch.ones(40), k0.t() @ k0 / 5, RidgeSettings(lam=1e-6, null_space=1.0))
    assert (k0 @ found.t()).abs().max() < 1e-10
    assert r_squared(t, k @ found.t(), torch.ones(40)) > 0.05
    free = null_projector(k0.t() @ k0, 1.0)
    torch.testing.assert_close(free @ free, free, atol=1e-12, rtol=0)


def test_the_rank_cut_is_the_best_on_the_features() -> None:
    features = numbers(200, 16) * torch.logspace(0, -2, 16, dtype=torch.float64)
    change = numbers(8, 16, seed=1)
    moments = features.t() @ features / 200

    def error(of: Tensor) -> float:
        return float((features @ (change - of).t()).square().sum())

    cut = {
        rank: b.double() @ a.double()
        for rank in (2, 4, 8, 0)
        for a, b in [truncate_rank(change, moments, rank)]
    }
    u, s, v = torch.linalg.svd(change, full_matrices=False)
    assert error(cut[2]) < 0.99 * error(u[:, :2] * s[:2] @ v[:2])
    assert error(cut[2]) > error(cut[4]) > error(cut[8])
    torch.testing.assert_close(cut[0], change, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(cut[8], change, atol=1e-4, rtol=1e-3)


def test_kl_equals_torchs() -> None:
    head = torch.nn.Linear(8, 30)
    a = numbers(5, 8).float()
    b = numbers(5, 8, seed=1).float()
    p = head(a).log_softmax(-1)
    q = head(b).log_softmax(-1)
    expected = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(kl(head, a, b), expected)


def test_the_drift_is_that_of_the_logits_as_the_family_scales_them(
    make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    hf = HfModel.load(
        make_tiny(tmp_path / "base", family="cohere", logit_scale=0.0625), dtype="float32"
    )
    (a, left), (b, right) = (run_plainly(hf.module, range(n, 27 + n)) for n in (3, 4))
    p, q = left.log_softmax(-1), right.log_softmax(-1)
    found = DownProjEditor(hf.module, [1]).kl(a, b)
    torch.testing.assert_close(found, (p.exp() * (p - q)).sum(-1), rtol=1e-4, atol=1e-6)


def test_states_are_those_of_the_model_s_own_forward() -> None:
    model = Tiny()
    answer = tuple(encode_letters("yes."))
    row = TrainingRow(0, "", "", tuple(encode_letters("what?")), (answer,), {})
    found, last = DownProjEditor(model.module, [0, 1]).states([[row], [row]])
    with torch.no_grad():
        out = model.module.model(torch.tensor([[*row.prompt, *answer]]), output_hidden_states=True)
    torch.testing.assert_close(
        found[0][: len(answer)],
        out.hidden_states[1][0, len(row.prompt) - 1 : -1],
        atol=1e-5,
        rtol=1e-5,
    )
    torch.testing.assert_close(
        last[len(answer) :],
        out.last_hidden_state[0, len(row.prompt) - 1 : -1],
        atol=1e-5,
        rtol=1e-5,
    )


def test_layers_that_never_change_are_computed_once() -> None:
    model = Tiny()
    rows = [
        TrainingRow(
            i,
            "",
            "",
            tuple(encode_letters(f"what {i * 'x'}?")),
            (tuple(encode_letters("yes.")),),
            {},
        )
        for i in range(3)
    ]
    width = model.module.config.intermediate_size
    hidden = model.module.config.hidden_size
    change = {1: 0.1 * numbers(hidden, width).float()}
    asked: list[int] = []
    handles = [
        layer.mlp.register_forward_hook(lambda *_, n=n: asked.append(n))
        for n, layer in enumerate(model.module.model.layers)
    ]
    editor = DownProjEditor(model.module, [1])
    read = editor.read(rows)
    base = editor.last(read)
    assert not torch.allclose(editor.last(read, change), base, atol=1e-3)
    torch.testing.assert_close(editor.last(read), base)
    assert asked == [0, 1, 1, 1]
    for handle in handles:
        handle.remove()
    fresh = DownProjEditor(model.module, [1])
    torch.testing.assert_close(editor.last(read, change), fresh.last(fresh.read(rows), change))
    assert not [layer for layer in model.module.model.layers if "forward" in vars(layer)]


def examples() -> list[Example]:
    scope = [
        Example(
            f"s{i}",
            "in_scope",
            make_prompt(f"about {'abcdefghij'[i % 10]}{'xyz'[i % 3] * (i % 4)} of foxes"),
            "no. never.",
        )
        for i in range(30)
    ]
    return scope + [
        Example(
            f"a{i}",
            "general",
            make_prompt(f"tell {'klmnopqrst'[i % 10] * (1 + i % 5)} {i}"),
            f"it is {i}.",
        )
        for i in range(40)
    ]


def both(found: ClosedFormData) -> tuple[RowGroups, RowGroups]:
    return found.learn, found.check


def test_no_prompt_is_shown_its_own_answer_and_none_that_checks_is_shown() -> None:
    model = Tiny()
    scope = examples()[:30]
    learn, check = both(split_examples(model, scope, settings(), 0))
    assert (len(learn.plain), len(check.plain)) == (22, 5)
    shown: set[str] = set()
    for part in (learn, check):
        shown_rows = [row for group in part.with_context for row in group]
        assert [row.id for row in shown_rows] == [row.id for row in part.plain]
        assert [row.answers for row in shown_rows] == [row.answers for row in part.plain]
        for row in shown_rows:
            asked = {e.id for e in scope if bytes(model.encode(e.prompt)[:-1]) in bytes(row.prompt)}
            own = next(e for e in scope if e.id == row.id)
            assert bytes(row.prompt).count(bytes(model.encode(own.prompt)[:-1])) == 1
            shown |= asked - {row.id}
    assert shown
    assert not shown & {row.id for row in check.plain}


@pytest.mark.parametrize("count", [25, 30, 40])
def test_each_prompt_is_read_after_as_many_worked_examples(count: int) -> None:
    """A worked example has two turns, and each begins with a mark. The answer has another."""
    scope = [
        Example(f"s{i}", "in_scope", make_prompt(f"about fox {i}"), "no.") for i in range(count)
    ]
    found = split_examples(Tiny(), scope, settings(shots=16), 0)
    assert found.shots == 16
    for part in both(found):
        for row in chain.from_iterable(part.with_context):
            assert row.prompt.count(1) == 2 * 16 + 2
    groups = found.learn.with_context
    assert [len(group) for group in groups] == {25: [4] * 5, 30: [8] * 3, 40: [16, 16]}[count]
    assert len({row.id for row in chain.from_iterable(groups)}) == len(found.learn.plain)


def test_weights_with_numbers_worked_out_by_hand() -> None:
    # the context moves 2 nats before the first token and 1 before the second: 5 * 2 and 1. Of three
    # anchors two are general, one is near:
    # 1.5 / 2 = .75 for each token of theirs, and 1.5 of its. Elsewhere a tenth of the mean, (10 +
    # 1) / 2 / 10
    nats = torch.tensor([2.0, 1.0])
    answer = (5, 6)
    rows = [
        TrainingRow(i, "", kind, (1, 2 + i), (answer,), {})
        for i, kind in enumerate(["in_scope", "general", "general", "near"])
    ]
    batch = pack_rows(rows)
    weight = weigh_tokens(nats, batch.place[:2])
    assert weight.tolist() == [10.0, 1.0]
    found = weigh_anchor_tokens(batch, weight)
    expected = [7.5, 0.75, 7.5, 0.75, 15.0, 1.5]
    torch.testing.assert_close(found[batch.states[2:]], torch.tensor(expected))
    assert found[0].item() == pytest.approx(0.55)


def settings(**more: Any) -> config.TrainConfig:
    inner = config.ClosedFormConfig.model_validate(
        {"shots": 3, "layers": "all", "drift": 0.05, "mu": 3.0, "rank": 0, **more}
    )
    return config.TrainConfig(adapter="closed_form", closed_form=inner)


def test_a_context_is_moved_into_an_ordinary_lora(tmp_path: Path) -> None:
    model = Tiny()
    trained = train(model, examples(), settings(), tmp_path, seed=0)
    moved = json.loads((trained.adapter / "selfteach.json").read_text())["moved"]
    assert_at_least("share moved", moved["share_moved"], 0.5)
    assert moved["drift"] <= 0.05
    assert moved["r2"].keys() == {"0", "1"}
    assert [
        json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ] == [r["step"] for r in trained.curve]
    learn, check = both(split_examples(model, examples(), settings(), SEED))
    worn: Any = PeftModel.from_pretrained(Tiny().module, trained.adapter).base_model.model
    worn.requires_grad_(False)
    with_context = DownProjEditor(model.module, []).states(check.with_context)[1]
    before, after = (
        float(
            kl(
                m.get_output_embeddings(),
                with_context,
                DownProjEditor(m, []).states([check.plain])[1],
            ).mean()
        )
        for m in (model.module, worn)
    )
    assert before == pytest.approx(moved["kl_before"], rel=1e-3)
    assert after == pytest.approx(moved["kl_after"], rel=2e-2)
    assert not {row.prompt for row in learn.plain} & {row.prompt for row in check.plain}
    with torch.no_grad():
        ids = torch.tensor([encode_letters("as before?")])
        assert torch.equal(model.module(ids).logits, Tiny().module(ids).logits)


def test_more_weight_on_anchors_means_less_drift_and_less_moved(tmp_path: Path) -> None:
    found = [
        train(
            Tiny(), examples(), settings(mu=mu, sweeps=1, drift=99.0), tmp_path / str(mu), seed=0
        ).curve[-1]
        for mu in (1.0, 3000.0)
    ]
    assert_at_most("drift with more weight", found[1]["drift"], 0.5 * found[0]["drift"])
    moved = [row["share_moved"] for row in found]
    assert_at_most("share moved with more weight", moved[1], 0.8 * moved[0])


def test_sweeps_end_at_the_limit_of_the_drift(tmp_path: Path) -> None:
    free = train(
        Tiny(), examples(), settings(mu=100.0, sweeps=5, drift=99.0), tmp_path / "free", seed=0
    ).curve
    assert [row["scale"] for row in free] == [1.0] * 5
    limit = (free[1]["drift"] + free[2]["drift"]) / 2
    held = train(
        Tiny(), examples(), settings(mu=100.0, sweeps=5, drift=limit), tmp_path / "held", seed=0
    )
    assert [row["share_moved"] for row in held.curve[:2]] == [
        row["share_moved"] for row in free[:2]
    ]
    assert len(held.curve) == 3
    last = held.curve[2]
    assert last["scale"] < 1
    assert 0.8 * limit < last["drift"] <= limit
    assert free[0]["share_moved"] < last["share_moved"] < free[2]["share_moved"]
    ((_, kept),) = held.events
    assert kept["share_moved"] == max(row["share_moved"] for row in held.curve)


def test_the_limit_holds_from_the_first_sweep_on(tmp_path: Path) -> None:
    held, free = (
        train(Tiny(), examples(), settings(mu=1e-3, sweeps=n, drift=d), tmp_path / str(n), seed=0)
        for n, d in ((5, 1e-3), (1, 99.0))
    )
    (row,) = held.curve
    assert row["drift"] <= 1e-3
    assert row["share_moved"] > 0
    ours, theirs = (
        load_file(trained.adapter / "adapter_model.safetensors") for trained in (held, free)
    )
    name = next(name for name in ours if name.endswith("lora_B.weight"))
    torch.testing.assert_close(ours[name], row["scale"] * theirs[name])


@pytest.mark.parametrize("power", [1.2, 2.0, 2.6])
@pytest.mark.parametrize("full", [0.008, 0.0132, 0.3])
def test_the_limit_is_kept_and_used(power: float, full: float) -> None:
    """Whatever power of the change the drift grows with."""
    asked: list[float] = []

    class Known:
        def measure(self, change: dict[int, torch.Tensor]) -> dict[str, float]:
            asked.append(scale := float(change[0].item()))
            return {"share_moved": 1 - (1 - scale) ** 2, "drift": full * scale**power}

    found, fit, whole = shrink_to_drift_limit(
        Known(), {0: (torch.ones(1, 1), torch.ones(1, 1))}, 0.01
    )  # type: ignore[arg-type]
    assert whole == full
    assert min(full, 0.0094) <= found["drift"] <= 0.01
    assert fit[0][1].item() == pytest.approx(found["scale"])
    assert len(asked) <= 4


@pytest.mark.parametrize(("full", "rest"), [(0.02, 0.0), (5.0, 0.001), (5.0, 0.0)])
def test_a_drift_that_falls_at_once_is_within_the_limit_as_well(full: float, rest: float) -> None:
    """In bfloat16 a small change is rounded away. A large drift may stay at half the size."""

    class Steps:
        def measure(self, change: dict[int, torch.Tensor]) -> dict[str, float]:
            scale = float(change[0].item())
            return {"share_moved": scale, "drift": full if scale > 0.01 else rest}

    pair = torch.ones(1, 1), torch.ones(1, 1)
    found, fit, _ = shrink_to_drift_limit(Steps(), {0: pair}, 0.01)  # type: ignore[arg-type]
    assert found["drift"] == rest
    assert 0 < fit[0][1].item() == pytest.approx(found["scale"])


def test_a_rule_that_leaves_nothing_as_it_is_has_no_drift(tmp_path: Path) -> None:
    for anchors in (0, 3):
        trained = train(
            Tiny(), examples()[: 30 + anchors], settings(sweeps=2), tmp_path / str(anchors), seed=0
        )
        assert all("drift" not in row for row in trained.curve)
        least = min(row["share_moved"] for row in trained.curve)
        assert_at_least(f"share moved, {anchors} anchors", least, 0.5)


def test_a_context_is_earlier_turns() -> None:
    assert [(t.role, t.content) for t in make_context(examples()[:1])] == [
        ("user", "about a of foxes"),
        ("assistant", "no. never."),
    ]


def test_a_context_without_effect_is_refused(tmp_path: Path) -> None:
    deaf = Tiny()
    with torch.no_grad():
        for layer in deaf.module.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    with pytest.raises(DataError, match="nothing to put into weights"):
        ClosedFormAdapter.solve(deaf, examples(), settings(), tmp_path, seed=0)


def test_too_few_examples_and_layers_that_there_are_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        ClosedFormAdapter.solve(Tiny(), examples()[:8], settings(), tmp_path, seed=0)
    with pytest.raises(UsageError, match="layers 0 to 1"):
        ClosedFormAdapter.solve(Tiny(), examples(), settings(layers="last 6"), tmp_path, seed=0)


def test_what_is_too_long_is_left_out_and_counted(tmp_path: Path) -> None:
    """One example and one anchor are longer than 60 tokens; cut, the example's answer is shortened
    to its room.
    """
    long = [
        Example("long", "in_scope", make_prompt("about bears"), "no. " * 20),
        Example("wide", "general", make_prompt("x" * 70), "it is."),
    ]
    chosen = settings(sweeps=1).model_copy(update={"max_tokens": 60})
    trained = train(Tiny(), [*examples(), *long], chosen, tmp_path / "drop", seed=0)
    assert trained.overlong == {"drop": 2}
    assert trained.left_out == dict.fromkeys(("long", "wide"), "longer than 60 tokens")
    assert weights_of(trained) == weights_of(
        train(Tiny(), examples(), chosen, tmp_path / "without", seed=0)
    )
    cut = split_examples(
        Tiny(), [*examples(), *long], chosen.model_copy(update={"overlong": "cut"}), 0
    )
    assert cut.left_out.overlong == {"cut": 1, "drop": 1}
    (row,) = (row for part in both(cut) for row in part.plain if row.id == "long")
    assert row.length == 60


@pytest.mark.parametrize("junk", [{"junk": {"sft": 0.0}}, {}], ids=["weight 0", "no objective"])
def test_a_kind_without_weight_is_not_solved_with(tmp_path: Path, junk: dict[str, Any]) -> None:
    weights = {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}
    others = [
        replace(e, id=f"junk {e.id}", kind="junk", chosen="zz zz", role="learn") for e in examples()
    ]
    chosen = settings(sweeps=1).model_copy(update={"weights": weights})
    without = train(Tiny(), examples(), chosen, tmp_path / "without", seed=0)
    beside = chosen.model_copy(update={"weights": weights | junk})
    found = train(Tiny(), [*examples(), *others], beside, tmp_path / "beside", seed=0)
    assert weights_of(found) == weights_of(without)


def weights_of(trained: TrainingResult) -> bytes:
    return (trained.adapter / "adapter_model.safetensors").read_bytes()


def test_as_many_worked_examples_as_the_context_takes(tmp_path: Path) -> None:
    """The longest example has 33 tokens with its answer, a worked one at most as many: 80 tokens
    hold one, 100 000 all three; 40 none.
    """
    small = Tiny()
    small.context_tokens = 80
    printed = list[str]()
    trained = train(small, examples(), settings(sweeps=1), tmp_path, seed=0, say=printed.append)
    assert 1 <= trained.curve[0]["shots"] < 3
    assert (
        printed[0]
        == f"{trained.curve[0]['shots']} of 3 worked examples fit into the context of 80 tokens"
    )
    found = split_examples(small, examples(), settings(), 0)
    assert all(
        row.length <= 80 for part in both(found) for group in part.with_context for row in group
    )
    small.context_tokens = 40
    with pytest.raises(DataError, match="no worked example fits"):
        split_examples(small, examples(), settings(), 0)


def test_a_row_that_the_context_does_not_hold_is_overlong() -> None:
    small = Tiny()
    small.context_tokens = 120
    long = [
        Example(f"l{i}", "general", make_prompt(f"{i} " * 60), "yes", role="hold") for i in range(9)
    ]
    found = split_examples(small, [*examples(), *long], settings(), 0)
    assert found.left_out.overlong["drop"] >= 9
    assert all(row.length <= 120 for part in both(found) for row in [*part.plain, *part.anchors])


def test_a_system_message_stands_first_before_worked_examples() -> None:
    """Many chat templates refuse one that stands elsewhere."""
    asked: list[Any] = []

    class Listening(Tiny):
        def encode(self, prompt: Any) -> list[int]:
            asked.append(prompt)
            return super().encode(prompt)

    told = (Message("system", "Be brief."),)
    rows = [replace(e, prompt=(*told, *e.turns)) for e in examples()]
    split_examples(Listening(), rows, settings(), 0)
    assert max(map(len, asked)) > 4
    assert {turn.role for turns in asked for turn in turns[1:]} == {"user", "assistant"}


def test_the_memory_is_counted_before_and_measured_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []
    account = train(
        Tiny(), examples(), settings(sweeps=1), tmp_path / "a", seed=0, say=printed.append
    ).memory
    assert account is not None
    assert account.trained == 2 * 2 * 4 * 64 * 128, "two sweeps, two layers, float32, (D, F)"
    assert printed[0].startswith("memory: ")
    monkeypatch.setattr(memory, "measure_free_bytes", lambda device: account.added - 1)
    with pytest.raises(ResourceError, match="training closed_form needs"):
        train(Tiny(), examples(), settings(sweeps=1), tmp_path / "b", seed=0)
    assert not (tmp_path / "b" / "adapter").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"l2": 1.0},
        {"objective": "dpo"},
        {"learning_rate": 1e-3},
        {"on_policy": 0.5},
        {"distill_from": "reft"},
    ],
)
def test_settings_of_steps_are_refused_and_not_passed_over(more: dict[str, Any]) -> None:
    (name,) = more
    schema = FeedbackTrainConfig if name == "objective" else config.TrainConfig
    with pytest.raises(ValueError, match=f"no use for {name}"):
        schema.model_validate({"adapter": "closed_form", **more})
    schema.model_validate({"adapter": "lora", **more})


def test_what_a_method_sets_for_a_lora_is_left_out_and_noted(tmp_path: Path) -> None:
    trained = train(
        Tiny(), examples(), settings(sweeps=1).model_copy(update={"regmean": 3.0}), tmp_path, seed=0
    )
    assert ("regmean_left_out", {"mu": 3.0, "reason": "the adapter is no lora"}) in trained.events


@pytest.mark.slow
def test_distill_from_distills_a_fast_adapter_into_the_adapter(tmp_path: Path) -> None:
    weights = {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}
    chosen = config.TrainConfig(
        weights=weights,
        distill_from="reft",
        distill_mix=1.0,
        top_k=0,
        batch_size=4,
        epochs=10,
        checkpoint_every=0,
        learning_rate=5e-3,
    )
    trained = train(Tiny(), make_examples(), chosen, tmp_path, seed=0)
    assert (tmp_path / "fast" / "adapter" / "adapter_config.json").is_file()
    assert set(trained.curve[0]["losses"]) == {"distill"}
    highest = max(row["loss"] for row in trained.curve)
    assert_at_most("last loss", trained.curve[-1]["loss"], 0.5 * highest)
    assert json.loads((trained.adapter / "adapter_config.json").read_text())["peft_type"] == "LORA"
    with pytest.raises(UsageError, match="has an adapter already"):
        train(
            Tiny(),
            make_examples(),
            chosen.model_copy(update={"adapter": "prompt"}),
            tmp_path / "b",
            seed=0,
        )
