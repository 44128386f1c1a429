"""What is said about the number of sentences before a run of `documents` costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfteach.config import DocumentsConfig as Settings
from selfteach.materials.documents.material import Documents
from selfteach.methods.documents.read_documents import count_sentences
from selfteach.models import Sampler
from selfteach.models.kept_engine import UnloadedModel, count_model_weights
from selfteach.records import JsonObject

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel

SMALL_MODEL_WEIGHTS = 300_000_000
"""The figures below are of a model with 135 million weights."""
HELD_SENTENCES = 100
"""With three epochs of rank 16, 82 sentences (16 passages) cost .029 nats of drift and 7 % of what
was known; 48 passages .028 nats and 24 % (m1 and p48 in docs/results.md and docs/log/). With LoRA
on the upper half of the layers 48 others cost .063 nats. Six epochs of rank 32, the default, cost
16 passages .026 nats and 17 %; 48 were not measured with it.
"""


def describe_size(
    base: HfModel | UnloadedModel,
    sampler: Sampler,
    material: Documents,
    config: Settings,
    *,
    verbose: bool,
) -> JsonObject:
    """Return the doubt about the number of sentences, for `--dry-run`; nothing where there is
    none.
    """
    doubt = doubt_size(count_sentences(material), count_model_weights(base))
    return {"doubt": doubt} if doubt else {}


def doubt_size(sentences: int, num_weights: int) -> str:
    """Return why so many sentences may do harm to a model of this size, or ""."""
    if sentences <= HELD_SENTENCES or not 0 < num_weights <= SMALL_MODEL_WEIGHTS:
        return ""
    return (
        f"{sentences} sentences are many for {num_weights / 1e6:.0f} million weights: the drift "
        "stayed below 0.03 nats with LoRA on all layers, but with 80 of them 17 % of what was "
        "known was lost, and with three times as many 24 % in half the epochs; teach fewer "
        "documents, or a larger model"
    )
