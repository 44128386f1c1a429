"""A critic: corrects answers by one criticism.

Where the criticism applies, it finds a revision that meets it. The smallest one is the answer
without the parts that violate a check. Without a teacher, the model answers once more (with the
criticism in its prompt, where there is no check), and then revises by worked examples. Each
revision is judged, and dropped where it does not meet the criticism. Where the criticism quotes a
part of the answer, that part alone is revised. To learn from, brief answers of the model come
before the beginnings of long ones.

Our own. The criticism in the prompt is the context of `distill`'s teacher.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from selfteach.dedup.overlap import split_words
from selfteach.evaluate.sanity import is_looping
from selfteach.generate.correct import Correctable, Corrector, Revision, edit_distance
from selfteach.judge import ViolationJudge
from selfteach.judge.check import parse_check
from selfteach.judge.contrast import append_words
from selfteach.judge.decline import is_decline
from selfteach.judge.opening import SAYS_NOTHING, leave_out_opening, says_nothing
from selfteach.judge.promise import only_apologizes
from selfteach.judge.request_judge import LikenessJudge
from selfteach.judge.revise import find_smallest_revision, trim_to_sentence
from selfteach.judge.stray_answers import find_stray_answers
from selfteach.materials.corrections import Edit, find_quoted_places
from selfteach.materials.criticism import tighten_checks
from selfteach.methods.brief_answers import limits_length, make_test, sample_brief_answers
from selfteach.models.ordered import score_in_order
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    Request,
    SamplingParams,
    Turns,
    get_user_text,
)

MIN_WORDS = 3
NUM_OTHERS = 8
"""Other prompts, which an answer must not fit better than its own."""
ENOUGH_REVISIONS = 32
"""With so many revisions clearly within a bound, those that barely meet it are dropped."""
NOT_REVISED = "criticized, but no revision of it was found"
NOT_MET = "does not meet the criticism"
ONLY_JUST = "meets the criticism only just"
DECLINES = "declines"
_ASKS_FOR_APOLOGY = re.compile(r"apolog|sorry", re.IGNORECASE)


@dataclass(frozen=True)
class CriticLimits:
    """Hold how a critic samples.

    Attributes:
        max_tokens: of another answer of the model.
        tries: other answers of the model to a prompt.
        min_token_logp: the least mean over the tokens of a revision, nats.
    """

    seed: int
    max_tokens: int
    tries: int
    min_token_logp: float


@dataclass
class Critic:
    """Correct answers by one criticism, as a teacher does.

    Attributes:
        base: the model whose answers are criticized.
        edits: the criticized answers.
        writer: the model that revises.
        has_teacher: whether that is another one than the base.
        checks: the checks that the criticism's words ask for.
        judge: decides whether the criticism applies to an answer.
        similar: prompts like the criticized ones.
        likeness: tells them from others; None if nothing does.
    """

    base: Recorded
    limits: CriticLimits
    feedback: str
    edits: list[Edit]
    writer: Corrector
    has_teacher: bool = False
    checks: tuple[str, ...] = ()
    judge: ViolationJudge | None = None
    similar: list[Turns] = field(default_factory=list)
    likeness: LikenessJudge | None = None

    @property
    def has_length_limit(self) -> bool:
        """Return whether the criticism limits the length. An answer that was cut at its token limit
        is longer than its text.
        """
        return any(limits_length(parse_check(check)) for check in self.checks)

    def find_answer_fault(self, prompt: Turns, text: str) -> str:
        """Return why a text cannot be an answer to a prompt, or ""."""
        question = get_user_text(prompt)
        apologizes = only_apologizes(text) and not _ASKS_FOR_APOLOGY.search(question)
        is_empty = self.has_length_limit and (apologizes or says_nothing(question, text))
        return find_text_fault(text) or (SAYS_NOTHING if is_empty else "")

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
        progress: Callable[[int], object] = lambda n: None,
        checks: Sequence[str] = (),
    ) -> list[Revision]:
        """Return one revision of each answer, in order: the answer itself where the criticism does
        not apply (step 3).

        Args:
            progress: called with the numbers of finished answers.
            checks: further checks on revisions that no teacher wrote.
        """
        found = {a.id: Revision(a, a.answer) for a in answers}
        quoted = self.find_quoted_parts(answers)
        found |= self._revise_parts(quoted, checks)
        revised_in_part = {a for a, _ in quoted}
        flags = self.broken(answers)
        left = {
            a.id: replace(a, feedback=self.feedback)
            for a, applies in zip(answers, flags, strict=True)
            if applies and a not in revised_in_part
        }
        progress(len(answers) - len(left))
        for revise in (self._remove_violations, self._sample_others, self._ask_writer):
            revised = revise(left, checks) if left else {}
            progress(len(revised))
            found |= revised
            left = {id: a for id, a in left.items() if id not in revised}
        return [found[a.id] for a in answers]

    def find_quoted_parts(self, answers: Sequence[Correctable]) -> list[tuple[Correctable, str]]:
        """Return each answer with each part of it that the criticism quotes, in order. A part that
        several rows quote, in words of their own, is one part.
        """
        quotes: dict[tuple[Turns, str | None], dict[str, None]] = defaultdict(dict)
        for edit in self.edits:
            if edit.quote:
                quotes[edit.prompt, edit.answer][edit.quote] = None
        return [(a, quote) for a in answers for quote in quotes.get((a.prompt, a.answer), ())]

    def revise_for_training(
        self,
        answers: Sequence[Correctable],
        progress: Callable[[int], object] = lambda n: None,
    ) -> list[Revision]:
        """Return revisions to learn from, which keep clear of a bound on length. Where there are
        enough of them, drop those of similar prompts that barely meet the bound.

        The model answers briefly by itself where it can: the beginning of a long answer is the
        smaller revision, but often says nothing yet.
        """
        checks = tighten_checks(self.checks)
        brief = self._answer_briefly(answers)
        progress(len(brief))
        rest = [a for a in answers if a.id not in brief]
        revised = self.correct(rest, progress, checks)
        revisions = brief | {a.id: r for a, r in zip(rest, revised, strict=True)}
        found = self._refuse_unchanged([revisions[a.id] for a in answers])
        keeps_clear = make_test(checks)
        usable = [r for r in found if not (r.unchanged or r.fault)]
        close = {r.asked.id for r in usable if not keeps_clear(r.text)}
        if len(usable) - len(close) < ENOUGH_REVISIONS:
            return found
        criticised = {e.prompt for e in self.edits}
        return [
            replace(r, fault=ONLY_JUST)
            if r.asked.id in close and r.asked.prompt not in criticised
            else r
            for r in found
        ]

    def revise_own_mistakes(
        self,
        answers: Sequence[Correctable],
        progress: Callable[[int], object] = lambda n: None,
    ) -> list[Revision]:
        """Return revisions of a tuned model's own answers to learn from, as small as they can be.
        None that is shortened declines: more and more would be declined.
        """
        if not self.has_length_limit:
            return self.correct(answers, progress)
        return [
            replace(r, fault=r.fault or DECLINES) if not r.unchanged and is_decline(r.text) else r
            for r in self.correct(answers, progress)
        ]

    def _refuse_unchanged(self, revisions: Sequence[Revision]) -> list[Revision]:
        """Return the revisions, with a fault where a criticized answer stays as it is: unlike
        another answer to which the criticism does not apply, nobody approves of it.
        """
        criticised = {(e.prompt, e.answer) for e in self.edits}
        return [
            replace(r, fault=NOT_REVISED)
            if r.unchanged and (r.asked.prompt, r.asked.answer) in criticised
            else r
            for r in revisions
        ]

    def _answer_briefly(self, answers: Sequence[Correctable]) -> dict[str, Revision]:
        """Return brief answers of the model in the place of every second one that is criticized as
        too long, by their ids: the first that keeps clear of the bound, if there is one. None fits
        another prompt better than its own. A teacher revises by itself.

        A brief answer says something whole. What is left of the others, their beginnings, teaches
        where to stop after what the model says first.
        """
        if self.has_teacher or not self.has_length_limit:
            return {}
        quoted = {e.prompt for e in self.edits if e.quote}
        flags = self.broken(answers)
        long = [a for a, bad in zip(answers, flags, strict=True) if bad and a.prompt not in quoted]
        asked = long[::2]
        if not asked:
            return {}
        prompts = list(dict.fromkeys(a.prompt for a in asked))
        limits = self.limits
        sampled = sample_brief_answers(
            self.base, prompts, self.checks, limits.max_tokens, 1 + limits.tries, limits.seed
        )
        keeps_clear = make_test(tighten_checks(self.checks))
        brief: dict[Correctable, str] = {}
        for a in asked:
            left = [
                text for text in sampled[a.prompt] if not self.find_answer_fault(a.prompt, text)
            ]
            left.sort(key=keeps_clear, reverse=True)
            if text := next((text for text in left if text not in brief.values()), ""):
                brief[a] = text
        others = [get_user_text(p) for p in prompts[:: max(len(prompts) // NUM_OTHERS, 1)]]
        pairs = [(a.prompt, text) for a, text in brief.items()]
        strays = find_stray_answers(self.base, pairs, others[:NUM_OTHERS])
        found = {}
        for (a, text), is_stray in zip(brief.items(), strays, strict=True):
            if not is_stray:
                asked_again = replace(a, feedback=self.feedback)
                found[a.id] = Revision(asked_again, text, strategy="brief")
        return found

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
        parts = [replace(a, answer=quote, feedback=self.feedback, cut=False) for a, quote in quoted]
        revised = zip(quoted, self._revise_each(parts, checks), strict=True)
        found: dict[str, Revision] = {}
        # the last part first: what stands before a part is then still as it was
        for (a, quote), part in sorted(revised, key=_find_place, reverse=True):
            before = found.get(a.id, Revision(replace(a, feedback=self.feedback), a.answer))
            found[a.id] = insert_part(before, quote, part)
        return found

    def _revise_each(self, parts: Sequence[Correctable], checks: Sequence[str]) -> list[Revision]:
        """Return a revision of each part: the smallest one, or else the writer's."""
        found: dict[str, Revision] = {}
        for part in parts:
            text = self._revise_minimally(part, checks)
            if text not in ("", part.answer):
                found[part.id] = Revision(part, text, strategy="smallest")
        left = [part for part in parts if part.id not in found]
        written = self._judge_revisions(self.writer.correct(left), are_parts=True) if left else []
        found |= {revision.asked.id: revision for revision in written}
        return [found[part.id] for part in parts]

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
        nothing is left. Where the length is limited, the first sentences go if they say nothing.
        """
        cut = answered.cut and self.has_length_limit
        answer = trim_to_sentence(answered.answer) if cut else answered.answer
        if self.has_length_limit:
            answer = leave_out_opening(get_user_text(answered.prompt), answer)
        for wanted in dict.fromkeys((tuple(checks), self.checks)):
            keeps = [parse_check(check).keeps for check in wanted]
            for parts in (False, True):
                text = find_smallest_revision(answer, keeps, parts) if keeps else None
                if text is not None and not self.find_answer_fault(answered.prompt, text):
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
        if self.has_teacher:
            return {}
        found = {}
        samples = self._answer_again(answers.values())
        for (id, a), completions in zip(answers.items(), samples, strict=True):
            texts: dict[str, bool] = {}
            for completion in completions:
                cut = completion.finish == "length"
                if self.checks:
                    other = replace(a, answer=completion.text, cut=cut)
                    text = self._revise_minimally(other, checks)
                    texts[text] = cut and ends_alike(text, completion.text)
                else:
                    texts[completion.text] = cut
            sound = [
                replace(a, answer=text, cut=False)
                for text in texts
                if not self.find_answer_fault(a.prompt, text)
            ]
            flags = self.broken(sound)
            good = [other.answer for other, bad in zip(sound, flags, strict=True) if not bad]
            if good:
                best = min(good, key=partial(edit_distance, a.answer))
                found[id] = Revision(a, best, strategy="own", is_truncated=texts[best])
        return found

    def _answer_again(self, answers: Iterable[Correctable]) -> list[list[Completion]]:
        """Return other answers of the model to each prompt."""
        tries = self.limits.tries
        sampling = SamplingParams(0.8, 0.95, self.limits.max_tokens)
        prompts = [
            a.prompt if self.checks else append_words(a.prompt, self.feedback) for a in answers
        ]
        requests = [
            Request("revise own", prompt, sampling, k, self.limits.seed)
            for prompt in prompts
            for k in range(tries)
        ]
        sampled = self.base.sample(requests)
        return [sampled[i : i + tries] for i in range(0, len(sampled), tries)]

    def _judge_revisions(
        self, revisions: Sequence[Revision], *, are_parts: bool = False
    ) -> list[Revision]:
        """Return a teacher's revisions, with a fault where they do not meet the criticism, or make
        no sense.

        Args:
            are_parts: whether they are of parts of answers. A part may be short, and one that
                stays as it is does not meet the criticism.
        """
        good = [r for r in revisions if not r.fault]
        flags = self.broken([replace(r.asked, answer=r.text, cut=False) for r in good])
        gibberish = find_gibberish(self.base, good, self.limits.min_token_logp)
        judged = []
        for r, applies, odd in zip(good, flags, gibberish, strict=True):
            fault = "" if are_parts else self.find_answer_fault(r.asked.prompt, r.text)
            if applies or (are_parts and r.unchanged):
                fault = NOT_MET
            judged.append(replace(r, fault=fault or ("makes no sense" if odd else "")))
        rest = iter(judged)
        return [r if r.fault else next(rest) for r in revisions]


def _find_place(revised: tuple[tuple[Correctable, str], Revision]) -> int:
    """Return where the quoted part of an answer begins."""
    (a, quote), _ = revised
    return next((start for start, _ in find_quoted_places(quote, a.answer)), -1)


def insert_part(before: Revision, quote: str, part: Revision) -> Revision:
    """Return the revision of a whole answer with the revision of one of its parts in the place
    where the answer has it. Parts behind that place may be revised already, none before it.
    """
    start, end = next(iter(find_quoted_places(quote, before.asked.answer)), (0, 0))
    is_there = bool(quote) and before.text[start:end] == quote
    joined = before.text[:start] + part.text + before.text[end:] if is_there else before.text
    fault = before.fault or part.fault or find_text_fault(joined)
    if not is_there:
        fault = fault or "another revision changed the quoted words"
    return replace(part, asked=before.asked, text=joined, fault=fault)


def ends_alike(text: str, other: str) -> bool:
    """Return whether two texts end with the same word and the same marks."""
    return text.split()[-1:] == other.split()[-1:]


def find_text_fault(text: str) -> str:
    """Return why a text cannot be an answer: it has too few words, or it loops; else ""."""
    if len(split_words(text)) < MIN_WORDS:
        return "too short"
    return "loops" if is_looping(text) else ""


def find_gibberish(base: Recorded, revisions: Sequence[Revision], least: float) -> list[bool]:
    """Return whether the base finds each revision too unlikely, by the mean over its tokens, or
    cannot score it.

    Args:
        least: nats.
    """
    items = [Continuations(r.asked.prompt, (r.text,), end=True) for r in revisions]
    scores = score_in_order(base, items)
    return [not score or score[0].token_logp < least for score in scores]
