"""Telling a client to forget keys (section 17). The server has forgotten them first; no answer comes."""

from collections.abc import Iterable

from carekey.authenticators.uaf import base64url
from carekey.authenticators.uaf.messages import (
    UAF_1_0,
    UAF_1_1,
    DeregisterAuthenticator,
    DeregistrationRequest,
    OperationHeader,
    Version,
    write,
)


def keys(app_id: str, pairs: Iterable[tuple[str, bytes]], *, version: Version = UAF_1_1) -> str:
    """These (AAID, KeyID) pairs. Raises: ValueError if there are none."""
    return _request(
        app_id,
        version,
        [DeregisterAuthenticator(aaid=aaid, key_id=base64url.encode(key_id)) for aaid, key_id in pairs],
    )


def whole_model(app_id: str, aaid: str, pairs: Iterable[tuple[str, bytes]], *, version: Version = UAF_1_1) -> str:
    """All keys of a model. A 1.0 client knows pairs only and gets those of `pairs` that are of the model.

    Raises: ValueError if there are none.
    """
    if version == UAF_1_0:
        return keys(app_id, [pair for pair in pairs if pair[0].upper() == aaid.upper()], version=version)
    return _request(app_id, version, [DeregisterAuthenticator(aaid=aaid, key_id="")])


def everything(app_id: str, pairs: Iterable[tuple[str, bytes]], *, version: Version = UAF_1_1) -> str:
    """All keys of the AppID. A 1.0 client knows pairs only and gets `pairs`. Raises: ValueError if there are none."""
    if version == UAF_1_0:
        return keys(app_id, pairs, version=version)
    return _request(app_id, version, [DeregisterAuthenticator(aaid="", key_id="")])


def _request(app_id: str, version: Version, authenticators: list[DeregisterAuthenticator]) -> str:
    return write(
        DeregistrationRequest(
            header=OperationHeader(upv=version, op="Dereg", app_id=app_id), authenticators=tuple(authenticators)
        )
    )
