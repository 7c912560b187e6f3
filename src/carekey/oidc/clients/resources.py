"""Which APIs a client calls, which it is, and whose tokens it may exchange (RFC 8707, RFC 7662, RFC 8693)."""

from typing import Any

from carekey.oidc.clients.reading import Reader, is_text
from carekey.oidc.model import ActingAs, Issuer


def read_resources(read: Reader, field: str, issuer: Issuer) -> frozenset[str]:
    for uri in (named := read.texts(field)):
        if uri not in issuer.resources:
            read.refuse(field, f"has {uri!r}, which the settings of this issuer do not name")
    return frozenset(named)


def exchange_from(read: Reader) -> dict[str, ActingAs]:
    """From client ids to what the tokens then say (RFC 8693 section 1.1)."""
    modes = {mode.value for mode in ActingAs}
    given: dict[str, Any] = read.take(
        "token_exchange_from",
        {},
        f"an object from client ids to {' or '.join(sorted(modes))}",
        lambda value: (
            isinstance(value, dict)
            and all(is_text(id) and is_text(mode) and mode in modes for id, mode in value.items())
        ),
    )
    return {id: ActingAs(mode) for id, mode in given.items()}
