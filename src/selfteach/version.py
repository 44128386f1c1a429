"""The version of the program, which a run writes into its manifest."""

VERSION = "0.1.0"
