"""Row 23: no pad token, a pad token that is the end of sequence, no chat template: the end of an
answer stays in the loss, and what had to be supplied has a name and is saved with the adapter."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from selfteach.errors import UsageError
from selfteach.files import write_jsonl
from selfteach.models.hf import HfModel
from selfteach.models.tokens import PLAIN_NAME, PLAIN_TEMPLATE
from selfteach.records import make_prompt
from talker import run_json
from tiny_tokenizer import CHATML, tiny_tokenizer


@pytest.fixture(params=["no pad", "pad is eos"])
def odd(request, make_tiny, tmp_path):
    make_tiny(tmp_path, pad=False)
    if request.param == "pad is eos":
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        tokenizer.pad_token = tokenizer.eos_token
        tokenizer.save_pretrained(tmp_path)
    return HfModel.load(tmp_path, dtype="float32", device="cpu")


def test_the_end_of_an_answer_is_scored_although_it_also_pads(odd):
    end = odd.tokenizer.eos_token_id
    assert odd.tokenizer.pad_token_id == end
    pairs = [
        (make_prompt("Hello"), "Yes."),
        (make_prompt("Tell me about music and cars."), "I like the weather in Paris."),
    ]
    for i, logits in odd.answer_logits(pairs):
        ids = odd.encode_answer(pairs[i][1], end=True)
        assert ids[-1] == end
        assert len(logits) == len(ids)


def test_a_missing_pad_token_is_noted(make_tiny, tmp_path):
    assert any(
        "no pad token" in note for note in HfModel.load(make_tiny(tmp_path, pad=False)).notes
    )
    assert not any(
        "pad token" in note for note in HfModel.load(make_tiny(tmp_path / "whole")).notes
    )


def test_a_model_without_a_template_gets_a_named_one(make_tiny, tmp_path):
    loaded = HfModel.load(make_tiny(tmp_path / "model", chat_template=None))
    assert loaded.tokens.template == PLAIN_NAME
    assert any(PLAIN_NAME in note for note in loaded.notes)
    assert (
        loaded.tokenizer.decode(loaded.encode(make_prompt("Hello", system="Be brief.")))
        == "### System\nBe brief.\n\n### User\nHello\n\n### Assistant\n"
    )


@pytest.mark.training
@pytest.mark.parametrize("adapter", ["lora", pytest.param("reft", marks=pytest.mark.long)])
def test_what_was_supplied_lies_beside_the_adapter_of_a_run(make_tiny, tmp_path, adapter):
    """Plain transformers renders from the run's adapter folder what the training rendered."""
    tuned = run_of(make_tiny(tmp_path / "model", chat_template=None), tmp_path / "run", adapter)
    assert json.loads((tuned / "selfteach.json").read_text())["template"] == PLAIN_NAME
    own = HfModel.load(tmp_path / "model", adapter=tuned)
    saved = AutoTokenizer.from_pretrained(tuned)
    assert saved.chat_template == PLAIN_TEMPLATE
    rendered = saved.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_dict=True
    )
    assert rendered["input_ids"] == own.encode(make_prompt("Hello"))


@pytest.mark.training
def test_a_run_on_another_run_keeps_it(make_tiny, tmp_path):
    model = make_tiny(tmp_path / "model", chat_template=None)
    run_of(model, tmp_path / "first")
    tuned = run_of(model, tmp_path / "next", "lora", "--from", str(tmp_path / "first"))
    assert AutoTokenizer.from_pretrained(tuned).chat_template == PLAIN_TEMPLATE


@pytest.mark.training
def test_a_template_of_the_models_own_is_not_copied(tiny, tmp_path):
    tuned = run_of(tiny, tmp_path / "run")
    assert {path.name for path in tuned.iterdir()} == {
        "README.md",
        "adapter_model.safetensors",
        "adapter_config.json",
        "selfteach.json",
    }
    assert "template" not in json.loads((tuned / "selfteach.json").read_text())


ANSWER = "I like bread."


def make_turns(text):
    return [{"role": "user", "content": text}]


def run_of(model, out, adapter="lora", *more, sets=("train.max_steps=2",)):
    """The adapter folder of a short run; of two steps, unless the settings say otherwise."""
    data = out.with_suffix(".jsonl")
    prompts = [f"Tell me about the weather {n}" for n in range(8)]
    write_jsonl(data, ({"prompt": make_turns(p), "chosen": ANSWER} for p in prompts))
    words = [word for item in (*sets, "train.batch_size=4") for word in ("--set", item)]
    code, result = run_json(
        [
            "train",
            str(data),
            "--model",
            str(model),
            "--out",
            str(out),
            "--json",
            "--adapter",
            adapter,
            *words,
            *more,
        ]
    )
    assert code == 0
    return Path(result["adapter"])


HEADER = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
TEMPLATES = {
    "none": None,
    "no header": CHATML.removesuffix(HEADER),
    "trims": CHATML.replace("message['content'] }}", "message['content'] | trim }}"),
    "no system": "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    + CHATML,
    "Llama 2": "{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }} "
    "{{ eos_token }}{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}",
    "no end": "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}",
    "two ends": CHATML.replace("<|im_end|>", "<|im_end|><|im_end|>"),
    "beginning": "{{ bos_token }}" + CHATML,
    "default system": "{% if messages[0].role != 'system' %}<|im_start|>system\nBe good."
    "<|im_end|>\n{% endif %}" + CHATML,
    "thoughts": CHATML.removesuffix("{% endif %}") + "<think>\n\n</think>\n\n{% endif %}",
    "another end": CHATML.replace("<|im_end|>", "<|endoftext|>"),
    "the last turn": "{% set m = messages[-1] %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "<|im_end|>\n" + HEADER,
}
"""Templates of models of others, in short."""
PADDINGS = {
    "end pads": {"pad_token": "<|im_end|>"},
    "a word pads": {"pad_token": "\u0120a"},
    "no padding": {"pad_token": None},
    "an end without a role": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
}


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_each_kind_of_tokenizer_learns_to_end_and_renders_as_transformers_does(
    make_tiny, tmp_path, template, padding
):
    tokenizer = tiny_tokenizer(template)
    for name, token in padding.items():
        setattr(tokenizer, name, token)
    model = make_tiny(tmp_path / "model", tie_word_embeddings=False)
    (model / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(model)
    base = HfModel.load(model, dtype="float32", device="cpu")
    tuned = run_of(model, tmp_path / "run", sets=("train.max_steps=20", "train.learning_rate=0.01"))
    worn = HfModel.load(model, adapter=tuned, dtype="float32", device="cpu")
    end = base.tokens.end_of_turn
    if template and "<|im_end|>" in template:
        assert end == tokenizer.convert_tokens_to_ids("<|im_end|>")

    def read_end(of):
        ids = of.encode(make_prompt("Tell me about the weather 3")) + of.encode_answer(ANSWER)
        return of.module(torch.tensor([ids])).logits[0, -2].log_softmax(-1)[end].item()

    with torch.no_grad():
        assert read_end(worn) - read_end(base) > 1.0
    saved = AutoTokenizer.from_pretrained(tuned if template is None else model)
    found = saved.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_dict=True
    )
    assert found["input_ids"] == worn.encode(make_prompt("Hello"))


def test_a_tokenizer_without_an_end_is_refused(make_tiny, tmp_path):
    make_tiny(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="end-of-sequence"):
        HfModel.load(tmp_path)
