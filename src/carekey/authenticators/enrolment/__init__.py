"""Adding a way to log in by a one-time link (ux.md B11).

An operator or registration authority makes the link; the person opens it, says that it is them, and registers.
What is registered, and how, is the authenticators' business.
"""
