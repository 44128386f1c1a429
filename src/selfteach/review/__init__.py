"""Let a person review and correct answers, in a local page or in the terminal.

A decision is on disk before it is shown as saved.
"""
