"""The token endpoint: shared phases, and a module per grant."""
