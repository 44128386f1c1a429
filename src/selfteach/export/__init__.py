"""Models in the form that other programs load."""
