"""What every part of the settings is made of."""

import re
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
