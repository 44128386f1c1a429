"""Row 34: hostile output is inert in the page, in the terminal and in the model card.

Forty strings stand in every place that a person or a model can fill: rule, verdict, answers, names,
reasons, keys, configuration, diary. The page, the card and the printed table must have the same
structure as with harmless words in the same places.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
from fixture import make_calibration, make_clusters, make_exam, make_metrics, make_search
from reading import Page

from selfteach.files import write_text
from selfteach.materials.tasks import Instance, Task
from selfteach.report.card import make_card
from selfteach.report.page import render_report
from selfteach.report.result_table import make_result_table
from selfteach.run.ledger import Ledger, Outcome
from selfteach.select.inspection import inspect_tasks
from selfteach.text import clean_text

pytestmark = pytest.mark.long

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "<iframe src=https://evil.example></iframe>",
    "<a href=javascript:alert(1)>here</a>",
    "[here](javascript:alert(1))",
    "![pixel](https://evil.example/p.png)",
    "<https://evil.example>",
    "[x]: https://evil.example\n\n[x]",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/a.css>",
    "<form action=https://evil.example><button>go</button></form>",
    "<object data=x></object><embed src=x>",
    "<math><mtext><mglyph><style><img src=x onerror=alert(1)>",
    "<svg><foreignObject><script>alert(1)</script></foreignObject></svg>",
    "<animate attributeName=href values=javascript:alert(1)>",
    "<!-- --><script>alert(1)</script><!--",
    "]]><script>alert(1)</script><![CDATA[",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{ 7*7 }}{% include '/etc/passwd' %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "\x1b[2J\x1b[1;1Hcleared",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31mred\x9d0;title\x9c",
    "safe\rTAUGHT 100 %",
    "a\x08\x08\x08b\x00c\x7f",
    "[bold red]x[/bold red][/foo][link=https://evil.example]y[/link]",
    "[@click=app.bell]x[/] :smile: [blink]",
    "```\n# out of the fence\n<script>alert(1)</script>\n```",
    "~~~~\n---\nlicense: evil\n---\n| a | b |\n|---|---|",
    "# heading\n- list\n> quote\n| cell | cell |\n***\n$$x$$",
    "\u202egnp.exe\u2066 \u2028 \ufeff \u200f\ud800",
    "A" * 5000 + "<b>",
]
HARMLESS = "plain words"
Element = tuple[str, tuple[tuple[str, str], ...]]
"""A tag, and its attributes with their values."""
TAGS = re.findall(
    r"\w+",
    """html head meta title style body a header p b span h1 strong nav ul li main section h2
    i em table caption thead
    tbody tr th td     small svg line circle path rect text dl dt dd div
    h3 h4 del ins fieldset legend label input details summary bdi ol
    code pre figure figcaption footer br""",
)
ATTRIBUTES = re.findall(
    r"[\w-]+",
    """lang charset http-equiv content name href id class dir role scope width height viewbox
    preserveaspectratio x y x1 x2 y1 y2 dx dy r rx
    d type checked open title tabindex aria-label aria-hidden""",
)


def test_there_are_forty():
    assert len(set(HOSTILE)) == 40


def poisoned(value: Any, text: str) -> Any:
    """The same JSON value with this text in the place of every text."""
    if isinstance(value, dict):
        return {key: poisoned(part, text) for key, part in value.items()}
    if isinstance(value, list):
        return [poisoned(part, text) for part in value]
    return text if isinstance(value, str) else value


def build(folder: Path, text: str) -> dict[str, Any]:
    """A run folder with this text wherever there is a text; returns its exam."""
    found = poisoned(make_exam(), text)
    found["answers"] = [{**row, "scope": "target"} for row in found["answers"][:2]] + found[
        "answers"
    ][:1]
    found["noise_floor"] = {text: make_exam()["noise_floor"]["kept"]}
    counted = {"sampled_tokens": 1, "trained_tokens": 1, "adapter_mb": 1.0}
    write_text(folder / "cost.json", json.dumps(found["cost"] | {"stages": {text: 1.0}}))
    write_text(folder / "exam.json", json.dumps(found | {"cost": counted}))
    rows = [
        {**row, "losses": {text: row["losses"]["sft"]}}
        for row in make_metrics(random.Random(0))[:3]
    ]
    write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    turn = [{"role": "user", "content": text}]
    write_text(
        folder / "examples.jsonl",
        json.dumps({"id": text, "kind": text, "prompt": turn, "chosen": turn, "rejected": turn})
        + "\n",
    )
    write_text(
        folder / "dropped.jsonl",
        json.dumps({"stage": text, "id": text, "state": text, "reason": text, "body": {text: text}})
        + "\n",
    )
    write_text(
        folder / "config.yaml", f"model: {json.dumps(text)}  # option\nchecks: {json.dumps(text)}\n"
    )
    words = {
        "packages": {text: text},
        "platform": text,
        "stages": {text: {"state": text, "seconds": 1.0}},
        "seed": text,
        "created": text,
        "base_model": text,
        "models": {"base": text},
    }
    write_text(folder / "manifest.json", json.dumps(words))
    ledger = Ledger(folder / "run.db")
    ledger.record_outcomes(
        clean_text(text),
        [Outcome(clean_text(text), "dropped", clean_text(text), {}), Outcome("kept", "accepted")],
    )
    points = poisoned(make_clusters(random.Random(0)), clean_text(text))
    points["points"] = [{**point, "cluster": clean_text(text)} for point in points["points"][:4]]
    ledger.set_note("clusters", points | {"failure_rate": {clean_text(text): 0.5}})
    ledger.set_note("calibration", [poisoned(make_calibration(), clean_text(text))])
    ledger.set_note(
        "search", poisoned(make_search(), clean_text(text)) | {"tries": {clean_text(text): 3}}
    )
    ledger.record_event(clean_text(text), {clean_text(text): clean_text(text)})
    ledger.close()
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a text, built once for all tests."""

    @cache
    def folder(text: str) -> Path:
        path = tmp_path_factory.mktemp("hostile")
        build(path, text)
        return path

    return folder


