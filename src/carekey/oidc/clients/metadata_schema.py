"""The members of registration metadata as a JSON Schema (2020-12): what `metadata.parse` asks for, noted as it asks."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from carekey.kernel.ids import ClientId
from carekey.oidc.clients.metadata import POLICY, InvalidMetadata, parse
from carekey.oidc.clients.reading import Reader
from carekey.oidc.model import Issuer

T = TypeVar("T")

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "a text of 1 to 2,000 characters": {"type": "string", "minLength": 1, "maxLength": 2000},
    "true or false": {"type": "boolean"},
    "a list of texts": {"type": "array", "items": {"type": "string"}},
    "a number of seconds": {"type": "integer", "minimum": 0},
    "1, 2 or 3": {"type": "integer", "minimum": 1, "maximum": 3},
    "a JWK Set": {"type": "object"},
}
"""By the words in which a value of another kind is refused."""


class Noting(Reader):
    """Notes every member that it is asked for."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        super().__init__(metadata)
        self.members: dict[str, dict[str, Any]] = {}

    def take(self, field: str, default: T, what: str, sound: Callable[[Any], bool]) -> T:
        self.members.setdefault(field, dict(_KINDS.get(what, {"type": "object"})))
        return super().take(field, default, what, sound)

    def choice(self, field: str, default: str, allowed: Collection[str]) -> str:
        value = super().choice(field, default, allowed)
        self.members[field] = {"enum": sorted(allowed), "default": default}
        return value

    def choice_or_none(self, field: str, allowed: Collection[str]) -> str | None:
        value = super().choice_or_none(field, allowed)
        self.members[field] = {"enum": sorted(allowed)}
        return value

    def address(self, field: str, *, plain: bool) -> str | None:
        value = super().address(field, plain=plain)
        self.members[field] = {"type": "string", "format": "uri"}
        return value


def members(issuer: Issuer, now: datetime, defaults: Mapping[str, Any] = {}) -> dict[str, dict[str, Any]]:
    """What a client of this issuer may register by itself, in the order of `parse`; a choice that is empty is left out.
    `defaults`: those that are not registration's own."""
    noting = Noting({"jwks_uri_signing_algorithm": ""})  # a name of CIS2's, looked at if it is there
    with suppress(InvalidMetadata):  # nothing was given: what was asked for is all that counts
        parse({}, id=ClientId(""), issuer=issuer, now=now, read=noting)
    return {
        name: {**kind, **({"default": defaults[name]} if name in defaults else {})}
        for name, kind in noting.members.items()
        if name not in POLICY and kind.get("enum") != []
    }
