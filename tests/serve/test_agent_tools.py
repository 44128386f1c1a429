"""`selfteach mcp`: the tools of an agent, through the SDK's own client."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp", reason="needs the extra mcp")

from mcp import Client, StdioServerParameters

from job_programs import PROGRAM, let_go, wait_until
from lesson_runs import write_student
from selfteach import cli
from selfteach.records import Message
from selfteach.serve import agent_tools, server
from selfteach.serve.agent_tools import AgentTools, make_server
from selfteach.serve.teaching import Teaching
from selfteach.students.job_runner import plan_job
from selfteach.students.jobs import JobBook, make_criticism_job

TOOLS = {"teach", "status", "lessons", "exam", "answer", "export"}
TURNS = [{"role": "user", "content": "What is rain?"}, {"role": "assistant", "content": "Water."}]


@pytest.fixture
def anna(tiny: Path, tmp_path: Path) -> Path:
    return write_student(tiny, tmp_path)


@pytest.fixture
def tools(anna: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentTools]:
    monkeypatch.setattr(server, "Teaching", partial(Teaching, program=PROGRAM))
    options = server.ServerOptions()
    found = AgentTools(partial(server.open_student_server, anna, None, options, lambda line: None))
    yield found
    found.close()


def talk(server: Any, work: Callable[[Client], Awaitable[None]]) -> None:
    """Let a client work with a server."""

    async def connect() -> None:
        async with Client(server) as client:
            await work(client)

    anyio.run(connect)


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Return the reply of a tool; a fault is its text."""
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        return result.content[0].text  # type: ignore[union-attr]
    return result.structured_content


def test_an_agent_asks_and_teaches_a_student(
    tools: AgentTools, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_tools, "plan_job", lambda book, job: {"minutes": 4})

    async def work(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        texts = [
            (await call(client, "answer", prompt="Tell me", model=name, max_tokens=8))["answer"]
            for name in ("base", "anna/do-not-a", "")
        ]
        assert texts[0] != texts[1] == texts[2]
        (row,) = (await call(client, "exam"))["exams"]
        assert (row["alone"]["word"], row["now"]["state"]) == ("taught", "kept")
        plan = await call(client, "teach", rule="Do not b.")
        assert plan["plan"] == {"minutes": 4}
        assert (await call(client, "status"))["jobs"] == [], "nothing is taught unasked"
        job = await call(client, "teach", rule="Do not b.", confirm=True)
        assert job["state"] in ("waiting", "running")
        let_go(anna, "refused")
        book = JobBook(anna)
        wait_until(lambda: book.find(job["id"]).state == "refused")
        status = await call(client, "status", job=job["id"])
        assert "it is lost" in status["message"]
        assert "/accept in `selfteach chat --student" in status["cure"]
        assert "--accept" not in json.dumps(status)
        lessons = await call(client, "lessons")
        assert [lesson["name"] for lesson in lessons["lessons"]] == ["do-not-a"]

    talk(make_server(tools), work)


def test_faults_are_told_in_one_line(tools: AgentTools) -> None:
    async def work(client: Client) -> None:
        assert "exactly one of" in await call(client, "teach", rule="a", edit="b", messages=TURNS)
        assert "there is no answer yet" in await call(client, "teach", criticism="shorter")
        assert "there is no model" in await call(client, "answer", prompt="a", model="bob")
        assert "there is no job" in await call(client, "status", job="job-1")
        assert 'no lesson "c"' in await call(client, "exam", lesson="c")
        assert "hub" not in json.dumps((await client.list_tools()).model_dump(mode="json"))

    talk(make_server(tools), work)


def test_exams_and_exports_are_jobs_that_end_as_done(tools: AgentTools, anna: Path) -> None:
    """The scripted program prints no lesson, and ends with 0 where `go` says so."""

    async def work(client: Client) -> None:
        asked = [
            await call(client, "exam", again=True),
            await call(client, "export", to="gguf", quant="q8_0"),
        ]
        let_go(anna, "")
        book = JobBook(anna)
        for job in asked:
            wait_until(lambda: not book.find(job["id"]).is_open)  # noqa: B023
        jobs = [book.find(job["id"]) for job in asked]
        assert [job.state for job in jobs] == ["done", "done"]
        assert book.make_command(jobs[0])[:2] == ["student", "exam"]
        words = book.make_command(jobs[1])
        assert words[words.index("--quant") + 1] == "q8_0"
        assert words[words.index("--out") + 1] == str(anna / "exports" / jobs[1].id)

    talk(make_server(tools), work)


def test_a_plan_is_the_dry_run_of_the_command_and_leaves_nothing(anna: Path) -> None:
    book = JobBook(anna)
    job = make_criticism_job((Message("user", "What is rain?"),), "Water.", "shorter, please")
    source = "import json, pathlib, sys; w = sys.argv[1:]; "
    source += "print(json.dumps({'words': w, 'rows': pathlib.Path(w[2]).read_text()}))"
    found = plan_job(book, job, (sys.executable, "-I", "-c", source))
    assert found["words"][:2] == ["corrections", "--dry-run"]
    assert "shorter, please" in found["rows"]
    assert not book.find_folder(job).exists()
    assert book.list_jobs() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_over_standard_input_and_output(anna: Path, tiny: Path) -> None:
    """A process of its own, as an agent starts it; the plan is that of the real command."""
    words = ["-P", "-m", "selfteach", "mcp", "--student", f"{anna}/"]
    parameters = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))

    async def work(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        reply = await call(client, "answer", prompt="Tell me", max_tokens=4)
        assert reply["model"] == "anna"
        plan = await call(client, "teach", rule="Answer in one sentence.")
        assert plan["dry_run"] is True
        assert plan["plan"]

    talk(parameters, work)


def test_without_the_package_the_command_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("selfteach.extras.find_spec", lambda name: None if name == "mcp" else 1)
    assert cli.run_command(["mcp", "--student", f"{tmp_path}/anna"]) == 2
    assert 'pip install "selfteach[mcp]"' in capsys.readouterr().err
