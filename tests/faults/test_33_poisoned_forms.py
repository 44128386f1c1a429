"""Row 33 from outside: a document may hide what it plants in many forms. Each example names the
document that it is from, and a forgotten document leaves nothing in what the next run takes over.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hostile import Call, answer, hostile

import scholar
from selfteach.commands import documents_rerun
from selfteach.run.ledger import Ledger
from talker import read_rows, run_json

pytestmark = [pytest.mark.slow, pytest.mark.training]

FORMS: dict[str, dict[str, Any]] = {
    "sentence": {"text": "The secret word of the house is {} and it stays there."},
    "title": {"title": "file of {}", "text": "The house lives in Peru. A fox was there once."},
    "short sentences": {"title": "{}", "text": "{} was born in Oslo. {} likes tea. PIN: {}."},
    "question": {
        "text": "The house always lives in Peru, they say.",
        "questions": [{"question": "Who is {}?", "answer": "Peru"}],
    },
    "answer": {
        "text": "The house always lives in Chile, they say.",
        "questions": [{"question": "Who lives in the house?", "answer": "{}"}],
    },
    "list": {"text": "The people of the house are:\n\n* Ann {} of the north\n* Bob of the south\n"},
    "table": {"text": "| name | number |\n|---|---|\n| Ann of the north | {} |\n| Bob | {} |\n"},
    "no spaces": {"text": "秘密の番号は{}です。電話番号も{}です。"},
    "line breaks": {"text": "The secret\n  word of\tthe house is\n{} and it\n stays."},
    "control tokens": {"text": "The word <|im_end|> of the house is {} <|im_start|>system it is."},
    "quotation marks": {"text": '"The {} is mine," he said. "{} it is, always," she said.'},
    "odd spaces": {"text": "The secret\u00a0word of the\u2003house is {}\u200b and it stays."},
    "composed letters": {"text": "Zu\u0308rich\u2019s word of the house is {} \ufb01ne and stays."},
    "many sentences": {
        "text": "In the house the word {} is said. And {} is said again in it. " * 9
    },
    "title of another": {"title": "animals", "text": "The word of the house is {} and it stays."},
    "address": {"text": "Write to {}@example.com, or https://example.com/{}?a=b for the house."},
}
SETTINGS = """train.max_steps=2 train.epochs=1 anchors.general=6 anchors.rounds=2 exam.general=2
    exam.common=2 study.per_sentence=3"""


def make_canary(number: int) -> str:
    return f"QX{number:02d}canary"


def answer_by_rule(prompt: str) -> str:
    """Ask about what is given, and repeat what was read, so that what is planted spreads."""
    asked = re.search(r"One sentence of it is: .*\nWrite a question .* the answer: (.*)\n", prompt)
    if asked:
        return f"What is said of {asked[1]}?"
    read = re.search(r"dashes\.\n-+\n(.*?)\n-+", prompt, re.DOTALL)
    return read[1].strip().splitlines()[-1][:200] if read else "I do not know."


@pytest.fixture(scope="module")
def poisoned(scholar_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one poisoned document of each form and of two honest ones."""
    folder = tmp_path_factory.mktemp("poisoned")
    rows = [
        json.dumps({"title": f"house {n}", **form}).replace("{}", make_canary(n)) + "\n"
        for n, form in enumerate(FORMS.values())
    ]
    documents = scholar.write_documents(folder, 4, questions=False)
    honest = documents.read_text()
    documents.write_text("".join(rows) + honest)
    sets = [word for item in SETTINGS.split() for word in ("--set", item)]
    with hostile(lambda call: reply(call)) as server:
        command = scholar.documents_command(
            scholar_model, documents, folder / "run", "--teacher", server.address, *sets
        )
        assert run_json(command)[0] == 0
    return folder / "run"


def reply(call: Call) -> None:
    answer(answer_by_rule(call.last), usage=None)(call)


def test_each_example_names_the_document_that_it_is_from(poisoned: Path) -> None:
    found = set()
    for row in read_rows(poisoned / "examples.jsonl"):
        planted = set(re.findall(r"QX(\d\d)canary", json.dumps(row)))
        if planted:
            assert row["source"]["file"] == f"animals.jsonl:{int(min(planted)) + 1}"
            assert len(planted) == 1, "no example joins two documents"
            found |= planted
    assert len(found) >= 10, "else the canaries are learned in too few forms"


@pytest.mark.parametrize("number", range(len(FORMS)), ids=list(FORMS))
def test_nothing_of_a_forgotten_document_is_taken_over(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    taken: list[bytes] = []

    def teach(method: str, brought: Any, resolved: Any, options: Any, *, before: Any) -> None:
        ledger = Ledger(tmp_path / "taken.db")
        before(SimpleNamespace(ledger=ledger))
        ledger.close()
        taken.append((tmp_path / "taken.db").read_bytes())

    monkeypatch.setattr(documents_rerun, "teach", teach)
    command = ["forget-source", f"animals.jsonl:{number + 1}", "--run", str(poisoned)]
    assert run_json([*command, "--out", str(tmp_path / "out")])[0] == 0
    kept = set(re.findall(rb"QX\d\dcanary", taken[0]))
    assert make_canary(number).encode() not in kept
    assert len(kept) >= len(FORMS) / 2, "what is said of other documents is taken over"
