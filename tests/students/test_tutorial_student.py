"""The tutorial "Teach a model five things and put it into Ollama", with a toy model.

One rule from the command line, one from a running server in a process of its own, lessons off and
on, one taken back, and an export with its exams sat again.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import openai
import pytest
import yaml

import warm
from job_programs import wait_until
from selfteach import cli
from selfteach.students import jobs
from selfteach.students.folder import read_student
from talker import feedback_command, run_json

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.timeout(1800)]
RULES = {"fox": "Do not talk about the fox."}
SERVED_RULE = "Do not mention honey."
TEACHING_S = 1200
"""Beside other work a process of the lowest priority gets little of a core."""


def write_settings(talker: Path, path: Path) -> Path:
    """Write the settings of the toy's rules as a file for `--config`."""
    words = feedback_command(talker, path)
    found: dict[str, object] = {}
    for word, value in pairwise(words):
        if word != "--set":
            continue
        key, _, given = value.partition("=")
        place = found
        *sections, name = key.split(".")
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]
        place[name] = yaml.safe_load(given)
    path.write_text(yaml.safe_dump(found))
    return path


def test_the_steps_of_the_tutorial(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = tmp_path / "anna"
    for name, rule in RULES.items():  # 1, 2
        more = ("--student", str(anna), "--accept")
        check = f'not contains "{name}"'
        command = feedback_command(talker, tmp_path / name, *more, rule=rule, check=check)
        assert run_json(command)[0] == 0
    names = [lesson.name for lesson in read_student(anna).lessons]
    assert len(names) == len(RULES)
    assert cli.run_command(["student", "off", f"{anna}/", names[0]]) == 0  # 3
    assert cli.run_command(["student", "on", f"{anna}/", names[0]]) == 0

    settings = write_settings(talker, tmp_path / "toy.yaml")  # 4
    line = ["-m", "selfteach", "serve", "--student", f"{anna}/", "--port", "0"]
    process = warm.Process([*line, "--config", str(settings)])
    address = ""
    while not address:
        said = process.stderr.readline()
        assert said, "the server ended"
        if " at http://" in said:
            address = said.partition("http://")[2].partition("/")[0]
    client = openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)
    job = client.post("/feedback", body={"rule": SERVED_RULE}, cast_to=dict)
    book = jobs.JobBook(anna)
    monkeypatch.setattr("job_programs.PATIENCE_S", TEACHING_S)
    wait_until(lambda: not book.find(job["id"]).is_open)
    ended = book.find(job["id"])
    assert ended.state in ("added", "refused"), (ended.message, book.read_log(ended)[-5:])
    if ended.state == "refused":  # a toy may learn too little: the gate says so
        book.accept(job["id"])
        wait_until(lambda: book.find(job["id"]).state == "added")
    lesson = book.find(job["id"]).lesson
    wait_until(lambda: f"anna/{lesson}" in [model.id for model in client.models.list()])
    turns = [{"role": "user", "content": "Tell me about honey."}]
    reply = client.chat.completions.create(
        model=f"anna/{lesson}", messages=turns, temperature=0, max_tokens=14
    )
    assert reply.choices[0].message.content is not None
    client.delete(f"/jobs/{job['id']}", cast_to=dict)
    assert [own.name for own in read_student(anna).lessons] == names
    process.send_signal(15)
    assert process.wait(60) == 0
    process.close()

    words = [
        "export",
        "--student",
        f"{anna}/",
        "--to",
        "hf",
        "--exam",
        "--out",
        str(tmp_path / "o"),
    ]
    assert cli.run_command(words) in (0, 1)  # 5
    report = json.loads((tmp_path / "o/export.json").read_text())
    assert [exam["name"] for exam in report["exams"]] == names
    assert all(exam["verdict"] for exam in report["exams"]), "every exam was sat"
    assert report["check"]["prompts"] > 0
