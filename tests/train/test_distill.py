"""Self-distillation. Four tests pin the four faults of ELVF's version: no shift, a gradient through
the teacher, misaligned batches, and the gold answer in the teacher's prompt. Then: masses, skipped
tokens, own samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Tiny, make_examples

from margins import assert_at_most
from selfteach import config
from selfteach.errors import DataError, UsageError
from selfteach.models.hf import HfModel
from selfteach.models.tokens import ChatTokenizer
from selfteach.records import Prompt, parse_messages
from selfteach.train import micro_batch_loss
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import TrainingRow, encode_examples
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.objectives.distill import DistillObjective
from selfteach.train.on_policy import OnPolicy
from selfteach.train.reference import (
    Reference,
    ReferenceOutputs,
    encode_teacher_prompt,
    gives_away,
)
from selfteach.train.train import (
    attach_adapter,
    find_longest_row,
    replace_with_distillation,
    train,
)
from tiny_tokenizer import tiny_tokenizer

pytestmark = pytest.mark.long

WEIGHTS = {"in_scope": {"distill": 1.0}}


def settings(**changes: Any) -> config.TrainConfig:
    return config.TrainConfig(
        **{
            "weights": WEIGHTS,
            "batch_size": 8,
            "epochs": 2,
            "learning_rate": 5e-3,
            "top_k": 0,
            **changes,
        }
    )


class Setup:
    """A student beside its teacher."""

    def __init__(self, examples: list[Any], chosen: config.TrainConfig) -> None:
        self.model = Tiny()
        self.adapter = LoraAdapter.attach(self.model.module, chosen, seed=0)
        self.student = PackedModel(self.model.module, self.adapter)
        self.objectives = {"distill": DistillObjective(chosen)}
        self.rows = encode_examples(
            self.model, examples, WEIGHTS, self.objectives, 512, "drop"
        ).rows
        self.teacher = Reference(
            self.model, self.student, self.objectives, {e.id: e for e in examples}, chosen
        )

    def loss(self, known: dict[int, ReferenceOutputs]) -> torch.Tensor:
        with self.student.use_attention():
            return micro_batch_loss.compute_loss(
                self.student,
                self.rows,
                self.objectives,
                micro_batch_loss.count_units(self.objectives, self.rows),
                known,
            )[0]


def test_fault_1_no_shift() -> None:
    """With the student's own prompt as the teacher's prompt and an untrained adapter, both
    distributions are the same: D = 0. Seen one token later or earlier they are not."""
    examples = [
        replace(e, source={"teacher_prompt": [{"role": "user", "content": e.prompt[0].content}]})
        for e in make_examples(4)
    ]
    setup = Setup(examples, settings(distill_mix=1.0))
    known = setup.teacher.compute(setup.rows, 4096)
    assert float(setup.loss(known)) == pytest.approx(0.0, abs=1e-5)
    late = {
        n: ReferenceOutputs(
            None,
            {"distill": replace(k.teacher["distill"], logp=k.teacher["distill"].logp.roll(1, 0))},
        )
        for n, k in known.items()
    }
    assert float(setup.loss(late)) > 0.1


def test_fault_1_the_teacher_predicts_from_the_token_before() -> None:
    """The teacher's distribution at answer token t is that of an ordinary forward over prompt and
    answer at position t-1.
    """
    examples = make_examples(3)
    setup = Setup(examples, settings())
    known = setup.teacher.compute(setup.rows, 4096)
    for row, example in zip(setup.rows, examples, strict=True):
        prompt = setup.model.encode(parse_messages(example.source["teacher_prompt"]))
        ids = torch.tensor([[*prompt, *row.answers[0]]])
        with torch.no_grad():
            logp = Tiny().module(ids).logits[0].log_softmax(-1)
        expected = logp[len(prompt) - 1 : -1]
        torch.testing.assert_close(
            known[row.number].teacher["distill"].logp, expected, atol=1e-4, rtol=1e-4
        )


def test_fault_2_no_gradient_goes_through_the_teacher() -> None:
    setup = Setup(make_examples(3), settings(distill_mix=1.0))
    known = setup.teacher.compute(setup.rows, 4096)
    assert not any(k.teacher["distill"].logp.requires_grad for k in known.values())
    leaky = {
        n: ReferenceOutputs(
            None,
            {
                "distill": replace(
                    k.teacher["distill"], logp=k.teacher["distill"].logp.clone().requires_grad_()
                )
            },
        )
        for n, k in known.items()
    }
    setup.loss(leaky).backward()
    assert all(k.teacher["distill"].logp.grad is None for k in leaky.values())
    assert any(p.grad is not None and p.grad.any() for p in setup.adapter.parameters())


def test_fault_2_the_teacher_stays_the_base_while_the_student_learns() -> None:
    setup = Setup(make_examples(3), settings())
    before = setup.teacher.compute(setup.rows, 4096)
    with torch.no_grad():
        for parameter in setup.adapter.parameters():
            parameter.add_(0.1)
    setup.adapter.begin_step()
    after = setup.teacher.compute(setup.rows, 4096)
    for number, fact in before.items():
        assert torch.equal(fact.teacher["distill"].logp, after[number].teacher["distill"].logp)


def test_fault_3_rows_meet_their_own_teacher_whatever_the_order() -> None:
    """Teacher and student rows have different lengths and are batched apart; the loss of each row
    alone is its part of the whole.
    """
    setup = Setup(make_examples(6), settings(distill_mix=1.0))
    known = setup.teacher.compute(setup.rows, 60)
    whole = float(setup.loss(known))
    counts = micro_batch_loss.count_units(setup.objectives, setup.rows)
    with setup.student.use_attention():
        alone = [
            float(
                micro_batch_loss.compute_loss(
                    setup.student, [row], setup.objectives, counts, known
                )[0]
            )
            for row in reversed(setup.rows)
        ]
    assert sum(alone) == pytest.approx(whole, rel=1e-4)
    pair = [setup.rows[0], setup.rows[3]]  # answers of one length, so that swapped teachers fit
    swapped = {row.number: known[other.number] for row, other in zip(pair, pair[::-1], strict=True)}
    with setup.student.use_attention():
        own, other = (
            float(
                micro_batch_loss.compute_loss(setup.student, pair, setup.objectives, counts, facts)[
                    0
                ]
            )
            for facts in (known, swapped)
        )
    assert other > own + 1e-3, (
        "the student is the teacher's base: another row's teacher is further from it"
    )


@pytest.mark.training
def test_fault_4_the_gold_answer_in_the_teachers_prompt_is_refused(tmp_path: Path) -> None:
    examples = make_examples(4)
    teacher_prompt = [
        {"role": "user", "content": f"{examples[2].prompt[0].content} Answer: {examples[2].chosen}"}
    ]
    examples[2] = replace(examples[2], source={"teacher_prompt": teacher_prompt})
    trained = train(Tiny(), examples, settings(max_steps=1), tmp_path / "a", seed=1)
    assert trained.refused == {"e2": "the teacher's prompt contains the answer it is to teach."}
    examples[2] = replace(
        examples[2], source={"teacher_prompt": teacher_prompt, "teacher_sees_answer": True}
    )
    train(Tiny(), examples, settings(max_steps=1), tmp_path / "b", seed=1)


@pytest.mark.parametrize(
    ("text", "answer", "leaks"),
    [
        ("Is it cold in Norway?", "No", False),
        ("Say No if it is warm.", "No", False),
        ("Is New York a state?", "New York", False),
        ("Answer: it is cold, often.", "it is cold", True),
        ("Say: Ask at the desk", "Ask at the desk.", True),
        ("I can see them", "I can see the", False),
        ("问：天气如何？答：今天很冷。", "今天很冷。", True),
        ("Anything", "!", False),
    ],
)
def test_whole_words_of_an_answer_of_several_words_give_it_away(
    text: str, answer: str, leaks: bool
) -> None:
    assert gives_away(text, answer) == leaks


def test_a_short_label_in_the_teachers_prompt_is_no_leak() -> None:
    prompt = [{"role": "user", "content": "Is it cold in Norway?"}]
    example = replace(make_examples(1)[0], chosen="No", source={"teacher_prompt": prompt})
    model = Tiny()
    assert encode_teacher_prompt(model, example) == tuple(model.encode(parse_messages(prompt)))


@pytest.mark.training
def test_a_teachers_prompt_that_the_context_does_not_hold_is_refused(tmp_path: Path) -> None:
    examples = make_examples(4)
    long = [{"role": "user", "content": "more " * 60}]
    examples[2] = replace(examples[2], source={"teacher_prompt": long})
    model = Tiny()
    model.context_tokens = 200
    trained = train(model, examples, settings(max_steps=1), tmp_path, seed=1)
    assert trained.refused.keys() == {"e2"}
    assert "and the model's context holds 200." in trained.refused["e2"]


@pytest.mark.training
def test_own_answers_end_where_the_context_of_model_or_teacher_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Tiny()
    model.context_tokens = 120
    lengths: list[int] = []
    pack = PackedModel.pack

    def measure(own: PackedModel, rows: Sequence[TrainingRow]) -> PackedBatch:
        lengths.extend(len(row.prompt) + max(map(len, row.answers)) for row in rows)
        return pack(own, rows)

    monkeypatch.setattr(PackedModel, "pack", measure)
    train(
        model,
        make_examples(4),
        settings(on_policy=1.0, max_steps=1),
        tmp_path,
        seed=1,
        sample_tuned=lambda prompts, step: ["x" * 300 for _ in prompts],
    )
    assert max(lengths) == 120


def test_a_soft_prompt_takes_its_room_once() -> None:
    """As in the rows of given answers (`find_longest_row`); the teacher has no soft prompt."""
    chosen = settings(adapter="prompt", prompt={"tokens": 40}, on_policy=1.0)
    model = HfModel(Tiny(vocab_size=400).module, ChatTokenizer(tiny_tokenizer()), "tiny", "f")
    longest = find_longest_row(model, chosen)
    assert longest == model.context_tokens - 40
    adapter = attach_adapter(model, chosen, seed=0)
    try:
        (example,) = make_examples(1)
        distill = {"distill": DistillObjective(chosen)}
        asked = {example.id: example}
        sample = OnPolicy(model, adapter, distill, asked, chosen, 0, lambda p, _: [], rows=1)
        row = TrainingRow(0, example.id, "k", (3,) * 300, ((4, 5),), {"distill": 1.0})
        taught = len(encode_teacher_prompt(model, example))
        assert sample._count_room(row) == min(longest - 300, longest + 40 - taught)
        other = replace(row, prompt=(3,) * 440, weights={"sft": 1.0})
        assert sample._count_room(other) == longest - 440
    finally:
        adapter.detach()


def test_most_rows_without_a_teachers_prompt_are_an_error_that_names_one(tmp_path: Path) -> None:
    examples = [replace(example, source={}) for example in make_examples(2)]
    with pytest.raises(DataError, match=r'example e0: has no source\["teacher_prompt"\]'):
        train(Tiny(), examples, settings(), tmp_path, seed=1)


@pytest.mark.training
@pytest.mark.parametrize(
    "changes",
    [{}, {"divergence": "reverse"}, {"divergence": "jsd"}, {"top_k": 8}, {"skip_tokens": 3}],
)
def test_the_student_comes_nearer_to_the_teacher(tmp_path: Path, changes: dict[str, Any]) -> None:
    trained = train(
        Tiny(), make_examples(), settings(distill_mix=1.0, epochs=8, **changes), tmp_path, seed=1
    )
    first, last = (trained.curve[at]["losses"]["distill"] for at in (0, -1))
    assert_at_most("last loss", last, 0.5 * first)
    assert (
        trained.top_k_mass == pytest.approx(1.0, abs=1e-4)
        if not changes.get("top_k")
        else 0.1 < trained.top_k_mass < 0.99
    )


def test_distillation_from_an_adapter_takes_over_the_weight() -> None:
    """What is switched off stays so, and what holds the base in place stays as it is."""
    assert replace_with_distillation({"sft": 5.0, "dpo": 1.0}) == {"distill": 5.0}
    assert replace_with_distillation({"sft": 0.0, "anchor": 2.0}) == {"anchor": 2.0}


@pytest.mark.parametrize("adapter", ["reft", "bottleneck", "prompt"])
def test_an_adapter_of_hooks_learns_from_no_other(adapter: str) -> None:
    with pytest.raises(ValueError, match="leaves no room for; train lora or full"):
        config.TrainConfig(distill_from="reft", adapter=adapter)


@pytest.mark.training
def test_an_adapter_is_distilled_in_a_model_that_cannot_pack(
    make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    hf = HfModel.load(make_tiny(tmp_path / "base", family="gemma2"), dtype="float32")
    chosen = config.TrainConfig(
        weights={"in_scope": {"sft": 1.0}}, distill_from="reft", max_steps=1, batch_size=4
    )
    assert train(hf, make_examples(4), chosen, tmp_path / "run", seed=0).steps == 1


def test_skipped_tokens_do_not_count() -> None:
    setup = Setup(make_examples(4), settings(skip_tokens=3))
    assert micro_batch_loss.count_units(setup.objectives, setup.rows)["distill"] == sum(
        len(r.answers[0]) - 3 for r in setup.rows
    )


@pytest.mark.training
def test_an_answer_that_is_skipped_whole_is_left_out_by_name(tmp_path: Path) -> None:
    """Ten letters and the end, of which eleven are left out; with ten one is left."""
    rows = [*make_examples(3), replace(make_examples(4)[3], chosen="0123456789")]
    rows[:3] = [replace(e, chosen=e.chosen + "0123456789") for e in rows[:3]]
    short = settings(skip_tokens=11, epochs=1)
    refused = train(Tiny(), rows, short, tmp_path / "three", seed=1).refused
    assert refused == {"e3": "trains no token by distill: all 11 of its answer are left out."}
    with pytest.raises(DataError, match=r"example e3: .* Lower train.skip_tokens"):
        train(Tiny(), rows[3:], short, tmp_path / "none", seed=1)
    trained = train(Tiny(), rows, settings(skip_tokens=10, epochs=1), tmp_path / "one", seed=1)
    assert (trained.steps, trained.refused) == (1, {})


@pytest.mark.training
def test_an_own_sample_that_is_skipped_whole_takes_no_answer_s_place(tmp_path: Path) -> None:
    short = train(
        Tiny(),
        make_examples(),
        settings(on_policy=1.0, skip_tokens=3),
        tmp_path / "a",
        seed=1,
        sample_tuned=lambda p, _: ["ab"] * len(p),
    )
    given = train(Tiny(), make_examples(), settings(skip_tokens=3), tmp_path / "b", seed=1)
    assert [row["loss"] for row in short.curve] == [row["loss"] for row in given.curve]


@pytest.mark.training
def test_own_samples_are_generated_between_steps_from_the_student_as_it_is(tmp_path: Path) -> None:
    asked: list[tuple[int, int]] = []
    model = Tiny()
    states: list[torch.Tensor] = []

    def sample(prompts: Any, step: int) -> list[str]:
        asked.append((step, len(prompts)))
        with torch.no_grad():
            states.append(model.module(torch.arange(3, 20)[None]).logits)
        return [f"fresh {step} {i}" for i in range(len(prompts))]

    trained = train(
        model,
        make_examples(),
        settings(on_policy=1.0, epochs=4),
        tmp_path,
        seed=1,
        sample_tuned=sample,
    )
    assert [step for step, _ in asked] == list(range(trained.steps))
    assert all(count == 6 for _, count in asked)
    assert not torch.equal(states[0], states[-1])


@pytest.mark.training
def test_a_resumed_training_samples_from_the_same_student(tmp_path: Path) -> None:
    """A step may leave parameters that the next one puts right first, as reft's rows."""
    chosen = settings(
        on_policy=1.0,
        adapter="reft",
        reft=config.ReftConfig(positions="all"),
        epochs=4,
        checkpoint_every=2,
    )

    def teach(folder: Path, stop: int = 0) -> dict[int, torch.Tensor]:
        model = Tiny()
        seen: dict[int, torch.Tensor] = {}

        def sample(prompts: Any, step: int) -> list[str]:
            with torch.no_grad():
                seen[step] = model.module(torch.arange(3, 20)[None]).logits
            return [f"fresh {step} {i}" for i in range(len(prompts))]

        def halt(step: int, *_: object) -> None:
            if step == stop:
                raise KeyboardInterrupt

        examples = make_examples()
        with suppress(KeyboardInterrupt):
            train(model, examples, chosen, folder, seed=1, progress=halt, sample_tuned=sample)
        return seen

    straight = teach(tmp_path / "a")
    teach(tmp_path / "b", stop=3)
    resumed = teach(tmp_path / "b")
    assert min(resumed) == 2
    assert all(torch.equal(logits, straight[step]) for step, logits in resumed.items())


