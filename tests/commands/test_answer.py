"""`selfteach answer` and `chat` over a tiny random model: what is read, what is written, what is
refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli, results
from selfteach.commands import answer
from selfteach.errors import DataError
from selfteach.materials.corrections import read_prompts
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Message, Request, get_user_text
from selfteach.run.run_folder import make_slug


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_conversation_without_a_user_is_no_question() -> None:
    """The model would write the message of the user, and return it as its answer."""
    with pytest.raises(DataError, match="question 2: has no message of the user"):
        results.read_question([{"role": "system", "content": "Say hello."}], "", 2)


def test_equal_text_prompts_are_answered_once(
    tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("p.txt").write_text("Tell me about music.\n\nYes?\nTell me about music.\n")
    assert (
        cli.run_command(
            ["answer", "--model", str(tiny), "--in", "p.txt", "--engine", "hf", "--max-tokens", "5"]
        )
        == 0
    )
    out = f"p.{make_slug(tiny.name)}.answers.jsonl"
    found = rows(out)
    assert [(row["id"], row["prompt"]) for row in found] == [
        ("1", "Tell me about music."),
        ("3", "Yes?"),
        ("4", "Tell me about music."),
    ]
    assert found[0]["answers"] == found[2]["answers"]
    assert all(len(row["answers"]) == 1 for row in found)
    assert capfd.readouterr().out == f"{out}\n"
    assert sorted(path.name for path in Path().iterdir()) == [out, "p.txt"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (answer.AnswerOptions(run=Path("runs/Elephants")), "elephants"),
        (answer.AnswerOptions(run=Path("runs/a"), adapter="reft-own"), "a-reft-own"),
        (answer.AnswerOptions(model="Qwen/Qwen3-0.6B"), "qwen3-0-6b"),
    ],
)
def test_the_answers_of_each_model_have_a_file_of_their_own(
    options: answer.AnswerOptions, name: str
) -> None:
    assert answer.name_answering_model(options) == name


@pytest.mark.parametrize(
    "words",
    [
        ["answer", "--in", "p.txt", "--model", "embedded", "--out", "old.jsonl"],
        ["overlap", "r.jsonl", "--field", "prompt", "--out", "old.jsonl"],
        ["overlap", "r.jsonl", "--field", "prompt", "--out", "n", "--dropped", "old.jsonl"],
    ],
)
def test_no_file_is_written_over_without_force(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    Path("p.txt").write_text("Yes?\n")
    Path("r.jsonl").write_text('{"prompt": "Sing."}\n')
    Path("old.jsonl").write_text("mine")
    assert cli.run_command(words) == 2
    assert "old.jsonl: exists already. Give another path, or --force" in capfd.readouterr().err
    assert Path("old.jsonl").read_text() == "mine"
    if words[0] == "overlap":
        assert cli.run_command([*words, "--force"]) == 0
        assert Path("old.jsonl").read_text() != "mine"


def test_completions_follow_the_seed_and_not_the_company(
    tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("a.jsonl").write_text(
        '{"id": "x", "prompt": "Yes?"}\n{"id": "y", "messages": [{"role": "user", '
        '"content": "No?"}]}\n'
    )
    Path("b.jsonl").write_text('{"id": "only", "prompt": "No?"}\n')
    common = [
        "--model",
        str(tiny),
        "--engine",
        "hf",
        "--samples",
        "3",
        "--temperature",
        "1",
        "--max-tokens",
        "6",
    ]
    assert cli.run_command(["answer", "--in", "a.jsonl", "--out", "a.out", *common, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["prompts"] == 2
    assert cli.run_command(["answer", "--in", "b.jsonl", "--out", "b.out", *common]) == 0
    assert (
        cli.run_command(["answer", "--in", "b.jsonl", "--out", "c.out", *common, "--seed", "1"])
        == 0
    )
    (x, y) = rows("a.out")
    (only,) = rows("b.out")
    (other,) = rows("c.out")
    assert (x["id"], y["prompt"]) == ("x", [{"role": "user", "content": "No?"}])
    assert len(set(y["answers"])) > 1
    assert y["answers"] == only["answers"] != other["answers"]


def test_a_run_answers_with_its_adapter(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("run/adapter").mkdir(parents=True)
    Path("run/adapter/adapter_config.json").write_text("{}")
    Path("run/config.yaml").write_text(f"model: {tiny}\nseed: 0\n")
    Path("p.txt").write_text("Yes?\n")
    load = HfModel.load
    seen = []
    monkeypatch.setattr(
        HfModel,
        "load",
        lambda name, *, adapter=None, progress=None: seen.append((name, adapter)) or load(name),
    )
    assert (
        cli.run_command(
            ["answer", "--run", "run", "--in", "p.txt", "--engine", "hf", "--max-tokens", "3"]
        )
        == 0
    )
    assert seen == [(str(tiny), Path("run/adapter"))]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "\n \n", "p.txt: holds no prompt"),
        ("p.txt", "ok\n\udcff\n", "p.txt:2: not UTF-8"),
        (
            "p.jsonl",
            '{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}\n',
            'p.jsonl:2: the id "1" stands twice',
        ),
        (
            "p.jsonl",
            '{"id": 1, "prompt": "a"}\n{"id": 2}\n',
            'p.jsonl:2: needs either "prompt" or "messages"',
        ),
        (
            "p.jsonl",
            '{"id": 1, "prompt": "  "}\n',
            'p.jsonl:1: needs either "prompt" or "messages"',
        ),
        (
            "p.jsonl",
            '{"id": 1, "messages": [{"role": "user", "content": " "}]}\n',
            "p.jsonl:1: the last turn must be the user's",
        ),
        (
            "p.jsonl",
            '{"id": 1, "messages": [{"role": "robot", "content": "x"}]}\n',
            "p.jsonl:1: not a message",
        ),
        ("p.jsonl", "[1]\n", "p.jsonl:1: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line(name: str, text: str, words: str) -> None:
    Path(name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        answer.read_prompt_rows(Path(name))
    assert str(caught.value).startswith(words)


def test_a_prompt_without_an_id_has_its_number() -> None:
    """So does one whose id is null, as tables with empty cells are exported."""
    Path("p.jsonl").write_text(
        '{"id": null, "prompt": "a"}\n{"prompt": "b"}\n{"id": 0, "prompt": "c"}'
    )
    assert [row.id for row in answer.read_prompt_rows(Path("p.jsonl"))] == ["1", "2", "0"]
    Path("p.jsonl").write_text('{"id": 2, "prompt": "a"}\n{"prompt": "b"}\n{"prompt": "c"}')
    assert [row.id for row in answer.read_prompt_rows(Path("p.jsonl"))] == ["2", "p.jsonl:2", "3"]


@pytest.mark.parametrize(
    ("name", "text", "prompts"),
    [
        ("p.txt", "Yes?\rNo?\n\fWhy?\n", ["Yes?", "No?", "Why?"]),
        ("p.jsonl", '{"prompt": "Yes?", "messages": null}\n{"Prompt": "No?"}', ["Yes?", "No?"]),
    ],
)
def test_prompts_are_read_as_corrections_reads_them(
    name: str, text: str, prompts: list[str]
) -> None:
    Path(name).write_bytes(text.encode())
    assert [row.original for row in answer.read_prompt_rows(Path(name))] == prompts
    read = [get_user_text(prompt) for prompt in read_prompts(Path(name)).prompts]
    assert [prompt.strip() for prompt in read] == prompts


def test_repaired_prompts_are_told(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("p.txt").write_text("Yes\x00?\nNo?\n")
    line = ["answer", "--model", str(tiny), "--in", "p.txt", "--engine", "hf", "--max-tokens", "3"]
    assert cli.run_command(line) == 0
    told = capfd.readouterr().err
    assert "repaired rows: 1\n" in told
    assert "p.txt:1: unsafe characters replaced\n" in told


def test_a_system_message_goes_before_every_prompt_but_not_before_another() -> None:
    Path("p.txt").write_text("Yes?\n")
    assert answer.read_prompt_rows(Path("p.txt"), "Be brief.")[0].prompt == (
        Message("system", "Be brief."),
        Message("user", "Yes?"),
    )
    Path("p.jsonl").write_text(
        '{"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]}\n'
    )
    with pytest.raises(DataError, match="has a system message of its own"):
        answer.read_prompt_rows(Path("p.jsonl"), "Be brief.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--samples", "2", "--model", "x"], "greedy samples are all the same"),
        ([], "give either --run DIR or --model M"),
        (["--model", "x", "--run", "y"], "give either --run DIR or --model M"),
        (["--model", "embeded"], 'Did you mean "embedded"?'),
        (["--model", "embedded", "--out", "."], ".: is a folder. Give the path of a file."),
        (
            ["--model", "embedded", "--out", "../{here}/p.txt"],
            "p.txt: is read or written twice. Give each file a path of its own.",
        ),
        (
            ["--model", "embedded", "--engine", "openvno"],
            'there is no engine "openvno". Did you mean "openvino"?',
        ),
    ],
)
def test_contradictions_are_refused_and_leave_no_file(
    arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("p.txt").write_text("Yes?\n")
    assert (
        cli.run_command(
            ["answer", "--in", "p.txt", *(word.format(here=Path.cwd().name) for word in arguments)]
        )
        == 2
    )
    assert words in capfd.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["p.txt"]
    assert Path("p.txt").read_text() == "Yes?\n"


def test_a_broken_engine_leaves_the_old_answers(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("p.txt").write_text("Yes?\nNo?\n")
    Path("out.jsonl").write_text("old")
    stream = HfModel.stream

    def one_then_none(self: HfModel, requests: Any) -> Any:
        yield next(iter(stream(self, requests)))
        raise RuntimeError("broken")

    monkeypatch.setattr(HfModel, "stream", one_then_none)
    assert (
        cli.run_command(
            [
                "answer",
                "--model",
                str(tiny),
                "--in",
                "p.txt",
                "--out",
                "out.jsonl",
                "--engine",
                "hf",
                "--max-tokens",
                "3",
                "--force",
            ]
        )
        == 70
    )
    assert sorted((path.name, path.read_text()[:3]) for path in Path().iterdir()) == [
        ("out.jsonl", "old"),
        ("p.txt", "Yes"),
    ]


@pytest.mark.parametrize(
    ("samples", "words"),
    [(1, 'no answer came to prompt "2" (lost it).'), (7, "(lost it), and 2 more.")],
)
def test_a_lost_request_is_an_error_that_names_its_row(
    samples: int,
    words: str,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lose_requests(monkeypatch, "Lost?")
    Path("p.txt").write_text("Yes?\n" + "Lost?\n" * samples + "No?\n")
    line = ["answer", "--model", str(tiny), "--in", "p.txt", "--out", "o", "--max-tokens", "3"]
    assert cli.run_command([*line, "--engine", "hf"]) == 3
    assert words in capfd.readouterr().err
    assert not Path("o").exists()


def test_a_lost_answer_is_named_in_python_and_in_a_chat(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lose_requests(monkeypatch, "Lost?")
    model = results.open_model(None, str(tiny), engine="hf")
    with pytest.raises(DataError, match=r"no answer came to question 2 \(lost it\)"):
        model.answer(["Yes?", "Lost?"], max_tokens=3)
    monkeypatch.setattr("sys.stdin", io.StringIO("Lost?\nYes?\n"))
    assert cli.run_command(["chat", "--model", str(tiny), "--engine", "hf"]) == 0
    assert "no answer came to the conversation (lost it)." in capfd.readouterr().err


def lose_requests(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    """Let the model lose each request for a question, as an engine with a full cache does."""
    stream = HfModel.stream

    def lose(self: HfModel, requests: Sequence[Request]) -> Iterator[Completion]:
        asked = [request for request in requests if request.prompt[-1].content == question]
        self.failures = [(request.id(self.fingerprint), "lost it") for request in asked]
        yield from stream(self, [request for request in requests if request not in asked])

    monkeypatch.setattr(HfModel, "stream", lose)


def test_a_chat_remembers_forgets_and_ends(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Message, ...]] = []
    stream = HfModel.stream
    monkeypatch.setattr(
        HfModel,
        "stream",
        lambda self, requests: asked.extend(r.prompt for r in requests) or stream(self, requests),
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("Yes?\n\nNo?\n/reset\nAgain?\n/quit\nnever\n"))
    assert (
        cli.run_command(
            [
                "chat",
                "--model",
                str(tiny),
                "--engine",
                "hf",
                "--max-tokens",
                "4",
                "--system",
                "Be brief.",
            ]
        )
        == 0
    )
    assert [[m.role for m in turns] for turns in asked] == [
        ["system", "user"],
        ["system", "user", "assistant", "user"],
        ["system", "user"],
    ]
    assert asked[2][-1].content == "Again?"
    assert capfd.readouterr().out.count("> ") == 6


def test_ctrl_c_drops_one_answer_with_its_question(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Message, ...]] = []
    stream = HfModel.stream

    def interrupted(self: HfModel, requests: list[Request]) -> Iterator[Completion]:
        asked.extend(r.prompt for r in requests)
        if asked[-1][-1].content == "Long?":
            raise KeyboardInterrupt
        yield from stream(self, requests)

    monkeypatch.setattr(HfModel, "stream", interrupted)
    monkeypatch.setattr("sys.stdin", io.StringIO("Yes?\nLong?\nNo?\n/quit\n"))
    assert (
        cli.run_command(["chat", "--model", str(tiny), "--engine", "hf", "--max-tokens", "4"]) == 0
    )
    assert [m.content for m in asked[2] if m.role == "user"] == ["Yes?", "No?"]
    assert "this answer is dropped" in capfd.readouterr().err


def test_a_conversation_that_no_longer_fits_says_so(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Yes? " * 600 + "\nNo?\n"))
    assert (
        cli.run_command(["chat", "--model", str(tiny), "--engine", "hf", "--max-tokens", "4"]) == 0
    )
    assert "/reset begins a new one" in capfd.readouterr().err
