"""Training on examples that exist already: `selfteach train`."""
