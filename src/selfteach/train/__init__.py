"""Training: the trainer, objectives as pure functions, adapters and fast kernels. It knows no
method.
"""

from selfteach.lazy import make_callable

make_callable(__name__)
