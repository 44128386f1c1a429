"""A run that continues another one asks that one's questions again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.methods.earlier_exam import ask_earlier_questions
from selfteach.records import Completion, Request, prompt_to_json
from selfteach.run.display import SilentDisplay

NOW = {
    "Where does the Fox live?": "The Fox always lives in Norway.",
    "Where does the Bear live?": "The Bear always lives in Canada.",
    "What is tea?": "A color.",
    "How are you?": "Very well, thank you.",
}


class Sampled:
    """A tuned model that notes what it is asked."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.requests: list[Request] = []

    def sample(self, requests: Sequence[Request], on_sample: Any = None) -> list[Completion]:
        self.requests += requests
        return list(Scripted(self.answers).stream(requests))


def row(prompt: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"scope": "target", "prompt": prompt, "arms": {"tuned": {"greedy": answer}}, **more}


FACTS = [
    row("Where does the Fox live?", "The Fox always lives in Sweden.", gold=["Sweden"]),
    row("Where does the Bear live?", "The Bear always lives in Canada.", gold=["Canada"]),
    {**row("Name a colour.", "Blue."), "scope": "general"},
]


def write_run(
    folder: Path, exam: dict[str, Any], config: str = "exam:\n  max_tokens: 12\n"
) -> Path:
    folder.mkdir(parents=True)
    (folder / "exam.json").write_text(json.dumps(exam))
    (folder / "config.yaml").write_text(config)
    return folder / "adapter"


def ask(
    adapter: Path | None, answers: Mapping[str, str] | None = None, display: Any = None
) -> tuple[list[dict[str, Any]], Sampled]:
    model = Sampled(NOW | dict(answers or {}))
    session: Any = SimpleNamespace(
        run=SimpleNamespace(material={"from": str(adapter)} if adapter else {}),
        config=SimpleNamespace(seed=0),
        display=display or SilentDisplay(),
        samples=True,
    )
    tuned: Any = SimpleNamespace(recorded=model)
    return ask_earlier_questions(session, tuned), model


def test_the_second_run_asks_the_first_one_s_questions(tmp_path: Path) -> None:
    """Both countries were known; one is lost. General prompts are not asked again."""
    adapter = write_run(tmp_path / "first", {"method": "documents", "answers": FACTS})
    (entry,), model = ask(adapter)
    assert [entry[key]["value"] for key in ("first", "now", "change")] == [1.0, 0.5, -0.5]
    assert entry["run"] == "first"
    assert [q["now"] for q in entry["questions"]] == [NOW[q["prompt"]] for q in FACTS[:2]]
    assert entry["alike"]["value"] == pytest.approx((5 / 6 + 1) / 2)
    assert {r.sampling.max_tokens for r in model.requests} == {12}
    assert {r.sampling.temperature for r in model.requests} == {0.0}


def test_a_run_without_questions_has_no_entry(tmp_path: Path) -> None:
    """Its own earlier run has some."""
    earlier = {"run": "zero", "method": "feedback", "check": "", "max_tokens": 9}
    asked = earlier | {"questions": [{"prompt": "What is tea?", "gold": None, "first": "A drink."}]}
    exam = {"method": "train", "answers": [], "earlier": [earlier, asked]}
    (entry,), _ = ask(write_run(tmp_path / "first", exam))
    assert (entry["run"], entry["questions"][0]["now"]) == ("zero", "A color.")


@pytest.mark.parametrize(
    ("method", "name"), [("documents", "chunk"), ("tasks", "task"), ("feedback", "group")]
)
def test_the_change_holds_where_questions_of_a_cluster_go_together(
    method: str, name: str, tmp_path: Path
) -> None:
    """Each passage, task or occasion of ten has four questions; those of half of them are lost."""
    facts = []
    for place in range(10):
        first = "yes, surely" if place % 2 else "Very well, thank you."
        prompt = "Is it so?" if place % 2 else "How are you?"
        facts += [row(prompt, first, gold=[first], **{name: f"{name} {place}"})] * 4
    exam = {"method": method, "answers": facts}
    config = 'check: "not contains no"\n'
    (together,), _ = ask(write_run(tmp_path / "one", exam, config), {"Is it so?": "no"})
    exam["answers"] = [{key: fact[key] for key in fact if key != name} for fact in facts]
    (alone,), _ = ask(write_run(tmp_path / "other", exam, config), {"Is it so?": "no"})
    assert together["change"]["value"] == alone["change"]["value"] == -0.5
    for key in ("change", "alike"):
        wide, narrow = (found[key]["high"] - found[key]["low"] for found in (together, alone))
        assert wide > 1.5 * narrow, key
    later = {"answers": [], "earlier": [together]}
    (again,), _ = ask(write_run(tmp_path / "later", later), {"Is it so?": "no"})
    assert again["change"] == together["change"], "a later run knows them too"


