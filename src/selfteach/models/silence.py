"""Loading without progress bars and advice of other libraries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Hide progress bars and warnings of transformers and huggingface_hub inside the block.

    Errors still raise. What was hidden before stays so.
    """
    import transformers
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logging = transformers.utils.logging
    level = logging.get_verbosity()
    has_bars, has_hub_bars = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if has_hub_bars:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if has_hub_bars:
            enable_progress_bars()
        if has_bars:
            logging.enable_progress_bar()
        logging.set_verbosity(level)
