"""Emoji by their names: the pictures that "a heart or kiss emoji" means."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_BLOCKS = (
    range(0x2600, 0x27C0),
    range(0x1F1E6, 0x1F200),
    range(0x1F300, 0x1F650),
    range(0x1F680, 0x1F6D3),
)
_LATER_BLOCKS = (range(0x1F90D, 0x1FA00),)
"""Blocks that no newer version of Unicode adds to, so that a name means the same everywhere."""
_EMOJI_SET = r"\\p{Emoji_Presentation}\\uFE0F\\u2764\\u2665\\u263A\\u2639"
"""Emoji, and the hearts and faces that are emoji without a variation selector too."""
ANY_EMOJI = f'regex "[{_EMOJI_SET}]"'
"""The check that finds any emoji."""
_TYPED_SMILE = r"(?<![^\\s!?.])[:;]-?[)D](?!\\w)"
"""A smiley of punctuation marks, ":)" or ";-D", which stands apart: "ID:D12" has none."""
ANY_SMILEY = f'regex "[{_EMOJI_SET}]|{_TYPED_SMILE}"'
"""The check that finds any emoji, and a smiley of punctuation marks."""
_MEANT = {
    "smile": "SMIL|GRINNING",
    "smiling": "SMIL|GRINNING",
    "smiley": "SMIL|GRINNING",
    "happy": "SMIL|GRINNING|JOY|LAUGHING",
    "laugh": "LAUGHING|TEARS OF JOY",
    "laughing": "LAUGHING|TEARS OF JOY",
    "thumb": "THUMBS UP",
    "thumbs": "THUMBS UP",
    "fire": "FIRE$",
    "star": "STAR|SPARKLES",
    "party": "PARTY|CONFETTI|BALLOON",
    "baby": "^BABY$",
    "ball": "(?:SOCCER |TENNIS )BALL|BASEBALL|BASKETBALL|FOOTBALL|VOLLEYBALL",
    "balloon": "^BALLOON$",
    "bunny": "RABBIT",
    "cherry": "CHERRIES",
    "devil": "IMP$|WITH HORNS",
    "eyes": "^EYES$",
    "fish": "^FISH$|TROPICAL FISH|BLOWFISH",
    "flag": "(?<!LOWERED )(?<!RAISED )FLAG$|REGIONAL INDICATOR",
    "football": "FOOTBALL|SOCCER BALL",
    "gift": "WRAPPED PRESENT",
    "home": "HOUSE",
    "letter": "LOVE LETTER|ENVELOPE",
    "lightbulb": "LIGHT BULB",
    "moon": r"MOON\b(?! CAKE| VIEWING| LILITH)",
    "music": "MUSICAL",
    "poop": "PILE OF POO",
    "running": "RUNNER",
    "tea": "TEACUP|BUBBLE TEA|TEAPOT",
    "flower": "FLOWER|BLOSSOM|ROSE$|TULIP|HIBISCUS|BOUQUET",
    "sad": "CRYING|SAD|DISAPPOINTED|PENSIVE",
    "love": "HEART|LOVE|KISS",
    "wink": "WINKING",
    "hug": "HUGGING",
    "cake": "SHORTCAKE|CUPCAKE|BIRTHDAY CAKE",
    "car": "AUTOMOBILE|RACING CAR|RECREATIONAL VEHICLE",
    "cry": "CRYING",
    "clap": "CLAPPING",
    "wave": "WAVING HAND",
    "waving": "WAVING HAND",
    "food": "SLICE|BURGER|BREAD|CAKE|POT OF FOOD|COOKING|FRIES|APPLE|CHEESE",
    "sun": r"SUN\b|SUNRISE|SUNSET",
    "check": "CHECK",
    "checkmark": "CHECK",
    "praying": "FOLDED HANDS",
    "dinosaur": "SAUROPOD|T-REX",
    "dog": "(?<!HOT )DOG",
    "puppy": "(?<!HOT )DOG",
    "kitten": "CAT",
    "bee": "HONEYBEE",
    "coffee": "HOT BEVERAGE",
    "donut": "DOUGHNUT",
    "champagne": "BOTTLE WITH POPPING CORK|CLINKING GLASSES",
    "plane": "AIRPLANE",
    "bicycle": "(?<!NO )BICYCLE",
    "bike": "(?<!NO )BICYCLE",
    "boat": "SAILBOAT|SPEEDBOAT|ROWBOAT",
    "pumpkin": "JACK-O-LANTERN",
    "santa": "FATHER CHRISTMAS",
    "muscle": "FLEXED BICEPS",
    "laptop": "PERSONAL COMPUTER",
}
_SMILES = frozenset({"smile", "smiley", "smileys", "smilies"})
"""Names of what is also written as ":)"."""
_NO_NAMES = frozenset({"both", "either", "neither"})
"""Words before "emojis" that begin a choice: "both emojis and hashtags" means no "both hands"."""
_ANIMALS = (range(0x1F400, 0x1F440), range(0x1F980, 0x1F9AB))
EMOJI_CHAR = "[\u2600-\u27bf\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff]\ufe0f?"
"""A pattern of one picture."""
PICTURES = rf"(?:{EMOJI_CHAR}|\u200d)+"
"""A pattern of pictures that stand together."""


_FIRST_EMOJI = rf"(?:[{_EMOJI_SET}]|\\p{{Emoji}}\\uFE0F)"
"""An emoji from its first character on: the variation selector of "☀️" and "1️⃣" stands behind it."""
_ONE_EMOJI = (
    r"(?>[\\U0001F1E6-\\U0001F1FF]{2}|"
    rf"{_FIRST_EMOJI})(?:[\\uFE0F\\U0001F3FB-\\U0001F3FF]|\\u200D\\S)*+"
)
"""One emoji with what belongs to it: a skin color, the other members of a family, a flag's letters.
"""


def repeat_emoji(count: int) -> str:
    """Return the pattern of so many emoji, or more."""
    return f"(?:{_ONE_EMOJI}[^{_EMOJI_SET}]*){{{count}}}"


def begins_with_emoji(pattern: str) -> bool:
    """Return whether the matches of a pattern begin with any emoji: `repeat_emoji`, `ANY_EMOJI`."""
    begins = (f"(?:{_ONE_EMOJI}", f"[{_EMOJI_SET}]")
    return pattern.startswith(tuple(begin.replace("\\\\", "\\") for begin in begins))


@cache
def find_pictures(name: str) -> str:
    """Return the pictures of a name, in the order of their code points: "heart" -> "♡♥❣❤...".

    The result is "" for an unknown name.
    """
    word = re.sub(r"^(?:an?|the|red|pink|blue|some) ", "", name.lower().strip())
    if word in ("animal", "animals"):
        return "".join(chr(code) for block in _ANIMALS for code in block)
    word = word if word in _MEANT else word.removesuffix("s")
    if word in _NO_NAMES or not re.fullmatch("[a-z][a-z -]+", word):
        return ""
    form = _MEANT.get(word) or rf"{word.upper()}(?:S|ES|ING)?\b"
    meant = re.compile(rf"\b(?:{form})")
    blocks = (*_BLOCKS, *_LATER_BLOCKS)
    chars = [chr(code) for block in blocks for code in block]
    return "".join(char for char in chars if meant.search(unicodedata.name(char, "")))


def check_pictures(names: list[str], edge: str = "", least: int = 1) -> str | None:
    """Return the check of an answer with a picture of these names, or of any picture.

    Args:
        names: names or pictures; empty for any emoji.
        edge: "start" or "end", if the picture must stand there.
        least: so many pictures there must be.
    """
    found = f"[{_EMOJI_SET}]"
    if names:
        drawn = [re.sub("\ufe0f", "", name) for name in names]
        sets = [name if re.match(EMOJI_CHAR, name) else find_pictures(name) for name in drawn]
        if not all(sets):
            return None
        found = f"[{''.join(dict.fromkeys(''.join(sets)))}]"
        if not _SMILES.isdisjoint(names):
            found = f"(?:{found}|{_TYPED_SMILE})"
    if least > 1 and not names:
        found = repeat_emoji(least)
    elif least > 1:
        found = rf"(?:{found}[\\s\\S]*?){{{least}}}"
    if edge == "end":
        found += "\\\\uFE0F?\\\\s*$"
    elif edge == "start":
        found = "^\\\\s*" + (found if names or least > 1 else _FIRST_EMOJI)
    return f'regex "{found}"'
