"""The listeners that an installation may have."""

from enum import StrEnum


class Listener(StrEnum):
    MAIN = "main"
    CARD_HOST = "card-host"
    API_HOST = "api-host"


BESIDE = (Listener.CARD_HOST, Listener.API_HOST)
"""Those that ask for certificates."""
