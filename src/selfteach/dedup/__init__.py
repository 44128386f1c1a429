"""Texts that repeat one another: exact ROUGE-L overlap, from a handful of texts to millions."""
