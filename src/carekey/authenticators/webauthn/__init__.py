"""Passkeys and security keys (WebAuthn level 3). User verification is always required.

`ceremony.py` and `enrol.py` are the two pairs of begin and finish; `attestation.py`, `metadata.py` and `levels.py`
judge what an authenticator is and what it is worth; the `…http.py` and `exchange.py` alone know the web.
"""
