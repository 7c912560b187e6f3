"""Reading the parameters of an OAuth request."""

from collections.abc import Iterable

from carekey.oidc.errors import InvalidRequest, Reason
from carekey.web.fields import Fields


def check_once(fields: Fields, names: Iterable[str]) -> None:
    """None of these may come twice; what we do not know is nobody's business (RFC 6749 section 3.2).

    Raises: InvalidRequest.
    """
    repeated = fields.repeated().intersection(names)
    if repeated:
        raise InvalidRequest(f"{min(repeated)} is repeated", reason=Reason.REPEATED_PARAMETER)
