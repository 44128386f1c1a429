"""A push to a hub: what arrives there, who may push, and what a refusal looks like."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lesson_runs import script, write_run
from lessons import write_lesson
from selfteach import cli
from selfteach.export.unpushed import read_unpushed
from selfteach.models.check_safety import compute_fingerprint
from selfteach.students.folder import open_student
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.take_back import switch_lessons

TOKEN = "hf_only_in_the_environment"


def is_private(given: dict[str, Any]) -> bool:
    """Return whether a request wants a repository that nobody else reads."""
    return given.get("private") is True or given.get("visibility") == "private"


class FakeHub(ThreadingHTTPServer):
    """Keep what is pushed, for one token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeHubHandler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.commits: list[str] = []


class FakeHubHandler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path != "/api/validate-yaml" and self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.reply(401, {"error": "who are you?"})
        if self.path == "/api/validate-yaml":
            return self.reply(200, {"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            given = json.loads(body)
            kind = given.get("type", "model")
            name = f"{given['organization']}/{given['name']}"
            known = self.server.repositories
            status = 409 if f"{kind}s/{name}" in known else 200
            known.setdefault(f"{kind}s/{name}", given)
            prefix = "datasets/" if kind == "dataset" else ""
            return self.reply(status, {"url": f"{self.server.address}/{prefix}{name}"})
        parts = self.path.removeprefix("/api/").split("/")
        repository, action = "/".join(parts[:3]), parts[3]
        if action == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.reply(200, {"files": files})
        assert action == "commit"
        rows = [json.loads(line) for line in body.splitlines()]
        for row in rows:
            if row["key"] == "file":
                value = row["value"]
                content = base64.b64decode(value["content"])
                self.server.files.setdefault(repository, {})[value["path"]] = content
        self.server.commits.append(repository)
        url = f"{self.server.address}/{repository}/commit/1"
        return self.reply(200, {"success": True, "commitUrl": url, "commitOid": "1" * 40})

    def do_GET(self) -> None:
        repository = self.path.removeprefix("/api/")
        given = self.server.repositories.get(repository)
        if given is None:
            self.reply(404, {"error": "nothing here"})
        else:
            name = repository.partition("/")[2]
            self.reply(200, {"id": name, "private": is_private(given)})

    do_HEAD = do_GET

    def reply(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server = FakeHub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def lesson(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lesson(tiny, tmp_path_factory.mktemp("runs") / "elephants")


def push(run: Path, out: Path, *more: str) -> int:
    command = ["export", "--run", str(run), "--to", "hub:me/mine", "--json", "--out", str(out)]
    return cli.run_command([*command, "--prompts", "2", *more])


def test_the_adapter_its_card_and_its_examples_arrive(
    hub: FakeHub, lesson: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert push(lesson, tmp_path / "out") == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["pushed"] == [
        f"{hub.address}/datasets/me/mine-examples",
        f"{hub.address}/me/mine",
    ]
    model = hub.files["models/me/mine"]
    adapter = lesson / "adapter" / "adapter_model.safetensors"
    assert model["adapter_model.safetensors"] == adapter.read_bytes()
    card = model["README.md"].decode()
    assert 'PeftModel.from_pretrained(base, "me/mine")' in card
    assert "transformers and PEFT gave 2 of 2 greedy answers" in card
    data = hub.files["datasets/me/mine-examples"]
    assert data["examples.jsonl"] == (lesson / "examples.jsonl").read_bytes()
    assert len(hub.repositories) == 2
    assert all(map(is_private, hub.repositories.values()))
    assert len(hub.commits) == 2
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert TOKEN.encode() not in written
    assert TOKEN not in printed.out + printed.err


@pytest.mark.long
def test_a_student_arrives_as_the_sum_of_its_lessons_with_the_examples_of_all(
    hub: FakeHub, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The third lesson is off: neither its adapter nor its examples leave the machine."""
    anna = tmp_path / "anna"
    base = compute_fingerprint(tiny)
    for seed, name in enumerate("abc"):
        run = write_run(
            tmp_path / name,
            f"Do not {name}.",
            seed,
            base=base,
            model=str(tiny),
            examples=[{"id": f"{name}{number}"} for number in range(2)],
        )
        with open_student(anna, partial(begin_state, run)) as opened:
            add_lesson(opened, run, script())
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-c"], on=False)
    words = ["export", "--student", f"{anna}/", "--to", "hub:me/anna", "--prompts", "2", "--json"]
    assert cli.run_command([*words, "--out", str(tmp_path / "out")]) == 0, capfd.readouterr().err
    assert json.loads(capfd.readouterr().out)["pushed"] == [
        f"{hub.address}/datasets/me/anna-examples",
        f"{hub.address}/me/anna",
    ]
    model = hub.files["models/me/anna"]
    whole = anna / "adapter/adapter_model.safetensors"
    assert model["adapter_model.safetensors"] == whole.read_bytes()
    card = model["README.md"].decode()
    assert "Do not a" in card
    assert "Do not b" in card
    assert "Do not c" not in card
    assert 'PeftModel.from_pretrained(base, "me/anna")' in card
    data = hub.files["datasets/me/anna-examples"]["examples.jsonl"].decode().splitlines()
    assert [json.loads(line)["id"] for line in data] == ["a0", "a1", "b0", "b1"]


@pytest.mark.parametrize("name", ["models/me/mine", "datasets/me/mine-examples"])
def test_nothing_is_pushed_into_a_public_repository_unasked(
    name: str, hub: FakeHub, lesson: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.repositories[name] = {"private": False}
    assert push(lesson, tmp_path / "out") == 2
    kind = name.partition("s/")[0]
    assert f"the {kind} {name.partition('/')[2]} is there already, and everybody" in (
        capfd.readouterr().err
    )
    assert not hub.files
    assert push(lesson, tmp_path / "out", "--public") == 0
    assert len(hub.files) == 2


def test_a_wrong_token_is_one_line_and_the_same_command_pushes_what_is_written(
    hub: FakeHub,
    lesson: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert push(lesson, tmp_path / "out", "--public") == 4
    err = capfd.readouterr().err
    assert "hub:me/mine: the hub refuses or cannot be reached" in err
    assert "hf_another" not in err
    out = tmp_path / "out"
    assert f" The export stays in {out}. " in err
    assert "The same command pushes it without writing it again." in err
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not hub.files
    card = (out / "README.md").stat().st_mtime_ns
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert push(lesson, out, "--public") == 0
    printed = capfd.readouterr()
    assert f"{out} is written and checked already; it is pushed" in printed.err
    pushed = json.loads(printed.out)["pushed"]
    assert pushed == [f"{hub.address}/datasets/me/mine-examples", f"{hub.address}/me/mine"]
    assert (out / "README.md").stat().st_mtime_ns == card
    assert hub.files["models/me/mine"].keys() == {path.name for path in out.iterdir()}
    assert json.loads((out / "export.json").read_text())["pushed"] == pushed
    assert push(lesson, out, "--public") == 2, "it has arrived"
    assert "exists already" in capfd.readouterr().err


@pytest.mark.parametrize("change", ["weights", "more", "link", "failed", "other", "torn"])
def test_a_folder_that_is_not_what_the_command_wrote_is_not_pushed(
    change: str,
    hub: FakeHub,
    lesson: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A student may have learned since, or a folder from elsewhere may hold a link to a key."""
    out = tmp_path / "out"
    shutil.copytree(lesson / "adapter", out)
    (out / "README.md").write_text("# A card")
    if (lesson / "exam.json").exists():
        shutil.copy(lesson / "exam.json", out)
    found: dict[str, Any] = {"form": "hub:me/mine", "check": {"passed": True}, "exams": []}
    report = out / "export.json"
    report.write_text(json.dumps(found))
    adapter = lesson / "adapter"
    assert read_unpushed(out, "hub:me/mine", lesson, adapter) == found
    if change == "weights":
        (out / "adapter_model.safetensors").write_bytes(b"other")
    elif change == "more":
        (out / "notes.txt").write_text("mine")
    elif change == "link":
        (out / "README.md").unlink()
        (out / "README.md").symlink_to(lesson / "exam.json")
    elif change == "failed":
        report.write_text(json.dumps(found | {"check": {"passed": False}}))
    elif change == "other":
        report.write_text(json.dumps(found | {"form": "hub:me/other"}))
    else:
        report.write_text("[")
    assert push(lesson, out) == 2
    assert "exists already" in capfd.readouterr().err
    assert not hub.files


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "127.0.0.1:9"])
def test_a_hub_that_cannot_be_reached_is_one_line(
    address: str,
    hub: FakeHub,
    lesson: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert push(lesson, tmp_path / "out") == 4
    assert "hub:me/mine: the hub refuses or cannot be reached" in capfd.readouterr().err
