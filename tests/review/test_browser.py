"""The page in a real browser: typed like a person, read back from the ledger."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import CHROMIUM, CTRL, Browser, Tab, wait_until
from service import ROWS, Page, read_corrections, serve_page, write_ledger

from selfteach.review import queue
from selfteach.run.ledger import Ledger

pytest.importorskip("websockets.sync.client")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")]
HOSTILE = [
    {
        "prompt": "<script>window.pwned = 1</script><b>bold</b>",
        "answer": (
            "<img src=x onerror='window.pwned = 2'></textarea><script>window.pwned = 3</script>"
        ),
    },
    {
        "prompt": [
            {"role": "<i>user", "content": "\u202egnp.exe \x1b[2J"},
            {"role": "user", "content": "{{7*7}} ${7*7}"},
        ],
        "answer": "</ins><svg onload='window.pwned = 4'>",
    },
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@contextmanager
def opened(browser: Browser, page: Page) -> Iterator[Tab]:
    tab = browser.tab(f"{page.origin}/#{page.token}")
    tab.shows("which", "Answer")
    wait_until(lambda: tab.js("document.readyState") == "complete", "the style of the page")
    yield tab
    tab.close()


@pytest.fixture
def tab(browser: Browser, page: Page) -> Iterator[Tab]:
    browser.events.clear()
    with opened(browser, page) as tab:
        yield tab


def retype(tab: Tab, text: str) -> None:
    tab.js("document.getElementById('text').select()")
    tab.type(text)


def test_type_save_and_find_it_in_the_corrections(tab: Tab, path: Path) -> None:
    assert tab.text("prompt") == ROWS[0]["prompt"]
    assert tab.js("document.activeElement.id") == "work"
    tab.key("e")
    retype(tab, "The colour is grey.")
    assert tab.js(
        "[...document.querySelectorAll('del, ins')].map(e => e.tagName + ' ' + e.textContent)"
    ) == [
        "DEL [out: color]",
        "INS [in: colour]",
        "DEL [out: gray!]",
        "INS [in: grey.]",
    ]
    assert tab.text("amount") == "2 words out, 2 in"
    tab.key("Enter", CTRL)
    tab.shows("status", "Saved.")
    tab.shows("which", "Answer 2 of 3")
    assert [row["correction"] for row in read_corrections(path)] == ["The colour is grey."]
    assert tab.js("document.activeElement.id") == "text", "who typed goes on typing"


def test_the_whole_work_by_keyboard(tab: Tab, path: Path) -> None:
    tab.key("a")
    tab.shows("which", "Answer 2")
    tab.key("s")
    tab.shows("which", "Answer 3")
    tab.key("a")
    tab.shows("done-head", "All 3")
    assert tab.text("result").startswith("0 edited, 2 accepted as is, 1 skipped.")
    tab.key("g")
    tab.shows("prompt", "How far is it?")
    tab.key("u")
    tab.shows("prompt", "Say yes.")
    tab.key("Tab")
    assert tab.js("document.activeElement.id") == "text", "the first stop is the text"
    tab.key("Escape")
    tab.key("a")
    tab.shows("prompt", "How far")
    tab.key("a")
    tab.shows("done-head", "All 3")
    tab.key("f")
    tab.shows("closed-head", "Finished")
    assert len(read_corrections(path)) == 3


def test_what_would_lose_words_is_not_done(tab: Tab, path: Path) -> None:
    tab.key("Enter", CTRL)
    tab.shows("status", "Nothing is changed.")
    tab.key("e")
    retype(tab, "Mine.")
    tab.key("Escape")
    tab.key("a")
    tab.shows("status", "The text is changed.")
    tab.key("r")
    assert tab.js("document.getElementById('text').value") == ROWS[0]["answer"]
    retype(tab, " ")
    tab.key("Enter", CTRL)
    tab.shows("status", "The text is empty.")
    assert read_corrections(path) == []


def test_words_that_were_typed_just_before_a_decision_are_a_draft(tab: Tab) -> None:
    tab.key("a")
    tab.shows("which", "Answer 2")
    tab.key("e")
    retype(tab, "Three miles.")
    tab.js("document.getElementById('undo').click()")
    tab.shows("which", "Answer 1")
    tab.key("Escape")
    tab.key("a")
    tab.shows("which", "Answer 2")
    assert tab.js("document.getElementById('text').value") == "Three miles."
    retype(tab, "Four miles.")
    tab.js("document.getElementById('skip').click()")
    tab.shows("which", "Answer 3")
    tab.js("document.getElementById('undo').click()")
    tab.shows("which", "Answer 2")
    assert tab.js("document.getElementById('text').value") == "Four miles."


def test_an_undone_edit_is_in_the_field_again(tab: Tab, path: Path) -> None:
    tab.key("e")
    retype(tab, "Blue.")
    tab.key("Enter", CTRL)
    tab.shows("which", "Answer 2")
    tab.key("Escape")
    tab.key("u")
    tab.shows("status", "Taken back.")
    assert tab.js("document.getElementById('text').value") == "Blue."
    assert read_corrections(path) == []


def test_a_second_tab_is_refused_and_the_first_goes_on(
    browser: Browser, tab: Tab, page: Page
) -> None:
    second = browser.tab(f"{page.origin}/#{page.token}")
    second.shows("closed-head", "Open in another tab")
    assert second.text("which") == ""
    second.close()
    tab.key("a")
    tab.shows("which", "Answer 2")


def test_a_reload_goes_on(tab: Tab) -> None:
    tab.key("a")
    tab.shows("which", "Answer 2")
    tab.call("Page.reload")
    time.sleep(0.2)
    tab.shows("which", "Answer 2")
    tab.key("a")
    tab.shows("which", "Answer 3")
    assert tab.js("location.href").endswith("/"), "the token is in no address and so in no history"


def test_kill_9_after_save_and_amid_the_next_edit(browser: Browser, tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "run")
    program = subprocess.Popen(
        [sys.executable, "-m", "selfteach", "review", "--run", tmp_path / "run", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/#(\S+)", program.stdout.readline())
        assert found
        with opened(browser, Page(int(found[1]), found[2])) as tab:
            tab.key("e")
            retype(tab, "The colour is grey.")
            tab.key("Enter", CTRL)
            tab.shows("status", "Saved.")
            retype(tab, "Three kilo")
            wait_until(lambda: draft_of(path) == "Three kilo", "the draft")
            os.kill(program.pid, signal.SIGKILL)
            tab.shows("alert", "The program has stopped.")
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    assert [row["correction"] for row in read_corrections(path)] == ["The colour is grey."]
    with serve_page(path) as page, opened(browser, page) as tab:
        tab.shows("count", "1 of 3 reviewed")
        assert tab.js("document.getElementById('text').value") == "Three kilo"


def draft_of(path: Path) -> str:
    ledger = Ledger(path, readonly=True)
    try:
        return "".join(item.draft for item in queue.list_waiting(ledger))
    finally:
        ledger.close()


def test_hostile_text_is_inert(browser: Browser, tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "run", HOSTILE)
    with serve_page(path) as page, opened(browser, page) as tab:
        skeleton = (
            "JSON.stringify([...document.querySelectorAll('#work *')].map(e => "
            "e.tagName).filter(t => t !== 'SPAN'))"
        )
        assert tab.text("prompt") == HOSTILE[0]["prompt"]
        assert tab.js("document.getElementById('text').value") == HOSTILE[0]["answer"]
        assert tab.text("difference") == HOSTILE[0]["answer"]
        before = tab.js(skeleton)
        tab.key("e")
        tab.type("<script>window.pwned = 5</script>")
        assert set(re.findall(r"\w+", tab.js(skeleton))) - set(re.findall(r"\w+", before)) == {
            "INS"
        }
        tab.key("Enter", CTRL)
        tab.shows("which", "Answer 2")
        assert "gnp.exe \ufffd[2J" in tab.text("prompt")
        assert "{{7*7}} ${7*7}" in tab.text("prompt")
        assert tab.js("window.pwned") is None
        assert (
            tab.js(
                "document.querySelectorAll('#work script, #work img, #work svg, #work i').length"
            )
            == 0
        )
        with pytest.raises(AssertionError, match="TrustedHTML"):
            tab.js("document.body.innerHTML = '<b>x</b>'")
    assert (
        read_corrections(path)[0]["correction"]
        == str(HOSTILE[0]["answer"]) + "<script>window.pwned = 5</script>"
    )


def test_no_error_no_request_to_elsewhere(browser: Browser, tab: Tab, page: Page) -> None:
    tab.key("a")
    tab.shows("which", "Answer 2")
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.endswith("/api/accept") for url in asked)
    assert [url for url in asked if not url.startswith((page.origin, "data:"))] == []
    assert [
        event
        for event in browser.events
        if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
    ] == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_it_fits_and_can_be_read(tab: Tab, width: int, height: int, dark: bool) -> None:
    tab.screen(width, height, dark=dark)
    tab.key("e")
    tab.type("Extraordinarily" * 20 + "\n" * 30)
    wait_until(lambda: tab.js("innerWidth") == width, "the size")
    assert tab.js("document.documentElement.scrollWidth") <= width
    assert tab.js(
        "[...document.querySelectorAll('#work .acts button')].every(b => "
        "b.getBoundingClientRect().bottom <= innerHeight)"
    )
    assert tab.js("(t => t.scrollHeight - t.clientHeight)(document.getElementById('text'))") <= 2, (
        "the field shows the whole text"
    )
    ink, paper = (
        tab.js(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")
    )
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (bright[0] > bright[1]) == dark
    marks = tab.js(
        "(e => [getComputedStyle(e).textDecorationLine, "
        "getComputedStyle(e).outlineStyle])(document.querySelector('ins'))"
    )
    assert marks[0] == "underline", "not by colour alone"
    assert tab.js("getComputedStyle(document.activeElement).outlineStyle") == "solid", (
        "focus can be seen"
    )


def test_a_phone_says_that_an_answer_was_cut(browser: Browser, tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "run", [{**ROWS[0], "cut": True}])
    with serve_page(path) as page, opened(browser, page) as tab:
        tab.screen(390, 844, dark=False)
        wait_until(lambda: tab.js("matchMedia('(hover: none)').matches"), "the phone")
        assert tab.text("how") == "", "a phone has no keys"
        tab.shows("cut", "stopped at its token limit")


WORDS = [
    ("a b c", "a x c", [["same", "a "], ["gone", "b"], ["new", "x"], ["same", " c"]]),
    ("a b c", "a x y c", [["same", "a "], ["gone", "b"], ["new", "x y"], ["same", " c"]]),
    (
        "the red cat sat",
        "the big dog sat",
        [["same", "the "], ["gone", "red cat"], ["new", "big dog"], ["same", " sat"]],
    ),
    ("a, b", "a b", [["same", "a"], ["gone", ","], ["same", " b"]]),
    ("", "new", [["new", "new"]]),
    ("same", "same", [["same", "same"]]),
    ("a b a b", "b a", [["gone", "a "], ["same", "b a"], ["gone", " b"]]),
    (
        "私は猫が好き",
        "私は犬が好き",
        [["same", "私は"], ["gone", "猫"], ["new", "犬"], ["same", "が好き"]],
    ),
]


def test_differences_of_words(tab: Tab) -> None:
    pairs = json.dumps([[before, after] for before, after, _ in WORDS])
    found = tab.js(f"import('/words.js').then(m => {pairs}.map(([a, b]) => m.differences(a, b)))")
    assert found == [pieces for *_, pieces in WORDS]
    random = """import('/words.js').then(m => {
      let seed = 1; const next = n => (seed = seed * 48271 % 2147483647) % n;
      const signs = ["a", "b", "c", " ", "\\n", ", "];
      const text = () => Array.from({length: next(30)}, () => signs[next(6)]).join("");
      const joined = (pieces, kind) =>
        pieces.filter(([is]) => is === "same" || is === kind).map(([, t]) => t).join("");
      for (let i = 0; i < 2000; i++) {
        const a = text(), b = text(), pieces = m.differences(a, b);
        if (joined(pieces, "gone") !== a || joined(pieces, "new") !== b) return [a, b, pieces];
      }
      const long = "word ".repeat(9000), start = performance.now();
      m.differences(long, "x " + long.replaceAll("d", "t"));
      return performance.now() - start;
    })"""
    spent = tab.js(random)
    assert isinstance(spent, float | int), f"does not join to its texts: {spent}"
    assert spent < 5000
