"""Tokens as the clients of OpenAI read them: a text, or the bytes of a part of a character."""

from __future__ import annotations

import re
from collections.abc import Iterable

from selfteach.models.hf import HfModel
from selfteach.records import JsonObject
from selfteach.text import REPLACEMENT

SINGLE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
"""How tokenizers of SentencePiece spell a token that is one byte."""


def describe_token(hf: HfModel, token: int, logp: float) -> JsonObject:
    """Return a token in the form of OpenAI's chat API; a part of a character has no bytes."""
    text = hf.decode([token])
    is_part = REPLACEMENT in text
    return {"token": text, "logprob": logp, "bytes": None if is_part else list(text.encode())}


def map_byte_signs() -> dict[str, int]:
    """Return the bytes by the signs with which byte-level tokenizers spell them (GPT-2).

    Printable characters of Latin-1 stand for themselves, and the other bytes are counted.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(0x100) if value not in printable]
    signs = {chr(value): value for value in printable}
    return signs | {chr(0x100 + place): value for place, value in enumerate(others)}


BYTE_SIGNS = map_byte_signs()


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
