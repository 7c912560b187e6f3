"""The audit record: who did what, when, refusals included. Append-only."""
