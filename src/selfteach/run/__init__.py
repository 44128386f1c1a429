"""The run folder: ledger, manifest, lock, stages, resume. Imports no room."""
