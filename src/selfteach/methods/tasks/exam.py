"""The exam of tasks (step 8): are answers to held-out tasks closer to the answers of people?

rouge_l, rouge_1, rouge_2, bleu, token_f1
             a new answer against the answers that people gave
rouge_l_mean of all questions, greedy and sampled answers averaged
exact, labels
             of classifications: the share of right labels; precision, recall and F1 of each
loss_nats    nats a token of the person's answer
pairwise, against_prompted
             win rates, by a calibrated judge that sees both orders (pairwise_exam.py)
retention    what the model still knows of what everybody knows

The arms are the base, the base with worked tasks in its prompt, and the tuned model. The verdict
rests on `rouge_l_mean`. Questions of one task depend on each other: their intervals are clustered.

Departs: ROUGE compares words of every script here (`split_words`), where rouge_score finds none
outside a-z and 0-9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress

from selfteach import statistics
from selfteach.evaluate.exam import (
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamState,
    make_arms,
    measure_general_drift,
)
from selfteach.evaluate.gains import measure_gains
from selfteach.evaluate.metrics import best_over, best_rouge, bleu_with_interval, report_labels
from selfteach.evaluate.recorded_exam import ExamSetup, Grading, PromptsByScope
from selfteach.evaluate.retention import is_retained, make_choices, measure_retention
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.verdict import Evidence
from selfteach.judge.contrast import to_messages
from selfteach.materials.tasks import Task
from selfteach.methods.session import Session
from selfteach.methods.tasks.exam_questions import TaskQuestion, has_room, list_worked
from selfteach.methods.tasks.pairwise_exam import measure_contests
from selfteach.methods.worked_turns import fit_worked_turns
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    JsonMapping,
    JsonObject,
    LogProb,
    Measure,
    Turns,
    add_worked_turns,
)
from selfteach.report.rows import PART_LABELS

METRIC_KEYS = (
    "rouge_l",
    "rouge_1",
    "rouge_2",
    "bleu",
    "token_f1",
    "exact",
    "labels",
    "loss_nats",
)


@dataclass(frozen=True)
class TaskScores:
    """Hold ROUGE-L of the target answers to the closest answer of people.

    The lists are by arm, in the order of the questions.
    """

    greedy: Mapping[str, list[float]]
    sampled: Mapping[str, list[float]]

    def average(self, arm: str) -> list[float]:
        """Return one number for each question, as its two answers are not independent."""
        pairs = zip(self.greedy[arm], self.sampled[arm], strict=True)
        return [(greedy + sampled) / 2 for greedy, sampled in pairs]

    def show(self, arm: str) -> str:
        """Return the mean over the questions, as text."""
        values = self.average(arm)
        return f"{sum(values) / max(len(values), 1):.2f}"


@dataclass(frozen=True)
class TaskScorer:
    """Score answers by the answers of people.

    Attributes:
        questions: in the order of the answers.
        num_examples: how many examples there were to learn from.
    """

    questions: Sequence[TaskQuestion]
    num_examples: int

    @property
    def task_ids(self) -> list[str]:
        """The id of the task of each question."""
        return [own.task for own in self.questions]

    def score(self, answers: ArmAnswers) -> TaskScores:
        """Return ROUGE-L of greedy and sampled answers of every arm."""
        greedy = {arm: self.score_rouge(own.greedy) for arm, own in answers.items()}
        sampled = {arm: self.score_rouge(own.sampled) for arm, own in answers.items()}
        return TaskScores(greedy, sampled)

    def score_rouge(self, completions: Sequence[Completion]) -> list[float]:
        """Return ROUGE-L of one answer to each question."""
        rows = zip(self.questions, completions, strict=True)
        return [best_rouge(completion.text, own.golds) for own, completion in rows]

    def measure(self, state: ExamState) -> JsonObject:
        """Return every metric by part of the questions and arm: `["rouge_l"]["seed"]["tuned"]`;
        `rouge_l_mean`, which the verdict compares, by arm alone.
        """
        found: JsonObject = {key: {} for key in METRIC_KEYS}
        golds = {name: self.score_golds(arm) for name, arm in state.arms.items()}
        for part in dict.fromkeys(own.part for own in self.questions):
            places = [i for i, own in enumerate(self.questions) if own.part == part]
            for arm, own in state.answers[TARGET].items():
                measured = self.measure_answers(places, arm, own, state)
                losses = [golds[arm][i] for i in places]
                tasks = [self.questions[i].task for i in places]
                measured["loss_nats"] = measure_loss(losses, tasks, state.seed)
                for key, value in measured.items():
                    found[key].setdefault(part, {})[arm] = value
        scores: TaskScores = state.scores
        found["rouge_l_mean"] = {
            arm: measure_mean(scores.average(arm), self.task_ids, state.seed)
            for arm in scores.greedy
        }
        return {**found, "gain": self.measure_gains(state)}

    def measure_gains(self, state: ExamState) -> dict[str, dict[str, Measure]]:
        """Return by part the ROUGE-L of the tuned model minus that of each other arm, paired by
        question, greedy and sampled answers averaged; nothing if nothing was trained.
        """
        scores: TaskScores = state.scores
        if "tuned" not in scores.greedy:
            return {}
        averages = {arm: scores.average(arm) for arm in scores.greedy}
        found = {}
        for part in dict.fromkeys(own.part for own in self.questions):
            is_own = [own.part == part for own in self.questions]
            of_part = {arm: list(compress(own, is_own)) for arm, own in averages.items()}
            tasks = list(compress(self.task_ids, is_own))
            found[part] = measure_gains(of_part, state.seed, tasks)
        return found

    def score_golds(self, arm: Arm) -> list[LogProb]:
        """Return log-probabilities of the people's first answers, after an arm's prompts."""
        rows = zip(arm.prompts[TARGET], self.questions, strict=True)
        items = [Continuations(prompt, own.golds[:1], end=True) for prompt, own in rows]
        return [scores[0] for scores in arm.model.score(items)]

    def measure_answers(
        self, places: Sequence[int], arm: str, answers: Answers, state: ExamState
    ) -> JsonObject:
        """Return the metrics of one arm's answers to some questions; the keys are among
        METRIC_KEYS.
        """
        seed = state.seed
        scores: TaskScores = state.scores
        tasks = [self.questions[i].task for i in places]
        golds = [self.questions[i].golds for i in places]
        texts = [answers.greedy[i].text for i in places]
        pairs = list(zip(golds, texts, strict=True))
        greedy = [scores.greedy[arm][i] for i in places]
        sampled = [scores.sampled[arm][i] for i in places]
        found: JsonObject = {
            "rouge_l": {
                "greedy": measure_mean(greedy, tasks, seed),
                "sampled": measure_mean(sampled, tasks, seed),
            },
            "bleu": bleu_with_interval(texts, golds, seed, tasks),
            "token_f1": measure_mean([best_over(gold, text) for gold, text in pairs], tasks, seed),
        }
        for key in ("rouge_1", "rouge_2"):
            kind = key.replace("_", "")
            values = [best_rouge(text, gold, kind) for gold, text in pairs]
            found[key] = measure_mean(values, tasks, seed)
        is_labelled = [self.questions[place].classification for place in places]
        labelled = list(compress(pairs, is_labelled))
        if labelled:
            right = [best_over(gold, text, "exact") > 0 for gold, text in labelled]
            found["exact"] = statistics.share(right, list(compress(tasks, is_labelled)), seed=seed)
            found["labels"] = report_labels(labelled)
        return found

    def measure_noise(self, again: Answers, state: ExamState) -> dict[str, Measure]:
        """Compare ROUGE-L of two samples of the base."""
        second = self.score_rouge(again.sampled)
        first = state.scores.sampled["base"]
        noise = statistics.clustered_bootstrap(second, first, self.task_ids, seed=state.seed)
        return {"rouge_l": noise}

    def make_evidence(self, state: ExamState) -> Evidence:
        """Return the gain in ROUGE-L over base and prompted base, and what is degraded."""
        scores: TaskScores = state.scores
        start = f"{self.num_examples} usable examples; the base has ROUGE-L {scores.show('base')}"
        if "tuned" not in scores.greedy:
            return Evidence(None, None, start, "", could_not_train=not self.num_examples)
        before, after, prompted = (scores.show(arm) for arm in ("base", "tuned", "prompted"))
        change = (
            f"ROUGE-L to people's answers is {before} before and {after} after, "
            f"{describe_gains(self.measure_gains(state))}"
        )
        taught = scores.average("tuned")
        compare = partial(
            statistics.clustered_bootstrap, taught, clusters=self.task_ids, seed=state.seed
        )
        degraded, undecided = state.side_effects.find_harm("tuned")
        return Evidence(
            gain=replace(compare(scores.average("base")), n=len(set(self.task_ids))),
            over_prompt=compare(scores.average("prompted")),
            start=start,
            change=change,
            prompted=f"{change}; with worked tasks in the prompt it is {prompted}",
            objection=degraded or find_forgetting(state),
            prompt_objection=state.side_effects.find_harm("prompted")[0],
            undecided=undecided,
            closing=f" ({prompted} with worked tasks in the prompt)",
            counted="task",
        )

    def rows(self, state: ExamState) -> list[JsonObject]:
        """Return each question with every arm's answers.

        An answer is marked as broken where it is further from a person's than the base's, and as
        nearer where it is nearer. `golds` has every right answer where there are several. `task`
        and ROUGE-L are what a comparison of two runs needs.
        """
        scores: TaskScores = state.scores
        rows = []
        for i, question in enumerate(self.questions):
            cells: JsonObject = {}
            for arm, own in state.answers[TARGET].items():
                change = scores.greedy[arm][i] - scores.greedy["base"][i]
                cells[arm] = {
                    "greedy": own.greedy[i].text,
                    "sampled": own.sampled[i].text,
                    "ok": change >= 0,
                    "nearer": change > 0,
                    "rouge_l": scores.greedy[arm][i],
                    "sampled_rouge_l": scores.sampled[arm][i],
                }
            row = {"scope": TARGET, "part": question.part, "prompt": question.prompt[-1].content}
            others = {"golds": list(question.golds)} if len(question.golds) > 1 else {}
            gold = {"gold": question.golds[0], **others}
            rows.append({**row, "task": question.task, **gold, "arms": cells})
        return rows


def describe_gains(gains: Mapping[str, Mapping[str, Measure]]) -> str:
    """Return the gain over the base in each part, with its interval, as text."""
    parts = []
    for part, by_arm in gains.items():
        gain = by_arm["base"]
        name = PART_LABELS.get(part, part)
        parts.append(f"on {name} {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")
    return " and ".join(parts)


def measure_mean(values: Sequence[float], tasks: Sequence[str], seed: int) -> Measure:
    """Return the mean of numbers in [0, 1] with its interval, clustered by task."""
    return statistics.mean(values, tasks, seed=seed, limits=(0.0, 1.0))


def measure_loss(golds: Sequence[LogProb], tasks: Sequence[str], seed: int) -> Measure:
    """Return the loss of the people's answers, in nats a token; its interval is that of tasks."""
    nats = [-gold.logp for gold in golds]
    tokens = [gold.tokens for gold in golds]
    if len(set(tasks)) < 2:  # one task tells nothing of the spread between tasks
        return statistics.ratio(nats, tokens, seed=seed)
    return replace(statistics.clustered_ratio(nats, tokens, tasks, seed=seed), n=len(golds))


