"""A small ward application: a relying party of CareKey on Authlib's client, an independent library.

It knows of CareKey what its discovery document says, and nothing else.
"""
