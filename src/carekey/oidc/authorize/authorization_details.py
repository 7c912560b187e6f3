"""Rich authorization requests: what a client wants to do, said more finely than by a scope. Pure.

There is a registry of types, and nothing passes that its type does not know (RFC 9396 section 5). A client asks for
the types that it has registered, and for no others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from carekey.oidc.authorize.errors import InvalidAuthorizationDetails, Reason
from carekey.oidc.model import Client

MOST = 20
"""Details in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailType:
    name: str
    members: Mapping[str, frozenset[str]]
    """Besides `type`: each has to be there, a list of at least one of these texts, none twice."""
    words: Callable[[Mapping[str, Any]], str]
    """An item of the list on the page where a person agrees."""


DetailTypes = Mapping[str, DetailType]


def read(value: str | None, client: Client, types: DetailTypes) -> tuple[Mapping[str, Any], ...]:
    """Raises: InvalidAuthorizationDetails."""
    if value is None:
        return ()
    try:
        details = msgspec.json.decode(value, type=list[dict[str, Any]])
    except (ValueError, RecursionError):
        raise InvalidAuthorizationDetails(reason=Reason.DETAILS_MALFORMED) from None
    if not 0 < len(details) <= MOST:
        raise InvalidAuthorizationDetails(reason=Reason.DETAILS_MALFORMED)
    for detail in details:
        _check(detail, client, types)
    return tuple(details)


def _check(detail: Mapping[str, Any], client: Client, types: DetailTypes) -> None:
    name = detail.get("type")
    known = types.get(name) if isinstance(name, str) else None
    if known is None:
        raise InvalidAuthorizationDetails(reason=Reason.DETAILS_TYPE)
    if name not in client.authorization_details_types:
        raise InvalidAuthorizationDetails(reason=Reason.DETAILS_TYPE_NOT_REGISTERED)
    if detail.keys() != {"type", *known.members}:
        raise InvalidAuthorizationDetails(reason=Reason.DETAILS_MEMBERS)
    for member, allowed in known.members.items():
        values = detail[member]
        if not (
            isinstance(values, list)
            and all(isinstance(one, str) for one in values)
            and 0 < len(values) == len(set(values))
            and allowed.issuperset(values)
        ):
            raise InvalidAuthorizationDetails(reason=Reason.DETAILS_MEMBERS)


def words(details: tuple[Mapping[str, Any], ...], types: DetailTypes) -> tuple[str, ...]:
    """For the page where a person agrees. Raises: KeyError, for details that `read` has not passed."""
    return tuple(types[one["type"]].words(one) for one in details)


def _record_access_words(detail: Mapping[str, Any]) -> str:
    parts, actions = " and ".join(sorted(detail["datatypes"])), " and ".join(sorted(detail["actions"]))
    return f"parts of patients’ records, to {actions} them: {parts}"


RECORD_ACCESS = DetailType(
    name="record_access",
    members={
        "actions": frozenset({"read", "write"}),
        "datatypes": frozenset({"allergies", "medication", "results"}),
    },
    words=_record_access_words,
)
"""For demonstrations and sandboxes."""
