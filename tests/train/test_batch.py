"""Rows, orders, micro-batches: what is trained, in which order, and what is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import EOS, Tiny, make_examples

from selfteach import config
from selfteach.errors import DataError
from selfteach.models.tokens import UnfitPrompt
from selfteach.records import Example, Prompt, make_prompt
from selfteach.text import REPLACEMENT
from selfteach.train.encode_and_batch import (
    encode_examples,
    shuffle_into_batches,
    split_micro_batches,
)
from selfteach.train.train import encode_for_objectives, make_objectives, train

WEIGHTS = {"in_scope": {"dpo": 1.0}, "near": {"sft": 0.5}}
OBJECTIVES = make_objectives(WEIGHTS, config.TrainConfig())


def rows(count: int = 12, **kinds: int):
    examples = [
        replace(e, id=f"{kind}{e.id}", kind=kind)
        for kind, n in (kinds or {"in_scope": count}).items()
        for e in make_examples(n)
    ]
    return encode_examples(Tiny(), examples, WEIGHTS, OBJECTIVES, 512, "drop").rows


def test_every_answer_ends_with_the_end_of_its_turn() -> None:
    assert all(answer[-1] == EOS for row in rows() for answer in row.answers)


@pytest.mark.training
def test_the_end_is_in_the_loss(tmp_path: Path) -> None:
    """Row 23 (tests/faults): after training on one-letter answers, the end is what follows the
    letter.
    """
    model = Tiny()
    examples = [Example(f"e{i}", "near", make_prompt(f"say {i}"), "a") for i in range(4)]
    settings = config.TrainConfig(weights={"near": {"sft": 1.0}}, epochs=30, learning_rate=1e-2)
    adapter = train(model, examples, settings, tmp_path, seed=0).adapter
    from peft import PeftModel

    ids = torch.tensor(
        [[*model.encode(make_prompt("say 7")), *model.encode_answer("a", end=False)]]
    )
    with torch.no_grad():
        assert (
            int(PeftModel.from_pretrained(model.module, adapter)(ids).logits[0, -1].argmax()) == EOS
        )


def test_rejected_answers_are_only_computed_where_they_are_needed() -> None:
    assert Counter(len(r.answers) for r in rows(in_scope=3, near=2)) == {2: 3, 1: 2}


def test_kinds_without_weights_are_left_alone() -> None:
    found = encode_examples(
        Tiny(),
        [*make_examples(2), replace(make_examples(1)[0], kind="other")],
        WEIGHTS,
        OBJECTIVES,
        512,
        "drop",
    ).rows
    assert [r.id for r in found] == ["e0", "e1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chosen": ""}, "trains no token"),
        ({"chosen": "  "}, "trains no token"),
        ({"rejected": ""}, "trains no token"),
        ({"rejected": None}, "no rejected"),
    ],
)
def test_a_row_that_trains_nothing_is_left_out_by_name(
    change: dict[str, str | None], words: str
) -> None:
    examples = make_examples(3)
    examples[1] = replace(examples[1], **change)
    found = encode_examples(Tiny(), examples, WEIGHTS, OBJECTIVES, 512, "drop")
    assert [(row.number, row.id) for row in found.rows] == [(0, "e0"), (1, "e2")]
    assert re.search(f"example e1: .*{words}", str(found.refused["e1"]))
    examples[2] = replace(examples[2], **change)
    with pytest.raises(DataError, match=f"example e1: .*{words}"):
        encode_examples(Tiny(), examples, WEIGHTS, OBJECTIVES, 512, "drop")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({"from": "data.jsonl:7"}, "data.jsonl:7"),
        ({"from": "Too long."}, "example e1"),
        ({"from": ["a:1"]}, "example e1"),
        ({}, "example e1"),
    ],
)
def test_a_row_that_trains_nothing_is_named_by_its_line(source: Any, place: str) -> None:
    examples = make_examples(3)
    same = {"chosen": "same", "rejected": "same", "source": source}
    examples[1] = replace(examples[1], **same)
    assert examples[1].place == place
    weights = {"in_scope": {"correction": 1.0}}
    objectives = make_objectives(weights, config.TrainConfig())
    fault = encode_examples(Tiny(), examples, weights, objectives, 512, "drop").refused["e1"]
    assert fault.where == place
    examples[1] = replace(examples[1], chosen=" ")
    fault = encode_examples(Tiny(), examples, weights, objectives, 512, "drop").refused["e1"]
    assert fault.where == place


def test_a_conversation_that_the_chat_template_refuses_is_left_out() -> None:
    class Strict(Tiny):
        def encode(self, prompt: Prompt) -> list[int]:
            if len(prompt) > 1:
                raise UnfitPrompt("the template refuses it", "roles must alternate")
            return super().encode(prompt)

    examples = make_examples(3)
    examples[1] = replace(examples[1], prompt=examples[1].turns * 2)
    found = encode_examples(Strict(), examples, WEIGHTS, OBJECTIVES, 512, "drop")
    assert list(found.refused) == ["e1"]


def test_nothing_to_train_on_says_what_there_was() -> None:
    with pytest.raises(DataError, match=r"3 examples \(kinds: in_scope\), 3 longer than 10 tokens"):
        encode_examples(Tiny(), make_examples(3), WEIGHTS, OBJECTIVES, 10, "drop")
    with pytest.raises(DataError, match="kinds: none"):
        encode_examples(Tiny(), [], WEIGHTS, OBJECTIVES, 10, "drop")


def test_overlong_rows_are_dropped_or_cut_and_counted() -> None:
    examples = make_examples(3)
    examples.append(replace(examples[0], id="long", chosen="x" * 300))
    examples.append(replace(examples[0], id="hopeless", prompt=make_prompt("y" * 300)))
    dropped = encode_examples(Tiny(), examples, WEIGHTS, OBJECTIVES, 100, "drop")
    assert (len(dropped.rows), dropped.overlong) == (3, {"drop": 2})
    assert dropped.too_long == dict.fromkeys(("long", "hopeless"), "longer than 100 tokens")
    cut = encode_examples(Tiny(), examples, WEIGHTS, OBJECTIVES, 100, "cut")
    assert (len(cut.rows), cut.overlong) == (4, {"cut": 1, "drop": 1})
    assert list(cut.too_long) == ["hopeless"], "what is cut is learned"
    assert len(cut.rows[3].prompt) + len(cut.rows[3].answers[0]) == 100
    assert EOS not in cut.rows[3].answers[0]


@pytest.mark.parametrize(
    "text",
    ["I like it \U0001f600\U0001f600 car.", "\U0001f600 car is red", "\U0001f600" * 5 + "car"],
)
def test_a_forbidden_word_is_found_behind_signs_of_several_tokens(text: str) -> None:
    """Tokens are bytes, and half a sign reads as one U+FFFD a byte, as with Llama 2's tokenizer:
    the text grows shorter where a sign is complete.
    """

    class Bytes(Tiny):
        def encode_answer(self, text: str, *, end: bool = True, after: Any = None) -> list[int]:
            return [*text.encode(), *([EOS] if end else [])]

        def decode(self, ids: Sequence[int]) -> str:
            data = bytes(i for i in ids if i != EOS)
            for cut in range(4):
                with suppress(UnicodeDecodeError):
                    return data[: len(data) - cut].decode() + REPLACEMENT * cut
            raise AssertionError(data)

    source = {"forbidden": [text.index("car")]}
    example = replace(make_examples(2)[1], rejected=text, source=source)
    weights = {example.kind: {"unlikelihood": 1.0}}
    objectives = make_objectives(weights, config.TrainConfig())
    (row,) = encode_examples(Bytes(), [example], weights, objectives, 512, "drop").rows
    assert [i for i, flag in enumerate(row.forbidden) if flag] == [text.encode().index(b"car")]


def test_a_pair_that_differs_behind_the_cut_is_left_to_what_compares_nothing() -> None:
    same = "x" * 300
    example = replace(make_examples(1)[0], chosen=f"{same}good", rejected=f"{same}bad")
    both = {"in_scope": {"sft": 1.0, "dpo": 0.5}}
    (row,) = encode_examples(Tiny(), [example], both, OBJECTIVES, 100, "cut").rows
    assert (dict(row.weights), len(row.answers)) == ({"sft": 1.0}, 1)
    with pytest.raises(DataError, match="nothing to train on"):
        encode_examples(Tiny(), [example], {"in_scope": {"dpo": 1.0}}, OBJECTIVES, 100, "cut")


def test_the_order_is_the_seeds_and_deals_the_kinds_evenly() -> None:
    mixed = rows(in_scope=12, near=6)
    batches = shuffle_into_batches(mixed, 8, seed=1, epoch=0)
    assert sorted(r.number for b in batches for r in b) == [r.number for r in mixed]
    assert [len(b) for b in batches] == [6, 6, 6]
    for batch in batches:
        assert 1 <= sum(row.kind == "near" for row in batch) <= 3
    assert shuffle_into_batches(mixed, 8, 1, 0) == batches
    assert shuffle_into_batches(mixed, 8, 1, 1) != batches
    assert shuffle_into_batches(mixed, 8, 2, 0) != batches


def test_micro_batches_keep_the_budget_and_every_row() -> None:
    groups = split_micro_batches(rows(), 150)
    assert sorted(r.number for g in groups for r in g) == list(range(12))
    for group in groups:
        assert sum(row.length for row in group) <= 150 or len(group) == 1
    lengths = [r.length for g in groups for r in g]
    assert lengths == sorted(lengths)


def test_the_token_with_which_a_forbidden_word_begins_is_marked() -> None:
    """The answer is "no never 1"; a token is a letter, and the end of turn is not forbidden."""
    example = replace(make_examples(2)[1], source={"forbidden": [3, 9]})
    weights = {"in_scope": {"unlikelihood": 1.0}}
    objectives = make_objectives(weights, config.TrainConfig())
    (row,) = encode_examples(Tiny(), [example], weights, objectives, 512, "drop").rows
    assert example.rejected == "no never 1"
    assert [i for i, flag in enumerate(row.forbidden) if flag] == [3, 9]
    assert len(row.forbidden) == len(row.answers[1]) == 11


@pytest.mark.parametrize("starts", [None, "3", [3.5], [10], [-1]])
def test_an_example_that_does_not_say_what_is_forbidden_is_refused(starts: object) -> None:
    example = replace(make_examples(2)[1], source={"forbidden": starts})
    weights = {"in_scope": {"unlikelihood": 1.0}}
    objectives = make_objectives(weights, config.TrainConfig())
    with pytest.raises(DataError, match="does not say where a forbidden word begins"):
        encode_examples(Tiny(), [example], weights, objectives, 512, "drop")


@pytest.mark.parametrize(("marked", "refused"), [([], True), ([3], False)])
def test_unlikelihood_without_any_forbidden_word_is_refused(
    marked: list[int], refused: bool
) -> None:
    plain, other = make_examples(2)
    examples = [
        replace(plain, source={"forbidden": []}),
        replace(other, source={"forbidden": marked}),
    ]
    weights = {"in_scope": {"unlikelihood": 1.0}}
    settings = config.TrainConfig()
    objectives = make_objectives(weights, settings)
    with pytest.raises(DataError, match="no word to make unlikely") if refused else nullcontext():
        encode_for_objectives(Tiny(), examples, weights, objectives, settings)
