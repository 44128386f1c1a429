"""Tasks that share an input or an output, so that one must not be learned where another is asked.

Only texts of at least `MIN_COMPARED_WORDS` words are compared: "5" is an input, and "yes" an
output, of many tasks that have nothing else in common.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfteach.dedup.connect import connect_groups, connect_overlapping
from selfteach.dedup.overlap import OverlapIndex
from selfteach.materials.tasks import Task
from selfteach.select.task_filter import is_compared


def group_tasks(tasks: Sequence[Task], min_overlap: float) -> list[int]:
    """Return the group of each task: tasks with an input or an output in common are in one, and so
    are those of which one has as its input what another has as its instruction.

    Two such texts are in common from a ROUGE-L of `min_overlap` on.

    Shapes: (N,) tasks -> (N,) numbers.
    """
    group = np.arange(len(tasks))
    for texts in (list_instructions(tasks) + list_inputs(tasks), list_outputs(tasks)):
        owners = [place for place, _ in texts]
        like = connect_overlapping([text for _, text in texts], min_overlap)
        joined = connect_groups(like, group[owners].tolist())
        group = connect_groups(group, _name_groups(len(tasks), owners, joined.tolist()))
    return [int(number) for number in group]


def _name_groups(count: int, owners: Sequence[int], joined: Sequence[int]) -> list[int]:
    """Return a number for each task: that of its texts' group, or one of its own."""
    names = [len(joined) + place for place in range(count)]
    for owner, number in zip(owners, joined, strict=True):
        names[owner] = number
    return names


class ExamTexts:
    """Hold the instructions, inputs and outputs of the exam's tasks."""

    def __init__(self, tasks: Sequence[Task], min_overlap: float) -> None:
        self._min_overlap = min_overlap
        inputs = [text for _, text in list_inputs(tasks)]
        self._asked = OverlapIndex([*(task.instruction for task in tasks), *inputs])
        self._outputs = OverlapIndex(text for _, text in list_outputs(tasks))

    def find_like(self, task: Task) -> str:
        """Return a text of the exam that a text of the task is like, or "".

        A question is the input of a task in one file, beside a system message, and the instruction
        in another.
        """
        texts = [(task.instruction, self._asked)]
        texts += [(text, self._asked) for _, text in list_inputs([task])]
        texts += [(text, self._outputs) for _, text in list_outputs([task])]
        near = (pool.nearest(text, self._min_overlap).text for text, pool in texts)
        return next(filter(None, near), "")


def list_instructions(tasks: Sequence[Task]) -> list[tuple[int, str]]:
    """Return each instruction that is long enough to compare, with the place of its task."""
    texts = [(place, task.instruction) for place, task in enumerate(tasks)]
    return [(place, text) for place, text in texts if is_compared(text)]


def list_inputs(tasks: Sequence[Task]) -> list[tuple[int, str]]:
    """Return each input that is long enough to compare, with the place of its task."""
    texts = [(place, case.input) for place, task in enumerate(tasks) for case in task.instances]
    return [(place, text) for place, text in texts if is_compared(text)]


def list_outputs(tasks: Sequence[Task]) -> list[tuple[int, str]]:
    """Return each output that is long enough to compare, with the place of its task."""
    texts = [(place, case.output) for place, task in enumerate(tasks) for case in task.instances]
    return [(place, text) for place, text in texts if is_compared(text)]