def find_forgetting(state: ExamState) -> str:
    """Return the loss of what everybody knows, if it speaks against the tuned model, or ""."""
    change: Measure | None = state.found.get("retention", {}).get("change")
    if change is None or is_retained(change):
        return ""
    value, low, high = (100 * number for number in (change.value, change.low, change.high))
    return f"what everybody knows changes by {value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def examine_retention(choices: Sequence[Continuations], state: ExamState) -> JsonObject:
    """Measure what the base and the tuned model know of what everybody knows."""
    session = state.session
    session.display.start_stage("retention")
    models = {"base": session.base}
    if state.tuned:
        models["tuned"] = state.tuned.recorded
    return {"retention": measure_retention(models, state.seed, choices)}


def build_exam(
    session: Session,
    held_out: Sequence[TaskQuestion],
    known: Sequence[Task],
    general: Sequence[Turns],
    examples: Sequence[Example],
    shots: Turns,
    material: str,
) -> Exam:
    """Build the exam of held-out tasks.

    Args:
        held_out: inputs of tasks of people that nothing was chosen on.
        known: tasks of people that may be shown; judges are calibrated on them.
        general: prompts that no example is about.
        examples: what is learned.
        shots: the worked turns of the prompted arm.
        material: a line on what was brought and invented.
    """
    questions = {TARGET: [own.prompt for own in held_out], GENERAL: general}
    num_examples = sum(example.role == "learn" for example in examples)
    scorer = TaskScorer(held_out, num_examples)
    choices = make_choices()
    return Exam(
        questions=questions,
        arms=partial(make_arms, session, questions, partial(add_worked_turns, shots)),
        scorer=scorer,
        header={"method": "tasks", "material": material},
        measurements=[
            partial(measure_contests, session, held_out, known),
            partial(examine_retention, choices),
            measure_general_drift,
        ],
        describe_grading=partial(describe_grading, scorer, choices),
    )


