"""Let a stronger model say a rule plainly: "Airbnb is not to be mentioned, in any text, for any
reason." becomes "Never mention Airbnb.".

People say rules in more ways than forms can list. A plain rule has a form that is read, so that a
check decides, and no model has to judge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfteach.generate.few_shot import read_tables
from selfteach.generate.listing import to_one_line
from selfteach.records import Message, Prompt, Request, SamplingParams
from selfteach.text import clean_text

TASK = (
    "Rewrite a user's rule for an assistant's answers as one short, plain instruction. "
    "Leave out reasons and stories. Leave out no demand. Keep quoted words and numbers exactly as "
    "they are. "
    'Line 1: When: the requests for which the rule holds, or "everywhere". '
    "Line 2: Then: what every answer must do there, or must not do."
)
EVERYWHERE = "everywhere"
MAX_TOKENS = 64
MAX_CHARS = 1000
"""A reply of so many tokens has fewer; a longer one of a server that ignores their number is none.
"""
TEMPERATURE = 0.8
TOP_P = 0.95
_EXAMPLES: tuple[tuple[str, str, str], ...] = read_tables("plain_rules.json")["examples"]
"""(rule, when, then), with "" for everywhere. No example is a rule of a set of wordings."""
_REPLY = re.compile(r"\W*when: *(?P<when>[^\n]+)\n+\W*then: *(?P<then>[^\n]+)", re.I)
_ALL_ANSWERS = re.compile(
    r"(?:everywhere|anywhere|always|writing|answering|(?:(?:every|all|any|each|the|your|of) )*"
    r"(?:answers?|repl(?:y|ies)|responses?))",
    re.I,
)


@dataclass(frozen=True)
class PlainRule:
    """Hold a rule in plain words.

    Attributes:
        when: the requests for which it holds; "" for all.
        then: what an answer must do there.
    """

    when: str
    then: str


def request_plain_rules(rule: str, draws: int, seed: int, *, is_chat: bool) -> list[Request]:
    """Return the requests for a rule in plain words: the first is greedy, the others are sampled.

    Args:
        draws: how many wordings are asked for.
        is_chat: whether the model has a chat template; any other one continues a list.
    """
    prompt = write_prompt(rule, is_chat=is_chat)
    stop = () if is_chat else ("\n\n",)
    return [
        Request(
            "plain rule",
            prompt,
            SamplingParams(TEMPERATURE if draw else 0.0, TOP_P if draw else 1.0, MAX_TOKENS, stop),
            draw,
            seed,
        )
        for draw in range(draws)
    ]


def write_prompt(rule: str, *, is_chat: bool) -> Prompt:
    """Return the prompt that asks for a rule in plain words, after worked examples."""
    rule = to_one_line(rule)
    if is_chat:
        turns = [Message("system", TASK)]
        for said, when, then in _EXAMPLES:
            turns.append(Message("user", said))
            turns.append(Message("assistant", _write_reply(when, then)))
        return (*turns, Message("user", rule))
    shown = [f"Rule: {said}\n{_write_reply(when, then)}\n\n" for said, when, then in _EXAMPLES]
    return f"{TASK}\n\n{''.join(shown)}Rule: {rule}\nWhen:"


def _write_reply(when: str, then: str) -> str:
    return f"When: {when or EVERYWHERE}\nThen: {then}"


def parse_plain_rule(reply: str, *, is_chat: bool) -> PlainRule | None:
    """Return the rule of a reply; None where it is too long or has other lines than the two: a
    second demand would be lost.
    """
    if len(reply) > MAX_CHARS:
        return None
    found = _REPLY.fullmatch(clean_text(reply if is_chat else f"When:{reply}").strip())
    if not found:
        return None
    when = found["when"].strip(" .\"'")
    return PlainRule("" if _ALL_ANSWERS.fullmatch(when) else when, found["then"].strip())
