"""The names of tokens: no two tokens of one place share one."""

from __future__ import annotations

from typing import Any

from selfteach.models.hf import HfModel
from selfteach.serve.token_names import name_token, name_tokens


def test_parts_of_a_character_are_named_by_their_bytes(tiny_hf: HfModel) -> None:
    ids = tiny_hf.encode_answer("é大", end=False)
    assert [name_token(tiny_hf, id) for id in ids] == [
        rf"bytes:\x{value:02x}" for value in "é大".encode()
    ]
    (letter,) = tiny_hf.encode_answer("a", end=False)
    assert name_token(tiny_hf, letter) == "a"


class Spelling:
    """Stand for a tokenizer that drops the blank before a word, as those of SentencePiece do."""

    pieces = ("▁the", "the", "<0xE3>", "�")
    texts = ("the", "the", "�", "�")

    def convert_ids_to_tokens(self, token: int) -> str:
        return self.pieces[token]

    @property
    def tokenizer(self) -> Spelling:
        return self

    def decode(self, ids: list[int]) -> str:
        return self.texts[ids[0]]


def test_tokens_of_one_text_have_names_of_their_own() -> None:
    model: Any = Spelling()
    assert name_tokens(model, [1, 0, 1, 2, 3]) == {
        1: "the",
        0: "token_id:0",
        2: r"bytes:\xe3",
        3: "�",
    }