@pytest.fixture(scope="module")
def harmless(made: Callable[[str], Path]) -> Path:
    return made(HARMLESS)


@pytest.fixture(scope="module")
def harmless_skeleton(harmless: Path) -> list[Element]:
    """The structure of the page of harmless words."""
    return skeleton(Page(render_report(harmless)))


@pytest.fixture(scope="module")
def harmless_card(harmless: Path) -> list[str]:
    """The structure of the card of harmless words."""
    return structure(make_card(harmless))


def skeleton(page: Page) -> list[Element]:
    """Elements with their attributes, without those that carry text."""
    found = []
    for tag, attributes in page.elements:
        kept = [pair for pair in attributes.items() if pair[0] not in ("aria-label", "content")]
        found.append((tag, tuple(kept)))
    return found


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_the_page_has_the_structure_of_a_harmless_one(
    made: Callable[[str], Path], harmless_skeleton: list[Element], text: str
):
    written = render_report(made(text))
    page = Page(written)
    assert page.unclosed == []
    assert skeleton(page) == harmless_skeleton
    assert {tag for tag, _ in page.elements} <= set(TAGS)
    assert {name for _, attributes in page.elements for name in attributes} <= set(ATTRIBUTES)
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in page.elements)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", written.replace("\r", "")
    )
    shown = " ".join(clean_text(text)[:40].split())
    assert " ".join(page.text.split()).count(shown) > 20, (
        "hostile text is shown as text, not left out"
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
@pytest.mark.parametrize("colour", [True, False], ids=["terminal", "pipe"])
def test_no_text_commands_the_terminal(text: str, colour: bool):
    out = io.StringIO()
    console = Console(
        file=out,
        width=80,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    console.print(
        make_result_table(
            poisoned(make_exam(), text), report=Path("runs") / "x\x1b[31m" / "report.html"
        )
    )
    written = (
        re.sub(r"\x1b\[(?:0|1|2|1;3[0-9]|3[0-9]|2;3[0-9])?m", "", out.getvalue())
        if colour
        else out.getvalue()
    )
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", written
    )
    if "[bold red]" in text:
        assert text[:40] in written, "markup is printed as it stands"


SHARE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12}
ARMS = dict.fromkeys(("base", "prompted", "tuned"), SHARE)
EACH_SAMPLING = {arm: {"greedy": SHARE, "sampled": SHARE} for arm in ARMS}
DUEL = {"win_rate": SHARE, "position_bias": SHARE, "wins": 1, "ties": 2, "losses": 3}
CELL = {"greedy": "x", "ok": False, "sampled": "x", "sampled_ok": True, "correction": "x"}
QUESTION = {
    "question": "x",
    "label": "x",
    "answer": "x",
    "held_out": False,
    "before": "x",
    "after": "x",
    "base": "x",
    "tuned": "x",
}
EVERYTHING = {
    "material": "x",
    "teacher": "x",
    "asked_by": "x",
    "verdict": {"word": "x", "sentence": "x"},
    "reproduce": ["x"],
    "contains": ARMS,
    "f1": ARMS,
    "common": ARMS,
    "general": ARMS,
    "length_tokens": ARMS,
    "recovery": SHARE,
    "damage": SHARE,
    "distance": EACH_SAMPLING,
    "corrected": ARMS,
    "repeated": ARMS,
    "met": ARMS,
    "met_by_way": EACH_SAMPLING,
    "displaced": SHARE,
    "amount_nats": ARMS,
    "rounds": [{"round": 0, "kept": True, "distance": SHARE, "amount_nats": SHARE}],
    "rouge_l": {"seed": EACH_SAMPLING, "human": EACH_SAMPLING},
    "token_f1": {"seed": EACH_SAMPLING},
    "exact": {"seed": EACH_SAMPLING},
    "reduction": {"base": SHARE},
    "loss_nats": {**ARMS, "seed": ARMS, "human": ARMS},
    "preferred": ARMS,
    "risen": {"tuned": SHARE},
    "judge": {"name": "x", "source": "x", "auroc": SHARE},
    "pairwise": {**DUEL, "tuned": DUEL, "prompted": DUEL},
    "judges": [
        {"judge": "x", "used": True, "knowledge": SHARE, "label": SHARE, "tau_knowledge": 0.5}
    ],
    "map": [
        {
            "document": "x",
            "title": "x",
            "file": "x",
            "chunks": [{"text": "x", "questions": [QUESTION]}],
        }
    ],
    "noise_floor": {"contains": SHARE, "rouge_l": SHARE, "distance": SHARE},
    "base_proof": {"max_abs_difference": 0.0, "same": True},
    "sanity": {arm: {"looping": SHARE, "empty": SHARE, "mean_tokens": 3.0} for arm in ARMS},
    "side_effects": {"general": SHARE},
    "drift": {
        "kl_nats": SHARE,
        "kl_p95": 0.1,
        "top1_agreement": SHARE,
        "identical": SHARE,
        "base_logp": -1.0,
        "tuned_logp": -1.0,
    },
    "cost": {
        "seconds": 1.0,
        "stages": {"x": 1.0},
        "sampled_tokens": 1,
        "trained_tokens": 1,
        "adapter_mb": 1.0,
        "peak_memory_mb": 1.0,
    },
    "answers": [{"prompt": "x", "gold": ["x"], "chunk": "x", "arms": dict.fromkeys(ARMS, CELL)}],
}
"""Every part that an exam of any method can have."""


