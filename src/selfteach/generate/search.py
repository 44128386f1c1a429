"""The search for an answer that keeps the rule: draft, check, revise, within a budget (ELVF's
self-consistency search).

A try comes from one of these strategies, in turn:
  decline  a few-shot reply that leaves the subject alone; first for requests that name the subject
  themselves, never for `is_askable` ones branch   the student's own breach, taken up again some words
  before it: the least change of an answer that went wrong late own      a draw of the student
  without the rule: the least change of behaviour, where it keeps the rule by itself revise   the
  last try without the sentences that the judge objects to: the critic's advice, followed to the
  letter ruled    a few-shot reply with the rule in the prompt
  teacher  where a teacher is given: its draw with the rule as system prompt, in place of all of
  these
Each try is judged; the first that keeps the rule, answers and makes sense is accepted. A prompt
whose budget is spent is dropped.

Source: ELVF (I), "self-consistency search". Departs: 1. the last try is judged like every other
(there it was accepted as it came);
2. the critic's advice is carried out (there it was ignored); 3. an exhausted prompt is dropped
(there 6 of 206 trained answers broke the rule); 4. "makes sense" is a bound on the nats per token
under the base.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfteach.config import SearchConfig
from selfteach.generate import few_shot
from selfteach.models import Sampler
from selfteach.records import Completion, Message, Prompt, Request, SamplingParams, make_prompt
from selfteach.text import clean_text, split_sentences

ORDERS = 3
FindViolations = Callable[[Sequence[tuple[Prompt, str]]], list[bool]]
"""A judge's word on answers: which of them break the rule."""
STRATEGIES = {
    "topic": ("own", "revise", "own", "revise", "decline", "decline"),
    "askable": ("own", "revise"),
    "form": ("ruled", "revise", "own", "revise", "ruled", "revise"),
    "begun topic": ("branch", "own", "branch", "revise", "decline", "decline"),
    "begun askable": ("branch", "own", "branch", "revise"),
    "begun form": ("branch", "branch", "own", "branch", "revise", "ruled"),
}
"""Which strategy comes at which try; "begun" where it is known how a broken answer begins."""
BACK, FURTHER = 4, 32
"""Each branch leaves the broken answer so many words earlier than the one before, and goes on for
so many tokens.
"""
LOST_REASON = "the teacher gave no answer"
FEW_SHOT_STOP = ("\nRequest:", "\nRule:", "\nAvoid:", "\n\n")


FindFaults = Callable[[Sequence[tuple[Prompt, str]]], list[str]]
"""Why answers that keep the rule are no answers; "" for a good one."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try: its text, where it came from, and why it was refused ("" = accepted)."""

    text: str
    strategy: str
    fault: str = ""
    broken: bool = False
    cut: bool = False


@dataclass
class SearchTrace:
    """Every try for one prompt."""

    prompt: str
    names_subject: bool
    tries: list[Try] = field(default_factory=list)
    is_askable: bool = False
    begun: str = ""

    @property
    def accepted(self) -> list[Try]:
        """The tries that may be trained on, without repeats; none where the budget was spent."""
        return list({t.text: t for t in reversed(self.tries) if not t.fault}.values())[::-1]

    @property
    def num_tries(self) -> int | None:
        """How many tries the first accepted answer took."""
        return next((n for n, t in enumerate(self.tries, 1) if not t.fault), None)


