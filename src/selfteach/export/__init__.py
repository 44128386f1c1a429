"""What leaves the project: models that others load as they are."""
