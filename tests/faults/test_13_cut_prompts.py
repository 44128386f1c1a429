"""Row 13: a server that reads only a part of the prompt is noticed by what it counts."""

from __future__ import annotations

import pytest
from hostile import Call, answer, hostile

from selfteach.errors import TooManyFailures
from selfteach.models.remote.endpoint import Endpoint
from selfteach.records import Request, make_prompt

CONTEXT = 64


def forgetful(call: Call) -> None:
    """Reads at most 64 tokens (here: 1.3 a word), and says nothing of it."""
    answer("fine", usage=(min(CONTEXT, int(len(call.last.split()) * 1.3) + 8), 3))(call)


def test_a_cut_prompt_fails_with_a_hint_and_whole_ones_pass() -> None:
    asked = [Request("ask", make_prompt("word " * n)) for n in (1, 10, 30, 40, 100)]
    with hostile(forgetful) as server:
        endpoint = Endpoint(server.address)
        got = {completion.id for completion in endpoint.stream(asked)}
        assert len(server.completion_calls) == 5, "a cut prompt is not sent again"
    assert got == {r.id(endpoint.fingerprint) for r in asked[:4]}
    ((lost, reason),) = endpoint.failures
    assert lost == asked[4].id(endpoint.fingerprint)
    assert "read 64 tokens of a prompt of at least 100" in reason
    assert "OLLAMA_CONTEXT_LENGTH" in reason


@pytest.mark.parametrize("usage", [None, (0, 3)])
def test_a_server_that_does_not_count_is_believed(usage: tuple[int, int] | None) -> None:
    with hostile(answer("fine", usage=usage)) as server:
        assert (
            len(list(Endpoint(server.address).stream([Request("ask", make_prompt("word " * 100))])))
            == 1
        )


def test_text_without_spaces_raises_no_false_alarm() -> None:
    with hostile(answer("好", usage=(40, 1))) as server:
        assert (
            len(
                list(
                    Endpoint(server.address).stream(
                        [Request("ask", make_prompt("不要谈论大象。" * 20))]
                    )
                )
            )
            == 1
        )


PROSE = 'The council met on Tuesday; it asked: "When, if at all, can the work begin?" '
CHINESE = "不要谈论大象。请用简单的话回答问题。"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (PROSE * 20, 310),  # 300 words, and 80 marks after words
        ("internationalization_of_donaudampfschifffahrt " * 40, 60),
        (CHINESE * 20, 75),  # 340 letters
        ("x = f(a, b)\n" * 60, 300),
        (PROSE * 45, 1024),  # as many as a context has: Ollama cuts to exactly that
    ],
)
def test_a_prompt_that_was_cut_a_little_is_noticed(text: str, read: int) -> None:
    with hostile(answer("fine", usage=(read, 3))) as server:
        asked = [Request("ask", make_prompt(text))]
        with pytest.raises(TooManyFailures, match=rf" {read} tokens.*its context is too short"):
            list(Endpoint(server.address).stream(asked))


@pytest.mark.parametrize(
    ("text", "read"), [(PROSE * 20, 400), (CHINESE * 20, 220), ("x = f(a, b)\n" * 60, 480)]
)
def test_a_whole_prompt_raises_no_alarm(text: str, read: int) -> None:
    """These are counts of a tokenizer with a large vocabulary."""
    with hostile(answer("fine", usage=(read, 3))) as server:
        assert len(list(Endpoint(server.address).stream([Request("ask", make_prompt(text))]))) == 1