def test_a_row_that_comes_twice_in_a_batch_gets_two_own_samples() -> None:
    """A dataset or a kind of few rows is repeated, also within a batch."""
    chosen = settings(on_policy=1.0)
    examples = make_examples(3)
    setup = Setup(examples, chosen)
    first, second, third = setup.rows
    batch = [first, second, first, third, first]
    on_policy = OnPolicy(
        setup.model,
        setup.adapter,
        setup.objectives,
        {e.id: e for e in examples},
        chosen,
        seed=0,
        sample_tuned=lambda prompts, step: [f"own {i}" for i in range(len(prompts))],
        rows=3,
    )
    joined = on_policy.join(batch, on_policy.sample(batch, 0))
    assert [(row.id, setup.model.decode(row.answers[0])) for row in joined] == [
        (row.id, f"own {i}") for i, row in enumerate(batch)
    ]
    numbers = {row.number for row in joined}
    assert len(numbers) == len(batch), "each has its own facts about the base"
    assert min(numbers) >= 3


def test_an_own_sample_has_the_tokens_that_follow_its_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a plain text some tokenizers put a space that the model never sampled."""
    chosen = settings(on_policy=1.0)
    examples = make_examples(3)
    setup = Setup(examples, chosen)
    known = {e.id: e for e in examples}
    own = OnPolicy(
        setup.model,
        setup.adapter,
        setup.objectives,
        known,
        chosen,
        seed=0,
        sample_tuned=lambda prompts, step: ["own"] * len(prompts),
        rows=3,
    )
    before: list[Prompt] = []

    def encode_answer(text: str, end: bool = True, after: Prompt = "") -> list[int]:
        before.append(after)
        return [3, 4]

    monkeypatch.setattr(setup.model, "encode_answer", encode_answer)
    assert len(own.sample(setup.rows, 0)) == len(setup.rows)
    assert before == [known[row.id].prompt for row in setup.rows]


def test_own_samples_are_no_evidence() -> None:
    """On the student's own answer the likelihood is left out: only lam D remains."""
    setup = Setup(make_examples(3), settings(distill_mix=0.4))
    known = setup.teacher.compute(setup.rows, 4096)
    given = float(setup.loss(known))
    setup.rows = [replace(row, sampled=True) for row in setup.rows]
    sampled = float(setup.loss(known))
    setup.objectives = {"distill": DistillObjective(settings(distill_mix=1.0))}
    assert sampled == pytest.approx(0.4 * float(setup.loss(known)), rel=1e-5)
    assert given > sampled