def describe_grading(scorer: TaskScorer, choices: Sequence[Continuations]) -> JsonObject:
    """Return what `read_grading` makes the grading from."""
    questions = []
    for own in scorer.questions:
        row = {"part": own.part, "task": own.task, "golds": own.golds}
        questions.append({**row, "classification": own.classification})
    return {
        "questions": questions,
        "num_examples": scorer.num_examples,
        "choices": [[item.prompt, item.texts] for item in choices],
    }


def read_grading(record: JsonMapping, questions: PromptsByScope, sitting: ExamSetup) -> Grading:
    """Return how answers are graded, from the record of a run. No judge compares two answers, since
    the verdict does not rest on it.

    An older record names no tasks: each of its questions is one.
    """
    asked = []
    rows = zip(questions[TARGET], record["questions"], strict=True)
    for place, (prompt, own) in enumerate(rows):
        task = str(own.get("task", place))
        golds = tuple(map(str, own["golds"]))
        labelled = bool(own["classification"])
        asked.append(TaskQuestion(own["part"], task, to_messages(prompt), golds, labelled))
    choices = [Continuations(str(prompt), tuple(texts)) for prompt, texts in record["choices"]]
    scorer = TaskScorer(asked, int(record["num_examples"]))
    return Grading(scorer, measure_general_drift, [partial(examine_retention, choices)])


def choose_shots(
    session: Session, examples: Sequence[Example], questions: Sequence[TaskQuestion]
) -> Turns:
    """Return as many worked tasks as leave room for every question, at most `exam.shots`."""

    def fits(worked: Turns) -> bool:
        return all(has_room(session, (*worked, *own.prompt), own) for own in questions)

    return fit_worked_turns(list_worked(examples), session.config.exam.shots, fits)
