"""The addresses that teach a student while it is served.

POST   /v1/feedback            a rule, an edit, a criticism or a follow-up; answers with a job
DELETE /v1/feedback/ID         ends the job, or takes its lesson back
GET    /v1/jobs, /v1/jobs/ID   and /v1/jobs/ID/events: server-sent events until it is over
POST   /v1/jobs/ID/accept      adds a lesson that the gate refused; {"instead_of": [NAME]} switches
                               lessons off that it weakens
DELETE /v1/jobs/ID             as DELETE /v1/feedback/ID
GET    /v1/lessons             the lessons, with their exams after each change
PATCH  /v1/lessons/NAME        {"on": false}
DELETE /v1/lessons/NAME        takes a lesson back
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from selfteach.errors import UsageError
from selfteach.serve.handlers import Handler, has_body, read_body
from selfteach.serve.read_request import RequestFault, parse_body
from selfteach.serve.teaching import FeedbackBody, Teaching
from selfteach.students.folder import read_student
from selfteach.students.jobs import Job

EVENT_S = 0.5
"""How often a followed job is looked at."""
KEEP_ALIVE_S = 15.0
"""How long nothing is sent at most: proxies close a quiet connection after a minute."""
TeachHandler = Callable[[Teaching, Request], Awaitable[Response]]


class SwitchBody(BaseModel):
    """Hold whether a lesson is on."""

    model_config = ConfigDict(extra="forbid")

    on: bool


class AcceptBody(BaseModel):
    """Hold the lessons that an accepted one counts instead of."""

    model_config = ConfigDict(extra="forbid")

    instead_of: list[str] = []


def list_teach_handlers(teaching: Teaching | None) -> list[tuple[str, str, Handler]]:
    """Return the method, the path and the handler of each address."""
    paths: list[tuple[str, str, TeachHandler]] = [
        ("POST", "/v1/feedback", _add),
        ("DELETE", "/v1/feedback/{id}", _take_back),
        ("GET", "/v1/jobs", _list_jobs),
        ("GET", "/v1/jobs/{id}", _show_job),
        ("GET", "/v1/jobs/{id}/events", _follow_job),
        ("POST", "/v1/jobs/{id}/accept", _accept),
        ("DELETE", "/v1/jobs/{id}", _take_back),
        ("GET", "/v1/lessons", _list_lessons),
        ("PATCH", "/v1/lessons/{name}", _switch),
        ("DELETE", "/v1/lessons/{name}", _remove),
    ]
    return [(method, path, _bind(answer, teaching)) for method, path, answer in paths]


def _bind(answer: TeachHandler, teaching: Teaching | None) -> Handler:
    async def handle(request: Request) -> Response:
        if teaching is None:
            raise RequestFault(409, "this server teaches nobody: start it with --student NAME.")
        return await answer(teaching, request)

    return handle


async def _add(teaching: Teaching, request: Request) -> Response:
    body = parse_body(await read_body(request), FeedbackBody)
    job = await asyncio.to_thread(teaching.add, body)
    where = {"Location": f"/v1/jobs/{job.id}"}
    return await _send_job(teaching, job, 202, where)


async def _list_jobs(teaching: Teaching, request: Request) -> Response:
    jobs = await asyncio.to_thread(teaching.book.list_jobs)
    return JSONResponse({"object": "list", "data": [job.to_json() for job in reversed(jobs)]})


async def _show_job(teaching: Teaching, request: Request) -> Response:
    return await _send_job(teaching, await _find(teaching, request))


async def _send_job(
    teaching: Teaching, job: Job, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    described = await asyncio.to_thread(teaching.describe_job, job)  # it reads the job's log
    return JSONResponse(described, status, headers)


async def _find(teaching: Teaching, request: Request) -> Job:
    try:
        return await asyncio.to_thread(teaching.book.find, request.path_params["id"])
    except UsageError as fault:
        raise RequestFault(404, str(fault)) from None


async def _take_back(teaching: Teaching, request: Request) -> Response:
    job = await _find(teaching, request)
    ended = await asyncio.to_thread(teaching.take_back, job.id)
    return await _send_job(teaching, ended)


async def _accept(teaching: Teaching, request: Request) -> Response:
    job = await _find(teaching, request)
    instead_of: list[str] = []
    if has_body(request):
        instead_of = parse_body(await read_body(request), AcceptBody).instead_of
    accepted = await asyncio.to_thread(teaching.book.accept, job.id, instead_of)
    return await _send_job(teaching, accepted, 202)


async def _follow_job(teaching: Teaching, request: Request) -> Response:
    job = await _find(teaching, request)
    return StreamingResponse(_stream(teaching, job), media_type="text/event-stream")


async def _stream(teaching: Teaching, job: Job) -> AsyncIterator[str]:
    """Yield an event for every change of a job, until it is over; the last one shows how. Without
    one the events end when the server begins to stop.
    """
    sent = ""
    quiet_s = 0.0
    while not teaching.is_stopping:
        job = await asyncio.to_thread(teaching.book.find, job.id)
        is_over = teaching.is_over(job)  # before it is described, so the end is not missed
        text = json.dumps(await asyncio.to_thread(teaching.describe_job, job))
        if text != sent:
            sent, quiet_s = text, 0.0
            yield f"event: job\ndata: {text}\n\n"
        elif quiet_s >= KEEP_ALIVE_S:
            quiet_s = 0.0
            yield ": still here\n\n"
        if is_over:
            yield "event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(EVENT_S)
        quiet_s += EVENT_S


async def _list_lessons(teaching: Teaching, request: Request) -> Response:
    return await _send_lessons(teaching)


async def _send_lessons(teaching: Teaching) -> Response:
    return JSONResponse(await asyncio.to_thread(teaching.describe_lessons))


async def _switch(teaching: Teaching, request: Request) -> Response:
    body = parse_body(await read_body(request), SwitchBody)
    name = await asyncio.to_thread(_check_lesson, teaching, request)
    await asyncio.to_thread(teaching.switch_lesson, name, on=body.on)
    return await _send_lessons(teaching)


async def _remove(teaching: Teaching, request: Request) -> Response:
    name = await asyncio.to_thread(_check_lesson, teaching, request)
    await asyncio.to_thread(teaching.remove_lesson, name)
    return await _send_lessons(teaching)


def _check_lesson(teaching: Teaching, request: Request) -> str:
    """Return the name of a lesson in the path; the lesson may be one that is not served.

    Raises:
        RequestFault: there is none.
    """
    name: str = request.path_params["name"]
    if name not in [lesson.name for lesson in read_student(teaching.folder).lessons]:
        raise RequestFault(404, f"there is no lesson {name[:80]!r}.")
    return name
