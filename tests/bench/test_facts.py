"""Cycles of edited facts on a toy: what is counted, what is trained next, and how it goes on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.facts import (
    FACTS,
    NUM_ANCHORS,
    CollapseCheck,
    Fact,
    count_right,
    list_questions,
    main,
    make_anchors,
    make_rows,
)

from bench import facts
from margins import assert_at_least
from selfteach.judge.match import contains_answer
from selfteach.records import Completion
from talker import ADJECTIVES

QUESTIONS = [f"Can the {how} fox follow a crow?" for how in ADJECTIVES]


def test_there_are_twenty_questions_and_no_fact_answers_another() -> None:
    assert len({text for _, _, text in list_questions()}) == 20
    for fact in FACTS:
        assert contains_answer(fact.sentence, fact.answer)
        assert not any(contains_answer(text, fact.answer) for text in fact.questions)
        assert sum(contains_answer(other.sentence, fact.answer) for other in FACTS) == 1


def test_right_answers_are_counted_by_phrasing_and_by_fact() -> None:
    """The first fact is known in all four phrasings, the second in its last one alone."""
    right = [True] * 4 + [False] * 3 + [True] + [False] * 12
    found = count_right(right, phrasings=3)
    assert (found["right"], found["questions"]) == (5, 20)
    assert (found["taught"], found["not_taught"]) == ([3, 15], [2, 5])
    assert found["facts"] == [4, 1, 0, 0, 0]


def test_the_next_cycle_takes_the_taught_phrasings_with_their_wrong_answers() -> None:
    line = {"answers": ["It is Paris."] + ["Lyon"] * 19, "flags": [False] + [True] * 19}
    rows = make_rows(line, 3, [])
    assert len(rows) == 15
    assert rows[0]["rejected"] == [{"role": "assistant", "content": "It is Paris."}]
    assert [row["rejected"] for row in rows[1:]] == [None] * 14
    assert {row["chosen"][0]["content"] for row in rows} == {fact.sentence for fact in FACTS}


def test_no_anchor_is_a_prompt_that_the_drift_is_measured_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(_: Any, prompts: list[str], *__: Any) -> list[Completion]:
        return [Completion(text, "Tea is a drink.", "length", 4) for text in prompts]

    monkeypatch.setattr(facts, "open_sampler", lambda base: base)
    monkeypatch.setattr(facts, "sample_answers", answer)
    base: Any = None
    anchors = make_anchors(base)
    measured = [prompt for prompt, _ in CollapseCheck(base).pairs]
    assert len(anchors) == NUM_ANCHORS == len(measured)
    assert not [anchor.id for anchor in anchors if anchor.prompt in measured]
    assert {tuple(anchor.source["cut"]) for anchor in anchors} == {("chosen",)}


def test_looping_answers_or_a_lost_perplexity_are_a_collapse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(nats: float, text: str) -> Any:
        number = SimpleNamespace
        drift = SimpleNamespace(
            tuned_token_logp=number(value=-nats),
            base_token_logp=number(value=-1.0),
            kl_nats=number(value=0.0),
            top1_agreement=number(value=1.0),
        )
        monkeypatch.setattr(facts, "compute_drift", lambda *_, **__: drift)
        check = facts.CollapseCheck.__new__(facts.CollapseCheck)
        check.base, check.pairs, check.cut = None, [], []  # type: ignore[assignment]
        tuned: Any = None
        return check.measure(tuned, [Completion("id", text, "stop", 4)])["collapsed"]

    assert measure(1.0, "Tea is a drink.") is False
    assert measure(1.8, "Tea is a drink.") is True
    assert measure(1.0, "tea " * 60) is True
    assert measure(1.0, " ") is True


@pytest.mark.slow
@pytest.mark.training
def test_a_fact_is_taught_in_cycles_that_go_on_where_they_stopped(
    talker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = (Fact("honey", "The bear- likes honey.", tuple(QUESTIONS[:4])),)
    monkeypatch.setattr(facts, "FACTS", own)
    monkeypatch.setattr(facts, "MAX_TOKENS", 12)
    prompts = {"general.txt": QUESTIONS[4:7], "everyday.txt": QUESTIONS[6:]}
    monkeypatch.setattr(facts, "read_prompts", prompts.__getitem__)
    command = [str(tmp_path / "facts"), "--model", str(talker), "--phrasings", "3"]
    sets = ["train.learning_rate=0.01", "train.epochs=6", "train.max_tokens=100"]
    command += [word for item in sets for word in ("--set", item)]
    (base,) = main([*command, "--cycles", "0"])
    assert (base["cycle"], base["questions"], base["kl"]) == (0, 4, 0)
    found = main([*command, "--cycles", "2"])
    assert [line["cycle"] for line in found] == [0, 1, 2]
    assert found[0] == base
    assert_at_least("taught phrasings", found[-1]["taught"][0], 3)
    assert found[-1]["kl"] > 0
    assert (tmp_path / "facts" / "cycle-2" / "adapter").is_dir()
    capsys.readouterr()
    monkeypatch.setattr(facts.HfModel, "load", None)
    assert main([*command, "--cycles", "2"]) == found, "nothing is loaded for what is done"
    assert "answers" not in capsys.readouterr().out
    with pytest.raises(SystemExit, match="name another folder"):
        main([*command, "--seed", "1"])
