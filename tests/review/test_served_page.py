"""The page's protocol, on a real socket: what it says is saved is on disk, and what it cannot do it
says.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from browser import wait_until
from service import ROWS, Page, read_corrections, serve_page, write_ledger

import warm
from selfteach.errors import ResourceError
from selfteach.review import queue
from selfteach.review.page import WEB_FOLDER


def test_an_edit_is_on_disk_when_the_page_says_so(page: Page, path: Path) -> None:
    with page.open():
        item = page.state["item"]
        assert (page.state["run"], item["prompt"], item["answer"]) == (
            "trial",
            ROWS[0]["prompt"],
            ROWS[0]["answer"],
        )
        status, state = page.post("save", {"id": item["id"], "text": "The colour is grey."})
        assert (status, state["progress"]["done"], state["item"]["answer"]) == (
            200,
            1,
            "Two miles.",
        )
        assert [row["correction"] for row in read_corrections(path)] == ["The colour is grey."]


def test_the_whole_work(page: Page, path: Path) -> None:
    with page.open():
        first = page.state["item"]["id"]
        page.post("draft", {"id": first, "text": "The"})
        _, state = page.post("skip", {"id": first})
        _, state = page.post("accept", {"id": state["item"]["id"]})
        _, state = page.post("undo")
        assert state["item"]["answer"] == "Two miles."
        _, state = page.post("accept", {"id": state["item"]["id"]})
        _, state = page.post("accept", {"id": state["item"]["id"]})
        assert state["item"] is None
        assert state["progress"] == {
            "waiting": 0,
            "edited": 0,
            "unchanged": 2,
            "skipped": 1,
            "total": 3,
            "done": 3,
        }
        _, state = page.post("again")
        assert state["item"]["id"] == first
    assert [row["answer"] for row in read_corrections(path)] == ["Two miles.", "Yes."]


def test_undo_shows_the_answer_that_came_back_wherever_it_stands(page: Page) -> None:
    with page.open():
        ids = [page.state["item"]["id"]]
        ids.append(page.post("skip", {"id": ids[0]})[1]["item"]["id"])
        page.post("accept", {"id": ids[1]})
        page.post("again")
        assert page.post("undo")[1]["item"]["id"] == ids[1]


def test_finish_ends_the_service(path: Path) -> None:
    with serve_page(path) as page, page.open() as line:
        assert page.post("finish")[0] == 200
        assert line.read() == b"", "the line ends with the service"


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("save", {"text": "  "}, 422, "empty"),
        ("save", {"id": "unknown", "text": "x"}, 409, "does not wait"),
        ("save", [1], 422, "not a JSON object"),
        ("save", {"id": 7, "text": None}, 422, "empty"),
        ("save", {"text": "x" * (1 << 20)}, 422, "longer"),
    ],
)
def test_what_cannot_be_done_is_reported(
    page: Page, name: str, body: object, status: int, words: str
) -> None:
    with page.open():
        body = {"id": page.state["item"]["id"], **body} if isinstance(body, dict) else body
        found, reply = page.post(name, body)
        assert found == status
        assert words in reply["error"]


def test_a_full_disk_is_reported_and_nothing_is_shown_as_saved(
    page: Page, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ResourceError("the disk is full.")

    monkeypatch.setattr(queue, "save_correction", full)
    with page.open():
        assert page.post("save", {"id": page.state["item"]["id"], "text": "x"}) == (
            507,
            {"error": "the disk is full."},
        )
    assert read_corrections(path) == []


def test_a_run_whose_name_is_no_utf_8_is_reviewed(path: Path) -> None:
    """So Python reads a folder that another system named in its own encoding."""
    with serve_page(path, "caf\udce9") as page, page.open():
        status, state = page.post("accept", {"id": page.state["item"]["id"]})
        assert status == 200
        assert state["run"] == page.state["run"] == "caf\ufffd"


def test_a_tab_that_could_not_be_shown_takes_no_seat(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ResourceError("the disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(queue, "count_progress", full)
        with page.open() as reply:
            assert reply.status == 507
    with page.open() as reply:
        assert reply.status == 200, "the link is not used up, and no tab is open"


def test_a_reload_keeps_the_seat_and_a_closed_tab_gets_a_new_link(page: Page) -> None:
    page.open().close()
    line = wait_until(
        lambda: (found := page.open(key=page.key)).status == 200 and found, "the seat"
    )
    line.close()
    link = wait_until(lambda: len(page.lines) == 3 and page.lines[2], "a new link")
    with page.open(token=link.rpartition("#")[2]) as line:
        assert line.status == 200


def test_the_files_hold_nothing_remote_and_nothing_that_writes_markup() -> None:
    for file in WEB_FOLDER.iterdir():
        text = file.read_text("utf-8")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text.replace("// ", "")), (
            file.name
        )
        assert not re.search(
            (
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new "
                r"Function|\son\w+="
            ),
            text,
        ), file.name


def test_kill_9_after_save_loses_nothing(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "run")
    program = warm.Process(["-m", "selfteach", "review", "--run", tmp_path / "run", "--no-browser"])
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/#(\S+)", program.stdout.readline())
        assert found
        page = Page(int(found[1]), found[2])
        with page.open():
            _, state = page.post(
                "save", {"id": page.state["item"]["id"], "text": "The colour is grey."}
            )
            page.post("draft", {"id": state["item"]["id"], "text": "Three kilo"})
            program.kill()
    finally:
        program.close()
    assert [row["correction"] for row in read_corrections(path)] == ["The colour is grey."]
    with serve_page(path) as page, page.open():
        assert page.state["progress"]["done"] == 1
        assert page.state["item"]["draft"] == "Three kilo"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "inside", ["", "with handle_interrupts(lambda line: print(line, flush=True)): "]
)
def test_a_signal_ends_it_in_order_with_the_tab_open(
    tmp_path: Path, number: signal.Signals, inside: str
) -> None:
    write_ledger(tmp_path / "run")
    body = f"{inside}review_answers(Path('run'), 0, browser=False, terminal=False)"
    names = (
        "pathlib import Path",
        "selfteach.commands.review import review_answers",
        "selfteach.run.signals import handle_interrupts",
    )
    imports = "import sys\n" + "\n".join(f"from {name}" for name in names)
    code = f"{imports}\ntry:\n    {body}\nexcept KeyboardInterrupt:\n    sys.exit(130)"
    program = warm.Process(["-c", code], cwd=tmp_path)
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/#(\S+)", program.stdout.readline())
        assert found
        with Page(int(found[1]), found[2]).open():
            program.send_signal(number)
            output = program.stdout.read()
            assert program.wait(60) == 130
        assert "0 of 3 reviewed" in output
    finally:
        program.close()
