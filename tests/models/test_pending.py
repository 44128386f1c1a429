"""What ends an answer, and its random numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion, make_completion_if_done, prepare_request
from selfteach.models.tokens import ChatTokenizer
from selfteach.records import GREEDY, Message, Request, SamplingParams, make_prompt

STOPS = ("\nUser:", "こんにちは世界", "###  END OF THE ANSWER  ###", "x" * 300)


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_text_of_any_length_ends_an_answer_with_its_last_token(
    tiny_hf: HfModel, stop: str
) -> None:
    before = tiny_hf.encode_answer("Yes. ", end=False)
    wanted = tiny_hf.encode_answer(stop, end=False)
    after = tiny_hf.encode_answer(" It goes on and on.", end=False)
    row = PendingCompletion("x", SamplingParams(max_tokens=999, stop=(stop,)), [1], 999, 0)
    for token in (*before, *wanted, *after):
        row.ids.append(token)
        done = make_completion_if_done(tiny_hf, row)
        if done:
            break
    assert done is not None
    assert (done.text, done.finish) == ("Yes. ", "stop")
    assert done.tokens == len(before) + len(wanted)


@pytest.fixture
def sentencepiece() -> Any:
    """Return a model's tokenizer that drops the space before the first word of what it decodes."""
    words = {"[UNK]": 0, "</s>": 1, "▁Milk": 2, "▁is": 3, "▁white": 4, "s": 5, "▁Why?": 6}
    core = Tokenizer(models.WordLevel(words, "[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", unk_token="[UNK]")
    made.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokens = ChatTokenizer(made)
    return SimpleNamespace(
        tokens=tokens,
        encode=tokens.encode,
        decode=tokens.decode,
        end_ids={1},
        context_tokens=99,
        fingerprint="x",
    )


@pytest.mark.parametrize(
    ("begun", "ids", "text"),
    [
        ("Milk is", [4, 1], " white"),
        ("Milk", [5, 3, 1], "s is"),
        ("Milk is", [1], ""),
        ("", [4, 3, 1], "white is"),
    ],
)
def test_what_continues_a_begun_answer_keeps_its_first_space(
    sentencepiece: Any, begun: str, ids: list[int], text: str
) -> None:
    prompt = make_prompt("Why?")
    if begun:
        prompt = (*prompt, Message("assistant", begun))
    row = prepare_request(sentencepiece, Request("x", prompt, SamplingParams(max_tokens=9)))
    row.ids = ids
    done = make_completion_if_done(sentencepiece, row)
    assert done is not None
    assert done.text == text


def test_random_numbers_are_drawn_when_they_are_wanted(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that waits holds none, and one at temperature 0 never does."""
    drawn: list[int] = []
    philox = np.random.Philox

    def note_and_draw(seed: int) -> np.random.Philox:
        drawn.append(seed)
        return philox(seed)

    monkeypatch.setattr(np.random, "Philox", note_and_draw)
    sampled, greedy = (
        prepare_request(tiny_hf, Request("x", make_prompt("Yes?"), sampling))
        for sampling in (SamplingParams(max_tokens=3), GREEDY)
    )
    assert drawn == []
    first = sampled.uniforms[0]
    assert drawn == [sampled.seed]
    assert sampled.uniforms[0] == first
    assert len(sampled.uniforms) == 3
    drawn.clear()
    greedy_request = Request("x", make_prompt("Yes?"), GREEDY)
    assert greedy.id in [done.id for done in tiny_hf.stream([greedy_request])]
    assert drawn == []