def of_method(folder: Path, method: str, text: str) -> Page:
    """The page of a run of this method with this text wherever there is a text."""
    found = poisoned(EVERYTHING, text)
    found["answers"] = [
        {**row, "scope": scope} for row in found["answers"] for scope in ("target", "general")
    ]
    folder.mkdir()
    write_text(folder / "exam.json", json.dumps({**found, "method": method}))
    ledger = Ledger(folder / "run.db")
    if method == "tasks":
        ledger.set_note(
            "inspection",
            inspect_tasks(
                [Task("a", clean_text(text), (Instance(clean_text(text), clean_text(text)),))],
                [clean_text(text)],
            ),
        )
    ledger.set_note("sizes", [{"tau": 0.5, "unknown": 3, "known": 2, "unsure": 1}])
    ledger.close()
    return Page(render_report(folder))


@pytest.fixture(scope="module")
def harmless_skeletons(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], list[Element]]:
    """The structure of a method's page of harmless words, found once for all texts."""

    @cache
    def find(method: str) -> list[Element]:
        folder = tmp_path_factory.mktemp("harmless") / "hostile"
        return skeleton(of_method(folder, method, HARMLESS))

    return find


@pytest.mark.parametrize("text", [*HOSTILE[:8], HOSTILE[24], HOSTILE[27], HOSTILE[38]])
@pytest.mark.parametrize("method", ["corrections", "documents", "tasks", "train"])
def test_the_pages_of_the_other_methods_have_no_other_elements(
    harmless_skeletons: Callable[[str], list[Element]], tmp_path: Path, method: str, text: str
):
    page = of_method(tmp_path / "hostile", method, text)
    assert page.unclosed == []
    assert {tag for tag, _ in page.elements} <= set(TAGS)
    assert {name for _, attributes in page.elements for name in attributes} <= set(ATTRIBUTES)
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in page.elements)
    assert " ".join(page.text.split()).count(" ".join(clean_text(text)[:40].split())) >= 3, (
        "hostile text is shown as text, not left out"
    )
    if method != "tasks":  # what stands in tasks decides how the picture of their verbs looks
        assert skeleton(page) == harmless_skeletons(method)


def structure(text: str) -> list[str]:
    """The card's Markdown as a list of what it is made of, without its words."""
    tokens = (
        MarkdownIt("commonmark", {"html": True}).enable("table").parse(text.split("---\n", 2)[2])
    )
    inline = lambda token: [
        child.type for child in token.children or () if child.type not in ("text", "text_special")
    ]
    return [part for token in tokens for part in (token.type, *inline(token))]


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_the_card_has_the_structure_of_a_harmless_one(
    made: Callable[[str], Path], harmless_card: list[str], text: str
):
    written = make_card(made(text))
    parts = structure(written)
    assert parts == harmless_card
    assert not {"html_block", "html_inline", "link_open", "image"} & set(parts)
    assert yaml.safe_load(written.split("---\n")[1]).keys() == {
        "library_name",
        "pipeline_tag",
        "tags",
        "model-index",
    }


def test_a_hostile_folder_name(tmp_path: Path):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    folder.mkdir()
    page = Page(render_report(folder))
    assert "img" not in {tag for tag, _ in page.elements}
    assert "<img src=x onerror=alert(1)>" in page.text


def test_the_check_can_fail(
    made: Callable[[str], Path], harmless: Path, monkeypatch: pytest.MonkeyPatch
):
    """Without autoescaping the same comparison finds the script."""
    from selfteach.report import page as module

    monkeypatch.setattr(module._make_environment(), "autoescape", False)
    module._make_environment().cache.clear()
    try:
        assert skeleton(Page(render_report(made(HOSTILE[0])))) != skeleton(
            Page(render_report(harmless))
        )
    finally:
        module._make_environment().cache.clear()
