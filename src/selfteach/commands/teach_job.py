"""One command in the background, at the lowest priority, for as long as its parent lives.

python -P -m selfteach.commands.teach_job feedback RULE --student NAME ...
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

LOWEST = 19
PATIENCE_S = 60.0


def main() -> None:
    """Run the command line; a parent that ends stops it, and everything recorded is kept."""
    with suppress(AttributeError, OSError):  # Windows has no such priorities
        os.nice(LOWEST)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    from selfteach import cli

    cli.main()


def _stop_with_parent() -> None:
    while os.read(0, 1):  # empty at the end of the parent's pipe
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os._exit(130)


if __name__ == "__main__":
    main()
