"""From an edit that is saved in the page to the adapter that learned it: `selfteach corrections
--review`, with the real page.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, CTRL, Browser, wait_until
from service import Page

from selfteach.review import queue
from selfteach.review.serve import ReviewServer
from selfteach.run.ledger import Ledger
from talker import ADJECTIVES, NOUNS, open_ledger, run_json

pytestmark = pytest.mark.training

SETS = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 anchors.general=8
    anchors.rounds=3 exam.max_tokens=14 exam.general=2 exam.shots=1 exam.prompts=3
    train.max_tokens=200 train.batch_size=4 train.epochs=1 train.checkpoint_every=0"""


def person(address: str) -> None:
    """Writes "bear" for every "fox", accepts every other answer, and finishes."""
    parts = urlsplit(address)
    page = Page(parts.port or 0, parts.fragment)
    with page.open():
        state = page.state
        while item := state["item"]:
            text = item["answer"].replace("fox-", "bear-")
            edit = (
                ("save", {"id": item["id"], "text": text})
                if text != item["answer"]
                else ("accept", {"id": item["id"]})
            )
            status, state = page.post(*edit)
            assert status == 200, state
        page.post("finish")


def typist(address: str, profile: Path) -> None:
    """The same in Chromium, by keyboard."""
    browser = Browser(profile)
    try:
        tab = browser.tab(address)
        tab.shows("which", "Answer")
        while tab.text("which"):
            before = tab.text("which")
            text = str(tab.js("document.getElementById('text').value"))
            if "fox-" in text:
                tab.js(
                    "document.getElementById('text').focus(); "
                    "document.getElementById('text').select()"
                )
                tab.type(text.replace("fox-", "bear-"))
                tab.key("Enter", CTRL)
            else:
                tab.js("document.getElementById('work').focus()")
                tab.key("a")
            wait_until(
                lambda before=before: tab.text("which") != before or tab.text("done-head"),
                "the next answer",
            )
        tab.key("f")
        wait_until(lambda: tab.text("closed-head"), "the end")
    finally:
        browser.close()


def learn(
    talker: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, who: Callable[[str], None]
) -> None:
    """A run of `selfteach corrections --review` in which somebody works in the page; what was saved
    is what was learned.
    """
    servers: list[ReviewServer] = []

    def serve(ledger: Ledger, *, name: str, say: Any) -> queue.ReviewProgress:
        servers.append(ReviewServer(ledger, name, 0, say))
        threading.Thread(target=who, args=[servers[0].address]).start()
        return servers[0].run()

    monkeypatch.setattr("selfteach.review.serve.serve_review", serve)
    asked = [
        f"Can the {how} {who} follow a {whom}?"
        for how, who, whom in zip(ADJECTIVES, NOUNS, reversed(NOUNS), strict=True)
    ]
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": q}) + "\n" for q in asked), "utf-8")
    sets = [word for item in SETS.split() for word in ("--set", item)]
    run = folder / "run"
    code, _ = run_json(
        [
            "corrections",
            "--model",
            str(talker),
            "--prompts",
            str(prompts),
            "--review",
            "--out",
            str(run),
            "--json",
            *sets,
        ]
    )
    assert code == 0
    assert len(servers) == 1
    examples = [
        json.loads(line) for line in (run / "examples.jsonl").read_text("utf-8").splitlines()
    ]
    corrections = [e for e in examples if e["kind"] == "correction"]
    assert corrections
    assert len({e["source"]["from"] for e in corrections}) == len(corrections), (
        "each row has a place of its own"
    )
    for e in corrections:
        assert e["source"]["from"].startswith("review")
        assert (
            e["chosen"][0]["content"]
            == e["rejected"][0]["content"].replace("fox-", "bear-")
            != e["rejected"][0]["content"]
        )
    with open_ledger(run) as ledger:
        (part,) = [f for f in ledger.funnel() if f.stage == "examples from the file"]
    assert part.requested == len(asked), "every row is accounted for"
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert any(row["losses"].get("correction") for row in steps), "no step saw an edit"
    assert (run / "adapter" / "adapter_model.safetensors").is_file()


def test_a_saved_edit_is_learned(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(talker, tmp_path, monkeypatch, person)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")
def test_an_edit_that_is_typed_in_the_browser_is_learned(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("websockets.sync.client")
    learn(talker, tmp_path, monkeypatch, lambda address: typist(address, tmp_path / "profile"))
