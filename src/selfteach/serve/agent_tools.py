"""The tools of `selfteach mcp`: what an agent may do with a student (Model Context Protocol).

    teach     a rule, an edit, a criticism or a follow-up; a dry run unless it is confirmed
    status    the jobs, or one of them
    lessons   the lessons, with their exams after each change
    exam      the exams as they are, or sat again
    answer    an answer of the base, of the student, or of one lesson
    export    the student as files for another program

They are the functions of a student's server (teach_addresses.py), over standard input and output.
What takes minutes becomes a job, and the tool returns its id. The model is loaded by the first tool
that needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field, ValidationError

from selfteach.errors import SelfteachError
from selfteach.records import Message, Request, SamplingParams
from selfteach.run import finished
from selfteach.run.student_adapter import quote_student
from selfteach.serve.batch_engine import Generation, collect
from selfteach.serve.read_request import ChatTurn, RequestFault
from selfteach.serve.served_models import ServedModels
from selfteach.serve.teaching import FeedbackBody, Teaching
from selfteach.students.folder import read_student
from selfteach.students.job_runner import plan_job
from selfteach.students.jobs import Job, JobState, make_exam_job, make_export_job
from selfteach.students.state import LESSONS_FOLDER
from selfteach.text import clean_text
from selfteach.version import VERSION

INSTRUCTIONS = (
    "Teach a small language model, called the student, with rules and comments on its answers. "
    "Each thing taught is a lesson with an exam. Call teach without confirm first, show the person "
    "the plan, and confirm only what the person wants. Work that takes minutes returns a job id: "
    "ask status for it."
)
ENDED: tuple[JobState, ...] = ("added", "done", "refused", "failed")
Parameters = ParamSpec("Parameters")
Reply = dict[str, Any]
FeedbackText = Annotated[str, Field(description="Leave it out unless this is what is taught.")]
Turns = Annotated[
    list[ChatTurn],
    Field(description="The conversation, which ends with the answer that the comment is about."),
]
Cut = Annotated[bool, Field(description='Whether that answer stopped early: "finish" is "length".')]
Confirm = Annotated[bool, Field(description="False only says what would happen.")]
ModelName = Annotated[
    str, Field(description='"base", the student\'s name, or STUDENT/LESSON; empty: the student.')
]
LessonName = Annotated[str, Field(description="One lesson; empty: all of them.")]
ExamineAgain = Annotated[bool, Field(description="Sit the exams of all lessons again, as a job.")]
Form = Literal["hf", "gguf", "lora-gguf", "ollama", "vllm", "inspect"]
"""Forms that stay on this disk: an agent publishes nothing."""


def report_faults(tool: Callable[Parameters, Reply]) -> Callable[Parameters, Reply]:
    """Return a tool that reports its faults to the agent in one line."""

    @wraps(tool)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Reply:
        try:
            return tool(*args, **kwargs)
        except ValidationError as fault:
            raise ToolError(str(fault.errors()[0]["msg"])) from None
        except (SelfteachError, RequestFault) as fault:
            raise ToolError(str(fault)) from None

    return call


class AgentTools:
    """Hold the tools of one student.

    Args:
        open_student: loads the student's models, and begins to work on its jobs.
    """

    def __init__(self, open_student: Callable[[], ServedModels]) -> None:
        self._open = open_student
        self._opening = threading.Lock()
        self._served: ServedModels | None = None

    @property
    def served(self) -> ServedModels:
        """Return the student's models, which the first call loads."""
        with self._opening:
            if self._served is None:
                self._served = self._open()
            return self._served

    @property
    def teaching(self) -> Teaching:
        """Return the student and its jobs."""
        found = self.served.teaching
        assert found is not None, "a student is served"
        return found

    def close(self) -> None:
        """Stop; a running job goes on with the next server, chat or agent."""
        with self._opening:
            if self._served is not None:
                self._served.close()

    def teach(
        self,
        rule: FeedbackText = "",
        criticism: FeedbackText = "",
        follow_up: FeedbackText = "",
        edit: FeedbackText = "",
        messages: Turns = [],  # noqa: B006
        cut: Cut = False,
        confirm: Confirm = False,
    ) -> Reply:
        """Teach one thing: a rule in plain words, or a comment on an answer (criticism, follow_up),
        or a better answer in its place (edit). Without confirm it returns the plan and its cost.
        """
        fields = {"rule": rule, "criticism": criticism, "follow_up": follow_up, "edit": edit}
        feedback = {name: text for name, text in fields.items() if text}
        body = FeedbackBody(messages=messages, cut=cut, **feedback)
        job = self.teaching.make_job(body)
        if confirm:
            return self.teaching.describe_job(self.teaching.book.add(job))
        plan: Reply = {"dry_run": True, "kind": job.kind, "title": job.title}
        if job.kind == "edit":
            plan["plan"] = "The edit is kept. Some edits of different prompts are taught together."
        else:
            plan["plan"] = plan_job(self.teaching.book, job)
        return plan | {"next": "Call teach again with confirm=true to do it."}

    def status(self, job: str = "") -> Reply:
        """Return the state of one job with its result, or of all jobs."""
        book = self.teaching.book
        if not job:
            return {"jobs": [own.to_json() for own in reversed(book.list_jobs())]}
        found = book.find(job)
        reply = self.teaching.describe_job(found)
        if found.state in ENDED:
            reply["result"] = book.read_result(found)
        if found.state == "refused":
            reply["cure"] = describe_cure(found, book.student)
        return reply

    def lessons(self) -> Reply:
        """Return the student's lessons, and how each one does after each change."""
        return self.teaching.describe_lessons()

    def exam(self, lesson: LessonName = "", again: ExamineAgain = False) -> Reply:
        """Return the verdict of each lesson alone, and its exam in the student as it is now."""
        if again:
            return self.teaching.describe_job(self.teaching.book.add(make_exam_job()))
        folder = self.teaching.folder
        state = read_student(folder)
        wanted = [state.find_lesson(lesson)] if lesson else state.lessons
        sitting = state.find_sitting()
        rows = []
        for own in wanted:
            exam = finished.read_exam(folder / LESSONS_FOLDER / own.name)
            cell = sitting.cells.get(own.name) if sitting else None
            now = asdict(cell) if cell else None
            rows.append({"lesson": own.name, "alone": exam["verdict"], "now": now})
        return {"examined": sitting is not None, "exams": rows}

    def answer(
        self,
        prompt: str,
        model: ModelName = "",
        system: str = "",
        max_tokens: Annotated[int, Field(ge=1, le=2048)] = 256,
        temperature: Annotated[float, Field(ge=0, le=2)] = 0.0,
        seed: int = 0,
    ) -> Reply:
        """Return an answer of the student, of its base, or of one lesson alone."""
        name = model or self.teaching.student.name
        lessons = self.served.find_model(name)
        turns = (Message("system", clean_text(system)),) if system else ()
        asked = (*turns, Message("user", clean_text(prompt)))
        sampling = SamplingParams(temperature, max_tokens=max_tokens)
        row = self.served.engine.prepare(Request("serve", asked, sampling, 0, seed))
        (done,) = collect([Generation(row, lessons)], self.served.engine)
        return {"model": name, "answer": done.text, "finish": done.finish, "tokens": done.tokens}

    def export(
        self,
        to: Form,
        quant: Literal["f16", "q8_0"] = "f16",
        exam: Annotated[bool, Field(description="The files sit all exams again.")] = False,
    ) -> Reply:
        """Export the sum of the lessons for another program, as a job. Its answers are checked."""
        job = make_export_job(to, quant, exam=exam)
        return self.teaching.describe_job(self.teaching.book.add(job))


def describe_cure(job: Job, student: Path) -> str:
    """Return what a person can do about a refused job; an agent adds nothing that was refused."""
    instead = f" /accept instead switches {', '.join(job.worse)} off: the new one counts then."
    return (
        "A person can add it all the same: /accept in `selfteach chat --student "
        f"{quote_student(student)}`."
        f"{instead if job.worse else ''}"
    )


def make_server(tools: AgentTools) -> MCPServer[Any]:
    """Return a server with the tools."""
    server: MCPServer[Any] = MCPServer(
        "selfteach", instructions=INSTRUCTIONS, version=VERSION, log_level="WARNING"
    )
    looking = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    working = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    all_tools: list[tuple[Callable[..., Reply], ToolAnnotations]] = [
        (tools.teach, working),
        (tools.status, looking),
        (tools.lessons, looking),
        (tools.exam, working),
        (tools.answer, looking),
        (tools.export, working),
    ]
    for tool, hints in all_tools:
        server.add_tool(report_faults(tool), annotations=hints)
    return server
