"""The exam of tasks on sheets made by hand: numbers, labels, duels, the five verdicts."""

from __future__ import annotations

import pytest

from selfteach import statistics
from selfteach.evaluate.tasks import (
    Harm,
    Question,
    Sheet,
    best_rouge,
    contest,
    labels,
    numbers,
    side_by_side,
    together,
    verdict,
)
from selfteach.judge.pairwise import Closer
from selfteach.records import Draw, Logp, Measure, user

GOLD = "one two three four"
NEAR, HALF, FAR = GOLD, "one two five six", "seven eight"
"""ROUGE-L to the gold answer: 1, 2 * 2 / 8 = .5, 0."""


def questions(
    count: int = 8, gold: str = GOLD, part: str = "seed", classification: bool = False
) -> list[Question]:
    return [Question(part, user(f"{part} {i}"), (gold,), classification) for i in range(count)]


def sheet(greedy: list[str], drawn: list[str] | None = None) -> Sheet:
    def draws(texts: list[str]) -> list[Draw]:
        return [Draw(str(i), text) for i, text in enumerate(texts)]

    return Sheet(draws(greedy), draws(drawn or greedy), [Logp(-2.0, 4) for _ in greedy])


def arms(base: str, prompted: str, taught: str | None = None, count: int = 8) -> dict[str, Sheet]:
    found = {"base": sheet([base] * count), "prompted": sheet([prompted] * count)}
    return found | ({"taught": sheet([taught] * count)} if taught is not None else {})


KEPT = Measure(0.0, -0.01, 0.01, 60)


@pytest.mark.parametrize(
    ("sheets", "harm", "word", "says"),
    [
        (arms(FAR, FAR), Harm(), "nothing to learn", "the base has ROUGE-L 0.00"),
        (arms(FAR, FAR, FAR), Harm(), "not learned", "no more than chance explains"),
        (
            arms(FAR, FAR, NEAR),
            Harm(0.2, KEPT),
            "not learned",
            "20% of the general answers are harmed",
        ),
        (
            arms(FAR, FAR, NEAR),
            Harm(0.0, Measure(-0.02, -0.04, 0.0, 60)),
            "not learned",
            "changes by -2.0 points [-4.0, +0.0]",
        ),
        (
            arms(FAR, NEAR, HALF),
            Harm(0.0, KEPT),
            "just prompt it",
            "with worked tasks in the prompt it is 1.00",
        ),
        (
            arms(FAR, HALF, NEAR),
            Harm(0.1, KEPT),
            "taught",
            "is 0.00 before and 1.00 after (0.50 with worked tasks in the prompt)",
        ),
        (arms(FAR, HALF, NEAR), Harm(), "taught", "Taught:"),
    ],
    ids=[
        "nothing",
        "chance",
        "harmed",
        "forgotten",
        "prompt",
        "taught",
        "taught without general prompts",
    ],
)
def test_the_verdict(sheets: dict[str, Sheet], harm: Harm, word: str, says: str) -> None:
    found = verdict(questions(), sheets, harm, 3, 0)
    assert found["word"] == word
    assert says in found["sentence"]


def test_two_answers_to_one_question_are_one_piece_of_evidence() -> None:
    """Greedy and drawn answers that are the same say nothing new: 6 questions, of which 4 gain and
    2 lose as much, are chance. Counted as
    12 of their own they would be "taught"."""
    asked = questions(6)
    gains = [NEAR, NEAR, NEAR, NEAR, FAR, FAR]
    sheets = {
        "base": sheet([FAR, FAR, FAR, FAR, HALF, HALF]),
        "prompted": sheet([FAR] * 6),
        "taught": sheet(gains),
    }
    assert together(asked, sheets["taught"]) == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert together(asked[:1], sheet([NEAR], [FAR])) == [0.5]
    once = statistics.paired_bootstrap(
        together(asked, sheets["taught"]), together(asked, sheets["base"]), seed=0
    )
    twice = statistics.paired_bootstrap(
        2 * together(asked, sheets["taught"]), 2 * together(asked, sheets["base"]), seed=0
    )
    assert once.low <= 0 < twice.low
    assert verdict(asked, sheets, Harm(), 1, 0)["word"] == "not learned"


