"""The page of a server in headless Chromium, at the widths of a desk and of a phone."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from browser import CHROMIUM, Browser, Tab

from job_programs import PROGRAM, let_go, wait_until
from lesson_runs import make_cell, script, write_lora, write_run, write_student
from lessons import write_lesson
from selfteach.models.check_safety import compute_fingerprint
from selfteach.serve import server
from selfteach.serve.lessons import read_lessons
from selfteach.serve.served_models import ServedModels
from selfteach.serve.teaching import Teaching
from selfteach.students.folder import open_student, read_student
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.lessons import add_lesson

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium"),
]
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
EVIL = "<b>Do</b> not & b."


@pytest.fixture
def anna(tiny: Path, tmp_path: Path) -> Path:
    return write_student(tiny, tmp_path)


@pytest.fixture
def address(anna: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(server, "Teaching", partial(Teaching, program=PROGRAM))
    monkeypatch.setenv(server.KEY_VARIABLE, "secret")
    served = server.open_student_server(anna, None, server.ServerOptions(), lambda line: None)
    with listen(served) as found:
        yield found


@contextmanager
def listen(served: ServedModels) -> Iterator[str]:
    """Serve at a port of the system's choice for the time of the block."""
    listener = server.open_socket(server.ServerOptions(port=0))
    app = server.make_app(served, local=True)
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="off",
        loop="asyncio",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    running.should_exit = True
    thread.join()
    served.close()


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    browser = Browser(tmp_path / "profile")
    yield browser.tab()
    browser.close()


def click(tab: Tab, id: str) -> None:
    tab.js(f"document.getElementById({id!r}).click()")


def write(tab: Tab, id: str, text: str) -> None:
    tab.js(f"document.getElementById({id!r}).value = {json.dumps(text)}")


def press(tab: Tab, words: str) -> None:
    """Click the button with these words in the first lesson or job that has one."""
    buttons = "[...document.querySelectorAll('li button')]"
    tab.js(f"{buttons}.find(button => button.textContent === {words!r}).click()")


