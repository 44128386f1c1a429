"""Apply a house style to texts: British spelling, no exclamation marks, no contractions, no comma
before "and".

    selfteach corrections --prompts bench/prompts/everyday.txt --teacher "cmd:python bench/style.py"

It reads {"id", "answer"} and writes {"id", "correction"}, one JSON object a line.
"""

import json
import re
import sys

SPELLING = """color colour, colors colours, colorful colourful, favorite favourite, flavor
flavour, flavors flavours, neighbor neighbour, neighbors neighbours, neighborhood neighbourhood,
behavior behaviour, honor honour, center centre, centers centres, theater theatre, traveler
traveller, travelers travellers, traveling travelling, organize organise, organized organised,
recognize recognise, recognized recognised, realize realise, realized realised, gray grey, fiber
fibre, liter litre, meter metre, meters metres, harbor harbour, labor labour, humor humour,
analyze analyse, program programme, mom mum, aging ageing, odor odour, vapor vapour, savory
savoury, don't do not, doesn't does not, isn't is not, it's it is, you're you are, you'll you
will, i'm i am, i've i have, can't cannot, won't will not, that's that is, there's there is,
they're they are, we're we are, let's let us, aren't are not, wasn't was not, didn't did not, i'll
i will, what's what is, i'd i would, you've you have, here's here is"""
WORDS = dict(entry.split(maxsplit=1) for entry in SPELLING.replace("\n", " ").split(", "))


def apply_style(text: str) -> str:
    """Return the text in the house style."""

    def replace_word(found: re.Match[str]) -> str:
        other = WORDS.get(found.group().lower())
        if other is None:
            return found.group()
        return other[0].upper() + other[1:] if found.group()[0].isupper() else other

    text = re.sub(r"[A-Za-z]+(?:'[a-z]+)?", replace_word, text.replace("\u2019", "'"))
    return re.sub(r",(?= and\b)", "", text.replace("!", "."))


if __name__ == "__main__":
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps({"id": row["id"], "correction": apply_style(row["answer"])}))
