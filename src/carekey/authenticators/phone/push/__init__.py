"""Telling a phone that something waits for its person (RFC 8030, RFC 8291, RFC 8292). Off unless configured."""
