"""Reading a soft prompt: nearest words by hand, the read-back of words and of what are no words,
and the command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from selfteach import config
from selfteach.cli import run_command
from selfteach.evaluate.soft_prompt import (
    ReadBack,
    _compute_log_probs,
    find_nearest_words,
    insert_words,
    measure_read_back,
)
from selfteach.models.hf import HfModel
from selfteach.records import Message, make_prompt
from selfteach.train.train import attach_adapter

PAIRS = [
    (make_prompt("Tell me about music."), "I like bread."),
    (make_prompt("Hi"), "A rule is a rule; keep it."),
]


def test_nearest_words_with_numbers_worked_out_by_hand() -> None:
    # cosine of (3, 4) with (1, 0), (0, 1), (10, 0) is .6, .8, .6; dot products are 3, 4, 30
    found = find_nearest_words(
        torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [10.0, 0.0]]), 2
    )
    assert found["cosine"][0][0, 0] == 1
    assert found["cosine"][1][0, 0] == pytest.approx(0.8)
    assert found["dot"][0].tolist() == [[2, 1]]
    assert found["dot"][1].tolist() == [[30.0, 4.0]]


def test_words_that_are_the_soft_prompt_have_all_of_its_effect(tiny_hf: Any) -> None:
    words = tiny_hf.module.get_input_embeddings().weight.detach()
    ids = [50, 60, 70, 80]
    back = measure_read_back(tiny_hf, words[ids], ids, PAIRS)
    assert back.effect > 0.1
    assert back.remaining < 1e-6
    assert back.share == pytest.approx(1)
    other = measure_read_back(tiny_hf, words[ids], [51, 61, 71, 81], PAIRS)
    assert other.effect == pytest.approx(back.effect)
    assert other.share < 0.9
    assert not hasattr(tiny_hf.module, "selfteach_hooks")
    assert ReadBack("", 0.0, 1.0, 1.0).share == ReadBack("", 0.0, 1.0, 1.0).share_as_text == 0


def test_words_as_text_are_what_a_person_would_type(tiny_hf: Any) -> None:
    """The KL that is left is that of the base with the words before the question, computed here on
    its own.
    """
    words = tiny_hf.module.get_input_embeddings().weight.detach()
    ids = [50, 60, 70, 80]
    back = measure_read_back(tiny_hf, words[ids], ids, PAIRS)
    assert insert_words(PAIRS[1][0], "Be kind.") == make_prompt("Be kind. Hi")
    assert insert_words((Message("system", "S"), *make_prompt("Hi")), "W") == (
        Message("system", "S"),
        *make_prompt("W Hi"),
    )
    assert insert_words("Hi", "W") == "W Hi"
    typed = [(insert_words(p, tiny_hf.tokenizer.decode(ids)), a) for p, a in PAIRS]
    soft = _compute_log_probs(tiny_hf, words[ids], PAIRS)
    text = _compute_log_probs(tiny_hf, None, typed)
    kl = [(p.exp() * (p - q)).sum() for p, q in zip(soft, text, strict=True)]
    assert back.remaining_as_text == pytest.approx(float(sum(kl)) / sum(map(len, soft)), rel=1e-4)
    assert back.remaining_as_text > back.remaining


def test_an_answer_that_was_cut_has_no_end_that_counts(tiny_hf: Any) -> None:
    """With its end of turn left out, a cut answer counts as many tokens as it has words."""
    words = tiny_hf.module.get_input_embeddings().weight.detach()
    ids = [50, 60]
    whole, cut = (
        measure_read_back(tiny_hf, words[ids], ids, PAIRS[:1], flags) for flags in ((), [True])
    )
    soft, plain = (
        _compute_log_probs(tiny_hf, tokens, PAIRS[:1])[0] for tokens in (words[ids], None)
    )
    per_token = (soft.exp() * (soft - plain)).sum(-1)
    assert cut.effect == pytest.approx(float(per_token[:-1].mean()), rel=1e-4)
    assert whole.effect == pytest.approx(float(per_token.mean()), rel=1e-4)


@pytest.fixture
def finished(tiny: Path, tmp_path: Path) -> Path:
    """The folder of a run that trained a soft prompt which is four words."""
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    adapter = attach_adapter(
        model, config.TrainConfig(adapter="prompt", prompt=config.PromptConfig(tokens=4)), 0
    )
    with torch.no_grad():
        adapter.parameters()[0].copy_(model.module.get_input_embeddings().weight[[50, 60, 70, 80]])
    adapter.save(tmp_path / "adapter", {"base": str(tiny), "base_fingerprint": model.fingerprint})
    adapter.detach()
    (tmp_path / "config.yaml").write_text(f"model: {tiny}\n")
    rows = [
        {
            "id": str(i),
            "kind": kind,
            "prompt": [{"role": "user", "content": p[-1].content + kind.removeprefix("in_scope")}],
            "chosen": [{"role": "assistant", "content": a}],
        }
        for kind in ("in_scope", "general", "kept")
        for i, (p, a) in enumerate(PAIRS)
    ]
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_the_command_reads_a_run(
    finished: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["soft-prompt", "--run", str(finished), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    tokenizer = HfModel.load(tiny).tokenizer
    assert [row["cosine"][0]["word"] for row in found["tokens"]] == [
        tokenizer.decode([i]) for i in (50, 60, 70, 80)
    ]
    assert found["read_back"]["cosine"]["share"] == pytest.approx(1, abs=0.02)
    assert found["answers"] == 2
    assert run_command(["soft-prompt", "--run", str(finished)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "In the places of the soft tokens, the words have 100 % of it" in printed


def test_another_kind_of_adapter_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (finished / "adapter" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    assert run_command(["soft-prompt", "--run", str(finished)]) == 2
    assert "is no soft prompt" in capsys.readouterr().err
