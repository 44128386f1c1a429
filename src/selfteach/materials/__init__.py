"""Readers of what a person brings: rules, corrections, documents, tasks and examples."""