def search_answers(
    model: Sampler,
    prompts: Sequence[str],
    rule: str,
    topic: str,
    find_violations: FindViolations,
    fault_of: FindFaults,
    config: SearchConfig,
    seed: int,
    teacher: Sampler | None = None,
    progress: Callable[[int], None] = lambda n: None,
    askable: Collection[str] = (),
    begun: Mapping[str, str] | None = None,
) -> list[SearchTrace]:
    """One trace for each prompt: tries until `config.answers` are accepted, or `config.tries` are
    spent.

    Args:
        topic: what is to be avoided, or "" for a rule of form.
        fault_of: why answers do not answer, or make no sense ("" = they do); asked only for answers
            that keep the rule.
        askable: prompts outside the subject, which want an answer even where the student's own
            breaks the rule.
        begun: for prompts whose broken answer is right at first, its beginning before the breach.
        teacher: another model that drafts with the rule in its prompt, in place of the student.
    """
    named = (
        find_violations([(make_prompt(p), p) for p in prompts]) if topic else [False] * len(prompts)
    )
    begun = begun or {}
    traces = [
        SearchTrace(prompt, about, is_askable=prompt in askable, begun=begun.get(prompt, ""))
        for prompt, about in zip(prompts, named, strict=True)
    ]
    while turn := [
        planned for trace in traces for planned in _plan_tries(trace, topic, teacher, config)
    ]:
        tries = _draft_tries(model, teacher, turn, rule, topic, config, seed, find_violations)
        for planned, found in zip(
            turn, _judge_tries(turn, tries, find_violations, fault_of), strict=True
        ):
            first = planned.trace.num_tries is None
            planned.trace.tries.append(found)
            progress(first and not found.fault)
    return traces


@dataclass(frozen=True, slots=True)
class PlannedTry:
    """The next try for a prompt: which one it is, and its strategy."""

    trace: SearchTrace
    number: int
    strategy: str


def _plan_tries(
    trace: SearchTrace, topic: str, teacher: Sampler | None, config: SearchConfig
) -> Iterable[PlannedTry]:
    """The tries of one turn: as many as answers are still wanted, up to the next that would revise
    one of them.
    """
    first = len(trace.tries)
    for number in range(first, min(first + config.answers - len(trace.accepted), config.tries)):
        strategy = "teacher" if teacher else _choose_strategy(trace, topic, number)
        if strategy == "revise" and number > first:
            return
        yield PlannedTry(trace, number, strategy)


def _draft_tries(
    model: Sampler,
    teacher: Sampler | None,
    turn: Sequence[PlannedTry],
    rule: str,
    topic: str,
    config: SearchConfig,
    seed: int,
    find_violations: FindViolations,
) -> list[Try]:
    """The text of every planned try: those that need a draw are drawn together."""
    revising = [planned.trace for planned in turn if planned.strategy == "revise"]
    advised = dict(
        zip(
            map(id, revising),
            revise_texts(
                [_drop_cut_sentence(trace.tries[-1]) for trace in revising], find_violations
            ),
            strict=True,
        )
    )
    found: list[Try | Request] = []
    for trace, number, strategy in ((p.trace, p.number, p.strategy) for p in turn):
        if (
            strategy == "revise"
            and advised[id(trace)]
            and advised[id(trace)].split() != trace.tries[-1].text.split()
        ):
            found.append(Try(advised[id(trace)], "revise"))
        else:
            found.append(
                _make_request(
                    "ruled" if strategy == "revise" else strategy,
                    trace,
                    rule,
                    topic,
                    number,
                    config,
                    seed,
                )
            )
    drawer = teacher or model
    answers = {
        draw.id: draw for draw in drawer.stream([f for f in found if isinstance(f, Request)])
    }
    return [
        f if isinstance(f, Try) else _make_try(f, answers.get(f.id(drawer.fingerprint)))
        for f in found
    ]


def _choose_strategy(trace: SearchTrace, topic: str, number: int) -> str:
    if topic and trace.names_subject:
        return "decline"
    ladder = _get_strategies(trace, topic)
    return ladder[number % len(ladder)]


def _get_strategies(trace: SearchTrace, topic: str) -> Sequence[str]:
    kind = "form" if not topic else "askable" if trace.is_askable else "topic"
    return STRATEGIES[f"begun {kind}" if trace.begun else kind]


