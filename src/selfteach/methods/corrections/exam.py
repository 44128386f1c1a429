"""The exam of corrections: how much does the teacher change of new answers?

distance       share of words that the teacher changes
corrected      share of answers that it changes
repeated       share of answers with an error that the corrections remove
met            share of answers that meet the criticism of their prompt
met_by_way     the same of greedy answers and of sampled ones
met_gain       met, tuned minus base and tuned minus prompted, paired by prompt
amount_nats    log P(answer) - log P(its correction)
reduction      need for correction of base and prompted base minus that of the tuned model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from selfteach import statistics
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.corrections import (
    CorrectAnswers,
    RevisionsByWay,
    average_by_prompt,
    correct_answers,
    find_displaced,
    find_errors,
    find_met,
    find_repeats,
    make_evidence,
    measure_amounts,
    measure_distances,
    measure_fall,
)
from selfteach.evaluate.exam import (
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamSession,
    ExamState,
    TunedModel,
    make_arms,
    measure_drift,
)
from selfteach.evaluate.gains import measure_gains
from selfteach.evaluate.held_out_corrections import (
    HeldOutAmounts,
    HeldOutCorrection,
    measure_held_out_amounts,
)
from selfteach.evaluate.recorded_exam import ExamSetup, Grading, PromptsByScope, read_prompt
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.side_effects import mark_intact
from selfteach.evaluate.verdict import MAX_DEGRADED, Evidence, sort_harms
from selfteach.generate.correct import Corrector, Revision
from selfteach.judge.contrast import to_messages
from selfteach.methods.corrections.length_limits import get_max_correction_tokens
from selfteach.methods.corrections.make_examples import list_corrected, list_edits
from selfteach.methods.corrections.recorded_teachers import describe_teachers, read_teachers
from selfteach.methods.corrections.sample_and_correct import (
    FileRow,
    make_file_teacher,
    route_by_prompt,
    to_correctables,
)
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.learn_mistakes import OWN_MISTAKE
from selfteach.methods.session import Session
from selfteach.methods.worked_turns import fit_worked_turns
from selfteach.records import (
    Completion,
    Example,
    JsonMapping,
    JsonObject,
    Measure,
    Turns,
    add_worked_turns,
    digest,
    get_user_text,
    prompt_to_json,
)
from selfteach.train.edit_mask import mark_replaced_tokens

Revisions = list[Revision]
"""A teacher's revisions of answers, in the order of the questions."""
UNIT = (0.0, 1.0)
MEASURED_BY_ARM = (
    "distance",
    "corrected",
    "repeated",
    "amount_nats",
    "length_tokens",
    "met",
    "met_by_way",
)


@dataclass(frozen=True)
class CorrectionScores:
    """Hold the teacher's revisions of the target answers, by arm."""

    greedy: Mapping[str, Revisions]
    sampled: Mapping[str, Revisions]

    def both(self) -> dict[str, RevisionsByWay]:
        """Return the revisions of greedy answers and of sampled ones, by arm."""
        return {arm: (own, self.sampled[arm]) for arm, own in self.greedy.items()}


