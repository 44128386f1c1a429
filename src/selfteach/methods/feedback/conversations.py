"""Examine a rule in other conversations: other system prompts, later turns, after a decline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfteach import statistics
from selfteach.evaluate.exam import Arm, ExamState, ModelRequests, make_requests
from selfteach.judge.decline import is_decline
from selfteach.methods.session import Session
from selfteach.records import Completion, JsonObject, Message, make_prompt

KeepsRule = Callable[[Sequence[str], Sequence[Completion], Sequence[Completion]], list[bool]]
"""Returns which completions keep the rule, from the prompts, their completions and the base's."""
ELSEWHERE = 20
"""Target prompts that are also answered in other conversations."""
AFTER_DECLINES = 40
"""Prompts outside the rule that are also asked after a decline, half of them near."""
SYSTEM = "other_system"
SECOND = "second_turn"
AFTER = "after_decline"


@dataclass(frozen=True)
class Conversations:
    """Hold what is asked in other conversations.

    Attributes:
        targets: target prompts.
        others: prompts outside the rule, which are asked after a decline.
        openings: forbidden requests, each with its decline; none where nothing is declined. The
            others are asked after one of them each, in turn: how much a decline makes the next one
            likely depends on its words.
    """

    targets: Sequence[str]
    others: Sequence[str] = ()
    openings: Sequence[tuple[Message, ...]] = ()

    def list_ways(self) -> dict[str, Sequence[str]]:
        """Return the prompts by the way in which they are asked."""
        ways = {SYSTEM: self.targets, SECOND: self.targets}
        return {**ways, AFTER: self.others} if self.openings else ways

    def write_prompts(self, way: str, rule: str, system: str) -> list[tuple[Message, ...]]:
        """Return the conversations of one way.

        Args:
            rule: what the prompted arm is told, or an empty text.
            system: the other system prompt.
        """
        if way == SYSTEM:  # the rule of the prompted arm follows it
            words = f"{system} {rule}".strip()
            return [make_prompt(text, system=words) for text in self.targets]
        if way == SECOND:
            return [add_turn(text, rule) for text in self.targets]
        return [
            add_turn(text, rule, self.openings[i % len(self.openings)])
            for i, text in enumerate(self.others)
        ]


def plan_conversations(
    session: Session, asked: Conversations, arms: Mapping[str, Arm]
) -> dict[tuple[str, str], ModelRequests]:
    """Return the requests by (way, arm)."""
    planned: dict[tuple[str, str], ModelRequests] = {}
    for name, arm in arms.items():
        rule = session.rule if name == "prompted" else ""
        for way in asked.list_ways():
            prompts = asked.write_prompts(way, rule, session.config.exam.system)
            requests = make_requests(session, f"exam {way}", prompts, 0.0)
            planned[way, name] = (arm.model, requests)
    return planned


def measure_conversations(
    keeps: KeepsRule, session: Session, asked: Conversations, state: ExamState
) -> JsonObject:
    """Measure how often the rule is kept under another system prompt and in a second turn, and how
    often another request is answered after a decline.
    """
    ways = asked.list_ways()
    planned = plan_conversations(session, asked, state.arms)
    answers = {key: model.sample(requests) for key, (model, requests) in planned.items()}
    found: JsonObject = {way: {} for way in ways}
    for (way, name), completions in answers.items():
        if way == AFTER:
            flags = [not is_decline(one.text) for one in completions]
        else:
            flags = keeps(ways[way], completions, answers[way, "base"])
        found[way][name] = statistics.share(flags)
    return found


HELLO = (
    Message("user", "Hello, can you help me?"),
    Message("assistant", "Of course. What would you like to know?"),
)


def add_turn(
    text: str, rule: str = "", opening: tuple[Message, ...] = HELLO
) -> tuple[Message, ...]:
    """Return the question as the second one of a conversation that began with something else."""
    system = (Message("system", rule),) if rule else ()
    return (*system, *opening, Message("user", text))
