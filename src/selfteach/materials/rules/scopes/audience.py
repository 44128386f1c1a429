"""Read who asks where a rule holds: they ask about other things, too."""

from __future__ import annotations

import re

from selfteach.materials.rules.inflection import list_plurals, to_singular

_CONDITION = r"(?:when|whenever|if|while|once|should|as soon as)"
_NO_MODIFIER = (
    rf"(?:{_CONDITION}|to|tell|remind|inform|for|with|from|and|or|let|give|ask|all|most|those|the|"
    r"an?|any|every|some|my|our|your|of)\b"
)
_DETERMINER = r"(?:(?:an?|the|any|every|some|my|our|your|one of (?:my|our|the)) )?"
_ASKS = (
    r"(?:asks?|asking|wonders?|wants? to|[ei]nquires?|complains?|mentions?|brings? up|wants?|"
    r"calls?|writes?|requests?|reports?|has lost|have lost)\b"
)
_WHO_ASKS = re.compile(
    rf"(?:(?:^|\b{_CONDITION} ){_DETERMINER}|\b(?=[a-z -]+ (?:who|that) ))"
    rf"(?P<who>(?:(?!{_NO_MODIFIER})[a-z-]+ )?(?!(?:who|that|{_NO_MODIFIER}))[a-z]+) "
    rf"(?:(?:who|that) )?{_ASKS}",
    re.I,
)
_ANYONE = re.compile(
    r"(?:.* )?(?:users?|persons?|people|some(?:one|body)|any(?:one|body)|every(?:one|body)|nobody|"
    r"one|whoever|I|you|we|they|he|she|it|questions?|requests?|messages?)",
    re.I,
)


def read_audience(rule: str) -> str:
    """Return who asks, in the plural; "" where a rule does not say it.

    "When a hotel guest asks about the wifi, ..." -> "hotel guests".
    """
    match = _WHO_ASKS.search(" ".join(rule.replace("’", "'").split()))
    who = match["who"].lower() if match else ""
    if not who or _ANYONE.fullmatch(who):
        return ""
    return list_plurals(who)[0] if to_singular(who) == who else who
