"""Makes cards where no national PKI does: a laboratory, a sandbox, an organisation with a PKI of its own.

`registration.py` decides what is made and for whom; `signing.py` signs what it is given, and nothing else.
"""
