"""Claims about a person: a module per scope."""
