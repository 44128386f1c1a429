"""Read to which requests a rule applies."""
