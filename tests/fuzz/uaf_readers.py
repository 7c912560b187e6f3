"""What is fuzzed: the readers of what strangers send to the UAF server. Each refuses in its own words or reads; nothing else
may come out of it.

The first byte of an input picks the reader, the rest is what it reads.
"""

import json
from collections.abc import Callable, Mapping

from carekey.authenticators.uaf import (
    assertion,
    base64url,
    channel_binding,
    der,
    extensions,
    messages,
    metadata,
    statement,
    strict_json,
    tlv,
    transaction,
)
from carekey.authenticators.uaf.statement import MetadataError
from carekey.authenticators.uaf.status import UafError


def _tlv(data: bytes) -> None:
    element = tlv.read(data)
    assert element.raw == data
    assert b"".join(child.raw for child in element.children) in {element.value, b""}


def _registration(data: bytes) -> None:
    parsed = assertion.parse_registration(base64url.encode(data))
    assert parsed.signed in data
    extensions.methods(parsed.extensions)


def _authentication(data: bytes) -> None:
    parsed = assertion.parse_authentication(base64url.encode(data))
    assert parsed.signed in data
    extensions.methods(parsed.extensions)


def _json(data: bytes) -> None:
    value = strict_json.read(data)
    assert strict_json.read(json.dumps(value)) == value


def _response(data: bytes) -> None:
    response = messages.read_response(data.decode(errors="surrogateescape"))
    messages.read_final_challenge(response.fc_params)


def _final_challenge(data: bytes) -> None:
    params = messages.read_final_challenge(base64url.encode(data))
    channel_binding.check(channel_binding.Channel(), params.channel_binding)


def _envelope(data: bytes) -> None:
    messages.read_get_request(data)
    messages.read_send_response(data)


def _base64url(data: bytes) -> None:
    text = data.decode("latin-1")
    assert base64url.encode(base64url.decode(text)) == text.rstrip("=")


def _der(data: bytes) -> None:
    for tag, content in der.items(data):
        if tag == der.INTEGER:
            der.integer(content)


def _statement(data: bytes) -> None:
    value = strict_json.read(data)
    if not isinstance(value, dict):
        raise MetadataError("no object")
    statement.parse(value)


def _reports(data: bytes) -> None:
    value = strict_json.read(data)
    if not isinstance(value, list):
        raise MetadataError("no list")
    metadata.parse_reports(value)


def _png(data: bytes) -> None:
    transaction.characteristics(data)


READERS: Mapping[str, Callable[[bytes], None]] = {
    "tlv": _tlv,
    "registration": _registration,
    "authentication": _authentication,
    "json": _json,
    "response": _response,
    "final-challenge": _final_challenge,
    "envelope": _envelope,
    "base64url": _base64url,
    "der": _der,
    "statement": _statement,
    "reports": _reports,
    "png": _png,
}
_BY_NUMBER = tuple(READERS.values())


def read(data: bytes) -> bool:
    """Whether it was read; False if it was refused. Whatever else a reader does is raised."""
    if not data:
        return False
    try:
        _BY_NUMBER[data[0] % len(_BY_NUMBER)](data[1:])
    except (UafError, MetadataError):
        return False
    except ValueError as error:
        # The readers of DER and PNG refuse so; UnicodeError is one too, and would be a crash.
        if type(error) is not ValueError:
            raise
        return False
    return True
