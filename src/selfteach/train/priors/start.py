"""The domain prior `start`."""

from __future__ import annotations

import regex

from selfteach.records import Prompt
from selfteach.train.priors.prior import Prior

_IN_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]")


class StartPrior(Prior):
    """Prefer (`start`) answers that begin with the words `prior_start`.

    log l(y) = 0 where the answer begins so, -1 elsewhere; `prior_weight` scales it. Capitals and
    the spaces before the first word do not count.
    """

    def logp(self, prompt: Prompt, answer: str, tokens: int) -> float:
        """Return log l(answer), nats: 0 or -1."""
        wanted = self.settings.prior_start.strip().lower()
        text = answer.lstrip().lower()  # may be longer: "İ" becomes an i and a mark above it
        begin, rest = text[: len(wanted)], text[len(wanted) :]
        is_cut = begin[-1:].isalnum() and _IN_WORD.match(rest)  # "No" in "Nobody"
        return 0.0 if begin == wanted and not is_cut else -1.0
