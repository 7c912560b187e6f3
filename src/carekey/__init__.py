"""CareKey: an open care identity service, an OpenID Provider that behaves as CIS2 does."""

__version__ = "0.1.0"
