"""The page: complete, self-contained, accessible, and honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from fixture import make_exam, write_run
from reading import Page

from selfteach.report import page as module
from selfteach.report.page import render_report, write_report
from selfteach.run.manifest import collect_versions

SECTIONS = (
    "result",
    "drift",
    "answers",
    "funnel",
    "map",
    "search",
    "judge",
    "training",
    "cost",
    "configuration",
    "reproduce",
)


def words(page: Page) -> str:
    """The visible text with single spaces."""
    return " ".join(page.text.split())


def test_it_is_well_formed_and_every_link_of_the_contents_leads_somewhere(page: Page):
    assert page.unclosed == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [link["href"] for link in page.all("a") if link["href"] != "#result"] == [
        f"#{name}" for name in SECTIONS[1:]
    ]
    assert set(SECTIONS) <= set(ids)


def test_it_loads_nothing_and_runs_nothing(page: Page):
    tags = {tag for tag, _ in page.elements}
    assert not tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "foreignobject",
        "use",
        "image",
    }
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "action", "xlink:href"} & set(attributes), tag
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_the_policy_allows_its_own_style_and_nothing_else(page: Page):
    policy = next(
        meta["content"]
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    seen = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert (
        policy
        == f"default-src 'none'; style-src 'sha256-{seen}'; base-uri 'none'; form-action 'none'"
    )
    first = next(
        tag
        for tag, attributes in page.elements
        if attributes.get("http-equiv") or tag in ("style", "title")
    )
    assert first == "meta", "the policy stands before what it rules"


@pytest.mark.parametrize(
    "text",
    [
        "Do not talk about elephants.",
        "taught The rule is now kept",
        "93–100",
        "n 40",
        "0.031 nats a token",
        "95th percentile 0.118",
        "Under another system prompt",
        "In the second turn",
        "yes, proven",
        "AUROC 0.991",
        "Looping answers",
        "too similar to a kept prompt 37",
        "The first 6 of 37",
        "answer longer than the context",
        "Silhouette 0.31",
        "gave up",
        "few-shot; not better than chance",
        "Left out: teacher, because it gave no verdict on 2 of 48 answers.",
        "2.51 → 1.0",
        "88\u202f412",
        "19.6 MB",
        "2.7 GB",
        "2.1 GB measured, 2.0 GB estimated",
        "activations of 2\u202f041 tokens 1.2 GB",
        "train.epochs",
        "--set",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "selfteach feedback",
        "3 tries",
        "rejected",
        "general answers, balanced order",
        "resumed",
        f"torch {collect_versions()['packages']['torch']}",
        "Not computed: the rule in the prompt hardly improves",
    ],
)
def test_it_shows(page: Page, text: str):
    assert " ".join(text.split()) in words(page)


def test_answers_stand_side_by_side_with_their_differences_marked(folder: Path):
    text = render_report(folder)
    assert "<del>animal is the African elephant</del>" in text
    assert "<ins>animals are found in Africa</ins>" in text


def test_every_choice_of_the_filters_has_its_rule_in_the_style_sheet(page: Page):
    ids = [box["id"] for box in page.all("input")]
    assert len(ids) == 9
    for choice in ids:
        assert f"#{choice}:checked" in page.style
    scopes = ("all", "target", "near", "general")
    states = ("all", "mended", "kept", "broken")
    for scope in scopes:
        for state in states:
            assert (
                f":has(#scope-{scope}:checked):has(#state-{state}:checked) "
                f".empty-choice.for-{scope}.in-{state}"
            ) in page.style


def test_a_choice_without_answers_says_so(page: Page):
    choices = {
        attributes["class"]
        for tag, attributes in page.elements
        if "empty-choice" in attributes.get("class", "")
    }
    assert "empty-choice for-near in-broken" in choices
    assert "empty-choice for-target in-broken" not in choices


def test_answers_without_a_tuned_model_claim_nothing_of_one(tmp_path: Path):
    """Nothing was trained. Each answer of the base that breaks the rule was said to keep it now."""
    exam = make_exam()
    for row in exam["answers"]:
        del row["arms"]["tuned"]
    (tmp_path / "exam.json").write_text(json.dumps(exam))
    text = render_report(tmp_path)
    page = Page(text)
    assert "broken before, kept now" not in words(page)
    ids = [box["id"] for box in page.all("input")]
    assert [id for id in ids if id.startswith("state-")] == ["state-all"]
    assert "in-kept" not in " ".join(box.get("class", "") for box in page.all("details"))
    assert '<span class="same">' not in text
    assert "<del>animal" not in text


def test_tables_pictures_and_inputs_speak_to_screen_readers(page: Page):
    assert all("scope" in head for head in page.all("th"))
    depth_free = [
        svg
        for svg in page.all("svg")
        if svg.get("class", "").split()[:1] not in (["mark"], ["lines"])
    ]
    assert all(
        svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.get("aria-label"))
        for svg in depth_free
    )
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1


def test_every_class_of_a_mark_is_known_to_the_style_sheet(page: Page):
    used = {name for _, attributes in page.elements for name in attributes.get("class", "").split()}
    unknown = {name for name in used if f".{name}" not in page.style}
    assert unknown <= {"whiskers", "lines", "answer-list"}, unknown


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of two colours: #ffffff on #000000 is 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_enough_contrast(page: Page, dark: bool):
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    palettes = re.findall(r":root\s*\{(.*?)\}", page.style, re.S)
    colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", palettes[1 if dark else 0]))
    pairs = [
        (text, ground)
        for text in ("ink", "soft", "tuned", "prompted", "bad", "target", "near", "general")
        for ground in ("paper", "raised")
    ]
    pairs += [
        ("ink", wash) for wash in ("tuned-wash", "bad-wash", "warn-wash", "calm-wash", "sunk")
    ]
    pairs += [
        ("tuned", "tuned-wash"),
        ("bad", "bad-wash"),
        ("prompted", "warn-wash"),
        ("soft", "tuned-wash"),
    ]
    weak = {
        pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair in pairs
        if contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    }
    assert not weak


def test_a_rehearsal_says_so(folder: Path, tmp_path: Path):
    assert "Smoke test." not in render_report(folder)
    assert "Smoke test." in render_report(write_run(tmp_path / "smoke_test", smoke_test=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exam.json", "Nothing recorded: exam.json"),
        ("metrics.jsonl", "Nothing recorded: metrics.jsonl"),
        ("examples.jsonl", "Nothing recorded: examples.jsonl"),
        ("config.yaml", "Nothing recorded: config.yaml"),
        ("manifest.json", "Nothing recorded: manifest.json"),
        ("run.db", "Nothing recorded: candidates in the ledger"),
        ("dropped.jsonl", "not a question 9 None of these is in dropped.jsonl"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_shown(
    folder: Path, page: Page, tmp_path: Path, name: str, message: str
):
    less = shutil.copytree(folder, tmp_path / "run")
    (less / name).unlink()
    found = Page(render_report(less))
    assert message in words(found)
    assert message not in words(page)
    assert found.unclosed == []


def test_an_empty_folder_has_a_page(tmp_path: Path):
    page = Page(write_report(tmp_path).read_text("utf-8"))
    assert "unfinished" in words(page)
    assert words(page).count("Nothing recorded") >= 10
    assert page.unclosed == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("exam.json", "{"),
        ("exam.json", "[1]"),
        ("manifest.json", "\x00"),
        ("metrics.jsonl", '{"step": 1}\n{"st'),
        ("run.db", "no database at all" * 99),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str):
    whole = write_run(tmp_path / "run")
    for beside in whole.glob("run.db-*"):
        beside.unlink()
    (whole / name).write_text(content)
    shown = words(Page(render_report(whole)))
    assert "Some files could not be read" in shown
    assert name in shown
    assert str(tmp_path) not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "text",
        [3, "x"],
        {"a": {"b": []}},
        *(pytest.param(like, marks=pytest.mark.long) for like in (3, [], {}, float("nan"))),
    ],
)
def test_an_exam_of_another_form_still_has_a_page(tmp_path: Path, wrong: object):
    exam = make_exam()
    exam["answers"] = exam["answers"][::40]  # the page of all takes long
    for key in exam:
        (tmp_path / "exam.json").write_text(json.dumps(exam | {key: wrong}))
        assert Page(render_report(tmp_path)).unclosed == [], key


@pytest.mark.parametrize("is_known", [True, False])
def test_side_effects_are_shown_as_far_as_they_were_measured(
    folder: Path, tmp_path: Path, is_known: bool
):
    exam = json.loads((folder / "exam.json").read_text())
    if not is_known:
        del exam["side_effects"]["overapplied"]
    whole = tmp_path / "run"
    shutil.copytree(folder, whole)
    (whole / "exam.json").write_text(json.dumps(exam))
    shown = words(Page(render_report(whole)))
    assert ("0 % overapplied" in shown) is is_known
    assert ("answers there that repeat a taught one" in shown) is is_known
    assert "7 % more needless" in shown


def test_the_paired_gain_is_on_the_page_and_an_older_exam_still_has_one(
    folder: Path, tmp_path: Path
):
    exam = json.loads((folder / "exam.json").read_text())
    shown = words(Page(render_report(folder)))
    assert "Gain in rule kept +38 points 27–49 · n 40" in shown
    assert "Tuned minus base, paired by prompt, greedy and sampled answers averaged." in shown
    assert "Over rule in the prompt: +48 points, 36–59." in shown
    del exam["gain"]
    (tmp_path / "exam.json").write_text(json.dumps(exam))
    older = Page(render_report(tmp_path))
    assert older.unclosed == []
    assert "Gain in" not in older.text
    assert "Recovery" in older.text


def test_the_old_page_survives_a_failure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = write_run(tmp_path / "run")
    before = write_report(whole).read_bytes()

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(module, "_make_policy", fail)
    with pytest.raises(RuntimeError):
        write_report(whole)
    assert (whole / "report.html").read_bytes() == before
    assert [path.name for path in whole.iterdir() if path.name.endswith(".tmp")] == []


def test_the_same_folder_gives_the_same_page(folder: Path):
    assert render_report(folder) == render_report(folder)


@pytest.mark.parametrize(
    ("method", "recorded", "shown"),
    [
        ("feedback", ["near"], "near"),
        ("tasks", ["target"], "target"),
        ("feedback", None, "near and general"),
        ("documents", None, "target"),
    ],
)
def test_the_page_says_whose_answers_may_loop(
    method: str, recorded: list[str] | None, shown: str, tmp_path: Path
) -> None:
    """The shares are of some scopes, and not of all answers."""
    folder = write_run(tmp_path / "run")
    exam = make_exam() | {"method": method}
    if recorded:
        exam["sanity_scopes"] = recorded
    (folder / "exam.json").write_text(json.dumps(exam))
    assert f"Share of the greedy answers to {shown} prompts." in words(Page(render_report(folder)))
