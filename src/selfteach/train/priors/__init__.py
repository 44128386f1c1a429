"""Domain priors, by name in the registry."""
