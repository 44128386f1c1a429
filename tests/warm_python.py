"""Stand in for the interpreter of a worker of pytest-xdist: `warm_python.py ADDRESS -u -c CODE`.

The forking process of warm.py, which has torch and selfteach loaded, runs the program with the
files of this one. A fresh interpreter for each worker would load them again: ten seconds of
processor time.
"""

from __future__ import annotations

import sys

from warm import describe_program, send_request


def main(address: str, *arguments: str) -> int:
    """Run a program to its end; return its exit code."""
    with send_request(address, describe_program(arguments), (0, 1, 2)) as link:
        link.recv(32)
        return int(link.recv(32))


if __name__ == "__main__":
    _, *given = sys.argv
    sys.exit(main(*(word for word in given if word != "-u")))
