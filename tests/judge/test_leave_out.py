"""What breaks a rule is left out of a text, soon and alone."""

import time

from selfteach.judge.leave_out import leave_out_violations, split_items


def test_a_long_run_of_spaces_is_soon_split() -> None:
    began = time.process_time()
    assert split_items("Lions," + " " * 12_000 + "cats" + " " * 12_000 + "and dogs.")
    assert not split_items("Lions" + "\n" * 12_000 + "subject")
    assert time.process_time() - began < 0.5


def test_a_forbidden_sentence_near_the_beginning_costs_itself_alone() -> None:
    others = ["Lions live in groups.", "Tigers are strong.", "Zebras have stripes."]
    text = " ".join([others[0], "Elephants are gray.", *others[1:]])
    (found,) = leave_out_violations([text], lambda rows: ["lephant" in row for _, row in rows])
    assert found == " ".join(others)
