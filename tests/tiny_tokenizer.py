"""A tokenizer of about 400 tokens, trained on a few sentences."""

from __future__ import annotations

from typing import Any

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ "
    "message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system message') }}{% endif %}"
    + CHATML
)
"""A template like Gemma's, which takes no system message."""
WORDS = (
    "The elephant is a big animal with a long trunk. Tell me about music, cars and "
    "the weather in Paris. What do you like to\n"
    "eat? I like bread and apples. Yes. No. Do not talk about elephants! A rule is a "
    "rule; keep it. Question:\n"
    "Answer: Reply: Broken rule: 0 1 2 3 4 5 6 7 8 9"
)


def tiny_tokenizer(chat_template: str | None = CHATML, pad: bool = True) -> Any:
    """Return a byte-level BPE of about 400 tokens with ChatML control tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([WORDS] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>" if pad else None,
    )
    tokenizer.chat_template = chat_template
    return tokenizer
