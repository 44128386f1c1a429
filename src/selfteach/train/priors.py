"""Domain priors: the likelihood l(y) of an answer in the domain, apart from the model.

`P(y) = pi(y) l(y)` of correction-optimization; docs/explanation/objectives/correction.md derives
both uses (`train.correction.prior_as`).
"""

from __future__ import annotations

import math
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


class LengthPrior(Prior):
    """Prefer (`length`) answers of about `target_tokens` tokens.

    log l(y) = - (ln |y| - ln target)^2 / (2 spread^2): a log-normal whose mode is the target (the
    density's 1/|y| and the distance of its mode from its median cancel). At `spread` 0.5 an answer
    of 1.65 times the target, or of target / 1.65, is half a nat less likely.
    """

    def logp(self, prompt: Prompt, answer: str, tokens: int) -> float:
        """Return log l(answer), nats; 0 at the target."""
        away = math.log(max(tokens, 1) / self.settings.target_tokens) / self.settings.spread
        return -away * away / 2


class StartPrior(Prior):
    """Prefer (`start`) answers that begin with the words `prior_start`.

    log l(y) = 0 where the answer begins so, -1 elsewhere; `prior_weight` scales it. Capitals and
    the spaces before the first word do not count.
    """

    def logp(self, prompt: Prompt, answer: str, tokens: int) -> float:
        """Return log l(answer), nats: 0 or -1."""
        begins = answer.lstrip().lower().startswith(self.settings.prior_start.lower())
        return 0.0 if begins else -1.0