def test_a_check_that_cannot_be_read_costs_its_own_exam_alone(tmp_path: Path) -> None:
    adapter = write_run(tmp_path / "first", {"method": "documents", "answers": FACTS})
    earlier, _ = ask(adapter)
    exam = {"method": "feedback", "answers": [row("What is tea?", "Tea.")], "earlier": earlier}
    lines: list[str] = []
    display: Any = SilentDisplay()
    display.print_line = lines.append
    check = 'check: "emoticons >= 1"\n'
    found, model = ask(write_run(tmp_path / "second", exam, check), display=display)
    assert [entry["run"] for entry in found] == ["first"]
    assert len(model.requests) == 2, "nothing is asked in vain"
    assert lines[0].startswith("the questions of second are not asked again: check")


def test_the_third_run_asks_those_of_both(tmp_path: Path) -> None:
    adapter = write_run(tmp_path / "first", {"method": "documents", "answers": FACTS})
    earlier, _ = ask(adapter)
    rule = [row("What is tea?", "A drink."), row("How are you?", "Well.")]
    exam = {"method": "feedback", "rule": "Say no drink.", "answers": rule, "earlier": earlier}
    check = "check: not contains drink\nexam:\n  max_tokens: null\n"
    found, _ = ask(write_run(tmp_path / "second", exam, check))
    assert [entry["run"] for entry in found] == ["second", "first"]
    second, first = found
    assert [second[key]["value"] for key in ("first", "now")] == [0.5, 1.0]
    assert second["material"] == "Say no drink."
    assert first["first"]["value"] == 1.0, "compared with the run that learned it"


def test_what_cannot_be_graded_is_compared_with_the_first_answer(tmp_path: Path) -> None:
    exam = {"method": "corrections", "answers": [row("How are you?", "Very well, thank you.")]}
    (entry,), _ = ask(write_run(tmp_path / "first", exam))
    assert entry["change"] is None
    assert entry["alike"]["value"] == 1.0


def test_every_right_answer_to_a_task_counts(tmp_path: Path) -> None:
    answers = [row("What is tea?", "A drink.", gold="A plant.", golds=["A plant.", "A drink."])]
    (entry,), _ = ask(write_run(tmp_path / "first", {"method": "tasks", "answers": answers}))
    assert entry["first"]["value"] == 1.0


def test_without_an_earlier_exam_nothing_is_asked(tmp_path: Path) -> None:
    assert ask(None)[0] == []
    found, model = ask(tmp_path / "gone" / "adapter")
    assert (found, model.requests) == ([], [])


def test_the_questions_and_their_limit_are_those_of_the_record(tmp_path: Path) -> None:
    """The answers of a corrections run are as long as its material, whatever its settings say."""
    talk = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "How are you?"},
    ]
    plain = [{"role": "user", "content": "What is tea?"}]
    exam: dict[str, Any] = {"method": "corrections"}
    exam["answers"] = [row("How are you?", "Well."), row("What is tea?", "A drink.")]
    adapter = write_run(tmp_path / "first", exam, "exam:\n  max_tokens: null\n")
    asked = {"target": [talk, plain], "general": []}
    record: dict[str, Any] = {"format": 1, "questions": asked}
    record["settings"] = {"seed": 0, "smoke_test": False, "max_tokens": 200}
    lesson: dict[str, Any] = {"base": "b", "tuned": "t", "exam": record}
    lesson["training"] = {"objectives": {}, "settings": {}}
    (tmp_path / "first" / "lesson.json").write_text(json.dumps(lesson))
    (entry,), model = ask(adapter)
    assert [prompt_to_json(r.prompt) for r in model.requests] == [talk, plain]
    assert {r.sampling.max_tokens for r in model.requests} == {200}
    _, model = ask(write_run(tmp_path / "second", {"answers": [], "earlier": [entry]}))
    assert [prompt_to_json(r.prompt) for r in model.requests] == [talk, plain]
