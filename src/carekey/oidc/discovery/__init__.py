"""The discovery document and the key set."""
