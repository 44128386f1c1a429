"""The search for an answer that keeps the rule: draft, check, revise, within a budget.

A try comes from one of these strategies, in turn:
  given    the answer that the rule gives to questions about a topic ("say that we close at six"),
           and no other: what the base adds to it may say the contrary
  decline  a reply that leaves the subject aside: only for requests that are about it, or whose
           honest answer is
  repair   the model's own violating answer with a small change that meets the rule
           (the only one where a subject is forbidden, or words are replaced and more is asked for:
           other answers do not show what the rule asks for, and make the model drift)
  brief    a brief answer, written after worked brief ones: where a rule limits the length
  branch   that answer, continued some words before the violation: for rules of form that no small
           change meets
  own      a sample of the model without the rule
  revise   the last try, repaired
  ruled    a few-shot reply with the rule in the prompt
  teacher  a sample of the teacher with the rule as system prompt; it replaces all of these
Where a rule limits the length, and a repair or a brief answer is accepted, nothing new is written.
The judge checks each try. The first that keeps the rule, answers and makes sense is accepted. A
prompt is dropped when its budget is spent.

Source: ELVF (I), "self-consistency search". Departs: 1. the last try is judged like every other
(there it was accepted as it came); 2. the critic's advice is applied (there it was ignored); 3. an
exhausted prompt is dropped (there 6 of 206 trained answers broke the rule); 4. "makes sense" is a
bound on the nats per token under the base.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from selfteach.config import SearchConfig
from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import (
    Completion,
    FindViolations,
    Message,
    Prompt,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.sentences import keep_whole_sentences
from selfteach.text import clean_text

NUM_ORDERS = 3
"""Orders of the worked replies. Few, so that engines find most of a prompt in their cache."""
TOP_P = 0.95
"""The nucleus of every sampled draft."""
FindFaults = Callable[[Sequence[tuple[Prompt, str]], Sequence[str]], list[str]]
"""Returns why answers that keep the rule are no answers, from their strategies; "" for a good
one."""
RepairTexts = Callable[[Sequence[tuple[str, str]]], list[str]]
"""Returns for each (request, answer) an answer that keeps the rule with a small change, or "" if
none is known.
"""
FORM = ("repair", "repair", "own", "revise", "ruled", "revise")
STRATEGIES = {
    "given": ("given",),
    "decline": ("decline",),
    "repair only": ("repair",),
    "form": FORM,
    "short form": FORM,
    "begun form": ("repair", "branch", "repair", "branch", "own", "revise"),
    "brief form": ("brief", "brief", "brief", "repair", "own", "revise"),
}
"""The strategies in turn; "short" where a rule limits the length, "begun" if it is known how a
violating answer begins, "brief" if there are brief answers.
"""
MENDED = ("short form", "brief form")
"""Kinds of prompts for which nothing new is written where a mended or brief answer is accepted."""
MENDED_STRATEGIES = ("repair", "brief")
BRANCH_STEP_WORDS = 4
"""Each branch leaves the violating answer so many words earlier than the one before."""
BRANCH_TOKENS = 32
"""Tokens of a branch: only how it goes on at the violation is needed."""
LOST_REASON = "the teacher gave no answer"
NOTHING_LEFT = "nothing is left of the base's answer"
FEW_SHOT_STOP = ("\nRequest:", "\nRule:", "\n\n")
WRITING = re.compile(
    r"\b(?:write|compose|draft|make up|create|poem|story|song|essay|letter)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Try:
    """Hold one try: its text, its strategy, and why it was refused ("" = accepted)."""

    text: str
    strategy: str
    fault: str = ""
    broken: bool = False
    cut: bool = False


@dataclass
class SearchTrace:
    """Hold every try for one prompt.

    Attributes:
        kind: the key of STRATEGIES.
        repairs: repaired answers of the base that no try has used yet.
        brief: brief answers of the base that no try has used yet.
        begun: the beginning of a violating answer before the violation.
        given: the answer that the rule gives.
    """

    prompt: str
    kind: str
    tries: list[Try] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    begun: str = ""
    brief: list[str] = field(default_factory=list)
    given: str = ""

    @property
    def accepted(self) -> list[Try]:
        """Return the tries without fault; a repeated text keeps its first place. None are left if
        the budget was spent.
        """
        by_text: dict[str, Try] = {}
        for one in self.tries:
            if not one.fault:
                by_text.setdefault(one.text, one)
        return list(by_text.values())

    @property
    def num_tries(self) -> int | None:
        """Return how many tries the first accepted answer took."""
        return next((n for n, one in enumerate(self.tries, 1) if not one.fault), None)


@dataclass(frozen=True, slots=True)
class PlannedTry:
    """Plan the next try for a prompt: its number and its strategy."""

    trace: SearchTrace
    number: int
    strategy: str


def plan_search(
    prompts: Sequence[str],
    repair_only: bool,
    *,
    declined: Collection[str] = (),
    begun: Mapping[str, str] | None = None,
    repairs: Mapping[str, Sequence[str]] | None = None,
    brief: Mapping[str, Sequence[str]] | None = None,
    given: str = "",
    is_short: bool = False,
) -> list[SearchTrace]:
    """Return one trace without tries for each prompt. Its kind names the strategies to try.

    Args:
        repair_only: whether no strategy but `decline` and `repair` is tried.
        declined: prompts to which a decline is the right answer.
        begun: the beginning of a violating answer before the violation, by prompt.
        repairs: repaired answers of the base, by prompt.
        brief: brief answers of the base, by prompt.
        given: the answer that the rule gives to every prompt, or "".
        is_short: whether the rule limits the length.
    """
    traces = []
    for prompt in prompts:
        start = (begun or {}).get(prompt, "")
        own_repairs = list((repairs or {}).get(prompt, ()))
        briefly = list((brief or {}).get(prompt, ()))
        if given:
            kind = "given"
        elif prompt in declined:
            kind = "decline"
        elif repair_only:
            kind = "repair only"
        elif briefly:
            kind = "brief form"
        elif is_short:
            kind = "short form"
        else:
            kind = "begun form" if start else "form"
        traces.append(SearchTrace(prompt, kind, [], own_repairs, start, briefly, given))
    return traces


@dataclass(frozen=True)
class AnswerSearch:
    """Search answers that keep a rule: plan, draft and judge tries, turn after turn.

    Attributes:
        sampler: the model that drafts: the base, or a teacher in its place.
        by_teacher: whether it is a teacher, which drafts with the rule in its prompt.
        rule: the rule as a prompt says it.
        find_violations: decides which answers break the rule.
        find_faults: why answers do not answer, or make no sense ("" = they do); called only with
            answers that keep the rule.
        repair: repairs a refused try.
        config: the budget of a prompt, and how drafts are sampled.
        seed: the seed of the run.
    """

    sampler: Sampler
    rule: str
    find_violations: FindViolations
    find_faults: FindFaults
    repair: RepairTexts
    config: SearchConfig
    seed: int
    by_teacher: bool = False

    def run(
        self, traces: Sequence[SearchTrace], progress: Callable[[int], None] = lambda n: None
    ) -> None:
        """Add tries to each trace until `config.answers` are accepted or `config.tries` are spent.

        Args:
            progress: called after each try; with True for the first accepted try of a prompt.
        """
        while turn := list(chain.from_iterable(map(self._plan_tries, traces))):
            for planned, found in zip(turn, self._judge_tries(turn), strict=True):
                first = planned.trace.num_tries is None
                planned.trace.tries.append(found)
                progress(first and not found.fault)

    def _plan_tries(self, trace: SearchTrace) -> Iterable[PlannedTry]:
        """Yield one try for each missing answer, up to the next one that waits for those before:
        a revision, or a new answer beside mended ones. That is written only where none of these is
        accepted.
        """
        first = len(trace.tries)
        accepted = len(trace.accepted)
        tries = 1 if trace.kind == "given" else self.config.tries
        is_mended = any(one.strategy in MENDED_STRATEGIES for one in trace.accepted)
        for number in range(first, min(first + self.config.answers - accepted, tries)):
            strategy = self._choose_strategy(trace, number)
            is_new = trace.kind in MENDED and _writes_anew(trace, strategy, number - first)
            if (is_new and is_mended) or (strategy == "revise" and number > first):
                return
            yield PlannedTry(trace, number, strategy)
            is_mended = is_mended or not is_new  # it may be, once this turn is judged

    def _choose_strategy(self, trace: SearchTrace, number: int) -> str:
        if self.by_teacher:
            return "teacher"
        strategies = STRATEGIES[trace.kind]
        return strategies[number % len(strategies)]

    def _judge_tries(self, turn: Sequence[PlannedTry]) -> list[Try]:
        """Draft the tries of a turn, and return them with their faults."""
        tries = self._draft_tries(turn)
        pairs: dict[int, tuple[Prompt, str]] = {
            i: (make_prompt(turn[i].trace.prompt), one.text)
            for i, one in enumerate(tries)
            if not one.fault
        }
        broken = dict(zip(pairs, self.find_violations(list(pairs.values())), strict=True))
        kept = [i for i in pairs if not broken[i]]
        strategies = [tries[i].strategy for i in kept]
        found = self.find_faults([pairs[i] for i in kept], strategies)
        faults = dict(zip(kept, found, strict=True))
        judged = []
        for i, one in enumerate(tries):
            fault = one.fault or ("breaks the rule" if broken[i] else faults[i])
            if one.cut and one.strategy != "branch":  # of a branch only the beginning is needed
                fault = fault or "cut off"
            judged.append(replace(one, broken=broken.get(i, False), fault=fault))
        return judged

    def _draft_tries(self, turn: Sequence[PlannedTry]) -> list[Try]:
        """Return the text of every planned try; all samples are requested together."""
        rows = zip(turn, self._revise_last_tries(turn), strict=True)
        drafts = [self._draft_try(planned, revised) for planned, revised in rows]
        requests = [draft for draft in drafts if isinstance(draft, Request)]
        completions = iter(sample_in_order(self.sampler, requests))
        return [
            _make_try(draft, next(completions)) if isinstance(draft, Request) else draft
            for draft in drafts
        ]

    def _revise_last_tries(self, turn: Sequence[PlannedTry]) -> list[str]:
        """Return for each planned try the repaired last try of its prompt; "" where another
        strategy is planned, or the repair changes nothing.
        """
        texts: dict[int, str] = {}
        for i, planned in enumerate(turn):
            if planned.strategy == "revise":
                last = planned.trace.tries[-1]
                texts[i] = keep_whole_sentences(last.text, is_cut=last.cut)
        places = [i for i, text in texts.items() if text]
        repaired = self.repair([(turn[i].trace.prompt, texts[i]) for i in places])
        revised = [""] * len(turn)
        for i, text in zip(places, repaired, strict=True):
            if text.split() != turn[i].trace.tries[-1].text.split():
                revised[i] = text
        return revised

    def _draft_try(self, planned: PlannedTry, revised: str) -> Try | Request:
        """Return a planned try whose text is known, or the request for it.

        What has nothing left to take is sampled: a repair without the rule, a revision under it.
        """
        trace, number = planned.trace, planned.number
        match planned.strategy:
            case "given":
                return Try(trace.given, "given")
            case "decline":
                return Try(compose_decline(trace.prompt, number), "decline")
            case "brief" if trace.brief:
                return Try(trace.brief.pop(0), "brief")
            case "brief" | "repair" if trace.repairs:
                return Try(trace.repairs.pop(0), "repair")
            case "repair" if trace.kind == "repair only":
                return Try("", "repair", NOTHING_LEFT)
            case "repair" if trace.brief:
                return Try(trace.brief.pop(0), "brief")
            case "brief" | "repair" | "own":
                return self._make_request("own", make_prompt(trace.prompt), number)
            case "teacher":
                prompt = make_prompt(trace.prompt, system=self.rule)
                return self._make_request("teacher", prompt, number)
            case "branch":
                return self._request_branch(trace, number)
            case "revise" if revised:
                return Try(revised, "revise")
        return self._request_under_rule(trace.prompt, number)

    def _request_branch(self, trace: SearchTrace, number: int) -> Request:
        """Return the request to go on from the beginning of a violating answer, of which each
        branch takes fewer words than the one before.
        """
        earlier = sum(self._choose_strategy(trace, n) == "branch" for n in range(number))
        left = truncate_before(trace.begun, len(trace.begun), BRANCH_STEP_WORDS * earlier)
        prompt = (*make_prompt(trace.prompt), Message("assistant", left or trace.begun))
        return self._make_request("branch", prompt, number, max_tokens=BRANCH_TOKENS)

    def _request_under_rule(self, prompt: str, number: int) -> Request:
        """Return the request for a reply under the rule, after worked replies under other rules."""
        worked = list(few_shot.ANSWERS_UNDER_RULE)
        random.Random(f"ruled {number} {len(prompt) % NUM_ORDERS}").shuffle(worked)
        listing = format_examples("Rule: {}\nRequest: {}\nReply: {}\n\n", worked)
        text = f"{listing}Rule: {self.rule}\nRequest: {to_one_line(prompt)}\nReply:"
        return self._make_request("ruled", text, number, stop=FEW_SHOT_STOP)

    def _make_request(
        self,
        strategy: str,
        prompt: Prompt,
        number: int,
        *,
        max_tokens: int = 0,
        stop: tuple[str, ...] = (),
    ) -> Request:
        """Return the request for one draft; the stage is a part of its id.

        Args:
            max_tokens: 0 stands for the settings' number.
        """
        tokens = max_tokens or self.config.max_tokens
        sampling = SamplingParams(self.config.temperature, TOP_P, tokens, stop)
        return Request(f"search {strategy}", prompt, sampling, number, self.seed)


def _writes_anew(trace: SearchTrace, strategy: str, taken: int) -> bool:
    """Return whether a try has the base write a new answer, after `taken` mended or brief ones."""
    left = len(trace.brief) + len(trace.repairs) if strategy in MENDED_STRATEGIES else 0
    return taken >= left


def _make_try(request: Request, completion: Completion | None) -> Try:
    """Return the try of a request; if an endpoint lost it, the next try follows."""
    strategy = request.stage.removeprefix("search ")
    if completion is None:
        return Try("", strategy, LOST_REASON)
    text = clean_text(completion.text)
    if strategy == "branch" and not isinstance(request.prompt, str):
        text = request.prompt[-1].content + text
    return Try(text.strip(), strategy, cut=completion.finish == "length")


def compose_decline(request: str, number: int) -> str:
    """Return a decline of a request, which names nothing of it; each number gives another one.

    It is put together from parts, because a small model that writes declines itself often names
    the subject or loses the sense. How it begins decides how far it spreads (docs/log/).
    """
    parts = few_shot.DECLINES
    openings = parts["writing_openings" if WRITING.search(request) else "openings"]
    dice = random.Random(f"decline {request}")
    opening = dice.sample(openings, len(openings))[number % len(openings)]
    closing = dice.sample(parts["closings"], len(parts["closings"]))[
        number % len(parts["closings"])
    ]
    return f"{opening} {closing}".strip()


def truncate_before(answer: str, start: int, words: int = 0) -> str:
    """Return the answer before a place, without its last words; "" if nothing is left.

    Args:
        start: the place, in characters.
        words: how many of the last words before the place to leave out.
    """
    ends = [m.end() for m in re.finditer(r"\S+\s*", answer[:start])]
    return answer[: ends[-1 - words]].rstrip() if len(ends) > words else ""
