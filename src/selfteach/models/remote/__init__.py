"""Models that answer elsewhere: OpenAI-compatible servers, and programs of the user's own."""
