"""Row 14: a prompt longer than the context is never cut in silence. The policy has a name, and
whoever holds candidates can count by it.
"""

import pytest

from selfteach.errors import DataError
from selfteach.models.openvino import OpenVino
from selfteach.models.tokens import TOO_LONG
from selfteach.records import Continuations, Request, SamplingParams, make_prompt

LONG = "music " * 600


def test_the_room_for_an_answer_is_known_before_sampling(tiny_hf):
    used = len(tiny_hf.encode(make_prompt("Hello")))
    assert tiny_hf.room_tokens(make_prompt("Hello")) == 512 - used
    assert tiny_hf.room_tokens(make_prompt(LONG)) <= 0


@pytest.mark.parametrize("engine", ["hf", "openvino"])
def test_both_engines_refuse_before_anything_is_sampled(engine, tiny_hf, tmp_path):
    sampler = tiny_hf if engine == "hf" else OpenVino(tiny_hf, tmp_path)
    with pytest.raises(DataError, match=TOO_LONG) as fault:
        next(
            iter(
                sampler.stream(
                    [Request("s", make_prompt("Hello")), Request("s", make_prompt(LONG))]
                )
            )
        )
    assert "music music" in str(fault.value)  # says which


@pytest.mark.parametrize("engine", ["hf", "openvino"])
def test_an_answer_that_reaches_the_end_of_the_context_is_marked_as_cut(engine, tiny_hf, tmp_path):
    sampler = tiny_hf if engine == "hf" else OpenVino(tiny_hf, tmp_path)
    text = next(
        t for n in range(1, 512) if 0 < tiny_hf.room_tokens(make_prompt(t := "a " * n)) <= 3
    )
    completions = list(
        sampler.stream(
            [Request("s", make_prompt(text), SamplingParams(temperature=0.0, max_tokens=50))]
        )
    )
    assert completions[0].tokens <= 3
    assert completions[0].finish == "length" or completions[0].tokens < 3


def test_scoring_refuses_too(tiny_hf):
    with pytest.raises(DataError, match="context of 512"):
        list(tiny_hf.stream_scores([Continuations(make_prompt(LONG), ("Yes.",))]))
    with pytest.raises(DataError, match="context of 512"):
        list(tiny_hf.answer_logits([(make_prompt(LONG), "Yes.")]))
