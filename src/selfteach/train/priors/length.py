"""The domain prior `length`."""

from __future__ import annotations

import math

from selfteach.records import Prompt
from selfteach.train.priors.prior import Prior


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
