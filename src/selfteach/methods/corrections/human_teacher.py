"""Step 2 of corrections: let a person correct the base's answers."""

from __future__ import annotations

from dataclasses import replace

from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.sample_and_correct import EMPTY_ANSWER, sample_completions
from selfteach.methods.session import Session
from selfteach.records import GREEDY, get_user_text, parse_messages


def review_answers(session: Session, material: Corrections) -> Corrections:
    """Return the material with a person's decisions on the model's answers.

    The review page shows the answers until each has a decision. The result has no prompts: a
    skipped prompt has no correction, so the exam cannot use it.
    """
    from selfteach.review.queue import add_answers, list_corrections, list_waiting
    from selfteach.review.serve import serve_review

    seed = session.config.seed
    sampled = sample_completions(session, session.base, "draw", material.prompts, [GREEDY], seed)
    rows = []
    with session.run.ledger.open_funnel("answers for review") as funnel:
        for prompt, (answer,) in sampled.items():
            if answer.text.strip():
                cut = answer.finish == "length"
                rows.append({"prompt": prompt, "answer": answer.text, "cut": cut})
            else:
                funnel.decide(answer.id, EMPTY_ANSWER, {"prompt": get_user_text(prompt)})
    ids = add_answers(session.run.ledger, rows)
    if list_waiting(session.run.ledger):
        serve_review(session.run.ledger, name=session.run.path.name, say=session.display.print_line)
    reviewed = [
        Edit(
            f"review {row['id']}",
            parse_messages(row["prompt"]),
            row["answer"],
            row["correction"],
            cut=row["cut"],
        )
        for row in list_corrections(session.run.ledger, ids)
    ]
    edits = material.edits + [edit for edit in reviewed if not edit.unchanged]
    approved = material.approved + [edit for edit in reviewed if edit.unchanged]
    return replace(material, edits=edits, approved=approved, prompts=[])
