"""Step 5 of documents: the stages of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfteach.errors import DataError
from selfteach.generate.answers import LabelledQuestion, make_open_book_chat
from selfteach.methods.method import TrainStage
from selfteach.methods.session import Session
from selfteach.records import Example, digest, get_user_text
from selfteach.select.evenly import choose_evenly
from selfteach.select.knowledge import find_label_fault


def plan_stages(
    session: Session,
    examples: Sequence[Example],
    general: Mapping[str, Sequence[Example]],
    answered: Sequence[LabelledQuestion],
) -> list[TrainStage]:
    """Return the training stages in order (step 5).

    Raises:
        DataError: there is nothing to learn from the documents.
    """
    if not examples:
        raise DataError(
            "nothing is left to learn.",
            cure="Look into dropped.jsonl; lower select.tau_knowledge, or switch stages.study on.",
        )
    wanted = session.config.stages
    own = general["own"]
    stages = [TrainStage("documents", [*examples, *general["train"]])]
    if wanted.general:
        reading = make_reading_examples(answered)
        mixed = mix_sft_stage(own, reading)
        stages.insert(0, TrainStage("general", mixed))
        record_mixed(session, "reading examples", reading, mixed)
        if not wanted.healing:
            record_mixed(session, "base answers", own, mixed)
    if wanted.healing:
        stages.append(TrainStage("healing", own))
    return stages


def make_reading_examples(answered: Sequence[LabelledQuestion]) -> list[Example]:
    """Return reading examples: a question with its passage in the prompt, and the label."""
    found = []
    for a in answered:
        if find_label_fault(a):
            continue
        q = a.question
        id = digest(["reading", q.id, a.best])
        source = q.chunk.describe_source(q.sentence)
        prompt = make_open_book_chat(q.text, q.chunk)
        found.append(Example(id, "reading", prompt, a.best, source=source))
    return found


def mix_sft_stage(own: Sequence[Example], reading: Sequence[Example]) -> list[Example]:
    """Mix the paper's SFT stage: two of the base's own answers for each reading example. Leave the
    surplus of either out, evenly.
    """
    count = min(len(own) // 2, len(reading))
    if not count:
        return list(own)
    return [*choose_evenly(own, 2 * count), *choose_evenly(reading, count)]


def record_mixed(
    session: Session, stage: str, candidates: Sequence[Example], mixed: Sequence[Example]
) -> None:
    """Record which examples the mixed stage takes, and drop the others."""
    taken = {example.id for example in mixed}
    with session.run.ledger.open_funnel(stage) as funnel:
        for example in candidates:
            reason = "" if example.id in taken else "more than its share of the stage"
            funnel.decide(example.id, reason, {"prompt": get_user_text(example.prompt)})
