"""Serve a base and its lessons to OpenAI-compatible clients."""
