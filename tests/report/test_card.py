"""The model card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fixture import FINGERPRINT, write_run
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from selfteach.report.card import escape_markdown, fence_text, make_adapter_card, make_card

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def front(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_names_library_and_base(folder: Path):
    fields = front(make_card(folder))
    assert (fields["library_name"], fields["base_model"], fields["pipeline_tag"]) == (
        "peft",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "text-generation",
    )


def test_the_front_matter_has_the_exam_and_says_where_the_examples_are(folder: Path):
    fields = front(make_card(folder, examples=True))
    assert fields["configs"] == [{"config_name": "default", "data_files": "examples.jsonl"}]
    (index,) = fields["model-index"]
    metrics = [metric for result in index["results"] for metric in result["metrics"]]
    assert metrics, "the exam of the tuned model"
    assert all(0 <= metric["value"] <= 1 for metric in metrics)
    assert "configs" not in front(make_card(folder)), "an export is no folder of examples"


@pytest.mark.parametrize(
    ("settings", "library", "shown"),
    [
        ('{"peft_type": "LORA"}', "peft", "PeftModel.from_pretrained"),
        ('{"peft_type": "PROMPT_TUNING"}', "peft", "PeftModel.from_pretrained"),
        (
            '{"selfteach_adapter": "reft"}',
            "selfteach",
            "Plain PEFT does not know this kind of adapter (reft)",
        ),
        ('{"selfteach_adapter": "full"}', "selfteach", "HfModel.load"),
    ],
)
def test_how_to_load_it_is_what_loads_it(settings: str, library: str, shown: str, tmp_path: Path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text(settings)
    text = make_card(tmp_path)
    assert front(text)["library_name"] == library
    assert shown in text
    assert ("PeftModel" in text) is (library == "peft")
    (tmp_path / "adapter" / "adapter_config.json").write_text("{")
    assert "## Use" not in make_card(tmp_path)


@pytest.mark.parametrize(
    "kind", ["<img src=//e.vil/x.png>", "[click](http://evil.example)", "x)\n# Heading"]
)
def test_the_kind_of_a_foreign_adapter_formats_nothing(kind: str, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    settings = json.dumps({"selfteach_adapter": kind})
    (tmp_path / "adapter" / "adapter_config.json").write_text(settings)
    card = make_card(tmp_path).split("---\n", 2)[2]
    assert "Plain PEFT does not know this kind of adapter" in card
    page = MARKDOWN.render(card)
    assert "<img" not in page
    assert "<a " not in page
    assert page.count("<h1>") == 1


def test_it_names_the_base_the_day_the_seed_and_the_versions(folder: Path):
    """From the manifest that a run itself writes."""
    text = make_card(folder).replace("\\", "")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "`HuggingFaceTB/SmolLM2-135M-Instruct`, as selfteach's `embedded`" in text
    assert "from_pretrained(fetch_embedded_model())" in text
    assert f"Its fingerprint: {FINGERPRINT}." in text
    assert (
        f"Made on {manifest['created']} with seed 0, on {manifest['platform']}: "
        f"selfteach {manifest['selfteach']}, python"
    ) in text
    assert all(f"{name} {version}" in text for name, version in manifest["packages"].items())


@pytest.mark.parametrize(
    "base",
    ["/home/somebody/model", "./model", "../model", "C:\\model", 3, "a/b/c", "x/y\nlicense: other"],
)
def test_a_folder_is_not_published_as_a_base(tmp_path: Path, base: object):
    (tmp_path / "manifest.json").write_text(json.dumps({"base_model": base}))
    text = make_card(tmp_path)
    assert "base_model" not in front(text)
    assert str(base) not in text or base == 3


def test_a_relative_folder_of_the_form_of_a_hub_name_is_not_published_as_a_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "models/tiny").mkdir(parents=True)
    (tmp_path / "manifest.json").write_text(json.dumps({"base_model": "models/tiny"}))
    assert "base_model: models/tiny" in make_card(tmp_path), "from elsewhere it is a name"
    monkeypatch.chdir(tmp_path)
    text = make_card(tmp_path)
    assert "base_model" not in front(text)
    assert "models/tiny" not in text


def test_it_shows_the_exam_with_its_baselines_and_intervals(folder: Path):
    text = make_card(folder).replace("\u202f", " ")
    assert "| Rule kept, greedy | 45 % (30–60) | 35 % (20–50) | 98 % (93–100) | 40 |" in text
    assert "0.031 nats a token" in text
    assert "<table>" in MARKDOWN.render(text)


def test_it_shows_answers_and_says_when_there_is_no_exam(folder: Path, tmp_path: Path):
    assert "African elephant" in make_card(folder)
    assert "has not reached its exam" in make_card(tmp_path)


def test_the_card_of_the_adapter_is_the_same_before_and_after_the_exam(tmp_path: Path):
    """A run that was killed after its exam writes its adapter again."""
    run = write_run(tmp_path / "run")
    after = make_adapter_card(run, run / "adapter", "Be brief.")
    (run / "exam.json").unlink()
    assert make_adapter_card(run, run / "adapter", "Be brief.") == after
    assert "Be brief." in after


def test_a_rehearsal_says_so(folder: Path, tmp_path: Path):
    assert "Smoke test" not in make_card(folder)
    assert "Smoke test" in make_card(write_run(tmp_path / "run", smoke_test=True))


def test_where_the_drift_was_measured_formats_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    exam = json.loads((run / "exam.json").read_text())
    exam["drift"]["on"] = "<script>x</script> [a](b)"
    (run / "exam.json").write_text(json.dumps(exam))
    card = make_card(run)
    assert "Drift on &lt;script" in card
    assert "<script" not in card
    assert "[a](b)" not in card


def test_the_names_of_a_method_and_of_its_measures_format_nothing(tmp_path: Path) -> None:
    """Those of a method that is not installed come from exam.json, which may be of a stranger."""
    measure = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
    exam = {
        "method": "odd\n\n<script>x</script>",
        "verdict": {"word": "taught", "sentence": "Taught."},
        "<b>|score": {"base": measure, "tuned": measure},
    }
    (tmp_path / "exam.json").write_text(json.dumps(exam))
    text = make_card(tmp_path).rpartition("---\n")[2]
    tokens = MARKDOWN.parse(text)
    inner = [part for token in tokens for part in token.children or ()]
    assert not {"html_block", "html_inline"} & {token.type for token in [*tokens, *inner]}
    assert "# Taught with odd &lt;script" in text
    assert "&lt;b&gt;\\|score" in text


@given(st.text(alphabet="ab`*_[]()<>!#|\\&;:/.~-+$ \n", max_size=80))
def test_plain_text_means_nothing_but_itself(text: str):
    tokens = [
        token
        for block in MarkdownIt("commonmark", {"html": True}).parse("x" + escape_markdown(text))
        for token in block.children or ()
    ]
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens) == " ".join(
        ("x" + " ".join(text.split())).split()
    )


@given(st.text(alphabet="a`~\n \t>-#", max_size=80))
def test_a_fenced_text_cannot_leave_its_fence(text: str):
    tokens = MarkdownIt("commonmark").parse(fence_text(text) + "\n\nafter")
    assert [token.type for token in tokens] == [
        "fence",
        "paragraph_open",
        "inline",
        "paragraph_close",
    ]
    assert tokens[0].content.rstrip("\n") == text.rstrip("\n")
