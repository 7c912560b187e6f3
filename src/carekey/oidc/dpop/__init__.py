"""Demonstrating proof of possession: tokens bound to a key of the client's (RFC 9449)."""
