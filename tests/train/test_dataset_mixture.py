"""Several datasets in given proportions: exact shares, even passes, the same rows after a resume,
wrong names refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import UsageError
from selfteach.records import Example, make_prompt
from selfteach.train import dataset_mixture
from selfteach.train.dataset_mixture import DatasetMixture, Epochs, tag_with_dataset
from selfteach.train.encode_and_batch import TrainingRow, shuffle_into_batches
from selfteach.train.train import train


def rows(**sizes: int) -> list[TrainingRow]:
    numbers = iter(range(10_000))
    return [
        TrainingRow(next(numbers), f"{name}/{i}", "k", (1,), ((2,),), {"sft": 1.0}, dataset=name)
        for name, n in sizes.items()
        for i in range(n)
    ]


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=4),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_every_epoch_is_as_long_as_the_others(shares: list[float], sizes: list[int]) -> None:
    names = "abcd"[: len(shares)]
    own = rows(**dict(zip(names, sizes, strict=False)))
    mixture = DatasetMixture(own, dict(zip(names, shares, strict=True)), seed=0)
    used = Counter[str]()
    for number in range(12):
        epoch = mixture.epoch(number)
        assert len(epoch) == len(own)
        used += Counter(row.dataset for row in epoch)
        for name, share in mixture.shares.items():
            assert abs(used[name] - share * len(own) * (number + 1)) < len(names)


def test_an_epoch_has_the_shares_that_were_asked_for() -> None:
    # 100 rows an epoch; 1 % of old is one row of them, and ten epochs see ten different ones
    mixture = DatasetMixture(rows(new=80, old=20), {"old": 1, "new": 99}, seed=3)
    epochs = [mixture.epoch(number) for number in range(10)]
    for epoch in epochs:
        assert Counter(row.dataset for row in epoch) == {"new": 99, "old": 1}
    assert len({row.id for epoch in epochs for row in epoch if row.dataset == "old"}) == 10


def test_a_share_of_less_than_a_row_comes_every_other_epoch() -> None:
    mixture = DatasetMixture(rows(new=40, old=10), {"old": 0.01, "new": 0.99}, seed=0)
    assert sum(row.dataset == "old" for number in range(10) for row in mixture.epoch(number)) == 5


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.01, 0.99), st.integers(0, 5))
def test_nothing_comes_twice_before_all_has_come_once(
    one: int, two: int, share: float, seed: int
) -> None:
    mixture = DatasetMixture(rows(a=one, b=two), {"a": share, "b": 1 - share}, seed)
    epochs = [mixture.epoch(number) for number in range(7)]
    assert all(len(epoch) == one + two for epoch in epochs)
    seen = Counter(row.id for epoch in epochs for row in epoch)
    for name, size in (("a", one), ("b", two)):
        times = [seen[f"{name}/{i}"] for i in range(size)]
        assert max(times) - min(times) <= 1


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    shares = {"a": 0.3, "b": 0.7}
    many = rows(a=12, b=9)
    mixture = DatasetMixture(many, shares, 1)
    for number in range(3):
        list(mixture.epoch(number))
    fourth = [row.id for row in mixture.epoch(3)]
    assert [row.id for row in DatasetMixture(many, shares, 1).epoch(3)] == fourth
    assert [row.id for row in DatasetMixture(many, shares, 2).epoch(3)] != fourth


def test_without_shares_every_row_comes_every_epoch() -> None:
    many = rows(a=3, b=4)
    assert DatasetMixture(many, {}, 0).epoch(5) == many


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.0, 0.9))
def test_a_kind_has_at_least_its_share_of_every_epoch(rare: int, others: int, least: float) -> None:
    many = [replace(row, kind=row.dataset) for row in rows(rare=rare, other=others)]
    mixture = DatasetMixture(many, {}, 3, {"rare": least, "absent": 0.5})
    epochs = [Counter(row.id for row in mixture.epoch(number)) for number in range(3)]
    assert all(sum(epoch.values()) == mixture.size for epoch in epochs)
    assert all(epoch[row.id] >= 1 for epoch in epochs for row in many), "nothing is left out"
    found = mixture.size - others
    assert found >= least * mixture.size - 1e-6
    assert found == rare or (found - 1) < least / (1 - least) * others + 1e-6
    seen = sum(epochs, Counter[str]())
    often = [seen[row.id] for row in many if row.kind == "rare"]
    assert max(often) - min(often) <= 1, "repeated evenly, also over epochs"
    assert all(seen[row.id] == 3 for row in many if row.kind == "other")


def shares(least: dict[str, float], **counts: int) -> dict[str, float]:
    mixture = DatasetMixture(
        [replace(row, kind=row.dataset) for row in rows(**counts)], {}, 0, least
    )
    found = Counter(row.kind for row in mixture.epoch(0))
    return {kind: found[kind] / mixture.size for kind in least}


def test_several_kinds_have_their_least_shares_together() -> None:
    """10 + 10 + 80 rows with .3 for each of the two small kinds: 80 is .4 of an epoch, so it has
    200 rows, 60 of each.
    """
    assert shares({"a": 0.3, "b": 0.3}, a=10, b=10, c=80) == {"a": 0.3, "b": 0.3}
    assert shares({"a": 0.3, "b": 0.2}, a=10, b=40, c=50) == pytest.approx(
        {"a": 0.3, "b": 40 / 129}, abs=0.01
    ), "b has enough"


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0.0, 0.24)), min_size=1, max_size=4),
    st.integers(0, 40),
)
def test_no_kind_has_less_than_its_least_share_whatever_the_others_ask_for(
    kinds: list[tuple[int, float]], others: int
) -> None:
    least = {f"k{i}": share for i, (_, share) in enumerate(kinds)}
    found = shares(least, **{f"k{i}": count for i, (count, _) in enumerate(kinds)}, other=others)
    assert all(found[kind] >= share - 0.03 for kind, share in least.items()), (
        "each is rounded up, which makes the epoch a row longer"
    )


def test_without_a_least_share_nothing_is_repeated() -> None:
    many = rows(a=3, b=4)
    assert DatasetMixture(many, {}, 0, {"k": 0.5}).epoch(1) == many, "there is no other kind"
    assert DatasetMixture(many, {"a": 0.5, "b": 0.5}, 0, {"k": 0.5}).size == 7, (
        "proportions say it all"
    )


def test_a_kind_that_is_seen_once_is_spread_over_the_epochs() -> None:
    many = [replace(row, kind=row.id[:1]) for row in rows(held=21, learned=6)]
    mixture = DatasetMixture(many, {}, 0, once=["h", "absent"], epochs=3)
    epochs = [mixture.epoch(number) for number in range(3)]
    assert {len(rows) for rows in epochs} == {mixture.size} == {6 + 7}
    seen = Counter(row.id for rows in epochs for row in rows)
    assert {seen[row.id] for row in many if row.kind == "h"} == {1}
    assert {seen[row.id] for row in many if row.kind == "l"} == {3}
    assert DatasetMixture(many[1:], {}, 0, once=["h"], epochs=3).size == 6 + 7, "rounded up"


def test_each_epoch_has_a_row_of_a_kind_that_is_seen_once() -> None:
    epochs = mix_held(held=2, learned=6, epochs=8, max_steps=0, batch_size=7)
    assert list(count_seen(epochs, 8, "held").values()) == [4, 4]


def mix_held(held: int, learned: int, epochs: int, max_steps: int, batch_size: int) -> Epochs:
    """Return the epochs of a training of so many steps, in which held rows are seen once."""
    many = [replace(row, kind=row.dataset) for row in rows(held=held, learned=learned)]
    spread = {"epochs": epochs, "max_steps": max_steps, "batch_size": batch_size}
    return Epochs(DatasetMixture(many, {}, 0, once=["held"], **spread), batch_size, 0)


def count_seen(epochs: Epochs, steps: int, kind: str) -> Counter[str]:
    batches = [epochs.batch(step) for step in range(steps)]
    assert all(batches), "no step is empty"
    return Counter(row.id for batch in batches for row in batch if row.kind == kind)


def test_more_steps_than_the_epochs_have_repeat_no_row_that_is_seen_once() -> None:
    """An epoch has 7 + 6 rows in 4 batches; 30 steps are more than three epochs of them."""
    epochs = mix_held(held=21, learned=6, epochs=3, max_steps=30, batch_size=4)
    held = count_seen(epochs, 30, "held")
    assert set(held.values()) == {1}
    assert len(held) == 21
    assert min(count_seen(epochs, 30, "learned").values()) > 3
    halves = [
        [row.id for step in steps for row in epochs.batch(step) if row.kind == "held"]
        for steps in (range(15), range(15, 30))
    ]
    assert min(map(len, halves)) > 7, "they are spread"


def test_the_last_of_the_steps_repeat_no_row_where_the_parts_do_not_divide() -> None:
    """Three parts of 20 rows are 7 + 7 + 6; with epochs alone the last one has 7."""
    by_epochs = mix_held(held=20, learned=6, epochs=3, max_steps=0, batch_size=4)
    assert max(count_seen(by_epochs, 12, "held").values()) == 2
    by_steps = mix_held(held=20, learned=6, epochs=3, max_steps=12, batch_size=4)
    assert set(count_seen(by_steps, 12, "held").values()) == {1}


def test_fewer_steps_than_the_epochs_have_see_the_same_batches() -> None:
    """So a trial of some steps has the mixture of the training."""
    whole = mix_held(held=21, learned=6, epochs=3, max_steps=0, batch_size=4)
    trial = mix_held(held=21, learned=6, epochs=3, max_steps=10, batch_size=4)
    assert [trial.batch(step) for step in range(10)] == [whole.batch(step) for step in range(10)]


@settings(deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 200),
    st.integers(1, 9),
)
def test_whatever_the_steps_no_row_that_is_seen_once_comes_twice(
    held: int, learned: int, epochs: int, max_steps: int, batch_size: int
) -> None:
    found = mix_held(held, learned, epochs, max_steps, batch_size)
    assert max(count_seen(found, max_steps, "held").values(), default=0) <= 1
    assert found.steps == max(len(found.batches(epoch)) for epoch in range(epochs))


def test_more_steps_than_there_are_rows_to_be_seen_once_are_refused() -> None:
    words = "train.max_steps: the 5 rows that there are fill 5 of 6 steps"
    with pytest.raises(UsageError, match=words):
        mix_held(held=5, learned=0, epochs=2, max_steps=6, batch_size=4)
    epochs = mix_held(held=5, learned=0, epochs=2, max_steps=5, batch_size=4)
    assert len(count_seen(epochs, 5, "held")) == 5
    many = [replace(row, kind=row.dataset) for row in rows(a=4, b=4)]
    with pytest.raises(UsageError, match="8 rows that there are fill 4 of 7 steps"):
        DatasetMixture(many, {}, 0, once=["a", "b"], max_steps=7, batch_size=4)


def test_every_batch_has_its_part_of_a_rare_dataset() -> None:
    batches = shuffle_into_batches(
        DatasetMixture(rows(new=45, old=5), {"new": 0.8, "old": 0.2}, 0).epoch(0), 10, 0, 0
    )
    assert len(batches) == 5
    for batch in batches:
        assert sum(row.dataset == "old" for row in batch) == 2


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"a": 1.0}, 'has no share for the dataset "b". Name every dataset once.$'),
        ({"a": 1, "b": 1, "old": 1}, '"old", which has no rows'),
    ],
)
def test_shares_must_name_the_datasets_that_are_there(shares: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DatasetMixture(rows(a=2, b=2), shares, 0)


def test_the_least_share_is_that_of_an_epoch_without_what_other_epochs_see() -> None:
    many = [replace(row, kind="near" if row.number < 80 else "general") for row in rows(a=90)]
    enough = DatasetMixture(many, {}, 0, {"general": 0.2}, ["near"], 4)
    assert Counter(row.kind for row in enough.epoch(1)) == {"near": 20, "general": 10}
    few = DatasetMixture(many, {}, 0, {"general": 0.5}, ["near"], 4)
    assert Counter(row.kind for row in few.epoch(1)) == {"near": 20, "general": 20}
    assert (enough.size, few.size) == (30, 40)


@pytest.mark.training
def test_a_training_of_many_steps_sees_a_kind_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six examples in an epoch of two steps, and ten steps: each of the three of `near` is seen
    once.
    """
    seen: dict[int, list[TrainingRow]] = {}
    own = dataset_mixture.Epochs.batch

    def watch(epochs: Epochs, step: int) -> list[TrainingRow]:
        return seen.setdefault(step, own(epochs, step))

    monkeypatch.setattr(dataset_mixture.Epochs, "batch", watch)
    examples = [replace(e, kind="near") if i < 3 else e for i, e in enumerate(make_examples(6))]
    how = config.TrainConfig(
        weights={"near": {"sft": 1.0}, "in_scope": {"sft": 1.0}},
        batch_size=3,
        epochs=1,
        max_steps=10,
        once=["near"],
    )
    assert train(Tiny(), examples, how, tmp_path, seed=1).steps == 10
    counts = Counter(row.id for batch in seen.values() for row in batch if row.kind == "near")
    assert sorted(counts.values()) == [1, 1, 1]


