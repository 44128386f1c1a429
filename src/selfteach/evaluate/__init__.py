"""The exam: target score, side effects, sanity and drift, always next to the base and the prompted
base.
"""
