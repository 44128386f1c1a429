"""A person as the teacher: the answers wait in the queue, the decisions become edits and approvals,
and nothing is asked twice.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import CorrectionsConfig as Settings
from selfteach.config import resolve
from selfteach.materials.corrections import Corrections
from selfteach.methods.corrections.human_teacher import review_answers
from selfteach.methods.corrections.method import describe_material
from selfteach.models.recorded import Recorded
from selfteach.records import make_prompt
from selfteach.review import queue, serve
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run


def test_decisions_become_material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = resolve(Settings, sets=["correct.max_tokens=8"])
    opened: list[int] = []

    def person(ledger: Ledger, **more: Any) -> queue.ReviewProgress:
        """Edits the first answer, accepts the second, skips the third."""
        opened.append(len(queue.list_waiting(ledger)))
        first, second, third = queue.list_waiting(ledger)
        queue.save_correction(ledger, first.id, "A drink.")
        queue.accept_answer(ledger, second.id)
        queue.skip_answer(ledger, third.id)
        return queue.count_progress(ledger)

    monkeypatch.setattr(serve, "serve_review", person)
    with open_run(tmp_path / "run", "edits", "corrections", resolved, {}) as run:
        model = Scripted({"Tea?": "A color.", "Milk?": "White.", "Ink?": "Blue.", "Snow?": " "})
        session: Any = SimpleNamespace(
            run=run,
            config=resolved.config,
            display=open_display(),
            base=Recorded(run.ledger, model),
        )
        for _ in range(2):
            brought = Corrections(
                prompts=[
                    make_prompt("Tea?"),
                    make_prompt("Milk?"),
                    make_prompt("Ink?"),
                    make_prompt("Snow?"),
                ]
            )
            found = review_answers(session, brought)
            assert (brought.edits, len(brought.prompts)) == ([], 4), "what was brought stays"
            assert [(e.prompt, e.answer, e.correction) for e in found.edits] == [
                (make_prompt("Tea?"), "A color.", "A drink.")
            ]
            assert [(e.prompt, e.answer) for e in found.approved] == [
                (make_prompt("Milk?"), "White.")
            ]
            assert len({e.where for e in (*found.edits, *found.approved)}) == 2, (
                "each row has a fate of its own"
            )
            assert not any(e.cut for e in found.edits)
            assert found.prompts == [], (
                "one that was skipped would count as wholly wrong in the exam"
            )
            assert (
                describe_material(found, "a person")
                == "1 correction, 1 approved answer; corrected by a person"
            )
            lost = [
                fate.reason
                for stage, fate in run.ledger.read_outcomes(state="dropped")
                if stage == "answers for review"
            ]
            assert lost == ["the model's own answer is empty"]
        assert opened == [3], "the page opened again for answers that were decided"
        assert len(model.asked) == 4
