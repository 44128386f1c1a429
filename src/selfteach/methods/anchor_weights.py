"""The weights of anchors in the loss, beside objectives of weight 1."""

from __future__ import annotations

ANCHOR_WEIGHT = 8.0
"""The first token decides whether the model does what it was taught. An anchor has up to 48 tokens,
so its first token is only 1/48 of its mean loss.
"""
HIGH_ANCHOR_WEIGHT = 16.0
"""For what spreads further. A rule with a condition needs it, and so does a forbidden text:
needless declines fall by half, and unlikelihood keeps the text away all the same
(docs/log/2026-11-rules.md). After a criticism about length other answers soon stop early too.
"""
