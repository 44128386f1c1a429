"""The verbs behind nouns: people who ask about parking ask where to park."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.inflection import list_verb_forms


@pytest.mark.parametrize(
    ("noun", "forms"),
    [
        ("parking", {"park", "parks", "parked", "parking"}),
        ("delivery", {"deliver", "delivers", "delivered", "delivering"}),
        ("deliveries", {"deliver", "delivered"}),
        ("shipping", {"ship", "ships", "shipped"}),
        ("refunds", {"refund", "refunded", "refunding"}),
        ("payment", {"pay", "pays", "paying"}),
        ("Cancellations", {"cancel", "canceled", "cancelled", "cancelling"}),
        ("reservation", {"reserve", "reserved", "reserving"}),
        ("arrivals", {"arrive", "arrived"}),
    ],
)
def test_a_noun_has_the_forms_of_its_verb(noun: str, forms: set[str]) -> None:
    assert forms <= set(list_verb_forms(noun))


def test_a_short_stem_is_no_verb() -> None:
    assert {"th", "mo"}.isdisjoint([*list_verb_forms("thing"), *list_verb_forms("moment")])


@pytest.mark.parametrize("topic", ["opening hours", "check-in", "the station", ""])
def test_several_words_have_none(topic: str) -> None:
    assert list_verb_forms(topic) == []
