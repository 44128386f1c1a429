"""Loading without chatter: progress bars and advice of the libraries below us do not belong in our
output.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Inside, transformers and huggingface_hub show no progress bars and no warnings; errors still
    raise.
    """
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    logging = transformers.utils.logging
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        enable_progress_bars()
        logging.enable_progress_bar()
        logging.set_verbosity(level)
