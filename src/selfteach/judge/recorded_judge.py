"""A calibrated judge as a record: its threshold, its words, and the prompts that it was calibrated
with. An exam that is sat again is judged by it, whatever prompts judges have by then.

A judge that can be recorded has `describe`, and its class has `from_record`. A judge of another
package may have them as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from selfteach.judge import Judge, ThresholdJudge
from selfteach.models import Scorer
from selfteach.records import JsonMapping, JsonObject
from selfteach.registry import list_names, load_registered

OpenTeacher = Callable[[], Scorer]
"""Opens the teacher of the run, for a judge that asks it."""


@runtime_checkable
class DescribedJudge(Protocol):
    """Define a judge that can be recorded."""

    def describe(self) -> JsonObject:
        """Return what `from_record` makes an equal judge from."""
        ...

    @classmethod
    def from_record(cls, record: JsonMapping, scorer: Scorer, open_teacher: OpenTeacher) -> Judge:
        """Return the judge of a record.

        Args:
            scorer: the untouched base.
        """
        ...


def describe_judge(judged: ThresholdJudge) -> JsonObject | None:
    """Return the record of a calibrated judge; None where it cannot be recorded."""
    if not isinstance(judged.judge, DescribedJudge):
        return None
    for kind in list_names("judges"):
        if load_registered("judges", kind) is type(judged.judge):
            return {"kind": kind, "threshold": judged.threshold, **judged.judge.describe()}
    return None


def read_judge(record: JsonMapping, scorer: Scorer, open_teacher: OpenTeacher) -> ThresholdJudge:
    """Return the judge of a record."""
    kind: type[DescribedJudge] = load_registered("judges", str(record["kind"]))
    judge = kind.from_record(record, scorer, open_teacher)
    return ThresholdJudge(judge, float(record["threshold"]))
