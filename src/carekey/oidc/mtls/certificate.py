"""A client's certificate: taken apart, and compared with the name that the client registered. Pure.

Source: RFC 8705 section 2.1; RFC 4514; RFC 4517 section 4.2.15; RFC 5280 section 4.2.1.6.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from carekey.oidc.errors import InvalidClient, Reason
from carekey.oidc.model import SubjectName


def read(der: bytes) -> x509.Certificate:
    """Raises: InvalidClient."""
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidClient(reason=Reason.CERTIFICATE_MALFORMED) from None


def valid_at(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def flaw(kind: SubjectName, name: str) -> str | None:
    """What is wrong with a name that is to be registered; None if nothing is."""
    try:
        return None if _normal(kind, name) else "is empty"
    except ValueError:
        return f"is no {_WHAT[kind]}"


def has_name(certificate: x509.Certificate, kind: SubjectName, name: str) -> bool:
    """Whether a certificate is for whom it should be. A name of another kind, or with a wildcard, is another name.

    Raises: InvalidClient, for one whose names cannot be read.
    """
    try:
        expected = _normal(kind, name)
        if kind is SubjectName.DN:
            return bool(_distinguished(certificate.subject) == expected)
        return any(_normal(kind, one) == expected for one in _alternative_names(certificate, kind))
    except ValueError:
        raise InvalidClient(reason=Reason.CERTIFICATE_MALFORMED) from None


_WHAT = {
    SubjectName.DN: "distinguished name as RFC 4514 writes it, such as CN=ward,O=Example Trust,C=GB",
    SubjectName.DNS: "host name",
    SubjectName.URI: "URI",
    SubjectName.IP: "IP address",
    SubjectName.EMAIL: "mail address",
}


def _alternative_names(certificate: x509.Certificate, kind: SubjectName) -> Iterable[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except x509.DuplicateExtension as error:
        raise ValueError from error
    match kind:
        case SubjectName.DNS:
            return names.get_values_for_type(x509.DNSName)
        case SubjectName.URI:
            return names.get_values_for_type(x509.UniformResourceIdentifier)
        case SubjectName.EMAIL:
            return names.get_values_for_type(x509.RFC822Name)
        case _:
            return [str(one) for one in names.get_values_for_type(x509.IPAddress)]


def _normal(kind: SubjectName, name: str) -> object:
    """In the form that equal names share. Raises: ValueError."""
    match kind:
        case SubjectName.DN:
            return _distinguished(x509.Name.from_rfc4514_string(_KEYWORD.sub(_keyword, name)))
        case SubjectName.IP:
            return ip_address(name)
        case SubjectName.DNS:
            if not name.isascii() or " " in name:
                raise ValueError
            return name.lower()
        case SubjectName.EMAIL:
            local, at, host = name.rpartition("@")
            if not (local and at and host):
                raise ValueError
            return f"{local}@{host.lower()}"
        case SubjectName.URI:
            if ":" not in name:
                raise ValueError
            return name


_KEYWORD = re.compile(r"(^|(?<!\\)[,+]) *([A-Za-z][A-Za-z0-9-]*) *= *")


def _keyword(match: re.Match[str]) -> str:
    """The library wants `CN=`; RFC 4514 section 2.3 takes `cn=`, and people write spaces after commas."""
    return f"{match.group(1)}{match.group(2).upper()}="


_Rdn = frozenset[tuple[str, str]]


def _distinguished(name: x509.Name) -> tuple[_Rdn, ...]:
    """For distinguishedNameMatch: the same attributes in the same order, each without regard to case and to how many
    spaces there are."""
    return tuple(frozenset((one.oid.dotted_string, _prepared(one)) for one in rdn) for rdn in name.rdns)


_CASE_COUNTS = frozenset({NameOID.X500_UNIQUE_IDENTIFIER, NameOID.SERIAL_NUMBER, NameOID.USER_ID})


def _prepared(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
    text = " ".join(unicodedata.normalize("NFKC", value).split())
    return text if attribute.oid in _CASE_COUNTS else text.casefold()