def test_numbers_by_part_and_arm_with_values_by_hand() -> None:
    asked = [*questions(2), *questions(2, part="human")]
    found = numbers(asked, {"base": sheet([NEAR, HALF, FAR, FAR], [FAR, FAR, FAR, HALF])}, 0)
    of_seeds, of_people = (
        {key: value[part]["base"] for key, value in found.items() if value}
        for part in ("seed", "human")
    )
    assert [of_seeds["rouge_l"][way].value for way in ("greedy", "drawn")] == [0.75, 0.0]
    assert of_seeds["rouge_1"].value == 0.75
    assert of_seeds["rouge_2"].value == pytest.approx((1 + 1 / 3) / 2), "one pair of three"
    assert of_seeds["token_f1"].value == 0.75
    assert of_seeds["loss_nats"].value == 0.5
    assert of_people["rouge_l"]["drawn"].value == 0.25
    assert of_seeds["bleu"].value > of_people["bleu"].value
    assert found["exact"] == found["labels"] == {}, "no question is a classification"


def test_words_of_every_script_are_compared() -> None:
    assert best_rouge("красная лиса спит", ("красная лиса ест",)) == pytest.approx(2 / 3)


def test_labels_by_hand() -> None:
    """Gold yes yes no no, answers "Yes." yes, yes and something else: yes has precision 2/3 and
    recall 1, no has none; what is no label counts as no prediction, so that of three predictions
    two are right, of four questions two."""
    pairs = [
        (("yes",), "Yes."),
        (("yes", "certainly"), "certainly"),
        (("no",), "yes"),
        (("no",), "a long answer"),
    ]
    found = labels(pairs)
    assert set(found["each"]) == {"yes", "no"}
    assert found["each"]["yes"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    )
    assert found["each"]["no"]["f1"] == 0.0
    assert found["macro"]["f1"] == pytest.approx(0.4)
    assert (found["micro"]["precision"], found["micro"]["recall"]) == pytest.approx((2 / 3, 0.5))


def test_only_classifications_have_labels() -> None:
    asked = [*questions(2, "yes", classification=True), *questions(1)]
    found = numbers(asked, {"base": sheet(["yes", "no", "yes"])}, 0)
    assert found["exact"]["seed"]["base"].n == 2
    assert found["exact"]["seed"]["base"].value == 0.5
    assert found["labels"]["seed"]["base"]["each"]["yes"]["support"] == 2


def test_every_arm_meets_the_base_and_the_taught_one_few_shot_too() -> None:
    asked = questions(4)
    sheets = arms(FAR, HALF, NEAR, 4)
    judge = Closer({q.prompt: q.golds for q in asked})
    against_base = contest(judge, asked, sheets, 0)
    assert set(against_base) == {"prompted", "taught"}
    assert (against_base["taught"]["wins"], against_base["prompted"]["wins"]) == (4, 4)
    beside = contest(
        judge, asked, {"prompted": sheets["prompted"], "taught": sheets["taught"]}, 0, "prompted"
    )
    assert list(beside) == ["taught"]
    assert (beside["taught"]["wins"], beside["taught"]["losses"]) == (4, 0)


def test_an_answer_further_from_a_person_s_than_the_base_s_is_marked() -> None:
    (row,) = side_by_side(questions(1), arms(HALF, NEAR, FAR, 1))
    assert {arm: cell["broken"] for arm, cell in row["arms"].items()} == {
        "base": False,
        "prompted": False,
        "taught": True,
    }
    assert (row["gold"], row["part"], row["prompt"]) == (GOLD, "seed", "seed 0")
