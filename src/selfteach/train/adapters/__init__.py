"""Adapters: the parameters that may change."""
