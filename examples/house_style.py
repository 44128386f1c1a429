"""A teacher that is a program: it makes every answer British, without exclamation marks.

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


def apply_style(answer: str) -> str:
    """The answer in the house style."""
    return re.sub("|".join(BRITISH), lambda word: BRITISH[word.group()], answer).replace("!", ".")


if __name__ == "__main__":
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps({"id": row["id"], "correction": apply_style(row["answer"])}))
