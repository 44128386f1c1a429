"""How much several answers to one question agree: the one that has most in common with the others
is the surest.

Source: minimum Bayes risk (Kumar and Byrne, NAACL 2004) with ROUGE-L F1 as the gain; training on
the answers so chosen: Wu et al. (arXiv
2410.02902). Departs: where even the best one has little in common with the others, the model does
not know, and nothing is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.dedup.overlap import OverlapIndex


def score_agreement(texts: Sequence[str]) -> list[float]:
    """For each text its mean ROUGE-L F1 to the others, in [0, 1]; a text alone agrees with itself."""
    if len(texts) < 2:
        return [1.0] * len(texts)
    among = OverlapIndex(texts).matrix(texts)
    return [float((row.sum() - row[i]) / (len(texts) - 1)) for i, row in enumerate(among)]
