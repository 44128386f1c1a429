"""What breaks a rule is left out of a text: the time that it takes on a looping answer."""

import time

from selfteach.judge.leave_out import split_items


def test_a_long_run_of_spaces_is_soon_split() -> None:
    began = time.process_time()
    assert split_items("Lions," + " " * 12_000 + "cats" + " " * 12_000 + "and dogs.")
    assert not split_items("Lions" + "\n" * 12_000 + "subject")
    assert time.process_time() - began < 0.5
