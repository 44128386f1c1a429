"""The queue: what was put comes out once, in order; every decision can be taken back; nothing is
kept but the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from service import ROWS

from selfteach.errors import DataError
from selfteach.records import Message
from selfteach.review import queue
from selfteach.run.ledger import Ledger


def test_what_is_put_waits_in_order_and_putting_it_again_changes_nothing(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    assert [item.id for item in queue.list_waiting(book)] == ids
    assert [item.answer for item in queue.list_waiting(book)] == [row["answer"] for row in ROWS]
    queue.accept_answer(book, ids[0])
    assert queue.add_answers(book, [*ROWS, ROWS[0], {"prompt": "New?", "answer": "Yes."}])[:4] == [
        *ids,
        ids[0],
    ]
    assert [item.answer for item in queue.list_waiting(book)] == ["Two miles.", "Yes.", "Yes."]


def test_corrections_are_the_finished_edits_in_the_order_of_the_queue(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    queue.accept_answer(book, ids[2])
    queue.save_correction(book, ids[0], "The colour is grey.")
    sky = {**ROWS[0], "correction": "The colour is grey."}
    yes = {**ROWS[2], "correction": "Yes."}
    assert queue.list_corrections(book) == [
        {**sky, "id": ids[0], "cut": False},
        {**yes, "id": ids[2], "cut": False},
    ]
    assert [row["answer"] for row in queue.list_corrections(book, [ids[2], ids[1]])] == ["Yes."]
    queue.skip_answer(book, ids[1])
    assert len(queue.list_corrections(book)) == 2
    assert queue.count_progress(book) == queue.ReviewProgress(
        waiting=0, edited=1, unchanged=1, skipped=1
    )


def test_an_answer_that_was_cut_stays_one(book: Ledger) -> None:
    [id] = queue.add_answers(book, [ROWS[0] | {"cut": True}])
    assert queue.list_waiting(book)[0].cut
    queue.save_draft(book, id, "The colour")
    queue.save_correction(book, id, "The colour is")
    queue.undo_decision(book)
    queue.accept_answer(book, id)
    assert [row["cut"] for row in queue.list_corrections(book)] == [True]


@pytest.mark.parametrize(
    "prompt",
    [[{"role": "user"}], ["a"], [{"role": "nobody", "content": "Hum."}], 5, {"role": "user"}, [5]],
    ids=repr,
)
def test_a_prompt_of_another_form_is_named_by_its_row(prompt: object, book: Ledger) -> None:
    with pytest.raises(DataError, match="row 2: ") as caught:
        queue.add_answers(book, [ROWS[0], {"prompt": prompt, "answer": "Yes."}])
    assert caught.value.cure
    assert queue.list_waiting(book) == []


def test_prompts_come_back_as_json(book: Ledger) -> None:
    messages = (Message("system", "Be short."), Message("user", "Why?"))
    [id] = queue.add_answers(book, [{"prompt": messages, "answer": "So."}])
    queue.accept_answer(book, id)
    turns = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why?"}]
    assert queue.list_corrections(book)[0]["prompt"] == turns
    assert queue.add_answers(book, [{"prompt": turns, "answer": "So."}]) == [id]


@pytest.mark.parametrize(
    "row",
    [
        {"answer": "x"},
        {"prompt": "x"},
        {"prompt": "", "answer": "x"},
        {"prompt": [], "answer": "x"},
    ],
)
def test_a_row_without_prompt_or_answer_is_refused_and_nothing_is_put(
    book: Ledger, row: dict[str, object]
) -> None:
    with pytest.raises(DataError, match="row 2"):
        queue.add_answers(book, [ROWS[0], row])
    assert queue.list_waiting(book) == []


def test_white_space_at_the_end_and_kinds_of_line_end_are_no_edit(book: Ledger) -> None:
    [id] = queue.add_answers(book, [{"prompt": "?", "answer": "One.\r\nTwo.\r"}])
    assert queue.list_waiting(book)[0].answer == "One.\nTwo.\n"
    queue.save_correction(book, id, "One.\r\nTwo.  \n\n")
    assert queue.list_corrections(book)[0]["correction"] == "One.\nTwo.\n"
    assert queue.count_progress(book).unchanged == 1


def test_an_empty_correction_is_refused(book: Ledger) -> None:
    [full, empty] = queue.add_answers(book, [ROWS[0], {"prompt": "?", "answer": " "}])
    with pytest.raises(DataError, match="empty"):
        queue.save_correction(book, full, " \n")
    with pytest.raises(DataError, match="empty"):
        queue.accept_answer(book, empty)
    assert queue.count_progress(book).waiting == 2


def test_a_decision_is_made_once(book: Ledger) -> None:
    [id] = queue.add_answers(book, ROWS[:1])
    queue.skip_answer(book, id)
    for again in (
        queue.accept_answer,
        queue.skip_answer,
        lambda *a: queue.save_correction(*a, "x"),
        lambda *a: queue.save_draft(*a, "x"),
    ):
        with pytest.raises(queue.NotWaitingError):
            again(book, id)
    with pytest.raises(queue.NotWaitingError):
        queue.accept_answer(book, "of another run")


def test_undo_goes_back_step_by_step_in_the_order_of_the_work(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    queue.save_correction(book, ids[2], "No.")
    queue.accept_answer(book, ids[0])
    queue.skip_answer(book, ids[1])
    back = [queue.undo_decision(book) for _ in range(4)]
    assert [item and item.id for item in back] == [ids[1], ids[0], ids[2], None]
    assert back[2] is not None
    assert back[2].draft == "No.", "the edit is not lost"
    assert queue.list_corrections(book) == []
    assert [item.id for item in queue.list_waiting(book)] == ids, "each at its old place"


def test_undo_after_a_second_decision_takes_back_the_second_one(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    queue.accept_answer(book, ids[0])
    queue.accept_answer(book, ids[1])
    queue.undo_decision(book)
    queue.undo_decision(book)
    queue.accept_answer(book, ids[1])
    queue.accept_answer(book, ids[0])
    assert queue.undo_decision(book) == queue.ReviewItem(
        ids[0], ROWS[0]["prompt"], ROWS[0]["answer"]
    )


def test_skipped_answers_come_again(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    for id in ids:
        queue.skip_answer(book, id)
    assert queue.requeue_skipped(book) == 3
    assert [item.id for item in queue.list_waiting(book)] == ids


@pytest.mark.parametrize("decide", [queue.skip_answer, queue.accept_answer])
def test_a_decision_taken_back_brings_the_draft_back(
    book: Ledger, decide: Callable[[Ledger, str], None]
) -> None:
    ids = queue.add_answers(book, ROWS)
    queue.save_draft(book, ids[0], "The colour")
    decide(book, ids[0])
    assert queue.undo_decision(book) == queue.read_item(book, ids[0])
    assert queue.read_item(book, ids[0]).draft == "The colour"
    queue.save_draft(book, ids[0], ROWS[0]["answer"] + "\n")
    assert queue.read_item(book, ids[0]).draft == "", "the answer itself is no edit"


def test_texts_are_made_safe(book: Ledger) -> None:
    [id] = queue.add_answers(book, [{"prompt": "a\u202eb\x1b[2J", "answer": "x\ud800y"}])
    item = queue.list_waiting(book)[0]
    assert (item.prompt, item.answer) == ("ab\ufffd[2J", "x\ufffdy")
    queue.save_correction(book, id, "\x1b]0;t\x07\u2066\ud800ok")
    assert queue.list_corrections(book)[0]["correction"] == "\ufffd]0;t\ufffd\ufffdok"


def test_everything_is_there_after_a_restart_undo_too(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "run.db")
    ids = queue.add_answers(first, ROWS)
    queue.save_correction(first, ids[0], "Blue.")
    queue.save_draft(first, ids[1], "Three")
    second = Ledger(tmp_path / "run.db")  # the first one was not closed: as after kill -9
    assert queue.list_corrections(second)[0]["correction"] == "Blue."
    assert [item.draft for item in queue.list_waiting(second)] == ["Three", ""]
    item = queue.undo_decision(second)
    assert item is not None
    assert item.draft == "Blue."
    first.close()
    second.close()


def test_the_funnel_adds_up_and_a_skip_has_its_reason(book: Ledger) -> None:
    ids = queue.add_answers(book, ROWS)
    queue.skip_answer(book, ids[0])
    queue.accept_answer(book, ids[1])
    [part] = book.funnel()
    assert (part.requested, part.accepted, part.dropped, part.pending) == (3, 1, 1, 1)
    assert part.reasons[queue.SKIPPED] == 1
