"""Transaction confirmation as a service (UAF reference sections 7 and 22.4).

A person is asked to confirm a text on a phone that they registered. What was asked and what was signed is kept as
evidence, which can be verified years later without this installation.
"""
