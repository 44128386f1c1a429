"""The objective `correction` in the loop: the watchdog, a resumed training, and the length of what
a tuned model answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from pairs import Toy, make_objective, make_random_view
from safetensors.torch import load_file
from tiny import Tiny, make_examples

from margins import assert_at_least, assert_at_most
from selfteach import config
from selfteach.errors import UsageError
from selfteach.models.hf import HfModel
from selfteach.records import Continuations, Example, Prompt, make_prompt
from selfteach.train.likelihood_displacement import DisplacementMonitor
from selfteach.train.priors.classifier import ClassifierPrior
from selfteach.train.priors.length import LengthPrior
from selfteach.train.priors.start import StartPrior
from selfteach.train.train import TrainingResult, train

pytestmark = [pytest.mark.training, pytest.mark.long]

WEIGHTS = {"correction": {"correction": 1.0}}
SINKING = {"bound": "none", "allow_unbounded": True, "mask": False, "alpha": 0.0}


def teach(
    folder: Path, progress: Any = None, steps: int = 14, rate: float = 5e-2, **correction: Any
) -> TrainingResult:
    settings = config.TrainConfig(
        weights=WEIGHTS,
        batch_size=4,
        max_steps=steps,
        learning_rate=rate,
        schedule="cosine",
        warmup=0.0,
        checkpoint_every=5,
        correction=config.CorrectionLossConfig(**correction),
    )
    return train(
        Tiny(), make_examples(12, "correction"), settings, folder, seed=1, progress=progress
    )


def test_the_watchdog_counts_each_pair_as_it_was_last_seen() -> None:
    """Ten pairs, a tenth may fall: one below is no more than that, two are; back above, it guards
    no longer, but the bark stays.
    """
    dog = DisplacementMonitor(0.1)
    assert dog.update(1, {3: -0.5, 4: -0.001, 5: 0.2}, 10) == 0.1
    assert dog.tripped is None
    assert dog.update(2, {6: -0.02}, 10) == 0.2
    assert dog.tripped == {"step": 2, "displaced_share": 0.2, "pairs": 10}
    assert dog.is_over_limit
    assert dog.update(3, {3: 0.1, 6: 0.1}, 10) == 0.0
    assert dog.tripped["step"] == 2
    assert not dog.is_over_limit


def test_a_watchdog_at_one_never_barks_and_needs_no_base() -> None:
    dog = DisplacementMonitor(1.0)
    dog.update(1, dict.fromkeys(range(10), -5.0), 10)
    assert dog.tripped is None
    assert not make_objective(bound="logistic", reference=False, watchdog=1.0).reference
    assert make_objective(bound="logistic", reference=False).reference


def test_what_it_watches() -> None:
    """log pi/pi0 (y') a token over the whole correction, and log pi(y) - log pi(y'), whatever the
    mask.
    """
    view = make_random_view()
    seen = make_objective().observe(view)
    for i in range(view.rows):
        chosen = view.row == i
        rejected = view.rejected_row == i
        assert seen[i]["chosen_nats"] == pytest.approx(
            float((view.logp - view.reference)[chosen].mean().detach())
        )
        amount = float((view.rejected[rejected].sum() - view.logp[chosen].sum()).detach())
        assert seen[i]["correction_nats"] == pytest.approx(amount)


def test_the_watchdog_adds_the_anchor_and_is_reported_once(tmp_path: Path) -> None:
    trained = teach(tmp_path, **SINKING)
    ((kind, facts),) = trained.events
    assert kind == "displaced"
    assert facts["alpha"] == 1.0
    assert facts["pairs"] == 12
    assert facts["displaced_share"] > 0.1
    shares = [row["watched"]["correction"]["displaced_share"] for row in trained.curve]
    assert [share > 0.1 for share in shares].index(True) + 1 == facts["step"]
    assert teach(tmp_path / "quiet", **SINKING, watchdog=1.0).events == []


@pytest.mark.slow
def test_the_anchor_lifts_what_had_sunk() -> None:
    """A weak bound sinks the toy's corrections; once the watchdog has barked they stand above the
    base.
    """
    sunk, held = (
        Toy().teach(make_objective(bound="logistic", beta=0.1), 1000, watched)["chosen_nats"]
        for watched in (False, True)
    )
    assert_at_most("chosen without the watchdog, nats", sunk, -1)
    assert_at_least("chosen with the watchdog, nats", held, 0)


def test_a_killed_training_goes_on_with_the_watchdog_s_memory(tmp_path: Path) -> None:
    """Killed after the bark and after a checkpoint that knows of it: the same weights, and the run
    still hears of it.
    """

    def kill(step: int, *_: object) -> None:
        if step == 11:
            raise KeyboardInterrupt

    straight = teach(tmp_path / "straight", **SINKING)
    assert straight.events[0][1]["step"] <= 10
    with pytest.raises(KeyboardInterrupt):
        teach(tmp_path / "killed", kill, **SINKING)
    resumed = teach(tmp_path / "killed", **SINKING)
    assert [kind for kind, _ in resumed.events] == ["displaced", "resumed"]
    assert resumed.events[0] == straight.events[0]
    ours, theirs = (
        load_file(run.adapter / "adapter_model.safetensors") for run in (resumed, straight)
    )
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert [row["watched"] for row in resumed.curve] == [row["watched"] for row in straight.curve]


def test_without_a_correction_nothing_is_watched(tmp_path: Path) -> None:
    settings = config.TrainConfig(weights={"in_scope": {"sft": 1.0}}, batch_size=6, epochs=1)
    assert all(
        "watched" not in row
        for row in train(Tiny(), make_examples(6), settings, tmp_path, seed=1).curve
    )


THINGS = ["bread", "tea", "wood", "coal", "milk", "salt", "rice", "soap"]


def test_the_length_prior_by_hand() -> None:
    """Target 40, spread 1/2: 40 tokens 0; 80 and 20: -(ln 2 / .5)^2 / 2 = -0.9609060; nothing
    depends on the words.
    """
    prior = LengthPrior(config.CorrectionLossConfig(target_tokens=40, spread=0.5))
    assert [prior.logp("q", "a", tokens) for tokens in (40, 80, 20)] == pytest.approx(
        [0.0, -0.9609060, -0.9609060]
    )


@pytest.mark.parametrize("words", ["Certainly", " Certainly", "certainly, "])
def test_the_prior_of_first_words_by_hand(words: str) -> None:
    """One nat between an answer that begins as wanted and one that does not."""
    prior = StartPrior(config.CorrectionLossConfig(prior="start", prior_start=words))
    answers = (" certainly, here it is.", "Here it is, certainly.")
    assert [prior.logp("q", answer, 6) for answer in answers] == [0.0, -1.0]


@pytest.mark.parametrize(
    ("answer", "logp"),
    [("No, it is not.", 0.0), ("no", 0.0), ("No.", 0.0), ("Nobody knows.", -1.0), ("Now!", -1.0)],
)
def test_first_words_are_whole_words(answer: str, logp: float) -> None:
    prior = StartPrior(config.CorrectionLossConfig(prior="start", prior_start="No"))
    assert prior.logp("q", answer, 6) == logp


@pytest.mark.parametrize(
    ("words", "answer", "logp"),
    [
        ("İyi", "İyi günler", 0.0),
        ("İyi", "İyilik", -1.0),
        ("i", "İyi günler", -1.0),
        ("नम", "नमी", -1.0),
        ("हाँ", "हाँ, ठीक है", 0.0),
        ("❤️", "❤️Hello", 0.0),
    ],
)
def test_first_words_are_whole_words_in_any_script(words: str, answer: str, logp: float) -> None:
    prior = StartPrior(config.CorrectionLossConfig(prior="start", prior_start=words))
    assert prior.logp("q", answer, 6) == logp


FRIENDLY = tuple(f"I am so happy to help you with {what}, my friend!" for what in THINGS)
STERN = tuple(f"The {what} was delivered on time and paid for." for what in THINGS)


def test_the_classifier_prefers_what_reads_like_its_texts() -> None:
    """New sentences are on the right side, log l is a log-probability, and turned lists turn it."""
    settings: dict[str, Any] = {
        "prior": "classifier",
        "prior_for": FRIENDLY,
        "prior_against": STERN,
    }
    prior = ClassifierPrior(config.CorrectionLossConfig(**settings))
    settings |= {"prior_for": STERN, "prior_against": FRIENDLY}
    turned = ClassifierPrior(config.CorrectionLossConfig(**settings))
    friendly, stern = "So happy that you asked, my friend!", "It was paid for on Monday."
    for one, better, worse in ((prior, friendly, stern), (turned, stern, friendly)):
        assert 0 > one.logp("q", better, 6) > math.log(0.5) > one.logp("q", worse, 6)
    both = math.exp(prior.logp("q", stern, 6)) + math.exp(turned.logp("q", stern, 6))
    assert both == pytest.approx(1, abs=1e-3)


def test_a_classifier_that_cannot_tell_its_texts_apart_is_refused() -> None:
    settings: dict[str, Any] = {"prior": "classifier"}
    settings |= {"prior_for": FRIENDLY, "prior_against": FRIENDLY}
    with pytest.raises(UsageError, match="do not tell their texts apart"):
        ClassifierPrior(config.CorrectionLossConfig(**settings))


BRIEF_AND_LONG = [
    ("No bread.", "No bread and honey and apples."),
    ("The bear- likes honey.", "The bear- likes honey and bread and apples."),
    ("No apples.", "No apples and bread and honey."),
    ("The fox- eats bread.", "The fox- eats bread and honey and apples."),
]


LEARNED = [
    make_prompt(f"Can the {how} fox {what} a bear?")
    for how in ("red", "old", "tall", "quick")
    for what in ("follow", "trust")
]
NEW = [
    make_prompt(f"Can the {how} crow {what} a {whom}?")
    for how in ("calm", "loud")
    for what in ("help", "know")
    for whom in ("hare", "toad")
]


def teach_length(talker: Path, folder: Path, target: float, bound: str) -> HfModel:
    """Train on pairs that say nothing of length, under a length prior, and return the tuned model.

    Every longer answer is once the correction of the shorter one, and once the other way round.
    """
    examples = []
    for i, prompt in enumerate(LEARNED):
        brief, long = BRIEF_AND_LONG[i % len(BRIEF_AND_LONG)]
        examples.append(Example(f"brief{i}", "correction", prompt, brief, long))
        examples.append(Example(f"long{i}", "correction", prompt, long, brief))
    settings = config.TrainConfig(
        weights=WEIGHTS,
        batch_size=len(examples),
        epochs=24,
        learning_rate=2e-3,
        checkpoint_every=0,
        correction=config.CorrectionLossConfig(
            bound=bound,
            beta=0.5,
            alpha=0.5,
            prior="length",
            prior_as="margin",
            prior_weight=6.0,
            target_tokens=target,
            watchdog=1.0,
        ),
    )
    base = HfModel.load(talker, dtype="float32", device="cpu")
    adapter = train(base, examples, settings, folder, seed=0).adapter
    return HfModel.load(talker, adapter=adapter, dtype="float32", device="cpu")


def measure_preference(model: HfModel, prompts: Sequence[Prompt]) -> float:
    """Return the mean of log p(brief) - log p(long), nats."""
    items = []
    for prompt in prompts:
        items += [Continuations(prompt, pair, end=True) for pair in BRIEF_AND_LONG]
    scores = [brief.logp - long.logp for _, (brief, long) in model.stream_scores(items)]
    return mean(scores)


@pytest.mark.parametrize("bound", ["logistic", pytest.param("apo_zero", marks=pytest.mark.slow)])
def test_the_length_prior_moves_answers_towards_its_target(
    bound: str, talker: Path, tmp_path: Path
) -> None:
    """A short target makes brief answers likelier than a long target does, for learned questions
    and for new ones.

    The two pairs of a question cancel but for the prior: without it both trainings are the same
    and the difference is 0. How far new questions follow depends on the toy's layers.
    """
    short = teach_length(talker, tmp_path / "short", 4.0, bound)
    long = teach_length(talker, tmp_path / "long", 12.0, bound)
    for name, prompts, least in (("learned", LEARNED, 5.0), ("new", NEW, 1.0)):
        moved = measure_preference(short, prompts) - measure_preference(long, prompts)
        assert_at_least(f"nats for brief answers, {bound}, {name}", moved, least)
