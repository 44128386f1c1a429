"""Criticisms: what somebody said of an answer, without writing a better one, becomes corrections.

  1  recognise: the checks that the criticism's words ask for ("too long, and no emoji"); else a judge is calibrated for it
  2  reach: the student asks itself prompts like the criticised ones, and answers them
  3  revise: where the criticism applies, the smallest revision that meets it. First what a check objects to is taken out; then the
     teacher is asked, or, where there is none, the student: for other answers of its own, then with worked examples. Each revision is
     judged, and dropped where it does not meet the criticism

Source: METHODS.md of this project, section 3. The criticism in the prompt is the context of `distill`'s teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from selfteach.evaluate.sanity import loops
from selfteach.generate.ask import Asked, ask_like, read_subject
from selfteach.generate.correct import Answered, Corrector, Revision, Turns, distance
from selfteach.generate.revise import smallest
from selfteach.judge import Broken, Verdicts
from selfteach.judge.check import CheckJudge, parse
from selfteach.materials.corrections import Edit
from selfteach.materials.criticism import conditions
from selfteach.materials.rule import Rule
from selfteach.methods.judging import judge
from selfteach.methods.road import Road
from selfteach.records import Continuations, Request, Sampling, digest, question, user
from selfteach.run.ledger import Fate

Newness = Callable[[str], str]
LEAST_WORDS = 3
KIN = 3


@dataclass
class Critic:
    """One criticism: those answers that it was said of, its checks, and who revises by it. It corrects like a teacher."""

    road: Road
    feedback: str
    edits: list[Edit]
    writer: Corrector
    checks: tuple[str, ...] = ()
    verdicts: Broken | None = None
    similar: list[Turns] = field(default_factory=list)

    def broken(self, asked: Sequence[Answered]) -> list[bool]:
        """Whether the criticism applies to each answer."""
        assert self.verdicts is not None
        return self.verdicts.broken([(a.prompt, a.answer) for a in asked])

    def correct(self, asked: Sequence[Answered], progress: Callable[[int], None] = lambda n: None) -> list[Revision]:
        """Step 3: one revision for each answer, in order; the answer itself where the criticism does not apply."""
        flags = self.broken(asked)
        found = {a.id: Revision(a, a.answer) for a in asked}
        hit = [replace(a, feedback=self.feedback) for a, flag in zip(asked, flags, strict=True) if flag]
        own = {replace(a, feedback="").id: self._without_model(a) for a in hit}
        found |= {id: revision for id, revision in own.items() if revision}
        rest = [a for a in hit if not own[replace(a, feedback="").id]]
        other = self._own(rest) if rest and self.road.teacher is None else {}
        found |= other
        rest = [a for a in rest if replace(a, feedback="").id not in other]
        for revision in self._judged(self.writer.correct(rest)) if rest else []:
            found[replace(revision.asked, feedback="").id] = revision
        progress(len(asked))
        return [found[a.id] for a in asked]

    def _without_model(self, asked: Answered) -> Revision | None:
        """What the checks object to, taken out; None where that is not enough, or leaves no answer."""
        text = smallest(asked.answer, [parse(check).keeps for check in self.checks]) if self.checks else None
        if text is None or _senseless(text):
            return None
        return Revision(asked, text, strategy="smallest")

    def _own(self, asked: Sequence[Answered]) -> dict[str, Revision]:
        """Of other draws of the student, to which the criticism does not apply, the one that is most like the answer."""
        config, model = self.road.config.correct, self.road.student
        sampling = Sampling(1.0, 0.95, config.max_tokens)
        requests = [[Request("revise own", a.prompt, sampling, k, self.road.config.seed) for k in range(config.tries)] for a in asked]
        draws = {draw.id: draw for draw in model.draw([r for row in requests for r in row])}
        found = {}
        for a, row in zip(asked, requests, strict=True):
            said = [draws[r.id(model.fingerprint)] for r in row]
            texts = [d.text for d in said if d.finish == "stop" and not _senseless(d.text)]
            flags = self.broken([replace(a, answer=text) for text in texts])
            good = [text for text, flag in zip(texts, flags, strict=True) if not flag]
            if good:
                best = min(good, key=lambda text: distance(a.answer, text))
                found[replace(a, feedback="").id] = Revision(a, best, strategy="own")
        return found

    def _judged(self, revisions: Sequence[Revision]) -> list[Revision]:
        """A teacher's revisions, with a fault where they do not meet the criticism, or make no sense."""
        good = [r for r in revisions if not r.fault]
        flags = iter(self.broken([replace(r.asked, answer=r.text) for r in good]))
        unlikely = iter(gibberish(self.road, good))
        found = []
        for r in revisions:
            fault = r.fault
            if not fault:
                applies, odd = next(flags), next(unlikely)
                fault = "does not meet the criticism" if applies else _senseless(r.text) or ("makes no sense" if odd else "")
            found.append(replace(r, fault=fault))
        return found


