"""Count the syntax nodes of the package: a size that no formatting changes.

python tools/count_nodes.py [FOLDER]
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path


def count_nodes(folder: Path) -> int:
    """Return the number of nodes that `ast.walk` visits in all Python files below a folder."""
    total = 0
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        total += sum(1 for _ in ast.walk(tree))
    return total


if __name__ == "__main__":
    print(f"{count_nodes(Path(sys.argv[1] if len(sys.argv) > 1 else 'src')):,}")
