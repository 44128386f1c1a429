"""What the addresses of a server share."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from selfteach.serve.batch_engine import BatchEngine
from selfteach.serve.lesson_rows import RowLessons
from selfteach.serve.model_set import ModelSet
from selfteach.serve.read_request import RequestFault
from selfteach.serve.teaching import Teaching


@dataclass
class ServedModels:
    """Hold what the addresses need.

    Attributes:
        key: clients must send this key, if there is one.
        timeout_s: an answer that takes longer fails.
        teaching: the student whose lessons are served; None serves runs, or a base alone.
    """

    models: ModelSet
    key: str = ""
    timeout_s: float = 600.0
    teaching: Teaching | None = None
    created: int = field(default_factory=lambda: int(time.time()))
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def engine(self) -> BatchEngine:
        """Return what computes."""
        return self.models.engine

    @property
    def names(self) -> list[str]:
        """Return the names of all models."""
        return list(self.models.models)

    def find_model(self, name: str) -> RowLessons:
        """Return the lessons of a model by its name.

        Raises:
            RequestFault: there is no such model.
        """
        found = self.models.models.get(name)
        if found is None:
            known = ", ".join(self.names)
            raise RequestFault(404, f"there is no model {name[:80]!r}; known: {known}.", "model")
        return found

    def close(self) -> None:
        """Stop computing and teaching; a job that runs resumes with the next server."""
        if self.teaching:
            self.teaching.close()
        self.engine.close()
