"""The questions of the exam of tasks: inputs of held-out tasks, with the answers of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from selfteach.materials.tasks import (
    MAX_INPUTS,
    Instance,
    Task,
    is_bare_somewhere,
    list_inputs_to_ask,
)
from selfteach.materials.templates import LIBRARY, sample_template
from selfteach.methods.session import Session
from selfteach.records import Example, Turns, digest, get_user_text
from selfteach.select.evenly import choose_evenly, share_out

PLAIN_TEMPLATES = [template for template in LIBRARY if template.name == "plain"]
NO_ROOM = "prompt longer than the context"
TOO_MANY = "held out, more questions than exam.tasks, or than one task may have"
NO_INPUT = "held out, the instruction without the input that it has elsewhere"


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """Hold one input of a held-out task.

    Attributes:
        part: where it is from: `seed`, or `human` for tasks of `--test`.
        task: the id of the task. Questions of one task depend on each other.
        golds: the answers of people; the first one is what losses are measured on.
        classification: whether the answer is one of a few labels.
    """

    part: str
    task: str
    prompt: Turns
    golds: tuple[str, ...]
    classification: bool = False


def make_questions(session: Session, tasks: Mapping[str, Sequence[Task]]) -> list[TaskQuestion]:
    """Return at most `exam.tasks` questions of each part, evenly over its tasks.

    Where there are fewer tasks than that, further inputs of theirs are asked too, up to MAX_INPUTS
    of each. The others, those that leave no room for an answer, and an instruction without the
    input that it has elsewhere are dropped with their reason.

    Args:
        tasks: held-out tasks by part.
    """
    found: list[TaskQuestion] = []
    with session.run.ledger.open_funnel("questions of the exam") as funnel:
        for part, own in tasks.items():
            for task in own:
                if is_bare_somewhere(task):
                    body = {"prompt": task.instruction}
                    funnel.decide(digest([part, task.id, ""]), NO_INPUT, body)
            by_task = [list_questions(task, part) for task in own]
            roomy = [keep_roomy(session, asked) for asked in by_task]
            chosen = choose_questions(roomy, session.config.exam.tasks)
            reasons = dict.fromkeys(chain(*by_task), NO_ROOM)
            reasons |= dict.fromkeys(chain(*roomy), TOO_MANY)
            reasons |= dict.fromkeys(chosen, "")
            for question, reason in reasons.items():
                text = get_user_text(question.prompt)
                funnel.decide(digest([part, question.task, text]), reason, {"prompt": text})
            found += chosen
    return found


def choose_questions(by_task: Sequence[Sequence[TaskQuestion]], count: int) -> list[TaskQuestion]:
    """Return at most `count` questions: one of each of as many tasks, evenly over all, then further
    ones of the tasks that have some, up to MAX_INPUTS of each.
    """
    tasks = choose_evenly([choose_evenly(asked, MAX_INPUTS) for asked in by_task if asked], count)
    shares = share_out([len(asked) for asked in tasks], count)
    return list(chain(*map(choose_evenly, tasks, shares)))


def make_row(task: Task, instance: Instance) -> dict[str, str]:
    """Return an instance of a task as a row of a dataset, which templates fill in."""
    return {"instruction": task.instruction, "input": instance.input, "output": instance.output}


def list_questions(task: Task, part: str) -> list[TaskQuestion]:
    """Return each input of a task as a question, in the plainest template.

    Its answers are all outputs that people gave for this input.
    """
    found = []
    for text in list_inputs_to_ask(task):
        golds = tuple(dict.fromkeys(own.output for own in task.instances if own.input == text))
        row = make_row(task, Instance(text, golds[0]))
        template = sample_template(PLAIN_TEMPLATES, row, 0, "")
        assert template is not None
        prompt, _ = template.fill(row)
        assert isinstance(prompt, tuple)
        found.append(TaskQuestion(part, task.id, prompt, golds, task.classification is True))
    return found


def has_room(session: Session, prompt: Turns, question: TaskQuestion) -> bool:
    """Return whether a new answer and the person's own one fit behind this prompt."""
    own_tokens = len(session.model.encode_answer(question.golds[0]))
    needed: int = session.config.exam.max_tokens + own_tokens
    return session.model.room_tokens(prompt) > needed


def keep_roomy(session: Session, questions: Sequence[TaskQuestion]) -> list[TaskQuestion]:
    """Return the questions that leave room for an answer."""
    return [own for own in questions if has_room(session, own.prompt, own)]


def list_worked(examples: Sequence[Example]) -> list[tuple[Turns, str]]:
    """Return the worked tasks that a prompt may show, with their answers.

    They are the people's own, or the invented ones where those are not learned.
    """
    for kind in ("seed", "task"):
        pairs = [(example.turns, example.chosen) for example in examples if example.kind == kind]
        if pairs:
            return pairs
    return []
