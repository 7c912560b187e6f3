"""Smartcards: a certificate and its PIN, proven by the TLS client authentication of an ordinary browser.

The pure half decides: `path.py` whose card it is, `revocation.py` whether it still counts, `ceremony.py` whether it
logs somebody in. `authority/` makes cards where no national PKI does.
"""
