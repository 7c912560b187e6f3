"""Mutual TLS: clients that show a certificate, and tokens bound to it (RFC 8705)."""
