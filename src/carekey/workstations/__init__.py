"""Workstations whose companion (`companion/carekey_agent.py`) tells when a smartcard leaves the reader.

What a companion says can end or lock sessions, never begin or unlock one. docs/adr/0004-card-removal.md has the threats.
"""
