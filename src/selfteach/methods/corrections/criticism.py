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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfteach.dedup.overlap import split_words
from selfteach.errors import DataError
from selfteach.evaluate.sanity import is_looping
from selfteach.generate.ask import GeneratedPrompt, Scope, extract_subject, generate_similar_prompts
from selfteach.generate.correct import Correctable, Corrector, Revision, Turns, edit_distance
from selfteach.generate.revise import find_smallest_revision, trim_to_sentence
from selfteach.judge import ThresholdJudge, ViolationJudge
from selfteach.judge.calibrate import calibrate_judges
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.judge.contrast import append_words
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.criticism import make_checks, tighten_checks
from selfteach.materials.rule import Rule
from selfteach.methods.corrections.novelty import NoveltyCheck
from selfteach.methods.judges import choose_judges
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    Prompt,
    Request,
    SamplingParams,
    digest,
    get_user_text,
    make_prompt,
)
from selfteach.run.ledger import Outcome

MIN_WORDS = 3
LIST_LENGTH = 3
MIN_SIMILAR = 24
"""Prompts that each criticism is asked for at least, where many share `criticism.similar`: some to
learn from, some for the exam.
"""
ENOUGH_REVISIONS = 32
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
    verdicts: ViolationJudge | None = None
    similar: list[Turns] = field(default_factory=list)

    @property
    def has_length_limit(self) -> bool:
        """Whether it says how long an answer may be. An answer that was cut at its token limit is
        longer than it seems.
        """
        return any("max_" in check for check in self.checks)

    def broken(self, asked: Sequence[Correctable]) -> list[bool]:
        """Return whether the criticism applies to each answer."""
        assert self.verdicts is not None
        flags = self.verdicts.broken([(a.prompt, a.answer) for a in asked])
        return [
            flag or (a.cut and self.has_length_limit) for a, flag in zip(asked, flags, strict=True)
        ]

    def correct(
        self,
        asked: Sequence[Correctable],
        progress: Callable[[int], None] = lambda n: None,
        checks: Sequence[str] = (),
    ) -> list[Revision]:
        """Return one revision for each answer, in order; the answer itself where the criticism does
        not apply (step 3).

        Args:
            checks: what a revision without a model must pass, where that is more than the
                criticism's own checks.
        """
        flags = self.broken(asked)
        found = {a.id: Revision(a, a.answer) for a in asked}
        hit: dict[str, Correctable] = {}
        for a, flag in zip(asked, flags, strict=True):
            if flag:
                hit[a.id] = replace(a, feedback=self.feedback)
        for revise in (self._take_out, self._own, self._ask_writer):
            left = {id: a for id, a in hit.items() if found[id].asked is not a}
            if left:
                found |= revise(left, checks)
        progress(len(asked))
        return [found[a.id] for a in asked]

    def lessons(self, asked: Sequence[Correctable]) -> list[Revision]:
        """Return the same for what is to be learned, which keeps some way inside of a bound on
        length: where enough do, those of similar prompts that meet it only just are dropped.
        """
        checks = tighten_checks(self.checks)
        found = self.correct(asked, checks=checks)
        wanted = [parse_check(check).keeps for check in checks]
        inside = [r.unchanged or all(keeps(r.text) for keeps in wanted) for r in found]
        pairs = list(zip(inside, found, strict=True))
        if sum(ok and not r.unchanged and not r.fault for ok, r in pairs) < ENOUGH_REVISIONS:
            return found
        said = {e.prompt for e in self.edits}
        kept = []
        for ok, r in pairs:
            only_just = not ok and not r.fault and r.asked.prompt not in said
            kept.append(replace(r, fault="meets the criticism only just") if only_just else r)
        return kept

    def _take_out(
        self, asked: Mapping[str, Correctable], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Take out what the checks object to, where that is enough."""
        found = {}
        for id, a in asked.items():
            if text := self._revise_minimally(a, checks):
                found[id] = Revision(a, text, strategy="smallest")
        return found

    def _ask_writer(
        self, asked: Mapping[str, Correctable], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Ask the teacher, or the student with worked examples; judge each revision."""
        found = self._judged(self.writer.correct(list(asked.values())))
        return dict(zip(asked, found, strict=True))

    def _revise_minimally(self, asked: Correctable, checks: Sequence[str]) -> str:
        """Return the answer without what the checks object to; "" where that is not enough, or
        leaves no answer.
        """
        answer = (
            trim_to_sentence(asked.answer) if asked.cut and self.has_length_limit else asked.answer
        )
        for wanted in dict.fromkeys((tuple(checks), self.checks)):
            keeps = [parse_check(check).keeps for check in wanted]
            for parts in (False, True):
                text = find_smallest_revision(answer, keeps, parts) if keeps else None
                if text is not None and not _why_senseless(text):
                    return text
        return ""

    def _own(self, asked: Mapping[str, Correctable], checks: Sequence[str]) -> dict[str, Revision]:
        """Of other answers of the student that meet the criticism, if need be with something taken
        out, take the one most like the answer. A living teacher is asked instead.

        Where no check knows the criticism, it stands in the student's prompt. There an answer may
        break off where the criticised one does.
        """
        if self.session.teacher:
            return {}
        found = {}
        for (id, a), draws in zip(asked.items(), self._answer_again(asked.values()), strict=True):
            texts: dict[str, bool] = {}
            for draw in draws:
                cut = draw.finish == "length"
                if self.checks:
                    texts[self._revise_minimally(replace(a, answer=draw.text, cut=cut), checks)] = (
                        False
                    )
                else:
                    texts[draw.text] = cut
            sound = [text for text in texts if not _why_senseless(text)]
            flags = self.broken([replace(a, answer=text, cut=False) for text in sound])
            good = [text for text, flag in zip(sound, flags, strict=True) if not flag]
            if good:
                best = min(good, key=lambda text: edit_distance(a.answer, text))
                found[id] = Revision(a, best, strategy="own", is_truncated=texts[best])
        return found

    def _answer_again(self, asked: Iterable[Correctable]) -> list[list[Completion]]:
        """Return other answers of the student to each prompt."""
        config = self.session.config.correct
        sampling = SamplingParams(0.8, 0.95, config.max_tokens)
        requests = []
        for a in asked:
            prompt = a.prompt if self.checks else append_words(a.prompt, self.feedback)
            for k in range(config.tries):
                requests.append(
                    Request("revise own", prompt, sampling, k, self.session.config.seed)
                )
        draws = self.session.base.sample(requests)
        return [draws[i : i + config.tries] for i in range(0, len(draws), config.tries)]

    def _judged(self, revisions: Sequence[Revision]) -> list[Revision]:
        """Return a teacher's revisions, with a fault where they do not meet the criticism, or make
        no sense.
        """
        good = [r for r in revisions if not r.fault]
        flags = iter(self.broken([replace(r.asked, answer=r.text, cut=False) for r in good]))
        unlikely = iter(find_gibberish(self.session, good))
        found = []
        for r in revisions:
            if r.fault:
                found.append(r)
                continue
            applies = next(flags)
            odd = next(unlikely)
            fault = "does not meet the criticism"
            if not applies:
                fault = _why_senseless(r.text) or ("makes no sense" if odd else "")
            found.append(replace(r, fault=fault))
        return found


def _why_senseless(text: str) -> str:
    """Return why a text makes no sense, or an empty text."""
    if len(split_words(text)) < MIN_WORDS:
        return "too short"
    return "loops" if is_looping(text) else ""


def find_gibberish(session: Session, revisions: Sequence[Revision]) -> list[bool]:
    """Return whether each revision is less likely under the base, by token, than an answer may
    be.
    """
    items = [Continuations(r.asked.prompt, (r.text,), end=True) for r in revisions]
    least = session.config.criticism.min_token_logp
    return [score.token_logp < least for (score,) in session.base.score(items)]


def make_critics(
    session: Session, material: Corrections, writer: Corrector, newness: NoveltyCheck
) -> list[Critic]:
    """Return the criticisms, each with its checks or its judge, and with prompts like those that it
    was said of (steps 1 and 2). One that no judge can tell is put aside where there is something
    else to learn.

    Raises:
        DataError: there is nothing else.
    """
    said = material.group_by_feedback(session.config.check)
    similar = session.config.criticism.similar
    share = max(similar // max(len(said), 1), min(similar, MIN_SIMILAR))
    found, fates = list[Critic](), list[Outcome]()
    for turn, mine in enumerate(said):
        critic, reason = Critic(session, mine[0].feedback, mine, writer), ""
        critic.similar = write_criticism_prompts(session, critic, newness, turn, share)
        try:
            choose_judge(session, critic)
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
            session.display.print_line(f"put aside: {fault.what}")
        fates += [
            Outcome(e.where, "dropped" if reason else "accepted", reason, e.to_json()) for e in mine
        ]
    session.run.ledger.record_outcomes("criticisms", fates)
    return found


def write_criticism_prompts(
    session: Session, critic: Critic, newness: NoveltyCheck, turn: int, count: int
) -> list[Turns]:
    """Return so many new prompts like the criticised ones (step 2)."""
    config = session.config.criticism
    kin = [" ".join(get_user_text(e.prompt).split()) for e in critic.edits]
    session.display.start_stage("ask similar", count, "prompts")
    found: list[Turns] = []
    fates: dict[str, Outcome] = {}
    for round_ in range(config.rounds):
        missing = count - len(found)
        if missing <= 0:
            break
        lists = [
            [kin[(i + k) % len(kin)] for k in range(min(LIST_LENGTH, len(kin)))]
            for i in range(2 * missing)
        ]
        for asked, fault in generate_similar_prompts(
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
                Outcome(asked.id, "dropped" if fault else "accepted", fault, {"text": asked.text}),
            )
            if not fault:
                found.append(make_prompt(asked.text))
                session.display.advance()
    session.run.ledger.record_outcomes(f"ask similar {turn + 1}", fates.values())
    return found


def choose_judge(session: Session, critic: Critic) -> None:
    """Choose what decides whether the criticism applies (step 1).

    Raises:
        DataError: its form is not recognised, and no judge can tell.
    """
    critic.checks = make_checks(critic.feedback, [e.answer or "" for e in critic.edits])
    if session.config.check or critic.checks:
        check = session.config.check or " and ".join(f"({check})" for check in critic.checks)
        critic.checks = (session.config.check,) if session.config.check else critic.checks
        critic.verdicts = ThresholdJudge(CheckJudge(check), 0.5)
        session.display.print_line(
            f'"{critic.feedback}" is checked with {" and ".join(critic.checks)}'
        )
        return
    subject = extract_subject(session.base, session.base, critic.feedback, session.config.seed)
    teacher = session.teacher if critic.writer.form == "chat" else None
    if not subject.topic:
        critic.verdicts = calibrate_criticism_judge(session, critic, teacher)
        return
    rule = Rule(critic.feedback, digest(["criticism", critic.feedback]))
    sides: tuple[Scope, ...] = ("target", "general")
    asked = [
        GeneratedPrompt(get_user_text(prompt), scope, "corner", "")
        for scope in sides
        for prompt in critic.similar
    ]
    spoken = replace(session, rule=rule.text, subject=subject, teacher=teacher)
    critic.verdicts = choose_judges(spoken, rule, asked).exam


def calibrate_criticism_judge(
    session: Session, critic: Critic, teacher: Recorded | None
) -> ThresholdJudge:
    """Return the best judge of a criticism that no check knows. It is calibrated on answers as the
    student gives them, which is what was criticised, and on answers of the teacher, else the
    student, with the criticism in the prompt.

    Raises:
        DataError: none can tell them apart.
    """
    words, seed = critic.feedback, session.config.seed
    prompts = critic.similar[: session.config.judge.pairs]
    rows: list[tuple[tuple[Prompt, str], bool]] = []
    for broken, drawer in ((True, session.base), (False, teacher or session.base)):
        asked = [p if broken else append_words(p, words) for p in prompts]
        requests = [
            Request(
                "calibrate",
                p,
                SamplingParams(0.7, 0.95, session.config.correct.max_tokens),
                0,
                seed,
            )
            for p in asked
        ]
        texts = {draw.id: draw.text for draw in drawer.stream(requests)}
        answers = [texts.get(r.id(drawer.fingerprint), "") for r in requests]
        rows += [
            ((p, text), broken) for p, text in zip(prompts, answers, strict=True) if text.strip()
        ]
    candidates = find_judges(JudgeSetup(session.base, words, "criticism", teacher=teacher))
    session.display.start_stage("judge")
    verdicts, _, report = calibrate_judges(candidates, rows, session.config.judge.min_auroc)
    session.run.ledger.set_note("calibration", report)
    if verdicts is None:
        raise DataError(
            f'no judge can tell whether "{words}" applies to an answer: {report["reason"]}.',
            cure=(
                'Say how to check it, for instance --set check="max_words=50", or write '
                "some corrections."
            ),
        )
    session.display.print_line(f'"{words}" is judged by {verdicts.name}, {report["reason"]}')
    return verdicts
