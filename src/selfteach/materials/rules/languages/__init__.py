"""Read rules in German, French, Spanish and Italian."""