def check_width(tab: Tab, name: str) -> None:
    """Nothing is wider than the window, and a picture is kept where one is wanted."""
    assert tab.js("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("SELFTEACH_PICTURES"):
        tab.picture(Path(folder) / f"{name}.png")


def open_page(tab: Tab, address: str) -> None:
    """Open the page, which asks for the key."""
    tab.goto(address)
    tab.shows("alert", "the API key is missing or wrong")


def enter_key(tab: Tab) -> None:
    write(tab, "key", "secret")
    tab.js("document.getElementById('entry').requestSubmit()")


@pytest.mark.parametrize("name", WIDTHS)
def test_a_person_asks_corrects_switches_and_teaches(
    name: str, tab: Tab, address: str, anna: Path, tiny: Path, tmp_path: Path
) -> None:
    tab.screen(*WIDTHS[name], dark=name == "phone")
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    assert tab.text("student") == "anna"
    write(tab, "question", "Tell me about music.")
    click(tab, "send")
    wait_until(lambda: tab.js("!document.getElementById('correct').hidden"))
    answers = tab.js("[...document.querySelectorAll('.answer p')].map(p => p.textContent)")
    assert len(answers) == 2
    assert answers[0] != answers[1]
    assert tab.js("document.getElementById('edit').value") == answers[1]
    check_width(tab, f"{name}-asked")

    write(tab, "edit", "Music is sound.")
    click(tab, "save")
    tab.shows("jobs", "1 of 8 edits")
    write(tab, "criticism", "shorter, please")
    click(tab, "criticize")
    tab.shows("jobs", "shorter, please")
    press(tab, "cancel")
    write(tab, "rule", EVIL)
    tab.js("document.getElementById('teach').requestSubmit()")
    tab.shows("jobs", EVIL)
    assert tab.js("document.querySelector('b') === null"), "a rule is never markup"
    base = compute_fingerprint(tiny)
    run = write_run(tmp_path / "b", "Do not b.", seed=1, base=base, model=str(tiny))
    wait_until(lambda: "running" in [job.state for job in JobBook(anna).list_jobs()])
    with open_student(anna) as student:
        add_lesson(student, run, script())
    let_go(anna, "added")
    tab.shows("lessons", "Do not b.")
    check_width(tab, f"{name}-taught")

    tab.js("document.querySelector('#lessons input').click()")
    wait_until(lambda: [lesson.on for lesson in read_student(anna).lessons] == [False, True])
    press(tab, "take back")
    wait_until(lambda: len(read_student(anna).lessons) == 1)
    wait_until(lambda: tab.js("document.querySelectorAll('#lessons li').length") == 1)
    assert tab.text("alert") == ""


def test_a_refused_lesson_may_count_instead_of_what_it_weakens(
    tab: Tab, address: str, anna: Path
) -> None:
    tab.screen(*WIDTHS["phone"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    let_go(anna, "refused")
    write(tab, "rule", "Do not c.")
    tab.js("document.getElementById('teach').requestSubmit()")
    tab.shows("jobs", "let it count instead of do-not-a")
    assert "--accept" not in tab.text("jobs")
    check_width(tab, "phone-refused")
    (anna / "go").unlink()
    press(tab, "let it count instead of do-not-a")
    (job,) = JobBook(anna).list_jobs()
    wait_until(lambda: JobBook(anna).find(job.id).instead_of == ["do-not-a"])


HOLD = """
const fetched = window.fetch;
const hold = async (path, given) => {
  if (path !== PATH || given.method !== "GET" || window.release) return;
  await new Promise((go) => { window.release = go; });
};
window.fetch = async (path, given) => {
  if (IS_QUESTION) await hold(path, given);
  const response = await fetched(path, given);
  await hold(path, given);
  return response;
};
"""


def hold_first(tab: Tab, path: str, *, question: bool = False) -> None:
    """Hold the first GET of a path, or the answer to it, until `release()`."""
    script = HOLD.replace("PATH", f'"{path}"').replace("IS_QUESTION", str(question).lower())
    tab.js(script)


def test_a_list_of_jobs_that_comes_late_hides_no_newer_job(
    tab: Tab, address: str, anna: Path
) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    hold_first(tab, "/v1/jobs")
    enter_key(tab)
    wait_until(lambda: tab.js("Boolean(window.release)"))
    write(tab, "rule", "Do not c.")
    tab.js("document.getElementById('teach').requestSubmit()")
    tab.shows("jobs", "Do not c.")
    tab.js("release()")
    let_go(anna, "refused")
    tab.shows("jobs", "refused")
    assert "Do not c." in tab.text("jobs")


def test_a_job_that_ends_before_it_is_followed_shows_its_lesson(
    tab: Tab, address: str, anna: Path, tiny: Path, tmp_path: Path
) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    hold_first(tab, "/v1/jobs", question=True)
    enter_key(tab)
    wait_until(lambda: tab.js("Boolean(window.release)"))
    write(tab, "rule", "Do not b.")
    tab.js("document.getElementById('teach').requestSubmit()")
    wait_until(lambda: "running" in [job.state for job in JobBook(anna).list_jobs()])
    base = compute_fingerprint(tiny)
    run = write_run(tmp_path / "b", "Do not b.", seed=1, base=base, model=str(tiny))
    with open_student(anna) as student:
        add_lesson(student, run, script())
    let_go(anna, "added")
    wait_until(lambda: "added" in [job.state for job in JobBook(anna).list_jobs()])
    tab.js("release()")
    tab.shows("lessons", "Do not b.")
    assert tab.js("document.querySelectorAll('#lessons li').length") == 2


def test_lessons_that_come_late_hide_no_newer_ones(tab: Tab, address: str, anna: Path) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    hold_first(tab, "/v1/lessons")
    tab.js("document.querySelector('#lessons input').click()")
    wait_until(lambda: tab.js("Boolean(window.release)"))
    press(tab, "take back")
    wait_until(lambda: tab.js("document.querySelectorAll('#lessons li').length") == 0)
    tab.js("release()")
    time.sleep(0.2)
    assert tab.js("document.querySelectorAll('#lessons li').length") == 0


def test_a_lesson_has_the_exam_of_the_lessons_that_are_on(
    tab: Tab, address: str, anna: Path, tiny: Path, tmp_path: Path
) -> None:
    """Another lesson weakened it, and is switched off: the last exams are not those of now."""
    base = compute_fingerprint(tiny)
    run = write_run(tmp_path / "b", "Do not b.", seed=1, base=base, model=str(tiny))
    with open_student(anna) as student:
        add_lesson(student, run, script({"do-not-a": make_cell(2)}), accept=True)
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    states = "[...document.querySelectorAll('#lessons .state')].map(shown => shown.textContent)"
    wait_until(lambda: tab.js(states) == ["lost", "kept"])
    tab.js("document.querySelectorAll('#lessons input')[1].click()")
    wait_until(lambda: [lesson.on for lesson in read_student(anna).lessons] == [True, False])
    wait_until(lambda: tab.js(states) == ["kept"])


def test_a_change_that_is_not_served_can_be_taken_back_on_the_page(
    tab: Tab, address: str, anna: Path, tiny: Path, tmp_path: Path
) -> None:
    base = compute_fingerprint(tiny)
    run = write_run(tmp_path / "b", "Do not b.", seed=1, base=base, model=str(tiny))
    with open_student(anna) as student:
        add_lesson(student, run, script())
        write_lora(anna / "lessons/do-not-b/adapter", seed=9)
    asked = urllib.request.Request(
        f"{address}v1/lessons", headers={"Authorization": "Bearer secret"}
    )
    wait_until(lambda: json.load(urllib.request.urlopen(asked, timeout=60))["fault"])
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("alert", "is not the adapter that")
    tab.shows("lessons", "Do not b.")
    assert "no longer tells" not in tab.text("alert"), "the server tells about jobs"
    tab.js("[...document.querySelectorAll('#lessons button')][1].click()")
    wait_until(lambda: tab.js("document.querySelectorAll('#lessons li').length") == 1)


STAND_STILL = """
const asked = window.fetch;
window.fetch = (path, given) => {
  if (path !== "/v1/chat/completions") return asked(path, given);
  const words = JSON.stringify({ choices: [{ delta: { content: "Half" } }] });
  const begin = (events) => {
    events.enqueue(new TextEncoder().encode(`data: ${words}\n\n`));
    given.signal.addEventListener("abort", () => events.error(given.signal.reason));
  };
  return Promise.resolve(new Response(new ReadableStream({ start: begin })));
};
"""


def test_an_edit_is_of_the_answer_that_is_shown_for_it(tab: Tab, address: str) -> None:
    """Not of one that still comes, or of a conversation that is gone."""
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    write(tab, "question", "Tell me about music.")
    click(tab, "send")
    tab.shows("correct", "Correct the last taught answer")
    tab.js(STAND_STILL)
    write(tab, "question", "What is tea?")
    click(tab, "send")
    tab.shows("turns", "Half")
    assert tab.text("correct") == ""
    click(tab, "fresh")
    wait_until(lambda: tab.js("document.getElementById('stop').hidden"))
    assert tab.text("correct") == ""


def test_a_job_that_waits_for_a_person_keeps_the_page_from_no_other(
    tab: Tab, address: str, anna: Path
) -> None:
    """One that came with a copied folder may wait for ever."""
    book = JobBook(anna)
    job = make_rule_job("Do not d.")
    with closing(sqlite3.connect(anna / "student.db")) as db, db:
        row = (job.id, json.dumps(asdict(job)))
        db.execute("INSERT INTO jobs (id, body) VALUES (?, ?)", row)
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("jobs", "it came with the folder")
    let_go(anna, "refused")
    write(tab, "rule", "Do not c.")
    tab.js("document.getElementById('teach').requestSubmit()")
    tab.shows("jobs", "refused")
    assert book.find(job.id).state == "waiting"


FAIL_BASE = """
const asked = window.fetch;
window.fetch = (path, given) => {
  if (path !== "/v1/chat/completions") return asked(path, given);
  if (JSON.parse(given.body).model === "base") return Promise.reject(new Error("no answer"));
  window.other = given.signal;
  return new Promise((resolve, reject) => given.signal.addEventListener("abort", reject));
};
"""


def test_a_fault_of_one_answer_ends_the_other_one(tab: Tab, address: str) -> None:
    """The page has no button any more that stops it."""
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    tab.js(FAIL_BASE)
    write(tab, "question", "Tell me about music.")
    click(tab, "send")
    tab.shows("alert", "no answer")
    assert tab.text("stop") == ""
    assert tab.js("other.aborted")


ANSWER_AS_TOLD = """
const asked = window.fetch;
window.posts = [];
window.told = {};
const stream = (choices) => new Response(new ReadableStream({
  start(events) {
    for (const choice of choices) {
      const words = JSON.stringify({ choices: [choice] });
      events.enqueue(new TextEncoder().encode(`data: ${words}\n\n`));
    }
    events.close();
  },
}));
window.fetch = async (path, given) => {
  if (path !== "/v1/chat/completions") return asked(path, given);
  const body = JSON.parse(given.body);
  posts.push(body);
  const finish = told[body.model];
  if (finish === "busy") {
    await new Promise((go) => setTimeout(go, 200));
    const error = { message: "64 answers wait already." };
    return new Response(JSON.stringify({ error }), { status: 429 });
  }
  const delta = { content: `of ${body.messages.at(-1).content}` };
  return stream([{ delta, finish_reason: null }, { delta: {}, finish_reason: finish }]);
};
"""


def tell(tab: Tab, base: str, taught: str) -> None:
    """Let the models end their answers so: `stop`, `length`, or `busy` without an answer."""
    tab.js(f"window.told = {json.dumps({'base': base, 'anna': taught})}")


def ask(tab: Tab, question: str) -> dict[str, list[str]]:
    """Ask, and return what each model was sent."""
    tab.js("window.posts = []")
    write(tab, "question", question)
    click(tab, "send")
    wait_until(lambda: tab.js("document.getElementById('stop').hidden"))
    posts = tab.js("window.posts")
    return {post["model"]: [turn["content"] for turn in post["messages"]] for post in posts}


def test_a_question_without_an_answer_can_be_asked_again(tab: Tab, address: str) -> None:
    """It stayed in the conversation, which then had two questions in a row."""
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    tab.js(ANSWER_AS_TOLD)
    tell(tab, "stop", "stop")
    ask(tab, "tea")
    tell(tab, "busy", "busy")
    ask(tab, "snow")
    assert tab.text("alert") == "64 answers wait already."
    assert tab.js("document.getElementById('question').value") == "snow"
    assert tab.js("document.querySelectorAll('article').length") == 1
    assert tab.js("document.getElementById('edit').value") == "of tea"
    assert tab.js("!document.getElementById('correct').hidden"), "that answer is the last one"
    tell(tab, "stop", "stop")
    sent = ["tea", "of tea", "rain"]
    assert ask(tab, "rain") == {"base": sent, "anna": sent}


def test_a_model_is_sent_the_turns_that_it_answered(tab: Tab, address: str, anna: Path) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    tab.js(ANSWER_AS_TOLD)
    tell(tab, "stop", "busy")
    ask(tab, "tea")
    assert tab.js("document.querySelectorAll('article').length") == 1, "the base has answered"
    tell(tab, "stop", "stop")
    assert ask(tab, "rain") == {"base": ["tea", "of tea", "rain"], "anna": ["rain"]}
    write(tab, "edit", "Water.")
    click(tab, "save")
    tab.shows("jobs", "1 of 8 edits")
    (job,) = JobBook(anna).list_jobs()
    assert job.material == [
        {
            "prompt": [{"role": "user", "content": "rain"}],
            "answer": "of rain",
            "correction": "Water.",
        }
    ]


@pytest.mark.parametrize("finish", ["length", "stopped"])
def test_an_edit_of_an_answer_that_was_cut_says_so(
    finish: str, tab: Tab, address: str, anna: Path
) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    if finish == "stopped":
        tab.js(STAND_STILL)
        write(tab, "question", "rain")
        click(tab, "send")
        tab.shows("turns", "Half")
        click(tab, "stop")
        tab.shows("correct", "Correct the last taught answer")
    else:
        tab.js(ANSWER_AS_TOLD)
        tell(tab, "stop", "length")
        ask(tab, "rain")
    write(tab, "edit", "Whole")
    click(tab, "save")
    tab.shows("jobs", "1 of 8 edits")
    (job,) = JobBook(anna).list_jobs()
    assert job.material[0]["cut"] is True


def test_many_jobs_leave_the_page_room_to_answer(tab: Tab, address: str, anna: Path) -> None:
    """A browser opens six connections to a server: a stream for each job would take them all."""
    tab.screen(*WIDTHS["desk"], dark=False)
    open_page(tab, address)
    enter_key(tab)
    tab.shows("lessons", "Do not a.")
    write(tab, "question", "Tell me about music.")
    click(tab, "send")
    wait_until(lambda: tab.js("!document.getElementById('correct').hidden"))
    for number, name in enumerate("bcde", start=1):
        write(tab, "edit", f"Music is {name}.")
        click(tab, "save")
        tab.shows("jobs", f"Music is {name}.")
        write(tab, "rule", f"Do not {name}.")
        tab.js("document.getElementById('teach').requestSubmit()")
        tab.shows("jobs", f"Do not {name}.")
        assert len(JobBook(anna).list_jobs()) == 2 * number
    write(tab, "question", "What is tea?")
    click(tab, "send")
    wait_until(lambda: tab.js("document.querySelectorAll('article').length") == 2)
    wait_until(lambda: tab.js("document.getElementById('stop').hidden"))
    assert all(tab.js("[...document.querySelectorAll('.answer p')].map(p => p.textContent)"))
    tab.shows("jobs", "running")
    let_go(anna, "nothing to add")
    wait_until(
        lambda: not any(job.kind == "rule" and job.is_open for job in JobBook(anna).list_jobs())
    )
    wait_until(lambda: tab.text("jobs").count("failed") == 4)
    assert tab.text("alert") == ""


@pytest.mark.parametrize("name", WIDTHS)
def test_a_page_without_a_student_compares_and_teaches_nothing(
    name: str, tab: Tab, tiny: Path, tmp_path: Path
) -> None:
    runs = [write_lesson(tiny, tmp_path / own, seed=n) for n, own in enumerate(["one", "two"])]
    lessons = read_lessons([str(run) for run in runs])
    served = server.open_runs(str(tiny), lessons, server.ServerOptions(), lambda line: None)
    tab.screen(*WIDTHS[name], dark=False)
    with listen(served) as address:
        tab.goto(address)
        tab.shows("student", "the models")
        assert tab.text("alert") == ""
        options = "[...document.querySelectorAll('#model option')].map(option => option.value)"
        assert tab.js(options) == ["one", "two", "one+two"]
        write(tab, "model", "one+two")
        write(tab, "question", "Tell me about music.")
        click(tab, "send")
        answers = "[...document.querySelectorAll('.answer p')].map(p => p.textContent)"
        wait_until(lambda: tab.js("document.getElementById('stop').hidden"))
        base, taught = tab.js(answers)
        assert base != taught
        for hidden in ("teaching", "correct", "entry"):
            assert tab.text(hidden) == ""
        check_width(tab, f"{name}-untaught")


def test_a_page_of_a_base_alone_asks_it_once(tab: Tab, tiny: Path) -> None:
    tab.screen(*WIDTHS["desk"], dark=False)
    served = server.open_runs(str(tiny), [], server.ServerOptions(), lambda line: None)
    with listen(served) as address:
        tab.goto(address)
        tab.shows("student", "base")
        write(tab, "question", "Tell me about music.")
        click(tab, "send")
        wait_until(lambda: tab.js("document.getElementById('stop').hidden"))
        assert tab.js("document.querySelectorAll('.answer p').length") == 1
        assert tab.js("document.querySelector('.answer p').textContent") != ""
