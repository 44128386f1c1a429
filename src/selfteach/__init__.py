"""Selfteach: turn what a person can say to a language model into weights."""

__version__ = "0.1.0"
