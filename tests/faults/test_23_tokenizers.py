"""Row 23: no pad token, a pad token that is the end of sequence, no chat template: the end of an answer stays in the loss, and what had
to be supplied has a name and is saved with the tokenizer."""

import pytest
from transformers import AutoTokenizer

from selfteach.errors import UsageError
from selfteach.models.hf import Hf
from selfteach.models.tokens import PLAIN_NAME, PLAIN_TEMPLATE
from selfteach.records import user


@pytest.fixture(params=["no pad", "pad is eos"])
def odd(request, make_tiny, tmp_path):
    make_tiny(tmp_path, pad=False)
    if request.param == "pad is eos":
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        tokenizer.pad_token = tokenizer.eos_token
        tokenizer.save_pretrained(tmp_path)
    return Hf.load(tmp_path, dtype="float32", device="cpu")


def test_the_end_of_an_answer_is_scored_although_it_also_pads(odd):
    end = odd.tokenizer.eos_token_id
    assert odd.tokenizer.pad_token_id == end
    pairs = [(user("Hello"), "Yes."), (user("Tell me about music and cars."), "I like the weather in Paris.")]
    for i, logits in odd.answer_logits(pairs):
        ids = odd.encode_answer(pairs[i][1], end=True)
        assert ids[-1] == end
        assert len(logits) == len(ids)


def test_a_missing_pad_token_is_noted(make_tiny, tmp_path):
    assert any("no pad token" in note for note in Hf.load(make_tiny(tmp_path, pad=False)).notes)
    assert not any("pad token" in note for note in Hf.load(make_tiny(tmp_path / "whole")).notes)


def test_a_model_without_a_template_gets_a_named_one_that_is_saved(make_tiny, tmp_path):
    hf = Hf.load(make_tiny(tmp_path / "model", chat_template=None))
    assert hf.tokens.template == PLAIN_NAME
    assert any(PLAIN_NAME in note for note in hf.notes)
    assert (
        hf.tokenizer.decode(hf.encode(user("Hello", system="Be brief."))) == "### System\nBe brief.\n\n### User\nHello\n\n### Assistant\n"
    )
    hf.tokenizer.save_pretrained(tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").chat_template == PLAIN_TEMPLATE


def test_a_tokenizer_without_an_end_is_refused(make_tiny, tmp_path):
    make_tiny(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="end-of-sequence"):
        Hf.load(tmp_path)
