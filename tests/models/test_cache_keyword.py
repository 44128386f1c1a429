"""The cache has one name in the installed transformers, and no use of it warns."""

import logging
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.modeling_outputs import CausalLMOutputWithPast

from selfteach.models.cache_keyword import NEW_KEYWORD, OLD_KEYWORD, get_cache, get_cache_keyword
from selfteach.models.decode import read_prefix
from selfteach.records import Continuations, Request, make_prompt


def test_models_take_the_name_that_their_outputs_have(tiny_hf: Any) -> None:
    import inspect

    taken = inspect.signature(inspect.unwrap(type(tiny_hf.module).forward)).parameters
    assert get_cache_keyword() in taken
    assert get_cache_keyword() in CausalLMOutputWithPast.__dataclass_fields__


def test_an_output_without_a_cache_has_none() -> None:
    assert get_cache(SimpleNamespace()) is None
    assert get_cache(SimpleNamespace(**{get_cache_keyword(): "kept"})) == "kept"


def test_sampling_and_scoring_do_not_warn(tiny_hf: Any, caplog: pytest.LogCaptureFixture) -> None:
    prompts = [make_prompt(text) for text in ("Tell me about music.", "Tell me about elephants.")]
    items = [Continuations(prompt, ("Yes.", "No, I do not."), end=True) for prompt in prompts]
    with caplog.at_level(logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        list(tiny_hf.stream([Request("x", prompt) for prompt in prompts]))
        list(tiny_hf.stream_scores(items))
        with torch.inference_mode():
            read_prefix(tiny_hf, [1, 2, 3])
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if OLD_KEYWORD in line and NEW_KEYWORD in line]