def test_own_samples_without_a_sampler_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on_policy"):
        train(Tiny(), make_examples(), settings(on_policy=0.5), tmp_path, seed=1)


@pytest.mark.parametrize("kind", ["sft", "dpo", "anchor"])
def test_own_samples_that_no_objective_uses_are_refused(tmp_path: Path, kind: str) -> None:
    """Else the same adapter as without them comes out, and nobody is told."""
    examples = [replace(e, rejected="no") for e in make_examples()]
    own = settings(on_policy=0.5, weights={e.kind: {kind: 1.0, "distill": 0.0} for e in examples})
    with pytest.raises(UsageError, match="samples itself") as caught:
        train(Tiny(), examples, own, tmp_path, seed=1, sample_tuned=lambda p, _: ["a"] * len(p))
    assert caught.value.where == "train.on_policy"


@pytest.mark.training
def test_the_hook_samples_with_the_real_engine(tiny_hf: Any, tmp_path: Path) -> None:
    from selfteach.records import SamplingParams
    from selfteach.train.on_policy import make_on_policy_sampler

    hook = make_on_policy_sampler(tiny_hf, SamplingParams(max_tokens=6), seed=3)
    trained = train(
        tiny_hf,
        make_examples(6),
        settings(on_policy=0.5, max_steps=2),
        tmp_path,
        seed=1,
        sample_tuned=hook,
    )
    again = train(
        tiny_hf,
        make_examples(6),
        settings(on_policy=0.5, max_steps=2),
        tmp_path / "again",
        seed=1,
        sample_tuned=hook,
    )
    assert [r["loss"] for r in trained.curve] == [r["loss"] for r in again.curve]
