"""Criticisms: what somebody said of an answer, without writing a better one, becomes corrections.

  1  recognise: the checks that the criticism's words ask for ("too long, and no emoji"); else a
     judge is calibrated for it
  2  reach: the student asks itself prompts like the criticised ones, and answers them
  3  revise: where the criticism applies, the smallest revision that meets it. First what a check
     objects to is taken out; then the teacher is asked, or, where there is none, the student: for
     other answers (with the criticism in its prompt, where no check knows it), then with worked
     examples. Each revision is judged, and dropped where it does not meet the criticism

Our own. The criticism in the prompt is the context of `distill`'s teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfteach.errors import DataError
from selfteach.evaluate.sanity import loops
from selfteach.generate.ask import Asked, Scope, ask_like, read_subject
from selfteach.generate.correct import Answered, Corrector, Revision, Turns, distance
from selfteach.generate.revise import finished, smallest
from selfteach.judge import Broken, Judge, Verdicts
from selfteach.judge.calibrate import calibrate
from selfteach.judge.check import CheckJudge, parse
from selfteach.judge.contrast import Contrast, told
from selfteach.judge.yes_no import YesNo
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.criticism import aims, conditions
from selfteach.materials.rule import Rule
from selfteach.methods.corrections.novelty import NoveltyCheck
from selfteach.methods.judges import judge
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Prompt, Request, Sampling, digest, question, user
from selfteach.run.ledger import Fate
from selfteach.select.overlap import tokens

LEAST_WORDS = 3
KIN = 3
LEAST_SIMILAR = 24
"""Prompts that each criticism is asked for at least, where many share `criticism.similar`: some to
learn from, some for the exam.
"""
ENOUGH = 32
"""Revisions some way inside of a bound; with so many those that meet it only just are not needed.
"""


@dataclass
class Critic:
    """One criticism: those answers that it was said of, its checks, and who revises by it. It
    corrects like a teacher.
    """

    session: Session
    feedback: str
    edits: list[Edit]
    writer: Corrector
    checks: tuple[str, ...] = ()
    verdicts: Broken | None = None
    similar: list[Turns] = field(default_factory=list)

    @property
    def bounded(self) -> bool:
        """Whether it says how long an answer may be. One that was cut at its token limit is longer
        than it seems.
        """
        return any("max_" in check for check in self.checks)

    def broken(self, asked: Sequence[Answered]) -> list[bool]:
        """Whether the criticism applies to each answer."""
        assert self.verdicts is not None
        flags = self.verdicts.broken([(a.prompt, a.answer) for a in asked])
        return [flag or (a.cut and self.bounded) for a, flag in zip(asked, flags, strict=True)]

    def correct(
        self,
        asked: Sequence[Answered],
        progress: Callable[[int], None] = lambda n: None,
        checks: Sequence[str] = (),
    ) -> list[Revision]:
        """Step 3: one revision for each answer, in order; the answer itself where the criticism
        does not apply.

        Args:
            checks: what a revision without a model must pass, where that is more than the
                criticism's own checks.
        """
        flags = self.broken(asked)
        found = {a.id: Revision(a, a.answer) for a in asked}
        hit = {
            a.id: replace(a, feedback=self.feedback)
            for a, flag in zip(asked, flags, strict=True)
            if flag
        }
        ways: tuple[Callable[[Mapping[str, Answered]], Mapping[str, Revision]], ...] = (
            lambda left: {
                id: Revision(a, text, strategy="smallest")
                for id, a in left.items()
                if (text := self._smallest(a, checks))
            },
            lambda left: {} if self.session.teacher else self._own(left, checks),
            lambda left: dict(
                zip(left, self._judged(self.writer.correct(list(left.values()))), strict=True)
            ),
        )
        for way in ways:
            left = {id: a for id, a in hit.items() if found[id].asked is not a}
            found |= way(left) if left else {}
        progress(len(asked))
        return [found[a.id] for a in asked]

    def lessons(self, asked: Sequence[Answered]) -> list[Revision]:
        """The same for what is to be learned, which keeps some way inside of a bound on length:
        where enough do, those of similar prompts that meet it only just are dropped."""
        found, wanted = (
            self.correct(asked, checks=aims(self.checks)),
            [parse(check).keeps for check in aims(self.checks)],
        )
        said = {e.prompt for e in self.edits}
        inside = [r.unchanged or all(keeps(r.text) for keeps in wanted) for r in found]
        if (
            sum(ok and not r.unchanged and not r.fault for ok, r in zip(inside, found, strict=True))
            < ENOUGH
        ):
            return found
        just = [
            not ok and not r.fault and r.asked.prompt not in said
            for ok, r in zip(inside, found, strict=True)
        ]
        return [
            replace(r, fault="meets the criticism only just") if late else r
            for late, r in zip(just, found, strict=True)
        ]

    def _smallest(self, asked: Answered, checks: Sequence[str]) -> str:
        """What the checks object to, taken out; "" where that is not enough, or leaves no answer."""
        answer = finished(asked.answer) if asked.cut and self.bounded else asked.answer
        ways = [
            (wanted, parts) for wanted in (tuple(checks), self.checks) for parts in (False, True)
        ]
        for wanted, parts in dict.fromkeys(ways):
            text = (
                smallest(answer, [parse(check).keeps for check in wanted], parts)
                if wanted
                else None
            )
            if text is not None and not _senseless(text):
                return text
        return ""

    def _own(self, asked: Mapping[str, Answered], checks: Sequence[str]) -> dict[str, Revision]:
        """Of other draws of the student that meet the criticism, if need be with something taken
        out, the one most like the answer.

        Where no check knows the criticism, it stands in the student's prompt. There a draw may
        break off where the answer does.
        """
        config, model = self.session.config.correct, self.session.base
        sampling = Sampling(0.8, 0.95, config.max_tokens)
        prompts = {
            id: a.prompt if self.checks else told(a.prompt, self.feedback)
            for id, a in asked.items()
        }
        requests = {
            id: [
                Request("revise own", prompt, sampling, k, self.session.config.seed)
                for k in range(config.tries)
            ]
            for id, prompt in prompts.items()
        }
        draws = {
            draw.id: draw for draw in model.draw([r for row in requests.values() for r in row])
        }
        found = {}
        for id, a in asked.items():
            drawn = (draws[r.id(model.fingerprint)] for r in requests[id])
            said = [replace(a, answer=d.text, cut=d.finish == "length") for d in drawn]
            texts = (
                {self._smallest(x, checks): False for x in said}
                if self.checks
                else {x.answer: x.cut for x in said}
            )
            sound = [text for text in texts if not _senseless(text)]
            flags = self.broken([replace(a, answer=text, cut=False) for text in sound])
            good = [text for text, flag in zip(sound, flags, strict=True) if not flag]
            if good:
                best = min(good, key=lambda text: distance(a.answer, text))
                found[id] = Revision(a, best, strategy="own", broken_off=texts[best])
        return found

    def _judged(self, revisions: Sequence[Revision]) -> list[Revision]:
        """A teacher's revisions, with a fault where they do not meet the criticism, or make no
        sense.
        """
        good = [r for r in revisions if not r.fault]
        flags = iter(self.broken([replace(r.asked, answer=r.text, cut=False) for r in good]))
        unlikely = iter(gibberish(self.session, good))
        found = []
        for r in revisions:
            fault = r.fault
            if not fault:
                applies, odd = next(flags), next(unlikely)
                fault = (
                    "does not meet the criticism"
                    if applies
                    else _senseless(r.text) or ("makes no sense" if odd else "")
                )
            found.append(replace(r, fault=fault))
        return found


def _senseless(text: str) -> str:
    return "too short" if len(tokens(text)) < LEAST_WORDS else "loops" if loops(text) else ""


def gibberish(session: Session, revisions: Sequence[Revision]) -> list[bool]:
    """Whether each revision is less likely under the base, by token, than an answer may be."""
    items = [Continuations(r.asked.prompt, (r.text,), end=True) for r in revisions]
    found = dict(session.base.logp(items))
    return [
        found[item.id(session.base.fingerprint)][0].token_logp
        < session.config.criticism.least_token_logp
        for item in items
    ]


def critics(
    session: Session, material: Corrections, writer: Corrector, newness: NoveltyCheck
) -> list[Critic]:
    """Steps 1, 2: the criticisms, each with its checks or its judge, and with prompts like those
    that it was said of. One that no judge can tell is put aside where there is something else to
    learn.

    Raises:
        DataError: there is nothing else.
    """
    said = material.by_feedback(session.config.check)
    similar = session.config.criticism.similar
    share = max(similar // max(len(said), 1), min(similar, LEAST_SIMILAR))
    found, fates = list[Critic](), list[Fate]()
    for turn, mine in enumerate(said):
        critic, reason = Critic(session, mine[0].feedback, mine, writer), ""
        critic.similar = reach(session, critic, newness, turn, share)
        try:
            recognise(session, critic)
            found.append(critic)
        except DataError as fault:
            if not (
                found
                or turn + 1 < len(said)
                or material.edits
                or (session.teacher and material.prompts)
            ):
                raise
            reason = "no judge can tell whether it applies"
            session.display.say(f"put aside: {fault.what}")
        fates += [
            Fate(e.where, "dropped" if reason else "accepted", reason, e.json()) for e in mine
        ]
    session.run.ledger.place("criticisms", fates)
    return found


def reach(
    session: Session, critic: Critic, newness: NoveltyCheck, turn: int, count: int
) -> list[Turns]:
    """Step 2: so many new prompts like the criticised ones."""
    config = session.config.criticism
    kin = [" ".join(question(e.prompt).split()) for e in critic.edits]
    session.display.stage("ask similar", count, "prompts")
    found: list[Turns] = []
    fates: dict[str, Fate] = {}
    for round_ in range(config.rounds):
        missing = count - len(found)
        if missing <= 0:
            break
        lists = [
            [kin[(i + k) % len(kin)] for k in range(min(KIN, len(kin)))] for i in range(2 * missing)
        ]
        for asked, fault in ask_like(
            session.base,
            "ask similar",
            lists,
            newness,
            session.config.seed,
            turn * config.rounds + round_,
        ):
            if len(found) >= count:
                break
            fates.setdefault(
                asked.id,
                Fate(asked.id, "dropped" if fault else "accepted", fault, {"text": asked.text}),
            )
            if not fault:
                found.append(user(asked.text))
                session.display.advance()
    session.run.ledger.place(f"ask similar {turn + 1}", fates.values())
    return found


def recognise(session: Session, critic: Critic) -> None:
    """Step 1: what decides whether the criticism applies.

    Raises:
        DataError: its form is not recognised, and no judge can tell.
    """
    critic.checks = conditions(critic.feedback, [e.answer or "" for e in critic.edits])
    if session.config.check or critic.checks:
        check = session.config.check or " and ".join(f"({check})" for check in critic.checks)
        critic.checks = (session.config.check,) if session.config.check else critic.checks
        critic.verdicts = Verdicts(CheckJudge(check), 0.5)
        session.display.say(f'"{critic.feedback}" is checked with {" and ".join(critic.checks)}')
        return
    subject = read_subject(session.base, session.base, critic.feedback, session.config.seed)
    teacher = session.teacher if critic.writer.form == "chat" else None
    if not subject.topic:
        critic.verdicts = calibrated(session, critic, teacher)
        return
    rule = Rule(critic.feedback, digest(["criticism", critic.feedback]))
    sides: tuple[Scope, ...] = ("target", "general")
    asked = [
        Asked(question(prompt), scope, "corner", "") for scope in sides for prompt in critic.similar
    ]
    spoken = replace(session, rule=rule.text, subject=subject, teacher=teacher)
    critic.verdicts = judge(spoken, rule, asked).exam


def calibrated(session: Session, critic: Critic, teacher: Recorded | None) -> Verdicts:
    """The best judge of a criticism that no check knows, calibrated on answers as the student gives
    them, which is what was criticised, and on answers of the teacher, else the student, with the
    criticism in the prompt.

    Raises:
        DataError: none can tell them apart.
    """
    words, seed = critic.feedback, session.config.seed
    prompts = critic.similar[: session.config.judge.pairs]
    rows: list[tuple[tuple[Prompt, str], bool]] = []
    for broken, drawer in ((True, session.base), (False, teacher or session.base)):
        asked = [p if broken else told(p, words) for p in prompts]
        requests = [
            Request("calibrate", p, Sampling(0.7, 0.95, session.config.correct.max_tokens), 0, seed)
            for p in asked
        ]
        texts = {draw.id: draw.text for draw in drawer.draw(requests)}
        answers = [texts.get(r.id(drawer.fingerprint), "") for r in requests]
        rows += [
            ((p, text), broken) for p, text in zip(prompts, answers, strict=True) if text.strip()
        ]
    candidates: list[Judge] = [
        Contrast(session.base, words),
        YesNo(session.base, words),
        YesNo(session.base, words, chat=True),
    ]
    if teacher:
        candidates.append(YesNo(teacher, words, chat=True, name="teacher"))
    session.display.stage("judge")
    verdicts, _, report = calibrate(candidates, rows, session.config.judge.min_auroc)
    session.run.ledger.note("calibration", report)
    if verdicts is None:
        raise DataError(
            f'no judge can tell whether "{words}" applies to an answer: {report["reason"]}.',
            cure=(
                'Say how to check it, for instance --set check="max_words=50", or write '
                "some corrections."
            ),
        )
    session.display.say(f'"{words}" is judged by {verdicts.name}, {report["reason"]}')
    return verdicts
