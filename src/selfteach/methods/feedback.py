"""Feedback: one rule in plain words becomes weights.

  1  read the rule, and let the student name its subject
  2  ask: the student writes requests in three scopes; they are split into train, dev and test at once
  3  probe: the base answers; a prompt is in scope exactly where it breaks the rule
  4  judge: every candidate is calibrated before it is used, the best one decides
  5  search: for each prompt in scope an answer that keeps the rule, verified, or none
  6  balance: clusters of prompts; where dev answers still break the rule, more like them are asked and learned
  7  train: in scope the found answers against the broken ones; elsewhere the base's own answers hold it in place
  8  exam: base, rule in the prompt, taught, on prompts that nothing was chosen on

Source: ELVF (I)-(IV); C3PO (arXiv 2402.10893) for the scopes; LLM2LLM (arXiv 2403.15042) for the rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from selfteach.config import Feedback
from selfteach.errors import DataError
from selfteach.generate.ask import Asked, Scope, ask, read_subject
from selfteach.generate.search import Trace, search
from selfteach.judge import Judge, Verdicts
from selfteach.judge.calibrate import Either, calibrate
from selfteach.judge.check import CheckJudge
from selfteach.judge.inverse import Inverse
from selfteach.judge.yes_no import YesNo
from selfteach.materials.rule import Rule, read_rule, suggest_check
from selfteach.methods.road import Road, open_road
from selfteach.methods.teaching import examine, finish, teach_adapter
from selfteach.records import GREEDY, Draw, Example, Prompt, Request, Sampling, user
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.run.ledger import Fate
from selfteach.select.balance import split
from selfteach.select.form import form_fault
from selfteach.select.overlap import Overlap

SCOPES: tuple[Scope, ...] = ("target", "near", "general")
KINDS = {"in_scope": {"sft": 1.0, "dpo": 1.0}, "near": {"anchor": 1.0}, "general": {"anchor": 1.0}}
"""The objectives of each kind of example, with their weights."""


@dataclass(frozen=True)
class Probed:
    """A prompt with the base's own draws (the greedy one first) and which of them break the rule."""

    asked: Asked
    draws: tuple[Draw, ...]
    broken: tuple[bool, ...]

    @property
    def in_scope(self) -> bool:
        """Whether the rule is the base's problem here."""
        return any(self.broken)


def teach(run: Run, text: str, config: Feedback, display: Display) -> dict[str, Any]:
    """Teaches one rule in a run folder; returns what `selfteach feedback --json` prints.

    Raises:
        DataError: an empty rule, or one that no judge can decide.
    """
    rule = read_rule(text)  # 1
    road = open_road(run, config, display, rule.text)
    with run.stage("ask"):
        road.subject = read_subject(road.student, rule.text, config.seed)
        found = prompts(road)  # 2
        parts = parted(road, found)
    with run.stage("judge"):
        verdicts = judge(road, rule, found)  # 4
    with run.stage("probe"):
        probed = probe(road, parts["train"], verdicts)  # 3
    with run.stage("search"):
        examples, traces = lessons(road, probed, verdicts)  # 5
    examples += anchors(probed)
    with run.stage("train"):
        adapter = teach_adapter(road, examples, KINDS) if any(e.kind == "in_scope" for e in examples) else None  # 7
    with run.stage("exam"):
        exam = examine(road, adapter, by_scope(parts["test"]), verdicts, examples)  # 8
    return finish(road, rule, exam, examples, traces, adapter)


def prompts(road: Road) -> dict[Scope, list[Asked]]:
    """Step 2."""
    pool, found = Overlap(), {}
    wanted = {
        "target": road.config.ask.target,
        "near": road.config.ask.near if road.subject.topic else 0,
        "general": road.config.ask.general,
    }

    def fault_of(text: str) -> str:
        if fault := form_fault(text):
            return fault
        new, near = pool.add_if_new(text, road.config.ask.max_overlap)
        return "" if new else "like another prompt"

    for scope, count in wanted.items():
        road.display.stage(f"ask {scope}", count, "prompts")
        kept, fates = [], {}
        for asked, fault in ask(road.student, road.subject, scope, count, fault_of, road.config.ask.rounds, road.config.seed):
            fate = Fate(
                asked.id, "dropped" if fault else "accepted", fault, {"text": asked.text, "form": asked.form, "subject": asked.subject}
            )
            fates.setdefault(asked.id, fate)
            if not fault:
                kept.append(asked)
                road.display.advance()
        road.run.ledger.place(f"ask {scope}", fates.values())
        found[scope] = kept
    return found


def parted(road: Road, found: Mapping[Scope, Sequence[Asked]]) -> dict[str, list[Asked]]:
    """Step 2: train, dev and test, at once; like goes with like, so that no test prompt has a twin in training (invariant 5)."""
    asked = [a for scope in SCOPES for a in found[scope]]
    config = road.config.ask
    shares = (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share)
    sides = split(
        [a.text for a in asked],
        road.student.embed([user(a.text) for a in asked]),
        shares,
        road.config.seed,
        strata=[a.scope for a in asked],
        max_overlap=config.max_overlap,
    )
    return {part: [a for a, side in zip(asked, sides, strict=True) if side == part] for part in ("train", "dev", "test")}


def by_scope(asked: Sequence[Asked]) -> dict[str, list[str]]:
    """The words of the prompts of each scope."""
    return {scope: [a.text for a in asked if a.scope == scope] for scope in SCOPES}