@dataclass(frozen=True)
class CorrectionScorer:
    """Score answers by how much the teacher changes of them.

    Attributes:
        prompts: the target questions, with their earlier turns.
        general: the questions about anything else.
        criticised: the target questions that were written for a criticism.
        held: a person's corrections of held-out answers, where nobody corrects new ones.
        known: the errors that the corrections of the training remove.
        taught: the number of corrections to learn from.
    """

    prompts: Sequence[Turns]
    correct: CorrectAnswers
    general: Sequence[Turns] = ()
    criticised: Set[Turns] = frozenset()
    held: Sequence[HeldOutCorrection] = ()
    known: set[str] = field(default_factory=set)
    taught: int = 0

    def score(self, answers: ArmAnswers) -> CorrectionScores:
        """Let the teacher correct greedy and sampled answers of every arm."""
        return CorrectionScores(
            greedy={arm: self.revise(own.greedy) for arm, own in answers.items()},
            sampled={arm: self.revise(own.sampled) for arm, own in answers.items()},
        )

    def revise(self, answers: Sequence[Completion]) -> Revisions:
        """Return the teacher's revisions of answers to the target questions."""
        return correct_answers(self.correct, to_correctables(self.prompts, answers))

    def measure(self, state: ExamState) -> JsonObject:
        """Return how much the teacher changes of each arm's answers, with 95 % intervals by
        prompt.
        """
        scores: CorrectionScores = state.scores
        seed = state.seed
        found: dict[str, JsonObject] = {key: {} for key in MEASURED_BY_ARM}
        met_by_arm = {}
        for arm, greedy in scores.greedy.items():
            sampled = scores.sampled[arm]
            own = state.arms[arm]
            answers = state.answers[TARGET][arm]
            amounts = measure_amounts(own.model, own.prompts[TARGET], greedy)
            lengths = [answer.tokens for answer in answers.sampled]
            found["distance"][arm] = describe_distances(greedy, sampled, seed)
            found["corrected"][arm] = statistics.share([not r.unchanged for r in greedy])
            found["amount_nats"][arm] = statistics.mean(amounts, seed=seed)
            found["length_tokens"][arm] = statistics.mean(lengths, seed=seed)
            if self.known:
                ways = (answers.greedy, answers.sampled)
                repeats = average_by_prompt(find_repeats(way, self.known) for way in ways)
                found["repeated"][arm] = statistics.mean(repeats, seed=seed, limits=UNIT)
            met = average_by_prompt(find_met(way, self.criticised) for way in (greedy, sampled))
            if met:
                met_by_arm[arm] = met
                found["met"][arm] = statistics.mean(met, seed=seed, limits=UNIT)
                found["met_by_way"][arm] = describe_met(greedy, sampled, self.criticised)
        held = self.measure_held_out(state.arms)
        return {
            **found,
            "met_gain": measure_gains(met_by_arm, seed),
            **held.measures(seed),
            "reduction": measure_fall(scores.both(), seed),
            "held_out_reduction": held.gains(seed),
        }

    def measure_held_out(self, arms: Mapping[str, Arm]) -> HeldOutAmounts:
        """Return the amount of correction of the held-out corrections, by arm."""
        found = {}
        for name, arm in arms.items():
            seen = dict(zip(self.prompts, arm.prompts[TARGET], strict=True))
            prompts = [seen[pair.prompt] for pair in self.held]
            found[name] = measure_held_out_amounts(arm.model, prompts, self.held)
        return HeldOutAmounts(found, [pair.prompt for pair in self.held])

    def measure_noise(self, again: Answers, state: ExamState) -> dict[str, Measure]:
        """Compare the distances of two samples of the base."""
        second = measure_distances(self.revise(again.sampled))
        first = measure_distances(state.scores.sampled["base"])
        return {"distance": statistics.paired_bootstrap(second, first, seed=state.seed)}

    def make_evidence(self, state: ExamState) -> Evidence:
        """Return the gain on held-out corrections, where there are enough, else on new answers."""
        on_held_out = self.measure_held_out(state.arms).evidence(state.seed)
        evidence = on_held_out or make_evidence(state.scores.both(), state.seed, self.criticised)
        not_trained = f"{self.taught} corrections were found to learn from"
        effects = state.side_effects
        found = (find_broken_answers(state.answers[TARGET]), effects.find_harm("tuned"))
        objection, undecided = (" and ".join(filter(None, own)) for own in zip(*found, strict=True))
        others = f"; {effects.count_intact('tuned')} other answers are not degraded"
        return replace(
            evidence,
            not_trained=not_trained,
            objection=objection,
            undecided=undecided,
            prompt_objection=effects.find_harm("prompted")[0],
            closing=evidence.closing + (others if effects.intact else ""),
        )

    def rows(self, state: ExamState) -> list[JsonObject]:
        """Return each target question with every arm's answers and their corrections."""
        scores: CorrectionScores = state.scores
        rows = []
        for i, prompt in enumerate(self.prompts):
            cells = {}
            for arm in scores.greedy:
                greedy = scores.greedy[arm][i]
                sampled = scores.sampled[arm][i]
                cells[arm] = {
                    "greedy": greedy.asked.answer,
                    "ok": greedy.unchanged,
                    "correction": greedy.text,
                    "sampled": sampled.asked.answer,
                    "sampled_ok": sampled.unchanged,
                    "sampled_correction": sampled.text,
                }
            row = {"scope": TARGET, "prompt": get_user_text(prompt), "arms": cells}
            if len(prompt) > 1:
                row["conversation"] = digest(prompt_to_json(prompt))
            rows.append(row)
        return rows

    def measure_displaced(self, state: ExamState) -> JsonObject:
        """Measure the share of corrections that training made less likely, of those of the base's
        own answers.
        """
        if state.tuned is None:
            return {}
        taught = state.arms["tuned"].model
        flags = find_displaced(state.arms["base"].model, taught, state.scores.greedy["base"])
        return {"displaced": statistics.share(flags)}

    def measure_drift(self, state: ExamState) -> JsonObject:
        """Measure the drift on general answers. Leave out the tokens that the teacher would change
        there too, because training is meant to change them.
        """
        answers = state.answers[GENERAL]
        if state.tuned is None or not answers["base"].questions:
            return {}
        changed = self.find_objections(state)
        found = measure_drift(state.session, state.tuned, answers, changed)
        found["left_out"] = sum(map(sum, changed))
        if any(map(any, changed)):
            found["with_left_out"] = measure_drift(state.session, state.tuned, answers)
        return {"drift": found}

    def find_objections(self, state: ExamState) -> list[list[bool]]:
        """Return for each general answer of the base the tokens that the teacher would change."""
        answers = to_correctables(self.general, state.answers[GENERAL]["base"].greedy)
        revisions = correct_answers(self.correct, answers)
        return [find_changed_tokens(state.session, revision) for revision in revisions]


