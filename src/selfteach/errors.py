"""One tree of errors. Each says what happened, where, and how to cure it; each carries the exit
code of the program.
"""

from __future__ import annotations


class SelfteachError(Exception):
    """What went wrong, in one line: `where: what cure`. Shown without a traceback unless `--debug`
    is given.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = "", cure: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.cure = cure
        place = f"{where}:" if self.where else ""
        super().__init__(" ".join(filter(None, (place, what, cure))))


def get_first_line(fault: BaseException) -> str:
    """Return the first line of an error's message, at most 200 characters long."""
    return (str(fault).strip().splitlines() or [repr(fault)])[0][:200]


class RequirementNotMet(SelfteachError):
    """The work is done, but `--require` asked for more."""

    exit_code = 1


class UsageError(SelfteachError):
    """A wrong option, a wrong configuration, a folder that cannot be written."""

    exit_code = 2


class DataError(SelfteachError):
    """Material or examples that cannot be used."""

    exit_code = 3


class EndpointError(SelfteachError):
    """An endpoint that cannot be reached, refuses, or answers nonsense."""

    exit_code = 4


class ResourceError(SelfteachError):
    """No memory or no disk left."""

    exit_code = 5


class IntegrityError(SelfteachError):
    """A file that is not what was written: damaged, of another base, of another run."""

    exit_code = 6


class TooManyFailures(SelfteachError):
    """More requests failed than the run allows."""

    exit_code = 7


class Interrupted(SelfteachError):
    """Stopped by the user or the system; the same command goes on from here."""

    exit_code = 130
