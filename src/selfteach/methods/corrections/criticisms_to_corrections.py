"""Criticisms: corrections are made from comments on answers ("too long, and no emoji").

  1  recognize: turn the criticism's words into checks; where they name no check, calibrate a judge
  2  extend: let the model write prompts like the criticized ones, and answer them
  3  revise: where the criticism applies, find the smallest revision that meets it. First remove
     the parts that violate a check. Then ask the teacher. Without a teacher, sample other answers
     of the model (with the criticism in its prompt, where there is no check), then let it revise
     by worked examples. Judge each revision, and drop those that do not meet the criticism. Where
     the criticism quotes a part of the answer, that part alone is revised

Our own. The criticism in the prompt is the context of `distill`'s teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from selfteach.dedup.overlap import split_words
from selfteach.errors import DataError
from selfteach.evaluate.sanity import is_looping
from selfteach.generate.ask import (
    SIMILAR,
    GeneratedPrompt,
    Scope,
    extract_subject,
    generate_similar_prompts,
)
from selfteach.generate.correct import Correctable, Corrector, Revision, edit_distance
from selfteach.generate.revise import find_smallest_revision, trim_to_sentence
from selfteach.judge import PromptAnswer, ThresholdJudge, ViolationJudge
from selfteach.judge.calibrate import calibrate_judges
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.judge.contrast import append_words
from selfteach.judge.request_judge import LikenessJudge, calibrate_likeness
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.judge.stray_answers import find_stray_answers
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.criticism import make_checks, tighten_checks
from selfteach.methods.brief_answers import limits_length, sample_brief_answers
from selfteach.methods.calibrate_rule_judges import choose_judges
from selfteach.methods.corrections.prompt_novelty import NoveltyCheck
from selfteach.methods.session import Session
from selfteach.models.ordered import sample_in_order, score_in_order
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    Request,
    SamplingParams,
    Turns,
    get_user_text,
    make_prompt,
)
from selfteach.run.stage_labels import label_stage

SIMILAR_STAGE = "ask similar"
NOT_LIKE = "is not like what was criticized"
MIN_LIKE = 0.25
"""The least share of prompts that were written to be like the criticized ones, and are found to be:
the judge of likeness tells nothing below it.
"""
MIN_WORDS = 3
LIST_LENGTH = 3
MIN_SIMILAR = 24
"""The least number of prompts written for each criticism, where many criticisms share
`criticism.similar`: some to learn from, some for the exam.
"""
NUM_OTHERS = 8
"""Other prompts, which an answer must not fit better than its own."""
ENOUGH_REVISIONS = 32
"""With so many revisions clearly within a bound, those that barely meet it are dropped."""


class CriticSession(Protocol):
    """Define the part of a session that a critic needs."""

    config: Any
    base: Recorded
    teacher: Recorded | None


@dataclass
class Critic:
    """Correct answers by one criticism, as a teacher does.

    Attributes:
        edits: the criticized answers.
        writer: the model that revises.
        checks: the checks that the criticism's words ask for.
        judge: decides whether the criticism applies to an answer.
        similar: prompts like the criticized ones.
    """

    session: CriticSession
    feedback: str
    edits: list[Edit]
    writer: Corrector
    checks: tuple[str, ...] = ()
    judge: ViolationJudge | None = None
    similar: list[Turns] = field(default_factory=list)

    @property
    def has_length_limit(self) -> bool:
        """Return whether the criticism limits the length. An answer that was cut at its token limit
        is longer than its text.
        """
        return any(map(limits_length, self.checks))

    def broken(self, answers: Sequence[Correctable]) -> list[bool]:
        """Return whether the criticism applies to each answer."""
        assert self.judge is not None
        flags = self.judge.broken([(a.prompt, a.answer) for a in answers])
        return [
            flag or (a.cut and self.has_length_limit)
            for a, flag in zip(answers, flags, strict=True)
        ]

    def correct(
        self,
        answers: Sequence[Correctable],
        progress: Callable[[int], None] = lambda n: None,
        checks: Sequence[str] = (),
    ) -> list[Revision]:
        """Return one revision of each answer, in order: the answer itself where the criticism does
        not apply (step 3).

        Args:
            progress: receives the number of finished answers.
            checks: further checks on revisions that no teacher wrote.
        """
        found = {a.id: Revision(a, a.answer) for a in answers}
        quoted = [(a, e.quote) for a in answers for e in self.edits if is_quoted(a, e)]
        found |= self._revise_parts(quoted, checks)
        flags = self.broken(answers)
        left = {
            a.id: replace(a, feedback=self.feedback)
            for a, applies in zip(answers, flags, strict=True)
            if applies and a not in dict(quoted)
        }
        for revise in (self._remove_violations, self._sample_others, self._ask_writer):
            revised = revise(left, checks) if left else {}
            found |= revised
            left = {id: a for id, a in left.items() if id not in revised}
        progress(len(answers))
        return [found[a.id] for a in answers]

    def revise_for_training(self, answers: Sequence[Correctable]) -> list[Revision]:
        """Return revisions to learn from, which keep clear of a bound on length. Where there are
        enough of them, drop those of similar prompts that barely meet the bound.

        The model answers briefly by itself where it can: the beginning of a long answer is the
        smaller revision, but often says nothing yet.
        """
        checks = tighten_checks(self.checks)
        brief = self._answer_briefly(answers)
        rest = [a for a in answers if a.id not in brief]
        corrected = dict(zip((a.id for a in rest), self.correct(rest, checks=checks), strict=True))
        found = [(brief | corrected)[a.id] for a in answers]
        criticised = {e.prompt for e in self.edits}
        close = [not (r.unchanged or r.fault or passes(checks, r.text)) for r in found]
        clear = [
            r for r, bad in zip(found, close, strict=True) if not (bad or r.unchanged or r.fault)
        ]
        if len(clear) < ENOUGH_REVISIONS:
            return found
        kept = []
        for r, is_close in zip(found, close, strict=True):
            fault = "meets the criticism only just"
            similar = r.asked.prompt not in criticised
            kept.append(replace(r, fault=fault) if is_close and similar else r)
        return kept

    def _answer_briefly(self, answers: Sequence[Correctable]) -> dict[str, Revision]:
        """Return brief answers of the model in the place of those that are criticized as too long,
        by their ids. None fits another prompt better than its own. A teacher revises by itself.
        """
        if self.session.teacher or not self.has_length_limit:
            return {}
        quoted = {e.prompt for e in self.edits if e.quote}
        flags = self.broken(answers)
        asked = [a for a, bad in zip(answers, flags, strict=True) if bad and a.prompt not in quoted]
        prompts = list(dict.fromkeys(a.prompt for a in asked))
        config = self.session.config
        sampled = sample_brief_answers(
            self.session.base,
            prompts,
            self.checks,
            config.correct.max_tokens,
            1 + config.correct.tries,
            config.seed,
        )
        left = {p: iter(t for t in texts if not find_text_fault(t)) for p, texts in sampled.items()}
        brief = {a.id: (a.prompt, text) for a in asked if (text := next(left[a.prompt], ""))}
        others = prompts[:: max(len(prompts) // NUM_OTHERS, 1)][:NUM_OTHERS]
        strays = find_stray_answers(
            self.session.base, list(brief.values()), [get_user_text(p) for p in others]
        )
        by_id = {a.id: replace(a, feedback=self.feedback) for a in asked}
        return {
            id: Revision(by_id[id], text, strategy="brief")
            for (id, (_, text)), is_stray in zip(brief.items(), strays, strict=True)
            if not is_stray
        }

    def _revise_parts(
        self, quoted: Sequence[tuple[Correctable, str]], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Revise the quoted parts of answers, and leave the rest as it is. The criticism applies to
        the part, whatever the judge says of the answer.

        Args:
            quoted: an answer with a part of it; an answer may have several.

        Returns:
            The revisions of the whole answers, by the id of the answer.
        """
        parts = []
        for a, quote in quoted:
            parts.append(replace(a, answer=quote, feedback=self.feedback, cut=False))
        smallest = []
        for part in parts:
            text = self._revise_minimally(part, checks)
            smallest.append("" if text == part.answer else text)
        left = [part for part, text in zip(parts, smallest, strict=True) if not text]
        written = self._judge_parts(self.writer.correct(left)) if left else []
        rest = iter(written)
        found: dict[str, Revision] = {}
        for (a, quote), part, text in zip(quoted, parts, smallest, strict=True):
            revised = Revision(part, text, strategy="smallest") if text else next(rest)
            before = found.get(a.id, Revision(a, a.answer))
            joined = before.text.replace(quote, revised.text, 1)
            fault = before.fault or revised.fault or find_text_fault(joined)
            asked = replace(a, feedback=self.feedback)
            found[a.id] = replace(revised, asked=asked, text=joined, fault=fault)
        return found

    def _judge_parts(self, revisions: Sequence[Revision]) -> list[Revision]:
        """Return a teacher's revisions of parts, with a fault where they do not meet the criticism,
        change nothing, or make no sense.
        """
        flags = self.broken([replace(r.asked, answer=r.text) for r in revisions])
        gibberish = find_gibberish(self.session, revisions)
        judged = []
        for r, applies, odd in zip(revisions, flags, gibberish, strict=True):
            fault = "does not meet the criticism" if applies or r.unchanged else ""
            fault = fault or ("makes no sense" if odd else "")
            judged.append(replace(r, fault=r.fault or fault))
        return judged

    def _remove_violations(
        self, answers: Mapping[str, Correctable], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Remove the parts that violate a check, where that is enough."""
        texts = {id: self._revise_minimally(a, checks) for id, a in answers.items()}
        return {
            id: Revision(answers[id], text, strategy="smallest")
            for id, text in texts.items()
            if text
        }

    def _ask_writer(
        self, answers: Mapping[str, Correctable], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Let the teacher revise, or the model with worked examples; judge each revision."""
        revisions = self._judge_revisions(self.writer.correct(list(answers.values())))
        return dict(zip(answers, revisions, strict=True))

    def _revise_minimally(self, answered: Correctable, checks: Sequence[str]) -> str:
        """Return the answer without the parts that violate a check; "" where that is not enough, or
        nothing is left.
        """
        cut = answered.cut and self.has_length_limit
        answer = trim_to_sentence(answered.answer) if cut else answered.answer
        for wanted in dict.fromkeys((tuple(checks), self.checks)):
            keeps = [parse_check(check).keeps for check in wanted]
            for parts in (False, True):
                text = find_smallest_revision(answer, keeps, parts) if keeps else None
                if text is not None and not find_text_fault(text):
                    return text
        return ""

    def _sample_others(
        self, answers: Mapping[str, Correctable], checks: Sequence[str]
    ) -> dict[str, Revision]:
        """Sample other answers of the model, and choose the one most like the answer among those
        that meet the criticism. Do nothing where there is a teacher.

        Checks remove parts of the samples too. Without a check, the prompt contains the criticism,
        and a sample may reach its token limit as the criticized answer may.
        """
        if self.session.teacher:
            return {}
        found = {}
        samples = self._answer_again(answers.values())
        for (id, a), completions in zip(answers.items(), samples, strict=True):
            texts: dict[str, bool] = {}
            for completion in completions:
                cut = completion.finish == "length"
                if self.checks:
                    other = replace(a, answer=completion.text, cut=cut)
                    texts[self._revise_minimally(other, checks)] = False
                else:
                    texts[completion.text] = cut
            sound = [
                replace(a, answer=text, cut=False) for text in texts if not find_text_fault(text)
            ]
            flags = self.broken(sound)
            good = [other.answer for other, bad in zip(sound, flags, strict=True) if not bad]
            if good:
                best = min(good, key=partial(edit_distance, a.answer))
                found[id] = Revision(a, best, strategy="own", is_truncated=texts[best])
        return found

    def _answer_again(self, answers: Iterable[Correctable]) -> list[list[Completion]]:
        """Return other answers of the model to each prompt."""
        config = self.session.config.correct
        seed = self.session.config.seed
        sampling = SamplingParams(0.8, 0.95, config.max_tokens)
        prompts = [
            a.prompt if self.checks else append_words(a.prompt, self.feedback) for a in answers
        ]
        requests = [
            Request("revise own", prompt, sampling, k, seed)
            for prompt in prompts
            for k in range(config.tries)
        ]
        sampled = self.session.base.sample(requests)
        return [sampled[i : i + config.tries] for i in range(0, len(sampled), config.tries)]

    def _judge_revisions(self, revisions: Sequence[Revision]) -> list[Revision]:
        """Return a teacher's revisions, with a fault where they do not meet the criticism, or make
        no sense.
        """
        good = [r for r in revisions if not r.fault]
        flags = self.broken([replace(r.asked, answer=r.text, cut=False) for r in good])
        gibberish = find_gibberish(self.session, good)
        judged = []
        for r, applies, odd in zip(good, flags, gibberish, strict=True):
            fault = find_text_fault(r.text) or ("makes no sense" if odd else "")
            judged.append(replace(r, fault="does not meet the criticism" if applies else fault))
        rest = iter(judged)
        return [r if r.fault else next(rest) for r in revisions]


def is_quoted(answered: Correctable, edit: Edit) -> bool:
    """Return whether a criticism is about a part of this answer."""
    same = (answered.prompt, answered.answer) == (edit.prompt, edit.answer)
    return same and bool(edit.quote)


def passes(checks: Sequence[str], text: str) -> bool:
    """Return whether a text passes all checks."""
    return all(parse_check(check).keeps(text) for check in checks)


def find_text_fault(text: str) -> str:
    """Return why a text cannot be an answer: it has too few words, or it loops; else ""."""
    if len(split_words(text)) < MIN_WORDS:
        return "too short"
    return "loops" if is_looping(text) else ""


def find_gibberish(session: CriticSession, revisions: Sequence[Revision]) -> list[bool]:
    """Return whether the base finds each revision too unlikely, by the mean over its tokens, or
    cannot score it.
    """
    items = [Continuations(r.asked.prompt, (r.text,), end=True) for r in revisions]
    least = session.config.criticism.min_token_logp
    scores = score_in_order(session.base, items)
    return [not score or score[0].token_logp < least for score in scores]


def make_critics(
    session: Session, material: Corrections, writer: Corrector, newness: NoveltyCheck
) -> list[Critic]:
    """Return the criticisms, each with its checks or its judge, and with similar prompts (steps 1
    and 2). Drop a criticism without a usable judge where there is something else to learn.

    Raises:
        DataError: there is nothing else.
    """
    groups = material.group_by_feedback(session.config.check)
    similar = session.config.criticism.similar
    share = max(similar // max(len(groups), 1), min(similar, MIN_SIMILAR))
    other_material = material.edits or (session.teacher and material.prompts)
    found = []
    with session.run.ledger.open_funnel("criticisms") as funnel:
        for turn, edits in enumerate(groups):
            critic = Critic(session, edits[0].feedback, edits, writer)
            critic.similar = write_criticism_prompts(session, critic, newness, turn, share)
            reason = ""
            try:
                choose_judge(session, critic)
                found.append(critic)
            except DataError as fault:
                is_last = turn + 1 == len(groups)
                if is_last and not (found or other_material):
                    raise
                reason = "no judge can tell whether it applies"
                session.display.print_line(f"put aside: {fault.what}")
            for edit in edits:
                funnel.decide(edit.where, reason, edit.to_json())
    return found


def write_criticism_prompts(
    session: Session, critic: Critic, newness: NoveltyCheck, turn: int, count: int
) -> list[Turns]:
    """Return `count` new prompts like the criticized ones (step 2)."""
    rounds = session.config.criticism.rounds
    criticised = [" ".join(get_user_text(e.prompt).split()) for e in critic.edits]
    label = label_stage(SIMILAR_STAGE)
    session.display.start_stage(label, count, "prompts")
    found: list[Turns] = []
    judge: LikenessJudge | None = calibrate_likeness(session.base, criticised)
    with session.run.ledger.open_funnel(f"{label} {turn + 1}") as funnel:
        for number in range(turn * rounds, (turn + 1) * rounds):
            missing = count - len(found)
            lists = [rotate(criticised, i) for i in range(2 * missing)]
            written = list(
                generate_similar_prompts(
                    session.base, SIMILAR_STAGE, lists, newness, session.config.seed, number
                )
            )
            usable = [prompt.text for prompt, fault in written if not fault]
            like = judge.find_like(usable) if judge else [True] * len(usable)
            if judge and sum(like) < MIN_LIKE * len(usable) and not found:
                judge = None  # it finds nearly nothing alike, so its scores tell nothing
                like = [True] * len(usable)
            by_text = dict(zip(usable, like, strict=True))
            for prompt, fault in written:
                if len(found) == count:
                    break
                reason = fault or ("" if by_text[prompt.text] else NOT_LIKE)
                funnel.decide(prompt.id, reason, {"text": prompt.text})
                if not reason:
                    found.append(make_prompt(prompt.text))
                    session.display.advance()
    return found


def rotate(texts: Sequence[str], start: int) -> list[str]:
    """Return up to LIST_LENGTH texts from a place on, in a circle."""
    return [texts[(start + k) % len(texts)] for k in range(min(LIST_LENGTH, len(texts)))]


def choose_judge(session: Session, critic: Critic) -> None:
    """Choose the checks or the judge that decide whether the criticism applies (step 1).

    Raises:
        DataError: its words name no check, and no judge is good enough.
    """
    check = session.config.check
    critic.checks = (
        (check,) if check else make_checks(critic.feedback, [e.answer or "" for e in critic.edits])
    )
    if critic.checks:
        joined = check or " and ".join(f"({one})" for one in critic.checks)
        critic.judge = ThresholdJudge(CheckJudge(joined), 0.5)
        session.display.print_line(
            f'"{critic.feedback}" is checked with {" and ".join(critic.checks)}'
        )
        return
    subject = extract_subject(session.base, session.base, critic.feedback, session.config.seed)
    teacher = session.teacher if critic.writer.form == "chat" else None
    if not subject.topic:
        critic.judge = calibrate_criticism_judge(session, critic, teacher)
        return
    scopes: tuple[Scope, ...] = ("target", "general")
    prompts = [
        GeneratedPrompt(get_user_text(prompt), scope, SIMILAR, "")
        for scope in scopes
        for prompt in critic.similar
    ]
    of_rule = replace(session, rule=critic.feedback, subject=subject, teacher=teacher)
    critic.judge = choose_judges(of_rule, prompts).exam


def calibrate_criticism_judge(
    session: Session, critic: Critic, teacher: Recorded | None
) -> ThresholdJudge:
    """Return the best judge of a criticism that names no check.

    It is calibrated on the base's answers, which stand for the criticized ones, and on answers with
    the criticism in the prompt, of the teacher or else of the base.

    Raises:
        DataError: no judge can tell them apart.
    """
    words = critic.feedback
    prompts = critic.similar[: session.config.judge.pairs]
    informed = [append_words(prompt, words) for prompt in prompts]
    bad = zip(prompts, sample_texts(session, session.base, prompts), strict=True)
    good = zip(prompts, sample_texts(session, teacher or session.base, informed), strict=True)
    labelled: list[tuple[PromptAnswer, bool]] = [
        (pair, broken)
        for pairs, broken in ((bad, True), (good, False))
        for pair in pairs
        if pair[1].strip()
    ]
    candidates = find_judges(JudgeSetup(session.base, words, "criticism", teacher=teacher))
    session.display.start_stage("judge")
    judge, _, report = calibrate_judges(candidates, labelled, session.config.judge.min_auroc)
    session.run.ledger.set_note("calibration", report)
    if judge is None:
        raise DataError(
            f'no judge can tell whether "{words}" applies to an answer: {report["reason"]}.',
            cure=(
                'Say how to check it, for instance --set check="max_words=50", or write '
                "some corrections."
            ),
        )
    session.display.print_line(f'"{words}" is judged by {judge.name}, {report["reason"]}')
    return judge


def sample_texts(session: Session, model: Recorded, prompts: Sequence[Turns]) -> list[str]:
    """Return an answer to each prompt; "" where an endpoint lost the request."""
    sampling = SamplingParams(0.7, 0.95, session.config.correct.max_tokens)
    requests = [Request("calibrate", p, sampling, 0, session.config.seed) for p in prompts]
    answers = sample_in_order(model, requests)
    return [answer.text if answer else "" for answer in answers]
