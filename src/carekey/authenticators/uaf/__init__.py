"""FIDO UAF 1.0, 1.1 and 1.2, the server's part, as pure functions: see README.md.

Section numbers in this package are those of docs/specs/fido-uaf.md.
"""
