"""Read what a rule demands of an answer, and the check that tells whether it is met."""
