"""Name the keys and values of earlier positions as the installed transformers does."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

OLD_KEYWORD = "past_key_values"
NEW_KEYWORD = "cache"
"""The name since transformers 5.24. Release 5.40 takes the old one no longer."""


@functools.cache
def get_cache_keyword() -> str:
    """Return the name of the argument, and of the output's field, that holds the cache."""
    from transformers.modeling_outputs import BaseModelOutputWithPast

    names = {field.name for field in fields(BaseModelOutputWithPast)}
    return NEW_KEYWORD if NEW_KEYWORD in names else OLD_KEYWORD


def pass_cache(cache: Any) -> dict[str, Any]:
    """Return the keyword argument that hands a cache to a model; with None it starts without."""
    return {get_cache_keyword(): cache}


def get_cache(output: Any) -> Any:
    """Return the cache of a model's output, or None if it has none."""
    return getattr(output, get_cache_keyword(), None)
