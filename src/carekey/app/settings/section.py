"""What every part of the settings is made of."""

import re
from collections.abc import Collection
from datetime import timedelta
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import msgspec


class SettingsError(Exception):
    """What is wrong with the settings, in one sentence that names the setting and the fix."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file."""


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_networks(path: str, ranges: list[str]) -> None:
    for text in ranges:
        try:
            ip_network(text)
        except ValueError as error:
            raise SettingsError(f"{path} holds {text!r}, which is not an address range: {error}.") from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(path: str, text: str) -> timedelta:
    """A duration such as `30m`. Raises: SettingsError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or match.group(1) == "0":
        raise SettingsError(f"{path} must be a number and s, m, h or d, such as 30m; it is {text!r}.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def origin_of(url: str) -> str:
    """As browsers write it: without the scheme's default port."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}[parts.scheme]
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if parts.port in {None, default} else f":{parts.port}")


def check_tls_host(
    section: str, url: str, *, example: str, own_tls: bool, proxied: bool, proxies: Collection[str], shared: bool
) -> None:
    """A listener that asks for certificates. `own_tls`: it has a certificate itself. `shared`: two processes can share
    the database. Raises: SettingsError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("*.")
    if parts.scheme != "https" or not host or "*" in host or parts.path or parts.query or parts.fragment:
        raise SettingsError(f"{section}.url must be an https origin without a path, such as {example}.")
    if not own_tls and not proxied:
        raise SettingsError(f"{section}.url needs {section}.certificate and {section}.private_key, or proxied = true.")
    if proxied and not proxies:
        raise SettingsError(f"{section}.proxied needs server.proxies: whose Client-Cert is to be believed?")
    if not shared:
        raise SettingsError(f"{section}.url needs a database that two processes can share: set database.url.")
