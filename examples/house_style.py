"""A teacher that is a program: it makes every answer British and formal: no contractions, no
exclamation marks, no comma before "and".

It reads one JSON object a line and answers each with one; that is all that a teacher has to do:

    selfteach corrections --prompts prompts.txt --teacher "cmd:python examples/house_style.py"
"""

import json
import re
import sys

BRITISH = {
    "color": "colour",
    "favorite": "favourite",
    "flavor": "flavour",
    "neighbor": "neighbour",
    "center": "centre",
    "gray": "grey",
}


CONTRACTIONS = {
    r"can't\b": "cannot",
    r"won't\b": "will not",
    r"n't\b": " not",
    r"'re\b": " are",
    r"'ll\b": " will",
    r"'ve\b": " have",
    r"'m\b": " am",
    r"\b(it|that|there|here|what)'s\b": r"\1 is",
    r"\b(let)'s\b": r"\1 us",
}


def apply_style(answer: str) -> str:
    """The answer in the house style."""
    answer = re.sub("|".join(BRITISH), lambda word: BRITISH[word.group()], answer)
    answer = answer.replace("\u2019", "'").replace("!", ".")
    for contraction, words in CONTRACTIONS.items():
        answer = re.sub(contraction, words, answer, flags=re.IGNORECASE)
    return answer.replace(", and ", " and ")


if __name__ == "__main__":
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps({"id": row["id"], "correction": apply_style(row["answer"])}))