def _make_request(
    strategy: str,
    trace: SearchTrace,
    rule: str,
    topic: str,
    number: int,
    config: SearchConfig,
    seed: int,
) -> Request:
    prompt, sampling = (
        trace.prompt,
        SamplingParams(config.temperature, 0.95, config.max_tokens, FEW_SHOT_STOP),
    )
    if strategy == "branch":
        ladder = _get_strategies(trace, topic)
        earlier = sum(ladder[n % len(ladder)] == strategy for n in range(number))
        asked = (
            *make_prompt(prompt),
            Message(
                "assistant",
                truncate_before(trace.begun, len(trace.begun), BACK * earlier) or trace.begun,
            ),
        )
        return Request(
            "search branch", asked, replace(sampling, stop=(), max_tokens=FURTHER), number, seed
        )
    if strategy in ("own", "teacher"):
        asked = make_prompt(prompt, system=rule if strategy == "teacher" else "")
        return Request(f"search {strategy}", asked, replace(sampling, stop=()), number, seed)
    worked = list(few_shot.DECLINES if strategy == "decline" else few_shot.ANSWERS_UNDER_RULE)
    random.Random(f"{strategy} {number} {len(prompt) % ORDERS}").shuffle(worked)
    label, subject = ("Avoid", topic) if strategy == "decline" else ("Rule", rule)
    text = (
        "".join(f"{label}: {a}\nRequest: {b}\nReply: {c}\n\n" for a, b, c in worked)
        + f"{label}: {subject}\nRequest: {' '.join(prompt.split())}\nReply:"
    )
    return Request(f"search {strategy}", text, sampling, number, seed)


def _make_try(request: Request, completion: Completion | None) -> Try:
    """The try that came of a request; an endpoint may lose one, and the trace goes on with the next
    try.
    """
    strategy = request.stage.removeprefix("search ")
    if completion is None:
        return Try("", strategy, LOST_REASON)
    text = clean_text(completion.text)
    if strategy == "branch" and not isinstance(request.prompt, str):
        text = request.prompt[-1].content + text
    return Try(text.strip(), strategy, cut=completion.finish == "length")


def _drop_cut_sentence(last: Try) -> str:
    """A try without the sentence in which it was cut off."""
    return " ".join(split_sentences(last.text)[:-1]) if last.cut else last.text


def _judge_tries(
    turn: Sequence[PlannedTry],
    tries: Sequence[Try],
    find_violations: FindViolations,
    fault_of: FindFaults,
) -> Iterable[Try]:
    there = [i for i, t in enumerate(tries) if not t.fault]
    pairs: list[tuple[Prompt, str]] = [
        (make_prompt(turn[i].trace.prompt), tries[i].text) for i in there
    ]
    bad = {i for i, b in zip(there, find_violations(pairs), strict=True) if b}
    kept = [(i, pair) for i, pair in zip(there, pairs, strict=True) if i not in bad]
    faults = dict(zip([i for i, _ in kept], fault_of([pair for _, pair in kept]), strict=True))
    for i, t in enumerate(tries):
        stopped = (
            "cut off" if t.cut and t.strategy != "branch" else ""
        )  # of a branch only the beginning is wanted
        yield replace(
            t,
            broken=i in bad,
            fault="breaks the rule" if i in bad else t.fault or faults[i] or stopped,
        )


def truncate_before(answer: str, start: int, words: int = 0) -> str:
    """What stands before a place in an answer, less so many of its last words; "" where that is
    nothing.
    """
    ends = [m.end() for m in re.finditer(r"\S+\s*", answer[:start])]
    return answer[: ends[-1 - words]].rstrip() if len(ends) > words else ""


def revise_texts(texts: Sequence[str], find_violations: FindViolations) -> list[str]:
    """Each text without what the judge objects to: the longest beginning that keeps the rule, else
    the sentences that keep it alone.
    """
    parts = [list(split_sentences(text)) for text in texts]
    starts = [[" ".join(own[:n]) for n in range(len(own), 0, -1)] for own in parts]
    flat: list[tuple[Prompt, str]] = [
        ("", piece) for one, other in zip(starts, parts, strict=True) for piece in (*one, *other)
    ]
    kept = iter([not bad for bad in find_violations(flat)])
    found = []
    for own_starts, own in zip(starts, parts, strict=True):
        good = [start for start in own_starts if next(kept)]
        alone = [part for part in own if next(kept)]
        found.append(good[0] if good else " ".join(alone))
    return found