def labelled(road: Road, found: dict[Scope, list[Asked]]) -> list[tuple[tuple[Prompt, str], bool]]:
    """Step 4: answers whose labels hold by construction: to requests that name the subject, drawn against the rule; and to requests of
    other subjects. A rule of form has no subject: there the same requests are answered against the rule and with it."""
    n, topic = road.config.judge.pairs, road.subject.topic
    if topic:
        naming = [a for a in found["target"] if topic.lower().rstrip("s") in a.text.lower()]
        others = [a for pair in zip_longest(found["near"], found["general"]) for a in pair if a]
        sides = [(True, f"Talk about {topic} in every answer.", naming), (False, "", others)]
    else:
        sides = [(True, f"Do the opposite of this: {road.rule}", found["target"]), (False, road.rule, found["target"])]
    rows = []
    for broken, system, asked in sides:
        requests = [Request("calibrate", user(a.text, system=system), Sampling(0.7, 0.95, 64), 0, road.config.seed) for a in asked[:n]]
        answers = {draw.id: draw.text for draw in road.student.draw(requests)}
        rows += [((r.prompt, answers[r.id(road.student.fingerprint)]), broken) for r in requests]
    return rows


def judge(road: Road, rule: Rule, found: dict[Scope, list[Asked]]) -> Verdicts:
    """Step 4."""
    if road.config.check:
        return Verdicts(CheckJudge(road.config.check), 0.5)
    suggested = suggest_check(rule)
    if suggested and not road.subject.topic:
        road.display.say(f'recognised: the check is "{suggested}"')
        return Verdicts(CheckJudge(suggested), 0.5)
    inverse = Inverse(road.student, road.rule, road.subject)
    candidates: list[Judge] = [inverse, YesNo(road.student, road.rule), YesNo(road.student, road.rule, chat=True)]
    if suggested:
        check = CheckJudge(suggested)
        candidates = [check, Either(check, inverse), *candidates]
    verdicts, report = calibrate(candidates, labelled(road, found), road.config.judge.min_auroc)
    road.run.ledger.note("calibration", report)
    if verdicts is None:
        raise DataError(
            f"no judge can tell whether an answer keeps this rule: {report['reason']}.",
            cure='Say how to check it, for instance --check "max_words=50".',
        )
    road.display.say(f"judge: {verdicts.name}, {report['reason']}")
    return verdicts


def probe(road: Road, asked: Sequence[Asked], verdicts: Verdicts) -> list[Probed]:
    """Step 3."""
    config = road.config.probe
    drawn = Sampling(1.0, 1.0, config.max_tokens)
    requests = [
        [
            Request("probe", user(a.text), replace(GREEDY, max_tokens=config.max_tokens) if k == 0 else drawn, k, road.config.seed)
            for k in range(config.draws)
        ]
        for a in asked
    ]
    answers = {}
    road.display.stage("probe", sum(map(len, requests)))
    for draw in road.student.draw([r for row in requests for r in row]):
        answers[draw.id] = draw
        road.display.advance()
    draws = [tuple(answers[r.id(road.student.fingerprint)] for r in row) for row in requests]
    flat = verdicts.broken([(user(a.text), d.text) for a, row in zip(asked, draws, strict=True) for d in row])
    k = config.draws
    return [Probed(a, row, tuple(flat[i * k : (i + 1) * k])) for i, (a, row) in enumerate(zip(asked, draws, strict=True))]


def fault_of(pairs: Sequence[tuple[Prompt, str]]) -> list[str]:
    """Why answers that keep the rule are no answers."""
    return ["empty" if len(text.split()) < 3 else "" for _, text in pairs]


def lessons(road: Road, probed: Sequence[Probed], verdicts: Verdicts) -> tuple[list[Example], list[Trace]]:
    """Step 5: an example for each prompt in scope whose search succeeded."""
    mine = {p.asked.text: p for p in probed if p.in_scope}
    road.display.stage("search", len(mine), "found")
    traces = search(
        road.student, list(mine), road.rule, road.subject.topic, verdicts.broken, fault_of, {t: p.draws for t, p in mine.items()},
        road.config.search, road.config.seed, road.display.advance,
    )  # fmt: skip
    examples, fates = [], []
    for trace in traces:
        p, best = mine[trace.prompt], trace.accepted
        if best is None:
            fates.append(Fate(p.asked.id, "dropped", "search budget spent", {"prompt": trace.prompt, "last": trace.tries[-1].text}))
            continue
        fates.append(Fate(p.asked.id, "accepted"))
        worst = next(d for d, broken in zip(p.draws, p.broken, strict=True) if broken)
        source = {"strategy": best.strategy, "scope": p.asked.scope, "cut": ["rejected"] if worst.finish == "length" else []}
        examples.append(Example(p.asked.id, "in_scope", user(trace.prompt), best.text, worst.text, {"tries": len(trace.tries)}, source))
    road.run.ledger.place("search", fates)
    return examples, traces


def anchors(probed: Sequence[Probed]) -> list[Example]:
    """Step 3: where the base keeps the rule, its own greedy answers are the lesson."""
    found = []
    for p in probed:
        if not p.in_scope and p.draws[0].text.strip():
            source = {"scope": p.asked.scope, "cut": ["chosen"] if p.draws[0].finish == "length" else []}
            found.append(
                Example(p.asked.id, "near" if p.asked.scope == "near" else "general", user(p.asked.text), p.draws[0].text, None, {}, source)
            )
    return found
