"""One tree of errors.

Each error names the fault, the place and the cure, and carries the program's exit code.
"""

from __future__ import annotations

from collections.abc import Callable

OUT_OF_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
)


LIBRARY_WORDS = {
    "Input should be greater than or equal to": "must be at least",
    "Input should be less than or equal to": "must be at most",
    "Input should be greater than": "must be above",
    "Input should be less than": "must be below",
    "Input should be a valid integer": "must be a whole number",
    "Input should be a valid number": "must be a number",
    "Input should be a valid string": "must be a text",
    "Input should be a valid list": "must be a list",
    "Input should be a valid tuple": "must be a list",
    "Input should be a valid dictionary": "must be a mapping",
    "Input should be": "must be",
}
"""Our words for the beginnings of pydantic's messages, longer ones first."""


def reword_library_fault(text: str) -> str:
    """Return a message about a value without the words of the library that found the fault."""
    for theirs, ours in LIBRARY_WORDS.items():
        text = text.replace(theirs, ours)
    return text


def describe_kind(value: object) -> str:
    """Return what a value of Python is, with its article: "an int"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


class SelfteachError(Exception):
    """Report a fault in one line: `where: what cure`.

    It is shown without a traceback unless `--debug` is given.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = "", cure: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.cure = cure
        super().__init__(self._join())

    def _join(self) -> str:
        place = f"{self.where}:" if self.where else ""
        return " ".join(filter(None, (place, self.what, self.cure))).replace(" \n", "\n")

    def reword(self, change: Callable[[str], str]) -> None:
        """Change the words of the fault and the cure, and of the place where it is an option."""
        self.what, self.cure = change(self.what), change(self.cure)
        if self.where.startswith("--"):
            self.where = change(self.where)
        self.args = (self._join(),)


def get_first_line(fault: BaseException) -> str:
    """Return the first line of an error's message, at most 200 characters long."""
    return (str(fault).strip().splitlines() or [repr(fault)])[0][:200]


def is_out_of_memory(fault: BaseException) -> bool:
    """Return whether an error of any library reports that memory ran out, on any device."""
    text = str(fault).lower()
    return isinstance(fault, MemoryError) or (
        isinstance(fault, RuntimeError) and any(words in text for words in OUT_OF_MEMORY_WORDS)
    )


class RequirementNotMet(SelfteachError):
    """Report that the finished work does not meet `--require`."""

    exit_code = 1


class UsageError(SelfteachError):
    """Report a wrong option, a wrong configuration, a folder that cannot be written."""

    exit_code = 2


class DataError(SelfteachError):
    """Report material or examples that cannot be used."""

    exit_code = 3


class EndpointError(SelfteachError):
    """Report an endpoint that cannot be reached, refuses, or answers nonsense."""

    exit_code = 4


class ResourceError(SelfteachError):
    """Report missing memory or disk space."""

    exit_code = 5


class IntegrityError(SelfteachError):
    """Report a file that has changed since it was written: damaged, of another base or run."""

    exit_code = 6


class TooManyFailures(SelfteachError):
    """Report that more requests failed than the run allows."""

    exit_code = 7


class Interrupted(SelfteachError):
    """Report a stop by the user or the system; the same command continues from here."""

    exit_code = 130
