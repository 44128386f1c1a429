"""The loop, its objectives as pure functions, its adapters, and what makes it fast. It knows no
method by name.
"""

from selfteach.lazy import make_callable

make_callable(__name__)
