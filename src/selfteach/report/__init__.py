"""One self-contained page, the model card, the printed table: a run shown to people."""
