"""Domain priors: the likelihood l(y) of an answer in the domain, apart from the model.

`P(y) = pi(y) l(y)` of correction-optimization; docs/explanation/objectives/correction.md derives
both uses (`train.correction.prior_as`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from selfteach.config import CorrectionLossConfig
from selfteach.records import Prompt


class Prior(ABC):
    """Compute a likelihood l over answers. Only its ratio between two answers to one prompt counts,
    so constants may be left out.
    """

    def __init__(self, settings: CorrectionLossConfig) -> None:
        self.settings = settings

    @abstractmethod
    def logp(self, prompt: Prompt, answer: str, tokens: int) -> float:
        """Return log l(answer), nats, up to a constant.

        Args:
            tokens: the number of the answer's tokens, with its end of turn.
        """
