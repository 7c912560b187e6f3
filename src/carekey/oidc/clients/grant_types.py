"""The grant types that clients can register, by their names on the wire."""

CIBA = "urn:openid:params:grant-type:ciba"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

WITH_CREDENTIALS = frozenset(
    {
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        CIBA,
    }
)
"""Not for public clients."""
GRANT_TYPES = WITH_CREDENTIALS | {"authorization_code", "refresh_token", DEVICE}
