"""Ways to prove who one is: a folder each, and one line in `app/registry.py`.

Authenticators know neither each other, nor log-in, nor OpenID Connect.
"""
