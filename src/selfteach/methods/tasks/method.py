"""Tasks: from a few worked tasks the model invents thousands, and learns to follow instructions.

  1  read: the seeds are split at once, like with like: some are shown and learned, the others are
     for the exam alone
  2  invent: the model continues a list of 6 tasks of people and 2 of its own (or works as in
     Alpaca, or in Magpie) (`invent`)
  3  filter: form, blacklist, ROUGE-L to every seed and every kept task; each refusal has its reason
  4  classify: is the output one of a few labels? (`invent`)
  5  instances: for a classification output first, else input first; filtered too (`instances`)
  6  inspect: how near to the seeds, how diverse, how long; pages to read
  7  train: supervised, one template sampled for each example, the answer alone in the loss; the
     base's own answers hold it in place
  8  exam: base, worked tasks in the prompt, tuned, on held-out seeds and on tasks of people
     (--test) (`exam_questions`, `pairwise_exam`, `exam`)

Source: Self-Instruct (arXiv 2212.10560); Alpaca; Magpie (arXiv 2406.08464).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from selfteach.config import TasksConfig as Settings
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.materials.tasks import Task, Tasks
from selfteach.materials.templates import get_templates, sample_template
from selfteach.methods.anchors import make_anchors
from selfteach.methods.lora_rate import lower_lora_rate
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.session import Session
from selfteach.methods.tasks.exam import build_exam, choose_shots, read_grading
from selfteach.methods.tasks.exam_questions import make_questions, make_row
from selfteach.methods.tasks.instances import KeptTask, describe_similarity
from selfteach.methods.tasks.invent import invent_tasks
from selfteach.methods.tasks.plan_work import PLAN
from selfteach.methods.write_prompts import make_novelty_check, write_general_prompts
from selfteach.records import (
    GREEDY,
    Completion,
    Example,
    JsonMapping,
    JsonObject,
    Prompt,
    Turns,
    add_worked_turns,
    digest,
    get_user_text,
    make_prompt,
)
from selfteach.select.clusters import split_prompts
from selfteach.select.inspection import inspect_tasks
from selfteach.select.task_groups import ExamTexts, group_tasks, list_inputs

OBJECTIVE_WEIGHTS = {"task": {"sft": 1.0}, "seed": {"sft": 1.0}, "general": {"anchor": 1.0}}
"""Anchors weigh as much as a task: whole answers teach no rule that a first token would decide."""
NO_TEMPLATE = "no template fits"
LIKE_TEST = "like a task of --test"
LORA_RATE = 1e-3
LORA_RATE_POWER = 0.5
"""A larger model takes a lower rate (`find_lora_rate`). On .5 billion weights the default model's
costs what was known, and one that falls with the weights themselves teaches too little
(docs/log/2026-11-tasks.md).
"""


@dataclass
class TaskParts:
    """Hold the parts of the material.

    Attributes:
        train: seeds that are shown and learned.
        held_out: seeds of the exam.
        general: prompts about anything, for training and exam.
    """

    train: list[Task]
    held_out: list[Task]
    general: dict[str, list[Turns]]


def prepare(session: Session, material: Tasks) -> TrainingPlan:
    """Turn seed tasks into a training plan.

    Raises:
        DataError: too few seeds to show some and to be examined on others.
    """
    run = session.run
    config = session.config
    train = lower_lora_rate(config.train, config.model, LORA_RATE, LORA_RATE_POWER)
    config = session.config = config.model_copy(update={"train": train})
    templates = get_templates(config.templates)
    with run.time_stage("read"):
        run.ledger.record_outcomes("read", material.outcomes.values())
        parts = split_seeds(session, material)  # 1
    with run.time_stage("invent"):
        known = [task.instruction for task in (*material.seeds, *material.test)]
        known += [get_user_text(prompt) for side in parts.general.values() for prompt in side]
        known += dict(COMMON_QUESTIONS)  # of the retention test
        exam = [*parts.held_out, *material.test]
        keep = partial(write_tasks, session)
        found = invent_tasks(session, parts.train, known, keep, exam)  # 2 to 5
        record_inspection(session, material.seeds, found)  # 6
    with run.time_stage("examples"):
        seeds = parts.train if config.learn_seeds else []
        examples = make_task_examples(session, seeds, found, templates)  # 7
        examples += keep_own_answers(session, parts.general["train"])
    description = (
        f"{len(material.seeds)} seed tasks; {len(found)} more invented by the {config.mode} way"
    )
    held_out = make_questions(session, {"seed": parts.held_out, "human": material.test})
    general = parts.general["test"]
    shots = choose_shots(session, examples, held_out)
    return TrainingPlan(
        examples=examples,
        objectives=OBJECTIVE_WEIGHTS,  # 7
        exam=build_exam(session, held_out, parts.train, general, examples, shots, description),  # 8
        shown=show_arms,
        overhead=add_worked_turns(shots, make_prompt("x")),
    )


def split_seeds(session: Session, material: Tasks) -> TaskParts:
    """Split the seeds, like with like: in their instruction, an input or an output (step 1).

    No task of the exam is like one that is shown (invariant 5); nor is a general prompt like a
    task.

    Raises:
        DataError: nothing is left to show, or to be examined on.
    """
    seeds = material.seeds
    held_out = session.config.test_share
    texts = [task.instruction for task in seeds]
    sides = split_prompts(
        texts,
        session.base.embed(list(map(make_prompt, texts))),
        (1 - held_out, 0.0, held_out),
        session.config.seed,
        strata=[str(task.classification) for task in seeds],
        max_overlap=session.config.filter.max_overlap,
        together=group_tasks(seeds, session.config.filter.max_overlap),
    )
    unlike = drop_like_tests(session, seeds, material.test)
    by_side = list(zip(seeds, sides, strict=True))
    train = [task for task, side in by_side if side == "train" and task in unlike]
    test = [task for task, side in by_side if side == "test" and task in unlike]
    if not train or not (test or material.test):
        raise DataError(
            (
                f"{len(seeds)} seeds are too few, or too much alike or like the tasks of the exam, "
                "to show some and to be examined on others."
            ),
            cure="Bring more seeds, or tasks for the exam with --test FILE.",
        )
    texts += [task.instruction for task in material.test]
    texts += [text for _, text in list_inputs([*test, *material.test])]
    return TaskParts(train, test, split_general_prompts(session, texts))


def drop_like_tests(session: Session, seeds: Sequence[Task], tests: Sequence[Task]) -> list[Task]:
    """Return the seeds that are not like a task that a person gave for the exam, in their
    instruction, an input or an output; drop the others with their reason. The others would be
    learned, or asked twice.
    """
    texts = ExamTexts(tests, session.config.filter.max_overlap)
    left = []
    with session.run.ledger.open_funnel("seeds") as funnel:
        for task in seeds:
            near = texts.find_like(task)
            body = {"instruction": task.instruction, "test": near}
            funnel.decide(task.id, LIKE_TEST if near else "", body)
            if not near:
                left.append(task)
    if len(left) < len(seeds):
        line = f"seeds left out, because they are {LIKE_TEST}: {len(seeds) - len(left)}"
        session.display.print_line(line)
    return left


def split_general_prompts(session: Session, texts: Sequence[str]) -> dict[str, list[Turns]]:
    """Let the model write prompts about anything.

    Some hold the model in place; the others show in the exam whether it stayed there. None is like
    one of the texts, or a question of the retention test.
    """
    pool = OverlapIndex([*texts, *dict(COMMON_QUESTIONS)])
    find_fault = make_novelty_check(pool, session.config.filter.max_overlap)
    found = list(map(make_prompt, write_general_prompts(session, find_fault)))
    held_out = min(session.config.exam.general, len(found) // 2)
    return {"test": found[:held_out], "train": found[held_out:]}


def write_tasks(session: Session, found: Sequence[KeptTask]) -> None:
    """Write the tasks that are kept so far."""
    rows = [one.task.to_json() | describe_similarity(one.near) for one in found]
    session.run.export_jsonl("tasks.jsonl", rows)


def record_inspection(session: Session, seeds: Sequence[Task], found: Sequence[KeptTask]) -> None:
    """Note the inspection for the report and for `selfteach inspect` (step 6)."""
    tasks = [one.task for one in found]
    instructions = [task.instruction for task in seeds]
    inspection = inspect_tasks(tasks, instructions, session.config.seed)
    session.run.ledger.set_note("inspection", inspection)


def make_task_examples(
    session: Session, seeds: Sequence[Task], found: Sequence[KeptTask], templates: Sequence[Any]
) -> list[Example]:
    """Make an example of every instance, in a template that is sampled for it (step 7)."""
    made = []
    tasks = [("seed", task) for task in seeds] + [("task", one.task) for one in found]
    with session.run.ledger.open_funnel("examples") as funnel:
        for kind, task in tasks:
            for instance in task.instances:
                row = make_row(task, instance)
                id = digest([task.id, instance.input, instance.output])
                template = sample_template(templates, row, session.config.seed, id)
                funnel.decide(id, "" if template else NO_TEMPLATE, row)
                if template is None:
                    continue
                prompt, answer = template.fill(row)
                turns = make_prompt(prompt) if isinstance(prompt, str) else prompt
                source = {
                    "from": task.where,
                    "task": task.id,
                    "template": template.name,
                    "classification": task.classification,
                }
                made.append(Example(id, kind, turns, answer, source=source))
    return made


def keep_own_answers(session: Session, prompts: Sequence[Turns]) -> list[Example]:
    """Make anchors of the beginnings of the base's own answers to general prompts (step 7)."""
    sampling = replace(GREEDY, max_tokens=session.config.anchors.anchor_tokens)

    def identify(prompt: Prompt, completion: Completion) -> str:
        return digest(["keep", completion.id])

    return make_anchors(session, prompts, sampling, identify)


def show_arms(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    found: JsonObject = {}
    for arm in exam["sanity"]:
        found[arm] = {}
        for key in ("rouge_l", "token_f1", "loss_nats"):
            found[arm][key] = {part: arms[arm] for part, arms in exam[key].items()}
        for key in ("pairwise", "general"):
            if arm in exam.get(key, {}):
                found[arm][key] = exam[key][arm]
    return found


METHOD = Method(
    name="tasks",
    settings=Settings,
    prepare=prepare,
    samples=PLAN.samples,
    plan_work=PLAN.plan_work,
    read_grading=read_grading,
    kinds=OBJECTIVE_WEIGHTS.keys(),
)
"""`selfteach tasks`."""