@pytest.mark.training
def test_a_training_follows_its_shares_and_a_resumed_one_goes_on_the_same(tmp_path: Path) -> None:
    old = [
        Example(f"e{i}", "in_scope", make_prompt(f"hello {i}"), "good day to you all")
        for i in range(6)
    ]  # ids as those of `examples`
    examples = tag_with_dataset({"new": make_examples(6), "old": old})
    assert len({e.id for e in examples}) == 12
    how = config.TrainConfig(
        weights={"in_scope": {"sft": 1.0}},
        dataset_shares={"new": 0.75, "old": 0.25},
        batch_size=4,
        epochs=3,
        learning_rate=5e-3,
        checkpoint_every=2,
    )
    seen: list[int] = []

    class Interrupted(Exception): ...

    def stop(step: int, total: int, row: object) -> None:
        if step == 5:
            raise Interrupted

    straight = train(Tiny(), examples, how, tmp_path / "straight", seed=1)
    with pytest.raises(Interrupted):
        train(Tiny(), examples, how, tmp_path / "broken", seed=1, progress=stop)
    resumed = train(
        Tiny(),
        examples,
        how,
        tmp_path / "broken",
        seed=1,
        progress=lambda step, total, row: seen.append(step),
    )
    assert seen[0] == 5
    assert [row["tokens"] for row in resumed.curve] == [row["tokens"] for row in straight.curve]
    assert (resumed.adapter / "adapter_model.safetensors").read_bytes() == (
        straight.adapter / "adapter_model.safetensors"
    ).read_bytes()