def describe_distances(greedy: Revisions, sampled: Revisions, seed: int) -> dict[str, Measure]:
    """Return the mean distance of greedy and of sampled answers to their corrections."""
    return {
        name: statistics.mean(measure_distances(revisions), seed=seed, limits=UNIT)
        for name, revisions in (("greedy", greedy), ("sampled", sampled))
    }


def describe_met(
    greedy: Revisions, sampled: Revisions, criticised: Set[Turns]
) -> dict[str, Measure]:
    """Return the share of greedy and of sampled answers that meet the criticism of their prompt."""
    return {
        name: statistics.share(find_met(revisions, criticised))
        for name, revisions in (("greedy", greedy), ("sampled", sampled))
    }


def build_exam(
    session: Session,
    parts: CorrectionParts,
    rows: Sequence[FileRow],
    teacher: Corrector | None,
    examples: Sequence[Example],
    *,
    held: Sequence[HeldOutCorrection],
    shots: Turns,
    header: JsonMapping,
) -> Exam:
    """Build the exam of corrections from the test prompts.

    Args:
        held: a person's corrections of held-out answers, where nobody corrects new ones.
        shots: the worked turns of the prompted arm.
        header: the keys of exam.json about the material.
    """
    questions = {TARGET: parts.get_test_prompts(), GENERAL: parts.general["test"]}
    worked = list_corrected(examples)
    scorer = CorrectionScorer(
        prompts=questions[TARGET],
        correct=route_by_prompt(parts, teacher.correct if teacher else make_file_teacher(rows)),
        general=questions[GENERAL],
        criticised=parts.get_criticised_test_prompts(),
        held=held,
        known=find_errors(list_edits(examples)),
        taught=len(worked),
    )
    return Exam(
        questions=questions,
        arms=partial(make_arms, session, questions, partial(add_worked_turns, shots)),
        scorer=scorer,
        taught_texts=[correction for _, correction in worked],
        header=header,
        measurements=[
            scorer.measure_displaced,
            scorer.measure_drift,
            lambda state: {"rounds": session.run.ledger.get_note("rounds") or []},
        ],
        describe_grading=partial(describe_grading, scorer, parts, rows, teacher),
    )


def describe_grading(
    scorer: CorrectionScorer,
    parts: CorrectionParts,
    rows: Sequence[FileRow],
    teacher: Corrector | None,
) -> JsonObject | None:
    """Return what `read_grading` makes the grading from."""
    asked = [*scorer.prompts, *scorer.general]
    teachers = describe_teachers(asked, parts, rows, teacher)
    held = [asdict(pair) | {"prompt": prompt_to_json(pair.prompt)} for pair in scorer.held]
    return teachers and {
        "teachers": teachers,
        "criticised": [place for place, p in enumerate(scorer.prompts) if p in scorer.criticised],
        "held": held,
        "known": sorted(scorer.known),
        "taught": scorer.taught,
    }


