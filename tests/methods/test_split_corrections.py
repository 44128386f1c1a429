"""Step 1 of corrections on a model that counts words: lengths, room, and who is like whom."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfteach.config import CorrectionsConfig as Settings
from selfteach.config import resolve
from selfteach.errors import DataError
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.length_limits import (
    drop_overlong_rows,
    is_short_enough,
    set_answer_lengths,
)
from selfteach.methods.corrections.prompt_novelty import join_turns, make_novelty_check
from selfteach.methods.corrections.split import (
    NO_OWN_TEST,
    TOO_MANY,
    TOO_MANY_GENERAL,
    CorrectionParts,
    check_parts,
    drop_like_criticized,
    keep_asked_prompts,
    split_groups,
)
from selfteach.models.tokens import TOO_LONG
from selfteach.records import Message, get_user_text, make_prompt
from selfteach.run.ledger import Ledger


class Words:
    """A tokenizer of words and a context of 800 of them, in which no prompt is like another."""

    context_tokens = 800

    def encode_answer(self, text: str) -> list[str]:
        return text.split()

    def embed(self, prompts: Any) -> Any:
        return np.random.default_rng(0).normal(size=(len(prompts), 16))

    def room_tokens(self, prompt: Any) -> int:
        return self.context_tokens - len(get_user_text(prompt).split())


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    from selfteach.methods.session import Session

    printed: list[str] = []
    ledger = Ledger(tmp_path / "run.db")
    run: Any = SimpleNamespace(ledger=ledger)
    display: Any = SimpleNamespace(print_line=printed.append, printed=printed)
    base: Any = Words()
    yield Session(run, resolve(Settings).config, display, "", base, base, [])
    ledger.close()


def edit(number: int, words: int, asked: int = 3, answer: str | None = "Short.") -> Edit:
    return Edit(f"edits:{number}", make_prompt(f"{number} " * asked), answer, "word " * words)


@pytest.mark.parametrize(
    ("lengths", "sets", "sizes"),
    [
        ([], (), (96, 96)),
        ([10] * 20, (), (96, 96)),
        ([150] * 20, (), (150, 150)),
        ([120] * 39 + [700], (), (120, 120)),
        ([700] * 20, (), (200, 200)),
        ([150] * 20, ("exam.max_tokens=14",), (150, 14)),
        ([], ("review=true",), (200, 200)),
    ],
    ids=[
        "none",
        "short",
        "long",
        "one is very long",
        "a fourth of the context",
        "named",
        "a person reads",
    ],
)
def test_answers_are_as_long_as_those_of_the_file(
    session: Any, lengths: list[int], sets: tuple[str, ...], sizes: tuple[int, int]
) -> None:
    session.config = resolve(Settings, sets=list(sets)).config
    edits = [edit(i, n, answer=None) for i, n in enumerate(lengths)]
    set_answer_lengths(session, Corrections(edits=edits))
    found = session.config
    assert (found.correct.max_tokens, found.exam.max_tokens) == sizes


def criticise(words: int, feedback: str) -> Corrections:
    return Corrections(
        criticisms=[
            Edit(f"edits:{i}", make_prompt(f"Town {i}?"), "word " * words, None, feedback)
            for i in range(8)
        ]
    )


@pytest.mark.parametrize(
    ("words", "feedback", "tokens"),
    [
        (150, "too polite", 150),
        (150, "too long", 150),
        (80, "too short", 151),
        (10, "at least 120 words", 150),
    ],
)
def test_criticised_answers_and_what_they_should_be_fit_into_the_limit(
    session: Any, words: int, feedback: str, tokens: int
) -> None:
    set_answer_lengths(session, criticise(words, feedback))
    assert session.config.correct.max_tokens == session.config.exam.max_tokens == tokens
    assert session.display.printed == []


@pytest.mark.parametrize("sets", [(), ("exam.max_tokens=100",)])
def test_a_length_that_no_answer_may_have_is_said(session: Any, sets: tuple[str, ...]) -> None:
    session.config = resolve(Settings, sets=list(sets)).config
    set_answer_lengths(session, criticise(150, "too short"))
    (line,) = session.display.printed
    assert line.startswith('"too short" asks for answers of about 226 tokens and cannot be met')
    assert "--set exam.max_tokens=282" in line


def test_one_row_without_room_is_dropped_with_the_reason(session: Any) -> None:
    set_answer_lengths(session, Corrections())
    material = Corrections(
        edits=[edit(1, 5), edit(2, 5, asked=790), edit(3, 799)],
        prompts=[make_prompt("Tea?"), make_prompt("long " * 3000)],
        criticisms=[Edit("edits:4", make_prompt("long " * 799), "Short.", None, "too long")],
    )
    found = drop_overlong_rows(session, material)
    assert [e.where for e in found.edits] == ["edits:1"]
    assert found.prompts == [make_prompt("Tea?")]
    assert found.criticisms == []
    (part,) = session.run.ledger.funnel()
    assert (part.stage, part.requested, part.accepted, part.reasons) == (
        "rows that fit the context",
        6,
        2,
        {TOO_LONG: 4},
    )
    assert session.display.printed == [f"rows left out, {TOO_LONG}: 4"]
    assert len(material.edits) == 3, "what was read stays as it was"


def test_a_correction_leaves_half_of_the_context_to_the_prompt(session: Any) -> None:
    assert is_short_enough(session, make_prompt("Tea?"), "word " * 399)
    assert not is_short_enough(session, make_prompt("Tea?"), "word " * 400)
    assert not is_short_enough(session, make_prompt("long " * 790), "word " * 11)


def test_two_conversations_that_end_alike_are_not_alike() -> None:
    before = (
        Message("system", "Be brief."),
        Message("user", "Tea?"),
        Message("assistant", "A drink."),
        Message("user", "Go on."),
    )
    assert join_turns(before) == "Tea?\nA drink.\nGo on."
    assert join_turns(before) == join_turns(before[1:]), "many prompts share the system's words"
    assert join_turns(make_prompt("Go on.")) == "Go on."


def test_a_prompt_is_new_once_and_only_where_the_material_has_none_like_it(session: Any) -> None:
    talk = (*make_prompt("Which colours has the flag of Norway?"), Message("assistant", "Red."))
    material = Corrections(
        edits=[Edit("edits:1", (*talk, *make_prompt("And the flag of Sweden?")), "A.", "B.")],
        prompts=[make_prompt("How long do bears sleep in the winter?")],
        criticisms=[
            Edit("edits:2", make_prompt("Who wrote the book about tea?"), "A.", None, "too long")
        ],
    )
    fault = make_novelty_check(session, material)
    for known in (
        "How long do bears sleep in the winter?",
        "And the flag of Sweden?",
        "Who wrote the book about tea?",
    ):
        assert fault(known) == "like another prompt"
    new = "Why is the sea salty and blue?"
    assert [fault(new), fault(new)] == ["", "like another prompt"]
    assert fault("") not in ("", "like another prompt"), "its form is wrong"


def test_what_is_like_a_criticized_prompt_is_not_held_as_it_is() -> None:
    def like(word: str) -> Any:
        return SimpleNamespace(
            likeness=SimpleNamespace(find_like=lambda texts: [word in text for text in texts])
        )

    texts = ["Grow beans.", "Bake bread.", "What is tea?"]
    assert drop_like_criticized(texts, [like("bean"), like("tea")]) == ["Bake bread."]
    assert drop_like_criticized(texts, [SimpleNamespace(likeness=None)]) == texts  # type: ignore[list-item]


def test_the_exam_asks_of_every_criticism_and_counts_what_it_leaves_out(session: Any) -> None:
    session.config = resolve(Settings, sets=["exam.prompts=60", "exam.general=2"]).config
    own = [make_prompt(f"Own {i}?") for i in range(70)]
    similar = [make_prompt(f"Like {i}?") for i in range(36)]
    general = [make_prompt(f"Any {i}?") for i in range(3)]
    nobody: Any = None
    parts = CorrectionParts([], {"test": own}, {"test": general}, [(nobody, {"test": similar})])
    keep_asked_prompts(session, parts)
    asked = parts.get_test_prompts()
    assert (len(asked), len(parts.get_criticised_test_prompts())) == (60, 30)
    assert asked[:3] == [own[0], own[2], own[4]], "evenly over all of them"
    (part,) = session.run.ledger.funnel()
    assert (part.requested, part.accepted) == (109, 62)
    assert part.reasons == {TOO_MANY: 46, TOO_MANY_GENERAL: 1}


WORDS = [f"{syllable}{end}" for syllable in ("ba", "ce", "di", "fo", "gu") for end in "abcdefghij"]


def make_questions(count: int, seed: int = 0) -> list[Any]:
    """Prompts of eight words that are not like each other."""
    dice = random.Random(seed)
    return [make_prompt(" ".join(dice.choices(WORDS, k=8)) + "?") for _ in range(count)]


def test_a_criticised_prompt_is_learned_from_though_it_has_a_correction_too(session: Any) -> None:
    """Its criticised answer is trained in the first round, so the exam must not ask about it."""
    own = make_questions(60)
    criticised = [*own[:20], *make_questions(10, seed=1)]
    words = get_user_text(own[20]).split()
    own.append(make_prompt(" ".join([*words[:-1], "muck?"])))
    found = split_groups(session, {"own": own}, [*criticised, own[20]])["own"]
    assert set(own[:21]) <= set(found["train"])
    assert own[-1] in found["train"], "it is like a criticised one"
    assert len(found["test"]) == 18, "the others still fill the exam's share"
    assert {p for part in found.values() for p in part} == set(own), "the criticised are no group"


def test_the_turns_of_one_conversation_share_a_part(session: Any) -> None:
    first = make_questions(60)
    later = [
        (*prompt, Message("assistant", get_user_text(answer)), *more)
        for prompt, answer, more in zip(
            first, make_questions(60, seed=1), make_questions(60, seed=2), strict=True
        )
    ]
    found = split_groups(session, {"own": [*first, *later]})["own"]
    parts = {prompt: part for part, prompts in found.items() for prompt in prompts}
    assert [parts[prompt] for prompt in first] == [parts[prompt] for prompt in later]
    assert len(found["test"]) == 36


def test_an_exam_of_criticisms_alone_is_announced(session: Any) -> None:
    one = make_questions(2)
    nobody: Any = None
    own = {"train": one, "dev": [], "test": []}
    parts = CorrectionParts([], own, {"test": []}, [(nobody, {"train": [], "test": one[:1]})])
    check_parts(session, parts)
    assert session.display.printed == [NO_OWN_TEST]
    parts.criticised = []
    with pytest.raises(DataError, match="2 prompts are too few"):
        check_parts(session, parts)
