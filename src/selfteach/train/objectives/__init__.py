"""Objectives: losses as pure functions of log-probabilities."""
