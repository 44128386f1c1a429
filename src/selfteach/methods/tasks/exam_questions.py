"""The questions of the exam of tasks: held-out tasks, with the answers that people gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach.materials.tasks import Instance, Task, list_other_inputs
from selfteach.materials.templates import LIBRARY, sample_template
from selfteach.methods.session import Session
from selfteach.records import Example, Turns
from selfteach.select.evenly import choose_evenly

PLAIN_TEMPLATES = [template for template in LIBRARY if template.name == "plain"]
NO_ROOM = "prompt longer than the context"
TOO_MANY = "held out, more than exam.tasks"
NOT_FIRST = "held out, another input of an instruction that is asked"


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """Hold one held-out task.

    Attributes:
        part: where it is from: `seed`, or `human` for tasks of `--test`.
        golds: the answers of people; the first one is what losses are measured on.
        classification: whether the answer is one of a few labels.
    """

    part: str
    prompt: Turns
    golds: tuple[str, ...]
    classification: bool = False


def make_questions(session: Session, tasks: Mapping[str, Sequence[Task]]) -> list[TaskQuestion]:
    """Return `exam.tasks` tasks of each part as questions, evenly over all.

    The others, those that leave no room for an answer, and all inputs of a task but its first, are
    dropped with their reason.

    Args:
        tasks: held-out tasks by part.
    """
    found: list[TaskQuestion] = []
    with session.run.ledger.open_funnel("questions of the exam") as funnel:
        for part, own in tasks.items():
            questions = {task: make_question(task, part) for task in own}
            roomy = [task for task, q in questions.items() if has_room(session, q.prompt, q)]
            chosen = choose_evenly(roomy, session.config.exam.tasks)
            reasons = dict.fromkeys(own, NO_ROOM)
            reasons |= dict.fromkeys(roomy, TOO_MANY)
            reasons |= dict.fromkeys(chosen, "")
            for task, reason in reasons.items():
                body = {"instruction": task.instruction}
                funnel.decide(f"{part} {task.id}", reason, body)
                for place, text in enumerate(list_other_inputs(task), start=2):
                    funnel.decide(f"{part} {task.id} {place}", NOT_FIRST, {**body, "input": text})
            found += [questions[task] for task in chosen]
    return found


def make_row(task: Task, instance: Instance) -> dict[str, str]:
    """Return an instance of a task as a row of a dataset, which templates fill in."""
    return {"instruction": task.instruction, "input": instance.input, "output": instance.output}


def make_question(task: Task, part: str) -> TaskQuestion:
    """Return a task's first instance in the plainest template.

    Its answers are all outputs that people gave for its input.
    """
    first = task.instances[0]
    row = make_row(task, first)
    template = sample_template(PLAIN_TEMPLATES, row, 0, "")
    assert template is not None
    prompt, _ = template.fill(row)
    assert isinstance(prompt, tuple)
    outputs = [own.output for own in task.instances if own.input == first.input]
    return TaskQuestion(part, prompt, tuple(dict.fromkeys(outputs)), task.classification is True)


def has_room(session: Session, prompt: Turns, question: TaskQuestion) -> bool:
    """Return whether a new answer and the person's own one fit behind this prompt."""
    own_tokens = len(session.model.encode_answer(question.golds[0]))
    needed: int = session.config.exam.max_tokens + own_tokens
    return session.model.room_tokens(prompt) > needed


def list_worked(examples: Sequence[Example]) -> list[tuple[Turns, str]]:
    """Return the worked tasks that a prompt may show, with their answers.

    They are the people's own, or the invented ones where those are not learned.
    """
    for kind in ("seed", "task"):
        pairs = [(example.turns, example.chosen) for example in examples if example.kind == kind]
        if pairs:
            return pairs
    return []
