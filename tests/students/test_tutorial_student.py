"""The tutorial "Teach a model five things and put it into Ollama".

Its commands with a toy that learns from all four kinds of material: five lessons, each of which is
examined after every other one, off and on, one more from a running server in a process of its own,
which is taken back, and an export with its exams sat again. And with the embedded model: one small
lesson in Ollama's form, whose exam llama.cpp sits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

import warm
from job_programs import wait_until
from lesson_runs import hash_adapter
from pupil import list_commands, write_pupil
from selfteach import cli
from selfteach.students import jobs
from selfteach.students.folder import read_student
from talker import run_json
from tiny_tokenizer import CHATML

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.timeout(1800)]
SERVED_RULE = "Answer in at most four words."
SERVED_CHECK = "max_words=4"
PLACES = ("Oslo", "Rome", "Paris", "Vienna", "Bern", "Lisbon", "Athens", "Prague", "Dublin", "Riga")
TEACHING_S = 1200
"""Beside other work a process of the lowest priority gets little of a core."""


def write_settings(words: Sequence[str], path: Path) -> Path:
    """Write the settings of a command line as a file for `--config`.

    The check decides, and an answer that is cut keeps it: no chance of the toy is needed.
    """
    found: dict[str, object] = {"check": SERVED_CHECK}
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


@contextmanager
def serve(anna: Path, settings: Path) -> Iterator[openai.OpenAI]:
    """Serve a student in a process of its own, for the time of the block."""
    line = ["-m", "selfteach", "serve", "--student", f"{anna}/", "--port", "0"]
    process = warm.Process([*line, "--config", str(settings)])
    address = ""
    while not address:
        said = process.stderr.readline()
        assert said, "the server ended"
        if " at http://" in said:
            address = said.partition("http://")[2].partition("/")[0]
    yield openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)
    process.send_signal(15)
    assert process.wait(60) == 0
    process.close()


def teach_over_http(client: openai.OpenAI, anna: Path, rule: str) -> str:
    """Teach a rule while the student is served; return the job's id."""
    job = client.post("/feedback", body={"rule": rule}, cast_to=dict)
    book = jobs.JobBook(anna)
    wait_until(lambda: not book.find(job["id"]).is_open)
    ended = book.find(job["id"])
    assert ended.state in ("added", "refused"), (ended.message, book.read_log(ended)[-5:])
    if ended.state == "refused":  # a toy may learn too little: the gate says so
        book.accept(job["id"])
        wait_until(lambda: book.find(job["id"]).state == "added")
    return str(job["id"])


def test_the_steps_of_the_tutorial(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job_programs.PATIENCE_S", TEACHING_S)
    model = write_pupil(tmp_path / "model", CHATML)
    anna = tmp_path / "anna"
    more = ("--student", str(anna), "--accept")
    commands = list_commands(model, tmp_path, server.address, *more)
    for number, command in enumerate(commands.values(), start=1):  # 1, 2, 3
        code, result = run_json(command)
        assert code == 0
        assert len(result["student"]["lessons"]) == number
        (*_, column) = result["student"]["matrix"]
        states = [cell["state"] for cell in column["cells"].values()]
        assert len(states) == number
        assert "not examined" not in states, "every exam was sat, of all four kinds"
    names = [lesson.name for lesson in read_student(anna).lessons]
    before = hash_adapter(anna)
    for state in ("off", "on"):
        assert cli.run_command(["student", state, f"{anna}/", names[1]]) == 0
    assert hash_adapter(anna) == before

    settings = write_settings(commands["fox"], tmp_path / "toy.yaml")  # 4
    with serve(anna, settings) as client:
        job = teach_over_http(client, anna, SERVED_RULE)
        lesson = jobs.JobBook(anna).find(job).lesson
        wait_until(lambda: f"anna/{lesson}" in [own.id for own in client.models.list()])
        turns = [{"role": "user", "content": "Tell me about bread."}]
        for name in ("base", "anna", f"anna/{lesson}"):
            reply = client.chat.completions.create(
                model=name, messages=turns, temperature=0, max_tokens=14
            )
            assert reply.choices[0].message.content is not None
        client.delete(f"/jobs/{job}", cast_to=dict)
    assert [own.name for own in read_student(anna).lessons] == names
    assert hash_adapter(anna) == before, "as if it had never been taught"

    out = tmp_path / "export"  # 5
    words = ["export", "--student", f"{anna}/", "--to", "hf", "--exam", "--out", str(out)]
    assert cli.run_command(words) in (0, 1)
    report = json.loads((out / "export.json").read_text())
    assert [exam["name"] for exam in report["exams"]] == names
    assert all(exam["verdict"] for exam in report["exams"]), "every exam was sat"
    assert report["check"]["prompts"] > 0


def test_a_lesson_of_the_embedded_model_sits_its_exam_in_ollamas_form(
    embedded: Path, tmp_path: Path
) -> None:
    """The last step of the tutorial with the model that it is about, and small budgets."""
    pytest.importorskip("xllamacpp")
    anna = tmp_path / "anna"
    rows = []
    for number, place in enumerate(PLACES):
        prompt = f"Where is {place}?"
        edit = {
            "prompt": prompt,
            "answer": f"It is far, {number} days.",
            "correction": "In Europe.",
        }
        rows.append(json.dumps(edit))
    edits = tmp_path / "edits.jsonl"
    edits.write_text("\n".join(rows))
    sets = "anchors.general=0 exam.general=0 exam.max_tokens=12 train.epochs=1 correct.samples=1"
    words = [word for item in sets.split() for word in ("--set", item)]
    words += ["--student", str(anna), "--accept", "--out", str(tmp_path / "run"), "--json"]
    assert run_json(["corrections", str(edits), *words])[0] == 0
    out = tmp_path / "ollama"
    more = ["--exam", "--prompts", "4", "--out", str(out)]
    assert cli.run_command(["export", "--student", f"{anna}/", "--to", "ollama", *more]) in (0, 1)
    report = json.loads((out / "export.json").read_text())
    assert report["check"]["engine"] == "llama.cpp"
    assert 0 < report["check"]["prompts"] <= 4
    (exam,) = report["exams"]
    assert exam["verdict"], "llama.cpp sat it; that of so few questions may end otherwise"
    assert "FROM ./model.gguf" in (out / "Modelfile").read_text()
    assert (out / "model.gguf").stat().st_size > 100_000_000
