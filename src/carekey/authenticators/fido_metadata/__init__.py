"""BLOBs of a FIDO metadata service while CareKey runs: fetched, kept, shared by the nodes, and taken up without a restart.

What a BLOB says is for those who read it: `uaf/mds.py` and `webauthn/metadata.py`, each for its own models.
"""
