"""Conversations: prompts of which one is the beginning of another belong together.

A file often has a row for each turn of a conversation. The prompt of a later turn then holds the
question of an earlier one, and mostly its answer, so one must not be learned where the other
measures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from selfteach.records import Example, Message, Turns, digest, prompt_to_json

MIN_ANSWERS = 4
"""A first question with so many different answers is a greeting, and joins nothing."""
MIN_SYSTEMS = 8
"""A question that is asked under so many different system messages is as many questions: "Introduce
yourself." with a person in each system message.
"""


def find_conversations(prompts: Sequence[Turns]) -> list[int]:
    """Return the number of each prompt's conversation: the place of the shortest prompt that it
    begins with, or its own.

    System messages are not compared, as one is often in some turns of a conversation only, but for
    a question under MIN_SYSTEMS different ones or more. A greeting that is answered in many ways
    ("Hi") joins nothing.

    Shapes: (N,) prompts -> (N,) places in 0..N-1.
    """
    bare = _leave_out_systems(prompts)
    openers = _find_openers(bare)
    places: dict[Turns, int] = {}
    for place, turns in enumerate(bare):
        places.setdefault(turns, place)
    found = []
    for turns in bare:
        starts = _iterate_starts(turns, openers)
        found.append(next(places[start] for start in starts if start in places))
    return found


def share_conversations(prompts: Sequence[Turns], others: Sequence[Turns]) -> list[bool]:
    """Return for each prompt whether it begins with one of the others, or one of them with it."""
    both = _leave_out_systems([*prompts, *others])
    bare, whole = both[: len(prompts)], set(both[len(prompts) :])
    openers = _find_openers([*bare, *whole])
    starts = {start for other in whole for start in _iterate_starts(other, openers)}
    found = []
    for turns in bare:
        begins = any(start in whole for start in _iterate_starts(turns, openers))
        found.append(begins or turns in starts)
    return found


def choose_prompts(examples: Sequence[Example], share: float, *salt: Any) -> set[str]:
    """Return the keys of a share of the prompts, at least one, chosen by a salted hash.

    The prompts of a conversation are chosen together, by the hash of its first one.
    """
    keys = [make_prompt_key(example) for example in examples]
    firsts = [keys[place] for place in find_conversations([example.turns for example in examples])]
    shuffled = sorted(set(firsts), key=lambda key: digest([*salt, key]))
    chosen = set(shuffled[: max(1, round(share * len(shuffled)))])
    return {key for key, first in zip(keys, firsts, strict=True) if first in chosen}


def make_prompt_key(example: Example) -> str:
    """Return a hash of the prompt."""
    return digest(prompt_to_json(example.prompt))


def _leave_out_systems(prompts: Sequence[Turns]) -> list[Turns]:
    """Return the turns of prompts without system messages. Where these tell one question from
    another, they are put before its words.
    """
    bare = [tuple(turn for turn in prompt if turn.role != "system") for prompt in prompts]
    systems = ["\n\n".join(m.content for m in prompt if m.role == "system") for prompt in prompts]
    asked: dict[Turns, set[str]] = {}
    for turns, system in zip(bare, systems, strict=True):
        if len(turns) == 1:
            asked.setdefault(turns, set()).add(system)
    told_apart = {turns for turns, given in asked.items() if len(given) >= MIN_SYSTEMS}
    return [
        (replace(turns[0], content=f"{system}\n\n{turns[0].content}"), *turns[1:])
        if turns[:1] in told_apart
        else turns
        for turns, system in zip(bare, systems, strict=True)
    ]


def _find_openers(prompts: Iterable[Turns]) -> set[Turns]:
    """Return the first questions that are followed by MIN_ANSWERS different answers or more."""
    answers: dict[Turns, set[Message]] = {}
    for turns in prompts:
        if len(turns) > 1:
            answers.setdefault(turns[:1], set()).add(turns[1])
    return {opener for opener, given in answers.items() if len(given) >= MIN_ANSWERS}


def _iterate_starts(turns: Turns, openers: Collection[Turns]) -> Iterator[Turns]:
    """Yield the beginnings of a prompt but the openers, the shortest first and itself last."""
    for length in range(1, len(turns)):
        if turns[:length] not in openers:
            yield turns[:length]
    yield turns
