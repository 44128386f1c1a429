"""Agreement of several answers to one question: the one with most in common is the surest.

Source: minimum Bayes risk (Kumar and Byrne, NAACL 2004) with ROUGE-L F1 as the gain; training on
the answers so chosen: Wu et al. (arXiv 2410.02902). Departs: if even the best answer has little in
common with the others, the model does not know, and no answer is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfteach.dedup.overlap import OverlapIndex


def score_agreement(texts: Sequence[str]) -> list[float]:
    """Return the mean ROUGE-L F1 of each text to the others, in [0, 1]; 1 for a single text.

    Equal texts agree, also where they have no words ("!").
    """
    if len(texts) < 2:
        return [1.0] * len(texts)
    named = np.array(texts, dtype=object)
    equal = named[:, None] == named[None, :]
    among = np.maximum(OverlapIndex(texts).matrix(texts), equal)
    return [float((row.sum() - row[i]) / (len(texts) - 1)) for i, row in enumerate(among)]