def read_grading(record: JsonMapping, questions: PromptsByScope, sitting: ExamSetup) -> Grading:
    """Return how answers are graded, from the record of a run."""
    prompts = [to_messages(prompt) for prompt in questions[TARGET]]
    held = []
    for pair in record["held"]:
        prompt = to_messages(read_prompt(pair["prompt"]))
        held.append(HeldOutCorrection(**{**pair, "prompt": prompt}))
    scorer = CorrectionScorer(
        prompts,
        read_teachers(record["teachers"], sitting),
        [to_messages(prompt) for prompt in questions[GENERAL]],
        frozenset(prompts[place] for place in record["criticised"]),
        held,
        set(map(str, record["known"])),
        int(record["taught"]),
    )
    return Grading(scorer, scorer.measure_drift, [scorer.measure_displaced])


def find_held_out(rows: Sequence[FileRow], tested: Set[Turns]) -> list[HeldOutCorrection]:
    """Return the corrections of the file for tested prompts; the exam scores them where nobody
    corrects new answers.
    """
    found = []
    for row in rows:
        answered = row.answered
        answer = answered.answer.strip()
        if answered.prompt in tested and answer and answer != row.correction.strip():
            pair = HeldOutCorrection(answered.prompt, answered.answer, row.correction, answered.cut)
            found.append(pair)
    return found


def choose_shots(
    session: Session,
    examples: Sequence[Example],
    prompts: Sequence[Turns],
    held: Sequence[HeldOutCorrection],
) -> Turns:
    """Return corrections as worked turns: as many as leave room for every question, its answers and
    the end of the turn. None is of a tuned model's answer, which the base knows nothing of.
    """
    model = session.model
    texts = [text for pair in held for text in (pair.answer, pair.correction)]
    lengths = [len(model.encode_answer(text)) for text in texts]
    needed = max([get_max_correction_tokens(session), *lengths])

    def fits(turns: Turns) -> bool:
        shown = [add_worked_turns(turns, prompt) for prompt in prompts]
        return all(model.room_tokens(prompt) > needed for prompt in shown)

    shown = [example for example in examples if example.kind != OWN_MISTAKE]
    return fit_worked_turns(list_corrected(shown), session.config.exam.shots, fits)


def find_broken_answers(answers: ArmAnswers) -> tuple[str, str]:
    """Return that the tuned model's new answers loop or are empty, where more than MAX_DEGRADED of
    them do beyond the base's: what speaks against it, and what too few prompts leave open.
    """
    if "tuned" not in answers:
        return "", ""
    base = answers["base"].greedy
    before, _ = mark_intact(base, base, OverlapIndex())
    after, _ = mark_intact(answers["tuned"].greedy, base, OverlapIndex())
    broken = statistics.compare_shares(before, after)
    certain, uncertain = sort_harms([("new answers loop or are empty", broken)], MAX_DEGRADED)
    return " ".join(certain), " ".join(uncertain)


def find_changed_tokens(session: ExamSession, revision: Revision) -> list[bool]:
    """Return for each token of an answer whether the revision replaces or removes it; nothing where
    no token is changed.
    """
    if revision.fault or revision.unchanged:
        return []
    answer = session.model.encode_answer(revision.asked.answer)
    text = session.model.encode_answer(revision.text)
    return list(mark_replaced_tokens(text, answer))


def examine_longer(session: Session, exam: Exam, tuned: TunedModel) -> JsonObject:
    """Return the numbers of an adapter that was trained for `exam.longer` times the steps, as
    exam.json holds those of the tuned model. Repeated texts do not count as side effects.
    """
    found = replace(exam, taught_texts=()).run(session, tuned)
    return {
        "steps": tuned.trained.steps,
        "reduction": found["reduction"]["base"],
        # without general prompts the exam has no numbers of them
        **{key: found[key]["tuned"] for key in ("distance", "general", "sanity") if key in found},
        **{key: found[key] for key in ("displaced", "drift") if key in found},
    }
