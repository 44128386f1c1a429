"""L2 to the base: a penalty on the distance of the weights from the base's.

    L = lambda / 2 * sum over layers |W - W0|^2

Source: L2-SP (Xuhong et al. 2018, arXiv 1802.01483), with the base as the starting point and
without a decay of new parameters.
Departs: the penalty of a low-rank change s B A is on the product, not on A and B, because A alone
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from selfteach.train.distributed import gather_shards

WeightChange = tuple[Tensor] | tuple[Tensor, Tensor]
"""W - W0 of a layer: the matrix, or B (out, r) and A (r, in) with this product; of fused experts B
(E, out, r) and A (E, r, in)."""


def squared_norm(change: WeightChange) -> Tensor:
    """Return |W - W0|^2, a scalar; of a product without forming it: |B A|^2 = tr(B^T B A A^T)."""
    if len(change) == 1:
        return change[0].square().sum()
    b, a = change
    return ((b.mT @ b) * (a @ a.mT)).sum()


def add_l2_gradient(changes: Iterable[WeightChange], weight: float) -> float:
    """Add the penalty's gradient to the parameters', layer by layer, so that no graph of all layers
    is kept. Return half the squares.
    """
    total = 0.0
    for change in changes:
        half = squared_norm(change) / 2
        (weight * half).backward()  # type: ignore[no-untyped-call]
        total += float(gather_shards(half.detach()))
    return total
