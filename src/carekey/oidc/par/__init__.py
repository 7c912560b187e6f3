"""The pushed authorization request endpoint (RFC 9126)."""
