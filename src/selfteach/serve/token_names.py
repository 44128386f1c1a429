"""Tokens as the clients of OpenAI read them: a text, or the bytes of a part of a character."""

from __future__ import annotations

import re
from collections.abc import Iterable

from transformers.convert_slow_tokenizer import bytes_to_unicode

from selfteach.models.hf import HfModel
from selfteach.records import JsonObject
from selfteach.text import REPLACEMENT

SINGLE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
"""How tokenizers of SentencePiece spell a token that is one byte."""
BYTE_SIGNS: dict[str, int] = {sign: value for value, sign in bytes_to_unicode().items()}
"""The bytes by the signs with which byte-level tokenizers spell them (GPT-2)."""


def describe_token(hf: HfModel, token: int, logp: float) -> JsonObject:
    """Return a token in the form of OpenAI's chat API; a part of a character has no bytes."""
    text = hf.decode([token])
    is_part = REPLACEMENT in text
    return {"token": text, "logprob": logp, "bytes": None if is_part else list(text.encode())}


def name_tokens(hf: HfModel, tokens: Iterable[int]) -> dict[int, str]:
    """Return a name of its own for each token: its text, unless an earlier one has it."""
    names: dict[int, str] = {}
    for token in tokens:
        if token not in names:
            name = name_token(hf, token)
            names[token] = f"token_id:{token}" if name in names.values() else name
    return names


def name_token(hf: HfModel, token: int) -> str:
    """Return the text of a token; of a part of a character its bytes, as OpenAI names them
    (`bytes:\\xe3`), where the tokenizer shows them.
    """
    text = hf.decode([token])
    if REPLACEMENT not in text:
        return text
    spelling = hf.tokenizer.convert_ids_to_tokens(token)
    single = SINGLE_BYTE.fullmatch(spelling)
    if single:
        values = [int(single[1], 16)]
    elif all(sign in BYTE_SIGNS for sign in spelling):
        values = [BYTE_SIGNS[sign] for sign in spelling]
    else:
        return text
    return "bytes:" + "".join(f"\\x{value:02x}" for value in values)
