"""Readers of what a person brings: the rule, and the check that its form suggests."""