def _senseless(text: str) -> str:
    return "too short" if len(text.split()) < LEAST_WORDS else "loops" if loops(text) else ""


def gibberish(road: Road, revisions: Sequence[Revision]) -> list[bool]:
    """Whether each revision is less likely under the base, by token, than an answer may be."""
    items = [Continuations(r.asked.prompt, (r.text,), end=True) for r in revisions]
    found = dict(road.student.logp(items))
    return [found[item.id(road.student.fingerprint)][0].token_logp < road.config.criticism.least_token_logp for item in items]


def critics(road: Road, edits: Sequence[Edit], writer: Corrector, newness: Newness) -> list[Critic]:
    """Steps 1, 2: the criticisms by their words, each with its checks or its judge, and with prompts like those that it was said of."""
    by_words: dict[str, list[Edit]] = {}
    for edit in edits:
        by_words.setdefault(" ".join(edit.feedback.lower().split()), []).append(edit)
    found = []
    for turn, mine in enumerate(by_words.values()):
        critic = Critic(road, mine[0].feedback, mine, writer)
        critic.similar = reach(road, critic, newness, turn)
        recognise(road, critic)
        found.append(critic)
    return found


def reach(road: Road, critic: Critic, newness: Newness, turn: int) -> list[Turns]:
    """Step 2: new prompts like the criticised ones."""
    config = road.config.criticism
    kin = [" ".join(question(e.prompt).split()) for e in critic.edits]
    road.display.stage("ask similar", config.similar, "prompts")
    found: list[Turns] = []
    fates: dict[str, Fate] = {}
    for round_ in range(config.rounds):
        missing = config.similar - len(found)
        if missing <= 0:
            break
        lists = [[kin[(i + k) % len(kin)] for k in range(min(KIN, len(kin)))] for i in range(2 * missing)]
        for asked, fault in ask_like(road.student, "ask similar", lists, newness, road.config.seed, turn * config.rounds + round_):
            if len(found) >= config.similar:
                break
            fates.setdefault(asked.id, Fate(asked.id, "dropped" if fault else "accepted", fault, {"text": asked.text}))
            if not fault:
                found.append(user(asked.text))
                road.display.advance()
    road.run.ledger.place(f"ask similar {turn + 1}", fates.values())
    return found


def recognise(road: Road, critic: Critic) -> None:
    """Step 1: what decides whether the criticism applies.

    Raises:
        DataError: its form is not recognised, and no judge can tell.
    """
    critic.checks = conditions(critic.feedback, [e.answer or "" for e in critic.edits])
    if road.config.check or critic.checks:
        check = road.config.check or " and ".join(f"({check})" for check in critic.checks)
        critic.checks = (road.config.check,) if road.config.check else critic.checks
        critic.verdicts = Verdicts(CheckJudge(check), 0.5)
        road.display.say(f'"{critic.feedback}" is checked with {" and ".join(critic.checks)}')
        return
    rule = Rule(critic.feedback, digest(["criticism", critic.feedback]))
    asked = [Asked(question(prompt), "target", "corner", "") for prompt in critic.similar]
    teacher = road.teacher if critic.writer.form == "chat" else None
    spoken = replace(road, rule=rule.text, subject=read_subject(road.student, road.student, rule.text, road.config.seed), teacher=teacher)
    critic.verdicts = judge(spoken, rule, {"target": asked, "near": [], "general": asked}).exam
