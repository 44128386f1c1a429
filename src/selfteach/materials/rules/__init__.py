"""Read a rule in plain words: its scope, its effect and its exceptions."""
