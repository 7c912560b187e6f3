"""Token introspection (RFC 7662, RFC 9701)."""
